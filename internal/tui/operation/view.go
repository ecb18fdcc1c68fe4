package operation

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/clean"
	"workshop/internal/session"
	"workshop/internal/stack"
	"workshop/internal/tui/draw"
)

// StoppingText says what happens after Terraform was asked to stop.
const StoppingText = "Stopping: Terraform starts nothing new and saves its state. What was half made is replaced by the next apply."

// ShowsLog reports whether Terraform's log is on the screen.
func (v *View) ShowsLog() bool { return v.showLog }

// Draw draws the phases that look the same on every page; ok is false for the others.
func (v *View) Draw(w, h int) (lines []string, ok bool) {
	t := v.Theme
	if v.showLog {
		return v.log.view(w, h, t, v.Phase == Applying || v.Phase == Planning), true
	}
	switch v.Phase {
	case Waiting, Planning:
		what := "Planning"
		if v.Destroy {
			what = "Planning the clean-up"
		}
		message, part := v.message, v.part
		if v.Phase == Waiting {
			if v.Ready.Err != nil {
				return v.NotReady(w), true
			}
			what, message, part = "Getting ready", v.Ready.Message, v.Ready.Part
		}
		lines = append(lines, "", "  "+t.Accent.Render(v.Spinner())+" "+t.Strong.Render(what), "", "    "+draw.Cut(message, w-6, t))
		if part > 0 {
			lines = append(lines, "", "    "+draw.Bar(part, min(48, w-16), t.Accent, t)+fmt.Sprintf(" %3.0f%%", part*100))
		}
		lines = append(lines, "")
		lines = append(lines, draw.Indent(4, draw.Paragraphs(min(w-8, 72), t.Dim, "Nothing is created or changed while Terraform plans. You will see what it would do, and decide."))...)
		return lines, true
	case Applying:
		lines = append(lines, v.Progress.Head(w))
		switch {
		case v.Running != nil && v.Running.Stops > 0:
			lines = append(lines, t.Attention.Render("   "+StoppingText))
		case v.Running != nil && v.Running.By != "":
			lines = append(lines, t.Dim.Render(draw.Cut("   Started by "+clean.Line(v.Running.By)+" at "+v.Running.Began.Local().Format("15:04:05"), w, t)))
		default:
			lines = append(lines, "")
		}
		diags := append(v.heldLines(w-4), v.diagnosticLines(w-4, 6)...)
		lines = append(lines, v.Progress.view(w, h-len(lines)-len(diags))...)
		return append(lines, diags...), true
	case Failed:
		return v.viewFailed(w, h), true
	}
	return nil, false
}

// NotReady draws why the session is not able to work.
func (v *View) NotReady(w int) []string {
	t := v.Theme
	lines := []string{"", "  " + t.Bad.Render(t.Signs.Failed+" The workshop could not get ready"), ""}
	lines = append(lines, draw.Indent(4, draw.Paragraphs(w-8, t.Text, clean.Line(v.Ready.Err.Error())))...)
	return append(lines, "", "    "+t.Key.Render("r")+" tries again")
}

func (v *View) viewFailed(w, h int) []string {
	t := v.Theme
	what := "Terraform could not make a plan"
	next := "Nothing was created or changed. Press " + t.Key.Render("r") + " to plan again."
	if v.Progress != nil {
		what = fmt.Sprintf("The apply stopped after %d of %d", v.Progress.Reading().Done, v.Progress.Reading().Total)
		next = "The next plan starts from what Terraform's state knows, and looks in the account for what it may have lost. Press " + t.Key.Render("r") + " to plan the rest."
		if v.Destroy {
			what = fmt.Sprintf("The clean-up stopped after %d of %d", v.Progress.Reading().Done, v.Progress.Reading().Total)
			next = "Press " + t.Key.Render("r") + " to plan the rest: the plan has what Terraform's state knows and what the account still has."
		}
	}
	mark := t.Bad.Bold(true).Render(t.Signs.Failed + " " + what)
	if stopped(v.err) {
		mark = t.Attention.Bold(true).Render(t.Signs.Warn + " " + what + ", because you stopped it")
	}
	if v.repairable() {
		next += " Press " + t.Key.Render("u") + " to repair it first."
	}
	head := []string{"", " " + mark}
	head = append(append(head, draw.Indent(3, draw.Wrap(next, w-5))...), "")
	body := v.diagnosticLines(w-4, 0)
	var diag *stack.DiagnosticError
	switch {
	case errors.As(v.err, &diag):
		if hint := diag.Hint(); hint != "" {
			body = append(body, draw.Indent(3, draw.Paragraphs(min(w-6, draw.ReadWidth), t.Good, hint))...)
		}
	case !stopped(v.err) && len(v.diagnostics) == 0:
		body = draw.Indent(3, draw.Paragraphs(min(w-6, draw.ReadWidth), t.Text, strings.Split(clean.Text(v.err.Error()), "\n")...))
	}
	if v.Progress != nil && len(body)+len(head) < h-4 {
		body = append(body, "")
		body = append(body, v.Progress.view(w, h-len(head)-len(body)-1)...)
	}
	if v.Below != nil {
		body = append(body, v.Below(w)...)
	}
	from, to := v.errors.Window(len(body), h-len(head))
	return append(head, body[from:to]...)
}

