package ec2

import (
	"context"
	"strings"
	"unicode/utf8"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/wire"
)

type securityGroup struct {
	GroupId             string
	GroupName           string
	GroupDescription    string
	OwnerId             string
	SecurityGroupArn    string
	VpcId               string
	IpPermissions       []permission `json:"-"`
	IpPermissionsEgress []permission `json:"-"`
	TagSet              []tag        `json:"-"`
}

func (g securityGroup) isDefault() bool { return g.GroupName == "default" }

func groupResource(x *EC2) *resource[securityGroup] {
	fs := filters[securityGroup]{
		"group-id":    value(func(g securityGroup) string { return g.GroupId }),
		"group-name":  value(func(g securityGroup) string { return g.GroupName }),
		"description": value(func(g securityGroup) string { return g.GroupDescription }),
		"owner-id":    value(func(g securityGroup) string { return g.OwnerId }),
		"vpc-id":      value(func(g securityGroup) string { return g.VpcId }),
	}
	// The filters on rules come twice: for what comes in and for what goes out.
	for prefix, list := range map[string]func(securityGroup) []permission{
		"":        func(g securityGroup) []permission { return g.IpPermissions },
		"egress.": func(g securityGroup) []permission { return g.IpPermissionsEgress },
	} {
		fs[prefix+"ip-permission.group-name"] = func(g securityGroup) []string {
			var out []string
			for _, p := range list(g) {
				for _, pair := range p.Groups {
					other, _ := x.groups.Get(pair.GroupId)
					out = append(out, other.GroupName)
				}
			}
			return out
		}
		for name, get := range permissionFilters {
			fs[prefix+"ip-permission."+name] = func(g securityGroup) []string {
				var out []string
				for _, p := range list(g) {
					out = append(out, get(p)...)
				}
				return out
			}
		}
	}
	return &resource[securityGroup]{
		name: "security-group", prefix: "sg", parameter: "groupId", label: "security group",
		notFound: "InvalidGroup.NotFound", malformed: "InvalidGroupId.Malformed",
		id: func(g securityGroup) string { return g.GroupId },
		view: func(g securityGroup) securityGroup {
			g.IpPermissions = permissions(x.rulesOf(g.GroupId, false))
			g.IpPermissionsEgress = permissions(x.rulesOf(g.GroupId, true))
			g.TagSet = x.tagSet(g.GroupId)
			return g
		},
		filters: fs,
	}
}

// GroupInfo is what other services need to know of a security group.
type GroupInfo struct{ ID, VPCID string }

// Group returns the security group with that id.
func (x *EC2) Group(id string) (GroupInfo, bool) {
	g, ok := x.groups.Get(id)
	return GroupInfo{g.GroupId, g.VpcId}, ok
}

func (x *EC2) groupOperations(s *wire.Service) {
	wire.Handle(s, "CreateSecurityGroup", x.createSecurityGroup)
	wire.Handle(s, "DeleteSecurityGroup", x.deleteSecurityGroup)
	wire.Handle(s, "DescribeSecurityGroups", x.describeSecurityGroups)
	wire.Handle(s, "DescribeSecurityGroupReferences", x.describeSecurityGroupReferences)
}

type createGroupIn struct {
	DryRun           bool
	GroupName        string
	GroupDescription string
	VpcId            string
	TagSpecification []tagSpecification
}

type createGroupOut struct {
	GroupId          string
	SecurityGroupArn string
	TagSet           []tag
}

func (x *EC2) createSecurityGroup(_ context.Context, in *createGroupIn) (*createGroupOut, error) {
	switch {
	case in.GroupName == "":
		return nil, missing("groupName")
	case in.GroupDescription == "":
		return nil, missing("groupDescription")
	case in.GroupName == "default":
		return nil, invalid("Cannot use reserved security group name: %s", in.GroupName)
	case strings.HasPrefix(in.GroupName, "sg-"):
		return nil, invalid("Group names may not be in the format sg-*")
	}
	if !plain(in.GroupName) {
		return nil, invalid("Value (%s) for parameter GroupName is invalid. Character sets beyond ASCII are not supported.", in.GroupName)
	}
	if !plain(in.GroupDescription) {
		return nil, invalid("Value (%s) for parameter GroupDescription is invalid. Character sets beyond ASCII are not supported.", in.GroupDescription)
	}
	if in.VpcId == "" {
		home, ok := x.defaultVPC()
		if !ok {
			return nil, wire.Errorf("VPCIdNotSpecified", "No default VPC for this user")
		}
		in.VpcId = home.VpcId
	}
	v, err := x.vpcs.find(in.VpcId)
	if err != nil {
		return nil, err
	}
	if x.groups.any(func(g securityGroup) bool { return g.VpcId == v.VpcId && g.GroupName == in.GroupName }) {
		return nil, wire.Errorf("InvalidGroup.Duplicate", "The security group '%s' already exists for VPC '%s'", in.GroupName, v.VpcId)
	}
	tags, err := specified("security-group", in.TagSpecification)
	if err != nil {
		return nil, err
	}
	g := x.newGroup(v, in.GroupName, in.GroupDescription, tags)
	return &createGroupOut{g.GroupId, g.SecurityGroupArn, g.TagSet}, nil
}

