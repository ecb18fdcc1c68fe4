package lesson

import (
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"workshop/internal/check"
)

const taught = `---
title: Deploy
estimate: 15-20
checks:
  - id: up
    title: the stack is up
    that: stack.state == "up"
    else: "Only {{ stack.resources }}."
    timeout: 10s
    retry: 2
  - {title: The URL answers, that: 'true'}
hints: [press ` + "`2`" + `]
quiz:
  - ask: Why *so*?
    answers:
      - {text: a, right: true, why: b}
      - {text: c}
solve:
  - {say: go, deploy: true}
  - deploy: {may_fail: true, until: 'service.failed > 2', timeout: 3m}
  - {if: 'stack.state == "up"', destroy: true}
  - {run: ls}
  - {set: {message: Hello, desired_count: 3, zones: [a], on: true, none: null}}
  - {scale: 3}
  - {stop_task: oldest}
  - {restore: message}
  - {restore: [message, all]}
  - {wait: service.running == 2}
reset:
  - {destroy: true}
---

text
`

func TestFrontMatter(t *testing.T) {
	s, err := Parse("04-deploy.md", []byte(taught))
	if err != nil {
		t.Fatal(err)
	}
	want := []Check{
		{Check: check.Check{ID: "up", Title: "the stack is up", That: `stack.state == "up"`, Else: "Only {{ stack.resources }}.", Timeout: 10 * time.Second, Retry: 2}, Line: 7, Column: 11},
		{Check: check.Check{ID: "the-url-answers", Title: "The URL answers", That: "true"}, Line: 11, Column: 37},
	}
	if !reflect.DeepEqual(s.Checks, want) {
		t.Errorf("the checks are %+v", s.Checks)
	}
	if len(s.Hints) != 1 || !s.Hints[0][1].Code {
		t.Errorf("the hints are %+v", s.Hints)
	}
	if q := s.Quiz; len(q) != 1 || !q[0].Ask[1].Italic || !q[0].Answers[0].Right || Text(q[0].Answers[0].Why) != "b" || q[0].Answers[1].Right {
		t.Errorf("the quiz is %+v", q)
	}
	var verbs []string
	for _, a := range s.Solve {
		verbs = append(verbs, string(a.Verb))
	}
	if got := strings.Join(verbs, " "); got != "deploy deploy destroy run set scale stop_task restore restore wait" {
		t.Errorf("solve is %s", got)
	}
	if a := s.Solve[1]; !a.MayFail || a.Until.That != "service.failed > 2" || a.Until.Timeout != 3*time.Minute {
		t.Errorf("deploy until is %+v", a)
	}
	if a := s.Solve[2]; a.If != `stack.state == "up"` {
		t.Errorf("the condition is %q", a.If)
	}
	if got := s.Solve[4].Settings; !reflect.DeepEqual(got, []Setting{{"message", "Hello"}, {"desired_count", "3"}, {"zones", `["a"]`}, {"on", "true"}, {"none", "null"}}) {
		t.Errorf("set is %+v", got)
	}
	if s.Solve[5].Count != 3 || s.Solve[6].Name != "oldest" || len(s.Solve[7].Names) != 1 || len(s.Solve[8].Names) != 2 || s.Solve[9].Until.That == "" || len(s.Reset) != 1 {
		t.Errorf("the rest is %+v", s.Solve[5:])
	}
	if len(s.Keys) != 7 || s.Keys[2] != (Key{"checks", 4, 1}) {
		t.Errorf("the keys are %+v", s.Keys)
	}
}

