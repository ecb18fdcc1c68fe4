package cloudwatch

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// wider is by how many periods more than it evaluates an alarm looks back, for
// points that are missing or late.
const wider = 2

// dial is the period that an alarm over a namespace is evaluated with, in whole
// seconds, and by how much a sum over it falls short of the period's own; see
// Timing.Minute.
func (c *CloudWatch) dial(namespace string, period int64) (int64, float64) {
	if !measured(namespace) {
		return period, 1
	}
	sample := int64(c.timing.Sample / time.Second)
	short := period * int64(c.timing.Minute/time.Second) / 60
	short = max(short-short%sample, sample)
	return short, float64(period) / float64(short)
}

// evaluate looks at every alarm whose period has ended. The sandbox's lock must
// be held.
func (c *CloudWatch) evaluate(now time.Time) {
	for name, a := range c.alarms.All() {
		if now.Before(c.due[name]) {
			continue
		}
		q, id, err := c.watched(a)
		if err != nil {
			c.due[name] = now.Add(time.Minute)
			c.fail(a, err, now)
			continue
		}
		period := q.period()
		end := now.Unix() - now.Unix()%period
		c.due[name] = time.Unix(end+period, 0)
		n := int64(*a.EvaluationPeriods)
		q.from = func(int64) (int64, int64, error) { return end - (n+wider)*period, end, nil }
		v, err := q.get(id)
		if err == nil && len(v.lines) != 1 {
			err = refused("the expression does not give one time series")
		}
		if err != nil {
			c.fail(a, err, now)
			continue
		}
		c.judge(a, v.lines[0].at, end, period, now)
	}
}

// fail says that an alarm cannot be evaluated.
func (c *CloudWatch) fail(a alarm, err error, now time.Time) {
	if a.StateValue != types.StateValueInsufficientData {
		c.transition(a, types.StateValueInsufficientData, "Evaluation error: "+err.Error(), nil, now)
	}
}

// watched is what an alarm watches, as queries, and the id of the one to judge.
func (c *CloudWatch) watched(a alarm) (*queries, string, error) {
	list := a.Metrics
	if len(list) == 0 {
		list = []types.MetricDataQuery{{Id: aws.String("m"), MetricStat: &types.MetricStat{
			Metric: &types.Metric{Namespace: a.Namespace, MetricName: a.MetricName, Dimensions: a.Dimensions},
			Period: a.Period, Stat: aws.String(cmp.Or(string(a.Statistic), aws.ToString(a.ExtendedStatistic))), Unit: a.Unit,
		}}}
	}
	q, err := c.queries(list, nil)
	if err != nil {
		return nil, "", err
	}
	q.dial = c.dial
	d, err := returned(list)
	return q, aws.ToString(d.Id), err
}

// period is the longest of the queries' periods, as they are evaluated.
func (q *queries) period() int64 {
	longest := int64(1)
	for _, d := range q.list {
		if d.MetricStat != nil && d.MetricStat.Metric != nil {
			p, _ := q.dial(aws.ToString(d.MetricStat.Metric.Namespace), int64(aws.ToInt32(d.MetricStat.Period)))
			longest = max(longest, p)
		} else if d.Period != nil {
			longest = max(longest, int64(*d.Period))
		}
	}
	return longest
}

// datum is one value that was judged.
type datum struct {
	at int64
	v  float64
}

// judge brings an alarm to the state that its newest points lead to: those of
// the EvaluationPeriods (and, where some are missing, of a few before) that end
// at end.
func (c *CloudWatch) judge(a alarm, at map[int64]float64, end, period int64, now time.Time) {
	n := int(*a.EvaluationPeriods)
	m := n
	if a.DatapointsToAlarm != nil {
		m = int(*a.DatapointsToAlarm)
	}
	compare := comparisons[a.ComparisonOperator]
	var points []datum // newest first, at most n
	for i := 1; i <= n+wider && len(points) < n; i++ {
		if v, ok := at[end-int64(i)*period]; ok {
			points = append(points, datum{end - int64(i)*period, v})
		}
	}
	breaching := 0
	for _, p := range points {
		if compare.breaches(p.v, *a.Threshold) {
			breaching++
		}
	}
	to, ok := decide(points, breaching, n, m, aws.ToString(a.TreatMissingData), func(p datum) bool {
		return end-p.at >= int64(m)*period // its breach is as old as the alarm needs
	})
	if !ok {
		to = a.StateValue
	}
	if to != a.StateValue {
		c.transition(a, to, reason(a, points, breaching, n, m, to, compare.words), reasonData(a, points, now), now)
		a, _ = c.alarms.Get(*a.AlarmName)
	}
	if to == types.StateValueAlarm && *a.ActionsEnabled && len(points) > 0 {
		for _, action := range a.AlarmActions {
			// Notifications have nobody to go to here.
			if strings.HasPrefix(action, "arn:aws:autoscaling:") {
				c.act(action, a.MetricAlarm, points[0].v)
			}
		}
	}
}

