package cost

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
)

// claim finds what a text says about an hourly price: "$0.082 an hour",
// "$0.085/h", "1.7 cents an hour", "about eight cents an hour".
var claim = regexp.MustCompile(`\$(\d+\.\d+)\**(?: an hour|/h)\b|\b(\d+(?:\.\d+)?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen) cents an\s+hour\b`)

var words = strings.Fields("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen")

// parseClaim returns the amount and half of its last digit: what rounds to it.
func parseClaim(m []string) (amount, half float64) {
	text, unit := m[1], 1.0
	if text == "" {
		text, unit = m[2], 0.01
	}
	for i, w := range words {
		if text == w {
			return float64(i) * unit, unit / 2
		}
	}
	amount, _ = strconv.ParseFloat(text, 64) // the expression lets digits through only
	digits := 0
	if _, after, ok := strings.Cut(text, "."); ok {
		digits = len(after)
	}
	for half = unit / 2; digits > 0; digits-- {
		half /= 10
	}
	return amount * unit, half
}

// What the texts say an hour costs is what the table of prices says. Every
// claim has to be one of these; add a line for a new one.
func TestClaimsAboutPrices(t *testing.T) {
	const east, west = "us-east-1", "eu-west-1"
	stack := func(region string, vars map[string]cty.Value) Money { return Of(bundled(t, vars), region).Hourly }
	standard := stack(east, nil)
	private := map[string]cty.Value{"private_tasks": cty.True}
	three := stack(east, map[string]cty.Value{"desired_count": cty.NumberIntVal(3)})
	type is struct {
		near  string // what stands within 120 characters before the claim, or right behind it
		money Money
	}
	claims := map[string][]is{
		"README.md": {
			{"in us-east-1 and", stack(west, nil)}, {"At list prices", standard}, {"`private_tasks = true` makes it", stack(east, private) - standard},
		},
		"docs/authoring.md": {{"This costs", standard}},
		"steps/03-prerequisites.md": {
			{"That is about", standard}, {"Leaving it up", standard}, {"adds a NAT gateway", prices[east].nat},
		},
		"steps/05-deploy.md":  {{"the clock runs", standard}},
		"steps/06-explore.md": {{"On AWS", standard}},
		"steps/07-change.md":  {{"three it is", three}, {"a third task", three - standard}},
		"steps/09-scale.md":   {{"additional task", three - standard}},
		"steps/11-where-next.md": {
			{"with it", stack(east, private)}, {"without the line", standard}, {"On AWS it costs", stack(east, private)},
			{"Three interface endpoints in two zones", 6 * prices[east].endpoint},
			{"The cluster costs", 0}, // of EKS, which is not deployed here
		},
	}
	root := filepath.Join("..", "..")
	files, err := filepath.Glob(filepath.Join(root, "steps", "*.md"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	files = append(files, filepath.Join(root, "README.md"), filepath.Join(root, "docs", "authoring.md"), filepath.Join(root, "terraform", "variables.tf"),
		filepath.Join(root, "terraform", "network.tf"), filepath.Join(root, "terraform", "service.tf"), filepath.Join(root, "terraform", "observability.tf"))
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			t.Fatal(err)
		}
		known := claims[filepath.ToSlash(name)]
		used := make([]bool, len(known))
		text := strings.Join(strings.Fields(string(raw)), " ")
	next:
		for _, at := range claim.FindAllStringSubmatchIndex(text, -1) {
			m := []string{text[at[0]:at[1]], "", ""}
			for i := 1; i <= 2; i++ {
				if at[2*i] >= 0 {
					m[i] = text[at[2*i]:at[2*i+1]]
				}
			}
			amount, half := parseClaim(m)
			before := text[max(0, at[0]-120):at[0]]
			for i, k := range known {
				if !strings.Contains(before, k.near) {
					continue
				}
				used[i] = true
				if real := float64(k.money) / float64(Dollar); k.money > 0 && (amount < real-half || amount > real+half) {
					t.Errorf("%s says %q after %q, and it is %s", name, m[0], k.near, k.money.Rate())
				}
				continue next
			}
			t.Errorf("%s says %q after %q: give it a line in this test, or take it out", name, m[0], before)
		}
		for i, k := range known {
			if !used[i] {
				t.Errorf("%s has no price after %q any more", name, k.near)
			}
		}
		delete(claims, filepath.ToSlash(name))
	}
	for name := range claims {
		t.Errorf("%s is not read", name)
	}
}

// The table of step 3 has the lines of the estimate, and its sum.
func TestTableOfPrices(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "steps", "03-prerequisites.md"))
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`(?m)^\| ([^|]+?) +\| *([^|]*?) *\| *\**\$(\d\.\d+)\** \|$`)
	e := Of(bundled(t, nil), "us-east-1")
	hourly := map[Kind]Money{}
	for _, l := range e.Lines {
		hourly[l.Kind] += l.Hourly
	}
	want := map[string]Money{
		"Application Load Balancer": hourly[LoadBalancer], "Its public IPv4 addresses": 2 * prices["us-east-1"].address,
		"Fargate, 0.25 vCPU and 0.5 GB": hourly[Task], "Their public IPv4 addresses": hourly[PublicAddress] - 2*prices["us-east-1"].address,
		"Container Insights": hourly[Metrics] + hourly[EnhancedMetrics], "**All of it**": e.Hourly,
	}
	for _, m := range row.FindAllStringSubmatch(string(raw), -1) {
		money, ok := want[m[1]]
		if !ok {
			t.Errorf("the estimate has nothing for %q", m[1])
			continue
		}
		if got := money.text(len(m[3]) - 2); got != "$"+m[3] {
			t.Errorf("%s: the table says $%s, and it is %s", m[1], m[3], got)
		}
		delete(want, m[1])
	}
	for what := range want {
		t.Errorf("the table of step 3 lacks %q", what)
	}
	if !strings.Contains(string(raw), "168 metrics") && hourly[EnhancedMetrics] > 0 {
		t.Error("the table does not say how many metrics there are")
	}
}
