package conformance

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
)

// TestEveryOperation asks a whole sandbox for each operation that it has, and
// holds each answer and refusal against the model.
func TestEveryOperation(t *testing.T) {
	s := start(t)
	w := newWorld(t, s)
	w.sts()
	w.quotas()
	w.iam()
	n := w.ec2()
	w.elb(n)
	w.logs()
	w.ecs(n)
	w.autoscaling(n)
	w.scheduler()
	for _, p := range []string{protocolCBOR, "query", "json"} {
		w.protocol["monitoring"] = p
		w.cloudwatch(p)
	}
	w.tagging(n)
	w.teardown(n)

	for svc, ops := range s.Operations() {
		for _, op := range ops {
			if !w.done[svc+" "+op] {
				t.Errorf("%s %s: the sandbox has it and no test has asked for it", svc, op)
			}
		}
	}
	for _, p := range slices.Sorted(maps.Keys(w.problems)) {
		t.Error(p)
	}
	if testing.Verbose() {
		w.unsent()
	}
}

// unsent says which members of answers AWS has and the sandbox never sent.
func (w *world) unsent() {
	for name, svc := range w.Services {
		var missing []string
		visited := map[string]bool{}
		var walk func(r *ref)
		walk = func(r *ref) {
			if r == nil || visited[r.Shape] {
				return
			}
			visited[r.Shape] = true
			s := svc.Shapes[r.Shape]
			for _, k := range slices.Sorted(maps.Keys(s.Members)) {
				if !w.seen[name][r.Shape+"."+k] {
					missing = append(missing, r.Shape+"."+k)
					continue
				}
				m := s.Members[k]
				walk(&m)
			}
			walk(s.Member)
			walk(s.Value)
		}
		for op := range svc.Operations {
			walk(svc.Operations[op].Output)
		}
		slices.Sort(missing)
		w.Logf("%s never sent %d members: %s", name, len(missing), strings.Join(missing, " "))
	}
}

func (w *world) sts() {
	id := w.do("sts", "GetCallerIdentity", nil)
	if got := w.text(id, "Account"); got != w.info.Account {
		w.Errorf("account %s, not %s", got, w.info.Account)
	}
}

func (w *world) quotas() {
	vpcs := in{"ServiceCode": "vpc", "QuotaCode": "L-F678F1CE"}
	for _, op := range []string{"GetServiceQuota", "GetAWSDefaultServiceQuota"} {
		w.do("servicequotas", op, vpcs)
		w.do("servicequotas", op, in{"ServiceCode": "fargate", "QuotaCode": "L-3032A538"})
		w.refuse("NoSuchResourceException", "servicequotas", op, in{"ServiceCode": "vpc", "QuotaCode": "L-3032A538"})
	}
	for _, op := range []string{"ListServiceQuotas", "ListAWSDefaultServiceQuotas"} {
		first := w.do("servicequotas", op, in{"ServiceCode": "vpc", "MaxResults": 2})
		rest := w.do("servicequotas", op, in{"ServiceCode": "vpc", "NextToken": first["NextToken"]})
		if len(list(first, "Quotas")) != 2 || len(list(rest, "Quotas")) == 0 {
			w.Errorf("%s: pages of %d and %d", op, len(list(first, "Quotas")), len(list(rest, "Quotas")))
		}
		w.refuse("NoSuchResourceException", "servicequotas", op, in{"ServiceCode": "moon"})
		w.refuse("InvalidPaginationTokenException", "servicequotas", op, in{"ServiceCode": "vpc", "NextToken": "x"})
	}
}

const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"ecs-tasks.amazonaws.com"}}]}`
const allow = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`
const managed = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"

var tags = []in{{"Key": "Workshop", "Value": "conformance"}}

func (w *world) iam() {
	role := in{"RoleName": "task"}
	w.do("iam", "CreateRole", in{"RoleName": "task", "AssumeRolePolicyDocument": trust, "Description": "d", "Path": "/workshop/", "MaxSessionDuration": 3600, "Tags": tags})
	w.refuse("EntityAlreadyExists", "iam", "CreateRole", in{"RoleName": "task", "AssumeRolePolicyDocument": trust})
	w.refuse("MalformedPolicyDocument", "iam", "CreateRole", in{"RoleName": "other", "AssumeRolePolicyDocument": "{"})
	w.do("iam", "GetRole", role)
	w.refuse("NoSuchEntity", "iam", "GetRole", in{"RoleName": "nobody"})
	w.do("iam", "UpdateRole", in{"RoleName": "task", "Description": "other", "MaxSessionDuration": 7200})
	w.do("iam", "UpdateRoleDescription", in{"RoleName": "task", "Description": "third"})
	w.do("iam", "UpdateAssumeRolePolicy", in{"RoleName": "task", "PolicyDocument": trust})
	w.do("iam", "TagRole", in{"RoleName": "task", "Tags": []in{{"Key": "a", "Value": "b"}}})
	if got := list(w.do("iam", "ListRoleTags", role), "Tags"); len(got) != 2 {
		w.Errorf("tags of the role: %v", got)
	}
	w.do("iam", "UntagRole", in{"RoleName": "task", "TagKeys": []string{"a"}})
	w.do("iam", "ListRoles", in{"PathPrefix": "/workshop/"})
	w.do("iam", "PutRolePolicy", in{"RoleName": "task", "PolicyName": "inline", "PolicyDocument": allow})
	w.do("iam", "GetRolePolicy", in{"RoleName": "task", "PolicyName": "inline"})
	w.refuse("NoSuchEntity", "iam", "GetRolePolicy", in{"RoleName": "task", "PolicyName": "none"})
	w.do("iam", "ListRolePolicies", role)

	policy := w.text(w.do("iam", "CreatePolicy", in{"PolicyName": "p", "PolicyDocument": allow, "Description": "d", "Tags": tags}), "Policy", "Arn")
	arn := in{"PolicyArn": policy}
	w.do("iam", "GetPolicy", arn)
	w.do("iam", "GetPolicy", in{"PolicyArn": managed})
	w.refuse("NoSuchEntity", "iam", "GetPolicy", in{"PolicyArn": policy + "x"})
	w.do("iam", "CreatePolicyVersion", in{"PolicyArn": policy, "PolicyDocument": allow, "SetAsDefault": true})
	w.do("iam", "GetPolicyVersion", in{"PolicyArn": policy, "VersionId": "v2"})
	w.do("iam", "ListPolicyVersions", arn)
	w.do("iam", "DeletePolicyVersion", in{"PolicyArn": policy, "VersionId": "v1"})
	w.do("iam", "TagPolicy", in{"PolicyArn": policy, "Tags": []in{{"Key": "a", "Value": "b"}}})
	w.do("iam", "ListPolicyTags", arn)
	w.do("iam", "UntagPolicy", in{"PolicyArn": policy, "TagKeys": []string{"a"}})
	for _, p := range []string{policy, managed} {
		w.do("iam", "AttachRolePolicy", in{"RoleName": "task", "PolicyArn": p})
	}
	w.do("iam", "ListAttachedRolePolicies", role)
	w.do("iam", "ListEntitiesForPolicy", arn)
	w.do("iam", "ListPolicies", in{"OnlyAttached": true})
	w.do("iam", "ListPolicies", in{"Scope": "AWS", "MaxItems": 2})
	w.do("iam", "ListInstanceProfilesForRole", role)
	w.refuse("DeleteConflict", "iam", "DeleteRole", role)
	w.refuse("DeleteConflict", "iam", "DeletePolicy", arn)
	w.refuse("NoSuchEntity", "iam", "GetRole", in{"RoleName": "AWSServiceRoleForElasticLoadBalancing"})
	for _, service := range []string{"ecs", "elasticloadbalancing", "ecs.application-autoscaling"} {
		w.do("iam", "CreateServiceLinkedRole", in{"AWSServiceName": service + ".amazonaws.com"})
	}
	w.do("iam", "GetRole", in{"RoleName": "AWSServiceRoleForElasticLoadBalancing"})
	w.do("iam", "CreateServiceLinkedRole", in{"AWSServiceName": "autoscaling.amazonaws.com", "CustomSuffix": "spare"})
	w.refuse("UnmodifiableEntity", "iam", "DeleteRole", in{"RoleName": "AWSServiceRoleForAutoScaling_spare"})
	task := w.text(w.do("iam", "DeleteServiceLinkedRole", in{"RoleName": "AWSServiceRoleForAutoScaling_spare"}), "DeletionTaskId")
	w.do("iam", "GetServiceLinkedRoleDeletionStatus", in{"DeletionTaskId": task})
	w.refuse("NoSuchEntity", "iam", "DeleteServiceLinkedRole", in{"RoleName": "AWSServiceRoleForAutoScaling_spare"})
	w.do("iam", "ListAccountAliases", nil)
	caller := w.text(w.do("sts", "GetCallerIdentity", nil), "Arn")
	simulation := in{"PolicySourceArn": caller, "ActionNames": []string{"ec2:CreateVpc", "iam:PassRole"}, "MaxItems": 1}
	first := w.do("iam", "SimulatePrincipalPolicy", simulation)
	simulation["Marker"] = first["Marker"]
	rest := w.do("iam", "SimulatePrincipalPolicy", simulation)
	if len(list(first, "EvaluationResults")) != 1 || len(list(rest, "EvaluationResults")) != 1 {
		w.Errorf("simulation: %v, then %v", first, rest)
	}
	w.refuse("NoSuchEntity", "iam", "SimulatePrincipalPolicy", in{"PolicySourceArn": caller + "s", "ActionNames": []string{"ec2:CreateVpc"}})
	w.refuse("InvalidInput", "iam", "SimulatePrincipalPolicy", in{"PolicySourceArn": caller, "ActionNames": []string{"CreateVpc"}})

	w.do("iam", "DetachRolePolicy", in{"RoleName": "task", "PolicyArn": policy})
	w.do("iam", "DetachRolePolicy", in{"RoleName": "task", "PolicyArn": managed})
	w.do("iam", "DeleteRolePolicy", in{"RoleName": "task", "PolicyName": "inline"})
	w.do("iam", "DeletePolicy", arn)
	w.do("iam", "DeleteRole", role)
	w.do("iam", "CreateRole", in{"RoleName": "execution", "AssumeRolePolicyDocument": trust})
	w.do("iam", "AttachRolePolicy", in{"RoleName": "execution", "PolicyArn": managed})
}

