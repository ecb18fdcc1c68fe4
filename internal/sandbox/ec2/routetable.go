package ec2

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strconv"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/wire"
)

type routeTable struct {
	RouteTableId      string
	VpcId             string
	OwnerId           string
	AssociationSet    []routeTableAssociation
	RouteSet          []route
	PropagatingVgwSet []struct{} `json:"-"`
	TagSet            []tag      `json:"-"`

	ClientToken string `wire:"-"`
}

type routeTableAssociation struct {
	RouteTableAssociationId string
	RouteTableId            string
	SubnetId                string
	Main                    bool
	AssociationState        state
}

type route struct {
	DestinationCidrBlock     string
	DestinationIpv6CidrBlock string
	DestinationPrefixListId  string // of a gateway endpoint, which GatewayId then is
	GatewayId                string
	NatGatewayId             string
	NetworkInterfaceId       string
	Origin                   string
	State                    string `json:"-"`
}

func (r route) destination() string {
	return r.DestinationCidrBlock + r.DestinationIpv6CidrBlock + r.DestinationPrefixListId
}

// main reports whether it is its VPC's main route table.
func (t routeTable) main() bool {
	return slices.ContainsFunc(t.AssociationSet, func(a routeTableAssociation) bool { return a.Main })
}

func (t routeTable) associations() []routeTableAssociation { return t.AssociationSet }
func (t routeTable) routes() []route                       { return t.RouteSet }

func routeTableResource(x *EC2) *resource[routeTable] {
	return &resource[routeTable]{
		name: "route-table", prefix: "rtb", parameter: "routeTableId", label: "routeTable ID",
		notFound: "InvalidRouteTableID.NotFound", malformed: "InvalidRouteTableId.Malformed",
		id:    func(t routeTable) string { return t.RouteTableId },
		token: func(t routeTable) string { return t.ClientToken },
		view: func(t routeTable) routeTable {
			t.RouteSet = slices.Clone(t.RouteSet)
			for i, r := range t.RouteSet {
				t.RouteSet[i].State = "blackhole"
				if x.leads(t, r) {
					t.RouteSet[i].State = "active"
				}
			}
			t.TagSet = x.tagSet(t.RouteTableId)
			return t
		},
		filters: filters[routeTable]{
			"route-table-id":                         value(func(t routeTable) string { return t.RouteTableId }),
			"vpc-id":                                 value(func(t routeTable) string { return t.VpcId }),
			"owner-id":                               value(func(t routeTable) string { return t.OwnerId }),
			"association.main":                       each(routeTable.associations, func(a routeTableAssociation) string { return strconv.FormatBool(a.Main) }),
			"association.subnet-id":                  each(routeTable.associations, func(a routeTableAssociation) string { return a.SubnetId }),
			"association.gateway-id":                 never[routeTable],
			"route.egress-only-internet-gateway-id":  never[routeTable],
			"route.instance-id":                      never[routeTable],
			"route.transit-gateway-id":               never[routeTable],
			"route.vpc-peering-connection-id":        never[routeTable],
			"association.route-table-id":             each(routeTable.associations, func(a routeTableAssociation) string { return a.RouteTableId }),
			"association.route-table-association-id": each(routeTable.associations, func(a routeTableAssociation) string { return a.RouteTableAssociationId }),
			"route.destination-cidr-block":           each(routeTable.routes, func(r route) string { return r.DestinationCidrBlock }),
			"route.destination-ipv6-cidr-block":      each(routeTable.routes, func(r route) string { return r.DestinationIpv6CidrBlock }),
			"route.destination-prefix-list-id":       each(routeTable.routes, func(r route) string { return r.DestinationPrefixListId }),
			"route.gateway-id":                       each(routeTable.routes, func(r route) string { return r.GatewayId }),
			"route.nat-gateway-id":                   each(routeTable.routes, func(r route) string { return r.NatGatewayId }),
			"route.origin":                           each(routeTable.routes, func(r route) string { return r.Origin }),
			"route.state":                            each(routeTable.routes, func(r route) string { return r.State }),
		},
	}
}

