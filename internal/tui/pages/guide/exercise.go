package guide

import (
	"context"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"workshop/internal/check"
	"workshop/internal/clean"
	"workshop/internal/lesson"
	"workshop/internal/session"
	"workshop/internal/stack"
	"workshop/internal/tui/draw"
	"workshop/internal/tui/jobs"
	"workshop/internal/tui/keys"
	"workshop/internal/tui/operation"
	"workshop/internal/tui/page"
	"workshop/internal/tui/widgets"
)

const (
	// checkEvery is how often a step's checks run by themselves while it is read.
	checkEvery = 15 * time.Second
	// checkTime bounds one run of them.
	checkTime = 2 * time.Minute
)

// Exercises is what the page needs of the session for a step's checks, hints and
// questions. Methods may block.
type Exercises interface {
	// Check runs a step's checks, calls with each result as it becomes final, and
	// remembers those that pass. The error is about remembering.
	Check(ctx context.Context, s *lesson.Step, report func(check.Result)) ([]check.Result, error)
	// Hint returns a step's next hint with its number, from 1, and remembers that.
	Hint(ctx context.Context, s *lesson.Step) (hint []lesson.Span, n int, err error)
	// Answer remembers the choice of an answer; both count from 0.
	Answer(ctx context.Context, s *lesson.Step, question, answer int) error
	// Solve does a step for the learner.
	Solve(ctx context.Context, s *lesson.Step, h session.Helper) error
	// Reset brings the learner's work back to before a step and forgets what was
	// done in it.
	Reset(ctx context.Context, s *lesson.Step, h session.Helper) error
	// Cost returns in words what a plan does to the cost of the stack.
	Cost(p *stack.Plan) session.Cost
}

// exercise is what stands below a step's text: its checks, hints and quiz, and the
// way to have it done.
type exercise struct {
	*page.Context
	session    Exercises
	step       func() *lesson.Step
	show       func(*output)            // shows what solving a step does
	forget     func(id string)          // forgets that a step was done
	operations map[bool]*operation.View // that show an apply, and for true a destroy
	steps      map[string]*stepState    // by id
	open       bool                     // it has the room and the keys
	quiz       bool                     // the quiz is being answered
	job        int                      // generation of the checks that run
}

// stepState is what the learner did in one step.
type stepState struct {
	results  map[string]check.Result
	asked    bool // by the learner: what fails is shown
	at       time.Time
	err      error
	hint     []lesson.Span
	hints    int // how many were given
	question int
	answers  map[int][]int
}

func newExercise(c *page.Context, s Exercises, step func() *lesson.Step, deploy, destroy *operation.View) *exercise {
	return &exercise{Context: c, session: s, step: step, steps: map[string]*stepState{},
		operations: map[bool]*operation.View{false: deploy, true: destroy}}
}

// load takes in what was done before.
func (x *exercise) load(p session.Progress) {
	for _, s := range x.Course.Steps {
		o := x.state(s)
		for _, c := range s.Checks {
			if p.Passed[s.ID][c.ID] {
				o.results[c.ID] = check.Result{ID: c.ID, Title: c.Title, OK: true}
			}
		}
		if o.hints = min(max(p.Hints[s.ID], 0), len(s.Hints)); o.hints > 0 {
			o.hint = s.Hints[o.hints-1]
		}
		for i, q := range s.Quiz { // which may have been longer, or have had other answers
			for _, a := range p.Answers[s.ID][i] {
				if a >= 0 && a < len(q.Answers) {
					o.answers[i] = append(o.answers[i], a)
				}
			}
		}
	}
}

func (x *exercise) state(s *lesson.Step) *stepState {
	o := x.steps[s.ID]
	if o == nil {
		o = &stepState{results: map[string]check.Result{}, answers: map[int][]int{}}
		x.steps[s.ID] = o
	}
	return o
}

// present reports whether the step has checks, hints, questions or a solution.
func (x *exercise) present() bool {
	s := x.step()
	return s != nil && len(s.Checks)+len(s.Hints)+len(s.Quiz)+len(s.Solve) > 0
}

func (x *exercise) passed(s *lesson.Step) int {
	n := 0
	for _, c := range s.Checks {
		if x.state(s).results[c.ID].OK {
			n++
		}
	}
	return n
}

