package ecs

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/uuid"
)

// reconcile takes every step that is due at now and returns when to look again,
// zero if only a change can bring something to do. The sandbox's lock must be
// held. It is the whole scheduler: the same records, reports and time always
// lead to the same steps.
func (e *ECS) reconcile(now time.Time) (next time.Time) {
	now = now.UTC().Truncate(time.Millisecond)
	soonest := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	e.takeReports(now)
	byService := map[string][]*task{}
	for id := range e.tasks.All() {
		soonest(e.advance(id, now))
		if t, ok := e.tasks.Get(id); ok && t.Service != "" && (t.alive() || t.Failed && !t.Counted || t.Registered && !t.Left || now.Before(e.replaceable(t))) {
			byService[t.Service] = append(byService[t.Service], t)
		}
	}
	for _, s := range e.services.All() {
		if s.Status == inactive {
			soonest(e.forgetService(s, now))
			continue
		}
		p := &pass{ECS: e, now: now, service: s.edit(), tasks: byService[s.ARN]}
		soonest(p.run())
	}
	e.purgeDefinitions()
	// What the services decided may be due at once.
	for id, t := range e.tasks.All() {
		if t.alive() {
			soonest(e.advance(id, now))
		}
	}
	return next
}

// replaceable is when the scheduler replaces a task that a user stopped or that
// ended by itself; zero for any other.
func (e *ECS) replaceable(t *task) time.Time {
	switch t.Task.StopCode {
	case types.TaskStopCodeUserInitiated, types.TaskStopCodeEssentialContainerExited:
		return t.Task.StoppingAt.Add(e.timing.React)
	}
	return time.Time{}
}

// forgetService removes a service some time after it was deleted and returns when
// that is.
func (e *ECS) forgetService(s *service, now time.Time) time.Time {
	if at := s.Gone.Add(retention); now.Before(at) {
		return at
	}
	e.services.Delete(s.ARN)
	e.events.Delete(s.ARN)
	for key, r := range e.rollouts.All() {
		if *r.Deployment.ServiceArn == s.ARN {
			e.rollouts.Delete(key)
		}
	}
	return time.Time{}
}

// pass is the scheduler's look at one service at one time.
type pass struct {
	*ECS
	now     time.Time
	service *service
	tasks   []*task // that hold something, and those of which something is still to be said
	dirty   bool    // the service is to be stored
	next    time.Time
}

func (p *pass) again(at time.Time) {
	if p.next.IsZero() || at.Before(p.next) {
		p.next = at
	}
}

func (p *pass) primary() *deployment { return &p.service.Deployments[0] }

// run brings the service one step closer to what it wants.
func (p *pass) run() time.Time {
	p.register()
	p.watchHealth()
	p.drain()
	p.countFailures()
	p.breakCircuit()
	p.watchAlarms()
	p.shift()
	replaced := p.stopUnhealthy()
	p.shrink()
	p.grow(replaced)
	p.settleRollout()
	if p.service.Status == draining && !slices.ContainsFunc(p.tasks, func(t *task) bool { return t.live() || t.status() == deactivating }) {
		p.service.Status, p.service.Gone = inactive, p.now
		p.again(p.now.Add(retention))
		p.endRollout(p.primary().Record, types.ServiceDeploymentStatusSuccessful, "", p.now)
		p.dirty = true
	}
	if p.dirty {
		p.services.Put(p.service.ARN, p.service)
	}
	return p.next
}

// change stores a changed copy of one of the pass's tasks.
func (p *pass) change(t *task) {
	p.put(t)
	p.replace(t)
}

func (p *pass) replace(t *task) {
	for i := range p.tasks {
		if p.tasks[i].id() == t.id() {
			p.tasks[i] = t
		}
	}
}

// end stops a task for a reason of the scheduler's.
func (p *pass) end(t *task, reason string) {
	p.replace(p.stop(t, types.TaskStopCodeServiceSchedulerInitiated, reason, p.now))
}

// of returns the tasks of a deployment that are to go on running.
func (p *pass) of(id string) []*task {
	var out []*task
	for _, t := range p.tasks {
		if t.Deployment == id && t.live() && t.wanted() {
			out = append(out, t)
		}
	}
	return out
}

