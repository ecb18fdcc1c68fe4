package stack

import (
	"fmt"
	"os"
	"slices"
)

const (
	// OpRemove is the deletion, by API, of what the state has lost.
	OpRemove Op = "remove"

	// EventHeld says what keeps a deletion from coming to its end: Message names
	// something that Terraform did not make and what to do about it.
	EventHeld EventType = "held"

	// GroupLost is what belongs to the workspace and is not in Terraform's state:
	// its changes are deletions that Terraform does not make.
	GroupLost Group = "not in Terraform's state"
)

// Add puts more changes into the plan.
func (p *Plan) Add(changes ...Change) {
	for _, c := range changes {
		p.add(c)
	}
}

// Lost takes a plan apart: what the state has lost, and the plan that Terraform
// itself made.
func (p *Plan) Lost() (lost []Change, rest *Plan) {
	rest = &Plan{File: p.File, Destroy: p.Destroy, Drift: p.Drift}
	for _, c := range p.Changes {
		if c.Group == GroupLost {
			lost = append(lost, c)
		} else {
			rest.add(c)
		}
	}
	return slices.Clip(lost), rest
}

// Terraform is the program that runs the configuration; nil where none was given.
func (s *Stack) Terraform() *Terraform { return s.opts.Terraform }

// Discard renames a state that Errored reports, so that it is not offered again.
func (s *Stack) Discard(errored string) error {
	if err := os.Rename(errored, aside(errored, "discarded")); err != nil {
		return fmt.Errorf("set the state of the last run aside: %w", err)
	}
	return nil
}
