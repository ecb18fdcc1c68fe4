package cloudwatch

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"workshop/internal/sandbox/balancer"
	"workshop/internal/sandbox/ecs"
	"workshop/internal/sandbox/fargate"
	"workshop/internal/sandbox/logs"
)

// Containers tells what runs. Its method needs the sandbox's lock.
type Containers interface {
	Census() ecs.Census
}

// Balancers counts requests.
type Balancers interface {
	Counters() balancer.Counters // needs no lock
	// LoadBalancers are the ARNs of those that a target group gets requests from.
	// It needs the sandbox's lock.
	LoadBalancers(targetGroupARN string) []string
}

// Logs takes Container Insights' events. It needs no lock.
type Logs interface {
	HasGroup(group string) bool
	CreateStream(group, stream string) error
	Append(group, stream string, events ...logs.Event) error
}

// Sources are what is measured. A nil one is left out.
type Sources struct {
	Containers Containers
	Balancers  Balancers
	Logs       Logs
	// Measure returns the usage of processes; fargate.Measure.
	Measure func(pids []int) map[int]fargate.Usage
}

// meter is what Run remembers from one look to the next.
type meter struct {
	at       time.Time
	usage    map[int]fargate.Usage
	counters balancer.Counters
	reported time.Time
	tasks    map[string]*tally // by task id: what the next report is about
}

// tally adds up what a task used.
type tally struct {
	task        ecs.TaskCensus
	looks       int
	cpu, mem    float64
	read, wrote float64
	containers  map[string]*tally
}

// measure takes a look at everything and records it as of the interval that ends
// now.
func (c *CloudWatch) measure(now time.Time) {
	m := &c.meter
	var census ecs.Census
	groups := map[string]string{} // target group -> load balancer
	var counters balancer.Counters
	if c.sources.Balancers != nil {
		counters = c.sources.Balancers.Counters()
	}
	c.account.Store.Lock()
	if c.sources.Containers != nil {
		census = c.sources.Containers.Census()
	}
	for arn := range counters.Groups {
		// A target group has one load balancer, as far as Application Load Balancers
		// go.
		if lbs := c.sources.Balancers.LoadBalancers(arn); len(lbs) > 0 {
			groups[arn] = lbs[0]
		}
	}
	c.account.Store.Unlock()

	var pids []int
	for _, t := range census.Tasks {
		for _, k := range t.Containers {
			if k.PID > 0 {
				pids = append(pids, k.PID)
			}
		}
	}
	var usage map[int]fargate.Usage
	if c.sources.Measure != nil {
		usage = c.sources.Measure(pids)
	}
	elapsed := now.Sub(m.at)
	at := now.Truncate(c.timing.Sample).Add(-c.timing.Sample)
	s := sample{gauges: map[string]*gauge{}}
	if !m.at.IsZero() && elapsed > 0 {
		s.containers(m, census, usage, elapsed)
	}
	s.balancers(m.counters, counters, groups)
	m.at, m.usage, m.counters = now, usage, counters

	c.mu.Lock()
	for _, k := range slices.Sorted(maps.Keys(s.gauges)) {
		g := s.gauges[k]
		// The only error is that there are too many metrics: those that are
		// there go on.
		_ = c.record(g.namespace, g.name, g.dims, g.unit, at, g.point, true)
	}
	c.mu.Unlock()
	if m.reported.IsZero() {
		m.reported = now
	}
	if now.Sub(m.reported) >= c.timing.Report {
		c.report(census, now)
		m.reported = now
	}
}

// gauge is one metric in one look.
type gauge struct {
	namespace, name string
	dims            []types.Dimension
	unit            types.StandardUnit
	point           point
}

// sample gathers the metrics of one look.
type sample struct{ gauges map[string]*gauge }

