package elbv2_test

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/balancer"
	"workshop/internal/sandbox/elbv2"
	"workshop/internal/sandbox/sandboxtest"
)

// fuzzed is a service with a load balancer, a listener and a target group, that
// forgets what it is asked from then on.
func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, ok := strings.Cut(s, to)
	if !ok {
		return ""
	}
	return s
}

func fuzzed(f *testing.F) (_ *sandboxtest.Asker, balancerARN, listenerARN, groupARN string) {
	a := &account.Account{Region: "eu-west-1", Store: sandboxtest.Account(f).Store, Now: time.Now}
	x, err := elbv2.New(a, newNetwork(), &balancer.Backends{}, elbv2.Fast, firstPort, slog.New(slog.DiscardHandler))
	if err != nil {
		f.Fatal(err)
	}
	ask := sandboxtest.NewAsker(a, x.Service())
	for _, step := range [][2]string{
		{"CreateLoadBalancer", "Name=web&Subnets.member.1=subnet-a&Subnets.member.2=subnet-b"},
		{"CreateTargetGroup", "Name=app&Protocol=HTTP&Port=80&VpcId=vpc-1&TargetType=ip"},
		{"CreateListener", "Protocol=HTTP&Port=80&DefaultActions.member.1.Type=fixed-response&DefaultActions.member.1.FixedResponseConfig.StatusCode=200"},
	} {
		body := step[1]
		if step[0] == "CreateListener" {
			body += "&LoadBalancerArn=" + url.QueryEscape(balancerARN)
		}
		status, answer := ask.Ask(f, step[0], []byte(body))
		if status != http.StatusOK {
			f.Fatal(answer)
		}
		for _, to := range []struct {
			tag string
			arn *string
		}{{"LoadBalancerArn", &balancerARN}, {"TargetGroupArn", &groupARN}, {"ListenerArn", &listenerARN}} {
			if arn := between(answer, "<"+to.tag+">", "</"+to.tag+">"); arn != "" {
				*to.arn = arn
			}
		}
	}
	ask.Forget()
	return ask, balancerARN, listenerARN, groupARN
}

// FuzzRules makes and changes listener rules, as no client writes them.
func FuzzRules(f *testing.F) {
	for _, body := range []string{
		"Priority=1&Conditions.member.1.Field=path-pattern&Conditions.member.1.Values.member.1=/a*&Actions.member.1.Type=fixed-response&Actions.member.1.FixedResponseConfig.StatusCode=404",
		"Priority=2&Conditions.member.1.Field=http-header&Conditions.member.1.HttpHeaderConfig.HttpHeaderName=X&Conditions.member.1.HttpHeaderConfig.Values.member.1=?&Actions.member.1.Type=redirect&Actions.member.1.RedirectConfig.StatusCode=HTTP_301&Actions.member.1.RedirectConfig.Host=x",
		"Priority=3&Conditions.member.1.Field=query-string&Conditions.member.1.QueryStringConfig.Values.member.1.Key=k&Conditions.member.2.Field=source-ip&Conditions.member.2.SourceIpConfig.Values.member.1=10.0.0.0/8&Actions.member.1.Type=forward&Actions.member.1.ForwardConfig.TargetGroups.member.1.Weight=0",
		"Priority=x&Conditions.member.1=&Actions.member.9.Type=forward", "",
	} {
		f.Add(body)
	}
	ask, _, listener, group := fuzzed(f)
	f.Fuzz(func(t *testing.T, body string) {
		where := "&ListenerArn=" + url.QueryEscape(listener) + "&Actions.member.1.TargetGroupArn=" + url.QueryEscape(group)
		ask.Ask(t, "CreateRule", []byte(body))
		ask.Ask(t, "CreateRule", []byte(body+where))
		ask.Ask(t, "ModifyRule", []byte(body))
		ask.Ask(t, "ModifyListener", []byte(body+where))
	})
}

// FuzzNames gives every operation that takes an ARN or a name something else.
func FuzzNames(f *testing.F) {
	ask, balancerARN, listenerARN, groupARN := fuzzed(f)
	for _, s := range []string{balancerARN, listenerARN, groupARN, "", "arn:aws:elasticloadbalancing:::loadbalancer/", ":listener/", ":listener-rule/x", "arn:", "\x00/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		n := url.QueryEscape(name)
		for op, members := range map[string][]string{
			"DescribeLoadBalancers":          {"LoadBalancerArns.member.1", "Names.member.1", "Marker", "PageSize"},
			"DescribeLoadBalancerAttributes": {"LoadBalancerArn"},
			"DeleteLoadBalancer":             {"LoadBalancerArn"},
			"DescribeListeners":              {"LoadBalancerArn", "ListenerArns.member.1"},
			"DescribeListenerAttributes":     {"ListenerArn"},
			"DeleteListener":                 {"ListenerArn"},
			"DescribeRules":                  {"ListenerArn", "RuleArns.member.1"},
			"DeleteRule":                     {"RuleArn"},
			"SetRulePriorities":              {"RulePriorities.member.1.RuleArn"},
			"DescribeTargetGroups":           {"TargetGroupArns.member.1", "Names.member.1", "LoadBalancerArn"},
			"DeleteTargetGroup":              {"TargetGroupArn"},
			"DescribeTargetHealth":           {"TargetGroupArn"},
			"DescribeTags":                   {"ResourceArns.member.1"},
			"AddTags":                        {"ResourceArns.member.1"},
			"CreateTargetGroup":              {"Name"},
			"CreateLoadBalancer":             {"Name", "Subnets.member.1"},
		} {
			for _, m := range members {
				ask.Ask(t, op, []byte(m+"="+n))
			}
		}
		ask.Ask(t, "RegisterTargets", []byte("TargetGroupArn="+url.QueryEscape(groupARN)+"&Targets.member.1.Id="+n))
	})
}

// FuzzAttributes sets attributes to whatever comes. Those that are taken must not
// harm what traffic makes of them.
func FuzzAttributes(f *testing.F) {
	ask, balancerARN, listenerARN, groupARN := fuzzed(f)
	for _, s := range [][2]string{
		{"idle_timeout.timeout_seconds", "60"}, {"deregistration_delay.timeout_seconds", "99999999999999999999"}, {"routing.http.xff_header_processing.mode", "x"},
		{"load_balancing.algorithm.type", "weighted_random"}, {"stickiness.enabled", ""}, {"", "\x00"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		attribute := "&Attributes.member.1.Key=" + url.QueryEscape(key) + "&Attributes.member.1.Value=" + url.QueryEscape(value)
		ask.Ask(t, "ModifyLoadBalancerAttributes", []byte("LoadBalancerArn="+url.QueryEscape(balancerARN)+attribute))
		ask.Ask(t, "ModifyListenerAttributes", []byte("ListenerArn="+url.QueryEscape(listenerARN)+attribute))
		ask.Ask(t, "ModifyTargetGroupAttributes", []byte("TargetGroupArn="+url.QueryEscape(groupARN)+attribute))
	})
}