// register registers the tasks that began to run with their target groups.
func (p *pass) register() {
	registered := map[string]int{}
	for _, t := range p.tasks {
		if t.status() == running && t.wanted() && len(t.Targets) > 0 {
			if at := t.Task.StartedAt.Add(p.timing.Gather); !t.Registered && p.now.Before(at) && p.expects(t) {
				p.again(at)
				continue
			}
			arns := p.ECS.register(t)
			for _, arn := range arns {
				if !t.Registered { // else it is only again, after a restart of the sandbox
					registered[arn]++
				}
			}
			if len(arns) > 0 && !t.Registered {
				n := t.edit()
				n.Registered = true
				p.change(n)
			}
			p.again(p.now.Add(p.timing.Poll)) // its health has no event of its own
		}
	}
	for _, arn := range sortedKeys(registered) {
		p.event("(service %s) registered %d targets in (target-group %s)", p.service.Name, registered[arn], arn)
	}
}

// expects reports whether a task that was started together with t has still to
// run: they are registered together.
func (p *pass) expects(t *task) bool {
	return slices.ContainsFunc(p.tasks, func(o *task) bool {
		return o.Deployment == t.Deployment && o.live() && o.status() != running && o.Task.CreatedAt.Equal(*t.Task.CreatedAt)
	})
}

// drain deregisters the targets of tasks that end, and has the containers stop of
// those whose connections are drained.
func (p *pass) drain() {
	type leaving struct{ deployment, group string }
	targets, tasks := map[leaving]int{}, map[string]int{}
	for _, t := range slices.Clone(p.tasks) {
		if !t.Registered || t.Left || t.wanted() {
			continue
		}
		if at := p.deregisters(t); p.now.Before(at) && t.alive() {
			p.again(at)
			continue
		}
		n := t.edit()
		n.Left, n.Draining = true, n.status() == deactivating
		p.deregister(n)
		p.change(n)
		tasks[n.Deployment]++
		for _, l := range n.Targets {
			targets[leaving{n.Deployment, aws.ToString(l.TargetGroupArn)}]++
		}
	}
	for _, id := range slices.Sorted(maps.Keys(tasks)) {
		for _, l := range slices.SortedFunc(maps.Keys(targets), func(a, b leaving) int { return cmp.Compare(a.group, b.group) }) {
			if l.deployment == id {
				p.event("(service %s) deregistered %d targets in (target-group %s)", p.service.Name, targets[l], l.group)
			}
		}
		p.event("(service %s, taskSet %s) has begun draining connections on %d tasks.", p.service.Name, id, tasks[id])
	}
	for _, t := range slices.Clone(p.tasks) {
		if t.Draining && t.wanted() { // earlier versions of the sandbox drained first
			p.end(t, fmt.Sprintf("Scaling activity initiated by (deployment %s)", p.primary().ID))
			continue
		}
		if !t.Draining || t.status() != deactivating || !t.Due.IsZero() {
			continue
		}
		if slices.ContainsFunc(t.Targets, func(l types.LoadBalancer) bool {
			state, _, _ := p.targets.TargetHealth(aws.ToString(l.TargetGroupArn), t.IP, int(aws.ToInt32(l.ContainerPort)))
			return strings.HasSuffix(state, "draining")
		}) {
			p.again(p.now.Add(p.timing.Poll))
			continue
		}
		n := t.edit()
		n.Due = p.now
		p.change(n)
	}
}

// deregisters is when the targets of a task that ends are deregistered: some seconds
// after the scheduler stopped it, before its containers hear of it; half a minute
// after a user did, when they may be gone; at once if it ended by itself.
func (p *pass) deregisters(t *task) time.Time {
	switch t.Task.StopCode {
	case types.TaskStopCodeServiceSchedulerInitiated:
		return t.Task.StoppingAt.Add(p.timing.Deregister)
	case types.TaskStopCodeUserInitiated:
		return t.Task.StoppingAt.Add(p.timing.React)
	}
	return p.now
}

// health is what target groups say of a running task.
func (p *pass) health(t *task) (healthy bool, unhealthy *types.LoadBalancer, description string) {
	healthy = true
	for _, l := range t.Targets {
		state, _, text := p.targets.TargetHealth(aws.ToString(l.TargetGroupArn), t.IP, int(aws.ToInt32(l.ContainerPort)))
		if state == "unhealthy" {
			return false, &l, text
		}
		healthy = healthy && (state == "healthy" || state == "unavailable") // the latter without checks
	}
	return healthy, nil, ""
}

