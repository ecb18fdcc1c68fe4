package ec2

import (
	"context"
	"slices"

	"workshop/internal/sandbox/wire"
)

// prefixList is the address blocks of an AWS service. Customers cannot make
// lists of their own here.
type prefixList struct {
	CidrSet        []string
	PrefixListId   string
	PrefixListName string
}

// gatewayPrefixes are the lists of the services with gateway endpoints.
var gatewayPrefixes = map[string]prefixList{
	"s3":       {PrefixListId: "pl-6da54004", CidrSet: []string{"52.92.0.0/17", "52.218.0.0/17", "3.5.64.0/21"}},
	"dynamodb": {PrefixListId: "pl-6fa54006", CidrSet: []string{"52.94.5.0/24", "52.94.24.0/23"}},
}

// prefixLists returns the lists in the order of their names.
func (x *EC2) prefixLists() []prefixList {
	var out []prefixList
	for _, short := range []string{"dynamodb", "s3"} {
		p := gatewayPrefixes[short]
		p.PrefixListName = x.serviceName(short)
		out = append(out, p)
	}
	return out
}

// prefixList finds a list by its id, or returns an error with that code: the
// operations do not agree on its spelling.
func (x *EC2) prefixList(id, notFound string) (prefixList, error) {
	for _, p := range x.prefixLists() {
		if p.PrefixListId == id {
			return p, nil
		}
	}
	return prefixList{}, wire.Errorf(notFound, "The prefix list ID '%s' does not exist", id)
}

// chosen returns the lists with the ids that are asked for, or all if none is,
// that pass the filters.
func (x *EC2) chosen(in *prefixListsIn, notFound string, known filters[prefixList]) ([]prefixList, error) {
	ids := in.PrefixListId
	for _, id := range ids {
		if _, err := x.prefixList(id, notFound); err != nil {
			return nil, err
		}
	}
	rows := x.prefixLists()
	if len(ids) > 0 {
		rows = slices.DeleteFunc(rows, func(p prefixList) bool { return !slices.Contains(ids, p.PrefixListId) })
	}
	return sift(rows, in.Filter, known, nil)
}

var (
	prefixListFilters = filters[prefixList]{
		"prefix-list-id":   value(func(p prefixList) string { return p.PrefixListId }),
		"prefix-list-name": value(func(p prefixList) string { return p.PrefixListName }),
	}
	managedPrefixListFilters = filters[prefixList]{
		"owner-id":         func(prefixList) []string { return []string{prefixListOwner} },
		"prefix-list-id":   prefixListFilters["prefix-list-id"],
		"prefix-list-name": prefixListFilters["prefix-list-name"],
	}
)

// prefixListOwner is the owner of the lists that AWS manages, as their answers
// and "Work with AWS-managed prefix lists" in the VPC guide name it.
const prefixListOwner = "AWS"

func (x *EC2) prefixListOperations(s *wire.Service) {
	wire.Handle(s, "DescribePrefixLists", x.describePrefixLists)
	wire.Handle(s, "DescribeManagedPrefixLists", x.describeManagedPrefixLists)
	wire.Handle(s, "GetManagedPrefixListEntries", x.prefixListEntries)
}

type prefixListsIn struct {
	DryRun       bool
	PrefixListId []string
	Filter       []filter
	MaxResults   *int
	NextToken    *string
}

type prefixListsOut struct {
	PrefixListSet []prefixList
	NextToken     *string
}

func (x *EC2) describePrefixLists(_ context.Context, in *prefixListsIn) (*prefixListsOut, error) {
	rows, err := x.chosen(in, "InvalidPrefixListId.NotFound", prefixListFilters)
	if err != nil {
		return nil, err
	}
	set, next, err := page(rows, in.MaxResults, in.NextToken)
	return &prefixListsOut{set, next}, err
}

// managedPrefixList has neither a version nor a maximum of entries: AWS does not
// say those of its own lists.
type managedPrefixList struct {
	PrefixListId   string
	PrefixListName string
	PrefixListArn  string
	AddressFamily  string
	State          string
	OwnerId        string
}

type managedPrefixListsOut struct {
	PrefixListSet []managedPrefixList
	NextToken     *string
}

func (x *EC2) describeManagedPrefixLists(_ context.Context, in *prefixListsIn) (*managedPrefixListsOut, error) {
	rows, err := x.chosen(in, noPrefixList, managedPrefixListFilters)
	if err != nil {
		return nil, err
	}
	out := &managedPrefixListsOut{}
	rows, out.NextToken, err = managedPage(rows, in.MaxResults, in.NextToken)
	for _, p := range rows {
		out.PrefixListSet = append(out.PrefixListSet, managedPrefixList{
			PrefixListId: p.PrefixListId, PrefixListName: p.PrefixListName, OwnerId: prefixListOwner, AddressFamily: "IPv4", State: "create-complete",
			PrefixListArn: "arn:aws:ec2:" + x.account.Region + ":aws:prefix-list/" + p.PrefixListId,
		})
	}
	return out, err
}

// noPrefixList is the error code of most operations for a list that is missing.
const noPrefixList = "InvalidPrefixListID.NotFound"

// managedPage cuts one page of at most 100, by botocore's model the largest.
func managedPage[T any](rows []T, max *int, token *string) ([]T, *string, error) {
	limit := 100
	if max != nil {
		limit = min(*max, limit)
	}
	return wire.Page(rows, token, limit, "InvalidParameterValue")
}

type prefixListEntriesIn struct {
	DryRun       bool
	PrefixListId string
	MaxResults   *int
	NextToken    *string
}

type prefixListEntry struct{ Cidr string }

type prefixListEntriesOut struct {
	EntrySet  []prefixListEntry
	NextToken *string
}

func (x *EC2) prefixListEntries(_ context.Context, in *prefixListEntriesIn) (*prefixListEntriesOut, error) {
	if in.PrefixListId == "" {
		return nil, missing("prefixListId")
	}
	p, err := x.prefixList(in.PrefixListId, noPrefixList)
	if err != nil {
		return nil, err
	}
	var rows []prefixListEntry
	for _, c := range p.CidrSet {
		rows = append(rows, prefixListEntry{c})
	}
	set, next, err := managedPage(rows, in.MaxResults, in.NextToken)
	return &prefixListEntriesOut{set, next}, err
}
