package elbv2

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/balancer"
	"workshop/internal/sandbox/wire"
)

// targetGroup is the record of a target group. LoadBalancerArns are filled in
// when it is described.
type targetGroup struct {
	Group      types.TargetGroup
	Attributes map[string]string
	Tags       map[string]string
	Targets    []balancer.Target // those that RegisterTargets added
}

func (x *ELB) groupOperations(s *wire.Service) {
	wire.Handle(s, "CreateTargetGroup", x.createGroup)
	wire.Handle(s, "DescribeTargetGroups", x.describeGroups)
	wire.Handle(s, "ModifyTargetGroup", x.modifyGroup)
	wire.Handle(s, "DeleteTargetGroup", x.deleteGroup)
	wire.Handle(s, "DescribeTargetGroupAttributes", x.describeGroupAttributes)
	wire.Handle(s, "ModifyTargetGroupAttributes", x.modifyGroupAttributes)
}

// group finds a target group by its ARN.
func (x *ELB) group(arn string) (targetGroup, error) {
	if !strings.Contains(arn, ":targetgroup/") {
		return targetGroup{}, wire.Errorf("ValidationError", "'%s' is not a valid target group ARN", arn)
	}
	g, ok := x.groups.Get(arn)
	if !ok {
		return targetGroup{}, wire.Errorf("TargetGroupNotFound", "One or more target groups not found")
	}
	return g, nil
}

