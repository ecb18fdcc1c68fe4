package wire

import (
	"reflect"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// Casing is how a service spells the members of its shapes on the wire, given
// Go's spelling.
type Casing int

const (
	Camel  Casing = iota // clusterArn: ECS, Logs, and EC2's answers
	Pascal               // ClusterArn: the query services, Auto Scaling, tagging
)

// field is one member of a struct that goes over the wire.
type field struct {
	index int
	name  string
}

type planKey struct {
	t reflect.Type
	c Casing
}

var plans sync.Map // planKey -> []field

// fields lists the members of t. A tag `wire:"name"` names a member outright,
// `wire:"-"` leaves it out; the SDK's own bookkeeping is left out as well.
func fields(t reflect.Type, c Casing) []field {
	if p, ok := plans.Load(planKey{t, c}); ok {
		return p.([]field)
	}
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("wire")
		if !f.IsExported() || f.Name == "ResultMetadata" || tag == "-" {
			continue
		}
		name := tag
		if name == "" {
			name = f.Name
			if c == Camel {
				r, n := utf8.DecodeRuneInString(name)
				name = string(unicode.ToLower(r)) + name[n:]
			}
		}
		out = append(out, field{i, name})
	}
	plans.Store(planKey{t, c}, out)
	return out
}

// absent reports whether a member is not sent: nil, an empty enumeration or
// string, a zero time. Numbers and booleans that are not pointers are always
// sent, as AWS does.
func absent(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		return v.IsNil()
	case reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		if t, ok := v.Interface().(time.Time); ok {
			return t.IsZero()
		}
	}
	return false
}

// lookup finds a member in what a client sent: by its name, else without regard
// to the case of the first letter, which tools mix up.
func lookup(m map[string]any, name string) (any, bool) {
	if v, ok := m[name]; ok {
		return v, true
	}
	r, n := utf8.DecodeRuneInString(name)
	other := string(unicode.ToUpper(r)) + name[n:]
	if other == name {
		other = string(unicode.ToLower(r)) + name[n:]
	}
	v, ok := m[other]
	return v, ok
}
