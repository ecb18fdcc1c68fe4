//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	operations "workshop/internal/operation"
	"workshop/internal/stack"
)

// The tests in this file are those of docs/reliability.md: they break the real
// program in the middle of its work, and hold that one `workshop destroy`
// afterwards ends with an empty account.

const (
	// destroyTime bounds the one destroy after something broke.
	destroyTime = 4 * time.Minute
	// orphanTime bounds the life of Terraform and its provider after the death of
	// the process that started them.
	orphanTime = time.Minute
	// commandTime bounds the life of a command after the death of what it waits for.
	commandTime = 2 * time.Minute
	// expiredTime bounds the silence about credentials that have expired.
	expiredTime = 30 * time.Second
	// heldTime bounds the time until what holds a deletion has a name.
	heldTime = 100 * time.Second
)

// needsLong skips without WORKSHOP_LONG, lets the test run beside others, most of
// which wait for a load balancer, and returns how many rounds of everything
// WORKSHOP_ROUNDS asks for, by default one.
func needsLong(t *testing.T) (rounds int) {
	t.Helper()
	if os.Getenv("WORKSHOP_LONG") == "" {
		t.Skip("takes minutes: set WORKSHOP_LONG=1")
	}
	needsTerraform(t)
	t.Parallel()
	rounds, err := strconv.Atoi(os.Getenv("WORKSHOP_ROUNDS"))
	if err != nil || rounds < 1 {
		rounds = 1
	}
	return rounds
}

// victim is a kind of process that a test kills.
type victim string

const (
	theCommand   victim = "command"
	theOperation victim = "operation"
	theTerraform victim = "terraform"
	theProvider  victim = "provider"
	theSandbox   victim = "sandbox"
)

// processes lists the living processes of a place by what they are: everything
// that has its home in the environment.
func (p *place) processes() map[victim][]int {
	out := map[victim][]int{}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		p.t.Fatal(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		// A process of somebody else, or one that has ended meanwhile, cannot be read.
		env, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
		if !slices.Contains(strings.Split(string(env), "\x00"), "HOME="+p.home) {
			continue
		}
		line, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		args := strings.Split(string(line), "\x00")
		kind := theCommand
		switch program := filepath.Base(args[0]); {
		case strings.HasPrefix(program, "terraform-provider-"):
			kind = theProvider
		case program == "terraform" || program == "tofu":
			kind = theTerraform
		case len(args) > 1 && args[1] == "operation":
			kind = theOperation
		case len(args) > 2 && args[1] == "sandbox" && args[2] == "--workspace":
			kind = theSandbox
		}
		out[kind] = append(out[kind], pid)
	}
	return out
}

// workspace is the folder of the place's workspace.
func (p *place) workspace() string {
	name := "sandbox"
	if slices.Contains(p.flags, "aws") {
		name = "aws"
	}
	return filepath.Join(p.home, ".local/state/fargate-workshop", name)
}

func (p *place) stateFile() string {
	return filepath.Join(p.workspace(), "terraform", "terraform.tfstate")
}

// newVictim is a place whose processes are ended when the test is over.
func newVictim(t *testing.T) *place {
	t.Helper()
	home := "" // of the place, which does not exist before its own cleanup does
	t.Cleanup(func() {
		left := &place{t: t, home: home}
		for kind, pids := range left.processes() {
			for _, pid := range pids {
				t.Errorf("%s (process %d) is left at the end", kind, pid)
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	})
	p := newPlace(t)
	home = p.home
	return p
}

var template struct {
	sync.Mutex
	dir string
}

// newDeployed is a place in which everything is up. One deployment serves all
// tests: each gets a copy of its workspace, the sandbox's account included.
func newDeployed(t *testing.T) *place {
	t.Helper()
	p := newVictim(t)
	template.Lock()
	defer template.Unlock()
	if template.dir == "" {
		p.run(0, "deploy", "--yes", "--json")
		p.run(0, "sandbox", "stop")
		dir := filepath.Join(filepath.Dir(p.bin), "deployed")
		copyFolder(t, p.workspace(), dir)
		template.dir = dir
		return p
	}
	copyFolder(t, template.dir, p.workspace())
	return p
}

func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v\n%s", err, out)
	}
}

