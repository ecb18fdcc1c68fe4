package cloudwatch

import (
	"context"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cw "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"workshop/internal/sandbox/wire"
)

// AWS's limits.
const (
	maxQueries    = 500
	maxDatapoints = 100_800 // of GetMetricData
	maxStatistics = 1440    // of GetMetricStatistics
	maxDimensions = 30
	listPage      = 500
)

func (c *CloudWatch) dataOperations(s *wire.Service) {
	wire.HandleUnlocked(s, "GetMetricData", c.getMetricData)
	wire.HandleUnlocked(s, "GetMetricStatistics", c.getMetricStatistics)
	wire.HandleUnlocked(s, "ListMetrics", c.listMetrics)
	wire.HandleUnlocked(s, "PutMetricData", c.putMetricData)
}

// checkPeriod holds a period to what CloudWatch takes.
func checkPeriod(p *int32) (int64, error) {
	switch n := aws.ToInt32(p); {
	case p == nil:
		return 0, required("Period")
	case n == 1, n == 5, n == 10, n == 20, n == 30, n >= 60 && n%60 == 0 && n <= 86400*7:
		return int64(n), nil
	}
	return 0, invalid("The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60.")
}

// span is the interval that is asked for, its start rounded down to a period as
// AWS rounds it.
func span(start, end *time.Time, period int64) (from, to int64, err error) {
	switch {
	case start == nil:
		return 0, 0, required("StartTime")
	case end == nil:
		return 0, 0, required("EndTime")
	case !start.Before(*end):
		return 0, 0, invalid("The parameter StartTime must be less than the parameter EndTime.")
	}
	from = start.Unix()
	return from - from%period, end.Unix(), nil
}

// metricOf checks a metric's name.
func metricOf(m *types.Metric) (types.Metric, error) {
	switch {
	case m == nil:
		return types.Metric{}, required("Metric")
	case aws.ToString(m.Namespace) == "":
		return types.Metric{}, required("Namespace")
	case aws.ToString(m.MetricName) == "":
		return types.Metric{}, required("MetricName")
	}
	return *m, checkDimensions(m.Dimensions)
}

func checkDimensions(dims []types.Dimension) error {
	if len(dims) > maxDimensions {
		return invalid("The collection Dimensions must not have a size greater than %d.", maxDimensions)
	}
	for i, d := range dims {
		if aws.ToString(d.Name) == "" || aws.ToString(d.Value) == "" {
			return invalid("The parameters Dimensions.member.%[1]d.Name and Dimensions.member.%[1]d.Value must not be empty.", i+1)
		}
	}
	return nil
}

