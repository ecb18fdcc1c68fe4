// Package wire speaks AWS's protocols: it verifies signatures, decodes requests
// into typed inputs, dispatches them and encodes the answers or errors.
//
// An operation is a typed function that a service registers by name with
// Handle. Where the AWS SDK has types for its input and output they serve as the
// model; elsewhere (EC2) a service brings structs of its own, with `wire` tags
// where a member's name on the wire is not its Go name.
package wire

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"workshop/internal/sandbox/model"
)

// maxBody bounds a request: the largest that AWS takes here is a PutLogEvents
// batch of 1 MiB.
const maxBody = 2 << 20

// Protocol is how a service's requests and answers look.
type Protocol int

const (
	JSON  Protocol = iota // JSON 1.1, operation in X-Amz-Target
	Query                 // form in, XML out
	EC2                   // Query with EC2's own XML
	CBOR                  // Smithy's RPC v2, spoken beside a service's own protocol: see Service.RPC
	REST                  // REST JSON: method and path name the operation, see HandleREST
)

// Service is a set of operations behind one name.
type Service struct {
	Name      string // of the credential scope, e.g. "ecs"
	Protocol  Protocol
	Target    string // JSON: what stands before the dot in X-Amz-Target
	RPC       string // the service's name in CBOR requests' paths and in X-Amz-Target, for one that speaks CBOR and JSON as well
	Version   string // Query, EC2: the API's version, which no other service has
	Global    bool   // it has no Regions, or an endpoint for all of them
	Namespace string // Query, EC2: of the XML
	Casing    Casing
	// QueryCodes are the codes that query clients know errors by, where these are
	// not the names of the errors' shapes.
	QueryCodes map[string]string
	// Before runs ahead of each operation of Handle, with its decoded input and
	// under the same lock. An error is the answer. It may be nil.
	Before func(in any) error
	// Lock is held by operations of Handle instead of the sandbox's lock, by a
	// service whose state is not in the store. It may be nil.
	Lock sync.Locker
	// Statuses are the HTTP statuses of a REST service's errors, by code, where
	// these are not 400.
	Statuses map[string]int

	ops     map[string]operation
	refused map[string]lacked
	routes  []route // REST
}

// operation decodes the tree into its input and runs. locked says whether it
// runs with the sandbox's lock held. One that streams has no run.
type operation struct {
	run    func(ctx context.Context, tree map[string]any) (any, error)
	stream func(ctx context.Context, tree map[string]any, out Stream) error
	locked bool
}

// Handle registers an operation, which runs with the sandbox's lock held, or its
// service's, and must not block. It must be called before the server starts.
func Handle[In, Out any](s *Service, name string, h func(context.Context, *In) (*Out, error)) {
	register(s, name, h, true)
}

// HandleUnlocked registers an operation that takes the lock itself where it
// needs it, because it waits or because it must not wait for others.
func HandleUnlocked[In, Out any](s *Service, name string, h func(context.Context, *In) (*Out, error)) {
	register(s, name, h, false)
}

func register[In, Out any](s *Service, name string, h func(context.Context, *In) (*Out, error), locked bool) {
	if s.ops == nil {
		s.ops = map[string]operation{}
	}
	s.ops[name] = operation{locked: locked, run: func(ctx context.Context, tree map[string]any) (any, error) {
		if err := s.refuse(name, tree); err != nil {
			return nil, err
		}
		in := new(In)
		if err := assign(tree, reflect.ValueOf(in).Elem(), s.Casing, ""); err != nil {
			return nil, err
		}
		if locked && s.Before != nil {
			if err := s.Before(in); err != nil {
				return nil, err
			}
		}
		out, err := h(ctx, in)
		if err != nil {
			return nil, err
		}
		if out == nil {
			out = new(Out)
		}
		return out, nil
	}}
}

// Operations lists the names of the service's operations.
func (s *Service) Operations() []string {
	var names []string
	for n := range s.ops {
		names = append(names, n)
	}
	return names
}

// Locker is the sandbox's lock, with what was changed under it: Commit makes that
// safe or undoes it, Rollback undoes it.
type Locker interface {
	sync.Locker
	Commit() error
	Rollback()
}

