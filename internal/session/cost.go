package session

import (
	"time"

	"workshop/internal/cost"
	"workshop/internal/stack"
	"workshop/internal/target"
)

// Estimate is what the resources of a plan cost an hour on AWS once they are
// there. Values that only AWS decides are taken as the bundled configuration
// has them.
func (s *Session) Estimate(p *stack.Plan) cost.Estimate {
	var rs []cost.Resource
	for _, c := range p.Changes {
		rs = append(rs, cost.Resource{Type: c.Type, Values: c.Values})
	}
	return cost.PerHour(cost.Items(rs), s.region())
}

// Standing is what the resources in Terraform's state cost an hour on AWS.
func (s *Session) Standing() (cost.Estimate, error) {
	st, err := s.State()
	if err != nil {
		return cost.Estimate{}, err
	}
	resources, err := st.State()
	if err != nil {
		return cost.Estimate{}, err
	}
	var rs []cost.Resource
	for _, r := range resources {
		rs = append(rs, cost.Resource{Type: r.Type, Values: r.Values})
	}
	return cost.PerHour(cost.Items(rs), s.region()), nil
}

// Sandbox reports whether nothing here costs money.
func (s *Session) Sandbox() bool { return s.opts.Kind == target.Sandbox }

func (s *Session) region() string {
	if t := s.opened(); t != nil {
		return t.Region
	}
	if s.opts.Region != "" {
		return s.opts.Region
	}
	return target.DefaultRegion
}

// bill says what the stack has cost at that hourly rate since from.
func (s *Session) bill(e cost.Estimate, from, to time.Time) string {
	if from.IsZero() {
		return e.Bill(0, s.Sandbox())
	}
	return e.Bill(to.Sub(from), s.Sandbox())
}
