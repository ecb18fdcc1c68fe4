// Package tuitest is a session in memory: it runs a workshop by a script, so
// that the screens can be tested and shown without Terraform and without AWS.
// Under testing/synctest it runs on the bubble's clock.
package tuitest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strconv"
	"strings"
	"sync"
	"testing/fstest"
	"time"

	"workshop/internal/doctor"
	"workshop/internal/fargate"
	"workshop/internal/lesson"
	"workshop/internal/session"
	"workshop/internal/stack"
	"workshop/internal/sweep"
	"workshop/internal/tui"
)

// Session is a scripted tui.Session. Set the fields before use. It is safe for
// concurrent use.
type Session struct {
	Speed float64 // 2 runs everything twice as fast; 0 is 1

	Info     session.Info
	Course   *lesson.Course
	Images   fs.FS
	Faults   []error
	Progress session.Progress
	Known    session.TextValues // what the steps' texts ask for

	ReadyErr  error              // what Ready ends with
	PlanNote  string             // what Plan does about something that stands in its way
	PlanDiags []stack.Diagnostic // Plan fails with these
	FailOn    string             // address of the resource whose creation fails
	FailDiag  stack.Diagnostic   // how
	BadImage  bool               // no task can start, and the apply waits for them for ever
	PlanAs    *stack.Plan        // instead of the bundled stack's plan
	Left      []sweep.Leftover   // what the account still has after a destroy
	TTL       *session.TTL       // when the tasks stop by themselves; nil for never
	Unasked   string             // a place that could not be asked
	LogEvery  time.Duration      // between two log lines; 0 is 410 ms
	LogError  error              // with which the logs end after the first lines
	SaveError error              // of SaveLogs
	LogBatch  int                // lines at once; 0 is 1
	Files     map[string]string  // of the configuration, by name
	OwnEditor []string           // the learner's editor, as an argument list; empty for none
	Others    []fargate.Cluster  // of the account, for Clusters
	OthersErr error              // of Clusters
	Elsewhere *session.Operation // runs already, started by another process
	Last      *session.LastRun   // how the operation before ended
	Fix       string             // question of the repair for every failure; empty for none
	Problem   string             // what keeps the target from working
	Log       []fargate.Line     // what LogPage reads, oldest first
	// LogPageError is the error of LogPage.
	LogPageError error
	// Unconfirmed is the error of Apply until the account is confirmed.
	Unconfirmed error
	Hints       []string      // beside the price of a plan
	Warning     string        // about the budget; empty for none
	LogAge      time.Duration // how old the log lines are that come

	mu      sync.Mutex
	saved   []session.Progress
	created map[string]bool
	from    time.Time
	to      time.Time
	made    int
	removed int
	tasks   []fargate.Task
	events  []fargate.ServiceEvent
	history []fargate.ServiceDeployment

	targets      []fargate.Target // beside those of the tasks; without any, nothing is told of targets
	scaling      *fargate.Scaling // nil for a service of which nothing is told
	readsScaling bool
	desired      int
	rev          int
	rolled       time.Time
	failed       int // tasks that could not start
	stale        error
	stream       fargate.Stream
	asOf         time.Time
	soft         chan struct{} // closed by the first Stop
	hard         chan struct{}
	hints        int
	lines        []string // more log lines to say
	calls        []string // what was asked of the session, in order
	outputs      map[string]session.Output
	ran          bool // an operation of another process, or one of this session
	priced       int  // how often the cost was asked for
}

// New returns a session on the sandbox with the bundled stack not deployed.
func New() *Session {
	return &Session{
		Info:    session.Info{Sandbox: true, Account: "123456789012", Region: "eu-west-1", Workspace: "~/.local/state/workshop/sandbox"},
		Course:  Course(),
		Images:  fstest.MapFS{},
		Files:   map[string]string{"service.tf": Service},
		created: map[string]bool{},
	}
}

// NewUp returns a session whose stack was deployed four minutes ago.
func NewUp() *Session {
	s := New()
	now := time.Now().Add(-4 * time.Minute)
	for _, c := range Changes() {
		s.created[c.Address] = true
	}
	s.from, s.made = now, len(s.created)
	s.up(now)
	return s
}

func (s *Session) sleep(ctx context.Context, d time.Duration) error {
	if s.Speed > 0 {
		d = time.Duration(float64(d) / s.Speed)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func (s *Session) call(format string, a ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, fmt.Sprintf(format, a...))
}

// Calls are what was asked of the session so far, in order.
func (s *Session) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.calls...)
}

