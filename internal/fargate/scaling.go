package fargate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	scaling "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	scalingtypes "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"workshop/internal/clean"
	"workshop/internal/diagnose"
)

// Scaling is what Application Auto Scaling does with a service. It is immutable.
type Scaling struct {
	AsOf time.Time `json:"as_of"`
	// Scalable reports whether the service is a scalable target. Without one nothing
	// scales it, and all that follows is empty.
	Scalable   bool              `json:"scalable"`
	Min        int               `json:"min"`
	Max        int               `json:"max"`
	Suspended  []string          `json:"suspended,omitempty"` // "scale-in", "scale-out", "scheduled scaling": what is switched off
	Policies   []ScalingPolicy   `json:"policies"`
	Activities []ScalingActivity `json:"activities"` // newest first, of the last ones
	// Unknown are the parts that AWS did not let us see, or did not answer for.
	Unknown []ScalingGap `json:"unknown,omitempty"`
}

// ScalingPolicy is a rule by which a service is scaled.
type ScalingPolicy struct {
	Name   string `json:"name"`
	Type   string `json:"type"`   // TargetTrackingScaling, StepScaling or PredictiveScaling
	Metric string `json:"metric"` // what is tracked, as AWS names it; empty without target tracking
	// Target is the value that target tracking holds the metric at; 0 without one.
	Target float64 `json:"target"`
	// Value is the metric's newest value, and At the beginning of its minute; nil where it is
	// not known. It is known of the service's average CPU and memory.
	Value *float64   `json:"value,omitempty"`
	At    *time.Time `json:"value_at,omitempty"`
	// Cooldowns are in seconds; nil where AWS's default holds, 300.
	OutCooldown *int           `json:"scale_out_cooldown,omitempty"`
	InCooldown  *int           `json:"scale_in_cooldown,omitempty"`
	NoScaleIn   bool           `json:"scale_in_disabled,omitempty"`
	Alarms      []ScalingAlarm `json:"alarms"`
}

// ScalingAlarm is the CloudWatch alarm that starts a policy.
type ScalingAlarm struct {
	Name       string    `json:"name"`
	State      string    `json:"state"` // OK, ALARM, INSUFFICIENT_DATA; empty where unknown
	Since      time.Time `json:"since"`
	Comparison string    `json:"comparison"` // as CloudWatch names it, such as GreaterThanThreshold
	Threshold  float64   `json:"threshold"`
	Window     int       `json:"window"` // seconds for which the metric has to be past the threshold
	Reason     string    `json:"reason"`
}

// ScalingActivity is one attempt to change the number of tasks.
type ScalingActivity struct {
	ID          string     `json:"id"`
	Status      string     `json:"status"` // Successful, InProgress, Failed...
	Description string     `json:"description"`
	Cause       string     `json:"cause"`
	Message     string     `json:"message,omitempty"`
	Started     time.Time  `json:"started"`
	Ended       *time.Time `json:"ended,omitempty"`
	NotScaled   []string   `json:"not_scaled,omitempty"` // why nothing was changed, as codes: AlreadyAtMaxCapacity...
}

// ScalingGap is a part of the scaling that is not known, and why.
type ScalingGap struct {
	Part string `json:"part"` // what was asked for: "limits", "policies", "alarms", "activities"
	Err  string `json:"error"`
}

// The predefined metrics that a service's own figures tell, both in percent.
const (
	metricCPU    = string(scalingtypes.MetricTypeECSServiceAverageCPUUtilization)
	metricMemory = string(scalingtypes.MetricTypeECSServiceAverageMemoryUtilization)
)

// MetricInWords is what a policy tracks, as a person would say it.
func (p ScalingPolicy) MetricInWords() string {
	switch p.Metric {
	case metricCPU:
		return "CPU"
	case metricMemory:
		return "memory"
	case string(scalingtypes.MetricTypeALBRequestCountPerTarget):
		return "requests per target a minute"
	}
	return p.Metric
}

