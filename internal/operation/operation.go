// Package operation runs Terraform's operations in processes of their own, which
// outlive the screen or command that asked for them. Each operation has a folder
// with its request, a journal of its events and how it ended; the screen, the
// plain text and --json are readers of that journal, as many as there are.
//
//	<workspace>/operations/
//	  lock                        held by the one operation that runs
//	  20261126T101500.123456-apply/
//	    lock                      held by its process for as long as it lives
//	    request.json              who asked for what, and when
//	    process.json              its process, which takes the requests to stop
//	    plan.json                 the plan, with the values that the journal leaves out
//	    events.jsonl              its events, and last of all its outcome
//	    output.log                what else its process printed
//
// Everything is readable by its owner alone: plans hold secrets.
package operation

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2/maybe"

	"workshop/internal/clean"
	"workshop/internal/detach"
	"workshop/internal/stack"
)

// Kind is what an operation does.
type Kind string

const (
	Plan    Kind = "plan"
	Apply   Kind = "apply"   // of a plan that was made before
	Deploy  Kind = "deploy"  // plan and apply in one
	Destroy Kind = "destroy" // what Terraform's state has lost, what it knows, and the question what is left
	Push    Kind = "push"    // put back a state that Terraform could not save
	Move    Kind = "move"    // of Terraform's state to another backend; no resource changes
)

const (
	// Variable names the folder of the operation in the environment of its process.
	Variable = "WORKSHOP_OPERATION"

	lockFile    = "lock"
	requestFile = "request.json"
	processFile = "process.json"
	planFile    = "plan.json"
	journalFile = "events.jsonl"
	outputFile  = "output.log"

	dirMode  = 0o700
	fileMode = 0o600

	// kept is how many operations are kept in a workspace.
	kept = 20

	// startTime bounds the wait for an operation's process to begin.
	startTime = 20 * time.Second
	// pause is how often a journal is looked at for more.
	pause = 25 * time.Millisecond
)

// Request says what an operation is to do, and for whom.
type Request struct {
	Kind    Kind            `json:"kind"`
	Started time.Time       `json:"started"`
	By      string          `json:"by"`    // the command that asked for it
	Input   json.RawMessage `json:"input"` // for the work itself
}

// BusyError says that another operation runs in the workspace.
type BusyError struct{ Running Request }

// Error names the operation that runs.
func (e *BusyError) Error() string {
	if e.Running.Kind == "" {
		return "another operation runs in this workspace; wait for its end, then try again"
	}
	return fmt.Sprintf("%s has been running in this workspace since %s, started by %q; wait for its end, then try again",
		e.Running.Kind, e.Running.Started.Local().Format("15:04:05"), clean.Line(e.Running.By))
}

// Unwrap gives stack.ErrBusy.
func (e *BusyError) Unwrap() error { return stack.ErrBusy }

// Operation is one operation of a workspace, running or over. It is safe for
// concurrent use.
type Operation struct {
	Request
	dir string
}

// Dir is the operation's folder.
func (o *Operation) Dir() string { return o.dir }

// ID is the name of the operation's folder, unique in the workspace.
func (o *Operation) ID() string { return filepath.Base(o.dir) }

func (o *Operation) path(name string) string { return filepath.Join(o.dir, name) }

// Command says what an operation is to do.
type Command struct {
	Kind  Kind
	By    string      // the command of the person who asks for it
	Input any         // for the work itself; it must fit into JSON
	Plan  *stack.Plan // that Input is about; may be nil
	Env   []string    // of the process, as KEY=value; nil is this process's own
}

// Start begins an operation in a process of its own, which is this program
// executed again: its main must begin with what calls Serve where Variable is in
// the environment. root is the folder of the workspace's operations. Start returns
// when the process has taken up its work; if another operation runs the error is a
// *BusyError.
func Start(ctx context.Context, root string, c Command) (*Operation, error) {
	kind := c.Kind
	if busy := Running(root); busy != nil {
		return nil, &BusyError{busy.Request}
	}
	prune(root)
	now := time.Now().UTC()
	o := &Operation{dir: filepath.Join(root, now.Format(idLayout)+"-"+string(kind))}
	data, err := json.Marshal(c.Input)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", kind, err)
	}
	o.Request = Request{Kind: kind, Started: now, By: c.By, Input: data}
	if err := o.prepare(c.Plan); err != nil {
		// A failed preparation leaves nothing that looks like an operation.
		return nil, errors.Join(fmt.Errorf("start %s: %w", kind, err), os.RemoveAll(o.dir))
	}
	if c.Env == nil {
		c.Env = os.Environ()
	}
	proc, err := detach.Start(detach.Command{Args: []string{"operation", string(kind)}, Env: append(c.Env, Variable+"="+o.dir), Log: o.path(outputFile), Keep: root})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", kind, err), os.RemoveAll(o.dir))
	}
	limit := time.NewTimer(startTime)
	defer limit.Stop()
	for {
		if _, err := os.Stat(o.path(processFile)); err == nil {
			return o, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-proc.Done():
			if _, err := os.Stat(o.path(processFile)); err == nil {
				return o, nil
			}
			// It has never been an operation that somebody could ask about.
			return nil, errors.Join(o.vanished("could not begin"), os.RemoveAll(o.dir))
		case <-limit.C:
			return nil, fmt.Errorf("start %s: process %d has not begun after %s; %s has what it printed", kind, proc.PID, startTime, o.path(outputFile))
		case <-time.After(pause):
		}
	}
}

