package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"workshop/internal/sandbox"
)

// refusal reads an error's code, whichever form the answer is in.
func refusal(res *http.Response, b []byte) string {
	if strings.Contains(res.Header.Get("Content-Type"), "json") {
		var e struct {
			Type    string `json:"__type"`
			Message string
		}
		if json.Unmarshal(b, &e) != nil || e.Message == "" {
			return "broken JSON"
		}
		return e.Type
	}
	root, _, err := parseXML(b)
	if err != nil {
		return "broken XML"
	}
	for len(root.children) > 0 && root.name != "Error" {
		root = root.children[0]
	}
	for _, c := range root.children {
		if c.name == "Code" {
			return c.text
		}
	}
	return "no code"
}

// TestBadRequests sends what no client should, signed and unsigned.
func TestBadRequests(t *testing.T) {
	s := start(t)
	i := s.Info()
	const target = "AmazonEC2ContainerServiceV20141113.DescribeClusters"
	is := func(kv ...string) http.Header {
		h := http.Header{}
		for n := 0; n < len(kv); n += 2 {
			h.Set(kv[n], kv[n+1])
		}
		return h
	}
	toECS := is("X-Amz-Target", target, "Content-Type", "application/x-amz-json-1.1")
	form := is("Content-Type", "application/x-www-form-urlencoded")
	other := i
	other.AccessKeyID, other.SecretAccessKey = "AKIAOFANOTHERWORKSP", "of another workspace"
	wrong := i
	wrong.SecretAccessKey = "wrong"
	for _, c := range []struct {
		name   string
		req    *http.Request
		status int
		want   string
	}{
		{"JSON cut off", signed(t, i, "ecs", "/", toECS, []byte(`{"clusters":["a"`)), 400, "SerializationException"},
		{"two JSON values", signed(t, i, "ecs", "/", toECS, []byte(`{}{}`)), 400, "SerializationException"},
		{"a JSON list", signed(t, i, "ecs", "/", toECS, []byte(`[]`)), 400, "SerializationException"},
		{"a number for a list", signed(t, i, "ecs", "/", toECS, []byte(`{"clusters":1}`)), 400, "SerializationException"},
		{"JSON too deep", signed(t, i, "ecs", "/", toECS, bytes.Repeat([]byte(`{"a":`), 20000)), 400, "SerializationException"},
		{"no target", signed(t, i, "ecs", "/", is("Content-Type", "application/x-amz-json-1.1"), []byte(`{}`)), 400, "MissingAction"},
		{"unknown operation", signed(t, i, "ecs", "/", is("X-Amz-Target", "AmazonEC2ContainerServiceV20141113.Nothing"), []byte(`{}`)), 400, "UnknownOperationException"},
		{"unknown target", signed(t, i, "ecs", "/", is("X-Amz-Target", "Other_20200101.List"), []byte(`{}`)), 400, "UnknownOperationException"},
		{"JSON for a query service", signed(t, i, "iam", "/", is("Content-Type", "application/json"), []byte(`{}`)), 400, "MissingAction"},
		{"unknown action", signed(t, i, "ec2", "/", form, []byte("Action=Nothing")), 400, "InvalidAction"},
		{"no action", signed(t, i, "elasticloadbalancing", "/", form, nil), 400, "MissingAction"},
		{"no form", signed(t, i, "ec2", "/", form, []byte("Action=%zz")), 400, "MalformedQueryString"},
		{"a value and a structure", signed(t, i, "ec2", "/", form, []byte("Action=DescribeVpcs&Filter=a&Filter.1.Name=b")), 400, ""},
		{"a form too deep", signed(t, i, "ec2", "/", form, []byte("Action=DescribeVpcs&"+strings.Repeat(".", 100)+"=1")), 400, "SerializationException"},
		{"unknown service", signed(t, i, "dynamodb", "/", form, []byte("Action=List")), 400, "UnknownOperationException"},
		{"no CBOR", signed(t, i, "monitoring", "/service/GraniteServiceVersion20100801/operation/ListMetrics", is("Smithy-Protocol", "rpc-v2-cbor"), []byte("{}")), 400, ""},
		{"no gzip", signed(t, i, "ecs", "/", is("X-Amz-Target", target, "Content-Encoding", "gzip"), []byte("{}")), 400, "SerializationException"},
		{"too large", signed(t, i, "ecs", "/", toECS, make([]byte, 3<<20)), 413, "RequestEntityTooLarge"},
		{"unknown members are let be", signed(t, i, "ecs", "/", toECS, []byte(`{"clusters":[],"futureMember":{"a":[1]}}`)), 200, ""},
		{"another workspace, JSON", signed(t, other, "ecs", "/", toECS, []byte(`{}`)), 403, "UnrecognizedClientException"},
		{"another workspace, query", signed(t, other, "iam", "/", form, []byte("Action=ListRoles")), 403, "InvalidClientTokenId"},
		{"another workspace, EC2", signed(t, other, "ec2", "/", form, []byte("Action=DescribeVpcs")), 401, "AuthFailure"},
		{"wrong secret", signed(t, wrong, "sts", "/", form, []byte("Action=GetCallerIdentity")), 403, "SignatureDoesNotMatch"},
		{"from a web page", signed(t, i, "ecs", "/", is("X-Amz-Target", target, "Origin", "http://example.com"), []byte(`{}`)), 403, "AccessDeniedException"},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, err := http.DefaultClient.Do(c.req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			b, _ := io.ReadAll(res.Body)
			if res.StatusCode != c.status || c.want != "" && refusal(res, b) != c.want {
				t.Errorf("got %d %s, want %d %s", res.StatusCode, b, c.status, c.want)
			}
			if c.status >= 400 && strings.HasPrefix(refusal(res, b), "broken") && !strings.Contains(res.Header.Get("Content-Type"), "cbor") {
				t.Errorf("not in AWS's form: %s", b)
			}
		})
	}
	changed := signed(t, i, "ecs", "/", toECS, []byte(`{"clusters":["a"]}`))
	changed.Body, changed.ContentLength = io.NopCloser(strings.NewReader(`{"clusters":["b"]}`)), 18
	stale := signed(t, i, "ecs", "/", toECS, []byte(`{}`))
	stale.Header.Set("X-Amz-Date", time.Now().Add(-time.Hour).UTC().Format("20060102T150405Z"))
	for name, req := range map[string]*http.Request{"a body changed after signing": changed, "a stale date": stale} {
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(res.Body)
		res.Body.Close()
		// An hour ago may be of another day than the signature's scope.
		if got := refusal(res, b); got != "InvalidSignatureException" && got != "IncompleteSignatureException" || res.StatusCode != 403 {
			t.Errorf("%s: %d %s", name, res.StatusCode, b)
		}
	}
}

