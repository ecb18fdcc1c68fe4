package conformance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestCommandLine has the AWS CLI drive a service, as people do by hand.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits as the AWS CLI's waiters do")
	}
	if _, err := exec.LookPath("aws"); err != nil {
		t.Skip("the AWS CLI is not on PATH")
	}
	s := start(t)
	w := newWorld(t, s)
	w.iam()
	n := w.ec2()
	w.elb(n)
	w.logs()
	env := environment(t, s.Info(), "AWS_PAGER=", "AWS_DISABLE_HOST_PREFIX_INJECTION=true")
	aws := func(args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "aws", args...)
		var out, errOut bytes.Buffer
		cmd.Env, cmd.Stdout, cmd.Stderr = env, &out, &errOut
		if err := cmd.Run(); err != nil {
			t.Fatalf("aws %s: %v %s", strings.Join(args, " "), err, errOut.String())
		}
		if b := out.Bytes(); len(b) > 0 && !json.Valid(b) && !strings.Contains(strings.Join(args, " "), "text") {
			t.Errorf("aws %s prints what is no JSON: %s", strings.Join(args, " "), b)
		}
		return strings.TrimSpace(out.String())
	}
	// ask prints what a query picks, as text.
	ask := func(want, query string, args ...string) {
		t.Helper()
		got := aws(append(args, "--query", query, "--output", "text")...)
		if want != got && (want != "*" || got == "" || got == "None") {
			t.Errorf("aws %s: %s is %q, want %q", strings.Join(args, " "), query, got, want)
		}
	}
	ask(s.Info().Account, "Account", "sts", "get-caller-identity")
	aws("ecs", "create-cluster", "--cluster-name", "cli", "--tags", "key=Workshop,value=cli")
	aws("logs", "create-log-group", "--log-group-name", "/cli")
	containers := `[{"name":"app","image":"ghcr.io/stefanprodan/podinfo:6.9.2","stopTimeout":2,"portMappings":[{"containerPort":9898}],"logConfiguration":{"logDriver":"awslogs","options":{"awslogs-group":"/cli","awslogs-region":"eu-west-1","awslogs-stream-prefix":"ecs"}}}]`
	register := []string{"ecs", "register-task-definition", "--family", "cli", "--requires-compatibilities", "FARGATE", "--network-mode", "awsvpc", "--cpu", "256", "--memory", "512",
		"--execution-role-arn", "arn:aws:iam::" + s.Info().Account + ":role/execution", "--container-definitions", containers}
	aws(register...)
	network := "awsvpcConfiguration={subnets=[" + strings.Join(n.subnets, ",") + "],securityGroups=[" + n.group + "],assignPublicIp=ENABLED}"
	aws("ecs", "create-service", "--cluster", "cli", "--service-name", "web", "--task-definition", "cli", "--desired-count", "2", "--launch-type", "FARGATE",
		"--network-configuration", network, "--load-balancers", "targetGroupArn="+n.target+",containerName=app,containerPort=9898")
	aws("ecs", "wait", "services-stable", "--cluster", "cli", "--services", "web")
	aws("elbv2", "wait", "target-in-service", "--target-group-arn", n.target)
	ask("healthy\thealthy", "TargetHealthDescriptions[].TargetHealth.State", "elbv2", "describe-target-health", "--target-group-arn", n.target)
	ask("2\tACTIVE\tCOMPLETED", "services[0].[runningCount,status,deployments[0].rolloutState]", "ecs", "describe-services", "--cluster", "cli", "--services", "web")
	ask("*", "services[0].events[?contains(message,'steady state')]|[0].message", "ecs", "describe-services", "--cluster", "cli", "--services", "web")

	aws(register...)
	ask("2", "length(service.deployments)", "ecs", "update-service", "--cluster", "cli", "--service", "web", "--task-definition", "cli", "--force-new-deployment", "--desired-count", "1")
	aws("ecs", "wait", "services-stable", "--cluster", "cli", "--services", "web")
	task := aws("ecs", "run-task", "--cluster", "cli", "--task-definition", "cli", "--launch-type", "FARGATE", "--network-configuration", network,
		"--overrides", `{"containerOverrides":[{"name":"app","environment":[{"name":"A","value":"b"}]}]}`, "--query", "tasks[0].taskArn", "--output", "text")
	aws("ecs", "wait", "tasks-running", "--cluster", "cli", "--tasks", task)
	ask("STOPPED", "task.desiredStatus", "ecs", "stop-task", "--cluster", "cli", "--task", task, "--reason", "by hand")
	aws("ecs", "wait", "tasks-stopped", "--cluster", "cli", "--tasks", task)
	ask("STOPPED\tUserInitiated\tby hand", "tasks[0].[lastStatus,stopCode,stoppedReason]", "ecs", "describe-tasks", "--cluster", "cli", "--tasks", task)
	ask("True", "contains(taskArns, '"+task+"')", "ecs", "list-tasks", "--cluster", "cli", "--desired-status", "STOPPED")
	ask("cli", "clusters[0].clusterName", "ecs", "describe-clusters", "--clusters", "cli", "--include", "TAGS", "STATISTICS")
	ask("ACTIVE", "taskDefinition.status", "ecs", "describe-task-definition", "--task-definition", "cli")

	group := aws("logs", "describe-log-groups", "--log-group-name-prefix", "/cli", "--query", "logGroups[0].logGroupArn", "--output", "text")
	tail := exec.CommandContext(t.Context(), "aws", "logs", "start-live-tail", "--log-group-identifiers", group)
	tail.Env = env
	lines, err := tail.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tail.Start(); err != nil {
		t.Fatal(err)
	}
	tailed := make(chan bool, 1)
	go func() {
		for in := bufio.NewScanner(lines); in.Scan(); {
			if strings.Contains(in.Text(), "tailed by hand") {
				tailed <- true
				return
			}
		}
		tailed <- false
	}()
	aws("logs", "create-log-stream", "--log-group-name", "/cli", "--log-stream-name", "mine")
	for seen, tries := false, 0; !seen && tries < 30; tries++ { // the session begins when the CLI has come up
		aws("logs", "put-log-events", "--log-group-name", "/cli", "--log-stream-name", "mine", "--log-events", fmt.Sprintf("timestamp=%d,message=tailed by hand", time.Now().UnixMilli()))
		select {
		case seen = <-tailed:
			if !seen {
				t.Error("start-live-tail ended without the event")
				seen = true
			}
		case <-time.After(time.Second):
			if tries == 29 {
				t.Error("start-live-tail does not print the event")
			}
		}
	}
	tail.Process.Kill()
	tail.Wait()
	aws("logs", "filter-log-events", "--log-group-name", "/cli", "--filter-pattern", "{ $.level = \"info\" }")
	ask("*", "ResourceTagMappingList[0].ResourceARN", "resourcegroupstaggingapi", "get-resources", "--tag-filters", "Key=Workshop,Values=cli")
	ask("*", "Metrics[0].MetricName", "cloudwatch", "list-metrics", "--namespace", "AWS/ECS")
	aws("cloudwatch", "get-metric-data", "--start-time", time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), "--end-time", time.Now().UTC().Format(time.RFC3339),
		"--metric-data-queries", `[{"Id":"cpu","MetricStat":{"Metric":{"Namespace":"AWS/ECS","MetricName":"CPUUtilization","Dimensions":[{"Name":"ClusterName","Value":"cli"},{"Name":"ServiceName","Value":"web"}]},"Period":60,"Stat":"Average"}}]`)

	aws("ecs", "delete-service", "--cluster", "cli", "--service", "web", "--force")
	aws("ecs", "wait", "services-inactive", "--cluster", "cli", "--services", "web")
	if u := s.Unknown(); len(u) > 0 {
		t.Errorf("asked for what the sandbox does not have: %v", u)
	}
}
