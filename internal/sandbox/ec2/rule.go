package ec2

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/wire"
)

// securityGroupRule is one rule with one peer. Permissions, the older form, put
// the peers of the same protocol and ports together.
type securityGroupRule struct {
	SecurityGroupRuleId  string
	SecurityGroupRuleArn string
	GroupId              string
	GroupOwnerId         string
	IsEgress             bool
	IpProtocol           string // "tcp", "udp", "icmp", "icmpv6", "-1" or a number
	FromPort             int    // with icmp its type; -1 for all
	ToPort               int    // with icmp its code; -1 for all
	CidrIpv4             string
	CidrIpv6             string
	PrefixListId         string
	ReferencedGroupInfo  *referencedGroup
	Description          string
	TagSet               []tag `json:"-"`
}

type referencedGroup struct{ GroupId, UserId, VpcId string }

type permission struct {
	IpProtocol    string
	FromPort      *int
	ToPort        *int
	Groups        []groupPair
	IpRanges      []ipRange
	Ipv6Ranges    []ipv6Range
	PrefixListIds []prefixListID
}

type groupPair struct{ GroupId, GroupName, UserId, VpcId, Description string }
type ipRange struct{ CidrIp, Description string }
type ipv6Range struct{ CidrIpv6, Description string }
type prefixListID struct{ PrefixListId, Description string }

var permissionFilters = map[string]func(permission) []string{
	"protocol":       func(p permission) []string { return []string{p.IpProtocol} },
	"from-port":      func(p permission) []string { return number(p.FromPort) },
	"to-port":        func(p permission) []string { return number(p.ToPort) },
	"cidr":           each(func(p permission) []ipRange { return p.IpRanges }, func(r ipRange) string { return r.CidrIp }),
	"ipv6-cidr":      each(func(p permission) []ipv6Range { return p.Ipv6Ranges }, func(r ipv6Range) string { return r.CidrIpv6 }),
	"prefix-list-id": each(func(p permission) []prefixListID { return p.PrefixListIds }, func(l prefixListID) string { return l.PrefixListId }),
	"group-id":       each(func(p permission) []groupPair { return p.Groups }, func(g groupPair) string { return g.GroupId }),
	"user-id":        each(func(p permission) []groupPair { return p.Groups }, func(g groupPair) string { return g.UserId }),
}

func number(n *int) []string {
	if n == nil {
		return nil
	}
	return []string{strconv.Itoa(*n)}
}

func ruleResource(x *EC2) *resource[securityGroupRule] {
	return &resource[securityGroupRule]{
		name: "security-group-rule", prefix: "sgr", parameter: "securityGroupRuleId", label: "security group rule ID",
		notFound: "InvalidSecurityGroupRuleId.NotFound", malformed: "InvalidSecurityGroupRuleId.Malformed",
		id: func(r securityGroupRule) string { return r.SecurityGroupRuleId },
		view: func(r securityGroupRule) securityGroupRule {
			r.TagSet = x.tagSet(r.SecurityGroupRuleId)
			return r
		},
		filters: filters[securityGroupRule]{
			"security-group-rule-id": value(func(r securityGroupRule) string { return r.SecurityGroupRuleId }),
			"group-id":               value(func(r securityGroupRule) string { return r.GroupId }),
		},
	}
}

func (r securityGroupRule) references(groupID string) bool {
	return r.ReferencedGroupInfo != nil && r.ReferencedGroupInfo.GroupId == groupID
}

// peer is what the rule is about, as error messages name it.
func (r securityGroupRule) peer() string {
	if r.ReferencedGroupInfo != nil {
		return r.ReferencedGroupInfo.GroupId
	}
	return r.CidrIpv4 + r.CidrIpv6 + r.PrefixListId
}

// same reports whether both rules allow the same, whatever their descriptions.
func (r securityGroupRule) same(o securityGroupRule) bool {
	return r.GroupId == o.GroupId && r.IsEgress == o.IsEgress && r.IpProtocol == o.IpProtocol &&
		r.FromPort == o.FromPort && r.ToPort == o.ToPort && r.peer() == o.peer()
}

