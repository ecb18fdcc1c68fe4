// Package sandboxtest serves some of the sandbox's services to a test.
package sandboxtest

import (
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/sdk"
	"workshop/internal/sandbox/store"
	"workshop/internal/sandbox/wire"
)

// Account returns an account in memory.
func Account(t testing.TB) *account.Account {
	t.Helper()
	st, err := store.Open("")
	if err != nil {
		t.Fatal(err)
	}
	return &account.Account{Region: "eu-west-1", Store: st, Now: time.Now}
}

// Serve answers for the services until the test ends and returns what a client
// of the SDK needs to reach them.
func Serve(t testing.TB, a *account.Account, services ...*wire.Service) aws.Config {
	t.Helper()
	keys := wire.Credentials{AccessKeyID: "AKIATESTTESTTESTTEST", SecretAccessKey: "secret"}
	srv := &wire.Server{Credentials: keys, Region: a.Region, Lock: a.Store, Now: a.Now, Log: slog.New(slog.DiscardHandler)}
	for _, s := range services {
		srv.Add(s)
	}
	h := httptest.NewServer(srv)
	t.Cleanup(h.Close)
	return aws.Config{
		Region: a.Region, BaseEndpoint: aws.String(h.URL), RetryMaxAttempts: 1,
		HTTPClient:  sdk.Client(awshttp.NewBuildableClient()),
		Credentials: credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey, ""),
	}
}
