package stack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2/maybe"

	"workshop/internal/clean"
	"workshop/internal/mirror"
)

// Options say which configuration is run with what.
type Options struct {
	Dir       string     // the folder of the .tf files, where the state is kept as well unless they have a backend
	DataDir   string     // for the saved plan and the CLI configuration; the workspace's folder
	CacheDir  string     // for plug-ins shared by all workspaces; may be empty
	Terraform *Terraform // from Find; may be nil where only Outputs, State and Exists are used
	// Env is the target's, as KEY=value; it outranks this process's environment.
	Env []string
	// Vars are values for the configuration's variables. They go through the
	// environment, so that terraform.tfvars and -var outrank them as they would
	// for a learner who runs Terraform by hand with Env's exports.
	Vars map[string]string
	// Started is called with each Terraform that has just started, so that a
	// later process can end it with EndLeftover if this one dies. It may be nil,
	// is called by the goroutine that runs the operation, and holds Terraform's
	// output up until it returns.
	Started func(Process)
	// Stale reports whether a lock of the state is left from a Terraform of this
	// workspace that was killed, so that it may be removed: in S3 a lock outlives
	// its holder. Nil says no.
	Stale func(StateLock) bool
}

// Stack is one configuration with its state. One operation (Init, Plan,
// PlanDestroy, Apply, ApplyAll, Destroy,
// PushErrored, Move) runs at a time, a second one gets ErrBusy; Stop,
// Details and the methods that read may be called at any time. The emit functions
// that methods take must be safe for concurrent use, and quick: Terraform waits
// for them. They may be nil. That no other
// process works on it is the caller's care (workspace.Lock); Terraform's own
// lock of the state is the second line.
type Stack struct {
	opts Options

	mu      sync.Mutex
	current *operation
}

// operation is what runs now.
type operation struct {
	op     Op
	proc   *process
	cancel context.CancelFunc
	emit   func(Event)
	stops  int
}

// Open prepares a stack. It runs nothing.
func Open(opts Options) (*Stack, error) {
	for _, dir := range []*string{&opts.Dir, &opts.DataDir} {
		abs, err := filepath.Abs(*dir)
		if err != nil {
			return nil, fmt.Errorf("open the stack: %w", err)
		}
		*dir = abs
	}
	if info, err := os.Stat(opts.Dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("open the stack: %s is not a folder with a Terraform configuration (%w)", opts.Dir, errors.Join(err, fs.ErrInvalid))
	}
	return &Stack{opts: opts}, nil
}

// Env is what a shell needs so that a bare `terraform plan` in Dir means the
// same as ours, as KEY=value: the target's variables, the values of the
// configuration's variables and, where it is ours, the CLI configuration.
func (s *Stack) Env() ([]string, error) {
	cli, err := s.settle(s.configuration())
	if err != nil {
		return nil, err
	}
	env := s.additions()
	if cli.ours {
		env = append(env, "TF_CLI_CONFIG_FILE="+cli.file)
	}
	return env, nil
}

func (s *Stack) additions() []string {
	env := slices.Clone(s.opts.Env)
	names := make([]string, 0, len(s.opts.Vars))
	for name := range s.opts.Vars {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		env = append(env, "TF_VAR_"+name+"="+s.opts.Vars[name])
	}
	return env
}

func (s *Stack) configuration() *configuration {
	return readConfiguration(s.opts.Dir, environ(s.additions()))
}

func (s *Stack) settle(c *configuration) (cliConfig, error) {
	return settle(s.opts.Terraform, s.wanted(c), s.mirrorFolders(), s.opts.DataDir, s.pluginCache())
}

func (s *Stack) environ(cli cliConfig) []string {
	env := environ(s.additions())
	if cli.file != "" {
		env = append(env, "TF_CLI_CONFIG_FILE="+cli.file)
	}
	return env
}

