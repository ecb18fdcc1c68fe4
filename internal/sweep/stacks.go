package sweep

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Filter selects deployments of a workshop in an account that several people
// use.
type Filter struct {
	// Workshop is the value of the tag Workshop; empty is the constant Workshop.
	Workshop string
	// Name is what names begin with, as in Scope. It must not be empty.
	Name   string
	Region string // empty is the configuration's
	Room   string // value of the tag Room; empty selects every room, and none
	// OlderThan leaves out deployments whose oldest resource is younger, and
	// those of which AWS tells no age.
	OlderThan time.Duration
}

// Account is what Everything found.
type Account struct {
	AsOf   time.Time `json:"as_of"`
	Places []Place   `json:"places"` // what was asked, over all deployments
	Stacks []Stack   `json:"stacks"` // the oldest first
}

// Complete reports whether every question was answered.
func (a Account) Complete() bool { return len(unanswered(a.Places)) == 0 }

// Unanswered returns the questions that AWS did not answer, with the reasons.
func (a Account) Unanswered() []Place { return unanswered(a.Places) }

// Stack is one deployment: what carries one workspace's tags.
type Stack struct {
	Workspace string `json:"workspace"`
	Room      string `json:"room,omitempty"`
	// Oldest is when its oldest resource was made, as far as AWS tells; zero where
	// AWS tells it of none. Networks have no such time.
	Oldest time.Time  `json:"oldest,omitzero"`
	Left   []Leftover `json:"left"`
	// IAMOnly is set where nothing but IAM's roles and policies was found. They
	// belong to no Region: what uses them may run in another one, so they must not
	// be deleted on the strength of this list.
	IAMOnly bool `json:"iam_only,omitempty"`
}

// Scope is the deployment's, for Remove and Holders.
func (f Filter) Scope(s Stack) Scope {
	return Scope{WorkspaceID: s.Workspace, Workshop: f.Workshop, Name: f.Name, Region: f.Region}
}

// Costly are the resources that AWS charges for by the hour.
func (s Stack) Costly() []Leftover {
	return slices.DeleteFunc(slices.Clone(s.Left), func(l Leftover) bool { return !l.Costs() })
}

// Everything lists all deployments of the workshop in the account and Region
// that the filter selects. It asks the same questions as Sweep, once for all.
// What carries no tags is found as long as its cluster is there.
func Everything(ctx context.Context, cfg aws.Config, f Filter) (Account, error) {
	if f.Name == "" {
		return Account{}, errors.New("sweep: the name that the resources begin with must be known")
	}
	r, err := connect(cfg, Scope{Workshop: f.Workshop, Name: f.Name, Region: f.Region}).sweep(ctx)
	if err != nil {
		return Account{}, err
	}
	return Account{AsOf: r.AsOf, Places: r.Places, Stacks: f.selected(r)}, nil
}

// selected groups a report by workspaces.
func (f Filter) selected(r Report) []Stack {
	byID := map[string]*Stack{}
	for _, l := range r.Left {
		s := byID[l.Workspace]
		if s == nil {
			s = &Stack{Workspace: l.Workspace, IAMOnly: true}
			byID[l.Workspace] = s
		}
		s.Left = append(s.Left, l)
		s.IAMOnly = s.IAMOnly && (l.Kind == roles || l.Kind == policies)
		s.Room = cmp.Or(s.Room, l.Room)
		if !l.Created.IsZero() && (s.Oldest.IsZero() || l.Created.Before(s.Oldest)) {
			s.Oldest = l.Created.UTC()
		}
	}
	stacks := []Stack{}
	for _, s := range byID {
		young := f.OlderThan > 0 && (s.Oldest.IsZero() || r.AsOf.Sub(s.Oldest) < f.OlderThan)
		if !young && (f.Room == "" || s.Room == f.Room) {
			stacks = append(stacks, *s)
		}
	}
	slices.SortFunc(stacks, func(a, b Stack) int {
		return cmp.Or(a.Oldest.Compare(b.Oldest), cmp.Compare(a.Workspace, b.Workspace))
	})
	return stacks
}
