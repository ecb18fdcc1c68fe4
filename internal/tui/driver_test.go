package tui_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/dlclark/regexp2/v2"
	"github.com/rogpeppe/go-internal/diff"
	"go.uber.org/goleak"

	"workshop/internal/tui"
	"workshop/internal/tui/tuitest"
)

var update = flag.Bool("update", false, "write the golden frames anew")

func TestMain(m *testing.M) {
	time.Local = time.UTC
	// The expressions that colour code share a clock, which ends by itself. It
	// must not begin within a bubble of synctest, where it would never end.
	clock := regexp2.MustCompile("x")
	clock.MatchTimeout = time.Hour
	if _, err := clock.MatchString("x"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/dlclark/regexp2/v2.runClock"))
}

// driver runs the screens of a fake session in one test, on a clock of its own:
// time passes only while the driver waits.
type driver struct {
	t      *testing.T
	s      *tuitest.Session
	m      *tui.Model
	w, h   int
	msgs   chan tea.Msg
	ctx    context.Context
	cancel context.CancelFunc
	quit   bool
	copied string
	raw    string   // what went to the terminal beside the frames
	ran    []string // what was given the terminal, with what was said before
	ends   error    // how that ends
	moans  string   // what it writes to its standard error
}

// drive opens the screens at a size and runs the script.
func drive(t *testing.T, s func() *tuitest.Session, w, h int, o tui.Options, script func(*driver)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		st := &driver{t: t, s: s(), w: w, h: h, msgs: make(chan tea.Msg), ctx: ctx, cancel: cancel}
		st.m = tui.NewModel(ctx, st.s, o)
		st.m.SetExec(func(args []string, says string, errOut io.Writer) error {
			if errOut != nil {
				io.WriteString(errOut, st.moans)
			}
			st.ran = append(st.ran, strings.Join(args, " ")+says)
			return st.ends
		})
		defer func() {
			st.m.CloseJobs(cancel)
			time.Sleep(time.Minute) // the last tick goes off
		}()
		st.run(st.m.Init())
		st.resize(w, h)
		st.wait(555 * time.Millisecond) // not together with what the session does
		script(st)
	})
}

func (st *driver) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	go func() {
		msg := cmd()
		select {
		case st.msgs <- msg:
		case <-st.ctx.Done():
		}
	}()
}

func (st *driver) handle(msg tea.Msg) {
	switch msg := msg.(type) {
	case nil:
		return
	case tea.BatchMsg:
		for _, c := range msg {
			st.run(c)
		}
		return
	case tea.QuitMsg:
		st.quit = true
		return
	case tea.RawMsg:
		st.raw += fmt.Sprint(msg.Msg)
	}
	switch v := reflect.ValueOf(msg); v.Type().Name() {
	case "setClipboardMsg":
		st.copied = v.String()
	case "clearScreenMsg":
		st.raw += "<clear>"
	case "sequenceMsg":
		st.run(func() tea.Msg {
			for i := range v.Len() {
				if cmd := v.Index(i).Interface().(tea.Cmd); cmd != nil {
					select {
					case st.msgs <- cmd():
					case <-st.ctx.Done():
					}
				}
			}
			return nil
		})
		return
	}
	_, cmd := st.m.Update(msg)
	st.check()
	st.run(cmd)
}

// check holds every frame to the size of the screen.
func (st *driver) check() {
	st.t.Helper()
	frame := st.m.View().Content
	if frame == "" {
		return
	}
	lines := strings.Split(frame, "\n")
	if len(lines) != st.h {
		st.t.Fatalf("the frame has %d lines on a screen of %d:\n%s", len(lines), st.h, ansi.Strip(frame))
	}
	for i, l := range lines {
		if n := ansi.StringWidth(l); n > st.w {
			st.t.Fatalf("line %d is %d wide on a screen of %d:\n%s", i, n, st.w, ansi.Strip(frame))
		}
	}
}

// wait lets time pass.
func (st *driver) wait(d time.Duration) {
	st.t.Helper()
	end := time.After(d)
	for {
		select {
		case msg := <-st.msgs:
			st.handle(msg)
		case <-end:
			return
		}
	}
}

func (st *driver) resize(w, h int) {
	st.w, st.h = w, h
	st.handle(tea.WindowSizeMsg{Width: w, Height: h})
}

