package ec2

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"slices"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/wire"
)

// address is an elastic IP address.
type address struct {
	AllocationId            string
	AssociationId           string
	Domain                  string
	NetworkBorderGroup      string
	NetworkInterfaceId      string
	NetworkInterfaceOwnerId string
	PrivateIpAddress        string
	PublicIp                string
	PublicIpv4Pool          string
	TagSet                  []tag `json:"-"`
}

func addressResource(x *EC2) *resource[address] {
	return &resource[address]{
		name: "elastic-ip", prefix: "eipalloc", parameter: "allocationId", label: "allocation ID",
		notFound: "InvalidAllocationID.NotFound", malformed: "InvalidAllocationId.Malformed",
		id:   func(a address) string { return a.AllocationId },
		view: func(a address) address { a.TagSet = x.tagSet(a.AllocationId); return a },
		filters: filters[address]{
			"allocation-id":              value(func(a address) string { return a.AllocationId }),
			"association-id":             value(func(a address) string { return a.AssociationId }),
			"domain":                     value(func(a address) string { return a.Domain }),
			"instance-id":                func(address) []string { return nil },
			"network-border-group":       value(func(a address) string { return a.NetworkBorderGroup }),
			"network-interface-id":       value(func(a address) string { return a.NetworkInterfaceId }),
			"network-interface-owner-id": value(func(a address) string { return a.NetworkInterfaceOwnerId }),
			"private-ip-address":         value(func(a address) string { return a.PrivateIpAddress }),
			"public-ip":                  value(func(a address) string { return a.PublicIp }),
		},
	}
}

// pool is where public addresses come from: the block that RFC 2544 keeps for
// tests, in which nobody answers.
var pool = netip.MustParsePrefix("198.18.0.0/15")

// publicAddress picks a public address that nothing has.
func (x *EC2) publicAddress() (string, error) {
	taken := map[string]bool{}
	for _, a := range x.addresses.All() {
		taken[a.PublicIp] = true
	}
	for _, n := range x.interfaces.All() {
		if n.Association != nil {
			taken[n.Association.PublicIp] = true
		}
	}
	for _, n := range x.natGateways.All() {
		for _, a := range n.NatGatewayAddressSet {
			taken[a.PublicIp] = true
		}
	}
	size := 1<<(32-pool.Bits()) - 2
	for i, start := 0, rand.IntN(size); i < size; i++ {
		ip := plus(pool.Addr(), 1+(start+i)%size).String()
		if !taken[ip] {
			return ip, nil
		}
	}
	return "", wire.Errorf("InsufficientAddressCapacity", "There are no free public addresses.")
}

func (x *EC2) addressOperations(s *wire.Service) {
	wire.Handle(s, "AllocateAddress", x.allocateAddress)
	wire.Handle(s, "ReleaseAddress", x.releaseAddress)
	wire.Handle(s, "AssociateAddress", x.associateAddress)
	wire.Handle(s, "DisassociateAddress", x.disassociateAddress)
	wire.Handle(s, "DescribeAddresses", x.describeAddresses)
	wire.Handle(s, "DescribeAddressesAttribute", x.describeAddressesAttribute)
}

type allocateAddressIn struct {
	DryRun           bool
	Domain           string
	Address          string
	TagSpecification []tagSpecification
}

type allocateAddressOut struct {
	AllocationId, PublicIp, Domain, PublicIpv4Pool, NetworkBorderGroup string
}

func (x *EC2) allocateAddress(_ context.Context, in *allocateAddressIn) (*allocateAddressOut, error) {
	if in.Domain != "" && in.Domain != "vpc" {
		return nil, invalid("Value (%s) for parameter domain is invalid.", in.Domain)
	}
	tags, err := specified("elastic-ip", in.TagSpecification)
	if err != nil {
		return nil, err
	}
	if in.Address != "" {
		// AWS gives back an address that the account has released, as long as nobody else
		// got it (Amazon EC2 User Guide, "Recover an Elastic IP address"). Here somebody
		// always did.
		return nil, noAddress(in.Address)
	}
	ip, err := x.publicAddress()
	if err != nil {
		return nil, err
	}
	a := x.addresses.create(address{
		AllocationId: newID("eipalloc"), Domain: "vpc", NetworkBorderGroup: x.account.Region, PublicIp: ip, PublicIpv4Pool: "amazon",
	}, tags)
	return &allocateAddressOut{a.AllocationId, a.PublicIp, a.Domain, a.PublicIpv4Pool, a.NetworkBorderGroup}, nil
}

type addressIn struct {
	DryRun             bool
	AllocationId       string
	AssociationId      string
	PublicIp           string
	NetworkInterfaceId string
	InstanceId         string
	AllowReassociation bool
	NetworkBorderGroup string // there is one
}

// address finds an address by its allocation or by itself.
func (x *EC2) address(in *addressIn) (address, error) {
	if in.AllocationId != "" || in.PublicIp == "" {
		return x.addresses.find(in.AllocationId)
	}
	for _, a := range x.addresses.All() {
		if a.PublicIp == in.PublicIp {
			return a, nil
		}
	}
	return address{}, noAddress(in.PublicIp)
}

func noAddress(ip string) error {
	return wire.Errorf("InvalidAddress.NotFound", "Address '%s' not found.", ip)
}

func (x *EC2) releaseAddress(_ context.Context, in *addressIn) (*done, error) {
	a, err := x.address(in)
	if err != nil {
		return nil, err
	}
	if a.AssociationId != "" {
		return nil, wire.Errorf("InvalidIPAddress.InUse", "Address %s is in use.", a.PublicIp)
	}
	x.addresses.remove(a.AllocationId)
	return nil, nil
}

