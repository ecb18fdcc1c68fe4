// Package constraint checks requests against what AWS's service models say of
// their members: enumerations, lengths, ranges, patterns and required members.
//
// The constraints are botocore's, cut down to the inputs of the operations that
// the sandbox has; go generate ./internal/sandbox/conformance writes them.
package constraint

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// Model is what there is to check of one service.
type Model struct {
	Inputs map[string]string // shapes, by operation
	Shapes map[string]*Shape

	inputs map[string]*Member
}

// Shape is one type of a model. What is unconstrained is left out.
type Shape struct {
	Type     string             `json:",omitempty"` // structure, list, map, string or number
	Members  map[string]*Member `json:",omitempty"` // of a structure, by their names on the wire
	Item     *Member            `json:",omitempty"` // of a list, and the values of a map
	Key      *Member            `json:",omitempty"` // of a map
	Enum     []string           `json:",omitempty"`
	Min, Max *float64           `json:",omitempty"` // a length in characters or entries, or a value
	Pattern  string             `json:",omitempty"` // a regular expression as the model has it

	compile  sync.Once
	pattern  *regexp.Regexp
	required []string // the names on the wire of the required members
}

// Member is a place for a value.
type Member struct {
	Name     string `json:",omitempty"` // in the model
	Shape    string `json:",omitempty"`
	Required bool   `json:",omitempty"`

	shape *Shape
}

// Data is all models, as JSON in gzip.
//
//go:embed models.json.gz
var Data []byte

var load = sync.OnceValues(func() (map[string]*Model, error) {
	z, err := gzip.NewReader(bytes.NewReader(Data))
	if err != nil {
		return nil, err
	}
	var models map[string]*Model
	if err := json.NewDecoder(z).Decode(&models); err != nil {
		return nil, err
	}
	for _, m := range models {
		m.inputs = map[string]*Member{}
		for operation, name := range m.Inputs {
			m.inputs[operation] = &Member{shape: m.Shapes[name]}
		}
		for _, s := range m.Shapes {
			s.resolve(m.Shapes)
		}
	}
	return models, nil
})

// resolve finds the shapes that a shape refers to.
func (s *Shape) resolve(all map[string]*Shape) {
	for _, m := range []*Member{s.Item, s.Key} {
		if m != nil {
			m.shape = all[m.Shape]
		}
	}
	for wire, m := range s.Members {
		m.shape = all[m.Shape]
		if m.Required {
			s.required = append(s.required, wire)
		}
	}
}

// Of returns the model of a service by the name that requests are signed for, and
// nil where there is nothing to check. It is safe for concurrent use, as the model
// is.
func Of(service string) *Model {
	models, err := load()
	if err != nil {
		panic("constraint: the embedded models: " + err.Error()) // a test reads them
	}
	return models[service]
}

// Violation is one constraint that a request does not satisfy.
type Violation struct {
	Path   string   // such as tags.1.member.key
	Member string   // the last name in Path, as the model has it
	Value  string   // as it is shown; "null" for what is missing
	Rule   string   // such as "Member must have length less than or equal to 128"
	Enum   []string // the values that may be, where Rule is an enumeration
}

// String is the violation in the words of AWS's services.
func (v Violation) String() string {
	value := "'" + v.Value + "'"
	if v.Value == null {
		value = null
	}
	return "Value " + value + " at '" + v.Path + "' failed to satisfy constraint: " + v.Rule
}

const null = "null"

// Text is what AWS's services say of several violations.
func Text(all []Violation) string {
	var each []string
	for _, v := range all {
		each = append(each, v.String())
	}
	plural := ""
	if len(all) > 1 {
		plural = "s"
	}
	return fmt.Sprintf("%d validation error%s detected: %s", len(all), plural, strings.Join(each, "; "))
}

// Check returns what an operation's input does not satisfy, sorted by path. input
// is a tree of maps, lists, strings, json.Numbers and booleans by their names on
// the wire; a list of the query protocols is a map from 1 up, perhaps in "member"
// or "item". What is of another type than the model has is not checked. required
// says whether required members are looked for.
func (m *Model) Check(operation string, input map[string]any, required bool) []Violation {
	c := check{Model: m, required: required}
	if in := m.inputs[operation]; in != nil {
		c.value(nil, in, input, 0)
	}
	slices.SortStableFunc(c.found, func(a, b Violation) int { return strings.Compare(a.Path, b.Path) })
	return c.found
}

type check struct {
	*Model
	required bool
	found    []Violation
}

// most bounds the nesting and the number of violations that are told.
const most = 32

// place is where a value is in a request. Its text is needed for violations only.
type place struct {
	in    *place
	name  string
	index int // from 1, of an entry of a list
}

func (p *place) String() string {
	switch {
	case p == nil:
		return ""
	case p.index > 0:
		return p.in.String() + "." + strconv.Itoa(p.index) + ".member"
	case p.in == nil:
		return lower(p.name)
	}
	return p.in.String() + "." + lower(p.name)
}