// auto runs the checks when it is time to; soon does not wait for that.
func (x *exercise) auto(soon bool) {
	s := x.step()
	if s == nil || len(s.Checks) == 0 || !x.Ready.Done || x.Jobs.Alive(x.job) || x.Running != nil || x.passed(s) == len(s.Checks) {
		return
	}
	if soon || x.Now().Sub(x.state(s).at) >= checkEvery {
		x.check(s)
	}
}

// recheck runs the checks anew, because what they look at has changed.
func (x *exercise) recheck() {
	x.Jobs.Drop(x.job)
	x.auto(true)
}

func (x *exercise) check(s *lesson.Step) {
	o := x.state(s)
	o.at = x.Now()
	before := x.passed(s)
	sess := x.session
	x.job = jobs.Stream(x.Jobs, func(ctx context.Context, emit func(check.Result)) ([]check.Result, error) {
		ctx, cancel := context.WithTimeout(ctx, checkTime)
		defer cancel()
		return sess.Check(ctx, s, emit)
	}, func(r check.Result) { o.results[r.ID] = r }, func(_ []check.Result, err error) tea.Cmd {
		o.at, o.err = x.Now(), err
		if n := x.passed(s); n == len(s.Checks) && n > before && s == x.step() {
			x.Say(page.Good, "Every check of this step passes: n goes on")
		}
		return nil
	})
}

// checking reports whether checks run that the learner asked for.
func (x *exercise) checking() bool {
	s := x.step()
	return s != nil && x.Jobs.Alive(x.job) && x.state(s).asked
}

// askCheck runs the checks and shows what fails.
func (x *exercise) askCheck() {
	s := x.step()
	x.open, x.state(s).asked = true, true
	if x.IsReady() && !x.Jobs.Alive(x.job) {
		x.check(s)
	}
}

func (x *exercise) nextHint() {
	s := x.step()
	o := x.state(s)
	x.open = true
	if o.hints == len(s.Hints) {
		x.Say(page.Attention, "That was the last hint; S does the step for you")
		return
	}
	type hint struct {
		text []lesson.Span
		n    int // from 1
	}
	sess := x.session
	jobs.Start(x.Jobs, func(ctx context.Context) (hint, error) {
		text, n, err := sess.Hint(ctx, s)
		return hint{text, n}, err
	}, func(h hint, err error) tea.Cmd {
		if len(h.text) > 0 {
			o.hint, o.hints = h.text, h.n
		}
		if err != nil {
			x.Say(page.Bad, "The hint could not be remembered: "+clean.Line(err.Error()))
		}
		return nil
	})
}

func (x *exercise) close() { x.open, x.quiz = false, false }

func (x *exercise) startQuiz() {
	x.open, x.quiz = true, true
	if o := x.state(x.step()); o.question >= len(x.step().Quiz) {
		o.question = 0
	}
}

func (x *exercise) nextQuestion() {
	o := x.state(x.step())
	if o.question++; o.question == len(x.step().Quiz) {
		o.question, x.quiz = 0, false
	}
}

func (x *exercise) previousQuestion() {
	o := x.state(x.step())
	o.question = max(0, o.question-1)
}

// answer takes a digit as the answer to the question on the screen.
func (x *exercise) answer(key string) {
	s := x.step()
	o := x.state(s)
	if len(key) != 1 || key[0] < '1' || int(key[0]-'1') >= len(s.Quiz[o.question].Answers) {
		return
	}
	n, question := int(key[0]-'1'), o.question
	o.answers[question] = append(o.answers[question], n)
	sess := x.session
	jobs.Do(x.Jobs, func(ctx context.Context) error { return sess.Answer(ctx, s, question, n) }, func(err error) tea.Cmd {
		if err != nil {
			x.Say(page.Bad, "The answer could not be remembered: "+clean.Line(err.Error()))
		}
		return nil
	})
}

// free reports whether the workshop can do something for the learner, and says
// why where it cannot.
func (x *exercise) free() bool {
	if !x.MayChange() {
		return false
	}
	if x.Running != nil || !x.Ready.Done {
		x.Say(page.Attention, "Not now: the workshop is at work")
		return false
	}
	return true
}

