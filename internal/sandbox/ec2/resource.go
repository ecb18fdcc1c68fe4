package ec2

import (
	"fmt"
	"slices"
	"strings"

	"workshop/internal/sandbox/store"
	"workshop/internal/sandbox/wildcard"
	"workshop/internal/sandbox/wire"
)

// resource is one kind of thing in the network: its records, and what all kinds
// have in common, which is how they are named, missed, listed and filtered.
// Records double as answers: what an answer adds is filled in by view.
type resource[T any] struct {
	*store.Table[T]
	name      string // in ARNs and tag specifications: "vpc"
	prefix    string // of ids: "vpc"
	parameter string // that names one: "vpcId"
	label     string // in "The vpc ID 'x' does not exist"
	notFound  string // error codes
	malformed string
	id        func(T) string
	view      func(T) T
	token     func(T) string // client token of the request that made a record; nil where there are none
	filters   filters[T]

	tags *store.Table[map[string]string]
	arns func(service, resource string) string
}

// openResource sets r to the kind of resource that describe returns, with its
// table open. The tags must be open.
func openResource[T any](x *EC2, r **resource[T], describe func(*EC2) *resource[T]) error {
	*r = describe(x)
	(*r).tags, (*r).arns = x.tags, x.account.ARN
	x.taggable = append(x.taggable, *r)
	return store.OpenTable(x.account.Store, &(*r).Table, "ec2."+(*r).name)
}

// find returns the record with that id or the error that EC2 has for it.
func (r *resource[T]) find(id string) (T, error) {
	v, ok := r.Get(id)
	if !ok {
		return v, r.absent(id)
	}
	return v, nil
}

func (r *resource[T]) absent(ids ...string) error {
	for _, id := range ids {
		if id == "" {
			return missing(r.parameter)
		}
		if !r.names(id) {
			return wire.Errorf(r.malformed, "Invalid id: %q (expecting \"%s-...\")", id, r.prefix)
		}
	}
	if len(ids) > 1 {
		return wire.Errorf(r.notFound, "The %ss '%s' do not exist", r.label, strings.Join(ids, ", "))
	}
	return wire.Errorf(r.notFound, "The %s '%s' does not exist", r.label, ids[0])
}

// names reports whether id is one that this kind could have.
func (r *resource[T]) names(id string) bool {
	rest, ok := strings.CutPrefix(id, r.prefix+"-")
	return ok && rest != "" && strings.Trim(rest, "0123456789abcdef") == ""
}

func (r *resource[T]) has(id string) bool {
	_, ok := r.Get(id)
	return ok
}

func (r *resource[T]) kind() string { return r.name }

func (r *resource[T]) arn(id string) string { return r.arns("ec2", r.name+"/"+id) }

// create puts a new record with its tags and returns it as it is answered.
func (r *resource[T]) create(v T, tags map[string]string) T {
	id := r.id(v)
	r.Put(id, v)
	if len(tags) > 0 {
		r.tags.Put(id, tags)
	}
	return r.view(v)
}

// remove deletes a record with its tags.
func (r *resource[T]) remove(id string) {
	r.Delete(id)
	r.tags.Delete(id)
}

// only returns the records for which keep is true.
func (r *resource[T]) only(keep func(T) bool) []T { return r.Find(keep) }

// first returns a record for which keep is true.
func (r *resource[T]) first(keep func(T) bool) (v T, ok bool) {
	for _, v := range r.All() {
		if keep(v) {
			return v, true
		}
	}
	return v, false
}

// any reports whether there is a record for which keep is true.
func (r *resource[T]) any(keep func(T) bool) bool {
	_, ok := r.first(keep)
	return ok
}

// made returns the record that an earlier request with this client token made, as it is
// answered. A request without a token is a new one.
func (r *resource[T]) made(token string) (v T, ok bool) {
	if v, ok = r.first(func(v T) bool { return token != "" && r.token(v) == token }); ok {
		v = r.view(v)
	}
	return v, ok
}

