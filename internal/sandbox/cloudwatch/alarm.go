package cloudwatch

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cw "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/tags"
	"workshop/internal/sandbox/wire"
)

// maxHistory is how many events of alarms are kept, over all of them.
const maxHistory = 1000

// alarm is one metric alarm.
type alarm struct {
	types.MetricAlarm
	Tags map[string]string
}

func (c *CloudWatch) alarmOperations(s *wire.Service) {
	wire.Handle(s, "PutMetricAlarm", c.putMetricAlarm)
	wire.Handle(s, "DescribeAlarms", c.describeAlarms)
	wire.Handle(s, "DescribeAlarmsForMetric", c.describeAlarmsForMetric)
	wire.Handle(s, "DeleteAlarms", c.deleteAlarms)
	wire.Handle(s, "SetAlarmState", c.setAlarmState)
	wire.Handle(s, "DescribeAlarmHistory", c.describeAlarmHistory)
	wire.Handle(s, "EnableAlarmActions", func(_ context.Context, in *cw.EnableAlarmActionsInput) (*cw.EnableAlarmActionsOutput, error) {
		c.enableActions(in.AlarmNames, true)
		return nil, nil
	})
	wire.Handle(s, "DisableAlarmActions", func(_ context.Context, in *cw.DisableAlarmActionsInput) (*cw.DisableAlarmActionsOutput, error) {
		c.enableActions(in.AlarmNames, false)
		return nil, nil
	})
	wire.Handle(s, "ListTagsForResource", func(_ context.Context, in *cw.ListTagsForResourceInput) (*cw.ListTagsForResourceOutput, error) {
		a, err := c.byARN(in.ResourceARN)
		return &cw.ListTagsForResourceOutput{Tags: tags.List(a.Tags, func(k, v *string) types.Tag { return types.Tag{Key: k, Value: v} })}, err
	})
	wire.Handle(s, "TagResource", func(_ context.Context, in *cw.TagResourceInput) (*cw.TagResourceOutput, error) {
		a, err := c.byARN(in.ResourceARN)
		if err != nil {
			return nil, err
		}
		if a.Tags = tags.Merge(a.Tags, tagMap(in.Tags)); len(a.Tags) > 50 {
			return nil, invalid("An alarm can have at most 50 tags.")
		}
		c.alarms.Put(*a.AlarmName, a)
		return nil, nil
	})
	wire.Handle(s, "UntagResource", func(_ context.Context, in *cw.UntagResourceInput) (*cw.UntagResourceOutput, error) {
		a, err := c.byARN(in.ResourceARN)
		if err != nil {
			return nil, err
		}
		a.Tags = tags.Without(a.Tags, in.TagKeys)
		c.alarms.Put(*a.AlarmName, a)
		return nil, nil
	})
}

func tagMap(list []types.Tag) map[string]string {
	return tags.Map(list, func(t types.Tag) (key, value *string) { return t.Key, t.Value })
}

func notFound(format string, args ...any) error {
	e := wire.Errorf("ResourceNotFound", format, args...)
	e.Status = 404
	return e
}

func (c *CloudWatch) byARN(arn *string) (alarm, error) {
	_, name, _ := strings.Cut(aws.ToString(arn), ":alarm:")
	a, ok := c.alarms.Get(name)
	if !ok || *a.AlarmArn != aws.ToString(arn) {
		e := wire.Errorf("ResourceNotFoundException", "Alarm %s does not exist", aws.ToString(arn))
		e.Status = 404
		return a, e
	}
	return a, nil
}

// Tagged lists the alarms that have tags. The sandbox's lock must be held.
func (c *CloudWatch) Tagged() []account.Tagged {
	var out []account.Tagged
	for _, a := range c.alarms.Find(func(a alarm) bool { return len(a.Tags) > 0 }) {
		out = append(out, account.Tagged{ARN: *a.AlarmArn, Tags: a.Tags})
	}
	return out
}

func (c *CloudWatch) now() time.Time { return c.account.Now().UTC().Truncate(time.Millisecond) }

