package cloudwatch

import (
	"encoding/json"
	"hash/fnv"
	"strconv"
	"time"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/ecs"
	"workshop/internal/sandbox/logs"
)

// report writes Container Insights' performance log events, one for each
// cluster, service, task and container, in the form that CloudWatch's user guide
// gives ("Container Insights performance log events for Amazon ECS"). AWS makes
// the log group where it is missing; here somebody (Terraform) must have made
// it, because what nobody made is not there to be found after a destroy. Network
// figures are left out: processes on one machine share its network.
func (c *CloudWatch) report(census ecs.Census, now time.Time) {
	tasks := c.meter.tasks
	defer func() { // the next report begins anew
		for _, a := range tasks {
			*a = tally{task: a.task, containers: map[string]*tally{}}
		}
	}()
	if c.sources.Logs == nil {
		return
	}
	on := map[string]bool{}
	for _, k := range census.Clusters {
		on[k.Name] = (k.Insights == "enabled" || k.Insights == "enhanced") && c.sources.Logs.HasGroup(group(k.Name))
		if on[k.Name] {
			c.event(now, k.Name, "ClusterTelemetry-"+k.Name, map[string]any{
				"Type": "Cluster", "TaskCount": k.Tasks, "ServiceCount": k.Services, "ContainerInstanceCount": 0,
				"CloudWatchMetrics": embedded([][]string{{"ClusterName"}}, "TaskCount", "Count", "ServiceCount", "Count", "ContainerInstanceCount", "Count"),
			})
		}
	}
	for _, s := range census.Services {
		if on[s.Cluster] {
			c.event(now, s.Cluster, "ServiceTelemetry-"+s.Name, map[string]any{
				"Type": "Service", "ServiceName": s.Name, "DesiredTaskCount": s.Desired, "RunningTaskCount": s.Running,
				"PendingTaskCount": s.Pending, "DeploymentCount": s.Deployments, "TaskSetCount": 0,
				"CloudWatchMetrics": embedded([][]string{{"ServiceName", "ClusterName"}}, "DesiredTaskCount", "Count",
					"RunningTaskCount", "Count", "PendingTaskCount", "Count", "DeploymentCount", "Count", "TaskSetCount", "Count"),
			})
		}
	}
	for _, t := range census.Tasks {
		a := tasks[t.ID]
		if a == nil || a.looks == 0 || !on[t.Cluster] {
			continue
		}
		stream := "FargateTelemetry-" + shard(t.ARN)
		sets := [][]string{{"ClusterName"}, {"ClusterName", "TaskDefinitionFamily"}}
		if t.Service != "" {
			sets = append(sets, []string{"ClusterName", "ServiceName"})
		}
		e := c.used(t, a)
		e["Type"] = "Task"
		e["CpuReserved"], e["MemoryReserved"] = t.CPU, int(t.Memory)
		e["EphemeralStorageReserved"] = t.Storage
		e["CloudWatchMetrics"] = embedded(sets, "CpuUtilized", "None", "CpuReserved", "None", "MemoryUtilized", "Megabytes",
			"MemoryReserved", "Megabytes", "StorageReadBytes", "Bytes", "StorageWriteBytes", "Bytes", "EphemeralStorageReserved", "Gigabytes")
		c.event(now, t.Cluster, stream, e)
		for _, k := range t.Containers {
			b := a.containers[k.Name]
			if b == nil || b.looks == 0 {
				continue
			}
			e := c.used(t, b)
			e["Type"], e["ContainerName"], e["Image"], e["ContainerKnownStatus"] = "Container", k.Name, k.Image, "RUNNING"
			e["CpuReserved"], e["MemoryReserved"] = k.CPU, int(k.Memory)
			c.event(now, t.Cluster, stream, e)
		}
	}
}

// used is what Task and Container events have in common.
func (c *CloudWatch) used(t ecs.TaskCensus, a *tally) map[string]any {
	n := float64(a.looks)
	e := map[string]any{
		"TaskId": t.ID, "TaskDefinitionFamily": t.Family, "TaskDefinitionRevision": t.Revision, "AccountID": account.ID,
		"Region": c.account.Region, "AvailabilityZone": t.Zone, "KnownStatus": "RUNNING", "LaunchType": "FARGATE",
		"CreatedAt": t.Created.UnixMilli(), "StartedAt": t.Started.UnixMilli(),
		"CpuUtilized": a.cpu / n, "MemoryUtilized": int(a.mem/n + 0.5), "StorageReadBytes": int64(a.read), "StorageWriteBytes": int64(a.wrote),
	}
	if t.Service != "" {
		e["ServiceName"] = t.Service
	}
	return e
}

func group(cluster string) string { return "/aws/ecs/containerinsights/" + cluster + "/performance" }

// shard is the number that stands in a task's stream, which stays the same.
func shard(arn string) string {
	h := fnv.New32a()
	h.Write([]byte(arn))
	return strconv.Itoa(int(h.Sum32() % 10_000))
}

// embedded says which members of an event are metrics; names and units take
// turns.
func embedded(sets [][]string, names ...string) any {
	var metrics []map[string]string
	for i := 0; i < len(names); i += 2 {
		metrics = append(metrics, map[string]string{"Name": names[i], "Unit": names[i+1]})
	}
	return []map[string]any{{"Namespace": insights, "Metrics": metrics, "Dimensions": sets}}
}

func (c *CloudWatch) event(now time.Time, cluster, stream string, e map[string]any) {
	at := now.Truncate(c.timing.Report)
	e["Version"], e["ClusterName"], e["Timestamp"] = "0", cluster, at.UnixMilli()
	b, err := json.Marshal(e)
	if err != nil {
		return // numbers and strings
	}
	// The group may be deleted at any moment: then nobody reads on.
	if c.sources.Logs.CreateStream(group(cluster), stream) == nil {
		_ = c.sources.Logs.Append(group(cluster), stream, logs.Event{Time: at, Message: string(b)})
	}
}
