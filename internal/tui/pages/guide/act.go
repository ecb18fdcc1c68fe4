package guide

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/clean"
	"workshop/internal/lesson"
	"workshop/internal/session"
	"workshop/internal/tui/jobs"
	"workshop/internal/tui/page"
	"workshop/internal/tui/reader"
)

// answer does what a key in the text asks for.
func (g *Page) answer(q reader.Request) tea.Cmd {
	switch q := q.(type) {
	case reader.Run:
		g.runBlock(q.Command)
	case reader.Copy:
		return g.Copy(q.Text, "The text")
	case reader.Enlarge:
		g.Root.Enlarge(g.images, q.Path, q.Alt)
	case reader.Missing:
		if g.Stack.Exists {
			g.Say(page.Attention, "This needs "+strings.Join(q.Names, ", ")+", which has no value yet")
		} else {
			g.Say(page.Attention, "This needs something that is deployed: press "+g.Root.Key("deploy")+" first")
		}
	case reader.Act:
		return g.act(q.Action)
	}
	return nil
}

// act does what a block or a link offers.
func (g *Page) act(a lesson.Action) tea.Cmd {
	switch a.Verb {
	case lesson.Set:
		g.set(a.Settings)
	case lesson.Open:
		g.openFile(a)
	case lesson.Shell:
		g.shell()
	case lesson.Visit:
		g.visit(a)
	case lesson.Page:
		if g.Root.Key(a.Name) == "" {
			g.Say(page.Bad, "There is no page "+a.Name)
			return nil
		}
		return g.Root.Open(a.Name)
	}
	return nil
}

// set gives variables of the configuration values, and shows what is different.
func (g *Page) set(settings []lesson.Setting) {
	if !g.MayChange() || g.commandRuns() || g.Jobs.Alive(g.doing) {
		return
	}
	o := &output{title: "terraform.tfvars", began: g.Now(), running: true}
	sess := g.session
	g.doing = jobs.Start(g.Jobs, page.Bounded(func(ctx context.Context) ([]string, error) {
		return sess.Set(ctx, settings)
	}), func(changes []string, err error) tea.Cmd {
		o.end(err, g.Now())
		for _, c := range changes {
			o.add(c)
		}
		switch {
		case err != nil:
			g.Say(page.Bad, "Not set: "+clean.Line(err.Error()))
		case len(changes) == 0:
			g.Say(page.Good, "It was set so already; nothing has changed")
			return nil
		default:
			g.Say(page.Good, changes[0])
		}
		g.showOutput(o)
		return g.edited()
	})
}

// edited looks anew at what depends on the configuration. A plan that waits for
// its approval is stale.
func (g *Page) edited() tea.Cmd {
	g.Root.DiscardPlan()
	g.exercise.recheck()
	return g.Root.StackChanged()
}

// openFile opens a file of the configuration in the learner's editor, or in ours
// where they have none or may only look.
func (g *Page) openFile(a lesson.Action) {
	if g.Jobs.Alive(g.doing) {
		return
	}
	type opening struct {
		file session.File
		cmd  *exec.Cmd // nil for our own editor
	}
	sess, readOnly := g.session, g.Info.ReadOnly
	g.doing = jobs.Start(g.Jobs, page.Bounded(func(ctx context.Context) (opening, error) {
		f, err := sess.ReadFile(ctx, a)
		if err != nil || readOnly {
			return opening{file: f}, err
		}
		return opening{f, sess.Editor(f)}, nil
	}), func(o opening, err error) tea.Cmd {
		switch {
		case err != nil:
			g.Say(page.Bad, clean.Line(err.Error()))
		case o.cmd == nil:
			g.Edit(o.file)
		default:
			return g.Root.Run(page.Program{Cmd: o.cmd}, func(err error) tea.Cmd { return g.returned(o.file, o.cmd, err) })
		}
		return nil
	})
}

// Edit opens our own editor.
func (g *Page) Edit(f session.File) {
	e := newEditor(g.Context, g.session, f)
	e.saved = g.edited
	e.leave = func() { g.editor = nil }
	g.editor = e
}

