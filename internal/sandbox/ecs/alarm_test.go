package ecs

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// watched makes a service whose deployments watch the alarm "errors".
func (w *world) watched(rollback bool) {
	w.t.Helper()
	w.look(func() { w.alarms["errors"] = false })
	w.service(func(in *ecs.CreateServiceInput) {
		in.DeploymentConfiguration.Alarms = &types.DeploymentAlarms{AlarmNames: []string{"errors"}, Enable: true, Rollback: rollback}
	})
	w.until("steady", steady)
}

func TestAlarmsAreWatched(t *testing.T) {
	for _, c := range []struct {
		name     string
		rollback bool
		status   types.ServiceDeploymentStatus
	}{
		{"rollback", true, types.ServiceDeploymentStatusRollbackSuccessful},
		{"no rollback", false, types.ServiceDeploymentStatusStopped},
	} {
		t.Run(c.name, func(t *testing.T) {
			scenario(t, func(w *world) {
				w.watched(c.rollback)
				if a := w.record().Alarms; a.Status != types.ServiceDeploymentRollbackMonitorsStatusMonitoringComplete || !slices.Equal(a.AlarmNames, []string{"errors"}) {
					t.Errorf("alarms of the first deployment = %+v", a)
				}
				before := w.describe().Deployments[0]
				w.redeploy("ghcr.io/stefanprodan/podinfo:6.9.3")
				// All new tasks run and the old ones are gone: the alarm is still watched.
				w.until("only new tasks", func(s types.Service) bool { return len(s.Deployments) == 2 && s.Deployments[1].RunningCount == 0 })
				time.Sleep(time.Minute)
				if r := w.record(); r.Status != types.ServiceDeploymentStatusInProgress || r.Alarms.Status != types.ServiceDeploymentRollbackMonitorsStatusMonitoring {
					t.Fatalf("a minute later: %s, %s", r.Status, r.Alarms.Status)
				}
				w.look(func() { w.alarms["errors"] = true })
				w.until("given up", func(s types.Service) bool {
					return slices.Contains(story(s), "(service web) (deployment D) deployment failed: alarm detected.")
				})
				if c.rollback {
					s := w.until("steady", steady)
					if *s.Deployments[0].Id != *before.Id {
						t.Errorf("deployments = %v", deployments(s))
					}
				}
				r := w.record()
				if r.Status != c.status || r.Alarms.Status != types.ServiceDeploymentRollbackMonitorsStatusTriggered || !slices.Equal(r.Alarms.TriggeredAlarmNames, []string{"errors"}) {
					t.Errorf("record = %s, %+v", r.Status, r.Alarms)
				}
			})
		})
	}
}

// An alarm that was off before the deployment does not fail it, nor does one that is
// switched off in the configuration, and none keeps a service from being deleted.
func TestAlarmsThatAreNotWatched(t *testing.T) {
	scenario(t, func(w *world) {
		w.watched(true)
		w.look(func() { w.alarms["errors"] = true })
		w.redeploy("ghcr.io/stefanprodan/podinfo:6.9.3")
		s := w.until("steady", steady)
		if strings.Contains(strings.Join(messages(s), " "), "alarm") || w.record().Status != types.ServiceDeploymentStatusSuccessful {
			t.Errorf("record = %s, events:\n%s", w.record().Status, strings.Join(messages(s), "\n"))
		}
		w.look(func() { w.alarms["errors"] = false })
		must(w, w.updateService, &ecs.UpdateServiceInput{
			Cluster: aws.String("c"), Service: aws.String("web"), ForceNewDeployment: true,
			DeploymentConfiguration: &types.DeploymentConfiguration{Alarms: &types.DeploymentAlarms{AlarmNames: []string{}}},
		})
		w.look(func() { w.alarms["errors"] = true })
		w.until("steady", steady)
		if r := w.record(); r.Status != types.ServiceDeploymentStatusSuccessful || r.Alarms.Status != types.ServiceDeploymentRollbackMonitorsStatusDisabled {
			t.Errorf("record = %s, %s", r.Status, r.Alarms.Status)
		}
	})
}
