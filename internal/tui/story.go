package tui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"workshop/internal/clean"
	"workshop/internal/stack"
)

// story tells an apply or a destroy while it goes on: what each resource does,
// for how long, and what it waits for.
type story struct {
	*shared
	destroy bool
	began   time.Time
	ended   time.Time
	parts   []*part
	at      map[string]*part
	done    int
	failed  int
}

type partState int

const (
	partWaits partState = iota
	partWorks
	partDone
	partFailed
)

type part struct {
	stack.Change
	state partState
	began time.Time
	took  time.Duration
	order int // of ending
}

func newStory(s *shared, p *stack.Plan) *story {
	st := &story{shared: s, destroy: p.Destroy, began: s.now(), at: map[string]*part{}}
	for _, c := range p.Changes {
		if c.Action == stack.ActionNone || c.Action == stack.ActionRead {
			continue
		}
		x := &part{Change: c}
		st.parts = append(st.parts, x)
		st.at[c.Address] = x
	}
	return st
}

func (s *story) hear(e stack.Event) {
	x, ok := s.at[e.Resource]
	if !ok {
		return
	}
	switch e.Type {
	case stack.EventStarted:
		if x.state == partWaits {
			x.state, x.began = partWorks, s.now()
		}
	case stack.EventProgress:
		if x.state == partWaits {
			x.state, x.began = partWorks, s.now().Add(-e.Elapsed)
		}
	case stack.EventDone, stack.EventFailed:
		// A replaced resource ends twice: first its delete, then its create.
		if x.Action == stack.ActionReplace && e.Action == stack.ActionDelete && e.Type == stack.EventDone {
			return
		}
		if x.state == partDone || x.state == partFailed {
			return
		}
		x.took = e.Elapsed
		s.done++
		x.order = s.done
		x.state = partDone
		if e.Type == stack.EventFailed {
			x.state = partFailed
			s.failed++
		}
	}
}

func (s *story) end() { s.ended = s.now() }

func (s *story) elapsed() time.Duration {
	if s.ended.IsZero() {
		return s.now().Sub(s.began)
	}
	return s.ended.Sub(s.began)
}

// usual is how long AWS takes for what takes long, in seconds: to create, to delete.
var usual = map[string][2]int{
	"aws_lb":                            {60, 15},
	"aws_ecs_service":                   {20, 30},
	"aws_nat_gateway":                   {105, 60},
	"aws_ecs_cluster":                   {10, 10},
	"aws_internet_gateway":              {1, 10},
	"aws_vpc":                           {12, 1},
	"aws_subnet":                        {11, 1},
	"aws_lb_target_group":               {1, 1},
	"aws_security_group":                {3, 2},
	"aws_ecs_cluster_capacity_provider": {10, 10},
}

var why = map[string][2]string{
	"aws_lb":          {"AWS is preparing addresses in two zones", "AWS is taking its addresses back"},
	"aws_ecs_service": {"Fargate is starting the tasks", "the tasks are told to finish, then stopped"},
	"aws_nat_gateway": {"AWS is placing a gateway", "AWS is taking the gateway away"},
	"aws_ecs_cluster": {"ECS is making room for the service", "ECS is closing the cluster"},
}

func (s *story) usual(x *part) time.Duration {
	i := 0
	if s.destroy || x.Action == stack.ActionDelete {
		i = 1
	}
	if u, ok := usual[x.Type]; ok {
		return time.Duration(u[i]) * time.Second
	}
	return time.Second
}

// weight gives the whole and the finished share of the work, in expected time.
func (s *story) weight() (whole, done time.Duration) {
	for _, x := range s.parts {
		u := s.usual(x)
		whole += u
		switch x.state {
		case partDone, partFailed:
			done += u
		case partWorks:
			done += min(s.now().Sub(x.began), u*9/10)
		}
	}
	return whole, done
}

// left estimates the time to go: the longest chain of what is not done yet.
func (s *story) left() time.Duration {
	memo := map[string]time.Duration{}
	byName := map[string][]*part{}
	for _, x := range s.parts {
		byName[base(x.Address)] = append(byName[base(x.Address)], x)
	}
	var chain func(x *part, depth int) time.Duration
	chain = func(x *part, depth int) time.Duration {
		if d, ok := memo[x.Address]; ok || depth > len(s.parts) {
			return d
		}
		var own, needs time.Duration
		switch x.state {
		case partWaits:
			own = s.usual(x)
			for _, n := range x.Needs {
				for _, y := range byName[base(n)] {
					if y != x {
						needs = max(needs, chain(y, depth+1))
					}
				}
			}
		case partWorks:
			own = max(s.usual(x)-s.now().Sub(x.began), 2*time.Second)
		}
		memo[x.Address] = own + needs
		return own + needs
	}
	var most time.Duration
	for _, x := range s.parts {
		most = max(most, chain(x, 0))
	}
	return most
}

func base(address string) string {
	if i := strings.IndexByte(address, '['); i >= 0 {
		return address[:i]
	}
	return address
}

