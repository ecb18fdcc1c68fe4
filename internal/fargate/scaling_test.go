package fargate

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fxamacker/cbor/v2"
)

const alarmHigh, alarmLow = "TargetTracking-service/shop/app-AlarmHigh-1d0f", "TargetTracking-service/shop/app-AlarmLow-2c9a"

// scaled is a service that target tracking keeps at 30 % of CPU, of 40 % that it uses.
func scaled() *stack {
	s := newStack()
	s.scaling = map[string]any{
		"DescribeScalableTargets": map[string]any{"ScalableTargets": []any{map[string]any{
			"ServiceNamespace": "ecs", "ResourceId": "service/shop/app", "ScalableDimension": "ecs:service:DesiredCount",
			"MinCapacity": 2, "MaxCapacity": 6, "SuspendedState": map[string]any{"DynamicScalingInSuspended": true}}}},
		"DescribeScalingPolicies": map[string]any{"ScalingPolicies": []any{map[string]any{
			"PolicyName": "cpu", "PolicyType": "TargetTrackingScaling",
			"TargetTrackingScalingPolicyConfiguration": map[string]any{"TargetValue": 30, "ScaleOutCooldown": 60,
				"PredefinedMetricSpecification": map[string]any{"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}},
			"Alarms": []any{map[string]any{"AlarmName": alarmHigh}, map[string]any{"AlarmName": alarmLow}}}}},
		"DescribeScalingActivities": map[string]any{"ScalingActivities": []any{map[string]any{
			"ActivityId": "a1", "Description": "Setting desired count to 2.", "StatusCode": "Successful", "StartTime": 1.4e9, "EndTime": 1.4e9 + 20,
			"Cause": "monitor alarm " + alarmHigh + " in state ALARM triggered policy cpu"}}},
	}
	s.alarmed = []map[string]any{
		{"AlarmName": alarmHigh, "StateValue": "ALARM", "StateReason": "Threshold Crossed", "StateTransitionedTimestamp": cbor.Tag{Number: 1, Content: 1.5e9}, "ComparisonOperator": "GreaterThanThreshold", "Threshold": 30.0, "Period": 60, "EvaluationPeriods": 3},
		{"AlarmName": alarmLow, "StateValue": "OK", "ComparisonOperator": "LessThanThreshold", "Threshold": 27.0, "Period": 60, "EvaluationPeriods": 15},
	}
	return s
}

func TestReadScaling(t *testing.T) {
	s := scaled()
	c := NewClients(s.config())
	synctest.Test(t, func(t *testing.T) {
		got := ReadScaling(t.Context(), c, ref)
		if !got.Scalable || got.Min != 2 || got.Max != 6 || !slices.Equal(got.Suspended, []string{"scale-in"}) || len(got.Unknown) != 0 {
			t.Errorf("got %+v", got)
		}
		p := got.Policies[0]
		if p.Target != 30 || p.MetricInWords() != "CPU" || p.Unit() != "%" || *p.OutCooldown != 60 || p.InCooldown != nil || p.Value == nil || *p.Value != 40 {
			t.Errorf("policy %+v", p)
		}
		if a := p.Alarms[0]; a.Short() != "AlarmHigh" || a.State != "ALARM" || a.Since.Unix() != 1.5e9 || a.Window != 180 || !a.Above() || a.Threshold != 30 {
			t.Errorf("alarm %+v", a)
		}
		if a := p.Alarms[1]; a.Short() != "AlarmLow" || a.Above() || a.Window != 900 {
			t.Errorf("alarm %+v", a)
		}
		if a := got.Activities[0]; a.To() != "2" || a.CauseInWords() != "AlarmHigh was in ALARM (policy cpu)" {
			t.Errorf("activity %+v", a)
		}
		if exact, n, ok := got.Wants(p, 2); !ok || n != 3 || exact < 2.66 || exact > 2.67 {
			t.Errorf("wants %v %v %v", exact, n, ok)
		}
	})
}

// The arithmetic of target tracking is shown of real figures alone.
func TestWants(t *testing.T) {
	value, at := 71.0, time.Unix(1000, 0)
	before, after := at.Add(-time.Minute), at.Add(time.Second)
	for name, c := range map[string]struct {
		policy     ScalingPolicy
		activities []ScalingActivity
		desired    int
		want       int
	}{
		"3 x 71 / 60 = 3.55":                   {ScalingPolicy{Target: 60, Value: &value, At: &at}, nil, 3, 4},
		"exactly":                              {ScalingPolicy{Target: 35.5, Value: &value, At: &at}, nil, 3, 6},
		"below the target":                     {ScalingPolicy{Target: 80, Value: &value, At: &at}, nil, 3, 0},
		"no value":                             {ScalingPolicy{Target: 60}, nil, 3, 0},
		"step scaling":                         {ScalingPolicy{Value: &value, At: &at}, nil, 3, 0},
		"measured after the last change":       {ScalingPolicy{Target: 60, Value: &value, At: &at}, []ScalingActivity{{Ended: &before}}, 3, 4},
		"measured before the last change":      {ScalingPolicy{Target: 60, Value: &value, At: &at}, []ScalingActivity{{Ended: &after}}, 3, 0},
		"a change goes on":                     {ScalingPolicy{Target: 60, Value: &value, At: &at}, []ScalingActivity{{}}, 3, 0},
		"the last attempt changed nothing":     {ScalingPolicy{Target: 60, Value: &value, At: &at}, []ScalingActivity{{Ended: &after, NotScaled: []string{"AlreadyAtMaxCapacity"}}}, 3, 4},
		"of no task nothing can be multiplied": {ScalingPolicy{Target: 60, Value: &value, At: &at}, nil, 0, 0},
	} {
		if _, n, ok := (Scaling{Activities: c.activities}).Wants(c.policy, c.desired); n != c.want || ok != (c.want > 0) {
			t.Errorf("%s: %d, %v; want %d", name, n, ok, c.want)
		}
	}
}

func TestScalingStaysInTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scaled()
		w := Watch(t.Context(), s.config(), ref, WatchOptions{})
		defer w.Stop()
		time.Sleep(5 * time.Minute)
		if got, _ := w.Latest(); got.Scaling != nil || s.count("DescribeScalableTargets") != 0 {
			t.Error("the scaling is asked for although nobody looks at it")
		}
		w.ReadScaling(true)
		synctest.Wait()
		got, _ := w.Latest()
		if got.Scaling == nil || got.Scaling.CPUTarget() != 30 || got.Scaling.Policies[0].Value == nil {
			t.Fatalf("right after it was asked for: %+v", got.Scaling)
		}
		time.Sleep(2 * time.Minute)
		settled := time.Now()
		time.Sleep(30 * time.Minute)
		if n := s.most(settled); n > steadyBudget {
			t.Errorf("%d calls in a minute", n)
		}
		got, _ = w.Latest()
		if age := time.Since(got.Scaling.AsOf); age > scalingEvery+scaledEvery {
			t.Errorf("the scaling is %s old", age)
		}
		if age := time.Since(got.TasksAsOf); age > wholeEvery+2*scaledEvery {
			t.Errorf("the tasks are %s old", age)
		}
		// What changes the number of tasks is known with the number.
		s.with(func() {
			s.service["desiredCount"] = 3
			s.scaling["DescribeScalingActivities"] = map[string]any{"ScalingActivities": []any{map[string]any{
				"ActivityId": "a2", "Description": "Setting desired count to 3.", "StatusCode": "InProgress", "StartTime": 1.5e9}}}
		})
		time.Sleep(scaledEvery + time.Second)
		if got, _ = w.Latest(); got.Service.Desired != 3 || got.Scaling.Activities[0].To() != "3" {
			t.Errorf("%d tasks are asked for, and the last activity asked for %s", got.Service.Desired, got.Scaling.Activities[0].To())
		}
		w.ReadScaling(false)
		synctest.Wait()
		n := s.count("DescribeAlarms")
		time.Sleep(10 * time.Minute)
		if s.count("DescribeAlarms") != n {
			t.Error("the alarms are asked for although nobody looks at them any more")
		}
	})
}

func TestNothingScalesTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStack()
		w := Watch(t.Context(), s.config(), ref, WatchOptions{})
		defer w.Stop()
		w.ReadScaling(true)
		time.Sleep(10*time.Minute + time.Second)
		got, _ := w.Latest()
		if got.Scaling == nil || got.Scaling.Scalable {
			t.Errorf("got %+v", got.Scaling)
		}
		if n := s.count("DescribeScalableTargets"); n < 8 || n > 11 {
			t.Errorf("asked %d times in ten minutes", n)
		}
		for _, op := range []string{"DescribeScalingPolicies", "DescribeScalingActivities", "DescribeAlarms"} {
			if s.count(op) != 0 {
				t.Errorf("%s was asked", op)
			}
		}
	})
}

func TestScalingThatMayNotBeSeen(t *testing.T) {
	denied := apiError("AccessDeniedException", "User is not authorized to perform: application-autoscaling:DescribeScalingActivities")
	for _, part := range []struct{ op, name string }{{"DescribeScalingActivities", partActivities}, {"DescribeScalableTargets", partLimits}} {
		synctest.Test(t, func(t *testing.T) {
			s := scaled()
			s.scaling[part.op] = denied
			w := Watch(t.Context(), s.config(), ref, WatchOptions{})
			defer w.Stop()
			w.ReadScaling(true)
			time.Sleep(9 * time.Minute)
			got, _ := w.Latest()
			if got.Stale != nil || got.Scaling.CPUTarget() != 30 || got.Scaling.Policies[0].Alarms[0].State != "ALARM" {
				t.Errorf("%s breaks the rest: %+v, stale %v", part.op, got.Scaling, got.Stale)
			}
			if u := got.Scaling.Unknown; len(u) != 1 || u[0].Part != part.name || !strings.Contains(u[0].Err, "not authorized") {
				t.Errorf("%s: unknown are %+v", part.op, u)
			}
			if n := s.count(part.op); n != 1 {
				t.Errorf("%s was asked %d times in nine minutes of refusal", part.op, n)
			}
			time.Sleep(2 * time.Minute)
			s.with(func() { s.scaling[part.op] = scaled().scaling[part.op] })
			time.Sleep(15 * time.Minute)
			if got, _ := w.Latest(); len(got.Scaling.Unknown) != 0 || !got.Scaling.Scalable || len(got.Scaling.Activities) != 1 {
				t.Errorf("%s is allowed again: %+v", part.op, got.Scaling)
			}
		})
	}
}
