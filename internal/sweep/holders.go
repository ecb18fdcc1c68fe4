package sweep

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"workshop/internal/clean"
	"workshop/internal/diagnose"
)

// Holder is a resource that keeps another one from being deleted.
type Holder struct {
	Leftover
	Uses string `json:"uses"` // id of the subnet, security group, internet gateway or VPC that it holds
	// Ours is set for what the scope's tags say is this workshop's. What is not
	// ours is only named, never deleted.
	Ours bool `json:"ours"`
	// Passing is set for what AWS is about to delete by itself.
	Passing bool `json:"passing"`
	// Owner is the account that owns the resource, or the AWS service that made it.
	Owner string `json:"owner,omitempty"`
	// Attached is the instance, or the AWS service, that a network interface is
	// attached to.
	Attached string `json:"attached,omitempty"`
}

// String is one plain sentence, without a full stop: what holds what, whose it
// is, and what ends that. It is clean.
func (h Holder) String() string {
	name := h.Leftover.String()
	switch inEC2 := !strings.HasPrefix(h.ID, "arn:"); {
	case inEC2 && h.Name == "":
		name = h.ID
	case inEC2:
		name = h.ID + ` "` + h.Name + `"`
	}
	switch {
	case h.Passing:
		return clean.Line(fmt.Sprintf("%s still uses %s: AWS deletes it by itself within minutes", name, h.Uses))
	case h.Ours:
		return clean.Line(fmt.Sprintf("%s, made by this workshop, uses %s", name, h.Uses))
	case h.ByAWS:
		return clean.Line(fmt.Sprintf("%s, made by %s for something outside this workshop, uses %s: delete what it belongs to, then continue", name, cmp.Or(h.Owner, "AWS"), h.Uses))
	case h.Attached != "":
		return clean.Line(fmt.Sprintf("%s, made outside this workshop and attached to %s, uses %s: detach and delete it, then continue", name, h.Attached, h.Uses))
	}
	return clean.Line(fmt.Sprintf("%s, made outside this workshop, uses %s: delete it, then continue", name, h.Uses))
}

// Holders asks what keeps subnets, security groups, internet gateways and VPCs
// from being deleted: network interfaces and whatever they belong to (load
// balancers, NAT gateways, endpoints, tasks), rules of other security groups,
// public addresses behind a gateway, and everything in a VPC. Ids are EC2's; any
// other kind of id is an error. What is returned is sorted: somebody's first,
// then ours, then what AWS is deleting already.
func Holders(ctx context.Context, cfg aws.Config, scope Scope, ids ...string) ([]Holder, error) {
	if err := scope.check(); err != nil {
		return nil, err
	}
	return connect(cfg, scope).holders(ctx, ids...)
}

func (c *cloud) holders(ctx context.Context, ids ...string) ([]Holder, error) {
	u := &users{cloud: c}
	var all []Holder
	for _, id := range ids {
		found, err := c.holdersOf(ctx, u, id)
		if err != nil {
			return nil, diagnose.Explain("find out what holds "+id, err)
		}
		for _, h := range found {
			h.ID, h.Name, h.Owner, h.Attached = clean.Line(h.ID), clean.Line(h.Name), clean.Line(h.Owner), clean.Line(h.Attached)
			all = append(all, h)
		}
	}
	rank := func(h Holder) int {
		switch {
		case h.Passing:
			return 2
		case h.Ours:
			return 1
		}
		return 0
	}
	slices.SortStableFunc(all, func(a, b Holder) int { return cmp.Compare(rank(a), rank(b)) })
	return all, nil
}

