package tui_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"strings"
	"testing"
)

// The work of a job runs beside the event loop, so it is a function of values: a
// function that takes a context must not mention the receiver of the method that it
// is written in, which belongs to the event loop.
func TestWorkIsAFunctionOfValues(t *testing.T) {
	seen := 0
	err := fs.WalkDir(os.DirFS("."), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "tuitest/") || strings.HasPrefix(path, "jobs/") {
			return err
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			method, ok := decl.(*ast.FuncDecl)
			if !ok || method.Recv == nil || len(method.Recv.List[0].Names) == 0 || method.Body == nil {
				continue
			}
			receiver := method.Recv.List[0].Names[0].Name
			ast.Inspect(method.Body, func(n ast.Node) bool {
				work, ok := n.(*ast.FuncLit)
				if !ok || !takesContext(work.Type) {
					return true
				}
				seen++
				ast.Inspect(work.Body, func(n ast.Node) bool {
					if id, ok := n.(*ast.Ident); ok && id.Name == receiver {
						t.Errorf("%s: the work of a job reads %s, which belongs to the event loop: copy what it needs first", fset.Position(id.Pos()), receiver)
					}
					return true
				})
				return false
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 20 {
		t.Errorf("only %d functions were found", seen)
	}
}

func takesContext(f *ast.FuncType) bool {
	if len(f.Params.List) == 0 {
		return false
	}
	s, ok := f.Params.List[0].Type.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := s.X.(*ast.Ident)
	return ok && pkg.Name == "context" && s.Sel.Name == "Context"
}