// Unit is the unit of the policy's metric, empty for a number.
func (p ScalingPolicy) Unit() string {
	if p.Metric == metricCPU || p.Metric == metricMemory {
		return "%"
	}
	return ""
}

// Short is the alarm's name without what makes it unique: the alarms of target tracking are
// "TargetTracking-service/CLUSTER/NAME-AlarmHigh-UUID".
func (a ScalingAlarm) Short() string {
	for _, kind := range []string{"AlarmHigh", "AlarmLow"} {
		if strings.Contains(a.Name, "-"+kind+"-") {
			return kind
		}
	}
	return a.Name
}

// Above reports whether the alarm is about values above its threshold.
func (a ScalingAlarm) Above() bool { return strings.HasPrefix(a.Comparison, "GreaterThan") }

var desiredCount = regexp.MustCompile(`(?i)desired count to ([0-9]{1,9})\b`)

// To is the number of tasks that the activity asked for; empty where its description names
// none.
func (a ScalingActivity) To() string {
	if m := desiredCount.FindStringSubmatch(a.Description); m != nil {
		return m[1]
	}
	return ""
}

// notScaled are the reasons for which an alarm changed nothing (NotScaledReason in the API
// reference of Application Auto Scaling).
var notScaled = map[string]string{
	"AutoScalingAnticipatedFlapping":       "it would have been undone soon",
	"TargetServicePutResourceAsUnscalable": "ECS does not let the service be scaled",
	"AlreadyAtMaxCapacity":                 "already at the maximum",
	"AlreadyAtMinCapacity":                 "already at the minimum",
	"AlreadyAtDesiredCapacity":             "already at the number that is needed",
}

// Unscaled says why the activity changed nothing; empty where it did, or was to.
func (a ScalingActivity) Unscaled() string {
	var why []string
	for _, code := range a.NotScaled {
		why = append(why, cmp.Or(notScaled[code], code))
	}
	return strings.Join(why, ", ")
}

// Asks reports whether the alarm asks for other tasks than there are: an alarm for few
// tasks is in ALARM all the time while a service at its minimum has little to do.
func (a ScalingAlarm) Asks(s Scaling, desired int) bool {
	return a.State == string(cwtypes.StateValueAlarm) && (a.Above() && desired < s.Max || !a.Above() && desired > s.Min)
}

var alarmNamed = regexp.MustCompile(`^monitor alarm (.+) in state ([A-Z_]+) triggered policy (.+)$`)

// CauseInWords is the cause without what makes an alarm's name unique.
func (a ScalingActivity) CauseInWords() string {
	if m := alarmNamed.FindStringSubmatch(a.Cause); m != nil {
		return fmt.Sprintf("%s was in %s (policy %s)", ScalingAlarm{Name: m[1]}.Short(), m[2], m[3])
	}
	return a.Cause
}

// Wants is how many tasks would bring the metric of target tracking to its target: those
// that were there times value ÷ target, rounded up ("Target tracking scaling policies" in the
// user guide of Application Auto Scaling). ok is false unless the policy asks for more tasks
// and every figure is about the present number of them: scaling in is more careful than this,
// and a value from before the last change would count tasks twice.
func (s Scaling) Wants(p ScalingPolicy, desired int) (exact float64, n int, ok bool) {
	if p.Target <= 0 || p.Value == nil || p.At == nil || *p.Value <= p.Target || desired == 0 {
		return 0, 0, false
	}
	if len(s.Activities) > 0 {
		last := s.Activities[0]
		if last.Ended == nil && len(last.NotScaled) == 0 || last.Ended != nil && p.At.Before(*last.Ended) && len(last.NotScaled) == 0 {
			return 0, 0, false
		}
	}
	exact = float64(desired) * *p.Value / p.Target
	return exact, int(min(math.Ceil(exact-1e-9), math.MaxInt32)), true
}

// targetOf is the value at which target tracking holds one of the service's own figures,
// in percent; 0 where it holds none.
func (s *Scaling) targetOf(metric string) float64 {
	if s == nil {
		return 0
	}
	for _, p := range s.Policies {
		if p.Metric == metric {
			return p.Target
		}
	}
	return 0
}

