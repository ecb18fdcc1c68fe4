package sweep

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	scaling "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	scalingtypes "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// nearMisses are tags that are almost those of the workspace team1.
var nearMisses = []map[string]string{
	nil,
	{Tag: "team1"},
	{WorkshopTag: Workshop},
	{WorkshopTag: Workshop, Tag: "team10"},
	{WorkshopTag: Workshop, Tag: "team"},
	{WorkshopTag: Workshop, Tag: "Team1"},
	{WorkshopTag: Workshop, Tag: "team1 "},
	{WorkshopTag: Workshop, "workspace": "team1"},
	{WorkshopTag: Workshop + "-2", Tag: "team1"},
	{WorkshopTag: "Fargate-with-Terraform", Tag: "team1"},
}

// nearNames are names that are almost those of team1's resources, or the very
// names; the tags of their resources are somebody's.
var nearNames = []string{
	"shop-team10", "shop-team1x", "xshop-team1", "my-shop-team1", "shop-team1-2", "shop-team", "shopteam1", "shop-xteam1", "team1-shop", "shop-team1x-execution",
}

// neighbours makes resources that are not team1's, and returns how many.
func neighbours(t *testing.T, cfg aws.Config) int {
	t.Helper()
	n := 0
	for i, tags := range nearMisses {
		b := build(t, cfg, tags)
		ctx := t.Context()
		var ecsTags []ecstypes.Tag
		var elbTags []elbtypes.Tag
		var iamTags []iamtypes.Tag
		var alarmTags []cloudwatchtypes.Tag
		for k, v := range tags {
			ecsTags = append(ecsTags, ecstypes.Tag{Key: &k, Value: &v})
			elbTags = append(elbTags, elbtypes.Tag{Key: &k, Value: &v})
			iamTags = append(iamTags, iamtypes.Tag{Key: &k, Value: &v})
			alarmTags = append(alarmTags, cloudwatchtypes.Tag{Key: &k, Value: &v})
		}
		vpc := b.create("CreateVpc", "vpc", "CidrBlock", "10.0.0.0/16").VPC
		b.create("CreateInternetGateway", "internet-gateway")
		n += 2
		for j, name := range nearNames {
			// The same name cannot be used ten times, so most end with a number that
			// is an element of its own.
			unique := name
			if i > 0 {
				unique = fmt.Sprintf("%s-%d", name, i)
			}
			_, err := b.c.logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/ecs/" + unique), Tags: tags})
			b.must(err)
			_, err = b.c.logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String(insightsGroup(unique)), Tags: tags})
			b.must(err)
			role, err := b.c.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &unique, Tags: iamTags,
				AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"scheduler.amazonaws.com"}}]}`)})
			b.must(err)
			_, err = b.c.iam.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: &unique, PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"logs:*","Resource":"*"}}`), Tags: iamTags})
			b.must(err)
			_, err = b.c.alarms.PutMetricAlarm(ctx, &cloudwatch.PutMetricAlarmInput{AlarmName: &unique, Namespace: aws.String("x"), MetricName: aws.String("x"), Tags: alarmTags,
				Statistic: cloudwatchtypes.StatisticAverage, Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(90), ComparisonOperator: cloudwatchtypes.ComparisonOperatorGreaterThanThreshold})
			b.must(err)
			_, err = b.c.elb.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: &unique, VpcId: &vpc, TargetType: elbtypes.TargetTypeEnumIp, Port: aws.Int32(80), Protocol: elbtypes.ProtocolEnumHttp, Tags: elbTags})
			b.must(err)
			_, err = b.c.ecs.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: &unique, Tags: ecsTags})
			b.must(err)
			_, err = b.c.ecs.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{Family: &unique, RequiresCompatibilities: []ecstypes.Compatibility{ecstypes.CompatibilityFargate},
				NetworkMode: ecstypes.NetworkModeAwsvpc, Cpu: aws.String("256"), Memory: aws.String("512"), Tags: ecsTags,
				ContainerDefinitions: []ecstypes.ContainerDefinition{{Name: aws.String("app"), Image: aws.String("busybox")}}})
			b.must(err)
			subnet := b.create("CreateSubnet", "subnet", "VpcId", vpc, "CidrBlock", fmt.Sprintf("10.0.%d.0/24", j)).Subnet
			group := b.create("CreateSecurityGroup", "security-group", "VpcId", vpc, "GroupName", unique, "GroupDescription", "x").Group
			b.create("CreateNetworkInterface", "network-interface", "SubnetId", subnet, "SecurityGroupId.1", group, "Description", "ELB app/shop-team1/0123456789abcdef")
			n += 11
			_, err = b.c.ecs.CreateService(ctx, &ecs.CreateServiceInput{Cluster: &unique, ServiceName: aws.String("app"), TaskDefinition: &unique, DesiredCount: aws.Int32(0), LaunchType: ecstypes.LaunchTypeFargate, Tags: ecsTags,
				NetworkConfiguration: &ecstypes.NetworkConfiguration{AwsvpcConfiguration: &ecstypes.AwsVpcConfiguration{Subnets: []string{subnet}, SecurityGroups: []string{group}}}})
			b.must(err)
			_, err = b.c.scale.RegisterScalableTarget(ctx, &scaling.RegisterScalableTargetInput{ResourceId: aws.String("service/" + unique + "/app"), ServiceNamespace: scalingtypes.ServiceNamespaceEcs,
				ScalableDimension: scalingtypes.ScalableDimensionECSServiceDesiredCount, MinCapacity: aws.Int32(0), MaxCapacity: aws.Int32(1), Tags: tags})
			b.must(err)
			b.schedule(unique+"-ttl", *role.Role.Arn)
			n += 3
		}
	}
	return n
}

