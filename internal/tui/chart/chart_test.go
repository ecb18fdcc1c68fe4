package chart

import (
	"math"
	"strings"
	"testing"

	"workshop/internal/tui/draw"
	"workshop/internal/tui/style"
)

var nan = math.NaN()

func plain(c Chart, w, h int, t style.Theme) string {
	var out []string
	for _, line := range c.Lines(w, h, t) {
		out = append(out, strings.TrimRight(draw.Strip(line), " "))
	}
	return strings.Join(out, "\n")
}

func TestLines(t *testing.T) {
	unicode, ascii := style.New(true, true), style.New(true, false)
	for _, c := range []struct {
		name  string
		chart Chart
		theme style.Theme
		w, h  int
		want  string
	}{
		{"rising to a target", Chart{Title: "CPU", Now: "71 %", Values: []float64{0, 10, 20, 30, 40, 50, 60, 70, 80, 100}, Target: 60, Max: 100, From: "15 min ago", To: "now"}, unicode, 26, 6, `
CPU                   71 %
  100                 ▂▂██
   60 ╌╌╌╌╌╌╌╌╌╌╌╌▃▃▆▆████
            ▂▂▅▅██████████
    0 ▁▁▃▃▆▆██████████████
      15 min ago       now`},
		{"gaps are no zero", Chart{Title: "Requests/s", Values: []float64{nan, 4, nan, 0, math.Inf(1), 2, nan}}, unicode, 20, 4, `
Requests/s
    5   ▅▅
    0   ██  ▁▁  ▆▆
`},
		{"a line", Chart{Title: "Latency", Values: []float64{10, 10, nan, 20, 40, 0, 100}, Target: 60, Max: 100, Line: true}, unicode, 20, 5, `
Latency
  100             ⡏⠉
   60 ╌╌╌╌╌╌╌╌⣀⣀⡀╌⡇╌
    0 ⠤⠤⠤⠤  ⠒⠒⠃ ⣇⣀⡇
`},
		{"a line in ASCII", Chart{Title: "Latency", Values: []float64{0, 50, 100}, Max: 100, Line: true}, ascii, 18, 4, `
Latency
  100         ####
    0 ....########
`},
		{"ASCII", Chart{Title: "CPU", Values: []float64{0, 50, nan, 100}, Target: 60, Max: 100, From: "then", To: "now"}, ascii, 18, 5, `
CPU
  100          ###
   60 ---------###
    0 ...###   ###
      then     now`},
		{"nothing", Chart{Title: "CPU", Now: "-", Values: []float64{nan, nan}}, unicode, 24, 5, `
CPU                    -

      no figures yet

`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := "\n" + plain(c.chart, c.w, c.h, c.theme); got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestTop(t *testing.T) {
	for _, c := range []struct {
		values      []float64
		target, max float64
		want        float64
		label       string
	}{
		{nil, 0, 0, 0, "0"},
		{[]float64{nan, math.Inf(1)}, 0, 100, 0, "0"},
		{[]float64{0}, 0, 0, 1, "1"},
		{[]float64{-3}, 0, 0, 1, "1"},
		{[]float64{3}, 0, 0, 5, "5"},
		{[]float64{3}, 60, 0, 100, "100"},
		{[]float64{120}, 0, 100, 200, "200"},
		{[]float64{0.0031}, 0, 0, 0.005, "0.005"},
		{[]float64{12345}, 0, 0, 20000, "20k"},
		{[]float64{3e6}, 0, 0, 5e6, "5M"},
	} {
		got := Chart{Values: c.values, Target: c.target, Max: c.max}.top()
		if math.Abs(got-c.want) > 1e-9 || number(got) != c.label {
			t.Errorf("%v: top %v %q, want %v %q", c.values, got, number(got), c.want, c.label)
		}
	}
}

func FuzzLines(f *testing.F) {
	f.Add(40, 8, 1.5, -2.0, 1e300, 0.0, true)
	f.Add(-1, -1, 0.0, 0.0, 0.0, -5.0, false)
	f.Add(16, 3, math.MaxFloat64, math.SmallestNonzeroFloat64, -math.MaxFloat64, math.MaxFloat64, true)
	f.Fuzz(func(t *testing.T, w, h int, a, b, c, target float64, unicode bool) {
		w, h = w%300, h%100
		lines := Chart{Line: a > b, Title: "A title", Now: "a value", Values: []float64{a, nan, b, c}, Target: target, From: "then", To: "now"}.Lines(w, h, style.New(true, unicode))
		if len(lines) != max(h, 0) {
			t.Fatalf("%d lines for %d", len(lines), h)
		}
		for _, line := range lines {
			if draw.Width(line) != max(w, 0) {
				t.Fatalf("%q is %d wide, not %d", line, draw.Width(line), w)
			}
		}
	})
}

func BenchmarkLines(b *testing.B) {
	t := style.New(true, true)
	values := make([]float64, 15)
	for i := range values {
		values[i] = float64(i*37%100) + 1
	}
	c := Chart{Title: "CPU", Now: "71 %", Values: values, Target: 60, Max: 100, From: "15 min ago", To: "now", Style: t.Accent}
	for name, line := range map[string]bool{"blocks": false, "line": true} {
		b.Run(name, func(b *testing.B) {
			c.Line = line
			b.ReportAllocs()
			for b.Loop() {
				c.Lines(40, 8, t)
			}
		})
	}
}
