// Package elbv2 is the sandbox's Elastic Load Balancing: Application Load
// Balancers, target groups, listeners and rules, which the package balancer
// brings to life.
//
// Shapes are the SDK's; texts and codes follow the API reference of version
// 2015-12-01. Beside AWS: a load balancer's DNSName is a host and a port of
// this machine ("localhost:18080") on which its first listener really listens;
// further listeners have ports of their own, which Endpoints tells. There are
// no certificates, hence no HTTPS listeners, and no Network or Gateway Load
// Balancers: creating one is refused.
package elbv2

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/balancer"
	"workshop/internal/sandbox/ec2"
	"workshop/internal/sandbox/store"
	"workshop/internal/sandbox/wire"
)

// Network is what load balancers need of EC2; *ec2.EC2 has it. All of it needs
// the sandbox's lock.
type Network interface {
	VPC(id string) bool
	Subnet(id string) (ec2.SubnetInfo, bool)
	Group(id string) (ec2.GroupInfo, bool)
	CreateInterface(ec2.InterfaceSpec) (ec2.Interface, error)
	DeleteInterface(id string)
	InterfaceAt(vpcID, ip string) (ec2.Interface, bool)
	Permits(fromGroups []string, fromIP string, toGroups []string, port int) bool
	PermitsOut(fromGroups, toGroups []string, toIP string, port int) bool
}

// Timing is the service's part of the sandbox's speed.
type Timing struct {
	Provisioning time.Duration // until a new load balancer is active; AWS takes minutes
	Traffic      balancer.Timing
}

// Real keeps AWS's feel, Fast is for tests.
var (
	Real = Timing{Provisioning: 4 * time.Second, Traffic: balancer.Real}
	Fast = Timing{Traffic: balancer.Fast}
)

// ELB is the service. Its exported methods need the sandbox's lock, apart from
// those that say otherwise.
type ELB struct {
	account *account.Account
	network Network
	timing  Timing
	log     *slog.Logger
	plane   *balancer.Plane

	balancers *store.Table[loadBalancer] // all by ARN
	groups    *store.Table[targetGroup]
	listeners *store.Table[listener]
	rules     *store.Table[rule] // without the listeners' default rules

	// tasks are the targets that ECS registered, by group: it does so again
	// after a restart, with new addresses.
	tasks map[string][]balancer.Target
}

// New opens the service's tables and takes the ports of the load balancers in
// them, so that they are reached from the first answer on. Those of new ones are
// searched from firstPort on. Run must be called for them to be served and,
// at its end, given back. It is called before anything else uses the account's
// store.
func New(a *account.Account, n Network, b *balancer.Backends, t Timing, firstPort int, log *slog.Logger) (*ELB, error) {
	x := &ELB{
		account: a, network: n, timing: t, log: log, plane: balancer.New(b, t.Traffic, log),
		tasks: map[string][]balancer.Target{},
	}
	x.plane.Permit, x.plane.Admit, x.plane.First = x.permit, x.admit, firstPort
	err := errors.Join(
		store.OpenTable(a.Store, &x.balancers, "elbv2.balancer"),
		store.OpenTable(a.Store, &x.groups, "elbv2.targetgroup"),
		store.OpenTable(a.Store, &x.listeners, "elbv2.listener"),
		store.OpenTable(a.Store, &x.rules, "elbv2.rule"),
	)
	if err != nil {
		return nil, err
	}
	x.restore()
	return x, nil
}

// restore brings the data plane to what the tables say. A load balancer keeps its
// port although another program has it: Terraform's outputs and people's notes
// name it, and it works again as soon as that program ends.
func (x *ELB) restore() {
	wanted := map[int]string{}
	for _, l := range x.listeners.All() {
		b, _ := x.balancers.Get(l.balancer())
		wanted[l.Port] = b.name()
	}
	for _, b := range x.balancers.All() {
		wanted[b.Port] = b.name()
	}
	for _, port := range x.plane.Ports() {
		if _, ok := wanted[port]; !ok {
			x.plane.Release(port)
		}
	}
	for port, name := range wanted {
		x.plane.Hold(port, name)
	}
	x.plane.Apply(x.config())
}

// release gives a port back once the section's changes are safe.
func (x *ELB) release(port int) {
	x.account.Store.AfterCommit(func() { x.plane.Release(port) })
}

// unreachable says in a sentence why a load balancer does not answer, and what
// helps.
func unreachable(u balancer.Unreachable) string {
	cause := u.Err.Error()
	var sys *os.SyscallError
	if errors.As(u.Err, &sys) {
		cause = sys.Err.Error()
	}
	if errors.Is(u.Err, syscall.EADDRINUSE) {
		cause = "another program uses that port"
	}
	return fmt.Sprintf("The load balancer %s cannot listen on http://%s: %s. End that program and the load balancer answers again within seconds; or have Terraform replace the load balancer, which gives it another port.", u.Name, dnsName(u.Port), cause)
}