// watchHealth notes which tasks have become healthy, and which are unhealthy.
func (p *pass) watchHealth() {
	for _, t := range slices.Clone(p.tasks) {
		if t.status() != running || !t.wanted() {
			continue
		}
		checked := p.checked(t)
		grace := t.Task.StartedAt.Add(time.Duration(aws.ToInt32(p.service.Grace)) * time.Second)
		if t.Task.HealthStatus == types.HealthStatusUnhealthy {
			p.ail(t, grace, &ailment{
				fmt.Sprintf("(service %s) (task %s) failed container health checks.", p.service.Name, t.id()),
				"Task failed container health checks",
			})
			continue
		}
		sound := !checked || t.Task.HealthStatus == types.HealthStatusHealthy
		if len(t.Targets) == 0 {
			settled := t.Task.StartedAt.Add(p.timing.Settle)
			switch {
			case t.Settled || !sound:
			case !checked && p.now.Before(settled):
				p.again(settled)
			default:
				p.settle(t)
			}
			p.ail(t, grace, nil)
			continue
		}
		healthy, bad, text := p.health(t)
		if healthy && sound && !t.Settled {
			t = p.settle(t)
		}
		if bad == nil {
			p.ail(t, grace, nil)
			continue
		}
		arn := aws.ToString(bad.TargetGroupArn)
		p.ail(t, grace, &ailment{
			fmt.Sprintf("(service %s) (task %s) (port %d) is unhealthy in (target-group %s) due to (reason %s).",
				p.service.Name, t.id(), aws.ToInt32(bad.ContainerPort), arn, text),
			fmt.Sprintf("Task failed ELB health checks in (target-group %s)", arn),
		})
	}
}

// ail notes what is wrong with a task whose grace period is over, nil for nothing.
func (p *pass) ail(t *task, grace time.Time, a *ailment) {
	if a != nil && p.now.Before(grace) {
		p.again(grace)
		return
	}
	if a == nil && t.Unhealthy == nil || a != nil && t.Unhealthy != nil && *a == *t.Unhealthy {
		return
	}
	n := t.edit()
	n.Unhealthy = a
	p.change(n)
}

// stopUnhealthy stops the unhealthy tasks whose work others do, and returns how
// many. ECS starts the replacements first, as far as the maximum percent allows;
// else it makes room by stopping one after the other (API reference,
// DeploymentConfiguration).
func (p *pass) stopUnhealthy() int {
	s := p.service
	if s.Status != active {
		return 0
	}
	var unhealthy []*task
	starting, healthy := 0, 0
	for _, t := range p.of(p.primary().ID) {
		switch {
		case t.Unhealthy != nil:
			unhealthy = append(unhealthy, t)
		case t.Settled:
			healthy++
		default:
			starting++
		}
	}
	_, most := p.bounds()
	over := healthy + len(unhealthy) - int(s.Desired)
	switch {
	case p.primary().Rollout == types.DeploymentRolloutStateFailed:
		over = len(unhealthy) // and nothing replaces them
	case starting == 0 && p.live() >= most:
		over = max(over, 1)
	}
	over = min(max(over, 0), len(unhealthy))
	if over == 0 {
		return 0
	}
	for _, t := range unhealthy[:over] {
		n := t.edit()
		n.Failed = true
		p.event("%s", t.Unhealthy.Event)
		p.end(n, t.Unhealthy.Reason)
	}
	p.reportStopped(unhealthy[:over])
	return over
}

// live returns how many of the service's tasks count toward the maximum percent.
func (p *pass) live() (n int) {
	for _, t := range p.tasks {
		if t.live() {
			n++
		}
	}
	return n
}

// settle notes that a task is healthy, which ends a row of failures, and returns it
// as it is now.
func (p *pass) settle(t *task) *task {
	n := t.edit()
	n.Settled = true
	p.change(n)
	for i := range p.service.Deployments {
		if d := &p.service.Deployments[i]; d.ID == t.Deployment && d.Failed > 0 {
			d.Failed, d.Exceeded = 0, time.Time{}
		}
	}
	p.service.Failures, p.service.Retry, p.service.Impaired = 0, time.Time{}, false
	p.dirty = true
	return n
}