func (c *cloud) holdersOf(ctx context.Context, u *users, id string) ([]Holder, error) {
	prefix, _, _ := strings.Cut(id, "-")
	switch prefix {
	case "subnet":
		return u.interfaces(ctx, id, filter{"subnet-id", []string{id}})
	case "sg":
		found, err := u.interfaces(ctx, id, filter{"group-id", []string{id}})
		if err != nil {
			return nil, err
		}
		rules, err := c.referring(ctx, id)
		return append(found, rules...), err
	case "igw":
		gateway, err := c.ec2One(ctx, internetGateways, id)
		if err != nil || gateway == nil {
			return nil, err
		}
		var all []Holder
		for _, at := range gateway.Attachments {
			found, err := u.interfaces(ctx, id, filter{"vpc-id", []string{at.VPC}}, filter{"association.public-ip", []string{"*"}})
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
		return all, nil
	case "vpc":
		return c.inVPC(ctx, u, id)
	}
	return nil, fmt.Errorf("%q is no subnet, security group, internet gateway or VPC", id)
}

// referring are the other security groups with rules that name this one.
func (c *cloud) referring(ctx context.Context, group string) ([]Holder, error) {
	var all []Holder
	for _, direction := range []string{"ip-permission.group-id", "egress.ip-permission.group-id"} {
		found, err := c.ec2.describe(ctx, "DescribeSecurityGroups", filter{direction, []string{group}})
		if err != nil {
			return nil, err
		}
		for i := range found {
			h := c.holder(securityGroups, &found[i], group)
			if h.ID != group && !slices.ContainsFunc(all, func(o Holder) bool { return o.ID == h.ID }) {
				all = append(all, h)
			}
		}
	}
	return all, nil
}

// inVPC is everything in a VPC but what AWS made along with it.
func (c *cloud) inVPC(ctx context.Context, u *users, id string) ([]Holder, error) {
	all, err := u.interfaces(ctx, id, filter{"vpc-id", []string{id}})
	if err != nil {
		return nil, err
	}
	for _, kind := range []string{natGateways, endpoints, internetGateways, securityGroups, routeTables, networkACLs, subnets} {
		inside := filter{"vpc-id", []string{id}}
		if kind == internetGateways {
			inside.name = "attachment.vpc-id"
		}
		k := ec2KindNamed(kind)
		found, err := c.ec2.describe(ctx, k.action, inside)
		if err != nil {
			return nil, err
		}
		for i := range found {
			h := c.holder(kind, &found[i], id)
			listed := slices.ContainsFunc(all, func(o Holder) bool { return o.ID == h.ID })
			if made := h.ByAWS && !h.Passing; !made && !listed && !found[i].gone() && found[i].State != "failed" {
				all = append(all, h)
			}
		}
	}
	return all, nil
}

// holder is an EC2 resource as a Holder, ours or not by its tags.
func (c *cloud) holder(kind string, r *resource, uses string) Holder {
	h := Holder{Leftover: ec2KindNamed(kind).leftover(r), Uses: uses, Owner: r.Owner, Passing: r.deleting()}
	h.Ours = c.claim(&h.Leftover, r.tags())
	return h
}

// users finds out what network interfaces belong to. It remembers what it asked
// for as long as it lives, so it is made anew for each look, and not safe for
// concurrent use.
type users struct {
	*cloud
	balancers map[string]Holder // by name; Kind is empty for one that is gone
	tasks     map[string]Holder // by the id of their attachment
	networks  map[string]string // the Name tag of the scope's VPCs, by id
	groups    map[string]bool   // the scope's security groups
}

// interfaces are the holders of id behind the network interfaces that the
// filters find, each once.
func (u *users) interfaces(ctx context.Context, id string, filters ...filter) ([]Holder, error) {
	found, err := u.ec2.describe(ctx, "DescribeNetworkInterfaces", filters...)
	if err != nil {
		return nil, err
	}
	var all []Holder
	for i := range found {
		if filters[len(filters)-1].name == "association.public-ip" && found[i].Association.PublicIP == "" {
			continue
		}
		h, err := u.of(ctx, &found[i])
		if err != nil {
			return nil, err
		}
		h.Uses = id
		if !slices.ContainsFunc(all, func(o Holder) bool { return o.ID == h.ID }) {
			all = append(all, h)
		}
	}
	return all, nil
}

// of is what a network interface belongs to, or the interface itself.
func (u *users) of(ctx context.Context, r *resource) (Holder, error) {
	self := u.holder(interfaces, r, "")
	self.Attached = cmp.Or(r.Attachment.Instance, r.Attachment.InstanceOwner)
	if self.Ours || !r.byAWS() { // anybody can write any description
		return self, nil
	}
	self.Owner = cmp.Or(r.Requester, r.Owner)
	// What AWS made says in its description for what.
	if path, ok := strings.CutPrefix(r.Description, "ELB "); ok {
		return u.balancer(ctx, self, path, r.VPC)
	}
	for prefix, kind := range map[string]string{"Interface for NAT Gateway ": natGateways, "VPC Endpoint Interface ": endpoints} {
		if id, ok := strings.CutPrefix(r.Description, prefix); ok {
			return u.made(ctx, self, kind, id)
		}
	}
	if strings.HasPrefix(r.Description, "arn:aws") && strings.Contains(r.Description, ":attachment/") {
		return u.task(ctx, self, r)
	}
	return self, nil
}

// made is the NAT gateway or endpoint that an interface was made for.
func (u *users) made(ctx context.Context, self Holder, kind, id string) (Holder, error) {
	found, err := u.ec2.describe(ctx, ec2KindNamed(kind).action, filter{ec2KindNamed(kind).filter, []string{id}})
	if err != nil && !missing(err) {
		return self, err
	}
	if len(found) > 0 {
		h := u.holder(kind, &found[0], "")
		if found[0].gone() {
			h.Passing = true
		}
		return h, nil
	}
	self.Passing = true // its interface goes after it
	return self, nil
}

// balancer is the load balancer behind "app/name/hash".
func (u *users) balancer(ctx context.Context, self Holder, path, vpc string) (Holder, error) {
	f := strings.Split(path, "/")
	if len(f) != 3 {
		return self, nil
	}
	if u.balancers == nil {
		u.balancers = map[string]Holder{}
	}
	h, asked := u.balancers[path]
	if !asked {
		out, err := u.elb.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{Names: []string{f[1]}})
		if err != nil && !missing(err) {
			return self, err
		}
		if out != nil {
			for _, lb := range out.LoadBalancers {
				arn := aws.ToString(lb.LoadBalancerArn)
				if !strings.HasSuffix(arn, ":loadbalancer/"+path) {
					continue
				}
				h.Leftover = Leftover{Kind: loadBalancers, ID: arn, ARN: arn, Name: f[1], Created: aws.ToTime(lb.CreatedTime)}
				tags, _, err := u.lookBalancing(ctx, h.Leftover)
				if err != nil {
					return self, err
				}
				h.Ours = u.claim(&h.Leftover, tags)
			}
		}
		u.balancers[path] = h
	}
	if h.Kind != "" {
		return h, nil
	}
	// It is gone: whose it was, its name alone says.
	self.Passing = true
	names, err := u.stackNames(ctx)
	if err != nil {
		return self, err
	}
	self.Ours = names[vpc] != "" && (f[1] == names[vpc] || f[1] == u.scope.stackName())
	return self, nil
}