// put adds values to a metric; several in one look are several samples.
func (s *sample) put(namespace, name string, unit types.StandardUnit, p point, dims []types.Dimension) {
	if p.count == 0 {
		return
	}
	k := seriesKey(namespace, name, dims)
	g := s.gauges[k]
	if g == nil {
		g = &gauge{namespace: namespace, name: name, dims: dims, unit: unit}
		s.gauges[k] = g
	}
	ticks := max(g.point.ticks, p.ticks)
	g.point.add(p)
	g.point.ticks = ticks
}

// look is a value of which an interval shows the average over its looks: the
// number of tasks in a minute is not the sum of what was counted in it.
func look(v float64) point {
	p := one(v, 1)
	p.ticks = 1
	return p
}

// Namespaces of what is measured.
const (
	service  = "AWS/ECS"
	insights = "ECS/ContainerInsights"
	elb      = "AWS/ApplicationELB"
)

// containers measures tasks. A task's CPU is shown as at most what it has:
// Fargate gives it no more, while our processes may take it.
func (s *sample) containers(m *meter, census ecs.Census, usage map[int]fargate.Usage, elapsed time.Duration) {
	enabled, enhanced := map[string]bool{}, map[string]bool{}
	for _, c := range census.Clusters {
		enhanced[c.Name] = c.Insights == "enhanced"
		enabled[c.Name] = c.Insights == "enabled" || enhanced[c.Name]
		if !enabled[c.Name] {
			continue
		}
		d := dimensions("ClusterName", c.Name)
		s.put(insights, "TaskCount", types.StandardUnitCount, look(float64(c.Tasks)), d)
		s.put(insights, "ServiceCount", types.StandardUnitCount, look(float64(c.Services)), d)
		s.put(insights, "ContainerInstanceCount", types.StandardUnitCount, look(0), d)
	}
	for _, v := range census.Services {
		if !enabled[v.Cluster] {
			continue
		}
		d := dimensions("ClusterName", v.Cluster, "ServiceName", v.Name)
		for name, n := range map[string]int{"DesiredTaskCount": v.Desired, "RunningTaskCount": v.Running, "PendingTaskCount": v.Pending, "DeploymentCount": v.Deployments, "TaskSetCount": 0} {
			s.put(insights, name, types.StandardUnitCount, look(float64(n)), d)
		}
	}
	accounts := map[string]*tally{}
	for _, t := range census.Tasks {
		a := m.tasks[t.ID]
		if a == nil {
			a = &tally{containers: map[string]*tally{}}
		}
		a.task = t
		var total tally
		known := true
		for _, k := range t.Containers {
			one := a.containers[k.Name]
			if one == nil {
				one = &tally{}
				a.containers[k.Name] = one
			}
			var used tally
			u, there := usage[k.PID]
			was, before := m.usage[k.PID]
			switch {
			case !there: // it has no process, or has ended
			case !before:
				known = false
				continue
			default:
				used.cpu = min(float64(u.CPU-was.CPU)/float64(elapsed)*1024, t.CPU)
				used.mem = float64(u.Memory) / (1 << 20)
				used.read, used.wrote = float64(u.Read-was.Read), float64(u.Written-was.Written)
			}
			one.add(used)
			total.cpu, total.mem = total.cpu+used.cpu, total.mem+used.mem
			total.read, total.wrote = total.read+used.read, total.wrote+used.wrote
			if enhanced[t.Cluster] {
				s.container(t, k, used)
			}
		}
		accounts[t.ID] = a
		if !known {
			continue
		}
		total.cpu = min(total.cpu, t.CPU)
		a.add(total)
		s.task(t, total, enabled[t.Cluster], enhanced[t.Cluster])
	}
	m.tasks = accounts
}

func (a *tally) add(b tally) {
	a.looks++
	a.cpu, a.mem, a.read, a.wrote = a.cpu+b.cpu, a.mem+b.mem, a.read+b.read, a.wrote+b.wrote
}

func share(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return part / whole * 100
}

