package tui

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"workshop/internal/clean"
	"workshop/internal/lesson"
	"workshop/internal/tui/reader"
	"workshop/internal/tui/style"
)

// guide is the page that teaches: the list of steps and the one that is read.
type guide struct {
	*shared
	images   fs.FS
	colors   colorprofile.Profile
	at       int // index of the current step
	done     map[string]bool
	begun    map[string]time.Time
	places   map[string][]byte
	reader   *reader.Reader
	onRail   bool
	railAt   int
	railTop  int
	output   *output            // in the pane below the text
	outputs  map[string]*output // the last of each step
	onOutput bool
	faults   []error
	teach    *teach
	search   search
	contents contents
	editor   *editor        // over the step, nil for none
	trail    []place        // where the learner was before each jump
	doing    int            // generation of the job that does what the text offers
	ending   *reader.Reader // the last page: what was done
	endTitle string

	saving, unsaved bool
}

// output is what a code block printed when it was run, or what else was done.
type output struct {
	command string
	title   string // what was done where that was no command
	lines   []string
	dropped int
	gen     int
	began   time.Time
	took    time.Duration
	code    int
	err     error
	running bool
	earlier bool // of an earlier start of the program
	scroll  view
}

// remembered is an output as it was kept.
func remembered(k Output) *output {
	o := &output{command: k.Command, title: k.Title, dropped: k.Dropped, code: k.Code, began: k.At, took: k.Elapsed, earlier: true, scroll: view{follow: true}}
	if k.Err != "" {
		o.err = errors.New(k.Err)
	}
	for l := range strings.SplitSeq(k.Lines, "\n") {
		o.add(l)
	}
	if k.Lines == "" {
		o.lines = nil
	}
	return o
}

// outputHeld bounds the lines that are kept of a run.
const outputHeld = 5_000

func newGuide(s *shared) *guide {
	g := &guide{shared: s, colors: colorprofile.ASCII, done: map[string]bool{}, begun: map[string]time.Time{}, places: map[string][]byte{}, outputs: map[string]*output{}}
	g.search.shared, g.contents.shared = s, s
	g.teach = newTeach(s, g.step)
	g.teach.output = g.putOut
	g.teach.forget = func(id string) {
		delete(g.done, id)
		g.save()
	}
	return g
}

// load takes the learner to where they were.
func (g *guide) load(o Opening) {
	p := o.Progress
	g.faults, g.images = o.Faults, o.Images
	for _, id := range p.Done {
		g.done[id] = true
	}
	for id, t := range p.Begun {
		g.begun[id] = t
	}
	for id, b := range p.Places {
		g.places[id] = b
	}
	for i, s := range g.course.Steps {
		if s.ID == p.Step {
			g.at = i
		}
	}
	for id, k := range p.Outputs {
		g.outputs[id] = remembered(k)
	}
	g.teach.load(p)
	g.show(g.at)
}

func (g *guide) step() *lesson.Step {
	if g.course == nil || len(g.course.Steps) == 0 {
		return nil
	}
	return g.course.Steps[g.at]
}

// show opens a step at the place where it was left.
func (g *guide) show(i int) {
	if g.course == nil || len(g.course.Steps) == 0 {
		return
	}
	g.keepPlace()
	g.ending, g.teach.open, g.teach.quiz = nil, false, false
	g.contents.on, g.onOutput = false, false
	if g.notice.kind == noteGood {
		g.notice = notice{} // it was about the step that is left
	}
	g.at = min(max(i, 0), len(g.course.Steps)-1)
	g.railAt = g.at
	s := g.step()
	if g.begun[s.ID].IsZero() {
		g.begun[s.ID] = g.now()
	}
	if o := g.output; o == nil || !o.running { // what runs stays in sight
		g.output = g.outputs[s.ID]
	}
	g.reader = reader.New(s, g.theme, g.images)
	g.reader.SetProfile(g.colors)
	g.reader.SetVars(g.value)
	g.reader.SetWhen(g.holds)
	g.reader.SetTerminal(g.terminal)
	g.reader.SetSize(g.lay.read.w, g.lay.read.h)
	if b, ok := g.places[s.ID]; ok {
		g.reader.Restore(b)
	}
	g.teach.auto(true)
}

// open goes to the step of that id.
func (g *guide) open(id string) tea.Cmd {
	for i, s := range g.course.Steps {
		if s.ID == id {
			if i != g.at {
				g.jump(i)
			}
			return g.goTo(guidePage)
		}
	}
	return nil
}

