package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/lesson"
	"workshop/internal/tui/style"
)

// plainStep draws a step's text without any of its structure.
type plainStep struct {
	step *lesson.Step
	w, h int
	at   view
	vars func(string) (string, bool)
}

type runMsg struct{ Command, Lang, BlockID string }
type copyMsg struct{ Text string }

func newPlainStep(s *lesson.Step, _ style.Theme) stepView { return &plainStep{step: s} }

func (p *plainStep) SetSize(w, h int)                      { p.w, p.h = w, h }
func (p *plainStep) SetTheme(style.Theme)                  {}
func (p *plainStep) SetVars(f func(string) (string, bool)) { p.vars = f }
func (p *plainStep) State() []byte                         { return nil }
func (p *plainStep) Restore([]byte)                        {}

func (p *plainStep) Update(msg tea.Msg) tea.Cmd {
	if k, ok := msg.(tea.KeyPressMsg); ok {
		if k.String() == "enter" {
			for _, b := range p.step.Blocks {
				if b.Run {
					return func() tea.Msg { return runMsg{b.Source, b.Lang, b.ID} }
				}
			}
		}
		p.at.key(k)
	}
	return nil
}

func (p *plainStep) View() string {
	var lines []string
	for _, b := range p.step.Blocks {
		var s strings.Builder
		for _, x := range b.Text {
			s.WriteString(x.Text)
		}
		s.WriteString(b.Source)
		lines = append(lines, wrap(s.String(), p.w)...)
		lines = append(lines, "")
	}
	from, to := p.at.window(len(lines), p.h)
	return strings.Join(lines[from:to], "\n")
}