type associateAddressOut struct{ AssociationId string }

func (x *EC2) associateAddress(_ context.Context, in *addressIn) (*associateAddressOut, error) {
	a, err := x.address(in)
	if err != nil {
		return nil, err
	}
	if in.InstanceId != "" {
		return nil, wire.Errorf("InvalidInstanceID.NotFound", "The instance ID '%s' does not exist", in.InstanceId)
	}
	n, err := x.interfaces.find(in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	if a.AssociationId != "" && a.NetworkInterfaceId == n.NetworkInterfaceId {
		return &associateAddressOut{a.AssociationId}, nil
	}
	if n.RequesterManaged {
		return nil, forbidden()
	}
	if !in.AllowReassociation && a.AssociationId != "" {
		return nil, wire.Errorf("Resource.AlreadyAssociated", "resource %s is already associated with associate-id %s", a.AllocationId, a.AssociationId)
	}
	if !in.AllowReassociation && n.Association != nil && n.Association.AllocationId != "" {
		return nil, wire.Errorf("Resource.AlreadyAssociated", "resource %s is already associated with associate-id %s", n.NetworkInterfaceId, n.Association.AssociationId)
	}
	if !x.gateways.any(func(g internetGateway) bool { return g.attached(n.VpcId) }) {
		return nil, wire.Errorf("Gateway.NotAttached", "Network %s is not attached to any internet gateway", n.VpcId)
	}
	if a.AssociationId != "" {
		a = x.disassociate(a)
	}
	if n, _ = x.interfaces.Get(n.NetworkInterfaceId); n.Association != nil && n.Association.AllocationId != "" {
		x.release(n.Association.AllocationId)
	}
	return &associateAddressOut{x.associate(a, n).AssociationId}, nil
}

func forbidden() error {
	return wire.Errorf("AuthFailure", "You do not have permission to access the specified resource.")
}

// associate gives the address to an interface.
func (x *EC2) associate(a address, n networkInterface) address {
	a.AssociationId, a.NetworkInterfaceId, a.NetworkInterfaceOwnerId = newID("eipassoc"), n.NetworkInterfaceId, account.ID
	a.PrivateIpAddress = n.PrivateIpAddress
	n.Association = &association{AllocationId: a.AllocationId, AssociationId: a.AssociationId, IpOwnerId: account.ID, PublicIp: a.PublicIp}
	x.addresses.Put(a.AllocationId, a)
	x.interfaces.Put(n.NetworkInterfaceId, n)
	return a
}

// release makes an address free, if it is there.
func (x *EC2) release(allocationID string) {
	if a, ok := x.addresses.Get(allocationID); ok {
		x.disassociate(a)
	}
}

// disassociate takes the address from its interface.
func (x *EC2) disassociate(a address) address {
	if n, ok := x.interfaces.Get(a.NetworkInterfaceId); ok {
		if n.Association != nil && n.Association.AllocationId == a.AllocationId {
			n.Association = nil
		}
		n.Secondary = slices.Clone(n.Secondary)
		for i, s := range n.Secondary {
			if s.Association != nil && s.Association.AllocationId == a.AllocationId {
				n.Secondary[i].Association = nil
			}
		}
		x.interfaces.Put(n.NetworkInterfaceId, n)
	}
	a.AssociationId, a.NetworkInterfaceId, a.NetworkInterfaceOwnerId, a.PrivateIpAddress = "", "", "", ""
	x.addresses.Put(a.AllocationId, a)
	return a
}

func (x *EC2) disassociateAddress(_ context.Context, in *addressIn) (*done, error) {
	if in.AssociationId == "" && in.PublicIp == "" {
		return nil, missing("associationId")
	}
	for _, a := range x.addresses.All() {
		if a.AssociationId == "" || in.AssociationId != "" && a.AssociationId != in.AssociationId || in.PublicIp != "" && a.PublicIp != in.PublicIp {
			continue
		}
		if n, _ := x.interfaces.Get(a.NetworkInterfaceId); n.RequesterManaged {
			return nil, forbidden()
		}
		x.disassociate(a)
		return nil, nil
	}
	if in.AssociationId == "" {
		return nil, noAddress(in.PublicIp)
	}
	return nil, noAssociation(in.AssociationId)
}

type describeAddressesIn struct {
	DryRun       bool
	AllocationId []string
	PublicIp     []string
	Filter       []filter
	Attribute    string
	MaxResults   *int
	NextToken    *string
}

type describeAddressesOut struct{ AddressesSet []address }

func (x *EC2) describeAddresses(_ context.Context, in *describeAddressesIn) (*describeAddressesOut, error) {
	ids := in.AllocationId
	for _, ip := range in.PublicIp {
		a, err := x.address(&addressIn{PublicIp: ip})
		if err != nil {
			return nil, err
		}
		ids = with(ids, a.AllocationId)
	}
	set, _, err := x.addresses.describe(ids, in.Filter, nil, nil)
	return &describeAddressesOut{set}, err
}

type addressAttribute struct{ AllocationId, PublicIp string }

type addressAttributesOut struct {
	AddressSet []addressAttribute
	NextToken  *string
}

// describeAddressesAttribute says the reverse DNS names of addresses; they have
// none.
func (x *EC2) describeAddressesAttribute(_ context.Context, in *describeAddressesIn) (*addressAttributesOut, error) {
	set, next, err := x.addresses.describe(in.AllocationId, nil, in.MaxResults, in.NextToken)
	out := &addressAttributesOut{NextToken: next}
	for _, a := range set {
		out.AddressSet = append(out.AddressSet, addressAttribute{a.AllocationId, a.PublicIp})
	}
	return out, err
}
