// Package live is the page that shows what runs: the service, its tasks and its
// events.
package live

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/clean"
	"workshop/internal/fargate"
	"workshop/internal/session"
	"workshop/internal/tui/architecture"
	"workshop/internal/tui/draw"
	"workshop/internal/tui/jobs"
	"workshop/internal/tui/keys"
	"workshop/internal/tui/page"
	"workshop/internal/tui/widgets"
)

// Session is what the page needs of the session. Methods may block.
type Session interface {
	// StopTask, Scale, Redeploy and Rollback change what runs.
	StopTask(ctx context.Context, id string) error
	Scale(ctx context.Context, desired int) error
	Redeploy(ctx context.Context) error
	Rollback(ctx context.Context, revision string) error
	// OpenURL opens the service's address in a browser.
	OpenURL(ctx context.Context) error
	// ExecProgram returns the program that runs a shell in a task.
	ExecProgram(task string) (*exec.Cmd, error)
	// LastLines returns what a task printed last, oldest first.
	LastLines(ctx context.Context, task fargate.Task) ([]fargate.Line, error)
	// Changes compares a revision of the task definition with the one before it, which it
	// names.
	Changes(ctx context.Context, revision string) (before string, changes []fargate.Change, err error)
	// Definition returns what a revision of the task definition says.
	Definition(ctx context.Context, revision string) ([]fargate.Field, error)
	// Explain says what an event means. It asks nobody.
	Explain(fargate.ServiceEvent) (fargate.Answer, bool)
}

// sparkLen is how many measurements of a task's CPU are drawn.
const sparkLen = 6

// Page is the page. It belongs to the event loop.
type Page struct {
	*page.Context
	session     Session
	diagram     *architecture.Diagram
	keys        keys.Table
	chosen      item // under the cursor
	open        map[item]bool
	items       []item                // as they were last drawn, in their order
	seconds     []item                // the last of items: those in the second column
	drawn       []row                 // as they were last drawn
	printed     map[string]printed    // the last lines of opened tasks, by id
	changes     map[string]changes    // of the revisions of opened deployments
	definitions map[string]definition // by revision
	cpu         map[string][]float64  // the last measurements, by task id
	scroll      widgets.Scroll
	moved       bool // the cursor was moved by a key and is to be in sight
	anchor      anchor
}

// anchor is the row at the top of the window: what is drawn stays where it is while
// things are added above it.
type anchor struct {
	item item
	row  int // of the item's rows
}

// New returns the page.
func New(c *page.Context, s Session, d *architecture.Diagram) *Page {
	p := &Page{Context: c, session: s, diagram: d, open: map[item]bool{}, printed: map[string]printed{}, changes: map[string]changes{}, definitions: map[string]definition{}, cpu: map[string][]float64{}}
	p.keys = p.table()
	return p
}

// Keys returns the page's keys.
func (l *Page) Keys() keys.Table { return l.keys }

