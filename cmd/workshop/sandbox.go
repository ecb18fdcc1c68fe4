package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"workshop/internal/clean"
	"workshop/internal/sandbox"
	"workshop/internal/target"
)

func (c *commandLine) sandboxCommand() *cobra.Command {
	var port int
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "Run the sandbox in the foreground; start, stop, status and logs manage it in the background",
		Long: `Runs the sandbox until interrupted, for your own terraform, aws or SDK.

It prints what to export, where load balancers listen, and what was asked for
that the sandbox does not have: once each as it comes, with counts at the end.

Commands that need the sandbox start it in the background, where it outlives
them: start, stop, status and logs are about that one.`,
		Args:              noArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error { return c.sandboxOnly() },
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.foreground(cmd.Context(), port)
		},
	}
	cmd.Flags().IntVar(&port, "port", 0, "port of the endpoint on loopback (default: the same as the last time)")
	cmd.AddCommand(c.sandboxStart(), c.sandboxStop(), c.sandboxStatus(), c.sandboxLogs())
	return cmd
}

func (c *commandLine) sandboxOnly() error {
	if c.target != string(target.Sandbox) {
		return usagef("sandbox goes with --target sandbox only")
	}
	return nil
}

func (c *commandLine) foreground(whole context.Context, port int) error {
	ctx, stop := interruptible(whole)
	defer stop()
	s, err := c.open()
	if err != nil {
		return err
	}
	log := &sandboxLog{c: c, unknown: map[operation]int{}}
	sb, err := target.Serve(ctx, target.Options{
		Kind: target.Sandbox, Dir: s.Workspace.Dir(), Region: c.region, Fast: c.speed == "fast", Port: port, Log: slog.New(log),
	})
	if err != nil {
		return err
	}
	c.closers = append(c.closers, sb.Close)
	for _, n := range sb.Target.Notes {
		c.note("%s", n)
	}
	if err := c.showEnv(whole); err != nil { // an early Ctrl-C ends the sandbox, in good order

		return err
	}
	c.note("The sandbox runs at %s until you press Ctrl-C. Other workshop commands use it.", sb.Target.Endpoint)
	<-ctx.Done()
	c.note("Stopping the sandbox. What was deployed comes back with the next one.")
	return log.summary()
}

func (c *commandLine) sandboxStart() *cobra.Command {
	var port int
	var idle time.Duration
	cmd := &cobra.Command{
		Use:   "start",
		Short: "Start the sandbox in the background",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			s, err := c.open()
			if err != nil {
				return err
			}
			o := target.Options{
				Kind: target.Sandbox, Dir: s.Workspace.Dir(), Region: c.region, Fast: c.speed == "fast", Port: port,
			}
			if cmd.Flags().Changed("idle") {
				if o.Idle = idle; idle <= 0 {
					o.Idle = -1
				}
			}
			t, err := target.Open(ctx, o)
			if err != nil {
				return err
			}
			for _, n := range t.Notes {
				c.note("%s", n)
			}
			if !t.Started() {
				c.note("The sandbox runs already; what was asked of this start is not done.")
			}
			return c.showSandbox(ctx, s.Workspace.Dir())
		},
	}
	cmd.Flags().IntVar(&port, "port", 0, "port of the endpoint on loopback (default: the same as the last time)")
	cmd.Flags().DurationVar(&idle, "idle", 0, "end when nobody has used it for so long although something is deployed; 0 for never (default: WORKSHOP_SANDBOX_IDLE, else 12h)")
	return cmd
}