// TestNeighbours puts a stack between more than a thousand resources with almost
// the same names or tags. None of them is claimed, and none is touched when the
// stack is removed.
func TestNeighbours(t *testing.T) {
	t.Parallel()
	cfg := startSandbox(t)
	team1 := Scope{WorkspaceID: "team1", Name: "shop"}
	c := connect(cfg, team1)
	if n := neighbours(t, cfg); n < 1000 {
		t.Fatalf("%d neighbours are too few", n)
	}
	if left := swept(t, cfg, team1).Left; len(left) > 0 {
		t.Fatalf("%d neighbours are claimed: %v", len(left), left)
	}
	before := inventory(t, c)

	build(t, cfg, tagsOf("team1")).stack("shop-team1")
	mine := inventory(t, c)
	r := settled(t, cfg, team1)
	for _, l := range r.Left {
		if slices.ContainsFunc(before, func(n string) bool { return strings.HasSuffix(n, " "+l.ID) || n == l.ID }) {
			t.Errorf("a neighbour is claimed: %+v", l)
		}
	}
	out, err := c.remove(t.Context(), r.Left, nil, quick)
	if err != nil || !out.Clean() {
		t.Errorf("failed %+v, skipped %+v, %v", out.Failed, out.Skipped, err)
	}
	if after := inventory(t, c); !slices.Equal(after, before) {
		t.Errorf("%d resources before, %d with the stack, %d after", len(before), len(mine), len(after))
	}
}

// What Remove is given is not believed: what was named ours and is somebody's
// at the moment of its deletion stays.
func TestRemoveLooksAgain(t *testing.T) {
	t.Parallel()
	cfg := startSandbox(t)
	b := build(t, cfg, tagsOf("team1"))
	b.stack("shop-team1")
	r := settled(t, cfg, Scope{WorkspaceID: "team1", Name: "shop"})

	somebody := connect(cfg, Scope{WorkspaceID: "team10", Name: "shop"})
	before := inventory(t, somebody)
	out, err := somebody.remove(t.Context(), r.Left, nil, quick)
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Removed)+len(out.Failed) > 0 || len(out.Skipped) != len(r.Left) {
		t.Errorf("removed %v, failed %v, skipped %d of %d", out.Removed, out.Failed, len(out.Skipped), len(r.Left))
	}
	for _, s := range out.Skipped {
		if !s.Resource.ByAWS && !strings.Contains(s.Reason, "Workspace=team10") {
			t.Errorf("%s: %q", s.Resource, s.Reason)
		}
	}
	if after := inventory(t, somebody); !slices.Equal(after, before) {
		t.Errorf("before\n%s\nafter\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
}

func TestHasWord(t *testing.T) {
	for name, want := range map[string]bool{
		"shop-team1": true, "shop-team1-execution": true, "team1": true, "my.team1_x": true, "shop-team10-team1": true,
		"shop-team10": false, "shop-xteam1": false, "shop-team": false, "": false,
	} {
		if got := hasWord(name, "team1"); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}
