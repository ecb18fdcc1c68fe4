package elbv2_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"
	"go.uber.org/goleak"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/balancer"
	"workshop/internal/sandbox/disk/disktest"
	"workshop/internal/sandbox/ec2"
	"workshop/internal/sandbox/elbv2"
	"workshop/internal/sandbox/sandboxtest"
	"workshop/internal/sandbox/sdk"
	"workshop/internal/sandbox/store"
	"workshop/internal/sandbox/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// network is a VPC with a subnet in each of three zones and two groups.
type network struct {
	interfaces map[string]ec2.InterfaceSpec
	made       int
	permits    atomic.Bool
}

func newNetwork() *network {
	n := &network{interfaces: map[string]ec2.InterfaceSpec{}}
	n.permits.Store(true)
	return n
}

func (n *network) VPC(id string) bool { return id == "vpc-1" || id == "vpc-2" }

func (n *network) Subnet(id string) (ec2.SubnetInfo, bool) {
	zone, ok := map[string]string{"subnet-a": "eu-west-1a", "subnet-a2": "eu-west-1a", "subnet-b": "eu-west-1b", "subnet-c": "eu-west-1c"}[id]
	return ec2.SubnetInfo{ID: id, VPCID: "vpc-1", Zone: zone, CIDR: "10.0.0.0/24"}, ok
}

func (n *network) Group(id string) (ec2.GroupInfo, bool) {
	vpc, ok := map[string]string{"sg-1": "vpc-1", "sg-2": "vpc-1", "sg-far": "vpc-2"}[id]
	return ec2.GroupInfo{ID: id, VPCID: vpc}, ok
}

func (n *network) CreateInterface(s ec2.InterfaceSpec) (ec2.Interface, error) {
	n.made++
	if len(s.Groups) == 0 {
		s.Groups = []string{"sg-default"}
	}
	id := fmt.Sprintf("eni-%d", n.made)
	n.interfaces[id] = s
	return ec2.Interface{ID: id, SubnetID: s.SubnetID, VPCID: "vpc-1", PrivateIP: fmt.Sprintf("10.0.0.%d", 100+n.made), Groups: s.Groups}, nil
}

func (n *network) DeleteInterface(id string) { delete(n.interfaces, id) }

func (n *network) Permits([]string, string, []string, int) bool    { return n.permits.Load() }
func (n *network) PermitsOut([]string, []string, string, int) bool { return true }

func (n *network) InterfaceAt(_, ip string) (ec2.Interface, bool) {
	return ec2.Interface{PrivateIP: ip, Groups: []string{"sg-2"}}, true
}

// site is the service at work, with a client of the SDK.
type site struct {
	*elb.Client
	t        testing.TB
	account  *account.Account
	network  *network
	service  *elbv2.ELB
	backends *balancer.Backends
	stop     func()
}

func start(t testing.TB, a *account.Account, timing elbv2.Timing) *site {
	t.Helper()
	s := &site{t: t, account: a, network: newNetwork(), backends: &balancer.Backends{}}
	var err error
	if s.service, err = elbv2.New(a, s.network, s.backends, timing, firstPort, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.service.Run(ctx) }()
	stopped := false
	s.stop = func() {
		if stopped {
			return
		}
		stopped = true
		http.DefaultClient.CloseIdleConnections()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(s.stop)
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	cfg := sandboxtest.Serve(t, a, s.service.Service())
	cfg.HTTPClient = sdk.Client(&http.Client{Transport: tr})
	s.Client = elb.NewFromConfig(cfg)
	return s
}

// firstPort keeps other packages' tests, which run beside these, from taking a
// port between one start and the next.
var firstPort = 20_000 + os.Getpid()%1_000*10

func newSite(t testing.TB) *site { return start(t, sandboxtest.Account(t), elbv2.Fast) }

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// code returns the error's code, as it was on the wire.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func (s *site) balancer(name string) types.LoadBalancer {
	s.t.Helper()
	return must(s.CreateLoadBalancer(context.Background(), &elb.CreateLoadBalancerInput{
		Name: &name, Subnets: []string{"subnet-a", "subnet-b"}, SecurityGroups: []string{"sg-1"},
	}))(s.t).LoadBalancers[0]
}

func (s *site) group(name string) types.TargetGroup {
	s.t.Helper()
	return must(s.CreateTargetGroup(context.Background(), &elb.CreateTargetGroupInput{
		Name: &name, VpcId: aws.String("vpc-1"), Protocol: types.ProtocolEnumHttp, Port: aws.Int32(8080), TargetType: types.TargetTypeEnumIp,
		HealthCheckIntervalSeconds: aws.Int32(5), HealthCheckTimeoutSeconds: aws.Int32(2), UnhealthyThresholdCount: aws.Int32(2),
	}))(s.t).TargetGroups[0]
}

func forward(group string) []types.Action {
	return []types.Action{{Type: types.ActionTypeEnumForward, TargetGroupArn: &group}}
}

func (s *site) listener(lb, group string, port int32) types.Listener {
	s.t.Helper()
	return must(s.CreateListener(context.Background(), &elb.CreateListenerInput{
		LoadBalancerArn: &lb, Port: &port, Protocol: types.ProtocolEnumHttp, DefaultActions: forward(group),
	}))(s.t).Listeners[0]
}

// backend starts a program that answers for ip:8080.
func (s *site) backend(ip, answer string) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, answer) }))
	s.t.Cleanup(srv.Close)
	s.backends.Set("vpc-1", ip, 8080, srv.Listener.Addr().String())
}

func (s *site) health(group string) []types.TargetHealthDescription {
	s.t.Helper()
	return must(s.DescribeTargetHealth(context.Background(), &elb.DescribeTargetHealthInput{TargetGroupArn: &group}))(s.t).TargetHealthDescriptions
}

func (s *site) endpoints() []elbv2.Endpoint {
	s.account.Store.Lock()
	defer s.account.Store.Unlock()
	return s.service.Endpoints()
}

