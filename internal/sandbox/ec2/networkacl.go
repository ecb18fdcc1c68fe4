package ec2

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/wire"
)

// networkACL is a network access control list. The sandbox keeps its entries
// and asks nobody to obey them.
type networkACL struct {
	NetworkAclId   string
	VpcId          string
	OwnerId        string
	Default        bool
	ClientToken    string `wire:"-"`
	AssociationSet []aclAssociation
	EntrySet       []aclEntry
	TagSet         []tag `json:"-"`
}

type aclAssociation struct{ NetworkAclAssociationId, NetworkAclId, SubnetId string }

type aclEntry struct {
	RuleNumber    int
	Protocol      string
	RuleAction    string
	Egress        bool
	CidrBlock     string
	Ipv6CidrBlock string
	PortRange     *portRange
	IcmpTypeCode  *icmpTypeCode
}

type portRange struct{ From, To int }
type icmpTypeCode struct{ Type, Code int }

func (a networkACL) associations() []aclAssociation { return a.AssociationSet }
func (a networkACL) entries() []aclEntry            { return a.EntrySet }

func ported(get func(portRange) int) func(aclEntry) string {
	return func(e aclEntry) string {
		if e.PortRange == nil {
			return ""
		}
		return strconv.Itoa(get(*e.PortRange))
	}
}

func messages(get func(icmpTypeCode) int) func(aclEntry) string {
	return func(e aclEntry) string {
		if e.IcmpTypeCode == nil {
			return ""
		}
		return strconv.Itoa(get(*e.IcmpTypeCode))
	}
}

func aclResource(x *EC2) *resource[networkACL] {
	return &resource[networkACL]{
		name: "network-acl", prefix: "acl", parameter: "networkAclId", label: "networkAcl ID",
		notFound: "InvalidNetworkAclID.NotFound", malformed: "InvalidNetworkAclId.Malformed",
		id:    func(a networkACL) string { return a.NetworkAclId },
		token: func(a networkACL) string { return a.ClientToken },
		view:  func(a networkACL) networkACL { a.TagSet = x.tagSet(a.NetworkAclId); return a },
		filters: filters[networkACL]{
			"network-acl-id":             value(func(a networkACL) string { return a.NetworkAclId }),
			"vpc-id":                     value(func(a networkACL) string { return a.VpcId }),
			"owner-id":                   value(func(a networkACL) string { return a.OwnerId }),
			"default":                    text(func(a networkACL) bool { return a.Default }),
			"association.association-id": each(networkACL.associations, func(s aclAssociation) string { return s.NetworkAclAssociationId }),
			"association.network-acl-id": each(networkACL.associations, func(s aclAssociation) string { return s.NetworkAclId }),
			"association.subnet-id":      each(networkACL.associations, func(s aclAssociation) string { return s.SubnetId }),
			"entry.cidr":                 each(networkACL.entries, func(e aclEntry) string { return e.CidrBlock }),
			"entry.protocol":             each(networkACL.entries, func(e aclEntry) string { return e.Protocol }),
			"entry.rule-action":          each(networkACL.entries, func(e aclEntry) string { return e.RuleAction }),
			"entry.egress":               each(networkACL.entries, func(e aclEntry) string { return strconv.FormatBool(e.Egress) }),
			"entry.ipv6-cidr":            each(networkACL.entries, func(e aclEntry) string { return e.Ipv6CidrBlock }),
			"entry.port-range.from":      each(networkACL.entries, ported(func(p portRange) int { return p.From })),
			"entry.port-range.to":        each(networkACL.entries, ported(func(p portRange) int { return p.To })),
			"entry.icmp.type":            each(networkACL.entries, messages(func(m icmpTypeCode) int { return m.Type })),
			"entry.icmp.code":            each(networkACL.entries, messages(func(m icmpTypeCode) int { return m.Code })),
			"entry.rule-number":          each(networkACL.entries, func(e aclEntry) string { return strconv.Itoa(e.RuleNumber) }),
		},
	}
}

// lastRule is the entry that every list ends with and nobody can change: what
// nothing else lets through is denied.
const lastRule = 32767

func lastEntry(egress bool) aclEntry {
	return aclEntry{RuleNumber: lastRule, Protocol: "-1", RuleAction: "deny", Egress: egress, CidrBlock: "0.0.0.0/0"}
}

func (x *EC2) createDefaultACL(v vpc) {
	all := func(egress bool) aclEntry {
		return aclEntry{RuleNumber: 100, Protocol: "-1", RuleAction: "allow", Egress: egress, CidrBlock: "0.0.0.0/0"}
	}
	x.acls.create(networkACL{
		NetworkAclId: newID("acl"), VpcId: v.VpcId, OwnerId: account.ID, Default: true,
		EntrySet: []aclEntry{all(true), lastEntry(true), all(false), lastEntry(false)},
	}, nil)
}

