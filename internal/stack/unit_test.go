package stack

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tfjson "github.com/hashicorp/terraform-json"

	"workshop/internal/diagnose"
	"workshop/internal/mirror"
)

func lines(t testing.TB, name string) []message {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var out []message
	w := &lineWriter{line: func(line []byte) { out = append(out, decode(line)) }}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	w.flush()
	return out
}

func TestRecordedStreams(t *testing.T) {
	type is struct {
		typ      EventType
		resource string
		action   Action
		elapsed  time.Duration
	}
	for name, want := range map[string][]is{
		"init.jsonl": nil,
		"create.jsonl": {
			{EventStarted, "terraform_data.first", ActionCreate, 0},
			{EventDone, "terraform_data.first", ActionCreate, 0},
			{EventStarted, "terraform_data.slow[0]", ActionCreate, 0},
			{EventStarted, "terraform_data.slow[1]", ActionCreate, 0},
			{EventProgress, "terraform_data.slow[0]", ActionCreate, 10 * time.Second},
			{EventProgress, "terraform_data.slow[1]", ActionCreate, 10 * time.Second},
			{EventDone, "terraform_data.slow[0]", ActionCreate, 12 * time.Second},
			{EventDone, "terraform_data.slow[1]", ActionCreate, 12 * time.Second},
		},
		"destroy.jsonl": {
			{EventStarted, "terraform_data.slow[1]", ActionDelete, 0},
			{EventDone, "terraform_data.slow[1]", ActionDelete, 0},
			{EventStarted, "terraform_data.slow[0]", ActionDelete, 0},
			{EventDone, "terraform_data.slow[0]", ActionDelete, 0},
			{EventStarted, "terraform_data.first", ActionDelete, 0},
			{EventDone, "terraform_data.first", ActionDelete, 0},
		},
		"stale.jsonl":  {{EventDiagnostic, "", "", 0}},
		"locked.jsonl": {{EventDiagnostic, "", "", 0}},
		"bad.jsonl":    {{EventDiagnostic, "", "", 0}},
	} {
		var got []is
		for _, m := range lines(t, name) {
			e := m.event(OpApply)
			if e.Time.IsZero() || e.Message == "" {
				t.Errorf("%s: %+v lacks a time or a message", name, e)
			}
			if e.Type != EventLog {
				got = append(got, is{e.Type, e.Resource, e.Action, e.Elapsed})
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n got %v\nwant %v", name, got, want)
		}
	}
}

func TestPlanHasNoChangesUnderWay(t *testing.T) {
	m := decode([]byte(`{"@message":"data.x.y: Refreshing...","type":"apply_start","hook":{"resource":{"addr":"data.x.y"},"action":"read"}}`))
	if e := m.event(OpPlan); e.Type != EventLog || e.Resource != "data.x.y" {
		t.Errorf("in a plan it is %+v", e)
	}
	if e := m.event(OpApply); e.Type != EventStarted || e.Action != ActionRead {
		t.Errorf("in an apply it is %+v", e)
	}
}

// TestFailures holds real failures to the sentinel and the advice that fit.
func TestFailures(t *testing.T) {
	tests := []struct {
		file   string
		kind   error
		id     string // of the advice; empty for none
		advice string // part of it
	}{
		{"stale.jsonl", ErrPlanStale, "plan-stale", "new plan"},
		{"locked.jsonl", ErrStateLocked, "state-locked", "force-unlock 7b96c91f-20bc-83d7-6b3e-7a44295cf0a0`"},
		{"bad.jsonl", nil, "configuration", "workshop reset"},
		{"failures/state-damaged.jsonl", ErrStateDamaged, "state-damaged", "terraform.tfstate.backup"},
		{"failures/state-newer-format.jsonl", ErrStateNewer, "state-newer", "Install the Terraform that wrote it"},
		{"failures/state-readonly-dir.jsonl", ErrStateUnwritable, "state-unwritable", "right to read and write"},
		{"failures/lock-no-space.jsonl", ErrDiskFull, "disk-full", "Free about 1 GB"},
		{"failures/no-space.jsonl", ErrErroredState, "state-errored", "before the copy is put back"},
		{"failures/errored.jsonl", ErrErroredState, "state-errored", "terraform state push errored.tfstate"},
		{"failures/plan-lineage.jsonl", ErrPlanStale, "plan-stale", "new plan"},
		{"failures/state-push-lineage.txt", ErrStateConflict, "state-conflict", "Compare"},
		{"failures/state-push-serial.txt", ErrStateConflict, "state-conflict", "Compare"},
		{"failures/lock-file-checksums.jsonl", ErrLockFile, "lock-file-checksums", "terraform providers lock"},
		{"failures/lock-file-checksums-plan.jsonl", ErrLockFile, "lock-file-checksums", "remove .terraform.lock.hcl"},
		{"failures/provider-version.jsonl", ErrLockFile, "lock-file-version", "remove .terraform.lock.hcl"},
		{"failures/tmpdir-missing.jsonl", ErrTempDir, "temporary-folder", "Set TMPDIR"},
		{"failures/provider-killed-plan.jsonl", ErrKilled, "provider-ended", "Close other programs"},
		{"failures/provider-killed-apply.jsonl", ErrKilled, "provider-ended", "may be missing from the state"},
		{"failures/registry.jsonl", ErrProviderUnavailable, "provider-download", mirrorVariable},
		{"failures/registry-refused.jsonl", ErrProviderUnavailable, "provider-refused", "HTTPS_PROXY"},
		{"failures/backend-changed.jsonl", errNeedsInit, "backend", "-migrate-state"},
		{"failures/backend-s3-init.jsonl", nil, "no-credentials", "aws sso login"},
		{"failures/terraform-version.jsonl", nil, "terraform-version", "versions.tf"},
		{"failures/var-missing.jsonl", nil, "no-default-value", "terraform.tfvars"},
		{"failures/var-type.jsonl", nil, "invalid-variable", "TF_VAR_NAME"},
		{"failures/var-validation.jsonl", nil, "invalid-variable", "terraform.tfvars"},
		{"failures/var-undeclared.jsonl", nil, "undeclared-variable", "declare the variable"},
		{"failures/tfvars-syntax.jsonl", nil, "configuration", "Fix line 1 of terraform.tfvars."},
		{"failures/dns.jsonl", nil, "no-such-host", "AWS_REGION"},
		{"failures/refused.jsonl", nil, "sandbox-unreachable", "workshop sandbox"},
		{"failures/exists.jsonl", nil, "name-exists", "`workshop destroy` finds it by its tags"},
		{"failures/aws-role-exists.jsonl", nil, "name-exists", "`workshop destroy`"},
		{"failures/aws-group-exists.jsonl", nil, "name-exists", "`workshop destroy`"},
		{"failures/aws-vpc-limit.jsonl", nil, "vpc-limit", "another region"},
		{"failures/aws-address-limit.jsonl", nil, "address-limit", "private_tasks"},
		{"failures/aws-role-limit.jsonl", nil, "quota", "Service Quotas"},
		{"failures/aws-unauthorized.jsonl", nil, "denied", ""},
		{"failures/aws-denied-ecs.jsonl", nil, "denied", ""},
		{"failures/aws-denied-iam.jsonl", nil, "denied", ""},
		{"failures/aws-expired.jsonl", nil, "expired", "Sign in again"},
		{"failures/aws-expired-iam.jsonl", nil, "expired", "Sign in again"},
	}
	covered := map[string]bool{}
	for _, tt := range tests {
		covered[filepath.Join("testdata", tt.file)] = true
		var out outcome
		for _, m := range lines(t, tt.file) {
			out.take(m, m.event(OpPlan))
		}
		if len(out.problems) == 0 {
			out.problems = fromText(out.text.String(), false)
		}
		err := diagnosticError(OpPlan, out.problems)
		if err == nil {
			t.Errorf("%s holds no error", tt.file)
			continue
		}
		if tt.kind != nil && !errors.Is(err, tt.kind) || tt.kind == nil && len(err.Unwrap()) > 0 {
			t.Errorf("%s amounts to %v, want %v", tt.file, err.Unwrap(), tt.kind)
		}
		if advice := err.Advice(diagnose.Command); !slices.ContainsFunc(advice, func(a diagnose.Answer) bool {
			return a.ID == tt.id && strings.Contains(a.Do, tt.advice)
		}) {
			t.Errorf("%s: the advice is %+v, want %s with %q", tt.file, advice, tt.id, tt.advice)
		}
		if errors.Is(err, ErrStateLocked) != (tt.kind == ErrStateLocked) || strings.Contains(err.Error(), "force-unlock") != (tt.kind == ErrStateLocked) {
			t.Errorf("%s is taken for a lock: %v", tt.file, err)
		}
		for _, d := range err.Diagnostics {
			if !strings.Contains(err.Error(), d.Summary) {
				t.Errorf("%s: %q is not shown in %v", tt.file, d.Summary, err)
			}
		}
	}
	for _, name := range filesIn(filepath.Join("testdata", "failures"), "*") {
		if !covered[name] {
			t.Errorf("%s is in no case", name)
		}
	}
	if diagnosticError(OpPlan, []Diagnostic{{Severity: "warning"}}) != nil {
		t.Error("a warning is no failure")
	}
}

// TestErrorShowsAll: every error once, identical ones with their number.
func TestErrorShowsAll(t *testing.T) {
	e := &DiagnosticError{Op: OpApply}
	for i := range 3 {
		e.Diagnostics = append(e.Diagnostics, Diagnostic{Severity: "error", Summary: "execution broke"},
			Diagnostic{Severity: "error", Summary: "different", Detail: strings.Repeat("x", i+1)})
	}
	text := e.Error()
	if strings.Count(text, "execution broke") != 1 || !strings.Contains(text, "(3 times)") ||
		strings.Count(text, "different") != 3 || strings.Contains(text, "more)") {
		t.Errorf("the text is %q", text)
	}
	for range 2 * maxShown {
		e.Diagnostics = append(e.Diagnostics, Diagnostic{Severity: "error", Summary: strings.Repeat("y", len(e.Diagnostics))})
	}
	if text := e.Error(); !strings.Contains(text, "more)") || strings.Count(text, "\n") > 2*maxShown {
		t.Errorf("a long text is %q", text)
	}
}

func TestRecordedOutputs(t *testing.T) {
	var got map[string]any
	for _, m := range lines(t, "create.jsonl") {
		if m.Type == "outputs" {
			got = m.outputs()
		}
	}
	if want := map[string]any{"first": "a1"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestDetailed(t *testing.T) {
	data, err := os.ReadFile("testdata/plan-replace.json")
	if err != nil {
		t.Fatal(err)
	}
	var shown tfjson.Plan
	if err := shown.UnmarshalJSON(data); err != nil {
		t.Fatal(err)
	}
	conf := configured("observability.tf", `
resource "terraform_data" "first" {}
resource "terraform_data" "slow" { input = terraform_data.first.id }`)
	p := &Plan{}
	for _, m := range lines(t, "plan-replace.jsonl") {
		if m.Type == "planned_change" {
			p.add(conf.change(m))
		}
	}
	conf.order(p)
	got := conf.detailed(p, &shown)
	want := []Change{
		{Address: "terraform_data.first", Action: ActionUpdate, Title: "data: first", Fields: []string{"input", "output"}},
		{Address: "terraform_data.slow[0]", Action: ActionReplace, Title: "data: slow 1", Fields: []string{"triggers_replace"},
			Reason: "triggers_replace: AWS cannot change this in place", Needs: []string{"terraform_data.first"}},
		{Address: "terraform_data.slow[1]", Action: ActionReplace, Title: "data: slow 2", Fields: []string{"triggers_replace"},
			Reason: "triggers_replace: AWS cannot change this in place", Needs: []string{"terraform_data.first"}},
	}
	for i := range got.Changes {
		if got.Changes[i].Values["id"] == nil && got.Changes[i].Action == ActionUpdate {
			t.Errorf("the values of %s are %v", got.Changes[i].Address, got.Changes[i].Values)
		}
		got.Changes[i].Values = nil
		want[i].Type, want[i].Group = "terraform_data", GroupObservability
	}
	if !reflect.DeepEqual(got.Changes, want) {
		t.Errorf("\n got %+v\nwant %+v", got.Changes, want)
	}
	if got.Update != 1 || got.Replace != 2 || len(p.Changes[0].Fields) != 0 {
		t.Errorf("counts are wrong, or the plan that was passed has changed: %+v, %+v", got, p)
	}
}

func configured(files ...string) *configuration {
	c := newConfiguration()
	for i := 0; i < len(files); i += 2 {
		c.add(files[i], []byte(files[i+1]))
	}
	c.evaluate()
	return c
}

func TestValues(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a.tf"), `
variable "cpu" { default = 256 }
variable "private" { default = false }
variable "days" { default = 1 }
variable "unset" {}
resource "x_y" "z" {
  cpu    = var.cpu
  text   = "${var.cpu} units"
  days   = var.days
  list   = [1, "a", null]
  made   = x_other.thing.id
  called = upper("no")
  unset  = var.unset
  nested { public = !var.private }
  nested { public = false }
  lifecycle { prevent_destroy = true }
}`)
	put(t, filepath.Join(dir, "terraform.tfvars"), "days = 3\nbroken =")
	put(t, filepath.Join(dir, "b.auto.tfvars"), "days = 7")
	got := readConfiguration(dir, []string{"TF_VAR_cpu=512", "TF_VAR_days=9", "OTHER=x"}).resources["x_y.z"].values
	want := map[string]any{
		"cpu": "512", "text": "512 units", "days": 7.0, "list": []any{1.0, "a", nil},
		"nested": []any{map[string]any{"public": true}, map[string]any{"public": false}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %v\nwant %v", got, want)
	}
}

func TestConfiguration(t *testing.T) {
	c := configured("network.tf", `
data "aws_zones" "all" { filter = aws_thing.filter.id }
locals {
  zones = slice(data.aws_zones.all.names, 0, 2)
  nets  = var.private ? aws_subnet.private : aws_subnet.public
}
resource "aws_thing" "filter" {}
resource "aws_vpc" "main" { cidr_block = "10.0.0.0/16" }
resource "aws_subnet" "public" {
  count  = length(local.zones)
  vpc_id = aws_vpc.main.id
  tags   = { Name = "${aws_vpc.main.id}-x" }
}
resource "aws_subnet" "private" { vpc_id = aws_vpc.main.id }
`, "service.tf", `
resource "aws_ecs_service" "app" {
  desired_count = 2
  enable        = true
  network_configuration { subnets = local.nets[*].id }
  depends_on = [aws_lb.gone, aws_thing.filter]
  lifecycle {
    postcondition { condition = aws_ecs_service.app.name != "" }
  }
}
terraform {
  required_providers {
    aws    = { source = "hashicorp/aws", version = ">= 5.100, < 7" }
    random = "~> 3.0"
  }
}
`, "broken.tf", `resource "aws_half" "made" { x = `)
	for address, want := range map[string][]string{
		"aws_vpc.main":        {},
		"aws_subnet.public":   {"aws_thing.filter", "aws_vpc.main"},
		"aws_ecs_service.app": {"aws_subnet.private", "aws_subnet.public", "aws_thing.filter"},
		"aws_no.such":         {},
	} {
		if got := c.needs(address); !slices.Equal(got, want) {
			t.Errorf("%s needs %v, want %v", address, got, want)
		}
	}
	if want := map[string]string{"hashicorp/aws": ">= 5.100, < 7", "hashicorp/random": "~> 3.0"}; !reflect.DeepEqual(c.providers, want) {
		t.Errorf("providers are %v, want %v", c.providers, want)
	}
	d := c.resources["aws_ecs_service.app"]
	if d.file != "service.tf" || d.values["desired_count"] != 2.0 || d.values["enable"] != true {
		t.Errorf("the service is %+v", d)
	}
}

func TestOrderOfDestruction(t *testing.T) {
	c := configured("a.tf", `
resource "x_a" "a" {}
resource "x_b" "b" { a = x_a.a.id }
resource "x_c" "c" { a = x_a.a.id }`)
	p := &Plan{Changes: []Change{{Address: "x_a.a", Action: ActionDelete}, {Address: "x_b.b", Action: ActionDelete}}}
	c.order(p)
	if got := p.Changes[0].Needs; !slices.Equal(got, []string{"x_b.b"}) {
		t.Errorf("a waits for %v: b goes first, c is not there", got)
	}
	if got := p.Changes[1].Needs; len(got) != 0 {
		t.Errorf("b waits for %v", got)
	}
}

func TestBase(t *testing.T) {
	for address, want := range map[string]string{
		"aws_vpc.main":                         "aws_vpc.main",
		"aws_subnet.public[0]":                 "aws_subnet.public",
		`aws_subnet.public["a.b"]`:             "aws_subnet.public",
		`module.net["a.b"].aws_vpc.main[0]`:    `module.net["a.b"].aws_vpc.main`,
		"module.a.module.b.data.aws_zones.all": "module.a.module.b.data.aws_zones.all",
		"module.":                              "module.",
		"":                                     "",
	} {
		if got := Base(address); got != want {
			t.Errorf("Base(%q) = %q, want %q", address, got, want)
		}
	}
}

func TestTitles(t *testing.T) {
	type values = map[string]any
	for _, c := range []struct {
		typ, name, key string
		values         values
		want           string
	}{
		{"aws_vpc", "main", "", values{"cidr_block": "10.0.0.0/16"}, "VPC 10.0.0.0/16, your private network"},
		{"aws_vpc", "main", "", nil, "VPC, your private network"},
		{"aws_subnet", "public", "1", nil, "public subnet 2"},
		{"aws_subnet", "public", "1", values{"availability_zone": "eu-west-1a"}, "public subnet in eu-west-1a"},
		{"aws_route", "internet", "", values{"destination_cidr_block": "0.0.0.0/0"}, "route to the internet"},
		{"aws_iam_role", "task", "", nil, "IAM role: what the tasks may do"},
		{"aws_iam_role_policy_attachment", "x", "", values{"policy_arn": "arn:aws:iam::aws:policy/service-role/P"}, "IAM policy: P"},
		{"aws_cloudwatch_log_group", "app", "", values{"retention_in_days": json.Number("1")}, "log group, kept 1 day"},
		{"aws_cloudwatch_log_group", "app", "", values{"retention_in_days": 7.0}, "log group, kept 7 days"},
		{"aws_ecs_task_definition", "app", "", values{"cpu": "256", "memory": "512"}, "task definition: 0.25 vCPU, 512 MiB"},
		{"aws_ecs_service", "app", "", values{"desired_count": "2"}, "ECS service, keeps 2 tasks running"},
		{"aws_ecs_service", "app", "", values{"desired_count": []any{"odd"}}, "ECS service"},
		{"aws_sns_topic", "main", "", nil, "sns topic"},
		{"aws_sns_topic", "bell", "eu", nil, "sns topic: bell eu"},
		{"odd", "", "", nil, "odd: "},
		{"aws_vpc", "main", "", values{"cidr_block": "10\x1b[31m.0\n"}, "VPC 10.0, your private network"},
	} {
		if got := Title(c.typ, c.name, c.key, c.values); strings.TrimSpace(got) != strings.TrimSpace(c.want) {
			t.Errorf("%s.%s[%s] %v: %q, want %q", c.typ, c.name, c.key, c.values, got, c.want)
		}
	}
}

func TestGroups(t *testing.T) {
	for _, c := range []struct {
		typ, file string
		want      Group
	}{
		{"aws_security_group", "service.tf", GroupService},
		{"aws_security_group", "mine.tf", GroupLoadBalancer},
		{"aws_subnet", "", GroupNetwork},
		{"aws_iam_role", "", GroupPermissions},
		{"aws_cloudwatch_log_group", "", GroupObservability},
		{"aws_s3_bucket", "", GroupService},
	} {
		if got := group(c.typ, c.file); got != c.want {
			t.Errorf("%s in %q: %s, want %s", c.typ, c.file, got, c.want)
		}
	}
}

func TestMirrors(t *testing.T) {
	full, packed, old := t.TempDir(), t.TempDir(), t.TempDir()
	for _, dir := range []string{
		filepath.Join(full, "registry.terraform.io/hashicorp/aws/5.100.0", mirror.Platform()),
		filepath.Join(full, "registry.terraform.io/hashicorp/random/3.1.0", "plan9_386"),
		filepath.Join(old, "registry.terraform.io/hashicorp/aws/5.99.0", mirror.Platform()),
		filepath.Join(packed, "example.com/me/mine"),
	} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	put(t, filepath.Join(packed, "example.com/me/mine/terraform-provider-mine_1.2.3_"+mirror.Platform()+".zip"), "")
	wanted := map[string]string{"registry.terraform.io/hashicorp/aws": ">= 5.100, < 7", "registry.terraform.io/hashicorp/random": "", "example.com/me/mine": ">= 1"}
	m := findMirrors(wanted, []string{old, "/nonexistent", full, packed})
	want := mirrors{
		local:  map[string][]string{full: {"registry.terraform.io/hashicorp/aws"}, packed: {"example.com/me/mine"}},
		direct: []string{"registry.terraform.io/hashicorp/random"},
	}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("got %v, want %v", m, want)
	}
	text := m.config("/cache")
	for _, part := range []string{full, packed, `exclude = ["example.com/me/mine", "registry.terraform.io/hashicorp/aws"]`, `plugin_cache_dir = "/cache"`} {
		if !strings.Contains(text, part) {
			t.Errorf("the configuration lacks %s:\n%s", part, text)
		}
	}
	if strings.Contains(text, old) {
		t.Errorf("%s has nothing that fits:\n%s", old, text)
	}
}

func TestSettle(t *testing.T) {
	tf, wanted := &Terraform{}, map[string]string{"registry.terraform.io/hashicorp/aws": ""}
	home, data := t.TempDir(), t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("APPDATA", home)
	t.Setenv("TF_CLI_CONFIG_FILE", "")
	cli, err := settle(tf, wanted, nil, data, "")
	if err != nil || !cli.ours || cli.note != "" {
		t.Errorf("with nothing of the user's: %+v, %v", cli, err)
	}
	if text, err := os.ReadFile(cli.file); err != nil || !strings.Contains(string(text), "provider_installation") {
		t.Errorf("ours is %q, %v", text, err)
	}

	t.Setenv("TF_CLI_CONFIG_FILE", filepath.Join(home, "missing"))
	if cli, err := settle(tf, wanted, nil, data, ""); err != nil || !cli.ours || !strings.Contains(cli.note, "missing") {
		t.Errorf("with a variable that names nothing: %+v, %v", cli, err)
	}
	mine := filepath.Join(home, "mine")
	put(t, mine, "")
	t.Setenv("TF_CLI_CONFIG_FILE", mine)
	if cli, err := settle(tf, wanted, nil, data, ""); err != nil || cli.ours || cli.file != mine {
		t.Errorf("with a variable that names a file: %+v, %v", cli, err)
	}
	t.Setenv("TF_CLI_CONFIG_FILE", "")
	put(t, filepath.Join(home, ".terraformrc"), "")
	put(t, filepath.Join(home, "terraform.rc"), "")
	if cli, err := settle(tf, wanted, nil, data, ""); err != nil || cli.ours || cli.file != "" {
		t.Errorf("with a file in the home folder: %+v, %v", cli, err)
	}
}

func TestEnviron(t *testing.T) {
	for _, kv := range []string{"TF_LOG=trace", "TF_CLI_ARGS_plan=-destroy", "TF_VAR_mine=1", "TF_WORKSPACE=other",
		"AWS_PROFILE=work", "AWS_SESSION_TOKEN=t", "AWS_ENDPOINT_URL_ECS=http://x", "TF_CLI_CONFIG_FILE=/x"} {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
	sandbox := environ([]string{"AWS_ACCESS_KEY_ID=a", "AWS_ENDPOINT_URL=http://localhost", "TF_VAR_mine=2"})
	account := environ(nil)
	last := func(env []string, name string) string {
		out := ""
		for _, kv := range env {
			if v, ok := strings.CutPrefix(kv, name+"="); ok {
				out = v
			}
		}
		return out
	}
	for _, c := range []struct{ name, sandbox, account string }{
		{"TF_LOG", "", ""},
		{"TF_CLI_ARGS_plan", "", ""},
		{"TF_WORKSPACE", "", ""},
		{"TF_CLI_CONFIG_FILE", "", ""},
		{"TF_VAR_mine", "2", "1"},
		{"AWS_PROFILE", "", "work"},
		{"AWS_SESSION_TOKEN", "", "t"},
		{"AWS_ENDPOINT_URL_ECS", "", ""},
		{"AWS_ENDPOINT_URL", "http://localhost", ""},
		{"TF_IN_AUTOMATION", "1", "1"},
	} {
		if s, a := last(sandbox, c.name), last(account, c.name); s != c.sandbox || a != c.account {
			t.Errorf("%s is %q in the sandbox and %q on AWS, want %q and %q", c.name, s, a, c.sandbox, c.account)
		}
	}
}

func TestFind(t *testing.T) {
	empty := t.TempDir()
	t.Setenv("PATH", empty)
	_, err := Find(t.Context(), FindOptions{CacheDir: t.TempDir(), Offline: true}, nil)
	if !errors.Is(err, ErrNoTerraform) || !strings.Contains(err.Error(), "--terraform PATH") {
		t.Errorf("with none: %v", err)
	}
	_, err = Find(t.Context(), FindOptions{Path: filepath.Join(empty, "nothing")}, nil)
	if !errors.Is(err, ErrNoTerraform) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("with a path to nothing: %v", err)
	}

	script := func(name, version string) {
		text := "#!/bin/sh\necho '{\"terraform_version\":\"" + version + "\",\"platform\":\"x\"}'\n"
		if err := os.WriteFile(filepath.Join(empty, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if mirror.Platform()[:3] == "win" {
		t.Skip("Windows runs no shell scripts")
	}
	script("terraform", "1.5.7")
	_, err = Find(t.Context(), FindOptions{}, nil)
	if !errors.Is(err, ErrNoTerraform) || !strings.Contains(err.Error(), "1.5.7") || !strings.Contains(err.Error(), oldest) {
		t.Errorf("with an old one: %v", err)
	}
	script("tofu", "1.8.2")
	tf, err := Find(t.Context(), FindOptions{}, nil)
	if err != nil || !tf.Tofu || tf.Version != "1.8.2" || tf.Name() != "OpenTofu" {
		t.Errorf("with an old terraform and a good tofu: %+v, %v", tf, err)
	}
	script("terraform", "1.11.4")
	if tf, err := Find(t.Context(), FindOptions{}, nil); err != nil || tf.Tofu || !filepath.IsAbs(tf.Path) {
		t.Errorf("with both: %+v, %v", tf, err)
	}
}

func TestState(t *testing.T) {
	for text, ok := range map[string]bool{
		"":                            true,
		" \n":                         true,
		`{"version":4}`:               true,
		`{"version":3}`:               false,
		`{"version":4,"resources":1}`: false,
		`not json`:                    false,
	} {
		if _, err := decodeState([]byte(text)); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
	st, err := decodeState([]byte(`{"version":4,
"outputs":{"url":{"value":"http://x","type":"string"},"pw":{"value":"p","sensitive":true},"zones":{"value":["a"]}},
"resources":[
 {"mode":"data","type":"aws_zones","name":"all","instances":[{"attributes":{"id":"z"}}]},
 {"mode":"managed","type":"aws_subnet","name":"public","instances":[
  {"index_key":0,"attributes":{"id":"subnet-1","availability_zone":"eu-west-1a"}},
  {"index_key":"b.c","status":"tainted","attributes":{"id":"subnet-2"}}]},
 {"module":"module.m","mode":"managed","type":"aws_vpc","name":"main","instances":[{"attributes":{"id":null}}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	got := st.resources(configured("service.tf", `resource "aws_subnet" "public" {}`))
	want := []Resource{
		{Address: "aws_subnet.public[0]", Type: "aws_subnet", ID: "subnet-1", Group: GroupService, Title: "public subnet in eu-west-1a"},
		{Address: `aws_subnet.public["b.c"]`, Type: "aws_subnet", ID: "subnet-2", Group: GroupService, Title: "public subnet b.c", Tainted: true},
		{Address: "module.m.aws_vpc.main", Type: "aws_vpc", Group: GroupNetwork, Title: "VPC, your private network"},
	}
	for i := range got {
		got[i].Values = nil
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
	if got, want := st.outputs(), map[string]any{"url": "http://x", "zones": []any{"a"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("outputs are %v, want %v", got, want)
	}
}

func TestLineWriter(t *testing.T) {
	var got []string
	w := &lineWriter{line: func(l []byte) { got = append(got, string(l)) }}
	for _, part := range []string{"a", "b\nc\n\n", strings.Repeat("x", maxLine+5), "yy\nlast"} {
		if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	w.flush()
	if len(got) != 4 || got[0] != "ab" || got[1] != "c" || len(got[2]) != maxLine || got[3] != "last" {
		t.Errorf("%d lines", len(got))
	}
}

// TestMeter follows a balancer, a cluster and a service that waits for both.
func TestMeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		at := func(s int) time.Time { return begun.Add(time.Duration(s) * time.Second) }
		p := &Plan{Changes: []Change{
			{Address: "aws_lb.main", Type: "lb", Action: ActionCreate},
			{Address: "aws_ecs_cluster.main", Type: "cluster", Action: ActionReplace},
			{Address: "aws_ecs_service.app[0]", Type: "service", Action: ActionCreate, Needs: []string{"aws_lb.main", "aws_ecs_cluster.main"}},
		}}
		usual := map[string]time.Duration{"lb": 60 * time.Second, "cluster": 10 * time.Second, "service": 20 * time.Second}
		m := NewMeter(p, begun, func(c Change) time.Duration { return usual[c.Type] })
		check := func(s, done, percent int, eta time.Duration, states ...ResourceState) Reading {
			t.Helper()
			r := m.At(at(s))
			if r.Done != done || r.Total != 3 || r.Percent != percent || r.ETA != eta {
				t.Errorf("after %d s: %d of %d, %d%%, %v to go; want %d, %d%%, %v", s, r.Done, r.Total, r.Percent, r.ETA, done, percent, eta)
			}
			for i, state := range states {
				if r.Resources[i].State != state {
					t.Errorf("after %d s: %s is %s, want %s", s, r.Resources[i].Address, r.Resources[i].State, state)
				}
			}
			return r
		}
		event := func(typ EventType, address string, s int) {
			m.Handle(Event{Type: typ, Resource: address, Time: at(s), ID: "id-" + address})
		}
		check(0, 0, 0, 80*time.Second, Waiting, Waiting, Waiting)
		event(EventStarted, "aws_lb.main", 0)
		event(EventStarted, "aws_ecs_cluster.main", 0)
		event(EventStarted, "aws_nothing.here", 0)
		event(EventDone, "aws_ecs_cluster.main", 1)
		event(EventStarted, "aws_ecs_cluster.main", 1)
		r := check(20, 0, 25, 60*time.Second, Working, Working, Waiting)
		if !slices.Equal(r.Resources[2].Behind, []string{"aws_lb.main", "aws_ecs_cluster.main"}) || r.Resources[0].Elapsed != 20*time.Second {
			t.Errorf("the reading is %+v", r.Resources)
		}
		event(EventDone, "aws_ecs_cluster.main", 20)
		r = check(40, 1, 50, 40*time.Second, Working, Done, Waiting)
		if !slices.Equal(r.Resources[2].Behind, []string{"aws_lb.main"}) || r.Resources[1].Elapsed != 20*time.Second || r.Resources[1].ID == "" {
			t.Errorf("the reading is %+v", r.Resources)
		}
		// The balancer is late: the estimate grows, the percentage does not shrink.
		check(60, 1, 69, 26*time.Second)
		check(55, 1, 69, 26*time.Second)
		event(EventDone, "aws_lb.main", 70)
		event(EventStarted, "aws_ecs_service.app[0]", 70)
		check(80, 2, 88, 10*time.Second, Done, Done, Working)
		event(EventDone, "aws_ecs_service.app[0]", 95)
		check(95, 3, 100, 0, Done, Done, Done)
	})
}

func TestMeterOfFailureAndOfNothing(t *testing.T) {
	begun := time.Unix(1000, 0)
	p := &Plan{Changes: []Change{
		{Address: "data.d.d", Action: ActionRead},
		{Address: "a.a", Action: ActionCreate, Needs: []string{"b.b"}},
		{Address: "b.b", Action: ActionCreate, Needs: []string{"a.a"}}, // a circle must not hang
	}}
	m := NewMeter(p, begun, nil)
	m.Handle(Event{Type: EventFailed, Resource: "a.a", Elapsed: 3 * time.Second, Time: begun})
	r := m.At(begun.Add(time.Hour))
	if r.Failed != 1 || r.Done != 0 || r.Percent > 99 || r.Resources[0].Elapsed != 3*time.Second {
		t.Errorf("the reading is %+v", r)
	}
	if r.ETA != 0 || r.Percent != 0 {
		t.Errorf("what waits for a failure will not come, but %+v", r)
	}
	if r := NewMeter(&Plan{}, begun, nil).At(begun); r.Percent != 100 {
		t.Errorf("nothing to do is all done, but %+v", r)
	}
}

func TestWaitsAndTypicals(t *testing.T) {
	for typ := range usuals {
		for _, a := range []Action{ActionCreate, ActionDelete, ActionReplace} {
			c := Change{Type: typ, Action: a}
			if TypicalAWS(c) <= 0 || TypicalSandbox(c) <= 0 {
				t.Errorf("%s of %s takes no time", a, typ)
			}
		}
		if what, usually := Waits(typ, ActionCreate); TypicalAWS(Change{Type: typ, Action: ActionCreate}) > 10*time.Second && (what == "" || usually == "") {
			t.Errorf("%s takes long, and nobody says why", typ)
		}
	}
}

func FuzzDecode(f *testing.F) {
	names, _ := filepath.Glob("testdata/*.jsonl")
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			f.Add([]byte(line))
		}
	}
	f.Add([]byte("\x1b]0;title\x07plain"))
	f.Fuzz(func(t *testing.T, line []byte) {
		m := decode(line)
		e := m.event(OpApply)
		m.outputs()
		if m.Change != nil {
			newConfiguration().change(m)
		}
		texts := []string{e.Message, e.Resource, e.ID}
		if d := e.Diagnostic; d != nil {
			texts = append(texts, d.Summary, d.Detail, d.Address, d.File, d.Snippet)
		}
		for _, s := range texts {
			if strings.ContainsAny(s, "\x1b\x07\r\x00") {
				t.Errorf("%q reaches the terminal", s)
			}
		}
		if e.Type == "" || e.Elapsed < 0 {
			t.Errorf("%+v", e)
		}
		if _, err := json.Marshal(e); err != nil {
			t.Error(err)
		}
	})
}

func FuzzState(f *testing.F) {
	f.Add([]byte(`{"version":4,"resources":[{"mode":"managed","type":"aws_vpc","name":"main","instances":[{"index_key":1.5,"attributes":{"id":1}}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		st, err := decodeState(data)
		if err != nil {
			return
		}
		st.outputs()
		for _, r := range st.resources(&configuration{}) {
			if strings.ContainsAny(r.Address+r.Title+r.ID, "\x1b\n") {
				t.Errorf("%+v", r)
			}
		}
	})
}

func FuzzConfiguration(f *testing.F) {
	f.Add(`resource "aws_vpc" "main" { cidr_block = local.x }` + "\nlocals { x = aws_vpc.main.id }\n")
	f.Add("terraform {\n required_providers {\n aws = { source = \"a/b\" version = 1 }\n")
	f.Fuzz(func(t *testing.T, src string) {
		c := configured("a.tf", src)
		c.set("a.tfvars", []byte(src))
		for name := range c.resources {
			c.needs(name)
		}
		(&Stack{opts: Options{Dir: t.TempDir(), Terraform: &Terraform{}}}).wanted(c)
	})
}
