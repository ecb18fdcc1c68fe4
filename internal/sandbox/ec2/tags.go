package ec2

import (
	"context"
	"maps"
	"strings"
	"unicode/utf8"

	"workshop/internal/sandbox/tags"
	"workshop/internal/sandbox/wire"
)

// tag is one tag. Its value is a pointer because an empty one is sent too.
type tag struct {
	Key   string
	Value *string
}

func (t tag) value() string {
	if t.Value == nil {
		return ""
	}
	return *t.Value
}

type tagSpecification struct {
	ResourceType string
	Tag          []tag
}

// taggable is a resource of any kind.
type taggable interface {
	kind() string
	names(id string) bool
	has(id string) bool
	absent(ids ...string) error
	arn(id string) string
}

// owner returns the kind of resource that id can be of, or nil.
func (x *EC2) owner(id string) taggable {
	for _, r := range x.taggable {
		if r.names(id) {
			return r
		}
	}
	return nil
}

// maxTags is how many tags a resource may have.
const maxTags = 50

// specified reads the tags that a request gives to what it creates, which is of
// the named kind.
func specified(kind string, specs []tagSpecification) (map[string]string, error) {
	tags := map[string]string{}
	for _, s := range specs {
		if s.ResourceType == "" {
			return nil, invalid("Tag specification must have a resource type")
		}
		if s.ResourceType != kind {
			return nil, invalid("'%s' is not a valid taggable resource type for this operation.", s.ResourceType)
		}
		for _, t := range s.Tag {
			if _, twice := tags[t.Key]; twice {
				return nil, invalid("Duplicate tag key '%s' specified.", t.Key)
			}
			if err := t.check(); err != nil {
				return nil, err
			}
			tags[t.Key] = t.value()
		}
	}
	return tags, limited(tags)
}

func limited(tags map[string]string) error {
	if len(tags) > maxTags {
		return wire.Errorf("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
	}
	return nil
}

func (t tag) check() error {
	switch {
	case t.Key == "":
		return invalid("Tag key cannot be null or empty")
	case utf8.RuneCountInString(t.Key) > 128:
		return invalid("Tag key exceeds the maximum length of 128 characters")
	case utf8.RuneCountInString(t.value()) > 256:
		return invalid("Tag value exceeds the maximum length of 256 characters")
	case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
		return invalid("Tag keys starting with 'aws:' are reserved for internal use")
	}
	return nil
}

// tagSet returns the tags of a resource in the order of their keys.
func (x *EC2) tagSet(id string) []tag {
	m, _ := x.tags.Get(id)
	return tags.List(m, func(k, v *string) tag { return tag{*k, v} })
}

func (x *EC2) tagOperations(s *wire.Service) {
	wire.Handle(s, "CreateTags", x.createTags)
	wire.Handle(s, "DeleteTags", x.deleteTags)
	wire.Handle(s, "DescribeTags", x.describeTags)
}

// existing checks that everything to be tagged is there, before anything is.
func (x *EC2) existing(ids []string) error {
	if len(ids) == 0 {
		return missing("resourceIdSet")
	}
	for _, id := range ids {
		r := x.owner(id)
		if r == nil {
			return wire.Errorf("InvalidID", "The ID '%s' is not valid", id)
		}
		if !r.has(id) {
			return r.absent(id)
		}
	}
	return nil
}

type createTagsIn struct {
	DryRun     bool
	ResourceId []string
	Tag        []tag
}

func (x *EC2) createTags(_ context.Context, in *createTagsIn) (*done, error) {
	if err := x.existing(in.ResourceId); err != nil {
		return nil, err
	}
	if len(in.Tag) == 0 {
		return nil, missing("tagSet")
	}
	for _, t := range in.Tag {
		if err := t.check(); err != nil {
			return nil, err
		}
	}
	changed := make([]map[string]string, len(in.ResourceId))
	for i, id := range in.ResourceId {
		old, _ := x.tags.Get(id)
		changed[i] = tags.Merge(old, tags.Map(in.Tag, func(t tag) (key, value *string) { return &t.Key, t.Value }))
		if err := limited(changed[i]); err != nil {
			return nil, err
		}
	}
	for i, id := range in.ResourceId {
		x.tags.Put(id, changed[i])
	}
	return nil, nil
}

type deleteTagsIn struct {
	DryRun     bool
	ResourceId []string
	Tag        []tag
}

// deleteTags removes the named tags: with a value, even an empty one, only
// where that is the tag's value; all of them if none is named.
func (x *EC2) deleteTags(_ context.Context, in *deleteTagsIn) (*done, error) {
	if err := x.existing(in.ResourceId); err != nil {
		return nil, err
	}
	for _, id := range in.ResourceId {
		old, ok := x.tags.Get(id)
		if !ok {
			continue
		}
		tags := maps.Clone(old)
		for _, t := range in.Tag {
			if t.Value == nil || *t.Value == tags[t.Key] {
				delete(tags, t.Key)
			}
		}
		if len(in.Tag) == 0 || len(tags) == 0 {
			x.tags.Delete(id)
		} else {
			x.tags.Put(id, tags)
		}
	}
	return nil, nil
}

type tagDescription struct {
	Key, ResourceId, ResourceType string
	Value                         *string
}

type describeTagsIn struct {
	DryRun     bool
	Filter     []filter
	MaxResults *int
	NextToken  *string
}

type describeTagsOut struct {
	TagSet    []tagDescription
	NextToken *string
}

var tagFilters = filters[tagDescription]{
	"key":           value(func(t tagDescription) string { return t.Key }),
	"resource-id":   value(func(t tagDescription) string { return t.ResourceId }),
	"resource-type": value(func(t tagDescription) string { return t.ResourceType }),
	"value":         func(t tagDescription) []string { return []string{*t.Value} },
}

func (x *EC2) describeTags(_ context.Context, in *describeTagsIn) (*describeTagsOut, error) {
	var rows []tagDescription
	for id := range x.tags.All() {
		for _, t := range x.tagSet(id) {
			rows = append(rows, tagDescription{t.Key, id, x.owner(id).kind(), t.Value})
		}
	}
	rows, err := sift(rows, in.Filter, tagFilters, func(t tagDescription) map[string]string {
		return map[string]string{t.Key: *t.Value}
	})
	if err != nil {
		return nil, err
	}
	out := &describeTagsOut{}
	out.TagSet, out.NextToken, err = page(rows, in.MaxResults, in.NextToken)
	return out, err
}