func (l *Page) table() keys.Table {
	seen := func() bool { return l.Snapshot != nil }
	chosen := func() bool { return l.at() >= 0 }
	task := func() bool { _, ok := l.task(); return ok }
	running := func() bool { x, ok := l.task(); return ok && x.Stopped == nil }
	act := func(pressed, does string, do func()) keys.Key { return keys.On(pressed, does, do) }
	scale := act("s", "scale: how many tasks", l.askScale).If(seen).Hint("scale")
	stop := func(hint string) keys.Key {
		return act("x", "stop the chosen task; asks first", l.stopChosen).If(running).Hint(hint)
	}
	contexts := l.diagram.Keys(scale, act("x", "stop the chosen task; asks first", func() {
		id := l.diagram.TaskChosen()
		if id == "" {
			l.Say(page.Attention, "Choose a task first")
			return
		}
		l.chosen = item{ofTask, id}
		l.stopChosen()
	}).If(seen).Hint("stop task"))
	return append(contexts,
		keys.Context{Name: "The service", When: seen, Rest: keys.Scrolls(l.scrolls), Keys: []keys.Key{
			keys.On("enter", "all about what is chosen: a task, why it stopped, a deployment, an event", func() {
				l.toggle(l.chosen)
				l.moved = true
				l.askPrinted()
				l.askChanges()
				l.askDefinition()
			}).If(chosen).HintFunc(func() string {
				switch l.chosen.of {
				case ofStops:
					return "why?"
				case ofTask:
					return "task"
				}
				return "details"
			}),
			keys.On("w", "why the service is not well, and what to do", func() {
				l.toggle(item{of: ofCause})
				l.scroll.Top, l.anchor = 0, anchor{}
			}).If(l.ill).Hint("what is wrong"),
			keys.On("b", "go back to the chosen deployment's revision; asks first", l.confirmRollback).If(func() bool { return l.revision() != "" }).Hint("go back to it"),
			scale,
			stop("stop task"),
			keys.OnCmd("e", "a shell in the chosen task", l.exec).If(l.mayExec),
			keys.Shown("g", "graph").If(func() bool { return l.Chosen == nil }),
			act("f", "a new deployment; asks first", l.confirmRedeploy).Hint("new deployment"),
			keys.OnCmd("l", "the logs; of a stopped task its last lines", l.openLogs).HintFunc(func() string {
				if t, ok := l.task(); ok && t.Stopped != nil {
					return "last lines"
				}
				return "logs"
			}),
			keys.On("up k", "what is above", func() { l.choose(-1) }).If(func() bool { return l.at() > 0 }),
			keys.On("down j", "what is below", func() { l.choose(1) }).If(func() bool { return l.at()+1 < len(l.items) }),
			keys.On("left right", "the other column of a wide screen", l.across).If(func() bool { return len(l.seconds) > 0 }),
			keys.On("home", "the first", func() { l.choose(-len(l.items)); l.scroll.Top = 0 }).If(chosen),
			keys.On("end G", "the last", func() { l.choose(len(l.items)) }).If(chosen),
			keys.On("esc", "close what enter opened", func() { clear(l.open) }).If(func() bool { return len(l.open) > 0 }),
			keys.OnCmd("y", "copy the id of the chosen task", func() tea.Cmd {
				x, _ := l.task()
				return l.Copy(x.ID, "The task's id")
			}).If(task),
			keys.On("o", "open the URL in your browser", func() {
				l.Do("Open the URL", l.session.OpenURL, "Your browser has been asked to open "+clean.Line(l.Stack.URL))
			}).If(func() bool { return l.Stack.URL != "" }),
			keys.OnCmd("u", "copy the URL", func() tea.Cmd { return l.Copy(l.Stack.URL, "The URL") }).If(func() bool { return l.Stack.URL != "" }),
		}},
		keys.Context{Name: "Watching ended", When: func() bool { return l.WatchErr != nil }, Keys: []keys.Key{
			keys.On("r", "watch the service again", l.Root.Watch).HintFunc(func() string {
				if seen() {
					return ""
				}
				return "try again"
			}),
		}},
		keys.Context{When: func() bool { return !seen() && l.WatchErr == nil }, Keys: []keys.Key{keys.Shown(l.Root.Key("deploy"), "deploy")}},
	)
}

// toggle opens an item, or closes it.
func (l *Page) toggle(i item) {
	if l.open[i] {
		delete(l.open, i)
	} else {
		l.open[i] = true
	}
}

// scrolls moves the window alone, away from the cursor.
func (l *Page) scrolls(k tea.KeyPressMsg) bool {
	moved := l.scroll.Key(k)
	if moved {
		l.scroll.Follow = false // the newest is at the top
		l.moved, l.anchor = false, anchor{}
	}
	return moved
}

// at is the place of the chosen item among the items; -1 where there is none.
func (l *Page) at() int {
	if i := slices.Index(l.items, l.chosen); i >= 0 {
		return i
	}
	return min(0, len(l.items)-1)
}

func (l *Page) choose(by int) {
	if len(l.items) > 0 {
		l.chosen = l.items[max(0, min(l.at()+by, len(l.items)-1))]
		l.moved = true
	}
}