func (g *guide) keepPlace() {
	if g.reader != nil {
		g.places[g.step().ID] = g.reader.State()
	}
}

// renew makes the step's text fit what is known now.
func (g *guide) renew() {
	if g.reader != nil {
		g.reader.SetTheme(g.theme)
		g.reader.SetVars(g.value)
		g.reader.SetWhen(g.holds)
	}
}

// holds reports whether a conditional part of the text is shown; what is not
// known yet is.
func (g *guide) holds(when string) bool {
	ok, known := g.words.Holds[when]
	return ok || !known
}

// settle gives the reader its room, and returns the command for what it still
// needs to draw its pictures.
func (g *guide) settle() tea.Cmd {
	if g.reader == nil || g.lay.read.w == 0 {
		return nil
	}
	g.reader.SetSize(g.lay.read.w, g.lay.read.h)
	g.reader.SetTerminal(g.terminal)
	return g.reader.Prepare()
}

func (g *guide) progress() Progress {
	g.keepPlace()
	p := Progress{Begun: map[string]time.Time{}, Places: map[string][]byte{}}
	if s := g.step(); s != nil {
		p.Step = s.ID
	}
	for id := range g.done {
		p.Done = append(p.Done, id)
	}
	slices.Sort(p.Done)
	for id, t := range g.begun {
		p.Begun[id] = t
	}
	for id, b := range g.places {
		p.Places[id] = b
	}
	return p
}

// save keeps the learner's place on disk, one write at a time and the last one last.
func (g *guide) save() {
	if g.info.ReadOnly || g.course == nil {
		return
	}
	if g.saving {
		g.unsaved = true
		return
	}
	g.saving, g.unsaved = true, false
	p := g.progress()
	g.jobs.start(func(ctx context.Context, _ int, _ func(any)) (any, error) {
		return nil, g.session.Save(ctx, p)
	}, func(m any) tea.Cmd {
		g.saving = false
		if err := m.(ended).err; err != nil {
			g.say(noteBad, "Your place could not be saved: "+err.Error())
		} else if g.unsaved {
			g.save()
		}
		return nil
	})
}

func (g *guide) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	if g.step() == nil {
		return nil, false
	}
	key := k.String()
	if g.editor != nil {
		return g.editor.key(k), true
	}
	if g.contents.on {
		if id := g.contents.key(k); id != "" {
			g.jump(g.at)
			g.reader.Go(id)
		}
		return nil, true
	}
	if g.search.on {
		if p := g.search.key(k); p != nil {
			g.jump(p.step)
			g.reader.Go(p.block)
		}
		return nil, true
	}
	switch {
	case key == "/":
		g.onRail, g.ending = false, nil
		g.search.begin()
		return nil, true
	case g.teach.quiz:
	case key == "t":
		g.onRail, g.ending, g.onOutput = false, nil, false
		g.contents.begin(g.reader)
		return nil, true
	case key == "b", key == "backspace":
		g.onRail, g.ending, g.onOutput = false, nil, false
		g.goBack()
		return nil, true
	}
	if g.ending != nil {
		switch key {
		case "esc", "p", "n":
			g.ending = nil
			return nil, true
		case "s":
			g.ending = nil
		default:
			return g.ending.Update(k), true
		}
	}
	if g.onOutput {
		switch key {
		case "esc", "o":
			g.onOutput = false
			return nil, true
		case "X":
			if !g.output.running {
				if g.outputs[g.step().ID] == g.output {
					delete(g.outputs, g.step().ID)
				}
				g.output, g.onOutput = nil, false
			}
			return nil, true
		}
		if g.output.scroll.key(k) {
			return nil, true
		}
	}
	if g.onRail {
		switch key {
		case "up", "k":
			g.railAt = max(0, g.railAt-1)
			return nil, true
		case "down", "j":
			g.railAt = min(len(g.course.Steps)-1, g.railAt+1)
			return nil, true
		case "enter":
			g.onRail = false
			if g.railAt != g.at {
				g.jump(g.railAt)
			}
			return nil, true
		case "esc", "right", "l", "tab", "s":
			g.onRail, g.railAt = false, g.at
			return nil, true
		}
	}
	if !g.onRail && !g.onOutput && g.teach.key(k) {
		return nil, true
	}
	switch key {
	case "n":
		s := g.step()
		g.done[s.ID] = true
		if g.at+1 < len(g.course.Steps) {
			g.show(g.at + 1)
		} else {
			g.say(noteGood, "That was the last step: well done. `workshop certificate` writes this page to a file")
			g.finish()
			return nil, true
		}
		g.save()
		return nil, true
	case "p":
		if g.at > 0 {
			g.show(g.at - 1)
			g.save()
		}
		return nil, true
	case "s":
		g.onRail, g.railAt = true, g.at
		return nil, true
	case "esc":
		return nil, g.reader.Blur()
	case "o":
		if g.output != nil {
			g.onOutput = true
		}
		return nil, true
	}
	return g.reader.Update(k), true
}

