package ec2

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/wire"
)

// vpcEndpoint is a way to an AWS service that needs no internet: for the
// interface kind through network interfaces of its own, for the gateway kind
// through routes.
type vpcEndpoint struct {
	VpcEndpointId         string
	VpcEndpointType       string // Interface or Gateway
	VpcId                 string
	ServiceName           string
	State                 string // pending, available, deleting
	PolicyDocument        string
	RouteTableIdSet       []string
	SubnetIdSet           []string
	GroupSet              []groupIdentifier
	IpAddressType         string
	DnsOptions            *dnsOptions
	PrivateDnsEnabled     bool
	RequesterManaged      bool
	NetworkInterfaceIdSet []string   // one for each of SubnetIdSet
	DnsEntrySet           []dnsEntry `json:"-"`
	CreationTimestamp     time.Time
	OwnerId               string
	ServiceRegion         string
	TagSet                []tag `json:"-"`

	Due         time.Time `wire:"-"` // when a passing state is over
	ClientToken string    `wire:"-"`
	Label       string    `wire:"-"` // its own in DNS names
}

type dnsOptions struct{ DnsRecordIpType string }

type dnsEntry struct{ DnsName, HostedZoneId string }

// The services that an interface endpoint can lead to, and what their own names
// resolve to where private DNS is on. Gateway endpoints lead to those with
// prefix lists.
var endpointNames = map[string]string{
	"ec2": "ec2", "ecr.api": "api.ecr", "ecr.dkr": "*.dkr.ecr", "ecs": "ecs", "ecs-agent": "ecs-a", "ecs-telemetry": "ecs-t",
	"elasticloadbalancing": "elasticloadbalancing", "kms": "kms", "logs": "logs", "monitoring": "monitoring",
	"secretsmanager": "secretsmanager", "ssm": "ssm", "ssmmessages": "ssmmessages", "sts": "sts",
}

const (
	interfaceEndpoint = "Interface"
	gatewayEndpoint   = "Gateway"

	// everything is the policy of an endpoint that was given none.
	everything = `{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}]}`
)

func vpcEndpointResource(x *EC2) *resource[vpcEndpoint] {
	return &resource[vpcEndpoint]{
		name: "vpc-endpoint", prefix: "vpce", parameter: "vpcEndpointId", label: "Vpc Endpoint Id",
		notFound: "InvalidVpcEndpointId.NotFound", malformed: "InvalidVpcEndpointId.Malformed",
		id:    func(e vpcEndpoint) string { return e.VpcEndpointId },
		token: func(e vpcEndpoint) string { return e.ClientToken },
		view: func(e vpcEndpoint) vpcEndpoint {
			e.TagSet = x.tagSet(e.VpcEndpointId)
			e.DnsEntrySet = x.dnsEntries(e)
			return e
		},
		filters: filters[vpcEndpoint]{
			"vpc-endpoint-id":    value(func(e vpcEndpoint) string { return e.VpcEndpointId }),
			"vpc-endpoint-type":  value(func(e vpcEndpoint) string { return e.VpcEndpointType }),
			"vpc-endpoint-state": value(func(e vpcEndpoint) string { return e.State }),
			"vpc-id":             value(func(e vpcEndpoint) string { return e.VpcId }),
			"service-name":       value(func(e vpcEndpoint) string { return e.ServiceName }),
			"ip-address-type":    value(func(e vpcEndpoint) string { return e.IpAddressType }),
			"service-region":     value(func(e vpcEndpoint) string { return e.ServiceRegion }),
		},
	}
}

// serviceName is an AWS service's name as endpoints have it.
func (x *EC2) serviceName(short string) string {
	return "com.amazonaws." + x.account.Region + "." + short
}

func (x *EC2) shortName(service string) string {
	return strings.TrimPrefix(service, x.serviceName(""))
}