// begin makes room for one operation; end must be called.
func (s *Stack) begin(ctx context.Context, op Op, emit func(Event)) (o *operation, octx context.Context, end func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil {
		return nil, nil, nil, fmt.Errorf("%w: %s", ErrBusy, s.current.op)
	}
	octx, cancel := context.WithCancel(ctx)
	o = &operation{op: op, cancel: cancel, emit: emit}
	s.current = o
	return o, octx, func() {
		cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.current = nil
	}, nil
}

// Stop asks the running operation to stop, which EventStopping announces: Terraform
// begins nothing new, its provider no longer waits for what AWS is making, and the
// state is saved with what is half made marked as tainted, so that the next apply
// replaces it. The operation then returns ErrStopped. A second Stop tells Terraform to leave at once and kills it five
// seconds later: what AWS was just making may then be missing from the state, so
// ask the person first. It reports how many times the operation was told, 0 if
// none runs. On Windows, which has no interrupt, the first Stop already is hard.
func (s *Stack) Stop() int {
	s.mu.Lock()
	o := s.current
	if o == nil {
		s.mu.Unlock()
		return 0
	}
	o.stops++
	n, proc := o.stops, o.proc
	s.mu.Unlock()
	if proc != nil {
		proc.stop()
	} else {
		o.cancel()
	}
	text := StopText
	if n > 1 {
		text = HardStopText
	}
	send(o.emit, Event{Type: EventStopping, Op: o.op, Message: text})
	return n
}

// Running is the operation that runs, empty if none does.
func (s *Stack) Running() Op {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		return ""
	}
	return s.current.op
}

// Init brings the providers and modules that the configuration asks for, and reads
// the state where that is kept elsewhere. Where the last Init's work is still good
// and the state is local it runs nothing. Errors wrap ErrProviderUnavailable,
// ErrMoveUnfinished, ErrStopped, or are a *DiagnosticError.
func (s *Stack) Init(ctx context.Context, emit func(Event)) error {
	o, ctx, end, err := s.begin(ctx, OpInit, emit)
	if err != nil {
		return err
	}
	defer end()
	if err := s.checkMoved(s.configuration()); err != nil {
		return err
	}
	if err := s.init(ctx, o, false); err != nil {
		return err
	}
	return s.refresh(ctx)
}

// mirrorWarning is what init says whenever a provider comes from a folder. It is
// about machines of other kinds, and nothing that a learner can act on.
const mirrorWarning = "Incomplete lock file information for providers"

const initStamp = ".terraform/workshop-init"