func (s *site) await(group, ip, state string) types.TargetHealthDescription {
	s.t.Helper()
	var last []types.TargetHealthDescription
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		last = s.health(group)
		i := slices.IndexFunc(last, func(d types.TargetHealthDescription) bool { return *d.Target.Id == ip })
		switch {
		case i < 0 && state == "":
			return types.TargetHealthDescription{}
		case i >= 0 && string(last[i].TargetHealth.State) == state:
			return last[i]
		}
	}
	s.t.Fatalf("target %s never became %q: %+v", ip, state, last)
	return types.TargetHealthDescription{}
}

func body(t testing.TB, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

// TestLife takes a load balancer from its creation to its deletion.
func TestLife(t *testing.T) {
	s := newSite(t)
	lb := s.balancer("web")
	if lb.State.Code != types.LoadBalancerStateEnumProvisioning || !strings.HasPrefix(*lb.DNSName, "localhost:") || *lb.VpcId != "vpc-1" || lb.Scheme != types.LoadBalancerSchemeEnumInternetFacing ||
		!strings.HasPrefix(*lb.LoadBalancerArn, "arn:aws:elasticloadbalancing:eu-west-1:000000000000:loadbalancer/app/web/") || len(lb.AvailabilityZones) != 2 || lb.CreatedTime.IsZero() {
		t.Errorf("created %+v", lb)
	}
	if got := must(s.DescribeLoadBalancers(t.Context(), &elb.DescribeLoadBalancersInput{Names: []string{"web"}}))(t).LoadBalancers; len(got) != 1 || got[0].State.Code != types.LoadBalancerStateEnumActive {
		t.Errorf("described %+v", got)
	}
	_, path, _ := strings.Cut(*lb.LoadBalancerArn, "/")
	for _, i := range s.network.interfaces {
		if i.Description != "ELB "+path || i.OwnerID != "amazon-elb" || !i.PublicIP || !slices.Equal(i.Groups, []string{"sg-1"}) {
			t.Errorf("interface %+v", i)
		}
	}
	if len(s.network.interfaces) != 2 {
		t.Errorf("%d interfaces, want one a subnet", len(s.network.interfaces))
	}

	tg := s.group("app")
	s.backend("10.0.1.1", "task 1")
	s.account.Store.Lock()
	err := s.service.RegisterIP(*tg.TargetGroupArn, "vpc-1", "10.0.1.1", 8080, "eu-west-1a")
	state, reason, description := s.service.TargetHealth(*tg.TargetGroupArn, "10.0.1.1", 8080)
	s.account.Store.Unlock()
	if err != nil || state != "unused" || reason != "Target.NotInUse" || description != "Target group is not configured to receive traffic from the load balancer" {
		t.Errorf("%v; %s %s %q", err, state, reason, description)
	}
	l := s.listener(*lb.LoadBalancerArn, *tg.TargetGroupArn, 80)
	d := s.await(*tg.TargetGroupArn, "10.0.1.1", "healthy")
	if *d.HealthCheckPort != "8080" || *d.Target.Port != 8080 || *d.Target.AvailabilityZone != "eu-west-1a" || d.TargetHealth.Reason != "" || d.TargetHealth.Description != nil {
		t.Errorf("health %+v %+v", d.Target, d.TargetHealth)
	}
	if c, b := body(t, "http://"+*lb.DNSName+"/"); c != 200 || b != "task 1" {
		t.Errorf("%d %q", c, b)
	}
	s.account.Store.Lock()
	info, ok := s.service.TargetGroup(*tg.TargetGroupArn)
	s.account.Store.Unlock()
	if !ok || !slices.Equal(info.LoadBalancerARNs, []string{*lb.LoadBalancerArn}) || info.Type != "ip" || info.Port != 8080 || info.VPCID != "vpc-1" || info.Name != "app" {
		t.Errorf("group %+v", info)
	}

	if _, err := s.DeleteTargetGroup(t.Context(), &elb.DeleteTargetGroupInput{TargetGroupArn: tg.TargetGroupArn}); code(err) != "ResourceInUse" {
		t.Errorf("deleting a group in use: %v", err)
	}
	s.account.Store.Lock()
	s.service.DeregisterIP(*tg.TargetGroupArn, "10.0.1.1", 8080)
	state, reason, _ = s.service.TargetHealth(*tg.TargetGroupArn, "10.0.1.1", 8080)
	s.account.Store.Unlock()
	if state != "draining" || reason != "Target.DeregistrationInProgress" {
		t.Errorf("deregistered: %s %s", state, reason)
	}
	must(s.DeleteLoadBalancer(t.Context(), &elb.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn}))(t)
	if len(s.network.interfaces) != 0 {
		t.Errorf("interfaces left: %v", s.network.interfaces)
	}
	if _, err := s.DescribeListeners(t.Context(), &elb.DescribeListenersInput{ListenerArns: []string{*l.ListenerArn}}); code(err) != "ListenerNotFound" {
		t.Errorf("a listener outlived its balancer: %v", err)
	}
	if _, err := s.DescribeLoadBalancers(t.Context(), &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{*lb.LoadBalancerArn}}); code(err) != "LoadBalancerNotFound" {
		t.Errorf("describing a deleted balancer: %v", err)
	}
	must(s.DeleteTargetGroup(t.Context(), &elb.DeleteTargetGroupInput{TargetGroupArn: tg.TargetGroupArn}))(t)
	must(s.DeleteTargetGroup(t.Context(), &elb.DeleteTargetGroupInput{TargetGroupArn: tg.TargetGroupArn}))(t) // idempotent
	if c, err := net.Dial("tcp", *lb.DNSName); err == nil {
		c.Close()
		t.Error("the port is still open")
	}
	if left := s.service.Tagged(); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestProvisioning(t *testing.T) {
	a := sandboxtest.Account(t)
	var shift atomic.Int64
	a.Now = func() time.Time { return time.Now().Add(time.Duration(shift.Load())) }
	s := start(t, a, elbv2.Timing{Provisioning: time.Minute, Traffic: balancer.Fast})
	s.balancer("web")
	for after, want := range map[time.Duration]types.LoadBalancerStateEnum{0: "provisioning", 2 * time.Minute: "active"} {
		shift.Store(int64(after))
		got := must(s.DescribeLoadBalancers(t.Context(), &elb.DescribeLoadBalancersInput{}))(t).LoadBalancers[0].State.Code
		if got != want {
			t.Errorf("after %v: %s, want %s", after, got, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	lb, other := s.balancer("web"), s.balancer("other")
	tg := s.group("app")
	l := s.listener(*lb.LoadBalancerArn, *tg.TargetGroupArn, 80)
	missingLB, missingTG := *lb.LoadBalancerArn+"0", *tg.TargetGroupArn+"0"
	newLB := func(f func(*elb.CreateLoadBalancerInput)) error {
		in := &elb.CreateLoadBalancerInput{Name: aws.String("x"), Subnets: []string{"subnet-a", "subnet-b"}, SecurityGroups: []string{"sg-1"}}
		f(in)
		_, err := s.CreateLoadBalancer(ctx, in)
		return err
	}
	newTG := func(f func(*elb.CreateTargetGroupInput)) error {
		in := &elb.CreateTargetGroupInput{Name: aws.String("x"), VpcId: aws.String("vpc-1"), Protocol: "HTTP", Port: aws.Int32(80), TargetType: "ip"}
		f(in)
		_, err := s.CreateTargetGroup(ctx, in)
		return err
	}
	newListener := func(f func(*elb.CreateListenerInput)) error {
		in := &elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancerArn, Port: aws.Int32(81), Protocol: "HTTP", DefaultActions: forward(*tg.TargetGroupArn)}
		f(in)
		_, err := s.CreateListener(ctx, in)
		return err
	}
	register := func(id string) error {
		_, err := s.RegisterTargets(ctx, &elb.RegisterTargetsInput{TargetGroupArn: tg.TargetGroupArn, Targets: []types.TargetDescription{{Id: &id}}})
		return err
	}
	for _, c := range []struct {
		what string
		err  error
		want string
	}{
		{"one subnet", newLB(func(in *elb.CreateLoadBalancerInput) { in.Subnets = in.Subnets[:1] }), "ValidationError"},
		{"one zone", newLB(func(in *elb.CreateLoadBalancerInput) { in.Subnets = []string{"subnet-a", "subnet-a2"} }), "InvalidConfigurationRequest"},
		{"no such subnet", newLB(func(in *elb.CreateLoadBalancerInput) { in.Subnets = []string{"subnet-a", "subnet-z"} }), "SubnetNotFound"},
		{"foreign security group", newLB(func(in *elb.CreateLoadBalancerInput) { in.SecurityGroups = []string{"sg-far"} }), "InvalidConfigurationRequest"},
		{"other settings", newLB(func(in *elb.CreateLoadBalancerInput) { in.Name = aws.String("web"); in.Scheme = "internal" }), "DuplicateLoadBalancerName"},
		{"same settings", newLB(func(in *elb.CreateLoadBalancerInput) { in.Name = aws.String("web") }), ""},
		{"network balancer", newLB(func(in *elb.CreateLoadBalancerInput) { in.Type = "network" }), "ValidationError"},
		{"long name", newLB(func(in *elb.CreateLoadBalancerInput) { in.Name = aws.String(strings.Repeat("x", 33)) }), "ValidationError"},
		{"odd name", newLB(func(in *elb.CreateLoadBalancerInput) { in.Name = aws.String("a_b") }), "ValidationError"},
		{"dash", newLB(func(in *elb.CreateLoadBalancerInput) { in.Name = aws.String("-a") }), "ValidationError"},
		{"scheme", newLB(func(in *elb.CreateLoadBalancerInput) { in.Scheme = "public" }), "InvalidScheme"},
		{"duplicate tags", newLB(func(in *elb.CreateLoadBalancerInput) {
			in.Tags = []types.Tag{{Key: aws.String("a")}, {Key: aws.String("a")}}
		}), "DuplicateTagKeys"},
		{"group: other settings", newTG(func(in *elb.CreateTargetGroupInput) { in.Name = aws.String("app") }), "DuplicateTargetGroupName"},
		{"group: VPC", newTG(func(in *elb.CreateTargetGroupInput) { in.VpcId = aws.String("vpc-9") }), "ValidationError"},
		{"group: interval", newTG(func(in *elb.CreateTargetGroupInput) { in.HealthCheckIntervalSeconds = aws.Int32(4) }), "ValidationError"},
		{"group: timeout", newTG(func(in *elb.CreateTargetGroupInput) { in.HealthCheckTimeoutSeconds = aws.Int32(30) }), "ValidationError"},
		{"group: matcher", newTG(func(in *elb.CreateTargetGroupInput) { in.Matcher = &types.Matcher{HttpCode: aws.String("600")} }), "ValidationError"},
		{"group: lambda", newTG(func(in *elb.CreateTargetGroupInput) { in.TargetType = "lambda" }), "InvalidConfigurationRequest"},
		{"listener: TLS", newListener(func(in *elb.CreateListenerInput) { in.Protocol = "HTTPS" }), "UnsupportedProtocol"},
		{"listener: same port", newListener(func(in *elb.CreateListenerInput) {
			in.Port = aws.Int32(80)
			in.DefaultActions = []types.Action{{Type: "fixed-response", FixedResponseConfig: &types.FixedResponseActionConfig{StatusCode: aws.String("200")}}}
		}), "DuplicateListener"},
		{"listener: again", newListener(func(in *elb.CreateListenerInput) { in.Port = aws.Int32(80) }), ""},
		{"listener: no balancer", newListener(func(in *elb.CreateListenerInput) { in.LoadBalancerArn = &missingLB }), "LoadBalancerNotFound"},
		{"listener: no group", newListener(func(in *elb.CreateListenerInput) { in.DefaultActions = forward(missingTG) }), "TargetGroupNotFound"},
		{"listener: group elsewhere", newListener(func(in *elb.CreateListenerInput) { in.LoadBalancerArn = other.LoadBalancerArn }), "TargetGroupAssociationLimit"},
		{"listener: redirect to itself", newListener(func(in *elb.CreateListenerInput) {
			in.DefaultActions = []types.Action{{Type: "redirect", RedirectConfig: &types.RedirectActionConfig{StatusCode: "HTTP_301"}}}
		}), "InvalidLoadBalancerAction"},
		{"listener: port", newListener(func(in *elb.CreateListenerInput) { in.Port = aws.Int32(70000) }), "ValidationError"},
		{"target: public address", register("203.0.113.9"), "InvalidTarget"},
		{"target: instance", register("i-0123456789abcdef0"), "ValidationError"},
		{"ARN", func() error {
			_, err := s.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: aws.String("tg")})
			return err
		}(), "ValidationError"},
		{"delete listener twice", func() error {
			arn := *l.ListenerArn + "0"
			_, err := s.DeleteListener(ctx, &elb.DeleteListenerInput{ListenerArn: &arn})
			return err
		}(), "ListenerNotFound"},
		{"attribute", func() error {
			_, err := s.ModifyLoadBalancerAttributes(ctx, &elb.ModifyLoadBalancerAttributesInput{LoadBalancerArn: lb.LoadBalancerArn, Attributes: []types.LoadBalancerAttribute{{Key: aws.String("idle_timeout.timeout_seconds"), Value: aws.String("5000")}}})
			return err
		}(), "ValidationError"},
		{"unknown attribute", func() error {
			_, err := s.ModifyTargetGroupAttributes(ctx, &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: tg.TargetGroupArn, Attributes: []types.TargetGroupAttribute{{Key: aws.String("colour"), Value: aws.String("red")}}})
			return err
		}(), "ValidationError"},
		{"tags of nothing", func() error {
			_, err := s.AddTags(ctx, &elb.AddTagsInput{ResourceArns: []string{*lb.LoadBalancerArn, missingTG}, Tags: []types.Tag{{Key: aws.String("a")}}})
			return err
		}(), "TargetGroupNotFound"},
	} {
		if got := code(c.err); got != c.want {
			t.Errorf("%s: %q, want %q (%v)", c.what, got, c.want, c.err)
		}
	}
	var nf *types.LoadBalancerNotFoundException
	if _, err := s.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{Names: []string{"none"}}); !errors.As(err, &nf) || nf.ErrorMessage() != "Load balancers '[none]' not found" { // what Terraform's users quote
		t.Errorf("error %v", err)
	}
	if tags := must(s.DescribeTags(ctx, &elb.DescribeTagsInput{ResourceArns: []string{*lb.LoadBalancerArn}}))(t); len(tags.TagDescriptions[0].Tags) != 0 {
		t.Error("a refused AddTags tagged something")
	}
	if n := len(s.network.interfaces); n != 4 {
		t.Errorf("%d interfaces for two balancers: a refusal left some", n)
	}
}

