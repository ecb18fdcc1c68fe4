// Package store keeps the sandbox's records in memory and, for every change, in
// a journal on disk, so that what was acknowledged outlives the process however
// that ends.
//
// One lock covers the whole sandbox: a caller takes it with Lock, reads and
// changes any tables, and gives it back with Unlock, which is also the moment
// at which the changes go to the disk, together. Records are values that nobody
// changes in place: to change one, copy it, change the copy and Put it.
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
	"slices"
	"sync"
)

// Store is a set of tables behind one lock.
type Store struct {
	mu      sync.Mutex
	path    string
	file    *os.File
	pending bytes.Buffer // the lines of the section that holds the lock
	loaded  map[string][]record
	tables  map[string]interface{ dump(func(record)) }
	live    int // records
	lines   int // lines in the journal
	err     error
}

type record struct {
	Table string          `json:"t"`
	Key   string          `json:"k"`
	Value json.RawMessage `json:"v,omitempty"` // absent in a deletion
}

// Open reads the journal at path, or starts one; with an empty path nothing
// is written. A last line that was cut off by a crash is dropped. The file is
// readable by its owner alone.
func Open(path string) (*Store, error) {
	s := &Store{path: path, loaded: map[string][]record{}, tables: map[string]interface{ dump(func(record)) }{}}
	if path == "" {
		return s, nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the sandbox's journal: %w", err)
	}
	if err := s.read(f); err != nil {
		f.Close()
		return nil, err
	}
	f.Close()
	if err := s.compact(func(yield func(record)) {
		for _, rs := range s.loaded {
			for _, r := range rs {
				yield(r)
			}
		}
	}); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Store) read(f *os.File) error {
	type place struct {
		table string
		key   string
	}
	last := map[place]int{}
	var all []record
	in := bufio.NewReaderSize(f, 1<<16)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break // what has no newline was never acknowledged
		}
		if err != nil {
			return fmt.Errorf("reading the sandbox's journal: %w", err)
		}
		var r record
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("%s:%d: the sandbox's journal is damaged: %w", s.path, n, err)
		}
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
	for _, r := range all {
		if r.Table != "" {
			s.loaded[r.Table] = append(s.loaded[r.Table], r)
		}
	}
	return nil
}

// compact writes a new journal that holds only what is live.
func (s *Store) compact(records func(func(record))) error {
	tmp, err := os.OpenFile(s.path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("compacting the sandbox's journal: %w", err)
	}
	w := bufio.NewWriter(tmp)
	n := 0
	records(func(r record) {
		n++
		if err == nil {
			err = writeRecord(w, r)
		}
	})
	err = errors.Join(err, w.Flush(), tmp.Sync())
	if err == nil {
		err = os.Rename(tmp.Name(), s.path)
	}
	if err != nil {
		tmp.Close()
		return fmt.Errorf("compacting the sandbox's journal: %w", err)
	}
	if s.file != nil {
		s.file.Close()
	}
	s.file, s.live, s.lines = tmp, n, n
	return nil
}

// writeRecord writes the line by hand around the value, which is JSON already:
// the encoder would go through all of it once more.
func writeRecord(w io.Writer, r record) error {
	table, err := json.Marshal(r.Table)
	if err != nil {
		return err
	}
	key, err := json.Marshal(r.Key)
	if err != nil {
		return err
	}
	line := make([]byte, 0, len(table)+len(key)+len(r.Value)+20)
	line = append(append(line, `{"t":`...), table...)
	line = append(append(line, `,"k":`...), key...)
	if r.Value != nil {
		line = append(append(line, `,"v":`...), r.Value...)
	}
	_, err = w.Write(append(line, "}\n"...))
	return err
}

// Lock takes the sandbox's lock.
func (s *Store) Lock() { s.mu.Lock() }

// Unlock writes what was changed since Lock to the journal and gives the lock
// back.
func (s *Store) Unlock() {
	s.Flush()
	s.mu.Unlock()
}

// Flush writes what was changed since Lock to the journal, for callers that
// must know that it is there before they answer. The lock must be held. Once a
// write has failed every later call returns that error: the disk then holds
// less than was acknowledged.
func (s *Store) Flush() error {
	if s.file == nil {
		s.pending.Reset()
		return s.err
	}
	if s.pending.Len() > 0 && s.err == nil {
		if _, err := s.file.Write(s.pending.Bytes()); err != nil {
			s.err = fmt.Errorf("the sandbox could not save its state: %w", err)
		}
	}
	s.pending.Reset()
	const slack = 2000 // lines; a journal is not worth rewriting for less
	if s.err == nil && s.lines > 4*s.live+slack {
		s.err = s.compact(func(yield func(record)) {
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
	return s.err
}

// Close writes what is left and closes the journal.
func (s *Store) Close() error {
	s.Lock()
	defer s.mu.Unlock()
	err := s.Flush()
	if s.file == nil {
		return err
	}
	err = errors.Join(err, s.file.Sync(), s.file.Close())
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
// name may be opened once; a record that no longer fits T is an error.
func NewTable[T any](s *Store, name string) (*Table[T], error) {
	t := &Table[T]{store: s, name: name, rows: map[string]T{}}
	for _, r := range s.loaded[name] {
		var v T
		if err := json.Unmarshal(r.Value, &v); err != nil {
			return nil, fmt.Errorf("reading %s %s from the sandbox's journal: %w", name, r.Key, err)
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
	if _, ok := t.rows[key]; !ok {
		t.keys = append(t.keys, key)
		t.store.live++
	}
	t.rows[key] = v
	if t.store.file == nil {
		return
	}
	raw, err := json.Marshal(v)
	if err == nil {
		err = writeRecord(&t.store.pending, record{t.name, key, raw})
	}
	if err != nil && t.store.err == nil {
		t.store.err = fmt.Errorf("saving %s %s: %w", t.name, key, err)
	}
	t.store.lines++
}

// Delete removes a record; one that is not there is no error.
func (t *Table[T]) Delete(key string) {
	if _, ok := t.rows[key]; !ok {
		return
	}
	delete(t.rows, key)
	t.keys = slices.DeleteFunc(t.keys, func(k string) bool { return k == key })
	t.store.live--
	if t.store.file == nil {
		return
	}
	t.store.lines++
	if err := writeRecord(&t.store.pending, record{Table: t.name, Key: key}); err != nil && t.store.err == nil {
		t.store.err = err
	}
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
