// Package session is one person's work in one workspace: it opens the target,
// finds Terraform and keeps the journal, so that the screens and the command
// line do the same things in the same way.
package session

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/adrg/xdg"

	"workshop/internal/diagnose"
	"workshop/internal/fargate"
	"workshop/internal/lesson"
	"workshop/internal/operation"
	"workshop/internal/stack"
	"workshop/internal/target"
	"workshop/internal/workspace"
)

// Options say where and with what to work.
type Options struct {
	Kind      target.Kind
	Workspace string // folder; empty takes the default for the kind
	Region    string
	Profile   string // of the person's AWS configuration; empty takes the environment's
	Terraform string // path of the program; empty looks for it
	Offline   bool   // fetch no Terraform
	Fast      bool   // the sandbox's waits, for tests
	ReadOnly  bool   // refuse what changes something, with ErrReadOnly
	// Other is a service that is not the workspace's, which everything about what runs
	// is about instead; nil for the workspace's. Its Service may be empty until LookAt
	// names one.
	Other     *fargate.Place
	NoSandbox bool // do not start a sandbox: Target returns target.ErrNotRunning instead
	// MFACode asks for an MFA code; nil where nobody can be asked. See
	// target.Options.
	MFACode func(ctx context.Context, device string) (string, error)

	// Face is how the caller names the places of the program, in advice on
	// diagnostics and on stopped tasks. The zero value is diagnose.Command.
	Face diagnose.Face
	// Screens are the pages that the steps' texts name.
	Screens []lesson.Screen

	Configuration fs.FS // the bundled .tf files
	Steps         fs.FS // the bundled steps
	// Course reads the course; nil reads it from Steps.
	Course func() (*lesson.Course, error)
}

// Session is open until Close. Its methods are safe for concurrent use, except
// that Terraform runs one operation at a time.
type Session struct {
	Workspace *workspace.Workspace

	opts Options

	mu     sync.Mutex // guards what follows
	target *target.Target
	stack  *stack.Stack
	lock   *workspace.Lock
	// current is the operation that this session follows, nil while it follows none.
	current *operation.Operation
	// lastFollowed is the folder of the operation that this session followed last. Its
	// process lives a little longer than its journal.
	lastFollowed string
	// applying is the plan whose apply runs, nil while none does.
	applying  *stack.Plan
	receipt   *Receipt // of the last destroy, until it was asked for
	operating int      // operations that are being started or followed

	found   *stack.Terraform    // what to use instead of looking for one; may be nil
	started func(stack.Process) // called with each Terraform that starts; may be nil

	// solving ends the Solve or Reset that runs, nil while none does.
	solving context.CancelFunc
	other   *other           // nil where the workspace's own service is looked at
	watcher *fargate.Watcher // of the Watch that runs, nil while none does
	reader  *reader          // of the log lines

	readsScaling bool          // somebody looks at what scales the service
	calls        fargate.Meter // of Watch and Tail together

	service *serviceLog
	notes   []string   // about the workspace, from opening it
	opening sync.Mutex // held while the target or Terraform is being found
}

// ErrNothingDeployed is returned by what needs a running service before there is
// one.
var ErrNothingDeployed = errors.New("nothing is deployed yet: `workshop deploy` does it")

// Open opens the workspace and nothing else: it touches no network and is done
// in milliseconds.
func Open(o Options) (*Session, error) {
	dir := o.Workspace
	if dir == "" {
		var err error
		if dir, err = workspace.DefaultDir(string(o.Kind)); err != nil {
			return nil, err
		}
	}
	ws, err := workspace.Open(dir, o.Configuration)
	if err != nil {
		return nil, err
	}
	s := &Session{Workspace: ws, opts: o, service: newServiceLog(ws), notes: ws.Notes(), reader: newReader()}
	if o.Other != nil {
		s.other = &other{place: *o.Other}
	}
	return s, nil
}

// OpenExisting opens a workspace whose files stay as they are: o.Configuration is
// not needed, and Reset does not work.
func OpenExisting(o Options) (*Session, error) {
	ws, err := workspace.Existing(o.Workspace)
	if err != nil {
		return nil, err
	}
	return &Session{Workspace: ws, opts: o, reader: newReader()}, nil
}

// Notes returns what the learner should know about how the workspace was opened.
func (s *Session) Notes() []string { return s.notes }

// Kind is the target's.
func (s *Session) Kind() target.Kind { return s.opts.Kind }

// Lock makes this process the one that changes the workspace; doing it again
// changes nothing. Where another process holds it the error is a
// *workspace.LockedError.
func (s *Session) Lock() error { return s.lockWithin(0) }

