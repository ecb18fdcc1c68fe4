package main

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestConfiguredInOddFolders(t *testing.T) {
	parent := t.TempDir()
	if err := os.MkdirAll(filepath.Join(parent, "ws2"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(parent, "ws2", "main.tf"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ws [2026", "ws [2026]", "ws*", "quote ' \" two", "ünï ✓"} {
		if runtime.GOOS == "windows" {
			t.Skip("Windows has not all of these names")
		}
		dir := filepath.Join(parent, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if configured(dir) {
			t.Errorf("%s has no .tf file", name)
		}
		if err := os.WriteFile(filepath.Join(dir, "main.tf"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if !configured(dir) {
			t.Errorf("%s has a .tf file", name)
		}
	}
}