// leads reports whether a route's target can take traffic.
func (x *EC2) leads(t routeTable, r route) bool {
	switch {
	case r.GatewayId == "local":
		return true
	case r.DestinationPrefixListId != "":
		return x.endpoints.has(r.GatewayId)
	case r.GatewayId != "":
		g, ok := x.gateways.Get(r.GatewayId)
		return ok && g.attached(t.VpcId)
	case r.NatGatewayId != "":
		n, ok := x.natGateways.Get(r.NatGatewayId)
		return ok && (n.State == "available" || n.State == "pending")
	}
	n, ok := x.interfaces.Get(r.NetworkInterfaceId)
	return ok && n.Attachment != nil
}

// ReachesInternet reports whether something in the subnet can call out: over an
// internet gateway, for which it needs a public address, or over a public NAT
// gateway that is available and whose own subnet leads to an internet gateway.
func (x *EC2) ReachesInternet(subnetID string, hasPublicIP bool) bool {
	x.settle()
	r, ok := x.defaultRoute(subnetID)
	if !ok {
		return false
	}
	if r.GatewayId != "" {
		return hasPublicIP
	}
	n, ok := x.natGateways.Get(r.NatGatewayId)
	if !ok || n.State != "available" || n.ConnectivityType != "public" {
		return false
	}
	if n.AvailabilityMode == regional {
		return x.gateways.any(func(g internetGateway) bool { return g.attached(n.VpcId) })
	}
	out, ok := x.defaultRoute(n.SubnetId)
	return ok && out.GatewayId != ""
}

// defaultRoute returns the route for everything that a subnet has no other
// route for, unless it leads nowhere.
func (x *EC2) defaultRoute(subnetID string) (route, bool) {
	s, ok := x.subnets.Get(subnetID)
	if !ok {
		return route{}, false
	}
	t := x.routeTableOf(s)
	for _, r := range t.RouteSet {
		if p, err := netip.ParsePrefix(r.DestinationCidrBlock); err == nil && p.Bits() == 0 && x.leads(t, r) {
			return r, true
		}
	}
	return route{}, false
}

// routeTableOf returns the table that a subnet uses: its own or the main one.
func (x *EC2) routeTableOf(s subnet) routeTable {
	var found routeTable
	for _, t := range x.routeTables.All() {
		if t.VpcId != s.VpcId {
			continue
		}
		if slices.ContainsFunc(t.AssociationSet, func(a routeTableAssociation) bool { return a.SubnetId == s.SubnetId }) {
			return t
		}
		if t.main() {
			found = t
		}
	}
	return found
}

func newRouteTable(v vpc) routeTable {
	return routeTable{
		RouteTableId: newID("rtb"), VpcId: v.VpcId, OwnerId: account.ID,
		RouteSet: []route{{DestinationCidrBlock: v.CidrBlock, GatewayId: "local", Origin: "CreateRouteTable"}},
	}
}

func newAssociation(tableID, subnetID string) routeTableAssociation {
	return routeTableAssociation{newID("rtbassoc"), tableID, subnetID, subnetID == "", state{"associated"}}
}

func (x *EC2) createMainRouteTable(v vpc) {
	t := newRouteTable(v)
	t.AssociationSet = []routeTableAssociation{newAssociation(t.RouteTableId, "")}
	x.routeTables.create(t, nil)
}

func (x *EC2) routeTableOperations(s *wire.Service) {
	wire.Handle(s, "CreateRouteTable", x.createRouteTable)
	wire.Handle(s, "DeleteRouteTable", x.deleteRouteTable)
	wire.Handle(s, "DescribeRouteTables", x.describeRouteTables)
	wire.Handle(s, "AssociateRouteTable", x.associateRouteTable)
	wire.Handle(s, "DisassociateRouteTable", x.disassociateRouteTable)
	wire.Handle(s, "ReplaceRouteTableAssociation", x.replaceRouteTableAssociation)
	wire.Handle(s, "CreateRoute", x.createRoute)
	wire.Handle(s, "ReplaceRoute", x.replaceRoute)
	wire.Handle(s, "DeleteRoute", x.deleteRoute)
}

type createRouteTableIn struct {
	DryRun           bool
	VpcId            string
	ClientToken      string
	TagSpecification []tagSpecification
}

type routeTableOut struct {
	RouteTable  routeTable
	ClientToken string
}

