package sandbox

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// All tasks of a steady service become unhealthy. ECS starts the new ones first, and the
// load balancer sends requests to unhealthy targets where it has no others: clients go on
// getting answers.
func TestUnhealthyTasksGoOnAnswering(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for tasks")
	}
	cfg, transport := fast(t)
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	ctx := t.Context()
	ids := network(t, cfg)
	balancers, tasks := elb.NewFromConfig(cfg), ecs.NewFromConfig(cfg)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	lb, err := balancers.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: aws.String("web"), Subnets: []string{ids["subnetId"], ids["second"]}, SecurityGroups: []string{ids["groupId"]}})
	check(err)
	group, err := balancers.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{
		Name: aws.String("web"), Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(9898), VpcId: aws.String(ids["vpcId"]), TargetType: elbtypes.TargetTypeEnumIp,
		HealthCheckPath: aws.String("/readyz"), HealthCheckIntervalSeconds: aws.Int32(5), HealthCheckTimeoutSeconds: aws.Int32(4), HealthyThresholdCount: aws.Int32(2), UnhealthyThresholdCount: aws.Int32(2),
	})
	check(err)
	arn := group.TargetGroups[0].TargetGroupArn
	_, err = balancers.CreateListener(ctx, &elb.CreateListenerInput{
		LoadBalancerArn: lb.LoadBalancers[0].LoadBalancerArn, Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(80),
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: arn}},
	})
	check(err)
	_, err = tasks.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: aws.String("c")})
	check(err)
	_, err = tasks.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("web"), NetworkMode: ecstypes.NetworkModeAwsvpc, Cpu: aws.String("256"), Memory: aws.String("512"),
		RequiresCompatibilities: []ecstypes.Compatibility{ecstypes.CompatibilityFargate},
		ContainerDefinitions: []ecstypes.ContainerDefinition{{
			Name: aws.String("app"), Image: aws.String("ghcr.io/stefanprodan/podinfo:6.9.0"), PortMappings: []ecstypes.PortMapping{{ContainerPort: aws.Int32(9898)}},
		}},
	})
	check(err)
	_, err = tasks.CreateService(ctx, &ecs.CreateServiceInput{
		Cluster: aws.String("c"), ServiceName: aws.String("web"), TaskDefinition: aws.String("web"), DesiredCount: aws.Int32(2), LaunchType: ecstypes.LaunchTypeFargate,
		NetworkConfiguration: &ecstypes.NetworkConfiguration{AwsvpcConfiguration: &ecstypes.AwsVpcConfiguration{
			Subnets: []string{ids["subnetId"]}, SecurityGroups: []string{ids["groupId"]}, AssignPublicIp: ecstypes.AssignPublicIpEnabled,
		}},
		LoadBalancers: []ecstypes.LoadBalancer{{TargetGroupArn: arn, ContainerName: aws.String("app"), ContainerPort: aws.Int32(9898)}},
	})
	check(err)

	// service polls until ok, which is asked with the ids of the healthy tasks.
	service := func(what string, ok func(healthy map[string]bool, s ecstypes.Service) bool) map[string]bool {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			out, err := tasks.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: aws.String("c"), Services: []string{"web"}})
			check(err)
			state, err := balancers.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: arn})
			check(err)
			healthy := map[string]bool{}
			for _, h := range state.TargetHealthDescriptions {
				if h.TargetHealth.State == elbtypes.TargetHealthStateEnumHealthy {
					healthy[*h.Target.Id] = true
				}
			}
			if ok(healthy, out.Services[0]) {
				return healthy
			}
			if time.Now().After(deadline) {
				var said []string
				for _, e := range out.Services[0].Events {
					said = append(said, *e.Message)
				}
				t.Fatalf("not %s within a minute: %v healthy\n%s", what, healthy, strings.Join(said, "\n"))
			}
		}
	}
	before := service("steady", func(healthy map[string]bool, s ecstypes.Service) bool {
		return len(healthy) == 2 && s.RunningCount == 2
	})

	url := "http://" + *lb.LoadBalancers[0].DNSName
	answer := func(ctx context.Context, method, path string) (string, error) {
		r, err := http.NewRequestWithContext(ctx, method, url+path, nil)
		if err != nil {
			return "", err
		}
		resp, err := client.Do(r)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return resp.Status, err
	}
	asking, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wrong, all := map[string]int{}, 0
	wg.Go(func() {
		for asking.Err() == nil {
			status, err := answer(asking, http.MethodGet, "/healthz")
			if asking.Err() != nil {
				return
			}
			if all++; status != "200 OK" {
				wrong[fmt.Sprint(status, " ", err)]++
			}
		}
	})
	// Each task hears of it: requests go to all.
	after := service("replaced", func(healthy map[string]bool, s ecstypes.Service) bool {
		for ip := range healthy {
			if before[ip] {
				_, err := answer(ctx, http.MethodPost, "/readyz/disable")
				check(err)
				return false
			}
		}
		return len(healthy) == 2 && s.RunningCount == 2
	})
	stop()
	wg.Wait()
	if len(wrong) > 0 {
		t.Errorf("of %d requests: %v; before %v, after %v", all, wrong, before, after)
	}
}
