package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"workshop/internal/clean"
	"workshop/internal/diagnose"
	"workshop/internal/fargate"
	operations "workshop/internal/operation"
	"workshop/internal/session"
	"workshop/internal/stack"
	"workshop/internal/target"
)

// status is the contract of `status --json`.
type status struct {
	Target  target.Kind `json:"target"`
	Account string      `json:"account"`
	Region  string      `json:"region"`
	Stack   stackStatus `json:"stack"`
	// Operation is the newest run of Terraform that changed something or was to;
	// nil where there was none.
	Operation *operations.Status `json:"operation,omitempty"`
	Service   fargate.Service    `json:"service"`
	// Deployments are the service's last ones, newest first.
	Deployments []fargate.ServiceDeployment `json:"deployments"`
	// Scaling is what Application Auto Scaling does with the service; nil where nobody asked.
	Scaling *fargate.Scaling `json:"scaling,omitempty"`
	// Targets are those of the load balancer.
	Targets []fargate.Target `json:"targets"`
	// Tasks are the running ones, then the stopped ones, last stopped first; OlderStops
	// counts those stopped ones that are left out.
	Tasks      []statusTask           `json:"tasks"`
	OlderStops int                    `json:"older_stops,omitempty"`
	Events     []fargate.ServiceEvent `json:"events"`
	URL        string                 `json:"url"`
	TTL        *session.TTL           `json:"ttl,omitempty"`  // when the tasks stop by themselves; nil for never
	Cost       *costStatus            `json:"cost,omitempty"` // nil where the service is not the workspace's
	AsOf       time.Time              `json:"as_of"`

	tasks     []fargate.Task     // as in Tasks
	diagnosis *fargate.Diagnosis // nil where nobody looked
	other     bool               // the service is not the workspace's
}

// statusTask is a task with what scripts ask for most.
type statusTask struct {
	fargate.Task
	ExitCodes map[string]int `json:"exit_codes,omitempty"` // by container
	StoppedAt *time.Time     `json:"stopped_at,omitempty"`
}

func statusTasks(tasks []fargate.Task) []statusTask {
	out := make([]statusTask, len(tasks))
	for i, t := range tasks {
		out[i] = statusTask{Task: t, StoppedAt: t.Stopped}
		for _, c := range t.Containers {
			if c.ExitCode == nil {
				continue
			}
			if out[i].ExitCodes == nil {
				out[i].ExitCodes = map[string]int{}
			}
			out[i].ExitCodes[c.Name] = *c.ExitCode
		}
	}
	return out
}

type stackStatus struct {
	// State is none, partial or up; unknown where it was not read yet, other where the
	// service is not the workspace's.
	State     string `json:"state"`
	Resources int    `json:"resources"`
	// Lost: the state lists nothing, although the journal has a deployment and no
	// destroy after it.
	Lost bool `json:"lost,omitempty"`
	// Kept is where Terraform's state is; nil where it is in the workspace.
	Kept *session.StateKept `json:"kept,omitempty"`
}

// where names the target.
func (st status) where() string {
	if st.Target == target.Sandbox {
		return "the sandbox"
	}
	return "AWS"
}

func (c *commandLine) statusCommand() *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what runs: the service, its tasks and why stopped ones stopped",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			s, t, err := c.reach(ctx)
			var gone *target.UnavailableError
			if errors.As(err, &gone) && !c.json {
				return errors.Join(err, c.showState(s))
			}
			if err != nil {
				return err
			}
			st, err := c.status(s, t)
			if s.Other() {
				st, err = newStatus(t), nil
				st.other = true
			}
			if errors.Is(err, session.ErrNothingDeployed) {
				st.AsOf = time.Now().UTC()
				st.Cost = c.costOf(s, st.AsOf)
				return c.showStatus(st)
			}
			if errors.Is(err, stack.ErrStateUnread) {
				st.Stack.State, st.AsOf = "unknown", time.Now().UTC()
				return c.showStatus(st)
			}
			if err != nil {
				return err
			}
			if watch {
				return c.watchStatus(ctx, s, st)
			}
			look, cancel := context.WithTimeout(ctx, 30*time.Second)
			defer cancel()
			snap, err := s.Look(look)
			if err != nil {
				return err
			}
			st.add(snap)
			st.Cost = c.costOf(s, st.AsOf)
			return c.showStatus(st)
		},
	}
	cmd.Flags().BoolVar(&watch, "watch", false, "go on until interrupted, printing what changes")
	return cmd
}

