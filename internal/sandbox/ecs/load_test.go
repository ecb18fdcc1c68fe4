package ecs

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"workshop/internal/sandbox/fargate"
	"workshop/internal/sandbox/store"
)

// fleet is an ECS of 50 steady services of ten tasks behind a load balancer, and
// the time at which it is. The sandbox's lock is held.
func fleet(b *testing.B, journal string) (*world, time.Time) {
	b.Helper()
	st, err := store.Open(journal)
	check(b, err)
	agent, err := fargate.NewAgent()
	check(b, err)
	w := open(b, st)
	w.agent = Processes{agent}
	w.timing.Settle = 0
	ctx := context.Background()
	st.Lock()
	b.Cleanup(func() {
		st.Unlock()
		agent.Close(time.Second)
		check(b, st.Close())
	})
	_, err = w.createCluster(ctx, &ecs.CreateClusterInput{ClusterName: aws.String("c")})
	check(b, err)
	_, err = w.registerTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("idle"), Cpu: aws.String("256"), Memory: aws.String("512"), NetworkMode: types.NetworkModeAwsvpc,
		RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: aws.String("app"), Image: aws.String("registry.k8s.io/pause:3.10"), PortMappings: []types.PortMapping{{ContainerPort: aws.Int32(80)}},
		}},
	})
	check(b, err)
	for i := range 50 {
		_, err = w.createService(ctx, &ecs.CreateServiceInput{
			Cluster: aws.String("c"), ServiceName: aws.String(fmt.Sprintf("s%d", i)), TaskDefinition: aws.String("idle"), DesiredCount: aws.Int32(10),
			LaunchType: types.LaunchTypeFargate, NetworkConfiguration: vpc("subnet-a1", "subnet-b1"),
			LoadBalancers: []types.LoadBalancer{{TargetGroupArn: aws.String(group), ContainerName: aws.String("app"), ContainerPort: aws.Int32(80)}},
		})
		check(b, err)
	}
	now := time.Now()
	for range 10_000 {
		now = now.Add(100 * time.Millisecond)
		w.reconcile(now)
		n := 0
		for _, t := range w.tasks.All() {
			if t.status() == running && t.Registered {
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
	return w, now.Add(2 * time.Minute)
}

// BenchmarkReconcile is one look of the scheduler at the fleet when nothing
// happens. On the real dial it looks once a second.
func BenchmarkReconcile(b *testing.B) {
	w, now := fleet(b, filepath.Join(b.TempDir(), "journal"))
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Second)
		w.reconcile(now)
	}
	check(b, w.account.Store.Commit())
}

// BenchmarkFlush writes every record of the fleet to the journal, as a moment at
// which all tasks change at once does; it reports how much memory the fleet takes.
func BenchmarkFlush(b *testing.B) {
	w, _ := fleet(b, filepath.Join(b.TempDir(), "journal"))
	check(b, w.account.Store.Commit())
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	for b.Loop() {
		for id, t := range w.tasks.All() {
			w.tasks.Put(id, t)
		}
		for arn, s := range w.services.All() {
			w.services.Put(arn, s)
		}
		check(b, w.account.Store.Commit())
	}
	b.ReportMetric(float64(m.HeapAlloc)/1e6, "MB")
}

func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
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
