package ecs

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"workshop/internal/sandbox/wire"
)

// definition is one revision of a task definition. Once made, only its status
// and tags change.
type definition struct {
	Definition types.TaskDefinition
	Tags       []types.Tag
}

func (d *definition) key() string {
	return aws.ToString(d.Definition.Family) + ":" + strconv.Itoa(int(d.Definition.Revision))
}

// networkMode is a definition's network mode; bridge where it says none (API
// reference, RegisterTaskDefinition).
func networkMode(d *definition) types.NetworkMode {
	return cmp.Or(d.Definition.NetworkMode, types.NetworkModeBridge)
}

func (d *definition) arn() string { return *d.Definition.TaskDefinitionArn }

func (e *ECS) definitionOperations(s *wire.Service) {
	wire.Handle(s, "RegisterTaskDefinition", e.registerTaskDefinition)
	wire.Handle(s, "DescribeTaskDefinition", e.describeTaskDefinition)
	wire.Handle(s, "DeregisterTaskDefinition", e.deregisterTaskDefinition)
	wire.Handle(s, "DeleteTaskDefinitions", e.deleteTaskDefinitions)
	wire.Handle(s, "ListTaskDefinitions", e.listTaskDefinitions)
	wire.Handle(s, "ListTaskDefinitionFamilies", e.listTaskDefinitionFamilies)
}

// definition finds a task definition by ARN, family:revision or family, which
// stands for its newest active revision.
func (e *ECS) definition(name string) (*definition, bool) {
	n := shortName(name)
	if strings.Contains(n, ":") {
		return e.definitions.Get(n)
	}
	for rev, _ := e.families.Get(n); rev > 0; rev-- {
		if d, ok := e.definitions.Get(n + ":" + strconv.Itoa(int(rev))); ok && d.Definition.Status == types.TaskDefinitionStatusActive {
			return d, true
		}
	}
	return nil, false
}

// checkRevision refuses the name of a task definition whose revision is no number.
func checkRevision(name *string) error {
	if _, revision, ok := strings.Cut(shortName(aws.ToString(name)), ":"); ok {
		if n, err := strconv.Atoi(revision); err != nil || n < 1 {
			return invalid("Invalid revision number. Number: %s", revision)
		}
	}
	return nil
}

// usable finds a task definition that new tasks may be made of.
func (e *ECS) usable(name *string) (*definition, error) {
	if aws.ToString(name) == "" {
		return nil, invalid("TaskDefinition can not be blank.")
	}
	if err := checkRevision(name); err != nil {
		return nil, err
	}
	d, ok := e.definition(*name)
	if !ok {
		return nil, client("TaskDefinition not found.")
	}
	if d.Definition.Status != types.TaskDefinitionStatusActive {
		return nil, client(inactiveDefinition)
	}
	return d, nil
}

const inactiveDefinition = "TaskDefinition is inactive"

// fargateMemory is the MiB that Fargate sells with a number of CPU units, as
// first, last and step (Developer Guide, "Task CPU and memory").
var fargateMemory = map[int][3]int{
	512: {1024, 4096, 1024}, 1024: {2048, 8192, 1024}, 2048: {4096, 16384, 1024},
	4096: {8192, 30720, 1024}, 8192: {16384, 61440, 4096}, 16384: {32768, 122880, 8192},
}

func sold(cpu, memory int) bool {
	if cpu == 256 {
		return memory == 512 || memory == 1024 || memory == 2048
	}
	m, ok := fargateMemory[cpu]
	return ok && memory >= m[0] && memory <= m[1] && (memory-m[0])%m[2] == 0
}

var amount = regexp.MustCompile(`(?i)^([0-9]*\.?[0-9]+)\s*(vcpu|gb)?$`)

// units reads "256", ".25 vCPU" or "0.5 GB" as CPU units or MiB.
func units(s string) (int, bool) {
	m := amount.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return 0, false
	}
	f, err := strconv.ParseFloat(m[1], 64)
	if m[2] != "" {
		f *= 1024
	}
	return int(f), err == nil && f == float64(int(f)) && f < 1<<30
}