// task returns the chosen task: of those that stopped in the same way, the last.
func (l *Page) task() (fargate.Task, bool) {
	at := l.at()
	if at < 0 || l.Snapshot == nil {
		return fargate.Task{}, false
	}
	switch it := l.items[at]; it.of {
	case ofTask:
		i := slices.IndexFunc(l.Snapshot.Tasks, func(t fargate.Task) bool { return t.ID == it.id })
		if i >= 0 {
			return l.Snapshot.Tasks[i], true
		}
	case ofStops:
		for _, g := range fargate.GroupStops(l.Snapshot.Tasks) {
			if stopsItem(g) == it {
				return g.Last(), true
			}
		}
	}
	return fargate.Task{}, false
}

// openLogs shows the last lines of the chosen task if it has stopped, else all logs.
func (l *Page) openLogs() tea.Cmd {
	if t, ok := l.task(); ok && t.Stopped != nil {
		return l.Root.OpenTask(t)
	}
	return l.Root.Open("logs")
}

// printed are the last lines of a task.
type printed struct {
	lines []fargate.Line
	err   error
	ready bool
}

// printedKept is of how many tasks the last lines are kept.
const printedKept = 100

// askPrinted asks for the last lines of a task that is open and has ended by itself.
func (l *Page) askPrinted() {
	t, ok := l.task()
	if _, known := l.printed[t.ID]; !ok || known || !l.open[l.chosen] || !t.EndedByItself() {
		return
	}
	if len(l.printed) >= printedKept {
		clear(l.printed)
	}
	l.printed[t.ID] = printed{}
	sess := l.session
	jobs.Start(l.Jobs, page.Bounded(func(ctx context.Context) ([]fargate.Line, error) { return sess.LastLines(ctx, t) }), func(lines []fargate.Line, err error) tea.Cmd {
		l.printed[t.ID] = printed{lines, err, true}
		return nil
	})
}

func (l *Page) stopChosen() {
	if t, ok := l.task(); ok && t.Stopped == nil {
		l.confirmStop(t)
	}
}

// mayExec reports whether a shell can open in the chosen task.
func (l *Page) mayExec() bool {
	t, ok := l.task()
	return ok && t.Status == "RUNNING" && !l.Info.ReadOnly
}

// exec gives the terminal to a shell in the chosen task. It says itself what it does.
func (l *Page) exec() tea.Cmd {
	t, _ := l.task()
	program, err := l.session.ExecProgram(t.ID)
	if err != nil {
		l.Say(page.Bad, clean.Line(err.Error()))
		return nil
	}
	said := &lastLine{}
	program.Stderr = said
	return l.Root.Run(page.Program{Cmd: program}, func(err error) tea.Cmd {
		if err != nil {
			l.Say(page.Bad, clean.Line(cmp.Or(said.String(), err.Error())))
		}
		return nil
	})
}

// lastLine keeps the end of what is written to it.
type lastLine struct{ b []byte }

func (l *lastLine) Write(b []byte) (int, error) {
	l.b = append(l.b, b...)
	l.b = l.b[max(0, len(l.b)-1<<12):]
	return len(b), nil
}

// String is the last line, without the name of the program that wrote it.
func (l *lastLine) String() string {
	s := strings.TrimSpace(string(l.b))
	return strings.TrimPrefix(s[strings.LastIndexByte(s, '\n')+1:], "workshop: ")
}

// Follow takes in a new snapshot; old is the one before, nil for none. It
// says in passing what must not be missed: a task that stopped.
func (l *Page) Follow(old, now *fargate.Snapshot) {
	if now.Stale == nil {
		for id, u := range now.Usage {
			if old != nil && old.Usage[id].At.Equal(u.At) && !u.At.IsZero() {
				continue // the same measurement, shown again
			}
			c := append(l.cpu[id], u.CPU)
			l.cpu[id] = c[max(0, len(c)-sparkLen):]
		}
	}
	for id := range l.cpu {
		if _, ok := now.Usage[id]; !ok {
			delete(l.cpu, id)
		}
	}
	if old == nil {
		return
	}
	was := map[string]bool{}
	for _, t := range old.Tasks {
		was[t.ID] = t.Stopped != nil
	}
	for _, t := range now.Tasks {
		if before, known := was[t.ID]; t.Stopped != nil && known && !before {
			l.Say(page.Attention, "Task "+page.ShortID(t.ID)+" stopped: "+page.StopReason(t))
		}
	}
	switch o, n := old.Service.Rollout, now.Service.Rollout; {
	case now.RollsBack() && !old.RollsBack():
		l.Say(page.Bad, "The deployment failed and is rolled back; the "+l.Root.Title("live")+" page says why")
	case o == "IN_PROGRESS" && n == "FAILED":
		l.Say(page.Bad, "The deployment failed; the "+l.Root.Title("live")+" page says why")
	}
}

