package wire

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestDoor holds that requests are let in, and refused, as AWS does.
func TestDoor(t *testing.T) {
	s := everyProtocol()
	s.byName["query"].Version, s.byVersion["2000-01-01"] = "2000-01-01", s.byName["query"]
	s.byName["query"].Global = true
	now := s.Now()
	date := now.Format(stamp)
	signature := func(r *http.Request, body string, names []string, sc scope) string {
		return fmt.Sprintf("%s Credential=%s/%s/%s/%s/aws4_request, SignedHeaders=%s, Signature=%s", algorithm,
			s.Credentials.AccessKeyID, sc.date, sc.region, sc.service, strings.Join(names, ";"), s.Credentials.sign(r, []byte(body), names, sc, r.Header.Get("X-Amz-Date")))
	}
	jsonNames := []string{"host", "x-amz-date", "x-amz-target"}
	queryNames := []string{"host", "x-amz-date"}
	jsonRequest := func(method string) (*http.Request, string) {
		r := httptest.NewRequest(method, "http://a/", strings.NewReader("{}"))
		r.Header.Set("X-Amz-Date", date)
		r.Header.Set("X-Amz-Target", "JSON.Echo")
		return r, "{}"
	}
	queryRequest := func(method string) (*http.Request, string) {
		r := httptest.NewRequest(method, "http://a/?Action=Echo&Version=2000-01-01", nil)
		r.Header.Set("X-Amz-Date", date)
		return r, ""
	}
	type request = func(string) (*http.Request, string)
	for _, c := range []struct {
		name    string
		request request
		method  string
		names   []string
		scope   scope
		change  func(*http.Request) // after signing
		status  int
		want    string
	}{
		{"JSON", jsonRequest, "POST", jsonNames, scope{"20260102", "eu-west-1", "json"}, nil, 200, "{"},
		{"query", queryRequest, "POST", queryNames, scope{"20260102", "eu-west-1", "query"}, nil, 200, "<EchoResponse"},
		{"query by GET", queryRequest, "GET", queryNames, scope{"20260102", "eu-west-1", "query"}, nil, 200, "<EchoResponse"},
		{"without Regions", queryRequest, "POST", queryNames, scope{"20260102", "us-east-1", "query"}, nil, 200, "<EchoResponse"},
		{"JSON by GET", jsonRequest, "GET", jsonNames, scope{"20260102", "eu-west-1", "json"}, nil, 404, "<UnknownOperationException/>"},
		{"JSON by PUT", jsonRequest, "PUT", jsonNames, scope{"20260102", "eu-west-1", "json"}, nil, 404, "<UnknownOperationException/>"},
		{"unsigned target", jsonRequest, "POST", queryNames, scope{"20260102", "eu-west-1", "json"}, nil, 403,
			`{"__type":"InvalidSignatureException","message":"'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization."}`},
		{"unsigned host", jsonRequest, "POST", jsonNames[1:], scope{"20260102", "eu-west-1", "json"}, nil, 403, "'Host' or ':authority' must be a 'SignedHeader'"},
		{"unsigned header", jsonRequest, "POST", jsonNames, scope{"20260102", "eu-west-1", "json"}, func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "x") }, 403,
			"'X-Amz-Security-Token' must be a 'SignedHeader'"},
		{"a header that clients do not sign", jsonRequest, "POST", jsonNames, scope{"20260102", "eu-west-1", "json"}, func(r *http.Request) { r.Header.Set("X-Amzn-Trace-Id", "x") }, 200, "{"},
		{"another target", jsonRequest, "POST", jsonNames, scope{"20260102", "eu-west-1", "json"}, func(r *http.Request) { r.Header.Set("X-Amz-Target", "JSON.Other") }, 403, "InvalidSignatureException"},
		{"Region", jsonRequest, "POST", jsonNames, scope{"20260102", "eu-west-2", "json"}, nil, 403,
			`{"__type":"InvalidSignatureException","message":"Credential should be scoped to a valid region, not 'eu-west-2'."}`},
		{"us-east-1", jsonRequest, "POST", jsonNames, scope{"20260102", "us-east-1", "json"}, nil, 403, "valid region, not 'us-east-1'."},
		{"service", jsonRequest, "POST", jsonNames, scope{"20260102", "eu-west-1", "query"}, nil, 403, "Credential should be scoped to correct service: 'json'."},
		{"query service", queryRequest, "POST", queryNames, scope{"20260102", "eu-west-1", "ec2"}, nil, 403, "<Code>SignatureDoesNotMatch</Code><Message>Credential should be scoped to correct service: &#39;query&#39;."},
		{"a service that is not there", queryRequest, "POST", queryNames, scope{"20260102", "eu-west-1", "s3"}, nil, 403, "correct service: &#39;query&#39;."},
		{"both", jsonRequest, "POST", jsonNames, scope{"20260102", "x", "y"}, nil, 403, "Credential should be scoped to a valid region, not 'x'. Credential should be scoped to correct service: 'json'."},
		{"day", jsonRequest, "POST", jsonNames, scope{"20260103", "eu-west-1", "json"}, nil, 403,
			"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20260103' != '20260102', from '20260102T030405Z'."},
		{"old", jsonRequest, "POST", jsonNames, scope{"20260102", "eu-west-1", "json"}, func(r *http.Request) { r.Header.Set("X-Amz-Date", "20260102T024904Z") }, 403,
			"Signature expired: 20260102T024904Z is now earlier than 20260102T024905Z (20260102T030405Z - 15 min.)"},
		{"early", jsonRequest, "POST", jsonNames, scope{"20260102", "eu-west-1", "json"}, func(r *http.Request) { r.Header.Set("X-Amz-Date", "20260102T031906Z") }, 403,
			"Signature not yet current: 20260102T031906Z is still later than 20260102T031905Z (20260102T030405Z + 15 min.)"},
		{"no date", jsonRequest, "POST", jsonNames, scope{"20260102", "eu-west-1", "json"}, func(r *http.Request) { r.Header.Del("X-Amz-Date") }, 403,
			`"IncompleteSignatureException","message":"Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.`},
		{"no time", jsonRequest, "POST", jsonNames, scope{"20260102", "eu-west-1", "json"}, func(r *http.Request) { r.Header.Set("X-Amz-Date", "now") }, 403, "Date must be in ISO-8601 'basic format'. Got 'now'."},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, body := c.request(c.method)
			r.Header.Set("Authorization", signature(r, body, c.names, c.scope))
			if c.change != nil {
				c.change(r)
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			got := strings.ReplaceAll(w.Body.String(), `\u0026`, "&")
			if w.Code != c.status || !strings.Contains(got, c.want) {
				t.Errorf("%d %s, want %d %s", w.Code, got, c.status, c.want)
			}
		})
	}
	for header, want := range map[string]string{
		"":                 "MissingAuthenticationTokenException",
		"AWS3-HTTPS x":     "MissingAuthenticationTokenException",
		"AWS4-HMAC-SHA256": "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter.",
		"AWS4-HMAC-SHA25 Credential=a, SignedHeaders=host, Signature=c":                                                               "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA25' (only AWS4-HMAC-SHA256 for now).",
		"AWS4-HMAC-SHA256 Credential=a/b/c/d, SignedHeaders=x, Signature=c":                                                           "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'a/b/c/d'",
		"AWS4-HMAC-SHA256 Credential=AKIDFUZZ/20260102/eu-west-1/json/aws4, SignedHeaders=host;x-amz-date;x-amz-target, Signature=c":  "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws4'.",
		"AWS4-HMAC-SHA256 Credential=x/20260102/eu-west-1/json/aws4_request, SignedHeaders=host;x-amz-date;x-amz-target, Signature=c": "UnrecognizedClientException",
	} {
		r, _ := jsonRequest("POST")
		r.Header.Set("Authorization", header)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != 403 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%q: %d %s", header, w.Code, w.Body)
		}
	}
}

