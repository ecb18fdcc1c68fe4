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
	f, err := os.OpenFile(w.path(journalFile), os.O_RDWR|os.O_APPEND|os.O_CREATE, fileMode)
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
		f, err := os.Open(w.path(journalFile))
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield(Entry{}, fmt.Errorf("read the journal: %w", err))
			return
		}
		defer f.Close()
		for line, err := range lines(f) {
			if err != nil {
				yield(Entry{}, fmt.Errorf("read the journal: %w", err))
				return
			}
			var e Entry
			if json.Unmarshal(line, &e) != nil || e.Kind == "" || e.Time.IsZero() {
				continue
			}
			if len(kinds) > 0 && !slices.Contains(kinds, e.Kind) {
				continue
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// lines yields the lines of r that are no longer than maxEntry. A line is only
// valid until the next one.
func lines(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		in := bufio.NewReaderSize(r, 64<<10)
		var line []byte
		tooLong := false
		for {
			part, err := in.ReadSlice('\n')
			if len(line)+len(part) > maxEntry {
				tooLong = true
			}
			if !tooLong {
				line = append(line, part...)
			}
			if errors.Is(err, bufio.ErrBufferFull) {
				continue
			}
			if err != nil && !errors.Is(err, io.EOF) {
				yield(nil, err)
				return
			}
			if !tooLong && len(line) > 0 && !yield(line, nil) {
				return
			}
			if err != nil {
				return
			}
			line, tooLong = line[:0], false
		}
	}
}
