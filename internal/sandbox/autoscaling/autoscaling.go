// Package autoscaling is the sandbox's Application Auto Scaling for ECS
// services: scalable targets, and policies that act on CloudWatch's alarms.
//
// A target tracking policy has the two alarms that AWS makes for it, with AWS's
// names, thresholds and periods. How long their minutes take, and those of
// cooldowns, is the sandbox's to say: see Timing and cloudwatch.Timing.
package autoscaling

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	aas "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	alarms "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/google/uuid"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/store"
	"workshop/internal/sandbox/tags"
	"workshop/internal/sandbox/wire"
)

// Timing is the service's part of the sandbox's speed.
type Timing struct {
	Minute time.Duration // how long a minute of a cooldown lasts, as cloudwatch.Timing has it for alarms
	Settle time.Duration // how often is looked whether ECS has done what it was asked for
}

// Real keeps AWS's feel, in which a minute takes ten seconds; Fast is for tests.
var (
	Real = Timing{Minute: 10 * time.Second, Settle: time.Second}
	Fast = Timing{Minute: 2 * time.Second, Settle: 100 * time.Millisecond}
)

// Services is what is scaled. Its methods need the sandbox's lock.
type Services interface {
	// DesiredCount is not ok for a service that is not there.
	DesiredCount(cluster, name string) (desired, runs int32, ok bool)
	SetDesiredCount(cluster, name string, count int32) error
}

// Alarms is what policies watch. Its methods need the sandbox's lock.
type Alarms interface {
	PutAlarm(a alarms.MetricAlarm, tags map[string]string)
	DeleteAlarms(names ...string)
	AlarmState(name string) alarms.StateValue // "" for one that is not there
}

// AutoScaling holds one account's scalable targets. Its exported methods need
// the sandbox's lock, but for Run.
type AutoScaling struct {
	account    *account.Account
	timing     Timing
	services   Services
	alarms     Alarms
	targets    *store.Table[target]
	policies   *store.Table[types.ScalingPolicy] // by ARN
	activities *store.Table[types.ScalingActivity]

	lower map[string]int32 // by policy: what its low alarm would scale in to
}

type target struct {
	types.ScalableTarget
	Tags map[string]string

	LastOut, LastIn time.Time // when it was scaled
	Base            int32     // the capacity before LastOut
}

