// Package store keeps the sandbox's records in memory and, for every change, in
// a journal on disk, so that what was acknowledged outlives the process however
// that ends.
//
// One lock covers the whole sandbox: a caller takes it with Lock, reads and
// changes any tables, and gives it back with Unlock. Records are values that
// nobody changes in place: to change one, copy it, change the copy and Put it.
//
// Between Lock and Unlock is a section. What a section changed is written to the
// journal together, as one line, so that a crash leaves all of it or nothing. A
// section that answers somebody ends with Commit: if its changes cannot be
// written they are undone and the caller is refused. Other sections note what has
// happened anyway, such as a process that ended: they keep their changes in
// memory until the disk takes them.
package store

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"workshop/internal/sandbox/disk"
)

// version is that of the journal's format. Version 1 had no record of it and one
// record a line.
const version = 2

// versionKey is the key of the version's record, which is in no table.
const versionKey = "version"

// Store is a set of tables behind one lock.
type Store struct {
	mu     sync.Mutex
	fs     disk.FS
	path   string
	file   *disk.Appender
	health disk.Health

	loaded map[string][]record
	tables map[string]table
	live   int // records
	lines  int // records in the journal, outdated ones included
	wait   int // lines before which the journal is not compacted again

	dirty  map[place]bool // what the journal does not have yet; true for what was deleted meanwhile
	order  []place        // of dirty
	refuse int            // bytes of the last write that failed

	undo      []func() // of the section that holds the lock
	rolledOut []func() // to call if the section is undone, the last first
	committed []func() // to call when the section is over and was not undone
}

type table interface {
	dump(func(record))
	value(key string) (json.RawMessage, error) // nil for none
}

type place struct{ table, key string }

type record struct {
	Table string          `json:"t"`
	Key   string          `json:"k"`
	Value json.RawMessage `json:"v,omitempty"` // absent in a deletion
}

// DamagedError is a journal that cannot be read. The file is left as it is.
type DamagedError struct {
	Path string
	Line int // 0 if a record is what cannot be read
	Err  error
}

func (e *DamagedError) Error() string {
	at := e.Path
	if e.Line > 0 {
		at = fmt.Sprintf("%s:%d", at, e.Line)
	}
	return fmt.Sprintf("%s: the sandbox's journal cannot be read: %v. To start over with an empty sandbox run `workshop reset --all`, or delete the folder %s", at, e.Err, filepath.Dir(e.Path))
}

func (e *DamagedError) Unwrap() error { return e.Err }

// Open reads the journal at path, or starts one; with an empty path nothing
// is written. A last line that was cut off by a crash is dropped. The file is
// readable by its owner alone. The error is a *DamagedError if a line cannot be
// read, and a *disk.Error if the file cannot be written at all; on a full disk a
// journal that is there is opened.
func Open(path string) (*Store, error) { return OpenFS(disk.OS{}, path) }

// OpenFS is Open on another disk.
func OpenFS(fs disk.FS, path string) (*Store, error) {
	s := &Store{fs: fs, path: path, loaded: map[string][]record{}, tables: map[string]table{}, dirty: map[place]bool{}}
	if path == "" {
		return s, nil
	}
	f, err := fs.OpenFile(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, disk.NewError(path, err)
	}
	size, err := s.read(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	s.file = disk.NewAppender(f, size)
	s.compact(func(yield func(record)) {
		for _, rs := range s.loaded {
			for _, r := range rs {
				yield(r)
			}
		}
	})
	return s, nil
}

// read returns the size of what can be read.
func (s *Store) read(f io.Reader) (size int64, err error) {
	last := map[place]int{}
	var all []record
	in := bufio.NewReaderSize(f, 1<<16)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break // what has no newline was never acknowledged
		}
		if err != nil {
			return 0, fmt.Errorf("reading the sandbox's journal: %w", err)
		}
		size += int64(len(line))
		rs, err := parse(line)
		if err != nil {
			return 0, &DamagedError{s.path, n, err}
		}
		for _, r := range rs {
			s.lines++
			p := place{r.Table, r.Key}
			i, seen := last[p]
			switch {
			case r.Value == nil:
				if seen {
					all[i].Table = ""
					delete(last, p)
				}
			case seen:
				all[i] = r
			default:
				last[p] = len(all)
				all = append(all, r)
			}
		}
	}
	for _, r := range all {
		if r.Table != "" {
			s.loaded[r.Table] = append(s.loaded[r.Table], r)
			s.live++
		}
	}
	return size, nil
}

// parse returns the records of a line: a record, or a list of those that were
// written together.
func parse(line []byte) ([]record, error) {
	line = bytes.TrimSpace(line)
	if len(line) == 0 {
		return nil, nil
	}
	rs := make([]record, 1)
	var err error
	if line[0] == '[' {
		err = json.Unmarshal(line, &rs)
	} else {
		err = json.Unmarshal(line, &rs[0])
	}
	if err != nil {
		return nil, err
	}
	for _, r := range rs {
		var v int
		if r.Table == "" && r.Key == versionKey && (json.Unmarshal(r.Value, &v) != nil || v > version) {
			return nil, fmt.Errorf("it has version %s of its format and this program knows version %d: use a newer workshop", r.Value, version)
		}
	}
	return rs, nil
}

