// Package workspace is the learner's folder on disk: the configuration as they
// edit it, Terraform's state beside it, their progress, a journal of what
// happened, and the lock that keeps two processes from changing it at once.
package workspace

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/adrg/xdg"

	"workshop/internal/jsonl"
)

const (
	appName = "fargate-workshop"

	terraformFolder = "terraform"
	backupFolder    = "backup"
	idFile          = "id"
	manifestFile    = "manifest.json"

	dirMode  = 0o700
	fileMode = 0o600
)

// DefaultDir is the folder of the workspace for a kind of target, such as
// "sandbox": a folder of that name under the XDG state directory. It does not
// make it.
func DefaultDir(kind string) (string, error) {
	if !ValidName(kind) {
		return "", fmt.Errorf("workspace for target %q: not a name for a folder", kind)
	}
	if xdg.StateHome == "" {
		return "", errors.New("no folder for the workspace is known: set HOME, or name one with --workspace DIR")
	}
	return filepath.Join(xdg.StateHome, appName, kind), nil
}

// Workspace is an open workspace. Its methods are safe for concurrent use; what
// changes the configuration or the state is for the process that holds the Lock.
type Workspace struct {
	// Upgraded are the names of files that Open replaced by a newer bundled
	// version, because the learner had not changed them.
	Upgraded []string

	dir      string
	id       string
	bundled  fs.FS
	journal  jsonl.Shared
	once     sync.Mutex // held while AppendUnless asks and writes
	progress sync.Mutex // held while the progress is read, changed and saved

	noting sync.Mutex // guards notes
	notes  []string
}

// Open makes the workspace in dir, or brings an existing one up to date: bundled
// .tf files that were never there are written, those that the learner never
// changed follow the bundle, and changed or removed ones are left alone (Reset
// brings them back). A folder without any .tf file gets them all again. While
// another process holds the lock, files are left as they are.
//
// A folder that cannot be written gives a *WriteError.
func Open(dir string, bundled fs.FS) (*Workspace, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("workspace %s: %w", dir, err)
	}
	w := &Workspace{dir: dir, bundled: bundled}
	if err := os.MkdirAll(w.TerraformDir(), dirMode); err != nil {
		return nil, w.writeError(err)
	}
	files, err := readBundle(bundled)
	if err != nil {
		return nil, err
	}
	w.noteMode()
	w.id, err = w.readID()
	fresh := errors.Is(err, fs.ErrNotExist)
	if err != nil && !fresh {
		return nil, err
	}
	changes, err := w.pending(files)
	if err != nil {
		return nil, err
	}
	if !fresh && changes.empty() {
		return w, w.checkProgress()
	}

	var wait time.Duration
	if fresh {
		wait = initialWait // somebody else is making it, and without an id nothing works
	}
	lock, err := w.lock(wait)
	var held *LockedError
	if errors.As(err, &held) && !fresh {
		return w, w.checkProgress()
	}
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	if err := w.makeID(); err != nil {
		return nil, err
	}
	// Another process may have done the work while this one waited.
	if changes, err = w.pending(files); err != nil {
		return nil, err
	}
	if err := w.carryOut(changes); err != nil {
		return nil, err
	}
	return w, w.checkProgress()
}

// Dir is the workspace's folder, an absolute path.
func (w *Workspace) Dir() string { return w.dir }

// TerraformDir is the folder of the .tf files, where Terraform runs and keeps
// its state.
func (w *Workspace) TerraformDir() string { return w.path(terraformFolder) }

// ID tells this workspace from all others: eight lowercase letters and digits,
// made once. It is fit for the names and tags of AWS resources.
func (w *Workspace) ID() string { return w.id }

func (w *Workspace) path(name string) string { return filepath.Join(w.dir, name) }

// manifest has the SHA-256 of each file as this program last wrote it.
type manifest map[string]string

// change is what carryOut writes: files to write, files to remove and the
// manifest that is true afterwards.
type change struct {
	write    map[string][]byte
	remove   []string
	upgraded []string
	manifest manifest
	dirty    bool // the manifest on disk differs
}

func (c *change) empty() bool { return len(c.write) == 0 && len(c.remove) == 0 && !c.dirty }

