// Package chart draws how a figure changed over time, in the cells of a terminal.
package chart

import (
	"fmt"
	"math"
	"strings"

	"charm.land/lipgloss/v2"

	"workshop/internal/tui/draw"
	"workshop/internal/tui/style"
)

// Chart is a figure over time.
type Chart struct {
	Title  string
	Now    string    // the newest value, with its unit
	Values []float64 // oldest first; NaN and infinite ones are gaps
	Target float64   // what the value ought to be near; 0 for none
	Max    float64   // the top of the scale; 0 for what the values need
	From   string    // when the oldest value was, as "15 min ago"
	To     string    // when the newest was
	Style  lipgloss.Style
	// Line draws the values as a line of braille dots instead of as filled blocks: it reads
	// better where the area below has no meaning, as with a latency. Without Unicode it
	// changes nothing.
	Line bool
}

// labels is how wide the scale beside the plot is.
const labels = 6

// eighths are the parts of a cell that can be told apart.
const eighths = 8

// Lines draws the chart in exactly h lines of exactly w columns: a title, the plot with its
// scale, and the ends of the time. It needs 3 lines and 16 columns; with less it is blank.
func (c Chart) Lines(w, h int, t style.Theme) []string {
	if h < 3 || w < 16 {
		return blank(w, max(h, 0))
	}
	out := make([]string, 0, h)
	out = append(out, draw.Fit(draw.Ends(t.Strong.Render(c.Title), c.Now, w, t), w, t))
	rows, wide := h-2, w-labels
	top := c.top()
	line := c.Line && t.Unicode
	var cells []float64
	if line {
		cells = c.cells(wide * dotsAcross)
		toDots(cells, top, rows*dotsDown)
	} else {
		cells = c.cells(wide)
	}
	if top == 0 {
		for i := range rows {
			text := ""
			if i == rows/2 {
				text = strings.Repeat(" ", labels) + t.Dim.Render("no figures yet")
			}
			out = append(out, draw.Fit(text, w, t))
		}
		return append(out, draw.Fit("", w, t))
	}
	target := -1
	if c.Target > 0 && c.Target <= top {
		target = min(int(c.Target/top*float64(rows)), rows-1)
	}
	value, dim := penOf(c.Style), penOf(t.Dim)
	for row := rows - 1; row >= 0; row-- {
		label := ""
		switch row {
		case rows - 1:
			label = number(top)
		case 0:
			label = "0"
		}
		if row == target && label == "" {
			label = number(c.Target)
		}
		if len(label) >= labels {
			label = ""
		}
		var b strings.Builder
		b.Grow(4 * w)
		b.WriteString(dim.on)
		b.WriteString("      "[:labels-1-len(label)])
		b.WriteString(label)
		b.WriteByte(' ')
		b.WriteString(dim.off)
		if line {
			writeDots(&b, cells, row, row == target, value, dim, t)
		} else {
			writeRow(&b, cells, row, rows, top, row == target, value, dim, t)
		}
		out = append(out, b.String())
	}
	return append(out, strings.Repeat(" ", labels)+draw.Fit(draw.Ends(t.Dim.Render(c.From), t.Dim.Render(c.To), wide, t), wide, t))
}

// pen is what a terminal is told before and after text of a style.
type pen struct{ on, off string }

func penOf(s lipgloss.Style) pen {
	on, off, _ := strings.Cut(s.Render("x"), "x")
	return pen{on, off}
}

// writeRow draws one line of the plot; it is counted from the bottom.
func writeRow(b *strings.Builder, cells []float64, row, rows int, top float64, target bool, value, dim pen, t style.Theme) {
	var with *pen // of the text so far; nil for plain
	put := func(s string, p *pen) {
		with = change(b, with, p)
		b.WriteString(s)
	}
	for _, v := range cells {
		level := 0
		if !math.IsNaN(v) {
			level = max(1, int(math.Round(min(max(v, 0)/top, 1)*float64(rows*eighths)))) // 0 is a value, and no gap
		}
		switch part := level - row*eighths; {
		case part >= eighths:
			put(t.Signs.Spark[eighths-1], &value)
		case part > 0 && v <= 0:
			put(t.Signs.Spark[part-1], &dim)
		case part > 0:
			put(t.Signs.Spark[part-1], &value)
		case target:
			put(t.Signs.Dash, &dim)
		default:
			put(" ", nil)
		}
	}
	put("", nil)
}

