package check

import (
	"context"
	"regexp"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"workshop/internal/clean"
)

var variable = regexp.MustCompile(`\{\{[ \t]*([A-Za-z][\w-]*(?:\.[\w-]+)*)[ \t]*\}\}`)

// Fill replaces {{ fact }} in text by the fact's value. What is no fact, or
// cannot be had, becomes words that say so.
func Fill(ctx context.Context, text string, src Source) string {
	if !strings.Contains(text, "{{") {
		return text
	}
	return variable.ReplaceAllStringFunc(text, func(m string) string {
		name := variable.FindStringSubmatch(m)[1]
		if v, ok := Lookup(ctx, name, src); ok {
			return v
		}
		if strings.HasPrefix(name, "outputs.") {
			return "(after deploy)"
		}
		return "(not known yet)"
	})
}

// Lookup returns the value of a fact by its name, such as stack.resources, for
// people to read. It is false for what is no fact, is null or empty, or cannot
// be had.
func Lookup(ctx context.Context, name string, src Source) (string, bool) {
	e, err := CompileValue(name, nil)
	if err != nil {
		return "", false
	}
	v, err := e.Value(ctx, src)
	if err != nil || !v.IsKnown() || v.IsNull() {
		return "", false
	}
	if v.Type() == cty.String {
		s := clean.Line(v.AsString())
		return s, s != ""
	}
	return text(v), true
}
