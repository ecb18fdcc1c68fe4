package ec2

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/wire"
)

type networkInterface struct {
	NetworkInterfaceId    string
	SubnetId              string
	VpcId                 string
	AvailabilityZone      string
	AvailabilityZoneId    string
	Description           string
	InterfaceType         string
	MacAddress            string
	OwnerId               string
	PrivateIpAddress      string
	PrivateDnsName        string
	PrivateIpAddressesSet []privateAddress `json:"-"`
	Ipv6AddressesSet      []struct{}       `json:"-"`
	RequesterId           string
	RequesterManaged      bool
	SourceDestCheck       bool
	Status                string
	GroupSet              []groupIdentifier
	Attachment            *attachment
	Association           *association
	Secondary             []privateAddress `wire:"-"` // addresses beside the first, of a NAT gateway
	ClientToken           string           `wire:"-"`
	TagSet                []tag            `json:"-"`
}

type privateAddress struct {
	PrivateIpAddress string
	PrivateDnsName   string
	Primary          bool
	Association      *association
}

type groupIdentifier struct{ GroupId, GroupName string }

type attachment struct {
	AttachmentId        string
	AttachTime          time.Time
	DeviceIndex         int
	InstanceOwnerId     string
	Status              string
	DeleteOnTermination bool
}

type association struct {
	AllocationId  string
	AssociationId string
	IpOwnerId     string
	PublicIp      string
	PublicDnsName string
}

func interfaceResource(x *EC2) *resource[networkInterface] {
	type eni = networkInterface
	addresses := func(n eni) []privateAddress { return n.PrivateIpAddressesSet }
	groups := func(n eni) []groupIdentifier { return n.GroupSet }
	attached := func(get func(attachment) string) func(eni) []string {
		return value(func(n eni) string {
			if n.Attachment == nil {
				return ""
			}
			return get(*n.Attachment)
		})
	}
	associated := func(get func(association) string) func(eni) []string {
		return value(func(n eni) string {
			if n.Association == nil {
				return ""
			}
			return get(*n.Association)
		})
	}
	return &resource[eni]{
		name: "network-interface", prefix: "eni", parameter: "networkInterfaceId", label: "networkInterface ID",
		notFound: "InvalidNetworkInterfaceID.NotFound", malformed: "InvalidNetworkInterfaceId.Malformed",
		id:    func(n eni) string { return n.NetworkInterfaceId },
		token: func(n eni) string { return n.ClientToken },
		view: func(n eni) eni {
			if n.Association != nil {
				a := *n.Association
				if v, _ := x.vpcs.Get(n.VpcId); v.DNSHostnames {
					a.PublicDnsName = x.publicName(a.PublicIp)
				}
				n.Association = &a
			}
			n.PrivateIpAddressesSet = append([]privateAddress{{n.PrivateIpAddress, n.PrivateDnsName, true, n.Association}}, n.Secondary...)
			n.TagSet = x.tagSet(n.NetworkInterfaceId)
			return n
		},
		filters: filters[eni]{
			"network-interface-id":             value(func(n eni) string { return n.NetworkInterfaceId }),
			"subnet-id":                        value(func(n eni) string { return n.SubnetId }),
			"vpc-id":                           value(func(n eni) string { return n.VpcId }),
			"availability-zone":                value(func(n eni) string { return n.AvailabilityZone }),
			"availability-zone-id":             value(func(n eni) string { return n.AvailabilityZoneId }),
			"ipv6-addresses.ipv6-address":      never[eni],
			"operator.managed":                 text(func(eni) bool { return false }),
			"operator.principal":               never[eni],
			"description":                      value(func(n eni) string { return n.Description }),
			"interface-type":                   value(func(n eni) string { return n.InterfaceType }),
			"mac-address":                      value(func(n eni) string { return n.MacAddress }),
			"owner-id":                         value(func(n eni) string { return n.OwnerId }),
			"private-ip-address":               value(func(n eni) string { return n.PrivateIpAddress }),
			"addresses.private-ip-address":     each(addresses, func(a privateAddress) string { return a.PrivateIpAddress }),
			"addresses.primary":                text(func(eni) bool { return true }),
			"private-dns-name":                 value(func(n eni) string { return n.PrivateDnsName }),
			"requester-id":                     value(func(n eni) string { return n.RequesterId }),
			"requester-managed":                text(func(n eni) bool { return n.RequesterManaged }),
			"source-dest-check":                text(func(n eni) bool { return n.SourceDestCheck }),
			"status":                           value(func(n eni) string { return n.Status }),
			"group-id":                         each(groups, func(g groupIdentifier) string { return g.GroupId }),
			"group-name":                       each(groups, func(g groupIdentifier) string { return g.GroupName }),
			"attachment.attachment-id":         attached(func(a attachment) string { return a.AttachmentId }),
			"attachment.device-index":          attached(func(a attachment) string { return fmt.Sprint(a.DeviceIndex) }),
			"attachment.instance-owner-id":     attached(func(a attachment) string { return a.InstanceOwnerId }),
			"attachment.instance-id":           attached(func(attachment) string { return "" }),
			"attachment.attach-time":           attached(func(a attachment) string { return a.AttachTime.Format("2006-01-02T15:04:05.000Z") }),
			"attachment.delete-on-termination": attached(func(a attachment) string { return fmt.Sprint(a.DeleteOnTermination) }),
			"attachment.status":                attached(func(a attachment) string { return a.Status }),
			"association.allocation-id":        associated(func(a association) string { return a.AllocationId }),
			"association.association-id":       associated(func(a association) string { return a.AssociationId }),
			"association.ip-owner-id":          associated(func(a association) string { return a.IpOwnerId }),
			"association.public-dns-name":      never[eni],
			"addresses.association.owner-id":   associated(func(a association) string { return a.IpOwnerId }),
			"association.public-ip":            associated(func(a association) string { return a.PublicIp }),
			"addresses.association.public-ip":  associated(func(a association) string { return a.PublicIp }),
		},
	}
}

