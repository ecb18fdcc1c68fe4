package fargate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"workshop/internal/diagnose"
)

// group is a log group whose events become visible some time after their own.
type group struct {
	fake
	events  []event
	perPage int
	missing bool
	empty   bool // every other page has no events
	served  int  // events that were read
	err     func() (int, any)
}

type event struct {
	id       int
	stream   string
	at       int64 // Unix milliseconds
	arrives  int64
	message  string
	filtered bool // the pattern does not match it
}

func newGroup() *group {
	g := &group{perPage: 7}
	g.answer = g.reply
	return g
}

func (g *group) reply(op string, in request) (int, any) {
	if g.err != nil {
		return g.err()
	}
	if op != "FilterLogEvents" {
		return 400, apiError("InvalidAction", op)
	}
	if g.missing {
		return 400, apiError("ResourceNotFoundException", "The specified log group does not exist.")
	}
	start := int64(0)
	if s, ok := in["startTime"].(float64); ok {
		start = int64(s)
	}
	end := int64(math.MaxInt64)
	if e, ok := in["endTime"].(float64); ok {
		end = int64(e)
	}
	_, pattern := in["filterPattern"]
	now := time.Now().UnixMilli()
	var visible []event
	for _, e := range g.events {
		if e.at >= start && e.at <= end && e.arrives <= now && (!pattern || !e.filtered) {
			visible = append(visible, e)
		}
	}
	slices.SortStableFunc(visible, func(a, b event) int { return int(a.at - b.at) })
	token, _ := in["nextToken"].(string)
	if g.empty && !strings.HasSuffix(token, "e") {
		return 200, map[string]any{"events": []any{}, "nextToken": token + "e"}
	}
	from, _ := strconv.Atoi(strings.TrimSuffix(token, "e"))
	to := min(from+g.perPage, len(visible))
	g.served += to - from
	out := []map[string]any{}
	for _, e := range visible[from:to] {
		out = append(out, map[string]any{
			"eventId": fmt.Sprintf("%056d", e.id), "logStreamName": e.stream, "timestamp": e.at,
			"ingestionTime": e.arrives, "message": e.message,
		})
	}
	answer := map[string]any{"events": out}
	if to < len(visible) {
		answer["nextToken"] = strconv.Itoa(to)
	}
	return 200, answer
}

func (g *group) add(stream, message string, delay time.Duration) {
	g.with(func() {
		now := time.Now()
		g.events = append(g.events, event{
			id: len(g.events), stream: stream, at: now.UnixMilli(), arrives: now.Add(delay).UnixMilli(), message: message,
		})
	})
}

func TestTailOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup()
		for i := range 20 {
			g.add("ecs/app/"+[]string{"aaa", "bbb"}[i%2], fmt.Sprintf("\x1b[31mline %d\x1b[0m\n", i), 0)
			time.Sleep(time.Second)
		}
		var got []string
		for line, err := range Tail(t.Context(), g.config(), TailOptions{Group: "g", Since: time.Now().Add(-15 * time.Second)}) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, line.Task+" "+line.Container+" "+line.Message)
		}
		// As it came: whoever shows it cleans it.
		if len(got) != 15 || got[0] != "bbb app \x1b[31mline 5\x1b[0m\n" || got[14] != "bbb app \x1b[31mline 19\x1b[0m\n" {
			t.Errorf("got %q", got)
		}
		got = nil
		for line, err := range Tail(t.Context(), g.config(), TailOptions{Group: "g", Task: "aa"}) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, line.Task)
		}
		if len(got) != 10 || slices.Contains(got, "bbb") {
			t.Errorf("got %q", got)
		}
		got = nil
		for line := range Tail(t.Context(), g.config(), TailOptions{Group: "g", Until: time.Now().Add(-10 * time.Second)}) {
			got = append(got, line.Message)
		}
		if len(got) != 10 || !strings.Contains(got[9], "line 9") {
			t.Errorf("until ten seconds ago: %q", got)
		}
		n := 0
		for range Tail(t.Context(), g.config(), TailOptions{Group: "g"}) {
			if n++; n == 3 {
				break
			}
		}
	})
}

