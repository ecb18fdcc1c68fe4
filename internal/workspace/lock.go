package workspace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/gofrs/flock"

	"workshop/internal/clean"
)

const (
	lockFile   = "lock"
	holderFile = "lock.json"

	// initialWait is how long to wait for another process that makes the same
	// workspace, or writes to it; both take milliseconds.
	initialWait = 5 * time.Second
	lockRetry   = 50 * time.Millisecond
	// lookTime is how long somebody may have the lock without saying who: they have just
	// taken it, or only look whether it is free.
	lookTime = 200 * time.Millisecond
)

// Lock is held by the one process that may change the workspace. The system
// lets go of it when the process dies.
type Lock struct {
	file   *flock.Flock
	holder string
}

// holder is what the lock's holder says of itself, in a file of its own because
// Windows lets nobody read a locked one.
type holder struct {
	PID     int       `json:"pid"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

// LockedError says that another process holds the workspace's lock. PID is 0
// where the holder has not said yet who it is.
type LockedError struct {
	Dir     string
	PID     int
	Command string
	Since   time.Time
}

// Error says who holds the lock.
func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("another workshop process works in %s", e.Dir)
	}
	return fmt.Sprintf("%q (process %d) works in %s since %s", e.Command, e.PID, e.Dir, e.Since.Local().Format("15:04:05"))
}

// Lock takes the workspace's lock without waiting. If another process (or
// another Lock of this one) has it, the error is a *LockedError: reading is
// still possible then.
func (w *Workspace) Lock() (*Lock, error) { return w.lock(0) }

// Locked reports whether a process holds the workspace's lock, this one included. Those who
// ask do not see one another.
func (w *Workspace) Locked() (bool, error) {
	file := flock.New(w.path(lockFile), flock.SetPermissions(fileMode))
	free, err := file.TryRLock()
	if err != nil {
		return false, w.writeError(fmt.Errorf("look at the lock: %w", err))
	}
	return !free, file.Close()
}

// LockWithin takes the workspace's lock as Lock does, and waits for it for as
// long as wait.
func (w *Workspace) LockWithin(wait time.Duration) (*Lock, error) { return w.lock(wait) }

func (w *Workspace) lock(wait time.Duration) (*Lock, error) {
	file := flock.New(w.path(lockFile), flock.SetPermissions(fileMode))
	got, err := file.TryLock()
	if _, held := os.Stat(w.path(holderFile)); !got && errors.Is(held, fs.ErrNotExist) {
		wait = max(wait, lookTime)
	}
	if err == nil && !got && wait > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		defer cancel()
		got, err = file.TryLockContext(ctx, lockRetry)
		if errors.Is(err, context.DeadlineExceeded) {
			err = nil
		}
	}
	if err != nil {
		return nil, w.writeError(fmt.Errorf("lock: %w", err))
	}
	if !got {
		h := holder{}
		if data, err := w.readFile(holderFile); err == nil {
			h = parseHolder(data) // who it is, is a courtesy
		}
		return nil, &LockedError{Dir: w.dir, PID: h.PID, Command: h.Command, Since: h.Since}
	}
	l := &Lock{file: file, holder: w.path(holderFile)}
	data, err := json.Marshal(holder{PID: os.Getpid(), Command: command(), Since: time.Now().UTC()})
	if err == nil {
		err = w.writeFile(holderFile, data)
	}
	if err != nil {
		return nil, errors.Join(err, l.Unlock())
	}
	return l, nil
}

// Unlock gives the lock back; further calls do nothing.
func (l *Lock) Unlock() error {
	if !l.file.Locked() {
		return nil
	}
	err := os.Remove(l.holder)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // the disk was full when the lock was taken
	}
	return errors.Join(err, l.file.Unlock())
}

// maxCommand bounds the holder's command as it is said, in runes.
const maxCommand = 200

// parseHolder is empty where data does not name a process.
func parseHolder(data []byte) holder {
	var h holder
	if json.Unmarshal(data, &h) != nil || h.PID <= 0 || h.Since.IsZero() {
		return holder{}
	}
	h.Command = clean.Line(h.Command)
	if r := []rune(h.Command); len(r) > maxCommand {
		h.Command = string(r[:maxCommand]) + "..."
	}
	return h
}

// alone lets do work while nobody else works under that lock, which is held for
// milliseconds: mu keeps out this process, the file others.
func (w *Workspace) alone(mu *sync.Mutex, name string, do func() error) error {
	mu.Lock()
	defer mu.Unlock()
	file := flock.New(w.path(name), flock.SetPermissions(fileMode))
	ctx, cancel := context.WithTimeout(context.Background(), initialWait)
	defer cancel()
	_, err := file.TryLockContext(ctx, lockRetry)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("another workshop process has held %s for %v: end it if it hangs, then try again", w.path(name), initialWait)
	}
	if err != nil {
		return w.writeError(fmt.Errorf("lock: %w", err))
	}
	defer file.Unlock()
	return do()
}

// command is this process as its user typed it, without the program's folder.
func command() string {
	args := append([]string{filepath.Base(os.Args[0])}, os.Args[1:]...)
	return strings.Join(args, " ")
}

// shellWord quotes a path for a POSIX shell where that needs it.
func shellWord(path string) string {
	if !strings.ContainsFunc(path, func(r rune) bool {
		return !strings.ContainsRune("/._-+", r) && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