// New opens the account's scalable targets.
func New(a *account.Account, t Timing, services Services, w Alarms) (*AutoScaling, error) {
	s := &AutoScaling{account: a, timing: t, services: services, alarms: w, lower: map[string]int32{}}
	err := errors.Join(
		store.OpenTable(a.Store, &s.targets, "autoscaling.target"),
		store.OpenTable(a.Store, &s.policies, "autoscaling.policy"),
		store.OpenTable(a.Store, &s.activities, "autoscaling.activity"),
	)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Tagged lists the scalable targets that have tags.
func (s *AutoScaling) Tagged() []account.Tagged {
	var out []account.Tagged
	for _, t := range s.targets.Find(func(t target) bool { return len(t.Tags) > 0 }) {
		out = append(out, account.Tagged{ARN: *t.ScalableTargetARN, Tags: t.Tags})
	}
	return out
}

func key(namespace types.ServiceNamespace, id *string, dimension types.ScalableDimension) string {
	return string(namespace) + "|" + aws.ToString(id) + "|" + string(dimension)
}

func noTarget(namespace types.ServiceNamespace, id *string, dimension types.ScalableDimension) error {
	return &types.ObjectNotFoundException{Message: aws.String("No scalable target found for service namespace: " +
		string(namespace) + ", resource ID: " + aws.ToString(id) + ", scalable dimension: " + string(dimension))}
}

func invalid(format string, args ...any) error {
	return wire.Errorf("ValidationException", format, args...)
}

// Service returns the API.
func (s *AutoScaling) Service() *wire.Service {
	w := &wire.Service{Name: "application-autoscaling", Protocol: wire.JSON, Target: "AnyScaleFrontendService", Casing: wire.Pascal}
	w.Refuse("ValidationException", "PutScalingPolicy", "PredictiveScalingPolicyConfiguration")
	wire.Handle(w, "RegisterScalableTarget", s.register)
	wire.Handle(w, "DescribeScalableTargets", s.describeTargets)
	wire.Handle(w, "DeregisterScalableTarget", s.deregister)
	wire.Handle(w, "PutScalingPolicy", s.putPolicy)
	wire.Handle(w, "DescribeScalingPolicies", s.describePolicies)
	wire.Handle(w, "DeleteScalingPolicy", s.deletePolicy)
	wire.Handle(w, "DescribeScalingActivities", s.describeActivities)
	wire.Handle(w, "DescribeScheduledActions", func(context.Context, *aas.DescribeScheduledActionsInput) (*aas.DescribeScheduledActionsOutput, error) {
		return &aas.DescribeScheduledActionsOutput{ScheduledActions: []types.ScheduledAction{}}, nil
	})
	wire.Handle(w, "ListTagsForResource", func(_ context.Context, in *aas.ListTagsForResourceInput) (*aas.ListTagsForResourceOutput, error) {
		t, err := s.byARN(in.ResourceARN)
		return &aas.ListTagsForResourceOutput{Tags: tags.Merge(t.Tags, nil)}, err
	})
	wire.Handle(w, "TagResource", func(_ context.Context, in *aas.TagResourceInput) (*aas.TagResourceOutput, error) {
		t, err := s.byARN(in.ResourceARN)
		if err != nil {
			return nil, err
		}
		t.Tags = tags.Merge(t.Tags, in.Tags)
		s.put(t)
		return nil, nil
	})
	wire.Handle(w, "UntagResource", func(_ context.Context, in *aas.UntagResourceInput) (*aas.UntagResourceOutput, error) {
		t, err := s.byARN(in.ResourceARN)
		if err != nil {
			return nil, err
		}
		t.Tags = tags.Without(t.Tags, in.TagKeys)
		s.put(t)
		return nil, nil
	})
	return w
}

func (s *AutoScaling) put(t target) {
	s.targets.Put(key(t.ServiceNamespace, t.ResourceId, t.ScalableDimension), t)
}

func (s *AutoScaling) byARN(arn *string) (target, error) {
	for _, t := range s.targets.Find(nil) {
		if *t.ScalableTargetARN == aws.ToString(arn) {
			return t, nil
		}
	}
	return target{}, &types.ResourceNotFoundException{Message: aws.String("The specified resource doesn't exist."), ResourceName: arn}
}

func (s *AutoScaling) register(_ context.Context, in *aas.RegisterScalableTargetInput) (*aas.RegisterScalableTargetOutput, error) {
	if in.ServiceNamespace != types.ServiceNamespaceEcs || in.ScalableDimension != types.ScalableDimensionECSServiceDesiredCount {
		return nil, invalid("The sandbox scales ecs:service:DesiredCount only, not %s of %s", in.ScalableDimension, in.ServiceNamespace)
	}
	cluster, name, ok := resource(in.ResourceId)
	if !ok {
		return nil, invalid("Unsupported service namespace, resource type or scalable dimension: an ECS service's resource ID is service/cluster/name, not %s", aws.ToString(in.ResourceId))
	}
	t, known := s.targets.Get(key(in.ServiceNamespace, in.ResourceId, in.ScalableDimension))
	if !known {
		if _, _, ok := s.services.DesiredCount(cluster, name); !ok {
			return nil, invalid("ECS service doesn't exist: %s", *in.ResourceId)
		}
		if in.MinCapacity == nil || in.MaxCapacity == nil {
			return nil, invalid("MinCapacity and MaxCapacity are required to register a new scalable target")
		}
		t.ScalableTarget = types.ScalableTarget{
			ServiceNamespace: in.ServiceNamespace, ResourceId: in.ResourceId, ScalableDimension: in.ScalableDimension,
			CreationTime:      aws.Time(s.account.Now().UTC().Truncate(time.Millisecond)),
			ScalableTargetARN: aws.String(s.account.ARN("application-autoscaling", "scalable-target/0ec5"+account.Hex(32))),
			RoleARN:           aws.String(s.account.GlobalARN("iam", "role/aws-service-role/ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService")),
			SuspendedState:    &types.SuspendedState{DynamicScalingInSuspended: aws.Bool(false), DynamicScalingOutSuspended: aws.Bool(false), ScheduledScalingSuspended: aws.Bool(false)},
		}
		t.Tags = in.Tags
	}
	if in.MinCapacity != nil {
		t.MinCapacity = in.MinCapacity
	}
	if in.MaxCapacity != nil {
		t.MaxCapacity = in.MaxCapacity
	}
	if in.SuspendedState != nil {
		t.SuspendedState = in.SuspendedState
	}
	if *t.MinCapacity < 0 || *t.MinCapacity > *t.MaxCapacity {
		return nil, invalid("Minimum capacity cannot be greater than maximum capacity")
	}
	s.put(t)
	s.clamp(t)
	return &aas.RegisterScalableTargetOutput{ScalableTargetARN: t.ScalableTargetARN}, nil
}

func (s *AutoScaling) describeTargets(_ context.Context, in *aas.DescribeScalableTargetsInput) (*aas.DescribeScalableTargetsOutput, error) {
	out := []types.ScalableTarget{}
	for _, t := range s.targets.Find(nil) {
		if t.ServiceNamespace != in.ServiceNamespace || len(in.ResourceIds) > 0 && !slices.Contains(in.ResourceIds, *t.ResourceId) ||
			in.ScalableDimension != "" && t.ScalableDimension != in.ScalableDimension {
			continue
		}
		out = append(out, t.ScalableTarget)
	}
	page, next, err := wire.Page(out, in.NextToken, pageOf(in.MaxResults), "InvalidNextTokenException")
	return &aas.DescribeScalableTargetsOutput{ScalableTargets: page, NextToken: next}, err
}

func (s *AutoScaling) deregister(_ context.Context, in *aas.DeregisterScalableTargetInput) (*aas.DeregisterScalableTargetOutput, error) {
	k := key(in.ServiceNamespace, in.ResourceId, in.ScalableDimension)
	if _, ok := s.targets.Get(k); !ok {
		return nil, noTarget(in.ServiceNamespace, in.ResourceId, in.ScalableDimension)
	}
	s.targets.Delete(k)
	for arn, p := range s.policies.All() { // a target takes its policies with it
		if key(p.ServiceNamespace, p.ResourceId, p.ScalableDimension) == k {
			s.drop(arn, p)
		}
	}
	return nil, nil
}

// drop deletes a policy with its alarms.
func (s *AutoScaling) drop(arn string, p types.ScalingPolicy) {
	if p.PolicyType == types.PolicyTypeTargetTrackingScaling {
		for _, a := range p.Alarms {
			s.alarms.DeleteAlarms(*a.AlarmName)
		}
	}
	s.policies.Delete(arn)
	delete(s.lower, arn)
}

func (s *AutoScaling) policyFor(k string, name *string) (types.ScalingPolicy, bool) {
	for _, p := range s.policies.Find(nil) {
		if key(p.ServiceNamespace, p.ResourceId, p.ScalableDimension) == k && *p.PolicyName == aws.ToString(name) {
			return p, true
		}
	}
	return types.ScalingPolicy{}, false
}

func (s *AutoScaling) putPolicy(_ context.Context, in *aas.PutScalingPolicyInput) (*aas.PutScalingPolicyOutput, error) {
	k := key(in.ServiceNamespace, in.ResourceId, in.ScalableDimension)
	if _, ok := s.targets.Get(k); !ok {
		return nil, noTarget(in.ServiceNamespace, in.ResourceId, in.ScalableDimension)
	}
	p, known := s.policyFor(k, in.PolicyName)
	if !known {
		id := uuid.NewString()
		p = types.ScalingPolicy{
			PolicyName: in.PolicyName, ServiceNamespace: in.ServiceNamespace, ResourceId: in.ResourceId, ScalableDimension: in.ScalableDimension,
			PolicyARN:    aws.String(s.account.ARN("autoscaling", "scalingPolicy:"+id+":resource/ecs/"+*in.ResourceId+":policyName/"+*in.PolicyName)),
			CreationTime: aws.Time(s.account.Now().UTC().Truncate(time.Millisecond)),
		}
	}
	was := p.PolicyType
	p.PolicyType = in.PolicyType
	if p.PolicyType == "" {
		p.PolicyType = types.PolicyTypeStepScaling
	}
	if known && was != p.PolicyType {
		return nil, invalid("The policy type of a policy cannot be changed: %s", was)
	}
	p.TargetTrackingScalingPolicyConfiguration, p.StepScalingPolicyConfiguration = nil, nil
	switch p.PolicyType {
	case types.PolicyTypeTargetTrackingScaling:
		c := in.TargetTrackingScalingPolicyConfiguration
		if c == nil || c.TargetValue == nil || *c.TargetValue <= 0 {
			return nil, invalid("A target tracking scaling policy needs a configuration with a target value above 0")
		}
		n := *c
		if n.DisableScaleIn == nil {
			n.DisableScaleIn = aws.Bool(false)
		}
		p.TargetTrackingScalingPolicyConfiguration = &n
		if err := s.track(&p); err != nil {
			return nil, err
		}
	case types.PolicyTypeStepScaling:
		c := in.StepScalingPolicyConfiguration
		if c == nil || len(c.StepAdjustments) == 0 || c.AdjustmentType == "" {
			return nil, invalid("A step scaling policy needs a configuration with an adjustment type and step adjustments")
		}
		p.StepScalingPolicyConfiguration = c
	default:
		return nil, invalid("The sandbox has target tracking and step scaling policies, not %s", p.PolicyType)
	}
	s.policies.Put(*p.PolicyARN, p)
	return &aas.PutScalingPolicyOutput{PolicyARN: p.PolicyARN, Alarms: orEmpty(p.Alarms)}, nil
}

// pageOf is how many results a page has: 50, unless fewer are asked for (API reference).
func pageOf(asked *int32) int {
	if n := aws.ToInt32(asked); n > 0 {
		return int(n)
	}
	return 50
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func (s *AutoScaling) describePolicies(_ context.Context, in *aas.DescribeScalingPoliciesInput) (*aas.DescribeScalingPoliciesOutput, error) {
	out := s.policies.Find(func(p types.ScalingPolicy) bool {
		return p.ServiceNamespace == in.ServiceNamespace &&
			(in.ResourceId == nil || *p.ResourceId == *in.ResourceId) &&
			(in.ScalableDimension == "" || p.ScalableDimension == in.ScalableDimension) &&
			(len(in.PolicyNames) == 0 || slices.Contains(in.PolicyNames, *p.PolicyName))
	})
	page, next, err := wire.Page(out, in.NextToken, pageOf(in.MaxResults), "InvalidNextTokenException")
	if page == nil {
		page = []types.ScalingPolicy{}
	}
	return &aas.DescribeScalingPoliciesOutput{ScalingPolicies: page, NextToken: next}, err
}

func (s *AutoScaling) deletePolicy(_ context.Context, in *aas.DeleteScalingPolicyInput) (*aas.DeleteScalingPolicyOutput, error) {
	p, ok := s.policyFor(key(in.ServiceNamespace, in.ResourceId, in.ScalableDimension), in.PolicyName)
	if !ok {
		return nil, &types.ObjectNotFoundException{Message: aws.String("No scaling policy found for service namespace: " + string(in.ServiceNamespace) + ", resource ID: " + aws.ToString(in.ResourceId) + ", scalable dimension: " + string(in.ScalableDimension) + ", policy name: " + aws.ToString(in.PolicyName))}
	}
	s.drop(*p.PolicyARN, p)
	return nil, nil
}
