// Package disk describes writes that failed, such as on a full disk: what
// happened, since when, and what the learner can do. A failed write does not end
// the writing: the next one is tried as if nothing had happened.
package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"
)

// Error is a write that failed. Its message says which file, why, and what to do.
type Error struct {
	Path string
	Err  error
}

// NewError returns the Error for a write to path.
func NewError(path string, err error) *Error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err // its path may be the one of a temporary file
	}
	var l *os.LinkError
	if errors.As(err, &l) {
		err = l.Err
	}
	return &Error{path, err}
}

func (e *Error) Error() string {
	remedy := "Check that disk"
	switch {
	case errors.Is(e.Err, syscall.ENOSPC), errors.Is(e.Err, syscall.EDQUOT):
		remedy = "Free some space there"
	case errors.Is(e.Err, syscall.EROFS):
		remedy = "Make that disk writable again"
	case errors.Is(e.Err, fs.ErrPermission):
		remedy = "Make that file writable again"
	}
	return fmt.Sprintf("The sandbox cannot write %s: %v. %s; the sandbox continues by itself.", e.Path, e.Err, remedy)
}

func (e *Error) Unwrap() error { return e.Err }

// Health says whether the last write failed. The zero Health is well; it is safe
// for concurrent use.
type Health struct {
	mu    sync.Mutex
	err   error
	since time.Time
}

// Set notes how a write ended.
func (h *Health) Set(err error, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil && h.err == nil {
		h.since = now
	}
	h.err = err
}

// Impaired returns why the last write failed and since when writes have failed; ok
// is false if it did not fail.
func (h *Health) Impaired() (reason string, since time.Time, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err == nil {
		return "", time.Time{}, false
	}
	return h.err.Error(), h.since, true
}
