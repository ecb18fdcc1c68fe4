package elbv2

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/wire"
)

// rule is the record of a listener's rule. The default rule has none: it is
// made of the listener's default actions.
type rule struct {
	Rule     types.Rule
	Listener string // ARN
	Priority int    // from 1
	Tags     map[string]string
}

func (x *ELB) ruleOperations(s *wire.Service) {
	wire.Handle(s, "CreateRule", x.createRule)
	wire.Handle(s, "DescribeRules", x.describeRules)
	wire.Handle(s, "ModifyRule", x.modifyRule)
	wire.Handle(s, "DeleteRule", x.deleteRule)
	wire.Handle(s, "SetRulePriorities", x.setRulePriorities)
}

// rule finds a rule by its ARN, but for default ones, which cannot be changed.
func (x *ELB) rule(arn *string) (rule, error) {
	if !strings.Contains(value(arn), ":listener-rule/") {
		return rule{}, wire.Errorf("ValidationError", "'%s' is not a valid listener rule ARN", value(arn))
	}
	r, ok := x.rules.Get(*arn)
	if ok {
		return r, nil
	}
	for _, l := range x.listeners.All() {
		if l.Default == *arn {
			return rule{}, wire.Errorf("OperationNotPermitted", "Default rule '%s' cannot be modified", *arn)
		}
	}
	return rule{}, wire.Errorf("RuleNotFound", "One or more rules not found")
}

// ruled returns a listener's rules by priority.
func (x *ELB) ruled(listener string) []rule {
	out := x.rules.Find(func(r rule) bool { return r.Listener == listener })
	slices.SortFunc(out, func(a, b rule) int { return cmp.Compare(a.Priority, b.Priority) })
	return out
}

func present(r rule) types.Rule {
	out := r.Rule
	no := false
	out.IsDefault, out.Priority = &no, text("%d", r.Priority)
	return out
}

func fallback(l listener) types.Rule {
	yes := true
	return types.Rule{RuleArn: &l.Default, IsDefault: &yes, Priority: text("default"), Conditions: []types.RuleCondition{}, Actions: l.Listener.DefaultActions}
}