// returned looks at a file after the learner's editor.
func (g *Page) returned(before session.File, cmd *exec.Cmd, failure error) tea.Cmd {
	name := clean.Line(cmd.Args[0])
	if exit := (*exec.ExitError)(nil); failure != nil && !errors.As(failure, &exit) {
		g.Edit(before)
		g.Say(page.Attention, "Your editor could not be started, so here is a small one: "+clean.Line(failure.Error()))
		return nil
	} else if failure != nil {
		g.Say(page.Bad, fmt.Sprintf("Your editor %s ended with an error (%v)", name, failure))
	}
	sess := g.session
	g.doing = jobs.Start(g.Jobs, page.Bounded(func(ctx context.Context) (session.File, error) {
		return sess.ReadFile(ctx, lesson.Action{File: before.Name})
	}), func(after session.File, err error) tea.Cmd {
		switch {
		case err != nil:
			g.Say(page.Bad, clean.Line(err.Error()))
		case after.Fault != nil:
			line := fmt.Sprintf("line %d", after.Fault.Line)
			if failure == nil {
				g.Say(page.Attention, clean.Line(after.Name)+" cannot be read by Terraform: "+line)
			}
			o := &output{title: clean.Line(after.Name), began: g.Now(), err: errors.New("cannot be read")}
			o.add(line + ": " + after.Fault.Message)
			g.showOutput(o)
		case after.Text != before.Text && failure == nil:
			g.Say(page.Good, clean.Line(after.Name)+" is changed")
		case failure == nil:
			g.Say(page.Good, clean.Line(after.Name)+" is as it was")
		}
		if err == nil && after.Text == before.Text {
			return nil
		}
		return g.edited()
	})
	return nil
}

// shell gives the terminal to a shell in the folder of the configuration.
func (g *Page) shell() {
	if g.Jobs.Alive(g.doing) || !g.IsReady() {
		return
	}
	g.doing = jobs.Start(g.Jobs, page.Bounded(g.session.Shell), func(cmd *exec.Cmd, err error) tea.Cmd {
		if err != nil || cmd == nil {
			g.Say(page.Bad, "No shell could be opened: "+clean.Line(fmt.Sprint(err)))
			return nil
		}
		intro := fmt.Sprintf("\nThis is a shell where your configuration lies, with %s at hand:\n`terraform`, `aws` and `curl` work as typed. `exit` brings you back to the workshop.\n", g.Where())
		if g.Info.ReadOnly {
			intro += "Another process holds this workspace: look, but change nothing.\n"
		}
		return g.Root.Run(page.Program{Cmd: cmd, Intro: intro}, func(err error) tea.Cmd {
			if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) { // else the last command's exit code
				g.Say(page.Bad, "No shell could be opened: "+clean.Line(err.Error()))
			}
			return g.edited()
		})
	})
}

// visit goes to a step, or to a heading of one; without a name it stays in this.
func (g *Page) visit(a lesson.Action) {
	to := g.at
	for i, s := range g.Course.Steps {
		if s.ID == a.Name {
			to = i
		}
	}
	if a.Name != "" && g.Course.Steps[to].ID != a.Name {
		g.Say(page.Bad, "There is no step "+a.Name)
		return
	}
	g.jump(to)
	if a.Anchor != "" && !g.reader.GoAnchor(a.Anchor) {
		g.Say(page.Attention, "This step has no heading "+a.Anchor)
	}
}

// commandRuns reports whether something runs that shows its output, and says so.
func (g *Page) commandRuns() bool {
	if g.output == nil || !g.output.running {
		return false
	}
	g.Say(page.Attention, "A command is still running; ctrl+c stops it")
	return true
}

// runBlock runs a code block of the step.
func (g *Page) runBlock(command string) {
	if g.commandRuns() || !g.IsReady() {
		return
	}
	step := g.step().ID
	o := &output{command: command, began: g.Now(), running: true, scroll: following()}
	g.showOutput(o)
	sess := g.session
	o.job = jobs.Stream(g.Jobs, func(ctx context.Context, emit func(string)) (int, error) {
		return sess.Run(ctx, command, emit)
	}, o.add, func(code int, err error) tea.Cmd {
		o.end(err, g.Now())
		o.code = code
		g.keepOutput(step, o)
		return nil
	})
}

// Interrupt stops the command that a block runs; false where none does.
func (g *Page) Interrupt() bool {
	o := g.output
	if o == nil || !o.running {
		return false
	}
	g.Jobs.Drop(o.job)
	o.end(context.Canceled, g.Now())
	g.Say(page.Attention, "The command was stopped")
	return true
}
