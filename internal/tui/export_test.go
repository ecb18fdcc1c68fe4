package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/fargate"
	"workshop/internal/tui/picture"
)

// Model opens the root model to the stories in package tui_test.
type Model = model

func NewModel(ctx context.Context, s Session, o Options) *Model {
	m := newModel(ctx, s, o)
	terminal, err := picture.NewTerminal(o.Pictures)
	if err != nil {
		panic(err)
	}
	m.terminal = terminal
	return m
}

// Close is what Run does after the event loop.
func (m *model) Close(cancel context.CancelFunc) { m.close(cancel, discard{}, nil, true) }

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// SetExec has programs that would be given the terminal handed to run.
func (m *model) SetExec(run func(args []string, says string) error) {
	m.exec = func(c tea.ExecCommand, done tea.ExecCallback) tea.Cmd {
		return func() tea.Msg {
			f := c.(*foreground)
			return done(run(f.Args, f.says))
		}
	}
}

// Edit opens the small editor.
func (m *model) Edit(f File) { m.guide.edit(f) }

// LogsModel returns a model that shows the logs page with these lines held.
func LogsModel(ctx context.Context, s Session, w, h int, lines []fargate.Line) *Model {
	m := newModel(ctx, s, Options{Page: "logs"})
	m.tailing = 1
	m.Update(tea.WindowSizeMsg{Width: w, Height: h})
	for len(lines) > 0 {
		n := min(len(lines), linesPerMail)
		m.MoreLines(lines[:n])
		lines = lines[n:]
	}
	return m
}

// MoreLines brings lines as the mailbox would.
func (m *model) MoreLines(lines []fargate.Line) tea.Cmd {
	return m.update(mailMsg{lines: lines, lineGen: m.tailing})
}

// Held is how many log lines are held.
func (m *model) Held() int { return m.logs.ring.Len() }

// HealthChecks is how many of them are health checks.
func (m *model) HealthChecks() int { return m.logs.checks.held }

// Scan goes on with a filter that was not done.
func (m *model) Scan() bool { return m.update(scanMsg{}) != nil }

var (
	ContainsFold = containsFold
	Pretty       = pretty
	HealthCheck  = healthCheck
	Highlight    = highlight
)

// Opened brings what the session's Open says, without waiting for mail.
func (m *model) Opened(ctx context.Context) {
	o, err := m.session.Open(ctx)
	m.opened(ended{o, err})
}
