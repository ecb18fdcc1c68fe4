package wire

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"workshop/internal/sandbox/model"
)

// TestCheck has the texts of AWS's services, as moto has them for IAM, Logs, ELB and
// Auto Scaling. For ECS's codes and for EC2's parameters without a text that is known
// they are ours.
func TestCheck(t *testing.T) {
	const (
		one  = "1 validation error detected: "
		tags = "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+"
	)
	long := strings.Repeat("a", 129)
	for _, c := range []struct {
		service, op, input string // JSON, or a form
		want               string
	}{
		{"ecs", "ListTasks", `{"desiredStatus":"RUNNING"}`, ""},
		{"ecs", "ListTasks", `{"desiredStatus":null}`, ""},
		{"ecs", "ListTasks", `{"desiredStatus":"STOPED"}`, "InvalidParameterException: " + one + "Value 'STOPED' at 'desiredStatus' failed to satisfy constraint: Member must satisfy enum value set: [RUNNING, PENDING, STOPPED]"},
		{"ecs", "CreateService", `{"serviceName":"s","networkConfiguration":{"awsvpcConfiguration":{"subnets":[],"assignPublicIp":"yes"}}}`,
			"InvalidParameterException: " + one + "Value 'yes' at 'networkConfiguration.awsvpcConfiguration.assignPublicIp' failed to satisfy constraint: Member must satisfy enum value set: [ENABLED, DISABLED]"},
		{"ecs", "CreateService", `{"schedulingStrategy":"FOO"}`, "InvalidParameterException: 2 validation errors detected: Value 'FOO' at 'schedulingStrategy' failed to satisfy constraint: Member must satisfy enum value set: [REPLICA, DAEMON]; Value null at 'serviceName' failed to satisfy constraint: Member must not be null"},
		{"ec2", "CreateVpc", "CidrBlock=10.0.0.0/16&InstanceTenancy=foo", "InvalidParameterValue: Value (foo) for parameter instanceTenancy is invalid."},
		{"ec2", "CreateVpc", "TagSpecification.1.ResourceType=foo", "InvalidParameterValue: 'foo' is not a valid taggable resource type for this operation."},
		{"ec2", "DescribeSubnets", "MaxResults=4", "InvalidParameterValue: Value ( 4 ) for parameter maxResults is invalid. Expecting a value greater than 5."},
		{"ec2", "DeleteVpc", "", "MissingParameter: The request must contain the parameter vpcId"},
		{"iam", "ListPolicies", "Scope=foo", "ValidationError: " + one + "Value 'foo' at 'scope' failed to satisfy constraint: Member must satisfy enum value set: [All, AWS, Local]"},
		{"iam", "TagRole", "RoleName=r&Tags.member.1.Key=" + long + "&Tags.member.1.Value=", "ValidationError: " + one + "Value '" + long + "' at 'tags.1.member.key' failed to satisfy constraint: Member must have length less than or equal to 128"},
		{"iam", "TagRole", "RoleName=r&Tags.member.1.Key=!&Tags.member.1.Value=", "ValidationError: " + one + "Value '!' at 'tags.1.member.key' failed to satisfy constraint: Member must satisfy regular expression pattern: " + tags},
		{"iam", "UntagRole", "RoleName=r&TagKeys.member.1=a&TagKeys.member.2=!", "ValidationError: " + one + "Value '[a, !]' at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: " + tags + "]"},
		{"iam", "GetRole", "RoleName=a/b", "ValidationError: The specified value for roleName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"},
		{"logs", "DescribeLogGroups", `{"limit":51}`, "InvalidParameterException: " + one + "Value '51' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 50"},
		{"logs", "PutLogEvents", `{"logGroupName":"g","logStreamName":"s","logEvents":[]}`, "InvalidParameterException: " + one + "Value '[]' at 'logEvents' failed to satisfy constraint: Member must have length greater than or equal to 1"}, // as users of winston-cloudwatch report it
		{"logs", "CreateLogGroup", `{"logGroupName":"g","tags":{"` + long + `":""}}`, "InvalidParameterException: " + one + "Value at 'tags' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: ^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+)$]"},
		{"monitoring", "PutMetricData", `{"Namespace":"n","MetricData":[{}]}`, "MissingRequiredParameterException: The parameter MetricData.member.1.MetricName is required."},
		{"elasticloadbalancing", "CreateTargetGroup", "Name=n&Protocol=FOO", "ValidationError: " + one + "Value 'FOO' at 'protocol' failed to satisfy constraint: Member must satisfy enum value set: [HTTP, HTTPS, TCP, TLS, UDP, TCP_UDP, GENEVE, QUIC, TCP_QUIC]"},
		{"application-autoscaling", "DescribeScalableTargets", `{}`, "ValidationException: " + one + "Value null at 'serviceNamespace' failed to satisfy constraint: Member must not be null"},
		// A type that is not the model's is for the decoder to refuse.
		{"ecs", "ListTasks", `{"desiredStatus":{}}`, ""},
		{"logs", "DescribeLogGroups", `{"limit":"many"}`, ""},
	} {
		svc := &Service{Name: c.service}
		if c.service == "ec2" {
			svc.Protocol = EC2
		}
		got := ""
		if err := (&call{svc: svc, op: c.op, tree: requestTree(t, c.input)}).check(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s %s %s:\n%s\nwant\n%s", c.service, c.op, c.input, got, c.want)
		}
	}
}