// list says what actions would do, one a line.
func (x *exercise) list(actions []lesson.Action) []string {
	var out []string
	plans := false
	for i, a := range actions {
		out = append(out, fmt.Sprintf("%d. %s", i+1, x.inline(x.words(a.Say), x.Theme.Text)))
		plans = plans || a.Verb == lesson.Deploy || a.Verb == lesson.Destroy
	}
	if plans {
		out = append(out, "", "Where that means a plan, you see how much it is and are asked again before anything is created or deleted.")
	}
	return out
}

// askSolve says what would be done before any of it is.
func (x *exercise) askSolve() {
	s, sess := x.step(), x.session
	if !x.free() {
		return
	}
	x.Dialog = &widgets.Dialog{
		Title: "Do this step for you?",
		Body:  append([]string{"The workshop does what this step asks of you:", ""}, x.list(s.Solve)...),
		Choices: []widgets.Choice{
			{Label: "No, I go on myself", Key: "n"},
			{Label: "Yes, do it", Key: "y", Do: func(*widgets.Dialog) tea.Cmd {
				x.carryOut("solve: "+s.Title, func(ctx context.Context, h session.Helper) error { return sess.Solve(ctx, s, h) }, nil)
				return nil
			}},
		},
	}
}

// askReset says what bringing a step back would do before any of it is done.
func (x *exercise) askReset() {
	s, sess := x.step(), x.session
	if !x.free() {
		return
	}
	body := []string{"Nothing that you made changes."}
	kept := ""
	if len(s.Reset) > 0 {
		body = append([]string{"Your work goes back to before this step:", ""}, x.list(s.Reset)...)
		kept = " Files that change are kept as a copy."
	}
	x.Dialog = &widgets.Dialog{
		Title:  "Begin this step anew?",
		Body:   append(body, "", "That the step was done is forgotten, with its checks, hints and answers."+kept),
		Danger: true,
		Choices: []widgets.Choice{
			{Label: "No, leave it as it is", Key: "n"},
			{Label: "Yes, begin anew", Key: "y", Do: func(*widgets.Dialog) tea.Cmd {
				x.carryOut("reset: "+s.Title, func(ctx context.Context, h session.Helper) error { return sess.Reset(ctx, s, h) }, func() {
					delete(x.steps, s.ID)
					x.forget(s.ID)
				})
				return nil
			}},
		},
	}
}

// approval asks the learner about a plan. One answer may be sent.
type approval struct {
	plan  *stack.Plan
	cost  session.Cost
	reply chan bool
}

// news is what solving a step reports: a text, an event of Terraform, or a
// question.
type news struct {
	text     string
	event    *stack.Event
	approval *approval
}

// carryOut has the session do something in sight, and then done where it went
// well.
func (x *exercise) carryOut(title string, do func(context.Context, session.Helper) error, done func()) {
	o := &output{title: title, began: x.Now(), running: true, scroll: following()}
	x.show(o)
	stop := make(chan struct{})
	sess := x.session
	var shown *operation.View // the page that shows the apply
	o.job = jobs.Stream(x.Jobs, func(ctx context.Context, emit func(news)) (struct{}, error) {
		return struct{}{}, do(ctx, session.Helper{
			Say:   func(a lesson.Action) { emit(news{text: clean.Line(lesson.PlainText(a.Say))}) },
			Line:  func(text string) { emit(news{text: "  " + text}) },
			Event: func(e stack.Event) { emit(news{event: &e}) },
			Approve: func(p *stack.Plan) (bool, error) {
				a := approval{p, sess.Cost(p), make(chan bool, 1)}
				emit(news{approval: &a})
				select {
				case yes := <-a.reply:
					return yes, nil
				case <-stop:
				case <-ctx.Done():
				}
				return false, nil
			},
		})
	}, func(n news) {
		switch {
		case n.event != nil:
			if shown != nil {
				shown.Receive(*n.event)
			}
			if n.event.Type != stack.EventProgress && n.event.Message != "" {
				o.add("  " + n.event.Message)
			}
		case n.approval != nil:
			x.askPlan(*n.approval, func() {
				shown = x.operations[n.approval.plan.Destroy]
				shown.Follow(n.approval.plan)
				x.Running.Op, x.Running.Destroy = stack.OpApply, n.approval.plan.Destroy
			})
		default:
			o.add(n.text)
		}
	}, func(_ struct{}, err error) tea.Cmd {
		o.end(err, x.Now())
		x.Running = nil
		if shown != nil {
			shown.End(err)
		}
		if err == nil && done != nil {
			done()
		}
		changed := x.Root.StackChanged()
		x.recheck()
		return changed
	})
	x.Context.Begin(o.job, stack.OpPlan, false).Stop = stop
}