// Server answers for all services on one endpoint. It is an http.Handler, safe
// for concurrent use.
type Server struct {
	Credentials Credentials
	Region      string // that requests must be signed for
	Lock        Locker
	Now         func() time.Time
	Log         *slog.Logger
	// Control answers signed requests for paths below ControlPath, which are about
	// the sandbox itself; nil for none. It runs without the sandbox's lock.
	Control http.Handler
	// Impaired says what the sandbox lacks, if anything; clients see it in every answer
	// to a request that was signed. It must not take the lock. It may be nil.
	Impaired func() (reason string, since time.Time, ok bool)

	byName    map[string]*Service
	byTarget  map[string]*Service
	byRPC     map[string]*Service
	byVersion map[string]*Service
	rest      []*Service

	calls, open atomic.Int64 // of AWS operations

	mu      sync.Mutex
	unknown map[string]int
}

// ControlPath begins the paths that Server.Control answers for; AWS has none like
// it.
const ControlPath = "/_workshop/"

// Calls returns how many requests with a valid signature asked for an AWS
// operation, and how many of them are being answered.
func (s *Server) Calls() (total, open int64) { return s.calls.Load(), s.open.Load() }

// Add registers a service; it must not be called once the server serves.
func (s *Server) Add(svc *Service) {
	if s.byName == nil {
		s.byName, s.byTarget, s.byRPC, s.byVersion = map[string]*Service{}, map[string]*Service{}, map[string]*Service{}, map[string]*Service{}
		s.unknown = map[string]int{}
	}
	s.byName[svc.Name] = svc
	if svc.Version != "" {
		s.byVersion[svc.Version] = svc
	}
	if svc.Target != "" {
		s.byTarget[svc.Target] = svc
	}
	if svc.Protocol == REST {
		s.rest = append(s.rest, svc)
	}
	if svc.RPC != "" {
		s.byTarget[svc.RPC], s.byRPC[svc.RPC] = svc, svc
	}
}

// Unknown returns how often operations were asked for that the sandbox does not
// have, by "service Operation".
func (s *Server) Unknown() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.unknown)
}

// UnknownOperation is the message that the log has for each request for what the
// sandbox does not have, with the attributes "service" and "operation".
const UnknownOperation = "not in the sandbox"

// miss counts what was asked for and is not there.
func (s *Server) miss(service, operation string) {
	s.mu.Lock()
	if key := service + " " + operation; s.unknown[key] > 0 || len(s.unknown) < 1000 {
		s.unknown[key]++
	}
	s.mu.Unlock()
	s.Log.Warn(UnknownOperation, "service", service, "operation", operation)
}

