package check

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/gocty"
)

// fake is a Source with fixed facts; it notes what it was asked for.
type fake struct {
	asked   []string
	stack   Stack
	program Terraform
	plan    Plan
	live    Live
	outputs map[string]any
	vars    map[string]any
	history History
	steps   map[string]Step
	pages   map[string]Response
	logged  map[string]int
	err     error
	hang    bool
}

func (f *fake) note(what string) error {
	f.asked = append(f.asked, what)
	return f.err
}

func (f *fake) Place() Place { return Place{Target: "sandbox", Region: "eu-west-1"} }
func (f *fake) Account(context.Context) (string, error) {
	return "123456789012", f.note("account")
}
func (f *fake) Terraform(context.Context) (Terraform, error) { return f.program, f.note("terraform") }
func (f *fake) Stack(context.Context) (Stack, error)         { return f.stack, f.note("stack") }
func (f *fake) Plan(context.Context) (Plan, error)           { return f.plan, f.note("plan") }
func (f *fake) Live(ctx context.Context) (Live, error) {
	if f.hang {
		<-ctx.Done()
		return Live{}, ctx.Err()
	}
	return f.live, f.note("live")
}
func (f *fake) Outputs(context.Context) (map[string]any, error) { return f.outputs, f.note("outputs") }
func (f *fake) Vars(context.Context) (map[string]any, error)    { return f.vars, f.note("vars") }
func (f *fake) History(context.Context) (History, error)        { return f.history, f.note("history") }
func (f *fake) Steps(context.Context) (map[string]Step, error)  { return f.steps, f.note("steps") }
func (f *fake) Get(_ context.Context, url string) (Response, error) {
	return f.pages[url], f.note("get " + url)
}
func (f *fake) Logged(_ context.Context, pattern string) (int, error) {
	return f.logged[pattern], f.note("logged " + pattern)
}

func number(n int) *int { return &n }

// deployed is a service of two tasks, one of which has just died.
func deployed() *fake {
	return &fake{
		program: Terraform{Version: "1.11.4"},
		stack:   Stack{State: "up", Resources: 31, Created: "2026-01-02T03:04:05Z"},
		plan:    Plan{Made: true, Applied: true, Create: number(0), Update: number(1), Replace: number(0), Delete: number(0)},
		outputs: map[string]any{"url": "http://localhost:18080", "count": 2.0},
		vars:    map[string]any{"message": "Hello", "desired_count": 2.0, "region": nil},
		history: History{Plans: 2, Applies: 1},
		steps:   map[string]Step{"deploy": {Done: true}},
		pages:   map[string]Response{"http://localhost:18080": {Status: 503, Body: "no healthy\ntarget", Took: 3 * time.Millisecond}},
		logged:  map[string]int{"418": 3},
		live: Live{
			Service:     Service{Name: "web", Status: "ACTIVE", Desired: number(2), Running: 1, Pending: 1, Rollout: "IN_PROGRESS", Revision: 3},
			Deployments: []Deployment{{ID: "a", Status: "PRIMARY", Revision: 3}},
			Tasks: Tasks{
				Running: []Task{{ID: "t1", Status: "RUNNING", Zone: "eu-west-1a"}},
				Stopped: []Task{{ID: "t2", Status: "STOPPED", ExitCode: number(2)}, {ID: "t3", Status: "STOPPED"}},
			},
			Events: []Event{{Message: "(service web) has started 1 tasks"}},
		},
	}
}

