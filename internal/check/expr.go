package check

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"

	"workshop/internal/clean"
)

const (
	// maxSource bounds an expression, in bytes, and maxLoops how deep its for
	// expressions nest: lists hold up to a hundred entries.
	maxSource = 2000
	maxLoops  = 2
	// maxDepth bounds how deep its parts nest: each is looked at on its own.
	maxDepth = 50
	// maxDigits bounds numbers: beyond, turning one into text takes memory.
	maxDigits = 30
)

// Schema says which names there are. Where a set is nil every name is taken:
// then only the running expression can tell.
type Schema struct {
	Vars    map[string]bool // variables of the configuration
	Outputs map[string]bool // its outputs
	Steps   map[string]bool // ids of the course's steps

	once  sync.Once
	facts map[string]cty.Value
}

// anyName is the schema of those who know no names.
var anyName Schema

// Problem is a mistake in an expression.
type Problem struct {
	Line, Column int // in the expression, from 1; a column counts characters
	Msg          string
}

func (p *Problem) Error() string { return p.Msg }

// Expr is a compiled expression. It is immutable and safe for concurrent use.
type Expr struct {
	src   string
	expr  hclsyntax.Expression
	parts []hclsyntax.Expression // what && joins at the top
	roots []string
	names map[string]map[string]bool // by root: the names asked for below outputs, vars and steps
}

// Compile checks an expression against the facts there are. The error joins a
// *Problem for each mistake. schema may be nil.
func Compile(src string, schema *Schema) (*Expr, error) { return compile(src, schema, true) }

// CompileValue is Compile for an expression of any type.
func CompileValue(src string, schema *Schema) (*Expr, error) { return compile(src, schema, false) }

func compile(src string, schema *Schema, truth bool) (*Expr, error) {
	if len(src) > maxSource {
		return nil, &Problem{1, 1, fmt.Sprintf("the expression is longer than %d characters", maxSource)}
	}
	expr, diags := hclsyntax.ParseExpression([]byte(src), "", hcl.InitialPos)
	if diags.HasErrors() {
		return nil, problems(diags)
	}
	c := &compiler{expr: &Expr{src: src, expr: expr, parts: conjuncts(expr), names: map[string]map[string]bool{}}}
	for _, t := range hclsyntax.Variables(expr) {
		c.mention(t)
	}
	if schema == nil {
		schema = &anyName
	}
	c.scopes = []*hcl.EvalContext{{Variables: schema.unknowns(), Functions: c.functions()}}
	c.walk(expr)
	if len(c.diags) == 0 && truth {
		c.truth(expr)
	}
	if len(c.diags) > 0 {
		return nil, problems(c.diags)
	}
	slices.Sort(c.expr.roots)
	c.expr.roots = slices.Compact(c.expr.roots)
	return c.expr, nil
}

// String returns the source.
func (e *Expr) String() string { return e.src }

// Facts names the facts that the expression is about, sorted: stack, service,
// http and so on.
func (e *Expr) Facts() []string { return e.roots }

// Local reports whether the expression can be answered without asking AWS or
// the service: that is what conditions in text may use.
func (e *Expr) Local() bool {
	return !slices.ContainsFunc(e.roots, func(r string) bool { return !local[r] })
}

var local = map[string]bool{
	"target": true, "region": true, "stack": true, "plan": true, "outputs": true, "vars": true, "history": true, "steps": true,
}

// unknowns has every fact with its type and no value. The sets of names must not
// change once it was called.
func (s *Schema) unknowns() map[string]cty.Value {
	s.once.Do(func() { s.facts = s.types() })
	return s.facts
}

func (s *Schema) types() map[string]cty.Value {
	vars := map[string]cty.Value{}
	for name, t := range types() {
		vars[name] = cty.UnknownVal(t)
	}
	for name, known := range map[string]map[string]bool{"vars": s.Vars, "outputs": s.Outputs, "steps": s.Steps} {
		of := cty.DynamicPseudoType
		if name == "steps" {
			of = types()["step"]
		}
		vars[name] = cty.DynamicVal
		if known != nil {
			attrs := map[string]cty.Type{}
			for n := range known {
				attrs[n] = of
			}
			vars[name] = cty.UnknownVal(cty.Object(attrs))
		}
	}
	delete(vars, "step")
	return vars
}

