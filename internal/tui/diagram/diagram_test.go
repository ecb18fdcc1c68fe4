package diagram_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"workshop/internal/fargate"
	"workshop/internal/tui/diagram"
	"workshop/internal/tui/style"
)

var update = flag.Bool("update", false, "write the golden pictures anew")

var addresses = []string{
	"aws_vpc.main", "aws_subnet.public[0]", "aws_subnet.public[1]", "aws_subnet.private[0]", "aws_subnet.private[1]",
	"aws_internet_gateway.main", "aws_route.internet", "aws_lb.main", "aws_lb_target_group.app", "aws_lb_listener.http",
	"aws_iam_role.execution", "aws_iam_role.task", "aws_ecs_cluster.main", "aws_ecs_task_definition.app", "aws_ecs_service.app",
	"aws_cloudwatch_log_group.app", "aws_cloudwatch_log_group.container_insights", "aws_route_table.public", "aws_security_group.tasks",
}

var now = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

func all(s diagram.State) map[string]diagram.State {
	m := map[string]diagram.State{}
	for _, a := range addresses {
		m[a] = s
	}
	return m
}

func task(id, zone, status, target string) fargate.Task {
	health := map[string]string{"healthy": "HEALTHY", "unhealthy": "UNHEALTHY"}[target]
	return fargate.Task{Health: health, ID: id + strings.Repeat("0", 28), Status: status, DesiredStatus: "RUNNING", Zone: zone, Address: "10.0.0.23", Target: target, Created: now.Add(-time.Minute)}
}

// inputs are the states that the stack goes through.
func inputs() map[string]diagram.Input {
	in := map[string]diagram.Input{
		"absent":  {Now: now},
		"planned": {Resources: all(diagram.Planned), Network: "10.0.0.0/16", Now: now},
	}
	applying := diagram.Input{Resources: all(diagram.Up), Network: "10.0.0.0/16", Deploying: true, Now: now, Beat: 3}
	applying.Resources["aws_lb.main"] = diagram.Working
	applying.Resources["aws_lb_listener.http"] = diagram.Planned
	applying.Resources["aws_ecs_service.app"] = diagram.Planned
	in["applying"] = applying

	up := diagram.Input{Resources: all(diagram.Up), Network: "10.0.0.0/16", URL: "http://localhost:18080", Now: now}
	up.Snapshot = &fargate.Snapshot{AsOf: now, Service: fargate.Service{Name: "app", Status: "ACTIVE", Desired: 2, Running: 2, Rollout: "COMPLETED",
		Deployments: []fargate.Deployment{{Revision: "app:3"}}},
		Tasks: []fargate.Task{task("7f3a", "eu-west-1a", "RUNNING", "healthy"), task("c01b", "eu-west-1b", "RUNNING", "healthy")},
		Probe: &fargate.Probe{At: now.Add(-700 * time.Millisecond), Status: 200, Latency: 3 * time.Millisecond},
		Usage: map[string]fargate.Usage{"7f3a" + strings.Repeat("0", 28): {CPU: 2, Memory: 31}}}
	in["up"] = up

	failing := up
	snap := *up.Snapshot
	stopped := task("c01b", "eu-west-1b", "STOPPED", "")
	at := now.Add(-20 * time.Second)
	stopped.Stopped, stopped.Answer = &at, &fargate.Answer{What: "the app panicked", Do: "Look at its last lines."}
	snap.Tasks = []fargate.Task{task("99de", "eu-west-1b", "PENDING", ""), task("7f3a", "eu-west-1a", "RUNNING", "unhealthy"), stopped}
	snap.Service.Running, snap.Service.Rollout = 1, "IN_PROGRESS"
	snap.Probe = &fargate.Probe{At: now.Add(-time.Second), Status: 503}
	failing.Snapshot = &snap
	in["failing"] = failing

	many := up
	crowd := *up.Snapshot
	crowd.Tasks, crowd.Usage = nil, nil
	for i := range 9 {
		crowd.Tasks = append(crowd.Tasks, task(fmt.Sprintf("%x%x%x%x", i, i, i, i), []string{"eu-west-1a", "eu-west-1b"}[i%2], "RUNNING", "healthy"))
	}
	crowd.Service.Desired, crowd.Service.Running = 9, 9
	many.Snapshot = &crowd
	many.Resources = all(diagram.Up)
	many.Resources["aws_nat_gateway.main[0]"] = diagram.Up
	in["many"] = many
	return in
}

