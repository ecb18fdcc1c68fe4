package tui

import (
	"context"
	"io"
	"strings"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/tui/keys"
	"workshop/internal/tui/pages/guide"
	"workshop/internal/tui/picture"
)

// Model opens the root model to the tests in package tui_test.
type Model = model

func NewModel(ctx context.Context, s Session, o Options) *Model {
	m := newModel(ctx, s, o)
	terminal, err := picture.NewTerminal(o.Pictures)
	if err != nil {
		panic(err)
	}
	m.Terminal = terminal
	return m
}

// CloseJobs is what Run does after the event loop.
func (m *model) CloseJobs(cancel context.CancelFunc) { m.close(cancel, discard{}, nil, true) }

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// SetExec has programs that would be given the terminal handed to run.
// What such a program writes to its standard error goes to errOut, which may be nil.
func (m *model) SetExec(run func(args []string, intro string, errOut io.Writer) error) {
	m.exec = func(c tea.ExecCommand, done tea.ExecCallback) tea.Cmd {
		return func() tea.Msg {
			f := c.(*foreground)
			return done(run(f.Args, f.Intro, f.Stderr))
		}
	}
}

// PageHints are the hints of the page, or of the dialog over it.
func (m *model) PageHints() string {
	hints := m.pages[m.current].Keys().Hints()
	if m.Dialog != nil {
		hints = m.Dialog.Hints()
	}
	var texts []string
	for _, h := range hints {
		texts = append(texts, h.Key+" "+h.Does)
	}
	return strings.Join(texts, " · ")
}

// KeyGroups returns the keys of the root and of each page, with their titles.
func (m *model) KeyGroups() (titles []string, groups [][]keys.Group) {
	titles, groups = []string{""}, [][]keys.Group{m.keys.Groups()}
	for i, p := range m.pages {
		titles, groups = append(titles, m.specs[i].title), append(groups, p.Keys().Groups())
	}
	return titles, groups
}

// Shadowed are the keys of pages that never reach them, because the root model acts on them.
func (m *model) Shadowed() []string {
	everywhere := map[string]bool{}
	for _, c := range m.keys {
		for _, k := range c.Keys {
			for _, name := range k.Keys() {
				everywhere[name] = everywhere[name] || k.Acts()
			}
		}
	}
	var out []string
	for i, p := range m.pages {
		for _, c := range p.Keys() {
			for _, k := range c.Keys {
				for _, name := range k.Keys() {
					if everywhere[name] && !c.Text && k.Help().Desc != "" {
						out = append(out, m.specs[i].title+": "+name+" "+k.Help().Desc)
					}
				}
			}
		}
	}
	return out
}

// Guide returns the guide.
func (m *model) Guide() *guide.Page { return m.pages[0].(*guide.Page) }

// OpenNow brings what the session's Open returns, without waiting for a job.
func (m *model) OpenNow(ctx context.Context) {
	m.opened(m.session.Open(ctx))
}

// Renewed shows a draft, as if its author had just saved it.
func (m *model) Renewed(d Draft) {
	m.receiveDraft(d)
	m.stale = true
}
