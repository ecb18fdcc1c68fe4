package reader

import (
	"image"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"workshop/internal/lesson"
	"workshop/internal/tui/picture"
)

const maxPictureRows = 20

// drawing is one picture at one size.
type drawing struct {
	key, path  string
	cols, rows int
	lines      []string // drawn rows, nil until then
	err        error
	loading    bool
}

// drawnMsg brings a picture to the reader that asked for it.
type drawnMsg struct {
	drawing *drawing
	lines   []string
	err     error
}

// pictureLook is how pictures are shown; they are drawn again when it changes.
type pictureLook struct {
	inText picture.Protocol
	large  bool // it can be painted where it stands alone
	cell   image.Point
}

// SetTerminal says what pictures are shown in. It is cheap where nothing has
// changed, so that it may be called whenever the terminal may have answered.
func (r *Reader) SetTerminal(t *picture.Terminal) {
	l := pictureLook{t.InText(), t.Painted(), t.Cell()}
	if r.terminal == t && r.pictureLook == l {
		return
	}
	r.terminal, r.pictureLook = t, l
	r.Redraw()
}

// Redraw has all pictures drawn again: the terminal has forgotten them.
func (r *Reader) Redraw() {
	clear(r.drawings)
	r.renewPictures()
}

// renewPictures has the parts that hold pictures laid out again.
func (r *Reader) renewPictures() {
	r.keep()
	for i := range r.parts {
		p := &r.parts[i]
		for b := range p.blocks() {
			if b.Kind == lesson.Image {
				p.stale, r.dirty = true, true
				break
			}
		}
	}
}

// picture sets a picture with its description below, or as its description alone
// where the terminal cannot show it.
func (s *setter) picture(b *lesson.Block, width int) []line {
	alt := lesson.Text(b.Text)
	p := s.r.ask(b.Source, width)
	l := look{role: dim, italic: true}
	var out []line
	switch {
	case p != nil && p.err == nil:
		out = p.set()
	case s.r.images != nil && p == nil && s.r.terminal.Painted(): // too few colours for blocks
		alt = "[picture: " + alt + "]"
	default:
		return s.wrap([]lesson.Span{{Text: "[picture: " + alt + "]"}}, width, l)
	}
	focused := s.r.focus == b.ID
	if focused {
		l = look{role: selected}
	}
	below := s.wrap([]lesson.Span{{Text: alt}}, width, l)
	if focused {
		last := len(below) - 1
		below[last] = hinted(below[last], "enter shows it large", width, l)
	}
	out = append(out, below...)
	s.stop(b, len(out))
	return out
}

// set returns the picture's rows, empty while it is not drawn.
func (p *drawing) set() []line {
	out := make([]line, p.rows)
	for i := range out {
		out[i].width = p.cols
		if p.lines != nil {
			out[i].ready = p.lines[i]
		} else {
			out[i].segs = []seg{blank(p.cols)}
		}
	}
	return out
}

// ask returns the picture at the size that fits the width, nil where it cannot
// be shown. Its size is known at once, so that the text below does not move
// when it comes.
func (r *Reader) ask(path string, width int) *drawing {
	if r.images == nil || !r.theme.Unicode || r.colors < colorprofile.ANSI256 ||
		r.terminal.InText() == picture.None || strings.Contains(path, "://") {
		return nil
	}
	key := path + "@" + strconv.Itoa(width)
	p, ok := r.drawings[key]
	if !ok {
		p = &drawing{key: key, path: path}
		var size image.Point
		if size, p.err = picture.Size(r.images, path); p.err == nil {
			p.cols, p.rows = r.terminal.Fit(size, width, maxPictureRows)
		}
		r.drawings[key] = p
	}
	if p.err == nil && p.lines == nil && !p.loading {
		r.asked = append(r.asked, p)
	}
	return p
}

// load returns the command that reads and draws the picture. What the terminal
// has to be sent for it goes first.
func (p *drawing) load(r *Reader) tea.Cmd {
	draw := r.terminal.Show(r.images, p.path, p.cols, p.rows)
	return func() tea.Msg {
		d, err := draw()
		m := drawnMsg{p, d.Lines, err}
		if d.Raw == "" {
			return m
		}
		return tea.Sequence(tea.Raw(d.Raw), func() tea.Msg { return m })()
	}
}

// drawn puts a picture that was drawn into the text.
func (r *Reader) drawn(m drawnMsg) {
	p := m.drawing
	if r.drawings[p.key] != p {
		return // of another reader, or drawn for what the terminal was before
	}
	p.loading, p.lines, p.err = false, m.lines, m.err
	r.renewPictures()
	r.layout()
}
