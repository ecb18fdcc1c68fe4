package logs_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"workshop/internal/fargate"
	"workshop/internal/tui/style"
)

// Marks are gone to one after the other, those of hidden lines left out, and are taken away.
func TestMarks(t *testing.T) {
	m := newScreen(120, 40, manyLines(5_000))
	m.press("h")
	var want []string
	for range 3 {
		for range 5 {
			m.press("pgup")
		}
		rows := strings.Split(strings.TrimRight(ansi.Strip(m.frame()), "\n"), "\n")
		last := rows[len(rows)-1]
		want = append(want, last[strings.Index(last, "number="):][:11])
		m.press("m")
	}
	m.press("G")
	m.frame()
	for _, w := range want {
		if m.press("["); !strings.Contains(m.marked(), w) {
			t.Fatalf("above is %q, not %s", m.marked(), w)
		}
	}
	if m.press("["); !strings.Contains(m.marked(), want[2]) {
		t.Errorf("above the first mark is %q", m.marked())
	}
	if m.press("]"); !strings.Contains(m.marked(), want[1]) {
		t.Fatalf("below is %q, not %s", m.marked(), want[1])
	}
	m.press("m") // takes it away
	m.press("[")
	if m.press("]"); !strings.Contains(m.marked(), want[0]) {
		t.Errorf("below is %q, not %s", m.marked(), want[0])
	}
	m.press("/")
	m.typeText(want[2])
	m.press("enter")
	for m.Scan() {
	}
	m.press("G")
	m.press("[")
	if s := ansi.Strip(m.frame()); !strings.Contains(s, want[2]) || strings.Contains(s, want[0]) {
		t.Errorf("a mark leads to a line that is hidden:\n%s", s)
	}
}

// A moment is marked by a rule below what was there then.
func TestMarkNow(t *testing.T) {
	m := newScreen(120, 40, manyLines(20))
	m.press("h")
	m.press(".")
	m.Append(manyLines(22)[20:])
	rows := strings.Split(ansi.Strip(m.frame()), "\n")
	for i, r := range rows {
		if strings.Contains(r, "──") {
			if !strings.Contains(r, "── "+time.Now().Format("15:")) || !strings.Contains(rows[i-1], "number=19") || !strings.Contains(rows[i+1], "number=20") {
				t.Errorf("the rule is not between them:\n%s", strings.Join(rows, "\n"))
			}
			return
		}
	}
	t.Errorf("there is no rule:\n%s", strings.Join(rows, "\n"))
}

// The program's own colours come on request, and nothing of a control sequence is obeyed.
func TestOwnColours(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	lines := []fargate.Line{
		{Time: at, Task: "aaaa", Message: "\x1b[31mred\x1b[0m \x1b[2Jcleared"},
		{Time: at, Task: "aaaa", Message: `{"level":"info","msg":"a \u001b[32mgreen\u001b[0m word"}`},
	}
	m := newScreen(120, 40, lines)
	for _, wrapped := range []bool{false, true} {
		if s := m.frame(); strings.Contains(s, "\x1b[31m") || !strings.Contains(s, "red cleared") {
			t.Errorf("colours that nobody asked for: %q", s)
		}
		m.press("C")
		s := m.frame()
		for _, want := range []string{"\x1b[31mred", "^[[2Jcleared", "\x1b[32mgreen"} {
			if !strings.Contains(s, want) {
				t.Errorf("wrapped %v: no %q in %q", wrapped, want, s)
			}
		}
		m.press("/")
		m.typeText("green")
		m.press("enter")
		if on, _, _ := strings.Cut(style.New(true, true).Selected.Render("x"), "x"); !strings.Contains(m.frame(), on+"green") {
			t.Errorf("what is filtered is not marked: %q", m.frame())
		}
		m.press("esc")
		m.press("C")
		m.press("w")
	}
}

// Events as large as CloudWatch takes them are drawn in time, whatever they are made of.
func TestLargestEvents(t *testing.T) {
	for name, piece := range map[string]string{
		"words": "a word ", "no spaces": "x", "JSON": `{"a":[`, "colours": "\x1b[31ma\x1b[1m\x1b[44m", "escapes": "\x1b]0;", "lines": "\x1b[31ma\nb", "wide": "漢", "bytes": "\xff\xfe",
	} {
		t.Run(name, func(t *testing.T) {
			message := strings.Repeat(piece, 256<<10/len(piece))
			lines := []fargate.Line{{Time: time.Unix(0, 0), Task: "aaaa", Message: message}, {Time: time.Unix(0, 0), Task: "aaaa", Message: `{"level":"error","msg":"` + fmt.Sprintf("%q", message)[1:]}}
			m := newScreen(200, 60, lines)
			begin := time.Now()
			for _, k := range []string{"C", "w", "r", "C", "pgup", "G", "/", "z", "esc", "l", "esc"} {
				m.press(k)
				for _, row := range strings.Split(m.frame(), "\n") {
					if w := ansi.StringWidth(row); w > 200 {
						t.Fatalf("a row of %d columns", w)
					}
				}
			}
			if d := time.Since(begin); d > 30*time.Second {
				t.Errorf("it took %s", d)
			} else {
				t.Log(d)
			}
		})
	}
}

// No key needs a line.
func TestKeysWithoutLines(t *testing.T) {
	for name, lines := range map[string][]fargate.Line{"none": nil, "hidden": {{Time: time.Unix(0, 0), Task: "aaaa", Message: `{"user-agent":"ELB-HealthChecker/2.0","uri":"/healthz"}`}}} {
		t.Run(name, func(t *testing.T) {
			m := newScreen(80, 24, lines)
			for range 2 {
				for _, k := range strings.Fields("g up pgup down pgdown G m M ] [ n N t c h h l l l w r C y F / esc f esc esc") {
					m.press(k)
					m.frame()
				}
			}
		})
	}
}

// The ten containers that a task may have are told apart and gone through one by one.
func TestTenContainers(t *testing.T) {
	var lines []fargate.Line
	for i := range 20 {
		lines = append(lines, fargate.Line{Time: time.Unix(int64(i), 0), Task: "aaaa", Container: fmt.Sprintf("sidecar-with-a-long-name-%d", i%10), Message: fmt.Sprintf("number=%d ", i)})
	}
	m := newScreen(200, 40, lines)
	for i := range 10 {
		if s := ansi.Strip(m.frame()); strings.Count(s, fmt.Sprintf("  sidecar-with-a-long-name-%d  ", i)) != 2 {
			t.Errorf("container %d cannot be told from others:\n%s", i, s)
		}
	}
	seen := map[string]bool{}
	for range 10 {
		m.press("c")
		s := ansi.Strip(m.frame())
		_, name, _ := strings.Cut(s, "container ")
		name, _, _ = strings.Cut(name, " ")
		if !strings.Contains(s, "2 of 20 lines") {
			t.Errorf("%q:\n%s", name, s)
		}
		seen[name] = true
	}
	if len(seen) != 10 {
		t.Errorf("%d containers: %v", len(seen), seen)
	}
	if m.press("c"); !strings.Contains(ansi.Strip(m.frame()), "Logs of all tasks") {
		t.Error("after the last container not all are shown")
	}
}
