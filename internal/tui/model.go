package tui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	uv "github.com/charmbracelet/ultraviolet"

	"workshop/internal/clean"
	"workshop/internal/fargate"
	"workshop/internal/lesson"
	"workshop/internal/stack"
	"workshop/internal/tui/picture"
	"workshop/internal/tui/reader"
	"workshop/internal/tui/style"
)

// model is the one root model. The event loop alone touches it and its pages.
type model struct {
	*shared
	guide   *guide
	deploy  *deploy
	live    *live
	logs    *logs
	cleanup *cleanup
	pages   [pages]page
	page    pageID
	help    bool
	helpAt  view

	watching, tailing int // generations of the jobs
	awaiting          int // of the job that waits for operations of other processes
	asking            int // of the job that asks what is up
	again             bool
	pricing           int  // of the job that asks what it costs
	greeted           bool // what the stack had cost before the start has been said

	preview preview
	ticking bool
	stale   bool // the frame has to be drawn again
	frame   string
	fatal   error
	leaving bool
	problem string // what keeps the target from working; empty for nothing
	// stopFirst: the operation is stopped before the program ends.
	stopFirst bool
}

// stoppingText says what happens after Terraform was asked to stop.
const stoppingText = "Stopping: Terraform starts nothing new and saves its state. What was half made is replaced by the next apply."

var errWatchEnded = errors.New("watching the service ended; r begins again")

type tickMsg time.Time

func newModel(ctx context.Context, s Session, o Options) *model {
	sh := &shared{session: s, jobs: newJobs(ctx), theme: style.New(!o.Light, !o.ASCII), now: time.Now, terminal: &picture.Terminal{}}
	m := &model{shared: sh, stale: true}
	sh.graph = &graph{shared: sh}
	m.guide = newGuide(sh)
	m.deploy = newDeploy(sh)
	m.live = newLive(sh)
	m.logs = newLogs(sh)
	m.cleanup = newCleanup(sh)
	m.guide.teach.runs = map[bool]*run{false: &m.deploy.run, true: &m.cleanup.run}
	sh.graph.runs = []*run{&m.deploy.run, &m.cleanup.run}
	m.pages = [pages]page{m.guide, m.deploy, m.live, m.logs, m.cleanup}
	if id, ok := pageOf(o.Page); ok {
		m.page = id
	}
	m.preview.drafts = o.Drafts
	sh.exec = tea.Exec
	sh.goTo = m.show
	sh.stackMoved = m.stackMovedNow
	sh.letPlanGo = func() {
		if m.deploy.phase == phasePlanned {
			m.deploy.reset()
		}
	}
	sh.watchNow = m.watch
	sh.openStep = m.guide.open
	sh.ready.says = "The workshop is getting ready"
	return m
}

// Init asks for everything that may take time, and for none of it to be there
// before the first frame.
func (m *model) Init() tea.Cmd {
	m.jobs.start(func(ctx context.Context, _ int, _ func(any)) (any, error) {
		return m.session.Open(ctx)
	}, m.opened)
	return tea.Batch(tea.RequestBackgroundColor, m.terminal.Ask(m.jobs.ctx), m.jobs.box.wait(m.jobs.ctx, time.Time{}))
}

func (m *model) opened(what any) tea.Cmd {
	e := what.(ended)
	if e.err != nil {
		m.fatal = e.err
		return tea.Quit
	}
	o := e.value.(Opening)
	m.info, m.course = cleaned(o.Info), o.Course
	if m.course == nil {
		m.course = &lesson.Course{}
	}
	m.layOut(m.lay.w, m.lay.h)
	m.guide.load(o)
	m.getReady()
	m.stackMovedNow()
	m.follow()
	m.await()
	m.jobs.start(func(ctx context.Context, _ int, say func(any)) (any, error) {
		m.session.Problems(ctx, func(p string) { say(p) })
		return nil, nil
	}, func(what any) tea.Cmd {
		if p, ok := what.(string); ok {
			m.problem = p
		}
		return nil
	})
	return nil
}

// await waits for an operation that another process starts or has started, and
// shows it on its page.
func (m *model) await() {
	m.awaiting = m.jobs.start(func(ctx context.Context, _ int, _ func(any)) (any, error) {
		return m.session.Await(ctx)
	}, func(what any) tea.Cmd {
		e := what.(ended)
		if e.err != nil || m.op != nil {
			return nil // stackMoved waits for the next one
		}
		o := e.value.(Operation)
		page, r := deployPage, &m.deploy.run
		if o.Destroy {
			page, r = cleanupPage, &m.cleanup.run
		}
		r.attach(o)
		if !m.typing() {
			m.say(noteAttention, fmt.Sprintf("%s is running, started by %s: page %d shows it", capital(string(o.Op)), clean.Line(o.By), page+1))
		}
		return nil
	})
}

