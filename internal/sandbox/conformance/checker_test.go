package conformance

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// TestCheckerFinds holds the checker to what it is for: each answer has one
// thing wrong.
func TestCheckerFinds(t *testing.T) {
	m := models(t)
	for _, c := range []struct{ name, svc, op, body, want string }{
		{"nothing", "ecs", "DescribeClusters", `{"clusters":[{"clusterName":"c","runningTasksCount":1}],"failures":[]}`, ""},
		{"unknown member", "ecs", "DescribeClusters", `{"clusters":[{"name":"c"}]}`, "Cluster has no member name"},
		{"type", "ecs", "DescribeClusters", `{"clusters":[{"runningTasksCount":"1"}]}`, "is a whole number"},
		{"null", "ecs", "DescribeClusters", `{"clusters":null}`, "is a list"},
		{"enumeration", "ecs", "DescribeTasks", `{"tasks":[{"launchType":"fargate"}]}`, "is none of LaunchType"},
		{"milliseconds", "ecs", "DescribeTasks", `{"tasks":[{"createdAt":1700000000000}]}`, "not seconds since 1970"},
		{"required", "application-autoscaling", "DescribeScalableTargets", `{"ScalableTargets":[{"ServiceNamespace":"ecs"}]}`, "lacks ResourceId"},
		{"no JSON", "ecs", "DescribeClusters", `<a/>`, "does not decode"},
		{"nothing in XML", "iam", "ListRoleTags", `<ListRoleTagsResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListRoleTagsResult><Tags><member><Key>a</Key><Value>b</Value></member></Tags><IsTruncated>false</IsTruncated></ListRoleTagsResult><ResponseMetadata><RequestId>x</RequestId></ResponseMetadata></ListRoleTagsResponse>`, ""},
		{"entry's name", "iam", "ListRoleTags", `<ListRoleTagsResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListRoleTagsResult><Tags><item><Key>a</Key><Value>b</Value></item></Tags></ListRoleTagsResult><ResponseMetadata><RequestId>x</RequestId></ResponseMetadata></ListRoleTagsResponse>`, "called item, not member"},
		{"twice", "ec2", "CreateSecurityGroup", `<CreateSecurityGroupResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>x</requestId><groupId>a</groupId><groupId>b</groupId></CreateSecurityGroupResponse>`, "there twice"},
		{"capital letter", "ec2", "CreateSecurityGroup", `<CreateSecurityGroupResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>x</requestId><GroupId>a</GroupId></CreateSecurityGroupResponse>`, "has no member GroupId"},
		{"namespace", "ec2", "CreateSecurityGroup", `<CreateSecurityGroupResponse xmlns="http://example.com/"><requestId>x</requestId></CreateSecurityGroupResponse>`, "of http://example.com/"},
		{"no request id", "ec2", "CreateSecurityGroup", `<CreateSecurityGroupResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"></CreateSecurityGroupResponse>`, "no requestId"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ch := &checker{service: m.Services[c.svc], seen: map[string]bool{}}
			res := &http.Response{StatusCode: 200, Header: http.Header{}}
			if p := ch.Metadata.Protocol; p == "json" {
				ch.fromTree(c.op, res, []byte(c.body), p)
			} else {
				ch.fromXML(c.op, res, []byte(c.body), p)
			}
			got := strings.Join(ch.problems, "; ")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
	ch := &checker{service: m.Services["ecs"], seen: map[string]bool{}}
	ch.error("DescribeServices", "NoSuchCode", 400)
	ch.error("DescribeServices", "ClusterNotFoundException", 404)
	if len(ch.problems) != 2 {
		t.Errorf("an unknown code and a wrong status: %v", ch.problems)
	}
}

// FuzzChecker finds that no answer, however broken, makes the checker fail.
func FuzzChecker(f *testing.F) {
	m := models(f)
	f.Add([]byte(`{"clusters":[{"clusterName":1,"settings":[{}]}]}`), true)
	f.Add([]byte(`<A><requestId/><b><c/></b></A>`), false)
	f.Fuzz(func(t *testing.T, body []byte, isJSON bool) {
		if isJSON {
			ch := &checker{service: m.Services["ecs"], seen: map[string]bool{}}
			d := json.NewDecoder(bytes.NewReader(body))
			d.UseNumber()
			var tree any
			if d.Decode(&tree) == nil {
				ch.value(tree, *ch.Operations["DescribeClusters"].Output, "")
			}
			return
		}
		ch := &checker{service: m.Services["ec2"], seen: map[string]bool{}}
		ch.fromXML("DescribeVpcs", &http.Response{StatusCode: 200}, body, "ec2")
	})
}
