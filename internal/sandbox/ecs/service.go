package ecs

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/wire"
)

// service is one service. Its first deployment is the primary one.
type service struct {
	ARN, Name, Cluster string // Cluster is an ARN
	Status             string
	Role               string // ARN of the one that ECS was given for the load balancers; empty for its own
	Created            time.Time
	Token              string // of the client that created it
	Desired            int32
	Tags               []types.Tag
	Propagate          types.PropagateTags
	ManagedTags        bool
	ExecuteCommand     bool
	Grace              *int32 // seconds
	Rebalancing        types.AvailabilityZoneRebalancing
	Configuration      types.DeploymentConfiguration
	Constraints        []types.PlacementConstraint
	Placement          []types.PlacementStrategy
	Deployments        []deployment

	Steady   bool      // as its last event said
	SteadyAt time.Time // when it was last said
	Gone     time.Time // when it became INACTIVE
	Guarded  string    // what was last said of protected tasks
	Failures int32     // of tasks in a row
	Retry    time.Time // no task is started before
	Impaired bool      // the event that it cannot start tasks was sent
}

// Statuses of deployments.
const primary = "PRIMARY"

// deployment is one set of tasks of the same revision.
type deployment struct {
	ID               string // ecs-svc/…
	Status           string // PRIMARY or ACTIVE
	Revision         revision
	Created, Updated time.Time
	Rollout          types.DeploymentRolloutState
	Reason           string
	Failed           int32     // tasks in a row
	Exceeded         time.Time // when these were too many for the circuit breaker
	Completed        bool      // it was rolled out once: a rollback may return to it
	Record           string    // ARN of its rollout
	Scaled           time.Time // when only its tasks were left, all of them healthy, where alarms are watched
	Muted            []string  // alarms that are not watched, since they went off before

	// Where deployments shift traffic:
	Stage   types.ServiceDeploymentLifecycleStage
	StageAt time.Time            // when it began, or the last step of the production traffic
	Step    int                  // steps of the production traffic that are taken
	Weight  int32                // percent of the production traffic
	Targets []types.LoadBalancer // those of the revision, with the target group that its tasks go to
}

func (s *service) edit() *service {
	n := *s
	n.Deployments = slices.Clone(s.Deployments)
	return &n
}

func (e *ECS) serviceOperations(s *wire.Service) {
	wire.Handle(s, "CreateService", e.createService)
	wire.Handle(s, "UpdateService", e.updateService)
	wire.Handle(s, "DeleteService", e.deleteService)
	wire.Handle(s, "DescribeServices", e.describeServices)
	wire.Handle(s, "ListServices", e.listServices)
}

func (e *ECS) findService(cluster *types.Cluster, name string) (*service, bool) {
	return e.services.Get(e.account.ARN("ecs", "service/"+*cluster.ClusterName+"/"+shortName(name)))
}

// checkTargets checks the load balancers of a service against its containers.
func (e *ECS) checkTargets(d *definition, balancers []types.LoadBalancer) error {
	mode, kind := networkMode(d), "instance"
	if mode == types.NetworkModeAwsvpc {
		kind = "ip"
	}
	for _, l := range balancers {
		arn := aws.ToString(l.TargetGroupArn)
		if arn == "" {
			return invalid("Classic Load Balancers are not supported with Fargate.")
		}
		tg, ok := e.targets.TargetGroup(arn)
		switch {
		case !ok:
			return invalid("The specified target group does not exist: %s", arn)
		case tg.Type != kind:
			return invalid("The provided target group %s has target type %s, which is incompatible with the %s network mode specified in the task definition.", arn, tg.Type, mode)
		case len(tg.LoadBalancers) == 0:
			return invalid("The target group with targetGroupArn %s does not have an associated load balancer.", arn)
		}
		i := slices.IndexFunc(d.Definition.ContainerDefinitions, func(c types.ContainerDefinition) bool { return *c.Name == aws.ToString(l.ContainerName) })
		if i < 0 {
			return invalid("The container %s does not exist in the task definition.", aws.ToString(l.ContainerName))
		}
		port := aws.ToInt32(l.ContainerPort)
		if !slices.ContainsFunc(d.Definition.ContainerDefinitions[i].PortMappings, func(m types.PortMapping) bool { return aws.ToInt32(m.ContainerPort) == port }) {
			return invalid("The container %s did not have a container port %d defined.", aws.ToString(l.ContainerName), port)
		}
	}
	return nil
}

