package cost

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
)

func TestMoney(t *testing.T) {
	for m, want := range map[Money][2]string{
		0:               {"$0.00", "$0.000/h"},
		1:               {"under $0.01", "$0.000/h"},
		5_000:           {"$0.01", "$0.005/h"},
		44_499:          {"$0.04", "$0.044/h"},
		44_500:          {"$0.04", "$0.045/h"},
		45_000:          {"$0.05", "$0.045/h"},
		Dollar - 1:      {"$1.00", "$1.000/h"},
		12*Dollar + 345: {"$12.00", "$12.000/h"},
		-1_500_000:      {"-$1.50", "-$1.500/h"},
	} {
		if got := [2]string{m.String(), m.Rate()}; got != want {
			t.Errorf("%d: got %v, want %v", int64(m), got, want)
		}
	}
}

// The bundled stack, as the state has it after an apply.
const state = `[
	{"Type": "aws_lb", "Values": {"internal": false, "subnets": ["a", "b"]}},
	{"Type": "aws_ecs_task_definition", "Values": {"arn": "arn:x:1", "cpu": "256", "memory": "512"}},
	{"Type": "aws_ecs_service", "Values": {"desired_count": 2, "task_definition": "arn:x:1", "network_configuration": [{"assign_public_ip": true}]}},
	{"Type": "aws_cloudwatch_log_group", "Values": {}},
	{"Type": "aws_ecs_cluster", "Values": {}},
	{"Type": "aws_vpc", "Values": {}}
]`

func resources(t *testing.T, text string) []Resource {
	t.Helper()
	var r []Resource
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestBundledStack(t *testing.T) {
	e := PerHour(Items(resources(t, state)), "eu-west-1")
	// 2 x (0.25 x 0.04048 + 0.5 x 0.004445) + 0.0252 + 4 x 0.005
	if want := Money(24_685 + 25_200 + 20_000); e.Hourly != want {
		t.Errorf("got %d, want %d: %+v", e.Hourly, want, e.Lines)
	}
	if e.Lines[0].Kind != LoadBalancer || e.Lines[1].What != "2 Fargate tasks (0.25 vCPU, 512 MiB)" || e.Lines[2].What != "4 public IPv4 addresses" {
		t.Errorf("got %+v", e.Lines)
	}
	notes := strings.Join(e.Notes, "\n")
	for _, part := range []string{"estimate", PricesOf, "Logs", "Container Insights", "capacity unit"} {
		if !strings.Contains(notes, part) {
			t.Errorf("the notes do not speak of %q: %s", part, notes)
		}
	}
	// The load balancer for one hour begun, the rest for 42 minutes.
	if got, want := e.SoFar(42*time.Minute), Money(25_200+44_685*42/60); got < want-2 || got > want {
		t.Errorf("so far %d, want %d", got, want)
	}
	if got := e.SoFar(61 * time.Minute); got < 2*25_200+44_685 {
		t.Errorf("the second hour's load balancer is missing: %d", got)
	}
	if e.SoFar(0) != 0 || e.SoFar(-time.Hour) != 0 {
		t.Error("what has not run costs something")
	}
	if got := e.Bill(42*time.Minute, true); got != "$0.00 in the sandbox (on AWS this would have been about $0.06)" {
		t.Errorf("got %q", got)
	}
	if got := e.Bill(42*time.Minute, false); !strings.Contains(got, "estimate") {
		t.Errorf("got %q", got)
	}
	if got := e.PerHourText(true); got != "$0.070/h on AWS, nothing in the sandbox" {
		t.Errorf("got %q", got)
	}
}

func TestPlanWithPrivateTasks(t *testing.T) {
	// A plan knows neither ARNs nor subnets.
	e := PerHour(Items(resources(t, `[
		{"Type": "aws_lb", "Values": {}},
		{"Type": "aws_ecs_task_definition", "Values": {"cpu": 512, "memory": 1024}},
		{"Type": "aws_ecs_service", "Values": {"desired_count": 1, "network_configuration": [{"assign_public_ip": false}]}},
		{"Type": "aws_nat_gateway", "Values": {}},
		{"Type": "aws_eip", "Values": {}}
	]`)), "us-east-1")
	if want := Money(20_240 + 4_445 + 22_500 + 2*5_000 + 45_000 + 5_000); e.Hourly != want {
		t.Errorf("got %d, want %d: %+v", e.Hourly, want, e.Lines)
	}
}

func TestUnknownRegion(t *testing.T) {
	e := PerHour([]Item{{Kind: NATGateway, Count: 1}}, "mars-north-1")
	if e.Prices != "us-east-1" || e.Hourly != 45_000 || !strings.Contains(e.Notes[0], "mars-north-1") {
		t.Errorf("got %+v", e)
	}
}

func TestNothingCostsNothing(t *testing.T) {
	for _, items := range [][]Item{nil, {{Kind: Task, Count: 0, CPU: 256, Memory: 512}}, {{Kind: Task, Count: -1}}, {{Kind: "other", Count: 3}}} {
		if e := PerHour(items, "eu-west-1"); e.Hourly != 0 || len(e.Lines) != 0 {
			t.Errorf("%v: got %+v", items, e)
		}
	}
}

func TestPriceTable(t *testing.T) {
	base := prices[fallback]
	for region, p := range prices {
		for _, pair := range [][2]Money{{p.vcpu, base.vcpu}, {p.gb, base.gb}, {p.loadBalancer, base.loadBalancer}, {p.capacity, base.capacity}, {p.nat, base.nat}, {p.address, base.address}} {
			// A slip of a digit is what this catches.
			if ratio := float64(pair[0]) / float64(pair[1]); math.Abs(math.Log(ratio)) > math.Log(1.6) {
				t.Errorf("%s: %d against %d", region, pair[0], pair[1])
			}
		}
	}
}

func FuzzItems(f *testing.F) {
	f.Add([]byte(state))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r []Resource
		if json.Unmarshal(b, &r) != nil {
			t.Skip()
		}
		for _, l := range PerHour(Items(r), "eu-west-1").Lines {
			if l.Count <= 0 {
				t.Errorf("got %+v", l)
			}
		}
	})
}
