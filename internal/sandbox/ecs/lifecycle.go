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

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/ec2"
	"workshop/internal/sandbox/fargate"
	"workshop/internal/sandbox/logs"
	"workshop/internal/sandbox/wire"
)

func itoa(n int32) string { return strconv.Itoa(int(n)) }

// pod is what the agent runs for one task. It lives as long as the task does in
// this process.
type pod struct {
	containers map[string]Container // by name; nil until it has started
	left       int                  // containers that have not ended
}

// report is what the agent has to say of a container.
type report struct {
	task      string // id
	container string
	started   Container // set: it runs
	failed    error     // set: it could not be started
	code      int       // neither: it ended with this exit code
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
			e.containerStarted(t, p, r, now)
		case r.failed != nil:
			p.left--
			e.containerFailed(t, r, now)
		default:
			p.left--
			e.containerEnded(t, r, now)
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

func (e *ECS) containerStarted(old *task, p *pod, r report, now time.Time) {
	p.containers[r.container] = r.started
	t := old.edit()
	if *t.Task.DesiredStatus == stopped {
		r.started.Stop(e.stopTimeout(t, r.container))
		return
	}
	c := t.container(r.container)
	c.LastStatus = aws.String(running)
	c.RuntimeId = aws.String(t.id() + "-" + account.Digits(10))
	if len(p.containers) == len(t.Task.Containers) && t.status() == pending {
		t.Task.LastStatus = aws.String(running)
		t.Task.StartedAt = aws.Time(now)
		if len(t.Targets) > 1 {
			t.Task.LastStatus = aws.String(activating)
			t.Task.StartedAt = nil
			t.Due = now.Add(e.timing.Activate)
		}
	}
	e.put(t)
}

func (e *ECS) containerFailed(old *task, r report, now time.Time) {
	t := old.edit()
	c := t.container(r.container)
	c.LastStatus = aws.String(stopped)
	reason := "Task failed to start"
	if errors.Is(r.failed, errNoGroup) {
		reason = errNoGroup.Error() // what concerns the whole task is not the container's
	} else {
		c.Reason = aws.String(r.failed.Error())
	}
	e.put(t)
	if *t.Task.DesiredStatus != stopped {
		e.fail(t, types.TaskStopCodeTaskFailedToStart, reason, now)
	}
}

func (e *ECS) containerEnded(old *task, r report, now time.Time) {
	t := old.edit()
	c := t.container(r.container)
	c.LastStatus, c.ExitCode = aws.String(stopped), aws.Int32(int32(r.code))
	e.put(t)
	if *t.Task.DesiredStatus != stopped && e.essential(t, r.container) {
		t = t.edit()
		t.Task.ExecutionStoppedAt = aws.Time(now)
		e.fail(t, types.TaskStopCodeEssentialContainerExited, "Essential container in task exited", now)
	}
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

// fail stops a task that ended, or could not begin, by itself.
func (e *ECS) fail(t *task, code types.TaskStopCode, reason string, now time.Time) {
	t = t.edit()
	t.Failed = true
	e.stop(t, code, reason, now)
}

// stop has a task end, from whatever state it is in, and returns it as it is
// now.
func (e *ECS) stop(old *task, code types.TaskStopCode, reason string, now time.Time) *task {
	t := old.edit()
	t.Task.DesiredStatus = aws.String(stopped)
	t.Task.StopCode, t.Task.StoppedReason = code, aws.String(reason)
	if t.Task.StoppingAt == nil {
		t.Task.StoppingAt = aws.Time(now)
	}
	e.deregister(t)
	switch p := e.running[t.id()]; {
	case t.status() == running && len(t.Targets) > 1 && code != types.TaskStopCodeEssentialContainerExited:
		t.Task.LastStatus = aws.String(deactivating)
		t.Due = now.Add(e.timing.Activate)
	case p != nil && p.left > 0:
		t.Task.LastStatus = aws.String(stopping)
		e.stopContainers(t, p)
	default:
		e.deprovision(t, now)
	}
	e.put(t)
	return t
}

func (e *ECS) stopContainers(t *task, p *pod) {
	for name, c := range p.containers {
		c.Stop(e.stopTimeout(t, name))
	}
}

// deprovision goes on to give back the network interface. t must be a copy.
func (e *ECS) deprovision(t *task, now time.Time) {
	t.Task.LastStatus = aws.String(deprovisioning)
	t.Due = now.Add(e.timing.Deprovision)
	if t.Task.ExecutionStoppedAt == nil && t.Task.StartedAt != nil {
		t.Task.ExecutionStoppedAt = aws.Time(now)
	}
	for i := range t.Task.Containers {
		t.Task.Containers[i].LastStatus = aws.String(stopped)
	}
	delete(e.running, t.id())
}

// register brings a task that runs to its target groups.
func (e *ECS) register(t *task) (registered []string) {
	for _, l := range t.Targets {
		arn := aws.ToString(l.TargetGroupArn)
		state, reason, _ := e.targets.TargetHealth(arn, t.IP, int(aws.ToInt32(l.ContainerPort)))
		if arn == "" || state != "" && state != "draining" && reason != "Target.NotRegistered" {
			continue
		}
		if e.targets.RegisterIP(arn, t.VPC, t.IP, int(aws.ToInt32(l.ContainerPort)), aws.ToString(t.Task.AvailabilityZone)) == nil {
			registered = append(registered, arn)
		}
	}
	return registered
}

// deregister takes a task from its target groups.
func (e *ECS) deregister(t *task) {
	for _, l := range t.Targets {
		if t.IP == "" {
			continue
		}
		e.targets.DeregisterIP(aws.ToString(l.TargetGroupArn), t.IP, int(aws.ToInt32(l.ContainerPort)))
	}
}

// advance takes the timed steps of a task that are due. It returns when the
// next one is, zero if it waits for something else than time.
func (e *ECS) advance(id string, now time.Time) time.Time {
	for {
		t, ok := e.tasks.Get(id)
		if !ok {
			return time.Time{}
		}
		switch t.status() {
		case provisioning, activating, deactivating, deprovisioning:
			if now.Before(t.Due) {
				return t.Due
			}
		case pending:
			if t.Task.PullStoppedAt != nil {
				if e.running[id] == nil { // it was starting when the sandbox stopped
					e.launch(t)
				}
				return time.Time{}
			}
			if now.Before(t.Due) {
				return t.Due
			}
		case running:
			if e.running[id] == nil { // it was running when the sandbox stopped
				e.launch(t)
			}
			return time.Time{}
		case stopping:
			if p := e.running[id]; p != nil && p.left > 0 {
				return time.Time{}
			}
		case stopped:
			gone := t.Task.StoppedAt.Add(retention)
			if now.Before(gone) {
				return gone
			}
			e.tasks.Delete(id)
			for token, ids := range e.tokens.All() {
				if slices.Contains(ids, id) {
					e.tokens.Delete(token)
				}
			}
			return time.Time{}
		}
		e.step(t.edit(), now)
	}
}

// step takes one due step. t is a copy.
func (e *ECS) step(t *task, now time.Time) {
	switch t.status() {
	case provisioning:
		i, err := e.network.CreateInterface(ec2.InterfaceSpec{
			SubnetID: t.Subnet, Groups: t.Groups, PublicIP: t.PublicIP, OwnerID: account.ID,
			Description: "arn:aws:ecs:" + e.account.Region + ":" + account.ID + ":attachment/" + *t.Task.Attachments[0].Id,
		})
		if err != nil {
			var api *wire.Error
			text := err.Error()
			if errors.As(err, &api) {
				text = api.Code
			}
			t.Task.Attachments[0].Status = aws.String("FAILED")
			e.fail(t, types.TaskStopCodeTaskFailedToStart, fmt.Sprintf("Unexpected EC2 error while attempting to Create Network Interface with public IP assignment %s in subnet '%s': %s", enabled(t.PublicIP), t.Subnet, text), now)
			return
		}
		e.attach(t, i, now)
		t.Task.LastStatus = aws.String(pending)
		t.Due = now.Add(e.timing.Connect)
	case pending:
		if t.Task.PullStartedAt == nil {
			t.Task.PullStartedAt = aws.Time(now)
			t.Due = now.Add(e.timing.Pull)
			break
		}
		t.Task.PullStoppedAt = aws.Time(now)
		if err := e.pull(t); err != nil {
			e.fail(t, types.TaskStopCodeTaskFailedToStart, err.Error(), now)
			return
		}
		if err := e.checkLogs(t); err != nil {
			e.fail(t, types.TaskStopCodeTaskFailedToStart, err.Error(), now)
			return
		}
		e.put(t)
		e.launch(t)
		return
	case activating:
		t.Task.LastStatus = aws.String(running)
		t.Task.StartedAt = aws.Time(now)
	case deactivating:
		t.Task.LastStatus = aws.String(stopping)
		if p := e.running[t.id()]; p != nil {
			e.stopContainers(t, p)
		}
	case stopping:
		e.deprovision(t, now)
	case deprovisioning:
		if t.Interface != "" {
			e.network.DeleteInterface(t.Interface)
		}
		t.Task.Attachments[0].Status = aws.String("DELETED")
		t.Task.Connectivity = types.ConnectivityDisconnected
		t.Task.LastStatus = aws.String(stopped)
		t.Task.StoppedAt = aws.Time(now)
	}
	e.put(t)
}

func enabled(b bool) string {
	if b {
		return "enabled"
	}
	return "disabled"
}

func (e *ECS) attach(t *task, i ec2.Interface, now time.Time) {
	t.Interface, t.VPC, t.IP = i.ID, i.VPCID, i.PrivateIP
	t.Task.AvailabilityZone = aws.String(i.Zone)
	t.Task.Connectivity, t.Task.ConnectivityAt = types.ConnectivityConnected, aws.Time(now)
	a := &t.Task.Attachments[0]
	a.Status = aws.String("ATTACHED")
	a.Details = nil
	for _, d := range [][2]string{
		{"subnetId", i.SubnetID}, {"networkInterfaceId", i.ID}, {"macAddress", i.MAC},
		{"privateDnsName", i.PrivateDNSName}, {"privateIPv4Address", i.PrivateIP},
	} {
		a.Details = append(a.Details, types.KeyValuePair{Name: aws.String(d[0]), Value: aws.String(d[1])})
	}
	for k := range t.Task.Containers {
		t.Task.Containers[k].NetworkInterfaces = []types.NetworkInterface{{AttachmentId: a.Id, PrivateIpv4Address: aws.String(i.PrivateIP)}}
	}
}

// pull finds the images of a task's containers. t is a copy.
func (e *ECS) pull(t *task) error {
	for k := range t.Task.Containers {
		c := &t.Task.Containers[k]
		ref := aws.ToString(c.Image)
		if !e.network.ReachesInternet(t.Subnet, t.PublicIP) {
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

// checkLogs looks for the log groups of a task's containers.
func (e *ECS) checkLogs(t *task) error {
	for _, c := range t.Task.Containers {
		if group, _, ok := logStream(t, e.containerDefinition(t, *c.Name)); ok && !e.logs.HasGroup(group) {
			return errNoGroup
		}
	}
	return nil
}

// launch has the agent start a task's containers, which report back. The agent
// works without the sandbox's lock.
func (e *ECS) launch(t *task) {
	p := &pod{containers: map[string]Container{}, left: len(t.Task.Containers)}
	e.running[t.id()] = p
	type start struct {
		name          string
		spec          fargate.Spec
		group, stream string // of its log, if it has one
		reported      chan struct{}
	}
	var starts []start
	for i, c := range t.Task.Containers {
		def := e.containerDefinition(t, *c.Name)
		var over types.ContainerOverride
		if o := t.Task.Overrides; o != nil && i < len(o.ContainerOverrides) {
			over = o.ContainerOverrides[i]
		}
		image, err := fargate.Pull(aws.ToString(c.Image))
		if err != nil { // it was known when it was pulled
			e.report(report{task: t.id(), container: *c.Name, failed: err})
			continue
		}
		command := def.Command
		if len(over.Command) > 0 {
			command = over.Command
		}
		reported := make(chan struct{})
		group, stream, _ := logStream(t, def)
		starts = append(starts, start{*c.Name, e.spec(t, def, image, command, over, reported), group, stream, reported})
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

func (e *ECS) spec(t *task, def types.ContainerDefinition, image fargate.Image, command []string, over types.ContainerOverride, reported <-chan struct{}) fargate.Spec {
	id, name, vpc, ip := t.id(), aws.ToString(def.Name), t.VPC, t.IP
	var ports []int // only touched by Listening and then, after it, by Exited
	group, stream, logged := logStream(t, def)
	return fargate.Spec{
		Image: image, EntryPoint: def.EntryPoint, Command: command, Env: e.environment(t, def, over),
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
		Exited: func(code int) {
			for _, port := range ports {
				e.backends.Delete(vpc, ip, port)
			}
			<-reported // a container that ends at once has still begun before
			e.report(report{task: id, container: name, code: code})
		},
	}
}

// assumable says in ECS's words if a task's execution role is not there.
func (e *ECS) assumable(d *definition, o *types.TaskOverride) error {
	execution, own := d.Definition.ExecutionRoleArn, d.Definition.TaskRoleArn
	if o != nil && o.ExecutionRoleArn != nil {
		execution = o.ExecutionRoleArn
	}
	if o != nil && o.TaskRoleArn != nil {
		own = o.TaskRoleArn
	}
	for _, arn := range []*string{execution, own} {
		if arn == nil {
			continue
		}
		if r, ok := e.roles.Role(*arn); !ok || !strings.Contains(r.Trust, "ecs-tasks.amazonaws.com") {
			return fmt.Errorf("ECS was unable to assume the role '%s' that was provided for this task. Please verify that the role being passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this role.", *arn)
		}
	}
	return nil
}
