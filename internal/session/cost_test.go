package session

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"workshop/internal/cost"
	"workshop/internal/fargate"
	"workshop/internal/stack"
	"workshop/internal/target"
)

// upState is a bundled stack with that many tasks, in eu-west-1 $0.085/h with two.
func upState(tasks int) string {
	return fmt.Sprintf(`{"version":4,"outputs":{"cluster":{"value":"workshop-x"},"service":{"value":"app"},"url":{"value":"http://localhost:18080"},"target_group":{"value":"arn:tg"},"log_group":{"value":"/ecs/workshop-x"}},"resources":[
 {"mode":"managed","type":"aws_ecs_cluster","name":"main","instances":[{"attributes":{"name":"workshop-x","setting":[{"name":"containerInsights","value":"enabled"}]}}]},
 {"mode":"managed","type":"aws_lb","name":"main","instances":[{"attributes":{"internal":false,"subnets":["a","b"]}}]},
 {"mode":"managed","type":"aws_ecs_task_definition","name":"app","instances":[{"attributes":{"arn":"arn:app:1","cpu":"256","memory":"512"}}]},
 {"mode":"managed","type":"aws_vpc","name":"main","instances":[{"attributes":{"id":"vpc-1"}}]},
 {"mode":"managed","type":"aws_ecs_service","name":"app","instances":[{"attributes":{"name":"app","desired_count":%d,"task_definition":"arn:app:1","launch_type":"FARGATE","network_configuration":[{"assign_public_ip":true}]}}]}]}`, tasks)
}

const emptyState = `{"version":4,"outputs":{},"resources":[]}`

func text(t *testing.T, s *Session, p *stack.Plan) string {
	t.Helper()
	c, err := s.PriceOf(p)
	if err != nil {
		t.Fatal(err)
	}
	return c.Text(false)
}

