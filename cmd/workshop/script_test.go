package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs the scripts of testdata/script on the program that a user
// runs, each with a home of its own.
func TestScripts(t *testing.T) {
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			home := filepath.Join(env.WorkDir, "home")
			env.Setenv("HOME", home)
			env.Setenv("PATH", filepath.Dir(bin)+string(os.PathListSeparator)+os.Getenv("PATH"))
			env.Setenv("PROGRAM", filepath.Dir(bin))
			env.Setenv("WORKSHOP_SANDBOX_SPEED", "fast")
			env.Setenv("WORKSHOP_SANDBOX_IDLE", sandboxIdle)
			env.Setenv("TF_CLI_CONFIG_FILE", filepath.Join(home, "is-not-there"))
			env.Defer(func() { stopSandbox(t, env.Vars) })
			return os.Mkdir(home, 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exit-code": exitCode, "call": call, "service": service},
	})
}

// exitCode runs a program that must exit with a code: exit-code 2 workshop bogus.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exit-code N program [args]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%v exited with %d, want %d", args[1:], got, want)
	}
}

// sandboxAt is where a script's sandbox is.
type sandboxAt struct {
	Endpoint string
	Region   string
	ID       string `json:"access_key_id"`
	Secret   string `json:"secret_access_key"`
}

// running finds the sandbox that a script has started.
func running(ts *testscript.TestScript) (at sandboxAt) {
	b, err := os.ReadFile(filepath.Join(ts.Getenv("HOME"), ".local/state/fargate-workshop/sandbox/sandbox.json"))
	ts.Check(err)
	ts.Check(json.Unmarshal(b, &at))
	return at
}

// service makes a service of one task in the running sandbox, without Terraform, and waits
// until it runs: service CLUSTER NAME. Commands may run in one that is not named closed.
func service(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: service cluster name")
	}
	at := running(ts)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cfg := aws.Config{Region: at.Region, BaseEndpoint: &at.Endpoint, Credentials: credentials.NewStaticCredentialsProvider(at.ID, at.Secret, "")}
	role := "role-of-" + args[1]
	_, err := iam.NewFromConfig(cfg).CreateRole(ctx, &iam.CreateRoleInput{RoleName: &role, AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"ecs-tasks.amazonaws.com"}}]}`)})
	ts.Check(err)
	c := ecs.NewFromConfig(cfg)
	cluster, err := c.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: &args[0]})
	ts.Check(err)
	account := strings.Split(*cluster.Cluster.ClusterArn, ":")[4]
	_, err = c.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: &args[1], Cpu: aws.String("256"), Memory: aws.String("512"), NetworkMode: types.NetworkModeAwsvpc,
		RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate}, TaskRoleArn: aws.String("arn:aws:iam::" + account + ":role/" + role),
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: aws.String("app"), Image: aws.String("busybox"), Command: []string{"sleep", "infinity"}, StopTimeout: aws.Int32(2),
			Environment: []types.KeyValuePair{{Name: aws.String("GREETING"), Value: aws.String("hello")}},
		}},
	})
	ts.Check(err)
	_, err = c.CreateService(ctx, &ecs.CreateServiceInput{
		Cluster: &args[0], ServiceName: &args[1], TaskDefinition: &args[1], DesiredCount: aws.Int32(1), LaunchType: types.LaunchTypeFargate, EnableExecuteCommand: args[1] != "closed",
		NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{defaultSubnet(ctx, ts, at)}, AssignPublicIp: types.AssignPublicIpEnabled}},
	})
	ts.Check(err)
	for ctx.Err() == nil {
		out, err := c.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &args[0], Services: []string{args[1]}})
		ts.Check(err)
		if out.Services[0].RunningCount == 1 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("the service %s never runs", args[1])
}

// defaultSubnet asks for one of the default VPC's. EC2's client would be larger than all
// the rest of the program.
func defaultSubnet(ctx context.Context, ts *testscript.TestScript, at sandboxAt) string {
	const body = "Action=DescribeSubnets&Version=2016-11-15"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at.Endpoint, strings.NewReader(body))
	ts.Check(err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sum := sha256.Sum256([]byte(body))
	ts.Check(v4.NewSigner().SignHTTP(ctx, aws.Credentials{AccessKeyID: at.ID, SecretAccessKey: at.Secret}, req, hex.EncodeToString(sum[:]), "ec2", at.Region, time.Now()))
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	ts.Check(err)
	id := regexp.MustCompile(`subnet-[0-9a-f]+`).FindString(string(b))
	if id == "" {
		ts.Fatalf("the sandbox has no default subnet: %s", b)
	}
	return id
}

// call asks the running sandbox for an operation, of whatever service, that it
// refuses: call ecr AmazonEC2ContainerRegistry_V20150921.DescribeRepositories.
func call(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: call service target")
	}
	at := running(ts)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at.Endpoint, strings.NewReader("{}"))
	ts.Check(err)
	req.Header.Set("X-Amz-Target", args[1])
	sum := sha256.Sum256([]byte("{}"))
	ts.Check(v4.NewSigner().SignHTTP(ctx, aws.Credentials{AccessKeyID: at.ID, SecretAccessKey: at.Secret}, req, hex.EncodeToString(sum[:]), args[0], at.Region, time.Now()))
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer res.Body.Close()
	if res.StatusCode != http.StatusBadRequest {
		ts.Fatalf("%v: %s", args, res.Status)
	}
}
