package picture

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/png"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	tea "charm.land/bubbletea/v2"
	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/ansi/kitty"
	"github.com/charmbracelet/x/ansi/sixel"

	"workshop/steps"
)

const drawing = "images/Architecture.png"

// hear gives a terminal's answers to t as the screens get them.
func hear(t *Terminal, answers string) (asked string) {
	var d uv.EventDecoder
	for b := []byte(answers); len(b) > 0; {
		n, event := d.Decode(b)
		b = b[max(n, 1):]
		var msg tea.Msg = event
		if v, ok := event.(uv.TerminalVersionEvent); ok {
			msg = tea.TerminalVersionMsg(v)
		}
		if cmd, _ := t.Update(msg); cmd != nil {
			asked += cmd().(tea.RawMsg).Msg.(string)
		}
	}
	return asked
}

const (
	nameKitty   = "\x1bP>|kitty(0.35.2)\x1b\\"
	nameOld     = "\x1bP>|kitty(0.26.5)\x1b\\"
	nameXterm   = "\x1bP>|XTerm(379)\x1b\\"
	saysOK      = "\x1b_Gi=31;OK\x1b\\"
	plainDA1    = "\x1b[?62;22c"
	sixelDA1    = "\x1b[?64;1;2;4;9;22c"
	takesFile   = "\x1b]1337;Capabilities=T2CwBFSx\x1b\\"
	takesNoFile = "\x1b]1337;Capabilities=T2CwFtSx\x1b\\"
)

func TestDetection(t *testing.T) {
	for _, c := range []struct {
		name    string
		options Options
		answers string
		tmux    string // what tmux printed
		inText  Protocol
		alone   Protocol
	}{
		{name: "silence"},
		{name: "colours alone", answers: plainDA1},
		{name: "kitty", answers: nameKitty + plainDA1 + saysOK, inText: Kitty, alone: Kitty},
		{name: "kitty, the other way round", answers: saysOK + plainDA1 + nameKitty, inText: Kitty, alone: Kitty},
		{name: "kitty, twice", answers: nameKitty + saysOK + plainDA1 + nameKitty + saysOK + plainDA1, inText: Kitty, alone: Kitty},
		{name: "kitty without an answer", answers: nameKitty + plainDA1},
		{name: "kitty refuses", answers: nameKitty + plainDA1 + "\x1b_Gi=31;ENOTSUPPORTED:no\x1b\\"},
		{name: "somebody else's question", answers: nameKitty + plainDA1 + "\x1b_Gi=32;OK\x1b\\"},
		{name: "kitty before its placeholders", answers: nameOld + plainDA1 + saysOK, alone: Kitty},
		{name: "ghostty", answers: "\x1bP>|ghostty 1.1.3\x1b\\" + plainDA1 + saysOK, inText: Kitty, alone: Kitty},
		{name: "kitty graphics and sixel", answers: "\x1bP>|WezTerm 20240203\x1b\\" + sixelDA1 + saysOK, alone: Kitty},
		{name: "iTerm2", answers: "\x1bP>|iTerm2 3.5.4\x1b\\" + sixelDA1 + takesFile, alone: ITerm2},
		{name: "no files", answers: nameXterm + plainDA1 + takesNoFile},
		{name: "xterm", answers: nameXterm + sixelDA1, alone: Sixel},
		{name: "the class of a VT is no attribute", answers: nameXterm + "\x1b[?4;6c"},
		{name: "malformed", answers: "\x1b[?;;c\x1b_G\x1b\\\x1b_Gi=;\x1b\\\x1bP>|\x1b\\\x1bP>|kitty(\x1b\\\x1b]1337;Capabilities\x1b\\\x1b[6;0;0t"},
		{name: "answers that never came in full", answers: plainDA1 + "\x1b_Gi=31;O"},
		{name: "blocks wished", options: Options{Wish: "blocks"}, answers: nameKitty + sixelDA1 + saysOK},
		{name: "nothing wished", options: Options{Wish: "none"}, answers: nameKitty + sixelDA1 + saysOK, inText: None, alone: None},
		{name: "kitty wished", options: Options{Wish: "kitty"}, answers: plainDA1, inText: Kitty, alone: Kitty},
		{name: "kitty wished of one that is deaf", options: Options{Wish: "kitty"}},
		{name: "sixel wished", options: Options{Wish: "sixel"}, answers: nameKitty + plainDA1 + saysOK, alone: Sixel},
		{name: "iterm2 wished", options: Options{Wish: "iterm2"}, answers: plainDA1, alone: ITerm2},
		{name: "iterm2 wished in tmux", options: Options{Wish: "iterm2", Tmux: true}, answers: plainDA1},
		{name: "tmux", options: Options{Tmux: true}, answers: plainDA1, tmux: "1 kitty(0.35.2)\n", inText: Kitty, alone: Kitty},
		{name: "tmux 3.4", options: Options{Tmux: true}, answers: plainDA1, tmux: "on kitty(0.35.2)\n", inText: Kitty, alone: Kitty},
		{name: "tmux that lets nothing through", options: Options{Tmux: true}, answers: plainDA1, tmux: "off kitty(0.35.2)\n"},
		{name: "tmux in xterm", options: Options{Tmux: true}, answers: plainDA1, tmux: "on XTerm(379)\n"},
		{name: "tmux without a word", options: Options{Tmux: true}, answers: plainDA1 + nameKitty, tmux: "\n"},
		{name: "tmux with sixel", options: Options{Tmux: true}, answers: "\x1b[?1;2;4c", tmux: "off XTerm(379)\n", alone: Sixel},
	} {
		t.Run(c.name, func(t *testing.T) {
			terminal, err := NewTerminal(c.options)
			if err != nil {
				t.Fatal(err)
			}
			if p := terminal.InText(); p != Blocks && p != None {
				t.Errorf("%s before anything is known", p)
			}
			if c.tmux != "" {
				terminal.Update(readTmux(c.tmux))
			}
			hear(terminal, c.answers)
			if in, alone := terminal.InText(), terminal.Alone(); in != c.inText || alone != c.alone {
				t.Errorf("in text %s, alone %s; want %s and %s", in, alone, c.inText, c.alone)
			}
		})
	}
}