func TestDeletionProtection(t *testing.T) {
	s := newSite(t)
	lb := s.balancer("web")
	set := func(v string) {
		must(s.ModifyLoadBalancerAttributes(t.Context(), &elb.ModifyLoadBalancerAttributesInput{
			LoadBalancerArn: lb.LoadBalancerArn, Attributes: []types.LoadBalancerAttribute{{Key: aws.String("deletion_protection.enabled"), Value: &v}},
		}))(t)
	}
	set("true")
	if _, err := s.DeleteLoadBalancer(t.Context(), &elb.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn}); code(err) != "OperationNotPermitted" {
		t.Errorf("error %v", err)
	}
	set("false")
	must(s.DeleteLoadBalancer(t.Context(), &elb.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn}))(t)
}

func TestRules(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	lb, tg := s.balancer("web"), s.group("app")
	l := s.listener(*lb.LoadBalancerArn, *tg.TargetGroupArn, 80)
	url := "http://" + *lb.DNSName
	say := func(text string) []types.Action {
		return []types.Action{{Type: "fixed-response", FixedResponseConfig: &types.FixedResponseActionConfig{StatusCode: aws.String("200"), MessageBody: &text, ContentType: aws.String("text/plain")}}}
	}
	path := func(p string) []types.RuleCondition {
		return []types.RuleCondition{{Field: aws.String("path-pattern"), Values: []string{p}}}
	}
	first := must(s.CreateRule(ctx, &elb.CreateRuleInput{ListenerArn: l.ListenerArn, Priority: aws.Int32(10), Conditions: path("/a*"), Actions: say("first")}))(t).Rules[0]
	second := must(s.CreateRule(ctx, &elb.CreateRuleInput{ListenerArn: l.ListenerArn, Priority: aws.Int32(20), Conditions: path("/ab*"), Actions: say("second")}))(t).Rules[0]
	if first.Conditions[0].PathPatternConfig == nil || *first.Priority != "10" || *first.IsDefault {
		t.Errorf("rule %+v", first)
	}
	if _, err := s.CreateRule(ctx, &elb.CreateRuleInput{ListenerArn: l.ListenerArn, Priority: aws.Int32(10), Conditions: path("/c"), Actions: say("x")}); code(err) != "PriorityInUse" {
		t.Errorf("error %v", err)
	}
	if _, b := body(t, url+"/abc"); b != "first" {
		t.Errorf("%q", b)
	}
	must(s.SetRulePriorities(ctx, &elb.SetRulePrioritiesInput{RulePriorities: []types.RulePriorityPair{{RuleArn: first.RuleArn, Priority: aws.Int32(20)}, {RuleArn: second.RuleArn, Priority: aws.Int32(10)}}}))(t)
	if _, b := body(t, url+"/abc"); b != "second" {
		t.Errorf("after the swap %q", b)
	}
	if _, err := s.SetRulePriorities(ctx, &elb.SetRulePrioritiesInput{RulePriorities: []types.RulePriorityPair{{RuleArn: first.RuleArn, Priority: aws.Int32(10)}}}); code(err) != "PriorityInUse" {
		t.Errorf("error %v", err)
	}
	must(s.ModifyRule(ctx, &elb.ModifyRuleInput{RuleArn: second.RuleArn, Actions: say("changed"), Conditions: []types.RuleCondition{{Field: aws.String("query-string"), QueryStringConfig: &types.QueryStringConditionConfig{Values: []types.QueryStringKeyValuePair{{Key: aws.String("v"), Value: aws.String("2")}}}}}}))(t)
	if _, b := body(t, url+"/anywhere?v=2"); b != "changed" {
		t.Errorf("after the change %q", b)
	}
	rules := must(s.DescribeRules(ctx, &elb.DescribeRulesInput{ListenerArn: l.ListenerArn}))(t).Rules
	if len(rules) != 3 || *rules[0].RuleArn != *second.RuleArn || *rules[2].Priority != "default" || !*rules[2].IsDefault || *rules[2].Actions[0].TargetGroupArn != *tg.TargetGroupArn {
		t.Errorf("rules %+v", rules)
	}
	if _, err := s.DeleteRule(ctx, &elb.DeleteRuleInput{RuleArn: rules[2].RuleArn}); code(err) != "OperationNotPermitted" {
		t.Errorf("deleting the default rule: %v", err)
	}
	must(s.DeleteRule(ctx, &elb.DeleteRuleInput{RuleArn: second.RuleArn}))(t)
	if _, err := s.DescribeRules(ctx, &elb.DescribeRulesInput{RuleArns: []string{*second.RuleArn}}); code(err) != "RuleNotFound" {
		t.Errorf("describing a deleted rule: %v", err)
	}
	// The listener's own action moves elsewhere.
	must(s.ModifyListener(ctx, &elb.ModifyListenerInput{ListenerArn: l.ListenerArn, DefaultActions: say("default"), Port: aws.Int32(8080)}))(t)
	if _, b := body(t, url+"/"); b != "default" {
		t.Errorf("default %q", b)
	}
	if got := must(s.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{*tg.TargetGroupArn}}))(t).TargetGroups[0]; len(got.LoadBalancerArns) != 0 {
		t.Errorf("group still in use: %v", got.LoadBalancerArns)
	}
}