func (x *EC2) createRouteTable(_ context.Context, in *createRouteTableIn) (*routeTableOut, error) {
	v, err := x.vpcs.find(in.VpcId)
	if err != nil {
		return nil, err
	}
	tags, err := specified("route-table", in.TagSpecification)
	if err != nil {
		return nil, err
	}
	if t, ok := x.routeTables.made(in.ClientToken); ok {
		return &routeTableOut{t, in.ClientToken}, nil
	}
	t := newRouteTable(v)
	t.ClientToken = in.ClientToken
	return &routeTableOut{x.routeTables.create(t, tags), in.ClientToken}, nil
}

type routeTableIn struct {
	DryRun       bool
	RouteTableId string
}

func (x *EC2) deleteRouteTable(_ context.Context, in *routeTableIn) (*done, error) {
	t, err := x.routeTables.find(in.RouteTableId)
	if err != nil {
		return nil, err
	}
	if len(t.AssociationSet) > 0 {
		return nil, wire.Errorf("DependencyViolation", "The routeTable '%s' has dependencies and cannot be deleted.", t.RouteTableId)
	}
	for _, e := range x.endpoints.only(func(e vpcEndpoint) bool { return slices.Contains(e.RouteTableIdSet, t.RouteTableId) }) {
		x.endpoints.Put(e.VpcEndpointId, x.unroute(e, []string{t.RouteTableId}))
	}
	x.routeTables.remove(t.RouteTableId)
	return nil, nil
}

type describeRouteTablesIn struct {
	DryRun       bool
	RouteTableId []string
	Filter       []filter
	MaxResults   *int
	NextToken    *string
}

type describeRouteTablesOut struct {
	RouteTableSet []routeTable
	NextToken     *string
}

func (x *EC2) describeRouteTables(_ context.Context, in *describeRouteTablesIn) (*describeRouteTablesOut, error) {
	set, next, err := x.routeTables.describe(in.RouteTableId, in.Filter, in.MaxResults, in.NextToken)
	return &describeRouteTablesOut{set, next}, err
}

type associateRouteTableIn struct {
	DryRun       bool
	RouteTableId string
	SubnetId     string
	GatewayId    string
}

type associateRouteTableOut struct {
	AssociationId    string
	AssociationState state
}

func (x *EC2) associateRouteTable(_ context.Context, in *associateRouteTableIn) (*associateRouteTableOut, error) {
	t, err := x.routeTables.find(in.RouteTableId)
	if err != nil {
		return nil, err
	}
	if in.GatewayId != "" {
		return nil, unsupported("route tables of gateways")
	}
	s, err := x.subnets.find(in.SubnetId)
	if err != nil {
		return nil, err
	}
	if s.VpcId != t.VpcId {
		return nil, invalid("Route table %s and subnet %s belong to different networks", t.RouteTableId, s.SubnetId)
	}
	for _, o := range x.routeTables.All() {
		for _, a := range o.AssociationSet {
			if a.SubnetId != s.SubnetId {
				continue
			}
			if o.RouteTableId == t.RouteTableId {
				return &associateRouteTableOut{a.RouteTableAssociationId, a.AssociationState}, nil
			}
			return nil, wire.Errorf("Resource.AlreadyAssociated", "the specified association for route table %s conflicts with an existing association", t.RouteTableId)
		}
	}
	a := newAssociation(t.RouteTableId, s.SubnetId)
	t.AssociationSet = with(t.AssociationSet, a)
	x.routeTables.Put(t.RouteTableId, t)
	return &associateRouteTableOut{a.RouteTableAssociationId, a.AssociationState}, nil
}

// association finds the table that an association is of.
func (x *EC2) association(id string) (routeTable, routeTableAssociation, error) {
	if id == "" {
		return routeTable{}, routeTableAssociation{}, missing("associationId")
	}
	for _, t := range x.routeTables.All() {
		for _, a := range t.AssociationSet {
			if a.RouteTableAssociationId == id {
				return t, a, nil
			}
		}
	}
	return routeTable{}, routeTableAssociation{}, noAssociation(id)
}

func noAssociation(id string) error {
	return wire.Errorf("InvalidAssociationID.NotFound", "The association ID '%s' does not exist", id)
}

type associationIn struct {
	DryRun        bool
	AssociationId string
	RouteTableId  string
}

