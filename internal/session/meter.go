package session

import (
	"encoding/json"
	"errors"
	"time"

	"workshop/internal/cost"
)

// entryRate is the kind of journal entry for what the stack costs an hour from
// then on: cost.Estimate.
const entryRate = "rate"

// ledger is what the journal knows about the cost of the stack that is up, or was
// up last.
type ledger struct {
	from     time.Time // the first apply's beginning; zero where none was
	readings []cost.Reading
	partial  bool      // the stack is older than the first reading
	gone     bool      // it was destroyed
	changed  time.Time // the last apply's end
	begun    time.Time // of an apply whose end was not written down
	// desired is how many tasks the service was last seen to want, and desiredAt
	// when that was first seen; zero where it was not.
	desired   int
	desiredAt time.Time
}

// ledger reads the journal. Entries that cannot be understood are passed over.
func (s *Session) ledger() ledger {
	var l ledger
	for e, err := range s.Workspace.Read(entryApplying, entryApplied, entryDestroyed, entryDesired, entryRate) {
		if err != nil {
			break
		}
		switch e.Kind {
		case entryApplying:
			var a applying
			if json.Unmarshal(e.Data, &a) != nil {
				continue
			}
			if !a.Destroy && l.gone {
				l = ledger{}
			}
			if !a.Destroy && l.from.IsZero() && len(l.readings) == 0 {
				l.from = e.Time
			}
			l.begun = time.Time{}
			if a.Estimate != nil && len(l.readings) == 0 { // a journal of an older version
				l.read(e.Time, *a.Estimate)
			}
			l.begun = e.Time
		case entryApplied:
			l.begun, l.changed = time.Time{}, e.Time
		case entryRate:
			var estimate cost.Estimate
			if json.Unmarshal(e.Data, &estimate) != nil {
				continue
			}
			if l.gone && len(estimate.Lines) > 0 {
				l = ledger{}
			}
			l.read(e.Time, estimate)
		case entryDesired:
			var d desired
			if json.Unmarshal(e.Data, &d) == nil && d.Count >= 0 {
				l.desired, l.desiredAt = d.Count, e.Time
			}
		case entryDestroyed:
			l.begun = time.Time{}
			l.read(e.Time, cost.Estimate{})
			l.gone, l.desiredAt = true, time.Time{}
		}
	}
	return l
}

// read adds a rate that was seen at a moment. The first one is that of the whole
// time before it, and one that is seen after an apply without an end is as old as
// that apply.
func (l *ledger) read(at time.Time, e cost.Estimate) {
	if !e.Valid() || l.meter().Last(e) {
		return
	}
	if !l.begun.IsZero() {
		at = l.begun
	}
	if len(l.readings) == 0 {
		l.partial = l.from.IsZero()
		if !l.partial {
			at = l.from
		}
	} else if last := l.readings[len(l.readings)-1].At; at.Before(last) {
		at = last
	}
	l.readings = append(l.readings, cost.Reading{At: at, Estimate: e})
}

func (l *ledger) meter() cost.Meter {
	return cost.Meter{Readings: l.readings, Partial: l.partial}
}

// Meter counts what the stack that is up has cost so far; it has no readings where
// nothing is up. A rate that differs from the last one in the journal is written
// down, so that a change by autoscaling, by an apply that was killed or by
// Terraform outside the workshop counts from when it is first seen. A damaged
// budget is an error beside the meter, which is as good without it.
func (s *Session) Meter() (cost.Meter, error) {
	m, err := s.life()
	if err == nil && !m.Up() {
		m = cost.Meter{Sandbox: m.Sandbox}
	}
	budget, berr := s.Budget()
	m.Budget = budget
	return m, errors.Join(err, berr)
}

// life returns the meter of the stack that is up or was up last, after writing
// down the present rate where it is new.
func (s *Session) life() (cost.Meter, error) {
	l := s.ledger()
	e, err := s.currentCost(l)
	if err != nil {
		return cost.Meter{Sandbox: s.Sandbox()}, err
	}
	if m := l.meter(); !m.Last(e) {
		e.Notes = nil // the same sentences every time
		// The figures are as good in a workspace that cannot be written.
		_ = s.Workspace.Append(entryRate, e)
		if l.gone {
			l = ledger{}
		}
		l.read(time.Now().UTC(), e)
	}
	m := l.meter()
	m.Sandbox = s.Sandbox()
	return m, nil
}

// keepRate writes down what the stack costs from now on, where that has changed.
// That it cannot be written must not keep anybody from what they were about.
func (s *Session) keepRate() { _, _ = s.life() }

// Budget is the amount that the person wants to spend at most; 0 where none is
// set.
func (s *Session) Budget() (cost.Money, error) {
	m, err := s.Workspace.Budget()
	return cost.Money(m), err
}

// SetBudget keeps a budget in the workspace; 0 removes it. It needs no lock: it
// changes nothing that Terraform does.
func (s *Session) SetBudget(m cost.Money) error {
	if s.opts.ReadOnly {
		return ErrReadOnly
	}
	return s.Workspace.SetBudget(int64(m))
}
