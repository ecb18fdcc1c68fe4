package ec2

import (
	"context"
	"fmt"
	"strings"

	"workshop/internal/regions"
	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/wire"
)

// availabilityZone is one of the region's zones. An account's names for zones
// are its own; the ids are the same for everybody.
type availabilityZone struct {
	ZoneName           string
	ZoneId             string
	ZoneType           string
	ZoneState          string
	RegionName         string
	GroupName          string
	GroupLongName      string
	NetworkBorderGroup string
	OptInStatus        string
	MessageSet         []struct{}
}

var zoneFilters = filters[availabilityZone]{
	"zone-name":        value(func(z availabilityZone) string { return z.ZoneName }),
	"zone-id":          value(func(z availabilityZone) string { return z.ZoneId }),
	"zone-type":        value(func(z availabilityZone) string { return z.ZoneType }),
	"state":            value(func(z availabilityZone) string { return z.ZoneState }),
	"region-name":      value(func(z availabilityZone) string { return z.RegionName }),
	"group-name":       value(func(z availabilityZone) string { return z.GroupName }),
	"group-long-name":  value(func(z availabilityZone) string { return z.GroupLongName }),
	"opt-in-status":    value(func(z availabilityZone) string { return z.OptInStatus }),
	"message":          never[availabilityZone],
	"parent-zone-id":   never[availabilityZone],
	"parent-zone-name": never[availabilityZone],
}

func (x *EC2) zones() []availabilityZone {
	region := x.account.Region
	var out []availabilityZone
	for i, name := range x.account.Zones() {
		out = append(out, availabilityZone{
			ZoneName: name, ZoneId: fmt.Sprintf("%s-az%d", short(region), i+1), ZoneType: "availability-zone", ZoneState: "available",
			RegionName: region, GroupName: region + "-zg-1", NetworkBorderGroup: region, OptInStatus: "opt-in-not-required",
		})
	}
	return out
}

// short is a region's name as zone ids have it: eu-west-1 is euw1, and
// ap-southeast-2 apse2.
func short(region string) string {
	parts := strings.Split(region, "-")
	out := parts[0]
	for _, p := range parts[1:] {
		for _, direction := range []string{"north", "south", "east", "west", "central"} {
			if rest, ok := strings.CutPrefix(p, direction); ok {
				out += direction[:1]
				p = rest
			}
		}
		if p != "" {
			out += p[:1]
		}
	}
	return out
}

func (x *EC2) regionOperations(s *wire.Service) {
	wire.Handle(s, "DescribeAvailabilityZones", x.describeAvailabilityZones)
	wire.Handle(s, "DescribeRegions", x.describeRegions)
	wire.Handle(s, "DescribeAccountAttributes", x.describeAccountAttributes)
	wire.Handle(s, "DescribeDhcpOptions", x.describeDHCPOptions)

	// What the sandbox never has any of, but is asked for.
	wire.Handle(s, "DescribeInstances", nothing[struct {
		ReservationSet []struct{}
	}])
	wire.Handle(s, "DescribeFlowLogs", nothing[struct {
		FlowLogSet []struct{}
	}])
	wire.Handle(s, "DescribeVpcPeeringConnections", nothing[struct {
		VpcPeeringConnectionSet []struct{}
	}])
	wire.Handle(s, "DescribeEgressOnlyInternetGateways", nothing[struct {
		EgressOnlyInternetGatewaySet []struct{}
	}])
	wire.Handle(s, "DescribeVpnGateways", nothing[struct {
		VpnGatewaySet []struct{}
	}])
}

// nothing answers with an empty list, or says that a thing that is asked for by
// its id is not there.
func nothing[Out any](_ context.Context, in *nothingIn) (*Out, error) {
	for _, asked := range []struct {
		ids         []string
		code, label string
	}{
		{in.InstanceId, "InvalidInstanceID.NotFound", "instance ID"},
		{in.FlowLogId, "InvalidFlowLogId.NotFound", "flow log ID"},
		{in.VpcPeeringConnectionId, "InvalidVpcPeeringConnectionID.NotFound", "vpcPeeringConnection ID"},
		{in.EgressOnlyInternetGatewayId, "InvalidEgressOnlyInternetGatewayId.NotFound", "egress only internet gateway ID"},
		{in.VpnGatewayId, "InvalidVpnGatewayID.NotFound", "vpnGateway ID"},
	} {
		if len(asked.ids) > 0 {
			return nil, wire.Errorf(asked.code, "The %s '%s' does not exist", asked.label, asked.ids[0])
		}
	}
	return nil, nil
}

type nothingIn struct {
	DryRun                      bool
	InstanceId                  []string
	FlowLogId                   []string
	VpcPeeringConnectionId      []string
	EgressOnlyInternetGatewayId []string
	VpnGatewayId                []string
	Filter                      []filter
	MaxResults                  *int
	NextToken                   *string
}

type describeZonesIn struct {
	DryRun   bool
	ZoneName []string
	ZoneId   []string
	Filter   []filter

	AllAvailabilityZones bool // all are opted in to
}

type describeZonesOut struct{ AvailabilityZoneInfo []availabilityZone }

