package tui

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	uv "github.com/charmbracelet/ultraviolet"

	"workshop/internal/clean"
	"workshop/internal/fargate"
	"workshop/internal/lesson"
	"workshop/internal/session"
	"workshop/internal/stack"
	"workshop/internal/tui/architecture"
	"workshop/internal/tui/draw"
	"workshop/internal/tui/jobs"
	"workshop/internal/tui/keys"
	"workshop/internal/tui/operation"
	"workshop/internal/tui/page"
	"workshop/internal/tui/picture"
	"workshop/internal/tui/style"
)

// RootSession is what the root model needs of the session.
type RootSession interface {
	// Open reads what the first frame shows. It touches no network, starts
	// nothing and is done in a few milliseconds.
	Open(ctx context.Context) (session.Opening, error)
	// Ready makes the session able to do everything else: it starts or finds the
	// sandbox and finds or fetches Terraform. It returns what is known then, which
	// may be more than Opening.Info.
	Ready(ctx context.Context, emit func(stack.Event)) (session.Info, error)
	// Problems calls with what keeps the target from working, in a sentence, and
	// with nothing once it works again, until ctx ends.
	Problems(ctx context.Context, changed func(string))
	// Stack returns what is deployed, from Terraform's state.
	Stack(ctx context.Context) (session.Stack, error)
	// TextValues returns the values that the steps' texts ask for, and which of their
	// conditional parts are shown. It reads files and asks nobody.
	TextValues(ctx context.Context) (session.TextValues, error)
	// Cost returns in words what the stack costs that is deployed now, for a nil
	// plan. It may read files.
	Cost(p *stack.Plan) session.Cost
	// Await returns an operation that runs in the workspace and that another
	// process started. It waits for one until ctx ends.
	Await(ctx context.Context) (session.Operation, error)
	// Stop asks the running operation to stop and to keep its state; hard ends it
	// at once. It does not block.
	Stop(hard bool)
	// Watch calls with a new snapshot whenever there is one, until ctx ends or
	// watching is impossible.
	Watch(ctx context.Context, changed func(fargate.Snapshot)) error
	// Tail calls with log lines, oldest first, until ctx ends, and with how their
	// stream is doing.
	Tail(ctx context.Context, lines func([]fargate.Line), how func(fargate.Stream)) error
	// ReadLogs says whether somebody looks at the lines: AWS is asked for them then.
	ReadLogs(yes bool)
	// RetryLogs asks for lines at once.
	RetryLogs()
	// LookAt chooses the service that Watch and all the others are about, of a session that
	// is not about the workshop's own.
	LookAt(fargate.Place)
	// ReadScaling says whether somebody looks at what scales the service: AWS is asked for
	// it then.
	ReadScaling(yes bool)
}

// model is the one root model. The event loop alone touches it and its pages.
type model struct {
	*page.Context
	session         Session
	parts           parts
	specs           pageList // of pages
	screens         []lesson.Screen
	pages           []page.Page
	current         int // index of the page on the screen
	keys            keys.Table
	beside          keys.Table // while the keys go to the page beside the current one
	deploy, destroy *operation.View
	help            help
	viewer          *viewer // the picture that is shown alone, nil for none
	desktop         Desktop
	tabs            []tab // as they were last drawn
	away            bool  // the terminal has lost the focus
	mouse           bool  // the terminal reports the mouse
	exec            func(tea.ExecCommand, tea.ExecCallback) tea.Cmd

	watching, tailing int  // generations of the jobs
	readsScaling      bool // the page on the screen shows what scales the service
	awaiting          int  // of the job that waits for operations of other processes
	asking            int  // of the job that asks what is deployed
	askAgain          bool // when that has ended
	pricing           int  // of the job that asks what it costs
	greeted           bool // what the stack had cost before the start has been said

	drafts  <-chan Draft // nil where nobody writes
	faults  []error      // of the last draft
	ticking bool
	stale   bool // the frame has to be drawn again
	frame   string
	fatal   error
	leaving bool
	problem string // what keeps the target from working; empty for nothing
	// stopFirst: the operation is stopped before the program ends.
	stopFirst bool
}

var _ page.Root = (*model)(nil)

