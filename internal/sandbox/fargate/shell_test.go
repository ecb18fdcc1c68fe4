//go:build unix

package fargate

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

const searchPath = "PATH=/usr/local/bin:/usr/bin:/bin"

func start(t *testing.T, p *Process, command string) (Shell, *bufio.Reader) {
	t.Helper()
	s, err := p.Exec(command)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, bufio.NewReader(s)
}

// all reads what a command prints until it ends.
func all(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(b), "\r\n", "\n")
}

// until reads lines up to one that has the text.
func until(t *testing.T, r *bufio.Reader, text string) string {
	t.Helper()
	for {
		l, err := r.ReadString('\n')
		if strings.Contains(l, text) {
			return strings.TrimSpace(l)
		}
		if err != nil {
			t.Fatalf("%q never came: %v after %q", text, err, l)
		}
	}
}

func TestExecRunsWordsNotAShell(t *testing.T) {
	p, _ := run(t, agent(t), "busybox", []string{"sleep", "infinity"}, searchPath, "A=b c")
	for command, want := range map[string]string{
		`printf '%s|' "a b" c\ d '$A'`:                         "a b|c d|$A|",
		`sh -c "echo $A; pwd"`:                                 "b c\n/\n",
		`sh -c 'echo $TERM $LANG; test -t 0 && echo terminal'`: "xterm-256color C.UTF-8\nterminal\n",
		// What stays in the background does not hold the session.
		`sh -c 'sleep 100 & echo gone'`: "gone\n",
	} {
		_, r := start(t, p, command)
		if got := all(t, r); got != want {
			t.Errorf("%s printed %q, want %q", command, got, want)
		}
	}
	for command, says := range map[string]string{
		"nosuch":        `exec: "nosuch": executable file not found in $PATH`,
		"A=b env":       `exec: "A=b": executable file not found in $PATH`,
		"/no/such/file": "fork/exec /no/such/file: no such file or directory",
		"sh -c 'x":      "EOF found when expecting closing quote",
	} {
		if _, err := p.Exec(command); err == nil || err.Error() != says {
			t.Errorf("%s: %v", command, err)
		}
	}
}

func TestExecOnATerminal(t *testing.T) {
	p, _ := run(t, agent(t), "busybox", []string{"sleep", "infinity"}, searchPath)
	s, r := start(t, p, `sh -c 'read line; echo "got $line"; stty size; trap "echo interrupted; exit" INT; echo ready; while true; do sleep 0.01; done'`)
	if err := s.Resize(132, 43); err != nil {
		t.Error(err)
	}
	if s.Resize(0, 1) == nil || s.Resize(1<<20, 1) == nil {
		t.Error("there is no such terminal")
	}
	fmt.Fprint(s, "hello\n")
	until(t, r, "got hello")
	if got := until(t, r, "43"); got != "43 132" {
		t.Errorf("the terminal has the size %q", got)
	}
	until(t, r, "ready")
	fmt.Fprint(s, "\x03") // Ctrl-C
	until(t, r, "interrupted")
	if got := all(t, r); got != "" {
		t.Errorf("then comes %q", got)
	}
}

func TestExecEndsWithItsContainer(t *testing.T) {
	p, c := run(t, agent(t), "busybox", []string{"sleep", "infinity"}, searchPath)
	_, deaf := start(t, p, `sh -c 'trap "" HUP TERM; echo ready; while true; do sleep 1; done'`)
	until(t, deaf, "ready")
	p.Stop(5 * time.Second)
	all(t, deaf)
	<-c.exited
	if _, err := p.Exec("sh"); err == nil {
		t.Error("a shell opens in a container that has ended")
	}
}

func TestExecNeedsAProgram(t *testing.T) {
	p, _ := run(t, agent(t), "registry.k8s.io/pause:3.10", nil)
	if _, err := p.Exec("/bin/sh"); err == nil || err.Error() != "fork/exec /bin/sh: no such file or directory" {
		t.Errorf("pause has a shell: %v", err)
	}
}

func TestClosedShellIsGone(t *testing.T) {
	p, _ := run(t, agent(t), "busybox", []string{"sleep", "infinity"}, searchPath)
	s, r := start(t, p, `sh -c 'echo ready; sleep 1000'`)
	until(t, r, "ready")
	s.Close()
	s.Close()
	if got := all(t, r); got != "" {
		t.Errorf("a closed shell prints %q", got)
	}
	if len(p.shells) != 0 {
		t.Errorf("the container holds on to %d shells", len(p.shells))
	}
}
