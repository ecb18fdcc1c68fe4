//go:build unix

package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

// terminal is the program in a pseudo-terminal, with a screen that can be read.
type terminal struct {
	t    testing.TB
	tty  *os.File
	cmd  *exec.Cmd
	done chan struct{} // closed when the program has closed its side

	mu     sync.Mutex // guards screen
	screen *vt.Emulator
}

func (p *place) terminal(cols, rows int, args ...string) *terminal {
	p.t.Helper()
	cmd := p.command(context.WithoutCancel(p.t.Context()), args...)
	cmd.Env = append(cmd.Env, "TERM=xterm-256color", "LANG=C.UTF-8", "COLUMNS=", "LINES=")
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: uint16(cols), Rows: uint16(rows)})
	if err != nil {
		p.t.Fatal(err)
	}
	s := &terminal{t: p.t, tty: tty, cmd: cmd, done: make(chan struct{}), screen: vt.NewEmulator(cols, rows)}
	// The emulator's answers to the program's queries go through an io.Pipe, so
	// writing a query to the emulator waits until its answer is read. The
	// emulator's own Close races with Read; closing the pipe does not.
	answers := s.screen.InputPipe().(io.Closer)
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		buf := make([]byte, 4<<10)
		for {
			n, err := s.screen.Read(buf)
			tty.Write(buf[:n]) // fails once the terminal is closed; the pipe is drained all the same
			if err != nil {
				return
			}
		}
	}()
	go func() {
		defer close(s.done)
		buf := make([]byte, 32<<10)
		for {
			n, err := tty.Read(buf)
			s.mu.Lock()
			s.screen.Write(buf[:n])
			s.mu.Unlock()
			if err != nil {
				answers.Close()
				<-answered
				return
			}
		}
	}()
	p.t.Cleanup(func() {
		cmd.Process.Kill()
		tty.Close()
		<-s.done
	})
	return s
}

// text returns what the screen shows, without styles.
func (s *terminal) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.screen.String()
}

// resize changes the size of the terminal, of which the program is told.
func (s *terminal) resize(cols, rows int) {
	s.t.Helper()
	s.mu.Lock()
	s.screen.Resize(cols, rows) // before the program draws for the new size
	s.mu.Unlock()
	if err := pty.Setsize(s.tty, &pty.Winsize{Cols: uint16(cols), Rows: uint16(rows)}); err != nil {
		s.t.Fatal(err)
	}
}

// sees waits until the screen shows every one of the texts.
func (s *terminal) sees(within time.Duration, texts ...string) {
	s.t.Helper()
	var missing string
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		missing = ""
		screen := s.text()
		for _, want := range texts {
			if !strings.Contains(screen, want) {
				missing = want
			}
		}
		if missing == "" {
			return
		}
	}
	s.t.Fatalf("the screen does not show %q:\n%s", missing, s.text())
}