func TestWhatIsAsked(t *testing.T) {
	ask := func(o Options) (all string) {
		terminal, err := NewTerminal(o)
		if err != nil {
			t.Fatal(err)
		}
		if cmd := terminal.Ask(t.Context()); cmd != nil {
			switch m := cmd().(type) {
			case tea.RawMsg:
				all = m.Msg.(string)
			case tea.BatchMsg:
				all = m[0]().(tea.RawMsg).Msg.(string)
			}
		}
		return all
	}
	for _, o := range []Options{{Mute: true}, {Wish: "blocks"}, {Wish: "none"}, {Mute: true, Wish: "kitty"}} {
		if got := ask(o); got != "" {
			t.Errorf("%+v: asked %q", o, got)
		}
	}
	if got := ask(Options{}); got != "\x1b[>q\x1b[c\x1b[16t" {
		t.Errorf("asked %q", got)
	}
	// Strings are for terminals that told their name, and once.
	terminal, _ := NewTerminal(Options{})
	if got := hear(terminal, nameXterm); !strings.HasPrefix(got, "\x1b_G") || !strings.Contains(got, "a=q") {
		t.Errorf("asked %q then", got)
	}
	if got := hear(terminal, nameXterm+plainDA1); got != "" {
		t.Errorf("asked %q again", got)
	}
	terminal, _ = NewTerminal(Options{Tmux: true})
	if got := hear(terminal, "\x1bP>|tmux 3.4\x1b\\"); strings.Contains(got, "\x1b_G") {
		t.Errorf("asked tmux %q", got)
	}
}

