package workspace

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gofrs/flock"

	"workshop/internal/jsonl"
)

func bundle(files ...string) fstest.MapFS {
	b := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		b[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return b
}

func open(t *testing.T, dir string, b fs.FS) *Workspace {
	t.Helper()
	w, err := Open(dir, b)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *Workspace) edit(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.TerraformDir(), name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// holds checks the configuration on disk; an empty text says that there is no such file.
func (w *Workspace) holds(t *testing.T, files ...string) {
	t.Helper()
	for i := 0; i < len(files); i += 2 {
		data, err := os.ReadFile(filepath.Join(w.TerraformDir(), files[i]))
		if files[i+1] == "" && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if string(data) != files[i+1] {
			t.Errorf("%s holds %q (%v), want %q", files[i], data, err, files[i+1])
		}
	}
}

func TestOpenFollowsTheBundleButNeverTheLearner(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "sandbox")
	w := open(t, dir, bundle("a.tf", "a1", "b.tf", "b1", "c.tf", "c1", "d.tf", "d1"))
	w.holds(t, "a.tf", "a1", "b.tf", "b1", "c.tf", "c1", "d.tf", "d1")
	if len(w.Upgraded) != 0 {
		t.Errorf("a new workspace says that it upgraded %v", w.Upgraded)
	}
	w.edit(t, "b.tf", "mine")
	w.edit(t, "own.tf", "own")
	if err := os.Remove(filepath.Join(w.TerraformDir(), "c.tf")); err != nil {
		t.Fatal(err)
	}

	second := bundle("a.tf", "a2", "b.tf", "b2", "c.tf", "c2", "e.tf", "e2")
	w = open(t, dir, second)
	w.holds(t, "a.tf", "a2", "b.tf", "mine", "c.tf", "", "d.tf", "", "e.tf", "e2", "own.tf", "own")
	if want := []string{"a.tf", "d.tf"}; !slices.Equal(w.Upgraded, want) {
		t.Errorf("upgraded %v, want %v", w.Upgraded, want)
	}
	changed, err := w.Changed()
	if want := []string{"b.tf", "c.tf", "own.tf"}; err != nil || !slices.Equal(changed, want) {
		t.Errorf("changed %v (%v), want %v", changed, err, want)
	}

	// Changing a file back makes it follow the bundle again.
	w.edit(t, "b.tf", "b2")
	open(t, dir, second)
	open(t, dir, bundle("a.tf", "a2", "b.tf", "b3", "c.tf", "c2", "e.tf", "e2")).holds(t, "b.tf", "b3", "c.tf", "")
}

func TestOpenFillsAnEmptiedFolder(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir, bundle("a.tf", "a1"))
	if err := os.RemoveAll(w.TerraformDir()); err != nil {
		t.Fatal(err)
	}
	open(t, dir, bundle("a.tf", "a1")).holds(t, "a.tf", "a1")
}

func TestOpenKeepsTheID(t *testing.T) {
	dir := t.TempDir()
	b := bundle("a.tf", "a1")
	id := open(t, dir, b).ID()
	if !validID.MatchString(id) || len(id) != 8 {
		t.Errorf("id %q", id)
	}
	if again := open(t, dir, b).ID(); again != id {
		t.Errorf("id %q became %q", id, again)
	}
	if other := open(t, t.TempDir(), b).ID(); other == id {
		t.Errorf("two workspaces have the id %q", id)
	}
	if err := os.WriteFile(filepath.Join(dir, idFile), []byte("\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, b); err == nil || !strings.Contains(err.Error(), "Workspace tag") {
		t.Errorf("a damaged id must not be replaced in silence: %v", err)
	}
}

func TestOpenLeavesFilesAloneWhileAnotherWorks(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir, bundle("a.tf", "a1"))
	lock, err := w.Lock()
	if err != nil {
		t.Fatal(err)
	}
	open(t, dir, bundle("a.tf", "a2")).holds(t, "a.tf", "a1")
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	open(t, dir, bundle("a.tf", "a2")).holds(t, "a.tf", "a2")
}

func TestModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	dir := filepath.Join(t.TempDir(), "w")
	w := open(t, dir, bundle("a.tf", "a1"))
	if err := errors.Join(w.SaveProgress(Progress{}), w.Append("x", 1)); err != nil {
		t.Fatal(err)
	}
	lock, err := w.Lock()
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestReset(t *testing.T) {
	w := open(t, t.TempDir(), bundle("a.tf", "a1", "b.tf", "b1", "c.tf", "c1"))
	if dir, changed, err := w.Reset(); dir != "" || changed != nil || err != nil {
		t.Errorf("nothing was changed, but Reset = %q, %v, %v", dir, changed, err)
	}
	w.edit(t, "a.tf", "mine")
	w.edit(t, "own.tf", "own")
	w.edit(t, "terraform.tfvars", "vars")
	w.edit(t, "terraform.tfstate", "state")
	if err := os.Remove(filepath.Join(w.TerraformDir(), "c.tf")); err != nil {
		t.Fatal(err)
	}
	dir, changed, err := w.Reset()
	if want := []string{"a.tf", "c.tf", "own.tf", "terraform.tfvars"}; err != nil || !slices.Equal(changed, want) {
		t.Fatalf("Reset = %v, %v, want %v", changed, err, want)
	}
	w.holds(t, "a.tf", "a1", "b.tf", "b1", "c.tf", "c1", "own.tf", "", "terraform.tfvars", "", "terraform.tfstate", "state")
	for name, want := range map[string]string{"a.tf": "mine", "own.tf": "own", "terraform.tfvars": "vars"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); string(got) != want {
			t.Errorf("the copy of %s holds %q (%v), want %q", name, got, err, want)
		}
	}
}