// finish saves that the last step is done and shows what was done in all of them.
func (g *guide) finish() {
	p := g.progress()
	g.jobs.start(func(ctx context.Context, _ int, _ func(any)) (any, error) {
		if !g.info.ReadOnly {
			if err := g.session.Save(ctx, p); err != nil {
				return nil, err
			}
		}
		c, err := g.session.Certificate(ctx)
		if err != nil {
			return nil, err
		}
		var text strings.Builder
		err = c.Markdown(&text)
		return text.String(), err
	}, func(m any) tea.Cmd {
		e := m.(ended)
		text, ok := e.value.(string)
		if e.err != nil || !ok {
			g.say(noteBad, "What you did could not be put together: "+clean.Line(fmt.Sprint(e.err)))
			return nil
		}
		s, err := lesson.Parse("certificate.md", []byte(text))
		if err != nil {
			g.say(noteBad, clean.Line(err.Error()))
			return nil
		}
		g.endTitle = s.Title
		g.ending = reader.New(s, g.theme, g.images)
		g.ending.SetSize(g.lay.read.w, g.lay.read.h)
		return nil
	})
}

// runs reports whether something runs that shows its output, and says so.
func (g *guide) runs() bool {
	if g.output == nil || !g.output.running {
		return false
	}
	g.say(noteAttention, "A command runs still; ctrl+c stops it")
	return true
}

// runBlock runs a code block of the step.
func (g *guide) runBlock(command, lang string) {
	if g.runs() {
		return
	}
	if !g.ready.done {
		g.say(noteAttention, "The workshop is still getting ready; try again in a moment")
		return
	}
	step := g.step().ID
	o := &output{command: command, began: g.now(), running: true, scroll: view{follow: true}}
	g.putOut(o)
	o.gen = g.jobs.start(func(ctx context.Context, _ int, say func(any)) (any, error) {
		return g.session.Run(ctx, command, func(line string) { say(line) })
	}, func(m any) tea.Cmd {
		switch m := m.(type) {
		case string:
			o.add(m)
		case ended:
			o.running, o.err, o.took = false, m.err, g.now().Sub(o.began)
			o.code, _ = m.value.(int)
			g.keepOutput(step, o)
		}
		return nil
	})
}

func (o *output) add(line string) {
	if len(o.lines) >= outputHeld {
		o.lines = o.lines[outputHeld/10:]
		o.dropped += outputHeld / 10
	}
	o.lines = append(o.lines, clean.Line(line))
}

// stopRun stops the command that a block runs; false where none does.
func (g *guide) stopRun() bool {
	o := g.output
	if o == nil || !o.running {
		return false
	}
	g.jobs.drop(o.gen)
	o.running, o.err, o.took = false, context.Canceled, g.now().Sub(o.began)
	return true
}

func (g *guide) paste(text string) {
	switch {
	case g.editor != nil:
		g.editor.paste(text)
	case g.search.on:
		g.search.field.add(text)
		g.search.find()
	}
}

// typing: while a question is asked, digits are answers.
func (g *guide) typing() bool { return g.teach.quiz || g.search.on || g.editor != nil }

func (g *guide) moving() time.Duration {
	if g.output != nil && g.output.running {
		return spinTime
	}
	s := g.step()
	if s != nil && g.jobs.alive(g.teach.gen) && g.teach.of(s).asked {
		return spinTime
	}
	if s != nil && len(s.Checks) > 0 && g.teach.passed(s) < len(s.Checks) && g.ready.done && g.op == nil {
		return checkEvery
	}
	if s != nil {
		return 30 * time.Second // "2 min in"
	}
	return 0
}