// diagnosticLines draws Terraform's diagnostics; most bounds them, 0 for all.
func (v *View) diagnosticLines(w, most int) []string {
	t := v.Theme
	var out []string
	for i, d := range v.diagnostics {
		if slices.ContainsFunc(v.diagnostics[:i], func(before diagnostic) bool {
			return before.Diagnostic == d.Diagnostic || d.Repeats(before.Diagnostic)
		}) {
			continue
		}
		if d.Stopped { // what a stop cuts short is no error
			if d.Address != "" {
				out = append(out, t.Dim.Render(draw.Cut(t.Signs.Open+" "+clean.Line(d.Address)+" was half made: the next apply replaces it", w, t)))
			}
			continue
		}
		st, mark := t.Bad, t.Signs.Failed
		if d.Severity == "warning" {
			st, mark = t.Attention, t.Signs.Warn
		}
		at := place(d)
		summary := clean.Line(d.Summary)
		if most > 0 && at != "" {
			summary += " (" + at + ")"
		}
		head := draw.Wrap(summary, w-2)
		for i, l := range head {
			if i == 0 {
				l = mark + " " + l
			} else {
				l = "  " + l
			}
			out = append(out, st.Bold(true).Render(l))
		}
		if most > 0 {
			continue
		}
		if at != "" {
			if d.Address != "" {
				at += t.Signs.Sep + clean.Line(d.Address)
			}
			out = append(out, "  "+t.Accent.Render(at))
		} else if d.Address != "" {
			out = append(out, "  "+t.Accent.Render(clean.Line(d.Address)))
		}
		if d.Snippet != "" {
			for i, l := range strings.Split(strings.TrimRight(clean.Text(d.Snippet), "\n"), "\n") {
				no := "    "
				if d.Line > 0 {
					no = fmt.Sprintf("%4d", d.Line+i)
				}
				out = append(out, "  "+t.Dim.Render(no+" "+t.Signs.Quote)+" "+t.Code.Render(draw.Cut(l, w-10, t)))
			}
		}
		if d.Detail != "" {
			for _, p := range strings.Split(clean.Text(d.Detail), "\n") {
				out = append(out, draw.Indent(2, draw.Paragraphs(min(w-4, draw.ReadWidth), t.Text, p))...)
			}
		}
		if d.advice != "" {
			for _, l := range draw.Bullet(t.Signs.Arrow+" ", clean.Line(d.advice), min(w-6, draw.ReadWidth)+2) {
				out = append(out, "  "+t.Good.Render(l))
			}
		}
		out = append(out, "")
	}
	if most > 0 && len(out) > most {
		out = append(out[:most-1], t.Bad.Render(fmt.Sprintf("  and %d more", len(out)-most+1)))
	}
	return draw.Indent(1, out)
}

// place says where in the files a diagnostic points; empty for nowhere.
func place(d diagnostic) string {
	if d.File == "" {
		return ""
	}
	at := clean.Line(filepath.Base(d.File))
	if d.Line > 0 {
		at += fmt.Sprintf(", line %d", d.Line)
	}
	return at
}

// Notes draws what was done about something that stood in the way of the plan; nothing
// where nothing did.
func (v *View) Notes(w int) []string {
	var out []string
	for _, n := range v.notes {
		out = append(out, draw.Indent(3, draw.Paragraphs(min(w-6, draw.ReadWidth), v.Theme.Dim, n))...)
	}
	if len(out) > 0 {
		out = append(out, "")
	}
	return out
}

// heldLines draws what keeps deletions from coming to their end.
func (v *View) heldLines(w int) []string {
	t := v.Theme
	var out []string
	for _, h := range v.held {
		out = append(out, draw.Indent(1, draw.Bullet(t.Attention.Render(t.Signs.Warn)+" ", h, min(w-4, draw.ReadWidth)+2))...)
	}
	return out
}

// Diagnostics draws every diagnostic in full, in w columns; nothing where there is
// none.
func (v *View) Diagnostics(w int) []string {
	if len(v.diagnostics) == 0 {
		return nil
	}
	return v.diagnosticLines(w, 0)
}

// Tree draws the plan as a tree of groups and resources.
func (v *View) Tree(w, h int) []string { return v.tree.view(w, h, v.Theme) }

// Groups returns the groups of the plan with the number of their changes, as words
// of a sentence.
func (v *View) Groups() []string {
	var out []string
	for _, g := range v.tree.groups {
		if !g.drift {
			out = append(out, fmt.Sprintf("%s %d", strings.ToLower(g.name), len(g.changes)))
		}
	}
	return out
}

// ScrollPlan moves in the plan and reports whether the key was one that moves.
func (v *View) ScrollPlan(k tea.KeyPressMsg) bool {
	return len(v.tree.rows) > 0 && v.tree.scroll.Key(k)
}

// PriceSentences say in a dialog what a plan costs.
func PriceSentences(c session.Cost) string {
	all := append([]string{"Cost: " + c.Whole + "."}, c.Hints...)
	return clean.Line(strings.TrimSpace(strings.Join(append(all, c.Warning), " ")))
}
