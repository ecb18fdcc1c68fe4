// Package sweep knows what in an AWS account belongs to a deployment of this
// workshop. It asks AWS instead of believing Terraform's state: what is there
// (Sweep, Everything), what the state has lost (Lost), what holds a deletion
// (Holders). Remove deletes by API what Terraform cannot.
package sweep

import (
	"errors"
	"slices"
	"time"
)

// Names of the tags that default_tags puts on every resource, and the value of
// the first one. What carries WorkshopTag with that value and Tag with a
// workspace's id belongs to that workspace; nothing else does.
const (
	WorkshopTag = "Workshop"
	Workshop    = "fargate-with-terraform"
	Tag         = "Workspace"
	// RoomTag is the tag of a deployment in a guided session: the room's name.
	RoomTag = "Room"
)

// Scope says whose resources to look for.
type Scope struct {
	// WorkspaceID is the value of the tag Workspace. It must not be empty.
	WorkspaceID string
	// Workshop is the value of the tag Workshop, as WorkshopOf reads it; empty is
	// the constant Workshop, the bundled configuration's.
	Workshop string
	// Name is what names begin with: the configuration's variable name. It must
	// not be empty.
	Name string
	// Region is where to look; empty is the configuration's.
	Region string
}

func (s Scope) check() error {
	if s.WorkspaceID == "" || s.Name == "" {
		return errors.New("sweep: the workspace's id and name must be known, or resources of others would be listed")
	}
	return nil
}

// The names that the bundled configuration gives to what can exist without
// tags. They are compared as a whole, or as whole elements of a path.

// stackName is local.name of network.tf: the name of the cluster, the load
// balancer and so on.
func (s Scope) stackName() string { return s.Name + "-" + s.WorkspaceID }

// insightsGroup is the log group that Container Insights makes for a cluster,
// again after it was deleted, and without tags.
func insightsGroup(cluster string) string {
	return "/aws/ecs/containerinsights/" + cluster + "/performance"
}

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
func (r Report) Complete() bool { return len(unanswered(r.Places)) == 0 }

// Unanswered returns the questions that AWS did not answer, with the reasons.
func (r Report) Unanswered() []Place { return unanswered(r.Places) }

func unanswered(places []Place) []Place {
	return slices.DeleteFunc(slices.Clone(places), func(p Place) bool { return p.Err == "" })
}

// Leftover is a resource that still exists. Its fields are what Lost, Remove and
// a screen need to know of it; AWS's own words in it are made safe to print.
type Leftover struct {
	Kind string `json:"kind"` // as in Place.Name
	// ID is what EC2 calls the resource (vpc-1), the name of a log group, the
	// resource id of a scaling target, and the ARN of everything else.
	ID   string `json:"id"`
	ARN  string `json:"arn,omitempty"` // where AWS gives one
	Name string `json:"name,omitempty"`
	Note string `json:"note,omitempty"` // e.g. that it costs money, or is deleted by AWS on its own
	// Parent is what it lives in: the cluster's ARN of a service or task.
	Parent    string `json:"parent,omitempty"`
	Workspace string `json:"workspace,omitempty"` // value of the tag Workspace
	Room      string `json:"room,omitempty"`      // value of the tag Room
	// Created is zero where AWS does not say: networks have no such time.
	Created time.Time `json:"created,omitzero"`
	// ByAWS is set for what AWS makes and deletes by itself along with another
	// resource: network interfaces of tasks and load balancers, tasks of a
	// service, a VPC's default security group and main route table.
	ByAWS bool `json:"by_aws,omitempty"`
}

// Costs reports whether AWS charges for the resource by the hour.
func (l Leftover) Costs() bool { return kindNamed(l.Kind).costs }

// Lost returns what Terraform's state does not know, in the order in which Remove
// deletes it: of left (a Report's Left) that of which neither ID nor ARN is
// among known, the values of id and arn of all resources in the state. What AWS
// deletes by itself along with something else is never lost.
func Lost(left []Leftover, known []string) []Leftover {
	in := make(map[string]bool, len(known))
	for _, k := range known {
		in[k] = true
	}
	var lost []Leftover
	for _, l := range left {
		if !l.ByAWS && !in[l.ID] && (l.ARN == "" || !in[l.ARN]) {
			lost = append(lost, l)
		}
	}
	return inOrder(lost)
}
