package ecs

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/uuid"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/fargate"
	"workshop/internal/sandbox/logs"
)

func itoa(n int32) string { return strconv.Itoa(int(n)) }

// pod is what the agent runs for one task. It lives as long as the task does in
// this process.
type pod struct {
	begun      map[string]bool      // containers that the agent was given
	containers map[string]Container // those that have started; gone{} once they have ended
	ended      map[string]int       // those that have ended, with their exit codes
	since      map[string]time.Time // when they started last
}

// left is how many containers the agent has still to see the end of.
func (p *pod) left() int { return len(p.begun) - len(p.ended) }

// neverRan is the exit code of a container that could not be started.
const neverRan = -1

// report is what the agent has to say of a container.
type report struct {
	task      string // id
	container string
	started   Container          // set: it runs
	failed    error              // set: it could not be started
	health    types.HealthStatus // set: what its health check found
	exit      fargate.Exit       // none of these: it ended so
}

func (e *ECS) report(r report) {
	e.mu.Lock()
	e.inbox = append(e.inbox, r)
	e.mu.Unlock()
	e.changed()
}

// takeReports brings what the agent said into the records.
func (e *ECS) takeReports(now time.Time) {
	e.mu.Lock()
	inbox := e.inbox
	e.inbox = nil
	e.mu.Unlock()
	for _, r := range inbox {
		p, t := e.running[r.task], (*task)(nil)
		if p != nil {
			t, _ = e.tasks.Get(r.task)
		}
		if t == nil {
			if r.started != nil {
				r.started.Stop(0)
			}
			continue
		}
		switch {
		case r.started != nil:
			p.since[r.container] = now
			e.containerStarted(t, p, r)
		case r.failed != nil:
			p.containers[r.container], p.ended[r.container] = gone{}, neverRan
			e.containerFailed(t, r, now)
		case r.health != "":
			e.containerHealth(t, r)
		case e.restarts(t, p, r, now):
			delete(p.begun, r.container)
			delete(p.containers, r.container)
			n := t.edit()
			n.container(r.container).LastStatus = aws.String(pending)
			e.put(n)
		default:
			p.containers[r.container], p.ended[r.container] = gone{}, r.exit.Code
			e.containerEnded(t, r, now)
		}
		if t, ok := e.tasks.Get(r.task); ok {
			if *t.Task.DesiredStatus == stopped {
				e.stopContainers(t, p) // those that waited for this one to end
			} else {
				e.startContainers(t, p, now) // those that waited for this
				e.begin(r.task, p, now)
			}
		}
	}
}

func (t *task) container(name string) *types.Container {
	for i := range t.Task.Containers {
		if *t.Task.Containers[i].Name == name {
			return &t.Task.Containers[i]
		}
	}
	return &types.Container{}
}

func (e *ECS) containerStarted(old *task, p *pod, r report) {
	p.containers[r.container] = r.started
	t := old.edit()
	if *t.Task.DesiredStatus == stopped {
		r.started.Stop(e.stopTimeout(t, r.container))
		return
	}
	c := t.container(r.container)
	c.LastStatus = aws.String(running)
	c.RuntimeId = aws.String(t.id() + "-" + account.Digits(10))
	t.agentStatus(c, running, aws.Time(e.now()))
	e.put(t)
}

// begin has a task run once all its containers have started.
func (e *ECS) begin(id string, p *pod, now time.Time) {
	old, ok := e.tasks.Get(id)
	if !ok || len(p.containers) < len(old.Task.Containers) || old.status() != pending {
		return
	}
	t := old.edit()
	t.Task.LastStatus = aws.String(running)
	t.Task.StartedAt = aws.Time(now)
	if len(t.Targets) > 1 {
		t.Task.LastStatus = aws.String(activating)
		t.Task.StartedAt = nil
		t.Due = now.Add(e.timing.Activate)
	}
	e.put(t)
}

func (e *ECS) containerFailed(old *task, r report, now time.Time) {
	t := old.edit()
	c := t.container(r.container)
	c.LastStatus = aws.String(stopped)
	t.agentStatus(c, stopped, nil)
	reason := "Task failed to start"
	if errors.Is(r.failed, errNoGroup) {
		reason = errNoGroup.Error() // what concerns the whole task is not the container's
	} else {
		c.Reason = aws.String(r.failed.Error())
	}
	e.put(t)
	if *t.Task.DesiredStatus != stopped && (c.Reason == nil || e.essential(t, r.container)) {
		e.fail(t, types.TaskStopCodeTaskFailedToStart, reason, now)
	}
}

