package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sched "github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/smithy-go"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/sandboxtest"
	"workshop/internal/sandbox/store"
	"workshop/internal/sandbox/wire"
)

const role = "arn:aws:iam::000000000000:role/schedules"

// documents are the trust policies of roles, by ARN.
type documents map[string]string

func (d documents) Trust(arn string) (string, bool) {
	doc, ok := d[arn]
	return doc, ok
}

var roles = documents{
	role:            `{"Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"scheduler.amazonaws.com"}}]}`,
	role + "-other": `{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":["ecs-tasks.amazonaws.com"]}}}`,
}

// calls are what was asked of the other services.
type calls struct {
	mu   sync.Mutex
	made []string
	fail []error // of the next calls
}

func (c *calls) Invoke(_ context.Context, service, operation string, input []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made = append(c.made, fmt.Sprintf("%s %s %s", service, operation, input))
	if len(c.fail) == 0 {
		return nil
	}
	err := c.fail[0]
	c.fail = c.fail[1:]
	return err
}

func (c *calls) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.made)
}

func open(t *testing.T, a *account.Account) *Scheduler {
	t.Helper()
	s, err := New(a, Timing{time.Second}, roles, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run runs a scheduler until stop is called.
func run(t *testing.T, s *Scheduler, c *calls) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { s.Run(ctx, c) })
	return func() {
		cancel()
		wg.Wait()
	}
}

func input(name, expression string) *sched.CreateScheduleInput {
	return &sched.CreateScheduleInput{
		Name: &name, ScheduleExpression: &expression, FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
		Target: &types.Target{Arn: aws.String("arn:aws:scheduler:::aws-sdk:ecs:updateService"), RoleArn: aws.String(role), Input: aws.String(`{"DesiredCount":0}`)},
	}
}

func at(t time.Time) string { return t.UTC().Format("at(2006-01-02T15:04:05)") }

// locked calls an operation as the server does.
func locked[In, Out any](s *Scheduler, h func(context.Context, *In) (*Out, error), in *In) (*Out, error) {
	s.account.Store.Lock()
	defer s.account.Store.Unlock()
	return h(context.Background(), in)
}

func TestFires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, sandboxtest.Account(t))
		c := &calls{}
		defer run(t, s, c)()
		start := time.Now()
		must := func(in *sched.CreateScheduleInput) {
			t.Helper()
			if _, err := locked(s, s.create, in); err != nil {
				t.Fatal(err)
			}
		}
		second := input("second", at(start.Add(2*time.Hour)))
		second.ActionAfterCompletion = types.ActionAfterCompletionDelete
		second.Target.Arn = aws.String("arn:aws:scheduler:::aws-sdk:applicationautoscaling:registerScalableTarget")
		second.Target.Input = aws.String(`{"MinCapacity":0}`)
		must(second)
		must(input("first", at(start.Add(time.Hour))))
		off := input("off", at(start.Add(time.Hour)))
		off.State = types.ScheduleStateDisabled
		must(off)
		must(input("recurring", "rate(1 minute)"))
		zoned := input("zoned", "at("+start.UTC().Add(-2*time.Hour).Format("2006-01-02T15:04:05")+")")
		zoned.ScheduleExpressionTimezone = aws.String("America/New_York") // four or five hours behind UTC
		must(zoned)

		time.Sleep(time.Hour - time.Second)
		if got := c.all(); len(got) != 0 {
			t.Fatalf("called early: %q", got)
		}
		time.Sleep(2 * time.Second)
		want := []string{`ecs UpdateService {"DesiredCount":0}`}
		if got := c.all(); !slices.Equal(got, want) {
			t.Fatalf("called %q, want %q", got, want)
		}
		time.Sleep(time.Hour)
		want = append(want, `application-autoscaling RegisterScalableTarget {"MinCapacity":0}`)
		if got := c.all(); !slices.Equal(got, want) {
			t.Fatalf("called %q, want %q", got, want)
		}
		time.Sleep(10 * time.Hour)
		if got := c.all(); len(got) != 3 {
			t.Errorf("one-time schedules and one in another zone called %q", got)
		}
		if _, err := locked(s, s.get, &sched.GetScheduleInput{Name: aws.String("first")}); err != nil {
			t.Errorf("a schedule that is kept after its time: %v", err)
		}
		if _, err := locked(s, s.get, &sched.GetScheduleInput{Name: aws.String("second")}); code(err) != "ResourceNotFoundException" {
			t.Errorf("a schedule that is to be deleted after its time: %v", err)
		}
	})
}

