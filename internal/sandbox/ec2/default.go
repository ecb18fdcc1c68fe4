package ec2

import (
	"context"
	"fmt"

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
		x.makeDefaultSubnet(v, z, fmt.Sprintf("172.31.%d.0/20", 16*i))
	}
	return v
}

func (x *EC2) makeDefaultSubnet(v vpc, z availabilityZone, cidr string) subnet {
	s := x.newSubnet(v, z, cidr)
	s.DefaultForAz, s.MapPublicIpOnLaunch = true, true
	out := x.subnets.create(s, nil)
	x.associateDefaultACL(s)
	return out
}

// defaultVPC returns the default VPC, if it was not deleted.
func (x *EC2) defaultVPC() (vpc, bool) {
	for _, v := range x.vpcs.All() {
		if v.IsDefault {
			return v, true
		}
	}
	return vpc{}, false
}

// groupNamed finds a security group by its name, which is enough in the default VPC.
func (x *EC2) groupNamed(name string) (securityGroup, error) {
	v, _ := x.defaultVPC()
	for _, g := range x.groups.All() {
		if v.VpcId != "" && g.VpcId == v.VpcId && g.GroupName == name {
			return g, nil
		}
	}
	id := v.VpcId
	if id == "" {
		id = "null"
	}
	return securityGroup{}, wire.Errorf("InvalidGroup.NotFound", "The security group '%s' does not exist in default VPC '%s'", name, id)
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
	for _, s := range x.subnets.All() {
		if s.DefaultForAz && s.AvailabilityZone == z.ZoneName {
			return nil, wire.Errorf("DefaultSubnetAlreadyExistsInAvailabilityZone", "'%s' is already the default subnet in %s.", s.SubnetId, z.ZoneName)
		}
	}
	for i, o := range x.zones() {
		cidr := fmt.Sprintf("172.31.%d.0/20", 16*i)
		if o.ZoneName == z.ZoneName {
			if p := x.newSubnet(v, z, cidr).prefix(); x.subnets.any(func(s subnet) bool { return s.VpcId == v.VpcId && s.prefix().Overlaps(p) }) {
				return nil, wire.Errorf("InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", cidr)
			}
			return &subnetOut{x.makeDefaultSubnet(v, z, cidr)}, nil
		}
	}
	return nil, wire.Errorf("InvalidParameterValue", "There is no zone %s", z.ZoneName)
}