// compact replaces the journal by one that holds only what is live. Where that
// fails the old one stays in use.
func (s *Store) compact(records func(func(record))) {
	const slack = 2000 // lines; a journal is not worth rewriting for less
	s.wait = s.lines + slack
	temp := s.path + ".new"
	f, err := s.fs.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return
	}
	var b bytes.Buffer
	var size int64
	n := 0
	flush := func() {
		if err == nil {
			_, err = f.Write(b.Bytes())
		}
		size += int64(b.Len())
		b.Reset()
	}
	write := func(r record) {
		n++
		appendRecord(&b, r)
		b.WriteByte('\n')
		if b.Len() > 1<<16 {
			flush()
		}
	}
	write(record{Key: versionKey, Value: fmt.Append(nil, version)})
	records(write)
	flush()
	err = errors.Join(err, f.Sync())
	if err == nil {
		err = s.fs.Rename(temp, s.path)
	}
	if err != nil {
		f.Close()
		_ = s.fs.Remove(temp)
		return
	}
	s.file.Close()
	s.file, s.lines = disk.NewAppender(f, size), n
	s.wait = 4*n + slack
}

// appendRecord writes a record by hand around its value, which is JSON already:
// the encoder would go through all of it once more.
func appendRecord(b *bytes.Buffer, r record) {
	quote := func(s string) {
		q, _ := json.Marshal(s) // a string can always be marshalled
		b.Write(q)
	}
	b.WriteString(`{"t":`)
	quote(r.Table)
	b.WriteString(`,"k":`)
	quote(r.Key)
	if r.Value != nil {
		b.WriteString(`,"v":`)
		b.Write(r.Value)
	}
	b.WriteByte('}')
}

// Lock takes the sandbox's lock.
func (s *Store) Lock() { s.mu.Lock() }

// Unlock ends a section and gives the lock back. Changes that were not committed
// are written, or kept in memory until the disk takes them.
func (s *Store) Unlock() {
	if _, _, sick := s.health.Sick(); !sick { // else it is Retry that tries again
		var full *disk.Error
		if err := s.save(); err != nil && !errors.As(err, &full) {
			s.Rollback() // a record that can never be written would keep the others waiting
		}
	}
	s.finish()
	s.mu.Unlock()
}

// Commit writes what was changed since Lock to the journal, for callers that
// must know that it is there before they answer. The lock must be held. If that
// fails the changes are undone; the error is a *disk.Error if the disk is to
// blame. The next Commit tries anew.
func (s *Store) Commit() error {
	if len(s.undo) == 0 {
		return nil // what waits for the disk is not the caller's
	}
	if err := s.save(); err != nil {
		s.Rollback()
		return err
	}
	s.finish()
	return nil
}

// Rollback undoes what was changed since Lock. The lock must be held.
func (s *Store) Rollback() {
	for _, f := range slices.Backward(s.undo) {
		f()
	}
	after := s.rolledOut
	s.undo, s.rolledOut, s.committed = nil, nil, nil
	for _, f := range slices.Backward(after) {
		f()
	}
}

// Keep has what was changed so far outlive a Rollback: it came about by itself, as
// time passed, and not for the section's sake. The lock must be held.
func (s *Store) Keep() {
	clear(s.undo)
	s.undo, s.rolledOut = s.undo[:0], nil
}

// finish calls what waits for the end of the section.
func (s *Store) finish() {
	after := s.committed
	s.Keep()
	s.committed = nil
	for _, f := range after {
		f()
	}
}

// AfterCommit has f called, with the lock held, when the section ends and was
// not undone: for what cannot be undone, such as stopping a process. The lock must
// be held. f must not change tables.
func (s *Store) AfterCommit(f func()) { s.committed = append(s.committed, f) }

// AfterRollback has f called, with the lock held and the tables as they were, if
// the section is undone: for what follows from the tables. The last f is called
// first. The lock must be held.
func (s *Store) AfterRollback(f func()) { s.rolledOut = append(s.rolledOut, f) }

// save writes what the journal lacks.
func (s *Store) save() error {
	if len(s.order) == 0 {
		return nil
	}
	var b bytes.Buffer
	n := 0
	add := func(r record) {
		if n++; n > 1 {
			b.WriteByte(',')
		}
		appendRecord(&b, r)
	}
	b.WriteByte('[')
	for _, p := range s.order {
		v, err := s.tables[p.table].value(p.key)
		if err != nil {
			return fmt.Errorf("saving %s %s: %w", p.table, p.key, err)
		}
		if v == nil || s.dirty[p] {
			add(record{Table: p.table, Key: p.key})
		}
		if v != nil {
			add(record{p.table, p.key, v})
		}
	}
	b.WriteString("]\n")
	if err := s.file.Append(b.Bytes()); err != nil {
		s.refuse = b.Len()
		err := disk.NewError(s.path, err)
		s.health.Set(err, time.Now())
		return err
	}
	s.health.Set(nil, time.Now())
	s.lines += n
	clear(s.dirty)
	s.order = s.order[:0]
	if s.lines > s.wait {
		s.compact(func(yield func(record)) {
			for name, rs := range s.loaded { // tables that nobody opened
				if s.tables[name] == nil {
					for _, r := range rs {
						yield(r)
					}
				}
			}
			for _, t := range s.tables {
				t.dump(yield)
			}
		})
	}
	return nil
}

