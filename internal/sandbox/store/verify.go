package store

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
)

// verifier proves in tests that nobody changes a record in place: tables keep
// the JSON of what was put, and compare the records with it after each section.
// A record that was changed in place is a data race with the answers that are
// encoded without the lock, and a line that the journal never gets.
//
// Benchmarks run without it.
type verifier struct {
	report func(error) // of a record that changed
}

// A table of at most smallTable records is compared as a whole after each
// section. The records of a larger one take turns, so many at a time: comparing
// costs more than the section itself, ten times as much under the race detector.
const (
	smallTable = 16
	turn       = 2
)

// newVerifier returns nil outside tests.
func newVerifier() *verifier {
	if bench := flag.Lookup("test.bench"); bench == nil || bench.Value.String() != "" {
		return nil
	}
	return &verifier{report: func(err error) {
		// Not a panic: the server would recover it, and answer.
		fmt.Fprintf(os.Stderr, "FAIL: %v\nfound here:\n%s", err, debug.Stack())
		os.Exit(2)
	}}
}

// verify compares records of all tables with what was put. The lock must be held.
func (s *Store) verify() {
	if s.verifier == nil {
		return
	}
	for _, t := range s.tables {
		if err := t.verify(); err != nil {
			s.verifier.report(err)
		}
	}
}

// same compares the record under key with what was put.
func (t *Table[T]) same(key string) error {
	kept, ok := t.kept[key]
	if !ok {
		return nil
	}
	now, err := json.Marshal(t.rows[key])
	if err != nil {
		return fmt.Errorf("the record %s %s was changed in place to what is no JSON: %w", t.name, key, err)
	}
	if !bytes.Equal(now, kept) {
		return fmt.Errorf("the record %s %s was changed in place: copy it, change the copy and Put it.\n was %s\n is  %s", t.name, key, kept, now)
	}
	return nil
}

// leaving compares the record under key, which is about to be replaced or
// deleted: a copy that shares a slice or a map with it may have changed it.
func (t *Table[T]) leaving(key string) {
	if t.store.verifier == nil {
		return
	}
	if err := t.same(key); err != nil {
		t.store.verifier.report(err)
	}
}

// keep notes what was put under key, for same. It returns what undoes that.
func (t *Table[T]) keep(key string) (undo func()) {
	if t.store.verifier == nil {
		return func() {}
	}
	old, existed := t.kept[key]
	v, ok := t.rows[key]
	raw, err := json.Marshal(v)
	if !ok || err != nil { // one without JSON is refused when it is saved
		delete(t.kept, key)
	} else {
		t.kept[key] = raw
	}
	return func() {
		if delete(t.kept, key); existed {
			t.kept[key] = old
		}
	}
}

// verify compares the records of a small table, or the next ones of a large one,
// with what was put.
func (t *Table[T]) verify() error {
	n := len(t.keys)
	if n > smallTable {
		n = turn
	}
	for range n {
		t.next = (t.next + 1) % len(t.keys)
		if err := t.same(t.keys[t.next]); err != nil {
			return err
		}
	}
	return nil
}

// lossless reports, in tests, a record of the journal that its type does not
// hold: a field that was renamed would be read as zero and lost with the next
// Put. Its file needs a new version of the format, with an upgrade.
func (t *Table[T]) lossless(r record) {
	if t.store.verifier == nil {
		return
	}
	var was, is any
	now, err := json.Marshal(t.rows[r.Key])
	if err == nil {
		err = json.Unmarshal(r.Value, &was)
	}
	if err == nil {
		err = json.Unmarshal(now, &is)
	}
	if err != nil {
		return // it is refused when it is saved
	}
	if path := lost(was, is); path != "" {
		t.store.verifier.report(fmt.Errorf("%s of the record %s %s in the journal %s is lost by reading it: add an upgrade to the journal's format", path, r.Table, r.Key, t.store.path))
	}
}

// lost returns the path of the first value that was has and is has not; "" for
// none. What is empty may be left out.
func lost(was, is any) string {
	switch was := was.(type) {
	case map[string]any:
		fields, _ := is.(map[string]any)
		for name, v := range was {
			if path := lost(v, fields[name]); path != "" {
				return "." + name + path
			}
		}
	case []any:
		list, _ := is.([]any)
		if len(list) != len(was) {
			return "[]"
		}
		for i, v := range was {
			if path := lost(v, list[i]); path != "" {
				return fmt.Sprintf("[%d]%s", i, path)
			}
		}
	case nil:
	default:
		if was != is && (is != nil || was != "" && was != 0.0 && was != false) {
			return fmt.Sprintf("=%v", was)
		}
	}
	return ""
}
