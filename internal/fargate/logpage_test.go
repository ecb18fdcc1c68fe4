package fargate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// pastGroup is a log group of events that have come, read in small pages.
type pastGroup struct {
	fake
	events     []event // in the order of their times
	began      int64   // Unix milliseconds
	perPage    int
	containers []string
	missing    bool
	asked      int
}

func newPastGroup() *pastGroup {
	g := &pastGroup{perPage: 9}
	g.answer = g.reply
	return g
}

func (g *pastGroup) reply(op string, in request) (int, any) {
	if g.asked++; g.missing && op != "DescribeTaskDefinition" && op != "DescribeLogGroups" {
		return 400, apiError("ResourceNotFoundException", "The specified log group does not exist.")
	}
	number := func(name string, without int64) int64 {
		if n, ok := in[name].(float64); ok {
			return int64(n)
		}
		return without
	}
	start, end := number("startTime", 0), number("endTime", 1<<60)
	all := []map[string]any{}
	add := func(e event) {
		all = append(all, map[string]any{"eventId": strconv.Itoa(e.id), "logStreamName": e.stream, "timestamp": e.at, "message": e.message})
	}
	switch op {
	case "DescribeLogGroups":
		var groups []any
		if !g.missing {
			groups = append(groups, map[string]any{"logGroupName": "g", "creationTime": g.began})
		}
		return 200, map[string]any{"logGroups": append(groups, map[string]any{"logGroupName": "gg", "creationTime": 1})}
	case "DescribeTaskDefinition":
		var list []any
		for _, name := range g.containers {
			list = append(list, map[string]any{"name": name, "logConfiguration": map[string]any{"logDriver": "awslogs", "options": map[string]any{"awslogs-group": "g", "awslogs-stream-prefix": "ecs"}}})
		}
		return 200, map[string]any{"taskDefinition": map[string]any{"containerDefinitions": list}}
	case "FilterLogEvents":
		for _, e := range g.events {
			if e.at >= start && e.at <= end {
				add(e)
			}
		}
		from, _ := strconv.Atoi(fmt.Sprint(in["nextToken"]))
		to := min(from+g.perPage, len(all))
		out := map[string]any{"events": all[from:to]}
		if to < len(all) {
			out["nextToken"] = strconv.Itoa(to)
		}
		return 200, out
	case "GetLogEvents":
		there := false
		for _, e := range g.events {
			if there = there || e.stream == in["logStreamName"]; e.stream == in["logStreamName"] && e.at >= start && e.at < end {
				add(e)
			}
		}
		if !there {
			return 400, apiError("ResourceNotFoundException", "The specified log stream does not exist.")
		}
		// A token is how many events were passed from the side that is read.
		passed, size := 0, min(g.perPage, int(number("limit", 0)))
		if token, ok := in["nextToken"].(string); ok {
			passed, _ = strconv.Atoi(token[1:])
		}
		n := min(size, len(all)-passed)
		page := all[passed : passed+n]
		if in["startFromHead"] != true {
			page = all[len(all)-passed-n : len(all)-passed]
		}
		token := strconv.Itoa(passed + n)
		return 200, map[string]any{"events": page, "nextForwardToken": "f" + token, "nextBackwardToken": "b" + token}
	}
	return 400, apiError("InvalidAction", op)
}

// fill adds events of a task's containers and of others, in clusters of all densities,
// many of which share a millisecond and some their text.
func (g *pastGroup) fill(n int) {
	random := rand.New(rand.NewPCG(3, 4))
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	g.began = at.Add(time.Hour).UnixMilli() // some events are older
	for i := range n {
		switch random.IntN(40) {
		case 0:
			at = at.Add(time.Duration(random.IntN(10)) * time.Hour)
		case 1, 2, 3:
			at = at.Add(time.Duration(random.IntN(90)) * time.Second)
		default:
			at = at.Add(time.Duration(random.IntN(2)) * time.Millisecond)
		}
		stream := "ecs/" + g.containers[random.IntN(len(g.containers))] + "/" + []string{"aaaa", "bbbb"}[random.IntN(2)]
		g.events = append(g.events, event{id: i, stream: stream, at: at.UnixMilli(), message: fmt.Sprint("line ", i/2)})
	}
}

// Page by page, in either direction, every line comes and comes once.
func TestLogPages(t *testing.T) {
	for _, task := range []*Task{nil, {ID: "aaaa", Revision: "app:1"}} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("task %v after %v", task != nil, after), func(t *testing.T) {
				g := newPastGroup()
				g.containers = []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "silent"}
				g.fill(2_000)
				var want []string
				for _, e := range g.events {
					if task == nil || strings.HasSuffix(e.stream, task.ID) {
						want = append(want, fmt.Sprint(e.at, e.stream, e.message))
					}
				}
				at := time.UnixMilli(g.events[0].at)
				if !after {
					at = time.UnixMilli(g.events[len(g.events)-1].at)
				}
				c := NewClients(g.config())
				var all []Line
				for pages := 0; ; pages++ {
					p, err := c.LogPage(t.Context(), LogPageOptions{Group: "g", At: at, After: after, Task: task, Lines: 60})
					if err != nil || pages > 200 {
						t.Fatalf("page %d: %v", pages, err)
					}
					if after {
						// Join drops what is at the end of the older part.
						all = append(Join(all, p.Lines), p.Lines...)
						at = all[len(all)-1].Time
					} else {
						all = append(Join(p.Lines, all), all...)
						at = all[0].Time
					}
					if p.End {
						break
					}
				}
				var got []string
				for _, l := range all {
					got = append(got, fmt.Sprint(l.Time.UnixMilli(), "ecs/"+l.Container+"/"+l.Task, l.Message))
				}
				slices.Sort(got) // within a millisecond the streams have no order
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Errorf("%d lines came, there are %d", len(got), len(want))
				}
				if !slices.IsSortedFunc(all, func(a, b Line) int { return a.Time.Compare(b.Time) }) {
					t.Error("they are not in the order of their times")
				}
			})
		}
	}
}

// A quiet group costs few calls however old it is, and one that is not there has no lines.
func TestLogPageOfNothing(t *testing.T) {
	g := newPastGroup()
	g.containers = []string{"app"}
	now := time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)
	g.began = now.AddDate(-2, 0, 0).UnixMilli()
	for name, o := range map[string]LogPageOptions{
		"empty": {Group: "g", At: now}, "empty, forward": {Group: "g", At: now, After: true},
		"no such group": {Group: "nope", At: now}, "a task without streams": {Group: "g", At: now, Task: &Task{ID: "x", Revision: "app:1"}},
	} {
		g.asked = 0
		p, err := NewClients(g.config()).LogPage(t.Context(), o)
		if err != nil || !p.End || len(p.Lines) > 0 || g.asked > 14 {
			t.Errorf("%s: %+v, %v after %d calls", name, p, err, g.asked)
		}
	}
	g.missing = true
	if p, err := NewClients(g.config()).LogPage(t.Context(), LogPageOptions{Group: "g", At: now, After: true}); err != nil || !p.End {
		t.Errorf("a group that is deleted: %+v, %v", p, err)
	}
}

func TestLogPageRefused(t *testing.T) {
	g := newPastGroup()
	g.answer = func(string, request) (int, any) {
		return 400, apiError("AccessDeniedException", "User: x is not authorized to perform: logs:DescribeLogGroups")
	}
	if _, err := NewClients(g.config()).LogPage(t.Context(), LogPageOptions{Group: "g", At: time.Now()}); err == nil || !strings.Contains(err.Error(), "read the logs in g") {
		t.Errorf("got %v", err)
	}
}
