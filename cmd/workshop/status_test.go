package main

import (
	"testing"

	"workshop/internal/fargate"
)

func TestNewestEventIsExplained(t *testing.T) {
	const unplaced = "(service app) was unable to place a task because no container instance met all of its requirements. Reason: No Container Instances were found in your cluster."
	const steady = "(service app) has reached a steady state."
	for _, c := range []struct {
		name   string
		events []string // newest first
		task   string   // id of a task's answer
		want   string
	}{
		{"none", nil, "", ""},
		{"unplaced", []string{unplaced, steady}, "", "no-instances"},
		{"over", []string{steady, unplaced}, "", ""},
		{"said by a task", []string{unplaced}, "no-instances", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := &status{tasks: []fargate.Task{{}}}
			if c.task != "" {
				st.tasks[0].Answer = &fargate.Answer{ID: c.task}
			}
			for _, m := range c.events {
				st.Events = append(st.Events, fargate.ServiceEvent{Message: m})
			}
			got := ""
			if a := st.explained(); a != nil {
				got = a.ID
			}
			if got != c.want {
				t.Errorf("explained by %q, want %q", got, c.want)
			}
		})
	}
}