func TestOnce(t *testing.T) {
	for _, c := range []struct {
		that     string
		ok       bool
		expected string
		found    string
	}{
		{that: `stack.state == "up"`, ok: true},
		{that: `service.running == service.desired`, expected: `service.running == service.desired`, found: "service.running is 1, service.desired is 2"},
		{that: `stack.state == "up" && service.running == 2`, expected: `service.running == 2`, found: "service.running is 1"},
		{that: `(stack.state == "up" && (plan.update == 2)) && true`, expected: `plan.update == 2`, found: "plan.update is 1"},
		{that: `http(outputs.url).status == 200`, expected: `http(outputs.url).status == 200`, found: "asked http://localhost:18080: 503, no healthy target"},
		{that: `http("").status == 200`, expected: `http("").status == 200`, found: "there is no URL yet"},
		{that: `outputs.none != ""`, expected: `outputs.none != ""`, found: "outputs.none is empty"},
		{that: `vars.none == null`, ok: true},
		{that: `vars.region == null && vars.message == "Hello" && vars.desired_count == 2`, ok: true},
		{that: `anytrue([for t in tasks.stopped : t.exit_code == 2])`, ok: true},
		{that: `alltrue([for t in tasks.stopped : t.exit_code == 2])`, expected: `alltrue([for t in tasks.stopped : t.exit_code == 2])`, found: "tasks.stopped is 2 entries"},
		{that: `length(tasks.running) == 1 && tasks.running[0].zone == "eu-west-1a"`, ok: true},
		{that: `tasks.running[7].zone == "x"`, expected: `tasks.running[7].zone == "x"`},
		{that: `contains(tasks.running[*].id, "t1")`, ok: true},
		{that: `logged("418") >= 3`, ok: true},
		{that: `logged("x") > 0`, expected: `logged("x") > 0`, found: "0 log lines match x in the last 15 minutes"},
		{that: `satisfies(terraform.version, ">= 1.6, < 2")`, ok: true},
		{that: `satisfies(terraform.version, "~> 1.12")`, expected: `satisfies(terraform.version, "~> 1.12")`, found: "terraform.version is 1.11.4"},
		{that: `satisfies(terraform.provider_version, ">= 5")`, expected: `satisfies(terraform.provider_version, ">= 5")`, found: "terraform.provider_version is empty"},
		{that: `steps.deploy.done && !steps["clean-up"].done`, ok: true},
		{that: `strcontains(events[0].message, "started")`, ok: true},
		{that: `matches("^He", vars.message)`, ok: true},
		{that: `target == "sandbox" && region == "eu-west-1" && account == "123456789012"`, ok: true},
		{that: `sum([for d in deployments : d.revision]) == 3`, ok: true},
		{that: `target == "aws" ? history.applies > 5 : history.applies == 1`, ok: true},
		{that: `service.desired > tasks.stopped[1].exit_code`, expected: `service.desired > tasks.stopped[1].exit_code`, found: "service.desired is 2, tasks.stopped[1].exit_code is null"},
	} {
		t.Run(c.that, func(t *testing.T) {
			r := Once(t.Context(), Check{ID: "x", That: c.that, Else: "{{ stack.resources }} made, {{ nothing.here }}"}, deployed())
			if r.Err != nil || r.OK != c.ok || r.Expected != c.expected || c.found != "" && r.Found != c.found {
				t.Errorf("got %+v", r)
			}
			if want := "31 made, (not known yet)"; !c.ok && r.Message != want || c.ok && r.Message != "" {
				t.Errorf("the message is %q", r.Message)
			}
		})
	}
}

// Nothing deployed must never look like everything is well.
func TestNothingThere(t *testing.T) {
	for _, that := range []string{
		`service.running == service.desired`, `service.running >= service.desired`, `service.healthy == service.desired`,
		`outputs.url != ""`, `http(outputs.url).status == 200`, `plan.update == 0`, `plan.delete == 0`, `plan.create > 0`,
		`anytrue([for t in tasks.stopped : t.exit_code == 2])`, `tasks.running[0].status == "RUNNING"`, `steps.deploy.passed`,
		`service.rollout == "COMPLETED"`, `stack.state == "up"`, `logged("x") > 0`,
	} {
		r := Once(t.Context(), Check{ID: "x", That: that}, &fake{})
		if r.OK || r.Err != nil || r.Found == "" {
			t.Errorf("%s: %+v", that, r)
		}
	}
}

func TestOnlyWhatIsMentionedIsAsked(t *testing.T) {
	f := deployed()
	Once(t.Context(), Check{That: `stack.state == "none" && http(outputs.url).status == 200`}, f)
	if got := strings.Join(f.asked, " "); got != "outputs stack" {
		t.Errorf("asked for %s", got)
	}
	f.asked = nil
	Once(t.Context(), Check{That: `http("a").status != 200 && http("a").body == ""`}, f)
	if got := strings.Join(f.asked, " "); got != "get a" {
		t.Errorf("asked for %s", got)
	}
}

// Before anything is deployed lists are empty, and not null.
func TestListsOfNothing(t *testing.T) {
	for _, that := range []string{
		"length(tasks.stopped) == 0 && length(tasks.running) == 0", "length(events) == 0 && length(deployments) == 0",
		"!anytrue([for t in tasks.stopped : t.exit_code == 2])", "length(distinct(tasks.running[*].zone)) == 0",
	} {
		if r := Once(t.Context(), Check{That: that}, &fake{}); !r.OK {
			t.Errorf("%s does not hold: %+v", that, r)
		}
	}
	if r := Once(t.Context(), Check{That: "length(tasks.stopped) > 0"}, &fake{}); r.Found != "tasks.stopped is empty" {
		t.Errorf("found %s", r.Found)
	}
}