func TestWriteErrorSaysWhatToDo(t *testing.T) {
	w := &Workspace{dir: "/some/dir"}
	for err, want := range map[error]string{
		syscall.ENOSPC: "full disk",
		syscall.EROFS:  "read-only disk",
		syscall.EACCES: "not yours to write",
		syscall.EIO:    "cannot be written",
	} {
		got := w.writeError(&fs.PathError{Op: "open", Path: "x", Err: err}).Error()
		if !strings.Contains(got, want) || !strings.Contains(got, "--workspace DIR") {
			t.Errorf("%v: %q lacks %q or what to do next", err, got, want)
		}
	}

	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var we *WriteError
	if _, err := Open(file, bundle("a.tf", "a")); !errors.As(err, &we) {
		t.Errorf("a file in place of the folder: %v", err)
	}
}

func TestDefaultDir(t *testing.T) {
	dir, err := DefaultDir("sandbox")
	if err != nil || !strings.HasSuffix(dir, filepath.Join("fargate-workshop", "sandbox")) {
		t.Errorf("DefaultDir = %q, %v", dir, err)
	}
	for _, bad := range []string{"", ".", "..", "a/b", "../x"} {
		if dir, err := DefaultDir(bad); err == nil {
			t.Errorf("DefaultDir(%q) = %q", bad, dir)
		}
	}
}

func TestProgress(t *testing.T) {
	w := open(t, t.TempDir(), bundle("a.tf", "a"))
	p, err := w.LoadProgress()
	if err != nil || p.Steps == nil || len(p.Steps) != 0 {
		t.Fatalf("the first LoadProgress = %+v, %v", p, err)
	}
	seen := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	p.Current = "deploy"
	p.Steps["plan"] = StepProgress{Done: true, FirstSeen: seen, DoneAt: seen.Add(time.Minute), Place: json.RawMessage(`{"scroll":3}`)}
	if err := w.SaveProgress(p); err != nil {
		t.Fatal(err)
	}
	got, err := w.LoadProgress()
	if err != nil {
		t.Fatal(err)
	}
	step := got.Steps["plan"]
	var place struct{ Scroll int }
	if err := json.Unmarshal(step.Place, &place); err != nil {
		t.Fatal(err)
	}
	if got.Current != "deploy" || !step.Done || !step.FirstSeen.Equal(seen) || place.Scroll != 3 {
		t.Errorf("got %+v back", got)
	}
	if notes := w.Notes(); len(notes) != 0 {
		t.Errorf("notes on an undamaged file: %q", notes)
	}
}

func entries(t *testing.T, w *Workspace, kinds ...string) string {
	t.Helper()
	var out []string
	for e, err := range w.Read(kinds...) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e.Kind+"="+string(e.Data))
	}
	return strings.Join(out, " ")
}