// describe answers for a Describe operation: the records with these ids, or all,
// that pass every filter, one page of them.
func (r *resource[T]) describe(ids []string, fs []filter, max *int, token *string) ([]T, *string, error) {
	var rows []T
	if len(ids) > 0 {
		var lost []string
		seen := map[string]bool{}
		for _, id := range ids {
			v, ok := r.Get(id)
			switch {
			case !ok:
				lost = append(lost, id)
			case !seen[id]:
				rows = append(rows, v)
			}
			seen[id] = true
		}
		if len(lost) > 0 {
			return nil, nil, r.absent(lost...)
		}
	} else {
		rows = r.Find(nil)
	}
	for i, v := range rows {
		rows[i] = r.view(v)
	}
	rows, err := sift(rows, fs, r.filters, func(v T) map[string]string {
		tags, _ := r.tags.Get(r.id(v))
		return tags
	})
	if err != nil {
		return nil, nil, err
	}
	return page(rows, max, token)
}

// page cuts one page; EC2 takes 5 to 1000 as its size.
func page[T any](rows []T, max *int, token *string) ([]T, *string, error) {
	limit := 1000
	if max != nil {
		if *max < 5 {
			return nil, nil, invalid("Value ( %d ) for parameter maxResults is invalid. Expecting a value greater than 5.", *max)
		}
		limit = min(*max, limit)
	}
	return wire.Page(rows, token, limit, "InvalidParameterValue")
}

// filter is one condition of a Describe operation: a resource passes if any of
// its values of that name is any of these, in which * stands for any text and ?
// for one character.
type filter struct {
	Name  string
	Value []string
}

// filters says, by a filter's name, what values of it a resource has.
type filters[T any] map[string]func(T) []string

// sift keeps the rows that pass all filters. Those on tags work for everything;
// tags is nil for what cannot have any.
func sift[T any](rows []T, fs []filter, known filters[T], tags func(T) map[string]string) ([]T, error) {
	for _, f := range fs {
		values := known[f.Name]
		if key, ok := strings.CutPrefix(f.Name, "tag:"); ok && tags != nil {
			values = func(v T) []string {
				if s, ok := tags(v)[key]; ok {
					return []string{s}
				}
				return nil
			}
		}
		if f.Name == "tag-key" && tags != nil {
			values = func(v T) []string {
				var keys []string
				for k := range tags(v) {
					keys = append(keys, k)
				}
				return keys
			}
		}
		if values == nil {
			return nil, invalid("The filter '%s' is invalid", f.Name)
		}
		if len(f.Value) == 0 {
			return nil, invalid("The filter '%s' has no values", f.Name)
		}
		rows = slices.DeleteFunc(rows, func(v T) bool {
			return !slices.ContainsFunc(values(v), func(s string) bool {
				return slices.ContainsFunc(f.Value, func(pattern string) bool { return wildcard.MatchEscaped(pattern, s) })
			})
		})
	}
	return rows, nil
}

// value makes a filter's function out of one that has a single value; an empty
// one is no value.
func value[T any](get func(T) string) func(T) []string {
	return func(v T) []string {
		if s := get(v); s != "" {
			return []string{s}
		}
		return nil
	}
}

// text makes a filter's function out of one that has a number or a truth value.
func text[T, V any](get func(T) V) func(T) []string {
	return func(v T) []string { return []string{fmt.Sprint(get(v))} }
}

// never is the filter's function of what no record has, such as an IPv6 address.
func never[T any](T) []string { return nil }

// each makes a filter's function out of a list and what to take of its entries.
func each[T, E any](list func(T) []E, get func(E) string) func(T) []string {
	return func(v T) []string {
		var out []string
		for _, e := range list(v) {
			if s := get(e); s != "" {
				out = append(out, s)
			}
		}
		return out
	}
}