func (c *commandLine) sandboxStop() *cobra.Command {
	return &cobra.Command{
		Use:   "stop",
		Short: "End the sandbox and its tasks; what is deployed comes back with the next start",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			s, err := c.open()
			if err != nil {
				return err
			}
			pid, err := target.StopSandbox(ctx, s.Workspace.Dir())
			none := errors.Is(err, target.ErrNotRunning)
			if err != nil && !none {
				return err
			}
			switch {
			case c.json:
				return c.emit(map[string]any{"stopped": !none, "pid": pid})
			case none:
				c.printf("No sandbox runs in this workspace.\n")
			default:
				c.printf("The sandbox (process %d) has ended. What is deployed comes back with the next start.\n", pid)
			}
			return nil
		},
	}
}

func (c *commandLine) sandboxStatus() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show whether the sandbox runs, where, and when it ends by itself",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			s, err := c.open()
			if err != nil {
				return err
			}
			return c.showSandbox(ctx, s.Workspace.Dir())
		},
	}
}

func (c *commandLine) showSandbox(ctx context.Context, dir string) error {
	st, err := target.SandboxStatus(ctx, dir)
	var gone *target.UnavailableError
	if err != nil && !errors.As(err, &gone) {
		return err
	}
	if c.json {
		return errors.Join(c.emit(st), err)
	}
	if err != nil {
		return err
	}
	if !st.Running {
		c.printf("No sandbox runs in this workspace. `workshop sandbox start` starts it, and so does the next command that needs it.\n")
		return nil
	}
	where := "in the foreground"
	if st.Background {
		where = "in the background"
	}
	c.printf("The sandbox runs %s at %s (process %d, %s), since %s.\n", where, st.Endpoint, st.PID, clean.Line(st.Region), st.Since.Local().Format("2006-01-02 15:04:05"))
	if st.Deployed >= 0 {
		c.printf("Deployed in it: %s.\n", plural(st.Deployed, "resource"))
	}
	if st.IdleEnds != nil {
		c.printf("It ends by itself at %s if nobody uses it.\n", st.IdleEnds.Local().Format("2006-01-02 15:04:05"))
	}
	if st.Problem != "" {
		c.printf("It does not work as it should: %s\n", st.Problem)
	}
	return nil
}

func (c *commandLine) sandboxLogs() *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:   "logs",
		Short: "Print what the sandbox in the background printed",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			s, err := c.open()
			if err != nil {
				return err
			}
			path, err := target.SandboxLog(s.Workspace.Dir())
			if err != nil {
				return err
			}
			return c.printLog(ctx, path, follow)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with new lines until interrupted")
	return cmd
}

// followEvery is how often a log that is followed is looked at.
const followEvery = 200 * time.Millisecond

// printLog prints a log file. Where it follows, it goes on until ctx ends, also
// after the file was begun anew.
func (c *commandLine) printLog(ctx context.Context, path string, follow bool) error {
	var read int64 // bytes, whole lines only
	for {
		f, err := os.Open(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if !follow {
				return errors.New("there is no log: no sandbox has run in the background of this workspace yet")
			}
		case err != nil:
			return fmt.Errorf("reading the sandbox's log: %w", err)
		default:
			read, err = c.printLines(f, read, !follow)
			f.Close()
			if err != nil {
				return fmt.Errorf("reading the sandbox's log: %w", err)
			}
		}
		if !follow {
			return nil
		}
		select {
		case <-ctx.Done():
			return errInterrupted
		case <-time.After(followEvery):
		}
	}
}

// printLines prints the lines of f from an offset on and returns the next
// offset. A last line without its end is printed only where all is asked for.
func (c *commandLine) printLines(f *os.File, from int64, all bool) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return from, err
	}
	if info.Size() < from {
		from = 0
	}
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return from, err
	}
	in := bufio.NewReader(f)
	for {
		line, err := in.ReadString('\n')
		if errors.Is(err, io.EOF) && (!all || line == "") {
			return from, nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return from, err
		}
		from += int64(len(line))
		if text := clean.Line(strings.TrimSuffix(line, "\n")); c.json {
			if err := c.emit(map[string]any{"type": "log", "message": text}); err != nil {
				return from, err
			}
		} else {
			c.printf("%s\n", text)
		}
	}
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
