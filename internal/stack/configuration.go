package stack

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// configuration is what can be read from the .tf files without running
// Terraform: where a resource is declared, what it refers to, the values of
// attributes that hang on nothing but variables, and which providers are asked
// for. It is what the screens say about a plan at once; Terraform itself is the
// authority on everything else. A file with errors gives what can be read of it.
type configuration struct {
	resources map[string]*declaration // by address without index; data sources begin with "data."
	locals    map[string][]string     // what each local value refers to
	providers map[string]string       // source, e.g. hashicorp/aws, to version constraint
	variables map[string]cty.Value
	// setup is the text that decides what init has to do.
	setup   []byte
	modules bool
	// backend is where the configuration says that the state is kept, and the file
	// that says so.
	backend struct {
		place
		file string
	}
}

type declaration struct {
	file   string
	refs   []string
	body   *hclsyntax.Body
	values map[string]any // in the form of Terraform's JSON
}

// readConfiguration reads the .tf and .tfvars files of a folder, with variables
// out of an environment. JSON files and modules are left out. It does not fail:
// what cannot be read, Terraform complains about.
func readConfiguration(dir string, env []string) *configuration {
	c := newConfiguration()
	each(dir, "*.tf", c.add)
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		if name, ok := strings.CutPrefix(name, "TF_VAR_"); ok {
			c.variables[name] = cty.StringVal(value)
		}
	}
	each(dir, "terraform.tfvars", c.set)
	each(dir, "*.auto.tfvars", c.set)
	c.evaluate()
	return c
}

func newConfiguration() *configuration {
	return &configuration{
		resources: map[string]*declaration{},
		locals:    map[string][]string{},
		providers: map[string]string{},
		variables: map[string]cty.Value{},
	}
}

// each hands on the files that match, by name.
func each(dir, pattern string, use func(name string, src []byte)) {
	for _, name := range filesIn(dir, pattern) {
		if src, err := os.ReadFile(name); err == nil {
			use(filepath.Base(name), src)
		}
	}
}

func parse(file string, src []byte) *hclsyntax.Body {
	parsed, _ := hclsyntax.ParseConfig(src, file, hcl.InitialPos)
	if parsed == nil {
		return &hclsyntax.Body{}
	}
	return parsed.Body.(*hclsyntax.Body) // documented so
}

// set takes in a .tfvars file.
func (c *configuration) set(file string, src []byte) {
	for name, a := range parse(file, src).Attributes {
		if v, diags := a.Expr.Value(nil); !diags.HasErrors() {
			c.variables[name] = v
		}
	}
}

// evaluate works out the attributes that need nothing but variables.
func (c *configuration) evaluate() {
	ctx := &hcl.EvalContext{Variables: map[string]cty.Value{"var": cty.ObjectVal(c.variables)}}
	for _, d := range c.resources {
		d.values = values(d.body, ctx)
	}
}

// values has blocks as lists of objects, as Terraform's JSON does.
func values(body *hclsyntax.Body, ctx *hcl.EvalContext) map[string]any {
	out := map[string]any{}
	for name, a := range body.Attributes {
		if v, diags := a.Expr.Value(ctx); !diags.HasErrors() {
			if plain := plainValue(v); plain != nil {
				out[name] = plain
			}
		}
	}
	for _, b := range body.Blocks {
		if b.Type == "lifecycle" || b.Type == "provisioner" || b.Type == "dynamic" || b.Type == "connection" {
			continue
		}
		list, _ := out[b.Type].([]any)
		out[b.Type] = append(list, values(b.Body, ctx))
	}
	return out
}

// plainValue is nil for null, and for what is not known as a whole.
func plainValue(v cty.Value) any {
	v, _ = v.UnmarkDeep()
	if v.IsNull() || !v.IsWhollyKnown() {
		return nil
	}
	switch t := v.Type(); {
	case t == cty.String:
		return v.AsString()
	case t == cty.Number:
		f, _ := v.AsBigFloat().Float64()
		return f
	case t == cty.Bool:
		return v.True()
	case t.IsListType(), t.IsSetType(), t.IsTupleType():
		list := []any{}
		for _, e := range v.AsValueSlice() {
			list = append(list, plainValue(e))
		}
		return list
	case t.IsMapType(), t.IsObjectType():
		m := map[string]any{}
		for name, e := range v.AsValueMap() {
			m[name] = plainValue(e)
		}
		return m
	}
	return nil
}