// comparisons tells whether a value breaches a threshold, and how reasons say
// so.
var comparisons = map[types.ComparisonOperator]struct {
	breaches func(v, threshold float64) bool
	words    string
}{
	types.ComparisonOperatorGreaterThanThreshold:          {func(v, t float64) bool { return v > t }, "greater than the threshold"},
	types.ComparisonOperatorGreaterThanOrEqualToThreshold: {func(v, t float64) bool { return v >= t }, "greater than or equal to the threshold"},
	types.ComparisonOperatorLessThanThreshold:             {func(v, t float64) bool { return v < t }, "less than the threshold"},
	types.ComparisonOperatorLessThanOrEqualToThreshold:    {func(v, t float64) bool { return v <= t }, "less than or equal to the threshold"},
}

func (c *CloudWatch) putMetricAlarm(_ context.Context, in *cw.PutMetricAlarmInput) (*cw.PutMetricAlarmOutput, error) {
	name := aws.ToString(in.AlarmName)
	_, known := comparisons[in.ComparisonOperator]
	switch {
	case name == "" || len(name) > 255:
		return nil, required("AlarmName")
	case in.ComparisonOperator == "":
		return nil, required("ComparisonOperator")
	case !known:
		return nil, invalid("The value %s for parameter ComparisonOperator is not supported: the sandbox has no anomaly detection.", in.ComparisonOperator)
	case in.Threshold == nil:
		return nil, required("Threshold")
	case in.EvaluationPeriods == nil || *in.EvaluationPeriods < 1:
		return nil, required("EvaluationPeriods")
	case aws.ToInt32(in.DatapointsToAlarm) > *in.EvaluationPeriods || in.DatapointsToAlarm != nil && *in.DatapointsToAlarm < 1:
		return nil, refused("DatapointsToAlarm must be between 1 and EvaluationPeriods.")
	case len(in.AlarmActions) > 5 || len(in.OKActions) > 5 || len(in.InsufficientDataActions) > 5:
		return nil, invalid("An alarm can have at most 5 actions for each state.")
	case !slices.Contains([]string{"", "missing", "ignore", "breaching", "notBreaching"}, aws.ToString(in.TreatMissingData)):
		return nil, refused("TreatMissingData must be one of missing, ignore, breaching and notBreaching.")
	}
	if len(in.Metrics) > 0 {
		if in.MetricName != nil {
			return nil, refused("The parameters MetricName and Metrics are mutually exclusive.")
		}
		if _, err := returned(in.Metrics); err != nil {
			return nil, err
		}
	} else {
		if _, err := metricOf(&types.Metric{Namespace: in.Namespace, MetricName: in.MetricName, Dimensions: in.Dimensions}); err != nil {
			return nil, err
		}
		if _, err := checkPeriod(in.Period); err != nil {
			return nil, err
		}
		if (in.Statistic == "") == (in.ExtendedStatistic == nil) {
			return nil, combination("Exactly one of the parameters Statistic and ExtendedStatistic must be specified.")
		}
		if _, err := parseStatistic(cmp.Or(string(in.Statistic), aws.ToString(in.ExtendedStatistic))); err != nil {
			if in.ExtendedStatistic != nil {
				return nil, invalid("The value %s for parameter ExtendedStatistic is not supported.", *in.ExtendedStatistic)
			}
			return nil, err
		}
	}
	a := types.MetricAlarm{
		AlarmName: in.AlarmName, AlarmDescription: in.AlarmDescription, ActionsEnabled: in.ActionsEnabled,
		OKActions: in.OKActions, AlarmActions: in.AlarmActions, InsufficientDataActions: in.InsufficientDataActions,
		MetricName: in.MetricName, Namespace: in.Namespace, Statistic: in.Statistic, ExtendedStatistic: in.ExtendedStatistic,
		Dimensions: in.Dimensions, Period: in.Period, Unit: in.Unit, EvaluationPeriods: in.EvaluationPeriods,
		DatapointsToAlarm: in.DatapointsToAlarm, Threshold: in.Threshold, ComparisonOperator: in.ComparisonOperator,
		TreatMissingData: in.TreatMissingData, EvaluateLowSampleCountPercentile: in.EvaluateLowSampleCountPercentile, Metrics: in.Metrics,
	}
	c.PutAlarm(a, tagMap(in.Tags))
	return nil, nil
}