var errWatchEnded = errors.New("watching the service ended; r begins again")

type tickMsg time.Time

func newModel(ctx context.Context, s Session, o Options) *model {
	c := &page.Context{Jobs: jobs.New(ctx), Theme: style.New(!o.Light, !o.ASCII), Now: time.Now, Terminal: &picture.Terminal{}}
	m := &model{Context: c, session: s, drafts: o.Drafts, desktop: o.Desktop, mouse: o.Mouse, exec: tea.Exec, stale: true}
	c.Root = m
	c.Ready.Message = "The workshop is getting ready"
	m.deploy, m.destroy = operation.New(c, s, false), operation.New(c, s, true)
	m.parts = parts{c, s, m.deploy, m.destroy, architecture.New(c, s, m.deploy, m.destroy)}
	m.specs = pages
	if o.Viewer != nil {
		c.Chosen, m.specs = o.Viewer, viewerPages
	}
	m.screens = m.specs.screens()
	for _, spec := range m.specs {
		m.pages = append(m.pages, spec.open(m.parts))
	}
	m.current, _ = m.specs.at(o.Page)
	m.keys = m.table()
	m.beside = m.besideKeys()
	return m
}

// each calls with every page that is a T.
func each[T any](m *model, call func(T)) {
	for _, p := range m.pages {
		if x, ok := p.(T); ok {
			call(x)
		}
	}
}

// Init asks for everything that may take time, and for none of it to be there
// before the first frame.
func (m *model) Init() tea.Cmd {
	jobs.Start(m.Jobs, m.session.Open, m.opened)
	return tea.Batch(tea.RequestBackgroundColor, m.Terminal.Ask(m.Jobs.Context()), m.Jobs.Next(time.Time{}))
}

func (m *model) opened(o session.Opening, err error) tea.Cmd {
	if err != nil {
		m.fatal = err
		return tea.Quit
	}
	m.Info, m.Course = page.CleanInfo(o.Info), o.Course
	if m.Course == nil {
		m.Course = &lesson.Course{}
	}
	m.layOut(m.Layout.W, m.Layout.H)
	each(m, func(p page.Opener) { p.Opened(o) })
	m.getReady()
	m.StackChanged()
	m.follow()
	sess := m.session
	jobs.Stream(m.Jobs, func(ctx context.Context, emit func(string)) (struct{}, error) {
		sess.Problems(ctx, emit)
		return struct{}{}, nil
	}, func(problem string) { m.problem = problem }, nil)
	return nil
}

// await waits for an operation that another process starts or has started, and
// shows it on its page.
func (m *model) await() {
	if m.Chosen != nil {
		return
	}
	m.awaiting = jobs.Start(m.Jobs, m.session.Await, func(o session.Operation, err error) tea.Cmd {
		if err != nil || m.Running != nil {
			return nil // StackChanged waits for the next one
		}
		slug, view := "deploy", m.deploy
		if o.Destroy {
			slug, view = "cleanup", m.destroy
		}
		view.Attach(o)
		if !m.pages[m.current].Keys().Typing() {
			m.Say(page.Attention, fmt.Sprintf("%s is running, started by %s: the %s page shows it", draw.Capital(string(o.Op)), clean.Line(o.By), m.Title(slug)))
		}
		return nil
	})
}

func (m *model) getReady() {
	m.Ready = page.Readiness{Message: m.Ready.Message}
	jobs.Stream(m.Jobs, m.session.Ready, func(e stack.Event) {
		if e.Message != "" {
			m.Ready.Message = clean.Line(e.Message)
		}
		m.Ready.Part = operation.Share(e.Progress)
	}, func(info session.Info, err error) tea.Cmd {
		if err != nil {
			m.Ready.Err = err
			m.Say(page.Bad, "Not ready: "+clean.Line(err.Error()))
			return nil
		}
		m.Ready.Done = true
		m.Info = page.CleanInfo(info)
		if len(m.Info.Notes) > 0 {
			m.Say(page.Attention, strings.Join(m.Info.Notes, " "))
		}
		each(m, func(p page.Refresher) { p.Refresh() })
		m.StackChanged()
		return tea.Batch(m.deploy.SessionReady(), m.destroy.SessionReady())
	})
}

