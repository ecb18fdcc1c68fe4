package live

import (
	"fmt"
	"strings"
	"time"

	"workshop/internal/fargate"
	"workshop/internal/tui/chart"
	"workshop/internal/tui/draw"
)

// chartLines is how high the charts are on a page of h lines; 0 where there is no room, or
// nothing to draw.
func (l *Page) chartLines(h int) int {
	switch {
	case l.Snapshot.Metrics == nil || h < 30:
		return 0
	case h < 45:
		return 6
	}
	return 9
}

// late is how many minutes CloudWatch may be behind for a figure to stand for now.
const late = 3

// viewCharts draws what CloudWatch has measured over the last quarter of an hour.
func (l *Page) viewCharts(w, h int) []string {
	lines := l.chartLines(h)
	if lines == 0 {
		return nil
	}
	t, m := l.Theme, l.Snapshot.Metrics
	from := draw.Span(time.Duration(len(m.CPU))*time.Minute) + " before"
	to := m.To.Local().Format("15:04")
	one := func(title string, s fargate.Series, top float64, value func(float64) string) chart.Chart {
		c := chart.Chart{Title: title, Values: s, Max: top, From: from, To: to, Style: t.Accent}
		switch v, ago, ok := s.Last(); {
		case ok && ago <= late:
			c.Now = value(v)
		case ok:
			c.Now = t.Dim.Render("none since " + m.To.Add(-time.Duration(ago)*time.Minute).Local().Format("15:04"))
		}
		return c
	}
	percent := func(v float64) string { return fmt.Sprintf("%.0f %%", v) }
	requests := one("Requests/s", m.Requests, 0, func(v float64) string {
		s := fmt.Sprintf("%.3g", v)
		if e, ago, ok := m.Errors.Last(); ok && ago <= late && e > 0 {
			s += "  " + t.Bad.Render(fmt.Sprintf("5xx: %.0f", e))
		}
		return s
	})
	ms := make(fargate.Series, len(m.Latency))
	for i, v := range m.Latency {
		ms[i] = v * 1000
	}
	held := func(c chart.Chart, target float64) chart.Chart {
		if c.Target = target; target > 0 && c.Now != "" {
			c.Now += t.Dim.Render(", target " + percent(target))
		}
		return c
	}
	scaling := l.Snapshot.Scaling
	charts := []chart.Chart{
		held(one("CPU", m.CPU, 100, percent), scaling.CPUTarget()), held(one("Memory", m.Memory, 100, percent), scaling.MemoryTarget()), requests,
		one("Latency p95, ms", ms, 0, func(v float64) string { return fmt.Sprintf("%.3g ms", v) }),
	}
	charts[3].Line = true // twice the latency is not twice as much of anything
	across := len(charts)
	if w < 100 {
		across = 2
	}
	const gap = 3
	wide := (w - 2 - gap*(across-1)) / across
	var out []string
	for len(charts) > 0 && (len(out) == 0 || h >= 40) {
		var drawn [][]string
		for _, c := range charts[:across] {
			drawn = append(drawn, c.Lines(wide, lines, t))
		}
		for i := range lines {
			var parts []string
			for _, d := range drawn {
				parts = append(parts, d[i])
			}
			out = append(out, " "+strings.Join(parts, strings.Repeat(" ", gap)))
		}
		out = append(out, "")
		charts = charts[across:]
	}
	return out
}
