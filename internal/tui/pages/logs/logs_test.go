package logs_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"workshop/internal/clean"
	"workshop/internal/fargate"
	"workshop/internal/tui/page"
	"workshop/internal/tui/pages/logs"
	"workshop/internal/tui/style"
	"workshop/internal/tui/tuitest"
)

func manyLines(n int) []fargate.Line {
	lines := make([]fargate.Line, n)
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for i := range lines {
		lines[i] = fargate.Line{Time: at.Add(time.Duration(i) * time.Millisecond), Task: fmt.Sprintf("%04x%028x", i%6, 0), Message: fmt.Sprintf("number=%d %s", i, tuitest.Message(i))}
	}
	return lines
}

// screen is the page alone, on a screen of a size.
type screen struct {
	*logs.Page
	w, h int
}

// root has no other pages.
type root struct{ page.Root }

func (root) Key(string) string { return "2" }

func newScreen(w, h int, lines []fargate.Line) *screen {
	c := &page.Context{Root: root{}, Theme: style.New(true, true), Now: time.Now}
	c.Layout = page.Layout{W: w, H: h, Compact: w < 100, Body: page.Rect{Y: 2, W: w, H: h - 4}}
	s := &screen{logs.New(c, nil), w, h - 4}
	for len(lines) > 0 {
		n := min(len(lines), 8_000)
		s.Append(lines[:n])
		lines = lines[n:]
	}
	s.frame()
	return s
}

func (s *screen) Append(lines []fargate.Line) { s.Page.Append(lines, 0) }

func (s *screen) frame() string { return strings.Join(s.View(s.w, s.h), "\n") }

var named = map[string]rune{"esc": tea.KeyEscape, "up": tea.KeyUp, "down": tea.KeyDown, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "enter": tea.KeyEnter}

func (s *screen) press(k string) {
	m := tea.KeyPressMsg{Code: rune(k[0]), Text: k}
	if c := named[k]; c != 0 {
		m = tea.KeyPressMsg{Code: c}
	}
	s.Keys().Press(m)
}

// A filter finds what a plain search over all lines finds, whenever the lines came.
func TestFilterFindsAll(t *testing.T) {
	lines := manyLines(130_000)
	m := newScreen(120, 40, lines[:120_000])
	m.press("/")
	for _, r := range "SLOW" {
		m.press(string(r))
	}
	m.Append(lines[120_000:]) // while the search goes on
	for m.Scan() {
	}
	want := 0
	for _, l := range lines[len(lines)-m.Held():] {
		if strings.Contains(strings.ToLower(l.Message), "slow") {
			want++
		}
	}
	screen := ansi.Strip(m.frame())
	if got := strings.Fields(screen[strings.Index(screen, "SLOW"):])[1]; strings.ReplaceAll(got, ",", "") != fmt.Sprint(want) {
		t.Errorf("found %s lines, not %d:\n%s", got, want, screen)
	}
	if !strings.Contains(screen, "number=129992") {
		t.Errorf("the newest match is not on the screen:\n%s", screen)
	}
}

// typeText presses the keys of a text one by one.
func (s *screen) typeText(text string) {
	for _, r := range text {
		s.press(string(r))
	}
}

// marked is the line that the mark of the search stands before, empty for none.
func (s *screen) marked() string {
	for _, l := range strings.Split(ansi.Strip(s.frame()), "\n") {
		if rest, ok := strings.CutPrefix(l, style.New(true, true).Signs.Current); ok {
			return rest
		}
	}
	return ""
}

// A search goes through every line that has its text, one by one, and hides none.
func TestSearchFindsAll(t *testing.T) {
	lines := manyLines(20_000)
	var want []string // newest first
	for i := len(lines) - 1; i >= 0; i-- {
		if i%700 == 3 {
			lines[i].Message += " needle"
			want = append(want, fmt.Sprintf("number=%d ", i))
		}
	}
	m := newScreen(120, 40, lines)
	m.press("f")
	m.typeText("NEEDLE")
	m.press("enter")
	for m.Scan() {
	}
	if s := ansi.Strip(m.frame()); !strings.Contains(s, fmt.Sprintf("%d of %d ", len(want), len(want))) || strings.Contains(s, "of 20,000 lines") {
		t.Errorf("not all are counted, or lines are hidden:\n%s", s)
	}
	for i, w := range want {
		if i > 0 {
			m.press("N")
		}
		if got := m.marked(); !strings.Contains(got, w) {
			t.Fatalf("match %d is %q, not %s", i, got, w)
		}
	}
	if m.press("N"); !strings.Contains(m.marked(), want[len(want)-1]) {
		t.Error("above the first match is another")
	}
	for i := len(want) - 2; i >= 0; i-- {
		if m.press("n"); !strings.Contains(m.marked(), want[i]) {
			t.Fatalf("below is %q, not %s", m.marked(), want[i])
		}
	}
	m.press("esc")
	if m.marked() != "" || strings.Contains(m.frame(), "NEEDLE") {
		t.Error("the search did not end")
	}
}

