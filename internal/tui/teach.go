package tui

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
	"workshop/internal/stack"
)

const (
	// checkEvery is how often a step's checks run by themselves while it is read.
	checkEvery = 15 * time.Second
	// checkTime bounds one run of them.
	checkTime = 2 * time.Minute
)

// teach is what stands below a step's text: its checks, hints and quiz, and the
// way to have it done.
type teach struct {
	*shared
	step   func() *lesson.Step
	output func(*output)   // shows what solving a step does
	forget func(id string) // that a step was done
	runs   map[bool]*run   // the page that shows a deploy, and for true a destroy
	works  map[string]*own // by the step's id
	open   bool            // it has the room and the keys
	quiz   bool            // the quiz is being answered
	gen    int             // of the checks that run
}

// own is what the learner did in one step.
type own struct {
	results  map[string]check.Result
	asked    bool // by the learner: what fails is said
	at       time.Time
	err      error
	hint     []lesson.Span
	hints    int // how many were given
	question int
	answers  map[int][]int
}

func newTeach(s *shared, step func() *lesson.Step) *teach {
	return &teach{shared: s, step: step, works: map[string]*own{}}
}

// load takes in what was done before.
func (t *teach) load(p Progress) {
	for _, s := range t.course.Steps {
		o := t.of(s)
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

func (t *teach) of(s *lesson.Step) *own {
	o := t.works[s.ID]
	if o == nil {
		o = &own{results: map[string]check.Result{}, answers: map[int][]int{}}
		t.works[s.ID] = o
	}
	return o
}

// any reports whether a step has something to teach with.
func (t *teach) any() bool {
	s := t.step()
	return s != nil && len(s.Checks)+len(s.Hints)+len(s.Quiz)+len(s.Solve) > 0
}

func (t *teach) passed(s *lesson.Step) int {
	n := 0
	for _, c := range s.Checks {
		if t.of(s).results[c.ID].OK {
			n++
		}
	}
	return n
}

// auto runs the checks when it is time to; soon does not wait for that.
func (t *teach) auto(soon bool) {
	s := t.step()
	if s == nil || len(s.Checks) == 0 || !t.ready.done || t.jobs.alive(t.gen) || t.op != nil || t.passed(s) == len(s.Checks) {
		return
	}
	if soon || t.now().Sub(t.of(s).at) >= checkEvery {
		t.check(s)
	}
}

// look runs the checks anew, because what they look at has changed.
func (t *teach) look() {
	t.jobs.drop(t.gen)
	t.auto(true)
}

func (t *teach) check(s *lesson.Step) {
	o := t.of(s)
	o.at = t.now()
	before := t.passed(s)
	t.gen = t.jobs.start(func(ctx context.Context, _ int, say func(any)) (any, error) {
		ctx, cancel := context.WithTimeout(ctx, checkTime)
		defer cancel()
		_, err := t.session.Check(ctx, s, func(r check.Result) { say(r) })
		return nil, err
	}, func(m any) tea.Cmd {
		switch m := m.(type) {
		case check.Result:
			o.results[m.ID] = m
		case ended:
			o.at, o.err = t.now(), m.err
			if n := t.passed(s); n == len(s.Checks) && n > before && s == t.step() {
				t.say(noteGood, "Every check of this step passes: n goes on")
			}
		}
		return nil
	})
}

func (t *teach) key(k tea.KeyPressMsg) bool {
	s := t.step()
	if s == nil {
		return false
	}
	o := t.of(s)
	key := k.String()
	if t.quiz {
		t.quizKey(s, o, key)
		return true
	}
	switch key {
	case "c":
		if len(s.Checks) == 0 {
			return false
		}
		t.open, o.asked = true, true
		switch {
		case !t.ready.done:
			t.say(noteAttention, "The workshop is still getting ready; try again in a moment")
		case !t.jobs.alive(t.gen):
			t.check(s)
		}
	case "h":
		if len(s.Hints) == 0 {
			return false
		}
		t.open = true
		if o.hints == len(s.Hints) {
			t.say(noteAttention, "That was the last hint; S does the step for you")
			return true
		}
		t.jobs.start(func(ctx context.Context, _ int, _ func(any)) (any, error) {
			h, n, err := t.session.Hint(ctx, s)
			return given{h, n}, err
		}, func(m any) tea.Cmd {
			e := m.(ended)
			if g, ok := e.value.(given); ok && len(g.hint) > 0 {
				o.hint, o.hints = g.hint, g.n
			}
			if e.err != nil {
				t.say(noteBad, "The hint could not be remembered: "+clean.Line(e.err.Error()))
			}
			return nil
		})
	case "a":
		if len(s.Quiz) == 0 {
			return false
		}
		t.open, t.quiz = true, true
		if o.question >= len(s.Quiz) {
			o.question = 0
		}
	case "S":
		if len(s.Solve) == 0 {
			return false
		}
		t.askSolve(s)
	case "R":
		t.askReset(s)
	case "esc":
		if !t.open {
			return false
		}
		t.open = false
	default:
		return false
	}
	return true
}

// given is a hint with its number, from 1.
type given struct {
	hint []lesson.Span
	n    int
}

func (t *teach) quizKey(s *lesson.Step, o *own, key string) {
	q := s.Quiz[o.question]
	switch key {
	case "enter", "right", "n":
		o.question++
		if o.question == len(s.Quiz) {
			o.question, t.quiz = 0, false
		}
	case "left", "p":
		o.question = max(0, o.question-1)
	case "esc", "a":
		t.quiz = false
	default:
		if len(key) != 1 || key[0] < '1' || int(key[0]-'1') >= len(q.Answers) {
			return
		}
		n, at := int(key[0]-'1'), o.question
		o.answers[at] = append(o.answers[at], n)
		t.jobs.start(func(ctx context.Context, _ int, _ func(any)) (any, error) {
			return nil, t.session.Answer(ctx, s, at, n)
		}, func(m any) tea.Cmd {
			if e := m.(ended); e.err != nil {
				t.say(noteBad, "The answer could not be remembered: "+clean.Line(e.err.Error()))
			}
			return nil
		})
	}
}

// free reports whether the workshop can do something for the learner, and says
// why where it cannot.
func (t *teach) free() bool {
	switch {
	case t.info.ReadOnly:
		t.say(noteAttention, "You can look but not change: "+clean.Line(t.info.Holder))
	case t.op != nil || !t.ready.done:
		t.say(noteAttention, "Not now: the workshop is at work")
	default:
		return true
	}
	return false
}

// list says what actions would do, one a line.
func (t *teach) list(actions []lesson.Action) []string {
	var out []string
	plans := false
	for i, a := range actions {
		out = append(out, fmt.Sprintf("%d. %s", i+1, t.inline(t.words(a.Say), t.theme.Text)))
		plans = plans || a.Verb == lesson.Deploy || a.Verb == lesson.Destroy
	}
	if plans {
		out = append(out, "", "Where that means a plan, you see how much it is and are asked again before anything is created or deleted.")
	}
	return out
}

// askSolve says what would be done before any of it is.
func (t *teach) askSolve(s *lesson.Step) {
	if !t.free() {
		return
	}
	t.dialog = &dialog{
		title: "Do this step for you?",
		body:  append([]string{"The workshop does what this step asks of you:", ""}, t.list(s.Solve)...),
		choices: []choice{
			{label: "No, I go on myself", key: "n"},
			{label: "Yes, do it", key: "y", do: func(*dialog) tea.Cmd {
				t.carryOut("solve: "+s.Title, func(ctx context.Context, h Help) error { return t.session.Solve(ctx, s, h) }, nil)
				return nil
			}},
		},
	}
}

// askReset says what bringing a step back would do before any of it is done.
func (t *teach) askReset(s *lesson.Step) {
	if !t.free() {
		return
	}
	body := []string{"Nothing that you made changes."}
	kept := ""
	if len(s.Reset) > 0 {
		body = append([]string{"Your work goes back to before this step:", ""}, t.list(s.Reset)...)
		kept = " Files that change are kept as a copy."
	}
	t.dialog = &dialog{
		title:  "Begin this step anew?",
		body:   append(body, "", "That the step was done is forgotten, with its checks, hints and answers."+kept),
		danger: true,
		choices: []choice{
			{label: "No, leave it as it is", key: "n"},
			{label: "Yes, begin anew", key: "y", do: func(*dialog) tea.Cmd {
				t.carryOut("reset: "+s.Title, func(ctx context.Context, h Help) error { return t.session.Reset(ctx, s, h) }, func() {
					delete(t.works, s.ID)
					t.forget(s.ID)
				})
				return nil
			}},
		},
	}
}

// approval asks the learner about a plan.
type approval struct {
	plan  *stack.Plan
	cost  Cost
	reply chan bool
}

// carryOut has the session do something in sight, and then done where it went
// well.
func (t *teach) carryOut(title string, do func(context.Context, Help) error, done func()) {
	o := &output{title: title, began: t.now(), running: true, scroll: view{follow: true}}
	t.output(o)
	stop := make(chan struct{})
	var page *run
	gen := t.jobs.start(func(ctx context.Context, _ int, say func(any)) (any, error) {
		return nil, do(ctx, Help{
			Say:   func(a lesson.Action) { say(clean.Line(lesson.PlainText(a.Say))) },
			Line:  func(line string) { say("  " + line) },
			Event: func(e stack.Event) { say(e) },
			Approve: func(p *stack.Plan) (bool, error) {
				a := approval{p, t.session.Cost(p), make(chan bool, 1)}
				say(a)
				select {
				case yes := <-a.reply:
					return yes, nil
				case <-stop:
				case <-ctx.Done():
				}
				return false, nil
			},
		})
	}, func(m any) tea.Cmd {
		switch m := m.(type) {
		case string:
			o.add(m)
		case stack.Event:
			if page != nil {
				page.hear(m)
			}
			if m.Type != stack.EventProgress && m.Message != "" {
				o.add("  " + m.Message)
			}
		case approval:
			t.askPlan(m, func() {
				page = t.runs[m.plan.Destroy]
				page.follow(m.plan)
				t.op.op = stackApply
				t.op.destroy = m.plan.Destroy
			})
		case ended:
			o.running, o.err, o.took = false, m.err, t.now().Sub(o.began)
			t.op = nil
			if page != nil {
				page.followed(m.err)
			}
			if m.err == nil && done != nil {
				done()
			}
			moved := t.stackMoved()
			t.look()
			return moved
		}
		return nil
	})
	o.gen = gen
	t.op.set(t.shared, gen, stack.OpPlan, false)
	t.op.stop = stop
}

func (t *teach) askPlan(a approval, yes func()) {
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
	body := []string{"Terraform would " + joinAnd(does) + " of the resources in " + t.where() + "."}
	if !p.Destroy {
		body = append(body, "", priceSentences(a.cost))
	}
	t.dialog = &dialog{
		title: "Apply this plan?", body: body, danger: p.Delete+p.Replace > 0,
		choices: []choice{
			{label: "No, not yet", key: "n", do: func(*dialog) tea.Cmd { a.reply <- false; return nil }},
			{label: "Yes, apply it", key: "y", do: func(*dialog) tea.Cmd {
				if t.op != nil {
					yes()
				}
				a.reply <- true
				return nil
			}},
		},
	}
}

// inline draws text in a style, with what stands between backticks as code.
func (t *teach) inline(text string, st lipgloss.Style) string {
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
			b.WriteString(t.theme.Code.Render(p))
		} else {
			b.WriteString(st.Render(p))
		}
	}
	return b.String()
}

