package sweep

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	"go.uber.org/goleak"

	"workshop/internal/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.RunTask() // does not return in a process that is a task of the sandbox
	goleak.VerifyTestMain(m)
}

// account is a server that answers as AWS does. What it has is by operation;
// an operation that it has nothing for answers empty, and an answer that begins
// with ! is an error's code.
type account struct {
	*httptest.Server
	mu     sync.Mutex
	has    map[string]func(in url.Values) string
	refuse map[string]string // operation -> error code
	asked  map[string]int
}

func newAccount(t *testing.T) *account {
	a := &account{has: map[string]func(url.Values) string{}, refuse: map[string]string{}, asked: map[string]int{}}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

func (a *account) config() aws.Config {
	return aws.Config{
		Region:       "eu-west-1",
		BaseEndpoint: aws.String(a.URL),
		HTTPClient:   a.Client(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}, nil
		}),
	}
}

func (a *account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_, op, isJSON := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	in := url.Values{}
	if r.URL.Path == "/schedules" {
		op, isJSON = "ListSchedules", true
	}
	if isJSON {
		var m map[string]any
		_ = json.Unmarshal(body, &m)
		for k, v := range m {
			in.Set(k, fmt.Sprint(v))
		}
	} else {
		in, _ = url.ParseQuery(string(body))
		op = in.Get("Action")
	}
	isEC2 := strings.Contains(r.Header.Get("Authorization"), "/ec2/aws4_request")
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked[op]++
	if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/") {
		http.Error(w, "unsigned", http.StatusForbidden)
		return
	}
	inner, code := "", a.refuse[op]
	if f := a.has[op]; f != nil && code == "" {
		inner = f(in)
		if c, refused := strings.CutPrefix(inner, "!"); refused {
			code = c
		}
	}
	if code != "" {
		switch {
		case isJSON:
			w.Header().Set("Content-Type", "application/x-amz-json-1.1")
			w.WriteHeader(400)
			fmt.Fprintf(w, `{"__type":%q,"message":"refused"}`, code)
		case isEC2:
			w.WriteHeader(403)
			fmt.Fprintf(w, `<?xml version="1.0"?><Response><Errors><Error><Code>%s</Code><Message>You are not authorized to perform this operation.</Message></Error></Errors><RequestID>0</RequestID></Response>`, code)
		default:
			w.WriteHeader(403)
			fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>refused</Message></Error><RequestId>0</RequestId></ErrorResponse>`, code)
		}
		return
	}
	switch {
	case isJSON:
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if inner == "" {
			inner = "{}"
		}
		fmt.Fprint(w, inner)
	case isEC2:
		fmt.Fprintf(w, `<?xml version="1.0" encoding="utf-8"?><%[1]sResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15">%[2]s<requestId>0</requestId></%[1]sResponse>`, op, inner)
	default:
		fmt.Fprintf(w, `<%[1]sResponse><%[1]sResult>%[2]s</%[1]sResult><ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></%[1]sResponse>`, op, inner)
	}
}

func always(s string) func(url.Values) string { return func(url.Values) string { return s } }

var scope = Scope{WorkspaceID: "k3x9", Name: "shop"}