func TestCompile(t *testing.T) {
	schema := &Schema{Vars: map[string]bool{"message": true}, Outputs: map[string]bool{"url": true}, Steps: map[string]bool{"clean-up": true}}
	for _, c := range []struct {
		src  string
		at   string
		want string // part of the first problem; empty for none
	}{
		{src: `service.running == service.desired`},
		{src: `outputs.url != "" && vars.message == "x" && steps.clean-up.done`},
		{src: `anytrue([for t in tasks.stopped : t.exit_code == 2])`},
		{src: `length([for t in tasks.running : t if t.zone == "a"]) > 0 && tasks.running[3].id == ""`},
		{src: `tasks.running[*].id == tasks.stopped[*].id`},
		{src: `service.runing == 2`, at: "1:8", want: "runing"},
		{src: `true || service.runing == 2`, at: "1:16", want: "runing"},
		{src: `stack.state == "up" ? plan.upd == 1 : true`, at: "1:27", want: "upd"},
		{src: `anytrue([for t in tasks.stopped : t.exitcode == 2])`, at: "1:36", want: "exitcode"},
		{src: `anytrue([for t in tasks.stopped : t.exit_code == 2 if t.zne == ""])`, at: "1:56", want: "zne"},
		{src: `anytrue([for t in tasks.stoped : true])`, at: "1:24", want: "stoped"},
		{src: `servce.running == 2`, at: "1:1", want: "The facts are target"},
		{src: `outputs.ulr == ""`, at: "1:8", want: "ulr"},
		{src: `vars.mesage == ""`, at: "1:5", want: "mesage"},
		{src: `steps.cleanup.done`, at: "1:6", want: "cleanup"},
		{src: `http(outputs.url).code == 200`, at: "1:18", want: "code"},
		{src: `htp(outputs.url).status == 200`, at: "1:1", want: "htp"},
		{src: `http() == 200`, want: "argument"},
		{src: `service.running + "x" == 3`, want: "number is required"},
		{src: `service.running`, at: "1:1", want: "true or false"},
		{src: `service`, at: "1:1", want: "true or false"},
		{src: `null`, at: "1:1", want: "null"},
		{src: `matches("(", vars.message)`, want: "missing"},
		{src: `length(service.running) == 1`, want: "length counts"},
		{src: `satisfies(terraform.version, "1.6 or so")`, want: "the constraints cannot be read"},
		{src: "(stack.state ==\n  \"up\" &&\n  stack.stte == \"\")", at: "3:8", want: "stte"},
		{src: `(stack.state ==`, want: "expression"},
		{src: ``, want: "expression"},
		{src: `1e999999999 > 0`, want: "digits"},
		{src: `"${1e-99999999}" == ""`, want: "digits"},
		{src: `[for a in events : [for b in events : [for c in events : a]]] == []`, want: "nest"},
		{src: strings.Repeat("!", 1000) + "true", want: "too deep"},
		{src: strings.Repeat("!", maxSource+1) + "true", want: "longer"},
	} {
		t.Run(c.src[:min(len(c.src), 60)], func(t *testing.T) {
			_, err := Compile(c.src, schema)
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var p *Problem
			if !errors.As(err, &p) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("the error is %v", err)
			}
			if at := strings.TrimSpace(strings.Join([]string{itoa(p.Line), itoa(p.Column)}, ":")); c.at != "" && at != c.at {
				t.Errorf("the problem is said to be at %s: %v", at, err)
			}
		})
	}
	// Names that the schema leaves open are taken.
	if _, err := Compile(`outputs.any == vars.thing && steps.some.done`, nil); err != nil {
		t.Error(err)
	}
}

func itoa(n int) string { return text(cty.NumberIntVal(int64(n))) }

func TestFactsOfAnExpression(t *testing.T) {
	e, err := Compile(`service.running == 2 && http(outputs.url).status == 200 && service.name != ""`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := e.Facts(); !slices.Equal(got, []string{"http", "outputs", "service"}) {
		t.Errorf("the facts are %v", got)
	}
	if e.Local() {
		t.Error("asking a URL is said to be local")
	}
	if e, err := Compile(`target == "aws" || vars.x == 1`, nil); err != nil || !e.Local() {
		t.Errorf("a target is not said to be local (%v)", err)
	}
}

func TestRunTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		moments := 0
		fresh := func() Source {
			moments++
			f := deployed()
			f.live.Service.Running = moments
			return f
		}
		checks := []Check{
			{ID: "late", That: `service.running == 3`, Retry: 5},
			{ID: "never", That: `service.running == 99`, Retry: 3},
			{ID: "now", That: `stack.state == "up"`},
			{ID: "wrong", That: `service.nothing`, Retry: 60},
		}
		var order []string
		began := time.Now()
		results := Run(t.Context(), checks, fresh, func(r Result) { order = append(order, r.ID) })
		if got := strings.Join(order, " "); got != "now wrong late never" {
			t.Errorf("final in the order %s", got)
		}
		if moments != 4 || time.Since(began) != 3*Pause {
			t.Errorf("%d moments in %s", moments, time.Since(began))
		}
		if !results[0].OK || results[1].OK || !results[2].OK || results[3].Err == nil {
			t.Errorf("got %+v", results)
		}
	})
}

func TestRunEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		r := Run(ctx, []Check{{That: `false`, Retry: 60}}, func() Source { return deployed() }, nil)
		if r[0].OK {
			t.Error("it passed")
		}
	})
}

func TestATryHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := Once(t.Context(), Check{That: `service.running == 1`, Timeout: 7 * time.Second}, &fake{hang: true})
		if r.OK || !errors.Is(r.Err, context.DeadlineExceeded) || !strings.Contains(r.Err.Error(), "within 7s") {
			t.Errorf("got %+v", r)
		}
	})
}

func TestASourceThatFails(t *testing.T) {
	broken := errors.New("no credentials")
	for _, that := range []string{`service.running == 1`, `logged("x") > 0`, `http("x").status == 1`} {
		f := deployed()
		f.err = broken
		if r := Once(t.Context(), Check{That: that}, f); r.OK || !errors.Is(r.Err, broken) {
			t.Errorf("%s: %+v", that, r)
		}
	}
}

func TestLookup(t *testing.T) {
	for name, want := range map[string]string{
		"stack.resources": "31", "service.name": "web", "outputs.url": "http://localhost:18080", "vars.message": "Hello",
		"service.nothing": "", "vars.region": "", "outputs.none": "", "nothing": "", "target": "sandbox",
	} {
		if got, ok := Lookup(t.Context(), name, deployed()); got != want || ok != (want != "") {
			t.Errorf("%s is %q, %v", name, got, ok)
		}
	}
}

func TestEveryFactHasAType(t *testing.T) {
	for name, typ := range types() {
		if typ == cty.DynamicPseudoType {
			t.Errorf("%s has no type", name)
		}
	}
	if _, err := gocty.ImpliedType(response{}); err != nil {
		t.Error(err)
	}
}

// FuzzCheck holds that no expression panics, hangs or puts control characters
// into a result, and that what compiles can be evaluated.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{
		`service.running == service.desired`, `anytrue([for t in tasks.stopped : t.exit_code == 2])`,
		`http(outputs.url).status == 200 && logged("a") > 0`, `{for k, v in vars : k => v...}["a"] == ["b"]`,
		`"${join(",", tasks.running[*].id)}\u001b[2J" == target`, `tasks.running.*.zone[0] != null ? true : false`,
		`(((1)))`, `-1e29 * 3 > 2 % 0`, `{a = {b = 1}}.a.b == 1`, "<<A\nb\nA\n", `split("", "abc")[1] == "b"`, `1/0 > 1`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		_, strict := Compile(src, &Schema{Vars: map[string]bool{}, Outputs: map[string]bool{}, Steps: map[string]bool{}})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		r := Once(ctx, Check{ID: "x", That: src, Else: src}, deployed())
		for _, s := range []string{r.Expected, r.Found, r.Message, errText(strict), errText(r.Err)} {
			if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f || r >= 0x80 && r < 0xa0 }) {
				t.Errorf("control characters in %q", s)
			}
		}
		if r.OK && (r.Err != nil || r.Expected != "") {
			t.Errorf("passed with %+v", r)
		}
	})
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// A values file that was left half-way sets nothing where it has no value.
func TestHalfALine(t *testing.T) {
	c := ReadConfiguration(fstest.MapFS{
		"main.tf":          {Data: []byte("variable \"message\" {\n  type = string\n  default = \"Hello\"\n}\nvariable \"other\" {}\n")},
		"terraform.tfvars": {Data: []byte("other = 1\nmessage =\n")},
	})
	if v := c.Variables["message"]; v.Value != "Hello" || v.SetIn != "" {
		t.Errorf("the message is %v, set in %q", v.Value, v.SetIn)
	}
	if v := c.Variables["other"]; v.Value != 1.0 {
		t.Errorf("the other is %v", v.Value)
	}
}