func (o *Operation) prepare(p *stack.Plan) error {
	if err := os.MkdirAll(o.dir, dirMode); err != nil {
		return err
	}
	if p != nil {
		if err := stack.SavePlan(o.path(planFile), p); err != nil {
			return err
		}
	}
	return writeJSON(o.path(requestFile), o.Request)
}

func writeJSON(path string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return maybe.WriteFile(path, append(data, '\n'), fileMode)
}

const idLayout = "20060102T150405.000000"

var validID = regexp.MustCompile(`^\d{8}T\d{6}\.\d{6}-[a-z]+$`)

// List gives the operations of a workspace, newest first. Folders that cannot be
// read are left out.
func List(root string) []*Operation {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil
	}
	var ops []*Operation
	for _, e := range entries {
		if !e.IsDir() || !validID.MatchString(e.Name()) {
			continue
		}
		if o, err := Open(filepath.Join(root, e.Name())); err == nil {
			ops = append(ops, o)
		}
	}
	slices.SortFunc(ops, func(a, b *Operation) int { return cmp.Compare(b.dir, a.dir) })
	return ops
}

// Open reads the operation of a folder.
func Open(dir string) (*Operation, error) {
	o := &Operation{dir: dir}
	data, err := os.ReadFile(o.path(requestFile))
	if err != nil {
		return nil, fmt.Errorf("read the operation: %w", err)
	}
	if err := json.Unmarshal(data, &o.Request); err != nil || o.Kind == "" || o.Started.IsZero() {
		return nil, fmt.Errorf("read the operation: %s is damaged", o.path(requestFile))
	}
	return o, nil
}

// Running is the operation that runs in a workspace, nil where none does.
func Running(root string) *Operation {
	for _, o := range List(root) {
		if o.Running() {
			return o
		}
	}
	return nil
}

// Latest is the newest operation that satisfies want, nil where there is none.
func Latest(root string, want func(*Operation) bool) *Operation {
	for _, o := range List(root) {
		if want(o) {
			return o
		}
	}
	return nil
}

// prune removes all but the newest operations, and the plans of all: a new
// operation makes or brings its own.
func prune(root string) {
	for i, o := range List(root) {
		// What cannot be removed now is removed the next time.
		_ = os.Remove(o.path(planFile))
		if i >= kept-1 {
			_ = os.RemoveAll(o.dir)
		}
	}
}

// Running reports whether the operation's process lives, or is about to begin.
func (o *Operation) Running() bool {
	if _, err := os.Stat(o.path(processFile)); errors.Is(err, fs.ErrNotExist) && time.Since(o.Started).Abs() < startTime {
		_, err := os.Stat(o.path(requestFile))
		return err == nil
	}
	if _, err := os.Stat(o.path(lockFile)); err != nil {
		return false
	}
	// A shared lock: several may look at once, and none of them must look to another
	// like the operation's process.
	l := flock.New(o.path(lockFile), flock.SetPermissions(fileMode))
	got, err := l.TryRLock()
	if got {
		_ = l.Unlock() // closing the file lets go of it as well
	}
	return err == nil && !got
}

// process is how the operation's process is found.
type process struct {
	PID int `json:"pid"`
}

// PID is the operation's process, 0 where it does not run.
func (o *Operation) PID() int {
	var p process
	data, err := os.ReadFile(o.path(processFile))
	if err != nil || json.Unmarshal(data, &p) != nil || p.PID <= 1 || !o.Running() {
		return 0
	}
	return p.PID
}

// Stop asks a running operation to stop: Terraform starts nothing new and saves
// its state. A second call tells it to leave at once. Where nothing runs it does
// nothing.
func (o *Operation) Stop() error {
	// The lock says that the process which wrote its number still lives, so the
	// number belongs to no other.
	pid := o.PID()
	if pid == 0 {
		return nil
	}
	p, err := os.FindProcess(pid)
	if err == nil {
		err = interrupt(p)
	}
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s (process %d): %w", o.Kind, pid, err)
	}
	return nil
}