func (e *ECS) containerEnded(old *task, r report, now time.Time) {
	t := old.edit()
	c := t.container(r.container)
	c.LastStatus, c.ExitCode = aws.String(stopped), aws.Int32(int32(r.exit.Code))
	if len(c.ManagedAgents) > 0 {
		t.agentStatus(c, stopped, c.ManagedAgents[0].LastStartedAt)
	}
	if r.exit.OutOfMemory {
		c.Reason = aws.String("OutOfMemoryError: container killed due to memory usage")
	}
	e.put(t)
	if *t.Task.DesiredStatus != stopped && e.essential(t, r.container) {
		t = t.edit()
		t.Task.ExecutionStoppedAt = aws.Time(now)
		e.fail(t, types.TaskStopCodeEssentialContainerExited, "Essential container in task exited", now)
	}
}

// restartPeriod is how long a container must have run to be started again in its
// task, where its restart policy names no other time.
const restartPeriod = 300 * time.Second

// restarts reports whether a container that ended is started again in its task.
func (e *ECS) restarts(t *task, p *pod, r report, now time.Time) bool {
	policy := e.containerDefinition(t, r.container).RestartPolicy
	if policy == nil || !aws.ToBool(policy.Enabled) || *t.Task.DesiredStatus == stopped || slices.Contains(policy.IgnoredExitCodes, int32(r.exit.Code)) {
		return false
	}
	period := restartPeriod
	if n := policy.RestartAttemptPeriod; n != nil {
		period = time.Duration(*n) * time.Second
	}
	return !now.Before(p.since[r.container].Add(period))
}

// containerHealth notes what a health check found. The task is healthy if all
// its essential containers with checks are, and unhealthy if one of them is
// (Developer Guide, "Determine Amazon ECS task health using container health
// checks").
func (e *ECS) containerHealth(old *task, r report) {
	if *old.Task.DesiredStatus == stopped {
		return
	}
	t := old.edit()
	t.container(r.container).HealthStatus = r.health
	t.Task.HealthStatus = types.HealthStatusHealthy
	for _, c := range t.Task.Containers {
		d := e.containerDefinition(t, *c.Name)
		if d.HealthCheck == nil || d.Essential != nil && !*d.Essential {
			continue
		}
		if c.HealthStatus == types.HealthStatusUnhealthy {
			t.Task.HealthStatus = c.HealthStatus
			break
		}
		if c.HealthStatus == types.HealthStatusUnknown {
			t.Task.HealthStatus = c.HealthStatus
		}
	}
	if !e.checked(t) {
		t.Task.HealthStatus = types.HealthStatusUnknown
	}
	e.put(t)
}

// checked reports whether an essential container of the task has a health check.
func (e *ECS) checked(t *task) bool {
	d, ok := e.definition(*t.Task.TaskDefinitionArn)
	if !ok {
		return false
	}
	for _, c := range d.Definition.ContainerDefinitions {
		if c.HealthCheck != nil && (c.Essential == nil || *c.Essential) {
			return true
		}
	}
	return false
}

func (e *ECS) containerDefinition(t *task, name string) types.ContainerDefinition {
	if d, ok := e.definition(*t.Task.TaskDefinitionArn); ok {
		for _, c := range d.Definition.ContainerDefinitions {
			if *c.Name == name {
				return c
			}
		}
	}
	return types.ContainerDefinition{}
}

func (e *ECS) essential(t *task, name string) bool {
	c := e.containerDefinition(t, name)
	return c.Essential == nil || *c.Essential
}

// stopTimeout is how long a container has between SIGTERM and SIGKILL.
func (e *ECS) stopTimeout(t *task, name string) time.Duration {
	if s := e.containerDefinition(t, name).StopTimeout; s != nil && *s > 0 {
		return time.Duration(min(*s, 120)) * time.Second
	}
	return 30 * time.Second
}

// stopContainers stops what no other container that still runs depends on.
func (e *ECS) stopContainers(t *task, p *pod) {
	needed := map[string]bool{}
	for name := range p.containers {
		if _, over := p.ended[name]; !over {
			for _, d := range e.containerDefinition(t, name).DependsOn {
				needed[aws.ToString(d.ContainerName)] = true
			}
		}
	}
	for name, c := range p.containers {
		if !needed[name] {
			c.Stop(e.stopTimeout(t, name))
		}
	}
}

