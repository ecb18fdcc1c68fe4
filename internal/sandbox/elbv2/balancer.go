package elbv2

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/ec2"
	"workshop/internal/sandbox/wire"
)

// loadBalancer is the record of a load balancer. State and DNSName are filled
// in when it is described.
type loadBalancer struct {
	Balancer   types.LoadBalancer
	Attributes map[string]string
	Tags       map[string]string
	Port       int // of this machine, behind its DNSName
	Interfaces map[string]networkInterface
}

// networkInterface is a load balancer's foot in a subnet.
type networkInterface struct{ ID, PrivateIP string }

func (b loadBalancer) name() string { return value(b.Balancer.LoadBalancerName) }

// address is one of its private addresses.
func (b loadBalancer) address() string {
	for _, s := range sorted(b.Interfaces) {
		return b.Interfaces[s].PrivateIP
	}
	return ""
}

func (b loadBalancer) zones() []string {
	var out []string
	for _, z := range b.Balancer.AvailabilityZones {
		out = append(out, value(z.ZoneName))
	}
	return out
}

func dnsName(port int) string { return fmt.Sprintf("localhost:%d", port) }

// zoneID stands for the hosted zone that a region's load balancers are in.
const zoneID = "Z00000000SANDBOX00000"

func (x *ELB) balancerOperations(s *wire.Service) {
	wire.Handle(s, "CreateLoadBalancer", x.createBalancer)
	wire.Handle(s, "DescribeLoadBalancers", x.describeBalancers)
	wire.Handle(s, "DeleteLoadBalancer", x.deleteBalancer)
	wire.Handle(s, "DescribeLoadBalancerAttributes", x.describeBalancerAttributes)
	wire.Handle(s, "ModifyLoadBalancerAttributes", x.modifyBalancerAttributes)
	wire.Handle(s, "SetSecurityGroups", x.setSecurityGroups)
	wire.Handle(s, "SetSubnets", x.setSubnets)
	wire.Handle(s, "SetIpAddressType", x.setIPAddressType)
	wire.Handle(s, "DescribeCapacityReservation", x.describeCapacityReservation)
}

// balancer finds a load balancer by its ARN.
func (x *ELB) balancer(arn *string) (loadBalancer, error) {
	if !strings.Contains(value(arn), ":loadbalancer/") {
		return loadBalancer{}, wire.Errorf("ValidationError", "'%s' is not a valid load balancer ARN", value(arn))
	}
	b, ok := x.balancers.Get(*arn)
	if !ok {
		return loadBalancer{}, wire.Errorf("LoadBalancerNotFound", "Load balancer '%s' not found", *arn)
	}
	return b, nil
}

