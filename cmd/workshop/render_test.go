package main

import (
	"bytes"
	"strings"
	"testing"

	"workshop/internal/stack"
)

// A resource that is replaced is made and deleted, and counts once.
func TestReplacingCountsOnce(t *testing.T) {
	var out bytes.Buffer
	event := newCommandLine(strings.NewReader(""), &out, &out).events()
	event(stack.Event{Type: stack.EventPlanned, Plan: &stack.Plan{Update: 1, Replace: 1}})
	for _, r := range []string{"a.definition", "a.service", "a.definition"} {
		event(stack.Event{Type: stack.EventDone, Resource: r})
	}
	if got := out.String(); strings.Contains(got, "3/2") || strings.Count(got, "[ 2/2]") != 2 {
		t.Errorf("it counts\n%s", got)
	}
}

// Terraform gives the same warning in the plan and in the apply, and once for each
// resource of a block with count. It is shown once, with its place.
func TestAWarningIsShownOnce(t *testing.T) {
	deprecated := stack.Diagnostic{Severity: "warning", Summary: "Deprecated attribute", Detail: `The attribute "name" is deprecated.`,
		File: "outputs.tf", Line: 34, Snippet: "  value = data.aws_region.current.name"}
	counted, elsewhere := deprecated, deprecated
	counted.Address = "aws_subnet.public[1]"
	elsewhere.File, elsewhere.Line, elsewhere.Snippet = "service.tf", 74, ""
	for name, json := range map[string]bool{"text": false, "json": true} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			c := newCommandLine(strings.NewReader(""), &out, &out)
			c.json = json
			event := c.events()
			for _, op := range []stack.Op{stack.OpPlan, stack.OpApply} {
				for _, d := range []stack.Diagnostic{deprecated, counted, elsewhere} {
					event(stack.Event{Type: stack.EventDiagnostic, Op: op, Message: d.Summary, Diagnostic: &d})
				}
			}
			text := out.String()
			if n := strings.Count(text, `is deprecated`); n != 2 {
				t.Errorf("it is shown %d times, want once for each place:\n%s", n, text)
			}
			places := []string{"outputs.tf, line 34:\n    value = data", "service.tf, line 74\n"}
			if json {
				places = []string{`"file":"outputs.tf","line":34`, `"file":"service.tf","line":74`}
			}
			for _, place := range places {
				if !strings.Contains(text, place) {
					t.Errorf("%s is missing:\n%s", place, text)
				}
			}
		})
	}
}
