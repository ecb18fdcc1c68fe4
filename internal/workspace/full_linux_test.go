package workspace

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The tests in this file mount a small file system in a namespace of their own:
// the test starts itself again there, with smallDisk naming the mount point.
const smallDisk = "WORKSPACE_TEST_DISK"

// onSmallDisk returns the mount point of a file system of 1 MiB, in the process
// that has one; another one starts that process and returns false.
func onSmallDisk(t *testing.T) (string, bool) {
	t.Helper()
	if dir := os.Getenv(smallDisk); dir != "" {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m,mode=700"); err != nil {
			fmt.Println("no mount:", err)
			os.Exit(42)
		}
		return dir, true
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), smallDisk+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	out, err := cmd.CombinedOutput()
	switch {
	case cmd.ProcessState == nil || cmd.ProcessState.ExitCode() == 42:
		t.Skipf("this machine lets nobody mount a small disk: %v %s", err, out)
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	default:
		t.Logf("%s", out)
	}
	return "", false
}

// fill leaves so many free blocks on the disk, and returns what gives the rest
// back.
func fill(t *testing.T, disk string, left int) (free func()) {
	t.Helper()
	var st syscall.Statfs_t
	if err := syscall.Statfs(disk, &st); err != nil {
		t.Fatal(err)
	}
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, int64(st.Bsize)*(int64(st.Bfree)-int64(left))), 0o600); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	}
}

// tree has what is in every file of a folder.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		out[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// writes is everything that writes to a workspace.
var writes = []struct {
	name string
	do   func(w *Workspace) error
}{
	{"progress", func(w *Workspace) error {
		return w.UpdateProgress(func(p *Progress) error {
			p.Steps["a"] = StepProgress{Done: true, Place: fmt.Appendf(nil, "%q", strings.Repeat("x", 9000))}
			return nil
		})
	}},
	{"journal", func(w *Workspace) error { return w.Append("big", strings.Repeat("x", 9000)) }},
	{"journal, once", func(w *Workspace) error {
		return w.AppendUnless(func() (bool, error) { return false, nil }, "big", Output{Lines: strings.Repeat("x", 9000)})
	}},
	{"kept output", func(w *Workspace) error { return w.KeepOutput("deploy", Output{Lines: strings.Repeat("x", 9000)}) }},
	{"saved log lines", func(w *Workspace) error { _, err := w.SaveLog("a.log", make([]byte, 9000)); return err }},
	{"a file of the configuration", func(w *Workspace) error {
		_, err := w.Edit("terraform.tfvars", bytes.Repeat([]byte("# x\n"), 3000))
		return err
	}},
	{"reset", func(w *Workspace) error { _, _, err := w.Reset(); return err }},
	{"lock", func(w *Workspace) error {
		l, err := w.Lock()
		if err != nil {
			return err
		}
		return l.Unlock()
	}},
	{"a new version of the configuration", func(w *Workspace) error {
		_, err := Open(w.dir, bundle("a.tf", strings.Repeat("# new\n", 2000), "b.tf", strings.Repeat("# b\n", 2000)))
		return err
	}},
	{"a new workspace", func(w *Workspace) error {
		_, err := Open(filepath.Join(filepath.Dir(w.dir), "new"), bundle("a.tf", strings.Repeat("# a\n", 2000), "b.tf", strings.Repeat("# b\n", 2000)))
		return err
	}},
}

// settled is a workspace with something in every file, in which learners
// changed what they have.
func settled(t *testing.T, dir string) *Workspace {
	t.Helper()
	w := open(t, dir, bundle("a.tf", strings.Repeat("# a\n", 2000)))
	w.edit(t, "own.tf", strings.Repeat("# own\n", 2000))
	w.edit(t, "terraform.tfvars", "x = 1\n")
	if err := errors.Join(w.Append("old", 1), w.KeepOutput("deploy", Output{Title: "old"}), w.SaveProgress(Progress{Current: "old"})); err != nil {
		t.Fatal(err)
	}
	return w
}

