package workspace

import (
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
)

// The file that says where the state is kept is not the learner's: a reset that
// removed it would lose the state.
func TestBackendFileIsNotTheLearners(t *testing.T) {
	dir := t.TempDir()
	bundle := fstest.MapFS{"main.tf": {Data: []byte("# bundled\n")}}
	w, err := Open(dir, bundle)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(w.TerraformDir(), BackendFile)
	for _, name := range []string{file, filepath.Join(w.TerraformDir(), "mine.tf")} {
		if err := os.WriteFile(name, []byte("terraform {}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if changed, err := w.Changed(); err != nil || len(changed) != 1 || changed[0] != "mine.tf" {
		t.Errorf("Changed: %v, %v", changed, err)
	}
	if _, changed, err := w.Reset(); err != nil || len(changed) != 1 {
		t.Errorf("Reset: %v, %v", changed, err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
	// It alone is no configuration: the bundled files come again.
	if err := os.Remove(filepath.Join(w.TerraformDir(), "main.tf")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, bundle); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(w.TerraformDir(), "main.tf")); err != nil {
		t.Error(err)
	}
}