// Priced is how often the cost was asked for.
func (s *Session) Priced() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.priced
}

// Saved is the last progress that was saved.
func (s *Session) Saved() session.Progress {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.saved) == 0 {
		return session.Progress{}
	}
	return s.saved[len(s.saved)-1]
}

func (s *Session) Open(context.Context) (session.Opening, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.outputs != nil {
		s.Progress.Outputs = maps.Clone(s.outputs)
	}
	return session.Opening{Info: s.Info, Course: s.Course, Faults: s.Faults, Images: s.Images, Progress: s.Progress}, nil
}

func (s *Session) Ready(ctx context.Context, emit func(stack.Event)) (session.Info, error) {
	emit(stack.Event{Type: stack.EventLog, Time: time.Now(), Message: "The sandbox starts"})
	if err := s.sleep(ctx, 300*time.Millisecond); err != nil {
		return s.Info, err
	}
	return s.Info, s.ReadyErr
}

func (s *Session) Save(_ context.Context, p session.Progress) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saved = append(s.saved, p)
	s.Progress.LiveBeside = p.LiveBeside
	s.Progress.Step, s.Progress.Done, s.Progress.Begun, s.Progress.Places = p.Step, p.Done, p.Begun, p.Places
	return nil
}

func (s *Session) Stack(context.Context) (session.Stack, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := session.Stack{Last: s.Last, Exists: len(s.created) > 0, Resources: len(s.created), Created: s.from, TTL: s.TTL}
	for a := range s.created {
		st.Addresses = append(st.Addresses, a)
	}
	if s.created["aws_vpc.main"] {
		st.Network = "10.0.0.0/16"
	}
	if s.desired > 0 || len(s.tasks) > 0 {
		st.URL = "http://localhost:18080"
		st.Outputs = map[string]any{
			"url": st.URL, "cluster": "fargate-workshop", "service": "web", "log_group": "/fargate-workshop/web",
			"target_group": "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/fargate-workshop/6d0ecf831eec9f09",
		}
	}
	return st, nil
}

func (s *Session) begin() (soft, hard chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.soft, s.hard = make(chan struct{}), make(chan struct{})
	return s.soft, s.hard
}

func (s *Session) Stop(hard bool) {
	s.call("stop hard=%v", hard)
	s.mu.Lock()
	defer s.mu.Unlock()
	shut := func(c chan struct{}) {
		select {
		case <-c:
		default:
			close(c)
		}
	}
	if s.soft != nil {
		shut(s.soft)
		if hard {
			shut(s.hard)
		}
	}
}