// configured returns a deployment configuration with what AWS fills in.
func configured(in *types.DeploymentConfiguration) (types.DeploymentConfiguration, error) {
	var c types.DeploymentConfiguration
	if in != nil {
		c = *in
	}
	if c.Strategy == "" {
		c.Strategy = types.DeploymentStrategyRolling
	}
	if len(c.LifecycleHooks) > 0 {
		return c, unsupported("The sandbox calls no lifecycle hooks.")
	}
	if c.BakeTimeInMinutes == nil {
		c.BakeTimeInMinutes = aws.Int32(0)
	}
	if c.MaximumPercent == nil {
		c.MaximumPercent = aws.Int32(200)
	}
	if c.MinimumHealthyPercent == nil {
		c.MinimumHealthyPercent = aws.Int32(100)
	}
	if c.DeploymentCircuitBreaker == nil {
		c.DeploymentCircuitBreaker = &types.DeploymentCircuitBreaker{}
	}
	least, most := *c.MinimumHealthyPercent, *c.MaximumPercent
	switch {
	case least < 0:
		return c, invalid("minimumHealthyPercent must be at least 0")
	case least > 100:
		return c, invalid("minimumHealthyPercent must be at most 100")
	case most < 100:
		return c, invalid("maximumPercent must be at least 100")
	case least == 100 && most == 100:
		return c, invalid("Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.")
	}
	return c, nil
}

// checkSupported refuses what the sandbox has not, in requests that make or change
// a service.
func checkSupported(c *types.DeploymentController, lattice []types.VpcLatticeConfiguration, gateways []types.GatewayConnector, m *types.MonitoringConfiguration) error {
	switch {
	case c != nil && c.Type != types.DeploymentControllerTypeEcs:
		return unsupported("The sandbox has no deployment controller but ECS.")
	case len(lattice) > 0:
		return unsupported("The sandbox has no VPC Lattice.")
	case len(gateways) > 0:
		return unsupported("The sandbox has no gateway connectors.")
	case m != nil && len(m.MetricConfigurations) > 0:
		return unsupported("The sandbox has metrics of 60 seconds only.")
	}
	return nil
}

func (e *ECS) createService(_ context.Context, in *ecs.CreateServiceInput) (*ecs.CreateServiceOutput, error) {
	cluster, err := e.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	name := aws.ToString(in.ServiceName)
	if !named(name) {
		return nil, invalid("Invalid service name. It must be at most 255 letters, numbers, hyphens and underscores.")
	}
	if old, ok := e.findService(cluster, name); ok && old.Status != inactive {
		switch {
		case old.Status == draining:
			return nil, invalid("Unable to Start a service that is still Draining.")
		case in.ClientToken != nil && *in.ClientToken == old.Token:
			return &ecs.CreateServiceOutput{Service: e.describeService(old, true)}, nil
		}
		return nil, invalid("Creation of service was not idempotent.")
	}
	if err := checkSupported(in.DeploymentController, in.VpcLatticeConfigurations, in.GatewayConnectors, in.Monitoring); err != nil {
		return nil, err
	}
	d, err := e.usable(in.TaskDefinition)
	if err != nil {
		return nil, err
	}
	desired := aws.ToInt32(in.DesiredCount)
	if desired < 0 {
		return nil, invalid("desiredCount must not be negative.")
	}
	r, err := e.revisionOf(cluster, d, in.LaunchType, in.CapacityProviderStrategy, in.NetworkConfiguration, in.PlatformVersion)
	if err != nil {
		return nil, err
	}
	switch {
	case aws.ToString(in.Role) != "" && r.Network != nil:
		return nil, invalid("You cannot specify an IAM role for services that require a service linked role.")
	case in.SchedulingStrategy == types.SchedulingStrategyDaemon && r.onFargate():
		return nil, invalid("The DAEMON scheduling strategy is not supported for tasks using the Fargate launch type.")
	case in.SchedulingStrategy == types.SchedulingStrategyDaemon:
		return nil, unsupported("The sandbox has no container instances, which daemon services need.")
	}
	if err := checkPlacement(r, in.PlacementConstraints, in.PlacementStrategy); err != nil {
		return nil, err
	}
	if err := cmp.Or(e.checkTargets(d, in.LoadBalancers), checkLaunchVolumes(d, serviceVolumes(in.VolumeConfigurations)),
		e.checkConnect(cluster, in.ServiceConnectConfiguration), checkTags(in.Tags), checkExec(in.EnableExecuteCommand, d.Definition.TaskRoleArn, "service couldn't be created")); err != nil {
		return nil, err
	}
	if in.HealthCheckGracePeriodSeconds != nil && *in.HealthCheckGracePeriodSeconds > 0 && len(in.LoadBalancers) == 0 {
		return nil, invalid("Health check grace period is only valid for services configured to use load balancers")
	}
	configuration, err := configured(in.DeploymentConfiguration)
	if err != nil {
		return nil, err
	}
	if err := e.checkShift(configuration, in.LoadBalancers); err != nil {
		return nil, err
	}
	r.LoadBalancers, r.Registries, r.Connect, r.Volumes = orEmpty(in.LoadBalancers), orEmpty(in.ServiceRegistries), in.ServiceConnectConfiguration, in.VolumeConfigurations
	now := e.now()
	s := &service{
		ARN: e.account.ARN("ecs", "service/"+*cluster.ClusterName+"/"+name), Name: name, Cluster: *cluster.ClusterArn,
		Status: active, Role: aws.ToString(in.Role), Created: now, Token: aws.ToString(in.ClientToken), Desired: desired,
		Tags: orEmpty(in.Tags), Propagate: in.PropagateTags, ManagedTags: in.EnableECSManagedTags,
		ExecuteCommand: in.EnableExecuteCommand, Grace: in.HealthCheckGracePeriodSeconds,
		Rebalancing: in.AvailabilityZoneRebalancing, Configuration: configuration,
		Constraints: orEmpty(in.PlacementConstraints), Placement: orEmpty(in.PlacementStrategy),
	}
	if s.Propagate == "" {
		s.Propagate = types.PropagateTagsNone
	}
	if s.Rebalancing == "" {
		s.Rebalancing = types.AvailabilityZoneRebalancingEnabled
	}
	if s.Grace == nil && len(in.LoadBalancers) > 0 {
		s.Grace = aws.Int32(0)
	}
	e.events.Delete(s.ARN)
	e.deploy(s, r, now)
	e.services.Put(s.ARN, s)
	e.changed()
	return &ecs.CreateServiceOutput{Service: e.describeService(s, true)}, nil
}

