package datachannel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"
)

// clientVersion is what the client says it is: the session-manager-plugin that speaks the
// protocol in the same way.
const clientVersion = "1.3.0.0"

// openTimeout bounds the opening of a channel.
const openTimeout = 20 * time.Second

// sizeTick is how often the terminal is asked for its size, as AWS's client does.
const sizeTick = 500 * time.Millisecond

// Session is what ExecuteCommand answers with.
type Session struct {
	ID    string `json:"SessionId"`
	URL   string `json:"StreamUrl"`
	Token string `json:"TokenValue"`
}

// Client is the end of a person. Run may be called once.
type Client struct {
	*Channel
	ws    *websocket.Conn
	hello string // what the agent has to say before the command's output
}

// Dial opens the channel of a session and agrees with the agent in the container on it.
// ctx bounds Dial alone. The channel lives until Close, or the connection's end.
func Dial(ctx context.Context, s Session) (*Client, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	ws, resp, err := websocket.Dial(ctx, s.URL, nil)
	if err != nil {
		if resp != nil {
			return nil, fmt.Errorf("open the session %s: the service answered %s", s.ID, resp.Status)
		}
		return nil, fmt.Errorf("open the session %s: %w", s.ID, err)
	}
	ws.SetReadLimit(Limit)
	conn := WebSocket{ws}
	b, err := json.Marshal(opening{MessageSchemaVersion: "1.0", RequestId: uuid.NewString(), TokenValue: s.Token, ClientId: uuid.NewString(), ClientVersion: clientVersion})
	if err == nil {
		err = conn.Write(ctx, true, b)
	}
	if err != nil {
		_ = ws.CloseNow() // it was of no use
		return nil, fmt.Errorf("open the session %s: %w", s.ID, err)
	}
	c := &Client{Channel: newChannel(context.WithoutCancel(ctx), conn, outputStream, inputStream), ws: ws}
	if err := c.handshake(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the session %s: %w", s.ID, err), c.Close())
	}
	return c, nil
}

// Close ends the session; it is good after Run too.
func (c *Client) Close() error {
	// The other end may be gone, and then there is nobody to say goodbye to.
	_ = c.ws.CloseNow()
	c.Channel.Close()
	return nil
}

func (c *Client) handshake(ctx context.Context) error {
	for {
		kind, b, err := c.Receive(ctx)
		if err != nil {
			return err
		}
		switch kind {
		case handshakeRequest:
			var r struct {
				RequestedClientActions []struct{ ActionType string }
			}
			if err := json.Unmarshal(b, &r); err != nil {
				return fmt.Errorf("read what the agent asks for: %w", err)
			}
			answer := response{ClientVersion: clientVersion, ProcessedClientActions: []processed{}}
			for _, a := range r.RequestedClientActions {
				p := processed{ActionType: a.ActionType, ActionStatus: actionDone}
				if a.ActionType != "SessionType" {
					p.ActionStatus, p.Error = actionUnsupported, "Unsupported action "+a.ActionType
					answer.Errors = append(answer.Errors, p.Error)
				}
				answer.ProcessedClientActions = append(answer.ProcessedClientActions, p)
			}
			if err := c.sendJSON(ctx, handshakeResponse, answer); err != nil {
				return err
			}
			if len(answer.Errors) > 0 {
				return fmt.Errorf("the session wants of its client what only AWS's session-manager-plugin has (%s): install it", strings.Join(answer.Errors, ", "))
			}
		case handshakeComplete:
			var d complete
			_ = json.Unmarshal(b, &d) // it is complete whatever it says
			c.hello = d.CustomerMessage
			return nil
		}
	}
}

// Terminal is what a person types on and reads from.
type Terminal struct {
	In  io.Reader // its end is the end of what is typed (Ctrl-D)
	Out io.Writer
	// Size is asked all the while; ok is false where there is no terminal. It may be nil.
	Size func() (cols, rows int, ok bool)
}

// endOfInput is what a terminal sends for Ctrl-D: the end of the input at the begin of a
// line, and the line so far elsewhere.
const endOfInput = 4

// Run connects the terminal with the command until the command ends, the connection does
// or ctx, and then ends the connection. It returns nil where the command has ended by itself, whatever its exit code:
// the protocol does not tell. A read of In that is under way when it returns goes on
// until In gives something or fails: Run does not wait for it.
func (c *Client) Run(ctx context.Context, t Terminal) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer c.ws.CloseNow() //nolint:errcheck // the other end may be gone
	if c.hello != "" {
		if _, err := io.WriteString(t.Out, c.hello+"\r\n"); err != nil {
			return fmt.Errorf("print the session: %w", err)
		}
	}
	sized := make(chan struct{})
	go func() { // ends with ctx
		defer close(sized)
		if err := c.follow(ctx, t.Size); err != nil {
			cancel(err)
		}
	}()
	go func() { // ends with In, or the first read after ctx has ended
		if err := c.typed(ctx, t.In); err != nil {
			cancel(err)
		}
	}()
	defer func() { cancel(nil); <-sized }()
	for {
		kind, b, err := c.Receive(ctx)
		var closed *Closed
		switch {
		case errors.As(err, &closed) && closed.Output == "":
			return nil
		case err != nil:
			return err
		case kind != Output && kind != StdErr:
			continue
		}
		if _, err := t.Out.Write(b); err != nil {
			return fmt.Errorf("print the session: %w", err)
		}
	}
}

// typed sends what is typed, and at its end Ctrl-D.
func (c *Client) typed(ctx context.Context, in io.Reader) error {
	b := make([]byte, chunk)
	last := byte('\n')
	for {
		n, err := in.Read(b)
		if n > 0 && ctx.Err() == nil {
			last = b[n-1]
			if err := c.Send(ctx, Output, b[:n]); err != nil {
				return err
			}
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, io.EOF):
			end := []byte{endOfInput}
			if last != '\n' && last != '\r' {
				end = []byte{endOfInput, endOfInput}
			}
			return c.Send(ctx, Output, end)
		case err != nil:
			return fmt.Errorf("read what is typed: %w", err)
		}
	}
}

// follow sends the size of the terminal whenever it changes.
func (c *Client) follow(ctx context.Context, size func() (cols, rows int, ok bool)) error {
	if size == nil {
		return nil
	}
	tick := time.NewTicker(sizeTick)
	defer tick.Stop()
	var was WindowSize
	for {
		if cols, rows, ok := size(); ok && cols > 0 && rows > 0 {
			if now := (WindowSize{uint32(cols), uint32(rows)}); now != was {
				was = now
				if err := c.sendJSON(ctx, Size, now); err != nil {
					return err
				}
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// WebSocket is a Conn over a WebSocket.
type WebSocket struct{ *websocket.Conn }

// Read returns the next message, whether text or bytes.
func (w WebSocket) Read(ctx context.Context) ([]byte, error) {
	_, b, err := w.Conn.Read(ctx)
	return b, err
}

// Write sends one message.
func (w WebSocket) Write(ctx context.Context, text bool, b []byte) error {
	kind := websocket.MessageBinary
	if text {
		kind = websocket.MessageText
	}
	return w.Conn.Write(ctx, kind, b)
}
