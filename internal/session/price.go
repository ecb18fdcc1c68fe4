package session

import (
	"time"

	"workshop/internal/stack"
)

// Cost is what resources cost, in words ready to show.
type Cost struct {
	Now   string // an hour, here: "$0.00/h"; for the top line
	Whole string // of a plan the difference and the total: "+$0.017/h, then $0.102/h on AWS; nothing in the sandbox"
	Parts []CostPart
	Hints []string // sentences about what the rate does not show
	// Warning is a sentence about the budget if the plan is applied; empty where
	// there is nothing to warn of.
	Warning string
	// Meter gives what the stack that is up has cost by a moment. It reads no files;
	// nil where nothing is known.
	Meter func(now time.Time) Spent
	// Err is why nothing is known; the rest is then empty.
	Err error
}

// CostPart is one reason for a cost.
type CostPart struct{ What, Hourly string }

// Spent is what the stack has cost so far, in words ready to show.
type Spent struct {
	SoFar    string // "about $0.06"; in the sandbox with what it would have been on AWS
	Sentence string // "The stack has been up for 54 min and has cost about $0.06."; empty where nothing is up
	Notice   string // the same for one line of 72 columns
	Share    string // of the budget, from 80% on: "84% of $2.50"
	Over     bool   // the budget is used up
	Warning  string // a sentence about the budget; empty where there is nothing to warn of
}

// Cost says what a plan does to the cost of the stack; p is nil for what is up now.
// It reads files.
func (s *Session) Cost(p *stack.Plan) Cost {
	sandbox := s.Sandbox()
	m, merr := s.Meter() // the price is as good without what was so far
	e, err := s.CurrentCost()
	if err != nil {
		return Cost{Err: err}
	}
	out := Cost{Now: e.Hourly.Rate(), Whole: e.PerHourText(sandbox)}
	ttl := ""
	if p != nil {
		price, planned, err := s.priceOf(p)
		if err != nil {
			return Cost{Err: err}
		}
		out.Whole = price.Text(sandbox)
		if e = price.After; !p.Destroy && merr == nil {
			now := time.Now().UTC()
			out.Warning = m.With(now, e).At(now).Warning()
		}
		if !p.Destroy {
			ttl = s.plannedTTL(planned, time.Now())
		}
	}
	if sandbox {
		out.Now = "$0.00/h"
	}
	out.Hints = e.Hints()
	if ttl != "" {
		out.Hints = append(out.Hints, ttl)
	}
	for _, l := range e.Lines {
		out.Parts = append(out.Parts, CostPart{What: l.What, Hourly: l.Hourly.Rate()})
	}
	out.Meter = func(now time.Time) Spent {
		b := m.At(now)
		return Spent{SoFar: b.Text(), Sentence: b.Sentence(), Notice: b.Notice(), Share: b.Share(), Over: b.Over(), Warning: b.Warning()}
	}
	return out
}
