package sdk

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }

// A body that is closed before it is read to its end is still sent whole.
func TestClientSendsTheWholeBody(t *testing.T) {
	const text = `{"cluster":"main"}`
	sent := io.NopCloser(strings.NewReader(text))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1/", sent)
	if err != nil {
		t.Fatal(err)
	}
	var body io.ReadCloser
	c := Client(doer(func(r *http.Request) (*http.Response, error) {
		if body = r.Body; r.ContentLength != int64(len(text)) {
			t.Errorf("a length of %d", r.ContentLength)
		}
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
	}))
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := r.Body.Close(); err != nil { // as smithy-go does now
		t.Fatal(err)
	}
	if got, err := io.ReadAll(body); err != nil || string(got) != text {
		t.Errorf("sent %q, %v", got, err)
	}
}
