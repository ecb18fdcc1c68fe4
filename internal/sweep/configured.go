package sweep

import (
	"io/fs"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// WorkshopOf reads the value of the tag Workshop from the default_tags of a
// configuration's .tf files, for Scope.Workshop: workshops of other authors have
// values of their own. Ok is false where no provider sets the tag to a literal;
// nothing can be said then about what of that configuration is in an account.
func WorkshopOf(configuration fs.FS) (value string, ok bool) {
	names, err := fs.Glob(configuration, "*.tf")
	if err != nil {
		return "", false
	}
	for _, name := range names {
		src, err := fs.ReadFile(configuration, name)
		if err != nil {
			continue
		}
		// What cannot be parsed still has the blocks before the mistake.
		f, _ := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
		body, isSyntax := f.Body.(*hclsyntax.Body)
		if !isSyntax {
			continue
		}
		for _, provider := range body.Blocks {
			if provider.Type != "provider" {
				continue
			}
			for _, tags := range provider.Body.Blocks {
				if a := tags.Body.Attributes["tags"]; tags.Type == "default_tags" && a != nil {
					if value, ok = literal(a.Expr, WorkshopTag); ok {
						return value, true
					}
				}
			}
		}
	}
	return "", false
}

// literal is the literal value of a key in an object anywhere within an
// expression, such as an argument of merge.
func literal(e hclsyntax.Expression, key string) (value string, ok bool) {
	_ = hclsyntax.VisitAll(e, func(n hclsyntax.Node) hcl.Diagnostics {
		object, isObject := n.(*hclsyntax.ObjectConsExpr)
		if !isObject {
			return nil
		}
		for _, item := range object.Items {
			if k, d := item.KeyExpr.Value(nil); d.HasErrors() || k.Type() != cty.String || k.AsString() != key {
				continue
			}
			if v, d := item.ValueExpr.Value(nil); !d.HasErrors() && v.Type() == cty.String && v.IsKnown() && !v.IsNull() {
				value, ok = v.AsString(), true
			}
		}
		return nil
	})
	return value, ok
}