// deploy puts a new primary deployment in front of a service's others. s must
// be a copy.
func (e *ECS) deploy(s *service, r revision, now time.Time) {
	id := "ecs-svc/" + account.Digits(19)
	d := deployment{
		ID: id, Status: primary, Revision: r, Created: now, Updated: now,
		Rollout: types.DeploymentRolloutStateInProgress, Reason: "ECS deployment " + id + " in progress.",
	}
	e.start(s, &d, now)
	d.Muted = e.alarming(s)
	d.Record = e.startRollout(s, d, now)
	for i := range s.Deployments {
		s.Deployments[i].Status = active
		s.Deployments[i].Updated = now
	}
	s.Deployments = append([]deployment{d}, s.Deployments...)
	s.Steady, s.Failures, s.Retry, s.Impaired = false, 0, time.Time{}, false
}

func (e *ECS) updateService(_ context.Context, in *ecs.UpdateServiceInput) (*ecs.UpdateServiceOutput, error) {
	cluster, err := e.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	old, ok := e.findService(cluster, aws.ToString(in.Service))
	if !ok {
		return nil, &types.ServiceNotFoundException{Message: aws.String("Service not found.")}
	}
	if old.Status != active {
		return nil, &types.ServiceNotActiveException{Message: aws.String("Service was not ACTIVE.")}
	}
	if err := checkSupported(in.DeploymentController, in.VpcLatticeConfigurations, in.GatewayConnectors, in.Monitoring); err != nil {
		return nil, err
	}
	s := old.edit()
	was := s.Deployments[0].Revision
	r := was
	redeploy := in.ForceNewDeployment
	definitionName := aws.String(was.TaskDefinition)
	if aws.ToString(in.TaskDefinition) != "" {
		definitionName = in.TaskDefinition
	}
	if redeploy || in.TaskDefinition != nil || in.NetworkConfiguration != nil || in.CapacityProviderStrategy != nil || in.PlatformVersion != nil || in.LoadBalancers != nil || in.ServiceRegistries != nil {
		d, err := e.usable(definitionName)
		if err != nil {
			return nil, err
		}
		launch, providers, network, version := was.LaunchType, was.Providers, was.Network, was.PlatformVersion
		if in.CapacityProviderStrategy != nil {
			launch, providers = "", in.CapacityProviderStrategy
			if len(providers) == 0 {
				launch = cmp.Or(was.LaunchType, types.LaunchTypeFargate)
			}
		}
		if in.NetworkConfiguration != nil {
			network = in.NetworkConfiguration
		}
		if in.PlatformVersion != nil {
			version = *in.PlatformVersion
		}
		n, err := e.revisionOf(cluster, d, launch, providers, network, &version)
		if err != nil {
			return nil, err
		}
		n.LoadBalancers, n.Registries, n.Connect, n.Volumes = was.LoadBalancers, was.Registries, was.Connect, was.Volumes
		if in.LoadBalancers != nil {
			n.LoadBalancers = in.LoadBalancers
		}
		if in.ServiceRegistries != nil {
			n.Registries = in.ServiceRegistries
		}
		if err := e.checkTargets(d, n.LoadBalancers); err != nil {
			return nil, err
		}
		r = n
	}
	if err := checkPlacement(r, in.PlacementConstraints, in.PlacementStrategy); err != nil {
		return nil, err
	}
	if in.ServiceConnectConfiguration != nil {
		if err := e.checkConnect(cluster, in.ServiceConnectConfiguration); err != nil {
			return nil, err
		}
		r.Connect = in.ServiceConnectConfiguration
	}
	if in.VolumeConfigurations != nil {
		if d, ok := e.definition(r.TaskDefinition); ok {
			if err := checkLaunchVolumes(d, serviceVolumes(in.VolumeConfigurations)); err != nil {
				return nil, err
			}
		}
		r.Volumes = in.VolumeConfigurations
	}
	if in.DeploymentConfiguration != nil {
		c := *in.DeploymentConfiguration
		if c.MaximumPercent == nil {
			c.MaximumPercent = s.Configuration.MaximumPercent
		}
		if c.MinimumHealthyPercent == nil {
			c.MinimumHealthyPercent = s.Configuration.MinimumHealthyPercent
		}
		if c.DeploymentCircuitBreaker == nil {
			c.DeploymentCircuitBreaker = s.Configuration.DeploymentCircuitBreaker
		}
		if c.Alarms == nil {
			c.Alarms = s.Configuration.Alarms
		}
		if c.BakeTimeInMinutes == nil {
			c.BakeTimeInMinutes = s.Configuration.BakeTimeInMinutes
		}
		if c.Strategy == "" {
			c.Strategy = s.Configuration.Strategy
		}
		if s.Configuration, err = configured(&c); err != nil {
			return nil, err
		}
	}
	if in.DeploymentConfiguration != nil || in.LoadBalancers != nil {
		if err := e.checkShift(s.Configuration, r.LoadBalancers); err != nil {
			return nil, err
		}
	}
	if in.HealthCheckGracePeriodSeconds != nil {
		if *in.HealthCheckGracePeriodSeconds > 0 && len(r.LoadBalancers) == 0 {
			return nil, invalid("Health check grace period is only valid for services configured to use load balancers")
		}
		s.Grace = in.HealthCheckGracePeriodSeconds
	}
	if in.EnableECSManagedTags != nil {
		s.ManagedTags = *in.EnableECSManagedTags
	}
	if in.EnableExecuteCommand != nil {
		s.ExecuteCommand = *in.EnableExecuteCommand
	}
	if d, ok := e.definition(r.TaskDefinition); ok {
		if err := checkExec(s.ExecuteCommand, d.Definition.TaskRoleArn, "service couldn't be updated"); err != nil {
			return nil, err
		}
	}
	if in.PropagateTags != "" {
		s.Propagate = in.PropagateTags
	}
	if in.AvailabilityZoneRebalancing != "" {
		s.Rebalancing = in.AvailabilityZoneRebalancing
	}
	if in.PlacementConstraints != nil {
		s.Constraints = in.PlacementConstraints
	}
	if in.PlacementStrategy != nil {
		s.Placement = in.PlacementStrategy
	}
	now := e.now()
	if in.DesiredCount != nil {
		if *in.DesiredCount < 0 {
			return nil, invalid("desiredCount must not be negative.")
		}
		if s.Desired != *in.DesiredCount {
			s.Deployments[0].Updated = now
			s.Steady = false
		}
		s.Desired = *in.DesiredCount
	}
	s.Retry, s.Failures, s.Impaired = time.Time{}, 0, false // an update ends any back-off
	redeploy = redeploy || !same(r, was)
	if redeploy {
		e.deploy(s, r, now)
	}
	e.services.Put(s.ARN, s)
	e.changed()
	shown := e.describeService(s, true)
	if redeploy {
		shown.Deployments[0].DesiredCount = 0 // the scheduler has not looked at it yet
	}
	return &ecs.UpdateServiceOutput{Service: shown}, nil
}

