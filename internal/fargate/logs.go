package fargate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"workshop/internal/clean"
	"workshop/internal/diagnose"
)

// ErrNoLogGroup says that the log group does not exist. While following it
// means "not yet".
var ErrNoLogGroup = errors.New("the log group does not exist")

// Retrying is an error that Tail gets over by itself: it is yielded so that
// someone can say so, and lines follow when the cause has gone.
type Retrying struct {
	After time.Duration // until the next attempt
	Err   error
}

func (e *Retrying) Error() string {
	return fmt.Sprintf("%v; trying again in %s", e.Err, e.After.Round(time.Second))
}

func (e *Retrying) Unwrap() error { return e.Err }

// TailOptions say which lines Tail reads.
type TailOptions struct {
	Group string
	// Since is the time of the earliest line; the zero value is the group's beginning.
	Since time.Time
	// Until is the time before which the last line is, where Follow is off; the zero
	// value is none.
	Until time.Time
	// Follow goes on for new lines until the context ends.
	Follow bool
	// Filter is a CloudWatch filter pattern, matched by the server; empty for all.
	Filter string
	// Task is the beginning of a task's id; empty for all tasks.
	Task string
	// Container is the name of a container; empty for all.
	Container string
	// Interval is the least time between two polls while following; 0 is a second.
	// While nothing comes it grows to six times that.
	Interval time.Duration
	// Patient, while following, has every error be a *Retrying, also those that nothing
	// but a person ends. Without it such an error ends the sequence where it is the
	// first answer.
	Patient bool
	// Report is called after each poll, if it is not nil, by the goroutine that
	// receives the lines.
	Report func(Stream)
	// Wake makes the next poll come at once; nil for never.
	Wake <-chan struct{}
	// Hold reports that nobody wants lines now: there is no poll until Wake. Nil is
	// false. Lines that come meanwhile are read afterwards.
	Hold func() bool
	// Meter counts the requests; it may be nil.
	Meter *Meter
}

// Stream is how a stream of lines is doing.
type Stream struct {
	AsOf  time.Time // of the last answer; zero before the first
	Err   error     // of the last poll
	Again time.Time // of the next one, where Err is not nil
}

const (
	// CloudWatch shows an event some seconds after its time, streams differing:
	// each poll reads again what may have had such a late neighbour. The overlap
	// follows the delay that was seen.
	overlapLeast = 30 * time.Second
	overlapMost  = 5 * time.Minute
	// Where the overlap has more than denseLines, most polls read again only twice the
	// usual delay, denseOverlap at least, and one every denseEvery all of it and of the
	// time since: at 2,000 lines a second it has ten pages, which is more than the quota
	// of calls.
	denseLines   = 2_000
	denseOverlap = 500 * time.Millisecond
	denseEvery   = 30 * time.Second
	// lateMost is how late a line may come to be found while following: every lateEvery the
	// window reaches back so far, while that has at most lateLines. It costs no call
	// more, or one or two: a page has up to 10,000 lines or 1 MB.
	lateMost  = 15 * time.Minute
	lateEvery = time.Minute
	lateLines = 5_000
	// seenMost bounds the memory of lines already given out; reached only by more
	// than 6,000 lines a second.
	seenMost = 200_000
)

// Tail yields the lines of all streams of a log group, each once. Lines that
// CloudWatch has when it is asked come in the order of their times; one that
// reaches CloudWatch later comes late, with its own time: at once as long as its
// delay stays below the overlap (30 s, or twice the longest delay seen, up to
// 5 min), within half a minute where that has more than 2,000 lines, and within a minute up to a delay of 15 min, where no more than 5,000
// lines came in that time. One that comes later still is not followed; it is there
// when the lines are read anew.
//
// An error ends the sequence unless it is a *Retrying. A missing group is
// ErrNoLogGroup. When ctx ends the sequence ends without an error. The sequence
// may be used once.
//
// It polls FilterLogEvents; see the CloudWatch Logs API Reference for what a
// page holds. The quota is 5 calls a second for an account.
func Tail(ctx context.Context, cfg aws.Config, opts TailOptions) iter.Seq2[Line, error] {
	if opts.Meter == nil {
		opts.Meter = &Meter{}
	}
	t := &tail{
		client:  cloudwatchlogs.NewFromConfig(opts.Meter.counting(cfg)),
		opts:    opts,
		hash:    maphash.MakeSeed(),
		seen:    map[uint64]int64{},
		sources: map[string]source{},
	}
	if !opts.Since.IsZero() {
		t.start = opts.Since.UnixMilli()
		t.known = t.start
	}
	if t.opts.Interval <= 0 {
		t.opts.Interval = time.Second
	}
	return func(yield func(Line, error) bool) { t.run(ctx, yield) }
}

