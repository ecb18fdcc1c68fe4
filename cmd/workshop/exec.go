package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"workshop/internal/clean"
	"workshop/internal/fargate"
	"workshop/internal/session"
)

func (c *commandLine) execCommand() *cobra.Command {
	var task, container string
	cmd := &cobra.Command{
		Use:   "exec [COMMAND...]",
		Short: "Run a command in a container of a running task: a shell, to look around",
		Long: `exec runs a command beside a container's program, /bin/sh if you name none.

ECS splits the command into words and runs the first as a program, without a
shell: "env | sort" needs sh -c "env | sort". What the command prints is passed
on as it is. Its exit code is not: AWS does not tell.

The service must allow it: write exec = true in terraform.tfvars and deploy.`,
		Example: `  workshop exec
  workshop exec env
  workshop exec --task 3f2a -- sh -c "env | sort"
  echo 'env; exit' | workshop exec`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"/bin/sh"}
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			if c.readOnly {
				return session.ErrReadOnly
			}
			s, _, err := c.reach(ctx)
			if err != nil {
				return err
			}
			snap, err := s.Look(ctx)
			if err != nil {
				return err
			}
			t, err := execTask(snap.Tasks, task)
			if err != nil {
				return err
			}
			in, err := execContainer(t, container)
			if err != nil {
				return err
			}
			command := session.CommandLine(args)
			says := fmt.Sprintf("Runs %s in the container %s of task %.8s.", command, in, t.ID)
			if s.Other() {
				says = session.About(fargate.Place{Cluster: snap.Service.Cluster, Service: snap.Service.Name}) + " " + says
			}
			if s.Sandbox() {
				says += " " + session.ExecSandbox
			}
			c.note("%s", clean.Line(says))
			x, err := s.Exec(ctx, t.ID, in, command)
			if err != nil {
				return err
			}
			// What a command in a container prints is for the terminal to obey, as with ssh.
			var out io.Writer = c.out
			if c.tty != nil {
				out = c.tty
			}
			err = x.Attach(ctx, c.in, out, c.errOut)
			if ctx.Err() != nil && cmd.Context().Err() == nil {
				return errInterrupted
			}
			return err
		},
	}
	cmd.Flags().SetInterspersed(false) // the flags of the command in the container are its own
	cmd.Flags().StringVar(&task, "task", "", "beginning of a task's id (default: the newest that runs)")
	cmd.Flags().StringVar(&container, "container", "", "name of a container (default: the first that the task cannot do without)")
	return cmd
}

// execTask finds the task whose id begins so, else the newest; it must run.
func execTask(tasks []fargate.Task, prefix string) (fargate.Task, error) {
	runs := slices.DeleteFunc(slices.Clone(tasks), func(t fargate.Task) bool { return t.Status != "RUNNING" })
	if len(runs) == 0 {
		return fargate.Task{}, errors.New("no task runs: `workshop status` says how the service is")
	}
	if prefix == "" {
		return runs[len(runs)-1], nil
	}
	id, err := runningTask(runs, prefix)
	if err != nil {
		return fargate.Task{}, err
	}
	return runs[slices.IndexFunc(runs, func(t fargate.Task) bool { return t.ID == id })], nil
}

// execContainer finds a container of a task by its name, else the first essential one.
func execContainer(t fargate.Task, name string) (string, error) {
	var names []string
	for _, c := range t.Containers {
		if c.Name == name || name == "" && !c.Optional {
			return c.Name, nil
		}
		names = append(names, c.Name)
	}
	return "", fmt.Errorf("task %.8s has no container %q; there are %s", t.ID, name, strings.Join(names, ", "))
}
