package cloudwatch

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"testing"
	"time"

	"workshop/internal/sandbox/balancer"
	"workshop/internal/sandbox/ecs"
	"workshop/internal/sandbox/fargate"
	"workshop/internal/sandbox/logs"
)

// world is what there is to measure.
type world struct {
	census   ecs.Census
	counters balancer.Counters
	usage    map[int]fargate.Usage
	groups   map[string]bool
	events   map[string][]logs.Event // by stream
}

func (w *world) Census() ecs.Census             { return w.census }
func (w *world) Counters() balancer.Counters    { return w.counters }
func (w *world) LoadBalancers(string) []string  { return []string{lbARN} }
func (w *world) HasGroup(group string) bool     { return w.groups[group] }
func (w *world) CreateStream(_, _ string) error { return nil }
func (w *world) Append(_, s string, events ...logs.Event) error {
	w.events[s] = append(w.events[s], events...)
	return nil
}

const (
	lbARN = "arn:aws:elasticloadbalancing:eu-west-1:000000000000:loadbalancer/app/shop/0123456789abcdef"
	tgARN = "arn:aws:elasticloadbalancing:eu-west-1:000000000000:targetgroup/web/fedcba9876543210"
)

func task(id string, pid int) ecs.TaskCensus {
	return ecs.TaskCensus{
		Cluster: "c", Service: "s", ID: id, ARN: "arn:" + id, Family: "f", Revision: "3", CPU: 256, Memory: 512, Storage: 20,
		Containers: []ecs.ContainerCensus{{Name: "app", PID: pid}},
	}
}