// TestFiresAfterAbsence opens a journal anew after the time of a schedule.
func TestFiresAfterAbsence(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	reopen := func() (*Scheduler, *store.Store) {
		t.Helper()
		st, err := store.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		return open(t, &account.Account{Region: "eu-west-1", Store: st, Now: func() time.Time { return now }}), st
	}
	c := &calls{}
	s, st := reopen()
	for i, name := range []string{"b", "a"} {
		if _, err := locked(s, s.create, input(name, at(now.Add(time.Duration(2-i)*time.Hour)))); err != nil {
			t.Fatal(err)
		}
	}
	s.fire(t.Context(), c)
	if err := st.Close(); err != nil || len(c.all()) != 0 {
		t.Fatal(err, c.all())
	}
	now = now.Add(24 * time.Hour)
	s, st = reopen()
	s.fire(t.Context(), c)
	s.fire(t.Context(), c)
	if got := c.all(); len(got) != 2 {
		t.Errorf("after an absence %q was called", got)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	s, st = reopen()
	s.fire(t.Context(), c)
	if got := c.all(); len(got) != 2 {
		t.Errorf("after another start %q was called", got)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestFailures(t *testing.T) {
	fault := &wire.Error{Code: "InternalFailure", Message: "no", Status: http.StatusInternalServerError}
	for _, c := range []struct {
		name   string
		change func(*types.Target)
		fail   []error
		calls  int
		failed string
	}{
		{"the target's fault", nil, []error{&wire.Error{Code: "ServiceNotFoundException", Message: "Service not found.", Status: 400}}, 1, "Service not found."},
		{"the sandbox's fault", nil, []error{fault, fault}, 3, ""},
		{"no second call", func(t *types.Target) { t.RetryPolicy = &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(0)} }, []error{fault}, 1, "InternalFailure: no"},
		{"too late", func(t *types.Target) { t.RetryPolicy = &types.RetryPolicy{MaximumEventAgeInSeconds: aws.Int32(60)} }, slices.Repeat([]error{fault}, 100), 7, "InternalFailure: no"},
		{"another service", func(t *types.Target) { t.Arn = aws.String("arn:aws:scheduler:::aws-sdk:s3:deleteBucket") }, nil, 0, "cannot call"},
		{"a templated target", func(t *types.Target) { t.Arn = aws.String("arn:aws:lambda:eu-west-1:000000000000:function:f") }, nil, 0, "cannot call"},
		{"a small letter", func(t *types.Target) { t.Input = aws.String(`{"desiredCount":0}`) }, nil, 0, "no parameter desiredCount"},
		{"no structure", func(t *types.Target) { t.Input = aws.String(`[]`) }, nil, 0, "not a JSON structure"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, sandboxtest.Account(t))
				in := input("s", at(time.Now().Add(time.Minute)))
				if c.change != nil {
					c.change(in.Target)
				}
				if _, err := locked(s, s.create, in); err != nil {
					t.Fatal(err)
				}
				made := &calls{fail: c.fail}
				defer run(t, s, made)()
				time.Sleep(time.Hour)
				s.account.Store.Lock()
				defer s.account.Store.Unlock()
				v, _ := s.schedules.Get("default/s")
				if got := len(made.all()); got != c.calls || !v.Done || !strings.Contains(v.Failure, c.failed) || c.failed == "" && v.Failure != "" {
					t.Errorf("%d calls, done %v, failure %q; want %d, %q", got, v.Done, v.Failure, c.calls, c.failed)
				}
			})
		})
	}
}

// TestChangedWhileItIsCalled holds that what a call ends with is not noted on a
// schedule that has another time by then.
func TestChangedWhileItIsCalled(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	a := sandboxtest.Account(t)
	a.Now = func() time.Time { return now }
	s := open(t, a)
	if _, err := locked(s, s.create, input("s", at(now.Add(time.Minute)))); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	v, ok := s.due()
	if !ok {
		t.Fatal("nothing is due")
	}
	in := input("s", at(now.Add(time.Hour)))
	if _, err := locked(s, s.update, &sched.UpdateScheduleInput{Name: in.Name, ScheduleExpression: in.ScheduleExpression, FlexibleTimeWindow: in.FlexibleTimeWindow, Target: in.Target}); err != nil {
		t.Fatal(err)
	}
	s.done(v, nil)
	now = now.Add(2 * time.Hour)
	if _, ok := s.due(); !ok {
		t.Error("the new time was lost")
	}
}

