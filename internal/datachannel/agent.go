package datachannel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// session is the type that Amazon ECS asks a client for.
const session = "InteractiveCommands"

// Token reads what a client sends first, as text: the token of its session.
func Token(b []byte) (string, error) {
	var o opening
	if err := json.Unmarshal(b, &o); err != nil {
		return "", fmt.Errorf("read how the data channel is opened: %w", err)
	}
	if o.TokenValue == "" {
		return "", errors.New("the data channel was opened without a token")
	}
	return o.TokenValue, nil
}

// Agent is the end of a container. Its methods are safe for concurrent use.
type Agent struct{ *Channel }

// Accept agrees with a client, whose token was good, on a session: it fails if the client
// does not know what is asked of it, or ctx ends. The channel lives until Close, or the
// connection's end.
func Accept(ctx context.Context, conn Conn) (*Agent, error) {
	a := &Agent{newChannel(context.WithoutCancel(ctx), conn, inputStream, outputStream)}
	if err := a.handshake(ctx); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

func (a *Agent) handshake(ctx context.Context) error {
	began := time.Now()
	// The version is later than all at which AWS's client begins to do something in another way.
	err := a.sendJSON(ctx, handshakeRequest, request{AgentVersion: "3.3.0.0", RequestedClientActions: []action{{
		ActionType: "SessionType", ActionParameters: map[string]any{"SessionType": session, "Properties": nil},
	}}})
	if err != nil {
		return err
	}
	for {
		kind, b, err := a.Receive(ctx)
		if err != nil {
			return err
		}
		if kind != handshakeResponse {
			continue // nothing runs yet that it could be for
		}
		var r response
		if err := json.Unmarshal(b, &r); err != nil {
			return fmt.Errorf("read the client's answer: %w", err)
		}
		for _, p := range r.ProcessedClientActions {
			if p.ActionStatus != actionDone {
				return fmt.Errorf("the client did not take the session: %s", p.Error)
			}
		}
		return a.sendJSON(ctx, handshakeComplete, complete{HandshakeTimeToComplete: time.Since(began)})
	}
}

// End closes the channel for the client, for the reason in output: empty where the
// command has ended by itself. It waits for the client to have all that was sent and to
// go, as long as ctx lasts.
func (a *Agent) End(ctx context.Context, session, output string) error {
	return a.sendClosed(ctx, session, output)
}