// CPUTarget is the average CPU in percent that a policy holds; 0 for none.
func (s *Scaling) CPUTarget() float64 { return s.targetOf(metricCPU) }

// MemoryTarget is the average memory in percent that a policy holds; 0 for none.
func (s *Scaling) MemoryTarget() float64 { return s.targetOf(metricMemory) }

// with returns the scaling with the values that the service's figures tell.
func (s *Scaling) with(u *ServiceUsage) *Scaling {
	if s == nil {
		return nil
	}
	out := *s
	out.Policies = slices.Clone(s.Policies)
	for i := range out.Policies {
		p := &out.Policies[i]
		p.Value, p.At = nil, nil
		if u == nil {
			continue
		}
		switch p.Metric {
		case metricCPU:
			p.Value, p.At = aws.Float64(u.CPU), aws.Time(u.At)
		case metricMemory:
			p.Value, p.At = aws.Float64(u.Memory), aws.Time(u.At)
		}
	}
	return &out
}

// How often Application Auto Scaling and the alarms are asked. A steady service is asked
// about by two calls a minute: one for the alarms, and one for the limits, the policies and
// the activities in turn.
const (
	scalingEvery   = time.Minute
	scalingClosely = 15 * time.Second // while something changes, for everything
	scalingFreely  = 3 * time.Second  // where nobody counts the requests, for everything
	scalingRefused = 10 * time.Minute // after a refusal: the right to ask may be missing

	scalingTimeout    = 5 * time.Second
	activitiesAsked   = 10
	scalingDimension  = scalingtypes.ScalableDimensionECSServiceDesiredCount
	scalingNamespace  = scalingtypes.ServiceNamespaceEcs
	scalingPartsLimit = 20 // policies and alarms that are looked at
)

// The parts of what is asked for.
const (
	partLimits     = "limits"
	partPolicies   = "policies"
	partAlarms     = "alarms"
	partActivities = "activities"
)

// scalingReader asks for a service's scaling, a part at a time.
type scalingReader struct {
	wanted  atomic.Bool // somebody looks at it
	known   Scaling
	asked   bool                 // known is an answer
	next    time.Time            // when to ask again
	turn    int                  // of the parts that take turns
	desired int                  // tasks of the service, when it was asked last
	refused map[string]time.Time // by part, until when it is not asked for
	alarms  map[string]ScalingAlarm
}

// due reports whether it is time to ask, and how soon after the last time: 0 for a steady
// service. A change brings the next question forward, and one of the number of tasks has an
// alarm or an activity behind it that is asked for at once.
func (r *scalingReader) due(now time.Time, desired int, changing, free bool) (yes bool, every time.Duration) {
	switch {
	case !r.wanted.Load():
		return false, 0
	case free:
		every = scalingFreely
	case changing || r.asked && desired != r.desired:
		every = scalingClosely
	}
	if r.known.Scalable && every > 0 && r.next.Sub(now) > every {
		r.next = now.Add(every)
	}
	if r.known.Scalable && desired != r.desired {
		r.next = now
	}
	r.desired = desired
	return !now.Before(r.next), every
}