func sweep(t *testing.T, a *account) Report {
	t.Helper()
	r, err := Sweep(t.Context(), a.config(), scope)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func ids(r Report) []string {
	var got []string
	for _, l := range r.Left {
		got = append(got, l.Kind+" "+l.ID)
	}
	slices.Sort(got)
	return got
}

func TestNothingLeft(t *testing.T) {
	a := newAccount(t)
	r := sweep(t, a)
	if !r.Complete() || len(r.Left) != 0 || r.Left == nil || len(r.Places) < 9 || r.AsOf.IsZero() {
		t.Errorf("got %+v", r)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	total := 0
	for _, n := range a.asked {
		total += n
	}
	if total > 21 {
		t.Errorf("an empty account took %d calls: %v", total, a.asked)
	}
}

const (
	lbARN  = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop-k3x9/1"
	lb2ARN = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop-other/2"
	tgARN  = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/shop-k3x9/1"
	mine   = `<tagSet><item><key>Name</key><value>shop-k3x9</value></item><item><key>Workspace</key><value>k3x9</value></item><item><key>Workshop</key><value>fargate-with-terraform</value></item></tagSet>`
)

// full has one of everything of ours, and of most things one of somebody else.
func full(a *account) {
	a.has["DescribeLoadBalancers"] = func(in url.Values) string {
		if in.Get("Marker") == "" {
			return `<LoadBalancers><member><LoadBalancerArn>` + lb2ARN + `</LoadBalancerArn><LoadBalancerName>shop-other</LoadBalancerName></member></LoadBalancers><NextMarker>more</NextMarker>`
		}
		return `<LoadBalancers><member><LoadBalancerArn>` + lbARN + `</LoadBalancerArn><LoadBalancerName>shop-k3x9</LoadBalancerName></member></LoadBalancers>`
	}
	a.has["DescribeTargetGroups"] = always(`<TargetGroups><member><TargetGroupArn>` + tgARN + `</TargetGroupArn><TargetGroupName>shop-k3x9</TargetGroupName></member></TargetGroups>`)
	a.has["DescribeTags"] = func(in url.Values) string {
		var b strings.Builder
		b.WriteString("<TagDescriptions>")
		for i := 1; in.Has(fmt.Sprintf("ResourceArns.member.%d", i)); i++ {
			arn := in.Get(fmt.Sprintf("ResourceArns.member.%d", i))
			value := "k3x9"
			if arn == lb2ARN {
				value = "other"
			}
			fmt.Fprintf(&b, `<member><ResourceArn>%s</ResourceArn><Tags><member><Key>Workspace</Key><Value>%s</Value></member><member><Key>Workshop</Key><Value>fargate-with-terraform</Value></member></Tags></member>`, arn, value)
		}
		return b.String() + "</TagDescriptions>"
	}
	a.has["ListClusters"] = always(`{"clusterArns":["arn:c/shop-k3x9","arn:c/gone","arn:c/other"]}`)
	tags := `"tags":[{"key":"Workspace","value":"k3x9"},{"key":"Workshop","value":"fargate-with-terraform"}]`
	a.has["DescribeClusters"] = always(`{"clusters":[
		{"clusterArn":"arn:c/shop-k3x9","clusterName":"shop-k3x9","status":"ACTIVE",` + tags + `},
		{"clusterArn":"arn:c/gone","clusterName":"gone","status":"INACTIVE",` + tags + `},
		{"clusterArn":"arn:c/other","clusterName":"other","status":"ACTIVE","tags":[]}]}`)
	a.has["ListServices"] = always(`{"serviceArns":["arn:s/app","arn:s/old"]}`)
	a.has["DescribeServices"] = always(`{"services":[{"serviceArn":"arn:s/app","serviceName":"app","status":"DRAINING"},{"serviceArn":"arn:s/old","serviceName":"old","status":"INACTIVE"}]}`)
	a.has["ListTasks"] = always(`{"taskArns":["arn:t/1","arn:t/2"]}`)
	a.has["DescribeTasks"] = always(`{"tasks":[{"taskArn":"arn:t/1","lastStatus":"RUNNING","group":"service:app"},
		{"taskArn":"arn:t/2","lastStatus":"RUNNING","tags":[{"key":"Workspace","value":"other"}]}]}`)
	a.has["ListTaskDefinitionFamilies"] = always(`{"families":["shop-k3x9","shop-other"]}`)
	a.has["ListTaskDefinitions"] = func(in url.Values) string {
		return `{"taskDefinitionArns":["arn:aws:ecs:eu-west-1:1:task-definition/` + in.Get("familyPrefix") + `:7"]}`
	}
	a.has["DescribeTaskDefinition"] = func(in url.Values) string {
		if strings.Contains(in.Get("taskDefinition"), "other") {
			return `{"taskDefinition":{"status":"ACTIVE"},"tags":[]}`
		}
		return `{"taskDefinition":{"status":"ACTIVE"},` + tags + `}`
	}
	a.has["DescribeScalableTargets"] = always(`{"ScalableTargets":[{"ResourceId":"service/shop-k3x9/app"},{"ResourceId":"service/else/app"}]}`)
	schedule := func(name string) string {
		return `{"Arn":"arn:aws:scheduler:eu-west-1:1:schedule/default/` + name + `","Name":"` + name + `"}`
	}
	a.has["ListSchedules"] = always(`{"Schedules":[` + strings.Join([]string{schedule("shop-k3x9-ttl"), schedule("shop-k3x9-ttl-minimum"), schedule("shop-k3x9-other"), schedule("shop-other-ttl")}, ",") + `]}`)
	a.has["DescribeLogGroups"] = always(`{"logGroups":[
		{"logGroupName":"/aws/ecs/containerinsights/shop-k3x9/performance","arn":"arn:aws:logs:eu-west-1:1:log-group:/aws/ecs/containerinsights/shop-k3x9/performance:*"},
		{"logGroupName":"/mine/k3x9","arn":"arn:aws:logs:eu-west-1:1:log-group:/mine/k3x9:*"},
		{"logGroupName":"/other/shop","arn":"arn:aws:logs:eu-west-1:1:log-group:/other/shop:*"},
		{"logGroupName":"/unrelated","arn":"arn:aws:logs:eu-west-1:1:log-group:/unrelated:*"}]}`)
	a.has["ListTagsForResource"] = func(in url.Values) string {
		if strings.HasSuffix(in.Get("resourceArn"), ":/mine/k3x9") {
			return `{"tags":{"Workspace":"k3x9","Workshop":"fargate-with-terraform"}}`
		}
		return `{"tags":{}}`
	}
	a.has["ListRoles"] = always(`<Roles><member><RoleName>shop-k3x9-task</RoleName><Arn>arn:aws:iam::1:role/shop-k3x9-task</Arn></member><member><RoleName>shop-other</RoleName><Arn>arn:r</Arn></member><member><RoleName>admin</RoleName><Arn>arn:a</Arn></member></Roles><IsTruncated>false</IsTruncated>`)
	a.has["ListRoleTags"] = func(in url.Values) string {
		if in.Get("RoleName") != "shop-k3x9-task" {
			return `<Tags/><IsTruncated>false</IsTruncated>`
		}
		return `<Tags><member><Key>Workspace</Key><Value>k3x9</Value></member><member><Key>Workshop</Key><Value>fargate-with-terraform</Value></member></Tags><IsTruncated>false</IsTruncated>`
	}
	ec2 := func(op, text string) {
		a.has[op] = func(in url.Values) string {
			if in.Get("Filter.1.Name") != "tag:Workspace" || in.Get("Filter.1.Value.1") != "k3x9" {
				return ""
			}
			return text
		}
	}
	ec2("DescribeVpcs", `<vpcSet><item><vpcId>vpc-1</vpcId><state>available</state>`+mine+`</item></vpcSet>`)
	ec2("DescribeSecurityGroups", `<securityGroupInfo><item><groupId>sg-1</groupId><groupName>shop-tasks</groupName><vpcId>vpc-1</vpcId>`+mine+`</item></securityGroupInfo>`)
	ec2("DescribeInternetGateways", `<internetGatewaySet><item><internetGatewayId>igw-1</internetGatewayId><attachmentSet><item><vpcId>vpc-1</vpcId><state>available</state></item></attachmentSet>`+mine+`</item></internetGatewaySet>`)
	ec2("DescribeRouteTables", `<routeTableSet><item><routeTableId>rtb-1</routeTableId><vpcId>vpc-1</vpcId>`+mine+`</item></routeTableSet>`)
	ec2("DescribeNatGateways", `<natGatewaySet><item><natGatewayId>nat-1</natGatewayId><state>deleted</state>`+mine+`</item><item><natGatewayId>nat-2</natGatewayId><state>deleting</state>`+mine+`</item><item><natGatewayId>nat-3</natGatewayId><state>available</state>`+mine+`</item></natGatewaySet>`)
	ec2("DescribeAddresses", `<addressesSet><item><publicIp>192.0.2.1</publicIp><allocationId>eipalloc-1</allocationId>`+mine+`</item></addressesSet>`)
	a.has["DescribeSubnets"] = func(in url.Values) string {
		if in.Get("NextToken") == "" {
			return `<subnetSet><item><subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId>` + mine + `</item></subnetSet><nextToken>two</nextToken>`
		}
		return `<subnetSet><item><subnetId>subnet-2</subnetId><vpcId>vpc-1</vpcId>` + mine + `</item></subnetSet>`
	}
	a.has["DescribeNetworkInterfaces"] = func(in url.Values) string {
		if in.Get("Filter.1.Name") != "vpc-id" || in.Get("Filter.1.Value.1") != "vpc-1" {
			return ""
		}
		return `<networkInterfaceSet><item><networkInterfaceId>eni-1</networkInterfaceId><description>ELB app/shop-k3x9/1</description><requesterManaged>true</requesterManaged><vpcId>vpc-1</vpcId><groupSet><item><groupId>sg-1</groupId></item></groupSet></item></networkInterfaceSet>`
	}
	both := `"Tags":[{"Key":"Workspace","Value":"k3x9"},{"Key":"Workshop","Value":"fargate-with-terraform"}]`
	a.has["GetResources"] = always(`{"ResourceTagMappingList":[
		{"ResourceARN":"` + lbARN + `",` + both + `},
		{"ResourceARN":"arn:aws:ec2:eu-west-1:1:natgateway/nat-deleted-a-minute-ago",` + both + `},
		{"ResourceARN":"arn:aws:sqs:eu-west-1:1:queue",` + both + `}]}`)
}

var everything = []string{
	"ECS clusters arn:c/shop-k3x9",
	"ECS services arn:s/app",
	"Elastic IPs eipalloc-1",
	"IAM roles arn:aws:iam::1:role/shop-k3x9-task",
	"NAT gateways nat-2",
	"NAT gateways nat-3",
	"VPCs vpc-1",
	"anything else with the workspace's tag arn:aws:sqs:eu-west-1:1:queue",
	"internet gateways igw-1",
	"load balancers " + lbARN,
	"log groups /aws/ecs/containerinsights/shop-k3x9/performance",
	"log groups /mine/k3x9",
	"network interfaces eni-1",
	"route tables rtb-1",
	"running tasks arn:t/1",
	"scaling targets service/shop-k3x9/app",
	"schedules arn:aws:scheduler:eu-west-1:1:schedule/default/shop-k3x9-ttl",
	"schedules arn:aws:scheduler:eu-west-1:1:schedule/default/shop-k3x9-ttl-minimum",
	"security groups sg-1",
	"subnets subnet-1",
	"subnets subnet-2",
	"target groups " + tgARN,
	"task definitions arn:aws:ecs:eu-west-1:1:task-definition/shop-k3x9:7",
}

func TestEverythingLeft(t *testing.T) {
	a := newAccount(t)
	full(a)
	r := sweep(t, a)
	if got := ids(r); !slices.Equal(got, everything) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(everything, "\n"))
	}
	if !r.Complete() {
		t.Errorf("not complete: %+v", r.Places)
	}
	found := 0
	for _, p := range r.Places {
		found += p.Found
	}
	if found != len(r.Left) {
		t.Errorf("the places count %d, the list has %d", found, len(r.Left))
	}
	for _, l := range r.Left {
		if l.Note == "" {
			t.Errorf("%s %s does not say what it costs", l.Kind, l.ID)
		}
		if l.ID == "nat-2" && l.Note != "AWS is deleting it" {
			t.Errorf("nat-2: %q", l.Note)
		}
	}
}

