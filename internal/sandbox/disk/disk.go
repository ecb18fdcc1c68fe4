// Package disk has the files that the sandbox writes while it runs. A failed
// write damages nothing, says what to do, and does not end the writing: the next
// one is tried as if nothing had happened.
package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"
)

// FS creates, replaces and removes files. It is an interface so that tests can
// have writes fail.
type FS interface {
	// OpenFile opens a file that its owner alone can read; flag is os.OpenFile's.
	OpenFile(name string, flag int) (File, error)
	Rename(from, to string) error
	Remove(name string) error
}

// File is an open file.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.ReadWriteCloser
	Truncate(size int64) error
	Sync() error
}

// OS is the machine's FS.
type OS struct{}

func (OS) OpenFile(name string, flag int) (File, error) {
	f, err := os.OpenFile(name, flag, 0o600)
	if err != nil {
		return nil, err // not a File that is not nil and holds nothing
	}
	return f, nil
}
func (OS) Rename(from, to string) error { return os.Rename(from, to) }
func (OS) Remove(name string) error     { return os.Remove(name) }

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

// Appender is a file that grows by whole writes: nothing of one that failed is
// read again. It is not safe for concurrent use.
type Appender struct {
	file File
	size int64
	torn bool // there may be the beginning of a failed write behind size
}

// NewAppender appends to a file whose content ends at size; what is behind is cut
// off. The Appender closes the file.
func NewAppender(f File, size int64) *Appender { return &Appender{f, size, true} }

// Append writes all of b, or nothing.
func (a *Appender) Append(b []byte) error {
	if a.torn {
		if err := a.file.Truncate(a.size); err != nil {
			return err
		}
		a.torn = false
	}
	if _, err := a.file.WriteAt(b, a.size); err != nil {
		a.torn = a.file.Truncate(a.size) != nil
		return err
	}
	a.size += int64(len(b))
	return nil
}

// Probe finds out whether n bytes could be appended. It leaves the file as it is.
func (a *Appender) Probe(n int) error {
	was := a.size
	err := a.Append(append(bytes.Repeat([]byte{' '}, n), '\n'))
	if err == nil {
		a.size = was
		a.torn = a.file.Truncate(was) != nil
	}
	return err
}

// Size returns the length of what was appended, in bytes.
func (a *Appender) Size() int64 { return a.size }

// ReadAt reads what was appended.
func (a *Appender) ReadAt(b []byte, off int64) (int, error) { return a.file.ReadAt(b, off) }

// Close closes the file.
func (a *Appender) Close() error { return a.file.Close() }

// Sync waits until the file is on the disk.
func (a *Appender) Sync() error { return a.file.Sync() }

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

// Sick returns why the last write failed and since when writes have failed; ok
// is false if it did not fail.
func (h *Health) Sick() (reason string, since time.Time, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err == nil {
		return "", time.Time{}, false
	}
	return h.err.Error(), h.since, true
}
