package sweep

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"workshop/internal/clean"
	"workshop/internal/cost"
)

// Names of the kinds of resources, which are the places that are asked.
const (
	loadBalancers    = "load balancers"
	targetGroups     = "target groups"
	clusters         = "ECS clusters"
	services         = "ECS services"
	tasks            = "running tasks"
	taskDefinitions  = "task definitions"
	scalingTargets   = "scaling targets"
	schedules        = "schedules"
	logGroups        = "log groups"
	roles            = "IAM roles"
	policies         = "IAM policies"
	vpcs             = "VPCs"
	subnets          = "subnets"
	securityGroups   = "security groups"
	internetGateways = "internet gateways"
	routeTables      = "route tables"
	networkACLs      = "network ACLs"
	natGateways      = "NAT gateways"
	elasticIPs       = "Elastic IPs"
	endpoints        = "VPC endpoints"
	interfaces       = "network interfaces"
	tagged           = "anything else with the workspace's tag"

	// Alarms have no place of their own: the tagging service finds them.
	alarms = "CloudWatch alarms"
)

// kind is one kind of resource: how AWS's ARNs name it, what it costs, how it is
// looked at again and how it is deleted.
type kind struct {
	name, singular, note string
	costs                bool
	service, resource    string // of its ARN: the service, and how the resource part begins

	// byID is set where Leftover.ID is what follows resource in the ARN, not the
	// whole ARN.
	byID bool
	// look reads the tags of one resource as they are now. A resource that is
	// gone, or as good as, has exists false.
	look func(c *cloud, ctx context.Context, l Leftover) (tags map[string]string, exists bool, err error)
	// remove deletes it, and waits until it is gone where something else has to
	// wait for that.
	remove func(r *remover, ctx context.Context, l Leftover) error
}

// kinds are in the order in which they can be deleted: what uses comes before
// what is used. It is filled by init because the functions refer to it.
var kinds []kind

