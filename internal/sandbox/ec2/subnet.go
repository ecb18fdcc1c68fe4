package ec2

import (
	"context"
	"net/netip"
	"strings"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/wire"
)

type subnet struct {
	SubnetId                      string
	SubnetArn                     string
	VpcId                         string
	CidrBlock                     string
	AvailabilityZone              string
	AvailabilityZoneId            string
	AvailableIpAddressCount       int `json:"-"`
	OwnerId                       string
	State                         string
	DefaultForAz                  bool
	MapPublicIpOnLaunch           bool
	MapCustomerOwnedIpOnLaunch    bool
	AssignIpv6AddressOnCreation   bool
	EnableDns64                   bool
	Ipv6Native                    bool
	Ipv6CidrBlockAssociationSet   []struct{} `json:"-"`
	PrivateDnsNameOptionsOnLaunch nameOptions
	TagSet                        []tag `json:"-"`
}

type nameOptions struct {
	HostnameType                    string
	EnableResourceNameDnsARecord    bool
	EnableResourceNameDnsAAAARecord bool
}

func subnetResource(x *EC2) *resource[subnet] {
	return &resource[subnet]{
		name: "subnet", prefix: "subnet", parameter: "subnetId", label: "subnet ID",
		notFound: "InvalidSubnetID.NotFound", malformed: "InvalidSubnetID.Malformed",
		id: func(s subnet) string { return s.SubnetId },
		view: func(s subnet) subnet {
			s.AvailableIpAddressCount = s.size() - len(x.taken(s.SubnetId))
			s.TagSet = x.tagSet(s.SubnetId)
			return s
		},
		filters: filters[subnet]{
			"subnet-id":                  value(func(s subnet) string { return s.SubnetId }),
			"subnet-arn":                 value(func(s subnet) string { return s.SubnetArn }),
			"vpc-id":                     value(func(s subnet) string { return s.VpcId }),
			"cidr":                       value(func(s subnet) string { return s.CidrBlock }),
			"cidr-block":                 value(func(s subnet) string { return s.CidrBlock }),
			"cidrBlock":                  value(func(s subnet) string { return s.CidrBlock }),
			"availability-zone":          value(func(s subnet) string { return s.AvailabilityZone }),
			"availabilityZone":           value(func(s subnet) string { return s.AvailabilityZone }),
			"availability-zone-id":       value(func(s subnet) string { return s.AvailabilityZoneId }),
			"availabilityZoneId":         value(func(s subnet) string { return s.AvailabilityZoneId }),
			"available-ip-address-count": text(func(s subnet) int { return s.AvailableIpAddressCount }),
			"default-for-az":             text(func(s subnet) bool { return s.DefaultForAz }),
			"defaultForAz":               text(func(s subnet) bool { return s.DefaultForAz }),
			"map-public-ip-on-launch":    text(func(s subnet) bool { return s.MapPublicIpOnLaunch }),
			"owner-id":                   value(func(s subnet) string { return s.OwnerId }),
			"enable-dns64":               text(func(s subnet) bool { return s.EnableDns64 }),
			"ipv6-native":                text(func(s subnet) bool { return s.Ipv6Native }),
			"outpost-arn":                never[subnet],
			"customer-owned-ipv4-pool":   never[subnet],
			"enable-lni-at-device-index": never[subnet],

			"map-customer-owned-ip-on-launch":                                         text(func(s subnet) bool { return s.MapCustomerOwnedIpOnLaunch }),
			"ipv6-cidr-block-association.association-id":                              never[subnet],
			"ipv6-cidr-block-association.ipv6-cidr-block":                             never[subnet],
			"ipv6-cidr-block-association.state":                                       never[subnet],
			"private-dns-name-options-on-launch.hostname-type":                        value(func(s subnet) string { return s.PrivateDnsNameOptionsOnLaunch.HostnameType }),
			"private-dns-name-options-on-launch.enable-resource-name-dns-a-record":    text(func(s subnet) bool { return s.PrivateDnsNameOptionsOnLaunch.EnableResourceNameDnsARecord }),
			"private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record": text(func(s subnet) bool { return s.PrivateDnsNameOptionsOnLaunch.EnableResourceNameDnsAAAARecord }),

			"state": value(func(s subnet) string { return s.State }),
		},
	}
}