// currentStack is what is deployed, what it costs, and the words of the texts.
type currentStack struct {
	stack session.Stack
	cost  session.Cost
	words session.TextValues
}

// StackChanged looks again at what is deployed, and watches it where something is.
func (m *model) StackChanged() tea.Cmd {
	if m.Chosen != nil { // what the workspace has deployed is not looked at
		if m.Chosen.Service != "" {
			m.Watch()
		}
		return nil
	}
	if m.Course != nil && m.Running == nil && !m.Jobs.Alive(m.awaiting) {
		m.await()
	}
	if m.Jobs.Alive(m.asking) {
		m.askAgain = true
		return nil
	}
	m.askAgain = false
	sess := m.session
	m.asking = jobs.Start(m.Jobs, func(ctx context.Context) (currentStack, error) {
		s, err := sess.Stack(ctx)
		if err != nil {
			return currentStack{}, err
		}
		words, _ := sess.TextValues(ctx) // without them the text shows the names that it does not know
		return currentStack{s, sess.Cost(nil), words}, nil
	}, func(now currentStack, err error) tea.Cmd {
		if m.askAgain {
			m.StackChanged()
		}
		if err != nil {
			m.Say(page.Bad, "Could not read Terraform's state: "+clean.Line(err.Error()))
			return nil
		}
		m.Stack, m.Cost, m.TextValues = now.stack, now.cost, now.words
		m.greet()
		each(m, func(p page.Refresher) { p.Refresh() })
		if m.Stack.Exists && m.deploy.Phase == operation.Idle || !m.Stack.Exists {
			m.deploy.Reset()
		}
		if m.Stack.Exists {
			m.destroy.Reset()
			m.Watch()
		} else if m.Running == nil || m.Running.Destroy {
			m.unwatch()
		}
		return nil
	})
	return nil
}

// greet says once what the stack has cost that was deployed before the start.
func (m *model) greet() {
	if !m.Ready.Done || m.greeted {
		return
	}
	m.greeted = true // what is deployed from now on is no news
	cost := m.Meter()
	if cost.Notice != "" {
		m.Notices.SayNext(page.Good, cost.Notice, m.Now())
	}
	if cost.Warning != "" {
		m.Notices.SayNext(page.Attention, cost.Warning, m.Now())
	}
}

// priceAgain asks what is deployed costs now.
func (m *model) priceAgain() {
	m.Jobs.Drop(m.pricing)
	sess := m.session
	m.pricing = jobs.Start(m.Jobs, func(context.Context) (session.Cost, error) { return sess.Cost(nil), nil }, func(c session.Cost, _ error) tea.Cmd {
		m.Cost = c
		return nil
	})
}

// DiscardPlan forgets a plan to deploy that waits for its approval.
func (m *model) DiscardPlan() { m.deploy.Discard() }

// Watch follows the service and its logs, where that is not done already.
func (m *model) Watch() {
	if !m.Ready.Done {
		return
	}
	if !m.Jobs.Alive(m.watching) {
		m.WatchErr = nil
		sess := m.session
		m.watching = jobs.Stream(m.Jobs, func(ctx context.Context, emit func(fargate.Snapshot)) (struct{}, error) {
			return struct{}{}, sess.Watch(ctx, emit)
		}, m.receiveSnapshot, func(_ struct{}, err error) tea.Cmd {
			m.WatchErr = err
			if err == nil {
				m.WatchErr = errWatchEnded
			}
			if m.Snapshot != nil { // what is shown is no longer renewed
				old := *m.Snapshot
				old.Stale = m.WatchErr
				m.Snapshot = &old
			}
			return nil
		})
	}
	if !m.Jobs.Alive(m.tailing) {
		sess := m.session
		how := func(s fargate.Stream) { each(m, func(p page.Tailer) { p.SetStream(s) }) }
		how(fargate.Stream{})
		m.readLogs()
		m.tailing = jobs.Lines(m.Jobs, sess.Tail, how, func(err error) tea.Cmd {
			if err != nil {
				how(fargate.Stream{Err: err})
			}
			return nil
		})
	}
}

