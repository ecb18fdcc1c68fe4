package fargate

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"

	"workshop/internal/clean"
	"workshop/internal/diagnose"
)

// describeAtMost is the number of tasks that DescribeTasks takes at once.
const describeAtMost = 100

// Look is one whole look at the service: five calls, one more for every revision of the
// task definition, and more where there are over a hundred tasks. A service or cluster
// that does not exist is not an error: Service.Status is empty then. Errors are
// *diagnose.Error.
func Look(ctx context.Context, c *Clients, ref Ref) (Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var o observer
	var service Service
	var events []ServiceEvent
	var tasks []Task
	var targets []Target
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		service, events, err = c.service(gctx, ref)
		return err
	})
	g.Go(func() (err error) {
		tasks, targets, err = o.tasks(gctx, c, ref)
		return err
	})
	if err := g.Wait(); err != nil {
		return Snapshot{}, err
	}
	now := time.Now().UTC()
	return Snapshot{AsOf: now, TasksAsOf: now, Service: service, Tasks: tasks, Targets: targets, Events: events,
		Calls: CallRate{LastMinute: c.calls.LastMinute()}}, nil
}

// service asks for the service alone: one call.
func (c *Clients) service(ctx context.Context, ref Ref) (Service, []ServiceEvent, error) {
	out, err := c.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &ref.Cluster, Services: []string{ref.Service}})
	if missing(err) {
		return Service{Name: ref.Service}, nil, nil
	}
	if err != nil {
		return Service{}, nil, diagnose.Explain("describe the service "+ref.Service, err)
	}
	if len(out.Services) == 0 {
		return Service{Name: ref.Service}, nil, nil
	}
	s := &out.Services[0]
	service := describe(s)
	events := make([]ServiceEvent, 0, len(s.Events))
	for _, e := range s.Events {
		events = append(events, ServiceEvent{
			ID:      aws.ToString(e.Id),
			Time:    aws.ToTime(e.CreatedAt),
			Message: clean.Line(aws.ToString(e.Message)),
		})
	}
	slices.SortStableFunc(events, func(a, b ServiceEvent) int { return b.Time.Compare(a.Time) })
	return service, events, nil
}

// describe is what a service says of itself, events aside.
func describe(s *ecstypes.Service) Service {
	service := Service{
		Name:    clean.Line(aws.ToString(s.ServiceName)),
		Cluster: last(aws.ToString(s.ClusterArn)),
		ARN:     aws.ToString(s.ServiceArn),
		Status:  aws.ToString(s.Status),
		Desired: int(s.DesiredCount),
		Running: int(s.RunningCount),
		Pending: int(s.PendingCount),
	}
	for _, d := range s.Deployments {
		service.Deployments = append(service.Deployments, Deployment{
			ID:       aws.ToString(d.Id),
			Status:   aws.ToString(d.Status),
			Revision: last(aws.ToString(d.TaskDefinition)),
			Desired:  int(d.DesiredCount),
			Running:  int(d.RunningCount),
			Pending:  int(d.PendingCount),
			Failed:   int(d.FailedTasks),
			Rollout:  string(d.RolloutState),
			Reason:   clean.Line(aws.ToString(d.RolloutStateReason)),
			Created:  aws.ToTime(d.CreatedAt),
			Updated:  aws.ToTime(d.UpdatedAt),
		})
	}
	slices.SortStableFunc(service.Deployments, func(a, b Deployment) int {
		if pa, pb := a.Status == "PRIMARY", b.Status == "PRIMARY"; pa != pb {
			if pa {
				return -1
			}
			return 1
		}
		return b.Created.Compare(a.Created)
	})
	if len(service.Deployments) > 0 && service.Deployments[0].Status == "PRIMARY" {
		service.Rollout = service.Deployments[0].Rollout
	}
	return service
}

// observer remembers the tasks that have stopped and the task definitions: they do not
// change any more, so they are described once.
type observer struct {
	stopped     map[string]Task       // by ARN
	definitions map[string]definition // by ARN
	first       map[string]string     // by ARN of a task: the essential container seen stopped while others were not
	history     history
}

// definition is what a task definition tells about its containers, by name.
type definition map[string]*ecstypes.ContainerDefinition

// optional tells whether the container's end does not end the task; "If the essential
// parameter is omitted, a container is assumed to be essential" (ContainerDefinition in the
// API reference). What the task definition does not name, AWS has added.
func (d definition) optional(container string) bool {
	if d == nil {
		return false
	}
	c := d[container]
	return c == nil || c.Essential != nil && !*c.Essential
}

// checked tells whether an essential container has a health check: those alone decide on a
// task's health.
func (d definition) checked() bool {
	for name, c := range d {
		if c.HealthCheck != nil && !d.optional(name) {
			return true
		}
	}
	return false
}

