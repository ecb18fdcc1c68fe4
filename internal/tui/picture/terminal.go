package picture

import (
	"context"
	"image"
	"io/fs"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
)

// Options say how a terminal is asked.
type Options struct {
	Wish string // the protocol that the person wants; empty for the best there is
	Mute bool   // ask the terminal nothing: pictures are blocks at most
	Tmux bool   // tmux stands between us and the terminal
	Pane string // the name that tmux gave to the pane that we are in
}

// Terminal is what is known of the terminal and the pictures that it holds. It
// belongs to the event loop.
type Terminal struct {
	options Options
	wish    Protocol
	wished  bool

	answered bool // it has answered, so it reads what we write on this screen
	name     string
	kitty    bool // it knows Kitty's protocol
	files    bool // it knows iTerm2's
	sixel    bool
	through  bool        // tmux lets through what is meant for the terminal around it
	cells    image.Point // columns and rows
	cell     image.Point // what it says that a cell measures
	limits   limits

	held    []held // pictures that the terminal holds, the last one used at the end
	painted bool   // it holds the one that is painted, too
	block   byte   // the highest byte of our pictures' numbers, so that they are ours
	next    int
}

// held is a picture at one size that the terminal was sent.
type held struct {
	path       string
	cols, rows int
	id         int
}

// maxHeld bounds what the terminal keeps for us.
const maxHeld = 16

// usual is the size of a cell where the terminal does not tell its own: rather
// too small than too large for what is painted.
var usual = image.Pt(8, 16)

// NewTerminal returns a terminal of which nothing is known yet.
func NewTerminal(o Options) (*Terminal, error) {
	t := &Terminal{options: o, block: byte(1 + rand.IntN(255))}
	if o.Wish != "" {
		p, err := Parse(o.Wish)
		if err != nil {
			return nil, err
		}
		t.wish, t.wished = p, true
	}
	return t, nil
}

// The questions. What knows none of these keeps still, and every answer is taken
// whenever it comes. A string that a terminal does not know may end up on its
// screen, so Kitty's question and iTerm2's are for those alone that have told
// their name, which the old ones do not.
var (
	firstQuestions = ansi.RequestNameVersion + ansi.RequestPrimaryDeviceAttributes + ansi.WindowOp(16)
	kittyQuestion  = ansi.KittyGraphics([]byte("AAAA"), "i="+strconv.Itoa(questionID), "s=1", "v=1", "a=q", "t=d", "f=24")
	filesQuestion  = "\x1b]1337;Capabilities\x1b\\"
	sixelQuestions = "\x1b[?1;1;0S" + sixelSize // XTSMGRAPHICS: how many colours, how large
	sizeQuestions  = ansi.WindowOp(16) + sixelSize
)

const sixelSize = "\x1b[?2;1;0S"

const questionID = 31

// Ask returns the command that asks the terminal what it can show; what it waits
// for ends with ctx.
func (t *Terminal) Ask(ctx context.Context) tea.Cmd {
	if t.options.Mute || t.wished && (t.wish == Blocks || t.wish == None) {
		return nil
	}
	ask := tea.Raw(firstQuestions)
	if t.options.Tmux {
		return tea.Batch(ask, askTmux(ctx, t.options.Pane))
	}
	return ask
}

// tmuxMsg is what tmux says of the terminal around it, and whether it lets
// through what is meant for that.
type tmuxMsg struct {
	name    string
	through bool
}

const tmuxTime = 5 * time.Second

// askTmux asks tmux for the name that the terminal gave when tmux asked it. Our
// own question would get through, but the answer may come as keys pressed, in
// whichever pane has the focus by then.
func askTmux(ctx context.Context, pane string) tea.Cmd {
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(ctx, tmuxTime)
		defer cancel()
		args := []string{"display-message", "-p"}
		if pane != "" {
			args = append(args, "-t", pane)
		}
		out, err := exec.CommandContext(ctx, "tmux", append(args, "#{allow-passthrough} #{client_termtype}")...).Output()
		if err != nil {
			return nil // no answer: blocks
		}
		return readTmux(string(out))
	}
}

// readTmux reads what tmux printed: since 3.4 the option is a word.
func readTmux(out string) tmuxMsg {
	through, name, _ := strings.Cut(strings.TrimSpace(out), " ")
	return tmuxMsg{name, through == "1" || through == "on" || through == "all"}
}

