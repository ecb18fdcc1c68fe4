package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/charmbracelet/x/term"

	"workshop/internal/clean"
	"workshop/internal/fargate"
	"workshop/internal/lesson"
	operations "workshop/internal/operation"
	"workshop/internal/session"
	"workshop/internal/stack"
	"workshop/internal/target"
	"workshop/internal/tui"
	"workshop/internal/workspace"
)

// memoryLimit is soft, in bytes. What a screen and its sandbox hold stays below
// it; a burst of logs passes through, and beyond it is given back to the system.
const memoryLimit = 64 << 20

// screen opens the TUI.
func (c *commandLine) screen(ctx context.Context, o tui.Options) error {
	if c.tty == nil || !term.IsTerminal(c.tty.Fd()) || !c.terminal() {
		return usagef("the screen needs a terminal; without one use the commands, for example `workshop deploy --yes` and `workshop status`")
	}
	c.fullScreen = true
	s, err := c.open()
	if err != nil {
		return err
	}
	if err := c.moveState(ctx, s); err != nil {
		return err
	}
	// A screen stays open for hours beside other work: memory counts more than
	// the collector's share of the processor.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	err = tui.Run(ctx, &screen{session: s, notes: c.notes}, o.FromEnv(os.Getenv))
	if s.Sandbox() && sandboxRuns(context.WithoutCancel(ctx), s) {
		c.note("%s", target.KeepsRunning)
	}
	return err
}

// sandboxRuns reports whether the session leaves a sandbox behind.
func sandboxRuns(ctx context.Context, s *session.Session) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	st, _ := target.SandboxStatus(ctx, s.Workspace.Dir()) // one that does not answer runs as well
	return st.Running
}

// screen is the TUI's view of a session.
type screen struct {
	session *session.Session
	notes   []string                           // about the workspace
	watcher atomic.Pointer[fargate.Watcher]    // the one that runs, to be told of changes
	solving atomic.Pointer[context.CancelFunc] // ends the solving of a step
}

var _ tui.Session = (*screen)(nil)

func (s *screen) info() tui.Info {
	i := tui.Info{Sandbox: s.session.Sandbox(), Workspace: s.session.Workspace.Dir()}
	// Held by another process, or on a disk that cannot be written.
	if err := s.session.Lock(); err != nil {
		i.ReadOnly, i.Holder = true, err.Error()
	}
	return i
}

func (s *screen) Open(context.Context) (tui.Opening, error) {
	course, err := s.session.Course()
	o := tui.Opening{Info: s.info(), Course: course, Images: s.session.Steps(), Faults: faults(err)}
	p, err := s.session.Workspace.LoadProgress()
	if err != nil {
		return o, err
	}
	o.Progress = fromWorkspace(p, course)
	o.Progress.Outputs = map[string]tui.Output{}
	for _, st := range course.Steps {
		var out tui.Output
		if ok, err := s.session.Workspace.Output(st.ID, &out); err == nil && ok { // the step is as good without it
			o.Progress.Outputs[st.ID] = out
		}
	}
	return o, nil
}

// faults takes a joined error apart.
func faults(err error) []error {
	if err == nil {
		return nil
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		return many.Unwrap()
	}
	return []error{err}
}

func fromWorkspace(p workspace.Progress, course *lesson.Course) tui.Progress {
	out := tui.Progress{Step: p.Current, Begun: map[string]time.Time{}, Places: map[string][]byte{},
		Passed: map[string]map[string]bool{}, Hints: map[string]int{}, Answers: map[string]map[int][]int{}}
	for _, st := range course.Steps { // in the course's order
		sp, ok := p.Steps[st.ID]
		if !ok {
			continue
		}
		if sp.Done {
			out.Done = append(out.Done, st.ID)
		}
		if !sp.FirstSeen.IsZero() {
			out.Begun[st.ID] = sp.FirstSeen
		}
		if len(sp.Place) > 0 {
			out.Places[st.ID] = sp.Place
		}
		out.Hints[st.ID], out.Answers[st.ID] = sp.Hints, sp.Quiz
		out.Passed[st.ID] = map[string]bool{}
		for id := range sp.Checks {
			out.Passed[st.ID][id] = true
		}
	}
	return out
}

func (s *screen) Save(_ context.Context, p tui.Progress) error {
	done := map[string]bool{}
	for _, id := range p.Done {
		done[id] = true
	}
	return s.session.Workspace.UpdateProgress(func(kept *workspace.Progress) error {
		kept.Current = p.Step
		for id := range union(done, p.Begun, p.Places) { // steps that the course no longer has stay
			sp := kept.Steps[id]
			if done[id] && !sp.Done {
				sp.DoneAt = time.Now().UTC()
			}
			sp.Done = done[id]
			if b, ok := p.Begun[id]; ok {
				sp.FirstSeen = b
			}
			if place, ok := p.Places[id]; ok && json.Valid(place) {
				sp.Place = place
			}
			kept.Steps[id] = sp
		}
		return nil
	})
}

