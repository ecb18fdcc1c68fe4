package main

import (
	"bufio"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"workshop/internal/clean"
	"workshop/internal/fargate"
	operations "workshop/internal/operation"
	"workshop/internal/session"
	"workshop/internal/stack"
	"workshop/internal/target"
	"workshop/internal/tui"
	"workshop/internal/workspace"
)

func (c *commandLine) planCommand() *cobra.Command {
	var destroy bool
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what Terraform would create, change or delete; it does none of it",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, _, err := c.reach(cmd.Context())
			if err != nil {
				return err
			}
			return c.stopping(cmd.Context(), s, func(ctx context.Context) error {
				p, err := c.plan(ctx, s, destroy, false, c.events())
				if err != nil {
					return err
				}
				if !c.json {
					c.showPlan(s, p)
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&destroy, "destroy", false, "plan to delete everything")
	return cmd
}

func (c *commandLine) deployCommand() *cobra.Command {
	var yes bool
	var ttl *time.Duration
	cmd := &cobra.Command{
		Use:   "deploy",
		Short: "Plan, ask, and apply exactly that plan",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !yes && !c.terminal() {
				return usagef("deploy asks before it creates anything; without a terminal to ask, say --yes")
			}
			s, _, err := c.reach(cmd.Context())
			if err != nil {
				return err
			}
			return c.stopping(cmd.Context(), s, func(ctx context.Context) error { return c.deploy(ctx, s, yes, ttl) })
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "apply the plan without asking")
	cmd.Flags().Func("ttl", "stop the tasks after this `TIME`, for example 4h, even when this machine is off; what else costs money stays until `workshop destroy`. The configuration keeps the time until another is given; off removes it", func(text string) error {
		d, err := session.ParseTTL(text)
		ttl = &d
		return err
	})
	return cmd
}

func (c *commandLine) deploy(ctx context.Context, s *session.Session, yes bool, ttl *time.Duration) error {
	if err := c.preflight(ctx, s, yes); err != nil {
		return err
	}
	undoTTL := func() error { return nil }
	if ttl != nil {
		changes, undo, err := s.SetTTL(ctx, *ttl, time.Now())
		if err != nil {
			return err
		}
		for _, change := range changes {
			c.note("%s", change)
		}
		undoTTL = undo
	}
	if err := c.moveState(ctx, s); err != nil {
		return err
	}
	events := c.events()
	var sum *stack.Summary
	if yes {
		stop := c.explain(ctx, s)
		var err error
		sum, err = s.Deploy(ctx, func(e stack.Event) {
			if e.Type == stack.EventPlanned && !c.json {
				c.showPlan(s, e.Plan)
			}
			events(e)
		})
		stop()
		if err != nil || sum.Empty() {
			return err
		}
	} else {
		p, err := c.plan(ctx, s, false, false, events)
		if err != nil {
			return err
		}
		if p.Empty() {
			return c.nothing(s, p)
		}
		if !c.json {
			c.showPlan(s, p)
		}
		if ok, err := c.ask(ctx, "Apply this plan? Only \"yes\" does it: ", "yes"); err != nil || !ok {
			return errors.Join(c.declined(err), undoTTL())
		}
		stop := c.explain(ctx, s)
		sum, err = s.Apply(ctx, p, events)
		stop()
		if err != nil {
			return err
		}
	}
	if c.json {
		return nil
	}
	c.printf("\nDone in %s: %s.\n", clock(sum.Elapsed), counted(sum))
	if url, ok := sum.Outputs["url"].(string); ok {
		c.printf("The service answers at %s\n", clean.Line(url))
	}
	if t := s.TTL(time.Now()); t != nil && !t.Passed {
		c.printf("%s\n", t.Sentence(time.Now()))
	}
	if s.Sandbox() {
		c.printf("%s\n", target.KeepsRunning)
	}
	return nil
}

// nothing ends a deploy whose plan is empty.
func (c *commandLine) nothing(s *session.Session, p *stack.Plan) error {
	if c.json {
		return c.emit(stack.Event{Type: stack.EventSummary, Time: time.Now().UTC(), Op: stack.OpApply, Summary: &stack.Summary{OK: true}})
	}
	c.showPlan(s, p)
	return nil
}

// explain tells, while an apply runs, why tasks stop and when ECS gives up:
// Terraform itself only goes on waiting. It ends with the function it returns.
func (c *commandLine) explain(ctx context.Context, s *session.Session) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		var ref fargate.Ref
		for err := session.ErrNothingDeployed; err != nil; ref, err = s.Ref() {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
			}
		}
		t, err := s.Target(ctx)
		if err != nil {
			return
		}
		began := time.Now()
		told := map[string]bool{}
		w := fargate.Watch(ctx, t.Config, ref, fargate.WatchOptions{OnStopped: func(task fargate.Task) {
			_ = s.KeepStopped(task) // the telling goes on without a journal
			task = s.Answers([]fargate.Task{task})[0]
			switch a := task.Answer; {
			case a == nil || task.Created.Before(began.Add(-time.Minute)):
			case told[a.ID]:
				c.note("Task %.8s stopped for the same reason.", task.ID)
			default:
				told[a.ID] = true
				c.note("Task %.8s stopped. %s %s", task.ID, a.What, a.Do)
			}
		}})
		defer w.Stop()
		gaveUp := false
		for snap := range w.Updates() {
			if snap.Service.Rollout == "FAILED" && !gaveUp {
				gaveUp = true
				c.note("ECS has given up starting tasks, but Terraform goes on waiting for some minutes. Press Ctrl-C, fix the cause and deploy again.")
			}
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}
}

