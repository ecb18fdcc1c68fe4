package guide

import (
	"context"
	"fmt"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/clean"
	"workshop/internal/session"
	"workshop/internal/tui/draw"
	"workshop/internal/tui/jobs"
	"workshop/internal/tui/page"
	"workshop/internal/tui/widgets"
)

// editor edits a file of the configuration for those who have named no editor
// of their own, and shows it to those who may only look.
type editor struct {
	*page.Context
	session Files
	file    session.File
	area    *widgets.Textarea
	written int  // the text that was last read or saved, by its id
	alters  bool // saving changes more than was typed
	saving  bool
	saved   func() tea.Cmd
	leave   func()
}

func newEditor(c *page.Context, s Files, f session.File) *editor {
	shown := clean.Text(f.Text)
	return &editor{Context: c, session: s, file: f, area: widgets.NewTextarea(shown, f.Line-1), alters: shown != f.Text}
}

func (e *editor) changed() bool { return e.area.ID() != e.written }

// key edits. A workspace that may not change only lets the cursor move.
func (e *editor) key(k tea.KeyPressMsg) {
	before := *e.area
	if e.area.Key(k) && !e.MayChange() {
		*e.area = before
	}
}

// close leaves the editor, and asks where that would lose text.
func (e *editor) close() {
	if !e.changed() {
		e.leave()
		return
	}
	e.ask("Back to the step", func() tea.Cmd { e.leave(); return nil })
}

func (e *editor) paste(text string) {
	if !e.Info.ReadOnly {
		e.area.Insert(clean.Text(text))
	}
}

// ask is the question before text that is not saved would be lost.
func (e *editor) ask(where string, lose func() tea.Cmd) {
	e.Dialog = &widgets.Dialog{
		Title: clean.Line(e.file.Name) + " is not saved",
		Body:  []string{"What you have written since it was last saved is only on the screen."},
		Choices: []widgets.Choice{
			{Label: "Stay", Key: "n"},
			{Label: "Save it and leave", Key: "s", Do: func(*widgets.Dialog) tea.Cmd { e.save(true); return nil }},
			{Label: where + " without it", Key: "x", Do: func(*widgets.Dialog) tea.Cmd { return lose() }},
		},
	}
}

// save writes the text; then it leaves where that is wanted and it was saved.
func (e *editor) save(leave bool) {
	if e.saving || !e.MayChange() {
		return
	}
	e.saving = true
	sess, name, text, id := e.session, e.file.Name, e.area.Text(), e.area.ID()
	type saved struct {
		file session.File
		kept string
	}
	jobs.Start(e.Jobs, page.Bounded(func(ctx context.Context) (saved, error) {
		f, kept, err := sess.WriteFile(ctx, name, text)
		return saved{f, kept}, err
	}), func(s saved, err error) tea.Cmd {
		e.saving = false
		if err != nil {
			e.Say(page.Bad, "Not saved: "+clean.Line(err.Error()))
			return nil
		}
		e.file, e.written, e.alters = s.file, id, false
		switch f := s.file.Fault; {
		case f != nil:
			e.Say(page.Attention, fmt.Sprintf("Saved, but Terraform cannot read it: line %d", f.Line))
		case s.kept != "":
			e.Say(page.Good, "Saved; the file as it was is kept in "+clean.Line(s.kept))
		default:
			e.Say(page.Good, "Saved")
		}
		if leave && s.file.Fault == nil {
			e.leave()
		}
		return e.saved()
	})
}

func (e *editor) view(w, h int) []string {
	t := e.Theme
	state := t.Dim.Render("saved")
	switch {
	case e.Info.ReadOnly:
		state = t.Attention.Render("READ ONLY")
	case e.saving:
		state = t.Dim.Render("saving")
	case e.changed():
		state = t.Attention.Render("not saved")
	case e.file.Text == "":
		state = t.Dim.Render("new file")
	}
	message := ""
	switch {
	case e.file.Fault != nil:
		message = t.Attention.Render(fmt.Sprintf("%s line %d: %s", t.Signs.Warn, e.file.Fault.Line, e.file.Fault.Message))
	case e.alters && !e.Info.ReadOnly:
		message = t.Dim.Render("Saving here writes tabs as spaces and leaves control characters out.")
	}
	line, lines := e.area.Position()
	out := []string{draw.Ends(t.Heading.Render(clean.Line(e.file.Name))+" "+t.Dim.Render(fmt.Sprintf("line %d of %d", line, lines)), state, w, t), draw.Cut(message, w, t)}
	return append(out, e.area.View(w, h-len(out), t)...)
}