func union(done map[string]bool, begun map[string]time.Time, places map[string][]byte) map[string]bool {
	all := map[string]bool{}
	for id := range done {
		all[id] = true
	}
	for id := range begun {
		all[id] = true
	}
	for id := range places {
		all[id] = true
	}
	return all
}

func (s *screen) Ready(ctx context.Context, emit func(stack.Event)) (tui.Info, error) {
	i := s.info()
	t, err := s.session.Target(ctx)
	if err != nil {
		return i, err
	}
	i.Account, i.Region = clean.Line(t.Account), clean.Line(t.Region)
	i.Notes = slices.Concat(s.notes, t.Notes)
	_, err = s.session.Stack(ctx, emit)
	return i, err
}

func (s *screen) Stack(context.Context) (tui.Stack, error) {
	st, err := s.session.State()
	if err != nil {
		return tui.Stack{}, err
	}
	resources, err := st.State()
	if err != nil {
		return tui.Stack{}, err
	}
	outputs, err := st.Outputs()
	if err != nil {
		return tui.Stack{}, err
	}
	out := tui.Stack{Exists: len(resources) > 0, Resources: len(resources), Outputs: outputs}
	for _, r := range resources {
		out.Addresses = append(out.Addresses, r.Address)
		if cidr, ok := r.Values["cidr_block"].(string); ok && r.Type == "aws_vpc" {
			out.Network = cidr
		}
	}
	out.URL, _ = outputs["url"].(string)
	out.Lost = !out.Exists && s.session.Lost()
	if last, ok := s.session.LastOperation(); ok && last.State != operations.StateRunning {
		out.Last = &tui.LastRun{
			Destroy: last.Kind == operations.Destroy, Interrupted: last.State == operations.StateInterrupted,
			Stopped: last.State == operations.StateStopped, Failed: last.State == operations.StateFailed,
			Done: last.Done, Total: last.Total, Ended: last.Ended,
		}
	}
	if out.Exists {
		if l := s.session.Life(); l.To.IsZero() {
			out.Created = l.From
		}
	}
	return out, nil
}

func (s *screen) Plan(ctx context.Context, destroy bool, emit func(stack.Event)) (*stack.Plan, error) {
	return s.session.Plan(ctx, destroy, emit)
}

// awaitEvery is how often the screen looks for operations of other processes.
const awaitEvery = 500 * time.Millisecond

func (s *screen) Await(ctx context.Context) (tui.Operation, error) {
	for {
		if o := s.session.Running(); o != nil && !o.Kind.OfState() && !s.session.Busy() {
			out := tui.Operation{Op: stack.OpApply, By: o.By, Started: o.Started}
			p, err := o.Plan()
			if err == nil {
				out.Plan = p
			}
			switch o.Kind {
			case operations.Plan:
				out.Op = stack.OpPlan
			case operations.Destroy:
				out.Op, out.Destroy = stack.OpDestroy, true
			}
			return out, nil
		}
		select {
		case <-ctx.Done():
			return tui.Operation{}, ctx.Err()
		case <-time.After(awaitEvery):
		}
	}
}

func (s *screen) ConfirmAccount(ctx context.Context, typed string) error {
	return s.session.ConfirmAccount(ctx, typed)
}

func (s *screen) Repair(err error) (string, func(context.Context, func(stack.Event)) error, bool) {
	r, ok := s.session.Repair(err)
	return r.Question, r.Do, ok
}

// problemEvery is how often the screen asks whether the sandbox works.
const problemEvery = 3 * time.Second

func (s *screen) Problems(ctx context.Context, changed func(string)) {
	last := ""
	for s.session.Sandbox() {
		st, err := target.SandboxStatus(ctx, s.session.Workspace.Dir())
		if ctx.Err() != nil {
			return
		}
		now := ""
		switch {
		case err != nil:
			now = err.Error()
		case st.Problem != "":
			now = "The sandbox does not work as it should: " + st.Problem
		}
		if now != last {
			last = now
			changed(now)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(problemEvery):
		}
	}
}

func (s *screen) Attach(ctx context.Context, emit func(stack.Event)) (*stack.Plan, error) {
	return s.session.Attach(ctx, emit)
}

func (s *screen) Apply(ctx context.Context, p *stack.Plan, emit func(stack.Event)) error {
	_, err := s.session.Apply(ctx, p, emit)
	return err
}

func (s *screen) Sources(context.Context) (map[string]stack.Source, error) {
	return s.session.Sources()
}

