// Package jsonl reads and writes append-only files of JSON lines: one record a
// line, a version of the format in the first one, and a last line that a crash
// or a full disk may have cut off.
//
// A header line says which version of the format the lines after it have. A
// file of this package begins with one; lines before the first header are of
// version 0. Readers turn lines of older versions into the current one, so that
// a record whose fields were renamed is never read as zeros, and refuse newer
// versions. Writers put a header before the first line that they append to an
// older file, and never write after a newer header.
//
// A Log has one writer and can be compacted; a Shared is appended to by several
// processes. Only what ends with a newline was written: readers never return a
// torn last line.
package jsonl

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
)

// FS opens, replaces and removes files. It is an interface so that tests can
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

// OpenFile opens a file with mode 0600.
func (OS) OpenFile(name string, flag int) (File, error) {
	f, err := os.OpenFile(name, flag, 0o600)
	if err != nil {
		return nil, err // a nil File, not an interface around a nil pointer
	}
	return f, nil
}

// Rename is os.Rename.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove is os.Remove.
func (OS) Remove(name string) error { return os.Remove(name) }

// Format is what the lines of one kind of file mean.
type Format struct {
	// Name is written into the header.
	Name string
	// MaxLine bounds a line, in bytes with its newline. Longer ones are not written
	// and are read as a Line with Err set.
	MaxLine int
	// Upgrades turns lines into newer versions: Upgrades[i] takes a line of version
	// i, without its newline, and returns it as version i+1. A nil function leaves
	// lines as they are. The current version is the number of upgrades.
	Upgrades []func(line []byte) ([]byte, error)
}

// Version returns the current version of the format.
func (f *Format) Version() int { return len(f.Upgrades) }

// ErrTooLong is the error of a line that is longer than its format allows.
var ErrTooLong = errors.New("the line is too long")

// ErrForeign is the error of a file whose header names another format.
var ErrForeign = errors.New("the file is of another kind")

// VersionError is a file that a newer program wrote. It is left as it is.
type VersionError struct {
	Version int // in the file
	Known   int // newest that this program reads
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("it has version %d of its format and this program knows version %d: use a newer workshop", e.Version, e.Known)
}

// Refused reports whether err says that this program must not read a file, or
// append to it: ErrForeign or a *VersionError.
func Refused(err error) bool {
	var version *VersionError
	return errors.As(err, &version) || errors.Is(err, ErrForeign)
}

// headerPrefix begins every header line, and no record of any format.
const headerPrefix = `{"format":`

type header struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
}

func (f *Format) header() []byte {
	line, _ := json.Marshal(header{f.Name, f.Version()}) // a string and a number can always be marshalled
	return append(line, '\n')
}

// parseHeader reports whether line is a header, and which version follows it.
func (f *Format) parseHeader(line []byte) (version int, ok bool, err error) {
	if !bytes.HasPrefix(line, []byte(headerPrefix)) {
		return 0, false, nil
	}
	var h header
	if json.Unmarshal(line, &h) != nil {
		return 0, false, nil // a damaged line like any other
	}
	switch {
	case h.Format != f.Name:
		return 0, true, fmt.Errorf("%w: it holds %q instead of %q", ErrForeign, h.Format, f.Name)
	case h.Version < 0 || h.Version > f.Version():
		return 0, true, &VersionError{h.Version, f.Version()}
	}
	return h.Version, true, nil
}

// upgrade returns a line of an older version as one of the current version;
// changed reports whether an upgrade had something to do.
func (f *Format) upgrade(line []byte, version int) (upgraded []byte, changed bool, err error) {
	for v := version; v < len(f.Upgrades); v++ {
		if f.Upgrades[v] == nil {
			continue
		}
		if line, err = f.Upgrades[v](line); err != nil {
			return nil, true, fmt.Errorf("upgrade from version %d: %w", v, err)
		}
		changed = true
	}
	return line, changed, nil
}

// Line is one record of a file.
type Line struct {
	Text     []byte // in the current version, without the newline; valid until the next call
	At       int64  // where the line begins in the file, in bytes
	Number   int    // of the line in the file, from 1, headers included
	Upgraded bool   // Text differs from what the file has
	Err      error  // why there is no Text: ErrTooLong, or the line could not be upgraded
}

// Position is a place between two lines of a file. The zero Position is the
// beginning.
type Position struct {
	Offset  int64 // in bytes
	Lines   int   // before it
	Version int   // of the lines after it
}

// Reader reads whole lines. It is not safe for concurrent use.
type Reader struct {
	format  *Format
	in      *bufio.Reader
	pos     Position
	part    []byte // of a line whose end was not read yet
	size    int64  // of that line so far
	refused error  // what ended the reading
}

// NewReader reads from in, which continues a file at pos.
func (f *Format) NewReader(in io.Reader, pos Position) *Reader {
	return &Reader{format: f, in: bufio.NewReaderSize(in, 64<<10), pos: pos}
}

// Position returns the place after the last whole line that was read.
func (r *Reader) Position() Position { return r.pos }

// Next returns the next record. It returns io.EOF when there is no whole line;
// when the file has grown it can be called again. A *VersionError and
// ErrForeign are final.
func (r *Reader) Next() (Line, error) {
	for r.refused == nil {
		chunk, err := r.in.ReadSlice('\n')
		r.size += int64(len(chunk))
		if r.size <= int64(r.format.MaxLine) {
			r.part = append(r.part, chunk...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return Line{}, err
		}
		l := Line{At: r.pos.Offset, Number: r.pos.Lines + 1}
		text, tooLong := r.part, r.size > int64(r.format.MaxLine)
		next := Position{r.pos.Offset + r.size, l.Number, r.pos.Version}
		r.part, r.size = r.part[:0], 0
		if tooLong {
			l.Err = ErrTooLong
			r.pos = next
			return l, nil
		}
		text = text[:len(text)-1]
		version, isHeader, err := r.format.parseHeader(text)
		if err != nil {
			r.refused = err
			break
		}
		r.pos = next
		if isHeader {
			r.pos.Version = version
			continue
		}
		l.Text, l.Upgraded, l.Err = r.format.upgrade(text, r.pos.Version)
		return l, nil
	}
	return Line{}, r.refused
}

// All yields the records that are left, and last of all an error of reading.
func (r *Reader) All() iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		for {
			l, err := r.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(l, err) || err != nil {
				return
			}
		}
	}
}
