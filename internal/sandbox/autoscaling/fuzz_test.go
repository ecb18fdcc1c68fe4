package autoscaling

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	alarms "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"workshop/internal/sandbox/sandboxtest"
)

// FuzzPolicy registers targets and policies as no client writes them, and has the
// alarms of what was taken go off.
func FuzzPolicy(f *testing.F) {
	const head = `"ServiceNamespace":"ecs","ResourceId":"service/c/s","ScalableDimension":"ecs:service:DesiredCount"`
	for _, s := range [][2]string{
		{`{` + head + `,"MinCapacity":1,"MaxCapacity":4}`, `{` + head + `,"PolicyName":"p","PolicyType":"TargetTrackingScaling","TargetTrackingScalingPolicyConfiguration":{"TargetValue":50,"PredefinedMetricSpecification":{"PredefinedMetricType":"ECSServiceAverageCPUUtilization"}}}`},
		{`{` + head + `,"MinCapacity":0,"MaxCapacity":0}`, `{` + head + `,"PolicyName":"p","PolicyType":"StepScaling","StepScalingPolicyConfiguration":{"AdjustmentType":"PercentChangeInCapacity","MinAdjustmentMagnitude":1,"StepAdjustments":[{"MetricIntervalLowerBound":0,"ScalingAdjustment":-100}]}}`},
		{`{` + head + `,"MinCapacity":-1,"MaxCapacity":2147483647}`, `{` + head + `,"PolicyName":"p","PolicyType":"StepScaling","StepScalingPolicyConfiguration":{"AdjustmentType":"ExactCapacity","StepAdjustments":[{"ScalingAdjustment":2147483647}],"Cooldown":-1}}`},
		{`{` + head + `}`, `{` + head + `,"PolicyName":"p","TargetTrackingScalingPolicyConfiguration":{"TargetValue":0,"CustomizedMetricSpecification":{"Metrics":[{"Id":"a"}]}}}`},
		{`{` + head + `,"MinCapacity":0,"MaxCapacity":0}`, `{` + head + `}`}, // no policy name
		{`{}`, `{"StepScalingPolicyConfiguration":{"StepAdjustments":[null]}}`},
	} {
		f.Add([]byte(s[0]), []byte(s[1]), 75.0)
	}
	f.Fuzz(func(t *testing.T, target, policy []byte, value float64) {
		a := sandboxtest.Account(t)
		w := &world{t: t, desired: 2, runs: 2, alarms: map[string]alarms.MetricAlarm{}}
		a.Now = time.Now
		var err error
		if w.scaling, err = New(a, Real, w, w); err != nil {
			t.Fatal(err)
		}
		ask := sandboxtest.NewAsker(a, w.scaling.Service())
		ask.Ask(t, "RegisterScalableTarget", target)
		ask.Ask(t, "PutScalingPolicy", policy)
		for arn := range w.scaling.policies.All() {
			for _, alarm := range w.alarms {
				w.scaling.Triggered(arn, alarm, value)
			}
			w.scaling.Triggered(arn, alarms.MetricAlarm{AlarmName: aws.String("a"), Threshold: aws.Float64(50)}, value)
		}
		for _, limits := range w.scaling.targets.All() {
			if w.desired != 2 && (w.desired < *limits.MinCapacity || w.desired > *limits.MaxCapacity) || w.desired < 0 {
				t.Errorf("scaled to %d, with limits from %d to %d", w.desired, *limits.MinCapacity, *limits.MaxCapacity)
			}
		}
		w.scaling.settle()
		for _, op := range []string{"DescribeScalableTargets", "DescribeScalingPolicies", "DescribeScalingActivities"} {
			ask.Ask(t, op, []byte(`{"ServiceNamespace":"ecs"}`))
		}
	})
}