func TestPriceOf(t *testing.T) {
	service := func(action stack.Action, values map[string]any) stack.Change {
		return stack.Change{Address: "aws_ecs_service.app", Type: "aws_ecs_service", Action: action, Needs: []string{"aws_ecs_task_definition.app"}, Values: values}
	}
	// A new revision's ARN is not known yet; the service keeps the old one until then.
	definition := func(cpu, memory string) stack.Change {
		return stack.Change{Address: "aws_ecs_task_definition.app", Type: "aws_ecs_task_definition", Action: stack.ActionReplace, Values: map[string]any{"cpu": cpu, "memory": memory}}
	}
	for name, test := range map[string]struct {
		plan stack.Plan
		want string
	}{
		"nothing":      {stack.Plan{}, "no change in cost, $0.085/h"},
		"new greeting": {stack.Plan{Changes: []stack.Change{definition("256", "512"), service(stack.ActionUpdate, nil)}}, "no change in cost, $0.085/h"},
		"third task":   {stack.Plan{Changes: []stack.Change{service(stack.ActionUpdate, map[string]any{"desired_count": 3.0})}}, "+$0.017/h, then $0.102/h"},
		"larger tasks": {stack.Plan{Changes: []stack.Change{definition("512", "1024"), service(stack.ActionUpdate, nil)}}, "+$0.025/h, then $0.110/h"},
		"service replaced": {stack.Plan{Changes: []stack.Change{service(stack.ActionReplace, map[string]any{"desired_count": 2.0, "task_definition": "arn:app:1",
			"network_configuration": []any{map[string]any{"assign_public_ip": true}}})}}, "no change in cost, $0.085/h"},
		"private tasks": {stack.Plan{Changes: []stack.Change{
			{Address: "aws_nat_gateway.main[0]", Type: "aws_nat_gateway", Action: stack.ActionCreate},
			{Address: "aws_eip.nat[0]", Type: "aws_eip", Action: stack.ActionCreate},
			service(stack.ActionUpdate, map[string]any{"network_configuration": []any{map[string]any{"assign_public_ip": false}}}),
		}}, "+$0.043/h, then $0.128/h"},
		"free resource": {stack.Plan{Changes: []stack.Change{{Address: "aws_subnet.more", Type: "aws_subnet", Action: stack.ActionCreate}}}, "no change in cost, $0.085/h"},
		"destroy": {stack.Plan{Destroy: true, Changes: []stack.Change{
			{Address: "aws_ecs_cluster.main", Action: stack.ActionDelete}, {Address: "aws_lb.main", Action: stack.ActionDelete},
			{Address: "aws_ecs_task_definition.app", Action: stack.ActionDelete}, {Address: "aws_vpc.main", Action: stack.ActionDelete}, service(stack.ActionDelete, nil),
		}}, "-$0.085/h, then nothing"},
		// Terraform compared: autoscaling runs four, and the plan goes back to two.
		"drift": {stack.Plan{
			Drift:   []stack.Change{{Address: "aws_ecs_service.app", Action: stack.ActionUpdate, Fields: []string{"desired_count"}, Values: map[string]any{"desired_count": 4.0, "task_definition": "arn:app:1"}}},
			Changes: []stack.Change{service(stack.ActionUpdate, map[string]any{"desired_count": 2.0})},
		}, "-$0.035/h, then $0.085/h"},
		"deleted outside": {stack.Plan{
			Drift:   []stack.Change{{Address: "aws_ecs_service.app", Action: stack.ActionDelete}},
			Changes: []stack.Change{service(stack.ActionCreate, map[string]any{"desired_count": 2.0, "network_configuration": []any{map[string]any{"assign_public_ip": true}}})},
		}, "+$0.050/h, then $0.085/h"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, target.Sandbox)
			writeState(t, s, upState(2))
			if got := text(t, s, &test.plan); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	s := open(t, target.Sandbox)
	if got := text(t, s, &stack.Plan{Changes: []stack.Change{{Address: "aws_vpc.main", Type: "aws_vpc", Action: stack.ActionCreate}}}); got != "free: AWS charges nothing by the hour for these resources" {
		t.Errorf("only what is free: %q", got)
	}
}

// What autoscaling has set counts, and not what Terraform last wrote down, until
// Terraform sets it again.
func TestPriceOfWhatAutoscalingRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, target.Sandbox)
		apply := func(tasks int) {
			t.Helper()
			if err := s.Workspace.Append(entryApplying, applying{}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			writeState(t, s, upState(tasks))
			if err := s.applied(&stack.Summary{OK: true}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		sees := func(tasks int) {
			t.Helper()
			if err := s.Seen(fargate.Snapshot{Service: fargate.Service{Status: "ACTIVE", Desired: tasks}}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		want := func(what, rate string) {
			t.Helper()
			if e, err := s.CurrentCost(); err != nil || e.Hourly.Rate() != rate {
				t.Errorf("%s: %s, %v; want %s", what, e.Hourly.Rate(), err, rate)
			}
		}
		apply(2)
		sees(2)
		want("deployed", "$0.085/h")
		sees(4)
		want("scaled out", "$0.120/h")
		if got := text(t, s, &stack.Plan{Changes: []stack.Change{{Address: "aws_ecs_service.app", Type: "aws_ecs_service", Action: stack.ActionUpdate, Values: map[string]any{"desired_count": 2.0}}}}); got != "-$0.035/h, then $0.085/h" {
			t.Errorf("a plan that goes back: %q", got)
		}
		apply(2)
		want("applied again", "$0.085/h")
		sees(4) // the same number as was seen before the apply
		want("scaled out again", "$0.120/h")
	})
}

func TestMeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, target.Sandbox)
		sofar := func(what string, since time.Duration, want cost.Money, up bool) cost.Bill {
			t.Helper()
			m, err := s.Meter()
			if err != nil {
				t.Fatal(err)
			}
			b := m.At(time.Now())
			if m.Up() != up || b.For != since || b.SoFar < want-5 || b.SoFar > want+5 {
				t.Errorf("%s: up %v for %v, %d; want %v for %v, %d", what, m.Up(), b.For, b.SoFar, up, since, want)
			}
			return b
		}
		sofar("nothing deployed", 0, 0, false)

		const perTask, address, balancer, metrics = 12_342, 5_000, 25_200, 37 * 411
		append := func(kind string, v any) {
			t.Helper()
			if err := s.Workspace.Append(kind, v); err != nil {
				t.Fatal(err)
			}
		}
		append(entryApplying, applying{})
		time.Sleep(2 * time.Minute)
		writeState(t, s, upState(2))
		if err := s.applied(&stack.Summary{OK: true}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(28 * time.Minute)
		want := cost.Money(balancer + metrics + (4*address+2*perTask)/2)
		sofar("half an hour", 30*time.Minute, want, true)

		// A third task for the second half of the hour.
		append(entryApplying, applying{})
		writeState(t, s, upState(3))
		if err := s.applied(&stack.Summary{OK: true}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Minute)
		want += (5*address + 3*perTask) / 2
		sofar("an hour", time.Hour, want, true)

		// An apply that was killed counts from its beginning, when it is looked at.
		append(entryApplying, applying{})
		writeState(t, s, upState(4))
		time.Sleep(30 * time.Minute)
		want += balancer + metrics + (6*address+4*perTask)/2
		b := sofar("after a kill", 90*time.Minute, want, true)
		if got := b.Sentence(); !strings.HasPrefix(got, "The stack has been up for 1 h 30 min and has cost $0.00 in the sandbox (on AWS this would have been about $0.1") {
			t.Errorf("got %q", got)
		}

		append(entryApplying, applying{Destroy: true})
		writeState(t, s, emptyState)
		if err := s.applied(&stack.Summary{OK: true}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		sofar("deleted", 0, 0, false)
		total := s.bill(cost.Estimate{}, time.Time{}, time.Now())
		append(entryDestroyed, Receipt{})
		time.Sleep(100 * time.Hour)
		if got := s.bill(cost.Estimate{}, time.Time{}, time.Now()); got != total || !strings.Contains(got, want.String()) {
			t.Errorf("the receipt says %q, and later %q; want %s", total, got, want)
		}

		// The next stack begins at nothing.
		append(entryApplying, applying{})
		writeState(t, s, upState(2))
		if err := s.applied(&stack.Summary{OK: true}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		sofar("the next stack", 10*time.Minute, balancer+metrics+(4*address+2*perTask)/6, true)
	})
}

// A stack that was made without the workshop is counted from when it is first seen.
func TestMeterOfAStackFromOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, target.AWS)
		writeState(t, s, upState(2))
		if m, err := s.Meter(); err != nil || !m.Partial || !m.Up() {
			t.Fatalf("%+v, %v", m, err)
		}
		time.Sleep(time.Hour)
		m, err := s.Meter()
		if got := m.At(time.Now()).Sentence(); err != nil || got != "The stack has been up for at least 1 h and has cost at least $0.09." {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// A journal of before there were rates gives a receipt all the same.
func TestBillOfAnOlderJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, target.AWS)
		writeState(t, s, upState(2))
		e, err := s.CurrentCost()
		if err != nil {
			t.Fatal(err)
		}
		writeState(t, s, emptyState)
		_ = s.Workspace.Append(entryApplying, applying{})
		time.Sleep(time.Hour)
		_ = s.Workspace.Append(entryApplying, applying{Destroy: true, Estimate: &e})
		_ = s.Workspace.Append(entryApplied, stack.Summary{OK: true})
		if got := s.bill(e, time.Now().Add(-time.Hour), time.Now()); got != "about $0.09 (an estimate from list prices; AWS bills later)" {
			t.Errorf("got %q", got)
		}
	})
}