func (e *ECS) registerTaskDefinition(_ context.Context, in *ecs.RegisterTaskDefinitionInput) (*ecs.RegisterTaskDefinitionOutput, error) {
	family := aws.ToString(in.Family)
	if !named(family) {
		return nil, client("Invalid family name. Up to 255 letters (uppercase and lowercase), numbers, underscores, and hyphens are allowed.")
	}
	switch n := len(in.ContainerDefinitions); {
	case n == 0:
		return nil, client("Container list cannot be empty.")
	case n > 10: // Service Quotas, "Containers per task definition"
		return nil, client("Too many containers")
	}
	fargate := slices.Contains(in.RequiresCompatibilities, types.CompatibilityFargate)
	def := types.TaskDefinition{
		Family: in.Family, Cpu: in.Cpu, Memory: in.Memory, NetworkMode: in.NetworkMode,
		ExecutionRoleArn: nonBlank(in.ExecutionRoleArn), TaskRoleArn: nonBlank(in.TaskRoleArn),
		RequiresCompatibilities: in.RequiresCompatibilities, RuntimePlatform: in.RuntimePlatform,
		EphemeralStorage: in.EphemeralStorage, IpcMode: in.IpcMode, PidMode: in.PidMode,
		PlacementConstraints: orEmpty(in.PlacementConstraints), Volumes: volumes(in.Volumes),
		ProxyConfiguration: in.ProxyConfiguration, EnableFaultInjection: in.EnableFaultInjection,
		Status: types.TaskDefinitionStatusActive, RegisteredAt: aws.Time(e.now()), RegisteredBy: aws.String(e.account.UserARN()),
	}
	containers, err := containerDefinitions(in, fargate)
	if err != nil {
		return nil, err
	}
	var cpu, memory int
	for _, size := range []struct {
		text *string
		n    *int
		name string
	}{{in.Cpu, &cpu, "cpu"}, {in.Memory, &memory, "memory"}} {
		if size.text == nil {
			if fargate {
				return nil, client("Fargate requires that '%s' be defined at the task level.", size.name)
			}
			continue
		}
		n, ok := units(*size.text)
		if !ok {
			return nil, client("Invalid '%s' setting for task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.", size.name)
		}
		*size.n = n
		*size.text = strconv.Itoa(n)
	}
	if fargate {
		if in.NetworkMode != types.NetworkModeAwsvpc {
			return nil, client("Fargate only supports network mode ‘awsvpc’.")
		}
		if !sold(cpu, memory) {
			return nil, client("No Fargate configuration exists for given values: %d CPU, %d memory. See the Amazon ECS documentation for the valid values.", cpu, memory)
		}
		if err := checkFargate(in); err != nil {
			return nil, err
		}
	}
	if err := cmp.Or(checkRoles(in.ExecutionRoleArn, in.TaskRoleArn), checkTags(in.Tags)); err != nil {
		return nil, err
	}
	if err := cmp.Or(checkContainers(containers, cpu, memory), checkVolumes(in.Volumes, containers)); err != nil {
		return nil, err
	}
	def.ContainerDefinitions = containers
	def.Compatibilities = []types.Compatibility{types.CompatibilityEc2}
	if fargate || in.NetworkMode == types.NetworkModeAwsvpc && sold(cpu, memory) && checkFargate(in) == nil {
		def.Compatibilities = append(def.Compatibilities, types.CompatibilityFargate)
	}
	def.RequiresAttributes = requiredAttributes(&def)

	last, _ := e.families.Get(family)
	def.Revision = last + 1
	def.TaskDefinitionArn = aws.String(e.account.ARN("ecs", "task-definition/"+family+":"+strconv.Itoa(int(def.Revision))))
	d := &definition{def, orEmpty(in.Tags)}
	e.families.Put(family, def.Revision)
	e.definitions.Put(d.key(), d)
	return &ecs.RegisterTaskDefinitionOutput{TaskDefinition: &def, Tags: d.Tags}, nil
}

// volumes fills in the directory of a file system that is mounted where none is
// said (API reference, EFSVolumeConfiguration).
func volumes(in []types.Volume) []types.Volume {
	out := append([]types.Volume{}, in...)
	for i := range out {
		if f := out[i].EfsVolumeConfiguration; f != nil && aws.ToString(f.RootDirectory) == "" {
			c := *f
			c.RootDirectory = aws.String("/")
			out[i].EfsVolumeConfiguration = &c
		}
	}
	return out
}

func nonBlank(s *string) *string {
	if aws.ToString(s) == "" {
		return nil
	}
	return s
}

