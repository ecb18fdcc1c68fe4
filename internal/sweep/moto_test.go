package sweep

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// moto starts moto's server, an independent emulation of AWS, and returns a
// configuration for it.
func moto(t *testing.T) aws.Config {
	t.Helper()
	if testing.Short() {
		t.Skip("moto takes seconds to start")
	}
	path, err := exec.LookPath("moto_server")
	if err != nil {
		t.Skip("moto_server is not installed (pip install 'moto[server]')")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	_, port, _ := net.SplitHostPort(address)
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, "-H", "127.0.0.1", "-p", port)
	if err := cmd.Start(); err != nil {
		cancel()
		t.Skipf("moto_server does not start: %v", err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		cancel()
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if resp, err := client.Get("http://" + address + "/moto-api/"); err == nil {
			_ = resp.Body.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Skip("moto_server does not answer")
		}
	}
	return aws.Config{
		Region:       "eu-west-1",
		BaseEndpoint: aws.String("http://" + address),
		HTTPClient:   client,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}, nil
		}),
	}
}

func TestAgainstMoto(t *testing.T) {
	cfg := moto(t)
	ctx := t.Context()
	before, err := Sweep(ctx, cfg, scope)
	if err != nil {
		t.Fatal(err)
	}
	if !before.Complete() || len(before.Left) != 0 {
		t.Fatalf("an empty account: %+v", before)
	}

	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"k3x9", "other"} {
		must(newEC2(cfg).call(ctx, url.Values{
			"Action": {"CreateVpc"}, "Version": {ec2Version}, "CidrBlock": {"10.0.0.0/16"},
			"TagSpecification.1.ResourceType": {"vpc"}, "TagSpecification.1.Tag.1.Key": {Tag}, "TagSpecification.1.Tag.1.Value": {id},
			"TagSpecification.1.Tag.2.Key": {WorkshopTag}, "TagSpecification.1.Tag.2.Value": {Workshop},
		}, &answer{}))
		_, err = ecs.NewFromConfig(cfg).CreateCluster(ctx, &ecs.CreateClusterInput{
			ClusterName: aws.String("shop-" + id), Tags: []ecstypes.Tag{{Key: aws.String(Tag), Value: &id}, {Key: aws.String(WorkshopTag), Value: aws.String(Workshop)}}})
		must(err)
		_, err = ecs.NewFromConfig(cfg).RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
			Family: aws.String("shop-" + id), Tags: []ecstypes.Tag{{Key: aws.String(Tag), Value: &id}, {Key: aws.String(WorkshopTag), Value: aws.String(Workshop)}},
			ContainerDefinitions: []ecstypes.ContainerDefinition{{Name: aws.String("app"), Image: aws.String("x"), Memory: aws.Int32(64)}}})
		must(err)
		_, err = cloudwatchlogs.NewFromConfig(cfg).CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{
			LogGroupName: aws.String("/ecs/shop-" + id), Tags: map[string]string{Tag: id, WorkshopTag: Workshop}})
		must(err)
		_, err = iam.NewFromConfig(cfg).CreateRole(ctx, &iam.CreateRoleInput{
			RoleName: aws.String("shop-" + id), AssumeRolePolicyDocument: aws.String("{}"), Tags: []iamtypes.Tag{{Key: aws.String(Tag), Value: &id}, {Key: aws.String(WorkshopTag), Value: aws.String(Workshop)}}})
		must(err)
	}

	after, err := Sweep(ctx, cfg, scope)
	must(err)
	if !after.Complete() {
		t.Errorf("not complete: %+v", after.Places)
	}
	var got []string
	for _, l := range after.Left {
		got = append(got, l.Kind)
		if strings.Contains(l.ID, "other") {
			t.Errorf("somebody else's: %+v", l)
		}
	}
	slices.Sort(got)
	if want := []string{clusters, roles, vpcs, logGroups, taskDefinitions}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}

	// Another emulation of AWS takes the same calls for removing it all.
	removed, err := connect(cfg, scope).remove(ctx, after.Left, nil, quick)
	must(err)
	if !removed.Clean() {
		t.Errorf("failed %+v, skipped %+v", removed.Failed, removed.Skipped)
	}
	if empty, err := Sweep(ctx, cfg, scope); err != nil || len(empty.Left) != 0 {
		t.Errorf("left %+v, %v", empty.Left, err)
	}
	if others, err := Sweep(ctx, cfg, Scope{WorkspaceID: "other", Name: "shop"}); err != nil || len(others.Left) != 5 {
		t.Errorf("somebody else's: %+v, %v", others.Left, err)
	}
}
