package cloudwatch

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	cw "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go"
	"go.uber.org/goleak"

	"workshop/internal/sandbox/sandboxtest"
	"workshop/internal/sandbox/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve returns a CloudWatch, a client of it, and the configuration that the
// client is made of.
func serve(t testing.TB, sources Sources) (*CloudWatch, *cw.Client, aws.Config) {
	t.Helper()
	a := sandboxtest.Account(t)
	c, err := New(a, Timing{Sample: 5 * time.Second, Minute: 10 * time.Second, Report: time.Minute}, sources)
	if err != nil {
		t.Fatal(err)
	}
	cfg := sandboxtest.Serve(t, a, c.Service())
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	cfg.HTTPClient = sdk.Client(&http.Client{Transport: transport})
	return c, cw.NewFromConfig(cfg), cfg
}

func code(t *testing.T, err error, want string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func metricStat(id, name, stat string, period int32, dims ...string) types.MetricDataQuery {
	return types.MetricDataQuery{Id: &id, MetricStat: &types.MetricStat{
		Metric: &types.Metric{Namespace: aws.String("Shop"), MetricName: &name, Dimensions: dimensions(dims...)}, Period: &period, Stat: &stat,
	}}
}

func formula(id, text string) types.MetricDataQuery {
	return types.MetricDataQuery{Id: &id, Expression: &text}
}

func TestDataThroughTheSDK(t *testing.T) {
	_, client, _ := serve(t, Sources{})
	ctx := t.Context()
	start := time.Now().UTC().Truncate(time.Minute).Add(-10 * time.Minute)
	var data []types.MetricDatum
	for i := range 5 {
		at := aws.Time(start.Add(time.Duration(i) * time.Minute))
		data = append(data,
			types.MetricDatum{MetricName: aws.String("Orders"), Timestamp: at, Value: aws.Float64(float64(i + 1)), Unit: types.StandardUnitCount, Dimensions: dimensions("Shop", "a")},
			types.MetricDatum{MetricName: aws.String("Visits"), Timestamp: at, Values: []float64{10, 20}, Counts: []float64{1, 3}, Dimensions: dimensions("Shop", "a")})
	}
	data = append(data, types.MetricDatum{MetricName: aws.String("Orders"), Timestamp: aws.Time(start), Dimensions: dimensions("Shop", "b", "Till", "1"),
		StatisticValues: &types.StatisticSet{SampleCount: aws.Float64(4), Sum: aws.Float64(10), Minimum: aws.Float64(1), Maximum: aws.Float64(4)}})
	for i := range 700 { // large enough to be compressed
		data = append(data, types.MetricDatum{MetricName: aws.String("Wait"), Timestamp: aws.Time(start), Value: aws.Float64(float64(i + 1))})
	}
	if _, err := client.PutMetricData(ctx, &cw.PutMetricDataInput{Namespace: aws.String("Shop"), MetricData: data}); err != nil {
		t.Fatal(err)
	}

	ask := func(in *cw.GetMetricDataInput) map[string][]float64 {
		t.Helper()
		in.StartTime, in.EndTime = aws.Time(start), aws.Time(start.Add(10*time.Minute))
		out := map[string][]float64{}
		pages := cw.NewGetMetricDataPaginator(client, in)
		for pages.HasMorePages() {
			p, err := pages.NextPage(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range p.MetricDataResults {
				if len(r.Values) != len(r.Timestamps) {
					t.Errorf("%s: %d values, %d times", *r.Id, len(r.Values), len(r.Timestamps))
				}
				out[*r.Id] = append(out[*r.Id], r.Values...)
			}
		}
		return out
	}
	orders, visits := metricStat("orders", "Orders", "Sum", 60, "Shop", "a"), metricStat("visits", "Visits", "Sum", 60, "Shop", "a")
	hidden := orders
	hidden.ReturnData = aws.Bool(false)
	for name, c := range map[string]struct {
		queries []types.MetricDataQuery
		scan    types.ScanBy
		most    int32
		want    map[string][]float64
	}{
		"newest first": {[]types.MetricDataQuery{orders}, "", 0, map[string][]float64{"orders": {5, 4, 3, 2, 1}}},
		"oldest first": {[]types.MetricDataQuery{orders}, types.ScanByTimestampAscending, 0, map[string][]float64{"orders": {1, 2, 3, 4, 5}}},
		"paged":        {[]types.MetricDataQuery{orders, visits}, "", 3, map[string][]float64{"orders": {5, 4, 3, 2, 1}, "visits": {70, 70, 70, 70, 70}}},
		"longer":       {[]types.MetricDataQuery{metricStat("m", "Orders", "Average", 300, "Shop", "a")}, "", 0, nil},
		"other":        {[]types.MetricDataQuery{metricStat("m", "Orders", "Sum", 60, "Shop", "c")}, "", 0, map[string][]float64{"m": nil}},
		"ratio":        {[]types.MetricDataQuery{hidden, visits, formula("e", "100 * orders / visits")}, types.ScanByTimestampAscending, 0, map[string][]float64{"visits": {70, 70, 70, 70, 70}, "e": {10. / 7, 20. / 7, 30. / 7, 40. / 7, 50. / 7}}},
		"sum of all":   {[]types.MetricDataQuery{hidden, formula("e", "SUM([orders, orders])")}, "", 0, map[string][]float64{"e": {10, 8, 6, 4, 2}}},
		"metrics":      {[]types.MetricDataQuery{hidden, formula("e", "MAX(METRICS()) - AVG(orders)")}, types.ScanByTimestampAscending, 0, map[string][]float64{"e": {-2, -1, 0, 1, 2}}},
		"filled":       {[]types.MetricDataQuery{hidden, formula("e", "FILL(orders, 0)")}, types.ScanByTimestampAscending, 0, map[string][]float64{"e": {1, 2, 3, 4, 5, 0, 0, 0, 0, 0}}},
		"repeated":     {[]types.MetricDataQuery{hidden, formula("e", "FILL(orders, REPEAT)")}, types.ScanByTimestampAscending, 0, map[string][]float64{"e": {1, 2, 3, 4, 5, 5, 5, 5, 5, 5}}},
		"chosen":       {[]types.MetricDataQuery{hidden, formula("e", "IF(orders > 3, orders, -1)")}, types.ScanByTimestampAscending, 0, map[string][]float64{"e": {-1, -1, -1, 4, 5}}},
		"rate":         {[]types.MetricDataQuery{hidden, formula("e", "RATE(orders) * PERIOD(orders)")}, "", 0, map[string][]float64{"e": {1, 1, 1, 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			in := &cw.GetMetricDataInput{MetricDataQueries: c.queries, ScanBy: c.scan}
			if c.most > 0 {
				in.MaxDatapoints = &c.most
			}
			got := ask(in)
			if c.want == nil { // what a longer period holds depends on where it begins
				sum := 0.0
				for _, v := range got["m"] {
					sum += v
				}
				if len(got["m"]) == 0 || len(got["m"]) > 2 || sum < 3 {
					t.Errorf("got %v", got)
				}
				return
			}
			if len(got) != len(c.want) {
				t.Fatalf("got %v, want %v", got, c.want)
			}
			for id, want := range c.want {
				if !slices.EqualFunc(got[id], want, func(a, b float64) bool { return math.Abs(a-b) < 1e-9 }) {
					t.Errorf("%s: got %v, want %v", id, got[id], want)
				}
			}
		})
	}

	for name, c := range map[string]struct {
		queries []types.MetricDataQuery
		code    string
	}{
		"no such id":   {[]types.MetricDataQuery{formula("e", "nobody + 1")}, "ValidationError"},
		"circle":       {[]types.MetricDataQuery{formula("a", "b"), formula("b", "a")}, "ValidationError"},
		"number":       {[]types.MetricDataQuery{formula("e", "1 + 1")}, "ValidationError"},
		"search":       {[]types.MetricDataQuery{formula("e", "SEARCH('{Shop,Shop} Orders', 'Sum', 60)")}, "ValidationError"},
		"twice":        {[]types.MetricDataQuery{orders, orders}, "ValidationError"},
		"bad id":       {[]types.MetricDataQuery{metricStat("Orders", "Orders", "Sum", 60)}, "ValidationError"},
		"bad period":   {[]types.MetricDataQuery{metricStat("m", "Orders", "Sum", 61)}, "InvalidParameterValue"},
		"trimmed mean": {[]types.MetricDataQuery{metricStat("m", "Orders", "tm99", 60)}, "InvalidParameterValue"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client.GetMetricData(ctx, &cw.GetMetricDataInput{MetricDataQueries: c.queries, StartTime: aws.Time(start), EndTime: aws.Time(time.Now())})
			code(t, err, c.code)
		})
	}

	stats, err := client.GetMetricStatistics(ctx, &cw.GetMetricStatisticsInput{
		Namespace: aws.String("Shop"), MetricName: aws.String("Wait"), Period: aws.Int32(60), StartTime: aws.Time(start), EndTime: aws.Time(time.Now()),
		Statistics: []types.Statistic{types.StatisticMinimum, types.StatisticMaximum, types.StatisticSampleCount}, ExtendedStatistics: []string{"p50", "p99", "p100"},
	})
	if err != nil || len(stats.Datapoints) != 1 {
		t.Fatalf("%v, %v", stats, err)
	}
	d := stats.Datapoints[0]
	if !d.Timestamp.Equal(start) || *d.Minimum != 1 || *d.Maximum != 700 || *d.SampleCount != 700 || d.ExtendedStatistics["p100"] != 700 {
		t.Errorf("got %+v %v", d, d.ExtendedStatistics)
	}
	for p, want := range map[string]float64{"p50": 350, "p99": 693} {
		if got := d.ExtendedStatistics[p]; math.Abs(got-want) > want/50 {
			t.Errorf("%s is %v, want %v", p, got, want)
		}
	}
	_, err = client.PutMetricData(ctx, &cw.PutMetricDataInput{Namespace: aws.String("AWS/ECS"), MetricData: data[:1]})
	code(t, err, "InvalidParameterValue")
	_, err = client.PutMetricData(ctx, &cw.PutMetricDataInput{Namespace: aws.String("Shop"), MetricData: []types.MetricDatum{{MetricName: aws.String("x"), Value: aws.Float64(1), Timestamp: aws.Time(time.Now().AddDate(0, -1, 0))}}})
	code(t, err, "InvalidParameterValue")

	for name, c := range map[string]struct {
		in   cw.ListMetricsInput
		want int
	}{
		"all":      {cw.ListMetricsInput{}, 4},
		"by name":  {cw.ListMetricsInput{MetricName: aws.String("Orders")}, 2},
		"by value": {cw.ListMetricsInput{Dimensions: []types.DimensionFilter{{Name: aws.String("Shop"), Value: aws.String("a")}}}, 2},
		"by dim":   {cw.ListMetricsInput{Dimensions: []types.DimensionFilter{{Name: aws.String("Till")}}}, 1},
		"recent":   {cw.ListMetricsInput{RecentlyActive: types.RecentlyActivePt3h, Namespace: aws.String("Shop")}, 4},
		"nothing":  {cw.ListMetricsInput{Namespace: aws.String("Office")}, 0},
	} {
		if out, err := client.ListMetrics(ctx, &c.in); err != nil || len(out.Metrics) != c.want {
			t.Errorf("%s: %v, %v; want %d", name, out, err, c.want)
		}
	}
}

// TestQuery asks as older clients do, with forms, for XML.
func TestQuery(t *testing.T) {
	_, client, cfg := serve(t, Sources{})
	if _, err := client.PutMetricAlarm(t.Context(), &cw.PutMetricAlarmInput{
		AlarmName: aws.String("busy"), Namespace: aws.String("Shop"), MetricName: aws.String("Orders"), Dimensions: dimensions("Shop", "a"), Period: aws.Int32(60),
		Statistic: types.StatisticSum, Threshold: aws.Float64(10), EvaluationPeriods: aws.Int32(2), ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold,
		Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
	}); err != nil {
		t.Fatal(err)
	}
	ask := func(form url.Values) (int, string) {
		t.Helper()
		form.Set("Version", "2010-08-01")
		body := form.Encode()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, *cfg.BaseEndpoint+"/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		keys, err := cfg.Credentials.Retrieve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := v4.NewSigner().SignHTTP(t.Context(), keys, r, fmt.Sprintf("%x", sha256.Sum256([]byte(body))), "monitoring", cfg.Region, time.Now()); err != nil {
			t.Fatal(err)
		}
		resp, err := cfg.HTTPClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	for _, c := range []struct {
		form   url.Values
		status int
		has    []string
	}{
		{url.Values{"Action": {"DescribeAlarms"}, "AlarmNames.member.1": {"busy"}}, 200, []string{"<MetricAlarms><member>", "<AlarmName>busy</AlarmName>", "<Threshold>10</Threshold>", "<Dimensions><member><Name>Shop</Name><Value>a</Value></member></Dimensions>", "<StateValue>INSUFFICIENT_DATA</StateValue>", "<ActionsEnabled>true</ActionsEnabled>"}},
		{url.Values{"Action": {"PutMetricAlarm"}, "AlarmName": {"idle"}, "Namespace": {"Shop"}, "MetricName": {"Orders"}, "Dimensions.member.1.Name": {"Shop"}, "Dimensions.member.1.Value": {"a"}, "Period": {"60"},
			"Statistic": {"Sum"}, "Threshold": {"1.5"}, "EvaluationPeriods": {"3"}, "ComparisonOperator": {"LessThanThreshold"}}, 200, []string{"<PutMetricAlarmResponse xmlns=\"http://monitoring.amazonaws.com/doc/2010-08-01/\">"}},
		{url.Values{"Action": {"DeleteAlarms"}, "AlarmNames.member.1": {"nobody"}}, 200, nil},
		{url.Values{"Action": {"SetAlarmState"}, "AlarmName": {"nobody"}, "StateValue": {"OK"}, "StateReason": {"x"}}, 404, []string{"<Code>ResourceNotFound</Code>"}},
		{url.Values{"Action": {"PutMetricAlarm"}, "AlarmName": {"idle"}}, 400, []string{"<Code>MissingParameter</Code>"}},
		{url.Values{"Action": {"ListTagsForResource"}, "ResourceARN": {"arn:aws:cloudwatch:eu-west-1:000000000000:alarm:busy"}}, 200, []string{"<Tags><member><Key>k</Key><Value>v</Value></member></Tags>"}},
	} {
		status, text := ask(c.form)
		if status != c.status {
			t.Errorf("%s: %d %s", c.form.Get("Action"), status, text)
		}
		for _, want := range c.has {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %s in %s", c.form.Get("Action"), want, text)
			}
		}
	}
}

func FuzzExpression(f *testing.F) {
	for _, s := range []string{"m1/m2", "SUM([m1,m2])", "FILL(m1, REPEAT)", "IF(m1 >= 2, -m1^2, METRICS('m'))", "((((", "SUM(", "FILL(m1,LINEAR", "[m1,", "\"", "RATE(m1)", "1e309*m1", "FILL(,REPEAT)"} {
		f.Add(s)
	}
	c, _, _ := serve(f, Sources{})
	now := time.Now().Unix()
	c.mu.Lock()
	for i := range int64(3) {
		for _, n := range []string{"A", "B"} {
			if err := c.record("Shop", n, nil, "", time.Unix(now-i*60, 0), one(float64(i), 1), false); err != nil {
				f.Fatal(err)
			}
		}
	}
	c.mu.Unlock()
	f.Fuzz(func(t *testing.T, text string) {
		q, err := c.queries([]types.MetricDataQuery{metricStat("m1", "A", "Sum", 60), metricStat("m2", "B", "Sum", 60), formula("e", text)},
			func(p int64) (int64, int64, error) { return now - 600, now, nil })
		if err != nil {
			t.Fatal(err)
		}
		v, err := q.get("e")
		if err != nil {
			var api smithy.APIError
			if !errors.As(err, &api) {
				t.Errorf("%q: %v is no error of AWS's", text, err)
			}
			return
		}
		for _, l := range v.lines {
			if l.at == nil {
				t.Errorf("%q gives a line of nothing", text)
			}
		}
	})
}
