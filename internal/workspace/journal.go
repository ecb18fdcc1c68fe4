package workspace

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
	"time"
)

const (
	journalFile = "journal.jsonl"
	journalLock = "journal.lock"

	// maxEntry bounds a line of the journal, in bytes; readers pass over longer ones.
	maxEntry = 1 << 20
)

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
	if len(line) >= maxEntry {
		return fmt.Errorf("journal %s: %d bytes are more than an entry may have", kind, len(line))
	}
	w.journal.Lock()
	defer w.journal.Unlock()
	f, err := w.openFile(journalFile, os.O_RDWR|os.O_APPEND|os.O_CREATE)
	if err != nil {
		return w.writeError(err)
	}
	// A process that died while it wrote left a torn line; this one starts afresh.
	if torn(f) {
		line = append([]byte{'\n'}, line...)
	}
	_, err = f.Write(append(line, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
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

func torn(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return false
	}
	last := make([]byte, 1)
	_, err = f.ReadAt(last, info.Size()-1)
	return err == nil && last[0] != '\n'
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
			yield(Entry{}, fmt.Errorf("read the journal: %w", err))
			return
		}
		defer f.Close()
		for l, err := range lines(f) {
			if err != nil {
				yield(Entry{}, fmt.Errorf("read the journal: %w", err))
				return
			}
			if e, ok := entry(l.text, kinds); ok && !yield(e, nil) {
				return
			}
		}
	}
}

// Tail reads the journal as it grows. It is not safe for concurrent use.
type Tail struct {
	w      *Workspace
	kinds  []string
	file   fs.FileInfo // of the journal that was read, nil before there was one
	offset int64       // after its last whole line that was read
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
		t.file, t.offset = nil, 0
		return nil, replaced, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read the journal: %w", err)
	}
	if t.file != nil && (!os.SameFile(t.file, info) || info.Size() < t.offset) {
		replaced, t.offset = true, 0
	}
	t.file = info
	if info.Size() == t.offset {
		return nil, replaced, nil
	}
	f, err := t.w.openFile(journalFile, os.O_RDONLY)
	if err != nil {
		return nil, replaced, fmt.Errorf("read the journal: %w", err)
	}
	defer f.Close()
	if _, err := f.Seek(t.offset, io.SeekStart); err != nil {
		return nil, replaced, fmt.Errorf("read the journal: %w", err)
	}
	for l, err := range lines(f) {
		if err != nil {
			return entries, replaced, fmt.Errorf("read the journal: %w", err)
		}
		if l.torn { // another process may still be writing it
			break
		}
		t.offset += l.size
		if e, ok := entry(l.text, t.kinds); ok {
			entries = append(entries, e)
		}
	}
	return entries, replaced, nil
}

// entry reads a line; false where it cannot be understood or is of another kind.
func entry(text []byte, kinds []string) (Entry, bool) {
	var e Entry
	if json.Unmarshal(text, &e) != nil || e.Kind == "" || e.Time.IsZero() {
		return e, false
	}
	return e, len(kinds) == 0 || slices.Contains(kinds, e.Kind)
}

// line is one line of the journal; text is only valid until the next one.
type line struct {
	text []byte // empty for one longer than maxEntry
	size int64  // bytes, its newline included
	torn bool   // it has no newline
}

func lines(r io.Reader) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		in := bufio.NewReaderSize(r, 64<<10)
		var l line
		tooLong := false
		for {
			part, err := in.ReadSlice('\n')
			l.size += int64(len(part))
			if l.size > maxEntry {
				tooLong = true
			}
			if !tooLong {
				l.text = append(l.text, part...)
			}
			if errors.Is(err, bufio.ErrBufferFull) {
				continue
			}
			if err != nil && !errors.Is(err, io.EOF) {
				yield(line{}, err)
				return
			}
			if tooLong {
				l.text = l.text[:0]
			}
			l.torn = err != nil
			if l.size > 0 && !yield(l, nil) || err != nil {
				return
			}
			l, tooLong = line{text: l.text[:0]}, false
		}
	}
}