func TestWeightedForward(t *testing.T) {
	s := newSite(t)
	lb, blue, green := s.balancer("web"), s.group("blue"), s.group("green")
	s.backend("10.0.1.1", "blue")
	s.backend("10.0.1.2", "green")
	l := s.listener(*lb.LoadBalancerArn, *blue.TargetGroupArn, 80)
	for arn, ip := range map[string]string{*blue.TargetGroupArn: "10.0.1.1", *green.TargetGroupArn: "10.0.1.2"} {
		must(s.RegisterTargets(t.Context(), &elb.RegisterTargetsInput{TargetGroupArn: &arn, Targets: []types.TargetDescription{{Id: &ip}}}))(t)
	}
	shift := func(b, g int32) {
		must(s.ModifyListener(t.Context(), &elb.ModifyListenerInput{ListenerArn: l.ListenerArn, DefaultActions: []types.Action{{Type: "forward", ForwardConfig: &types.ForwardActionConfig{
			TargetGroups: []types.TargetGroupTuple{{TargetGroupArn: blue.TargetGroupArn, Weight: &b}, {TargetGroupArn: green.TargetGroupArn, Weight: &g}},
		}}}}))(t)
	}
	shift(1, 1)
	s.await(*blue.TargetGroupArn, "10.0.1.1", "healthy")
	s.await(*green.TargetGroupArn, "10.0.1.2", "healthy")
	seen := map[string]int{}
	for range 60 {
		_, b := body(t, "http://"+*lb.DNSName)
		seen[b]++
	}
	if seen["blue"] == 0 || seen["green"] == 0 {
		t.Errorf("half and half: %v", seen)
	}
	shift(0, 100)
	for range 10 {
		if _, b := body(t, "http://"+*lb.DNSName); b != "green" {
			t.Fatalf("%q answered with weight 0", b)
		}
	}
}

