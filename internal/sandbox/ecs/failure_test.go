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

// checked gives the container a health check.
func checked(in *ecs.RegisterTaskDefinitionInput) {
	in.ContainerDefinitions[0].HealthCheck = &types.HealthCheck{Command: []string{"CMD-SHELL", "curl -f http://localhost:9898/healthz"}}
}

// of is what runs of a container.
func (m *machine) of(name string) *fake {
	m.mu.Lock()
	defer m.mu.Unlock()
	for f := range m.runs {
		if f.name() == name {
			return f
		}
	}
	return nil
}

// name is the container's, which its command tells in these tests.
func (f *fake) name() string { return strings.Join(f.spec.Command, " ") }

// names lists what runs.
func (m *machine) names() (out []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for f := range m.runs {
		out = append(out, f.name())
	}
	slices.Sort(out)
	return out
}

func TestContainerHealthChecks(t *testing.T) {
	scenario(t, func(w *world) {
		w.service(func(in *ecs.CreateServiceInput) {
			in.TaskDefinition, in.LoadBalancers, in.DesiredCount = aws.String(w.register(image, checked)), nil, aws.Int32(1)
		})
		time.Sleep(30 * time.Second)
		if s := w.describe(); s.RunningCount != 1 || steady(s) || w.list("")[0].HealthStatus != types.HealthStatusUnknown {
			t.Errorf("without a verdict: %d running, %s", s.RunningCount, w.list("")[0].HealthStatus)
		}
		f := w.machine.any()
		if c := f.spec.Check; c.Interval != 30*time.Second || c.Timeout != 5*time.Second || c.Retries != 3 {
			t.Errorf("check = %+v", c)
		}
		f.spec.Health(true)
		w.until("steady", steady)
		task := w.list("")[0]
		if task.HealthStatus != types.HealthStatusHealthy || task.Containers[0].HealthStatus != types.HealthStatusHealthy {
			t.Errorf("task = %s, container = %s", task.HealthStatus, task.Containers[0].HealthStatus)
		}
		before := len(story(w.describe()))
		f.spec.Health(false)
		time.Sleep(10 * time.Second)
		if s := w.describe(); s.RunningCount != 2 {
			t.Errorf("%d running while the replacement has no verdict", s.RunningCount)
		}
		for _, other := range w.machine.all() {
			if other != f {
				other.spec.Health(true)
			}
		}
		time.Sleep(time.Second)
		want := []string{
			"(service web) has started 1 tasks: (task T). Amazon ECS replaced 1 tasks due to an unhealthy status.",
			"(service web) (task T) failed container health checks.",
			"(service web) has stopped 1 running tasks: (task T).",
		}
		if got := story(w.describe())[before:]; len(got) < 3 || !slices.Equal(got[:3], want) {
			t.Errorf("events:\n%s", strings.Join(got, "\n"))
		}
		if s := w.list(types.DesiredStatusStopped)[0]; *s.StoppedReason != "Task failed container health checks" || s.StopCode != types.TaskStopCodeServiceSchedulerInitiated || s.HealthStatus != types.HealthStatusUnhealthy {
			t.Errorf("stopped = %s %s %s", s.StopCode, *s.StoppedReason, s.HealthStatus)
		}
	})
}

func TestContainerHealthChecksTripTheBreaker(t *testing.T) {
	scenario(t, func(w *world) {
		w.service()
		w.until("steady", steady)
		must(w, w.updateService, &ecs.UpdateServiceInput{Cluster: aws.String("c"), Service: aws.String("web"), TaskDefinition: aws.String(w.register(image, checked))})
		for range 60 {
			time.Sleep(5 * time.Second)
			for _, f := range w.machine.all() {
				if f.spec.Check != nil {
					f.spec.Health(false)
				}
			}
		}
		s := w.until("back", steady)
		if got := story(s); !slices.Contains(got, "(service web) (deployment D) deployment failed: tasks failed to start.") || !strings.HasSuffix(*s.TaskDefinition, ":1") {
			t.Errorf("%s, events:\n%s", *s.TaskDefinition, strings.Join(got, "\n"))
		}
	})
}

