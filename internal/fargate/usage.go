package fargate

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// How often CloudWatch is asked, which has a point a minute and bills each metric that it
// is asked for by GetMetricData: $0.01 a thousand. The six of the service and its load
// balancer and the two that look for figures of single tasks are 8 × 60 = 480 metrics, or
// $0.0048, an hour; with figures of each of n tasks they are (6 + 2n) × 60, for two tasks
// $0.006. While something changes it is twice that: there is no more than a point a minute,
// and half a minute is how late it may be seen.
const (
	usageEvery   = time.Minute
	usageClosely = 30 * time.Second // while something changes
	usageRefused = 10 * time.Minute // after it refused: the right to ask may be missing

	usageTimeout = 5 * time.Second
	usageWindow  = 5 * time.Minute // older points say nothing about now
	usageTasks   = 100             // asked for one by one at most
	usageProbe   = 2               // tasks that are asked for while none has figures
)

// ServiceUsage is what a service's tasks use on average, as a share of what they
// were given. ECS measures it for every service.
type ServiceUsage struct {
	CPU    float64   // percent
	Memory float64   // percent
	At     time.Time // the beginning of the minute that it is about
}

// usageReader asks CloudWatch what a service and its tasks use.
type usageReader struct {
	next    time.Time // when to ask again
	perTask bool      // the last question about single tasks had an answer

	balancer string // the load balancer's name for metrics; empty for none
	found    bool   // AWS has answered the question for it
}

// due reports whether it is time to ask. A change brings the next question
// forward.
func (u *usageReader) due(now time.Time, changing bool) bool {
	if changing && u.next.Sub(now) > usageClosely && u.next.Sub(now) <= usageEvery {
		u.next = now.Add(usageClosely)
	}
	return !now.Before(u.next)
}

// read asks, in one call. Figures of single tasks are only there where the
// cluster has Container Insights with enhanced observability; elsewhere tasks is
// empty, and what the service uses on average stands for none of them. Each question has
// the CPU of two tasks, and when that has an answer the next one comes at once and has
// everything of all of them. A failure
// is not worth telling: the picture is complete without.
func (u *usageReader) read(ctx context.Context, c *Clients, ref Ref, running []string, now time.Time, changing bool) (tasks map[string]Usage, service *ServiceUsage, metrics *Metrics) {
	ctx, cancel := context.WithTimeout(ctx, usageTimeout)
	defer cancel()
	u.next = now.Add(usageEvery)
	if changing {
		u.next = now.Add(usageClosely)
	}
	if !u.found {
		u.balancer, u.found = c.balancerName(ctx, ref.TargetGroup)
	}
	all := append([]cwtypes.MetricDataQuery{
		query("cpu", "AWS/ECS", "CPUUtilization", ref, ""),
		query("memory", "AWS/ECS", "MemoryUtilization", ref, ""),
	}, balancerQueries(u.balancer)...)
	if len(running) > usageTasks {
		running = running[:usageTasks]
	}
	looking := !u.perTask
	if looking {
		running = running[:min(usageProbe, len(running))]
	}
	for i, id := range running {
		all = append(all, query(fmt.Sprintf("cpu_%d", i), "ECS/ContainerInsights", "TaskCpuUtilization", ref, id))
		if !looking {
			all = append(all, query(fmt.Sprintf("memory_%d", i), "ECS/ContainerInsights", "MemoryUtilized", ref, id))
		}
	}
	out, err := c.cloudwatch.GetMetricData(ctx, &cloudwatch.GetMetricDataInput{
		StartTime: aws.Time(now.Add(-metricsSpan - metricsStep)), EndTime: aws.Time(now.Add(time.Minute)),
		ScanBy: cwtypes.ScanByTimestampDescending, MetricDataQueries: all,
	})
	if err != nil {
		u.next = now.Add(usageRefused)
		return nil, nil, nil
	}
	type reading struct {
		v  float64
		at time.Time
	}
	newest := map[string]reading{}
	for _, r := range out.MetricDataResults {
		if len(r.Values) > 0 && len(r.Timestamps) > 0 && now.Sub(r.Timestamps[0]) < usageWindow {
			newest[aws.ToString(r.Id)] = reading{r.Values[0], r.Timestamps[0]}
		}
	}
	if cpu, ok := newest["cpu"]; ok {
		service = &ServiceUsage{CPU: cpu.v, Memory: newest["memory"].v, At: cpu.at}
	}
	tasks = map[string]Usage{}
	u.perTask = false
	for i, id := range running {
		cpu, ok := newest[fmt.Sprintf("cpu_%d", i)]
		memory, ok2 := newest[fmt.Sprintf("memory_%d", i)]
		if ok && ok2 {
			tasks[id] = Usage{CPU: cpu.v, Memory: memory.v, At: cpu.at}
		}
		u.perTask = u.perTask || ok
	}
	if looking && u.perTask {
		u.next = now
	}
	return tasks, service, metricsOf(out.MetricDataResults, now)
}

// query asks for the average of a minute, of the service or of one of its tasks.
func query(id, namespace, metric string, ref Ref, task string) cwtypes.MetricDataQuery {
	dims := []string{"ClusterName", ref.Cluster, "ServiceName", ref.Service}
	if task != "" {
		dims = append(dims, "TaskId", task)
	}
	return metricQuery(id, namespace, metric, "Average", dims...)
}

// runningIDs are the tasks that can have figures.
func runningIDs(tasks []Task) []string {
	var ids []string
	for _, t := range tasks {
		if t.Status == "RUNNING" {
			ids = append(ids, t.ID)
		}
	}
	return ids
}
