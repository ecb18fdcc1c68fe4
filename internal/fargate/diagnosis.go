package fargate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"workshop/internal/diagnose"
)

// Diagnosis says whether a service runs as it was asked to, and if not, why.
type Diagnosis struct {
	Healthy bool `json:"healthy"`
	// Cause is the one thing that is to be seen to first; nil for a healthy service.
	Cause *Cause `json:"cause"`
	// Chain is what was seen, oldest first: the cause, and what followed from it.
	Chain []Link    `json:"chain"`
	AsOf  time.Time `json:"as_of"`
}

// Cause is why a service does not run as it was asked to.
type Cause struct {
	ID    string `json:"id"` // of the diagnosis, e.g. "image-not-found"
	Title string `json:"title"`
	Means string `json:"means"`          // what it means, in a sentence or two
	Do    string `json:"do"`             // what to do next
	Step  string `json:"step,omitempty"` // id of the step that teaches it; empty for none
}

// What a Link is about.
const (
	OfDeployment = "deployment"
	OfTask       = "task"
	OfEvent      = "event"
	OfService    = "service"
	OfURL        = "url"
	OfTerraform  = "terraform"
)

// Link is one thing that was seen.
type Link struct {
	Time  time.Time `json:"time"`
	Of    string    `json:"of"`
	Text  string    `json:"text"`
	Said  string    `json:"said,omitempty"` // AWS's own words, where Text has others
	Count int       `json:"count"`          // how often the same was seen
	Until time.Time `json:"until,omitzero"` // when it was seen last; zero where it was seen once
	Task  string    `json:"task,omitempty"` // id of the first task that it was seen on
	ID    string    `json:"id,omitempty"`   // of the diagnosis; empty where it needs none
	// Printed are the last lines of the task, oldest first; known of the first one that
	// ended by itself.
	Printed []string `json:"printed,omitempty"`
}

// recently is how long a failure of a service that has what it wants counts.
const recently = 5 * time.Minute

// NewCause returns the cause that an answer tells of.
func NewCause(a Answer) *Cause {
	return &Cause{ID: a.ID, Title: a.Title(), Means: a.What, Do: a.Do, Step: a.Step}
}

// Diagnose finds out from a snapshot. It takes what the snapshot does not have, such as the
// URL's answer, for well. The texts are for the command line; on, where it is not nil,
// writes an answer for another face.
func Diagnose(s Snapshot, on func(Answer) Answer) Diagnosis {
	if on == nil {
		on = func(a Answer) Answer { return a }
	}
	d := Diagnosis{Chain: []Link{}, AsOf: s.AsOf}
	p := periodOf(s)
	failed := p.failed(s.Tasks)
	groups := GroupStops(failed)
	var events []explained // that tell of something wrong
	for _, e := range slices.Backward(s.Events) {
		if e.Time.Before(p.from) {
			continue
		}
		if a, ok := diagnose.Event(e.Message); ok && !a.Fine {
			events = append(events, explained{e, a})
		}
	}
	d.Chain = p.chain(s, groups, events)
	if a := cause(s, p, failed, groups, events); a != nil {
		d.Cause = NewCause(on(*a))
	}
	d.Healthy = d.Cause == nil
	return d
}

// explained is an event with what it means.
type explained struct {
	ServiceEvent
	Answer Answer
}

// period is the time that a diagnosis is about.
type period struct {
	from, to   time.Time          // to is zero for now
	revision   string             // whose tasks count; empty for all
	deployment *ServiceDeployment // that goes on, or failed; nil for none
}

func periodOf(s Snapshot) period {
	if len(s.History) > 0 && !s.History[0].Successful() {
		return s.History[0].period()
	}
	p := period{from: s.AsOf.Add(-recently)}
	if v := s.Service; len(v.Deployments) > 0 {
		d := v.Deployments[0]
		p.revision = d.Revision
		if v.Rollout != "COMPLETED" || d.Created.After(p.from) {
			p.from = d.Created
		}
	}
	return p
}

// failed are the tasks that failed in the period, first stopped first.
func (p period) failed(tasks []Task) []Task {
	var failed []Task
	for _, t := range tasks {
		// The last tasks of a deployment that fails stop after its end.
		at := t.Created
		if p.deployment == nil && t.Stopped != nil {
			at = *t.Stopped
		}
		if t.Failed() && (p.revision == "" || t.Revision == p.revision) && between(at, p.from, p.to) {
			failed = append(failed, t)
		}
	}
	slices.SortStableFunc(failed, func(a, b Task) int { return a.Stopped.Compare(*b.Stopped) })
	return failed
}

// period is the time of a deployment.
func (d ServiceDeployment) period() period {
	return period{from: d.Created, to: d.ended(), revision: d.Revision, deployment: &d}
}

// FirstCause is what went wrong first in a deployment, as tasks tell; nil where none failed.
func (d ServiceDeployment) FirstCause(tasks []Task) *Answer {
	return firstAnswer(d.period().failed(tasks))
}

func firstAnswer(failed []Task) *Answer {
	for _, t := range failed {
		if t.Answer != nil {
			return t.Answer
		}
	}
	return nil
}