// SetWeights is what ECS calls. It takes a listener's default rule too, keeps the rule's
// other settings, and says like ModifyRule what cannot be.
func TestSetWeights(t *testing.T) {
	s := newSite(t)
	lb, blue, green := s.balancer("web"), s.group("blue"), s.group("green")
	l := s.listener(*lb.LoadBalancerArn, *blue.TargetGroupArn, 80)
	r := must(s.CreateRule(t.Context(), &elb.CreateRuleInput{
		ListenerArn: l.ListenerArn, Priority: aws.Int32(7), Conditions: []types.RuleCondition{{Field: aws.String("path-pattern"), Values: []string{"/x"}}},
		Actions: []types.Action{{Type: "forward", ForwardConfig: &types.ForwardActionConfig{
			TargetGroups:                []types.TargetGroupTuple{{TargetGroupArn: blue.TargetGroupArn}},
			TargetGroupStickinessConfig: &types.TargetGroupStickinessConfig{Enabled: aws.Bool(true), DurationSeconds: aws.Int32(60)},
		}}},
	}))(t).Rules[0]
	fixed := must(s.CreateRule(t.Context(), &elb.CreateRuleInput{
		ListenerArn: l.ListenerArn, Priority: aws.Int32(8), Conditions: r.Conditions,
		Actions: []types.Action{{Type: "fixed-response", FixedResponseConfig: &types.FixedResponseActionConfig{StatusCode: aws.String("204")}}},
	}))(t).Rules[0]
	locked := func(f func() error) error {
		s.account.Store.Lock()
		defer s.account.Store.Unlock()
		return f()
	}
	weights := map[string]int32{*blue.TargetGroupArn: 30, *green.TargetGroupArn: 70}
	all := must(s.DescribeRules(t.Context(), &elb.DescribeRulesInput{ListenerArn: l.ListenerArn}))(t).Rules
	byDefault := all[len(all)-1]
	for _, arn := range []string{*r.RuleArn, *byDefault.RuleArn} {
		if err := locked(func() error { return s.service.SetWeights(arn, weights) }); err != nil {
			t.Fatal(err)
		}
		got := must(s.DescribeRules(t.Context(), &elb.DescribeRulesInput{RuleArns: []string{arn}}))(t).Rules[0]
		config := got.Actions[0].ForwardConfig
		if len(config.TargetGroups) != 2 || *config.TargetGroups[0].TargetGroupArn != *blue.TargetGroupArn || *config.TargetGroups[0].Weight != 30 || *config.TargetGroups[1].Weight != 70 || got.Actions[0].TargetGroupArn != nil {
			t.Errorf("%s forwards to %+v", arn, config.TargetGroups)
		}
		if sticky := config.TargetGroupStickinessConfig; arn == *r.RuleArn && (!*sticky.Enabled || *sticky.DurationSeconds != 60 || *got.Priority != "7") {
			t.Errorf("the rule has lost %+v, priority %s", sticky, *got.Priority)
		}
	}
	for _, c := range []struct{ arn, code string }{{*r.RuleArn + "0", "RuleNotFound"}, {*fixed.RuleArn, "InvalidLoadBalancerAction"}} {
		if err := locked(func() error { return s.service.SetWeights(c.arn, weights) }); code(err) != c.code {
			t.Errorf("%s: %v", c.arn, err)
		}
		_ = locked(func() error {
			if got := s.service.Weights(c.arn); got != nil {
				t.Errorf("%s has weights %v", c.arn, got)
			}
			return nil
		})
	}
}