var queryID = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]*$`) // of at most 255

// queries are the parts of one GetMetricData, or of an alarm over an expression.
type queries struct {
	c    *CloudWatch
	list []types.MetricDataQuery
	from func(period int64) (int64, int64, error)
	// dial makes of a period the one to look at instead, and how much a sum over
	// it must be multiplied with; nil leaves periods alone.
	dial func(namespace string, period int64) (int64, float64)

	done map[string]value
	busy map[string]bool
}

func (c *CloudWatch) queries(list []types.MetricDataQuery, from func(int64) (int64, int64, error)) (*queries, error) {
	if len(list) == 0 {
		return nil, required("MetricDataQueries")
	}
	if len(list) > maxQueries {
		return nil, refused("The collection MetricDataQueries must not have a size greater than %d.", maxQueries)
	}
	q := &queries{c: c, list: list, from: from, done: map[string]value{}, busy: map[string]bool{}}
	seen := map[string]bool{}
	for i, d := range list {
		id := aws.ToString(d.Id)
		switch {
		case len(id) > 255 || !queryID.MatchString(id):
			return nil, refused("The value %s for parameter MetricDataQueries.member.%d.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.", id, i+1)
		case seen[id]:
			return nil, refused("The values for parameter id in MetricDataQueries are not unique: %s.", id)
		case (d.Expression == nil) == (d.MetricStat == nil):
			return nil, refused("The parameters MetricDataQueries.member.%[1]d.Expression and MetricDataQueries.member.%[1]d.MetricStat are mutually exclusive and you must specify one of them.", i+1)
		}
		seen[id] = true
	}
	return q, nil
}

func (q *queries) find(id string) (types.MetricDataQuery, bool) {
	for _, d := range q.list {
		if aws.ToString(d.Id) == id {
			return d, true
		}
	}
	return types.MetricDataQuery{}, false
}

// get is the series or number behind an id.
func (q *queries) get(id string) (value, error) {
	if v, ok := q.done[id]; ok {
		return v, nil
	}
	d, ok := q.find(id)
	if !ok {
		return value{}, refused("Error in expression: the id %s is not defined.", id)
	}
	if q.busy[id] {
		return value{}, refused("Error in expression: circular reference to %s.", id)
	}
	q.busy[id] = true
	var v value
	var err error
	if d.MetricStat != nil {
		v, err = q.stat(d.MetricStat)
	} else {
		v, err = q.evaluate(*d.Expression)
	}
	q.done[id], q.busy[id] = v, false
	return v, err
}

func (q *queries) stat(m *types.MetricStat) (value, error) {
	metric, err := metricOf(m.Metric)
	if err != nil {
		return value{}, err
	}
	period, err := checkPeriod(m.Period)
	if err != nil {
		return value{}, err
	}
	stat, err := parseStatistic(aws.ToString(m.Stat))
	if err != nil {
		return value{}, err
	}
	scale := 1.0
	if q.dial != nil {
		var by float64
		period, by = q.dial(*metric.Namespace, period)
		if s := aws.ToString(m.Stat); s == "Sum" || s == "SampleCount" {
			scale = by
		}
	}
	from, to, err := q.from(period)
	if err != nil {
		return value{}, err
	}
	points, unit := q.c.points(*metric.Namespace, *metric.MetricName, metric.Dimensions, period, from, to)
	out := line{period: period, label: *metric.MetricName, at: map[int64]float64{}}
	if m.Unit == "" || unit == "" || m.Unit == unit {
		for _, p := range points {
			out.at[p.at] = stat(p) * scale
		}
	}
	return value{lines: []line{out}}, nil
}

func (c *CloudWatch) getMetricData(_ context.Context, in *cw.GetMetricDataInput) (*cw.GetMetricDataOutput, error) {
	if in.StartTime != nil && in.EndTime != nil {
		switch from, to := in.StartTime.Unix(), in.EndTime.Unix(); {
		case from == to:
			return nil, refused("The parameter StartTime must not equal parameter EndTime.")
		case from > to:
			return nil, refused("The parameter EndTime must be greater than StartTime.")
		}
	}
	q, err := c.queries(in.MetricDataQueries, func(period int64) (int64, int64, error) { return span(in.StartTime, in.EndTime, period) })
	if err != nil {
		return nil, err
	}
	if _, _, err := span(in.StartTime, in.EndTime, 60); err != nil {
		return nil, err
	}
	limit := maxDatapoints
	if in.MaxDatapoints != nil {
		if *in.MaxDatapoints < 1 || *in.MaxDatapoints > maxDatapoints {
			return nil, invalid("The parameter MaxDatapoints must be between 1 and %d.", maxDatapoints)
		}
		limit = int(*in.MaxDatapoints)
	}
	// All points of all results in a row, of which an answer carries one page.
	type place struct {
		result int
		at     int64
		v      float64
	}
	var all []place
	var results []types.MetricDataResult
	for _, d := range in.MetricDataQueries {
		if d.ReturnData != nil && !*d.ReturnData {
			continue
		}
		v, err := q.get(*d.Id)
		if err != nil {
			return nil, err
		}
		if v.lines == nil {
			return nil, refused("Error in expression '%s': an expression must return a time series, and this is a number.", *d.Id)
		}
		for _, l := range v.lines {
			r := types.MetricDataResult{Id: d.Id, Label: d.Label, StatusCode: types.StatusCodeComplete, Timestamps: []time.Time{}, Values: []float64{}}
			if r.Label == nil {
				r.Label = aws.String(l.label)
				if d.Expression != nil && len(v.lines) == 1 {
					r.Label = d.Id
				}
			}
			times := slices.Sorted(maps.Keys(l.at))
			if in.ScanBy != types.ScanByTimestampAscending {
				slices.Reverse(times)
			}
			for _, t := range times {
				if f := l.at[t]; !math.IsNaN(f) && !math.IsInf(f, 0) {
					all = append(all, place{len(results), t, f})
				}
			}
			results = append(results, r)
		}
	}
	page, next, err := wire.Page(all, in.NextToken, limit, "InvalidNextToken")
	if err != nil {
		return nil, err
	}
	for _, p := range page {
		r := &results[p.result]
		r.Timestamps = append(r.Timestamps, time.Unix(p.at, 0).UTC())
		r.Values = append(r.Values, p.v)
	}
	if next != nil {
		last := page[len(page)-1].result
		for i := last; i < len(results); i++ {
			results[i].StatusCode = types.StatusCodePartialData
		}
	}
	if results == nil {
		results = []types.MetricDataResult{}
	}
	return &cw.GetMetricDataOutput{MetricDataResults: results, NextToken: next, Messages: []types.MessageData{}}, nil
}

func (c *CloudWatch) getMetricStatistics(_ context.Context, in *cw.GetMetricStatisticsInput) (*cw.GetMetricStatisticsOutput, error) {
	metric, err := metricOf(&types.Metric{Namespace: in.Namespace, MetricName: in.MetricName, Dimensions: in.Dimensions})
	if err != nil {
		return nil, err
	}
	period, err := checkPeriod(in.Period)
	if err != nil {
		return nil, err
	}
	from, to, err := span(in.StartTime, in.EndTime, period)
	if err != nil {
		return nil, err
	}
	if len(in.Statistics) == 0 && len(in.ExtendedStatistics) == 0 {
		return nil, wire.Errorf("InvalidParameterCombinationException", "Must specify either Statistics or ExtendedStatistics")
	}
	if n := (to - from) / period; n > maxStatistics {
		return nil, combination("You have requested up to %d datapoints, which exceeds the limit of %d. You may reduce the datapoints requested by increasing Period, or decreasing the time range.", n, maxStatistics)
	}
	stats := map[string]statistic{}
	for _, s := range in.ExtendedStatistics {
		if stats[s], err = parseStatistic(s); err != nil {
			return nil, err
		}
	}
	for _, s := range in.Statistics {
		if !slices.Contains(s.Values(), s) {
			return nil, invalid("The value %s for parameter Statistics.member.1 is invalid.", s)
		}
	}
	out := &cw.GetMetricStatisticsOutput{Label: in.MetricName, Datapoints: []types.Datapoint{}}
	points, unit := c.points(*metric.Namespace, *metric.MetricName, metric.Dimensions, period, from, to)
	if in.Unit != "" && unit != "" && in.Unit != unit {
		return out, nil
	}
	if unit == "" {
		unit = types.StandardUnitNone
	}
	for _, p := range points {
		d := types.Datapoint{Timestamp: aws.Time(time.Unix(p.at, 0).UTC()), Unit: unit}
		for _, s := range in.Statistics {
			switch s {
			case types.StatisticAverage:
				d.Average = aws.Float64(p.sum / p.count)
			case types.StatisticSum:
				d.Sum = aws.Float64(p.sum)
			case types.StatisticMinimum:
				d.Minimum = aws.Float64(p.min)
			case types.StatisticMaximum:
				d.Maximum = aws.Float64(p.max)
			case types.StatisticSampleCount:
				d.SampleCount = aws.Float64(p.count)
			}
		}
		for name, s := range stats {
			if d.ExtendedStatistics == nil {
				d.ExtendedStatistics = map[string]float64{}
			}
			d.ExtendedStatistics[name] = s(p)
		}
		out.Datapoints = append(out.Datapoints, d)
	}
	return out, nil
}

func (c *CloudWatch) listMetrics(_ context.Context, in *cw.ListMetricsInput) (*cw.ListMetricsOutput, error) {
	if len(in.Dimensions) > 10 {
		return nil, invalid("The collection Dimensions must not have a size greater than 10.")
	}
	if in.RecentlyActive != "" && in.RecentlyActive != types.RecentlyActivePt3h {
		return nil, invalid("The value %s for parameter RecentlyActive is invalid: PT3H is the only one.", in.RecentlyActive)
	}
	oldest := c.account.Now().Add(-active).Unix()
	c.mu.RLock()
	var keys []string
	for k, s := range c.series {
		m := s.metric
		if in.Namespace != nil && *m.Namespace != *in.Namespace || in.MetricName != nil && *m.MetricName != *in.MetricName ||
			in.RecentlyActive != "" && s.last < oldest || !filtered(m.Dimensions, in.Dimensions) {
			continue
		}
		keys = append(keys, k)
	}
	slices.Sort(keys)
	found := make([]types.Metric, len(keys))
	for i, k := range keys {
		found[i] = c.series[k].metric
		if found[i].Dimensions == nil {
			found[i].Dimensions = []types.Dimension{} // which AWS sends, and clients read
		}
	}
	c.mu.RUnlock()
	page, next, err := wire.Page(found, in.NextToken, listPage, "InvalidParameterValueException")
	if page == nil {
		page = []types.Metric{}
	}
	return &cw.ListMetricsOutput{Metrics: page, NextToken: next}, err
}

// filtered reports whether a metric has all the dimensions that filters name,
// with their values where they name these too.
func filtered(dims []types.Dimension, filters []types.DimensionFilter) bool {
	for _, f := range filters {
		if !slices.ContainsFunc(dims, func(d types.Dimension) bool {
			return *d.Name == aws.ToString(f.Name) && (f.Value == nil || *f.Value == *d.Value)
		}) {
			return false
		}
	}
	return true
}

func (c *CloudWatch) putMetricData(_ context.Context, in *cw.PutMetricDataInput) (*cw.PutMetricDataOutput, error) {
	namespace := aws.ToString(in.Namespace)
	switch {
	case namespace == "":
		return nil, required("Namespace")
	case strings.HasPrefix(namespace, "AWS/"):
		return nil, invalid("The value AWS/ for parameter Namespace is invalid.")
	case len(in.MetricData) == 0:
		return nil, required("MetricData")
	case len(in.MetricData) > 1000:
		return nil, invalid("The collection MetricData must not have a size greater than 1000.")
	}
	now := c.account.Now()
	type datum struct {
		at   time.Time
		p    point
		fine bool
	}
	data := make([]datum, len(in.MetricData))
	for i, d := range in.MetricData { // all of them before any is kept
		p, err := pointOf(d, i+1)
		if err != nil {
			return nil, err
		}
		if aws.ToString(d.MetricName) == "" {
			return nil, required(fmt.Sprintf("MetricData.member.%d.MetricName", i+1))
		}
		if err := checkDimensions(d.Dimensions); err != nil {
			return nil, err
		}
		at := now
		if d.Timestamp != nil {
			at = *d.Timestamp
		}
		if at.Before(now.AddDate(0, 0, -14)) || at.After(now.Add(2*time.Hour)) {
			return nil, invalid("The parameter MetricData.member.%d.Timestamp must specify a time within the past two weeks and no more than two hours in the future.", i+1)
		}
		data[i] = datum{at, p, aws.ToInt32(d.StorageResolution) == 1}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, d := range in.MetricData {
		if err := c.record(namespace, *d.MetricName, d.Dimensions, d.Unit, data[i].at, data[i].p, data[i].fine); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// pointOf reads a value, a set of values with counts, or statistics.
// The codes and texts are those that AWS answered to the authors of public tests
// (getmoto/moto, test_cloudwatch.py). n is the datum's number, from 1.
func pointOf(d types.MetricDatum, n int) (point, error) {
	member := fmt.Sprintf("MetricData.member.%d.", n)
	switch {
	case d.Value != nil && len(d.Values) > 0:
		return point{}, invalid("The parameters %[1]sValue and %[1]sValues are mutually exclusive and you have specified both.", member)
	case d.Value != nil && d.StatisticValues != nil:
		return point{}, combination("The parameters %[1]sValue and %[1]sStatisticValues are mutually exclusive and you have specified both.", member)
	}
	bad := func(f float64) bool { return math.IsNaN(f) || math.Abs(f) > math.Pow(2, 360) }
	switch {
	case d.Value != nil && d.StatisticValues == nil && len(d.Values) == 0:
		if bad(*d.Value) {
			return point{}, invalid("The value %v for parameter %sValue is invalid.", *d.Value, member)
		}
		return one(*d.Value, 1), nil
	case d.StatisticValues != nil && d.Value == nil && len(d.Values) == 0:
		s := d.StatisticValues
		if s.SampleCount == nil || s.Sum == nil || s.Minimum == nil || s.Maximum == nil {
			return point{}, required(member + "StatisticValues")
		}
		if bad(*s.SampleCount) || bad(*s.Sum) || bad(*s.Minimum) || bad(*s.Maximum) || *s.SampleCount <= 0 || *s.Minimum > *s.Maximum {
			return point{}, invalid("The parameter %sStatisticValues is not a set of statistics.", member)
		}
		p := point{count: *s.SampleCount, sum: *s.Sum, min: *s.Minimum, max: *s.Maximum}
		if p.min != p.max { // the values themselves are not known
			p.bins = []bin{{coarse(p.min), 1}, {coarse(p.max), float32(p.count) - 1}}
		}
		return p, nil
	case len(d.Values) > 0 && d.Value == nil && d.StatisticValues == nil:
		if len(d.Values) > 150 {
			return point{}, invalid("The collection %sValues must not have a size greater than 150.", member)
		}
		if len(d.Counts) > 0 && len(d.Counts) != len(d.Values) {
			return point{}, invalid("The parameters %[1]sValues and %[1]sCounts must be of the same size.", member)
		}
		var p point
		for i, v := range d.Values {
			n := 1.0
			if len(d.Counts) > 0 {
				n = d.Counts[i]
			}
			if bad(v) || bad(n) || n <= 0 {
				return point{}, invalid("The parameter %sValues has a value that is not valid.", member)
			}
			p.add(one(v, n))
		}
		return p, nil
	}
	return point{}, combination("Exactly one of the parameters %[1]sValue, %[1]sValues and %[1]sStatisticValues must be specified.", member)
}
