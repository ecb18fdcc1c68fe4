package ec2

import (
	"cmp"
	"context"
	"net/netip"
	"slices"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/wire"
)

// An account begins with a default VPC in each Region (Amazon VPC User Guide, "Default
// VPCs"): 172.31.0.0/16 with an internet gateway and a public subnet in each zone. Here it
// is made with the first request, and once: who deletes it has none.

const defaultBlock = "172.31.0.0/16"

// provideDefaultVPC makes the default VPC where there never was one.
func (x *EC2) provideDefaultVPC() {
	if _, ok := x.provided.Get("vpc"); !ok {
		x.provided.Put("vpc", x.makeDefaultVPC().VpcId)
	}
}

func (x *EC2) makeDefaultVPC() vpc {
	v := x.newVPC(defaultBlock, "default", nil)
	v.IsDefault, v.DNSHostnames = true, true
	x.vpcs.Put(v.VpcId, v)
	g := internetGateway{InternetGatewayId: newID("igw"), OwnerId: account.ID, AttachmentSet: []gatewayAttachment{{v.VpcId, "available"}}}
	x.gateways.create(g, nil)
	for id, t := range x.routeTables.All() {
		if t.VpcId == v.VpcId {
			t.RouteSet = with(t.RouteSet, route{DestinationCidrBlock: "0.0.0.0/0", GatewayId: g.InternetGatewayId, Origin: "CreateRoute"})
			x.routeTables.Put(id, t)
		}
	}
	for i, z := range x.zones() {
		x.newSubnet(v, z, defaultSubnetBlock(i), true, nil)
	}
	return v
}

// defaultSubnetBlock is the block of the default subnet in the i-th zone.
func defaultSubnetBlock(i int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 31, byte(16 * i), 0}), 20)
}

// defaultVPC returns the default VPC, if it was not deleted.
func (x *EC2) defaultVPC() (vpc, bool) {
	return x.vpcs.first(func(v vpc) bool { return v.IsDefault })
}

// groupNamed finds a security group by its name, which is enough in the default VPC.
func (x *EC2) groupNamed(name string) (securityGroup, error) {
	v, ok := x.defaultVPC()
	g, found := x.groups.first(func(g securityGroup) bool { return ok && g.VpcId == v.VpcId && g.GroupName == name })
	if !found {
		return g, wire.Errorf("InvalidGroup.NotFound", "The security group '%s' does not exist in default VPC '%s'", name, cmp.Or(v.VpcId, "null"))
	}
	return g, nil
}

// group finds a security group by its id or, in the default VPC, by its name.
func (x *EC2) group(id, name string) (securityGroup, error) {
	if id == "" && name != "" {
		return x.groupNamed(name)
	}
	return x.groups.find(id)
}

type createDefaultVPCIn struct{ DryRun bool }

func (x *EC2) createDefaultVPC(context.Context, *createDefaultVPCIn) (*vpcOut, error) {
	if _, ok := x.defaultVPC(); ok {
		return nil, wire.Errorf("DefaultVpcAlreadyExists", "A Default VPC already exists for this account in this region.")
	}
	return &vpcOut{x.vpcs.view(x.makeDefaultVPC())}, nil
}

type createDefaultSubnetIn struct {
	DryRun             bool
	AvailabilityZone   string
	AvailabilityZoneId string
}

func (x *EC2) createDefaultSubnet(_ context.Context, in *createDefaultSubnetIn) (*subnetOut, error) {
	if in.AvailabilityZone == "" && in.AvailabilityZoneId == "" {
		return nil, missing("availabilityZone")
	}
	z, err := x.zone(in.AvailabilityZone, in.AvailabilityZoneId)
	if err != nil {
		return nil, err
	}
	v, ok := x.defaultVPC()
	if !ok {
		return nil, wire.Errorf("DefaultVpcDoesNotExist", "No default VPC exists for this account in this region.")
	}
	if s, ok := x.subnets.first(func(s subnet) bool { return s.DefaultForAz && s.AvailabilityZone == z.ZoneName }); ok {
		return nil, wire.Errorf("DefaultSubnetAlreadyExistsInAvailabilityZone", "'%s' is already the default subnet in %s.", s.SubnetId, z.ZoneName)
	}
	cidr := defaultSubnetBlock(slices.IndexFunc(x.zones(), func(o availabilityZone) bool { return o.ZoneName == z.ZoneName }))
	if err := x.checkFree(v, cidr, cidr.String()); err != nil {
		return nil, err
	}
	return &subnetOut{x.newSubnet(v, z, cidr, true, nil)}, nil
}
