package conformance

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/fxamacker/cbor/v2"

	"workshop/internal/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.RunTask() // the sandbox's tasks are this program again
	os.Exit(m.Run())
}

// start runs a whole sandbox until the test ends.
func start(t testing.TB) *sandbox.Sandbox {
	t.Helper()
	return startWith(t, sandbox.Options{})
}

// startWith is start with more options than those that all tests have.
func startWith(t testing.TB, o sandbox.Options) *sandbox.Sandbox {
	t.Helper()
	o.Dir, o.Region, o.Fast, o.Log = t.TempDir(), "eu-west-1", true, slog.New(slog.DiscardHandler)
	s, err := sandbox.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// in is an operation's input, and out its answer, in the model's names.
type (
	in  = map[string]any
	out = map[string]any
)

// world is a sandbox, what was asked of it, and what was wrong with its answers.
type world struct {
	testing.TB
	*model
	info     sandbox.Info
	protocol map[string]string // where it is not the service's own
	done     map[string]bool   // "service Operation" that succeeded
	seen     map[string]map[string]bool
	problems map[string]bool
}

func newWorld(t testing.TB, s *sandbox.Sandbox) *world {
	return &world{
		TB: t, model: models(t), info: s.Info(), protocol: map[string]string{},
		done: map[string]bool{}, seen: map[string]map[string]bool{}, problems: map[string]bool{},
	}
}

// do calls an operation that must succeed.
func (w *world) do(svc, op string, input in) out {
	w.Helper()
	o, code := w.try(svc, op, input)
	if code != "" {
		w.Fatalf("%s %s: %s: %v", svc, op, code, o["message"])
	}
	return o
}

// refuse calls an operation that must fail with code.
func (w *world) refuse(code, svc, op string, input in) {
	w.Helper()
	if o, got := w.try(svc, op, input); got != code {
		w.Errorf("%s %s %v: %q (%v), want %q", svc, op, input, got, o["message"], code)
	}
}

// until calls an operation until its answer is good.
func (w *world) until(what, svc, op string, input in, good func(out) bool) out {
	w.Helper()
	var last out
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if last = w.do(svc, op, input); good(last) {
			return last
		}
	}
	w.Fatalf("%s has not come: %v", what, last)
	return nil
}

// try calls an operation and checks its answer; code is "" if it succeeded.
func (w *world) try(svc, op string, input in) (o out, code string) {
	w.Helper()
	s := w.Services[svc]
	if s == nil || s.Operations[op] == nil {
		w.Fatalf("testdata does not know %s %s: go generate ./internal/sandbox/conformance", svc, op)
	}
	c := &checker{service: s, seen: map[string]bool{}}
	if input == nil {
		input = in{}
	}
	if r := s.Operations[op].Input; r != nil {
		c.value(plain(input), *r, "input")
		if len(c.problems) > 0 {
			w.Fatalf("%s %s: the test asks wrongly: %s", svc, op, strings.Join(c.problems, "; "))
		}
	}
	c.seen = w.seen[svc]
	if c.seen == nil {
		c.seen = map[string]bool{}
		w.seen[svc] = c.seen
	}
	o, code = w.ask(c, svc, op, input)
	if code == "" {
		w.done[svc+" "+op] = true
	}
	for _, p := range c.problems {
		w.problems[svc+" "+op+" "+p] = true
	}
	return o, code
}

func (w *world) ask(c *checker, svc, op string, input in) (out, string) {
	w.Helper()
	protocol, ok := w.protocol[svc]
	if !ok {
		protocol = c.Metadata.Protocol
	}
	method, path, header, body := http.MethodPost, "/", http.Header{}, []byte(nil)
	switch protocol {
	case "rest-json":
		method, path, body = c.rest(op, input)
	case "json":
		header.Set("Content-Type", "application/x-amz-json-1.1")
		header.Set("X-Amz-Target", c.Metadata.TargetPrefix+"."+op)
		body, _ = json.Marshal(seconds(plain(input)))
	case protocolCBOR:
		path = "/service/" + c.Metadata.TargetPrefix + "/operation/" + op
		header.Set("Content-Type", "application/cbor")
		header.Set("Smithy-Protocol", "rpc-v2-cbor")
		body, _ = tagged.Marshal(input)
	default:
		header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		form := url.Values{"Action": {op}, "Version": {c.Metadata.APIVersion}}
		if r := c.Operations[op].Input; r != nil {
			c.flatten(form, "", input, *r, protocol)
		}
		body = []byte(form.Encode())
	}
	res, b := w.send(svc, method, path, header, body)
	if protocol != "json" && protocol != "rest-json" && protocol != protocolCBOR {
		return c.fromXML(op, res, b, protocol)
	}
	return c.fromTree(op, res, b, protocol)
}

const protocolCBOR = "smithy-rpc-v2-cbor" // as the model calls it