// A search looks through the lines that the filter shows, also for one that is far above
// before all were looked through.
func TestSearchWithinTheFilter(t *testing.T) {
	lines := manyLines(90_000)
	lines[40_000].Message, lines[41_000].Message = "first needle here", "second needle"
	m := newScreen(120, 40, lines)
	m.press("/")
	m.typeText("first")
	m.press("enter")
	m.press("f")
	m.typeText("~need.e")
	m.press("enter")
	for m.Scan() {
	}
	if got := m.marked(); !strings.Contains(got, "first needle here") {
		t.Errorf("marked is %q:\n%s", got, ansi.Strip(m.frame()))
	}
	if on, _, _ := strings.Cut(style.New(true, true).Selected.Render("x"), "x"); !strings.Contains(m.frame(), on+"needle") {
		t.Errorf("what a regular expression finds is not marked: %q", m.frame())
	}
}

// One task, one container and a filter go together, and esc shows all again.
func TestOneTaskOneContainer(t *testing.T) {
	lines := manyLines(12)
	for i := range lines {
		lines[i].Container = []string{"app", "proxy"}[i/6]
	}
	m := newScreen(120, 40, lines)
	shown := func() (tasks, containers map[string]bool) {
		tasks, containers = map[string]bool{}, map[string]bool{}
		for _, l := range strings.Split(ansi.Strip(m.frame()), "\n") {
			if f := strings.Fields(l); len(f) > 3 && strings.HasPrefix(f[3], "number=") {
				tasks[f[1]], containers[f[2]] = true, true
			}
		}
		return tasks, containers
	}
	m.press("h")
	if tasks, containers := shown(); len(tasks) != 6 || len(containers) != 2 {
		t.Fatalf("all: %v, %v\n%s", tasks, containers, ansi.Strip(m.frame()))
	}
	m.press("t") // of the last line
	for i := range 6 {
		tasks, containers := shown()
		if want := fmt.Sprintf("%04x", (5+i)%6); !tasks[want] || len(tasks) != 1 || len(containers) != 2 || !strings.Contains(m.frame(), "task "+want) {
			t.Errorf("%s: %v, %v\n%s", want, tasks, containers, ansi.Strip(m.frame()))
		}
		m.press("t")
	}
	if tasks, _ := shown(); len(tasks) != 6 {
		t.Errorf("after the last task: %v", tasks)
	}
	m.press("t")
	m.press("c")
	if tasks, containers := shown(); len(tasks) != 1 || len(containers) != 1 || !containers["proxy"] || !strings.Contains(ansi.Strip(m.frame()), "Logs of task 0005, container proxy   1 of 12 lines") {
		t.Errorf("%v, %v\n%s", tasks, containers, ansi.Strip(m.frame()))
	}
	m.press("esc")
	if tasks, containers := shown(); len(tasks) != 6 || len(containers) != 2 {
		t.Errorf("all again: %v, %v", tasks, containers)
	}
}

// The lines of a stack trace belong to the line that they continue, of the same task.
func TestStackTraces(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	var lines []fargate.Line
	for i, x := range []struct{ task, message string }{
		{"aaaa", "INFO started"}, {"aaaa", "ERROR no disk"}, {"bbbb", "INFO other"}, {"aaaa", "\tat Disk.read(Disk.java:7)"},
		{"bbbb", "Caused by nothing"}, {"aaaa", "Caused by: java.io.IOException"}, {"aaaa", "INFO goes on"}, {"bbbb", "  indented"},
	} {
		lines = append(lines, fargate.Line{Time: at.Add(time.Duration(i) * time.Millisecond), Task: x.task, Message: x.message})
	}
	lines[7].Time = at.Add(time.Minute) // nothing that was printed together
	m := newScreen(120, 40, lines)
	blank := regexp.MustCompile(`(?m)^ {14}aaaa  .*(Disk.read|IOException)`)
	if s := ansi.Strip(m.frame()); len(blank.FindAllString(s, -1)) != 2 || strings.Count(s, at.Local().Format("15:04:05.")) != 5 {
		t.Errorf("the lines that belong to another one look like others:\n%s", s)
	}
	for _, press := range []string{"/no disk", "ll"} {
		m.press(press[:1])
		m.typeText(press[1:])
		s := ansi.Strip(m.frame())
		for _, want := range []string{"no disk", "Disk.read", "IOException", "3 of 8 lines"} {
			if !strings.Contains(s, want) {
				t.Errorf("%s shows no %s:\n%s", press, want, s)
			}
		}
		m.press("esc")
	}
}

