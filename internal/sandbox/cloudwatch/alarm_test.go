package cloudwatch

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cw "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// TestMissingData holds the rule to the tables of CloudWatch's user guide: o is
// a point that does not breach, x one that does, - a missing one; the newest is
// the last. "" stands for the state that the alarm was in.
func TestMissingData(t *testing.T) {
	const ok, alarm, insufficient, kept = types.StateValueOk, types.StateValueAlarm, types.StateValueInsufficientData, types.StateValue("")
	for _, c := range []struct {
		points                                string
		n, m                                  int
		missing, ignore, breaching, notBreach types.StateValue
	}{
		{"o-x-x", 3, 3, ok, ok, ok, ok},
		{"----o", 3, 3, ok, ok, ok, ok},
		{"-----", 3, 3, insufficient, kept, alarm, ok},
		{"oxx-x", 3, 3, alarm, alarm, alarm, alarm},
		{"--x--", 3, 3, alarm, kept, alarm, ok},
		{"o-x-x", 3, 2, alarm, alarm, alarm, alarm},
		{"ooxox", 3, 2, alarm, alarm, alarm, alarm},
		{"o-x--", 3, 2, ok, ok, alarm, ok},
		{"----o", 3, 2, ok, ok, alarm, ok},
		{"----x", 3, 2, kept, kept, alarm, ok}, // one minute is not enough for two
	} {
		for treat, want := range map[string]types.StateValue{"": c.missing, "missing": c.missing, "ignore": c.ignore, "breaching": c.breaching, "notBreaching": c.notBreach} {
			var points []datum
			breaching := 0
			for i := range len(c.points) {
				switch c.points[len(c.points)-1-i] {
				case 'x':
					if len(points) < c.n {
						points = append(points, datum{at: int64(-60 * (i + 1)), v: 1})
						breaching++
					}
				case 'o':
					if len(points) < c.n {
						points = append(points, datum{at: int64(-60 * (i + 1))})
					}
				}
			}
			got, _ := decide(points, breaching, c.n, c.m, treat, func(p datum) bool { return -p.at >= int64(c.m)*60 })
			if got != want {
				t.Errorf("%s, %d of %d, %q: %q, want %q", c.points, c.m, c.n, treat, got, want)
			}
		}
	}
}

func putAlarm(t *testing.T, client *cw.Client, in cw.PutMetricAlarmInput) {
	t.Helper()
	in.AlarmName = aws.String("busy")
	in.Threshold, in.ComparisonOperator, in.EvaluationPeriods = aws.Float64(60), types.ComparisonOperatorGreaterThanThreshold, aws.Int32(3)
	if _, err := client.PutMetricAlarm(t.Context(), &in); err != nil {
		t.Fatal(err)
	}
}