// rest is a request of the REST JSON protocol: each member where the model has
// it.
func (c *checker) rest(op string, input in) (method, path string, body []byte) {
	o := c.Operations[op]
	path = o.HTTP.RequestURI
	query, rest := url.Values{}, in{}
	for k, v := range input {
		switch m := c.Shapes[o.Input.Shape].Members[k]; m.Location {
		case "uri":
			path = strings.ReplaceAll(path, "{"+m.LocationName+"}", url.PathEscape(fmt.Sprint(v)))
		case "querystring":
			all := []any{v}
			if l := entries(v); l != nil {
				all = l
			}
			for _, one := range all {
				query.Add(m.LocationName, fmt.Sprint(one))
			}
		default:
			rest[k] = v
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	if len(rest) > 0 {
		body, _ = json.Marshal(seconds(plain(rest)))
	}
	return o.HTTP.Method, path, body
}

// send signs a request and returns the answer with its body.
func (w *world) send(svc, method, path string, header http.Header, body []byte) (*http.Response, []byte) {
	w.Helper()
	req := signedWith(w.TB, w.info, svc, method, path, header, body)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.Fatal(err)
	}
	if res.Header.Get("X-Amzn-Requestid") == "" {
		w.problems[svc+" answers without a request id"] = true
	}
	return res, b
}

func signed(t testing.TB, i sandbox.Info, svc, path string, header http.Header, body []byte) *http.Request {
	t.Helper()
	return signedWith(t, i, svc, http.MethodPost, path, header, body)
}

func signedWith(t testing.TB, i sandbox.Info, svc, method, path string, header http.Header, body []byte) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, i.Endpoint+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(req.Header, header)
	sum := sha256.Sum256(body)
	err = v4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: i.AccessKeyID, SecretAccessKey: i.SecretAccessKey}, req, hex.EncodeToString(sum[:]), svc, i.Region, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// flatten writes input as the query protocols do.
func (c *checker) flatten(form url.Values, prefix string, v any, r ref, p string) {
	s := c.Shapes[r.Shape]
	dot := func(name string) string {
		if prefix == "" {
			return name
		}
		return prefix + "." + name
	}
	switch s.Type {
	case "structure":
		for k, item := range v.(map[string]any) {
			mr := s.Members[k]
			name := k
			switch {
			case p == "ec2" && mr.QueryName != "":
				name = mr.QueryName
			case p == "ec2" && mr.LocationName != "":
				name = strings.ToUpper(mr.LocationName[:1]) + mr.LocationName[1:]
			case mr.LocationName != "":
				name = mr.LocationName
			}
			c.flatten(form, dot(name), item, mr, p)
		}
	case "list":
		if p != "ec2" && !s.Flattened && !r.Flattened {
			name := s.Member.LocationName
			if name == "" {
				name = "member"
			}
			prefix = dot(name)
		}
		for i, item := range entries(v) {
			c.flatten(form, dot(strconv.Itoa(i+1)), item, *s.Member, p)
		}
	case "map":
		m := v.(map[string]any)
		for i, k := range slices.Sorted(maps.Keys(m)) {
			form.Set(fmt.Sprintf("%s.entry.%d.key", prefix, i+1), k)
			c.flatten(form, fmt.Sprintf("%s.entry.%d.value", prefix, i+1), m[k], *s.Value, p)
		}
	default:
		if at, ok := v.(time.Time); ok {
			v = at.UTC().Format(time.RFC3339)
		}
		form.Set(prefix, fmt.Sprint(v))
	}
}

// fromTree reads a JSON or CBOR answer.
func (c *checker) fromTree(op string, res *http.Response, b []byte, p string) (out, string) {
	var tree map[string]any
	var err error
	if p == protocolCBOR {
		if res.Header.Get("Smithy-Protocol") != "rpc-v2-cbor" || res.Header.Get("Content-Type") != "application/cbor" {
			c.fault("headers", "Smithy-Protocol and Content-Type do not say CBOR")
		}
		if err = cbor.Unmarshal(b, &tree); err == nil {
			tree = plain(tree).(map[string]any)
		}
	} else {
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber()
		err = d.Decode(&tree)
	}
	if err != nil {
		c.fault("body", "does not decode: %v: %.200q", err, b)
		return nil, "undecodable"
	}
	if res.StatusCode >= 300 {
		code, _ := tree["__type"].(string)
		if p == "rest-json" {
			code = res.Header.Get("X-Amzn-Errortype")
			tree["message"] = tree["Message"]
		}
		c.error(op, code, res.StatusCode)
		return tree, code
	}
	if r := c.Operations[op].Output; r != nil {
		c.value(tree, *r, op)
	} else if len(tree) > 0 {
		c.fault(op, "answers %v where nothing is to be answered", tree)
	}
	return tree, ""
}