// waitsFor names the first thing that keeps x waiting.
func (s *story) waitsFor(x *part) string {
	for _, n := range x.Needs {
		for _, y := range s.parts {
			if base(y.Address) == base(n) && y != x && y.state != partDone {
				return y.name()
			}
		}
	}
	return ""
}

func (x *part) name() string {
	if x.Title == "" {
		return clean.Line(x.Address)
	}
	return clean.Line(x.Title)
}

// head is the line of totals with the bar.
func (s *story) head(w int) string {
	t := s.theme
	doing := "Applying"
	if s.destroy {
		doing = "Deleting"
	}
	whole, done := s.weight()
	share := 0.0
	if whole > 0 {
		share = float64(done) / float64(whole)
	}
	if s.done == len(s.parts) {
		share = 1
	}
	left := fmt.Sprintf(" %s   %s of %d   ", t.Strong.Render(doing), t.Strong.Render(fmt.Sprint(s.done-s.failed)), len(s.parts))
	right := fmt.Sprintf("  %3.0f%%   %s", share*100, watch(s.elapsed()))
	if s.ended.IsZero() && s.done < len(s.parts) {
		if d := s.left(); d > 3*time.Second {
			right += t.Dim.Render(", about " + roughly(d) + " to go")
		} else {
			right += t.Dim.Render(", nearly done")
		}
	}
	st := t.Accent
	if s.failed > 0 {
		st = t.Bad
	}
	room := w - width(left) - width(right) - 2
	return left + bar(share, min(room, 60), st, t) + right
}

// roughly rounds to what an estimate deserves.
func roughly(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%d s", int((d+4*time.Second)/(5*time.Second))*5)
	}
	m := int((d + 29*time.Second) / time.Minute)
	return fmt.Sprintf("%d min", m)
}

// view lists the resources: what works is always in sight, what is done gives
// way first.
func (s *story) view(w, h int) []string {
	var done, works, waits []*part
	for _, x := range s.parts {
		switch x.state {
		case partDone:
			done = append(done, x)
		case partWaits:
			waits = append(waits, x)
		default:
			works = append(works, x)
		}
	}
	sortParts(done, func(a, b *part) bool { return a.order < b.order })
	sortParts(works, func(a, b *part) bool { return a.began.Before(b.began) })

	if len(works) > h-2 {
		works = works[:max(0, h-2)]
	}
	room := h - len(works)
	nd, nw := len(done), len(waits)
	if nd+nw > room {
		nw = min(nw, max(room/2, room-nd))
		nd = min(nd, room-nw)
	}
	var out []string
	if nd < len(done) {
		hidden := len(done) - nd + 1
		if nd > 0 {
			out = append(out, s.theme.Dim.Render(fmt.Sprintf("   %s %d more are done", s.theme.Signs.Done, hidden)))
			done = done[hidden:]
		} else {
			done = nil
		}
	}
	for _, x := range done {
		out = append(out, s.row(x, w))
	}
	for _, x := range works {
		out = append(out, s.row(x, w))
	}
	if nw < len(waits) && nw > 0 {
		hidden := len(waits) - nw + 1
		for _, x := range waits[:nw-1] {
			out = append(out, s.row(x, w))
		}
		return append(out, s.theme.Dim.Render(fmt.Sprintf("   %s %d more wait", s.theme.Signs.Open, hidden)))
	}
	for _, x := range waits[:nw] {
		out = append(out, s.row(x, w))
	}
	return out
}

func (s *story) row(x *part, w int) string {
	t := s.theme
	nameWidth := min(40, max(26, w*2/5))
	var mark, says, took string
	name := capital(x.name())
	verb := 0
	if s.destroy || x.Action == stack.ActionDelete {
		verb = 1
	}
	switch x.state {
	case partDone:
		mark, took = t.Good.Render(t.Signs.Done), span(x.took)
	case partFailed:
		mark, took = t.Bad.Render(t.Signs.Failed), span(x.took)
		says = t.Bad.Render("failed")
	case partWorks:
		mark = t.Accent.Render(s.spinner())
		d := s.now().Sub(x.began)
		took = span(d)
		if y, ok := why[x.Type]; ok {
			says = y[verb]
		} else if x.Action == stack.ActionUpdate {
			says = "changing"
		} else {
			says = [2]string{"creating", "deleting"}[verb]
		}
		if u := s.usual(x); u >= 10*time.Second && w >= 100 {
			took += t.Dim.Render("   usually about " + roughly(u))
		}
	default:
		mark = t.Dim.Render(t.Signs.Open)
		name = t.Dim.Render(name)
		if for_ := s.waitsFor(x); for_ != "" {
			says = t.Dim.Render("waits for " + for_)
		} else {
			says = t.Dim.Render("waits for its turn")
		}
	}
	tookWidth := 10
	if w >= 100 {
		tookWidth = 36
	}
	saysWidth := w - 5 - nameWidth - 2 - tookWidth - 1
	return "   " + mark + " " + fit(name, nameWidth, t) + "  " + fit(says, saysWidth, t) + " " + took
}

func sortParts(p []*part, less func(a, b *part) bool) {
	slices.SortStableFunc(p, func(a, b *part) int {
		if less(a, b) {
			return -1
		} else if less(b, a) {
			return 1
		}
		return 0
	})
}