func init() {
	kinds = []kind{
		// The first one: its time may come while the others are deleted.
		{name: schedules, singular: "schedule", note: "costs nothing", service: "scheduler", resource: "schedule/",
			look: (*cloud).lookSchedule, remove: (*remover).schedule},
		{name: scalingTargets, singular: "scaling target", note: "costs nothing", service: "application-autoscaling", resource: "scalable-target/",
			look: (*cloud).lookScalingTarget, remove: (*remover).scalingTarget},
		{name: services, singular: "ECS service", note: "starts tasks, which cost money", costs: true, service: "ecs", resource: "service/",
			look: (*cloud).lookService, remove: (*remover).service},
		{name: tasks, singular: "task", note: "costs money by the second", costs: true, service: "ecs", resource: "task/",
			look: (*cloud).lookTask, remove: (*remover).task},
		{name: loadBalancers, singular: "load balancer", note: "costs about " + perHour(cost.LoadBalancer), costs: true, service: "elasticloadbalancing", resource: "loadbalancer/",
			look: (*cloud).lookBalancing, remove: (*remover).loadBalancer},
		{name: targetGroups, singular: "target group", note: "costs nothing", service: "elasticloadbalancing", resource: "targetgroup/",
			look: (*cloud).lookBalancing, remove: (*remover).targetGroup},
		{name: taskDefinitions, singular: "task definition", note: "costs nothing", service: "ecs", resource: "task-definition/",
			look: (*cloud).lookTaskDefinition, remove: (*remover).taskDefinition},
		{name: clusters, singular: "ECS cluster", note: "costs nothing by itself", service: "ecs", resource: "cluster/",
			look: (*cloud).lookCluster, remove: (*remover).cluster},
		{name: alarms, singular: "CloudWatch alarm", note: "costs cents a month", service: "cloudwatch", resource: "alarm:",
			look: (*cloud).lookAlarm, remove: (*remover).alarm},
		{name: endpoints, singular: "VPC endpoint", note: "costs about " + perHour(cost.Endpoint) + " in each zone", costs: true, service: "ec2", resource: "vpc-endpoint/", byID: true,
			look: ec2Look, remove: (*remover).endpoint},
		{name: natGateways, singular: "NAT gateway", note: "costs about " + perHour(cost.NATGateway), costs: true, service: "ec2", resource: "natgateway/", byID: true,
			look: ec2Look, remove: (*remover).natGateway},
		{name: elasticIPs, singular: "Elastic IP", note: "costs about " + perHour(cost.PublicAddress), costs: true, service: "ec2", resource: "elastic-ip/", byID: true,
			look: ec2Look, remove: ec2Delete("ReleaseAddress", "AllocationId")},
		{name: internetGateways, singular: "internet gateway", note: "costs nothing", service: "ec2", resource: "internet-gateway/", byID: true,
			look: ec2Look, remove: (*remover).internetGateway},
		{name: interfaces, singular: "network interface", note: "costs nothing by itself", service: "ec2", resource: "network-interface/", byID: true,
			look: ec2Look, remove: ec2Delete("DeleteNetworkInterface", "NetworkInterfaceId")},
		{name: securityGroups, singular: "security group", note: "costs nothing", service: "ec2", resource: "security-group/", byID: true,
			look: ec2Look, remove: (*remover).securityGroup},
		{name: routeTables, singular: "route table", note: "costs nothing", service: "ec2", resource: "route-table/", byID: true,
			look: ec2Look, remove: (*remover).routeTable},
		{name: subnets, singular: "subnet", note: "costs nothing", service: "ec2", resource: "subnet/", byID: true,
			look: ec2Look, remove: ec2Delete("DeleteSubnet", "SubnetId")},
		{name: networkACLs, singular: "network ACL", note: "costs nothing", service: "ec2", resource: "network-acl/", byID: true,
			look: ec2Look, remove: ec2Delete("DeleteNetworkAcl", "NetworkAclId")},
		{name: vpcs, singular: "VPC", note: "costs nothing by itself", service: "ec2", resource: "vpc/", byID: true,
			look: ec2Look, remove: ec2Delete("DeleteVpc", "VpcId")},
		{name: roles, singular: "IAM role", note: "costs nothing", service: "iam", resource: "role/",
			look: (*cloud).lookRole, remove: (*remover).role},
		{name: policies, singular: "IAM policy", note: "costs nothing", service: "iam", resource: "policy/",
			look: (*cloud).lookPolicy, remove: (*remover).policy},
		// The last one: until its cluster is gone Container Insights makes it again.
		{name: logGroups, singular: "log group", note: "costs cents for what it stores", service: "logs", resource: "log-group:", byID: true,
			look: (*cloud).lookLogGroup, remove: (*remover).logGroup},
	}
}

// kindNamed returns a kind by its name; an unknown one has the name alone.
func kindNamed(name string) kind {
	for _, k := range kinds {
		if k.name == name {
			return k
		}
	}
	return kind{name: name, singular: "resource"}
}

// parts are the resources that carry tags of their own and go with what they
// are part of.
var parts = []struct{ service, resource, of string }{
	{"elasticloadbalancing", "listener/", loadBalancers},
	{"elasticloadbalancing", "listener-rule/", loadBalancers},
	{"ec2", "security-group-rule/", securityGroups},
}

// fromARN returns what an ARN names, as far as the ARN alone tells. Part is set
// for what goes with a resource of that Kind. An ARN of no kind that is known
// here has the Kind tagged and is its own ID.
func fromARN(arn string) (l Leftover, part bool) {
	l = Leftover{Kind: tagged, ID: arn, ARN: arn}
	f := strings.SplitN(arn, ":", 6) // arn:partition:service:region:account:resource
	if len(f) < 6 {
		return l, false
	}
	for _, k := range kinds {
		rest, ok := strings.CutPrefix(f[5], k.resource)
		if f[2] != k.service || !ok {
			continue
		}
		l.Kind = k.name
		if k.byID {
			l.ID = rest
		} else {
			path := strings.Split(rest, "/")
			l.Name = path[len(path)-1]
			if k.service == "elasticloadbalancing" && len(path) > 1 { // name/hash
				l.Name = path[len(path)-2]
			}
		}
		return l, false
	}
	for _, p := range parts {
		if f[2] == p.service && strings.HasPrefix(f[5], p.resource) {
			l.Kind = p.of
			return l, true
		}
	}
	return l, false
}

