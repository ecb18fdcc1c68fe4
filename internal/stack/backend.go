package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/renameio/v2/maybe"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/hashicorp/terraform-exec/tfexec"
	"github.com/zclconf/go-cty/cty"

	"workshop/internal/clean"
	"workshop/internal/workspace"
)

const (
	// OpBackend moves the state from one backend to another.
	OpBackend Op = "backend"

	// oldestLockfile is the first version whose S3 backend has use_lockfile: of
	// Terraform, where it was experimental until 1.11, and of OpenTofu alike.
	oldestLockfile = "1.10.0"

	// copyFile is this program's copy of a state that is kept elsewhere, in DataDir.
	// Terraform does not know it.
	copyFile = "remote-state.json"

	// pullTime bounds the reading of a state that is kept elsewhere.
	pullTime = time.Minute

	s3Scheme = "s3://"
	maxKey   = 1024 - len(".tflock") // bytes that S3 allows, without what the lock appends
)

var (
	// ErrNoLockfile: this Terraform cannot lock a state in S3 without DynamoDB.
	ErrNoLockfile = errors.New("this Terraform has no lock for a state in S3")
	// ErrNoBucket: the S3 bucket of the state does not exist.
	ErrNoBucket = errors.New("the S3 bucket of the state does not exist")
	// ErrStateUnread: the state is kept elsewhere, and Init has not read it yet.
	ErrStateUnread = errors.New("the state of Terraform has not been read yet")
	// ErrOwnBackend: the learner's own files say where the state is kept.
	ErrOwnBackend = errors.New("your own configuration has a backend")
	// ErrMoveUnfinished: a move of the state was interrupted; Move finishes it.
	ErrMoveUnfinished = errors.New("the state is not where the configuration says")
)

// Backend is the S3 object that keeps Terraform's state. The zero Backend is the
// local file.
type Backend struct {
	Bucket string `json:"bucket,omitempty"`
	Key    string `json:"key,omitempty"`
	Region string `json:"region,omitempty"` // of the bucket
}

// Local reports whether the state is kept in the local file.
func (b Backend) Local() bool { return b.Bucket == "" }

// String is the form that ParseBackend reads.
func (b Backend) String() string {
	if b.Local() {
		return "local"
	}
	return clean.Line(s3Scheme + b.Bucket + "/" + b.Key)
}

var validBucket = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// ParseBackend reads "s3://BUCKET/KEY" or "local".
func ParseBackend(text string) (Backend, error) {
	if text == "local" {
		return Backend{}, nil
	}
	rest, ok := strings.CutPrefix(text, s3Scheme)
	bucket, key, slash := strings.Cut(rest, "/")
	switch {
	case !ok || !slash:
		return Backend{}, fmt.Errorf(`%q is neither s3://BUCKET/KEY nor "local"`, text)
	case !validBucket.MatchString(bucket):
		return Backend{}, fmt.Errorf("%q is not the name of an S3 bucket", bucket)
	case key == "" || key[0] == '/' || key[len(key)-1] == '/' || len(key) > maxKey || !utf8.ValidString(key) || key != clean.Line(key):
		return Backend{}, fmt.Errorf("%q is not a key for Terraform's state: 1 to %d bytes on one line, with no / at its beginning or end", key, maxKey)
	}
	return Backend{Bucket: bucket, Key: key}, nil
}

// file is the configuration of the backend. pathStyle is for stores other than
// AWS, whose buckets have no host names of their own.
func (b Backend) file(pathStyle bool) []byte {
	f := hclwrite.NewEmptyFile()
	f.Body().AppendUnstructuredTokens(hclwrite.Tokens{{Bytes: []byte(
		"# Written by workshop. `workshop backend local` brings the state back and removes this file.\n")}})
	body := f.Body().AppendNewBlock("terraform", nil).Body().AppendNewBlock("backend", []string{"s3"}).Body()
	body.SetAttributeValue("bucket", cty.StringVal(b.Bucket))
	body.SetAttributeValue("key", cty.StringVal(b.Key))
	body.SetAttributeValue("region", cty.StringVal(b.Region))
	body.SetAttributeValue("use_lockfile", cty.True)
	if pathStyle {
		body.SetAttributeValue("use_path_style", cty.True)
	}
	return hclwrite.Format(f.Bytes())
}

