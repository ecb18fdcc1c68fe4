package workspace

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

func TestOutput(t *testing.T) {
	w, err := Open(t.TempDir(), fstest.MapFS{"main.tf": {Data: []byte("# nothing\n")}})
	if err != nil {
		t.Fatal(err)
	}
	var got string
	if ok, err := w.Output("deploy", &got); ok || err != nil {
		t.Errorf("before there is any: %v, %v", ok, err)
	}
	for _, text := range []string{"first", "second"} {
		if err := w.KeepOutput("deploy", text); err != nil {
			t.Fatal(err)
		}
	}
	if ok, err := w.Output("deploy", &got); !ok || err != nil || got != "second" {
		t.Errorf("%q, %v, %v", got, ok, err)
	}
	file := filepath.Join(w.Dir(), "output", "deploy.json")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := w.KeepOutput("deploy", strings.Repeat("x", maxOutput)); err == nil {
		t.Error("more than is kept was kept")
	}
	for _, step := range []string{"", ".", "..", "a/b"} {
		if err := w.KeepOutput(step, "x"); err == nil {
			t.Errorf("%q was taken for a step", step)
		}
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if ok, err := w.Output("deploy", &got); ok || err == nil {
		t.Errorf("a damaged one: %v, %v", ok, err)
	}
}
