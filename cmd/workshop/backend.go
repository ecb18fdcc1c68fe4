package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"workshop/internal/clean"
	"workshop/internal/session"
	"workshop/internal/stack"
)

// moveTo is where Terraform's state is to be moved to.
type moveTo struct {
	given  bool
	to     stack.Backend
	region string
}

func (m *moveTo) set(text string) (err error) {
	m.to, err = stack.ParseBackend(text)
	m.given = err == nil
	return err
}

func (m *moveTo) regionFlag(f *pflag.FlagSet) {
	f.StringVar(&m.region, "backend-region", "", "AWS region of the bucket (default: the region that is deployed to)")
}

// backendFlags adds --backend to a command that works for long with the state.
func (c *commandLine) backendFlags(f *pflag.FlagSet) {
	f.Func("backend", "first move Terraform's state to `s3://BUCKET/KEY`, or back with \"local\"; it stays there from then on", c.backend.set)
	c.backend.regionFlag(f)
}

func (c *commandLine) backendCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backend [s3://BUCKET/KEY | local]",
		Short: "Show where Terraform's state is kept, or move it to S3 and back",
		Long: `Show where Terraform's state is kept, or move it: into an object of an S3
bucket that exists, or back into the workspace with "local".

The state keeps its lineage and its serial, and a copy stays in the workspace.
In S3 it is locked by an object beside it (use_lockfile), which needs Terraform
or OpenTofu 1.10 or later. Where your own .tf files have a backend, that is
yours to change. Neither the bucket nor the object is ever deleted.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("backend takes s3://BUCKET/KEY or \"local\"")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.showBackend()
			}
			if err := c.backend.set(args[0]); err != nil {
				return &usageError{err}
			}
			s, _, err := c.reach(cmd.Context())
			if err != nil {
				return err
			}
			return c.stopping(cmd.Context(), s, func(ctx context.Context) error { return c.moveState(ctx, s) })
		},
	}
	c.backend.regionFlag(cmd.Flags())
	return cmd
}

// backendResult is the contract of `backend --json` without a place.
type backendResult struct {
	Backend string     `json:"backend"` // s3://BUCKET/KEY or local
	Read    *time.Time `json:"read"`    // when the state was read last; null where it is local
}

// movedResult is the last line of `backend --json` with a place.
type movedResult struct {
	Type string `json:"type"` // "moved"
	*stack.Moved
}

func (c *commandLine) showBackend() error {
	s, err := c.open()
	if err != nil {
		return err
	}
	kept := s.StateKept()
	if c.json {
		out := backendResult{Backend: stack.Backend{}.String()}
		if kept != nil {
			out.Backend, out.Read = kept.In, kept.Read
		}
		return c.emit(out)
	}
	if kept == nil {
		c.printf("Terraform's state is in the workspace: %s\n", clean.Line(s.Workspace.TerraformDir()))
		return nil
	}
	c.showKept(kept)
	return nil
}

// showKept prints where a state is that is not in the workspace.
func (c *commandLine) showKept(kept *session.StateKept) {
	switch {
	case kept == nil:
	case kept.Read == nil:
		c.printf("state   %s, which has not been read yet: `workshop plan` does it\n", clean.Line(kept.In))
	default:
		c.printf("state   %s, as read at %s\n", clean.Line(kept.In), kept.Read.Local().Format("2006-01-02 15:04:05"))
	}
}

// moveState moves the state to where --backend says; it does nothing without it.
func (c *commandLine) moveState(ctx context.Context, s *session.Session) error {
	if !c.backend.given {
		return nil
	}
	to := c.backend.to
	if !to.Local() {
		to.Region = c.backend.region
	}
	moved, err := s.MoveState(ctx, to, c.events())
	if err != nil {
		return err
	}
	if c.json {
		return c.emit(movedResult{Type: "moved", Moved: moved})
	}
	if moved.From == moved.To {
		c.printf("Terraform's state is in %s already.\n", clean.Line(moved.To))
		return nil
	}
	c.printf("Moved Terraform's state from %s to %s: %s, serial %d.\n", clean.Line(moved.From), clean.Line(moved.To),
		plural(moved.Resources, "resource"), moved.Serial)
	if moved.Copy != "" {
		c.printf("A copy of it as it was is in %s\n", clean.Line(moved.Copy))
	}
	if to.Local() && moved.Resources > 0 {
		c.printf("The object in %s stays as it is, and is out of date after the next apply. It is yours to delete.\n", clean.Line(moved.From))
	}
	return nil
}