func TestMeasure(t *testing.T) {
	w := &world{
		groups: map[string]bool{"/aws/ecs/containerinsights/c/performance": true}, events: map[string][]logs.Event{},
		census: ecs.Census{
			Clusters: []ecs.ClusterCensus{{Name: "c", Insights: "enabled", Tasks: 2, Services: 1}, {Name: "plain", Insights: "disabled"}},
			Services: []ecs.ServiceCensus{{Cluster: "c", Name: "s", Desired: 3, Running: 2, Pending: 1, Deployments: 1}},
			Tasks:    []ecs.TaskCensus{task("a", 10), task("b", 11)},
		},
		counters: balancer.Counters{Balancers: map[string]balancer.BalancerCounters{lbARN: {}}, Groups: map[string]balancer.GroupCounters{tgARN: {}}},
	}
	c, _, _ := serve(t, Sources{Containers: w, Balancers: w, Logs: w, Measure: func(pids []int) map[int]fargate.Usage {
		if !slices.Equal(pids, []int{10, 11}) {
			t.Errorf("measured %v", pids)
		}
		return maps.Clone(w.usage)
	}})
	now := time.Unix(1.8e9, 0).UTC().Truncate(time.Minute)
	cpu := map[int]time.Duration{}
	for i := range 13 {
		w.usage = map[int]fargate.Usage{10: {CPU: cpu[10], Memory: 256 << 20}, 11: {CPU: cpu[11], Memory: 128 << 20, Written: int64(i) * 1000}}
		cpu[10] += 5 * time.Second / 8  // an eighth of a core: half of the task's
		cpu[11] += 20 * time.Second / 4 // four times the task's: shown as all of it
		g := w.counters.Groups[tgARN]
		g.Requests, g.Codes[2], g.Codes[5], g.Healthy, g.Unhealthy = g.Requests+10, g.Codes[2]+9, g.Codes[5]+1, 2, 1
		w.counters.Groups = map[string]balancer.GroupCounters{tgARN: g}
		b := w.counters.Balancers[lbARN]
		b.Requests, b.OwnAnswers = b.Requests+10, map[int]int64{503: int64(i) * 2}
		w.counters.Balancers = map[string]balancer.BalancerCounters{lbARN: b}
		c.measure(now.Add(time.Duration(i) * 5 * time.Second))
	}
	value := func(namespace, name, stat string, dims ...string) float64 {
		t.Helper()
		f, err := parseStatistic(stat)
		if err != nil {
			t.Fatal(err)
		}
		points, _ := c.points(namespace, name, dimensions(dims...), 60, now.Unix(), now.Unix()+60)
		if len(points) != 1 {
			return math.NaN()
		}
		return f(points[0])
	}
	group := []string{"LoadBalancer", "app/shop/0123456789abcdef", "TargetGroup", "targetgroup/web/fedcba9876543210"}
	for _, m := range []struct {
		namespace, name, stat string
		dims                  []string
		want                  float64 // NaN where there is no such metric
	}{
		{service, "CPUUtilization", "Average", []string{"ClusterName", "c", "ServiceName", "s"}, 75},
		{service, "CPUUtilization", "Maximum", []string{"ClusterName", "c", "ServiceName", "s"}, 100},
		{service, "CPUUtilization", "SampleCount", []string{"ClusterName", "c", "ServiceName", "s"}, 24},
		{service, "MemoryUtilization", "Average", []string{"ClusterName", "c", "ServiceName", "s"}, 37.5},
		// The sum over a minute is the tasks', not that of all the looks.
		{insights, "CpuUtilized", "Sum", []string{"ClusterName", "c"}, 384},
		{insights, "CpuReserved", "Sum", []string{"ClusterName", "c", "TaskDefinitionFamily", "f"}, 512},
		{insights, "MemoryUtilized", "Average", []string{"ClusterName", "c", "ServiceName", "s"}, 192},
		{insights, "StorageWriteBytes", "Sum", []string{"ClusterName", "c"}, 12_000},
		{insights, "RunningTaskCount", "Sum", []string{"ClusterName", "c", "ServiceName", "s"}, 2},
		{insights, "PendingTaskCount", "Maximum", []string{"ClusterName", "c", "ServiceName", "s"}, 1},
		{insights, "TaskCount", "Average", []string{"ClusterName", "c"}, 2},
		{insights, "TaskCount", "Average", []string{"ClusterName", "plain"}, math.NaN()},
		{insights, "TaskCpuUtilization", "Average", []string{"ClusterName", "c", "ServiceName", "s", "TaskId", "a"}, math.NaN()},
		{elb, "RequestCount", "Sum", group[:2], 120},
		{elb, "RequestCount", "Sum", group, 120},
		{elb, "RequestCountPerTarget", "Sum", group[2:], 60},
		{elb, "HTTPCode_Target_2XX_Count", "Sum", group, 108},
		{elb, "HTTPCode_Target_5XX_Count", "Sum", group[:2], 12},
		{elb, "HTTPCode_Target_4XX_Count", "Sum", group, math.NaN()},
		{elb, "HTTPCode_ELB_5XX_Count", "Sum", group[:2], 24},
		{elb, "HTTPCode_ELB_503_Count", "Sum", group[:2], 24},
		{elb, "HealthyHostCount", "Average", group, 2},
		{elb, "UnHealthyHostCount", "Maximum", group, 1},
	} {
		got := value(m.namespace, m.name, m.stat, m.dims...)
		if math.IsNaN(m.want) != math.IsNaN(got) || math.Abs(got-m.want) > 1e-6*m.want {
			t.Errorf("%s %s of %v is %v, want %v", m.stat, m.name, m.dims, got, m.want)
		}
	}

	var kinds []string
	for _, s := range slices.Sorted(maps.Keys(w.events)) {
		for _, e := range w.events[s] {
			var m map[string]any
			if err := json.Unmarshal([]byte(e.Message), &m); err != nil {
				t.Fatal(err)
			}
			kinds = append(kinds, m["Type"].(string))
			if m["ClusterName"] != "c" || m["Timestamp"] != float64(now.Add(time.Minute).UnixMilli()) {
				t.Errorf("%s", e.Message)
			}
			if m["Type"] == "Task" && m["TaskId"] == "a" && (m["CpuUtilized"] != 128.0 || m["CpuReserved"] != 256.0 || m["MemoryUtilized"] != 256.0 || m["ServiceName"] != "s") {
				t.Errorf("%s", e.Message)
			}
		}
	}
	slices.Sort(kinds)
	if want := []string{"Cluster", "Container", "Container", "Service", "Task", "Task"}; !slices.Equal(kinds, want) {
		t.Errorf("events %v, want %v", kinds, want)
	}

	// Enhanced observability tells tasks apart; without the log group no events.
	w.census.Clusters[0].Insights, w.groups = "enhanced", nil
	before := len(w.events["ClusterTelemetry-c"])
	for i := range 13 {
		c.measure(now.Add(time.Minute + time.Duration(i)*5*time.Second + 5*time.Second))
	}
	now = now.Add(time.Minute)
	if got := value(insights, "TaskMemoryUtilization", "Average", "ClusterName", "c", "ServiceName", "s", "TaskId", "b"); got != 25 {
		t.Errorf("task b uses %v%% of its memory", got)
	}
	if len(w.events["ClusterTelemetry-c"]) != before {
		t.Error("events for a group that does not exist")
	}
}

