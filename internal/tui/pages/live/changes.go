package live

import (
	"context"
	"errors"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/clean"
	"workshop/internal/fargate"
	"workshop/internal/tui/jobs"
	"workshop/internal/tui/page"
)

// changes are what a revision has different from the one before.
type changes struct {
	before string
	list   []fargate.Change
	err    error
	ready  bool
}

// changesKept is of how many revisions the changes are kept.
const changesKept = 50

// askChanges asks what is different in the revision of the chosen deployment, if that is
// open. A revision never changes, so one answer serves.
func (l *Page) askChanges() {
	at := l.at()
	if at < 0 || l.items[at].of != ofDeployment || !l.open[l.items[at]] {
		return
	}
	revision := ""
	for _, d := range l.Snapshot.History {
		if d.ID == l.items[at].id {
			revision = d.Revision
		}
	}
	known, asked := l.changes[revision]
	if revision == "" || asked && (!known.ready || known.err == nil || errors.Is(known.err, fargate.ErrFirstRevision)) {
		return
	}
	if len(l.changes) >= changesKept {
		clear(l.changes)
	}
	l.changes[revision] = changes{}
	sess := l.session
	jobs.Start(l.Jobs, page.Bounded(func(ctx context.Context) (changes, error) {
		before, list, err := sess.Changes(ctx, revision)
		return changes{before: before, list: list}, err
	}), func(c changes, err error) tea.Cmd {
		c.err, c.ready = err, true
		l.changes[revision] = c
		return nil
	})
}

// changesOf draws what a revision has different from the one before.
func (d *drawing) changesOf(revision string) {
	t := d.Theme
	c, asked := d.changes[revision]
	switch {
	case !asked:
	case !c.ready:
		d.details("changes", t.Dim.Render("comparing with the revision before"))
	case errors.Is(c.err, fargate.ErrFirstRevision):
		d.details("changes", t.Dim.Render("none: "+clean.Line(c.err.Error())))
	case c.err != nil:
		d.details("changes", t.Dim.Render("cannot be read: "+clean.Line(c.err.Error())))
	case len(c.list) == 0:
		d.details("changes", t.Dim.Render("none since "+clean.Line(c.before)))
	default:
		d.details("changes", "since "+clean.Line(c.before)+":")
		for _, x := range c.list {
			d.details(" ", t.Strong.Render(clean.Line(x.Field))+"  "+d.change(x))
		}
	}
}

// change writes old → new, or what was added or removed.
func (d *drawing) change(x fargate.Change) string {
	t, before, after := d.Theme, clean.Line(x.Old), clean.Line(x.New)
	switch {
	case before == "":
		return t.Dim.Render("added ") + after
	case after == "":
		return t.Dim.Render("removed " + before)
	}
	return t.Dim.Render(before) + " " + t.Signs.Arrow + " " + after
}
