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
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"workshop/internal/jsonl"
	"workshop/internal/sandbox/disk"
)

// format is the journal's. Version 1 had one record a line; version 2 wrote the
// version as a record of no table; version 3 has the header of package jsonl. A
// line is all that one section changed, with a bound that no section comes near.
var format = &jsonl.Format{Name: "workshop sandbox", MaxLine: 256 << 20, Upgrades: []func([]byte) ([]byte, error){nil, nil, nil}}

// versionKey is the key of the record that versions before 3 had instead of a
// header. It is in no table.
const versionKey = "version"

// Store is a set of tables behind one lock, or the part of one that In returns.
type Store struct {
	*state
	prefix string // of the names of its tables
}

// In returns the part of the store whose tables have names of their own: "a.table"
// is "prefix/a.table" in the journal. All parts share the lock and the journal.
func (s *Store) In(prefix string) *Store { return &Store{s.state, s.prefix + prefix + "/"} }

// state is what all parts of a store share.
type state struct {
	mu     sync.Mutex
	fs     jsonl.FS
	path   string
	file   *jsonl.Log
	health disk.Health
	broken disk.Health // a record that compaction could not write

	verifier *verifier // nil outside tests

	loaded map[string][]record
	tables map[string]table
	live   int // records
	lines  int // records in the journal, outdated ones included
	wait   int // lines before which the journal is not compacted again

	dirty  map[recordKey]bool // what the journal does not have yet; true for what was deleted meanwhile
	order  []recordKey        // of dirty
	refuse int                // bytes of the last write that failed

	undo      []func() // of the section that holds the lock
	rolledOut []func() // to call if the section is undone, the last first
	committed []func() // to call when the section is over and was not undone
}

type table interface {
	dump(func(record) error) error
	value(key string) (json.RawMessage, error) // nil for none
	verify() error
}

type recordKey struct{ table, key string }

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
func Open(path string) (*Store, error) { return OpenFS(jsonl.OS{}, path) }

