package check

import (
	"fmt"
	"maps"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// validation is a rule that a variable's values must keep.
type validation struct {
	condition hclsyntax.Expression
	message   string
}

// Refusal says why Terraform would not take a value for a variable: the value is
// text for a string variable, else an expression. It is empty where Terraform
// would take it, and where only Terraform itself can tell.
func (c *Configuration) Refusal(name, value string) string {
	v, ok := c.Variables[name]
	if !ok {
		return ""
	}
	val, refusal := v.convert(name, value)
	if refusal != "" || val == cty.NilVal {
		return refusal
	}
	ctx := &hcl.EvalContext{Functions: terraformFunctions(), Variables: map[string]cty.Value{
		"var": cty.ObjectVal(map[string]cty.Value{name: val}),
	}}
	for _, rule := range v.validations {
		for _, part := range conjuncts(rule.condition) {
			if !answerable(part, ctx, name) {
				continue
			}
			if holds, diags := part.Value(ctx); !diags.HasErrors() && holds.RawEquals(cty.False) {
				return fmt.Sprintf("the variable %s does not take %q: %s", name, value, rule.message)
			}
		}
	}
	return ""
}

// answerable reports whether an expression is about this variable alone and
// calls only functions that we have. Evaluating it does not tell: within can()
// a mistake is no error.
func answerable(e hclsyntax.Expression, ctx *hcl.EvalContext, name string) bool {
	ok := true
	for _, t := range hclsyntax.Variables(e) {
		ok = ok && (dotted(t) == "var."+name || strings.HasPrefix(dotted(t), "var."+name+".") || strings.HasPrefix(dotted(t), "var."+name+"["))
	}
	_ = hclsyntax.VisitAll(e, func(n hclsyntax.Node) hcl.Diagnostics {
		if call, is := n.(*hclsyntax.FunctionCallExpr); is {
			_, known := ctx.Functions[call.Name]
			ok = ok && known
		}
		return nil
	})
	return ok
}

// convert is the value in the variable's type; NilVal where the type cannot be
// told.
func (v Variable) convert(name, value string) (val cty.Value, refusal string) {
	to := cty.DynamicPseudoType
	if v.Type != "" {
		expr, diags := hclsyntax.ParseExpression([]byte(v.Type), "", hcl.InitialPos)
		if diags.HasErrors() {
			return cty.NilVal, ""
		}
		if to, _, diags = typeexpr.TypeConstraintWithDefaults(expr); diags.HasErrors() {
			return cty.NilVal, ""
		}
	}
	switch {
	case value == "null":
		return cty.NullVal(to), ""
	case to == cty.String:
		return cty.StringVal(value), ""
	}
	expr, diags := hclsyntax.ParseExpression([]byte(value), "", hcl.InitialPos)
	if !diags.HasErrors() {
		val, diags = expr.Value(nil)
	}
	if diags.HasErrors() && v.Type == "" {
		return cty.StringVal(value), ""
	}
	var err error
	if !diags.HasErrors() {
		val, err = convert.Convert(val, to)
	}
	switch {
	case !diags.HasErrors() && err == nil:
		return val, ""
	case to == cty.Bool:
		return cty.NilVal, fmt.Sprintf("the variable %s is true or false, not %q", name, value)
	case to == cty.Number:
		return cty.NilVal, fmt.Sprintf("the variable %s is a number, and %q is none", name, value)
	}
	return cty.NilVal, fmt.Sprintf("the variable %s has the type %s, and %q has not", name, v.Type, value)
}

// terraformFunctions are those of Terraform's functions that validations are
// mostly written with.
func terraformFunctions() map[string]function.Function {
	fs := maps.Clone(pure())
	for name, f := range map[string]function.Function{
		"can": tryfunc.CanFunc, "try": tryfunc.TryFunc,
		"regex": stdlib.RegexFunc, "regexall": stdlib.RegexAllFunc, "replace": stdlib.ReplaceFunc,
		"format": stdlib.FormatFunc, "substr": stdlib.SubstrFunc, "trim": stdlib.TrimFunc,
		"trimprefix": stdlib.TrimPrefixFunc, "trimsuffix": stdlib.TrimSuffixFunc, "title": stdlib.TitleFunc,
		"parseint": stdlib.ParseIntFunc, "signum": stdlib.SignumFunc, "element": stdlib.ElementFunc,
		"compact": stdlib.CompactFunc, "flatten": stdlib.FlattenFunc, "merge": stdlib.MergeFunc, "sort": stdlib.SortFunc,
		"setintersection": stdlib.SetIntersectionFunc, "setsubtract": stdlib.SetSubtractFunc, "setunion": stdlib.SetUnionFunc,
		"tostring": stdlib.MakeToFunc(cty.String), "tonumber": stdlib.MakeToFunc(cty.Number), "tobool": stdlib.MakeToFunc(cty.Bool),
		"tolist": stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)), "toset": stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)),
		"tomap": stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)),
	} {
		fs[name] = f
	}
	return fs
}