func TestActionsInText(t *testing.T) {
	for _, c := range []struct {
		src  string
		want *Action
	}{
		{"```bash\nls\n```\n", nil},
		{"``` { .bash .run }\nls {{ x }}\n```\n", &Action{Verb: Run, Command: "ls {{ x }}"}},
		{"``` { .run .bash }\nls\n```\n", &Action{Verb: Run, Command: "ls"}},
		{"``` { .text .copy title=\"a\" }\nb\n```\n", &Action{Verb: Copy, Command: "b"}},
		{"``` { .hcl .open file=\"service.tf\" line=\"12\" }\nx\n```\n", &Action{Verb: Open, File: "service.tf", At: 12}},
		{"``` { .hcl .open data-file=service.tf find=\"a b\" }\nx\n```\n", &Action{Verb: Open, File: "service.tf", Find: "a b"}},
		{"``` { .hcl .set }\n# three\nb = 3\na = \"x\"\n```\n", &Action{Verb: Set, Settings: []Setting{{"b", "3"}, {"a", "x"}}}},
		{"[Go on](#page:live)\n", &Action{Verb: Page, Name: "live"}},
		{"[*Go* on](05-next-one.md#there)\n", &Action{Verb: Visit, Name: "next-one", Anchor: "there"}},
		{"[Open](#open:service.tf:12)\n", &Action{Verb: Open, File: "service.tf", At: 12}},
		{"[A shell](#shell)\n", &Action{Verb: Shell}},
		{"See [this](05-next.md).\n", nil},
		{"[out](https://example.com/a.md)\n", nil},
		{"[down](#heading)\n", nil},
	} {
		s, err := Parse("x.md", []byte("---\ntitle: t\n---\n"+c.src))
		if err != nil || len(s.Blocks) != 1 {
			t.Fatalf("%q: %v, %d blocks", c.src, err, len(s.Blocks))
		}
		got := s.Blocks[0].Action
		if got != nil {
			got.Line = 0
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q is %+v, want %+v", c.src, got, c.want)
		}
		if s.Blocks[0].Kind == Code && s.Blocks[0].Lang == "" {
			t.Errorf("%q has no language", c.src)
		}
		if s.Blocks[0].Run != (got != nil && got.Verb == Run) {
			t.Errorf("%q: Run is %v", c.src, s.Blocks[0].Run)
		}
	}
	s, _ := Parse("x.md", []byte("``` { .bash .run }\nls {{ x }}\n```\n"))
	out := Expand(s.Blocks, func(string) (string, bool) { return "v", true })
	if out[0].Action.Command != "ls v" || s.Blocks[0].Action.Command != "ls {{ x }}" {
		t.Error("a command's variables are not filled in, or in the wrong place")
	}
}

func TestInline(t *testing.T) {
	for src, want := range map[string][]Span{
		"":               nil,
		"plain":          {{Text: "plain"}},
		"a `b` *c*":      {{Text: "a "}, {Text: "b", Code: true}, {Text: " "}, {Text: "c", Italic: true}},
		"a\n\nb":         {{Text: "a\nb"}},
		"\x1b[31mred":    {{Text: "red"}},
		"[a](#page:b) c": {{Text: "a", Link: "#page:b"}, {Text: " c"}},
	} {
		if got := Inline(src); !reflect.DeepEqual(got, want) {
			t.Errorf("%q is %+v", src, got)
		}
	}
}

func TestSelect(t *testing.T) {
	src := `---
title: t
---
always

<!-- if target == "aws" -->
on aws

<!-- if a -->
nested
<!-- end -->
<!-- else -->
elsewhere
<!-- end -->

=== "One"
    x

<!-- if b -->
=== "Two"
    y
<!-- end -->

!!! note "n"
    in

    <!-- if a -->
    conditional
    <!-- end -->

<!-- an ordinary comment -->
last
`
	s, err := Parse("x.md", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ holds, want string }{
		{`(target == "aws")`, "always on tabs[x] admonition(in) last"},
		{`(target == "aws")|(target == "aws") && (a)|(a)|(b)`, "always on nested tabs[x] tabs[y] admonition(in conditional) last"},
		{`!(target == "aws")`, "always elsewhere tabs[x] admonition(in) last"},
	} {
		asked := map[string]int{}
		got := Select(s.Blocks, func(when string) bool {
			asked[when]++
			for h := range strings.SplitSeq(c.holds, "|") {
				if h == when {
					return true
				}
			}
			return false
		})
		if k := kinds(got); k != c.want {
			t.Errorf("%s: %s, want %s", c.holds, k, c.want)
		}
		for when, n := range asked {
			if n > 1 {
				t.Errorf("asked %d times about %s", n, when)
			}
		}
	}
	if all := Select(s.Blocks, func(string) bool { return true }); len(all) != len(s.Blocks) || &all[0] != &s.Blocks[0] {
		t.Error("what loses nothing is not shared")
	}
}

func TestCourseVariables(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	c, err := Load(fstest.MapFS{
		"workshop.yaml": file("title: A\nvariables:\n  takes: {sandbox: a minute, aws: \"an\\ahour\"}\n  who: you\n"),
		"01-a.md":       file("# A\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []struct{ name, target, want string }{{"takes", "sandbox", "a minute"}, {"takes", "aws", "anhour"}, {"who", "aws", "you"}, {"takes", "mars", ""}, {"no", "aws", ""}} {
		if got, _ := c.Variable(q.name, q.target); strings.TrimSpace(got) != q.want {
			t.Errorf("%s on %s is %q", q.name, q.target, got)
		}
	}
	for _, bad := range []string{"variables: {a b: c}", "variables: {a: [b]}", "variables: [a]"} {
		if _, err := Load(fstest.MapFS{"workshop.yaml": file(bad), "01-a.md": file("# A\n")}); err == nil || !strings.HasPrefix(err.Error(), "workshop.yaml:1") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
