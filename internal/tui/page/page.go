// Package page is what a page of the screens builds on: the contract between a
// page and the root model, and what all pages see of the session.
package page

import (
	"context"
	"fmt"
	"io/fs"
	"os/exec"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/clean"
	"workshop/internal/fargate"
	"workshop/internal/lesson"
	"workshop/internal/session"
	"workshop/internal/stack"
	"workshop/internal/tui/draw"
	"workshop/internal/tui/jobs"
	"workshop/internal/tui/keys"
	"workshop/internal/tui/picture"
	"workshop/internal/tui/style"
	"workshop/internal/tui/widgets"
)

// Page is one screen below the top line. Its methods belong to the event loop.
type Page interface {
	// Keys returns the page's keys. The table is the same for the life of the page.
	Keys() keys.Table
	// View draws the page in w columns and at most h rows.
	View(w, h int) []string
	// Changes returns how soon the page looks different by time alone; 0 for never.
	Changes() time.Duration
}

// What a page may implement beside Page, to hear of what concerns it.
type (
	// Opener receives what the session knows at once, before anything else.
	Opener interface{ Opened(session.Opening) }
	// Refresher is called when the session, the stack or the theme has changed.
	Refresher interface{ Refresh() }
	// Follower receives every snapshot of the service; before is nil for the first.
	Follower interface {
		Follow(before, now *fargate.Snapshot)
	}
	// Tailer receives the log lines of the service's tasks, with how many more were
	// dropped, and how their stream is doing. Lines are read while the page is on the
	// screen.
	Tailer interface {
		Append(lines []fargate.Line, dropped int) tea.Cmd
		SetStream(fargate.Stream)
	}
	// ScalingShower reports whether it shows what scales the service, which is read while
	// the page on the screen does.
	ScalingShower interface{ ShowsScaling() bool }
	// Companion has another page shown beside it, where there is room.
	Companion interface {
		// Beside returns the slug of that page, empty for none, and whether the keys go
		// to it.
		Beside() (slug string, focused bool)
		// LeaveBeside takes the keys back.
		LeaveBeside()
	}
	// StepOpener shows a step by its id and reports whether there is one.
	StepOpener interface{ OpenStep(id string) bool }
	// TaskOpener shows what a stopped task printed last.
	TaskOpener interface{ OpenTask(fargate.Task) tea.Cmd }
	// Rewriter shows the course that its author has changed; before is what it was.
	Rewriter interface {
		Rewritten(before *lesson.Course, images fs.FS)
	}
	// Clicker chooses what was drawn at a column and row of the page.
	Clicker interface{ Click(x, y int) tea.Cmd }
	// Paster receives pasted text.
	Paster interface{ Paste(text string) }
	// Leaver is called when another page is shown.
	Leaver interface{ Leave() }
	// Settler is called after every turn of the event loop.
	Settler interface{ Settle() tea.Cmd }
	// Interrupter is asked to stop what it runs on Ctrl-C. It reports whether
	// something was stopped.
	Interrupter interface{ Interrupt() bool }
	// Keeper has unsaved work: it asks before quit loses the work, and reports
	// whether it asked.
	Keeper interface {
		AskQuit(quit func() tea.Cmd) bool
	}
	// Ticker is called while the page is on the screen, as often as Changes says.
	Ticker interface{ Tick() }
	// Closer keeps what must be kept when the screens have gone.
	Closer interface {
		Close(ctx context.Context) error
	}
	// Fitter draws lines that are no wider than the page: the frame does not cut them
	// again, for a page that draws many.
	Fitter interface{ Fits() }
	// Messenger receives messages that no other part of the screens knows.
	Messenger interface{ Receive(tea.Msg) tea.Cmd }
)

// Root is what pages ask of the root model.
type Root interface {
	// Open shows the page of that slug; unknown ones change nothing.
	Open(slug string) tea.Cmd
	// OpenStep shows a step of the guide by its id.
	OpenStep(id string) tea.Cmd
	// OpenTask shows what a stopped task printed last.
	OpenTask(fargate.Task) tea.Cmd
	// Pages lists the pages in the order of their keys.
	Pages() []lesson.Screen
	// Key returns the key that opens the page of that slug, empty for none.
	Key(slug string) string
	// Title returns the title of the page of that slug, empty for none.
	Title(slug string) string
	// DiscardPlan forgets a plan that waits for its approval: it is stale.
	DiscardPlan()
	// StackChanged looks again at what is deployed and what follows from it.
	StackChanged() tea.Cmd
	// Watch follows the service and its logs from now on.
	Watch()
	// RetryLogs asks for log lines at once.
	RetryLogs()
	// LookAt shows another service from now on, where Context.Chosen is not nil.
	LookAt(fargate.Place) tea.Cmd
	// Enlarge shows a picture alone, as large as there is room.
	Enlarge(images fs.FS, path, alt string)
	// Run gives the terminal to a program and calls done in the event loop when the
	// program has ended.
	Run(p Program, done func(error) tea.Cmd) tea.Cmd
}