// init runs Terraform's, with extra arguments where there are any.
func (s *Stack) init(ctx context.Context, o *operation, force bool, extra ...string) error {
	conf := s.configuration()
	cli, err := s.settle(conf)
	if err != nil {
		return err
	}
	if cli.note != "" {
		send(o.emit, Event{Type: EventLog, Op: OpInit, Message: cli.note})
	}
	stamp := filepath.Join(s.opts.Dir, initStamp)
	if !force && s.initialised(conf, stamp) {
		send(o.emit, Event{Type: EventLog, Op: OpInit, Message: "The providers are here already."})
		return nil
	}
	if cli.cache != "" {
		lock := flock.New(filepath.Join(s.opts.CacheDir, "plugins.lock"))
		if _, err := lock.TryLockContext(ctx, 200*time.Millisecond); err != nil {
			return fmt.Errorf("wait for another init in %s: %w", s.opts.CacheDir, err)
		}
		defer lock.Unlock()
	}

	env := s.environ(cli)
	if !cli.local {
		dir, unwatch, err := watchDownload(o.emit)
		if err != nil {
			return err
		}
		defer unwatch()
		env = append(env, "TMPDIR="+dir)
	}
	args := append([]string{"init", "-input=false", "-no-color"}, extra...)
	// Terraform takes -json and -migrate-state together in no version.
	if len(extra) == 0 && s.opts.Terraform.atLeast(initJSON) {
		args = append(args, "-json")
	}
	problems, err := s.initOnce(ctx, o, cli, env, args)
	if slices.ContainsFunc(problems, asksForUpgrade) {
		args = append(args, "-upgrade")
		send(o.emit, Event{Type: EventNote, Op: OpInit, Message: fmt.Sprintf("The configuration asks for another version of a provider than %s has: `%s init -upgrade` selects it.",
			lockFile, s.opts.Terraform.command())})
		problems, err = s.initOnce(ctx, o, cli, env, args)
	}
	if slices.ContainsFunc(problems, lacksChecksums) {
		added, lockErr := s.relock(ctx, o, env, problems)
		if lockErr == nil {
			send(o.emit, Event{Type: EventNote, Op: OpInit, Message: fmt.Sprintf("%s had no checksums for this machine (%s): `%s providers lock` added those of %s.",
				lockFile, mirror.Platform(), s.opts.Terraform.command(), clean.Line(strings.Join(added, ", ")))})
			problems, err = s.initOnce(ctx, o, cli, env, args)
		} else if err = lockErr; !errors.Is(err, ErrStopped) {
			err = joinDiagnostics(problems, lockErr)
		}
	}
	if err != nil {
		var d *DiagnosticError
		if len(problems) > 0 && errors.As(err, &d) {
			for i := range d.Diagnostics {
				send(o.emit, Event{Type: EventDiagnostic, Op: OpInit, Message: d.Diagnostics[i].Summary, Diagnostic: &d.Diagnostics[i]})
			}
		}
		if errors.Is(err, ErrProviderUnavailable) {
			for _, d := range s.mirrorsOfTheOther(s.wanted(conf)) {
				send(o.emit, Event{Type: EventDiagnostic, Op: OpInit, Message: d.Summary, Diagnostic: &d})
			}
		}
		return err
	}
	// Without the stamp the next Init merely takes a second longer. Terraform
	// makes the folder only where it has something to put there.
	_ = os.MkdirAll(filepath.Dir(stamp), 0o700)
	_ = maybe.WriteFile(stamp, []byte(s.initKey(conf)), 0o600)
	return nil
}

// initOnce runs init, and returns the problems that init itself can answer when it is run
// in another way; they are not emitted.
func (s *Stack) initOnce(ctx context.Context, o *operation, cli cliConfig, env, args []string) (problems []Diagnostic, err error) {
	answerable := func(d Diagnostic) bool { return asksForUpgrade(d) || lacksChecksums(d) }
	err = s.run(ctx, o, func() Op { return OpInit }, env, args, func(m message) Event {
		e := m.event(OpInit)
		switch {
		case e.Type == EventDownload && cli.local:
			e.Type = EventLog // a link, made in no time
		case e.Diagnostic != nil && e.Diagnostic.Summary == mirrorWarning && cli.local:
			e.Type, e.Diagnostic = EventLog, nil
		case e.Diagnostic != nil && answerable(*e.Diagnostic):
			e.Diagnostic.Tofu = s.opts.Terraform.Tofu
			problems = append(problems, *e.Diagnostic)
			e.Type, e.Message, e.Diagnostic = EventLog, e.Message+": "+clean.Line(e.Diagnostic.Detail), nil
		}
		return e
	})
	switch {
	case err == nil || errors.Is(err, ErrStopped):
		return nil, err
	case len(problems) > 0:
		return problems, joinDiagnostics(problems, err)
	}
	var d *DiagnosticError // of a program whose init has no -json
	if errors.As(err, &d) && slices.ContainsFunc(d.Diagnostics, answerable) {
		problems = d.Diagnostics
	}
	return problems, err
}

// initKey stands for everything that decides what init would do.
func (s *Stack) initKey(conf *configuration) string {
	lock, _ := os.ReadFile(filepath.Join(s.opts.Dir, lockFile))
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%d\n%s%s", s.opts.Terraform.Path, s.opts.Terraform.Version, len(lock), lock, conf.setup)
	return hex.EncodeToString(h.Sum(nil))
}