// pending compares the bundle, the disk and the manifest.
func (w *Workspace) pending(bundle map[string][]byte) (*change, error) {
	old := w.readManifest()
	c := &change{write: map[string][]byte{}, manifest: manifest{}}
	mine, err := w.configuration()
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(mine, func(name string) bool { return filepath.Ext(name) == ".tf" }) {
		old = manifest{}
	}
	for name, want := range bundle {
		wrote, known := old[name]
		got, err := w.readSource(name)
		switch {
		case errors.Is(err, fs.ErrNotExist) && known:
			c.manifest[name] = wrote // removed by the learner
		case errors.Is(err, fs.ErrNotExist):
			c.write[name] = want
			c.manifest[name] = sum(want)
		case err != nil:
			return nil, fmt.Errorf("read the configuration: %w", err)
		case bytes.Equal(got, want):
			c.manifest[name] = sum(want)
		case known && sum(got) == wrote:
			c.write[name] = want
			c.upgraded = append(c.upgraded, name)
			c.manifest[name] = sum(want)
		case known:
			c.manifest[name] = wrote // changed by the learner
		}
	}
	for name, wrote := range old {
		if _, bundled := bundle[name]; bundled {
			continue
		}
		got, err := w.readSource(name)
		if err == nil && sum(got) == wrote {
			c.remove = append(c.remove, name)
			c.upgraded = append(c.upgraded, name)
		}
	}
	slices.Sort(c.upgraded)
	c.dirty = !maps.Equal(old, c.manifest)
	return c, nil
}

func (w *Workspace) carryOut(c *change) error {
	for name, data := range c.write {
		if err := w.writeSource(name, data); err != nil {
			return err
		}
	}
	for _, name := range c.remove {
		if err := w.removeSource(name); err != nil {
			return err
		}
	}
	w.Upgraded = c.upgraded
	data, err := json.MarshalIndent(c.manifest, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the manifest: %w", err)
	}
	return w.writeFile(manifestFile, append(data, '\n'))
}

// Changed lists the learner's own configuration: files that differ from the
// bundle, are missing from the folder or are not in the bundle.
func (w *Workspace) Changed() ([]string, error) {
	files, err := readBundle(w.bundled)
	if err != nil {
		return nil, err
	}
	names, err := w.configuration()
	if err != nil {
		return nil, err
	}
	var changed []string
	for _, name := range names {
		got, err := w.readSource(name)
		if err != nil {
			return nil, fmt.Errorf("read the configuration: %w", err)
		}
		if want, ok := files[name]; !ok || !bytes.Equal(got, want) {
			changed = append(changed, name)
		}
		delete(files, name)
	}
	for name := range files {
		changed = append(changed, name)
	}
	slices.Sort(changed)
	return changed, nil
}

// Reset restores the bundled configuration. What the learner changed or added
// (.tf and .tfvars files) moves to backupDir, a folder named after the time;
// changed has its names, those of restored files that were gone included. Where
// nothing was changed both are empty. State, progress and journal stay. Nothing
// is restored before everything is kept. The caller holds the Lock.
func (w *Workspace) Reset() (backupDir string, changed []string, err error) {
	changed, err = w.Changed()
	if err != nil || len(changed) == 0 {
		return "", nil, err
	}
	files, err := readBundle(w.bundled)
	if err != nil {
		return "", nil, err
	}
	c := &change{write: files, manifest: manifest{}}
	for name, data := range files {
		c.manifest[name] = sum(data)
	}
	dir := newBackup()
	for _, name := range changed {
		if _, bundled := files[name]; !bundled {
			c.remove = append(c.remove, name)
		}
		data, err := w.readSource(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", nil, fmt.Errorf("read the configuration: %w", err)
		}
		if err := w.writeFile(filepath.Join(dir, name), data); err != nil {
			_ = within(w.dir, func(root *os.Root) error { return root.RemoveAll(dir) }) // half a copy helps nobody
			return "", nil, err
		}
	}
	if err := os.MkdirAll(w.path(dir), dirMode); err != nil { // where files were only missing
		return "", nil, w.writeError(err)
	}
	return w.path(dir), changed, w.carryOut(c)
}

// newBackup names a folder in the workspace for copies made now.
func newBackup() string {
	return filepath.Join(backupFolder, time.Now().Format("2006-01-02T15.04.05.000"))
}