func (x *EC2) dnsEntries(e vpcEndpoint) []dnsEntry {
	if e.VpcEndpointType != interfaceEndpoint {
		return nil
	}
	short := x.shortName(e.ServiceName)
	name := func(zone string) string {
		return e.VpcEndpointId + "-" + e.Label + zone + "." + short + "." + x.account.Region + ".vpce.amazonaws.com"
	}
	entries := []dnsEntry{{name(""), "Z38GZ743OKFT7T"}}
	for _, id := range e.SubnetIdSet {
		s, _ := x.subnets.Get(id)
		entries = append(entries, dnsEntry{name("-" + s.AvailabilityZone), "Z38GZ743OKFT7T"})
	}
	if e.PrivateDnsEnabled {
		entries = append(entries, dnsEntry{endpointNames[short] + "." + x.account.Region + ".amazonaws.com", "Z" + strings.ToUpper(e.Label) + e.Label[:4]})
	}
	return entries
}

// settleEndpoints ends the endpoints' passing states that are over.
func (x *EC2) settleEndpoints(now time.Time) {
	for id, e := range x.endpoints.All() {
		switch {
		case now.Before(e.Due):
		case e.State == "pending":
			e.State = "available"
			x.endpoints.Put(id, e)
		case e.State == "deleting":
			for _, eni := range e.NetworkInterfaceIdSet {
				x.DeleteInterface(eni)
			}
			x.endpoints.remove(id)
		}
	}
}

// ReachesService reports whether something with that network interface can call
// an AWS service, named as in an endpoint's service name ("logs", "ecr.api"):
// over an endpoint of its VPC, or over the internet. Where an endpoint has the
// service's own name in the VPC, every call goes to it, and fails if the
// endpoint's security groups do not let it in.
func (x *EC2) ReachesService(interfaceID, service string) bool {
	x.settle()
	n, ok := x.interfaces.Get(interfaceID)
	if !ok {
		return false
	}
	name := x.serviceName(service)
	for _, e := range x.endpoints.All() {
		if e.VpcId != n.VpcId || e.ServiceName != name || e.State != "available" {
			continue
		}
		if e.VpcEndpointType == gatewayEndpoint {
			s, _ := x.subnets.Get(n.SubnetId)
			if slices.Contains(e.RouteTableIdSet, x.routeTableOf(s).RouteTableId) {
				return true
			}
			continue
		}
		if e.PrivateDnsEnabled {
			return slices.ContainsFunc(e.NetworkInterfaceIdSet, func(id string) bool {
				to, _ := x.interfaces.Get(id)
				from, at := n.out(), to.out()
				return x.Permits(from.Groups, from.PrivateIP, at.Groups, 443) && x.PermitsOut(from.Groups, at.Groups, at.PrivateIP, 443)
			})
		}
	}
	return x.ReachesInternet(n.SubnetId, n.Association != nil)
}

func (x *EC2) endpointOperations(s *wire.Service) {
	wire.Handle(s, "CreateVpcEndpoint", x.createVPCEndpoint)
	wire.Handle(s, "DescribeVpcEndpoints", x.describeVPCEndpoints)
	wire.Handle(s, "ModifyVpcEndpoint", x.modifyVPCEndpoint)
	wire.Handle(s, "DeleteVpcEndpoints", x.deleteVPCEndpoints)
	wire.Handle(s, "DescribeVpcEndpointServices", x.describeVPCEndpointServices)
}

type createVPCEndpointIn struct {
	DryRun            bool
	VpcEndpointType   string
	VpcId             string
	ServiceName       string
	PolicyDocument    string
	RouteTableId      []string
	SubnetId          []string
	SecurityGroupId   []string
	IpAddressType     string
	DnsOptions        *dnsOptions
	ClientToken       string
	PrivateDnsEnabled *bool
	TagSpecification  []tagSpecification
}

type vpcEndpointOut struct {
	VpcEndpoint vpcEndpoint
	ClientToken string
}

