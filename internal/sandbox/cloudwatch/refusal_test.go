package cloudwatch

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cw "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"workshop/internal/sandbox/wire"
)

// The codes and texts are those that AWS gave the authors of moto's test_cloudwatch.py.
func TestDataRefusals(t *testing.T) {
	value := aws.Float64(1)
	statistics := &types.StatisticSet{SampleCount: value, Sum: value, Minimum: value, Maximum: value}
	for _, c := range []struct {
		name          string
		datum         types.MetricDatum
		code, message string
	}{
		{"value and values", types.MetricDatum{Value: value, Values: []float64{1}}, "InvalidParameterValueException", "The parameters MetricData.member.1.Value and MetricData.member.1.Values are mutually exclusive and you have specified both."},
		{"value and statistics", types.MetricDatum{Value: value, StatisticValues: statistics}, "InvalidParameterCombinationException", "The parameters MetricData.member.1.Value and MetricData.member.1.StatisticValues are mutually exclusive and you have specified both."},
		{"no number", types.MetricDatum{Value: aws.Float64(math.NaN())}, "InvalidParameterValueException", "The value NaN for parameter MetricData.member.1.Value is invalid."},
		{"counts", types.MetricDatum{Values: []float64{1, 2}, Counts: []float64{1}}, "InvalidParameterValueException", "The parameters MetricData.member.1.Values and MetricData.member.1.Counts must be of the same size."},
	} {
		_, err := pointOf(c.datum, 1)
		var e *wire.Error
		if !errors.As(err, &e) || e.Code != c.code || e.Message != c.message {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	at := time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)
	for message, end := range map[string]time.Time{
		"The parameter StartTime must not equal parameter EndTime.": at.Add(time.Millisecond),
		"The parameter EndTime must be greater than StartTime.":     at.Add(-time.Minute),
	} {
		_, err := (&CloudWatch{}).getMetricData(t.Context(), &cw.GetMetricDataInput{StartTime: &at, EndTime: &end})
		var e *wire.Error
		if !errors.As(err, &e) || e.Code != "ValidationError" || e.Message != message {
			t.Errorf("until %s: %v", end, err)
		}
	}
}
