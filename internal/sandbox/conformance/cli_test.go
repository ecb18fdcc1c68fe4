package conformance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os/exec"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestCommandLine has the AWS CLI drive a service, as people do by hand: the one
// on PATH, and the one that a distribution's package brings beside it.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits as the AWS CLI's waiters do")
	}
	found := map[string]string{} // version -> program
	for _, name := range []string{"aws", "/usr/bin/aws", "/usr/local/bin/aws"} {
		if path, err := exec.LookPath(name); err == nil {
			if out, err := exec.CommandContext(t.Context(), path, "--version").Output(); err == nil {
				if version, ok := strings.CutPrefix(strings.Fields(string(out) + " ")[0], "aws-cli/"); ok && found[version] == "" {
					found[version] = path
				}
			}
		}
	}
	for _, major := range []string{"1", "2"} {
		versions := slices.Collect(func(yield func(string) bool) {
			for v := range found {
				if strings.HasPrefix(v, major+".") && !yield(v) {
					return
				}
			}
		})
		if len(versions) == 0 {
			t.Run(major, func(t *testing.T) {
				t.Skipf("no AWS CLI of version %s is on PATH or in /usr/bin", major)
			})
		}
		for _, v := range versions {
			t.Run(v, func(t *testing.T) {
				t.Parallel()
				driveByHand(t, found[v], v)
			})
		}
	}
}

