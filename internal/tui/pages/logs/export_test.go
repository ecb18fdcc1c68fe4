package logs

import (
	"workshop/internal/clean"
	"workshop/internal/tui/style"
)

// Pretty is pretty without colours, for tests.
func Pretty(s string, columns []string, t style.Theme) []string {
	return pretty(s, columns, clean.Text, t)
}

// Held is how many log lines are held.
func (l *Page) Held() int { return l.ring.Len() }

// HealthChecks is how many of them are health checks.
func (l *Page) HealthChecks() int { return l.checks.held }

// Scan goes on with a filter that was not done, and reports whether more is left.
func (l *Page) Scan() bool { return l.scan() }
