package ec2

import (
	"context"
	"slices"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/wire"
)

// What a NAT gateway has beside its first address: secondary addresses of a zonal one,
// and the addresses in each zone of a regional one.

// addNATAddresses gives a zonal gateway secondary addresses: one for each Elastic IP
// address, at the private address in the same place of the list where there is one; and
// private ones alone.
func (x *EC2) addNATAddresses(n natGateway, allocations, private []string, count int) (natGateway, error) {
	var ips []address
	for _, id := range allocations {
		a, err := x.freeAddress(id, ips)
		if err != nil {
			return n, err
		}
		ips = append(ips, a)
	}
	if len(allocations) > 0 && len(private) > len(allocations) {
		return n, wire.Errorf("InvalidParameterCombination", "There are more private addresses than allocation IDs")
	}
	total := len(allocations)
	if total == 0 {
		total = len(private) + count
	}
	const most = 7 // secondary addresses (Amazon VPC User Guide, "NAT gateway basics"), on request up to 7
	if len(n.NatGatewayAddressSet)-1+total > most {
		return n, wire.Errorf("NatGatewayAddressLimitExceeded", "A NAT gateway can have at most %d secondary addresses", most)
	}
	eni, ok := x.interfaces.Get(n.NatGatewayAddressSet[0].NetworkInterfaceId)
	s, found := x.subnets.Get(n.SubnetId)
	if !ok || !found {
		return n, wire.Errorf("NatGatewayNotFound", "NAT gateway %s was not found", n.NatGatewayId)
	}
	before := eni
	eni.Secondary, n.NatGatewayAddressSet = slices.Clone(eni.Secondary), slices.Clone(n.NatGatewayAddressSet)
	for i := range total {
		wanted := ""
		if i < len(private) {
			wanted = private[i]
		}
		ip, err := x.privateAddress(s, wanted)
		if err != nil {
			x.interfaces.Put(before.NetworkInterfaceId, before)
			return n, err
		}
		at := privateAddress{PrivateIpAddress: ip, PrivateDnsName: x.privateName(ip)}
		nat := natAddress{NetworkInterfaceId: eni.NetworkInterfaceId, PrivateIp: ip, Status: "succeeded"}
		if i < len(ips) {
			a := ips[i]
			a.AssociationId, a.NetworkInterfaceId, a.NetworkInterfaceOwnerId, a.PrivateIpAddress = newID("eipassoc"), eni.NetworkInterfaceId, account.ID, ip
			at.Association = &association{AllocationId: a.AllocationId, AssociationId: a.AssociationId, IpOwnerId: account.ID, PublicIp: a.PublicIp}
			nat.AllocationId, nat.AssociationId, nat.PublicIp = a.AllocationId, a.AssociationId, a.PublicIp
			ips[i] = a
		}
		eni.Secondary = append(eni.Secondary, at)
		x.interfaces.Put(eni.NetworkInterfaceId, eni) // so that the next private address is another one
		n.NatGatewayAddressSet = append(n.NatGatewayAddressSet, nat)
	}
	for _, a := range ips {
		x.addresses.Put(a.AllocationId, a)
	}
	return n, nil
}

// freeAddress finds an Elastic IP address that is not associated, nor among those that
// are about to be.
func (x *EC2) freeAddress(id string, taken []address) (address, error) {
	a, err := x.addresses.find(id)
	if err != nil {
		return a, err
	}
	if a.AssociationId != "" || slices.ContainsFunc(taken, func(o address) bool { return o.AllocationId == id }) {
		return a, wire.Errorf("Resource.AlreadyAssociated", "Elastic IP address %s is already associated", id)
	}
	return a, nil
}

// dropNATAddresses takes secondary addresses from a zonal gateway.
func (x *EC2) dropNATAddresses(n natGateway, drop func(natAddress) bool) natGateway {
	eni, _ := x.interfaces.Get(n.NatGatewayAddressSet[0].NetworkInterfaceId)
	gone := map[string]bool{}
	n.NatGatewayAddressSet = slices.DeleteFunc(slices.Clone(n.NatGatewayAddressSet), func(a natAddress) bool {
		if a.IsPrimary || !drop(a) {
			return false
		}
		gone[a.PrivateIp] = true
		return true
	})
	for _, a := range eni.Secondary {
		if gone[a.PrivateIpAddress] && a.Association != nil {
			x.release(a.Association.AllocationId)
		}
	}
	if eni, ok := x.interfaces.Get(eni.NetworkInterfaceId); ok {
		eni.Secondary = slices.DeleteFunc(slices.Clone(eni.Secondary), func(a privateAddress) bool { return gone[a.PrivateIpAddress] })
		x.interfaces.Put(eni.NetworkInterfaceId, eni)
	}
	return n
}

