// Package cost estimates what a stack costs an hour on AWS, and has cost so
// far. It is an estimate from list prices: it leaves out taxes, free tiers,
// discounts and traffic, and says so.
package cost

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
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

// Rate gives an hourly rate to a tenth of a cent: "$0.045/h".
func (m Money) Rate() string { return m.text(3) + "/h" }

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
	Logs          Kind = "logs"
	Metrics       Kind = "container metrics"
)

// Item is one kind of thing that runs.
type Item struct {
	Kind   Kind
	Count  int
	CPU    int // of a task, in CPU units; 1024 is one vCPU
	Memory int // of a task, in MiB
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
}

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
		case Task:
			l.What += fmt.Sprintf(" (%s vCPU, %d MiB)", strconv.FormatFloat(float64(item.CPU)/1024, 'f', -1, 64), item.Memory)
			l.Hourly = n * (Money(item.CPU)*p.vcpu + Money(item.Memory)*p.gb) / 1024
		case Logs:
			e.note("Logs cost about $0.50 for each GB written: cents, for a workshop.")
		case Metrics:
			e.note("Container Insights costs cents a day for a service of this size.")
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

// SoFar is what it has cost after running for d. Load balancers and NAT
// gateways are charged for each hour begun, the rest by the second with a
// minute at least.
func (e Estimate) SoFar(d time.Duration) Money {
	if d <= 0 {
		return 0
	}
	var sum Money
	for _, l := range e.Lines {
		if l.Hours {
			sum += l.Hourly * Money((d+time.Hour-1)/time.Hour)
			continue
		}
		sum += l.Hourly * Money(max(d, time.Minute)/time.Second) / 3600
	}
	return sum
}

// Bill is the sentence of a receipt: "about $0.04 (an estimate)" on AWS, and in
// the sandbox what it would have been.
func (e Estimate) Bill(d time.Duration, sandbox bool) string {
	if sandbox {
		return fmt.Sprintf("%s in the sandbox (on AWS this would have been about %s)", Money(0), e.SoFar(d))
	}
	return fmt.Sprintf("about %s (an estimate from list prices; AWS bills later)", e.SoFar(d))
}

// PerHourText is the sentence before a deployment: "$0.045/h on AWS, nothing in
// the sandbox".
func (e Estimate) PerHourText(sandbox bool) string {
	if sandbox {
		return e.Hourly.Rate() + " on AWS, nothing in the sandbox"
	}
	return "about " + e.Hourly.Rate() + ", as long as it runs"
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if before, ok := strings.CutSuffix(what, "address"); ok {
		return strconv.Itoa(n) + " " + before + "addresses"
	}
	return strconv.Itoa(n) + " " + what + "s"
}
