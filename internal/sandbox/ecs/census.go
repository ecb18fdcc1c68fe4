package ecs

import (
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Census is what there is to measure: what the scheduler holds, counted.
type Census struct {
	Clusters []ClusterCensus
	Services []ServiceCensus
	Tasks    []TaskCensus // that run
}

// ClusterCensus is one active cluster.
type ClusterCensus struct {
	Name     string
	Insights string // containerInsights: disabled, enabled or enhanced
	Tasks    int    // that run
	Services int    // active
}

// ServiceCensus is one active service.
type ServiceCensus struct {
	Cluster, Name                          string
	Desired, Running, Pending, Deployments int
}

// TaskCensus is one task that runs.
type TaskCensus struct {
	Cluster, Service string // names; Service is empty for one of RunTask
	ID, ARN          string
	Family, Revision string
	Zone             string
	CPU              float64 // units: 1024 are a core
	Memory           float64 // MiB
	Storage          float64 // GiB, ephemeral
	Created, Started time.Time
	Containers       []ContainerCensus
}

// ContainerCensus is one container of a task.
type ContainerCensus struct {
	Name, Image string
	CPU, Memory float64 // reserved in the task definition; 0 where not
	PID         int     // 0 for one without a process
}

// Census counts. The sandbox's lock must be held.
func (e *ECS) Census() Census {
	var out Census
	clusters := map[string]int{} // index by ARN
	for _, c := range e.clusters.All() {
		if *c.Status != active {
			continue
		}
		n := ClusterCensus{Name: *c.ClusterName}
		for _, s := range c.Settings {
			if s.Name == types.ClusterSettingNameContainerInsights {
				n.Insights = aws.ToString(s.Value)
			}
		}
		clusters[*c.ClusterArn] = len(out.Clusters)
		out.Clusters = append(out.Clusters, n)
	}
	services := map[string]int{}
	for _, s := range e.services.All() {
		i, ok := clusters[s.Cluster]
		if s.Status != active || !ok {
			continue
		}
		out.Clusters[i].Services++
		services[s.ARN] = len(out.Services)
		out.Services = append(out.Services, ServiceCensus{Cluster: out.Clusters[i].Name, Name: s.Name, Desired: int(s.Desired), Deployments: len(s.Deployments)})
	}
	for _, t := range e.tasks.All() {
		i, ok := clusters[t.Cluster]
		if !ok {
			continue
		}
		s, inService := services[t.Service]
		switch t.status() {
		case provisioning, pending, activating:
			if inService {
				out.Services[s].Pending++
			}
		case running:
			if inService {
				out.Services[s].Running++
			}
			out.Clusters[i].Tasks++
			n := e.taskCensus(t)
			n.Cluster = out.Clusters[i].Name
			out.Tasks = append(out.Tasks, n)
		}
	}
	return out
}

func (e *ECS) taskCensus(t *task) TaskCensus {
	family, revision, _ := strings.Cut(shortName(aws.ToString(t.Task.TaskDefinitionArn)), ":")
	out := TaskCensus{
		ID: t.id(), ARN: *t.Task.TaskArn, Family: family, Revision: revision, Zone: aws.ToString(t.Task.AvailabilityZone),
		Created: aws.ToTime(t.Task.CreatedAt), Started: aws.ToTime(t.Task.StartedAt), Storage: 20,
	}
	if t.Service != "" {
		out.Service = shortName(t.Service)
	}
	out.CPU, _ = strconv.ParseFloat(aws.ToString(t.Task.Cpu), 64) // checked when it was registered
	out.Memory, _ = strconv.ParseFloat(aws.ToString(t.Task.Memory), 64)
	if s := t.Task.EphemeralStorage; s != nil {
		out.Storage = float64(s.SizeInGiB)
	}
	pod := e.running[t.id()]
	for _, c := range t.Task.Containers {
		n := ContainerCensus{Name: *c.Name, Image: aws.ToString(c.Image)}
		n.CPU, _ = strconv.ParseFloat(aws.ToString(c.Cpu), 64)
		n.Memory, _ = strconv.ParseFloat(aws.ToString(c.Memory), 64)
		if pod != nil {
			if p := pod.containers[n.Name]; p != nil {
				n.PID = p.PID()
			}
		}
		out.Containers = append(out.Containers, n)
	}
	return out
}
