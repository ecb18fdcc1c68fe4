package autoscaling

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	aas "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	alarms "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/google/uuid"

	"workshop/internal/sandbox/wire"
)

// Numbers of target tracking's alarms (seen on AWS): three minutes above the
// target, or fifteen below nine tenths of it.
const (
	highPeriods  = 3
	lowPeriods   = 15
	lowThreshold = 0.9

	cooldown      = 300 // seconds, where a policy says nothing
	maxActivities = 100 // kept of each target; AWS keeps them for six weeks
)

// resource splits service/cluster/name.
func resource(id *string) (cluster, name string, ok bool) {
	parts := strings.Split(aws.ToString(id), "/")
	if len(parts) != 3 || parts[0] != "service" || parts[1] == "" || parts[2] == "" {
		return "", "", false
	}
	return parts[1], parts[2], true
}

// track makes or changes a target tracking policy's alarms.
func (s *AutoScaling) track(p *types.ScalingPolicy) error {
	c := p.TargetTrackingScalingPolicyConfiguration
	a, err := metric(p.ResourceId, c)
	if err != nil {
		return err
	}
	if len(p.Alarms) == 0 {
		for _, kind := range []string{"High", "Low"} {
			name := fmt.Sprintf("TargetTracking-%s-Alarm%s-%s", *p.ResourceId, kind, uuid.NewString())
			p.Alarms = append(p.Alarms, types.Alarm{AlarmName: aws.String(name), AlarmARN: aws.String(s.account.ARN("cloudwatch", "alarm:"+name))})
		}
	}
	a.Period, a.ActionsEnabled = aws.Int32(60), aws.Bool(true)
	a.AlarmActions = []string{*p.PolicyARN + ":createdBy/" + creator(*p.PolicyARN)}
	a.AlarmDescription = aws.String("DO NOT EDIT OR DELETE. For TargetTrackingScaling policy " + a.AlarmActions[0] + ".")
	high, low := a, a
	high.AlarmName, high.ComparisonOperator = p.Alarms[0].AlarmName, alarms.ComparisonOperatorGreaterThanThreshold
	high.Threshold, high.EvaluationPeriods = c.TargetValue, aws.Int32(highPeriods)
	low.AlarmName, low.ComparisonOperator = p.Alarms[1].AlarmName, alarms.ComparisonOperatorLessThanThreshold
	low.Threshold, low.EvaluationPeriods = aws.Float64(*c.TargetValue*lowThreshold), aws.Int32(lowPeriods)
	s.alarms.PutAlarm(high, nil)
	s.alarms.PutAlarm(low, nil)
	return nil
}

// creator is the id that AWS appends to a policy's ARN in its alarms: always the
// same for a policy.
func creator(arn string) string { return uuid.NewSHA1(uuid.NameSpaceURL, []byte(arn)).String() }

// metric is the metric that a policy tracks.
func metric(id *string, c *types.TargetTrackingScalingPolicyConfiguration) (alarms.MetricAlarm, error) {
	cluster, name, _ := resource(id)
	dim := func(name, v string) alarms.Dimension { return alarms.Dimension{Name: &name, Value: &v} }
	service := []alarms.Dimension{dim("ClusterName", cluster), dim("ServiceName", name)}
	switch p, own := c.PredefinedMetricSpecification, c.CustomizedMetricSpecification; {
	case (p == nil) == (own == nil):
		return alarms.MetricAlarm{}, invalid("Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be specified")
	case own != nil && len(own.Metrics) > 0:
		return alarms.MetricAlarm{}, invalid("The sandbox tracks single metrics, not metric math")
	case own != nil:
		if own.MetricName == nil || own.Namespace == nil || own.Statistic == "" {
			return alarms.MetricAlarm{}, invalid("A customized metric needs a metric name, a namespace and a statistic")
		}
		a := alarms.MetricAlarm{MetricName: own.MetricName, Namespace: own.Namespace, Statistic: alarms.Statistic(own.Statistic), Unit: alarms.StandardUnit(aws.ToString(own.Unit))}
		for _, d := range own.Dimensions {
			a.Dimensions = append(a.Dimensions, dim(aws.ToString(d.Name), aws.ToString(d.Value)))
		}
		return a, nil
	case p.PredefinedMetricType == types.MetricTypeECSServiceAverageCPUUtilization:
		return alarms.MetricAlarm{MetricName: aws.String("CPUUtilization"), Namespace: aws.String("AWS/ECS"), Dimensions: service, Statistic: alarms.StatisticAverage}, nil
	case p.PredefinedMetricType == types.MetricTypeECSServiceAverageMemoryUtilization:
		return alarms.MetricAlarm{MetricName: aws.String("MemoryUtilization"), Namespace: aws.String("AWS/ECS"), Dimensions: service, Statistic: alarms.StatisticAverage}, nil
	case p.PredefinedMetricType == types.MetricTypeALBRequestCountPerTarget:
		lb, group, ok := strings.Cut(aws.ToString(p.ResourceLabel), "/targetgroup/")
		if !ok || !strings.HasPrefix(lb, "app/") {
			return alarms.MetricAlarm{}, invalid("ALBRequestCountPerTarget needs a resource label of the form app/load-balancer-name/id/targetgroup/target-group-name/id: %s", aws.ToString(p.ResourceLabel))
		}
		return alarms.MetricAlarm{
			MetricName: aws.String("RequestCountPerTarget"), Namespace: aws.String("AWS/ApplicationELB"), Statistic: alarms.StatisticSum,
			Dimensions: []alarms.Dimension{dim("LoadBalancer", lb), dim("TargetGroup", "targetgroup/"+group)},
		}, nil
	default:
		return alarms.MetricAlarm{}, invalid("Invalid predefined metric type %s for the service namespace ecs", p.PredefinedMetricType)
	}
}