// Stop ends what Terraform does, and else what is being solved.
func (s *screen) Stop(hard bool) {
	if cancel := s.solving.Load(); cancel != nil && !s.session.Busy() {
		(*cancel)()
		return
	}
	s.session.Stop(hard)
}

func (s *screen) Advice(d stack.Diagnostic) string {
	a, _ := d.Advice(tui.Face)
	return a.Do
}

// onScreen returns the tasks with their answers written for the screens.
func onScreen(tasks []fargate.Task) []fargate.Task {
	out := slices.Clone(tasks)
	for i, t := range out {
		if t.Answer != nil {
			a := t.Answer.On(tui.Face)
			out[i].Answer = &a
		}
	}
	return out
}

// retryWatch is how long to wait for a service that is not there yet.
const retryWatch = time.Second

// ref waits until something is deployed. While an apply runs the address is
// what comes last before the service: sooner there is nothing to look at.
func (s *screen) ref(ctx context.Context) (fargate.Ref, error) {
	for {
		ref, err := s.session.Ref()
		if err == nil && (ref.URL != "" || !s.session.Busy()) || err != nil && !errors.Is(err, session.ErrNothingDeployed) {
			return ref, err
		}
		select {
		case <-ctx.Done():
			return ref, ctx.Err()
		case <-time.After(retryWatch):
		}
	}
}

func (s *screen) Watch(ctx context.Context, changed func(fargate.Snapshot)) error {
	t, err := s.session.Target(ctx)
	if err != nil {
		return err
	}
	ref, err := s.ref(ctx)
	if err != nil {
		return err
	}
	var known []string
	for _, k := range s.session.StoppedTasks() {
		known = append(known, k.ID)
	}
	w := fargate.Watch(ctx, t.Config, ref, fargate.WatchOptions{
		Known:     known,
		OnStopped: func(t fargate.Task) { _ = s.session.KeepStopped(t) }, // the picture goes on without a journal
	})
	s.watcher.Store(w)
	defer s.watcher.CompareAndSwap(w, nil)
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case snap, ok := <-w.Updates():
			if !ok {
				return nil
			}
			_ = s.session.Seen(snap) // the picture goes on without a journal
			snap.Tasks = onScreen(s.session.Answers(snap.Tasks))
			changed(snap)
		}
	}
}

const (
	tailSince = time.Hour // how far back the log page begins
	tailBatch = 50 * time.Millisecond
)

// Tail hands lines on in batches: the screen draws at most so often.
func (s *screen) Tail(ctx context.Context, more func([]fargate.Line)) error {
	t, err := s.session.Target(ctx)
	if err != nil {
		return err
	}
	ref, err := s.ref(ctx)
	if err != nil {
		return err
	}
	lines := make(chan fargate.Line, 1024)
	var failed error
	go func() { // ends with ctx, or with the sequence
		defer close(lines)
		for l, err := range fargate.Tail(ctx, t.Config, fargate.TailOptions{Group: ref.LogGroup, Since: time.Now().Add(-tailSince), Follow: true}) {
			var again *fargate.Retrying
			switch {
			case errors.As(err, &again):
				continue
			case err != nil:
				failed = err
				return
			}
			select {
			case lines <- l:
			case <-ctx.Done():
				return
			}
		}
	}()
	for l := range lines {
		batch := []fargate.Line{l}
		for end := time.After(tailBatch); end != nil; {
			select {
			case l, ok := <-lines:
				if !ok {
					end = nil
					break
				}
				batch = append(batch, l)
			case <-end:
				end = nil
			}
		}
		more(batch)
	}
	return failed
}

// poke has the picture renewed at once after something was changed.
func (s *screen) poke(err error) error {
	if w := s.watcher.Load(); err == nil && w != nil {
		w.Poke()
	}
	return err
}

func (s *screen) StopTask(ctx context.Context, id string) error {
	return s.poke(s.session.StopTask(ctx, id))
}

func (s *screen) Scale(ctx context.Context, desired int) error {
	return s.poke(s.session.Scale(ctx, desired))
}

func (s *screen) Redeploy(ctx context.Context) error { return s.poke(s.session.Redeploy(ctx)) }

func (s *screen) Receipt(ctx context.Context) (tui.Receipt, error) {
	r, err := s.session.Receipt(ctx)
	if err != nil {
		return tui.Receipt{}, err
	}
	out := tui.Receipt{Report: r.Report, Created: r.Created, Removed: r.Removed, State: r.State, Cost: r.Cost}
	if r.From != nil {
		out.From = *r.From
	}
	if r.To != nil {
		out.To = *r.To
	}
	return out, nil
}

func (s *screen) Run(ctx context.Context, command, _ string, out func(string)) (int, error) {
	return s.session.Run(ctx, command, out)
}
