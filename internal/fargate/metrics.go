package fargate

import (
	"context"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/smithy-go"
)

// How far back metrics go, and the time that each of their values is about.
const (
	metricsSpan = 15 * time.Minute
	metricsStep = time.Minute
)

// Metrics are what CloudWatch has measured of a service, a value for each of the last full
// minutes. They are immutable.
type Metrics struct {
	To       time.Time // the end of the last minute
	CPU      Series    // percent of what the tasks were given, their average
	Memory   Series    // likewise
	Requests Series    // a second, at the load balancer
	Latency  Series    // seconds until the targets answered, the 95th percentile
	Errors   Series    // answers with status 5xx a minute, of the targets and of the load balancer itself
}

// Series are the values of one metric, oldest first; NaN where CloudWatch has none.
type Series []float64

// Last is the newest value that is known, and how many minutes without one came after it;
// ok is false where none is known.
func (s Series) Last() (v float64, ago int, ok bool) {
	for i := len(s) - 1; i >= 0; i-- {
		if !math.IsNaN(s[i]) {
			return s[i], len(s) - 1 - i, true
		}
	}
	return 0, 0, false
}

// balancerName finds the load balancer of a target group, as metrics name it:
// app/NAME/ID. It is empty where there is none, or it may not be seen; found is false where
// AWS has not answered.
func (c *Clients) balancerName(ctx context.Context, targetGroup string) (name string, found bool) {
	if targetGroup == "" {
		return "", true
	}
	out, err := c.elb.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{targetGroup}})
	var refused smithy.APIError
	if err != nil || len(out.TargetGroups) == 0 || len(out.TargetGroups[0].LoadBalancerArns) == 0 {
		return "", err == nil || errors.As(err, &refused)
	}
	_, name, _ = strings.Cut(out.TargetGroups[0].LoadBalancerArns[0], "loadbalancer/")
	return name, true
}

// balancerQueries ask for what the load balancer measures, by the name that metrics have
// for it ("CloudWatch metrics for your Application Load Balancer").
func balancerQueries(name string) []cwtypes.MetricDataQuery {
	if name == "" {
		return nil
	}
	ask := func(id, metric, stat string) cwtypes.MetricDataQuery {
		return metricQuery(id, "AWS/ApplicationELB", metric, stat, "LoadBalancer", name)
	}
	return []cwtypes.MetricDataQuery{
		ask("requests", "RequestCount", "Sum"),
		ask("latency", "TargetResponseTime", "p95"),
		ask("target_errors", "HTTPCode_Target_5XX_Count", "Sum"),
		ask("balancer_errors", "HTTPCode_ELB_5XX_Count", "Sum"),
	}
}

// metricQuery asks for a value each minute; dimensions are names, each with its value.
func metricQuery(id, namespace, metric, stat string, dimensions ...string) cwtypes.MetricDataQuery {
	var dims []cwtypes.Dimension
	for i := 0; i+1 < len(dimensions); i += 2 {
		dims = append(dims, cwtypes.Dimension{Name: &dimensions[i], Value: &dimensions[i+1]})
	}
	return cwtypes.MetricDataQuery{
		Id: aws.String(id),
		MetricStat: &cwtypes.MetricStat{
			Metric: &cwtypes.Metric{Namespace: aws.String(namespace), MetricName: aws.String(metric), Dimensions: dims},
			Period: aws.Int32(int32(metricsStep / time.Second)), Stat: aws.String(stat),
		},
	}
}

// metricsOf puts answers in their minutes. The minute that is not over is left out: what it
// has so far would look like a fall.
func metricsOf(results []cwtypes.MetricDataResult, now time.Time) *Metrics {
	to := now.UTC().Truncate(metricsStep)
	byID := map[string]Series{}
	series := func(id string) Series {
		s, ok := byID[id]
		if !ok {
			s = make(Series, metricsSpan/metricsStep)
			for i := range s {
				s[i] = math.NaN()
			}
			byID[id] = s
		}
		return s
	}
	for _, r := range results {
		s := series(aws.ToString(r.Id))
		for i, at := range r.Timestamps[:min(len(r.Timestamps), len(r.Values))] {
			if since := at.Sub(to.Add(-metricsSpan)); since >= 0 && int(since/metricsStep) < len(s) {
				s[since/metricsStep] = r.Values[i]
			}
		}
	}
	m := &Metrics{To: to, CPU: series("cpu"), Memory: series("memory"), Requests: series("requests"), Latency: series("latency"), Errors: series("errors")}
	// The load balancer counts only where there is something to count, so between two
	// minutes with requests a minute without a value had none.
	first, last := -1, -1
	for i, v := range m.Requests {
		if !math.IsNaN(v) {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	for i := range m.Requests {
		if first < 0 || i < first || i > last {
			continue
		}
		m.Errors[i] = known(series("target_errors")[i]) + known(series("balancer_errors")[i])
		m.Requests[i] = known(m.Requests[i]) / metricsStep.Seconds()
	}
	return m
}

// known is v, or 0 where it is not a number.
func known(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return v
}