func (c *commandLine) destroyCommand() *cobra.Command {
	var yes, all bool
	cmd := &cobra.Command{
		Use:   "destroy",
		Short: "Delete everything, then ask AWS what is left",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !yes && !c.terminal() {
				return usagef("destroy asks before it deletes anything; without a terminal to ask, say --yes")
			}
			if all {
				return c.destroyAll(cmd.Context(), yes)
			}
			s, _, err := c.reach(cmd.Context())
			if err != nil {
				return err
			}
			return c.stopping(cmd.Context(), s, func(ctx context.Context) error { return c.destroy(ctx, s, yes) })
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "delete without asking")
	cmd.Flags().BoolVar(&all, "all", false, "one after the other, every workspace of this machine from which something was deployed")
	return cmd
}

// destroyAll destroys what every known workspace has deployed, each with its own
// plan, question and receipt, and goes on after one that fails.
func (c *commandLine) destroyAll(ctx context.Context, yes bool) error {
	if c.workspace != "" {
		return usagef("--all is about every workspace; leave out --workspace")
	}
	known, err := workspace.AllKnown()
	if err != nil {
		return err
	}
	if len(known) == 0 {
		c.note("No workspace of this machine has deployed anything.")
	}
	failed := false
	for _, k := range known {
		c.note("Workspace %s, target %s", k.Dir, k.Target)
		if err := c.destroyKnown(ctx, k, yes); err != nil {
			failed = true
			if ctx.Err() != nil || errors.Is(err, errInterrupted) {
				return err
			}
			if !errors.Is(err, errReported) {
				c.note("workshop: %v", err)
			}
		}
	}
	if failed {
		return errReported
	}
	return nil
}

func (c *commandLine) destroyKnown(ctx context.Context, k workspace.Known, yes bool) error {
	kind, err := target.ParseKind(k.Target)
	if err != nil {
		return err
	}
	o := session.Options{Kind: kind, Workspace: k.Dir, Region: c.region, Fast: c.speed == "fast"}
	if c.terminal() {
		o.MFACode = c.mfaCode
	}
	s, err := session.OpenExisting(o)
	if err != nil {
		return err
	}
	return errors.Join(c.stopping(ctx, s, func(ctx context.Context) error { return c.destroy(ctx, s, yes) }), s.Close())
}

