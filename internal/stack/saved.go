package stack

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/google/renameio/v2/maybe"
)

// savedPlan is a plan with what its JSON leaves out because it may be secret.
type savedPlan struct {
	Plan        *wholePlan       `json:"plan"`
	File        string           `json:"file"`
	Values      []map[string]any `json:"values"`
	DriftValues []map[string]any `json:"drift_values"`
}

// wholePlan is a plan without Plan's own way into JSON, which is for readers.
type wholePlan Plan

// SavePlan writes p with its values and the place of its plan file to a file that
// its owner alone can read. LoadPlan reads it.
func SavePlan(path string, p *Plan) error {
	s := savedPlan{Plan: (*wholePlan)(p), File: p.File}
	for _, c := range p.Changes {
		s.Values = append(s.Values, c.Values)
	}
	for _, c := range p.Drift {
		s.DriftValues = append(s.DriftValues, c.Values)
	}
	data, err := json.Marshal(s)
	if err == nil {
		err = maybe.WriteFile(path, data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("save the plan: %w", err)
	}
	return nil
}

// LoadPlan reads what SavePlan wrote.
func LoadPlan(path string) (*Plan, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the plan: %w", err)
	}
	var s savedPlan
	if err := json.Unmarshal(data, &s); err != nil || s.Plan == nil || len(s.Values) != len(s.Plan.Changes) || len(s.DriftValues) != len(s.Plan.Drift) {
		return nil, fmt.Errorf("read the plan: %s is damaged. Make a new plan", path)
	}
	s.Plan.File = s.File
	for i := range s.Plan.Changes {
		s.Plan.Changes[i].Values = s.Values[i]
	}
	for i := range s.Plan.Drift {
		s.Plan.Drift[i].Values = s.DriftValues[i]
	}
	return (*Plan)(s.Plan), nil
}