// call is one request on its way.
type call struct {
	id       string
	svc      *Service
	protocol Protocol
	op       string
	tree     map[string]any
	route    *route         // REST; nil where there is none at this path
	members  map[string]any // in the path, as route has them
	lacks    *model.Entry   // the service asked for, where the sandbox does not have it
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost && (r.Header.Get("X-Amz-Target") != "" || speaksCBOR(r)) {
		// The answer of AWS's services with these protocols, before all else.
		w.Header().Set("X-Amzn-Requestid", uuid.NewString())
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, "<UnknownOperationException/>\n")
		return
	}
	c := &call{id: uuid.NewString()}
	out, err := s.answer(w, r, c)
	if errors.Is(err, errStreamed) {
		return
	}
	if err != nil {
		e := refusal(err)
		if e.Status >= http.StatusInternalServerError {
			s.Log.Error("sandbox", "op", c.op, "error", e.Message)
		}
		c.fail(w, r, e)
		return
	}
	c.succeed(w, out)
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, c *call) (any, error) {
	// A browser sends Origin with what a page asks for on its own: no page has
	// business here, signed or not.
	if r.Header.Get("Origin") != "" {
		return nil, denied("AccessDeniedException", "Cross-origin requests are not allowed")
	}
	var read bytes.Buffer
	if r.ContentLength > 0 {
		read.Grow(int(min(r.ContentLength, 64<<10)) + bytes.MinRead)
	}
	_, err := read.ReadFrom(http.MaxBytesReader(w, r.Body, maxBody))
	body := read.Bytes()
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, errTooLarge
		}
		return nil, Errorf("IncompleteBody", "The request's body ended early: %v", err)
	}
	if r.ContentLength >= 0 {
		r.Header.Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
	}
	sc, err := s.Credentials.verify(r, body, s.Now())
	c.svc = s.byName[sc.service] // an error as well is worded for the service
	s.route(r, c)
	if err != nil {
		if c.svc == nil {
			c.lacks = lookUp(r, sc.service)
		}
		return nil, err
	}
	if s.Control != nil && strings.HasPrefix(r.URL.Path, ControlPath) {
		if sc.service == "s3" { // such a signature may leave out the body
			return nil, denied("SignatureDoesNotMatch", "Credential should be scoped to correct service.")
		}
		s.setSick(w.Header())
		s.Control.ServeHTTP(w, r)
		return nil, errStreamed
	}
	s.calls.Add(1)
	s.open.Add(1)
	defer s.open.Add(-1)
	defer s.setSick(w.Header()) // after the operation, which may have found out
	if r.Header.Get("Content-Encoding") == "gzip" {
		if body, err = unzip(bytes.NewReader(body)); err != nil {
			return nil, err
		}
	}
	err = s.parse(r, body, sc.service, c)
	if c.svc == nil || c.lacks != nil {
		// Services with REST protocols name an operation by method and path.
		s.miss(sc.service, cmp.Or(c.op, r.Method+" "+r.URL.Path))
		return nil, err
	}
	if err := s.scoped(sc, c.svc); err != nil {
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	op, ok := c.svc.ops[c.op]
	if !ok {
		s.miss(c.svc.Name, c.op)
		if c.protocol == JSON || c.protocol == CBOR {
			return nil, Errorf("UnknownOperationException", "The sandbox has no operation %s of %s", c.op, c.svc.Name)
		}
		return nil, Errorf("InvalidAction", "The action %s is not valid for this web service: the sandbox does not have it", c.op)
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	if op.stream != nil {
		return nil, s.serveStream(w, r, op, c)
	}
	return s.run(r.Context(), op, c)
}

// The headers of an answer that say what the sandbox lacks: a text with percent
// encoding, and a time (RFC 3339).
const (
	impairedHeader = "X-Workshop-Sick"
	sinceHeader    = "X-Workshop-Sick-Since"
)

func (s *Server) setSick(h http.Header) {
	if s.Impaired == nil {
		return
	}
	if reason, since, ok := s.Impaired(); ok {
		h.Set(impairedHeader, url.PathEscape(reason))
		h.Set(sinceHeader, since.UTC().Format(time.RFC3339))
	}
}

// ImpairedHeaders returns what an answer says of what the sandbox lacks; ok is false
// if it lacks nothing.
func ImpairedHeaders(h http.Header) (reason string, since time.Time, ok bool) {
	reason, err := url.PathUnescape(h.Get(impairedHeader))
	if err != nil || reason == "" {
		return "", time.Time{}, false
	}
	since, err = time.Parse(time.RFC3339, h.Get(sinceHeader))
	return reason, since, err == nil
}

func (s *Server) run(ctx context.Context, op operation, c *call) (out any, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.Log.Error("sandbox: operation failed", "service", c.svc.Name, "operation", c.op, "panic", p, "stack", string(debug.Stack()))
			out, err = nil, fmt.Errorf("the sandbox's %s failed: %v", c.op, p)
		}
	}()
	if !op.locked {
		return op.run(ctx, c.tree)
	}
	if own := c.svc.Lock; own != nil {
		own.Lock()
		defer own.Unlock()
		return op.run(ctx, c.tree)
	}
	s.Lock.Lock()
	defer s.Lock.Unlock()
	ended := false
	defer func() {
		if !ended {
			s.Lock.Rollback()
		}
	}()
	out, err = op.run(ctx, c.tree)
	ended = true
	if cerr := s.Lock.Commit(); cerr != nil {
		return nil, cerr
	}
	return out, err
}