// met reports whether what a container waits for has come; the error says that it
// never will, in the words of the ECS agent.
func (t *task) met(p *pod, target string, d types.ContainerDependency) (bool, error) {
	name := aws.ToString(d.ContainerName)
	code, over := p.ended[name]
	_, begun := p.containers[name]
	unresolved := func(why string) error {
		return fmt.Errorf("dependency graph: failed to resolve container ordering dependency [%s] for target [%s] as %s", name, target, why)
	}
	switch d.Condition {
	case types.ContainerConditionComplete:
		return over, nil
	case types.ContainerConditionSuccess:
		if over && code != 0 {
			return false, unresolved("dependency did not exit successfully.")
		}
		return over, nil
	case types.ContainerConditionHealthy:
		if over {
			return false, unresolved("dependency container stopped before it was healthy.")
		}
		return begun && t.container(name).HealthStatus == types.HealthStatusHealthy, nil
	}
	return begun, nil
}

// startTimeout is how long others wait for a container; Fargate's default.
const startTimeout = 3 * time.Minute

// startDeadline is when a task gives up waiting for containers that others depend
// on; zero if none does.
func (e *ECS) startDeadline(t *task, p *pod) time.Time {
	if len(p.begun) == len(t.Task.Containers) {
		return time.Time{}
	}
	wait := startTimeout
	for name := range p.begun {
		if s := e.containerDefinition(t, name).StartTimeout; s != nil && *s > 0 {
			wait = min(wait, time.Duration(*s)*time.Second)
		}
	}
	return t.Task.PullStoppedAt.Add(wait)
}

// startTimedOut fails a task of which a container waited too long for another.
func (e *ECS) startTimedOut(old *task, p *pod, now time.Time) {
	t := old.edit()
	for i := range t.Task.Containers {
		c := &t.Task.Containers[i]
		if p.begun[*c.Name] {
			continue
		}
		for _, d := range e.containerDefinition(t, *c.Name).DependsOn {
			if ok, _ := t.met(p, *c.Name, d); !ok {
				c.Reason = aws.String(fmt.Sprintf("dependency graph: container ordering dependency [%s] for target [%s] has timed out.", aws.ToString(d.ContainerName), *c.Name))
			}
		}
	}
	e.fail(t, types.TaskStopCodeTaskFailedToStart, "Task failed to start", now)
}

// architecture is Go's name of the one that a task runs on.
func architecture(d types.TaskDefinition) string {
	if p := d.RuntimePlatform; p != nil && p.CpuArchitecture == types.CPUArchitectureArm64 {
		return "arm64"
	}
	return "amd64"
}

// launch begins to start a task's containers. The agent works without the
// sandbox's lock and reports back.
func (e *ECS) launch(t *task) {
	p := &pod{begun: map[string]bool{}, containers: map[string]Container{}, ended: map[string]int{}, since: map[string]time.Time{}}
	e.running[t.id()] = p
	for _, c := range t.Task.Containers {
		if c.ExitCode != nil { // it had done its work before the sandbox ended
			p.begun[*c.Name], p.ended[*c.Name] = true, int(*c.ExitCode)
			p.containers[*c.Name] = gone{}
		}
	}
	e.startContainers(t, p, e.now())
}

// gone is a container that has no process any more.
type gone struct{}

func (gone) Stop(time.Duration) {}
func (gone) PID() int           { return 0 }
func (gone) Exec(string) (fargate.Shell, error) {
	return nil, errors.New("the container has ended")
}

// startContainers starts those of a task's containers that wait for nothing.
func (e *ECS) startContainers(t *task, p *pod, now time.Time) {
	type start struct {
		name          string
		spec          fargate.Spec
		group, stream string // of its log, if it has one
		reported      chan struct{}
	}
	var starts []start
	for i, c := range t.Task.Containers {
		if p.begun[*c.Name] {
			continue
		}
		def := e.containerDefinition(t, *c.Name)
		ready := true
		for _, d := range def.DependsOn {
			ok, err := t.met(p, *c.Name, d)
			if err != nil {
				e.containerFailed(t, report{task: t.id(), container: *c.Name, failed: err}, now)
				return
			}
			ready = ready && ok
		}
		if !ready {
			continue
		}
		p.begun[*c.Name] = true
		var over types.ContainerOverride
		if o := t.Task.Overrides; o != nil && i < len(o.ContainerOverrides) {
			over = o.ContainerOverrides[i]
		}
		image, err := fargate.Pull(aws.ToString(c.Image))
		if err != nil { // it was known when it was pulled
			e.report(report{task: t.id(), container: *c.Name, failed: err})
			continue
		}
		reported := make(chan struct{})
		group, stream, _ := logStream(t, def)
		starts = append(starts, start{*c.Name, e.spec(t, def, image, over, reported), group, stream, reported})
	}
	if len(starts) == 0 {
		return
	}
	id := t.id()
	go func() { // ends at once: starting a process does not wait for it
		for _, s := range starts {
			var c Container
			var err error
			if s.group != "" && e.logs.CreateStream(s.group, s.stream) != nil {
				err = errNoGroup
			} else {
				c, err = e.agent.Start(s.spec)
			}
			if err != nil {
				e.report(report{task: id, container: s.name, failed: err})
			} else {
				e.report(report{task: id, container: s.name, started: c})
			}
			close(s.reported)
		}
	}()
}