func TestRefusedQuestionsProveNothing(t *testing.T) {
	for op, tt := range map[string]struct {
		code   string
		places []string
	}{
		"DescribeLoadBalancers":     {"AccessDenied", []string{loadBalancers}},
		"DescribeVpcs":              {"UnauthorizedOperation", []string{vpcs, interfaces}},
		"DescribeNatGateways":       {"UnauthorizedOperation", []string{natGateways}},
		"ListClusters":              {"AccessDeniedException", []string{clusters, services, tasks}},
		"ListRoles":                 {"AccessDenied", []string{roles}},
		"ListSchedules":             {"AccessDeniedException", []string{schedules}},
		"DescribeLogGroups":         {"AccessDeniedException", []string{logGroups}},
		"GetResources":              {"AccessDeniedException", []string{tagged}},
		"DescribeNetworkInterfaces": {"UnauthorizedOperation", []string{interfaces}},
	} {
		t.Run(op, func(t *testing.T) {
			a := newAccount(t)
			a.refuse[op] = tt.code
			r := sweep(t, a)
			if r.Complete() {
				t.Fatal("it says that it is complete")
			}
			var got []string
			for _, p := range r.Places {
				if p.Err != "" {
					got = append(got, p.Name)
					if !strings.Contains(p.Err, "could not ask for") || !strings.Contains(p.Err, "may not do this") {
						t.Errorf("%s: %q", p.Name, p.Err)
					}
				}
			}
			slices.Sort(got)
			slices.Sort(tt.places)
			if !slices.Equal(got, tt.places) {
				t.Errorf("refused are %v, want %v", got, tt.places)
			}
		})
	}
}

