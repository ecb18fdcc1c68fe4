package cloudwatch

import (
	"strconv"
	"strings"
)

// statistic makes one number of a point.
type statistic func(point) float64

// parseStatistic reads Average, Sum, Minimum, Maximum, SampleCount or a
// percentile such as p99.9. Trimmed means and their kin (tm, wm, tc, ts, pr,
// IQM) are not here.
func parseStatistic(s string) (statistic, error) {
	switch s {
	case "Average":
		return func(p point) float64 { return p.sum / p.count }, nil
	case "Sum":
		return func(p point) float64 { return p.sum }, nil
	case "Minimum":
		return func(p point) float64 { return p.min }, nil
	case "Maximum":
		return func(p point) float64 { return p.max }, nil
	case "SampleCount":
		return func(p point) float64 { return p.count }, nil
	case "":
		return nil, required("Statistic")
	}
	if rest, ok := strings.CutPrefix(strings.ToLower(s), "p"); ok {
		if q, err := strconv.ParseFloat(rest, 64); err == nil && q >= 0 && q <= 100 {
			return func(p point) float64 { return p.percentile(q / 100) }, nil
		}
	}
	return nil, invalid("The value %s for parameter Stat is not supported: the sandbox has Average, Sum, Minimum, Maximum, SampleCount and percentiles such as p99.", s)
}
