package doctor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas/types"

	"workshop/internal/sweep"
	"workshop/internal/target"
)

var quotaQuestions = []question{
	{id: "quota-vpcs", only: target.AWS, after: []string{"credentials"}, ask: quota{
		service: "vpc", code: "L-F678F1CE", what: "VPCs in this Region", need: func(Needs) float64 { return 1 }, used: count(sweep.CountVPCs),
	}.check},
	{id: "quota-elastic-ips", only: target.AWS, after: []string{"credentials"}, ask: quota{
		service: "ec2", code: "L-0263D0A3", what: "Elastic IP addresses", need: func(n Needs) float64 { return one(n.PrivateTasks) }, used: count(sweep.CountElasticIPs),
	}.check},
	{id: "quota-load-balancers", only: target.AWS, after: []string{"credentials"}, ask: quota{
		service: "elasticloadbalancing", code: "L-53DA6B97", what: "Application Load Balancers", need: func(Needs) float64 { return 1 }, used: count(countLoadBalancers),
	}.check},
	{id: "quota-fargate-vcpu", only: target.AWS, after: []string{"credentials"}, ask: quota{
		service: "fargate", code: "L-3032A538", what: "Fargate On-Demand vCPUs",
		// A rolling update starts as many tasks again before it stops the old ones.
		need: func(n Needs) float64 { return 2 * float64(n.Tasks*n.CPU) / 1024 }, used: usedCPU,
	}.check},
}

// quota is a limit of the account, by the codes of Service Quotas.
// https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html
type quota struct {
	service, code string
	what          string
	need          func(Needs) float64 // by a first deployment; 0 leaves the check out
	used          func(context.Context, aws.Config, *types.ServiceQuota) (float64, error)
}

func (q quota) check(ctx context.Context, s *Subject) Check {
	need := q.need(s.Needs)
	switch {
	case need == 0:
		return passed("the configuration needs no " + q.what)
	case s.Resources > 0:
		need = 0 // it stands already
	}
	cfg := s.opened().Config
	limit, err := q.limit(ctx, cfg)
	if err != nil {
		return unknown(fmt.Sprintf("the quota for %s could not be checked: %s", q.what, shortError(err)), "")
	}
	most := aws.ToFloat64(limit.Value)
	used, err := q.used(ctx, cfg, limit)
	if err != nil {
		return unknown(fmt.Sprintf("how many %s are in use could not be checked: %s; the quota is %s", q.what, shortError(err), number(most)), "")
	}
	message := fmt.Sprintf("%s: %s of %s in use, %s needed", q.what, number(used), number(most), number(need))
	if used+need > most {
		return failed(message, fmt.Sprintf("Delete what is not needed, use another Region (--region), or ask for a higher quota: aws service-quotas request-service-quota-increase --service-code %s --quota-code %s --desired-value %s",
			q.service, q.code, number(math.Ceil(used+need))))
	}
	return passed(message)
}

// limit is the account's own quota, or AWS's default where it was never changed.
func (q quota) limit(ctx context.Context, cfg aws.Config) (*types.ServiceQuota, error) {
	client := servicequotas.NewFromConfig(cfg)
	own, err := client.GetServiceQuota(ctx, &servicequotas.GetServiceQuotaInput{ServiceCode: &q.service, QuotaCode: &q.code})
	if err == nil && own.Quota != nil && own.Quota.Value != nil {
		return own.Quota, nil
	}
	var none *types.NoSuchResourceException
	if err != nil && !errors.As(err, &none) {
		return nil, err
	}
	standard, err := client.GetAWSDefaultServiceQuota(ctx, &servicequotas.GetAWSDefaultServiceQuotaInput{ServiceCode: &q.service, QuotaCode: &q.code})
	if err != nil {
		return nil, err
	}
	if standard.Quota == nil || standard.Quota.Value == nil {
		return nil, errors.New("AWS names no value")
	}
	return standard.Quota, nil
}

