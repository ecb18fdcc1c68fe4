package session

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"workshop/internal/check"
	"workshop/internal/clean"
	"workshop/internal/fargate"
	"workshop/internal/lesson"
	"workshop/internal/stack"
)

const (
	waitDefault = 5 * time.Minute
	// runDelay is how long a command that was stopped may hold its output open.
	runDelay = 2 * time.Second
)

// ErrDeclined is returned where the person did not agree to a plan.
var ErrDeclined = errors.New("nothing was changed: the plan was not agreed to")

// Helper is told what Do does. Each function may be nil, but without Approve
// nothing is deployed or destroyed. They are called one after the other.
type Helper struct {
	Say     func(a lesson.Action)             // before an action, its variables filled in
	Event   func(stack.Event)                 // Terraform's
	Line    func(text string)                 // what a command prints, and notes; cleaned
	Approve func(p *stack.Plan) (bool, error) // whether to apply it; an empty plan is not asked about
	Receipt func(Receipt)                     // after a destroy
}

func (h Helper) line(format string, args ...any) {
	if h.Line != nil {
		h.Line(clean.Line(fmt.Sprintf(format, args...)))
	}
}

// Do carries out the actions of a step's Solve or Reset, in order, and stops at
// the first that fails. It takes the workspace's lock.
func (s *Session) Do(ctx context.Context, actions []lesson.Action, h Helper) error {
	if err := s.Lock(); err != nil {
		return err
	}
	course, _ := s.Course() // its faults are told where it is shown
	for _, a := range actions {
		if ok, err := s.applies(ctx, a.If); err != nil {
			return err
		} else if !ok {
			continue
		}
		value := func(name string) (string, bool) { return s.Value(course, name) }
		if err := s.needs(a.Command, value); err != nil {
			return err
		}
		a.Command = lesson.Fill(a.Command, value)
		a.Say = lesson.FillSpans(a.Say, value)
		if h.Say != nil {
			h.Say(a)
		}
		if err := s.do(ctx, a, h); err != nil {
			return err
		}
	}
	return nil
}

// needs is the error of a command that asks for what has no value: it would be
// run with words in that place.
func (s *Session) needs(command string, value func(string) (string, bool)) error {
	for _, name := range lesson.Variables(command) {
		if _, ok := value(name); ok {
			continue
		}
		if !s.Exists() {
			return fmt.Errorf("%s has no value: %w", name, ErrNothingDeployed)
		}
		return fmt.Errorf("%s has no value, and `%s` needs it", name, clean.Line(command))
	}
	return nil
}

// applies reports whether an action's condition holds; an empty one does.
func (s *Session) applies(ctx context.Context, condition string) (bool, error) {
	if condition == "" {
		return true, nil
	}
	e, err := check.Compile(condition, nil)
	if err != nil {
		return false, fmt.Errorf("the condition %q cannot be read: %w", clean.Line(condition), err)
	}
	ctx, cancel := context.WithTimeout(ctx, check.DefaultTimeout)
	defer cancel()
	return e.Holds(ctx, s.Facts())
}

func (s *Session) do(ctx context.Context, a lesson.Action, h Helper) error {
	switch a.Verb {
	case lesson.MakePlan:
		p, err := s.Plan(ctx, false, h.event())
		if err == nil {
			h.line("Plan: %d to create, %d to change, %d to replace, %d to delete.", p.Create, p.Update, p.Replace, p.Delete)
		}
		return err
	case lesson.Deploy:
		return s.apply(ctx, a, h)
	case lesson.Destroy:
		err := s.apply(ctx, a, h)
		if errors.Is(err, ErrDeclined) {
			return err
		}
		r, rerr := s.Receipt(ctx)
		if rerr == nil && h.Receipt != nil {
			h.Receipt(r)
		}
		return errors.Join(err, rerr)
	case lesson.Run:
		code, err := s.Run(ctx, a.Command, h.Line)
		if err == nil && code != 0 {
			h.line("(ended with exit code %d)", code) // often what a step is about: a request that kills a task
		}
		return err
	case lesson.Set:
		kept, err := s.setVariables(a.Settings)
		s.reportCopies(kept, h)
		return err
	case lesson.Restore:
		kept, err := s.Restore(a.Names)
		s.reportCopies(kept, h)
		return err
	case lesson.Scale:
		return s.Scale(ctx, a.Count)
	case lesson.StopTask:
		return s.stopTask(ctx, a.Name)
	case lesson.Wait:
		return s.waitUntil(ctx, a)
	}
	return fmt.Errorf("%s is nothing that can be done for you", a.Verb)
}

func (s *Session) reportCopies(kept []string, h Helper) {
	for _, k := range kept {
		h.line("What was there is kept in %s", k)
	}
}

