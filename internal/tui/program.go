package tui

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/tui/page"
)

// foreground is a program that has the terminal until it ends.
type foreground struct{ page.Program }

// Run runs the program. What ctrl+c and ctrl+\ mean there is for that program to
// decide, and nothing to us.
func (f *foreground) Run() error {
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, os.Interrupt, syscall.SIGQUIT)
	defer signal.Stop(caught)
	if f.Intro != "" {
		fmt.Fprintln(f.Stdout, f.Intro)
	}
	return f.Cmd.Run()
}

func (f *foreground) SetStdin(r io.Reader)  { f.Stdin = r }
func (f *foreground) SetStdout(w io.Writer) { f.Stdout = w }
func (f *foreground) SetStderr(w io.Writer) {
	if f.Stderr != nil {
		w = io.MultiWriter(w, f.Stderr) // what it complained of, for who runs it
	}
	f.Stderr = w
}

// returnedMsg says that a program has given the terminal back.
type returnedMsg struct {
	err  error
	then func(error) tea.Cmd
}

// Run gives the terminal to a program and calls done in the event loop when the
// program has ended.
func (m *model) Run(p page.Program, done func(error) tea.Cmd) tea.Cmd {
	return m.exec(&foreground{p}, func(err error) tea.Msg { return returnedMsg{err, done} })
}