// inAccount makes the place's sandbox the account of its --target aws.
func (p *place) inAccount() {
	p.t.Helper()
	p.sandbox()
	for k, v := range p.exports() {
		if strings.HasPrefix(k, "AWS_") {
			p.env = append(p.env, k+"="+v)
		}
	}
	p.flags = []string{"--target", "aws"}
}

func (p *place) exports() map[string]string {
	p.t.Helper()
	var env struct{ Set map[string]string }
	if err := json.Unmarshal([]byte(p.run(0, "env", "--start", "--json")), &env); err != nil {
		p.t.Fatal(err)
	}
	return env.Set
}

// background is a command that runs while the test goes on.
type background struct {
	cmd  *exec.Cmd
	out  output
	done chan struct{} // closed at its end
}

// output is what a command has printed; it is safe for concurrent use.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func (p *place) start(args ...string) *background {
	p.t.Helper()
	c := &background{cmd: p.command(context.WithoutCancel(p.t.Context()), args...), done: make(chan struct{})}
	c.cmd.Stdout, c.cmd.Stderr = &c.out, &c.out
	if err := c.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func() { // ends with the command
		_ = c.cmd.Wait()
		close(c.done)
	}()
	p.t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		<-c.done
	})
	return c
}

// ended waits for the command's end.
func (c *background) ended(within time.Duration) bool {
	select {
	case <-c.done:
		return true
	case <-time.After(within):
		return false
	}
}

// point is a moment of an operation.
type point struct {
	kinds   []operations.Kind
	running victim        // a process of this kind runs
	done    int           // so many resources are done
	started string        // the change of this resource has begun
	after   time.Duration // then so much later
}

func (pt point) String() string {
	s := fmt.Sprint(pt.kinds)
	if pt.done > 0 {
		s += fmt.Sprintf(" at %d resources", pt.done)
	}
	if pt.started != "" {
		s += " at " + pt.started
	}
	return fmt.Sprintf("%s +%.1f s", s, pt.after.Seconds())
}

// reach waits for the point and returns the operation.
func (p *place) reach(pt point) *operations.Operation {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 5*time.Minute)
	defer cancel()
	began := time.Now()
	wanted := func(o *operations.Operation) bool {
		if !slices.Contains(pt.kinds, o.Kind) || o.Started.Before(began.Add(-10*time.Second)) {
			return false
		}
		return o.PID() != 0 || o.Status().State != operations.StateInterrupted // else its process is about to begin
	}
	var o *operations.Operation
	until(ctx, func() bool {
		o = operations.Latest(filepath.Join(p.workspace(), "operations"), wanted)
		return o != nil
	})
	if o == nil {
		p.t.Fatalf("no operation of %v began", pt.kinds)
	}
	if pt.done > 0 || pt.started != "" {
		follow, reached := context.WithCancel(ctx)
		defer reached()
		done := 0
		_, err := o.Follow(follow, func(e stack.Event) {
			if e.Type == stack.EventDone {
				done++
			}
			if pt.done > 0 && done >= pt.done || pt.started != "" && e.Type == stack.EventStarted && e.Resource == pt.started {
				reached()
			}
		})
		if follow.Err() == nil || ctx.Err() != nil {
			p.t.Fatalf("the operation did not come to %v: %v", pt, err)
		}
	}
	if pt.running != "" && !until(ctx, func() bool { return len(p.processes()[pt.running]) > 0 }) {
		p.t.Fatalf("at %v there is no process of the kind %s", pt, pt.running)
	}
	select { // a moment within a step of Terraform, which no event marks
	case <-ctx.Done():
	case <-time.After(pt.after):
	}
	return o
}