// event is where Terraform's events go.
func (h Helper) event() func(stack.Event) {
	if h.Event == nil {
		return func(stack.Event) {}
	}
	return h.Event
}

// apply plans, asks and applies, for a deploy or a destroy.
func (s *Session) apply(ctx context.Context, a lesson.Action, h Helper) error {
	emit := h.event()
	p, err := s.Plan(ctx, a.Verb == lesson.Destroy, emit)
	if err != nil || p.Empty() {
		return err
	}
	if h.Approve == nil {
		return ErrDeclined
	}
	switch ok, err := h.Approve(p); {
	case err != nil:
		return err
	case !ok:
		return ErrDeclined
	}
	if a.Until.That == "" {
		_, err = s.Apply(ctx, p, emit)
	} else {
		err = s.applyUntil(ctx, p, a, emit)
	}
	if err != nil && a.MayFail && ctx.Err() == nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		h.line("It did not go through, as it was meant to: %s", first)
		return nil
	}
	return err
}

// applyUntil applies, and asks Terraform to stop once a condition holds: a
// person who sees it would press ctrl+c.
func (s *Session) applyUntil(ctx context.Context, p *stack.Plan, a lesson.Action, emit func(stack.Event)) error {
	if a.Until.Timeout == 0 {
		a.Until.Timeout = waitDefault
	}
	watch, cancel := context.WithCancel(ctx)
	reached := make(chan bool, 1)
	go func() { // ends with watch
		ok := s.waitUntil(watch, a) == nil
		if ok {
			s.stopOperation(false)
		}
		reached <- ok
	}()
	_, err := s.Apply(ctx, p, emit)
	cancel()
	if <-reached && errors.Is(err, stack.ErrStopped) {
		return nil
	}
	return err
}

// waitUntil returns when an action's condition holds, or its time is up.
func (s *Session) waitUntil(ctx context.Context, a lesson.Action) error {
	e, err := check.Compile(a.Until.That, nil)
	if err != nil {
		return fmt.Errorf("the condition to wait for cannot be read: %w", err)
	}
	patience := a.Until.Timeout
	if patience == 0 {
		patience = waitDefault
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		ok, err := e.Holds(limited, s.Facts())
		if ok {
			return nil
		}
		select {
		case <-limited.Done(): // which the end of ctx is as well
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return errors.Join(fmt.Errorf("waited %s for %s in vain", patience, a.Until.That), err)
		case <-time.After(check.Pause):
		}
	}
}

// Scale asks the service for so many tasks, past Terraform, and journals it.
func (s *Session) Scale(ctx context.Context, n int) error {
	return s.act(ctx, func(c *fargate.Clients, ref fargate.Ref) error {
		snap, err := fargate.Look(ctx, c, ref)
		if err != nil {
			return err
		}
		_ = s.Seen(snap) // what it was before
		if err := c.Scale(ctx, ref, n); err != nil {
			return err
		}
		snap.Service.Desired = n
		_ = s.Seen(snap)
		return nil
	})
}

// StopTask stops one task by its id.
func (s *Session) StopTask(ctx context.Context, id string) error {
	return s.act(ctx, func(c *fargate.Clients, ref fargate.Ref) error {
		return c.StopTask(ctx, ref, id, "Stopped from the workshop")
	})
}

// Redeploy replaces every task of the service, changing nothing else.
func (s *Session) Redeploy(ctx context.Context) error {
	return s.act(ctx, func(c *fargate.Clients, ref fargate.Ref) error { return c.ForceDeploy(ctx, ref) })
}

func (s *Session) act(ctx context.Context, do func(*fargate.Clients, fargate.Ref) error) error {
	if s.opts.ReadOnly {
		return ErrReadOnly
	}
	cfg, ref, err := s.Watched(ctx)
	if err != nil {
		return err
	}
	if err := do(fargate.NewClients(cfg), ref); err != nil {
		return err
	}
	s.renewPicture()
	return nil
}

// stopTask stops the oldest or the newest task that runs.
func (s *Session) stopTask(ctx context.Context, which string) error {
	return s.act(ctx, func(c *fargate.Clients, ref fargate.Ref) error {
		snap, err := fargate.Look(ctx, c, ref)
		if err != nil {
			return err
		}
		tasks := slices.DeleteFunc(slices.Clone(snap.Tasks), func(t fargate.Task) bool { return t.Status != "RUNNING" })
		if len(tasks) == 0 {
			return errors.New("no task runs that could be stopped")
		}
		t := tasks[0]
		if which == "newest" {
			t = tasks[len(tasks)-1]
		}
		return c.StopTask(ctx, ref, t.ID, "Stopped from the workshop")
	})
}

