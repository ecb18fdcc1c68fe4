package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"workshop/internal/check"
	"workshop/internal/clean"
	"workshop/internal/lesson"
	"workshop/internal/session"
	"workshop/internal/stack"
)

// errCheckFailed ends a command whose checks did not all pass; they have said why.
var errCheckFailed = errors.New("a check failed")

// checkResult is the contract of one check in `check --json`.
type checkResult struct {
	Step string `json:"step"`
	check.Result
	Hint  string `json:"hint,omitempty"`
	Error string `json:"error,omitempty"`
}

// ownRetries are how often a failing check is tried again where this command has
// started the sandbox itself: its tasks need some seconds to come back.
const ownRetries = 5

func (c *commandLine) checkCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "check [STEP]",
		Short: "Find out whether a step was done; exit code 3 where something is missing",
		Long: `check runs the checks of a step: the one that you were at last, or the one named.
It asks only for what the checks are about and changes nothing.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 || all && len(args) > 0 {
				return usagef("check takes the id of one step, or --all")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			return c.check(ctx, all, args)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "the checks of every step")
	return cmd
}

func (c *commandLine) check(ctx context.Context, all bool, args []string) error {
	s, course, err := c.course()
	if err != nil {
		return err
	}
	steps := course.Steps
	if !all {
		step, err := pick(s, course, args)
		if err != nil {
			return err
		}
		steps = []*lesson.Step{step}
	}
	retries, err := c.prepare(ctx, s, steps)
	if err != nil {
		return err
	}
	out, failed := []checkResult{}, false
	for i, step := range steps {
		st := *step
		st.Checks = slices.Clone(st.Checks)
		for i := range st.Checks {
			st.Checks[i].Retry = max(st.Checks[i].Retry, retries)
		}
		results, err := s.Check(ctx, &st, nil)
		if ctx.Err() != nil {
			return errInterrupted
		}
		if err != nil {
			c.note("%v", err) // what was found is as good unremembered
		}
		hint, _ := s.NextHint(step)
		if !c.json {
			if i > 0 {
				c.printf("\n")
			}
			c.showChecks(step, results, hint)
		}
		for _, r := range results {
			cr := checkResult{Step: step.ID, Result: r}
			if !r.OK {
				failed = true
				cr.Hint = lesson.PlainText(hint)
			}
			if r.Err != nil {
				cr.Error = clean.Line(r.Err.Error())
			}
			out = append(out, cr)
		}
	}
	if c.json {
		if err := c.emit(map[string]any{"ok": !failed, "checks": out}); err != nil {
			return err
		}
	}
	if failed {
		return errCheckFailed
	}
	return nil
}

// prepare reaches the target where the checks will ask it, and says how often
// they should try again at least.
func (c *commandLine) prepare(ctx context.Context, s *session.Session, steps []*lesson.Step) (retries int, err error) {
	for _, st := range steps {
		for _, ch := range st.Checks {
			if e, err := check.Compile(ch.That, nil); err != nil || e.Local() || !s.Exists() {
				continue
			}
			_, t, err := c.reach(ctx)
			if err != nil {
				return 0, err
			}
			if t.Started() {
				return ownRetries, nil
			}
			return 0, nil
		}
	}
	return 0, nil
}

// pick is the step that is named, else the one that the learner was at last,
// else the first that is not done.
func pick(s *session.Session, course *lesson.Course, args []string) (*lesson.Step, error) {
	if len(args) > 0 {
		step, ok := course.Step(args[0])
		if !ok {
			return nil, noStep(course, args[0])
		}
		return step, nil
	}
	p, err := s.Workspace.LoadProgress()
	if err != nil {
		return nil, err
	}
	if step, ok := course.Step(p.Current); ok {
		return step, nil
	}
	for _, st := range course.Steps {
		if !p.Steps[st.ID].Done {
			return st, nil
		}
	}
	return course.Steps[len(course.Steps)-1], nil
}

func noStep(course *lesson.Course, name string) error {
	var ids []string
	for _, st := range course.Steps {
		ids = append(ids, st.ID)
	}
	return usagef("there is no step %q; there are %s", name, strings.Join(ids, ", "))
}

func (c *commandLine) showChecks(step *lesson.Step, results []check.Result, hint []lesson.Span) {
	c.printf("%s\n", clean.Line(step.Title))
	if len(results) == 0 {
		c.printf("  there is nothing to check in this step\n")
		return
	}
	failed := false
	for _, r := range results {
		if r.OK {
			c.printf("  ok      %s\n", clean.Line(r.Title))
			continue
		}
		failed = true
		c.printf("  FAILED  %s\n", clean.Line(r.Title))
		for _, l := range []struct{ what, text string }{{"expected", r.Expected}, {"found", r.Found}} {
			if l.text != "" {
				c.printf("          %-9s %s\n", l.what, clean.Line(l.text))
			}
		}
		if r.Err != nil {
			c.printf("          %-9s %s\n", "error", clean.Line(r.Err.Error()))
		}
		if r.Message != "" {
			c.printf("          %s\n", clean.Line(r.Message))
		}
	}
	if failed && len(hint) > 0 {
		c.printf("  hint    %s\n", clean.Line(lesson.PlainText(hint)))
	}
}

func (c *commandLine) hintCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "hint STEP",
		Short: "Give the next hint of a step",
		Args:  oneArg("a step's id from `workshop steps`"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, course, err := c.course()
			if err != nil {
				return err
			}
			step, err := pick(s, course, args)
			if err != nil {
				return err
			}
			spans, n, err := s.Hint(cmd.Context(), step)
			if err != nil {
				c.note("%v", err)
			}
			of := len(step.Hints)
			hint := clean.Line(lesson.PlainText(lesson.FillSpans(spans, func(name string) (string, bool) { return s.Value(course, name) })))
			switch {
			case c.json:
				return c.emit(map[string]any{"step": step.ID, "hint": hint, "n": n, "of": of})
			case of == 0:
				c.printf("There are no hints for this step.\n")
				return nil
			}
			c.printf("Hint %d of %d: %s\n", n, of, hint)
			if n == of && len(step.Solve) > 0 {
				c.printf("That was the last one. `workshop solve %s` does the step for you.\n", step.ID)
			}
			return nil
		},
	}
}

func (c *commandLine) solveCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "solve STEP",
		Short: "Do a step for you, showing what is done; it asks before it applies a plan",
		Args:  oneArg("a step's id from `workshop steps`"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, course, err := c.course()
			if err != nil {
				return err
			}
			step, err := pick(s, course, args)
			if err != nil {
				return err
			}
			if len(step.Solve) == 0 {
				return fmt.Errorf("there is nothing that could be done for you in %s", step.ID)
			}
			return c.act(cmd.Context(), s, step, step.Solve, yes, s.Solve)
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "apply plans without asking")
	return cmd
}

// resetStep brings one step back.
func (c *commandLine) resetStep(ctx context.Context, id string, yes bool) error {
	s, course, err := c.course()
	if err != nil {
		return err
	}
	step, err := pick(s, course, []string{id})
	if err != nil {
		return err
	}
	return c.act(ctx, s, step, step.Reset, yes, s.Reset)
}

// act carries out the actions of a step for the learner.
func (c *commandLine) act(ctx context.Context, s *session.Session, step *lesson.Step, actions []lesson.Action, yes bool, do func(context.Context, *lesson.Step, session.Helper) error) error {
	asks, reaches, creates := false, false, false
	for _, a := range actions {
		creates = creates || a.Verb == lesson.Deploy
		asks = asks || a.Verb == lesson.Deploy || a.Verb == lesson.Destroy
		reaches = reaches || a.Verb != lesson.Set && a.Verb != lesson.Restore
	}
	if asks && !yes && !c.terminal() {
		return usagef("this asks before it applies a plan; without a terminal to ask, say --yes")
	}
	if reaches {
		if _, _, err := c.reach(ctx); err != nil {
			return err
		}
	}
	if creates {
		if err := c.preflight(ctx, s, yes); err != nil {
			return err
		}
	}
	err := c.stopping(ctx, s, func(ctx context.Context) error { return do(ctx, step, c.helper(ctx, s, yes)) })
	switch {
	case errors.Is(err, session.ErrDeclined):
		return c.declined(nil)
	case err != nil:
		return err
	case c.json:
		return c.emit(map[string]any{"type": "done", "step": step.ID})
	}
	c.printf("Done. `workshop check %s` looks at it.\n", step.ID)
	return nil
}

// helper tells what is done for the learner, as lines of text or of JSON.
func (c *commandLine) helper(ctx context.Context, s *session.Session, yes bool) session.Helper {
	events := c.events()
	return session.Helper{
		Event: func(e stack.Event) {
			if e.Type == stack.EventPlanned {
				events = c.events() // it counts anew
			}
			events(e)
		},
		Say: func(a lesson.Action) {
			say := clean.Line(lesson.PlainText(a.Say))
			if c.json {
				_ = c.emit(map[string]any{"type": "action", "verb": a.Verb, "say": say, "command": a.Command})
				return
			}
			if say != "" {
				c.printf("%s\n", say)
			}
			if what := does(a); what != "" {
				c.printf("  > %s\n", clean.Line(what))
			}
		},
		Line: func(text string) {
			if c.json {
				_ = c.emit(map[string]any{"type": "line", "text": text})
				return
			}
			c.printf("  %s\n", text)
		},
		Approve: func(p *stack.Plan) (bool, error) {
			if !c.json {
				c.showPlan(s, p)
			}
			if yes {
				return true, nil
			}
			if p.Destroy {
				return c.ask(ctx, "Delete all of this? Type \"destroy\" to do it: ", "destroy")
			}
			return c.ask(ctx, "Apply this plan? Only \"yes\" does it: ", "yes")
		},
		Receipt: func(r session.Receipt) { _ = c.showReceipt(r) },
	}
}

// does is an action as a person would type it.
func does(a lesson.Action) string {
	switch a.Verb {
	case lesson.Run:
		return a.Command
	case lesson.MakePlan:
		return "terraform plan"
	case lesson.Deploy:
		return "terraform apply"
	case lesson.Destroy:
		return "terraform destroy"
	case lesson.Set:
		var parts []string
		for _, set := range a.Settings {
			parts = append(parts, set.Name+" = "+set.Value)
		}
		return strings.Join(parts, ", ") + " in terraform.tfvars"
	case lesson.Restore:
		return "bring back " + strings.Join(a.Names, ", ")
	case lesson.Scale:
		return fmt.Sprintf("ask the service for %d tasks", a.Count)
	case lesson.StopTask:
		return "stop the " + a.Name + " task"
	case lesson.Wait:
		return "wait for " + a.Until.That
	}
	return ""
}

func (c *commandLine) certificateCommand() *cobra.Command {
	var dir, name string
	cmd := &cobra.Command{
		Use:   "certificate",
		Short: "Write what you have done as certificate.md and certificate.svg",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, _, err := c.course()
			if err != nil {
				return err
			}
			cert, err := s.Certificate(cmd.Context())
			if err != nil {
				return err
			}
			cert.Name = name
			var files []string
			for _, f := range []struct {
				name  string
				write func(*bytes.Buffer) error
			}{
				{"certificate.md", func(b *bytes.Buffer) error { return cert.Markdown(b) }},
				{"certificate.svg", func(b *bytes.Buffer) error { return cert.SVG(b) }},
			} {
				var b bytes.Buffer
				if err := f.write(&b); err != nil {
					return err
				}
				file := filepath.Join(dir, f.name)
				if err := writeOwn(file, b.Bytes()); err != nil {
					return err
				}
				files = append(files, file)
			}
			if c.json {
				return c.emit(map[string]any{"complete": cert.Complete(), "files": files})
			}
			c.printf("Wrote %s\n", clean.Line(strings.Join(files, " and ")))
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "output", ".", "folder to write to")
	cmd.Flags().StringVar(&name, "name", "", "whose certificate it is")
	return cmd
}

// writeOwn writes a file unless one is there that is no certificate.
func writeOwn(file string, data []byte) error {
	old, err := os.ReadFile(file)
	switch {
	case err == nil && !bytes.Contains(old, []byte(lesson.CertificateMark)):
		return fmt.Errorf("%s is there already and is no certificate of the workshop: name another folder with --output", file)
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("writing the certificate: %w", err)
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		return fmt.Errorf("writing the certificate: %w", err)
	}
	return nil
}
