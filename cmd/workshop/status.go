package main

import (
	"context"
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
	Operation *operations.Status     `json:"operation,omitempty"`
	Service   fargate.Service        `json:"service"`
	Tasks     []fargate.Task         `json:"tasks"`
	Events    []fargate.ServiceEvent `json:"events"`
	URL       string                 `json:"url"`
	TTL       *session.TTL           `json:"ttl,omitempty"` // when the tasks stop by themselves; nil for never
	Cost      costStatus             `json:"cost"`
	AsOf      time.Time              `json:"as_of"`
}

type stackStatus struct {
	State     string `json:"state"` // none, partial, up; unknown where it was not read yet
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
			st, ref, err := c.status(s, t)
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
				return c.watchStatus(ctx, s, t, st, ref)
			}
			look, cancel := context.WithTimeout(ctx, 30*time.Second)
			defer cancel()
			snap, err := fargate.Look(look, fargate.NewClients(t.Config), ref)
			if err != nil {
				return err
			}
			_ = s.Seen(snap) // the picture goes on without a journal
			snap.Tasks = s.Answers(snap.Tasks)
			st.add(snap, s.StoppedTasks())
			st.Cost = c.costOf(s, st.AsOf)
			return c.showStatus(st)
		},
	}
	cmd.Flags().BoolVar(&watch, "watch", false, "go on until interrupted, showing every change")
	return cmd
}

// showState shows what Terraform's state says, where the sandbox does not answer.
func (c *commandLine) showState(s *session.Session) error {
	st, _, err := c.status(s, &target.Target{Kind: s.Kind()})
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

// status is what is known without asking AWS.
func (c *commandLine) status(s *session.Session, t *target.Target) (status, fargate.Ref, error) {
	st := status{Target: t.Kind, Account: t.Account, Region: t.Region, Tasks: []fargate.Task{}, Events: []fargate.ServiceEvent{}}
	st.Stack.State, st.Stack.Kept = "none", s.StateKept()
	if last, ok := s.LastOperation(); ok {
		st.Operation = &last
	}
	tf, err := s.State()
	if err != nil {
		return st, fargate.Ref{}, err
	}
	resources, err := tf.State()
	if err != nil {
		return st, fargate.Ref{}, err
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
	return st, ref, err
}

// add puts in what AWS said, and the stopped tasks that it has forgotten.
func (st *status) add(snap fargate.Snapshot, kept []fargate.Task) {
	st.Service, st.AsOf = snap.Service, snap.AsOf
	st.Stack.State = "up"
	if snap.Service.Status == "" { // the outputs are there before the service is
		st.Stack.State = "partial"
	}
	st.Tasks = append([]fargate.Task{}, snap.Tasks...)
	st.Events = append([]fargate.ServiceEvent{}, snap.Events...)
	known := map[string]bool{}
	for _, t := range st.Tasks {
		known[t.ID] = true
	}
	for _, t := range kept {
		if !known[t.ID] {
			known[t.ID] = true
			st.Tasks = append(st.Tasks, t)
		}
	}
}

func (c *commandLine) watchStatus(ctx context.Context, s *session.Session, t *target.Target, st status, ref fargate.Ref) error {
	var known []string
	for _, k := range s.StoppedTasks() {
		known = append(known, k.ID)
	}
	w := fargate.Watch(ctx, t.Config, ref, fargate.WatchOptions{
		Known:     known,
		OnStopped: func(t fargate.Task) { _ = s.KeepStopped(t) }, // the picture goes on without a journal
	})
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return errInterrupted
		case snap, ok := <-w.Updates():
			if !ok {
				return nil
			}
			if snap.Stale != nil {
				c.note("As of %s: %v", snap.AsOf.Local().Format("15:04:05"), snap.Stale)
				continue
			}
			_ = s.Seen(snap) // the picture goes on without a journal
			snap.Tasks = s.Answers(snap.Tasks)
			st.add(snap, nil)
			st.Cost = c.costOf(s, st.AsOf)
			if err := c.showStatus(st); err != nil {
				return err
			}
		}
	}
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
	sv := st.Service
	if sv.Status == "INACTIVE" || sv.Status == "DRAINING" {
		c.printf("service %s  is deleted (%s). `workshop deploy` creates it again\n", clean.Line(sv.Name), clean.Line(sv.Status))
		return nil
	}
	c.printf("service %s  %d of %d running, %d pending  %s\n", clean.Line(sv.Name), sv.Running, sv.Desired, sv.Pending, rollout(sv.Rollout))
	c.printf("url     %s\n", clean.Line(st.URL))
	st.Cost.show(c)
	st.showTTL(c)
	for _, t := range st.Tasks {
		line := fmt.Sprintf("task    %.8s  %-12s %-9s %-11s %-15s", t.ID, strings.ToLower(t.Status), strings.ToLower(t.Health), t.Zone, t.Address)
		if t.Started != nil && t.Stopped == nil {
			line += " up " + clock(st.AsOf.Sub(*t.Started))
		}
		c.printf("%s\n", strings.TrimRight(clean.Line(line), " "))
		if t.Answer != nil {
			c.printf("        %s\n        %s\n", clean.Line(t.Answer.What), clean.Line(t.Answer.Do))
		}
		switch {
		case t.Stopped != nil:
			c.printf("        %s\n", clean.Line(ending(t)))
		case t.Answer != nil:
		case t.StoppedReason != "":
			c.printf("        %s\n", clean.Line(t.StoppedReason))
		case t.HealthBy == fargate.ByContainer && t.Health == "UNHEALTHY":
			c.printf("        The container's own health check fails.\n")
		case t.HealthBy == fargate.ByContainer && t.Health == "UNKNOWN" && t.Status == "RUNNING":
			c.printf("        The container's own health check has not passed yet.\n")
		}
	}
	for i, e := range st.Events[:min(shownEvents, len(st.Events))] {
		c.printf("event   %s  %s\n", e.Time.Local().Format("15:04:05"), clean.Line(e.Message))
		if a := st.explained(); i == 0 && a != nil {
			c.printf("        %s\n        %s\n", clean.Line(a.What), clean.Line(a.Do))
		}
	}
	return nil
}

// explained returns what is known of the newest event; nil where nothing is wrong
// or a task says it already. Older events may be about what is over.
func (st *status) explained() *fargate.Answer {
	if len(st.Events) == 0 {
		return nil
	}
	a, ok := diagnose.Event(st.Events[0].Message)
	if !ok || a.Fine || slices.ContainsFunc(st.Tasks, func(t fargate.Task) bool { return t.Answer != nil && t.Answer.ID == a.ID }) {
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

func rollout(state string) string {
	switch state {
	case "COMPLETED":
		return "rolled out"
	case "IN_PROGRESS":
		return "rolling out"
	case "FAILED":
		return "roll-out FAILED"
	}
	return clean.Line(strings.ToLower(state))
}

// showTTL prints when the tasks stop by themselves, if they do.
func (st status) showTTL(c *commandLine) {
	if st.TTL != nil {
		c.printf("ttl     %s\n", st.TTL.Sentence(st.AsOf))
	}
}