func TestBudget(t *testing.T) {
	s := open(t, target.AWS)
	writeState(t, s, upState(2))
	if err := s.SetBudget(cost.Dollar); err != nil {
		t.Fatal(err)
	}
	again, err := Open(s.opts)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if m, err := again.Meter(); err != nil || m.Budget != cost.Dollar {
		t.Errorf("kept %v, %v", m.Budget, err)
	}
	// A damaged budget is an error, and the meter works without it.
	if err := os.WriteFile(filepath.Join(s.Workspace.Dir(), "budget.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if m, err := s.Meter(); err == nil || !m.Up() || m.Budget != 0 {
		t.Errorf("damaged: %+v, %v", m, err)
	}
	if err := s.SetBudget(0); err != nil {
		t.Fatal(err)
	}
	if m, err := s.Meter(); err != nil || m.Budget != 0 {
		t.Errorf("cleared: %v, %v", m.Budget, err)
	}
}

// Whatever is in the journal, the ledger is sound.
func FuzzLedger(f *testing.F) {
	e, _ := json.Marshal(cost.PerHour([]cost.Item{{Kind: cost.LoadBalancer, Count: 1}}, "eu-west-1"))
	f.Add(`{"destroy":false}`, string(e), `{"count":2}`)
	f.Add(`{}`, `{"hourly_microdollars":9e18,"lines":[{"count":1000000000,"hourly_microdollars":-5}]}`, `{"count":-1}`)
	s, err := Open(Options{Kind: target.Sandbox, Workspace: f.TempDir(), Configuration: os.DirFS(f.TempDir())})
	if err != nil {
		f.Skip(err)
	}
	f.Cleanup(func() { s.Close() })
	journal := filepath.Join(s.Workspace.Dir(), "journal.jsonl")
	f.Fuzz(func(t *testing.T, begun, rate, wanted string) {
		if err := os.RemoveAll(journal); err != nil {
			t.Fatal(err)
		}
		for _, line := range [][2]string{{entryApplying, begun}, {entryRate, rate}, {entryApplied, begun}, {entryRate, rate}, {entryDesired, wanted}, {entryDestroyed, begun}, {entryRate, rate}} {
			if json.Valid([]byte(line[1])) {
				_ = s.Workspace.Append(line[0], json.RawMessage(line[1]))
			}
		}
		l := s.ledger()
		if l.desired < 0 {
			t.Errorf("%d tasks", l.desired)
		}
		if b := l.meter().At(time.Now()); b.SoFar < 0 || b.For < 0 {
			t.Errorf("got %+v", b)
		}
	})
}
