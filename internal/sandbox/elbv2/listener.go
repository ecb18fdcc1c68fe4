package elbv2

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/wire"
)

// listener is the record of a listener.
type listener struct {
	Listener   types.Listener
	Attributes map[string]string
	Tags       map[string]string
	Port       int    // of this machine
	Default    string // ARN of its default rule
}

func (l listener) balancer() string { return value(l.Listener.LoadBalancerArn) }

func (x *ELB) listenerOperations(s *wire.Service) {
	wire.Handle(s, "CreateListener", x.createListener)
	wire.Handle(s, "DescribeListeners", x.describeListeners)
	wire.Handle(s, "ModifyListener", x.modifyListener)
	wire.Handle(s, "DeleteListener", x.deleteListener)
	wire.Handle(s, "DescribeListenerAttributes", x.describeListenerAttributes)
	wire.Handle(s, "ModifyListenerAttributes", x.modifyListenerAttributes)
	wire.Handle(s, "DescribeListenerCertificates", x.describeListenerCertificates)
}

// listener finds a listener by its ARN.
func (x *ELB) listener(arn *string) (listener, error) {
	if !strings.Contains(value(arn), ":listener/") {
		return listener{}, wire.Errorf("ValidationError", "'%s' is not a valid listener ARN", value(arn))
	}
	l, ok := x.listeners.Get(*arn)
	if !ok {
		return listener{}, wire.Errorf("ListenerNotFound", "One or more listeners not found")
	}
	return l, nil
}

// plain refuses what the sandbox's listeners do not speak.
func plain(p types.ProtocolEnum, certificates []types.Certificate, m *types.MutualAuthenticationAttributes) error {
	switch {
	case p == types.ProtocolEnumHttps:
		return wire.Errorf("UnsupportedProtocol", "The sandbox has no certificates, so its load balancers have no HTTPS listeners: use HTTP")
	case p != types.ProtocolEnumHttp:
		// hashicorp/terraform-provider-aws#6173
		return wire.Errorf("ValidationError", "Listener protocol '%s' must be one of 'HTTPS, HTTP'", p)
	case len(certificates) > 0:
		return wire.Errorf("InvalidConfigurationRequest", "A certificate cannot be specified for an HTTP listener")
	case m != nil && value(m.Mode) != "" && *m.Mode != "off":
		return wire.Errorf("InvalidConfigurationRequest", "Mutual authentication cannot be specified for an HTTP listener")
	}
	return nil
}

