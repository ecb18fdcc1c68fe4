package fargate

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

func TestMetrics(t *testing.T) {
	now := time.Date(2026, 1, 2, 10, 30, 20, 0, time.UTC)
	result := func(id string, byMinute map[int]float64) cwtypes.MetricDataResult {
		r := cwtypes.MetricDataResult{Id: aws.String(id)}
		for m, v := range byMinute {
			r.Timestamps, r.Values = append(r.Timestamps, now.Truncate(time.Minute).Add(time.Duration(m)*time.Minute)), append(r.Values, v)
		}
		return r
	}
	m := metricsOf([]cwtypes.MetricDataResult{
		result("cpu", map[int]float64{-16: 1, -15: 2, -3: 40, -1: 60, 0: 5}),
		result("requests", map[int]float64{-5: 60, -2: 120}),
		result("target_errors", map[int]float64{-5: 2}),
		result("balancer_errors", map[int]float64{-5: 1, -2: 4}),
	}, now)
	nan := math.NaN()
	for _, c := range []struct {
		name string
		got  Series
		want []float64 // the last six
	}{
		{"cpu", m.CPU, []float64{nan, nan, nan, 40, nan, 60}},
		{"requests", m.Requests, []float64{nan, 1, 0, 0, 2, nan}},
		{"errors", m.Errors, []float64{nan, 3, 0, 0, 4, nan}},
		{"latency", m.Latency, []float64{nan, nan, nan, nan, nan, nan}},
	} {
		if len(c.got) != 15 || fmt.Sprint(c.got[9:]) != fmt.Sprint(Series(c.want)) {
			t.Errorf("%s: %v, want %v at the end", c.name, c.got, c.want)
		}
	}
	if m.CPU[0] != 2 {
		t.Errorf("the first minute has %v", m.CPU[0])
	}
	if v, ago, ok := m.CPU.Last(); !ok || v != 60 || ago != 0 {
		t.Errorf("the last is %v, %v", v, ok)
	}
	if v, ago, ok := m.Requests.Last(); !ok || v != 2 || ago != 1 {
		t.Errorf("the last is %v, %d minutes ago, %v", v, ago, ok)
	}
	if _, _, ok := m.Latency.Last(); ok {
		t.Error("a last value of nothing")
	}
}