// Retry tries again to write after a write has failed. It does nothing while all
// is well. The lock must not be held.
func (s *Store) Retry() {
	if _, _, sick := s.health.Sick(); !sick {
		return
	}
	s.Lock()
	defer s.mu.Unlock()
	if len(s.order) > 0 {
		_ = s.save()
	} else if err := s.file.Probe(s.refuse); err == nil {
		s.health.Set(nil, time.Now())
	}
}

// Sick returns why the journal cannot be written and since when; ok is false
// while it can. Safe without the lock.
func (s *Store) Sick() (reason string, since time.Time, ok bool) { return s.health.Sick() }

// Close writes what is left and closes the journal.
func (s *Store) Close() error {
	s.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	err := errors.Join(s.save(), s.file.Sync(), s.file.Close())
	s.file = nil
	return err
}

// Table is one kind of record, by key, in the order in which they were first
// put. All its methods need the store's lock.
type Table[T any] struct {
	store *Store
	name  string
	rows  map[string]T
	keys  []string
}

// NewTable returns the table of that name with what the journal holds of it. A
// name may be opened once; a record that does not fit T is a *DamagedError.
func NewTable[T any](s *Store, name string) (*Table[T], error) {
	t := &Table[T]{store: s, name: name, rows: map[string]T{}}
	for _, r := range s.loaded[name] {
		var v T
		if err := json.Unmarshal(r.Value, &v); err != nil {
			return nil, &DamagedError{Path: s.path, Err: fmt.Errorf("%s %s: %w", name, r.Key, err)}
		}
		t.rows[r.Key] = v
		t.keys = append(t.keys, r.Key)
	}
	s.tables[name] = t
	return t, nil
}

// Get returns the record with that key.
func (t *Table[T]) Get(key string) (T, bool) {
	v, ok := t.rows[key]
	return v, ok
}

// Put makes or replaces a record.
func (t *Table[T]) Put(key string, v T) {
	old, existed := t.rows[key]
	if !existed {
		t.keys = append(t.keys, key)
		t.store.live++
	}
	t.rows[key] = v
	t.store.change(place{t.name, key}, false, func() {
		if existed {
			t.rows[key] = old
			return
		}
		delete(t.rows, key)
		t.keys = t.keys[:len(t.keys)-1]
		t.store.live--
	})
}

// Delete removes a record; one that is not there is no error.
func (t *Table[T]) Delete(key string) {
	old, ok := t.rows[key]
	if !ok {
		return
	}
	i := slices.Index(t.keys, key)
	delete(t.rows, key)
	t.keys = slices.Delete(t.keys, i, i+1)
	t.store.live--
	t.store.change(place{t.name, key}, true, func() {
		t.rows[key] = old
		t.keys = slices.Insert(t.keys, i, key)
		t.store.live++
	})
}

// change notes that a record changed, and how that is undone.
func (s *Store) change(p place, deleted bool, undo func()) {
	if s.file == nil {
		s.undo = append(s.undo, undo)
		return
	}
	was, waits := s.dirty[p]
	s.dirty[p] = was || deleted
	if !waits {
		s.order = append(s.order, p)
	}
	s.undo = append(s.undo, func() {
		undo()
		if waits {
			s.dirty[p] = was
			return
		}
		delete(s.dirty, p)
		s.order = s.order[:len(s.order)-1]
	})
}

// All yields the records in the order in which they were first put. The table
// may be changed while it yields: what is put is not seen, what is deleted is
// left out.
func (t *Table[T]) All() iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		for _, k := range slices.Clone(t.keys) {
			if v, ok := t.rows[k]; ok && !yield(k, v) {
				return
			}
		}
	}
}

// Find returns the records for which keep is true, in the order of All.
func (t *Table[T]) Find(keep func(T) bool) []T {
	var out []T
	for _, k := range t.keys {
		if v := t.rows[k]; keep == nil || keep(v) {
			out = append(out, v)
		}
	}
	return out
}

// Len returns the number of records.
func (t *Table[T]) Len() int { return len(t.rows) }

func (t *Table[T]) dump(yield func(record)) {
	for _, k := range t.keys {
		if raw, err := json.Marshal(t.rows[k]); err == nil {
			yield(record{t.name, k, raw})
		}
	}
}

func (t *Table[T]) value(key string) (json.RawMessage, error) {
	v, ok := t.rows[key]
	if !ok {
		return nil, nil
	}
	return json.Marshal(v)
}