func driveByHand(t *testing.T, program, version string) {
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	s := start(t)
	w := newWorld(t, s)
	w.iam()
	n := w.ec2()
	w.elb(n)
	w.logs()
	env := environment(t, s.Info(), "AWS_PAGER=", "AWS_DISABLE_HOST_PREFIX_INJECTION=true")
	var global []string
	var unknown map[string]bool
	if n, err := strconv.Atoi(minor); major == "2" && err == nil && n < 13 {
		global = []string{"--endpoint-url", s.Info().Endpoint} // it does not know AWS_ENDPOINT_URL yet
		unknown = newer
	}
	aws := func(args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, program, append(global, args...)...)
		var out, errOut bytes.Buffer
		cmd.Env, cmd.Stdout, cmd.Stderr = env, &out, &errOut
		if err := cmd.Run(); err != nil {
			t.Fatalf("aws %s: %v %s", strings.Join(args, " "), err, errOut.String())
		}
		if b := out.Bytes(); len(b) > 0 && !json.Valid(b) && !slices.Contains(args, "text") && !slices.Contains(args, "tail") {
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
	// whole compares what the CLI prints with what the sandbox holds, at a moment
	// at which that does not change.
	whole := func(svc, op string, input in, args ...string) {
		t.Helper()
		var problems []string
		for range 5 {
			held := w.do(svc, op, input)
			var printed any
			d := json.NewDecoder(strings.NewReader(aws(append(args, "--output", "json")...)))
			d.UseNumber()
			if err := d.Decode(&printed); err != nil {
				t.Fatalf("aws %s: %v", strings.Join(args, " "), err)
			}
			problems = differences(printed, held, op, unknown)
			if len(problems) == 0 || reflect.DeepEqual(held, w.do(svc, op, input)) {
				break
			}
		}
		for _, p := range problems {
			t.Errorf("aws %s: %s", strings.Join(args, " "), p)
		}
	}
	whole("sts", "GetCallerIdentity", nil, "sts", "get-caller-identity")
	aws("ecs", "create-cluster", "--cluster-name", "cli", "--tags", "key=Workshop,value=cli")
	aws("logs", "create-log-group", "--log-group-name", "/cli")
	containers := `[{"name":"app","image":"ghcr.io/stefanprodan/podinfo:6.9.2","stopTimeout":2,"environment":[{"name":"PODINFO_LEVEL","value":"debug"}],"portMappings":[{"containerPort":9898}],"logConfiguration":{"logDriver":"awslogs","options":{"awslogs-group":"/cli","awslogs-region":"eu-west-1","awslogs-stream-prefix":"ecs"}}}]`
	register := []string{"ecs", "register-task-definition", "--family", "cli", "--requires-compatibilities", "FARGATE", "--network-mode", "awsvpc", "--cpu", "256", "--memory", "512",
		"--execution-role-arn", "arn:aws:iam::" + s.Info().Account + ":role/execution", "--container-definitions", containers}
	aws(register...)
	network := "awsvpcConfiguration={subnets=[" + strings.Join(n.subnets, ",") + "],securityGroups=[" + n.group + "],assignPublicIp=ENABLED}"
	aws("ecs", "create-service", "--cluster", "cli", "--service-name", "web", "--task-definition", "cli", "--desired-count", "2", "--launch-type", "FARGATE",
		"--network-configuration", network, "--load-balancers", "targetGroupArn="+n.target+",containerName=app,containerPort=9898")
	aws("ecs", "wait", "services-stable", "--cluster", "cli", "--services", "web")
	aws("elbv2", "wait", "target-in-service", "--target-group-arn", n.target)
	whole("elasticloadbalancing", "DescribeTargetHealth", in{"TargetGroupArn": n.target}, "elbv2", "describe-target-health", "--target-group-arn", n.target)
	ask("healthy\thealthy", "TargetHealthDescriptions[].TargetHealth.State", "elbv2", "describe-target-health", "--target-group-arn", n.target)
	ask("2\tACTIVE\tCOMPLETED", "services[0].[runningCount,status,deployments[0].rolloutState]", "ecs", "describe-services", "--cluster", "cli", "--services", "web")
	service := []string{"ecs", "describe-services", "--cluster", "cli", "--services", "web", "--include", "TAGS"}
	whole("ecs", "DescribeServices", in{"cluster": "cli", "services": []string{"web"}, "include": []string{"TAGS"}}, service...)
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
	whole("ecs", "DescribeTasks", in{"cluster": "cli", "tasks": []string{task}}, "ecs", "describe-tasks", "--cluster", "cli", "--tasks", task)
	whole("ecs", "ListTasks", in{"cluster": "cli"}, "ecs", "list-tasks", "--cluster", "cli")
	whole("ecs", "ListTasks", in{"cluster": "cli", "desiredStatus": "STOPPED"}, "ecs", "list-tasks", "--cluster", "cli", "--desired-status", "STOPPED")
	running := entries(w.do("ecs", "ListTasks", in{"cluster": "cli"})["taskArns"])
	whole("ecs", "DescribeTasks", in{"cluster": "cli", "tasks": running}, append([]string{"ecs", "describe-tasks", "--cluster", "cli", "--tasks"}, fmt.Sprint(running[0]))...)
	ask("True", "contains(taskArns, '"+task+"')", "ecs", "list-tasks", "--cluster", "cli", "--desired-status", "STOPPED")
	ask("cli", "clusters[0].clusterName", "ecs", "describe-clusters", "--clusters", "cli", "--include", "TAGS", "STATISTICS")
	ask("ACTIVE", "taskDefinition.status", "ecs", "describe-task-definition", "--task-definition", "cli")

	// Lines are followed until the app prints one because of a request, or one is
	// put by hand.
	url := "http://" + aws("elbv2", "describe-load-balancers", "--load-balancer-arns", n.balancer, "--query", "LoadBalancers[0].DNSName", "--output", "text")
	request := func() {
		res, err := http.Get(url + "/version")
		if err != nil {
			t.Error(err)
			return
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s answers %s", url, res.Status)
		}
	}
	follow := func(args ...string) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		cmd := exec.CommandContext(ctx, program, append(global, args...)...)
		cmd.Env = append(env, "PYTHONUNBUFFERED=1")
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
		cmd.WaitDelay = 5 * time.Second
		lines, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		seen := make(chan bool, 1)
		go func() {
			found := false
			for in := bufio.NewScanner(lines); in.Scan(); {
				if !found && strings.Contains(in.Text(), "/version") {
					found = true
					seen <- true
				}
			}
			if !found {
				seen <- false
			}
		}()
		found, over := false, false
		for range 40 { // the CLI has to come up first
			request()
			select {
			case found = <-seen:
				over = true
			case <-time.After(500 * time.Millisecond):
			}
			if over {
				break
			}
		}
		cancel()
		if !over {
			<-seen
		}
		cmd.Wait() // interrupted, as by Ctrl-C
		if !found {
			t.Errorf("aws %s does not print what the app logs of a request", strings.Join(args, " "))
		}
	}
	if major == "1" { // what it has instead of tail
		group := aws("logs", "describe-log-groups", "--log-group-name-prefix", "/cli", "--query", "logGroups[0].logGroupArn", "--output", "text")
		follow("logs", "start-live-tail", "--log-group-identifiers", group)
	} else {
		follow("logs", "tail", "/cli", "--follow")
		printed := aws("logs", "tail", "/cli", "--since", "1h", "--format", "short")
		held := entries(w.do("logs", "FilterLogEvents", in{"logGroupName": "/cli"})["events"])
		if n := len(strings.Split(printed, "\n")); n == 0 || n > len(held) {
			t.Errorf("logs tail prints %d lines where there are %d events", n, len(held))
		}
		for _, line := range strings.Split(printed, "\n") {
			if _, message, _ := strings.Cut(line, " "); !slices.ContainsFunc(held, func(e any) bool { return at(e, "message") == message }) {
				t.Errorf("logs tail prints %q, which is no event", line)
			}
		}
	}
	aws("logs", "filter-log-events", "--log-group-name", "/cli", "--filter-pattern", "{ $.level = \"info\" }")
	whole("tagging", "GetResources", in{"TagFilters": []in{{"Key": "Workshop", "Values": []string{"cli"}}}}, "resourcegroupstaggingapi", "get-resources", "--tag-filters", "Key=Workshop,Values=cli")
	ask("*", "ResourceTagMappingList[0].ResourceARN", "resourcegroupstaggingapi", "get-resources", "--tag-filters", "Key=Workshop,Values=cli")
	ask("*", "Metrics[0].MetricName", "cloudwatch", "list-metrics", "--namespace", "AWS/ECS")
	now := time.Now().UTC().Truncate(time.Minute)
	from, to := now.Add(-time.Hour), now.Add(-5*time.Minute)
	aws("cloudwatch", "put-metric-data", "--namespace", "Hand", "--metric-name", "Done", "--value", "3", "--timestamp", now.Add(-10*time.Minute).Format(time.RFC3339))
	whole("monitoring", "GetMetricData", in{"StartTime": from, "EndTime": to, "MetricDataQueries": []in{{"Id": "done", "MetricStat": in{"Metric": in{"Namespace": "Hand", "MetricName": "Done"}, "Period": 60, "Stat": "Sum"}}}},
		"cloudwatch", "get-metric-data", "--start-time", from.Format(time.RFC3339), "--end-time", to.Format(time.RFC3339),
		"--metric-data-queries", `[{"Id":"done","MetricStat":{"Metric":{"Namespace":"Hand","MetricName":"Done"},"Period":60,"Stat":"Sum"}}]`)
	ask("cpu\tComplete", "MetricDataResults[0].[Id,StatusCode]", "cloudwatch", "get-metric-data", "--start-time", from.Format(time.RFC3339), "--end-time", now.Add(time.Minute).Format(time.RFC3339),
		"--metric-data-queries", `[{"Id":"cpu","MetricStat":{"Metric":{"Namespace":"AWS/ECS","MetricName":"CPUUtilization","Dimensions":[{"Name":"ClusterName","Value":"cli"},{"Name":"ServiceName","Value":"web"}]},"Period":60,"Stat":"Average"}}]`)

	aws("ecs", "delete-service", "--cluster", "cli", "--service", "web", "--force")
	aws("ecs", "wait", "services-inactive", "--cluster", "cli", "--services", "web")
	if u := s.Unknown(); len(u) > 0 {
		t.Errorf("asked for what the sandbox does not have: %v", u)
	}
}