func TestSecurityGroupKeepsBalancerOut(t *testing.T) {
	s := newSite(t)
	lb, tg := s.balancer("web"), s.group("app")
	s.listener(*lb.LoadBalancerArn, *tg.TargetGroupArn, 80)
	s.backend("10.0.1.1", "hello")
	s.network.permits.Store(false)
	must(s.RegisterTargets(t.Context(), &elb.RegisterTargetsInput{TargetGroupArn: tg.TargetGroupArn, Targets: []types.TargetDescription{{Id: aws.String("10.0.1.1")}}}))(t)
	d := s.await(*tg.TargetGroupArn, "10.0.1.1", "unhealthy")
	if d.TargetHealth.Reason != "Target.Timeout" || *d.TargetHealth.Description != "Request timed out" {
		t.Errorf("health %+v", d.TargetHealth)
	}
	s.network.permits.Store(true)
	s.await(*tg.TargetGroupArn, "10.0.1.1", "healthy")
	if c, b := body(t, "http://"+*lb.DNSName); c != 200 || b != "hello" {
		t.Errorf("%d %q", c, b)
	}
}

func TestChangesInPlace(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	lb, tg := s.balancer("web"), s.group("app")
	got := must(s.SetSecurityGroups(ctx, &elb.SetSecurityGroupsInput{LoadBalancerArn: lb.LoadBalancerArn, SecurityGroups: []string{"sg-2", "sg-1"}}))(t)
	if !slices.Equal(got.SecurityGroupIds, []string{"sg-1", "sg-2"}) {
		t.Errorf("groups %v", got.SecurityGroupIds)
	}
	must(s.SetSubnets(ctx, &elb.SetSubnetsInput{LoadBalancerArn: lb.LoadBalancerArn, Subnets: []string{"subnet-c", "subnet-a", "subnet-b"}}))(t)
	if n := len(s.network.interfaces); n != 3 {
		t.Errorf("%d interfaces", n)
	}
	for _, i := range s.network.interfaces {
		if len(i.Groups) != 2 {
			t.Errorf("interface %+v", i)
		}
	}
	after := must(s.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{}))(t).LoadBalancers[0]
	if len(after.AvailabilityZones) != 3 || *after.DNSName != *lb.DNSName {
		t.Errorf("balancer %+v", after)
	}
	must(s.ModifyTargetGroup(ctx, &elb.ModifyTargetGroupInput{TargetGroupArn: tg.TargetGroupArn, HealthCheckPath: aws.String("/readyz"), Matcher: &types.Matcher{HttpCode: aws.String("200-204")}}))(t)
	g := must(s.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{Names: []string{"app"}}))(t).TargetGroups[0]
	if *g.HealthCheckPath != "/readyz" || *g.Matcher.HttpCode != "200-204" || *g.HealthCheckIntervalSeconds != 5 {
		t.Errorf("group %+v", g)
	}
	must(s.AddTags(ctx, &elb.AddTagsInput{ResourceArns: []string{*lb.LoadBalancerArn, *tg.TargetGroupArn}, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}, {Key: aws.String("b"), Value: aws.String("2")}}}))(t)
	must(s.RemoveTags(ctx, &elb.RemoveTagsInput{ResourceArns: []string{*tg.TargetGroupArn}, TagKeys: []string{"a"}}))(t)
	tags := must(s.DescribeTags(ctx, &elb.DescribeTagsInput{ResourceArns: []string{*lb.LoadBalancerArn, *tg.TargetGroupArn}}))(t).TagDescriptions
	if len(tags[0].Tags) != 2 || len(tags[1].Tags) != 1 || *tags[1].Tags[0].Key != "b" {
		t.Errorf("tags %+v", tags)
	}
	s.account.Store.Lock()
	defer s.account.Store.Unlock()
	if all := s.service.Tagged(); len(all) != 2 || all[0].Tags["a"] != "1" {
		t.Errorf("tagged %+v", all)
	}
}

