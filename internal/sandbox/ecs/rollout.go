package ecs

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"workshop/internal/sandbox/wire"
)

// rollout is what stays known of a deployment after it has left its service:
// the "service deployment" of the newer API, with the revisions it went between.
type rollout struct {
	Deployment types.ServiceDeployment
	Revision   types.ServiceRevision
}

func (e *ECS) rolloutOperations(s *wire.Service) {
	wire.Handle(s, "ListServiceDeployments", e.listServiceDeployments)
	wire.Handle(s, "DescribeServiceDeployments", e.describeServiceDeployments)
	wire.Handle(s, "DescribeServiceRevisions", e.describeServiceRevisions)
	wire.Handle(s, "StopServiceDeployment", e.stopServiceDeployment)
}

// stopServiceDeployment ends a rollout that is under way: it goes back to the last
// completed deployment or, with ABORT, stays where it is.
func (e *ECS) stopServiceDeployment(_ context.Context, in *ecs.StopServiceDeploymentInput) (*ecs.StopServiceDeploymentOutput, error) {
	arn := aws.ToString(in.ServiceDeploymentArn)
	r, ok := e.rollouts.Get(arn)
	if !ok {
		return nil, &types.ServiceDeploymentNotFoundException{Message: aws.String("The specified service deployment was not found.")}
	}
	old, ok := e.services.Get(*r.Deployment.ServiceArn)
	if !ok || r.Deployment.Status != types.ServiceDeploymentStatusInProgress || old.Deployments[0].Record != arn {
		return nil, &types.ConflictException{Message: aws.String("The service deployment is not in progress.")}
	}
	s, now := old.edit(), e.now()
	i := slices.IndexFunc(s.Deployments, func(d deployment) bool { return d.Completed })
	d := &s.Deployments[0]
	const reason = "Service deployment stopped by request."
	switch {
	case in.StopType == types.StopServiceDeploymentStopTypeAbort:
		e.endRollout(arn, types.ServiceDeploymentStatusStopped, reason, now)
	case i <= 0:
		return nil, invalid("There is no completed service deployment to roll back to.")
	default:
		n := *r
		to := aws.String(e.revisionARN(s, s.Deployments[i]))
		n.Deployment.Status, n.Deployment.StatusReason, n.Deployment.UpdatedAt = types.ServiceDeploymentStatusRollbackInProgress, aws.String(reason), aws.Time(now)
		n.Deployment.Rollback = &types.Rollback{Reason: aws.String(reason), StartedAt: aws.Time(now), ServiceRevisionArn: to}
		e.rollouts.Put(arn, &n)
	}
	d.Rollout, d.Reason, d.Updated = types.DeploymentRolloutStateFailed, reason, now
	if in.StopType != types.StopServiceDeploymentStopTypeAbort {
		p := &pass{ECS: e, now: now, service: s}
		p.event("(service %s) rolling back to deployment %s.", s.Name, s.Deployments[i].ID)
		p.rollBack(i, "ECS deployment "+s.Deployments[i].ID+" in progress.")
	}
	e.services.Put(s.ARN, s)
	e.changed()
	return &ecs.StopServiceDeploymentOutput{ServiceDeploymentArn: aws.String(arn)}, nil
}

func (e *ECS) revisionARN(s *service, d deployment) string {
	return e.account.ARN("ecs", "service-revision/"+shortName(s.Cluster)+"/"+s.Name+"/"+shortName(d.ID))
}

// same reports whether tasks of both revisions would be alike.
func same(a, b revision) bool {
	x, errX := json.Marshal(a.plain())
	y, errY := json.Marshal(b.plain())
	return errX == nil && errY == nil && string(x) == string(y)
}