// inOrder sorts resources so that what uses comes before what is used.
func inOrder(left []Leftover) []Leftover {
	rank := func(l Leftover) int {
		if i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == l.Kind }); i >= 0 {
			return i
		}
		return len(kinds)
	}
	out := slices.Clone(left)
	slices.SortStableFunc(out, func(a, b Leftover) int { return cmp.Compare(rank(a), rank(b)) })
	return out
}

// String is the resource as a sentence names it: its kind, and its name or else
// its id. It is clean.
func (l Leftover) String() string {
	name := cmp.Or(l.Name, l.ID)
	if l.Kind == interfaces { // descriptions of network interfaces are no names
		name = l.ID
	}
	return clean.Line(kindNamed(l.Kind).singular + " " + name)
}

// ec2Kind is how EC2 describes one of its kinds.
type ec2Kind struct {
	name, action, filter string
	id                   func(*resource) string
}

var ec2Kinds = []ec2Kind{
	{vpcs, "DescribeVpcs", "vpc-id", func(r *resource) string { return r.VPC }},
	{subnets, "DescribeSubnets", "subnet-id", func(r *resource) string { return r.Subnet }},
	{securityGroups, "DescribeSecurityGroups", "group-id", func(r *resource) string { return r.Group }},
	{internetGateways, "DescribeInternetGateways", "internet-gateway-id", func(r *resource) string { return r.Gateway }},
	{routeTables, "DescribeRouteTables", "route-table-id", func(r *resource) string { return r.Table }},
	{natGateways, "DescribeNatGateways", "nat-gateway-id", func(r *resource) string { return r.NAT }},
	{elasticIPs, "DescribeAddresses", "allocation-id", func(r *resource) string { return r.Allocation }},
	{endpoints, "DescribeVpcEndpoints", "vpc-endpoint-id", func(r *resource) string { return r.Endpoint }},
	{interfaces, "DescribeNetworkInterfaces", "network-interface-id", func(r *resource) string { return r.Interface }},
	{networkACLs, "DescribeNetworkAcls", "network-acl-id", func(r *resource) string { return r.ACL }},
}

func ec2KindNamed(name string) ec2Kind {
	i := slices.IndexFunc(ec2Kinds, func(k ec2Kind) bool { return k.name == name })
	return ec2Kinds[i]
}

// leftover is an EC2 resource as a Leftover; whose it is is the caller's to say.
func (k ec2Kind) leftover(r *resource) Leftover {
	tags := r.tags()
	l := Leftover{Kind: k.name, ID: k.id(r), Name: cmp.Or(tags["Name"], r.GroupName, r.Description)}
	for _, at := range []string{r.Created, r.Made} {
		if t, err := time.Parse(time.RFC3339, at); err == nil {
			l.Created = t
		}
	}
	switch {
	case r.deleting():
		l.ByAWS, l.Note = true, "AWS is deleting it"
	case r.GroupName == "default" && k.name == securityGroups, k.name == networkACLs && r.Default, r.main():
		l.ByAWS, l.Note = true, "AWS deletes it with its VPC"
	case r.byAWS():
		l.ByAWS, l.Note = true, "AWS deletes it, within minutes, with what it belongs to"
	}
	return l
}

func (r *resource) deleting() bool { return strings.EqualFold(r.State, "deleting") }

// byAWS reports a network interface that AWS made for one of its services.
func (r *resource) byAWS() bool {
	return r.RequesterManaged || r.Attachment.InstanceOwner != "" && r.Attachment.InstanceOwner != r.Owner
}

// gone reports a NAT gateway or endpoint that is listed for a while after its end.
func (r *resource) gone() bool { return strings.EqualFold(r.State, "deleted") }

// main reports the route table that AWS made with its VPC.
func (r *resource) main() bool {
	for _, a := range r.Associations {
		if a.Main {
			return true
		}
	}
	return false
}

// perHour is the list price of one of a kind, in the region whose prices stand for
// all: a note is not about one region.
func perHour(k cost.Kind) string {
	return cost.PerHour([]cost.Item{{Kind: k, Count: 1}}, "").Hourly.Rate()
}