func (m *model) typing() bool { return m.pages[m.page].typing() }

func (m *model) getReady() {
	m.ready = readiness{says: m.ready.says}
	m.jobs.start(func(ctx context.Context, _ int, say func(any)) (any, error) {
		return m.session.Ready(ctx, func(e stack.Event) { say(e) })
	}, func(what any) tea.Cmd {
		switch w := what.(type) {
		case stack.Event:
			if w.Message != "" {
				m.ready.says = clean.Line(w.Message)
			}
			m.ready.part = share(w.Progress)
		case ended:
			if w.err != nil {
				m.ready.err = w.err
				m.say(noteBad, "Not ready: "+clean.Line(w.err.Error()))
				return nil
			}
			m.ready.done = true
			m.info = cleaned(w.value.(Info))
			if len(m.info.Notes) > 0 {
				m.say(noteAttention, strings.Join(m.info.Notes, " "))
			}
			m.guide.renew()
			m.stackMovedNow()
			return tea.Batch(m.deploy.readyNow(), m.cleanup.readyNow())
		}
		return nil
	})
}

// standing is what is up and what it costs.
type standing struct {
	stack Stack
	cost  Cost
	words Words
}

// stackMovedNow looks at what is up, and watches it where something is.
func (m *model) stackMovedNow() tea.Cmd {
	if m.course != nil && m.op == nil && !m.jobs.alive(m.awaiting) {
		m.await()
	}
	if m.jobs.alive(m.asking) {
		m.again = true
		return nil
	}
	m.again = false
	m.asking = m.jobs.start(func(ctx context.Context, _ int, _ func(any)) (any, error) {
		up, err := m.session.Stack(ctx)
		if err != nil {
			return nil, err
		}
		words, _ := m.session.Words(ctx) // without them the text says what it does not know
		return standing{up, m.session.Cost(nil), words}, nil
	}, func(what any) tea.Cmd {
		if m.again {
			m.stackMovedNow()
		}
		e := what.(ended)
		if e.err != nil {
			m.say(noteBad, "Could not read Terraform's state: "+clean.Line(e.err.Error()))
			return nil
		}
		up := e.value.(standing)
		m.stack, m.cost, m.words = up.stack, up.cost, up.words
		if now := m.meter(); m.ready.done && !m.greeted {
			m.greeted = true // what comes up from now on is no news
			if now.Notice != "" {
				m.sayNext(noteGood, now.Notice)
			}
			if now.Warning != "" {
				m.sayNext(noteAttention, now.Warning)
			}
		}
		m.guide.renew()
		m.guide.teach.auto(true)
		if m.stack.Exists && m.deploy.phase == phaseIdle || !m.stack.Exists {
			m.deploy.reset()
		}
		if m.stack.Exists {
			m.cleanup.reset()
			m.watch()
		} else if m.op == nil || m.op.destroy {
			m.unwatch()
		}
		return nil
	})
	return nil
}

// priceAgain asks what is up costs now.
func (m *model) priceAgain() {
	m.jobs.drop(m.pricing)
	m.pricing = m.jobs.start(func(context.Context, int, func(any)) (any, error) {
		return m.session.Cost(nil), nil
	}, func(what any) tea.Cmd {
		m.cost = what.(ended).value.(Cost)
		return nil
	})
}

func (m *model) watch() {
	if !m.ready.done {
		return
	}
	if !m.jobs.alive(m.watching) {
		m.watched = nil
		m.watching = m.jobs.start(func(ctx context.Context, _ int, say func(any)) (any, error) {
			return nil, m.session.Watch(ctx, func(s fargate.Snapshot) { say(s) })
		}, func(what any) tea.Cmd {
			switch w := what.(type) {
			case fargate.Snapshot:
				if m.snap == nil || m.snap.Service.Desired != w.Service.Desired {
					m.priceAgain() // autoscaling or a person has changed what runs
				}
				m.live.changed(m.snap, &w)
				m.snap = &w
			case ended:
				m.watched = w.err
				if w.err == nil {
					m.watched = errWatchEnded
				}
				if m.snap != nil { // what is shown is no longer renewed
					old := *m.snap
					old.Stale = m.watched
					m.snap = &old
				}
			}
			return nil
		})
	}
	if !m.jobs.alive(m.tailing) {
		m.logs.broken = false
		m.tailing = m.jobs.start(func(ctx context.Context, gen int, _ func(any)) (any, error) {
			return nil, m.session.Tail(ctx, func(l []fargate.Line) { m.jobs.box.putLines(gen, l) })
		}, func(what any) tea.Cmd {
			if e := what.(ended); e.err != nil {
				m.logs.broken = true
				m.say(noteAttention, "The logs cannot be followed: "+clean.Line(e.err.Error()))
			}
			return nil
		})
	}
}

