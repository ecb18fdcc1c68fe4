package ecs

import (
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Deployments that shift traffic: blue/green, linear and canary. The tasks of the new
// revision start beside those of the old one, in the other of two target groups; then
// the weights of a listener rule move, and after a bake time the old tasks stop
// (developer guide, "Amazon ECS blue/green service deployments workflow").

// shifts reports whether deployments with this configuration shift traffic.
func shifts(c types.DeploymentConfiguration) bool {
	return c.Strategy != "" && c.Strategy != types.DeploymentStrategyRolling
}

// stages are what a deployment that shifts traffic goes through, in this order.
var stages = []types.ServiceDeploymentLifecycleStage{
	types.ServiceDeploymentLifecycleStageReconcileService, // only where an earlier deployment was under way
	types.ServiceDeploymentLifecycleStagePreScaleUp,
	types.ServiceDeploymentLifecycleStageScaleUp,
	types.ServiceDeploymentLifecycleStagePostScaleUp,
	types.ServiceDeploymentLifecycleStageTestTrafficShift, // only with a test listener rule
	types.ServiceDeploymentLifecycleStagePostTestTrafficShift,
	types.ServiceDeploymentLifecycleStageProductionTrafficShift,
	types.ServiceDeploymentLifecycleStagePostProductionTrafficShift,
	types.ServiceDeploymentLifecycleStageBakeTime, // only where there are old tasks
	types.ServiceDeploymentLifecycleStageCleanUp,
}

// step is one of those in which production traffic goes to a new revision.
type step struct {
	percent int32 // of the traffic, from then on
	bake    int32 // minutes until the next step
}

// steps returns a strategy's. The defaults are those of the API reference. The last one
// has no bake time of its own: the stage BAKE_TIME follows.
func steps(c types.DeploymentConfiguration) []step {
	whole := func(percent float64) int32 { return int32(max(math.Round(percent), 1)) }
	switch c.Strategy {
	case types.DeploymentStrategyCanary:
		percent, bake := 5.0, int32(10)
		if n := c.CanaryConfiguration; n != nil {
			percent, bake = or(n.CanaryPercent, percent), or(n.CanaryBakeTimeInMinutes, bake)
		}
		if percent < 100 {
			return []step{{whole(percent), bake}, {percent: 100}}
		}
	case types.DeploymentStrategyLinear:
		percent, bake := 10.0, int32(6)
		if n := c.LinearConfiguration; n != nil {
			percent, bake = or(n.StepPercent, percent), or(n.StepBakeTimeInMinutes, bake)
		}
		var out []step
		for sum := percent; sum < 100; sum += percent {
			out = append(out, step{whole(sum), bake})
		}
		return append(out, step{percent: 100})
	}
	return []step{{percent: 100}}
}

func or[T any](p *T, otherwise T) T {
	if p != nil {
		return *p
	}
	return otherwise
}

// checkShift checks what a service whose deployments shift traffic names in its load
// balancers. The text on roles is AWS's, the others are ours.
func (e *ECS) checkShift(c types.DeploymentConfiguration, balancers []types.LoadBalancer) error {
	for _, l := range balancers {
		a := l.AdvancedConfiguration
		if a == nil {
			if shifts(c) {
				return invalid("Each load balancer must have an advancedConfiguration when the deployment strategy is %s.", c.Strategy)
			}
			continue
		}
		primary, alternate := aws.ToString(l.TargetGroupArn), aws.ToString(a.AlternateTargetGroupArn)
		switch {
		case alternate == "" || aws.ToString(a.ProductionListenerRule) == "" || aws.ToString(a.RoleArn) == "":
			return invalid("An advancedConfiguration must have an alternateTargetGroupArn, a productionListenerRule and a roleArn.")
		case alternate == primary:
			return invalid("The target group and the alternate target group must not be the same: %s", alternate)
		}
		is, ok := e.targets.TargetGroup(alternate)
		if !ok {
			return invalid("The specified target group does not exist: %s", alternate)
		}
		if of, _ := e.targets.TargetGroup(primary); of.Type != is.Type {
			return invalid("The target groups %s and %s must have the same target type.", primary, alternate)
		}
		for _, rule := range []*string{a.ProductionListenerRule, a.TestListenerRule} {
			if rule == nil {
				continue
			}
			weights := e.targets.Weights(*rule)
			if _, ours := weights[primary]; !ours {
				if _, ours = weights[alternate]; !ours {
					return invalid("The listener rule %s does not exist, or does not forward to %s or %s.", *rule, primary, alternate)
				}
			}
		}
		if r, ok := e.roles.Role(*a.RoleArn); !ok || !strings.Contains(r.Trust, `"ecs.amazonaws.com"`) {
			return invalid("Unable to assume role and validate the specified targetGroupArn. Please verify that the ECS service role being passed has the proper permissions.")
		}
	}
	return nil
}

// start sets a new deployment on its way where the service's deployments shift traffic.
// Its tasks go to those of the target groups that have no production traffic, and both
// are in the rule from now on: so the load balancer checks the new tasks.
func (e *ECS) start(s *service, d *deployment, now time.Time) {
	if !shifts(s.Configuration) {
		return
	}
	d.Stage, d.StageAt = types.ServiceDeploymentLifecycleStagePreScaleUp, now
	d.Targets = slices.Clone(d.Revision.LoadBalancers)
	for i, l := range d.Targets {
		w := e.targets.Weights(*l.AdvancedConfiguration.ProductionListenerRule)
		if w[*l.TargetGroupArn] >= w[*l.AdvancedConfiguration.AlternateTargetGroupArn] {
			d.Targets[i].TargetGroupArn = l.AdvancedConfiguration.AlternateTargetGroupArn
		}
	}
	if len(s.Deployments) > 0 && !slices.ContainsFunc(s.Deployments, func(o deployment) bool { return o.Weight > 0 }) {
		s.Deployments[0].Weight = 100 // of a strategy that did not count it
	}
	if len(s.Deployments) > 1 {
		d.Stage = types.ServiceDeploymentLifecycleStageReconcileService
	}
}

// weigh sends a share of the production traffic, in percent, to a deployment of a
// service and the rest to the one that had it all.
func (p *pass) weigh(d *deployment, percent int32) error {
	if err := p.route(d, percent, production); err != nil {
		return err
	}
	for i := range p.service.Deployments {
		if o := &p.service.Deployments[i]; o.ID != d.ID && o.Weight > 0 {
			o.Weight = 100 - percent
		}
	}
	d.Weight = percent
	p.dirty = true
	return nil
}

func production(a *types.AdvancedConfiguration) *string { return a.ProductionListenerRule }
func test(a *types.AdvancedConfiguration) *string       { return a.TestListenerRule }

// route sets the weights of a rule of each of the deployment's load balancers.
func (p *pass) route(d *deployment, percent int32, rule func(*types.AdvancedConfiguration) *string) error {
	for i, l := range d.Targets {
		a := l.AdvancedConfiguration
		arn := rule(a)
		if arn == nil {
			continue
		}
		other := *a.AlternateTargetGroupArn
		if other == *l.TargetGroupArn {
			other = *d.Revision.LoadBalancers[i].TargetGroupArn
		}
		if err := p.ECS.targets.SetWeights(*arn, map[string]int32{*l.TargetGroupArn: percent, other: 100 - percent}); err != nil {
			return err
		}
	}
	return nil
}

// shift takes the primary deployment on to its next stage when that is due.
func (p *pass) shift() {
	s, d := p.service, p.primary()
	if d.Stage == "" || d.Rollout != types.DeploymentRolloutStateInProgress || s.Status != active {
		return
	}
	if at := d.StageAt.Add(p.stays(d)); p.now.Before(at) {
		p.again(at)
		return
	}
	var err error
	switch d.Stage {
	case types.ServiceDeploymentLifecycleStageReconcileService:
		for _, t := range p.tasks {
			if t.alive() && !p.serves(t) {
				return
			}
		}
	case types.ServiceDeploymentLifecycleStagePreScaleUp:
		err = p.weigh(d, 0)
	case types.ServiceDeploymentLifecycleStageScaleUp:
		if !p.settled(d) {
			return
		}
	case types.ServiceDeploymentLifecycleStageTestTrafficShift:
		err = p.route(d, 100, test)
	case types.ServiceDeploymentLifecycleStageProductionTrafficShift:
		all := steps(s.Configuration)
		if err = p.weigh(d, all[min(d.Step, len(all)-1)].percent); err == nil && d.Step < len(all)-1 {
			d.Step++
			d.StageAt = p.now
			p.again(d.StageAt.Add(p.stays(d)))
			return
		}
	case types.ServiceDeploymentLifecycleStageCleanUp:
		return // the rest is as in any deployment
	}
	if err != nil {
		p.wait(d, err)
		return
	}
	d.Stage, d.StageAt, p.dirty = p.following(d), p.now, true
	p.again(d.StageAt.Add(p.stays(d)))
}

// wait says once why traffic cannot shift, in words of ours, and tries again until a
// user has repaired the rule.
func (p *pass) wait(d *deployment, err error) {
	reason := "The traffic cannot be shifted: " + err.Error()
	if d.Reason != reason {
		d.Reason, p.dirty = reason, true
		p.event("(service %s) (deployment %s) %s", p.service.Name, d.ID, reason)
	}
	p.again(p.now.Add(p.timing.Poll))
}

// takeBack gives all traffic to the deployment that the service was rolled back to; the
// tasks of the one that was given up, which is the next, are not needed any more.
func (p *pass) takeBack() {
	d, from := p.primary(), &p.service.Deployments[1]
	if from.Stage == "" {
		return
	}
	if err := errors.Join(p.route(from, 0, production), p.route(from, 0, test)); err != nil {
		p.event("(service %s) (deployment %s) %s", p.service.Name, d.ID, err)
	}
	d.Weight, from.Weight = 100, 0
	d.Stage, d.StageAt = types.ServiceDeploymentLifecycleStageCleanUp, p.now
}

// following is the stage after the deployment's.
func (p *pass) following(d *deployment) types.ServiceDeploymentLifecycleStage {
	skip := func(stage types.ServiceDeploymentLifecycleStage) bool {
		switch stage {
		case types.ServiceDeploymentLifecycleStageTestTrafficShift, types.ServiceDeploymentLifecycleStagePostTestTrafficShift:
			return !slices.ContainsFunc(d.Targets, func(l types.LoadBalancer) bool { return l.AdvancedConfiguration.TestListenerRule != nil })
		case types.ServiceDeploymentLifecycleStageBakeTime:
			return len(p.service.Deployments) == 1
		}
		return false
	}
	i := slices.Index(stages, d.Stage) + 1
	for skip(stages[i]) {
		i++
	}
	return stages[i]
}

// stays is how long a deployment stays in its stage at least.
func (p *pass) stays(d *deployment) time.Duration {
	minutes := int32(0)
	switch d.Stage {
	case types.ServiceDeploymentLifecycleStageBakeTime:
		minutes = aws.ToInt32(p.service.Configuration.BakeTimeInMinutes)
	case types.ServiceDeploymentLifecycleStageProductionTrafficShift:
		if d.Step > 0 {
			minutes = steps(p.service.Configuration)[d.Step-1].bake
		}
	}
	return max(time.Duration(minutes)*time.Minute/time.Duration(p.timing.Hurry), p.timing.Poll)
}

// serves reports whether a task is of a deployment that gets production traffic.
func (p *pass) serves(t *task) bool {
	return slices.ContainsFunc(p.service.Deployments, func(d deployment) bool { return d.ID == t.Deployment && d.Weight > 0 })
}

// settled reports whether a deployment has all its tasks, and all of them healthy.
func (p *pass) settled(d *deployment) bool {
	tasks := p.of(d.ID)
	return len(tasks) == int(p.service.Desired) && !slices.ContainsFunc(tasks, func(t *task) bool { return !t.Settled || t.Unhealthy != nil })
}

// replaced returns those tasks of earlier deployments that the primary one, which
// shifts traffic, needs no more.
func (p *pass) replaced(old []*task) []*task {
	switch p.primary().Stage {
	case types.ServiceDeploymentLifecycleStageCleanUp:
		return old
	case types.ServiceDeploymentLifecycleStageReconcileService:
		return slices.DeleteFunc(slices.Clone(old), p.serves)
	}
	return nil
}

// showWeights adds to what is said of a revision the shares of the traffic that the
// deployment has, if it is the revision's.
func (d deployment) showWeights(arn string, to *types.ServiceRevisionSummary) {
	if *to.Arn != arn || d.Stage == "" && d.Weight == 0 {
		return
	}
	to.RequestedProductionTrafficWeight = aws.Float64(float64(d.Weight))
	tested := 0.0
	if slices.Index(stages, d.Stage) > slices.Index(stages, types.ServiceDeploymentLifecycleStageTestTrafficShift) {
		tested = 100
	}
	if slices.ContainsFunc(d.Targets, func(l types.LoadBalancer) bool { return l.AdvancedConfiguration.TestListenerRule != nil }) {
		to.RequestedTestTrafficWeight = aws.Float64(tested)
	}
}

// resolved says where a revision's traffic comes in.
func resolved(d deployment) *types.ResolvedConfiguration {
	if d.Targets == nil {
		return nil
	}
	out := &types.ResolvedConfiguration{}
	for _, l := range d.Targets {
		out.LoadBalancers = append(out.LoadBalancers, types.ServiceRevisionLoadBalancer{
			TargetGroupArn: l.TargetGroupArn, ProductionListenerRule: l.AdvancedConfiguration.ProductionListenerRule,
		})
	}
	return out
}