func TestPages(t *testing.T) {
	s := newSite(t)
	for i := range 5 {
		s.group("group-" + strconv.Itoa(i))
	}
	var names []string
	p := elb.NewDescribeTargetGroupsPaginator(s.Client, &elb.DescribeTargetGroupsInput{PageSize: aws.Int32(2)})
	pages := 0
	for p.HasMorePages() {
		out := must(p.NextPage(t.Context()))(t)
		pages++
		for _, g := range out.TargetGroups {
			names = append(names, *g.TargetGroupName)
		}
	}
	if pages != 3 || len(names) != 5 {
		t.Errorf("%d pages: %v", pages, names)
	}
	if _, err := s.DescribeTargetGroups(t.Context(), &elb.DescribeTargetGroupsInput{Marker: aws.String("?")}); code(err) != "ValidationError" {
		t.Errorf("a bad marker: %v", err)
	}
}

func TestUnknownTargets(t *testing.T) {
	s := newSite(t)
	tg := s.group("app")
	out := must(s.DescribeTargetHealth(t.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: tg.TargetGroupArn, Targets: []types.TargetDescription{{Id: aws.String("10.9.9.9")}}}))(t)
	if h := out.TargetHealthDescriptions[0].TargetHealth; h.State != "unused" || h.Reason != "Target.NotRegistered" || *h.Description != "Target is not registered to the target group" {
		t.Errorf("health %+v", h)
	}
	s.account.Store.Lock()
	defer s.account.Store.Unlock()
	if state, _, _ := s.service.TargetHealth(*tg.TargetGroupArn, "10.9.9.9", 80); state != "" {
		t.Errorf("state %q", state)
	}
	if err := s.service.RegisterIP(*tg.TargetGroupArn, "vpc-2", "10.0.1.1", 80, ""); code(err) != "InvalidTarget" {
		t.Errorf("a task of another VPC: %v", err)
	}
	var e *wire.Error
	if err := s.service.RegisterIP(*tg.TargetGroupArn+"0", "vpc-1", "10.0.1.1", 80, ""); !errors.As(err, &e) || e.Code != "TargetGroupNotFound" {
		t.Errorf("a group that is not there: %v", err)
	}
}

// TestRestart ends the service and starts it on the same journal: ports, rules
// and users' targets come back, tasks' targets do not.
func TestRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	open := func() *account.Account {
		st, err := store.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		return &account.Account{Region: "eu-west-1", Store: st, Now: time.Now}
	}
	a := open()
	s := start(t, a, elbv2.Fast)
	lb, tg := s.balancer("web"), s.group("app")
	s.listener(*lb.LoadBalancerArn, *tg.TargetGroupArn, 80)
	s.listener(*lb.LoadBalancerArn, *tg.TargetGroupArn, 8080)
	lb2 := s.balancer("moving")
	must(s.RegisterTargets(t.Context(), &elb.RegisterTargetsInput{TargetGroupArn: tg.TargetGroupArn, Targets: []types.TargetDescription{{Id: aws.String("10.0.1.1")}}}))(t)
	a.Store.Lock()
	err := s.service.RegisterIP(*tg.TargetGroupArn, "vpc-1", "10.0.1.2", 8080, "")
	before := s.service.Endpoints()
	a.Store.Unlock()
	if err != nil || len(before) != 2 || before[0].URL != "http://"+*lb.DNSName+"/" || before[1].URL == before[0].URL || before[1].Port != 8080 {
		t.Errorf("endpoints %+v, %v", before, err)
	}
	s.stop()
	if err := a.Store.Close(); err != nil {
		t.Fatal(err)
	}

	taken, err := net.Listen("tcp", strings.Replace(*lb2.DNSName, "localhost", "127.0.0.1", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	a = open()
	s = start(t, a, elbv2.Fast)
	s.backend("10.0.1.1", "back")
	all := must(s.DescribeLoadBalancers(t.Context(), &elb.DescribeLoadBalancersInput{}))(t).LoadBalancers
	if len(all) != 2 || *all[0].DNSName != *lb.DNSName || *all[1].DNSName != *lb2.DNSName {
		t.Errorf("balancers %+v have other addresses than before", all)
	}
	a.Store.Lock()
	after := s.service.Endpoints()
	a.Store.Unlock()
	if !slices.Equal(before, after) {
		t.Errorf("endpoints %v, before %v", after, before)
	}
	s.await(*tg.TargetGroupArn, "10.0.1.1", "healthy")
	if got := s.health(*tg.TargetGroupArn); len(got) != 1 {
		t.Errorf("targets %+v", got)
	}
	// The load balancer whose port is taken says so, and answers once it is free.
	reason, since, impaired := s.service.Impaired()
	if !impaired || since.IsZero() || !strings.Contains(reason, "The load balancer moving cannot listen on http://"+*lb2.DNSName+": another program uses that port") {
		t.Errorf("impaired: %v %v %q", impaired, since, reason)
	}
	if all[0].State.Code != types.LoadBalancerStateEnumActive || all[1].State.Code != types.LoadBalancerStateEnumActiveImpaired || *all[1].State.Reason != reason {
		t.Errorf("states %+v and %+v", *all[0].State, *all[1].State)
	}
	must(s.CreateListener(t.Context(), &elb.CreateListenerInput{LoadBalancerArn: lb2.LoadBalancerArn, Port: aws.Int32(80), Protocol: "HTTP", DefaultActions: []types.Action{
		{Type: "fixed-response", FixedResponseConfig: &types.FixedResponseActionConfig{StatusCode: aws.String("200"), MessageBody: aws.String("moving")}},
	}}))(t)
	taken.Close()
	for deadline := time.Now().Add(10 * time.Second); impaired && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		_, _, impaired = s.service.Impaired()
	}
	if c, b := body(t, "http://"+*lb2.DNSName); c != 200 || b != "moving" {
		t.Errorf("its port is free, and it answers %d %q", c, b)
	}
	if all := must(s.DescribeLoadBalancers(t.Context(), &elb.DescribeLoadBalancersInput{}))(t).LoadBalancers; all[1].State.Code != types.LoadBalancerStateEnumActive {
		t.Errorf("state %+v", *all[1].State)
	}
	for _, e := range after {
		if c, b := body(t, e.URL); c != 200 || b != "back" {
			t.Errorf("%s: %d %q", e.URL, c, b)
		}
	}
	s.stop()
	a.Store.Close()
}

