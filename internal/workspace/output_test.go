package workspace

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func TestOutput(t *testing.T) {
	w, err := Open(t.TempDir(), fstest.MapFS{"main.tf": {Data: []byte("# nothing\n")}})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := w.Output("deploy"); ok || err != nil {
		t.Errorf("before there is any: %v, %v", ok, err)
	}
	want := Output{Command: "curl", Lines: "second", Dropped: 2, Code: 7, Err: "no answer", At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Elapsed: time.Second}
	for _, o := range []Output{{Title: "solve", Lines: "first"}, want} {
		if err := w.KeepOutput("deploy", o); err != nil {
			t.Fatal(err)
		}
	}
	if got, ok, err := w.Output("deploy"); !ok || err != nil || got != want {
		t.Errorf("%+v, %v, %v", got, ok, err)
	}
	file := filepath.Join(w.Dir(), "output", "deploy.json")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := w.KeepOutput("deploy", Output{Lines: strings.Repeat("x", maxOutput)}); err == nil {
		t.Error("more than is kept was kept")
	}
	for _, step := range []string{"", ".", "..", "a/b"} {
		if err := w.KeepOutput(step, Output{}); err == nil {
			t.Errorf("%q was taken for a step", step)
		}
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := w.Output("deploy"); ok || err == nil {
		t.Errorf("a damaged one: %v, %v", ok, err)
	}
	// The file as every version so far has written it.
	old := `{"command":"curl","title":"solve","lines":"a\nb","dropped":3,"code":1,"err":"no","at":"2026-01-02T03:04:05Z","took":1500000000}`
	if err := os.WriteFile(file, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	want = Output{Command: "curl", Title: "solve", Lines: "a\nb", Dropped: 3, Code: 1, Err: "no", At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Elapsed: 1500 * time.Millisecond}
	if got, ok, err := w.Output("deploy"); !ok || err != nil || got != want {
		t.Errorf("an old file: %+v, %v, %v", got, ok, err)
	}
}
