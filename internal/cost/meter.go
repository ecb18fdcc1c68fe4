package cost

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Reading is what a stack costs an hour from a moment on.
type Reading struct {
	At       time.Time
	Estimate Estimate
}

// Meter counts what one stack has cost since it came up. It is a value: At may be
// called from any goroutine.
type Meter struct {
	// Readings are the rates of the stack's life, oldest first; the first is of its
	// beginning. Empty where nothing has been deployed.
	Readings []Reading
	Budget   Money // 0 for none
	Sandbox  bool  // nothing is billed; the figures are what AWS would have billed
	// Partial: the stack is older than the first reading, so that the cost so far is
	// only the part that is known.
	Partial bool
}

// Up reports whether the last rate is of something: nothing has been deployed, or
// all that costs was deleted, where it is not.
func (m Meter) Up() bool {
	return len(m.Readings) > 0 && len(m.Readings[len(m.Readings)-1].Estimate.Lines) > 0
}

// With returns the meter as it goes on from at with another rate.
func (m Meter) With(at time.Time, e Estimate) Meter {
	m.Readings = append(slices.Clone(m.Readings), Reading{at, e})
	return m
}

// outlook is how far ahead a budget is looked after: a stack that is forgotten
// overnight is what a budget is for.
const outlook = 24 * time.Hour

// nearly is the share of a budget, in percent, at which a warning begins.
const nearly = 80

// Bill is a meter at one moment.
type Bill struct {
	Since   time.Time
	For     time.Duration // since Since; not negative
	PerHour Money
	SoFar   Money
	Budget  Money // 0 for none
	Sandbox bool
	Partial bool
	// Next is what it will have cost after another 24 hours at this rate, and
	// Reaches when the budget is used up, where that is within that time.
	Next    Money
	Reaches time.Time
}

// At returns what the stack has cost by then. Load balancers, NAT gateways,
// endpoints, metrics and alarms are charged for each hour begun, the rest by the
// second with a minute at least.
func (m Meter) At(now time.Time) Bill {
	b := Bill{Budget: m.Budget, Sandbox: m.Sandbox, Partial: m.Partial}
	if len(m.Readings) == 0 {
		return b
	}
	b.Since = m.Readings[0].At
	b.For = max(0, now.Sub(b.Since))
	b.PerHour = m.Readings[len(m.Readings)-1].Estimate.Hourly
	b.SoFar = soFar(m.Readings, now)
	b.Next = soFar(m.Readings, now.Add(outlook))
	if b.Budget > b.SoFar && b.Next >= b.Budget && b.PerHour > 0 {
		left := float64(b.Budget-b.SoFar) / float64(b.PerHour)
		b.Reaches = now.Add(time.Duration(left * float64(time.Hour)))
	}
	return b
}

// unit is one thing that runs: a task, a load balancer, an address.
type unit struct {
	from   time.Time
	hourly Money
	hours  bool
}

func (u unit) until(to time.Time) Money {
	d := to.Sub(u.from)
	if d <= 0 {
		return 0
	}
	if u.hours {
		return u.hourly * Money((d+time.Hour-1)/time.Hour)
	}
	return u.hourly * Money(max(d, time.Minute)/time.Second) / 3600
}

// soFar adds up what all units cost until now. A unit that several readings in
// succession have is one and the same: its hour does not begin again when
// something else changes.
func soFar(readings []Reading, now time.Time) Money {
	type sort struct {
		kind   Kind
		hourly Money
	}
	var sum Money
	up := map[sort][]unit{}
	for _, r := range readings {
		at := r.At
		if at.After(now) {
			break
		}
		want := map[sort]int{}
		hours := map[sort]bool{}
		for _, l := range r.Estimate.Lines {
			if l.Count > 0 {
				s := sort{l.Kind, l.Hourly / Money(l.Count)}
				want[s] += l.Count
				hours[s] = l.Hours
			}
		}
		for s, units := range up {
			for len(units) > want[s] { // the last to come goes first
				sum += units[len(units)-1].until(at)
				units = units[:len(units)-1]
			}
			up[s] = units
		}
		for s, n := range want {
			for len(up[s]) < n {
				up[s] = append(up[s], unit{at, s.hourly, hours[s]})
			}
		}
	}
	for _, units := range up {
		for _, u := range units {
			sum += u.until(now)
		}
	}
	return sum
}

// Over reports whether the budget is used up.
func (b Bill) Over() bool { return b.Budget > 0 && b.SoFar >= b.Budget }

// Near reports whether 80% of the budget are used, or all of it.
func (b Bill) Near() bool { return b.Budget > 0 && b.SoFar*100 >= b.Budget*nearly }

// used is the share of the budget that is used, in percent.
func (b Bill) used(m Money) Money { return m * 100 / b.Budget }

