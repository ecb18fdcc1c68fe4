package ecs

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"workshop/internal/sandbox/fargate"
)

var taskID = regexp.MustCompile(`[0-9a-f]{32}`)
var deploymentID = regexp.MustCompile(`ecs-svc/[0-9]{19}`)

// story is a service's events, oldest first, without ids.
func story(s types.Service) []string {
	var out []string
	for _, m := range messages(s) {
		out = append(out, deploymentID.ReplaceAllString(taskID.ReplaceAllString(m, "T"), "D"))
	}
	return out
}

func TestAServiceBecomesSteady(t *testing.T) {
	scenario(t, func(w *world) {
		w.service()
		s := w.until("steady", steady)
		want := []string{
			"(service web) has started 2 tasks: (task T) (task T).",
			"(service web) registered 2 targets in (target-group " + group + ")",
			"(service web) (deployment D) deployment completed.",
			"(service web) has reached a steady state.",
		}
		if got := story(s); !slices.Equal(got, want) {
			t.Errorf("events:\n%s", strings.Join(got, "\n"))
		}
		zones := map[string]int{}
		for _, task := range w.list("") {
			zones[*task.AvailabilityZone]++
			if *task.LastStatus != running || task.StartedAt == nil || task.Attachments[0].Details[4].Value == nil || *task.Containers[0].LastStatus != running {
				t.Errorf("task = %+v", task)
			}
			order := []time.Time{*task.CreatedAt, *task.ConnectivityAt, *task.PullStartedAt, *task.PullStoppedAt, *task.StartedAt}
			if !slices.IsSortedFunc(order, time.Time.Compare) {
				t.Errorf("times = %v", order)
			}
		}
		if zones["eu-west-1a"] != 1 || zones["eu-west-1b"] != 1 {
			t.Errorf("zones = %v", zones)
		}
	})
}

func TestKilledAndStoppedTasksAreReplaced(t *testing.T) {
	scenario(t, func(w *world) {
		w.service()
		w.until("steady", steady)
		w.machine.any().end(137)
		time.Sleep(time.Second)
		if s := w.describe(); s.RunningCount != 1 || s.PendingCount != 0 {
			t.Errorf("a second after a kill: %d running, %d pending", s.RunningCount, s.PendingCount)
		}
		time.Sleep(Real.React)
		s := w.describe()
		if s.RunningCount != 1 || s.PendingCount != 1 {
			t.Errorf("some seconds after a kill: %d running, %d pending", s.RunningCount, s.PendingCount)
		}
		want := []string{
			"(service web) deregistered 1 targets in (target-group " + group + ")",
			"(service web, taskSet D) has begun draining connections on 1 tasks.",
			"(service web) has started 1 tasks: (task T).",
		}
		if got := story(s); !slices.Equal(got[len(got)-3:], want) {
			t.Errorf("events:\n%s", strings.Join(got, "\n"))
		}
		w.until("steady", steady)
		stopped := w.list(types.DesiredStatusStopped)
		if len(stopped) != 1 || *stopped[0].StoppedReason != "Essential container in task exited" || stopped[0].StopCode != types.TaskStopCodeEssentialContainerExited || *stopped[0].Containers[0].ExitCode != 137 {
			t.Fatalf("stopped = %+v", stopped)
		}
		victim := w.list("")[0]
		out := must(w, w.stopTask, &ecs.StopTaskInput{Cluster: aws.String("c"), Task: victim.TaskArn, Reason: aws.String("practice")})
		if *out.Task.LastStatus != running || *out.Task.DesiredStatus != "STOPPED" || *out.Task.StoppedReason != "practice" {
			t.Errorf("StopTask answered %s, %s", *out.Task.LastStatus, *out.Task.StoppedReason)
		}
		// The containers hear of it at once, the load balancer later: for these seconds
		// clients get errors (aws/containers-roadmap#708, aws/amazon-ecs-agent#2316).
		time.Sleep(time.Second)
		if n := w.inState("healthy"); n != 2 {
			t.Errorf("%d registered targets while the containers are stopped", n)
		}
		time.Sleep(Real.React)
		if got := story(w.describe()); !slices.Equal(got[len(got)-3:], want) {
			t.Errorf("events:\n%s", strings.Join(got, "\n"))
		}
		w.until("steady", steady)
		if len(w.list(types.DesiredStatusStopped)) != 2 || w.interfaces() != 2 {
			t.Errorf("%d stopped, %d interfaces", len(w.list(types.DesiredStatusStopped)), w.interfaces())
		}
		time.Sleep(61 * time.Minute)
		if n := len(w.list(types.DesiredStatusStopped)); n != 0 {
			t.Errorf("%d stopped tasks after an hour", n)
		}
	})
}

