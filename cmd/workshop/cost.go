package main

import (
	"time"

	"github.com/spf13/pflag"

	"workshop/internal/clean"
	"workshop/internal/cost"
	"workshop/internal/session"
	"workshop/internal/stack"
)

// budgetFlag adds --budget to a command that creates things. The amount is kept in
// the workspace when that is opened.
func (c *commandLine) budgetFlag(f *pflag.FlagSet) {
	f.Func("budget", "warn when the stack nears or passes this `AMOUNT` of dollars, for example 2.50; it is kept in the workspace, and 0 removes it", func(text string) error {
		m, err := cost.ParseMoney(text)
		c.budget = &m
		return err
	})
}

// costStatus is what the stack costs, in `status --json`. In the sandbox nothing is
// billed; the figures are what AWS would have billed. Amounts are in millionths of a
// US dollar.
type costStatus struct {
	Sandbox  bool       `json:"sandbox"`
	Since    *time.Time `json:"since"`             // null where nothing is up
	Partial  bool       `json:"partial,omitempty"` // it is older than that, so the cost so far is at least this
	Hourly   cost.Money `json:"hourly_microdollars"`
	SoFar    cost.Money `json:"so_far_microdollars"`
	Budget   cost.Money `json:"budget_microdollars,omitempty"`
	Over     bool       `json:"over_budget"`
	Reaches  *time.Time `json:"budget_used_up_at,omitempty"` // where that is within 24 hours
	Warning  string     `json:"warning,omitempty"`
	sentence string
	rate     string
}

// costOf reads the meter. Without one the status is as good: what is wrong with it
// is said as a note.
func (c *commandLine) costOf(s *session.Session, now time.Time) *costStatus {
	if s.Other() {
		return nil
	}
	m, err := s.Meter()
	if err != nil {
		c.note("The cost so far is not known in full: %v", err)
	}
	b := m.At(now)
	out := costStatus{
		Sandbox: b.Sandbox, Partial: b.Partial, Hourly: b.PerHour, SoFar: b.SoFar, Budget: b.Budget,
		Over: b.Over(), Warning: b.Warning(), sentence: b.Sentence(), rate: b.PerHour.Rate(),
	}
	if !b.Since.IsZero() {
		out.Since = &b.Since
	}
	if !b.Reaches.IsZero() {
		out.Reaches = &b.Reaches
	}
	return &out
}

// show prints the lines of a status in text.
func (st *costStatus) show(c *commandLine) {
	if st == nil || st.sentence == "" {
		return
	}
	rate := st.rate
	if st.Sandbox {
		rate = "$0.00/h (on AWS " + rate + ")"
	}
	c.printf("cost    %s. %s\n", rate, st.sentence)
	c.warnBudget(st.Warning)
}

// warnBudget prints a warning about the budget, if there is one, and the way out.
func (c *commandLine) warnBudget(warning string) {
	if warning != "" {
		c.printf("budget  %s `workshop destroy` cleans up.\n", warning)
	}
}

// showPrice prints what a plan does to the cost of the whole stack.
func (c *commandLine) showPrice(s *session.Session, p *stack.Plan) {
	price := s.Cost(p)
	if price.Err != nil {
		c.note("What this costs is not known: %v", price.Err)
		return
	}
	c.printf("\nCost: %s\n", price.Whole)
	if p.Destroy {
		return
	}
	for _, hint := range price.Hints {
		c.printf("%s\n", clean.Line(hint))
	}
	c.warnBudget(price.Warning)
}
