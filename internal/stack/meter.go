package stack

import (
	"slices"
	"time"
)

// ResourceState is where a resource stands in a running apply.
type ResourceState string

const (
	Waiting ResourceState = "waiting"
	Working ResourceState = "working"
	Done    ResourceState = "done"
	Failed  ResourceState = "failed"
)

// Reading is how far an apply is.
type Reading struct {
	Done    int // resources that are done; a replaced one counts once, when its new self stands
	Failed  int
	Total   int
	Percent int // 0 to 100 by time; never smaller than before, 100 only when all are done
	Elapsed time.Duration
	ETA     time.Duration // until all are done, by what each usually takes
	// Resources are in the plan's order.
	Resources []ResourceReading
}

// ResourceReading is one resource of a Reading.
type ResourceReading struct {
	Change
	State   ResourceState
	Elapsed time.Duration // of the work so far, or as a whole
	ID      string        // what AWS called it, once known
	// Behind are the addresses, without index, of what it still waits for.
	Behind []string
}

// Meter turns the events of one apply into progress. It knows no clock of its
// own, and is not safe for concurrent use.
type Meter struct {
	typical func(Change) time.Duration
	begun   time.Time
	items   []*meterItem
	index   map[string]*meterItem
	groups  map[string][]*meterItem // by address without index
	best    int
}

type meterItem struct {
	change  Change
	state   ResourceState
	begun   time.Time
	elapsed time.Duration
	halves  int // of a replacement
	id      string
}

// NewMeter measures the apply of p, which begins at a time; data that is only
// read does not count. What a change
// usually takes comes from typical; nil stands for TypicalAWS.
func NewMeter(p *Plan, begun time.Time, typical func(Change) time.Duration) *Meter {
	if typical == nil {
		typical = TypicalAWS
	}
	m := &Meter{typical: typical, begun: begun, index: map[string]*meterItem{}, groups: map[string][]*meterItem{}}
	for _, c := range p.Changes {
		if c.Action == ActionRead {
			continue
		}
		it := &meterItem{change: c, state: Waiting}
		m.items = append(m.items, it)
		m.index[c.Address] = it
		m.groups[Base(c.Address)] = append(m.groups[Base(c.Address)], it)
	}
	return m
}

// Handle takes an event in. Events of resources that are not in the plan are
// passed over; EventPlanned of the same plan renews the descriptions.
func (m *Meter) Handle(e Event) {
	if e.Type == EventPlanned && e.Plan != nil {
		for _, c := range e.Plan.Changes {
			if it := m.index[c.Address]; it != nil {
				it.change = c
			}
		}
		return
	}
	it := m.index[e.Resource]
	if it == nil {
		return
	}
	if e.ID != "" {
		it.id = e.ID
	}
	switch e.Type {
	case EventStarted:
		it.state = Working
		// The second half of a replacement goes on where the first began.
		if it.begun.IsZero() {
			it.begun = e.Time
		}
	case EventDone:
		it.halves++
		if it.change.Action == ActionReplace && it.halves < 2 {
			return
		}
		it.state, it.elapsed = Done, it.since(e)
	case EventFailed:
		it.state, it.elapsed = Failed, it.since(e)
	}
}

func (it *meterItem) since(e Event) time.Duration {
	if it.begun.IsZero() {
		return e.Elapsed
	}
	return max(e.Time.Sub(it.begun), 0)
}

// At reads the meter at a time.
func (m *Meter) At(now time.Time) Reading {
	r := Reading{Total: len(m.items), Elapsed: max(now.Sub(m.begun), 0)}
	left := map[string]time.Duration{}
	for _, it := range m.items {
		rr := ResourceReading{Change: it.change, State: it.state, Elapsed: it.elapsed, ID: it.id}
		switch it.state {
		case Done:
			r.Done++
		case Failed:
			r.Failed++
		case Working:
			rr.Elapsed = max(now.Sub(it.begun), 0)
		case Waiting:
			rr.Behind = m.unfinishedNeeds(it)
		}
		r.ETA = max(r.ETA, m.remaining(Base(it.change.Address), now, left))
		r.Resources = append(r.Resources, rr)
	}
	switch {
	case r.Done == r.Total:
		r.ETA, m.best = 0, 100
	case r.ETA > 0: // else the rest waits for what failed, and will not come
		m.best = max(m.best, min(99, int(100*r.Elapsed/(r.Elapsed+r.ETA))))
	}
	r.Percent = m.best
	return r
}

