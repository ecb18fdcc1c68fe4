package tui_test

import (
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/fargate"
	"workshop/internal/tui"
	"workshop/internal/tui/tuitest"
)

func TestDesktopFromEnv(t *testing.T) {
	for name, c := range map[string]struct {
		env      map[string]string
		progress bool
		notify   string
	}{
		"unknown":          {map[string]string{"TERM": "xterm-256color"}, false, ""},
		"iTerm2":           {map[string]string{"TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.6.6"}, true, "\x1b]9;a; b\a"},
		"iTerm2, older":    {map[string]string{"TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.5.14"}, false, "\x1b]9;a; b\a"},
		"iTerm2, no name":  {map[string]string{"TERM_PROGRAM": "iTerm.app"}, false, "\x1b]9;a; b\a"},
		"Ghostty":          {map[string]string{"TERM_PROGRAM": "ghostty"}, true, "\x1b]9;a; b\a"},
		"Ghostty, in tmux": {map[string]string{"TERM_PROGRAM": "ghostty", "TMUX": "/tmp/tmux"}, false, ""},
		"kitty":            {map[string]string{"KITTY_WINDOW_ID": "1"}, false, "\x1b]99;;a; b\a"},
		"foot":             {map[string]string{"TERM": "foot"}, false, "\x1b]777;notify;workshop;a, b\x1b\\"},
		"Windows Terminal": {map[string]string{"WT_SESSION": "x"}, true, ""},
		"GNOME Terminal":   {map[string]string{"VTE_VERSION": "7900"}, true, ""},
		"VTE, older":       {map[string]string{"VTE_VERSION": "7800"}, false, ""},
		"asked for":        {map[string]string{"TERM": "xterm", "WORKSHOP_NOTIFY": "777"}, false, "\x1b]777;notify;workshop;a, b\x1b\\"},
		"turned off":       {map[string]string{"TERM_PROGRAM": "ghostty", "WORKSHOP_NOTIFY": "off"}, false, ""},
		"nonsense":         {map[string]string{"TERM_PROGRAM": "ghostty", "WORKSHOP_NOTIFY": "8"}, true, "\x1b]9;a; b\a"},
	} {
		d := tui.Options{}.FromEnv(func(k string) string { return c.env[k] }).Desktop
		got := ""
		if d.Notify != nil {
			got = d.Notify("a; b")
		}
		if d.Progress != c.progress || got != c.notify {
			t.Errorf("%s: progress %v, notification %q", name, d.Progress, got)
		}
	}
}

func desktop() tui.Options {
	return tui.Options{Desktop: tui.Desktop{Progress: true, Notify: func(text string) string { return "<" + text + ">" }}}
}

// What ends while somebody looks at another page, or at another window, is told to the
// desktop; what is in front of them is not.
func TestNotifications(t *testing.T) {
	deploy := func(st *driver) {
		st.open("deploy")
		st.press("p")
		st.wait(20 * time.Second)
		st.press("a", "y")
		st.wait(2 * time.Second)
	}
	const complete = "<The apply is complete>"
	drive(t, tuitest.New, 80, 24, desktop(), func(st *driver) {
		deploy(st)
		if p := st.m.View().ProgressBar; p == nil || p.State != tea.ProgressBarDefault {
			t.Errorf("the terminal's progress is %+v", p)
		}
		st.wait(5 * time.Minute)
		if p := st.m.View().ProgressBar; p != nil {
			t.Errorf("at the end the terminal's progress is %+v", p)
		}
		if strings.Contains(st.raw, "<The") {
			t.Errorf("somebody looks at the page, and is told %q", st.raw)
		}
	})
	drive(t, tuitest.New, 80, 24, desktop(), func(st *driver) {
		deploy(st)
		st.open("guide")
		st.wait(5 * time.Minute)
		if strings.Count(st.raw, complete) != 1 {
			t.Errorf("on another page: %q", st.raw)
		}
	})
	drive(t, tuitest.New, 80, 24, desktop(), func(st *driver) {
		deploy(st)
		st.handle(tea.BlurMsg{})
		st.wait(5 * time.Minute)
		if strings.Count(st.raw, complete) != 1 {
			t.Errorf("in another window: %q", st.raw)
		}
	})
	drive(t, tuitest.New, 80, 24, tui.Options{}, func(st *driver) {
		deploy(st)
		st.open("guide")
		st.wait(5 * time.Minute)
		if strings.Contains(st.raw, "<The") || st.m.View().ProgressBar != nil || st.m.View().ReportFocus {
			t.Errorf("a terminal that is not known is told %q", st.raw)
		}
	})
}

func TestMouse(t *testing.T) {
	drive(t, tuitest.NewUp, 80, 24, tui.Options{}, func(st *driver) {
		if st.m.View().MouseMode != tea.MouseModeNone {
			t.Error("the mouse is on at first")
		}
		st.press("M")
		if st.m.View().MouseMode == tea.MouseModeNone {
			t.Error("the mouse is off")
		}
		st.handle(tea.MouseClickMsg{Button: tea.MouseLeft, X: strings.Index(bottom(st), "3"), Y: 23})
		st.sees("3 Live", "Service web")
		before := st.screen()
		st.handle(tea.MouseWheelMsg{Button: tea.MouseWheelDown, X: 5, Y: 10})
		if st.screen() == before {
			t.Error("the wheel moves nothing")
		}
		st.press("M")
		if st.m.View().MouseMode != tea.MouseModeNone {
			t.Error("the mouse is still on")
		}
	})
	drive(t, manyServices, 80, 24, viewer(fargate.Place{}), func(st *driver) {
		st.handle(tea.MouseClickMsg{Button: tea.MouseLeft, X: 5, Y: 2 + 6})
		st.handle(tea.MouseClickMsg{Button: tea.MouseLeft, X: 5, Y: 2 + 6})
		st.called("look at shop checkout")
		st.handle(tea.MouseClickMsg{Button: tea.MouseLeft, X: 1, Y: 23})
		st.handle(tea.MouseClickMsg{Button: tea.MouseLeft, X: 5, Y: 20}) // below the list
		st.handle(tea.MouseClickMsg{Button: tea.MouseLeft, X: 5, Y: 0})
		st.sees("1 Services")
	})
}

// bottom is the line of keys.
func bottom(st *driver) string {
	lines := strings.Split(st.screen(), "\n")
	return lines[len(lines)-1]
}
