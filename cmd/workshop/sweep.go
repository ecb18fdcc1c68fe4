package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"workshop/internal/clean"
	"workshop/internal/session"
	"workshop/internal/sweep"
	"workshop/internal/target"
)

// resourceNames is what the names of the bundled configuration's resources
// begin with: the default of its variable name.
const resourceNames = "workshop"

func (c *commandLine) sweepCommand() *cobra.Command {
	var room string
	var olderThan time.Duration
	var yes bool
	cmd := &cobra.Command{
		Use:   "sweep",
		Short: "List everybody's deployments of this workshop in the account, and delete them",
		Long: `sweep lists all deployments of this workshop in the account and Region, by their
tags: yours and everybody else's, also those whose Terraform state is lost. It
deletes what it lists with --yes, or after you have typed the word; each resource
must carry the workshop's tags at the moment of its deletion.`,
		Example: `  workshop sweep --target aws
  workshop sweep --target aws --room monday --older-than 4h --yes`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if olderThan < 0 {
				return usagef("--older-than takes a duration such as 4h, not %s", olderThan)
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			s, t, err := c.reach(ctx)
			if err != nil {
				return err
			}
			f := sweep.Filter{Name: resourceNames, Region: t.Region, Room: room, OlderThan: olderThan}
			return c.sweep(ctx, s, t, f, yes)
		},
	}
	cmd.Flags().StringVar(&room, "room", "", "only deployments with this value of the tag Room")
	cmd.Flags().DurationVar(&olderThan, "older-than", 0, "only deployments whose oldest resource is at least this old, for example 4h")
	cmd.Flags().BoolVar(&yes, "yes", false, "delete what is listed without asking")
	return cmd
}

// sweepResult is the contract of `sweep --json`.
type sweepResult struct {
	Type     string        `json:"type"` // "sweep"
	AsOf     time.Time     `json:"as_of"`
	Account  string        `json:"account"`
	Region   string        `json:"region"`
	Stacks   []sweptStack  `json:"stacks"`
	Left     int           `json:"left"`     // resources of these deployments that are still there
	Proven   bool          `json:"proven"`   // every question was answered
	Places   []sweep.Place `json:"places"`   // the questions
	Deleting bool          `json:"deleting"` // whether deleting was asked for
}

type sweptStack struct {
	sweep.Stack
	Removal *sweep.Removal `json:"removal,omitempty"`
}

func (c *commandLine) sweep(ctx context.Context, s *session.Session, t *target.Target, f sweep.Filter, yes bool) error {
	found, err := sweep.Everything(ctx, t.Config, f)
	if err != nil {
		return fmt.Errorf("listing the deployments of this workshop: %w", err)
	}
	out := sweepResult{Type: "sweep", AsOf: found.AsOf, Account: t.Account, Region: t.Region, Stacks: []sweptStack{}, Proven: found.Complete(), Places: found.Places}
	for _, st := range found.Stacks {
		out.Stacks = append(out.Stacks, sweptStack{Stack: st})
		out.Left += len(st.Left)
	}
	if !c.json {
		c.showStacks(s, t, f, found)
	}
	deletable := 0
	for _, st := range out.Stacks {
		if !st.IAMOnly {
			deletable++
		}
	}
	if deletable > 0 && !yes && !c.json && c.terminal() {
		if yes, err = c.ask(ctx, fmt.Sprintf("Delete %s? Type \"sweep\" to do it: ", all(deletable)), "sweep"); err != nil {
			return err
		}
	}
	if deletable == 0 || !yes {
		if deletable > 0 && !c.json {
			c.note("Nothing was deleted. `workshop sweep --yes`, with the same flags, deletes what is listed.")
		}
		return c.sweepEnd(out)
	}
	out.Deleting = true
	if err := c.removeStacks(ctx, s, t, f, &out); err != nil {
		return err
	}
	if ctx.Err() != nil {
		if c.json {
			_ = c.emit(out)
		}
		return fmt.Errorf("%w: %s not deleted; `workshop sweep` lists what is left", errInterrupted, plural(out.Left, "resource"))
	}
	return c.sweepEnd(out)
}

func all(n int) string {
	if n == 1 {
		return "this deployment"
	}
	return fmt.Sprintf("all %d deployments", n)
}