func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

func TestRefusals(t *testing.T) {
	a := sandboxtest.Account(t)
	s := open(t, a)
	client := sched.NewFromConfig(sandboxtest.Serve(t, a, s.Service()))
	later := at(time.Now().Add(time.Hour))
	for _, c := range []struct {
		name   string
		change func(*sched.CreateScheduleInput)
		want   string
	}{
		{"pattern", func(in *sched.CreateScheduleInput) { in.Name = aws.String("a b") }, "1 validation error detected: Value 'a b' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[0-9a-zA-Z-_.]+$"},
		{"length", func(in *sched.CreateScheduleInput) { in.Name = aws.String(strings.Repeat("a", 65)) }, "Member must have length less than or equal to 64"},
		{"enum", func(in *sched.CreateScheduleInput) { in.State = "ON" }, "Value 'ON' at 'state' failed to satisfy constraint: Member must satisfy enum value set: [ENABLED, DISABLED]"},
		{"two", func(in *sched.CreateScheduleInput) {
			in.State, in.FlexibleTimeWindow = "ON", &types.FlexibleTimeWindow{Mode: "MAYBE"}
		}, "2 validation errors detected: "},
		{"past", func(in *sched.CreateScheduleInput) { in.ScheduleExpression = aws.String("at(2020-01-01T00:00:00)") }, "Invalid Schedule Expression at(2020-01-01T00:00:00)."},
		{"zone", func(in *sched.CreateScheduleInput) { in.ScheduleExpressionTimezone = aws.String("Europe/Nowhere") }, "Invalid Schedule Expression Timezone"},
		{"window", func(in *sched.CreateScheduleInput) {
			in.FlexibleTimeWindow = &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeFlexible}
		}, "MaximumWindowInMinutes"},
		{"target", func(in *sched.CreateScheduleInput) { in.Target.Arn = aws.String("ecs") }, "Provided Arn is not in correct format."},
		{"service", func(in *sched.CreateScheduleInput) { in.Target.Arn = aws.String("arn:aws:scheduler:MY_ARN:::x") }, "scheduler is not a supported service for a target."},
		{"input", func(in *sched.CreateScheduleInput) { in.Target.Input = aws.String("{") }, "not a valid JSON"},
		{"no role", func(in *sched.CreateScheduleInput) { in.Target.RoleArn = aws.String(role + "-none") }, "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."},
		{"a role of another service", func(in *sched.CreateScheduleInput) { in.Target.RoleArn = aws.String(role + "-other") }, "The execution role you provide must allow"},
		{"role", func(in *sched.CreateScheduleInput) { in.Target.RoleArn = aws.String("schedules") }, "at 'target.roleArn'"},
		{"retries", func(in *sched.CreateScheduleInput) {
			in.Target.RetryPolicy = &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(186)}
		}, "Member must have value less than or equal to 185"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := input("s", later)
			c.change(in)
			_, err := client.CreateSchedule(t.Context(), in)
			var v *types.ValidationException
			if !errors.As(err, &v) || !strings.Contains(v.ErrorMessage(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	in := input("s", later)
	in.ClientToken = aws.String("once")
	for range 2 { // a client that repeats its request
		if _, err := client.CreateSchedule(t.Context(), in); err != nil {
			t.Error(err)
		}
	}
	in.ClientToken = aws.String("twice")
	var exists *types.ConflictException
	if _, err := client.CreateSchedule(t.Context(), in); !errors.As(err, &exists) || exists.ErrorMessage() != "Schedule s already exists." {
		t.Errorf("a second schedule: %v", err)
	}
	got, err := client.GetSchedule(t.Context(), &sched.GetScheduleInput{Name: aws.String("s")})
	if err != nil {
		t.Fatal(err)
	}
	if *got.GroupName != "default" || *got.ScheduleExpressionTimezone != "UTC" || got.State != types.ScheduleStateEnabled || got.ActionAfterCompletion != types.ActionAfterCompletionNone ||
		*got.Target.RetryPolicy.MaximumRetryAttempts != 185 || *got.Arn != "arn:aws:scheduler:eu-west-1:000000000000:schedule/default/s" {
		t.Errorf("defaults: %+v", got)
	}
}

func TestExpressions(t *testing.T) {
	for text, ok := range map[string]bool{
		"at(2026-11-26T14:30:00)": true, "at(2026-11-26T14:30)": false, "at(2026-11-26 14:30:00)": false, "at(2026-11-26T14:30:00Z)": false, "at(2026-02-30T14:30:00)": false,
		"at(2026-11-26T14:30:00.5)": false, "at(2026-11-26T14:30:00": false, "at()": false, "at": false, "": false, "(": false, "on(2026-11-26T14:30:00)": false,
		"rate(1 minute)": true, "rate(5 hours)": true, "rate(0 days)": false, "rate(-1 days)": false, "rate(1.5 hours)": false, "rate(1 week)": false, "rate(1)": false,
		"cron(0 10 * * ? *)": true, "cron(15 12 ? * MON-FRI 2026-2030)": true, "cron(0/15 8,18 ? JAN-MAR 2#1 *)": true, "cron(0 0 L * ? *)": true, "cron(0 0 15W * ? *)": true,
		"cron(0 0 LW * ? *)": true, "cron(0 0 ? * 6L *)": true, "cron(0-15/1 8-8 ? * 2,3,4 *)": true,
		"cron(0 10 * * * *)": false, "cron(0 10 ? * ? *)": false, "cron(60 10 * * ? *)": false, "cron(0 24 * * ? *)": false, "cron(0 10 0 * ? *)": false, "cron(0 10 * 13 ? *)": false,
		"cron(0 10 * * ?)": false, "cron(0 10 ? * MON-FRI 1969)": false, "cron(0 10 ? * 5-2 *)": false, "cron(0 10 ? * MON#6 *)": false, "cron(0/0 10 ? * MON *)": false, "cron(a 10 ? * MON *)": false,
	} {
		if _, err := parse(text, time.UTC); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// FuzzExpression holds that no expression makes the parser fail, and that a time
// which is taken can be written as it was.
func FuzzExpression(f *testing.F) {
	for _, text := range []string{"at(2026-11-26T14:30:00)", "rate(1 minute)", "cron(0/15 8,18 ? JAN-MAR 2#1 *)", "cron(0 0 LW * ? *)", "cron(0 0 W * ? *)", "at(", "cron(/ - , # ? L)"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := parse(text, time.UTC)
		if err == nil && e.once && at(e.at) != text {
			t.Errorf("%q is %s", text, at(e.at))
		}
	})
}

// FuzzSchedule holds that no request is the sandbox's fault, and that what was
// taken can be read, written to the journal and called.
func FuzzSchedule(f *testing.F) {
	f.Add("at(2100-01-01T00:00:00)", "arn:aws:scheduler:::aws-sdk:ecs:updateService", `{"A":1}`, `{"Statement":[]}`, "UTC")
	f.Add("rate(1 day)", "arn:aws:ecs:::x", "[]", "null", "Local")
	f.Add("cron(* * * * ? *)", "arn:aws:scheduler:::aws-sdk::", "", `{"Statement":{"Effect":"Allow","Principal":"*"}}`, "../UTC")
	f.Fuzz(func(t *testing.T, text, target, body, document, zone string) {
		trusts(document, principal)
		st, err := store.Open("")
		if err != nil {
			t.Fatal(err)
		}
		s := open(t, &account.Account{Region: "eu-west-1", Store: st, Now: time.Now})
		in := input("s", text)
		in.Target.Arn, in.Target.Input, in.ScheduleExpressionTimezone = &target, &body, &zone
		if _, err := locked(s, s.create, in); err != nil {
			if code(err) == "" {
				t.Fatal(err)
			}
			return
		}
		v, _ := s.schedules.Get("default/s")
		v.time()
		_, _, _, _ = call(v.Target)
		if _, err := locked(s, s.get, &sched.GetScheduleInput{Name: in.Name}); err != nil {
			t.Error(err)
		}
	})
}