// types sends keys as a person's terminal would.
func (s *terminal) types(keys string) {
	s.t.Helper()
	if _, err := s.tty.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// ends waits for the program to exit and returns its code.
func (s *terminal) ends(within time.Duration) int {
	s.t.Helper()
	exited := make(chan struct{})
	go func() {
		s.cmd.Wait()
		close(exited)
	}()
	select {
	case <-exited:
		return s.cmd.ProcessState.ExitCode()
	case <-time.After(within):
		s.t.Fatalf("the program still runs:\n%s", s.text())
		return -1
	}
}

const (
	enter = "\r"
	tab   = "\t"
	soon  = 15 * time.Second
	long  = 4 * time.Minute
)

// TestScreenFromFirstFrameToCleanUp walks the way of a learner through the real
// program: read, plan, approve, watch, follow the logs, delete, see the receipt.
func TestScreenFromFirstFrameToCleanUp(t *testing.T) {
	needsTerraform(t)
	t.Parallel()
	p := newPlace(t)
	s := p.terminal(120, 40)

	s.sees(soon, "Fargate workshop", "SANDBOX", "Architecture", "1 Guide")
	s.types("2")
	s.sees(soon, "plan")
	s.types(enter)
	s.sees(time.Minute, "31 to create", "Network", "a apply this plan")
	s.types("a")
	s.sees(soon, "Create 31 resources?", "No, not yet")
	s.types(enter) // the safe answer is the default
	s.sees(soon, "a apply this plan")
	s.types("a")
	s.sees(soon, "Create 31 resources?")
	s.types(tab + enter)
	s.sees(time.Minute, "Applying")
	s.types("3")
	s.sees(long, "2 of 2 running", "healthy")
	s.types("4")
	s.sees(soon, "Starting podinfo")
	s.types("5")
	s.sees(soon, "31 resources")
	s.types(enter)
	s.sees(time.Minute, "31 to delete")
	s.types("x")
	s.sees(soon, "Type destroy to go on")
	s.types("destroy" + enter)
	s.sees(long, "Everything has been deleted", "nothing deployed")
	s.types("q")
	s.sees(soon, "The sandbox and its tasks keep running", "workshop sandbox stop")
	if code := s.ends(soon); code != 0 {
		t.Errorf("the program exited with %d", code)
	}

	// The place is kept: the next start knows what was read.
	again := p.terminal(80, 24)
	again.sees(soon, "Workshop", "1 of 11")
	again.types("q")
	again.ends(soon)
}

func TestScreenInASmallTerminal(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s := p.terminal(50, 12)
	s.sees(soon, "60")
	s.resize(100, 30)
	s.sees(soon, "Architecture")
	s.types("q")
	s.ends(soon)
}

// TestTheLearnersEditorAndShell gives the real terminal away and takes it back.
func TestTheLearnersEditorAndShell(t *testing.T) {
	needsTerraform(t)
	t.Parallel()
	p := newPlace(t)
	editor := filepath.Join(p.home, "editor")
	if err := os.WriteFile(editor, []byte("#!/bin/sh\necho >> \"$0.starts\"\nprintf 'start %d: here is %s\\n' $(wc -l < \"$0.starts\") \"$1\"\nread answer\necho \"# $answer\" >> \"$1\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	p.env = append(p.env, "VISUAL=", "EDITOR="+editor, "SHELL=/bin/sh", "PS1=$ ", "ENV=")
	s := p.terminal(120, 40)
	focus := func(on string) {
		t.Helper()
		for range 20 {
			// The next tab waits for this one: else a busy machine would still have
			// tabs to take when enter comes.
			before := s.text()
			s.types(tab)
			for i := 0; i < 100 && s.text() == before; i++ {
				time.Sleep(20 * time.Millisecond)
			}
			for range 10 { // a frame comes in pieces
				if strings.Contains(s.text(), on) {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}
		t.Fatalf("nothing that can have the focus says %q:\n%s", on, s.text())
	}
	s.sees(soon, "1 of 11")
	s.types("n")
	s.sees(soon, "2 of 11")
	focus("enter open network.tf")
	s.types(enter)
	s.sees(soon, "start 1: here is ")
	s.types("\x03") // a signal here, for the editor: it ends, and the workshop goes on
	s.sees(soon, "ended with an error")
	s.types(enter)
	// The first start's line is on the terminal again before the editor is.
	s.sees(soon, "start 2: here is ")
	s.types("my own network" + enter)
	s.sees(soon, "network.tf is changed")
	file := filepath.Join(p.home, ".local/state/fargate-workshop/sandbox/terraform/network.tf")
	if text, err := os.ReadFile(file); err != nil || !strings.HasSuffix(string(text), "# my own network\n") {
		t.Errorf("network.tf ends otherwise: %v\n%s", err, text)
	}

	for range 4 {
		s.types("n")
	}
	s.sees(soon, "6 of 11")
	focus("enter a shell; exit comes back")
	s.types(enter)
	s.sees(time.Minute, "`exit` brings you back")
	s.types("echo \"at $AWS_ENDPOINT_URL in ${PWD##*/}\"" + enter)
	s.sees(soon, "at http://127.0.0.1:", "in terraform")
	s.types("exit 3" + enter)
	s.sees(soon, "Open a shell", "6 of 11")
	s.types("q")
	if code := s.ends(soon); code != 0 {
		t.Errorf("the program exited with %d", code)
	}
}