func containerDefinitions(in *ecs.RegisterTaskDefinitionInput, fargate bool) ([]types.ContainerDefinition, error) {
	out := slices.Clone(in.ContainerDefinitions)
	awsvpc := in.NetworkMode == types.NetworkModeAwsvpc
	hasRole := aws.ToString(in.ExecutionRoleArn) != ""
	names, ports := map[string]bool{}, map[string]bool{}
	essential := false
	for i := range out {
		c := &out[i]
		name := aws.ToString(c.Name)
		switch {
		case name == "":
			return nil, client("Container.name should not be null or empty.")
		case !named(name):
			return nil, client("Container.name contains invalid characters.")
		case names[name]:
			return nil, client("Container names must be unique within a task definition.")
		case aws.ToString(c.Image) == "":
			return nil, client("Container.image should not be null or empty.")
		case in.Memory == nil && c.Memory == nil && c.MemoryReservation == nil:
			return nil, client("Invalid setting for container '%s'. At least one of 'memory' or 'memoryReservation' must be specified.", name)
		case !hasRole && (len(c.Secrets) > 0 || c.LogConfiguration != nil && len(c.LogConfiguration.SecretOptions) > 0):
			return nil, client("When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.")
		case !hasRole && c.RepositoryCredentials != nil:
			return nil, client("Private repository authentication requires that the task definition specify a value for executionRoleArn.")
		}
		if awsvpc {
			if err := checkAwsvpc(*c); err != nil {
				return nil, err
			}
		}
		names[name] = true
		if c.Essential == nil {
			c.Essential = aws.Bool(true)
		}
		essential = essential || *c.Essential
		c.Environment, c.MountPoints, c.VolumesFrom, c.SystemControls = orEmpty(c.Environment), orEmpty(c.MountPoints), orEmpty(c.VolumesFrom), orEmpty(c.SystemControls)
		c.PortMappings = orEmpty(slices.Clone(c.PortMappings))
		for j := range c.PortMappings {
			p := &c.PortMappings[j]
			if p.Protocol == "" {
				p.Protocol = types.TransportProtocolTcp
			}
			if port := aws.ToInt32(p.ContainerPort); p.ContainerPortRange == nil && (port < 1 || port > 65535) {
				return nil, client("Invalid 'containerPort' setting for container '%s'.", name)
			}
			if n := aws.ToString(p.Name); n != "" && awsvpc {
				if ports[n] {
					return nil, client("When networkMode=awsvpc, port mapping name is already used")
				}
				ports[n] = true
			}
			if awsvpc && p.ContainerPort != nil {
				if p.HostPort != nil && *p.HostPort != *p.ContainerPort {
					return nil, client("When networkMode=awsvpc, the host ports and container ports in port mappings must match.")
				}
				p.HostPort = p.ContainerPort
			}
		}
		if err := checkLogs(in, c.LogConfiguration, fargate); err != nil {
			return nil, err
		}
		if fargate && strings.Contains(*c.Image, ".dkr.ecr.") && !hasRole {
			return nil, client("Fargate requires task definition to have execution role ARN to support ECR images.")
		}
	}
	if !essential {
		return nil, client("Task definition doesn't have any essential container")
	}
	return out, nil
}

// checkContainers checks what containers say of one another, of their health and
// of their size; cpu and memory are the task's, 0 where it has none.
func checkContainers(containers []types.ContainerDefinition, cpu, memory int) error {
	byName := map[string]types.ContainerDefinition{}
	var cpus int32
	for _, c := range containers {
		byName[*c.Name] = c
		cpus += c.Cpu
		switch {
		case c.Memory != nil && c.MemoryReservation != nil && *c.Memory < *c.MemoryReservation:
			return client("Invalid setting for container '%s'. 'memory' must be greater than or equal to 'memoryReservation'.", *c.Name)
		case memory > 0 && max(aws.ToInt32(c.Memory), aws.ToInt32(c.MemoryReservation)) > int32(memory):
			return client("The 'memory' setting for container '%s' is greater than for the task.", *c.Name)
		}
		if err := checkHealth(*c.Name, c.HealthCheck); err != nil {
			return err
		}
	}
	if cpu > 0 && cpus > int32(cpu) {
		return client("The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'.")
	}
	for _, c := range containers {
		for _, d := range c.DependsOn {
			on, ok := byName[aws.ToString(d.ContainerName)]
			switch {
			case !ok:
				return client("Cannot depend on container + '%s' because it does not exist", aws.ToString(d.ContainerName)) // sic
			case d.Condition == types.ContainerConditionHealthy && on.HealthCheck == nil:
				return client("A dependency container with HEALTHY condition must have health check configured")
			case aws.ToBool(on.Essential) && (d.Condition == types.ContainerConditionSuccess || d.Condition == types.ContainerConditionComplete):
				return client("A dependency container with SUCCESS or COMPLETE condition cannot be an essential container")
			}
		}
		if circular(byName, *c.Name, *c.Name, map[string]bool{}) {
			return client("The container dependencies of '%s' are circular.", *c.Name)
		}
	}
	return nil
}

