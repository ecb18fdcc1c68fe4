package conformance

import (
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// model is botocore's description of the services, cut down by extract.
type model struct {
	Source   string
	Services map[string]*service
}

type service struct {
	Metadata struct {
		APIVersion, Protocol, TargetPrefix, JSONVersion, XMLNamespace string
	}
	Operations map[string]*operation
	Shapes     map[string]*shape
}

type operation struct {
	HTTP          struct{ Method, RequestURI string } // of a REST service
	Input, Output *ref
	Errors        []ref
}

type ref struct {
	Shape, Location, LocationName, QueryName, ResultWrapper, TimestampFormat string
	Flattened                                                                bool
}

type shape struct {
	Type               string
	Members            map[string]ref
	Member, Key, Value *ref
	Required, Enum     []string
	Flattened          bool
	TimestampFormat    string
	Error              *struct {
		Code           string
		HTTPStatusCode int
	}
	Exception bool
}

var loadModel = sync.OnceValues(func() (*model, error) {
	f, err := os.Open("testdata/models.json.gz")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	m := &model{}
	return m, json.NewDecoder(z).Decode(m)
})

func models(t testing.TB) *model {
	t.Helper()
	m, err := loadModel()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// errorShape finds the error that a client would know by code: by the code of
// the query protocol, or by the shape's name.
func (s *service) errorShape(op, code string) (*shape, bool) {
	for _, e := range s.Operations[op].Errors {
		sh := s.Shapes[e.Shape]
		if e.Shape == code || sh.Error != nil && sh.Error.Code == code {
			return sh, true
		}
	}
	return nil, false
}

// allowedEnum lists the values that AWS sends although the model does not name
// them, with where that is known from.
var allowedEnum = map[string]string{
	"State pending":              "a VPC endpoint's, which the model has with a capital letter and the API reference's examples without",
	"State available":            "likewise",
	"State deleting":             "likewise",
	"AttachmentStatus available": "an internet gateway's attachment, in the API reference's example of DescribeInternetGateways",
}

// checker holds one answer against its shape.
type checker struct {
	*service
	seen     map[string]bool // "Shape.Member" that occurred
	problems []string
}

func (c *checker) fault(path, format string, args ...any) {
	c.problems = append(c.problems, path+": "+fmt.Sprintf(format, args...))
}

var number = regexp.MustCompile(`^-?\d+$`)

// value checks what a JSON or CBOR decoder made of an answer.
func (c *checker) value(v any, r ref, path string) any {
	s := c.Shapes[r.Shape]
	switch s.Type {
	case "structure":
		m, ok := v.(map[string]any)
		if !ok {
			c.fault(path, "%T where %s is a structure", v, r.Shape)
			return nil
		}
		c.members(m, r, path)
		for k, item := range m {
			mr, ok := s.Members[k]
			if !ok {
				c.fault(path, "%s has no member %s", r.Shape, k)
				continue
			}
			c.seen[r.Shape+"."+k] = true
			m[k] = c.value(item, mr, path+"."+k)
		}
		return m
	case "list":
		l, ok := v.([]any)
		if !ok {
			c.fault(path, "%T where %s is a list", v, r.Shape)
			return nil
		}
		for i := range l {
			l[i] = c.value(l[i], *s.Member, fmt.Sprintf("%s[%d]", path, i))
		}
		return l
	case "map":
		m, ok := v.(map[string]any)
		if !ok {
			c.fault(path, "%T where %s is a map", v, r.Shape)
			return nil
		}
		for k := range m {
			c.value(k, *s.Key, path+" key")
			m[k] = c.value(m[k], *s.Value, path+"."+k)
		}
		return m
	case "string":
		t, ok := v.(string)
		if !ok {
			c.fault(path, "%T where %s is a string", v, r.Shape)
		}
		c.enum(t, r, path)
	case "boolean":
		if _, ok := v.(bool); !ok {
			c.fault(path, "%T where %s is a boolean", v, r.Shape)
		}
	case "integer", "long":
		if n, ok := v.(json.Number); !ok || !number.MatchString(string(n)) {
			c.fault(path, "%v where %s is a whole number", v, r.Shape)
		}
	case "float", "double":
		if _, ok := v.(json.Number); !ok {
			c.fault(path, "%T where %s is a number", v, r.Shape)
		}
	case "timestamp":
		switch t := v.(type) {
		case time.Time: // CBOR's own
		case json.Number:
			// Seconds: milliseconds would be some fifty thousand years ahead.
			if f, err := t.Float64(); err != nil || f < 0 || f > 1e11 {
				c.fault(path, "%v is not seconds since 1970", v)
			}
		default:
			c.fault(path, "%T where %s is a timestamp", v, r.Shape)
		}
	case "blob":
		c.blob(v, r, path)
	default:
		c.fault(path, "the model's type %s is not checked", s.Type)
	}
	return v
}

func (c *checker) blob(v any, r ref, path string) {
	if _, ok := v.([]byte); ok {
		return
	}
	t, ok := v.(string)
	if _, err := base64.StdEncoding.DecodeString(t); !ok || err != nil {
		c.fault(path, "%v where %s is base64", v, r.Shape)
	}
}

func (c *checker) members(m map[string]any, r ref, path string) {
	for _, k := range c.Shapes[r.Shape].Required {
		if _, ok := m[k]; !ok {
			c.fault(path, "%s lacks %s, which it must have", r.Shape, k)
		}
	}
}

func (c *checker) enum(v string, r ref, path string) {
	if e := c.Shapes[r.Shape].Enum; len(e) > 0 && !slices.Contains(e, v) && allowedEnum[r.Shape+" "+v] == "" {
		c.fault(path, "%q is none of %s: %s", v, r.Shape, strings.Join(e, ", "))
	}
}

// element is an XML element without its attributes.
type element struct {
	name     string
	text     string
	children []*element
}

// xml checks an element and returns it in the form that JSON answers have.
func (c *checker) xml(e *element, r ref, path string) any {
	s := c.Shapes[r.Shape]
	if s.Type != "structure" && s.Type != "list" && s.Type != "map" && len(e.children) > 0 {
		c.fault(path, "elements where %s is a %s", r.Shape, s.Type)
	}
	switch s.Type {
	case "structure":
		return c.xmlStructure(e, r, path)
	case "list":
		name := s.Member.LocationName
		if name == "" {
			name = "member"
		}
		out := []any{}
		for i, child := range e.children {
			if child.name != name {
				c.fault(path, "an entry of %s is called %s, not %s", r.Shape, child.name, name)
			}
			out = append(out, c.xml(child, *s.Member, fmt.Sprintf("%s[%d]", path, i)))
		}
		return out
	case "map":
		out := map[string]any{}
		for _, entry := range e.children {
			if entry.name != "entry" || len(entry.children) != 2 || entry.children[0].name != "key" || entry.children[1].name != "value" {
				c.fault(path, "%s is a map of entries with key and value", r.Shape)
				continue
			}
			out[entry.children[0].text] = c.xml(entry.children[1], *s.Value, path+"."+entry.children[0].text)
		}
		return out
	case "string":
		c.enum(e.text, r, path)
	case "boolean":
		if e.text != "true" && e.text != "false" {
			c.fault(path, "%q where %s is true or false", e.text, r.Shape)
		}
	case "integer", "long":
		if !number.MatchString(e.text) {
			c.fault(path, "%q where %s is a whole number", e.text, r.Shape)
		}
	case "float", "double":
		if _, err := strconv.ParseFloat(e.text, 64); err != nil {
			c.fault(path, "%q where %s is a number", e.text, r.Shape)
		}
	case "timestamp":
		if _, err := time.Parse(time.RFC3339, e.text); err != nil {
			c.fault(path, "%q where %s is a time in ISO 8601", e.text, r.Shape)
		}
	case "blob":
		c.blob(e.text, r, path)
	default:
		c.fault(path, "the model's type %s is not checked", s.Type)
	}
	return e.text
}

func (c *checker) xmlStructure(e *element, r ref, path string) any {
	s := c.Shapes[r.Shape]
	byName := map[string]string{}
	for k, mr := range s.Members {
		name := mr.LocationName
		ms := c.Shapes[mr.Shape]
		if ms.Type == "list" && (ms.Flattened || mr.Flattened) && ms.Member.LocationName != "" {
			name = ms.Member.LocationName
		}
		if name == "" {
			name = k
		}
		byName[name] = k
	}
	out := map[string]any{}
	for _, child := range e.children {
		k, ok := byName[child.name]
		if !ok {
			c.fault(path, "%s has no member %s", r.Shape, child.name)
			continue
		}
		c.seen[r.Shape+"."+k] = true
		mr := s.Members[k]
		ms := c.Shapes[mr.Shape]
		if ms.Type == "list" && (ms.Flattened || mr.Flattened) {
			l, _ := out[k].([]any)
			out[k] = append(l, c.xml(child, *ms.Member, path+"."+k))
			continue
		}
		if _, twice := out[k]; twice {
			c.fault(path, "%s is there twice", child.name)
		}
		out[k] = c.xml(child, mr, path+"."+k)
	}
	c.members(out, r, path)
	return out
}
