package store

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

type row struct{ Name string }

func open(t *testing.T, path string) (*Store, *Table[row]) {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	tab, err := NewTable[row](s, "rows")
	if err != nil {
		t.Fatal(err)
	}
	return s, tab
}

func names(t *Table[row]) []string {
	var out []string
	for _, r := range t.Find(nil) {
		out = append(out, r.Name)
	}
	return out
}

func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	s, tab := open(t, path)
	s.Lock()
	tab.Put("1", row{"one"})
	tab.Put("2", row{"two"})
	tab.Put("3", row{"three"})
	tab.Delete("2")
	tab.Put("1", row{"uno"})
	s.Unlock()
	// No Close: the process was killed.
	s, tab = open(t, path)
	if got := names(tab); !slices.Equal(got, []string{"uno", "three"}) {
		t.Errorf("after a kill: %v", got)
	}
	s.Lock()
	tab.Put("2", row{"again"})
	s.Unlock()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, tab = open(t, path)
	if got := names(tab); !slices.Equal(got, []string{"uno", "three", "again"}) {
		t.Errorf("after a close: %v", got)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("journal is %v", info.Mode())
	}
}

func TestTornLastLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	s, tab := open(t, path)
	s.Lock()
	tab.Put("1", row{"one"})
	s.Unlock()
	f, _ := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	f.WriteString(`{"t":"rows","k":"2","v":{"Na`)
	f.Close()
	_, tab = open(t, path)
	if got := names(tab); !slices.Equal(got, []string{"one"}) {
		t.Errorf("rows = %v", got)
	}
}

func TestDamageIsNotSilent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	os.WriteFile(path, []byte("not json\n{}\n"), 0o600)
	if _, err := Open(path); err == nil {
		t.Error("a damaged journal was read without an error")
	}
}

func TestCompaction(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	s, tab := open(t, path)
	other, _ := NewTable[row](s, "other")
	s.Lock()
	other.Put("x", row{"kept"})
	s.Unlock()
	for range 10000 {
		s.Lock()
		tab.Put("1", row{"one"})
		s.Unlock()
	}
	if info, _ := os.Stat(path); info.Size() > 300_000 {
		t.Errorf("journal of two records has %d bytes", info.Size())
	}
	s, tab = open(t, path)
	other, err := NewTable[row](s, "other")
	if err != nil || tab.Len() != 1 || other.Len() != 1 {
		t.Errorf("after compaction: %d and %d records, %v", tab.Len(), other.Len(), err)
	}
}

func TestFailedWriteIsReported(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	s, tab := open(t, path)
	s.file.Close() // as a disk that is gone
	s.Lock()
	defer s.mu.Unlock()
	tab.Put("1", row{"one"})
	if err := s.Flush(); err == nil {
		t.Error("a write that failed was acknowledged")
	}
}