var sizes = [][2]int{{60, 9}, {80, 15}, {120, 28}, {200, 44}}

func TestPictures(t *testing.T) {
	for name, in := range inputs() {
		for _, size := range sizes {
			for _, unicode := range []bool{true, false} {
				if !unicode && size[0] != 80 {
					continue
				}
				p := diagram.Draw(in, size[0], size[1], "balancer", style.New(true, unicode))
				var b strings.Builder
				for _, l := range p.Lines {
					fmt.Fprintln(&b, strings.TrimRight(ansi.Strip(l), " "))
				}
				file := fmt.Sprintf("%s-%dx%d.txt", name, size[0], size[1])
				if !unicode {
					file = "ascii-" + file
				}
				compare(t, file, b.String())
			}
		}
	}
}

func compare(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; go test ./internal/tui/diagram -update writes it", err)
	}
	if got != string(want) {
		t.Errorf("%s differs:\n--- want\n%s--- got\n%s", path, want, got)
	}
}

// At any size the picture stays within its room, every part that is drawn is
// within it, and nothing of the outside reaches the terminal as it came.
func TestAnySize(t *testing.T) {
	for name, in := range inputs() {
		if in.Snapshot != nil {
			s := *in.Snapshot
			s.Tasks = append([]fargate.Task{task("\x1b[31", "zone\x1b[2J 世界", "\x1b]0;x\a", "")}, s.Tasks...)
			in.Snapshot = &s
		}
		for w := 20; w < 240; w += 19 {
			for h := 1; h < 70; h += 7 {
				for _, unicode := range []bool{true, false} {
					p := diagram.Draw(in, w, h, "service", style.New(false, unicode))
					if len(p.Lines) > h {
						t.Fatalf("%s at %dx%d has %d lines", name, w, h, len(p.Lines))
					}
					for _, l := range p.Lines {
						if n := ansi.StringWidth(l); n > w {
							t.Fatalf("%s at %dx%d has a line of %d: %q", name, w, h, n, l)
						}
						if plain := ansi.Strip(l); strings.ContainsAny(plain, "\x1b\a") || !unicode && strings.ContainsFunc(plain, func(r rune) bool { return r > 126 }) {
							t.Fatalf("%s at %dx%d draws %q", name, w, h, plain)
						}
					}
					for _, s := range p.Spots {
						if s.X < 0 || s.Y < 0 || s.X+s.W > w || s.Y+s.H > h {
							t.Fatalf("%s at %dx%d has a part outside: %+v", name, w, h, s)
						}
					}
				}
			}
		}
	}
}

func TestStates(t *testing.T) {
	state := func(in diagram.Input, id string) diagram.State {
		for _, p := range diagram.Parts(in) {
			if p.ID == id {
				return p.State
			}
		}
		t.Fatalf("there is no part %s", id)
		return 0
	}
	in := inputs()
	for _, c := range []struct {
		input, id string
		want      diagram.State
	}{
		{"absent", "balancer", diagram.Absent},
		{"planned", "service", diagram.Planned},
		{"applying", "balancer", diagram.Working},
		{"applying", "service", diagram.Planned},
		{"applying", "vpc", diagram.Up},
		{"up", "service", diagram.Up},
		{"up", "task:7f3a" + strings.Repeat("0", 28), diagram.Up},
		{"failing", "service", diagram.Failing},
		{"failing", "balancer", diagram.Failing},
		{"failing", "task:7f3a" + strings.Repeat("0", 28), diagram.Failing},
		{"failing", "task:99de" + strings.Repeat("0", 28), diagram.Working},
		{"failing", "vpc", diagram.Up},
	} {
		if got := state(in[c.input], c.id); got != c.want {
			t.Errorf("%s: %s is %v, not %v", c.input, c.id, got, c.want)
		}
	}
	failed := in["applying"]
	failed.Resources["aws_iam_role.task"] = diagram.Failing
	if got := state(failed, "roles"); got != diagram.Failing {
		t.Errorf("a role that failed is %v", got)
	}
	down := in["up"]
	snap := *down.Snapshot
	snap.Probe = &fargate.Probe{At: now, Err: errors.New("refused")}
	down.Snapshot = &snap
	if got := state(down, "balancer"); got != diagram.Failing {
		t.Errorf("a balancer that does not answer is %v", got)
	}
}