// place is where Terraform's last init found the state.
type place struct {
	Type   string  `json:"type"` // of the backend; empty is the local file
	Config Backend `json:"config"`
}

func (p place) local() bool { return p.Type == "" || p.Type == "local" }

func (p place) String() string {
	switch {
	case p.local():
		return "the local file"
	case p.Type == "s3":
		return p.Config.String()
	}
	return "the backend " + clean.Line(p.Type)
}

// place reads Terraform's own note of the backend. Where there is none, before the
// first init or after the learner has removed .terraform, the configuration
// decides, unless the local file has a state that was never moved.
func (s *Stack) place() place {
	var note struct {
		Backend place `json:"backend"`
	}
	data, err := os.ReadFile(s.backendNote())
	if err == nil && json.Unmarshal(data, &note) == nil {
		return note.Backend
	}
	if info, err := os.Stat(s.localPath()); err == nil && info.Size() > 0 {
		return place{}
	}
	return s.configuration().backend.place
}

func (s *Stack) backendNote() string {
	return filepath.Join(s.opts.Dir, ".terraform", "terraform.tfstate")
}

func (s *Stack) backendFile() string { return filepath.Join(s.opts.Dir, workspace.BackendFile) }

// Backend reports where the state is kept. ok is false where that is a backend of
// another type, from the learner's own configuration.
func (s *Stack) Backend() (b Backend, ok bool) {
	p := s.place()
	return p.Config, p.local() || p.Type == "s3"
}

// Remote reports whether the state is kept elsewhere than in the local file.
func (s *Stack) Remote() bool { return !s.place().local() }

// KeptIn names where the state is kept, such as s3://bucket/key.
func (s *Stack) KeptIn() string { return s.place().String() }

// StateRead is the time at which a state that is kept elsewhere was read last,
// which is what Outputs, State and Exists are about. It is false where the state
// is the local file, or was never read.
func (s *Stack) StateRead() (time.Time, bool) {
	if !s.Remote() {
		return time.Time{}, false
	}
	info, err := os.Stat(s.copyPath())
	if err != nil {
		return time.Time{}, false
	}
	return info.ModTime(), true
}

// ForgetRemote removes the local copy of a state that is kept elsewhere and cannot
// be read there any more: what it listed then counts as lost. The next Init reads
// the state again.
func (s *Stack) ForgetRemote() error {
	if err := removeIfThere(s.copyPath()); err != nil {
		return fmt.Errorf("remove the copy of the state: %w", err)
	}
	return nil
}

func (s *Stack) localPath() string { return filepath.Join(s.opts.Dir, "terraform.tfstate") }

func (s *Stack) copyPath() string { return filepath.Join(s.opts.DataDir, copyFile) }

// checkMoved refuses to work on where the configuration says the state is while
// the state is still elsewhere.
func (s *Stack) checkMoved(c *configuration) error {
	now, want := s.place(), c.backend.place
	if c.backend.file != "" && c.backend.file != workspace.BackendFile || now.local() && want.local() || now == want ||
		now.Type != "" && now.Type != "s3" {
		return nil // in order, or between backends that are the learner's
	}
	return fmt.Errorf("%w: it is still in %s, and the configuration says %s. Move it with `workshop backend %s`, or leave it where it is with `workshop backend %s`",
		ErrMoveUnfinished, now, want, want.Config, now.Config)
}

// refresh reads a state that is kept elsewhere into the local copy.
func (s *Stack) refresh(ctx context.Context) error {
	where := s.place()
	if where.local() {
		return nil
	}
	cli, err := s.settle(s.configuration())
	if err != nil {
		return err
	}
	data, err := s.pull(ctx, s.opts.Dir, s.environ(cli))
	if err != nil {
		return fmt.Errorf("read the state in %s: %w", where, err)
	}
	return s.keepCopy(data)
}

