package ec2

import (
	"slices"
	"testing"
	"time"
)

// Secondary addresses come with the gateway or later, are reserved in the subnet, and are
// free again when they or the gateway go.
func TestSecondaryNATAddresses(t *testing.T) {
	w := newWorld(t, "", Timing{NATGatewayCreation: time.Second, NATGatewayDeletion: time.Second})
	n := w.network()
	eip := func() string { return w.do("AllocateAddress", "Domain=vpc").one("allocationId") }
	first, second, third := eip(), eip(), eip()
	nat := w.do("CreateNatGateway", "SubnetId="+n.public, "AllocationId="+first, "SecondaryAllocationId.1="+second, "SecondaryPrivateIpAddress.1=10.0.0.77").one("natGateway/natGatewayId")
	w.pass(2 * time.Second)
	of := func(member string) []string {
		return w.do("DescribeNatGateways", "NatGatewayId.1="+nat).all("natGatewaySet/item/natGatewayAddressSet/item/" + member)
	}
	same(t, "allocations", of("allocationId"), first, second)
	same(t, "primary", of("isPrimary"), "true", "false")
	same(t, "statuses", of("status"), "succeeded", "succeeded")
	if !slices.Contains(of("privateIp"), "10.0.0.77") {
		t.Errorf("private addresses %v", of("privateIp"))
	}
	eni := of("networkInterfaceId")[0]
	if got := w.do("DescribeNetworkInterfaces", "NetworkInterfaceId.1="+eni).all("networkInterfaceSet/item/privateIpAddressesSet/item/privateIpAddress"); len(got) != 2 {
		t.Errorf("the interface has the addresses %v", got)
	}
	w.refused("InvalidIPAddress.InUse", "*", "CreateNetworkInterface", "SubnetId="+n.public, "PrivateIpAddress=10.0.0.77")
	w.refused("Resource.AlreadyAssociated", "*", "AssociateNatGatewayAddress", "NatGatewayId="+nat, "AllocationId.1="+second)
	w.do("AssociateNatGatewayAddress", "NatGatewayId="+nat, "AllocationId.1="+third)
	w.refused("InvalidIPAddress.InUse", "*", "ReleaseAddress", "AllocationId="+third)
	association := w.do("DescribeAddresses", "AllocationId.1="+second).one("addressesSet/item/associationId")
	w.do("DisassociateNatGatewayAddress", "NatGatewayId="+nat, "AssociationId.1="+association)
	w.refused("InvalidAssociationID.NotFound", "*", "DisassociateNatGatewayAddress", "NatGatewayId="+nat, "AssociationId.1="+association)
	w.do("ReleaseAddress", "AllocationId="+second)
	w.do("CreateNetworkInterface", "SubnetId="+n.public, "PrivateIpAddress=10.0.0.77")
	same(t, "allocations after a change", of("allocationId"), first, third)
	w.refused("InvalidParameter", "*", "AssignPrivateNatGatewayAddress", "NatGatewayId="+nat, "PrivateIpAddressCount=1")
	w.do("DeleteNatGateway", "NatGatewayId="+nat)
	w.pass(2 * time.Second)
	w.do("ReleaseAddress", "AllocationId="+first)
	w.do("ReleaseAddress", "AllocationId="+third)
}

func TestSecondaryAddressesOfPrivateNATGateway(t *testing.T) {
	w := newWorld(t, "", Timing{NATGatewayCreation: time.Second})
	n := w.network()
	nat := w.do("CreateNatGateway", "SubnetId="+n.private, "ConnectivityType=private", "SecondaryPrivateIpAddressCount=2").one("natGateway/natGatewayId")
	w.pass(2 * time.Second)
	ips := func() []string {
		return w.do("DescribeNatGateways", "NatGatewayId.1="+nat).all("natGatewaySet/item/natGatewayAddressSet/item/privateIp")
	}
	if got := ips(); len(got) != 3 || len(slices.Compact(slices.Sorted(slices.Values(got)))) != 3 {
		t.Errorf("addresses %v", got)
	}
	second := ips()[1]
	w.do("AssignPrivateNatGatewayAddress", "NatGatewayId="+nat, "PrivateIpAddressCount=1")
	w.do("UnassignPrivateNatGatewayAddress", "NatGatewayId="+nat, "PrivateIpAddress.1="+second)
	if got := ips(); len(got) != 3 || slices.Contains(got, second) {
		t.Errorf("after a change: %v", got)
	}
	w.refused("NatGatewayAddressLimitExceeded", "*", "AssignPrivateNatGatewayAddress", "NatGatewayId="+nat, "PrivateIpAddressCount=6")
}

// A regional gateway belongs to the VPC: AWS provides an address in each zone with a
// subnet, also with one that is made later, or the caller does.
func TestRegionalNATGateway(t *testing.T) {
	w := newWorld(t, "", Timing{NATGatewayCreation: time.Second, NATGatewayDeletion: time.Second})
	n := w.network()
	nat := w.do("CreateNatGateway", "VpcId="+n.vpc, "AvailabilityMode=regional").one("natGateway/natGatewayId")
	w.pass(2 * time.Second)
	of := func(id, member string) []string {
		return w.do("DescribeNatGateways", "NatGatewayId.1="+id).all("natGatewaySet/item/" + member)
	}
	same(t, "mode", of(nat, "availabilityMode"), "regional")
	same(t, "zones", of(nat, "autoProvisionZones"), "enabled")
	same(t, "subnet", of(nat, "subnetId"))
	before := of(nat, "natGatewayAddressSet/item/availabilityZone")
	if len(before) == 0 || slices.Contains(before, "eu-west-1c") {
		t.Errorf("it is in %v", before)
	}
	w.do("CreateSubnet", "VpcId="+n.vpc, "CidrBlock=10.0.200.0/24", "AvailabilityZone=eu-west-1c")
	if got := of(nat, "natGatewayAddressSet/item/availabilityZone"); !slices.Contains(got, "eu-west-1c") {
		t.Errorf("after a subnet in another zone it is in %v", got)
	}
	w.do("CreateRoute", "RouteTableId="+n.mainTable, "DestinationCidrBlock=0.0.0.0/0", "NatGatewayId="+nat)
	w.locked(func(x *EC2) {
		if !x.ReachesInternet(n.private, false) {
			t.Error("a private subnet does not reach the internet over it")
		}
	})
	ip := w.do("AllocateAddress", "Domain=vpc").one("allocationId")
	given := w.do("CreateNatGateway", "VpcId="+n.vpc, "AvailabilityMode=regional", "AvailabilityZoneAddress.1.AvailabilityZone=eu-west-1a", "AvailabilityZoneAddress.1.AllocationId.1="+ip).one("natGateway/natGatewayId")
	w.pass(2 * time.Second)
	same(t, "allocation", of(given, "natGatewayAddressSet/item/allocationId"), ip)
	same(t, "zones of one with addresses", of(given, "autoProvisionZones"), "disabled")
	w.refused("InvalidIPAddress.InUse", "*", "ReleaseAddress", "AllocationId="+ip)
	w.do("DeleteNatGateway", "NatGatewayId="+given)
	w.pass(2 * time.Second)
	w.do("ReleaseAddress", "AllocationId="+ip)
	w.refused("MissingParameter", "*", "CreateNatGateway", "AvailabilityMode=regional")
	w.refused("InvalidParameterCombination", "*", "CreateNatGateway", "VpcId="+n.vpc, "SubnetId="+n.private, "AvailabilityMode=regional")
	w.refused("InvalidAddress.NotFound", "Address '198.51.100.7' not found.", "AllocateAddress", "Address=198.51.100.7")
}
