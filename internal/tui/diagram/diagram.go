// Package diagram draws the architecture as it stands: the parts of the stack
// with the state of each, the tasks in their zones, and the way of a request.
//
// There is one description of the parts. A picture of it is a pure function of
// what is known and of the room that there is.
package diagram

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"workshop/internal/clean"
	"workshop/internal/fargate"
)

// State is how far a part is from being there.
type State int

const (
	Absent  State = iota // neither there nor planned
	Planned              // a plan would make it
	Working              // Terraform is making, changing or deleting it
	Up                   // it is there
	Failing              // it could not be made, or does not do what it is for
)

func (s State) String() string {
	return [...]string{"not there", "planned", "in the making", "there", "failing"}[s]
}

// Input is all that a picture depends on.
type Input struct {
	Resources map[string]State // by Terraform's address
	Deploying bool             // an apply runs
	Snapshot  *fargate.Snapshot
	Network   string // the VPC's range; empty where unknown
	URL       string
	Now       time.Time
	Beat      int // counts up while something is in the making: what pulses goes by it
}

// Part is one thing of the architecture.
type Part struct {
	ID        string
	Name      string
	State     State
	Means     string   // one sentence for somebody who meets it first
	Addresses []string // of its resources, those that are known
	Facts     []string // what is true of it now, the most telling first
	Steps     []string // ids of the steps that explain it, the best first
	short     string   // what it is, for its box
	zone      int      // of a task and a subnet
}

// description is the architecture. Resources are told by their types, and where
// that is not enough by a word in their names.
var description = []struct {
	id, name, means string
	short           string
	types           []string
	word, not       string
	zone            int
	steps           []string
}{
	{id: "users", name: "users", means: "Whoever opens the URL: you, with a browser or curl.", steps: []string{"explore", "architecture"}},
	{id: "gateway", name: "internet gateway", short: "gateway", means: "Connects the VPC to the internet. It costs nothing.",
		types: []string{"aws_internet_gateway", "aws_route"}, not: "nat", steps: []string{"architecture"}},
	{id: "vpc", name: "VPC", means: "A private network of your own. What is in it reaches the outside only where a route says so.",
		types: []string{"aws_vpc"}, steps: []string{"architecture"}},
	{id: "balancer", name: "load balancer", means: "The one address that people call. It hands each request to a healthy task.",
		types: []string{"aws_lb", "aws_alb", "aws_lb_listener", "aws_lb_target_group"}, steps: []string{"architecture", "explore"}},
	{id: "service", name: "service", means: "The promise that so many tasks run: a task that stops is replaced, a new version rolls out without an interruption.",
		types: []string{"aws_ecs_service", "aws_ecs_cluster", "aws_ecs_task_definition"}, steps: []string{"explore", "architecture"}},
	{id: "public-0", name: "public subnet", means: "A part of the network in one zone, with a way to the internet gateway.",
		types: []string{"aws_subnet"}, word: "public[0]", zone: 0, steps: []string{"architecture"}},
	{id: "private-0", name: "private subnet", means: "A part of the network that nobody outside reaches, and that reaches nobody without a NAT gateway.",
		types: []string{"aws_subnet"}, word: "private[0]", zone: 0, steps: []string{"architecture", "next"}},
	{id: "public-1", name: "public subnet", means: "The same in the second zone, a data centre of its own: the service outlives the loss of one.",
		types: []string{"aws_subnet"}, word: "public[1]", zone: 1, steps: []string{"architecture"}},
	{id: "private-1", name: "private subnet", means: "The same in the second zone.",
		types: []string{"aws_subnet"}, word: "private[1]", zone: 1, steps: []string{"architecture", "next"}},
	{id: "roles", name: "roles", short: "permissions", means: "What Fargate may do to start a task, and what the code in it may do.",
		types: []string{"aws_iam_role"}, steps: []string{"architecture"}},
	{id: "logs", name: "logs", short: "task output", means: "What the tasks print, each in a stream of its own.",
		types: []string{"aws_cloudwatch_log_group"}, not: "insights", steps: []string{"explore", "architecture"}},
	{id: "metrics", name: "metrics", short: "CPU, memory", means: "Container Insights measures CPU, memory and network of every task.",
		types: []string{"aws_cloudwatch_log_group"}, word: "insights", steps: []string{"explore", "architecture"}},
}

