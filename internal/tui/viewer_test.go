package tui_test

import (
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi/kitty"

	"workshop/internal/lesson"
	"workshop/internal/tui"
	"workshop/internal/tui/picture"
	"workshop/internal/tui/tuitest"
	"workshop/steps"
)

// illustrated is a session whose first step has a picture.
func illustrated() *tuitest.Session {
	s := tuitest.New()
	s.Images = steps.Files
	s.Course.Steps[0].Blocks = append([]lesson.Block{{
		Kind: lesson.Image, ID: "drawing", Source: "images/Architecture.png", Text: []lesson.Span{{Text: "All of it"}},
	}}, s.Course.Steps[0].Blocks...)
	return s
}

// look runs the screens in a terminal in colours that gives these answers.
func look(t *testing.T, o picture.Options, answers []tea.Msg, script func(*driver)) {
	drive(t, illustrated, 100, 30, tui.Options{Pictures: o}, func(st *driver) {
		st.handle(tea.ColorProfileMsg{Profile: colorprofile.TrueColor})
		for _, a := range answers {
			st.handle(a)
		}
		st.wait(time.Second)
		script(st)
	})
}

var (
	attributes = uv.PrimaryDeviceAttributesEvent{62, 4}
	inKitty    = []tea.Msg{attributes, tea.TerminalVersionMsg{Name: "kitty(0.35.2)"},
		uv.KittyGraphicsEvent{Options: kitty.Options{ID: 31}, Payload: []byte("OK")}}
	inXterm = []tea.Msg{attributes, tea.TerminalVersionMsg{Name: "XTerm(379)"}}
)

func TestAPictureAsBlocks(t *testing.T) {
	look(t, picture.Options{}, nil, func(st *driver) {
		st.sees("All of it", "▌")
		st.press("tab")
		st.sees("enter shows it large")
		before := st.screen()
		st.press("enter")
		st.wait(time.Second)
		st.sees("All of it", "▌", "esc back")
		st.seesNot("Welcome", "enter shows it large")
		st.golden("picture")
		st.resize(80, 24)
		st.wait(time.Second)
		st.golden("picture")
		st.resize(100, 30)
		st.press("x") // any key goes back, and does nothing else
		if st.screen() != before {
			t.Errorf("the place was lost:\n%s", st.screen())
		}
		if strings.Contains(st.raw, "\x1b_G") || strings.Contains(st.raw, "<clear>") {
			t.Errorf("the terminal was sent %q", st.raw)
		}
	})
}

func TestAPictureInKitty(t *testing.T) {
	look(t, picture.Options{}, inKitty, func(st *driver) {
		sent := func() int { return strings.Count(st.raw, "a=T") }
		st.sees("All of it", string(kitty.Placeholder))
		if sent() != 1 {
			t.Fatalf("the picture was sent %d times", sent())
		}
		st.press("tab", "enter")
		st.wait(time.Second)
		st.sees("All of it", string(kitty.Placeholder), "esc back")
		st.press("esc", "n", "p") // the step is left and opened again
		st.wait(time.Second)
		st.sees(string(kitty.Placeholder))
		if sent() != 2 {
			t.Errorf("two sizes were sent %d times", sent())
		}
		st.handle(tea.ResumeMsg{})
		st.press("q")
		st.wait(time.Second)
		if n := strings.Count(st.raw, "a=d"); n != 2 || !st.quit {
			t.Errorf("%d pictures were deleted; the program has ended: %v", n, st.quit)
		}
	})
}

func TestAPictureComesBackAfterASuspension(t *testing.T) {
	look(t, picture.Options{}, inKitty, func(st *driver) {
		st.handle(tea.KeyPressMsg{Code: 'z', Mod: tea.ModCtrl})
		st.wait(time.Second)
		st.handle(tea.ResumeMsg{})
		st.wait(time.Second)
		st.sees(string(kitty.Placeholder))
		if n, gone := strings.Count(st.raw, "a=T"), strings.Count(st.raw, "a=d"); n != 2 || gone != 1 {
			t.Errorf("sent %d times, deleted %d times", n, gone)
		}
	})
}

// A late answer changes what is shown, and where.
func TestALateAnswer(t *testing.T) {
	look(t, picture.Options{}, nil, func(st *driver) {
		st.press("tab", "enter")
		st.wait(time.Second)
		for _, a := range inKitty {
			st.handle(a)
		}
		st.wait(time.Second)
		st.sees(string(kitty.Placeholder))
		st.press("esc")
		st.wait(time.Second)
		st.sees(string(kitty.Placeholder))
		st.seesNot("▌")
	})
}

// What is painted at the cursor is painted on a frame that is blank already, and
// taken away before the text comes back.
func TestAPictureInSixels(t *testing.T) {
	look(t, picture.Options{}, inXterm, func(st *driver) {
		st.sees("▌")
		st.press("tab")
		st.raw = ""
		st.press("enter")
		st.wait(2 * time.Second)
		if st.raw != "<clear>\x1b[c" {
			t.Fatalf("before the terminal has answered it was sent %.60q", st.raw)
		}
		st.sees("All of it")
		st.seesNot("▌")
		st.handle(attributes)
		st.wait(time.Second)
		if n := strings.Count(st.raw, "\x1bP0;1q"); n != 1 {
			t.Fatalf("the picture was painted %d times", n)
		}
		st.handle(attributes) // answered once more
		st.wait(time.Second)
		if n := strings.Count(st.raw, "\x1bP0;1q"); n != 1 {
			t.Errorf("the picture was painted %d times", n)
		}
		st.raw = ""
		st.press("esc")
		if st.raw != "<clear>" {
			t.Errorf("the screen was left with %.60q", st.raw)
		}
		st.sees("▌")
	})
}

// With too few colours for blocks a terminal can still paint.
func TestSixelsInSixteenColours(t *testing.T) {
	look(t, picture.Options{}, inXterm, func(st *driver) {
		st.handle(tea.ColorProfileMsg{Profile: colorprofile.ANSI})
		st.sees("[picture: All of it]")
		st.press("tab")
		st.sees("enter shows it large")
		st.press("enter")
		st.wait(2 * time.Second)
		st.handle(attributes)
		st.wait(time.Second)
		if !strings.Contains(st.raw, "\x1bP0;1q") {
			t.Errorf("the picture was not painted")
		}
	})
}

func TestNoPictures(t *testing.T) {
	look(t, picture.Options{Wish: "none"}, inKitty, func(st *driver) {
		st.sees("[picture: All of it]")
		st.press("tab", "enter")
		st.seesNot("enter shows it large")
	})
}