// until looks again until f is true or ctx ends.
func until(ctx context.Context, f func() bool) bool {
	for !f() {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(20 * time.Millisecond):
		}
	}
	return true
}

func (p *place) within(d time.Duration, f func() bool) bool {
	ctx, cancel := context.WithTimeout(p.t.Context(), d)
	defer cancel()
	return until(ctx, f)
}

// kill kills all processes of a kind, at once.
func (p *place) kill(v victim) {
	p.t.Helper()
	// Terraform runs several times in one operation: there may be none just now.
	var pids []int
	p.within(20*time.Second, func() bool { pids = p.processes()[v]; return len(pids) > 0 })
	if len(pids) == 0 {
		p.t.Fatalf("there is no process of the kind %s", v)
	}
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// noOrphans holds that no Terraform, provider or operation stays.
func (p *place) noOrphans() {
	p.t.Helper()
	var left map[victim][]int
	if !p.within(orphanTime, func() bool {
		left = p.processes()
		delete(left, theSandbox)
		delete(left, theCommand)
		return len(left) == 0
	}) {
		p.t.Errorf("after %s there are still %v", orphanTime, left)
	}
}

// truthful holds that words promise nothing that is not known.
func (p *place) truthful(whose, words string) {
	p.t.Helper()
	if strings.Contains(strings.ToLower(words), "nothing is lost") || strings.Contains(words, "panic:") {
		p.t.Errorf("%s: %s", whose, tail(words))
	}
}

// operationStatus is what `status` says of the newest operation, as text and as state.
func (p *place) operationStatus() (state operations.State, text string) {
	p.t.Helper()
	var st struct{ Operation operations.Status }
	if err := json.Unmarshal([]byte(p.run(0, "status", "--json")), &st); err != nil {
		p.t.Fatal(err)
	}
	text = p.run(0, "status")
	p.truthful("status", text)
	return st.Operation.State, text
}

// swept is how many resources of the workshop the account has.
func (p *place) swept() int {
	p.t.Helper()
	var found struct {
		Left   int
		Proven bool
	}
	if err := json.Unmarshal([]byte(p.run(0, "sweep", "--json")), &found); err != nil || !found.Proven {
		p.t.Errorf("sweep --json: %+v, %v", found, err)
	}
	return found.Left
}

// emptied holds that one destroy leaves an empty account, no process, and says so.
func (p *place) emptied() {
	p.t.Helper()
	began := time.Now()
	c := p.start("destroy", "--yes", "--json")
	if !c.ended(destroyTime) {
		p.t.Fatalf("destroy is not over after %s: %s", destroyTime, tail(c.out.String()))
	}
	events := lines(c.out.String())
	var last map[string]any
	if len(events) > 0 {
		last = events[len(events)-1]
	}
	if code := c.cmd.ProcessState.ExitCode(); code != 0 || last["type"] != "receipt" || last["left"] != 0.0 || last["proven"] != true {
		p.t.Errorf("destroy exited with %d and ends with %v\n%s", code, last, tail(c.out.String()))
	}
	p.truthful("destroy", c.out.String())
	if left := p.swept(); left != 0 {
		p.t.Errorf("after the destroy sweep finds %d resources", left)
	}
	if st := p.status(); st.Stack.State != "none" {
		p.t.Errorf("after the destroy the stack is %q", st.Stack.State)
	}
	p.noOrphans()
	p.t.Logf("destroy took %.0f s", time.Since(began).Seconds())
}

// phase is a part of a stack's life in which something is killed.
type phase string

const (
	whilePlanning   phase = "plan"
	whileApplying   phase = "apply"
	whileDestroying phase = "destroy"
)

// at is the point of the i-th of n rounds: they are spread over the phase. Of an
// apply most are while the load balancer is created, which takes a minute in which
// Terraform's state does not know it.
func (ph phase) at(v victim, i, n int) point {
	f := (float64(i) + 0.5) / float64(n)
	seconds := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	running := map[bool]victim{true: v}[v == theTerraform || v == theProvider]
	switch ph {
	case whilePlanning:
		return point{kinds: []operations.Kind{operations.Deploy}, running: running, after: seconds(4 * f)}
	case whileApplying:
		if f < 0.3 {
			return point{kinds: []operations.Kind{operations.Deploy}, done: 1 + int(50*f)}
		}
		return point{kinds: []operations.Kind{operations.Deploy}, started: "aws_lb.main", after: seconds((f - 0.3) / 0.7 * 58)}
	default:
		if f < 0.2 {
			return point{kinds: []operations.Kind{operations.Plan}, running: running, after: seconds(15 * f)}
		}
		return point{kinds: []operations.Kind{operations.Destroy}, done: 1 + int((f-0.2)/0.8*29)}
	}
}

// TestKilled kills each of the five processes at points spread over plan, apply
// and destroy.
func TestKilled(t *testing.T) {
	n := needsLong(t)
	for i := range n {
		for _, ph := range []phase{whileApplying, whilePlanning, whileDestroying} {
			for _, v := range []victim{theCommand, theOperation, theTerraform, theProvider, theSandbox} {
				t.Run(fmt.Sprintf("%s/%s/%d", ph, v, i+1), func(t *testing.T) {
					t.Parallel()
					killed(t, func() *place {
						if ph == whileDestroying {
							return newDeployed(t)
						}
						return newVictim(t)
					}(), v, ph, ph.at(v, i, n))
				})
			}
		}
	}
}

func killed(t *testing.T, p *place, v victim, ph phase, pt point) {
	t.Helper()
	args := []string{"deploy", "--yes"}
	if ph == whileDestroying {
		args[0] = "destroy"
	}
	c := p.start(args...)
	o := p.reach(pt)
	p.kill(v)
	t.Logf("killed the %s at %v", v, pt)
	switch v {
	case theCommand:
		if st := o.Status().State; st != operations.StateRunning && st != operations.StateDone {
			t.Errorf("the operation is %s: it should go on without the command", st)
		}
	case theSandbox:
		// Terraform's provider repeats its requests; the next command starts the
		// sandbox again.
	default:
		// A destroy tries again by itself. A provider that is killed after Terraform has
		// read all that it wanted is not missed: the deployment goes on with the next one.
		mayFinish := ph == whileDestroying || v == theProvider && ph == whilePlanning
		if !c.ended(commandTime) {
			t.Errorf("the command still runs %s after the death of the %s", commandTime, v)
		} else if c.cmd.ProcessState.Success() && !mayFinish {
			t.Error("the command exited with 0")
		}
		p.noOrphans()
		state, text := p.operationStatus()
		if pt.kinds[0] == operations.Plan {
			break // which changed nothing, so status does not speak of it
		}
		switch {
		case v == theOperation && (state != operations.StateInterrupted || !strings.Contains(text, "was interrupted")):
			t.Errorf("status says %s of an operation that was killed: %s", state, text)
		case state == operations.StateRunning, state == operations.StateDone && !c.cmd.ProcessState.Success():
			t.Errorf("status says %s: %s", state, text)
		}
	}
	p.truthful("the command", c.out.String())
	p.emptied()
	if t.Failed() {
		t.Logf("the command printed:\n%s", tail(c.out.String()))
	}
}

// TestKilledOnAWS does the same where Terraform's state is all that is on this
// machine: with --target aws, the account being a second sandbox.
func TestKilledOnAWS(t *testing.T) {
	n := needsLong(t)
	for i := range n {
		for _, v := range []victim{theOperation, theTerraform, theProvider} {
			t.Run(fmt.Sprintf("%s/%d", v, i+1), func(t *testing.T) {
				t.Parallel()
				p := newVictim(t)
				p.inAccount()
				killed(t, p, v, whileApplying, whileApplying.at(v, i, n))
			})
		}
	}
}

// TestStopped closes windows and sends signals in the middle of an apply and, in
// every third round, of a destroy.
func TestStopped(t *testing.T) {
	n := needsLong(t)
	ways := map[string]struct {
		stop   func(s *terminal, o *operations.Operation)
		goesOn bool // the operation, without the command
		code   int
	}{
		"window closed": {func(s *terminal, _ *operations.Operation) { s.tty.Close() }, true, exitHungUp},
		"SIGHUP":        {func(s *terminal, _ *operations.Operation) { _ = s.cmd.Process.Signal(syscall.SIGHUP) }, true, exitHungUp},
		"SIGTERM":       {func(s *terminal, _ *operations.Operation) { _ = s.cmd.Process.Signal(syscall.SIGTERM) }, false, exitInterrupted},
		"Ctrl-C":        {func(s *terminal, _ *operations.Operation) { s.types("\x03") }, false, exitInterrupted},
		"Ctrl-C twice": {func(s *terminal, _ *operations.Operation) {
			s.types("\x03")
			s.sees(soon, "Stopping: Terraform starts nothing new")
			s.types("\x03")
		}, false, exitInterrupted},
	}
	for i := range n {
		for _, name := range slices.Sorted(maps.Keys(ways)) {
			way := ways[name]
			t.Run(fmt.Sprintf("%s/%d", name, i+1), func(t *testing.T) {
				t.Parallel()
				ph := whileApplying
				p, args := (*place)(nil), []string{"deploy", "--yes"}
				if i%3 == 2 {
					ph, args[0] = whileDestroying, "destroy"
					p = newDeployed(t)
				} else {
					p = newVictim(t)
				}
				s := p.terminal(120, 40, args...)
				pt := ph.at(theCommand, i, n)
				o := p.reach(pt)
				way.stop(s, o)
				t.Logf("%s at %v", name, pt)
				stoppedWell(t, p, s, o, way.goesOn, way.code)
			})
		}
		t.Run(fmt.Sprintf("window of the screen closed/%d", i+1), func(t *testing.T) {
			t.Parallel()
			p := newVictim(t)
			s := p.terminal(120, 40)
			s.sees(soon, "1 Guide")
			s.types("2")
			s.sees(soon, "plan")
			s.types(enter)
			s.sees(2*time.Minute, "a apply this plan")
			s.types("a")
			s.sees(soon, "Create 31 resources?")
			s.types(tab + enter)
			pt := whileApplying.at(theCommand, i, n)
			pt.kinds = []operations.Kind{operations.Apply}
			o := p.reach(pt)
			s.tty.Close()
			t.Logf("window closed at %v", pt)
			stoppedWell(t, p, s, o, true, exitHungUp)
		})
	}
}

func stoppedWell(t *testing.T, p *place, s *terminal, o *operations.Operation, goesOn bool, code int) {
	t.Helper()
	if got := s.ends(commandTime); got != code {
		t.Errorf("exited with %d, want %d:\n%s", got, code, s.text())
	}
	p.truthful("the command", s.text())
	state := o.Status().State
	if goesOn {
		if state != operations.StateRunning && state != operations.StateDone {
			t.Errorf("the operation is %s: it should go on", state)
		}
	} else {
		p.noOrphans()
		if state == operations.StateInterrupted || state == operations.StateRunning {
			t.Errorf("the operation is %s after it was asked to stop", state)
		}
		p.operationStatus()
	}
	p.emptied()
}

// TestDestroyedTwice: a destroy that finds another one at work follows it to its
// end, and both end well.
func TestDestroyedTwice(t *testing.T) {
	n := needsLong(t)
	for i := range n {
		for _, pt := range []point{{kinds: []operations.Kind{operations.Plan}}, {kinds: []operations.Kind{operations.Destroy}, done: 5}} {
			t.Run(fmt.Sprintf("%v/%d", pt, i+1), func(t *testing.T) {
				t.Parallel()
				p := newDeployed(t)
				first := p.start("destroy", "--yes")
				p.reach(pt)
				p.emptied()
				if !first.ended(commandTime) || !first.cmd.ProcessState.Success() {
					t.Errorf("the first destroy: %s", tail(first.out.String()))
				}
			})
		}
	}
}

// TestStateLost: whatever became of Terraform's state while the stack is up, one
// destroy empties the account.
func TestStateLost(t *testing.T) {
	n := needsLong(t)
	edit := func(change func(state map[string]any)) func(string) error {
		return func(path string) error {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			state := map[string]any{}
			if err := json.Unmarshal(data, &state); err != nil {
				return err
			}
			change(state)
			if data, err = json.Marshal(state); err != nil {
				return err
			}
			return os.WriteFile(path, data, 0o600)
		}
	}
	for name, damage := range map[string]func(path string) error{
		"deleted": os.Remove,
		"truncated": func(path string) error {
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			return os.Truncate(path, info.Size()/2)
		},
		"empty": func(path string) error { return os.Truncate(path, 0) },
		"newer": edit(func(s map[string]any) { s["version"], s["terraform_version"] = 5, "9.0.0" }),
		"errored": func(path string) error {
			return os.Rename(path, filepath.Join(filepath.Dir(path), "errored.tfstate"))
		},
		"older copy": edit(func(s map[string]any) {
			resources := s["resources"].([]any)
			s["resources"], s["serial"] = resources[:len(resources)/3], s["serial"].(float64)-5
		}),
	} {
		for i := range n {
			t.Run(fmt.Sprintf("%s/%d", name, i+1), func(t *testing.T) {
				t.Parallel()
				p := newDeployed(t)
				if err := damage(p.stateFile()); err != nil {
					t.Fatal(err)
				}
				if left := p.swept(); left < 20 {
					t.Fatalf("before the destroy the account has only %d resources", left)
				}
				p.emptied()
			})
		}
	}
}

// proxy puts a server between the place and its account; meddle may answer a
// request itself, which it then reports. Requests keep their Host header, so that
// their signatures stay valid.
func (p *place) proxy(meddle func(w http.ResponseWriter, r *http.Request) bool) {
	p.t.Helper()
	account, err := url.Parse(p.exports()["AWS_ENDPOINT_URL"])
	if err != nil {
		p.t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(account); r.Out.Host = r.In.Host },
		Transport: &http.Transport{DisableCompression: true},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			w.WriteHeader(http.StatusBadGateway)
		},
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !meddle(w, r) {
			forward.ServeHTTP(w, r)
		}
	}))
	p.t.Cleanup(srv.Close)
	p.env = append(p.env, "AWS_ENDPOINT_URL="+srv.URL)
}

