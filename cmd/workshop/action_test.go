package main

import (
	"strings"
	"testing"
	"time"

	"workshop/internal/fargate"
)

func TestRunningTask(t *testing.T) {
	stopped := time.Unix(0, 0)
	tasks := []fargate.Task{{ID: "aa11"}, {ID: "aa22"}, {ID: "bb33", Stopped: &stopped}}
	for _, c := range []struct{ prefix, want, fault string }{
		{"aa1", "aa11", ""},
		{"aa22", "aa22", ""},
		{"aa", "", "2 tasks have ids"},
		{"bb", "", "there are aa11, aa22"},
		{"", "", "2 tasks have ids"},
	} {
		got, err := runningTask(tasks, c.prefix)
		if got != c.want || (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%q: %q, %v", c.prefix, got, err)
		}
	}
	if _, err := runningTask(nil, "a"); err == nil {
		t.Error("a task is found among none")
	}
}
