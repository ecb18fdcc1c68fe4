package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"workshop/internal/sandbox/disk"
	"workshop/internal/sandbox/disk/disktest"
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

func TestDamage(t *testing.T) {
	for name, content := range map[string]string{
		"line":    "{\"t\":\"\",\"k\":\"version\",\"v\":2}\nnot json\n{}\n",
		"record":  `[{"t":"rows","k":"1","v":{"Name":1}}]` + "\n",
		"version": `{"t":"","k":"version","v":3}` + "\n",
		"header":  `{"format":"workshop sandbox","version":9}` + "\n",
		"foreign": `{"format":"workshop journal","version":1}` + "\n",
	} {
		path := filepath.Join(t.TempDir(), "journal")
		os.WriteFile(path, []byte(content), 0o600)
		s, err := Open(path)
		if err == nil {
			_, err = NewTable[row](s, "rows")
		}
		var damaged *DamagedError
		if !errors.As(err, &damaged) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "workshop reset --all") || !strings.Contains(err.Error(), "delete the folder "+filepath.Dir(path)) {
			t.Errorf("%s: %v", name, err)
		}
		if name == "line" && damaged.Line != 2 {
			t.Errorf("line %d", damaged.Line)
		}
		if after, _ := os.ReadFile(path); name != "record" && string(after) != content {
			t.Errorf("%s: the damaged file was changed", name)
		}
	}
}

// Journals of older versions are read, and rewritten with a header. The first
// version has one record a line, the second a record for its version.
func TestOldVersions(t *testing.T) {
	for name, content := range map[string]string{
		"1": `{"t":"rows","k":"1","v":{"Name":"one"}}` + "\n" + `{"t":"rows","k":"2","v":{"Name":"two"}}` + "\n" + `{"t":"rows","k":"1"}` + "\n",
		"2": `{"t":"","k":"version","v":2}` + "\n" + `[{"t":"rows","k":"1","v":{"Name":"one"}},{"t":"rows","k":"2","v":{"Name":"two"}}]` + "\n" + `[{"t":"rows","k":"1"}]` + "\n",
	} {
		path := filepath.Join(t.TempDir(), "journal")
		os.WriteFile(path, []byte(content), 0o600)
		_, tab := open(t, path)
		if got := names(tab); !slices.Equal(got, []string{"two"}) {
			t.Errorf("version %s: rows = %v", name, got)
		}
		want := `{"format":"workshop sandbox","version":3}` + "\n" + `{"t":"rows","k":"2","v":{"Name":"two"}}` + "\n"
		if got, _ := os.ReadFile(path); string(got) != want {
			t.Errorf("version %s became %s", name, got)
		}
		// A full disk keeps it from being rewritten: what is appended has its header.
		os.WriteFile(path, []byte(content), 0o600)
		d := &disktest.Disk{}
		d.Fail(syscall.ENOSPC, 0, 5)
		s, err := OpenFS(d, path)
		if err != nil {
			t.Fatal(err)
		}
		d.Fail(nil, 0, 0)
		tab, _ = NewTable[row](s, "rows")
		if err := commit(t, s, tab, "3"); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(path); !strings.HasPrefix(string(got), content+`{"format":"workshop sandbox","version":3}`+"\n[") {
			t.Errorf("version %s on a full disk became %s", name, got)
		}
		_, tab = open(t, path)
		if got := names(tab); !slices.Equal(got, []string{"two", "3", "3"}) {
			t.Errorf("version %s appended to: rows = %v", name, got)
		}
	}
}

