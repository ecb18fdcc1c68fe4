package ecs

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"

	"workshop/internal/datachannel"
	"workshop/internal/sandbox/fargate"
)

func withRole(in *ecs.RegisterTaskDefinitionInput) {
	in.TaskRoleArn = aws.String("arn:aws:iam::000000000000:role/task")
}

func withSidecar(in *ecs.RegisterTaskDefinitionInput) {
	in.ContainerDefinitions = append(in.ContainerDefinitions, types.ContainerDefinition{Name: aws.String("side"), Image: aws.String(image), Essential: aws.Bool(false)})
}

// The texts are AWS's: of aws/aws-cli 6562 and 8080, boto/boto3 2822, keidarcy/e1s 206,
// Mic-U/ecsher 56; those of several and of unknown containers are the sandbox's own.
func TestExecuteCommandRefusals(t *testing.T) {
	scenario(t, func(w *world) {
		w.service(func(in *ecs.CreateServiceInput) {
			in.TaskDefinition = aws.String(w.register(image, withRole, withSidecar))
			in.EnableExecuteCommand = true
		})
		w.until("starting", func(s types.Service) bool { return s.PendingCount > 0 })
		task := w.list("")[0]
		if a := task.Containers[0].ManagedAgents; len(a) != 1 || *a[0].LastStatus != pending || a[0].Name != types.ManagedAgentNameExecuteCommandAgent || a[0].LastStartedAt != nil {
			t.Errorf("agents of a task that starts: %+v", a)
		}
		id := shortName(*task.TaskArn)
		request := func(change func(*ecs.ExecuteCommandInput)) *ecs.ExecuteCommandInput {
			in := &ecs.ExecuteCommandInput{Cluster: aws.String("c"), Task: aws.String(id), Container: aws.String("app"), Command: aws.String("sh"), Interactive: true}
			change(in)
			return in
		}
		same := func(*ecs.ExecuteCommandInput) {}
		refused := func(what, code, says string, in *ecs.ExecuteCommandInput) {
			t.Helper()
			_, err := call(w, w.executeCommand, in)
			var api smithy.APIError
			if !errors.As(err, &api) || api.ErrorCode() != code || !strings.Contains(api.ErrorMessage(), says) {
				t.Errorf("%s: %v", what, err)
			}
		}
		refused("a task that starts", "InvalidParameterException", notEnabled, request(same))
		w.until("steady", steady)
		if a := w.list("")[0].Containers[1].ManagedAgents; len(a) != 1 || *a[0].LastStatus != running || a[0].LastStartedAt == nil {
			t.Errorf("agents of a task that runs: %+v", a)
		}
		for what, c := range map[string]struct {
			code, says string
			change     func(*ecs.ExecuteCommandInput)
		}{
			"no such cluster":    {"ClusterNotFoundException", "Cluster not found", func(in *ecs.ExecuteCommandInput) { in.Cluster = aws.String("none") }},
			"not interactive":    {"InvalidParameterException", "Interactive is the only mode supported currently.", func(in *ecs.ExecuteCommandInput) { in.Interactive = false }},
			"half an id":         {"InvalidParameterException", "task length should be one of [32,36]", func(in *ecs.ExecuteCommandInput) { in.Task = aws.String(id[:8]) }},
			"no such task":       {"InvalidParameterException", "The referenced task was not found.", func(in *ecs.ExecuteCommandInput) { in.Task = aws.String(strings.Repeat("0", 32)) }},
			"no command":         {"InvalidParameterException", "Command cannot be empty.", func(in *ecs.ExecuteCommandInput) { in.Command = aws.String("") }},
			"several containers": {"InvalidParameterException", "name one of app, side", func(in *ecs.ExecuteCommandInput) { in.Container = nil }},
			"no such container":  {"InvalidParameterException", "The container db is not in the task.", func(in *ecs.ExecuteCommandInput) { in.Container = aws.String("db") }},
			"a task in no region": {"InvalidParameterException", "The referenced task was not found.", func(in *ecs.ExecuteCommandInput) {
				in.Task = aws.String("arn:aws:ecs:x:y:task/c/" + strings.Repeat("0", 32))
			}},
		} {
			refused(what, c.code, c.says, request(c.change))
		}
		w.look(func() { w.network.closed = map[string]bool{"ssmmessages": true} })
		refused("no way to Systems Manager", "TargetNotConnectedException", "The execute command failed due to an internal error. Try again later.", request(same))
		w.look(func() { w.network.closed = nil })

		out := must(w, w.executeCommand, request(func(in *ecs.ExecuteCommandInput) { in.Task = task.TaskArn }))
		if *out.TaskArn != *task.TaskArn || *out.ContainerName != "app" || *out.ContainerArn != *task.Containers[0].ContainerArn || !out.Interactive || *out.ClusterArn != *task.ClusterArn ||
			!strings.HasPrefix(*out.Session.SessionId, "ecs-execute-command-") || !strings.Contains(*out.Session.StreamUrl, DataChannelPath+*out.Session.SessionId) || len(*out.Session.TokenValue) < 32 {
			t.Errorf("answer %+v, session %+v", out, out.Session)
		}
		must(w, w.stopTask, &ecs.StopTaskInput{Cluster: aws.String("c"), Task: aws.String(id)})
		refused("a task that ends", "InvalidParameterException", notEnabled, request(same))
	})
}

