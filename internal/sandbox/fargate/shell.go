package fargate

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/google/shlex"
)

// Shell is a command that runs in a container beside its program, on a terminal of its
// own. Reading gives what it prints, io.EOF once it has ended; writing is what is typed.
// It is safe for concurrent use, and it ends with the container.
type Shell interface {
	io.ReadWriter
	Resize(cols, rows int) error
	Close() // ends it, and returns when it is gone
}

// Exec runs a command in the container: with the environment of its program and in the
// same working directory. As ECS does it splits the command into words and runs the
// first as a program, without a shell. An error says in the words of AWS's agent why the
// command cannot run.
func (p *Process) Exec(command string) (Shell, error) {
	words, err := shlex.Split(command)
	if err != nil {
		return nil, err
	}
	if len(words) == 0 {
		words = []string{"sh"}
	}
	if p.cmd == nil { // such as pause, whose image has no shell
		return nil, &fs.PathError{Op: "fork/exec", Path: words[0], Err: syscall.ENOENT}
	}
	// What the agent in a container adds, so that editors and UTF-8 work.
	env := append(append([]string{"LANG=C.UTF-8"}, p.env...), "TERM=xterm-256color")
	path, err := lookPath(words[0], env)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return nil, errors.New("the container has ended")
	}
	s, err := startShell(path, words, env)
	if err != nil {
		return nil, err
	}
	p.shells[s] = struct{}{}
	return &beside{s, p}, nil
}

// beside is a shell that its container knows as long as it runs.
type beside struct {
	Shell
	container *Process
}

func (b *beside) Close() {
	b.Shell.Close()
	b.container.mu.Lock()
	defer b.container.mu.Unlock()
	delete(b.container.shells, b.Shell)
}

// endShells ends what runs beside the program, when that has ended.
func (p *Process) endShells() {
	p.mu.Lock()
	p.over = true
	shells := slices.Collect(maps.Keys(p.shells))
	p.mu.Unlock()
	for _, s := range shells {
		s.Close()
	}
}

// lookPath finds a command in the PATH of a container's environment.
func lookPath(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, kv := range env {
		path, ok := strings.CutPrefix(kv, "PATH=")
		if !ok {
			continue
		}
		for _, dir := range filepath.SplitList(path) {
			file := filepath.Join(dir, name)
			if st, err := os.Stat(file); err == nil && filepath.IsAbs(file) && !st.IsDir() && st.Mode()&0o111 != 0 {
				return file, nil
			}
		}
	}
	return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
}
