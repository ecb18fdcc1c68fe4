package ecs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/balancer"
	"workshop/internal/sandbox/ec2"
	"workshop/internal/sandbox/fargate"
	"workshop/internal/sandbox/iam"
	"workshop/internal/sandbox/logs"
	"workshop/internal/sandbox/store"
	"workshop/internal/sandbox/wire"
)

// network is an EC2 of three subnets in two zones.
type network struct {
	n          int
	interfaces map[string]bool
	isolated   bool
	closed     map[string]bool // services that cannot be called
}

var zones = map[string]string{"subnet-a1": "eu-west-1a", "subnet-b1": "eu-west-1b", "subnet-b2": "eu-west-1b"}

func (n *network) CreateInterface(s ec2.InterfaceSpec) (ec2.Interface, error) {
	if s.SubnetID == "subnet-full" {
		return ec2.Interface{}, wire.Errorf("InsufficientFreeAddressesInSubnet", "full")
	}
	n.n++
	id := fmt.Sprintf("eni-%d", n.n)
	n.interfaces[id] = true
	return ec2.Interface{ID: id, SubnetID: s.SubnetID, VPCID: "vpc-1", Zone: zones[s.SubnetID], PrivateIP: fmt.Sprintf("10.0.%d.%d", n.n/250, n.n%250+4), MAC: "02:00:00:00:00:01"}, nil
}
func (n *network) DeleteInterface(id string) { delete(n.interfaces, id) }
func (n *network) Subnet(id string) (ec2.SubnetInfo, bool) {
	z, ok := zones[id]
	return ec2.SubnetInfo{ID: id, VPCID: "vpc-1", Zone: z}, ok || id == "subnet-full"
}
func (n *network) Group(id string) (ec2.GroupInfo, bool) {
	if id == "sg-2" {
		return ec2.GroupInfo{ID: id, VPCID: "vpc-2"}, true
	}
	return ec2.GroupInfo{ID: id, VPCID: "vpc-1"}, id == "sg-1"
}
func (n *network) ReachesInternet(string, bool) bool { return !n.isolated }
func (n *network) ReachesService(_, service string) bool {
	return !n.isolated && !n.closed[service]
}

// targets is a target group that finds its targets healthy two seconds after
// their registration unless the test says otherwise, and drains for ten.
type targets struct {
	since     map[string]time.Time
	draining  map[string]time.Time
	unhealthy func(ip string) bool
	in        map[string]string           // target groups by address
	weights   map[string]map[string]int32 // of the listener rules that there are
}

const group = "arn:aws:elasticloadbalancing:eu-west-1:000000000000:targetgroup/web/1"

func (g *targets) RegisterIP(arn, _, ip string, _ int, _ string) error {
	g.since[ip], g.in[ip] = time.Now(), arn
	delete(g.draining, ip)
	return nil
}
func (g *targets) DeregisterIP(_, ip string, _ int) {
	if _, ok := g.since[ip]; ok {
		delete(g.since, ip)
		g.draining[ip] = time.Now()
	}
}
func (g *targets) TargetHealth(_, ip string, _ int) (string, string, string) {
	if at, ok := g.draining[ip]; ok && time.Since(at) < 10*time.Second {
		return "draining", "Target.DeregistrationInProgress", "Target deregistration is in progress"
	}
	at, ok := g.since[ip]
	switch {
	case !ok:
		return "", "", ""
	case time.Since(at) < 2*time.Second:
		return "initial", "Elb.InitialHealthChecking", "Initial health checks in progress"
	case g.unhealthy != nil && g.unhealthy(ip):
		return "unhealthy", "Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]"
	}
	return "healthy", "", ""
}
func (g *targets) TargetGroup(arn string) (TargetGroup, bool) {
	return TargetGroup{Type: "ip", LoadBalancers: []string{"lb"}}, strings.HasPrefix(arn, group)
}

func (g *targets) Weights(rule string) map[string]int32 { return g.weights[rule] }
func (g *targets) SetWeights(rule string, weights map[string]int32) error {
	if g.weights[rule] == nil {
		return wire.Errorf("RuleNotFound", "One or more rules not found")
	}
	g.weights[rule] = weights
	return nil
}

type roles struct{ missing bool }

func (r *roles) Role(arn string) (iam.RoleInfo, bool) {
	return iam.RoleInfo{ARN: arn, Trust: `{"Principal":{"Service":["ecs-tasks.amazonaws.com","ecs.amazonaws.com"]}}`}, !r.missing
}

// sink is a CloudWatch with the group /ecs/web.
type sink struct {
	mu    sync.Mutex
	lines map[string][]string // by stream
	made  string              // another group
}

