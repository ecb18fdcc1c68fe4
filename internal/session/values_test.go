package session

import (
	"bytes"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// assigned are the values of a .tfvars file; false where it is not one.
func assigned(src []byte) (map[string]cty.Value, bool) {
	f, diags := hclsyntax.ParseConfig(src, "", hcl.InitialPos)
	if diags.HasErrors() {
		return nil, false
	}
	body := f.Body.(*hclsyntax.Body)
	out := map[string]cty.Value{}
	for name, a := range body.Attributes {
		v, diags := a.Expr.Value(nil)
		if diags.HasErrors() {
			return nil, false
		}
		out[name] = v
	}
	return out, len(body.Blocks) == 0
}

// comments are the comments of a .tfvars file, in their order.
func comments(t *testing.T, src []byte) []byte {
	t.Helper()
	tokens, _ := hclsyntax.LexConfig(src, "", hcl.InitialPos)
	var out [][]byte
	for _, tok := range tokens {
		if tok.Type == hclsyntax.TokenComment {
			out = append(out, bytes.TrimSpace(tok.Bytes))
		}
	}
	return bytes.Join(out, []byte("\n"))
}

func TestValues(t *testing.T) {
	for _, c := range []struct{ name, src, set, unset string }{
		{"nothing", "", "x = \"new\"\n", ""},
		{"another", "y = 1\n", "y = 1\nx = \"new\"\n", "y = 1\n"},
		{"no newline at the end", "y = 1", "y = 1\nx = \"new\"\n", "y = 1"},
		{"a comment at the end, without newline", "y = 1 # why", "y = 1 # why\nx = \"new\"\n", "y = 1 # why"},
		{"the value with its comments", "# what\nx   =   1 # why\ny = 2\n", "# what\nx   =   \"new\" # why\ny = 2\n", "# what\n # why\ny = 2\n"},
		{"a heredoc", "x = <<EOT\na\nEOT\ny = 2\n", "x = \"new\"\ny = 2\n", "y = 2\n"},
		{"a heredoc at the end", "x = <<-EOT\n  a\n  EOT\n", "x = \"new\"\n", ""},
		{"a heredoc, CRLF", "x = <<EOT\r\na\r\nEOT\r\ny = 2\r\n", "x = \"new\"\r\ny = 2\r\n", "y = 2\r\n"},
		{"several lines", "x = [\n  1, # one\n]\ny = 2\n", "x = \"new\"\ny = 2\n", "y = 2\n"},
		{"in brackets", "x = (1)\ny = 2\n", "x = \"new\"\ny = 2\n", "y = 2\n"},
		{"CRLF", "y = 2\r\n", "y = 2\r\nx = \"new\"\r\n", "y = 2\r\n"},
		{"CRLF, in the middle", "x = 1\r\ny = 2\r\n", "x = \"new\"\r\ny = 2\r\n", "y = 2\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := &values{src: []byte(c.src)}
			if err := v.set("x", "new", "string"); err != nil || string(v.src) != c.set {
				t.Errorf("set gives %q, %v, want %q", v.src, err, c.set)
			}
			v = &values{src: []byte(c.src)}
			if err := v.unset("x"); err != nil || string(v.src) != c.unset {
				t.Errorf("unset gives %q, %v, want %q", v.src, err, c.unset)
			}
		})
	}
}

func TestExpressionsOverLines(t *testing.T) {
	for _, value := range []string{"3 # c", "3 // c", "3 /* c */", "<<EOT\na\nEOT\n", "<<EOT\na\nEOT", "1\n", "\n3", "[1,\n2]", "1 +\n2", "{a=1}", "(3)"} {
		for _, src := range []string{"", "x = 1 # why\ny = 2\n", "x = 1", "x = [\n1\n]\n# what\ny = 2\n"} {
			v := &values{src: []byte(src)}
			err := v.set("x", value, "")
			after, ok := assigned(v.src)
			if _, set := after["x"]; !ok || err == nil && !set || !bytes.Contains(comments(t, v.src), comments(t, []byte(src))) {
				t.Errorf("%q in %q: %q, %v", value, src, v.src, err)
			}
		}
	}
}