// tail is the state of one Tail. Times are CloudWatch's: Unix milliseconds.
type tail struct {
	client  *cloudwatchlogs.Client
	opts    TailOptions
	start   int64     // of the window that the next poll reads
	known   int64     // every line given out from this time on is in seen
	looked  time.Time // when the lines from known on were last read again
	whole   time.Time // when the overlap was last read again as a whole
	dense   bool      // it had many lines then
	newest  int64     // time of the newest event
	lag     int64     // longest delay seen between an event and its arrival
	lags    []int64   // delays of this poll's events
	usual   int64     // delay below which nearly all events of a poll lately were
	hash    maphash.Seed
	seen    map[uint64]int64  // hashed event ids of the window, with their times
	sources map[string]source // by stream name, so that lines share their texts
	asOf    time.Time         // of the last answer
}

func (t *tail) run(ctx context.Context, yield func(Line, error) bool) {
	wait, failures := t.opts.Interval, 0
	for {
		for t.opts.Hold != nil && t.opts.Hold() {
			select {
			case <-ctx.Done():
				return
			case <-t.opts.Wake:
			}
		}
		n, stopped, err := t.poll(ctx, yield)
		if stopped || ctx.Err() != nil {
			return
		}
		switch {
		case err == nil:
			failures, t.asOf = 0, time.Now()
			if n > 0 {
				wait = t.opts.Interval
			} else {
				wait = min(wait+t.opts.Interval/2, 6*t.opts.Interval)
			}
			t.report(nil, 0)
		case t.opts.Follow && (t.opts.Patient || !t.asOf.IsZero() || passing(err)):
			failures++
			pause := backOff(err, failures)
			if errors.Is(err, ErrNoLogGroup) {
				pause = 2 * t.opts.Interval
			}
			t.report(err, pause)
			// Once is enough for "not yet".
			if !errors.Is(err, ErrNoLogGroup) || failures == 1 {
				if !yield(Line{}, &Retrying{After: pause, Err: err}) {
					return
				}
			}
			wait = pause
		default:
			yield(Line{}, err)
			return
		}
		if !t.opts.Follow {
			return
		}
		if err == nil {
			t.slide()
		}
		timer := time.NewTimer(wait + rand.N(wait/10+1))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-t.opts.Wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

func (t *tail) report(err error, pause time.Duration) {
	if t.opts.Report == nil {
		return
	}
	s := Stream{AsOf: t.asOf, Err: err}
	if err != nil {
		s.Again = time.Now().Add(pause)
	}
	t.opts.Report(s)
}

// passing reports errors that may go away without anybody doing anything: what
// AWS refuses stays refused, what did not get through or met a fault of the server
// may get through the next time.
func passing(err error) bool {
	for _, kind := range []error{diagnose.ErrNoCredentials, diagnose.ErrExpired, diagnose.ErrDenied} {
		if errors.Is(err, kind) {
			return false
		}
	}
	if errors.Is(err, ErrNoLogGroup) || errors.Is(err, diagnose.ErrThrottled) || errors.Is(err, diagnose.ErrUnreachable) {
		return true
	}
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) && answer.Response != nil && answer.Response.Response != nil {
		return answer.HTTPStatusCode() >= http.StatusInternalServerError
	}
	var refused smithy.APIError
	return !errors.As(err, &refused)
}

// poll reads the window to its end and gives out what is new. Stopped means
// that the receiver wants no more.
func (t *tail) poll(ctx context.Context, yield func(Line, error) bool) (n int, stopped bool, err error) {
	in := &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &t.opts.Group}
	start, whole, read := t.start, true, 0
	switch {
	case t.opts.Follow && time.Since(t.looked) >= lateEvery:
		t.looked, start = time.Now(), t.known
	case t.dense && time.Since(t.whole) < denseEvery:
		start, whole = max(start, t.newest-max(denseOverlap.Milliseconds(), 2*t.usual)), false
	}
	if whole {
		t.whole = time.Now()
		defer func() { t.dense = read > denseLines }()
	}
	if start > 0 {
		in.StartTime = &start
	}
	if !t.opts.Follow && !t.opts.Until.IsZero() {
		in.EndTime = aws.Int64(t.opts.Until.UnixMilli() - 1) // which FilterLogEvents takes in
	}
	if t.opts.Filter != "" {
		in.FilterPattern = &t.opts.Filter
	}
	for {
		page, err := t.page(ctx, in)
		if err != nil {
			return n, false, err
		}
		// CloudWatch sorts by time already; an emulation may not.
		slices.SortStableFunc(page.Events, func(a, b types.FilteredLogEvent) int {
			return cmp.Compare(aws.ToInt64(a.Timestamp), aws.ToInt64(b.Timestamp))
		})
		read += len(page.Events)
		for i := range page.Events {
			line, ok := t.line(&page.Events[i])
			if !ok {
				continue
			}
			if !strings.Contains(line.Message, ProbeAgent) { // our own questions are no life
				n++
			}
			if !yield(line, nil) {
				return n, true, nil
			}
		}
		if next := aws.ToString(page.NextToken); next == "" || next == aws.ToString(in.NextToken) {
			return n, false, nil
		}
		in.NextToken = page.NextToken
	}
}

