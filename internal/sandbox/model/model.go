// Package model holds what AWS's service models say that a request must satisfy,
// for the operations that the sandbox has, and how all of AWS's services are named.
//
// The data is botocore's, reduced by package reduce from what the conformance tests
// extract of it:
//
//	go generate ./internal/sandbox/conformance
package model

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"io"
	"sync"
)

// Data is the embedded file.
type Data struct {
	Source    string                   `json:"source"`
	Services  map[string]*ServiceModel `json:"services"` // by signing name
	Directory []Entry                  `json:"directory"`
}

// ServiceModel is the constraints of one service's operations.
type ServiceModel struct {
	Inputs map[string]string `json:"inputs"` // operation -> shape; those without constraints are left out
	Shapes map[string]*Shape `json:"shapes"`
}

// The types of shapes.
const (
	Structure = "structure"
	List      = "list"
	Map       = "map"
	String    = "string"
	Number    = "number"
)

// Shape is a type of the model that has constraints, itself or in its parts.
type Shape struct {
	Type    string   `json:"type"`
	Members []Member `json:"members,omitempty"` // of a structure
	Key     *Ref     `json:"key,omitempty"`     // of a map
	Value   *Ref     `json:"value,omitempty"`   // of a map or a list
	Enum    []string `json:"enum,omitempty"`
	Min     *float64 `json:"min,omitempty"` // of a number's value, else of a length
	Max     *float64 `json:"max,omitempty"`
	Pattern string   `json:"pattern,omitempty"` // as the model has it: a regular expression of Java
	Text    string   `json:"text,omitempty"`    // the service's own for Enum or Pattern, with {value} and {member}

	matches func() func(string) bool
}

// Member is a member of a structure.
type Member struct {
	Name     string `json:"name"`           // the model's
	Wire     string `json:"wire,omitempty"` // in a request, where this is not Name
	Required bool   `json:"required,omitempty"`
	Ref
}

// Ref names a shape; Shape is nil if that has no constraints.
type Ref struct {
	To    string `json:"to,omitempty"`
	Shape *Shape `json:"-"`
}

// Entry says how a service is called and asked.
type Entry struct {
	FullName    string `json:"fullName"`
	Short       string `json:"short,omitempty"` // what FullName is abbreviated to
	Protocol    string `json:"protocol"`
	Signing     string `json:"signing"` // name in the credential scope
	Target      string `json:"target,omitempty"`
	Version     string `json:"version"`
	JSONVersion string `json:"jsonVersion,omitempty"`
}

// Name is what people call the service.
func (e *Entry) Name() string {
	if e.Short == "" {
		return e.FullName
	}
	return e.FullName + " (" + e.Short + ")"
}

// S3 reports whether the service is S3, whose errors have a form of their own.
func (e *Entry) S3() bool { return e.Signing == "s3" }

//go:embed model.json.gz
var packed []byte

var load = sync.OnceValue(func() *Data {
	d, err := Read(bytes.NewReader(packed))
	if err != nil {
		panic(err) // the file is part of the program
	}
	return d
})

// Read reads a file that package reduce wrote.
func Read(r io.Reader) (*Data, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	d := &Data{}
	if err := json.NewDecoder(z).Decode(d); err != nil {
		return nil, err
	}
	for _, s := range d.Services {
		for _, sh := range s.Shapes {
			for i := range sh.Members {
				sh.Members[i].Shape = s.Shapes[sh.Members[i].To]
			}
			for _, r := range []*Ref{sh.Key, sh.Value} {
				if r != nil {
					r.Shape = s.Shapes[r.To]
				}
			}
			if sh.Pattern != "" {
				sh.matches = sync.OnceValue(func() func(string) bool { return matcher(sh.Pattern) })
			}
		}
	}
	return d, nil
}

// Input returns the constraints of an operation's input, nil for none.
func Input(service, operation string) *Shape {
	s := load().Services[service]
	if s == nil {
		return nil
	}
	return s.Shapes[s.Inputs[operation]]
}

// Services returns the constraints of all services, by signing name. They are not to
// be changed.
func Services() map[string]*ServiceModel { return load().Services }

// Matches reports whether all of text fits the shape's pattern.
func (s *Shape) Matches(text string) bool {
	return s.matches == nil || s.matches()(text)
}

// Find returns the service that a request is for, nil if there is none: by the target
// before the dot in X-Amz-Target, else by signing name and, of several services with
// that name, by the API's version.
func Find(target, signing, version string) *Entry {
	var found *Entry
	for i := range load().Directory {
		e := &load().Directory[i]
		switch {
		case target != "" && e.Target == target:
			return e
		case signing == "" || e.Signing != signing:
		case version != "" && e.Version == version:
			found = e
		case found == nil:
			found = e
		}
	}
	return found
}