// showState shows what Terraform's state says, where the sandbox does not answer.
func (c *commandLine) showState(s *session.Session) error {
	st, err := c.status(s, &target.Target{Kind: s.Kind()})
	if err != nil && !errors.Is(err, session.ErrNothingDeployed) {
		return err
	}
	c.printf("Terraform's state has %s.", plural(st.Stack.Resources, "resource"))
	if st.URL != "" {
		c.printf(" The service's address is %s", clean.Line(st.URL))
	}
	c.printf("\n")
	return nil
}

// newStatus is the status of a service of which nothing is known yet.
func newStatus(t *target.Target) status {
	return status{Target: t.Kind, Account: t.Account, Region: t.Region, Tasks: []statusTask{}, Events: []fargate.ServiceEvent{}, Deployments: []fargate.ServiceDeployment{}, Targets: []fargate.Target{}}
}

// status is what is known without asking AWS.
func (c *commandLine) status(s *session.Session, t *target.Target) (status, error) {
	st := newStatus(t)
	st.Stack.State, st.Stack.Kept = "none", s.StateKept()
	if last, ok := s.LastOperation(); ok {
		st.Operation = &last
	}
	tf, err := s.State()
	if err != nil {
		return st, err
	}
	resources, err := tf.State()
	if err != nil {
		return st, err
	}
	st.Stack.Resources, st.TTL = len(resources), session.TTLOf(resources, time.Now())
	st.Stack.Lost = len(resources) == 0 && s.Lost()
	ref, err := s.Ref()
	switch {
	case err == nil:
		st.Stack.State = "up"
		st.URL = ref.URL
	case len(resources) > 0:
		st.Stack.State = "partial"
	}
	return st, err
}

// add puts in what is known of the service.
func (st *status) add(snap fargate.Snapshot) {
	st.Service, st.AsOf = snap.Service, snap.AsOf
	st.Stack.State = "up"
	if snap.Service.Status == "" { // the outputs are there before the service is
		st.Stack.State = "partial"
	}
	if st.other {
		st.Stack.State = "other"
	}
	st.Tasks, st.OlderStops = statusTasks(snap.Tasks), snap.OlderStops
	st.Deployments, st.Scaling = snap.History, snap.Scaling
	st.Targets = append([]fargate.Target{}, snap.Targets...)
	st.Events = append([]fargate.ServiceEvent{}, snap.Events...)
	st.tasks, st.diagnosis = snap.Tasks, snap.Diagnosis
}

// watchStatus prints the status, and from then on what changes.
func (c *commandLine) watchStatus(ctx context.Context, s *session.Session, st status) error {
	var before status
	first := true
	var failed error
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s.ReadScaling(true)
	defer s.ReadScaling(false)
	err := s.Watch(ctx, func(snap fargate.Snapshot) {
		if snap.Stale != nil {
			c.note("As of %s: %v", snap.AsOf.Local().Format(time.TimeOnly), snap.Stale)
			return
		}
		st.add(snap)
		switch {
		case first:
			st.Cost = c.costOf(s, st.AsOf)
			failed = c.showStatus(st)
		case st.same(before):
		default:
			st.Cost = c.costOf(s, st.AsOf)
			failed = c.showChange(before, st)
		}
		first, before = false, st
		if failed != nil {
			stop()
		}
	})
	switch {
	case failed != nil:
		return failed
	case err == nil && ctx.Err() != nil:
		return errInterrupted
	}
	return err
}