// initialised reports whether init has nothing to do: the last one was for this
// configuration, or it left all that this one asks for, and the providers are still where
// it put them. The second is so after an update of the program's own files, and needs no
// registry. What init would still have to do, such as for a provider that no file names,
// Terraform asks for with errNeedsInit.
func (s *Stack) initialised(conf *configuration, stamp string) bool {
	locked, err := lockedProviders(s.opts.Dir)
	if err != nil {
		return false
	}
	for address, v := range locked {
		dir := filepath.Join(s.opts.Dir, ".terraform", "providers", filepath.FromSlash(address), v, mirror.Platform())
		if entries, err := os.ReadDir(dir); err != nil || len(entries) == 0 {
			return false
		}
	}
	key, err := os.ReadFile(stamp)
	if err != nil {
		return false
	}
	if string(key) == s.initKey(conf) {
		return true
	}
	if conf.modules || conf.backend.file != "" || !s.place().local() || !s.lockedBefore(stamp) {
		return false
	}
	for address, constraint := range s.wanted(conf) {
		if !mirror.Fits(locked[address], constraint) {
			return false
		}
	}
	return true
}

// lockedBefore reports whether the lock file is as the last init left it.
func (s *Stack) lockedBefore(stamp string) bool {
	lock, err := os.Stat(filepath.Join(s.opts.Dir, lockFile))
	if err != nil {
		return false
	}
	last, err := os.Stat(stamp)
	return err == nil && !lock.ModTime().After(last.ModTime())
}

// Plan makes and saves a plan and emits EventPlanned. It needs Init before, and
// repeats it where the configuration has changed since. While Errored reports a
// state, Plan, PlanDestroy, Apply and ApplyAll give ErrErroredState. Titles and groups come
// from the .tf files, which costs nothing; Details adds what only Terraform knows.
func (s *Stack) Plan(ctx context.Context, emit func(Event)) (*Plan, error) {
	return s.plan(ctx, emit, false)
}

// PlanDestroy is Plan for taking everything down.
func (s *Stack) PlanDestroy(ctx context.Context, emit func(Event)) (*Plan, error) {
	return s.plan(ctx, emit, true)
}

func (s *Stack) plan(ctx context.Context, emit func(Event), destroy bool) (*Plan, error) {
	o, ctx, end, err := s.begin(ctx, OpPlan, emit)
	if err != nil {
		return nil, err
	}
	defer end()
	if err := s.checkErrored(); err != nil {
		return nil, err
	}
	p, err := s.planOnce(ctx, o, destroy)
	if unlocked, uerr := s.unlock(ctx, o, err); unlocked || uerr != nil {
		if err = uerr; err == nil {
			p, err = s.planOnce(ctx, o, destroy)
		}
	}
	if needsInit(err) && ctx.Err() == nil {
		if err := s.init(ctx, o, true); err != nil {
			return nil, err
		}
		p, err = s.planOnce(ctx, o, destroy)
	}
	if err != nil {
		return nil, err
	}
	send(emit, Event{Type: EventPlanned, Op: OpPlan, Plan: p})
	return p, nil
}

func (s *Stack) planOnce(ctx context.Context, o *operation, destroy bool) (*Plan, error) {
	file, err := s.planFile()
	if err != nil {
		return nil, err
	}
	args := []string{"plan", "-json", "-input=false", "-out=" + file}
	if destroy {
		args = append(args, "-destroy")
	}
	p := &Plan{File: file, Destroy: destroy}
	conf := s.configuration()
	err = s.stream(ctx, o, args, func(m message) {
		if m.Type == "planned_change" && m.Change != nil { // drift: see Details
			p.add(conf.change(m))
		}
	})
	if err != nil {
		return nil, errors.Join(err, removeIfThere(file))
	}
	conf.order(p)
	return p, nil
}

const planPattern = "plan-*.tfplan"

// planFile makes an empty file with a name of its own, so that a plan that was
// shown can never turn into a later one, and removes those of earlier plans. A
// plan holds secrets as the state does; made here it has mode 0600.
func (s *Stack) planFile() (string, error) {
	for _, name := range filesIn(s.opts.DataDir, planPattern) {
		if err := removeIfThere(name); err != nil {
			return "", fmt.Errorf("remove the plan before: %w", err)
		}
	}
	f, err := os.CreateTemp(s.opts.DataDir, planPattern)
	if err != nil {
		return "", fmt.Errorf("save the plan: %w. Choose another folder with --workspace DIR", err)
	}
	return f.Name(), f.Close()
}