// ErrReadOnly is the refusal of a session that was opened to look alone.
var ErrReadOnly = errors.New("--read-only was given, so nothing is changed")

// LockAfter takes the workspace's lock from a command whose operation has just
// ended: it waits for a few seconds until that command has written its last words.
func (s *Session) LockAfter() error { return s.lockWithin(lastWords) }

// lastWords bounds the life of a command after the end of its operation.
const lastWords = 10 * time.Second

func (s *Session) lockWithin(wait time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opts.ReadOnly {
		return ErrReadOnly
	}
	if s.lock != nil {
		return nil
	}
	l, err := s.Workspace.LockWithin(wait)
	if err != nil {
		return err
	}
	s.lock = l
	return nil
}

// Target reaches the target. It finds or starts the sandbox each time, which may
// have ended since the last one; AWS is asked once who the caller is. Errors are
// those of target.Open.
func (s *Session) Target(ctx context.Context) (*target.Target, error) {
	s.opening.Lock()
	defer s.opening.Unlock()
	was := s.opened()
	if was != nil && was.Kind != target.Sandbox {
		return was, nil
	}
	var t *target.Target
	for profile := s.profile(); ; profile = s.profile() {
		var err error
		t, err = target.Open(ctx, target.Options{
			Kind: s.opts.Kind, Dir: s.Workspace.Dir(), Region: s.opts.Region, Profile: profile,
			Fast: s.opts.Fast, NoStart: s.opts.NoSandbox, InUse: s.lockedByAnother,
			MFACode: s.opts.MFACode,
		})
		s.mu.Lock()
		if profile == s.wanted() {
			if err != nil {
				s.mu.Unlock()
				return nil, err
			}
			break
		}
		s.mu.Unlock() // another was chosen meanwhile
	}
	defer s.mu.Unlock()
	if was != nil && was.Endpoint == t.Endpoint && !t.Started() {
		return was, nil
	}
	if was != nil && was.Endpoint != t.Endpoint {
		s.stack = nil // its environment leads to where nobody is any more
	}
	s.target = t
	return t, nil
}

// lockedByAnother reports whether another process may change the workspace now.
func (s *Session) lockedByAnother() bool {
	if s.Running() != nil {
		return true
	}
	s.mu.Lock()
	own := s.lock != nil
	s.mu.Unlock()
	if own {
		return false
	}
	held, err := s.Workspace.Locked()
	return held && err == nil
}

func (s *Session) opened() *target.Target {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.target
}

// profile is that of the person's AWS configuration with which the target is reached.
func (s *Session) profile() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wanted()
}

// wanted is profile, with s.mu held.
func (s *Session) wanted() string {
	if s.other != nil && s.other.place.Profile != "" {
		return s.other.place.Profile
	}
	return s.opts.Profile
}

// Terraform returns the configuration with the target and Terraform, which is found
// or fetched the first time.
func (s *Session) Terraform(ctx context.Context, emit func(stack.Event)) (*stack.Stack, error) {
	t, err := s.Target(ctx)
	if err != nil {
		return nil, err
	}
	s.opening.Lock()
	defer s.opening.Unlock()
	s.mu.Lock()
	st := s.stack
	s.mu.Unlock()
	if st != nil {
		return st, nil
	}
	cache := cacheDir()
	tf := s.found
	if tf == nil {
		if tf, err = stack.Find(ctx, s.findOptions(s.opts.Offline), emit); err != nil {
			return nil, err
		}
	}
	if st, err = s.openStack(t, tf, cache); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stack = st
	return st, nil
}

// findOptions say where to look for Terraform. What OpenTofu has made goes on with it.
func (s *Session) findOptions(offline bool) stack.FindOptions {
	o := stack.FindOptions{Path: s.opts.Terraform, CacheDir: cacheDir(), Offline: offline}
	if st, err := s.State(); err == nil {
		o.Tofu = st.MadeByTofu()
	}
	return o
}

// cacheDir is where a Terraform that was fetched is kept, and plug-ins.
func cacheDir() string { return filepath.Join(xdg.CacheHome, "fargate-workshop") }

func (s *Session) openStack(t *target.Target, tf *stack.Terraform, cache string) (*stack.Stack, error) {
	o := stack.Options{
		Dir: s.Workspace.TerraformDir(), DataDir: s.Workspace.Dir(), CacheDir: cache, Terraform: tf,
		Vars: map[string]string{"workspace_id": s.Workspace.ID()}, Started: s.started,
		Stale: s.leftLock,
	}
	if t != nil {
		o.Env = t.Env
	}
	return stack.Open(o)
}

