package tui

import (
	"context"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/diagnose"
	"workshop/internal/fargate"
	"workshop/internal/lesson"
	"workshop/internal/stack"
	"workshop/internal/tui/picture"
	"workshop/internal/tui/style"
)

// page is one of the five screens. Its methods belong to the event loop.
type page interface {
	// key answers a key press; handled is false where the key means nothing here.
	key(k tea.KeyPressMsg) (cmd tea.Cmd, handled bool)
	// typing reports that keys are text now, so that digits do not change the page.
	typing() bool
	// moving reports that something on the page changes with time alone, and how
	// soon it looks different; 0 means never.
	moving() time.Duration
	view(w, h int) []string
	// hints are the few keys that matter now, most important first.
	hints() []hint
	paste(text string)
}

// hint is a key with what it does.
type hint struct{ key, does string }

type pageID int

const (
	guidePage pageID = iota
	deployPage
	livePage
	logsPage
	cleanupPage
	pages
)

var pageNames = [pages]string{"Guide", "Deploy", "Live", "Logs", "Clean up"}

// pageOf is the page that a step or a command line names.
func pageOf(name string) (pageID, bool) {
	switch name {
	case "guide":
		return guidePage, true
	case "deploy":
		return deployPage, true
	case "live":
		return livePage, true
	case "logs":
		return logsPage, true
	case "cleanup":
		return cleanupPage, true
	}
	return guidePage, false
}

// Face sends people to the pages.
var Face = diagnose.Face{Plan: deployPage.String(), Tasks: livePage.String(), Logs: logsPage.String(), CleanUp: cleanupPage.String()}

// String is the page as texts name it: by the key that opens it.
func (p pageID) String() string { return fmt.Sprintf("page %d", p+1) }

// shared is what the pages have in common; it belongs to the event loop.
type shared struct {
	session Session
	jobs    *jobs
	theme   style.Theme
	now     func() time.Time
	lay     layout

	info    Info
	course  *lesson.Course
	ready   readiness
	stack   Stack
	words   Words
	cost    Cost
	snap    *fargate.Snapshot
	watched error // why watching ended, nil while it goes on
	op      *operation
	dialog  *dialog
	notice  notice
	waiting []notice // to be said when notice has been read
	graph   *graph
	viewer  *viewer // the picture that is shown alone, nil for none
	spin    int     // turns while something moves

	terminal *picture.Terminal // what pictures are shown in

	goTo       func(pageID) tea.Cmd
	letPlanGo  func()         // a plan that waits for its approval fits no more
	stackMoved func() tea.Cmd // what is up has changed: look again
	openStep   func(id string) tea.Cmd
	exec       func(tea.ExecCommand, tea.ExecCallback) tea.Cmd // gives the terminal to a program
	watchNow   func()                                          // follow the service and its logs from now on
}

// readiness is how far the session is from being able to work.
type readiness struct {
	done bool
	err  error
	says string // what it does, in words
	part float64
}

type noticeKind int

const (
	noteGood noticeKind = iota
	noteAttention
	noteBad
)

// notice is said in passing, on the line above the keys.
type notice struct {
	text  string
	kind  noticeKind
	until time.Time
}

const noticeTime = 6 * time.Second

func (s *shared) say(kind noticeKind, text string) {
	s.notice = notice{text, kind, s.now().Add(noticeTime)}
}

// sayNext says something when what is being said has been read.
func (s *shared) sayNext(kind noticeKind, text string) {
	s.waiting = append(s.waiting, notice{text: text, kind: kind})
	s.nextNotice()
}

// nextNotice replaces a notice whose time is over by the next one that waits. It
// reports whether there was one.
func (s *shared) nextNotice() bool {
	if len(s.waiting) == 0 || s.notice.text != "" && s.now().Before(s.notice.until) {
		return false
	}
	s.say(s.waiting[0].kind, s.waiting[0].text)
	s.waiting = s.waiting[1:]
	return true
}

// value is what {{ name }} stands for in a step's text.
func (s *shared) value(name string) (string, bool) {
	switch name {
	case "account":
		return s.info.Account, s.info.Account != ""
	case "region":
		return s.info.Region, s.info.Region != ""
	case "workspace":
		return s.info.Workspace, true
	case "target":
		return s.target(), true
	}
	if out, ok := strings.CutPrefix(name, "outputs."); ok {
		v, ok := s.stack.Outputs[out]
		if !ok && out == "url" && s.stack.URL != "" {
			return s.stack.URL, true
		}
		if ok {
			return fmt.Sprint(v), true
		}
	}
	if v, ok := s.words.Values[name]; ok {
		return v, true
	}
	return s.course.Variable(name, s.target())
}

func (s *shared) target() string {
	if s.info.Sandbox {
		return "sandbox"
	}
	return "aws"
}

func (s *shared) spinner() string {
	f := s.theme.Signs.Spinner
	return f[s.spin%len(f)]
}

// meter is what the stack that is up has cost until now.
func (s *shared) meter() Meter {
	if s.cost.Meter == nil || !s.stack.Exists {
		return Meter{}
	}
	return s.cost.Meter(s.now())
}

// caveats draws what is to be known beside a price: its hints, and the warning
// about the budget.
func (s *shared) caveats(c Cost, w int) []string {
	lines := paragraphs(w, s.theme.Dim, cleanLines(c.Hints)...)
	if c.Warning != "" {
		lines = append(lines, paragraphs(w, s.theme.Attention, s.theme.Signs.Warn+" "+cleanLine(c.Warning))...)
	}
	return lines
}

// where names the target for a sentence.
func (s *shared) where() string {
	if s.info.Sandbox {
		return "the sandbox"
	}
	return "AWS account " + s.info.Account + ", " + s.info.Region
}

// service reports how many tasks run and are wanted; ok is false where nothing is known.
func (s *shared) service() (running, desired int, ok bool) {
	if s.snap == nil || s.snap.Service.Status == "" {
		return 0, 0, false
	}
	return s.snap.Service.Running, s.snap.Service.Desired, true
}

// do runs something short and tells how it ended.
func (s *shared) do(what string, f func(ctx context.Context) error, good string) {
	s.jobs.start(func(ctx context.Context, _ int, _ func(any)) (any, error) {
		ctx, cancel := context.WithTimeout(ctx, actionTime)
		defer cancel()
		return nil, f(ctx)
	}, func(m any) tea.Cmd {
		if e := m.(ended); e.err != nil {
			s.say(noteBad, what+": "+e.err.Error())
		} else {
			s.say(noteGood, good)
		}
		return nil
	})
}

const actionTime = 30 * time.Second

func (s *shared) copy(text, what string) tea.Cmd {
	s.say(noteGood, what+" is in the clipboard, if your terminal allows it")
	return tea.SetClipboard(text)
}

// operation is one run of Terraform: the plan, or the apply of it.
type operation struct {
	gen     int
	op      stack.Op
	destroy bool
	began   time.Time
	by      string        // the command of another process that started it; empty for this one
	stops   int           // how often it was asked to stop
	stop    chan struct{} // closed then; nil where nobody waits for it
}

const stackApply = stack.OpApply