// configuration lists the files in the terraform folder that Terraform reads as
// configuration or values, apart from BackendFile.
func (w *Workspace) configuration() ([]string, error) {
	entries, err := os.ReadDir(w.TerraformDir())
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	var names []string
	for _, e := range entries {
		name := e.Name()
		for _, suffix := range []string{".tf", ".tf.json", ".tofu", ".tofu.json", ".tfvars", ".tfvars.json"} {
			if !e.IsDir() && name != BackendFile && !strings.HasPrefix(name, ".") && strings.HasSuffix(name, suffix) {
				names = append(names, name)
				break
			}
		}
	}
	return names, nil
}

// readManifest is empty where there is none or it is damaged: then every file
// that differs from the bundle counts as the learner's. What cannot be an entry
// of ours is left out: its name decides which file is removed.
func (w *Workspace) readManifest() manifest {
	data, err := w.readFile(manifestFile)
	if err != nil {
		return manifest{}
	}
	return parseManifest(data)
}

var validSum = regexp.MustCompile(`^[0-9a-f]{64}$`)

func parseManifest(data []byte) manifest {
	m := manifest{}
	if json.Unmarshal(data, &m) != nil || m == nil {
		return manifest{}
	}
	maps.DeleteFunc(m, func(name, sum string) bool {
		return !ValidName(name) || filepath.Ext(name) != ".tf" || !validSum.MatchString(sum)
	})
	return m
}

func readBundle(bundled fs.FS) (map[string][]byte, error) {
	names, err := fs.Glob(bundled, "*.tf")
	if err != nil {
		return nil, fmt.Errorf("list the bundled configuration: %w", err)
	}
	if len(names) == 0 {
		return nil, errors.New("the bundled configuration has no .tf files")
	}
	files := make(map[string][]byte, len(names))
	for _, name := range names {
		data, err := fs.ReadFile(bundled, name)
		if err != nil {
			return nil, fmt.Errorf("read the bundled configuration: %w", err)
		}
		files[name] = data
	}
	return files, nil
}

var validID = regexp.MustCompile(`^[a-z0-9]{1,12}$`)

func (w *Workspace) readID() (string, error) {
	data, err := w.readFile(idFile)
	if err != nil {
		return "", fmt.Errorf("read the workspace's id: %w", err)
	}
	id := strings.TrimSpace(string(data))
	if !validID.MatchString(id) {
		return "", fmt.Errorf("%s does not hold the workspace's id (1 to 12 lowercase letters or digits). "+
			"Write the id there that your AWS resources wear in their Workspace tag; with nothing deployed, delete the file", w.path(idFile))
	}
	return id, nil
}

// makeID is called under the lock.
func (w *Workspace) makeID() error {
	var err error
	if w.id, err = w.readID(); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// Eight of rand.Text's base32 letters are 40 bits: enough for the workspaces
	// of one account, short enough for a load balancer's 32 characters.
	w.id = strings.ToLower(rand.Text()[:8])
	return w.writeFile(idFile, []byte(w.id+"\n"))
}

// WriteError says that the workspace's folder cannot be written.
type WriteError struct {
	Dir string
	Err error
}

func (w *Workspace) writeError(err error) error { return &WriteError{Dir: w.dir, Err: err} }

// Error says what is wrong and what to do next.
func (e *WriteError) Error() string {
	what, next := "cannot be written", "Choose another folder with --workspace DIR."
	switch {
	case errors.Is(e.Err, syscall.ENOSPC), errors.Is(e.Err, syscall.EDQUOT):
		what, next = "is on a full disk", "Free some space, or choose another folder with --workspace DIR."
	case errors.Is(e.Err, syscall.EROFS):
		what = "is on a read-only disk"
	case errors.Is(e.Err, fs.ErrPermission):
		what, next = "is not yours to write", "Choose another folder with --workspace DIR, or change its owner or permissions."
	case errors.Is(e.Err, syscall.ENOTDIR):
		what = "is not a folder"
	}
	return fmt.Sprintf("the workspace %s %s (%v). %s", e.Dir, what, e.Err, next)
}

// Unwrap gives the system's error.
func (e *WriteError) Unwrap() error { return e.Err }

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}
