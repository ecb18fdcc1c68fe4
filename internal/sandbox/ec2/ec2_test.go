package ec2

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"workshop/internal/regions"
	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/store"
	"workshop/internal/sandbox/wildcard"
	"workshop/internal/sandbox/wire"
)

// world is an EC2 behind a server, with a clock that the test sets.
type world struct {
	*testing.T
	x     *EC2
	store *store.Store
	url   string
	now   atomic.Int64
}

var keys = wire.Credentials{AccessKeyID: "AKIDTEST", SecretAccessKey: "secret"}

// newWorld is an account whose default VPC was deleted.
func newWorld(t *testing.T, journal string, timing Timing) *world {
	t.Helper()
	w := newAccount(t, journal, timing)
	w.locked(func(x *EC2) { x.provided.Put("vpc", "") })
	return w
}

func newAccount(t *testing.T, journal string, timing Timing) *world {
	t.Helper()
	st, err := store.Open(journal)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, store: st}
	w.now.Store(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano())
	a := &account.Account{Region: "eu-west-1", Store: st, Now: func() time.Time { return time.Unix(0, w.now.Load()) }}
	if w.x, err = New(a, timing); err != nil {
		t.Fatal(err)
	}
	srv := &wire.Server{Credentials: keys, Region: "eu-west-1", Lock: st, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	srv.Add(w.x.Service())
	h := httptest.NewServer(srv)
	w.url = h.URL
	t.Cleanup(func() {
		h.Close()
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) pass(d time.Duration) { w.now.Add(int64(d)) }

// locked runs f as another service would call in: with the lock held.
func (w *world) locked(f func(x *EC2)) {
	w.store.Lock()
	defer w.store.Unlock()
	f(w.x)
}

// node is an element of an answer.
type node struct {
	XMLName  xml.Name
	Text     string `xml:",chardata"`
	Children []node `xml:",any"`
}

// all returns the texts at a path such as "vpcSet/item/vpcId".
func (n node) all(path string) []string {
	at := []node{n}
	for _, name := range strings.Split(path, "/") {
		var next []node
		for _, m := range at {
			for _, c := range m.Children {
				if c.XMLName.Local == name {
					next = append(next, c)
				}
			}
		}
		at = next
	}
	var out []string
	for _, m := range at {
		out = append(out, strings.TrimSpace(m.Text))
	}
	return out
}

func (n node) one(path string) string {
	if s := n.all(path); len(s) > 0 {
		return s[0]
	}
	return ""
}

// try sends a signed request; params are "Name=value".
func (w *world) try(action string, params ...string) (node, int) {
	w.Helper()
	form := url.Values{"Action": {action}, "Version": {"2016-11-15"}}
	for _, p := range params {
		k, v, _ := strings.Cut(p, "=")
		form.Set(k, v)
	}
	body := form.Encode()
	req, err := http.NewRequestWithContext(w.Context(), http.MethodPost, w.url+"/", strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sum := sha256.Sum256([]byte(body))
	err = v4.NewSigner().SignHTTP(w.Context(), aws.Credentials{AccessKeyID: keys.AccessKeyID, SecretAccessKey: keys.SecretAccessKey},
		req, hex.EncodeToString(sum[:]), "ec2", "eu-west-1", time.Now())
	if err != nil {
		w.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		w.Fatal(err)
	}
	var n node
	if err := xml.NewDecoder(bytes.NewReader(raw)).Decode(&n); err != nil {
		w.Fatalf("%s answered no XML: %v\n%s", action, err, raw)
	}
	return n, resp.StatusCode
}

// do is try for what must succeed.
func (w *world) do(action string, params ...string) node {
	w.Helper()
	n, status := w.try(action, params...)
	if status != http.StatusOK {
		w.Fatalf("%s %v: %d %s: %s", action, params, status, n.one("Errors/Error/Code"), n.one("Errors/Error/Message"))
	}
	return n
}

// refused is try for what must fail with that code and message; * in the
// message stands for any text.
func (w *world) refused(code, message, action string, params ...string) {
	w.Helper()
	n, status := w.try(action, params...)
	gotCode, gotMessage := n.one("Errors/Error/Code"), n.one("Errors/Error/Message")
	if status != http.StatusBadRequest || gotCode != code || !wildcard.MatchEscaped(message, gotMessage) {
		w.Errorf("%s %v: %d %s: %q; want %s: %q", action, params, status, gotCode, gotMessage, code, message)
	}
}

// network is a VPC with two subnets, the first of them public.
type network struct{ vpc, public, private, gateway, publicTable, mainTable, defaultGroup string }

func (w *world) network() network {
	w.Helper()
	var n network
	n.vpc = w.do("CreateVpc", "CidrBlock=10.0.0.0/16").one("vpc/vpcId")
	n.public = w.do("CreateSubnet", "VpcId="+n.vpc, "CidrBlock=10.0.0.0/24", "AvailabilityZone=eu-west-1a").one("subnet/subnetId")
	n.private = w.do("CreateSubnet", "VpcId="+n.vpc, "CidrBlock=10.0.1.0/24", "AvailabilityZone=eu-west-1b").one("subnet/subnetId")
	n.gateway = w.do("CreateInternetGateway").one("internetGateway/internetGatewayId")
	w.do("AttachInternetGateway", "VpcId="+n.vpc, "InternetGatewayId="+n.gateway)
	n.publicTable = w.do("CreateRouteTable", "VpcId="+n.vpc).one("routeTable/routeTableId")
	w.do("AssociateRouteTable", "RouteTableId="+n.publicTable, "SubnetId="+n.public)
	w.do("CreateRoute", "RouteTableId="+n.publicTable, "DestinationCidrBlock=0.0.0.0/0", "GatewayId="+n.gateway)
	n.mainTable = w.do("DescribeRouteTables", "Filter.1.Name=association.main", "Filter.1.Value.1=true", "Filter.2.Name=vpc-id", "Filter.2.Value.1="+n.vpc).
		one("routeTableSet/item/routeTableId")
	n.defaultGroup = w.do("DescribeSecurityGroups", "Filter.1.Name=group-name", "Filter.1.Value.1=default", "Filter.2.Name=vpc-id", "Filter.2.Value.1="+n.vpc).
		one("securityGroupInfo/item/groupId")
	return n
}

func (w *world) group(vpc, name string) string {
	w.Helper()
	return w.do("CreateSecurityGroup", "VpcId="+vpc, "GroupName="+name, "GroupDescription=a group").one("groupId")
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s = %q, want %q", what, got, want)
	}
}

func TestVPCComesWithDefaults(t *testing.T) {
	w := newWorld(t, "", Fast)
	id := w.do("CreateVpc", "CidrBlock=10.1.2.3/16", "TagSpecification.1.ResourceType=vpc",
		"TagSpecification.1.Tag.1.Key=Name", "TagSpecification.1.Tag.1.Value=").one("vpc/vpcId")

	v := w.do("DescribeVpcs", "VpcId.1="+id)
	same(t, "CIDR", v.all("vpcSet/item/cidrBlock"), "10.1.0.0/16")
	same(t, "owner", v.all("vpcSet/item/ownerId"), account.ID)
	same(t, "state", v.all("vpcSet/item/state"), "available")
	same(t, "associations", v.all("vpcSet/item/cidrBlockAssociationSet/item/cidrBlockState/state"), "associated")
	same(t, "tag with an empty value", v.all("vpcSet/item/tagSet/item/value"), "")

	for attribute, want := range map[string]string{
		"enableDnsSupport": "true", "enableDnsHostnames": "false", "enableNetworkAddressUsageMetrics": "false",
	} {
		got := w.do("DescribeVpcAttribute", "VpcId="+id, "Attribute="+attribute)
		same(t, attribute, got.all(attribute+"/value"), want)
	}
	w.do("ModifyVpcAttribute", "VpcId="+id, "EnableDnsHostnames.Value=true")
	same(t, "enableDnsHostnames", w.do("DescribeVpcAttribute", "VpcId="+id, "Attribute=enableDnsHostnames").all("enableDnsHostnames/value"), "true")

	ofVPC := []string{"Filter.1.Name=vpc-id", "Filter.1.Value.1=" + id}
	routes := w.do("DescribeRouteTables", ofVPC...)
	same(t, "main table", routes.all("routeTableSet/item/associationSet/item/main"), "true")
	same(t, "local route", routes.all("routeTableSet/item/routeSet/item/gatewayId"), "local")
	same(t, "its state", routes.all("routeTableSet/item/routeSet/item/state"), "active")
	acl := w.do("DescribeNetworkAcls", append(ofVPC, "Filter.2.Name=default", "Filter.2.Value.1=true")...)
	same(t, "ACL entries", acl.all("networkAclSet/item/entrySet/item/ruleNumber"), "100", "32767", "100", "32767")
	g := w.do("DescribeSecurityGroups", ofVPC...)
	same(t, "group", g.all("securityGroupInfo/item/groupName"), "default")
	same(t, "what comes in", g.all("securityGroupInfo/item/ipPermissions/item/groups/item/groupId"), g.one("securityGroupInfo/item/groupId"))
	same(t, "what goes out", g.all("securityGroupInfo/item/ipPermissionsEgress/item/ipRanges/item/cidrIp"), "0.0.0.0/0")

	w.do("DeleteVpc", "VpcId="+id)
	for action, path := range map[string]string{
		"DescribeVpcs": "vpcSet/item", "DescribeRouteTables": "routeTableSet/item", "DescribeNetworkAcls": "networkAclSet/item",
		"DescribeSecurityGroups": "securityGroupInfo/item", "DescribeSecurityGroupRules": "securityGroupRuleSet/item", "DescribeTags": "tagSet/item",
	} {
		if left := w.do(action).all(path); len(left) > 0 {
			t.Errorf("%s: %d left after DeleteVpc", action, len(left))
		}
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t, "", Fast)
	n := w.network()
	other := w.network()
	g := w.group(n.vpc, "web")
	assoc := w.do("DescribeRouteTables", "RouteTableId.1="+n.mainTable).one("routeTableSet/item/associationSet/item/routeTableAssociationId")
	acl := w.do("DescribeNetworkAcls", "Filter.1.Name=vpc-id", "Filter.1.Value.1="+n.vpc).one("networkAclSet/item/networkAclId")
	for _, c := range []struct{ code, message, action, params string }{
		{"InvalidVpcID.NotFound", "The vpc ID 'vpc-0' does not exist", "DescribeVpcs", "VpcId.1=vpc-0"},
		{"InvalidVpcID.NotFound", "The vpc IDs 'vpc-0, vpc-1' do not exist", "DescribeVpcs", "VpcId.1=vpc-0 VpcId.2=vpc-1"},
		{"InvalidVpcID.Malformed", `Invalid id: "x" (expecting "vpc-...")`, "DescribeVpcs", "VpcId.1=x"},
		{"InvalidSubnetID.NotFound", "The subnet ID 'subnet-0' does not exist", "DeleteSubnet", "SubnetId=subnet-0"},
		{"InvalidGroup.NotFound", "The security group 'sg-0' does not exist", "DescribeSecurityGroups", "GroupId.1=sg-0"},
		{"InvalidGroupId.Malformed", `Invalid id: "web" (expecting "sg-...")`, "DeleteSecurityGroup", "GroupId=web"},
		{"InvalidSecurityGroupRuleId.NotFound", "The security group rule ID 'sgr-0' does not exist", "DescribeSecurityGroupRules", "SecurityGroupRuleId.1=sgr-0"},
		{"InvalidRouteTableID.NotFound", "The routeTable ID 'rtb-0' does not exist", "DescribeRouteTables", "RouteTableId.1=rtb-0"},
		{"InvalidInternetGatewayID.NotFound", "The internetGateway ID 'igw-0' does not exist", "DescribeInternetGateways", "InternetGatewayId.1=igw-0"},
		{"NatGatewayNotFound", "*nat-0*", "DescribeNatGateways", "NatGatewayId.1=nat-0"},
		{"InvalidAllocationID.NotFound", "The allocation ID 'eipalloc-0' does not exist", "DescribeAddresses", "AllocationId.1=eipalloc-0"},
		{"InvalidAddress.NotFound", "Address '1.2.3.4' not found.", "DescribeAddresses", "PublicIp.1=1.2.3.4"},
		{"InvalidNetworkInterfaceID.NotFound", "The networkInterface ID 'eni-0' does not exist", "DescribeNetworkInterfaces", "NetworkInterfaceId.1=eni-0"},
		{"InvalidNetworkAclID.NotFound", "The networkAcl ID 'acl-0' does not exist", "DescribeNetworkAcls", "NetworkAclId.1=acl-0"},
		{"InvalidAssociationID.NotFound", "The association ID 'rtbassoc-0' does not exist", "DisassociateRouteTable", "AssociationId=rtbassoc-0"},
		{"InvalidAssociationID.NotFound", "The association ID 'eipassoc-0' does not exist", "DisassociateAddress", "AssociationId=eipassoc-0"},
		{"InvalidVpcEndpointId.NotFound", "*vpce-0*", "DescribeVpcEndpoints", "VpcEndpointId.1=vpce-0"},
		{"MissingParameter", "The request must contain the parameter vpcId", "DeleteVpc", ""},
		{"MissingParameter", "The request must contain the parameter cidrBlock", "CreateVpc", ""},
		{"InvalidAction", "*RunInstances*", "RunInstances", ""},

		{"InvalidVpc.Range", "The CIDR '10.0.0.0/8' is invalid.", "CreateVpc", "CidrBlock=10.0.0.0/8"},
		{"InvalidVpc.Range", "The CIDR '10.0.0.0/29' is invalid.", "CreateVpc", "CidrBlock=10.0.0.0/29"},
		{"InvalidParameterValue", "Value (10.0.0.0) for parameter cidrBlock is invalid. This is not a valid CIDR block.", "CreateVpc", "CidrBlock=10.0.0.0"},
		{"InvalidParameterValue", "*cidrBlock*", "CreateVpc", "CidrBlock=fd00::/16"},
		{"UnsupportedOperation", "*IPv6*", "CreateVpc", "CidrBlock=10.0.0.0/16 AmazonProvidedIpv6CidrBlock=true"},
		{"InvalidSubnet.Range", "The CIDR '10.1.0.0/24' is invalid.", "CreateSubnet", "VpcId=" + n.vpc + " CidrBlock=10.1.0.0/24"},
		{"InvalidSubnet.Range", "The CIDR '10.0.2.0/29' is invalid.", "CreateSubnet", "VpcId=" + n.vpc + " CidrBlock=10.0.2.0/29"},
		{"InvalidSubnet.Conflict", "The CIDR '10.0.0.128/25' conflicts with another subnet", "CreateSubnet", "VpcId=" + n.vpc + " CidrBlock=10.0.0.128/25"},
		{"InvalidSubnet.Conflict", "The CIDR '10.0.0.0/20' conflicts with another subnet", "CreateSubnet", "VpcId=" + n.vpc + " CidrBlock=10.0.0.0/20"},
		{"InvalidParameterValue", "Value (eu-west-1x) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: eu-west-1a, eu-west-1b, eu-west-1c.",
			"CreateSubnet", "VpcId=" + n.vpc + " CidrBlock=10.0.9.0/24 AvailabilityZone=eu-west-1x"},
		{"InvalidParameterValue", "*attribute*", "DescribeVpcAttribute", "VpcId=" + n.vpc + " Attribute=colour"},

		{"InvalidGroup.Duplicate", "The security group 'web' already exists for VPC '" + n.vpc + "'", "CreateSecurityGroup", "VpcId=" + n.vpc + " GroupName=web GroupDescription=x"},
		{"InvalidParameterValue", "*reserved*", "CreateSecurityGroup", "VpcId=" + n.vpc + " GroupName=default GroupDescription=x"},
		{"InvalidParameterValue", "*sg-*", "CreateSecurityGroup", "VpcId=" + n.vpc + " GroupName=sg-x GroupDescription=x"},
		{"VPCIdNotSpecified", "No default VPC for this user", "CreateSecurityGroup", "GroupName=x GroupDescription=x"},
		{"CannotDelete", `the specified group: "` + n.defaultGroup + `" name: "default" cannot be deleted by a user`, "DeleteSecurityGroup", "GroupId=" + n.defaultGroup},
		{"InvalidPermission.Duplicate", `the specified rule "peer: 0.0.0.0/0, ALL, ALLOW" already exists`,
			"AuthorizeSecurityGroupEgress", "GroupId=" + g + " IpPermissions.1.IpProtocol=-1 IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0"},
		{"InvalidPermission.NotFound", "The specified rule does not exist in this security group.",
			"RevokeSecurityGroupIngress", "GroupId=" + g + " IpPermissions.1.IpProtocol=-1 IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0"},
		{"InvalidParameterValue", "CIDR block 10.0.0.0 is malformed", "AuthorizeSecurityGroupIngress", "GroupId=" + g + " IpPermissions.1.IpProtocol=-1 IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0"},
		{"InvalidParameterValue", "*must not appear multiple times", "AuthorizeSecurityGroupIngress",
			"GroupId=" + g + " IpPermissions.1.IpProtocol=-1 IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0/8 IpPermissions.1.IpRanges.2.CidrIp=10.0.0.1/8"},
		{"InvalidParameterValue", "*both from and to ports*", "AuthorizeSecurityGroupIngress", "GroupId=" + g + " IpPermissions.1.IpProtocol=tcp IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0/8"},
		{"InvalidGroup.NotFound", "The security group 'sg-0' does not exist", "AuthorizeSecurityGroupIngress", "GroupId=" + g + " IpPermissions.1.IpProtocol=-1 IpPermissions.1.Groups.1.GroupId=sg-0"},
		{"InvalidGroup.NotFound", "You have specified two resources that belong to different networks.",
			"AuthorizeSecurityGroupIngress", "GroupId=" + g + " IpPermissions.1.IpProtocol=-1 IpPermissions.1.Groups.1.GroupId=" + other.defaultGroup},

		{"RouteAlreadyExists", "The route identified by 0.0.0.0/0 already exists.", "CreateRoute",
			"RouteTableId=" + n.publicTable + " DestinationCidrBlock=0.0.0.0/0 NetworkInterfaceId=" + w.eni(n.public)},
		{"InvalidRoute.NotFound", "no route with destination-cidr-block 10.9.0.0/16 in route table " + n.publicTable, "DeleteRoute", "RouteTableId=" + n.publicTable + " DestinationCidrBlock=10.9.0.0/16"},
		{"InvalidParameterValue", "cannot remove local route 10.0.0.0/16*", "DeleteRoute", "RouteTableId=" + n.publicTable + " DestinationCidrBlock=10.0.0.0/16"},
		{"InvalidParameterValue", "route table * and network gateway * belong to different networks", "CreateRoute", "RouteTableId=" + n.mainTable + " DestinationCidrBlock=0.0.0.0/0 GatewayId=" + other.gateway},
		{"InvalidNatGatewayID.NotFound", "The natGateway ID 'nat-0' does not exist", "CreateRoute", "RouteTableId=" + n.mainTable + " DestinationCidrBlock=0.0.0.0/0 NatGatewayId=nat-0"},
		{"MissingParameter", "*exactly one of*", "CreateRoute", "RouteTableId=" + n.mainTable + " DestinationCidrBlock=0.0.0.0/0"},
		{"Resource.AlreadyAssociated", "the specified association for route table * conflicts with an existing association", "AssociateRouteTable", "RouteTableId=" + n.mainTable + " SubnetId=" + n.public},
		{"InvalidParameterValue", "cannot disassociate the main route table association " + assoc, "DisassociateRouteTable", "AssociationId=" + assoc},
		{"Resource.AlreadyAssociated", "resource * is already attached to network *", "AttachInternetGateway", "VpcId=" + n.vpc + " InternetGatewayId=" + n.gateway},
		{"Gateway.NotAttached", "resource * is not attached to network *", "DetachInternetGateway", "VpcId=" + other.vpc + " InternetGatewayId=" + n.gateway},
		{"NetworkAclEntryAlreadyExists", "*100*", "CreateNetworkAclEntry", "NetworkAclId=" + acl + " RuleNumber=100 Protocol=-1 RuleAction=allow Egress=true CidrBlock=0.0.0.0/0"},
		{"InvalidParameterValue", "cannot delete default network ACL *", "DeleteNetworkAcl", "NetworkAclId=" + acl},

		{"InvalidParameterValue", "The filter 'colour' is invalid", "DescribeSubnets", "Filter.1.Name=colour Filter.1.Value.1=red"},
		{"InvalidParameterValue", "Value ( 4 ) for parameter maxResults is invalid. Expecting a value greater than 5.", "DescribeSubnets", "MaxResults=4"},
		{"InvalidParameterValue", "The next token is not valid.", "DescribeSubnets", "NextToken=nonsense"},
		{"InvalidParameterValue", "'subnet' is not a valid taggable resource type for this operation.", "CreateVpc", "CidrBlock=10.0.0.0/16 TagSpecification.1.ResourceType=subnet"},
		{"InvalidParameterValue", "*'aws:'*", "CreateTags", "ResourceId.1=" + n.vpc + " Tag.1.Key=aws:x Tag.1.Value=y"},
		{"InvalidParameterValue", "The filter 'state' has no values", "DescribeSubnets", "Filter.1.Name=state"},
		{"InvalidParameterValue", "Tag key exceeds*", "CreateTags", "ResourceId.1=" + n.vpc + " Tag.1.Value=y Tag.1.Key=" + strings.Repeat("k", 129)},
		{"InvalidParameterValue", "Tag value exceeds*", "CreateTags", "ResourceId.1=" + n.vpc + " Tag.1.Key=y Tag.1.Value=" + strings.Repeat("v", 257)},
		{"InvalidParameterValue", "Duplicate tag key 'a' specified.", "CreateVpc", "CidrBlock=10.0.0.0/16 TagSpecification.1.ResourceType=vpc TagSpecification.1.Tag.1.Key=a TagSpecification.1.Tag.2.Key=a"},
		{"InvalidID", "The ID 'thing' is not valid", "CreateTags", "ResourceId.1=thing Tag.1.Key=x"},
		{"InvalidVpcID.NotFound", "The vpc ID 'vpc-0' does not exist", "CreateTags", "ResourceId.1=vpc-0 Tag.1.Key=x"},
	} {
		w.refused(c.code, c.message, c.action, strings.Fields(c.params)...)
	}
}

// eni makes a network interface as a user does.
func (w *world) eni(subnet string, params ...string) string {
	w.Helper()
	return w.do("CreateNetworkInterface", append(params, "SubnetId="+subnet)...).one("networkInterface/networkInterfaceId")
}

func TestDryRunChangesNothing(t *testing.T) {
	w := newWorld(t, "", Fast)
	got, status := w.try("CreateVpc", "CidrBlock=10.0.0.0/16", "DryRun=true")
	if status != http.StatusPreconditionFailed || got.one("Errors/Error/Code") != "DryRunOperation" {
		t.Errorf("dry run: %d %+v", status, got)
	}
	if n := len(w.do("DescribeVpcs").all("vpcSet/item")); n != 0 {
		t.Errorf("a dry run made %d VPCs", n)
	}
}

func TestFilters(t *testing.T) {
	w := newWorld(t, "", Fast)
	n := w.network()
	w.do("CreateTags", "ResourceId.1="+n.public, "Tag.1.Key=Name", "Tag.1.Value=web-1a", "Tag.2.Key=Tier", "Tag.2.Value=")
	w.do("CreateTags", "ResourceId.1="+n.private, "Tag.1.Key=Name", "Tag.1.Value=app*")
	both := []string{n.public, n.private}
	for _, c := range []struct {
		filters string
		want    []string
	}{
		{"", both},
		{"vpc-id=" + n.vpc, both},
		{"vpc-id=vpc-1", nil},
		{"cidr-block=10.0.1.0/24", both[1:]},
		{"availability-zone=eu-west-1a,eu-west-1c", both[:1]},
		{"availability-zone-id=euw1-az2", both[1:]},
		{"availability-zone=eu-west-1?", both},
		{"availability-zone=EU-WEST-1A", nil},
		{"tag:Name=web-*", both[:1]},
		{"tag:Name=*", both},
		{"tag:Name=*1?", both[:1]},
		{`tag:Name=app\*`, both[1:]},
		{`tag:Name=web\*`, nil},
		{"tag:Tier=", both[:1]},
		{"tag-key=Tier", both[:1]},
		{"tag-key=T*,Name", both},
		{"tag:name=web-1a", nil},
		{"vpc-id=" + n.vpc + " tag-key=Tier state=available", both[:1]},
		{"vpc-id=" + n.vpc + " cidr-block=10.0.0.0/24 tag:Name=app*", nil},
		{"available-ip-address-count=251", both},
		{"map-public-ip-on-launch=false", both},
	} {
		var params []string
		for i, f := range strings.Fields(c.filters) {
			name, values, _ := strings.Cut(f, "=")
			params = append(params, "Filter."+strconv.Itoa(i+1)+".Name="+name)
			for j, v := range strings.Split(values, ",") {
				params = append(params, "Filter."+strconv.Itoa(i+1)+".Value."+strconv.Itoa(j+1)+"="+v)
			}
		}
		same(t, c.filters, w.do("DescribeSubnets", params...).all("subnetSet/item/subnetId"), c.want...)
	}
}

// Every filter that a kind of resource has is one that it can be asked for: the
// values come out of a resource that has everything.
func TestEveryFilterFindsSomething(t *testing.T) {
	w := newWorld(t, "", Fast)
	n := w.network()
	ip := w.do("AllocateAddress", "Domain=vpc").one("allocationId")
	w.do("AssociateAddress", "AllocationId="+ip, "NetworkInterfaceId="+w.eni(n.public, "Description=mine"))
	g := w.group(n.vpc, "web")
	w.do("AuthorizeSecurityGroupIngress", "GroupId="+g, "IpPermissions.1.IpProtocol=tcp", "IpPermissions.1.FromPort=80", "IpPermissions.1.ToPort=80",
		"IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0", "IpPermissions.1.Ipv6Ranges.1.CidrIpv6=::/0", "IpPermissions.1.Groups.1.GroupId="+g)
	w.do("AuthorizeSecurityGroupEgress", "GroupId="+g, "IpPermissions.1.IpProtocol=tcp", "IpPermissions.1.FromPort=80", "IpPermissions.1.ToPort=80",
		"IpPermissions.1.Ipv6Ranges.1.CidrIpv6=::/0", "IpPermissions.1.Groups.1.GroupId="+g)
	never := []string{ // what the sandbox has none of
		"prefix-list-id", "instance-id", "gateway-id", "nat-gateway-id", "destination-ipv6-cidr-block", "ipv6-cidr-block", "ipv6-pool", "ipv6-address",
		"ipv6-cidr-block-association.association-id", "ipv6-cidr-block-association.state", "customer-owned-ipv4-pool", "enable-lni-at-device-index", "outpost-arn",
		"vpc-peering-connection-id", "association.public-dns-name", "operator.principal",
	}
	acl := w.do("CreateNetworkAcl", "VpcId="+n.vpc).one("networkAcl/networkAclId")
	entry := []string{"NetworkAclId=" + acl, "RuleAction=allow", "Egress=false"}
	w.do("CreateNetworkAclEntry", append(entry, "RuleNumber=1", "Protocol=6", "CidrBlock=0.0.0.0/0", "PortRange.From=80", "PortRange.To=80")...)
	w.do("CreateNetworkAclEntry", append(entry, "RuleNumber=2", "Protocol=1", "CidrBlock=0.0.0.0/0", "Icmp.Type=8", "Icmp.Code=-1")...)
	w.do("CreateNetworkAclEntry", append(entry, "RuleNumber=3", "Protocol=6", "Ipv6CidrBlock=::/0", "PortRange.From=80", "PortRange.To=80")...)
	w.locked(func(x *EC2) {
		_, err := x.CreateInterface(InterfaceSpec{SubnetID: n.public, OwnerID: "amazon-aws"})
		if err != nil {
			t.Error(err)
		}
		findsSomething(t, x.vpcs, never)
		findsSomething(t, x.subnets, never)
		findsSomething(t, x.groups, never)
		findsSomething(t, x.rules, never)
		findsSomething(t, x.routeTables, never)
		findsSomething(t, x.gateways, never)
		findsSomething(t, x.addresses, never)
		findsSomething(t, x.interfaces, never)
		findsSomething(t, x.acls, never)
	})
}

func findsSomething[T any](t *testing.T, r *resource[T], never []string) {
	t.Helper()
	for name := range r.filters {
		if slices.ContainsFunc(never, func(s string) bool { return strings.HasSuffix(name, s) }) {
			continue
		}
		rows, _, err := r.describe(nil, []filter{{name, []string{"*"}}}, nil, nil)
		if err != nil || len(rows) == 0 {
			t.Errorf("%s: the filter %s found %d, %v", r.name, name, len(rows), err)
		}
	}
}

func TestPages(t *testing.T) {
	w := newWorld(t, "", Fast)
	n := w.network()
	for i := range 11 {
		w.group(n.vpc, "g"+strconv.Itoa(i))
	}
	var names []string
	var sizes []int
	for token := ""; ; {
		p := w.do("DescribeSecurityGroups", "MaxResults=5", "NextToken="+token)
		page := p.all("securityGroupInfo/item/groupName")
		names, sizes = append(names, page...), append(sizes, len(page))
		if token = p.one("nextToken"); token == "" {
			break
		}
	}
	same(t, "names", names, "default", "g0", "g1", "g2", "g3", "g4", "g5", "g6", "g7", "g8", "g9", "g10")
	if !slices.Equal(sizes, []int{5, 5, 2}) {
		t.Errorf("page sizes = %v", sizes)
	}
}

func TestTags(t *testing.T) {
	w := newWorld(t, "", Fast)
	n := w.network()
	w.do("CreateTags", "ResourceId.1="+n.vpc, "ResourceId.2="+n.public, "Tag.1.Key=a", "Tag.1.Value=1", "Tag.2.Key=b", "Tag.2.Value=2")
	w.do("CreateTags", "ResourceId.1="+n.vpc, "Tag.1.Key=a", "Tag.1.Value=3")
	w.do("DeleteTags", "ResourceId.1="+n.vpc, "Tag.1.Key=b", "Tag.1.Value=other")
	list := func(params ...string) []string {
		d := w.do("DescribeTags", params...)
		var out []string
		ids, kinds, ks, vs := d.all("tagSet/item/resourceId"), d.all("tagSet/item/resourceType"), d.all("tagSet/item/key"), d.all("tagSet/item/value")
		for i := range ids {
			out = append(out, ids[i]+" "+kinds[i]+" "+ks[i]+"="+vs[i])
		}
		return out
	}
	same(t, "tags", list(), n.vpc+" vpc a=3", n.vpc+" vpc b=2", n.public+" subnet a=1", n.public+" subnet b=2")
	same(t, "tags of subnets", list("Filter.1.Name=resource-type", "Filter.1.Value.1=subnet", "Filter.2.Name=key", "Filter.2.Value.1=b"), n.public+" subnet b=2")
	w.locked(func(x *EC2) {
		got := x.Tagged()
		if len(got) != 2 || got[0].ARN != "arn:aws:ec2:eu-west-1:000000000000:vpc/"+n.vpc || got[0].Tags["a"] != "3" {
			t.Errorf("Tagged = %+v", got)
		}
	})
	w.do("DeleteTags", "ResourceId.1="+n.vpc, "Tag.1.Key=b")
	w.do("DeleteTags", "ResourceId.1="+n.public)
	same(t, "tags", list(), n.vpc+" vpc a=3")
}

func TestTagLimit(t *testing.T) {
	w := newWorld(t, "", Fast)
	vpc := w.do("CreateVpc", "CidrBlock=10.0.0.0/16").one("vpc/vpcId")
	params := []string{"ResourceId.1=" + vpc}
	for i := range maxTags {
		params = append(params, "Tag."+strconv.Itoa(i+1)+".Key=k"+strconv.Itoa(i))
	}
	w.do("CreateTags", params...)
	w.refused("TagLimitExceeded", "*", "CreateTags", "ResourceId.1="+vpc, "Tag.1.Key=more")
}

func TestDependenciesBite(t *testing.T) {
	w := newWorld(t, "", Fast)
	n := w.network()
	web, app := w.group(n.vpc, "web"), w.group(n.vpc, "app")
	w.do("AuthorizeSecurityGroupIngress", "GroupId="+app, "IpPermissions.1.IpProtocol=-1", "IpPermissions.1.Groups.1.GroupId="+web)
	var id string
	w.locked(func(x *EC2) {
		i, err := x.CreateInterface(InterfaceSpec{SubnetID: n.public, Groups: []string{app}, OwnerID: "amazon-aws", PublicIP: true})
		if err != nil {
			t.Fatal(err)
		}
		id = i.ID
	})
	const violation = "DependencyViolation"
	vpcBusy := "The vpc '" + n.vpc + "' has dependencies and cannot be deleted."
	w.refused(violation, vpcBusy, "DeleteVpc", "VpcId="+n.vpc)
	w.refused(violation, "The subnet '"+n.public+"' has dependencies and cannot be deleted.", "DeleteSubnet", "SubnetId="+n.public)
	w.refused(violation, "resource "+web+" has a dependent object", "DeleteSecurityGroup", "GroupId="+web)
	w.refused(violation, "resource "+app+" has a dependent object", "DeleteSecurityGroup", "GroupId="+app)
	w.refused(violation, "The internetGateway '"+n.gateway+"' has dependencies and cannot be deleted.", "DeleteInternetGateway", "InternetGatewayId="+n.gateway)
	w.refused(violation, "Network "+n.vpc+" has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.",
		"DetachInternetGateway", "VpcId="+n.vpc, "InternetGatewayId="+n.gateway)
	w.refused(violation, "The routeTable '"+n.publicTable+"' has dependencies and cannot be deleted.", "DeleteRouteTable", "RouteTableId="+n.publicTable)
	w.refused(violation, "The routeTable '"+n.mainTable+"' has dependencies and cannot be deleted.", "DeleteRouteTable", "RouteTableId="+n.mainTable)
	w.refused("InvalidParameterValue", "Network interface '"+id+"' is currently in use.", "DeleteNetworkInterface", "NetworkInterfaceId="+id)

	w.locked(func(x *EC2) { x.DeleteInterface(id) })
	for _, step := range [][]string{
		{"DeleteSecurityGroup", "GroupId=" + app},
		{"DeleteSecurityGroup", "GroupId=" + web},
		{"DetachInternetGateway", "VpcId=" + n.vpc, "InternetGatewayId=" + n.gateway},
		{"DeleteInternetGateway", "InternetGatewayId=" + n.gateway},
		{"DeleteSubnet", "SubnetId=" + n.public},
		{"DeleteSubnet", "SubnetId=" + n.private},
		{"DeleteRouteTable", "RouteTableId=" + n.publicTable},
	} {
		w.refused(violation, vpcBusy, "DeleteVpc", "VpcId="+n.vpc)
		w.do(step[0], step[1:]...)
	}
	w.do("DeleteVpc", "VpcId="+n.vpc)
	w.refused("InvalidVpcID.NotFound", "*", "DescribeVpcs", "VpcId.1="+n.vpc)
}

func TestSubnetAddresses(t *testing.T) {
	w := newWorld(t, "", Fast)
	n := w.network()
	small := w.do("CreateSubnet", "VpcId="+n.vpc, "CidrBlock=10.0.9.16/28").one("subnet/subnetId")
	free := func() string {
		return w.do("DescribeSubnets", "SubnetId.1="+small).one("subnetSet/item/availableIpAddressCount")
	}
	if got := free(); got != "11" {
		t.Errorf("%s addresses free in a new /28, want 11", got)
	}
	w.locked(func(x *EC2) {
		seen := map[string]bool{}
		var last Interface
		for range 11 {
			i, err := x.CreateInterface(InterfaceSpec{SubnetID: small, OwnerID: "amazon-aws"})
			if err != nil {
				t.Fatal(err)
			}
			octet, _ := strconv.Atoi(strings.TrimPrefix(i.PrivateIP, "10.0.9."))
			if octet < 20 || octet > 30 || seen[i.PrivateIP] {
				t.Errorf("gave out %s", i.PrivateIP)
			}
			seen[i.PrivateIP] = true
			same(t, "groups", i.Groups, n.defaultGroup)
			last = i
		}
		_, err := x.CreateInterface(InterfaceSpec{SubnetID: small})
		if e, ok := err.(*wire.Error); !ok || e.Code != "InsufficientFreeAddressesInSubnet" {
			t.Errorf("the twelfth: %v", err)
		}
		x.DeleteInterface(last.ID)
		again, err := x.CreateInterface(InterfaceSpec{SubnetID: small})
		if err != nil || again.PrivateIP != last.PrivateIP {
			t.Errorf("got %s, %v; only %s was free", again.PrivateIP, err, last.PrivateIP)
		}
	})
	if got := free(); got != "0" {
		t.Errorf("%s addresses free in a full subnet", got)
	}
	w.refused("InvalidIPAddress.InUse", "Address 10.0.9.20 is in use.", "CreateNetworkInterface", "SubnetId="+small, "PrivateIpAddress=10.0.9.20")
	w.refused("InvalidParameterValue", "*reserved*", "CreateNetworkInterface", "SubnetId="+small, "PrivateIpAddress=10.0.9.19")
	w.refused("InvalidParameterValue", "*reserved*", "CreateNetworkInterface", "SubnetId="+small, "PrivateIpAddress=10.0.9.31")
	w.refused("InvalidParameterValue", "*within the subnet's address range", "CreateNetworkInterface", "SubnetId="+small, "PrivateIpAddress=10.0.9.32")
}

func TestInterfacesOfServices(t *testing.T) {
	w := newWorld(t, "", Fast)
	n, other := w.network(), w.network()
	web := w.group(n.vpc, "web")
	w.locked(func(x *EC2) {
		for _, c := range []struct {
			spec InterfaceSpec
			code string
		}{
			{InterfaceSpec{SubnetID: "subnet-0"}, "InvalidSubnetID.NotFound"},
			{InterfaceSpec{SubnetID: n.public, Groups: []string{"sg-0"}}, "InvalidGroup.NotFound"},
			{InterfaceSpec{SubnetID: n.public, Groups: []string{other.defaultGroup}}, "InvalidParameter"},
		} {
			_, err := x.CreateInterface(c.spec)
			if e, ok := err.(*wire.Error); !ok || e.Code != c.code {
				t.Errorf("%+v: %v, want %s", c.spec, err, c.code)
			}
		}
		i, err := x.CreateInterface(InterfaceSpec{SubnetID: n.public, Groups: []string{web}, Description: "ELB app/web/1", OwnerID: "amazon-elb", PublicIP: true})
		if err != nil {
			t.Fatal(err)
		}
		if i.VPCID != n.vpc || i.Zone != "eu-west-1a" || i.PublicIP == "" || !strings.HasPrefix(i.PrivateDNSName, "ip-10-0-0-") || len(i.MAC) != 17 {
			t.Errorf("interface = %+v", i)
		}
		if s, ok := x.Subnet(n.public); !ok || s != (SubnetInfo{n.public, n.vpc, "eu-west-1a", "10.0.0.0/24"}) {
			t.Errorf("Subnet = %+v, %v", s, ok)
		}
		if g, ok := x.Group(web); !ok || g != (GroupInfo{web, n.vpc}) {
			t.Errorf("Group = %+v, %v", g, ok)
		}
		if _, ok := x.Group("sg-0"); ok || x.VPC("vpc-0") || !x.VPC(n.vpc) {
			t.Error("a group or VPC that is not there")
		}
	})
	// As the provider asks before it deletes a balancer's security group.
	d := w.do("DescribeNetworkInterfaces", "Filter.1.Name=attachment.instance-owner-id", "Filter.1.Value.1=amazon-elb",
		"Filter.2.Name=description", "Filter.2.Value.1=ELB app/web/1")
	same(t, "status", d.all("networkInterfaceSet/item/status"), "in-use")
	same(t, "requester", d.all("networkInterfaceSet/item/requesterManaged"), "true")
	same(t, "groups", d.all("networkInterfaceSet/item/groupSet/item/groupName"), "web")
}

func TestRules(t *testing.T) {
	w := newWorld(t, "", Fast)
	n := w.network()
	web, app := w.group(n.vpc, "web"), w.group(n.vpc, "app")

	// A new group lets everything out, which the provider takes away so.
	w.do("RevokeSecurityGroupEgress", "GroupId="+web, "IpPermissions.1.IpProtocol=-1", "IpPermissions.1.FromPort=0", "IpPermissions.1.ToPort=0",
		"IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0")
	w.refused("InvalidPermission.NotFound", "*", "RevokeSecurityGroupEgress", "GroupId="+web, "IpPermissions.1.IpProtocol=-1", "IpPermissions.1.FromPort=0",
		"IpPermissions.1.ToPort=0", "IpPermissions.1.Ipv6Ranges.1.CidrIpv6=::/0")

	got := w.do("AuthorizeSecurityGroupIngress", "GroupId="+web, "TagSpecification.1.ResourceType=security-group-rule",
		"TagSpecification.1.Tag.1.Key=Name", "TagSpecification.1.Tag.1.Value=http",
		"IpPermissions.1.IpProtocol=6", "IpPermissions.1.FromPort=80", "IpPermissions.1.ToPort=81",
		"IpPermissions.1.IpRanges.1.CidrIp=10.1.2.3/8", "IpPermissions.1.IpRanges.1.Description=inside", "IpPermissions.1.Ipv6Ranges.1.CidrIpv6=::/0",
		"IpPermissions.1.Groups.1.GroupId="+app)
	same(t, "protocols", got.all("securityGroupRuleSet/item/ipProtocol"), "tcp", "tcp", "tcp")
	same(t, "CIDR", got.all("securityGroupRuleSet/item/cidrIpv4"), "10.0.0.0/8")
	same(t, "reference", got.all("securityGroupRuleSet/item/referencedGroupInfo/groupId"), app)
	same(t, "tags", got.all("securityGroupRuleSet/item/tagSet/item/value"), "http", "http", "http")
	ids := got.all("securityGroupRuleSet/item/securityGroupRuleId")

	d := w.do("DescribeSecurityGroups", "GroupId.1="+web)
	same(t, "permissions", d.all("securityGroupInfo/item/ipPermissions/item/fromPort"), "80")
	same(t, "ranges", d.all("securityGroupInfo/item/ipPermissions/item/ipRanges/item/description"), "inside")
	same(t, "what goes out", d.all("securityGroupInfo/item/ipPermissionsEgress/item/ipProtocol"))

	// All or nothing, when one of them is there already.
	w.refused("InvalidPermission.Duplicate", `the specified rule "peer: ::/0, TCP, from port: 80, to port: 81, ALLOW" already exists`,
		"AuthorizeSecurityGroupIngress", "GroupId="+web, "IpPermissions.1.IpProtocol=tcp", "IpPermissions.1.FromPort=80", "IpPermissions.1.ToPort=81",
		"IpPermissions.1.IpRanges.1.CidrIp=192.168.0.0/16", "IpPermissions.1.Ipv6Ranges.1.CidrIpv6=::/0")

	modify := func(id string) []string {
		return []string{
			"GroupId=" + web, "SecurityGroupRule.1.SecurityGroupRuleId=" + id, "SecurityGroupRule.1.SecurityGroupRule.IpProtocol=tcp",
			"SecurityGroupRule.1.SecurityGroupRule.FromPort=443", "SecurityGroupRule.1.SecurityGroupRule.ToPort=443",
			"SecurityGroupRule.1.SecurityGroupRule.CidrIpv4=0.0.0.0/0", "SecurityGroupRule.1.SecurityGroupRule.Description=https",
		}
	}
	w.do("ModifySecurityGroupRules", modify(ids[0])...)
	w.refused("InvalidPermission.Duplicate", "*", "ModifySecurityGroupRules", modify(ids[1])...)
	r := w.do("DescribeSecurityGroupRules", "SecurityGroupRuleId.1="+ids[0])
	same(t, "port", r.all("securityGroupRuleSet/item/fromPort"), "443")
	same(t, "description", r.all("securityGroupRuleSet/item/description"), "https")
	same(t, "tags stay", r.all("securityGroupRuleSet/item/tagSet/item/value"), "http")
	w.do("UpdateSecurityGroupRuleDescriptionsIngress", "GroupId="+web,
		"SecurityGroupRuleDescription.1.SecurityGroupRuleId="+ids[0], "SecurityGroupRuleDescription.1.Description=new")
	same(t, "description", w.do("DescribeSecurityGroupRules", "SecurityGroupRuleId.1="+ids[0]).all("securityGroupRuleSet/item/description"), "new")

	w.refused("InvalidSecurityGroupRuleId.NotFound", "*", "RevokeSecurityGroupEgress", "GroupId="+web, "SecurityGroupRuleId.1="+ids[0])
	out := w.do("RevokeSecurityGroupIngress", "GroupId="+web, "SecurityGroupRuleId.1="+ids[0], "SecurityGroupRuleId.2="+ids[2])
	same(t, "revoked", out.all("revokedSecurityGroupRuleSet/item/securityGroupRuleId"), ids[0], ids[2])
	same(t, "left", w.do("DescribeSecurityGroupRules", "Filter.1.Name=group-id", "Filter.1.Value.1="+web).all("securityGroupRuleSet/item/securityGroupRuleId"), ids[1])
}

// TestPrefixListRule holds that a rule may name the list of a gateway endpoint,
// that it allows what the list has, and that it can be revoked.
func TestPrefixListRule(t *testing.T) {
	w := newWorld(t, "", Fast)
	g := w.group(w.network().vpc, "tasks")
	w.do("RevokeSecurityGroupEgress", "GroupId="+g, "IpPermissions.1.IpProtocol=-1", "IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0")
	list := w.do("DescribeManagedPrefixLists", "Filter.1.Name=prefix-list-name", "Filter.1.Value.1=com.amazonaws.eu-west-1.s3").one("prefixListSet/item/prefixListId")
	rule := []string{"GroupId=" + g, "IpPermissions.1.IpProtocol=tcp", "IpPermissions.1.FromPort=443", "IpPermissions.1.ToPort=443",
		"IpPermissions.1.PrefixListIds.1.PrefixListId=" + list}
	w.do("AuthorizeSecurityGroupEgress", rule...)
	out := w.do("DescribeSecurityGroups", "GroupId.1="+g)
	same(t, "the list", out.all("securityGroupInfo/item/ipPermissionsEgress/item/prefixListIds/item/prefixListId"), list)
	w.locked(func(x *EC2) {
		if !x.PermitsOut([]string{g}, nil, "52.218.0.1", 443) || x.PermitsOut([]string{g}, nil, "52.94.5.1", 443) {
			t.Error("PermitsOut does not follow the prefix list")
		}
	})
	w.do("RevokeSecurityGroupEgress", rule...)
}

// TestDetachFromDeletedVPC: the provider takes Gateway.NotAttached for done.
func TestDetachFromDeletedVPC(t *testing.T) {
	w := newWorld(t, "", Fast)
	gateway := w.do("CreateInternetGateway").one("internetGateway/internetGatewayId")
	w.refused("Gateway.NotAttached", "resource "+gateway+" is not attached to network vpc-0", "DetachInternetGateway", "InternetGatewayId="+gateway, "VpcId=vpc-0")
}

func TestRuleLimit(t *testing.T) {
	w := newWorld(t, "", Fast)
	g := w.group(w.network().vpc, "web")
	params := []string{"GroupId=" + g, "IpPermissions.1.IpProtocol=-1"}
	for i := range maxRules {
		params = append(params, "IpPermissions.1.IpRanges."+strconv.Itoa(i+1)+".CidrIp=10.0."+strconv.Itoa(i)+".0/24")
	}
	w.do("AuthorizeSecurityGroupIngress", params...)
	w.refused("RulesPerSecurityGroupLimitExceeded", "*", "AuthorizeSecurityGroupIngress", "GroupId="+g, "IpProtocol=-1", "CidrIp=0.0.0.0/0")
}

func TestPermits(t *testing.T) {
	w := newWorld(t, "", Fast)
	n := w.network()
	alb, tasks, closed := w.group(n.vpc, "alb"), w.group(n.vpc, "tasks"), w.group(n.vpc, "closed")
	allow := func(group, protocol, from, to, peer string) {
		w.do("AuthorizeSecurityGroupIngress", "GroupId="+group, "IpPermissions.1.IpProtocol="+protocol,
			"IpPermissions.1.FromPort="+from, "IpPermissions.1.ToPort="+to, "IpPermissions.1."+peer)
	}
	allow(tasks, "tcp", "8080", "8090", "Groups.1.GroupId="+alb)
	allow(tasks, "udp", "53", "53", "IpRanges.1.CidrIp=0.0.0.0/0")
	allow(tasks, "tcp", "22", "22", "IpRanges.1.CidrIp=192.168.0.0/16")
	allow(alb, "-1", "0", "0", "IpRanges.1.CidrIp=0.0.0.0/0")
	w.do("RevokeSecurityGroupEgress", "GroupId="+closed, "IpPermissions.1.IpProtocol=-1", "IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0")

	to := func(groups ...string) []string { return groups }
	w.locked(func(x *EC2) {
		for _, c := range []struct {
			name string
			from []string
			ip   string
			to   []string
			port int
			want bool
		}{
			{"the balancer to the tasks' port", to(alb), "10.0.0.9", to(tasks), 8080, true},
			{"the last of the range", to(alb), "10.0.0.9", to(tasks), 8090, true},
			{"past the range", to(alb), "10.0.0.9", to(tasks), 8091, false},
			{"below the range", to(alb), "10.0.0.9", to(tasks), 8079, false},
			{"another group", to(closed), "10.0.0.9", to(tasks), 8080, false},
			{"one of several groups", to(closed, alb), "10.0.0.9", to(closed, tasks), 8080, true},
			{"UDP does not count", to(), "10.0.0.9", to(tasks), 53, false},
			{"an address in the block", to(), "192.168.7.7", to(tasks), 22, true},
			{"an address outside", to(), "10.0.0.9", to(tasks), 22, false},
			{"all protocols", to(), "8.8.8.8", to(alb), 12345, true},
			{"no rules", to(alb), "10.0.0.9", to(closed), 80, false},
			{"no groups", to(alb), "10.0.0.9", nil, 80, false},
			{"no address", nil, "", to(alb), 80, false},
			{"within the default group", to(n.defaultGroup), "10.0.0.9", to(n.defaultGroup), 80, true},
			{"into the default group", to(alb), "10.0.0.9", to(n.defaultGroup), 80, false},
		} {
			if got := x.Permits(c.from, c.ip, c.to, c.port); got != c.want {
				t.Errorf("%s: Permits = %v", c.name, got)
			}
		}
		if !x.PermitsOut(to(alb), to(tasks), "10.0.0.9", 8080) || x.PermitsOut(to(closed), to(tasks), "10.0.0.9", 8080) {
			t.Error("PermitsOut does not follow the outbound rules")
		}
	})
}

func TestRoutes(t *testing.T) {
	w := newWorld(t, "", Fast)
	n := w.network()
	states := func(table string) []string {
		return w.do("DescribeRouteTables", "RouteTableId.1="+table).all("routeTableSet/item/routeSet/item/state")
	}
	same(t, "states", states(n.publicTable), "active", "active")
	w.do("CreateRoute", "RouteTableId="+n.publicTable, "DestinationCidrBlock=0.0.0.0/0", "GatewayId="+n.gateway) // again
	w.do("DetachInternetGateway", "VpcId="+n.vpc, "InternetGatewayId="+n.gateway)
	same(t, "states without the gateway", states(n.publicTable), "active", "blackhole")
	w.do("AttachInternetGateway", "VpcId="+n.vpc, "InternetGatewayId="+n.gateway)
	same(t, "states", states(n.publicTable), "active", "active")

	// The main association moves to another table and back.
	main := w.do("DescribeRouteTables", "RouteTableId.1="+n.mainTable).one("routeTableSet/item/associationSet/item/routeTableAssociationId")
	moved := w.do("ReplaceRouteTableAssociation", "AssociationId="+main, "RouteTableId="+n.publicTable).one("newAssociationId")
	w.locked(func(x *EC2) {
		if !x.ReachesInternet(n.private, true) {
			t.Error("a subnet of the main table does not follow it")
		}
	})
	w.do("DeleteRouteTable", "RouteTableId="+n.mainTable)
	same(t, "main", w.do("DescribeRouteTables", "Filter.1.Name=association.route-table-association-id", "Filter.1.Value.1="+moved).
		all("routeTableSet/item/routeTableId"), n.publicTable)

	// A client that asks again with the same token gets the same table.
	first := w.do("CreateRouteTable", "VpcId="+n.vpc, "ClientToken=t1").one("routeTable/routeTableId")
	same(t, "table", w.do("CreateRouteTable", "VpcId="+n.vpc, "ClientToken=t1").all("routeTable/routeTableId"), first)
}

func (w *world) natState(id string) string {
	w.Helper()
	return w.do("DescribeNatGateways", "NatGatewayId.1="+id).one("natGatewaySet/item/state")
}

func TestNATGateway(t *testing.T) {
	w := newWorld(t, "", Timing{NATGatewayCreation: 2 * time.Second, NATGatewayDeletion: 3 * time.Second})
	n := w.network()
	reaches := func(subnet string, public, want bool) {
		t.Helper()
		w.locked(func(x *EC2) {
			if got := x.ReachesInternet(subnet, public); got != want {
				t.Errorf("ReachesInternet(%s, %v) = %v", subnet, public, got)
			}
		})
	}
	reaches(n.public, true, true)
	reaches(n.public, false, false)
	reaches(n.private, true, false)
	reaches("subnet-0", true, false)

	ip := w.do("AllocateAddress", "Domain=vpc").one("allocationId")
	create := []string{"SubnetId=" + n.public, "AllocationId=" + ip, "ClientToken=again"}
	made := w.do("CreateNatGateway", create...)
	id := made.one("natGateway/natGatewayId")
	same(t, "state", made.all("natGateway/state"), "pending")
	same(t, "the same for the same token", w.do("CreateNatGateway", create...).all("natGateway/natGatewayId"), id)
	w.do("CreateRoute", "RouteTableId="+n.mainTable, "DestinationCidrBlock=0.0.0.0/0", "NatGatewayId="+id)
	w.pass(2*time.Second - 1)
	if s := w.natState(id); s != "pending" {
		t.Errorf("state = %s before its time", s)
	}
	reaches(n.private, false, false)
	w.pass(1)
	reaches(n.private, false, true)
	if s := w.natState(id); s != "available" {
		t.Errorf("state = %s", s)
	}
	d := w.do("DescribeNatGateways", "NatGatewayId.1="+id)
	if mode := d.one("natGatewaySet/item/availabilityMode"); mode != "zonal" {
		t.Errorf("the availability mode is %q", mode) // on which provider 6 branches
	}
	eni := d.one("natGatewaySet/item/natGatewayAddressSet/item/networkInterfaceId")
	a := w.do("DescribeAddresses", "AllocationId.1="+ip)
	same(t, "address is on the gateway's interface", a.all("addressesSet/item/networkInterfaceId"), eni)
	assoc := a.one("addressesSet/item/associationId")
	w.refused("AuthFailure", "*", "DisassociateAddress", "AssociationId="+assoc)
	w.refused("InvalidIPAddress.InUse", "*", "ReleaseAddress", "AllocationId="+ip)
	w.refused("DependencyViolation", "*", "DeleteSubnet", "SubnetId="+n.public)
	w.refused("DependencyViolation", "*mapped public address*", "DetachInternetGateway", "VpcId="+n.vpc, "InternetGatewayId="+n.gateway)

	w.do("DeleteNatGateway", "NatGatewayId="+id)
	if s := w.natState(id); s != "deleting" {
		t.Errorf("state = %s", s)
	}
	reaches(n.private, false, false)
	w.pass(3 * time.Second)
	if s := w.natState(id); s != "deleted" {
		t.Errorf("state = %s", s)
	}
	same(t, "route", w.do("DescribeRouteTables", "RouteTableId.1="+n.mainTable).all("routeTableSet/item/routeSet/item/state"), "active", "blackhole")
	w.refused("InvalidAssociationID.NotFound", "*", "DisassociateAddress", "AssociationId="+assoc)
	w.refused("InvalidNetworkInterfaceID.NotFound", "*", "DescribeNetworkInterfaces", "NetworkInterfaceId.1="+eni)
	w.do("ReleaseAddress", "AllocationId="+ip)
	w.pass(kept + 1)
	w.refused("NatGatewayNotFound", "*", "DescribeNatGateways", "NatGatewayId.1="+id)
}

func TestNATGatewayFails(t *testing.T) {
	w := newWorld(t, "", Fast)
	vpc := w.do("CreateVpc", "CidrBlock=10.0.0.0/16").one("vpc/vpcId")
	subnet := w.do("CreateSubnet", "VpcId="+vpc, "CidrBlock=10.0.0.0/24").one("subnet/subnetId")
	ip := w.do("AllocateAddress").one("allocationId")
	made := w.do("CreateNatGateway", "SubnetId="+subnet, "AllocationId="+ip)
	same(t, "failure before its time", made.all("natGateway/failureCode"))
	d := w.do("DescribeNatGateways", "Filter.1.Name=state", "Filter.1.Value.1=failed")
	same(t, "code", d.all("natGatewaySet/item/failureCode"), "Gateway.NotAttached")
	same(t, "message", d.all("natGatewaySet/item/failureMessage"), "Network "+vpc+" has no Internet gateway attached")
	w.do("ReleaseAddress", "AllocationId="+ip)
	w.do("DeleteSubnet", "SubnetId="+subnet)
}

func TestAddresses(t *testing.T) {
	w := newWorld(t, "", Fast)
	n := w.network()
	one, two := w.eni(n.public), w.eni(n.public)
	ip := w.do("AllocateAddress").one("allocationId")
	assoc := w.do("AssociateAddress", "AllocationId="+ip, "NetworkInterfaceId="+one).one("associationId")
	same(t, "again", w.do("AssociateAddress", "AllocationId="+ip, "NetworkInterfaceId="+one).all("associationId"), assoc)
	w.refused("Resource.AlreadyAssociated", "*", "AssociateAddress", "AllocationId="+ip, "NetworkInterfaceId="+two)
	moved := w.do("AssociateAddress", "AllocationId="+ip, "NetworkInterfaceId="+two, "AllowReassociation=true").one("associationId")
	d := w.do("DescribeNetworkInterfaces", "Filter.1.Name=association.allocation-id", "Filter.1.Value.1="+ip)
	same(t, "interface", d.all("networkInterfaceSet/item/networkInterfaceId"), two)
	w.do("DisassociateAddress", "AssociationId="+moved)
	w.do("AssociateAddress", "AllocationId="+ip, "NetworkInterfaceId="+two)
	w.do("DeleteNetworkInterface", "NetworkInterfaceId="+two)
	w.do("ReleaseAddress", "AllocationId="+ip)
	same(t, "left", w.do("DescribeAddresses").all("addressesSet/item/allocationId"))
}

func TestNetworkACLs(t *testing.T) {
	w := newWorld(t, "", Fast)
	n := w.network()
	acl := w.do("CreateNetworkAcl", "VpcId="+n.vpc).one("networkAcl/networkAclId")
	assoc := func() string {
		d := w.do("DescribeNetworkAcls", "Filter.1.Name=association.subnet-id", "Filter.1.Value.1="+n.private)
		for i, s := range d.all("networkAclSet/item/associationSet/item/subnetId") {
			if s == n.private {
				return d.all("networkAclSet/item/associationSet/item/networkAclAssociationId")[i]
			}
		}
		return ""
	}
	w.do("ReplaceNetworkAclAssociation", "AssociationId="+assoc(), "NetworkAclId="+acl)
	w.refused("DependencyViolation", "*", "DeleteNetworkAcl", "NetworkAclId="+acl)
	entry := []string{"NetworkAclId=" + acl, "RuleNumber=7", "Protocol=tcp", "RuleAction=allow", "Egress=false", "CidrBlock=0.0.0.0/0", "PortRange.From=80", "PortRange.To=81"}
	w.do("CreateNetworkAclEntry", entry...)
	w.do("ReplaceNetworkAclEntry", append(entry, "PortRange.To=90")...)
	d := w.do("DescribeNetworkAcls", "NetworkAclId.1="+acl)
	same(t, "entries", d.all("networkAclSet/item/entrySet/item/ruleNumber"), "32767", "7", "32767")
	same(t, "protocol", d.all("networkAclSet/item/entrySet/item/protocol"), "-1", "6", "-1")
	same(t, "ports", d.all("networkAclSet/item/entrySet/item/portRange/to"), "90")
	w.do("DeleteNetworkAclEntry", "NetworkAclId="+acl, "RuleNumber=7", "Egress=false")
	w.refused("InvalidNetworkAclEntry.NotFound", "*", "DeleteNetworkAclEntry", "NetworkAclId="+acl, "RuleNumber=7", "Egress=false")
	w.do("DeleteSubnet", "SubnetId="+n.private)
	w.do("DeleteNetworkAcl", "NetworkAclId="+acl)
}

func TestRegion(t *testing.T) {
	w := newWorld(t, "", Fast)
	z := w.do("DescribeAvailabilityZones", "Filter.1.Name=state", "Filter.1.Value.1=available", "Filter.2.Name=opt-in-status", "Filter.2.Value.1=opt-in-not-required")
	same(t, "zones", z.all("availabilityZoneInfo/item/zoneName"), "eu-west-1a", "eu-west-1b", "eu-west-1c")
	same(t, "zone", w.do("DescribeAvailabilityZones", "ZoneId.1=euw1-az2").all("availabilityZoneInfo/item/zoneName"), "eu-west-1b")
	w.refused("InvalidParameterValue", "Invalid availability zone: [mars-1a]", "DescribeAvailabilityZones", "ZoneName.1=mars-1a")
	same(t, "regions", w.do("DescribeRegions").all("regionInfo/item/regionName"), regions.Commercial()...)
	same(t, "one region", w.do("DescribeRegions", "Filter.1.Name=region-name", "Filter.1.Value.1=us-west-2").all("regionInfo/item/regionName"), "us-west-2")
	same(t, "attribute", w.do("DescribeAccountAttributes", "AttributeName.1=default-vpc").all("accountAttributeSet/item/attributeValueSet/item/attributeValue"), "none")
	same(t, "DHCP options", w.do("DescribeDhcpOptions").all("dhcpOptionsSet/item/dhcpConfigurationSet/item/valueSet/item/value"), "eu-west-1.compute.internal", "AmazonProvidedDNS")
	for region, want := range map[string]string{"eu-west-1": "euw1", "us-east-1": "use1", "ap-northeast-1": "apne1", "ap-southeast-2": "apse2", "eu-central-1": "euc1"} {
		if got := short(region); got != want {
			t.Errorf("short(%s) = %s, want %s", region, got, want)
		}
	}
}

// What was acknowledged is there after a restart, with a NAT gateway's state
// that went on meanwhile.
func TestRestart(t *testing.T) {
	journal := filepath.Join(t.TempDir(), "journal")
	var n network
	var nat string
	before := map[string][]string{}
	look := func(w *world) map[string][]string {
		return map[string][]string{
			"subnets": w.do("DescribeSubnets").all("subnetSet/item/availableIpAddressCount"),
			"rules":   w.do("DescribeSecurityGroupRules").all("securityGroupRuleSet/item/securityGroupRuleId"),
			"routes":  w.do("DescribeRouteTables").all("routeTableSet/item/routeSet/item/state"),
			"tags":    w.do("DescribeTags").all("tagSet/item/value"),
			"enis":    w.do("DescribeNetworkInterfaces").all("networkInterfaceSet/item/privateIpAddress"),
		}
	}
	t.Run("before", func(t *testing.T) {
		w := newWorld(t, journal, Timing{NATGatewayCreation: time.Second})
		n = w.network()
		w.do("CreateTags", "ResourceId.1="+n.vpc, "Tag.1.Key=Name", "Tag.1.Value=kept")
		ip := w.do("AllocateAddress").one("allocationId")
		nat = w.do("CreateNatGateway", "SubnetId="+n.public, "AllocationId="+ip).one("natGateway/natGatewayId")
		before = look(w)
	})
	w := newWorld(t, journal, Timing{NATGatewayCreation: time.Second})
	for what, want := range before {
		same(t, what, look(w)[what], want...)
	}
	w.pass(time.Second)
	if s := w.natState(nat); s != "available" {
		t.Errorf("state = %s", s)
	}
}

func TestAttributes(t *testing.T) {
	w := newWorld(t, "", Fast)
	n := w.network()
	w.do("ModifySubnetAttribute", "SubnetId="+n.public, "MapPublicIpOnLaunch.Value=true")
	w.do("ModifySubnetAttribute", "SubnetId="+n.public, "PrivateDnsHostnameTypeOnLaunch=resource-name")
	w.do("ModifySubnetAttribute", "SubnetId="+n.public, "EnableResourceNameDnsARecordOnLaunch.Value=true")
	s := w.do("DescribeSubnets", "SubnetId.1="+n.public)
	same(t, "public addresses", s.all("subnetSet/item/mapPublicIpOnLaunch"), "true")
	same(t, "names", s.all("subnetSet/item/privateDnsNameOptionsOnLaunch/hostnameType"), "resource-name")
	same(t, "records", s.all("subnetSet/item/privateDnsNameOptionsOnLaunch/enableResourceNameDnsARecord"), "true")
	w.refused("UnsupportedOperation", "*IPv6*", "ModifySubnetAttribute", "SubnetId="+n.public, "EnableDns64.Value=true")
	w.refused("InvalidParameterValue", "*HostnameType*", "ModifySubnetAttribute", "SubnetId="+n.public, "PrivateDnsHostnameTypeOnLaunch=x")

	web := w.group(n.vpc, "web")
	eni := w.eni(n.public)
	w.do("ModifyNetworkInterfaceAttribute", "NetworkInterfaceId="+eni, "SecurityGroupId.1="+web)
	w.do("ModifyNetworkInterfaceAttribute", "NetworkInterfaceId="+eni, "Description.Value=new")
	w.do("ModifyNetworkInterfaceAttribute", "NetworkInterfaceId="+eni, "SourceDestCheck.Value=false")
	i := w.do("DescribeNetworkInterfaces", "NetworkInterfaceId.1="+eni)
	same(t, "groups", i.all("networkInterfaceSet/item/groupSet/item/groupId"), web)
	same(t, "description", i.all("networkInterfaceSet/item/description"), "new")
	same(t, "check", i.all("networkInterfaceSet/item/sourceDestCheck"), "false")

	// A public address has a name where the VPC gives names.
	ip := w.do("AllocateAddress")
	w.do("AssociateAddress", "PublicIp="+ip.one("publicIp"), "NetworkInterfaceId="+eni)
	names := func() []string {
		return w.do("DescribeNetworkInterfaces", "NetworkInterfaceId.1="+eni).all("networkInterfaceSet/item/association/publicDnsName")
	}
	same(t, "name", names())
	w.do("ModifyVpcAttribute", "VpcId="+n.vpc, "EnableDnsHostnames.Value=true")
	same(t, "name", names(), "ec2-"+dashed(ip.one("publicIp"))+".eu-west-1.compute.amazonaws.com")
	a := w.do("DescribeAddressesAttribute", "AllocationId.1="+ip.one("allocationId"), "Attribute=domain-name")
	same(t, "address", a.all("addressSet/item/publicIp"), ip.one("publicIp"))
	same(t, "reverse name", a.all("addressSet/item/ptrRecord"))
}

func TestReplaceRoute(t *testing.T) {
	w := newWorld(t, "", Fast)
	n := w.network()
	eni := w.eni(n.public)
	to := []string{"RouteTableId=" + n.publicTable, "DestinationCidrBlock=0.0.0.0/0", "NetworkInterfaceId=" + eni}
	w.do("ReplaceRoute", to...)
	d := w.do("DescribeRouteTables", "RouteTableId.1="+n.publicTable)
	same(t, "target", d.all("routeTableSet/item/routeSet/item/networkInterfaceId"), eni)
	same(t, "states", d.all("routeTableSet/item/routeSet/item/state"), "active", "blackhole") // nothing has the interface
	w.do("DeleteRoute", to[:2]...)
	w.refused("InvalidRoute.NotFound", "*", "ReplaceRoute", to...)
	w.refused("InvalidParameterValue", "cannot replace local route*", "ReplaceRoute", to[0], "DestinationCidrBlock=10.0.0.0/16", to[2])
	assoc := w.do("DescribeRouteTables", "Filter.1.Name=association.subnet-id", "Filter.1.Value.1="+n.public).
		one("routeTableSet/item/associationSet/item/routeTableAssociationId")
	w.do("DisassociateRouteTable", "AssociationId="+assoc)
	w.do("DeleteRouteTable", "RouteTableId="+n.publicTable)
}

func TestPorts(t *testing.T) {
	n := func(i int) *int { return &i }
	for _, c := range []struct {
		protocol string
		from, to *int
		want     string // empty if it is refused
	}{
		{"tcp", n(80), n(80), "tcp 80-80"},
		{"TCP", n(0), n(65535), "tcp 0-65535"},
		{"17", n(1), n(2), "udp 1-2"},
		{"-1", n(0), n(0), "-1 -1--1"},
		{"all", nil, nil, "-1 -1--1"},
		{"icmp", nil, nil, "icmp -1--1"},
		{"1", n(8), n(0), "icmp 8-0"},
		{"icmpv6", n(128), nil, "icmpv6 128--1"},
		{"50", n(5), n(6), "50 -1--1"},
		{"tcp", n(80), nil, ""},
		{"tcp", nil, n(80), ""},
		{"tcp", n(81), n(80), ""},
		{"tcp", n(-1), n(80), ""},
		{"udp", n(80), n(65536), ""},
		{"256", nil, nil, ""},
		{"smtp", nil, nil, ""},
		{"", n(1), n(1), ""},
	} {
		protocol, from, to, err := ports(c.protocol, c.from, c.to)
		got := ""
		if err == nil {
			got = protocol + " " + strconv.Itoa(from) + "-" + strconv.Itoa(to)
		}
		if got != c.want {
			t.Errorf("ports(%s) = %q, %v; want %q", c.protocol, got, err, c.want)
		}
	}
}

// Two NAT gateways that lead to each other lead nowhere.
func TestNATGatewaysInACircle(t *testing.T) {
	w := newWorld(t, "", Fast)
	n := w.network()
	nat := func(subnet string) string {
		ip := w.do("AllocateAddress").one("allocationId")
		return w.do("CreateNatGateway", "SubnetId="+subnet, "AllocationId="+ip).one("natGateway/natGatewayId")
	}
	inPublic, inPrivate := nat(n.public), nat(n.private)
	w.do("CreateRoute", "RouteTableId="+n.mainTable, "DestinationCidrBlock=0.0.0.0/0", "NatGatewayId="+inPublic)
	w.locked(func(x *EC2) {
		if !x.ReachesInternet(n.private, false) {
			t.Error("no way out over a NAT gateway in a public subnet")
		}
	})
	w.do("ReplaceRoute", "RouteTableId="+n.publicTable, "DestinationCidrBlock=0.0.0.0/0", "NatGatewayId="+inPrivate)
	w.locked(func(x *EC2) {
		if x.ReachesInternet(n.private, false) || x.ReachesInternet(n.public, true) {
			t.Error("a way out where there is none")
		}
	})
}

func TestReachesServiceOverEndpoints(t *testing.T) {
	w := newWorld(t, "", Timing{EndpointCreation: time.Second, EndpointDeletion: time.Second})
	n := w.network()
	w.do("ModifyVpcAttribute", "VpcId="+n.vpc, "EnableDnsHostnames.Value=true")
	member, stranger := w.eni(n.private), w.eni(n.private, "SecurityGroupId.1="+w.group(n.vpc, "strangers"))
	reaches := func(what, eni, service string, want bool) {
		t.Helper()
		w.locked(func(x *EC2) {
			if got := x.ReachesService(eni, service); got != want {
				t.Errorf("%s: ReachesService(%s) = %v", what, service, got)
			}
		})
	}
	create := func(service string, params ...string) string {
		t.Helper()
		return w.do("CreateVpcEndpoint", append(params, "VpcId="+n.vpc, "ServiceName=com.amazonaws.eu-west-1."+service)...).one("vpcEndpoint/vpcEndpointId")
	}
	reaches("no endpoint", member, "logs", false)
	logs := create("logs", "VpcEndpointType=Interface", "SubnetId.1="+n.private) // in the default group
	reaches("pending", member, "logs", false)
	w.pass(time.Second)
	reaches("in its group", member, "logs", true)
	reaches("in another group", stranger, "logs", false)
	reaches("another service", member, "ecr.api", false)
	w.do("ModifyVpcEndpoint", "VpcEndpointId="+logs, "PrivateDnsEnabled=false")
	reaches("by another name", member, "logs", false)

	s3 := create("s3", "RouteTableId.1="+n.publicTable)
	w.pass(time.Second)
	reaches("no route", member, "s3", false)
	w.do("ModifyVpcEndpoint", "VpcEndpointId="+s3, "AddRouteTableId.1="+n.mainTable)
	reaches("a route", member, "s3", true)
	w.refused("DependencyViolation", "*", "DeleteVpc", "VpcId="+n.vpc)
	w.do("DeleteVpcEndpoints", "VpcEndpointId.1="+s3, "VpcEndpointId.2="+logs)
	reaches("no route any more", member, "s3", false)
	w.pass(time.Second)
	same(t, "endpoints", w.do("DescribeVpcEndpoints").all("vpcEndpointSet/item"))
	same(t, "their interfaces", w.do("DescribeNetworkInterfaces", "Filter.1.Name=interface-type", "Filter.1.Value.1=vpc_endpoint").all("networkInterfaceSet/item"))
	w.refused("InvalidParameter", "Enabling private DNS requires*", "CreateVpcEndpoint", "VpcId="+w.do("CreateVpc", "CidrBlock=10.9.0.0/16").one("vpc/vpcId"), "ServiceName=com.amazonaws.eu-west-1.logs", "VpcEndpointType=Interface")
	w.refused("InvalidParameter", "Endpoint type (Gateway) does not match available service types (\\[Interface\\]).", "CreateVpcEndpoint", "VpcId="+n.vpc, "ServiceName=com.amazonaws.eu-west-1.logs")
}
