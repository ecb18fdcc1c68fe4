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

// Statuses of clusters and services.
const (
	active   = "ACTIVE"
	draining = "DRAINING"
	inactive = "INACTIVE"
)

var nameForm = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// named reports whether a name is one that ECS takes. The length is not the
// expression's to count: making that took a millisecond of each start.
func named(name string) bool { return len(name) <= 255 && nameForm.MatchString(name) }

func (e *ECS) clusterOperations(s *wire.Service) {
	wire.Handle(s, "CreateCluster", e.createCluster)
	wire.Handle(s, "DescribeClusters", e.describeClusters)
	wire.Handle(s, "ListClusters", e.listClusters)
	wire.Handle(s, "UpdateCluster", e.updateCluster)
	wire.Handle(s, "UpdateClusterSettings", e.updateClusterSettings)
	wire.Handle(s, "PutClusterCapacityProviders", e.putClusterCapacityProviders)
	wire.Handle(s, "DeleteCluster", e.deleteCluster)
	wire.Handle(s, "DescribeCapacityProviders", e.describeCapacityProviders)
	wire.Handle(s, "ListContainerInstances", e.listContainerInstances)
}

// shortName is the last part of an ARN, or the name that it already is.
func shortName(s string) string { return s[strings.LastIndexByte(s, '/')+1:] }

// cluster finds an active cluster by name or ARN; none named is "default".
func (e *ECS) cluster(name *string) (*types.Cluster, error) {
	n := shortName(aws.ToString(name))
	if n == "" {
		n = "default"
	}
	c, ok := e.clusters.Get(n)
	switch {
	case !ok:
		return nil, &types.ClusterNotFoundException{Message: aws.String("Cluster not found.")}
	case aws.ToString(c.Status) != active:
		return nil, &types.ClusterNotFoundException{Message: aws.String("The referenced cluster was inactive.")}
	}
	return c, nil
}

