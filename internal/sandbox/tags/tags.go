// Package tags adds and removes the tags of the sandbox's resources. Services keep
// them as a map or, where AWS answers in the order in which tags were added, as a
// list of the SDK's type. No function changes what it is given.
package tags

import (
	"maps"
	"slices"
)

// Merge returns the tags with others added, which replace those of the same key.
func Merge(before, add map[string]string) map[string]string {
	out := make(map[string]string, len(before)+len(add))
	maps.Copy(out, before)
	maps.Copy(out, add)
	return out
}

// Without returns the tags without those of the keys.
func Without(before map[string]string, keys []string) map[string]string {
	out := Merge(before, nil)
	for _, k := range keys {
		delete(out, k)
	}
	return out
}

// Map returns a list of tags of the SDK as a map; of tags with the same key the
// last one counts.
func Map[T any](list []T, pair func(T) (key, value *string)) map[string]string {
	out := make(map[string]string, len(list))
	for _, t := range list {
		key, value := pair(t)
		out[text(key)] = text(value)
	}
	return out
}

// List returns tags as a list of the SDK's type, in the order of their keys; it is
// never nil.
func List[T any](m map[string]string, tag func(key, value *string) T) []T {
	out := make([]T, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		v := m[k]
		out = append(out, tag(&k, &v))
	}
	return out
}

// MergeList is Merge for lists: a tag takes the place of that with the same key, or
// comes last. It never returns nil.
func MergeList[T any](before, add []T, key func(T) string) []T {
	out := append([]T{}, before...)
	for _, t := range add {
		if i := slices.IndexFunc(out, func(o T) bool { return key(o) == key(t) }); i >= 0 {
			out[i] = t
		} else {
			out = append(out, t)
		}
	}
	return out
}

// WithoutKeys is Without for lists. It never returns nil.
func WithoutKeys[T any](before []T, keys []string, key func(T) string) []T {
	return slices.DeleteFunc(append([]T{}, before...), func(t T) bool { return slices.Contains(keys, key(t)) })
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
