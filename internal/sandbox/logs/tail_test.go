package logs

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cwl "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// noPrefix has the client leave out the "stream-" before the host.
func noPrefix(o *cwl.Options) {
	o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error {
		return s.Initialize.Add(middleware.InitializeMiddlewareFunc("noPrefix", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			return next.HandleInitialize(smithyhttp.DisableEndpointHostPrefix(ctx, true), in)
		}), middleware.Before)
	})
}

func (l *Logs) openTails() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.tails)
}

func TestLiveTail(t *testing.T) {
	l, c := serve(t, "")
	fill(t, l, c, 1) // of before
	id := l.arn("/ecs/web")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, err := c.StartLiveTail(ctx, &cwl.StartLiveTailInput{
		LogGroupIdentifiers: []string{id}, LogStreamNamePrefixes: []string{"app/"}, LogEventFilterPattern: aws.String("yes"),
	}, noPrefix)
	if err != nil {
		t.Fatal(err)
	}
	stream := out.GetStream()
	defer stream.Close()
	first, ok := (<-stream.Events()).(*types.StartLiveTailResponseStreamMemberSessionStart)
	if !ok || len(first.Value.LogGroupIdentifiers) != 1 || first.Value.SessionId == nil {
		t.Fatalf("first event = %+v, %v", first, stream.Err())
	}
	if err := l.CreateStream("/ecs/web", "other"); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for stream, events := range map[string][]Event{
		"app/app/0": {{now.Add(time.Second), "yes two"}, {now, "yes one"}, {now, "no"}},
		"other":     {{now, "yes elsewhere"}},
	} {
		if err := l.Append("/ecs/web", stream, events...); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for len(got) < 2 {
		e, ok := (<-stream.Events()).(*types.StartLiveTailResponseStreamMemberSessionUpdate)
		if !ok {
			t.Fatalf("no update: %v", stream.Err())
		}
		for _, r := range e.Value.SessionResults {
			got = append(got, *r.Message)
			if *r.LogGroupIdentifier != id || *r.LogStreamName != "app/app/0" || *r.Timestamp < now.UnixMilli() {
				t.Errorf("event = %+v", r)
			}
		}
	}
	if fmt.Sprint(got) != "[yes one yes two]" {
		t.Errorf("events = %v", got)
	}
	stream.Close()
	cancel()
	for range 100 {
		if l.openTails() == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("the session goes on without its client")
}

func TestLiveTailRefuses(t *testing.T) {
	l, c := serve(t, "")
	fill(t, l, c, 1)
	id := l.arn("/ecs/web")
	for _, x := range []struct {
		name string
		in   cwl.StartLiveTailInput
		want error
	}{
		{"no group", cwl.StartLiveTailInput{LogGroupIdentifiers: []string{}}, &types.InvalidParameterException{}},
		{"a name", cwl.StartLiveTailInput{LogGroupIdentifiers: []string{"/ecs/web"}}, &types.InvalidParameterException{}},
		{"a star", cwl.StartLiveTailInput{LogGroupIdentifiers: []string{id + ":*"}}, &types.InvalidParameterException{}},
		{"unknown", cwl.StartLiveTailInput{LogGroupIdentifiers: []string{id + "x"}}, &types.ResourceNotFoundException{}},
		{"unknown stream", cwl.StartLiveTailInput{LogGroupIdentifiers: []string{id}, LogStreamNames: []string{"x"}}, &types.ResourceNotFoundException{}},
		{"streams of two", cwl.StartLiveTailInput{LogGroupIdentifiers: []string{id, id}, LogStreamNames: []string{"x"}}, &types.InvalidParameterException{}},
		{"pattern", cwl.StartLiveTailInput{LogGroupIdentifiers: []string{id}, LogEventFilterPattern: aws.String("{")}, &types.InvalidParameterException{}},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, err := c.StartLiveTail(t.Context(), &x.in, noPrefix)
			var invalid *types.InvalidParameterException
			var missing *types.ResourceNotFoundException
			_, wantMissing := x.want.(*types.ResourceNotFoundException)
			if wantMissing && !errors.As(err, &missing) || !wantMissing && !errors.As(err, &invalid) {
				t.Errorf("error = %v, want %T", err, x.want)
			}
		})
	}
	if n := l.openTails(); n != 0 {
		t.Errorf("%d sessions are open", n)
	}
}

// sent keeps what a session sent.
type sent struct {
	updates []*types.LiveTailSessionUpdate
}

func (s *sent) Send(_ string, v any) error {
	if u, ok := v.(*types.LiveTailSessionUpdate); ok {
		s.updates = append(s.updates, u)
	}
	return nil
}

func TestLiveTailSamplesAndEnds(t *testing.T) {
	l, c := serve(t, "")
	fill(t, l, c, 1)
	synctest.Test(t, func(t *testing.T) {
		done := make(chan error)
		out := &sent{}
		began := time.Now()
		go func() {
			done <- l.startLiveTail(t.Context(), &cwl.StartLiveTailInput{LogGroupIdentifiers: []string{l.arn("/ecs/web")}}, out)
		}()
		synctest.Wait()
		for i := range 600 {
			if err := l.Append("/ecs/web", "app/app/0", Event{time.Now(), fmt.Sprint(i)}); err != nil {
				t.Error(err)
			}
		}
		var timeout *types.SessionTimeoutException
		if err := <-done; !errors.As(err, &timeout) {
			t.Errorf("the end: %v", err)
		}
		if d := time.Since(began); d != 3*time.Hour {
			t.Errorf("it ended after %v", d)
		}
		if u := out.updates[0]; len(u.SessionResults) != 500 || !u.SessionMetadata.Sampled {
			t.Errorf("%d events, sampled %v", len(u.SessionResults), u.SessionMetadata.Sampled)
		}
		if u := out.updates[1]; len(u.SessionResults) != 0 || u.SessionResults == nil || u.SessionMetadata.Sampled {
			t.Errorf("second update: %+v", u)
		}
		if n := len(out.updates); n < 3*60*60-1 {
			t.Errorf("%d updates in three hours", n)
		}
	})
}

func TestLiveTailSessionsAreLimited(t *testing.T) {
	l, c := serve(t, "")
	fill(t, l, c, 1)
	in := &cwl.StartLiveTailInput{LogGroupIdentifiers: []string{l.arn("/ecs/web")}}
	for range tailSessions {
		if _, err := l.openTail(in); err != nil {
			t.Fatal(err)
		}
	}
	_, err := c.StartLiveTail(t.Context(), in, noPrefix)
	var limit *types.LimitExceededException
	if !errors.As(err, &limit) {
		t.Errorf("one too many: %v", err)
	}
}