// decide is CloudWatch's rule for M out of N datapoints with missing data (user
// guide, "Configuring how CloudWatch alarms treat missing data"); not ok stands
// for the state that it was in. old tells whether a breach lies as far back as
// the datapoints that an alarm needs.
func decide(points []datum, breaching, n, m int, missing string, old func(datum) bool) (to types.StateValue, ok bool) {
	gaps := n - len(points)
	switch {
	case breaching >= m:
		return types.StateValueAlarm, true
	case gaps == 0:
		return types.StateValueOk, true
	case missing == "breaching":
		if breaching+gaps >= m {
			return types.StateValueAlarm, true
		}
		return types.StateValueOk, true
	case missing == "notBreaching":
		return types.StateValueOk, true
	case len(points) == 0 && missing == "ignore":
		return "", false
	case len(points) == 0:
		return types.StateValueInsufficientData, true
	case breaching < len(points):
		return types.StateValueOk, true
	case missing != "ignore" && old(points[len(points)-1]):
		return types.StateValueAlarm, true // all that is known breaches, and has for long enough
	}
	return "", false
}

func number(f float64) string {
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// reason says in CloudWatch's words why an alarm is in a state.
func reason(a alarm, points []datum, breaching, n, m int, to types.StateValue, words string) string {
	if to == types.StateValueInsufficientData {
		if n == 1 {
			return "Insufficient Data: 1 datapoint was unknown."
		}
		return fmt.Sprintf("Insufficient Data: %d datapoints were unknown.", n)
	}
	if len(points) == 0 {
		return fmt.Sprintf("Threshold Crossed: no datapoints were received for %d %s and %d missing %s treated as [%s].",
			n, plural(n, "period", "periods"), n, plural(n, "datapoint was", "datapoints were"), map[types.StateValue]string{types.StateValueAlarm: "Breaching", types.StateValueOk: "NonBreaching"}[to])
	}
	k := breaching
	not, needed, change := "", m, "OK -> ALARM"
	if to == types.StateValueOk {
		k, not = len(points)-breaching, "not "
		needed, change = n-m+1, "ALARM -> OK"
	}
	var shown []string
	for _, p := range points {
		if (breachingPoint(a, p) == (to == types.StateValueAlarm)) && len(shown) < 5 {
			shown = append(shown, number(p.v)+" ("+time.Unix(p.at, 0).UTC().Format("02/01/06 15:04:05")+")")
		}
	}
	return fmt.Sprintf("Threshold Crossed: %d out of the last %d datapoints [%s] %s %s%s (%s) (minimum %d %s for %s transition).",
		k, n, strings.Join(shown, ", "), plural(k, "was", "were"), not, words, number(*a.Threshold), needed, plural(needed, "datapoint", "datapoints"), change)
}

func breachingPoint(a alarm, p datum) bool {
	return comparisons[a.ComparisonOperator].breaches(p.v, *a.Threshold)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// reasonData is the same for programs.
func reasonData(a alarm, points []datum, now time.Time) *string {
	const form = "2006-01-02T15:04:05.000-0700"
	d := map[string]any{
		"version": "1.0", "queryDate": now.UTC().Format(form), "threshold": *a.Threshold,
		"statistic": cmp.Or(string(a.Statistic), aws.ToString(a.ExtendedStatistic)), "period": aws.ToInt32(a.Period),
	}
	recent, evaluated := []float64{}, []map[string]any{}
	for i := len(points) - 1; i >= 0; i-- {
		recent = append(recent, points[i].v)
		evaluated = append(evaluated, map[string]any{"timestamp": time.Unix(points[i].at, 0).UTC().Format(form), "value": points[i].v})
	}
	d["recentDatapoints"], d["evaluatedDatapoints"] = recent, evaluated
	b, err := json.Marshal(d)
	if err != nil {
		return nil
	}
	return aws.String(string(b))
}