func (x *ELB) createRule(_ context.Context, in *elb.CreateRuleInput) (*elb.CreateRuleOutput, error) {
	l, err := x.listener(in.ListenerArn)
	if err != nil {
		return nil, err
	}
	b, err := x.balancer(l.Listener.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	priority := int(value(in.Priority))
	if len(in.Transforms) > 0 {
		return nil, wire.Errorf("InvalidConfigurationRequest", "The sandbox's rules have no transforms")
	}
	conditions, err := conditions(in.Conditions)
	if err != nil {
		return nil, err
	}
	actions, err := x.actions(l.balancer(), b, in.Actions)
	if err != nil {
		return nil, err
	}
	tags, err := tagMap(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	others := x.ruled(*in.ListenerArn)
	for _, o := range others {
		if o.Priority == priority {
			return nil, wire.Errorf("PriorityInUse", "Priority '%d' is currently in use", priority)
		}
	}
	const most = 100 // the default quota
	if len(others) >= most {
		return nil, wire.Errorf("TooManyRules", "The maximum number of rules on load balancer '%s' has been reached", l.balancer())
	}
	arn := x.account.ARN("elasticloadbalancing", "listener-rule/"+suffix(*in.ListenerArn)+"/"+account.Hex(16))
	r := rule{Rule: types.Rule{RuleArn: &arn, Conditions: conditions, Actions: actions}, Listener: *in.ListenerArn, Priority: priority, Tags: tags}
	x.rules.Put(arn, r)
	x.apply()
	return &elb.CreateRuleOutput{Rules: []types.Rule{present(r)}}, nil
}

func (x *ELB) describeRules(_ context.Context, in *elb.DescribeRulesInput) (*elb.DescribeRulesOutput, error) {
	byListener := value(in.ListenerArn) != ""
	if byListener == (len(in.RuleArns) > 0) {
		return nil, wire.Errorf("ValidationError", "You must specify either listener rule ARNs or a listener ARN")
	}
	var all []types.Rule
	if byListener {
		l, err := x.listener(in.ListenerArn)
		if err != nil {
			return nil, err
		}
		for _, r := range x.ruled(*in.ListenerArn) {
			all = append(all, present(r))
		}
		all = append(all, fallback(l))
	}
	for _, arn := range in.RuleArns {
		r, err := x.describedRule(arn)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	items, next, err := page(all, in.Marker, in.PageSize)
	return &elb.DescribeRulesOutput{Rules: items, NextMarker: next}, err
}

func (x *ELB) describedRule(arn string) (types.Rule, error) {
	for _, l := range x.listeners.All() {
		if l.Default == arn {
			return fallback(l), nil
		}
	}
	r, err := x.rule(&arn)
	return present(r), err
}

func (x *ELB) modifyRule(_ context.Context, in *elb.ModifyRuleInput) (*elb.ModifyRuleOutput, error) {
	r, err := x.rule(in.RuleArn)
	if err != nil {
		return nil, err
	}
	l, err := x.listener(&r.Listener)
	if err != nil {
		return nil, err
	}
	b, err := x.balancer(l.Listener.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	if len(in.Transforms) > 0 {
		return nil, wire.Errorf("InvalidConfigurationRequest", "The sandbox's rules have no transforms")
	}
	if len(in.Conditions) > 0 {
		if r.Rule.Conditions, err = conditions(in.Conditions); err != nil {
			return nil, err
		}
	}
	if len(in.Actions) > 0 {
		if r.Rule.Actions, err = x.actions(l.balancer(), b, in.Actions); err != nil {
			return nil, err
		}
	}
	x.rules.Put(*in.RuleArn, r)
	x.apply()
	return &elb.ModifyRuleOutput{Rules: []types.Rule{present(r)}}, nil
}

func (x *ELB) deleteRule(_ context.Context, in *elb.DeleteRuleInput) (*elb.DeleteRuleOutput, error) {
	if _, err := x.rule(in.RuleArn); err != nil {
		return nil, err
	}
	x.rules.Delete(*in.RuleArn)
	x.apply()
	return nil, nil
}

// setRulePriorities sets all of them or none; rules may swap theirs.
func (x *ELB) setRulePriorities(_ context.Context, in *elb.SetRulePrioritiesInput) (*elb.SetRulePrioritiesOutput, error) {
	wantedBy := map[string]int{}
	listeners := map[string]bool{}
	for _, p := range in.RulePriorities {
		r, err := x.rule(p.RuleArn)
		if err != nil {
			return nil, err
		}
		n := int(value(p.Priority))
		wantedBy[*p.RuleArn] = n
		listeners[r.Listener] = true
	}
	for l := range listeners {
		taken := map[int]bool{}
		for _, r := range x.ruled(l) {
			n, ok := wantedBy[*r.Rule.RuleArn]
			if !ok {
				n = r.Priority
			}
			if taken[n] {
				return nil, wire.Errorf("PriorityInUse", "Priority '%d' is currently in use", n)
			}
			taken[n] = true
		}
	}
	out := []types.Rule{}
	for _, p := range in.RulePriorities {
		r, err := x.rule(p.RuleArn)
		if err != nil {
			return nil, err
		}
		r.Priority = wantedBy[*p.RuleArn]
		x.rules.Put(*p.RuleArn, r)
		out = append(out, present(r))
	}
	x.apply()
	return &elb.SetRulePrioritiesOutput{Rules: out}, nil
}

// conditions checks a rule's conditions and returns them as AWS describes them:
// those that may be given in two ways have both.
func conditions(in []types.RuleCondition) ([]types.RuleCondition, error) {
	if len(in) == 0 {
		return nil, wire.Errorf("ValidationError", "At least one condition must be specified")
	}
	out := make([]types.RuleCondition, 0, len(in))
	total := 0
	for _, c := range in {
		d, n, err := condition(c)
		if err != nil {
			return nil, err
		}
		total += n
		out = append(out, d)
	}
	if total > 5 {
		return nil, wire.Errorf("ValidationError", "A rule can have at most 5 condition values, not %s", strconv.Itoa(total))
	}
	return out, nil
}

// condition checks one condition. Texts on too long, missing and invalid values are those
// that AWS gave the authors of moto's test_elbv2_listener_rules.py.
func condition(c types.RuleCondition) (out types.RuleCondition, values int, err error) {
	refuse := func(format string, args ...any) (types.RuleCondition, int, error) {
		return types.RuleCondition{}, 0, wire.Errorf("ValidationError", format, args...)
	}
	out.Field = given(c.Field, "")
	vs := c.Values
	regex := len(c.RegexValues)
	field, most := *out.Field, 128
	if len(vs) > 1 {
		return refuse("The '%s' field contains too many values; the limit is '1'", field)
	}
	switch field {
	case "path-pattern":
		if c.PathPatternConfig != nil {
			vs, regex = c.PathPatternConfig.Values, regex+len(c.PathPatternConfig.RegexValues)
		}
		out.Values, out.PathPatternConfig = vs, &types.PathPatternConditionConfig{Values: vs}
	case "host-header":
		if c.HostHeaderConfig != nil {
			vs, regex = c.HostHeaderConfig.Values, regex+len(c.HostHeaderConfig.RegexValues)
		}
		out.Values, out.HostHeaderConfig = vs, &types.HostHeaderConditionConfig{Values: vs}
	case "http-header":
		if c.HttpHeaderConfig == nil || value(c.HttpHeaderConfig.HttpHeaderName) == "" {
			return refuse("A 'HttpHeaderName' must be specified with 'http-header'")
		}
		if len(*c.HttpHeaderConfig.HttpHeaderName) > 40 {
			return refuse("The 'HttpHeaderName' value is too long; the limit is '40'")
		}
		vs, regex = c.HttpHeaderConfig.Values, regex+len(c.HttpHeaderConfig.RegexValues)
		out.HttpHeaderConfig = &types.HttpHeaderConditionConfig{HttpHeaderName: c.HttpHeaderConfig.HttpHeaderName, Values: vs}
	case "http-request-method":
		if c.HttpRequestMethodConfig == nil {
			return refuse("A 'HttpRequestMethodConfig' must be specified with 'http-request-method'")
		}
		vs, most = c.HttpRequestMethodConfig.Values, 40
		for _, v := range vs {
			if strings.Trim(v, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_") != "" {
				return refuse("The 'http-request-method' value is invalid; the allowed characters are A-Z, hyphen and underscore")
			}
		}
		out.HttpRequestMethodConfig = &types.HttpRequestMethodConditionConfig{Values: vs}
	case "query-string":
		if c.QueryStringConfig == nil || len(c.QueryStringConfig.Values) == 0 {
			return refuse("A 'QueryStringKeyValuePair' must be specified with 'query-string'")
		}
		for _, p := range c.QueryStringConfig.Values {
			switch {
			case value(p.Value) == "":
				return refuse("A 'Value' must be specified in 'QueryStringKeyValuePair'")
			case len(value(p.Key)) > most:
				return refuse("The 'Key' value is too long; the limit is '%d'", most)
			case len(*p.Value) > most:
				return refuse("The 'Value' value is too long; the limit is '%d'", most)
			}
		}
		out.QueryStringConfig = &types.QueryStringConditionConfig{Values: slices.Clone(c.QueryStringConfig.Values)}
		return out, len(c.QueryStringConfig.Values), nil
	case "source-ip":
		if c.SourceIpConfig == nil {
			return refuse("A 'SourceIpConfig' must be specified with 'source-ip'")
		}
		if vs = c.SourceIpConfig.Values; len(vs) == 0 {
			return refuse("A 'source-ip' value must be specified")
		}
		for _, v := range vs {
			if _, err := netip.ParsePrefix(v); err != nil {
				return refuse("The source IP '%s' is not a valid CIDR block", v)
			}
		}
		out.SourceIpConfig = &types.SourceIpConditionConfig{Values: vs}
	default:
		return refuse("Condition field '%s' must be one of '[path-pattern,host-header,http-header,http-request-method,query-string,source-ip]'", field)
	}
	if regex > 0 {
		return out, 0, wire.Errorf("InvalidConfigurationRequest", "The sandbox's conditions have no regular expressions: use * and ?")
	}
	if len(vs) == 0 {
		return refuse("A condition value must be specified")
	}
	for _, v := range vs {
		if len(v) > most {
			return refuse("The '%s' value is too long; the limit is '%d'", field, most)
		}
	}
	return out, len(vs), nil
}