// network is what the other services need of EC2, and what they made.
type network struct {
	vpc, gateway, group, table string
	subnets                    []string

	balancer, target, listener string
	cluster, service           string
}

func named(kind string) []in {
	return []in{{"ResourceType": kind, "Tags": tags}}
}

func (w *world) ec2() *network {
	n := &network{}
	do := func(op string, input in) out { w.Helper(); return w.do("ec2", op, input) }
	refuse := func(code, op string, input in) { w.Helper(); w.refuse(code, "ec2", op, input) }
	filter := func(name string, values ...string) in {
		return in{"Filters": []in{{"Name": name, "Values": values}}}
	}

	do("DescribeAccountAttributes", nil)
	do("DescribeRegions", nil)
	refuse("DefaultVpcAlreadyExists", "CreateDefaultVpc", nil)
	home := w.text(do("DescribeVpcs", filter("is-default", "true")), "Vpcs", 0, "VpcId")
	away := list(do("DescribeSubnets", filter("vpc-id", home)), "Subnets")
	do("DeleteSubnet", in{"SubnetId": w.text(away[0], "SubnetId")})
	do("CreateDefaultSubnet", in{"AvailabilityZone": w.text(away[0], "AvailabilityZone")})
	for _, s := range list(do("DescribeSubnets", filter("vpc-id", home)), "Subnets") {
		do("DeleteSubnet", in{"SubnetId": w.text(s, "SubnetId")})
	}
	exit := w.text(do("DescribeInternetGateways", filter("attachment.vpc-id", home)), "InternetGateways", 0, "InternetGatewayId")
	do("DetachInternetGateway", in{"InternetGatewayId": exit, "VpcId": home})
	do("DeleteInternetGateway", in{"InternetGatewayId": exit})
	do("DeleteVpc", in{"VpcId": home})
	do("CreateDefaultVpc", nil)
	zones := do("DescribeAvailabilityZones", in{"Filters": []in{{"Name": "state", "Values": []string{"available"}}}})

	n.vpc = w.text(do("CreateVpc", in{"CidrBlock": "10.0.0.0/16", "TagSpecifications": named("vpc")}), "Vpc", "VpcId")
	vpc := in{"VpcIds": []string{n.vpc}}
	do("DescribeVpcs", vpc)
	do("DescribeVpcs", filter("tag:Workshop", "conformance"))
	refuse("InvalidVpcID.NotFound", "DescribeVpcs", in{"VpcIds": []string{"vpc-0123456789abcdef0"}})
	do("ModifyVpcAttribute", in{"VpcId": n.vpc, "EnableDnsHostnames": in{"Value": true}})
	for _, a := range []string{"enableDnsSupport", "enableDnsHostnames", "enableNetworkAddressUsageMetrics"} {
		do("DescribeVpcAttribute", in{"VpcId": n.vpc, "Attribute": a})
	}
	do("DescribeDhcpOptions", nil)
	for i, cidr := range []string{"10.0.0.0/24", "10.0.1.0/24"} {
		n.subnets = append(n.subnets, w.text(do("CreateSubnet", in{
			"VpcId": n.vpc, "CidrBlock": cidr, "AvailabilityZone": w.text(zones, "AvailabilityZones", i, "ZoneName"), "TagSpecifications": named("subnet"),
		}), "Subnet", "SubnetId"))
	}
	refuse("InvalidSubnet.Conflict", "CreateSubnet", in{"VpcId": n.vpc, "CidrBlock": "10.0.0.0/24"})
	refuse("DependencyViolation", "DeleteVpc", in{"VpcId": n.vpc})
	do("ModifySubnetAttribute", in{"SubnetId": n.subnets[0], "MapPublicIpOnLaunch": in{"Value": true}})
	do("DescribeSubnets", in{"SubnetIds": n.subnets})
	do("DescribeSubnets", in{"MaxResults": 5})

	n.gateway = w.text(do("CreateInternetGateway", in{"TagSpecifications": named("internet-gateway")}), "InternetGateway", "InternetGatewayId")
	do("AttachInternetGateway", in{"InternetGatewayId": n.gateway, "VpcId": n.vpc})
	do("DescribeInternetGateways", in{"InternetGatewayIds": []string{n.gateway}})
	for _, op := range []string{"DescribeEgressOnlyInternetGateways", "DescribeFlowLogs", "DescribeInstances", "DescribeVpcPeeringConnections", "DescribeVpnGateways"} {
		do(op, nil)
	}

	n.table = w.text(do("CreateRouteTable", in{"VpcId": n.vpc, "TagSpecifications": named("route-table")}), "RouteTable", "RouteTableId")
	do("CreateRoute", in{"RouteTableId": n.table, "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": n.gateway})
	first := w.text(do("AssociateRouteTable", in{"RouteTableId": n.table, "SubnetId": n.subnets[0]}), "AssociationId")
	do("AssociateRouteTable", in{"RouteTableId": n.table, "SubnetId": n.subnets[1]})
	do("DescribeRouteTables", filter("vpc-id", n.vpc))

	s3, logs := "com.amazonaws.eu-west-1.s3", "com.amazonaws.eu-west-1.logs"
	do("DescribeVpcEndpointServices", in{"ServiceNames": []string{s3, logs}})
	do("DescribePrefixLists", filter("prefix-list-name", s3))
	prefixes := w.text(do("DescribeManagedPrefixLists", filter("prefix-list-name", s3)), "PrefixLists", 0, "PrefixListId")
	do("GetManagedPrefixListEntries", in{"PrefixListId": prefixes})
	refuse("InvalidPrefixListID.NotFound", "GetManagedPrefixListEntries", in{"PrefixListId": "pl-0"})
	gateway := w.text(do("CreateVpcEndpoint", in{"VpcId": n.vpc, "ServiceName": s3, "VpcEndpointType": "Gateway", "RouteTableIds": []string{n.table}, "TagSpecifications": named("vpc-endpoint")}), "VpcEndpoint", "VpcEndpointId")
	refuse("RouteAlreadyExists", "CreateVpcEndpoint", in{"VpcId": n.vpc, "ServiceName": s3, "VpcEndpointType": "Gateway", "RouteTableIds": []string{n.table}})
	refuse("InvalidServiceName", "CreateVpcEndpoint", in{"VpcId": n.vpc, "ServiceName": "com.amazonaws.eu-west-1.none"})
	door := in{"VpcId": n.vpc, "ServiceName": logs, "VpcEndpointType": "Interface", "SubnetIds": []string{n.subnets[0]}, "PrivateDnsEnabled": true}
	wall := w.text(do("CreateVpcEndpoint", door), "VpcEndpoint", "VpcEndpointId")
	refuse("InvalidParameter", "CreateVpcEndpoint", door) // two with one private name
	w.until("the endpoints", "ec2", "DescribeVpcEndpoints", filter("vpc-endpoint-state", "available"), func(o out) bool { return len(list(o, "VpcEndpoints")) == 2 })
	do("DescribeRouteTables", filter("route.gateway-id", gateway))
	refuse("DependencyViolation", "DeleteSubnet", in{"SubnetId": n.subnets[0]})
	do("ModifyVpcEndpoint", in{"VpcEndpointId": wall, "AddSubnetIds": []string{n.subnets[1]}, "RemoveSubnetIds": []string{n.subnets[0]}, "PrivateDnsEnabled": false})
	refuse("InvalidVpcEndpointId.NotFound", "DescribeVpcEndpoints", in{"VpcEndpointIds": []string{"vpce-0123456789abcdef0"}})
	do("DeleteVpcEndpoints", in{"VpcEndpointIds": []string{gateway, wall, "vpce-0123456789abcdef0"}})
	w.until("the endpoints' end", "ec2", "DescribeVpcEndpoints", nil, func(o out) bool { return len(list(o, "VpcEndpoints")) == 0 })

	address := w.text(do("AllocateAddress", in{"Domain": "vpc", "TagSpecifications": named("elastic-ip")}), "AllocationId")
	do("DescribeAddresses", in{"AllocationIds": []string{address}})
	do("DescribeAddressesAttribute", in{"AllocationIds": []string{address}, "Attribute": "domain-name"})
	nat := w.text(do("CreateNatGateway", in{"SubnetId": n.subnets[0], "AllocationId": address, "TagSpecifications": named("natgateway")}), "NatGateway", "NatGatewayId")
	w.until("the NAT gateway", "ec2", "DescribeNatGateways", in{"NatGatewayIds": []string{nat}}, func(o out) bool {
		return at(o, "NatGateways", 0, "State") == "available"
	})
	private := w.text(do("CreateRouteTable", in{"VpcId": n.vpc}), "RouteTable", "RouteTableId")
	do("CreateRoute", in{"RouteTableId": private, "DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": nat})
	refuse("RouteAlreadyExists", "CreateRoute", in{"RouteTableId": private, "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": n.gateway})
	do("ReplaceRoute", in{"RouteTableId": private, "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": n.gateway})
	swapped := w.text(do("ReplaceRouteTableAssociation", in{"AssociationId": first, "RouteTableId": private}), "NewAssociationId")
	do("DisassociateRouteTable", in{"AssociationId": swapped})
	do("AssociateRouteTable", in{"RouteTableId": n.table, "SubnetId": n.subnets[0]})
	do("DescribeRouteTables", filter("vpc-id", n.vpc))
	do("DeleteRoute", in{"RouteTableId": private, "DestinationCidrBlock": "0.0.0.0/0"})
	do("DeleteRouteTable", in{"RouteTableId": private})
	spare := w.text(do("AllocateAddress", in{"Domain": "vpc"}), "AllocationId")
	w.refuse("InvalidAddress.NotFound", "ec2", "AllocateAddress", in{"Address": "198.51.100.7"})
	joined := w.text(do("AssociateNatGatewayAddress", in{"NatGatewayId": nat, "AllocationIds": []string{spare}}), "NatGatewayAddresses", 0, "AssociationId")
	do("DisassociateNatGatewayAddress", in{"NatGatewayId": nat, "AssociationIds": []string{joined}})
	do("ReleaseAddress", in{"AllocationId": spare})
	inside := w.text(do("CreateNatGateway", in{"SubnetId": n.subnets[0], "ConnectivityType": "private"}), "NatGateway", "NatGatewayId")
	everywhere := w.text(do("CreateNatGateway", in{"VpcId": n.vpc, "AvailabilityMode": "regional"}), "NatGateway", "NatGatewayId")
	w.until("the other NAT gateways", "ec2", "DescribeNatGateways", in{"NatGatewayIds": []string{inside, everywhere}}, func(o out) bool {
		return at(o, "NatGateways", 0, "State") == "available" && at(o, "NatGateways", 1, "State") == "available"
	})
	assigned := w.text(do("AssignPrivateNatGatewayAddress", in{"NatGatewayId": inside, "PrivateIpAddressCount": 1}), "NatGatewayAddresses", 0, "PrivateIp")
	do("UnassignPrivateNatGatewayAddress", in{"NatGatewayId": inside, "PrivateIpAddresses": []string{assigned}})
	do("DeleteNatGateway", in{"NatGatewayId": inside})
	do("DeleteNatGateway", in{"NatGatewayId": everywhere})
	w.until("the other NAT gateways' end", "ec2", "DescribeNatGateways", in{"NatGatewayIds": []string{inside, everywhere}}, func(o out) bool {
		return at(o, "NatGateways", 0, "State") == "deleted" && at(o, "NatGateways", 1, "State") == "deleted"
	})
	do("DeleteNatGateway", in{"NatGatewayId": nat})
	w.until("the NAT gateway's end", "ec2", "DescribeNatGateways", in{"NatGatewayIds": []string{nat}}, func(o out) bool {
		return at(o, "NatGateways", 0, "State") == "deleted"
	})

	n.group = w.text(do("CreateSecurityGroup", in{"GroupName": "g", "Description": "d", "VpcId": n.vpc, "TagSpecifications": named("security-group")}), "GroupId")
	refuse("InvalidGroup.Duplicate", "CreateSecurityGroup", in{"GroupName": "g", "Description": "d", "VpcId": n.vpc})
	http := []in{{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 9898, "IpRanges": []in{{"CidrIp": "0.0.0.0/0", "Description": "web"}}}}
	rule := w.text(do("AuthorizeSecurityGroupIngress", in{"GroupId": n.group, "IpPermissions": http, "TagSpecifications": named("security-group-rule")}), "SecurityGroupRules", 0, "SecurityGroupRuleId")
	do("AuthorizeSecurityGroupIngress", in{"GroupId": n.group, "IpPermissions": []in{{"IpProtocol": "-1", "UserIdGroupPairs": []in{{"GroupId": n.group, "Description": "among us"}}}}})
	refuse("InvalidPermission.Duplicate", "AuthorizeSecurityGroupIngress", in{"GroupId": n.group, "IpPermissions": http})
	do("AuthorizeSecurityGroupEgress", in{"GroupId": n.group, "IpPermissions": http})
	do("UpdateSecurityGroupRuleDescriptionsIngress", in{"GroupId": n.group, "IpPermissions": http})
	do("UpdateSecurityGroupRuleDescriptionsEgress", in{"GroupId": n.group, "IpPermissions": http})
	do("ModifySecurityGroupRules", in{"GroupId": n.group, "SecurityGroupRules": []in{{"SecurityGroupRuleId": rule, "SecurityGroupRule": in{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 9999, "CidrIpv4": "0.0.0.0/0", "Description": "wider"}}}})
	do("DescribeSecurityGroupRules", filter("group-id", n.group))
	do("DescribeSecurityGroups", in{"GroupIds": []string{n.group}})
	do("DescribeSecurityGroupReferences", in{"GroupId": []string{n.group}})
	do("RevokeSecurityGroupEgress", in{"GroupId": n.group, "IpPermissions": http})
	extra := w.text(do("AuthorizeSecurityGroupIngress", in{"GroupId": n.group, "IpPermissions": []in{{"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1, "IpRanges": []in{{"CidrIp": "10.0.0.0/8"}}}}}), "SecurityGroupRules", 0, "SecurityGroupRuleId")
	do("RevokeSecurityGroupIngress", in{"GroupId": n.group, "SecurityGroupRuleIds": []string{extra}})

	acl := w.text(do("CreateNetworkAcl", in{"VpcId": n.vpc, "TagSpecifications": named("network-acl")}), "NetworkAcl", "NetworkAclId")
	entry := in{"NetworkAclId": acl, "RuleNumber": 100, "Protocol": "6", "RuleAction": "allow", "Egress": false, "CidrBlock": "0.0.0.0/0", "PortRange": in{"From": 80, "To": 80}}
	do("CreateNetworkAclEntry", entry)
	refuse("NetworkAclEntryAlreadyExists", "CreateNetworkAclEntry", entry)
	entry["RuleAction"] = "deny"
	do("ReplaceNetworkAclEntry", entry)
	acls := do("DescribeNetworkAcls", filter("default", "true"))
	association, from := "", ""
	for _, a := range list(acls, "NetworkAcls") {
		if at(a, "VpcId") == n.vpc {
			association, from = w.text(a, "Associations", 0, "NetworkAclAssociationId"), w.text(a, "NetworkAclId")
		}
	}
	association = w.text(do("ReplaceNetworkAclAssociation", in{"AssociationId": association, "NetworkAclId": acl}), "NewAssociationId")
	do("DescribeNetworkAcls", in{"NetworkAclIds": []string{acl}})
	do("ReplaceNetworkAclAssociation", in{"AssociationId": association, "NetworkAclId": from})
	do("DeleteNetworkAclEntry", in{"NetworkAclId": acl, "RuleNumber": 100, "Egress": false})
	do("DeleteNetworkAcl", in{"NetworkAclId": acl})

	eni := w.text(do("CreateNetworkInterface", in{"SubnetId": n.subnets[0], "Description": "d", "Groups": []string{n.group}, "TagSpecifications": named("network-interface")}), "NetworkInterface", "NetworkInterfaceId")
	do("ModifyNetworkInterfaceAttribute", in{"NetworkInterfaceId": eni, "Description": in{"Value": "other"}})
	associated := w.text(do("AssociateAddress", in{"AllocationId": address, "NetworkInterfaceId": eni}), "AssociationId")
	do("DescribeNetworkInterfaces", in{"NetworkInterfaceIds": []string{eni}})
	do("DescribeAddresses", filter("allocation-id", address))
	do("DisassociateAddress", in{"AssociationId": associated})
	refuse("DependencyViolation", "DeleteSubnet", in{"SubnetId": n.subnets[0]})
	refuse("DependencyViolation", "DeleteSecurityGroup", in{"GroupId": n.group})
	do("DeleteNetworkInterface", in{"NetworkInterfaceId": eni})
	do("ReleaseAddress", in{"AllocationId": address})

	do("CreateTags", in{"Resources": []string{n.vpc, n.group}, "Tags": []in{{"Key": "a", "Value": "b"}}})
	do("DescribeTags", filter("resource-id", n.vpc))
	do("DeleteTags", in{"Resources": []string{n.vpc}, "Tags": []in{{"Key": "a"}}})
	return n
}

func (w *world) elb(n *network) {
	const svc = "elasticloadbalancing"
	do := func(op string, input in) out { w.Helper(); return w.do(svc, op, input) }
	refuse := func(code, op string, input in) { w.Helper(); w.refuse(code, svc, op, input) }
	do("DescribeAccountLimits", nil)
	do("DescribeSSLPolicies", nil)
	refuse("LoadBalancerNotFound", "DescribeLoadBalancers", in{"Names": []string{"none"}})
	refuse("TargetGroupNotFound", "DescribeTargetGroups", in{"Names": []string{"none"}})
	lb := in{"Name": "lb", "Subnets": n.subnets, "SecurityGroups": []string{n.group}, "Type": "application", "Scheme": "internet-facing", "IpAddressType": "ipv4", "Tags": tags}
	n.balancer = w.text(do("CreateLoadBalancer", lb), "LoadBalancers", 0, "LoadBalancerArn")
	lb["Scheme"] = "internal"
	refuse("DuplicateLoadBalancerName", "CreateLoadBalancer", lb)
	arn := in{"LoadBalancerArn": n.balancer}
	w.until("the load balancer", svc, "DescribeLoadBalancers", in{"LoadBalancerArns": []string{n.balancer}}, func(o out) bool {
		return at(o, "LoadBalancers", 0, "State", "Code") == "active"
	})
	do("DescribeLoadBalancerAttributes", arn)
	do("ModifyLoadBalancerAttributes", in{"LoadBalancerArn": n.balancer, "Attributes": []in{{"Key": "idle_timeout.timeout_seconds", "Value": "30"}}})
	do("DescribeCapacityReservation", arn)
	do("SetIpAddressType", in{"LoadBalancerArn": n.balancer, "IpAddressType": "ipv4"})
	do("SetSecurityGroups", in{"LoadBalancerArn": n.balancer, "SecurityGroups": []string{n.group}})
	do("SetSubnets", in{"LoadBalancerArn": n.balancer, "Subnets": n.subnets})

	group := in{"Name": "tg", "Protocol": "HTTP", "Port": 9898, "VpcId": n.vpc, "TargetType": "ip", "HealthCheckPath": "/healthz", "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2, "HealthyThresholdCount": 2, "UnhealthyThresholdCount": 2, "Matcher": in{"HttpCode": "200-299"}, "Tags": tags}
	n.target = w.text(do("CreateTargetGroup", group), "TargetGroups", 0, "TargetGroupArn")
	target := in{"TargetGroupArn": n.target}
	do("DescribeTargetGroups", in{"TargetGroupArns": []string{n.target}})
	do("DescribeTargetGroupAttributes", target)
	do("ModifyTargetGroup", in{"TargetGroupArn": n.target, "HealthCheckPath": "/readyz"})
	do("ModifyTargetGroupAttributes", in{"TargetGroupArn": n.target, "Attributes": []in{{"Key": "deregistration_delay.timeout_seconds", "Value": "1"}}})
	to := []in{{"Type": "forward", "TargetGroupArn": n.target}}
	n.listener = w.text(do("CreateListener", in{"LoadBalancerArn": n.balancer, "Protocol": "HTTP", "Port": 80, "DefaultActions": to, "Tags": tags}), "Listeners", 0, "ListenerArn")
	listener := in{"ListenerArn": n.listener}
	refuse("DuplicateListener", "CreateListener", in{"LoadBalancerArn": n.balancer, "Protocol": "HTTP", "Port": 80, "DefaultActions": []in{{"Type": "fixed-response", "FixedResponseConfig": in{"StatusCode": "404"}}}})
	do("DescribeListeners", in{"LoadBalancerArn": n.balancer})
	do("DescribeListenerAttributes", listener)
	do("ModifyListenerAttributes", in{"ListenerArn": n.listener, "Attributes": []in{{"Key": "routing.http.response.server.enabled", "Value": "false"}}})
	do("DescribeListenerCertificates", listener)
	do("ModifyListener", in{"ListenerArn": n.listener, "DefaultActions": []in{{"Type": "forward", "ForwardConfig": in{"TargetGroups": []in{{"TargetGroupArn": n.target, "Weight": 1}}}}}})
	refuse("ResourceInUse", "DeleteTargetGroup", target)

	rule := w.text(do("CreateRule", in{
		"ListenerArn": n.listener, "Priority": 10, "Tags": tags,
		"Conditions": []in{
			{"Field": "path-pattern", "PathPatternConfig": in{"Values": []string{"/old/*"}}},
			{"Field": "http-header", "HttpHeaderConfig": in{"HttpHeaderName": "X-A", "Values": []string{"b"}}},
			{"Field": "query-string", "QueryStringConfig": in{"Values": []in{{"Key": "k", "Value": "v"}}}},
		},
		"Actions": []in{{"Type": "redirect", "RedirectConfig": in{"Path": "/new", "StatusCode": "HTTP_301"}}},
	}), "Rules", 0, "RuleArn")
	refuse("PriorityInUse", "CreateRule", in{"ListenerArn": n.listener, "Priority": 10, "Conditions": []in{{"Field": "host-header", "Values": []string{"a.example.com"}}}, "Actions": to})
	do("ModifyRule", in{"RuleArn": rule, "Actions": []in{{"Type": "fixed-response", "FixedResponseConfig": in{"StatusCode": "410", "ContentType": "text/plain", "MessageBody": "gone"}}}})
	do("SetRulePriorities", in{"RulePriorities": []in{{"RuleArn": rule, "Priority": 20}}})
	do("DescribeRules", in{"ListenerArn": n.listener})
	do("DeleteRule", in{"RuleArn": rule})
	refuse("RuleNotFound", "DeleteRule", in{"RuleArn": rule})

	fixed := []in{{"Id": "10.0.0.200", "Port": 9898}}
	do("RegisterTargets", in{"TargetGroupArn": n.target, "Targets": fixed})
	do("DescribeTargetHealth", target)
	do("DeregisterTargets", in{"TargetGroupArn": n.target, "Targets": fixed})
	do("DescribeTargetHealth", in{"TargetGroupArn": n.target, "Targets": []in{{"Id": "10.0.0.201"}}})
	do("AddTags", in{"ResourceArns": []string{n.balancer}, "Tags": []in{{"Key": "a", "Value": "b"}}})
	do("DescribeTags", in{"ResourceArns": []string{n.balancer, n.target, n.listener}})
	do("RemoveTags", in{"ResourceArns": []string{n.balancer}, "TagKeys": []string{"a"}})
}

func (w *world) logs() {
	do := func(op string, input in) out { w.Helper(); return w.do("logs", op, input) }
	group, stream := in{"logGroupName": "/a/b"}, in{"logGroupName": "/a/b", "logStreamName": "s"}
	do("CreateLogGroup", in{"logGroupName": "/a/b", "tags": in{"Workshop": "conformance"}})
	w.refuse("ResourceAlreadyExistsException", "logs", "CreateLogGroup", group)
	do("PutRetentionPolicy", in{"logGroupName": "/a/b", "retentionInDays": 7})
	w.refuse("InvalidParameterException", "logs", "PutRetentionPolicy", in{"logGroupName": "/a/b", "retentionInDays": 8})
	arn := w.text(do("DescribeLogGroups", in{"logGroupNamePrefix": "/a"}), "logGroups", 0, "logGroupArn")
	do("DeleteRetentionPolicy", group)
	key := in{"logGroupName": "/a/b", "kmsKeyId": "arn:aws:kms:eu-west-1:000000000000:key/0f9de17a-6465-404e-8b1b-2356dc13c2f8"}
	do("AssociateKmsKey", key)
	w.refuse("InvalidParameterException", "logs", "AssociateKmsKey", in{"logGroupName": "/a/b", "kmsKeyId": "mine"})
	do("DisassociateKmsKey", group)
	w.refuse("InvalidParameterException", "logs", "DisassociateKmsKey", in{})
	do("PutLogGroupDeletionProtection", in{"logGroupIdentifier": arn, "deletionProtectionEnabled": true})
	w.refuse("ValidationException", "logs", "DeleteLogGroup", group)
	do("PutLogGroupDeletionProtection", in{"logGroupIdentifier": "/a/b", "deletionProtectionEnabled": false})
	w.refuse("InvalidParameterException", "logs", "FilterLogEvents", in{"logGroupIdentifier": arn + ":*"})
	do("TagResource", in{"resourceArn": arn, "tags": in{"a": "b"}})
	do("ListTagsForResource", in{"resourceArn": arn})
	do("UntagResource", in{"resourceArn": arn, "tagKeys": []string{"a"}})
	do("CreateLogStream", stream)
	now := time.Now().UnixMilli()
	do("PutLogEvents", in{"logGroupName": "/a/b", "logStreamName": "s", "logEvents": []in{{"timestamp": 1, "message": "of long ago"}, {"timestamp": now, "message": "one"}, {"timestamp": now, "message": `{"two":2}`}}})
	do("DescribeLogStreams", in{"logGroupName": "/a/b", "orderBy": "LastEventTime", "descending": true})
	do("GetLogEvents", in{"logGroupName": "/a/b", "logStreamName": "s", "startFromHead": true, "limit": 1})
	do("FilterLogEvents", in{"logGroupName": "/a/b", "filterPattern": "{ $.two = 2 }"})
	w.refuse("ResourceNotFoundException", "logs", "FilterLogEvents", in{"logGroupName": "/none"})
	w.refuse("InvalidParameterException", "logs", "FilterLogEvents", in{"logGroupName": "/a/b", "filterPattern": "{"})
	w.liveTail(arn)
	do("DeleteLogStream", stream)
	do("DeleteLogGroup", group)
	do("CreateLogGroup", in{"logGroupName": "/ecs/web"})
}

// liveTail reads an event stream until an event was logged and has come.
func (w *world) liveTail(arn string) {
	const op = "StartLiveTail"
	w.refuse("InvalidParameterException", "logs", op, in{"logGroupIdentifiers": []string{"/a/b"}})
	svc := w.Services["logs"]
	body := []byte(`{"logGroupIdentifiers":["` + arn + `"],"logEventFilterPattern":"tailed"}`)
	req := signed(w.TB, w.info, "logs", "/", http.Header{"X-Amz-Target": {svc.Metadata.TargetPrefix + "." + op}, "Content-Type": {"application/x-amz-json-1.1"}}, body)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.Fatal(err)
	}
	defer res.Body.Close()
	if got := res.Header.Get("Content-Type"); got != "application/vnd.amazon.eventstream" {
		w.Fatalf("%s answers %s", op, got)
	}
	events := svc.Shapes[svc.Shapes[svc.Operations[op].Output.Shape].Members["responseStream"].Shape]
	c := &checker{service: svc, seen: w.seen["logs"]}
	d := eventstream.NewDecoder()
	var names []string
	for {
		m, err := d.Decode(res.Body, nil)
		if err != nil {
			w.Fatalf("%s ended: %v", op, err)
		}
		name := m.Headers.Get(":event-type").String()
		if len(names) == 0 || names[len(names)-1] != name {
			names = append(names, name)
		}
		if name == "initial-response" {
			continue
		}
		r, ok := events.Members[name]
		if !ok {
			w.Fatalf("%s has no event %s", op, name)
		}
		c.seen["StartLiveTailResponseStream."+name] = true
		tree := json.NewDecoder(bytes.NewReader(m.Payload))
		tree.UseNumber()
		var payload any
		if err := tree.Decode(&payload); err != nil {
			w.Fatal(err)
		}
		c.value(payload, r, op)
		if name == "sessionStart" {
			w.do("logs", "PutLogEvents", in{"logGroupName": "/a/b", "logStreamName": "s", "logEvents": []in{{"timestamp": time.Now().UnixMilli(), "message": "tailed"}}})
		}
		if len(list(payload, "sessionResults")) > 0 {
			break
		}
	}
	if got := strings.Join(names, " "); got != "initial-response sessionStart sessionUpdate" {
		w.Errorf("%s sends %s", op, got)
	}
	for _, p := range c.problems {
		w.problems["logs "+p] = true
	}
	w.done["logs "+op] = true
}

func (w *world) ecs(n *network) {
	do := func(op string, input in) out { w.Helper(); return w.do("ecs", op, input) }
	refuse := func(code, op string, input in) { w.Helper(); w.refuse(code, "ecs", op, input) }
	label := []in{{"key": "Workshop", "value": "conformance"}}

	n.cluster = w.text(do("CreateCluster", in{"clusterName": "c", "tags": label, "settings": []in{{"name": "containerInsights", "value": "enabled"}}, "configuration": in{"executeCommandConfiguration": in{"logging": "DEFAULT"}}}), "cluster", "clusterArn")
	do("PutClusterCapacityProviders", in{"cluster": "c", "capacityProviders": []string{"FARGATE", "FARGATE_SPOT"}, "defaultCapacityProviderStrategy": []in{{"capacityProvider": "FARGATE", "weight": 1, "base": 1}}})
	do("UpdateClusterSettings", in{"cluster": "c", "settings": []in{{"name": "containerInsights", "value": "disabled"}}})
	do("UpdateCluster", in{"cluster": "c", "configuration": in{"executeCommandConfiguration": in{"logging": "NONE"}}})
	do("DescribeClusters", in{"clusters": []string{"c", "none"}, "include": []string{"ATTACHMENTS", "CONFIGURATIONS", "SETTINGS", "STATISTICS", "TAGS"}})
	do("ListClusters", in{"maxResults": 1})
	do("ListContainerInstances", in{"cluster": "c"})
	do("DescribeCapacityProviders", nil)

	do("PutAccountSetting", in{"name": "containerInsights", "value": "enhanced"})
	do("PutAccountSettingDefault", in{"name": "containerInsights", "value": "enabled"})
	do("ListAccountSettings", in{"effectiveSettings": true})
	do("DeleteAccountSetting", in{"name": "containerInsights"})

	definition := in{
		"family": "web", "networkMode": "awsvpc", "requiresCompatibilities": []string{"FARGATE"}, "cpu": "256", "memory": "512",
		"executionRoleArn": "arn:aws:iam::" + w.info.Account + ":role/execution", "tags": label,
		"runtimePlatform":  in{"operatingSystemFamily": "LINUX"},
		"ephemeralStorage": in{"sizeInGiB": 21},
		"containerDefinitions": []in{{
			"name": "app", "image": "ghcr.io/stefanprodan/podinfo:6.9.2", "essential": true, "stopTimeout": 2,
			"portMappings":     []in{{"containerPort": 9898, "protocol": "tcp", "name": "http"}},
			"environment":      []in{{"name": "PODINFO_UI_MESSAGE", "value": "hello"}},
			"healthCheck":      in{"command": []string{"CMD-SHELL", "podcli check http localhost:9898/healthz"}, "interval": 5, "timeout": 2, "retries": 2, "startPeriod": 1},
			"ulimits":          []in{{"name": "nofile", "softLimit": 1024, "hardLimit": 2048}},
			"linuxParameters":  in{"initProcessEnabled": true},
			"logConfiguration": in{"logDriver": "awslogs", "options": in{"awslogs-group": "/ecs/web", "awslogs-region": w.info.Region, "awslogs-stream-prefix": "ecs"}},
			"dependsOn":        []in{{"containerName": "first", "condition": "START"}},
		}, {
			"name": "first", "image": "ghcr.io/stefanprodan/podinfo:6.9.2", "essential": false, "cpu": 64, "memory": 256, "memoryReservation": 128,
			"command": []string{"./podinfo", "--port=9899"}, "dockerLabels": in{"a": "b"}, "readonlyRootFilesystem": true, "user": "1000", "workingDirectory": "/tmp",
			"mountPoints": []in{{"sourceVolume": "scratch", "containerPath": "/scratch", "readOnly": false}},
		}},
		"volumes": []in{{"name": "scratch"}},
	}
	first := w.text(do("RegisterTaskDefinition", definition), "taskDefinition", "taskDefinitionArn")
	second := w.text(do("RegisterTaskDefinition", definition), "taskDefinition", "taskDefinitionArn")
	definition["cpu"] = "300"
	refuse("ClientException", "RegisterTaskDefinition", definition)
	do("DescribeTaskDefinition", in{"taskDefinition": "web", "include": []string{"TAGS"}})
	refuse("ClientException", "DescribeTaskDefinition", in{"taskDefinition": "none"})
	do("ListTaskDefinitions", in{"familyPrefix": "web", "sort": "DESC", "maxResults": 1})
	do("ListTaskDefinitionFamilies", in{"familyPrefix": "w"})

	vpc := in{"awsvpcConfiguration": in{"subnets": n.subnets, "securityGroups": []string{n.group}, "assignPublicIp": "ENABLED"}}
	service := in{
		"cluster": "c", "serviceName": "web", "taskDefinition": first, "desiredCount": 1, "launchType": "FARGATE", "networkConfiguration": vpc,
		"loadBalancers":                 []in{{"targetGroupArn": n.target, "containerName": "app", "containerPort": 9898}},
		"deploymentConfiguration":       in{"maximumPercent": 200, "minimumHealthyPercent": 100, "deploymentCircuitBreaker": in{"enable": true, "rollback": true}},
		"healthCheckGracePeriodSeconds": 5, "propagateTags": "SERVICE", "enableECSManagedTags": true, "enableExecuteCommand": false, "tags": label,
	}
	created := do("CreateService", service)
	n.service = w.text(created, "service", "serviceArn")
	service["loadBalancers"] = nil
	delete(service, "loadBalancers")
	refuse("InvalidParameterException", "CreateService", service)
	service["cluster"] = "none"
	refuse("ClusterNotFoundException", "CreateService", service)
	steady := func(o out) bool {
		return len(list(o, "services", 0, "deployments")) == 1 && at(o, "services", 0, "runningCount") == at(o, "services", 0, "desiredCount") &&
			at(o, "services", 0, "deployments", 0, "rolloutState") == "COMPLETED"
	}
	describe := in{"cluster": "c", "services": []string{"web", "none"}, "include": []string{"TAGS"}}
	w.until("the service", "ecs", "DescribeServices", describe, steady)
	w.until("the target", "elasticloadbalancing", "DescribeTargetHealth", in{"TargetGroupArn": n.target}, func(o out) bool {
		return at(o, "TargetHealthDescriptions", 0, "TargetHealth", "State") == "healthy"
	})
	do("ListServices", in{"cluster": "c", "launchType": "FARGATE"})
	do("UpdateService", in{"cluster": "c", "service": "web", "taskDefinition": second, "desiredCount": 2, "forceNewDeployment": true})
	do("DescribeServices", describe) // two deployments
	w.until("the new revision", "ecs", "DescribeServices", describe, steady)
	do("UpdateService", in{"cluster": "c", "service": "web", "forceNewDeployment": true})
	going := do("ListServiceDeployments", in{"cluster": "c", "service": "web", "status": []string{"IN_PROGRESS", "PENDING"}})
	do("StopServiceDeployment", in{"serviceDeploymentArn": w.text(going, "serviceDeployments", 0, "serviceDeploymentArn"), "stopType": "ROLLBACK"})
	w.until("the way back", "ecs", "DescribeServices", describe, steady)
	deployments := do("ListServiceDeployments", in{"cluster": "c", "service": "web"})
	details := do("DescribeServiceDeployments", in{"serviceDeploymentArns": []string{w.text(deployments, "serviceDeployments", 0, "serviceDeploymentArn")}})
	do("DescribeServiceRevisions", in{"serviceRevisionArns": []string{w.text(details, "serviceDeployments", 0, "targetServiceRevision", "arn")}})

	tasks := do("ListTasks", in{"cluster": "c", "serviceName": "web"})
	do("DescribeTasks", in{"cluster": "c", "tasks": []string{w.text(tasks, "taskArns", 0), "0123456789abcdef0123456789abcdef"}, "include": []string{"TAGS"}})
	protect := in{"cluster": "c", "tasks": []string{w.text(tasks, "taskArns", 0), "0123456789abcdef0123456789abcdef"}, "protectionEnabled": true, "expiresInMinutes": 5}
	do("UpdateTaskProtection", protect)
	do("GetTaskProtection", in{"cluster": "c", "tasks": protect["tasks"]})
	protect["protectionEnabled"] = false
	delete(protect, "expiresInMinutes")
	do("UpdateTaskProtection", protect)
	run := in{"cluster": "c", "taskDefinition": "web", "networkConfiguration": vpc, "count": 1, "launchType": "FARGATE", "startedBy": "me", "tags": label, "enableExecuteCommand": true,
		"overrides": in{"taskRoleArn": "arn:aws:iam::" + w.info.Account + ":role/execution", "containerOverrides": []in{{"name": "app", "environment": []in{{"name": "A", "value": "b"}}}}}}
	task := w.text(do("RunTask", run), "tasks", 0, "taskArn")
	one := in{"cluster": "c", "tasks": []string{task}}
	is := func(status string) func(out) bool {
		return func(o out) bool { return at(o, "tasks", 0, "lastStatus") == status }
	}
	w.until("the task", "ecs", "DescribeTasks", one, is("RUNNING"))
	command := func(cluster string, interactive bool) in {
		return in{"cluster": cluster, "task": task, "container": "app", "command": "/bin/sh", "interactive": interactive}
	}
	if runtime.GOOS != "windows" {
		if url := w.text(do("ExecuteCommand", command("c", true)), "session", "streamUrl"); !strings.HasPrefix(url, "ws://127.0.0.1:") {
			w.Errorf("the session is at %s", url)
		}
	}
	refuse("InvalidParameterException", "ExecuteCommand", command("c", false))
	refuse("ClusterNotFoundException", "ExecuteCommand", command("none", true))
	do("StopTask", in{"cluster": "c", "task": task, "reason": "enough"})
	w.until("the task's end", "ecs", "DescribeTasks", one, is("STOPPED"))
	do("ListTasks", in{"cluster": "c", "desiredStatus": "STOPPED"})
	refuse("InvalidParameterException", "StopTask", in{"cluster": "c", "task": "0123456789abcdef0123456789abcdef"})

	do("TagResource", in{"resourceArn": n.service, "tags": []in{{"key": "a", "value": "b"}}})
	do("ListTagsForResource", in{"resourceArn": n.service})
	do("UntagResource", in{"resourceArn": n.service, "tagKeys": []string{"a"}})
	do("DeregisterTaskDefinition", in{"taskDefinition": first})
	do("DeleteTaskDefinitions", in{"taskDefinitions": []string{first, "web:99"}})
	refuse("ClusterContainsServicesException", "DeleteCluster", in{"cluster": "c"})
	refuse("ServiceNotFoundException", "UpdateService", in{"cluster": "c", "service": "none"})
}

func (w *world) autoscaling(n *network) {
	const svc = "application-autoscaling"
	do := func(op string, input in) out { w.Helper(); return w.do(svc, op, input) }
	target := func(more in) in {
		o := in{"ServiceNamespace": "ecs", "ResourceId": "service/c/web", "ScalableDimension": "ecs:service:DesiredCount"}
		maps.Copy(o, more)
		return o
	}
	policy := func(name string, metric in) in {
		return target(in{"PolicyName": name, "PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": in{"TargetValue": 50.0, "PredefinedMetricSpecification": metric, "ScaleInCooldown": 60, "ScaleOutCooldown": 60}})
	}
	w.refuse("ObjectNotFoundException", svc, "PutScalingPolicy", policy("cpu", in{"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}))
	arn := w.text(do("RegisterScalableTarget", target(in{"MinCapacity": 1, "MaxCapacity": 4, "Tags": in{"Workshop": "conformance"}})), "ScalableTargetARN")
	w.refuse("ValidationException", svc, "RegisterScalableTarget", target(in{"MinCapacity": 5, "MaxCapacity": 4}))
	do("DescribeScalableTargets", in{"ServiceNamespace": "ecs"})
	do("PutScalingPolicy", policy("cpu", in{"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}))
	label := strings.SplitN(n.balancer, "loadbalancer/", 2)[1] + "/" + n.target[strings.Index(n.target, "targetgroup/"):]
	do("PutScalingPolicy", policy("requests", in{"PredefinedMetricType": "ALBRequestCountPerTarget", "ResourceLabel": label}))
	do("DescribeScalingPolicies", in{"ServiceNamespace": "ecs", "ResourceId": "service/c/web"})
	do("DescribeScalingActivities", in{"ServiceNamespace": "ecs"})
	do("DescribeScheduledActions", in{"ServiceNamespace": "ecs"})
	do("TagResource", in{"ResourceARN": arn, "Tags": in{"a": "b"}})
	do("ListTagsForResource", in{"ResourceARN": arn})
	do("UntagResource", in{"ResourceARN": arn, "TagKeys": []string{"a"}})
	w.refuse("ResourceNotFoundException", svc, "ListTagsForResource", in{"ResourceARN": arn + "0"})
	do("DeleteScalingPolicy", target(in{"PolicyName": "cpu"}))
	w.refuse("ObjectNotFoundException", svc, "DeleteScalingPolicy", target(in{"PolicyName": "cpu"}))
}

// cloudwatch asks in one of the three protocols that its clients speak.
func (w *world) cloudwatch(protocol string) {
	const svc = "monitoring"
	do := func(op string, input in) out { w.Helper(); return w.do(svc, op, input) }
	name := func(names ...string) in { return in{"AlarmNames": names} }
	// Errors have another name where the query protocol's is an old one.
	code := func(shape, query string) string {
		if protocol == "query" {
			return query
		}
		return shape
	}
	now := time.Now()
	dimensions := []in{{"Name": "Protocol", "Value": protocol}}
	do("PutMetricData", in{"Namespace": "Conformance", "MetricData": []in{
		{"MetricName": "latency", "Dimensions": dimensions, "Value": 1.5, "Unit": "Seconds", "Timestamp": now.Add(-time.Minute)},
		{"MetricName": "latency", "Dimensions": dimensions, "Values": []any{1, 2}, "Counts": []any{3, 4}, "Unit": "Seconds"},
		{"MetricName": "latency", "Dimensions": dimensions, "StatisticValues": in{"SampleCount": 2, "Sum": 3, "Minimum": 1, "Maximum": 2}},
	}})
	w.refuse(code("InvalidParameterValueException", "InvalidParameterValue"), svc, "PutMetricData", in{"Namespace": "AWS/Own", "MetricData": []in{{"MetricName": "m", "Value": 1}}})
	if got := list(do("ListMetrics", in{"Namespace": "Conformance", "Dimensions": []in{{"Name": "Protocol", "Value": protocol}}}), "Metrics"); len(got) != 1 {
		w.Errorf("%s: metrics %v", protocol, got)
	}
	do("ListMetrics", in{"Namespace": "AWS/ECS"})
	metric := in{"Namespace": "Conformance", "MetricName": "latency", "Dimensions": dimensions}
	data := do("GetMetricData", in{"StartTime": now.Add(-time.Hour), "EndTime": now.Add(time.Minute), "ScanBy": "TimestampAscending", "MetricDataQueries": []in{
		{"Id": "m", "MetricStat": in{"Metric": metric, "Period": 60, "Stat": "Maximum"}, "ReturnData": true},
		{"Id": "e", "Expression": "m * 2", "Label": "twice"},
	}})
	if got := list(data, "MetricDataResults", 0, "Values"); len(got) == 0 {
		w.Errorf("%s: no data: %v", protocol, data)
	}
	statistics := in{"StartTime": now.Add(-time.Hour), "EndTime": now.Add(time.Minute), "Period": 60, "Statistics": []string{"Average", "Sum", "Minimum", "Maximum", "SampleCount"}}
	maps.Copy(statistics, metric)
	if got := list(do("GetMetricStatistics", statistics), "Datapoints"); len(got) == 0 {
		w.Errorf("%s: no statistics", protocol)
	}
	delete(statistics, "Statistics")
	statistics["ExtendedStatistics"] = []string{"p99"}
	do("GetMetricStatistics", statistics)

	alarm := in{"AlarmName": "slow", "AlarmDescription": "d", "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1, "DatapointsToAlarm": 1, "Period": 60, "Statistic": "Average", "Threshold": 1.0, "TreatMissingData": "notBreaching", "AlarmActions": []string{"arn:aws:sns:eu-west-1:000000000000:nobody"}, "Tags": tags}
	maps.Copy(alarm, metric)
	do("PutMetricAlarm", alarm)
	do("PutMetricAlarm", in{"AlarmName": "sum", "ComparisonOperator": "LessThanThreshold", "EvaluationPeriods": 2, "Threshold": 1.0, "Metrics": []in{
		{"Id": "m", "MetricStat": in{"Metric": metric, "Period": 60, "Stat": "Sum"}, "ReturnData": false}, {"Id": "e", "Expression": "m + 1", "ReturnData": true},
	}})
	arn := w.text(do("DescribeAlarms", name("slow", "sum")), "MetricAlarms", 0, "AlarmArn")
	do("DescribeAlarms", in{"AlarmNamePrefix": "s", "MaxRecords": 1})
	do("DescribeAlarmsForMetric", in{"Namespace": "Conformance", "MetricName": "latency", "Dimensions": dimensions})
	do("DisableAlarmActions", name("slow"))
	do("EnableAlarmActions", name("slow"))
	do("SetAlarmState", in{"AlarmName": "slow", "StateValue": "ALARM", "StateReason": "by hand"})
	w.refuse("ResourceNotFound", svc, "SetAlarmState", in{"AlarmName": "none", "StateValue": "OK", "StateReason": "by hand"})
	do("DescribeAlarmHistory", in{"AlarmName": "slow", "HistoryItemType": "StateUpdate"})
	do("TagResource", in{"ResourceARN": arn, "Tags": []in{{"Key": "a", "Value": "b"}}})
	if got := list(do("ListTagsForResource", in{"ResourceARN": arn}), "Tags"); len(got) != 2 {
		w.Errorf("%s: tags %v", protocol, got)
	}
	do("UntagResource", in{"ResourceARN": arn, "TagKeys": []string{"a"}})
	w.refuse("ResourceNotFoundException", svc, "ListTagsForResource", in{"ResourceARN": arn + "0"})
	do("DeleteAlarms", name("slow", "sum"))
}

// tagging finds all that was made with the tag.
func (w *world) tagging(n *network) {
	o := w.do("tagging", "GetResources", in{"TagFilters": []in{{"Key": "Workshop", "Values": []string{"conformance"}}}})
	var arns []string
	for i := range list(o, "ResourceTagMappingList") {
		arns = append(arns, w.text(o, "ResourceTagMappingList", i, "ResourceARN"))
	}
	for _, want := range []string{n.cluster, n.service, n.balancer, n.target, n.listener, n.vpc, n.subnets[0], n.group, n.gateway, n.table} {
		if !slices.ContainsFunc(arns, func(a string) bool { return strings.HasSuffix(a, want) }) {
			w.Errorf("%s is not found by its tag", want)
		}
	}
	w.do("tagging", "GetResources", in{"ResourceTypeFilters": []string{"ecs:cluster"}, "ResourcesPerPage": 1})
	w.do("tagging", "GetTagKeys", nil)
	w.do("tagging", "GetTagValues", in{"Key": "Workshop"})
}

// teardown takes everything away in the one order that AWS allows.
func (w *world) teardown(n *network) {
	do := w.do
	do("application-autoscaling", "DeregisterScalableTarget", in{"ServiceNamespace": "ecs", "ResourceId": "service/c/web", "ScalableDimension": "ecs:service:DesiredCount"})
	w.refuse("InvalidParameterException", "ecs", "DeleteService", in{"cluster": "c", "service": "web"})
	do("ecs", "DeleteService", in{"cluster": "c", "service": "web", "force": true})
	w.until("the service's end", "ecs", "DescribeServices", in{"cluster": "c", "services": []string{"web"}}, func(o out) bool {
		return at(o, "services", 0, "status") == "INACTIVE"
	})
	w.until("the end of all tasks", "ecs", "ListTasks", in{"cluster": "c"}, func(o out) bool { return len(list(o, "taskArns")) == 0 })
	do("elasticloadbalancing", "DeleteListener", in{"ListenerArn": n.listener})
	do("elasticloadbalancing", "DeleteLoadBalancer", in{"LoadBalancerArn": n.balancer})
	do("elasticloadbalancing", "DeleteTargetGroup", in{"TargetGroupArn": n.target})
	w.until("the end of the network interfaces", "ec2", "DescribeNetworkInterfaces", in{"Filters": []in{{"Name": "vpc-id", "Values": []string{n.vpc}}}}, func(o out) bool {
		return len(list(o, "NetworkInterfaces")) == 0
	})
	w.until("the end of the cluster's tasks", "ecs", "DescribeClusters", in{"clusters": []string{"c"}}, func(o out) bool { return at(o, "clusters", 0, "runningTasksCount") != nil })
	do("ecs", "DeleteCluster", in{"cluster": "c"})
	do("ec2", "DetachInternetGateway", in{"InternetGatewayId": n.gateway, "VpcId": n.vpc})
	do("ec2", "DeleteInternetGateway", in{"InternetGatewayId": n.gateway})
	for _, s := range n.subnets {
		do("ec2", "DeleteSubnet", in{"SubnetId": s})
	}
	do("ec2", "DeleteRouteTable", in{"RouteTableId": n.table})
	do("ec2", "DeleteSecurityGroup", in{"GroupId": n.group})
	do("ec2", "DeleteVpc", in{"VpcId": n.vpc})
	w.refuse("InvalidVpcID.NotFound", "ec2", "DeleteVpc", in{"VpcId": n.vpc})
}
