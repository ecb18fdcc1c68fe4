package autoscaling

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	aas "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	alarms "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"go.uber.org/goleak"

	"workshop/internal/sandbox/sandboxtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a service of ECS and the alarms over it.
type world struct {
	t             *testing.T
	scaling       *AutoScaling
	desired, runs int32
	gone          bool
	alarms        map[string]alarms.MetricAlarm
	now           time.Time
}

func (w *world) DesiredCount(cluster, name string) (int32, int32, bool) {
	return w.desired, w.runs, !w.gone && cluster == "c" && name == "s"
}

func (w *world) SetDesiredCount(_, _ string, n int32) error {
	if w.gone {
		return errors.New("Service not found.")
	}
	w.desired = n
	return nil
}

func (w *world) PutAlarm(a alarms.MetricAlarm, _ map[string]string) {
	a.StateValue = w.alarms[*a.AlarmName].StateValue
	w.alarms[*a.AlarmName] = a
}

func (w *world) DeleteAlarms(names ...string) {
	for _, n := range names {
		delete(w.alarms, n)
	}
}

func (w *world) AlarmState(name string) alarms.StateValue { return w.alarms[name].StateValue }

var scaled = aas.PutScalingPolicyInput{ServiceNamespace: types.ServiceNamespaceEcs, ResourceId: aws.String("service/c/s"), ScalableDimension: types.ScalableDimensionECSServiceDesiredCount}

func register(least, most int32) *aas.RegisterScalableTargetInput {
	return &aas.RegisterScalableTargetInput{ServiceNamespace: scaled.ServiceNamespace, ResourceId: scaled.ResourceId, ScalableDimension: scaled.ScalableDimension,
		MinCapacity: &least, MaxCapacity: &most}
}

// newWorld has two tasks of a service with a target from 2 to 8.
func newWorld(t *testing.T) *world {
	t.Helper()
	a := sandboxtest.Account(t)
	w := &world{t: t, desired: 2, runs: 2, alarms: map[string]alarms.MetricAlarm{}, now: time.Unix(1.8e9, 0)}
	a.Now = func() time.Time { return w.now }
	var err error
	if w.scaling, err = New(a, Real, w, w); err != nil {
		t.Fatal(err)
	}
	if _, err := w.scaling.register(t.Context(), register(2, 8)); err != nil {
		t.Fatal(err)
	}
	return w
}