// State is how an operation is, for those who did not follow it.
type State string

const (
	StateRunning     State = "running"
	StateDone        State = "done"
	StateFailed      State = "failed"
	StateStopped     State = "stopped"     // on request
	StateInterrupted State = "interrupted" // its process ended without saying how
)

// OfState reports whether an operation of that kind is about the state alone: it
// has no plan and changes no resource.
func (k Kind) OfState() bool { return k == Push || k == Move }

// Status sums up an operation.
type Status struct {
	Kind    Kind      `json:"kind"`
	State   State     `json:"state"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
	By      string    `json:"by"`
	// Done of Total resources; both are 0 where there was no plan yet.
	Done  int `json:"done"`
	Total int `json:"total"`
	// Summary counts what was done.
	Summary stack.Summary `json:"-"`
	// Err is why it failed or stopped.
	Err error `json:"-"`
}

// Status reads the journal.
func (o *Operation) Status() Status {
	s := Status{Kind: o.Kind, Started: o.Started, By: clean.Line(o.By), State: StateInterrupted}
	running := o.Running() // first: a process that ends meanwhile has written its outcome
	actions := map[stack.Action]int{}
	r := reader{path: o.path(journalFile)}
	defer r.close()
	_ = r.read(func(rec record) { // what can be read counts
		s.Ended = rec.Time
		switch e := rec.Event; {
		case rec.Outcome != nil:
			s.Err = rec.Outcome.Failure.Err()
			switch {
			case s.Err == nil:
				s.State = StateDone
			case errors.Is(s.Err, stack.ErrStopped), errors.Is(s.Err, context.Canceled):
				s.State = StateStopped
			default:
				s.State = StateFailed
			}
		case e == nil:
		case e.Plan != nil:
			s.Total = e.Plan.Create + e.Plan.Update + e.Plan.Replace + e.Plan.Delete
		case e.Type == stack.EventDone && e.Op != stack.OpRemove:
			actions[e.Action]++
		}
	})
	s.Summary = stack.Summary{Created: actions[stack.ActionCreate], Updated: actions[stack.ActionUpdate], Deleted: actions[stack.ActionDelete]}
	s.Done = s.Summary.Created + s.Summary.Updated + s.Summary.Deleted
	if p, err := stack.LoadPlan(o.path(planFile)); err == nil && s.Total == 0 {
		s.Total = p.Create + p.Update + p.Replace + p.Delete
	}
	if s.State == StateInterrupted && running {
		s.State, s.Ended = StateRunning, time.Time{}
	}
	return s
}

// vanished is the error of a process that ended without saying how.
func (o *Operation) vanished(what string) error {
	err := &VanishedError{Kind: o.Kind, What: what, Log: o.path(outputFile)}
	if out, rerr := os.ReadFile(err.Log); rerr == nil && len(out) > 0 {
		err.Output = clean.Text(string(out[max(0, len(out)-2000):]))
	}
	// A process that could not write could not say so either.
	probe, werr := os.CreateTemp(o.dir, "probe-*")
	if werr == nil {
		_, werr = probe.Write(make([]byte, 4096))
		werr = errors.Join(werr, probe.Close(), os.Remove(probe.Name()))
	}
	if werr != nil && !errors.Is(werr, fs.ErrNotExist) {
		err.Cause = werr
	}
	return err
}

// VanishedError says that an operation's process ended without an outcome: it
// was killed, crashed, or could not write.
type VanishedError struct {
	Kind   Kind
	What   string // such as "ended in the middle"
	Output string // the last that it printed, cleaned
	Log    string // where all that it printed is
	Cause  error  // what keeps its folder from being written; nil where nothing does
}

// Error says what happened and what to do next.
func (e *VanishedError) Error() string {
	text := fmt.Sprintf("the process that runs %s %s", e.Kind, e.What)
	switch {
	case e.Cause != nil:
		text += fmt.Sprintf(": %v. Free some space or make the folder writable", e.Cause)
	case e.Output != "":
		text += ":\n" + e.Output
	default:
		text += ": something killed it, often because memory ran out"
	}
	if e.Kind == Plan {
		return text + "\nNothing was changed. Try again."
	}
	return text + "\nTerraform was asked to save its state. `workshop status` shows what is up, `workshop deploy` goes on from there, " +
		"`workshop destroy` deletes it and looks for what the state does not know."
}

// Unwrap gives Cause.
func (e *VanishedError) Unwrap() error { return e.Cause }
