package tui

import (
	"image"
	"io/fs"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"workshop/internal/clean"
	"workshop/internal/tui/picture"
	"workshop/internal/tui/reader"
)

// viewer shows one picture alone, as large as there is room, until a key is
// pressed. A nil viewer shows nothing.
type viewer struct {
	*shared
	reader.PictureMsg
	images fs.FS

	set   setting
	ready bool
	lines []string // the picture as text
	paint string   // what paints it, once the screen below is blank
	err   error
}

// setting is what a picture was last drawn for.
type setting struct {
	size     rect
	terminal picture.State
}

// viewedMsg brings a picture, as text or as what paints it.
type viewedMsg struct {
	viewer *viewer
	set    setting
	lines  []string
	paint  string
	err    error
}

// caption is the lines of the description below the picture.
func (v *viewer) caption(w int) []string {
	return paragraphs(min(w-2, reader.MaxWidth), v.theme.Dim, clean.Line(v.Alt))
}

// settle returns the command that draws the picture for the room that there is
// now, nil where that is done.
func (v *viewer) settle() tea.Cmd {
	if v == nil {
		return nil
	}
	set := setting{v.lay.body, v.terminal.State()}
	if v.set == set || v.lay.tooSmall {
		return nil
	}
	v.set, v.ready, v.lines, v.paint, v.err = set, false, nil, "", nil
	w, h := v.lay.body.w-2, max(v.lay.body.h-2-len(v.caption(v.lay.body.w)), 1)
	if v.terminal.Painted() {
		room := image.Rect(0, 0, w, h).Add(image.Pt(v.lay.body.x+1, v.lay.body.y+1))
		paint := v.terminal.Paint(v.images, v.Path, room)
		return func() tea.Msg {
			s, err := paint()
			return viewedMsg{viewer: v, set: set, paint: s, err: err}
		}
	}
	size, err := picture.Size(v.images, v.Path)
	if err != nil {
		v.err = err
		return nil
	}
	cols, rows := v.terminal.Fit(size, w, h)
	show := v.terminal.Show(v.images, v.Path, cols, rows)
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

// took takes what settle's command brought. A picture that is painted has to wait
// until the blank frame below it has been written: the renderer would wipe off
// what lies where text was. What is asked of the terminal goes out with that frame
// at the latest, so the picture goes out after it when the answer is there.
func (v *viewer) took(m viewedMsg) tea.Cmd {
	if v.shared.viewer != v || v.set != m.set {
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
func (v *viewer) close() tea.Cmd {
	if v == nil {
		return nil
	}
	v.shared.viewer = nil
	if v.terminal.Painted() {
		return tea.ClearScreen
	}
	return nil
}

func (v *viewer) view(w, h int) []string {
	out := []string{""}
	caption := v.caption(w)
	switch {
	case v.err != nil:
		out = append(out, " "+v.theme.Bad.Render(v.theme.Signs.Failed+" "+clean.Line(v.err.Error())))
	case v.lines != nil:
		out = append(out, v.lines...)
	case !v.ready:
		out = append(out, " "+v.theme.Dim.Render(v.theme.Signs.Ellipsis))
	}
	return append(block(out, h-len(caption)), indent(1, caption)...)
}