// What the tagging service names stands in for a question that was refused, if
// a look at it shows that it exists.
func TestTagsStandInForARefusedQuestion(t *testing.T) {
	a := newAccount(t)
	full(a)
	a.refuse["DescribeLoadBalancers"] = "AccessDenied"
	r := sweep(t, a)
	if got := ids(r); !slices.Contains(got, loadBalancers+" "+lbARN) || r.Complete() {
		t.Errorf("got %v, complete %v", got, r.Complete())
	}
	a.refuse["DescribeTags"] = "AccessDenied"
	for _, l := range sweep(t, a).Left {
		if l.Kind == loadBalancers && (l.ID != lbARN || l.Note != byTagOnly) {
			t.Errorf("got %+v", l)
		}
	}
}

func TestScopeThatNamesNothing(t *testing.T) {
	a := newAccount(t)
	for _, s := range []Scope{{}, {Name: "shop"}, {WorkspaceID: "x"}} {
		if _, err := Sweep(t.Context(), a.config(), s); err == nil {
			t.Errorf("%+v was accepted", s)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Sweep(ctx, a.config(), scope); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestServerThatIsGone(t *testing.T) {
	a := newAccount(t)
	cfg := a.config()
	a.Close()
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	r, err := Sweep(t.Context(), cfg, scope)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Places {
		if !strings.Contains(p.Err, "Nothing answers") {
			t.Errorf("%s: %q", p.Name, p.Err)
		}
	}
}

func TestEC2AsksAgainWhenBusy(t *testing.T) {
	n := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n++; n < attempts {
			w.WriteHeader(503)
			fmt.Fprint(w, `<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>Request limit exceeded.</Message></Error></Errors></Response>`)
			return
		}
		fmt.Fprint(w, `<DescribeVpcsResponse><vpcSet><item><vpcId>vpc-1</vpcId></item></vpcSet></DescribeVpcsResponse>`)
	}))
	defer server.Close()
	cfg := newAccount(t).config()
	cfg.BaseEndpoint, cfg.HTTPClient = aws.String(server.URL), server.Client()
	c := newEC2(cfg)
	c.pause = func(context.Context, int) error { return nil }
	got, err := c.describe(t.Context(), "DescribeVpcs")
	if err != nil || len(got) != 1 || got[0].VPC != "vpc-1" || n != attempts {
		t.Errorf("got %+v, %v after %d", got, err, n)
	}
}

