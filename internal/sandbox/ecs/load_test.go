package ecs

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"workshop/internal/sandbox/fargate"
	"workshop/internal/sandbox/store"
)

// BenchmarkReconcile is one look of the scheduler at 50 steady services of ten
// tasks behind a load balancer. On the real dial it looks once a second.
func BenchmarkReconcile(b *testing.B) {
	st, err := store.Open("")
	if err != nil {
		b.Fatal(err)
	}
	agent, err := fargate.NewAgent()
	if err != nil {
		b.Fatal(err)
	}
	defer agent.Close(time.Second)
	w := open(b, st)
	w.agent = Processes{agent}
	w.timing.Settle = 0
	ctx := context.Background()
	st.Lock()
	defer st.Unlock()
	check := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	_, err = w.createCluster(ctx, &ecs.CreateClusterInput{ClusterName: aws.String("c")})
	check(err)
	_, err = w.registerTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("idle"), Cpu: aws.String("256"), Memory: aws.String("512"), NetworkMode: types.NetworkModeAwsvpc,
		RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: aws.String("app"), Image: aws.String("registry.k8s.io/pause:3.10"), PortMappings: []types.PortMapping{{ContainerPort: aws.Int32(80)}},
		}},
	})
	check(err)
	for i := range 50 {
		_, err = w.createService(ctx, &ecs.CreateServiceInput{
			Cluster: aws.String("c"), ServiceName: aws.String(fmt.Sprintf("s%d", i)), TaskDefinition: aws.String("idle"), DesiredCount: aws.Int32(10),
			LaunchType: types.LaunchTypeFargate, NetworkConfiguration: vpc("subnet-a1", "subnet-b1"),
			LoadBalancers: []types.LoadBalancer{{TargetGroupArn: aws.String(group), ContainerName: aws.String("app"), ContainerPort: aws.Int32(80)}},
		})
		check(err)
	}
	now := time.Now()
	for range 10_000 {
		now = now.Add(100 * time.Millisecond)
		w.reconcile(now)
		n := 0
		for _, t := range w.tasks.All() {
			if t.status() == running {
				n++
			}
		}
		if n == 500 {
			break
		}
		time.Sleep(time.Millisecond) // for the agent
	}
	for ip := range w.targets.since {
		w.targets.since[ip] = time.Now().Add(-time.Minute)
	}
	w.reconcile(now.Add(time.Minute))
	for _, s := range w.services.All() {
		if !s.Steady {
			b.Fatalf("%s is not steady: %+v", s.Name, s.Deployments)
		}
	}
	now = now.Add(2 * time.Minute)
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Second)
		w.reconcile(now)
	}
}

// FuzzUnits holds that what is read as a size is one, however it was written.
func FuzzUnits(f *testing.F) {
	for _, s := range []string{"256", ".25 vCPU", "0.5 GB", "1e3", "-1", "99999999999999999999 GB"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, ok := units(s)
		if !ok {
			return
		}
		if n < 0 {
			t.Fatalf("%q is %d", s, n)
		}
		if again, ok := units(itoa(int32(n))); !ok || again != n {
			t.Fatalf("%q is %d, which is %d", s, n, again)
		}
	})
}
