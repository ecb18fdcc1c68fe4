// Package ec2 is the sandbox's EC2: networks and what belongs to them, as far
// as containers on Fargate and the people who look after them need it. There
// are no instances and no IPv6.
//
// Answers, error codes and their texts follow the EC2 API reference, version
// 2016-11-15. Nothing here moves packets: security groups and routes are asked
// by the load balancer and by the tasks' agent, through Permits,
// ReachesInternet and ReachesService.
package ec2

import (
	"errors"
	"net/http"
	"reflect"
	"slices"
	"time"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/store"
	"workshop/internal/sandbox/wire"
)

// Timing is how long the things take that take time.
type Timing struct {
	NATGatewayCreation time.Duration // pending, until available or failed
	NATGatewayDeletion time.Duration // deleting, until deleted
	EndpointCreation   time.Duration // pending, until available
	EndpointDeletion   time.Duration // deleting, until gone
}

// Real is short beside AWS's minutes, and lets the states be seen. Fast makes
// them true at the next look.
var (
	Real = Timing{NATGatewayCreation: time.Second, NATGatewayDeletion: 3 * time.Second, EndpointCreation: 2 * time.Second, EndpointDeletion: 2 * time.Second}
	Fast = Timing{}
)

// EC2 holds the network of one account. Its exported methods need the sandbox's
// lock, apart from Service.
type EC2 struct {
	account *account.Account
	timing  Timing

	tags     *store.Table[map[string]string] // by the id of what they are on
	provided *store.Table[string]            // what an account begins with and was made: "vpc"

	vpcs        *resource[vpc]
	subnets     *resource[subnet]
	groups      *resource[securityGroup]
	rules       *resource[securityGroupRule]
	routeTables *resource[routeTable]
	gateways    *resource[internetGateway]
	natGateways *resource[natGateway]
	addresses   *resource[address]
	interfaces  *resource[networkInterface]
	acls        *resource[networkACL]
	endpoints   *resource[vpcEndpoint]

	taggable []taggable
}

// New opens the network's tables in the account's store.
func New(a *account.Account, t Timing) (*EC2, error) {
	x := &EC2{account: a, timing: t}
	err := errors.Join(
		store.OpenTable(a.Store, &x.tags, "ec2.tags"),
		store.OpenTable(a.Store, &x.provided, "ec2.provided"),
		openResource(x, &x.vpcs, vpcResource),
		openResource(x, &x.subnets, subnetResource),
		openResource(x, &x.groups, groupResource),
		openResource(x, &x.rules, ruleResource),
		openResource(x, &x.routeTables, routeTableResource),
		openResource(x, &x.gateways, internetGatewayResource),
		openResource(x, &x.natGateways, natGatewayResource),
		openResource(x, &x.addresses, addressResource),
		openResource(x, &x.interfaces, interfaceResource),
		openResource(x, &x.acls, aclResource),
		openResource(x, &x.endpoints, vpcEndpointResource),
	)
	if err != nil {
		return nil, err
	}
	return x, nil
}

// Service returns EC2's operations. It is safe without the lock.
func (x *EC2) Service() *wire.Service {
	s := &wire.Service{
		Name: "ec2", Protocol: wire.EC2, Version: "2016-11-15",
		Namespace: "http://ec2.amazonaws.com/doc/2016-11-15/", Casing: wire.Pascal,
		Before: x.before,
	}
	x.vpcOperations(s)
	x.subnetOperations(s)
	x.groupOperations(s)
	x.ruleOperations(s)
	x.routeTableOperations(s)
	x.internetGatewayOperations(s)
	x.natGatewayOperations(s)
	x.addressOperations(s)
	x.interfaceOperations(s)
	x.aclOperations(s)
	x.endpointOperations(s)
	x.prefixListOperations(s)
	x.tagOperations(s)
	x.regionOperations(s)
	return s
}

// Tagged lists what has tags.
func (x *EC2) Tagged() []account.Tagged {
	x.settle()
	x.account.Store.Keep()
	var out []account.Tagged
	for id, tags := range x.tags.All() {
		if n, ok := x.natGateways.Get(id); ok && n.State == "deleted" {
			continue
		}
		if r := x.owner(id); r != nil {
			out = append(out, account.Tagged{ARN: r.arn(id), Tags: tags})
		}
	}
	return out
}

// before runs ahead of every operation: whatever time has brought about is true
// then, and a dry run goes no further than this.
func (x *EC2) before(in any) error {
	if f := reflect.ValueOf(in).Elem().FieldByName("DryRun"); f.IsValid() && f.Bool() {
		return &wire.Error{
			Code: "DryRunOperation", Message: "Request would have succeeded, but DryRun flag is set.",
			Status: http.StatusPreconditionFailed,
		}
	}
	x.provideDefaultVPC()
	x.settle()
	x.account.Store.Keep()
	return nil
}

// done is the answer of operations that say no more than that. Some have a
// member for it in the API's model, as accepted has.
type done struct{}

type accepted struct{ Return bool }

func missing(parameter string) error {
	return wire.Errorf("MissingParameter", "The request must contain the parameter %s", parameter)
}

func invalid(format string, args ...any) error {
	return wire.Errorf("InvalidParameterValue", format, args...)
}

func unsupported(what string) error {
	return wire.Errorf("UnsupportedOperation", "The sandbox has no %s.", what)
}

// newID returns an id as EC2 makes them.
func newID(prefix string) string { return prefix + "-" + account.Hex(17) }

// with returns a copy of list with item appended: records are never changed in
// place.
func with[T any](list []T, item T) []T { return append(slices.Clone(list), item) }

// without returns a copy of list without those for which drop is true.
func without[T any](list []T, drop func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(list), drop)
}
