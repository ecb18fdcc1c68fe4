package ecs

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// onFargate reports whether Fargate runs the revision's tasks. All others are
// for container instances, of which the sandbox has none. A revision without
// launch type has a capacity provider strategy, and its providers are Fargate's.
func (r revision) onFargate() bool {
	return r.LaunchType == "" || r.LaunchType == types.LaunchTypeFargate
}

// platform returns the revision's platform version as it is resolved, and its
// platform family; both are nil for tasks on container instances.
func (r revision) platform() (version, family *string) {
	if !r.onFargate() {
		return nil, nil
	}
	return aws.String(resolvePlatform(r.PlatformVersion)), aws.String("Linux")
}

// noInstances is what ECS says where a task finds no container instance.
const noInstances = "No Container Instances were found in your cluster."

// reportNoInstances says that the service's tasks find no container instance. ECS
// sends an event again only after six hours (Developer Guide, "Amazon ECS service
// event messages").
func (p *pass) reportNoInstances() {
	text := fmt.Sprintf("(service %s) was unable to place a task because no container instance met all of its requirements. Reason: %s For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.", p.service.Name, noInstances)
	if events, _ := p.events.Get(p.service.ARN); len(events) > 0 && *events[0].Message == text {
		if at := events[0].CreatedAt.Add(steadyEvery); p.now.Before(at) {
			p.again(at)
			return
		}
	}
	p.event("%s", text)
	p.again(p.now.Add(steadyEvery))
}
