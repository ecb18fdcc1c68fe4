package tui

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/clean"
	"workshop/internal/doctor"
	"workshop/internal/stack"
)

// phase is how far a run has come.
type phase int

const (
	phaseIdle phase = iota
	phaseWaiting
	phasePlanning
	phasePlanned
	phaseApplying
	phaseDone
	phaseFailed
)

// run is one plan and its apply: the part that Deploy and Clean up share. The
// plan that was shown is the plan that is applied.
type run struct {
	*shared
	destroy bool
	phase   phase
	plan    *stack.Plan
	tree    planTree
	story   *story
	price   Cost // of the plan
	diags   []complaint
	err     error
	errs    view // scroll of the diagnostics
	summary *stack.Summary
	says    string // what planning does now
	part    float64
	log     opLog
	showLog bool
	gen     int
	held    []string             // what keeps deletions from coming to their end
	applied func() tea.Cmd       // after a good apply
	failed  func()               // after one that failed or was stopped; nil for nothing
	after   func(w int) []string // what is shown below a failure; nil for nothing
}

// complaint is a diagnostic with what to do about it.
type complaint struct {
	stack.Diagnostic
	advice string
}

// priced is a plan with what it costs.
type priced struct {
	plan *stack.Plan
	cost Cost
}

// relay says a job's events, and its diagnostics with advice.
func (r *run) relay(say func(any)) func(stack.Event) {
	return func(e stack.Event) {
		say(e)
		if e.Type == stack.EventDiagnostic && e.Diagnostic != nil {
			say(complaint{*e.Diagnostic, r.session.Advice(*e.Diagnostic)})
		}
	}
}

// begin makes a plan, or remembers to as soon as the session is ready.
func (r *run) begin() tea.Cmd {
	if r.op != nil {
		r.say(noteAttention, "Terraform is at work already; wait until it is done")
		return nil
	}
	if !r.mayChange() {
		return nil
	}
	if !r.ready.done {
		r.phase = phaseWaiting
		return nil
	}
	r.phase, r.plan, r.story, r.diags, r.err, r.summary, r.held = phasePlanning, nil, nil, nil, nil, nil, nil
	r.says, r.part, r.showLog = "Terraform reads the configuration", 0, false
	r.log.reset()
	r.gen = r.jobs.start(func(ctx context.Context, _ int, say func(any)) (any, error) {
		p, err := r.session.Plan(ctx, r.destroy, r.relay(say))
		if err != nil {
			return nil, err
		}
		return priced{p, r.session.Cost(p)}, nil
	}, r.hearPlan)
	r.op.set(r.shared, r.gen, stack.OpPlan, r.destroy)
	return nil
}

// mayChange reports whether this screen may change anything, and says why not.
func (r *run) mayChange() bool {
	if r.info.ReadOnly {
		r.say(noteAttention, "You can look but not change: "+clean.Line(r.info.Holder))
	}
	return !r.info.ReadOnly
}

// set makes this operation the running one.
func (*operation) set(s *shared, gen int, op stack.Op, destroy bool) {
	s.op = &operation{gen: gen, op: op, destroy: destroy, began: s.now()}
}

func (r *run) readyNow() tea.Cmd {
	if r.phase != phaseWaiting {
		return nil
	}
	r.phase = phaseIdle
	return r.begin()
}

func (r *run) hearPlan(m any) tea.Cmd {
	switch m := m.(type) {
	case stack.Event:
		r.hear(m)
	case complaint:
		r.diags = append(r.diags, m)
	case ended:
		r.op = nil
		if stopped(m.err) {
			r.phase = phaseIdle
			r.say(noteAttention, "Planning was stopped; nothing was changed")
			return nil
		}
		if m.err != nil {
			r.fail(m.err)
			return nil
		}
		p := m.value.(priced)
		r.plan, r.price = p.plan, p.cost
		r.tree = newPlanTree(r.plan)
		if len(r.tree.rows) > r.lay.body.h-3 {
			r.tree.overview()
		}
		r.phase = phasePlanned
	}
	return nil
}

func (r *run) fail(err error) {
	r.phase, r.err, r.errs = phaseFailed, err, view{}
	if r.story != nil {
		r.story.end()
	}
}