func (x *ELB) createListener(_ context.Context, in *elb.CreateListenerInput) (*elb.CreateListenerOutput, error) {
	b, err := x.balancer(in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	if in.Protocol == "" || value(in.Port) == 0 {
		return nil, wire.Errorf("ValidationError", "A listener protocol and a port must be specified")
	}
	if err := plain(in.Protocol, in.Certificates, in.MutualAuthentication); err != nil {
		return nil, err
	}
	if err := validPort(*in.Port); err != nil {
		return nil, err
	}
	tags, err := tagMap(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	actions, err := x.actions(*in.LoadBalancerArn, b, in.DefaultActions)
	if err != nil {
		return nil, err
	}
	port, front := b.Port, "" // front: the listener at the load balancer's own address
	for larn, l := range x.listeners.All() {
		if l.balancer() != *in.LoadBalancerArn {
			continue
		}
		if value(l.Listener.Port) == *in.Port {
			if l.Listener.Protocol == in.Protocol && reflect.DeepEqual(l.Listener.DefaultActions, actions) {
				return &elb.CreateListenerOutput{Listeners: []types.Listener{l.Listener}}, nil
			}
			return nil, duplicate(*in.LoadBalancerArn)
		}
		if l.Port == b.Port {
			front = larn
		}
	}
	if front != "" {
		if port, err = x.plane.Reserve(); err != nil {
			return nil, err
		}
		if *in.Port == 80 { // which is what a URL without a port means
			l, _ := x.listeners.Get(front)
			l.Port, port = port, l.Port
			x.listeners.Put(front, l)
			x.log.Info("listener moved", "balancer", b.name(), "port", value(l.Listener.Port), "address", dnsName(l.Port))
		}
	}
	path := suffix(*in.LoadBalancerArn) + "/" + account.Hex(16)
	arn, lb, modelled := x.account.ARN("elasticloadbalancing", "listener/"+path), *in.LoadBalancerArn, *in.Port
	l := listener{
		Listener:   types.Listener{ListenerArn: &arn, LoadBalancerArn: &lb, Port: &modelled, Protocol: in.Protocol, DefaultActions: actions},
		Attributes: maps.Clone(listenerDefaults), Tags: tags, Port: port,
		Default: x.account.ARN("elasticloadbalancing", "listener-rule/"+path+"/"+account.Hex(16)),
	}
	x.listeners.Put(arn, l)
	x.apply()
	x.log.Info("listener created", "balancer", b.name(), "port", modelled, "address", dnsName(port))
	return &elb.CreateListenerOutput{Listeners: []types.Listener{l.Listener}}, nil
}

func duplicate(balancer string) error {
	return wire.Errorf("DuplicateListener", "A listener already exists on this port for this load balancer '%s'", balancer)
}

func (x *ELB) describeListeners(_ context.Context, in *elb.DescribeListenersInput) (*elb.DescribeListenersOutput, error) {
	byBalancer := value(in.LoadBalancerArn) != ""
	if byBalancer == (len(in.ListenerArns) > 0) {
		return nil, wire.Errorf("ValidationError", "You must specify either listener ARNs or a load balancer ARN")
	}
	var all []types.Listener
	if byBalancer {
		if _, err := x.balancer(in.LoadBalancerArn); err != nil {
			return nil, err
		}
		for _, l := range x.listeners.All() {
			if l.balancer() == *in.LoadBalancerArn {
				all = append(all, l.Listener)
			}
		}
	}
	for _, arn := range in.ListenerArns {
		l, err := x.listener(&arn)
		if err != nil {
			return nil, err
		}
		all = append(all, l.Listener)
	}
	items, next, err := page(all, in.Marker, in.PageSize)
	return &elb.DescribeListenersOutput{Listeners: items, NextMarker: next}, err
}

func (x *ELB) modifyListener(_ context.Context, in *elb.ModifyListenerInput) (*elb.ModifyListenerOutput, error) {
	l, err := x.listener(in.ListenerArn)
	if err != nil {
		return nil, err
	}
	b, err := x.balancer(l.Listener.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	if in.Protocol != "" {
		l.Listener.Protocol = in.Protocol
	}
	if err := plain(l.Listener.Protocol, in.Certificates, in.MutualAuthentication); err != nil {
		return nil, err
	}
	if value(in.Port) != 0 && *in.Port != *l.Listener.Port {
		if err := validPort(*in.Port); err != nil {
			return nil, err
		}
		for _, o := range x.listeners.All() {
			if o.balancer() == l.balancer() && value(o.Listener.Port) == *in.Port {
				return nil, duplicate(l.balancer())
			}
		}
		l.Listener.Port = given(in.Port, 0)
	}
	if len(in.DefaultActions) > 0 {
		if l.Listener.DefaultActions, err = x.actions(l.balancer(), b, in.DefaultActions); err != nil {
			return nil, err
		}
	}
	x.listeners.Put(*in.ListenerArn, l)
	x.apply()
	return &elb.ModifyListenerOutput{Listeners: []types.Listener{l.Listener}}, nil
}

func (x *ELB) deleteListener(_ context.Context, in *elb.DeleteListenerInput) (*elb.DeleteListenerOutput, error) {
	l, err := x.listener(in.ListenerArn)
	if err != nil {
		return nil, err
	}
	x.removeListener(*in.ListenerArn, l)
	x.apply()
	return nil, nil
}

// removeListener takes its rules along. The load balancer's own port stays
// taken: the next listener gets it.
func (x *ELB) removeListener(arn string, l listener) {
	for r, v := range x.rules.All() {
		if v.Listener == arn {
			x.rules.Delete(r)
		}
	}
	x.listeners.Delete(arn)
	if b, ok := x.balancers.Get(l.balancer()); !ok || b.Port != l.Port {
		x.release(l.Port)
	}
}

func (x *ELB) describeListenerCertificates(_ context.Context, in *elb.DescribeListenerCertificatesInput) (*elb.DescribeListenerCertificatesOutput, error) {
	_, err := x.listener(in.ListenerArn)
	return &elb.DescribeListenerCertificatesOutput{Certificates: []types.Certificate{}}, err
}

// actions checks a listener's or rule's actions and returns them as AWS
// describes them.
func (x *ELB) actions(balancerARN string, b loadBalancer, in []types.Action) ([]types.Action, error) {
	if len(in) == 0 {
		return nil, wire.Errorf("ValidationError", "At least one action must be specified")
	}
	if len(in) > 1 {
		return nil, wire.Errorf("InvalidLoadBalancerAction", "The sandbox does exactly one action for a rule: forward, redirect or fixed-response")
	}
	a := in[0]
	out := types.Action{Type: a.Type, Order: a.Order}
	var err error
	switch a.Type {
	case types.ActionTypeEnumForward:
		err = x.forward(balancerARN, b, a, &out)
	case types.ActionTypeEnumFixedResponse:
		out.FixedResponseConfig, err = fixed(a.FixedResponseConfig)
	case types.ActionTypeEnumRedirect:
		out.RedirectConfig, err = redirect(a.RedirectConfig)
	default:
		err = wire.Errorf("InvalidLoadBalancerAction", "The sandbox does not have actions of type '%s'", a.Type)
	}
	return []types.Action{out}, err
}

func (x *ELB) forward(balancerARN string, b loadBalancer, a types.Action, out *types.Action) error {
	var tuples []types.TargetGroupTuple
	var sticky *types.TargetGroupStickinessConfig
	if a.ForwardConfig != nil {
		tuples, sticky = a.ForwardConfig.TargetGroups, a.ForwardConfig.TargetGroupStickinessConfig
	}
	if len(tuples) == 0 && value(a.TargetGroupArn) != "" {
		tuples = []types.TargetGroupTuple{{TargetGroupArn: a.TargetGroupArn}}
	}
	switch {
	case len(tuples) == 0:
		return wire.Errorf("ValidationError", "A target group ARN must be specified for a forward action")
	case len(tuples) > 5:
		return wire.Errorf("TooManyTargetGroups", "A forward action can have at most 5 target groups")
	case value(a.TargetGroupArn) != "" && (len(tuples) != 1 || value(tuples[0].TargetGroupArn) != *a.TargetGroupArn):
		return wire.Errorf("ValidationError", "The target group ARN and the forward configuration must name the same target group")
	}
	config := &types.ForwardActionConfig{TargetGroupStickinessConfig: &types.TargetGroupStickinessConfig{Enabled: new(bool)}}
	if sticky != nil {
		config.TargetGroupStickinessConfig = &types.TargetGroupStickinessConfig{Enabled: given(sticky.Enabled, false)}
		if value(sticky.DurationSeconds) != 0 {
			config.TargetGroupStickinessConfig.DurationSeconds = given(sticky.DurationSeconds, 0)
		}
	}
	for _, t := range tuples {
		arn := value(t.TargetGroupArn)
		g, err := x.group(arn)
		if err != nil {
			return err
		}
		if value(g.Group.VpcId) != value(b.Balancer.VpcId) {
			return wire.Errorf("InvalidConfigurationRequest", "The target group '%s' and the load balancer '%s' are not in the same VPC", arn, balancerARN)
		}
		if others := x.balancersOf(arn); len(others) > 0 && !slices.Contains(others, balancerARN) {
			return wire.Errorf("TargetGroupAssociationLimit", "The following target groups cannot be associated with more than one load balancer: %s", arn)
		}
		weight := int32(1)
		if t.Weight != nil {
			weight = *t.Weight
		}
		if weight < 0 || weight > 999 {
			return wire.Errorf("ValidationError", "The weight '%d' must be between 0 and 999 inclusive", weight)
		}
		config.TargetGroups = append(config.TargetGroups, types.TargetGroupTuple{TargetGroupArn: &arn, Weight: &weight})
	}
	out.ForwardConfig = config
	if len(tuples) == 1 {
		out.TargetGroupArn = config.TargetGroups[0].TargetGroupArn
	}
	return nil
}

func fixed(in *types.FixedResponseActionConfig) (*types.FixedResponseActionConfig, error) {
	if in == nil {
		return nil, wire.Errorf("ValidationError", "A fixed response configuration must be specified for a fixed-response action")
	}
	if c := value(in.StatusCode); len(c) != 3 || !strings.Contains("245", c[:1]) || strings.Trim(c, "0123456789") != "" {
		return nil, wire.Errorf("ValidationError", "The fixed response code '%s' must be 2XX, 4XX or 5XX", c)
	}
	contentTypes := []string{"", "text/plain", "text/css", "text/html", "application/javascript", "application/json"}
	if !slices.Contains(contentTypes, value(in.ContentType)) {
		return nil, wire.Errorf("ValidationError", "The fixed response content type '%s' must be one of %s", value(in.ContentType), strings.Join(contentTypes[1:], ", "))
	}
	if len(value(in.MessageBody)) > 1024 {
		return nil, wire.Errorf("ValidationError", "The fixed response body can have at most 1024 characters")
	}
	return &types.FixedResponseActionConfig{StatusCode: in.StatusCode, ContentType: in.ContentType, MessageBody: in.MessageBody}, nil
}

func redirect(in *types.RedirectActionConfig) (*types.RedirectActionConfig, error) {
	if in == nil {
		return nil, wire.Errorf("ValidationError", "A redirect configuration must be specified for a redirect action")
	}
	if in.StatusCode != types.RedirectActionStatusCodeEnumHttp301 && in.StatusCode != types.RedirectActionStatusCodeEnumHttp302 {
		return nil, wire.Errorf("ValidationError", "The redirect status code '%s' must be HTTP_301 or HTTP_302", in.StatusCode)
	}
	out := &types.RedirectActionConfig{
		StatusCode: in.StatusCode, Protocol: given(in.Protocol, "#{protocol}"), Host: given(in.Host, "#{host}"),
		Port: given(in.Port, "#{port}"), Path: given(in.Path, "/#{path}"), Query: given(in.Query, "#{query}"),
	}
	if in.Query != nil {
		out.Query = text("%s", *in.Query) // an empty query is one that is dropped
	}
	if !strings.HasPrefix(*out.Path, "/") {
		return nil, wire.Errorf("ValidationError", "The redirect path '%s' must begin with a '/' character", *out.Path)
	}
	if p := *out.Protocol; p != "HTTP" && p != "HTTPS" && p != "#{protocol}" {
		return nil, wire.Errorf("ValidationError", "The redirect protocol '%s' must be HTTP, HTTPS or #{protocol}", p)
	}
	if *out.Protocol == "#{protocol}" && *out.Host == "#{host}" && *out.Port == "#{port}" && *out.Path == "/#{path}" {
		return nil, wire.Errorf("InvalidLoadBalancerAction", "The redirect configuration is not valid because it creates a loop.")
	}
	return out, nil
}

// groupsOf lists the target groups that actions name.
func groupsOf(actions []types.Action) []string {
	var out []string
	for _, a := range actions {
		if a.ForwardConfig != nil {
			for _, t := range a.ForwardConfig.TargetGroups {
				out = append(out, value(t.TargetGroupArn))
			}
		}
	}
	return out
}