func (r securityGroupRule) String() string {
	if r.IpProtocol == "-1" {
		return fmt.Sprintf("peer: %s, ALL, ALLOW", r.peer())
	}
	return fmt.Sprintf("peer: %s, %s, from port: %d, to port: %d, ALLOW", r.peer(), strings.ToUpper(r.IpProtocol), r.FromPort, r.ToPort)
}

// rulesOf returns a group's rules of one direction.
func (x *EC2) rulesOf(groupID string, egress bool) []securityGroupRule {
	return x.rules.only(func(r securityGroupRule) bool { return r.GroupId == groupID && r.IsEgress == egress })
}

// putRule gives a rule its id and keeps it.
func (x *EC2) putRule(r securityGroupRule, tags map[string]string) securityGroupRule {
	r.SecurityGroupRuleId = newID("sgr")
	r.SecurityGroupRuleArn = x.rules.arn(r.SecurityGroupRuleId)
	r.GroupOwnerId = account.ID
	return x.rules.create(r, tags)
}

// portless reports whether a rule has no ports: DescribeSecurityGroups then
// leaves them out, and the provider reads that as 0.
func (r securityGroupRule) portless() bool {
	return !slices.Contains([]string{"tcp", "udp", "icmp", "icmpv6"}, r.IpProtocol)
}

// permissions puts rules of one group and direction together.
func permissions(rules []securityGroupRule) []permission {
	out := []permission{}
	for _, r := range rules {
		i := slices.IndexFunc(out, func(p permission) bool {
			return p.IpProtocol == r.IpProtocol && (r.portless() || *p.FromPort == r.FromPort && *p.ToPort == r.ToPort)
		})
		if i < 0 {
			p := permission{IpProtocol: r.IpProtocol}
			if !r.portless() {
				p.FromPort, p.ToPort = &r.FromPort, &r.ToPort
			}
			i, out = len(out), append(out, p)
		}
		p := &out[i]
		switch {
		case r.ReferencedGroupInfo != nil:
			p.Groups = append(p.Groups, groupPair{GroupId: r.ReferencedGroupInfo.GroupId, UserId: r.ReferencedGroupInfo.UserId, Description: r.Description})
		case r.CidrIpv4 != "":
			p.IpRanges = append(p.IpRanges, ipRange{r.CidrIpv4, r.Description})
		case r.CidrIpv6 != "":
			p.Ipv6Ranges = append(p.Ipv6Ranges, ipv6Range{r.CidrIpv6, r.Description})
		default:
			p.PrefixListIds = append(p.PrefixListIds, prefixListID{r.PrefixListId, r.Description})
		}
	}
	return out
}

// protocols are the numbers of those that have names.
var protocols = map[string]string{"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": "-1"}

// ports checks a protocol and its ports and brings them to the form in which
// rules have them.
func ports(protocol string, from, to *int) (string, int, int, error) {
	protocol = strings.ToLower(protocol)
	if name, ok := protocols[protocol]; ok {
		protocol = name
	}
	switch protocol {
	case "":
		return "", 0, 0, missing("ipProtocol")
	case "-1":
		return protocol, -1, -1, nil // ports mean nothing then
	case "tcp", "udp":
		if from == nil || to == nil {
			return "", 0, 0, invalid("Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.")
		}
		if *from < 0 || *to > 65535 {
			return "", 0, 0, invalid("Invalid value '%d-%d' for portRange. Ports must be between 0 and 65535.", *from, *to)
		}
		if *from > *to {
			return "", 0, 0, invalid("Invalid value '%d-%d' for portRange. The first port must not be greater than the last.", *from, *to)
		}
		return protocol, *from, *to, nil
	case "icmp", "icmpv6":
		f, t := -1, -1
		if from != nil {
			f = *from
		}
		if to != nil {
			t = *to
		}
		return protocol, f, t, nil
	}
	if n, err := strconv.Atoi(protocol); err != nil || n < 0 || n > 255 {
		return "", 0, 0, invalid("Invalid value '%s' for IP protocol. Unknown protocol.", protocol)
	}
	return protocol, -1, -1, nil
}

