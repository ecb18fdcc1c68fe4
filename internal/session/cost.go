package session

import (
	"maps"
	"slices"
	"time"

	"workshop/internal/cost"
	"workshop/internal/stack"
	"workshop/internal/target"
)

// PriceOf is what a plan does to the hourly cost of the whole stack on AWS: from
// what is up now to what will be up when the plan is applied. Values that only AWS
// decides are taken as the bundled configuration has them.
func (s *Session) PriceOf(p *stack.Plan) (cost.Change, error) {
	c, _, err := s.priceOf(p)
	return c, err
}

// priceOf is PriceOf, with the resources as the plan leaves them.
func (s *Session) priceOf(p *stack.Plan) (c cost.Change, planned []cost.Resource, err error) {
	up, err := s.resources(s.ledger())
	if err != nil {
		return cost.Change{}, nil, err
	}
	before := drifted(up, p.Drift)
	lost, rest := p.Lost()
	planned = after(before, rest.Changes)
	return cost.Change{Before: cost.Of(before, s.region()), After: cost.Of(planned, s.region()), Lost: len(lost)}, planned, nil
}

// CurrentCost is what the resources in Terraform's state cost an hour on AWS, with
// the number of tasks that autoscaling or a person last set.
func (s *Session) CurrentCost() (cost.Estimate, error) {
	return s.currentCost(s.ledger())
}

func (s *Session) currentCost(l ledger) (cost.Estimate, error) {
	up, err := s.resources(l)
	if err != nil {
		return cost.Estimate{}, err
	}
	return cost.Of(up, s.region()), nil
}

// resources returns those in Terraform's state. A service has the number of tasks
// that was seen after the last apply, where one was: autoscaling does not write it
// into the state.
func (s *Session) resources(l ledger) ([]cost.Resource, error) {
	state, err := s.stateResources()
	if err != nil {
		return nil, err
	}
	var out []cost.Resource
	for _, r := range state {
		out = append(out, cost.Resource{Address: r.Address, Type: r.Type, Values: r.Values})
	}
	if l.desiredAt.IsZero() || !l.desiredAt.After(l.changed) {
		return out, nil
	}
	ref, err := s.Ref()
	if err != nil { // no service is being watched
		return out, nil
	}
	for i, r := range out {
		if r.Type == "aws_ecs_service" && r.Values["name"] == ref.Service {
			out[i].Values = with(r.Values, map[string]any{"desired_count": float64(l.desired)})
		}
	}
	return out, nil
}

// drifted returns the resources as they are according to a plan that compared
// them with AWS.
func drifted(up []cost.Resource, drift []stack.Change) []cost.Resource {
	out := slices.Clone(up)
	for _, d := range drift {
		i := slices.IndexFunc(out, func(r cost.Resource) bool { return r.Address == d.Address })
		switch {
		case i < 0:
		case d.Action == stack.ActionDelete:
			out = slices.Delete(out, i, i+1)
		default:
			seen := map[string]any{}
			for _, name := range d.Fields { // without Details, Values are not what was seen
				if v, ok := d.Values[name]; ok {
					seen[name] = v
				}
			}
			out[i].Values = with(out[i].Values, seen)
		}
	}
	return out
}

// after returns the resources as they will be after the changes.
func after(before []cost.Resource, changes []stack.Change) []cost.Resource {
	out := slices.Clone(before)
	for _, c := range changes {
		i := slices.IndexFunc(out, func(r cost.Resource) bool { return r.Address == c.Address })
		r := cost.Resource{Address: c.Address, Type: c.Type, Needs: c.Needs, Values: c.Values}
		switch {
		case c.Action == stack.ActionDelete && i >= 0:
			out = slices.Delete(out, i, i+1)
		case c.Action == stack.ActionUpdate && i >= 0:
			r.Values = with(out[i].Values, c.Values)
			out[i] = r
		case c.Action == stack.ActionReplace && i >= 0:
			// What refers to it has the old ARN until AWS has given a new one.
			if arn, ok := out[i].Values["arn"]; ok && c.Values["arn"] == nil {
				r.Values = with(c.Values, map[string]any{"arn": arn})
			}
			out[i] = r
		case c.Action == stack.ActionCreate, c.Action == stack.ActionUpdate, c.Action == stack.ActionReplace:
			out = append(out, r)
		}
	}
	return out
}

// with returns a copy of values with others in it.
func with(values, others map[string]any) map[string]any {
	out := make(map[string]any, len(values)+len(others))
	maps.Copy(out, values)
	maps.Copy(out, others)
	return out
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

// bill is the sentence of a receipt: what the stack of the last life has cost,
// from the rates that were written down. e and from are for a journal that has
// none.
func (s *Session) bill(e cost.Estimate, from, to time.Time) string {
	m, err := s.life()
	if err != nil || len(m.Readings) == 0 {
		m = cost.Meter{Sandbox: s.Sandbox()}
		if !from.IsZero() {
			m = m.With(from, e)
		}
	}
	return m.At(to).Receipt()
}