func (x *exercise) askPlan(a approval, yes func()) {
	p := a.plan
	var does []string
	for _, x := range []struct {
		n    int
		verb string
	}{{p.Create, "create"}, {p.Update, "change"}, {p.Replace, "make anew"}, {p.Delete, "delete"}} {
		if x.n > 0 {
			does = append(does, fmt.Sprintf("%s %d", x.verb, x.n))
		}
	}
	body := []string{"Terraform would " + draw.Join(does) + " of the resources in " + x.Where() + "."}
	if !p.Destroy {
		body = append(body, "", operation.PriceSentences(a.cost))
	}
	x.Dialog = &widgets.Dialog{
		Title: "Apply this plan?", Body: body, Danger: p.Delete+p.Replace > 0,
		Choices: []widgets.Choice{
			{Label: "No, not yet", Key: "n", Do: func(*widgets.Dialog) tea.Cmd { a.reply <- false; return nil }},
			{Label: "Yes, apply it", Key: "y", Do: func(*widgets.Dialog) tea.Cmd {
				if x.Running != nil {
					yes()
				}
				a.reply <- true
				return nil
			}},
		},
	}
}

// inline draws text in a style, with what stands between backticks as code.
func (x *exercise) inline(text string, st lipgloss.Style) string {
	parts := strings.Split(text, "`")
	if len(parts)%2 == 0 { // one that is not closed
		return st.Render(text)
	}
	var b strings.Builder
	for i, p := range parts {
		if p == "" {
			continue
		}
		if i%2 == 1 {
			b.WriteString(x.Theme.Code.Render(p))
		} else {
			b.WriteString(st.Render(p))
		}
	}
	return b.String()
}

// words are inline text as it is said in a line, with its values filled in.
func (x *exercise) words(s []lesson.Span) string {
	return clean.Line(lesson.PlainText(lesson.FillSpans(s, x.Value)))
}

// rows is how many lines the pane takes of a body of h.
func (x *exercise) rows(w, h int) int {
	if !x.present() || h < 12 {
		return 0
	}
	most := 2
	switch {
	case x.open:
		most = h / 2
	case h >= 28:
		most = h / 4
	}
	return min(len(x.lines(w)), most)
}

func (x *exercise) view(w, h int) []string {
	lines := x.lines(w)
	if len(lines) > h && h > 2 {
		lines = append(lines[:h-1:h-1], x.Theme.Dim.Render(x.Theme.Signs.Ellipsis+" c shows more"))
		if x.open {
			lines[h-1] = x.Theme.Dim.Render(x.Theme.Signs.Ellipsis)
		}
	}
	return draw.Clip(draw.Block(lines, h), w, x.Theme)
}

