package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"workshop/internal/check"
	"workshop/internal/fargate"
	"workshop/internal/lesson"
	"workshop/internal/stack"
)

const (
	entryPlanned = "planned" // a plan was made: planned

	loggedSince = 15 * time.Minute
	loggedMost  = 1000     // log lines that are counted
	bodyMost    = 64 << 10 // bytes of an answer that are read
	getTimeout  = 10 * time.Second
)

type planned struct {
	Destroy bool `json:"destroy"`
	Create  int  `json:"create"`
	Update  int  `json:"update"`
	Replace int  `json:"replace"`
	Delete  int  `json:"delete"`
}

// keepPlan journals a plan for later checks. That it cannot be written must not
// keep anybody from what they were about.
func (s *Session) keepPlan(p *stack.Plan) {
	_ = s.Workspace.Append(entryPlanned, planned{p.Destroy, p.Create, p.Update, p.Replace, p.Delete})
}

// Facts are the facts of this moment, for checks. Each is gathered when it is
// first asked for, and then kept.
func (s *Session) Facts() check.Source { return &facts{s: s} }

// facts remembers what it found: one look at AWS serves all checks of a step.
type facts struct {
	s         *Session
	live      *check.Live
	terraform *check.Terraform
	outputs   map[string]any
	config    *check.Configuration
	history   *check.History
	plan      check.Plan // with history
	failed    error      // of live: what cannot be had now is not asked for again
}

func (f *facts) Place() check.Place {
	return check.Place{Target: string(f.s.opts.Kind), Region: f.s.region()}
}

func (f *facts) Account(ctx context.Context) (string, error) {
	t, err := f.s.Target(ctx)
	if err != nil {
		return "", err
	}
	return t.Account, nil
}

// Terraform looks for the program that would be used, and fetches none.
func (f *facts) Terraform(ctx context.Context) (check.Terraform, error) {
	if f.terraform != nil {
		return *f.terraform, nil
	}
	var out check.Terraform
	tf, err := stack.Find(ctx, f.s.findOptions(true), nil)
	switch {
	case err == nil:
		out.Version = tf.Version
	case !errors.Is(err, stack.ErrNoTerraform):
		return out, err
	}
	for address, version := range f.configuration().Providers {
		if strings.HasSuffix(address, "/hashicorp/aws") {
			out.Provider = version
		}
	}
	f.terraform = &out
	return out, nil
}

func (f *facts) Stack(ctx context.Context) (check.Stack, error) {
	out := check.Stack{State: "none"}
	resources, err := f.s.stateResources()
	if err != nil {
		return out, err
	}
	out.Resources = len(resources)
	if len(resources) == 0 {
		return out, nil
	}
	for _, r := range resources {
		out.Addresses = append(out.Addresses, r.Address)
	}
	out.State = "partial"
	if whole, err := f.whole(); err != nil {
		return out, err
	} else if whole {
		out.State = "up"
	}
	if l := f.s.Life(); l.To.IsZero() && !l.From.IsZero() {
		out.Created = l.From.UTC().Format(time.RFC3339)
	}
	return out, nil
}

// whole reports whether what stands is complete: the last apply ended well, or
// Terraform, run by hand, has left the outputs of a service.
func (f *facts) whole() (bool, error) {
	f.s.mu.Lock()
	applies := f.s.applying != nil
	f.s.mu.Unlock()
	if applies {
		return false, nil
	}
	ok := false
	for e, err := range f.s.Workspace.Read(entryApplying, entryApplied) {
		if err != nil {
			return false, err
		}
		var a applying
		var sum stack.Summary
		switch {
		case e.Kind == entryApplied && json.Unmarshal(e.Data, &sum) == nil:
			ok = sum.OK
		case e.Kind == entryApplying && json.Unmarshal(e.Data, &a) == nil && a.Destroy:
			return f.service()
		}
	}
	if ok {
		return true, nil
	}
	return f.service()
}

// service reports whether the outputs name a service.
func (f *facts) service() (bool, error) {
	_, err := f.s.Ref()
	if errors.Is(err, ErrNothingDeployed) {
		return false, nil
	}
	return err == nil, err
}

func (f *facts) Plan(context.Context) (check.Plan, error) {
	err := f.read()
	return f.plan, err
}

func (f *facts) History(context.Context) (check.History, error) {
	err := f.read()
	if err != nil {
		return check.History{}, err
	}
	return *f.history, nil
}

