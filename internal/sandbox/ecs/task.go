package ecs

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/uuid"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/wire"
)

// A task's lastStatus, in the order in which it goes through them.
const (
	provisioning   = "PROVISIONING"
	pending        = "PENDING"
	activating     = "ACTIVATING"
	running        = "RUNNING"
	deactivating   = "DEACTIVATING"
	stopping       = "STOPPING"
	deprovisioning = "DEPROVISIONING"
	stopped        = "STOPPED"
)

// task is one task: what ECS shows of it, and what the scheduler needs besides.
type task struct {
	Task    types.Task
	Cluster string // ARN
	Service string // ARN, empty for one of RunTask
	// Deployment is the id of the one that started it.
	Deployment string
	Subnet     string
	Groups     []string
	PublicIP   bool
	Targets    []types.LoadBalancer // where it is registered while it runs

	Interface string // id
	VPC, IP   string

	Due        time.Time // when its next timed step is
	Registered bool      // with its target groups, once
	Left       bool      // was deregistered when it ended
	Protected  time.Time // until then no scale-in stops it
	Draining   bool      // was deregistered before its containers were told to stop
	Settled    bool      // was healthy once
	Unhealthy  *ailment  // why it is to be replaced
	Failed     bool      // ended or never began by no wish of the scheduler or a user
	Counted    bool      // the scheduler has taken note of Failed
}

// ailment is what ECS says of a task that is stopped because it is unhealthy.
type ailment struct {
	Event  string // of its service
	Reason string // stoppedReason of the task
}

func (t *task) id() string     { return shortName(*t.Task.TaskArn) }
func (t *task) status() string { return *t.Task.LastStatus }

// launched reports whether containers of the task may be running.
func (t *task) launched() bool {
	switch t.status() {
	case pending:
		return t.Task.PullStoppedAt != nil
	case activating, running:
		return true
	}
	return false
}

// wanted reports whether the task is to go on running.
func (t *task) wanted() bool { return *t.Task.DesiredStatus == running }

// alive reports whether the task still holds anything.
func (t *task) alive() bool { return t.status() != stopped }

// live reports whether the task counts toward the maximum percent.
func (t *task) live() bool {
	switch t.status() {
	case provisioning, pending, activating, running:
		return *t.Task.DesiredStatus == running
	}
	return false
}

// put stores a changed task, which must be a copy. Every change of a status is
// a new version.
func (e *ECS) put(t *task) {
	if old, ok := e.tasks.Get(t.id()); ok && (old.status() != t.status() || *old.Task.DesiredStatus != *t.Task.DesiredStatus) {
		t.Task.Version++
	}
	e.tasks.Put(t.id(), t)
}

// edit returns a copy of a task that may be changed, its containers too.
func (t *task) edit() *task {
	n := *t
	n.Task.Containers = slices.Clone(t.Task.Containers)
	n.Task.Attachments = slices.Clone(t.Task.Attachments)
	return &n
}

// revision is all that the tasks of a deployment have in common.
type revision struct {
	TaskDefinition  string // ARN
	LaunchType      types.LaunchType
	Providers       []types.CapacityProviderStrategyItem
	PlatformVersion string // as asked for
	Network         *types.NetworkConfiguration
	LoadBalancers   []types.LoadBalancer
	Registries      []types.ServiceRegistry
	Connect         *types.ServiceConnectConfiguration
	Volumes         []types.ServiceVolumeConfiguration
}

// platform is the version that LATEST stands for.
const platform = "1.4.0"

func resolvePlatform(v string) string {
	if v == "" || v == "LATEST" {
		return platform
	}
	return v
}