// reserved is how many addresses AWS keeps in each subnet: the first four and
// the last.
const reserved = 5

func (s subnet) prefix() netip.Prefix { return netip.MustParsePrefix(s.CidrBlock) }

// size is how many addresses the subnet can give out.
func (s subnet) size() int { return 1<<(32-s.prefix().Bits()) - reserved }

// SubnetInfo is what other services need to know of a subnet.
type SubnetInfo struct{ ID, VPCID, Zone, CIDR string }

// Subnet returns the subnet with that id.
func (x *EC2) Subnet(id string) (SubnetInfo, bool) {
	s, ok := x.subnets.Get(id)
	return SubnetInfo{s.SubnetId, s.VpcId, s.AvailabilityZone, s.CidrBlock}, ok
}

func (x *EC2) subnetOperations(s *wire.Service) {
	wire.Handle(s, "CreateSubnet", x.createSubnet)
	wire.Handle(s, "CreateDefaultSubnet", x.createDefaultSubnet)
	wire.Handle(s, "DeleteSubnet", x.deleteSubnet)
	wire.Handle(s, "DescribeSubnets", x.describeSubnets)
	wire.Handle(s, "ModifySubnetAttribute", x.modifySubnetAttribute)
}

type createSubnetIn struct {
	DryRun             bool
	VpcId              string
	CidrBlock          string
	AvailabilityZone   string
	AvailabilityZoneId string
	Ipv6CidrBlock      string
	Ipv6Native         bool
	TagSpecification   []tagSpecification
}

type subnetOut struct{ Subnet subnet }

func (x *EC2) createSubnet(_ context.Context, in *createSubnetIn) (*subnetOut, error) {
	v, err := x.vpcs.find(in.VpcId)
	if err != nil {
		return nil, err
	}
	if in.Ipv6Native || in.Ipv6CidrBlock != "" {
		return nil, unsupported("IPv6")
	}
	if in.CidrBlock == "" {
		return nil, missing("cidrBlock")
	}
	cidr, err := block(in.CidrBlock, "InvalidSubnet.Range")
	if err != nil {
		return nil, err
	}
	whole := netip.MustParsePrefix(v.CidrBlock)
	if !whole.Contains(cidr.Addr()) || cidr.Bits() < whole.Bits() {
		return nil, wire.Errorf("InvalidSubnet.Range", "The CIDR '%s' is invalid.", in.CidrBlock)
	}
	if err := x.checkFree(v, cidr, in.CidrBlock); err != nil {
		return nil, err
	}
	zone, err := x.zone(in.AvailabilityZone, in.AvailabilityZoneId)
	if err != nil {
		return nil, err
	}
	tags, err := specified("subnet", in.TagSpecification)
	if err != nil {
		return nil, err
	}
	return &subnetOut{x.newSubnet(v, zone, cidr, false, tags)}, nil
}

// checkFree refuses a CIDR block, given in these words, that a subnet of the VPC has
// addresses of.
func (x *EC2) checkFree(v vpc, cidr netip.Prefix, given string) error {
	if x.subnets.any(func(s subnet) bool { return s.VpcId == v.VpcId && s.prefix().Overlaps(cidr) }) {
		return wire.Errorf("InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", given)
	}
	return nil
}

// newSubnet makes a subnet, the default one of its zone or another, in the VPC's default
// network ACL.
func (x *EC2) newSubnet(v vpc, zone availabilityZone, cidr netip.Prefix, byDefault bool, tags map[string]string) subnet {
	s := subnet{
		SubnetId: newID("subnet"), VpcId: v.VpcId, CidrBlock: cidr.String(), OwnerId: account.ID, State: "available",
		AvailabilityZone: zone.ZoneName, AvailabilityZoneId: zone.ZoneId,
		PrivateDnsNameOptionsOnLaunch: nameOptions{HostnameType: "ip-name"},
		DefaultForAz:                  byDefault, MapPublicIpOnLaunch: byDefault,
	}
	s.SubnetArn = x.subnets.arn(s.SubnetId)
	out := x.subnets.create(s, tags)
	x.associateDefaultACL(s)
	return out
}

