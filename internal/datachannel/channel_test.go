package datachannel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pipe is one end of a connection that may lose and repeat messages.
type pipe struct {
	in, out chan []byte
	lose    func() (times int) // how often a message arrives
}

func (p *pipe) Read(ctx context.Context) ([]byte, error) {
	select {
	case b, ok := <-p.in:
		if !ok {
			return nil, io.EOF
		}
		return b, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipe) Write(ctx context.Context, _ bool, b []byte) error {
	for range p.lose() {
		select {
		case p.out <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// ends are two channels over one connection.
func ends(t *testing.T, lose func() int) (client, agent *Channel) {
	a, b := make(chan []byte, 1000), make(chan []byte, 1000)
	client = newChannel(t.Context(), &pipe{a, b, lose}, outputStream, inputStream)
	agent = newChannel(t.Context(), &pipe{b, a, lose}, inputStream, outputStream)
	t.Cleanup(client.Close)
	t.Cleanup(agent.Close)
	return client, agent
}

// What is lost comes again, what comes twice counts once, and all is in order.
func TestChannelOverABadConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random, mu := rand.New(rand.NewPCG(1, 2)), sync.Mutex{}
		client, agent := ends(t, func() int {
			mu.Lock()
			defer mu.Unlock()
			return []int{0, 1, 1, 2}[random.IntN(4)]
		})
		const n = 500
		go func() {
			for i := range n {
				if err := agent.Send(t.Context(), Output, fmt.Append(nil, i)); err != nil {
					t.Error(err)
				}
			}
		}()
		for i := range n {
			kind, b, err := client.Receive(t.Context())
			if err != nil || kind != Output || string(b) != fmt.Sprint(i) {
				t.Fatalf("message %d: %d %q %v", i, kind, b, err)
			}
		}
		time.Sleep(time.Minute)
		if left := agent.unacknowledged(); left != 0 {
			t.Errorf("%d messages are never acknowledged", left)
		}
	})
}

// A person who stops the output of a command stops the command, and loses nothing.
func TestChannelWaitsForTheReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, agent := ends(t, func() int { return 1 })
		const n = 2000
		sent := make(chan int, n)
		go func() {
			for i := range n {
				if err := agent.Send(t.Context(), Output, fmt.Append(nil, i)); err != nil {
					return
				}
				sent <- i
			}
		}()
		time.Sleep(time.Minute)
		if got := len(sent); got > queue+window {
			t.Errorf("%d messages are on their way to somebody who reads none", got)
		}
		for i := range n {
			if _, b, err := client.Receive(t.Context()); err != nil || string(b) != fmt.Sprint(i) {
				t.Fatalf("message %d: %q %v", i, b, err)
			}
		}
	})
}

func TestChannelEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, agent := ends(t, func() int { return 1 })
		if err := agent.Send(t.Context(), Output, []byte("last words")); err != nil {
			t.Fatal(err)
		}
		bounded, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := agent.sendClosed(bounded, "s", "why"); err != nil {
			t.Fatal(err)
		}
		if _, b, err := client.Receive(t.Context()); string(b) != "last words" {
			t.Errorf("got %q, %v", b, err)
		}
		var closed *Closed
		if _, _, err := client.Receive(t.Context()); !errors.As(err, &closed) || closed.Output != "why" {
			t.Errorf("got %v", err)
		}
		if err := client.Send(t.Context(), Output, []byte("x")); err == nil {
			t.Error("a closed channel takes what is typed")
		}
	})
}

// dial serves one session and opens it.
func dial(t *testing.T, serve func(ctx context.Context, conn Conn, token string)) (*Client, error) {
	t.Helper()
	var served sync.WaitGroup
	t.Cleanup(served.Wait)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		defer served.Done()
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer ws.CloseNow()
		conn := WebSocket{ws}
		b, err := conn.Read(r.Context())
		if err != nil {
			t.Error(err)
			return
		}
		token, err := Token(b)
		if err != nil {
			t.Error(err)
		}
		serve(r.Context(), conn, token)
	}))
	t.Cleanup(s.Close)
	return Dial(t.Context(), Session{ID: "s", URL: "ws" + strings.TrimPrefix(s.URL, "http") + "/v1/data-channel/s", Token: "secret"})
}

func TestClientAndAgent(t *testing.T) {
	sizes := make(chan WindowSize, 1)
	c, err := dial(t, func(ctx context.Context, conn Conn, token string) {
		if token != "secret" {
			t.Errorf("token %q", token)
		}
		a, err := Accept(ctx, conn)
		if err != nil {
			t.Error(err)
			return
		}
		defer a.Close()
		for {
			kind, b, err := a.Receive(ctx)
			switch {
			case err != nil:
				t.Error(err)
				return
			case kind == Size:
				var s WindowSize
				if err := json.Unmarshal(b, &s); err != nil {
					t.Error(err)
				}
				sizes <- s
			case kind == Output && strings.ContainsRune(string(b), endOfInput):
				// Larger than a message.
				if err := a.Send(ctx, Output, []byte(strings.Repeat("x", 3*chunk))); err != nil {
					t.Error(err)
				}
				if err := a.End(ctx, "s", ""); err != nil {
					t.Error(err)
				}
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	in, typed := io.Pipe()
	var out strings.Builder
	go func() {
		if s := <-sizes; s != (WindowSize{120, 40}) {
			t.Errorf("size %v", s)
		}
		fmt.Fprint(typed, "unfinished")
		typed.Close()
	}()
	if err := c.Run(t.Context(), Terminal{In: in, Out: &out, Size: func() (int, int, bool) { return 120, 40, true }}); err != nil {
		t.Error(err)
	}
	if out.Len() != 3*chunk {
		t.Errorf("printed %d bytes", out.Len())
	}
}

func TestClientIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		serve func(context.Context, Conn, string)
		says  string
	}{
		"the connection ends": {func(context.Context, Conn, string) {}, ErrLost.Error()},
		"the session is over": {func(ctx context.Context, conn Conn, _ string) {
			a := newChannel(ctx, conn, inputStream, outputStream)
			defer a.Close()
			if err := a.sendClosed(ctx, "s", "too late"); err != nil {
				t.Error(err)
			}
			_, _, _ = a.Receive(ctx) // until the client is gone
		}, "too late"},
		"encryption": {func(ctx context.Context, conn Conn, _ string) {
			a := newChannel(ctx, conn, inputStream, outputStream)
			defer a.Close()
			if err := a.sendJSON(ctx, handshakeRequest, request{RequestedClientActions: []action{{ActionType: "KMSEncryption", ActionParameters: map[string]string{"KMSKeyId": "k"}}}}); err != nil {
				t.Error(err)
			}
			_, b, err := a.Receive(ctx)
			if err != nil || !strings.Contains(string(b), `"ActionStatus":3`) {
				t.Errorf("the client answers %s, %v", b, err)
			}
		}, "session-manager-plugin"},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := dial(t, c.serve)
			if err == nil {
				client.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := Dial(t.Context(), Session{ID: "s", URL: "ws://127.0.0.1:1/"}); err == nil {
		t.Error("nobody listens there")
	}
}
