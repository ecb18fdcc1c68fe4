package conformance

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// services are the names that requests to a folder's service are signed for.
// EC2's model lists no errors.
var services = map[string]string{
	"autoscaling": "application-autoscaling", "cloudwatch": "monitoring", "ecs": "ecs", "elbv2": "elasticloadbalancing",
	"iam": "iam", "logs": "logs", "scheduler": "scheduler", "sts": "sts", "tagging": "tagging",
}

// TestErrorCodes reads the code of every error that a service makes by name, and
// holds it to those that the service's model has: clients branch on them.
func TestErrorCodes(t *testing.T) {
	m := models(t)
	found := 0
	for folder, name := range services {
		svc := m.Services[name]
		files, err := filepath.Glob(filepath.Join("..", folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		if svc == nil && len(files) > 0 {
			t.Logf("%s: the model does not have it yet", folder)
			continue
		}
		known := map[string]bool{}
		for op := range svc.Operations {
			for _, e := range svc.Operations[op].Errors {
				known[e.Shape] = true
				if s := svc.Shapes[e.Shape]; s.Error != nil && s.Error.Code != "" {
					known[s.Error.Code] = true
				}
			}
		}
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			for at, code := range errorCodes(t, f) {
				found++
				if !known[code] && !everywhere[code] {
					t.Errorf("%s: %s is no error of %s", at, code, name)
				}
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d errors found: the test does not see them any more", found)
	}
}

// errorCodes finds wire.Errorf("Code", ...) and wire.Error{"Code", ...}, by
// place.
func errorCodes(t *testing.T, path string) map[string]string {
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, src, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		var of, code ast.Expr
		switch n := n.(type) {
		case *ast.CallExpr:
			if len(n.Args) > 0 {
				of, code = n.Fun, n.Args[0]
			}
		case *ast.CompositeLit:
			if len(n.Elts) > 0 {
				of, code = n.Type, n.Elts[0]
				if kv, ok := code.(*ast.KeyValueExpr); ok {
					code = kv.Value
				}
			}
		}
		sel, ok := of.(*ast.SelectorExpr)
		if !ok || sel.Sel.Name != "Errorf" && sel.Sel.Name != "Error" {
			return true
		}
		if pkg, ok := sel.X.(*ast.Ident); !ok || pkg.Name != "wire" {
			return true
		}
		if lit, ok := code.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			s, _ := strconv.Unquote(lit.Value)
			codes[fset.Position(lit.Pos()).String()] = s
		}
		return true
	})
	return codes
}
