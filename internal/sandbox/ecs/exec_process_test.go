//go:build unix

package ecs

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"workshop/internal/datachannel"
)

// Commands in real containers, over the data channel.
func TestExecuteCommandInAContainer(t *testing.T) {
	r := process(t, "")
	defer r.halt()
	endpoint := httptest.NewServer(r.sessions)
	defer endpoint.Close()
	defer r.sessions.Close()
	r.sessions.Serve(strings.TrimPrefix(endpoint.URL, "http://"))
	ctx, c := t.Context(), r.client
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := c.CreateCluster(ctx, &ecs.CreateClusterInput{})
	check(err)
	_, err = c.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("job"), Cpu: aws.String("256"), Memory: aws.String("512"), NetworkMode: types.NetworkModeAwsvpc,
		RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate}, TaskRoleArn: aws.String("arn:aws:iam::000000000000:role/task"),
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: aws.String("job"), Image: aws.String("busybox"), Command: []string{"sleep", "infinity"}, StopTimeout: aws.Int32(2),
			Environment: []types.KeyValuePair{{Name: aws.String("GREETING"), Value: aws.String("hello")}},
		}},
	})
	check(err)
	out, err := c.RunTask(ctx, &ecs.RunTaskInput{TaskDefinition: aws.String("job"), LaunchType: types.LaunchTypeFargate, NetworkConfiguration: vpc("subnet-a1"), EnableExecuteCommand: true})
	check(err)
	task := out.Tasks[0].TaskArn
	w := ecs.NewTasksRunningWaiter(c, func(o *ecs.TasksRunningWaiterOptions) {
		o.MinDelay, o.MaxDelay = 50*time.Millisecond, 50*time.Millisecond
	})
	check(w.Wait(ctx, &ecs.DescribeTasksInput{Tasks: []string{*task}}, 20*time.Second))
	begin := func(command string) (datachannel.Session, error) {
		out, err := c.ExecuteCommand(ctx, &ecs.ExecuteCommandInput{Task: task, Command: &command, Interactive: true})
		if err != nil {
			return datachannel.Session{}, err
		}
		return datachannel.Session{ID: *out.Session.SessionId, URL: *out.Session.StreamUrl, Token: *out.Session.TokenValue}, nil
	}
	dial := func(command string) *datachannel.Client {
		t.Helper()
		s, err := begin(command)
		check(err)
		client, err := datachannel.Dial(ctx, s)
		check(err)
		t.Cleanup(func() { client.Close() })
		return client
	}

	client := dial("sh")
	var printed strings.Builder
	check(client.Run(ctx, datachannel.Terminal{In: strings.NewReader("echo $GREETING $HOSTNAME; pwd; seq 1 5000 | tail -1; exit\n"), Out: &printed}))
	for _, want := range []string{"hello ip-10-0-0-5.eu-west-1.compute.internal\r\n/\r\n5000\r\n"} {
		if !strings.Contains(printed.String(), want) {
			t.Errorf("printed %q without %q", printed.String(), want)
		}
	}
	var closed *datachannel.Closed
	if err := dial("nosuch").Run(ctx, datachannel.Terminal{In: strings.NewReader(""), Out: io.Discard}); !errors.As(err, &closed) ||
		!strings.HasSuffix(closed.Output, `Unable to start command: Failed to start pty: exec: "nosuch": executable file not found in $PATH`) {
		t.Errorf("a program that is not there: %v", err)
	}

	// A token is for one connection, and of one session.
	s, err := begin("sh")
	check(err)
	wrong := s
	wrong.Token = "x" + s.Token[1:]
	if _, err := datachannel.Dial(ctx, wrong); err == nil {
		t.Error("a wrong token opens the session")
	}
	if _, err := datachannel.Dial(ctx, s); err == nil {
		t.Error("after a wrong token the session is still there")
	}
	s, err = begin("sh")
	check(err)
	first, err := datachannel.Dial(ctx, s)
	check(err)
	if _, err := datachannel.Dial(ctx, s); err == nil {
		t.Error("a token opens two sessions")
	}
	s, err = begin("sh")
	check(err)
	page, err := http.NewRequestWithContext(ctx, http.MethodGet, "http"+strings.TrimPrefix(s.URL, "ws"), nil)
	check(err)
	page.Header = http.Header{"Origin": {endpoint.URL}, "Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"MDEyMzQ1Njc4OWFiY2RlZg=="}}
	resp, err := http.DefaultTransport.RoundTrip(page)
	check(err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("a web page is answered %s", resp.Status)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()

	// Two at a time; a client that goes makes room.
	second, err := datachannel.Dial(ctx, s)
	check(err)
	_, err = begin("sh")
	var full *types.ClientException
	if !errors.As(err, &full) || *full.Message != "Unable to start new execute sessions because the maximum session limit of 2 has been reached." {
		t.Errorf("a third session: %v", err)
	}
	check(second.Close())
	patience, giveUp := context.WithTimeout(ctx, time.Minute)
	defer giveUp()
	for r.sessions.Open() != 1 && patience.Err() == nil { // real processes end in their own time
		time.Sleep(20 * time.Millisecond)
	}
	dial("sh")

	// A session ends with its task.
	_, err = c.StopTask(ctx, &ecs.StopTaskInput{Task: task})
	check(err)
	never, stop := io.Pipe()
	defer stop.Close()
	if err := first.Run(ctx, datachannel.Terminal{In: never, Out: io.Discard}); err != nil {
		t.Errorf("the end of the task ends the session with %v", err)
	}
	check(first.Close())
}