// Parts are the architecture's, tasks included, in the order in which the
// selection goes through them.
func Parts(in Input) []Part {
	var out []Part
	for _, d := range description {
		p := Part{ID: d.id, Name: d.name, Means: d.means, short: d.short, Steps: d.steps, zone: d.zone}
		worst := map[State]bool{}
		for a, s := range in.Resources {
			typ, name, _ := strings.Cut(a, ".")
			if slices.Contains(d.types, typ) && strings.Contains(name, d.word) && (d.not == "" || !strings.Contains(name, d.not)) {
				p.Addresses = append(p.Addresses, a)
				worst[s] = true
			}
		}
		slices.SortFunc(p.Addresses, func(a, b string) int {
			ta, tb := strings.SplitN(a, ".", 2)[0], strings.SplitN(b, ".", 2)[0]
			if d := slices.Index(d.types, ta) - slices.Index(d.types, tb); d != 0 {
				return d
			}
			return strings.Compare(a, b)
		})
		for _, s := range []State{Failing, Working, Planned, Up} {
			if worst[s] {
				p.State = s
				break
			}
		}
		live(&p, in)
		out = append(out, p)
		if d.id == "service" {
			out = append(out, tasks(in)...)
		}
	}
	return out
}

// live adds to a part what the service's picture says of it.
func live(p *Part, in Input) {
	s := in.Snapshot
	there := s != nil && s.Service.Status != ""
	switch p.ID {
	case "users":
		p.State = Up
		if in.URL != "" {
			p.Facts = append(p.Facts, clean.Line(in.URL))
		}
	case "vpc":
		if in.Network != "" {
			p.Facts = append(p.Facts, clean.Line(in.Network))
		}
	case "balancer":
		if !there {
			return
		}
		good, all := 0, 0
		for _, t := range s.Tasks {
			if t.Stopped == nil && t.Target != "" {
				all++
				if t.Target == "healthy" {
					good++
				}
			}
		}
		p.Facts = append(p.Facts, fmt.Sprintf("%d/%d healthy", good, all))
		if a, bad := answer(in); a != "" {
			p.Facts = append(p.Facts, a)
			if bad && p.State == Up && !in.Deploying {
				p.State = Failing
			}
		}
	case "service":
		if !there {
			return
		}
		v := s.Service
		p.Facts = append(p.Facts, fmt.Sprintf("%d/%d run", v.Running, v.Desired))
		if p.State == Absent {
			p.State = Working
		}
		switch {
		case v.Rollout == "FAILED":
			p.State = Failing
			p.Facts = append(p.Facts, "ECS has given up")
		case v.Running < v.Desired && hasFailed(s):
			p.State = Failing
			p.Facts = append(p.Facts, "tasks stop")
		case v.Running < v.Desired || v.Rollout == "IN_PROGRESS":
			if p.State == Up {
				p.State = Working
			}
			p.Facts = append(p.Facts, "rolling out")
		}
		if len(v.Deployments) > 0 {
			p.Facts = append(p.Facts, "revision "+clean.Line(v.Deployments[0].Revision[strings.LastIndexByte(v.Deployments[0].Revision, ':')+1:]))
		}
	}
}

// recently is for how long a task that stopped is part of the picture.
const recently = 2 * time.Minute

func hasFailed(s *fargate.Snapshot) bool {
	return slices.ContainsFunc(s.Tasks, func(t fargate.Task) bool { return t.Stopped != nil && s.AsOf.Sub(*t.Stopped) < recently })
}