func (s *sink) HasGroup(g string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return g == "/ecs/web" || s.made != "" && g == s.made
}
func (s *sink) CreateGroup(g string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made = g
	return nil
}
func (s *sink) CreateStream(g, _ string) error {
	if !s.HasGroup(g) {
		return errors.New("no such group")
	}
	return nil
}
func (s *sink) Append(_, stream string, events ...logs.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range events {
		s.lines[stream] = append(s.lines[stream], e.Message)
	}
	return nil
}

// machine is an agent whose containers do as the test says.
type machine struct {
	mu    sync.Mutex
	runs  map[*fake]bool
	wg    sync.WaitGroup
	crash func(fargate.Spec) (after time.Duration, code int, crashes bool)
	exec  func(command string) (fargate.Shell, error)
}

type fake struct {
	m    *machine
	spec fargate.Spec
	stop chan struct{}
	once sync.Once
	code int
	oom  bool
}

func (m *machine) Start(s fargate.Spec) (Container, error) {
	f := &fake{m: m, spec: s, stop: make(chan struct{})}
	m.mu.Lock()
	m.runs[f] = true
	m.mu.Unlock()
	var timer <-chan time.Time
	code := 1
	if m.crash != nil {
		if after, c, yes := m.crash(s); yes {
			timer, code = time.After(after), c
		}
	}
	m.wg.Go(func() {
		select {
		case <-f.stop:
		case <-timer:
			f.code = code
		}
		m.mu.Lock()
		delete(m.runs, f)
		m.mu.Unlock()
		s.Exited(fargate.Exit{Code: f.code, OutOfMemory: f.oom})
	})
	return f, nil
}
func (m *machine) Close(time.Duration) {
	m.mu.Lock()
	for f := range m.runs {
		f.end(143)
	}
	m.mu.Unlock()
	m.wg.Wait()
}
func (m *machine) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.runs)
}
func (m *machine) any() *fake {
	m.mu.Lock()
	defer m.mu.Unlock()
	for f := range m.runs {
		return f
	}
	return nil
}
func (f *fake) end(code int) {
	f.once.Do(func() {
		f.code = code
		close(f.stop)
	})
}
func (f *fake) Stop(time.Duration) { f.end(0) }
func (f *fake) PID() int           { return 0 }
func (f *fake) Exec(command string) (fargate.Shell, error) {
	return f.m.exec(command)
}

// world is an ECS with everything around it.
type world struct {
	*ECS
	t       testing.TB
	network *network
	targets *targets
	machine *machine
	roles   *roles
	logs    *sink
	alarms  map[string]bool // whether they are in the state ALARM; each looks back three minutes
	stop    context.CancelFunc
	stopped chan struct{}
}

// scenario runs f in a world whose time passes only where f sleeps.
func scenario(t *testing.T, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		st, err := store.Open("")
		if err != nil {
			t.Fatal(err)
		}
		w := open(t, st)
		w.start()
		f(w)
		w.halt()
	})
}

func open(t testing.TB, st *store.Store) *world {
	t.Helper()
	a := &account.Account{Region: "eu-west-1", Store: st, Now: time.Now}
	w := &world{
		t: t, network: &network{interfaces: map[string]bool{}}, roles: &roles{},
		targets: &targets{since: map[string]time.Time{}, draining: map[string]time.Time{}, in: map[string]string{}, weights: map[string]map[string]int32{}},
		machine: &machine{runs: map[*fake]bool{}},
	}
	w.alarms = map[string]bool{}
	w.logs = &sink{lines: map[string][]string{}}
	var err error
	w.ECS, err = New(a, Config{
		Timing: Real, Network: w.network, Targets: w.targets, Alarms: w.alarm, Backends: &balancer.Backends{},
		Logs: w.logs, Roles: w.roles, Agent: w.machine, Sessions: NewSessions(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) alarm(name string) (bool, time.Duration, bool) {
	off, ok := w.alarms[name]
	return off, 3 * time.Minute, ok
}

func (w *world) start() {
	ctx, cancel := context.WithCancel(w.t.Context())
	w.stop, w.stopped = cancel, make(chan struct{})
	go func() {
		defer close(w.stopped)
		w.Run(ctx)
	}()
}

// look reads or changes the fakes as the handlers do: with the lock held.
func (w *world) look(f func()) {
	w.account.Store.Lock()
	defer w.account.Store.Unlock()
	f()
}

// interfaces is how many network interfaces there are.
func (w *world) interfaces() (n int) {
	w.look(func() { n = len(w.network.interfaces) })
	return n
}

// inState is how many registered targets are in a state.
func (w *world) inState(state string) (n int) {
	w.look(func() {
		for ip := range w.targets.since {
			if h, _, _ := w.targets.TargetHealth("", ip, 0); h == state {
				n++
			}
		}
	})
	return n
}

func (w *world) halt() {
	w.stop()
	<-w.stopped
}

// call runs a handler as the server does.
func call[In, Out any](w *world, h func(context.Context, *In) (*Out, error), in *In) (*Out, error) {
	w.account.Store.Lock()
	defer w.account.Store.Unlock()
	return h(w.t.Context(), in)
}

func must[In, Out any](w *world, h func(context.Context, *In) (*Out, error), in *In) *Out {
	w.t.Helper()
	out, err := call(w, h, in)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) register(image string, change ...func(*ecs.RegisterTaskDefinitionInput)) string {
	w.t.Helper()
	in := &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("web"), Cpu: aws.String("256"), Memory: aws.String("512"), NetworkMode: types.NetworkModeAwsvpc,
		RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate}, ExecutionRoleArn: aws.String("arn:aws:iam::000000000000:role/x"),
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: aws.String("app"), Image: aws.String(image), PortMappings: []types.PortMapping{{ContainerPort: aws.Int32(9898)}},
			LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{
				"awslogs-group": "/ecs/web", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "ecs",
			}},
		}},
	}
	for _, c := range change {
		c(in)
	}
	return *must(w, w.registerTaskDefinition, in).TaskDefinition.TaskDefinitionArn
}

