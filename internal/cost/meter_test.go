package cost

import (
	"testing"
	"time"
)

var start = time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)

func stackOf(tasks, nats int) Estimate {
	return PerHour([]Item{{Kind: LoadBalancer, Count: 1}, {Kind: Task, Count: tasks, CPU: 256, Memory: 512}, {Kind: NATGateway, Count: nats}}, "us-east-1")
}

func TestSoFar(t *testing.T) {
	two := stackOf(2, 0)
	for _, test := range []struct {
		name string
		m    Meter
		at   time.Duration
		want Money
	}{
		{"nothing deployed", Meter{}, time.Hour, 0},
		{"before it came up", Meter{}.With(start, two), -time.Hour, 0},
		{"at once", Meter{}.With(start, two), 0, 0},
		{"one second: an hour of the load balancer, a minute of the tasks", Meter{}.With(start, two), time.Second, albPrice + 2*(taskPrice/60)},
		{"half an hour", Meter{}.With(start, two), 30 * time.Minute, albPrice + taskPrice},
		{"an hour", Meter{}.With(start, two), time.Hour, albPrice + 2*taskPrice},
		{"an hour and a minute", Meter{}.With(start, two), 61 * time.Minute, 2*albPrice + 2*taskPrice + 2*taskPrice/60},
		// A third task after half an hour. The load balancer is the same one: its
		// first hour does not begin again.
		{"scaled out", Meter{}.With(start, two).With(start.Add(30*time.Minute), stackOf(3, 0)), time.Hour, albPrice + 2*taskPrice + taskPrice/2},
		{"scaled out and in", Meter{}.With(start, two).With(start.Add(30*time.Minute), stackOf(4, 0)).With(start.Add(45*time.Minute), two), time.Hour, albPrice + 2*taskPrice + 2*taskPrice/4},
		{"a NAT gateway for ten minutes", Meter{}.With(start, two).With(start.Add(10*time.Minute), stackOf(2, 1)).With(start.Add(20*time.Minute), two), time.Hour, albPrice + 2*taskPrice + natPrice},
		{"another size", Meter{}.With(start, stackOf(1, 0)).With(start.Add(30*time.Minute), PerHour([]Item{{Kind: LoadBalancer, Count: 1}, {Kind: Task, Count: 1, CPU: 512, Memory: 1024}}, "us-east-1")), time.Hour, albPrice + taskPrice/2 + taskPrice},
		{"deleted, asked much later", Meter{}.With(start, two).With(start.Add(90*time.Minute), Estimate{}), 1000 * time.Hour, 2*albPrice + 3*taskPrice},
	} {
		got := test.m.At(start.Add(test.at)).SoFar
		if got < test.want-4 || got > test.want+4 { // rounding of each unit
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}

func TestBill(t *testing.T) {
	m := Meter{}.With(start, Of(resources(t, state), "eu-west-1"))
	for _, test := range []struct {
		name              string
		at                time.Duration
		budget            Money
		sandbox, partial  bool
		sentence, warning string
		share             string
	}{
		{"no budget", 54 * time.Minute, 0, false, false, "The stack has been up for 54 min and has cost about $0.08.", "", ""},
		{"the sandbox", 54 * time.Minute, 0, true, false, "The stack has been up for 54 min and has cost $0.00 in the sandbox (on AWS this would have been about $0.08).", "", ""},
		{"older than known", 54 * time.Minute, 0, false, true, "The stack has been up for at least 54 min and has cost at least $0.08.", "", ""},
		{"a large budget", time.Hour, 100 * Dollar, false, false, "The stack has been up for 1 h and has cost about $0.09.", "", ""},
		{"nearly, tomorrow", time.Hour, 2_500_000, false, false, "The stack has been up for 1 h and has cost about $0.09.", "The cost after 24 hours more is 85% of your budget of $2.50.", ""},
		{"over, tomorrow", time.Hour, Dollar, false, false, "The stack has been up for 1 h and has cost about $0.09.", "$0.085/h uses up your budget of $1.00 in about 10 h.", ""},
		{"over, tomorrow, sandbox", time.Hour, 2 * Dollar, true, false, "The stack has been up for 1 h and has cost $0.00 in the sandbox (on AWS this would have been about $0.09).", "On AWS, $0.085/h would use up your budget of $2.00 in about 22 h.", ""},
		{"in an hour", time.Hour, 150_000, false, false, "The stack has been up for 1 h and has cost about $0.09.", "$0.085/h uses up your budget of $0.15 in about 45 min.", ""},
		{"nearly", 10 * time.Hour, Dollar, false, false, "The stack has been up for 10 h and has cost about $0.85.", "The cost so far, $0.85, is 85% of your budget of $1.00.", "85% of $1.00"},
		{"over", 30 * time.Hour, Dollar, false, false, "The stack has been up for 1 day 6 h and has cost about $2.55.", "The cost so far, $2.55, is over your budget of $1.00.", "255% of $1.00"},
		{"over, sandbox", 30 * time.Hour, Dollar, true, false, "The stack has been up for 1 day 6 h and has cost $0.00 in the sandbox (on AWS this would have been about $2.55).", "On AWS, the cost so far, $2.55, would be over your budget of $1.00.", "255% of $1.00"},
	} {
		m.Budget, m.Sandbox, m.Partial = test.budget, test.sandbox, test.partial
		b := m.At(start.Add(test.at))
		if got := b.Sentence(); got != test.sentence {
			t.Errorf("%s: %q, want %q", test.name, got, test.sentence)
		}
		if got := b.Warning(); got != test.warning {
			t.Errorf("%s: %q, want %q", test.name, got, test.warning)
		}
		for _, line := range []string{b.Notice(), b.Warning()} {
			if len(line) > 72 {
				t.Errorf("%s: %d columns: %s", test.name, len(line), line)
			}
		}
		if got := b.Share(); got != test.share {
			t.Errorf("%s: %q, want %q", test.name, got, test.share)
		}
		if b.Over() && !b.Near() {
			t.Errorf("%s: over, but not near", test.name)
		}
	}
	if b := (Meter{Budget: Dollar}).At(start); b.Sentence() != "" || b.Warning() != "" || b.Over() {
		t.Errorf("with nothing up: %+v", b)
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Hour: "0 s", 59 * time.Second: "59 s", 54 * time.Minute: "54 min", time.Hour: "1 h",
		125 * time.Minute: "2 h 5 min", 24 * time.Hour: "1 day", 76 * time.Hour: "3 days 4 h",
	} {
		if got := Span(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