func (c *checker) fromXML(op string, res *http.Response, b []byte, p string) (out, string) {
	root, namespace, err := parseXML(b)
	if err != nil {
		c.fault("body", "does not parse: %v: %.200q", err, b)
		return nil, "unparsable"
	}
	child := func(e *element, name string) *element {
		for _, x := range e.children {
			if x.name == name {
				return x
			}
		}
		c.fault(op, "has no %s in %s", name, e.name)
		return &element{name: name}
	}
	if res.StatusCode >= 300 {
		e := root
		if p == "ec2" {
			e = child(e, "Errors")
		}
		e = child(e, "Error")
		code := child(e, "Code").text
		if p != "ec2" {
			c.error(op, code, res.StatusCode)
		}
		return out{"message": child(e, "Message").text}, code
	}
	if root.name != op+"Response" || strings.TrimSuffix(namespace, "/") != strings.TrimSuffix(c.Metadata.XMLNamespace, "/") {
		c.fault(op, "answers %s of %s", root.name, namespace)
	}
	r := c.Operations[op].Output
	body := root
	if p == "ec2" {
		child(root, "requestId")
		kept := []*element{}
		for _, x := range root.children {
			// Answers that hold nothing say <return>true</return>, and the model
			// names that for only some operations.
			_, named := c.outputMember(r, "return")
			if x.name != "requestId" && (x.name != "return" || named) {
				kept = append(kept, x)
			}
		}
		body = &element{name: root.name, children: kept}
	} else {
		child(child(root, "ResponseMetadata"), "RequestId")
		if r != nil && r.ResultWrapper != "" {
			body = child(root, r.ResultWrapper)
		} else {
			body = &element{}
		}
	}
	if r == nil {
		if len(body.children) > 0 {
			c.fault(op, "answers where nothing is to be answered")
		}
		return out{}, ""
	}
	o, _ := c.xml(body, *r, op).(out)
	return o, ""
}

func (c *checker) outputMember(r *ref, location string) (string, bool) {
	if r != nil {
		for k, m := range c.Shapes[r.Shape].Members {
			if m.LocationName == location {
				return k, true
			}
		}
	}
	return "", false
}

// everywhere are the errors that any operation of any service may give, whose
// models do not list them ("Common error types" of the API references).
var everywhere = map[string]bool{
	"InternalFailure": true, "SerializationException": true, "UnknownOperationException": true, "ValidationError": true,
	"ValidationException": true, "AccessDeniedException": true, "AccessDenied": true, "InvalidAction": true, "MissingParameter": true, "InvalidParameterValue": true,
}

// error holds an error to those that the operation has.
func (c *checker) error(op, code string, status int) {
	s, ok := c.errorShape(op, code)
	if !ok {
		if !everywhere[code] {
			c.fault("error", "%s is not among the errors of the operation", code)
		}
		return
	}
	want := 400
	if s.Error != nil && s.Error.HTTPStatusCode != 0 {
		want = s.Error.HTTPStatusCode
	}
	if status != want {
		c.fault("error", "%s comes with HTTP %d, not %d", code, status, want)
	}
}

func parseXML(b []byte) (root *element, namespace string, err error) {
	d := xml.NewDecoder(bytes.NewReader(b))
	var stack []*element
	for {
		t, err := d.Token()
		if err == io.EOF && root != nil && len(stack) == 0 {
			return root, namespace, nil
		}
		if err != nil {
			return nil, "", err
		}
		switch t := t.(type) {
		case xml.StartElement:
			e := &element{name: t.Name.Local}
			if len(stack) > 0 {
				top := stack[len(stack)-1]
				top.children = append(top.children, e)
			} else {
				root, namespace = e, t.Name.Space
			}
			stack = append(stack, e)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) > 0 {
				stack[len(stack)-1].text += string(t)
			}
		}
	}
}

// tagged writes times as CBOR's tag 1.
var tagged = func() cbor.EncMode {
	m, err := cbor.EncOptions{Time: cbor.TimeUnixDynamic, TimeTag: cbor.EncTagRequired}.EncMode()
	if err != nil {
		panic(err)
	}
	return m
}()

// seconds writes times as JSON clients do.
func seconds(v any) any {
	switch v := v.(type) {
	case time.Time:
		return float64(v.UnixMilli()) / 1000
	case map[string]any:
		for k := range v {
			v[k] = seconds(v[k])
		}
	case []any:
		for i := range v {
			v[i] = seconds(v[i])
		}
	}
	return v
}

// plain brings Go's and CBOR's values to what a JSON decoder would make.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		o := map[string]any{}
		for k, x := range v {
			o[k] = plain(x)
		}
		return o
	case map[any]any:
		o := map[string]any{}
		for k, x := range v {
			o[fmt.Sprint(k)] = plain(x)
		}
		return o
	case []any, []string, []in:
		o := []any{}
		for _, x := range entries(v) {
			o = append(o, plain(x))
		}
		return o
	case int, int64, uint64, float64:
		return json.Number(fmt.Sprint(v))
	}
	return v
}

func entries(v any) []any {
	var o []any
	switch v := v.(type) {
	case []any:
		return v
	case []string:
		for _, x := range v {
			o = append(o, x)
		}
	case []in:
		for _, x := range v {
			o = append(o, x)
		}
	}
	return o
}

// at finds a value in an answer: at(o, "Vpcs", 0, "VpcId").
func at(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

// text is at for a string; it fails the test where there is none.
func (w *world) text(v any, path ...any) string {
	w.Helper()
	s, ok := at(v, path...).(string)
	if !ok || s == "" {
		w.Fatalf("nothing at %v of %v", path, v)
	}
	return s
}

func list(v any, path ...any) []any {
	l, _ := at(v, path...).([]any)
	return l
}
