package sweep

import (
	"encoding/xml"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
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
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"workshop/internal/sandbox"
	"workshop/internal/sandbox/sdk"
)

// startSandbox starts a sandbox in the process and returns a configuration for it.
func startSandbox(t testing.TB) aws.Config {
	t.Helper()
	sb, err := sandbox.Start(t.Context(), sandbox.Options{Dir: t.TempDir(), Region: "eu-west-1", Fast: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		if err := sb.Close(); err != nil {
			t.Error(err)
		}
	})
	i := sb.Info()
	return aws.Config{
		Region: i.Region, BaseEndpoint: &i.Endpoint, HTTPClient: sdk.Client(client),
		Credentials: credentials.NewStaticCredentialsProvider(i.AccessKeyID, i.SecretAccessKey, ""),
	}
}

// builder makes resources with some workspace's tags, named like that
// workspace's or not.
type builder struct {
	*testing.T
	c    *cloud
	tags map[string]string
}

func build(t *testing.T, cfg aws.Config, tags map[string]string) builder {
	return builder{t, connect(cfg, Scope{WorkspaceID: "none", Name: "none"}), tags}
}

func tagsOf(workspace string) map[string]string {
	return map[string]string{WorkshopTag: Workshop, Tag: workspace}
}

func (b builder) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// create calls a Create action of EC2 and returns what it made.
func (b builder) create(action, kind string, parameters ...string) resource {
	b.Helper()
	if kind != "" {
		parameters = append(parameters, "TagSpecification.1.ResourceType", kind)
		n := 0
		for k, v := range b.tags {
			n++
			parameters = append(parameters, fmt.Sprintf("TagSpecification.1.Tag.%d.Key", n), k, fmt.Sprintf("TagSpecification.1.Tag.%d.Value", n), v)
		}
		if n == 0 {
			parameters = parameters[:len(parameters)-2]
		}
	}
	form := url.Values{"Action": {action}, "Version": {ec2Version}}
	for i := 0; i < len(parameters); i += 2 {
		form.Set(parameters[i], parameters[i+1])
	}
	text, err := b.c.ec2.once(b.Context(), form)
	b.must(err)
	var r struct {
		VPC      resource `xml:"vpc"`
		Subnet   resource `xml:"subnet"`
		Gateway  resource `xml:"internetGateway"`
		Table    resource `xml:"routeTable"`
		NAT      resource `xml:"natGateway"`
		ACL      resource `xml:"networkAcl"`
		Endpoint resource `xml:"vpcEndpoint"`
		ENI      resource `xml:"networkInterface"`
		resource
	}
	b.must(xml.Unmarshal(text, &r))
	made := r.resource
	made.VPC, made.Subnet, made.Gateway = r.VPC.VPC, r.Subnet.Subnet, r.Gateway.Gateway
	made.Table, made.NAT, made.ACL, made.Endpoint, made.Interface = r.Table.Table, r.NAT.NAT, r.ACL.ACL, r.Endpoint.Endpoint, r.ENI.Interface
	return made
}

// stack is what build.stack made.
type stack struct {
	name, vpc, gateway, balancerARN, cluster, service string
	subnets, groups                                   []string
}

