// Package ecs is the sandbox's Amazon ECS with Fargate: clusters, task
// definitions, services, deployments and tasks, and the scheduler that brings
// what runs to what is wanted.
//
// The scheduler is one step function, reconcile, over the stored records and a
// time; Run calls it whenever something changed or became due. Containers run
// in the fargate agent, which reports back through an inbox that the next step
// empties, so that the order of things never depends on which goroutine was
// first to the lock.
package ecs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/ec2"
	"workshop/internal/sandbox/fargate"
	"workshop/internal/sandbox/iam"
	"workshop/internal/sandbox/logs"
	"workshop/internal/sandbox/store"
	"workshop/internal/sandbox/wire"
)

// Network is what ECS needs of EC2. Its methods need the sandbox's lock.
type Network interface {
	CreateInterface(ec2.InterfaceSpec) (ec2.Interface, error)
	DeleteInterface(id string)
	Subnet(id string) (ec2.SubnetInfo, bool)
	Group(id string) (ec2.GroupInfo, bool)
	ReachesInternet(subnetID string, hasPublicIP bool) bool
	ReachesService(interfaceID, service string) bool
}

// TargetGroup is what ECS needs to know of a load balancer's target group.
type TargetGroup struct {
	Type          string   // ip, instance, lambda or alb
	LoadBalancers []string // ARNs of those that send it traffic
}

// Targets is what ECS needs of Elastic Load Balancing. Its methods need the
// sandbox's lock.
type Targets interface {
	RegisterIP(targetGroupARN, vpcID, ip string, port int, zone string) error
	DeregisterIP(targetGroupARN, ip string, port int)
	// TargetHealth's state is "" for a target that is not registered.
	TargetHealth(targetGroupARN, ip string, port int) (state, reason, description string)
	TargetGroup(arn string) (TargetGroup, bool)
	// Weights are the target groups that a listener rule forwards to; nil where it does not.
	Weights(rule string) map[string]int32
	SetWeights(rule string, weights map[string]int32) error
}

// Alarms tells ECS of a CloudWatch alarm whether it is in the state ALARM, and how far
// back it looks; ok is false for one that is not there. It needs the sandbox's lock.
type Alarms func(name string) (alarming bool, span time.Duration, ok bool)

// Backends takes the real address behind a modelled one. It needs no lock.
type Backends interface {
	Set(vpcID, ip string, port int, addr string)
	Delete(vpcID, ip string, port int)
}

// Logs takes what containers print. It needs no lock.
type Logs interface {
	HasGroup(group string) bool
	CreateStream(group, stream string) error
	Append(group, stream string, events ...logs.Event) error
}

// Roles finds IAM roles. Its methods need the sandbox's lock.
type Roles interface {
	Role(arnOrName string) (iam.RoleInfo, bool)
}

// Agent runs containers. It is safe for concurrent use.
type Agent interface {
	Start(fargate.Spec) (Container, error)
	Close(grace time.Duration)
}

// Container is one that runs. It is safe for concurrent use.
type Container interface {
	Stop(grace time.Duration)
	PID() int
	// Exec runs a command beside the container's program, until that ends.
	Exec(command string) (fargate.Shell, error)
}

// Processes is the Agent that runs real processes.
type Processes struct{ *fargate.Agent }

// Start runs a container.
func (p Processes) Start(s fargate.Spec) (Container, error) { return p.Agent.Start(s) }

// Timing is how long things take.
type Timing struct {
	Provision   time.Duration // until a task has its network interface
	Connect     time.Duration // from there until its image is pulled
	Pull        time.Duration
	Activate    time.Duration // between PENDING and RUNNING where there are several target groups
	Deprovision time.Duration // until the network interface of a stopped task is gone
	Settle      time.Duration // after which a task without health checks counts as healthy; AWS: 40 s
	React       time.Duration // until a task that was stopped or ended is replaced; AWS: 30 s
	Deregister  time.Duration // until the target of a task that the scheduler stops is deregistered; AWS: 2 to 10 s
	Gather      time.Duration // how long the registration of a target waits for those started with it
	Poll        time.Duration // how often target health is looked at
	Backoff     time.Duration // before the next start after several that failed; doubles
	MaxBackoff  time.Duration
	Trip        time.Duration // from the failure that is one too many until the circuit breaker opens; AWS: 30 to 60 s
	Hurry       int           // what the times of containers' health checks are divided by
	Shutdown    time.Duration // what containers get to stop when the sandbox does
}

// Real keeps Fargate's feel, in seconds rather than minutes.
var Real = Timing{
	Provision: 2 * time.Second, Connect: 500 * time.Millisecond, Pull: 2 * time.Second, Activate: time.Second,
	Deprovision: 2 * time.Second, Settle: 3 * time.Second, React: 3 * time.Second, Deregister: 2 * time.Second, Gather: time.Second, Poll: time.Second,
	Backoff: 2 * time.Second, MaxBackoff: time.Minute, Trip: 4 * time.Second, Hurry: 1, Shutdown: 3 * time.Second,
}

// Fast is for tests. A container that exits at once must not count as healthy before:
// what it takes to start and end a process is not shortened.
var Fast = Timing{
	Provision: 20 * time.Millisecond, Connect: 5 * time.Millisecond, Pull: 20 * time.Millisecond, Activate: 10 * time.Millisecond,
	Deprovision: 20 * time.Millisecond, Settle: time.Second, React: 20 * time.Millisecond, Deregister: 20 * time.Millisecond, Gather: 50 * time.Millisecond, Poll: 100 * time.Millisecond,
	Backoff: 50 * time.Millisecond, MaxBackoff: time.Second, Trip: 100 * time.Millisecond, Hurry: 20, Shutdown: 300 * time.Millisecond,
}