// refreshAfter is refresh after an operation, whose own outcome must not depend on
// it: what cannot be read again is a warning.
func (s *Stack) refreshAfter(ctx context.Context, o *operation) {
	if err := s.refresh(context.WithoutCancel(ctx)); err != nil {
		as := "has not been read yet"
		if at, ok := s.StateRead(); ok {
			as = "is shown as of " + at.Local().Format("15:04:05")
		}
		send(o.emit, Event{Type: EventDiagnostic, Op: o.op, Diagnostic: &Diagnostic{
			Severity: "warning", Summary: "The state " + as, Detail: err.Error(),
		}})
	}
}

func (s *Stack) keepCopy(data []byte) error {
	if _, err := decodeState(data); err != nil {
		return err
	}
	if err := maybe.WriteFile(s.copyPath(), data, 0o600); err != nil {
		return fmt.Errorf("keep a copy of the state: %w", err)
	}
	return nil
}

// runner is Terraform in a folder for what changes nothing there that matters.
func (s *Stack) runner(dir string, env []string) (*tfexec.Terraform, error) {
	tf, err := tfexec.NewTerraform(dir, s.opts.Terraform.Path)
	if err == nil {
		err = tf.SetEnv(tfexecEnv(env))
	}
	return tf, err
}

// pull reads the state of the backend that the folder is initialised for. It
// takes no lock.
func (s *Stack) pull(ctx context.Context, dir string, env []string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, pullTime)
	defer cancel()
	tf, err := s.runner(dir, env)
	if err != nil {
		return nil, err
	}
	text, err := tf.StatePull(ctx)
	if err != nil {
		return nil, s.runnerError(ctx, err)
	}
	return []byte(text), nil
}

// runnerError is an error of terraform-exec, which ends with what Terraform
// printed.
func (s *Stack) runnerError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	// The advice at the end is about a flag of state pull.
	text, _, _ := strings.Cut(err.Error(), "Please ensure that your Terraform state exists")
	if _, after, ok := strings.Cut(text, "Error loading the state: "); ok {
		text = "Error: " + after
	}
	if !strings.Contains(text, "Error: ") {
		return err
	}
	return diagnosticError(OpBackend, fromText(text, s.opts.Terraform.Tofu))
}

// peek reads the state in an S3 object without touching the configuration's own
// folder; nil where the object does not exist.
func (s *Stack) peek(ctx context.Context, b Backend, env []string) ([]byte, error) {
	dir, err := os.MkdirTemp(s.opts.DataDir, "backend-*")
	if err != nil {
		return nil, fmt.Errorf("read the state in %s: %w", b, err)
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, workspace.BackendFile), b.file(s.pathStyle()), 0o600); err != nil {
		return nil, fmt.Errorf("read the state in %s: %w", b, err)
	}
	within, cancel := context.WithTimeout(ctx, pullTime)
	defer cancel()
	tf, err := s.runner(dir, env)
	if err == nil {
		if err = tf.Init(within); err != nil {
			err = s.runnerError(within, err)
		}
	}
	var data []byte
	if err == nil {
		data, err = s.pull(ctx, dir, env)
	}
	if err != nil {
		return nil, fmt.Errorf("read the state in %s: %w", b, err)
	}
	return data, nil
}

// pathStyle reports whether S3 is somewhere else than at AWS.
func (s *Stack) pathStyle() bool {
	for _, kv := range s.opts.Env {
		if name, _, _ := strings.Cut(kv, "="); name == "AWS_ENDPOINT_URL" || name == "AWS_ENDPOINT_URL_S3" {
			return true
		}
	}
	return false
}

// Moved says what Move has done.
type Moved struct {
	From      string `json:"from"` // as Backend.String
	To        string `json:"to"`
	Serial    uint64 `json:"serial"`    // of the state before; afterwards it is that or a little more
	Resources int    `json:"resources"` // instances in it
	// Copy is the file with the state as it was before, readable by the owner
	// alone; empty where there was no state.
	Copy string `json:"copy,omitempty"`
}

