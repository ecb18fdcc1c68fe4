package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"workshop/internal/sandbox"
	"workshop/internal/sandbox/disk/disktest"
)

// environment is what a client needs to use the sandbox, and nothing of the
// person's own AWS configuration.
func environment(t *testing.T, i sandbox.Info, more ...string) []string {
	t.Helper()
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "AWS_") && !strings.HasPrefix(kv, "TF_") && !strings.HasPrefix(kv, "BOTO") {
			env = append(env, kv)
		}
	}
	none := filepath.Join(t.TempDir(), "none")
	return append(append(env,
		"AWS_ENDPOINT_URL="+i.Endpoint, "AWS_ACCESS_KEY_ID="+i.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+i.SecretAccessKey,
		"AWS_REGION="+i.Region, "AWS_DEFAULT_REGION="+i.Region, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE="+none, "AWS_SHARED_CREDENTIALS_FILE="+none,
	), more...)
}

// terraform is one configuration under one Terraform.
type terraform struct {
	*testing.T
	dir string
	env []string
}

// newTerraform copies a configuration and initialises it. The test is skipped
// where it could not run.
func newTerraform(t *testing.T, i sandbox.Info, source string) *terraform {
	t.Helper()
	if testing.Short() {
		t.Skip("applies for real, which takes minutes")
	}
	if _, err := exec.LookPath("terraform"); err != nil {
		t.Skip("terraform is not on PATH")
	}
	tf := &terraform{t, t.TempDir(), environment(t, i, "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1", "TF_CLI_ARGS_plan=-no-color", "TF_CLI_ARGS_apply=-no-color", "TF_CLI_ARGS_destroy=-no-color", "TF_CLI_ARGS_init=-no-color")}
	if err := os.CopyFS(tf.dir, os.DirFS(source)); err != nil {
		t.Fatal(err)
	}
	// Where there is a mirror the 700 MB of the provider need no network.
	const mirror = "/opt/tf-plugins"
	if _, err := os.Stat(mirror); err == nil {
		config := filepath.Join(t.TempDir(), "terraform.tfrc")
		if err := os.WriteFile(config, fmt.Appendf(nil, "provider_installation {\n  filesystem_mirror { path = %q }\n}\n", mirror), 0o600); err != nil {
			t.Fatal(err)
		}
		tf.env = append(tf.env, "TF_CLI_CONFIG_FILE="+config)
	}
	if code, out := tf.run("init", "-input=false"); code != 0 {
		t.Skipf("terraform init does not get the provider: %s", out)
	}
	return tf
}

// run calls Terraform and returns its exit code and what it printed.
func (tf *terraform) run(args ...string) (int, string) {
	tf.Helper()
	ctx, cancel := context.WithTimeout(tf.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "terraform", args...)
	// Asked to stop, Terraform leaves no provider behind.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 10 * time.Second
	var b bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = tf.dir, tf.env, &b, &b
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		tf.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), b.String()
}

// must calls Terraform, which must succeed.
func (tf *terraform) must(args ...string) string {
	tf.Helper()
	code, out := tf.run(args...)
	if code != 0 {
		tf.Fatalf("terraform %s: %s", strings.Join(args, " "), out[max(0, len(out)-4000):])
	}
	return out
}

// settled holds that nothing is left to change.
func (tf *terraform) settled(args ...string) {
	tf.Helper()
	code, out := tf.run(append([]string{"plan", "-input=false", "-detailed-exitcode"}, args...)...)
	if code != 0 {
		tf.Errorf("the plan after an apply is not empty: %s", out[max(0, len(out)-4000):])
	}
}

// TestCommunityModules applies, changes and destroys a stack in the shape of the
// community's modules.
func TestCommunityModules(t *testing.T) {
	t.Parallel()
	s := start(t)
	tf := newTerraform(t, s.Info(), "testdata/community")
	vars := []string{"-var=architecture=" + map[string]string{"amd64": "X86_64", "arm64": "ARM64"}[runtime.GOARCH]}
	apply := func(more ...string) {
		t.Helper()
		tf.must(append(append([]string{"apply", "-input=false", "-auto-approve"}, vars...), more...)...)
	}
	apply()
	tf.settled(vars...)
	url := strings.TrimSpace(tf.must("output", "-raw", "url"))
	for path, want := range map[string]int{"/": http.StatusOK, "/old": http.StatusNotFound} {
		res, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s%s answers %d, not %d", url, path, res.StatusCode, want)
		}
	}
	tf.must(append([]string{"apply", "-refresh-only", "-input=false", "-auto-approve"}, vars...)...)

	vars = append(vars, "-var=single_nat_gateway=false", "-var=max_capacity=5")
	apply()
	tf.settled(vars...)
	vars = append(vars, "-parallelism=30")
	tf.must(append([]string{"destroy", "-input=false", "-auto-approve"}, vars...)...)
	if u := s.Unknown(); len(u) > 0 {
		t.Errorf("asked for what the sandbox does not have: %v", u)
	}
}