// apply starts the plan that is on the screen. Only a dialog calls it.
func (r *run) apply() tea.Cmd {
	if r.phase != phasePlanned || r.op != nil {
		return nil
	}
	plan := r.plan
	r.phase, r.diags, r.err = phaseApplying, nil, nil
	r.story = newStory(r.shared, plan)
	r.gen = r.jobs.start(func(ctx context.Context, _ int, say func(any)) (any, error) {
		_, err := r.session.Apply(ctx, plan, r.relay(say))
		return nil, err
	}, r.hearApply)
	r.op.set(r.shared, r.gen, stack.OpApply, r.destroy)
	r.watchNow() // tasks come up, or fail, while Terraform still waits for them
	return nil
}

// askAccount has the person type the number of the account before something is
// created in it for the first time.
func (r *run) askAccount(e *doctor.NotConfirmedError) {
	name := clean.Line(e.Account)
	if e.Alias != "" {
		name += " (" + clean.Line(e.Alias) + ")"
	}
	r.dialog = &dialog{
		title: "Is this the account that you mean?",
		body: []string{"You are about to create resources in the AWS account " + name + " in " + clean.Line(e.Region) + ". They cost money until you delete them.",
			"", "Type the account number to go on. It is asked once."},
		word: clean.Line(e.Account),
		choices: []choice{
			{label: "No, stop here"},
			{label: "Yes, this account", do: func(d *dialog) tea.Cmd {
				typed := d.input.value
				r.jobs.start(func(ctx context.Context, _ int, _ func(any)) (any, error) {
					return nil, r.session.ConfirmAccount(ctx, typed)
				}, func(m any) tea.Cmd {
					if e := m.(ended); e.err != nil {
						r.say(noteBad, clean.Line(e.err.Error()))
						return nil
					}
					return r.apply()
				})
				return nil
			}},
		},
	}
}

// repair asks whether to repair what the failure was about, and plans again.
func (r *run) repair() {
	repair, ok := r.session.Repair(r.err)
	if !ok || r.op != nil || !r.mayChange() {
		return
	}
	r.dialog = &dialog{
		title: "Repair this first?",
		body:  []string{repair.Question},
		choices: []choice{
			{label: "No, leave it", key: "n"},
			{label: "Yes, and plan again", key: "y", do: func(*dialog) tea.Cmd {
				r.phase, r.says, r.part = phasePlanning, "The repair is under way", 0
				r.gen = r.jobs.start(func(ctx context.Context, _ int, say func(any)) (any, error) {
					return nil, repair.Do(ctx, r.relay(say))
				}, func(m any) tea.Cmd {
					switch m := m.(type) {
					case stack.Event:
						r.hear(m)
					case ended:
						r.op = nil
						if m.err != nil {
							r.fail(m.err)
							return nil
						}
						return r.begin()
					}
					return nil
				})
				r.op.set(r.shared, r.gen, stack.OpPlan, r.destroy)
				return nil
			}},
		},
	}
}

// repairable reports whether a failure has a repair.
func (r *run) repairable() bool {
	_, ok := r.session.Repair(r.err)
	return r.phase == phaseFailed && ok
}

// follow shows an apply that another page began.
func (r *run) follow(p *stack.Plan) {
	r.showApply(p)
	r.gen = r.op.gen
	r.watchNow()
}

func (r *run) showApply(p *stack.Plan) {
	r.phase, r.plan, r.diags, r.err, r.summary, r.showLog, r.held = phaseApplying, p, nil, nil, nil, false, nil
	r.log.reset()
	r.story = newStory(r.shared, p)
}

// attach shows an operation that another process started, from its beginning.
func (r *run) attach(o Operation) {
	hear := r.hearApply
	if o.Op == stack.OpPlan {
		r.phase, r.plan, r.story, r.diags, r.err, r.summary, r.held = phasePlanning, nil, nil, nil, nil, nil, nil
		r.says, r.part, r.showLog = "Terraform reads the configuration", 0, false
		r.log.reset()
		hear = r.hearPlan
	} else {
		p := o.Plan
		if p == nil { // it is planned first, in the same run of Terraform
			p = &stack.Plan{Destroy: r.destroy}
		}
		r.showApply(p)
		r.story.begun = o.Started
	}
	r.gen = r.jobs.start(func(ctx context.Context, _ int, say func(any)) (any, error) {
		p, err := r.session.Attach(ctx, r.relay(say))
		if err != nil || p == nil {
			return nil, err
		}
		return priced{p, r.session.Cost(p)}, nil
	}, hear)
	r.op.set(r.shared, r.gen, o.Op, r.destroy)
	r.op.began, r.op.by = o.Started, o.By
	if o.Op != stack.OpPlan {
		r.watchNow()
	}
}