// circular reports whether from depends, over any number of others, on to.
func circular(all map[string]types.ContainerDefinition, from, to string, seen map[string]bool) bool {
	if seen[from] {
		return false
	}
	seen[from] = true
	for _, d := range all[from].DependsOn {
		if n := aws.ToString(d.ContainerName); n == to || circular(all, n, to, seen) {
			return true
		}
	}
	return false
}

// checkHealth checks a health check's command and numbers against the API's model.
func checkHealth(container string, h *types.HealthCheck) error {
	if h == nil {
		return nil
	}
	if len(h.Command) == 0 || h.Command[0] != "CMD" && h.Command[0] != "CMD-SHELL" && h.Command[0] != "NONE" || h.Command[0] != "NONE" && len(h.Command) < 2 {
		return client("Invalid health check for container '%s'. The command must begin with CMD or CMD-SHELL, followed by what to run.", container)
	}
	for _, n := range []struct {
		name        string
		value       *int32
		least, most int32
	}{{"interval", h.Interval, 5, 300}, {"timeout", h.Timeout, 2, 60}, {"retries", h.Retries, 1, 10}, {"startPeriod", h.StartPeriod, 0, 300}} {
		switch {
		case n.value == nil:
		case *n.value > n.most:
			return client("Health check %s must be less than or equal to the maximum allowed value %d for container '%s'", n.name, n.most, container)
		case *n.value < n.least:
			return client("Health check %s must be greater than or equal to the minimum allowed value %d for container '%s'", n.name, n.least, container)
		}
	}
	return nil
}

func requiredAttributes(d *types.TaskDefinition) []types.Attribute {
	var out []types.Attribute
	add := func(name string) { out = append(out, types.Attribute{Name: aws.String(name)}) }
	for _, c := range d.ContainerDefinitions {
		if c.LogConfiguration != nil && c.LogConfiguration.LogDriver == types.LogDriverAwslogs {
			add("com.amazonaws.ecs.capability.logging-driver.awslogs")
			add("ecs.capability.execution-role-awslogs")
			break
		}
	}
	add("com.amazonaws.ecs.capability.docker-remote-api.1.18")
	if d.TaskRoleArn != nil {
		add("com.amazonaws.ecs.capability.task-iam-role")
	}
	if d.NetworkMode == types.NetworkModeAwsvpc {
		add("ecs.capability.task-eni")
	}
	return out
}

func (e *ECS) describeTaskDefinition(_ context.Context, in *ecs.DescribeTaskDefinitionInput) (*ecs.DescribeTaskDefinitionOutput, error) {
	if err := checkRevision(in.TaskDefinition); err != nil {
		return nil, err
	}
	d, ok := e.definition(aws.ToString(in.TaskDefinition))
	if !ok {
		return nil, client("Unable to describe task definition.")
	}
	def := d.Definition
	out := &ecs.DescribeTaskDefinitionOutput{TaskDefinition: &def}
	if slices.Contains(in.Include, types.TaskDefinitionFieldTags) {
		out.Tags = d.Tags
	}
	return out, nil
}

func (e *ECS) deregisterTaskDefinition(_ context.Context, in *ecs.DeregisterTaskDefinitionInput) (*ecs.DeregisterTaskDefinitionOutput, error) {
	name := aws.ToString(in.TaskDefinition)
	if !strings.Contains(shortName(name), ":") {
		return nil, client("Revision is missing.")
	}
	if err := checkRevision(in.TaskDefinition); err != nil {
		return nil, err
	}
	old, ok := e.definition(name)
	if !ok {
		return nil, client("Unable to describe task definition.")
	}
	d := *old
	if d.Definition.Status == types.TaskDefinitionStatusActive {
		d.Definition.Status = types.TaskDefinitionStatusInactive
		d.Definition.DeregisteredAt = aws.Time(e.now())
		e.definitions.Put(d.key(), &d)
	}
	return &ecs.DeregisterTaskDefinitionOutput{TaskDefinition: &d.Definition}, nil
}

