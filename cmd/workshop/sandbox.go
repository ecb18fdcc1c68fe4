package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"workshop/internal/sandbox"
	"workshop/internal/target"
)

func (c *commandLine) sandboxCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "Run the sandbox until interrupted, for your own terraform, aws or SDK",
		Long: `Runs the sandbox until interrupted, for your own terraform, aws or SDK.

It prints what to export, where load balancers listen, and what was asked for
that the sandbox does not have: once each as it comes, with counts at the end.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if c.target != string(target.Sandbox) {
				return usagef("sandbox goes with --target sandbox only")
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			log := &sandboxLog{c: c, unknown: map[operation]int{}}
			c.log = slog.New(log)
			s, err := c.open()
			if err != nil {
				return err
			}
			t, err := s.Target(ctx)
			if err != nil {
				return err
			}
			if !t.Own() {
				return fmt.Errorf("a sandbox runs in this workspace already, at %s; `workshop env` prints how to use it", t.Endpoint)
			}
			if err := c.showEnv(cmd.Context()); err != nil {
				return err
			}
			c.note("The sandbox runs at %s until you press Ctrl-C. Other workshop commands use it.", t.Endpoint)
			<-ctx.Done()
			c.note("Stopping the sandbox. What was deployed comes back with the next one.")
			return log.summary()
		},
	}
	cmd.Flags().IntVar(&c.port, "port", 0, "port of the endpoint on loopback (default: any that is free)")
	return cmd
}

// operation is one that the sandbox does not have.
type operation struct {
	Service   string `json:"service"`
	Operation string `json:"operation"`
}

// sandboxLog renders what the sandbox logs, and counts what it lacked.
type sandboxLog struct {
	c *commandLine

	mu      sync.Mutex // held while a line is written
	unknown map[operation]int
}

func (l *sandboxLog) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo
}
func (l *sandboxLog) WithAttrs([]slog.Attr) slog.Handler { return l } // the sandbox's records have their own
func (l *sandboxLog) WithGroup(string) slog.Handler      { return l }

func (l *sandboxLog) Handle(_ context.Context, r slog.Record) error {
	line := map[string]any{"type": "log", "level": strings.ToLower(r.Level.String()), "message": r.Message}
	var text strings.Builder
	text.WriteString(r.Message)
	r.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(&text, " %s=%s", a.Key, a.Value)
		line[a.Key] = a.Value.String()
		return true
	})

	l.mu.Lock()
	defer l.mu.Unlock()
	if r.Message == sandbox.UnknownOperation {
		op := operation{line["service"].(string), line["operation"].(string)}
		l.unknown[op]++
		if l.unknown[op] > 1 {
			return nil
		}
		text.Reset()
		fmt.Fprintf(&text, "Not in the sandbox: %s %s", op.Service, op.Operation)
		line["type"] = "unknown_operation"
	}
	if l.c.json {
		return l.c.emit(line)
	}
	l.c.note("%s", text.String())
	return nil
}

// summary tells what the sandbox lacked, most asked for first.
func (l *sandboxLog) summary() error {
	type counted struct {
		operation
		Count int `json:"count"`
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	lacked := []counted{}
	for op, n := range l.unknown {
		lacked = append(lacked, counted{op, n})
	}
	slices.SortFunc(lacked, func(a, b counted) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Operation, b.Operation))
	})
	if l.c.json {
		return l.c.emit(map[string]any{"type": "summary", "unknown_operations": lacked})
	}
	if len(lacked) > 0 {
		l.c.note("Asked for and not in the sandbox:")
	}
	for _, x := range lacked {
		l.c.note("%6d  %s %s", x.Count, x.Service, x.Operation)
	}
	return nil
}
