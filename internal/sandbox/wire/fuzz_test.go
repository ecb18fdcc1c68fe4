package wire

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// memory is a lock without a disk.
type memory struct{ sync.Mutex }

func (*memory) Commit() error { return nil }
func (*memory) Rollback()     {}

// everyProtocol is a server with one service of each kind, whose operation Echo
// answers with what it was asked.
func everyProtocol() *Server {
	s := &Server{
		Credentials: Credentials{"AKIDFUZZ", "secret"}, Region: "eu-west-1", Lock: &memory{}, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) },
	}
	echo := func(_ context.Context, in *sample) (*sample, error) { return in, nil }
	for _, svc := range []*Service{
		{Name: "json", Target: "JSON", Casing: Camel},
		{Name: "query", Protocol: Query, Namespace: "http://query/", Casing: Pascal},
		{Name: "ec2", Protocol: EC2, Namespace: "http://ec2/", Casing: Pascal},
		{Name: "cbor", Protocol: Query, RPC: "RPC", Namespace: "http://cbor/", Casing: Pascal},
	} {
		Handle(svc, "Echo", echo)
		s.Add(svc)
	}
	rest := &Service{Name: "rest", Protocol: REST, Casing: Pascal}
	HandleREST(rest, "Echo", "PUT /echo/{Name}?id={Id}&count={Count}", echo)
	s.Add(rest)
	return s
}

// sign gives a request the credentials, as a client would.
func sign(s *Server, r *http.Request, service string) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, maxBody+2))
	r.Body = io.NopCloser(bytes.NewReader(body))
	date := s.Now().Format("20060102T150405Z")
	r.Header.Set("X-Amz-Date", date)
	names, sc := []string{"host"}, scope{date[:8], "eu-west-1", service}
	for n := range r.Header {
		if strings.HasPrefix(n, "X-Amz-") {
			names = append(names, strings.ToLower(n))
		}
	}
	slices.Sort(names)
	r.Header.Set("Authorization", fmt.Sprintf("%s Credential=%s/%s/aws4_request, SignedHeaders=%s, Signature=%s",
		algorithm, s.Credentials.AccessKeyID, strings.Join([]string{sc.date, sc.region, sc.service}, "/"), strings.Join(names, ";"), s.Credentials.sign(r, body, names, sc, date)))
}

// FuzzServer sends whole HTTP requests, signed for a service or as they are, and
// holds that every answer is well formed in the protocol that it says it is in.
func FuzzServer(f *testing.F) {
	for _, seed := range []struct{ service, request string }{
		{"json", "POST / HTTP/1.1\r\nHost: a\r\nX-Amz-Target: JSON.Echo\r\nContent-Length: 35\r\n\r\n{\"name\":\"<\\u0000>\",\"ids\":[\"a\",null]}"},
		{"json", "POST / HTTP/1.1\r\nHost: a\r\nX-Amz-Target: JSON.None\r\nContent-Length: 1\r\n\r\n{"},
		{"query", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 49\r\n\r\nAction=Echo&Name=%00%ff&Id.1=a&Labels.entry.1.key"},
		{"query", "GET /?Action=Echo&Count=x HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"ec2", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nAction=Echo\r\n0\r\n\r\n"},
		{"cbor", "POST /service/RPC/operation/Echo HTTP/1.1\r\nHost: a\r\nSmithy-Protocol: rpc-v2-cbor\r\nContent-Length: 8\r\n\r\n\xa1dName\x61n"},
		{"cbor", "POST / HTTP/1.1\r\nHost: a\r\nX-Amz-Target: RPC.Echo\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08"},
		{"cbor", "POST /\xba HTTP/1.1\r\nHost: a\r\nSmithy-Protocol: rpc-v2-cbor\r\n\r\n"},
		{"s3", "PUT /bucket/\xba HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"lambda", "GET /2015-03-31/functions HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"kms", "POST / HTTP/1.1\r\nHost: a\r\nX-Amz-Target: TrentService.ListKeys\r\nContent-Length: 2\r\n\r\n{}"},
		{"rest", "PUT /echo/a%2Fb?id=1&id=2&count=3 HTTP/1.1\r\nHost: a\r\nContent-Length: 13\r\n\r\n{\"Ratio\":0.5}"},
		{"rest", "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"", "POST / HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\n\r\n"},
		{"", "POST / HTTP/1.1\r\nHost: a\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIDFUZZ/////aws4_request,SignedHeaders=;,Signature=x\r\n\r\n"},
	} {
		f.Add(seed.service, []byte(seed.request))
	}
	s := everyProtocol()
	f.Fuzz(func(t *testing.T, service string, raw []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			return
		}
		if service != "" && !strings.ContainsAny(service, "/, \r\n") {
			sign(s, r, service)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code < 200 || w.Code > 599 || w.Header().Get("X-Amzn-Requestid") == "" {
			t.Fatalf("%d without a request id: %v", w.Code, w.Header())
		}
		if w.Code == http.StatusInternalServerError {
			t.Fatalf("a request was the sandbox's fault: %s", w.Body)
		}
		switch kind := w.Header().Get("Content-Type"); {
		case strings.Contains(kind, "cbor"):
			var v map[string]any
			if err := cbor.Unmarshal(w.Body.Bytes(), &v); err != nil {
				t.Fatalf("% x is no CBOR: %v", w.Body, err)
			}
		case strings.Contains(kind, "json"):
			if !json.Valid(w.Body.Bytes()) {
				t.Fatalf("%s is no JSON", w.Body)
			}
		case strings.Contains(kind, "xml"):
			for d := xml.NewDecoder(w.Body); ; {
				if _, err := d.Token(); err == io.EOF {
					break
				} else if err != nil {
					t.Fatalf("%s is no XML: %v", w.Body, err)
				}
			}
		default:
			t.Fatalf("the answer is of type %q", kind)
		}
	})
}

func FuzzCBOR(f *testing.F) {
	for _, seed := range []any{
		map[string]any{"Name": "n", "Count": 3, "Ratio": 0.5, "Id": []string{"a"}, "Labels": map[string]string{"k": "v"}, "On": true, "At": cbor.Tag{Number: 1, Content: 1.7e9}},
		[]any{1}, map[int]int{1: 2}, map[string]any{"Blob": []byte{1, 2}},
	} {
		b, err := cbor.Marshal(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		tree, err := cborTree(body)
		if err != nil {
			return
		}
		var s sample
		if assign(tree, reflect.ValueOf(&s).Elem(), Pascal, "") != nil {
			return
		}
		var v map[string]any
		if err := cbor.Unmarshal(appendCBOR(nil, reflect.ValueOf(s), Pascal), &v); err != nil {
			t.Fatalf("% x became what is no CBOR: %v", body, err)
		}
	})
}
