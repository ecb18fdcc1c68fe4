package workspace

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode"
)

// oddNames are folder names that patterns, shells and terminals take for more
// than a name.
var oddNames = []string{"ws [2026", "ws [2026]", "ws*", "ws?", `quote ' and "`, "spaces  two", "ünï ✓ 漢字", "-rf", "$HOME", "a\\b"}

func TestOddFolderNames(t *testing.T) {
	parent := t.TempDir()
	other := open(t, filepath.Join(parent, "ws2"), bundle("a.tf", "a1", "gone.tf", "x"))
	for _, name := range oddNames {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" && strings.ContainsAny(name, `*?"\`) {
				t.Skip("Windows has no such names")
			}
			dir := filepath.Join(parent, name)
			open(t, dir, bundle("a.tf", "a1", "gone.tf", "x"))
			w := open(t, dir, bundle("a.tf", "a2"))
			w.holds(t, "a.tf", "a2", "gone.tf", "")
			w.edit(t, "own.tf", "mine")
			if backup, changed, err := w.Reset(); err != nil || len(changed) != 1 {
				t.Errorf("Reset: %v, %v", changed, err)
			} else if got, err := os.ReadFile(filepath.Join(backup, "own.tf")); string(got) != "mine" {
				t.Errorf("the copy has %q, %v", got, err)
			}
			if err := errors.Join(w.Append("x", 1), w.KeepOutput("deploy", Output{}), w.SaveProgress(Progress{})); err != nil {
				t.Error(err)
			}
			if got := entries(t, w); got != "x=1" {
				t.Errorf("journal: %s", got)
			}
		})
	}
	other.holds(t, "a.tf", "a1", "gone.tf", "x")
	if got := entries(t, other); got != "" {
		t.Errorf("the neighbour's journal: %s", got)
	}
}

// A manifest that somebody forged names files outside of the configuration's
// folder, whose content is known.
func TestForgedManifest(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "w")
	w := open(t, dir, bundle("a.tf", "a1"))
	const content = "known"
	victims := []string{filepath.Join(parent, "victim.tf"), filepath.Join(dir, "victim.tf"), filepath.Join(w.TerraformDir(), "sub", "victim.tf"), filepath.Join(w.TerraformDir(), "terraform.tfstate")}
	m := manifest{}
	for _, v := range victims {
		if err := os.MkdirAll(filepath.Dir(v), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(v, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		rel, err := filepath.Rel(w.TerraformDir(), v)
		if err != nil {
			t.Fatal(err)
		}
		m[rel], m[v] = sum([]byte(content)), sum([]byte(content))
	}
	m["/../../victim.tf"], m[`..\victim.tf`] = sum([]byte(content)), sum([]byte(content))
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.path(manifestFile), data, 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, dir, bundle("a.tf", "a1"))
	for _, v := range victims {
		if got, err := os.ReadFile(v); string(got) != content {
			t.Errorf("%s: %q, %v", v, got, err)
		}
	}
}

// A workspace that was handed on has links in the place of its own files.
func TestLinksThatLeadOut(t *testing.T) {
	outside := t.TempDir()
	victim := filepath.Join(outside, "victim")
	for _, name := range []string{idFile, manifestFile, progressFile, journalFile, holderFile, filepath.Join(outputFolder, "deploy.json"), outputFolder, backupFolder} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(victim, []byte("private"), 0o600); err != nil {
				t.Fatal(err)
			}
			w := open(t, t.TempDir(), bundle("a.tf", "a1"))
			link, to := w.path(name), victim
			if filepath.Ext(name) == "" && name != idFile {
				to = outside
			}
			os.Remove(link)
			if err := os.MkdirAll(filepath.Dir(link), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(to, link); err != nil {
				t.Skipf("no symbolic links: %v", err)
			}
			// Some of this fails, which is right; what must not be is written.
			if w, err := Open(w.Dir(), bundle("a.tf", "a1")); err == nil {
				w.edit(t, "a.tf", "mine")
				_, _, _ = w.Reset()
				_ = errors.Join(w.Append("x", 1), w.KeepOutput("deploy", Output{}), w.SaveProgress(Progress{}))
				if l, err := w.Lock(); err == nil {
					_ = l.Unlock()
				}
			}
			if got, err := os.ReadFile(victim); string(got) != "private" {
				t.Errorf("the file outside holds %q, %v", got, err)
			}
			if names, _ := os.ReadDir(outside); len(names) != 1 {
				t.Errorf("the folder outside has %v", names)
			}
		})
	}
}

// The learner may keep the configuration elsewhere, and link to it.
func TestLinkedConfiguration(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	if err := os.Symlink(elsewhere, filepath.Join(dir, terraformFolder)); err != nil {
		t.Skipf("no symbolic links: %v", err)
	}
	w := open(t, dir, bundle("a.tf", "a1"))
	values := filepath.Join(t.TempDir(), "shared.tfvars")
	if err := os.WriteFile(values, []byte("x = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(values, filepath.Join(elsewhere, "terraform.tfvars")); err != nil {
		t.Fatal(err)
	}
	w.edit(t, "a.tf", "mine")
	w = open(t, dir, bundle("a.tf", "a2"))
	if changed, err := w.Changed(); err != nil || len(changed) != 2 {
		t.Errorf("changed: %v, %v", changed, err)
	}
	backup, _, err := w.Reset()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(backup, "terraform.tfvars")); string(got) != "x = 1\n" {
		t.Errorf("the copy has %q, %v", got, err)
	}
	if got, err := os.ReadFile(values); string(got) != "x = 1\n" {
		t.Errorf("the linked file has %q, %v", got, err)
	}
	w.holds(t, "a.tf", "a2", "terraform.tfvars", "")
}

func TestFoldersInThePlaceOfFiles(t *testing.T) {
	for _, name := range []string{progressFile, journalFile, idFile} {
		w := open(t, t.TempDir(), bundle("a.tf", "a1"))
		os.Remove(w.path(name))
		if err := os.Mkdir(w.path(name), 0o700); err != nil {
			t.Fatal(err)
		}
		_, err := Open(w.Dir(), bundle("a.tf", "a1"))
		if name == journalFile && err == nil {
			err = w.Append("x", 1)
		}
		if err == nil || !strings.Contains(err.Error(), w.path(name)+" is not a regular file: move it away") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNoteOnAFolderThatOthersMayWrite(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	dir := filepath.Join(t.TempDir(), "it's [mine]")
	w := open(t, dir, bundle("a.tf", "a1"))
	if notes := w.Notes(); len(notes) != 0 {
		t.Errorf("a folder of one's own: %q", notes)
	}
	for _, folder := range []string{w.Dir(), w.TerraformDir()} {
		if err := os.Chmod(folder, 0o777); err != nil {
			t.Fatal(err)
		}
		w := open(t, dir, bundle("a.tf", "a1"))
		notes := w.Notes()
		if quoted := "'" + strings.ReplaceAll(folder, "'", `'\''`) + "'"; len(notes) != 1 || !strings.Contains(notes[0], "chmod go-w "+quoted) {
			t.Errorf("%s with mode 0777: %q", folder, notes)
		}
		if notes := w.Notes(); len(notes) != 0 {
			t.Errorf("noted twice: %q", notes)
		}
		if err := os.Chmod(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

func TestValidName(t *testing.T) {
	for _, name := range []string{"main.tf", "a b.tf", "ünï.tf", "..."} {
		if !ValidName(name) {
			t.Errorf("%q is refused", name)
		}
	}
	for _, name := range []string{"", ".", "..", "/", "/a", "a/", "a/b", "../a", "a\x00b", "a\nb", "a\x1b[2Jb", "a\u009bb", "a\u202eb", "a\xffb", strings.Repeat("a", 256)} {
		if ValidName(name) {
			t.Errorf("%q is taken", name)
		}
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"main.tf":"` + sum(nil) + `","../x.tf":"` + sum(nil) + `"}`))
	f.Add([]byte(`{"a.tf":1}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for name, sum := range parseManifest(data) {
			if name != filepath.Base(name) || filepath.Dir(filepath.Join("x", name)) != "x" || len(sum) != 64 || strings.ContainsFunc(name, unicode.IsControl) {
				t.Errorf("%q: %q", name, sum)
			}
		}
	})
}

func FuzzHolder(f *testing.F) {
	f.Add([]byte(`{"pid":12,"command":"workshop deploy","since":"2026-01-01T00:00:00Z"}`))
	f.Add([]byte(`{"pid":-1,"command":"\u001b[2J\u202e","since":"2026-01-01T00:00:00Z"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		h := parseHolder(data)
		if h.PID < 0 || h.PID == 0 && h != (holder{}) || len([]rune(h.Command)) > maxCommand+3 || strings.ContainsFunc(h.Command, unicode.IsControl) {
			t.Errorf("%+v", h)
		}
		if text := (&LockedError{Dir: "/w", PID: h.PID, Command: h.Command, Since: h.Since}).Error(); strings.Contains(text, "0001") {
			t.Error(text)
		}
	})
}

func FuzzOutput(f *testing.F) {
	f.Add("deploy", []byte(`{"lines":"x","dropped":-1,"took":-5}`))
	f.Add("../../x", []byte(`{`))
	f.Fuzz(func(t *testing.T, step string, data []byte) {
		name, err := outputFile(step)
		if err != nil {
			return
		}
		w := &Workspace{dir: t.TempDir()}
		if filepath.Dir(w.path(name)) != w.path(outputFolder) {
			t.Fatalf("the output of %q is kept in %s", step, name)
		}
		if len(name) > 200 {
			t.Skip("too long for some file systems")
		}
		if err := w.writeFile(name, data); err != nil {
			t.Fatal(err)
		}
		if _, ok, err := w.Output(step); ok != (err == nil) {
			t.Errorf("%v, %v", ok, err)
		}
	})
}
