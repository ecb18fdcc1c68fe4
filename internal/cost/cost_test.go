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
		1:               {"under $0.01", "under $0.001/h"},
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
	{"Type": "aws_ecs_cluster", "Values": {"setting": [{"name": "containerInsights", "value": "enabled"}]}},
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

func TestStackInState(t *testing.T) {
	e := Of(resources(t, state), "eu-west-1")
	// 2 x (0.25 x 0.04048 + 0.5 x 0.004445) + 0.0252 + 4 x 0.005 + 37 x 0.30 / 730
	if want := Money(24_684 + 25_200 + 20_000 + 37*411); e.Hourly != want {
		t.Errorf("got %d, want %d: %+v", e.Hourly, want, e.Lines)
	}
	var what []string
	for _, l := range e.Lines {
		what = append(what, l.What)
	}
	if got := strings.Join(what, "; "); got != "1 load balancer; 2 Fargate tasks (0.25 vCPU, 512 MiB); 4 public IPv4 addresses; 37 metrics of Container Insights" {
		t.Errorf("got %s", got)
	}
	notes := strings.Join(e.Notes, "\n")
	for _, part := range []string{"estimate", PricesOf, "Logs", "capacity unit"} {
		if !strings.Contains(notes, part) {
			t.Errorf("the notes do not speak of %q: %s", part, notes)
		}
	}
	if got := e.PerHourText(true); got != "$0.085/h on AWS, nothing in the sandbox" {
		t.Errorf("got %q", got)
	}
	if raw, err := json.Marshal(e); err != nil || !e.Valid() {
		t.Error(err)
	} else {
		var back Estimate
		if err := json.Unmarshal(raw, &back); err != nil || !back.same(e) {
			t.Errorf("got %+v back, %v", back, err)
		}
	}
}

func TestChangeText(t *testing.T) {
	rate := func(m Money) Estimate { return Estimate{Hourly: m} }
	for _, test := range []struct {
		before, after Money
		want          string
	}{
		{0, 0, "free: AWS charges nothing by the hour for these resources"},
		{0, 85_000, "$0.085/h"},
		{85_000, 85_000, "no change in cost, $0.085/h"},
		{85_000, 102_300, "+$0.017/h, then $0.102/h"},
		{102_300, 85_000, "-$0.017/h, then $0.085/h"},
		{85_000, 0, "-$0.085/h, then nothing"},
		{85_000, 85_400, "less than $0.001/h more, then $0.085/h"},
		{85_400, 85_000, "less than $0.001/h less, then $0.085/h"},
		{0, 137, "under $0.001/h"},
	} {
		if got := (Change{Before: rate(test.before), After: rate(test.after)}).Text(false); got != test.want {
			t.Errorf("%d to %d: %q, want %q", test.before, test.after, got, test.want)
		}
	}
}

func TestParseMoney(t *testing.T) {
	for text, want := range map[string]Money{"0": 0, "2.50": 2_500_000, "$2.5": 2_500_000, "3": 3 * Dollar, "1000000": maxMoney, " 0.01 ": 10_000} {
		if got, err := ParseMoney(text); err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-1", "1.234", "1,50", "1e3", "NaN", ".5", "5.", "$", "1000001", "99999999999", "2.50 EUR"} {
		if got, err := ParseMoney(text); err == nil {
			t.Errorf("%q is taken for %d", text, got)
		}
	}
}

func FuzzParseMoney(f *testing.F) {
	f.Add("2.50")
	f.Add("$1000000")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseMoney(text)
		if m < 0 || m > maxMoney || err != nil && m != 0 {
			t.Errorf("%q: %d, %v", text, m, err)
		}
		if err == nil && m%(Dollar/100) != 0 {
			t.Errorf("%q: %d has parts of a cent", text, m)
		}
	})
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
		for _, pair := range [][2]Money{{p.vcpu, base.vcpu}, {p.gb, base.gb}, {p.loadBalancer, base.loadBalancer}, {p.capacity, base.capacity}, {p.nat, base.nat}, {p.address, base.address}, {p.endpoint, base.endpoint},
			{p.vcpuARM, base.vcpu}, {p.gbARM, base.gb}} {
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
		e := Of(r, "eu-west-1")
		for _, l := range e.Lines {
			if l.Count <= 0 || l.Hourly < 0 {
				t.Errorf("got %+v", l)
			}
		}
		if e.Hourly < 0 || e.Most < 0 || (Meter{}).With(time.Unix(0, 0), e).At(time.Unix(1<<31, 0)).SoFar < 0 {
			t.Errorf("got %+v", e)
		}
	})
}

// What the state has lost has no values here, and so no price: it is said.
func TestPriceOfWhatIsLost(t *testing.T) {
	up := Estimate{Hourly: Dollar / 10}
	for _, c := range []struct {
		change Change
		want   string
	}{
		{Change{Lost: 19}, "not known: Terraform's state has lost 19 resources"},
		{Change{Before: up, Lost: 1}, "-$0.100/h, then nothing, without the 1 resource that Terraform's state has lost"},
	} {
		if got := c.change.Text(false); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
