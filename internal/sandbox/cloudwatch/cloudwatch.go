// Package cloudwatch is the sandbox's CloudWatch: metrics that are measured from
// the tasks' processes and the load balancers that really run, and alarms over
// them.
//
// What it knows of time is more than AWS tells: beside the points of a minute
// (four hours of them) it keeps finer ones for a while, and a query with a period
// under 60 seconds gets those. Metrics live in memory and begin anew with the
// sandbox; alarms and their states are kept.
package cloudwatch

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/store"
	"workshop/internal/sandbox/wire"
)

// Timing is the service's part of the sandbox's speed.
type Timing struct {
	// Sample is how often tasks and load balancers are measured, and the
	// resolution of the finest points: whole seconds.
	Sample time.Duration
	// Minute is how long a minute lasts for alarms over what the sandbox measures:
	// Application Auto Scaling's alarms watch three minutes before they scale out
	// and fifteen before they scale in, which is long for a lesson. Sums are
	// extrapolated to a real minute, so that thresholds keep their meaning. Alarms
	// over metrics that somebody puts keep AWS's time.
	Minute time.Duration
	// Report is how often Container Insights writes its log events; AWS: a minute.
	Report time.Duration
}

// Real keeps AWS's feel, Fast is for tests.
var (
	Real = Timing{Sample: 5 * time.Second, Minute: 10 * time.Second, Report: time.Minute}
	Fast = Timing{Sample: time.Second, Minute: 2 * time.Second, Report: 5 * time.Second}
)

// CloudWatch is the service. Metrics have a lock of their own; alarms are behind
// the sandbox's. Exported methods say which they need.
type CloudWatch struct {
	account *account.Account
	timing  Timing
	sources Sources

	alarms  *store.Table[alarm] // by name
	due     map[string]time.Time
	history []types.AlarmHistoryItem // oldest first
	act     func(policyARN string, a types.MetricAlarm, value float64)

	mu     sync.RWMutex
	series map[string]*series
	forgot time.Time // when room was last made

	meter meter // of Run alone
}

// New opens the account's alarms.
func New(a *account.Account, t Timing, s Sources) (*CloudWatch, error) {
	c := &CloudWatch{
		account: a, timing: t, sources: s,
		due: map[string]time.Time{}, series: map[string]*series{},
		act: func(string, types.MetricAlarm, float64) {},
	}
	if err := store.OpenTable(a.Store, &c.alarms, "cloudwatch.alarm"); err != nil {
		return nil, err
	}
	return c, nil
}

// OnAlarm has act called for an alarm's action that is a scaling policy, at
// every evaluation that finds the alarm in the state ALARM, with the newest
// value. It is called with the sandbox's lock held. OnAlarm must be called
// before Run.
func (c *CloudWatch) OnAlarm(act func(policyARN string, a types.MetricAlarm, value float64)) {
	c.act = act
}

// Service returns the API, which speaks query, JSON and CBOR.
func (c *CloudWatch) Service() *wire.Service {
	s := &wire.Service{
		Name: "monitoring", Protocol: wire.Query, Version: "2010-08-01", RPC: "GraniteServiceVersion20100801",
		Namespace: "http://monitoring.amazonaws.com/doc/2010-08-01/", Casing: wire.Pascal,
		QueryCodes: map[string]string{
			"InvalidParameterValueException": "InvalidParameterValue", "InvalidParameterCombinationException": "InvalidParameterCombination",
			"MissingRequiredParameterException": "MissingParameter", "InvalidFormatFault": "InvalidFormat", "LimitExceededFault": "LimitExceeded",
		},
	}
	c.dataOperations(s)
	c.alarmOperations(s)
	s.Refuse("InvalidParameterValue", "PutMetricAlarm", "EvaluationCriteria", "EvaluationInterval", "ThresholdMetricId")
	s.Refuse("InvalidParameterValue", "PutMetricData", "EntityMetricData")
	s.Refuse("InvalidParameterValue", "GetMetricData", "LabelOptions")
	return s
}

// Run measures and evaluates until ctx ends. It must be called once, without the
// sandbox's lock.
func (c *CloudWatch) Run(ctx context.Context) {
	// Looking just after the end of each interval makes every one hold one sample.
	wait := func() time.Duration { return c.timing.Sample - time.Duration(time.Now().UnixNano())%c.timing.Sample }
	timer := time.NewTimer(wait())
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		c.tick(c.account.Now())
		timer.Reset(wait())
	}
}

// tick measures what the interval before now was like, then evaluates the
// alarms.
func (c *CloudWatch) tick(now time.Time) {
	c.measure(now)
	c.account.Store.Lock()
	defer c.account.Store.Unlock()
	c.evaluate(now)
}

func invalid(format string, args ...any) error {
	return wire.Errorf("InvalidParameterValueException", format, args...)
}

func combination(format string, args ...any) error {
	return wire.Errorf("InvalidParameterCombinationException", format, args...)
}

func required(name string) error {
	return wire.Errorf("MissingRequiredParameterException", "The parameter %s is required.", name)
}

func refused(format string, args ...any) error {
	return wire.Errorf("ValidationError", format, args...)
}

// measured reports whether a namespace is one that the sandbox fills itself.
func measured(namespace string) bool {
	return strings.HasPrefix(namespace, "AWS/") || namespace == insights
}