// releaseNAT gives back all that a gateway has.
func (x *EC2) releaseNAT(n natGateway) {
	for _, a := range n.NatGatewayAddressSet {
		if n.AvailabilityMode == regional {
			x.release(a.AllocationId)
			continue
		}
		x.DeleteInterface(a.NetworkInterfaceId)
	}
}

const (
	enabled  = "enabled"
	disabled = "disabled"
)

// createRegionalNATGateway makes a gateway of a whole VPC. Without addresses AWS
// provides them, in each zone in which the VPC has subnets.
func (x *EC2) createRegionalNATGateway(in *createNATGatewayIn, tags map[string]string) (*natGatewayOut, error) {
	switch {
	case in.VpcId == "":
		return nil, missing("vpcId")
	case in.SubnetId != "" || in.AllocationId != "" || in.PrivateIpAddress != "" || len(in.SecondaryAllocationId)+len(in.SecondaryPrivateIpAddress) > 0:
		return nil, wire.Errorf("InvalidParameterCombination", "A regional NAT gateway has no subnet, and its addresses are given as availabilityZoneAddresses")
	case in.ConnectivityType == "private":
		return nil, wire.Errorf("InvalidParameterCombination", "A regional NAT gateway is public")
	}
	v, err := x.vpcs.find(in.VpcId)
	if err != nil {
		return nil, err
	}
	now := x.account.Now().UTC()
	n := natGateway{
		NatGatewayId: newID("nat"), State: "pending", VpcId: v.VpcId, ConnectivityType: "public", AvailabilityMode: regional,
		AutoProvisionZones: disabled, AutoScalingIps: disabled, RouteTableId: newID("rtb"),
		CreateTime: now, Due: now.Add(x.timing.NATGatewayCreation), ClientToken: in.ClientToken,
	}
	if len(in.AvailabilityZoneAddress) == 0 {
		n.AutoProvisionZones, n.AutoScalingIps = enabled, enabled
		n = x.provision(n)
	}
	var taken []address
	for _, of := range in.AvailabilityZoneAddress {
		i := slices.IndexFunc(x.zones(), func(z availabilityZone) bool {
			return z.ZoneName == of.AvailabilityZone || z.ZoneId == of.AvailabilityZoneId
		})
		if i < 0 {
			return nil, invalid("Value (%s%s) for parameter availabilityZone is invalid.", of.AvailabilityZone, of.AvailabilityZoneId)
		}
		if len(of.AllocationId) == 0 {
			return nil, missing("allocationIds")
		}
		for _, id := range of.AllocationId {
			a, err := x.freeAddress(id, taken)
			if err != nil {
				return nil, err
			}
			a.AssociationId = newID("eipassoc")
			taken = append(taken, a)
			n.NatGatewayAddressSet = append(n.NatGatewayAddressSet, natAddress{
				AllocationId: id, AssociationId: a.AssociationId, PublicIp: a.PublicIp, Status: "associating",
				AvailabilityZone: x.zones()[i].ZoneName, AvailabilityZoneId: x.zones()[i].ZoneId,
			})
		}
	}
	for _, a := range taken {
		x.addresses.Put(a.AllocationId, a)
	}
	if !x.gateways.any(func(g internetGateway) bool { return g.attached(v.VpcId) }) {
		n.FailureCode, n.FailureMessage = "Gateway.NotAttached", "Network "+v.VpcId+" has no Internet gateway attached"
	}
	out := x.natGateways.create(n, tags)
	out.FailureCode, out.FailureMessage = "", "" // not known yet
	return &natGatewayOut{out, in.ClientToken}, nil
}

// provision gives a regional gateway an address of AWS's in each zone that it lacks.
func (x *EC2) provision(n natGateway) natGateway {
	for _, z := range x.zones() {
		lacks := !slices.ContainsFunc(n.NatGatewayAddressSet, func(a natAddress) bool { return a.AvailabilityZone == z.ZoneName })
		if !lacks || !x.subnets.any(func(s subnet) bool { return s.VpcId == n.VpcId && s.AvailabilityZone == z.ZoneName }) {
			continue
		}
		ip, err := x.publicAddress()
		if err != nil {
			return n // as long as there is none
		}
		n.NatGatewayAddressSet = append(slices.Clip(n.NatGatewayAddressSet), natAddress{
			AllocationId: newID("eipalloc"), AssociationId: newID("eipassoc"), PublicIp: ip, Status: "succeeded",
			AvailabilityZone: z.ZoneName, AvailabilityZoneId: z.ZoneId,
		})
	}
	return n
}

