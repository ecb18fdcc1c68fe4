package tui

import (
	"image"
	"io/fs"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"workshop/internal/clean"
	"workshop/internal/tui/draw"
	"workshop/internal/tui/page"
	"workshop/internal/tui/picture"
)

// viewer shows one picture alone, as large as there is room, until a key is
// pressed. A nil viewer shows nothing.
type viewer struct {
	*page.Context
	images    fs.FS
	path, alt string

	set   drawnFor
	ready bool
	lines []string // the picture as text
	paint string   // what paints it, once the screen below is blank
	err   error
}

// drawnFor is what a picture was last drawn for.
type drawnFor struct {
	size     page.Rect
	terminal picture.State
}

// viewedMsg brings a picture, as text or as what paints it.
type viewedMsg struct {
	viewer *viewer
	set    drawnFor
	lines  []string
	paint  string
	err    error
}

// caption is the lines of the description below the picture.
func (v *viewer) caption(w int) []string {
	return draw.Paragraphs(min(w-2, draw.ReadWidth), v.Theme.Dim, clean.Line(v.alt))
}

// settle returns the command that draws the picture for the room that there is
// now, nil where that is done.
func (v *viewer) settle() tea.Cmd {
	if v == nil {
		return nil
	}
	set := drawnFor{v.Layout.Body, v.Terminal.State()}
	if v.set == set || v.Layout.TooSmall {
		return nil
	}
	v.set, v.ready, v.lines, v.paint, v.err = set, false, nil, "", nil
	w, h := v.Layout.Body.W-2, max(v.Layout.Body.H-2-len(v.caption(v.Layout.Body.W)), 1)
	if v.Terminal.Painted() {
		room := image.Rect(0, 0, w, h).Add(image.Pt(v.Layout.Body.X+1, v.Layout.Body.Y+1))
		paint := v.Terminal.Paint(v.images, v.path, room)
		return func() tea.Msg {
			s, err := paint()
			return viewedMsg{viewer: v, set: set, paint: s, err: err}
		}
	}
	size, err := picture.Size(v.images, v.path)
	if err != nil {
		v.err = err
		return nil
	}
	cols, rows := v.Terminal.Fit(size, w, h)
	show := v.Terminal.Show(v.images, v.path, cols, rows)
	pad := strings.Repeat(" ", 1+(w-cols)/2)
	return func() tea.Msg {
		d, err := show()
		for i, l := range d.Lines {
			d.Lines[i] = pad + l
		}
		m := viewedMsg{viewer: v, set: set, lines: d.Lines, err: err}
		if d.Raw == "" {
			return m
		}
		return tea.Sequence(tea.Raw(d.Raw), func() tea.Msg { return m })()
	}
}

// receive takes what settle's command brought. A picture that is painted has to wait
// until the blank frame below it has been written: the renderer would wipe off
// what lies where text was. What is asked of the terminal goes out with that frame
// at the latest, so the picture goes out after it when the answer is there.
func (v *viewer) receive(m viewedMsg) tea.Cmd {
	if v.set != m.set {
		return nil
	}
	v.ready, v.lines, v.paint, v.err = true, m.lines, m.paint, m.err
	if v.paint == "" {
		return nil
	}
	return tea.Sequence(tea.ClearScreen, tea.Raw(ansi.RequestPrimaryDeviceAttributes))
}

// drawn paints the picture over the blank frame.
func (v *viewer) drawn() tea.Cmd {
	if v == nil || v.paint == "" {
		return nil
	}
	paint := v.paint
	v.paint = ""
	return tea.Raw(paint)
}

// close goes back to what was there before.
func (v *viewer) close(m *model) tea.Cmd {
	if v == nil {
		return nil
	}
	m.viewer = nil
	if v.Terminal.Painted() {
		return tea.ClearScreen
	}
	return nil
}

func (v *viewer) view(w, h int) []string {
	out := []string{""}
	caption := v.caption(w)
	switch {
	case v.err != nil:
		out = append(out, " "+v.Theme.Bad.Render(v.Theme.Signs.Failed+" "+clean.Line(v.err.Error())))
	case v.lines != nil:
		out = append(out, v.lines...)
	case !v.ready:
		out = append(out, " "+v.Theme.Dim.Render(v.Theme.Signs.Ellipsis))
	}
	return append(draw.Block(out, h-len(caption)), draw.Indent(1, caption)...)
}