// stack makes by API what the bundled configuration makes, with a NAT gateway,
// an endpoint, autoscaling, an alarm, a policy, a network ACL, and security
// groups that name each other.
func (b builder) stack(name string) stack {
	b.Helper()
	ctx, s := b.Context(), stack{name: name}
	s.vpc = b.create("CreateVpc", "vpc", "CidrBlock", "10.0.0.0/16").VPC
	s.gateway = b.create("CreateInternetGateway", "internet-gateway").Gateway
	b.must(b.c.ec2.do(ctx, "AttachInternetGateway", "InternetGatewayId", s.gateway, "VpcId", s.vpc))
	table := b.create("CreateRouteTable", "route-table", "VpcId", s.vpc).Table
	b.must(b.c.ec2.do(ctx, "CreateRoute", "RouteTableId", table, "DestinationCidrBlock", "0.0.0.0/0", "GatewayId", s.gateway))
	for i, zone := range []string{"eu-west-1a", "eu-west-1b"} {
		id := b.create("CreateSubnet", "subnet", "VpcId", s.vpc, "AvailabilityZone", zone, "CidrBlock", fmt.Sprintf("10.0.%d.0/24", i)).Subnet
		s.subnets = append(s.subnets, id)
		b.must(b.c.ec2.do(ctx, "AssociateRouteTable", "RouteTableId", table, "SubnetId", id))
	}
	for _, n := range []string{"load-balancer", "tasks"} {
		s.groups = append(s.groups, b.create("CreateSecurityGroup", "security-group", "VpcId", s.vpc, "GroupName", name+"-"+n, "GroupDescription", n).Group)
	}
	for i, group := range s.groups {
		b.must(b.c.ec2.do(ctx, "AuthorizeSecurityGroupIngress", "GroupId", group,
			"IpPermissions.1.IpProtocol", "tcp", "IpPermissions.1.FromPort", "9898", "IpPermissions.1.ToPort", "9898", "IpPermissions.1.Groups.1.GroupId", s.groups[1-i]))
	}
	ip := b.create("AllocateAddress", "elastic-ip", "Domain", "vpc").Allocation
	b.create("CreateNatGateway", "natgateway", "SubnetId", s.subnets[0], "AllocationId", ip)
	b.create("CreateVpcEndpoint", "vpc-endpoint", "VpcId", s.vpc, "ServiceName", "com.amazonaws.eu-west-1.logs", "VpcEndpointType", "Interface",
		"SubnetId.1", s.subnets[0], "SecurityGroupId.1", s.groups[1], "PrivateDnsEnabled", "false")
	b.create("CreateNetworkAcl", "network-acl", "VpcId", s.vpc)

	var elbTags []elbtypes.Tag
	var ecsTags []ecstypes.Tag
	var iamTags []iamtypes.Tag
	var alarmTags []cloudwatchtypes.Tag
	for k, v := range b.tags {
		elbTags = append(elbTags, elbtypes.Tag{Key: &k, Value: &v})
		ecsTags = append(ecsTags, ecstypes.Tag{Key: &k, Value: &v})
		iamTags = append(iamTags, iamtypes.Tag{Key: &k, Value: &v})
		alarmTags = append(alarmTags, cloudwatchtypes.Tag{Key: &k, Value: &v})
	}
	lb, err := b.c.elb.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: &name, Subnets: s.subnets, SecurityGroups: s.groups[:1], Tags: elbTags})
	b.must(err)
	s.balancerARN = *lb.LoadBalancers[0].LoadBalancerArn
	tg, err := b.c.elb.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: &name, VpcId: &s.vpc, TargetType: elbtypes.TargetTypeEnumIp, Port: aws.Int32(9898), Protocol: elbtypes.ProtocolEnumHttp, Tags: elbTags})
	b.must(err)
	group := tg.TargetGroups[0].TargetGroupArn
	_, err = b.c.elb.ModifyTargetGroupAttributes(ctx, &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: group,
		Attributes: []elbtypes.TargetGroupAttribute{{Key: aws.String("deregistration_delay.timeout_seconds"), Value: aws.String("0")}}})
	b.must(err)
	_, err = b.c.elb.CreateListener(ctx, &elb.CreateListenerInput{LoadBalancerArn: &s.balancerARN, Port: aws.Int32(80), Protocol: elbtypes.ProtocolEnumHttp, Tags: elbTags,
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: group}}})
	b.must(err)

	for _, n := range []string{"/ecs/" + name, insightsGroup(name)} {
		tags := b.tags
		if n != "/ecs/"+name {
			tags = nil
		}
		_, err = b.c.logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &n, Tags: tags})
		b.must(err)
	}
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":["ecs-tasks.amazonaws.com","scheduler.amazonaws.com"]}}]}`
	role, err := b.c.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String(name + "-execution"), AssumeRolePolicyDocument: &trust, Tags: iamTags})
	b.must(err)
	own, err := b.c.iam.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String(name), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*"}]}`), Tags: iamTags})
	b.must(err)
	for _, p := range []string{"arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy", *own.Policy.Arn} {
		_, err = b.c.iam.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: role.Role.RoleName, PolicyArn: &p})
		b.must(err)
	}
	_, err = b.c.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: role.Role.RoleName, PolicyName: aws.String("inline"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*"}]}`)})
	b.must(err)

	cluster, err := b.c.ecs.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: &name, Tags: ecsTags})
	b.must(err)
	s.cluster = *cluster.Cluster.ClusterArn
	_, err = b.c.ecs.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: &name, RequiresCompatibilities: []ecstypes.Compatibility{ecstypes.CompatibilityFargate}, NetworkMode: ecstypes.NetworkModeAwsvpc,
		Cpu: aws.String("256"), Memory: aws.String("512"), ExecutionRoleArn: role.Role.Arn, Tags: ecsTags,
		ContainerDefinitions: []ecstypes.ContainerDefinition{{Name: aws.String("app"), Image: aws.String("ghcr.io/stefanprodan/podinfo:6.9.2"),
			PortMappings: []ecstypes.PortMapping{{ContainerPort: aws.Int32(9898)}}}},
	})
	b.must(err)
	vpcConfig := &ecstypes.NetworkConfiguration{AwsvpcConfiguration: &ecstypes.AwsVpcConfiguration{Subnets: s.subnets, SecurityGroups: s.groups[1:], AssignPublicIp: ecstypes.AssignPublicIpEnabled}}
	service, err := b.c.ecs.CreateService(ctx, &ecs.CreateServiceInput{
		Cluster: &name, ServiceName: aws.String("app"), TaskDefinition: &name, DesiredCount: aws.Int32(1), LaunchType: ecstypes.LaunchTypeFargate,
		NetworkConfiguration: vpcConfig, Tags: ecsTags, PropagateTags: ecstypes.PropagateTagsService,
		LoadBalancers: []ecstypes.LoadBalancer{{TargetGroupArn: group, ContainerName: aws.String("app"), ContainerPort: aws.Int32(9898)}},
	})
	b.must(err)
	s.service = *service.Service.ServiceArn
	_, err = b.c.ecs.RunTask(ctx, &ecs.RunTaskInput{Cluster: &name, TaskDefinition: &name, LaunchType: ecstypes.LaunchTypeFargate, NetworkConfiguration: vpcConfig})
	b.must(err)
	_, err = b.c.scale.RegisterScalableTarget(ctx, &scaling.RegisterScalableTargetInput{ResourceId: aws.String("service/" + name + "/app"), ServiceNamespace: scalingtypes.ServiceNamespaceEcs,
		ScalableDimension: scalingtypes.ScalableDimensionECSServiceDesiredCount, MinCapacity: aws.Int32(1), MaxCapacity: aws.Int32(2)})
	b.must(err)
	b.schedule(name+"-ttl", *role.Role.Arn)
	_, err = b.c.alarms.PutMetricAlarm(ctx, &cloudwatch.PutMetricAlarmInput{AlarmName: aws.String(name), Namespace: aws.String("AWS/ECS"), MetricName: aws.String("CPUUtilization"), Tags: alarmTags,
		Statistic: cloudwatchtypes.StatisticAverage, Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(90), ComparisonOperator: cloudwatchtypes.ComparisonOperatorGreaterThanThreshold})
	b.must(err)
	return s
}