const mebibyte = 1 << 20

func (e *ECS) spec(t *task, def types.ContainerDefinition, image fargate.Image, over types.ContainerOverride, reported <-chan struct{}) fargate.Spec {
	id, name, vpc, ip := t.id(), aws.ToString(def.Name), t.VPC, t.IP
	var ports []int // only touched by Listening and then, after it, by Exited
	group, stream, logged := logStream(t, def)
	command, limit := def.Command, aws.ToInt32(def.Memory)
	if len(over.Command) > 0 {
		command = over.Command
	}
	if over.Memory != nil {
		limit = *over.Memory
	}
	whole, _ := strconv.ParseInt(aws.ToString(t.Task.Memory), 10, 64) // checked when it was registered
	shares, _ := strconv.ParseFloat(aws.ToString(t.Task.Cpu), 64)
	s := fargate.Spec{
		Image: image, EntryPoint: def.EntryPoint, Command: command, Env: e.environment(t, def, over),
		Task: id, Memory: int64(limit) * mebibyte, TaskMemory: whole * mebibyte, CPU: shares / 1024, Check: e.check(def.HealthCheck),
		Line: func(at time.Time, text string) {
			if logged {
				// Nobody is there to tell if the group was deleted meanwhile.
				_ = e.logs.Append(group, stream, logs.Event{Time: at, Message: text})
			}
		},
		Listening: func(port int, addr string) {
			ports = append(ports, port)
			e.backends.Set(vpc, ip, port, addr)
		},
		Health: func(healthy bool) {
			status := types.HealthStatusUnhealthy
			if healthy {
				status = types.HealthStatusHealthy
			}
			e.report(report{task: id, container: name, health: status})
		},
		Exited: func(exit fargate.Exit) {
			for _, port := range ports {
				e.backends.Delete(vpc, ip, port)
			}
			<-reported // a container that ends at once has still begun before
			e.report(report{task: id, container: name, exit: exit})
		},
	}
	if d, ok := e.definition(*t.Task.TaskDefinitionArn); ok {
		s.Architecture = architecture(d.Definition)
	}
	return s
}

// check is how the agent finds out about a container's health, with ECS's
// defaults for what the definition does not say.
func (e *ECS) check(h *types.HealthCheck) *fargate.Check {
	if h == nil || len(h.Command) == 0 || h.Command[0] == "NONE" {
		return nil
	}
	seconds := func(n *int32, or int32) time.Duration {
		if n != nil {
			or = *n
		}
		return time.Duration(or) * time.Second / time.Duration(max(1, e.timing.Hurry))
	}
	retries := 3
	if h.Retries != nil {
		retries = int(*h.Retries)
	}
	return &fargate.Check{
		Command: h.Command, Interval: seconds(h.Interval, 30), Timeout: seconds(h.Timeout, 5),
		StartPeriod: seconds(h.StartPeriod, 0), Retries: retries,
	}
}

// pull finds the images of a task's containers. t is a copy.
func (e *ECS) pull(t *task) error {
	for k := range t.Task.Containers {
		c := &t.Task.Containers[k]
		ref := aws.ToString(c.Image)
		if !e.reachesRegistry(t, ref) {
			return fargate.Unreachable(ref)
		}
		image, err := fargate.Pull(ref)
		if err != nil {
			return err
		}
		c.ImageDigest = aws.String(image.Digest)
	}
	return nil
}

// reachesRegistry reports whether a task can pull an image: from Amazon ECR over
// an endpoint too, from any other registry over the internet only.
func (e *ECS) reachesRegistry(t *task, ref string) bool {
	if strings.Contains(ref, ".dkr.ecr.") {
		return e.network.ReachesService(t.Interface, "ecr.dkr")
	}
	return e.network.ReachesInternet(t.Subnet, t.PublicIP)
}