func TestRollout(t *testing.T) {
	scenario(t, func(w *world) {
		w.service()
		before := w.until("steady", steady)
		second := w.register(image)
		must(w, w.updateService, &ecs.UpdateServiceInput{Cluster: aws.String("c"), Service: aws.String("web"), TaskDefinition: aws.String(second)})
		least, states := 2, map[string]bool{}
		for range 600 {
			s := w.describe()
			if steady(s) {
				break
			}
			if len(s.Deployments) != 2 || *s.Deployments[0].Status != primary || *s.Deployments[0].TaskDefinition != second || *s.Deployments[1].Status != active {
				t.Fatalf("deployments = %v", deployments(s))
			}
			least = min(least, w.inState("healthy"))
			for _, task := range w.list(types.DesiredStatusStopped) {
				states[*task.LastStatus] = true
			}
			if n := s.RunningCount + s.PendingCount; n > 4 {
				t.Fatalf("%d tasks at once", n)
			}
			time.Sleep(100 * time.Millisecond)
		}
		s := w.until("steady", steady)
		if least < 2 {
			t.Errorf("only %d healthy targets in between", least)
		}
		if *s.TaskDefinition != second || *s.Deployments[0].Id == *before.Deployments[0].Id {
			t.Errorf("deployments = %v", deployments(s))
		}
		want := []string{
			"(service web) has started 2 tasks: (task T) (task T).",
			"(service web) registered 2 targets in (target-group " + group + ")",
			"(service web) has stopped 2 running tasks: (task T) (task T).",
			"(service web) deregistered 2 targets in (target-group " + group + ")",
			"(service web, taskSet D) has begun draining connections on 2 tasks.",
			"(service web) (deployment D) deployment completed.",
			"(service web) has reached a steady state.",
		}
		if got := story(s)[4:]; !slices.Equal(got, want) {
			t.Errorf("events:\n%s", strings.Join(got, "\n"))
		}
		if drained := *before.Deployments[0].Id; !strings.Contains(strings.Join(messages(s), "\n"), "(service web, taskSet "+drained+") has begun draining") {
			t.Errorf("the taskSet is not %s, the deployment of the drained tasks", drained)
		}
		if !states[deactivating] {
			t.Errorf("the old tasks went through %v", states)
		}
		list := must(w, w.listServiceDeployments, &ecs.ListServiceDeploymentsInput{Cluster: aws.String("c"), Service: aws.String("web")})
		if len(list.ServiceDeployments) != 2 || list.ServiceDeployments[0].Status != types.ServiceDeploymentStatusSuccessful {
			t.Errorf("service deployments = %+v", list.ServiceDeployments)
		}
	})
}

func TestStopFirstWithinTheMinimum(t *testing.T) {
	scenario(t, func(w *world) {
		w.service(func(in *ecs.CreateServiceInput) {
			in.DeploymentConfiguration.MinimumHealthyPercent = aws.Int32(50)
			in.DeploymentConfiguration.MaximumPercent = aws.Int32(100)
		})
		w.until("steady", steady)
		must(w, w.updateService, &ecs.UpdateServiceInput{Cluster: aws.String("c"), Service: aws.String("web"), ForceNewDeployment: true})
		for range 1000 {
			s := w.describe()
			if steady(s) {
				break
			}
			if n := s.RunningCount + s.PendingCount; n > 2 {
				t.Fatalf("%d tasks at once", n)
			}
			if w.inState("healthy")+w.inState("initial") < 1 {
				t.Fatal("no target registered")
			}
			time.Sleep(100 * time.Millisecond)
		}
		w.until("steady", steady)
	})
}

