package live

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/clean"
	"workshop/internal/fargate"
	"workshop/internal/tui/jobs"
	"workshop/internal/tui/page"
)

// definition is what a revision of the task definition says.
type definition struct {
	fields []fargate.Field
	err    error
	ready  bool
}

// askDefinition asks what the chosen task was told to run, if that is open. A revision never
// changes, so one answer serves.
func (l *Page) askDefinition() {
	t, ok := l.task()
	if known, asked := l.definitions[t.Revision]; !ok || !l.open[l.chosen] || asked && (!known.ready || known.err == nil) {
		return
	}
	if len(l.definitions) >= changesKept {
		clear(l.definitions)
	}
	l.definitions[t.Revision] = definition{}
	sess, revision := l.session, t.Revision
	jobs.Start(l.Jobs, page.Bounded(func(ctx context.Context) ([]fargate.Field, error) {
		return sess.Definition(ctx, revision)
	}), func(fields []fargate.Field, err error) tea.Cmd {
		l.definitions[revision] = definition{fields, err, true}
		return nil
	})
}

// defined draws what a revision says, once it was asked for.
func (d *drawing) defined(revision string) {
	t := d.Theme
	known, asked := d.definitions[revision]
	switch {
	case !asked:
	case !known.ready:
		d.details("defined", t.Dim.Render("reading "+clean.Line(revision)))
	case known.err != nil:
		d.details("defined", t.Dim.Render("cannot be read: "+clean.Line(known.err.Error())))
	default:
		d.details("defined", "by "+clean.Line(revision)+":")
		for _, f := range known.fields {
			d.details(" ", t.Dim.Render(clean.Line(f.Name))+"  "+clean.Line(f.Value))
		}
	}
}