func (m *model) unwatch() {
	m.jobs.drop(m.watching)
	m.jobs.drop(m.tailing)
	m.snap, m.watched = nil, nil
}

func (m *model) show(p pageID) tea.Cmd {
	if m.page == guidePage && p != guidePage {
		m.guide.save()
	}
	m.page, m.help = p, false
	return nil
}

func (m *model) layOut(w, h int) {
	m.lay = lay(w, h-len(m.mistakes(w, h)), m.guide.teach.rows, m.guide.output != nil)
	m.lay.h = h
}

func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := m.update(msg)
	if m.page == guidePage && m.lay.w > 0 {
		m.layOut(m.lay.w, m.lay.h)
	}
	return m, tea.Batch(cmd, m.guide.settle(), m.viewer.settle(), m.tick())
}

func (m *model) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.stale = true
		m.layOut(msg.Width, msg.Height)
		cmd, _ := m.terminal.Update(msg)
		return cmd
	case tea.BackgroundColorMsg:
		if msg.IsDark() != m.theme.Dark {
			m.stale = true
			m.theme = style.New(msg.IsDark(), m.theme.Unicode)
			m.guide.renew()
		}
	case tickMsg:
		m.ticking = false
		if m.page == guidePage {
			m.guide.teach.auto(false)
		}
		m.stale = true
		m.spin++
	case mailMsg:
		return tea.Batch(m.mail(msg), m.jobs.box.wait(m.jobs.ctx, m.now()))
	case scanMsg:
		m.stale = m.stale || m.page == logsPage
		if m.logs.scan() {
			return scanOn
		}
	case reader.PictureMsg:
		m.stale = true
		m.viewer = &viewer{shared: m.shared, images: m.guide.images, PictureMsg: msg}
	case viewedMsg:
		m.stale = true
		return msg.viewer.took(msg)
	case reader.RunMsg:
		m.stale = true
		m.guide.runBlock(msg.Command, msg.Lang)
	case reader.ActMsg:
		m.stale = true
		return m.guide.act(msg)
	case returnedMsg:
		m.stale = true
		return msg.then(msg.err)
	case reader.NotYetMsg:
		m.stale = true
		if m.stack.Exists {
			m.say(noteAttention, "This needs "+strings.Join(msg.Names, ", ")+", which has no value yet")
		} else {
			m.say(noteAttention, "This needs something that is deployed: press 2 first")
		}
	case tea.ColorProfileMsg:
		m.stale = true
		m.guide.colors = msg.Profile
		if m.guide.reader != nil {
			m.guide.reader.SetProfile(msg.Profile)
		}
	case reader.CopyMsg:
		m.stale = true
		return m.copy(msg.Text, "The text")
	case tea.PasteMsg:
		m.stale = true
		if m.dialog != nil {
			m.dialog.input.add(msg.Content)
			m.dialog.settle()
		} else {
			m.pages[m.page].paste(msg.Content)
		}
	case tea.KeyPressMsg:
		m.stale = true
		return m.press(msg)
	case tea.ResumeMsg:
		m.stale = true
		if m.guide.reader != nil {
			m.guide.reader.Redraw() // the terminal was told to forget its pictures
		}
	default:
		cmd, changed := m.terminal.Update(msg)
		m.stale = m.stale || changed
		if _, ok := msg.(uv.PrimaryDeviceAttributesEvent); ok {
			return tea.Batch(cmd, m.viewer.drawn())
		}
		if cmd != nil || changed {
			return cmd
		}
		if m.guide.reader != nil { // what a step's own commands bring
			m.stale = m.stale || m.page == guidePage
			return m.guide.reader.Update(msg)
		}
	}
	return nil
}