// TestFullDisk applies while the sandbox cannot write: Terraform fails at its first
// resources, with the cause, and does it all once there is space.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	d := &disktest.Disk{}
	s := startWith(t, sandbox.Options{Disk: d})
	tf := newTerraform(t, s.Info(), "testdata/disk")
	d.Fail(syscall.ENOSPC, 0, 50)
	code, out := tf.run("apply", "-input=false", "-auto-approve")
	if code == 0 || !strings.Contains(out, "no space left on device. Free some space") || strings.Contains(out, "Still creating") {
		t.Errorf("apply on a full disk: %d %s", code, out)
	}
	d.Fail(nil, 0, 0)
	tf.must("apply", "-input=false", "-auto-approve")
	tf.settled()
	tf.must("destroy", "-input=false", "-auto-approve")
}

// TestVPCEndpoints has Terraform make endpoints, and tasks depend on them.
func TestVPCEndpoints(t *testing.T) {
	t.Parallel()
	s := start(t)
	tf := newTerraform(t, s.Info(), "testdata/endpoints")
	apply := func(vars ...string) {
		t.Helper()
		tf.must(append([]string{"apply", "-input=false", "-auto-approve"}, vars...)...)
		tf.settled(vars...)
	}
	apply()
	if a, b, _ := strings.Cut(strings.TrimSpace(tf.must("output", "-raw", "prefix_lists")), " "); a == "" || a != b {
		t.Errorf("the gateway endpoint's prefix list is %q, and S3's %q", a, b)
	}
	subnets := strings.Fields(tf.must("output", "-raw", "subnets"))

	w := newWorld(t, s)
	w.do("iam", "CreateRole", in{"RoleName": "execution", "AssumeRolePolicyDocument": trust})
	w.do("iam", "AttachRolePolicy", in{"RoleName": "execution", "PolicyArn": managed})
	w.do("ecs", "CreateCluster", in{"clusterName": "c"})
	w.do("logs", "CreateLogGroup", in{"logGroupName": "/app"})
	w.do("ecs", "RegisterTaskDefinition", in{
		"family": "app", "requiresCompatibilities": []string{"FARGATE"}, "networkMode": "awsvpc", "cpu": "256", "memory": "512",
		"executionRoleArn": "arn:aws:iam::" + s.Info().Account + ":role/execution",
		"containerDefinitions": []in{{"name": "app", "image": "ghcr.io/stefanprodan/podinfo:6.9.2", "logConfiguration": in{"logDriver": "awslogs", "options": in{
			"awslogs-group": "/app", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "ecs",
		}}}},
	})
	// ends runs a task and says what became of it.
	ends := func(subnet, public string) string {
		t.Helper()
		task := w.text(w.do("ecs", "RunTask", in{"cluster": "c", "taskDefinition": "app", "launchType": "FARGATE", "networkConfiguration": in{
			"awsvpcConfiguration": in{"subnets": []string{subnet}, "assignPublicIp": public},
		}}), "tasks", 0, "taskArn")
		o := w.until("the task", "ecs", "DescribeTasks", in{"cluster": "c", "tasks": []string{task}}, func(o out) bool {
			status := at(o, "tasks", 0, "lastStatus")
			return status == "RUNNING" || status == "STOPPED"
		})
		if at(o, "tasks", 0, "lastStatus") == "RUNNING" {
			w.do("ecs", "StopTask", in{"cluster": "c", "task": task})
			w.until("the task's end", "ecs", "DescribeTasks", in{"cluster": "c", "tasks": []string{task}}, func(o out) bool { return at(o, "tasks", 0, "lastStatus") == "STOPPED" })
			return "RUNNING"
		}
		return w.text(o, "tasks", 0, "stoppedReason")
	}
	const noLogs = "ResourceInitializationError: failed to validate logger args: The task cannot find the Amazon CloudWatch log group"
	if got := ends(subnets[0], "ENABLED"); !strings.HasPrefix(got, noLogs) {
		t.Errorf("with an endpoint that lets nobody in: %s", got)
	}
	apply("-var=open=true", "-var=zones=2")
	if got := ends(subnets[0], "ENABLED"); got != "RUNNING" {
		t.Errorf("with an endpoint that lets tasks in: %s", got)
	}
	// No endpoint leads to a registry that is not Amazon's.
	if got := ends(subnets[1], "DISABLED"); !strings.HasPrefix(got, "CannotPullContainerError") {
		t.Errorf("in a private subnet: %s", got)
	}
	if got := list(w.do("tagging", "GetResources", in{"TagFilters": []in{{"Key": "Workshop", "Values": []string{"endpoints"}}}}), "ResourceTagMappingList"); len(got) != 1 {
		t.Errorf("found by its tag: %v", got)
	}
	tf.must("destroy", "-input=false", "-auto-approve", "-var=open=true", "-var=zones=2")
	for p := range w.problems {
		t.Error(p)
	}
	if u := s.Unknown(); len(u) > 0 {
		t.Errorf("asked for what the sandbox does not have: %v", u)
	}
}

