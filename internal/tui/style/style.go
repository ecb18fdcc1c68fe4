// Package style holds the colours and signs of the screens, as roles: a screen
// asks for "attention", never for yellow.
package style

import (
	"image/color"

	"charm.land/lipgloss/v2"
)

// Theme is one set of styles for a terminal. Bubble Tea brings the colours down
// to what the terminal has, so a theme never asks for the colour depth. It is
// a value, safe for concurrent use.
type Theme struct {
	Dark    bool
	Unicode bool // false draws with ASCII only

	Text, Dim, Strong, Heading   lipgloss.Style
	Accent, Good, Attention, Bad lipgloss.Style
	Border, Code, Key, Selected  lipgloss.Style
	SandboxBadge, AWSBadge       lipgloss.Style
	Tasks                        []lipgloss.Style // tell tasks apart in merged logs; the id is always beside it
	Signs                        Signs
}

// Signs are the characters that carry a state, so that no state depends on
// colour alone.
type Signs struct {
	Done, Current, Open, Failed, Warn      string // a step, a check, a resource
	Running, Stopped, Working              string // a task; Working is a still, not a spinner
	Folded, Unfolded, Quote, Bullet, Arrow string
	Full, Empty                            string    // a bar's cells
	Rule, Divider                          string    // horizontal and vertical line
	Corners                                [4]string // of a box: top left, top right, bottom left, bottom right
	Sep                                    string    // between the parts of a sentence on one line, with its spaces
	Ellipsis                               string    // where text was cut
	Divided                                string    // between two numbers of which the second divides the first
	Dash                                   string    // a cell of a line that values are held against
	Times                                  string    // between a number and what there is so many of
	Spark                                  []string  // eight heights, lowest first
	Spinner                                []string
}

var unicodeSigns = Signs{
	Done: "✓", Current: "▸", Open: "·", Failed: "✗", Warn: "!",
	Running: "●", Stopped: "○", Working: "◐",
	Folded: "▸", Unfolded: "▾", Quote: "│", Bullet: "•", Arrow: "→",
	Full: "█", Empty: "░", Rule: "─", Divider: "│", Corners: [4]string{"╭", "╮", "╰", "╯"}, Sep: " · ", Ellipsis: "…", Times: "×", Divided: "÷", Dash: "╌",
	Spark:   []string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"},
	Spinner: []string{"◐", "◓", "◑", "◒"},
}

var asciiSigns = Signs{
	Done: "v", Current: ">", Open: ".", Failed: "x", Warn: "!",
	Running: "*", Stopped: "o", Working: "~",
	Folded: "+", Unfolded: "-", Quote: "|", Bullet: "-", Arrow: "->",
	Full: "#", Empty: ".", Rule: "-", Divider: "|", Corners: [4]string{"+", "+", "+", "+"}, Sep: " - ", Ellipsis: "..", Times: "x", Divided: "/", Dash: "-",
	Spark:   []string{".", ".", "-", "-", "=", "=", "#", "#"},
	Spinner: []string{"|", "/", "-", "\\"},
}

// New returns the theme for a dark or a light background, drawn with Unicode or
// with ASCII alone.
func New(dark, unicode bool) Theme {
	pick := lipgloss.LightDark(dark)
	// Greys and backgrounds are colours that the 256-colour palette has exactly:
	// the nearest to anything else is often of another hue.
	c := func(light, dark string) color.Color { return pick(lipgloss.Color(light), lipgloss.Color(dark)) }
	fg := func(light, dark string) lipgloss.Style { return lipgloss.NewStyle().Foreground(c(light, dark)) }

	t := Theme{
		Dark: dark, Unicode: unicode,
		Text:      lipgloss.NewStyle(),
		Dim:       fg("#6c6c6c", "#8a8a8a"),
		Strong:    lipgloss.NewStyle().Bold(true),
		Accent:    fg("#0b6bcb", "#6cb6ff"),
		Good:      fg("#1a7f37", "#57c26b"),
		Attention: fg("#9a6700", "#e3b341"),
		Bad:       fg("#c4232b", "#ff7b72"),
		Border:    fg("#d0d0d0", "#444444"),
		Code:      fg("#24292f", "#d1d9e0").Background(c("#eeeeee", "#262626")),
		Signs:     unicodeSigns,
	}
	t.Tasks = []lipgloss.Style{
		fg("#0b6bcb", "#6cb6ff"), fg("#8250df", "#c297ff"), fg("#0f7b7b", "#56d4d4"),
		fg("#9a6700", "#d9a94a"), fg("#bf3989", "#f28fc7"), fg("#4d7c0f", "#a6c96a"),
	}
	t.Heading = t.Accent.Bold(true)
	t.Key = t.Accent.Bold(true)
	t.Selected = t.Strong.Background(c("#afd7ff", "#005f87"))
	badge := lipgloss.NewStyle().Bold(true).Padding(0, 1)
	t.SandboxBadge = badge.Foreground(c("#ffffff", "#0d1117")).Background(c("#1a7f37", "#57c26b"))
	t.AWSBadge = badge.Foreground(c("#ffffff", "#0d1117")).Background(c("#9a6700", "#e3b341"))
	if !unicode {
		t.Signs = asciiSigns
	}
	return t
}
