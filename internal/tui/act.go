package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/clean"
	"workshop/internal/lesson"
	"workshop/internal/tui/reader"
)

// act does what the text of the step offers.
func (g *guide) act(msg reader.ActMsg) tea.Cmd {
	switch a := msg.Action; a.Verb {
	case lesson.Set:
		g.set(a.Settings)
	case lesson.Open:
		g.openFile(a)
	case lesson.Shell:
		g.shell()
	case lesson.Visit:
		g.visit(a)
	case lesson.Page:
		if id, ok := pageOf(a.Name); ok {
			return g.goTo(id)
		}
		g.say(noteBad, "There is no page "+a.Name)
	}
	return nil
}

// mayChange reports whether the workspace is ours to change, and says whose it
// is where it is not.
func (g *guide) mayChange() bool {
	if g.info.ReadOnly {
		g.say(noteAttention, "You can look but not change: "+clean.Line(g.info.Holder))
	}
	return !g.info.ReadOnly
}

// set gives variables of the configuration values, and shows what is different.
func (g *guide) set(settings []lesson.Setting) {
	if !g.mayChange() || g.runs() || g.jobs.alive(g.doing) {
		return
	}
	o := &output{title: "terraform.tfvars", began: g.now(), running: true}
	g.doing = g.jobs.start(func(ctx context.Context, _ int, _ func(any)) (any, error) {
		ctx, cancel := context.WithTimeout(ctx, actionTime)
		defer cancel()
		return g.session.Set(ctx, settings)
	}, func(m any) tea.Cmd {
		e := m.(ended)
		changes, _ := e.value.([]string)
		o.running, o.err, o.took = false, e.err, g.now().Sub(o.began)
		for _, c := range changes {
			o.add(c)
		}
		switch {
		case e.err != nil:
			g.say(noteBad, "Not set: "+clean.Line(e.err.Error()))
		case len(changes) == 0:
			g.say(noteGood, "It was set so already; nothing has changed")
			return nil
		default:
			g.say(noteGood, changes[0])
		}
		g.putOut(o)
		return g.edited()
	})
}

// edited looks anew at what depends on the configuration. A plan that waits for
// its approval was made of what it was before.
func (g *guide) edited() tea.Cmd {
	g.letPlanGo()
	g.teach.look()
	return g.stackMoved()
}

// openFile opens a file of the configuration in the learner's editor, or in ours
// where they have none or may only look.
func (g *guide) openFile(a lesson.Action) {
	if g.jobs.alive(g.doing) {
		return
	}
	type opening struct {
		file File
		cmd  *exec.Cmd
	}
	own := !g.info.ReadOnly
	g.doing = g.jobs.start(func(ctx context.Context, _ int, _ func(any)) (any, error) {
		ctx, cancel := context.WithTimeout(ctx, actionTime)
		defer cancel()
		f, err := g.session.ReadFile(ctx, a)
		if err != nil || !own {
			return opening{file: f}, err
		}
		return opening{f, g.session.Editor(f)}, nil
	}, func(m any) tea.Cmd {
		e := m.(ended)
		o, _ := e.value.(opening)
		switch {
		case e.err != nil:
			g.say(noteBad, clean.Line(e.err.Error()))
		case o.cmd == nil:
			g.edit(o.file)
		default:
			return g.run(&foreground{Cmd: o.cmd}, func(err error) tea.Cmd { return g.returned(o.file, o.cmd, err) })
		}
		return nil
	})
}

// edit opens our own editor.
func (g *guide) edit(f File) {
	e := newEditor(g.shared, f)
	e.saved = g.edited
	e.leave = func() { g.editor = nil }
	g.editor = e
}

// returned looks at a file after the learner's editor.
func (g *guide) returned(before File, cmd *exec.Cmd, err error) tea.Cmd {
	name := clean.Line(cmd.Args[0])
	if why := (*exec.ExitError)(nil); err != nil && !errors.As(err, &why) {
		g.edit(before)
		g.say(noteAttention, "Your editor could not be started, so here is a small one: "+clean.Line(err.Error()))
		return nil
	} else if err != nil {
		g.say(noteBad, fmt.Sprintf("Your editor %s ended with an error (%v)", name, err))
	}
	failed := err != nil
	g.doing = g.jobs.start(func(ctx context.Context, _ int, _ func(any)) (any, error) {
		ctx, cancel := context.WithTimeout(ctx, actionTime)
		defer cancel()
		return g.session.ReadFile(ctx, lesson.Action{File: before.Name})
	}, func(m any) tea.Cmd {
		e := m.(ended)
		after, _ := e.value.(File)
		switch {
		case e.err != nil:
			g.say(noteBad, clean.Line(e.err.Error()))
		case after.Fault != nil:
			line := fmt.Sprintf("line %d", after.Fault.Line)
			if !failed {
				g.say(noteAttention, clean.Line(after.Name)+" cannot be read by Terraform: "+line)
			}
			o := &output{title: clean.Line(after.Name), began: g.now(), err: errors.New("cannot be read")}
			o.add(line + ": " + after.Fault.Message)
			g.putOut(o)
		case after.Text != before.Text && !failed:
			g.say(noteGood, clean.Line(after.Name)+" is changed")
		case !failed:
			g.say(noteGood, clean.Line(after.Name)+" is as it was")
		}
		if e.err == nil && after.Text == before.Text {
			return nil
		}
		return g.edited()
	})
	return nil
}

