package jsonl

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
)

// Log is a file with one writer. It grows by whole writes: nothing of one that
// failed is read again. It is not safe for concurrent use.
type Log struct {
	format  *Format
	file    File
	size    int64
	version int  // of lines that are appended without a header
	torn    bool // there may be the beginning of a failed write behind size
}

// Load reads a file from its beginning and returns the Log that continues it.
// A torn last line is cut off by the first write. Load ends with the first
// error of handle, which may be nil. The Log closes the file; where Load fails
// the caller does.
func (f *Format) Load(file File, handle func(Line) error) (*Log, error) {
	r := f.NewReader(file, Position{})
	for l, err := range r.All() {
		if err != nil {
			return nil, err
		}
		if handle == nil {
			continue
		}
		if err := handle(l); err != nil {
			return nil, err
		}
	}
	pos := r.Position()
	return &Log{format: f, file: file, size: pos.Offset, version: pos.Version, torn: true}, nil
}

// Append writes lines, each of which ends with a newline, as a whole or not at
// all. It returns where in the file they begin.
func (l *Log) Append(lines []byte) (at int64, err error) {
	for rest := lines; len(rest) > 0; {
		n := bytes.IndexByte(rest, '\n') + 1
		if n == 0 {
			return 0, errors.New("append to a journal: the last line has no end")
		}
		if n > l.format.MaxLine {
			return 0, fmt.Errorf("append to a journal: %w: %d bytes", ErrTooLong, n)
		}
		rest = rest[n:]
	}
	var head []byte
	if l.version != l.format.Version() || l.size == 0 {
		head = l.format.header()
	}
	at = l.size + int64(len(head))
	if err := l.write(append(head, lines...)); err != nil {
		return 0, err
	}
	l.version = l.format.Version()
	return at, nil
}

func (l *Log) write(b []byte) error {
	if l.torn {
		if err := l.file.Truncate(l.size); err != nil {
			return err
		}
		l.torn = false
	}
	if _, err := l.file.WriteAt(b, l.size); err != nil {
		l.torn = l.file.Truncate(l.size) != nil
		return err
	}
	l.size += int64(len(b))
	return nil
}

// Probe finds out whether n bytes could be appended. It leaves the file as it is.
func (l *Log) Probe(n int) error {
	size := l.size
	err := l.write(append(bytes.Repeat([]byte{' '}, n), '\n'))
	if err == nil {
		l.size = size
		l.torn = l.file.Truncate(size) != nil
	}
	return err
}

// Size returns the length of the file's whole lines, in bytes.
func (l *Log) Size() int64 { return l.size }

// ReadAt reads from the file.
func (l *Log) ReadAt(b []byte, off int64) (int, error) { return l.file.ReadAt(b, off) }

// Sync waits until the file is on the disk.
func (l *Log) Sync() error { return l.file.Sync() }

// Close closes the file.
func (l *Log) Close() error { return l.file.Close() }

// Compact replaces the file at path by what write writes, in the current
// version. Where that fails the old file stays in use and the new one is
// removed. Until Compact returns, ReadAt reads the old file.
func (l *Log) Compact(fs FS, path string, write func(*Writer) error) error {
	temp := path + ".new"
	file, err := fs.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	w := &Writer{out: bufio.NewWriterSize(file, 128<<10), max: l.format.MaxLine}
	_, err = w.Append(l.format.header())
	if err == nil {
		err = write(w)
	}
	if err == nil {
		err = w.out.Flush()
	}
	if err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = fs.Rename(temp, path)
	}
	if err != nil {
		_ = file.Close() // it is removed
		_ = fs.Remove(temp)
		return err
	}
	_ = l.file.Close() // nothing in it is needed any more
	*l = Log{format: l.format, file: file, size: w.size, version: l.format.Version()}
	return nil
}

// Writer writes the lines of a file that replaces another.
type Writer struct {
	out  *bufio.Writer
	size int64
	max  int
}

// Append writes one line, which ends with a newline, and returns where in the
// file it begins.
func (w *Writer) Append(line []byte) (at int64, err error) {
	if len(line) > w.max {
		return 0, fmt.Errorf("%w: %d bytes", ErrTooLong, len(line))
	}
	at = w.size
	n, err := w.out.Write(line)
	w.size += int64(n)
	return at, err
}

// Size returns the number of bytes that were written.
func (w *Writer) Size() int64 { return w.size }
