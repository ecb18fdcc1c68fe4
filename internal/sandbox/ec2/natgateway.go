package ec2

import (
	"cmp"
	"context"
	"slices"
	"time"

	"workshop/internal/sandbox/wire"
)

type natGateway struct {
	NatGatewayId         string
	State                string // pending, available or failed, deleting, deleted
	SubnetId             string
	VpcId                string
	ConnectivityType     string
	AvailabilityMode     string // zonal or regional; gateways stored by an older program have none
	AutoProvisionZones   string // of a regional one: enabled or disabled
	AutoScalingIps       string // likewise
	RouteTableId         string // likewise
	CreateTime           time.Time
	DeleteTime           time.Time
	FailureCode          string
	FailureMessage       string
	NatGatewayAddressSet []natAddress // the primary one first
	TagSet               []tag        `json:"-"`

	Due         time.Time `wire:"-"` // when a passing state is over
	ClientToken string    `wire:"-"`
}

type natAddress struct {
	AllocationId       string
	AssociationId      string
	NetworkInterfaceId string
	PrivateIp          string
	PublicIp           string
	IsPrimary          bool
	Status             string
	AvailabilityZone   string // of a regional gateway's
	AvailabilityZoneId string // likewise
}

const (
	zonal    = "zonal"
	regional = "regional"
)

// kept is for how long a NAT gateway that is no more is still listed: AWS does
// so for about an hour.
const kept = time.Hour

func natGatewayResource(x *EC2) *resource[natGateway] {
	return &resource[natGateway]{
		name: "natgateway", prefix: "nat", parameter: "natGatewayId", label: "NAT gateway ID",
		notFound: "NatGatewayNotFound", malformed: "NatGatewayMalformed",
		id:    func(n natGateway) string { return n.NatGatewayId },
		token: func(n natGateway) string { return n.ClientToken },
		view: func(n natGateway) natGateway {
			n.TagSet, n.AvailabilityMode = x.tagSet(n.NatGatewayId), cmp.Or(n.AvailabilityMode, zonal)
			return n
		},
		filters: filters[natGateway]{
			"nat-gateway-id": value(func(n natGateway) string { return n.NatGatewayId }),
			"state":          value(func(n natGateway) string { return n.State }),
			"subnet-id":      value(func(n natGateway) string { return n.SubnetId }),
			"vpc-id":         value(func(n natGateway) string { return n.VpcId }),
		},
	}
}

// settle brings about what is due: the ends of the NAT gateways' and the
// endpoints' passing states.
func (x *EC2) settle() {
	now := x.account.Now()
	x.settleEndpoints(now)
	for id, n := range x.natGateways.All() {
		switch {
		case n.State == "pending" && !now.Before(n.Due):
			status := "succeeded"
			n.State = "available"
			if n.FailureCode != "" {
				n.State, status, n.DeleteTime = "failed", "failed", n.Due
				x.releaseNAT(n)
			}
			n.NatGatewayAddressSet = slices.Clone(n.NatGatewayAddressSet)
			for i := range n.NatGatewayAddressSet {
				n.NatGatewayAddressSet[i].Status = status
			}
			x.natGateways.Put(id, n)
		case n.State == "deleting" && !now.Before(n.Due):
			n.State, n.DeleteTime = "deleted", n.Due
			x.releaseNAT(n)
			x.natGateways.Put(id, n)
		case n.State == "available" && n.AutoProvisionZones == enabled:
			if more := x.provision(n); len(more.NatGatewayAddressSet) > len(n.NatGatewayAddressSet) {
				x.natGateways.Put(id, more)
			}
		case (n.State == "deleted" || n.State == "failed") && now.Sub(n.DeleteTime) > kept:
			x.natGateways.remove(id)
		}
	}
}

func (x *EC2) natGatewayOperations(s *wire.Service) {
	wire.Handle(s, "CreateNatGateway", x.createNATGateway)
	wire.Handle(s, "DeleteNatGateway", x.deleteNATGateway)
	wire.Handle(s, "DescribeNatGateways", x.describeNATGateways)
	wire.Handle(s, "AssociateNatGatewayAddress", x.associateNATAddress)
	wire.Handle(s, "DisassociateNatGatewayAddress", x.disassociateNATAddress)
	wire.Handle(s, "AssignPrivateNatGatewayAddress", x.assignNATAddress)
	wire.Handle(s, "UnassignPrivateNatGatewayAddress", x.unassignNATAddress)
}

type createNATGatewayIn struct {
	DryRun           bool
	SubnetId         string
	AllocationId     string
	ConnectivityType string
	AvailabilityMode string
	PrivateIpAddress string
	ClientToken      string
	TagSpecification []tagSpecification

	SecondaryAllocationId          []string
	SecondaryPrivateIpAddress      []string
	SecondaryPrivateIpAddressCount int

	VpcId                   string // of a regional one
	AvailabilityZoneAddress []struct {
		AvailabilityZone, AvailabilityZoneId string
		AllocationId                         []string
	}
}

type natGatewayOut struct {
	NatGateway  natGateway
	ClientToken string
}