func TestParse(t *testing.T) {
	for p, name := range names {
		if got, err := Parse(name); err != nil || got != Protocol(p) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	_, err := NewTerminal(Options{Wish: "gif"})
	if err == nil || !strings.Contains(err.Error(), `"gif"`) || !strings.Contains(err.Error(), "sixel, blocks or none") {
		t.Errorf("gif: %v", err)
	}
}

func TestChangesAreTold(t *testing.T) {
	terminal, _ := NewTerminal(Options{})
	for _, c := range []struct {
		msg  tea.Msg
		want bool
	}{
		{tea.TerminalVersionMsg{Name: "kitty(0.35.2)"}, false},
		{uv.KittyGraphicsEvent{Options: kitty.Options{ID: questionID}, Payload: []byte("OK")}, false},
		{uv.PrimaryDeviceAttributesEvent{62}, true},
		{uv.PrimaryDeviceAttributesEvent{62}, false},
		{uv.CellSizeEvent{Width: 9, Height: 18}, true},
		{uv.CellSizeEvent{Width: 9, Height: 18}, false},
		{uv.CellSizeEvent{}, false},
		{tea.WindowSizeMsg{Width: 80, Height: 24}, false},
	} {
		if _, changed := terminal.Update(c.msg); changed != c.want {
			t.Errorf("%T: changed is %v", c.msg, changed)
		}
	}
}

func TestFit(t *testing.T) {
	terminal, _ := NewTerminal(Options{})
	for _, c := range []struct {
		size             image.Point
		cell             image.Point
		cols, rows, c, r int
	}{
		{image.Pt(1600, 800), image.Point{}, 80, 100, 80, 20},
		{image.Pt(1600, 800), image.Point{}, 80, 10, 40, 10},
		{image.Pt(1600, 800), image.Pt(8, 24), 80, 100, 80, 13},
		{image.Pt(10, 1000), image.Point{}, 80, 20, 1, 20},
		{image.Pt(1000, 10), image.Point{}, 80, 20, 80, 1},
		{image.Pt(1000, 1), image.Point{}, 3, 2, 3, 1},
	} {
		terminal.cell = c.cell
		if cols, rows := terminal.Fit(c.size, c.cols, c.rows); cols != c.c || rows != c.r {
			t.Errorf("%v in %d by %d: %d by %d, want %d by %d", c.size, c.cols, c.rows, cols, rows, c.c, c.r)
		}
	}
}

// unpack reads a stream of Kitty's commands: the first one's options, what came
// with it, and all others.
func unpack(t *testing.T, stream string) (first kitty.Options, data []byte, rest []kitty.Options) {
	t.Helper()
	var payload string
	more := false
	for stream != "" {
		body, ok := strings.CutPrefix(stream, "\x1b_G")
		end := strings.Index(body, "\x1b\\")
		if !ok || end < 0 {
			t.Fatalf("no command of Kitty's: %.40q", stream)
		}
		stream = body[end+2:]
		head, chunk, _ := strings.Cut(body[:end], ";")
		var o kitty.Options
		o.UnmarshalText([]byte(head))
		switch {
		case o.Action == kitty.Delete:
			rest = append(rest, o)
			continue
		case payload == "":
			first = o
		case !more:
			t.Fatalf("%q comes after the last chunk", head)
		}
		more = strings.Contains(head, "m=1")
		if len(chunk) > kitty.MaxChunkSize || more && len(chunk)%4 != 0 || !strings.Contains(head, "q=2") {
			t.Errorf("a chunk of %d bytes: %q", len(chunk), head)
		}
		payload += chunk
	}
	if more {
		t.Error("the last chunk says that there are more")
	}
	data, err := base64.StdEncoding.DecodeString(payload)
	if err != nil {
		t.Fatal(err)
	}
	return first, data, rest
}

// untmux takes off the wrapping that tmux does.
func untmux(t *testing.T, s string) (out string) {
	t.Helper()
	for s != "" {
		body, ok := strings.CutPrefix(s, "\x1bPtmux;")
		if !ok {
			t.Fatalf("not for tmux: %.40q", s)
		}
		for {
			i := strings.IndexByte(body, '\x1b')
			out += body[:i]
			if body[i+1] == '\\' {
				s = body[i+2:]
				break
			}
			out += "\x1b"
			body = body[i+2:]
		}
	}
	return out
}

func TestKitty(t *testing.T) {
	want, err := steps.Files.ReadFile(drawing)
	if err != nil {
		t.Fatal(err)
	}
	for _, tmux := range []bool{false, true} {
		terminal, _ := NewTerminal(Options{Wish: "kitty", Tmux: tmux})
		hear(terminal, plainDA1)
		d, err := terminal.Show(steps.Files, drawing, 70, 17)()
		if err != nil {
			t.Fatal(err)
		}
		raw := d.Raw
		if tmux {
			raw = untmux(t, raw)
		}
		o, data, _ := unpack(t, raw)
		if !bytes.Equal(data, want) {
			t.Error("what arrives is not the file")
		}
		if o.Action != kitty.TransmitAndPut || o.Format != kitty.PNG || o.Columns != 70 || o.Rows != 17 || !o.VirtualPlacement {
			t.Errorf("sent with %s", o)
		}
		place(t, d.Lines, o.ID, 70, 17)

		again, err := terminal.Show(nil, drawing, 70, 17)()
		if err != nil || again.Raw != "" || strings.Join(again.Lines, "") != strings.Join(d.Lines, "") {
			t.Errorf("a picture that the terminal holds: %v, %.40q", err, again.Raw)
		}
		other, err := terminal.Show(steps.Files, drawing, 30, 8)()
		if err != nil || other.Raw == "" {
			t.Errorf("at another size: %v, %.40q", err, other.Raw)
		}
		gone := terminal.Clear()
		if tmux {
			gone = untmux(t, gone)
		}
		_, _, deleted := unpack(t, gone)
		if len(deleted) != 2 || deleted[0].ID != o.ID || !deleted[0].DeleteResources || deleted[0].Delete != kitty.DeleteID {
			t.Errorf("deleted %v", deleted)
		}
		if terminal.Clear() != "" {
			t.Error("deleted twice")
		}
	}
}

// place reads placeholders as a terminal does, and holds them to the picture.
func place(t *testing.T, lines []string, id, cols, rows int) {
	t.Helper()
	index := map[rune]int{}
	for i := range kittyMost {
		index[kitty.Diacritic(i)] = i
	}
	if len(lines) != rows {
		t.Fatalf("%d rows", len(lines))
	}
	for y, l := range lines {
		if w := ansi.StringWidth(l); w != cols {
			t.Errorf("row %d is %d columns wide", y, w)
		}
		color, text, _ := strings.Cut(strings.TrimPrefix(l, "\x1b[38;5;"), "m")
		low, err := strconv.Atoi(color)
		if err != nil || low < 16 {
			t.Fatalf("row %d has the colour %q", y, color)
		}
		text = strings.TrimSuffix(text, "\x1b[m")
		cells := []rune(text)
		if len(cells) != 4*cols {
			t.Fatalf("row %d has %d characters", y, len(cells))
		}
		for x := range cols {
			c := cells[4*x:]
			if c[0] != kitty.Placeholder || index[c[1]] != y || index[c[2]] != x || index[c[3]]<<24|low != id {
				t.Fatalf("cell %d,%d is %q", x, y, string(c[:4]))
			}
		}
	}
}

func TestTheTerminalsMemoryIsBounded(t *testing.T) {
	terminal, _ := NewTerminal(Options{Wish: "kitty"})
	hear(terminal, plainDA1)
	ids := map[int]bool{}
	for i := range 3 * maxHeld {
		d, err := terminal.Show(steps.Files, drawing, 20+i, 10)()
		if err != nil {
			t.Fatal(err)
		}
		var first int
		var gone []kitty.Options
		if i < maxHeld {
			o, _, _ := unpack(t, d.Raw)
			first = o.ID
		} else {
			o, _, g := unpack(t, d.Raw)
			first, gone = o.ID, g
		}
		if ids[first] {
			t.Fatalf("%d is given twice", first)
		}
		ids[first] = true
		for _, g := range gone {
			if !ids[g.ID] {
				t.Errorf("%d is deleted and was not sent", g.ID)
			}
			delete(ids, g.ID)
		}
		if len(ids) > maxHeld {
			t.Fatalf("the terminal holds %d pictures", len(ids))
		}
	}
}

func TestPaintedInKitty(t *testing.T) {
	terminal, _ := NewTerminal(Options{})
	hear(terminal, nameOld+plainDA1+saysOK)
	if !terminal.Painted() {
		t.Fatal("it is not painted")
	}
	s, err := terminal.Paint(steps.Files, drawing, image.Rect(3, 2, 73, 22))()
	if err != nil {
		t.Fatal(err)
	}
	body, ok := strings.CutPrefix(s, "\x1b7\x1b[3;4H")
	body, end := strings.CutSuffix(body, "\x1b8")
	if !ok || !end {
		t.Fatalf("%.20q", s)
	}
	o, data, _ := unpack(t, body)
	if want, _ := steps.Files.ReadFile(drawing); !bytes.Equal(data, want) || o.VirtualPlacement || o.Columns != 70 || o.Rows != 18 {
		t.Errorf("painted with %s", o)
	}
	if _, _, gone := unpack(t, terminal.Clear()); len(gone) != 1 || gone[0].ID != o.ID {
		t.Errorf("deleted %v", gone)
	}
}

func TestITerm2(t *testing.T) {
	terminal, _ := NewTerminal(Options{Wish: "iterm2"})
	hear(terminal, plainDA1)
	s, err := terminal.Paint(steps.Files, drawing, image.Rect(0, 0, 70, 30))()
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(s, "\x1b]1337;File=")
	body, _, ok := strings.Cut(body, "\x07")
	head, data, _ := strings.Cut(body, ":")
	got, err := base64.StdEncoding.DecodeString(data)
	if want, _ := steps.Files.ReadFile(drawing); !ok || err != nil || !bytes.Equal(got, want) {
		t.Errorf("what arrives is not the file: %v", err)
	}
	if head != "size="+strconv.Itoa(len(got))+";width=70;height=18;inline=1" {
		t.Errorf("sent with %q", head)
	}
}

// near reports whether two colours are as near as sixels' hundredths can say.
func near(a, b color.Color) bool {
	r, g, bl, _ := a.RGBA()
	r2, g2, b2, _ := b.RGBA()
	d := func(x, y uint32) int { return max(int(x>>8)-int(y>>8), int(y>>8)-int(x>>8)) }
	return d(r, r2) <= 3 && d(g, g2) <= 3 && d(bl, b2) <= 3
}

func TestSixel(t *testing.T) {
	flat := image.NewRGBA(image.Rect(0, 0, 40, 24))
	for x := range 40 {
		for y := range 24 {
			flat.Set(x, y, color.RGBA{uint8(x / 10 * 60), uint8(y / 6 * 60), 90, 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, flat); err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{"flat.png": {Data: b.Bytes()}}
	terminal, _ := NewTerminal(Options{})
	hear(terminal, nameXterm+sixelDA1+"\x1b[6;12;10t")
	got := sixelPicture(t, terminal, files, 4, 2)
	if got.Bounds() != flat.Bounds() {
		t.Fatalf("it is %v", got.Bounds())
	}
	for x := range 40 {
		for y := range 24 {
			if !near(got.At(x, y), flat.At(x, y)) {
				t.Fatalf("at %d,%d: %v, want %v", x, y, got.At(x, y), flat.At(x, y))
			}
		}
	}
	// A terminal says how large a picture it takes, and in how many colours.
	hear(terminal, "\x1b[?1;0;5S\x1b[?2;0;20;400S\x1b[?1;3;0S\x1b[?2;0;0;0S")
	got = sixelPicture(t, terminal, files, 4, 2)
	colors := map[color.Color]bool{}
	for x := range 20 {
		for y := range 12 {
			colors[got.At(x, y)] = true
		}
	}
	if got.Bounds() != image.Rect(0, 0, 20, 12) || len(colors) > 5 {
		t.Errorf("it is %v in %d colours", got.Bounds(), len(colors))
	}
}

// A terminal that does not tell the size of its cells may tell how much of it can
// be painted; both change with the window, so it is asked again.
func TestTheRoomForSixels(t *testing.T) {
	terminal, _ := NewTerminal(Options{})
	terminal.Update(tea.WindowSizeMsg{Width: 100, Height: 30})
	hear(terminal, nameXterm+sixelDA1+"\x1b[?2;0;900;540S")
	cells := func() (pixels, column string) {
		s, err := terminal.Paint(steps.Files, drawing, image.Rect(1, 3, 99, 13))()
		if err != nil {
			t.Fatal(err)
		}
		_, at, _ := strings.Cut(s, "\x1b[4;")
		column, _, _ = strings.Cut(at, "H")
		_, raster, _ := strings.Cut(s, "\x1bP0;1q\"1;1;")
		pixels, _, _ = strings.Cut(raster, "#")
		return pixels, column
	}
	// A cell is 9 by 18: 10 rows are 180 pixels, 360 pixels are 40 columns.
	if pixels, column := cells(); pixels != "360;180" || column != "31" {
		t.Errorf("%s pixels at column %s", pixels, column)
	}
	cmd, _ := terminal.Update(tea.WindowSizeMsg{Width: 120, Height: 40})
	if cmd == nil || cmd().(tea.RawMsg).Msg != "\x1b[16t\x1b[?2;1;0S" {
		t.Fatal("it is not asked again")
	}
	hear(terminal, "\x1b[?2;0;1200;800S")
	if pixels, column := cells(); pixels != "400;200" || column != "31" {
		t.Errorf("larger: %s pixels at column %s", pixels, column)
	}
	hear(terminal, "\x1b[6;16;8t") // its own word counts for more
	if pixels, column := cells(); pixels != "320;160" || column != "31" {
		t.Errorf("exactly: %s pixels at column %s", pixels, column)
	}
}

func sixelPicture(t *testing.T, terminal *Terminal, files fstest.MapFS, cols, rows int) image.Image {
	t.Helper()
	s, err := terminal.Paint(files, "flat.png", image.Rect(0, 0, cols, rows))()
	if err != nil {
		t.Fatal(err)
	}
	_, body, ok := strings.Cut(s, "\x1bP0;1q")
	body, _, end := strings.Cut(body, "\x1b\\")
	if !ok || !end {
		t.Fatalf("no sixels: %.40q", s)
	}
	m, err := (&sixel.Decoder{}).Decode(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPicturesThatAreNone(t *testing.T) {
	files := fstest.MapFS{"bad.png": {Data: []byte("no picture")}}
	for _, wish := range []string{"kitty", "blocks"} {
		terminal, _ := NewTerminal(Options{Wish: wish})
		hear(terminal, plainDA1)
		for _, path := range []string{"bad.png", "gone.png"} {
			if d, err := terminal.Show(files, path, 10, 5)(); err == nil || d.Raw != "" {
				t.Errorf("%s as %s: %v, %q", path, wish, err, d.Raw)
			}
		}
	}
	for _, wish := range []string{"iterm2", "sixel"} {
		terminal, _ := NewTerminal(Options{Wish: wish})
		hear(terminal, plainDA1)
		if s, err := terminal.Paint(files, "bad.png", image.Rect(0, 0, 10, 5))(); err == nil || s != "" {
			t.Errorf("as %s: %v, %q", wish, err, s)
		}
	}
}

// Whatever a terminal answers, what is made of it can be drawn.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{nameKitty + plainDA1 + saysOK, nameXterm + sixelDA1, takesFile, takesNoFile, "\x1b[?2;0;1000;1000S", "\x1b[6;20;10t", "1 kitty(0.35.2)\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		terminal, _ := NewTerminal(Options{})
		hear(terminal, s)
		terminal.Update(readTmux(s))
		l := terminal.limits
		if l.colors < 0 || l.size.X < 0 || l.size.Y < 0 || l.colors == 1 || (l.size.X == 0) != (l.size.Y == 0) {
			t.Errorf("%+v", l)
		}
		if c := terminal.Cell(); c.X < 1 || c.Y < 1 {
			t.Errorf("a cell of %v", c)
		}
		if cols, rows := terminal.Fit(image.Pt(1600, 800), 80, 20); cols < 1 || rows < 1 || cols > 80 || rows > 20 {
			t.Errorf("%d by %d", cols, rows)
		}
	})
}
