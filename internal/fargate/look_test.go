package fargate

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// A task is as healthy as the worse of its container health check and its target.
func TestHealth(t *testing.T) {
	for _, tt := range []struct {
		container, target string
		checked           bool
		health, by        string
	}{
		{"UNKNOWN", "", false, "UNKNOWN", ""},
		{"UNKNOWN", "healthy", false, "HEALTHY", "target"},
		{"UNKNOWN", "initial", false, "UNKNOWN", "target"},
		{"UNKNOWN", "draining", false, "UNKNOWN", "target"},
		{"UNKNOWN", "unhealthy", false, "UNHEALTHY", "target"},
		{"UNKNOWN", "unhealthy.draining", false, "UNHEALTHY", "target"},
		{"UNKNOWN", "healthy", true, "UNKNOWN", "container"},
		{"UNKNOWN", "unhealthy", true, "UNHEALTHY", "target"},
		{"UNHEALTHY", "healthy", true, "UNHEALTHY", "container"},
		{"UNHEALTHY", "healthy", false, "UNHEALTHY", "container"}, // the definition could not be read
		{"HEALTHY", "initial", true, "UNKNOWN", "target"},
		{"HEALTHY", "unhealthy", true, "UNHEALTHY", "target"},
		{"HEALTHY", "healthy", true, "HEALTHY", "container and target"},
		{"HEALTHY", "", true, "HEALTHY", "container"},
	} {
		if health, by := health(Task{ContainerHealth: tt.container, Target: tt.target}, tt.checked); health != tt.health || by != tt.by {
			t.Errorf("container %s (checked: %v), target %q: %s by %q, want %s by %q", tt.container, tt.checked, tt.target, health, by, tt.health, tt.by)
		}
	}
}

// A task that runs and is unhealthy says why, whoever says so.
func TestUnhealthyTaskIsExplained(t *testing.T) {
	of := definition{"app": {HealthCheck: &ecstypes.HealthCheck{}}}
	for _, c := range []struct {
		container ecstypes.HealthStatus
		target    elbtypes.TargetHealth
		want      string
	}{
		{ecstypes.HealthStatusUnhealthy, elbtypes.TargetHealth{State: elbtypes.TargetHealthStateEnumHealthy}, "container-unhealthy"},
		{ecstypes.HealthStatusHealthy, elbtypes.TargetHealth{State: elbtypes.TargetHealthStateEnumUnhealthy, Reason: elbtypes.TargetHealthReasonEnumTimeout, Description: aws.String("Request timed out")}, "target-timeout"},
		{ecstypes.HealthStatusHealthy, elbtypes.TargetHealth{State: elbtypes.TargetHealthStateEnumHealthy}, ""},
	} {
		got := task(&ecstypes.Task{
			TaskArn: aws.String("a/b/c"), LastStatus: aws.String("RUNNING"), HealthStatus: c.container,
			Containers: []ecstypes.Container{{NetworkInterfaces: []ecstypes.NetworkInterface{{PrivateIpv4Address: aws.String("10.0.0.1")}}}},
		}, []Target{newTarget("10.0.0.1", 9898, "", c.target)}, of, "")
		id := ""
		if got.Answer != nil {
			id = got.Answer.ID
		}
		if id != c.want {
			t.Errorf("container %s, target %s: %q, want %q", c.container, c.target.State, id, c.want)
		}
	}
}

// The task definition tells which container is essential, and the earlier looks which
// stopped first.
func TestWhichContainerEndedTheTask(t *testing.T) {
	of := definition{
		"app":   {},
		"proxy": {Essential: aws.Bool(true), HealthCheck: &ecstypes.HealthCheck{}},
		"setup": {Essential: aws.Bool(false), HealthCheck: &ecstypes.HealthCheck{}},
	}
	if !of.checked() || of.optional("app") || !of.optional("setup") || !of.optional("added-by-aws") || definition(nil).optional("app") {
		t.Error("the definition is read wrongly")
	}
	delete(of, "proxy")
	if of.checked() {
		t.Error("the health check of a container that is not essential counts")
	}
	of["proxy"] = &ecstypes.ContainerDefinition{}
	running, gone := aws.String("RUNNING"), aws.String("STOPPED")
	look := func(app, proxy *string) *ecstypes.Task {
		return &ecstypes.Task{TaskArn: aws.String("t"), LastStatus: gone, StopCode: ecstypes.TaskStopCodeEssentialContainerExited, Containers: []ecstypes.Container{
			{Name: aws.String("app"), LastStatus: app, ExitCode: aws.Int32(1)}, {Name: aws.String("proxy"), LastStatus: proxy, ExitCode: aws.Int32(1)},
			{Name: aws.String("setup"), LastStatus: gone, ExitCode: aws.Int32(0)}, // which has ended long before, as it should
		}}
	}
	var o observer
	o.notice(look(running, running), of)
	o.notice(look(running, gone), of)
	o.notice(look(gone, gone), of)
	got := task(look(gone, gone), nil, of, o.first["t"])
	if got.Answer == nil || got.Answer.ID != "exit-error" || !strings.HasPrefix(got.Answer.What, "proxy ") {
		t.Errorf("the answer is %+v of %+v", got.Answer, got.Containers)
	}
	if got := task(look(gone, gone), nil, of, ""); got.Answer == nil || got.Answer.ID != "exit-several" {
		t.Errorf("without the earlier looks it is %+v", got.Answer)
	}
}
