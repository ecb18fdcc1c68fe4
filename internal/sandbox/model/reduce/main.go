// Reduce writes package model's data out of what the conformance tests extracted of
// botocore's models: the constraints of inputs, and the services' names.
//
//	go run ./internal/sandbox/model/reduce FROM.json.gz TO.json.gz
package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"workshop/internal/sandbox/model"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: reduce FROM.json.gz TO.json.gz")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "reduce:", err)
		os.Exit(1)
	}
}

func run(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	b, err = reduce(b)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o644)
}

// The extracted models.
type (
	extracted struct {
		Source    string
		Services  map[string]service
		Directory []struct {
			APIVersion, EndpointPrefix, JSONVersion, Protocol, ServiceAbbreviation, ServiceFullName, ServiceID, SigningName, TargetPrefix string
		}
	}
	service struct {
		Metadata   struct{ Protocol string }
		Operations map[string]struct{ Input *ref }
		Shapes     map[string]shape
	}
	ref   struct{ Shape, LocationName, QueryName string }
	shape struct {
		Type               string
		Members            map[string]ref
		Member, Key, Value *ref
		Required, Enum     []string
		Min, Max           *float64
		Pattern            string
	}
)

func reduce(packed []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	var in extracted
	if err := json.NewDecoder(z).Decode(&in); err != nil {
		return nil, err
	}
	out := model.Data{Source: in.Source, Services: map[string]*model.ServiceModel{}}
	used := map[exception]bool{}
	for name, s := range in.Services {
		m, err := s.reduce(name, used)
		if err != nil {
			return nil, err
		}
		out.Services[name] = m
	}
	for _, e := range exceptions {
		if !used[e] {
			return nil, fmt.Errorf("the exception for %s %s %s is of no constraint", e.service, e.shape, e.kind)
		}
	}
	for p := range unsupported {
		if !usedPatterns[p] {
			return nil, fmt.Errorf("the unsupported pattern %s is in no model", p)
		}
	}
	for _, d := range in.Directory {
		e := model.Entry{
			FullName: d.ServiceFullName, Protocol: d.Protocol, Signing: cmp.Or(d.SigningName, d.EndpointPrefix),
			Target: d.TargetPrefix, Version: d.APIVersion, JSONVersion: d.JSONVersion,
		}
		// Abbreviations are often the name over again.
		bare := strings.NewReplacer("Amazon ", "", "AWS ", "")
		if short := bare.Replace(cmp.Or(d.ServiceAbbreviation, d.ServiceID)); !strings.Contains(strings.ToLower(e.FullName), strings.ToLower(short)) && len(short) < len(bare.Replace(e.FullName)) {
			e.Short = short
		}
		out.Directory = append(out.Directory, e)
	}
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err := json.NewEncoder(w).Encode(out); err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}

var types = map[string]string{
	"structure": model.Structure, "list": model.List, "map": model.Map, "string": model.String,
	"integer": model.Number, "long": model.Number, "float": model.Number, "double": model.Number,
}

// unsupported are patterns that Go's regexp does not have the syntax for, and what of
// it that is. They are not checked.
var unsupported = map[string]string{
	`[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*`: "surrogates; it is all text but control characters",
	`\p{Print}+`: "a class of Java's",
	`^(?=[/\.\-_A-Za-z0-9]+)((?!aws\.).*)|(\$(\.[\w_-]+(\[(\d+|\*)\])*)*)$`: "looking ahead",
}

var usedPatterns = map[string]bool{}