// Triggered is told that an alarm is in the state ALARM whose action is a
// policy's ARN, and of the metric's newest value.
func (s *AutoScaling) Triggered(action string, a alarms.MetricAlarm, value float64) {
	arn, _, _ := strings.Cut(action, ":createdBy/")
	p, ok := s.policies.Get(arn)
	if !ok {
		return
	}
	t, ok := s.targets.Get(key(p.ServiceNamespace, p.ResourceId, p.ScalableDimension))
	if !ok {
		return
	}
	cluster, name, _ := resource(p.ResourceId)
	current, _, ok := s.services.DesiredCount(cluster, name)
	if !ok || current == 0 {
		return // it was scaled to nothing, or deleted, on purpose
	}
	x := decision{AutoScaling: s, policy: p, target: t, current: current, alarm: *a.AlarmName, now: s.now()}
	if c := p.StepScalingPolicyConfiguration; c != nil {
		x.step(c, value-aws.ToFloat64(a.Threshold))
		return
	}
	if c := p.TargetTrackingScalingPolicyConfiguration; c != nil && len(p.Alarms) == 2 {
		switch *a.AlarmName {
		case *p.Alarms[0].AlarmName:
			x.out(c, value)
		case *p.Alarms[1].AlarmName:
			x.in(c, value)
		}
	}
}

func (s *AutoScaling) now() time.Time { return s.account.Now().UTC().Truncate(time.Millisecond) }

// decision is what to do about one alarm.
type decision struct {
	*AutoScaling
	policy  types.ScalingPolicy
	target  target
	current int32
	alarm   string
	now     time.Time
}

// cooling reports whether a cooldown that began at since still lasts.
func (x *decision) cooling(since time.Time, seconds *int32) bool {
	n := int32(cooldown)
	if seconds != nil {
		n = *seconds
	}
	return x.now.Before(since.Add(time.Duration(n) * x.timing.Minute / 60))
}

// proportional is the capacity at which a metric would be at its target.
func proportional(capacity int32, value, target float64) int32 {
	return int32(min(math.Ceil(float64(capacity)*value/target-1e-9), math.MaxInt32))
}

// out scales out. Within the cooldown what was added last counts as part of what
// is needed, so that only a larger need adds more.
func (x *decision) out(c *types.TargetTrackingScalingPolicyConfiguration, value float64) {
	base := x.current
	if x.cooling(x.target.LastOut, c.ScaleOutCooldown) && x.target.Base > 0 {
		base = x.target.Base
	}
	x.scaleOut(proportional(base, value, *c.TargetValue), base)
}

// scaleOut goes up to a capacity that was computed from base.
func (x *decision) scaleOut(to, base int32) {
	if aws.ToBool(x.target.SuspendedState.DynamicScalingOutSuspended) || to <= x.current {
		return
	}
	to = min(to, *x.target.MaxCapacity)
	if to <= x.current {
		x.unscaled(types.NotScaledReason{Code: aws.String("AlreadyAtMaxCapacity"), MaxCapacity: x.target.MaxCapacity, CurrentCapacity: aws.Int32(x.current)})
		return
	}
	x.target.Base = base
	x.target.LastOut, x.target.LastIn = x.now, time.Time{} // a scale-out ends the scale-in's cooldown
	x.set(to)
}