// Program is a program that has the terminal until it ends. What it writes to its standard
// error goes to the terminal, and to Cmd.Stderr where that is set.
type Program struct {
	*exec.Cmd
	Intro string // printed before the program starts
}

// WideWidth is from how many columns on two things stand side by side.
const WideWidth = 150

// Layout is the room of the screen.
type Layout struct {
	W, H     int
	TooSmall bool
	Compact  bool // too narrow for a list of steps beside the text
	Body     Rect // between the two rules
	Beside   Rect // of the page beside the current one, at the right of Body; empty for none
}

// Rect is a part of the screen, in cells from the top left.
type Rect struct{ X, Y, W, H int }

// Context is what the pages have in common. It belongs to the event loop.
type Context struct {
	Root   Root
	Jobs   *jobs.Jobs
	Theme  style.Theme
	Now    func() time.Time
	Layout Layout

	// Chosen is the service that is looked at where it is not the workshop's own, its
	// Service empty before one was chosen; nil in the workshop.
	Chosen *fargate.Place

	Info       session.Info
	Course     *lesson.Course // nil until the session is open
	Step       int            // number of the step that is read, from 1
	Ready      Readiness
	Stack      session.Stack
	TextValues session.TextValues
	Cost       session.Cost
	Snapshot   *fargate.Snapshot
	WatchErr   error             // why watching ended, nil while it goes on
	Running    *RunningOperation // the operation of Terraform that runs; nil for none
	Dialog     *widgets.Dialog
	Notices    Notices
	Beat       int // counts up while something moves
	Terminal   *picture.Terminal
}

// Readiness is how far the session is from being able to work.
type Readiness struct {
	Done    bool
	Err     error
	Message string  // what it does, in words
	Part    float64 // of the whole, from 0 to 1
}

// RunningOperation is one run of Terraform: a plan, or the apply of one.
type RunningOperation struct {
	Job     int // generation of its job
	Op      stack.Op
	Destroy bool
	Began   time.Time
	By      string        // the command of another process that started it; empty for this one
	Stops   int           // how often it was asked to stop
	Stop    chan struct{} // closed then; nil where nobody waits for it
}

// Begin makes an operation the running one.
func (c *Context) Begin(job int, op stack.Op, destroy bool) *RunningOperation {
	c.Running = &RunningOperation{Job: job, Op: op, Destroy: destroy, Began: c.Now()}
	return c.Running
}

// Say shows a notice in passing.
func (c *Context) Say(kind NoticeKind, text string) { c.Notices.Say(kind, text, c.Now()) }

// MayChange reports whether this screen may change the workspace and what is
// deployed, and says why not.
func (c *Context) MayChange() bool {
	if c.Info.ReadOnly {
		c.Say(Attention, "You can look but not change: "+c.Info.Holder)
	}
	return !c.Info.ReadOnly
}

// About begins a question before something is changed about a service that was chosen;
// empty in the workshop, which has one.
func (c *Context) About() []string {
	if c.Chosen == nil {
		return nil
	}
	return []string{session.About(*c.Chosen), ""}
}

// ChooseFirst says that no service was chosen yet.
func (c *Context) ChooseFirst() []string {
	return []string{"", " " + c.Theme.Heading.Render("No service was chosen yet"), "", " Press " + c.Theme.Key.Render(c.Root.Key("services")) + " to choose one."}
}

// IsReady reports whether the session is able to work, and says so where it is not.
func (c *Context) IsReady() bool {
	if !c.Ready.Done {
		c.Say(Attention, "The workshop is still getting ready; try again in a moment")
	}
	return c.Ready.Done
}

// Value returns what {{ name }} stands for in a step's text.
func (c *Context) Value(name string) (string, bool) {
	return session.Names{Info: c.Info, Outputs: c.Stack.Outputs, Values: c.TextValues.Values, Course: c.Course, Screens: c.Root.Pages()}.Value(name)
}

