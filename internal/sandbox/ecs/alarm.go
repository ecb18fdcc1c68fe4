package ecs

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// watched are the names of the alarms that a service's deployments watch.
func (s *service) watched() []string {
	if a := s.Configuration.Alarms; a != nil && a.Enable {
		return a.AlarmNames
	}
	return nil
}

// alarming returns those of a service's alarms that are in the state ALARM. A deployment
// that begins with them does not watch them: it fails for one that goes into the state
// (API reference, ServiceDeploymentAlarms).
func (e *ECS) alarming(s *service) (out []string) {
	for _, name := range s.watched() {
		if yes, _, _ := e.alarms(name); yes {
			out = append(out, name)
		}
	}
	return out
}

// watchAlarms gives up a deployment one of whose alarms went off.
func (p *pass) watchAlarms() {
	s, d := p.service, p.primary()
	if len(s.watched()) == 0 || d.Rollout != types.DeploymentRolloutStateInProgress || d.Completed || s.Status != active {
		return
	}
	off := slices.DeleteFunc(p.alarming(s), func(name string) bool { return slices.Contains(d.Muted, name) })
	if len(off) == 0 {
		p.again(p.now.Add(p.timing.Poll))
		return
	}
	// What a service goes back to, and the status reason, are worded by us.
	p.giveUp(fault{
		event: "alarm detected.", reason: "ECS deployment failed: alarm detected.",
		returns:  "ECS deployment failed: alarm detected: rolling back to deploymentId ",
		recorded: "Service deployment rolled back because an alarm was detected.",
		back:     s.Configuration.Alarms.Rollback,
		note: func(r *types.ServiceDeployment) {
			r.Alarms = &types.ServiceDeploymentAlarms{Status: types.ServiceDeploymentRollbackMonitorsStatusTriggered, AlarmNames: s.watched(), TriggeredAlarmNames: off}
		},
	})
}

// bakes reports whether a deployment that has all its tasks still watches its alarms. ECS
// computes for how long from the alarms; here it is as far as the one that looks back the
// furthest. A blue/green deployment has a bake time of its own.
func (p *pass) bakes(d *deployment) bool {
	names := p.service.watched()
	if len(names) == 0 || d.Completed || d.Stage != "" {
		return false
	}
	if d.Scaled.IsZero() {
		d.Scaled, p.dirty = p.now, true
	}
	var span time.Duration
	for _, name := range names {
		if _, n, ok := p.alarms(name); ok && !slices.Contains(d.Muted, name) {
			span = max(span, n)
		}
	}
	until := d.Scaled.Add(span / time.Duration(p.timing.Hurry))
	if !p.now.Before(until) {
		return false
	}
	p.again(until)
	return true
}