// cidr brings a rule's block to canonical form.
func cidr(s string, v6 bool) (string, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Addr().Is6() != v6 {
		return "", invalid("CIDR block %s is malformed", s)
	}
	return p.Masked().String(), nil
}

// resolve checks a rule's peer. In what is revoked the peer need not exist.
func (x *EC2) resolve(g securityGroup, r securityGroupRule, revoked bool) (securityGroupRule, error) {
	var err error
	peers := 0
	if r.CidrIpv4 != "" {
		peers++
		r.CidrIpv4, err = cidr(r.CidrIpv4, false)
	}
	if r.CidrIpv6 != "" && err == nil {
		peers++
		r.CidrIpv6, err = cidr(r.CidrIpv6, true)
	}
	if r.PrefixListId != "" && err == nil {
		peers++
		if !revoked {
			_, err = x.prefixList(r.PrefixListId, noPrefixList)
		}
	}
	if ref := r.ReferencedGroupInfo; ref != nil && err == nil {
		peers++
		var other securityGroup
		if other, err = x.groups.find(ref.GroupId); revoked {
			err = nil
		}
		if err == nil && other.VpcId != g.VpcId && !revoked {
			err = wire.Errorf("InvalidGroup.NotFound", "You have specified two resources that belong to different networks.")
		}
		r.ReferencedGroupInfo = &referencedGroup{GroupId: ref.GroupId, UserId: account.ID, VpcId: g.VpcId}
	}
	if err == nil && peers != 1 {
		err = wire.Errorf("InvalidParameterCombination", "A rule must name exactly one of a CIDR block, a prefix list and a security group")
	}
	if err == nil && len(r.Description) > 255 {
		err = invalid("Invalid rule description. Valid descriptions are strings less than 256 characters.")
	}
	return r, err
}

// rulesFrom takes permissions apart into rules of g.
func (x *EC2) rulesFrom(g securityGroup, egress bool, ps []permission, revoked bool) ([]securityGroupRule, error) {
	if len(ps) == 0 {
		return nil, missing("ipPermissions")
	}
	var out []securityGroupRule
	for _, p := range ps {
		protocol, from, to, err := ports(p.IpProtocol, p.FromPort, p.ToPort)
		if err != nil {
			return nil, err
		}
		base := securityGroupRule{GroupId: g.GroupId, IsEgress: egress, IpProtocol: protocol, FromPort: from, ToPort: to}
		var rules []securityGroupRule
		for _, r := range p.IpRanges {
			rule := base
			rule.CidrIpv4, rule.Description = r.CidrIp, r.Description
			rules = append(rules, rule)
		}
		for _, r := range p.Ipv6Ranges {
			rule := base
			rule.CidrIpv6, rule.Description = r.CidrIpv6, r.Description
			rules = append(rules, rule)
		}
		for _, l := range p.PrefixListIds {
			rule := base
			rule.PrefixListId, rule.Description = l.PrefixListId, l.Description
			rules = append(rules, rule)
		}
		for _, pair := range p.Groups {
			if pair.GroupId == "" && pair.GroupName != "" {
				named, err := x.groupNamed(pair.GroupName)
				if err != nil {
					return nil, err
				}
				pair.GroupId = named.GroupId
			}
			rule := base
			rule.ReferencedGroupInfo, rule.Description = &referencedGroup{GroupId: pair.GroupId}, pair.Description
			rules = append(rules, rule)
		}
		if len(rules) == 0 {
			return nil, wire.Errorf("MissingParameter", "The request must contain a CIDR block, a prefix list or a security group for each permission")
		}
		for _, rule := range rules {
			rule, err := x.resolve(g, rule, revoked)
			if err != nil {
				return nil, err
			}
			if slices.ContainsFunc(out, rule.same) {
				return nil, invalid("The same permission must not appear multiple times")
			}
			out = append(out, rule)
		}
	}
	return out, nil
}