func (x *EC2) createVPCEndpoint(_ context.Context, in *createVPCEndpointIn) (*vpcEndpointOut, error) {
	v, err := x.vpcs.find(in.VpcId)
	if err != nil {
		return nil, err
	}
	tags, err := specified("vpc-endpoint", in.TagSpecification)
	if err != nil {
		return nil, err
	}
	if e, ok := x.endpoints.made(in.ClientToken); ok {
		return &vpcEndpointOut{e, in.ClientToken}, nil
	}
	now := x.account.Now().UTC()
	e := vpcEndpoint{
		VpcEndpointId: newID("vpce"), VpcEndpointType: cmp.Or(in.VpcEndpointType, gatewayEndpoint), VpcId: v.VpcId, ServiceName: in.ServiceName,
		State: "pending", PolicyDocument: cmp.Or(in.PolicyDocument, everything), IpAddressType: "ipv4", CreationTimestamp: now,
		OwnerId: account.ID, ServiceRegion: x.account.Region, Due: now.Add(x.timing.EndpointCreation), ClientToken: in.ClientToken, Label: account.Hex(8),
	}
	if err := onlyIPv4(in.IpAddressType, in.DnsOptions); err != nil {
		return nil, err
	}
	short := x.shortName(in.ServiceName)
	_, hasInterface := endpointNames[short]
	_, hasGateway := gatewayPrefixes[short]
	switch {
	case in.ServiceName == "":
		return nil, missing("serviceName")
	case !hasInterface && !hasGateway:
		return nil, wire.Errorf("InvalidServiceName", "The Vpc Endpoint Service '%s' does not exist", in.ServiceName)
	case e.VpcEndpointType != interfaceEndpoint && e.VpcEndpointType != gatewayEndpoint:
		return nil, unsupported("endpoints of the type " + e.VpcEndpointType)
	case e.VpcEndpointType == interfaceEndpoint && !hasInterface:
		return nil, unsupported("interface endpoints for " + short)
	case e.VpcEndpointType == gatewayEndpoint && !hasGateway:
		return nil, wire.Errorf("InvalidParameter", "Endpoint type (%s) does not match available service types ([%s]).", gatewayEndpoint, interfaceEndpoint)
	case !json.Valid([]byte(e.PolicyDocument)):
		return nil, wire.Errorf("InvalidPolicyDocument", "Policy document is not valid JSON.")
	}
	change := endpointChange{tables: in.RouteTableId, subnets: in.SubnetId, groups: in.SecurityGroupId, privateDNS: in.PrivateDnsEnabled}
	if e.VpcEndpointType == interfaceEndpoint {
		e.DnsOptions = &dnsOptions{"ipv4"}
		if change.privateDNS == nil {
			on := true
			change.privateDNS = &on
		}
		if len(change.groups) == 0 {
			for _, g := range x.groups.only(func(g securityGroup) bool { return g.VpcId == v.VpcId && g.isDefault() }) {
				change.groups = append(change.groups, g.GroupId)
			}
		}
	}
	if e, err = x.changeEndpoint(e, change); err != nil {
		return nil, err
	}
	return &vpcEndpointOut{x.endpoints.create(e, tags), in.ClientToken}, nil
}

// onlyIPv4 refuses endpoints with IPv6.
func onlyIPv4(addresses string, dns *dnsOptions) error {
	if addresses != "" && addresses != "ipv4" || dns != nil && dns.DnsRecordIpType != "" && dns.DnsRecordIpType != "ipv4" {
		return unsupported("IPv6")
	}
	return nil
}

// endpointChange is what an endpoint gets and loses.
type endpointChange struct {
	tables, subnets, groups       []string
	noTables, noSubnets, noGroups []string
	privateDNS                    *bool
}

