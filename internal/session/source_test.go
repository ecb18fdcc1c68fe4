package session

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/fstest"

	"workshop/internal/stack"
	"workshop/internal/target"
)

func TestSources(t *testing.T) {
	s := open(t, target.Sandbox)
	for name, text := range map[string]string{
		"own.tf":    "# mine\r\nresource \"aws_lb\" \"own\" {\r\n  name = \"x\"\r\n}\r\n",
		"broken.tf": "resource \"aws_vpc\" \"half\" {\n",
		"not.hcl":   "resource \"aws_vpc\" \"elsewhere\" {}\n",
	} {
		if err := os.WriteFile(filepath.Join(s.Workspace.TerraformDir(), name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Sources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := (stack.Source{File: "own.tf", Line: 2, Text: "resource \"aws_lb\" \"own\" {\r\n  name = \"x\"\r\n}"}); got["aws_lb.own"] != want {
		t.Errorf("aws_lb.own: %+v", got["aws_lb.own"])
	}
	if _, ok := got["aws_vpc.elsewhere"]; ok {
		t.Error("a file that Terraform does not read was read")
	}
}

// Folders with names that a pattern would read otherwise, beside a neighbour
// that such a pattern would find.
func TestSourcesInOddFolders(t *testing.T) {
	parent := t.TempDir()
	for _, name := range []string{"ws2", "ws [2026", "ws [2026]", "ws*", "quote ' \" two", "ünï ✓"} {
		s, err := Open(Options{Kind: target.Sandbox, Workspace: filepath.Join(parent, name), Configuration: fstest.MapFS{"main.tf": {Data: []byte("# nothing\n")}}})
		if err != nil {
			if runtime.GOOS == "windows" {
				continue // it has not all of these names
			}
			t.Fatalf("%s: %v", name, err)
		}
		t.Cleanup(func() { s.Close() })
		if err := os.WriteFile(filepath.Join(s.Workspace.TerraformDir(), "own.tf"), fmt.Appendf(nil, "resource \"aws_lb\" %q {}\n", "a"+fmt.Sprint(len(name))), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := s.Sources(t.Context())
		if err != nil || len(got) != 1 || got["aws_lb.a"+fmt.Sprint(len(name))].File != "own.tf" {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
