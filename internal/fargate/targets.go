package fargate

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"workshop/internal/clean"
	"workshop/internal/diagnose"
)

// Target is an address that the load balancer may send requests to.
type Target struct {
	Address     string  `json:"address"` // private IPv4 of a task
	Port        int     `json:"port"`
	Zone        string  `json:"zone"`
	State       string  `json:"state"`       // healthy, initial, unhealthy, draining, unused...
	Reason      string  `json:"reason"`      // AWS's code, such as Target.Timeout; empty for a healthy one
	Description string  `json:"description"` // AWS's words for it
	Task        string  `json:"task"`        // id of the task that runs there; empty where none does, as when the target drains
	Answer      *Answer `json:"answer,omitempty"`
}

// targets asks for the health of everything in the target group: one call.
func (c *Clients) targets(ctx context.Context, ref Ref) ([]Target, error) {
	if ref.TargetGroup == "" {
		return nil, nil
	}
	out, err := c.elb.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &ref.TargetGroup})
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, diagnose.Explain("ask the load balancer for its targets' health", err)
	}
	targets := make([]Target, 0, len(out.TargetHealthDescriptions))
	for _, d := range out.TargetHealthDescriptions {
		if d.Target == nil || d.TargetHealth == nil {
			continue
		}
		targets = append(targets, newTarget(aws.ToString(d.Target.Id), aws.ToInt32(d.Target.Port), aws.ToString(d.Target.AvailabilityZone), *d.TargetHealth))
	}
	slices.SortStableFunc(targets, func(a, b Target) int {
		healthy := func(x Target) int {
			if x.State == string(elbtypes.TargetHealthStateEnumHealthy) {
				return 1
			}
			return 0
		}
		return cmp.Or(healthy(a)-healthy(b), strings.Compare(a.Address, b.Address), a.Port-b.Port)
	})
	return targets, nil
}

func newTarget(address string, port int32, zone string, h elbtypes.TargetHealth) Target {
	x := Target{
		Address: clean.Line(address), Port: int(port), Zone: clean.Line(zone),
		State: string(h.State), Reason: string(h.Reason), Description: clean.Line(aws.ToString(h.Description)),
	}
	if a, ok := diagnose.Target(x.State, x.Reason, x.Description); ok {
		x.Answer = &a
	}
	return x
}

// withTasks names the tasks that run at the targets.
func withTasks(targets []Target, tasks []Task) []Target {
	at := map[string]Task{}
	for _, t := range tasks {
		if t.Stopped == nil && t.Address != "" {
			at[t.Address] = t
		}
	}
	for i := range targets {
		t := at[targets[i].Address]
		targets[i].Task = t.ID
		targets[i].Zone = cmp.Or(targets[i].Zone, t.Zone)
	}
	return targets
}