// returned finds the one query whose data an alarm watches.
func returned(list []types.MetricDataQuery) (types.MetricDataQuery, error) {
	var out []types.MetricDataQuery
	for _, d := range list {
		if d.ReturnData == nil || *d.ReturnData {
			out = append(out, d)
		}
	}
	if len(out) != 1 {
		return types.MetricDataQuery{}, refused("Exactly one element of the metrics list should return data.")
	}
	return out[0], nil
}

// PutAlarm makes an alarm, or changes one and leaves its state as it is. Tags
// count for a new one only, as with AWS. The sandbox's lock must be held.
func (c *CloudWatch) PutAlarm(m types.MetricAlarm, tags map[string]string) {
	now := c.now()
	old, existed := c.alarms.Get(*m.AlarmName)
	m.AlarmArn = aws.String(c.account.ARN("cloudwatch", "alarm:"+*m.AlarmName))
	m.AlarmConfigurationUpdatedTimestamp = aws.Time(now)
	if m.ActionsEnabled == nil {
		m.ActionsEnabled = aws.Bool(true)
	}
	m.OKActions, m.AlarmActions, m.InsufficientDataActions = orEmpty(m.OKActions), orEmpty(m.AlarmActions), orEmpty(m.InsufficientDataActions)
	m.Dimensions = orEmpty(m.Dimensions)
	for i := range m.Metrics {
		if m.Metrics[i].ReturnData == nil {
			m.Metrics = slices.Clone(m.Metrics)
			m.Metrics[i].ReturnData = aws.Bool(true)
		}
	}
	n := alarm{MetricAlarm: m, Tags: tags}
	kind, words := "Alarm \""+*m.AlarmName+"\" created", "Create"
	if existed {
		n.Tags = old.Tags
		n.StateValue, n.StateReason, n.StateReasonData = old.StateValue, old.StateReason, old.StateReasonData
		n.StateUpdatedTimestamp, n.StateTransitionedTimestamp = old.StateUpdatedTimestamp, old.StateTransitionedTimestamp
		kind, words = "Alarm \""+*m.AlarmName+"\" updated", "Update"
	} else {
		n.StateValue, n.StateReason = types.StateValueInsufficientData, aws.String("Unchecked: Initial alarm creation")
		n.StateUpdatedTimestamp, n.StateTransitionedTimestamp = aws.Time(now), aws.Time(now)
	}
	c.alarms.Put(*m.AlarmName, n)
	delete(c.due, *m.AlarmName)
	c.log(n, types.HistoryItemTypeConfigurationUpdate, kind, map[string]any{"version": "1.0", "type": words})
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// DeleteAlarms deletes the alarms that are there. The sandbox's lock must be
// held.
func (c *CloudWatch) DeleteAlarms(names ...string) {
	for _, n := range names {
		if a, ok := c.alarms.Get(n); ok {
			c.alarms.Delete(n)
			delete(c.due, n)
			c.log(a, types.HistoryItemTypeConfigurationUpdate, "Alarm \""+n+"\" deleted", map[string]any{"version": "1.0", "type": "Delete"})
		}
	}
}

// AlarmState is the state of an alarm, "" for one that is not there. The
// sandbox's lock must be held.
func (c *CloudWatch) AlarmState(name string) types.StateValue {
	a, _ := c.alarms.Get(name)
	return a.StateValue
}

// Alarm says whether an alarm is in the state ALARM, and how far back it looks: its period
// times its evaluation periods. The sandbox's lock must be held.
func (c *CloudWatch) Alarm(name string) (alarming bool, span time.Duration, ok bool) {
	a, ok := c.alarms.Get(name)
	return a.StateValue == types.StateValueAlarm, time.Duration(aws.ToInt32(a.Period)*aws.ToInt32(a.EvaluationPeriods)) * time.Second, ok
}

func (c *CloudWatch) deleteAlarms(_ context.Context, in *cw.DeleteAlarmsInput) (*cw.DeleteAlarmsOutput, error) {
	if len(in.AlarmNames) > 100 {
		return nil, invalid("At most 100 alarms can be deleted at once.")
	}
	c.DeleteAlarms(in.AlarmNames...)
	return nil, nil
}

func (c *CloudWatch) enableActions(names []string, on bool) {
	for _, n := range names {
		if a, ok := c.alarms.Get(n); ok {
			a.ActionsEnabled = aws.Bool(on)
			c.alarms.Put(n, a)
		}
	}
}

func (c *CloudWatch) describeAlarms(_ context.Context, in *cw.DescribeAlarmsInput) (*cw.DescribeAlarmsOutput, error) {
	if len(in.AlarmNames) > 0 && in.AlarmNamePrefix != nil {
		return nil, combination("The parameters AlarmNames and AlarmNamePrefix are mutually exclusive.")
	}
	limit := 50
	if in.MaxRecords != nil {
		if *in.MaxRecords < 1 || *in.MaxRecords > 100 {
			return nil, invalid("The parameter MaxRecords must be between 1 and 100.")
		}
		limit = int(*in.MaxRecords)
	}
	if len(in.AlarmNames) > 0 {
		limit = 100
	}
	var found []types.MetricAlarm
	for _, a := range c.alarms.Find(nil) {
		if len(in.AlarmNames) > 0 && !slices.Contains(in.AlarmNames, *a.AlarmName) ||
			!strings.HasPrefix(*a.AlarmName, aws.ToString(in.AlarmNamePrefix)) ||
			in.StateValue != "" && a.StateValue != in.StateValue ||
			len(in.AlarmTypes) > 0 && !slices.Contains(in.AlarmTypes, types.AlarmTypeMetricAlarm) ||
			in.ActionPrefix != nil && !slices.ContainsFunc(slices.Concat(a.AlarmActions, a.OKActions, a.InsufficientDataActions), func(s string) bool { return strings.HasPrefix(s, *in.ActionPrefix) }) ||
			in.ChildrenOfAlarmName != nil || in.ParentsOfAlarmName != nil { // composite alarms alone have those
			continue
		}
		found = append(found, a.MetricAlarm)
	}
	slices.SortFunc(found, func(a, b types.MetricAlarm) int { return strings.Compare(*a.AlarmName, *b.AlarmName) })
	page, next, err := wire.Page(found, in.NextToken, limit, "InvalidNextToken")
	return &cw.DescribeAlarmsOutput{MetricAlarms: orEmpty(page), CompositeAlarms: []types.CompositeAlarm{}, NextToken: next}, err
}

func (c *CloudWatch) describeAlarmsForMetric(_ context.Context, in *cw.DescribeAlarmsForMetricInput) (*cw.DescribeAlarmsForMetricOutput, error) {
	if _, err := metricOf(&types.Metric{Namespace: in.Namespace, MetricName: in.MetricName, Dimensions: in.Dimensions}); err != nil {
		return nil, err
	}
	k := seriesKey(*in.Namespace, *in.MetricName, in.Dimensions)
	out := []types.MetricAlarm{}
	for _, a := range c.alarms.Find(nil) {
		if a.MetricName == nil || seriesKey(*a.Namespace, *a.MetricName, a.Dimensions) != k ||
			in.Statistic != "" && a.Statistic != in.Statistic ||
			in.ExtendedStatistic != nil && aws.ToString(a.ExtendedStatistic) != *in.ExtendedStatistic ||
			in.Period != nil && *a.Period != *in.Period || in.Unit != "" && a.Unit != in.Unit {
			continue
		}
		out = append(out, a.MetricAlarm)
	}
	return &cw.DescribeAlarmsForMetricOutput{MetricAlarms: out}, nil
}

func (c *CloudWatch) setAlarmState(_ context.Context, in *cw.SetAlarmStateInput) (*cw.SetAlarmStateOutput, error) {
	a, ok := c.alarms.Get(aws.ToString(in.AlarmName))
	switch {
	case !ok:
		return nil, notFound("Alarm %s does not exist", aws.ToString(in.AlarmName))
	case !slices.Contains(in.StateValue.Values(), in.StateValue):
		return nil, invalid("The value %s for parameter StateValue is invalid.", in.StateValue)
	case in.StateReason == nil:
		return nil, required("StateReason")
	case in.StateReasonData != nil && !json.Valid([]byte(*in.StateReasonData)):
		return nil, wire.Errorf("InvalidFormatFault", "StateReasonData is not JSON.")
	}
	c.transition(a, in.StateValue, *in.StateReason, in.StateReasonData, c.now())
	return nil, nil
}

// transition brings an alarm to a state, for a reason.
func (c *CloudWatch) transition(a alarm, to types.StateValue, reason string, data *string, now time.Time) {
	from, why := a.StateValue, aws.ToString(a.StateReason)
	a.StateReason, a.StateReasonData = aws.String(reason), data
	a.StateUpdatedTimestamp = aws.Time(now)
	if from != to {
		a.StateValue = to
		a.StateTransitionedTimestamp = aws.Time(now)
		c.log(a, types.HistoryItemTypeStateUpdate, "Alarm updated from "+string(from)+" to "+string(to), map[string]any{
			"version": "1.0", "oldState": map[string]any{"stateValue": from, "stateReason": why},
			"newState": map[string]any{"stateValue": to, "stateReason": reason},
		})
	}
	c.alarms.Put(*a.AlarmName, a)
}

// log keeps an event of an alarm's history. It does not outlive the sandbox.
func (c *CloudWatch) log(a alarm, kind types.HistoryItemType, summary string, data map[string]any) {
	b, err := json.Marshal(data)
	if err != nil {
		return // strings and maps of them can always be marshalled
	}
	before := c.history
	c.account.Store.AfterRollback(func() { c.history = before })
	if len(c.history) >= maxHistory {
		c.history = slices.Clone(c.history[maxHistory/4:])
	}
	c.history = append(c.history, types.AlarmHistoryItem{
		AlarmName: a.AlarmName, AlarmType: types.AlarmTypeMetricAlarm, Timestamp: aws.Time(c.now()),
		HistoryItemType: kind, HistorySummary: aws.String(summary), HistoryData: aws.String(string(b)),
	})
}

func (c *CloudWatch) describeAlarmHistory(_ context.Context, in *cw.DescribeAlarmHistoryInput) (*cw.DescribeAlarmHistoryOutput, error) {
	var found []types.AlarmHistoryItem
	for _, h := range c.history {
		if in.AlarmName != nil && *h.AlarmName != *in.AlarmName || in.HistoryItemType != "" && h.HistoryItemType != in.HistoryItemType ||
			in.StartDate != nil && h.Timestamp.Before(*in.StartDate) || in.EndDate != nil && h.Timestamp.After(*in.EndDate) ||
			len(in.AlarmTypes) > 0 && !slices.Contains(in.AlarmTypes, types.AlarmTypeMetricAlarm) {
			continue
		}
		found = append(found, h)
	}
	if in.ScanBy != types.ScanByTimestampAscending {
		slices.Reverse(found)
	}
	limit := 100
	if in.MaxRecords != nil {
		if *in.MaxRecords < 1 || *in.MaxRecords > 100 {
			return nil, invalid("The parameter MaxRecords must be between 1 and 100.")
		}
		limit = int(*in.MaxRecords)
	}
	page, next, err := wire.Page(found, in.NextToken, limit, "InvalidNextToken")
	return &cw.DescribeAlarmHistoryOutput{AlarmHistoryItems: orEmpty(page), NextToken: next}, err
}
