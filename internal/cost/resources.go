package cost

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Resource is a managed resource of a plan (its planned values) or of a state,
// with its attributes as Terraform's JSON has them.
type Resource struct {
	Address string   // e.g. aws_subnet.public[0]; may be empty
	Type    string   // e.g. aws_lb
	Needs   []string // addresses, without index, of the resources it refers to, where known
	Values  map[string]any
}

// zones is how many subnets a load balancer or an interface endpoint is taken to
// have where the plan does not know yet; AWS asks for two at least.
const zones = 2

// taskSize is what a task definition asks for one task.
type taskSize struct {
	cpu, memory, containers int
	arm                     bool
}

// scaling is what Application Auto Scaling may do to a service.
type scaling struct {
	service  string // the end of the resource id, e.g. "main/app"; empty where unknown
	min, max int
}

// Items returns what AWS charges for among the resources. Attributes that a plan
// does not know yet are guessed as the bundled configuration has them. A service
// under Application Auto Scaling has at least its minimum and at most its maximum
// of tasks.
func Items(resources []Resource) []Item { return items(resources, false) }

// items counts the most tasks that autoscaling may run where peak is set.
func items(resources []Resource, peak bool) []Item {
	definitions := definitionsOf(resources)
	targets := scalingOf(resources)
	counts := map[Kind]int{}
	var out []Item
	services, tasks, running := 0, 0, 0
	families := map[string]taskSize{}
	for _, r := range resources {
		switch r.Type {
		case "aws_lb", "aws_alb":
			counts[LoadBalancer]++
			if internal, _ := r.Values["internal"].(bool); !internal {
				counts[PublicAddress] += length(r.Values, zones, "subnets", "subnet_mapping")
			}
		case "aws_ecs_service":
			if text(r.Values, "launch_type") == "EC2" {
				continue
			}
			count := targets.tasks(r, number(r.Values["desired_count"]), peak)
			address, size := definitions.of(r)
			out = append(out, Item{Kind: Task, Count: count, CPU: size.cpu, Memory: size.memory, ARM: size.arm})
			if public(r.Values) {
				counts[PublicAddress] += count
			}
			if count > 0 {
				services, tasks, running = services+1, tasks+count, running+count*size.containers
				families[address] = size
			}
		case "aws_nat_gateway":
			counts[NATGateway]++
		case "aws_eip":
			counts[PublicAddress]++
		case "aws_vpc_endpoint":
			if kind := text(r.Values, "vpc_endpoint_type"); kind == "Interface" || kind == "GatewayLoadBalancer" {
				counts[Endpoint] += length(r.Values, zones, "subnet_ids")
			}
		case "aws_cloudwatch_log_group":
			counts[Logs]++
		case "aws_appautoscaling_policy":
			if text(r.Values, "policy_type") == "TargetTrackingScaling" {
				counts[Alarm] += 2 // one to scale out, one to scale in
			}
		case "aws_cloudwatch_metric_alarm":
			counts[Alarm]++
		}
	}
	names := 0
	for _, size := range families {
		names += size.containers
	}
	for _, r := range resources {
		if r.Type != "aws_ecs_cluster" {
			continue
		}
		// All services are taken to be in the one cluster there is.
		switch insights(r.Values) {
		case "enabled":
			counts[Metrics] += insightsMetrics(false, services, len(families), tasks, names, running)
		case "enhanced":
			counts[EnhancedMetrics] += insightsMetrics(true, services, len(families), tasks, names, running)
		}
		services, families, tasks, names, running = 0, nil, 0, 0, 0
	}
	for _, kind := range []Kind{LoadBalancer, NATGateway, Endpoint, PublicAddress, Metrics, EnhancedMetrics, Alarm, Logs} {
		if n := counts[kind]; n > 0 {
			out = append(out, Item{Kind: kind, Count: n})
		}
	}
	return out
}