// in scales in, if all of the target's tracking policies agree, to the largest
// capacity that any of them asks for.
func (x *decision) in(c *types.TargetTrackingScalingPolicyConfiguration, value float64) {
	if aws.ToBool(c.DisableScaleIn) {
		return
	}
	x.lower[*x.policy.PolicyARN] = proportional(x.current, value, *c.TargetValue)
	to := int32(0)
	k := key(x.policy.ServiceNamespace, x.policy.ResourceId, x.policy.ScalableDimension)
	for arn, p := range x.policies.All() {
		o := p.TargetTrackingScalingPolicyConfiguration
		if key(p.ServiceNamespace, p.ResourceId, p.ScalableDimension) != k || o == nil || aws.ToBool(o.DisableScaleIn) {
			continue
		}
		lower, known := x.lower[arn]
		if !known || len(p.Alarms) != 2 || x.alarms.AlarmState(*p.Alarms[1].AlarmName) != alarms.StateValueAlarm {
			return
		}
		to = max(to, lower)
	}
	if x.cooling(x.target.LastIn, c.ScaleInCooldown) {
		return
	}
	x.scaleIn(to)
}

func (x *decision) scaleIn(to int32) {
	if aws.ToBool(x.target.SuspendedState.DynamicScalingInSuspended) {
		return
	}
	least := *x.target.MinCapacity
	if x.current <= least {
		x.unscaled(types.NotScaledReason{Code: aws.String("AlreadyAtMinCapacity"), MinCapacity: x.target.MinCapacity, CurrentCapacity: aws.Int32(x.current)})
		return
	}
	if to = max(to, least); to >= x.current {
		return
	}
	x.target.LastIn = x.now
	x.set(to)
}

// step follows a step scaling policy: by how much the metric is past its alarm's
// threshold decides on the adjustment.
func (x *decision) step(c *types.StepScalingPolicyConfiguration, past float64) {
	i := slices.IndexFunc(c.StepAdjustments, func(a types.StepAdjustment) bool {
		return (a.MetricIntervalLowerBound == nil || past >= *a.MetricIntervalLowerBound) && (a.MetricIntervalUpperBound == nil || past < *a.MetricIntervalUpperBound)
	})
	if i < 0 || x.cooling(x.target.LastOut, c.Cooldown) || x.cooling(x.target.LastIn, c.Cooldown) {
		return
	}
	by := float64(aws.ToInt32(c.StepAdjustments[i].ScalingAdjustment))
	to := float64(x.current) + by
	switch c.AdjustmentType {
	case types.AdjustmentTypeExactCapacity:
		to = by
	case types.AdjustmentTypePercentChangeInCapacity:
		change := float64(x.current) * by / 100
		if change > 0 && change < 1 || change < -1 {
			change = math.Ceil(change) // what is between 0 and 1 is 1, what is below -1 is rounded toward 0
		} else if change > -1 && change < 0 {
			change = -1
		}
		if m := float64(aws.ToInt32(c.MinAdjustmentMagnitude)); math.Abs(change) < m {
			change = math.Copysign(m, change)
		}
		to = float64(x.current) + math.Trunc(change)
	}
	switch to := int32(min(max(to, 0), math.MaxInt32)); {
	case to > x.current:
		x.scaleOut(to, x.current)
	case to < x.current:
		x.scaleIn(to)
	}
}

// set changes the service and says so.
func (x *decision) set(to int32) {
	x.put(x.target)
	x.change(x.target, to, fmt.Sprintf("monitor alarm %s in state ALARM triggered policy %s", x.alarm, *x.policy.PolicyName), x.now)
}

// change sets a service's desired count as an activity.
func (s *AutoScaling) change(t target, to int32, cause string, now time.Time) {
	cluster, name, _ := resource(t.ResourceId)
	a := s.activity(t, fmt.Sprintf("Setting desired count to %d.", to), cause, now)
	a.Details = nil
	if err := s.services.SetDesiredCount(cluster, name, to); err != nil {
		a.StatusCode, a.EndTime = types.ScalingActivityStatusCodeFailed, aws.Time(now)
		a.StatusMessage = aws.String(fmt.Sprintf("Failed to set desired count to %d. Reason: %v", to, err))
	} else {
		a.StatusCode = types.ScalingActivityStatusCodeInProgress
		a.StatusMessage = aws.String(fmt.Sprintf("Successfully set desired count to %d. Waiting for change to be fulfilled by ecs.", to))
	}
	s.keep(a)
}

func (s *AutoScaling) activity(t target, description, cause string, now time.Time) types.ScalingActivity {
	return types.ScalingActivity{
		ActivityId: aws.String(uuid.NewString()), ServiceNamespace: t.ServiceNamespace, ResourceId: t.ResourceId, ScalableDimension: t.ScalableDimension,
		Description: aws.String(description), Cause: aws.String(cause), StartTime: aws.Time(now),
	}
}

