package elbv2

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"workshop/internal/sandbox/wire"
)

// Weights returns the target groups, by ARN, that a rule forwards requests to with
// their weights; nil for a rule that is not there or does not forward. The ARN may be
// that of a listener's default rule.
func (x *ELB) Weights(ruleARN string) map[string]int32 {
	r, err := x.describedRule(ruleARN)
	if err != nil {
		return nil
	}
	var out map[string]int32
	for _, a := range r.Actions {
		if a.ForwardConfig == nil {
			continue
		}
		out = map[string]int32{}
		for _, t := range a.ForwardConfig.TargetGroups {
			out[value(t.TargetGroupArn)] = value(t.Weight)
		}
	}
	return out
}

// SetWeights has a rule that forwards, or a listener's default rule, forward to the
// given target groups and to no others, as Amazon ECS does when it shifts traffic. It
// fails with the errors of ModifyRule.
func (x *ELB) SetWeights(ruleARN string, weights map[string]int32) error {
	r, err := x.describedRule(ruleARN)
	if err != nil {
		return err
	}
	if len(r.Actions) != 1 || r.Actions[0].ForwardConfig == nil {
		return wire.Errorf("InvalidLoadBalancerAction", "The rule '%s' does not forward to target groups", ruleARN)
	}
	config := *r.Actions[0].ForwardConfig
	config.TargetGroups = nil
	for _, t := range r.Actions[0].ForwardConfig.TargetGroups { // in their order
		if _, ok := weights[value(t.TargetGroupArn)]; ok {
			config.TargetGroups = append(config.TargetGroups, types.TargetGroupTuple{TargetGroupArn: t.TargetGroupArn})
		}
	}
	for arn := range weights {
		if !slices.ContainsFunc(config.TargetGroups, func(t types.TargetGroupTuple) bool { return *t.TargetGroupArn == arn }) {
			config.TargetGroups = append(config.TargetGroups, types.TargetGroupTuple{TargetGroupArn: &arn})
		}
	}
	for i, t := range config.TargetGroups {
		config.TargetGroups[i].Weight = new(weights[*t.TargetGroupArn])
	}
	action := []types.Action{{Type: types.ActionTypeEnumForward, Order: r.Actions[0].Order, ForwardConfig: &config}}
	set := func(l listener) ([]types.Action, error) {
		b, err := x.balancer(l.Listener.LoadBalancerArn)
		if err != nil {
			return nil, err
		}
		return x.actions(l.balancer(), b, action)
	}
	for arn, l := range x.listeners.All() {
		if l.Default == ruleARN {
			if l.Listener.DefaultActions, err = set(l); err != nil {
				return err
			}
			x.listeners.Put(arn, l)
			x.apply()
			return nil
		}
	}
	stored, err := x.rule(&ruleARN)
	if err != nil {
		return err
	}
	l, err := x.listener(&stored.Listener)
	if err != nil {
		return err
	}
	if stored.Rule.Actions, err = set(l); err != nil {
		return err
	}
	x.rules.Put(ruleARN, stored)
	x.apply()
	return nil
}