// destroy plans, asks, deletes, and ends with the receipt, whatever happened.
func (c *commandLine) destroy(ctx context.Context, s *session.Session, yes bool) error {
	events := c.events()
	err := c.endRunning(ctx, s, yes)
	if errors.Is(err, errReported) || errors.Is(err, errInterrupted) {
		return err // the person said no
	}
	var p *stack.Plan
	if err == nil {
		p, err = c.plan(ctx, s, true, yes, events)
	}
	if err == nil && !p.Empty() {
		if !c.json {
			c.showPlan(s, p)
		}
		if !yes {
			if ok, err := c.ask(ctx, "Delete all of this? Type \"destroy\" to do it: ", "destroy"); err != nil || !ok {
				return c.declined(err)
			}
		}
		_, err = s.Apply(ctx, p, events)
	}
	if errors.Is(err, tui.ErrHungUp) {
		return err // nobody reads a receipt; the operation goes on and writes its own
	}
	// The answer is owed after a failure and after Ctrl-C as well.
	ask, cancel := context.WithTimeout(context.WithoutCancel(ctx), receiptTime)
	defer cancel()
	if !c.json {
		c.printf("\nAsking %s what is left...\n", account(s))
	}
	r, rerr := s.Receipt(ask)
	if rerr != nil {
		rerr = c.noReceipt(rerr)
	} else {
		rerr = c.showReceipt(r)
	}
	if err = errors.Join(err, rerr); err == nil && (r.Left > 0 || !r.Proven) {
		return errReported
	}
	return err
}

// plan makes a plan. Where something keeps Terraform from it that can be repaired,
// it asks whether to do that, and tries again.
func (c *commandLine) plan(ctx context.Context, s *session.Session, destroy, yes bool, events func(stack.Event)) (*stack.Plan, error) {
	p, err := s.Plan(ctx, destroy, events)
	if r, ok := s.Repair(err); ok && !yes && c.terminal() {
		c.note("%s", err)
		if ok, aerr := c.ask(ctx, r.Question+" Only \"yes\" does it: ", "yes"); aerr != nil || !ok {
			return nil, c.declined(aerr)
		}
		if err := r.Do(ctx, events); err != nil {
			return nil, err
		}
		return s.Plan(ctx, destroy, events)
	}
	return p, err
}

// endRunning makes room for a destroy: another one that runs is followed to its
// end, and a deployment is stopped, after asking where the person can be asked.
func (c *commandLine) endRunning(ctx context.Context, s *session.Session, yes bool) error {
	// The command whose operation was killed keeps the workspace until Terraform
	// has saved its state.
	locked := s.Lock()
	for {
		o := s.Running()
		if o == nil {
			var held *workspace.LockedError
			if errors.As(locked, &held) {
				c.note("Waiting for a moment: %v.", locked)
				return s.LockAfter()
			}
			return locked
		}
		began := o.Started.Local().Format("15:04:05")
		if o.Kind == operations.Apply || o.Kind == operations.Deploy {
			if !yes {
				c.printf("%s has been running since %s.", o.Kind, began)
				if ok, err := c.ask(ctx, "Stop it and go on with the destroy? Only \"yes\" does it: ", "yes"); err != nil || !ok {
					return c.declined(err)
				}
			}
			c.note("Stopping the %s that has been running since %s: it saves its state first.", o.Kind, began)
			s.Stop(false)
		} else {
			c.note("Waiting for the %s that has been running since %s.", o.Kind, began)
		}
		// How it ended is part of what the destroy finds.
		if _, err := s.Attach(ctx, o.ID(), c.events()); err != nil && ctx.Err() != nil {
			return err
		}
		// The command that planned may go on to what it planned.
		if locked = s.LockAfter(); locked == nil {
			return nil
		}
	}
}