// SetDesiredCount changes how many tasks a service wants, as Application Auto
// Scaling does. The sandbox's lock must be held.
func (e *ECS) SetDesiredCount(cluster, name string, count int32) error {
	_, err := e.updateService(context.Background(), &ecs.UpdateServiceInput{Cluster: aws.String(cluster), Service: aws.String(name), DesiredCount: aws.Int32(count)})
	return err
}

// DesiredCount returns how many tasks a service wants and has running; ok is
// false for one that is not there or not active. The sandbox's lock must be held.
func (e *ECS) DesiredCount(cluster, name string) (desired, runs int32, ok bool) {
	s, ok := e.services.Get(e.account.ARN("ecs", "service/"+shortName(cluster)+"/"+shortName(name)))
	if !ok || s.Status != active {
		return 0, 0, false
	}
	for _, t := range e.tasks.All() {
		if t.Service == s.ARN && t.status() == running {
			runs++
		}
	}
	return s.Desired, runs, true
}

func (e *ECS) deleteService(_ context.Context, in *ecs.DeleteServiceInput) (*ecs.DeleteServiceOutput, error) {
	cluster, err := e.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	old, ok := e.findService(cluster, aws.ToString(in.Service))
	if !ok {
		return nil, &types.ServiceNotFoundException{Message: aws.String("Service not found.")}
	}
	if old.Status == inactive {
		return nil, &types.ServiceNotActiveException{Message: aws.String("Service was not ACTIVE.")}
	}
	s := old.edit()
	if s.Status == active {
		if s.Desired > 0 && !aws.ToBool(in.Force) {
			return nil, invalid("The service cannot be stopped while it is scaled above 0.")
		}
		s.Status, s.Desired = draining, 0
		s.Deployments[0].Updated = e.now()
		e.services.Put(s.ARN, s)
		e.changed()
	}
	return &ecs.DeleteServiceOutput{Service: e.describeService(s, true)}, nil
}

