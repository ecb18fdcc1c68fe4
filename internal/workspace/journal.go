package workspace

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
	"time"

	"workshop/internal/jsonl"
)

const (
	journalFile = "journal.jsonl"
	journalLock = "journal.lock"
)

// journalFormat is the format of the journal. Version 0 had no header.
var journalFormat = &jsonl.Format{Name: "workshop journal", MaxLine: 1 << 20, Upgrades: []func([]byte) ([]byte, error){nil}}

// Entry is one line of the journal.
type Entry struct {
	Time time.Time       `json:"time"`
	Kind string          `json:"kind"`
	Data json.RawMessage `json:"data"`
}

// Append adds v to the journal under a kind such as "destroyed". Entries are
// never changed or removed. One of more than 1 MiB is refused.
func (w *Workspace) Append(kind string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("journal %s: %w", kind, err)
	}
	line, err := json.Marshal(Entry{Time: time.Now().UTC(), Kind: kind, Data: data})
	if err != nil {
		return fmt.Errorf("journal %s: %w", kind, err)
	}
	if len(line) >= journalFormat.MaxLine {
		return fmt.Errorf("journal %s: %d bytes are more than an entry may have", kind, len(line))
	}
	err = w.journal.Append(journalFormat, func(flag int) (*os.File, error) { return w.openFile(journalFile, flag) }, append(line, '\n'))
	switch {
	case jsonl.Refused(err):
		return fmt.Errorf("write the journal %s: %w", w.path(journalFile), err)
	case err != nil:
		return w.writeError(err)
	}
	return nil
}

// AppendUnless is Append, unless known reports that the journal has it already.
// No other AppendUnless, of this or another process, asks or writes meanwhile:
// what two watchers see at once is journalled once.
func (w *Workspace) AppendUnless(known func() (bool, error), kind string, v any) error {
	return w.alone(&w.once, journalLock, func() error {
		if is, err := known(); is || err != nil {
			return err
		}
		return w.Append(kind, v)
	})
}

// Read yields the journal's entries of the given kinds, oldest first; without
// kinds all of them. Lines that cannot be understood are passed over. An error
// of reading is yielded last.
func (w *Workspace) Read(kinds ...string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		f, err := w.openFile(journalFile, os.O_RDONLY)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield(Entry{}, w.readError(err))
			return
		}
		defer f.Close()
		for l, err := range journalFormat.NewReader(f, jsonl.Position{}).All() {
			if err != nil {
				yield(Entry{}, w.readError(err))
				return
			}
			if e, ok := entry(l, kinds); ok && !yield(e, nil) {
				return
			}
		}
	}
}

// Tail reads the journal as it grows. It is not safe for concurrent use.
type Tail struct {
	w     *Workspace
	kinds []string
	file  fs.FileInfo    // of the journal that was read, nil before there was one
	pos   jsonl.Position // after its last whole line that was read
}

// Tail returns a Tail for entries of the given kinds, before the first entry.
func (w *Workspace) Tail(kinds ...string) *Tail { return &Tail{w: w, kinds: kinds} }

// Next returns the entries that were appended since the last Next, oldest
// first. replaced reports that the journal is another file than then: what
// earlier calls returned is void. It costs one look at the file where nothing
// was appended.
func (t *Tail) Next() (entries []Entry, replaced bool, err error) {
	info, err := os.Stat(t.w.path(journalFile))
	if errors.Is(err, fs.ErrNotExist) {
		replaced = t.file != nil
		t.file, t.pos = nil, jsonl.Position{}
		return nil, replaced, nil
	}
	if err != nil {
		return nil, false, t.w.readError(err)
	}
	if t.file != nil && (!os.SameFile(t.file, info) || info.Size() < t.pos.Offset) {
		replaced, t.pos = true, jsonl.Position{}
	}
	t.file = info
	if info.Size() == t.pos.Offset {
		return nil, replaced, nil
	}
	f, err := t.w.openFile(journalFile, os.O_RDONLY)
	if err != nil {
		return nil, replaced, t.w.readError(err)
	}
	defer f.Close()
	if _, err := f.Seek(t.pos.Offset, io.SeekStart); err != nil {
		return nil, replaced, t.w.readError(err)
	}
	in := journalFormat.NewReader(f, t.pos)
	for l, err := range in.All() {
		if err != nil {
			return entries, replaced, t.w.readError(err)
		}
		t.pos = in.Position()
		if e, ok := entry(l, t.kinds); ok {
			entries = append(entries, e)
		}
	}
	t.pos = in.Position()
	return entries, replaced, nil
}

// readError adds to err what was read.
func (w *Workspace) readError(err error) error {
	if !jsonl.Refused(err) {
		return fmt.Errorf("read the journal: %w", err) // with the path, from the system
	}
	return fmt.Errorf("read the journal %s: %w", w.path(journalFile), err)
}

// entry reads a line; false where it cannot be understood or is of another kind.
func entry(l jsonl.Line, kinds []string) (Entry, bool) {
	var e Entry
	if l.Err != nil || json.Unmarshal(l.Text, &e) != nil || e.Kind == "" || e.Time.IsZero() {
		return e, false
	}
	return e, len(kinds) == 0 || slices.Contains(kinds, e.Kind)
}
