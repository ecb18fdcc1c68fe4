// Package operation shows one plan and its apply while they run: what the pages
// Deploy and Clean up have in common, and what solving a step shows of them.
package operation

import (
	"context"
	"errors"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/clean"
	"workshop/internal/doctor"
	"workshop/internal/session"
	"workshop/internal/stack"
	"workshop/internal/tui/jobs"
	"workshop/internal/tui/page"
	"workshop/internal/tui/widgets"
)

// Session is what an operation needs of the session. Methods with a context may
// block; events come from any goroutine, one after the other.
type Session interface {
	// Plan makes a plan file, for a destroy where destroy is set. Terraform's
	// complaints come as EventDiagnostic before the error.
	Plan(ctx context.Context, destroy bool, emit func(stack.Event)) (*stack.Plan, error)
	// Apply does what that plan says, ending with EventSummary.
	Apply(ctx context.Context, p *stack.Plan, emit func(stack.Event)) (*stack.Summary, error)
	// Attach follows the operation of another process from its beginning to its
	// end. For a plan it returns the plan.
	Attach(ctx context.Context, id string, emit func(stack.Event)) (*stack.Plan, error)
	// Cost returns in words what a plan does to the cost of the stack; p is nil for
	// what is deployed now. It may read files.
	Cost(p *stack.Plan) session.Cost
	// Advice returns what to do about a diagnostic, empty where nothing better is
	// known than its own words. It may read files.
	Advice(d stack.Diagnostic) string
	// ConfirmAccount answers the *doctor.NotConfirmedError with which Apply refuses
	// to create anything in an account for the first time: typed is the account's
	// number as the person typed it.
	ConfirmAccount(ctx context.Context, typed string) error
	// Repair returns what can be done about an error of Plan or Apply before trying
	// again; ok is false where there is nothing. It does not block.
	Repair(err error) (r session.Repair, ok bool)
}

// Phase is how far an operation has come.
type Phase int

// The phases, in order.
const (
	Idle    Phase = iota
	Waiting       // for the session to be ready
	Planning
	Planned
	Applying
	Done
	Failed
)

// View is one plan and its apply on the screen. The plan that was shown is the
// plan that is applied. It belongs to the event loop.
type View struct {
	*page.Context
	Destroy  bool
	Phase    Phase
	Plan     *stack.Plan
	Price    session.Cost // of the plan
	Progress *Progress    // of the apply; nil before it
	Summary  *stack.Summary

	// OnApplied is called after an apply that went well, OnFailed after one that
	// failed or was stopped. Below draws what is shown below a failure. Each may be
	// nil.
	OnApplied func() tea.Cmd
	OnFailed  func()
	Below     func(w int) []string

	session     Session
	tree        planTree
	diagnostics []diagnostic
	err         error
	errors      widgets.Scroll // of the diagnostics
	message     string         // what planning does now
	part        float64
	log         terraformLog
	showLog     bool
	held        []string // what keeps deletions from coming to their end
	notes       []string // what was done about something that stood in the way
}

// New returns the view of a deploy or a destroy.
func New(c *page.Context, s Session, destroy bool) *View {
	v := &View{Context: c, Destroy: destroy, session: s}
	v.log.reset()
	return v
}

// diagnostic is one of Terraform's, with what to do about it.
type diagnostic struct {
	stack.Diagnostic
	advice string
}

// event is an event of Terraform, with advice where it is a diagnostic.
type event struct {
	stack.Event
	advice string
}

// advised returns a callback for Terraform's events that adds advice to them.
func advised(s Session, emit func(event)) func(stack.Event) {
	return func(e stack.Event) {
		advice := ""
		if e.Type == stack.EventDiagnostic && e.Diagnostic != nil {
			advice = s.Advice(*e.Diagnostic)
		}
		emit(event{e, advice})
	}
}

// priced is a plan with what it costs.
type priced struct {
	plan *stack.Plan
	cost session.Cost
}

// Begin makes a plan, or remembers to as soon as the session is ready.
func (v *View) Begin() tea.Cmd {
	if v.Running != nil {
		v.Say(page.Attention, "Terraform is at work already; wait until it is done")
		return nil
	}
	if !v.MayChange() {
		return nil
	}
	if !v.Ready.Done {
		v.Phase = Waiting
		return nil
	}
	v.startPlanning()
	sess, destroy := v.session, v.Destroy
	job := jobs.Stream(v.Jobs, func(ctx context.Context, emit func(event)) (priced, error) {
		p, err := sess.Plan(ctx, destroy, advised(sess, emit))
		if err != nil {
			return priced{}, err
		}
		return priced{p, sess.Cost(p)}, nil
	}, v.receive, v.planned)
	v.Context.Begin(job, stack.OpPlan, destroy)
	return nil
}

func (v *View) startPlanning() {
	v.Phase, v.Plan, v.Progress, v.diagnostics, v.err, v.Summary, v.held, v.notes = Planning, nil, nil, nil, nil, nil, nil, nil
	v.message, v.part, v.showLog = "Terraform reads the configuration", 0, false
	v.log.reset()
}