// plain spells a revision in the one way in which equal ones are equal: clients
// leave out what is empty or send it so, and mix up the order of sets.
func (r revision) plain() revision {
	if len(r.Providers) == 0 {
		r.Providers = nil
	}
	if len(r.LoadBalancers) == 0 {
		r.LoadBalancers = nil
	}
	if len(r.Registries) == 0 {
		r.Registries = nil
	}
	if len(r.Volumes) == 0 {
		r.Volumes = nil
	}
	if r.Connect != nil && !r.Connect.Enabled {
		r.Connect = nil
	}
	if r.PlatformVersion == "LATEST" {
		r.PlatformVersion = ""
	}
	if r.Network != nil && r.Network.AwsvpcConfiguration != nil {
		v := *r.Network.AwsvpcConfiguration
		v.Subnets, v.SecurityGroups = slices.Sorted(slices.Values(v.Subnets)), slices.Sorted(slices.Values(v.SecurityGroups))
		r.Network = &types.NetworkConfiguration{AwsvpcConfiguration: &v}
	}
	return r
}

// threshold is how many failed tasks trip a service's circuit breaker: half of
// those desired, at least 3 and at most 200.
func threshold(desired int32) int32 { return min(max((desired+1)/2, 3), 200) }

// startRollout records a new deployment and returns its ARN.
func (e *ECS) startRollout(s *service, d deployment, now time.Time) string {
	arn := e.account.ARN("ecs", "service-deployment/"+shortName(s.Cluster)+"/"+s.Name+"/"+deploymentName())
	r := &rollout{
		Deployment: types.ServiceDeployment{
			ServiceDeploymentArn: aws.String(arn), ServiceArn: aws.String(s.ARN), ClusterArn: aws.String(s.Cluster),
			CreatedAt: aws.Time(now), StartedAt: aws.Time(now), UpdatedAt: aws.Time(now),
			Status: types.ServiceDeploymentStatusInProgress, DeploymentConfiguration: &s.Configuration,
			TargetServiceRevision:  &types.ServiceRevisionSummary{Arn: aws.String(e.revisionARN(s, d)), RequestedTaskCount: s.Desired},
			SourceServiceRevisions: []types.ServiceRevisionSummary{},
		},
		Revision: types.ServiceRevision{
			ServiceRevisionArn: aws.String(e.revisionARN(s, d)), ServiceArn: aws.String(s.ARN), ClusterArn: aws.String(s.Cluster),
			TaskDefinition: aws.String(d.Revision.TaskDefinition), LaunchType: d.Revision.LaunchType, CapacityProviderStrategy: d.Revision.Providers,
			LoadBalancers: d.Revision.LoadBalancers, ServiceRegistries: d.Revision.Registries, NetworkConfiguration: d.Revision.Network,
			ServiceConnectConfiguration: d.Revision.Connect, VolumeConfigurations: d.Revision.Volumes,
			ContainerImages: []types.ContainerImage{}, CreatedAt: aws.Time(now), ResolvedConfiguration: resolved(d),
		},
	}
	r.Revision.PlatformVersion, r.Revision.PlatformFamily = d.Revision.platform()
	if def, ok := e.definition(d.Revision.TaskDefinition); ok {
		for _, c := range def.Definition.ContainerDefinitions {
			r.Revision.ContainerImages = append(r.Revision.ContainerImages, types.ContainerImage{ContainerName: c.Name, Image: c.Image})
		}
	}
	for _, o := range s.Deployments {
		r.Deployment.SourceServiceRevisions = append(r.Deployment.SourceServiceRevisions, types.ServiceRevisionSummary{Arn: aws.String(e.revisionARN(s, o))})
		// What was still under way is superseded.
		e.endRollout(o.Record, types.ServiceDeploymentStatusStopped, "Service deployment stopped due to new service deployment.", now)
	}
	breaker := &types.ServiceDeploymentCircuitBreaker{Status: types.ServiceDeploymentRollbackMonitorsStatusDisabled, Threshold: threshold(s.Desired)}
	if s.Configuration.DeploymentCircuitBreaker.Enable {
		breaker.Status = types.ServiceDeploymentRollbackMonitorsStatusMonitoring
	}
	r.Deployment.DeploymentCircuitBreaker = breaker
	r.Deployment.Alarms = &types.ServiceDeploymentAlarms{Status: types.ServiceDeploymentRollbackMonitorsStatusDisabled}
	if names := s.watched(); len(names) > 0 {
		r.Deployment.Alarms.Status, r.Deployment.Alarms.AlarmNames = types.ServiceDeploymentRollbackMonitorsStatusMonitoring, names
	}
	e.rollouts.Put(arn, r)
	e.forgetRollouts(s.ARN)
	return arn
}