// patience is how many failures in a row there are before the scheduler slows
// down.
const patience = 3

// countFailures takes note of tasks that failed since the last pass.
func (p *pass) countFailures() {
	for _, t := range slices.Clone(p.tasks) {
		if !t.Failed || t.Counted {
			continue
		}
		n := t.edit()
		n.Counted = true
		p.change(n)
		p.dirty = true
		if t.Task.StopCode == types.TaskStopCodeTaskFailedToStart {
			reason := aws.ToString(t.Task.StoppedReason)
			if reason == "Task failed to start" && len(t.Task.Containers) > 0 {
				reason = aws.ToString(t.Task.Containers[0].Reason)
			}
			p.event("(service %s) was unable to place a task. Reason: %s.", p.service.Name, strings.TrimSuffix(reason, "."))
		}
		if t.Settled && t.Task.StopCode == types.TaskStopCodeEssentialContainerExited {
			continue // it did run
		}
		for i := range p.service.Deployments {
			if d := &p.service.Deployments[i]; d.ID == t.Deployment && d.Rollout == types.DeploymentRolloutStateInProgress {
				d.Failed++
				d.Updated = p.now
			}
		}
		p.fail(t.Task.StopCode == types.TaskStopCodeTaskFailedToStart)
	}
}

// fail slows down the starting of tasks after several that failed, and says so of
// those that never ran. A circuit breaker has words of its own.
func (p *pass) fail(neverRan bool) {
	s := p.service
	s.Failures++
	s.Retry = time.Time{}
	if s.Failures < patience {
		return
	}
	wait := p.timing.Backoff << min(s.Failures-patience, 20)
	if wait > p.timing.MaxBackoff || wait <= 0 {
		wait = p.timing.MaxBackoff
	}
	s.Retry = p.now.Add(wait)
	if neverRan && !s.Impaired && !p.breaking() {
		s.Impaired = true
		p.event("(service %s) is unable to consistently start tasks successfully. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.", s.Name)
	}
}

// breaking reports whether a circuit breaker watches the primary deployment.
func (p *pass) breaking() bool {
	breaker := p.service.Configuration.DeploymentCircuitBreaker
	return breaker != nil && breaker.Enable && p.primary().Rollout == types.DeploymentRolloutStateInProgress
}

// breakCircuit gives up on a primary deployment whose tasks keep failing, and
// goes back to the last one that was completed where that is asked for. ECS goes on
// starting tasks until it does.
func (p *pass) breakCircuit() {
	s, d := p.service, p.primary()
	if !p.breaking() || d.Failed < threshold(s.Desired) {
		return
	}
	p.dirty = true
	if d.Exceeded.IsZero() {
		d.Exceeded = p.now
	}
	if at := d.Exceeded.Add(p.timing.Trip); p.now.Before(at) {
		p.again(at)
		return
	}
	p.giveUp(fault{
		event: "tasks failed to start.", reason: "ECS deployment circuit breaker: tasks failed to start.",
		returns:  "ECS deployment circuit breaker: rolling back to deploymentId ",
		recorded: "Service deployment rolled back because the circuit breaker threshold was exceeded.",
		back:     s.Configuration.DeploymentCircuitBreaker.Rollback,
		note: func(d *types.ServiceDeployment) {
			b := *d.DeploymentCircuitBreaker
			b.Status, b.FailureCount = types.ServiceDeploymentRollbackMonitorsStatusTriggered, p.primary().Failed
			d.DeploymentCircuitBreaker = &b
		},
	})
}

// fault is why a deployment is given up, in ECS's words.
type fault struct {
	event    string // after "deployment failed: "
	reason   string // of the rollout state of what failed
	returns  string // of what the service goes back to, before its id
	recorded string // status reason of the service deployment that is rolled back
	back     bool   // a rollback is asked for
	note     func(*types.ServiceDeployment)
}