func removeIfThere(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// add counts a change in.
func (p *Plan) add(c Change) {
	switch c.Action {
	case ActionCreate:
		p.Create++
	case ActionUpdate:
		p.Update++
	case ActionReplace:
		p.Replace++
	case ActionDelete:
		p.Delete++
	case ActionNone:
		return
	}
	p.Changes = append(p.Changes, c)
}

// Apply does what the saved plan says and nothing else. Its events are those of
// each resource and an EventSummary at the end, also after a failure. A plan that
// is out of date gives ErrPlanStale and changes nothing.
func (s *Stack) Apply(ctx context.Context, p *Plan, emit func(Event)) (*Summary, error) {
	op := OpApply
	if p.Destroy {
		op = OpDestroy
	}
	o, ctx, end, err := s.begin(ctx, op, emit)
	if err != nil {
		return nil, err
	}
	defer end()
	if err := s.checkErrored(); err != nil {
		return nil, err
	}
	if info, err := os.Stat(p.File); err != nil || info.Size() == 0 {
		return nil, fmt.Errorf("%w: it was applied already, or a later plan took its place. Make a new plan", ErrPlanStale)
	}
	begun := time.Now()
	sum := &Summary{}
	replaced := map[string]bool{}
	for _, c := range p.Changes {
		if c.Action == ActionReplace {
			replaced[c.Address] = false
		}
	}
	err = s.stream(ctx, o, []string{"apply", "-json", "-input=false", p.File}, func(m message) { sum.take(m, replaced) })
	// Applied as a whole or in part, the plan is spent.
	if !errors.Is(err, ErrStateLocked) {
		err = errors.Join(err, removeIfThere(p.File))
	}
	s.refreshAfter(ctx, o)
	sum.OK = err == nil
	sum.Elapsed = time.Since(begun)
	send(emit, Event{Type: EventSummary, Op: op, Summary: sum})
	return sum, err
}

// ApplyAll plans and applies in one run of Terraform, for a caller whom nobody
// needs to ask: a saved plan costs a second start of Terraform and its provider,
// about two seconds. It needs Init before. EventPlanned says what is going to
// happen before the first resource's event; the plan has no file and cannot be
// applied again.
func (s *Stack) ApplyAll(ctx context.Context, emit func(Event)) (*Summary, error) {
	o, ctx, end, err := s.begin(ctx, OpPlan, emit)
	if err != nil {
		return nil, err
	}
	defer end()
	if err := s.checkErrored(); err != nil {
		return nil, err
	}
	begun := time.Now()
	sum := &Summary{}
	err = s.applyAll(ctx, o, sum)
	if unlocked, uerr := s.unlock(ctx, o, err); unlocked || uerr != nil {
		if err = uerr; err == nil {
			err = s.applyAll(ctx, o, sum)
		}
	}
	if needsInit(err) && ctx.Err() == nil {
		if err = s.init(ctx, o, true); err == nil {
			err = s.applyAll(ctx, o, sum)
		}
	}
	s.refreshAfter(ctx, o)
	sum.OK = err == nil
	sum.Elapsed = time.Since(begun)
	send(emit, Event{Type: EventSummary, Op: OpApply, Summary: sum})
	return sum, err
}

func (s *Stack) applyAll(ctx context.Context, o *operation, sum *Summary) error {
	conf := s.configuration()
	p, replaced := &Plan{}, map[string]bool{}
	return s.stream(ctx, o, []string{"apply", "-json", "-input=false", "-auto-approve"}, func(m message) {
		switch {
		case m.Type == "planned_change" && m.Change != nil:
			c := conf.change(m)
			p.add(c)
			if c.Action == ActionReplace {
				replaced[c.Address] = false
			}
		case m.Type == "change_summary" && m.Changes != nil && m.Changes.Operation == "plan":
			conf.order(p)
			send(o.emit, Event{Type: EventPlanned, Op: OpPlan, Plan: p})
			s.mu.Lock()
			o.op = OpApply
			s.mu.Unlock()
		default:
			sum.take(m, replaced)
		}
	})
}

// take counts what a message of an apply says.
func (sum *Summary) take(m message, replaced map[string]bool) {
	switch {
	case m.Type == "outputs":
		sum.Outputs = m.outputs()
	case m.Type == "apply_complete" && m.Hook != nil:
		sum.count(m.Hook.Resource.Address, action(m.Hook.Action), replaced)
	}
}

// count adds a finished change. A replacement is a deletion and a creation, in
// either order.
func (sum *Summary) count(address string, a Action, replaced map[string]bool) {
	half, isReplaced := replaced[address]
	switch {
	case isReplaced && !half:
		replaced[address] = true
	case isReplaced:
		sum.Replaced++
	case a == ActionCreate:
		sum.Created++
	case a == ActionUpdate:
		sum.Updated++
	case a == ActionDelete:
		sum.Deleted++
	}
}

// Destroy is PlanDestroy and Apply of that plan.
func (s *Stack) Destroy(ctx context.Context, emit func(Event)) (*Summary, error) {
	p, err := s.PlanDestroy(ctx, emit)
	if err != nil {
		return nil, err
	}
	return s.Apply(ctx, p, emit)
}

// stream runs one Terraform command, turns its lines into events and hands the
// messages on.
func (s *Stack) stream(ctx context.Context, o *operation, args []string, handle func(message)) error {
	cli, err := s.settle(s.configuration())
	if err != nil {
		return err
	}
	return s.run(ctx, o, func() Op { return o.op }, s.environ(cli), args, func(m message) Event {
		handle(m)
		return m.event(o.op)
	})
}

// run runs one Terraform command as part of an operation, whose phase may change
// meanwhile: ApplyAll's does. Handle makes each message an event.
func (s *Stack) run(ctx context.Context, o *operation, op func() Op, env, args []string, handle func(message) Event) error {
	if err := checkTemp(); err != nil {
		return err
	}
	proc := &process{started: s.opts.Started}
	s.mu.Lock()
	o.proc = proc
	s.mu.Unlock()
	var out outcome
	err := proc.run(ctx, s.opts.Terraform, s.opts.Dir, env, args, func(line []byte) {
		m := decode(line)
		e := handle(m)
		if e.Diagnostic != nil {
			e.Diagnostic.Tofu = s.opts.Terraform.Tofu
			e.Diagnostic.Stopped = s.stopping(ctx, o) && followsStop(e.Diagnostic)
		}
		out.take(m, e)
		send(o.emit, e)
	})
	s.mu.Lock()
	o.proc = nil
	s.mu.Unlock()
	s.protect()
	if len(out.state) > 0 {
		out.kept = s.keepState(out.state)
		send(o.emit, Event{Type: EventStateKept, Op: op(), File: out.kept.Path, Message: out.kept.String()})
	}
	if err != nil {
		return s.failure(ctx, o, op(), &out, err)
	}
	return nil
}

// outcome is what of a command's output decides how its failure is reported.
type outcome struct {
	problems []Diagnostic
	text     strings.Builder // lines of a Terraform without -json, as far as maxText
	state    []byte          // that Terraform could save nowhere
	kept     *KeptState
}

const maxText = 64 << 10 // bytes

func (out *outcome) take(m message, e Event) {
	switch {
	case e.Diagnostic != nil:
		out.problems = append(out.problems, *e.Diagnostic)
	case len(m.State) > 0:
		out.state = m.State
	case m.Type == "log" && out.text.Len() < maxText:
		out.text.WriteString(m.Text + "\n")
	}
}

// stopping reports whether Terraform was asked to stop.
func (s *Stack) stopping(ctx context.Context, o *operation) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return o.stops > 0 || ctx.Err() != nil
}