// newer are members that came after version 2.9.19.
var newer = map[string]bool{
	"availabilityZoneRebalancing": true, "currentServiceDeployment": true, "currentServiceRevisions": true, "fargateEphemeralStorage": true, "strategy": true,
	"bakeTimeInMinutes": true, "resourceManagementType": true,
}

// differences lists where a CLI prints other than what is held, but for members
// that are unknown to it. Of times it may print the text.
func differences(printed, held any, path string, unknown map[string]bool) []string {
	switch h := held.(type) {
	case map[string]any:
		p, ok := printed.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("%s is %v, want %v", path, printed, held)}
		}
		var all []string
		for k := range p {
			if _, ok := h[k]; !ok {
				all = append(all, fmt.Sprintf("%s.%s is %v, and not held", path, k, p[k]))
			}
		}
		for k := range h {
			if _, ok := p[k]; ok {
				all = append(all, differences(p[k], h[k], path+"."+k, unknown)...)
			} else if h[k] != "" && !unknown[k] { // such as the token after the last page
				all = append(all, fmt.Sprintf("%s.%s is not printed: %v", path, k, h[k]))
			}
		}
		return all
	case []any:
		p, ok := printed.([]any)
		if !ok || len(p) != len(h) {
			return []string{fmt.Sprintf("%s is %v, want %v", path, printed, held)}
		}
		var all []string
		for i := range h {
			all = append(all, differences(p[i], h[i], fmt.Sprintf("%s[%d]", path, i), unknown)...)
		}
		return all
	}
	if fmt.Sprint(printed) == fmt.Sprint(held) || moment(printed) == moment(held) && !math.IsNaN(moment(held)) {
		return nil
	}
	return []string{fmt.Sprintf("%s is %v, want %v", path, printed, held)}
}

// moment reads a number, or a time in seconds, as far as clients keep them.
func moment(v any) float64 {
	if at, ok := v.(time.Time); ok {
		v = at.Format(time.RFC3339Nano)
	}
	text := fmt.Sprint(v)
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		return math.Round(f*1000) / 1000
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return float64(at.UnixMilli()) / 1000
	}
	return math.NaN()
}