func (x *EC2) ruleOperations(s *wire.Service) {
	for direction, egress := range map[string]bool{"Ingress": false, "Egress": true} {
		wire.Handle(s, "AuthorizeSecurityGroup"+direction, func(_ context.Context, in *rulesIn) (*rulesOut, error) { return x.authorize(egress, in) })
		wire.Handle(s, "RevokeSecurityGroup"+direction, func(_ context.Context, in *rulesIn) (*revokeOut, error) { return x.revoke(egress, in) })
		wire.Handle(s, "UpdateSecurityGroupRuleDescriptions"+direction, func(_ context.Context, in *rulesIn) (*accepted, error) {
			return x.updateDescriptions(egress, in)
		})
	}
	wire.Handle(s, "ModifySecurityGroupRules", x.modifyRules)
	wire.Handle(s, "DescribeSecurityGroupRules", x.describeRules)
}

// rulesIn is the input of all operations on rules of one direction. The members
// from IpProtocol on are the oldest way to name a single rule.
type rulesIn struct {
	DryRun                       bool
	GroupId                      string
	GroupName                    string // in the default VPC
	IpPermissions                []permission
	SecurityGroupRuleId          []string
	SecurityGroupRuleDescription []struct{ SecurityGroupRuleId, Description string }
	TagSpecification             []tagSpecification

	IpProtocol string
	FromPort   *int
	ToPort     *int
	CidrIp     string
}

func (in *rulesIn) permissions() []permission {
	if len(in.IpPermissions) > 0 || in.IpProtocol == "" {
		return in.IpPermissions
	}
	return []permission{{IpProtocol: in.IpProtocol, FromPort: in.FromPort, ToPort: in.ToPort, IpRanges: []ipRange{{CidrIp: in.CidrIp}}}}
}

type rulesOut struct {
	Return               bool
	SecurityGroupRuleSet []securityGroupRule
}

func (x *EC2) authorize(egress bool, in *rulesIn) (*rulesOut, error) {
	g, err := x.group(in.GroupId, in.GroupName)
	if err != nil {
		return nil, err
	}
	rules, err := x.rulesFrom(g, egress, in.permissions(), false)
	if err != nil {
		return nil, err
	}
	tags, err := specified("security-group-rule", in.TagSpecification)
	if err != nil {
		return nil, err
	}
	old := x.rulesOf(g.GroupId, egress)
	for _, r := range rules {
		if slices.ContainsFunc(old, r.same) {
			return nil, duplicate(r)
		}
	}
	if len(old)+len(rules) > maxRules {
		return nil, wire.Errorf("RulesPerSecurityGroupLimitExceeded", "The maximum number of rules per security group has been reached.")
	}
	out := &rulesOut{Return: true}
	for _, r := range rules {
		out.SecurityGroupRuleSet = append(out.SecurityGroupRuleSet, x.putRule(r, tags))
	}
	return out, nil
}

// maxRules is AWS's default quota of rules, for each direction of a group.
const maxRules = 60

func duplicate(r securityGroupRule) error {
	return wire.Errorf("InvalidPermission.Duplicate", "the specified rule \"%s\" already exists", r)
}