// replaced finds what a plan makes anew.
var replaced = regexp.MustCompile(`# \S+ (must|will) be replaced.*`)

// TestBundledConfiguration takes the configuration that learners get through
// what Terraform can do with it.
// It takes minutes, so it runs when it is asked for:
//
//	WORKSHOP_LONG=1 go test ./internal/sandbox/conformance -run BundledConfiguration -timeout 30m
func TestBundledConfiguration(t *testing.T) {
	if os.Getenv("WORKSHOP_LONG") == "" {
		t.Skip("takes minutes: set WORKSHOP_LONG=1 to run it")
	}
	t.Parallel()
	s := start(t)
	tf := newTerraform(t, s.Info(), "../../../terraform")
	var vars []string
	apply := func(more ...string) {
		t.Helper()
		tf.must(append(append([]string{"apply", "-input=false", "-auto-approve"}, vars...), more...)...)
	}
	apply("-parallelism=1")
	tf.settled()
	apply("-refresh-only")

	// Terraform forgets resources and finds them again.
	w := newWorld(t, s)
	cluster := strings.TrimSpace(tf.must("output", "-raw", "cluster"))
	group := strings.TrimSpace(tf.must("output", "-raw", "target_group"))
	balancer := w.text(w.do("elasticloadbalancing", "DescribeLoadBalancers", nil), "LoadBalancers", 0, "LoadBalancerArn")
	listener := w.text(w.do("elasticloadbalancing", "DescribeListeners", in{"LoadBalancerArn": balancer}), "Listeners", 0, "ListenerArn")
	forgotten := map[string]string{
		"aws_ecs_service.app": cluster + "/app", "aws_lb.main": balancer, "aws_lb_listener.http": listener, "aws_lb_target_group.app": group,
	}
	tf.must(append([]string{"state", "rm"}, slices.Collect(maps.Keys(forgotten))...)...)
	for address, id := range forgotten {
		tf.must("import", "-input=false", address, id)
	}
	// What Terraform alone knows, such as waiting for a steady state, is in the
	// plan; what AWS keeps must not be.
	_, plan := tf.run("plan", "-input=false")
	if !strings.Contains(plan, "No changes.") && !strings.Contains(plan, "0 to add, ") || strings.Contains(plan, "must be replaced") {
		t.Errorf("after the import: %s", plan)
	}
	apply()
	tf.settled()

	tf.must("taint", "aws_ecs_task_definition.app")
	apply()
	tf.settled()
	apply("-target=aws_cloudwatch_log_group.app", "-var=log_retention_days=7")
	vars = []string{"-var=log_retention_days=7"}
	for _, change := range [][]string{
		{"message=Hello again", "color=#112233", "cpu=512", "memory=1024", "image=ghcr.io/stefanprodan/podinfo:6.9.1"},
		{"desired_count=0", "log_retention_days=30"},
		{"desired_count=1", "autoscaling=true", "private_tasks=true", "exec=true"},
		{"vpc_cidr=10.42.0.0/16"},
		{"max_count=5", "private_tasks=false"},
		{"autoscaling=false", "exec=false", "name=other"},
	} {
		moves := false // everything is made anew
		for _, c := range change {
			vars = append(vars, "-var="+c)
			moves = moves || strings.HasPrefix(c, "vpc_cidr=") || strings.HasPrefix(c, "name=")
		}
		for _, line := range replaced.FindAllString(tf.must(append([]string{"plan", "-input=false"}, vars...)...), -1) {
			if !moves && !strings.Contains(line, "aws_ecs_task_definition.app") {
				t.Errorf("%v: %s", change, line)
			}
		}
		apply("-parallelism=30")
		tf.settled(vars...)
	}
	tf.must(append([]string{"destroy", "-input=false", "-auto-approve", "-parallelism=30"}, vars...)...)
	if u := s.Unknown(); len(u) > 0 {
		t.Errorf("asked for what the sandbox does not have: %v", u)
	}
}