func (m *model) receiveSnapshot(now fargate.Snapshot) {
	if m.Snapshot == nil || m.Snapshot.Service.Desired != now.Service.Desired {
		m.priceAgain() // autoscaling or a person has changed what runs
	}
	before := m.Snapshot
	each(m, func(p page.Follower) { p.Follow(before, &now) })
	m.Snapshot = &now
}

// readLogs has lines read while the page on the screen shows them.
func (m *model) readLogs() {
	_, reads := m.pages[m.current].(page.Tailer)
	m.session.ReadLogs(reads)
}

// readScaling has what scales the service read while the page on the screen shows it.
func (m *model) readScaling() {
	shows := func(p page.Page) bool {
		s, ok := p.(page.ScalingShower)
		return ok && s.ShowsScaling()
	}
	p, _ := m.companion()
	if reads := shows(m.pages[m.current]) || shows(p); reads != m.readsScaling {
		m.readsScaling = reads
		m.session.ReadScaling(reads)
	}
}

// RetryLogs asks for log lines at once.
func (m *model) RetryLogs() {
	if m.Jobs.Alive(m.tailing) {
		m.session.RetryLogs()
	} else {
		m.Watch()
	}
}

func (m *model) unwatch() {
	m.Jobs.Drop(m.watching)
	m.Jobs.Drop(m.tailing)
	m.Snapshot, m.WatchErr = nil, nil
}

// LookAt shows another service from now on. The pages that follow one begin anew.
func (m *model) LookAt(p fargate.Place) tea.Cmd {
	m.unwatch()
	other := p.Profile != m.Chosen.Profile
	m.Chosen = &p
	if p.Region != "" {
		m.Info.Region = p.Region
	}
	m.session.LookAt(p)
	for i, old := range m.pages {
		if _, follows := old.(page.Follower); !follows {
			if _, follows = old.(page.Tailer); !follows {
				continue
			}
		}
		m.pages[i] = m.specs[i].open(m.parts)
	}
	if other {
		m.getReady() // who that is, and in which Region
		return nil
	}
	return m.StackChanged()
}

// show puts a page on the screen.
func (m *model) show(at int) tea.Cmd {
	if p, ok := m.pages[m.current].(page.Leaver); ok && at != m.current {
		p.Leave()
	}
	m.current, m.help.open = at, false
	m.readLogs()
	return nil
}

// Open shows the page of that slug; unknown ones change nothing.
func (m *model) Open(slug string) tea.Cmd {
	if at, ok := m.specs.at(slug); ok {
		return m.show(at)
	}
	return nil
}

// OpenStep shows a step of the guide by its id; unknown ones change nothing.
func (m *model) OpenStep(id string) tea.Cmd {
	for i, p := range m.pages {
		if g, ok := p.(page.StepOpener); ok && g.OpenStep(id) {
			return m.show(i)
		}
	}
	return nil
}

// OpenTask shows what a stopped task printed last.
func (m *model) OpenTask(t fargate.Task) tea.Cmd {
	for i, p := range m.pages {
		if p, ok := p.(page.TaskOpener); ok {
			return tea.Batch(m.show(i), p.OpenTask(t))
		}
	}
	return nil
}

// Pages lists the pages in the order of their keys.
func (m *model) Pages() []lesson.Screen { return m.screens }

// Key returns the key that opens the page of that slug, empty for none.
func (m *model) Key(slug string) string {
	if at, ok := m.specs.at(slug); ok {
		return m.screens[at].Key
	}
	return ""
}

// Title returns the title of the page of that slug, empty for none.
func (m *model) Title(slug string) string {
	if at, ok := m.specs.at(slug); ok {
		return m.specs[at].title
	}
	return ""
}

// Enlarge shows a picture alone, as large as there is room.
func (m *model) Enlarge(images fs.FS, path, alt string) {
	m.viewer = &viewer{Context: m.Context, images: images, path: path, alt: alt}
}

func (m *model) layOut(w, h int) {
	m.Layout.W = w // what is beside depends on it
	p, _ := m.companion()
	m.Layout = layOut(w, h, len(m.mistakes(w, h)), p != nil)
}