// Where names the target for a sentence.
func (c *Context) Where() string {
	if c.Info.Sandbox {
		return "the sandbox"
	}
	return "AWS account " + c.Info.Account + ", " + c.Info.Region
}

// Spinner returns the picture of a spinner at this moment.
func (c *Context) Spinner() string {
	f := c.Theme.Signs.Spinner
	return f[c.Beat%len(f)]
}

// SpinTime is how long one picture of a spinner stays.
const SpinTime = 125 * time.Millisecond

// Meter returns what the stack that is deployed has cost until now.
func (c *Context) Meter() session.Spent {
	if c.Cost.Meter == nil || !c.Stack.Exists {
		return session.Spent{}
	}
	return c.Cost.Meter(c.Now())
}

// Service reports how many tasks run and are wanted; ok is false where nothing is known.
func (c *Context) Service() (running, desired int, ok bool) {
	if c.Snapshot == nil || c.Snapshot.Service.Status == "" {
		return 0, 0, false
	}
	return c.Snapshot.Service.Running, c.Snapshot.Service.Desired, true
}

// ActionTime bounds what a key press does outside the event loop, other than
// Terraform.
const ActionTime = 30 * time.Second

// Bounded returns work that is cancelled after ActionTime.
func Bounded[T any](work func(context.Context) (T, error)) func(context.Context) (T, error) {
	return func(ctx context.Context) (T, error) {
		ctx, cancel := context.WithTimeout(ctx, ActionTime)
		defer cancel()
		return work(ctx)
	}
}

// Do runs something short and says how it ended.
func (c *Context) Do(what string, work func(context.Context) error, good string) {
	jobs.Start(c.Jobs, Bounded(func(ctx context.Context) (struct{}, error) { return struct{}{}, work(ctx) }), func(_ struct{}, err error) tea.Cmd {
		if err != nil {
			c.Say(Bad, what+": "+err.Error())
		} else {
			c.Say(Good, good)
		}
		return nil
	})
}

// Copy puts text on the clipboard and says so; what names it in the sentence.
func (c *Context) Copy(text, what string) tea.Cmd {
	c.Say(Good, what+" is in the clipboard, if your terminal allows it")
	return tea.SetClipboard(text)
}

// Caveats draws what is to be known beside a price: its hints, and the warning
// about the budget.
func (c *Context) Caveats(cost session.Cost, w int) []string {
	lines := draw.Paragraphs(w, c.Theme.Dim, draw.CleanLines(cost.Hints)...)
	if cost.Warning != "" {
		lines = append(lines, draw.Paragraphs(w, c.Theme.Attention, c.Theme.Signs.Warn+" "+draw.CleanLines([]string{cost.Warning})[0])...)
	}
	return lines
}

// LastRun draws how the operation before ended, where it did not end well.
func (c *Context) LastRun(w int) []string {
	t := c.Theme
	if c.Stack.Lost && c.Running == nil {
		text := "Terraform's state lists nothing, although something was deployed and not destroyed. The next plan looks for it in " + c.Where() + "."
		return append(draw.Indent(1, draw.Paragraphs(min(w-4, draw.ReadWidth), t.Attention, t.Signs.Warn+" "+text)), "")
	}
	l := c.Stack.Last
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
		text += fmt.Sprintf(" at %d of %s", l.Done, draw.Count(l.Total, "resource"))
	}
	text += ", " + l.Ended.Local().Format("2 January 15:04") + ". The next plan also looks in the account for what Terraform's state may have lost."
	lines := draw.Indent(3, draw.Wrap(text, min(w-6, draw.ReadWidth)))
	for i, line := range lines {
		mark := "  "
		if i == 0 {
			mark = t.Signs.Warn + " "
		}
		lines[i] = " " + t.Attention.Render(mark+strings.TrimSpace(line))
	}
	return append(lines, "")
}

// CleanInfo returns the Info as a line of the screen may have it: an account's id
// comes from whoever answers at the endpoint.
func CleanInfo(i session.Info) session.Info {
	i.Account, i.Region = clean.Line(i.Account), clean.Line(i.Region)
	i.Workspace, i.Holder = clean.Line(i.Workspace), clean.Line(i.Holder)
	i.Notes = draw.CleanLines(i.Notes)
	return i
}