// plain reports whether s can be the name or description of a group: ASCII, at
// most 255 characters.
func plain(s string) bool {
	return len(s) <= 255 && strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf || r < ' ' }) < 0
}

// newGroup makes a group that lets everything out.
func (x *EC2) newGroup(v vpc, name, description string, tags map[string]string) securityGroup {
	g := securityGroup{
		GroupId: newID("sg"), GroupName: name, GroupDescription: description, OwnerId: account.ID, VpcId: v.VpcId,
	}
	g.SecurityGroupArn = x.groups.arn(g.GroupId)
	x.putRule(securityGroupRule{GroupId: g.GroupId, IsEgress: true, IpProtocol: "-1", FromPort: -1, ToPort: -1, CidrIpv4: "0.0.0.0/0"}, nil)
	return x.groups.create(g, tags)
}

// createDefaultGroup makes the group that comes with a VPC, whose members may
// talk to each other.
func (x *EC2) createDefaultGroup(v vpc) {
	g := x.newGroup(v, "default", "default VPC security group", nil)
	x.putRule(securityGroupRule{
		GroupId: g.GroupId, IpProtocol: "-1", FromPort: -1, ToPort: -1,
		ReferencedGroupInfo: &referencedGroup{GroupId: g.GroupId, UserId: account.ID, VpcId: v.VpcId},
	}, nil)
}

type deleteGroupIn struct {
	DryRun    bool
	GroupId   string
	GroupName string
}

type deleteGroupOut struct {
	Return  bool
	GroupId string
}

func (x *EC2) deleteSecurityGroup(_ context.Context, in *deleteGroupIn) (*deleteGroupOut, error) {
	g, err := x.group(in.GroupId, in.GroupName)
	if err != nil {
		return nil, err
	}
	if g.isDefault() {
		return nil, wire.Errorf("CannotDelete", "the specified group: %q name: %q cannot be deleted by a user", g.GroupId, g.GroupName)
	}
	used := x.interfaces.any(func(n networkInterface) bool { return n.member(g.GroupId) })
	if used || len(x.referring(g.GroupId)) > 0 {
		return nil, wire.Errorf("DependencyViolation", "resource %s has a dependent object", g.GroupId)
	}
	x.removeGroup(g.GroupId)
	return &deleteGroupOut{true, g.GroupId}, nil
}

// member reports whether the interface is in the group.
func (n networkInterface) member(groupID string) bool {
	for _, g := range n.GroupSet {
		if g.GroupId == groupID {
			return true
		}
	}
	return false
}

// referring returns the rules of other groups that name this one.
func (x *EC2) referring(groupID string) []securityGroupRule {
	return x.rules.only(func(r securityGroupRule) bool { return r.references(groupID) && r.GroupId != groupID })
}

func (x *EC2) removeGroup(id string) {
	for _, r := range x.rules.only(func(r securityGroupRule) bool { return r.GroupId == id }) {
		x.rules.remove(r.SecurityGroupRuleId)
	}
	x.groups.remove(id)
}

type describeGroupsIn struct {
	DryRun     bool
	GroupId    []string
	GroupName  []string
	Filter     []filter
	MaxResults *int
	NextToken  *string
}

type describeGroupsOut struct {
	SecurityGroupInfo []securityGroup
	NextToken         *string
}

func (x *EC2) describeSecurityGroups(_ context.Context, in *describeGroupsIn) (*describeGroupsOut, error) {
	if len(in.GroupName) > 0 {
		return nil, wire.Errorf("InvalidGroup.NotFound", "The security group '%s' does not exist", in.GroupName[0])
	}
	set, next, err := x.groups.describe(in.GroupId, in.Filter, in.MaxResults, in.NextToken)
	return &describeGroupsOut{set, next}, err
}

type groupReferencesIn struct {
	DryRun  bool
	GroupId []string
}

// groupReferencesOut is always empty: other VPCs can refer to a group only over
// a peering, which the sandbox does not have.
type groupReferencesOut struct{ SecurityGroupReferenceSet []struct{} }

func (x *EC2) describeSecurityGroupReferences(_ context.Context, in *groupReferencesIn) (*groupReferencesOut, error) {
	for _, id := range in.GroupId {
		if _, err := x.groups.find(id); err != nil {
			return nil, err
		}
	}
	return nil, nil
}
