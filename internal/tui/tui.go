// Package tui is the screen of the workshop: a guide to read, a plan to
// approve, the live picture of what runs, its logs, and the way back to an
// empty account.
package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/term"

	"workshop/internal/fargate"
	"workshop/internal/tui/operation"
	"workshop/internal/tui/page"
	"workshop/internal/tui/picture"
)

// Options say how the screen begins.
type Options struct {
	Page  string // slug of a page; empty for the first
	Light bool   // begin with the colours for a light background, until the terminal tells
	ASCII bool   // draw with ASCII alone

	// Viewer shows the pages of what runs alone, for any service: this one, or one to be
	// chosen on the screen where its Service is empty. Nil shows the workshop. The session
	// must have been opened with session.Options.Other.
	Viewer *fargate.Place

	// Drafts brings the workshop anew whenever its author has saved it; nil where
	// it does not change.
	Drafts <-chan Draft
	// Pictures say how the terminal is asked what it can show.
	Pictures picture.Options

	Desktop Desktop // what the terminal passes on to the desktop
	Mouse   bool    // begin with the mouse on

	// Input and Output are the terminal; nil for the process's own.
	Input  io.Reader
	Output io.Writer
	// Width and Height are the size where Output is no terminal.
	Width, Height int
}

const framesPerSecond = 120

// saveTime bounds the last write of the learner's place.
const saveTime = 5 * time.Second

// stopTime is how long Run waits for Terraform to stop safely after the screen
// has gone; after it Terraform is told to leave at once.
const stopTime = 3 * time.Minute

// FromEnv fills in what the environment says about the terminal: ASCII where
// WORKSHOP_ASCII is set, the locale is named and not in UTF-8, or the terminal is
// the Linux console; Light where WORKSHOP_THEME is light or COLORFGBG says so; and
// Desktop by the name of the terminal, and WORKSHOP_NOTIFY; Mouse where WORKSHOP_MOUSE is set;
// Pictures: the way to show them that WORKSHOP_PICTURES names, no questions where
// no colours are wanted or where they might end up on the screen, and whether tmux
// is between.
func (o Options) FromEnv(env func(string) string) Options {
	locale := env("LC_ALL")
	for _, name := range []string{"LC_CTYPE", "LANG"} {
		if locale == "" {
			locale = env(name)
		}
	}
	kind := env("TERM")
	unicode := strings.Contains(strings.ToLower(strings.ReplaceAll(locale, "-", "")), "utf8")
	if env("WORKSHOP_ASCII") != "" || locale != "" && !unicode || kind == "linux" || kind == "dumb" {
		o.ASCII = true
	}
	o.Pictures = picture.Options{Wish: env("WORKSHOP_PICTURES"), Tmux: env("TMUX") != "", Pane: env("TMUX_PANE")}
	o.Pictures.Mute = o.ASCII || env("NO_COLOR") != "" || !o.Pictures.Tmux && strings.HasPrefix(kind, "screen")
	o.Desktop, o.Mouse = desktopOf(env), env("WORKSHOP_MOUSE") != ""
	switch theme := env("WORKSHOP_THEME"); {
	case theme == "light":
		o.Light = true
	case theme == "":
		if _, back, ok := strings.Cut(env("COLORFGBG"), ";"); ok && (back == "7" || back == "15" || strings.HasSuffix(back, ";15")) {
			o.Light = true
		}
	}
	return o
}

// ErrHungUp is the cause of a context that ended because the terminal has gone.
var ErrHungUp = errors.New("the terminal has gone")

// Run shows the screens until the learner leaves or ctx ends. When an operation
// runs at that moment, it is asked to stop and waited for where the learner said
// so or ctx ended; it goes on where the learner left it or the cause of ctx's end
// is ErrHungUp. Run returns nil when the learner left, ctx's cause when that
// ended, and else why the screen could not go on; that the learner's place could
// not be saved is an error as well.
func Run(ctx context.Context, s Session, o Options) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	o.Pictures.Mute = o.Pictures.Mute || o.Output != nil && !isTerminal(o.Output)
	terminal, err := picture.NewTerminal(o.Pictures)
	if err != nil {
		return fmt.Errorf("WORKSHOP_PICTURES: %w", err)
	}
	m := newModel(work, s, o)
	m.Terminal = terminal
	// Frames are drawn when the clock of the renderer ticks: a faster one shows
	// the first frame, and what a key did, some milliseconds sooner.
	opts := []tea.ProgramOption{tea.WithContext(ctx), tea.WithoutSignalHandler(), tea.WithFPS(framesPerSecond)}
	if o.Input != nil {
		opts = append(opts, tea.WithInput(o.Input))
	}
	out := io.Writer(os.Stderr)
	if o.Width > 0 && o.Height > 0 {
		opts = append(opts, tea.WithWindowSize(o.Width, o.Height))
	}
	if o.Output != nil {
		opts = append(opts, tea.WithOutput(o.Output))
		out = o.Output
	}
	_, err = tea.NewProgram(m, opts...).Run()
	// The terminal is the shell's again: ctrl+c is a signal from here on.
	interrupts := make(chan os.Signal, 2)
	signal.Notify(interrupts, os.Interrupt)
	hungUp := errors.Is(context.Cause(ctx), ErrHungUp)
	m.close(cancel, out, interrupts, !hungUp && (m.stopFirst || ctx.Err() != nil))
	signal.Stop(interrupts)
	var unsaved error
	each(m, func(p page.Closer) {
		save, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTime)
		defer cancel()
		unsaved = errors.Join(unsaved, p.Close(save))
	})
	switch {
	case m.fatal != nil:
		return errors.Join(m.fatal, unsaved)
	case ctx.Err() != nil:
		return errors.Join(context.Cause(ctx), unsaved)
	case err != nil && !errors.Is(err, tea.ErrInterrupted):
		return errors.Join(fmt.Errorf("the screen could not go on: %w", err), unsaved)
	}
	return unsaved
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(term.File)
	return ok && term.IsTerminal(f.Fd())
}

// close ends every job; the event loop is over, so the model may be touched. With
// stop an operation that runs is stopped and waited for.
func (m *model) close(cancel context.CancelFunc, out io.Writer, interrupts <-chan os.Signal, stop bool) {
	stop = stop && m.Running != nil
	if stop {
		m.Jobs.DropAll(m.Running.Job)
	} else {
		m.Jobs.DropAll()
	}
	done := make(chan struct{})
	go func() { m.Jobs.Wait(); close(done) }()
	if m.Running != nil && !stop {
		fmt.Fprintln(out, "Terraform goes on. `workshop` shows it again; `workshop status` says how it is.")
	}
	if stop {
		fmt.Fprintln(out, operation.StoppingText)
		m.session.Stop(false)
		late := time.After(stopTime)
		for asked, over := false, false; !over; {
			select {
			case <-done:
				over = true
			case <-interrupts:
				if !asked {
					asked = true
					fmt.Fprintln(out, "It is stopping. Stopped at once, it may not save what it has just created; `workshop destroy` would find that by its tags. Ctrl-C once more stops it at once.")
					continue
				}
				m.session.Stop(true)
				over = true
			case <-late:
				m.session.Stop(true)
				over = true
			}
		}
	}
	cancel()
	<-done
}