// keep stores an activity and forgets the oldest ones of its target.
func (s *AutoScaling) keep(a types.ScalingActivity) {
	s.activities.Put(*a.ActivityId, a)
	of := s.activities.Find(func(b types.ScalingActivity) bool { return *b.ResourceId == *a.ResourceId })
	for i := 0; i < len(of)-maxActivities; i++ {
		s.activities.Delete(*of[i].ActivityId)
	}
}

// unscaled notes once that a policy could not scale, until something else
// happens.
func (x *decision) unscaled(reason types.NotScaledReason) {
	of := x.activities.Find(func(b types.ScalingActivity) bool { return *b.ResourceId == *x.target.ResourceId })
	if n := len(of); n > 0 && len(of[n-1].NotScaledReasons) > 0 && *of[n-1].NotScaledReasons[0].Code == *reason.Code {
		return
	}
	a := x.activity(x.target, "Attempting to scale due to alarm triggered",
		fmt.Sprintf("monitor alarm %s in state ALARM triggered policy %s", x.alarm, *x.policy.PolicyName), x.now)
	a.StatusCode, a.EndTime, a.NotScaledReasons = types.ScalingActivityStatusCodeFailed, aws.Time(x.now), []types.NotScaledReason{reason}
	x.keep(a)
}

// clamp brings a service into its target's limits.
func (s *AutoScaling) clamp(t target) {
	cluster, name, _ := resource(t.ResourceId)
	switch desired, _, ok := s.services.DesiredCount(cluster, name); {
	case !ok:
	case desired < *t.MinCapacity:
		s.change(t, *t.MinCapacity, fmt.Sprintf("minimum capacity was set to %d", *t.MinCapacity), s.now())
	case desired > *t.MaxCapacity:
		s.change(t, *t.MaxCapacity, fmt.Sprintf("maximum capacity was set to %d", *t.MaxCapacity), s.now())
	}
}

// Run notes when ECS has done what it was asked for, until ctx ends. It must be
// called without the sandbox's lock.
func (s *AutoScaling) Run(ctx context.Context) {
	tick := time.NewTicker(s.timing.Settle)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.account.Store.Lock()
		s.settle()
		s.account.Store.Unlock()
	}
}

// settle ends the activities that are done or overtaken.
func (s *AutoScaling) settle() {
	for id, a := range s.activities.All() {
		if ended, ok := s.settled(a); ok {
			s.activities.Put(id, ended)
		}
	}
}

// settled returns an activity that is done or overtaken as it ended; ok is false
// for any other.
func (s *AutoScaling) settled(a types.ScalingActivity) (_ types.ScalingActivity, ok bool) {
	if a.StatusCode != types.ScalingActivityStatusCodeInProgress {
		return a, false
	}
	var to int32
	if _, err := fmt.Sscanf(*a.Description, "Setting desired count to %d.", &to); err != nil {
		return a, false
	}
	cluster, name, _ := resource(a.ResourceId)
	switch desired, runs, ok := s.services.DesiredCount(cluster, name); {
	case ok && desired == to && runs == to:
		a.StatusCode = types.ScalingActivityStatusCodeSuccessful
		a.StatusMessage = aws.String(fmt.Sprintf("Successfully set desired count to %d. Change successfully fulfilled by ecs.", to))
	case !ok || desired != to:
		a.StatusCode = types.ScalingActivityStatusCodeOverridden
		a.StatusMessage = aws.String(fmt.Sprintf("Successfully set desired count to %d. It was changed again before ecs had fulfilled it.", to))
	default:
		return a, false
	}
	a.EndTime = aws.Time(s.now())
	return a, true
}

func (s *AutoScaling) describeActivities(_ context.Context, in *aas.DescribeScalingActivitiesInput) (*aas.DescribeScalingActivitiesOutput, error) {
	out := s.activities.Find(func(a types.ScalingActivity) bool {
		return a.ServiceNamespace == in.ServiceNamespace && (in.ResourceId == nil || *a.ResourceId == *in.ResourceId) &&
			(in.ScalableDimension == "" || a.ScalableDimension == in.ScalableDimension) &&
			(aws.ToBool(in.IncludeNotScaledActivities) || len(a.NotScaledReasons) == 0)
	})
	for i, a := range out {
		out[i], _ = s.settled(a) // without storing it: a read changes nothing
	}
	slices.Reverse(out) // newest first
	limit := 50
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	page, next, err := wire.Page(out, in.NextToken, limit, "InvalidNextTokenException")
	return &aas.DescribeScalingActivitiesOutput{ScalingActivities: orEmpty(page), NextToken: next}, err
}
