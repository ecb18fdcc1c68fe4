package sandboxtest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/wire"
)

// Asker asks a service without a network: with bodies that no client would send.
// It is not safe for concurrent use.
type Asker struct {
	server  *wire.Server
	service *wire.Service
	region  string
	signer  *v4.Signer
}

// NewAsker returns an Asker for a service of an account.
func NewAsker(a *account.Account, s *wire.Service) *Asker {
	srv := &wire.Server{
		Credentials: wire.Credentials{AccessKeyID: "AKIATESTTESTTESTTEST", SecretAccessKey: "secret"},
		Region:      a.Region, Lock: a.Store, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	srv.Add(s)
	return &Asker{srv, s, a.Region, v4.NewSigner()}
}

// Forget has every later request leave the account as it was.
func (k *Asker) Forget() { k.server.Lock = forgetful{k.server.Lock} }

type forgetful struct{ wire.Locker }

func (f forgetful) Commit() error {
	f.Rollback()
	return nil
}

// Ask sends body as an operation's input and returns the answer. A test fails if
// the service does, which a request must not bring about.
func (k *Asker) Ask(t testing.TB, operation string, body []byte) (status int, answer string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "http://sandbox/", nil)
	switch {
	case k.service.Target != "":
		r.Header.Set("X-Amz-Target", k.service.Target+"."+operation)
	default:
		body = append([]byte("Action="+operation+"&Version="+k.service.Version+"&"), body...)
	}
	sum := sha256.Sum256(body)
	keys := aws.Credentials{AccessKeyID: k.server.Credentials.AccessKeyID, SecretAccessKey: k.server.Credentials.SecretAccessKey}
	r.ContentLength = int64(len(body))
	if err := k.signer.SignHTTP(t.Context(), keys, r, hex.EncodeToString(sum[:]), k.service.Name, k.region, time.Now()); err != nil {
		t.Fatal(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	w := httptest.NewRecorder()
	k.server.ServeHTTP(w, r)
	if w.Code >= http.StatusInternalServerError {
		t.Fatalf("%s of %q: %d %s", operation, body, w.Code, w.Body)
	}
	return w.Code, w.Body.String()
}