func noRule() error {
	return wire.Errorf("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
}

type revokeOut struct {
	Return                      bool
	RevokedSecurityGroupRuleSet []revokedRule
	UnknownIpPermissionSet      []permission
}

type revokedRule struct {
	SecurityGroupRuleId string
	GroupId             string
	IsEgress            bool
	IpProtocol          string
	FromPort            int
	ToPort              int
	CidrIpv4            string
	CidrIpv6            string
	PrefixListId        string
	ReferencedGroupId   string
	Description         string
}

// revoke takes rules away, named by their ids or by what they allow: all of
// them or, if one is not there, none.
func (x *EC2) revoke(egress bool, in *rulesIn) (*revokeOut, error) {
	g, err := x.group(in.GroupId, in.GroupName)
	if err != nil {
		return nil, err
	}
	var gone []securityGroupRule
	if len(in.SecurityGroupRuleId) > 0 {
		gone, err = x.rulesByID(g, egress, in.SecurityGroupRuleId)
	} else {
		gone, err = x.rulesByPermission(g, egress, in.permissions())
	}
	if err != nil {
		return nil, err
	}
	out := &revokeOut{Return: true}
	for _, r := range gone {
		x.rules.remove(r.SecurityGroupRuleId)
		revoked := revokedRule{
			r.SecurityGroupRuleId, r.GroupId, r.IsEgress, r.IpProtocol, r.FromPort, r.ToPort,
			r.CidrIpv4, r.CidrIpv6, r.PrefixListId, "", r.Description,
		}
		if r.ReferencedGroupInfo != nil {
			revoked.ReferencedGroupId = r.ReferencedGroupInfo.GroupId
		}
		out.RevokedSecurityGroupRuleSet = append(out.RevokedSecurityGroupRuleSet, revoked)
	}
	return out, nil
}

func (x *EC2) rulesByID(g securityGroup, egress bool, ids []string) ([]securityGroupRule, error) {
	var out []securityGroupRule
	for _, id := range ids {
		r, err := x.rules.find(id)
		if err != nil {
			return nil, err
		}
		if r.GroupId != g.GroupId || r.IsEgress != egress {
			return nil, x.rules.absent(id)
		}
		out = append(out, r)
	}
	return out, nil
}

func (x *EC2) rulesByPermission(g securityGroup, egress bool, ps []permission) ([]securityGroupRule, error) {
	asked, err := x.rulesFrom(g, egress, ps, true)
	if err != nil {
		return nil, err
	}
	old := x.rulesOf(g.GroupId, egress)
	var out []securityGroupRule
	for _, r := range asked {
		i := slices.IndexFunc(old, r.same)
		if i < 0 {
			return nil, noRule()
		}
		out = append(out, old[i])
	}
	return out, nil
}

func (x *EC2) updateDescriptions(egress bool, in *rulesIn) (*accepted, error) {
	g, err := x.group(in.GroupId, in.GroupName)
	if err != nil {
		return nil, err
	}
	var changed []securityGroupRule
	if len(in.SecurityGroupRuleDescription) > 0 {
		for _, d := range in.SecurityGroupRuleDescription {
			found, err := x.rulesByID(g, egress, []string{d.SecurityGroupRuleId})
			if err != nil {
				return nil, err
			}
			found[0].Description = d.Description
			changed = append(changed, found[0])
		}
	} else {
		found, err := x.rulesByPermission(g, egress, in.permissions())
		if err != nil {
			return nil, err
		}
		asked, err := x.rulesFrom(g, egress, in.permissions(), true)
		if err != nil {
			return nil, err
		}
		for i, r := range found {
			r.Description = asked[i].Description
			changed = append(changed, r)
		}
	}
	for _, r := range changed {
		x.rules.Put(r.SecurityGroupRuleId, r)
	}
	return &accepted{true}, nil
}

type modifyRulesIn struct {
	DryRun            bool
	GroupId           string
	SecurityGroupRule []ruleUpdate
}

type ruleUpdate struct {
	SecurityGroupRuleId string
	SecurityGroupRule   struct {
		IpProtocol        string
		FromPort          *int
		ToPort            *int
		CidrIpv4          string
		CidrIpv6          string
		PrefixListId      string
		ReferencedGroupId string
		Description       string
	}
}

// modifyRules replaces rules; a rule's group and direction stay, and so does
// the kind of its peer.
func (x *EC2) modifyRules(_ context.Context, in *modifyRulesIn) (*accepted, error) {
	g, err := x.groups.find(in.GroupId)
	if err != nil {
		return nil, err
	}
	if len(in.SecurityGroupRule) == 0 {
		return nil, missing("securityGroupRules")
	}
	rules := map[string]securityGroupRule{}
	for _, r := range x.rules.only(func(r securityGroupRule) bool { return r.GroupId == g.GroupId }) {
		rules[r.SecurityGroupRuleId] = r
	}
	for _, u := range in.SecurityGroupRule {
		old, ok := rules[u.SecurityGroupRuleId]
		if !ok {
			return nil, x.rules.absent(u.SecurityGroupRuleId)
		}
		n := u.SecurityGroupRule
		if n.IpProtocol == "" {
			return nil, invalid("Invalid value 'null' for protocol. VPC security group rules must specify protocols explicitly.")
		}
		r := old
		if r.IpProtocol, r.FromPort, r.ToPort, err = ports(n.IpProtocol, n.FromPort, n.ToPort); err != nil {
			return nil, err
		}
		r.CidrIpv4, r.CidrIpv6, r.PrefixListId, r.Description, r.ReferencedGroupInfo = n.CidrIpv4, n.CidrIpv6, n.PrefixListId, n.Description, nil
		if n.ReferencedGroupId != "" {
			r.ReferencedGroupInfo = &referencedGroup{GroupId: n.ReferencedGroupId}
		}
		if r, err = x.resolve(g, r, false); err != nil {
			return nil, err
		}
		for id, o := range rules {
			if id != r.SecurityGroupRuleId && r.same(o) {
				return nil, duplicate(r)
			}
		}
		rules[r.SecurityGroupRuleId] = r
	}
	for _, u := range in.SecurityGroupRule {
		x.rules.Put(u.SecurityGroupRuleId, rules[u.SecurityGroupRuleId])
	}
	return &accepted{true}, nil
}

type describeRulesIn struct {
	DryRun              bool
	SecurityGroupRuleId []string
	Filter              []filter
	MaxResults          *int
	NextToken           *string
}

type describeRulesOut struct {
	SecurityGroupRuleSet []securityGroupRule
	NextToken            *string
}

func (x *EC2) describeRules(_ context.Context, in *describeRulesIn) (*describeRulesOut, error) {
	for _, f := range in.Filter {
		for _, id := range f.Value {
			if f.Name == "group-id" && !x.groups.names(strings.NewReplacer("*", "0", "?", "0").Replace(id)) {
				return nil, x.groups.absent(id)
			}
		}
	}
	set, next, err := x.rules.describe(in.SecurityGroupRuleId, in.Filter, in.MaxResults, in.NextToken)
	return &describeRulesOut{set, next}, err
}

// Permits reports whether the inbound rules of toGroups let TCP to that port in
// from an interface with the address fromIP that is in fromGroups. Without any
// group nothing is let in.
func (x *EC2) Permits(fromGroups []string, fromIP string, toGroups []string, port int) bool {
	return x.allows(false, toGroups, fromGroups, fromIP, port)
}

// PermitsOut reports whether the outbound rules of fromGroups let TCP to that
// port out to an interface with the address toIP that is in toGroups.
func (x *EC2) PermitsOut(fromGroups, toGroups []string, toIP string, port int) bool {
	return x.allows(true, fromGroups, toGroups, toIP, port)
}

func (x *EC2) allows(egress bool, groups, peers []string, peerIP string, port int) bool {
	ip, err := netip.ParseAddr(peerIP)
	return x.rules.any(func(r securityGroupRule) bool {
		if r.IsEgress != egress || !slices.Contains(groups, r.GroupId) {
			return false
		}
		if r.IpProtocol != "-1" && (r.IpProtocol != "tcp" || port < r.FromPort || port > r.ToPort) {
			return false
		}
		if r.ReferencedGroupInfo != nil {
			return slices.Contains(peers, r.ReferencedGroupInfo.GroupId)
		}
		return err == nil && slices.ContainsFunc(x.blocks(r), func(s string) bool {
			block, err := netip.ParsePrefix(s)
			return err == nil && block.Contains(ip)
		})
	})
}

// blocks returns the addresses that a rule is about, if it names no group.
func (x *EC2) blocks(r securityGroupRule) []string {
	if r.PrefixListId != "" {
		p, _ := x.prefixList(r.PrefixListId, noPrefixList)
		return p.CidrSet
	}
	return []string{r.CidrIpv4 + r.CidrIpv6}
}
