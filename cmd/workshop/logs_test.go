package main

import (
	"bytes"
	"iter"
	"strings"
	"testing"
	"time"

	"workshop/internal/fargate"
)

func some(n int, message func(i int) string) iter.Seq2[fargate.Line, error] {
	return func(yield func(fargate.Line, error) bool) {
		for i := range n {
			if !yield(fargate.Line{Time: time.Unix(int64(i), 0), Task: "0f9de17a6465404e", Container: "app", Message: message(i)}, nil) {
				return
			}
		}
	}
}

func TestLogLines(t *testing.T) {
	var out bytes.Buffer
	c := &commandLine{out: &out}
	if _, err := c.logs(t.Context(), 0, some(1, func(int) string { return "panic: x\n\tmain.go:1\x1b[2J\r50%" })); err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	lead := time.Unix(0, 0).Local().Format("2006-01-02 15:04:05.000 -07:00") + "  0f9de17a  app  "
	indent := strings.Repeat(" ", len(lead))
	if len(rows) != 3 || rows[0] != lead+"panic: x" || rows[1] != indent+"    main.go:1" || rows[2] != indent+"50%" {
		t.Errorf("printed %q", rows)
	}
}

// As JSON the event is as it was, and still no terminal obeys it.
func TestLogLinesAsJSON(t *testing.T) {
	var out bytes.Buffer
	c := &commandLine{out: &out, json: true}
	if _, err := c.logs(t.Context(), 0, some(1, func(int) string { return "a\x1b[31mb\nc\u009b" })); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, `"container":"app"`) || !strings.Contains(got, `"message":"a\u001b[31mb\nc\u009b"`) {
		t.Errorf("printed %s", got)
	}
}

func TestLastLines(t *testing.T) {
	for _, c := range []struct{ all, last, first int }{{10, 3, 7}, {3, 3, 0}, {2, 3, 0}, {0, 3, 0}, {7, 1, 6}} {
		var out bytes.Buffer
		l := &commandLine{out: &out}
		n, err := l.logs(t.Context(), c.last, some(c.all, func(i int) string { return "line " + strings.Repeat("i", i) + "." }))
		if err != nil || n != c.all {
			t.Errorf("%d lines, %v", n, err)
		}
		rows := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if want := min(c.all, c.last); want > 0 && (len(rows) != want || !strings.HasSuffix(rows[0], "line "+strings.Repeat("i", c.first)+".") || !strings.HasSuffix(rows[want-1], "line "+strings.Repeat("i", c.all-1)+".")) {
			t.Errorf("the last %d of %d: %q", c.last, c.all, rows)
		}
	}
}

func TestUnknownSource(t *testing.T) {
	tasks := []fargate.Task{{ID: "aa11", Containers: []fargate.Container{{Name: "app"}}}, {ID: "bb22", Containers: []fargate.Container{{Name: "proxy"}}}}
	for _, c := range []struct{ task, container, want string }{
		{"aa", "", ""},
		{"", "proxy", ""},
		{"aa", "app", ""},
		{"zz", "", "No task whose id begins with zz"},
		{"zz", "app", "No task whose id begins with zz"},
		{"aa", "proxy", "No container with the name proxy"},
		{"", "nope", "No container with the name nope"},
	} {
		if got := unknownSource(tasks, c.task, c.container); got != c.want {
			t.Errorf("%q %q: %q, want %q", c.task, c.container, got, c.want)
		}
	}
	if got := unknownSource(nil, "", "app"); got != "No container with the name app" {
		t.Errorf("of no task: %q", got)
	}
}