// InterfaceSpec says what network interface another service needs.
type InterfaceSpec struct {
	SubnetID    string
	Groups      []string // security groups; none stands for the VPC's default group
	Description string
	Type        string // "interface" unless set; a NAT gateway's is "nat_gateway"
	OwnerID     string // whose the attachment is, e.g. "amazon-elb"; without one it is unattached
	PublicIP    bool   // give it a public address out of Amazon's pool
}

// Interface is a network interface as other services see it.
type Interface struct {
	ID             string
	SubnetID       string
	VPCID          string
	Zone           string
	PrivateIP      string
	PrivateDNSName string
	MAC            string
	PublicIP       string // "" without one
	Groups         []string
}

// CreateInterface makes a network interface with an address of its subnet. It
// fails in EC2's terms: InvalidSubnetID.NotFound, InvalidGroup.NotFound,
// InvalidParameter, InsufficientFreeAddressesInSubnet.
func (x *EC2) CreateInterface(spec InterfaceSpec) (Interface, error) {
	x.settle()
	n, err := x.newInterface(spec, "")
	if err != nil {
		return Interface{}, err
	}
	x.interfaces.Put(n.NetworkInterfaceId, n)
	return n.out(), nil
}

// InterfaceAt returns the network interface that has that private address in
// the VPC.
func (x *EC2) InterfaceAt(vpcID, ip string) (Interface, bool) {
	for _, n := range x.interfaces.All() {
		if n.VpcId == vpcID && n.PrivateIpAddress == ip {
			return n.out(), true
		}
	}
	return Interface{}, false
}

func (n networkInterface) out() Interface {
	out := Interface{
		ID: n.NetworkInterfaceId, SubnetID: n.SubnetId, VPCID: n.VpcId, Zone: n.AvailabilityZone,
		PrivateIP: n.PrivateIpAddress, PrivateDNSName: n.PrivateDnsName, MAC: n.MacAddress,
	}
	if n.Association != nil {
		out.PublicIP = n.Association.PublicIp
	}
	for _, g := range n.GroupSet {
		out.Groups = append(out.Groups, g.GroupId)
	}
	return out
}

// DeleteInterface deletes a network interface, attached or not; one that is not
// there is no error.
func (x *EC2) DeleteInterface(id string) {
	n, ok := x.interfaces.Get(id)
	if !ok {
		return
	}
	if n.Association != nil && n.Association.AllocationId != "" {
		x.release(n.Association.AllocationId)
	}
	for _, a := range n.Secondary {
		if a.Association != nil {
			x.release(a.Association.AllocationId)
		}
	}
	x.interfaces.remove(id)
}