// compiler finds the mistakes of an expression. Evaluating it as a whole with
// unknown facts would pass over what HCL only looks at once a condition or a
// list is known, so that every part is evaluated on its own.
type compiler struct {
	expr   *Expr
	scopes []*hcl.EvalContext
	path   []hclsyntax.Node
	loops  int
	keys   int // depth inside keys of objects, which are no references
	diags  hcl.Diagnostics
	seen   map[string]bool
}

// functions returns the functions that an expression may call; http and logged answer
// nothing while it is compiled.
func (c *compiler) functions() map[string]function.Function {
	fs := maps.Clone(pure())
	fs["http"] = httpFunction(nil)
	fs["logged"] = loggedFunction(nil)
	return fs
}

// conjuncts are the parts of an expression that && joins at its top.
func conjuncts(e hclsyntax.Expression) []hclsyntax.Expression {
	for {
		p, ok := e.(*hclsyntax.ParenthesesExpr)
		if !ok {
			break
		}
		e = p.Expression
	}
	if b, ok := e.(*hclsyntax.BinaryOpExpr); ok && b.Op == hclsyntax.OpLogicalAnd {
		return append(conjuncts(b.LHS), conjuncts(b.RHS)...)
	}
	return []hclsyntax.Expression{e}
}

// named are the facts whose attributes are names of the learner's and author's.
var named = map[string]bool{"outputs": true, "vars": true, "steps": true}

func (c *compiler) mention(t hcl.Traversal) {
	root := t.RootName()
	c.expr.roots = append(c.expr.roots, root)
	if !named[root] || len(t) < 2 {
		return
	}
	name := ""
	switch step := t[1].(type) {
	case hcl.TraverseAttr:
		name = step.Name
	case hcl.TraverseIndex:
		if step.Key.Type() == cty.String && step.Key.IsKnown() && !step.Key.IsNull() {
			name = step.Key.AsString()
		}
	}
	if name != "" {
		if c.expr.names[root] == nil {
			c.expr.names[root] = map[string]bool{}
		}
		c.expr.names[root][name] = true
	}
}

func (c *compiler) walk(e hclsyntax.Expression) {
	c.seen = map[string]bool{}
	_ = hclsyntax.Walk(e, c) // reports through c.diags
}

func (c *compiler) scope() *hcl.EvalContext { return c.scopes[len(c.scopes)-1] }

// Enter is part of hclsyntax.Walker.
func (c *compiler) Enter(n hclsyntax.Node) hcl.Diagnostics {
	switch n := n.(type) {
	case hclsyntax.ChildScope:
		c.scopes = append(c.scopes, c.child())
	case *hclsyntax.ForExpr:
		if c.loops++; c.loops > maxLoops {
			c.add(n.Range(), fmt.Sprintf("for expressions nest at most %d deep", maxLoops))
		}
	case *hclsyntax.ObjectConsKeyExpr:
		c.keys++
	case *hclsyntax.LiteralValueExpr:
		if n.Val.Type() == cty.Number && !n.Val.IsNull() {
			if f := n.Val.AsBigFloat(); f.IsInf() || f.MantExp(nil) > 3*maxDigits || f.Sign() != 0 && f.MantExp(nil) < -3*maxDigits {
				c.add(n.Range(), fmt.Sprintf("numbers have at most %d digits", maxDigits))
			}
		}
	case *hclsyntax.FunctionCallExpr:
		if n.Name == "http" || n.Name == "logged" {
			c.expr.roots = append(c.expr.roots, n.Name)
		}
	}
	c.path = append(c.path, n)
	if len(c.path) > maxDepth {
		if len(c.path) == maxDepth+1 {
			c.add(n.Range(), "the expression is nested too deep")
		}
		return nil
	}
	e, ok := n.(hclsyntax.Expression)
	if !ok || c.keys > 0 || len(c.diags) > 20 {
		return nil
	}
	_, diags := e.Value(c.scope())
	for _, d := range diags {
		c.keep(d)
	}
	return nil
}

// Exit is part of hclsyntax.Walker.
func (c *compiler) Exit(n hclsyntax.Node) hcl.Diagnostics {
	c.path = c.path[:len(c.path)-1]
	switch n.(type) {
	case hclsyntax.ChildScope:
		c.scopes = c.scopes[:len(c.scopes)-1]
	case *hclsyntax.ForExpr:
		c.loops--
	case *hclsyntax.ObjectConsKeyExpr:
		c.keys--
	}
	return nil
}

