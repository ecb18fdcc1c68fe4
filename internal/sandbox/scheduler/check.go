package scheduler

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
)

// principal is who takes on a schedule's role.
const principal = "scheduler.amazonaws.com"

// check holds a schedule to those of AWS's rules that the model does not have, and
// fills in the defaults.
func (s *Scheduler) check(v *schedule) error {
	if v.Zone == "" {
		v.Zone = "UTC"
	}
	if w := v.Window; w.Mode == types.FlexibleTimeWindowModeFlexible && w.MaximumWindowInMinutes == nil {
		return invalid("MaximumWindowInMinutes must be specified when FlexibleTimeWindow mode is FLEXIBLE.")
	} else if w.Mode == types.FlexibleTimeWindowModeOff && w.MaximumWindowInMinutes != nil {
		return invalid("MaximumWindowInMinutes must not be specified when FlexibleTimeWindow mode is OFF.")
	}
	zone, err := location(v.Zone)
	if err != nil {
		return invalid("Invalid Schedule Expression Timezone %s.", v.Zone)
	}
	e, err := parse(v.Expression, zone)
	// AWS takes no time that has passed.
	if err != nil || e.once && !e.at.After(s.now()) {
		return invalid("Invalid Schedule Expression %s.", v.Expression)
	}
	if v.Start != nil && !e.once && v.Start.Before(s.now().Add(-5*time.Minute)) {
		return invalid("The StartDate you specify cannot be earlier than 5 minutes ago.")
	}
	if v.Start != nil && v.End != nil && !v.End.After(*v.Start) {
		return invalid("The EndDate you specify must come after the StartDate.")
	}
	if err := s.target(v); err != nil {
		return err
	}
	if v.State == "" {
		v.State = types.ScheduleStateEnabled
	}
	if v.After == "" {
		v.After = types.ActionAfterCompletionNone
	}
	return s.known(v.Group)
}

// target holds a schedule's target to AWS's rules and fills in its defaults.
func (s *Scheduler) target(v *schedule) error {
	t := *v.Target
	v.Target = &t
	f := strings.SplitN(*t.Arn, ":", 6) // arn:partition:service:region:account:resource
	if len(f) != 6 || f[0] != "arn" || f[2] == "" || f[5] == "" {
		return invalid("Provided Arn is not in correct format.")
	}
	if f[2] == "scheduler" {
		if _, _, ok := universal(*t.Arn); !ok {
			return invalid("scheduler is not a supported service for a target.")
		}
		if t.Input != nil && !json.Valid([]byte(*t.Input)) {
			return invalid("Provided Input is not a valid JSON.")
		}
	}
	if doc, ok := s.roles.Trust(*t.RoleArn); !ok || !trusts(doc, principal) {
		return invalid("The execution role you provide must allow AWS EventBridge Scheduler to assume the role.")
	}
	retry := types.RetryPolicy{MaximumEventAgeInSeconds: aws.Int32(86400), MaximumRetryAttempts: aws.Int32(185)}
	if r := t.RetryPolicy; r != nil {
		if r.MaximumEventAgeInSeconds != nil {
			retry.MaximumEventAgeInSeconds = r.MaximumEventAgeInSeconds
		}
		if r.MaximumRetryAttempts != nil {
			retry.MaximumRetryAttempts = r.MaximumRetryAttempts
		}
	}
	t.RetryPolicy = &retry
	return nil
}

// universal returns the service and operation, as the SDKs name them, of a
// universal target.
func universal(arn string) (service, operation string, ok bool) {
	rest, ok := strings.CutPrefix(arn, "arn:aws:scheduler:::aws-sdk:")
	service, operation, found := strings.Cut(rest, ":")
	return service, operation, ok && found && service != "" && operation != ""
}

// trusts reports whether a trust policy lets a service assume its role. Its
// conditions are not evaluated, as no policy is in the sandbox.
func trusts(document, service string) bool {
	var d struct{ Statement json.RawMessage }
	if json.Unmarshal([]byte(document), &d) != nil {
		return false
	}
	type statement struct {
		Effect    string
		Principal json.RawMessage
	}
	var all []statement
	if json.Unmarshal(d.Statement, &all) != nil {
		var one statement
		if json.Unmarshal(d.Statement, &one) != nil {
			return false
		}
		all = []statement{one}
	}
	for _, st := range all {
		var p struct{ Service json.RawMessage }
		if st.Effect != "Allow" || json.Unmarshal(st.Principal, &p) != nil {
			continue
		}
		var list []string
		var one string
		if json.Unmarshal(p.Service, &list) == nil && slices.Contains(list, service) || json.Unmarshal(p.Service, &one) == nil && one == service {
			return true
		}
	}
	return false
}