func (x *EC2) describeAvailabilityZones(_ context.Context, in *describeZonesIn) (*describeZonesOut, error) {
	zones, err := named(x.zones(), in.ZoneName, func(z availabilityZone) string { return z.ZoneName }, "Invalid availability zone: [%s]")
	if err != nil {
		return nil, err
	}
	if zones, err = named(zones, in.ZoneId, func(z availabilityZone) string { return z.ZoneId }, "Invalid availability zone-id: [%s]"); err != nil {
		return nil, err
	}
	zones, err = sift(zones, in.Filter, zoneFilters, nil)
	return &describeZonesOut{zones}, err
}

// named returns the rows with these names, or all if none is given.
func named[T any](rows []T, names []string, of func(T) string, wrong string) ([]T, error) {
	if len(names) == 0 {
		return rows, nil
	}
	var out []T
	for _, n := range names {
		found := false
		for _, r := range rows {
			if of(r) == n {
				out, found = append(out, r), true
			}
		}
		if !found {
			return nil, invalid(wrong, n)
		}
	}
	return out, nil
}

type region struct{ RegionName, RegionEndpoint, OptInStatus string }

type describeRegionsIn struct {
	DryRun     bool
	RegionName []string
	Filter     []filter
	AllRegions bool // all are enabled
}

type describeRegionsOut struct{ RegionInfo []region }

var regionFilters = filters[region]{
	"region-name":   value(func(r region) string { return r.RegionName }),
	"endpoint":      value(func(r region) string { return r.RegionEndpoint }),
	"opt-in-status": value(func(r region) string { return r.OptInStatus }),
}

// describeRegions lists the Regions of an account that has enabled all of them.
func (x *EC2) describeRegions(_ context.Context, in *describeRegionsIn) (*describeRegionsOut, error) {
	var rows []region
	for _, name := range regions.Commercial() {
		status := "opt-in-not-required"
		if regions.OptIn(name) {
			status = "opted-in"
		}
		rows = append(rows, region{name, "ec2." + name + ".amazonaws.com", status})
	}
	rows, err := named(rows, in.RegionName, func(r region) string { return r.RegionName }, "Invalid region name: [%s]")
	if err != nil {
		return nil, err
	}
	rows, err = sift(rows, in.Filter, regionFilters, nil)
	return &describeRegionsOut{rows}, err
}

type accountAttribute struct {
	AttributeName     string
	AttributeValueSet []attributeValue
}

type attributeValue struct{ AttributeValue string }

type accountAttributesIn struct {
	DryRun        bool
	AttributeName []string
}

type accountAttributesOut struct{ AccountAttributeSet []accountAttribute }

func (x *EC2) describeAccountAttributes(_ context.Context, in *accountAttributesIn) (*accountAttributesOut, error) {
	home := "none"
	if v, ok := x.defaultVPC(); ok {
		home = v.VpcId
	}
	var all []accountAttribute
	for _, a := range [][2]string{
		{"supported-platforms", "VPC"}, {"default-vpc", home}, {"vpc-max-security-groups-per-interface", "5"},
		{"max-instances", "20"}, {"max-elastic-ips", "5"}, {"vpc-max-elastic-ips", "5"},
	} {
		all = append(all, accountAttribute{a[0], []attributeValue{{a[1]}}})
	}
	all, err := named(all, in.AttributeName, func(a accountAttribute) string { return a.AttributeName }, "Invalid attribute name: [%s]")
	return &accountAttributesOut{all}, err
}

type dhcpOptions struct {
	DhcpOptionsId        string
	OwnerId              string
	DhcpConfigurationSet []dhcpConfiguration
	TagSet               []tag
}

type dhcpConfiguration struct {
	Key      string
	ValueSet []dhcpValue
}

type dhcpValue struct{ Value string }

type dhcpOptionsIn struct {
	DryRun        bool
	DhcpOptionsId []string
	Filter        []filter
	MaxResults    *int
	NextToken     *string
}

type dhcpOptionsOut struct{ DhcpOptionsSet []dhcpOptions }

var dhcpFilters = filters[dhcpOptions]{
	"dhcp-options-id": value(func(d dhcpOptions) string { return d.DhcpOptionsId }),
	"owner-id":        value(func(d dhcpOptions) string { return d.OwnerId }),
	"key": each(func(d dhcpOptions) []dhcpConfiguration { return d.DhcpConfigurationSet },
		func(c dhcpConfiguration) string { return c.Key }),
	"value": each(func(d dhcpOptions) []dhcpConfiguration { return d.DhcpConfigurationSet },
		func(c dhcpConfiguration) string { return c.ValueSet[0].Value }),
}

// describeDHCPOptions knows the set that every VPC has.
func (x *EC2) describeDHCPOptions(_ context.Context, in *dhcpOptionsIn) (*dhcpOptionsOut, error) {
	for _, id := range in.DhcpOptionsId {
		if id != dhcpOptionsID {
			return nil, wire.Errorf("InvalidDhcpOptionID.NotFound", "The dhcpOption ID '%s' does not exist", id)
		}
	}
	_, domain, _ := strings.Cut(x.privateName("0.0.0.0"), ".")
	rows, err := sift([]dhcpOptions{{
		DhcpOptionsId: dhcpOptionsID, OwnerId: account.ID,
		DhcpConfigurationSet: []dhcpConfiguration{
			{"domain-name", []dhcpValue{{domain}}},
			{"domain-name-servers", []dhcpValue{{"AmazonProvidedDNS"}}},
		},
	}}, in.Filter, dhcpFilters, func(dhcpOptions) map[string]string { return nil })
	return &dhcpOptionsOut{rows}, err
}