// OpenFS is Open on another disk.
func OpenFS(fs jsonl.FS, path string) (*Store, error) {
	s := &Store{state: &state{fs: fs, path: path, loaded: map[string][]record{}, tables: map[string]table{}, dirty: map[recordKey]bool{}, verifier: newVerifier()}}
	if path == "" {
		return s, nil
	}
	f, err := fs.OpenFile(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, disk.NewError(path, err)
	}
	if err := s.load(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	s.compact()
	return s, nil
}

// load reads the journal.
func (s *Store) load(f jsonl.File) (err error) {
	last := map[recordKey]int{}
	var all []record
	s.file, err = format.Load(f, func(l jsonl.Line) error {
		var rs []record
		err := l.Err
		if err == nil {
			rs, err = parse(l.Text)
		}
		if err != nil {
			return &DamagedError{s.path, l.Number, err}
		}
		for _, r := range rs {
			s.lines++
			p := recordKey{r.Table, r.Key}
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
		return nil
	})
	var damaged *DamagedError
	switch {
	case errors.As(err, &damaged):
		return err
	case jsonl.Refused(err):
		return &DamagedError{Path: s.path, Err: err}
	case err != nil:
		return fmt.Errorf("reading the sandbox's journal %s: %w", s.path, err)
	}
	for _, r := range all {
		if r.Table != "" {
			s.loaded[r.Table] = append(s.loaded[r.Table], r)
			s.live++
		}
	}
	return nil
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
		if r.Table == "" && r.Key == versionKey && (json.Unmarshal(r.Value, &v) != nil || v > 2) {
			return nil, &jsonl.VersionError{Version: v, Known: format.Version()}
		}
	}
	return rs, nil
}

// compact replaces the journal by one that holds only what is live. Where that
// fails the old one stays in use; a full disk is reported by the next write, a
// record that cannot be written by Impaired.
func (s *Store) compact() {
	const slack = 2000 // lines; a journal is not worth rewriting for less
	s.wait = s.lines + slack
	var b bytes.Buffer
	n := 0
	var broken error
	err := s.file.Compact(s.fs, s.path, func(w *jsonl.Writer) error {
		write := func(r record) error {
			n++
			b.Reset()
			appendRecord(&b, r)
			b.WriteByte('\n')
			_, err := w.Append(b.Bytes())
			return err
		}
		for name, rs := range s.loaded {
			if s.tables[name] != nil {
				continue // its records are in the table
			}
			for _, r := range rs {
				if err := write(r); err != nil {
					return err
				}
			}
		}
		for _, t := range s.tables {
			err := t.dump(write)
			var unwritable *unwritableError
			if errors.As(err, &unwritable) {
				broken = fmt.Errorf("the sandbox cannot compact its journal %s, which grows: %w", s.path, err)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if broken != nil || err == nil {
		s.broken.Set(broken, time.Now())
	}
	if err != nil {
		return
	}
	s.lines = n
	s.wait = 4*n + slack
}

// unwritableError is a record that has no JSON.
type unwritableError struct {
	table, key string
	err        error
}

func (e *unwritableError) Error() string {
	return fmt.Sprintf("the record %s %s: %v", e.table, e.key, e.err)
}

func (e *unwritableError) Unwrap() error { return e.err }

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
	if _, _, impaired := s.health.Impaired(); !impaired { // else it is Retry that tries again
		var full *disk.Error
		if err := s.save(); err != nil && !errors.As(err, &full) {
			s.Rollback() // a record that can never be written would keep the others waiting
		}
	}
	s.finish()
	s.verify()
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
	if _, err := s.file.Append(b.Bytes()); errors.Is(err, jsonl.ErrTooLong) {
		return err
	} else if err != nil {
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
		s.compact()
	}
	return nil
}

// Retry tries again to write after a write has failed. It does nothing while all
// is well. The lock must not be held.
func (s *Store) Retry() {
	if _, _, impaired := s.health.Impaired(); !impaired {
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

// Impaired returns why the journal cannot be written and since when; ok is false
// while it can. Safe without the lock.
func (s *Store) Impaired() (reason string, since time.Time, ok bool) {
	if reason, since, ok = s.health.Impaired(); ok {
		return reason, since, ok
	}
	return s.broken.Impaired()
}

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

	kept map[string][]byte // in tests: the JSON of each record when it was put
	next int               // in tests: the index of the key before the next to compare
}

// OpenTable sets t to NewTable's table, so that a service opens all its tables
// in one list.
func OpenTable[T any](s *Store, t **Table[T], name string) (err error) {
	*t, err = NewTable[T](s, name)
	return err
}

// NewTable returns the table of that name with what the journal holds of it. A
// name may be opened once; a record that does not fit T is a *DamagedError. Once
// others use the store its lock must be held.
func NewTable[T any](s *Store, name string) (*Table[T], error) {
	name = s.prefix + name
	t := &Table[T]{store: s, name: name, rows: map[string]T{}, kept: map[string][]byte{}}
	for _, r := range s.loaded[name] {
		var v T
		if err := json.Unmarshal(r.Value, &v); err != nil {
			return nil, &DamagedError{Path: s.path, Err: fmt.Errorf("%s %s: %w", name, r.Key, err)}
		}
		t.rows[r.Key] = v
		t.keys = append(t.keys, r.Key)
		t.keep(r.Key)
		t.lossless(r)
	}
	s.tables[name] = t
	return t, nil
}

// Unknown returns the names of the tables that the journal has and nobody
// opened. Their records stay in the journal.
func (s *Store) Unknown() []string {
	var names []string
	for name := range s.loaded {
		if s.tables[name] == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Get returns the record with that key.
func (t *Table[T]) Get(key string) (T, bool) {
	v, ok := t.rows[key]
	return v, ok
}

// Put makes or replaces a record.
func (t *Table[T]) Put(key string, v T) {
	t.leaving(key)
	old, existed := t.rows[key]
	if !existed {
		t.keys = append(t.keys, key)
		t.store.live++
	}
	t.rows[key] = v
	unkeep := t.keep(key)
	t.store.change(recordKey{t.name, key}, false, func() {
		unkeep()
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
	t.leaving(key)
	i := slices.Index(t.keys, key)
	delete(t.rows, key)
	t.keys = slices.Delete(t.keys, i, i+1)
	t.store.live--
	unkeep := t.keep(key)
	t.store.change(recordKey{t.name, key}, true, func() {
		unkeep()
		t.rows[key] = old
		t.keys = slices.Insert(t.keys, i, key)
		t.store.live++
	})
}

// change notes that a record changed, and how that is undone.
func (s *Store) change(p recordKey, deleted bool, undo func()) {
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

// dump yields all records until yield fails. A record without JSON is an
// *unwritableError.
func (t *Table[T]) dump(yield func(record) error) error {
	for _, k := range t.keys {
		raw, err := json.Marshal(t.rows[k])
		if err != nil {
			return &unwritableError{t.name, k, err}
		}
		if err := yield(record{t.name, k, raw}); err != nil {
			return err
		}
	}
	return nil
}

func (t *Table[T]) value(key string) (json.RawMessage, error) {
	v, ok := t.rows[key]
	if !ok {
		return nil, nil
	}
	return json.Marshal(v)
}
