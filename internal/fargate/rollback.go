package fargate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"workshop/internal/clean"
	"workshop/internal/diagnose"
)

// ErrNoRevision: there is no earlier revision that has been rolled out.
var ErrNoRevision = errors.New("no other revision of the service is known to have been rolled out, so there is nothing to go back to")

// Earlier returns the revision (family:number) to which a service can go back: the one
// named, as family:number or as a number; where name is empty, the last one that was rolled
// out successfully and is not the present one. The error is ErrNoRevision or says what is
// wrong with the name.
func (s *Snapshot) Earlier(name string) (string, error) {
	if len(s.Service.Deployments) == 0 {
		return "", ErrNoRevision
	}
	present := s.Service.Deployments[0].Revision
	if name == "" {
		for _, d := range s.History {
			if d.Successful() && d.Revision != present {
				return d.Revision, nil
			}
		}
		return "", ErrNoRevision
	}
	family, _, _ := strings.Cut(present, ":")
	number := name
	if f, n, ok := strings.Cut(name, ":"); ok {
		if f != family {
			return "", fmt.Errorf("the service runs the task definition %s, not %s", clean.Line(family), clean.Line(f))
		}
		number = n
	}
	if n, err := strconv.Atoi(number); err != nil || n < 1 {
		return "", fmt.Errorf("%q is no revision: it is a number such as 3, or %s:3", clean.Line(name), clean.Line(family))
	}
	revision := family + ":" + number
	if revision == present {
		return "", fmt.Errorf("the service runs revision %s already", clean.Line(revision))
	}
	return revision, nil
}

// Rollback has the service run an earlier revision (family:number), and returns the one that
// it runs then. ECS starts no tasks of a revision that was deregistered ("you can't ...
// update an existing service to reference an INACTIVE task definition", Developer Guide): a
// copy of such a one is registered under a new number first. Errors are *diagnose.Error.
func (c *Clients) Rollback(ctx context.Context, ref Ref, revision string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := c.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{
		TaskDefinition: &revision, Include: []ecstypes.TaskDefinitionField{ecstypes.TaskDefinitionFieldTags},
	})
	if err != nil {
		return "", diagnose.Explain("describe the task definition "+revision, err)
	}
	if out.TaskDefinition.Status != ecstypes.TaskDefinitionStatusActive {
		made, err := c.ecs.RegisterTaskDefinition(ctx, again(out))
		if err != nil {
			return "", diagnose.Explain("register a copy of the task definition "+revision, err)
		}
		revision = last(aws.ToString(made.TaskDefinition.TaskDefinitionArn))
	}
	_, err = c.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: &ref.Cluster, Service: &ref.Service, TaskDefinition: &revision})
	return revision, diagnose.Explain("go back to "+revision, err)
}

// again asks for the same task definition once more, with its tags.
func again(of *ecs.DescribeTaskDefinitionOutput) *ecs.RegisterTaskDefinitionInput {
	d := of.TaskDefinition
	tags := slices.DeleteFunc(slices.Clone(of.Tags), func(t ecstypes.Tag) bool { return strings.HasPrefix(aws.ToString(t.Key), "aws:") })
	return &ecs.RegisterTaskDefinitionInput{
		Family: d.Family, ContainerDefinitions: d.ContainerDefinitions, Cpu: d.Cpu, Memory: d.Memory,
		NetworkMode: d.NetworkMode, RequiresCompatibilities: d.RequiresCompatibilities, RuntimePlatform: d.RuntimePlatform,
		ExecutionRoleArn: d.ExecutionRoleArn, TaskRoleArn: d.TaskRoleArn, Volumes: d.Volumes, EphemeralStorage: d.EphemeralStorage,
		PlacementConstraints: d.PlacementConstraints, ProxyConfiguration: d.ProxyConfiguration, PidMode: d.PidMode, IpcMode: d.IpcMode,
		EnableFaultInjection: d.EnableFaultInjection, Tags: tags,
	}
}
