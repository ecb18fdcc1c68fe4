//go:build unix

package ecs

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"go.uber.org/goleak"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/balancer"
	"workshop/internal/sandbox/fargate"
	"workshop/internal/sandbox/sandboxtest"
	"workshop/internal/sandbox/store"
)

func TestMain(m *testing.M) {
	fargate.RunTask()
	goleak.VerifyTestMain(m)
}

// real is an ECS on the fast dial whose containers are processes, served to the
// SDK's client.
type real struct {
	*world
	client   *ecs.Client
	backends *balancer.Backends
}

func process(t *testing.T, path string) *real {
	t.Helper()
	st, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	r := &real{world: open(t, st), backends: &balancer.Backends{}}
	agent, err := fargate.NewAgent()
	if err != nil {
		t.Fatal(err)
	}
	r.ECS, err = New(r.account, Config{
		Timing: Fast, Network: r.network, Targets: r.targets, Backends: r.backends,
		Logs: r.logs, Roles: r.roles, Agent: Processes{agent}, Sessions: NewSessions(),
	})
	if err != nil {
		t.Fatal(err)
	}
	r.client = ecs.NewFromConfig(sandboxtest.Serve(t, &account.Account{Region: "eu-west-1", Store: st, Now: time.Now}, r.Service()))
	r.start()
	return r
}

func TestServiceOfRealProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	r := process(t, path)
	ctx, c := t.Context(), r.client
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := c.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: aws.String("c"), Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
	check(err)
	_, err = c.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("web"), Cpu: aws.String(".25 vCPU"), Memory: aws.String("0.5 GB"), NetworkMode: types.NetworkModeAwsvpc,
		RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate}, ExecutionRoleArn: aws.String("arn:aws:iam::000000000000:role/x"),
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: aws.String("app"), Image: aws.String(image), StopTimeout: aws.Int32(5),
			PortMappings: []types.PortMapping{{ContainerPort: aws.Int32(9898)}},
			Environment:  []types.KeyValuePair{{Name: aws.String("PODINFO_UI_MESSAGE"), Value: aws.String("hello")}, {Name: aws.String("PODINFO_LEVEL"), Value: aws.String("debug")}},
			LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{
				"awslogs-group": "/ecs/web", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "ecs",
			}},
		}},
	})
	check(err)
	made, err := c.CreateService(ctx, &ecs.CreateServiceInput{
		Cluster: aws.String("c"), ServiceName: aws.String("web"), TaskDefinition: aws.String("web"), DesiredCount: aws.Int32(2),
		LaunchType: types.LaunchTypeFargate, NetworkConfiguration: vpc("subnet-a1", "subnet-b1"),
		PropagateTags: types.PropagateTagsService, Tags: []types.Tag{{Key: aws.String("Workspace"), Value: aws.String("w1")}}, EnableECSManagedTags: true,
	})
	check(err)
	if s := made.Service; s.AvailabilityZoneRebalancing != types.AvailabilityZoneRebalancingEnabled || *s.PlatformVersion != "LATEST" || *s.DeploymentConfiguration.MaximumPercent != 200 {
		t.Errorf("service = %+v", s)
	}
	waitSteady := func(c *ecs.Client) []types.Task {
		t.Helper()
		w := ecs.NewServicesStableWaiter(c, func(o *ecs.ServicesStableWaiterOptions) {
			o.MinDelay, o.MaxDelay = 50*time.Millisecond, 50*time.Millisecond
		})
		check(w.Wait(ctx, &ecs.DescribeServicesInput{Cluster: aws.String("c"), Services: []string{"web"}}, 20*time.Second))
		list, err := c.ListTasks(ctx, &ecs.ListTasksInput{Cluster: aws.String("c"), ServiceName: aws.String("web")})
		check(err)
		out, err := c.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: aws.String("c"), Tasks: list.TaskArns, Include: []types.TaskField{types.TaskFieldTags}})
		check(err)
		return out.Tasks
	}
	tasks := waitSteady(c)
	if len(tasks) != 2 || len(tasks[0].Tags) != 3 || *tasks[0].Cpu != "256" || *tasks[0].Memory != "512" {
		t.Fatalf("tasks = %+v", tasks)
	}
	if body := r.fetch(t, tasks[0], "/"); !strings.Contains(body, `"message": "hello"`) || !strings.Contains(body, `"hostname": "ip-10-0-0-`) {
		t.Errorf("podinfo says %s", body)
	}
	stream := "ecs/app/" + shortName(*tasks[0].TaskArn)
	eventually(t, "the request is in the log", func() bool {
		r.logs.mu.Lock()
		defer r.logs.mu.Unlock()
		return slices.ContainsFunc(r.logs.lines[stream], func(l string) bool { return strings.Contains(l, `"uri":"/","method":"GET"`) })
	})

	// Kill one behind ECS's back.
	r.account.Store.Lock()
	pid := r.running[shortName(*tasks[0].TaskArn)].containers["app"].PID()
	r.account.Store.Unlock()
	syscall.Kill(pid, syscall.SIGKILL)
	eventually(t, "the killed task is noticed", func() bool {
		out, err := c.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: aws.String("c"), Tasks: []string{*tasks[0].TaskArn}})
		check(err)
		k := out.Tasks[0]
		return *k.LastStatus == stopped && *k.Containers[0].ExitCode == 137 && *k.StoppedReason == "Essential container in task exited"
	})
	tasks = waitSteady(c)

	// The sandbox ends, and another begins on the same journal.
	r.halt()
	r = process(t, path)
	defer r.halt()
	again := waitSteady(r.client)
	slices.SortFunc(tasks, byARN)
	slices.SortFunc(again, byARN)
	for i := range tasks {
		if *tasks[i].TaskArn != *again[i].TaskArn || *tasks[i].Attachments[0].Details[1].Value != *again[i].Attachments[0].Details[1].Value {
			t.Errorf("task %d is another one after the restart", i)
		}
		r.fetch(t, again[i], "/healthz")
	}
	_, err = r.client.DeleteService(ctx, &ecs.DeleteServiceInput{Cluster: aws.String("c"), Service: aws.String("web"), Force: aws.Bool(true)})
	check(err)
	check(ecs.NewServicesInactiveWaiter(r.client, func(o *ecs.ServicesInactiveWaiterOptions) {
		o.MinDelay, o.MaxDelay = 50*time.Millisecond, 50*time.Millisecond
	}).Wait(ctx, &ecs.DescribeServicesInput{Cluster: aws.String("c"), Services: []string{"web"}}, 20*time.Second))
	eventually(t, "the cluster can be deleted", func() bool {
		_, err := r.client.DeleteCluster(ctx, &ecs.DeleteClusterInput{Cluster: aws.String("c")})
		return err == nil
	})
}

