package wire

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"hash"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"workshop/internal/regions"
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

// scope is what a request's credentials were used for.
type scope struct{ date, region, service string }

const stamp = "20060102T150405Z"

// verify checks a request's Signature Version 4 and returns its credential scope,
// which it does for most requests that it refuses. Whether the scope is right for
// the request is not its concern. The scheme is the one of the AWS documentation's
// "Create a signed AWS API request"; the texts are those of AWS's services.
func (c Credentials) verify(r *http.Request, body []byte, now time.Time) (scope, error) {
	auth := r.Header.Get("Authorization")
	kind, rest, _ := strings.Cut(auth, " ")
	if !strings.HasPrefix(kind, "AWS4-") {
		return scope{}, denied("MissingAuthenticationToken", "Request is missing Authentication Token")
	}
	part := map[string]string{}
	for p := range strings.SplitSeq(rest, ",") {
		k, v, _ := strings.Cut(strings.TrimSpace(p), "=")
		part[k] = v
	}
	var missing strings.Builder
	for _, k := range []string{"Credential", "Signature", "SignedHeaders"} {
		if part[k] == "" {
			missing.WriteString("Authorization header requires '" + k + "' parameter. ")
		}
	}
	date := r.Header.Get("X-Amz-Date")
	if date == "" {
		missing.WriteString("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
	}
	if missing.Len() > 0 {
		return scope{}, denied("IncompleteSignature", missing.String()+"Authorization="+kind)
	}
	if kind != algorithm {
		return scope{}, denied("IncompleteSignature", "Unsupported AWS 'algorithm': '"+kind+"' (only "+algorithm+" for now).")
	}
	elements := strings.Split(part["Credential"], "/")
	if len(elements) != 5 {
		return scope{}, denied("IncompleteSignature", "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '"+part["Credential"]+"'")
	}
	sc := scope{elements[1], elements[2], elements[3]}
	at, err := time.Parse(stamp, date)
	if err != nil {
		return sc, denied("IncompleteSignature", "Date must be in ISO-8601 'basic format'. Got '"+date+"'. See http://en.wikipedia.org/wiki/ISO_8601")
	}
	now = now.UTC()
	if earliest := now.Add(-maxSkew); at.Before(earliest) {
		return sc, denied("SignatureDoesNotMatch", "Signature expired: "+date+" is now earlier than "+earliest.Format(stamp)+" ("+now.Format(stamp)+" - 15 min.)")
	}
	if latest := now.Add(maxSkew); at.After(latest) {
		return sc, denied("SignatureDoesNotMatch", "Signature not yet current: "+date+" is still later than "+latest.Format(stamp)+" ("+now.Format(stamp)+" + 15 min.)")
	}
	names := strings.Split(part["SignedHeaders"], ";")
	if !slices.Contains(names, "host") {
		return sc, denied("SignatureDoesNotMatch", "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	unsigned := ""
	for n := range r.Header {
		if strings.HasPrefix(n, "X-Amz-") && (unsigned == "" || n < unsigned) && !slices.Contains(names, strings.ToLower(n)) {
			unsigned = n
		}
	}
	if unsigned != "" {
		return sc, denied("SignatureDoesNotMatch", "'"+unsigned+"' must be a 'SignedHeader' in the AWS Authorization.")
	}
	if elements[4] != "aws4_request" {
		return sc, denied("SignatureDoesNotMatch", "Credential should be scoped with a valid terminator: 'aws4_request', not '"+elements[4]+"'.")
	}
	if !strings.HasPrefix(date, sc.date+"T") {
		return sc, denied("SignatureDoesNotMatch", "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '"+sc.date+"' != '"+date[:8]+"', from '"+date+"'.")
	}
	if elements[0] != c.AccessKeyID {
		return sc, denied("InvalidClientTokenId", "The security token included in the request is invalid.")
	}
	signer, known := c.signer(sc)
	want := signer.signature(r, body, names, sc, date)
	if subtle.ConstantTimeCompare([]byte(want), []byte(part["Signature"])) != 1 {
		return sc, denied("SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	if !known { // only now is the scope that of a client of ours
		keys.store(keyOf{c.SecretAccessKey, sc}, signer)
	}
	return sc, nil
}

// keyOf is what a signing key is made of.
type keyOf struct {
	secret string
	scope  scope
}

// keyring has the signers of late: a client's is the same for a day and a service, and
// making one takes longer than signing with it.
type keyring struct {
	mu   sync.RWMutex
	made map[keyOf]*signer
}

var keys keyring

// maxKeys is above the number of services.
const maxKeys = 64

func (k *keyring) load(of keyOf) *signer {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.made[of]
}

func (k *keyring) store(of keyOf, s *signer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.made == nil || len(k.made) >= maxKeys {
		k.made = map[keyOf]*signer{}
	}
	k.made[of] = s
}

// signer signs with one key. It is safe for concurrent use.
type signer struct{ states sync.Pool } // of hash.Hash, which have taken the key in

func newSigner(key []byte) *signer {
	return &signer{sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

func (s *signer) sign(text []byte) []byte {
	h := s.states.Get().(hash.Hash)
	defer s.states.Put(h)
	h.Reset()
	h.Write(text)
	return h.Sum(nil)
}

// signer returns the signer of a scope; known is false if it was made for this call.
func (c Credentials) signer(sc scope) (s *signer, known bool) {
	if s := keys.load(keyOf{c.SecretAccessKey, sc}); s != nil {
		return s, true
	}
	key := []byte("AWS4" + c.SecretAccessKey)
	for _, part := range []string{sc.date, sc.region, sc.service, "aws4_request"} {
		key = newSigner(key).sign([]byte(part))
	}
	return newSigner(key), false
}

// scoped checks that a request was signed for the service that it asks and, in
// that, for the server's Region. AWS takes only us-east-1 for a service without
// Regions; here clients reach it over an endpoint of their own, and then most sign
// for their own Region.
func (s *Server) scoped(sc scope, svc *Service) error {
	var wrong []string
	if sc.region != s.Region && !(svc.Global && regions.Known(sc.region)) {
		wrong = append(wrong, "Credential should be scoped to a valid region, not '"+sc.region+"'.")
	}
	if sc.service != svc.Name {
		wrong = append(wrong, "Credential should be scoped to correct service: '"+svc.Name+"'.")
	}
	if len(wrong) > 0 {
		return denied("SignatureDoesNotMatch", strings.Join(wrong, " "))
	}
	return nil
}

// signature is the one that a request should have.
func (k *signer) signature(r *http.Request, body []byte, names []string, sc scope, date string) string {
	sum := sha256.Sum256(body)
	buffer := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buffer)
	buffer.Reset()
	buffer.Grow(1024)
	canonical := append(buffer.AvailableBuffer(), r.Method...)
	canonical = append(canonical, '\n')
	path := cmp.Or(r.URL.EscapedPath(), "/")
	if sc.service != "s3" && path != "/" {
		path = encodePath(path)
	}
	canonical = append(canonical, path...)
	canonical = append(canonical, '\n')
	if r.URL.RawQuery != "" {
		canonical = append(canonical, canonicalQuery(r.URL.Query())...)
	}
	canonical = append(canonical, '\n')
	for _, n := range names {
		canonical = append(append(append(canonical, n...), ':'), headerValue(r, n)...)
		canonical = append(canonical, '\n')
	}
	canonical = append(canonical, '\n')
	for i, n := range names {
		if i > 0 {
			canonical = append(canonical, ';')
		}
		canonical = append(canonical, n...)
	}
	canonical = append(canonical, '\n')
	// S3 has its path encoded once, and what a client says of the body (AWS General
	// Reference, "Create a signed request"). The sandbox has no S3 and reads no body of
	// its requests.
	if said := r.Header.Get("X-Amz-Content-Sha256"); sc.service == "s3" && said != "" {
		canonical = append(canonical, said...)
	} else {
		canonical = hex.AppendEncode(canonical, sum[:])
	}
	sum = sha256.Sum256(canonical)
	text := append(canonical[:0], algorithm+"\n"+date+"\n"+sc.date+"/"+sc.region+"/"+sc.service+"/aws4_request\n"...)
	return hex.EncodeToString(k.sign(hex.AppendEncode(text, sum[:])))
}

func headerValue(r *http.Request, name string) string {
	switch name {
	case "host":
		return r.Host
	case "content-length":
		return r.Header.Get("Content-Length")
	}
	values := r.Header.Values(name)
	if len(values) == 1 && !strings.ContainsAny(values[0], " \t\r\n\v\f") {
		return values[0]
	}
	var vs []string
	for _, v := range values {
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
