package tui_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"workshop/internal/lesson"
	"workshop/internal/session"
	"workshop/internal/tui"
	"workshop/internal/tui/picture"
	"workshop/internal/tui/tuitest"
	"workshop/steps"
)

// terminal is what Run writes to.
type terminal struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text.Write(p)
	select {
	case t.more <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (t *terminal) has(s string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Contains(t.text.String(), s)
}

// Run ends when its context does, and waits for a Terraform that runs: the
// session is asked to stop and everything that was begun has ended.
func TestRunEndsWithItsContext(t *testing.T) {
	s := tuitest.New()
	s.Speed = 50
	ctx, cancel := context.WithCancel(t.Context())
	keys, hands := io.Pipe()
	out := &terminal{more: make(chan struct{}, 1)}
	done := make(chan error, 1)
	go func() {
		done <- tui.Run(ctx, s, tui.Options{Page: "deploy", Input: keys, Output: out, Width: 80, Height: 24})
	}()
	until := func(what string, is func() bool) {
		for !is() {
			select {
			case err := <-done:
				t.Fatalf("Run ended before %s: %v", what, err)
			case <-time.After(10 * time.Millisecond):
			case <-out.more:
			}
		}
	}
	until("the first frame", func() bool { return out.has("enter") })
	hands.Write([]byte("\r"))
	until("the plan", func() bool { return out.has("to create") })
	hands.Write([]byte("a"))
	until("the question", func() bool { return out.has("No, not yet") })
	hands.Write([]byte("y"))
	until("the apply", func() bool { return called(s, "apply 28") })
	cancel()
	hands.Close()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Run returned %v", err)
	}
	if !called(s, "stop hard=false") || called(s, "stop hard=true") {
		t.Errorf("the session was asked %q", s.Calls())
	}
	if s.Saved().Step != "welcome" {
		t.Errorf("the place was not saved: %+v", s.Saved())
	}
	if !out.has("Terraform starts nothing new and saves its state") {
		t.Error("nobody was told what Run waits for")
	}
}

// What is no terminal is asked nothing, and sent no pictures.
func TestNoTerminalNoPictures(t *testing.T) {
	s := tuitest.New()
	s.Course.Steps[0].Blocks = []lesson.Block{{Kind: lesson.Image, ID: "p", Source: "images/Architecture.png"}}
	s.Images = steps.Files
	ctx, cancel := context.WithCancel(t.Context())
	keys, hands := io.Pipe()
	out := &terminal{more: make(chan struct{}, 1)}
	done := make(chan error, 1)
	go func() {
		o := tui.Options{Page: "deploy", Input: keys, Output: out, Width: 80, Height: 24, Pictures: picture.Options{Wish: "kitty"}}
		done <- tui.Run(ctx, s, o)
	}()
	sees := func(what string) {
		for !out.has(what) {
			select {
			case err := <-done:
				t.Fatalf("Run ended: %v", err)
			case <-out.more:
			}
		}
	}
	sees("Nothing is deployed yet")
	hands.Write([]byte("\x1b[?62;4c\x1b_Gi=31;OK\x1b\\?"))
	sees("esc back")
	cancel()
	hands.Close()
	<-done
	for _, s := range []string{"\x1b[>q", "\x1b[c", "\x1b[16t", "\x1b_G", "1337", "\U0010EEEE"} {
		if out.has(s) {
			t.Errorf("%q was written", s)
		}
	}
}

func TestAWishThatIsNone(t *testing.T) {
	err := tui.Run(t.Context(), tuitest.New(), tui.Options{}.FromEnv(func(k string) string { return map[string]string{"WORKSHOP_PICTURES": "gif"}[k] }))
	if err == nil || !strings.Contains(err.Error(), "WORKSHOP_PICTURES") || !strings.Contains(err.Error(), "kitty, iterm2, sixel, blocks or none") {
		t.Errorf("Run returned %v", err)
	}
}

func called(s *tuitest.Session, what string) bool {
	for _, c := range s.Calls() {
		if c == what {
			return true
		}
	}
	return false
}

func TestFromEnv(t *testing.T) {
	for _, c := range []struct {
		env   map[string]string
		ascii bool
		light bool
	}{
		{nil, false, false},
		{map[string]string{"LANG": "C"}, true, false},
		{map[string]string{"LANG": "en_US.UTF-8"}, false, false},
		{map[string]string{"LC_ALL": "POSIX", "LANG": "en_US.UTF-8"}, true, false},
		{map[string]string{"LC_ALL": "C.utf8"}, false, false},
		{map[string]string{"WORKSHOP_ASCII": "1", "LANG": "en_US.UTF-8"}, true, false},
		{map[string]string{"TERM": "linux"}, true, false},
		{map[string]string{"WORKSHOP_THEME": "light"}, false, true},
		{map[string]string{"COLORFGBG": "0;15"}, false, true},
		{map[string]string{"COLORFGBG": "15;0"}, false, false},
		{map[string]string{"COLORFGBG": "0;15", "WORKSHOP_THEME": "dark"}, false, false},
	} {
		o := tui.Options{}.FromEnv(func(k string) string { return c.env[k] })
		if o.ASCII != c.ascii || o.Light != c.light {
			t.Errorf("%v: ASCII %v, light %v", c.env, o.ASCII, o.Light)
		}
	}
}

func TestPicturesFromEnv(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want picture.Options
	}{
		{map[string]string{"TERM": "xterm-256color"}, picture.Options{}},
		{map[string]string{"TERM": "dumb"}, picture.Options{Mute: true}},
		{map[string]string{"LC_ALL": "C"}, picture.Options{Mute: true}},
		{map[string]string{"NO_COLOR": "1"}, picture.Options{Mute: true}},
		{map[string]string{"TERM": "screen.xterm-256color"}, picture.Options{Mute: true}}, // GNU screen prints what it does not know
		{map[string]string{"TERM": "screen-256color", "TMUX": "/tmp/s,1,0", "TMUX_PANE": "%3"}, picture.Options{Tmux: true, Pane: "%3"}},
		{map[string]string{"WORKSHOP_PICTURES": "sixel"}, picture.Options{Wish: "sixel"}},
	} {
		if o := (tui.Options{}).FromEnv(func(k string) string { return c.env[k] }); o.Pictures != c.want {
			t.Errorf("%v: %+v", c.env, o.Pictures)
		}
	}
}

// fullDisk cannot save the learner's place.
type fullDisk struct{ *tuitest.Session }

func (fullDisk) Save(context.Context, session.Progress) error {
	return errors.New("the workspace /w is on a full disk")
}

// The screen was left, so it is not said that it could not go on.
func TestLeavingWithAFullDisk(t *testing.T) {
	keys, hands := io.Pipe()
	out := &terminal{more: make(chan struct{}, 1)}
	done := make(chan error, 1)
	go func() {
		done <- tui.Run(t.Context(), fullDisk{tuitest.New()}, tui.Options{Page: "deploy", Input: keys, Output: out, Width: 80, Height: 24})
	}()
	for !out.has("SANDBOX") || !out.has("Nothing is deployed yet") { // before the session is open there is no place
		select {
		case err := <-done:
			t.Fatalf("Run ended: %v", err)
		case <-out.more:
		}
	}
	hands.Write([]byte("q"))
	err := <-done
	hands.Close()
	if err == nil || err.Error() != "your place could not be saved: the workspace /w is on a full disk" {
		t.Errorf("Run returned %v", err)
	}
}