// deploymentName is the random part of a service deployment's ARN: 21 letters, digits,
// hyphens and underscores.
func deploymentName() string {
	b := make([]byte, 16)
	rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)[:21]
}

// forgetRollouts keeps a service's last hundred.
func (e *ECS) forgetRollouts(arn string) {
	var keys []string
	for k, r := range e.rollouts.All() {
		if *r.Deployment.ServiceArn == arn {
			keys = append(keys, k)
		}
	}
	for len(keys) > 100 {
		e.rollouts.Delete(keys[0])
		keys = keys[1:]
	}
}

// endRollout closes a record that is still open.
func (e *ECS) endRollout(arn string, status types.ServiceDeploymentStatus, reason string, now time.Time) {
	old, ok := e.rollouts.Get(arn)
	if !ok || old.Deployment.FinishedAt != nil {
		return
	}
	r := *old
	if r.Deployment.Rollback != nil && status == types.ServiceDeploymentStatusSuccessful {
		status = types.ServiceDeploymentStatusRollbackSuccessful
	}
	r.Deployment.Status, r.Deployment.UpdatedAt, r.Deployment.FinishedAt = status, aws.Time(now), aws.Time(now)
	if reason != "" {
		r.Deployment.StatusReason = aws.String(reason)
	}
	if shifts(*r.Deployment.DeploymentConfiguration) {
		r.Deployment.LifecycleStage = types.ServiceDeploymentLifecycleStageCleanUp
	}
	if b := r.Deployment.DeploymentCircuitBreaker; b != nil && b.Status == types.ServiceDeploymentRollbackMonitorsStatusMonitoring {
		c := *b
		c.Status = types.ServiceDeploymentRollbackMonitorsStatusMonitoringComplete
		r.Deployment.DeploymentCircuitBreaker = &c
	}
	if a := r.Deployment.Alarms; a != nil && a.Status == types.ServiceDeploymentRollbackMonitorsStatusMonitoring {
		c := *a
		c.Status = types.ServiceDeploymentRollbackMonitorsStatusMonitoringComplete
		r.Deployment.Alarms = &c
	}
	e.rollouts.Put(arn, &r)
}

// failRollout notes what became of a deployment that is given up. to is the ARN of the
// service revision that a rollback goes to.
func (p *pass) failRollout(arn string, f fault, status types.ServiceDeploymentStatus, to, reason string) {
	old, ok := p.rollouts.Get(arn)
	if !ok {
		return
	}
	r := *old
	r.Deployment.Status, r.Deployment.UpdatedAt, r.Deployment.StatusReason = status, aws.Time(p.now), aws.String(reason)
	f.note(&r.Deployment)
	if to != "" {
		r.Deployment.Rollback = &types.Rollback{Reason: aws.String(reason), StartedAt: aws.Time(p.now), ServiceRevisionArn: aws.String(to)}
	} else {
		r.Deployment.StoppedAt, r.Deployment.FinishedAt = aws.Time(p.now), aws.Time(p.now)
	}
	p.rollouts.Put(arn, &r)
}

func (e *ECS) listServiceDeployments(_ context.Context, in *ecs.ListServiceDeploymentsInput) (*ecs.ListServiceDeploymentsOutput, error) {
	name := aws.ToString(in.Service)
	arn := name
	if !strings.HasPrefix(name, "arn:") {
		cluster, err := e.cluster(in.Cluster)
		if err != nil {
			return nil, err
		}
		arn = e.account.ARN("ecs", "service/"+*cluster.ClusterName+"/"+name)
	}
	if _, ok := e.services.Get(arn); !ok {
		return nil, &types.ServiceNotFoundException{Message: aws.String("Service not found.")}
	}
	var out []types.ServiceDeploymentBrief
	for _, r := range e.rollouts.All() {
		d := r.Deployment
		if *d.ServiceArn != arn || len(in.Status) > 0 && !slices.Contains(in.Status, d.Status) {
			continue
		}
		if c := in.CreatedAt; c != nil && (c.After != nil && d.CreatedAt.Before(*c.After) || c.Before != nil && d.CreatedAt.After(*c.Before)) {
			continue
		}
		out = append(out, types.ServiceDeploymentBrief{
			ServiceDeploymentArn: d.ServiceDeploymentArn, ServiceArn: d.ServiceArn, ClusterArn: d.ClusterArn, CreatedAt: d.CreatedAt,
			StartedAt: d.StartedAt, FinishedAt: d.FinishedAt, Status: d.Status, StatusReason: d.StatusReason, TargetServiceRevisionArn: d.TargetServiceRevision.Arn,
		})
	}
	slices.Reverse(out) // newest first
	out, next, err := page(out, in.NextToken, in.MaxResults)
	return &ecs.ListServiceDeploymentsOutput{ServiceDeployments: out, NextToken: next}, err
}

