package ecs

import (
	"fmt"
	"slices"
	"strings"

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

// revisionOf checks how tasks of a definition are to run. Without launch type and
// strategy they run as the cluster's default strategy says, else on container
// instances (API reference, CreateService: launchType).
func (e *ECS) revisionOf(cluster *types.Cluster, d *definition, launch types.LaunchType, providers []types.CapacityProviderStrategyItem, network *types.NetworkConfiguration, version *string) (revision, error) {
	r := revision{TaskDefinition: d.arn(), LaunchType: launch, Providers: providers, PlatformVersion: aws.ToString(version)}
	if launch != "" && len(providers) > 0 {
		return r, invalid("Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.")
	}
	if launch == "" && len(providers) == 0 {
		r.Providers = cluster.DefaultCapacityProviderStrategy
		if len(r.Providers) == 0 {
			r.LaunchType = types.LaunchTypeEc2
		}
	}
	for _, p := range r.Providers {
		if !slices.Contains(cluster.CapacityProviders, aws.ToString(p.CapacityProvider)) {
			return r, invalid("The specified capacity provider '%s' was not found.", aws.ToString(p.CapacityProvider))
		}
	}
	if err := checkStrategy(r.Providers); err != nil {
		return r, err
	}
	switch {
	case !slices.Contains([]types.LaunchType{"", types.LaunchTypeEc2, types.LaunchTypeFargate, types.LaunchTypeExternal}, r.LaunchType):
		return r, invalid("launch type should be one of [EC2,FARGATE,EXTERNAL]")
	case !r.onFargate() && r.PlatformVersion != "":
		return r, invalid("The platform version must be null when specifying an %s launch type.", r.LaunchType)
	case r.onFargate() && !slices.Contains(d.Definition.Compatibilities, types.CompatibilityFargate):
		return r, invalid("Task definition does not support launch_type FARGATE.")
	case r.PlatformVersion != "" && !slices.Contains([]string{"LATEST", "1.4.0", "1.3.0"}, r.PlatformVersion):
		return r, &types.PlatformUnknownException{Message: aws.String("The specified platform does not exist.")}
	}
	var err error
	r.Network, err = e.checkNetwork(d, r.onFargate(), network)
	return r, err
}

// checkStrategy checks the weights and bases of a capacity provider strategy.
func checkStrategy(strategy []types.CapacityProviderStrategyItem) error {
	weights, bases := 0, 0
	for _, s := range strategy {
		if s.Weight > 0 {
			weights++
		}
		if s.Base > 0 {
			bases++
		}
	}
	switch {
	case len(strategy) > 0 && weights == 0:
		return invalid("There are no capacity providers in the capacity provider strategy with a weight value greater than zero. Specify a weight value greater than zero for at least one capacity provider and try again.")
	case bases > 1:
		return invalid("There are multiple capacity providers in the specified capacity provider strategy with a base value greater than zero. Only one capacity provider can have a base value greater than zero. Specify a valid capacity provider strategy and try again.")
	}
	return nil
}

// checkNetwork checks a network configuration against a definition's network mode
// and the network that is there, and fills in what AWS does.
func (e *ECS) checkNetwork(d *definition, fargate bool, network *types.NetworkConfiguration) (*types.NetworkConfiguration, error) {
	awsvpc := d.Definition.NetworkMode == types.NetworkModeAwsvpc
	given := network != nil && network.AwsvpcConfiguration != nil
	switch {
	case !awsvpc && given:
		return nil, invalid("Network Configuration is not valid for the given networkMode of this task definition.")
	case !awsvpc:
		return nil, nil
	case !given:
		return nil, invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
	}
	v := *network.AwsvpcConfiguration
	if v.AssignPublicIp == "" {
		v.AssignPublicIp = types.AssignPublicIpDisabled
	}
	v.SecurityGroups = orEmpty(v.SecurityGroups)
	switch {
	case !fargate && v.AssignPublicIp == types.AssignPublicIpEnabled:
		return nil, invalid("Assign public IP is not supported for this launch type.")
	case len(v.Subnets) == 0:
		return nil, invalid("subnets can not be empty.")
	case len(v.Subnets) > 16:
		return nil, invalid("subnets can have at most 16 items.")
	case len(v.SecurityGroups) > 5:
		return nil, invalid("securityGroups can have at most 5 items.")
	}
	vpc := ""
	for _, id := range v.Subnets {
		s, ok := e.network.Subnet(id)
		switch {
		case !ok:
			return nil, invalid("Error retrieving subnet information for [%s]: The subnet ID '%s' does not exist (ErrorCode: InvalidSubnetID.NotFound)", strings.Join(v.Subnets, ", "), id)
		case vpc != "" && s.VPCID != vpc:
			return nil, invalid("subnets must belong to the same VPC.")
		}
		vpc = s.VPCID
	}
	for _, id := range v.SecurityGroups {
		g, ok := e.network.Group(id)
		switch {
		case !ok:
			return nil, invalid("Error retrieving security group information for [%s]: The security group '%s' does not exist (ErrorCode: InvalidGroup.NotFound)", strings.Join(v.SecurityGroups, ", "), id)
		case g.VPCID != vpc:
			return nil, invalid("Security group %s does not appear to belong to the same VPC as the input subnets.", id)
		}
	}
	return &types.NetworkConfiguration{AwsvpcConfiguration: &v}, nil
}

// checkPlacement refuses placement of tasks that Fargate places.
func checkPlacement(r revision, constraints []types.PlacementConstraint, strategy []types.PlacementStrategy) error {
	switch {
	case !r.onFargate():
		return nil
	case len(constraints) > 0:
		return invalid("Placement constraints are not supported with FARGATE launch type.")
	case len(strategy) > 0:
		return invalid("Placement strategies are not supported with FARGATE launch type.")
	}
	return nil
}