func (e *ECS) listServices(_ context.Context, in *ecs.ListServicesInput) (*ecs.ListServicesOutput, error) {
	cluster, err := e.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	var arns []string
	for _, s := range e.services.All() {
		if s.Cluster == *cluster.ClusterArn && s.Status == active &&
			(in.LaunchType == "" || in.LaunchType == s.Deployments[0].Revision.LaunchType) &&
			(in.SchedulingStrategy == "" || in.SchedulingStrategy == types.SchedulingStrategyReplica) &&
			(in.ResourceManagementType == "" || in.ResourceManagementType == types.ResourceManagementTypeCustomer) {
			arns = append(arns, s.ARN)
		}
	}
	slices.Sort(arns)
	limit := in.MaxResults
	if limit == nil {
		limit = aws.Int32(10)
	}
	arns, next, err := page(arns, in.NextToken, limit)
	return &ecs.ListServicesOutput{ServiceArns: arns, NextToken: next}, err
}

func (e *ECS) describeServices(_ context.Context, in *ecs.DescribeServicesInput) (*ecs.DescribeServicesOutput, error) {
	cluster, err := e.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	if len(in.Services) == 0 {
		return nil, invalid("Services cannot be empty.")
	}
	if len(in.Services) > 10 {
		return nil, invalid("Services cannot have more than 10 elements.")
	}
	out := &ecs.DescribeServicesOutput{Services: []types.Service{}, Failures: []types.Failure{}}
	for _, name := range in.Services {
		s, ok := e.findService(cluster, name)
		if !ok || strings.HasPrefix(name, "arn:") && name != s.ARN && strings.Count(name, "/") > 1 {
			out.Failures = append(out.Failures, missing(e.arnOf("service/"+*cluster.ClusterName+"/", name)))
			continue
		}
		out.Services = append(out.Services, *e.describeService(s, slices.Contains(in.Include, types.ServiceFieldTags)))
	}
	return out, nil
}

// counts is how many tasks there are, by what DescribeServices tells apart.
type counts struct{ running, pending, wanted int32 }