// track adds a policy on a metric with a target of 50.
func (w *world) track(name string, metric types.MetricType, change func(*types.TargetTrackingScalingPolicyConfiguration)) *aas.PutScalingPolicyOutput {
	w.t.Helper()
	in := scaled
	in.PolicyName, in.PolicyType = &name, types.PolicyTypeTargetTrackingScaling
	in.TargetTrackingScalingPolicyConfiguration = &types.TargetTrackingScalingPolicyConfiguration{
		TargetValue: aws.Float64(50), PredefinedMetricSpecification: &types.PredefinedMetricSpecification{PredefinedMetricType: metric},
	}
	if change != nil {
		change(in.TargetTrackingScalingPolicyConfiguration)
	}
	out, err := w.scaling.putPolicy(w.t.Context(), &in)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// fire has an alarm in ALARM with a value, a minute of alarms after the last one.
func (w *world) fire(a types.Alarm, value float64) {
	w.now = w.now.Add(Real.Minute)
	m := w.alarms[*a.AlarmName]
	m.StateValue = alarms.StateValueAlarm
	w.alarms[*a.AlarmName] = m
	w.scaling.Triggered(m.AlarmActions[0], m, value)
}

func (w *world) calm(a types.Alarm) {
	m := w.alarms[*a.AlarmName]
	m.StateValue = alarms.StateValueOk
	w.alarms[*a.AlarmName] = m
}

func (w *world) want(n int32, when string) {
	w.t.Helper()
	if w.desired != n {
		w.t.Errorf("%s: %d tasks, want %d", when, w.desired, n)
	}
}

func (w *world) activities(all bool) []types.ScalingActivity {
	w.t.Helper()
	out, err := w.scaling.describeActivities(w.t.Context(), &aas.DescribeScalingActivitiesInput{ServiceNamespace: scaled.ServiceNamespace, IncludeNotScaledActivities: &all})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.ScalingActivities
}

func TestAlarmsOfAPolicy(t *testing.T) {
	w := newWorld(t)
	p := w.track("cpu", types.MetricTypeECSServiceAverageCPUUtilization, nil)
	if len(p.Alarms) != 2 || len(w.alarms) != 2 {
		t.Fatalf("alarms %v", w.alarms)
	}
	for i, want := range []struct {
		kind      string
		op        alarms.ComparisonOperator
		threshold float64
		periods   int32
	}{
		{"High", alarms.ComparisonOperatorGreaterThanThreshold, 50, 3},
		{"Low", alarms.ComparisonOperatorLessThanThreshold, 45, 15},
	} {
		a := w.alarms[*p.Alarms[i].AlarmName]
		if !strings.HasPrefix(*a.AlarmName, "TargetTracking-service/c/s-Alarm"+want.kind+"-") || a.ComparisonOperator != want.op || *a.Threshold != want.threshold ||
			*a.EvaluationPeriods != want.periods || *a.Period != 60 || *a.Namespace != "AWS/ECS" || *a.MetricName != "CPUUtilization" || a.Statistic != alarms.StatisticAverage || len(a.Dimensions) != 2 {
			t.Errorf("%s: %+v", want.kind, a)
		}
		if !strings.HasPrefix(*a.AlarmDescription, "DO NOT EDIT OR DELETE. For TargetTrackingScaling policy "+*p.PolicyARN+":createdBy/") {
			t.Errorf("%s: %s", want.kind, *a.AlarmDescription)
		}
	}
	again := w.track("cpu", types.MetricTypeECSServiceAverageMemoryUtilization, nil)
	if len(w.alarms) != 2 || *again.Alarms[0].AlarmName != *p.Alarms[0].AlarmName || *w.alarms[*p.Alarms[0].AlarmName].MetricName != "MemoryUtilization" {
		t.Errorf("a changed policy has alarms %v", w.alarms)
	}
	w.track("requests", types.MetricTypeALBRequestCountPerTarget, func(c *types.TargetTrackingScalingPolicyConfiguration) {
		c.PredefinedMetricSpecification.ResourceLabel = aws.String("app/shop/0123/targetgroup/web/4567")
	})
	for _, a := range w.alarms {
		if *a.MetricName == "RequestCountPerTarget" && (a.Statistic != alarms.StatisticSum || *a.Dimensions[0].Value != "app/shop/0123" || *a.Dimensions[1].Value != "targetgroup/web/4567") {
			t.Errorf("requests: %+v", a)
		}
	}
	if _, err := w.scaling.deregister(t.Context(), &aas.DeregisterScalableTargetInput{ServiceNamespace: scaled.ServiceNamespace, ResourceId: scaled.ResourceId, ScalableDimension: scaled.ScalableDimension}); err != nil {
		t.Fatal(err)
	}
	if len(w.alarms) != 0 {
		t.Errorf("the target left alarms: %v", w.alarms)
	}
}

func TestTargetTracking(t *testing.T) {
	w := newWorld(t)
	p := w.track("cpu", types.MetricTypeECSServiceAverageCPUUtilization, nil)
	high, low := p.Alarms[0], p.Alarms[1]

	w.fire(high, 80)
	w.want(4, "2 tasks at 80% for 50%")
	a := w.activities(false)[0]
	if *a.Description != "Setting desired count to 4." || a.StatusCode != types.ScalingActivityStatusCodeInProgress ||
		*a.Cause != "monitor alarm "+*high.AlarmName+" in state ALARM triggered policy cpu" {
		t.Errorf("activity %+v", a)
	}
	w.fire(high, 80)
	w.want(4, "what was added counts, within the cooldown")
	w.runs = 4
	if a = w.activities(false)[0]; a.StatusCode != types.ScalingActivityStatusCodeSuccessful || *a.StatusMessage != "Successfully set desired count to 4. Change successfully fulfilled by ecs." || a.EndTime == nil {
		t.Errorf("activity %+v", a)
	}
	w.fire(high, 140)
	w.want(6, "a larger need within the cooldown")
	w.runs = 6
	w.now = w.now.Add(time.Minute) // past 300 s of cooldown at 10 s a minute
	w.fire(high, 100)
	w.want(8, "as far as the maximum")
	for range 3 {
		w.fire(high, 100)
	}
	n := 0
	for _, a := range w.activities(true) {
		if len(a.NotScaledReasons) > 0 {
			n++
			if r := a.NotScaledReasons[0]; *r.Code != "AlreadyAtMaxCapacity" || *r.MaxCapacity != 8 || *a.Description != "Attempting to scale due to alarm triggered" || a.StatusCode != types.ScalingActivityStatusCodeFailed {
				t.Errorf("%+v", a)
			}
		}
	}
	if n != 1 || len(w.activities(false)) != 3 {
		t.Errorf("%d activities say that there is no more, %d scaled", n, len(w.activities(false)))
	}

	w.calm(high)
	w.fire(low, 30)
	w.want(5, "8 tasks at 30% for 50%")
	w.fire(low, 10)
	w.want(5, "within the scale-in cooldown")
	w.now = w.now.Add(time.Minute)
	w.fire(low, 1)
	w.want(2, "as far as the minimum")
	w.desired = 0
	w.fire(high, 100)
	w.want(0, "a service without tasks is left alone")
}

func TestScaleInNeedsAll(t *testing.T) {
	w := newWorld(t)
	w.desired, w.runs = 8, 8
	cpu := w.track("cpu", types.MetricTypeECSServiceAverageCPUUtilization, nil)
	memory := w.track("memory", types.MetricTypeECSServiceAverageMemoryUtilization, nil)
	w.track("requests", types.MetricTypeALBRequestCountPerTarget, func(c *types.TargetTrackingScalingPolicyConfiguration) {
		c.PredefinedMetricSpecification.ResourceLabel = aws.String("app/shop/0123/targetgroup/web/4567")
		c.DisableScaleIn = aws.Bool(true)
	})
	w.fire(cpu.Alarms[1], 5)
	w.want(8, "memory is not low")
	w.fire(memory.Alarms[1], 30)
	w.want(5, "memory needs five, CPU one")
	w.now = w.now.Add(time.Minute)
	w.calm(memory.Alarms[1])
	w.fire(cpu.Alarms[1], 5)
	w.want(5, "memory is not low any more")
}

func TestStepScaling(t *testing.T) {
	step := func(lower, upper *float64, by int32) types.StepAdjustment {
		return types.StepAdjustment{MetricIntervalLowerBound: lower, MetricIntervalUpperBound: upper, ScalingAdjustment: &by}
	}
	for name, c := range map[string]struct {
		kind   types.AdjustmentType
		steps  []types.StepAdjustment
		at     float64 // for a threshold of 50
		from   int32
		expect int32
	}{
		"first step":       {types.AdjustmentTypeChangeInCapacity, []types.StepAdjustment{step(aws.Float64(0), aws.Float64(20), 1), step(aws.Float64(20), nil, 3)}, 60, 3, 4},
		"second step":      {types.AdjustmentTypeChangeInCapacity, []types.StepAdjustment{step(aws.Float64(0), aws.Float64(20), 1), step(aws.Float64(20), nil, 3)}, 70, 3, 6},
		"no step":          {types.AdjustmentTypeChangeInCapacity, []types.StepAdjustment{step(aws.Float64(10), nil, 1)}, 55, 3, 3},
		"exact, and in":    {types.AdjustmentTypeExactCapacity, []types.StepAdjustment{step(nil, aws.Float64(0), 2)}, 10, 5, 2},
		"percent":          {types.AdjustmentTypePercentChangeInCapacity, []types.StepAdjustment{step(nil, nil, 50)}, 60, 4, 6},
		"percent, rounded": {types.AdjustmentTypePercentChangeInCapacity, []types.StepAdjustment{step(nil, nil, 10)}, 60, 4, 5},
		"minimum":          {types.AdjustmentTypeChangeInCapacity, []types.StepAdjustment{step(nil, nil, -9)}, 10, 5, 2},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.desired = c.from
			in := scaled
			in.PolicyName, in.PolicyType = aws.String("steps"), types.PolicyTypeStepScaling
			in.StepScalingPolicyConfiguration = &types.StepScalingPolicyConfiguration{AdjustmentType: c.kind, StepAdjustments: c.steps}
			p, err := w.scaling.putPolicy(t.Context(), &in)
			if err != nil {
				t.Fatal(err)
			}
			w.scaling.Triggered(*p.PolicyARN, alarms.MetricAlarm{AlarmName: aws.String("mine"), Threshold: aws.Float64(50)}, c.at)
			w.want(c.expect, name)
		})
	}
}