func count(f func(context.Context, aws.Config) (int, error)) func(context.Context, aws.Config, *types.ServiceQuota) (float64, error) {
	return func(ctx context.Context, cfg aws.Config, _ *types.ServiceQuota) (float64, error) {
		n, err := f(ctx, cfg)
		return float64(n), err
	}
}

func countLoadBalancers(ctx context.Context, cfg aws.Config) (n int, err error) {
	pages := elb.NewDescribeLoadBalancersPaginator(elb.NewFromConfig(cfg), &elb.DescribeLoadBalancersInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, err
		}
		for _, lb := range page.LoadBalancers {
			if lb.Type == elbtypes.LoadBalancerTypeEnumApplication {
				n++
			}
		}
	}
	return n, nil
}

// usageWindow is far enough back for CloudWatch to have the newest point.
const usageWindow = 30 * time.Minute

// errNotMeasured: CloudWatch has no newer point of a metric of use.
var errNotMeasured = errors.New("AWS has not measured it in the last 30 minutes")

// usedCPU is how many vCPUs Fargate runs, as CloudWatch measured it last; where
// it did not, by the tasks that there are.
func usedCPU(ctx context.Context, cfg aws.Config, q *types.ServiceQuota) (float64, error) {
	n, err := fromMetric(ctx, cfg, q)
	if errors.Is(err, errNotMeasured) {
		return countCPU(ctx, cfg)
	}
	return n, err
}

// countCPU adds up the size of all Fargate On-Demand tasks in the Region.
func countCPU(ctx context.Context, cfg aws.Config) (vCPU float64, err error) {
	client := ecs.NewFromConfig(cfg)
	clusters := ecs.NewListClustersPaginator(client, &ecs.ListClustersInput{})
	for clusters.HasMorePages() {
		page, err := clusters.NextPage(ctx)
		if err != nil {
			return 0, err
		}
		for _, cluster := range page.ClusterArns {
			// A page has as many tasks as DescribeTasks takes, 100.
			tasks := ecs.NewListTasksPaginator(client, &ecs.ListTasksInput{Cluster: &cluster})
			for tasks.HasMorePages() {
				page, err := tasks.NextPage(ctx)
				if err != nil {
					return 0, err
				}
				if len(page.TaskArns) == 0 {
					continue
				}
				out, err := client.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &cluster, Tasks: page.TaskArns})
				if err != nil {
					return 0, err
				}
				for _, t := range out.Tasks {
					if t.LaunchType == ecstypes.LaunchTypeFargate && aws.ToString(t.CapacityProviderName) != "FARGATE_SPOT" {
						units, _ := strconv.ParseFloat(aws.ToString(t.Cpu), 64)
						vCPU += units / 1024
					}
				}
			}
		}
	}
	return vCPU, nil
}

// fromMetric reads the metric that Service Quotas names for a quota's use.
func fromMetric(ctx context.Context, cfg aws.Config, q *types.ServiceQuota) (float64, error) {
	m := q.UsageMetric
	if m == nil {
		return 0, errNotMeasured
	}
	in := &cloudwatch.GetMetricStatisticsInput{
		Namespace: m.MetricNamespace, MetricName: m.MetricName, Period: aws.Int32(300),
		StartTime: aws.Time(time.Now().Add(-usageWindow)), EndTime: aws.Time(time.Now()), Statistics: []cwtypes.Statistic{cwtypes.StatisticMaximum},
	}
	for k, v := range m.MetricDimensions {
		in.Dimensions = append(in.Dimensions, cwtypes.Dimension{Name: &k, Value: &v})
	}
	out, err := cloudwatch.NewFromConfig(cfg).GetMetricStatistics(ctx, in)
	if err != nil {
		return 0, err
	}
	if len(out.Datapoints) == 0 {
		return 0, errNotMeasured
	}
	var newest cwtypes.Datapoint
	for _, p := range out.Datapoints {
		if newest.Timestamp == nil || p.Timestamp != nil && p.Timestamp.After(*newest.Timestamp) {
			newest = p
		}
	}
	return aws.ToFloat64(newest.Maximum), nil
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