// ConfirmAccount confirms the account of Info.
func (s *Session) ConfirmAccount(_ context.Context, typed string) error {
	s.call("confirm %s", typed)
	if typed = strings.TrimSpace(typed); typed != s.Info.Account {
		return &doctor.WrongAccountError{Account: s.Info.Account, Typed: typed}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Unconfirmed = nil
	return nil
}

// Repair offers Fix for every error.
func (s *Session) Repair(err error) (session.Repair, bool) {
	return session.Repair{Question: s.Fix, Do: func(context.Context, func(stack.Event)) error {
		s.call("repair")
		s.mu.Lock()
		defer s.mu.Unlock()
		s.PlanDiags = nil
		return nil
	}}, err != nil && s.Fix != ""
}

// Problems calls with Problem, if there is one.
func (s *Session) Problems(ctx context.Context, changed func(string)) {
	if s.Problem != "" {
		changed(s.Problem)
	}
	<-ctx.Done()
}

// LookAt changes nothing: there is one service.
func (s *Session) LookAt(p fargate.Place) {
	if p.Profile != "" {
		s.call("look at %s %s with %s", p.Cluster, p.Service, p.Profile)
		return
	}
	s.call("look at %s %s", p.Cluster, p.Service)
}

// Clusters returns Others.
func (s *Session) Clusters(context.Context, string) ([]fargate.Cluster, error) {
	return s.Others, s.OthersErr
}

// Await returns Elsewhere once.
func (s *Session) Await(ctx context.Context) (session.Operation, error) {
	s.mu.Lock()
	o := s.Elsewhere
	s.Elsewhere, s.ran = nil, s.ran || o != nil
	s.mu.Unlock()
	if o != nil {
		return *o, nil
	}
	<-ctx.Done()
	return session.Operation{}, ctx.Err()
}

// Attach runs the operation as if this session had started it.
func (s *Session) Attach(ctx context.Context, _ string, emit func(stack.Event)) (*stack.Plan, error) {
	s.mu.Lock()
	ran := s.ran
	s.mu.Unlock()
	if !ran {
		return nil, errors.New("no operation has run in this workspace")
	}
	p := s.plan(false)
	_, err := s.Apply(ctx, p, emit)
	return nil, err
}

func (s *Session) Plan(ctx context.Context, destroy bool, emit func(stack.Event)) (*stack.Plan, error) {
	s.call("plan destroy=%v", destroy)
	if err := s.locked(); err != nil {
		return nil, err
	}
	soft, _ := s.begin()
	say := func(t stack.EventType, op stack.Op, m string) {
		emit(stack.Event{Type: t, Time: time.Now(), Op: op, Message: m})
	}
	say(stack.EventLog, stack.OpInit, "Initializing the backend...")
	for i := range 5 {
		emit(stack.Event{Type: stack.EventDownload, Time: time.Now(), Op: stack.OpInit, Message: "Fetching the AWS provider, 680 MB",
			Progress: &stack.Progress{Done: int64(i) * 170e6, Total: 680e6}})
		if err := s.sleep(ctx, 200*time.Millisecond); err != nil {
			return nil, err
		}
	}
	if s.PlanNote != "" {
		say(stack.EventNote, stack.OpInit, s.PlanNote)
	}
	say(stack.EventLog, stack.OpPlan, "Terraform compares the configuration with what exists")
	if err := s.sleep(ctx, 1200*time.Millisecond); err != nil {
		return nil, err
	}
	select {
	case <-soft:
		return nil, stack.ErrStopped
	default:
	}
	if len(s.PlanDiags) > 0 {
		for _, d := range s.PlanDiags {
			emit(stack.Event{Type: stack.EventDiagnostic, Time: time.Now(), Op: stack.OpPlan, Message: d.Summary, Diagnostic: &d})
		}
		return nil, errors.New("terraform plan failed")
	}
	p := s.PlanAs
	if p == nil {
		p = s.plan(destroy)
	}
	emit(stack.Event{Type: stack.EventPlanned, Time: time.Now(), Op: stack.OpPlan, Plan: p})
	return p, nil
}

func (s *Session) plan(destroy bool) *stack.Plan {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &stack.Plan{Destroy: destroy}
	all := Changes()
	for _, c := range all {
		switch {
		case destroy && s.created[c.Address]:
			c.Action = stack.ActionDelete
			c.Needs = needers(all, c)
			p.Delete++
		case !destroy && !s.created[c.Address]:
			p.Create++
		default:
			continue
		}
		p.Changes = append(p.Changes, c)
	}
	return p
}

func needers(all []stack.Change, c stack.Change) []string {
	var out []string
	for _, x := range all {
		for _, n := range x.Needs {
			if n == stack.Base(c.Address) {
				out = append(out, stack.Base(x.Address))
			}
		}
	}
	return out
}

func (s *Session) Apply(ctx context.Context, p *stack.Plan, emit func(stack.Event)) (*stack.Summary, error) {
	s.call("apply %d", len(p.Changes))
	if err := cmp.Or(ctx.Err(), s.locked()); err != nil {
		return nil, err
	}
	s.mu.Lock()
	unconfirmed := s.Unconfirmed
	s.mu.Unlock()
	if unconfirmed != nil {
		return nil, unconfirmed
	}
	soft, hard := s.begin()
	s.mu.Lock()
	s.ran = true
	s.mu.Unlock()
	start := time.Now()
	op := stack.OpApply
	if p.Destroy {
		op = stack.OpDestroy
	}
	type state struct {
		began    time.Time
		done     bool
		reported time.Time
	}
	st := map[string]*state{}
	finished := 0
	asked := false
	var failed error
	s.mu.Lock()
	if s.from.IsZero() && !p.Destroy {
		s.from = start
	}
	s.mu.Unlock()
	for finished < len(p.Changes) {
		now := time.Now()
		busy := 0
		for _, c := range p.Changes {
			x := st[c.Address]
			ev := stack.Event{Time: now, Op: op, Resource: c.Address, Action: c.Action}
			switch {
			case x == nil:
				if asked || failed != nil || !ready(p, c, func(a string) bool { return st[a] != nil && st[a].done }) {
					continue
				}
				st[c.Address] = &state{began: now, reported: now}
				ev.Type, ev.Message = stack.EventStarted, c.Address+": "+verb(c.Action)+"..."
				emit(ev)
				busy++
				if stack.Base(c.Address) == "aws_ecs_service.app" && c.Action == stack.ActionCreate {
					s.up(now)
				}
			case !x.done:
				d := now.Sub(x.began)
				ev.Elapsed = d
				waits := s.BadImage && !p.Destroy && stack.Base(c.Address) == "aws_ecs_service.app"
				if waits && asked {
					failed = stack.ErrStopped
					continue
				}
				if d >= s.scaled(takes(c, p.Destroy)) && !waits {
					x.done = true
					finished++
					if c.Address == s.FailOn && !p.Destroy {
						failed = errors.New("terraform apply failed")
						ev.Type, ev.Message = stack.EventFailed, c.Address+": failed"
						emit(ev)
						diag := s.FailDiag
						diag.Address = c.Address
						emit(stack.Event{Type: stack.EventDiagnostic, Time: now, Op: op, Message: diag.Summary, Diagnostic: &diag})
						continue
					}
					ev.Type, ev.Message = stack.EventDone, fmt.Sprintf("%s: complete after %ds", c.Address, int(d.Seconds()))
					s.mark(c.Address, p.Destroy)
					emit(ev)
					continue
				}
				busy++
				if now.Sub(x.reported) >= 10*time.Second {
					x.reported = now
					ev.Type, ev.Message = stack.EventProgress, fmt.Sprintf("%s: still %s... [%ds elapsed]", c.Address, verb(c.Action), int(d.Seconds()))
					emit(ev)
				}
			}
		}
		if busy == 0 && (asked || failed != nil) {
			break
		}
		if err := s.sleep(ctx, 100*time.Millisecond); err != nil {
			return nil, err
		}
		select { // first: both are closed after a hard stop
		case <-hard:
			return nil, errors.New("terraform was killed")
		default:
		}
		select {
		case <-soft:
			if !asked {
				asked = true
				emit(stack.Event{Type: stack.EventStopping, Time: time.Now(), Op: op, Message: "Stopping operation..."})
			}
		default:
		}
	}
	s.mu.Lock()
	if p.Destroy {
		s.to, s.tasks, s.desired = time.Now(), nil, 0
	}
	s.mu.Unlock()
	if failed != nil {
		return nil, failed
	}
	if asked {
		return nil, fmt.Errorf("terraform apply: %w", stack.ErrStopped)
	}
	sum := &stack.Summary{OK: true, Created: p.Create, Updated: p.Update, Replaced: p.Replace, Deleted: p.Delete, Elapsed: time.Since(start)}
	emit(stack.Event{Type: stack.EventSummary, Time: time.Now(), Op: op, Summary: sum})
	return sum, nil
}

func verb(a stack.Action) string {
	return map[stack.Action]string{stack.ActionCreate: "Creating", stack.ActionDelete: "Destroying", stack.ActionUpdate: "Modifying", stack.ActionReplace: "Replacing"}[a]
}

func ready(p *stack.Plan, c stack.Change, done func(string) bool) bool {
	for _, n := range c.Needs {
		for _, o := range p.Changes {
			if stack.Base(o.Address) == n && !done(o.Address) {
				return false
			}
		}
	}
	return true
}

func (s *Session) scaled(d time.Duration) time.Duration {
	if s.Speed > 0 {
		return time.Duration(float64(d) / s.Speed)
	}
	return d
}

func (s *Session) mark(a string, destroyed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if destroyed {
		delete(s.created, a)
		s.removed++
	} else {
		s.created[a] = true
		s.made++
	}
}

func (s *Session) Sources(context.Context) (map[string]stack.Source, error) {
	out := map[string]stack.Source{}
	files := map[stack.Group]string{stack.GroupNetwork: "network.tf", stack.GroupLoadBalancer: "load_balancer.tf", stack.GroupPermissions: "permissions.tf", stack.GroupService: "service.tf", stack.GroupObservability: "observability.tf"}
	for i, c := range Changes() {
		typ, name, _ := strings.Cut(stack.Base(c.Address), ".")
		out[stack.Base(c.Address)] = stack.Source{File: files[c.Group], Line: 4 + 7*i,
			Text: fmt.Sprintf("resource %q %q {\n  name = \"%s-app\"\n\n  tags = {\n    Owner = \"you\"\n  }\n}", typ, name, name)}
	}
	return out, nil
}

func (s *Session) Cost(p *stack.Plan) session.Cost {
	c := session.Cost{Now: "$0.00/h", Whole: "$0.085/h on AWS, nothing in the sandbox",
		Parts: []session.CostPart{{What: "1 load balancer", Hourly: "$0.025/h"}, {What: "2 Fargate tasks (0.25 vCPU, 512 MiB)", Hourly: "$0.025/h"},
			{What: "4 public IPv4 addresses", Hourly: "$0.020/h"}, {What: "37 metrics of Container Insights", Hourly: "$0.015/h"}}}
	if !s.Info.Sandbox {
		c.Now, c.Whole = "$0.085/h", "about $0.085/h, as long as it runs"
	}
	if p != nil {
		c.Hints, c.Warning = s.Hints, s.Warning
		if p.Update > 0 {
			c.Whole = "+$0.017/h, then $0.102/h"
			if s.Info.Sandbox {
				c.Whole += " on AWS; nothing in the sandbox"
			}
		}
	}
	s.mu.Lock()
	from := s.from
	s.priced++
	s.mu.Unlock()
	c.Meter = func(now time.Time) session.Spent {
		if from.IsZero() {
			return session.Spent{}
		}
		minutes := now.Sub(from) / time.Minute
		m := session.Spent{SoFar: "about $0.06", Sentence: fmt.Sprintf("The stack has been up for %d min and has cost about $0.06.", minutes)}
		m.Notice = m.Sentence
		if s.Info.Sandbox {
			m.SoFar = "$0.00 in the sandbox (on AWS this would have been about $0.06)"
			m.Sentence = fmt.Sprintf("The stack has been up for %d min and has cost %s.", minutes, m.SoFar)
			m.Notice = fmt.Sprintf("Up %d min: $0.00 in the sandbox (on AWS this would have been $0.06).", minutes)
		}
		if s.Warning != "" {
			m.Warning, m.Share, m.Over = "The cost so far, $0.06, is over your budget of $0.05.", "120% of $0.05", true
		}
		return m
	}
	return c
}

// Advice is what the real session returns to a screen.
func (s *Session) Advice(d stack.Diagnostic) string {
	a, _ := d.Advice(tui.Face)
	return a.Do
}

// locked is the error of what changes the workspace while another process holds it.
func (s *Session) locked() error {
	if !s.Info.ReadOnly {
		return nil
	}
	return errors.New(s.Info.Holder)
}

// deployed is the error of what needs a service, and needs s.mu.
func (s *Session) deployed() error {
	if s.desired == 0 && len(s.tasks) == 0 {
		return session.ErrNothingDeployed
	}
	return nil
}

func (s *Session) Run(ctx context.Context, command string, out func(string)) (int, error) {
	s.call("run %s", command)
	if code, ok := strings.CutPrefix(command, "exit "); ok && ctx.Err() == nil {
		return strconv.Atoi(code)
	}
	for _, l := range []string{"HTTP/1.1 200 OK", "Content-Type: application/json; charset=utf-8", "", "{", `  "hostname": "ip-10-0-0-23.eu-west-1.compute.internal",`, `  "version": "6.9.2",`, `  "message": "greetings from podinfo v6.9.2"`, "}"} {
		if err := s.sleep(ctx, 150*time.Millisecond); err != nil {
			return -1, err
		}
		out(l)
	}
	return 0, nil
}

func (s *Session) Receipt(ctx context.Context) (session.Receipt, error) {
	s.call("receipt")
	if err := s.sleep(ctx, 800*time.Millisecond); err != nil {
		return session.Receipt{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.to.IsZero() {
		s.to = time.Now()
	}
	r := session.Receipt{Created: s.made, Removed: s.removed, From: s.from, To: s.to,
		Cost: "$0.00 in the sandbox (on AWS this would have been $0.04)", Sandbox: s.Info.Sandbox, Left: len(s.Left), Proven: s.Unasked == "", Report: sweep.Report{AsOf: time.Now(), Left: s.Left}}
	for _, n := range []string{"virtual networks", "load balancers", "target groups", "services", "clusters", "task definitions", "roles", "log groups", "everything with our tag"} {
		p := sweep.Place{Name: n}
		for _, l := range s.Left {
			if l.Kind == n {
				p.Found++
			}
		}
		if n == s.Unasked {
			p.Err = "AccessDeniedException: User is not authorized to perform this operation"
		}
		r.Report.Places = append(r.Report.Places, p)
	}
	return r, nil
}

var _ tui.Session = (*Session)(nil)
