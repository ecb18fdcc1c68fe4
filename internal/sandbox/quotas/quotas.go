// Package quotas answers for Service Quotas: the values that AWS gives a new
// account. The sandbox enforces none of them.
package quotas

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	sq "github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas/types"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/wire"
)

// quota is one limit with AWS's default for a new account.
// https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html
type quota struct {
	service, code, name string
	value               float64
	metric              map[string]string // dimensions in AWS/Usage; nil where AWS measures no use
}

var defaults = []quota{
	{"vpc", "L-F678F1CE", "VPCs per Region", 5, nil},
	{"vpc", "L-A4707A72", "Internet gateways per Region", 5, nil},
	{"vpc", "L-FE5A380F", "NAT gateways per Availability Zone", 5, nil},
	{"vpc", "L-407747CB", "Subnets per VPC", 200, nil},
	{"vpc", "L-E79EC296", "VPC security groups per Region", 2500, nil},
	{"ec2", "L-0263D0A3", "EC2-VPC Elastic IPs", 5, nil},
	{"elasticloadbalancing", "L-53DA6B97", "Application Load Balancers per Region", 50, nil},
	{"elasticloadbalancing", "L-B22855CB", "Target Groups per Region", 3000, nil},
	{"fargate", "L-3032A538", "Fargate On-Demand vCPU resource count", 6, map[string]string{
		"Class": "Standard/OnDemand", "Resource": "vCPU", "Service": "Fargate", "Type": "Resource",
	}},
	{"fargate", "L-36FBB829", "Fargate Spot vCPU resource count", 6, map[string]string{
		"Class": "Standard/Spot", "Resource": "vCPU", "Service": "Fargate", "Type": "Resource",
	}},
}

var serviceNames = map[string]string{
	"vpc": "Amazon Virtual Private Cloud (Amazon VPC)", "ec2": "Amazon Elastic Compute Cloud (Amazon EC2)",
	"elasticloadbalancing": "Elastic Load Balancing (ELB)", "fargate": "AWS Fargate",
}

// Service returns the API of an account whose quotas were never changed.
func Service(a *account.Account) *wire.Service {
	s := &wire.Service{Name: "servicequotas", Protocol: wire.JSON, Target: "ServiceQuotasV20190624", Casing: wire.Pascal}
	s.Refuse("IllegalArgumentException", "GetServiceQuota", "ContextId")
	wire.Handle(s, "GetServiceQuota", func(_ context.Context, in *sq.GetServiceQuotaInput) (*sq.GetServiceQuotaOutput, error) {
		q, err := find(a, in.ServiceCode, in.QuotaCode)
		return &sq.GetServiceQuotaOutput{Quota: q}, err
	})
	wire.Handle(s, "GetAWSDefaultServiceQuota", func(_ context.Context, in *sq.GetAWSDefaultServiceQuotaInput) (*sq.GetAWSDefaultServiceQuotaOutput, error) {
		q, err := find(a, in.ServiceCode, in.QuotaCode)
		return &sq.GetAWSDefaultServiceQuotaOutput{Quota: q}, err
	})
	wire.Handle(s, "ListServiceQuotas", func(_ context.Context, in *sq.ListServiceQuotasInput) (*sq.ListServiceQuotasOutput, error) {
		list, next, err := list(a, in.ServiceCode, in.QuotaCode, in.NextToken, in.MaxResults)
		return &sq.ListServiceQuotasOutput{Quotas: list, NextToken: next}, err
	})
	wire.Handle(s, "ListAWSDefaultServiceQuotas", func(_ context.Context, in *sq.ListAWSDefaultServiceQuotasInput) (*sq.ListAWSDefaultServiceQuotasOutput, error) {
		list, next, err := list(a, in.ServiceCode, nil, in.NextToken, in.MaxResults)
		return &sq.ListAWSDefaultServiceQuotasOutput{Quotas: list, NextToken: next}, err
	})
	return s
}

func find(a *account.Account, service, code *string) (*types.ServiceQuota, error) {
	if err := known(service); err != nil {
		return nil, err
	}
	for _, q := range defaults {
		if q.service == aws.ToString(service) && q.code == aws.ToString(code) {
			out := q.out(a)
			return &out, nil
		}
	}
	return nil, wire.Errorf("NoSuchResourceException", "The request failed because the specified quota code %s does not exist.", aws.ToString(code))
}

func list(a *account.Account, service, code, token *string, limit *int32) ([]types.ServiceQuota, *string, error) {
	if err := known(service); err != nil {
		return nil, nil, err
	}
	all := []types.ServiceQuota{}
	for _, q := range defaults {
		if q.service == aws.ToString(service) && (code == nil || q.code == *code) {
			all = append(all, q.out(a))
		}
	}
	n := 100
	if limit != nil {
		n = int(*limit)
	}
	return wire.Page(all, token, n, "InvalidPaginationTokenException")
}

func known(service *string) error {
	if !slices.ContainsFunc(defaults, func(q quota) bool { return q.service == aws.ToString(service) }) {
		return wire.Errorf("NoSuchResourceException", "The request failed because the specified service %s does not exist.", aws.ToString(service))
	}
	return nil
}

func (q quota) out(a *account.Account) types.ServiceQuota {
	out := types.ServiceQuota{
		ServiceCode: &q.service, ServiceName: aws.String(serviceNames[q.service]),
		QuotaCode: &q.code, QuotaName: &q.name, QuotaArn: aws.String(a.ARN("servicequotas", q.service+"/"+q.code)),
		Value: &q.value, Unit: aws.String("None"), Adjustable: true, QuotaAppliedAtLevel: types.AppliedLevelEnumAccount,
	}
	if q.metric != nil {
		out.UsageMetric = &types.MetricInfo{
			MetricNamespace: aws.String("AWS/Usage"), MetricName: aws.String("ResourceCount"),
			MetricDimensions: q.metric, MetricStatisticRecommendation: aws.String("Maximum"),
		}
	}
	return out
}
