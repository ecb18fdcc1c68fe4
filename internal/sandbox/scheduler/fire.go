package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"workshop/internal/sandbox/wire"
)

// callable are the services whose operations a schedule can call here: by their
// name in universal targets, that in credential scopes.
var callable = map[string]string{
	"ecs":                    "ecs",
	"applicationautoscaling": "application-autoscaling",
}

// retryPause is the time between two calls of a target that failed for the
// sandbox's own reasons.
const retryPause = 10 * time.Second

// Run calls the targets of one-time schedules when their time has come, those
// whose time passed while the sandbox did not run included, until ctx ends. It
// must be called without the sandbox's lock.
func (s *Scheduler) Run(ctx context.Context, operations Operations) {
	tick := time.NewTicker(s.timing.Look)
	defer tick.Stop()
	for {
		s.fire(ctx, operations)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// fire calls what is due, in the order of the times.
func (s *Scheduler) fire(ctx context.Context, operations Operations) {
	for ctx.Err() == nil {
		v, ok := s.due()
		if !ok {
			return
		}
		service, operation, input, err := call(v.Target)
		if err == nil {
			err = operations.Invoke(ctx, service, operation, input)
		}
		if ctx.Err() != nil {
			return // the sandbox closes: the next start calls again
		}
		s.done(v, err)
	}
}

// due returns the enabled one-time schedule whose time came first.
func (s *Scheduler) due() (first schedule, ok bool) {
	s.account.Store.Lock()
	defer s.account.Store.Unlock()
	now := s.now()
	var earliest time.Time
	for _, v := range s.schedules.All() {
		if v.Done || v.State != types.ScheduleStateEnabled || v.Next.After(now) {
			continue
		}
		at, once := v.time()
		if once && !at.After(now) && (!ok || at.Before(earliest)) {
			first, earliest, ok = v, at, true
		}
	}
	return first, ok
}

// time is when a one-time schedule is due.
func (v schedule) time() (at time.Time, once bool) {
	zone, err := location(v.Zone)
	if err != nil {
		return time.Time{}, false
	}
	e, err := parse(v.Expression, zone)
	return e.at, err == nil && e.once
}

// call is what a target asks for, in the sandbox's names.
func call(t *types.Target) (service, operation string, input []byte, err error) {
	name, operation, ok := universal(aws.ToString(t.Arn))
	service = callable[name]
	if !ok || service == "" {
		return "", "", nil, fmt.Errorf("the sandbox cannot call the target %s", aws.ToString(t.Arn))
	}
	input = []byte(aws.ToString(t.Input))
	var members map[string]json.RawMessage
	if err := json.Unmarshal(input, &members); err != nil && len(input) > 0 {
		return "", "", nil, fmt.Errorf("the target's input is not a JSON structure: %w", err)
	}
	for m := range members {
		if m == "" || !unicode.IsUpper(rune(m[0])) { // the names of universal targets' parameters are in PascalCase
			return "", "", nil, fmt.Errorf("%s has no parameter %s", operation, m)
		}
	}
	return service, strings.ToUpper(operation[:1]) + operation[1:], input, nil
}

// done notes how a call ended. What is a target's fault is not tried again; what
// is the sandbox's is, as the retry policy says.
func (s *Scheduler) done(called schedule, err error) {
	s.account.Store.Lock()
	defer s.account.Store.Unlock()
	k := key(called.Group, called.Name)
	v, ok := s.schedules.Get(k)
	if !ok || !v.Modified.Equal(called.Modified) || v.Expression != called.Expression {
		return // it was deleted or changed meanwhile
	}
	log := s.log.With("schedule", k, "target", aws.ToString(v.Target.Arn))
	v.Failure = ""
	if err != nil {
		v.Failure = err.Error()
		v.Attempts++
		var e *wire.Error
		if at, _ := v.time(); errors.As(err, &e) && e.Status >= http.StatusInternalServerError &&
			v.Attempts <= *v.Target.RetryPolicy.MaximumRetryAttempts && s.now().Sub(at) < time.Duration(*v.Target.RetryPolicy.MaximumEventAgeInSeconds)*time.Second {
			v.Next = s.now().Add(retryPause)
			s.schedules.Put(k, v)
			return
		}
		log.Warn("a schedule's target failed", "error", err)
	} else {
		log.Info("a schedule called its target")
	}
	if v.After == types.ActionAfterCompletionDelete {
		s.schedules.Delete(k)
		return
	}
	v.Done = true
	s.schedules.Put(k, v)
}