// changeEndpoint returns an endpoint as it is after a change, with its interfaces
// and routes. It checks everything before it changes anything.
func (x *EC2) changeEndpoint(e vpcEndpoint, c endpointChange) (vpcEndpoint, error) {
	if e.VpcEndpointType == gatewayEndpoint && len(c.subnets)+len(c.groups) > 0 || e.VpcEndpointType == interfaceEndpoint && len(c.tables) > 0 {
		return e, wire.Errorf("InvalidParameter", "Subnets and security groups are for endpoints of the type Interface, and route tables for those of the type Gateway.")
	}
	if e.VpcEndpointType == gatewayEndpoint && c.privateDNS != nil && *c.privateDNS {
		return e, wire.Errorf("InvalidParameter", "Private DNS can only be enabled for endpoints of the type Interface.")
	}
	if c.privateDNS != nil {
		e.PrivateDnsEnabled = *c.privateDNS
	}
	if err := x.checkPrivateDNS(e); err != nil {
		return e, err
	}
	for _, id := range c.groups {
		g, err := x.groups.find(id)
		if err != nil {
			return e, err
		}
		if g.VpcId != e.VpcId {
			return e, invalid("Security group %s does not belong to VPC %s.", id, e.VpcId)
		}
		if member := (groupIdentifier{g.GroupId, g.GroupName}); !slices.Contains(e.GroupSet, member) {
			e.GroupSet = with(e.GroupSet, member)
		}
	}
	e.GroupSet = without(e.GroupSet, func(g groupIdentifier) bool { return slices.Contains(c.noGroups, g.GroupId) })
	if e.VpcEndpointType == interfaceEndpoint && len(e.GroupSet) == 0 {
		return e, wire.Errorf("InvalidParameter", "An endpoint of the type Interface needs a security group.")
	}
	var tables []routeTable
	for _, id := range c.tables {
		t, err := x.routeTables.find(id)
		if err != nil {
			return e, err
		}
		if t.VpcId != e.VpcId {
			return e, invalid("Route table %s does not belong to VPC %s.", id, e.VpcId)
		}
		list := gatewayPrefixes[x.shortName(e.ServiceName)].PrefixListId
		if slices.ContainsFunc(t.RouteSet, func(r route) bool { return r.DestinationPrefixListId == list && r.GatewayId != e.VpcEndpointId }) {
			return e, wire.Errorf("RouteAlreadyExists", "route table %s already has a route with destination-prefix-list-id %s", id, list)
		}
		tables = append(tables, t)
	}

	// The subnets that stay, and those that come.
	zones := map[string]bool{}
	var subnets, interfaces, leaving []string
	for i, id := range e.SubnetIdSet {
		if slices.Contains(c.noSubnets, id) {
			leaving = append(leaving, e.NetworkInterfaceIdSet[i])
			continue
		}
		s, _ := x.subnets.Get(id)
		zones[s.AvailabilityZone] = true
		subnets, interfaces = append(subnets, id), append(interfaces, e.NetworkInterfaceIdSet[i])
	}
	var added []networkInterface
	for _, id := range c.subnets {
		s, err := x.subnets.find(id)
		if err != nil {
			return e, err
		}
		if slices.Contains(subnets, id) {
			continue
		}
		if s.VpcId != e.VpcId {
			return e, invalid("Subnet %s does not belong to VPC %s.", id, e.VpcId)
		}
		if zones[s.AvailabilityZone] {
			return e, wire.Errorf("DuplicateSubnetsInSameZone", "Found another VPC endpoint subnet in the availability zone of %s. VPC endpoint subnets should be in different availability zones supported by the VPC endpoint service.", id)
		}
		zones[s.AvailabilityZone] = true
		n, err := x.newInterface(InterfaceSpec{SubnetID: id, Description: "VPC Endpoint Interface " + e.VpcEndpointId, Type: "vpc_endpoint", OwnerID: "amazon-aws"}, "")
		if err != nil {
			return e, err
		}
		subnets, interfaces, added = append(subnets, id), append(interfaces, n.NetworkInterfaceId), append(added, n)
	}

	for _, n := range added {
		x.interfaces.Put(n.NetworkInterfaceId, n)
	}
	for _, id := range leaving {
		x.DeleteInterface(id)
	}
	e.SubnetIdSet, e.NetworkInterfaceIdSet = subnets, interfaces
	for _, id := range interfaces {
		n, _ := x.interfaces.Get(id)
		n.GroupSet = e.GroupSet
		x.interfaces.Put(id, n)
	}
	for _, t := range tables {
		if !slices.Contains(e.RouteTableIdSet, t.RouteTableId) {
			t.RouteSet = with(t.RouteSet, route{
				DestinationPrefixListId: gatewayPrefixes[x.shortName(e.ServiceName)].PrefixListId, GatewayId: e.VpcEndpointId, Origin: "CreateRoute",
			})
			x.routeTables.Put(t.RouteTableId, t)
			e.RouteTableIdSet = with(e.RouteTableIdSet, t.RouteTableId)
		}
	}
	return x.unroute(e, c.noTables), nil
}

// unroute takes an endpoint's routes out of route tables.
func (x *EC2) unroute(e vpcEndpoint, tables []string) vpcEndpoint {
	for _, id := range tables {
		if t, ok := x.routeTables.Get(id); ok {
			t.RouteSet = without(t.RouteSet, func(r route) bool { return r.GatewayId == e.VpcEndpointId })
			x.routeTables.Put(id, t)
		}
	}
	e.RouteTableIdSet = without(e.RouteTableIdSet, func(id string) bool { return slices.Contains(tables, id) })
	return e
}