// change has what follows be written with the pen to instead of from, and returns it; nil is
// plain.
func change(b *strings.Builder, from, to *pen) *pen {
	if from == to {
		return to
	}
	if from != nil {
		b.WriteString(from.off)
	}
	if to != nil {
		b.WriteString(to.on)
	}
	return to
}

// A cell of braille has so many dots beside and below each other. Their bits, left column
// first and from the bottom up, are added to the empty cell's code point ("Braille Patterns"
// in the Unicode Standard).
const (
	dotsAcross = 2
	dotsDown   = 4
	noDots     = '\u2800'
)

var dotBits = [dotsAcross][dotsDown]rune{{0x40, 0x04, 0x02, 0x01}, {0x80, 0x20, 0x10, 0x08}}

// toDots turns values into their heights in dots, from 0 to n-1; gaps stay NaN.
func toDots(values []float64, top float64, n int) {
	for i, v := range values {
		values[i] = math.Round(min(max(v, 0)/top, 1) * float64(n-1))
	}
}

// writeDots draws one line of a plot of dots; it is counted from the bottom. Neighbours at
// different heights are joined.
func writeDots(b *strings.Builder, dots []float64, row int, target bool, value, dim pen, t style.Theme) {
	var with *pen
	for i := 0; i+dotsAcross <= len(dots); i += dotsAcross {
		cell := rune(0)
		for j := range dotsAcross {
			if math.IsNaN(dots[i+j]) {
				continue
			}
			low := int(dots[i+j])
			high := low
			if i+j > 0 && !math.IsNaN(dots[i+j-1]) {
				before := int(dots[i+j-1])
				low, high = min(low, before), max(high, before)
			}
			for y := max(low, row*dotsDown); y <= min(high, row*dotsDown+dotsDown-1); y++ {
				cell |= dotBits[j][y-row*dotsDown]
			}
		}
		switch {
		case cell != 0:
			with = change(b, with, &value)
			b.WriteRune(noDots + cell)
		case target:
			with = change(b, with, &dim)
			b.WriteString(t.Signs.Dash)
		default:
			with = change(b, with, nil)
			b.WriteByte(' ')
		}
	}
	change(b, with, nil)
}

// cells spreads the values over so many columns; of several in one the highest counts.
func (c Chart) cells(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = math.NaN()
		from := i * len(c.Values) / n
		for _, v := range c.Values[from:max(from+min(1, len(c.Values)), (i+1)*len(c.Values)/n)] {
			if !math.IsInf(v, 0) && !math.IsNaN(v) && (math.IsNaN(out[i]) || v > out[i]) {
				out[i] = v
			}
		}
	}
	return out
}

// top is the end of the scale: a readable number that no value passes; 0 where there is no
// value.
func (c Chart) top() float64 {
	highest, any := c.Target, false
	for _, v := range c.Values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			any = true
			highest = max(highest, v)
		}
	}
	switch {
	case !any:
		return 0
	case c.Max > 0 && highest <= c.Max:
		return c.Max
	case highest <= 0:
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(highest)))
	for _, step := range []float64{1, 2, 5, 10} {
		if highest <= step*unit {
			return step * unit
		}
	}
	return highest
}

// number writes a number of the scale in at most five columns.
func number(v float64) string {
	for _, unit := range []struct {
		from float64
		sign string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e4, "k"}} {
		if v >= unit.from && unit.sign == "k" {
			return fmt.Sprintf("%.3gk", v/1e3)
		}
		if v >= unit.from {
			return fmt.Sprintf("%.3g%s", v/unit.from, unit.sign)
		}
	}
	if v != 0 && v < 0.001 {
		return fmt.Sprintf("%.0e", v)
	}
	return fmt.Sprintf("%.4g", v)
}

func blank(w, h int) []string {
	out := make([]string, h)
	for i := range out {
		out[i] = strings.Repeat(" ", max(w, 0))
	}
	return out
}