// receiptTime bounds the question what is left after a destroy.
const receiptTime = 3 * time.Minute

func account(s *session.Session) string {
	if s.Sandbox() {
		return "the sandbox"
	}
	return "AWS"
}

// ask reads one line and reports whether it is the word.
func (c *commandLine) ask(ctx context.Context, question, word string) (bool, error) {
	line, err := c.readLine(ctx, "\n"+question)
	return err == nil && line == word, err
}

// readLine asks a question and reads the line that answers it.
func (c *commandLine) readLine(ctx context.Context, question string) (string, error) {
	c.printf("%s", question)
	return c.answer(ctx)
}

// answer reads one line, without the spaces around it.
func (c *commandLine) answer(ctx context.Context) (string, error) {
	answer := make(chan string, 1)
	go func() { // ends with the process: a read from a terminal cannot be cancelled
		line, _ := bufio.NewReader(c.in).ReadString('\n')
		answer <- line
	}()
	select {
	case <-ctx.Done():
		c.printf("\n")
		return "", errInterrupted
	case line := <-answer:
		return strings.TrimSpace(line), nil
	}
}

func (c *commandLine) declined(err error) error {
	if err != nil {
		return err
	}
	c.note("Nothing was changed.")
	return errReported
}

func (c *commandLine) resetCommand() *cobra.Command {
	var yes, all bool
	cmd := &cobra.Command{
		Use:   "reset [STEP]",
		Short: "Bring back the bundled Terraform files, keeping a copy of yours; or bring back one step",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("reset takes the id of one step at most")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case all && len(args) > 0:
				return usagef("reset takes a step or --all, not both")
			case all:
				return c.startOver(cmd.Context(), yes)
			case len(args) == 1:
				return c.resetStep(cmd.Context(), args[0], yes)
			}
			s, err := c.open()
			if err != nil {
				return err
			}
			if err := s.Lock(); err != nil {
				return err
			}
			kept, changed, err := s.Workspace.Reset()
			if err != nil {
				return err
			}
			if c.json {
				return c.emit(map[string]any{"changed": append([]string{}, changed...), "copy": kept})
			}
			if len(changed) == 0 {
				c.printf("The Terraform files are as they were bundled; nothing was changed.\n")
				return nil
			}
			c.printf("Brought back %s.\nYour version is kept in %s\n", clean.Line(strings.Join(changed, ", ")), kept)
			return nil
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "with a step: apply plans without asking; with --all: start over without asking")
	cmd.Flags().BoolVar(&all, "all", false, "start over: a new sandbox, files as they were bundled, no progress; a copy of all is kept")
	return cmd
}

// startOverTime bounds the end of what runs in a workspace that is started over.
const startOverTime = 3 * time.Minute

// startOver brings a sandbox workspace back to new.
func (c *commandLine) startOver(ctx context.Context, yes bool) error {
	if !yes && !c.terminal() {
		return usagef("reset --all asks before it starts over; without a terminal to ask, say --yes")
	}
	s, err := c.open()
	if err != nil {
		return err
	}
	if !s.Sandbox() {
		return session.ErrNotASandbox
	}
	if !yes {
		c.printf("This stops the sandbox with all that is deployed in it, and forgets your progress and your changes to the Terraform files. A copy is kept in %s.\n",
			clean.Line(filepath.Join(s.Workspace.Dir(), "backup")))
		if ok, err := c.ask(ctx, "Start over? Only \"yes\" does it: ", "yes"); err != nil || !ok {
			return c.declined(err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, startOverTime)
	defer cancel()
	kept, err := s.StartOver(ctx)
	if err != nil {
		return err
	}
	if c.json {
		return c.emit(map[string]any{"copy": kept})
	}
	c.printf("The workspace is new again. What was there is kept in %s\n", clean.Line(kept))
	return nil
}

func counted(s *stack.Summary) string {
	if s.Empty() {
		return "nothing to do"
	}
	return strings.Join(s.Counts(), ", ")
}