// definition asks for a task definition once; nil where the caller may not, or it is gone.
func (o *observer) definition(ctx context.Context, c *Clients, arn string) definition {
	if d, known := o.definitions[arn]; known || arn == "" {
		return d
	}
	out, err := c.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &arn})
	var refused smithy.APIError
	if err != nil && !errors.As(err, &refused) {
		return nil // no answer: the next look asks again
	}
	var d definition
	if err == nil && out.TaskDefinition != nil {
		d = definition{}
		for i := range out.TaskDefinition.ContainerDefinitions {
			c := &out.TaskDefinition.ContainerDefinitions[i]
			d[aws.ToString(c.Name)] = c
		}
	}
	if o.definitions == nil {
		o.definitions = map[string]definition{}
	}
	o.definitions[arn] = d
	return d
}

// notice remembers which of a task's essential containers stopped while others had not.
func (o *observer) notice(t *ecstypes.Task, of definition) {
	arn := aws.ToString(t.TaskArn)
	if _, known := o.first[arn]; known {
		return
	}
	essential, stopped := 0, []string{}
	for i := range t.Containers {
		name := aws.ToString(t.Containers[i].Name)
		if of.optional(name) {
			continue
		}
		essential++
		if aws.ToString(t.Containers[i].LastStatus) == "STOPPED" {
			stopped = append(stopped, name)
		}
	}
	if len(stopped) == 1 && essential > 1 {
		if o.first == nil {
			o.first = map[string]string{}
		}
		o.first[arn] = stopped[0]
	}
}

// tasks asks for the service's tasks, running and stopped, with their health in
// the target group, and for the targets there.
func (o *observer) tasks(ctx context.Context, c *Clients, ref Ref) ([]Task, []Target, error) {
	var running, stopped []string
	var targets []Target
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		running, err = c.list(gctx, ref, ecstypes.DesiredStatusRunning)
		return err
	})
	g.Go(func() (err error) {
		stopped, err = c.list(gctx, ref, ecstypes.DesiredStatusStopped)
		return err
	})
	g.Go(func() (err error) {
		targets, err = c.targets(gctx, ref)
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, nil, err
	}

	known := make(map[string]Task, len(stopped))
	ask := running
	var tasks []Task
	for _, arn := range stopped {
		if t, ok := o.stopped[arn]; ok {
			known[arn] = t
			tasks = append(tasks, t)
			continue
		}
		// A task that stopped between the two lists is in both.
		if !slices.Contains(running, arn) {
			ask = append(ask, arn)
		}
	}
	o.stopped = known
	for batch := range slices.Chunk(ask, describeAtMost) {
		out, err := c.ecs.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &ref.Cluster, Tasks: batch})
		if missing(err) {
			break
		}
		if err != nil {
			return nil, nil, diagnose.Explain("describe the tasks of "+ref.Service, err)
		}
		for i := range out.Tasks {
			of := o.definition(ctx, c, aws.ToString(out.Tasks[i].TaskDefinitionArn))
			o.notice(&out.Tasks[i], of)
			t := task(&out.Tasks[i], targets, of, o.first[aws.ToString(out.Tasks[i].TaskArn)])
			if t.Status == "STOPPED" {
				delete(o.first, t.ARN)
				known[t.ARN] = t
			}
			tasks = append(tasks, t)
		}
	}
	slices.SortStableFunc(tasks, order)
	return tasks, withTasks(targets, tasks), nil
}

