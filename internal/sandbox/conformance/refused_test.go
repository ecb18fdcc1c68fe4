package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"workshop/internal/sandbox/wire/constraint"
)

// breakers are the codes of errors for input that does not satisfy a service's
// model, by service; ValidationError is the others'.
var breakers = map[string]string{
	"ec2": "InvalidParameterValue", "ecs": "InvalidParameterException", "logs": "InvalidParameterException", "tagging": "InvalidParameterException",
	"servicequotas": "IllegalArgumentException", "application-autoscaling": "ValidationException",
}

// TestRefuses breaks each constraint of each member of each operation's input, one at
// a time, and expects AWS's refusal.
func TestRefuses(t *testing.T) {
	w := newWorld(t, start(t))
	broken := 0
	for svc, s := range w.Services {
		if svc == "scheduler" { // it has tests of its own, and one error for all
			continue
		}
		want := breakers[svc]
		if want == "" {
			want = "ValidationError"
		}
		for op, o := range s.Operations {
			if o.Input == nil {
				continue
			}
			for name, ref := range s.Shapes[o.Input.Shape].Members {
				for what, value := range breaking(s, ref.Shape, 0) {
					if svc == "ec2" && what != "enumeration" {
						continue // whose words for them differ, and are the operations'
					}
					broken++
					got, code := w.ask(&checker{service: s, seen: map[string]bool{}}, svc, op, in{name: value})
					if code != want {
						t.Errorf("%s %s: the %s of %s: %q (%v), want %s", svc, op, what, name, code, got["message"], want)
					}
				}
			}
		}
	}
	if broken < 200 {
		t.Errorf("only %d constraints were broken", broken)
	}
}

// breaking returns values of a shape that each break one of its constraints, or one
// of those within it, by what it breaks.
func breaking(s *service, name string, depth int) map[string]any {
	out := map[string]any{}
	sh := s.Shapes[name]
	switch {
	case sh == nil || depth > 4:
	case sh.Type == "structure":
		for member, ref := range sh.Members {
			for what, v := range breaking(s, ref.Shape, depth+1) {
				out[what] = in{member: v}
			}
		}
	case sh.Type == "list":
		for what, v := range breaking(s, sh.Member.Shape, depth+1) {
			out[what] = []any{v}
		}
	case sh.Type == "string":
		if len(sh.Enum) > 0 {
			out["enumeration"] = "no-such-value"
		}
		if sh.Max != nil && *sh.Max < 100_000 {
			out["greatest length"] = strings.Repeat("x", int(*sh.Max)+1)
		}
		if re, err := constraint.Compile(sh.Pattern); sh.Pattern != "" && err == nil && !re.MatchString("\x02\x03") {
			out["pattern"] = "\x02\x03"
		}
	case slices.Contains([]string{"integer", "long"}, sh.Type):
		if sh.Max != nil {
			out["greatest value"] = fmt.Sprint(int(*sh.Max) + 1)
		}
		if sh.Min != nil {
			out["least value"] = fmt.Sprint(int(*sh.Min) - 1)
		}
	}
	return out
}