// giveUp fails the primary deployment, and goes back to the last one that was completed
// where that is asked for.
func (p *pass) giveUp(f fault) {
	s, d := p.service, p.primary()
	d.Rollout, d.Reason, d.Updated, p.dirty = types.DeploymentRolloutStateFailed, f.reason, p.now, true
	p.event("(service %s) (deployment %s) deployment failed: %s", s.Name, d.ID, f.event)
	i := slices.IndexFunc(s.Deployments, func(d deployment) bool { return d.Completed })
	switch {
	case !f.back:
		p.failRollout(d.Record, f, types.ServiceDeploymentStatusStopped, "", f.reason)
		return
	case i <= 0:
		p.failRollout(d.Record, f, types.ServiceDeploymentStatusRollbackFailed, "", "No rollback candidate was found to run the rollback.")
		return
	}
	good := s.Deployments[i]
	p.failRollout(d.Record, f, types.ServiceDeploymentStatusRollbackInProgress, p.revisionARN(s, good), f.recorded)
	p.event("(service %s) rolling back to deployment %s.", s.Name, good.ID)
	p.rollBack(i, f.returns+good.ID)
}

// rollBack has the completed deployment i take the lead again, under its own id, with
// all the traffic; the record that is open is the one of the deployment that it goes
// back from.
func (p *pass) rollBack(i int, reason string) {
	s := p.service
	good := s.Deployments[i]
	good.Status, good.Rollout, good.Updated, good.Failed, good.Exceeded = primary, types.DeploymentRolloutStateInProgress, p.now, 0, time.Time{}
	good.Reason, good.Record = reason, s.Deployments[0].Record
	rest := slices.Delete(slices.Clone(s.Deployments), i, i+1)
	rest[0].Status = active
	s.Deployments = append([]deployment{good}, rest...)
	s.Failures, s.Retry, s.Impaired = 0, time.Time{}, false
	p.takeBack()
}

// reportStopped says which running tasks the scheduler stopped. Their connections may
// still have to be drained.
func (p *pass) reportStopped(tasks []*task) {
	if len(tasks) > 0 {
		p.event("(service %s) has stopped %d running tasks: %s.", p.service.Name, len(tasks), ids(tasks))
	}
}

func ids(tasks []*task) string {
	var out []string
	for _, t := range tasks {
		out = append(out, "(task "+t.id()+")")
	}
	return strings.Join(out, " ")
}

// bounds are how many tasks must stay healthy and how many there may be.
func (p *pass) bounds() (least, most int) {
	c, n := p.service.Configuration, int(p.service.Desired)
	least = (n*int(aws.ToInt32(c.MinimumHealthyPercent)) + 99) / 100
	most = n * int(aws.ToInt32(c.MaximumPercent)) / 100
	if p.primary().Stage != "" && len(p.service.Deployments) > 1 {
		most += n // the old tasks stay
	}
	return least, most
}

// shrink retires tasks: those over the desired count, and those of earlier
// deployments as far as the minimum healthy percent allows.
func (p *pass) shrink() {
	s := p.service
	least, _ := p.bounds()
	healthy := 0
	var current, old []*task
	for i, d := range s.Deployments {
		for _, t := range p.of(d.ID) {
			if t.Settled && t.Unhealthy == nil {
				healthy++
			}
			switch {
			case i > 0:
				old = append(old, t)
			case t.Unhealthy == nil || s.Status != active: // else they are replaced
				current = append(current, t)
			}
		}
	}
	guarded := 0
	unguarded := func(tasks []*task) []*task {
		if s.Status != active {
			return tasks // deleting the service ends all
		}
		return slices.DeleteFunc(slices.Clone(tasks), func(t *task) bool {
			if p.now.Before(t.Protected) {
				p.again(t.Protected)
				guarded++
				return true
			}
			return false
		})
	}
	var gone []*task
	old = unguarded(old)
	if over := len(current) - int(s.Desired); over > 0 {
		free := unguarded(current)
		victims := p.scaleIn(free, min(over, len(free)))
		if len(victims) == over {
			guarded = 0 // those that are protected are not in the way
		}
		for _, t := range victims {
			if t.Settled && t.Unhealthy == nil {
				healthy--
			}
		}
		gone = append(gone, victims...)
	}
	// Until the new tasks stand on their feet the old ones carry the service.
	if p.primary().Stage != "" && s.Status == active {
		gone = append(gone, p.replaced(old)...)
	} else if p.primary().Rollout != types.DeploymentRolloutStateFailed || s.Desired == 0 {
		slices.SortStableFunc(old, func(a, b *task) int { return cmp.Compare(rank(a), rank(b)) })
		for _, t := range old {
			if t.Unhealthy != nil {
				gone = append(gone, t)
				continue
			}
			if t.Settled && healthy <= least {
				break
			}
			if t.Settled {
				healthy--
			} else if least > 0 && healthy == 0 && t.status() == running && p.primary().Rollout == types.DeploymentRolloutStateInProgress && s.Desired > 0 {
				continue // it may be the only one that answers
			}
			gone = append(gone, t)
		}
	}
	p.retire(gone)
	said := ""
	if guarded > 0 {
		said = fmt.Sprintf("(service %s) was unable to reach steady state because (taskSet %s) was unable to scale in due to (reason %d tasks under protection)", s.Name, p.primary().ID, guarded)
	}
	if said != s.Guarded {
		s.Guarded, p.dirty = said, true
		if said != "" {
			p.event("%s", said)
		}
	}
}