// followed ends what follow began.
func (r *run) followed(err error) {
	if r.phase != phaseApplying {
		return
	}
	if err != nil && r.summary == nil {
		r.fail(err)
		return
	}
	r.story.end()
	r.phase = phaseDone
	if r.destroy {
		r.applied()
	}
}

func (r *run) hearApply(m any) tea.Cmd {
	switch m := m.(type) {
	case stack.Event:
		r.hear(m)
	case complaint:
		r.diags = append(r.diags, m)
	case ended:
		r.op = nil
		if notYet := (*doctor.NotConfirmedError)(nil); errors.As(m.err, &notYet) {
			r.phase, r.story = phasePlanned, nil // nothing was changed
			r.askAccount(notYet)
			return nil
		}
		moved := r.stackMoved()
		if m.err != nil {
			r.fail(m.err)
			if r.failed != nil {
				r.failed()
			}
			return moved
		}
		r.story.end()
		r.phase = phaseDone
		return tea.Batch(moved, r.applied())
	}
	return nil
}

func (r *run) hear(e stack.Event) {
	if e.Message != "" {
		r.log.add(e.Time, clean.Line(e.Message))
	}
	switch e.Type {
	case stack.EventPlanned:
		if r.phase == phaseApplying && e.Plan != nil && r.story != nil && len(r.plan.Changes) == 0 {
			begun := r.story.begun
			r.plan, r.story = e.Plan, newStory(r.shared, e.Plan)
			r.story.begun = begun
		}
	case stack.EventHeld, stack.EventStateKept:
		r.held = append(r.held, clean.Line(e.Message))
	case stack.EventSummary:
		r.summary = e.Summary
	case stack.EventDownload:
		r.says, r.part = clean.Line(e.Message), share(e.Progress)
	case stack.EventLog:
		if r.phase == phasePlanning && e.Message != "" {
			r.says, r.part = inWords(e), 0
		}
	}
	if r.story != nil {
		r.story.hear(e)
	}
}