// newTask returns a task in PROVISIONING, not stored yet. Its subnet is the one
// whose zone has the fewest of others.
func (e *ECS) newTask(cluster string, d *definition, r revision, others []*task, now time.Time) *task {
	id := account.Hex(32)
	arn := e.account.ARN("ecs", "task/"+shortName(cluster)+"/"+id)
	def := d.Definition
	t := &task{
		Cluster: cluster, Targets: r.LoadBalancers, Due: now.Add(e.timing.Provision),
		Task: types.Task{
			TaskArn: aws.String(arn), ClusterArn: aws.String(cluster), TaskDefinitionArn: def.TaskDefinitionArn,
			LastStatus: aws.String(provisioning), DesiredStatus: aws.String(running), Version: 1,
			CreatedAt: aws.Time(now), Cpu: def.Cpu, Memory: def.Memory, HealthStatus: types.HealthStatusUnknown,
			LaunchType: types.LaunchTypeFargate, PlatformVersion: aws.String(resolvePlatform(r.PlatformVersion)), PlatformFamily: aws.String("Linux"),
			EphemeralStorage: &types.EphemeralStorage{SizeInGiB: 20}, Tags: []types.Tag{},
			//lint:ignore SA1019 ECS goes on sending it, empty
			InferenceAccelerators: []types.InferenceAccelerator{},
			//lint:ignore SA1019 likewise
			Overrides: &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{}, InferenceAcceleratorOverrides: []types.InferenceAcceleratorOverride{}},
		},
	}
	if def.EphemeralStorage != nil {
		t.Task.EphemeralStorage = def.EphemeralStorage
	}
	t.Task.FargateEphemeralStorage = &types.TaskEphemeralStorage{SizeInGiB: t.Task.EphemeralStorage.SizeInGiB}
	cpu := "x86_64"
	if architecture(def) == "arm64" {
		cpu = "arm64"
	}
	t.Task.Attributes = []types.Attribute{{Name: aws.String("ecs.cpu-architecture"), Value: aws.String(cpu)}}
	if p := e.provider(r.Providers, others); p != "" {
		t.Task.CapacityProviderName = aws.String(p)
	}
	if r.Network != nil && r.Network.AwsvpcConfiguration != nil {
		v := r.Network.AwsvpcConfiguration
		t.Groups, t.PublicIP = v.SecurityGroups, v.AssignPublicIp == types.AssignPublicIpEnabled
		t.Subnet = e.spread(v.Subnets, others)
	}
	if s, ok := e.network.Subnet(t.Subnet); ok {
		t.Task.AvailabilityZone = aws.String(s.Zone)
	}
	t.Task.Attachments = []types.Attachment{{
		Id: aws.String(uuid.NewString()), Type: aws.String("ElasticNetworkInterface"), Status: aws.String("PRECREATED"),
		Details: []types.KeyValuePair{{Name: aws.String("subnetId"), Value: aws.String(t.Subnet)}},
	}}
	for _, c := range def.ContainerDefinitions {
		t.Task.Overrides.ContainerOverrides = append(t.Task.Overrides.ContainerOverrides, types.ContainerOverride{Name: c.Name})
		container := types.Container{
			ContainerArn: aws.String(e.account.ARN("ecs", "container/"+shortName(cluster)+"/"+id+"/"+uuid.NewString())),
			TaskArn:      aws.String(arn), Name: c.Name, Image: c.Image, LastStatus: aws.String(pending),
			HealthStatus: types.HealthStatusUnknown, Cpu: aws.String(itoa(c.Cpu)),
			NetworkBindings: []types.NetworkBinding{}, NetworkInterfaces: []types.NetworkInterface{},
		}
		if c.Memory != nil {
			container.Memory = aws.String(itoa(*c.Memory))
		}
		if c.MemoryReservation != nil {
			container.MemoryReservation = aws.String(itoa(*c.MemoryReservation))
		}
		t.Task.Containers = append(t.Task.Containers, container)
	}
	return t
}

// provider picks the capacity provider whose share of others is furthest below
// its weight, bases first.
func (e *ECS) provider(strategy []types.CapacityProviderStrategyItem, others []*task) string {
	count := map[string]int32{}
	for _, t := range others {
		count[aws.ToString(t.Task.CapacityProviderName)]++
	}
	best, share := "", 0.0
	for _, s := range strategy {
		name := aws.ToString(s.CapacityProvider)
		if count[name] < s.Base {
			return name
		}
		if s.Weight == 0 {
			continue
		}
		if f := float64(count[name]-s.Base) / float64(s.Weight); best == "" || f < share {
			best, share = name, f
		}
	}
	return best
}