// words are inline text as it is said in a line, with its values filled in.
func (t *teach) words(s []lesson.Span) string {
	return clean.Line(lesson.PlainText(lesson.FillSpans(s, t.value)))
}

// rows is how many lines the pane takes of a body of h.
func (t *teach) rows(w, h int) int {
	if !t.any() || h < 12 {
		return 0
	}
	most := 2
	switch {
	case t.open:
		most = h / 2
	case h >= 28:
		most = h / 4
	}
	return min(len(t.lines(w)), most)
}

func (t *teach) view(w, h int) []string {
	lines := t.lines(w)
	if len(lines) > h && h > 2 {
		lines = append(lines[:h-1:h-1], t.theme.Dim.Render(t.theme.Signs.Ellipsis+" c shows more"))
		if t.open {
			lines[h-1] = t.theme.Dim.Render(t.theme.Signs.Ellipsis)
		}
	}
	return clip(block(lines, h), w, t.theme)
}

func (t *teach) lines(w int) []string {
	s := t.step()
	o, th := t.of(s), t.theme
	if t.quiz {
		return append([]string{t.rule(w, fmt.Sprintf("Question %d of %d", o.question+1, len(s.Quiz)), []hint{{"1 to " + fmt.Sprint(len(s.Quiz[o.question].Answers)), "answer"}, {"enter", "next"}, {"esc", "back"}})}, t.question(s, o, w)...)
	}
	title := ""
	switch n := len(s.Checks); {
	case n > 0:
		title = fmt.Sprintf("Checks  %d of %d", t.passed(s), n)
	case len(s.Quiz) > 0:
		title = "Questions"
	default:
		title = "Help"
	}
	if t.jobs.alive(t.gen) && o.asked {
		title += " " + t.spinner()
	}
	var keys []hint
	if len(s.Checks) > 0 {
		keys = append(keys, hint{"c", "check"})
	}
	if len(s.Hints) > 0 {
		keys = append(keys, hint{"h", "hint"})
	}
	if len(s.Quiz) > 0 {
		keys = append(keys, hint{"a", "answer"})
	}
	if len(s.Solve) > 0 {
		keys = append(keys, hint{"S", "solve"})
	}
	out := []string{t.rule(w, title, keys)}
	say := func(lead string, st lipgloss.Style, text string) {
		for i, l := range wrap(t.inline(text, st), w-width(lead)) {
			if i > 0 {
				lead = strings.Repeat(" ", width(lead))
			}
			out = append(out, st.Render(lead)+l)
		}
	}
	for _, c := range t.ordered(s, o) {
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
		if width(line)+width(found)+3 <= w {
			out = append(out, line+"   "+t.inline(found, th.Dim))
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
		say(fmt.Sprintf("Hint %d of %d  ", o.hints, len(s.Hints)), th.Accent, t.words(o.hint))
	}
	if n := len(s.Quiz); n > 0 {
		right := 0
		for q := range s.Quiz {
			if a := o.answers[q]; len(a) > 0 && s.Quiz[q].Answers[a[len(a)-1]].Right {
				right++
			}
		}
		out = append(out, th.Dim.Render(fmt.Sprintf("%s, %d answered right", count(n, "question"), right)))
	}
	return out
}

// ordered are a step's checks; where there is little room, those that fail come first.
func (t *teach) ordered(s *lesson.Step, o *own) []lesson.Check {
	if t.open || t.lay.body.h >= 28 {
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

func (t *teach) question(s *lesson.Step, o *own, w int) []string {
	th := t.theme
	q := s.Quiz[o.question]
	var out []string
	out = append(out, wrap(t.inline(t.words(q.Ask), th.Strong), w)...)
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
		for j, l := range wrap(t.inline(t.words(a.Text), th.Text), w-6) {
			if j == 0 {
				out = append(out, st.Render(mark)+" "+th.Key.Render(fmt.Sprint(i+1))+"  "+l)
			} else {
				out = append(out, "     "+l)
			}
		}
		if len(chosen) > 0 && chosen[len(chosen)-1] == i {
			out = append(out, indent(5, wrap(t.inline(t.words(a.Why), st), w-6))...)
		}
	}
	return out
}

// rule is the pane's first line: its title, and the keys that matter in it.
func (t *teach) rule(w int, title string, keys []hint) string {
	th := t.theme
	st := th.Border
	if t.open {
		st = th.Accent
	}
	var ks []string
	for _, k := range keys {
		ks = append(ks, th.Key.Render(k.key)+" "+th.Dim.Render(k.does))
	}
	left := st.Render(strings.Repeat(th.Signs.Rule, 2)) + " " + th.Strong.Render(title) + " "
	right := " " + strings.Join(ks, th.Dim.Render(th.Signs.Sep))
	return left + st.Render(strings.Repeat(th.Signs.Rule, max(0, w-width(left)-width(right)))) + right
}