// read counts what the journal has.
func (f *facts) read() error {
	if f.history != nil {
		return nil
	}
	var h check.History
	var plan check.Plan
	destroying, wanted := false, -1
	for e, err := range f.s.Workspace.Read() {
		if err != nil {
			return err
		}
		switch e.Kind {
		case entryPlanned:
			var p planned
			if json.Unmarshal(e.Data, &p) == nil {
				h.Plans++
				plan = check.Plan{Made: true, Destroy: p.Destroy, Create: &p.Create, Update: &p.Update, Replace: &p.Replace, Delete: &p.Delete}
			}
		case entryApplying:
			var a applying
			destroying = json.Unmarshal(e.Data, &a) == nil && a.Destroy
		case entryApplied:
			var sum stack.Summary
			switch err := json.Unmarshal(e.Data, &sum); {
			case err != nil:
			case !sum.OK:
				h.Failures++
			default:
				plan.Applied = plan.Made
				if !destroying {
					h.Applies++
				}
			}
		case entryDestroyed:
			h.Destroys++
			wanted = -1
		case entryStopped:
			h.TasksStopped++
		case entryDesired:
			var d desired
			if json.Unmarshal(e.Data, &d) != nil {
				continue
			}
			switch {
			case wanted >= 0 && d.Count > wanted:
				h.ScaledUp++
			case wanted >= 0 && d.Count < wanted:
				h.ScaledDown++
			}
			wanted = d.Count
			h.MostTasks = max(h.MostTasks, d.Count)
		}
	}
	f.history, f.plan = &h, plan
	return nil
}

// Live takes one look at the service. Before anything is deployed it asks
// nobody.
func (f *facts) Live(ctx context.Context) (check.Live, error) {
	if f.failed != nil {
		return check.Live{}, f.failed
	}
	if f.live != nil {
		return *f.live, nil
	}
	ref, err := f.s.Ref()
	var snap fargate.Snapshot
	switch {
	case errors.Is(err, ErrNothingDeployed):
	case err != nil:
		return check.Live{}, err
	default:
		t, err := f.s.Target(ctx)
		if err != nil {
			f.failed = err
			return check.Live{}, err
		}
		if snap, err = fargate.Look(ctx, fargate.NewClients(t.Config), ref); err != nil {
			f.failed = err
			return check.Live{}, err
		}
		_ = f.s.Seen(snap) // the picture serves without a journal
	}
	l := live(snap, f.s.StoppedTasks())
	f.live = &l
	return l, nil
}

// live is a snapshot as facts, with the stopped tasks that ECS has forgotten.
func live(snap fargate.Snapshot, kept []fargate.Task) check.Live {
	sv := snap.Service
	out := check.Live{Service: check.Service{
		Name: sv.Name, Status: sv.Status, Running: sv.Running, Pending: sv.Pending, Rollout: sv.Rollout,
	}}
	if sv.Status != "" {
		out.Service.Desired = &sv.Desired
	}
	for i, d := range sv.Deployments {
		if i == 0 {
			out.Service.Revision = revision(d.Revision)
		}
		out.Service.Failed += d.Failed
		out.Deployments = append(out.Deployments, check.Deployment{
			ID: d.ID, Status: d.Status, Revision: revision(d.Revision), Desired: d.Desired, Running: d.Running,
			Pending: d.Pending, Failed: d.Failed, Rollout: d.Rollout, Reason: d.Reason,
		})
	}
	tasks, _ := withKept(snap.Tasks, kept, len(kept))
	for _, t := range tasks {
		if t.Stopped != nil || t.Status == "STOPPED" {
			out.Tasks.Stopped = append(out.Tasks.Stopped, task(t))
			continue
		}
		out.Tasks.Running = append(out.Tasks.Running, task(t))
		if t.Status == "RUNNING" && t.Health == "HEALTHY" {
			out.Service.Healthy++
		}
	}
	for _, e := range snap.Events {
		out.Events = append(out.Events, check.Event{Time: e.Time.UTC().Format(time.RFC3339), Message: e.Message})
	}
	return out
}

func task(t fargate.Task) check.Task {
	out := check.Task{
		ID: t.ID, Status: t.Status, Health: t.Health, Target: t.Target, Zone: t.Zone, Address: t.Address,
		Revision: revision(t.Revision), StopCode: t.StopCode, Reason: t.StoppedReason,
	}
	for _, c := range t.Containers {
		if c.ExitCode != nil {
			out.ExitCode = c.ExitCode
			break
		}
	}
	return out
}

// revision is the number in family:number; 0 where there is none.
func revision(s string) int {
	n, _ := strconv.Atoi(s[strings.LastIndexByte(s, ':')+1:])
	return n
}