func (c *check) value(at *place, m *Member, v any, depth int) {
	s := m.shape
	if s == nil || depth > most || len(c.found) >= most {
		return
	}
	switch s.Type {
	case "structure":
		fields, ok := v.(map[string]any)
		if !ok {
			return
		}
		for wire, item := range fields {
			if m := s.Members[wire]; m != nil && m.shape != nil && item != nil {
				c.value(&place{in: at, name: m.Name}, m, item, depth+1)
			}
		}
		for _, wire := range s.required {
			if m := s.Members[wire]; c.required && fields[wire] == nil {
				c.found = append(c.found, Violation{(&place{in: at, name: m.Name}).String(), m.Name, null, "Member must not be null", nil})
			}
		}
	case "list":
		items, ok := Entries(v)
		if !ok {
			return
		}
		c.bounds(at, m, s, float64(len(items)), "length", v)
		for i, item := range items {
			c.value(&place{in: at, index: i + 1}, s.Item, item, depth+1)
		}
	case "map":
		fields, ok := v.(map[string]any)
		if !ok {
			return
		}
		c.bounds(at, m, s, float64(len(fields)), "length", v)
		for _, k := range slices.Sorted(maps.Keys(fields)) {
			c.entry("Map keys", at, m, s.Key, k, fields, depth)
			c.entry("Map value", at, m, s.Item, fields[k], fields, depth)
		}
	case "string":
		text, ok := scalar(v)
		if !ok {
			return
		}
		c.bounds(at, m, s, float64(utf8.RuneCountInString(text)), "length", v)
		if s.Pattern != "" && !s.matches(text) {
			c.fail(at, m, v, "Member must satisfy regular expression pattern: "+s.Pattern)
		}
		if len(s.Enum) > 0 && !slices.Contains(s.Enum, text) {
			c.fail(at, m, v, "Member must satisfy enum value set: ["+strings.Join(s.Enum, ", ")+"]")
			c.found[len(c.found)-1].Enum = s.Enum
		}
	case "number":
		text, _ := scalar(v)
		if n, err := strconv.ParseFloat(text, 64); err == nil {
			c.bounds(at, m, s, n, "value", v)
		}
	}
}

// entry checks a key or a value of a map, which AWS tells of the whole map.
func (c *check) entry(what string, at *place, m, of *Member, v any, whole map[string]any, depth int) {
	each := check{Model: c.Model, required: c.required}
	each.value(at, of, v, depth+1)
	for _, found := range each.found {
		c.fail(at, m, whole, what+" must satisfy constraint: ["+found.Rule+"]")
	}
}

func (c *check) bounds(at *place, m *Member, s *Shape, n float64, what string, v any) {
	if s.Min != nil && n < *s.Min {
		c.fail(at, m, v, fmt.Sprintf("Member must have %s greater than or equal to %v", what, number(*s.Min)))
	}
	if s.Max != nil && n > *s.Max {
		c.fail(at, m, v, fmt.Sprintf("Member must have %s less than or equal to %v", what, number(*s.Max)))
	}
}

func (c *check) fail(at *place, m *Member, v any, rule string) {
	c.found = append(c.found, Violation{Path: at.String(), Member: m.Name, Value: show(v), Rule: rule})
}

// matches reports whether the whole text fits the pattern.
func (s *Shape) matches(text string) bool {
	s.compile.Do(func() { s.pattern, _ = Compile(s.Pattern) })
	return s.pattern == nil || s.pattern.MatchString(text)
}

var unicodeEscape = regexp.MustCompile(`\\u([0-9A-Fa-f]{4})`)

// Compile returns a pattern of a model, which is a Java regular expression, as one
// of Go's that the whole text must match. The error is regexp's for what Go's
// expressions do not have, such as looking ahead.
func Compile(pattern string) (*regexp.Regexp, error) {
	return regexp.Compile(`^(?:` + unicodeEscape.ReplaceAllString(pattern, `\x{$1}`) + `)$`)
}

// Entries reads a list of any protocol: a JSON array, or X.member.1, X.item.1 and
// X.1 of the query protocols.
func Entries(tree any) ([]any, bool) {
	switch t := tree.(type) {
	case []any:
		return t, true
	case string:
		return nil, t == ""
	case map[string]any:
		for _, wrapper := range []string{"member", "item", "entry"} {
			if inner, ok := t[wrapper]; ok && len(t) == 1 {
				return Entries(inner)
			}
		}
		keys := make([]int, 0, len(t))
		for k := range t {
			n, err := strconv.Atoi(k)
			if err != nil {
				return nil, false
			}
			keys = append(keys, n)
		}
		slices.Sort(keys)
		out := make([]any, len(keys))
		for i, k := range keys {
			out[i] = t[strconv.Itoa(k)]
		}
		return out, true
	}
	return nil, false
}

func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case int64, uint64, float64:
		return fmt.Sprint(v), true
	}
	return "", false
}

// show is a value as AWS prints it.
func show(v any) string {
	if text, ok := scalar(v); ok {
		return text
	}
	if items, ok := Entries(v); ok {
		var out []string
		for _, i := range items {
			out = append(out, show(i))
		}
		return "[" + strings.Join(out, ", ") + "]"
	}
	if fields, ok := v.(map[string]any); ok {
		var out []string
		for _, k := range slices.Sorted(maps.Keys(fields)) {
			out = append(out, k+"="+show(fields[k]))
		}
		return "{" + strings.Join(out, ", ") + "}"
	}
	return fmt.Sprint(v)
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// lower is a name of a model as it stands in paths: DBName is dBName.
func lower(name string) string {
	if name == "" {
		return ""
	}
	return strings.ToLower(name[:1]) + name[1:]
}
