package diagnose

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// vague are the answers for texts of which nothing more is known.
var vague = map[string]bool{"image-other": true, "initialisation-other": true, "failed-to-start": true, "exit-other": true, "placement-other": true, "stopped-by-service": true}

// TestEveryTextOfTheSandboxIsKnown reads the source of the sandbox's ECS: each reason that it
// gives a stopped task, and each event, has an answer of its own.
func TestEveryTextOfTheSandboxIsKnown(t *testing.T) {
	files, err := filepath.Glob("../sandbox/ecs/*.go")
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	var parsed []*ast.File
	constants := map[string]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, f)
		ast.Inspect(f, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == len(v.Names) {
				for i, id := range v.Names {
					if s, ok := text(v.Values[i], nil); ok {
						constants[id.Name] = s
					}
				}
			}
			return true
		})
	}
	reason := regexp.MustCompile(`^(\w+Error: |Task failed |Scaling activity |Timeout waiting |Unexpected EC2 |Capacity is |ECS was unable |failed to resolve container|dependency graph: |Your Spot |Task stopped )`)
	// What the sandbox puts together of texts that this test finds on their own.
	composed := regexp.MustCompile(`^(Task failed to start|.*Reason: 1\.|\(service 1\) \(deployment 1\) (deployment failed: )?1)$`)
	verb := regexp.MustCompile(`%[a-z]`)
	reasons, events := 0, 0
	for _, f := range parsed {
		ast.Inspect(f, func(n ast.Node) bool {
			if kv, ok := n.(*ast.KeyValueExpr); ok { // of a fault that ends a deployment
				s, found := text(kv.Value, constants)
				switch key, _ := kv.Key.(*ast.Ident); {
				case key == nil || !found:
				case key.Name == "event":
					events++
					if a, ok := Event("(service 1) (deployment 1) deployment failed: " + s); !ok || vague[a.ID] {
						t.Errorf("%s: event %q: %q", set.Position(kv.Pos()), s, a.ID)
					}
				case key.Name == "reason":
					if a, ok := Deployment("FAILED", s); !ok || a.Fine || strings.Contains(s, "alarm") != strings.Contains(a.ID, "alarm") {
						t.Errorf("%s: deployment %q: %q", set.Position(kv.Pos()), s, a.ID)
					}
				}
			}
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			name := ""
			switch f := call.Fun.(type) {
			case *ast.SelectorExpr:
				name = f.Sel.Name
			case *ast.Ident:
				name = f.Name
			}
			for _, arg := range call.Args {
				s, ok := text(arg, constants)
				if !ok {
					continue
				}
				s = verb.ReplaceAllString(s, "1")
				switch at := set.Position(arg.Pos()); {
				case composed.MatchString(s):
				case strings.HasPrefix(s, "(service ") && (name == "event" || name == "Sprintf"):
					events++
					if a, ok := Event(s); !ok || vague[a.ID] {
						t.Errorf("%s: event %q: %q", at, s, a.ID)
					}
				case reason.MatchString(s):
					reasons++
					if a, ok := Stopped(Facts{StopCode: "TaskFailedToStart", Reason: s}); !ok || vague[a.ID] {
						t.Errorf("%s: reason %q: %q", at, s, a.ID)
					}
				}
			}
			return true
		})
	}
	if reasons < 15 || events < 10 {
		t.Errorf("found %d reasons and %d events: the test looks past them", reasons, events)
	}
	t.Logf("%d reasons, %d events", reasons, events)
}

// text evaluates a string, with 1 in the place of what is not constant.
func text(e ast.Expr, constants map[string]string) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			s, err := strconv.Unquote(e.Value)
			return s, err == nil
		}
	case *ast.Ident:
		s, ok := constants[e.Name]
		return s, ok
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			a, okA := text(e.X, constants)
			b, okB := text(e.Y, constants)
			if okA || okB {
				if !okA {
					a = "1"
				}
				if !okB {
					b = "1"
				}
				return a + b, true
			}
		}
	}
	return "", false
}
