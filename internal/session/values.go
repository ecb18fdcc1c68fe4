package session

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"workshop/internal/check"
	"workshop/internal/clean"
)

// values is a values file while it is edited: the text of a .tfvars file, of
// which everything stays that is not about the variable, or the contents of a
// .tfvars.json file.
type values struct {
	src  []byte
	json map[string]any // nil for a .tfvars file
}

// attribute finds a variable in the text; nil where it is not set.
func (v *values) attribute(name string) (*hclsyntax.Attribute, error) {
	f, diags := hclsyntax.ParseConfig(v.src, "", hcl.InitialPos)
	if diags.HasErrors() {
		return nil, errors.New("it cannot be read; fix it first: " + clean.Line(diags.Error()))
	}
	body, ok := f.Body.(*hclsyntax.Body)
	if !ok {
		return nil, errors.New("it cannot be read")
	}
	return body.Attributes[name], nil
}

// set gives a variable of that type a value.
func (v *values) set(name, value, typ string) error {
	text, plain, err := literal(value, typ)
	if err != nil {
		return err
	}
	if v.json != nil {
		v.json[name] = plain
		return nil
	}
	a, err := v.attribute(name)
	if err != nil {
		return err
	}
	end := "\n"
	if bytes.Contains(v.src, []byte("\r\n")) {
		end = "\r\n"
		text = withCRLF(text)
	}
	if a != nil {
		r := a.Expr.Range()
		v.src = slices.Concat(v.src[:r.Start.Byte], []byte(text), v.src[r.End.Byte:])
		return nil
	}
	if len(v.src) > 0 && !bytes.HasSuffix(v.src, []byte("\n")) {
		v.src = append(v.src, end...)
	}
	v.src = append(v.src, name+" = "+text+end...)
	return nil
}

// unset removes a variable, with its line where it has one to itself.
func (v *values) unset(name string) error {
	if v.json != nil {
		delete(v.json, name)
		return nil
	}
	a, err := v.attribute(name)
	if a == nil || err != nil {
		return err
	}
	start, end := a.SrcRange.Start.Byte, a.SrcRange.End.Byte
	for start > 0 && (v.src[start-1] == ' ' || v.src[start-1] == '\t') {
		start--
	}
	if i := bytes.IndexByte(v.src[end:], '\n'); i >= 0 && len(bytes.TrimSpace(v.src[end:end+i])) == 0 {
		end += i + 1
	}
	v.src = slices.Concat(v.src[:start], v.src[end:])
	return nil
}

// literal is a value for a variable of a type, as a values file has it and as
// JSON has it.
func literal(value, typ string) (text string, plain any, err error) {
	if !utf8.ValidString(value) {
		return "", nil, errors.New("it is not UTF-8 text")
	}
	if value == "null" {
		return "null", nil, nil
	}
	if typ != "string" {
		expr, diags := hclsyntax.ParseExpression([]byte(value), "", hcl.InitialPos)
		if !diags.HasErrors() {
			v, more := expr.Value(nil)
			if !more.HasErrors() && (typ == "" || simple(typ, v.Type())) {
				return attributeText(value), check.Plain(v), nil
			}
			diags = more
		}
		switch {
		case typ == "":
		case diags.HasErrors():
			return "", nil, errors.New(clean.Line(diags[0].Summary))
		default:
			return "", nil, errors.New("it must be a " + typ)
		}
	}
	// JSON escapes what HCL does, apart from the beginnings of templates.
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return "", nil, err
	}
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(strings.TrimSpace(b.String())), value, nil
}

// attributeText is an expression as it may stand after a name and in the middle
// of a line. Alone, an expression may go on over lines and end in a comment.
func attributeText(value string) string {
	value = strings.TrimSpace(value)
	const rest = " # more\n"
	f, diags := hclsyntax.ParseConfig([]byte("x = "+value+rest), "", hcl.InitialPos)
	if !diags.HasErrors() {
		a := f.Body.(*hclsyntax.Body).Attributes["x"]
		if a.Expr.Range().End.Byte == len("x = ")+len(value) {
			return value
		}
	}
	return "(\n" + value + "\n)"
}

// simple reports whether a value may be for a variable of that type; of those
// that are not simple Terraform judges.
func simple(typ string, t cty.Type) bool {
	switch typ {
	case "number":
		return t == cty.Number
	case "bool":
		return t == cty.Bool
	}
	return true
}

// withCRLF ends the lines of an expression with CRLF, apart from those within a
// heredoc, where it would be a part of the value.
func withCRLF(expr string) string {
	tokens, diags := hclsyntax.LexExpression([]byte(expr), "", hcl.InitialPos)
	if diags.HasErrors() {
		return expr
	}
	var b strings.Builder
	at := 0
	for _, t := range tokens {
		// A comment to the end of its line has the newline.
		end := t.Range.End.Byte
		if (t.Type == hclsyntax.TokenNewline || t.Type == hclsyntax.TokenComment) && strings.HasSuffix(expr[at:end], "\n") && !strings.HasSuffix(expr[at:end], "\r\n") {
			b.WriteString(expr[at:end-1] + "\r\n")
		} else {
			b.WriteString(expr[at:end])
		}
		at = end
	}
	return b.String() + expr[at:]
}
