//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"workshop/internal/lesson/kit"
)

// TestPreviewFollowsItsAuthor saves, breaks, mends and moves the files of a
// workshop while the real program shows it.
func TestPreviewFollowsItsAuthor(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	dir := filepath.Join(t.TempDir(), "mine")
	if _, err := kit.New(dir); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "01-welcome.md")
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	save := func(old, new string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(strings.Replace(string(src), old, new, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := p.terminal(100, 30, "preview", dir)
	s.sees(soon, "make a place for logs")
	save("make a place for logs", "make SOMETHING ELSE")
	s.sees(soon, "make SOMETHING ELSE")
	save("estimate: 5", "estimate: soon")
	s.sees(soon, "01-welcome.md:3:11", "make SOMETHING ELSE")
	if err := os.Rename(dir, dir+"-away"); err != nil {
		t.Fatal(err)
	}
	s.sees(soon, "the folder cannot be read", "make SOMETHING ELSE")
	if err := os.Rename(dir+"-away", dir); err != nil {
		t.Fatal(err)
	}
	s.sees(soon, "01-welcome.md:3:11")
	save("", "")
	s.sees(soon, "make a place for logs", "Mended")
	if err := os.WriteFile(filepath.Join(dir, "workshop.yaml"), []byte("title: Mine\nvariables: {takes: long}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file, filepath.Join(dir, "03-end.md")); err != nil {
		t.Fatal(err)
	}
	s.sees(soon, "2 of 2")
	s.types("q")
	if code := s.ends(soon); code != 0 {
		t.Errorf("the program exited with %d", code)
	}
}
