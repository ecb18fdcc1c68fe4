package ec2

import (
	"path/filepath"
	"testing"
)

// An account has a default VPC from the start, and only until somebody deletes it.
func TestDefaultVPC(t *testing.T) {
	journal := filepath.Join(t.TempDir(), "journal")
	w := newAccount(t, journal, Timing{})
	v := w.do("DescribeVpcs", "Filter.1.Name=is-default", "Filter.1.Value.1=true")
	id := v.one("vpcSet/item/vpcId")
	same(t, "block", v.all("vpcSet/item/cidrBlock"), "172.31.0.0/16")
	same(t, "account's", w.do("DescribeAccountAttributes", "AttributeName.1=default-vpc").all("accountAttributeSet/item/attributeValueSet/item/attributeValue"), id)
	subnets := w.do("DescribeSubnets", "Filter.1.Name=default-for-az", "Filter.1.Value.1=true")
	same(t, "subnets", subnets.all("subnetSet/item/cidrBlock"), "172.31.0.0/20", "172.31.16.0/20", "172.31.32.0/20")
	same(t, "public", subnets.all("subnetSet/item/mapPublicIpOnLaunch"), "true", "true", "true")
	w.locked(func(x *EC2) {
		if !x.ReachesInternet(subnets.one("subnetSet/item/subnetId"), true) {
			t.Error("a default subnet does not reach the internet")
		}
	})
	w.refused("DefaultVpcAlreadyExists", "A Default VPC already exists for this account in this region.", "CreateDefaultVpc")
	w.refused("DefaultSubnetAlreadyExistsInAvailabilityZone", "'*' is already the default subnet in eu-west-1a.", "CreateDefaultSubnet", "AvailabilityZone=eu-west-1a")

	// A group needs no VPC, and there its name is enough.
	group := w.do("CreateSecurityGroup", "GroupName=web", "GroupDescription=web").one("groupId")
	same(t, "the group's VPC", w.do("DescribeSecurityGroups", "GroupId.1="+group).all("securityGroupInfo/item/vpcId"), id)
	w.do("AuthorizeSecurityGroupIngress", "GroupName=web", "IpPermissions.1.IpProtocol=tcp", "IpPermissions.1.FromPort=80", "IpPermissions.1.ToPort=80", "IpPermissions.1.Groups.1.GroupName=default")
	w.do("DeleteSecurityGroup", "GroupName=web")
	w.refused("InvalidGroup.NotFound", "The security group 'web' does not exist in default VPC '"+id+"'", "DeleteSecurityGroup", "GroupName=web")

	first := subnets.one("subnetSet/item/subnetId")
	w.do("DeleteSubnet", "SubnetId="+first)
	again := w.do("CreateDefaultSubnet", "AvailabilityZone=eu-west-1a")
	same(t, "the new default subnet", again.all("subnet/cidrBlock"), "172.31.0.0/20")

	gateway := w.do("DescribeInternetGateways").one("internetGatewaySet/item/internetGatewayId")
	w.refused("DependencyViolation", "*", "DeleteVpc", "VpcId="+id)
	w.do("DetachInternetGateway", "InternetGatewayId="+gateway, "VpcId="+id)
	w.do("DeleteInternetGateway", "InternetGatewayId="+gateway)
	for _, s := range w.do("DescribeSubnets").all("subnetSet/item/subnetId") {
		w.do("DeleteSubnet", "SubnetId="+s)
	}
	w.do("DeleteVpc", "VpcId="+id)
	same(t, "VPCs after the default one was deleted", w.do("DescribeVpcs").all("vpcSet/item/vpcId"))
	w.refused("VPCIdNotSpecified", "No default VPC for this user", "CreateSecurityGroup", "GroupName=x", "GroupDescription=x")
	w.refused("DefaultVpcDoesNotExist", "No default VPC exists for this account in this region.", "CreateDefaultSubnet", "AvailabilityZone=eu-west-1a")
	same(t, "made anew", w.do("CreateDefaultVpc").all("vpc/isDefault"), "true")
	same(t, "its subnets", w.do("DescribeSubnets").all("subnetSet/item/cidrBlock"), "172.31.0.0/20", "172.31.16.0/20", "172.31.32.0/20")
}

// The default VPC is the same after a restart.
func TestDefaultVPCStays(t *testing.T) {
	journal := filepath.Join(t.TempDir(), "journal")
	w := newAccount(t, journal, Timing{})
	before := w.do("DescribeVpcs").all("vpcSet/item/vpcId")
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	same(t, "VPCs", newAccount(t, journal, Timing{}).do("DescribeVpcs").all("vpcSet/item/vpcId"), before...)
}