func (x *EC2) disassociateRouteTable(_ context.Context, in *associationIn) (*done, error) {
	t, a, err := x.association(in.AssociationId)
	if err != nil {
		return nil, err
	}
	if a.Main {
		return nil, invalid("cannot disassociate the main route table association %s", a.RouteTableAssociationId)
	}
	x.unlink(t, a)
	return nil, nil
}

func (x *EC2) unlink(t routeTable, a routeTableAssociation) {
	t.AssociationSet = without(t.AssociationSet, func(o routeTableAssociation) bool {
		return o.RouteTableAssociationId == a.RouteTableAssociationId
	})
	x.routeTables.Put(t.RouteTableId, t)
}

type replaceAssociationOut struct {
	NewAssociationId string
	AssociationState state
}

// replaceRouteTableAssociation moves an association, the main one too, to
// another table of the VPC.
func (x *EC2) replaceRouteTableAssociation(_ context.Context, in *associationIn) (*replaceAssociationOut, error) {
	from, a, err := x.association(in.AssociationId)
	if err != nil {
		return nil, err
	}
	to, err := x.routeTables.find(in.RouteTableId)
	if err != nil {
		return nil, err
	}
	if to.VpcId != from.VpcId {
		return nil, invalid("Route tables %s and %s belong to different networks", from.RouteTableId, to.RouteTableId)
	}
	x.unlink(from, a)
	to, _ = x.routeTables.Get(to.RouteTableId)
	n := newAssociation(to.RouteTableId, a.SubnetId)
	to.AssociationSet = with(to.AssociationSet, n)
	x.routeTables.Put(to.RouteTableId, to)
	return &replaceAssociationOut{n.RouteTableAssociationId, n.AssociationState}, nil
}

type routeIn struct {
	DryRun                      bool
	RouteTableId                string
	DestinationCidrBlock        string
	DestinationIpv6CidrBlock    string
	DestinationPrefixListId     string
	GatewayId                   string
	NatGatewayId                string
	NetworkInterfaceId          string
	InstanceId                  string
	EgressOnlyInternetGatewayId string
	TransitGatewayId            string
	VpcEndpointId               string
	VpcPeeringConnectionId      string
	CarrierGatewayId            string
	LocalGatewayId              string
	CoreNetworkArn              string
}

// destination reads where a route goes, in canonical form.
func (x *EC2) destination(in *routeIn) (route, error) {
	var r route
	if in.DestinationPrefixListId != "" {
		_, err := x.prefixList(in.DestinationPrefixListId, noPrefixList)
		return r, cmp.Or(err, unsupported("routes to prefix lists, but those of gateway endpoints"))
	}
	if (in.DestinationCidrBlock == "") == (in.DestinationIpv6CidrBlock == "") {
		return r, wire.Errorf("MissingParameter", "The request must contain exactly one of destinationCidrBlock, destinationIpv6CidrBlock and destinationPrefixListId")
	}
	for _, d := range []struct {
		name, cidr string
		v6         bool
		to         *string
	}{
		{"destinationCidrBlock", in.DestinationCidrBlock, false, &r.DestinationCidrBlock},
		{"destinationIpv6CidrBlock", in.DestinationIpv6CidrBlock, true, &r.DestinationIpv6CidrBlock},
	} {
		if d.cidr == "" {
			continue
		}
		p, err := netip.ParsePrefix(d.cidr)
		if err != nil || p.Addr().Is6() != d.v6 {
			return r, invalid("Value (%s) for parameter %s is invalid. This is not a valid CIDR block.", d.cidr, d.name)
		}
		*d.to = p.Masked().String()
	}
	return r, nil
}