// checkPrivateDNS reports whether the VPC can have the service's own name lead to
// the endpoint.
func (x *EC2) checkPrivateDNS(e vpcEndpoint) error {
	if !e.PrivateDnsEnabled {
		return nil
	}
	if v, _ := x.vpcs.Get(e.VpcId); !v.DNSSupport || !v.DNSHostnames {
		return wire.Errorf("InvalidParameter", "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for %s", e.VpcId)
	}
	if x.endpoints.any(func(o vpcEndpoint) bool {
		return o.VpcEndpointId != e.VpcEndpointId && o.VpcId == e.VpcId && o.ServiceName == e.ServiceName && o.PrivateDnsEnabled && o.State != "deleting"
	}) {
		return wire.Errorf("InvalidParameter", "private-dns-enabled cannot be set because there is already a conflicting DNS domain for %s.%s.amazonaws.com in the VPC %s",
			endpointNames[x.shortName(e.ServiceName)], x.account.Region, e.VpcId)
	}
	return nil
}

type describeVPCEndpointsIn struct {
	DryRun        bool
	VpcEndpointId []string
	Filter        []filter
	MaxResults    *int
	NextToken     *string
}

type describeVPCEndpointsOut struct {
	VpcEndpointSet []vpcEndpoint
	NextToken      *string
}

func (x *EC2) describeVPCEndpoints(_ context.Context, in *describeVPCEndpointsIn) (*describeVPCEndpointsOut, error) {
	set, next, err := x.endpoints.describe(in.VpcEndpointId, in.Filter, in.MaxResults, in.NextToken)
	return &describeVPCEndpointsOut{set, next}, err
}

type modifyVPCEndpointIn struct {
	DryRun                bool
	VpcEndpointId         string
	ResetPolicy           bool
	PolicyDocument        string
	AddRouteTableId       []string
	RemoveRouteTableId    []string
	AddSubnetId           []string
	RemoveSubnetId        []string
	AddSecurityGroupId    []string
	RemoveSecurityGroupId []string
	IpAddressType         string
	DnsOptions            *dnsOptions
	PrivateDnsEnabled     *bool
}

func (x *EC2) modifyVPCEndpoint(_ context.Context, in *modifyVPCEndpointIn) (*accepted, error) {
	e, err := x.endpoints.find(in.VpcEndpointId)
	if err != nil {
		return nil, err
	}
	if e.State != "available" {
		return nil, wire.Errorf("IncorrectState", "The endpoint %s is in the state %s.", e.VpcEndpointId, e.State)
	}
	if err := onlyIPv4(in.IpAddressType, in.DnsOptions); err != nil {
		return nil, err
	}
	switch {
	case in.ResetPolicy:
		e.PolicyDocument = everything
	case in.PolicyDocument != "" && !json.Valid([]byte(in.PolicyDocument)):
		return nil, wire.Errorf("InvalidPolicyDocument", "Policy document is not valid JSON.")
	case in.PolicyDocument != "":
		e.PolicyDocument = in.PolicyDocument
	}
	e, err = x.changeEndpoint(e, endpointChange{
		in.AddRouteTableId, in.AddSubnetId, in.AddSecurityGroupId, in.RemoveRouteTableId, in.RemoveSubnetId, in.RemoveSecurityGroupId, in.PrivateDnsEnabled,
	})
	if err != nil {
		return nil, err
	}
	x.endpoints.Put(e.VpcEndpointId, e)
	return &accepted{true}, nil
}

type deleteVPCEndpointsIn struct {
	DryRun        bool
	VpcEndpointId []string
}

type unsuccessful struct {
	Error      struct{ Code, Message string }
	ResourceId string
}

type deleteVPCEndpointsOut struct{ Unsuccessful []unsuccessful }