// spread picks the subnet in whose zone the fewest of others are, and of those
// the one with the fewest.
func (e *ECS) spread(subnets []string, others []*task) string {
	inZone, inSubnet := map[string]int{}, map[string]int{}
	for _, t := range others {
		inZone[aws.ToString(t.Task.AvailabilityZone)]++
		inSubnet[t.Subnet]++
	}
	best, fewest := "", 0
	for _, id := range subnets {
		s, ok := e.network.Subnet(id)
		if !ok {
			continue
		}
		if n := inZone[s.Zone]*10_000 + inSubnet[id]; best == "" || n < fewest {
			best, fewest = id, n
		}
	}
	if best == "" && len(subnets) > 0 {
		best = subnets[0]
	}
	return best
}

func (e *ECS) taskOperations(s *wire.Service) {
	wire.Handle(s, "RunTask", e.runTask)
	wire.Handle(s, "StopTask", e.stopTask)
	wire.Handle(s, "ListTasks", e.listTasks)
	wire.Handle(s, "DescribeTasks", e.describeTasks)
	wire.Handle(s, "ExecuteCommand", e.executeCommand)
	wire.Handle(s, "UpdateTaskProtection", e.updateTaskProtection)
	wire.Handle(s, "GetTaskProtection", e.getTaskProtection)
}

// request is one of RunTask's that had a client token: it is carried out once.
type request struct {
	Hash  string // of its parameters
	Tasks []string
}

