package kit

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"workshop/internal/lesson"
	"workshop/steps"
	"workshop/terraform"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// screens are the pages that steps may name in these tests.
var screens = []lesson.Screen{
	{Slug: "guide", Title: "Guide", Key: "1"}, {Slug: "deploy", Title: "Deploy", Key: "2"}, {Slug: "live", Title: "Live", Key: "3"},
	{Slug: "logs", Title: "Logs", Key: "4"}, {Slug: "cleanup", Title: "Clean up", Key: "5"},
}

func report(faults []*lesson.Error) string {
	var b strings.Builder
	for _, f := range faults {
		fmt.Fprintln(&b, f)
	}
	return b.String()
}

func TestOurOwnSteps(t *testing.T) {
	if got := report(Lint(steps.Files, terraform.Files, screens)); got != "" {
		t.Errorf("our own steps have mistakes:\n%s", got)
	}
}

func TestNewHasNoMistakes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mine")
	names, err := New(dir)
	if err != nil || len(names) < 5 {
		t.Fatal(names, err)
	}
	if got := report(Lint(os.DirFS(dir), os.DirFS(filepath.Join(dir, Terraform)), screens)); got != "" {
		t.Errorf("a new workshop has mistakes:\n%s", got)
	}
	if _, err := New(dir); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("over an old workshop: %v", err)
	}
}

func tf(src string) fs.FS { return fstest.MapFS{"main.tf": {Data: []byte(src)}} }

const oneVariable = `
variable "count_of" { type = number }
variable "on" { type = bool }
variable "name" { type = string }
output "url" { value = "x" }
`