func (m *machine) all() (out []*fake) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for f := range m.runs {
		out = append(out, f)
	}
	return out
}

func TestOutOfMemory(t *testing.T) {
	scenario(t, func(w *world) {
		w.service(func(in *ecs.CreateServiceInput) { in.DesiredCount = aws.Int32(1) })
		w.until("steady", steady)
		f := w.machine.any()
		if f.spec.TaskMemory != 512*mebibyte || f.spec.Memory != 0 {
			t.Errorf("limits %d and %d", f.spec.TaskMemory, f.spec.Memory)
		}
		f.oom = true
		f.end(137)
		time.Sleep(time.Second)
		s := w.list(types.DesiredStatusStopped)[0]
		c := s.Containers[0]
		if *c.ExitCode != 137 || aws.ToString(c.Reason) != "OutOfMemoryError: container killed due to memory usage" || *s.StoppedReason != "Essential container in task exited" {
			t.Errorf("container = %d %s, task %s", *c.ExitCode, aws.ToString(c.Reason), *s.StoppedReason)
		}
	})
}

// several makes a task definition of containers whose commands are their names.
func several(containers ...types.ContainerDefinition) func(*ecs.RegisterTaskDefinitionInput) {
	return func(in *ecs.RegisterTaskDefinitionInput) {
		log := in.ContainerDefinitions[0].LogConfiguration
		in.ContainerDefinitions = nil
		for _, c := range containers {
			c.Image, c.Command, c.LogConfiguration = aws.String(image), []string{*c.Name}, log
			in.ContainerDefinitions = append(in.ContainerDefinitions, c)
		}
	}
}

func waitsFor(name string, c types.ContainerCondition) []types.ContainerDependency {
	return []types.ContainerDependency{{ContainerName: aws.String(name), Condition: c}}
}

// run starts one task of such containers.
func (w *world) runOne(containers ...types.ContainerDefinition) types.Task {
	w.t.Helper()
	must(w, w.createCluster, &ecs.CreateClusterInput{ClusterName: aws.String("c")})
	d := w.register(image, several(containers...))
	return must(w, w.runTask, &ecs.RunTaskInput{Cluster: aws.String("c"), TaskDefinition: aws.String(d), LaunchType: types.LaunchTypeFargate, NetworkConfiguration: vpc("subnet-a1")}).Tasks[0]
}

func (w *world) task(arn *string) types.Task {
	w.t.Helper()
	return must(w, w.describeTasks, &ecs.DescribeTasksInput{Cluster: aws.String("c"), Tasks: []string{*arn}}).Tasks[0]
}

func TestContainersWaitForOneAnother(t *testing.T) {
	scenario(t, func(w *world) {
		side := aws.Bool(false)
		task := w.runOne(
			types.ContainerDefinition{Name: aws.String("app"), DependsOn: waitsFor("proxy", types.ContainerConditionHealthy)},
			types.ContainerDefinition{Name: aws.String("proxy"), Essential: side, DependsOn: waitsFor("migrate", types.ContainerConditionSuccess),
				HealthCheck: &types.HealthCheck{Command: []string{"CMD", "true"}}},
			types.ContainerDefinition{Name: aws.String("migrate"), Essential: side, DependsOn: waitsFor("log", types.ContainerConditionStart)},
			types.ContainerDefinition{Name: aws.String("log"), Essential: side},
		)
		time.Sleep(8 * time.Second)
		if got := w.machine.names(); !slices.Equal(got, []string{"log", "migrate"}) {
			t.Fatalf("at first there run %v", got)
		}
		w.machine.of("migrate").end(0)
		time.Sleep(time.Second)
		if got := w.machine.names(); !slices.Equal(got, []string{"log", "proxy"}) || *w.task(task.TaskArn).LastStatus != pending {
			t.Fatalf("then %v, %s", got, *w.task(task.TaskArn).LastStatus)
		}
		w.machine.of("proxy").spec.Health(true)
		time.Sleep(time.Second)
		if got := w.machine.names(); !slices.Equal(got, []string{"app", "log", "proxy"}) || *w.task(task.TaskArn).LastStatus != running {
			t.Fatalf("at last %v, %s", got, *w.task(task.TaskArn).LastStatus)
		}
		must(w, w.stopTask, &ecs.StopTaskInput{Cluster: aws.String("c"), Task: task.TaskArn})
		time.Sleep(10 * time.Second)
		if w.machine.count() != 0 || *w.task(task.TaskArn).LastStatus != stopped {
			t.Errorf("after StopTask: %v, %s", w.machine.names(), *w.task(task.TaskArn).LastStatus)
		}
	})
}

