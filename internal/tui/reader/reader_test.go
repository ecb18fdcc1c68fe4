package reader

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"workshop/internal/lesson"
	"workshop/internal/tui/keys"
	"workshop/internal/tui/style"
	"workshop/steps"
)

var update = flag.Bool("update", false, "write the golden files again")

func step(t testing.TB, file string) *lesson.Step {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := lesson.Parse(filepath.Base(file), src)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func parse(t testing.TB, src string) *lesson.Step {
	t.Helper()
	s, err := lesson.Parse("x.md", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// show returns the view without colours, and checks that it fills its rectangle.
func show(t testing.TB, r *Reader) string {
	t.Helper()
	v := r.View()
	lines := strings.Split(v, "\n")
	if len(lines) != r.h {
		t.Errorf("the view has %d rows, want %d", len(lines), r.h)
	}
	for i, l := range lines {
		if w := ansi.StringWidth(l); w != r.w {
			t.Errorf("row %d is %d columns wide, want %d: %q", i, w, r.w, ansi.Strip(l))
		}
		lines[i] = strings.TrimRight(ansi.Strip(l), " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

// press sends keys and returns what they ask for.
func press(t testing.TB, r *Reader, pressed ...string) (requests []Request) {
	t.Helper()
	table := keys.Table(Keys(func() *Reader { return r }, func(q Request) tea.Cmd {
		requests = append(requests, q)
		return nil
	}))
	for _, k := range pressed {
		var m tea.KeyPressMsg
		switch k {
		case "tab":
			m.Code = tea.KeyTab
		case "shift+tab":
			m.Code, m.Mod = tea.KeyTab, tea.ModShift
		case "enter":
			m.Code = tea.KeyEnter
		case "down":
			m.Code = tea.KeyDown
		case "pgdown":
			m.Code = tea.KeyPgDown
		case "home":
			m.Code = tea.KeyHome
		case "end":
			m.Code = tea.KeyEnd
		default:
			m.Code, m.Text = rune(k[0]), k
		}
		if m.String() != k {
			t.Fatalf("the key %q calls itself %q", k, m.String())
		}
		table.Press(m)
	}
	return requests
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update writes it again); got:\n%s", file, got)
	}
}

const dialect = "../../lesson/testdata/dialect.md"

func TestFrames(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}, {200, 60}} {
		for _, unicode := range []bool{true, false} {
			r := New(step(t, dialect), style.New(true, unicode), nil)
			r.SetVars(func(n string) (string, bool) { return "http://localhost:18080", n == "outputs.url" })
			r.SetSize(size[0], size[1])
			var b strings.Builder
			b.WriteString(show(t, r))
			press(t, r, "tab", "tab", "tab", "enter")
			b.WriteString("= the foldable block opened =\n" + show(t, r))
			press(t, r, "end")
			b.WriteString("= the end =\n" + show(t, r))
			if !unicode {
				if i := strings.IndexFunc(b.String(), func(r rune) bool { return r > 0x7e && r != 0xa0 }); i >= 0 {
					t.Errorf("without Unicode there is %q", b.String()[i:i+3])
				}
				continue
			}
			golden(t, fmt.Sprintf("dialect.%dx%d.txt", size[0], size[1]), b.String())
		}
	}
}

func TestEverySizeIsFilled(t *testing.T) {
	s := step(t, dialect)
	for w := 1; w < 130; w += 3 {
		r := New(s, style.New(false, true), nil)
		r.SetSize(w, 7)
		press(t, r, "tab", "tab", "tab", "enter", "tab")
		for range 30 {
			if t.Failed() {
				t.Fatalf("at width %d", w)
			}
			show(t, r)
			press(t, r, "pgdown")
		}
	}
}

func TestRunAndCopy(t *testing.T) {
	r := New(step(t, dialect), style.New(true, true), nil)
	r.SetSize(80, 24)
	if got := press(t, r, "y", "enter"); len(got) != 0 {
		t.Fatalf("without a focus something was done: %v", got)
	}
	if got := press(t, r, "y"); !reflect.DeepEqual(got, []Request{Copy{"terraform plan"}}) {
		t.Errorf("copying gave %v", got)
	}
	want := []Request{Missing{"dialect", "code-ask-the-service", []string{"outputs.url"}}}
	if got := press(t, r, "tab", "enter"); !reflect.DeepEqual(got, want) {
		t.Errorf("running without a value gave %v, want %v", got, want)
	}
	r.SetVars(func(n string) (string, bool) { return "http://localhost:1", n == "outputs.url" })
	want = []Request{Run{"dialect", "code-ask-the-service", "bash", "curl http://localhost:1/"}}
	if got := press(t, r, "enter"); !reflect.DeepEqual(got, want) {
		t.Errorf("running gave %v, want %v", got, want)
	}
	if !strings.Contains(show(t, r), "enter runs") {
		t.Error("the focused block does not say what enter does")
	}
	if !r.Blur() || r.Blur() || strings.Contains(show(t, r), "enter runs") {
		t.Error("the focus stayed")
	}
}

func TestFocusWalksWhatIsOpen(t *testing.T) {
	r := New(step(t, dialect), style.New(true, true), nil)
	r.SetSize(80, 100)
	walk := func() (ids []string) {
		r.Blur()
		for {
			press(t, r, "tab")
			if len(ids) > 0 && r.focus == ids[0] {
				return ids
			}
			ids = append(ids, r.focus)
		}
	}
	closed := []string{"code", "code-ask-the-service", "admonition-closed-with-code-in-the-title", "admonition-tip", "tabs-linux", "code-3"}
	if got := walk(); !reflect.DeepEqual(got, closed) {
		t.Errorf("the focus went over %q, want %q", got, closed)
	}
	press(t, r, "tab", "tab", "enter")
	if got := walk(); len(got) != 7 || got[3] != "code-2" {
		t.Errorf("with the block open, the focus went over %q", got)
	}
	r.Blur()
	press(t, r, "shift+tab", "shift+tab", "enter") // to the other tab: its code goes
	if got := walk(); len(got) != 6 || r.tabs["tabs-linux"] != 1 || !strings.Contains(show(t, r), "[macOS]") {
		t.Errorf("on the other tab, the focus went over %q", got)
	}
}

func TestPlaceIsKept(t *testing.T) {
	s := step(t, dialect)
	r := New(s, style.New(true, true), nil)
	r.SetSize(80, 10)
	press(t, r, "tab", "tab", "tab", "enter", "down", "down")
	want, state := show(t, r), r.State()

	again := New(s, style.New(true, true), nil)
	again.SetSize(80, 10)
	again.Restore(state)
	if got := show(t, again); got != want {
		t.Errorf("restored to\n%s\nwant\n%s", got, want)
	}
	if !bytes.Equal(again.State(), state) {
		t.Errorf("the state changed from %s to %s", state, again.State())
	}
	before := New(s, style.New(true, true), nil)
	before.Restore(state)
	before.SetSize(80, 10)
	if got := show(t, before); got != want {
		t.Errorf("restored before the size was known to\n%s", got)
	}

	first := strings.SplitN(want, "\n", 2)[0]
	r.SetSize(60, 10)
	show(t, r)
	r.SetSize(80, 10)
	if got := strings.SplitN(show(t, r), "\n", 2)[0]; got != first {
		t.Errorf("after two changes of size the first line is %q, want %q", got, first)
	}
	for _, bad := range []string{"", "{", "[]", `{"block":"gone","offset":-5,"focus":"gone","tabs":{"tabs-linux":99}}`} {
		again.Restore([]byte(bad))
		show(t, again)
	}
}

func TestFoldingKeepsTheHeadInView(t *testing.T) {
	r := New(parse(t, "# T\n\n??? info \"Long\"\n    a\n\n"+strings.Repeat("    more\n\n", 50)+"## end\n"), style.New(true, true), nil)
	r.SetSize(40, 6)
	press(t, r, "tab", "enter")
	r.scroll(30)
	press(t, r, "enter")
	if v := show(t, r); !strings.Contains(v, "Long") || strings.Contains(v, "more") {
		t.Errorf("after folding:\n%s", v)
	}
}

func TestScrollingStopsAtTheEnds(t *testing.T) {
	r := New(parse(t, "# T\n\n"+strings.Repeat("line\n\n", 40)), style.New(true, true), nil)
	r.SetSize(40, 10)
	for _, c := range []struct {
		key  string
		want int
	}{{"end", 69}, {"down", 69}, {"home", 0}, {"k", 0}, {"j", 1}, {"pgdown", 10}, {"G", 69}, {"g", 0}} {
		press(t, r, c.key)
		if top, lines, _ := r.Position(); top != c.want || lines != 79 {
			t.Errorf("%s: at line %d of %d, want %d of 79", c.key, top, lines, c.want)
		}
	}
	r.Update(tea.MouseWheelMsg{Button: tea.MouseWheelDown})
	if top, _, _ := r.Position(); top != 3 {
		t.Errorf("the wheel went to line %d", top)
	}
}

func TestPicture(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 160, 40))
	for x := range 160 {
		for y := range 40 {
			img.Set(x, y, color.RGBA{uint8(x), 0, uint8(y), 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	images := fstest.MapFS{"a.png": {Data: b.Bytes()}, "bad.png": {Data: []byte("no picture")}}
	r := New(parse(t, "# T\n\n![What it shows](a.png)\n\n![Broken](bad.png)\n\n![Gone](gone.png)\n\nbelow\n"), style.New(true, true), images)
	r.SetSize(60, 20)
	if v := show(t, r); !strings.Contains(v, "[picture: What it shows]") || r.Prepare() != nil {
		t.Errorf("without colours:\n%s", v)
	}
	cmd := r.Update(tea.ColorProfileMsg{Profile: colorprofile.TrueColor})
	if cmd == nil {
		t.Fatal("the picture is not asked for")
	}
	at := strings.Index(show(t, r), "below")
	msg := cmd()
	if batch, ok := msg.(tea.BatchMsg); ok {
		t.Fatalf("%d commands, want one", len(batch))
	}
	r.Update(msg)
	v := show(t, r)
	if strings.Count(v, "\n")-strings.Count(v[strings.Index(v, "below"):], "\n") != 7+1+1+1+1+1+1 {
		t.Errorf("the picture has another height:\n%s", v)
	}
	if at < 0 || !strings.Contains(r.View(), "\x1b[48;2;") || !strings.Contains(v, "What it shows") {
		t.Errorf("the picture is not drawn:\n%s", v)
	}
	if !strings.Contains(v, "[picture: Broken]") || !strings.Contains(v, "[picture: Gone]") {
		t.Errorf("pictures that are not there:\n%s", v)
	}
	if r.Prepare() != nil {
		t.Error("the picture is asked for again")
	}
}

func TestWithoutUnicodeNothingElseIsDrawn(t *testing.T) {
	r := New(parse(t, "# T\n\nDon’t – wait… 漢 é → done\n\n```\na ─┬─ b\n```\n\n- [x] x\n"), style.New(true, false), nil)
	r.SetSize(40, 8)
	v := show(t, r)
	if i := strings.IndexFunc(v, func(r rune) bool { return r > 0x7e }); i >= 0 {
		t.Errorf("there is %q in\n%s", v[i:i+4], v)
	}
	if !strings.HasPrefix(v, "Don't - wait. ?? ? > done") || !strings.Contains(v, "a -+- b") {
		t.Errorf("drawn as\n%s", v)
	}
}

func TestStepsOfTheWorkshop(t *testing.T) {
	c, err := lesson.Load(steps.Files)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range c.Steps {
		for _, size := range [][2]int{{58, 10}, {80, 24}, {120, 40}, {200, 60}} {
			r := New(s, style.New(true, true), steps.Files)
			r.SetSize(size[0], size[1])
			for p := range r.spots() {
				r.folds[p.block.ID] = true
			}
			r.all()
			for top := -1; top != r.sight.Top; press(t, r, "pgdown") {
				top = r.sight.Top
				if v := show(t, r); strings.Contains(v, "{{") || strings.Contains(v, "???") {
					t.Errorf("%s: markup shows at %v:\n%s", s.File, size, v)
				}
			}
		}
	}
}

// large is Markdown of about a megabyte with every kind of block.
func large(t testing.TB) *lesson.Step {
	src, err := os.ReadFile(dialect)
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := bytes.Cut(src[4:], []byte("---\n"))
	body = bytes.ReplaceAll(body, []byte("[^1]"), nil)
	s, _ := lesson.Parse("large.md", append([]byte("# Large\n\n"), bytes.Repeat(body, 1<<20/len(body))...))
	return s
}

func BenchmarkOpen(b *testing.B) {
	src, err := os.ReadFile(dialect)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, _ := lesson.Parse("x.md", src)
		r := New(s, style.New(true, true), nil)
		r.SetSize(200, 60)
		r.View()
	}
}

// longCode is a step with a block of code that is one long line.
func longCode(t testing.TB, line string) *Reader {
	r := New(parse(t, "# Long\n\n```text\n"+line+"\n```\n"), style.New(true, true), nil)
	r.SetSize(80, 24)
	return r
}

// A line of code of any length is shown whole, on as many rows as it takes.
func TestLongLineOfCode(t *testing.T) {
	for name, piece := range map[string]string{"ASCII": "0123456789", "wide": "漢字 ", "accents": "e\u0301a"} {
		t.Run(name, func(t *testing.T) {
			line := strings.Repeat(piece, 256<<10/len(piece))
			r := longCode(t, line)
			show(t, r)
			var got strings.Builder
			for _, l := range r.parts[len(r.parts)-1].lines {
				for _, s := range l.segs[2 : len(l.segs)-1] { // without the bar and the filling
					got.WriteString(s.text)
				}
			}
			if got.String() != line {
				t.Errorf("%d bytes are shown, not the %d of the line", got.Len(), len(line))
			}
		})
	}
}

// BenchmarkLongLineOfCode lays out a line of code; the throughput is the same for any
// length.
func BenchmarkLongLineOfCode(b *testing.B) {
	for _, kb := range []int{64, 256} {
		b.Run(fmt.Sprintf("%dKB", kb), func(b *testing.B) {
			r := longCode(b, strings.Repeat("0123456789", kb<<10/10))
			b.SetBytes(int64(kb) << 10)
			for b.Loop() {
				r.all()
				r.View()
			}
		})
	}
}

func BenchmarkOpenMegabyte(b *testing.B) {
	s := large(b)
	for b.Loop() {
		r := New(s, style.New(true, true), nil)
		r.SetSize(200, 60)
		r.View()
	}
}

func BenchmarkScrollMegabyte(b *testing.B) {
	r := New(large(b), style.New(true, true), nil)
	r.SetSize(200, 60)
	r.View()
	down := tea.KeyPressMsg{Code: tea.KeyPgDown}
	home := tea.KeyPressMsg{Code: tea.KeyHome}
	for b.Loop() {
		if top, n, h := r.Position(); top+h >= n {
			r.scrollKey(home)
		}
		r.scrollKey(down)
		r.View()
	}
}

// A pane that opens below the text takes room, and not the block out of sight
// that it is about.
func TestFocusStaysInSightWhenRoomIsTaken(t *testing.T) {
	r := New(step(t, dialect), style.New(true, true), nil)
	r.SetSize(80, 20)
	press(t, r, "tab")
	for range 30 {
		press(t, r, "tab")
		for _, h := range []int{6, 20, 9} {
			r.SetSize(80, h)
			if b := r.focused(); b == nil {
				t.Fatal("nothing has the focus")
			}
			for s := range r.spots() {
				if s.block.ID == r.focus && !r.visible(s) {
					t.Fatalf("%s is out of sight in %d rows", r.focus, h)
				}
			}
		}
		r.SetSize(80, 20)
	}
}

func TestOffers(t *testing.T) {
	r := New(parse(t, "~~~ { .hcl .set }\na = \"{{ vars.b }}\"\n~~~\n\n[x](#y)\n\n[*w*eb](https://a.b)\n\n[a](#y) [b](#y)\n\n[one](#page:live) and more\n\n## Y\n\n!!! note\n    ## Inner one\n"), style.New(true, true), nil)
	r.SetSize(80, 4)
	msgs := press(t, r, "tab", "enter")
	if _, ok := msgs[0].(Missing); len(msgs) != 1 || !ok {
		t.Errorf("a value that is not known was set: %#v", msgs)
	}
	r.SetVars(func(string) (string, bool) { return "3", true })
	msgs = press(t, r, "enter", "tab", "enter", "tab", "enter")
	if len(msgs) != 3 {
		t.Fatalf("%#v", msgs)
	}
	if m, ok := msgs[0].(Act); !ok || len(m.Action.Settings) != 1 || m.Action.Settings[0].Value != "3" {
		t.Errorf("%#v", msgs[0])
	}
	if m, ok := msgs[1].(Act); !ok || m.Action.Verb != lesson.Visit || m.Action.Anchor != "y" {
		t.Errorf("%#v", msgs[1])
	}
	if m, ok := msgs[2].(Copy); !ok || m.Text != "https://a.b" {
		t.Errorf("%#v", msgs[2])
	}
	press(t, r, "tab")
	if enter, _ := r.Focused(); enter != "set a" {
		t.Errorf("a link within a paragraph had the focus: %q", enter)
	}
	if !r.GoAnchor("y") || r.Under() == "" || !r.GoAnchor("inner-one") || r.GoAnchor("none") {
		t.Error("anchors do not lead to headings")
	}
}
