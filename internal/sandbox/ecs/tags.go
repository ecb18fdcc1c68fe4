package ecs

import (
	"cmp"
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/tags"
	"workshop/internal/sandbox/wire"
)

func (e *ECS) tagOperations(s *wire.Service) {
	wire.Handle(s, "TagResource", e.tagResource)
	wire.Handle(s, "UntagResource", e.untagResource)
	wire.Handle(s, "ListTagsForResource", e.listTagsForResource)
}

// tagged finds the tags behind an ARN, and how to replace them.
func (e *ECS) tagged(arn *string) (list []types.Tag, put func([]types.Tag), err error) {
	a := aws.ToString(arn)
	parts := strings.SplitN(a, ":", 6)
	if len(parts) != 6 || parts[2] != "ecs" {
		return nil, nil, invalid("Invalid ARN: %s", a)
	}
	kind, name, _ := strings.Cut(parts[5], "/")
	switch kind {
	case "cluster":
		if c, ok := e.clusters.Get(name); ok && *c.Status == active {
			return c.Tags, func(tags []types.Tag) {
				n := *c
				n.Tags = tags
				e.clusters.Put(name, &n)
			}, nil
		}
		return nil, nil, &types.ClusterNotFoundException{Message: aws.String("Cluster not found.")}
	case "service":
		if s, ok := e.services.Get(a); ok && s.Status != inactive {
			return s.Tags, func(tags []types.Tag) {
				n := *s
				n.Tags = tags
				e.services.Put(a, &n)
			}, nil
		}
		return nil, nil, invalid("The specified service is inactive or does not exist. Specify an active service and try again.")
	case "task-definition":
		if d, ok := e.definitions.Get(name); ok {
			return d.Tags, func(tags []types.Tag) {
				n := *d
				n.Tags = tags
				e.definitions.Put(name, &n)
			}, nil
		}
		return nil, nil, invalid("The specified task definition does not exist. Specify a valid task definition and try again.")
	case "task":
		if t, ok := e.tasks.Get(shortName(name)); ok && t.alive() {
			return t.Task.Tags, func(tags []types.Tag) {
				n := *t
				n.Task.Tags = tags
				e.tasks.Put(n.id(), &n)
			}, nil
		}
		return nil, nil, invalid("The specified task is stopped or does not exist. Specify a valid task and try again.")
	}
	return nil, nil, invalid("The type of the resource is not supported: %s", a)
}

func tagKey(t types.Tag) string { return aws.ToString(t.Key) }

// checkTags checks the tags of a request, which may have 50, each key once and
// none of AWS's own (API reference, Tag).
func checkTags(list []types.Tag) error {
	if len(list) > 50 {
		return invalid("A resource can have at most 50 tags.")
	}
	seen := map[string]bool{}
	for _, t := range list {
		switch key := tagKey(t); {
		case key == "":
			return invalid("A tag must have a key.")
		case len(key) > 3 && strings.EqualFold(key[:4], "aws:"):
			return invalid("Tag keys must not begin with 'aws:', which is for AWS's own tags: %s", key)
		case seen[key]:
			return invalid("Multiple tags contain the same key.")
		default:
			seen[key] = true
		}
	}
	return nil
}

func (e *ECS) tagResource(_ context.Context, in *ecs.TagResourceInput) (*ecs.TagResourceOutput, error) {
	old, put, err := e.tagged(in.ResourceArn)
	if err := cmp.Or(err, checkTags(in.Tags)); err != nil {
		return nil, err
	}
	after := tags.MergeList(old, in.Tags, tagKey)
	if len(after) > 50 {
		return nil, invalid("A resource can have at most 50 tags.")
	}
	put(after)
	return nil, nil
}

func (e *ECS) untagResource(_ context.Context, in *ecs.UntagResourceInput) (*ecs.UntagResourceOutput, error) {
	old, put, err := e.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	put(tags.WithoutKeys(old, in.TagKeys, tagKey))
	return nil, nil
}

func (e *ECS) listTagsForResource(_ context.Context, in *ecs.ListTagsForResourceInput) (*ecs.ListTagsForResourceOutput, error) {
	list, _, err := e.tagged(in.ResourceArn)
	return &ecs.ListTagsForResourceOutput{Tags: orEmpty(list)}, err
}

// Tagged lists ECS's resources with their tags for the tagging API. The
// sandbox's lock must be held.
func (e *ECS) Tagged() []account.Tagged {
	var out []account.Tagged
	add := func(arn string, list []types.Tag) {
		out = append(out, account.Tagged{ARN: arn, Tags: tags.Map(list, func(t types.Tag) (key, value *string) { return t.Key, t.Value })})
	}
	for _, c := range e.clusters.All() {
		if *c.Status == active {
			add(*c.ClusterArn, c.Tags)
		}
	}
	for _, s := range e.services.All() {
		if s.Status != inactive {
			add(s.ARN, s.Tags)
		}
	}
	for _, t := range e.tasks.All() {
		if t.alive() {
			add(*t.Task.TaskArn, t.Task.Tags)
		}
	}
	for _, d := range e.definitions.All() {
		if d.Definition.Status == types.TaskDefinitionStatusActive {
			add(d.arn(), d.Tags)
		}
	}
	return out
}
