package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"workshop/internal/clean"
	"workshop/internal/fargate"
)

func (c *commandLine) logsCommand() *cobra.Command {
	var follow bool
	var since time.Duration
	var filter, task string
	cmd := &cobra.Command{
		Use:   "logs",
		Short: "Print what the tasks print, all of them merged in order of time",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if since <= 0 {
				return usagef("--since is a length of time such as 10m, not %s", since)
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			s, t, err := c.reach(ctx)
			if err != nil {
				return err
			}
			ref, err := s.Ref()
			if err != nil {
				return err
			}
			return c.logs(ctx, fargate.Tail(ctx, t.Config, fargate.TailOptions{
				Group: ref.LogGroup, Since: time.Now().Add(-since), Follow: follow, Filter: filter, Task: task,
			}))
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&follow, "follow", "f", false, "go on with new lines until interrupted")
	f.DurationVar(&since, "since", time.Hour, "how far back to begin, for example 10m")
	f.StringVar(&filter, "filter", "", "a CloudWatch filter pattern: lines that have it")
	f.StringVar(&task, "task", "", "only the task whose id begins so")
	return cmd
}

func (c *commandLine) logs(ctx context.Context, lines func(func(fargate.Line, error) bool)) error {
	for l, err := range lines {
		var again *fargate.Retrying
		switch {
		case errors.As(err, &again):
			c.note("%v", err)
			continue
		case err != nil:
			return err
		}
		if c.json {
			if err := c.emit(l); err != nil {
				return err
			}
			continue
		}
		c.printf("%s  %.8s  %s\n", l.Time.Local().Format("15:04:05.000"), clean.Line(l.Task), clean.Line(l.Message))
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	return nil
}