func (x *ELB) createBalancer(_ context.Context, in *elb.CreateLoadBalancerInput) (*elb.CreateLoadBalancerOutput, error) {
	name := value(in.Name)
	if err := named("Load balancer", name); err != nil {
		return nil, err
	}
	if strings.HasPrefix(name, "internal-") {
		return nil, wire.Errorf("ValidationError", "Load balancer name '%s' cannot begin with 'internal-'", name)
	}
	if in.Type != "" && in.Type != types.LoadBalancerTypeEnumApplication {
		return nil, wire.Errorf("ValidationError", "The sandbox has load balancers of type 'application' only, not '%s'", in.Type)
	}
	if in.Scheme == "" {
		in.Scheme = types.LoadBalancerSchemeEnumInternetFacing
	}
	if in.Scheme != types.LoadBalancerSchemeEnumInternetFacing && in.Scheme != types.LoadBalancerSchemeEnumInternal {
		return nil, wire.Errorf("InvalidScheme", "Scheme '%s' is not valid", in.Scheme)
	}
	if err := ipv4Only(in.IpAddressType); err != nil {
		return nil, err
	}
	if in.CustomerOwnedIpv4Pool != nil && *in.CustomerOwnedIpv4Pool != "" {
		return nil, wire.Errorf("InvalidConfigurationRequest", "The sandbox has no customer-owned address pools")
	}
	tags, err := tagMap(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	subnets, err := subnetIDs(in.Subnets, in.SubnetMappings)
	if err != nil {
		return nil, err
	}
	zones, vpc, err := x.checkSubnets(subnets)
	if err != nil {
		return nil, err
	}
	groups, err := x.securityGroups(in.SecurityGroups, vpc)
	if err != nil {
		return nil, err
	}
	for _, b := range x.balancers.All() {
		if b.name() != name {
			continue
		}
		if b.Balancer.Scheme == in.Scheme && sameSet(sorted(b.Interfaces), subnets) && (len(groups) == 0 || sameSet(b.Balancer.SecurityGroups, groups)) {
			return &elb.CreateLoadBalancerOutput{LoadBalancers: []types.LoadBalancer{x.present(b)}}, nil
		}
		return nil, wire.Errorf("DuplicateLoadBalancerName", "A load balancer with the same name '%s' exists, but with different settings", name)
	}

	port, err := x.plane.Reserve()
	if err != nil {
		return nil, err
	}
	path := "app/" + name + "/" + account.Hex(16)
	arn := x.account.ARN("elasticloadbalancing", "loadbalancer/"+path)
	now := x.account.Now().UTC().Truncate(time.Millisecond)
	b := loadBalancer{
		Balancer: types.LoadBalancer{
			LoadBalancerArn: &arn, LoadBalancerName: &name, CanonicalHostedZoneId: text(zoneID), CreatedTime: &now,
			Scheme: in.Scheme, Type: types.LoadBalancerTypeEnumApplication, IpAddressType: types.IpAddressTypeIpv4,
			AvailabilityZones: zones, SecurityGroups: groups, VpcId: &vpc,
		},
		Attributes: maps.Clone(balancerDefaults), Tags: tags, Port: port,
	}
	if err = x.setInterfaces(&b, subnets); err != nil {
		x.plane.Release(port)
		return nil, err
	}
	x.account.Store.AfterRollback(x.restore)
	x.balancers.Put(arn, b)
	x.log.Info("load balancer created", "name", name, "address", dnsName(port))
	out := x.present(b)
	out.State = &types.LoadBalancerState{Code: types.LoadBalancerStateEnumProvisioning}
	return &elb.CreateLoadBalancerOutput{LoadBalancers: []types.LoadBalancer{out}}, nil
}

func ipv4Only(t types.IpAddressType) error {
	if t != "" && t != types.IpAddressTypeIpv4 {
		return wire.Errorf("InvalidConfigurationRequest", "The sandbox's load balancers have the IP address type 'ipv4' only, not '%s'", t)
	}
	return nil
}

func subnetIDs(ids []string, mappings []types.SubnetMapping) ([]string, error) {
	if len(ids) > 0 && len(mappings) > 0 {
		return nil, wire.Errorf("ValidationError", "You can specify only one of Subnets and SubnetMappings")
	}
	for _, m := range mappings {
		if value(m.AllocationId) != "" {
			return nil, wire.Errorf("InvalidConfigurationRequest", "You cannot specify an Elastic IP address for an Application Load Balancer")
		}
		ids = append(ids, value(m.SubnetId))
	}
	return ids, nil
}

// checkSubnets checks a load balancer's subnets: two or more, in zones of their own, of
// one VPC.
func (x *ELB) checkSubnets(subnets []string) (zones []types.AvailabilityZone, vpc string, err error) {
	taken := map[string]bool{}
	for _, id := range subnets {
		s, ok := x.network.Subnet(id)
		if !ok {
			return nil, "", wire.Errorf("SubnetNotFound", "The subnet ID '%s' does not exist", id)
		}
		if vpc != "" && s.VPCID != vpc {
			return nil, "", wire.Errorf("InvalidSubnet", "All subnets must belong to the same VPC: '%s'", vpc)
		}
		if taken[s.Zone] {
			return nil, "", wire.Errorf("InvalidConfigurationRequest", "A load balancer cannot be attached to multiple subnets in the same Availability Zone")
		}
		taken[s.Zone] = true
		vpc = s.VPCID
		zones = append(zones, types.AvailabilityZone{SubnetId: &id, ZoneName: &s.Zone, LoadBalancerAddresses: []types.LoadBalancerAddress{}})
	}
	if len(zones) < 2 {
		return nil, "", wire.Errorf("ValidationError", "At least two subnets in two different Availability Zones must be specified")
	}
	slices.SortFunc(zones, func(a, b types.AvailabilityZone) int { return strings.Compare(*a.ZoneName, *b.ZoneName) })
	return zones, vpc, nil
}

// securityGroups checks that the groups are of the VPC.
func (x *ELB) securityGroups(ids []string, vpc string) ([]string, error) {
	ids = slices.Clone(ids)
	for _, id := range ids {
		if g, ok := x.network.Group(id); !ok || g.VPCID != vpc {
			return nil, wire.Errorf("InvalidConfigurationRequest", "One or more security groups are invalid")
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// setInterfaces gives a load balancer a network interface in each of the subnets and
// nowhere else. Without security groups it gets those that EC2 gives the
// interfaces: the VPC's default group.
func (x *ELB) setInterfaces(b *loadBalancer, subnets []string) error {
	made := map[string]networkInterface{}
	for _, id := range subnets {
		i, err := x.network.CreateInterface(ec2.InterfaceSpec{
			SubnetID: id, Groups: b.Balancer.SecurityGroups, Description: "ELB " + suffix(*b.Balancer.LoadBalancerArn),
			Type: "interface", OwnerID: "amazon-elb", PublicIP: b.Balancer.Scheme == types.LoadBalancerSchemeEnumInternetFacing,
		})
		if err != nil {
			for _, m := range made {
				x.network.DeleteInterface(m.ID)
			}
			return wire.Errorf("InvalidSubnet", "The load balancer cannot have a network interface in subnet '%s': %v", id, err)
		}
		made[id] = networkInterface{i.ID, i.PrivateIP}
		if len(b.Balancer.SecurityGroups) == 0 {
			b.Balancer.SecurityGroups = slices.Clone(i.Groups)
		}
	}
	for _, i := range b.Interfaces {
		x.network.DeleteInterface(i.ID)
	}
	b.Interfaces = made
	return nil
}

func sameSet(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// present is a load balancer as it is described.
func (x *ELB) present(b loadBalancer) types.LoadBalancer {
	out := b.Balancer
	state := types.LoadBalancerStateEnumActive
	if x.account.Now().Sub(value(out.CreatedTime)) < x.timing.Provisioning {
		state = types.LoadBalancerStateEnumProvisioning
	}
	out.State = &types.LoadBalancerState{Code: state}
	for _, u := range x.plane.Unreachable() {
		if u.Port == b.Port {
			out.State = &types.LoadBalancerState{Code: types.LoadBalancerStateEnumActiveImpaired, Reason: text("%s", unreachable(u))}
		}
	}
	out.DNSName = text("%s", dnsName(b.Port))
	return out
}

func (x *ELB) describeBalancers(_ context.Context, in *elb.DescribeLoadBalancersInput) (*elb.DescribeLoadBalancersOutput, error) {
	if len(in.Names) > 0 && len(in.LoadBalancerArns) > 0 {
		return nil, wire.Errorf("ValidationError", "Load balancer names and load balancer ARNs cannot be specified at the same time")
	}
	var all []types.LoadBalancer
	byName := map[string]bool{}
	for arn, b := range x.balancers.All() {
		if wanted(in.Names, b.name()) && wanted(in.LoadBalancerArns, arn) {
			all = append(all, x.present(b))
			byName[b.name()], byName[arn] = true, true
		}
	}
	missing := slices.DeleteFunc(append(slices.Clone(in.Names), in.LoadBalancerArns...), func(n string) bool { return byName[n] })
	switch {
	case len(missing) > 0 && len(in.Names) > 0:
		return nil, wire.Errorf("LoadBalancerNotFound", "Load balancers '[%s]' not found", strings.Join(missing, ", "))
	case len(missing) > 0:
		return nil, wire.Errorf("LoadBalancerNotFound", "One or more load balancers not found")
	}
	items, next, err := page(all, in.Marker, in.PageSize)
	return &elb.DescribeLoadBalancersOutput{LoadBalancers: items, NextMarker: next}, err
}

// wanted reports whether a Describe operation's list, empty for all, names v.
func wanted(list []string, v string) bool { return len(list) == 0 || slices.Contains(list, v) }

// deleteBalancer takes its listeners and rules along; a load balancer that is
// not there is no error.
func (x *ELB) deleteBalancer(_ context.Context, in *elb.DeleteLoadBalancerInput) (*elb.DeleteLoadBalancerOutput, error) {
	arn := value(in.LoadBalancerArn)
	if !strings.Contains(arn, ":loadbalancer/") {
		return nil, wire.Errorf("ValidationError", "'%s' is not a valid load balancer ARN", arn)
	}
	b, ok := x.balancers.Get(arn)
	if !ok {
		return nil, nil
	}
	if b.Attributes["deletion_protection.enabled"] == "true" {
		return nil, wire.Errorf("OperationNotPermitted", "Load balancer '%s' cannot be deleted because deletion protection is enabled", arn)
	}
	for larn, l := range x.listeners.All() {
		if l.balancer() == arn {
			x.removeListener(larn, l)
		}
	}
	for _, i := range b.Interfaces {
		x.network.DeleteInterface(i.ID)
	}
	x.balancers.Delete(arn)
	x.release(b.Port)
	x.apply()
	return nil, nil
}

func (x *ELB) setSecurityGroups(_ context.Context, in *elb.SetSecurityGroupsInput) (*elb.SetSecurityGroupsOutput, error) {
	b, err := x.balancer(in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	if len(in.SecurityGroups) == 0 {
		return nil, wire.Errorf("ValidationError", "At least one security group must be specified")
	}
	groups, err := x.securityGroups(in.SecurityGroups, value(b.Balancer.VpcId))
	if err != nil {
		return nil, err
	}
	b.Balancer.SecurityGroups = groups
	if err := x.setInterfaces(&b, sorted(b.Interfaces)); err != nil {
		return nil, err
	}
	x.balancers.Put(*in.LoadBalancerArn, b)
	return &elb.SetSecurityGroupsOutput{SecurityGroupIds: groups}, nil
}

func (x *ELB) setSubnets(_ context.Context, in *elb.SetSubnetsInput) (*elb.SetSubnetsOutput, error) {
	b, err := x.balancer(in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	if err := ipv4Only(in.IpAddressType); err != nil {
		return nil, err
	}
	subnets, err := subnetIDs(in.Subnets, in.SubnetMappings)
	if err != nil {
		return nil, err
	}
	zones, vpc, err := x.checkSubnets(subnets)
	if err != nil {
		return nil, err
	}
	if vpc != value(b.Balancer.VpcId) {
		return nil, wire.Errorf("InvalidSubnet", "All subnets must belong to the load balancer's VPC: '%s'", value(b.Balancer.VpcId))
	}
	if err := x.setInterfaces(&b, subnets); err != nil {
		return nil, err
	}
	b.Balancer.AvailabilityZones = zones
	x.balancers.Put(*in.LoadBalancerArn, b)
	x.apply()
	return &elb.SetSubnetsOutput{AvailabilityZones: zones, IpAddressType: types.IpAddressTypeIpv4}, nil
}

func (x *ELB) setIPAddressType(_ context.Context, in *elb.SetIpAddressTypeInput) (*elb.SetIpAddressTypeOutput, error) {
	if _, err := x.balancer(in.LoadBalancerArn); err != nil {
		return nil, err
	}
	if err := ipv4Only(in.IpAddressType); err != nil {
		return nil, err
	}
	return &elb.SetIpAddressTypeOutput{IpAddressType: types.IpAddressTypeIpv4}, nil
}

// describeCapacityReservation answers as AWS does for a load balancer without a
// reservation.
func (x *ELB) describeCapacityReservation(_ context.Context, in *elb.DescribeCapacityReservationInput) (*elb.DescribeCapacityReservationOutput, error) {
	_, err := x.balancer(in.LoadBalancerArn)
	return &elb.DescribeCapacityReservationOutput{CapacityReservationState: []types.ZonalCapacityReservationState{}}, err
}

// text returns a pointer to the formatted string.
func text(format string, args ...any) *string {
	s := fmt.Sprintf(format, args...)
	return &s
}