// unpriced returns the types among the resources whose price is not known here,
// sorted.
func unpriced(resources []Resource) []string {
	found := map[string]bool{}
	for _, r := range resources {
		switch r.Type {
		case "aws_lb", "aws_alb", "aws_nat_gateway", "aws_eip", "aws_vpc_endpoint",
			"aws_appautoscaling_policy", "aws_cloudwatch_metric_alarm", "aws_ecs_cluster":
		case "aws_ecs_service":
			if text(r.Values, "launch_type") == "EC2" {
				found["aws_ecs_service on EC2"] = true
			}
		default:
			// Other providers' resources (random_id, local_file) are not on AWS's bill.
			if !free[r.Type] && strings.HasPrefix(r.Type, "aws_") {
				found[r.Type] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// definitions are the task definitions by what a service may know them by: ARN,
// or address without index.
type definitions struct {
	sizes map[string]taskSize
	named map[string]string // ARN to address
	last  string
}

func definitionsOf(resources []Resource) definitions {
	d := definitions{map[string]taskSize{}, map[string]string{}, ""}
	for _, r := range resources {
		if r.Type != "aws_ecs_task_definition" {
			continue
		}
		size := taskSize{cpu: number(r.Values["cpu"]), memory: number(r.Values["memory"]), containers: 1}
		var list []json.RawMessage
		if json.Unmarshal([]byte(text(r.Values, "container_definitions")), &list) == nil && len(list) > 0 {
			size.containers = len(list)
		}
		for _, p := range blocks(r.Values, "runtime_platform") {
			size.arm = text(p, "cpu_architecture") == "ARM64"
		}
		address := base(r.Address)
		d.sizes[address], d.last = size, address
		if arn := text(r.Values, "arn"); arn != "" {
			d.named[arn] = address
		}
	}
	return d
}

// of returns the task definition of a service: by the ARN that it has, else by
// what it refers to, else the last one there is.
func (d definitions) of(service Resource) (address string, size taskSize) {
	if a, ok := d.named[text(service.Values, "task_definition")]; ok {
		return a, d.sizes[a]
	}
	for _, need := range service.Needs {
		if size, ok := d.sizes[need]; ok {
			return need, size
		}
	}
	return d.last, d.sizes[d.last]
}

type targets []scaling

func scalingOf(resources []Resource) targets {
	var out targets
	for _, r := range resources {
		if r.Type != "aws_appautoscaling_target" {
			continue
		}
		if ns := text(r.Values, "service_namespace"); ns != "" && ns != "ecs" {
			continue
		}
		out = append(out, scaling{
			service: strings.TrimPrefix(text(r.Values, "resource_id"), "service/"),
			min:     number(r.Values["min_capacity"]), max: number(r.Values["max_capacity"]),
		})
	}
	return out
}

// tasks returns how many tasks a service has that was asked for desired.
func (t targets) tasks(service Resource, desired int, peak bool) int {
	for _, s := range t {
		if s.service != "" && !strings.HasSuffix(s.service, "/"+text(service.Values, "name")) {
			continue
		}
		if peak && s.max > 0 {
			return max(desired, s.max)
		}
		desired = max(desired, s.min)
		if s.max > 0 {
			desired = min(desired, s.max)
		}
	}
	return desired
}

// insights returns a cluster's setting of Container Insights: enabled, enhanced,
// disabled, or empty where it has none (the account's default decides then, which
// is disabled unless somebody has changed it).
func insights(cluster map[string]any) string {
	for _, s := range blocks(cluster, "setting") {
		if text(s, "name") == "containerInsights" {
			return text(s, "value")
		}
	}
	return ""
}

// public reports that a service gives its tasks public addresses.
func public(service map[string]any) bool {
	for _, n := range blocks(service, "network_configuration") {
		if yes, _ := n["assign_public_ip"].(bool); yes {
			return true
		}
	}
	return false
}

// length returns how long the longest of the lists is, or unknown where none has
// anything in it.
func length(values map[string]any, unknown int, names ...string) int {
	most := 0
	for _, name := range names {
		list, _ := values[name].([]any)
		most = max(most, len(list))
	}
	if most == 0 {
		return unknown
	}
	return most
}

// blocks returns the blocks of a resource that have that name.
func blocks(values map[string]any, name string) []map[string]any {
	list, _ := values[name].([]any)
	var out []map[string]any
	for _, b := range list {
		if m, ok := b.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

func text(values map[string]any, name string) string {
	s, _ := values[name].(string)
	return s
}

// base is an address without the index at its end.
func base(address string) string {
	if i := strings.LastIndexByte(address, '['); i > 0 && strings.HasSuffix(address, "]") {
		return address[:i]
	}
	return address
}

// mostNumber bounds what is read out of a configuration.
const mostNumber = 1_000_000

// number reads a number that Terraform may give as a number or as a string; 0
// where there is none, and no more than mostNumber.
func number(v any) int {
	f := 0.0
	switch v := v.(type) {
	case float64:
		f = v
	case int:
		f = float64(v)
	case json.Number:
		f, _ = v.Float64()
	case string:
		f, _ = strconv.ParseFloat(v, 64)
	}
	if !(f > 0) { // NaN too
		return 0
	}
	return int(min(f, mostNumber))
}
