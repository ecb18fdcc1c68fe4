// Package draw makes lines of styled text for the screens: measured, cut, wrapped
// and aligned in terminal columns, and numbers and times in words.
package draw

import (
	"fmt"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"workshop/internal/clean"
	"workshop/internal/tui/style"
)

// ReadWidth is the widest text that reads well, in columns.
const ReadWidth = 92

// Width returns how many columns s takes in a terminal.
func Width(s string) int { return ansi.StringWidth(s) }

// Fit cuts s to w columns, or fills it up with spaces.
func Fit(s string, w int, t style.Theme) string {
	if w <= 0 {
		return ""
	}
	n := Width(s)
	if n > w {
		s = ansi.Truncate(s, w, t.Signs.Ellipsis)
		n = Width(s)
	}
	return s + strings.Repeat(" ", max(0, w-n))
}

// Cut is Fit without the filling.
func Cut(s string, w int, t style.Theme) string {
	if w <= 0 {
		return ""
	}
	// No character is wider than it has bytes, and most lines are short.
	if len(s) <= w || Width(s) <= w {
		return s
	}
	return ansi.Truncate(s, w, t.Signs.Ellipsis)
}

// Ends puts left and right at the two ends of w columns; where they do not
// both fit, left gives way.
func Ends(left, right string, w int, t style.Theme) string {
	r := Width(right)
	if r == 0 {
		return Fit(left, w, t)
	}
	if r+2 > w {
		return Fit(left, w, t)
	}
	return Fit(left, w-r-1, t) + " " + right
}

// Clip cuts every line to w columns.
func Clip(lines []string, w int, t style.Theme) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = Cut(l, w, t)
	}
	return out
}

// Block makes lines exactly h, cutting or adding empty ones.
func Block(lines []string, h int) []string {
	for len(lines) < h {
		lines = append(lines, "")
	}
	return lines[:max(0, h)]
}

// Wrap breaks s at words to at most w columns; a word that is longer is broken.
func Wrap(s string, w int) []string {
	if w <= 0 {
		return nil
	}
	if strings.IndexByte(s, '\x1b') >= 0 { // every line keeps its style to itself
		return strings.Split(lipgloss.Wrap(s, w, " "), "\n")
	}
	return strings.Split(ansi.Wrap(s, w, " "), "\n")
}

// Paragraphs wraps texts to w columns, every line in the style st.
func Paragraphs(w int, st lipgloss.Style, texts ...string) []string {
	var out []string
	for _, p := range texts {
		for _, l := range Wrap(p, w) {
			out = append(out, st.Render(l))
		}
	}
	return out
}

// Count returns a number with its noun: "1 resource", "31 resources".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Thousands(n) + " " + noun + "s"
}

// Thousands returns n with a comma between the thousands.
func Thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Stopwatch returns a duration as a stopwatch shows it: "0:41", "1:02:05".
func Stopwatch(d time.Duration) string {
	s := int(max(d, 0) / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// Span returns a duration in the unit that people would use.
func Span(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d/time.Second))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d/time.Minute))
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d/time.Hour), int(d/time.Minute)%60)
	default:
		return Count(int(d/(24*time.Hour)), "day")
	}
}

// Ago returns how long ago something was.
func Ago(d time.Duration) string {
	if d < time.Second {
		return "just now"
	}
	return Span(d) + " ago"
}

// Clock returns the local time of day, with seconds.
func Clock(t time.Time) string { return t.Local().Format("15:04:05") }

// Bar draws a part of a whole; part is between 0 and 1.
func Bar(part float64, w int, st lipgloss.Style, t style.Theme) string {
	if w <= 0 {
		return ""
	}
	full := min(max(int(part*float64(w)), 0), w)
	return st.Render(strings.Repeat(t.Signs.Full, full)) + t.Border.Render(strings.Repeat(t.Signs.Empty, w-full))
}

// Capital returns s with its first letter in upper case.
func Capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// Strip returns s without escape sequences.
func Strip(s string) string { return ansi.Strip(s) }

// CleanLines returns every text as clean.Line makes it.
func CleanLines(texts []string) []string {
	out := make([]string, len(texts))
	for i, s := range texts {
		out[i] = clean.Line(s)
	}
	return out
}

// Indent puts n spaces before every line.
func Indent(n int, lines []string) []string {
	lead := strings.Repeat(" ", n)
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = lead + l
	}
	return out
}

// Join lists words as a sentence does: "create 2, change 1 and delete 3".
func Join(s []string) string {
	if len(s) < 2 {
		return strings.Join(s, "")
	}
	return strings.Join(s[:len(s)-1], ", ") + " and " + s[len(s)-1]
}

// Bullet wraps text after a mark; the lines below the first are indented by the
// width of the mark.
func Bullet(mark, text string, w int) []string {
	lines := Wrap(text, w-Width(mark))
	for i := range lines {
		if i == 0 {
			lines[i] = mark + lines[i]
		} else {
			lines[i] = strings.Repeat(" ", Width(mark)) + lines[i]
		}
	}
	return lines
}
