package main

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// floors orders the parts of the house: an import goes down, never up or
// sideways, except among the parts of one folder.
var floors = []struct {
	level int
	parts []string
}{
	{7, []string{"cmd/workshop"}},
	{6, []string{"internal/tui"}},
	{5, []string{"internal/session"}},
	{4, []string{"internal/fargate", "internal/operation", "internal/doctor"}},
	{3, []string{"internal/stack", "internal/lesson", "internal/sweep"}},
	{2, []string{"internal/workspace", "internal/target", "internal/diagnose", "internal/check", "internal/cost", "internal/mirror"}},
	{1, []string{"internal/sandbox"}},
	{0, []string{"internal/clean", "internal/datachannel", "internal/detach", "internal/jsonl", "internal/logline", "internal/regions", "steps", "terraform"}},
}

// rooms are the packages of the screens: each imports those of the lines above it
// alone. A page is in the last line but one, whatever its name.
var rooms = [][]string{
	{"style", "keys", "picture"},
	{"draw", "jobs"},
	{"widgets", "chart"},
	{"page", "reader", "diagram"},
	{"operation"},
	{"architecture"},
	{"pages"},
	{"", "tuitest"},
}

// room returns the line of a package of the screens in rooms; ok is false for a
// package of another part.
func room(pkg string) (line int, ok bool) {
	in, ok := strings.CutPrefix(pkg, "internal/tui")
	first, _, _ := strings.Cut(strings.TrimPrefix(in, "/"), "/")
	return slices.IndexFunc(rooms, func(names []string) bool { return slices.Contains(names, first) }), ok
}

func floor(pkg string) (part string, level int) {
	for _, f := range floors {
		for _, p := range f.parts {
			if pkg == p || strings.HasPrefix(pkg, p+"/") {
				return p, f.level
			}
		}
	}
	return pkg, -1
}

// TestHouse holds the packages to the arrows of the design.
func TestHouse(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports", "../../...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	screens := []string{"charm.land/bubbletea/", "charm.land/lipgloss/", "charm.land/bubbles/", "charm.land/glamour/"}
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		own, ok := strings.CutPrefix(p.ImportPath, "workshop/")
		if !ok {
			continue
		}
		part, level := floor(own)
		if level < 0 {
			t.Errorf("%s has no floor in the house: add it here and to CONTRIBUTING.md", own)
		}
		for _, imp := range p.Imports {
			for _, s := range screens {
				if strings.HasPrefix(imp, s) && part != "internal/tui" && part != "cmd/workshop" {
					t.Errorf("%s imports %s: only the screens draw", own, imp)
				}
			}
			if imp == "text/template" || imp == "html/template" || imp == "github.com/aws/aws-sdk-go-v2/service/ec2" {
				t.Errorf("%s imports %s, which makes the program far larger", own, imp)
			}
			target, ok := strings.CutPrefix(imp, "workshop/")
			if !ok {
				continue
			}
			to, below := floor(target)
			switch {
			case to == part:
				if from, ok := room(own); ok {
					if to, _ := room(target); to < 0 || to >= from && own != "internal/tui/tuitest" {
						t.Errorf("%s imports %s: arrows go down inside the screens too", own, target)
					}
				}
			case below >= level:
				t.Errorf("%s imports %s: arrows go down", own, target)
			case part == "internal/sandbox" && to != "internal/jsonl" && to != "internal/regions" && to != "internal/datachannel":
				// All are on the lowest floor and so import nothing of ours either.
				t.Errorf("%s imports %s: the sandbox knows nothing of the rest", own, target)
			case to == "internal/sandbox" && part != "internal/target" && part != "cmd/workshop":
				t.Errorf("%s imports %s: only target starts a sandbox", own, target)
			}
		}
	}
}

// TestNoPatternsWithFolders holds that no program calls filepath.Glob: a folder
// whose name has a bracket or a star would be read as a pattern. fs.Glob takes
// the folder apart from the pattern.
func TestNoPatternsWithFolders(t *testing.T) {
	files := token.NewFileSet()
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Glob" {
				if pkg, ok := s.X.(*ast.Ident); ok && pkg.Name == "filepath" {
					t.Errorf("%s: filepath.Glob takes the folder for a pattern: use fs.Glob with os.DirFS", files.Position(s.Pos()))
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
