//go:build unix

package target

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"time"
)

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

// A terminal that closes does not end the sandbox; one that was stopped is found
// out, and ended by `stop` although it takes no signal that it could handle.
func TestStoppedSandbox(t *testing.T) {
	dir := workspace(t)
	first := open(t, Options{Dir: dir})
	pid := status(t, dir).PID
	if err := syscall.Kill(pid, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if clusters(t, first) != 0 || status(t, dir).PID != pid {
		t.Error("SIGHUP ended it")
	}

	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	shorten(t, &answerTime, &describeTime, &stopTime)
	var gone *UnavailableError
	_, err := Open(t.Context(), Options{Kind: Sandbox, Dir: dir})
	for end := time.Now().Add(time.Minute); err == nil && time.Now().Before(end); { // until the signal has arrived
		_, err = Open(t.Context(), Options{Kind: Sandbox, Dir: dir})
	}
	if !errors.As(err, &gone) || gone.PID != pid {
		t.Errorf("open: %v", err)
	}
	if ended, err := StopSandbox(t.Context(), dir); err != nil || ended != pid {
		t.Errorf("stop: %d, %v", ended, err)
	}
	if st := status(t, dir); st.Running {
		t.Errorf("%+v", st)
	}
}

func TestSandboxEndsWithItsFolder(t *testing.T) {
	dir := workspace(t)
	open(t, Options{Dir: dir})
	pid := status(t, dir).PID
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); alive(pid); {
		if time.Now().After(end) {
			t.Fatalf("process %d still runs", pid)
		}
		pause(t.Context(), 50*time.Millisecond)
	}
}
