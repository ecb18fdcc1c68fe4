// Package guide is the page that teaches: the list of steps, the step that is
// read, and what can be done in it.
package guide

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os/exec"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"workshop/internal/clean"
	"workshop/internal/lesson"
	"workshop/internal/session"
	"workshop/internal/tui/draw"
	"workshop/internal/tui/jobs"
	"workshop/internal/tui/keys"
	"workshop/internal/tui/operation"
	"workshop/internal/tui/page"
	"workshop/internal/tui/reader"
	"workshop/internal/tui/widgets"
)

// Session is what the page needs of the session. Methods with a context may block.
type Session interface {
	Files
	Exercises

	// Save keeps the learner's place. It is called after every change of it.
	Save(ctx context.Context, p session.Progress) error
	// KeepOutput remembers what a step's block printed last.
	KeepOutput(ctx context.Context, step string, o session.Output) error
	// Run runs a step's code block in the workspace with the target's environment,
	// and returns its exit code.
	Run(ctx context.Context, command string, line func(string)) (int, error)
	// Certificate returns what was done so far.
	Certificate(ctx context.Context) (*lesson.Certificate, error)
}

// Files is what the page needs of the session to change the configuration.
type Files interface {
	// Set gives variables of the configuration values, keeps a copy of the file
	// that it changes, and returns in words what is different: nothing where it was
	// so already.
	Set(ctx context.Context, settings []lesson.Setting) (changes []string, err error)
	// ReadFile reads the file of the configuration that an action opens, and finds
	// the line that it means.
	ReadFile(ctx context.Context, a lesson.Action) (session.File, error)
	// WriteFile replaces a file of the configuration. kept is the copy of what was
	// there, empty where nothing was lost.
	WriteFile(ctx context.Context, name, text string) (f session.File, kept string, err error)
	// Editor returns the command that opens a file in the learner's own editor, nil
	// where none is named.
	Editor(f session.File) *exec.Cmd
	// Shell returns the command of a shell in the folder of the configuration, with
	// the target's environment.
	Shell(ctx context.Context) (*exec.Cmd, error)
}

// Page is the page. It belongs to the event loop.
type Page struct {
	*page.Context
	session  Session
	keys     keys.Table
	lay      layout
	images   fs.FS
	colors   colorprofile.Profile
	at       int          // index of the current step
	last     *lesson.Step // the one that was read last, also where there is none now
	done     map[string]bool
	begun    map[string]time.Time
	places   map[string][]byte
	reader   *reader.Reader
	onRail   bool
	live     bool // the Live page stands beside the step
	onLive   bool // and has the keys
	rail     widgets.Scroll
	output   *output            // in the pane below the text
	outputs  map[string]*output // the last of each step
	onOutput bool
	faults   []error
	exercise *exercise
	search   search
	contents contents
	editor   *editor        // over the step, nil for none
	trail    []position     // where the learner was before each jump
	doing    int            // generation of the job that does what the text offers
	ending   *reader.Reader // the last page: what was done
	endTitle string

	saving, unsaved bool
}

// New returns the page. Solving a step shows its apply in the given operations.
func New(c *page.Context, s Session, deploy, destroy *operation.View) *Page {
	g := &Page{Context: c, session: s, colors: colorprofile.ASCII, rail: widgets.Scroll{List: true},
		done: map[string]bool{}, begun: map[string]time.Time{}, places: map[string][]byte{}, outputs: map[string]*output{}}
	g.search.Context, g.contents.Context = c, c
	g.exercise = newExercise(c, s, g.step, deploy, destroy)
	g.exercise.show = g.showOutput
	g.exercise.forget = func(id string) {
		delete(g.done, id)
		g.save()
	}
	g.keys = g.table()
	return g
}

// Opened takes the learner to where they were.
func (g *Page) Opened(o session.Opening) {
	p := o.Progress
	g.faults, g.images, g.live = o.Faults, o.Images, p.LiveBeside
	for _, id := range p.Done {
		g.done[id] = true
	}
	for id, t := range p.Begun {
		g.begun[id] = t
	}
	for id, b := range p.Places {
		g.places[id] = b
	}
	for i, s := range g.Course.Steps {
		if s.ID == p.Step {
			g.at = i
		}
	}
	for id, k := range p.Outputs {
		g.outputs[id] = remembered(k)
	}
	g.exercise.load(p)
	g.show(g.at)
}