func (x *EC2) defaultACL(vpcID string) networkACL {
	for _, a := range x.acls.All() {
		if a.VpcId == vpcID && a.Default {
			return a
		}
	}
	return networkACL{} // every VPC has one
}

func (x *EC2) associateDefaultACL(s subnet) {
	x.associateACL(x.defaultACL(s.VpcId), s.SubnetId)
}

func (x *EC2) associateACL(a networkACL, subnetID string) string {
	n := aclAssociation{newID("aclassoc"), a.NetworkAclId, subnetID}
	a.AssociationSet = with(a.AssociationSet, n)
	x.acls.Put(a.NetworkAclId, a)
	return n.NetworkAclAssociationId
}

func (x *EC2) aclOperations(s *wire.Service) {
	wire.Handle(s, "CreateNetworkAcl", x.createACL)
	wire.Handle(s, "DeleteNetworkAcl", x.deleteACL)
	wire.Handle(s, "DescribeNetworkAcls", x.describeACLs)
	wire.Handle(s, "ReplaceNetworkAclAssociation", x.replaceACLAssociation)
	wire.Handle(s, "CreateNetworkAclEntry", x.createACLEntry)
	wire.Handle(s, "ReplaceNetworkAclEntry", x.replaceACLEntry)
	wire.Handle(s, "DeleteNetworkAclEntry", x.deleteACLEntry)
}

type createACLIn struct {
	DryRun           bool
	ClientToken      string
	VpcId            string
	TagSpecification []tagSpecification
}

type aclOut struct {
	NetworkAcl  networkACL
	ClientToken string
}

func (x *EC2) createACL(_ context.Context, in *createACLIn) (*aclOut, error) {
	if a, ok := x.acls.made(in.ClientToken); ok {
		return &aclOut{a, in.ClientToken}, nil
	}
	v, err := x.vpcs.find(in.VpcId)
	if err != nil {
		return nil, err
	}
	tags, err := specified("network-acl", in.TagSpecification)
	if err != nil {
		return nil, err
	}
	return &aclOut{x.acls.create(networkACL{
		NetworkAclId: newID("acl"), VpcId: v.VpcId, OwnerId: account.ID, ClientToken: in.ClientToken, EntrySet: []aclEntry{lastEntry(true), lastEntry(false)},
	}, tags), in.ClientToken}, nil
}

type aclIn struct {
	DryRun       bool
	NetworkAclId string
}

func (x *EC2) deleteACL(_ context.Context, in *aclIn) (*done, error) {
	a, err := x.acls.find(in.NetworkAclId)
	if err != nil {
		return nil, err
	}
	if a.Default {
		return nil, invalid("cannot delete default network ACL %s", a.NetworkAclId)
	}
	if len(a.AssociationSet) > 0 {
		return nil, wire.Errorf("DependencyViolation", "The networkAcl '%s' has dependencies and cannot be deleted.", a.NetworkAclId)
	}
	x.acls.remove(a.NetworkAclId)
	return nil, nil
}

type describeACLsIn struct {
	DryRun       bool
	NetworkAclId []string
	Filter       []filter
	MaxResults   *int
	NextToken    *string
}

type describeACLsOut struct {
	NetworkAclSet []networkACL
	NextToken     *string
}

func (x *EC2) describeACLs(_ context.Context, in *describeACLsIn) (*describeACLsOut, error) {
	set, next, err := x.acls.describe(in.NetworkAclId, in.Filter, in.MaxResults, in.NextToken)
	return &describeACLsOut{set, next}, err
}

type replaceACLAssociationIn struct {
	DryRun        bool
	AssociationId string
	NetworkAclId  string
}

type replaceACLAssociationOut struct{ NewAssociationId string }

func (x *EC2) replaceACLAssociation(_ context.Context, in *replaceACLAssociationIn) (*replaceACLAssociationOut, error) {
	to, err := x.acls.find(in.NetworkAclId)
	if err != nil {
		return nil, err
	}
	is := func(s aclAssociation) bool { return s.NetworkAclAssociationId == in.AssociationId }
	for id, from := range x.acls.All() {
		i := slices.IndexFunc(from.AssociationSet, is)
		if i < 0 {
			continue
		}
		if from.VpcId != to.VpcId {
			return nil, invalid("Network ACL %s and subnet %s belong to different networks", to.NetworkAclId, from.AssociationSet[i].SubnetId)
		}
		subnetID := from.AssociationSet[i].SubnetId
		from.AssociationSet = without(from.AssociationSet, is)
		x.acls.Put(id, from)
		to, _ = x.acls.Get(to.NetworkAclId)
		return &replaceACLAssociationOut{x.associateACL(to, subnetID)}, nil
	}
	return nil, noAssociation(in.AssociationId)
}