// cause picks the answer that explains the others; nil for a service that is well.
func cause(s Snapshot, p period, failed []Task, groups []Stops, events []explained) *Answer {
	state := func(name string) *Answer {
		a, _ := diagnose.Service(name)
		return &a
	}
	v := s.Service
	switch {
	case v.Status == "":
		return state("missing")
	case v.Status != "ACTIVE":
		return state("deleted")
	case v.Desired == 0:
		return state("scaled-to-zero")
	}
	newest := ServiceDeployment{}
	if p.deployment != nil {
		newest = *p.deployment
	}
	unhealthy := slices.IndexFunc(s.Tasks, func(t Task) bool { return t.Stopped == nil && t.Health == "UNHEALTHY" })
	answers := s.Probe == nil || s.Probe.Err == nil && s.Probe.Status < 500
	over := v.Rollout != "IN_PROGRESS" && v.Pending == 0
	if newest.ID == "" && over && v.Rollout != "FAILED" && v.Running >= v.Desired && unhealthy < 0 && answers && !repeats(groups) {
		return nil
	}

	first := firstAnswer(failed)
	for _, e := range events {
		// The event says which answer the load balancer did not like.
		if first == nil || first.ID == "elb-health" && strings.HasPrefix(e.Answer.ID, "target-") {
			first = &e.Answer
		}
	}
	switch {
	case first != nil:
		return first
	case unhealthy >= 0:
		if a := s.Tasks[unhealthy].Answer; a != nil {
			return a
		}
		return state("container-unhealthy")
	case newest.RolledBack() || v.Rollout == "FAILED" || newest.Over():
		if a, ok := diagnose.Deployment(cmp.Or(newest.Status, v.Rollout), newest.Reason); ok && !a.Fine {
			return &a
		}
		return state("deployment-failed")
	case len(failed) > 0:
		return state("tasks-fail")
	case !over:
		return state("rolling-out")
	case v.Running < v.Desired:
		return state("tasks-missing")
	case !answers && s.Probe.Err != nil:
		return state("url-silent")
	case !answers:
		return state("url-error")
	}
	return nil
}

// SortChain puts links in the order of time.
func SortChain(chain []Link) {
	slices.SortStableFunc(chain, func(a, b Link) int { return a.Time.Compare(b.Time) })
}

// repeats reports whether tasks fail for the same reason again and again; a task that fails
// once is replaced, and no more is to be said.
func repeats(groups []Stops) bool {
	return slices.ContainsFunc(groups, func(g Stops) bool { return len(g.Tasks) > 1 })
}

// chain puts what was seen in the order of time.
func (p period) chain(s Snapshot, groups []Stops, events []explained) []Link {
	chain := []Link{}
	add := func(at time.Time, of, text string) {
		chain = append(chain, Link{Time: at, Of: of, Text: text, Count: 1})
	}
	if d := p.deployment; d != nil {
		add(d.Created, OfDeployment, "The deployment of "+cmp.Or(d.Revision, "a new revision")+" began.")
	}
	told := map[string]bool{}
	for _, g := range groups {
		l := Link{Time: *g.First().Stopped, Of: OfTask, Text: g.Text(), Count: len(g.Tasks), Task: g.First().ID}
		if a := g.Last().Answer; a != nil {
			l.Said, l.ID = g.First().StoppedReason, a.ID
			told[a.ID] = true
		}
		if l.Count > 1 {
			l.Until = *g.Last().Stopped
		}
		chain = append(chain, l)
	}
	byCause := map[string]int{}
	for _, e := range events {
		a := e.Answer
		if told[a.ID] {
			continue
		}
		if i, known := byCause[a.ID]; known {
			chain[i].Count++
			chain[i].Until = e.Time
			continue
		}
		byCause[a.ID] = len(chain)
		chain = append(chain, Link{Time: e.Time, Of: OfEvent, Text: a.What, Said: e.Message, Count: 1, ID: a.ID})
	}
	for _, t := range s.Tasks {
		if t.Stopped != nil || t.Health != "UNHEALTHY" {
			continue
		}
		l := Link{Time: s.TasksAsOf, Of: OfTask, Text: "It is unhealthy, says the " + t.HealthBy + "'s health check.", Said: t.TargetReason, Count: 1, Task: t.ID}
		if t.Answer != nil {
			l.Text, l.ID = t.Answer.What, t.Answer.ID
		}
		chain = append(chain, l)
	}
	if d := p.deployment; d != nil {
		if b := d.Rollback; b != nil {
			add(b.Started, OfDeployment, "ECS began to go back to "+cmp.Or(b.Revision, "the revision before")+".")
			chain[len(chain)-1].Said = d.Reason
		}
		if d.Finished != nil {
			text := "The deployment ended: " + InWords(d.Status) + "."
			add(*d.Finished, OfDeployment, text)
			if d.Rollback == nil {
				chain[len(chain)-1].Said = d.Reason
			}
		}
	}
	SortChain(chain)
	if v := s.Service; v.Status != "" {
		text := fmt.Sprintf("%d of %d tasks run", v.Running, v.Desired)
		if len(v.Deployments) > 0 {
			text += " on " + v.Deployments[0].Revision
		}
		add(s.AsOf, OfService, text+".")
	}
	if r := s.Probe; r != nil {
		text := fmt.Sprintf("The URL answers with status %d.", r.Status)
		if r.Err != nil {
			text = "The URL does not answer."
		}
		add(r.At, OfURL, text)
		if r.Err != nil {
			chain[len(chain)-1].Said = r.Err.Error()
		}
	}
	return chain
}