// answer says how the URL answered the last time; empty where nobody asked.
func answer(in Input) (text string, bad bool) {
	if in.Snapshot == nil || in.Snapshot.Probe == nil {
		return "", false
	}
	switch p := in.Snapshot.Probe; {
	case p.Err != nil:
		return "no answer", true
	case p.Status >= 500:
		return fmt.Sprintf("answers %d", p.Status), true
	case p.Latency < time.Millisecond:
		return fmt.Sprintf("%d in <1 ms", p.Status), false
	default:
		return fmt.Sprintf("%d in %d ms", p.Status, p.Latency.Milliseconds()), false
	}
}

// tasks are those that live, and those that failed a moment ago.
func tasks(in Input) []Part {
	s := in.Snapshot
	if s == nil {
		return nil
	}
	zones := Zones(in)
	var out []Part
	var recipe []string // what Terraform makes them of
	for a := range in.Resources {
		if strings.HasPrefix(a, "aws_ecs_task_definition.") {
			recipe = append(recipe, a)
		}
	}
	slices.Sort(recipe)
	gone := 0
	for _, t := range s.Tasks {
		if t.Stopped != nil && (s.AsOf.Sub(*t.Stopped) >= recently || gone >= len(zones)) {
			continue
		}
		id := clean.Line(t.ID)
		p := Part{ID: "task:" + id, Name: id[:min(4, len(id))], Means: "One running copy of the task definition, with an address of its own.",
			Addresses: recipe, Steps: []string{"explore", "break", "architecture"}, zone: max(0, slices.Index(zones[:], t.Zone))}
		word := strings.ToLower(clean.Line(t.Status))
		p.State = Working
		switch {
		case t.Stopped != nil:
			gone++
			p.State, word = Failing, "stopped"
			if t.Answer != nil {
				p.Facts = append(p.Facts, word, clean.Line(t.Answer.What), clean.Line(t.Answer.Do))
				word = ""
			} else {
				word = "stopped: " + clean.Line(t.StoppedReason)
			}
		case t.Health == "UNHEALTHY":
			p.State, word = Failing, "unhealthy"
		case t.DesiredStatus == "STOPPED":
			word = "stopping"
		case t.Status == "RUNNING" && t.Health == "HEALTHY":
			p.State, word = Up, "healthy"
		case t.Status == "RUNNING":
			word = "running"
			if t.Target == "initial" {
				word = "being checked"
			}
		}
		if word != "" {
			p.Facts = append(p.Facts, word)
		}
		if t.Stopped == nil {
			if t.Address != "" {
				p.Facts = append(p.Facts, clean.Line(t.Address))
			}
			if u, ok := s.Usage[t.ID]; ok {
				p.Facts = append(p.Facts, fmt.Sprintf("cpu %.0f%%, %.0f MB", u.CPU, u.Memory))
			}
			if status := strings.ToLower(clean.Line(t.Status)); word != status {
				p.Facts = append(p.Facts, status)
			}
		}
		out = append(out, p)
	}
	return out
}

// Zones names the two availability zones, empty while nothing is known of them.
func Zones(in Input) [2]string {
	var known []string
	if in.Snapshot != nil {
		for _, t := range in.Snapshot.Tasks {
			if t.Zone != "" && !slices.Contains(known, t.Zone) {
				known = append(known, t.Zone)
			}
		}
	}
	slices.Sort(known)
	var out [2]string
	copy(out[:], known)
	if out[0] != "" && out[1] == "" && strings.HasSuffix(out[0], "b") { // the other zone has no task now
		out[0], out[1] = "", out[0]
	}
	return out
}

// private reports that tasks live in the private subnets, behind a NAT gateway.
func private(in Input) bool {
	for a := range in.Resources {
		if strings.HasPrefix(a, "aws_nat_gateway.") {
			return true
		}
	}
	return false
}