func (l *Page) confirmStop(t fargate.Task) {
	if !l.MayChange() {
		return
	}
	sess, id := l.session, t.ID
	l.Dialog = &widgets.Dialog{
		Title:  "Stop task " + page.ShortID(id) + "?",
		Body:   append(l.About(), session.StopTaskDoes),
		Danger: true,
		Choices: []widgets.Choice{{Label: "No, leave it", Key: "n"}, {Label: "Yes, stop it", Key: "y", Do: func(*widgets.Dialog) tea.Cmd {
			l.Do("Stop task "+page.ShortID(id), func(ctx context.Context) error { return sess.StopTask(ctx, id) }, "Task "+page.ShortID(id)+" is asked to stop")
			return nil
		}}},
	}
}

func (l *Page) askScale() {
	if !l.MayChange() {
		return
	}
	body := append(l.About(), fmt.Sprintf("The service keeps %s alive now. Give another number, from 0 to %d; 0 stops them all and keeps the service.", draw.Count(l.Snapshot.Service.Desired, "task"), session.MostTasks))
	if !l.Info.Sandbox {
		body = append(body, "", session.ScaleCosts)
	}
	l.Dialog = &widgets.Dialog{
		Title: "How many tasks?", Body: body, Asks: "Tasks:",
		Input: widgets.Field{Limit: 2},
		Choices: []widgets.Choice{{Label: "As it is"}, {Label: "Scale", Do: func(d *widgets.Dialog) tea.Cmd {
			n, err := strconv.Atoi(strings.TrimSpace(d.Input.Value))
			if err != nil || n < 0 || n > session.MostTasks {
				l.Say(page.Attention, fmt.Sprintf("%q is not a number from 0 to %d; nothing was changed", d.Input.Value, session.MostTasks))
				return nil
			}
			sess := l.session
			l.Do("Scale", func(ctx context.Context) error { return sess.Scale(ctx, n) }, "The service is asked for "+draw.Count(n, "task"))
			return nil
		}}},
	}
}

func (l *Page) confirmRedeploy() {
	if !l.MayChange() {
		return
	}
	l.Dialog = &widgets.Dialog{
		Title: "Start a new deployment?",
		Body:  append(l.About(), session.RedeployDoes),
		Choices: []widgets.Choice{{Label: "No", Key: "n"}, {Label: "Yes, roll", Key: "y", Do: func(*widgets.Dialog) tea.Cmd {
			l.Do("New deployment", l.session.Redeploy, "A new deployment has begun")
			return nil
		}}},
	}
}

// revision is that of the chosen deployment, where it was rolled out successfully and the
// service can go back to it; else empty.
func (l *Page) revision() string {
	at := l.at()
	if at < 0 || l.Snapshot == nil || l.items[at].of != ofDeployment {
		return ""
	}
	for _, d := range l.Snapshot.History {
		if d.ID != l.items[at].id || !d.Successful() {
			continue
		}
		if revision, err := l.Snapshot.Earlier(d.Revision); err == nil {
			return revision
		}
	}
	return ""
}

func (l *Page) confirmRollback() {
	if !l.MayChange() {
		return
	}
	sess, to := l.session, l.revision()
	l.Dialog = &widgets.Dialog{
		Title: "Go back to revision " + revision(to) + "?",
		Body:  append(l.About(), session.RollbackDoes(to, l.Chosen == nil)),
		Choices: []widgets.Choice{{Label: "No", Key: "n"}, {Label: "Yes, go back", Key: "y", Do: func(*widgets.Dialog) tea.Cmd {
			l.Do("Go back to revision "+revision(to), func(ctx context.Context) error { return sess.Rollback(ctx, to) }, "The service goes back to revision "+revision(to))
			return nil
		}}},
	}
}
