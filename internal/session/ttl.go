package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"workshop/internal/cost"
	"workshop/internal/lesson"
	"workshop/internal/stack"
)

// ttlVariable is the variable of the configuration that says when the tasks are
// to stop.
const ttlVariable = "ttl_until"

// Bounds of a time to live. AWS creates no schedule for a time that has passed,
// and a first deployment takes some minutes until it creates them.
const (
	minTTL = 10 * time.Minute
	maxTTL = 30 * 24 * time.Hour
)

// ParseTTL reads a time to live such as "3h" or "90m"; "0" and "off" are 0, which
// is none.
func ParseTTL(text string) (time.Duration, error) {
	if text = strings.TrimSpace(text); text == "off" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a duration such as 3h or 90m", text)
	case d == 0:
		return 0, nil
	case d < minTTL:
		return 0, fmt.Errorf("%s is too short: a deployment itself takes some minutes, so the least is 10m", text)
	case d > maxTTL:
		return 0, fmt.Errorf("%s is too long: the most is 720h, which are 30 days", text)
	}
	return d, nil
}

// ErrNoTTL says that the configuration cannot stop the tasks at a time.
var ErrNoTTL = errors.New("the configuration has no variable " + ttlVariable + ", which --ttl sets: it is not the bundled one, or one of an older version. `workshop reset` brings back the bundled files, keeping a copy of yours")

// SetTTL writes into the values of the configuration that the tasks are to stop
// after d from now on, to the minute; 0 removes it. It returns what is different
// now, a line each, and a function that brings back what was there. It takes the
// workspace's lock.
func (s *Session) SetTTL(ctx context.Context, d time.Duration, now time.Time) (changes []string, undo func() error, err error) {
	was, ok := s.Configuration().Variables[ttlVariable]
	if !ok {
		return nil, nil, ErrNoTTL
	}
	undo = func() error {
		if was.SetIn == "" {
			return s.unsetTTL()
		}
		old, _ := was.Value.(string)
		_, err := s.Set(ctx, []lesson.Setting{{Name: ttlVariable, Value: old}})
		return err
	}
	if d > 0 {
		until := now.UTC().Add(d + time.Minute - 1).Truncate(time.Minute)
		changes, err = s.Set(ctx, []lesson.Setting{{Name: ttlVariable, Value: until.Format(time.RFC3339)}})
		return changes, undo, err
	}
	if err := s.Lock(); err != nil || was.SetIn == "" {
		return nil, undo, err
	}
	return []string{fmt.Sprintf("%s is no longer set in %s; it was %s", ttlVariable, was.SetIn, written(was.Value))}, undo, s.unsetTTL()
}

func (s *Session) unsetTTL() error {
	file := s.Configuration().Variables[ttlVariable].SetIn
	if file == "" {
		return nil
	}
	_, err := s.edit(file, func(v *values) error { return v.unset(ttlVariable) })
	return err
}

// TTL is when the tasks of a stack stop by themselves.
type TTL struct {
	At time.Time `json:"at"`
	// Passed says that the time is over: the next deployment starts the tasks again.
	Passed bool `json:"passed"`
}

// Sentence says when the tasks stop, or were to stop, and what that does not remove.
// Whether they did the state does not know.
func (t TTL) Sentence(now time.Time) string {
	t.Passed = t.Passed || !t.At.After(now)
	at := t.At.Local().Format("15:04")
	if day := "2 January"; t.At.Local().Format(day) != now.Local().Format(day) {
		at += " on " + t.At.Local().Format(day)
	}
	if t.Passed {
		return "The tasks were to stop at " + at + ", as --ttl said. Everything else is still there and costs money on AWS; the next deployment starts the tasks again."
	}
	return "The tasks stop at " + at + ", in " + cost.Span(t.At.Sub(now)) + ". Everything else stays, and costs money on AWS until `workshop destroy`."
}

// TTL returns when the tasks of what is deployed stop by themselves, as the
// schedule in Terraform's state says; nil where they do not, or nothing can be read.
func (s *Session) TTL(now time.Time) *TTL {
	resources, err := s.stateResources()
	if err != nil {
		return nil
	}
	return TTLOf(resources, now)
}

// TTLOf is TTL for the resources of a state that has been read.
func TTLOf(resources []stack.Resource, now time.Time) *TTL {
	for _, r := range resources {
		if at, ok := stopsAt(r.Type, r.Values); ok {
			return &TTL{At: at, Passed: !at.After(now)}
		}
	}
	return nil
}

// stopsAt returns when a schedule with these attributes stops the tasks.
func stopsAt(typ string, v map[string]any) (time.Time, bool) {
	text, _ := v["schedule_expression"].(string)
	zone, _ := v["schedule_expression_timezone"].(string)
	if typ != "aws_scheduler_schedule" || v["state"] == "DISABLED" || zone != "UTC" || !callsUpdateService(v["target"]) {
		return time.Time{}, false
	}
	at, err := time.Parse("at(2006-01-02T15:04:05)", text)
	return at, err == nil
}

func callsUpdateService(target any) bool {
	blocks, _ := target.([]any)
	return slices.ContainsFunc(blocks, func(b any) bool {
		m, _ := b.(map[string]any)
		arn, _ := m["arn"].(string)
		return strings.HasSuffix(arn, ":aws-sdk:ecs:updateService")
	})
}

// plannedTTL says when the tasks stop if a plan is applied, and what an hour costs
// on AWS from then on; empty where nothing is to be said. after are the resources
// as the plan leaves them.
func (s *Session) plannedTTL(after []cost.Resource, now time.Time) string {
	until, _ := s.Configuration().Variables[ttlVariable].Value.(string)
	set, err := time.Parse(time.RFC3339, until)
	for _, r := range after {
		at, ok := stopsAt(r.Type, r.Values)
		if !ok && err == nil && r.Type == "aws_scheduler_schedule" && r.Values["schedule_expression"] == nil {
			at, ok = set, true // `deploy --yes` does not know the values of its plan
		}
		if ok && at.After(now) {
			rest := cost.Of(withoutTasks(after), s.region()).Hourly
			return TTL{At: at}.Sentence(now) + " That is " + rest.Rate() + " then."
		}
	}
	if err == nil && !set.After(now) {
		return "The time in " + ttlVariable + " has passed: this plan starts the tasks again, and nothing stops them by itself. `workshop deploy --ttl 3h` sets another time."
	}
	return ""
}

// withoutTasks returns the resources as they are when no tasks run.
func withoutTasks(all []cost.Resource) []cost.Resource {
	out := slices.Clone(all)
	for i, r := range out {
		switch r.Type {
		case "aws_ecs_service":
			out[i].Values = with(r.Values, map[string]any{"desired_count": float64(0)})
		case "aws_appautoscaling_target":
			out[i].Values = with(r.Values, map[string]any{"min_capacity": float64(0)})
		}
	}
	return out
}