func (c *counts) add(t *task) {
	switch t.status() {
	case running:
		c.running++
	case provisioning, pending, activating:
		c.pending++
	}
	if t.wanted() && t.live() {
		c.wanted++
	}
}

func (e *ECS) describeService(s *service, tags bool) *types.Service {
	var all counts
	each := map[string]*counts{}
	for _, t := range e.tasks.All() {
		if t.Service != s.ARN {
			continue
		}
		all.add(t)
		if each[t.Deployment] == nil {
			each[t.Deployment] = &counts{}
		}
		each[t.Deployment].add(t)
	}
	events, _ := e.events.Get(s.ARN)
	out := &types.Service{
		ServiceArn: aws.String(s.ARN), ServiceName: aws.String(s.Name), ClusterArn: aws.String(s.Cluster), Status: aws.String(s.Status),
		DesiredCount: s.Desired, RunningCount: all.running, PendingCount: all.pending,
		DeploymentConfiguration: &s.Configuration, DeploymentController: &types.DeploymentController{Type: types.DeploymentControllerTypeEcs},
		Events: orEmpty(events), CreatedAt: aws.Time(s.Created), CreatedBy: aws.String(e.account.UserARN()),
		PlacementConstraints: orEmpty(s.Constraints), PlacementStrategy: orEmpty(s.Placement),
		HealthCheckGracePeriodSeconds: s.Grace, SchedulingStrategy: types.SchedulingStrategyReplica,
		EnableECSManagedTags: s.ManagedTags, EnableExecuteCommand: s.ExecuteCommand, PropagateTags: s.Propagate,
		AvailabilityZoneRebalancing: s.Rebalancing, Deployments: []types.Deployment{}, Tags: []types.Tag{},
		RoleArn:                aws.String(cmp.Or(s.Role, e.account.GlobalARN("iam", "role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"))),
		ResourceManagementType: types.ResourceManagementTypeCustomer,
	}
	if tags {
		out.Tags = orEmpty(s.Tags)
	}
	if len(s.Deployments) > 0 {
		r := s.Deployments[0].Revision
		out.TaskDefinition, out.LaunchType, out.NetworkConfiguration = aws.String(r.TaskDefinition), r.LaunchType, r.Network
		out.LoadBalancers, out.ServiceRegistries = orEmpty(r.LoadBalancers), orEmpty(r.Registries)
		if r.LaunchType == "" {
			out.CapacityProviderStrategy = r.Providers
		}
		if out.PlatformVersion, out.PlatformFamily = r.platform(); r.onFargate() {
			out.PlatformVersion = aws.String(cmp.Or(r.PlatformVersion, "LATEST"))
		}
	}
	if s.Status == inactive {
		return out
	}
	for i, d := range s.Deployments {
		n := each[d.ID]
		if n == nil {
			n = &counts{}
		}
		shown := types.Deployment{
			Id: aws.String(d.ID), Status: aws.String(d.Status), TaskDefinition: aws.String(d.Revision.TaskDefinition),
			DesiredCount: n.wanted, RunningCount: n.running, PendingCount: n.pending, FailedTasks: d.Failed,
			CreatedAt: aws.Time(d.Created), UpdatedAt: aws.Time(d.Updated),
			LaunchType: d.Revision.LaunchType, NetworkConfiguration: d.Revision.Network, RolloutState: d.Rollout, RolloutStateReason: aws.String(d.Reason),
			ServiceConnectConfiguration: d.Revision.Connect, VolumeConfigurations: d.Revision.Volumes,
		}
		shown.PlatformVersion, shown.PlatformFamily = d.Revision.platform()
		if d.Revision.LaunchType == "" {
			shown.CapacityProviderStrategy = d.Revision.Providers
		}
		if i == 0 && d.Rollout != types.DeploymentRolloutStateFailed {
			shown.DesiredCount = s.Desired
		}
		out.Deployments = append(out.Deployments, shown)
	}
	if p := s.Deployments; len(p) > 0 {
		out.CurrentServiceDeployment = aws.String(p[0].Record)
		for _, d := range p {
			n := each[d.ID]
			if n == nil {
				n = &counts{}
			}
			out.CurrentServiceRevisions = append(out.CurrentServiceRevisions, types.ServiceCurrentRevisionSummary{
				Arn: aws.String(e.revisionARN(s, d)), RequestedTaskCount: n.wanted, RunningTaskCount: n.running, PendingTaskCount: n.pending,
			})
		}
	}
	return out
}