// TestCRLF: every line that is written into a file with CRLF ends so, apart from
// the lines of a heredoc, where it would change the value.
func TestCRLF(t *testing.T) {
	for _, c := range []struct{ src, value, want string }{
		{"y = 2\r\n", "3 # c", "y = 2\r\nx = (\r\n3 # c\r\n)\r\n"},
		{"x = 1 # why\r\ny = 2\r\n", "[1, # one\n2,\n]", "x = [1, # one\r\n2,\r\n] # why\r\ny = 2\r\n"},
		{"x = 1\r\n", "[1, /* a\nb */\r\n2]", "x = [1, /* a\nb */\r\n2]\r\n"},
		{"x = 1\r\n", "[<<EOT\na\nb\nEOT\n, 2]", "x = [<<EOT\na\nb\nEOT\r\n, 2]\r\n"},
		{"\ufeffy = 2\r\n", "[\n1]", "\ufeffy = 2\r\nx = [\r\n1]\r\n"},
		{"y = 1\r\nx = 1", "[\n1]", "y = 1\r\nx = [\r\n1]"},
		{"y = 2\n", "[\n1]", "y = 2\nx = [\n1]\n"},
	} {
		v := &values{src: []byte(c.src)}
		if err := v.set("x", c.value, ""); err != nil || string(v.src) != c.want {
			t.Errorf("%q in %q: %q, %v, want %q", c.value, c.src, v.src, err, c.want)
		}
		plain := &values{}
		if err := plain.set("x", c.value, ""); err != nil {
			t.Fatal(err)
		}
		got, ok := assigned(v.src)
		if want, _ := assigned(plain.src); !ok || !got["x"].RawEquals(want["x"]) {
			t.Errorf("%q in %q is %#v", c.value, c.src, got["x"])
		}
	}
}

// FuzzValues holds that setting and unsetting a variable leaves a file that can
// be read, in which everything else is as it was.
func FuzzValues(f *testing.F) {
	for _, src := range []string{"", "x = 1", "# what\nx = 1 # why\ny = <<EOT\na\nEOT\n", "x = <<EOT\n${1}\nEOT\ny=[\n1,\n]\n", "y = 1\r\n/* c */ x = {\r\n}\r\n", "\ufeffx = 1\n"} {
		f.Add([]byte(src), "new ${x} \"", "string")
		f.Add([]byte(src), "[1, 2]", "")
		f.Add([]byte(src), "3", "number")
		f.Add([]byte(src), "1 +\n2 # c", "")
	}
	f.Fuzz(func(t *testing.T, src []byte, value, typ string) {
		before, ok := assigned(src)
		if !ok {
			return
		}
		same := func(what string, now []byte, except string) map[string]cty.Value {
			after, ok := assigned(now)
			if !ok {
				t.Fatalf("%s made %q of %q", what, now, src)
			}
			for name, v := range before {
				if name != except && !after[name].RawEquals(v) {
					t.Fatalf("%s made %q of %q: %s is %#v", what, now, src, name, after[name])
				}
			}
			return after
		}
		v := &values{src: bytes.Clone(src)}
		if err := v.set("x", value, typ); err != nil {
			if !bytes.Equal(v.src, src) {
				t.Fatalf("a refused value changed the file to %q", v.src)
			}
			return
		}
		after := same("set", v.src, "x")
		x, ok := after["x"]
		if !ok {
			t.Fatalf("set made %q of %q", v.src, src)
		}
		if typ == "string" && value != "null" && (x.Type() != cty.String || x.AsString() != cty.StringVal(value).AsString()) {
			t.Fatalf("set made %q of %q: the value is %#v, not %q", v.src, src, x, value)
		}
		was := &values{src: bytes.Clone(src)}
		if err := was.unset("x"); err != nil {
			t.Fatal(err)
		}
		if _, ok := same("unset", was.src, "x")["x"]; ok {
			t.Fatalf("unset made %q of %q", was.src, src)
		}
		if _, set := before["x"]; !set && !bytes.Contains(comments(t, v.src), comments(t, src)) {
			t.Fatalf("set made %q of %q, without its comments", v.src, src)
		}
	})
}