func (g *guide) view(w, h int) []string {
	t := g.theme
	if g.course == nil {
		return nil
	}
	s := g.step()
	if s == nil {
		lines := []string{"", " " + t.Bad.Render(t.Signs.Failed+" No step of the workshop could be read"), ""}
		for _, f := range g.faults {
			lines = append(lines, indent(3, paragraphs(w-6, t.Text, clean.Line(f.Error())))...)
		}
		return lines
	}
	var instead []string // of the step
	switch {
	case g.editor != nil:
		instead = g.editor.view(g.lay.head.w, h)
	case g.contents.on:
		instead = g.contents.view(clean.Line(s.Title), g.lay.head.w, h)
	case g.search.on:
		instead = g.search.view(g.lay.head.w, h)
	}
	if instead != nil {
		read := block(instead, h)
		if g.lay.compact {
			return indent(g.lay.read.x, read)
		}
		return g.beside(read, h)
	}
	read := g.viewStep(s)
	if h := g.lay.teach.h; h > 0 {
		read = append(read, g.teach.view(g.lay.teach.w, h)...)
	}
	if g.output != nil {
		read = append(read, g.output.view(g.lay.output.w, g.lay.output.h, t, g.onOutput, g.spinner(), g.now())...)
	}
	if g.lay.compact {
		if g.onRail {
			return indent(1, g.viewRail(w-2, h))
		}
		return indent(g.lay.read.x, read)
	}
	return g.beside(block(read, h), h)
}

// beside puts the list of steps at the left of what is read.
func (g *guide) beside(read []string, h int) []string {
	t := g.theme
	rail := block(g.viewRail(railWidth, h), h)
	gap := strings.Repeat(" ", g.lay.read.x-railWidth-3)
	out := make([]string, h)
	for i := range out {
		out[i] = " " + fit(rail[i], railWidth+1, t) + t.Border.Render(t.Signs.Divider) + gap + read[i]
	}
	return out
}

func (g *guide) viewStep(s *lesson.Step) []string {
	t := g.theme
	var info []string
	if e := estimate(s.Estimate); e != "" {
		info = append(info, e)
	}
	if b := g.begun[s.ID]; !b.IsZero() {
		if in := g.now().Sub(b); in >= time.Minute && in < 3*time.Hour {
			info = append(info, span(in)+" in")
		}
	}
	mark := ""
	if g.done[s.ID] {
		mark = t.Good.Render(" " + t.Signs.Done)
	}
	head := t.Heading.Render(clean.Line(s.Title)) + mark
	if g.lay.compact {
		head = t.Dim.Render(fmt.Sprintf("%d of %d ", g.at+1, len(g.course.Steps))) + t.Key.Render(t.Signs.Current) + " " + head
	}
	if g.ending != nil {
		g.ending.SetTheme(g.theme)
		g.ending.SetSize(g.lay.read.w, g.lay.read.h)
		return append([]string{t.Heading.Render(clean.Line(g.endTitle)), ""}, block(strings.Split(g.ending.View(), "\n"), g.lay.read.h)...)
	}
	lines := []string{ends(head, t.Dim.Render(strings.Join(info, t.Signs.Sep)), g.lay.head.w, t), ""}
	return append(lines, block(strings.Split(g.reader.View(), "\n"), g.lay.read.h)...)
}

func estimate(e lesson.Estimate) string {
	switch {
	case e.Max == 0:
		return ""
	case e.Min == e.Max:
		return fmt.Sprintf("%d min", e.Max)
	}
	return fmt.Sprintf("%d to %d min", e.Min, e.Max)
}

func (g *guide) viewRail(w, h int) []string {
	t := g.theme
	steps := g.course.Steps
	room := h - 2
	if g.railAt < g.railTop {
		g.railTop = g.railAt
	}
	if g.railAt >= g.railTop+room {
		g.railTop = g.railAt - room + 1
	}
	g.railTop = max(0, min(g.railTop, len(steps)-room))
	var lines []string
	for i := g.railTop; i < min(len(steps), g.railTop+room); i++ {
		s := steps[i]
		mark, name := t.Dim.Render(t.Signs.Open), clean.Line(s.Title)
		switch {
		case i == g.at:
			mark, name = t.Key.Render(t.Signs.Current), t.Strong.Render(name)
		case g.done[s.ID]:
			mark = t.Good.Render(t.Signs.Done)
			name = t.Dim.Render(name)
		}
		line := mark + " " + name
		if g.onRail && i == g.railAt {
			line = t.Selected.Render(fit(strip(mark)+" "+clean.Line(s.Title), w, t))
			if e := s.Estimate.Max; e > 0 {
				line = t.Selected.Render(ends(strip(mark)+" "+clean.Line(s.Title), fmt.Sprintf("%d min", e), w, t))
			}
		}
		lines = append(lines, cut(line, w, t))
	}
	left := 0
	for i, s := range steps {
		if !g.done[s.ID] && i >= g.at {
			left += s.Estimate.Max
		}
	}
	if left > 0 && len(lines) < h-1 {
		lines = append(block(lines, h-1), t.Dim.Render(fmt.Sprintf("about %s left", span(time.Duration(left)*time.Minute))))
	}
	if len(g.faults) > 0 && len(lines) >= 2 {
		lines[len(lines)-2] = t.Attention.Render(fmt.Sprintf("%s %s unreadable", t.Signs.Warn, count(len(g.faults), "step")))
	}
	return lines
}