// shell gives the terminal to a shell in the folder of the configuration.
func (g *guide) shell() {
	if g.jobs.alive(g.doing) {
		return
	}
	if !g.ready.done {
		g.say(noteAttention, "The workshop is still getting ready; try again in a moment")
		return
	}
	g.doing = g.jobs.start(func(ctx context.Context, _ int, _ func(any)) (any, error) {
		ctx, cancel := context.WithTimeout(ctx, actionTime)
		defer cancel()
		return g.session.Shell(ctx)
	}, func(m any) tea.Cmd {
		e := m.(ended)
		cmd, _ := e.value.(*exec.Cmd)
		if e.err != nil || cmd == nil {
			g.say(noteBad, "No shell could be opened: "+clean.Line(fmt.Sprint(e.err)))
			return nil
		}
		says := fmt.Sprintf("\nThis is a shell where your configuration lies, with %s at hand:\n`terraform`, `aws` and `curl` work as typed. `exit` brings you back to the workshop.\n", g.where())
		if g.info.ReadOnly {
			says += "Another process holds this workspace: look, but change nothing.\n"
		}
		return g.run(&foreground{Cmd: cmd, says: says}, func(err error) tea.Cmd {
			if why := (*exec.ExitError)(nil); err != nil && !errors.As(err, &why) { // else it is what the last command ended with
				g.say(noteBad, "No shell could be opened: "+clean.Line(err.Error()))
			}
			return g.edited()
		})
	})
}

// visit goes to a step, or to a heading of one; without a name it stays in this.
func (g *guide) visit(a lesson.Action) {
	to := g.at
	for i, s := range g.course.Steps {
		if s.ID == a.Name {
			to = i
		}
	}
	if a.Name != "" && g.course.Steps[to].ID != a.Name {
		g.say(noteBad, "There is no step "+a.Name)
		return
	}
	g.jump(to)
	if a.Anchor != "" && !g.reader.GoAnchor(a.Anchor) {
		g.say(noteAttention, "This step has no heading "+a.Anchor)
	}
}

// foreground is a program that has the terminal until it ends.
type foreground struct {
	*exec.Cmd
	says string // before it starts
}

// Run runs the program. What ctrl+c and ctrl+\ mean there is for that program to
// say, and nothing to us.
func (f *foreground) Run() error {
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, os.Interrupt, syscall.SIGQUIT)
	defer signal.Stop(caught)
	if f.says != "" {
		fmt.Fprintln(f.Stdout, f.says)
	}
	return f.Cmd.Run()
}

func (f *foreground) SetStdin(r io.Reader)  { f.Stdin = r }
func (f *foreground) SetStdout(w io.Writer) { f.Stdout = w }
func (f *foreground) SetStderr(w io.Writer) { f.Stderr = w }

// returnedMsg says that a program has given the terminal back.
type returnedMsg struct {
	err  error
	then func(error) tea.Cmd
}

// run gives the terminal to a program, and goes on with then when it is back.
func (s *shared) run(f *foreground, then func(error) tea.Cmd) tea.Cmd {
	return s.exec(f, func(err error) tea.Msg { return returnedMsg{err, then} })
}

// putOut shows an output below the step, and keeps it for coming back.
func (g *guide) putOut(o *output) {
	g.output, g.onOutput = o, false
	if s := g.step(); s != nil {
		g.outputs[s.ID] = o
	}
}

// What is remembered of a step's last output is bounded in lines and bytes.
const (
	outputKept  = 200
	outputBytes = 64 << 10
)

// keepOutput has the last output of a step remembered.
func (g *guide) keepOutput(step string, o *output) {
	if g.info.ReadOnly {
		return
	}
	lines := o.lines[max(0, len(o.lines)-outputKept):]
	for size, i := 0, len(lines)-1; i >= 0; i-- {
		if size += len(lines[i]) + 1; size > outputBytes {
			lines = lines[i+1:]
			break
		}
	}
	k := Output{Command: o.command, Title: o.title, Lines: strings.Join(lines, "\n"), Dropped: o.dropped + len(o.lines) - len(lines),
		Code: o.code, At: o.began, Elapsed: o.took}
	if o.err != nil {
		k.Err = o.err.Error()
	}
	g.jobs.start(func(ctx context.Context, _ int, _ func(any)) (any, error) {
		ctx, cancel := context.WithTimeout(ctx, saveTime)
		defer cancel()
		return nil, g.session.KeepOutput(ctx, step, k)
	}, func(any) tea.Cmd { return nil }) // without it nothing is lost but the sight of it
}