// retention is how long a stopped task can be described.
const retention = time.Hour

// ECS is the service. Its exported methods say which lock they need.
type ECS struct {
	account  *account.Account
	timing   Timing
	network  Network
	targets  Targets
	alarms   Alarms
	backends Backends
	logs     Logs
	roles    Roles
	agent    Agent
	sessions *Sessions

	clusters    *store.Table[*types.Cluster]
	definitions *store.Table[*definition]
	families    *store.Table[int32] // the newest revision of each
	services    *store.Table[*service]
	events      *store.Table[[]types.ServiceEvent] // of a service, newest first
	rollouts    *store.Table[*rollout]
	tasks       *store.Table[*task]
	settings    *store.Table[string]
	requests    *store.Table[*request] // of RunTask, by their client tokens

	resumed int             // tasks that ran when the sandbox ended, and were started again
	running map[string]*pod // by task id: what the agent runs for it, under the sandbox's lock
	wake    chan struct{}

	mu    sync.Mutex
	inbox []report
}

// Config is what New needs. All fields are required.
type Config struct {
	Timing   Timing
	Network  Network
	Targets  Targets
	Alarms   Alarms
	Backends Backends
	Logs     Logs
	Roles    Roles
	Agent    Agent
	Sessions *Sessions // of ExecuteCommand
}

// New opens ECS's records in the account's store.
func New(a *account.Account, c Config) (*ECS, error) {
	e := &ECS{
		account: a, timing: c.Timing, network: c.Network, targets: c.Targets, alarms: c.Alarms, backends: c.Backends,
		logs: c.Logs, roles: c.Roles, agent: c.Agent, sessions: c.Sessions,
		running: map[string]*pod{}, wake: make(chan struct{}, 1),
	}
	err := errors.Join(
		store.OpenTable(a.Store, &e.clusters, "ecs.cluster"),
		store.OpenTable(a.Store, &e.definitions, "ecs.definition"),
		store.OpenTable(a.Store, &e.families, "ecs.family"),
		store.OpenTable(a.Store, &e.services, "ecs.service"),
		store.OpenTable(a.Store, &e.events, "ecs.event"),
		store.OpenTable(a.Store, &e.rollouts, "ecs.rollout"),
		store.OpenTable(a.Store, &e.tasks, "ecs.task"),
		store.OpenTable(a.Store, &e.settings, "ecs.setting"),
		store.OpenTable(a.Store, &e.requests, "ecs.request"),
	)
	if err != nil {
		return nil, fmt.Errorf("opening the sandbox's ECS: %w", err)
	}
	for _, t := range e.tasks.All() {
		if t.launched() {
			e.resumed++
		}
	}
	return e, nil
}

// Notes says what happened to tasks when the sandbox came up; empty if nothing
// did. It is safe without the sandbox's lock.
func (e *ECS) Notes() []string {
	switch e.resumed {
	case 0:
		return nil
	case 1:
		return []string{"1 task that was running when the sandbox ended was started again."}
	}
	return []string{fmt.Sprintf("%d tasks that were running when the sandbox ended were started again.", e.resumed)}
}

// Service returns ECS's operations.
func (e *ECS) Service() *wire.Service {
	s := &wire.Service{Name: "ecs", Protocol: wire.JSON, Target: "AmazonEC2ContainerServiceV20141113", Casing: wire.Camel}
	e.clusterOperations(s)
	e.definitionOperations(s)
	e.serviceOperations(s)
	e.rolloutOperations(s)
	e.taskOperations(s)
	e.tagOperations(s)
	e.settingOperations(s)
	return s
}

// Run keeps what runs at what is wanted until ctx ends, then stops all
// containers and returns when they are gone. Their tasks stay as they are in
// the records, and the next Run starts them again. It must be called once, and
// without the sandbox's lock.
func (e *ECS) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			e.agent.Close(e.timing.Shutdown)
			return
		case <-e.wake:
		case <-timer.C:
		}
		if ctx.Err() != nil {
			continue
		}
		e.account.Store.Lock()
		now := e.account.Now()
		next := e.reconcile(now)
		e.account.Store.Unlock()
		if next.IsZero() {
			timer.Stop()
			continue
		}
		timer.Reset(max(0, next.Sub(now)))
	}
}

// changed has the scheduler look again soon. It never blocks.
func (e *ECS) changed() {
	select {
	case e.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// now is the account's time to the millisecond, as ECS has it.
func (e *ECS) now() time.Time { return e.account.Now().UTC().Truncate(time.Millisecond) }

func invalid(format string, args ...any) error {
	return &types.InvalidParameterException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func client(format string, args ...any) error {
	return &types.ClientException{Message: aws.String(fmt.Sprintf(format, args...))}
}

// unsupported refuses what AWS has and the sandbox has not.
func unsupported(text string) error {
	return &types.UnsupportedFeatureException{Message: aws.String(text)}
}

func missing(arn string) types.Failure {
	return types.Failure{Arn: aws.String(arn), Reason: aws.String("MISSING")}
}

// page cuts one page of at most AWS's usual hundred.
func page[T any](items []T, token *string, limit *int32) ([]T, *string, error) {
	n := 100
	if limit != nil {
		if *limit < 1 || *limit > 100 {
			return nil, nil, invalid("maxResults must be between 1 and 100")
		}
		n = int(*limit)
	}
	out, next, err := wire.Page(items, token, n, "InvalidParameterException")
	if out == nil {
		out = []T{}
	}
	return out, next, err
}