func TestCircuitBreakerRollsBack(t *testing.T) {
	scenario(t, func(w *world) {
		w.service()
		before := w.until("steady", steady)
		bad := w.register("ghcr.io/stefanprodan/podinfo:0.0.0-nope")
		must(w, w.updateService, &ecs.UpdateServiceInput{Cluster: aws.String("c"), Service: aws.String("web"), TaskDefinition: aws.String(bad)})
		s := w.until("failed", func(s types.Service) bool {
			return len(s.Deployments) == 2 && s.Deployments[1].RolloutState == types.DeploymentRolloutStateFailed
		})
		good := s.Deployments[0]
		if *good.Id != *before.Deployments[0].Id || *good.RolloutStateReason != "ECS deployment circuit breaker: rolling back to deploymentId "+*good.Id {
			t.Errorf("primary = %v, %s", deployments(s), *good.RolloutStateReason)
		}
		record := must(w, w.describeServiceDeployments, &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{*s.CurrentServiceDeployment}}).ServiceDeployments[0]
		if b := record.DeploymentCircuitBreaker; b.FailureCount < 3 || b.Status != types.ServiceDeploymentRollbackMonitorsStatusTriggered || record.Status != types.ServiceDeploymentStatusRollbackInProgress {
			t.Errorf("while it goes back: %s, %d failures, %s", record.Status, b.FailureCount, b.Status)
		}
		if r := *s.Deployments[1].RolloutStateReason; r != "ECS deployment circuit breaker: tasks failed to start." {
			t.Errorf("reason = %s", r)
		}
		if s.RunningCount != 2 {
			t.Errorf("%d running", s.RunningCount)
		}
		s = w.until("steady", steady)
		got := story(s)[4:]
		for _, want := range []string{
			"(service web) was unable to place a task. Reason: CannotPullContainerError: pull image manifest has been retried 7 time(s): failed to resolve ref ghcr.io/stefanprodan/podinfo:0.0.0-nope: not found.",
			"(service web) (deployment D) deployment failed: tasks failed to start.",
			"(service web) rolling back to deployment D.",
			"(service web) (deployment D) deployment completed.",
		} {
			if !slices.Contains(got, want) {
				t.Errorf("no event %s in\n%s", want, strings.Join(got, "\n"))
			}
		}
		// One line for each failed task, all before the deployment's: public records of
		// 2025 and 2026 have three or four such lines, and none of the last kind.
		failures := slices.IndexFunc(got, func(e string) bool { return strings.Contains(e, "deployment failed") })
		for i, e := range got {
			switch {
			case strings.Contains(e, "unable to place a task") && i > failures, strings.Contains(e, "consistently"):
				t.Errorf("event %d is %s in\n%s", i, e, strings.Join(got, "\n"))
			}
		}
		failed := w.list(types.DesiredStatusStopped)
		if n := strings.Count(strings.Join(got, "\n"), "unable to place a task"); n != len(failed) {
			t.Errorf("%d lines for %d failed tasks", n, len(failed))
		}
		if len(failed) < 3 || failed[0].StopCode != types.TaskStopCodeTaskFailedToStart || failed[0].StartedAt != nil || failed[0].Containers[0].ExitCode != nil {
			t.Errorf("failed tasks = %d, first %+v", len(failed), failed[0])
		}
		d := must(w, w.listServiceDeployments, &ecs.ListServiceDeploymentsInput{Cluster: aws.String("c"), Service: aws.String("web")}).ServiceDeployments[0]
		// The reason is that of the AWS provider's acceptance test of a rollback.
		if d.Status != types.ServiceDeploymentStatusRollbackSuccessful || *d.StatusReason != "Service deployment rolled back because the circuit breaker threshold was exceeded." {
			t.Errorf("service deployment = %v, %s", d.Status, *d.StatusReason)
		}
	})
}