// Every line comes, and comes once, though streams are late by different and
// growing delays, pages are small and the server fails now and then.
func TestTailLosesAndRepeatsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		g := newGroup()
		g.perPage = 50
		ctx, cancel := context.WithCancel(t.Context())
		got := map[string]int{}
		var order []Line
		done := make(chan struct{})
		go func() {
			defer close(done)
			for line, err := range Tail(ctx, g.config(), TailOptions{Group: "g", Follow: true}) {
				var passing *Retrying
				if errors.As(err, &passing) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				got[line.ID]++
				order = append(order, line)
			}
		}()
		for i := range 3000 {
			delay := time.Duration(random.IntN(5000)) * time.Millisecond
			if i > 1000 && i%97 == 0 {
				delay = 25 * time.Second // within the overlap that is always there
			}
			g.add("ecs/app/"+strconv.Itoa(i%4), "x", delay)
			if i%500 == 250 {
				g.with(func() { g.err = func() (int, any) { return 400, apiError("ThrottlingException", "Rate exceeded") } })
			}
			if i%500 == 300 {
				g.with(func() { g.err = nil })
			}
			time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond)
		}
		time.Sleep(2 * time.Minute)
		cancel()
		<-done
		if len(got) != 3000 {
			t.Errorf("%d of 3000 lines came", len(got))
		}
		for id, n := range got {
			if n != 1 {
				t.Errorf("%s came %d times", id, n)
			}
		}
		late := 0
		for i := 1; i < len(order); i++ {
			if order[i].Time.Before(order[i-1].Time) {
				late++
			}
		}
		if late > len(order)/3 {
			t.Errorf("%d lines are out of order", late)
		}
	})
}

func TestTailMeasuresTheDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup()
		ctx, cancel := context.WithCancel(t.Context())
		var got []string
		done := make(chan struct{})
		go func() {
			defer close(done)
			for line := range Tail(ctx, g.config(), TailOptions{Group: "g", Follow: true}) {
				got = append(got, line.Message)
			}
		}()
		g.add("s", "shows a delay of 40 s", 40*time.Second)
		time.Sleep(time.Minute)
		g.add("s", "70 s late", 70*time.Second)
		time.Sleep(40 * time.Second)
		g.add("s", "in time", 0)
		time.Sleep(40 * time.Second)
		cancel()
		<-done
		if want := []string{"shows a delay of 40 s", "in time", "70 s late"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// A line that comes minutes late is found within a minute or so, and none comes twice.
func TestTailFindsWhatComesVeryLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
		defer cancel()
		at := map[string]time.Time{}
		go func() {
			g.add("s", "4 min late", 4*time.Minute)
			g.add("s", "14 min late", 14*time.Minute)
			for i := range 100 {
				g.add("s", fmt.Sprint("line ", i), 0)
				time.Sleep(10 * time.Second)
			}
		}()
		began := time.Now()
		for line, err := range Tail(ctx, g.config(), TailOptions{Group: "g", Since: began.Add(-time.Hour), Follow: true}) {
			if err != nil {
				t.Fatal(err)
			}
			if _, twice := at[line.Message]; twice {
				t.Fatalf("%s comes twice", line.Message)
			}
			at[line.Message] = time.Now()
		}
		for message, delay := range map[string]time.Duration{"4 min late": 4 * time.Minute, "14 min late": 14 * time.Minute} {
			if d := at[message].Sub(began); d < delay || d > delay+lateEvery+10*time.Second {
				t.Errorf("%s came after %s", message, d)
			}
		}
	})
}

func TestTailBeforeTheGroupIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup()
		g.missing = true
		for _, err := range Tail(t.Context(), g.config(), TailOptions{Group: "/ecs/shop"}) {
			var passing *Retrying
			if !errors.Is(err, ErrNoLogGroup) || errors.As(err, &passing) || !strings.Contains(err.Error(), "/ecs/shop") {
				t.Errorf("got %v", err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		notices := 0
		time.AfterFunc(time.Minute, func() {
			g.with(func() { g.missing = false })
			g.add("s", "at last", 0)
		})
		for line, err := range Tail(ctx, g.config(), TailOptions{Group: "g", Follow: true}) {
			if errors.Is(err, ErrNoLogGroup) {
				notices++
				continue
			}
			if err != nil || line.Message != "at last" {
				t.Errorf("got %+v, %v", line, err)
			}
			break
		}
		if notices != 1 {
			t.Errorf("told %d times that it is not there yet", notices)
		}
	})
}

