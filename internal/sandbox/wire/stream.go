package wire

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"runtime/debug"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream/eventstreamapi"
)

// Stream is the answer of a streaming operation: events, as many and as long as
// it likes. It is not safe for concurrent use.
type Stream interface {
	// Send writes one event at once. event is the name of the union's member, v a
	// pointer to its struct. It fails when the client has gone or takes nothing.
	Send(event string, v any) error
}

// pause stands before a stream's answer, as the way to AWS does. smithy-go closes
// a request's body as soon as the answer begins. Where net/http has not looked for
// the body's end by then, which over loopback happens one time in twenty, it is
// told EOF by WriteTo, takes that for an error and closes the connection under the
// stream.
const pause = 20 * time.Millisecond

// sendTimeout is how long a client may take nothing before a stream gives up.
const sendTimeout = 10 * time.Second

// HandleStream registers an operation that answers with an event stream
// (application/vnd.amazon.eventstream) instead of a structure. It runs without
// the sandbox's lock until it returns, and must return when its context ends:
// the client has hung up, or the sandbox closes. An error that it returns before
// its first Send is an ordinary refusal; later ones are sent as an event.
func HandleStream[In any](s *Service, name string, h func(context.Context, *In, Stream) error) {
	if s.ops == nil {
		s.ops = map[string]operation{}
	}
	s.ops[name] = operation{stream: func(ctx context.Context, tree map[string]any, out Stream) error {
		in := new(In)
		if err := assign(tree, reflect.ValueOf(in).Elem(), s.Casing, ""); err != nil {
			return err
		}
		return h(ctx, in, out)
	}}
}

// stream is a Stream over HTTP, of a JSON service.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	call    *call
	encoder *eventstream.Encoder
	started bool
}

// serveStream runs a streaming operation. What it returns has not been told the
// client yet.
func (s *Server) serveStream(w http.ResponseWriter, r *http.Request, op operation, c *call) (err error) {
	out := &stream{w: w, control: http.NewResponseController(w), call: c, encoder: eventstream.NewEncoder()}
	defer func() {
		if p := recover(); p != nil {
			s.Log.Error("sandbox: operation failed", "service", c.svc.Name, "operation", c.op, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("the sandbox's %s failed: %v", c.op, p)
		}
		if out.started {
			if err != nil && r.Context().Err() == nil {
				e := refusal(err)
				out.write(eventstreamapi.ExceptionMessageType, e.Code, appendJSON(nil, reflect.ValueOf(struct{ Message string }{e.Message}), Camel))
			}
			err = errStreamed
		}
	}()
	if err := op.stream(r.Context(), c.tree, out); err != nil {
		return err
	}
	return out.start()
}

// errStreamed says that the answer has been given.
var errStreamed = fmt.Errorf("answered with a stream")

func (s *stream) Send(event string, v any) error {
	if err := s.start(); err != nil {
		return err
	}
	return s.write(eventstreamapi.EventMessageType, event, appendJSON(nil, reflect.ValueOf(v).Elem(), s.call.svc.Casing))
}

// start sends what stands before the events. JSON services give the answer's
// other members first, as an event; there are none.
func (s *stream) start() error {
	if s.started {
		return nil
	}
	s.started = true
	time.Sleep(pause)
	s.w.Header().Set("X-Amzn-Requestid", s.call.id)
	s.w.Header().Set("Content-Type", "application/vnd.amazon.eventstream")
	s.w.WriteHeader(http.StatusOK)
	// The server's limit on the time for a request is not meant for its answer.
	if err := s.control.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	return s.write(eventstreamapi.EventMessageType, "initial-response", []byte("{}"))
}

func (s *stream) write(kind, name string, payload []byte) error {
	m := eventstream.Message{Payload: payload}
	m.Headers.Set(eventstreamapi.MessageTypeHeader, eventstream.StringValue(kind))
	if kind == eventstreamapi.ExceptionMessageType {
		m.Headers.Set(eventstreamapi.ExceptionTypeHeader, eventstream.StringValue(name))
	} else {
		m.Headers.Set(eventstreamapi.EventTypeHeader, eventstream.StringValue(name))
	}
	m.Headers.Set(eventstreamapi.ContentTypeHeader, eventstream.StringValue("application/json"))
	if err := s.control.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil {
		return err
	}
	if err := s.encoder.Encode(s.w, m); err != nil {
		return err
	}
	return s.control.Flush()
}
