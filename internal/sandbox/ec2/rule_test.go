package ec2

import "testing"

// The texts are those that moto's tests saw on AWS.
func TestRuleRefusals(t *testing.T) {
	w := newWorld(t, "", Fast)
	g := w.group(w.network().vpc, "web")
	rule := w.do("AuthorizeSecurityGroupIngress", "GroupId="+g, "IpPermissions.1.IpProtocol=tcp", "IpPermissions.1.FromPort=80",
		"IpPermissions.1.ToPort=80", "IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0/8").one("securityGroupRuleSet/item/securityGroupRuleId")
	w.refused("InvalidParameterValue", "Invalid value 'null' for protocol. VPC security group rules must specify protocols explicitly.",
		"ModifySecurityGroupRules", "GroupId="+g, "SecurityGroupRule.1.SecurityGroupRuleId="+rule,
		"SecurityGroupRule.1.SecurityGroupRule.CidrIpv4=10.0.0.0/16")
	w.refused("InvalidGroupId.Malformed", "*", "DescribeSecurityGroupRules", "Filter.1.Name=group-id", "Filter.1.Value.1=foobar")
	same(t, "pattern", w.do("DescribeSecurityGroupRules", "Filter.1.Name=group-id", "Filter.1.Value.1="+g[:6]+"*", "Filter.2.Name=security-group-rule-id",
		"Filter.2.Value.1="+rule).all("securityGroupRuleSet/item/securityGroupRuleId"), rule)
}

// A protocol without a name of its own has no ports. That they are left out is
// ours: it makes the provider's from_port = 0 converge.
func TestPermissionOfNumberedProtocol(t *testing.T) {
	w := newWorld(t, "", Fast)
	g := w.group(w.network().vpc, "tunnel")
	w.do("AuthorizeSecurityGroupIngress", "GroupId="+g, "IpPermissions.1.IpProtocol=50", "IpPermissions.1.FromPort=0", "IpPermissions.1.ToPort=0",
		"IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0/8")
	d := w.do("DescribeSecurityGroups", "GroupId.1="+g)
	same(t, "protocol", d.all("securityGroupInfo/item/ipPermissions/item/ipProtocol"), "50")
	same(t, "ports", d.all("securityGroupInfo/item/ipPermissions/item/fromPort"))
}
