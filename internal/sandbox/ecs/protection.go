package ecs

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// protection is what is answered about a task's protection from scale-in.
func (t *task) protection(now time.Time) types.ProtectedTask {
	p := types.ProtectedTask{TaskArn: t.Task.TaskArn}
	if now.Before(t.Protected) {
		p.ProtectionEnabled, p.ExpirationDate = true, aws.Time(t.Protected)
	}
	return p
}

// protectable finds tasks of services that run; the others are failures, with the
// reasons that ECS gives.
func (e *ECS) protectable(cluster *types.Cluster, names []string) (found []*task, failures []types.Failure) {
	failures = []types.Failure{}
	for _, name := range names {
		t, ok := e.findTask(cluster, name)
		switch {
		case !ok:
			failures = append(failures, missing(e.arnOf("task/"+*cluster.ClusterName+"/", name)))
		case t.Service == "" || *t.Task.DesiredStatus == stopped:
			failures = append(failures, types.Failure{Arn: t.Task.TaskArn, Reason: aws.String("TASK_NOT_VALID")})
		default:
			found = append(found, t)
		}
	}
	return found, failures
}

func (e *ECS) updateTaskProtection(_ context.Context, in *ecs.UpdateTaskProtectionInput) (*ecs.UpdateTaskProtectionOutput, error) {
	cluster, err := e.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	if len(in.Tasks) == 0 || len(in.Tasks) > 10 {
		return nil, invalid("tasks must have between 1 and 10 items.")
	}
	minutes := int32(120)
	if in.ExpiresInMinutes != nil {
		minutes = *in.ExpiresInMinutes
	}
	if minutes < 1 || minutes > 2880 {
		return nil, invalid("expiresInMinutes must be between 1 and 2880.")
	}
	now := e.now()
	found, failures := e.protectable(cluster, in.Tasks)
	out := &ecs.UpdateTaskProtectionOutput{ProtectedTasks: []types.ProtectedTask{}, Failures: failures}
	for _, t := range found {
		n := t.edit()
		n.Protected = time.Time{}
		if in.ProtectionEnabled {
			n.Protected = now.Add(time.Duration(minutes) * time.Minute)
		}
		e.put(n)
		out.ProtectedTasks = append(out.ProtectedTasks, n.protection(now))
	}
	e.changed()
	return out, nil
}

func (e *ECS) getTaskProtection(_ context.Context, in *ecs.GetTaskProtectionInput) (*ecs.GetTaskProtectionOutput, error) {
	cluster, err := e.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	if len(in.Tasks) > 100 {
		return nil, invalid("tasks can have at most 100 items.")
	}
	found, failures := e.protectable(cluster, in.Tasks)
	out := &ecs.GetTaskProtectionOutput{ProtectedTasks: []types.ProtectedTask{}, Failures: failures}
	for _, t := range found {
		out.ProtectedTasks = append(out.ProtectedTasks, t.protection(e.now()))
	}
	return out, nil
}