func (e *ECS) createCluster(_ context.Context, in *ecs.CreateClusterInput) (*ecs.CreateClusterOutput, error) {
	name := aws.ToString(in.ClusterName)
	if name == "" {
		name = "default"
	}
	if !named(name) {
		return nil, invalid("The cluster name must be at most 255 letters, numbers, hyphens and underscores.")
	}
	if c, ok := e.clusters.Get(name); ok && *c.Status == active {
		return &ecs.CreateClusterOutput{Cluster: e.describeCluster(c, true, true)}, nil
	}
	if err := cmp.Or(e.checkProviders(in.CapacityProviders, in.DefaultCapacityProviderStrategy), checkTags(in.Tags)); err != nil {
		return nil, err
	}
	connect, err := connectDefaults(in.ServiceConnectDefaults)
	if err != nil {
		return nil, err
	}
	c := &types.Cluster{
		ClusterArn: aws.String(e.account.ARN("ecs", "cluster/"+name)), ClusterName: aws.String(name),
		Status: aws.String(active), Settings: clusterSettings(nil, in.Settings), Configuration: in.Configuration,
		CapacityProviders:               orEmpty(in.CapacityProviders),
		DefaultCapacityProviderStrategy: orEmpty(in.DefaultCapacityProviderStrategy),
		ServiceConnectDefaults:          connect,
		Tags:                            orEmpty(in.Tags),
	}
	e.clusters.Put(name, c)
	return &ecs.CreateClusterOutput{Cluster: e.describeCluster(c, true, true)}, nil
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// clusterSettings lays changes over settings; Container Insights is off unless
// said.
func clusterSettings(old, changes []types.ClusterSetting) []types.ClusterSetting {
	out := slices.Clone(old)
	if len(out) == 0 {
		out = []types.ClusterSetting{{Name: types.ClusterSettingNameContainerInsights, Value: aws.String("disabled")}}
	}
	for _, c := range changes {
		i := slices.IndexFunc(out, func(s types.ClusterSetting) bool { return s.Name == c.Name })
		if i < 0 {
			out = append(out, c)
			continue
		}
		out[i].Value = c.Value
	}
	return out
}

func (e *ECS) checkProviders(names []string, strategy []types.CapacityProviderStrategyItem) error {
	for _, n := range names {
		if n != "FARGATE" && n != "FARGATE_SPOT" {
			return invalid("The specified capacity provider '%s' is not in an ACTIVE state. Specify a valid capacity provider and try again.", n)
		}
	}
	for _, i := range strategy {
		if !slices.Contains(names, aws.ToString(i.CapacityProvider)) {
			return invalid("The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster. Associate the capacity provider with the cluster or specify a valid capacity provider and try again.")
		}
	}
	return checkStrategy(strategy)
}

// describeCluster is a cluster as it is answered, with what is counted.
func (e *ECS) describeCluster(c *types.Cluster, tags, settings bool) *types.Cluster {
	out := *c
	for _, t := range e.tasks.All() {
		if t.Cluster != *c.ClusterArn {
			continue
		}
		switch *t.Task.LastStatus {
		case provisioning, pending, activating:
			out.PendingTasksCount++
		case running:
			out.RunningTasksCount++
		}
	}
	services := int32(0)
	for _, s := range e.services.All() {
		if s.Cluster == *c.ClusterArn && s.Status == active {
			services++
		}
	}
	out.ActiveServicesCount = services
	out.Statistics = []types.KeyValuePair{}
	if !tags {
		out.Tags = []types.Tag{}
	}
	if !settings {
		out.Settings = []types.ClusterSetting{}
	}
	return &out
}

func (e *ECS) describeClusters(_ context.Context, in *ecs.DescribeClustersInput) (*ecs.DescribeClustersOutput, error) {
	out := &ecs.DescribeClustersOutput{Clusters: []types.Cluster{}, Failures: []types.Failure{}}
	names := in.Clusters
	if len(names) == 0 {
		names = []string{"default"}
	}
	if len(names) > 100 {
		return nil, invalid("clusters can have at most 100 items.")
	}
	for _, n := range names {
		c, ok := e.clusters.Get(shortName(n))
		if !ok {
			out.Failures = append(out.Failures, missing(e.arnOf("cluster/", n)))
			continue
		}
		d := e.describeCluster(c, slices.Contains(in.Include, types.ClusterFieldTags), slices.Contains(in.Include, types.ClusterFieldSettings))
		if slices.Contains(in.Include, types.ClusterFieldStatistics) {
			count := func(name string, n int32) {
				d.Statistics = append(d.Statistics, types.KeyValuePair{Name: aws.String(name), Value: aws.String(strconv.Itoa(int(n)))})
			}
			count("runningEC2TasksCount", 0)
			count("runningFargateTasksCount", d.RunningTasksCount)
			count("pendingEC2TasksCount", 0)
			count("pendingFargateTasksCount", d.PendingTasksCount)
			count("activeEC2ServiceCount", 0)
			count("activeFargateServiceCount", d.ActiveServicesCount)
			count("drainingEC2ServiceCount", 0)
			count("drainingFargateServiceCount", 0)
		}
		out.Clusters = append(out.Clusters, *d)
	}
	return out, nil
}

// arnOf is the ARN that a name stands for, or the ARN that it already is.
func (e *ECS) arnOf(prefix, name string) string {
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	return e.account.ARN("ecs", prefix+name)
}

func (e *ECS) listClusters(_ context.Context, in *ecs.ListClustersInput) (*ecs.ListClustersOutput, error) {
	var arns []string
	for _, c := range e.clusters.All() {
		if *c.Status == active {
			arns = append(arns, *c.ClusterArn)
		}
	}
	arns, next, err := page(arns, in.NextToken, in.MaxResults)
	return &ecs.ListClustersOutput{ClusterArns: arns, NextToken: next}, err
}

func (e *ECS) updateCluster(_ context.Context, in *ecs.UpdateClusterInput) (*ecs.UpdateClusterOutput, error) {
	old, err := e.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	c := *old
	c.Settings = clusterSettings(c.Settings, in.Settings)
	if in.Configuration != nil {
		c.Configuration = in.Configuration
	}
	if in.ServiceConnectDefaults != nil {
		if c.ServiceConnectDefaults, err = connectDefaults(in.ServiceConnectDefaults); err != nil {
			return nil, err
		}
	}
	e.clusters.Put(*c.ClusterName, &c)
	return &ecs.UpdateClusterOutput{Cluster: e.describeCluster(&c, true, true)}, nil
}

func (e *ECS) updateClusterSettings(_ context.Context, in *ecs.UpdateClusterSettingsInput) (*ecs.UpdateClusterSettingsOutput, error) {
	old, err := e.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	c := *old
	c.Settings = clusterSettings(c.Settings, in.Settings)
	e.clusters.Put(*c.ClusterName, &c)
	return &ecs.UpdateClusterSettingsOutput{Cluster: e.describeCluster(&c, true, true)}, nil
}

func (e *ECS) putClusterCapacityProviders(_ context.Context, in *ecs.PutClusterCapacityProvidersInput) (*ecs.PutClusterCapacityProvidersOutput, error) {
	old, err := e.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	if err := e.checkProviders(in.CapacityProviders, in.DefaultCapacityProviderStrategy); err != nil {
		return nil, err
	}
	for _, t := range e.tasks.All() {
		if t.Cluster == *old.ClusterArn && t.alive() && t.Task.CapacityProviderName != nil && !slices.Contains(in.CapacityProviders, *t.Task.CapacityProviderName) {
			return nil, &types.ResourceInUseException{Message: aws.String("The specified capacity provider is in use and cannot be removed.")}
		}
	}
	c := *old
	c.CapacityProviders = orEmpty(in.CapacityProviders)
	c.DefaultCapacityProviderStrategy = orEmpty(in.DefaultCapacityProviderStrategy)
	e.clusters.Put(*c.ClusterName, &c)
	return &ecs.PutClusterCapacityProvidersOutput{Cluster: e.describeCluster(&c, true, true)}, nil
}

func (e *ECS) deleteCluster(_ context.Context, in *ecs.DeleteClusterInput) (*ecs.DeleteClusterOutput, error) {
	old, err := e.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	for _, s := range e.services.All() {
		if s.Cluster == *old.ClusterArn && s.Status != inactive {
			return nil, &types.ClusterContainsServicesException{Message: aws.String("The Cluster cannot be deleted while Services are active.")}
		}
	}
	for _, t := range e.tasks.All() {
		if t.Cluster == *old.ClusterArn && t.alive() {
			return nil, &types.ClusterContainsTasksException{Message: aws.String("The Cluster cannot be deleted while Tasks are active.")}
		}
	}
	c := *old
	c.Status = aws.String(inactive)
	c.Tags, c.CapacityProviders, c.DefaultCapacityProviderStrategy = []types.Tag{}, []string{}, []types.CapacityProviderStrategyItem{}
	e.clusters.Put(*c.ClusterName, &c)
	return &ecs.DeleteClusterOutput{Cluster: e.describeCluster(&c, true, true)}, nil
}

func (e *ECS) describeCapacityProviders(_ context.Context, in *ecs.DescribeCapacityProvidersInput) (*ecs.DescribeCapacityProvidersOutput, error) {
	out := &ecs.DescribeCapacityProvidersOutput{CapacityProviders: []types.CapacityProvider{}, Failures: []types.Failure{}}
	names := in.CapacityProviders
	if len(names) == 0 {
		names = []string{"FARGATE", "FARGATE_SPOT"}
	}
	names, next, err := page(names, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	out.NextToken = next
	for _, n := range names {
		short := shortName(n)
		if short != "FARGATE" && short != "FARGATE_SPOT" {
			out.Failures = append(out.Failures, missing(e.arnOf("capacity-provider/", n)))
			continue
		}
		out.CapacityProviders = append(out.CapacityProviders, types.CapacityProvider{
			CapacityProviderArn: aws.String(e.account.ARN("ecs", "capacity-provider/"+short)), Name: aws.String(short),
			Status: types.CapacityProviderStatusActive, Tags: []types.Tag{},
		})
	}
	return out, nil
}

// listContainerInstances lists none: all tasks run on Fargate.
func (e *ECS) listContainerInstances(_ context.Context, in *ecs.ListContainerInstancesInput) (*ecs.ListContainerInstancesOutput, error) {
	if _, err := e.cluster(in.Cluster); err != nil {
		return nil, err
	}
	arns, next, err := page([]string{}, in.NextToken, in.MaxResults)
	return &ecs.ListContainerInstancesOutput{ContainerInstanceArns: arns, NextToken: next}, err
}