func TestTailStopsWhereNobodyCanHelp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup()
		g.err = func() (int, any) {
			return 400, apiError("AccessDeniedException", "User: x is not authorized to perform: logs:FilterLogEvents on resource: y")
		}
		n := 0
		for _, err := range Tail(t.Context(), g.config(), TailOptions{Group: "g", Follow: true}) {
			n++
			if !errors.Is(err, diagnose.ErrDenied) {
				t.Errorf("got %v", err)
			}
		}
		if n != 1 {
			t.Errorf("%d answers", n)
		}
	})
}

// One answer that did not arrive must not end a stream that somebody reads.
func TestTailGetsOverFaults(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   any
		ends   bool
	}{
		"fault of the server":       {500, apiError("InternalFailure", "x"), false},
		"a proxy that has no words": {502, nil, false},
		"throttling":                {400, apiError("ThrottlingException", "Rate exceeded"), false},
		"wrong pattern":             {400, apiError("InvalidParameterException", "Invalid filter pattern"), true},
		"expired":                   {400, apiError("ExpiredTokenException", "The security token included in the request is expired"), true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGroup()
				g.err = func() (int, any) { return c.status, c.body }
				time.AfterFunc(10*time.Second, func() { g.with(func() { g.err = nil }) })
				time.AfterFunc(20*time.Second, func() { g.add("s", "afterwards", 0) })
				ends := true
				for line, err := range Tail(t.Context(), g.config(), TailOptions{Group: "g", Follow: true}) {
					if err == nil && line.Message == "afterwards" {
						ends = false
						break
					}
				}
				if ends != c.ends {
					t.Errorf("it ended: %v", ends)
				}
			})
		})
	}
}

// What only a person can end does not end a stream either: one that somebody looks at,
// and one that has had an answer before.
func TestTailNeverGivesUp(t *testing.T) {
	for name, c := range map[string]struct{ patient, answered bool }{"patient": {patient: true}, "after an answer": {answered: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGroup()
				expired := func() (int, any) {
					return 400, apiError("ExpiredTokenException", "The security token included in the request is expired")
				}
				if !c.answered {
					g.err = expired
				}
				time.AfterFunc(5*time.Second, func() { g.with(func() { g.err = expired }) })
				time.AfterFunc(2*time.Minute, func() { g.with(func() { g.err = nil }) })
				time.AfterFunc(3*time.Minute, func() { g.add("s", "afterwards", 0) })
				var states []Stream
				for line, err := range Tail(t.Context(), g.config(), TailOptions{Group: "g", Follow: true, Patient: c.patient, Report: func(s Stream) { states = append(states, s) }}) {
					if err == nil && line.Message == "afterwards" {
						break
					}
				}
				failed := 0
				for i, s := range states {
					if s.Err == nil {
						if s.AsOf.IsZero() || time.Since(s.AsOf) < 0 {
							t.Errorf("state %d: an answer as of %s", i, s.AsOf)
						}
						continue
					}
					if failed++; !errors.Is(s.Err, diagnose.ErrExpired) || !s.Again.After(s.AsOf) {
						t.Errorf("state %d: %+v", i, s)
					}
				}
				if failed < 3 || failed > 40 || states[len(states)-1].Err != nil {
					t.Errorf("%d of %d states are failures; the last is %+v", failed, len(states), states[len(states)-1])
				}
			})
		})
	}
}

// While nobody reads, nothing is asked; what came meanwhile follows at once.
func TestTailHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup()
		var away atomic.Bool
		wake, meter := make(chan struct{}, 1), &Meter{}
		g.add("s", "first", 0)
		go func() {
			time.Sleep(30 * time.Second)
			away.Store(true)
			time.Sleep(2 * time.Minute)
			g.add("s", "meanwhile", 0)
			if n := meter.LastMinute(); n > 0 {
				t.Errorf("%d requests in a minute in which nobody reads", n)
			}
			away.Store(false)
			wake <- struct{}{}
		}()
		began := time.Now()
		for line, err := range Tail(t.Context(), g.config(), TailOptions{Group: "g", Follow: true, Hold: away.Load, Wake: wake, Meter: meter}) {
			if err != nil {
				t.Fatal(err)
			}
			if line.Message == "meanwhile" {
				break
			}
		}
		if d := time.Since(began) - 150*time.Second; d < 0 || d > time.Second {
			t.Errorf("it came %s after somebody read again", d)
		}
	})
}