// TestCheckIsBounded holds that a request with very many faults is refused in
// few words.
func TestCheckIsBounded(t *testing.T) {
	input := `{"logGroupName":"g","logStreamName":"s","logEvents":[` + strings.Repeat("{},", 9999) + "{}]}"
	err := (&call{svc: &Service{Name: "logs"}, op: "PutLogEvents", tree: requestTree(t, input)}).check()
	if err == nil || len(err.Error()) > 4000 {
		t.Errorf("%.200v", err)
	}
}

// requestTree reads an input in JSON or as a form.
func requestTree(t testing.TB, input string) map[string]any {
	t.Helper()
	var tree map[string]any
	var err error
	if strings.HasPrefix(input, "{") {
		tree, err = jsonTree([]byte(input))
	} else {
		form, _ := url.ParseQuery(strings.ReplaceAll(input, "+", "%2B"))
		tree, err = queryTree(form)
	}
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// FuzzCheck finds that no input makes the check fail, take long, or answer at length,
// whatever the operation, and that an input in JSON is left as it is.
func FuzzCheck(f *testing.F) {
	var operations [][2]string
	for service, m := range model.Services() {
		for op := range m.Inputs {
			operations = append(operations, [2]string{service, op})
		}
	}
	slices.SortFunc(operations, func(a, b [2]string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	for n := range operations {
		f.Add(uint16(n), `{"serviceName":"","tags":[{"key":"\u0000"},null,1],"Tags":{"a":null},"maxResults":1e400}`)
		f.Add(uint16(n), "Tags.member.1.Key=a&Tags.member.x=b&Actions.1.AuthenticateOidcConfig.AuthenticationRequestExtraParams.entry.1.key=&MaxResults=NaN")
	}
	f.Fuzz(func(t *testing.T, n uint16, input string) {
		var tree map[string]any
		var err error
		if strings.HasPrefix(input, "{") {
			tree, err = jsonTree([]byte(input))
		} else if form, bad := url.ParseQuery(input); bad == nil {
			tree, err = queryTree(form)
		}
		if err != nil || tree == nil {
			return
		}
		before := fmt.Sprint(tree)
		at := operations[int(n)%len(operations)]
		svc := &Service{Name: at[0]}
		if at[0] == "ec2" {
			svc.Protocol = EC2
		}
		_ = (&call{svc: svc, op: at[1], tree: tree}).check()
		if len(violations(model.Input(at[0], at[1]), tree)) > maxViolations {
			t.Error("more violations than are looked for")
		}
		if after := fmt.Sprint(tree); after != before {
			t.Errorf("%s was %s", after, before)
		}
	})
}

// FuzzQueryMap finds that the entries of a map come back from a form as they are.
func FuzzQueryMap(f *testing.F) {
	f.Add("a", "b", "c", "d")
	f.Add("entry", "", "key", "value")
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2 string) {
		want := map[string]string{k1: v1, k2: v2}
		form := url.Values{}
		n := 0
		for k, v := range want {
			n++
			form.Set(fmt.Sprintf("M.entry.%d.key", n), k)
			form.Set(fmt.Sprintf("M.entry.%d.value", n), v)
		}
		tree, err := queryTree(form)
		if err != nil {
			t.Fatal(err)
		}
		var in struct{ M map[string]string }
		if err := assign(tree, reflect.ValueOf(&in).Elem(), Pascal, ""); err != nil || !maps.Equal(in.M, want) {
			t.Errorf("%q came back as %q (%v)", want, in.M, err)
		}
	})
}

// BenchmarkCheck holds inputs of the provider's and the screens' against their models;
// a call takes about 30 µs of a processor in all.
func BenchmarkCheck(b *testing.B) {
	for _, c := range []struct{ service, op, input string }{
		{"ecs", "DescribeServices", `{"cluster":"c","services":["s"],"include":["TAGS"]}`},
		{"ecs", "CreateService", `{"cluster":"c","serviceName":"s","taskDefinition":"t","desiredCount":2,"launchType":"FARGATE","schedulingStrategy":"REPLICA","networkConfiguration":{"awsvpcConfiguration":{"subnets":["a","b"],"securityGroups":["c"],"assignPublicIp":"DISABLED"}},"tags":[{"key":"Name","value":"a"},{"key":"Project","value":"b"}]}`},
		{"iam", "CreateRole", "RoleName=r&Path=/&Tags.member.1.Key=Name&Tags.member.1.Value=a&AssumeRolePolicyDocument=" + url.QueryEscape(strings.Repeat(`{"Version":"2012-10-17"}`, 20))},
		{"ec2", "DescribeSubnets", "Filter.1.Name=vpc-id&Filter.1.Value.1=vpc-1&MaxResults=100"},
	} {
		b.Run(c.op, func(b *testing.B) {
			r := &call{svc: &Service{Name: c.service}, op: c.op, tree: requestTree(b, c.input)}
			b.ReportAllocs()
			for b.Loop() {
				if err := r.check(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