// Connections that break before or within an answer are tried again, as the
// SDK's clients do it.
func TestEC2AsksAgainWhenTheConnectionBreaks(t *testing.T) {
	const text = `<DescribeVpcsResponse><vpcSet><item><vpcId>vpc-1</vpcId></item></vpcSet></DescribeVpcsResponse>`
	for name, breaks := range map[string]func(net.Conn){
		"reset":           func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) },
		"closed":          func(net.Conn) {},
		"within the head": func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-") },
		"within the body": func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n<Describe") },
		"answered with 502": func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if n++; n == 3 {
					fmt.Fprint(w, text)
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				conn, _, err := w.(http.Hijacker).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				breaks(conn)
				_ = conn.Close()
			}))
			defer server.Close()
			cfg := newAccount(t).config()
			cfg.BaseEndpoint, cfg.HTTPClient = aws.String(server.URL), server.Client()
			c := newEC2(cfg)
			c.pause = func(context.Context, int) error { return nil }
			got, err := c.describe(t.Context(), "DescribeVpcs")
			if err != nil || len(got) != 1 || n != 3 {
				t.Errorf("got %+v, %v after %d", got, err, n)
			}
		})
	}
}

// A refusal is an answer: it is not asked again.
func TestEC2TakesARefusalForAnAnswer(t *testing.T) {
	a := newAccount(t)
	a.refuse["DescribeVpcs"] = "UnauthorizedOperation"
	if _, err := newEC2(a.config()).describe(t.Context(), "DescribeVpcs"); err == nil || a.asked["DescribeVpcs"] != 1 {
		t.Errorf("%v after %d", err, a.asked["DescribeVpcs"])
	}
}