func TestDependenciesThatFail(t *testing.T) {
	for _, c := range []struct {
		name      string
		condition types.ContainerCondition
		do        func(*fake)
		wait      time.Duration
		want      string
	}{
		{"exit code", types.ContainerConditionSuccess, func(f *fake) { f.end(1) }, time.Second, "dependency graph: failed to resolve container ordering dependency [first] for target [app] as dependency did not exit successfully."},
		{"never ends", types.ContainerConditionComplete, func(*fake) {}, 4 * time.Minute, "dependency graph: container ordering dependency [first] for target [app] has timed out."},
	} {
		t.Run(c.name, func(t *testing.T) {
			scenario(t, func(w *world) {
				task := w.runOne(
					types.ContainerDefinition{Name: aws.String("first"), Essential: aws.Bool(false)},
					types.ContainerDefinition{Name: aws.String("app"), DependsOn: waitsFor("first", c.condition)},
				)
				time.Sleep(8 * time.Second)
				c.do(w.machine.of("first"))
				time.Sleep(c.wait + 5*time.Second)
				got := w.task(task.TaskArn)
				if *got.LastStatus != stopped || *got.StoppedReason != "Task failed to start" || aws.ToString(got.Containers[1].Reason) != c.want || w.machine.count() != 0 {
					t.Errorf("task = %s, %s; %s", *got.LastStatus, aws.ToString(got.StoppedReason), aws.ToString(got.Containers[1].Reason))
				}
			})
		})
	}
}

func TestSideContainersMayEnd(t *testing.T) {
	scenario(t, func(w *world) {
		task := w.runOne(
			types.ContainerDefinition{Name: aws.String("app")},
			types.ContainerDefinition{Name: aws.String("side"), Essential: aws.Bool(false)},
		)
		time.Sleep(8 * time.Second)
		w.machine.of("side").end(1)
		time.Sleep(time.Second)
		if got := w.task(task.TaskArn); *got.LastStatus != running || *got.Containers[1].LastStatus != stopped || *got.Containers[1].ExitCode != 1 {
			t.Errorf("task = %s, side %s", *got.LastStatus, *got.Containers[1].LastStatus)
		}
		w.machine.of("app").end(0)
		time.Sleep(5 * time.Second)
		if got := w.task(task.TaskArn); *got.LastStatus != stopped || *got.StoppedReason != "Essential container in task exited" {
			t.Errorf("task = %s", *got.LastStatus)
		}
	})
}

func TestRestartPolicy(t *testing.T) {
	scenario(t, func(w *world) {
		task := w.runOne(types.ContainerDefinition{Name: aws.String("app"), RestartPolicy: &types.ContainerRestartPolicy{
			Enabled: aws.Bool(true), RestartAttemptPeriod: aws.Int32(60), IgnoredExitCodes: []int32{0},
		}})
		time.Sleep(90 * time.Second)
		w.machine.of("app").end(1)
		time.Sleep(time.Second)
		if got := w.task(task.TaskArn); *got.LastStatus != running || *got.Containers[0].LastStatus != running || w.machine.count() != 1 {
			t.Errorf("after a minute and a half: task %s, container %s", *got.LastStatus, *got.Containers[0].LastStatus)
		}
		w.machine.of("app").end(1)
		time.Sleep(5 * time.Second)
		if got := w.task(task.TaskArn); *got.LastStatus != stopped || *got.Containers[0].ExitCode != 1 || *got.StoppedReason != "Essential container in task exited" {
			t.Errorf("too soon after a restart: task %s", *got.LastStatus)
		}
	})
}