// Move moves the state to another backend with `terraform init -migrate-state`,
// and reads it there before it calls that done. A copy is kept first. Where the
// state is already there it returns a Moved without a Copy. After an error the
// state is where it was, and the error says so where that needs a word. An object
// in S3 that the state leaves stays as it is. From a bucket that does not exist any
// more the local copy comes back, as of StateRead. Errors wrap ErrNoLockfile,
// ErrOwnBackend, ErrErroredState, ErrStopped, ErrStateConflict where there is
// another or a later state at the destination, or are a *DiagnosticError.
func (s *Stack) Move(ctx context.Context, to Backend, emit func(Event)) (*Moved, error) {
	o, ctx, end, err := s.begin(ctx, OpBackend, emit)
	if err != nil {
		return nil, err
	}
	defer end()
	c := s.configuration()
	from, err := s.movable(c, to)
	if err != nil {
		return nil, err
	}
	cli, err := s.settle(c)
	if err != nil {
		return nil, err
	}
	env := s.environ(cli)
	read := func(b Backend) (state *stateFile, data []byte, err error) {
		if b.Local() {
			if data, err = os.ReadFile(s.localPath()); errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
		} else {
			data, err = s.peek(ctx, b, env)
		}
		if err == nil {
			state, err = decodeState(data)
		}
		return state, data, err
	}
	before, data, err := read(from)
	lost := to.Local() && errors.Is(err, ErrNoBucket)
	if lost {
		if data, err = os.ReadFile(s.copyPath()); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		if err == nil {
			before, err = decodeState(data)
		}
	}
	if err != nil {
		return nil, err
	}
	moved := &Moved{From: from.String(), To: to.String(), Serial: before.Serial, Resources: before.instances()}
	if from == to && c.backend.place.Config == to {
		return moved, nil
	}
	there, _, err := read(to)
	if err != nil {
		return nil, err
	}
	if err := mayReplace(there, before, to); err != nil {
		return nil, err
	}
	if before.Lineage != "" {
		moved.Copy = aside(s.localPath(), "before-move")
		if err := writeNew(moved.Copy, data); err != nil {
			return nil, fmt.Errorf("keep a copy of the state before it is moved: %w", err)
		}
	}
	undo, err := s.configure(to)
	if err != nil {
		return nil, err
	}
	send(emit, Event{Type: EventLog, Op: OpBackend, Message: fmt.Sprintf("Moving the state (serial %d, %d resources) from %s to %s", before.Serial, moved.Resources, from, to)})
	if lost {
		err = s.recover(ctx, o, data)
	} else {
		err = s.init(ctx, o, true, "-migrate-state", "-force-copy")
	}
	if err == nil {
		data, err = s.arrived(ctx, o, read, before, to, moved.Copy)
	}
	if err != nil {
		return nil, errors.Join(err, s.moveBack(from, moved.Copy, undo))
	}
	return moved, s.settleMove(to, data)
}

// movable checks what can be checked before anything is asked, and returns where
// the state is.
func (s *Stack) movable(c *configuration, to Backend) (from Backend, err error) {
	now := s.place()
	switch {
	case c.backend.file != "" && c.backend.file != workspace.BackendFile:
		return Backend{}, fmt.Errorf("%w: %s has a block for it, which is yours to change. Remove the block, run `terraform init -migrate-state` in %s, then try again",
			ErrOwnBackend, clean.Line(c.backend.file), clean.Line(s.opts.Dir))
	case !now.local() && now.Type != "s3":
		return Backend{}, fmt.Errorf("%w: Terraform keeps the state in %s. Bring it back with `terraform init -migrate-state` in %s, then try again",
			ErrOwnBackend, now, clean.Line(s.opts.Dir))
	case !to.Local() && !s.opts.Terraform.atLeast(oldestLockfile):
		return Backend{}, fmt.Errorf("%w: %s is version %s, and use_lockfile needs %s or later. Update it, or name another one with --terraform PATH",
			ErrNoLockfile, s.opts.Terraform.Name(), s.opts.Terraform.Version, oldestLockfile)
	}
	if now.local() {
		return Backend{}, s.checkErrored()
	}
	return now.Config, s.checkErrored()
}