// Run runs a command with a shell in the folder of the configuration, with the
// target's environment, and returns its exit code. line, which may be nil, gets
// what it prints, cleaned, until Run returns.
func (s *Session) Run(ctx context.Context, command string, line func(string)) (int, error) {
	env, err := s.Environ(ctx)
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Dir = s.Workspace.TerraformDir()
	cmd.Env = env
	cmd.WaitDelay = runDelay
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("starting the command: %w", err)
	}
	read := make(chan struct{})
	go func() { // ends when w is closed
		defer close(read)
		sc := bufio.NewScanner(r)
		sc.Buffer(nil, 1<<20)
		for sc.Scan() {
			if line != nil {
				line(clean.Line(sc.Text()))
			}
		}
		_, _ = io.Copy(io.Discard, r) // a line too long must not block the command
	}()
	err = cmd.Wait()
	w.Close()
	<-read
	var exit *exec.ExitError
	if errors.As(err, &exit) && ctx.Err() == nil {
		return exit.ExitCode(), nil
	}
	return 0, errors.Join(err, ctx.Err())
}

// setVariables gives variables of the configuration values, in terraform.tfvars or in
// the values file that decides about them. Comments and everything else in the
// files stay. kept has the copies of files that were changed. The caller holds
// the lock.
func (s *Session) setVariables(settings []lesson.Setting) (kept []string, err error) {
	conf := s.Configuration()
	files := map[string][]lesson.Setting{}
	for _, set := range settings {
		v, ok := conf.Variables[set.Name]
		if !ok {
			return nil, fmt.Errorf("the configuration has no variable %q", clean.Line(set.Name))
		}
		file := v.SetIn
		if file == "" {
			file = check.ValuesFile
		}
		files[file] = append(files[file], set)
	}
	for file, settings := range files {
		k, err := s.edit(file, func(v *values) error {
			for _, set := range settings {
				if err := v.set(set.Name, set.Value, conf.Variables[set.Name].Type); err != nil {
					return fmt.Errorf("the value %q for %s: %w", clean.Line(set.Value), set.Name, err)
				}
			}
			return nil
		})
		if k != "" {
			kept = append(kept, k)
		}
		if err != nil {
			return kept, err
		}
	}
	return kept, nil
}

// edit changes a values file.
func (s *Session) edit(file string, change func(*values) error) (kept string, err error) {
	old, err := os.ReadFile(filepath.Join(s.Workspace.TerraformDir(), file))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the values: %w", err)
	}
	v := &values{src: old}
	if filepath.Ext(file) == ".json" {
		if err := json.Unmarshal(old, &v.json); err != nil {
			return "", fmt.Errorf("%s cannot be read; fix it first: %w", file, err)
		}
	}
	if err := change(v); err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	data := v.src
	if v.json != nil {
		if data, err = json.MarshalIndent(v.json, "", "  "); err != nil {
			return "", fmt.Errorf("write %s: %w", file, err)
		}
		data = append(data, '\n')
	}
	if len(bytes.TrimSpace(data)) == 0 {
		data = nil // nothing is set any more
	}
	return s.Workspace.Edit(file, data)
}

// Restore takes variables back to their defaults and .tf files to what is
// bundled; lesson.RestoreAll stands for the whole configuration. kept has the
// copies, files or a folder, of what was there. The caller holds the lock.
func (s *Session) Restore(names []string) (kept []string, err error) {
	for _, name := range names {
		switch {
		case name == lesson.RestoreAll:
			dir, _, err := s.Workspace.Reset()
			if dir != "" {
				kept = append(kept, dir)
			}
			if err != nil {
				return kept, err
			}
		case strings.HasSuffix(name, ".tf"):
			data, err := s.Workspace.Bundled(name)
			if err != nil {
				return kept, fmt.Errorf("bring back %s: %w", clean.Line(name), err)
			}
			k, err := s.Workspace.Edit(name, data)
			if k != "" {
				kept = append(kept, k)
			}
			if err != nil {
				return kept, err
			}
		default:
			more, err := s.unset(name)
			kept = append(kept, more...)
			if err != nil {
				return kept, err
			}
		}
	}
	return kept, nil
}

// unset removes a variable from every values file that sets it.
func (s *Session) unset(name string) (kept []string, err error) {
	for last := ""; ; {
		v, ok := s.Configuration().Variables[name]
		if !ok {
			return kept, fmt.Errorf("the configuration has no variable %q", clean.Line(name))
		}
		if v.SetIn == "" || v.SetIn == last {
			return kept, nil
		}
		last = v.SetIn
		k, err := s.edit(v.SetIn, func(v *values) error { return v.unset(name) })
		if k != "" {
			kept = append(kept, k)
		}
		if err != nil {
			return kept, err
		}
	}
}