// same reports whether nothing that a status shows is different, time and cost aside.
func (st status) same(before status) bool {
	before.AsOf, before.Cost = st.AsOf, st.Cost
	if st.Scaling != nil && before.Scaling != nil {
		timeless := *before.Scaling
		timeless.AsOf = st.Scaling.AsOf
		before.Scaling = &timeless
	}
	a, errA := json.Marshal(st)
	b, errB := json.Marshal(before)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// showChange prints what the status has and did not have before.
func (c *commandLine) showChange(before, now status) error {
	if c.json {
		return c.emit(now)
	}
	old := before.entries()
	for _, e := range now.entries() {
		if !slices.Contains(old, e) {
			c.printf("%s  %s", time.Now().Format(time.TimeOnly), e)
		}
	}
	return nil
}

// shownEvents is how many of the service's events a status prints.
const shownEvents = 5

func (c *commandLine) showStatus(st status) error {
	if c.json {
		return c.emit(st)
	}
	c.printf("%s  account %s, %s  as of %s\n", st.Target, clean.Line(st.Account), clean.Line(st.Region), st.AsOf.Local().Format("15:04:05"))
	if o := st.Operation; o != nil {
		if text := operationText(*o); text != "" {
			c.printf("%s\n", text)
		}
	}
	c.showKept(st.Stack.Kept)
	switch st.Stack.State {
	case "unknown":
		return nil
	case "none":
		if st.Stack.Lost {
			c.printf("Terraform's state lists nothing, although something was deployed and not destroyed. `workshop destroy` asks %s for it and deletes it.\n", st.where())
			return nil
		}
		c.printf("Nothing is deployed. `workshop deploy` shows a plan first.\n")
		return nil
	case "partial":
		c.printf("%d resources exist, but the deployment is not complete. `workshop deploy` goes on where it stopped, `workshop destroy` removes them.\n", st.Stack.Resources)
		st.Cost.show(c)
		st.showTTL(c)
		return nil
	}
	entries := st.entries()
	c.printf("%s", entries[0])
	if st.deleted() {
		return nil
	}
	if !st.other {
		c.printf("url     %s\n", clean.Line(st.URL))
		st.Cost.show(c)
		st.showTTL(c)
	}
	for _, e := range entries[1:] {
		c.printf("%s", e)
	}
	return nil
}

// deleted reports whether the service is on its way out, or gone.
func (st status) deleted() bool {
	return st.Service.Status == "INACTIVE" || st.Service.Status == "DRAINING"
}

// shownStops is how many ways in which tasks have stopped a status prints.
const shownStops = 5

// entries are what a status says of the service, each of one or more lines, the service
// itself first. None changes by time alone.
func (st status) entries() []string {
	sv := st.Service
	if st.deleted() {
		again := ". `workshop deploy` creates it again"
		if st.other {
			again = ""
		}
		return []string{fmt.Sprintf("service %s  is deleted (%s)%s\n", clean.Line(sv.Name), clean.Line(sv.Status), again)}
	}
	out := []string{fmt.Sprintf("service %s  %d of %d running, %d pending  %s\n", clean.Line(sv.Name), sv.Running, sv.Desired, sv.Pending, st.rollout())}
	if d := st.diagnosis; d != nil && d.Cause != nil {
		out = append(out, fmt.Sprintf("cause   %s. `workshop diagnose` says more\n", clean.Line(d.Cause.Title)))
	}
	if entry := scalingEntry(st.Scaling); entry != "" {
		out = append(out, entry)
	}
	for _, t := range st.tasks {
		if t.Stopped == nil {
			out = append(out, taskEntry(t))
		}
	}
	groups := fargate.GroupStops(st.tasks)
	for _, g := range groups[:min(shownStops, len(groups))] {
		out = append(out, stopsEntry(g))
	}
	left := st.OlderStops
	for _, g := range groups[min(shownStops, len(groups)):] {
		left += len(g.Tasks)
	}
	if left > 0 {
		out = append(out, fmt.Sprintf("        %d more stopped before; `workshop status --json` lists the last hundred\n", left))
	}
	for i, e := range st.Events[:min(shownEvents, len(st.Events))] {
		text := fmt.Sprintf("event   %s  %s\n", e.Time.Local().Format(time.TimeOnly), clean.Line(e.Message))
		if a := st.explained(); i == 0 && a != nil {
			text += fmt.Sprintf("        %s\n        %s\n", clean.Line(a.What), clean.Line(a.Do))
		}
		out = append(out, text)
	}
	return out
}

// scalingEntry is about what scales the service; empty where nothing does. Values of what is
// tracked are left out: they change all the time.
func scalingEntry(s *fargate.Scaling) string {
	if s == nil || !s.Scalable && len(s.Unknown) == 0 {
		return ""
	}
	var said []string
	if s.Scalable {
		said = append(said, fmt.Sprintf("%d to %s", s.Min, plural(s.Max, "task")))
	}
	for _, p := range s.Policies {
		if p.Target > 0 {
			said = append(said, strings.TrimSpace(fmt.Sprintf("holds %s at %.4g %s", p.MetricInWords(), p.Target, p.Unit())))
		}
		for _, a := range p.Alarms {
			if a.State == "ALARM" {
				said = append(said, a.Short()+" in ALARM since "+a.Since.Local().Format(time.TimeOnly))
			}
		}
	}
	if len(s.Suspended) > 0 {
		said = append(said, strings.Join(s.Suspended, " and ")+" switched off")
	}
	for _, g := range s.Unknown {
		said = append(said, g.Part+" unknown")
	}
	text := "scaling " + clean.Line(strings.Join(said, ", ")) + "\n"
	if len(s.Activities) > 0 {
		a := s.Activities[0]
		said := strings.TrimSuffix(a.Description, ".") + ": " + strings.ToLower(a.Status)
		if why := a.Unscaled(); why != "" {
			said = a.CauseInWords() + " and nothing changed: " + why
		}
		text += fmt.Sprintf("        %s  %s\n", a.Started.Local().Format(time.TimeOnly), clean.Line(said))
	}
	return text
}

// taskEntry is about a task that has not stopped.
func taskEntry(t fargate.Task) string {
	line := fmt.Sprintf("task    %.8s  %-12s %-9s %-11s %-15s", t.ID, strings.ToLower(t.Status), strings.ToLower(t.Health), t.Zone, t.Address)
	if t.Started != nil {
		line += " up since " + t.Started.Local().Format(time.TimeOnly)
	}
	text := strings.TrimRight(clean.Line(line), " ") + "\n"
	switch {
	case t.Answer != nil:
		text += fmt.Sprintf("        %s\n        %s\n", clean.Line(t.Answer.What), clean.Line(t.Answer.Do))
	case t.HealthBy == fargate.ByContainer && t.Health == "UNKNOWN" && t.Status == "RUNNING":
		text += "        The container's own health check has not passed yet.\n"
	}
	return text
}

// stopsEntry is about tasks that stopped in the same way.
func stopsEntry(g fargate.Stops) string {
	t := g.Last()
	text := fmt.Sprintf("task    %.8s  stopped      %s\n", t.ID, clean.Line(t.Revision))
	if n := len(g.Tasks); n > 1 {
		text = fmt.Sprintf("tasks   %d stopped in the same way, %s, the last is %.8s\n", n, clean.Line(t.Revision), t.ID)
	}
	if t.Answer != nil {
		text += fmt.Sprintf("        %s\n        %s\n", clean.Line(t.Answer.What), clean.Line(t.Answer.Do))
	}
	return text + fmt.Sprintf("        %s\n", clean.Line(ending(t)))
}

// explained returns what is known of the newest event; nil where nothing is wrong
// or a task says it already. Older events may be about what is over.
func (st *status) explained() *fargate.Answer {
	if len(st.Events) == 0 {
		return nil
	}
	a, ok := diagnose.Event(st.Events[0].Message)
	if !ok || a.Fine || slices.ContainsFunc(st.tasks, func(t fargate.Task) bool { return t.Answer != nil && t.Answer.ID == a.ID }) {
		return nil
	}
	return &a
}

// operationText says in a sentence how the newest operation is; empty for one
// that ended well.
func operationText(o operations.Status) string {
	at := o.Started.Local().Format("15:04:05")
	so := ""
	if o.Total > 0 {
		so = fmt.Sprintf(" at %d of %d resources", o.Done, o.Total)
	}
	switch o.State {
	case operations.StateRunning:
		return fmt.Sprintf("%s is running%s, started at %s by %q", o.Kind, so, at, o.By)
	case operations.StateInterrupted:
		return fmt.Sprintf("The last %s, started at %s, was interrupted%s. The next plan also looks in the account for what Terraform's state has lost.", o.Kind, at, so)
	case operations.StateStopped:
		return fmt.Sprintf("The last %s, started at %s, was stopped%s.", o.Kind, at, so)
	case operations.StateFailed:
		first, _, _ := strings.Cut(o.Err.Error(), "\n")
		return fmt.Sprintf("The last %s, started at %s, failed%s: %s", o.Kind, at, so, clean.Line(first))
	}
	return ""
}

// ending is what AWS says about a stopped task's end, and when it was.
func ending(t fargate.Task) string {
	said := []string{"stopped at " + t.Stopped.Local().Format("15:04:05")}
	if t.StoppedReason != "" {
		said = append(said, "AWS says: "+t.StoppedReason)
	}
	if t.StopCode != "" {
		said = append(said, "stop code "+t.StopCode)
	}
	for _, c := range t.Containers {
		if c.ExitCode != nil {
			said = append(said, fmt.Sprintf("%s ended with exit code %d", c.Name, *c.ExitCode))
		}
		if c.Reason != "" {
			said = append(said, c.Name+": "+c.Reason)
		}
	}
	return strings.Join(said, "; ")
}

// rollout says how the newest deployment is. One that ECS has taken back is not rolled out.
func (st status) rollout() string {
	if len(st.Deployments) > 0 {
		d := st.Deployments[0]
		switch {
		case d.RolledBack() && d.Over():
			return clean.Line("the deployment of " + d.Revision + " was rolled back")
		case d.RolledBack():
			return clean.Line("the deployment of " + d.Revision + " is rolled back")
		}
	}
	switch st.Service.Rollout {
	case "COMPLETED":
		return "rolled out"
	case "IN_PROGRESS":
		return "rolling out"
	case "FAILED":
		return "roll-out FAILED"
	}
	return clean.Line(strings.ToLower(st.Service.Rollout))
}

// showTTL prints when the tasks stop by themselves, if they do.
func (st status) showTTL(c *commandLine) {
	if st.TTL != nil {
		c.printf("ttl     %s\n", st.TTL.Sentence(st.AsOf))
	}
}