func TestSecretsAreNotThere(t *testing.T) {
	const asm = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:db-AbCdEf"
	for _, c := range []struct {
		from     string
		isolated bool
		want     string
	}{
		{asm, false, "failed to fetch secret " + asm + " from secrets manager: operation error Secrets Manager: GetSecretValue, https response error StatusCode: 400"},
		{asm, true, "unable to retrieve secret from asm: There is a connection issue between the task and AWS Secrets Manager."},
		{"/app/key", false, "execution resource retrieval failed: unable to retrieve secrets from ssm: service call has been retried 1 time(s): invalid ssm parameters: /app/key"},
		{"arn:aws:ssm:eu-west-1:000000000000:parameter/app/key", true, "unable to retrieve secrets from ssm: The task cannot pull secrets from AWS Systems Manager."},
	} {
		scenario(t, func(w *world) {
			w.network.isolated = c.isolated
			must(w, w.createCluster, &ecs.CreateClusterInput{ClusterName: aws.String("c")})
			d := w.register(image, func(in *ecs.RegisterTaskDefinitionInput) {
				in.ContainerDefinitions[0].Secrets = []types.Secret{{Name: aws.String("KEY"), ValueFrom: aws.String(c.from)}}
			})
			must(w, w.runTask, &ecs.RunTaskInput{Cluster: aws.String("c"), TaskDefinition: aws.String(d), LaunchType: types.LaunchTypeFargate, NetworkConfiguration: vpc("subnet-a1")})
			time.Sleep(20 * time.Second)
			got := w.list(types.DesiredStatusStopped)[0]
			if !strings.HasPrefix(*got.StoppedReason, "ResourceInitializationError: unable to pull secrets or registry auth: ") || !strings.Contains(*got.StoppedReason, c.want) || got.PullStartedAt != nil {
				t.Errorf("stopped = %s", *got.StoppedReason)
			}
		})
	}
}

func TestLogsCannotBeReached(t *testing.T) {
	scenario(t, func(w *world) {
		w.network.closed = map[string]bool{"logs": true}
		must(w, w.createCluster, &ecs.CreateClusterInput{ClusterName: aws.String("c")})
		must(w, w.runTask, &ecs.RunTaskInput{Cluster: aws.String("c"), TaskDefinition: aws.String(w.register(image)), LaunchType: types.LaunchTypeFargate, NetworkConfiguration: vpc("subnet-a1")})
		time.Sleep(20 * time.Second)
		got := w.list(types.DesiredStatusStopped)[0]
		if !strings.Contains(*got.StoppedReason, "There is a connection issue between the task and Amazon CloudWatch.") || got.PullStoppedAt == nil || got.StartedAt != nil {
			t.Errorf("stopped = %s", *got.StoppedReason)
		}
	})
}

func TestLogGroupsAreMadeWhereAsked(t *testing.T) {
	for _, c := range []struct {
		option, region string
		ok             bool
	}{{"true", "eu-west-1", true}, {"false", "eu-west-1", false}, {"true", "us-east-1", false}} {
		scenario(t, func(w *world) {
			must(w, w.createCluster, &ecs.CreateClusterInput{ClusterName: aws.String("c")})
			d := w.register(image, func(in *ecs.RegisterTaskDefinitionInput) {
				in.ContainerDefinitions[0].LogConfiguration.Options = map[string]string{
					"awslogs-group": "/new", "awslogs-region": c.region, "awslogs-stream-prefix": "ecs", "awslogs-create-group": c.option,
				}
			})
			must(w, w.runTask, &ecs.RunTaskInput{Cluster: aws.String("c"), TaskDefinition: aws.String(d), LaunchType: types.LaunchTypeFargate, NetworkConfiguration: vpc("subnet-a1")})
			time.Sleep(20 * time.Second)
			if up := len(w.list("")) == 1; up != c.ok || w.logs.HasGroup("/new") != c.ok {
				t.Errorf("create %s in %s: runs %v, has the group %v", c.option, c.region, up, w.logs.HasGroup("/new"))
			}
		})
	}
}

