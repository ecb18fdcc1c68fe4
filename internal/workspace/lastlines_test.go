package workspace

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
)

func TestKeepLines(t *testing.T) {
	dir := t.TempDir()
	w, err := Open(dir, fstest.MapFS{"main.tf": {Data: []byte("# nothing\n")}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range linesOf + 5 {
		if err := w.KeepLines(fmt.Sprint("task", i), []byte("[]")); err != nil {
			t.Fatal(err)
		}
	}
	files, err := os.ReadDir(filepath.Join(dir, linesFolder))
	if err != nil || len(files) != linesOf {
		t.Errorf("%d files, %v", len(files), err)
	}
	if data, err := w.KeptLines(fmt.Sprint("task", linesOf+4)); err != nil || string(data) != "[]" {
		t.Errorf("the newest: %q, %v", data, err)
	}
	if data, err := w.KeptLines("nothing"); err != nil || data != nil {
		t.Errorf("nothing was kept: %q, %v", data, err)
	}
	if info, err := files[0].Info(); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	for _, name := range []string{"", "..", "a/b", "../journal"} {
		if err := w.KeepLines(name, nil); err == nil {
			t.Errorf("%q is taken for a name", name)
		}
	}
}
