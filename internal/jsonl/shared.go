package jsonl

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// Shared appends to a file to which other processes append as well. The zero
// Shared is ready; it is safe for concurrent use.
type Shared struct {
	mu   sync.Mutex
	file os.FileInfo // that was read, nil before
	pos  Position    // up to which it was read for headers
}

// Append writes line, which ends with a newline, and waits until it is on the
// disk. Where another process left a torn line, a newline goes before it. The
// function open opens or creates the file, which is always the same; flag is
// os.OpenFile's.
func (s *Shared) Append(format *Format, open func(flag int) (*os.File, error), line []byte) (err error) {
	if len(line) > format.MaxLine {
		return fmt.Errorf("%w: %d bytes", ErrTooLong, len(line))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := open(os.O_RDWR | os.O_APPEND | os.O_CREATE)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	torn, err := s.read(format, f)
	if err != nil {
		return err
	}
	var b []byte
	if torn {
		b = append(b, '\n')
	}
	if torn || s.pos.Version != format.Version() || s.pos.Offset == 0 { // the torn line may be a header
		b = append(b, format.header()...)
	}
	if _, err := f.Write(append(b, line...)); err != nil {
		return err
	}
	return f.Sync()
}

// read reads the headers that were appended since the last call, and reports
// whether the file ends with a torn line.
func (s *Shared) read(format *Format, f *os.File) (torn bool, err error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	if s.file == nil || !os.SameFile(s.file, info) || info.Size() < s.pos.Offset {
		s.pos = Position{}
	}
	s.file = info
	if _, err := f.Seek(s.pos.Offset, io.SeekStart); err != nil {
		return false, err
	}
	r := format.NewReader(f, s.pos)
	for _, err := range r.All() {
		if err != nil {
			return false, err
		}
	}
	s.pos = r.Position()
	if _, _, err := format.parseHeader(r.part); err != nil {
		return false, err
	}
	return r.size > 0, nil
}