// rank orders the tasks of a scale-in: first what does not run yet, then what is
// not healthy.
func rank(t *task) int {
	switch {
	case t.status() != running:
		return 0
	case !t.Settled, t.Unhealthy != nil:
		return 1
	}
	return 2
}

// scaleIn picks n tasks to stop: such that the zones stay balanced.
func (p *pass) scaleIn(tasks []*task, n int) []*task {
	left := slices.Clone(tasks)
	var out []*task
	for range n {
		inZone := map[string]int{}
		for _, t := range left {
			inZone[aws.ToString(t.Task.AvailabilityZone)]++
		}
		worst := slices.MinFunc(left, func(a, b *task) int {
			return cmp.Or(
				cmp.Compare(rank(a), rank(b)),
				cmp.Compare(inZone[aws.ToString(b.Task.AvailabilityZone)], inZone[aws.ToString(a.Task.AvailabilityZone)]),
				b.Task.CreatedAt.Compare(*a.Task.CreatedAt), // the youngest
				strings.Compare(a.id(), b.id()),
			)
		})
		out = append(out, worst)
		left = slices.DeleteFunc(left, func(t *task) bool { return t == worst })
	}
	return out
}

// retire ends tasks that nobody needs any more.
func (p *pass) retire(tasks []*task) {
	var wereRunning []*task
	pendings := 0
	for _, t := range tasks {
		if t.status() == running {
			wereRunning = append(wereRunning, t)
		} else {
			pendings++
		}
		p.end(t, fmt.Sprintf("Scaling activity initiated by (deployment %s)", p.primary().ID))
	}
	if pendings > 0 {
		p.event("(service %s) stopped %d pending tasks.", p.service.Name, pendings)
	}
	p.reportStopped(wereRunning)
}

// grow starts what the primary deployment lacks, within the maximum percent; replaced
// is how many unhealthy tasks were stopped to make room.
func (p *pass) grow(replaced int) {
	s, d := p.service, p.primary()
	if s.Status != active || d.Rollout == types.DeploymentRolloutStateFailed {
		return
	}
	_, most := p.bounds()
	var mine []*task
	need := int(s.Desired)
	for _, t := range p.tasks {
		if t.live() {
			mine = append(mine, t)
		}
		switch {
		case !t.live() || t.Deployment != d.ID:
		case t.Unhealthy != nil:
			replaced++
		default:
			need--
		}
		if at := p.replaceable(t); p.now.Before(at) {
			p.again(at)
			need--
		}
	}
	need = min(need, max(most, int(s.Desired))-p.live())
	if need <= 0 || d.Stage == types.ServiceDeploymentLifecycleStageReconcileService || d.Stage == types.ServiceDeploymentLifecycleStagePreScaleUp {
		return
	}
	if !d.Revision.onFargate() {
		p.reportNoInstances()
		return
	}
	if p.now.Before(s.Retry) {
		p.again(s.Retry)
		return
	}
	def, ok := p.definition(d.Revision.TaskDefinition)
	if !ok {
		return
	}
	if err := p.assumable(def, nil); err != nil {
		p.event("(service %s) failed to launch a task with (error %s).", s.Name, err)
		if d.Rollout == types.DeploymentRolloutStateInProgress {
			d.Failed++
		}
		p.dirty = true
		s.Failures = max(s.Failures, patience)
		p.fail(true)
		p.breakCircuit()
		p.again(p.now.Add(p.timing.Backoff)) // sooner than the retry, if it went back
		return
	}
	var started []*task
	for range need {
		t := p.newTask(s.Cluster, def, d.Revision, mine, p.now)
		t.Service, t.Deployment = s.ARN, d.ID
		if d.Targets != nil {
			t.Targets = d.Targets
		}
		t.Task.Group, t.Task.StartedBy = aws.String("service:"+s.Name), aws.String(d.ID)
		t.enableExec(s.ExecuteCommand)
		t.Task.Tags = s.taskTags(def)
		p.put(t)
		mine = append(mine, t)
		started = append(started, t)
	}
	p.tasks = append(p.tasks, started...)
	p.dirty = true
	message := fmt.Sprintf("(service %s) has started %d tasks: %s.", s.Name, len(started), ids(started))
	if replaced = min(replaced, len(started)); replaced > 0 {
		message += fmt.Sprintf(" Amazon ECS replaced %d tasks due to an unhealthy status.", replaced)
	}
	p.event("%s", message)
}

