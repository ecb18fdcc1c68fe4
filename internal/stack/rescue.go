package stack

import (
	"cmp"
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
	"time"

	"github.com/adrg/xdg"

	"workshop/internal/clean"
)

// erroredName is the file that Terraform writes where it could not save its
// state at the end of an apply.
const erroredName = "errored.tfstate"

// KeptState is a state that Terraform could write to no file of its own.
type KeptState struct {
	Path string // of the copy; empty where no folder takes one
	// State is the state itself where Path is empty. It holds secrets, and losing
	// it loses what costs money: show it as the last resort.
	State []byte
}

func (k *KeptState) String() string {
	if k.Path != "" {
		return "Terraform could not save its state. A copy of it is in " + clean.Line(k.Path) + "."
	}
	return "Terraform could not save its state, and no folder takes a copy. Save the next line as " +
		erroredName + " in the folder of the .tf files:\n" + clean.Text(string(k.State))
}

// keepState writes a state that Terraform could not save to the first folder that
// takes it, readable by the user alone.
func (s *Stack) keepState(state []byte) *KeptState {
	name := s.keptPrefix() + time.Now().UTC().Format("20060102-150405") + ".tfstate"
	for _, dir := range s.rescueFolders() {
		path := filepath.Join(dir, name)
		if writeNew(path, state) == nil {
			return &KeptState{Path: path}
		}
	}
	return &KeptState{State: state}
}

// writeNew writes a file that was not there, and leaves none behind if it fails.
func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// keptPrefix begins the names of this stack's kept states. Some of the folders
// serve all workspaces, so the name has the stack's folder in it.
func (s *Stack) keptPrefix() string {
	sum := sha256.Sum256([]byte(s.opts.Dir))
	return "workshop-errored-" + hex.EncodeToString(sum[:6]) + "-"
}

// rescueFolders are where a state may be kept, best first: the user's own before
// those that all users share.
func (s *Stack) rescueFolders() []string {
	folders := []string{s.opts.Dir, s.opts.DataDir, s.opts.CacheDir, xdg.CacheHome}
	if home, err := os.UserHomeDir(); err == nil {
		folders = append(folders, home)
	}
	folders = append(folders, os.TempDir())
	return slices.DeleteFunc(folders, func(dir string) bool { return dir == "" })
}

// Errored reports whether Terraform ended without being able to save its state,
// and where the state is that it wanted to save: the newest readable one, either
// its own errored.tfstate or a copy that was kept for it. A file that is empty or
// damaged, and one that the state has caught up with, do not count.
func (s *Stack) Errored() (path string, ok bool) {
	files := s.errored()
	if len(files) == 0 {
		return "", false
	}
	return files[0], true
}

// errored lists the files that Errored speaks of, the newest state first.
func (s *Stack) errored() []string {
	type candidate struct {
		path  string
		state *stateFile
	}
	var found []candidate
	current, currentErr := s.state()
	consider := func(path string) {
		info, err := os.Lstat(path)
		if err != nil || !info.Mode().IsRegular() || info.Size() == 0 || !ownedByUser(info) {
			return
		}
		st, err := readState(path)
		if err != nil || currentErr == nil && current.Lineage == st.Lineage && current.Serial >= st.Serial {
			return
		}
		found = append(found, candidate{path, st})
	}
	consider(filepath.Join(s.opts.Dir, erroredName))
	for _, dir := range s.rescueFolders() {
		for _, name := range filesIn(dir, s.keptPrefix()+"*.tfstate") {
			consider(name)
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(b.state.Serial, a.state.Serial) })
	var paths []string
	for _, c := range found {
		if !slices.Contains(paths, c.path) {
			paths = append(paths, c.path)
		}
	}
	return paths
}

// checkErrored refuses what would build on a state that lacks the last apply.
func (s *Stack) checkErrored() error {
	path, ok := s.Errored()
	if !ok {
		return nil
	}
	return fmt.Errorf("%w: it is in %s, and planning without it would create everything in it a second time. "+
		"`workshop destroy` puts it back first, or run `terraform state push %s` in %s",
		ErrErroredState, clean.Line(path), clean.Line(path), clean.Line(s.opts.Dir))
}

// PushErrored makes the state that Terraform could not save the current one again
// (`terraform state push`), and renames its file so that it is not offered again.
// A current state that is damaged is set aside first. It runs init where that is
// needed, does nothing where Errored reports nothing, and fails where the current
// state is of another lineage or newer.
func (s *Stack) PushErrored(ctx context.Context, emit func(Event)) error {
	o, ctx, end, err := s.begin(ctx, OpPush, emit)
	if err != nil {
		return err
	}
	defer end()
	files := s.errored()
	if len(files) == 0 {
		return nil
	}
	if _, err := s.setAside(); err != nil {
		return err
	}
	if err := s.init(ctx, o, false); err != nil {
		return err
	}
	if err := s.stream(ctx, o, []string{"state", "push", files[0]}, func(message) {}); err != nil {
		return fmt.Errorf("push %s: %w", clean.Line(files[0]), err)
	}
	s.refreshAfter(ctx, o)
	for _, name := range files {
		if err := os.Rename(name, aside(name, "pushed")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the state is saved again, but its copy could not be renamed: %w", err)
		}
	}
	send(emit, Event{Type: EventLog, Op: OpPush, Message: "Terraform's state is complete again."})
	return nil
}

// aside is a name for a state file that is kept but not used any more. It does
// not begin or end as those that are looked for.
func aside(path, why string) string {
	dir, name := filepath.Split(path)
	return filepath.Join(dir, strings.TrimSuffix(name, ".tfstate")+".tfstate."+why+"-"+time.Now().UTC().Format("20060102-150405.000"))
}

// SetStateAside renames a state that cannot be read (ErrStateDamaged,
// ErrStateNewer) to terraform.tfstate.damaged-TIME and returns its new path, so
// that a plan begins with an empty state. What the state listed then exists
// unknown to Terraform: find and delete it by its tags. Where the state can be
// read nothing is done and path is empty. Of a state that is kept elsewhere only the
// local copy is removed, and path is empty.
func (s *Stack) SetStateAside() (path string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil {
		return "", fmt.Errorf("%w: %s", ErrBusy, s.current.op)
	}
	return s.setAside()
}

func (s *Stack) setAside() (string, error) {
	_, err := s.state()
	if !errors.Is(err, ErrStateDamaged) && !errors.Is(err, ErrStateNewer) {
		return "", nil
	}
	if s.Remote() {
		return "", s.ForgetRemote()
	}
	to := aside(s.statePath(), "damaged")
	if err := os.Rename(s.statePath(), to); err != nil {
		return "", fmt.Errorf("set the damaged state aside: %w", err)
	}
	s.protect()
	return to, nil
}

// Backup is Terraform's copy of the state before its last change.
type Backup struct {
	Path      string
	Modified  time.Time
	Resources int // instances that it lists
}

// Backup returns Terraform's backup of the state. It is false where there is none
// that can be read. Compare Modified with the state's own time before using it: a
// backup is usually one apply older.
func (s *Stack) Backup() (Backup, bool) {
	path := s.statePath() + ".backup"
	info, err := os.Stat(path)
	if err != nil || info.Size() == 0 {
		return Backup{}, false
	}
	st, err := readState(path)
	if err != nil {
		return Backup{}, false
	}
	return Backup{Path: path, Modified: info.ModTime(), Resources: st.instances()}, true
}
