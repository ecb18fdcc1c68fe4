package wire

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/fxamacker/cbor/v2"
)

type shape struct {
	Name   *string
	N      int32
	Big    int64
	Minus  int64
	Share  float64
	On     bool
	At     *time.Time
	Blob   []byte
	List   []string
	Map    map[string]float64
	Inner  *shape
	Absent *string
}

func TestCBORThereAndBack(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 250e6, time.UTC)
	for _, want := range []shape{
		{},
		{Name: aws.String("ü\x00"), N: 23, Big: 1 << 40, Minus: -1, Share: 0.1, On: true, At: &at, Blob: []byte{0, 255}, List: []string{}, Map: map[string]float64{"a": -1.5}},
		{N: 24, Big: 256, Minus: -257, List: []string{"x", strings.Repeat("y", 70_000)}, Inner: &shape{N: 65_536, Minus: -1 << 40}},
	} {
		b := appendCBOR(nil, reflect.ValueOf(want), Pascal)
		if err := cbor.Wellformed(b); err != nil {
			t.Fatalf("%+v: %v", want, err)
		}
		tree, err := cborTree(b)
		if err != nil {
			t.Fatal(err)
		}
		var got shape
		if err := assign(tree, reflect.ValueOf(&got).Elem(), Pascal, ""); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func FuzzCBORTree(f *testing.F) {
	f.Add([]byte{0xa1, 0x61, 'a', 0xc1, 0xfb, 0x40, 0xf8, 0x6a, 0, 0, 0, 0, 0})
	f.Add([]byte{0xbf, 0x61, 'a', 0x9f, 0x20, 0xff, 0xff})
	f.Add([]byte{0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Add(bytes.Repeat([]byte{0x81}, 100))
	f.Fuzz(func(t *testing.T, b []byte) {
		tree, err := cborTree(b)
		if err != nil {
			return
		}
		var got shape
		if assign(tree, reflect.ValueOf(&got).Elem(), Pascal, "") == nil {
			if err := cbor.Wellformed(appendCBOR(nil, reflect.ValueOf(got), Pascal)); err != nil {
				t.Errorf("%+v is written as %v", got, err)
			}
		}
	})
}

type freely struct{ sync.Mutex }

func (*freely) Commit() error { return nil }
func (*freely) Rollback()     {}

// TestCBORServer asks a service that speaks query, JSON and CBOR.
func TestCBORServer(t *testing.T) {
	svc := &Service{Name: "monitoring", Protocol: Query, RPC: "Granite", Casing: Pascal, Namespace: "ns", QueryCodes: map[string]string{"NopeException": "Nope"}}
	type in struct{ Name *string }
	Handle(svc, "Greet", func(_ context.Context, i *in) (*struct{ Greeting *string }, error) {
		if i.Name == nil {
			return nil, &Error{Code: "NopeException", Message: "no name", Status: 404}
		}
		return &struct{ Greeting *string }{aws.String("hello " + *i.Name)}, nil
	})
	keys := Credentials{AccessKeyID: "AKIATESTTESTTESTTEST", SecretAccessKey: "secret"}
	srv := &Server{Credentials: keys, Region: "eu-west-1", Lock: new(freely), Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	srv.Add(svc)
	zipped := func(b []byte) []byte {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		w.Write(b)
		w.Close()
		return z.Bytes()
	}
	ada := []byte{0xa1, 0x64, 'N', 'a', 'm', 'e', 0x63, 'A', 'd', 'a'}
	for name, c := range map[string]struct {
		path    string
		header  map[string]string
		body    []byte
		status  int
		content string // what the answer contains
	}{
		"CBOR":           {"/service/Granite/operation/Greet", map[string]string{"Smithy-Protocol": "rpc-v2-cbor"}, ada, 200, "hGreeting\x69hello Ada"},
		"gzip":           {"/service/Granite/operation/Greet", map[string]string{"Smithy-Protocol": "rpc-v2-cbor", "Content-Encoding": "gzip"}, zipped(ada), 200, "hello Ada"},
		"bomb":           {"/service/Granite/operation/Greet", map[string]string{"Smithy-Protocol": "rpc-v2-cbor", "Content-Encoding": "gzip"}, zipped(make([]byte, 3<<20)), 413, "RequestEntityTooLarge"},
		"not gzip":       {"/service/Granite/operation/Greet", map[string]string{"Smithy-Protocol": "rpc-v2-cbor", "Content-Encoding": "gzip"}, ada, 400, "SerializationException"},
		"CBOR error":     {"/service/Granite/operation/Greet", map[string]string{"Smithy-Protocol": "rpc-v2-cbor", "X-Amzn-Query-Mode": "true"}, nil, 404, "\x66__type\x6dNopeException"},
		"CBOR malformed": {"/service/Granite/operation/Greet", map[string]string{"Smithy-Protocol": "rpc-v2-cbor"}, []byte{0xff}, 400, "SerializationException"},
		"CBOR unknown":   {"/service/Granite/operation/Sing", map[string]string{"Smithy-Protocol": "rpc-v2-cbor"}, nil, 400, "UnknownOperationException"},
		"no service":     {"/service/Basalt/operation/Greet", map[string]string{"Smithy-Protocol": "rpc-v2-cbor"}, nil, 400, "UnknownOperationException"},
		"JSON":           {"/", map[string]string{"X-Amz-Target": "Granite.Greet", "Content-Type": "application/x-amz-json-1.0"}, []byte(`{"Name":"Ada"}`), 200, `{"Greeting":"hello Ada"}`},
		"query":          {"/", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, []byte("Action=Greet&Name=Ada"), 200, "<Greeting>hello Ada</Greeting>"},
		"query error":    {"/", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, []byte("Action=Greet"), 404, "<Code>Nope</Code>"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "http://localhost"+c.path, bytes.NewReader(c.body))
			for k, v := range c.header {
				r.Header.Set(k, v)
			}
			sum := fmt.Sprintf("%x", sha256.Sum256(c.body))
			if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: keys.AccessKeyID, SecretAccessKey: keys.SecretAccessKey}, r, sum, "monitoring", "eu-west-1", time.Now()); err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			srv.ServeHTTP(w, r)
			b, _ := io.ReadAll(w.Body)
			if w.Code != c.status || !strings.Contains(string(b), c.content) {
				t.Errorf("%d %q, want %d with %q", w.Code, b, c.status, c.content)
			}
			if c.header["Smithy-Protocol"] != "" && (w.Header().Get("Smithy-Protocol") != "rpc-v2-cbor" || w.Header().Get("Content-Type") != "application/cbor") {
				t.Errorf("headers %v", w.Header())
			}
			if want := c.header["X-Amzn-Query-Mode"]; want != "" && w.Header().Get("X-Amzn-Query-Error") != "Nope;Sender" {
				t.Errorf("query error %q", w.Header().Get("X-Amzn-Query-Error"))
			}
		})
	}
}
