//go:build unix

package fargate

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
)

// CanExec reports whether commands can run in containers on this system.
const CanExec = true

const (
	// hangUp is how long a command has to end once its terminal is gone.
	hangUp = 300 * time.Millisecond
	// lastWords is how long its terminal is read when the command has ended: what it
	// started in the background may hold the terminal for ever.
	lastWords = 200 * time.Millisecond
)

type ptyShell struct {
	cmd      *exec.Cmd
	terminal *os.File
	ended    chan struct{} // closed when the command has ended
	close    sync.Once
}

func startShell(path string, words, env []string) (Shell, error) {
	cmd := &exec.Cmd{Path: path, Args: words, Env: env, Dir: "/"}
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80}) // in a session of its own
	if err != nil {
		return nil, err
	}
	s := &ptyShell{cmd: cmd, terminal: terminal, ended: make(chan struct{})}
	go func() { // ends with the command, which Close ends
		_ = cmd.Wait() // nobody asks for the exit code: the protocol does not tell it
		close(s.ended)
		if terminal.SetReadDeadline(time.Now().Add(lastWords)) != nil {
			_ = terminal.Close() // where there are no deadlines, its last words may be lost
		}
	}()
	return s, nil
}

func (s *ptyShell) Read(b []byte) (int, error) {
	n, err := s.terminal.Read(b)
	switch {
	case n > 0 || err == nil:
		return n, nil
	// Linux's word for a terminal that nobody has open any more is EIO.
	case errors.Is(err, syscall.EIO), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, os.ErrClosed):
		return 0, io.EOF
	}
	return 0, err
}

func (s *ptyShell) Write(b []byte) (int, error) { return s.terminal.Write(b) }

func (s *ptyShell) Resize(cols, rows int) error {
	if cols < 1 || rows < 1 || cols > 1<<15 || rows > 1<<15 {
		return fmt.Errorf("a terminal cannot have %d columns and %d rows", cols, rows)
	}
	return pty.Setsize(s.terminal, &pty.Winsize{Rows: uint16(rows), Cols: uint16(cols)})
}

func (s *ptyShell) Close() {
	s.close.Do(func() {
		_ = s.terminal.Close() // what runs in the foreground gets SIGHUP
		group := -s.cmd.Process.Pid
		select {
		case <-s.ended:
			return
		default:
		}
		_ = syscall.Kill(group, syscall.SIGHUP) // it may have ended just now
		select {
		case <-s.ended:
		case <-time.After(hangUp):
			_ = syscall.Kill(group, syscall.SIGKILL) // likewise
		}
	})
	<-s.ended
}