func (g *Page) step() *lesson.Step {
	if g.Course == nil || len(g.Course.Steps) == 0 {
		return nil
	}
	return g.Course.Steps[g.at]
}

// show opens a step at the place where it was left.
func (g *Page) show(i int) {
	if g.Course == nil || len(g.Course.Steps) == 0 {
		return
	}
	g.keepPlace()
	g.ending = nil
	g.exercise.close()
	g.contents.on, g.onOutput = false, false
	if g.Notices.Shown(g.Now()).Kind == page.Good {
		g.Notices.Clear() // it was about the step that is left
	}
	g.at = min(max(i, 0), len(g.Course.Steps)-1)
	g.rail.Cursor, g.Step = g.at, g.at+1
	s := g.step()
	g.last = s
	if g.begun[s.ID].IsZero() {
		g.begun[s.ID] = g.Now()
	}
	if o := g.output; o == nil || !o.running { // what runs stays in sight
		g.output = g.outputs[s.ID]
	}
	g.reader = reader.New(s, g.Theme, g.images)
	g.reader.SetProfile(g.colors)
	g.reader.SetVars(g.Value)
	g.reader.SetWhen(g.holds)
	g.reader.SetTerminal(g.Terminal)
	g.reader.SetSize(g.lay.read.W, g.lay.read.H)
	if b, ok := g.places[s.ID]; ok {
		g.reader.Restore(b)
	}
	g.exercise.auto(true)
}

// OpenStep goes to the step of that id. It reports whether there is one.
func (g *Page) OpenStep(id string) bool {
	for i, s := range g.Course.Steps {
		if s.ID == id {
			if i != g.at {
				g.jump(i)
			}
			return true
		}
	}
	return false
}

func (g *Page) keepPlace() {
	if g.reader != nil {
		g.places[g.step().ID] = g.reader.State()
	}
}

// Refresh makes the step's text fit what is known now.
func (g *Page) Refresh() {
	if g.reader != nil {
		g.reader.SetTheme(g.Theme)
		g.reader.SetVars(g.Value)
		g.reader.SetWhen(g.holds)
		g.exercise.auto(true)
	}
}

// holds reports whether a conditional part of the text is shown; what is not
// known yet is.
func (g *Page) holds(when string) bool {
	ok, known := g.TextValues.Holds[when]
	return ok || !known
}

// Beside returns the page that stands beside the step, and whether it has the keys.
func (g *Page) Beside() (slug string, focused bool) {
	if !g.live {
		return "", false
	}
	return "live", g.onLive
}

// LeaveBeside takes the keys back to the step.
func (g *Page) LeaveBeside() { g.onLive = false }

func (g *Page) toggleLive() {
	g.live, g.onLive = !g.live, false
	g.save()
}

// Settle gives the reader its room, and returns the command for what it still
// needs to draw its pictures.
func (g *Page) Settle() tea.Cmd {
	g.lay = layOut(g.Layout.Body, g.Layout.Compact, g.exercise.rows, g.output != nil)
	if g.reader == nil || g.lay.read.W <= 0 || g.Layout.W == 0 {
		return nil
	}
	g.reader.SetSize(g.lay.read.W, g.lay.read.H)
	g.reader.SetTerminal(g.Terminal)
	return g.reader.Prepare()
}

// Receive hands the reader what its own commands bring.
func (g *Page) Receive(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.ColorProfileMsg:
		g.colors = msg.Profile
		if g.reader != nil {
			g.reader.SetProfile(msg.Profile)
		}
		return nil
	case tea.ResumeMsg:
		if g.reader != nil {
			g.reader.Redraw() // the terminal was told to forget its pictures
		}
		return nil
	}
	if g.reader == nil {
		return nil
	}
	return g.reader.Update(msg)
}