// read asks: one call for a service that nothing scales, four at first and where every says
// how soon it asks again, else two. It returns what is known then; failures are part of that.
func (r *scalingReader) read(ctx context.Context, c *Clients, ref Ref, now time.Time, every time.Duration) *Scaling {
	ctx, cancel := context.WithTimeout(ctx, scalingTimeout)
	defer cancel()
	r.next = now.Add(scalingEvery)
	if every > 0 && r.known.Scalable {
		r.next = now.Add(every)
	}
	if r.refused == nil {
		r.refused = map[string]time.Time{}
	}
	turns := []string{partLimits, partPolicies, partActivities}
	hidden := now.Before(r.refused[partLimits])
	all := every > 0 || !r.asked || !r.known.Scalable && !hidden
	part := func(name string, ask func() error) {
		if !all && name != partAlarms && turns[r.turn%len(turns)] != name || now.Before(r.refused[name]) {
			return
		}
		err := ask()
		r.known.Unknown = slices.DeleteFunc(slices.Clone(r.known.Unknown), func(g ScalingGap) bool { return g.Part == name })
		delete(r.refused, name)
		if err == nil || errors.Is(ctx.Err(), context.Canceled) {
			return
		}
		err = diagnose.Explain("read the scaling's "+name, err)
		if errors.Is(err, diagnose.ErrDenied) {
			r.refused[name] = now.Add(scalingRefused)
		}
		r.known.Unknown = append(r.known.Unknown, ScalingGap{Part: name, Err: clean.Line(err.Error())})
	}
	id := "service/" + ref.Cluster + "/" + ref.Service
	part(partLimits, func() error { return r.readLimits(ctx, c, id) })
	if r.known.Scalable || now.Before(r.refused[partLimits]) { // who may not see the limits may see the rest
		part(partPolicies, func() error { return r.readPolicies(ctx, c, id) })
		part(partActivities, func() error { return r.readActivities(ctx, c, id) })
		if len(r.alarmNames()) > 0 {
			part(partAlarms, func() error { return r.readAlarms(ctx, c) })
		}
	}
	r.turn++
	r.asked, r.known.AsOf = true, now
	out := r.known
	out.Policies = make([]ScalingPolicy, len(r.known.Policies))
	for i, p := range r.known.Policies {
		p.Alarms = slices.Clone(p.Alarms)
		for j, a := range p.Alarms {
			if known, ok := r.alarms[a.Name]; ok {
				p.Alarms[j] = known
			}
		}
		out.Policies[i] = p
	}
	return &out
}

func (r *scalingReader) readLimits(ctx context.Context, c *Clients, id string) error {
	out, err := c.scaling.DescribeScalableTargets(ctx, &scaling.DescribeScalableTargetsInput{
		ServiceNamespace: scalingNamespace, ResourceIds: []string{id}, ScalableDimension: scalingDimension,
	})
	if err != nil {
		return err
	}
	if len(out.ScalableTargets) == 0 {
		r.known = Scaling{}
		return nil
	}
	t := out.ScalableTargets[0]
	r.known.Scalable, r.known.Min, r.known.Max = true, int(aws.ToInt32(t.MinCapacity)), int(aws.ToInt32(t.MaxCapacity))
	r.known.Suspended = nil
	if s := t.SuspendedState; s != nil {
		for _, x := range []struct {
			off  *bool
			name string
		}{{s.DynamicScalingOutSuspended, "scale-out"}, {s.DynamicScalingInSuspended, "scale-in"}, {s.ScheduledScalingSuspended, "scheduled scaling"}} {
			if aws.ToBool(x.off) {
				r.known.Suspended = append(r.known.Suspended, x.name)
			}
		}
	}
	return nil
}

func (r *scalingReader) readPolicies(ctx context.Context, c *Clients, id string) error {
	out, err := c.scaling.DescribeScalingPolicies(ctx, &scaling.DescribeScalingPoliciesInput{
		ServiceNamespace: scalingNamespace, ResourceId: &id, ScalableDimension: scalingDimension, MaxResults: aws.Int32(scalingPartsLimit),
	})
	if err != nil {
		return err
	}
	var policies []ScalingPolicy
	for _, p := range out.ScalingPolicies {
		one := ScalingPolicy{Name: clean.Line(aws.ToString(p.PolicyName)), Type: string(p.PolicyType), Alarms: []ScalingAlarm{}}
		if t := p.TargetTrackingScalingPolicyConfiguration; t != nil {
			one.Target, one.NoScaleIn = aws.ToFloat64(t.TargetValue), aws.ToBool(t.DisableScaleIn)
			one.OutCooldown, one.InCooldown = seconds(t.ScaleOutCooldown), seconds(t.ScaleInCooldown)
			switch {
			case t.PredefinedMetricSpecification != nil:
				one.Metric = string(t.PredefinedMetricSpecification.PredefinedMetricType)
			case t.CustomizedMetricSpecification != nil:
				one.Metric = clean.Line(cmp.Or(aws.ToString(t.CustomizedMetricSpecification.MetricName), "metric math"))
			}
		}
		if s := p.StepScalingPolicyConfiguration; s != nil {
			one.OutCooldown = seconds(s.Cooldown)
			one.InCooldown = one.OutCooldown
		}
		for _, a := range p.Alarms {
			one.Alarms = append(one.Alarms, ScalingAlarm{Name: clean.Line(aws.ToString(a.AlarmName))})
		}
		policies = append(policies, one)
	}
	slices.SortStableFunc(policies, func(a, b ScalingPolicy) int { return cmp.Compare(a.Name, b.Name) })
	r.known.Policies = policies
	return nil
}

