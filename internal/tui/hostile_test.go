package tui_test

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/check"
	"workshop/internal/clean/cleantest"
	"workshop/internal/fargate"
	"workshop/internal/lesson"
	"workshop/internal/session"
	"workshop/internal/stack"
	"workshop/internal/tui"
	"workshop/internal/tui/tuitest"
)

// hostileSession answers with hostile text wherever a session has text.
type hostileSession struct {
	*tuitest.Session
	sandbox bool
	fails   bool // with hostile errors
}

var realistic = map[string]string{"Status": "ACTIVE", "Rollout": "IN_PROGRESS"}

func filled[T any](as map[string]string) T {
	var v T
	cleantest.Fill(&v, as)
	return v
}

func (s hostileSession) err() error {
	if s.fails {
		return fmt.Errorf("%s", cleantest.Text)
	}
	return nil
}

func (s hostileSession) info() session.Info {
	i := filled[session.Info](nil)
	i.Sandbox, i.ReadOnly = s.sandbox, s.fails
	return i
}

func (s hostileSession) Open(ctx context.Context) (session.Opening, error) {
	o, err := s.Session.Open(ctx)
	o.Info, o.Faults = s.info(), []error{fmt.Errorf("%s", cleantest.Text)}
	o.Progress.Outputs = map[string]session.Output{o.Course.Steps[0].ID: filled[session.Output](nil)}
	return o, err
}

func (s hostileSession) Ready(_ context.Context, emit func(stack.Event)) (session.Info, error) {
	emit(filled[stack.Event](nil))
	return s.info(), s.err()
}

func (s hostileSession) Stack(context.Context) (session.Stack, error) {
	return filled[session.Stack](nil), s.err()
}

func (s hostileSession) Plan(_ context.Context, destroy bool, emit func(stack.Event)) (*stack.Plan, error) {
	p := filled[stack.Plan](map[string]string{"Action": "create", "Type": "aws_lb"})
	p.Destroy = destroy
	e := filled[stack.Event](map[string]string{"Type": string(stack.EventDiagnostic), "Severity": "error"})
	emit(e)
	return &p, s.err()
}

func (s hostileSession) Apply(_ context.Context, _ *stack.Plan, emit func(stack.Event)) (*stack.Summary, error) {
	for _, kind := range []stack.EventType{stack.EventLog, stack.EventStarted, stack.EventProgress, stack.EventDone, stack.EventFailed, stack.EventDiagnostic, stack.EventSummary, stack.EventNote, stack.EventHeld, stack.EventStateKept} {
		e := filled[stack.Event](map[string]string{"Severity": "error", "Action": "create"})
		e.Type = kind
		emit(e)
	}
	return nil, s.err()
}

func (s hostileSession) Sources(context.Context) (map[string]stack.Source, error) {
	return filled[map[string]stack.Source](nil), s.err()
}
func (s hostileSession) Advice(stack.Diagnostic) string { return cleantest.Text }

func (s hostileSession) Watch(ctx context.Context, changed func(fargate.Snapshot)) error {
	now := time.Now()
	for _, as := range []map[string]string{realistic, nil, {"Status": "STOPPED", "Rollout": "FAILED"}} {
		snap := filled[fargate.Snapshot](as)
		snap.AsOf, snap.TasksAsOf = now, now
		if !s.fails {
			snap.Stale = nil
		}
		changed(snap)
	}
	<-ctx.Done()
	return s.err()
}

func (s hostileSession) Tail(ctx context.Context, more func([]fargate.Line), how func(fargate.Stream)) error {
	more([]fargate.Line{filled[fargate.Line](nil)})
	how(fargate.Stream{Err: s.err()})
	<-ctx.Done()
	return s.err()
}

func (s hostileSession) StopTask(context.Context, string) error { return s.err() }
func (s hostileSession) Scale(context.Context, int) error       { return s.err() }
func (s hostileSession) Redeploy(context.Context) error         { return s.err() }

func (s hostileSession) ExecProgram(string) (*exec.Cmd, error) { return nil, s.err() }

func (s hostileSession) Run(_ context.Context, _ string, out func(string)) (int, error) {
	out(cleantest.Text)
	return 1, s.err()
}

func (s hostileSession) Set(context.Context, []lesson.Setting) ([]string, error) {
	return []string{cleantest.Text}, s.err()
}

func (s hostileSession) ReadFile(context.Context, lesson.Action) (session.File, error) {
	f := filled[session.File](nil)
	return f, s.err()
}

func (s hostileSession) TextValues(context.Context) (session.TextValues, error) {
	return filled[session.TextValues](nil), s.err()
}

func (s hostileSession) Check(_ context.Context, step *lesson.Step, report func(check.Result)) ([]check.Result, error) {
	for _, c := range step.Checks {
		r := filled[check.Result](nil)
		r.ID, r.OK = c.ID, false
		report(r)
	}
	return nil, s.err()
}

func (s hostileSession) Hint(context.Context, *lesson.Step) ([]lesson.Span, int, error) {
	return []lesson.Span{{Text: cleantest.Text}}, 1, s.err()
}

func (s hostileSession) Certificate(context.Context) (*lesson.Certificate, error) {
	c := filled[lesson.Certificate](nil)
	return &c, s.err()
}

func (s hostileSession) Receipt(context.Context) (session.Receipt, error) {
	return filled[session.Receipt](nil), s.err()
}

// TestHostileText shows every page while every string of the session's answers
// is hostile, and looks at the frames' bytes.
func TestHostileText(t *testing.T) {
	for name, s := range map[string]hostileSession{"aws": {}, "sandbox": {sandbox: true}, "errors": {fails: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				s.Session = tuitest.NewUp()
				st := &driver{t: t, s: s.Session, w: 120, h: 40, msgs: make(chan tea.Msg), ctx: ctx, cancel: cancel}
				st.m = tui.NewModel(ctx, s, tui.Options{})
				defer func() {
					st.m.CloseJobs(cancel)
					time.Sleep(time.Minute) // the last tick goes off
				}()
				st.run(st.m.Init())
				st.resize(120, 40)
				shown := 0
				look := func() {
					t.Helper()
					frame := st.m.View().Content
					if err := cleantest.Check(frame, true); err != nil {
						t.Errorf("%s: %v", strings.SplitN(st.screen(), "\n", 2)[0], err)
					}
					shown += strings.Count(frame, cleantest.Mark)
				}
				for _, k := range []string{"", "1", "c", "h", "a", "1", "esc", "esc", "n", "e", "esc", "p", keyOf("deploy"), "enter", "l", "esc", "d", "enter", "a", "tab", "enter", "l", "esc",
					keyOf("live"), "down", "enter", "esc", "x", "tab", "enter", "s", "esc", "g", "esc", keyOf("logs"), "enter", "/", "h", "esc", "f", "h", "enter", "N", "t", "c", "F", "esc", "s", "esc", keyOf("cleanup"), "enter", "x", "esc", "?", "esc"} {
					if k != "" {
						st.press(k)
					}
					st.wait(2 * time.Second)
					look()
				}
				if shown < 20 {
					t.Errorf("hostile text was shown %d times: the test does not look where it is", shown)
				}
				if raw := st.raw; strings.Contains(raw, cleantest.Mark) {
					t.Errorf("beside the frames: %q", raw)
				}
			})
		})
	}
}