// A request goes to a zone that has a task to answer it, and to both by turns
// where both have.
func TestRequestsGoWhereTasksAnswer(t *testing.T) {
	goals := func(in diagram.Input) (first, second bool) {
		for i := range 4 { // probes, five seconds apart
			for d := time.Duration(0); d < 8*time.Second; d += 60 * time.Millisecond {
				snap := *in.Snapshot
				snap.Probe = &fargate.Probe{At: now.Add(time.Duration(i) * 5 * time.Second), Status: 200}
				in.Snapshot, in.Now = &snap, snap.Probe.At.Add(d)
				zone := 0
				for _, l := range diagram.Draw(in, 120, 28, "users", style.New(true, true)).Lines {
					l = ansi.Strip(l)
					if strings.Contains(l, "eu-west-1b") {
						zone = 1
					}
					if strings.Contains(l, "●▸│") || strings.Contains(l, "─●│") { // the last cells of the way
						first, second = first || zone == 0, second || zone == 1
					}
				}
			}
		}
		return first, second
	}
	in := inputs()["up"]
	if a, b := goals(in); !a || !b {
		t.Errorf("with tasks in both zones requests go to a: %v, to b: %v", a, b)
	}
	snap := *in.Snapshot
	starting := task("c01b", "eu-west-1b", "RUNNING", "initial")
	snap.Tasks = []fargate.Task{snap.Tasks[0], starting}
	in.Snapshot = &snap
	if a, b := goals(in); !a || b {
		t.Errorf("with one task in zone a requests go to a: %v, to b: %v", a, b)
	}
}

// What is in the making pulses, also where it is chosen; and stands still in a
// picture of things that are there.
func TestWhatIsInTheMakingPulses(t *testing.T) {
	colours := func(in diagram.Input, beat int) string {
		in.Beat = beat
		return strings.Join(diagram.Draw(in, 120, 28, "balancer", style.New(true, true)).Lines, "\n")
	}
	edge := func(s string) string { // how the chosen box's upper edge is drawn
		before, _, _ := strings.Cut(s, "┏")
		return before[strings.LastIndex(before, "\x1b["):]
	}
	in := inputs()["applying"]
	if edge(colours(in, 0)) == edge(colours(in, 4)) {
		t.Error("the load balancer does not pulse")
	}
	up := inputs()["up"]
	if colours(up, 0) != colours(up, 4) {
		t.Error("what is there moves")
	}
}

func TestWhatFailsIsRed(t *testing.T) {
	theme := style.New(true, true)
	red, _, _ := strings.Cut(theme.Bad.Render("x"), "x")
	for name, want := range map[string]bool{"failing": true, "up": false, "applying": false, "planned": false} {
		p := diagram.Draw(inputs()[name], 120, 28, "balancer", theme)
		if got := strings.Contains(strings.Join(p.Lines, "\n"), red+"┏"); got != want {
			t.Errorf("%s: the load balancer's border is red: %v", name, got)
		}
	}
}

func TestHeight(t *testing.T) {
	for _, c := range [][2]int{{60, diagram.LeastHeight}, {80, 15}, {117, 15}, {120, 28}, {200, 35}} {
		if h := diagram.Height(c[0]); h != c[1] {
			t.Errorf("%d columns want %d rows, not %d", c[0], h, c[1])
		}
	}
}

func BenchmarkDraw(b *testing.B) {
	in, t := inputs()["up"], style.New(true, true)
	for b.Loop() {
		diagram.Draw(in, 200, 44, "balancer", t)
	}
}