// createNATGateway starts to make a gateway. As on AWS it can still fail after
// that: the gateway then becomes failed and says why.
func (x *EC2) createNATGateway(_ context.Context, in *createNATGatewayIn) (*natGatewayOut, error) {
	tags, err := specified("natgateway", in.TagSpecification)
	if err != nil {
		return nil, err
	}
	if n, ok := x.natGateways.made(in.ClientToken); ok {
		return &natGatewayOut{n, in.ClientToken}, nil
	}
	if in.AvailabilityMode == regional {
		return x.createRegionalNATGateway(in, tags)
	}
	if in.VpcId != "" || len(in.AvailabilityZoneAddress) > 0 {
		return nil, wire.Errorf("InvalidParameterCombination", "vpcId and availabilityZoneAddresses are for regional NAT gateways")
	}
	s, err := x.subnets.find(in.SubnetId)
	if err != nil {
		return nil, err
	}
	now := x.account.Now().UTC()
	n := natGateway{
		NatGatewayId: newID("nat"), State: "pending", SubnetId: s.SubnetId, VpcId: s.VpcId,
		ConnectivityType: in.ConnectivityType, CreateTime: now, Due: now.Add(x.timing.NATGatewayCreation),
		ClientToken: in.ClientToken,
	}
	var ip address
	switch in.ConnectivityType {
	case "", "public":
		n.ConnectivityType = "public"
		if in.AllocationId == "" {
			return nil, missing("allocationId")
		}
		if in.SecondaryPrivateIpAddressCount > 0 {
			return nil, wire.Errorf("InvalidParameterCombination", "secondaryPrivateIpAddressCount is for private NAT gateways")
		}
		if ip, err = x.addresses.find(in.AllocationId); err != nil {
			return nil, err
		}
	case "private":
		if in.AllocationId != "" || len(in.SecondaryAllocationId) > 0 {
			return nil, wire.Errorf("InvalidParameterCombination", "A private NAT gateway cannot have an allocationId")
		}
	default:
		return nil, invalid("Value (%s) for parameter connectivityType is invalid.", in.ConnectivityType)
	}
	eni, err := x.newInterface(InterfaceSpec{
		SubnetID: s.SubnetId, Description: "Interface for NAT Gateway " + n.NatGatewayId, Type: "nat_gateway", OwnerID: "amazon-aws",
	}, in.PrivateIpAddress)
	if err != nil {
		return nil, err
	}
	x.interfaces.Put(eni.NetworkInterfaceId, eni)
	at := natAddress{NetworkInterfaceId: eni.NetworkInterfaceId, PrivateIp: eni.PrivateIpAddress, IsPrimary: true, Status: "associating"}
	switch {
	case n.ConnectivityType == "private":
	case !x.gateways.any(func(g internetGateway) bool { return g.attached(s.VpcId) }):
		n.FailureCode, n.FailureMessage = "Gateway.NotAttached", "Network "+s.VpcId+" has no Internet gateway attached"
		at.AllocationId = ip.AllocationId
	case ip.AssociationId != "":
		n.FailureCode, n.FailureMessage = "Resource.AlreadyAssociated", "Elastic IP address "+ip.AllocationId+" is already associated"
		at.AllocationId = ip.AllocationId
	default:
		ip = x.associate(ip, eni)
		at.AllocationId, at.AssociationId, at.PublicIp = ip.AllocationId, ip.AssociationId, ip.PublicIp
	}
	n.NatGatewayAddressSet = []natAddress{at}
	if n.FailureCode == "" {
		if n, err = x.addNATAddresses(n, in.SecondaryAllocationId, in.SecondaryPrivateIpAddress, in.SecondaryPrivateIpAddressCount); err != nil {
			x.DeleteInterface(eni.NetworkInterfaceId)
			return nil, err
		}
	}
	out := x.natGateways.create(n, tags)
	out.FailureCode, out.FailureMessage = "", "" // not known yet
	return &natGatewayOut{out, in.ClientToken}, nil
}

type natGatewayIn struct {
	DryRun       bool
	NatGatewayId string
}

type deleteNATGatewayOut struct{ NatGatewayId string }

func (x *EC2) deleteNATGateway(_ context.Context, in *natGatewayIn) (*deleteNATGatewayOut, error) {
	n, err := x.natGateways.find(in.NatGatewayId)
	if err != nil {
		return nil, err
	}
	switch n.State {
	case "pending", "available":
		n.State, n.Due = "deleting", x.account.Now().UTC().Add(x.timing.NATGatewayDeletion)
	case "failed":
		n.State = "deleted"
	}
	x.natGateways.Put(n.NatGatewayId, n)
	return &deleteNATGatewayOut{n.NatGatewayId}, nil
}

type describeNATGatewaysIn struct {
	DryRun       bool
	NatGatewayId []string
	Filter       []filter
	MaxResults   *int
	NextToken    *string
}

type describeNATGatewaysOut struct {
	NatGatewaySet []natGateway
	NextToken     *string
}

func (x *EC2) describeNATGateways(_ context.Context, in *describeNATGatewaysIn) (*describeNATGatewaysOut, error) {
	set, next, err := x.natGateways.describe(in.NatGatewayId, in.Filter, in.MaxResults, in.NextToken)
	return &describeNATGatewaysOut{set, next}, err
}
