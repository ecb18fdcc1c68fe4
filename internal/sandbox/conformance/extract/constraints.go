package main

import (
	"strings"

	"workshop/internal/sandbox/wire/constraint"
)

// unchecked are services whose constraints the sandbox does not take from the model.
var unchecked = map[string]string{
	"scheduler": "it checks more than the model says, and tells all of it in one error",
}

// constraints returns what the inputs of a service's operations have to satisfy.
func constraints(model map[string]any) *constraint.Model {
	shapes := model["shapes"].(map[string]any)
	protocol, _ := model["metadata"].(map[string]any)["protocol"].(string)
	out := &constraint.Model{Inputs: map[string]string{}, Shapes: map[string]*constraint.Shape{}}
	building := map[string]bool{}
	// build adds a shape and reports whether it constrains anything.
	var build func(name string) bool
	member := func(name string, ref map[string]any, required bool) *constraint.Member {
		m := &constraint.Member{Name: name, Required: required}
		if shape := ref["shape"].(string); build(shape) {
			m.Shape = shape
		}
		return m
	}
	build = func(name string) bool {
		if out.Shapes[name] != nil || building[name] {
			return true // a shape within itself is kept
		}
		building[name] = true
		defer delete(building, name)
		from := shapes[name].(map[string]any)
		s := &constraint.Shape{Type: kind(from["type"])}
		useful := false
		switch s.Type {
		case "structure":
			required := map[any]bool{}
			list, _ := from["required"].([]any)
			for _, r := range list {
				required[r] = true
			}
			s.Members = map[string]*constraint.Member{}
			for k, v := range from["members"].(map[string]any) {
				ref := v.(map[string]any)
				if m := member(k, ref, required[k]); m.Required || m.Shape != "" {
					s.Members[wireName(protocol, k, ref)] = m
				}
			}
			useful = len(s.Members) > 0
		case "list":
			s.Item = member("member", from["member"].(map[string]any), false)
			useful = s.Item.Shape != ""
		case "map":
			s.Key = member("key", from["key"].(map[string]any), false)
			s.Item = member("value", from["value"].(map[string]any), false)
			useful = s.Key.Shape != "" || s.Item.Shape != ""
		}
		for k, to := range map[string]**float64{"min": &s.Min, "max": &s.Max} {
			if f, ok := from[k].(float64); ok && s.Type != "" {
				*to, useful = &f, true
			}
		}
		if p, ok := from["pattern"].(string); ok && s.Type == "string" {
			if _, err := constraint.Compile(p); err == nil {
				s.Pattern, useful = p, true
			}
		}
		if values, ok := from["enum"].([]any); ok {
			for _, v := range values {
				s.Enum = append(s.Enum, v.(string))
			}
			useful = true
		}
		if useful {
			out.Shapes[name] = s
		}
		return useful
	}
	for name, op := range model["operations"].(map[string]any) {
		if in, ok := op.(map[string]any)["input"].(map[string]any); ok && build(in["shape"].(string)) {
			out.Inputs[name] = in["shape"].(string)
		}
	}
	return out
}

// kind is what a type is to the checks; empty for what has nothing to check.
func kind(t any) string {
	switch t {
	case "structure", "list", "map", "string":
		return t.(string)
	case "integer", "long", "float", "double":
		return "number"
	}
	return ""
}

// wireName is what a member is called in a request.
func wireName(protocol, name string, ref map[string]any) string {
	location, _ := ref["locationName"].(string)
	query, _ := ref["queryName"].(string)
	switch {
	case protocol == "ec2" && query != "":
		return query
	case protocol == "ec2" && location != "":
		return strings.ToUpper(location[:1]) + location[1:]
	case protocol == "query" && location != "":
		return location
	}
	return name
}