// stackNames are the names of the scope's stacks, by their VPCs.
func (u *users) stackNames(ctx context.Context) (map[string]string, error) {
	if u.networks != nil {
		return u.networks, nil
	}
	found, err := u.ec2.describe(ctx, "DescribeVpcs", u.byTag()...)
	if err != nil {
		return nil, err
	}
	u.networks = map[string]string{}
	for i := range found {
		if tags := found[i].tags(); u.owner(tags) != "" {
			u.networks[found[i].VPC] = cmp.Or(tags["Name"], u.scope.stackName())
		}
	}
	return u.networks, nil
}

// task is the task of the scope's clusters that an interface is attached to.
func (u *users) task(ctx context.Context, self Holder, r *resource) (Holder, error) {
	if u.tasks == nil {
		if err := u.findTasks(ctx); err != nil {
			return self, err
		}
	}
	if h, ok := u.tasks[r.Description[strings.LastIndexByte(r.Description, '/')+1:]]; ok {
		return h, nil
	}
	// ECS lets go of the interface after the task is no longer listed as running.
	for _, g := range r.Groups {
		if u.groups[g.Group] {
			self.Ours, self.Passing = true, true
		}
	}
	return self, nil
}

func (u *users) findTasks(ctx context.Context) error {
	ours, err := u.ourClusters(ctx)
	if err != nil {
		return err
	}
	u.tasks, u.groups = map[string]Holder{}, map[string]bool{}
	for _, k := range ours {
		for _, status := range []ecstypes.DesiredStatus{ecstypes.DesiredStatusRunning, ecstypes.DesiredStatusStopped} {
			all, err := u.tasksIn(ctx, k, status)
			if err != nil {
				return err
			}
			for _, t := range all {
				h := Holder{Leftover: taskLeftover(t, k), Passing: status == ecstypes.DesiredStatusStopped}
				h.Ours = u.claim(&h.Leftover, inherit(ecsTags(t.Tags), k.tags))
				for _, a := range t.Attachments {
					u.tasks[aws.ToString(a.Id)] = h
				}
			}
		}
	}
	groups, err := u.ec2.describe(ctx, "DescribeSecurityGroups", u.byTag()...)
	for i := range groups {
		u.groups[groups[i].Group] = u.owner(groups[i].tags()) != ""
	}
	return err
}
