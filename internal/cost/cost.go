// Package cost estimates what a stack costs an hour on AWS, and has cost so
// far. It is an estimate from list prices: it leaves out taxes, free tiers,
// discounts and traffic, and says so.
package cost

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Money is an amount of US dollars in millionths, so that sums are exact.
type Money int64

// Dollar is one US dollar.
const Dollar Money = 1_000_000

// String gives dollars and cents: "$0.04". What is less than half a cent, but
// not nothing, is "under $0.01".
func (m Money) String() string {
	if m > 0 && m < Dollar/200 {
		return "under $0.01"
	}
	return m.text(2)
}

// Rate gives an hourly rate to a tenth of a cent: "$0.045/h". What is less than
// half a tenth, but not nothing, is "under $0.001/h".
func (m Money) Rate() string {
	if m > 0 && m < Dollar/2000 {
		return "under $0.001/h"
	}
	return m.text(3) + "/h"
}

// maxMoney is the largest amount that ParseMoney takes.
const maxMoney = 1_000_000 * Dollar

var amount = regexp.MustCompile(`^\$?(\d{1,7})(?:\.(\d{1,2}))?$`)

// ParseMoney reads an amount of dollars such as "2.50", "3" or "$2.50": at most a
// million, not negative, no more precise than cents.
func ParseMoney(s string) (Money, error) {
	m := amount.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return 0, fmt.Errorf("%q is not an amount of dollars such as 2.50", s)
	}
	dollars, _ := strconv.ParseInt(m[1], 10, 64) // the expression lets digits through only
	cents, _ := strconv.ParseInt((m[2] + "00")[:2], 10, 64)
	sum := Money(dollars)*Dollar + Money(cents)*Dollar/100
	if sum > maxMoney {
		return 0, fmt.Errorf("%q is more than a million dollars", s)
	}
	return sum, nil
}

func (m Money) text(digits int) string {
	sign := ""
	if m < 0 {
		sign, m = "-", -m
	}
	unit := Dollar
	for range digits {
		unit /= 10
	}
	units := (m + unit/2) / unit
	per := Dollar / unit
	return fmt.Sprintf("%s$%d.%0*d", sign, units/per, digits, units%per)
}

// Kind is a sort of thing that AWS charges for.
type Kind string

const (
	LoadBalancer  Kind = "load balancer"
	Task          Kind = "Fargate task"
	NATGateway    Kind = "NAT gateway"
	PublicAddress Kind = "public IPv4 address"
	Endpoint      Kind = "interface VPC endpoint"
	Logs          Kind = "logs"
	Metrics       Kind = "metric of Container Insights"
	// EnhancedMetrics are those of Container Insights with enhanced observability,
	// which has more of them at a lower price each.
	EnhancedMetrics Kind = "metric of enhanced Container Insights"
	Alarm           Kind = "CloudWatch alarm"
)

// Item is one kind of thing that runs.
type Item struct {
	Kind   Kind
	Count  int
	CPU    int  // of a task, in CPU units; 1024 is one vCPU
	Memory int  // of a task, in MiB
	ARM    bool // a task on ARM64 instead of x86
}

// Line is one item of an estimate.
type Line struct {
	What   string `json:"what"` // e.g. "2 Fargate tasks (0.25 vCPU, 512 MiB)"
	Kind   Kind   `json:"kind"`
	Count  int    `json:"count"`
	Hourly Money  `json:"hourly_microdollars"`       // all of them together
	Hours  bool   `json:"by_started_hour,omitempty"` // charged for each hour begun, not by the second
}

// Estimate is what a stack costs an hour.
type Estimate struct {
	Hourly Money    `json:"hourly_microdollars"`
	Lines  []Line   `json:"lines"` // dearest first
	Region string   `json:"region"`
	Prices string   `json:"prices"` // the region that the prices are of
	Notes  []string `json:"notes"`  // what the figures leave out, in sentences

	// Most is the hourly cost with all the tasks that Application Auto Scaling may
	// run, and MostTasks how many those are; 0 where it may run no more.
	Most      Money `json:"most_hourly_microdollars,omitempty"`
	MostTasks int   `json:"most_tasks,omitempty"`
	// Unpriced are types of resources that may cost something and are not counted.
	Unpriced []string `json:"unpriced,omitempty"`
}

// Of estimates what the resources cost an hour in that region.
func Of(resources []Resource, region string) Estimate {
	e := PerHour(Items(resources), region)
	peak := items(resources, true)
	if most := PerHour(peak, region).Hourly; most > e.Hourly {
		e.Most = most
		for _, i := range peak {
			if i.Kind == Task {
				e.MostTasks += i.Count
			}
		}
	}
	e.Unpriced = unpriced(resources)
	return e
}

// Hints returns sentences about what the rate does not show: how far autoscaling
// may raise it, and what is not counted.
func (e Estimate) Hints() []string {
	var out []string
	if e.Most > 0 {
		out = append(out, fmt.Sprintf("Autoscaling may run up to %s: then %s.", count(e.MostTasks, "task"), e.Most.Rate()))
	}
	if len(e.Unpriced) > 0 {
		out = append(out, "Not counted, because the price is not known here: "+strings.Join(e.Unpriced, ", ")+".")
	}
	return out
}