func TestRegister(t *testing.T) {
	w := newWorld(t)
	if _, err := w.scaling.register(t.Context(), register(3, 8)); err != nil {
		t.Fatal(err)
	}
	w.want(3, "a higher minimum")
	if a := w.activities(false); len(a) != 1 || *a[0].Cause != "minimum capacity was set to 3" {
		t.Errorf("activities %+v", a)
	}
	if _, err := w.scaling.register(t.Context(), register(1, 2)); err != nil {
		t.Fatal(err)
	}
	w.want(2, "a lower maximum")
	if _, err := w.scaling.register(t.Context(), register(3, 2)); err == nil {
		t.Error("a minimum above the maximum is taken")
	}
	other := register(1, 2)
	other.ResourceId = aws.String("service/c/nobody")
	if _, err := w.scaling.register(t.Context(), other); err == nil || !strings.Contains(err.Error(), "ECS service doesn't exist: service/c/nobody") {
		t.Errorf("got %v", err)
	}
	w.gone = true
	w.scaling.Triggered("arn:of:nobody", alarms.MetricAlarm{AlarmName: aws.String("x")}, 1)
}

func TestRunSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.track("cpu", types.MetricTypeECSServiceAverageCPUUtilization, nil)
		w.fire(p.Alarms[0], 100)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { w.scaling.Run(ctx); close(done) }()
		status := func() types.ScalingActivityStatusCode {
			w.scaling.account.Store.Lock()
			defer w.scaling.account.Store.Unlock()
			return w.scaling.activities.Find(nil)[0].StatusCode
		}
		time.Sleep(10 * time.Second)
		if s := status(); s != types.ScalingActivityStatusCodeInProgress {
			t.Errorf("with tasks missing: %s", s)
		}
		w.scaling.account.Store.Lock()
		w.runs = 4
		w.scaling.account.Store.Unlock()
		time.Sleep(2 * Real.Settle)
		if s := status(); s != types.ScalingActivityStatusCodeSuccessful {
			t.Errorf("with all tasks: %s", s)
		}
		cancel()
		<-done
	})
}