func (c *Clients) list(ctx context.Context, ref Ref, desired ecstypes.DesiredStatus) ([]string, error) {
	var arns []string
	pages := ecs.NewListTasksPaginator(c.ecs, &ecs.ListTasksInput{
		Cluster: &ref.Cluster, ServiceName: &ref.Service, DesiredStatus: desired,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if missing(err) {
			return nil, nil
		}
		if err != nil {
			return nil, diagnose.Explain("list the tasks of "+ref.Service, err)
		}
		arns = append(arns, page.TaskArns...)
	}
	return arns, nil
}

// missing reports that what was asked for is not there, or not any more.
func missing(err error) bool {
	var cluster *ecstypes.ClusterNotFoundException
	var service *ecstypes.ServiceNotFoundException
	var group *elbtypes.TargetGroupNotFoundException
	return errors.As(err, &cluster) || errors.As(err, &service) || errors.As(err, &group)
}

// order puts what runs first, oldest first, then what stopped, last stopped first.
func order(a, b Task) int {
	sa, sb := a.Status == "STOPPED", b.Status == "STOPPED"
	switch {
	case sa != sb && sb:
		return -1
	case sa != sb:
		return 1
	case sa && a.Stopped != nil && b.Stopped != nil && !a.Stopped.Equal(*b.Stopped):
		return b.Stopped.Compare(*a.Stopped)
	}
	return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
}

func task(t *ecstypes.Task, targets []Target, of definition, first string) Task {
	task := Task{
		ID:              last(aws.ToString(t.TaskArn)),
		ARN:             aws.ToString(t.TaskArn),
		Status:          aws.ToString(t.LastStatus),
		DesiredStatus:   aws.ToString(t.DesiredStatus),
		ContainerHealth: cmp.Or(string(t.HealthStatus), string(ecstypes.HealthStatusUnknown)),
		Zone:            aws.ToString(t.AvailabilityZone),
		Revision:        last(aws.ToString(t.TaskDefinitionArn)),
		Platform:        clean.Line(aws.ToString(t.PlatformVersion)),
		Created:         aws.ToTime(t.CreatedAt),
		PullStarted:     t.PullStartedAt,
		PullStopped:     t.PullStoppedAt,
		Started:         t.StartedAt,
		Stopping:        t.StoppingAt,
		Stopped:         t.StoppedAt,
		StopCode:        string(t.StopCode),
		StoppedReason:   clean.Line(aws.ToString(t.StoppedReason)),
	}
	for _, a := range t.Attachments {
		for _, d := range a.Details {
			if aws.ToString(d.Name) == "privateIPv4Address" {
				task.Address = aws.ToString(d.Value)
			}
		}
	}
	for i := range t.Containers {
		c := &t.Containers[i]
		if task.Address == "" && len(c.NetworkInterfaces) > 0 {
			task.Address = aws.ToString(c.NetworkInterfaces[0].PrivateIpv4Address)
		}
		container := Container{
			Name:   clean.Line(aws.ToString(c.Name)),
			Image:  clean.Line(aws.ToString(c.Image)),
			Digest: clean.Line(aws.ToString(c.ImageDigest)),
			Status: aws.ToString(c.LastStatus),
			Reason: clean.Line(aws.ToString(c.Reason)),

			Optional: of.optional(aws.ToString(c.Name)),
			First:    first != "" && aws.ToString(c.Name) == first,
		}
		if c.ExitCode != nil {
			code := int(*c.ExitCode)
			container.ExitCode = &code
		}
		task.Containers = append(task.Containers, container)
	}
	// An address is given out again soon: a stopped task's may be another's now.
	if i := slices.IndexFunc(targets, func(x Target) bool { return x.Address == task.Address }); i >= 0 && task.Address != "" && task.Status != "STOPPED" {
		x := targets[i]
		task.Target, task.TargetReason = x.State, x.Description
		if x.Answer != nil && !x.Answer.Fine {
			task.Answer = x.Answer
		}
	}
	task.Health, task.HealthBy = health(task, of.checked())
	switch {
	case task.Status == "STOPPED" || task.StopCode != "":
		task.Answer = Why(task)
	case task.Answer == nil && task.Health == string(ecstypes.HealthStatusUnhealthy) && strings.Contains(task.HealthBy, ByContainer):
		if a, ok := diagnose.Service("container-unhealthy"); ok {
			task.Answer = &a
		}
	}
	return task
}

// health is the worse of what ECS says of the containers and what the load balancer says of
// the target, and which of the two it is. Where neither has a check it is UNKNOWN by nobody.
func health(t Task, checked bool) (health, by string) {
	const healthy, unhealthy, unknown = string(ecstypes.HealthStatusHealthy), string(ecstypes.HealthStatusUnhealthy), string(ecstypes.HealthStatusUnknown)
	container, target := "", ""
	if checked || t.ContainerHealth != unknown {
		container = t.ContainerHealth
	}
	switch elbtypes.TargetHealthStateEnum(t.Target) {
	case "":
	case elbtypes.TargetHealthStateEnumHealthy:
		target = healthy
	case elbtypes.TargetHealthStateEnumUnhealthy, elbtypes.TargetHealthStateEnumUnhealthyDraining:
		target = unhealthy
	default:
		target = unknown
	}
	for _, worst := range []string{unhealthy, unknown, healthy} {
		switch {
		case container == worst && target == worst:
			return worst, ByContainer + " and " + ByTarget
		case container == worst:
			return worst, ByContainer
		case target == worst:
			return worst, ByTarget
		}
	}
	return unknown, ""
}

// Why returns what is known about why a task stopped, written for commands; nil where
// nothing is.
func Why(t Task) *Answer {
	facts := diagnose.Facts{StopCode: t.StopCode, Reason: t.StoppedReason}
	for _, c := range t.Containers {
		facts.Containers = append(facts.Containers, diagnose.Container{Name: c.Name, Reason: c.Reason, ExitCode: c.ExitCode, Optional: c.Optional, First: c.First})
	}
	if a, ok := diagnose.Stopped(facts); ok {
		return &a
	}
	return nil
}
