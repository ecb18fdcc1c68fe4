package tui

import (
	"context"
	"fmt"
	"strings"

	"charm.land/bubbles/v2/textarea"
	tea "charm.land/bubbletea/v2"

	"workshop/internal/clean"
)

// editor edits a file of the configuration for those who have named no editor
// of their own, and shows it to those who may only look.
type editor struct {
	*shared
	file    File
	area    textarea.Model
	dark    bool
	written string // what the area held when it was last read or saved
	alters  bool   // saving changes more than was typed
	shown   bool   // it has been drawn
	saving  bool
	saved   func() tea.Cmd
	leave   func()
}

// editorLines is how many lines may be added to a file.
const editorLines = 500

func newEditor(s *shared, f File) (*editor, error) {
	e := &editor{shared: s, file: f, area: textarea.New()}
	e.area.Prompt, e.area.Placeholder = "", ""
	e.area.MaxHeight = max(999, strings.Count(f.Text, "\n")+editorLines) // it bounds the text as well
	e.area.MaxWidth = 0
	e.area.KeyMap.Paste.SetEnabled(false) // the terminal pastes
	e.style()
	shown := clean.Text(f.Text)
	e.area.SetValue(shown)
	e.written, e.alters = e.area.Value(), shown != f.Text
	if e.written != shown {
		return nil, fmt.Errorf("%s is too long for the small editor: name yours in the variable EDITOR", clean.Line(f.Name))
	}
	e.area.Focus()
	e.area.MoveToBegin()
	for range len(e.written) {
		if e.area.Line() >= f.Line-1 {
			break
		}
		e.area.CursorDown()
	}
	return e, nil
}

func (e *editor) style() {
	t := e.theme
	e.dark = t.Dark
	look := textarea.StyleState{
		Text: t.Text, LineNumber: t.Dim, CursorLineNumber: t.Key, CursorLine: t.Text, Selection: t.Selected,
		EndOfBuffer: t.Dim, Prompt: t.Dim, Base: t.Text, Placeholder: t.Dim,
	}
	st := textarea.Styles{Focused: look, Blurred: look}
	st.Cursor.Color = t.Accent.GetForeground()
	e.area.SetStyles(st)
}

func (e *editor) changed() bool { return e.area.Value() != e.written }

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
	case "up", "down", "left", "right", "pgup", "pgdown", "home", "end", "ctrl+home", "ctrl+end":
		e.update(k)
	default:
		if e.info.ReadOnly {
			e.say(noteAttention, "You can look but not change: "+clean.Line(e.info.Holder))
			return nil
		}
		return e.update(k)
	}
	return nil
}

func (e *editor) update(msg tea.Msg) (cmd tea.Cmd) {
	e.area, cmd = e.area.Update(msg)
	return cmd
}

func (e *editor) paste(text string) {
	if !e.info.ReadOnly {
		e.update(tea.PasteMsg{Content: clean.Text(text)})
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
	name, text := e.file.Name, e.area.Value()
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
		e.file.Fault, e.written, e.alters = s.file.Fault, text, false
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
	if e.dark != t.Dark {
		e.style()
	}
	if e.area.Width() != w || e.area.Height() != h-2 {
		e.area.SetWidth(w)
		e.area.SetHeight(h - 2)
		e.update(nil) // which brings the cursor into sight
		if !e.shown { // with what follows it
			e.shown = true
			line := e.area.Line()
			for range h / 2 {
				e.area.CursorDown()
			}
			e.update(nil)
			for e.area.Line() > line {
				e.area.CursorUp()
			}
			e.area.CursorStart()
		}
	}
	state := t.Dim.Render("saved")
	switch {
	case e.info.ReadOnly:
		state = t.Attention.Render("READ ONLY")
	case e.saving:
		state = t.Dim.Render("saving")
	case e.changed():
		state = t.Attention.Render("not saved")
	case e.file.Text == "" && e.written == "":
		state = t.Dim.Render("new file")
	}
	says := ""
	switch {
	case e.file.Fault != nil:
		says = t.Attention.Render(fmt.Sprintf("%s line %d: %s", t.Signs.Warn, e.file.Fault.Line, e.file.Fault.Says))
	case e.alters && !e.info.ReadOnly:
		says = t.Dim.Render("Saving here writes tabs as spaces and leaves control characters out.")
	}
	out := []string{ends(t.Heading.Render(clean.Line(e.file.Name))+" "+t.Dim.Render(fmt.Sprintf("line %d of %d", e.area.Line()+1, e.area.LineCount())), state, w, t), cut(says, w, t)}
	return append(out, block(strings.Split(e.area.View(), "\n"), h-2)...)
}

func (e *editor) hints() []hint {
	if e.info.ReadOnly {
		return []hint{{"esc", "back"}}
	}
	return []hint{{"ctrl+s", "save"}, {"esc", "back"}}
}