func TestCrashingTasksTripTheBreaker(t *testing.T) {
	scenario(t, func(w *world) {
		w.machine.crash = func(fargate.Spec) (time.Duration, int, bool) { return 500 * time.Millisecond, 1, true }
		w.service()
		s := w.until("failed", func(s types.Service) bool { return s.Deployments[0].RolloutState == types.DeploymentRolloutStateFailed })
		if len(s.Deployments) != 1 {
			t.Errorf("deployments = %v", deployments(s))
		}
		// Developer Guide, "How the Amazon ECS deployment circuit breaker detects failures"
		d := must(w, w.listServiceDeployments, &ecs.ListServiceDeploymentsInput{Cluster: aws.String("c"), Service: aws.String("web")}).ServiceDeployments[0]
		if d.Status != types.ServiceDeploymentStatusRollbackFailed || *d.StatusReason != "No rollback candidate was found to run the rollback." {
			t.Errorf("service deployment = %v, %s", d.Status, *d.StatusReason)
		}
		time.Sleep(20 * time.Second) // for what was on its way
		n := len(w.list(types.DesiredStatusStopped))
		time.Sleep(5 * time.Minute)
		if more := len(w.list(types.DesiredStatusStopped)); more != n || n < 3 || n > 4 {
			t.Errorf("%d tasks failed, %d later", n, more)
		}
	})
}

func TestWithoutBreakerItRetriesWithBackoff(t *testing.T) {
	scenario(t, func(w *world) {
		w.service(func(in *ecs.CreateServiceInput) {
			in.DeploymentConfiguration = nil
			in.TaskDefinition = aws.String(w.register("no.such/image"))
		})
		time.Sleep(10 * time.Minute)
		s := w.describe()
		if s.Deployments[0].RolloutState != types.DeploymentRolloutStateInProgress {
			t.Errorf("deployments = %v", deployments(s))
		}
		if n := len(w.list(types.DesiredStatusStopped)); n < 5 || n > 40 {
			t.Errorf("%d attempts in ten minutes", n)
		}
		if got := story(s); !slices.Contains(got, "(service web) is unable to consistently start tasks successfully. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.") {
			t.Errorf("events:\n%s", strings.Join(got, "\n"))
		}
	})
}

func TestUnhealthyTargetsAreReplacedAfterTheGrace(t *testing.T) {
	scenario(t, func(w *world) {
		w.service(func(in *ecs.CreateServiceInput) {
			in.HealthCheckGracePeriodSeconds = aws.Int32(30)
			in.DesiredCount = aws.Int32(1)
		})
		w.until("steady", steady)
		w.look(func() {
			for unhealthy := range w.targets.since {
				w.targets.unhealthy = func(ip string) bool { return ip == unhealthy }
			}
		})
		at := time.Now()
		s := w.until("replaced", func(s types.Service) bool { return strings.Contains(strings.Join(story(s), "\n"), "unhealthy in") })
		if waited := time.Since(at); waited < 20*time.Second {
			t.Errorf("replaced after %v, within the grace period", waited)
		}
		got := strings.Join(story(s), "\n")
		for _, want := range []string{
			"(service web) (task T) (port 9898) is unhealthy in (target-group " + group + ") due to (reason Health checks failed with these codes: [503]).",
			"(service web) has started 1 tasks: (task T). Amazon ECS replaced 1 tasks due to an unhealthy status.",
			"(service web) has stopped 1 running tasks: (task T).",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("no event %s in\n%s", want, got)
			}
		}
		w.until("steady", steady)
		if r := *w.list(types.DesiredStatusStopped)[0].StoppedReason; r != "Task failed ELB health checks in (target-group "+group+")" {
			t.Errorf("reason = %s", r)
		}
	})
}

// The replacements of unhealthy tasks are started first: clients get answers all the
// time (API reference, DeploymentConfiguration, maximumPercent; the order of the
// events is that of public records of 2025).
func TestUnhealthyTasksServeUntilTheyAreReplaced(t *testing.T) {
	scenario(t, func(w *world) {
		w.service()
		w.until("steady", steady)
		before := len(story(w.describe()))
		w.unhealthyNow()
		for range 120 {
			if s := w.describe(); s.RunningCount < 2 {
				t.Fatalf("%d running:\n%s", s.RunningCount, strings.Join(story(s)[before:], "\n"))
			}
			if n := w.inState("healthy") + w.inState("unhealthy"); n < 2 {
				t.Fatalf("%d targets answer:\n%s", n, strings.Join(story(w.describe())[before:], "\n"))
			}
			time.Sleep(500 * time.Millisecond)
		}
		unhealthy := "(service web) (task T) (port 9898) is unhealthy in (target-group " + group + ") due to (reason Health checks failed with these codes: [503])."
		want := []string{
			"(service web) has started 2 tasks: (task T) (task T). Amazon ECS replaced 2 tasks due to an unhealthy status.",
			"(service web) registered 2 targets in (target-group " + group + ")",
			unhealthy, unhealthy,
			"(service web) has stopped 2 running tasks: (task T) (task T).",
			"(service web) deregistered 2 targets in (target-group " + group + ")",
			"(service web, taskSet D) has begun draining connections on 2 tasks.",
			"(service web) has reached a steady state.",
		}
		if got := story(w.describe())[before:]; !slices.Equal(got, want) {
			t.Errorf("events:\n%s", strings.Join(got, "\n"))
		}
	})
}