func TestArchitectureGoesToTheAgent(t *testing.T) {
	scenario(t, func(w *world) {
		must(w, w.createCluster, &ecs.CreateClusterInput{ClusterName: aws.String("c")})
		d := w.register(image, func(in *ecs.RegisterTaskDefinitionInput) {
			in.RuntimePlatform = &types.RuntimePlatform{CpuArchitecture: types.CPUArchitectureArm64}
		})
		must(w, w.runTask, &ecs.RunTaskInput{Cluster: aws.String("c"), TaskDefinition: aws.String(d), LaunchType: types.LaunchTypeFargate, NetworkConfiguration: vpc("subnet-a1")})
		time.Sleep(10 * time.Second)
		if f := w.machine.any(); f == nil || f.spec.Architecture != "arm64" {
			t.Errorf("container = %+v", f)
		}
		if a := w.list("")[0].Attributes[0]; *a.Value != "arm64" {
			t.Errorf("attribute = %s", *a.Value)
		}
	})
}

func TestProtectedTasksStay(t *testing.T) {
	scenario(t, func(w *world) {
		w.service()
		w.until("steady", steady)
		arns := []string{*w.list("")[0].TaskArn, *w.list("")[1].TaskArn}
		out := must(w, w.updateTaskProtection, &ecs.UpdateTaskProtectionInput{Cluster: aws.String("c"), Tasks: append(arns, "nope"), ProtectionEnabled: true, ExpiresInMinutes: aws.Int32(5)})
		if len(out.ProtectedTasks) != 2 || len(out.Failures) != 1 || !out.ProtectedTasks[0].ExpirationDate.Equal(time.Now().Add(5*time.Minute).UTC()) {
			t.Errorf("protected = %+v", out)
		}
		must(w, w.updateService, &ecs.UpdateServiceInput{Cluster: aws.String("c"), Service: aws.String("web"), DesiredCount: aws.Int32(1)})
		time.Sleep(4 * time.Minute)
		s := w.describe()
		if want := "(service web) was unable to reach steady state because (taskSet D) was unable to scale in due to (reason 2 tasks under protection)"; s.RunningCount != 2 || !slices.Contains(story(s), want) {
			t.Errorf("%d running, events:\n%s", s.RunningCount, strings.Join(story(s), "\n"))
		}
		time.Sleep(2 * time.Minute)
		if s := w.until("steady", steady); s.RunningCount != 1 {
			t.Errorf("%d running once the protection is over", s.RunningCount)
		}
		if got := must(w, w.getTaskProtection, &ecs.GetTaskProtectionInput{Cluster: aws.String("c"), Tasks: []string{*w.list("")[0].TaskArn}}); got.ProtectedTasks[0].ProtectionEnabled {
			t.Error("it is still protected")
		}
	})
}

func TestSteadyStateIsSaidAgain(t *testing.T) {
	scenario(t, func(w *world) {
		w.service()
		n := len(w.until("steady", steady).Events)
		time.Sleep(12*time.Hour + time.Minute)
		got := story(w.describe())[n:]
		if want := "(service web) has reached a steady state."; !slices.Equal(got, []string{want, want}) {
			t.Errorf("in twelve hours: %v", got)
		}
	})
}

