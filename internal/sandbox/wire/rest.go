package wire

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
)

// route says where the members of an operation's input are in a request of the
// REST JSON protocol (Smithy's "AWS restJson1"): what it does not name is in the
// body.
type route struct {
	operation string
	method    string
	path      []string    // segments; {Name} is a member
	query     [][2]string // parameter, member
	header    [][2]string // header, member
	lists     map[string]bool
}

// HandleREST registers an operation of a service that speaks REST, which is run
// as Handle's are. at is the operation's method, its path and where the members
// outside of the body are:
//
//	DELETE /schedules/{Name}?groupName={GroupName}
//	X-Thing: {Thing}
//
// It must be called before the server starts, and panics if at names a member
// that In does not have.
func HandleREST[In, Out any](s *Service, name, at string, h func(context.Context, *In) (*Out, error)) {
	rt, err := newRoute(name, at, reflect.TypeFor[In](), s.Casing)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", name, err)) // a constant of the program
	}
	s.routes = append(s.routes, rt)
	Handle(s, name, h)
}

func newRoute(name, at string, in reflect.Type, c Casing) (route, error) {
	lines := strings.Split(at, "\n")
	method, target, _ := strings.Cut(lines[0], " ")
	path, query, _ := strings.Cut(target, "?")
	rt := route{operation: name, method: method, path: strings.Split(path, "/"), lists: map[string]bool{}}
	members := map[string]reflect.Type{}
	for _, f := range fields(in, c) {
		members[f.name] = in.Field(f.index).Type
	}
	known := func(text string) (string, error) {
		m, ok := member(text)
		if t, has := members[m]; !ok || !has {
			return "", fmt.Errorf("%s is no member of %s", text, in)
		} else if t.Kind() == reflect.Slice {
			rt.lists[m] = true
		}
		return m, nil
	}
	for _, s := range rt.path {
		if strings.HasPrefix(s, "{") {
			if _, err := known(s); err != nil {
				return rt, err
			}
		}
	}
	pairs := func(lines []string, separator string) ([][2]string, error) {
		var out [][2]string
		for _, line := range lines {
			key, text, _ := strings.Cut(line, separator)
			m, err := known(strings.TrimSpace(text))
			if err != nil {
				return nil, err
			}
			out = append(out, [2]string{strings.TrimSpace(key), m})
		}
		return out, nil
	}
	var err error
	if query != "" {
		if rt.query, err = pairs(strings.Split(query, "&"), "="); err != nil {
			return rt, err
		}
	}
	rt.header, err = pairs(lines[1:], ":")
	return rt, err
}

// member returns the name in {Name}.
func member(segment string) (name string, ok bool) {
	if len(segment) < 3 || segment[0] != '{' || segment[len(segment)-1] != '}' {
		return "", false
	}
	return segment[1 : len(segment)-1], true
}

// match returns the members in a request's path, which has its escapes still;
// ok is false for a path of another operation. A member is one segment and not
// empty.
func (rt *route) match(method string, path []string) (members map[string]any, ok bool) {
	if method != rt.method || len(path) != len(rt.path) {
		return nil, false
	}
	members = map[string]any{}
	for i, want := range rt.path {
		name, isMember := member(want)
		if !isMember {
			if path[i] != want {
				return nil, false
			}
			continue
		}
		v, err := url.PathUnescape(path[i])
		if err != nil || v == "" {
			return nil, false
		}
		members[name] = v
	}
	return members, true
}

// tree is an operation's input: the members in the path, which are given, then
// those in query, headers and body.
func (rt *route) tree(r *http.Request, members map[string]any, body []byte) (map[string]any, error) {
	tree, err := jsonTree(body)
	if err != nil {
		return nil, Errorf("SerializationException", "The request's body is not a JSON structure: %v", err)
	}
	if tree == nil {
		tree = map[string]any{} // the body was null
	}
	set := func(name string, values []string) {
		// A member has one place: what the body has of its name does not count.
		for k := range tree {
			if strings.EqualFold(k, name) {
				delete(tree, k)
			}
		}
		switch {
		case len(values) == 0:
		case rt.lists[name]:
			list := make([]any, len(values))
			for i, v := range values {
				list[i] = v
			}
			tree[name] = list
		default:
			tree[name] = values[0]
		}
	}
	query := r.URL.Query()
	for _, q := range rt.query {
		set(q[1], query[q[0]])
	}
	for _, h := range rt.header {
		set(h[1], r.Header.Values(h[0]))
	}
	for name, v := range members {
		set(name, []string{v.(string)})
	}
	return tree, nil
}

// route finds the service and operation that a REST request is for, if it is one.
func (s *Server) route(r *http.Request, c *call) {
	if r.Header.Get("X-Amz-Target") != "" || speaksCBOR(r) {
		return
	}
	path := strings.Split(r.URL.EscapedPath(), "/")
	for _, svc := range s.rest {
		for i := range svc.routes {
			if members, ok := svc.routes[i].match(r.Method, path); ok {
				c.svc, c.route, c.members = svc, &svc.routes[i], members
				return
			}
		}
	}
}

// rest reports whether a request is one to a service with REST.
func (c *call) rest(r *http.Request) bool {
	return c.svc != nil && c.svc.Protocol == REST && r.Header.Get("X-Amz-Target") == "" && !speaksCBOR(r)
}

func (s *Server) parseREST(r *http.Request, body []byte, c *call) (err error) {
	c.protocol = REST
	if c.route == nil {
		at := r.Method + " " + r.URL.Path
		s.miss(c.svc.Name, at)
		return &Error{"UnknownOperationException", "The sandbox has no operation at " + at, http.StatusNotFound}
	}
	c.op = c.route.operation
	c.tree, err = c.route.tree(r, c.members, body)
	return err
}

// failREST writes an error as REST JSON services do: its name is in a header.
func (c *call) failREST(w http.ResponseWriter, e *Error) {
	code, status := e.Code, e.Status
	if name, ok := authCodes[code]; ok {
		code = name
	}
	if c.svc.Statuses[code] != 0 {
		status = c.svc.Statuses[code]
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Errortype", code)
	w.WriteHeader(status)
	w.Write(appendJSON(nil, reflect.ValueOf(struct{ Message string }{e.Message}), Pascal))
}

// Invoke runs an operation with a JSON input as a client's request would, for a
// service that calls others. It must be called without the sandbox's lock. The
// error is an *Error with an HTTP status.
func (s *Server) Invoke(ctx context.Context, service, operation string, input []byte) error {
	svc := s.byName[service]
	if svc == nil {
		return &Error{"UnknownOperationException", "The sandbox has no service " + service, http.StatusNotFound}
	}
	op, ok := svc.ops[operation]
	if !ok || op.run == nil {
		s.miss(service, operation)
		return &Error{"UnknownOperationException", "The sandbox has no operation " + operation + " of " + service, http.StatusNotFound}
	}
	tree, err := jsonTree(input)
	if err != nil {
		return refusal(Errorf("SerializationException", "The input is not a JSON structure: %v", err))
	}
	c := &call{svc: svc, protocol: JSON, op: operation, tree: tree}
	if err := c.check(); err != nil {
		return refusal(err)
	}
	if _, err := s.run(ctx, op, c); err != nil {
		return refusal(err)
	}
	return nil
}

// Mixed has the members of T spelled in the casing own wherever T is part of what
// a service of the casing outer sends: some services of AWS mix the two. It must
// be called before the server starts.
func Mixed[T any](outer, own Casing) {
	t := reflect.TypeFor[T]()
	plans.Store(planKey{t, outer}, fields(t, own))
}