func (m *model) mail(mail mailMsg) tea.Cmd {
	var cmds []tea.Cmd
	for _, l := range mail.letters {
		cmds = append(cmds, m.jobs.deliver(l))
		m.stale = true
	}
	if len(mail.lines) > 0 && mail.lineGen == m.tailing {
		m.stale = m.stale || m.page == logsPage
		if m.logs.more(mail.lines, mail.dropped) {
			cmds = append(cmds, scanOn)
		}
	}
	return tea.Batch(cmds...)
}

// tick asks for the next moment at which the screen looks different by time
// alone; there is never more than one asked for.
func (m *model) tick() tea.Cmd {
	m.stale = m.nextNotice() || m.stale
	if m.ticking || m.lay.w == 0 {
		return nil
	}
	d := m.pages[m.page].moving()
	if m.notice.text != "" {
		if left := m.notice.until.Sub(m.now()); left > 0 && (d == 0 || left < d) {
			d = left
		}
	}
	if m.op != nil && (d == 0 || d > time.Second) {
		d = time.Second
	}
	if d == 0 {
		return nil
	}
	m.ticking = true
	return tea.Tick(d, func(t time.Time) tea.Msg { return tickMsg(t) })
}

func (m *model) press(k tea.KeyPressMsg) tea.Cmd {
	key := k.String()
	if key == "ctrl+c" {
		return tea.Batch(m.viewer.close(), m.interrupt())
	}
	if m.dialog != nil {
		d := m.dialog
		cmd, over := d.update(k)
		if over && m.dialog == d {
			m.dialog = nil
		}
		return cmd
	}
	if m.lay.tooSmall {
		if key == "q" {
			return m.quit()
		}
		return nil
	}
	if m.help {
		switch key {
		case "?", "esc", "q":
			m.help = false
			return nil
		}
		if m.helpAt.key(k) {
			return nil
		}
	}
	if m.viewer != nil {
		return m.viewer.close()
	}
	p := m.pages[m.page]
	if p.typing() {
		cmd, _ := p.key(k)
		return cmd
	}
	switch key {
	case "1", "2", "3", "4", "5":
		return m.show(pageID(key[0] - '1'))
	case "?":
		m.help, m.helpAt = !m.help, view{}
		return nil
	case "q":
		return m.quit()
	case "ctrl+z":
		return m.forget(tea.Suspend)
	case "ctrl+l":
		return tea.ClearScreen
	case "r":
		if m.ready.err != nil {
			m.getReady()
			return nil
		}
		if m.page == livePage && m.watched != nil {
			m.watch()
			return nil
		}
	}
	if m.help {
		return nil
	}
	cmd, handled := p.key(k)
	if !handled && key == "esc" && m.page != guidePage {
		return m.show(guidePage)
	}
	return cmd
}

// interrupt is ctrl+c: it asks once when something runs.
func (m *model) interrupt() tea.Cmd {
	if m.op != nil {
		return m.stopOperation()
	}
	if m.guide.stopRun() {
		m.say(noteAttention, "The command was stopped")
		return nil
	}
	if m.leaving {
		return m.leave()
	}
	return m.quit()
}

func (m *model) stopOperation() tea.Cmd {
	m.op.stops++
	if m.op.stop != nil && m.op.stops == 1 {
		close(m.op.stop)
	}
	switch {
	case m.op.op == stack.OpPlan:
		m.session.Stop(m.op.stops > 1)
		if m.op.stop != nil {
			m.say(noteAttention, "What was begun is asked to stop")
			return nil
		}
		m.say(noteAttention, "Terraform is asked to stop planning; nothing was changed")
	case m.op.stops == 1:
		m.session.Stop(false)
		m.say(noteAttention, stoppingText)
	default:
		gen := m.op.gen
		m.op.stops = 1
		m.dialog = &dialog{
			title:  "Stop Terraform at once?",
			danger: true,
			body: []string{
				"Terraform was asked to stop and is saving its state. That is the safe way, and it may take a minute.",
				"",
				"Stopped at once, it may not save what it has just created. That would stay in " + m.where() + " until a clean-up finds it by its tags.",
			},
			choices: []choice{
				{label: "Wait for it", key: "n"},
				{label: "Stop it now", key: "y", do: func(*dialog) tea.Cmd {
					if m.op != nil && m.op.gen == gen {
						m.op.stops = 2
						m.session.Stop(true)
						m.say(noteBad, "Terraform is stopped at once. The next plan looks in the account for what its state has lost")
					}
					return nil
				}},
			},
		}
	}
	return nil
}

