//go:build unix

package detach

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestOwnSession(t *testing.T) {
	p := start(t, Command{Env: append(os.Environ(), childEnv+"=wait"), Log: filepath.Join(t.TempDir(), "log")})
	group, err := syscall.Getpgid(p.PID)
	if err != nil {
		t.Fatal(err)
	}
	if group != p.PID {
		t.Errorf("process %d is in group %d: a terminal's signals reach it", p.PID, group)
	}
	if err := syscall.Kill(p.PID, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Done():
	case <-time.After(time.Minute):
		t.Fatal("SIGTERM did not end it")
	}
	if p.ExitCode() != -1 {
		t.Errorf("exit code %d", p.ExitCode())
	}
}
