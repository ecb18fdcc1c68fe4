package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Credentials are the one pair of keys that a sandbox accepts.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey string
}

// maxSkew is how far a request's date may be from ours; AWS allows as much.
const maxSkew = 15 * time.Minute

const algorithm = "AWS4-HMAC-SHA256"

func denied(code, message string) *Error {
	return &Error{code, message, http.StatusForbidden}
}

// authCodes are the names that JSON and CBOR services have for the refusals of
// verify; EC2 has one for all of them (Developer Guides, "Common errors").
var authCodes = map[string]string{
	"MissingAuthenticationToken": "MissingAuthenticationTokenException",
	"IncompleteSignature":        "IncompleteSignatureException",
	"InvalidClientTokenId":       "UnrecognizedClientException",
	"SignatureDoesNotMatch":      "InvalidSignatureException",
}

// verify checks a request's Signature Version 4 and returns the service that
// its credential scope names, which it does for most that it refuses. The scheme is the one of the AWS documentation's
// "Create a signed AWS API request".
func (c Credentials) verify(r *http.Request, body []byte, now time.Time) (service string, err error) {
	auth := r.Header.Get("Authorization")
	if auth == "" {
		return "", denied("MissingAuthenticationToken", "Request is missing Authentication Token")
	}
	rest, ok := strings.CutPrefix(auth, algorithm+" ")
	if !ok {
		return "", denied("IncompleteSignature", "Unsupported algorithm: the sandbox takes "+algorithm)
	}
	part := map[string]string{}
	for p := range strings.SplitSeq(rest, ",") {
		k, v, _ := strings.Cut(strings.TrimSpace(p), "=")
		part[k] = v
	}
	scope := strings.Split(part["Credential"], "/")
	if len(scope) != 5 || scope[4] != "aws4_request" || part["SignedHeaders"] == "" || part["Signature"] == "" {
		return "", denied("IncompleteSignature", "Authorization header needs Credential, SignedHeaders and Signature")
	}
	if scope[0] != c.AccessKeyID {
		return scope[3], denied("InvalidClientTokenId", "The security token included in the request is invalid.")
	}
	date := r.Header.Get("X-Amz-Date")
	at, perr := time.Parse("20060102T150405Z", date)
	if perr != nil || !strings.HasPrefix(date, scope[1]) {
		return scope[3], denied("IncompleteSignature", "X-Amz-Date must be in ISO 8601 basic format and of the day of the credential scope")
	}
	if d := now.Sub(at); d > maxSkew || d < -maxSkew {
		return scope[3], denied("SignatureDoesNotMatch", "Signature expired: "+date+" is too far from "+now.UTC().Format("20060102T150405Z"))
	}
	names := strings.Split(part["SignedHeaders"], ";")
	if !slices.Contains(names, "host") {
		return scope[3], denied("SignatureDoesNotMatch", "The Host header must be signed")
	}
	want := c.signature(r, body, names, scope[1:4], date)
	if subtle.ConstantTimeCompare([]byte(want), []byte(part["Signature"])) != 1 {
		return scope[3], denied("SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	return scope[3], nil
}

func (c Credentials) signature(r *http.Request, body []byte, names, scope []string, date string) string {
	var canonical strings.Builder
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	canonical.WriteString(r.Method + "\n" + encodePath(path) + "\n" + canonicalQuery(r.URL.Query()) + "\n")
	for _, n := range names {
		canonical.WriteString(n + ":" + headerValue(r, n) + "\n")
	}
	sum := sha256.Sum256(body)
	canonical.WriteString("\n" + strings.Join(names, ";") + "\n" + hex.EncodeToString(sum[:]))

	hashed := sha256.Sum256([]byte(canonical.String()))
	toSign := strings.Join([]string{
		algorithm, date, strings.Join(scope, "/") + "/aws4_request", hex.EncodeToString(hashed[:]),
	}, "\n")
	key := []byte("AWS4" + c.SecretAccessKey)
	for _, s := range append(slices.Clone(scope), "aws4_request") {
		key = mac(key, s)
	}
	return hex.EncodeToString(mac(key, toSign))
}

func mac(key []byte, s string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(s))
	return h.Sum(nil)
}

func headerValue(r *http.Request, name string) string {
	switch name {
	case "host":
		return r.Host
	case "content-length":
		return r.Header.Get("Content-Length")
	}
	var vs []string
	for _, v := range r.Header.Values(name) {
		vs = append(vs, strings.Join(strings.Fields(v), " "))
	}
	return strings.Join(vs, ",")
}

// encodePath encodes an already encoded path once more, as every service but
// S3 wants it.
func encodePath(p string) string {
	segments := strings.Split(p, "/")
	for i, s := range segments {
		segments[i] = encode(s)
	}
	return strings.Join(segments, "/")
}

func canonicalQuery(q url.Values) string {
	var pairs []string
	for k, vs := range q {
		for _, v := range vs {
			pairs = append(pairs, encode(k)+"="+encode(v))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

func encode(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}