// A record that cannot be written when the journal is compacted is reported, and
// what the journal has stays.
func TestCompactionFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	s, tab := open(t, path)
	s.verifier = nil
	values, _ := NewTable[map[string]any](s, "values")
	s.Lock()
	value := map[string]any{"n": 1}
	values.Put("x", value)
	s.Unlock()
	value["n"] = func() {} // nobody may do this
	s.wait = 0
	if err := commit(t, s, tab, "kept"); err != nil {
		t.Fatal(err)
	}
	if reason, _, impaired := s.Impaired(); !impaired || !strings.Contains(reason, "values x") || !strings.Contains(reason, path) {
		t.Errorf("%v %q", impaired, reason)
	}
	again, tab := open(t, path)
	values, err := NewTable[map[string]any](again, "values")
	if v, ok := values.Get("x"); err != nil || !ok || v["n"] != 1.0 || tab.Len() != 2 {
		t.Errorf("%v, %v, %d rows after a restart", v, err, tab.Len())
	}
	value["n"] = 2
	s.wait = 0
	if err := commit(t, s, tab, "later"); err != nil {
		t.Error(err)
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

// A record that is changed in place is found when the section ends, or a later
// one; one that is replaced, deleted or restored is not.
func TestChangedInPlace(t *testing.T) {
	s, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	s.verifier.report = func(err error) { found = append(found, err.Error()) }
	tab, err := NewTable[*row](s, "rows")
	if err != nil {
		t.Fatal(err)
	}
	section := func(f func()) (problems []string) {
		found = nil
		s.Lock()
		f()
		s.Unlock()
		return found
	}
	a, b := &row{"a"}, &row{"b"}
	for i, f := range []func(){
		func() { tab.Put("a", a); tab.Put("b", b) },
		func() { tab.Put("a", &row{"a2"}) },
		func() { tab.Put("a", a); tab.Delete("b"); tab.Put("c", &row{"c"}); s.Rollback() },
		func() { tab.Delete("b"); b.Name = "free again"; tab.Put("b", b) },
		func() {
			for i := range 3 * smallTable {
				tab.Put(fmt.Sprint(i), &row{"x"})
			}
		},
	} {
		if got := section(f); got != nil {
			t.Errorf("section %d: %q", i, got)
		}
	}
	last, _ := tab.Get(fmt.Sprint(3*smallTable - 1))
	last.Name = "changed"
	n, all := 0, 3*smallTable/turn+5
	for ; n < all && section(func() {}) == nil; n++ {
	}
	if n == all || !strings.Contains(found[0], fmt.Sprintf("rows %d was changed in place", 3*smallTable-1)) || !strings.Contains(found[0], `is  {"Name":"changed"}`) {
		t.Errorf("after %d sections: %q", n, found)
	}
	last.Name = "x"
	a, _ = tab.Get("a")
	if got := section(func() { a.Name = "a3"; tab.Put("a", &row{"a3"}) }); len(got) != 1 || !strings.Contains(got[0], `rows a was changed in place`) {
		t.Errorf("changed before it was replaced: %q", got)
	}
	b, _ = tab.Get("b")
	got := section(func() { tab.Put("b", b); b.Name = "changed after Put" })
	for range all {
		got = append(got, section(func() {})...)
	}
	if len(got) == 0 || !strings.Contains(got[0], "changed after Put") {
		t.Errorf("%q", got)
	}
}

// A field of the journal that the record's type does not have is found.
func TestLossless(t *testing.T) {
	for content, want := range map[string]string{
		`{"Name":"one"}`: "",
		`{"Name":"one","Size":0,"Tags":null,"At":""}`:  "",
		`{"Name":"one","Size":3}`:                      ".Size=3",
		`{"Name":"one","Tags":[{"Key":"k"}]}`:          ".Tags[]",
		`{"Name":"one","Meta":{"Label":{"Text":"x"}}}`: ".Meta.Label.Text=x",
	} {
		path := filepath.Join(t.TempDir(), "journal")
		if err := os.WriteFile(path, []byte(`{"t":"rows","k":"1","v":`+content+"}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		found := ""
		s.verifier.report = func(err error) { found = err.Error() }
		if _, err := NewTable[row](s, "rows"); err != nil {
			t.Fatal(err)
		}
		if want == "" && found != "" || !strings.HasPrefix(found, want) {
			t.Errorf("%s: %q", content, found)
		}
	}
}

// commit makes one change with two records and, if it is refused, holds that
// nothing of it is left.
func commit(t *testing.T, s *Store, tab *Table[row], name string) error {
	t.Helper()
	s.Lock()
	defer s.Unlock()
	before := names(tab)
	tab.Put(name, row{name})
	tab.Put("last", row{name})
	tab.Delete("gone")
	err := s.Commit()
	if err != nil && !slices.Equal(names(tab), before) {
		t.Errorf("%s was refused and changed %v to %v", name, before, names(tab))
	}
	return err
}

// TestFailedWrites has the disk fail at every write of a busy life, in different
// ways, and be repaired later. What was acknowledged is there after a restart,
// what was refused is not, and a change that nobody waits for is written late.
func TestFailedWrites(t *testing.T) {
	for _, failure := range []error{syscall.ENOSPC, syscall.EROFS} {
		for _, short := range []int{0, 1, 40, 1 << 20} {
			for at := range 30 {
				t.Run(fmt.Sprint(failure, short, at), func(t *testing.T) {
					path, d := filepath.Join(t.TempDir(), "journal"), &disktest.Disk{}
					s, err := OpenFS(d, path)
					if err != nil {
						t.Fatal(err)
					}
					tab, _ := NewTable[row](s, "rows")
					s.Lock()
					tab.Put("gone", row{"gone"})
					s.Unlock()
					d.Fail(failure, at, short)
					s.wait = 30 // compaction is in the midst of it
					done := []string{}
					for i := range 20 {
						name := fmt.Sprint(i)
						switch err := commit(t, s, tab, name); {
						case err == nil:
							done = append(done, name)
						case !strings.Contains(err.Error(), path+": "+failure.Error()) || !strings.Contains(err.Error(), "continues by itself"):
							t.Errorf("refused with %q", err)
						}
						s.Lock() // a fact that no disk can change
						tab.Put("fact", row{name})
						s.Unlock()
						if f, _ := tab.Get("fact"); f.Name != name {
							t.Errorf("a fact is lost: %v", f)
						}
					}
					reason, _, impaired := s.Impaired()
					if failed := len(done) < 20; failed != impaired || impaired && !strings.Contains(reason, path) {
						t.Errorf("impaired: %v %q after %d changes", impaired, reason, len(done))
					}
					d.Fail(nil, 0, 0)
					if len(done)%2 == 0 {
						s.Retry()
						if _, _, impaired := s.Impaired(); impaired {
							t.Error("still impaired after the disk was repaired")
						}
					}
					if err := commit(t, s, tab, "after"); err != nil {
						t.Fatal(err)
					}
					if _, _, impaired := s.Impaired(); impaired {
						t.Error("still impaired after a write")
					}
					want := names(tab)
					// No Close: the process was killed.
					_, tab = open(t, path)
					if got := names(tab); !slices.Equal(got, want) {
						t.Errorf("after a restart %v, before %v", got, want)
					}
					for _, name := range done {
						if _, ok := tab.Get(name); !ok {
							t.Errorf("%s was acknowledged and is lost", name)
						}
					}
					if f, _ := tab.Get("fact"); f.Name != "19" {
						t.Errorf("the fact after a restart: %v", f)
					}
					if _, err := os.Stat(path + ".new"); err == nil {
						t.Error("a journal that was not finished is left")
					}
				})
			}
		}
	}
}

// A sandbox that is killed while the disk is full has what was acknowledged, and
// starts on the full disk.
func TestKilledOnAFullDisk(t *testing.T) {
	path, d := filepath.Join(t.TempDir(), "journal"), &disktest.Disk{}
	s, err := OpenFS(d, path)
	if err != nil {
		t.Fatal(err)
	}
	tab, _ := NewTable[row](s, "rows")
	if err := commit(t, s, tab, "1"); err != nil {
		t.Fatal(err)
	}
	d.Fail(syscall.ENOSPC, 0, 60)
	if err := commit(t, s, tab, "2"); err == nil {
		t.Fatal("acknowledged on a full disk")
	}
	if s, err = OpenFS(d, path); err != nil {
		t.Fatal(err)
	}
	tab, _ = NewTable[row](s, "rows")
	if got := names(tab); !slices.Equal(got, []string{"1", "1"}) {
		t.Errorf("rows = %v", got)
	}
	var full *disk.Error
	if err := commit(t, s, tab, "3"); !errors.As(err, &full) {
		t.Errorf("err = %v", err)
	}
	d.Fail(nil, 0, 0)
	if err := commit(t, s, tab, "4"); err != nil {
		t.Error(err)
	}
}

// What follows from tables follows them back; what cannot be undone waits.
func TestHooks(t *testing.T) {
	s, tab := open(t, "")
	var log []string
	section := func(end func()) {
		s.Lock()
		tab.Put("a", row{"a"})
		s.AfterCommit(func() { log = append(log, "committed") })
		s.AfterRollback(func() { log = append(log, fmt.Sprint("undone ", tab.Len())) })
		end()
		s.Unlock()
	}
	section(s.Rollback)
	section(func() { s.Commit() })
	section(func() {})
	if want := []string{"undone 0", "committed", "committed"}; !slices.Equal(log, want) {
		t.Errorf("%q", log)
	}
}

// A record that cannot be written harms nobody else.
func TestUnwritableRecord(t *testing.T) {
	s, tab := open(t, filepath.Join(t.TempDir(), "journal"))
	bad, _ := NewTable[func()](s, "bad")
	s.Lock()
	bad.Put("x", func() {})
	err := s.Commit()
	s.Unlock()
	if err == nil || bad.Len() != 0 {
		t.Errorf("%d records, %v", bad.Len(), err)
	}
	s.Lock()
	bad.Put("x", func() {})
	s.Unlock()
	if err := commit(t, s, tab, "1"); err != nil {
		t.Error(err)
	}
}

// FuzzJournal holds that whatever is in a journal is read or refused, and that
// what was read is the same after the next start.
func FuzzJournal(f *testing.F) {
	for _, s := range []string{
		`{"format":"workshop sandbox","version":3}` + "\n" + `{"format":"workshop sandbox","version":4}` + "\n", `{"format":` + "\n",
		`{"t":"","k":"version","v":2}` + "\n" + `{"t":"rows","k":"1","v":{"Name":"one"}}` + "\n" + `[{"t":"rows","k":"2","v":{"Name":"two"}},{"t":"rows","k":"1"}]` + "\n",
		`[{"t":"rows","k":"2"}]` + "\n" + `{"t":"rows"`, "null\n[null]\n\n", `{"t":"rows","k":"1","v":null}` + "\n", "\x00\x00",
	} {
		f.Add([]byte(s))
	}
	path := filepath.Join(f.TempDir(), "journal")
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path)
		if err == nil {
			s.verifier = nil // there may be any fields
		}
		if err != nil {
			if after, _ := os.ReadFile(path); string(after) != string(content) {
				t.Fatal("what could not be read was changed")
			}
			return
		}
		tab, err := NewTable[row](s, "rows")
		if err != nil {
			s.Close()
			return
		}
		s.Lock()
		tab.Put("new", row{"new"})
		err = s.Commit()
		s.Unlock()
		if err = errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
		want := names(tab)
		if s, err = Open(path); err != nil {
			t.Fatal(err)
		}
		s.verifier = nil
		if tab, err = NewTable[row](s, "rows"); err != nil {
			t.Fatal(err)
		}
		if got := names(tab); !slices.Equal(got, want) {
			t.Fatalf("%q became %q", want, got)
		}
		s.Close()
	})
}