func (s service) reduce(name string, used map[exception]bool) (*model.ServiceModel, error) {
	out := &model.ServiceModel{Inputs: map[string]string{}, Shapes: map[string]*model.Shape{}}
	// keep reports whether a constraint is kept; text is its own.
	keep := func(shape, kind string, text *string) bool {
		for _, e := range exceptions {
			if e.service == name && e.shape == shape && e.kind == kind {
				used[e] = true
				*text = e.text
				return e.text != ""
			}
		}
		return true
	}
	var bad error
	var none string                  // lengths, ranges and required members have no texts of their own
	all := map[string]*model.Shape{} // that inputs reach
	var reach func(r *ref) *model.Ref
	reach = func(r *ref) *model.Ref {
		if r == nil {
			return nil
		}
		to := &model.Ref{To: r.Shape}
		from, seen := s.Shapes[r.Shape], all[r.Shape] != nil
		kind := types[from.Type]
		if seen || kind == "" {
			return to // booleans, timestamps and blobs have no constraints that a service of the sandbox's checks
		}
		sh := &model.Shape{Type: kind}
		all[r.Shape] = sh
		if len(from.Enum) > 0 && keep(r.Shape, "enum", &sh.Text) {
			sh.Enum = from.Enum
		}
		if from.Min != nil && (*from.Min > 0 || kind == model.Number) && keep(r.Shape, "min", &none) {
			sh.Min = from.Min
		}
		if from.Max != nil && keep(r.Shape, "max", &none) {
			sh.Max = from.Max
		}
		if p := from.Pattern; p != "" && keep(r.Shape, "pattern", &sh.Text) {
			if _, err := regexp.Compile(model.Expression(p)); err == nil {
				sh.Pattern = p
			} else if usedPatterns[p] = true; unsupported[p] == "" {
				bad = fmt.Errorf("%s %s: list the pattern as unsupported: %w", name, r.Shape, err)
			}
		}
		sh.Key = reach(from.Key)
		if sh.Value = reach(from.Value); sh.Value == nil {
			sh.Value = reach(from.Member)
		}
		for _, n := range slices.Sorted(maps.Keys(from.Members)) {
			mr := from.Members[n]
			m := model.Member{Name: n, Ref: *reach(&mr)}
			m.Required = slices.Contains(from.Required, n) && keep(r.Shape+"."+n, "required", &none)
			if w := s.wire(n, mr); w != n {
				m.Wire = w
			}
			sh.Members = append(sh.Members, m)
		}
		return to
	}
	for op, o := range s.Operations {
		if o.Input != nil {
			reach(o.Input)
			out.Inputs[op] = o.Input.Shape
		}
	}
	// A shape stays for its own constraints or for those of a part that stays.
	for changed := true; changed; {
		changed = false
		for n, sh := range all {
			stays := func(r *model.Ref) bool { return r != nil && out.Shapes[r.To] != nil }
			if out.Shapes[n] == nil && (sh.Enum != nil || sh.Min != nil || sh.Max != nil || sh.Pattern != "" || stays(sh.Key) || stays(sh.Value) ||
				slices.ContainsFunc(sh.Members, func(m model.Member) bool { return m.Required || stays(&m.Ref) })) {
				out.Shapes[n], changed = sh, true
			}
		}
	}
	for _, sh := range out.Shapes {
		sh.Members = slices.DeleteFunc(sh.Members, func(m model.Member) bool { return !m.Required && out.Shapes[m.To] == nil })
		for i := range sh.Members {
			if out.Shapes[sh.Members[i].To] == nil {
				sh.Members[i].To = ""
			}
		}
		for _, r := range []**model.Ref{&sh.Key, &sh.Value} {
			if *r != nil && out.Shapes[(*r).To] == nil {
				*r = nil
			}
		}
	}
	maps.DeleteFunc(out.Inputs, func(_, shape string) bool { return out.Shapes[shape] == nil })
	return out, bad
}

// wire is a member's name in requests (Smithy, "AWS EC2 query protocol" and "AWS query
// protocol"; JSON has the member's own).
func (s service) wire(name string, r ref) string {
	switch s.Metadata.Protocol {
	case "ec2":
		if n := cmp.Or(r.QueryName, r.LocationName); n != "" {
			return cmp.Or(r.QueryName, strings.ToUpper(n[:1])+n[1:])
		}
	case "query":
		return cmp.Or(r.LocationName, name)
	}
	return name
}
