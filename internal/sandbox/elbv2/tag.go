package elbv2

import (
	"context"
	"strings"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"workshop/internal/sandbox/tags"
	"workshop/internal/sandbox/wire"
)

func (x *ELB) tagOperations(s *wire.Service) {
	wire.Handle(s, "AddTags", x.addTags)
	wire.Handle(s, "RemoveTags", x.removeTags)
	wire.Handle(s, "DescribeTags", x.describeTags)
}

// maxTags is how many a resource may have.
const maxTags = 50

// tagMap adds tags to a copy of what there is.
func tagMap(before map[string]string, add []types.Tag) (map[string]string, error) {
	out := tags.Merge(before, nil)
	seen := map[string]bool{}
	for _, t := range add {
		k := value(t.Key)
		switch {
		case strings.HasPrefix(strings.ToLower(k), "aws:"):
			return nil, wire.Errorf("ValidationError", "The tag key '%s' is reserved: keys must not begin with 'aws:'", k)
		case seen[k]:
			return nil, wire.Errorf("DuplicateTagKeys", "Tag keys must be unique: '%s' was specified more than once", k)
		}
		seen[k] = true
		out[k] = value(t.Value)
	}
	if len(out) > maxTags {
		return nil, wire.Errorf("TooManyTags", "A resource can have at most %d tags", maxTags)
	}
	return out, nil
}

// tagged returns a resource's tags and how to replace them.
func (x *ELB) tagged(arn string) (map[string]string, func(map[string]string), error) {
	switch {
	case strings.Contains(arn, ":loadbalancer/"):
		b, err := x.balancer(&arn)
		return b.Tags, func(m map[string]string) { b.Tags = m; x.balancers.Put(arn, b) }, err
	case strings.Contains(arn, ":targetgroup/"):
		g, err := x.group(arn)
		return g.Tags, func(m map[string]string) { g.Tags = m; x.groups.Put(arn, g) }, err
	case strings.Contains(arn, ":listener/"):
		l, err := x.listener(&arn)
		return l.Tags, func(m map[string]string) { l.Tags = m; x.listeners.Put(arn, l) }, err
	case strings.Contains(arn, ":listener-rule/"):
		if _, err := x.describedRule(arn); err != nil {
			return nil, nil, err
		}
		r, ok := x.rules.Get(arn)
		return r.Tags, func(m map[string]string) {
			if r.Tags = m; ok { // default rules have none here
				x.rules.Put(arn, r)
			}
		}, nil
	}
	return nil, nil, wire.Errorf("ValidationError", "'%s' is not a valid ARN of a load balancer, target group, listener or rule", arn)
}

func (x *ELB) addTags(_ context.Context, in *elb.AddTagsInput) (*elb.AddTagsOutput, error) {
	return nil, x.retag(in.ResourceArns, func(before map[string]string) (map[string]string, error) { return tagMap(before, in.Tags) })
}

func (x *ELB) removeTags(_ context.Context, in *elb.RemoveTagsInput) (*elb.RemoveTagsOutput, error) {
	return nil, x.retag(in.ResourceArns, func(before map[string]string) (map[string]string, error) {
		return tags.Without(before, in.TagKeys), nil
	})
}

// retag changes the tags of all resources or, when one is refused, of none.
func (x *ELB) retag(arns []string, f func(map[string]string) (map[string]string, error)) error {
	var puts []func()
	for _, arn := range arns {
		before, put, err := x.tagged(arn)
		if err != nil {
			return err
		}
		after, err := f(before)
		if err != nil {
			return err
		}
		puts = append(puts, func() { put(after) })
	}
	for _, put := range puts {
		put()
	}
	return nil
}

func (x *ELB) describeTags(_ context.Context, in *elb.DescribeTagsInput) (*elb.DescribeTagsOutput, error) {
	if len(in.ResourceArns) > 20 {
		return nil, wire.Errorf("ValidationError", "At most 20 resources can be specified")
	}
	out := []types.TagDescription{}
	for _, arn := range in.ResourceArns {
		m, _, err := x.tagged(arn)
		if err != nil {
			return nil, err
		}
		list := tags.List(m, func(k, v *string) types.Tag { return types.Tag{Key: k, Value: v} })
		out = append(out, types.TagDescription{ResourceArn: &arn, Tags: list})
	}
	return &elb.DescribeTagsOutput{TagDescriptions: out}, nil
}
