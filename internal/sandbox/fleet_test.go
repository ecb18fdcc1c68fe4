//go:build unix

package sandbox

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	static "github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"workshop/internal/sandbox/sdk"
)

// BenchmarkFleet looks at a whole sandbox on the real dial while 50 services hold
// 500 tasks that do nothing: how much of a core and of memory it takes.
//
//	go test -run xxx -bench Fleet -benchtime 1x ./internal/sandbox
func BenchmarkFleet(b *testing.B) {
	s, err := Start(b.Context(), Options{Dir: b.TempDir(), Region: "eu-west-1", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	i := s.Info()
	cfg := aws.Config{
		Region: i.Region, BaseEndpoint: aws.String(i.Endpoint), HTTPClient: sdk.Client(http.DefaultClient),
		Credentials: static.NewStaticCredentialsProvider(i.AccessKeyID, i.SecretAccessKey, ""),
	}
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	subnet := public(b, cfg)
	c := ecs.NewFromConfig(cfg)
	ctx := b.Context()
	_, err = c.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: aws.String("c")})
	must(err)
	_, err = c.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("idle"), Cpu: aws.String("256"), Memory: aws.String("512"), NetworkMode: ecstypes.NetworkModeAwsvpc,
		RequiresCompatibilities: []ecstypes.Compatibility{ecstypes.CompatibilityFargate},
		ContainerDefinitions:    []ecstypes.ContainerDefinition{{Name: aws.String("app"), Image: aws.String("registry.k8s.io/pause:3.10")}},
	})
	must(err)
	for n := range 50 {
		_, err = c.CreateService(ctx, &ecs.CreateServiceInput{
			Cluster: aws.String("c"), ServiceName: aws.String(fmt.Sprintf("s%d", n)), TaskDefinition: aws.String("idle"), DesiredCount: aws.Int32(10),
			LaunchType: ecstypes.LaunchTypeFargate,
			NetworkConfiguration: &ecstypes.NetworkConfiguration{AwsvpcConfiguration: &ecstypes.AwsVpcConfiguration{
				Subnets: []string{subnet}, AssignPublicIp: ecstypes.AssignPublicIpEnabled,
			}},
		})
		must(err)
	}
	for tries := 0; ; tries++ {
		out, err := c.DescribeClusters(ctx, &ecs.DescribeClustersInput{Clusters: []string{"c"}})
		must(err)
		if n := out.Clusters[0].RunningTasksCount; n == 500 {
			break
		} else if tries == 120 {
			b.Fatalf("%d tasks run after two minutes", n)
		}
		time.Sleep(time.Second)
	}
	time.Sleep(10 * time.Second) // until all are steady

	const watch = 20 * time.Second
	var used time.Duration
	for b.Loop() {
		before := processor(b)
		time.Sleep(watch)
		used += processor(b) - before
	}
	b.ReportMetric(100*used.Seconds()/watch.Seconds()/float64(b.N), "%core")
	b.ReportMetric(0, "ns/op")
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		for _, m := range regexp.MustCompile(`(?m)^VmRSS:\s+(\d+) kB`).FindAllSubmatch(status, 1) {
			kb, err := strconv.Atoi(string(m[1]))
			must(err)
			b.ReportMetric(float64(kb)/1e3, "MB")
		}
	}
}

// processor is how long this process has been on a processor.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