func (t *tail) page(ctx context.Context, in *cloudwatchlogs.FilterLogEventsInput) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	page, err := t.client.FilterLogEvents(ctx, in)
	var missing *types.ResourceNotFoundException
	if errors.As(err, &missing) {
		return nil, fmt.Errorf("%w (yet, or any more): %s", ErrNoLogGroup, t.opts.Group)
	}
	return page, diagnose.Explain("read the logs in "+t.opts.Group, err)
}

// line is the event as a line; it is false for one that was given out already
// or is not asked for.
func (t *tail) line(e *types.FilteredLogEvent) (Line, bool) {
	at := aws.ToInt64(e.Timestamp)
	if t.opts.Follow {
		key := maphash.String(t.hash, aws.ToString(e.EventId))
		if _, again := t.seen[key]; again {
			return Line{}, false
		}
		t.seen[key] = at
		arrived := aws.ToInt64(e.IngestionTime)
		if arrived > at {
			t.lag = max(t.lag, arrived-at)
			t.lags = append(t.lags, arrived-at)
		}
		// An event may lie up to two hours ahead; the window must not follow it there.
		if arrived == 0 || arrived > at {
			arrived = at
		}
		t.newest = max(t.newest, arrived)
	}
	stream := aws.ToString(e.LogStreamName)
	from, ok := t.sources[stream]
	if !ok {
		from = sourceOf(strings.Clone(stream))
		t.sources[strings.Clone(stream)] = from
	}
	if !strings.HasPrefix(from.task, t.opts.Task) || t.opts.Container != "" && from.container != t.opts.Container {
		return Line{}, false
	}
	return Line{
		Time:      time.UnixMilli(at).UTC(),
		Task:      from.task,
		Container: from.container,
		Message:   aws.ToString(e.Message),
		ID:        aws.ToString(e.EventId),
	}, true
}

// slide moves the window on to where late events may still appear, and forgets
// what lies before the time from which they are looked for.
func (t *tail) slide() {
	overlap := min(max(overlapLeast.Milliseconds(), 2*t.lag), overlapMost.Milliseconds())
	if t.dense {
		overlap += denseEvery.Milliseconds()
	}
	t.usual = t.usual * 3 / 4
	if n := len(t.lags); n > 0 {
		slices.Sort(t.lags)
		t.usual, t.lags = max(t.usual, t.lags[n*95/100]), t.lags[:0]
	}
	start := max(t.start, t.newest-overlap)
	known := max(t.known, t.newest-lateMost.Milliseconds())
	if len(t.seen) > lateLines {
		known = start
	}
	if len(t.seen) > seenMost {
		// Never to repeat a line goes before never to miss a very late one.
		times := make([]int64, 0, len(t.seen))
		for _, at := range t.seen {
			times = append(times, at)
		}
		slices.Sort(times)
		known = max(known, times[len(times)-seenMost/2])
	}
	t.start = max(start, known)
	if known == t.known {
		return
	}
	t.known = known
	for key, at := range t.seen {
		if at < known {
			delete(t.seen, key)
		}
	}
}

// source is what a stream's name says of its lines.
type source struct{ task, container string }

// sourceOf reads the name that the awslogs driver gives a stream:
// prefix/container/task-id. Any other name is kept whole, as the task.
func sourceOf(stream string) source {
	if rest, id, ok := cutLast(stream, "/"); ok && id != "" {
		if _, container, ok := cutLast(rest, "/"); ok {
			return source{clean.Line(id), clean.Line(container)}
		}
	}
	return source{task: clean.Line(stream)}
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