func byARN(a, b types.Task) int { return strings.Compare(*a.TaskArn, *b.TaskArn) }

// fetch asks a task, by the address that it has in its VPC.
func (r *real) fetch(t *testing.T, task types.Task, path string) string {
	t.Helper()
	ip := *task.Containers[0].NetworkInterfaces[0].PrivateIpv4Address
	var addr string
	eventually(t, "the task listens", func() (ok bool) {
		addr, ok = r.backends.Lookup("vpc-1", ip, 9898)
		return ok
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", "http://"+addr+path, nil)
	tr := &http.Transport{DisableKeepAlives: true}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return string(b)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 1000 {
		if ok() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("it never came that %s", what)
}

func TestOneShotTasks(t *testing.T) {
	r := process(t, "")
	defer r.halt()
	ctx, c := t.Context(), r.client
	if _, err := c.CreateCluster(ctx, &ecs.CreateClusterInput{}); err != nil {
		t.Fatal(err)
	}
	_, err := c.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("job"), Cpu: aws.String("256"), Memory: aws.String("512"), NetworkMode: types.NetworkModeAwsvpc,
		RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
		ContainerDefinitions: []types.ContainerDefinition{
			{Name: aws.String("job"), Image: aws.String("busybox"), Command: []string{"sh", "-c", "exit 3"}},
			{Name: aws.String("side"), Image: aws.String("registry.k8s.io/pause:3.10"), Essential: aws.Bool(false)},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []struct {
		name    string
		command []string
		code    int32
		reason  string
	}{
		{"exits at once", nil, 3, "Essential container in task exited"},
		{"overridden", []string{"true"}, 0, "Essential container in task exited"},
		{"no such program", []string{"nonsense"}, -1, "Task failed to start"},
	} {
		t.Run(k.name, func(t *testing.T) {
			in := &ecs.RunTaskInput{TaskDefinition: aws.String("job"), LaunchType: types.LaunchTypeFargate, NetworkConfiguration: vpc("subnet-a1"), ClientToken: aws.String(k.name)}
			if k.command != nil {
				in.Overrides = &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{{Name: aws.String("job"), Command: k.command}}}
			}
			out, err := c.RunTask(ctx, in)
			if err != nil {
				t.Fatal(err)
			}
			twice, err := c.RunTask(ctx, in)
			if err != nil || *twice.Tasks[0].TaskArn != *out.Tasks[0].TaskArn {
				t.Errorf("the same client token ran another task: %v", err)
			}
			w := ecs.NewTasksStoppedWaiter(c, func(o *ecs.TasksStoppedWaiterOptions) {
				o.MinDelay, o.MaxDelay = 50*time.Millisecond, 50*time.Millisecond
			})
			got, err := w.WaitForOutput(ctx, &ecs.DescribeTasksInput{Tasks: []string{*out.Tasks[0].TaskArn}}, 20*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			task := got.Tasks[0]
			code := int32(-1)
			if e := task.Containers[0].ExitCode; e != nil {
				code = *e
			}
			if *task.StoppedReason != k.reason || code != k.code || *task.Containers[1].LastStatus != stopped {
				b, _ := json.MarshalIndent(task, "", " ")
				t.Errorf("task = %s", b)
			}
		})
	}
}