// parse finds the operation and the tree of its input.
func (s *Server) parse(r *http.Request, body []byte, signing string, c *call) error {
	if speaksCBOR(r) {
		name, op, ok := cborOperation(r.URL.Path)
		svc := s.byRPC[name]
		if c.op = op; !ok || svc == nil {
			return s.lack(c, model.Find(name, "", ""), cmp.Or(name, r.URL.Path))
		}
		c.svc, c.protocol = svc, CBOR
		tree, err := cborTree(body)
		if err != nil {
			return Errorf("SerializationException", "The request's body is not a CBOR structure: %v", err)
		}
		c.tree = tree
		return nil
	}
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		prefix, op, ok := strings.Cut(target, ".")
		svc := s.byTarget[prefix]
		if c.op = op; !ok || svc == nil {
			return s.lack(c, model.Find(prefix, "", ""), prefix)
		}
		c.svc, c.protocol = svc, JSON
		tree, err := jsonTree(body)
		if err != nil {
			return Errorf("SerializationException", "The request's body is not a JSON structure: %v", err)
		}
		c.tree = tree
		return nil
	}
	if c.rest(r) {
		return s.parseREST(r, body, c)
	}
	form, err := formed(r, body)
	if err != nil {
		if c.svc == nil {
			return s.lack(c, model.Find("", signing, ""), signing) // its requests are no forms
		}
		return err
	}
	version := form.Get("Version")
	c.op = form.Get("Action")
	if svc := s.byVersion[version]; svc != nil {
		c.svc = svc
	} else if e := model.Find("", signing, version); c.svc == nil {
		return s.lack(c, e, signing)
	} else if e != nil && e.Version == version && c.svc.Version != "" {
		return c.lackVersion(e)
	}
	c.protocol = c.svc.Protocol
	if c.op == "" {
		return Errorf("MissingAction", "The request names no action")
	}
	tree, err := queryTree(form)
	if err != nil {
		return err
	}
	c.tree = tree
	return nil
}

// buffers are for what is written once and copied: answers, and what is signed.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func (c *call) succeed(w http.ResponseWriter, out any) {
	w.Header().Set("X-Amzn-Requestid", c.id)
	v := reflect.ValueOf(out).Elem()
	if c.protocol == CBOR {
		writeCBOR(w, http.StatusOK, appendCBOR(make([]byte, 0, 512), v, c.svc.Casing))
		return
	}
	if c.protocol == JSON || c.protocol == REST {
		b := appendJSON(make([]byte, 0, 512), v, c.svc.Casing)
		kind := "application/x-amz-json-1.1"
		if c.protocol == REST {
			kind = "application/json"
		}
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		w.Write(b)
		return
	}
	b := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(b)
	b.Reset()
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n<" + c.op + `Response xmlns="` + c.svc.Namespace + `">`)
	if c.svc.Protocol == EC2 {
		b.WriteString("<requestId>" + c.id + "</requestId>")
		if len(fields(v.Type(), Camel)) == 0 {
			b.WriteString("<return>true</return>")
		}
		xmlStyle{Camel, "item"}.members(b, v)
	} else {
		b.WriteString("<" + c.op + "Result>")
		xmlStyle{Pascal, "member"}.members(b, v)
		b.WriteString("</" + c.op + "Result><ResponseMetadata><RequestId>" + c.id + "</RequestId></ResponseMetadata>")
	}
	b.WriteString("</" + c.op + "Response>")
	w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	w.Write(b.Bytes())
}

func (c *call) fail(w http.ResponseWriter, r *http.Request, e *Error) {
	w.Header().Set("X-Amzn-Requestid", c.id)
	if c.lacks != nil && !speaksCBOR(r) {
		c.failMissing(w, e)
		return
	}
	if c.rest(r) {
		c.failREST(w, e)
		return
	}
	isCBOR, isJSON := speaksCBOR(r), r.Header.Get("X-Amz-Target") != "" || strings.Contains(r.Header.Get("Content-Type"), "json")
	if name, ok := authCodes[e.Code]; ok {
		switch {
		case isCBOR || isJSON:
			e.Code = name
		case c.svc != nil && c.svc.Protocol == EC2:
			e = &Error{"AuthFailure", e.Message, http.StatusUnauthorized}
		}
	}
	kind := "Sender"
	if e.Status >= http.StatusInternalServerError {
		kind = "Receiver"
	}
	code := e.Code // as query clients know it
	if c.svc != nil && c.svc.QueryCodes[e.Code] != "" {
		code = c.svc.QueryCodes[e.Code]
	}
	if r.Header.Get("X-Amzn-Query-Mode") == "true" {
		w.Header().Set("X-Amzn-Query-Error", code+";"+kind)
	}
	if isCBOR {
		writeCBOR(w, e.Status, cborError(e))
		return
	}
	if isJSON {
		c.failJSON(w, "application/x-amz-json-1.1", e.Code, e)
		return
	}
	form, namespace := queryError, ""
	if c.svc != nil {
		namespace = ` xmlns="` + c.svc.Namespace + `"`
		if c.svc.Protocol == EC2 {
			form = ec2Error
		}
	}
	c.failXML(w, form, &Error{code, e.Message, e.Status}, kind, namespace)
}
