// Package sdk has what clients of the AWS SDK need for a server on the same
// machine.
package sdk

import (
	"bytes"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Client returns a client that sends requests through next with bodies of their
// own. smithy-go closes a request's body as soon as the answer begins; where the
// answer comes before net/http has read the body to its end, which happens on
// loopback, net/http then closes the connection under the answer. It is safe for
// concurrent use if next is. Bodies are held in memory.
func Client(next aws.HTTPClient) aws.HTTPClient { return client{next} }

type client struct{ next aws.HTTPClient }

// Do is for the SDK.
func (c client) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return c.next.Do(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	own := r.Clone(r.Context())
	own.Body = io.NopCloser(bytes.NewReader(body))
	own.ContentLength = int64(len(body))
	own.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return c.next.Do(own)
}
