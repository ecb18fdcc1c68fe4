package ec2

import (
	"context"
	"net/netip"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/wire"
)

type vpc struct {
	VpcId                   string
	CidrBlock               string
	CidrBlockAssociationSet []cidrAssociation
	DhcpOptionsId           string
	InstanceTenancy         string
	IsDefault               bool
	OwnerId                 string
	State                   string
	TagSet                  []tag `json:"-"`

	DNSSupport   bool `wire:"-"`
	DNSHostnames bool `wire:"-"`
	UsageMetrics bool `wire:"-"`
}

type cidrAssociation struct {
	AssociationId  string
	CidrBlock      string
	CidrBlockState state
}

// state is how EC2 wraps the state of an association.
type state struct{ State string }

func vpcResource(x *EC2) *resource[vpc] {
	return &resource[vpc]{
		name: "vpc", prefix: "vpc", parameter: "vpcId", label: "vpc ID",
		notFound: "InvalidVpcID.NotFound", malformed: "InvalidVpcID.Malformed",
		id:   func(v vpc) string { return v.VpcId },
		view: func(v vpc) vpc { v.TagSet = x.tagSet(v.VpcId); return v },
		filters: filters[vpc]{
			"vpc-id":          value(func(v vpc) string { return v.VpcId }),
			"cidr":            value(func(v vpc) string { return v.CidrBlock }),
			"cidr-block":      value(func(v vpc) string { return v.CidrBlock }),
			"cidrBlock":       value(func(v vpc) string { return v.CidrBlock }),
			"dhcp-options-id": value(func(v vpc) string { return v.DhcpOptionsId }),
			"is-default":      text(func(v vpc) bool { return v.IsDefault }),
			"isDefault":       text(func(v vpc) bool { return v.IsDefault }),
			"owner-id":        value(func(v vpc) string { return v.OwnerId }),
			"state":           value(func(v vpc) string { return v.State }),
			"ipv6-cidr-block-association.association-id":  never[vpc],
			"ipv6-cidr-block-association.ipv6-cidr-block": never[vpc],
			"ipv6-cidr-block-association.ipv6-pool":       never[vpc],
			"ipv6-cidr-block-association.state":           never[vpc],
			"cidr-block-association.association-id":       each(vpc.cidrs, func(a cidrAssociation) string { return a.AssociationId }),
			"cidr-block-association.cidr-block":           each(vpc.cidrs, func(a cidrAssociation) string { return a.CidrBlock }),
			"cidr-block-association.state":                each(vpc.cidrs, func(a cidrAssociation) string { return a.CidrBlockState.State }),
		},
	}
}

func (v vpc) cidrs() []cidrAssociation { return v.CidrBlockAssociationSet }

// VPC reports whether there is a VPC with that id.
func (x *EC2) VPC(id string) bool { return x.vpcs.has(id) }

func (x *EC2) vpcOperations(s *wire.Service) {
	wire.Handle(s, "CreateVpc", x.createVPC)
	wire.Handle(s, "CreateDefaultVpc", x.createDefaultVPC)
	wire.Handle(s, "DeleteVpc", x.deleteVPC)
	wire.Handle(s, "DescribeVpcs", x.describeVPCs)
	wire.Handle(s, "DescribeVpcAttribute", x.describeVPCAttribute)
	wire.Handle(s, "ModifyVpcAttribute", x.modifyVPCAttribute)
}

// block reads the CIDR block of a VPC or subnet, in its canonical form. Code is
// what a block that is too large or too small gets.
func block(cidr, code string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(cidr)
	if err != nil || !p.Addr().Is4() {
		return p, invalid("Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.", cidr)
	}
	if p.Bits() < 16 || p.Bits() > 28 {
		return p, wire.Errorf(code, "The CIDR '%s' is invalid.", cidr)
	}
	return p.Masked(), nil
}

type createVPCIn struct {
	DryRun                      bool
	CidrBlock                   string
	InstanceTenancy             string
	AmazonProvidedIpv6CidrBlock bool
	Ipv6CidrBlock               string
	TagSpecification            []tagSpecification
}

type vpcOut struct{ Vpc vpc }

func (x *EC2) createVPC(_ context.Context, in *createVPCIn) (*vpcOut, error) {
	if in.CidrBlock == "" {
		return nil, missing("cidrBlock")
	}
	if in.AmazonProvidedIpv6CidrBlock || in.Ipv6CidrBlock != "" {
		return nil, unsupported("IPv6")
	}
	cidr, err := block(in.CidrBlock, "InvalidVpc.Range")
	if err != nil {
		return nil, err
	}
	tags, err := specified("vpc", in.TagSpecification)
	if err != nil {
		return nil, err
	}
	if in.InstanceTenancy == "" {
		in.InstanceTenancy = "default"
	}
	out := x.newVPC(cidr.String(), in.InstanceTenancy, tags)
	out.State = "pending"
	return &vpcOut{out}, nil
}