// Update takes an answer of the terminal; other messages leave it as it is.
// changed reports that pictures look different from now on.
func (t *Terminal) Update(msg tea.Msg) (cmd tea.Cmd, changed bool) {
	if t.options.Mute {
		return nil, false // nobody asked
	}
	was := t.State()
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		t.cells = image.Pt(msg.Width, msg.Height)
		if t.answered {
			cmd = tea.Raw(sizeQuestions)
		}
	case tea.TerminalVersionMsg:
		switch {
		case t.options.Tmux: // this is tmux
			cmd = tea.Raw(sixelQuestions)
		case t.name == "":
			t.name = msg.Name
			cmd = tea.Raw(kittyQuestion + filesQuestion + sixelQuestions)
		}
	case uv.PrimaryDeviceAttributesEvent:
		t.answered = true
		for i, a := range msg {
			t.sixel = t.sixel || i > 0 && a == 4 // the first one is the terminal's class
		}
	case uv.KittyGraphicsEvent:
		t.kitty = t.kitty || msg.Options.ID == questionID && string(msg.Payload) == "OK"
	case uv.UnknownOscEvent:
		t.files = t.files || takesFiles(string(msg))
	case uv.UnknownCsiEvent:
		if t.limits.read(string(msg)) && t.cells.X > 0 && t.cells.Y > 0 {
			t.limits.cell = image.Pt(t.limits.size.X/t.cells.X, t.limits.size.Y/t.cells.Y)
		}
	case uv.CellSizeEvent:
		// Some count in points and tell nonsense, or nothing.
		if msg.Width > 1 && msg.Height > 1 && msg.Width < 256 && msg.Height < 256 {
			t.cell = image.Pt(msg.Width, msg.Height)
		}
	case tmuxMsg:
		t.name, t.through = msg.name, msg.through
	}
	return cmd, was != t.State()
}

// State is all that decides how a picture looks, for comparing.
type State struct {
	inText, alone Protocol
	cell          image.Point
	limits        limits
}

// State returns what is known now.
func (t *Terminal) State() State { return State{t.InText(), t.Alone(), t.Cell(), t.limits} }

// InText is how a picture within text is shown.
func (t *Terminal) InText() Protocol {
	switch {
	case t.wished && t.wish == None:
		return None
	case !t.answered:
		// What is sent before may reach the screen that is left when ours begins.
		return Blocks
	case t.wished && t.wish == Kitty:
		return Kitty
	case t.wished:
		return Blocks
	case t.options.Tmux && t.through && placeholders(t.name), t.kitty && placeholders(t.name):
		return Kitty
	}
	return Blocks
}

// Alone is how a picture that has the screen for itself is shown.
func (t *Terminal) Alone() Protocol {
	p := t.InText()
	switch {
	case p != Blocks || !t.answered:
	case t.wished && t.wish == ITerm2 && t.options.Tmux: // its picture would be painted where tmux knows nothing of it
	case t.wished:
		return t.wish
	case t.kitty:
		return Kitty
	case t.files:
		return ITerm2
	case t.sixel:
		return Sixel
	}
	return p
}

// Painted reports that a picture which has the screen for itself is painted over
// it, see Paint, and is not text as Show makes it.
func (t *Terminal) Painted() bool {
	p := t.Alone()
	return p != t.InText()
}

// Cell is the size of a cell in pixels.
func (t *Terminal) Cell() image.Point {
	if t.cell == (image.Point{}) {
		return usual
	}
	return t.cell
}

// Fit returns the largest room in cells, within that of cols by rows, that has
// the shape of a picture.
func (t *Terminal) Fit(size image.Point, cols, rows int) (c, r int) {
	return scaleToFit(size, t.Cell(), cols, rows)
}

func scaleToFit(size, cell image.Point, cols, rows int) (c, r int) {
	c, r = cols, (cols*cell.X*size.Y+size.X*cell.Y/2)/(size.X*cell.Y)
	if r > rows {
		c, r = min(cols, rows*cell.Y*size.X/(size.Y*cell.X)), rows
	}
	return max(c, 1), max(r, 1)
}

// placeholders reports whether a terminal that calls itself so knows Kitty's
// Unicode placeholders. They came years after the protocol, and no question
// tells: the terminals that have the one without the other say OK to both.
func placeholders(name string) bool {
	name = strings.ToLower(name)
	if strings.HasPrefix(name, "ghostty") {
		return true
	}
	version, ok := strings.CutPrefix(name, "kitty(")
	if !ok {
		return false
	}
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(strings.TrimRight(rest, ")"), ".")
	ma, err := strconv.Atoi(major)
	mi, merr := strconv.Atoi(minor)
	return err == nil && merr == nil && (ma > 0 || mi >= 28)
}

// takesFiles reports whether an answer tells that the terminal shows a file that
// it is sent, which is the feature F: a feature is a capital letter, small ones,
// and a number.
func takesFiles(answer string) bool {
	_, list, ok := strings.Cut(answer, "1337;Capabilities=")
	if !ok {
		return false
	}
	for i := range len(list) {
		if list[i] == 'F' && (i+1 == len(list) || list[i+1] < 'a' || list[i+1] > 'z') {
			return true
		}
	}
	return false
}

