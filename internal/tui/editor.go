package tui

import (
	"context"
	"fmt"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/clean"
)

// editor edits a file of the configuration for those who have named no editor
// of their own, and shows it to those who may only look.
type editor struct {
	*shared
	file    File
	area    *textarea
	written int  // the text that was last read or saved, by its id
	alters  bool // saving changes more than was typed
	saving  bool
	saved   func() tea.Cmd
	leave   func()
}

func newEditor(s *shared, f File) *editor {
	shown := clean.Text(f.Text)
	return &editor{shared: s, file: f, area: newTextarea(shown, f.Line-1), alters: shown != f.Text}
}

func (e *editor) changed() bool { return e.area.id != e.written }

func (e *editor) key(k tea.KeyPressMsg) tea.Cmd {
	switch key := k.String(); key {
	case "ctrl+s":
		e.save(false)
	case "esc":
		if !e.changed() {
			e.leave()
			return nil
		}
		e.ask("Back to the step", func() tea.Cmd { e.leave(); return nil })
	default:
		was := *e.area
		if e.area.key(k) && e.info.ReadOnly {
			*e.area = was
			e.say(noteAttention, "You can look but not change: "+clean.Line(e.info.Holder))
		}
	}
	return nil
}

func (e *editor) paste(text string) {
	if !e.info.ReadOnly {
		e.area.insert(clean.Text(text))
	}
}

// ask is the question before text that is not saved would be lost.
func (e *editor) ask(where string, lose func() tea.Cmd) {
	e.dialog = &dialog{
		title: clean.Line(e.file.Name) + " is not saved",
		body:  []string{"What you have written since it was last saved is only on the screen."},
		choices: []choice{
			{label: "Stay", key: "n"},
			{label: "Save it and leave", key: "s", do: func(*dialog) tea.Cmd { e.save(true); return nil }},
			{label: where + " without it", key: "x", do: func(*dialog) tea.Cmd { return lose() }},
		},
	}
}

// save writes the text; then it leaves where that is wanted and it was saved.
func (e *editor) save(leave bool) {
	switch {
	case e.info.ReadOnly:
		e.say(noteAttention, "You can look but not change: "+clean.Line(e.info.Holder))
		return
	case e.saving:
		return
	}
	e.saving = true
	name, text, id := e.file.Name, e.area.text(), e.area.id
	type saved struct {
		file File
		kept string
	}
	e.jobs.start(func(ctx context.Context, _ int, _ func(any)) (any, error) {
		ctx, cancel := context.WithTimeout(ctx, actionTime)
		defer cancel()
		f, kept, err := e.session.WriteFile(ctx, name, text)
		return saved{f, kept}, err
	}, func(m any) tea.Cmd {
		e.saving = false
		d := m.(ended)
		s, _ := d.value.(saved)
		if d.err != nil {
			e.say(noteBad, "Not saved: "+clean.Line(d.err.Error()))
			return nil
		}
		e.file, e.written, e.alters = s.file, id, false
		switch f := s.file.Fault; {
		case f != nil:
			e.say(noteAttention, fmt.Sprintf("Saved, but Terraform cannot read it: line %d", f.Line))
		case s.kept != "":
			e.say(noteGood, "Saved; the file as it was is kept in "+clean.Line(s.kept))
		default:
			e.say(noteGood, "Saved")
		}
		if leave && s.file.Fault == nil {
			e.leave()
		}
		return e.saved()
	})
}

func (e *editor) view(w, h int) []string {
	t := e.theme
	state := t.Dim.Render("saved")
	switch {
	case e.info.ReadOnly:
		state = t.Attention.Render("READ ONLY")
	case e.saving:
		state = t.Dim.Render("saving")
	case e.changed():
		state = t.Attention.Render("not saved")
	case e.file.Text == "":
		state = t.Dim.Render("new file")
	}
	says := ""
	switch {
	case e.file.Fault != nil:
		says = t.Attention.Render(fmt.Sprintf("%s line %d: %s", t.Signs.Warn, e.file.Fault.Line, e.file.Fault.Message))
	case e.alters && !e.info.ReadOnly:
		says = t.Dim.Render("Saving here writes tabs as spaces and leaves control characters out.")
	}
	out := []string{ends(t.Heading.Render(clean.Line(e.file.Name))+" "+t.Dim.Render(fmt.Sprintf("line %d of %d", e.area.row+1, len(e.area.lines))), state, w, t), cut(says, w, t)}
	return append(out, e.area.view(w, h-len(out), t)...)
}

func (e *editor) hints() []hint {
	if e.info.ReadOnly {
		return []hint{{"esc", "back"}}
	}
	return []hint{{"ctrl+s", "save"}, {"ctrl+z", "undo"}, {"esc", "back"}}
}
