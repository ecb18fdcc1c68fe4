package session

import (
	"context"
	"time"

	"workshop/internal/operation"
)

// Stack is what is deployed, from Terraform's state and the journal.
type Stack struct {
	Last      *LastRun // nil where there was none
	Lost      bool     // something was deployed and not destroyed, and the state lists nothing
	Exists    bool     // Terraform's state holds resources
	Resources int
	Addresses []string       // of the resources
	Network   string         // the VPC's range of addresses; empty where unknown
	Created   time.Time      // of the first resource; zero where unknown
	Outputs   map[string]any // of the root module, sensitive ones left out
	URL       string         // of the load balancer; empty before there is one
	TTL       *TTL           // when the tasks stop by themselves; nil for never
}

// LastRun is how the newest operation ended that changed something or was to.
type LastRun struct {
	Destroy     bool
	Interrupted bool // its process ended without a result
	Stopped     bool // on request
	Failed      bool
	Done, Total int // resources
	Ended       time.Time
}

// Stack reads what is deployed. It asks nobody.
func (s *Session) Stack(context.Context) (Stack, error) {
	st, err := s.State()
	if err != nil {
		return Stack{}, err
	}
	resources, err := st.State()
	if err != nil {
		return Stack{}, err
	}
	outputs, err := st.Outputs()
	if err != nil {
		return Stack{}, err
	}
	out := Stack{Exists: len(resources) > 0, Resources: len(resources), Outputs: outputs}
	for _, r := range resources {
		out.Addresses = append(out.Addresses, r.Address)
		if cidr, ok := r.Values["cidr_block"].(string); ok && r.Type == "aws_vpc" {
			out.Network = cidr
		}
	}
	out.URL, _ = outputs["url"].(string)
	out.TTL = TTLOf(resources, time.Now())
	out.Lost = !out.Exists && s.Lost()
	if last, ok := s.LastOperation(); ok && last.State != operation.StateRunning {
		out.Last = &LastRun{
			Destroy: last.Kind == operation.Destroy, Interrupted: last.State == operation.StateInterrupted,
			Stopped: last.State == operation.StateStopped, Failed: last.State == operation.StateFailed,
			Done: last.Done, Total: last.Total, Ended: last.Ended,
		}
	}
	if out.Exists {
		if l := s.Life(); l.To.IsZero() {
			out.Created = l.From
		}
	}
	return out, nil
}