// limits are what a terminal sets to sixels; 0 where it sets none.
type limits struct {
	colors int
	size   image.Point
	cell   image.Point // the size of a cell at least, where that much may be painted
}

// read takes an answer to sixelQuestions: what was asked for, how that went, and
// one or two values. It reports whether this was the size.
func (l *limits) read(answer string) (sized bool) {
	body, ok := strings.CutPrefix(answer, "\x1b[?")
	body, end := strings.CutSuffix(body, "S")
	var n []int
	for _, f := range strings.Split(body, ";") {
		v, err := strconv.Atoi(f)
		ok = ok && err == nil && v >= 0
		n = append(n, v)
	}
	switch {
	case !ok || !end || len(n) < 3 || n[1] != 0 || n[2] < 2:
	case n[0] == 1:
		l.colors = n[2]
	case n[0] == 2 && len(n) == 4 && n[3] > 1:
		l.size = image.Pt(n[2], n[3])
		return true
	}
	return false
}

// Drawn is a picture as text.
type Drawn struct {
	Lines []string
	Raw   string // what the terminal has to be sent before it sees the lines
}

// Show returns what reads and draws a picture in cols by rows cells as text; it
// may take its time, and touches nothing of the terminal. A picture that the
// terminal holds at that size is not read again.
func (t *Terminal) Show(files fs.FS, path string, cols, rows int) func() (Drawn, error) {
	if t.InText() != Kitty || cols > kittyMost || rows > kittyMost {
		return func() (Drawn, error) {
			m, err := decode(files, path)
			if err != nil {
				return Drawn{}, err
			}
			return Drawn{Lines: mosaic(m, cols, rows)}, nil
		}
	}
	for i, h := range t.held {
		if h.path == path && h.cols == cols && h.rows == rows {
			t.held = append(append(t.held[:i:i], t.held[i+1:]...), h)
			return func() (Drawn, error) { return Drawn{Lines: kittyLines(h.id, cols, rows)}, nil }
		}
	}
	gone := ""
	if len(t.held) == maxHeld {
		gone = t.pass(kittyDelete(t.held[0].id))
		t.held = t.held[1:]
	}
	h := held{path, cols, rows, t.number()}
	t.held = append(t.held, h)
	wrap := t.pass
	return func() (Drawn, error) {
		png, err := read(files, path)
		if err != nil {
			return Drawn{Raw: gone}, err
		}
		var b strings.Builder
		b.WriteString(gone)
		for _, chunk := range kittySend(h.id, cols, rows, png) {
			b.WriteString(wrap(chunk))
		}
		return Drawn{Lines: kittyLines(h.id, cols, rows), Raw: b.String()}, nil
	}
}

// number is a new picture's. Its lowest byte is the colour of the placeholders,
// one of the 256 that every screen between us and the terminal passes on as they
// are; the lowest 16 have other names, too.
func (t *Terminal) number() int {
	t.next = (t.next + 1) % 240
	return int(t.block)<<24 | (16 + t.next)
}

func (t *Terminal) pass(s string) string {
	if t.options.Tmux {
		return ansi.TmuxPassthrough(s)
	}
	return s
}

// Paint returns what reads a picture and makes the bytes that paint it in the
// middle of a room, which is in cells, counted from 0. The screen there must be
// blank by then, and stay so; clear it to take the picture away.
func (t *Terminal) Paint(files fs.FS, path string, room image.Rectangle) func() (string, error) {
	p, cell, id, limits := t.Alone(), t.Cell(), t.paintingID(), t.limits
	if t.cell == (image.Point{}) && limits.cell.X > 0 && limits.cell.Y > 0 {
		cell = limits.cell
	}
	t.painted = t.painted || p == Kitty
	return func() (string, error) {
		size, err := Size(files, path)
		if err != nil {
			return "", err
		}
		cols, rows := scaleToFit(size, cell, room.Dx(), room.Dy())
		s, err := paint(p, files, path, id, cols, rows, cell, limits)
		if err != nil {
			return "", err
		}
		at := ansi.CursorPosition(room.Min.X+(room.Dx()-cols)/2+1, room.Min.Y+1)
		return ansi.SaveCursor + at + s + ansi.RestoreCursor, nil
	}
}

// paintingID is the number of the one picture that is painted at a time.
func (t *Terminal) paintingID() int { return int(t.block) << 24 }

// Clear returns what has the terminal forget the pictures that it holds for us.
func (t *Terminal) Clear() string {
	var b strings.Builder
	if t.painted {
		b.WriteString(kittyDelete(t.paintingID()))
		t.painted = false
	}
	for _, h := range t.held {
		b.WriteString(t.pass(kittyDelete(h.id)))
	}
	t.held = nil
	return b.String()
}

// kittyMost is how many rows and columns placeholders can tell apart.
const kittyMost = 297