// SessionReady begins a plan that waited for the session.
func (v *View) SessionReady() tea.Cmd {
	if v.Phase != Waiting {
		return nil
	}
	v.Phase = Idle
	return v.Begin()
}

func (v *View) planned(p priced, err error) tea.Cmd {
	v.Running = nil
	switch {
	case stopped(err):
		v.Phase = Idle
		v.Say(page.Attention, "Planning was stopped; nothing was changed")
	case err != nil:
		v.fail(err)
	default:
		v.Plan, v.Price = p.plan, p.cost
		v.tree = newPlanTree(v.Plan)
		if len(v.tree.rows) > v.Layout.Body.H-3 {
			v.tree.overview()
		}
		v.Phase = Planned
	}
	return nil
}

func (v *View) fail(err error) {
	v.Phase, v.err, v.errors = Failed, err, widgets.Scroll{}
	if v.Progress != nil {
		v.Progress.end()
	}
}

// Apply starts the plan that is on the screen. Only a dialog calls it.
func (v *View) Apply() tea.Cmd {
	if v.Phase != Planned || v.Running != nil {
		return nil
	}
	sess, plan := v.session, v.Plan
	v.Phase, v.diagnostics, v.err = Applying, nil, nil
	v.Progress = newProgress(v.Context, plan)
	job := jobs.Stream(v.Jobs, func(ctx context.Context, emit func(event)) (*stack.Summary, error) {
		return sess.Apply(ctx, plan, advised(sess, emit))
	}, v.receive, func(_ *stack.Summary, err error) tea.Cmd { return v.applied(err) })
	v.Context.Begin(job, stack.OpApply, v.Destroy)
	v.Root.Watch() // tasks come up, or fail, while Terraform still waits for them
	return nil
}

func (v *View) applied(err error) tea.Cmd {
	v.Running = nil
	if unconfirmed := (*doctor.NotConfirmedError)(nil); errors.As(err, &unconfirmed) {
		v.Phase, v.Progress = Planned, nil // nothing was changed
		v.askAccount(unconfirmed)
		return nil
	}
	changed := v.Root.StackChanged()
	if err != nil {
		v.fail(err)
		if v.OnFailed != nil {
			v.OnFailed()
		}
		return changed
	}
	v.Progress.end()
	v.Phase = Done
	return tea.Batch(changed, v.OnApplied())
}

// askAccount has the person type the number of the account before something is
// created in it for the first time.
func (v *View) askAccount(e *doctor.NotConfirmedError) {
	account := clean.Line(e.Account)
	name := account
	if e.Alias != "" {
		name += " (" + clean.Line(e.Alias) + ")"
	}
	sess := v.session
	v.Dialog = &widgets.Dialog{
		Title: "Is this the account that you mean?",
		Body: []string{"You are about to create resources in the AWS account " + name + " in " + clean.Line(e.Region) + ". They cost money until you delete them.",
			"", "Type the account number to go on. It is asked once."},
		Word: account,
		Choices: []widgets.Choice{
			{Label: "No, stop here"},
			{Label: "Yes, this account", Do: func(d *widgets.Dialog) tea.Cmd {
				typed := d.Input.Value
				jobs.Do(v.Jobs, func(ctx context.Context) error { return sess.ConfirmAccount(ctx, typed) }, func(err error) tea.Cmd {
					if err != nil {
						v.Say(page.Bad, clean.Line(err.Error()))
						return nil
					}
					return v.Apply()
				})
				return nil
			}},
		},
	}
}

// repair asks whether to repair what the failure was about, and plans again.
func (v *View) repair() {
	repair, ok := v.session.Repair(v.err)
	if !ok || v.Running != nil || !v.MayChange() {
		return
	}
	sess := v.session
	v.Dialog = &widgets.Dialog{
		Title: "Repair this first?",
		Body:  []string{repair.Question},
		Choices: []widgets.Choice{
			{Label: "No, leave it", Key: "n"},
			{Label: "Yes, and plan again", Key: "y", Do: func(*widgets.Dialog) tea.Cmd {
				v.Phase, v.message, v.part = Planning, "The repair is under way", 0
				job := jobs.Stream(v.Jobs, func(ctx context.Context, emit func(event)) (struct{}, error) {
					return struct{}{}, repair.Do(ctx, advised(sess, emit))
				}, v.receive, func(_ struct{}, err error) tea.Cmd {
					v.Running = nil
					if err != nil {
						v.fail(err)
						return nil
					}
					return v.Begin()
				})
				v.Context.Begin(job, stack.OpPlan, v.Destroy)
				return nil
			}},
		},
	}
}

// repairable reports whether a failure has a repair.
func (v *View) repairable() bool {
	if v.Phase != Failed {
		return false
	}
	_, ok := v.session.Repair(v.err)
	return ok
}