// TestRefusedChanges has the disk fail while load balancers are changed: what was
// refused has not happened, in the records and to traffic.
func TestRefusedChanges(t *testing.T) {
	d := &disktest.Disk{}
	st, err := store.OpenFS(d, filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, &account.Account{Region: "eu-west-1", Store: st, Now: time.Now}, elbv2.Fast)
	ctx := t.Context()
	lb, tg := s.balancer("web"), s.group("app")
	l := s.listener(*lb.LoadBalancerArn, *tg.TargetGroupArn, 80)
	must(s.RegisterTargets(ctx, &elb.RegisterTargetsInput{TargetGroupArn: tg.TargetGroupArn, Targets: []types.TargetDescription{{Id: aws.String("10.0.1.1")}}}))(t)
	s.backend("10.0.1.1", "back")
	s.await(*tg.TargetGroupArn, "10.0.1.1", "healthy")

	d.Fail(syscall.ENOSPC, 0, 30)
	refused := func(what string, err error) {
		t.Helper()
		if code(err) != "InsufficientStorage" || !strings.Contains(err.Error(), "no space left on device. Free some space") {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err = s.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: aws.String("new"), Subnets: []string{"subnet-a", "subnet-b"}})
	refused("CreateLoadBalancer", err)
	_, err = s.CreateListener(ctx, &elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancerArn, Port: aws.Int32(8080), Protocol: "HTTP", DefaultActions: l.DefaultActions})
	refused("CreateListener", err)
	_, err = s.DeregisterTargets(ctx, &elb.DeregisterTargetsInput{TargetGroupArn: tg.TargetGroupArn, Targets: []types.TargetDescription{{Id: aws.String("10.0.1.1")}}})
	refused("DeregisterTargets", err)
	_, err = s.DeleteListener(ctx, &elb.DeleteListenerInput{ListenerArn: l.ListenerArn})
	refused("DeleteListener", err)
	_, err = s.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn})
	refused("DeleteLoadBalancer", err)

	if all := must(s.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{}))(t).LoadBalancers; len(all) != 1 {
		t.Errorf("%d load balancers", len(all))
	}
	if e := s.endpoints(); len(e) != 1 {
		t.Errorf("endpoints %v", e)
	}
	s.await(*tg.TargetGroupArn, "10.0.1.1", "healthy")
	if c, b := body(t, "http://"+*lb.DNSName); c != 200 || b != "back" {
		t.Errorf("answers %d %q", c, b)
	}
	d.Fail(nil, 0, 0)
	// The port of the load balancer that was refused is the next one's.
	if next := s.balancer("next"); *next.DNSName == *lb.DNSName {
		t.Errorf("two load balancers at %s", *next.DNSName)
	}
	must(s.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn}))(t)
	if res, err := http.Get("http://" + *lb.DNSName); err == nil {
		res.Body.Close()
		t.Error("a deleted load balancer answers")
	}
	if err := st.Close(); err != nil {
		t.Error(err)
	}
}

// TestPort80 has the load balancer's address whenever it was created.
func TestPort80(t *testing.T) {
	s := newSite(t)
	lb := s.balancer("web")
	answer := func(port int32, text string) {
		must(s.CreateListener(t.Context(), &elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancerArn, Port: &port, Protocol: "HTTP", DefaultActions: []types.Action{
			{Type: "fixed-response", FixedResponseConfig: &types.FixedResponseActionConfig{StatusCode: aws.String("200"), MessageBody: &text}},
		}}))(t)
	}
	answer(8080, "other")
	if _, b := body(t, "http://"+*lb.DNSName); b != "other" {
		t.Errorf("the only listener's address answers %q", b)
	}
	answer(80, "front")
	if _, b := body(t, "http://"+*lb.DNSName); b != "front" {
		t.Errorf("the load balancer's address answers %q", b)
	}
	for _, e := range s.endpoints() {
		if _, b := body(t, e.URL); b != map[int]string{80: "front", 8080: "other"}[e.Port] {
			t.Errorf("%+v answers %q", e, b)
		}
	}
}

func TestLists(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	if out := must(s.DescribeAccountLimits(ctx, &elb.DescribeAccountLimitsInput{}))(t); len(out.Limits) < 5 {
		t.Errorf("limits %+v", out.Limits)
	}
	if out := must(s.DescribeSSLPolicies(ctx, &elb.DescribeSSLPoliciesInput{Names: []string{"ELBSecurityPolicy-2016-08"}}))(t); len(out.SslPolicies) != 1 {
		t.Errorf("policies %+v", out.SslPolicies)
	}
	lb, tg := s.balancer("web"), s.group("app")
	l := s.listener(*lb.LoadBalancerArn, *tg.TargetGroupArn, 80)
	must(s.DescribeListenerCertificates(ctx, &elb.DescribeListenerCertificatesInput{ListenerArn: l.ListenerArn}))(t)
	must(s.DescribeCapacityReservation(ctx, &elb.DescribeCapacityReservationInput{LoadBalancerArn: lb.LoadBalancerArn}))(t)
	attrs := must(s.DescribeLoadBalancerAttributes(ctx, &elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: lb.LoadBalancerArn}))(t).Attributes
	if len(attrs) < 15 {
		t.Errorf("%d attributes", len(attrs))
	}
	must(s.ModifyListenerAttributes(ctx, &elb.ModifyListenerAttributesInput{ListenerArn: l.ListenerArn, Attributes: []types.ListenerAttribute{{Key: aws.String("routing.http.response.server.enabled"), Value: aws.String("false")}}}))(t)
	resp, err := http.Get("http://" + *lb.DNSName)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 503 || resp.Header.Get("Server") != "" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
}