func TestAlarm(t *testing.T) {
	c, client, _ := serve(t, Sources{})
	ctx := t.Context()
	var acted []float64
	policy := "arn:aws:autoscaling:eu-west-1:000000000000:scalingPolicy:1:resource/ecs/service/c/s:policyName/p"
	c.OnAlarm(func(arn string, a types.MetricAlarm, v float64) {
		if arn != policy || *a.AlarmName != "busy" {
			t.Errorf("acted on %s for %s", arn, *a.AlarmName)
		}
		acted = append(acted, v)
	})
	putAlarm(t, client, cw.PutMetricAlarmInput{Namespace: aws.String(service), MetricName: aws.String("CPUUtilization"), Dimensions: dimensions("ServiceName", "s", "ClusterName", "c"),
		Period: aws.Int32(60), Statistic: types.StatisticAverage, AlarmActions: []string{policy, "arn:aws:sns:eu-west-1:000000000000:mail"}})
	get := func() types.MetricAlarm {
		t.Helper()
		out, err := client.DescribeAlarms(ctx, &cw.DescribeAlarmsInput{AlarmNamePrefix: aws.String("bu")})
		if err != nil || len(out.MetricAlarms) != 1 {
			t.Fatalf("%v, %v", out, err)
		}
		return out.MetricAlarms[0]
	}
	now := time.Unix(1.8e9, 0).UTC()
	// minutes lets minutes of the alarm pass, of ten seconds each, with these
	// values; -1 is a minute without one.
	minutes := func(values ...float64) types.MetricAlarm {
		t.Helper()
		for _, v := range values {
			for range 2 {
				if v >= 0 {
					c.mu.Lock()
					err := c.record(service, "CPUUtilization", dimensions("ClusterName", "c", "ServiceName", "s"), types.StandardUnitPercent, now, one(v, 2), true)
					c.mu.Unlock()
					if err != nil {
						t.Fatal(err)
					}
				}
				now = now.Add(5 * time.Second)
				c.account.Store.Lock()
				c.evaluate(now)
				c.account.Store.Unlock()
			}
		}
		return get()
	}
	if a := get(); a.StateValue != types.StateValueInsufficientData || *a.StateReason != "Unchecked: Initial alarm creation" || !*a.ActionsEnabled {
		t.Errorf("a new alarm: %+v", a)
	}
	if a := minutes(10); a.StateValue != types.StateValueOk {
		t.Errorf("after a good minute: %s %s", a.StateValue, *a.StateReason)
	}
	if a := minutes(90, 90); a.StateValue != types.StateValueOk || len(acted) != 0 {
		t.Errorf("after two bad minutes of three: %s, acted %v", a.StateValue, acted)
	}
	a := minutes(75)
	if a.StateValue != types.StateValueAlarm || !strings.HasPrefix(*a.StateReason, "Threshold Crossed: 3 out of the last 3 datapoints [75.0 (") ||
		!strings.HasSuffix(*a.StateReason, "were greater than the threshold (60.0) (minimum 3 datapoints for OK -> ALARM transition).") {
		t.Errorf("after three: %s %s", a.StateValue, *a.StateReason)
	}
	if !strings.Contains(*a.StateReasonData, `"recentDatapoints":[90,90,75]`) {
		t.Errorf("data %s", *a.StateReasonData)
	}
	minutes(80)
	if want := []float64{75, 80}; !slices.Equal(acted, want) {
		t.Errorf("acted %v, want %v: at every evaluation in ALARM", acted, want)
	}
	if _, err := client.DisableAlarmActions(ctx, &cw.DisableAlarmActionsInput{AlarmNames: []string{"busy"}}); err != nil {
		t.Fatal(err)
	}
	if minutes(80); len(acted) != 2 {
		t.Errorf("acted while actions are disabled")
	}
	if a := minutes(10); a.StateValue != types.StateValueOk || !strings.Contains(*a.StateReason, "was not greater than") {
		t.Errorf("calm again: %s %s", a.StateValue, *a.StateReason)
	}
	if a := minutes(-1, -1, -1, -1, -1, -1); a.StateValue != types.StateValueInsufficientData {
		t.Errorf("without data: %s", a.StateValue)
	}
	if _, err := client.SetAlarmState(ctx, &cw.SetAlarmStateInput{AlarmName: aws.String("busy"), StateValue: types.StateValueAlarm, StateReason: aws.String("drill")}); err != nil {
		t.Fatal(err)
	}
	if a := get(); a.StateValue != types.StateValueAlarm || *a.StateReason != "drill" {
		t.Errorf("set: %s", a.StateValue)
	}
	h, err := client.DescribeAlarmHistory(ctx, &cw.DescribeAlarmHistoryInput{AlarmName: aws.String("busy"), HistoryItemType: types.HistoryItemTypeStateUpdate})
	if err != nil || len(h.AlarmHistoryItems) != 5 || *h.AlarmHistoryItems[0].HistorySummary != "Alarm updated from INSUFFICIENT_DATA to ALARM" {
		t.Errorf("history %+v, %v", h, err)
	}
	for name, in := range map[string]*cw.DescribeAlarmsForMetricInput{
		"there":     {Namespace: aws.String(service), MetricName: aws.String("CPUUtilization"), Dimensions: dimensions("ClusterName", "c", "ServiceName", "s")},
		"elsewhere": {Namespace: aws.String(service), MetricName: aws.String("CPUUtilization")},
	} {
		out, err := client.DescribeAlarmsForMetric(ctx, in)
		if want := map[string]int{"there": 1}[name]; err != nil || len(out.MetricAlarms) != want {
			t.Errorf("%s: %v, %v", name, out, err)
		}
	}
	// A change keeps state and tags; the tags are the first ones.
	if _, err := client.TagResource(ctx, &cw.TagResourceInput{ResourceARN: a.AlarmArn, Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}}); err != nil {
		t.Fatal(err)
	}
	putAlarm(t, client, cw.PutMetricAlarmInput{Namespace: aws.String(service), MetricName: aws.String("MemoryUtilization"), Period: aws.Int32(60), Statistic: types.StatisticMaximum})
	if a := get(); a.StateValue != types.StateValueAlarm || *a.MetricName != "MemoryUtilization" {
		t.Errorf("changed: %+v", a)
	}
	if len(c.Tagged()) != 1 {
		t.Errorf("tagged %v", c.Tagged())
	}
	if _, err := client.DeleteAlarms(ctx, &cw.DeleteAlarmsInput{AlarmNames: []string{"busy"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.DeleteAlarms(ctx, &cw.DeleteAlarmsInput{AlarmNames: []string{"busy"}}); err != nil {
		t.Errorf("deleting an alarm that is gone, which AWS takes: %v", err)
	}
	_, err = client.ListTagsForResource(ctx, &cw.ListTagsForResourceInput{ResourceARN: a.AlarmArn})
	code(t, err, "ResourceNotFoundException")
}

// TestAlarmOverSums: a sum over a short minute stands for a real one's.
func TestAlarmOverSums(t *testing.T) {
	c, client, _ := serve(t, Sources{})
	putAlarm(t, client, cw.PutMetricAlarmInput{Namespace: aws.String(elb), MetricName: aws.String("RequestCount"), Period: aws.Int32(60), Statistic: types.StatisticSum})
	now := time.Unix(1.8e9, 0)
	for range 6 {
		c.mu.Lock()
		err := c.record(elb, "RequestCount", nil, "", now, one(6, 1), true) // 72 a minute
		c.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		now = now.Add(5 * time.Second)
		c.account.Store.Lock()
		c.evaluate(now)
		c.account.Store.Unlock()
	}
	if s := c.AlarmState("busy"); s != types.StateValueAlarm {
		t.Errorf("72 requests a minute are not above 60: %s", s)
	}
}

// TestAlarmOverAnExpression watches what somebody put, in AWS's time.
func TestAlarmOverAnExpression(t *testing.T) {
	c, client, _ := serve(t, Sources{})
	watched := formula("e", "100 * orders / visits")
	orders, visits := metricStat("orders", "Orders", "Sum", 60), metricStat("visits", "Visits", "Sum", 60)
	orders.ReturnData, visits.ReturnData = aws.Bool(false), aws.Bool(false)
	putAlarm(t, client, cw.PutMetricAlarmInput{Metrics: []types.MetricDataQuery{watched, orders, visits}})
	now := time.Unix(1.8e9, 0).Truncate(time.Minute)
	for i := range 3 {
		c.mu.Lock()
		for name, v := range map[string]float64{"Orders": 70, "Visits": 100} {
			if err := c.record("Shop", name, nil, "", now, one(v, 1), false); err != nil {
				t.Error(err)
			}
		}
		c.mu.Unlock()
		if s := c.AlarmState("busy"); s == types.StateValueAlarm {
			t.Errorf("ALARM after %d minutes", i)
		}
		now = now.Add(time.Minute)
		c.account.Store.Lock()
		c.evaluate(now)
		c.account.Store.Unlock()
	}
	if s := c.AlarmState("busy"); s != types.StateValueAlarm {
		t.Errorf("70 percent are not above 60: %s", s)
	}
	_, err := client.PutMetricAlarm(t.Context(), &cw.PutMetricAlarmInput{AlarmName: aws.String("x"), Metrics: []types.MetricDataQuery{watched, formula("f", "e")}, Threshold: aws.Float64(1), EvaluationPeriods: aws.Int32(1), ComparisonOperator: types.ComparisonOperatorLessThanThreshold})
	code(t, err, "ValidationError")
}