// quit leaves when nothing is at stake, and else asks.
func (m *model) quit() tea.Cmd {
	switch {
	case m.guide.editor != nil && m.guide.editor.changed():
		m.guide.editor.ask("Quit", func() tea.Cmd { m.guide.editor = nil; return m.quit() })
	case m.op != nil:
		m.dialog = &dialog{
			title: "Terraform is at work",
			body: []string{"Terraform runs on its own: leave, and it goes on. `workshop` shows it again, and so does `workshop status`.",
				"", "Or stop it before you leave: it starts nothing new and saves its state. The next plan goes on from there."},
			choices: []choice{
				{label: "Stay", key: "n"},
				{label: "Leave, it goes on", key: "l", do: func(*dialog) tea.Cmd { return m.leave() }},
				{label: "Stop it and leave", key: "y", do: func(*dialog) tea.Cmd { m.stopFirst = true; return m.leave() }},
			},
		}
	case m.stack.Exists:
		body := []string{"It stays as it is until you delete it. While it stands: " + m.cost.Whole + "."}
		if m.info.Sandbox {
			body = []string{"It costs nothing here. The sandbox and its tasks keep running after you quit; `workshop sandbox stop` ends them, and the next start brings them back."}
		}
		now := m.meter()
		for _, text := range []string{now.Sentence, now.Warning} {
			if text != "" {
				body = append(body, "", cleanLine(text))
			}
		}
		m.leaving = true
		m.dialog = &dialog{
			title: fmt.Sprintf("Your stack is still up: %s", count(m.stack.Resources, "resource")),
			body:  body,
			choices: []choice{
				{label: "Stay", do: func(*dialog) tea.Cmd { m.leaving = false; return nil }},
				{label: "Clean up first", key: "c", do: func(*dialog) tea.Cmd { m.leaving = false; return m.show(cleanupPage) }},
				{label: "Leave it up and quit", key: "q", do: func(*dialog) tea.Cmd { return m.leave() }},
			},
		}
	default:
		return m.leave()
	}
	return nil
}

// leave ends the program; Run saves the learner's place.
func (m *model) leave() tea.Cmd {
	m.leaving = true
	return m.forget(tea.Quit)
}

// forget has the terminal forget the pictures that it holds before then is done.
func (m *model) forget(then tea.Cmd) tea.Cmd {
	clear := m.terminal.Clear()
	if clear == "" {
		return then
	}
	// The pictures belong to our screen. What stands in line to be written goes
	// out with the next frame, and both ways to leave do not wait for that one.
	frames := func() tea.Msg { time.Sleep(3 * time.Second / framesPerSecond); return nil }
	return tea.Sequence(tea.Raw(clear), frames, then)
}

func (m *model) View() tea.View {
	if m.stale {
		m.stale = false
		m.frame = clean.Frame(m.draw())
	}
	v := tea.NewView(m.frame)
	v.AltScreen = true
	v.WindowTitle = "workshop"
	return v
}

func (m *model) draw() string {
	l := m.lay
	switch {
	case l.w == 0 || l.h == 0:
		return ""
	case l.tooSmall:
		return m.drawTooSmall()
	}
	t := m.theme
	rule := t.Border.Render(strings.Repeat(t.Signs.Rule, l.w))
	var body []string
	if m.help {
		body = m.viewHelp(l.body.w, l.body.h)
	} else if m.viewer != nil {
		body = m.viewer.view(l.body.w, l.body.h)
	} else {
		body = m.pages[m.page].view(l.body.w, l.body.h)
	}
	body = block(body, l.body.h)
	if m.dialog != nil {
		body = over(body, m.dialog.view(l.body.w, l.body.h, t), l.body.w, t)
	}
	var b strings.Builder
	b.Grow(l.w * l.h * 2)
	b.WriteString(m.top(l.w))
	b.WriteByte('\n')
	b.WriteString(rule)
	for _, line := range body {
		b.WriteByte('\n')
		if m.page != logsPage || m.help { // log lines are cut once, when they are drawn
			line = cut(line, l.w, t)
		}
		b.WriteString(line)
	}
	for _, line := range m.mistakes(l.w, l.h) {
		b.WriteByte('\n')
		b.WriteString(line)
	}
	b.WriteByte('\n')
	b.WriteString(m.noticeLine(l.w))
	b.WriteByte('\n')
	b.WriteString(m.bottom(l.w))
	return b.String()
}
