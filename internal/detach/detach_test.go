package detach

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// childEnv has a test's child do what it names instead of running tests.
const childEnv = "WORKSHOP_DETACH_TEST"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "describe":
		describe()
	case "fail":
		fmt.Fprintln(os.Stderr, "no such luck")
		os.Exit(3)
	case "wait":
		fmt.Println("waiting")
		time.Sleep(time.Minute)
	case "again":
		// The file of a parent of this process is gone; start it once more.
		if err := os.Remove(os.Getenv("BINARY")); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		p, err := Start(Command{Env: []string{childEnv + "=describe"}, Log: os.Getenv("LOG")})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		<-p.Done()
		os.Exit(p.ExitCode())
	default:
		os.Exit(m.Run())
	}
}

// describe prints what the process finds around itself.
func describe() {
	in, err := io.ReadAll(os.Stdin)
	dir, _ := os.Getwd()
	fmt.Printf("args %q stdin %q %v dir %s\n", os.Args[1:], in, err, dir)
	os.Exit(0)
}

func start(t *testing.T, c Command) *Process {
	t.Helper()
	p, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		select {
		case <-p.Done():
		default:
			if running, err := os.FindProcess(p.PID); err == nil {
				running.Kill()
			}
			<-p.Done()
		}
	})
	return p
}

func ended(t *testing.T, p *Process) string {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(time.Minute):
		t.Fatal("the process has not ended")
	}
	out, err := p.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestStart(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(dir, "log")
	if err := os.WriteFile(log, []byte("an earlier process\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, Command{Args: []string{"a", "b c"}, Env: append(os.Environ(), childEnv+"=describe"), Log: log})
	want := fmt.Sprintf("args %q stdin \"\" <nil> dir %s\n", []string{"a", "b c"}, dir)
	if out := ended(t, p); out != want || p.ExitCode() != 0 {
		t.Errorf("exit code %d, output %q, want %q", p.ExitCode(), out, want)
	}
	if b, err := os.ReadFile(log); err != nil || string(b) != "an earlier process\n"+want {
		t.Errorf("log = %q, %v", b, err)
	}

	p = start(t, Command{Env: append(os.Environ(), childEnv+"=fail"), Log: log})
	if out := ended(t, p); out != "no such luck\n" || p.ExitCode() != 3 {
		t.Errorf("a failure: exit code %d, output %q", p.ExitCode(), out)
	}
}

func TestLogIsPrivateAndBounded(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	run := func() {
		t.Helper()
		ended(t, start(t, Command{Env: append(os.Environ(), childEnv+"=fail"), Log: log}))
	}
	run()
	info, err := os.Stat(log)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	if err := os.Truncate(log, maxLog+1); err != nil {
		t.Fatal(err)
	}
	run()
	if b, err := os.ReadFile(log); err != nil || string(b) != "no such luck\n" {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if _, err := os.Stat(log + ".old"); err != nil {
		t.Error(err)
	}
}

func TestStartSaysWhyNot(t *testing.T) {
	if _, err := Start(Command{Log: filepath.Join(t.TempDir(), "none", "log")}); err == nil || !strings.Contains(err.Error(), "log") {
		t.Errorf("a log that cannot be made: %v", err)
	}
}

// A lock of the starting process must not live on in the started one.
func TestNoLockIsInherited(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "lock")
	held := flock.New(path)
	if ok, err := held.TryLock(); err != nil || !ok {
		t.Fatal(ok, err)
	}
	p := start(t, Command{Env: append(os.Environ(), childEnv+"=wait"), Log: filepath.Join(dir, "log")})
	for out := ""; out == ""; out, _ = p.Output() {
		select {
		case <-p.Done():
			t.Fatal("the process ended")
		case <-time.After(time.Millisecond):
		}
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	again := flock.New(path)
	if ok, err := again.TryLock(); err != nil || !ok {
		t.Errorf("the lock is still held: %v, %v", ok, err)
	}
	again.Close()
}

// A program whose file is gone can start itself again.
func TestDeletedProgram(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not delete the file of a running program")
	}
	dir := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// As `go run` has it: elsewhere than on Linux the process itself must then run
	// from a copy, so it is kept first.
	work := filepath.Join(dir, "go-build123")
	if err := os.Mkdir(work, 0o700); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(work, "exe")
	if err := copyFile(exe, binary); err != nil {
		t.Fatal(err)
	}
	runs := binary
	if runtime.GOOS != "linux" {
		if runs, err = kept(binary, dir); err != nil {
			t.Fatal(err)
		}
	}
	log := filepath.Join(dir, "again")
	cmd := exec.Command(runs)
	cmd.Env = append(os.Environ(), childEnv+"=again", "BINARY="+binary, "LOG="+log)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if b, err := os.ReadFile(log); err != nil || !strings.HasPrefix(string(b), "args []") {
		t.Errorf("%q, %v", b, err)
	}
}

func TestTemporary(t *testing.T) {
	for path, want := range map[string]bool{
		"/usr/local/bin/workshop":                               false,
		"/tmp/go-build3041/b001/exe/workshop":                   true,
		"/home/me/.cache/go-build/ab/abcdef-d/workshop":         true,
		"/home/me/go-builders/workshop":                         true, // a copy too many does no harm
		"/var/folders/x/T/go-build99/b001/workshop.test":        true,
		"/home/me/src/workshop/workshop":                        false,
		"/home/me/.local/share/mise/installs/go/1.26.0/bin/app": false,
	} {
		if got := temporary(filepath.FromSlash(path)); got != want {
			t.Errorf("temporary(%s) = %v", path, got)
		}
	}
}

func TestKept(t *testing.T) {
	dir := t.TempDir()
	exe := filepath.Join(t.TempDir(), "workshop")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(exe, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	first, err := kept(exe, dir)
	if err != nil {
		t.Fatal(err)
	}
	if same, err := kept(exe, dir); err != nil || same != first {
		t.Errorf("again: %s, %v", same, err)
	}
	write("another")
	second, err := kept(exe, dir)
	if b, rerr := os.ReadFile(second); err != nil || rerr != nil || string(b) != "another" || second == first {
		t.Errorf("%s: %q, %v, %v", second, b, err, rerr)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%d files, %v", len(entries), err)
	}
}