// newInterface returns an interface that is not put yet, with the wanted private
// address if one is named.
func (x *EC2) newInterface(spec InterfaceSpec, wanted string) (networkInterface, error) {
	s, err := x.subnets.find(spec.SubnetID)
	if err != nil {
		return networkInterface{}, err
	}
	n := networkInterface{
		NetworkInterfaceId: newID("eni"), SubnetId: s.SubnetId, VpcId: s.VpcId,
		AvailabilityZone: s.AvailabilityZone, AvailabilityZoneId: s.AvailabilityZoneId,
		Description: spec.Description, InterfaceType: spec.Type, OwnerId: account.ID,
		SourceDestCheck: spec.Type != "nat_gateway", Status: "available",
	}
	if n.InterfaceType == "" {
		n.InterfaceType = "interface"
	}
	if n.GroupSet, err = x.memberships(spec, s); err != nil {
		return networkInterface{}, err
	}
	if n.PrivateIpAddress, err = x.privateAddress(s, wanted); err != nil {
		return networkInterface{}, err
	}
	n.PrivateDnsName = x.privateName(n.PrivateIpAddress)
	h := account.Hex(10)
	n.MacAddress = fmt.Sprintf("02:%s:%s:%s:%s:%s", h[0:2], h[2:4], h[4:6], h[6:8], h[8:10])
	if spec.OwnerID != "" {
		n.Status, n.RequesterManaged, n.RequesterId = "in-use", true, spec.OwnerID
		n.Attachment = &attachment{
			AttachmentId: newID("ela-attach"), AttachTime: x.account.Now().UTC(), DeviceIndex: 1,
			InstanceOwnerId: spec.OwnerID, Status: "attached",
		}
	}
	if spec.PublicIP {
		ip, err := x.publicAddress()
		if err != nil {
			return networkInterface{}, err
		}
		n.Association = &association{IpOwnerId: "amazon", PublicIp: ip}
	}
	return n, nil
}

// memberships checks an interface's security groups.
func (x *EC2) memberships(spec InterfaceSpec, s subnet) ([]groupIdentifier, error) {
	var out []groupIdentifier
	for _, id := range spec.Groups {
		g, err := x.groups.find(id)
		if err != nil {
			return nil, err
		}
		if g.VpcId != s.VpcId {
			return nil, wire.Errorf("InvalidParameter", "Security group %s and subnet %s belong to different networks.", g.GroupId, s.SubnetId)
		}
		out = append(out, groupIdentifier{g.GroupId, g.GroupName})
	}
	if len(out) == 0 && spec.Type != "nat_gateway" {
		for _, g := range x.groups.only(func(g securityGroup) bool { return g.VpcId == s.VpcId && g.isDefault() }) {
			out = append(out, groupIdentifier{g.GroupId, g.GroupName})
		}
	}
	return out, nil
}

// taken returns the addresses of a subnet that are in use.
func (x *EC2) taken(subnetID string) map[string]bool {
	out := map[string]bool{}
	for _, n := range x.interfaces.All() {
		if n.SubnetId == subnetID {
			out[n.PrivateIpAddress] = true
			for _, a := range n.Secondary {
				out[a.PrivateIpAddress] = true
			}
		}
	}
	return out
}

// privateAddress picks a free address of a subnet, or checks the wanted one.
func (x *EC2) privateAddress(s subnet, wanted string) (string, error) {
	taken := x.taken(s.SubnetId)
	first := s.prefix().Addr()
	if wanted != "" {
		ip, err := netip.ParseAddr(wanted)
		if err != nil || !s.prefix().Contains(ip) {
			return "", invalid("Address does not fall within the subnet's address range")
		}
		if n := distance(first, ip); n < reserved-1 || n >= reserved-1+s.size() {
			return "", invalid("Address %s is in subnet's reserved address range", wanted)
		}
		if taken[wanted] {
			return "", wire.Errorf("InvalidIPAddress.InUse", "Address %s is in use.", wanted)
		}
		return wanted, nil
	}
	// Not the lowest free one: an address that was just given back should not
	// turn up again at once, under another name.
	for i, start := 0, rand.IntN(s.size()); i < s.size(); i++ {
		ip := plus(first, reserved-1+(start+i)%s.size()).String()
		if !taken[ip] {
			return ip, nil
		}
	}
	return "", wire.Errorf("InsufficientFreeAddressesInSubnet",
		"There are not enough free addresses in subnet '%s' to satisfy the requested number of instances.", s.SubnetId)
}

func distance(from, to netip.Addr) int {
	a, b := from.As4(), to.As4()
	return int(binary.BigEndian.Uint32(b[:])) - int(binary.BigEndian.Uint32(a[:]))
}

func plus(ip netip.Addr, n int) netip.Addr {
	b := ip.As4()
	binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])+uint32(n))
	return netip.AddrFrom4(b)
}

func dashed(ip string) string { return strings.ReplaceAll(ip, ".", "-") }

// The names of addresses have the region in them, apart from the oldest one's.