// Impaired returns which load balancers cannot be reached and why, and since when; ok
// is false if all can. Safe without the lock.
func (x *ELB) Impaired() (reason string, since time.Time, ok bool) {
	var reasons []string
	for _, u := range x.plane.Unreachable() {
		reasons = append(reasons, unreachable(u))
		if since.IsZero() || u.Since.Before(since) {
			since = u.Since
		}
	}
	return strings.Join(reasons, " "), since, len(reasons) > 0
}

// Run serves the listeners and checks targets until ctx ends; when it returns
// all ports are closed. Safe without the lock.
func (x *ELB) Run(ctx context.Context) error { return x.plane.Run(ctx) }

// Counters returns what the load balancers counted. Safe without the lock.
func (x *ELB) Counters() balancer.Counters { return x.plane.Counters() }

// Service registers all operations. Safe without the lock.
func (x *ELB) Service() *wire.Service {
	s := &wire.Service{
		Name: "elasticloadbalancing", Protocol: wire.Query, Version: "2015-12-01",
		Namespace: "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/", Casing: wire.Pascal,
	}
	x.balancerOperations(s)
	x.groupOperations(s)
	x.targetOperations(s)
	x.listenerOperations(s)
	x.ruleOperations(s)
	x.tagOperations(s)
	x.limitOperations(s)
	const lacking = "InvalidConfigurationRequest"
	s.Refuse(lacking, "CreateListener", "SslPolicy", "AlpnPolicy")
	s.Refuse(lacking, "ModifyListener", "SslPolicy", "AlpnPolicy")
	s.Refuse(lacking, "CreateLoadBalancer", "IpamPools", "EnablePrefixForIpv6SourceNat")
	s.Refuse(lacking, "SetSubnets", "EnablePrefixForIpv6SourceNat")
	s.Refuse(lacking, "SetSecurityGroups", "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic")
	s.Refuse(lacking, "CreateTargetGroup", "TargetControlPort")
	return s
}

// GroupInfo is a target group as other services see it.
type GroupInfo struct {
	ARN, Name, Type, VPCID string
	Port                   int
	LoadBalancerARNs       []string // empty while no listener names the group
}

// TargetGroup returns what there is to know of a group.
func (x *ELB) TargetGroup(arn string) (GroupInfo, bool) {
	g, ok := x.groups.Get(arn)
	if !ok {
		return GroupInfo{}, false
	}
	return GroupInfo{
		ARN: arn, Name: value(g.Group.TargetGroupName), Type: string(g.Group.TargetType), VPCID: value(g.Group.VpcId),
		Port: int(value(g.Group.Port)), LoadBalancerARNs: x.balancersOf(arn),
	}, true
}

// RegisterIP adds a task's address to a group; one that is there already is no
// error. The group's own VPC is what counts. It fails with TargetGroupNotFound
// or InvalidTarget.
func (x *ELB) RegisterIP(groupARN, vpcID, ip string, port int, zone string) error {
	g, err := x.group(groupARN)
	if err != nil {
		return err
	}
	if _, err := netip.ParseAddr(ip); err != nil || g.Group.TargetType != types.TargetTypeEnumIp || vpcID != value(g.Group.VpcId) {
		return wire.Errorf("InvalidTarget", "The target '%s' in '%s' cannot be registered with the target group '%s'", ip, vpcID, groupARN)
	}
	t := balancer.Target{IP: ip, Port: port, Zone: zone}
	if old := x.tasks[groupARN]; !slices.Contains(old, t) {
		x.setTasks(groupARN, append(slices.Clone(old), t))
		x.apply()
	}
	return nil
}

// DeregisterIP takes an address out of a group, where it drains for the group's
// deregistration delay.
func (x *ELB) DeregisterIP(groupARN, ip string, port int) {
	if x.deregister(groupARN, func(t balancer.Target) bool { return t.IP == ip && t.Port == port }) {
		x.apply()
	}
}

// TargetHealth returns a target's state, with reason and description where AWS
// gives them; the state is empty when the group knows nothing of the target.
func (x *ELB) TargetHealth(groupARN, ip string, port int) (state, reason, description string) {
	h, _ := x.plane.Health(groupARN, ip, port)
	return h.State, h.Reason, h.Description
}

// Endpoint is a listener's address on this machine.
type Endpoint struct {
	Balancer string // name
	Port     int    // as modelled
	URL      string // "http://localhost:18080/"
}

// Endpoints lists where the listeners really are.
func (x *ELB) Endpoints() []Endpoint {
	var out []Endpoint
	for _, l := range x.listeners.All() {
		if b, ok := x.balancers.Get(l.balancer()); ok {
			out = append(out, Endpoint{b.name(), int(value(l.Listener.Port)), "http://" + dnsName(l.Port) + "/"})
		}
	}
	return out
}

