package sweep

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// CountVPCs returns how many VPCs the account has in the configuration's Region,
// whoever made them.
func CountVPCs(ctx context.Context, cfg aws.Config) (int, error) {
	all, err := newEC2(cfg).describe(ctx, "DescribeVpcs")
	return len(all), err
}

// CountElasticIPs returns how many Elastic IP addresses the account has in the
// configuration's Region, whoever allocated them.
func CountElasticIPs(ctx context.Context, cfg aws.Config) (int, error) {
	all, err := newEC2(cfg).describe(ctx, "DescribeAddresses")
	return len(all), err
}