// Whatever a task prints, each of its rows is one line and brings no escape sequence.
func FuzzPretty(f *testing.F) {
	f.Add(tuitest.Message(0))
	f.Add(`{"level":"error","msg":"\u001b[2Jgone\nnext","deep":{"a":[1,2]}}`)
	f.Add(`{"msg":`)
	f.Add(`{} trailing`)
	th := style.New(true, true)
	f.Fuzz(func(t *testing.T, s string) {
		rows := logs.Pretty(s, []string{"a", "level"}, th)
		if len(rows) == 0 {
			t.Errorf("pretty(%q) has no row", s)
		}
		for _, got := range rows {
			if strings.ContainsAny(got, "\n\r") {
				t.Errorf("a row of pretty(%q) has several lines: %q", s, got)
			}
			if plain := ansi.Strip(got); clean.Line(plain) != plain {
				t.Errorf("pretty(%q) brings control characters: %q", s, got)
			}
		}
	})
}

func TestPretty(t *testing.T) {
	th := style.New(true, true)
	for in, want := range map[string]string{
		`{"level":"info","ts":"x","caller":"y","msg":"started","port":9898}`: "info   started  port=9898",
		`{"severity":"WARN","message":"slow","ok":true,"o":{"a": 1}}`:        `WARN   slow  ok=true o={"a":1}`,
		`{"a":1}`:                           `{"a":1}`,
		`{"msg":"x"`:                        `{"msg":"x"`,
		"plain":                             "plain",
		`["msg","x"]`:                       `["msg","x"]`,
		`{"msg":"x"} y`:                     `{"msg":"x"} y`,
		`{"level":50,"msg":"broke"}`:        "error  broke",
		"level=warn msg=\"too slow\" ms=12": "warn   too slow  ms=12",
		"one\ntwo\r\nthree":                 "one\ntwo\nthree",
		"10%\r20%\r100% done":               "10%\n20%\n100% done",
		"cut \x1b]0;off":                    "cut ]0;off",
		`{"level":"error","msg":"boom","stack":"main.go:1\n\tfoo()"}`: "error  boom\n  stack=\n  main.go:1\n      foo()",
	} {
		if got := ansi.Strip(strings.Join(logs.Pretty(in, nil, th), "\n")); got != want {
			t.Errorf("pretty(%s) = %q, not %q", in, got, want)
		}
	}
}

func TestColumns(t *testing.T) {
	th := style.New(true, true)
	for in, want := range map[string]string{
		`{"level":"info","msg":"asked","status":200,"path":"/a","ms":7}`: "info   200               /a                asked  ms=7",
		`{"level":"info","msg":"asked","Path":"/a"}`:                     "info                     /a                asked",
		`{"level":"info","msg":"asked","ms":7}`:                          "info   asked  ms=7",
		`level=warn msg=long path=/123456789/123456789`:                  "warn                     /123456789/1234…  long",
		"plain status=200": "plain status=200",
	} {
		if got := ansi.Strip(strings.Join(logs.Pretty(in, []string{"status", "path"}, th), "\n")); got != want {
			t.Errorf("%s is %q, not %q", in, got, want)
		}
	}
}

// BenchmarkLogs is one key press or one arrival of lines with the frame after
// it, at 200x60 with as many lines held as there may be: some 57,000 as tasks print them,
// and 100,000 short ones. The budget is 2 ms for the p99.
func BenchmarkLogs(b *testing.B) {
	b.Run("printed", func(b *testing.B) { benchmarkLogs(b, manyLines(110_000)) })
	b.Run("short", func(b *testing.B) {
		lines := manyLines(110_000)
		for i := range lines {
			lines[i].Message = []string{"GET /", "POST / slow", "GET /echo slow", "done"}[i%4]
		}
		benchmarkLogs(b, lines)
	})
}