// Tagged lists what has tags.
func (x *ELB) Tagged() []account.Tagged {
	var out []account.Tagged
	for arn, b := range x.balancers.All() {
		out = append(out, account.Tagged{ARN: arn, Tags: b.Tags})
	}
	for arn, g := range x.groups.All() {
		out = append(out, account.Tagged{ARN: arn, Tags: g.Tags})
	}
	for arn, l := range x.listeners.All() {
		out = append(out, account.Tagged{ARN: arn, Tags: l.Tags})
	}
	for arn, r := range x.rules.All() {
		out = append(out, account.Tagged{ARN: arn, Tags: r.Tags})
	}
	return out
}

// setTasks sets a group's targets that ECS registered.
func (x *ELB) setTasks(groupARN string, targets []balancer.Target) {
	old := x.tasks[groupARN]
	x.tasks[groupARN] = targets
	if len(targets) == 0 {
		delete(x.tasks, groupARN)
	}
	x.account.Store.AfterRollback(func() {
		x.tasks[groupARN] = old
		x.restore()
	})
}

// apply hands the configuration to the data plane.
func (x *ELB) apply() {
	x.account.Store.AfterRollback(x.restore)
	x.plane.Apply(x.config())
}

func (x *ELB) config() balancer.Config {
	var c balancer.Config
	for arn, g := range x.groups.All() {
		c.Groups = append(c.Groups, x.trafficGroup(arn, g))
	}
	for arn, l := range x.listeners.All() {
		c.Listeners = append(c.Listeners, x.trafficListener(arn, l))
	}
	return c
}

// permit says whether a group's load balancer reaches one of its targets: its
// own security groups must let it out and the target's must let it in. It takes
// the sandbox's lock.
func (x *ELB) permit(groupARN string, t balancer.Target) bool {
	x.account.Store.Lock()
	defer x.account.Store.Unlock()
	g, ok := x.groups.Get(groupARN)
	if !ok {
		return true
	}
	at, ok := x.network.InterfaceAt(value(g.Group.VpcId), t.IP)
	if !ok {
		return true // nobody's address: there is nobody to forbid it
	}
	for _, arn := range x.balancersOf(groupARN) {
		b, ok := x.balancers.Get(arn)
		if !ok {
			continue
		}
		from := b.Balancer.SecurityGroups
		if !x.network.PermitsOut(from, at.Groups, t.IP, t.Port) || !x.network.Permits(from, b.address(), at.Groups, t.Port) {
			return false
		}
	}
	return true
}

// visitor is an address somewhere on the internet (RFC 5737). Whoever calls a
// public load balancer counts as it, because the address that AWS would see is
// not known here; who calls an internal one counts as a neighbour in its VPC.
const visitor = "203.0.113.10"

// admit says whether a load balancer's security groups let clients reach a
// listener. It takes the sandbox's lock.
func (x *ELB) admit(listenerARN string) bool {
	x.account.Store.Lock()
	defer x.account.Store.Unlock()
	l, ok := x.listeners.Get(listenerARN)
	if !ok {
		return true
	}
	b, ok := x.balancers.Get(l.balancer())
	from := visitor
	if b.Balancer.Scheme == types.LoadBalancerSchemeEnumInternal {
		from = b.address()
	}
	return !ok || x.network.Permits(nil, from, b.Balancer.SecurityGroups, int(value(l.Listener.Port)))
}

// value returns what p points at, or the zero value.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// given returns a pointer to what p points at unless it is absent or zero.
func given[T comparable](p *T, otherwise T) *T {
	var zero T
	if p == nil || *p == zero {
		return &otherwise
	}
	v := *p
	return &v
}

// suffix is what of an ARN is behind the resource's kind: "app/web/0123".
func suffix(arn string) string {
	_, rest, _ := strings.Cut(arn, "/")
	return rest
}

func sorted[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// named checks a load balancer's or target group's name.
func named(kind, name string) error {
	switch {
	case name == "":
		return wire.Errorf("ValidationError", "A %s name must be specified", strings.ToLower(kind))
	case len(name) > 32:
		return wire.Errorf("ValidationError", "%s name '%s' cannot be longer than '32' characters", kind, name)
	case strings.ContainsFunc(name, func(r rune) bool { return !strings.ContainsRune(alphabet, r) }):
		return wire.Errorf("ValidationError", "%s name '%s' can only contain characters that are alphanumeric characters and hyphens(-)", kind, name)
	case strings.HasPrefix(name, "-"), strings.HasSuffix(name, "-"):
		return wire.Errorf("ValidationError", "%s name '%s' cannot begin or end with '-'", kind, name)
	}
	return nil
}

const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"

// page cuts a page out of what a Describe operation found.
func page[T any](items []T, marker *string, size *int32) ([]T, *string, error) {
	out, next, err := wire.Page(items, marker, int(value(size)), "ValidationError")
	if out == nil {
		out = []T{}
	}
	return out, next, err
}
