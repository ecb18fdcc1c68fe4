package elbv2

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strconv"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"workshop/internal/sandbox/balancer"
	"workshop/internal/sandbox/wire"
)

func (x *ELB) targetOperations(s *wire.Service) {
	wire.Handle(s, "RegisterTargets", x.registerTargets)
	wire.Handle(s, "DeregisterTargets", x.deregisterTargets)
	wire.Handle(s, "DescribeTargetHealth", x.describeTargetHealth)
}

// targets lists what is registered with a group, by users and by ECS.
func (x *ELB) targets(arn string, g targetGroup) []balancer.Target {
	out := slices.Clone(g.Targets)
	for _, t := range x.tasks[arn] {
		if !slices.ContainsFunc(out, func(o balancer.Target) bool { return o.IP == t.IP && o.Port == t.Port }) {
			out = append(out, t)
		}
	}
	return out
}

// target reads a target that a client names; without a port it has the group's.
func target(g targetGroup, d types.TargetDescription) (balancer.Target, error) {
	id := value(d.Id)
	if g.Group.TargetType == types.TargetTypeEnumInstance {
		return balancer.Target{}, wire.Errorf("InvalidTarget", "The following targets are not in a running state and cannot be registered: '%s'", id)
	}
	ip, err := netip.ParseAddr(id)
	if err != nil || !ip.Is4() {
		return balancer.Target{}, wire.Errorf("ValidationError", "The IP address '%s' is not a valid IPv4 address", id)
	}
	if !ip.IsPrivate() && !netip.MustParsePrefix("100.64.0.0/10").Contains(ip) {
		return balancer.Target{}, wire.Errorf("InvalidTarget", "The IP address '%s' is not within the VPC's CIDR blocks or the allowed private ranges", id)
	}
	port := given(d.Port, *g.Group.Port)
	if err := validPort(*port); err != nil {
		return balancer.Target{}, err
	}
	return balancer.Target{IP: ip.String(), Port: int(*port), Zone: value(d.AvailabilityZone)}, nil
}

func (x *ELB) registerTargets(_ context.Context, in *elb.RegisterTargetsInput) (*elb.RegisterTargetsOutput, error) {
	arn := value(in.TargetGroupArn)
	g, err := x.group(arn)
	if err != nil {
		return nil, err
	}
	g.Targets = slices.Clone(g.Targets)
	for _, d := range in.Targets {
		t, err := target(g, d)
		if err != nil {
			return nil, err
		}
		same := func(o balancer.Target) bool { return o.IP == t.IP && o.Port == t.Port }
		if !slices.ContainsFunc(g.Targets, same) && !slices.ContainsFunc(x.tasks[arn], same) {
			g.Targets = append(g.Targets, t)
		}
	}
	const most = 1000 // the default quota of targets for an Application Load Balancer
	if len(g.Targets) > most {
		return nil, wire.Errorf("TooManyTargets", "The maximum number of targets for the target group '%s' has been reached", arn)
	}
	x.groups.Put(arn, g)
	x.apply()
	return nil, nil
}

func (x *ELB) deregisterTargets(_ context.Context, in *elb.DeregisterTargetsInput) (*elb.DeregisterTargetsOutput, error) {
	arn := value(in.TargetGroupArn)
	if _, err := x.group(arn); err != nil {
		return nil, err
	}
	for _, d := range in.Targets {
		// Without a port, every registration of that address goes.
		x.deregister(arn, func(t balancer.Target) bool {
			return t.IP == value(d.Id) && (value(d.Port) == 0 || t.Port == int(*d.Port))
		})
	}
	x.apply()
	return nil, nil
}

// deregister removes a group's targets that match and says whether there were
// any.
func (x *ELB) deregister(arn string, match func(balancer.Target) bool) bool {
	found := false
	remove := func(from []balancer.Target) []balancer.Target {
		out := slices.DeleteFunc(slices.Clone(from), match)
		found = found || len(out) != len(from)
		return out
	}
	if left := remove(x.tasks[arn]); len(left) != len(x.tasks[arn]) {
		x.setTasks(arn, left)
	}
	if g, ok := x.groups.Get(arn); ok {
		if left := remove(g.Targets); len(left) != len(g.Targets) {
			g.Targets = left
			x.groups.Put(arn, g)
		}
	}
	return found
}

func (x *ELB) describeTargetHealth(_ context.Context, in *elb.DescribeTargetHealthInput) (*elb.DescribeTargetHealthOutput, error) {
	arn := value(in.TargetGroupArn)
	g, err := x.group(arn)
	if err != nil {
		return nil, err
	}
	known := x.plane.Targets(arn)
	slices.SortFunc(known, func(a, b balancer.TargetHealth) int {
		return cmp.Or(cmp.Compare(a.IP, b.IP), cmp.Compare(a.Port, b.Port))
	})
	out := []types.TargetHealthDescription{}
	if len(in.Targets) == 0 {
		for _, t := range known {
			out = append(out, describe(g, t))
		}
		return &elb.DescribeTargetHealthOutput{TargetHealthDescriptions: out}, nil
	}
	for _, d := range in.Targets {
		asked := balancer.TargetHealth{
			Target: balancer.Target{IP: value(d.Id), Port: int(*given(d.Port, *g.Group.Port))},
			Health: balancer.Health{State: balancer.Unused, Reason: "Target.NotRegistered", Description: "Target is not registered to the target group"},
		}
		for _, t := range known {
			if t.IP == asked.IP && t.Port == asked.Port {
				asked = t
			}
		}
		out = append(out, describe(g, asked))
	}
	return &elb.DescribeTargetHealthOutput{TargetHealthDescriptions: out}, nil
}

func describe(g targetGroup, t balancer.TargetHealth) types.TargetHealthDescription {
	port := int32(t.Port)
	checked := strconv.Itoa(t.Port)
	if p := *g.Group.HealthCheckPort; p != "traffic-port" {
		checked = p
	}
	d := types.TargetHealthDescription{
		Target:          &types.TargetDescription{Id: &t.IP, Port: &port},
		HealthCheckPort: &checked,
		TargetHealth:    &types.TargetHealth{State: types.TargetHealthStateEnum(t.State), Reason: types.TargetHealthReasonEnum(t.Reason)},
	}
	if t.Zone != "" {
		d.Target.AvailabilityZone = &t.Zone
	}
	if t.Description != "" {
		d.TargetHealth.Description = &t.Description
	}
	return d
}