// route reads a whole route of t, with its target.
func (x *EC2) route(t routeTable, in *routeIn) (route, error) {
	r, err := x.destination(in)
	if err != nil {
		return r, err
	}
	r.Origin = "CreateRoute"
	var targets int
	for _, target := range []string{
		in.GatewayId, in.NatGatewayId, in.NetworkInterfaceId, in.InstanceId, in.EgressOnlyInternetGatewayId, in.TransitGatewayId,
		in.VpcEndpointId, in.VpcPeeringConnectionId, in.CarrierGatewayId, in.LocalGatewayId, in.CoreNetworkArn,
	} {
		if target != "" {
			targets++
		}
	}
	if targets != 1 {
		return r, wire.Errorf("MissingParameter", "The request must contain exactly one of gatewayId, natGatewayId, networkInterfaceId, instanceId, "+
			"vpcPeeringConnectionId, egressOnlyInternetGatewayId, transitGatewayId, localGatewayId, carrierGatewayId, vpcEndpointId and coreNetworkArn")
	}
	switch {
	case in.GatewayId != "":
		g, err := x.gateways.find(in.GatewayId)
		if err != nil {
			return r, err
		}
		if !g.attached(t.VpcId) {
			return r, invalid("route table %s and network gateway %s belong to different networks", t.RouteTableId, g.InternetGatewayId)
		}
		r.GatewayId = g.InternetGatewayId
	case in.NatGatewayId != "":
		n, ok := x.natGateways.Get(in.NatGatewayId)
		if !ok {
			return r, wire.Errorf("InvalidNatGatewayID.NotFound", "The natGateway ID '%s' does not exist", in.NatGatewayId)
		}
		if n.VpcId != t.VpcId {
			return r, invalid("route table %s and NAT gateway %s belong to different networks", t.RouteTableId, n.NatGatewayId)
		}
		r.NatGatewayId = n.NatGatewayId
	case in.NetworkInterfaceId != "":
		n, err := x.interfaces.find(in.NetworkInterfaceId)
		if err != nil {
			return r, err
		}
		if n.VpcId != t.VpcId {
			return r, invalid("route table %s and interface %s belong to different networks", t.RouteTableId, n.NetworkInterfaceId)
		}
		r.NetworkInterfaceId = n.NetworkInterfaceId
	default:
		return r, unsupported("routes to targets other than internet gateways, NAT gateways and network interfaces")
	}
	return r, nil
}

func (x *EC2) createRoute(_ context.Context, in *routeIn) (*accepted, error) {
	t, err := x.routeTables.find(in.RouteTableId)
	if err != nil {
		return nil, err
	}
	r, err := x.route(t, in)
	if err != nil {
		return nil, err
	}
	for _, o := range t.RouteSet {
		if o.destination() != r.destination() {
			continue
		}
		if o.GatewayId == r.GatewayId && o.NatGatewayId == r.NatGatewayId && o.NetworkInterfaceId == r.NetworkInterfaceId {
			return &accepted{true}, nil
		}
		return nil, wire.Errorf("RouteAlreadyExists", "The route identified by %s already exists.", r.destination())
	}
	t.RouteSet = with(t.RouteSet, r)
	x.routeTables.Put(t.RouteTableId, t)
	return &accepted{true}, nil
}

// existingRoute finds the route that a request is about.
func (x *EC2) existingRoute(in *routeIn) (routeTable, int, error) {
	t, err := x.routeTables.find(in.RouteTableId)
	if err != nil {
		return t, 0, err
	}
	d, err := x.destination(in)
	if err != nil {
		return t, 0, err
	}
	i := slices.IndexFunc(t.RouteSet, func(r route) bool { return r.destination() == d.destination() })
	if i < 0 {
		return t, 0, wire.Errorf("InvalidRoute.NotFound", "no route with destination-cidr-block %s in route table %s", d.destination(), t.RouteTableId)
	}
	return t, i, nil
}

func (x *EC2) replaceRoute(_ context.Context, in *routeIn) (*done, error) {
	t, i, err := x.existingRoute(in)
	if err != nil {
		return nil, err
	}
	if t.RouteSet[i].GatewayId == "local" {
		return nil, invalid("cannot replace local route %s in route table %s", t.RouteSet[i].destination(), t.RouteTableId)
	}
	r, err := x.route(t, in)
	if err != nil {
		return nil, err
	}
	t.RouteSet = slices.Clone(t.RouteSet)
	t.RouteSet[i] = r
	x.routeTables.Put(t.RouteTableId, t)
	return nil, nil
}

func (x *EC2) deleteRoute(_ context.Context, in *routeIn) (*done, error) {
	t, i, err := x.existingRoute(in)
	if err != nil {
		return nil, err
	}
	if t.RouteSet[i].GatewayId == "local" {
		return nil, invalid("cannot remove local route %s in route table %s", t.RouteSet[i].destination(), t.RouteTableId)
	}
	t.RouteSet = slices.Delete(slices.Clone(t.RouteSet), i, i+1)
	x.routeTables.Put(t.RouteTableId, t)
	return nil, nil
}
