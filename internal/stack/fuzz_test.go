package stack

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"workshop/internal/diagnose"
)

// seed adds recorded files, each as a whole.
func seed(f *testing.F, pattern string) {
	for _, name := range filesIn(filepath.Join("testdata", filepath.Dir(pattern)), filepath.Base(pattern)) {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}

// clear fails on what a terminal would obey.
func clear(t *testing.T, what, text string) {
	if i := strings.IndexFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }); i >= 0 {
		t.Errorf("%s has a control character: %q", what, text)
	}
}

// FuzzStream reads whole outputs, as FuzzDecode does lines.
func FuzzStream(f *testing.F) {
	seed(f, "*.jsonl")
	seed(f, "failures/*")
	f.Add([]byte("{\"@message\":\"a\u009bb\",\"diagnostic\":{\"summary\":\"\u202ex\",\"range\":{\"filename\":\"\\u001b[1m\",\"start\":{\"line\":-1}}}}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var out outcome
		sum := &Summary{}
		c := newConfiguration()
		p := &Plan{}
		w := &lineWriter{line: func(line []byte) {
			m := decode(line)
			e := m.event(OpApply)
			out.take(m, e)
			sum.take(m, map[string]bool{})
			if m.Change != nil {
				p.add(c.change(m))
			}
			clear(t, "the message", e.Message)
			clear(t, "the resource", e.Resource+e.ID)
			if e.Elapsed < 0 {
				t.Errorf("it took %v", e.Elapsed)
			}
		}}
		if n, err := w.Write(data); n != len(data) || err != nil {
			t.Errorf("Write = %d, %v", n, err)
		}
		w.flush()
		c.order(p)
		for _, problems := range [][]Diagnostic{out.problems, fromText(out.text.String(), false)} {
			if d := diagnosticError(OpApply, problems); d != nil {
				clear(t, "the error", d.Error())
				_ = d.Unwrap()
				_ = d.Advice(diagnose.Command)
			}
		}
	})
}

func FuzzShownPlan(f *testing.F) {
	seed(f, "*.json")
	f.Add([]byte(`{"format_version":"1.2","resource_drift":[{"address":"x","change":{"actions":["update"],"before":{"a":[1]},"after":{"a":7}}}],"relevant_attributes":[{"resource":"x","attribute":["a",-1,"b",1e99]}],"resource_changes":[null,{"address":"y","change":{"actions":["create"]}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		shown, err := decodePlan(data)
		if err != nil {
			return
		}
		p := &Plan{}
		for _, r := range shown.ResourceChanges {
			if r != nil {
				p.add(Change{Address: r.Address, Type: r.Type, Action: ActionUpdate})
			}
		}
		out := newConfiguration().detailed(p, shown)
		for _, c := range out.Drift {
			clear(t, "drift", c.Address+c.Title+strings.Join(c.Fields, ""))
			for _, f := range c.Drifted {
				clear(t, "a value", f.Name+f.Old+f.New)
			}
		}
	})
}

// FuzzLockFile reads the dependency lock file.
func FuzzLockFile(f *testing.F) {
	f.Add("provider \"registry.terraform.io/hashicorp/aws\" {\n  version = \"5.100.0\"\n  hashes = [\"h1:x\"]\n}\n")
	f.Add("provider \"../../x\" { version = null }")
	f.Fuzz(func(t *testing.T, text string) {
		dir := t.TempDir()
		put(t, filepath.Join(dir, lockFile), text)
		s := &Stack{opts: Options{Dir: dir, Terraform: &Terraform{Version: pinned}}}
		c := newConfiguration()
		stamp := filepath.Join(dir, "stamp")
		put(t, stamp, s.initKey(c))
		_ = s.initialised(c, stamp)
	})
}

// FuzzCLIConfig: whatever a mirror's folder is called, the CLI configuration says
// just that.
func FuzzCLIConfig(f *testing.F) {
	for _, name := range awkward {
		f.Add("/opt/" + name)
	}
	f.Add(`C:\\plugins "x"`)
	f.Fuzz(func(t *testing.T, dir string) {
		if !utf8.ValidString(dir) || strings.ContainsAny(dir, "$%") || strings.ContainsFunc(dir, unicode.IsControl) {
			t.Skip("not a name that people give, or a template")
		}
		const source = "registry.terraform.io/hashicorp/aws"
		text := mirrors{local: map[string][]string{dir: {source}}, direct: []string{"a/b/c"}}.config(dir)
		parsed, diags := hclsyntax.ParseConfig([]byte(text), "terraform.tfrc", hcl.InitialPos)
		if diags.HasErrors() {
			t.Fatalf("%v in\n%s", diags, text)
		}
		body := parsed.Body.(*hclsyntax.Body)
		mirror := body.Blocks[0].Body.Blocks[0].Body
		for _, a := range []*hclsyntax.Attribute{body.Attributes["plugin_cache_dir"], mirror.Attributes["path"]} {
			if dir == "" && a == nil {
				continue
			}
			v, diags := a.Expr.Value(nil)
			if diags.HasErrors() || cty.StringVal(dir).AsString() != v.AsString() {
				t.Errorf("%q became %#v in\n%s", dir, v, text)
			}
		}
	})
}