// What needs a role of the task is refused without one (aws-cli users' records of 2022 to
// 2026; of RunTask there is none).
func TestExecNeedsATaskRole(t *testing.T) {
	scenario(t, func(w *world) {
		w.service()
		w.until("steady", steady)
		refused := func(says string, err error) {
			t.Helper()
			if err == nil || !strings.Contains(err.Error(), says+" because a valid taskRoleArn is not being used. Specify a valid task role in your task definition and try again.") {
				t.Errorf("%s: %v", says, err)
			}
		}
		_, err := call(w, w.updateService, &ecs.UpdateServiceInput{Cluster: aws.String("c"), Service: aws.String("web"), EnableExecuteCommand: aws.Bool(true)})
		refused("The service couldn't be updated", err)
		_, err = call(w, w.createService, &ecs.CreateServiceInput{
			Cluster: aws.String("c"), ServiceName: aws.String("other"), TaskDefinition: aws.String("web"), LaunchType: types.LaunchTypeFargate, NetworkConfiguration: vpc("subnet-a1"), EnableExecuteCommand: true,
		})
		refused("The service couldn't be created", err)
		run := &ecs.RunTaskInput{Cluster: aws.String("c"), TaskDefinition: aws.String("web"), LaunchType: types.LaunchTypeFargate, NetworkConfiguration: vpc("subnet-a1"), EnableExecuteCommand: true}
		_, err = call(w, w.runTask, run)
		refused("The task couldn't be run", err)
		run.Overrides = &types.TaskOverride{TaskRoleArn: aws.String("arn:aws:iam::000000000000:role/task")}
		must(w, w.runTask, run)
	})
}

// silent is a shell and a client in which nothing happens.
type silent struct {
	closed chan struct{}
}

func (s *silent) Read([]byte) (int, error)    { <-s.closed; return 0, io.EOF }
func (s *silent) Write(b []byte) (int, error) { return len(b), nil }
func (s *silent) Resize(int, int) error       { return nil }
func (s *silent) Close()                      { close(s.closed) }
func (s *silent) Receive(ctx context.Context) (datachannel.PayloadType, []byte, error) {
	<-ctx.Done()
	return 0, nil, ctx.Err()
}
func (s *silent) Send(context.Context, datachannel.PayloadType, []byte) error { return nil }
func (s *silent) Stop(time.Duration)                                          {}
func (s *silent) PID() int                                                    { return 0 }
func (s *silent) Exec(string) (fargate.Shell, error)                          { return s, nil }

func TestIdleSessionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &silent{closed: make(chan struct{})}
		began := time.Now()
		says := (&execution{container: s}).serve(t.Context(), s)
		if got := time.Since(began); got != 20*time.Minute {
			t.Errorf("it ended after %v", got)
		}
		if !strings.Contains(says, "timed out") {
			t.Errorf("it says %q", says)
		}
	})
}

func TestTokenExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSessions()
		for _, c := range []struct {
			after time.Duration
			ok    bool
		}{{59 * time.Second, true}, {61 * time.Second, false}} {
			x := &execution{id: "x", token: "secret"}
			if err := s.begin(x); err != nil {
				t.Fatal(err)
			}
			time.Sleep(c.after)
			x, ok := s.enter("x", "secret", func() {})
			if ok != c.ok {
				t.Errorf("after %v: %v", c.after, ok)
			}
			if ok {
				s.leave(x)
				s.done.Done()
			}
		}
	})
}