// refuse answers a request with an error of AWS in the request's protocol.
func refuse(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	switch {
	case r.Header.Get("Smithy-Protocol") == "rpc-v2-cbor":
		text := func(s string) string { return string([]byte{0x78, byte(len(s))}) + s }
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		w.Header().Set("Content-Type", "application/cbor")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "\xa2"+text("__type")+text(code)+text("message")+text(message))
	case r.Header.Get("X-Amz-Target") != "", strings.Contains(r.Header.Get("Authorization"), "/scheduler/aws4_request"):
		w.Header().Set("X-Amzn-Errortype", code)
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": message})
	case strings.Contains(r.Header.Get("Authorization"), "/ec2/aws4_request"):
		w.WriteHeader(status)
		fmt.Fprintf(w, "<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors><RequestID>1</RequestID></Response>", code, message)
	default:
		w.WriteHeader(status)
		fmt.Fprintf(w, "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>1</RequestId></ErrorResponse>", code, message)
	}
}

// TestFaultyAccount deploys and destroys through 5% of errors of the server, 5% of
// throttling, 2% of connections that are reset, and stalls of a second.
func TestFaultyAccount(t *testing.T) {
	n := needsLong(t)
	for i := range n {
		t.Run(strconv.Itoa(i+1), func(t *testing.T) {
			t.Parallel()
			p := newVictim(t)
			p.inAccount()
			direct := p.env
			var all, bad atomic.Int64
			p.proxy(func(w http.ResponseWriter, r *http.Request) bool {
				all.Add(1)
				switch dice := rand.IntN(100); {
				case dice < 5:
					w.WriteHeader([]int{500, 502, 503}[dice%3])
				case dice < 10:
					refuse(w, r, http.StatusBadRequest, "Throttling", "Rate exceeded")
				case dice < 12:
					if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
						if tcp, ok := conn.(*net.TCPConn); ok {
							_ = tcp.SetLinger(0) // a reset instead of an orderly end
						}
						_ = conn.Close()
					}
				case dice < 14:
					time.Sleep(time.Second)
					return false
				default:
					return false
				}
				bad.Add(1)
				return true
			})
			faulty := p.env
			p.run(0, "deploy", "--yes", "--json")
			p.env = direct
			if st := p.status(); st.Stack.State != "up" {
				t.Errorf("after deploy: %+v", st)
			}
			p.env = faulty
			p.run(0, "destroy", "--yes", "--json")
			t.Logf("%d of %d requests failed", bad.Load(), all.Load())
			p.env = direct
			p.emptied() // has nothing left to do
		})
	}
}