// expression is a schedule expression; at is set for one that is once.
type expression struct {
	once bool
	at   time.Time
}

// location finds a time zone. UTC needs no database of zones.
func location(name string) (*time.Location, error) {
	if name == "Local" { // Go's own name for the machine's zone
		return nil, fmt.Errorf("unknown time zone %s", name)
	}
	return time.LoadLocation(name)
}

// parse reads a schedule expression, as the user guide of EventBridge Scheduler
// has it in "Schedule types".
func parse(text string, zone *time.Location) (expression, error) {
	kind, rest, ok := strings.Cut(text, "(")
	body, closed := strings.CutSuffix(rest, ")")
	if !ok || !closed {
		return expression{}, fmt.Errorf("%q is neither at(), rate() nor cron()", text)
	}
	switch kind {
	case "at":
		at, err := time.ParseInLocation("2006-01-02T15:04:05", body, zone)
		if err == nil && len(body) != len("2006-01-02T15:04:05") {
			err = fmt.Errorf("%q is not of the form yyyy-mm-ddThh:mm:ss", body)
		}
		return expression{once: true, at: at.UTC()}, err
	case "rate":
		value, unit, _ := strings.Cut(body, " ")
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || !slices.Contains([]string{"minute", "minutes", "hour", "hours", "day", "days"}, unit) {
			return expression{}, fmt.Errorf("%q is no rate", body)
		}
		return expression{}, nil
	case "cron":
		return expression{}, checkCron(strings.Fields(body))
	}
	return expression{}, fmt.Errorf("%q is neither at(), rate() nor cron()", text)
}

var (
	months = []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	days   = []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}
)

// cronFields are minutes, hours, day of month, month, day of week and year.
// Letters are those that a field may have beside numbers.
var cronFields = []struct {
	least, most int
	names       []string
	last        bool // L and W or #
}{
	{0, 59, nil, false}, {0, 23, nil, false}, {1, 31, nil, true}, {1, 12, months, false}, {1, 7, days, true}, {1970, 2199, nil, false},
}

func checkCron(f []string) error {
	if len(f) != len(cronFields) {
		return fmt.Errorf("a cron expression has %d fields, not %d", len(cronFields), len(f))
	}
	if (f[2] == "?") == (f[4] == "?") {
		return fmt.Errorf("one of the day of the month and the day of the week must be ?")
	}
	for i, field := range f {
		if field == "?" && (i == 2 || i == 4) {
			continue
		}
		for part := range strings.SplitSeq(field, ",") {
			if !cronPart(i, part) {
				return fmt.Errorf("%q has no place in field %d of a cron expression", part, i+1)
			}
		}
	}
	return nil
}

// cronPart reports whether one part of a field is in order: *, a value, a range,
// either with a step, or the last, nearest or n-th day.
func cronPart(field int, part string) bool {
	c := cronFields[field]
	value := func(s string) (int, bool) {
		if i := slices.Index(c.names, strings.ToUpper(s)); i >= 0 {
			return i + 1, true
		}
		n, err := strconv.Atoi(s)
		return n, err == nil && n >= c.least && n <= c.most && s[0] != '+'
	}
	if c.last {
		if part == "L" || part == "LW" && field == 2 {
			return true
		}
		if day, nth, ok := strings.Cut(part, "#"); ok && field == 4 {
			n, err := strconv.Atoi(nth)
			_, known := value(day)
			return known && err == nil && n >= 1 && n <= 5
		}
		for suffix, in := range map[string]int{"W": 2, "L": 4} {
			if day, ok := strings.CutSuffix(part, suffix); ok && field == in {
				_, known := value(day)
				return known
			}
		}
	}
	span, step, stepped := strings.Cut(part, "/")
	if n, err := strconv.Atoi(step); stepped && (err != nil || n < 1) {
		return false
	}
	if span == "*" {
		return true
	}
	from, to, ranged := strings.Cut(span, "-")
	a, ok := value(from)
	if !ranged {
		return ok
	}
	b, known := value(to)
	return ok && known && a <= b
}
