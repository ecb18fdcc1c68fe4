// Package ec2 is the sandbox's EC2: networks and what belongs to them, as far
// as containers on Fargate and the people who look after them need it. There
// are no instances, no IPv6 and no default VPC.
//
// Answers, error codes and their texts follow the EC2 API reference, version
// 2016-11-15. Nothing here moves packets: security groups and routes are asked
// by the load balancer and by the tasks' agent, through Permits,
// ReachesInternet and ReachesService.
package ec2

import (
	"context"
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

	tags *store.Table[map[string]string] // by the id of what they are on

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
	tags, err := store.NewTable[map[string]string](a.Store, "ec2.tags")
	x.tags = tags
	x.vpcs = vpcResource(x)
	x.subnets = subnetResource(x)
	x.groups = groupResource(x)
	x.rules = ruleResource(x)
	x.routeTables = routeTableResource(x)
	x.gateways = internetGatewayResource(x)
	x.natGateways = natGatewayResource(x)
	x.addresses = addressResource(x)
	x.interfaces = interfaceResource(x)
	x.acls = aclResource(x)
	x.endpoints = vpcEndpointResource(x)
	err = errors.Join(err,
		x.vpcs.open(x), x.subnets.open(x), x.groups.open(x), x.rules.open(x), x.routeTables.open(x),
		x.gateways.open(x), x.natGateways.open(x), x.addresses.open(x), x.interfaces.open(x), x.acls.open(x), x.endpoints.open(x))
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

// handle registers an operation. Whatever time has brought about is true before
// it runs, and a dry run goes no further than this.
func handle[In, Out any](x *EC2, s *wire.Service, name string, h func(*In) (*Out, error)) {
	wire.Handle(s, name, func(_ context.Context, in *In) (*Out, error) {
		if f := reflect.ValueOf(in).Elem().FieldByName("DryRun"); f.IsValid() && f.Bool() {
			return nil, &wire.Error{
				Code: "DryRunOperation", Message: "Request would have succeeded, but DryRun flag is set.",
				Status: http.StatusPreconditionFailed,
			}
		}
		x.settle()
		x.account.Store.Keep()
		return h(in)
	})
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