// Update handles a message and then lets the pages settle.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	running, snapshot := m.Running, m.Snapshot
	cmds := []tea.Cmd{m.update(msg)}
	if running != nil && m.Running == nil {
		cmds = append(cmds, m.ended(running))
	}
	if m.Snapshot != snapshot && m.Snapshot != nil {
		cmds = append(cmds, m.rolledOut(snapshot, m.Snapshot))
	}
	if p, _ := m.companion(); (p != nil) != (m.Layout.Beside.W > 0) {
		m.layOut(m.Layout.W, m.Layout.H)
	}
	each(m, func(p page.Settler) { cmds = append(cmds, p.Settle()) })
	m.readScaling()
	return m, tea.Batch(append(cmds, m.viewer.settle(), m.tick())...)
}

func (m *model) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.stale = true
		m.layOut(msg.Width, msg.Height)
		cmd, _ := m.Terminal.Update(msg)
		return cmd
	case tea.BackgroundColorMsg:
		if msg.IsDark() != m.Theme.Dark {
			m.stale = true
			m.Theme = style.New(msg.IsDark(), m.Theme.Unicode)
			each(m, func(p page.Refresher) { p.Refresh() })
		}
	case tickMsg:
		m.ticking, m.stale = false, true
		m.Beat++
		if p, ok := m.pages[m.current].(page.Ticker); ok {
			p.Tick()
		}
	case jobs.Batch:
		return tea.Batch(m.receive(msg), m.Jobs.Next(m.Now()))
	case viewedMsg:
		m.stale = true
		if msg.viewer == m.viewer {
			return m.viewer.receive(msg)
		}
	case returnedMsg:
		m.stale = true
		return msg.then(msg.err)
	case tea.PasteMsg:
		m.stale = true
		if m.Dialog != nil {
			m.Dialog.Paste(msg.Content)
		} else if p, ok := m.pages[m.current].(page.Paster); ok {
			p.Paste(msg.Content)
		}
	case tea.KeyPressMsg:
		m.stale = true
		return m.press(msg)
	case tea.MouseWheelMsg:
		m.stale = true
		return m.wheel(msg.Mouse())
	case tea.MouseClickMsg:
		m.stale = true
		return m.click(msg.Mouse())
	case tea.FocusMsg:
		m.away = false
	case tea.BlurMsg:
		m.away = true
	default:
		cmd, changed := m.Terminal.Update(msg)
		m.stale = m.stale || changed
		if _, ok := msg.(uv.PrimaryDeviceAttributesEvent); ok {
			return tea.Batch(cmd, m.viewer.drawn())
		}
		if cmd != nil || changed {
			return cmd
		}
		return m.forward(msg)
	}
	return nil
}

// forward hands a message to the pages that may know it.
func (m *model) forward(msg tea.Msg) tea.Cmd {
	var cmds []tea.Cmd
	for i, p := range m.pages {
		if p, ok := p.(page.Messenger); ok {
			m.stale = m.stale || i == m.current
			cmds = append(cmds, p.Receive(msg))
		}
	}
	return tea.Batch(cmds...)
}

// receive takes in what jobs have emitted.
func (m *model) receive(b jobs.Batch) tea.Cmd {
	m.stale = m.stale || !b.Empty()
	cmd, lines, dropped := m.Jobs.Deliver(b, m.tailing)
	if len(lines) == 0 {
		return cmd
	}
	cmds := []tea.Cmd{cmd}
	for i, p := range m.pages {
		if p, ok := p.(page.Tailer); ok {
			m.stale = m.stale || i == m.current
			cmds = append(cmds, p.Append(lines, dropped))
		}
	}
	return tea.Batch(cmds...)
}

// tick asks for the next moment at which the screen looks different by time
// alone; there is never more than one asked for.
func (m *model) tick() tea.Cmd {
	m.stale = m.Notices.Next(m.Now()) || m.stale
	if m.ticking || m.Layout.W == 0 {
		return nil
	}
	d := m.changes()
	if left := m.Notices.Left(m.Now()); left > 0 && (d == 0 || left < d) {
		d = left
	}
	if m.Running != nil && (d == 0 || d > time.Second) {
		d = time.Second
	}
	if d == 0 {
		return nil
	}
	m.ticking = true
	return tea.Tick(d, func(t time.Time) tea.Msg { return tickMsg(t) })
}
