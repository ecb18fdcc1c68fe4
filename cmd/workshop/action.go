package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"workshop/internal/clean"
	"workshop/internal/fargate"
	"workshop/internal/session"
)

// serviceAction makes a command that changes what runs. Before it does, it says what it will do, and
// asks: prepare looks at the service and returns that and how to do it.
func (c *commandLine) serviceAction(cmd *cobra.Command, prepare func(args []string, s *session.Session, snap fargate.Snapshot) (says string, do func(context.Context) error, err error)) *cobra.Command {
	var yes bool
	cmd.Flags().BoolVar(&yes, "yes", false, "do it without asking")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, stop := interruptible(cmd.Context())
		defer stop()
		s, _, err := c.reach(ctx)
		if err != nil {
			return err
		}
		snap, err := s.Look(ctx)
		if err != nil {
			return err
		}
		if snap.Service.Status != "ACTIVE" {
			return fmt.Errorf("the service does not run: `workshop status` says how it is")
		}
		says, do, err := prepare(args, s, snap)
		if err != nil {
			return err
		}
		if s.Other() {
			says = session.About(fargate.Place{Cluster: snap.Service.Cluster, Service: snap.Service.Name}) + " " + says
		}
		if !yes {
			c.printf("%s\n", clean.Line(says))
			if ok, err := c.ask(ctx, "Do it? Only \"yes\" does it: ", "yes"); err != nil || !ok {
				return c.declined(err)
			}
		}
		if err := do(ctx); err != nil {
			return err
		}
		c.printf("ECS has taken the order. `workshop status --watch` shows what it does.\n")
		return nil
	}
	return cmd
}

func (c *commandLine) scaleCommand() *cobra.Command {
	n := 0
	return c.serviceAction(&cobra.Command{
		Use:   "scale NUMBER",
		Short: "Ask the service for another number of tasks",
		Args: func(cmd *cobra.Command, args []string) error {
			if err := oneArg("the number of tasks")(cmd, args); err != nil {
				return err
			}
			var err error
			if n, err = strconv.Atoi(args[0]); err != nil || n < 0 || n > session.MostTasks {
				return usagef("%q is not a number from 0 to %d", args[0], session.MostTasks)
			}
			return nil
		},
	}, func(_ []string, s *session.Session, snap fargate.Snapshot) (string, func(context.Context) error, error) {
		says := fmt.Sprintf("The service %s keeps %s alive now and will be asked for %s.", snap.Service.Name, plural(snap.Service.Desired, "task"), plural(n, "task"))
		if n > snap.Service.Desired && !s.Sandbox() {
			says += " " + session.ScaleCosts
		}
		return says, func(ctx context.Context) error { return s.Scale(ctx, n) }, nil
	})
}

func (c *commandLine) redeployCommand() *cobra.Command {
	return c.serviceAction(&cobra.Command{
		Use:   "redeploy",
		Short: "Replace every task of the service by a fresh one, changing nothing else",
		Args:  noArgs,
	}, func(_ []string, s *session.Session, _ fargate.Snapshot) (string, func(context.Context) error, error) {
		return session.RedeployDoes, s.Redeploy, nil
	})
}

func (c *commandLine) rollbackCommand() *cobra.Command {
	return c.serviceAction(&cobra.Command{
		Use:   "rollback [REVISION]",
		Short: "Have the service run an earlier revision: the one named, or the last that was rolled out before",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("rollback takes one argument at most: the revision")
			}
			return nil
		},
	}, func(args []string, s *session.Session, snap fargate.Snapshot) (string, func(context.Context) error, error) {
		revision, err := snap.Earlier(strings.Join(args, ""))
		if err != nil {
			return "", nil, err
		}
		return session.RollbackDoes(revision, !s.Other()), func(ctx context.Context) error { return s.Rollback(ctx, revision) }, nil
	})
}

func (c *commandLine) stopTaskCommand() *cobra.Command {
	return c.serviceAction(&cobra.Command{
		Use:   "stop-task TASK",
		Short: "Stop one task; the service starts another in its place",
		Args:  oneArg("the beginning of a task's id"),
	}, func(args []string, s *session.Session, snap fargate.Snapshot) (string, func(context.Context) error, error) {
		id, err := runningTask(snap.Tasks, args[0])
		if err != nil {
			return "", nil, err
		}
		return fmt.Sprintf("Task %.8s will be stopped. %s", id, session.StopTaskDoes), func(ctx context.Context) error { return s.StopTask(ctx, id) }, nil
	})
}

// runningTask finds the one task that has not stopped and whose id begins so.
func runningTask(tasks []fargate.Task, prefix string) (string, error) {
	var found, all []string
	for _, t := range tasks {
		if t.Stopped != nil {
			continue
		}
		all = append(all, fmt.Sprintf("%.8s", t.ID))
		if strings.HasPrefix(t.ID, prefix) {
			found = append(found, t.ID)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(all) == 0:
		return "", fmt.Errorf("no task runs")
	case len(found) == 0:
		return "", fmt.Errorf("no task that runs has an id that begins with %q; there are %s", prefix, strings.Join(all, ", "))
	}
	return "", fmt.Errorf("%d tasks have ids that begin with %q: give more of it", len(found), prefix)
}
