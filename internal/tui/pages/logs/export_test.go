package logs

// Pretty is pretty, for tests.
var Pretty = pretty

// Held is how many log lines are held.
func (l *Page) Held() int { return l.ring.Len() }

// HealthChecks is how many of them are health checks.
func (l *Page) HealthChecks() int { return l.checks.held }

// Scan goes on with a filter that was not done, and reports whether more is left.
func (l *Page) Scan() bool { return l.scan() }
