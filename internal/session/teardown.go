package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"workshop/internal/clean"
	"workshop/internal/operation"
	"workshop/internal/stack"
	"workshop/internal/sweep"
)

const (
	// sweepTime bounds the question of what is left.
	sweepTime = 2 * time.Minute
	// holdersAfter is how long a deletion may wait before the account is asked
	// what it waits for, and how often it is asked again.
	holdersAfter = time.Minute
)

// scope says what in the account belongs to this workspace. Configurations of
// other authors put their own value into the tag Workshop; one that sets none
// leaves nothing by which its resources could be told apart.
func (s *Session) scope(region string) (sweep.Scope, error) {
	dir := s.Workspace.TerraformDir()
	workshop, ok := sweep.WorkshopOf(os.DirFS(dir))
	if !ok {
		return sweep.Scope{}, fmt.Errorf("%w: no provider in %s sets the tag %s in default_tags, so nothing in the account can be told to be this workspace's",
			errNotTagged, clean.Line(dir), sweep.WorkshopTag)
	}
	return sweep.Scope{WorkspaceID: s.Workspace.ID(), Workshop: workshop, Name: "workshop", Region: region}, nil
}

// errNotTagged: the account cannot be asked about this configuration.
var errNotTagged = errors.New("what is in the account cannot be told")