// TestCrowd has 32 connections at work, beside some that send slowly or never
// read, and holds that nothing is left when the sandbox has closed.
func TestCrowd(t *testing.T) {
	ignore := goleak.IgnoreCurrent()
	t.Run("crowd", func(t *testing.T) {
		s := start(t)
		i := s.Info()
		address, _ := url.Parse(i.Endpoint)
		for n := range 8 {
			c, err := net.Dial("tcp", address.Host)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			// Half a header, half a body, garbage, nothing at all.
			io.WriteString(c, []string{"POST / HTTP/1.1\r\nHost: a", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nAction", "\x16\x03\x01\x00", ""}[n%4])
		}
		transport := &http.Transport{MaxIdleConnsPerHost: 32}
		defer transport.CloseIdleConnections()
		client := &http.Client{Transport: transport}
		toECS := http.Header{"X-Amz-Target": {"AmazonEC2ContainerServiceV20141113.CreateCluster"}, "Content-Type": {"application/x-amz-json-1.1"}}
		form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
		var wg sync.WaitGroup
		for n := range 32 {
			wg.Go(func() {
				for k := range 20 {
					req := signed(t, i, "ecs", "/", toECS, fmt.Appendf(nil, `{"clusterName":"c%d-%d"}`, n, k))
					if k%2 == 1 {
						req = signed(t, i, "ec2", "/", form, []byte("Action=DescribeVpcs&Version=2016-11-15"))
					}
					res, err := client.Do(req)
					if err != nil {
						t.Error(err)
						return
					}
					b, _ := io.ReadAll(res.Body)
					res.Body.Close()
					if res.StatusCode != http.StatusOK {
						t.Errorf("%d %s", res.StatusCode, b)
					}
				}
			})
		}
		wg.Wait()
		w := newWorld(t, s)
		if got := list(w.do("ecs", "ListClusters", in{"maxResults": 100}), "clusterArns"); len(got) != 100 {
			t.Errorf("%d clusters on the first page", len(got))
		}
		total := list(w.do("ecs", "DescribeClusters", in{"clusters": []string{"c31-18"}}), "clusters")
		if len(total) != 1 {
			t.Error("a cluster that was acknowledged is not there")
		}
		http.DefaultClient.CloseIdleConnections()
	})
	goleak.VerifyNone(t, ignore)
}

// TestCloseEndsStreams closes a sandbox while a client tails a log.
func TestCloseEndsStreams(t *testing.T) {
	s, err := sandbox.Start(t.Context(), sandbox.Options{Dir: t.TempDir(), Region: "eu-west-1", Fast: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, s)
	w.do("logs", "CreateLogGroup", in{"logGroupName": "/a"})
	arn := w.text(w.do("logs", "DescribeLogGroups", nil), "logGroups", 0, "logGroupArn")
	res, err := http.DefaultClient.Do(signed(t, s.Info(), "logs", "/", http.Header{"X-Amz-Target": {"Logs_20140328.StartLiveTail"}}, []byte(`{"logGroupIdentifiers":["`+arn+`"]}`)))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := s.Close(); err != nil {
		t.Errorf("closing: %v", err)
	}
	b, _ := io.ReadAll(res.Body) // ends only when the stream does
	if !bytes.Contains(b, []byte("sessionStart")) {
		t.Errorf("the stream had %q", b)
	}
}
