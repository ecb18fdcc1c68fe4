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
