package ecs

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/ec2"
	"workshop/internal/sandbox/wire"
)

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
	switch p := e.running[t.id()]; {
	case t.status() == running && t.Registered && (code == types.TaskStopCodeServiceSchedulerInitiated || code == types.TaskStopCodeUserInitiated && len(t.Targets) > 1):
		// Its connections are drained first: the service's pass says when that is over.
		t.Task.LastStatus, t.Due = aws.String(deactivating), time.Time{}
	case p != nil && p.left() > 0:
		t.Task.LastStatus = aws.String(stopping)
		// A process that has been stopped cannot be had back if this is undone.
		e.account.Store.AfterCommit(func() { e.stopContainers(t, p) })
	default:
		e.deprovision(t, now)
	}
	e.put(t)
	return t
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
			if t.Due.IsZero() || now.Before(t.Due) {
				return t.Due
			}
		case pending:
			if t.Task.PullStoppedAt != nil {
				p := e.running[id]
				if p == nil { // it was starting when the sandbox stopped
					e.launch(t)
					continue
				}
				late := e.startDeadline(t, p)
				if late.IsZero() || now.Before(late) {
					return late
				}
				e.startTimedOut(t, p, now)
				continue
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
			if p := e.running[id]; p != nil && p.left() > 0 {
				return time.Time{}
			}
		case stopped:
			gone := t.Task.StoppedAt.Add(retention)
			if now.Before(gone) {
				return gone
			}
			e.tasks.Delete(id)
			for token, r := range e.requests.All() {
				if slices.Contains(r.Tasks, id) {
					e.requests.Delete(token)
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
			if err := e.initialise(t); err != nil {
				e.fail(t, types.TaskStopCodeTaskFailedToStart, err.Error(), now)
				return
			}
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
		e.deregister(t) // at the latest: the address may be another task's next
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

// unassumable is a role, by its ARN, that tasks cannot have.
type unassumable string

func (u unassumable) Error() string {
	return "ECS was unable to assume the role '" + string(u) + "' that was provided for this task. Please verify that the role being passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this role."
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
			return unassumable(*arn)
		}
	}
	return nil
}
