package stack

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"

	"workshop/internal/clean"
)

// FieldChange is an attribute with its values before and after a change, as text
// of one line: strings as they are, everything else as JSON. Values that
// Terraform marks as sensitive are replaced.
type FieldChange struct {
	Name string `json:"name"`
	Old  string `json:"old"`
	New  string `json:"new"`
}

// drift lists what changed outside Terraform and bears on the plan. Terraform
// reports every difference between its state and what it reads, such as
// attributes that AWS fills in later; `terraform plan` shows those to which an
// attribute that the planned changes use has changed (relevant_attributes). Those
// that the plan itself sets back are drift as well: it is why they are in it. A
// plan that changes nothing has no drift.
// https://developer.hashicorp.com/terraform/internals/json-format#plan-representation
func (c *configuration) drift(shown *tfjson.Plan) []Change {
	planned := map[string]*tfjson.ResourceChange{}
	empty := !slices.ContainsFunc(outputChanges(shown), func(o *tfjson.Change) bool { return o != nil && !o.Actions.NoOp() })
	for _, r := range shown.ResourceChanges {
		if r == nil || r.Change == nil || r.Change.Actions.NoOp() || r.Change.Actions.Read() {
			continue
		}
		empty = false
		planned[r.Address] = r
	}
	if empty {
		return nil
	}
	var out []Change
	for _, r := range shown.ResourceDrift {
		if r == nil || r.Change == nil || r.Change.Actions.NoOp() {
			continue
		}
		before, _ := r.Change.Before.(map[string]any)
		after, _ := r.Change.After.(map[string]any)
		gone := false // and made again
		names := relevant(shown.RelevantAttributes, r.Address, before, after)
		if p := planned[r.Address]; p != nil {
			names = append(names, undone(p, before, after)...)
			gone = after == nil
		}
		if len(names) == 0 && !gone {
			continue
		}
		ch := Change{Address: clean.Line(r.Address), Type: clean.Line(r.Type), Action: ActionUpdate}
		values := after
		if after == nil {
			ch.Action, values = ActionDelete, before
		} else {
			slices.Sort(names)
			for _, name := range slices.Compact(names) {
				ch.Fields = append(ch.Fields, clean.Line(name))
				ch.Drifted = append(ch.Drifted, FieldChange{Name: clean.Line(name),
					Old: fieldText(before[name], sensitive(r.Change.BeforeSensitive, name)), New: fieldText(after[name], sensitive(r.Change.AfterSensitive, name))})
			}
		}
		c.describe(&ch, values)
		out = append(out, ch)
	}
	return out
}

func outputChanges(p *tfjson.Plan) []*tfjson.Change {
	var out []*tfjson.Change
	for _, o := range p.OutputChanges {
		out = append(out, o)
	}
	return out
}

// relevant names the attributes of a resource that the planned changes use and
// that differ.
func relevant(all []tfjson.ResourceAttribute, address string, before, after map[string]any) []string {
	var out []string
	for _, a := range all {
		if a.Resource != address {
			continue
		}
		path := make([]any, 0, len(a.Attribute))
		for _, raw := range a.Attribute {
			var step any
			if json.Unmarshal(raw, &step) == nil {
				path = append(path, step)
			}
		}
		if len(path) == 0 {
			out = append(out, differing(before, after)...)
			continue
		}
		if name, ok := path[0].(string); ok && !same(at(before, path...), at(after, path...)) {
			out = append(out, name)
		}
	}
	return out
}

// undone names the attributes that differ and that the planned change of the same
// resource changes again.
func undone(p *tfjson.ResourceChange, before, after map[string]any) []string {
	now, _ := p.Change.Before.(map[string]any)
	then, _ := p.Change.After.(map[string]any)
	unknown, _ := p.Change.AfterUnknown.(map[string]any)
	if then == nil {
		return nil
	}
	replaced := pathNames(p.Change.ReplacePaths)
	return slices.DeleteFunc(differing(before, after), func(name string) bool {
		changes := unknown[name] == nil && !same(now[name], then[name])
		return !changes && !slices.Contains(replaced, name)
	})
}

// differing names the attributes that differ. A deleted resource has none.
func differing(before, after map[string]any) []string {
	var out []string
	for name, v := range after {
		if !same(before[name], v) {
			out = append(out, name)
		}
	}
	return out
}

// same reports whether two values are equal to a person: providers are not
// consistent about null and empty.
func same(a, b any) bool { return reflect.DeepEqual(a, b) || vacant(a) && vacant(b) }

func vacant(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// at is the value at a path of names and numbers; nil where there is none.
func at(v any, path ...any) any {
	for _, step := range path {
		switch in := v.(type) {
		case map[string]any:
			name, _ := step.(string)
			v = in[name]
		case []any:
			i := -1
			switch n := step.(type) {
			case float64:
				i = int(n)
			case string:
				if parsed, err := strconv.Atoi(n); err == nil {
					i = parsed
				}
			}
			if i < 0 || i >= len(in) {
				return nil
			}
			v = in[i]
		default:
			return nil
		}
	}
	return v
}

// maxField bounds the text of a value, in bytes.
const maxField = 200

// sensitive reports whether an attribute, or anything in it, is marked: marks are
// true, or an object of marks.
func sensitive(marks any, name string) bool {
	if marks == true {
		return true
	}
	mark := at(marks, name)
	return mark != false && !vacant(mark)
}

func fieldText(v any, secret bool) string {
	if secret {
		return "(sensitive value)"
	}
	text, ok := v.(string)
	if !ok {
		data, err := json.Marshal(v)
		if err != nil {
			return ""
		}
		text = string(data)
	}
	if text = clean.Line(text); len(text) > maxField {
		text = strings.ToValidUTF8(text[:maxField], "") + "…"
	}
	return text
}
