package conformance

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	constrained "workshop/internal/sandbox/model"
)

// broken is an input in which one part does not fit the model.
type broken struct {
	value any
	what  string // Shape and kind of constraint
}

// breaker makes inputs that fit a service's model but for one part.
type breaker struct {
	*service
	checked  map[string]*constrained.Shape
	protocol string
	within   map[string]bool // shapes that are being broken, as some hold themselves
}

// form reports whether requests are forms, which cannot hold empty parts.
func (b *breaker) form() bool { return b.protocol == "query" || b.protocol == "ec2" }

// candidates are tried where a pattern is to match.
var candidates = []string{
	"a", "aa", "/", "/a/", "v1", "200", "HTTP", "123456789012", "ipam-pool-a", "ipv4pool-coip-a", "arn:aws:iam::123456789012:role/a",
	"arn:aws:kms:eu-west-1:123456789012:key/a", "arn:aws:sqs:eu-west-1:123456789012:a", "arn:aws:scheduler:eu-west-1:123456789012:schedule-group/a",
	"arn:aws:application-autoscaling:eu-west-1:123456789012:scalable-target/a",
}

func least(c *constrained.Shape) int {
	if c == nil || c.Min == nil {
		return 0
	}
	return int(*c.Min)
}

// fitting is a small value that fits a shape.
func (b *breaker) fitting(t *testing.T, name string) any {
	s, c := b.Shapes[name], b.checked[name]
	switch s.Type {
	case "structure":
		m := in{}
		for _, k := range s.Required {
			m[k] = b.fitting(t, s.Members[k].Shape)
		}
		return m
	case "list":
		l := []any{}
		for range max(1, least(c)) {
			l = append(l, b.fitting(t, s.Member.Shape))
		}
		return l
	case "map":
		return in{b.fitting(t, s.Key.Shape).(string): b.fitting(t, s.Value.Shape)}
	case "string":
		if len(s.Enum) > 0 {
			return s.Enum[0]
		}
		if c == nil {
			return "a"
		}
		for _, text := range candidates {
			text += strings.Repeat("a", max(0, least(c)-len(text)))
			if c.Matches(text) && (c.Max == nil || len(text) <= int(*c.Max)) {
				return text
			}
		}
		t.Fatalf("no candidate matches %s", c.Pattern)
	case "boolean":
		return true
	case "integer", "long", "float", "double":
		return max(1, least(c))
	case "timestamp":
		return 1.7e9
	case "blob":
		return []byte("a")
	}
	t.Fatalf("no value of type %s", s.Type)
	return nil
}

// all returns a value for each constraint that a shape has in it, which does not
// satisfy that.
func (b *breaker) all(t *testing.T, name string, top bool) (out []broken) {
	s, c := b.Shapes[name], b.checked[name]
	if c == nil || b.within[name] {
		return nil
	}
	b.within[name] = true
	defer delete(b.within, name)
	add := func(kind string, v any) { out = append(out, broken{v, name + " " + kind}) }
	switch s.Type {
	case "structure":
		with := func(k string, v any) in {
			m := b.fitting(t, name).(in)
			if m[k] = v; v == nil {
				delete(m, k)
			}
			return m
		}
		for _, member := range c.Members {
			at := s.Members[member.Name]
			if m := with(member.Name, nil); member.Required && at.Location != "uri" && (top || !b.form() || len(m) > 0) {
				add("required "+member.Name, m)
			}
			for _, inner := range b.all(t, at.Shape, false) {
				if text, ok := inner.value.(string); at.Location == "uri" && ok && text == "" {
					continue // the path of another operation
				}
				out = append(out, broken{with(member.Name, inner.value), inner.what})
			}
		}
	case "list":
		entry := b.fitting(t, s.Member.Shape)
		if c.Min != nil && (!b.form() || *c.Min > 1) {
			add("min", slices.Repeat([]any{entry}, int(*c.Min)-1))
		}
		if c.Max != nil {
			add("max", slices.Repeat([]any{entry}, int(*c.Max)+1))
		}
		for _, inner := range b.all(t, s.Member.Shape, false) {
			l := b.fitting(t, name).([]any)
			l[0] = inner.value
			out = append(out, broken{l, inner.what})
		}
	case "map":
		for _, inner := range b.all(t, s.Key.Shape, false) {
			out = append(out, broken{in{inner.value.(string): b.fitting(t, s.Value.Shape)}, inner.what})
		}
		for _, inner := range b.all(t, s.Value.Shape, false) {
			out = append(out, broken{in{b.fitting(t, s.Key.Shape).(string): inner.value}, inner.what})
		}
	case "string":
		if c.Enum != nil {
			add("enum", "no such value")
		}
		if c.Min != nil {
			add("min", strings.Repeat("a", int(*c.Min)-1))
		}
		if c.Max != nil {
			add("max", strings.Repeat("a", int(*c.Max)+1))
		}
		if c.Pattern != "" && !c.Matches("\x07") {
			add("pattern", "\x07")
		}
	case "integer", "long", "float", "double":
		if c.Min != nil {
			add("min", int(*c.Min)-1)
		}
		if c.Max != nil {
			add("max", int(*c.Max)+1)
		}
	}
	return out
}

// detected are the texts of refusals: a value may break two constraints.
var detected = regexp.MustCompile(`^(1 validation error|[2-9] validation errors) detected: Value.* at '[^']+' failed to satisfy constraint: M|^The parameter .* is required\.$|^The specified value for |^launch type should be one of `)

// TestConstraints sends a request for each constraint that the models have of the
// operations' inputs, which does not satisfy that one.
func TestConstraints(t *testing.T) {
	w := newWorld(t, start(t))
	codes := map[string][]string{
		"application-autoscaling": {"ValidationException"},
		"ec2":                     {"InvalidParameterValue", "MissingParameter"},
		"ecs":                     {"InvalidParameterException"},
		"elasticloadbalancing":    {"ValidationError"},
		"iam":                     {"ValidationError"},
		"logs":                    {"InvalidParameterException"},
		"monitoring":              {"ValidationError", "MissingRequiredParameterException"},
		"scheduler":               {"ValidationException"},
		"servicequotas":           {"IllegalArgumentException"},
		"tagging":                 {"InvalidParameterException"},
	}
	count := 0
	for svc, constraints := range constrained.Services() {
		s := w.Services[svc]
		b := &breaker{s, constraints.Shapes, s.Metadata.Protocol, map[string]bool{}}
		for _, op := range slices.Sorted(maps.Keys(constraints.Inputs)) {
			for _, wrong := range b.all(t, constraints.Inputs[op], true) {
				count++
				c := &checker{service: s, seen: map[string]bool{}}
				o, code := w.ask(c, svc, op, wrong.value.(in))
				message, _ := o["message"].(string)
				if !slices.Contains(codes[svc], code) {
					t.Errorf("%s %s, %s: %q (%s) for %.200v, want %v", svc, op, wrong.what, code, message, wrong.value, codes[svc])
				} else if svc != "ec2" && !detected.MatchString(message) {
					t.Errorf("%s %s, %s: %s", svc, op, wrong.what, message)
				}
			}
		}
	}
	t.Logf("%d requests", count)
}