// task measures one task, by all the dimensions that it counts for.
func (s *sample) task(t ecs.TaskCensus, u tally, enabled, enhanced bool) {
	if t.Service != "" {
		d := dimensions("ClusterName", t.Cluster, "ServiceName", t.Service)
		s.put(service, "CPUUtilization", types.StandardUnitPercent, one(share(u.cpu, t.CPU), 1), d)
		s.put(service, "MemoryUtilization", types.StandardUnitPercent, one(share(u.mem, t.Memory), 1), d)
	}
	if !enabled {
		return
	}
	sets := [][]types.Dimension{
		dimensions("ClusterName", t.Cluster),
		dimensions("ClusterName", t.Cluster, "TaskDefinitionFamily", t.Family),
	}
	if t.Service != "" {
		sets = append(sets, dimensions("ClusterName", t.Cluster, "ServiceName", t.Service))
	}
	if enhanced {
		sets = append(sets, dimensions("ClusterName", t.Cluster, "TaskDefinitionFamily", t.Family, "TaskId", t.ID))
		if t.Service != "" {
			sets = append(sets, dimensions("ClusterName", t.Cluster, "ServiceName", t.Service, "TaskId", t.ID))
		}
	}
	for _, d := range sets {
		s.put(insights, "CpuUtilized", types.StandardUnitNone, look(u.cpu), d)
		s.put(insights, "CpuReserved", types.StandardUnitNone, look(t.CPU), d)
		s.put(insights, "MemoryUtilized", types.StandardUnitMegabytes, look(u.mem), d)
		s.put(insights, "MemoryReserved", types.StandardUnitMegabytes, look(t.Memory), d)
		s.put(insights, "StorageReadBytes", types.StandardUnitBytes, one(u.read, 1), d)
		s.put(insights, "StorageWriteBytes", types.StandardUnitBytes, one(u.wrote, 1), d)
		s.put(insights, "EphemeralStorageReserved", types.StandardUnitGigabytes, look(t.Storage), d)
		if enhanced {
			s.put(insights, "TaskCpuUtilization", types.StandardUnitPercent, look(share(u.cpu, t.CPU)), d)
			s.put(insights, "TaskMemoryUtilization", types.StandardUnitPercent, look(share(u.mem, t.Memory)), d)
		}
	}
}

// container measures one container of a cluster with enhanced observability. One
// that reserves nothing has its task's.
func (s *sample) container(t ecs.TaskCensus, k ecs.ContainerCensus, u tally) {
	cpu, mem := k.CPU, k.Memory
	if cpu == 0 {
		cpu = t.CPU
	}
	if mem == 0 {
		mem = t.Memory
	}
	sets := [][]types.Dimension{
		dimensions("ClusterName", t.Cluster),
		dimensions("ClusterName", t.Cluster, "TaskDefinitionFamily", t.Family, "ContainerName", k.Name),
		dimensions("ClusterName", t.Cluster, "TaskDefinitionFamily", t.Family, "ContainerName", k.Name, "TaskId", t.ID),
	}
	if t.Service != "" {
		sets = append(sets, dimensions("ClusterName", t.Cluster, "ServiceName", t.Service, "ContainerName", k.Name),
			dimensions("ClusterName", t.Cluster, "ServiceName", t.Service, "ContainerName", k.Name, "TaskId", t.ID))
	}
	for _, d := range sets {
		s.put(insights, "ContainerCpuUtilized", types.StandardUnitNone, look(u.cpu), d)
		s.put(insights, "ContainerCpuReserved", types.StandardUnitNone, look(cpu), d)
		s.put(insights, "ContainerCpuUtilization", types.StandardUnitPercent, look(share(u.cpu, cpu)), d)
		s.put(insights, "ContainerMemoryUtilized", types.StandardUnitMegabytes, look(u.mem), d)
		s.put(insights, "ContainerMemoryReserved", types.StandardUnitMegabytes, look(mem), d)
		s.put(insights, "ContainerMemoryUtilization", types.StandardUnitPercent, look(share(u.mem, mem)), d)
	}
}