func (x *EC2) deleteVPCEndpoints(_ context.Context, in *deleteVPCEndpointsIn) (*deleteVPCEndpointsOut, error) {
	if len(in.VpcEndpointId) == 0 {
		return nil, missing("vpcEndpointIds")
	}
	out := &deleteVPCEndpointsOut{}
	for _, id := range in.VpcEndpointId {
		e, ok := x.endpoints.Get(id)
		if !ok {
			u := unsuccessful{ResourceId: id}
			u.Error.Code, u.Error.Message = "InvalidVpcEndpoint.NotFound", fmt.Sprintf("The Vpc Endpoint Id '%s' does not exist", id)
			out.Unsuccessful = append(out.Unsuccessful, u)
			continue
		}
		e = x.unroute(e, e.RouteTableIdSet)
		e.State, e.Due = "deleting", x.account.Now().UTC().Add(x.timing.EndpointDeletion)
		x.endpoints.Put(id, e)
	}
	return out, nil
}

type endpointService struct {
	ServiceName                string
	ServiceId                  string
	ServiceType                []serviceType
	ServiceRegion              string
	AvailabilityZoneSet        []string
	Owner                      string
	BaseEndpointDnsNameSet     []string
	PrivateDnsName             string
	PrivateDnsNameSet          []privateDNSName
	VpcEndpointPolicySupported bool
	AcceptanceRequired         bool
	ManagesVpcEndpoints        bool
	SupportedIpAddressTypeSet  []string
	TagSet                     []tag
}

type serviceType struct{ ServiceType string }

type privateDNSName struct{ PrivateDnsName string }

type endpointServicesIn struct {
	DryRun      bool
	ServiceName []string
	Filter      []filter
	MaxResults  *int
	NextToken   *string
}

type endpointServicesOut struct {
	ServiceNameSet   []string
	ServiceDetailSet []endpointService
	NextToken        *string
}

var endpointServiceFilters = filters[endpointService]{
	"service-name":               value(func(s endpointService) string { return s.ServiceName }),
	"service-type":               value(func(s endpointService) string { return s.ServiceType[0].ServiceType }),
	"owner":                      value(func(s endpointService) string { return s.Owner }),
	"service-region":             value(func(s endpointService) string { return s.ServiceRegion }),
	"supported-ip-address-types": func(s endpointService) []string { return s.SupportedIpAddressTypeSet },
}

func (x *EC2) describeVPCEndpointServices(_ context.Context, in *endpointServicesIn) (*endpointServicesOut, error) {
	var rows []endpointService
	add := func(short, kind, private string) {
		s := endpointService{
			ServiceName: x.serviceName(short), ServiceType: []serviceType{{kind}}, ServiceRegion: x.account.Region,
			AvailabilityZoneSet: x.account.Zones(), Owner: "amazon", VpcEndpointPolicySupported: true, SupportedIpAddressTypeSet: []string{"ipv4"},
			BaseEndpointDnsNameSet: []string{short + "." + x.account.Region + ".vpce.amazonaws.com"},
		}
		if private != "" {
			s.PrivateDnsName = private + "." + x.account.Region + ".amazonaws.com"
			s.PrivateDnsNameSet = []privateDNSName{{s.PrivateDnsName}}
		}
		rows = append(rows, s)
	}
	for short := range gatewayPrefixes {
		add(short, gatewayEndpoint, "")
	}
	for short, private := range endpointNames {
		add(short, interfaceEndpoint, private)
	}
	slices.SortFunc(rows, func(a, b endpointService) int { return cmp.Compare(a.ServiceName, b.ServiceName) })
	for i := range rows {
		rows[i].ServiceId = fmt.Sprintf("vpce-svc-%017x", i+1)
	}
	for _, n := range in.ServiceName {
		if !slices.ContainsFunc(rows, func(s endpointService) bool { return s.ServiceName == n }) {
			return nil, wire.Errorf("InvalidServiceName", "The Vpc Endpoint Service '%s' does not exist", n)
		}
	}
	if len(in.ServiceName) > 0 {
		rows = slices.DeleteFunc(rows, func(s endpointService) bool { return !slices.Contains(in.ServiceName, s.ServiceName) })
	}
	rows, err := sift(rows, in.Filter, endpointServiceFilters, func(endpointService) map[string]string { return nil })
	if err != nil {
		return nil, err
	}
	out := &endpointServicesOut{}
	if out.ServiceDetailSet, out.NextToken, err = page(rows, in.MaxResults, in.NextToken); err != nil {
		return nil, err
	}
	for _, s := range out.ServiceDetailSet {
		out.ServiceNameSet = append(out.ServiceNameSet, s.ServiceName)
	}
	return out, nil
}
