package datachannel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	// chunk is how many bytes of a terminal one message carries, as with AWS's client.
	chunk = 1024
	// window is how many messages may wait for their acknowledgement.
	window = 64
	// queue is how many messages may wait for Receive. Those that come while it is
	// full are not acknowledged, so that they come again.
	queue = 256
	// Limit is the largest message that is read, in bytes.
	Limit = 64 << 10

	firstResend = 250 * time.Millisecond // then twice as long each time
	lastResend  = time.Second
	resendTick  = 100 * time.Millisecond
)

// Conn carries whole messages, as a WebSocket does. Write may be called beside Read and
// beside itself. Both fail once ctx has ended.
type Conn interface {
	Read(ctx context.Context) ([]byte, error)
	Write(ctx context.Context, text bool, b []byte) error
}

// ErrLost is wrapped by what the methods of a Channel return once the connection has
// ended without a word.
var ErrLost = errors.New("the connection of the data channel was lost")

// Closed is what Receive returns once the other end has closed the channel.
type Closed struct {
	Output string // why; empty where the command has ended by itself
}

func (c *Closed) Error() string {
	if c.Output == "" {
		return "the session has ended"
	}
	return "the session has ended: " + c.Output
}

// Channel is one end of a data channel. Its methods are safe for concurrent use.
type Channel struct {
	conn   Conn
	in     string // type of the messages that the other end sends
	out    string
	ctx    context.Context // of the connection
	cancel context.CancelCauseFunc
	done   sync.WaitGroup

	received chan message // in their order; holds all of early besides

	mu      sync.Mutex
	next    int64   // number of the next message that is sent
	waiting []*sent // for their acknowledgement, oldest first
	freed   chan struct{}
	want    int64             // number of the next message to receive
	early   map[int64]message // that came before it
}

// sent is a message that was sent and may be sent again.
type sent struct {
	number int64
	bytes  []byte
	at     time.Time
	wait   time.Duration
}

// newChannel returns a channel over a connection that is open, and reads from it until ctx
// ends, the connection does or Close is called.
func newChannel(ctx context.Context, conn Conn, in, out string) *Channel {
	c := &Channel{conn: conn, in: in, out: out, received: make(chan message, 2*queue), freed: make(chan struct{}, 1), early: map[int64]message{}}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	c.done.Go(c.read)
	c.done.Go(c.resend)
	return c
}

// Close ends the channel and returns when nothing of it runs any more. The connection
// is the caller's to close.
func (c *Channel) Close() {
	c.cancel(errors.New("the data channel was closed here"))
	c.done.Wait()
}

// Receive returns the next message of the other end's stream. Its error is a *Closed
// when the other end has closed the channel, and wraps ErrLost when the connection
// has ended.
func (c *Channel) Receive(ctx context.Context) (PayloadType, []byte, error) {
	select {
	case m := <-c.received:
		return m.PayloadType, m.Payload, nil
	case <-ctx.Done():
		return 0, nil, context.Cause(ctx)
	case <-c.ctx.Done():
		select { // what came before the end is first
		case m := <-c.received:
			return m.PayloadType, m.Payload, nil
		default:
			return 0, nil, context.Cause(c.ctx)
		}
	}
}

