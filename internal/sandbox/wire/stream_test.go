package wire_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"workshop/internal/sandbox/store"
	"workshop/internal/sandbox/wire"
)

type count struct{ N int32 }

// streamed asks an operation that streams for n events, and returns what came:
// the names of the events or exceptions with their payloads.
func streamed(t *testing.T, h func(context.Context, *count, wire.Stream) error, body string) (*http.Response, []string) {
	t.Helper()
	st, err := store.Open("")
	if err != nil {
		t.Fatal(err)
	}
	srv := &wire.Server{Credentials: keys, Region: "eu-west-1", Lock: st, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	svc := &wire.Service{Name: "logs", Protocol: wire.JSON, Target: "Logs_20140328", Casing: wire.Camel}
	wire.HandleStream(svc, "Count", h)
	srv.Add(svc)
	server := httptest.NewServer(srv)
	t.Cleanup(server.Close)
	req, _ := http.NewRequestWithContext(t.Context(), "POST", server.URL, strings.NewReader(body))
	req.Header.Set("X-Amz-Target", "Logs_20140328.Count")
	sum := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: keys.AccessKeyID, SecretAccessKey: keys.SecretAccessKey}, req, hex.EncodeToString(sum[:]), "logs", "eu-west-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	var got []string
	d := eventstream.NewDecoder()
	for res.StatusCode == http.StatusOK {
		m, err := d.Decode(res.Body, nil)
		if err != nil {
			break
		}
		name := m.Headers.Get(":event-type")
		if m.Headers.Get(":message-type").String() == "exception" {
			name = m.Headers.Get(":exception-type")
		}
		got = append(got, name.String()+" "+string(m.Payload))
	}
	return res, got
}

func TestStream(t *testing.T) {
	upTo := func(_ context.Context, in *count, out wire.Stream) error {
		if in.N < 0 {
			return wire.Errorf("InvalidParameterException", "less than nothing")
		}
		for i := range in.N {
			if err := out.Send("number", &count{i}); err != nil {
				return err
			}
		}
		if in.N == 3 {
			return wire.Errorf("SessionTimeoutException", "enough")
		}
		if in.N == 4 {
			panic("a handler's mistake")
		}
		return nil
	}
	for _, c := range []struct {
		name, body, want string
		status           int
	}{
		{"events", `{"n":2}`, `initial-response {}|number {"n":0}|number {"n":1}`, 200},
		{"nothing", `{"n":0}`, `initial-response {}`, 200},
		{"refused", `{"n":-1}`, "", 400},
		{"malformed", `{"n":"x"}`, "", 400},
		{"an error on the way", `{"n":3}`, `initial-response {}|number {"n":0}|number {"n":1}|number {"n":2}|SessionTimeoutException {"message":"enough"}`, 200},
		{"a panic on the way", `{"n":4}`, `initial-response {}|number {"n":0}|number {"n":1}|number {"n":2}|number {"n":3}|InternalFailure {"message":"the sandbox's Count failed: a handler's mistake"}`, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, got := streamed(t, upTo, c.body)
			if res.StatusCode != c.status || strings.Join(got, "|") != c.want {
				t.Errorf("%d %q, want %d %q", res.StatusCode, got, c.status, c.want)
			}
		})
	}
}