func (e *ECS) deleteTaskDefinitions(_ context.Context, in *ecs.DeleteTaskDefinitionsInput) (*ecs.DeleteTaskDefinitionsOutput, error) {
	if len(in.TaskDefinitions) == 0 || len(in.TaskDefinitions) > 10 {
		return nil, invalid("taskDefinitions must have between 1 and 10 items.")
	}
	out := &ecs.DeleteTaskDefinitionsOutput{TaskDefinitions: []types.TaskDefinition{}, Failures: []types.Failure{}}
	for _, name := range in.TaskDefinitions {
		if !strings.Contains(shortName(name), ":") {
			out.Failures = append(out.Failures, types.Failure{Arn: aws.String(name), Reason: aws.String("The specified task definition identifier is invalid. Specify a valid name or ARN and try again.")})
			continue
		}
		old, ok := e.definition(name)
		if !ok {
			out.Failures = append(out.Failures, types.Failure{Arn: aws.String(name), Reason: aws.String("The specified task definition does not exist. Specify a valid account, family, revision and try again.")})
			continue
		}
		if old.Definition.Status == types.TaskDefinitionStatusActive {
			out.Failures = append(out.Failures, types.Failure{Arn: old.Definition.TaskDefinitionArn, Reason: aws.String("The specified task definition is still in ACTIVE status. Please deregister the target and try again.")})
			continue
		}
		d := *old
		d.Definition.Status = types.TaskDefinitionStatusDeleteInProgress
		d.Definition.DeleteRequestedAt = aws.Time(e.now())
		e.definitions.Put(d.key(), &d)
		out.TaskDefinitions = append(out.TaskDefinitions, d.Definition)
	}
	e.changed()
	return out, nil
}

// purgeDefinitions removes those that were deleted and that nothing uses.
func (e *ECS) purgeDefinitions() {
	for key, d := range e.definitions.All() {
		if d.Definition.Status != types.TaskDefinitionStatusDeleteInProgress {
			continue
		}
		used := false
		for _, t := range e.tasks.All() {
			used = used || t.alive() && *t.Task.TaskDefinitionArn == d.arn()
		}
		for _, s := range e.services.All() {
			for _, dep := range s.Deployments {
				used = used || s.Status != inactive && dep.Revision.TaskDefinition == d.arn()
			}
		}
		if !used {
			e.definitions.Delete(key)
		}
	}
}

func (e *ECS) listTaskDefinitions(_ context.Context, in *ecs.ListTaskDefinitionsInput) (*ecs.ListTaskDefinitionsOutput, error) {
	status := in.Status
	if status == "" {
		status = types.TaskDefinitionStatusActive
	}
	var found []*definition
	for _, d := range e.definitions.All() {
		if d.Definition.Status == status && (in.FamilyPrefix == nil || *in.FamilyPrefix == *d.Definition.Family) {
			found = append(found, d)
		}
	}
	slices.SortFunc(found, func(a, b *definition) int {
		if c := strings.Compare(*a.Definition.Family, *b.Definition.Family); c != 0 {
			return c
		}
		return int(a.Definition.Revision - b.Definition.Revision)
	})
	if in.Sort == types.SortOrderDesc {
		slices.Reverse(found)
	}
	var arns []string
	for _, d := range found {
		arns = append(arns, d.arn())
	}
	arns, next, err := page(arns, in.NextToken, in.MaxResults)
	return &ecs.ListTaskDefinitionsOutput{TaskDefinitionArns: arns, NextToken: next}, err
}

func (e *ECS) listTaskDefinitionFamilies(_ context.Context, in *ecs.ListTaskDefinitionFamiliesInput) (*ecs.ListTaskDefinitionFamiliesOutput, error) {
	activity := map[string]bool{}
	for _, d := range e.definitions.All() {
		f := *d.Definition.Family
		activity[f] = activity[f] || d.Definition.Status == types.TaskDefinitionStatusActive
	}
	var families []string
	for f, isActive := range activity {
		switch in.Status {
		case types.TaskDefinitionFamilyStatusInactive:
			if isActive {
				continue
			}
		case types.TaskDefinitionFamilyStatusAll:
		default:
			if !isActive {
				continue
			}
		}
		if strings.HasPrefix(f, aws.ToString(in.FamilyPrefix)) {
			families = append(families, f)
		}
	}
	slices.Sort(families)
	families, next, err := page(families, in.NextToken, in.MaxResults)
	return &ecs.ListTaskDefinitionFamiliesOutput{Families: families, NextToken: next}, err
}