func (f *facts) Outputs(context.Context) (map[string]any, error) {
	if f.outputs != nil {
		return f.outputs, nil
	}
	st, err := f.s.State()
	if err != nil {
		return nil, err
	}
	out, err := st.Outputs()
	if err != nil {
		return nil, err
	}
	f.outputs = out
	return out, nil
}

func (f *facts) Vars(context.Context) (map[string]any, error) {
	out := map[string]any{}
	for name, v := range f.configuration().Variables {
		out[name] = v.Value
	}
	if _, ok := out["workspace_id"]; ok {
		out["workspace_id"] = f.s.Workspace.ID() // given to Terraform past the files
	}
	return out, nil
}

func (f *facts) configuration() *check.Configuration {
	if f.config == nil {
		f.config = f.s.Configuration()
	}
	return f.config
}

// Configuration is what the learner's configuration offers to checks and
// actions, read from the workspace.
func (s *Session) Configuration() *check.Configuration {
	return check.ReadConfiguration(os.DirFS(s.Workspace.TerraformDir()))
}

func (f *facts) Steps(context.Context) (map[string]check.Step, error) {
	p, err := f.s.Workspace.LoadProgress()
	if err != nil {
		return nil, err
	}
	course, _ := f.s.Course() // faults of single steps are told where the course is shown
	out := map[string]check.Step{}
	for _, st := range course.Steps {
		sp := p.Steps[st.ID]
		var ids []string
		for _, c := range st.Checks {
			ids = append(ids, c.ID)
		}
		out[st.ID] = check.Step{Done: sp.Done, Passed: sp.Passed(ids...)}
	}
	return out, nil
}

// Get asks a URL once, on a connection of its own, so that a load balancer can
// take its next target.
func (f *facts) Get(ctx context.Context, url string) (check.Response, error) {
	if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
		return check.Response{Err: "it is not an http or https URL"}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return check.Response{Err: err.Error()}, nil
	}
	req.Header.Set("User-Agent", "workshop-check")
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}
	began := time.Now()
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		var ue interface{ Unwrap() error }
		if errors.As(err, &ue) && ue.Unwrap() != nil {
			err = ue.Unwrap() // without the URL, which is said beside it
		}
		return check.Response{Err: err.Error()}, nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, bodyMost))
	if err != nil {
		return check.Response{Err: fmt.Sprintf("the answer broke off: %v", err)}, nil
	}
	return check.Response{Status: resp.StatusCode, Body: string(body), Took: time.Since(began)}, nil
}

func (f *facts) Logged(ctx context.Context, pattern string) (int, error) {
	ref, err := f.s.Ref()
	if errors.Is(err, ErrNothingDeployed) || err == nil && ref.LogGroup == "" {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	t, err := f.s.Target(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, err := range fargate.Tail(ctx, t.Config, fargate.TailOptions{Group: ref.LogGroup, Since: time.Now().Add(-loggedSince), Filter: pattern}) {
		var again *fargate.Retrying
		switch {
		case errors.Is(err, fargate.ErrNoLogGroup):
			return 0, nil
		case errors.As(err, &again):
			continue
		case err != nil:
			return n, err
		}
		if n++; n == loggedMost {
			break
		}
	}
	// A Tail that its context ends says nothing.
	return n, ctx.Err()
}

// Value returns the value of a name in text, {{ name }}: what Names has, and facts
// that files have. course may be nil.
func (s *Session) Value(course *lesson.Course, name string) (string, bool) {
	n := Names{Info: Info{Sandbox: s.Sandbox(), Region: s.region(), Workspace: s.Workspace.Dir()}, Course: course, Screens: s.opts.Screens}
	if t := s.opened(); t != nil {
		n.Info.Account = t.Account
	}
	if strings.HasPrefix(name, outputPrefix) {
		if st, err := s.State(); err == nil {
			n.Outputs, _ = st.Outputs() // a state that cannot be read has none
		}
	}
	if v, ok := n.Value(name); ok {
		return v, true
	}
	e, err := check.CompileValue(name, nil)
	if err != nil || !e.Local() {
		return "", false
	}
	return check.Lookup(context.Background(), name, s.Facts())
}

// Holds reports whether the condition of a part of a text holds, for
// lesson.Select. One that cannot be evaluated, or would have to ask AWS, holds:
// too much to read is better than too little. The facts are those of the moment
// in which Holds was called; the function reads files.
func (s *Session) Holds() func(when string) bool {
	src := s.Facts()
	return func(when string) bool {
		e, err := check.Compile(when, nil)
		if err != nil || !e.Local() {
			return true
		}
		ok, err := e.Holds(context.Background(), src)
		return ok || err != nil
	}
}
