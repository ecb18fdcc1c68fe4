package ecs

import (
	"reflect"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// A deployment configuration comes back as it was given, with what AWS fills in.
func TestDeploymentConfigurationIsKept(t *testing.T) {
	alarms := &types.DeploymentAlarms{AlarmNames: []string{"errors"}, Enable: true, Rollback: true}
	scenario(t, func(w *world) {
		w.service(func(in *ecs.CreateServiceInput) {
			in.DesiredCount, in.DeploymentConfiguration = aws.Int32(0), &types.DeploymentConfiguration{Alarms: alarms}
		})
		if got := w.describe().DeploymentConfiguration; !reflect.DeepEqual(got.Alarms, alarms) || *got.MaximumPercent != 200 || *got.BakeTimeInMinutes != 0 {
			t.Errorf("configuration = %+v", got)
		}
		update := func(c types.DeploymentConfiguration) *types.DeploymentAlarms {
			must(w, w.updateService, &ecs.UpdateServiceInput{Cluster: aws.String("c"), Service: aws.String("web"), DeploymentConfiguration: &c})
			return w.describe().DeploymentConfiguration.Alarms
		}
		if got := update(types.DeploymentConfiguration{MaximumPercent: aws.Int32(150)}); !reflect.DeepEqual(got, alarms) {
			t.Errorf("after another change the alarms are %+v", got)
		}
		if got := update(types.DeploymentConfiguration{Alarms: &types.DeploymentAlarms{AlarmNames: []string{}}}); got.Enable {
			t.Errorf("after their removal the alarms are %+v", got)
		}
		time.Sleep(time.Second)
		revisions := must(w, w.listServiceDeployments, &ecs.ListServiceDeploymentsInput{Cluster: aws.String("c"), Service: aws.String("web")})
		if len(revisions.ServiceDeployments) != 1 {
			t.Errorf("%d deployments of a service whose tasks stay the same", len(revisions.ServiceDeployments))
		}
	})
}