func TestEC2RefusesWhatIsNoAnswer(t *testing.T) {
	for _, text := range []string{
		"", "<html><body>a login page</body></html>", "{}",
		`<DescribeSubnetsResponse><subnetSet/></DescribeSubnetsResponse>`,
	} {
		if err := decode("DescribeVpcs", []byte(text), &answer{}); err == nil {
			t.Errorf("%q was taken for an answer", text)
		}
	}
	err := failure(403, []byte(`<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors></Response>`))
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "UnauthorizedOperation" {
		t.Errorf("got %v", err)
	}
}

// The answer is moto's to the AWS provider, shortened.
func TestDecodeRecorded(t *testing.T) {
	const text = `<?xml version="1.0" encoding="utf-8"?> <DescribeSecurityGroupsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15"><securityGroupInfo><item><groupId>sg-0baed402dc3f4c675</groupId><ipPermissionsEgress><item><ipProtocol>-1</ipProtocol><groups/><ipRanges><item><cidrIp>0.0.0.0/0</cidrIp></item></ipRanges><ipv6Ranges/><prefixListIds/></item></ipPermissionsEgress><tagSet><item><key>Project</key><value>demo</value></item><item><key>ManagedBy</key><value>terraform</value></item></tagSet><vpcId>vpc-2ed1e19d4d8265477</vpcId><ownerId>123456789012</ownerId><groupName>demo-task</groupName><groupDescription>task ingress from ALB</groupDescription><ipPermissions/></item></securityGroupInfo><requestId>request-id</requestId></DescribeSecurityGroupsResponse>`
	var a answer
	if err := decode("DescribeSecurityGroups", []byte(text), &a); err != nil {
		t.Fatal(err)
	}
	if len(a.Groups) != 1 || a.Groups[0].Group != "sg-0baed402dc3f4c675" || a.Groups[0].GroupName != "demo-task" || len(a.Groups[0].Tags) != 2 {
		t.Errorf("got %+v", a.Groups)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`<DescribeVpcsResponse><vpcSet><item><vpcId>v</vpcId></item></vpcSet><nextToken>n</nextToken></DescribeVpcsResponse>`))
	f.Add([]byte(`<Response><Errors><Error><Code>C</Code></Error></Errors></Response>`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var a answer
		if decode("DescribeVpcs", text, &a) == nil {
			var root struct{ XMLName xml.Name }
			if xml.Unmarshal(text, &root) != nil || root.XMLName.Local != "DescribeVpcsResponse" {
				t.Errorf("%q was taken for an answer", text)
			}
		}
		if failure(400, text) == nil {
			t.Error("no error")
		}
	})
}

func TestFromARN(t *testing.T) {
	for arn, want := range map[string]Leftover{
		lbARN: {Kind: loadBalancers, ID: lbARN, Name: "shop-k3x9"},
		"arn:aws:elasticloadbalancing:eu-west-1:1:listener/app/x/1/2": {Kind: loadBalancers},
		"arn:aws:ec2:eu-west-1:1:security-group-rule/sgr-1":           {Kind: securityGroups},
		"arn:aws:logs:eu-west-1:1:log-group:/ecs/x":                   {Kind: logGroups, ID: "/ecs/x"},
		"arn:aws-cn:ec2:cn-north-1:1:natgateway/nat-1":                {Kind: natGateways, ID: "nat-1"},
		"arn:aws:iam::1:role/path/shop":                               {Kind: roles, ID: "arn:aws:iam::1:role/path/shop", Name: "shop"},
		"arn:aws:sqs:eu-west-1:1:q":                                   {Kind: tagged, ID: "arn:aws:sqs:eu-west-1:1:q"},
		"arn":                                                         {Kind: tagged, ID: "arn"},
	} {
		got, part := fromARN(arn)
		if part {
			got.ID = ""
		}
		if want.ARN = arn; got != want {
			t.Errorf("%s: %+v, want %+v", arn, got, want)
		}
	}
	for _, k := range kinds {
		if k.note == "" || k.look == nil || k.remove == nil || k.singular == "" {
			t.Errorf("%s is not complete", k.name)
		}
	}
}
