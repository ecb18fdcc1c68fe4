package ec2

import "testing"

func TestManagedPrefixLists(t *testing.T) {
	w := newWorld(t, "", Fast)
	same(t, "names", w.do("DescribeManagedPrefixLists").all("prefixListSet/item/prefixListName"),
		"com.amazonaws.eu-west-1.dynamodb", "com.amazonaws.eu-west-1.s3")
	s3 := w.do("DescribeManagedPrefixLists", "Filter.1.Name=prefix-list-name", "Filter.1.Value.1=com.amazonaws.eu-west-1.s3",
		"Filter.2.Name=owner-id", "Filter.2.Value.1=AWS")
	id := s3.one("prefixListSet/item/prefixListId")
	same(t, "the same list", w.do("DescribePrefixLists", "PrefixListId.1="+id).all("prefixListSet/item/prefixListName"), "com.amazonaws.eu-west-1.s3")
	same(t, "ARN", s3.all("prefixListSet/item/prefixListArn"), "arn:aws:ec2:eu-west-1:aws:prefix-list/"+id)
	first := w.do("GetManagedPrefixListEntries", "PrefixListId="+id, "MaxResults=1")
	same(t, "first page", first.all("entrySet/item/cidr"), "52.92.0.0/17")
	same(t, "the rest", w.do("GetManagedPrefixListEntries", "PrefixListId="+id, "NextToken="+first.one("nextToken")).all("entrySet/item/cidr"),
		"52.218.0.0/17", "3.5.64.0/21")
	for action, parameter := range map[string]string{"DescribeManagedPrefixLists": "PrefixListId.1", "GetManagedPrefixListEntries": "PrefixListId"} {
		w.refused("InvalidPrefixListID.NotFound", "The prefix list ID 'pl-0' does not exist", action, parameter+"=pl-0")
	}
	w.refused("InvalidParameterValue", "The filter 'owner-id' is invalid", "DescribePrefixLists", "Filter.1.Name=owner-id", "Filter.1.Value.1=AWS")
}

// A task in a private subnet needs a rule to the S3 endpoint's list.
func TestRulesNamePrefixLists(t *testing.T) {
	w := newWorld(t, "", Fast)
	n := w.network()
	g := w.group(n.vpc, "task")
	list := w.do("DescribePrefixLists", "Filter.1.Name=prefix-list-name", "Filter.1.Value.1=*.s3").one("prefixListSet/item/prefixListId")
	https := func(list string) []string {
		return []string{
			"GroupId=" + g, "IpPermissions.1.IpProtocol=tcp", "IpPermissions.1.FromPort=443", "IpPermissions.1.ToPort=443",
			"IpPermissions.1.PrefixListIds.1.PrefixListId=" + list,
		}
	}
	w.do("RevokeSecurityGroupEgress", "GroupId="+g, "IpPermissions.1.IpProtocol=-1", "IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0")
	w.refused("InvalidPrefixListID.NotFound", "The prefix list ID 'pl-0' does not exist", "AuthorizeSecurityGroupEgress", https("pl-0")...)
	w.do("AuthorizeSecurityGroupEgress", https(list)...)
	w.refused("InvalidPermission.Duplicate", "*", "AuthorizeSecurityGroupEgress", https(list)...)
	found := w.do("DescribeSecurityGroups", "Filter.1.Name=egress.ip-permission.prefix-list-id", "Filter.1.Value.1="+list)
	same(t, "permission", found.all("securityGroupInfo/item/ipPermissionsEgress/item/prefixListIds/item/prefixListId"), list)
	w.locked(func(x *EC2) {
		for ip, want := range map[string]bool{"52.218.1.2": true, "52.94.5.1": false, "10.0.0.9": false} {
			if got := x.PermitsOut([]string{g}, nil, ip, 443); got != want {
				t.Errorf("PermitsOut to %s is %t", ip, got)
			}
		}
	})
	w.do("RevokeSecurityGroupEgress", https(list)...)
	w.refused("UnsupportedOperation", "*", "CreateRoute", "RouteTableId="+n.publicTable, "DestinationPrefixListId="+list, "GatewayId="+n.gateway)
}