func (x *ELB) createGroup(_ context.Context, in *elb.CreateTargetGroupInput) (*elb.CreateTargetGroupOutput, error) {
	name := value(in.Name)
	if err := named("Target group", name); err != nil {
		return nil, err
	}
	kind := in.TargetType
	if kind == "" {
		kind = types.TargetTypeEnumInstance
	}
	if kind != types.TargetTypeEnumIp && kind != types.TargetTypeEnumInstance {
		return nil, wire.Errorf("InvalidConfigurationRequest", "The sandbox has target groups of the types 'ip' and 'instance' only, not '%s'", kind)
	}
	if in.Protocol == "" || value(in.Port) == 0 || value(in.VpcId) == "" {
		return nil, wire.Errorf("ValidationError", "A protocol, a port and a VPC must be specified")
	}
	if in.Protocol != types.ProtocolEnumHttp && in.Protocol != types.ProtocolEnumHttps {
		return nil, wire.Errorf("InvalidConfigurationRequest", "The sandbox's target groups have the protocols 'HTTP' and 'HTTPS' only, not '%s'", in.Protocol)
	}
	if v := value(in.ProtocolVersion); v != "" && v != "HTTP1" {
		return nil, wire.Errorf("InvalidConfigurationRequest", "The sandbox's target groups have the protocol version 'HTTP1' only, not '%s'", v)
	}
	if in.IpAddressType != "" && in.IpAddressType != types.TargetGroupIpAddressTypeEnumIpv4 {
		return nil, wire.Errorf("InvalidConfigurationRequest", "The sandbox's target groups have the IP address type 'ipv4' only, not '%s'", in.IpAddressType)
	}
	if err := validPort(*in.Port); err != nil {
		return nil, err
	}
	if !x.network.VPC(*in.VpcId) {
		return nil, wire.Errorf("ValidationError", "The VPC ID '%s' is not found", *in.VpcId)
	}
	tags, err := tagMap(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	protocol := in.HealthCheckProtocol
	if protocol == "" {
		protocol = types.ProtocolEnumHttp
	}
	vpc, port, enabled := *in.VpcId, *in.Port, true
	group := types.TargetGroup{
		TargetGroupName: &name, TargetType: kind, Protocol: in.Protocol, ProtocolVersion: text("HTTP1"), Port: &port, VpcId: &vpc,
		IpAddressType: types.TargetGroupIpAddressTypeEnumIpv4, HealthCheckEnabled: &enabled, HealthCheckProtocol: protocol,
		HealthCheckPort: given(in.HealthCheckPort, "traffic-port"), HealthCheckPath: given(in.HealthCheckPath, "/"),
		HealthCheckIntervalSeconds: given(in.HealthCheckIntervalSeconds, 30), HealthCheckTimeoutSeconds: given(in.HealthCheckTimeoutSeconds, 5),
		HealthyThresholdCount: given(in.HealthyThresholdCount, 5), UnhealthyThresholdCount: given(in.UnhealthyThresholdCount, 2),
		Matcher: &types.Matcher{HttpCode: text("200")},
	}
	if in.Matcher != nil && value(in.Matcher.HttpCode) != "" {
		group.Matcher.HttpCode = text("%s", *in.Matcher.HttpCode)
	}
	if in.HealthCheckEnabled != nil && !*in.HealthCheckEnabled {
		return nil, wire.Errorf("ValidationError", "Health check enabled must be true for target groups with target type '%s'", kind)
	}
	if err := validCheck(group); err != nil {
		return nil, err
	}
	for _, g := range x.groups.All() {
		if value(g.Group.TargetGroupName) != name {
			continue
		}
		group.TargetGroupArn = g.Group.TargetGroupArn
		if reflect.DeepEqual(g.Group, group) {
			return &elb.CreateTargetGroupOutput{TargetGroups: []types.TargetGroup{x.presentGroup(g)}}, nil
		}
		return nil, wire.Errorf("DuplicateTargetGroupName", "A target group with the same name '%s' exists, but with different settings", name)
	}
	arn := x.account.ARN("elasticloadbalancing", "targetgroup/"+name+"/"+account.Hex(16))
	group.TargetGroupArn = &arn
	g := targetGroup{Group: group, Attributes: maps.Clone(groupDefaults), Tags: tags}
	x.groups.Put(arn, g)
	x.apply()
	return &elb.CreateTargetGroupOutput{TargetGroups: []types.TargetGroup{x.presentGroup(g)}}, nil
}

func validPort(n int32) error {
	if n < 1 || n > 65535 {
		return wire.Errorf("ValidationError", "Port '%d' must be between 1 and 65535 inclusive", n)
	}
	return nil
}

// validCheck holds a health check against those of AWS's limits that the model does
// not have.
func validCheck(g types.TargetGroup) error {
	if *g.HealthCheckTimeoutSeconds >= *g.HealthCheckIntervalSeconds {
		return wire.Errorf("ValidationError", "Health check timeout '%d' must be smaller than the interval '%d'", *g.HealthCheckTimeoutSeconds, *g.HealthCheckIntervalSeconds)
	}
	if g.HealthCheckProtocol != types.ProtocolEnumHttp && g.HealthCheckProtocol != types.ProtocolEnumHttps {
		return wire.Errorf("ValidationError", "Health check protocol '%s' must be HTTP or HTTPS", g.HealthCheckProtocol)
	}
	if p := *g.HealthCheckPort; p != "traffic-port" {
		n, err := strconv.ParseInt(p, 10, 32)
		if err != nil || validPort(int32(n)) != nil {
			return wire.Errorf("ValidationError", "Health check port '%s' must be between 1 and 65535 inclusive or 'traffic-port'", p)
		}
	}
	if p := *g.HealthCheckPath; !strings.HasPrefix(p, "/") || len(p) > 1024 || strings.ContainsAny(p, " \r\n") {
		return wire.Errorf("ValidationError", "Health check path '%s' must begin with a '/' character, and can contain at most 1024 printable ASCII characters, without spaces", p)
	}
	if _, err := balancer.ParseCodes(*g.Matcher.HttpCode); err != nil {
		return wire.Errorf("ValidationError", "Health check matcher HTTP code '%s' must be within '200-499' inclusive", *g.Matcher.HttpCode)
	}
	return nil
}

func (x *ELB) presentGroup(g targetGroup) types.TargetGroup {
	out := g.Group
	out.LoadBalancerArns = x.balancersOf(*g.Group.TargetGroupArn)
	return out
}

// balancersOf lists the load balancers whose listeners and rules name a group;
// AWS allows one.
func (x *ELB) balancersOf(group string) []string {
	out := []string{}
	add := func(l listener) {
		if !slices.Contains(out, l.balancer()) {
			out = append(out, l.balancer())
		}
	}
	for _, l := range x.listeners.All() {
		if slices.Contains(groupsOf(l.Listener.DefaultActions), group) {
			add(l)
		}
	}
	for _, r := range x.rules.All() {
		if l, ok := x.listeners.Get(r.Listener); ok && slices.Contains(groupsOf(r.Rule.Actions), group) {
			add(l)
		}
	}
	return out
}

func (x *ELB) describeGroups(_ context.Context, in *elb.DescribeTargetGroupsInput) (*elb.DescribeTargetGroupsOutput, error) {
	filters := 0
	for _, given := range []bool{len(in.Names) > 0, len(in.TargetGroupArns) > 0, value(in.LoadBalancerArn) != ""} {
		if given {
			filters++
		}
	}
	if filters > 1 {
		return nil, wire.Errorf("ValidationError", "Target group names, target group ARNs, and a load balancer ARN cannot be specified at the same time")
	}
	if value(in.LoadBalancerArn) != "" {
		if _, err := x.balancer(in.LoadBalancerArn); err != nil {
			return nil, err
		}
	}
	var all []types.TargetGroup
	found := map[string]bool{}
	for arn, g := range x.groups.All() {
		name := value(g.Group.TargetGroupName)
		if !wanted(in.Names, name) || !wanted(in.TargetGroupArns, arn) {
			continue
		}
		found[name], found[arn] = true, true
		if out := x.presentGroup(g); value(in.LoadBalancerArn) == "" || slices.Contains(out.LoadBalancerArns, *in.LoadBalancerArn) {
			all = append(all, out)
		}
	}
	for _, n := range append(slices.Clone(in.Names), in.TargetGroupArns...) {
		if !found[n] {
			return nil, wire.Errorf("TargetGroupNotFound", "One or more target groups not found")
		}
	}
	items, next, err := page(all, in.Marker, in.PageSize)
	return &elb.DescribeTargetGroupsOutput{TargetGroups: items, NextMarker: next}, err
}

func (x *ELB) modifyGroup(_ context.Context, in *elb.ModifyTargetGroupInput) (*elb.ModifyTargetGroupOutput, error) {
	g, err := x.group(value(in.TargetGroupArn))
	if err != nil {
		return nil, err
	}
	n := &g.Group
	n.HealthCheckIntervalSeconds = given(in.HealthCheckIntervalSeconds, *n.HealthCheckIntervalSeconds)
	n.HealthCheckTimeoutSeconds = given(in.HealthCheckTimeoutSeconds, *n.HealthCheckTimeoutSeconds)
	n.HealthyThresholdCount = given(in.HealthyThresholdCount, *n.HealthyThresholdCount)
	n.UnhealthyThresholdCount = given(in.UnhealthyThresholdCount, *n.UnhealthyThresholdCount)
	n.HealthCheckPath = given(in.HealthCheckPath, *n.HealthCheckPath)
	n.HealthCheckPort = given(in.HealthCheckPort, *n.HealthCheckPort)
	if in.HealthCheckProtocol != "" {
		n.HealthCheckProtocol = in.HealthCheckProtocol
	}
	if in.Matcher != nil && value(in.Matcher.HttpCode) != "" {
		n.Matcher = &types.Matcher{HttpCode: text("%s", *in.Matcher.HttpCode)}
	}
	if in.HealthCheckEnabled != nil && !*in.HealthCheckEnabled {
		return nil, wire.Errorf("ValidationError", "Health check enabled must be true for target groups with target type '%s'", n.TargetType)
	}
	if err := validCheck(*n); err != nil {
		return nil, err
	}
	x.groups.Put(*in.TargetGroupArn, g)
	x.apply()
	return &elb.ModifyTargetGroupOutput{TargetGroups: []types.TargetGroup{x.presentGroup(g)}}, nil
}

// deleteGroup deletes a group that nothing uses; one that is not there is no
// error.
func (x *ELB) deleteGroup(_ context.Context, in *elb.DeleteTargetGroupInput) (*elb.DeleteTargetGroupOutput, error) {
	arn := value(in.TargetGroupArn)
	if !strings.Contains(arn, ":targetgroup/") {
		return nil, wire.Errorf("ValidationError", "'%s' is not a valid target group ARN", arn)
	}
	if len(x.balancersOf(arn)) > 0 {
		return nil, wire.Errorf("ResourceInUse", "Target group '%s' is currently in use by a listener or a rule", arn)
	}
	x.groups.Delete(arn)
	x.setTasks(arn, nil)
	x.apply()
	return nil, nil
}