func (g *Page) progress() session.Progress {
	g.keepPlace()
	p := session.Progress{LiveBeside: g.live, Begun: map[string]time.Time{}, Places: map[string][]byte{}}
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

// Leave keeps the learner's place when another page is shown.
func (g *Page) Leave() { g.save() }

// Close keeps the learner's place when the screens have gone.
func (g *Page) Close(ctx context.Context) error {
	if g.Course == nil || g.Info.ReadOnly {
		return nil
	}
	if err := g.session.Save(ctx, g.progress()); err != nil {
		return fmt.Errorf("your place could not be saved: %w", err)
	}
	return nil
}

// save keeps the learner's place on disk, one write at a time and the last one last.
func (g *Page) save() {
	if g.Info.ReadOnly || g.Course == nil {
		return
	}
	if g.saving {
		g.unsaved = true
		return
	}
	g.saving, g.unsaved = true, false
	sess, p := g.session, g.progress()
	jobs.Do(g.Jobs, func(ctx context.Context) error { return sess.Save(ctx, p) }, func(err error) tea.Cmd {
		g.saving = false
		if err != nil {
			g.Say(page.Bad, "Your place could not be saved: "+err.Error())
		} else if g.unsaved {
			g.save()
		}
		return nil
	})
}

// next marks the step as done and goes on to the next one, or to the end.
func (g *Page) next() {
	g.done[g.step().ID] = true
	if g.at+1 == len(g.Course.Steps) {
		g.Say(page.Good, "That was the last step: well done. `workshop certificate` writes this page to a file")
		g.finish()
		return
	}
	g.show(g.at + 1)
	g.save()
}

func (g *Page) previous() {
	g.show(g.at - 1)
	g.save()
}

// finish saves that the last step is done and shows what was done in all of them.
func (g *Page) finish() {
	sess, p, readOnly := g.session, g.progress(), g.Info.ReadOnly
	jobs.Start(g.Jobs, func(ctx context.Context) (*lesson.Step, error) {
		if !readOnly {
			if err := sess.Save(ctx, p); err != nil {
				return nil, err
			}
		}
		c, err := sess.Certificate(ctx)
		if err != nil {
			return nil, err
		}
		var text bytes.Buffer
		if err := c.Markdown(&text); err != nil {
			return nil, err
		}
		return lesson.Parse("certificate.md", text.Bytes())
	}, func(s *lesson.Step, err error) tea.Cmd {
		if err != nil {
			g.Say(page.Bad, "What you did could not be put together: "+clean.Line(err.Error()))
			return nil
		}
		g.endTitle = s.Title
		g.ending = reader.New(s, g.Theme, g.images)
		g.ending.SetSize(g.lay.read.W, g.lay.read.H)
		return nil
	})
}

// AskQuit asks before quit loses what was written in the editor.
func (g *Page) AskQuit(quit func() tea.Cmd) bool {
	if g.editor == nil || !g.editor.changed() {
		return false
	}
	g.editor.ask("Quit", func() tea.Cmd { g.editor = nil; return quit() })
	return true
}

// Paste adds text to what is typed.
func (g *Page) Paste(text string) {
	switch {
	case g.editor != nil:
		g.editor.paste(text)
	case g.search.on:
		g.search.field.Add(text)
		g.search.find()
	}
}

// Changes returns how soon the page looks different by time alone.
func (g *Page) Changes() time.Duration {
	if g.output != nil && g.output.running {
		return page.SpinTime
	}
	s := g.step()
	switch {
	case s == nil:
		return 0
	case g.exercise.checking():
		return page.SpinTime
	case len(s.Checks) > 0 && g.exercise.passed(s) < len(s.Checks) && g.Ready.Done && g.Running == nil:
		return checkEvery
	}
	return 30 * time.Second // "2 min in"
}

// Tick runs the checks when it is time to, while the page is on the screen.
func (g *Page) Tick() { g.exercise.auto(false) }

// View draws the page.
func (g *Page) View(w, h int) []string {
	t := g.Theme
	if g.Course == nil {
		return nil
	}
	s := g.step()
	if s == nil {
		lines := []string{"", " " + t.Bad.Render(t.Signs.Failed+" No step of the workshop could be read"), ""}
		for _, f := range g.faults {
			lines = append(lines, draw.Indent(3, draw.Paragraphs(w-6, t.Text, clean.Line(f.Error())))...)
		}
		return lines
	}
	var instead []string // of the step
	switch {
	case g.editor != nil:
		instead = g.editor.view(g.lay.head.W, h)
	case g.contents.on:
		instead = g.contents.view(clean.Line(s.Title), g.lay.head.W, h)
	case g.search.on:
		instead = g.search.view(g.lay.head.W, h)
	}
	if instead != nil {
		read := draw.Block(instead, h)
		if g.Layout.Compact {
			return draw.Indent(g.lay.read.X, read)
		}
		return g.joinRail(read, h)
	}
	read := g.viewStep(s)
	if h := g.lay.exercise.H; h > 0 {
		read = append(read, g.exercise.view(g.lay.exercise.W, h)...)
	}
	if g.output != nil {
		read = append(read, g.output.view(g.lay.output.W, g.lay.output.H, t, g.onOutput, g.Spinner(), g.Now())...)
	}
	if g.Layout.Compact {
		if g.onRail {
			return draw.Indent(1, g.viewRail(w-2, h))
		}
		return draw.Indent(g.lay.read.X, read)
	}
	return g.joinRail(draw.Block(read, h), h)
}

// joinRail puts the list of steps at the left of what is read.
func (g *Page) joinRail(read []string, h int) []string {
	t := g.Theme
	rail := draw.Block(g.viewRail(railWidth, h), h)
	gap := strings.Repeat(" ", g.lay.read.X-railWidth-3)
	out := make([]string, h)
	for i := range out {
		out[i] = " " + draw.Fit(rail[i], railWidth+1, t) + t.Border.Render(t.Signs.Divider) + gap + read[i]
	}
	return out
}

func (g *Page) viewStep(s *lesson.Step) []string {
	t := g.Theme
	var info []string
	if e := estimate(s.Estimate); e != "" {
		info = append(info, e)
	}
	if b := g.begun[s.ID]; !b.IsZero() {
		if in := g.Now().Sub(b); in >= time.Minute && in < 3*time.Hour {
			info = append(info, draw.Span(in)+" in")
		}
	}
	mark := ""
	if g.done[s.ID] {
		mark = t.Good.Render(" " + t.Signs.Done)
	}
	head := t.Heading.Render(clean.Line(s.Title)) + mark
	if g.Layout.Compact {
		head = t.Dim.Render(fmt.Sprintf("%d of %d ", g.at+1, len(g.Course.Steps))) + t.Key.Render(t.Signs.Current) + " " + head
	}
	if g.ending != nil {
		g.ending.SetTheme(g.Theme)
		g.ending.SetSize(g.lay.read.W, g.lay.read.H)
		return append([]string{t.Heading.Render(clean.Line(g.endTitle)), ""}, draw.Block(strings.Split(g.ending.View(), "\n"), g.lay.read.H)...)
	}
	lines := []string{draw.Ends(head, t.Dim.Render(strings.Join(info, t.Signs.Sep)), g.lay.head.W, t), ""}
	return append(lines, draw.Block(strings.Split(g.reader.View(), "\n"), g.lay.read.H)...)
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

func (g *Page) viewRail(w, h int) []string {
	t := g.Theme
	steps := g.Course.Steps
	from, to := g.rail.Window(len(steps), h-2)
	var lines []string
	for i := from; i < to; i++ {
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
		if g.onRail && i == g.rail.Cursor {
			line = t.Selected.Render(draw.Fit(draw.Strip(mark)+" "+clean.Line(s.Title), w, t))
			if e := s.Estimate.Max; e > 0 {
				line = t.Selected.Render(draw.Ends(draw.Strip(mark)+" "+clean.Line(s.Title), fmt.Sprintf("%d min", e), w, t))
			}
		}
		lines = append(lines, draw.Cut(line, w, t))
	}
	left := 0
	for i, s := range steps {
		if !g.done[s.ID] && i >= g.at {
			left += s.Estimate.Max
		}
	}
	if left > 0 && len(lines) < h-1 {
		lines = append(draw.Block(lines, h-1), t.Dim.Render(fmt.Sprintf("about %s left", draw.Span(time.Duration(left)*time.Minute))))
	}
	if len(g.faults) > 0 && len(lines) >= 2 {
		lines[len(lines)-2] = t.Attention.Render(fmt.Sprintf("%s %s unreadable", t.Signs.Warn, draw.Count(len(g.faults), "step")))
	}
	return lines
}
