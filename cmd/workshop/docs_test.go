package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"golang.org/x/mod/modfile"
)

var update = flag.Bool("update", false, "write the manual pages anew")

// docs/man has a manual page for every command, written from the command tree.
func TestManualPages(t *testing.T) {
	const dir = "../../docs/man"
	t.Setenv("WORKSHOP_SANDBOX_SPEED", "") // is the default of a flag
	root := (&commandLine{}).root()
	want := map[string][]byte{}
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if !c.IsAvailableCommand() && c != root {
			return
		}
		var page bytes.Buffer
		c.DisableAutoGenTag = true
		if err := doc.GenMan(c, &doc.GenManHeader{Section: "1", Manual: "Workshop", Source: "workshop"}, &page); err != nil {
			t.Fatal(err)
		}
		want[strings.ReplaceAll(c.CommandPath(), " ", "-")+".1"] = undated(page.Bytes())
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
	if *update {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, page := range want {
			if err := os.WriteFile(filepath.Join(dir, name), page, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if want[e.Name()] == nil {
			t.Errorf("docs/man/%s is of no command", e.Name())
		}
	}
	for name, page := range want {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !bytes.Equal(got, page) {
			t.Errorf("docs/man/%s is stale; go test ./cmd/workshop -run TestManualPages -update writes it: %v\n%s", name, err, diff.Diff("file", got, "command", page))
		}
	}
}

// undated takes the month out of a page's title, so that a page changes with its
// command alone.
func undated(page []byte) []byte {
	title, rest, _ := bytes.Cut(page, []byte("\n.SH "))
	fields := strings.Split(string(title), `"`)
	for i := range fields {
		if i == 5 {
			fields[i] = ""
		}
	}
	return append([]byte(strings.Join(fields, `"`)+"\n.SH "), rest...)
}

// The README names every command.
func TestReadmeNamesEveryCommand(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range (&commandLine{}).root().Commands() {
		if c.IsAvailableCommand() && !strings.Contains(string(readme), "workshop "+c.Name()) {
			t.Errorf("the README does not name `workshop %s`", c.Name())
		}
	}
}

// docs/dependencies.md names every module that go.mod requires for a reason of its
// own.
func TestDependenciesAreExplained(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	file, err := modfile.Parse("go.mod", mod, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range file.Require {
		name := strings.TrimPrefix(r.Mod.Path, "github.com/aws/aws-sdk-go-v2/")
		if !r.Indirect && !strings.Contains(string(text), name) {
			t.Errorf("docs/dependencies.md does not say why %s is there", r.Mod.Path)
		}
	}
}
