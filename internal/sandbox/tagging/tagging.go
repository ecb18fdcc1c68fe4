// Package tagging finds resources by their tags, over all services.
package tagging

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	tag "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/wire"
)

// Source is a service whose resources carry tags. It is asked with the
// sandbox's lock held.
type Source interface {
	Tagged() []account.Tagged
}

// Service returns the tagging API over the sources.
func Service(sources ...Source) *wire.Service {
	s := &wire.Service{Name: "tagging", Protocol: wire.JSON, Target: "ResourceGroupsTaggingAPI_20170126", Casing: wire.Pascal}
	s.Refuse("InvalidParameterException", "GetResources", "TagsPerPage", "IncludeComplianceDetails", "ExcludeCompliantResources")
	all := func() []account.Tagged {
		var out []account.Tagged
		for _, src := range sources {
			out = append(out, src.Tagged()...)
		}
		slices.SortFunc(out, func(a, b account.Tagged) int { return strings.Compare(a.ARN, b.ARN) })
		return out
	}
	wire.Handle(s, "GetResources", func(_ context.Context, in *tag.GetResourcesInput) (*tag.GetResourcesOutput, error) {
		found := []types.ResourceTagMapping{}
		for _, r := range all() {
			if !ofType(r.ARN, in.ResourceTypeFilters) || !matches(r.Tags, in.TagFilters) ||
				len(in.ResourceARNList) > 0 && !slices.Contains(in.ResourceARNList, r.ARN) {
				continue
			}
			m := types.ResourceTagMapping{ResourceARN: aws.String(r.ARN), Tags: []types.Tag{}}
			for _, k := range slices.Sorted(maps.Keys(r.Tags)) {
				m.Tags = append(m.Tags, types.Tag{Key: aws.String(k), Value: aws.String(r.Tags[k])})
			}
			found = append(found, m)
		}
		limit := 50
		if n := aws.ToInt32(in.ResourcesPerPage); n > 0 {
			limit = min(int(n), 100)
		}
		// A token is the last ARN of its page: what comes and goes meanwhile
		// makes nothing else be left out.
		if after := aws.ToString(in.PaginationToken); after != "" {
			at, _ := slices.BinarySearchFunc(found, after, func(m types.ResourceTagMapping, arn string) int { return strings.Compare(*m.ResourceARN, arn) })
			if at < len(found) && *found[at].ResourceARN == after {
				at++
			}
			found = found[at:]
		}
		out := &tag.GetResourcesOutput{ResourceTagMappingList: found, PaginationToken: aws.String("")}
		if len(found) > limit {
			out.ResourceTagMappingList, out.PaginationToken = found[:limit], found[limit-1].ResourceARN
		}
		return out, nil
	})
	wire.Handle(s, "GetTagKeys", func(context.Context, *tag.GetTagKeysInput) (*tag.GetTagKeysOutput, error) {
		keys := map[string]bool{}
		for _, r := range all() {
			for k := range r.Tags {
				keys[k] = true
			}
		}
		return &tag.GetTagKeysOutput{TagKeys: slices.Sorted(maps.Keys(keys)), PaginationToken: aws.String("")}, nil
	})
	wire.Handle(s, "GetTagValues", func(_ context.Context, in *tag.GetTagValuesInput) (*tag.GetTagValuesOutput, error) {
		values := map[string]bool{}
		for _, r := range all() {
			if v, ok := r.Tags[aws.ToString(in.Key)]; ok {
				values[v] = true
			}
		}
		return &tag.GetTagValuesOutput{TagValues: slices.Sorted(maps.Keys(values)), PaginationToken: aws.String("")}, nil
	})
	return s
}

// ofType reports whether an ARN is of one of the types, such as "ecs:cluster"
// or "ecs".
func ofType(arn string, want []string) bool {
	if len(want) == 0 {
		return true
	}
	part := strings.SplitN(arn, ":", 6)
	if len(part) < 6 {
		return false
	}
	kind, _, _ := strings.Cut(part[5], "/")
	kind, _, _ = strings.Cut(kind, ":")
	return slices.Contains(want, part[2]) || slices.Contains(want, part[2]+":"+kind)
}

// matches holds a resource to all filters; a filter with values is met by any.
func matches(tags map[string]string, filters []types.TagFilter) bool {
	for _, f := range filters {
		v, ok := tags[aws.ToString(f.Key)]
		if !ok || len(f.Values) > 0 && !slices.Contains(f.Values, v) {
			return false
		}
	}
	return true
}