// An idle stream asks seldom, and our own questions to the service keep it idle.
func TestTailIsCheapWhenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, meter := newGroup(), &Meter{}
		g.perPage = 1000
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		go func() {
			for range 50 {
				time.Sleep(5 * time.Second)
				g.add("s", `{"user-agent":"`+ProbeAgent+`"}`, 0)
			}
		}()
		for range Tail(ctx, g.config(), TailOptions{Group: "g", Follow: true, Meter: meter}) {
		}
		if n := meter.LastMinute(); n < 5 || n > 11 {
			t.Errorf("%d requests a minute", n)
		}
	})
}

func TestTailMemoryIsBounded(t *testing.T) {
	tl := &tail{opts: TailOptions{Follow: true}, seen: map[uint64]int64{}}
	for i := range uint64(3 * seenMost) {
		tl.seen[i] = int64(i) / 100 // 100,000 lines a second
		tl.newest = int64(i) / 100
		if i%10_000 == 0 {
			tl.slide()
		}
	}
	tl.slide()
	if len(tl.seen) > seenMost {
		t.Errorf("%d ids held", len(tl.seen))
	}
}

func TestSourceOf(t *testing.T) {
	for stream, want := range map[string]source{
		"ecs/app/0f9de17a6465404e8b1b2356dc13c2f8": {"0f9de17a6465404e8b1b2356dc13c2f8", "app"},
		"a/b/c/d":              {"d", "c"},
		"other":                {task: "other"},
		"x/y":                  {task: "x/y"},
		"a/b/":                 {task: "a/b/"},
		"a/\x1b[31mb/\x1b[2Jc": {"c", "b"},
		"":                     {},
	} {
		if got := sourceOf(stream); got != want {
			t.Errorf("sourceOf(%q) is %+v, want %+v", stream, got, want)
		}
	}
}

func FuzzSourceOf(f *testing.F) {
	f.Add("ecs/app/0f9d")
	f.Fuzz(func(t *testing.T, stream string) {
		if got := sourceOf(stream); strings.ContainsAny(got.task+got.container, "\x1b\n\x07") {
			t.Errorf("%+v", got)
		}
	})
}

// Late lines of a busy group come too, and none is repeated, while most polls read little.
func TestTailOfABusyGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(5, 6))
		g := newGroup()
		g.perPage = 10_000
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		const rate, seconds = 400, 90
		go func() {
			for i := range rate * seconds {
				delay := time.Duration(random.IntN(200)) * time.Millisecond
				if i%1_000 == 7 {
					delay = 25 * time.Second
				}
				g.add("ecs/app/"+strconv.Itoa(i%4), "x", delay)
				time.Sleep(time.Second / rate)
			}
		}()
		got := map[string]int{}
		for line, err := range Tail(ctx, g.config(), TailOptions{Group: "g", Follow: true}) {
			if err != nil {
				t.Fatal(err)
			}
			got[line.ID]++
		}
		for id, n := range got {
			if n != 1 {
				t.Errorf("%s came %d times", id, n)
			}
		}
		if len(got) != rate*seconds {
			t.Errorf("%d of %d lines came", len(got), rate*seconds)
		}
		if g.served > 18*rate*seconds { // with all of the overlap in each poll it is three times that
			t.Errorf("%d events were read for %d lines", g.served, len(got))
		}
	})
}

// A group with as many streams as there may be, pages without events, events without a
// text and clocks that go wrong lose no line and repeat none.
func TestTailOfOddGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup()
		g.perPage, g.empty = 1_000, true
		for i := range 10_000 {
			g.add(fmt.Sprintf("ecs/c%d/%032x", i%10, i), []string{"x", "", "\ufffd\xff", strings.Repeat("y", 1_000)}[i%4], 0)
		}
		g.events[4_000].at -= (50 * time.Minute).Milliseconds() // an hour has 10,000 of them
		g.events[4_001].at += (90 * time.Minute).Milliseconds()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		time.AfterFunc(time.Minute, func() { g.add("ecs/c0/new", "after one from the future", 0) })
		tasks, seen := map[string]bool{}, map[string]bool{}
		for line, err := range Tail(ctx, g.config(), TailOptions{Group: "g", Since: time.Now().Add(-time.Hour), Follow: true}) {
			if err != nil {
				t.Fatal(err)
			}
			if seen[line.ID] {
				t.Fatalf("%s comes twice", line.ID)
			}
			seen[line.ID] = true
			tasks[line.Task] = true
		}
		if len(seen) != 10_001 || len(tasks) != 10_001 {
			t.Errorf("%d lines of %d tasks", len(seen), len(tasks))
		}
	})
}