// State reads what Terraform's state says without running Terraform and
// without reaching the target.
func (s *Session) State() (*stack.Stack, error) {
	s.mu.Lock()
	st := s.stack
	s.mu.Unlock()
	if st != nil {
		return st, nil
	}
	return s.openStack(nil, nil, "")
}

// stateResources returns the resources in Terraform's state.
func (s *Session) stateResources() ([]stack.Resource, error) {
	st, err := s.State()
	if err != nil {
		return nil, err
	}
	return st.State()
}

// Exists reports whether Terraform's state holds anything.
func (s *Session) Exists() bool {
	st, err := s.State()
	if err != nil {
		return false
	}
	up, err := st.Exists()
	return err == nil && up
}

// Ref names the deployed service, from Terraform's outputs; while an apply runs,
// from what the plan says and the state has so far. Before there is anything to
// watch it returns ErrNothingDeployed.
func (s *Session) Ref() (fargate.Ref, error) {
	st, err := s.State()
	if err != nil {
		return fargate.Ref{}, err
	}
	out, err := st.Outputs()
	if err != nil {
		return fargate.Ref{}, err
	}
	ref, ok := fargate.RefFromOutputs(out)
	if ok && ref.URL != "" {
		return ref, nil
	}
	s.mu.Lock()
	p := s.applying
	s.mu.Unlock()
	if p != nil {
		resources, err := st.State()
		if err != nil {
			return fargate.Ref{}, err
		}
		if begun := refSoFar(p, resources); begun.Cluster != "" && begun.Service != "" {
			return begun, nil
		}
	}
	if !ok {
		return fargate.Ref{}, ErrNothingDeployed
	}
	return ref, nil
}

// refSoFar names a service that Terraform is still waiting for: its name is in
// the plan, what it stands on is in the state already.
func refSoFar(p *stack.Plan, resources []stack.Resource) fargate.Ref {
	var ref fargate.Ref
	text := func(v map[string]any, name string) string { t, _ := v[name].(string); return t }
	for _, c := range p.Changes {
		if c.Type == "aws_ecs_service" {
			ref.Service = text(c.Values, "name")
		}
	}
	for _, r := range resources {
		switch r.Type {
		case "aws_ecs_cluster":
			ref.Cluster = text(r.Values, "name")
		case "aws_lb_target_group":
			ref.TargetGroup = text(r.Values, "arn")
		case "aws_lb":
			if name := text(r.Values, "dns_name"); name != "" {
				ref.URL = "http://" + name
			}
		case "aws_cloudwatch_log_group":
			// The other group is Container Insights' own.
			if name := text(r.Values, "name"); !strings.HasPrefix(name, "/aws/") {
				ref.LogGroup = name
			}
		}
	}
	return ref
}

// Course reads the steps. Faults of single steps come as an error beside the
// course, which has the others.
func (s *Session) Course() (*lesson.Course, error) {
	if s.opts.Course != nil {
		return s.opts.Course()
	}
	return lesson.Load(s.opts.Steps)
}

// Exports are the variables, as KEY=value, with which the learner's own
// terraform, aws and curl reach the same place as the workshop does.
func (s *Session) Exports(ctx context.Context) ([]string, error) {
	t, err := s.Target(ctx)
	if err != nil {
		return nil, err
	}
	st, err := s.Terraform(ctx, nil)
	if errors.Is(err, stack.ErrNoTerraform) {
		return t.Env, nil // aws and curl work without it
	}
	if err != nil {
		return nil, err
	}
	return st.Env()
}

// Environ is this process's environment with Exports in it, in which `terraform` is the
// program that the workshop uses: also one that is not on PATH, or OpenTofu.
func (s *Session) Environ(ctx context.Context) ([]string, error) {
	exports, err := s.Exports(ctx)
	if err != nil {
		return nil, err
	}
	env := append(s.opened().Environ(os.Environ()), exports...)
	s.mu.Lock()
	st := s.stack
	s.mu.Unlock()
	if st == nil {
		return env, nil // there is no Terraform
	}
	if dir, err := st.PathFolder(); err == nil && dir != "" { // curl and aws are of use without it
		env = append(env, "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	}
	return env, nil
}

// Close gives the workspace back. A sandbox runs on.
func (s *Session) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.target = nil
	if s.lock == nil {
		return nil
	}
	err := s.lock.Unlock()
	s.lock = nil
	return err
}
