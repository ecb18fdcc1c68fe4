package logs

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cwl "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/google/uuid"

	"workshop/internal/sandbox/wire"
)

// What a session of Live Tail may have (CloudWatch Logs API reference,
// StartLiveTail, and its quotas).
const (
	tailEvents   = 500     // an update; more are sampled
	tailBytes    = 1 << 20 // an update; the sandbox's own bound
	tailTime     = 3 * time.Hour
	tailSessions = 15
)

// tail is one session: what it wants, and what came since its last update.
// Logs.mu guards it.
type tail struct {
	groups   map[string]string // name -> the identifier that the client gave
	streams  []string
	prefixes []string
	matches  func(string) bool

	pending []types.LiveTailSessionLogEvent
	size    int
	sampled bool
}

// offer takes an event that is of the tail's concern.
func (t *tail) offer(group, stream string, e event, message string) {
	id, ok := t.groups[group]
	if !ok || len(t.streams) > 0 && !slices.Contains(t.streams, stream) ||
		len(t.prefixes) > 0 && !slices.ContainsFunc(t.prefixes, func(p string) bool { return strings.HasPrefix(stream, p) }) ||
		!t.matches(message) {
		return
	}
	if len(t.pending) == tailEvents || t.size+len(message) > tailBytes {
		t.sampled = true
		return
	}
	t.size += len(message)
	t.pending = append(t.pending, types.LiveTailSessionLogEvent{
		LogGroupIdentifier: aws.String(id), LogStreamName: aws.String(stream),
		Message: &message, Timestamp: aws.Int64(e.time), IngestionTime: aws.Int64(e.ingested()),
	})
}

// startLiveTail sends what is logged from now on, every second.
func (l *Logs) startLiveTail(ctx context.Context, in *cwl.StartLiveTailInput, out wire.Stream) error {
	t, err := l.openTail(in)
	if err != nil {
		return err
	}
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.tails, t)
	}()
	ctx, cancel := context.WithTimeoutCause(ctx, tailTime, &types.SessionTimeoutException{Message: aws.String("Your Live Tail session timed out after 3 hours.")})
	defer cancel()
	if err := out.Send("sessionStart", &types.LiveTailSessionStart{
		RequestId: aws.String(uuid.NewString()), SessionId: aws.String(uuid.NewString()), LogGroupIdentifiers: in.LogGroupIdentifiers,
		LogStreamNames: in.LogStreamNames, LogStreamNamePrefixes: in.LogStreamNamePrefixes, LogEventFilterPattern: in.LogEventFilterPattern,
	}); err != nil {
		return err
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		l.mu.Lock()
		events, sampled := t.pending, t.sampled
		t.pending, t.size, t.sampled = nil, 0, false
		l.mu.Unlock()
		if events == nil {
			events = []types.LiveTailSessionLogEvent{}
		}
		slices.SortStableFunc(events, func(a, b types.LiveTailSessionLogEvent) int {
			return cmp.Compare(aws.ToInt64(a.Timestamp), aws.ToInt64(b.Timestamp))
		})
		if err := out.Send("sessionUpdate", &types.LiveTailSessionUpdate{
			SessionMetadata: &types.LiveTailSessionMetadata{Sampled: sampled}, SessionResults: events,
		}); err != nil {
			return err
		}
	}
}

func (l *Logs) openTail(in *cwl.StartLiveTailInput) (*tail, error) {
	if len(in.LogStreamNames) > 0 && len(in.LogStreamNamePrefixes) > 0 {
		return nil, invalid("logStreamNames and logStreamNamePrefixes are mutually exclusive parameters.")
	}
	if len(in.LogStreamNames)+len(in.LogStreamNamePrefixes) > 0 && len(in.LogGroupIdentifiers) > 1 {
		return nil, invalid("Log streams can be named for one log group only.")
	}
	matches, err := ParsePattern(aws.ToString(in.LogEventFilterPattern))
	if err != nil {
		return nil, invalid("Invalid filter pattern: %v", err)
	}
	t := &tail{groups: map[string]string{}, streams: in.LogStreamNames, prefixes: in.LogStreamNamePrefixes, matches: matches}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range in.LogGroupIdentifiers {
		if strings.HasSuffix(id, "*") {
			return nil, invalid("The log group's ARN must not end with an asterisk: %s", id)
		}
		g, err := l.byARN(&id)
		if err != nil {
			return nil, err
		}
		for _, s := range in.LogStreamNames {
			if g.streams[s] == nil {
				return nil, errNoStream
			}
		}
		t.groups[g.meta.Name] = id
	}
	if len(l.tails) == tailSessions {
		return nil, &types.LimitExceededException{Message: aws.String("There are too many Live Tail sessions in this account.")}
	}
	l.tails[t] = struct{}{}
	return t, nil
}
