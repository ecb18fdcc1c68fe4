package wire

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"maps"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

type sample struct {
	Name   *string
	Count  int32
	On     *bool
	At     *time.Time
	Ids    []string `wire:"Id"`
	Filter []struct {
		Name   string
		Values []string `wire:"Value"`
	}
	Labels map[string]string
	Ratio  *float64
	Blob   []byte
}

func TestAssignQuery(t *testing.T) {
	form, _ := url.ParseQuery("Action=X&Version=1&Name=n&Count=3&On=true&Id.2=b&Id.1=a&Id.10=c&Filter.1.Name=vpc-id&Filter.1.Value.1=v1&Filter.1.Value.2=v2&At=2024-01-02T03:04:05Z")
	tree, err := queryTree(form)
	if err != nil {
		t.Fatal(err)
	}
	var s sample
	if err := assign(tree, reflect.ValueOf(&s).Elem(), Pascal, ""); err != nil {
		t.Fatal(err)
	}
	if *s.Name != "n" || s.Count != 3 || !*s.On || s.At.Hour() != 3 {
		t.Errorf("scalars: %+v", s)
	}
	if !reflect.DeepEqual(s.Ids, []string{"a", "b", "c"}) {
		t.Errorf("ids = %v", s.Ids)
	}
	if len(s.Filter) != 1 || s.Filter[0].Name != "vpc-id" || !reflect.DeepEqual(s.Filter[0].Values, []string{"v1", "v2"}) {
		t.Errorf("filters = %+v", s.Filter)
	}
}

func TestAssignRefuses(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{"a string for a number", `{"Count":"x"}`, "Count must be a whole number"},
		{"a number too large", `{"Count":3000000000}`, "Count must be a whole number"},
		{"a list for a string", `{"Name":["x"]}`, "Name must be a string"},
		{"a string for a list", `{"Id":"x"}`, "Id must be a list"},
		{"deep inside", `{"Filter":[{"Name":"a"},{"Name":{}}]}`, "Filter[1].Name must be a string"},
		{"a map of lists", `{"Labels":{"a":[]}}`, "Labels.a must be a string"},
		{"no base64", `{"Blob":"%"}`, "Blob must be base64"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree, err := jsonTree([]byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			var s sample
			err = assign(tree, reflect.ValueOf(&s).Elem(), Pascal, "")
			if err == nil || err.Error() != c.want {
				t.Errorf("error = %v, want %s", err, c.want)
			}
		})
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"Name":"n","Count":1e3,"At":1.7e9,"Id":["a"],"Labels":{"k":"v"},"Filter":[{"Name":"x","Value":["y"]}]}`))
	f.Add([]byte(`[1]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		tree, err := jsonTree(body)
		if err != nil {
			return
		}
		var s sample
		if assign(tree, reflect.ValueOf(&s).Elem(), Pascal, "") != nil {
			return
		}
		if out := appendJSON(nil, reflect.ValueOf(s), Pascal); !json.Valid(out) {
			t.Fatalf("%s became %s, which is not JSON", body, out)
		}
	})
}

func FuzzQuery(f *testing.F) {
	f.Add("Name=n&Id.1=a&Filter.1.Value.1=v")
	f.Add("A.B=1&A=2&A.B.C=3")
	f.Add(strings.Repeat(".", 40) + "=1")
	f.Fuzz(func(t *testing.T, body string) {
		form, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		tree, err := queryTree(form)
		if err != nil {
			return
		}
		var s sample
		if assign(tree, reflect.ValueOf(&s).Elem(), Pascal, "") != nil {
			return
		}
		var b bytes.Buffer
		b.WriteString("<r>")
		xmlStyle{Pascal, "member"}.members(&b, reflect.ValueOf(s))
		b.WriteString("</r>")
		for d := xml.NewDecoder(&b); ; {
			if _, err := d.Token(); err == io.EOF {
				return
			} else if err != nil {
				t.Fatalf("%q became XML that does not parse: %v", body, err)
			}
		}
	})
}

// TestQueryMaps has the forms of Smithy's "AWS query protocol", of maps and of
// flattened maps.
func TestQueryMaps(t *testing.T) {
	for _, c := range []struct {
		form string
		want map[string]string // nil for a refusal
	}{
		{"M.entry.1.key=a&M.entry.1.value=b&M.entry.2.key=c&M.entry.2.value=", map[string]string{"a": "b", "c": ""}},
		{"M.1.key=a&M.1.value=b", map[string]string{"a": "b"}},
		{"M.entry.1.key=entry&M.entry.1.value=b", map[string]string{"entry": "b"}},
		{"M.entry.1.key=a", map[string]string{"a": ""}},
		{"M=", map[string]string{}},
		{"M=a", nil},
		{"M.entry.1.key.b=a&M.entry.1.value=b", nil},
	} {
		form, err := url.ParseQuery(c.form)
		if err != nil {
			t.Fatal(err)
		}
		tree, err := queryTree(form)
		if err != nil {
			t.Fatal(err)
		}
		var in struct{ M map[string]string }
		err = assign(tree, reflect.ValueOf(&in).Elem(), Pascal, "")
		if (err != nil) != (c.want == nil) || c.want != nil && !maps.Equal(in.M, c.want) {
			t.Errorf("%s: %v, %v, want %v", c.form, in.M, err, c.want)
		}
	}
}
