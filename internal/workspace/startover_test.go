package workspace

import (
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
)

func TestStartOver(t *testing.T) {
	bundle := fstest.MapFS{"main.tf": {Data: []byte("# bundled\n")}}
	dir := t.TempDir()
	w, err := Open(dir, bundle)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"terraform/mine.tf": "# mine", "terraform/terraform.tfstate": "{}", "sandbox/journal": "x", "backup/before/main.tf": "# older"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	lock, err := w.Lock()
	if err != nil {
		t.Fatal(err)
	}
	kept, err := w.StartOver()
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(dir, bundle)
	if err != nil || again.ID() == w.ID() {
		t.Errorf("the workspace kept its id %s (%v): what the old one made would count as the new one's", w.ID(), err)
	}
	if changed, err := again.Changed(); err != nil || len(changed) > 0 {
		t.Errorf("still changed: %q, %v", changed, err)
	}
	for _, name := range []string{"terraform/terraform.tfstate", "sandbox"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
	for _, path := range []string{filepath.Join(kept, "terraform/mine.tf"), filepath.Join(dir, "backup/before/main.tf")} {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("lost: %v", err)
		}
	}
}