func TestRingIsBounded(t *testing.T) {
	c, _, _ := serve(t, Sources{})
	c.mu.Lock()
	defer c.mu.Unlock()
	start := time.Unix(1.8e9, 0)
	for i := range 30_000 {
		if err := c.record("Shop", "Orders", nil, "", start.Add(time.Duration(i)*5*time.Second), one(float64(i), 1), true); err != nil {
			t.Fatal(err)
		}
	}
	// What came first, and comes again late, does not push out what is new.
	if err := c.record("Shop", "Orders", nil, "", start, one(1, 1), true); err != nil {
		t.Fatal(err)
	}
	s := c.series[seriesKey("Shop", "Orders", nil)]
	if f, m := len(s.fine.points), len(s.minute.points); f > finePoints*9/8 || m > minutes*9/8 || f < finePoints || m < minutes {
		t.Errorf("%d fine points and %d minutes are kept", f, m)
	}
	if last := s.minute.points[len(s.minute.points)-1].at; last != start.Unix()+29_999*5-(start.Unix()+29_999*5)%60 {
		t.Errorf("the newest minute is %d", last)
	}
	if !slices.IsSortedFunc(s.fine.points, func(a, b point) int { return int(a.at - b.at) }) {
		t.Error("the points are not in order")
	}
}

func TestForgetMakesRoom(t *testing.T) {
	c, _, _ := serve(t, Sources{})
	c.mu.Lock()
	defer c.mu.Unlock()
	start := time.Unix(1.8e9, 0)
	put := func(i int, at time.Time) error {
		return c.record("Shop", "Orders", dimensions("TaskId", strconv.Itoa(i)), "", at, one(1, 1), false)
	}
	for i := range maxSeries {
		if err := put(i, start); err != nil {
			t.Fatal(err)
		}
	}
	if err := put(maxSeries, start.Add(10*time.Minute)); err == nil {
		t.Error("more metrics than there is room for")
	}
	if err := put(maxSeries, start.Add(20*time.Minute)); err != nil {
		t.Errorf("metrics that are gone hold their room: %v", err)
	}
}

// BenchmarkMeasure looks at 50 services with 500 tasks, which the sandbox does
// every five seconds.
func BenchmarkMeasure(b *testing.B) {
	w := &world{events: map[string][]logs.Event{}, usage: map[int]fargate.Usage{}}
	w.census.Clusters = []ecs.ClusterCensus{{Name: "c", Insights: "enabled"}}
	for i := range 500 {
		if i%10 == 0 {
			w.census.Services = append(w.census.Services, ecs.ServiceCensus{Cluster: "c", Name: strconv.Itoa(i / 10)})
		}
		n := task(strconv.Itoa(i), 0)
		n.Service, n.Family = strconv.Itoa(i/10), strconv.Itoa(i/10)
		w.census.Tasks = append(w.census.Tasks, n)
	}
	c, _, _ := serve(b, Sources{Containers: w, Logs: w, Measure: func([]int) map[int]fargate.Usage { return w.usage }})
	now := time.Unix(1.8e9, 0)
	for b.Loop() {
		now = now.Add(5 * time.Second)
		c.measure(now)
	}
	b.ReportMetric(float64(len(c.series)), "metrics")
}