// newVPC makes a VPC with what each has: a route table, a network ACL and a group.
func (x *EC2) newVPC(cidr, tenancy string, tags map[string]string) vpc {
	v := vpc{
		VpcId: newID("vpc"), CidrBlock: cidr, InstanceTenancy: tenancy,
		DhcpOptionsId: dhcpOptionsID, OwnerId: account.ID, State: "available", DNSSupport: true,
	}
	v.CidrBlockAssociationSet = []cidrAssociation{{newID("vpc-cidr-assoc"), v.CidrBlock, state{"associated"}}}
	out := x.vpcs.create(v, tags)
	x.createMainRouteTable(v)
	x.createDefaultACL(v)
	x.createDefaultGroup(v)
	return out
}

type vpcIn struct {
	DryRun bool
	VpcId  string
}

// deleteVPC deletes a VPC with what AWS made along with it, and refuses as long
// as it holds anything else.
func (x *EC2) deleteVPC(_ context.Context, in *vpcIn) (*done, error) {
	v, err := x.vpcs.find(in.VpcId)
	if err != nil {
		return nil, err
	}
	id := v.VpcId
	if x.subnets.any(func(s subnet) bool { return s.VpcId == id }) ||
		x.interfaces.any(func(n networkInterface) bool { return n.VpcId == id }) ||
		x.gateways.any(func(g internetGateway) bool { return g.attached(id) }) ||
		x.groups.any(func(g securityGroup) bool { return g.VpcId == id && !g.isDefault() }) ||
		x.routeTables.any(func(t routeTable) bool { return t.VpcId == id && !t.main() }) ||
		x.endpoints.any(func(e vpcEndpoint) bool { return e.VpcId == id }) ||
		x.acls.any(func(a networkACL) bool { return a.VpcId == id && !a.Default }) {
		return nil, wire.Errorf("DependencyViolation", "The vpc '%s' has dependencies and cannot be deleted.", id)
	}
	for _, g := range x.groups.only(func(g securityGroup) bool { return g.VpcId == id }) {
		x.removeGroup(g.GroupId)
	}
	for _, t := range x.routeTables.only(func(t routeTable) bool { return t.VpcId == id }) {
		x.routeTables.remove(t.RouteTableId)
	}
	for _, a := range x.acls.only(func(a networkACL) bool { return a.VpcId == id }) {
		x.acls.remove(a.NetworkAclId)
	}
	x.vpcs.remove(id)
	return nil, nil
}

type describeVPCsIn struct {
	DryRun     bool
	VpcId      []string
	Filter     []filter
	MaxResults *int
	NextToken  *string
}

type describeVPCsOut struct {
	VpcSet    []vpc
	NextToken *string
}

func (x *EC2) describeVPCs(_ context.Context, in *describeVPCsIn) (*describeVPCsOut, error) {
	set, next, err := x.vpcs.describe(in.VpcId, in.Filter, in.MaxResults, in.NextToken)
	return &describeVPCsOut{set, next}, err
}

// truth is how EC2 wraps an attribute that is true or false.
type truth struct{ Value bool }

type vpcAttributeIn struct {
	DryRun    bool
	VpcId     string
	Attribute string
}

type vpcAttributeOut struct {
	VpcId                            string
	EnableDnsHostnames               *truth
	EnableDnsSupport                 *truth
	EnableNetworkAddressUsageMetrics *truth
}

func (x *EC2) describeVPCAttribute(_ context.Context, in *vpcAttributeIn) (*vpcAttributeOut, error) {
	v, err := x.vpcs.find(in.VpcId)
	if err != nil {
		return nil, err
	}
	out := &vpcAttributeOut{VpcId: v.VpcId}
	switch in.Attribute {
	case "enableDnsHostnames":
		out.EnableDnsHostnames = &truth{v.DNSHostnames}
	case "enableDnsSupport":
		out.EnableDnsSupport = &truth{v.DNSSupport}
	case "enableNetworkAddressUsageMetrics":
		out.EnableNetworkAddressUsageMetrics = &truth{v.UsageMetrics}
	case "":
		return nil, missing("attribute")
	default:
		return nil, invalid("Value (%s) for parameter attribute is invalid. Unknown attribute.", in.Attribute)
	}
	return out, nil
}

type modifyVPCAttributeIn struct {
	VpcId                            string
	EnableDnsHostnames               *truth
	EnableDnsSupport                 *truth
	EnableNetworkAddressUsageMetrics *truth
}

func (x *EC2) modifyVPCAttribute(_ context.Context, in *modifyVPCAttributeIn) (*done, error) {
	v, err := x.vpcs.find(in.VpcId)
	if err != nil {
		return nil, err
	}
	set(&v.DNSHostnames, in.EnableDnsHostnames)
	set(&v.DNSSupport, in.EnableDnsSupport)
	set(&v.UsageMetrics, in.EnableNetworkAddressUsageMetrics)
	x.vpcs.Put(v.VpcId, v)
	return nil, nil
}

func set(attribute *bool, to *truth) {
	if to != nil {
		*attribute = to.Value
	}
}

// dhcpOptionsID names the one set of DHCP options that there is.
const dhcpOptionsID = "dopt-00000000000000d0c"
