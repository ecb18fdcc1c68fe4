package fargate

import (
	"cmp"
	"slices"
	"time"

	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Stops are the tasks that stopped in the same way.
type Stops struct {
	Tasks []Task // last stopped first; never empty
}

// Last is the task that stopped last.
func (s Stops) Last() Task { return s.Tasks[0] }

// First is the task that stopped first.
func (s Stops) First() Task { return s.Tasks[len(s.Tasks)-1] }

// Text says why they stopped: the answer, else AWS's reason.
func (s Stops) Text() string { return stopText(s.Last()) }

func stopText(t Task) string {
	if t.Answer != nil {
		return t.Answer.What
	}
	return cmp.Or(t.StoppedReason, "AWS gave no reason.")
}

// Failed reports whether a task stopped, or was never able to start, because something is
// wrong. One of which nothing is known counts as well.
func (t Task) Failed() bool { return t.Stopped != nil && (t.Answer == nil || !t.Answer.Fine) }

// EndedByItself reports whether a task stopped because of its own program: then what the
// program printed last may say why.
func (t Task) EndedByItself() bool {
	return t.Stopped != nil && t.StopCode == string(ecstypes.TaskStopCodeEssentialContainerExited)
}

// GroupStops puts the stopped ones among tasks into groups of which each has stopped for
// one reason, with the group of the last stop first. The tasks of one revision are never in
// a group with those of another.
func GroupStops(tasks []Task) []Stops {
	type key struct{ text, revision string }
	var groups []Stops
	at := map[key]int{}
	for _, t := range tasks {
		if t.Stopped == nil {
			continue
		}
		k := key{stopText(t), t.Revision}
		i, known := at[k]
		if !known {
			i = len(groups)
			at[k] = i
			groups = append(groups, Stops{})
		}
		groups[i].Tasks = append(groups[i].Tasks, t)
	}
	for _, g := range groups {
		slices.SortFunc(g.Tasks, func(a, b Task) int { return cmp.Or(b.Stopped.Compare(*a.Stopped), cmp.Compare(a.ID, b.ID)) })
	}
	slices.SortStableFunc(groups, func(a, b Stops) int { return b.Last().Stopped.Compare(*a.Last().Stopped) })
	return groups
}

// between reports whether at is not before from, and not after to, which is zero for none.
func between(at, from, to time.Time) bool {
	return !at.Before(from) && (to.IsZero() || !at.After(to))
}