func (c *configuration) add(file string, src []byte) {
	for _, b := range parse(file, src).Blocks {
		switch {
		case b.Type == "resource" && len(b.Labels) == 2:
			c.declare(b.Labels[0]+"."+b.Labels[1], file, b.Body)
		case b.Type == "data" && len(b.Labels) == 2:
			c.declare("data."+b.Labels[0]+"."+b.Labels[1], file, b.Body)
		case b.Type == "variable" && len(b.Labels) == 1:
			if a := b.Body.Attributes["default"]; a != nil {
				if v, diags := a.Expr.Value(nil); !diags.HasErrors() {
					c.variables[b.Labels[0]] = v
				}
			}
		case b.Type == "locals":
			for name, a := range b.Body.Attributes {
				c.locals[name] = references(hclsyntax.Variables(a.Expr))
			}
		case b.Type == "module":
			c.modules = true
			c.setup = append(c.setup, text(src, b.Body.Attributes["source"])...)
			c.setup = append(c.setup, text(src, b.Body.Attributes["version"])...)
		case b.Type == "terraform":
			c.setup = append(c.setup, b.Range().SliceBytes(src)...)
			c.require(b.Body)
			c.keepIn(file, b.Body)
		}
	}
}

func (c *configuration) declare(address, file string, body *hclsyntax.Body) {
	c.resources[address] = &declaration{file: file, refs: bodyReferences(body), body: body}
}

func (c *configuration) require(body *hclsyntax.Body) {
	for _, b := range body.Blocks {
		if b.Type != "required_providers" {
			continue
		}
		for name, a := range b.Body.Attributes {
			v, diags := a.Expr.Value(nil)
			if diags.HasErrors() || !v.IsWhollyKnown() || v.IsNull() {
				continue
			}
			source, constraint := "hashicorp/"+name, ""
			if v.Type() == cty.String {
				constraint = v.AsString()
			} else if v.Type().IsObjectType() {
				if s, ok := stringAttr(v, "source"); ok {
					source = s
				}
				constraint, _ = stringAttr(v, "version")
			}
			c.providers[source] = constraint
		}
	}
}

// keepIn takes in where a terraform block says that the state is kept.
func (c *configuration) keepIn(file string, body *hclsyntax.Body) {
	for _, b := range body.Blocks {
		switch {
		case b.Type == "cloud":
			c.backend.Type = b.Type
		case b.Type == "backend" && len(b.Labels) == 1:
			c.backend.Type = b.Labels[0]
		default:
			continue
		}
		c.backend.file = file
		attribute := values(b.Body, nil)
		text := func(name string) string { v, _ := attribute[name].(string); return v }
		c.backend.Config = Backend{Bucket: text("bucket"), Key: text("key"), Region: text("region")}
	}
}

func stringAttr(v cty.Value, name string) (string, bool) {
	if !v.Type().HasAttribute(name) {
		return "", false
	}
	a := v.GetAttr(name)
	if a.IsNull() || a.Type() != cty.String {
		return "", false
	}
	return a.AsString(), true
}

// needs lists the resources that a resource waits for: those that it refers to,
// directly or through local values and data sources. Sorted, without itself.
func (c *configuration) needs(address string) []string {
	d := c.resources[address]
	if d == nil {
		return nil
	}
	found := map[string]bool{}
	seen := map[string]bool{}
	var follow func(refs []string)
	follow = func(refs []string) {
		for _, ref := range refs {
			if seen[ref] {
				continue
			}
			seen[ref] = true
			if name, ok := strings.CutPrefix(ref, "local."); ok {
				follow(c.locals[name])
			} else if to := c.resources[ref]; to != nil {
				if strings.HasPrefix(ref, "data.") {
					follow(to.refs)
				} else if ref != address {
					found[ref] = true
				}
			}
		}
	}
	follow(d.refs)
	out := make([]string, 0, len(found))
	for ref := range found {
		out = append(out, ref)
	}
	slices.Sort(out)
	return out
}

func bodyReferences(body *hclsyntax.Body) []string {
	var refs []string
	for _, a := range body.Attributes {
		refs = append(refs, references(hclsyntax.Variables(a.Expr))...)
	}
	for _, b := range body.Blocks {
		refs = append(refs, bodyReferences(b.Body)...)
	}
	slices.Sort(refs)
	return slices.Compact(refs)
}

// references turns aws_vpc.main.id into aws_vpc.main, and so on.
func references(traversals []hcl.Traversal) []string {
	var refs []string
	for _, t := range traversals {
		n := 2
		if t.RootName() == "data" {
			n = 3
		}
		parts := []string{t.RootName()}
		for _, step := range t[1:] {
			attr, ok := step.(hcl.TraverseAttr)
			if !ok || len(parts) == n {
				break
			}
			parts = append(parts, attr.Name)
		}
		if len(parts) == n {
			refs = append(refs, strings.Join(parts, "."))
		}
	}
	return refs
}

func text(src []byte, a *hclsyntax.Attribute) []byte {
	if a == nil {
		return nil
	}
	return a.SrcRange.SliceBytes(src)
}