// Share is how much of the budget is used, where Near: "84% of $2.50".
func (b Bill) Share() string {
	if !b.Near() {
		return ""
	}
	return fmt.Sprintf("%d%% of %s", b.used(b.SoFar), b.Budget)
}

// Text is what the stack has cost: "about $0.06" on AWS, and in the sandbox what
// it would have been.
func (b Bill) Text() string {
	about := "about "
	if b.Partial {
		about = "at least "
	}
	if b.Sandbox {
		return fmt.Sprintf("%s in the sandbox (on AWS this would have been %s%s)", Money(0), about, b.SoFar)
	}
	return about + b.SoFar.String()
}

// Receipt is the sentence about a stack that is gone.
func (b Bill) Receipt() string {
	if b.Sandbox {
		return b.Text()
	}
	return b.Text() + " (an estimate from list prices; AWS bills later)"
}

// Sentence says how long the stack has been up and what that has cost. It is empty
// where nothing was deployed.
func (b Bill) Sentence() string {
	switch {
	case b.Since.IsZero():
		return ""
	case b.Partial:
		return fmt.Sprintf("The stack has been up for at least %s and has cost %s.", Span(b.For), b.Text())
	}
	return fmt.Sprintf("The stack has been up for %s and has cost %s.", Span(b.For), b.Text())
}

// Notice is Sentence in at most 72 columns.
func (b Bill) Notice() string {
	if b.Since.IsZero() || !b.Sandbox {
		return b.Sentence()
	}
	return fmt.Sprintf("Up %s: %s in the sandbox (on AWS this would have been %s).", Span(b.For), Money(0), b.SoFar)
}

// Warning is a sentence about the budget: that it is used up, that 80% of it are,
// or that either will happen within 24 hours at this rate. It is empty where there
// is no budget, or nothing to warn of.
func (b Bill) Warning() string {
	on, the, is, use := "", "The", "is", "uses"
	if b.Sandbox {
		on, the, is, use = "On AWS, ", "On AWS, the", "would be", "would use"
	}
	switch {
	case b.Budget <= 0:
		return ""
	case b.Over():
		return fmt.Sprintf("%s cost so far, %s, %s over your budget of %s.", the, b.SoFar, is, b.Budget)
	case b.Near():
		return fmt.Sprintf("%s cost so far, %s, %s %d%% of your budget of %s.", the, b.SoFar, is, b.used(b.SoFar), b.Budget)
	case b.Next >= b.Budget:
		left := b.Reaches.Sub(b.Since) - b.For
		if left > 2*time.Hour {
			left = left.Truncate(time.Hour)
		}
		return fmt.Sprintf("%s%s %s up your budget of %s in about %s.", on, b.PerHour.Rate(), use, b.Budget, Span(left))
	case b.Next*100 >= b.Budget*nearly:
		return fmt.Sprintf("%s cost after 24 hours more %s %d%% of your budget of %s.", the, is, b.used(b.Next), b.Budget)
	}
	return ""
}

// Span is a duration in the two largest units that matter: "54 min", "2 h 5 min",
// "3 days 4 h".
func Span(d time.Duration) string {
	const day = 24 * time.Hour
	two := func(large int, largeName string, small int, smallName string) string {
		if small == 0 {
			return fmt.Sprintf("%d %s", large, largeName)
		}
		return fmt.Sprintf("%d %s %d %s", large, largeName, small, smallName)
	}
	d = max(0, d)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < day:
		return two(int(d/time.Hour), "h", int(d%time.Hour/time.Minute), "min")
	}
	days := "days"
	if d < 2*day {
		days = "day"
	}
	return two(int(d/day), days, int(d%day/time.Hour), "h")
}

// Valid reports whether an estimate that was read from a file is one that PerHour
// could have made.
func (e Estimate) Valid() bool {
	for _, l := range e.Lines {
		if l.Count <= 0 || l.Count > mostItems || l.Hourly < 0 || l.Hourly > maxMoney {
			return false
		}
	}
	return e.Hourly >= 0 && e.Hourly <= maxMoney
}

// same reports whether two estimates are of the same things at the same prices.
func (e Estimate) same(other Estimate) bool {
	key := func(e Estimate) []string {
		var out []string
		for _, l := range e.Lines {
			out = append(out, fmt.Sprint(l.Kind, l.Count, l.Hourly))
		}
		slices.SortFunc(out, cmp.Compare)
		return out
	}
	return slices.Equal(key(e), key(other))
}

// Last reports whether the meter's last rate is e, so that there is nothing new to
// write down.
func (m Meter) Last(e Estimate) bool {
	if len(m.Readings) == 0 {
		return len(e.Lines) == 0
	}
	return m.Readings[len(m.Readings)-1].Estimate.same(e)
}
