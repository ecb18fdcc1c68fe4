package tui

import (
	"fmt"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"workshop/internal/clean"
	"workshop/internal/tui/style"
)

func width(s string) int { return ansi.StringWidth(s) }

// fit cuts s to w columns, or fills it up with spaces.
func fit(s string, w int, t style.Theme) string {
	if w <= 0 {
		return ""
	}
	n := width(s)
	if n > w {
		s = ansi.Truncate(s, w, t.Signs.Ellipsis)
		n = width(s)
	}
	return s + strings.Repeat(" ", max(0, w-n))
}

// cut is fit without the filling.
func cut(s string, w int, t style.Theme) string {
	if w <= 0 {
		return ""
	}
	// No character is wider than it has bytes, and most lines are short.
	if len(s) <= w || width(s) <= w {
		return s
	}
	return ansi.Truncate(s, w, t.Signs.Ellipsis)
}

// ends puts left and right at the two ends of w columns; where they do not
// both fit, left gives way.
func ends(left, right string, w int, t style.Theme) string {
	r := width(right)
	if r == 0 {
		return fit(left, w, t)
	}
	if r+2 > w {
		return fit(left, w, t)
	}
	return fit(left, w-r-1, t) + " " + right
}

// clip cuts every line to w columns.
func clip(lines []string, w int, t style.Theme) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = cut(l, w, t)
	}
	return out
}

// block makes lines exactly h, cutting or adding empty ones.
func block(lines []string, h int) []string {
	for len(lines) < h {
		lines = append(lines, "")
	}
	return lines[:max(0, h)]
}

// wrap breaks s at words to at most w columns; a word that is longer is broken.
func wrap(s string, w int) []string {
	if w <= 0 {
		return nil
	}
	if strings.IndexByte(s, '\x1b') >= 0 { // every line keeps its style to itself
		return strings.Split(lipgloss.Wrap(s, w, " "), "\n")
	}
	return strings.Split(ansi.Wrap(s, w, " "), "\n")
}

func paragraphs(w int, st lipgloss.Style, texts ...string) []string {
	var out []string
	for _, p := range texts {
		for _, l := range wrap(p, w) {
			out = append(out, st.Render(l))
		}
	}
	return out
}

// count is a number with its noun: "1 resource", "31 resources".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return thousands(n) + " " + noun + "s"
}

func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// watch is a duration as a stopwatch shows it: "0:41", "1:02:05".
func watch(d time.Duration) string {
	s := int(max(d, 0) / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// span is a duration in the unit that people would use.
func span(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d/time.Second))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d/time.Minute))
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d/time.Hour), int(d/time.Minute)%60)
	default:
		return count(int(d/(24*time.Hour)), "day")
	}
}

func ago(d time.Duration) string {
	if d < time.Second {
		return "just now"
	}
	return span(d) + " ago"
}

func clock(t time.Time) string { return t.Local().Format("15:04:05") }

// bar draws a part of a whole; part is between 0 and 1.
func bar(part float64, w int, st lipgloss.Style, t style.Theme) string {
	if w <= 0 {
		return ""
	}
	full := min(max(int(part*float64(w)), 0), w)
	return st.Render(strings.Repeat(t.Signs.Full, full)) + t.Border.Render(strings.Repeat(t.Signs.Empty, w-full))
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func strip(s string) string { return ansi.Strip(s) }

func cleanLine(s string) string { return clean.Line(s) }

func cleanLines(texts []string) []string {
	out := make([]string, len(texts))
	for i, s := range texts {
		out[i] = clean.Line(s)
	}
	return out
}