func requestHash(in *ecs.RunTaskInput) string {
	b, err := json.Marshal(in)
	if err != nil {
		return "" // cannot be: it came in as JSON
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// overrideSize checks the CPU and memory of a task that overrides have changed, and
// writes them as ECS does.
func overrideSize(d *definition, o *types.TaskOverride) error {
	if o.Cpu == nil && o.Memory == nil {
		return nil
	}
	cpu, okCPU := units(aws.ToString(cmp.Or(o.Cpu, d.Definition.Cpu)))
	memory, okMemory := units(aws.ToString(cmp.Or(o.Memory, d.Definition.Memory)))
	switch {
	case !okCPU:
		return client("Invalid 'cpu' setting for task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.")
	case !okMemory:
		return client("Invalid 'memory' setting for task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.")
	case !sold(cpu, memory):
		return client("No Fargate configuration exists for given values: %d CPU, %d memory. See the Amazon ECS documentation for the valid values.", cpu, memory)
	}
	if o.Cpu != nil {
		o.Cpu = aws.String(strconv.Itoa(cpu))
	}
	if o.Memory != nil {
		o.Memory = aws.String(strconv.Itoa(memory))
	}
	return nil
}

func (e *ECS) runTask(_ context.Context, in *ecs.RunTaskInput) (*ecs.RunTaskOutput, error) {
	cluster, err := e.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	out := &ecs.RunTaskOutput{Tasks: []types.Task{}, Failures: []types.Failure{}}
	token, hash := *cluster.ClusterName+"/"+aws.ToString(in.ClientToken), requestHash(in)
	if r, ok := e.requests.Get(token); ok && in.ClientToken != nil {
		if r.Hash != hash {
			return nil, &types.ConflictException{Message: aws.String("The client token was used before, for a request with other parameters. Use another token and try again.")}
		}
		for _, id := range r.Tasks {
			if t, ok := e.tasks.Get(id); ok {
				out.Tasks = append(out.Tasks, t.Task)
			}
		}
		return out, nil
	}
	d, err := e.usable(in.TaskDefinition)
	if refused := (*types.ClientException)(nil); errors.As(err, &refused) && *refused.Message == inactiveDefinition {
		return nil, invalid(inactiveDefinition) // services are refused the same with another code
	}
	if err != nil {
		return nil, err
	}
	count := int(aws.ToInt32(in.Count))
	if in.Count == nil {
		count = 1
	}
	if count < 1 || count > 10 {
		return nil, invalid("count must be between 1 and 10.")
	}
	r, err := e.revisionOf(cluster, d, in.LaunchType, in.CapacityProviderStrategy, in.NetworkConfiguration, in.PlatformVersion)
	if err != nil {
		return nil, err
	}
	if !r.onFargate() {
		return nil, invalid(noInstances)
	}
	if err := cmp.Or(checkPlacement(r, in.PlacementConstraints, in.PlacementStrategy), checkTags(in.Tags)); err != nil {
		return nil, err
	}
	for _, v := range in.VolumeConfigurations {
		if err := cmp.Or(checkLaunchVolumes(d, []string{aws.ToString(v.Name)}), unsupported("The sandbox has no EBS volumes.")); err != nil {
			return nil, err
		}
	}
	if err := e.assumable(d, in.Overrides); err != nil {
		return nil, client("%s", err)
	}
	if len(aws.ToString(in.StartedBy)) > 128 {
		return nil, invalid("startedBy can have at most 128 characters.")
	}
	if o := in.Overrides; o != nil {
		if err := cmp.Or(overrideSize(d, o), checkRoles(o.ExecutionRoleArn, o.TaskRoleArn)); err != nil {
			return nil, err
		}
		for _, c := range o.ContainerOverrides {
			if !slices.ContainsFunc(d.Definition.ContainerDefinitions, func(x types.ContainerDefinition) bool { return *x.Name == aws.ToString(c.Name) }) {
				return nil, invalid("Override for container named %s is not a container in the TaskDefinition.", aws.ToString(c.Name))
			}
		}
	}
	role := d.Definition.TaskRoleArn
	if in.Overrides != nil {
		role = cmp.Or(in.Overrides.TaskRoleArn, role)
	}
	if err := checkExec(in.EnableExecuteCommand, role, "task couldn't be run"); err != nil {
		return nil, err
	}
	group := aws.ToString(in.Group)
	if group == "" {
		group = "family:" + *d.Definition.Family
	}
	if strings.HasPrefix(group, "service:") {
		return nil, invalid("The group name cannot begin with 'service:'.")
	}
	tags := slices.Clone(in.Tags)
	if in.PropagateTags == types.PropagateTagsTaskDefinition {
		tags = append(tags, d.Tags...)
	}
	if in.EnableECSManagedTags {
		tags = append(tags, types.Tag{Key: aws.String("aws:ecs:clusterName"), Value: cluster.ClusterName})
	}
	now := e.now()
	var started []*task
	var ids []string
	for range count {
		t := e.newTask(*cluster.ClusterArn, d, r, started, now)
		t.Task.Group, t.Task.StartedBy, t.Task.Tags = aws.String(group), in.StartedBy, orEmpty(tags)
		t.enableExec(in.EnableExecuteCommand)
		if in.Overrides != nil {
			t.override(*in.Overrides)
		}
		e.put(t)
		started = append(started, t)
		ids = append(ids, t.id())
		out.Tasks = append(out.Tasks, t.Task)
	}
	if in.ClientToken != nil {
		e.requests.Put(token, &request{hash, ids})
	}
	e.changed()
	return out, nil
}

// override lays a caller's overrides over the empty ones that a task has.
func (t *task) override(o types.TaskOverride) {
	merged := *t.Task.Overrides
	merged.ContainerOverrides = slices.Clone(merged.ContainerOverrides)
	for _, c := range o.ContainerOverrides {
		for i := range merged.ContainerOverrides {
			if *merged.ContainerOverrides[i].Name == aws.ToString(c.Name) {
				merged.ContainerOverrides[i] = c
			}
		}
		shown := t.container(aws.ToString(c.Name))
		if c.Cpu != nil {
			shown.Cpu = aws.String(itoa(*c.Cpu))
		}
		if c.Memory != nil {
			shown.Memory = aws.String(itoa(*c.Memory))
		}
		if c.MemoryReservation != nil {
			shown.MemoryReservation = aws.String(itoa(*c.MemoryReservation))
		}
	}
	if o.Cpu != nil {
		merged.Cpu, t.Task.Cpu = o.Cpu, o.Cpu
	}
	if o.Memory != nil {
		merged.Memory, t.Task.Memory = o.Memory, o.Memory
	}
	merged.ExecutionRoleArn, merged.TaskRoleArn = o.ExecutionRoleArn, o.TaskRoleArn
	if o.EphemeralStorage != nil {
		merged.EphemeralStorage, t.Task.EphemeralStorage = o.EphemeralStorage, o.EphemeralStorage
	}
	t.Task.Overrides = &merged
}

// findTask finds a task of a cluster by id or ARN.
func (e *ECS) findTask(cluster *types.Cluster, name string) (*task, bool) {
	t, ok := e.tasks.Get(shortName(name))
	return t, ok && t.Cluster == *cluster.ClusterArn
}

func (e *ECS) stopTask(_ context.Context, in *ecs.StopTaskInput) (*ecs.StopTaskOutput, error) {
	cluster, err := e.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	t, ok := e.findTask(cluster, aws.ToString(in.Task))
	if !ok {
		return nil, invalid("The referenced task was not found.")
	}
	if *t.Task.DesiredStatus != stopped {
		reason := aws.ToString(in.Reason)
		if reason == "" {
			reason = "Task stopped by user"
		}
		was := t.Task.LastStatus
		t = e.stop(t, types.TaskStopCodeUserInitiated, reason, e.now()).edit()
		t.Task.LastStatus = was // the answer comes before the agent has heard of it (API reference, StopTask)
		e.changed()
	}
	return &ecs.StopTaskOutput{Task: &t.Task}, nil
}

func (e *ECS) listTasks(_ context.Context, in *ecs.ListTasksInput) (*ecs.ListTasksOutput, error) {
	cluster, err := e.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	if in.ServiceName != nil {
		if _, ok := e.findService(cluster, *in.ServiceName); !ok {
			return nil, &types.ServiceNotFoundException{Message: aws.String("Service not found.")}
		}
	}
	desired := string(in.DesiredStatus)
	if desired == "" {
		desired = running
	}
	var arns []string
	for _, t := range e.tasks.All() {
		switch {
		case t.Cluster != *cluster.ClusterArn, *t.Task.DesiredStatus != desired,
			in.ServiceName != nil && (t.Service == "" || shortName(t.Service) != shortName(*in.ServiceName)),
			in.Family != nil && familyOf(*t.Task.TaskDefinitionArn) != *in.Family,
			in.StartedBy != nil && aws.ToString(t.Task.StartedBy) != *in.StartedBy,
			in.LaunchType != "" && in.LaunchType != types.LaunchTypeFargate,
			in.ContainerInstance != nil, in.DaemonName != nil:
			continue
		}
		arns = append(arns, *t.Task.TaskArn)
	}
	arns, next, err := page(arns, in.NextToken, in.MaxResults)
	return &ecs.ListTasksOutput{TaskArns: arns, NextToken: next}, err
}

func familyOf(definition string) string {
	f, _, _ := strings.Cut(shortName(definition), ":")
	return f
}

func (e *ECS) describeTasks(_ context.Context, in *ecs.DescribeTasksInput) (*ecs.DescribeTasksOutput, error) {
	cluster, err := e.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	if len(in.Tasks) == 0 {
		return nil, invalid("Tasks cannot be empty.")
	}
	if len(in.Tasks) > 100 {
		return nil, invalid("Tasks cannot have more than 100 elements.")
	}
	out := &ecs.DescribeTasksOutput{Tasks: []types.Task{}, Failures: []types.Failure{}}
	for _, name := range in.Tasks {
		t, ok := e.findTask(cluster, name)
		if !ok {
			out.Failures = append(out.Failures, missing(e.arnOf("task/"+*cluster.ClusterName+"/", name)))
			continue
		}
		shown := t.Task
		if !slices.Contains(in.Include, types.TaskFieldTags) {
			shown.Tags = []types.Tag{}
		}
		out.Tasks = append(out.Tasks, shown)
	}
	return out, nil
}

// environment is what a container's program sees: what its definition and the
// overrides say, and the little that Fargate adds and that means something here.
func (e *ECS) environment(t *task, c types.ContainerDefinition, o types.ContainerOverride) []string {
	env := map[string]string{
		"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/home/app",
		"AWS_EXECUTION_ENV": "AWS_ECS_FARGATE", "AWS_REGION": e.account.Region, "AWS_DEFAULT_REGION": e.account.Region,
		"HOSTNAME": "ip-" + strings.ReplaceAll(t.IP, ".", "-") + "." + e.account.Region + ".compute.internal",
	}
	for _, list := range [][]types.KeyValuePair{c.Environment, o.Environment} {
		for _, kv := range list {
			if k := aws.ToString(kv.Name); k != "" && !strings.ContainsAny(k, "=\x00") && !strings.Contains(aws.ToString(kv.Value), "\x00") {
				env[k] = aws.ToString(kv.Value)
			}
		}
	}
	var out []string
	for _, k := range slices.Sorted(maps.Keys(env)) {
		out = append(out, k+"="+env[k])
	}
	return out
}