// removeStacks deletes one deployment after another, and lists again what is
// left of them.
func (c *commandLine) removeStacks(ctx context.Context, s *session.Session, t *target.Target, f sweep.Filter, out *sweepResult) error {
	own := slices.ContainsFunc(out.Stacks, func(st sweptStack) bool { return st.Workspace == s.Workspace.ID() })
	if own { // not while Terraform works on it
		if err := s.Lock(); err != nil {
			return err
		}
	}
	for i := range out.Stacks {
		st := &out.Stacks[i]
		if st.IAMOnly {
			continue
		}
		if !c.json {
			c.printf("\nDeleting deployment %s:\n", clean.Line(st.Workspace))
		}
		done, err := sweep.Remove(ctx, t.Config, f.Scope(st.Stack), st.Left, c.removals())
		st.Removal = &done
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("deleting deployment %s: %w", clean.Line(st.Workspace), err)
		}
	}
	if own && s.Exists() && !c.json {
		c.note("Terraform's state of this workspace still lists what was deleted; the next plan finds out that it is gone.")
	}
	// A stop deletes nothing more, but what is left is still worth a question.
	look, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	after, err := sweep.Everything(look, t.Config, sweep.Filter{Workshop: f.Workshop, Name: f.Name, Region: f.Region})
	if err != nil {
		return fmt.Errorf("asking what is left: %w", err)
	}
	out.Left, out.Proven, out.Places, out.AsOf = 0, after.Complete(), after.Places, after.AsOf
	for i := range out.Stacks {
		if out.Stacks[i].IAMOnly {
			continue
		}
		out.Stacks[i].Left = []sweep.Leftover{}
		for _, left := range after.Stacks {
			if left.Workspace == out.Stacks[i].Workspace {
				out.Stacks[i].Left = left.Left
				out.Left += len(left.Left)
			}
		}
	}
	return nil
}

// sweepEnd prints how it ended; what was not answered or not deleted fails.
func (c *commandLine) sweepEnd(out sweepResult) error {
	if c.json {
		if err := c.emit(out); err != nil {
			return err
		}
	} else if out.Deleting {
		switch {
		case out.Left > 0:
			c.printf("\nStill there: %s\n", plural(out.Left, "resource"))
			for _, st := range out.Stacks {
				if st.IAMOnly {
					continue
				}
				for _, l := range st.Left {
					c.printf("  %s  %s  %s\n", clean.Line(st.Workspace), l, clean.Line(l.Note))
				}
			}
		case out.Proven:
			what := "Everything"
			if slices.ContainsFunc(out.Stacks, func(st sweptStack) bool { return st.IAMOnly }) {
				what = "Everything else"
			}
			c.printf("\n%s that was listed has been deleted. Asked at %s, in %d places.\n", what, out.AsOf.Local().Format("15:04:05"), len(out.Places))
		}
		if !out.Proven {
			c.showUnanswered(out.Places)
		}
	}
	if !out.Proven || out.Deleting && out.Left > 0 {
		return errReported
	}
	return nil
}

func (c *commandLine) showUnanswered(places []sweep.Place) {
	c.printf("\nNot every question was answered, so there may be more:\n")
	for _, p := range places {
		if p.Err != "" {
			c.printf("  %s: %s\n", clean.Line(p.Name), clean.Line(p.Err))
		}
	}
}

func (c *commandLine) showStacks(s *session.Session, t *target.Target, f sweep.Filter, found sweep.Account) {
	where := account(s)
	if !s.Sandbox() {
		where = "AWS account " + clean.Line(t.Account)
	}
	which := ""
	if f.Room != "" {
		which += " in room " + clean.Line(f.Room)
	}
	if f.OlderThan > 0 {
		which += " older than " + clock(f.OlderThan)
	}
	if n := len(found.Stacks); n == 0 {
		c.printf("No deployment of this workshop%s was found in %s, %s.\n", which, where, clean.Line(t.Region))
	} else {
		c.printf("%s of this workshop%s in %s, %s:\n", plural(n, "deployment"), which, where, clean.Line(t.Region))
	}
	for _, st := range found.Stacks {
		c.printf("\n%s  %s", clean.Line(st.Workspace), plural(len(st.Left), "resource"))
		if st.Room != "" {
			c.printf(", room %s", clean.Line(st.Room))
		}
		if st.Oldest.IsZero() {
			c.printf(", age unknown")
		} else {
			c.printf(", %s old", clock(found.AsOf.Sub(st.Oldest)))
		}
		if st.Workspace == s.Workspace.ID() {
			c.printf(" (this workspace)")
		}
		c.printf("\n")
		if st.IAMOnly {
			c.printf("  only IAM roles and policies, which are in all Regions: what uses them may be in another Region, so sweep does not delete them\n")
		}
		for _, l := range st.Costly() {
			c.printf("  %s: %s\n", l, clean.Line(l.Note))
		}
	}
	if !found.Complete() {
		c.showUnanswered(found.Places)
	}
}

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// removals returns what prints a removal's events as text; nil with --json.
func (c *commandLine) removals() func(sweep.Event) {
	if c.json {
		return nil
	}
	return func(e sweep.Event) {
		at := fmt.Sprintf("[%2d/%d]", e.Done, e.Total)
		switch e.Type {
		case sweep.EventRemoving:
			if !e.Resource.ByAWS { // that is only looked at
				c.printf("  %s  deleting %s\n", at, e.Resource)
			}
		case sweep.EventRemoveWaiting:
			c.printf("  %s  %s after %s: %s\n", at, e.Resource, clock(e.Elapsed), clean.Line(e.Message))
		case sweep.EventRemoved:
			if e.Message == "" {
				e.Message = "deleted"
			}
			c.printf("  %s  %s: %s\n", at, e.Resource, clean.Line(e.Message))
		case sweep.EventRemoveFailed:
			c.printf("  %s  FAILED %s\n", at, clean.Line(e.Message))
		case sweep.EventRemoveSkipped:
			c.printf("  %s  skipped %s: %s\n", at, e.Resource, clean.Line(e.Message))
		}
	}
}