// TestCredentialsExpire: the command says within half a minute that credentials
// have expired in the middle of an apply; with new ones one destroy empties the
// account.
func TestCredentialsExpire(t *testing.T) {
	n := needsLong(t)
	for i := range n {
		for _, ph := range []phase{whileApplying, whilePlanning, whileDestroying} {
			t.Run(fmt.Sprintf("%s/%d", ph, i+1), func(t *testing.T) {
				t.Parallel()
				credentialsExpire(t, ph, ph.at(theCommand, i, n))
			})
		}
	}
}

func credentialsExpire(t *testing.T, ph phase, pt point) {
	t.Helper()
	p := newVictim(t)
	p.inAccount()
	var expired atomic.Bool
	p.proxy(func(w http.ResponseWriter, r *http.Request) bool {
		if !expired.Load() {
			return false
		}
		code := "ExpiredToken"
		switch {
		case strings.Contains(r.Header.Get("Authorization"), "/ec2/aws4_request"):
			code = "RequestExpired"
		case r.Header.Get("X-Amz-Target") != "":
			code = "ExpiredTokenException"
		}
		refuse(w, r, http.StatusForbidden, code, "The security token included in the request is expired")
		return true
	})
	args := []string{"deploy", "--yes"}
	if ph == whileDestroying {
		p.run(0, args...)
		args[0] = "destroy"
	}
	c := p.start(args...)
	p.reach(pt)
	before := len(c.out.String())
	expired.Store(true)
	began := time.Now()
	if p.within(expiredTime, func() bool { return strings.Contains(strings.ToLower(c.out.String()[before:]), "expired") }) {
		t.Logf("said after %.0f s", time.Since(began).Seconds())
	} else {
		t.Errorf("not a word after %s:\n%s", expiredTime, tail(c.out.String()))
	}
	_ = c.cmd.Process.Signal(os.Interrupt)
	if !c.ended(commandTime) {
		t.Errorf("the command still runs %s after Ctrl-C:\n%s", commandTime, tail(c.out.String()))
	}
	p.truthful("the command", c.out.String())
	expired.Store(false)
	p.emptied()
}