func (o *output) view(w, h int, t style.Theme, focused bool, spinner string, now time.Time) []string {
	state := ""
	switch {
	case o.running:
		state = t.Accent.Render(spinner+" runs ") + t.Dim.Render(watch(now.Sub(o.began)))
	case o.err == context.Canceled:
		state = t.Attention.Render("stopped")
	case o.err != nil:
		state = t.Bad.Render(t.Signs.Failed + " " + clean.Line(o.err.Error()))
	case o.code != 0:
		state = t.Bad.Render(fmt.Sprintf("%s ended with code %d", t.Signs.Failed, o.code))
	case o.earlier:
		state = t.Good.Render(t.Signs.Done+" done") + t.Dim.Render(" "+o.began.Format("2 Jan 15:04"))
	default:
		state = t.Good.Render(t.Signs.Done+" done") + t.Dim.Render(" in "+span(o.took))
	}
	st := t.Border
	if focused {
		st = t.Accent
	}
	what, lead := clean.Line(o.title), ""
	if what == "" {
		what, lead = clean.Line(strings.ReplaceAll(o.command, "\n", "; ")), t.Dim.Render("$ ")
	}
	title := st.Render(strings.Repeat(t.Signs.Rule, 2)) + " " + lead + t.Strong.Render(cut(what, max(10, w/2), t)) + " "
	title += st.Render(strings.Repeat(t.Signs.Rule, max(0, w-width(title)-width(state)-1))) + " " + state
	out := []string{cut(title, w, t)}
	lines := o.lines
	if o.title != "" { // sentences, where a command's lines are cut
		lines = nil
		for _, l := range o.lines {
			lines = append(lines, wrap(l, w)...)
		}
	}
	from, to := o.scroll.window(len(lines), h-1)
	for _, l := range lines[from:to] {
		out = append(out, cut(l, w, t))
	}
	if len(o.lines) == 0 && !o.running {
		out = append(out, t.Dim.Render("it printed nothing"))
	}
	return block(out, h)
}

// hintsMost bounds the keys that the bottom line names: those that matter most.
const hintsMost = 4

func (g *guide) hints() []hint {
	if g.editor != nil {
		return g.editor.hints()
	}
	if g.contents.on {
		return []hint{{"enter", "go there"}, {"esc", "back"}}
	}
	if g.onOutput {
		return []hint{{"esc", "back"}, {"X", "close the output"}}
	}
	if g.onRail {
		return []hint{{"enter", "open"}, {"esc", "back"}}
	}
	if g.ending != nil {
		return []hint{{"esc", "back"}, {"s", "steps"}}
	}
	if g.search.on {
		return []hint{{"enter", "go there"}, {"esc", "back"}}
	}
	if g.teach.quiz {
		return []hint{{"enter", "next"}, {"esc", "back"}}
	}
	var h []hint
	if g.reader != nil {
		if enter, y := g.reader.Focused(); enter != "" { // without it enter does what tab does
			h = append(h, hint{"enter", clean.Line(enter)})
			if y != "" {
				h = append(h, hint{"y", y})
			}
		}
	}
	next := []hint{{"n", "done, next"}, {"tab", "focus"}}
	if len(h) > 0 {
		slices.Reverse(next)
	}
	h = append(h, next...)
	if s := g.step(); s != nil && s.Page != "" {
		if id, ok := pageOf(s.Page); ok && id != guidePage {
			there := hint{fmt.Sprint(int(id) + 1), strings.ToLower(pageNames[id])}
			if len(h) > len(next) {
				h = append(h, there)
			} else {
				h = slices.Insert(h, 0, there)
			}
		}
	}
	if len(g.trail) > 0 {
		h = append(h, hint{"b", "back"})
	}
	if g.output != nil {
		h = append(h, hint{"o", "output"})
	}
	if g.reader != nil && len(g.reader.Headings()) >= longStep {
		h = append(h, hint{"t", "contents"})
	}
	return h[:min(len(h), hintsMost)]
}

var _ page = (*guide)(nil)
