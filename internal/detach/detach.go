// Package detach runs this program again as a process that outlives the one
// that starts it: in a session of its own, without the terminal, and with a
// file for what it prints.
package detach

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// Command is this program, to be started once more.
type Command struct {
	// Args follow the program's name.
	Args []string
	// Env is the whole environment, as KEY=value; nil is this process's own.
	Env []string
	// Dir is the working directory; empty is the folder of Log.
	Dir string
	// Log is the path of the file that standard output and standard error are
	// appended to. It is readable by its owner alone. A file of more than
	// maxLog bytes is renamed to Log + ".old" first.
	Log string
	// Keep is a folder for a copy of the program where its file may be deleted
	// while it runs, as `go run` does; empty is the folder of Log. Linux needs no
	// copy: /proc/self/exe stays executable.
	Keep string
}

// maxLog is the size in bytes from which a log is begun anew.
const maxLog = 4 << 20

// Process is a process that Start started. It is safe for concurrent use.
type Process struct {
	PID int

	log   string
	begin int64 // where in the log its output begins
	done  chan struct{}
	err   error // of the end; written before done is closed
}

// Start runs c and returns as soon as the process exists. Standard input is
// empty. Neither open files nor locks of this process are inherited, and a
// signal of the terminal (Ctrl-C, or SIGHUP when its window closes) does not
// reach it. A goroutine waits for the end of the process, for as long as this
// one runs: no zombie stays.
//
// The process should ignore SIGHUP and end in good order on SIGTERM.
func Start(c Command) (*Process, error) {
	if c.Keep == "" {
		c.Keep = filepath.Dir(c.Log)
	}
	program, err := program(c.Keep)
	if err != nil {
		return nil, fmt.Errorf("finding this program to start it again: %w", err)
	}
	if info, err := os.Stat(c.Log); err == nil && info.Size() > maxLog {
		if err := os.Rename(c.Log, c.Log+".old"); err != nil {
			return nil, fmt.Errorf("beginning a new log: %w", err)
		}
	}
	log, err := os.OpenFile(c.Log, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the log of a background process: %w", err)
	}
	defer log.Close()
	begin, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("opening the log of a background process: %w", err)
	}

	cmd := exec.Command(program, c.Args...)
	cmd.Args[0] = os.Args[0] // what `ps` shows
	cmd.Env, cmd.Dir = c.Env, c.Dir
	if cmd.Dir == "" {
		cmd.Dir = filepath.Dir(c.Log)
	}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = attributes()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting a background process: %w", err)
	}
	p := &Process{PID: cmd.Process.Pid, log: c.Log, begin: begin, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// ExitCode returns the exit code of a process that has ended: 0 for success, -1
// for one that a signal ended. It must not be called before Done is closed.
func (p *Process) ExitCode() int {
	var exit *exec.ExitError
	switch {
	case p.err == nil:
		return 0
	case errors.As(p.err, &exit):
		return exit.ExitCode()
	}
	return -1
}

// maxOutput bounds what Output reads, in bytes.
const maxOutput = 16 << 10

// Output returns the end of what the process has printed so far, at most
// 16 KiB. Other processes that write to the same log are in it as well.
func (p *Process) Output() (string, error) {
	f, err := os.Open(p.log)
	if err != nil {
		return "", fmt.Errorf("reading the log of a background process: %w", err)
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return "", fmt.Errorf("reading the log of a background process: %w", err)
	}
	begin := max(p.begin, size-maxOutput)
	b, err := io.ReadAll(io.NewSectionReader(f, begin, max(size-begin, 0)))
	if err != nil {
		return "", fmt.Errorf("reading the log of a background process: %w", err)
	}
	return string(b), nil
}

// program returns a path at which this program can be executed now and later.
func program(keep string) (string, error) {
	if runtime.GOOS == "linux" {
		const self = "/proc/self/exe" // good even after the file was deleted or replaced
		if _, err := os.Stat(self); err == nil {
			return self, nil
		}
	}
	exe, err := os.Executable()
	if err != nil || !temporary(exe) {
		return exe, err
	}
	return kept(exe, keep)
}

// temporary reports whether the go command made the file for one run: it
// deletes those in its work folder at the end, and trims its cache.
func temporary(exe string) bool {
	for dir := filepath.Dir(exe); ; dir = filepath.Dir(dir) {
		if strings.HasPrefix(filepath.Base(dir), "go-build") {
			return true
		}
		if dir == filepath.Dir(dir) {
			return false
		}
	}
}

// kept returns the path of a copy of exe in dir. Copies of other builds are
// removed, apart from those that still run where a running file cannot be.
func kept(exe, dir string) (string, error) {
	info, err := os.Stat(exe)
	if err != nil {
		return "", err
	}
	prefix := "program-"
	name := fmt.Sprintf("%s%x-%x%s", prefix, info.ModTime().UnixNano(), info.Size(), filepath.Ext(exe))
	path := filepath.Join(dir, name)
	if have, err := os.Stat(path); err == nil && have.Size() == info.Size() {
		return path, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			_ = os.Remove(filepath.Join(dir, e.Name())) // one that runs may stay
		}
	}
	if err := copyFile(exe, path); err != nil {
		return "", err
	}
	return path, nil
}

// copyFile copies an executable; path has all of it or does not exist.
func copyFile(exe, path string) (err error) {
	in, err := os.Open(exe)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.CreateTemp(filepath.Dir(path), ".copy-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(out.Name()))
		}
	}()
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Chmod(0o700), out.Close()); err != nil {
		return err
	}
	err = os.Rename(out.Name(), path)
	if errors.Is(err, fs.ErrPermission) { // Windows, and another process made the same copy
		if _, serr := os.Stat(path); serr == nil {
			return os.Remove(out.Name())
		}
	}
	return err
}