func (e *ECS) describeServiceDeployments(_ context.Context, in *ecs.DescribeServiceDeploymentsInput) (*ecs.DescribeServiceDeploymentsOutput, error) {
	out := &ecs.DescribeServiceDeploymentsOutput{ServiceDeployments: []types.ServiceDeployment{}, Failures: []types.Failure{}}
	for _, arn := range in.ServiceDeploymentArns {
		r, ok := e.rollouts.Get(arn)
		if !ok {
			out.Failures = append(out.Failures, missing(arn))
			continue
		}
		d := r.Deployment
		if s, ok := e.services.Get(*d.ServiceArn); ok && (d.FinishedAt == nil || len(s.Deployments) > 0 && s.Deployments[0].Record == arn) {
			e.countRollout(s, &d)
		}
		if d.Alarms == nil { // as in the records of earlier versions of the sandbox
			d.Alarms = &types.ServiceDeploymentAlarms{Status: types.ServiceDeploymentRollbackMonitorsStatusDisabled}
		}
		out.ServiceDeployments = append(out.ServiceDeployments, d)
	}
	return out, nil
}

// countRollout fills in how far a service's last rollout is.
func (e *ECS) countRollout(s *service, d *types.ServiceDeployment) {
	shown := e.describeService(s, false)
	d.SourceServiceRevisions = slices.Clone(d.SourceServiceRevisions)
	target := *d.TargetServiceRevision
	d.TargetServiceRevision = &target
	for _, r := range shown.CurrentServiceRevisions {
		fill := func(to *types.ServiceRevisionSummary) {
			if *to.Arn == *r.Arn {
				to.RequestedTaskCount, to.RunningTaskCount, to.PendingTaskCount = r.RequestedTaskCount, r.RunningTaskCount, r.PendingTaskCount
			}
		}
		fill(&target)
		for i := range d.SourceServiceRevisions {
			fill(&d.SourceServiceRevisions[i])
		}
	}
	for _, dep := range s.Deployments {
		for i := range d.SourceServiceRevisions {
			dep.showWeights(e.revisionARN(s, dep), &d.SourceServiceRevisions[i])
		}
		dep.showWeights(e.revisionARN(s, dep), &target)
	}
	d.LifecycleStage = s.Deployments[0].Stage
	for _, dep := range s.Deployments {
		// A rollback keeps the number of failures that it began with.
		if b := d.DeploymentCircuitBreaker; dep.Record == *d.ServiceDeploymentArn && b != nil && b.Status == types.ServiceDeploymentRollbackMonitorsStatusMonitoring {
			b := *b
			b.FailureCount = dep.Failed
			d.DeploymentCircuitBreaker = &b
		}
	}
}

func (e *ECS) describeServiceRevisions(_ context.Context, in *ecs.DescribeServiceRevisionsInput) (*ecs.DescribeServiceRevisionsOutput, error) {
	out := &ecs.DescribeServiceRevisionsOutput{ServiceRevisions: []types.ServiceRevision{}, Failures: []types.Failure{}}
	for _, arn := range in.ServiceRevisionArns {
		found := false
		for _, r := range e.rollouts.All() {
			if *r.Revision.ServiceRevisionArn == arn {
				out.ServiceRevisions = append(out.ServiceRevisions, r.Revision)
				found = true
				break
			}
		}
		if !found {
			out.Failures = append(out.Failures, missing(arn))
		}
	}
	return out, nil
}