func TestServiceDeploymentsCanBeStopped(t *testing.T) {
	scenario(t, func(w *world) {
		w.service()
		w.until("steady", steady)
		must(w, w.updateService, &ecs.UpdateServiceInput{Cluster: aws.String("c"), Service: aws.String("web"), TaskDefinition: aws.String(w.register(image))})
		time.Sleep(time.Second)
		arn := w.describe().CurrentServiceDeployment
		must(w, w.stopServiceDeployment, &ecs.StopServiceDeploymentInput{ServiceDeploymentArn: arn})
		_, err := call(w, w.stopServiceDeployment, &ecs.StopServiceDeploymentInput{ServiceDeploymentArn: arn})
		refused(t, err, "ConflictException", "not in progress")
		if s := w.until("back", steady); !strings.HasSuffix(*s.TaskDefinition, ":1") || s.RunningCount != 2 {
			t.Errorf("%s, %d running", *s.TaskDefinition, s.RunningCount)
		}
		d := must(w, w.describeServiceDeployments, &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{*arn}}).ServiceDeployments[0]
		if d.Status != types.ServiceDeploymentStatusRollbackSuccessful {
			t.Errorf("status %s", d.Status)
		}
	})
}

func TestDeletedServicesAreForgotten(t *testing.T) {
	scenario(t, func(w *world) {
		w.service()
		w.until("steady", steady)
		must(w, w.deleteService, &ecs.DeleteServiceInput{Cluster: aws.String("c"), Service: aws.String("web"), Force: aws.Bool(true)})
		time.Sleep(time.Minute)
		if s := w.describe(); *s.Status != inactive || s.RunningCount != 0 {
			t.Fatalf("service = %s, %d running", *s.Status, s.RunningCount)
		}
		time.Sleep(2 * time.Hour)
		w.look(func() {
			if w.services.Len() != 0 || w.events.Len() != 0 || w.rollouts.Len() != 0 || w.tasks.Len() != 0 {
				t.Errorf("%d services, %d events, %d rollouts, %d tasks are left", w.services.Len(), w.events.Len(), w.rollouts.Len(), w.tasks.Len())
			}
		})
	})
}

func TestRunTaskTwiceWithOneToken(t *testing.T) {
	scenario(t, func(w *world) {
		must(w, w.createCluster, &ecs.CreateClusterInput{ClusterName: aws.String("c")})
		d := w.register(image)
		in := func() *ecs.RunTaskInput {
			return &ecs.RunTaskInput{
				Cluster: aws.String("c"), TaskDefinition: aws.String(d), LaunchType: types.LaunchTypeFargate, NetworkConfiguration: vpc("subnet-a1"),
				Count: aws.Int32(2), Group: aws.String("batch"), StartedBy: aws.String("me"), ClientToken: aws.String("t"),
				Overrides: &types.TaskOverride{Cpu: aws.String(".5 vCPU"), Memory: aws.String("1 GB"), ContainerOverrides: []types.ContainerOverride{{
					Name: aws.String("app"), Command: []string{"./podinfo", "--port=80"}, Memory: aws.Int32(300),
					Environment: []types.KeyValuePair{{Name: aws.String("A"), Value: aws.String("1")}},
				}}},
			}
		}
		first, second := must(w, w.runTask, in()), must(w, w.runTask, in())
		task := first.Tasks[0]
		if len(first.Tasks) != 2 || *second.Tasks[1].TaskArn != *first.Tasks[1].TaskArn {
			t.Errorf("the second answer has other tasks")
		}
		if *task.Cpu != "512" || *task.Memory != "1024" || *task.Group != "batch" || *task.StartedBy != "me" || *task.Containers[0].Memory != "300" {
			t.Errorf("task = %s, %s, %s, %s", *task.Cpu, *task.Memory, *task.Group, *task.StartedBy)
		}
		other := in()
		other.Count = aws.Int32(1)
		_, err := call(w, w.runTask, other)
		refused(t, err, "ConflictException", "")
		other = in()
		other.ClientToken, other.Overrides.Memory = nil, aws.String("9 GB")
		_, err = call(w, w.runTask, other)
		refused(t, err, "ClientException", "No Fargate configuration exists for given values: 512 CPU, 9216 memory.")
		time.Sleep(10 * time.Second)
		f := w.machine.any()
		if f.spec.TaskMemory != 1024*mebibyte || f.spec.CPU != 0.5 || f.spec.Memory != 300*mebibyte || f.spec.Command[1] != "--port=80" || !slices.Contains(f.spec.Env, "A=1") {
			t.Errorf("spec = %+v", f.spec)
		}
	})
}