// Where the maximum percent leaves no room, unhealthy tasks are stopped one after the
// other (API reference, DeploymentConfiguration, minimumHealthyPercent).
func TestUnhealthyTasksWithoutRoom(t *testing.T) {
	scenario(t, func(w *world) {
		w.service(func(in *ecs.CreateServiceInput) {
			in.DeploymentConfiguration.MinimumHealthyPercent, in.DeploymentConfiguration.MaximumPercent = aws.Int32(0), aws.Int32(100)
		})
		w.until("steady", steady)
		before := w.list("")
		w.unhealthyNow()
		for range 180 {
			s := w.describe()
			if n := s.RunningCount + s.PendingCount; n < 1 || n > 2 {
				t.Fatalf("%d tasks:\n%s", n, strings.Join(story(s), "\n"))
			}
			time.Sleep(500 * time.Millisecond)
		}
		for _, task := range w.list("") {
			if slices.ContainsFunc(before, func(o types.Task) bool { return *o.TaskArn == *task.TaskArn }) || *task.LastStatus != running {
				t.Errorf("%s is %s", *task.TaskArn, *task.LastStatus)
			}
		}
		w.until("steady", steady)
	})
}

// A task that is healthy again before another does its work goes on.
func TestUnhealthyTasksThatRecover(t *testing.T) {
	scenario(t, func(w *world) {
		w.service()
		w.until("steady", steady)
		before := w.list("")
		w.unhealthyNow()
		time.Sleep(2 * time.Second)
		w.look(func() { w.targets.unhealthy = nil })
		time.Sleep(time.Minute)
		after := w.list("")
		if len(after) != 2 || *after[0].TaskArn != *before[0].TaskArn || *after[1].TaskArn != *before[1].TaskArn {
			t.Errorf("%d tasks, events:\n%s", len(after), strings.Join(story(w.describe()), "\n"))
		}
	})
}

// unhealthyNow makes all targets that are registered now unhealthy.
func (w *world) unhealthyNow() {
	w.look(func() {
		ill := maps.Clone(w.targets.since)
		w.targets.unhealthy = func(ip string) bool { _, ok := ill[ip]; return ok }
	})
}

func TestScaleAndDelete(t *testing.T) {
	scenario(t, func(w *world) {
		w.service()
		w.until("steady", steady)
		set := func(n int32) {
			must(w, w.updateService, &ecs.UpdateServiceInput{Cluster: aws.String("c"), Service: aws.String("web"), DesiredCount: aws.Int32(n)})
		}
		set(5)
		if s := w.until("five", steady); s.RunningCount != 5 || s.Deployments[0].RolloutState != types.DeploymentRolloutStateCompleted {
			t.Errorf("deployments = %v", deployments(s))
		}
		set(2)
		time.Sleep(2 * time.Second)
		if s := w.describe(); s.RunningCount != 2 {
			t.Errorf("%d running while three drain", s.RunningCount)
		}
		w.until("two", steady)
		zones := map[string]int{}
		for _, task := range w.list("") {
			zones[*task.AvailabilityZone]++
		}
		if len(zones) != 2 {
			t.Errorf("zones after the scale-in: %v", zones)
		}
		for _, task := range w.list(types.DesiredStatusStopped) {
			if task.StopCode != types.TaskStopCodeServiceSchedulerInitiated || !strings.HasPrefix(*task.StoppedReason, "Scaling activity initiated by (deployment ecs-svc/") {
				t.Errorf("%s: %s", task.StopCode, *task.StoppedReason)
			}
		}
		if _, err := call(w, w.deleteService, &ecs.DeleteServiceInput{Cluster: aws.String("c"), Service: aws.String("web")}); err == nil {
			t.Error("a service with tasks was deleted")
		}
		if _, err := call(w, w.deleteCluster, &ecs.DeleteClusterInput{Cluster: aws.String("c")}); err == nil {
			t.Error("a cluster with a service was deleted")
		}
		out := must(w, w.deleteService, &ecs.DeleteServiceInput{Cluster: aws.String("c"), Service: aws.String("web"), Force: aws.Bool(true)})
		if *out.Service.Status != draining {
			t.Errorf("status = %s", *out.Service.Status)
		}
		if _, err := call(w, w.createService, &ecs.CreateServiceInput{Cluster: aws.String("c"), ServiceName: aws.String("web")}); err == nil || !strings.Contains(err.Error(), "still Draining") {
			t.Errorf("error = %v", err)
		}
		w.until("inactive", func(s types.Service) bool { return *s.Status == inactive })
		time.Sleep(10 * time.Second)
		if w.interfaces() != 0 || w.machine.count() != 0 {
			t.Errorf("%d interfaces, %d containers left", w.interfaces(), w.machine.count())
		}
		must(w, w.deleteCluster, &ecs.DeleteClusterInput{Cluster: aws.String("c")})
	})
}