func (x *exercise) lines(w int) []string {
	s := x.step()
	o, th := x.state(s), x.Theme
	if x.quiz {
		return append([]string{x.rule(w, fmt.Sprintf("Question %d of %d", o.question+1, len(s.Quiz)), []keys.Hint{{Key: "1 to " + fmt.Sprint(len(s.Quiz[o.question].Answers)), Does: "answer"}, {Key: "enter", Does: "next"}, {Key: "esc", Does: "back"}})}, x.question(s, o, w)...)
	}
	title := ""
	switch n := len(s.Checks); {
	case n > 0:
		title = fmt.Sprintf("Checks  %d of %d", x.passed(s), n)
	case len(s.Quiz) > 0:
		title = "Questions"
	default:
		title = "Help"
	}
	if x.checking() {
		title += " " + x.Spinner()
	}
	var hints []keys.Hint
	if len(s.Checks) > 0 {
		hints = append(hints, keys.Hint{Key: "c", Does: "check"})
	}
	if len(s.Hints) > 0 {
		hints = append(hints, keys.Hint{Key: "h", Does: "hint"})
	}
	if len(s.Quiz) > 0 {
		hints = append(hints, keys.Hint{Key: "a", Does: "answer"})
	}
	if len(s.Solve) > 0 {
		hints = append(hints, keys.Hint{Key: "S", Does: "solve"})
	}
	out := []string{x.rule(w, title, hints)}
	say := func(lead string, st lipgloss.Style, text string) {
		for i, l := range draw.Wrap(x.inline(text, st), w-draw.Width(lead)) {
			if i > 0 {
				lead = strings.Repeat(" ", draw.Width(lead))
			}
			out = append(out, st.Render(lead)+l)
		}
	}
	for _, c := range x.ordered(s, o) {
		r, known := o.results[c.ID]
		name := clean.Line(c.Title)
		switch {
		case known && r.OK:
			out = append(out, th.Good.Render(th.Signs.Done)+" "+name)
			continue
		case !o.asked || !known:
			out = append(out, th.Dim.Render(th.Signs.Open)+" "+name)
			continue
		}
		line := th.Bad.Render(th.Signs.Failed) + " " + name
		found := clean.Line(r.Found)
		if r.Err != nil {
			found = "could not be asked: " + clean.Line(r.Err.Error())
		}
		if draw.Width(line)+draw.Width(found)+3 <= w {
			out = append(out, line+"   "+x.inline(found, th.Dim))
		} else {
			out = append(out, line)
			say("  ", th.Dim, found)
		}
		if r.Message != "" {
			say("  "+th.Signs.Arrow+" ", th.Good, clean.Line(r.Message))
		}
	}
	if o.err != nil {
		say(th.Signs.Warn+" ", th.Attention, clean.Line(o.err.Error()))
	}
	if o.hints > 0 {
		say(fmt.Sprintf("Hint %d of %d  ", o.hints, len(s.Hints)), th.Accent, x.words(o.hint))
	}
	if n := len(s.Quiz); n > 0 {
		right := 0
		for q := range s.Quiz {
			if a := o.answers[q]; len(a) > 0 && s.Quiz[q].Answers[a[len(a)-1]].Right {
				right++
			}
		}
		out = append(out, th.Dim.Render(fmt.Sprintf("%s, %d answered right", draw.Count(n, "question"), right)))
	}
	return out
}

// ordered are a step's checks; where there is little room, those that fail come first.
func (x *exercise) ordered(s *lesson.Step, o *stepState) []lesson.Check {
	if x.open || x.Layout.Body.H >= 28 {
		return s.Checks
	}
	var bad, rest []lesson.Check
	for _, c := range s.Checks {
		if o.results[c.ID].OK {
			rest = append(rest, c)
		} else {
			bad = append(bad, c)
		}
	}
	return append(bad, rest...)
}

func (x *exercise) question(s *lesson.Step, o *stepState, w int) []string {
	th := x.Theme
	q := s.Quiz[o.question]
	var out []string
	out = append(out, draw.Wrap(x.inline(x.words(q.Ask), th.Strong), w)...)
	chosen := o.answers[o.question]
	for i, a := range q.Answers {
		mark, st := " ", th.Text
		for _, c := range chosen {
			if c == i && a.Right {
				mark, st = th.Signs.Done, th.Good
			} else if c == i {
				mark, st = th.Signs.Failed, th.Bad
			}
		}
		for j, l := range draw.Wrap(x.inline(x.words(a.Text), th.Text), w-6) {
			if j == 0 {
				out = append(out, st.Render(mark)+" "+th.Key.Render(fmt.Sprint(i+1))+"  "+l)
			} else {
				out = append(out, "     "+l)
			}
		}
		if len(chosen) > 0 && chosen[len(chosen)-1] == i {
			out = append(out, draw.Indent(5, draw.Wrap(x.inline(x.words(a.Why), st), w-6))...)
		}
	}
	return out
}

// rule is the pane's first line: its title, and the keys that matter in it.
func (x *exercise) rule(w int, title string, hints []keys.Hint) string {
	th := x.Theme
	st := th.Border
	if x.open {
		st = th.Accent
	}
	var ks []string
	for _, k := range hints {
		ks = append(ks, th.Key.Render(k.Key)+" "+th.Dim.Render(k.Does))
	}
	left := st.Render(strings.Repeat(th.Signs.Rule, 2)) + " " + th.Strong.Render(title) + " "
	right := " " + strings.Join(ks, th.Dim.Render(th.Signs.Sep))
	return left + st.Render(strings.Repeat(th.Signs.Rule, max(0, w-draw.Width(left)-draw.Width(right)))) + right
}