// schedule makes one that stops a service long after the test.
func (b builder) schedule(name, role string) {
	_, err := b.c.schedule.CreateSchedule(b.Context(), &scheduler.CreateScheduleInput{
		Name: &name, ScheduleExpression: aws.String("at(2100-01-01T00:00:00)"), FlexibleTimeWindow: &schedulertypes.FlexibleTimeWindow{Mode: schedulertypes.FlexibleTimeWindowModeOff},
		Target: &schedulertypes.Target{Arn: aws.String("arn:aws:scheduler:::aws-sdk:ecs:updateService"), RoleArn: &role, Input: aws.String("{}")},
	})
	b.must(err)
}

// eventually waits for what the sandbox does in the background.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !f(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come about", what)
		}
	}
}

// quick are limits for the sandbox.
var quick = limits{
	service: 20 * time.Second, balancer: 10 * time.Second, network: 10 * time.Second,
	passing: 10 * time.Second, settling: 2 * time.Second, poll: 5 * time.Millisecond, pollMost: 50 * time.Millisecond, say: time.Second,
}

var shop = Scope{WorkspaceID: "k3x9", Name: "shop"}

func swept(t *testing.T, cfg aws.Config, s Scope) Report {
	t.Helper()
	r, err := Sweep(t.Context(), cfg, s)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Complete() {
		t.Errorf("not answered: %+v", r.Unanswered())
	}
	return r
}

// settled sweeps when the tasks of one build.stack have their network interfaces.
func settled(t *testing.T, cfg aws.Config, s Scope) Report {
	t.Helper()
	var r Report
	eventually(t, "two running tasks with network interfaces", func() bool {
		r = swept(t, cfg, s)
		n := 0
		for _, l := range r.Left {
			if l.Kind == tasks {
				n++
			}
			if l.Kind == interfaces && strings.Contains(l.Name, ":attachment/") {
				n++
			}
		}
		return n == 4
	})
	return r
}