var named = map[string]rune{"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "up": tea.KeyUp, "down": tea.KeyDown,
	"left": tea.KeyLeft, "right": tea.KeyRight, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "backspace": tea.KeyBackspace,
	"home": tea.KeyHome, "end": tea.KeyEnd}

// press sends keys; a word that names no key is typed letter by letter.
func (st *driver) press(keys ...string) {
	st.t.Helper()
	for _, k := range keys {
		switch {
		case k == "ctrl+c", k == "ctrl+s":
			st.handle(tea.KeyPressMsg{Code: rune(k[5]), Mod: tea.ModCtrl})
		case named[k] != 0:
			st.handle(tea.KeyPressMsg{Code: named[k]})
		default:
			for _, r := range k {
				st.handle(tea.KeyPressMsg{Code: r, Text: string(r)})
			}
		}
		st.wait(10 * time.Millisecond)
	}
}

// keyOf returns the key of a page.
func keyOf(slug string) string {
	for _, p := range tui.Pages() {
		if p.Slug == slug {
			return p.Key
		}
	}
	panic("there is no page " + slug)
}

// open presses the key of a page.
func (st *driver) open(slug string) {
	st.t.Helper()
	st.press(keyOf(slug))
}

func (st *driver) screen() string { return ansi.Strip(st.m.View().Content) }

// sees fails the test unless the screen shows all of these.
func (st *driver) sees(texts ...string) {
	st.t.Helper()
	screen := st.screen()
	flat := strings.Join(strings.Fields(screen), " ")
	for _, x := range texts {
		if !strings.Contains(screen, x) && !strings.Contains(flat, x) {
			st.t.Fatalf("the screen does not show %q:\n%s", x, screen)
		}
	}
}

func (st *driver) seesNot(texts ...string) {
	st.t.Helper()
	for _, x := range texts {
		if strings.Contains(st.screen(), x) {
			st.t.Fatalf("the screen shows %q:\n%s", x, st.screen())
		}
	}
}

// called fails the test unless the session was asked these things, in order
// and with nothing else of their kind between.
func (st *driver) called(want ...string) {
	st.t.Helper()
	var got []string
	for _, c := range st.s.Calls() {
		if c != "watch" && !strings.HasPrefix(c, "check ") {
			got = append(got, c)
		}
	}
	if strings.Join(got, "; ") != strings.Join(want, "; ") {
		st.t.Fatalf("the session was asked %q, not %q", got, want)
	}
}

// golden holds what the page shows, its notice and its hints against
// testdata/NAME-WxH.txt: everything but what the frame shows around every page.
func (st *driver) golden(name string) {
	st.t.Helper()
	st.wait(40 * time.Millisecond) // lines that were held back have come
	st.compare(fmt.Sprintf("%s-%dx%d.txt", name, st.w, st.h), plain(st.body())+st.m.PageHints()+"\n")
}

// coloured is golden with the colours, without the hints.
func (st *driver) coloured(name string) {
	st.t.Helper()
	st.compare(fmt.Sprintf("%s-%dx%d.ansi", name, st.w, st.h), st.body())
}

// frame holds the whole frame against testdata/frame-NAME-WxH.txt. Pages are held
// by golden: a frame changes with every page that is added.
func (st *driver) frame(name string) {
	st.t.Helper()
	st.wait(40 * time.Millisecond)
	st.compare(fmt.Sprintf("frame-%s-%dx%d.txt", name, st.w, st.h), plain(st.m.View().Content+"\n"))
}

// body is the frame without the line at the top with its rule, and without the
// line of keys at the bottom.
func (st *driver) body() string {
	lines := strings.SplitAfter(st.m.View().Content+"\n", "\n")
	return strings.Join(lines[2:len(lines)-2], "") // the last is empty
}

// plain is a screen's text without styles and without blanks at the end of lines.
func plain(screen string) string {
	lines := strings.Split(ansi.Strip(screen), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n")
}

func (st *driver) compare(file, got string) {
	st.t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			st.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			st.t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		st.t.Fatalf("%v; go test ./internal/tui -update writes it", err)
	}
	if got != string(want) {
		st.t.Errorf("%s differs (go test ./internal/tui -update writes it anew; look at it then):\n%s", path, diff.Diff("want", want, "got", []byte(got)))
	}
}

func key(s string) tea.KeyPressMsg {
	if c := named[s]; c != 0 {
		return tea.KeyPressMsg{Code: c}
	}
	return tea.KeyPressMsg{Code: rune(s[0]), Text: s}
}