// taskTags are the tags of a service's new tasks.
func (s *service) taskTags(d *definition) []types.Tag {
	tags := []types.Tag{}
	switch s.Propagate {
	case types.PropagateTagsService:
		tags = append(tags, s.Tags...)
	case types.PropagateTagsTaskDefinition:
		tags = append(tags, d.Tags...)
	}
	if s.ManagedTags {
		tags = append(tags,
			types.Tag{Key: aws.String("aws:ecs:clusterName"), Value: aws.String(shortName(s.Cluster))},
			types.Tag{Key: aws.String("aws:ecs:serviceName"), Value: aws.String(s.Name)})
	}
	return tags
}

// settleRollout says when a deployment is completed and the service steady.
func (p *pass) settleRollout() {
	s, d := p.service, p.primary()
	good := len(p.of(d.ID)) == int(s.Desired) && (d.Stage == "" || d.Stage == types.ServiceDeploymentLifecycleStageCleanUp)
	for _, t := range p.tasks {
		switch {
		case t.Deployment != d.ID && t.alive():
			good = false // what was there before is cleared away first
		case t.live():
			good = good && t.Settled && t.Unhealthy == nil
		case t.status() == deactivating:
			good = false
		}
	}
	if back := d.Updated.Add(p.timing.Trip); d.Completed && d.Rollout == types.DeploymentRolloutStateInProgress && p.now.Before(back) {
		p.again(back) // a rollback takes a while also where nothing is left to stop
		good = false
	}
	if !good || s.Status != active || d.Rollout == types.DeploymentRolloutStateFailed {
		if s.Steady {
			s.Steady, p.dirty = false, true
		}
		return
	}
	if d.Rollout == types.DeploymentRolloutStateInProgress {
		if p.bakes(d) {
			return
		}
		d.Rollout, d.Completed, d.Updated = types.DeploymentRolloutStateCompleted, true, p.now
		d.Reason = fmt.Sprintf("ECS deployment %s completed.", d.ID)
		d.Failed = 0
		s.Deployments = s.Deployments[:1:1]
		s.Steady, s.SteadyAt, p.dirty = true, p.now, true
		p.endRollout(d.Record, types.ServiceDeploymentStatusSuccessful, "", p.now)
		p.event("(service %s) (deployment %s) deployment completed.", s.Name, d.ID)
		p.event("(service %s) has reached a steady state.", s.Name)
		return
	}
	if again := s.SteadyAt.Add(steadyEvery); !s.Steady || !p.now.Before(again) {
		s.Steady, s.SteadyAt, p.dirty = true, p.now, true
		p.event("(service %s) has reached a steady state.", s.Name)
	}
	p.again(s.SteadyAt.Add(steadyEvery))
}

// steadyEvery is how often ECS says so again of a service to which nothing happens.
const steadyEvery = 6 * time.Hour

// maxEvents is how many events of a service ECS keeps.
const maxEvents = 100

// event puts a service event in front of the others.
func (p *pass) event(format string, args ...any) {
	old, _ := p.events.Get(p.service.ARN)
	text := fmt.Sprintf(format, args...)
	all := append([]types.ServiceEvent{{Id: aws.String(uuid.NewString()), CreatedAt: aws.Time(p.now), Message: aws.String(text)}}, old...)
	p.events.Put(p.service.ARN, all[:min(len(all), maxEvents):min(len(all), maxEvents)])
}

func sortedKeys(m map[string]int) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