// ask asks the account what there is of this workspace.
func (s *Session) ask(ctx context.Context) (sweep.Report, error) {
	t, err := s.Target(ctx)
	if err != nil {
		return sweep.Report{}, err
	}
	scope, err := s.scope(t.Region)
	if err != nil {
		return sweep.Report{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, sweepTime)
	defer cancel()
	return sweep.Sweep(ctx, t.Config, scope)
}

// known lists what Terraform's state knows, by id and ARN. A state that cannot be
// read knows nothing: then everything in the account is lost to it.
func (s *Session) known() []string {
	resources, err := s.stateResources()
	if err != nil {
		return nil
	}
	var known []string
	for _, r := range resources {
		known = append(known, r.ID)
		if arn, ok := r.Values["arn"].(string); ok {
			known = append(known, arn)
		}
	}
	return known
}

// lost lists what the account has of this workspace and Terraform's state does
// not know. A plan to deploy asks only where that can be: nothing is up, or the
// operation before did not come to its end.
func (w *worker) lost(ctx context.Context, destroy bool) ([]stack.Change, error) {
	if !destroy && w.s.Exists() {
		before := operation.Latest(w.s.operations(), func(o *operation.Operation) bool {
			return changes(o) && o.Dir() != w.o.Dir()
		})
		if before == nil || before.Status().State == operation.StateDone {
			return nil, nil
		}
	}
	w.emit(stack.Event{Type: stack.EventLog, Op: stack.OpPlan, Message: "Looking in the account for what Terraform's state does not know"})
	report, err := w.s.ask(ctx)
	if errors.Is(err, errNotTagged) {
		w.warn(stack.OpPlan, "What Terraform's state has lost is not in this plan", err.Error())
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for what Terraform's state does not know: %w", err)
	}
	for _, p := range report.Unanswered() {
		w.warn(stack.OpPlan, "The account could not be asked about its "+p.Name,
			p.Err+"\nWhat Terraform's state has lost of them is not in this plan.")
	}
	var out []stack.Change
	for _, l := range sweep.Lost(report.Left, w.s.known()) {
		out = append(out, lostChange(l))
	}
	return out, nil
}

// warn emits a warning that is ours and not Terraform's.
func (w *worker) warn(op stack.Op, summary, detail string) {
	w.emit(stack.Event{Type: stack.EventDiagnostic, Op: op, Message: summary,
		Diagnostic: &stack.Diagnostic{Severity: "warning", Summary: summary, Detail: detail}})
}

// lostChange shows a resource that the state has lost as a part of a plan.
func lostChange(l sweep.Leftover) stack.Change {
	name := l.Name
	if name == "" {
		name = l.ID
	}
	return stack.Change{
		Address: l.ID, Type: l.Kind, Action: stack.ActionDelete, Group: stack.GroupLost,
		Title: fmt.Sprintf("%s: %s", l.Kind, name),
	}
}

// remove deletes by API what a plan lists as lost, and reports how many are gone.
// The account is asked anew: what is no longer there, or no longer lost, is left
// alone. A deletion that fails is an event and no error, because Terraform's own
// deletions may be what it waits for; the question at the end finds it.
func (w *worker) remove(ctx context.Context, agreed []stack.Change) (int, error) {
	if len(agreed) == 0 {
		return 0, nil
	}
	report, err := w.s.ask(ctx)
	if err != nil {
		return 0, fmt.Errorf("look for what Terraform's state does not know: %w", err)
	}
	left := slices.DeleteFunc(report.Left, func(l sweep.Leftover) bool {
		return !slices.ContainsFunc(agreed, func(c stack.Change) bool { return c.Address == l.ID })
	})
	return w.removeLeft(ctx, left)
}

func (w *worker) removeLeft(ctx context.Context, left []sweep.Leftover) (int, error) {
	lost := sweep.Lost(left, w.s.known())
	if len(lost) == 0 {
		return 0, nil
	}
	t, err := w.s.Target(ctx)
	if err != nil {
		return 0, err
	}
	scope, err := w.s.scope(t.Region)
	if err != nil {
		return 0, err
	}
	done, err := sweep.Remove(ctx, t.Config, scope, lost, func(e sweep.Event) { w.emit(removalEvent(e)) })
	return len(done.Removed), err
}

// removalEvent is a removal as an event of the operation.
func removalEvent(e sweep.Event) stack.Event {
	out := stack.Event{
		Type: stack.EventProgress, Time: e.Time, Op: stack.OpRemove, Resource: e.Resource.ID,
		Action: stack.ActionDelete, ID: e.Resource.ID, Elapsed: e.Elapsed, Message: e.Message,
	}
	switch e.Type {
	case sweep.EventRemoving:
		out.Type = stack.EventStarted
	case sweep.EventRemoved:
		out.Type = stack.EventDone
	case sweep.EventRemoveFailed, sweep.EventRemoveSkipped:
		out.Type = stack.EventFailed
	}
	if out.Message == "" {
		out.Message = clean.Line(fmt.Sprintf("%s: %s %s", e.Type, e.Resource.Kind, e.Resource.ID))
	}
	return out
}

// settleState makes a state usable that the last run left in pieces: one that
// Terraform could not save is pushed, and one that Terraform cannot read is set
// aside, because the account is asked for everything all the same. nothing
// reports that the state then lists nothing.
func (w *worker) settleState(ctx context.Context) (nothing bool, err error) {
	if unread, err := w.readRemote(ctx); err != nil || unread {
		return unread, err
	}
	local, err := w.s.State()
	if err != nil {
		return false, err
	}
	if path, ok := local.Errored(); ok {
		st, err := w.s.Terraform(ctx, w.emit)
		if err == nil {
			err = st.Init(ctx, w.emit)
		}
		if err == nil {
			err = st.PushErrored(ctx, w.emit)
		}
		if errors.Is(err, stack.ErrStateConflict) {
			// Two runs wrote states of their own: one lists less than there is, and
			// the account is asked for everything all the same.
			w.warn(stack.OpPlan, "The state that the last run left does not belong to the current one",
				"It stays in "+clean.Line(path)+". What it listed is looked for in the account instead.")
			err = local.Discard(path)
		}
		if err != nil {
			return false, fmt.Errorf("save the state that the last run left in %s: %w", path, err)
		}
	}
	up, err := local.Exists()
	if errors.Is(err, stack.ErrStateDamaged) || errors.Is(err, stack.ErrStateNewer) {
		kept, aerr := local.SetStateAside()
		if aerr != nil {
			return false, errors.Join(err, aerr)
		}
		w.warn(stack.OpPlan, "Terraform's state cannot be used: "+err.Error(),
			"It is kept in "+clean.Line(kept)+". What it listed is looked for in the account instead.")
		return true, nil
	}
	return err == nil && !up, err
}

// destroy deletes what the state has lost, what it knows, and what turned out to
// be in the way; then it asks what is left, whatever happened before. base ends
// at the second request to stop, ctx at the first.
func (w *worker) destroy(base, ctx context.Context) (any, error) {
	sum, err := w.tearDown(ctx)
	err = w.asStopped(err)
	// Its own clock: the answer is owed after a failure and after Ctrl-C as well.
	last, cancel := context.WithTimeout(base, sweepTime)
	defer cancel()
	w.emit(stack.Event{Type: stack.EventLog, Op: stack.OpDestroy, Message: "Asking the account what is left"})
	r, serr := w.s.Sweep(last)
	if serr != nil {
		return changed{Summary: sum}, errors.Join(err, fmt.Errorf("ask what is left: %w", serr))
	}
	return changed{Summary: sum, Receipt: &r}, err
}

func (w *worker) tearDown(ctx context.Context) (*stack.Summary, error) {
	p, err := w.o.Plan()
	if err != nil {
		return nil, err
	}
	lost, rest := p.Lost()
	// A journal that cannot be written must not keep anybody from deleting what
	// costs money.
	entry := applying{Destroy: true}
	if e, err := w.s.CurrentCost(); err == nil {
		entry.Estimate = &e
	}
	jerr := w.s.Workspace.Append(entryApplying, entry)

	total := &stack.Summary{}
	started := time.Now()
	removed, err := w.remove(ctx, lost)
	total.Deleted += removed
	// The second round is for what was in the way of the first: something that
	// the state did not know and that came to light, or was made, meanwhile.
	for round := 0; err == nil && round < 2; round++ {
		var sum *stack.Summary
		sum, err = w.terraformDestroy(ctx, rest, round > 0)
		if sum != nil {
			total.Deleted += sum.Deleted
		}
		if ctx.Err() != nil || w.stopped() {
			break
		}
		report, serr := w.s.ask(ctx)
		if serr != nil {
			break // the last question says so
		}
		removed, rerr := w.removeLeft(ctx, report.Left)
		total.Deleted += removed
		if err == nil || removed == 0 || rerr != nil {
			break
		}
		err = nil
	}
	total.OK, total.Elapsed = err == nil, time.Since(started)
	w.emit(stack.Event{Type: stack.EventSummary, Op: stack.OpDestroy, Summary: total})
	return total, errors.Join(err, jerr, w.s.applied(total))
}

// terraformDestroy applies the plan to destroy what the state knows; where that
// plan is spent or stale it makes another, which the person's word covers as well:
// it was about everything.
func (w *worker) terraformDestroy(ctx context.Context, p *stack.Plan, again bool) (*stack.Summary, error) {
	if p.Empty() || again && !w.s.Exists() {
		return nil, nil
	}
	st, err := w.s.Terraform(ctx, w.emit)
	if err != nil {
		return nil, err
	}
	if !again {
		sum, err := w.watched(ctx, st, p)
		if !errors.Is(err, stack.ErrPlanStale) {
			return sum, err
		}
	}
	if err := st.Init(ctx, w.emit); err != nil {
		return nil, err
	}
	if p, err = st.PlanDestroy(ctx, w.unplanned()); err != nil || p.Empty() {
		return nil, err
	}
	return w.watched(ctx, st, p)
}

// watched applies a plan to destroy and finds out what holds a deletion that
// takes long.
func (w *worker) watched(ctx context.Context, st *stack.Stack, p *stack.Plan) (*stack.Summary, error) {
	h := &holders{w: w, asked: map[string]time.Duration{}, named: map[string]bool{}, resources: map[string]stack.Resource{}}
	if resources, err := st.State(); err == nil {
		for _, r := range resources {
			h.resources[r.Address] = r
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer h.wg.Wait()
	defer cancel()
	return st.Apply(ctx, p, func(e stack.Event) {
		if e.Type == stack.EventSummary {
			return // the teardown's own comes at the end
		}
		w.emit(e)
		h.event(ctx, e)
	})
}

// holders finds what holds deletions that take long, removes what is ours and
// names what is not.
type holders struct {
	w         *worker
	resources map[string]stack.Resource // by address

	wg    sync.WaitGroup
	mu    sync.Mutex
	busy  bool
	asked map[string]time.Duration // when, after the deletion's beginning, by address
	named map[string]bool          // the sentences about what holds them
}

// held are the types whose deletion other resources can hold.
var held = map[string]bool{
	"aws_vpc": true, "aws_subnet": true, "aws_security_group": true, "aws_internet_gateway": true,
	"aws_default_security_group": true,
}

func (h *holders) event(ctx context.Context, e stack.Event) {
	r, ok := h.resources[e.Resource]
	if e.Type != stack.EventProgress || !ok || !held[r.Type] {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.busy || e.Elapsed < h.asked[e.Resource]+holdersAfter {
		return
	}
	h.busy, h.asked[e.Resource] = true, e.Elapsed
	h.wg.Go(func() {
		h.ask(ctx, e, r)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.busy = false
	})
}

func (h *holders) ask(ctx context.Context, e stack.Event, r stack.Resource) {
	ctx, cancel := context.WithTimeout(ctx, sweepTime)
	defer cancel()
	t, err := h.w.s.Target(ctx)
	if err != nil {
		return
	}
	id := r.ID
	if vpc, ok := r.Values["vpc_id"].(string); ok && r.Type == "aws_internet_gateway" {
		id = vpc // addresses in the VPC hold the gateway
	}
	scope, err := h.w.s.scope(t.Region)
	if err != nil {
		return
	}
	found, err := sweep.Holders(ctx, t.Config, scope, id)
	if err != nil {
		return // Terraform's own error comes at its time
	}
	known := h.w.s.known()
	var ours []sweep.Leftover
	for _, x := range found {
		if x.Ours {
			ours = append(ours, sweep.Lost([]sweep.Leftover{x.Leftover}, known)...)
			continue
		}
		h.mu.Lock()
		again := h.named[x.String()]
		h.named[x.String()] = true
		h.mu.Unlock()
		if !again {
			h.w.emit(stack.Event{Type: stack.EventHeld, Op: stack.OpDestroy, Resource: e.Resource, Action: stack.ActionDelete,
				ID: r.ID, Elapsed: e.Elapsed, Message: x.String()})
		}
	}
	if len(ours) > 0 {
		// Failures are events, and the question at the end finds what stays.
		_, _ = h.w.removeLeft(ctx, ours)
	}
}