// Send sends a payload in as many messages as it takes, and waits while too many of
// them are not acknowledged. It does not keep b.
func (c *Channel) Send(ctx context.Context, kind PayloadType, b []byte) error {
	for first := true; first || len(b) > 0; first = false {
		n := len(b)
		if kind == Output {
			n = min(n, chunk)
		}
		if err := c.send(ctx, kind, b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

func (c *Channel) send(ctx context.Context, kind PayloadType, b []byte) error {
	c.mu.Lock()
	for len(c.waiting) >= window {
		c.mu.Unlock()
		select {
		case <-c.freed:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-c.ctx.Done():
			return context.Cause(c.ctx)
		}
		c.mu.Lock()
	}
	m := message{Type: c.out, Created: time.Now(), Sequence: c.next, ID: uuid.New(), PayloadType: kind, Payload: b}
	s := &sent{number: m.Sequence, bytes: m.marshal(), at: m.Created, wait: firstResend}
	c.next++
	c.waiting = append(c.waiting, s)
	c.mu.Unlock()
	return c.write(s.bytes)
}

func (c *Channel) sendJSON(ctx context.Context, kind PayloadType, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write a message of the data channel: %w", err)
	}
	return c.Send(ctx, kind, b)
}

// sendClosed tells the other end that the channel is closed, once all that was sent
// before is acknowledged or ctx has ended, and waits as long for the other end to go: it
// may still read.
func (c *Channel) sendClosed(ctx context.Context, session, output string) error {
	for c.unacknowledged() > 0 && ctx.Err() == nil && c.ctx.Err() == nil {
		select {
		case <-c.freed:
		case <-ctx.Done():
		case <-c.ctx.Done():
		}
	}
	id, now := uuid.New(), time.Now()
	b, err := json.Marshal(closing{
		MessageId: id.String(), CreatedDate: fmt.Sprint(now.UnixMilli()), SessionId: session,
		MessageType: channelClosed, SchemaVersion: 1, Output: output,
	})
	if err != nil {
		return fmt.Errorf("close the data channel: %w", err)
	}
	if err := c.write(message{Type: channelClosed, Created: now, ID: id, Payload: b}.marshal()); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-c.ctx.Done():
	}
	return nil
}

func (c *Channel) unacknowledged() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.waiting)
}

func (c *Channel) write(b []byte) error {
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	if err := c.conn.Write(c.ctx, false, b); err != nil {
		if c.ctx.Err() != nil {
			return context.Cause(c.ctx)
		}
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
	return nil
}

// resend sends again what was not acknowledged, until the channel ends.
func (c *Channel) resend() {
	tick := time.NewTicker(resendTick)
	defer tick.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		var again [][]byte
		c.mu.Lock()
		for _, s := range c.waiting {
			if now.Sub(s.at) >= s.wait {
				s.at, s.wait = now, min(2*s.wait, lastResend)
				again = append(again, s.bytes)
			}
		}
		c.mu.Unlock()
		for _, b := range again {
			if c.write(b) != nil {
				return // read finds out
			}
		}
	}
}

// read takes in what the other end sends, until the channel ends.
func (c *Channel) read() {
	for {
		b, err := c.conn.Read(c.ctx)
		if err != nil {
			c.cancel(fmt.Errorf("%w: %w", ErrLost, err))
			return
		}
		m, err := parse(b)
		if err != nil {
			continue // as AWS's client does: the other end sends it again
		}
		switch m.Type {
		case acknowledge:
			var r receipt
			if json.Unmarshal(m.Payload, &r) == nil {
				c.acknowledged(r.Sequence)
			}
		case channelClosed:
			var d closing
			_ = json.Unmarshal(m.Payload, &d) // without a reason it is closed all the same
			c.cancel(&Closed{Output: d.Output})
			return
		case c.in:
			if err := c.take(m); err != nil {
				c.cancel(err)
				return
			}
		}
	}
}

func (c *Channel) acknowledged(number int64) {
	c.mu.Lock()
	c.waiting = slices.DeleteFunc(c.waiting, func(s *sent) bool { return s.number == number })
	c.mu.Unlock()
	select {
	case c.freed <- struct{}{}:
	default:
	}
}

// take puts a message of the stream in its place and acknowledges it.
func (c *Channel) take(m message) error {
	r := receipt{Type: m.Type, ID: m.ID.String(), Sequence: m.Sequence, Sequential: true}
	switch {
	case m.Sequence > c.want:
		if len(c.early)+len(c.received) >= queue {
			return nil
		}
		c.early[m.Sequence] = m
	case m.Sequence == c.want:
		if len(c.received) >= queue {
			return nil
		}
		for ok := true; ok; m, ok = c.early[c.want] {
			delete(c.early, c.want)
			c.received <- m // has room: this goroutine alone fills it
			c.want++
		}
	}
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("acknowledge a message of the data channel: %w", err)
	}
	return c.write(message{Type: acknowledge, Created: time.Now(), ID: uuid.New(), Payload: b}.marshal())
}