type aclEntryIn struct {
	DryRun        bool
	NetworkAclId  string
	RuleNumber    int
	Protocol      string
	RuleAction    string
	Egress        bool
	CidrBlock     string
	Ipv6CidrBlock string
	PortRange     *portRange
	Icmp          *icmpTypeCode
}

// entry checks what an entry says.
func (in *aclEntryIn) entry() (aclEntry, error) {
	e := aclEntry{
		RuleNumber: in.RuleNumber, Protocol: strings.ToLower(in.Protocol), RuleAction: in.RuleAction, Egress: in.Egress,
		CidrBlock: in.CidrBlock, Ipv6CidrBlock: in.Ipv6CidrBlock, PortRange: in.PortRange, IcmpTypeCode: in.Icmp,
	}
	for number, name := range protocols { // this list has numbers where rules have names
		if e.Protocol == name {
			e.Protocol = number
		}
	}
	if e.Protocol == "all" {
		e.Protocol = "-1"
	}
	if in.RuleNumber < 1 || in.RuleNumber >= lastRule {
		return e, invalid("Value (%d) for parameter ruleNumber is invalid. Rule numbers are between 1 and 32766.", in.RuleNumber)
	}
	if (in.CidrBlock == "") == (in.Ipv6CidrBlock == "") {
		return e, wire.Errorf("MissingParameter", "The request must contain exactly one of cidrBlock and ipv6CidrBlock")
	}
	var err error
	if in.CidrBlock != "" {
		e.CidrBlock, err = cidr(in.CidrBlock, false)
	} else {
		e.Ipv6CidrBlock, err = cidr(in.Ipv6CidrBlock, true)
	}
	if (e.Protocol == "6" || e.Protocol == "17") && e.PortRange == nil && err == nil {
		err = missing("portRange")
	}
	return e, err
}

// aclWithEntry finds the list and the place in it of the entry that a request is
// about, -1 if there is none.
func (x *EC2) aclWithEntry(in *aclEntryIn) (networkACL, int, error) {
	a, err := x.acls.find(in.NetworkAclId)
	return a, slices.IndexFunc(a.EntrySet, func(e aclEntry) bool {
		return e.RuleNumber == in.RuleNumber && e.Egress == in.Egress
	}), err
}

func (x *EC2) createACLEntry(_ context.Context, in *aclEntryIn) (*done, error) {
	a, i, err := x.aclWithEntry(in)
	if err != nil {
		return nil, err
	}
	e, err := in.entry()
	if err != nil {
		return nil, err
	}
	if i >= 0 {
		return nil, wire.Errorf("NetworkAclEntryAlreadyExists", "The network acl entry identified by %d already exists.", in.RuleNumber)
	}
	a.EntrySet = with(a.EntrySet, e)
	slices.SortStableFunc(a.EntrySet, func(p, q aclEntry) int {
		if p.Egress != q.Egress {
			if p.Egress {
				return -1
			}
			return 1
		}
		return p.RuleNumber - q.RuleNumber
	})
	x.acls.Put(a.NetworkAclId, a)
	return nil, nil
}

func (x *EC2) noEntry(in *aclEntryIn) error {
	return wire.Errorf("InvalidNetworkAclEntry.NotFound", "The network acl entry identified by %d does not exist.", in.RuleNumber)
}

func (x *EC2) replaceACLEntry(_ context.Context, in *aclEntryIn) (*done, error) {
	a, i, err := x.aclWithEntry(in)
	if err != nil {
		return nil, err
	}
	e, err := in.entry()
	if err != nil {
		return nil, err
	}
	if i < 0 {
		return nil, x.noEntry(in)
	}
	a.EntrySet = slices.Clone(a.EntrySet)
	a.EntrySet[i] = e
	x.acls.Put(a.NetworkAclId, a)
	return nil, nil
}

func (x *EC2) deleteACLEntry(_ context.Context, in *aclEntryIn) (*done, error) {
	a, i, err := x.aclWithEntry(in)
	if err != nil {
		return nil, err
	}
	if i < 0 {
		return nil, x.noEntry(in)
	}
	if in.RuleNumber == lastRule {
		return nil, invalid("cannot delete the last entry of network ACL %s", a.NetworkAclId)
	}
	a.EntrySet = slices.Delete(slices.Clone(a.EntrySet), i, i+1)
	x.acls.Put(a.NetworkAclId, a)
	return nil, nil
}