func benchmarkLogs(b *testing.B, lines []fargate.Line) {
	keys := []string{"up", "up", "up", "pgup", "down", "g", "G", "up", "w", "w", "r", "r"}
	for _, bench := range []struct {
		name string
		step func(m *screen, i int)
	}{
		{"scroll", func(m *screen, i int) { m.press(keys[i%len(keys)]) }},
		{"arrive", func(m *screen, i int) { m.Append(lines[i*50%100_000:][:50]) }},
		{"filter", func(m *screen, i int) {
			switch i % 30 {
			case 0:
				m.press("/")
			case 1, 2, 3, 4:
				m.press("slow"[i%30-1:][:1])
			case 29:
				m.press("esc")
			default:
				m.Scan()
			}
		}},
		{"find", func(m *screen, i int) { // within a filter
			switch i %= 120; {
			case i == 0:
				m.press("/")
			case i <= 3:
				m.press("get"[i-1:][:1])
			case i == 4:
				m.press("enter")
			case i == 5:
				m.press("f")
			case i <= 9:
				m.press("slow"[i-6:][:1])
			case i == 10:
				m.press("enter")
			case i < 85:
				m.Scan()
			case i < 100:
				m.press("N")
			case i < 118:
				m.press("n")
			default:
				m.press("esc")
			}
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			m := newScreen(200, 60, lines)
			took := make([]time.Duration, 0, b.N)
			for i := 0; b.Loop(); i++ {
				begin := time.Now()
				bench.step(m, i)
				m.frame()
				took = append(took, time.Since(begin))
			}
			b.ReportMetric(float64(m.Held()), "held")
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		})
	}
}

// BenchmarkIngest is how fast lines get from a task's stream to the page.
func BenchmarkIngest(b *testing.B) {
	lines := manyLines(8_000)
	m := newScreen(200, 60, nil)
	n := 0
	for b.Loop() {
		m.Append(lines)
		m.frame()
		n += len(lines)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "lines/s")
}

// Paging to and fro never shows a line twice or leaves one out.
func TestScrollIsExact(t *testing.T) {
	m := newScreen(200, 30, manyLines(500))
	rng := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		m.press([]string{"up", "down", "pgup", "pgdown", "g", "G", "w", "r"}[rng.IntN(8)])
		last := -1
		for _, l := range strings.Split(ansi.Strip(m.frame()), "\n") {
			_, rest, ok := strings.Cut(l, "number=")
			if !ok {
				continue
			}
			var n int
			fmt.Sscan(rest, &n)
			if last >= 0 && n != last+1 {
				t.Fatalf("line %d follows %d:\n%s", n, last, ansi.Strip(m.frame()))
			}
			last = n
		}
	}
}

// What the load balancer asks is told from what people ask, and counted
// exactly while lines come and go.
func TestHealthChecks(t *testing.T) {
	for line, want := range map[string]bool{
		`{"msg":"request started","uri":"/healthz","user-agent":"ELB-HealthChecker/2.0"}`: true,
		`{"msg":"request started","uri":"/readyz","user-agent":"kube-probe/1.31"}`:        true,
		`{"msg":"request started","uri":"/healthz","user-agent":"curl/8.5.0"}`:            false,
		`{"msg":"request started","uri":"/","user-agent":"ELB-HealthChecker/2.0"}`:        false,
		`ELB-HealthChecker asks "/healthz`:                                                false,
		``:                                                                                false,
	} {
		if got := (fargate.Line{Message: line}).HealthCheck(); got != want {
			t.Errorf("HealthCheck of %s is %v", line, got)
		}
	}
	lines := manyLines(150_000)
	for i := range lines {
		lines[i].Message = tuitest.Message(i)
	}
	m := newScreen(120, 40, nil)
	for come := 0; come < len(lines); {
		n := min(len(lines)-come, 7_001)
		m.Append(lines[come:][:n])
		come += n
		for m.Scan() {
		}
		want := 0
		for _, l := range lines[come-m.Held() : come] {
			if strings.Contains(l.Message, "health check") {
				want++
			}
		}
		if got := m.HealthChecks(); got != want {
			t.Fatalf("%d health checks counted of %d lines, there are %d", got, m.Held(), want)
		}
	}
}