func TestTasksStartAgainAfterARestart(t *testing.T) {
	scenario(t, func(w *world) {
		w.service()
		w.until("steady", steady)
		before := w.list("")
		w.halt()
		if w.machine.count() != 0 {
			t.Fatal("containers outlived the sandbox")
		}
		w.start2()
		time.Sleep(time.Second)
		after := w.list("")
		for i := range before {
			if *before[i].TaskArn != *after[i].TaskArn || *after[i].LastStatus != running || *before[i].Attachments[0].Details[1].Value != *after[i].Attachments[0].Details[1].Value {
				t.Errorf("task %d is another one: %+v", i, after[i])
			}
		}
		if w.machine.count() != 2 || len(w.list(types.DesiredStatusStopped)) != 0 {
			t.Errorf("%d containers", w.machine.count())
		}
	})
}

// start2 is a second process on the same records.
func (w *world) start2() {
	w.account.Store.Lock()
	w.running = map[string]*pod{}
	w.inbox = nil
	w.account.Store.Unlock()
	w.start()
}

func TestFailuresToStart(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*world)
		in     func(*ecs.RegisterTaskDefinitionInput)
		subnet string
		want   string
	}{
		{"no log group", nil, func(in *ecs.RegisterTaskDefinitionInput) {
			in.ContainerDefinitions[0].LogConfiguration.Options["awslogs-group"] = "/gone"
		}, "subnet-a1", "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. : exit status 1"},
		{"no way to the registry", func(w *world) { w.network.isolated = true }, nil, "subnet-a1", `CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref ghcr.io/stefanprodan/podinfo:6.9.2: failed to do request: Head "https://ghcr.io/v2/stefanprodan/podinfo/manifests/6.9.2": dial tcp 192.0.2.10:443: i/o timeout`},
		{"full subnet", nil, nil, "subnet-full", "Unexpected EC2 error while attempting to Create Network Interface with public IP assignment disabled in subnet 'subnet-full': InsufficientFreeAddressesInSubnet"},
	} {
		t.Run(c.name, func(t *testing.T) {
			scenario(t, func(w *world) {
				must(w, w.createCluster, &ecs.CreateClusterInput{ClusterName: aws.String("c")})
				if c.change != nil {
					c.change(w)
				}
				var changes []func(*ecs.RegisterTaskDefinitionInput)
				if c.in != nil {
					changes = append(changes, c.in)
				}
				d := w.register(image, changes...)
				must(w, w.runTask, &ecs.RunTaskInput{Cluster: aws.String("c"), TaskDefinition: aws.String(d), LaunchType: types.LaunchTypeFargate, NetworkConfiguration: vpc(c.subnet)})
				time.Sleep(20 * time.Second)
				got := w.list(types.DesiredStatusStopped)
				if len(got) != 1 || *got[0].LastStatus != stopped || *got[0].StoppedReason != c.want {
					t.Fatalf("stopped = %s", *got[0].StoppedReason)
				}
				if w.interfaces() != 0 {
					t.Error("its network interface is left")
				}
			})
		})
	}
}
