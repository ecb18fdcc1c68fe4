package check

import (
	"encoding/json"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// Configuration is what checks and actions can name of a Terraform
// configuration. A file with errors gives what can be read of it.
type Configuration struct {
	Variables map[string]Variable
	Outputs   map[string]bool
	Files     map[string][]byte // the .tf files
	Providers map[string]string // the versions that init has chosen, by address
}

// Variable is an input variable. Values are in the form of Terraform's JSON.
type Variable struct {
	Type    string // as it is written, such as number or list(string); empty where it is not
	Default any    // nil where it has none
	Value   any    // as it is set: the default, or what the last values file says
	SetIn   string // the values file that decides; empty where the default does

	validations []validation
}

// ValuesFile is where a learner gives the configuration's variables values.
const ValuesFile = "terraform.tfvars"

// ReadConfiguration reads the .tf, .tfvars and .tfvars.json files of a folder.
// Files are read in the order in which Terraform lets later ones win:
// terraform.tfvars, terraform.tfvars.json, then *.auto.tfvars and
// *.auto.tfvars.json by name. Variables out of the environment are left out.
func ReadConfiguration(fsys fs.FS) *Configuration {
	c := &Configuration{Variables: map[string]Variable{}, Outputs: map[string]bool{}, Files: map[string][]byte{}, Providers: map[string]string{}}
	names, _ := fs.Glob(fsys, "*.tf")
	for _, name := range names {
		if src, err := fs.ReadFile(fsys, name); err == nil {
			c.Files[name] = src
			c.declare(name, src)
		}
	}
	if src, err := fs.ReadFile(fsys, lockFile); err == nil {
		c.choose(src)
	}
	values := []string{ValuesFile, "terraform.tfvars.json"}
	var auto []string
	for _, pattern := range []string{"*.auto.tfvars", "*.auto.tfvars.json"} {
		names, _ := fs.Glob(fsys, pattern)
		auto = append(auto, names...)
	}
	slices.Sort(auto)
	for _, name := range append(values, auto...) {
		src, err := fs.ReadFile(fsys, name)
		if err != nil {
			continue
		}
		if path.Ext(name) == ".json" {
			var m map[string]any
			if json.Unmarshal(src, &m) == nil {
				for n, v := range m {
					c.set(n, v, name)
				}
			}
			continue
		}
		for n, a := range body(name, src).Attributes {
			// Half a line, such as message =, has no value: Terraform refuses it.
			if v, diags := a.Expr.Value(nil); !diags.HasErrors() && v.IsWhollyKnown() {
				c.set(n, Plain(v), name)
			}
		}
	}
	return c
}

// lockFile is where init writes down the providers that it has chosen.
const lockFile = ".terraform.lock.hcl"

func (c *Configuration) choose(lock []byte) {
	for _, b := range body(lockFile, lock).Blocks {
		if a := b.Body.Attributes["version"]; b.Type == "provider" && len(b.Labels) == 1 && a != nil {
			if v, diags := a.Expr.Value(nil); !diags.HasErrors() {
				if s, ok := Plain(v).(string); ok {
					c.Providers[b.Labels[0]] = s
				}
			}
		}
	}
}

// Schema has the configuration's names and those of steps.
func (c *Configuration) Schema(steps []string) *Schema {
	s := &Schema{Vars: map[string]bool{}, Outputs: c.Outputs, Steps: map[string]bool{}}
	for name := range c.Variables {
		s.Vars[name] = true
	}
	for _, id := range steps {
		s.Steps[id] = true
	}
	return s
}

func body(file string, src []byte) *hclsyntax.Body {
	parsed, _ := hclsyntax.ParseConfig(src, file, hcl.InitialPos)
	if parsed != nil {
		if b, ok := parsed.Body.(*hclsyntax.Body); ok {
			return b
		}
	}
	return &hclsyntax.Body{}
}

func (c *Configuration) declare(file string, src []byte) {
	for _, b := range body(file, src).Blocks {
		switch {
		case len(b.Labels) != 1:
		case b.Type == "output":
			c.Outputs[b.Labels[0]] = true
		case b.Type == "variable":
			var v Variable
			if a := b.Body.Attributes["type"]; a != nil {
				v.Type = strings.Join(strings.Fields(string(a.Expr.Range().SliceBytes(src))), " ")
			}
			if a := b.Body.Attributes["default"]; a != nil {
				if val, diags := a.Expr.Value(nil); !diags.HasErrors() {
					v.Default = typed(Plain(val), v.Type)
				}
			}
			v.Value = v.Default
			v.validations = validations(b.Body)
			c.Variables[b.Labels[0]] = v
		}
	}
}

// validations are a variable's rules, without those that do not say what to do.
func validations(variable *hclsyntax.Body) (out []validation) {
	for _, b := range variable.Blocks {
		condition, message := b.Body.Attributes["condition"], b.Body.Attributes["error_message"]
		if b.Type != "validation" || condition == nil || message == nil {
			continue
		}
		if text, diags := message.Expr.Value(nil); !diags.HasErrors() {
			if s, ok := Plain(text).(string); ok {
				out = append(out, validation{condition.Expr, s})
			}
		}
	}
	return out
}

func (c *Configuration) set(name string, value any, file string) {
	if v, ok := c.Variables[name]; ok {
		v.Value, v.SetIn = typed(value, v.Type), file
		c.Variables[name] = v
	}
}

// typed is a value as Terraform would convert it for a variable of a simple
// type: "3" is the number 3.
func typed(v any, as string) any {
	to, ok := map[string]cty.Type{"string": cty.String, "number": cty.Number, "bool": cty.Bool}[as]
	if !ok || v == nil {
		return v
	}
	val, err := jsonValue(v)
	if err != nil {
		return v
	}
	if val, err = convert.Convert(val, to); err != nil {
		return v
	}
	return Plain(val)
}

// Plain is a value in the form of Terraform's JSON; nil for null and for what is
// not known.
func Plain(v cty.Value) any {
	if v.IsNull() || !v.IsWhollyKnown() || v.ContainsMarked() {
		return nil
	}
	data, err := json.Marshal(ctyjson.SimpleJSONValue{Value: v})
	if err != nil {
		return nil
	}
	var out any
	if json.Unmarshal(data, &out) != nil {
		return nil
	}
	return out
}
