package room

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Board is what a facilitator sees: immutable, true at AsOf.
type Board struct {
	Room     string    `json:"room"`
	AsOf     time.Time `json:"as_of"`
	Course   []Step    `json:"course,omitempty"`
	Learners []Learner `json:"learners"` // sorted by who needs help, see Sort
	State    State     `json:"state"`
	// Line is what learners join with, and Problem what keeps the host from working, such
	// as a full disk.
	Line    string `json:"line,omitempty"`
	Problem string `json:"problem,omitempty"`
	// Answers are a poll's while it is open: how many chose each option.
	Answers []int     `json:"answers,omitempty"`
	Helpers []string  `json:"helpers,omitempty"` // names of the facilitators
	Pace    []Pace    `json:"pace,omitempty"`
	Events  []Happens `json:"events,omitempty"` // the last of all learners, newest first
}

// Happens is an event with who it happened to.
type Happens struct {
	Name string `json:"name"`
	ID   string `json:"id"`
	Event
}

// Pace is how long learners take for a step.
type Pace struct {
	Step     string        `json:"step"`
	Estimate time.Duration `json:"estimate,omitempty"`
	On       int           `json:"on"`   // learners who are on it
	Done     int           `json:"done"` // learners who did it
	Median   time.Duration `json:"median,omitempty"`
	Slowest  time.Duration `json:"slowest,omitempty"`
	Who      string        `json:"who,omitempty"` // the id of the slowest
}

// Detail is one learner's events, newest first, and what is known of the failing check.
type Detail struct {
	Learner Learner `json:"learner"`
	Events  []Event `json:"events"`
	// Diagnosis is what the workshop says of the failure, in plain words.
	Diagnosis string `json:"diagnosis,omitempty"`
}

// IdleAfter is how long a learner does nothing before the board calls them idle, and
// AwayAfter how long nothing is heard before it calls them away.
const (
	IdleAfter = 10 * time.Minute
	AwayAfter = 45 * time.Second
)

// The needs of a learner, the greatest first.
const (
	NeedHand     = iota // a hand is raised
	NeedFailing         // a check fails, an operation failed or a task stopped
	NeedSlow            // far over the step's estimate
	NeedIdle            // connected, and nothing was done for IdleAfter
	NeedNone            //
	NeedAway            // not connected
	NeedFinished        // every step is done
	needs               // how many there are
)

// Need says what a learner needs at the moment now; steps is the number of the
// course's steps and estimate that of the learner's step.
func (l Learner) Need(now time.Time, steps int, estimate time.Duration) int {
	st := l.Status
	switch {
	case !l.Hand.IsZero():
		return NeedHand
	case now.Sub(l.LastSeen) > AwayAfter:
		return NeedAway
	case steps > 0 && st.Done >= steps:
		return NeedFinished
	case st.Failing != nil, st.Stack == StackFailed, st.Stack == StackLost:
		return NeedFailing
	case !st.Active.IsZero() && now.Sub(st.Active) > IdleAfter:
		return NeedIdle
	case estimate > 0 && !st.StepSince.IsZero() && now.Sub(st.StepSince) > 2*estimate:
		return NeedSlow
	}
	return NeedNone
}

// Estimate returns the estimate of a step, 0 where it is not known.
func (b *Board) Estimate(step string) time.Duration {
	for _, s := range b.Course {
		if s.ID == step {
			return s.Estimate
		}
	}
	return 0
}

// Sort sorts learners by who needs help: hands in the order of the queue, then by what
// they need, by how long, and by name.
func (b *Board) Sort() {
	need := map[string]int{}
	for _, l := range b.Learners {
		need[l.ID] = l.Need(b.AsOf, len(b.Course), b.Estimate(l.Status.Step))
	}
	since := func(l Learner) time.Time {
		if l.Status.Failing != nil && !l.Status.Failing.Since.IsZero() {
			return l.Status.Failing.Since
		}
		return l.Status.StepSince
	}
	slices.SortStableFunc(b.Learners, func(x, y Learner) int {
		if need[x.ID] == NeedHand && need[y.ID] == NeedHand {
			return cmp.Compare(x.Place, y.Place)
		}
		return cmp.Or(
			cmp.Compare(need[x.ID], need[y.ID]),
			since(x).Compare(since(y)),
			strings.Compare(x.Name, y.Name),
		)
	})
}

// markOdd says of each learner what differs from most of the others.
func (b *Board) markOdd() {
	common := func(of func(Learner) string) string {
		n, best := map[string]int{}, ""
		for _, l := range b.Learners {
			if v := of(l); v != "" {
				if n[v]++; n[v] > n[best] || n[v] == n[best] && v < best {
					best = v
				}
			}
		}
		if n[best]*2 <= len(b.Learners) {
			return "" // there is no most
		}
		return best
	}
	kinds := []struct {
		of   func(Learner) string
		says string
	}{
		{func(l Learner) string { return l.Status.Target }, "deploys to "},
		{func(l Learner) string { return l.Status.Account }, "account "},
		{func(l Learner) string { return l.Status.Region }, "Region "},
		{func(l Learner) string { return l.Status.Version }, "version "},
	}
	for i := range b.Learners {
		b.Learners[i].Odd = ""
	}
	for _, k := range kinds {
		usual := common(k.of)
		if usual == "" {
			continue
		}
		for i := range b.Learners {
			l := &b.Learners[i]
			v := k.of(*l)
			// Each sandbox has an account number of its own.
			if v == "" || v == usual || l.Odd != "" || k.says == "account " && l.Status.Target != "aws" {
				continue
			}
			l.Odd = k.says + v
		}
	}
}

// Median returns the middle of durations, 0 for none.
func median(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	d = slices.Clone(d)
	slices.Sort(d)
	return (d[(len(d)-1)/2] + d[len(d)/2]) / 2
}