// mayReplace refuses a destination whose state would be lost: one of another
// lineage that lists or outputs anything, or a later one of the same.
func mayReplace(there, state *stateFile, to Backend) error {
	what := ""
	switch {
	case there.Lineage == "":
	case there.Lineage == state.Lineage && there.Serial > state.Serial:
		what = fmt.Sprintf("a later state (serial %d, this one has %d)", there.Serial, state.Serial)
	case there.Lineage != state.Lineage && (len(there.Resources) > 0 || len(there.Outputs) > 0):
		what = fmt.Sprintf("another state, with %d resources", there.instances())
	}
	if what == "" {
		return nil
	}
	where, next := to.String(), "Choose another key"
	if to.Local() {
		where, next = "the local file terraform.tfstate", "Move it away first"
	}
	return fmt.Errorf("%w: %s holds %s, which would be lost. %s", ErrStateConflict, where, what, next)
}

// arrived reads the state at its new place and returns it. In an object that did
// not exist Terraform begins a new lineage with serial 1; pushing the copy brings
// back both.
func (s *Stack) arrived(ctx context.Context, o *operation, read func(Backend) (*stateFile, []byte, error), before *stateFile, to Backend, kept string) ([]byte, error) {
	after, data, err := read(to)
	if err == nil && kept != "" && after.instances() == before.instances() && !after.follows(before) {
		if err = s.stream(ctx, o, []string{"state", "push", "-force", kept}, func(message) {}); err == nil {
			after, data, err = read(to)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("make sure that the state is in %s: %w", to, err)
	}
	if !after.follows(before) || after.instances() != before.instances() {
		return nil, fmt.Errorf("the state in %s is not the one that was moved: serial %d with %d resources instead of serial %d with %d",
			to, after.Serial, after.instances(), before.Serial, before.instances())
	}
	return data, nil
}

// configure writes the backend's file, or removes it, and returns what brings
// back the one before.
func (s *Stack) configure(to Backend) (undo func() error, err error) {
	name := s.backendFile()
	old, rerr := os.ReadFile(name)
	if rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
		return nil, fmt.Errorf("configure the backend: %w", rerr)
	}
	if to.Local() {
		err = removeIfThere(name)
	} else {
		err = maybe.WriteFile(name, to.file(s.pathStyle()), 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("configure the backend: %w", err)
	}
	return func() error {
		if rerr != nil {
			return removeIfThere(name)
		}
		return maybe.WriteFile(name, old, 0o600)
	}, nil
}

// moveBack undoes a move that failed: the configuration says again where the state
// was, a local state is what it was, and the next init connects to the backend
// anew. kept is the copy of the state.
func (s *Stack) moveBack(from Backend, kept string, undo func() error) error {
	err := undo()
	if from.Local() && kept != "" {
		err = errors.Join(err, os.Rename(kept, s.localPath()))
	} else if info, serr := os.Stat(s.localPath()); serr == nil && info.Size() > 0 && !from.Local() {
		// Else the next init would take it for a state to be moved.
		err = errors.Join(err, os.Rename(s.localPath(), aside(s.localPath(), "moved")))
	}
	if err = errors.Join(err, removeIfThere(s.backendNote()), removeIfThere(filepath.Join(s.opts.Dir, initStamp))); err != nil {
		return fmt.Errorf("bring back the configuration of the backend: %w", err)
	}
	return nil
}

// recover goes on in the local file with the copy of a state whose bucket is gone.
func (s *Stack) recover(ctx context.Context, o *operation, data []byte) error {
	if err := removeIfThere(s.backendNote()); err != nil {
		return err
	}
	if len(data) > 0 {
		if err := maybe.WriteFile(s.localPath(), data, 0o600); err != nil {
			return err
		}
	}
	return s.init(ctx, o, true)
}

// settleMove removes what would be taken for the current state at another place.
func (s *Stack) settleMove(to Backend, data []byte) error {
	if to.Local() {
		return removeIfThere(s.copyPath())
	}
	// Terraform leaves an empty file, and a backup of the state that was moved.
	return errors.Join(removeIfThere(s.localPath()), removeIfThere(s.localPath()+".backup"), s.keepCopy(data))
}