// ec2 calls an action of EC2 as somebody beside the program would.
func (p *place) ec2(form string) string {
	p.t.Helper()
	env := p.exports()
	body := form + "&Version=2016-11-15"
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, env["AWS_ENDPOINT_URL"]+"/", strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	sum := sha256.Sum256([]byte(body))
	keys := aws.Credentials{AccessKeyID: env["AWS_ACCESS_KEY_ID"], SecretAccessKey: env["AWS_SECRET_ACCESS_KEY"]}
	if err := v4.NewSigner().SignHTTP(p.t.Context(), keys, req, hex.EncodeToString(sum[:]), "ec2", env["AWS_REGION"], time.Now()); err != nil {
		p.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: %d %v\n%s", form, res.StatusCode, err, answer)
	}
	return string(answer)
}

var (
	subnetID    = regexp.MustCompile(`<subnetId>(subnet-[0-9a-f]+)`)
	interfaceID = regexp.MustCompile(`<networkInterfaceId>(eni-[0-9a-f]+)`)
)

// TestHeldByAStranger: a network interface made by hand keeps a subnet from being
// deleted. destroy names it, ends with a receipt when it is interrupted, and goes
// through once the interface is gone.
func TestHeldByAStranger(t *testing.T) {
	n := needsLong(t)
	for i := range n {
		for _, interrupted := range []bool{false, true} {
			t.Run(fmt.Sprintf("interrupted %v/%d", interrupted, i+1), func(t *testing.T) {
				t.Parallel()
				p := newDeployed(t)
				subnets := subnetID.FindAllStringSubmatch(p.ec2("Action=DescribeSubnets&Filter.1.Name=tag-key&Filter.1.Value.1=Workshop"), -1)
				if len(subnets) == 0 {
					t.Fatal("the deployment has no subnets")
				}
				eni := interfaceID.FindStringSubmatch(p.ec2("Action=CreateNetworkInterface&Description=by+hand&SubnetId=" + subnets[0][1]))[1]

				c := p.start("destroy", "--yes", "--json")
				o := p.reach(point{kinds: []operations.Kind{operations.Destroy}})
				var begun, named time.Time
				ctx, cancel := context.WithTimeout(t.Context(), destroyTime)
				defer cancel()
				_, err := o.Follow(ctx, func(e stack.Event) {
					switch {
					case e.Type == stack.EventStarted && begun.IsZero() && strings.HasPrefix(e.Resource, "aws_subnet."):
						begun = e.Time
					case e.Type == stack.EventHeld && strings.Contains(e.Message, eni):
						named = e.Time
						cancel()
					}
				})
				if named.IsZero() || !errors.Is(err, context.Canceled) {
					t.Fatalf("the interface %s was not named: %v\n%s", eni, err, tail(c.out.String()))
				}
				if d := named.Sub(begun); d > heldTime {
					t.Errorf("the interface was named after %s", d)
				}
				t.Logf("named %.0f s after the subnet's deletion began", named.Sub(begun).Seconds())
				if interrupted {
					_ = c.cmd.Process.Signal(os.Interrupt)
				} else {
					p.ec2("Action=DeleteNetworkInterface&NetworkInterfaceId=" + eni)
				}
				if !c.ended(destroyTime) {
					t.Fatalf("destroy is not over after %s:\n%s", destroyTime, tail(c.out.String()))
				}
				events := lines(c.out.String())
				last, code := events[len(events)-1], c.cmd.ProcessState.ExitCode()
				if !interrupted {
					if last["type"] != "receipt" || last["left"] != 0.0 || code != 0 {
						t.Errorf("destroy exited with %d and ends with %v", code, last)
					}
				} else {
					if left, _ := last["left"].(float64); last["type"] != "receipt" || left == 0 || code != exitInterrupted {
						t.Errorf("the interrupted destroy exited with %d and ends with %v", code, last)
					}
					p.ec2("Action=DeleteNetworkInterface&NetworkInterfaceId=" + eni)
				}
				p.emptied()
			})
		}
	}
}