func (x *EC2) privateName(ip string) string {
	domain := x.account.Region + ".compute"
	if x.account.Region == "us-east-1" {
		domain = "ec2"
	}
	return "ip-" + dashed(ip) + "." + domain + ".internal"
}

func (x *EC2) publicName(ip string) string {
	domain := x.account.Region + ".compute"
	if x.account.Region == "us-east-1" {
		domain = "compute-1"
	}
	return "ec2-" + dashed(ip) + "." + domain + ".amazonaws.com"
}

func (x *EC2) interfaceOperations(s *wire.Service) {
	wire.Handle(s, "CreateNetworkInterface", x.createNetworkInterface)
	wire.Handle(s, "DeleteNetworkInterface", x.deleteNetworkInterface)
	wire.Handle(s, "DescribeNetworkInterfaces", x.describeNetworkInterfaces)
	wire.Handle(s, "ModifyNetworkInterfaceAttribute", x.modifyNetworkInterfaceAttribute)
}

type createInterfaceIn struct {
	DryRun             bool
	ClientToken        string
	SubnetId           string
	Description        string
	PrivateIpAddress   string
	PrivateIpAddresses []struct {
		PrivateIpAddress string
		Primary          bool
	}
	SecondaryPrivateIpAddressCount int
	SecurityGroupId                []string
	TagSpecification               []tagSpecification
}

type interfaceOut struct {
	NetworkInterface networkInterface
	ClientToken      string
}

func (x *EC2) createNetworkInterface(_ context.Context, in *createInterfaceIn) (*interfaceOut, error) {
	tags, err := specified("network-interface", in.TagSpecification)
	if err != nil {
		return nil, err
	}
	if n, ok := x.interfaces.made(in.ClientToken); ok {
		return &interfaceOut{n, in.ClientToken}, nil
	}
	wanted := in.PrivateIpAddress
	if len(in.PrivateIpAddresses) == 1 && wanted == "" {
		wanted = in.PrivateIpAddresses[0].PrivateIpAddress
	} else if len(in.PrivateIpAddresses) > 0 || in.SecondaryPrivateIpAddressCount > 0 {
		return nil, unsupported("secondary private addresses")
	}
	n, err := x.newInterface(InterfaceSpec{SubnetID: in.SubnetId, Groups: in.SecurityGroupId, Description: in.Description}, wanted)
	if err != nil {
		return nil, err
	}
	n.ClientToken = in.ClientToken
	return &interfaceOut{x.interfaces.create(n, tags), in.ClientToken}, nil
}

type interfaceIn struct {
	DryRun             bool
	NetworkInterfaceId string
}

func (x *EC2) deleteNetworkInterface(_ context.Context, in *interfaceIn) (*done, error) {
	n, err := x.interfaces.find(in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	if n.Attachment != nil {
		return nil, invalid("Network interface '%s' is currently in use.", n.NetworkInterfaceId)
	}
	x.DeleteInterface(n.NetworkInterfaceId)
	return nil, nil
}

type describeInterfacesIn struct {
	DryRun             bool
	NetworkInterfaceId []string
	Filter             []filter
	MaxResults         *int
	NextToken          *string
}

type describeInterfacesOut struct {
	NetworkInterfaceSet []networkInterface
	NextToken           *string
}

func (x *EC2) describeNetworkInterfaces(_ context.Context, in *describeInterfacesIn) (*describeInterfacesOut, error) {
	set, next, err := x.interfaces.describe(in.NetworkInterfaceId, in.Filter, in.MaxResults, in.NextToken)
	return &describeInterfacesOut{set, next}, err
}

type modifyInterfaceIn struct {
	DryRun             bool
	NetworkInterfaceId string
	SecurityGroupId    []string
	Description        *struct{ Value string }
	SourceDestCheck    *truth
}

func (x *EC2) modifyNetworkInterfaceAttribute(_ context.Context, in *modifyInterfaceIn) (*done, error) {
	n, err := x.interfaces.find(in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	if n.RequesterManaged {
		return nil, forbidden()
	}
	if len(in.SecurityGroupId) > 0 {
		s, _ := x.subnets.Get(n.SubnetId)
		if n.GroupSet, err = x.memberships(InterfaceSpec{Groups: in.SecurityGroupId}, s); err != nil {
			return nil, err
		}
	}
	if in.Description != nil {
		n.Description = in.Description.Value
	}
	set(&n.SourceDestCheck, in.SourceDestCheck)
	x.interfaces.Put(n.NetworkInterfaceId, n)
	return nil, nil
}
