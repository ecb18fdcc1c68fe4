package conformance

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// unread reads the members of inputs that change nothing in the sandbox from their table in
// the documentation. Keys are "service Operation.Member".
func unread(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("../../../docs/sandbox.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "### What it takes and does not use")
	table, _, _ = strings.Cut(table, "\n#")
	out := map[string]bool{}
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 {
			continue
		}
		for i, member := range strings.Split(cells[2], "`") {
			if i%2 == 1 {
				out[strings.TrimSpace(cells[1])+" "+member] = true
			}
		}
	}
	if len(out) < 10 {
		t.Fatalf("found %d members in the table", len(out))
	}
	return out
}

// folders are where the operations of a service are written, by signing name.
var folders = map[string]string{
	"application-autoscaling": "autoscaling", "ec2": "ec2", "ecs": "ecs", "elasticloadbalancing": "elbv2", "iam": "iam", "logs": "logs",
	"monitoring": "cloudwatch", "scheduler": "scheduler", "servicequotas": "quotas", "sts": "sts", "tagging": "tagging",
}

// Every member of an input is read by its handler, or listed in docs/sandbox.md: what is taken and
// neither kept nor refused shows as a difference in the next plan. The test reads the
// source: a handler's input is its parameter "in".
func TestInputsAreRead(t *testing.T) {
	s := start(t)
	all := models(t)
	listed, used := unread(t), map[string]bool{}
	for svc, ops := range s.Operations() {
		code := parse(t, filepath.Join("..", folders[svc]))
		for _, op := range ops {
			input := all.Services[svc].Operations[op].Input
			if input == nil {
				continue
			}
			handler := code.handlers[op]
			if handler == "" {
				t.Errorf("%s: found no handler of %s", folders[svc], op)
				continue
			}
			for name, m := range all.Services[svc].Shapes[input.Shape].Members {
				spelled := []string{name, m.LocationName, m.QueryName}
				is := func(set map[string]bool) bool {
					return slices.ContainsFunc(spelled, func(n string) bool { return set[strings.ToLower(n)] })
				}
				if fields := code.fields[handler]; is(code.read[handler]) || is(code.refused[op]) || fields != nil && !is(fields) || known(listed, used, svc, op, name) {
					continue
				}
				t.Errorf("%s %s.%s is taken and not read", svc, op, name)
			}
		}
	}
	for key := range listed {
		if !used[key] {
			t.Errorf("%q is listed as not read, and is read", key)
		}
	}
}

func known(listed, used map[string]bool, svc, op, member string) bool {
	key := svc + " " + op + "." + member
	used[key] = true
	return listed[key] || svc == "ec2" && member == "DryRun" // which is answered ahead of every operation
}

// source is what a folder's files say of inputs.
type source struct {
	handlers  map[string]string          // operation -> type of its input
	read      map[string]map[string]bool // type -> members that are selected of it, in lower case
	converted map[string]string          // type -> another of the same members, which is read instead
	refused   map[string]map[string]bool // operation -> members that Service.Refuse names
	fields    map[string]map[string]bool // type of the folder's own -> its fields: requests with others are refused
}

// parse reads a folder. A handler is the last argument of wire.Handle and its kind.
func parse(t *testing.T, folder string) *source {
	t.Helper()
	s := &source{handlers: map[string]string{}, read: map[string]map[string]bool{}, refused: map[string]map[string]bool{}, converted: map[string]string{}, fields: map[string]map[string]bool{}}
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	functions := map[string]*ast.FuncType{}
	var calls []*ast.CallExpr
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				functions[n.Name.Name] = n.Type
				s.note(n.Type, n.Body)
				if n.Recv != nil {
					s.note(&ast.FuncType{Params: n.Recv}, n.Body)
				}
			case *ast.TypeSpec:
				s.declare(n)
			case *ast.FuncLit:
				s.note(n.Type, n.Body)
			case *ast.CallExpr:
				f, ok := n.Fun.(*ast.SelectorExpr)
				switch {
				case ok && fmt.Sprint(f.X) == "wire" && strings.HasPrefix(f.Sel.Name, "Handle"):
					calls = append(calls, n)
				case ok && f.Sel.Name == "Refuse":
					set := map[string]bool{}
					for _, m := range n.Args[2:] {
						set[strings.ToLower(names(m)[0])] = true
					}
					s.refused[names(n.Args[1])[0]] = set
				}
			}
			return true
		})
	}
	for of, to := range s.converted {
		maps.Copy(s.read[of], s.read[to])
	}
	for _, c := range calls {
		var f *ast.FuncType
		switch h := c.Args[len(c.Args)-1].(type) {
		case *ast.FuncLit:
			f = h.Type
		case *ast.SelectorExpr:
			f = functions[h.Sel.Name]
		case *ast.Ident:
			f = functions[h.Name]
		case *ast.IndexExpr: // of a type parameter
			f = functions[fmt.Sprint(h.X)]
		}
		for _, op := range names(c.Args[1]) {
			s.handlers[op] = input(f)
		}
	}
	return s
}

// names are the operations that the second argument of wire.Handle stands for.
func names(e ast.Expr) []string {
	switch e := e.(type) {
	case *ast.BasicLit:
		name, _ := strconv.Unquote(e.Value)
		return []string{name}
	case *ast.BinaryExpr: // "AuthorizeSecurityGroup" + direction
		return []string{names(e.X)[0] + "Ingress", names(e.X)[0] + "Egress"}
	}
	return nil
}

// input is the type of a function's parameter "in", without its package.
func input(f *ast.FuncType) string {
	if f == nil {
		return ""
	}
	for _, p := range f.Params.List {
		star, ok := p.Type.(*ast.StarExpr)
		if !ok {
			continue
		}
		switch of := star.X.(type) {
		case *ast.SelectorExpr:
			if strings.HasSuffix(of.Sel.Name, "Input") {
				return of.Sel.Name
			}
		case *ast.Ident:
			if len(p.Names) == 0 || p.Names[0].Name == "in" || p.Names[0].Name == "_" {
				return of.Name
			}
		}
	}
	return ""
}

// declare adds the fields of a structure.
func (s *source) declare(t *ast.TypeSpec) {
	of, ok := t.Type.(*ast.StructType)
	if !ok {
		return
	}
	set := map[string]bool{}
	for _, f := range of.Fields.List {
		for _, name := range f.Names {
			set[strings.ToLower(name.Name)] = true
		}
	}
	s.fields[t.Name.Name] = set
}

// note adds the members that a function selects of its input.
func (s *source) note(f *ast.FuncType, body *ast.BlockStmt) {
	of := input(f)
	if of == "" || body == nil {
		return
	}
	if s.read[of] == nil {
		s.read[of] = map[string]bool{}
	}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if fmt.Sprint(n.X) == "in" {
				s.read[of][strings.ToLower(n.Sel.Name)] = true
			}
		case *ast.CallExpr: // sched.CreateScheduleInput(*in)
			if to, ok := n.Fun.(*ast.SelectorExpr); ok && len(n.Args) == 1 {
				if star, ok := n.Args[0].(*ast.StarExpr); ok && fmt.Sprint(star.X) == "in" {
					s.converted[of] = to.Sel.Name
				}
			}
		}
		return true
	})
}