func share(p *stack.Progress) float64 {
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

// reset forgets a plan that no longer fits what is up.
func (r *run) reset() {
	if r.phase == phasePlanned || r.phase == phaseFailed || r.phase == phaseDone {
		r.phase, r.plan = phaseIdle, nil
	}
}

func (r *run) moving() time.Duration {
	switch r.phase {
	case phaseWaiting, phasePlanning, phaseApplying:
		return spinTime
	}
	return 0
}

// spinTime is how long one picture of a spinner stays.
const spinTime = 125 * time.Millisecond

// keyCommon answers the keys that mean the same on both pages.
func (r *run) keyCommon(k tea.KeyPressMsg) (tea.Cmd, bool) {
	if r.showLog {
		switch k.String() {
		case "l", "esc":
			r.showLog = false
			return nil, true
		}
		return nil, r.log.scroll.key(k)
	}
	if k.String() == "L" || k.String() == "l" && r.phase != phasePlanned {
		if r.log.len() > 0 {
			r.showLog = true
			r.log.scroll.follow = true
			return nil, true
		}
	}
	if r.phase == phaseFailed {
		switch k.String() {
		case "r", "p", "enter":
			return r.begin(), true
		case "u":
			r.repair()
			return nil, true
		}
		return nil, r.errs.key(k)
	}
	return nil, false
}

// viewCommon draws the phases that look the same on both pages; ok is false for the others.
func (r *run) viewCommon(w, h int) (lines []string, ok bool) {
	t := r.theme
	if r.showLog {
		return r.log.view(w, h, t, r.phase == phaseApplying || r.phase == phasePlanning), true
	}
	switch r.phase {
	case phaseWaiting, phasePlanning:
		what := "Planning"
		if r.destroy {
			what = "Planning the clean-up"
		}
		says, part := r.says, r.part
		if r.phase == phaseWaiting {
			if r.ready.err != nil {
				return r.viewNotReady(w), true
			}
			what, says, part = "Getting ready", r.ready.says, r.ready.part
		}
		lines = append(lines, "", "  "+t.Accent.Render(r.spinner())+" "+t.Strong.Render(what), "", "    "+cut(says, w-6, t))
		if part > 0 {
			lines = append(lines, "", "    "+bar(part, min(48, w-16), t.Accent, t)+fmt.Sprintf(" %3.0f%%", part*100))
		}
		lines = append(lines, "")
		lines = append(lines, indent(4, paragraphs(min(w-8, 72), t.Dim, "Nothing is created or changed while Terraform plans. You will see what it would do, and decide."))...)
		return lines, true
	case phaseApplying:
		lines = append(lines, r.story.head(w))
		switch {
		case r.op != nil && r.op.stops > 0:
			lines = append(lines, t.Attention.Render("   "+stoppingText))
		case r.op != nil && r.op.by != "":
			lines = append(lines, t.Dim.Render(cut("   Started by "+clean.Line(r.op.by)+" at "+r.op.began.Local().Format("15:04:05"), w, t)))
		default:
			lines = append(lines, "")
		}
		diags := append(r.heldLines(w-4), r.diagnosticLines(w-4, 6)...)
		lines = append(lines, r.story.view(w, h-len(lines)-len(diags))...)
		return append(lines, diags...), true
	case phaseFailed:
		return r.viewFailed(w, h), true
	}
	return nil, false
}

func (r *run) viewNotReady(w int) []string {
	t := r.theme
	lines := []string{"", "  " + t.Bad.Render(t.Signs.Failed+" The workshop could not get ready"), ""}
	lines = append(lines, indent(4, paragraphs(w-8, t.Text, clean.Line(r.ready.err.Error())))...)
	return append(lines, "", "    "+t.Key.Render("r")+" tries again")
}

func (r *run) viewFailed(w, h int) []string {
	t := r.theme
	what := "Terraform could not make a plan"
	next := "Nothing was created or changed. Press " + t.Key.Render("r") + " to plan again."
	if r.story != nil {
		what = fmt.Sprintf("The apply stopped after %d of %d", r.story.reading().Done, r.story.reading().Total)
		next = "The next plan starts from what Terraform's state knows, and looks in the account for what it may have lost. Press " + t.Key.Render("r") + " to plan the rest."
		if r.destroy {
			what = fmt.Sprintf("The clean-up stopped after %d of %d", r.story.reading().Done, r.story.reading().Total)
			next = "Press " + t.Key.Render("r") + " to plan the rest: the plan has what Terraform's state knows and what the account still has."
		}
	}
	mark := t.Bad.Bold(true).Render(t.Signs.Failed + " " + what)
	if stopped(r.err) {
		mark = t.Attention.Bold(true).Render(t.Signs.Warn + " " + what + ", because you stopped it")
	}
	if r.repairable() {
		next += " Press " + t.Key.Render("u") + " to repair it first."
	}
	head := []string{"", " " + mark}
	head = append(append(head, indent(3, wrap(next, w-5))...), "")
	body := r.diagnosticLines(w-4, 0)
	var diag *stack.DiagnosticError
	switch {
	case errors.As(r.err, &diag):
		if hint := diag.Hint(); hint != "" {
			body = append(body, indent(3, paragraphs(min(w-6, readWidth), t.Good, hint))...)
		}
	case !stopped(r.err) && len(r.diags) == 0:
		body = indent(3, paragraphs(min(w-6, readWidth), t.Text, strings.Split(clean.Text(r.err.Error()), "\n")...))
	}
	if r.story != nil && len(body)+len(head) < h-4 {
		body = append(body, "")
		body = append(body, r.story.view(w, h-len(head)-len(body)-1)...)
	}
	if r.after != nil {
		body = append(body, r.after(w)...)
	}
	from, to := r.errs.window(len(body), h-len(head))
	return append(head, body[from:to]...)
}

// diagnosticLines draws Terraform's complaints; most bounds them, 0 for all.
func (r *run) diagnosticLines(w, most int) []string {
	t := r.theme
	var out []string
	for i, d := range r.diags {
		if slices.ContainsFunc(r.diags[:i], func(before complaint) bool { return before.Diagnostic == d.Diagnostic }) {
			continue
		}
		if d.Stopped { // what a stop cuts short is no error
			if d.Address != "" {
				out = append(out, t.Dim.Render(cut(t.Signs.Open+" "+clean.Line(d.Address)+" was half made: the next apply replaces it", w, t)))
			}
			continue
		}
		st, mark := t.Bad, t.Signs.Failed
		if d.Severity == "warning" {
			st, mark = t.Attention, t.Signs.Warn
		}
		head := wrap(clean.Line(d.Summary), w-2)
		for i, l := range head {
			if i == 0 {
				l = mark + " " + l
			} else {
				l = "  " + l
			}
			out = append(out, st.Bold(true).Render(l))
		}
		if most > 0 {
			continue
		}
		if d.File != "" {
			at := clean.Line(filepath.Base(d.File))
			if d.Line > 0 {
				at += fmt.Sprintf(", line %d", d.Line)
			}
			if d.Address != "" {
				at += t.Signs.Sep + clean.Line(d.Address)
			}
			out = append(out, "  "+t.Accent.Render(at))
		} else if d.Address != "" {
			out = append(out, "  "+t.Accent.Render(clean.Line(d.Address)))
		}
		if d.Snippet != "" {
			for i, l := range strings.Split(strings.TrimRight(clean.Text(d.Snippet), "\n"), "\n") {
				no := "    "
				if d.Line > 0 {
					no = fmt.Sprintf("%4d", d.Line+i)
				}
				out = append(out, "  "+t.Dim.Render(no+" "+t.Signs.Quote)+" "+t.Code.Render(cut(l, w-10, t)))
			}
		}
		if d.Detail != "" {
			for _, p := range strings.Split(clean.Text(d.Detail), "\n") {
				out = append(out, indent(2, paragraphs(min(w-4, readWidth), t.Text, p))...)
			}
		}
		advice := d.advice
		if advice == "" && d.File != "" && !stopped(r.err) {
			advice = "Fix that line in " + r.info.Workspace + " and plan again, or leave and run `workshop reset` to get the bundled files back (yours are kept)."
		}
		if advice != "" {
			for i, l := range wrap(clean.Line(advice), min(w-6, readWidth)) {
				lead := t.Signs.Arrow + " "
				if i > 0 {
					lead = strings.Repeat(" ", width(lead))
				}
				out = append(out, "  "+t.Good.Render(lead+l))
			}
		}
		out = append(out, "")
	}
	if most > 0 && len(out) > most {
		out = append(out[:most-1], t.Bad.Render(fmt.Sprintf("  and %d more", len(out)-most+1)))
	}
	return indent(1, out)
}

// heldLines say what keeps deletions from coming to their end.
func (r *run) heldLines(w int) []string {
	t := r.theme
	var out []string
	for _, h := range r.held {
		for i, l := range wrap(h, min(w-4, readWidth)) {
			lead := t.Attention.Render(t.Signs.Warn) + " "
			if i > 0 {
				lead = strings.Repeat(" ", width(lead))
			}
			out = append(out, " "+lead+l)
		}
	}
	return out
}

// lastRun says how the operation before ended, where it did not end well.
func (s *shared) lastRun(w int) []string {
	if s.stack.Lost && s.op == nil {
		text := "Terraform's state lists nothing, although something was deployed and not destroyed. The next plan looks for it in " + s.where() + "."
		return append(indent(1, paragraphs(min(w-4, readWidth), s.theme.Attention, s.theme.Signs.Warn+" "+text)), "")
	}
	l := s.stack.Last
	if l == nil {
		return nil
	}
	var how string
	switch {
	case l.Interrupted:
		how = "was interrupted"
	case l.Stopped:
		how = "was stopped"
	case l.Failed:
		how = "failed"
	default:
		return nil
	}
	what := "apply"
	if l.Destroy {
		what = "clean-up"
	}
	text := fmt.Sprintf("Your last %s %s", what, how)
	if l.Total > 0 {
		text += fmt.Sprintf(" at %d of %s", l.Done, count(l.Total, "resource"))
	}
	text += ", " + l.Ended.Local().Format("2 January 15:04") + ". The next plan also looks in the account for what Terraform's state may have lost."
	lines := indent(3, wrap(text, min(w-6, readWidth)))
	for i, line := range lines {
		mark := "  "
		if i == 0 {
			mark = s.theme.Signs.Warn + " "
		}
		lines[i] = " " + s.theme.Attention.Render(mark+strings.TrimSpace(line))
	}
	return append(lines, "")
}

func indent(n int, lines []string) []string {
	lead := strings.Repeat(" ", n)
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = lead + l
	}
	return out
}

// stopped reports whether an operation ended because it was asked to.
func stopped(err error) bool {
	return errors.Is(err, stack.ErrStopped) || errors.Is(err, context.Canceled)
}

func (r *run) paste(string) {}

func (r *run) typing() bool { return false }
