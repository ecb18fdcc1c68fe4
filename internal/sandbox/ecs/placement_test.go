package ecs

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// aws-samples/amazon-scalable-infra-discord-diffusion#3, jazztong/mongo-ecs-ha-tf#1
const unplaced = "(service web) was unable to place a task because no container instance met all of its requirements. Reason: No Container Instances were found in your cluster. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."

// A service without launch type is made, and finds no container instances.
func TestServiceWithoutInstances(t *testing.T) {
	bridge := func(in *ecs.RegisterTaskDefinitionInput) {
		in.NetworkMode, in.RequiresCompatibilities = "", nil
	}
	for _, c := range []struct {
		name   string
		change func(*world, *ecs.CreateServiceInput)
	}{
		{"no launch type", func(_ *world, in *ecs.CreateServiceInput) { in.LaunchType = "" }},
		{"EC2", func(_ *world, in *ecs.CreateServiceInput) { in.LaunchType = types.LaunchTypeEc2 }},
		{"EC2 without a network of its own", func(w *world, in *ecs.CreateServiceInput) {
			in.TaskDefinition = aws.String(w.register(image, bridge))
			in.LaunchType, in.NetworkConfiguration, in.LoadBalancers = types.LaunchTypeEc2, nil, nil
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			scenario(t, func(w *world) {
				w.service(func(in *ecs.CreateServiceInput) { c.change(w, in) })
				time.Sleep(time.Hour)
				s := w.describe()
				if s.LaunchType != types.LaunchTypeEc2 || s.PlatformVersion != nil || s.RunningCount+s.PendingCount != 0 {
					t.Errorf("launch type %q, platform %v, %d running, %d pending", s.LaunchType, s.PlatformVersion, s.RunningCount, s.PendingCount)
				}
				if got := messages(s); !slices.Equal(got, []string{unplaced}) {
					t.Errorf("events after an hour: %q", got)
				}
				time.Sleep(6 * time.Hour)
				if got := messages(w.describe()); !slices.Equal(got, []string{unplaced, unplaced}) {
					t.Errorf("events after seven hours: %q", got)
				}
				must(w, w.deleteService, &ecs.DeleteServiceInput{Cluster: aws.String("c"), Service: aws.String("web"), Force: aws.Bool(true)})
				time.Sleep(time.Second)
				if s := w.describe(); *s.Status != inactive {
					t.Errorf("a deleted service is %s", *s.Status)
				}
			})
		})
	}
}

// The cluster's default strategy stands for a launch type that is not there.
func TestDefaultStrategy(t *testing.T) {
	scenario(t, func(w *world) {
		must(w, w.createCluster, &ecs.CreateClusterInput{
			ClusterName: aws.String("c"), CapacityProviders: []string{"FARGATE"},
			DefaultCapacityProviderStrategy: []types.CapacityProviderStrategyItem{{CapacityProvider: aws.String("FARGATE"), Weight: 1}},
		})
		w.service(func(in *ecs.CreateServiceInput) { in.LaunchType, in.LoadBalancers = "", nil })
		if s := w.until("steady", steady); s.LaunchType != "" || *s.CapacityProviderStrategy[0].CapacityProvider != "FARGATE" {
			t.Errorf("launch type %q, strategy %v", s.LaunchType, s.CapacityProviderStrategy)
		}
	})
}

func TestRefusedTasks(t *testing.T) {
	scenario(t, func(w *world) {
		w.service(func(in *ecs.CreateServiceInput) { in.DesiredCount = aws.Int32(0) })
		for _, c := range []struct {
			name       string
			change     func(*ecs.RunTaskInput)
			code, want string
		}{
			// RunTask fails where a service waits (docs of the API: InvalidParameterException; many logs have the text)
			{"no launch type", func(in *ecs.RunTaskInput) { in.LaunchType = "" }, "InvalidParameterException", "No Container Instances were found in your cluster."},
			{"EC2", func(in *ecs.RunTaskInput) { in.LaunchType = types.LaunchTypeEc2 }, "InvalidParameterException", "No Container Instances were found in your cluster."},
			// moto, test_run_task_exceptions
			{"typing error", func(in *ecs.RunTaskInput) { in.LaunchType = "FARGAT" }, "InvalidParameterException", "launch type should be one of [EC2,FARGATE,EXTERNAL]"},
			{"no network", func(in *ecs.RunTaskInput) { in.LaunchType, in.NetworkConfiguration = "", nil }, "InvalidParameterException", "Network Configuration must be provided when networkMode 'awsvpc' is specified."},
			{"definition", func(in *ecs.RunTaskInput) { in.TaskDefinition = aws.String("no") }, "ClientException", "TaskDefinition not found."},
			{"cluster", func(in *ecs.RunTaskInput) { in.Cluster = aws.String("gone") }, "ClusterNotFoundException", "The referenced cluster was inactive."},
		} {
			t.Run(c.name, func(t *testing.T) {
				in := &ecs.RunTaskInput{Cluster: aws.String("c"), TaskDefinition: aws.String("web"), LaunchType: types.LaunchTypeFargate, NetworkConfiguration: vpc("subnet-a1")}
				c.change(in)
				if c.name == "cluster" {
					must(w, w.createCluster, &ecs.CreateClusterInput{ClusterName: in.Cluster})
					must(w, w.deleteCluster, &ecs.DeleteClusterInput{Cluster: in.Cluster})
				}
				_, err := call(w, w.runTask, in)
				refused(t, err, c.code, c.want)
			})
		}
	})
}
