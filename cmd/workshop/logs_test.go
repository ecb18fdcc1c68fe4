package main

import (
	"bytes"
	"encoding/json"
	"iter"
	"strings"
	"testing"
	"time"
	"unicode"

	"workshop/internal/clean"
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
	c := &commandLine{}
	if _, err := c.logs(t.Context(), 0, &lineWriter{out: clean.NewWriter(&out)}, some(1, func(int) string { return "panic: x\n\tmain.go:1\x1b[2J\r50%" })); err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	lead := time.Unix(0, 0).Local().Format("2006-01-02 15:04:05.000 -07:00") + "  0f9de17a  app  "
	indent := strings.Repeat(" ", len(lead))
	if len(rows) != 3 || rows[0] != lead+"panic: x" || rows[1] != indent+"    main.go:1" || rows[2] != indent+"50%" {
		t.Errorf("printed %q", rows)
	}
}

// As JSON the event is as it was, to its last byte, and still no terminal obeys it.
func TestLogLinesAsJSON(t *testing.T) {
	for _, message := range []string{
		"a\x1b[31mb\nc\u009b", "tab\there", "10%\r20%\r100% done\r\n", "trailing\n\n", "unterminated \x1b]0;title and more", "\x1bP device control", "\x1b[31",
		"\x00\x07\b\x7f", "\u202eright to left", "<&>\u2028", `{"level":"info","msg":"\u001b[31mred"}`, "", strings.Repeat("é", 128<<10),
	} {
		var out bytes.Buffer
		c := &commandLine{}
		w := &lineWriter{out: clean.NewWriter(&out), json: true}
		if _, err := c.logs(t.Context(), 0, w, some(1, func(int) string { return message })); err != nil {
			t.Fatal(err)
		}
		var got fargate.Line
		if err := json.Unmarshal(out.Bytes(), &got); err != nil || got.Message != message || got.Container != "app" {
			t.Errorf("%.80q was printed as %.80q, %v", message, got.Message, err)
		}
		if printed := strings.TrimSuffix(out.String(), "\n"); strings.ContainsFunc(printed, unicode.IsControl) {
			t.Errorf("%.80q was printed with control characters: %.80q", message, printed)
		}
	}
}

// The program's colours get through where they are wanted, and nothing else does.
func TestLogLinesInColour(t *testing.T) {
	var out bytes.Buffer
	c := &commandLine{}
	const message = "\x1b[31mred\nstill\x1b[0m\x1b[2J\x1b]0;x\a"
	if _, err := c.logs(t.Context(), 0, &lineWriter{out: clean.NewWriter(&out), colour: true}, some(1, func(int) string { return message })); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "app  \x1b[31mred\x1b[m\n ") || !strings.HasSuffix(got, " \x1b[31mstill\x1b[0m^[[2J^[]0;x^G\n") {
		t.Errorf("printed %q", got)
	}
	out.Reset()
	if _, err := c.logs(t.Context(), 0, &lineWriter{out: clean.NewWriter(&out)}, some(1, func(int) string { return message })); err != nil || strings.Contains(out.String(), "\x1b") {
		t.Errorf("printed %q, %v", out.String(), err)
	}
}

func TestLastLines(t *testing.T) {
	for _, c := range []struct{ all, last, first int }{{10, 3, 7}, {3, 3, 0}, {2, 3, 0}, {0, 3, 0}, {7, 1, 6}} {
		var out bytes.Buffer
		l := &commandLine{}
		n, err := l.logs(t.Context(), c.last, &lineWriter{out: &out}, some(c.all, func(i int) string { return "line " + strings.Repeat("i", i) + "." }))
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
