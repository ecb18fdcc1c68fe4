package elbv2

import (
	"context"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"workshop/internal/sandbox/wire"
)

func (x *ELB) limitOperations(s *wire.Service) {
	wire.Handle(s, "DescribeAccountLimits", describeAccountLimits)
	wire.Handle(s, "DescribeSSLPolicies", describeSSLPolicies)
}

// limits are the default quotas for Application Load Balancers ("Quotas for your
// Application Load Balancers").
var limits = [][2]string{
	{"application-load-balancers", "50"},
	{"target-groups", "3000"},
	{"target-groups-per-application-load-balancer", "100"},
	{"listeners-per-application-load-balancer", "50"},
	{"rules-per-application-load-balancer", "100"},
	{"targets-per-application-load-balancer", "1000"},
	{"target-groups-per-action-on-application-load-balancer", "5"},
	{"certificates-per-application-load-balancer", "25"},
	{"condition-values-per-alb-rule", "5"},
	{"condition-wildcards-per-alb-rule", "6"},
}

func describeAccountLimits(_ context.Context, in *elb.DescribeAccountLimitsInput) (*elb.DescribeAccountLimitsOutput, error) {
	var all []types.Limit
	for _, l := range limits {
		all = append(all, types.Limit{Name: &l[0], Max: &l[1]})
	}
	items, next, err := page(all, in.Marker, in.PageSize)
	return &elb.DescribeAccountLimitsOutput{Limits: items, NextMarker: next}, err
}

// policies are two of AWS's, for those who look: nothing here speaks TLS.
var policies = []struct {
	name      string
	protocols []string
	ciphers   []string
}{
	{"ELBSecurityPolicy-2016-08", []string{"TLSv1", "TLSv1.1", "TLSv1.2"}, []string{
		"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384",
	}},
	{"ELBSecurityPolicy-TLS13-1-2-2021-06", []string{"TLSv1.2", "TLSv1.3"}, []string{
		"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256",
	}},
}

func describeSSLPolicies(_ context.Context, in *elb.DescribeSSLPoliciesInput) (*elb.DescribeSSLPoliciesOutput, error) {
	var all []types.SslPolicy
	for _, p := range policies {
		if !wanted(in.Names, p.name) {
			continue
		}
		out := types.SslPolicy{Name: &p.name, SslProtocols: p.protocols, SupportedLoadBalancerTypes: []string{"application"}}
		for i, c := range p.ciphers {
			n := int32(i + 1)
			out.Ciphers = append(out.Ciphers, types.Cipher{Name: &c, Priority: &n})
		}
		all = append(all, out)
	}
	if len(all) < len(in.Names) {
		return nil, wire.Errorf("SSLPolicyNotFound", "One or more SSL policies not found")
	}
	items, next, err := page(all, in.Marker, in.PageSize)
	return &elb.DescribeSSLPoliciesOutput{SslPolicies: items, NextMarker: next}, err
}