// zone returns the zone with that name or id, the first if neither is given.
func (x *EC2) zone(name, id string) (availabilityZone, error) {
	zones := x.zones()
	var names []string
	for _, z := range zones {
		if (name == "" || z.ZoneName == name) && (id == "" || z.ZoneId == id) {
			return z, nil
		}
		names = append(names, z.ZoneName)
	}
	parameter, wrong := "availabilityZone", name
	if name == "" {
		parameter, wrong = "availabilityZoneId", id
	}
	return availabilityZone{}, invalid("Value (%s) for parameter %s is invalid. Subnets can currently only be created in the following availability zones: %s.",
		wrong, parameter, strings.Join(names, ", "))
}

type subnetIn struct {
	DryRun   bool
	SubnetId string
}

func (x *EC2) deleteSubnet(_ context.Context, in *subnetIn) (*done, error) {
	s, err := x.subnets.find(in.SubnetId)
	if err != nil {
		return nil, err
	}
	if x.interfaces.any(func(n networkInterface) bool { return n.SubnetId == s.SubnetId }) {
		return nil, wire.Errorf("DependencyViolation", "The subnet '%s' has dependencies and cannot be deleted.", s.SubnetId)
	}
	for id, t := range x.routeTables.All() {
		kept := without(t.AssociationSet, func(a routeTableAssociation) bool { return a.SubnetId == s.SubnetId })
		if len(kept) < len(t.AssociationSet) {
			t.AssociationSet = kept
			x.routeTables.Put(id, t)
		}
	}
	for id, a := range x.acls.All() {
		kept := without(a.AssociationSet, func(a aclAssociation) bool { return a.SubnetId == s.SubnetId })
		if len(kept) < len(a.AssociationSet) {
			a.AssociationSet = kept
			x.acls.Put(id, a)
		}
	}
	x.subnets.remove(s.SubnetId)
	return nil, nil
}

type describeSubnetsIn struct {
	DryRun     bool
	SubnetId   []string
	Filter     []filter
	MaxResults *int
	NextToken  *string
}

type describeSubnetsOut struct {
	SubnetSet []subnet
	NextToken *string
}

func (x *EC2) describeSubnets(_ context.Context, in *describeSubnetsIn) (*describeSubnetsOut, error) {
	set, next, err := x.subnets.describe(in.SubnetId, in.Filter, in.MaxResults, in.NextToken)
	return &describeSubnetsOut{set, next}, err
}

type modifySubnetAttributeIn struct {
	SubnetId                                string
	MapPublicIpOnLaunch                     *truth
	AssignIpv6AddressOnCreation             *truth
	EnableDns64                             *truth
	EnableResourceNameDnsARecordOnLaunch    *truth
	EnableResourceNameDnsAAAARecordOnLaunch *truth
	PrivateDnsHostnameTypeOnLaunch          string
}

func (x *EC2) modifySubnetAttribute(_ context.Context, in *modifySubnetAttributeIn) (*done, error) {
	s, err := x.subnets.find(in.SubnetId)
	if err != nil {
		return nil, err
	}
	if in.AssignIpv6AddressOnCreation != nil && in.AssignIpv6AddressOnCreation.Value ||
		in.EnableDns64 != nil && in.EnableDns64.Value {
		return nil, unsupported("IPv6")
	}
	set(&s.MapPublicIpOnLaunch, in.MapPublicIpOnLaunch)
	o := &s.PrivateDnsNameOptionsOnLaunch
	set(&o.EnableResourceNameDnsARecord, in.EnableResourceNameDnsARecordOnLaunch)
	set(&o.EnableResourceNameDnsAAAARecord, in.EnableResourceNameDnsAAAARecordOnLaunch)
	if h := in.PrivateDnsHostnameTypeOnLaunch; h != "" {
		o.HostnameType = h
	}
	x.subnets.Put(s.SubnetId, s)
	return nil, nil
}
