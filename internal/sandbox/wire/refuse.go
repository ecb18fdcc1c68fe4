package wire

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// lacked is what an operation does not take.
type lacked struct {
	code    string
	members []string
}

// Refuse has the sandbox answer requests that set one of the members, by their names on
// the wire, with an error: AWS has these members and the sandbox does not. A member that
// is empty or false is as good as none. It must be called before the server starts.
func (s *Service) Refuse(code, operation string, members ...string) {
	if s.refused == nil {
		s.refused = map[string]lacked{}
	}
	s.refused[operation] = lacked{code, members}
}

func (s *Service) refuse(operation string, tree map[string]any) error {
	r, ok := s.refused[operation]
	if !ok {
		return nil
	}
	for _, m := range r.members {
		if v, ok := lookup(tree, m); ok && !blank(v) {
			return Errorf(r.code, "The sandbox does not have %s of %s", m, operation)
		}
	}
	return nil
}

// blank reports whether a part of a tree says nothing.
func blank(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == "" || v == "false"
	case json.Number:
		return false
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

// whole reports whether a type has all members that a request can set: those of the SDK
// do, while types of the sandbox's own are written by hand. What these lack is refused,
// with EC2's code, since EC2 alone has such types.
func whole(t reflect.Type) bool { return strings.HasPrefix(t.PkgPath(), "github.com/aws/") }

// unknown returns the first part of a request for which a type has no member.
func unknown(m map[string]any, known []field) (string, bool) {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if blank(m[key]) {
			continue
		}
		found := false
		for _, f := range known {
			found = found || strings.EqualFold(f.name, key)
		}
		if !found {
			return key, true
		}
	}
	return "", false
}