// inventory lists everything in the account, whoever's it is.
func inventory(t *testing.T, c *cloud) []string {
	t.Helper()
	ctx := t.Context()
	var all []string
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, k := range ec2Kinds {
		found, err := c.ec2.describe(ctx, k.action)
		must(err)
		for i := range found {
			if !found[i].gone() {
				all = append(all, k.name+" "+k.id(&found[i]))
			}
		}
	}
	for p := elb.NewDescribeLoadBalancersPaginator(c.elb, &elb.DescribeLoadBalancersInput{}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		must(err)
		for _, v := range page.LoadBalancers {
			all = append(all, "balancer "+*v.LoadBalancerArn)
		}
	}
	for p := elb.NewDescribeTargetGroupsPaginator(c.elb, &elb.DescribeTargetGroupsInput{}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		must(err)
		for _, v := range page.TargetGroups {
			all = append(all, "target group "+*v.TargetGroupArn)
		}
	}
	for p := ecs.NewListClustersPaginator(c.ecs, &ecs.ListClustersInput{}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		must(err)
		all = append(all, page.ClusterArns...)
	}
	for p := ecs.NewListTaskDefinitionsPaginator(c.ecs, &ecs.ListTaskDefinitionsInput{Status: ecstypes.TaskDefinitionStatusActive}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		must(err)
		all = append(all, page.TaskDefinitionArns...)
	}
	for p := scaling.NewDescribeScalableTargetsPaginator(c.scale, &scaling.DescribeScalableTargetsInput{ServiceNamespace: scalingtypes.ServiceNamespaceEcs}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		must(err)
		for _, v := range page.ScalableTargets {
			all = append(all, "scaling "+*v.ResourceId)
		}
	}
	for p := scheduler.NewListSchedulesPaginator(c.schedule, &scheduler.ListSchedulesInput{}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		must(err)
		for _, v := range page.Schedules {
			all = append(all, *v.Arn)
		}
	}
	for p := cloudwatchlogs.NewDescribeLogGroupsPaginator(c.logs, &cloudwatchlogs.DescribeLogGroupsInput{}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		must(err)
		for _, v := range page.LogGroups {
			all = append(all, "log group "+*v.LogGroupName)
		}
	}
	for p := iam.NewListRolesPaginator(c.iam, &iam.ListRolesInput{}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		must(err)
		for _, v := range page.Roles {
			all = append(all, *v.Arn)
		}
	}
	for p := iam.NewListPoliciesPaginator(c.iam, &iam.ListPoliciesInput{Scope: iamtypes.PolicyScopeTypeLocal}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		must(err)
		for _, v := range page.Policies {
			all = append(all, *v.Arn)
		}
	}
	for p := cloudwatch.NewDescribeAlarmsPaginator(c.alarms, &cloudwatch.DescribeAlarmsInput{}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		must(err)
		for _, v := range page.MetricAlarms {
			all = append(all, "alarm "+*v.AlarmName)
		}
	}
	slices.Sort(all)
	return all
}

func TestRemoveEmptiesTheAccount(t *testing.T) {
	t.Parallel()
	cfg := startSandbox(t)
	c := connect(cfg, shop)
	before := inventory(t, c)
	b := build(t, cfg, tagsOf("k3x9"))
	s := b.stack("shop-k3x9")
	r := settled(t, cfg, shop)
	got := map[string]int{}
	for _, l := range r.Left {
		got[l.Kind]++
		if l.Workspace != "k3x9" || l.Note == "" {
			t.Errorf("%+v", l)
		}
	}
	delete(got, interfaces)
	want := map[string]int{
		loadBalancers: 1, targetGroups: 1, clusters: 1, services: 1, tasks: 2, taskDefinitions: 1, scalingTargets: 1, schedules: 1, logGroups: 2, roles: 1,
		vpcs: 1, subnets: 2, securityGroups: 2, internetGateways: 1, routeTables: 1, natGateways: 1, elasticIPs: 1, endpoints: 1,
		alarms: 1, policies: 1, networkACLs: 1,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("found %v\nwant  %v", got, want)
	}

	// The state knows the network; of the rest nothing.
	known := append([]string{s.vpc, s.gateway}, s.subnets...)
	for _, l := range Lost(r.Left, known) {
		if slices.Contains(known, l.ID) || l.ByAWS {
			t.Errorf("lost: %+v", l)
		}
	}

	var types []EventType
	out, err := c.remove(t.Context(), r.Left, func(e Event) { types = append(types, e.Type) }, quick)
	if err != nil || !out.Clean() || len(out.Removed) != len(r.Left) {
		t.Errorf("failed %+v, skipped %+v, %v", out.Failed, out.Skipped, err)
	}
	if types[0] != EventRemoving || types[len(types)-1] != EventRemoved || !slices.Contains(types, EventRemoveWaiting) {
		t.Errorf("events %v", types)
	}
	if after := inventory(t, c); !slices.Equal(after, before) {
		t.Errorf("left in the account:\n%s", strings.Join(after, "\n"))
	}
	if left := swept(t, cfg, shop).Left; len(left) != 0 {
		t.Errorf("left: %+v", left)
	}
	// Once more: nothing to do is no failure.
	if out, err := c.remove(t.Context(), r.Left, nil, quick); err != nil || !out.Clean() {
		t.Errorf("again: %+v, %v", out, err)
	}
}