func TestJournal(t *testing.T) {
	w := open(t, t.TempDir(), bundle("a.tf", "a"))
	if got := entries(t, w); got != "" {
		t.Errorf("a new journal holds %s", got)
	}
	for _, kind := range []string{"task", "receipt", "task"} {
		if err := w.Append(kind, map[string]int{"n": 1}); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := entries(t, w, "task"), `task={"n":1} task={"n":1}`; got != want {
		t.Errorf("tasks: %s, want %s", got, want)
	}

	f, err := os.OpenFile(w.path(journalFile), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", journalFormat.MaxLine+10)
	if _, err := f.WriteString("not json\n{\"kind\":\"\"}\n" + long + "\n" + `{"time":"2026-01-01T00:00:00Z","kind":"to`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := w.Append("after", "the torn line"); err != nil {
		t.Fatal(err)
	}
	if got, want := entries(t, w, "receipt", "after"), `receipt={"n":1} after="the torn line"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for range w.Read() {
		break // stopping early must not hurt
	}
	if err := w.Append("big", long); err == nil {
		t.Error("an entry that readers pass over was written")
	}
	if err := w.Append("bad", func() {}); err == nil {
		t.Error("a value without JSON was written")
	}
}

// A journal without a header, as older programs wrote it, is read and gets one
// with the next entry. One of a newer program is neither read nor changed.
func TestJournalVersions(t *testing.T) {
	w := open(t, t.TempDir(), bundle("a.tf", "a"))
	old := `{"time":"2026-01-01T00:00:00Z","kind":"a","data":1}` + "\n"
	if err := os.WriteFile(w.path(journalFile), []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	tail := w.Tail()
	for range 2 {
		if err := w.Append("b", 2); err != nil {
			t.Fatal(err)
		}
	}
	if got := entries(t, w); got != "a=1 b=2 b=2" {
		t.Errorf("entries are %s", got)
	}
	if got, _, err := tail.Next(); err != nil || len(got) != 3 {
		t.Errorf("%d entries followed, %v", len(got), err)
	}
	data, err := os.ReadFile(w.path(journalFile))
	if lines := strings.Split(string(data), "\n"); err != nil || len(lines) != 5 || lines[0]+"\n" != old || lines[1] != `{"format":"workshop journal","version":1}` {
		t.Errorf("%s, %v", data, err)
	}
	// Another process of a newer program goes on.
	newer := append(data, []byte(`{"format":"workshop journal","version":7}`+"\n"+old)...)
	if err := os.WriteFile(w.path(journalFile), newer, 0o600); err != nil {
		t.Fatal(err)
	}
	var last error
	for _, err := range w.Read() {
		last = err
	}
	_, _, next := tail.Next()
	for name, err := range map[string]error{"read": last, "followed": next, "written": w.Append("b", 3)} {
		if !jsonl.Refused(err) || !strings.Contains(err.Error(), w.path(journalFile)) || !strings.Contains(err.Error(), "version 7") || !strings.Contains(err.Error(), "use a newer workshop") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after, _ := os.ReadFile(w.path(journalFile)); !bytes.Equal(after, newer) {
		t.Error("a newer journal was changed")
	}
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte("{\"time\":\"2026-01-01T00:00:00Z\",\"kind\":\"a\",\"data\":1}\n{"))
	f.Add([]byte("\n\n\x00"))
	f.Fuzz(func(t *testing.T, before []byte) {
		w := &Workspace{dir: t.TempDir()}
		if err := os.WriteFile(w.path(journalFile), before, 0o600); err != nil {
			t.Fatal(err)
		}
		switch err := w.Append("last", "word"); {
		case jsonl.Refused(err):
			if after, _ := os.ReadFile(w.path(journalFile)); !bytes.Equal(after, before) {
				t.Errorf("a journal that was refused is changed to %q", after)
			}
			return
		case err != nil:
			t.Fatal(err)
		}
		var last Entry
		for e, err := range w.Read() {
			if err != nil {
				t.Fatal(err)
			}
			last = e
		}
		if last.Kind != "last" || string(last.Data) != `"word"` {
			t.Errorf("the last entry is %+v", last)
		}
	})
}

func TestLock(t *testing.T) {
	w := open(t, t.TempDir(), bundle("a.tf", "a"))
	lock, err := w.Lock()
	if err != nil {
		t.Fatal(err)
	}
	var locked *LockedError
	if _, err := w.Lock(); !errors.As(err, &locked) {
		t.Fatalf("the second Lock: %v", err)
	}
	if locked.PID != os.Getpid() || locked.Command == "" || locked.Since.IsZero() || locked.Dir != w.Dir() {
		t.Errorf("the holder is %+v", locked)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := lock.Unlock(); err != nil {
		t.Errorf("the second Unlock: %v", err)
	}
	lock, err = w.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
}

// Who only looks whether the lock is free keeps nobody from taking it, and is not taken for
// its holder.
func TestLockBesideOneWhoLooks(t *testing.T) {
	w := open(t, t.TempDir(), bundle("a.tf", "a"))
	if held, err := w.Locked(); held || err != nil {
		t.Errorf("a free lock: %v, %v", held, err)
	}
	looks := flock.New(w.path(lockFile))
	if err := looks.RLock(); err != nil { // as Locked has it
		t.Fatal(err)
	}
	if held, err := w.Locked(); held || err != nil {
		t.Errorf("beside one who looks: %v, %v", held, err)
	}
	var locked *LockedError
	if _, err := w.Lock(); !errors.As(err, &locked) {
		t.Errorf("somebody looks without an end: %v", err)
	}
	go looks.Close()
	lock, err := w.LockWithin(time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if held, err := w.Locked(); !held || err != nil {
		t.Errorf("a lock that is held: %v, %v", held, err)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
}

// TestLockEndsWithItsProcess starts this test's own program as the holder.
func TestLockEndsWithItsProcess(t *testing.T) {
	if dir := os.Getenv("WORKSPACE_TEST_HOLD"); dir != "" {
		w := &Workspace{dir: dir}
		lock, err := w.Lock()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = lock.Unlock() }) // it keeps the lock from being collected as garbage, which lets go of it
		os.Stdout.WriteString("held\n")
		select {}
	}
	w := open(t, t.TempDir(), bundle("a.tf", "a"))
	child := exec.Command(os.Args[0], "-test.run=^TestLockEndsWithItsProcess$")
	child.Env = append(os.Environ(), "WORKSPACE_TEST_HOLD="+w.Dir())
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Process.Kill()
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	var locked *LockedError
	if _, err := w.Lock(); !errors.As(err, &locked) || locked.PID != child.Process.Pid {
		t.Fatalf("while the child holds it: %v", err)
	}
	child.Process.Kill()
	child.Wait()
	lock, err := w.Lock()
	if err != nil {
		t.Fatalf("after the child was killed: %v", err)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
}