// followsStop reports whether an error only says that something was cut short.
func followsStop(d *Diagnostic) bool {
	return slices.ContainsFunc([]string{"context canceled", "execution halted", "operation canceled"}, func(words string) bool {
		return strings.Contains(strings.ToLower(d.Summary+"\n"+d.Detail), words)
	})
}

// failure is what the caller gets for an operation that ended badly.
func (s *Stack) failure(ctx context.Context, o *operation, op Op, out *outcome, err error) error {
	stopped := s.stopping(ctx, o)
	problems := slices.DeleteFunc(out.problems, func(d Diagnostic) bool { return d.Stopped })
	if len(problems) == 0 && !stopped && !killed(err) {
		problems = fromText(out.text.String(), s.opts.Terraform.Tofu)
	}
	d := diagnosticError(op, problems)
	if d != nil {
		d.Kept = out.kept
	}
	switch {
	case stopped && d != nil:
		return fmt.Errorf("%w: %w", ErrStopped, d)
	case stopped:
		return fmt.Errorf("%w: %s %s", ErrStopped, s.opts.Terraform.command(), op)
	case d != nil:
		return d
	case killed(err):
		return &KilledError{Op: op, Tofu: s.opts.Terraform.Tofu}
	}
	return fmt.Errorf("%s %s: %w", s.opts.Terraform.command(), op, err)
}