const image = "ghcr.io/stefanprodan/podinfo:6.9.2"

// service makes a cluster, a log group, a definition and a service of two tasks.
func (w *world) service(change ...func(*ecs.CreateServiceInput)) {
	w.t.Helper()
	must(w, w.createCluster, &ecs.CreateClusterInput{ClusterName: aws.String("c"), CapacityProviders: []string{"FARGATE", "FARGATE_SPOT"}})
	in := &ecs.CreateServiceInput{
		Cluster: aws.String("c"), ServiceName: aws.String("web"), TaskDefinition: aws.String(w.register(image)),
		DesiredCount: aws.Int32(2), LaunchType: types.LaunchTypeFargate, NetworkConfiguration: vpc("subnet-a1", "subnet-b1", "subnet-b2"),
		LoadBalancers: []types.LoadBalancer{{TargetGroupArn: aws.String(group), ContainerName: aws.String("app"), ContainerPort: aws.Int32(9898)}},
		DeploymentConfiguration: &types.DeploymentConfiguration{
			DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, Rollback: true},
		},
	}
	for _, c := range change {
		c(in)
	}
	must(w, w.createService, in)
}

func vpc(subnets ...string) *types.NetworkConfiguration {
	return &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: subnets, SecurityGroups: []string{"sg-1"}}}
}

func (w *world) describe() types.Service {
	w.t.Helper()
	out := must(w, w.describeServices, &ecs.DescribeServicesInput{Cluster: aws.String("c"), Services: []string{"web"}})
	if len(out.Services) != 1 {
		w.t.Fatalf("services = %+v", out)
	}
	return out.Services[0]
}

// until lets time pass until the service is as ok wants it.
func (w *world) until(what string, ok func(types.Service) bool) types.Service {
	w.t.Helper()
	for range 3000 {
		s := w.describe()
		if ok(s) {
			return s
		}
		time.Sleep(100 * time.Millisecond)
	}
	s := w.describe()
	w.t.Fatalf("never %s: %s desired %d running %d pending %d, deployments %+v\n%s", what, *s.Status, s.DesiredCount, s.RunningCount, s.PendingCount, deployments(s), strings.Join(messages(s), "\n"))
	return s
}

func steady(s types.Service) bool {
	return len(s.Deployments) == 1 && s.RunningCount == s.DesiredCount && s.Deployments[0].RolloutState == types.DeploymentRolloutStateCompleted &&
		len(s.Events) > 0 && strings.Contains(*s.Events[0].Message, "steady state")
}

func deployments(s types.Service) (out []string) {
	for _, d := range s.Deployments {
		out = append(out, fmt.Sprintf("%s %s td%s %d/%d/%d failed %d", *d.Status, d.RolloutState, (*d.TaskDefinition)[strings.LastIndex(*d.TaskDefinition, ":"):], d.DesiredCount, d.RunningCount, d.PendingCount, d.FailedTasks))
	}
	return out
}

func messages(s types.Service) (out []string) {
	for _, e := range slices.Backward(s.Events) {
		out = append(out, *e.Message)
	}
	return out
}

func (w *world) list(status types.DesiredStatus) []types.Task {
	w.t.Helper()
	arns := must(w, w.listTasks, &ecs.ListTasksInput{Cluster: aws.String("c"), DesiredStatus: status}).TaskArns
	if len(arns) == 0 {
		return nil
	}
	return must(w, w.describeTasks, &ecs.DescribeTasksInput{Cluster: aws.String("c"), Tasks: arns}).Tasks
}