// initialise gets what a task needs before its images: the values of its secrets
// and the right to pull from Amazon ECR. The sandbox has neither Secrets Manager
// nor Parameter Store, so that no secret is ever there.
func (e *ECS) initialise(t *task) error {
	const failed = "ResourceInitializationError: unable to pull secrets or registry auth: "
	var parameters []string
	for _, c := range t.Task.Containers {
		def := e.containerDefinition(t, *c.Name)
		secrets := def.Secrets
		if l := def.LogConfiguration; l != nil {
			secrets = append(secrets[:len(secrets):len(secrets)], l.SecretOptions...)
		}
		if r := def.RepositoryCredentials; r != nil {
			secrets = append(secrets[:len(secrets):len(secrets)], types.Secret{ValueFrom: r.CredentialsParameter})
		}
		for _, s := range secrets {
			from := aws.ToString(s.ValueFrom)
			if !strings.Contains(from, ":secretsmanager:") {
				// An ARN of a parameter, or its name.
				name := from
				if _, after, ok := strings.Cut(from, ":parameter"); ok {
					name = after
				}
				parameters = append(parameters, name)
				continue
			}
			if !e.network.ReachesService(t.Interface, "secretsmanager") {
				return errors.New(failed + "unable to retrieve secret from asm: There is a connection issue between the task and AWS Secrets Manager. Check your task network configuration. failed to fetch secret " + from + " from secrets manager: operation error Secrets Manager: GetSecretValue, https response error StatusCode: 0, RequestID: , canceled, context deadline exceeded")
			}
			return errors.New(failed + "execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret " + from + " from secrets manager: operation error Secrets Manager: GetSecretValue, https response error StatusCode: 400, RequestID: " + uuid.NewString() + ", ResourceNotFoundException: Secrets Manager can't find the specified secret.")
		}
		if strings.Contains(aws.ToString(c.Image), ".dkr.ecr.") && !e.network.ReachesService(t.Interface, "ecr.api") {
			// 192.0.2.0/24 is nobody's (RFC 5737).
			return fmt.Errorf(failed+`The task cannot pull registry auth from Amazon ECR: There is a connection issue between the task and Amazon ECR. Check your task network configuration. operation error ECR: GetAuthorizationToken, exceeded maximum number of attempts, 3, https response error StatusCode: 0, RequestID: , request send failed, Post "https://api.ecr.%s.amazonaws.com/": dial tcp 192.0.2.10:443: i/o timeout`, e.account.Region)
		}
	}
	switch {
	case len(parameters) == 0:
		return e.mount(t)
	case !e.network.ReachesService(t.Interface, "ssm"):
		return errors.New(failed + "unable to retrieve secrets from ssm: The task cannot pull secrets from AWS Systems Manager. There is a connection issue between the task and AWS Systems Manager Parameter Store. Check your task network configuration. RequestCanceled: request context canceled caused by: context deadline exceeded")
	}
	return errors.New(failed + "execution resource retrieval failed: unable to retrieve secrets from ssm: service call has been retried 1 time(s): invalid ssm parameters: " + strings.Join(parameters, ", "))
}

// logStream is where a container's lines go; ok is false if nowhere.
func logStream(t *task, c types.ContainerDefinition) (group, stream string, ok bool) {
	l := c.LogConfiguration
	if l == nil || l.LogDriver != types.LogDriverAwslogs {
		return "", "", false
	}
	return l.Options["awslogs-group"], l.Options["awslogs-stream-prefix"] + "/" + *c.Name + "/" + t.id(), true
}

// errNoGroup is a task whose log group does not exist, in ECS's words.
var errNoGroup = errors.New("ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. : exit status 1")

// errNoWayToLogs is a task that cannot call CloudWatch Logs, in ECS's words.
var errNoWayToLogs = errors.New("ResourceInitializationError: failed to validate logger args: The task cannot find the Amazon CloudWatch log group defined in the task definition. There is a connection issue between the task and Amazon CloudWatch. Check your network configuration. : signal: killed")

// groupMaker is a Logs that can make a log group; one that is there already is
// fine.
type groupMaker interface{ CreateGroup(group string) error }

// checkLogs looks for the log groups of a task's containers, and makes those that
// are to be made. Another region's are not there.
func (e *ECS) checkLogs(t *task) error {
	for _, c := range t.Task.Containers {
		def := e.containerDefinition(t, *c.Name)
		group, _, ok := logStream(t, def)
		if !ok {
			continue
		}
		if !e.network.ReachesService(t.Interface, "logs") {
			return errNoWayToLogs
		}
		options := def.LogConfiguration.Options
		if r := options["awslogs-region"]; r != "" && r != e.account.Region {
			return errNoGroup
		}
		if m, can := e.logs.(groupMaker); can && options["awslogs-create-group"] == "true" {
			if err := m.CreateGroup(group); err != nil {
				return fmt.Errorf("ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log group: %w : exit status 1", err)
			}
		}
		if !e.logs.HasGroup(group) {
			return errNoGroup
		}
	}
	return nil
}