// intact checks that files are as they were, or as a write makes them: whole. A
// line of the journal may be torn; readers and the next entry pass over it.
func intact(t *testing.T, w *Workspace, before map[string]string) {
	t.Helper()
	now := tree(t, w.dir)
	for path, was := range before {
		is, there := now[path]
		switch filepath.Base(path) {
		case journalFile:
			if !strings.HasPrefix(is, was) {
				t.Errorf("%s lost entries", path)
			}
		case holderFile, lockFile, journalLock, progressLock:
		default:
			if !there || is != was && len(is) < 100 && len(was) > len(is) {
				t.Errorf("%s had %d bytes and has %d: %.60q", path, len(was), len(is), is)
			}
		}
	}
	for path := range maps.Keys(now) {
		if _, known := before[path]; !known && now[path] == "" && !strings.HasSuffix(path, "lock") {
			t.Errorf("%s was left empty", path)
		}
	}
	if p, err := w.LoadProgress(); err != nil || p.Current == "" && len(p.Steps) == 0 {
		t.Errorf("the progress is %+v, %v", p, err)
	}
	if len(w.Notes()) != 0 {
		t.Error("the progress was damaged")
	}
	if got := entries(t, w, "old"); got != "old=1" {
		t.Errorf("the journal has %q", got)
	}
}

func TestFullDisk(t *testing.T) {
	disk, ok := onSmallDisk(t)
	if !ok {
		return
	}
	for _, op := range writes {
		t.Run(op.name, func(t *testing.T) {
			failed := 0
			// Every write on the way is the one that finds the disk full.
			for left := range 24 {
				w := settled(t, filepath.Join(disk, "w"))
				before := tree(t, w.dir)
				free := fill(t, disk, left)
				err := op.do(w)
				if err != nil {
					failed++
					var we *WriteError
					text := err.Error()
					if !errors.As(err, &we) || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(text, "Free some space, or choose another folder with --workspace DIR.") {
						t.Errorf("%d blocks free: %v", left, err)
					}
					if strings.Contains(text, "no such file") {
						t.Errorf("%d blocks free: %v says more than the cause", left, err)
					}
					intact(t, w, before)
				}
				free()
				if err := op.do(w); err != nil {
					t.Errorf("%d blocks were free, and with space again: %v", left, err)
				}
				if err := errors.Join(os.RemoveAll(w.dir), os.RemoveAll(filepath.Join(disk, "new"))); err != nil {
					t.Fatal(err)
				}
				if err == nil {
					t.Logf("failed with fewer than %d free blocks", left)
					break
				}
			}
			if failed == 0 {
				t.Error("the disk was never full")
			}
		})
	}
}

func TestReadOnlyDisk(t *testing.T) {
	disk, ok := onSmallDisk(t)
	if !ok {
		return
	}
	remount := func(flags uintptr) {
		t.Helper()
		if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	for _, op := range writes {
		t.Run(op.name, func(t *testing.T) {
			w := settled(t, filepath.Join(disk, "w"))
			before := tree(t, w.dir)
			remount(syscall.MS_RDONLY)
			err := op.do(w)
			if err == nil || !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), "is on a read-only disk") || !strings.Contains(err.Error(), "--workspace DIR") {
				t.Errorf("%v", err)
			}
			// What only reads goes on.
			if _, err := Open(w.dir, bundle("a.tf", strings.Repeat("# a\n", 2000))); err != nil {
				t.Errorf("opening it as it is: %v", err)
			}
			intact(t, w, before)
			remount(0)
			if err := op.do(w); err != nil {
				t.Errorf("writable again: %v", err)
			}
			if err := errors.Join(os.RemoveAll(w.dir), os.RemoveAll(filepath.Join(disk, "new"))); err != nil {
				t.Fatal(err)
			}
		})
	}
}