type natAddressIn struct {
	DryRun                  bool
	NatGatewayId            string
	AllocationId            []string
	AssociationId           []string
	PrivateIpAddress        []string
	PrivateIpAddressCount   int
	MaxDrainDurationSeconds *int // nothing is in progress
}

type natAddressOut struct {
	NatGatewayId         string
	NatGatewayAddressSet []natAddress
}

// changeNAT changes a zonal gateway that is available, and returns the addresses that
// are new.
func (x *EC2) changeNAT(in *natAddressIn, kind string, change func(natGateway) (natGateway, error)) (*natAddressOut, error) {
	n, err := x.natGateways.find(in.NatGatewayId)
	if err != nil {
		return nil, err
	}
	switch {
	case n.AvailabilityMode == regional:
		return nil, unsupported("changes of a regional NAT gateway's addresses")
	case n.State != "available":
		return nil, wire.Errorf("IncorrectState", "The NAT gateway %s is in the state %s.", n.NatGatewayId, n.State)
	case n.ConnectivityType != kind:
		return nil, wire.Errorf("InvalidParameter", "The NAT gateway %s is %s", n.NatGatewayId, n.ConnectivityType)
	}
	before := n.NatGatewayAddressSet
	if n, err = change(n); err != nil {
		return nil, err
	}
	x.natGateways.Put(n.NatGatewayId, n)
	out := &natAddressOut{NatGatewayId: n.NatGatewayId}
	for _, a := range n.NatGatewayAddressSet {
		if !slices.Contains(before, a) {
			out.NatGatewayAddressSet = append(out.NatGatewayAddressSet, a)
		}
	}
	for _, a := range before {
		if !slices.Contains(n.NatGatewayAddressSet, a) {
			a.Status = map[bool]string{true: "disassociating", false: "unassigning"}[a.AssociationId != ""]
			out.NatGatewayAddressSet = append(out.NatGatewayAddressSet, a)
		}
	}
	return out, nil
}

func (x *EC2) associateNATAddress(_ context.Context, in *natAddressIn) (*natAddressOut, error) {
	if len(in.AllocationId) == 0 {
		return nil, missing("allocationIds")
	}
	return x.changeNAT(in, "public", func(n natGateway) (natGateway, error) {
		return x.addNATAddresses(n, in.AllocationId, in.PrivateIpAddress, 0)
	})
}

func (x *EC2) disassociateNATAddress(_ context.Context, in *natAddressIn) (*natAddressOut, error) {
	return x.changeNAT(in, "public", func(n natGateway) (natGateway, error) {
		for _, id := range in.AssociationId {
			if !slices.ContainsFunc(n.NatGatewayAddressSet, func(a natAddress) bool { return a.AssociationId == id && !a.IsPrimary }) {
				return n, noAssociation(id)
			}
		}
		return x.dropNATAddresses(n, func(a natAddress) bool { return slices.Contains(in.AssociationId, a.AssociationId) }), nil
	})
}

func (x *EC2) assignNATAddress(_ context.Context, in *natAddressIn) (*natAddressOut, error) {
	if len(in.PrivateIpAddress) == 0 && in.PrivateIpAddressCount <= 0 {
		return nil, missing("privateIpAddressCount")
	}
	return x.changeNAT(in, "private", func(n natGateway) (natGateway, error) {
		return x.addNATAddresses(n, nil, in.PrivateIpAddress, in.PrivateIpAddressCount)
	})
}

func (x *EC2) unassignNATAddress(_ context.Context, in *natAddressIn) (*natAddressOut, error) {
	return x.changeNAT(in, "private", func(n natGateway) (natGateway, error) {
		for _, ip := range in.PrivateIpAddress {
			if !slices.ContainsFunc(n.NatGatewayAddressSet, func(a natAddress) bool { return a.PrivateIp == ip && !a.IsPrimary }) {
				return n, invalid("The NAT gateway %s does not have the secondary address %s", n.NatGatewayId, ip)
			}
		}
		return x.dropNATAddresses(n, func(a natAddress) bool { return slices.Contains(in.PrivateIpAddress, a.PrivateIp) }), nil
	})
}