// Follow shows an apply that another part of the screens runs; Receive and End
// bring its events and its end.
func (v *View) Follow(p *stack.Plan) {
	v.showApply(p)
	v.Root.Watch()
}

// Receive shows an event of the apply that Follow began.
func (v *View) Receive(e stack.Event) { v.receive(event{Event: e}) }

// End ends what Follow began.
func (v *View) End(err error) {
	if v.Phase != Applying {
		return
	}
	if err != nil && v.Summary == nil {
		v.fail(err)
		return
	}
	v.Progress.end()
	v.Phase = Done
	if v.Destroy {
		v.OnApplied()
	}
}

func (v *View) showApply(p *stack.Plan) {
	v.Phase, v.Plan, v.diagnostics, v.err, v.Summary, v.showLog, v.held = Applying, p, nil, nil, nil, false, nil
	v.log.reset()
	v.Progress = newProgress(v.Context, p)
}

// Attach shows an operation that another process started, from its beginning.
func (v *View) Attach(o session.Operation) {
	end := func(_ priced, err error) tea.Cmd { return v.applied(err) }
	if o.Op == stack.OpPlan {
		v.startPlanning()
		end = v.planned
	} else {
		p := o.Plan
		if p == nil { // it is planned first, in the same run of Terraform
			p = &stack.Plan{Destroy: v.Destroy}
		}
		v.showApply(p)
		v.Progress.began = o.Started
	}
	sess := v.session
	job := jobs.Stream(v.Jobs, func(ctx context.Context, emit func(event)) (priced, error) {
		p, err := sess.Attach(ctx, o.ID, advised(sess, emit))
		if err != nil || p == nil {
			return priced{}, err
		}
		return priced{p, sess.Cost(p)}, nil
	}, v.receive, end)
	running := v.Context.Begin(job, o.Op, v.Destroy)
	running.Began, running.By = o.Started, o.By
	if o.Op != stack.OpPlan {
		v.Root.Watch()
	}
}

// receive takes in an event of Terraform.
func (v *View) receive(e event) {
	if e.Message != "" {
		v.log.add(e.Time, clean.Line(e.Message))
	}
	switch e.Type {
	case stack.EventDiagnostic:
		if e.Diagnostic != nil {
			v.diagnostics = append(v.diagnostics, diagnostic{*e.Diagnostic, e.advice})
		}
	case stack.EventPlanned:
		if v.Phase == Applying && e.Plan != nil && v.Progress != nil && len(v.Plan.Changes) == 0 {
			began := v.Progress.began
			v.Plan, v.Progress = e.Plan, newProgress(v.Context, e.Plan)
			v.Progress.began = began
		}
	case stack.EventHeld, stack.EventStateKept:
		v.held = append(v.held, clean.Line(e.Message))
	case stack.EventSummary:
		v.Summary = e.Summary
	case stack.EventDownload:
		v.message, v.part = clean.Line(e.Message), Share(e.Progress)
	case stack.EventLog:
		if v.Phase == Planning && e.Message != "" {
			v.message, v.part = inWords(e.Event), 0
		}
	case stack.EventNote:
		v.notes = append(v.notes, clean.Line(e.Message))
	}
	if v.Progress != nil {
		v.Progress.receive(e.Event)
	}
}

// Share returns how much of something is done, from 0 to 1.
func Share(p *stack.Progress) float64 {
	if p == nil || p.Total <= 0 {
		return 0
	}
	return float64(p.Done) / float64(p.Total)
}

// inWords says what Terraform does in words that need no Terraform.
func inWords(e stack.Event) string {
	switch m := strings.ToLower(e.Message); {
	case strings.Contains(m, "initializing provider"), strings.Contains(m, "finding "):
		return "Terraform looks for the AWS provider, the part that talks to AWS"
	case strings.Contains(m, "installing "):
		return "Terraform installs the AWS provider: once, it is kept for the next time"
	case strings.Contains(m, "initializing"):
		return "Terraform prepares the folder"
	case strings.Contains(m, "refreshing"), strings.Contains(m, "reading..."):
		return "Terraform asks AWS how things are now"
	}
	if e.Op == stack.OpInit {
		return "Terraform prepares the folder"
	}
	return "Terraform compares the configuration with what exists"
}

// Reset forgets a plan or an end that no longer fits what is deployed.
func (v *View) Reset() {
	if v.Phase == Planned || v.Phase == Failed || v.Phase == Done {
		v.Phase, v.Plan = Idle, nil
	}
}

// Discard forgets a plan that waits for its approval.
func (v *View) Discard() {
	if v.Phase == Planned {
		v.Reset()
	}
}

// Changes returns how soon the view looks different by time alone; 0 for never.
func (v *View) Changes() time.Duration {
	switch v.Phase {
	case Waiting, Planning, Applying:
		return page.SpinTime
	}
	return 0
}

// stopped reports whether an operation ended because it was asked to.
func stopped(err error) bool {
	return errors.Is(err, stack.ErrStopped) || errors.Is(err, context.Canceled)
}