// unfinishedNeeds lists what an item still waits for.
func (m *Meter) unfinishedNeeds(it *meterItem) []string {
	var out []string
	for _, need := range it.change.Needs {
		if slices.ContainsFunc(m.groups[need], func(n *meterItem) bool { return n.state != Done }) {
			out = append(out, need)
		}
	}
	return out
}

// remaining is the time until all resources of one name are done: the longest chain
// of what they wait for, then their own. The plan's needs come from Terraform's
// graph, which has no circles; a broken one is cut where it closes.
func (m *Meter) remaining(name string, now time.Time, memo map[string]time.Duration) time.Duration {
	if d, ok := memo[name]; ok {
		return d
	}
	memo[name] = 0
	var longest time.Duration
	for _, it := range m.groups[name] {
		var own time.Duration
		switch it.state {
		case Done, Failed:
			continue
		case Working:
			usual := m.typical(it.change)
			// Late already: by how much is anybody's guess, so a tenth more.
			own = max(usual-now.Sub(it.begun), usual/10, time.Second)
		case Waiting:
			if m.hopeless(it) {
				continue
			}
			var before time.Duration
			for _, need := range it.change.Needs {
				before = max(before, m.remaining(need, now, memo))
			}
			own = before + m.typical(it.change)
		}
		longest = max(longest, own)
	}
	memo[name] = longest
	return longest
}

// hopeless reports whether something that an item needs has failed.
func (m *Meter) hopeless(it *meterItem) bool {
	return slices.ContainsFunc(it.change.Needs, func(need string) bool {
		return slices.ContainsFunc(m.groups[need], func(n *meterItem) bool { return n.state == Failed })
	})
}

// usual is what a change takes, in seconds.
type usual struct{ awsCreate, awsDelete, sandboxCreate, sandboxDelete float64 }

// usuals has the types that take more than a moment. The sandbox's figures are
// the provider's own waits, which no server can shorten (30 s before a balancer
// is looked at and 30 s after its attributes are set, 10 s each for a cluster and
// its capacity providers); those for AWS are rough, and are meant to be.
var usuals = map[string]usual{
	"aws_lb":                             {150, 30, 62, 1},
	"aws_ecs_service":                    {120, 90, 12, 11},
	"aws_nat_gateway":                    {110, 60, 2, 11},
	"aws_ecs_cluster":                    {11, 2, 11, 1},
	"aws_ecs_cluster_capacity_providers": {11, 11, 11, 11},
	"aws_vpc":                            {3, 1, 1, 1},
	"aws_internet_gateway":               {2, 15, 1, 1},
	"aws_subnet":                         {2, 15, 1, 1},
	"aws_security_group":                 {3, 15, 1, 1},
	"aws_iam_role":                       {2, 1, 1, 1},
	"aws_eip":                            {2, 2, 1, 1},
}

// TypicalAWS is what a change usually takes on AWS.
func TypicalAWS(c Change) time.Duration {
	u, ok := usuals[c.Type]
	if !ok {
		u = usual{awsCreate: 1, awsDelete: 1}
	}
	return u.of(c.Action, u.awsCreate, u.awsDelete)
}

// TypicalSandbox is what a change usually takes in the sandbox.
func TypicalSandbox(c Change) time.Duration {
	u, ok := usuals[c.Type]
	if !ok {
		u = usual{sandboxCreate: 0.5, sandboxDelete: 0.5}
	}
	return u.of(c.Action, u.sandboxCreate, u.sandboxDelete)
}

func (usual) of(a Action, create, remove float64) time.Duration {
	seconds := create
	switch a {
	case ActionDelete:
		seconds = remove
	case ActionReplace:
		seconds = create + remove
	case ActionRead:
		seconds = min(create, 1)
	}
	return time.Duration(seconds * float64(time.Second))
}
