package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"workshop/internal/clean"
	"workshop/internal/fargate"
	"workshop/internal/session"
)

func (c *commandLine) logsCommand() *cobra.Command {
	var follow, colour bool
	var since, until, filter, task, container string
	var last int
	cmd := &cobra.Command{
		Use:   "logs",
		Short: "Print what the tasks print, all of them merged in order of time",
		Long: "Print what the tasks print, all of them merged in order of time: the lines of the last hour,\n" +
			"or those of --since until --until. With --json each line is the event as it was, control\n" +
			"characters escaped. A --task or --container that has no line in that time is an error\n" +
			"(exit code 1): its name may be wrong. Without them no line is no error.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			now := time.Now()
			from, err := session.LogTime(since, now)
			if err != nil {
				return usagef("--since: %w", err)
			}
			var to time.Time
			switch {
			case until == "":
			case follow:
				return usagef("--until and --follow do not go together: --follow goes on until interrupted")
			default:
				if to, err = session.LogTime(until, now); err != nil {
					return usagef("--until: %w", err)
				}
				if !to.After(from) {
					return usagef("--until %s is not after --since %s", to.Local().Format(time.DateTime), from.Local().Format(time.DateTime))
				}
			}
			if last < 0 {
				return usagef("--tail is a number of lines, not %d", last)
			}
			if last > 0 && follow {
				return usagef("--tail and --follow do not go together: --since says where to begin")
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			s, _, err := c.reach(ctx)
			if err != nil {
				return err
			}
			cfg, ref, err := s.Watched(ctx)
			if err != nil {
				return err
			}
			if ref.LogGroup == "" && s.Other() {
				return session.ErrNoLogs
			}
			if follow && (task != "" || container != "") {
				if snap, err := s.Look(ctx); err == nil { // else the lines are as good without
					if unknown := unknownSource(snap.Tasks, task, container); unknown != "" {
						c.note("%s is known so far; its lines follow when there is one.", unknown)
					}
				}
			}
			// Lines are garbage as soon as they are printed, and little else is in memory:
			// collecting it less often takes a quarter off the processor time.
			debug.SetGCPercent(400)
			out := &lineWriter{out: c.out, json: c.json, colour: colour}
			n, err := c.logs(ctx, last, out, fargate.Tail(ctx, cfg, fargate.TailOptions{
				Group: ref.LogGroup, Since: from, Until: to, Follow: follow, Filter: filter, Task: task, Container: container,
				Report: func(fargate.Stream) { _ = out.flush() }, // the next line has its error
			}))
			if err != nil || n > 0 {
				return err
			}
			if task != "" && container == "" && filter == "" {
				if kept := s.KeptLinesOf(task); len(kept) > 0 {
					c.note("CloudWatch has no line of it since %s; these are the last ones that were kept.", from.Local().Format(time.DateTime))
					for _, l := range kept {
						if err := out.print(l); err != nil {
							return err
						}
					}
					return out.flush()
				}
			}
			// A task or container that is not there must not look like a silent one.
			began := from.Local().Format(time.DateTime)
			if !to.IsZero() {
				began += " until " + to.Local().Format(time.DateTime)
			}
			switch {
			case task != "" && container != "":
				return fmt.Errorf("no line of the container %s of a task whose id begins with %s since %s", clean.Line(container), clean.Line(task), began)
			case task != "":
				return fmt.Errorf("no line of a task whose id begins with %s since %s; `workshop status` lists the tasks", clean.Line(task), began)
			case container != "":
				return fmt.Errorf("no line of a container with the name %s since %s", clean.Line(container), began)
			}
			c.note("No line since %s.", began)
			return nil
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&follow, "follow", "f", false, "go on with new lines until interrupted")
	f.StringVar(&since, "since", "1h", "where to begin: how long ago, such as 10m or 2d, a time of day such as 14:05, or a date such as 2026-11-27T10:00:00Z")
	f.StringVar(&until, "until", "", "where to end, in the same words (default: now)")
	f.IntVarP(&last, "tail", "n", 0, "only the last so many lines (default: all)")
	f.StringVar(&filter, "filter", "", "a CloudWatch filter pattern: lines that have it")
	f.StringVar(&task, "task", "", "only the task whose id begins so")
	f.BoolVar(&colour, "color", false, "keep the colours that the tasks print, and show every other control character as text")
	f.StringVar(&container, "container", "", "only the container of that name")
	return cmd
}

// unknownSource names what lines were asked of and no task has; empty where one has it.
func unknownSource(tasks []fargate.Task, task, container string) string {
	found := ""
	if task != "" {
		found = "No task whose id begins with " + clean.Line(task)
	}
	for _, t := range tasks {
		if !strings.HasPrefix(t.ID, task) {
			continue
		}
		if container == "" || slices.ContainsFunc(t.Containers, func(c fargate.Container) bool { return c.Name == container }) {
			return ""
		}
		found = "No container with the name " + clean.Line(container)
	}
	if found == "" {
		found = "No container with the name " + clean.Line(container)
	}
	return found
}

// logs prints lines, all of them or the last so many, and returns how many there were.
func (c *commandLine) logs(ctx context.Context, last int, out *lineWriter, lines func(func(fargate.Line, error) bool)) (n int, err error) {
	defer func() { err = cmp.Or(out.flush(), err) }()
	var kept []fargate.Line // a ring
	for l, err := range lines {
		var again *fargate.Retrying
		switch {
		case errors.As(err, &again):
			c.note("%v", err)
			continue
		case err != nil:
			return n, err
		}
		n++
		switch {
		case last == 0:
			if err := out.print(l); err != nil {
				return n, err
			}
		case len(kept) < last:
			kept = append(kept, l)
		default:
			kept[(n-1)%last] = l
		}
	}
	for i := range kept {
		if err := out.print(kept[(n+i)%len(kept)]); err != nil {
			return n, err
		}
	}
	if ctx.Err() != nil {
		return n, errInterrupted
	}
	return n, nil
}

// lineWriter prints log lines: as JSON, or as text, with the program's own colours or
// without. It keeps them until flush, or until they are many.
type lineWriter struct {
	out          io.Writer
	json, colour bool
	kept         bytes.Buffer
	err          error // of the first write that failed
}

// keptMost is how many bytes of lines are kept.
const keptMost = 32 << 10

func (w *lineWriter) print(l fargate.Line) error {
	switch {
	case w.json:
		if err := encode(&w.kept, l); err != nil {
			return err
		}
	case w.colour:
		w.kept.WriteString(session.LogText(l, clean.Colours))
	default:
		w.kept.WriteString(session.LogText(l, clean.Text))
	}
	if w.kept.Len() >= keptMost {
		return w.flush()
	}
	return w.err
}

func (w *lineWriter) flush() error {
	if w.kept.Len() > 0 && w.err == nil {
		if w.colour && !w.json {
			w.err = clean.WriteFrame(w.out, w.kept.String())
		} else {
			_, w.err = w.out.Write(w.kept.Bytes())
		}
	}
	w.kept.Reset()
	return w.err
}