func seconds(n *int32) *int {
	if n == nil {
		return nil
	}
	return aws.Int(int(*n))
}

func (r *scalingReader) alarmNames() []string {
	var names []string
	for _, p := range r.known.Policies {
		for _, a := range p.Alarms {
			names = append(names, a.Name)
		}
	}
	return names[:min(len(names), scalingPartsLimit)]
}

func (r *scalingReader) readAlarms(ctx context.Context, c *Clients) error {
	out, err := c.cloudwatch.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{
		AlarmNames: r.alarmNames(), AlarmTypes: []cwtypes.AlarmType{cwtypes.AlarmTypeMetricAlarm},
	})
	if err != nil {
		return err
	}
	r.alarms = map[string]ScalingAlarm{}
	for _, a := range out.MetricAlarms {
		name := clean.Line(aws.ToString(a.AlarmName))
		r.alarms[name] = ScalingAlarm{
			Name: name, State: string(a.StateValue), Reason: clean.Line(aws.ToString(a.StateReason)),
			Since:      aws.ToTime(cmp.Or(a.StateTransitionedTimestamp, a.StateUpdatedTimestamp)),
			Comparison: string(a.ComparisonOperator), Threshold: aws.ToFloat64(a.Threshold),
			Window: int(aws.ToInt32(a.Period)) * int(aws.ToInt32(a.EvaluationPeriods)),
		}
	}
	return nil
}

func (r *scalingReader) readActivities(ctx context.Context, c *Clients, id string) error {
	out, err := c.scaling.DescribeScalingActivities(ctx, &scaling.DescribeScalingActivitiesInput{
		ServiceNamespace: scalingNamespace, ResourceId: &id, ScalableDimension: scalingDimension,
		MaxResults: aws.Int32(activitiesAsked), IncludeNotScaledActivities: aws.Bool(true),
	})
	if err != nil {
		return err
	}
	activities := []ScalingActivity{}
	for _, a := range out.ScalingActivities {
		one := ScalingActivity{
			ID: aws.ToString(a.ActivityId), Status: string(a.StatusCode), Description: clean.Line(aws.ToString(a.Description)),
			Cause: clean.Line(aws.ToString(a.Cause)), Message: clean.Line(aws.ToString(a.StatusMessage)),
			Started: aws.ToTime(a.StartTime), Ended: a.EndTime,
		}
		for _, n := range a.NotScaledReasons {
			one.NotScaled = append(one.NotScaled, clean.Line(aws.ToString(n.Code)))
		}
		activities = append(activities, one)
	}
	slices.SortStableFunc(activities, func(a, b ScalingActivity) int { return b.Started.Compare(a.Started) })
	r.known.Activities = activities
	return nil
}

// ReadScaling asks once for what scales a service, with the present value of what is tracked:
// one call for a service that nothing scales, else up to five. What AWS refuses is part of
// the answer.
func ReadScaling(ctx context.Context, c *Clients, ref Ref) *Scaling {
	var r scalingReader
	now := time.Now().UTC()
	s := r.read(ctx, c, ref, now, 0)
	if s.CPUTarget() == 0 && s.MemoryTarget() == 0 {
		return s
	}
	u := usageReader{found: true} // of the load balancer nothing is needed
	_, service, _ := u.read(ctx, c, ref, nil, now, false)
	return s.with(service)
}
