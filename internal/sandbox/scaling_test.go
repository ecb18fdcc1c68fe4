package sandbox

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	static "github.com/aws/aws-sdk-go-v2/credentials"
	aas "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	aastypes "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	cw "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"go.uber.org/goleak"

	"workshop/internal/sandbox/sdk"
)

func TestMain(m *testing.M) {
	RunTask()
	os.Exit(m.Run())
}

// fast starts a sandbox on the fast dial, which ends with the test and leaves no goroutine.
// It returns the configuration of clients, and what their requests go through.
func fast(t *testing.T) (aws.Config, *http.Transport) {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
	s, err := Start(context.Background(), Options{Dir: t.TempDir(), Region: "eu-west-1", Fast: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	info := s.Info()
	return aws.Config{
		Region: info.Region, BaseEndpoint: aws.String(info.Endpoint), HTTPClient: sdk.Client(&http.Client{Transport: transport}),
		Credentials: static.NewStaticCredentialsProvider(info.AccessKeyID, info.SecretAccessKey, ""),
	}, transport
}

// public makes a subnet from which tasks reach the internet, through EC2's API.
func public(t testing.TB, cfg aws.Config) (subnet string) { return network(t, cfg)["subnetId"] }

// network makes a VPC with two subnets in two zones, from the first of which tasks reach
// the internet, and returns the ids by their names in EC2's answers.
func network(t testing.TB, cfg aws.Config) map[string]string {
	ids := map[string]string{}
	ask := func(form string) {
		t.Helper()
		for k, v := range ids {
			form = strings.ReplaceAll(form, "$"+k, v)
		}
		form += "&Version=2016-11-15"
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, *cfg.BaseEndpoint+"/", strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		keys, err := cfg.Credentials.Retrieve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := v4.NewSigner().SignHTTP(t.Context(), keys, r, fmt.Sprintf("%x", sha256.Sum256([]byte(form))), "ec2", cfg.Region, time.Now()); err != nil {
			t.Fatal(err)
		}
		resp, err := cfg.HTTPClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %v", form, b, err)
		}
		if second := strings.Contains(form, "CreateSubnet") && ids["subnetId"] != ""; second {
			ids["second"] = regexp.MustCompile(`<subnetId>([^<]+)<`).FindStringSubmatch(string(b))[1]
			return
		}
		for _, m := range regexp.MustCompile(`<(vpcId|subnetId|internetGatewayId|routeTableId|groupId)>([^<]+)<`).FindAllStringSubmatch(string(b), -1) {
			if ids[m[1]] == "" {
				ids[m[1]] = m[2]
			}
		}
	}
	ask("Action=CreateVpc&CidrBlock=" + url.QueryEscape("10.0.0.0/16"))
	ask("Action=CreateSubnet&VpcId=$vpcId&CidrBlock=" + url.QueryEscape("10.0.0.0/20") + "&AvailabilityZone=" + cfg.Region + "a")
	ask("Action=CreateSubnet&VpcId=$vpcId&CidrBlock=" + url.QueryEscape("10.0.16.0/20") + "&AvailabilityZone=" + cfg.Region + "b")
	ask("Action=CreateInternetGateway")
	ask("Action=AttachInternetGateway&VpcId=$vpcId&InternetGatewayId=$internetGatewayId")
	ask("Action=CreateRouteTable&VpcId=$vpcId")
	ask("Action=CreateRoute&RouteTableId=$routeTableId&GatewayId=$internetGatewayId&DestinationCidrBlock=" + url.QueryEscape("0.0.0.0/0"))
	ask("Action=AssociateRouteTable&RouteTableId=$routeTableId&SubnetId=$subnetId")
	ask("Action=CreateSecurityGroup&VpcId=$vpcId&GroupName=web&GroupDescription=web")
	ask("Action=AuthorizeSecurityGroupIngress&GroupId=$groupId&IpPermissions.1.IpProtocol=-1&IpPermissions.1.IpRanges.1.CidrIp=" + url.QueryEscape("0.0.0.0/0"))
	return ids
}

// TestBusyTasksBecomeMore runs tasks that use all the CPU they have, and lets
// target tracking see it.
func TestBusyTasksBecomeMore(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for alarms")
	}
	cfg, _ := fast(t)
	ctx := t.Context()
	subnet := public(t, cfg)
	tasks, scaling, metrics := ecs.NewFromConfig(cfg), aas.NewFromConfig(cfg), cw.NewFromConfig(cfg)
	if _, err := tasks.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: aws.String("c"), Settings: []ecstypes.ClusterSetting{{Name: ecstypes.ClusterSettingNameContainerInsights, Value: aws.String("enhanced")}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := tasks.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("busy"), NetworkMode: ecstypes.NetworkModeAwsvpc, Cpu: aws.String("256"), Memory: aws.String("512"),
		RequiresCompatibilities: []ecstypes.Compatibility{ecstypes.CompatibilityFargate},
		ContainerDefinitions:    []ecstypes.ContainerDefinition{{Name: aws.String("app"), Image: aws.String("ghcr.io/stefanprodan/podinfo:6.9.0"), Command: []string{"./podinfo", "--stress-cpu=1"}}},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := tasks.CreateService(ctx, &ecs.CreateServiceInput{
		Cluster: aws.String("c"), ServiceName: aws.String("s"), TaskDefinition: aws.String("busy"), DesiredCount: aws.Int32(1), LaunchType: ecstypes.LaunchTypeFargate,
		NetworkConfiguration: &ecstypes.NetworkConfiguration{AwsvpcConfiguration: &ecstypes.AwsVpcConfiguration{Subnets: []string{subnet}, AssignPublicIp: ecstypes.AssignPublicIpEnabled}},
	}); err != nil {
		t.Fatal(err)
	}
	id, dimension := aws.String("service/c/s"), aastypes.ScalableDimensionECSServiceDesiredCount
	if _, err := scaling.RegisterScalableTarget(ctx, &aas.RegisterScalableTargetInput{ServiceNamespace: aastypes.ServiceNamespaceEcs, ResourceId: id, ScalableDimension: dimension, MinCapacity: aws.Int32(1), MaxCapacity: aws.Int32(2)}); err != nil {
		t.Fatal(err)
	}
	p, err := scaling.PutScalingPolicy(ctx, &aas.PutScalingPolicyInput{
		ServiceNamespace: aastypes.ServiceNamespaceEcs, ResourceId: id, ScalableDimension: dimension, PolicyName: aws.String("cpu"), PolicyType: aastypes.PolicyTypeTargetTrackingScaling,
		// Low enough for a machine that has little left for the task.
		TargetTrackingScalingPolicyConfiguration: &aastypes.TargetTrackingScalingPolicyConfiguration{TargetValue: aws.Float64(2), PredefinedMetricSpecification: &aastypes.PredefinedMetricSpecification{PredefinedMetricType: aastypes.MetricTypeECSServiceAverageCPUUtilization}},
	})
	if err != nil || len(p.Alarms) != 2 {
		t.Fatalf("%v, %v", p, err)
	}
	var last aastypes.ScalingActivity
	for deadline := time.Now().Add(time.Minute); last.StatusCode != aastypes.ScalingActivityStatusCodeSuccessful; time.Sleep(100 * time.Millisecond) {
		out, err := scaling.DescribeScalingActivities(ctx, &aas.DescribeScalingActivitiesInput{ServiceNamespace: aastypes.ServiceNamespaceEcs, ResourceId: id})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.ScalingActivities) > 0 {
			last = out.ScalingActivities[0]
		}
		if time.Now().After(deadline) {
			alarms, err := metrics.DescribeAlarms(ctx, &cw.DescribeAlarmsInput{})
			t.Fatalf("not scaled within a minute: %+v, %v", alarms.MetricAlarms, err)
		}
	}
	if *last.Description != "Setting desired count to 2." {
		t.Errorf("activity %s", *last.Description)
	}
	list, err := tasks.ListTasks(ctx, &ecs.ListTasksInput{Cluster: aws.String("c"), ServiceName: aws.String("s")})
	if err != nil || len(list.TaskArns) != 2 {
		t.Fatalf("tasks %v, %v", list, err)
	}
	dim := func(name, v string) cwtypes.Dimension { return cwtypes.Dimension{Name: &name, Value: &v} }
	old := list.TaskArns[0][strings.LastIndexByte(list.TaskArns[0], '/')+1:]
	stat := func(id, namespace, name string, dims ...cwtypes.Dimension) cwtypes.MetricDataQuery {
		return cwtypes.MetricDataQuery{Id: &id, MetricStat: &cwtypes.MetricStat{Metric: &cwtypes.Metric{Namespace: &namespace, MetricName: &name, Dimensions: dims}, Period: aws.Int32(60), Stat: aws.String("Maximum")}}
	}
	data, err := metrics.GetMetricData(ctx, &cw.GetMetricDataInput{
		StartTime: aws.Time(time.Now().Add(-5 * time.Minute)), EndTime: aws.Time(time.Now().Add(time.Minute)),
		MetricDataQueries: []cwtypes.MetricDataQuery{
			stat("cpu", "AWS/ECS", "CPUUtilization", dim("ServiceName", "s"), dim("ClusterName", "c")),
			stat("memory", "AWS/ECS", "MemoryUtilization", dim("ServiceName", "s"), dim("ClusterName", "c")),
			stat("own", "ECS/ContainerInsights", "TaskCpuUtilization", dim("ClusterName", "c"), dim("ServiceName", "s"), dim("TaskId", old)),
			stat("running", "ECS/ContainerInsights", "RunningTaskCount", dim("ClusterName", "c"), dim("ServiceName", "s")),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range data.MetricDataResults {
		if len(r.Values) == 0 || r.Values[0] <= 0 || r.Values[0] > 100 {
			t.Errorf("%s is %v", *r.Id, r.Values)
		}
	}
}