// FuzzAuthorization holds that no Authorization header is taken that was not made
// with the secret, and that each is refused in AWS's terms.
func FuzzAuthorization(f *testing.F) {
	s := everyProtocol()
	r := httptest.NewRequest("POST", "http://a/", nil)
	sign(s, r, "json")
	good := r.Header.Get("Authorization")
	f.Add(good, s.Now().Format(stamp))
	f.Add("AWS4-HMAC-SHA256 Credential=AKIDFUZZ/////aws4_request,SignedHeaders=;,Signature=x", "20260102T030405Z")
	f.Add("AWS4-HMAC-SHA256 Credential=", "")
	f.Fuzz(func(t *testing.T, header, date string) {
		r := httptest.NewRequest("POST", "http://a/", nil)
		r.Header.Set("Authorization", header)
		r.Header.Set("X-Amz-Date", date)
		_, err := s.Credentials.verify(r, nil, s.Now())
		if err == nil {
			if !strings.Contains(header, good[strings.LastIndex(good, "=")+1:]) {
				t.Fatalf("%q is taken", header)
			}
			return
		}
		e := refusal(err)
		if _, known := authCodes[e.Code]; !known || e.Status != http.StatusForbidden || e.Message == "" {
			t.Fatalf("%q is refused with %+v", header, e)
		}
	})
}

func (c Credentials) sign(r *http.Request, body []byte, names []string, sc scope, date string) string {
	signer, _ := c.signer(sc)
	return signer.signature(r, body, names, sc, date)
}
