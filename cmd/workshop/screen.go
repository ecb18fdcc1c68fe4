package main

import (
	"context"
	"os"
	"runtime/debug"

	"github.com/charmbracelet/x/term"

	"workshop/internal/target"
	"workshop/internal/tui"
)

// memoryLimit is soft, in bytes. What a screen holds stays below it, 22 MB with 90,000 log
// lines; a burst of logs passes through, and what is beyond is given back to the system.
const memoryLimit = 44 << 20

// screen opens the TUI.
func (c *commandLine) screen(ctx context.Context, o tui.Options) error {
	if c.tty == nil || !term.IsTerminal(c.tty.Fd()) || !c.terminal() {
		return usagef("the screen needs a terminal; without one use the commands, for example `workshop deploy --yes` and `workshop status`")
	}
	c.fullScreen = true
	s, err := c.open()
	if err != nil {
		return err
	}
	if err := c.moveState(ctx, s); err != nil {
		return err
	}
	// A screen stays open for hours beside other work: memory counts more than
	// the collector's share of the processor.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	err = tui.Run(ctx, s, o.FromEnv(os.Getenv))
	if s.SandboxRuns(context.WithoutCancel(ctx)) {
		c.note("%s", target.KeepsRunning)
	}
	return err
}
