// Package sweep asks AWS what is still there after a destroy, and does not
// believe the state file.
package sweep

import "time"

// Report is what one sweep found.
type Report struct {
	AsOf   time.Time  `json:"as_of"`
	Places []Place    `json:"places"` // what was asked, one entry a kind of resource
	Left   []Leftover `json:"left"`
}

// Place is one question that was put to AWS.
type Place struct {
	Name  string `json:"name"` // plain English: "load balancers"
	Found int    `json:"found"`
	Err   string `json:"error,omitempty"` // why the question could not be answered; the sweep is then not a proof
}

// Complete reports whether every question was answered: only then does an empty
// Left prove that nothing is left.
func (r Report) Complete() bool {
	for _, p := range r.Places {
		if p.Err != "" {
			return false
		}
	}
	return true
}

// Leftover is a resource that still exists.
type Leftover struct {
	Kind string `json:"kind"` // as in Place.Name
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	Note string `json:"note,omitempty"` // e.g. that it costs money, or is deleted by AWS on its own
}