// protect makes files with secrets readable by their owner alone: Terraform
// makes them with the usual 0644.
func (s *Stack) protect() {
	for _, name := range filesIn(s.opts.Dir, "*.tfstate*") {
		// The folder is 0700 as well.
		_ = os.Chmod(name, 0o600)
	}
}

// statePath is the state's file, or that of the copy of a state that is kept
// elsewhere.
func (s *Stack) statePath() string {
	if s.Remote() {
		return s.copyPath()
	}
	return s.localPath()
}

// state reads the state's file. Errors wrap ErrStateDamaged, ErrStateNewer or
// ErrStateUnread, or say why the file could not be read.
func (s *Stack) state() (*stateFile, error) {
	path := s.statePath()
	if path == s.copyPath() {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w from %s: `workshop plan` does it", ErrStateUnread, s.KeptIn())
		}
	}
	st, err := readState(path)
	switch {
	case errors.Is(err, ErrStateNewer):
		return nil, fmt.Errorf("%w. Use the Terraform that wrote it, or a later one", err)
	case errors.Is(err, ErrStateDamaged):
		next := "`workshop destroy` finds by its tags what the state listed, and deletes it"
		if b, ok := s.Backup(); ok {
			next = fmt.Sprintf("Terraform's copy from before the last change (%s, %d resources) is %s. If you do not need it, %s",
				b.Modified.Format("2006-01-02 15:04"), b.Resources, clean.Line(b.Path), next)
		}
		return nil, fmt.Errorf("%w. %s", err, next)
	}
	return st, err
}

// Outputs are the configuration's outputs as of the last apply, sensitive ones
// left out. A state in a backend elsewhere is read as of StateRead, here and by
// State and Exists.
func (s *Stack) Outputs() (map[string]any, error) {
	st, err := s.state()
	if err != nil {
		return nil, err
	}
	return st.outputs(), nil
}

// State lists the resources that Terraform believes to exist, by address.
func (s *Stack) State() ([]Resource, error) {
	st, err := s.state()
	if err != nil {
		return nil, err
	}
	return st.resources(s.configuration()), nil
}

// MadeByTofu reports whether OpenTofu wrote the state: its resources belong to providers
// of OpenTofu's registry. Terraform finds those only with a network or a mirror.
func (s *Stack) MadeByTofu() bool {
	st, err := s.state()
	return err == nil && slices.ContainsFunc(st.providers(), func(address string) bool {
		return strings.HasPrefix(address, tofuRegistry+"/")
	})
}

// Exists reports whether the state has any resource. It is cheap.
func (s *Stack) Exists() (bool, error) {
	st, err := s.state()
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(st.Resources, func(r stateResource) bool {
		return r.Mode == "managed" && len(r.Instances) > 0
	}), nil
}
