package cost

import (
	"encoding/json"
	"strconv"
)

// Resource is a managed resource of a plan (its planned values) or of a state,
// with its attributes as Terraform's JSON has them.
type Resource struct {
	Type   string // e.g. aws_lb
	Values map[string]any
}

// zones is how many subnets a load balancer is taken to have where the plan
// does not know yet; AWS asks for two at least.
const zones = 2

// Items are what AWS charges for among the resources. Attributes that a plan
// does not know yet are guessed as the bundled configuration has them.
func Items(resources []Resource) []Item {
	type size struct{ cpu, memory int }
	sizes := map[string]size{} // of task definitions by ARN, "" for any
	for _, r := range resources {
		if r.Type != "aws_ecs_task_definition" {
			continue
		}
		s := size{number(r.Values["cpu"]), number(r.Values["memory"])}
		sizes[""] = s
		if arn, ok := r.Values["arn"].(string); ok {
			sizes[arn] = s
		}
	}
	counts := map[Kind]int{}
	var items []Item
	for _, r := range resources {
		switch r.Type {
		case "aws_lb", "aws_alb":
			counts[LoadBalancer]++
			if internal, _ := r.Values["internal"].(bool); !internal {
				if subnets, ok := r.Values["subnets"].([]any); ok && len(subnets) > 0 {
					counts[PublicAddress] += len(subnets)
				} else {
					counts[PublicAddress] += zones
				}
			}
		case "aws_ecs_service":
			desired := number(r.Values["desired_count"])
			arn, _ := r.Values["task_definition"].(string)
			s, ok := sizes[arn]
			if !ok {
				s = sizes[""]
			}
			items = append(items, Item{Kind: Task, Count: desired, CPU: s.cpu, Memory: s.memory})
			if public(r.Values) {
				counts[PublicAddress] += desired
			}
		case "aws_nat_gateway":
			counts[NATGateway]++
		case "aws_eip":
			counts[PublicAddress]++
		case "aws_cloudwatch_log_group":
			counts[Logs]++
		case "aws_ecs_cluster":
			counts[Metrics]++
		}
	}
	for _, kind := range []Kind{LoadBalancer, NATGateway, PublicAddress, Logs, Metrics} {
		if n := counts[kind]; n > 0 {
			items = append(items, Item{Kind: kind, Count: n})
		}
	}
	return items
}

// public reports that a service gives its tasks public addresses.
func public(service map[string]any) bool {
	blocks, _ := service["network_configuration"].([]any)
	for _, b := range blocks {
		if m, ok := b.(map[string]any); ok {
			if yes, _ := m["assign_public_ip"].(bool); yes {
				return true
			}
		}
	}
	return false
}

// number reads a number that Terraform may give as a number or as a string; 0
// where there is none.
func number(v any) int {
	switch v := v.(type) {
	case float64:
		return int(v)
	case int:
		return v
	case json.Number:
		n, _ := strconv.Atoi(v.String())
		return n
	case string:
		n, _ := strconv.Atoi(v)
		return n
	}
	return 0
}
