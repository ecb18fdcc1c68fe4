package wire

import (
	"context"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
)

// place is an input with members in every place.
type place struct {
	Name  *string
	Group *string
	Keys  []string
	Limit *int32
	Trace *string
	Note  *string
	Inner *inner
}

type inner struct{ CapacityProvider *string }

func restServer() *Server {
	s := everyProtocol()
	svc := &Service{Name: "places", Protocol: REST, Casing: Pascal, Statuses: map[string]int{"ConflictException": http.StatusConflict}}
	HandleREST(svc, "PutPlace", "PUT /places/{Name}?group={Group}&key={Keys}&limit={Limit}\nX-Trace: {Trace}", func(_ context.Context, in *place) (*place, error) { return in, nil })
	HandleREST(svc, "DeletePlace", "DELETE /places/{Name}", func(context.Context, *place) (*place, error) {
		return nil, Errorf("ConflictException", "in use")
	})
	s.Add(svc)
	return s
}

func TestREST(t *testing.T) {
	s := restServer()
	for _, c := range []struct {
		name, method, path, body string
		service                  string
		status                   int
		kind, want               string
	}{
		{"everywhere", "PUT", "/places/a?group=g&key=1&key=2&limit=3", `{"Note":"n","Inner":{"CapacityProvider":"x"}}`, "places", 200, "",
			`{"Name":"a","Group":"g","Keys":["1","2"],"Limit":3,"Trace":"t","Note":"n","Inner":{"CapacityProvider":"x"}}`},
		{"an ARN in the path", "PUT", "/places/arn%3Aaws%3Ax%3A%3Agroup%2Fa%20b", ``, "places", 200, "", `{"Name":"arn:aws:x::group/a b","Trace":"t"}`},
		{"the path decides, not the body", "PUT", "/places/a", `{"Name":"b","name":"c","Group":"g","Keys":["k"]}`, "places", 200, "", `{"Name":"a","Trace":"t"}`},
		{"a body of null", "PUT", "/places/a", `null`, "places", 200, "", `{"Name":"a","Trace":"t"}`},
		{"no JSON", "PUT", "/places/a", `{`, "places", 400, "SerializationException", `{"Message":"The request's body is not a JSON structure: unexpected EOF"}`},
		{"no number", "PUT", "/places/a?limit=x", ``, "places", 400, "SerializationException", `{"Message":"Limit must be a whole number"}`},
		{"an error's status", "DELETE", "/places/a", ``, "places", 409, "ConflictException", `{"Message":"in use"}`},
		{"no such method", "GET", "/places/a", ``, "places", 404, "UnknownOperationException", "GET /places/a"},
		{"no such path", "PUT", "/places/a/b", ``, "places", 404, "UnknownOperationException", "PUT /places/a/b"},
		{"an empty member", "PUT", "/places/", ``, "places", 404, "UnknownOperationException", "PUT /places/"},
		{"signed for another service", "PUT", "/places/a", ``, "query", 403, "InvalidSignatureException", "Credential should be scoped to correct service: 'places'."},
		{"unsigned", "PUT", "/places/a", ``, "", 403, "MissingAuthenticationTokenException", "Authentication Token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, "http://a"+c.path, strings.NewReader(c.body))
			r.Header.Set("X-Trace", "t")
			if c.service != "" {
				sign(s, r, c.service)
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) || w.Header().Get("X-Amzn-Errortype") != c.kind || w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("%d %v %s, want %d %s %s", w.Code, w.Header(), w.Body, c.status, c.kind, c.want)
			}
		})
	}
	if n := s.Unknown()["places GET /places/a"]; n != 1 {
		t.Errorf("unknown operations: %v", s.Unknown())
	}
}

func TestRoutesNameMembers(t *testing.T) {
	for _, at := range []string{"GET /a/{Nothing}", "GET /a?b={Nothing}", "GET /a?b=Name", "GET /a\nX-B: {Nothing}", "GET /a/{}"} {
		if _, err := newRoute("X", at, reflect.TypeFor[place](), Pascal); err == nil {
			t.Errorf("%q is taken", at)
		}
	}
}

func TestMixedCasing(t *testing.T) {
	type sent struct{ Inner *inner }
	type mixed struct{ CapacityProvider string }
	type outer struct{ Mixed mixed }
	Mixed[mixed](Pascal, Camel)
	if got := string(appendJSON(nil, reflect.ValueOf(outer{mixed{"x"}}), Pascal)); got != `{"Mixed":{"capacityProvider":"x"}}` {
		t.Error(got)
	}
	if got := string(appendJSON(nil, reflect.ValueOf(sent{&inner{}}), Pascal)); got != `{"Inner":{}}` {
		t.Error(got)
	}
}

func TestInvoke(t *testing.T) {
	s := everyProtocol()
	for _, c := range []struct{ service, operation, input, code string }{
		{"json", "Echo", `{"name":"n"}`, ""},
		{"json", "Echo", `{`, "SerializationException"},
		{"json", "Echo", `{"count":"x"}`, "SerializationException"},
		{"json", "Nothing", `{}`, "UnknownOperationException"},
		{"nothing", "Echo", `{}`, "UnknownOperationException"},
	} {
		err := s.Invoke(t.Context(), c.service, c.operation, []byte(c.input))
		if e, is := err.(*Error); c.code == "" && err != nil || c.code != "" && (!is || e.Code != c.code || e.Status == 0) {
			t.Errorf("%v: %v", c, err)
		}
	}
}

// FuzzRoute holds that a path is matched as a client wrote it: what is found in
// it, escaped again, is the path.
func FuzzRoute(f *testing.F) {
	rt, err := newRoute("X", "GET /a/{Name}/b/{Group}?k={Keys}", reflect.TypeFor[place](), Pascal)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("/a/x/b/y", "k=1", []byte(`{"note":"n"}`))
	f.Add("/a/x%2Fy/b/%25", "k=%zz", []byte(`null`))
	f.Add("/a//b/", "", []byte(`[`))
	f.Fuzz(func(t *testing.T, path, query string, body []byte) {
		members, ok := rt.match("GET", strings.Split(path, "/"))
		if !ok {
			return
		}
		for _, name := range []string{"Name", "Group"} {
			if v, is := members[name].(string); !is || v == "" {
				t.Fatalf("%q: %v", path, members)
			}
		}
		r := httptest.NewRequest("GET", "http://a/", nil)
		r.URL.RawQuery = query
		tree, err := rt.tree(r, members, body)
		if err != nil {
			return
		}
		if tree["Name"] != members["Name"] || tree["Group"] != members["Group"] {
			t.Fatalf("%q %q %q: %v", path, query, body, tree)
		}
		var in place
		_ = assign(tree, reflect.ValueOf(&in).Elem(), Pascal, "")
	})
}