func TestLint(t *testing.T) {
	front := "---\ntitle: A\nestimate: 5\n%s---\n\n"
	for _, c := range []struct {
		name, front, body string
		want              []string // each line's beginning
	}{
		{name: "nothing wrong", front: "tags: [a]\n", body: "# H\n\n[a](#h) [b](https://example.com) {{ outputs.url }} {{ target }} {{ vars.name }}\n"},
		{name: "unknown key", front: "hint: [a]\n", want: []string{`01-a.md:4:1: there is no key "hint"`}},
		{name: "unknown key of a check", front: "checks:\n  - {id: a, that: true, esle: x}\n", want: []string{`01-a.md:5:25: a check has no key "esle"`}},
		{name: "unknown fact", front: "checks:\n  - id: a\n    that: service.runing == 2\n", want: []string{`01-a.md:6:18: the check a does not compile: `}},
		{name: "in quotes", front: "checks:\n  - id: a\n    that: 'outputs.ulr == \"\"'\n", want: []string{`01-a.md:6:19: the check a does not compile: `}},
		{name: "in a block", front: "checks:\n  - id: a\n    that: >\n      (vars.nme\n      == 2)\n", want: []string{`01-a.md:7:12: the check a does not compile: `}},
		{name: "not an expression", front: "checks:\n  - id: a\n    that: [for]\n", want: []string{`01-a.md:5:5: the check says nothing`, `01-a.md:6:11: that must be text: if it is, put it in quotes`}},
		{name: "colon", front: "checks:\n  - id: a\n    that: anytrue([for t in tasks.stopped : true])\n", want: []string{`01-a.md:6:5: the front matter cannot be read: mapping values are not allowed in this context (text that holds`}},
		{name: "same id", front: "checks:\n  - {id: a, that: true}\n  - {id: a, that: true}\n", want: []string{`01-a.md:6:5: another check of this step has the id "a"`}},
		{name: "timeout", front: "checks:\n  - {id: a, that: true, timeout: 1h}\n", want: []string{`01-a.md:5:34: timeout must be a length of time up to 2m0s`}},
		{name: "else", front: "checks:\n  - {id: a, that: true, else: \"{{ service.runing }} {{ service.running }}\"}\n", want: []string{`01-a.md:5:35: there is no value {{ service.runing }}`}},
		{name: "quiz", front: "quiz:\n  - ask: a\n    answers: [{text: b, right: yes}, {text: c, why: d}]\n  - ask: e\n    answers: [{text: f}]\n", want: []string{`01-a.md:6:32: right must be true or false`, `01-a.md:5:5: no answer is right`, `01-a.md:7:5: a question needs two`}},
		{name: "solve", front: "solve:\n  - {say: a}\n  - {deploy: true, destroy: true}\n  - {scale: many}\n  - {set: {nme: 1}}\n  - {set: {count_of: x, on: 3, name: 3}}\n  - {restore: [name, main.tf, all, other.tf]}\n  - {wait: 'service.x == 1'}\n  - {stop_task: any}\n",
			want: []string{`01-a.md:5:5: the action does nothing`, `01-a.md:6:20: an action does one thing`, `01-a.md:7:13: scale must be`, `01-a.md:8:5: the configuration has no variable "nme"; it has count_of, name, on`,
				`01-a.md:9:5: the variable count_of is a number`, `01-a.md:9:5: the variable on is true or false`, `01-a.md:10:5: there is nothing named "other.tf" to restore`, `01-a.md:11:20: what wait waits for does not compile`, `01-a.md:12:17: stop_task must be`}},
		{name: "links", body: "See [a](02-b.md) and\n[c](03-c.md), [d](02-b.md#gone), [e](02-b.md#there-it-is), [f](#gone) or [g](x.txt).\n\n[h](#page:nowhere)\n\n[i](#page:live)\n\n[j](#open:main.tf:99)\n",
			want: []string{`01-a.md:7:5: the link leads nowhere: there is no step 03-c.md`, `01-a.md:7:19: the link leads nowhere: 02-b.md has no heading #gone`, `01-a.md:7:64: the link leads nowhere: this step has no heading #gone`, `01-a.md:7:78: the link leads nowhere: there is no file x.txt`,
				`01-a.md:9:1: there is no page "nowhere"`, `01-a.md:9:5: there is no page "nowhere"`, `01-a.md:13:1: main.tf has no line 99`, `01-a.md:13:5: main.tf has no line 99`}},
		{name: "images", body: "![a](./images/a.png)\n", want: []string{`01-a.md:6:1: the picture images/a.png is not there`}},
		{name: "code", body: "``` { .python .run }\nx\n```\n\n``` { .bash .run }\n```\n\n``` { .hcl .open file=\"a.tf\" }\n```\n\n``` { .hcl .open file=\"main.tf\" find=\"gone\" }\n```\n\n``` { .hcl .set }\nnme = 3\n```\n\n``` { .hcl .set }\nname =\n```\n\n``` { .bash .run .copy }\nls\n```\n",
			want: []string{`01-a.md:6:1: a "python" block cannot be run`, `01-a.md:10:1: there is no command to run`, `01-a.md:13:1: the configuration has no file "a.tf"`, `01-a.md:16:1: main.tf has no line with "gone"`, `01-a.md:19:1: the configuration has no variable "nme"`, `01-a.md:23:1: the values cannot be read`, `01-a.md:23:1: the block sets no variable`, `01-a.md:27:1: a code block offers one action`}},
		{name: "variables", body: "a {{ outputs.ulr }} {{ nothing }} {{ service.running }} {{.Names}}\n", want: []string{`01-a.md:6:6: there is no value {{ outputs.ulr }}`, `01-a.md:6:24: there is no value {{ nothing }}`, `01-a.md:6:38: {{ service.running }} is not known while`}},
		{name: "pages", body: "Press {{ keys.live }} for the {{ pages.live }} page, {{ keys.lve }} {{ pages }}\n", want: []string{`01-a.md:6:57: there is no page "lve"; there are guide, deploy`, `01-a.md:6:72: there is no value {{ pages }}`}},
		{name: "conditions", body: "<!-- if target == \"aws\" -->\na\n<!-- else -->\nb\n<!-- end -->\n\n<!-- if targt == \"aws\" -->\nc\n<!-- end -->\n\n<!-- if service.running == 1 -->\nd\n<!-- end -->\n\n<!-- end -->\n\n<!-- if true -->\n",
			want: []string{`01-a.md:12:9: the condition does not compile`, `01-a.md:16:9: the condition is asked while the page is drawn`, `01-a.md:20:1: nothing is conditional here`, `01-a.md:22:1: <!-- if true --> has no <!-- end -->`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fsys := fstest.MapFS{
				"01-a.md": {Data: []byte(fmt.Sprintf(front, c.front) + c.body)},
				"02-b.md": {Data: []byte("---\ntitle: B\nestimate: 1\n---\n\n## There it is\n")},
			}
			if c.front == "" {
				fsys["01-a.md"].Data = []byte(fmt.Sprintf(front, "") + c.body)
			}
			got := strings.Split(strings.TrimSpace(report(Lint(fsys, tf(oneVariable), screens))), "\n")
			want := append([]string{}, c.want...)
			if len(want) == 0 {
				want = []string{""}
			}
			for _, w := range want {
				found := false
				for i, g := range got {
					if w == g || w != "" && strings.HasPrefix(g, w) {
						got = append(got[:i:i], got[i+1:]...)
						found = true
						break
					}
				}
				if !found {
					t.Errorf("not said: %s", w)
				}
			}
			if len(got) > 0 {
				t.Errorf("also said:\n%s", strings.Join(got, "\n"))
			}
		})
	}
}