// mostItems bounds how many of one kind are counted, so that no file can make a
// sum overflow.
const mostItems = 10_000

// PerHour is what the items cost an hour in that region, at the list prices of
// PricesOf. A region that the table does not have gets us-east-1's, and the
// first note says so.
func PerHour(items []Item, region string) Estimate {
	e := Estimate{Region: region, Prices: region}
	p, ok := prices[region]
	if !ok {
		e.Prices = fallback
		p = prices[fallback]
		e.Notes = append(e.Notes, fmt.Sprintf("There are no prices for %s here, so these are of %s; most regions are within a quarter of them.", cmp.Or(region, "this region"), fallback))
	}
	for _, item := range items {
		if item.Count <= 0 {
			continue
		}
		item.Count = min(item.Count, mostItems)
		l := Line{Kind: item.Kind, Count: item.Count, What: count(item.Count, string(item.Kind))}
		n := Money(item.Count)
		switch item.Kind {
		case LoadBalancer:
			l.Hourly, l.Hours = n*p.loadBalancer, true
			e.note("A load balancer costs " + p.capacity.Rate() + " more for each capacity unit of traffic in use; a workshop uses next to none.")
		case NATGateway:
			l.Hourly, l.Hours = n*p.nat, true
			e.note("A NAT gateway costs about as much again for each GB that passes it.")
		case PublicAddress:
			l.Hourly = n * p.address
		case Endpoint:
			l.Hourly, l.Hours = n*p.endpoint, true
		case Task:
			vcpu, gb, arm := p.vcpu, p.gb, ""
			if item.ARM {
				vcpu, gb, arm = p.vcpuARM, p.gbARM, ", ARM64"
			}
			l.What += fmt.Sprintf(" (%s vCPU, %d MiB%s)", strconv.FormatFloat(float64(item.CPU)/1024, 'f', -1, 64), item.Memory, arm)
			l.Hourly = n * ((Money(item.CPU)*vcpu + Money(item.Memory)*gb) / 1024)
		case Logs:
			e.note("Logs cost about $0.50 for each GB written: cents, for a workshop.")
		case Metrics:
			l.Hourly, l.Hours = n*metric, true
		case EnhancedMetrics:
			l.Hourly, l.Hours = n*enhancedMetric, true
		case Alarm:
			l.Hourly, l.Hours = n*alarm, true
		}
		if l.Hourly == 0 {
			continue
		}
		e.Lines = append(e.Lines, l)
		e.Hourly += l.Hourly
	}
	slices.SortStableFunc(e.Lines, func(a, b Line) int { return cmp.Compare(b.Hourly, a.Hourly) })
	e.note("An estimate from list prices of " + PricesOf + " (" + Source + "), without taxes, discounts and traffic.")
	return e
}

func (e *Estimate) note(s string) {
	if !slices.Contains(e.Notes, s) {
		e.Notes = append(e.Notes, s)
	}
}

// PerHourText is the sentence about what is up: "$0.085/h on AWS, nothing in the
// sandbox".
func (e Estimate) PerHourText(sandbox bool) string {
	if sandbox {
		return e.Hourly.Rate() + " on AWS, nothing in the sandbox"
	}
	return "about " + e.Hourly.Rate() + ", as long as it runs"
}

// Change is what a plan does to the cost of the whole stack.
type Change struct {
	Before, After Estimate
	// Lost counts resources that go and that Terraform's state does not know:
	// without their values they have no price here.
	Lost int
}

// Text is the sentence beside a plan: "+$0.017/h, then $0.102/h on AWS; nothing in
// the sandbox".
func (c Change) Text(sandbox bool) string {
	before, after := c.Before.Hourly, c.After.Hourly
	switch {
	case before == 0 && after == 0 && c.Lost > 0:
		return "not known: Terraform's state has lost " + count(c.Lost, "resource")
	case before == 0 && after == 0:
		return "free: AWS charges nothing by the hour for these resources"
	}
	text := ""
	switch diff := after - before; {
	case before == 0:
		text = after.Rate()
	case diff == 0:
		text = "no change in cost, " + after.Rate()
	case diff > 0 && diff < Dollar/2000:
		text = "less than $0.001/h more, then " + after.Rate()
	case diff < 0 && -diff < Dollar/2000:
		text = "less than $0.001/h less, then " + after.Rate()
	case after == 0:
		text = diff.Rate() + ", then nothing"
	case diff > 0:
		text = "+" + diff.Rate() + ", then " + after.Rate()
	default:
		text = diff.Rate() + ", then " + after.Rate()
	}
	if c.Lost > 0 {
		text += ", without the " + count(c.Lost, "resource") + " that Terraform's state has lost"
	}
	if sandbox {
		return text + " on AWS; nothing in the sandbox"
	}
	return text
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if before, ok := strings.CutSuffix(what, "address"); ok {
		return strconv.Itoa(n) + " " + before + "addresses"
	}
	if rest, ok := strings.CutPrefix(what, "metric "); ok {
		return strconv.Itoa(n) + " metrics " + rest
	}
	return strconv.Itoa(n) + " " + what + "s"
}