// child is the scope inside the for expression that is being walked: its
// variables have the type of the list's elements.
func (c *compiler) child() *hcl.EvalContext {
	ctx := c.scope().NewChild()
	ctx.Variables = map[string]cty.Value{}
	for i := len(c.path) - 1; i >= 0; i-- {
		f, ok := c.path[i].(*hclsyntax.ForExpr)
		if !ok {
			continue
		}
		val := cty.DynamicVal
		if coll, diags := f.CollExpr.Value(c.scope()); !diags.HasErrors() {
			if t := coll.Type(); t.IsCollectionType() {
				val = cty.UnknownVal(t.ElementType())
			}
		}
		if f.KeyVar != "" {
			ctx.Variables[f.KeyVar] = cty.DynamicVal
		}
		ctx.Variables[f.ValVar] = val
		break
	}
	return ctx
}

// keep takes in a mistake, once for each place.
func (c *compiler) keep(d *hcl.Diagnostic) {
	if d.Severity != hcl.DiagError || d.Subject == nil {
		return
	}
	key := fmt.Sprint(d.Subject.Start, d.Summary)
	if !c.seen[key] {
		c.seen[key] = true
		c.diags = append(c.diags, d)
	}
}

func (c *compiler) add(at hcl.Range, msg string) {
	c.diags = append(c.diags, &hcl.Diagnostic{Severity: hcl.DiagError, Detail: msg, Subject: &at})
}

// truth demands that the expression is true or false.
func (c *compiler) truth(e hclsyntax.Expression) {
	v, diags := e.Value(c.scope())
	if diags.HasErrors() {
		return
	}
	if v.IsNull() {
		c.add(e.Range(), "a check must be true or false, and this is null")
		return
	}
	if _, err := convert.Convert(v, cty.Bool); err != nil {
		c.add(e.Range(), fmt.Sprintf("a check must be true or false, and this is a %s", v.Type().FriendlyName()))
	}
}

// problems are HCL's diagnostics in our form.
func problems(diags hcl.Diagnostics) error {
	var errs []error
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		p := &Problem{Line: 1, Column: 1, Msg: problemText(d)}
		if d.Subject != nil {
			p.Line, p.Column = d.Subject.Start.Line, d.Subject.Start.Column
		}
		errs = append(errs, p)
	}
	slices.SortStableFunc(errs, func(a, b error) int {
		var pa, pb *Problem
		errors.As(a, &pa)
		errors.As(b, &pb)
		if pa.Line != pb.Line {
			return pa.Line - pb.Line
		}
		return pa.Column - pb.Column
	})
	return errors.Join(errs...)
}

// problemText says a diagnostic in one sentence.
func problemText(d *hcl.Diagnostic) string {
	text := strings.TrimSpace(clean.Line(strings.ReplaceAll(d.Detail, "\n", " ")))
	if text == "" {
		text = clean.Line(d.Summary)
	}
	if d.Summary == "Unknown variable" || d.Summary == "Variables not allowed" {
		text += " The facts are " + strings.Join(Names(), ", ") + "."
	}
	return text
}

// Names lists the facts, in the order of the documentation.
func Names() []string {
	return []string{"target", "account", "region", "terraform", "stack", "plan", "service", "deployments", "tasks", "events", "outputs", "vars", "history", "steps", "http(url)", "logged(pattern)"}
}

// Value evaluates the expression. An error means that a fact could not be had.
func (e *Expr) Value(ctx context.Context, src Source) (cty.Value, error) {
	f := &finder{ctx: ctx, src: src, expr: e}
	scope, err := f.scope(e.roots)
	if err != nil {
		return cty.NilVal, err
	}
	v, diags := e.expr.Value(scope)
	if f.err != nil {
		return cty.NilVal, f.err
	}
	if diags.HasErrors() {
		return cty.NilVal, problems(diags)
	}
	return v, nil
}

// Holds evaluates an expression that Compile took. What cannot be worked out,
// such as a comparison with null, does not hold. An error means that a fact
// could not be had.
func (e *Expr) Holds(ctx context.Context, src Source) (bool, error) {
	v, err := e.Value(ctx, src)
	var p *Problem
	if errors.As(err, &p) {
		return false, nil
	}
	return err == nil && truth(v), err
}