func TestLintTheFolder(t *testing.T) {
	fsys := fstest.MapFS{
		"workshop.yaml": {Data: []byte("title: A\nstesp: []\nsteps: [01-a.md, gone.md]\n")},
		"01-a.md":       {Data: []byte("---\ntitle: A\n---\n\ntext\n")},
		"02-b.md":       {Data: []byte("# B\n")},
		"README.md":     {Data: []byte("# no step\n")},
	}
	want := regexp.MustCompile(`(?s)^01-a\.md:1:1: the step has no estimate.*\n02-b\.md:1:1: no learner gets here.*\nworkshop\.yaml:1:1: there is no configuration.*\nworkshop\.yaml:2:1: there is no key "stesp".*\nworkshop\.yaml:3:\d+: the step gone\.md cannot be read[^\n]*\n$`)
	if got := report(Lint(fsys, fstest.MapFS{}, screens)); !want.MatchString(got) {
		t.Errorf("got\n%s", got)
	}
}

// many is a workshop of n steps, each a copy of one of ours.
func many(tb testing.TB, n int) fs.FS {
	names, err := fs.Glob(steps.Files, "*.md")
	if err != nil || len(names) == 0 {
		tb.Fatal("no steps", err)
	}
	fsys := fstest.MapFS{}
	for i := range n {
		src, err := fs.ReadFile(steps.Files, names[i%len(names)])
		if err != nil {
			tb.Fatal(err)
		}
		fsys[fmt.Sprintf("%03d-step%d.md", i, i)] = &fstest.MapFile{Data: src}
	}
	return fsys
}

// The budget is a second.
func BenchmarkLint200(b *testing.B) {
	fsys := many(b, 200)
	for b.Loop() {
		Lint(fsys, terraform.Files, screens)
	}
}

func TestWatch(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	var changes atomic.Int32
	ended, told := make(chan struct{}), make(chan struct{}, 10)
	go func() {
		defer close(ended)
		Watch(ctx, dir, 5*time.Millisecond, func() { changes.Add(1); told <- struct{}{} })
	}()
	time.Sleep(20 * time.Millisecond)
	if n := changes.Load(); n != 0 {
		t.Errorf("%d changes of nothing", n)
	}
	if err := os.WriteFile(filepath.Join(dir, "a.md"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	<-told
	if err := os.Remove(filepath.Join(dir, "a.md")); err != nil {
		t.Fatal(err)
	}
	<-told
	cancel()
	<-ended
}

func FuzzLint(f *testing.F) {
	f.Add([]byte("---\ntitle: a\nchecks: [{id: a, that: 'x.y'}]\n---\n[a](b.md#c) {{ d }}\n<!-- if e -->\n"))
	f.Add([]byte("---\nsolve: [{set: {a: [1]}}, {wait: b}]\nquiz: [{ask: c, answers: [{text: d}]}]\n---\n``` { .hcl .set }\na = \"\x1b\"\n```\n"))
	names, _ := fs.Glob(steps.Files, "*.md")
	for _, name := range names {
		src, _ := fs.ReadFile(steps.Files, name)
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		for _, e := range Lint(fstest.MapFS{"01-a.md": {Data: src}}, tf(oneVariable), screens) {
			if e.Line < 1 || e.Column < 1 || strings.ContainsFunc(e.Msg, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) {
				t.Errorf("%q", e.Error())
			}
		}
	})
}