// balancers measures load balancers and target groups. Numbers of requests and
// answers are published where there were any, as AWS does; there are no metrics
// by availability zone.
func (s *sample) balancers(was, is balancer.Counters, groups map[string]string) {
	sum := func(name string, unit types.StandardUnit, n int64, dims ...[]types.Dimension) {
		for _, d := range dims {
			if n > 0 {
				s.put(elb, name, unit, one(float64(n), 1), d)
			}
		}
	}
	for arn, b := range is.Balancers {
		old := was.Balancers[arn]
		d := dimensions("LoadBalancer", after(arn, "loadbalancer/"))
		sum("RequestCount", types.StandardUnitCount, b.Requests-old.Requests, d)
		sum("NewConnectionCount", types.StandardUnitCount, b.NewConnections-old.NewConnections, d)
		sum("ProcessedBytes", types.StandardUnitBytes, b.Bytes-old.Bytes, d)
		sum("RuleEvaluations", types.StandardUnitCount, b.Rules-old.Rules, d)
		if b.Connections > 0 {
			s.put(elb, "ActiveConnectionCount", types.StandardUnitCount, look(float64(b.Connections)), d)
		}
		classes := map[int]int64{}
		for code, n := range b.OwnAnswers {
			n -= old.OwnAnswers[code]
			classes[code/100] += n
			switch code {
			case 500, 502, 503, 504:
				sum("HTTPCode_ELB_"+strconv.Itoa(code)+"_Count", types.StandardUnitCount, n, d)
			}
		}
		for class := 3; class <= 5; class++ {
			sum("HTTPCode_ELB_"+strconv.Itoa(class)+"XX_Count", types.StandardUnitCount, classes[class], d)
		}
	}
	for arn, g := range is.Groups {
		lb := groups[arn]
		if lb == "" {
			continue
		}
		old := was.Groups[arn]
		tg := dimensions("TargetGroup", after(arn, ":"))
		lbd := dimensions("LoadBalancer", after(lb, "loadbalancer/"))
		both := dimensions("LoadBalancer", after(lb, "loadbalancer/"), "TargetGroup", after(arn, ":"))
		requests := g.Requests - old.Requests
		sum("RequestCount", types.StandardUnitCount, requests, both)
		if requests > 0 && g.Healthy > 0 {
			per := one(float64(requests)/float64(g.Healthy), 1)
			s.put(elb, "RequestCountPerTarget", types.StandardUnitCount, per, tg)
			s.put(elb, "RequestCountPerTarget", types.StandardUnitCount, per, both)
		}
		for class := 2; class <= 5; class++ {
			sum("HTTPCode_Target_"+strconv.Itoa(class)+"XX_Count", types.StandardUnitCount, g.Codes[class]-old.Codes[class], lbd, both)
		}
		sum("TargetConnectionErrorCount", types.StandardUnitCount, g.ConnectionErrors-old.ConnectionErrors, lbd, both)
		latency := durations(g.Latency.Sub(old.Latency))
		s.put(elb, "TargetResponseTime", types.StandardUnitSeconds, latency, lbd)
		s.put(elb, "TargetResponseTime", types.StandardUnitSeconds, latency, both)
		if g.Healthy+g.Unhealthy+len(g.Targets) > 0 {
			s.put(elb, "HealthyHostCount", types.StandardUnitCount, look(float64(g.Healthy)), both)
			s.put(elb, "UnHealthyHostCount", types.StandardUnitCount, look(float64(g.Unhealthy)), both)
		}
	}
}

// after is what stands after the last occurrence of sep.
func after(s, sep string) string {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[i+len(sep):]
	}
	return s
}

// durations is a histogram as seconds. Its sum is exact, its values are at most
// an eighth off.
func durations(l balancer.Latency) point {
	var p point
	for d, n := range l.Buckets() {
		p.add(one(d.Seconds(), float64(n)))
	}
	if p.count > 0 {
		p.sum = l.Sum.Seconds()
	}
	return p
}
