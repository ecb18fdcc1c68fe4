package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscredentials "github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"workshop/internal/sandbox"
	"workshop/internal/target"
	bundled "workshop/terraform"
)

// Answers come in the order of the list; what builds on a failure is skipped.
func TestRun(t *testing.T) {
	release := make(chan struct{})
	answer := func(c Check) func(context.Context, *Subject) Check {
		return func(context.Context, *Subject) Check { return c }
	}
	all := []question{
		{id: "slow", ask: func(context.Context, *Subject) Check { <-release; return passed("slow") }},
		{id: "bad", ask: func(context.Context, *Subject) Check { defer close(release); return failed("b\u009bad", "mend it") }},
		{id: "needs-bad", after: []string{"bad"}, ask: answer(passed("never asked"))},
		{id: "needs-that", after: []string{"needs-bad"}, ask: answer(passed("never asked"))},
		{id: "needs-warning", after: []string{"warned"}, ask: answer(passed("asked"))},
		{id: "warned", ask: answer(warning("careful", "x"))},
		{id: "elsewhere", after: []string{"of another target"}, ask: answer(unknown("could not be checked", ""))},
	}
	var emitted []string
	checks := run(t.Context(), &Subject{}, all, func(c Check) { emitted = append(emitted, c.ID+" "+string(c.Severity)) })
	want := []string{"slow passed", "bad failed", "needs-bad skipped", "needs-that skipped", "needs-warning passed", "warned warning", "elsewhere unknown"}
	if !slices.Equal(emitted, want) {
		t.Errorf("%v, want %v", emitted, want)
	}
	first, ok := First(checks)
	if !ok || first.ID != "bad" || first.Message != "bad" || first.Fix != "mend it" {
		t.Errorf("first: %+v", first)
	}
	for _, c := range checks {
		if c.OK != (c.Severity != Failed) {
			t.Errorf("%+v", c)
		}
	}
	b, err := json.Marshal(first)
	if err != nil || string(b) != `{"id":"bad","ok":false,"message":"bad","fix":"mend it","severity":"failed"}` {
		t.Errorf("%s, %v", b, err)
	}
}

func TestQuestionsAreKnownOnce(t *testing.T) {
	for _, kind := range []target.Kind{target.Sandbox, target.AWS} {
		ids := map[string]bool{}
		for _, q := range questions(kind) {
			if ids[q.id] {
				t.Errorf("%s twice", q.id)
			}
			ids[q.id] = true
		}
		for _, q := range questions(kind) {
			for _, id := range q.after {
				if !ids[id] {
					t.Errorf("%s: %s comes after %s, which is not asked", kind, q.id, id)
				}
			}
		}
	}
}

// The table of actions has the resource types of the bundled configuration, no
// more and no less.
func TestActionsCoverTheConfiguration(t *testing.T) {
	types := bundledTypes(t)
	for _, typ := range types {
		if len(actions[typ]) == 0 {
			t.Errorf("%s: permissions.go does not say what it needs", typ)
		}
	}
	for typ, list := range actions {
		if !slices.Contains(types, typ) {
			t.Errorf("%s is not in the configuration any more", typ)
		}
		for _, a := range list {
			if !regexp.MustCompile(`^[a-z0-9-]+:[A-Z][A-Za-z]+$`).MatchString(a) {
				t.Errorf("%s: %q", typ, a)
			}
		}
	}
	for typ := range optional {
		if actions[typ] == nil {
			t.Errorf("%s has no actions", typ)
		}
	}
	has := func(n Needs, action string) bool {
		n.Types = types
		list, unlisted := needed(n)
		if len(unlisted) > 0 {
			t.Errorf("unlisted: %v", unlisted)
		}
		return slices.Contains(list, action)
	}
	if has(Needs{}, "ec2:CreateNatGateway") || !has(Needs{PrivateTasks: true}, "ec2:CreateNatGateway") || !has(Needs{Autoscaling: true}, "application-autoscaling:PutScalingPolicy") {
		t.Error("what the variables leave out")
	}
	if _, unlisted := needed(Needs{Types: []string{"aws_s3_bucket", "aws_vpc", "aws_s3_bucket"}}); !slices.Equal(unlisted, []string{"aws_s3_bucket"}) {
		t.Errorf("unlisted: %v", unlisted)
	}
}

func bundledTypes(t *testing.T) []string {
	t.Helper()
	var types []string
	entries, err := bundled.Files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := bundled.Files.ReadFile(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^resource "(aws_\w+)"`).FindAllStringSubmatch(string(b), -1) {
			types = append(types, m[1])
		}
	}
	slices.Sort(types)
	return slices.Compact(types)
}

func TestRules(t *testing.T) {
	for name, c := range map[string]struct {
		text            string
		account, region string
		denied          string // the rule; empty: permitted
		broken          string // what the error says; empty: none
	}{
		"no rules":          {text: "", account: "123456789012", region: "eu-west-1"},
		"empty block":       {text: "aws {}\n", account: "123456789012", region: "eu-west-1"},
		"denied":            {text: `aws { deny_accounts = ["123456789012"] }`, account: "123456789012", denied: "deny_accounts"},
		"another is denied": {text: `aws { deny_accounts = ["123456789013"] }`, account: "123456789012"},
		"not on the list":   {text: `aws { allow_accounts = ["123456789013"] }`, account: "123456789012", denied: "allow_accounts"},
		"on both lists":     {text: "aws {\n  allow_accounts = [\"123456789012\"]\n  deny_accounts = [\"123456789012\"]\n}", account: "123456789012", denied: "deny_accounts"},
		"denied Region":     {text: `aws { deny_regions = ["us-east-1"] }`, account: "123456789012", region: "us-east-1", denied: "deny_regions"},
		"only one Region":   {text: `aws { allow_regions = ["eu-west-1"] }`, account: "123456789012", region: "us-east-1", denied: "allow_regions"},
		"a typing mistake":  {text: `aws { deny_acounts = ["123456789012"] }`, broken: "deny_acounts"},
		"not HCL":           {text: "aws {", broken: "config.hcl:1"},
		"a short number":    {text: `aws { deny_accounts = ["1234"] }`, broken: "twelve digits"},
		"a number":          {text: `aws { deny_accounts = [123456789012] }`, account: "123456789012", denied: "deny_accounts"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "config.hcl")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			rules, err := LoadRules(file)
			if c.broken != "" {
				if err == nil || !strings.Contains(err.Error(), c.broken) {
					t.Errorf("%v, want %q", err, c.broken)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			err = rules.check(c.account, c.region)
			var denied *DeniedError
			if errors.As(err, &denied); c.denied == "" && err != nil || c.denied != "" && (denied == nil || denied.Rule != c.denied || denied.File != file) {
				t.Errorf("%v, want %q", err, c.denied)
			}
			if err != nil {
				t.Log(err)
			}
		})
	}
	if r, err := LoadRules(filepath.Join(t.TempDir(), "none.hcl")); err != nil || r.check("123456789012", "x") != nil {
		t.Errorf("without a file: %v", err)
	}
}

func FuzzRules(f *testing.F) {
	for _, s := range []string{"", "aws {}", `aws { allow_accounts = ["123456789012"] }`, "aws {", `x = 1`, "aws { deny_regions = [null] }"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file := filepath.Join(t.TempDir(), "config.hcl")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := LoadRules(file); err == nil {
			_ = r.check("123456789012", "eu-west-1")
		}
	})
}

// fake answers for an AWS account: query services by action, JSON services by
// target. What it has no answer for it refuses with AccessDenied.
func fake(t *testing.T, answers map[string]string) *target.Target {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		action := r.Form.Get("Action")
		_, operation, isJSON := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		if isJSON {
			action = operation
		}
		body, ok := answers[action]
		switch {
		case ok && isJSON:
			w.Header().Set("Content-Type", "application/x-amz-json-1.1")
			fmt.Fprint(w, body)
		case ok && strings.HasPrefix(body, "refuse "):
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprintf(w, `<ErrorResponse><Error><Code>%s</Code><Message>no</Message></Error></ErrorResponse>`, strings.TrimPrefix(body, "refuse "))
		case ok:
			fmt.Fprintf(w, `<%sResponse><%[1]sResult>%s</%[1]sResult></%[1]sResponse>`, action, body)
		case isJSON:
			w.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"message":"not authorized"}`)
		default:
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>not authorized</Message></Error></ErrorResponse>`)
		}
	}))
	t.Cleanup(s.Close)
	return &target.Target{
		Kind: target.AWS, Account: "123456789012", Region: "eu-west-1", CallerARN: "arn:aws:iam::123456789012:user/me",
		Config: aws.Config{Region: "eu-west-1", BaseEndpoint: &s.URL, RetryMaxAttempts: 1,
			Credentials: awscredentials.NewStaticCredentialsProvider("AKIATESTTESTTESTTEST", "s", "")},
	}
}

func TestGate(t *testing.T) {
	ends := func(in time.Duration) aws.CredentialsProvider {
		return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "A", SecretAccessKey: "s", Source: "ProcessProvider", CanExpire: true, Expires: time.Now().Add(in)}, nil
		})
	}
	alias := map[string]string{"ListAccountAliases": "<AccountAliases><member>team</member></AccountAliases>"}
	for name, c := range map[string]struct {
		change    func(*target.Target)
		answers   map[string]string
		rules     Rules
		confirmed bool
		want      error // a pointer of the type; nil: passes
		says      []string
	}{
		"the sandbox":        {change: func(t *target.Target) { t.Kind = target.Sandbox }},
		"first use":          {answers: alias, want: &NotConfirmedError{}, says: []string{"123456789012 (team) in eu-west-1", "--account 123456789012", "nothing was created"}},
		"alias unreadable":   {want: &NotConfirmedError{}, says: []string{"account 123456789012 in"}},
		"confirmed":          {confirmed: true},
		"on the allow list":  {rules: Rules{AllowAccounts: []string{"123456789012"}}},
		"denied, confirmed":  {rules: Rules{DenyAccounts: []string{"123456789012"}, file: "/c.hcl"}, confirmed: true, want: &DeniedError{}, says: []string{"deny_accounts of /c.hcl"}},
		"not allowed Region": {rules: Rules{AllowRegions: []string{"us-east-1"}}, confirmed: true, want: &DeniedError{}, says: []string{"Region eu-west-1 is not in allow_regions"}},
		"too short":          {change: func(t *target.Target) { t.Config.Credentials = ends(ApplyTime - time.Minute) }, confirmed: true, want: &ShortCredentialsError{}, says: []string{"15 minutes", "nothing was created"}},
		"already ended":      {change: func(t *target.Target) { t.Config.Credentials = ends(-time.Minute) }, confirmed: true, want: &ShortCredentialsError{}, says: []string{"ended at"}},
		"long enough":        {change: func(t *target.Target) { t.Config.Credentials = ends(ApplyTime + time.Minute) }, confirmed: true},
	} {
		t.Run(name, func(t *testing.T) {
			tg := fake(t, c.answers)
			if c.change != nil {
				c.change(tg)
			}
			err := Gate(t.Context(), tg, c.rules, c.confirmed)
			if fmt.Sprintf("%T", err) != fmt.Sprintf("%T", c.want) {
				t.Fatalf("%T (%v), want %T", err, err, c.want)
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q does not say %q", err, s)
				}
			}
		})
	}
	tg := fake(t, nil)
	tg.Account = emulated
	var notYet *NotConfirmedError
	if err := Gate(t.Context(), tg, Rules{}, false); !errors.As(err, &notYet) || !notYet.Emulated {
		t.Errorf("an emulator's account: %v", err)
	}
}

func TestPermissions(t *testing.T) {
	result := func(action, decision, missing string) string {
		return "<member><EvalActionName>" + action + "</EvalActionName><EvalDecision>" + decision + "</EvalDecision><MissingContextValues>" + missing + "</MissingContextValues></member>"
	}
	answer := func(results ...string) map[string]string {
		return map[string]string{"SimulatePrincipalPolicy": "<EvaluationResults>" + strings.Join(results, "") + "</EvaluationResults><IsTruncated>false</IsTruncated>"}
	}
	for name, c := range map[string]struct {
		answers  map[string]string
		caller   string
		severity Severity
		says     string
	}{
		"all allowed":       {answers: answer(result("ec2:CreateVpc", "allowed", "")), severity: Passed},
		"some denied":       {answers: answer(result("ec2:CreateVpc", "implicitDeny", ""), result("ecs:CreateService", "explicitDeny", ""), result("ec2:CreateSubnet", "allowed", "")), severity: Failed, says: "ec2:CreateVpc, ecs:CreateService"},
		"a condition":       {answers: answer(result("ec2:CreateVpc", "implicitDeny", "<member>aws:SourceVpc</member>")), severity: Passed, says: "conditions that could not be checked"},
		"linked roles only": {answers: answer(result(createLinkedRole, "implicitDeny", "")), severity: Passed},
		"may not ask":       {severity: Unknown, says: "could not be checked"},
		"federated":         {caller: "arn:aws:sts::123456789012:federated-user/me", severity: Unknown, says: "cannot simulate"},
		"root":              {caller: "arn:aws:iam::123456789012:root", severity: Passed},
	} {
		t.Run(name, func(t *testing.T) {
			tg := fake(t, c.answers)
			if c.caller != "" {
				tg.CallerARN = c.caller
			}
			s := &Subject{Kind: target.AWS, target: tg, Name: "workshop", WorkspaceID: "abc", Needs: Needs{Types: []string{"aws_vpc", "aws_iam_role"}}}
			if got := permissions(t.Context(), s); got.Severity != c.severity || !strings.Contains(got.Message, c.says) {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestPrincipal(t *testing.T) {
	known := fake(t, map[string]string{"GetRole": "<Role><Arn>arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_dev_1</Arn><Path>/</Path><RoleName>x</RoleName><RoleId>y</RoleId><CreateDate>2026-01-01T00:00:00Z</CreateDate></Role>"})
	for _, c := range []struct {
		tg           *target.Target
		caller, want string
	}{
		{fake(t, nil), "arn:aws:iam::123456789012:user/team/me", "arn:aws:iam::123456789012:user/team/me"},
		{known, "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_dev_1/me@example.com", "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_dev_1"},
		{fake(t, nil), "arn:aws-cn:sts::123456789012:assumed-role/dev/me", "arn:aws-cn:iam::123456789012:role/dev"},
		{fake(t, nil), "arn:aws:iam::123456789012:root", ""},
		{fake(t, nil), "nonsense", ""},
	} {
		if got := principal(t.Context(), iam.NewFromConfig(c.tg.Config), c.caller); got != c.want {
			t.Errorf("%s: %q, want %q", c.caller, got, c.want)
		}
	}
}

func TestQuotas(t *testing.T) {
	value := func(v float64) string { return fmt.Sprintf(`{"Quota":{"Value":%v}}`, v) }
	used := func(n float64) func(context.Context, aws.Config) (int, error) {
		return func(context.Context, aws.Config) (int, error) { return int(n), nil }
	}
	for name, c := range map[string]struct {
		answers   map[string]string
		used      float64
		resources int
		severity  Severity
		says      string
	}{
		"room":               {answers: map[string]string{"GetServiceQuota": value(5)}, used: 4, severity: Passed, says: "4 of 5 in use, 1 needed"},
		"full":               {answers: map[string]string{"GetServiceQuota": value(5)}, used: 5, severity: Failed, says: "5 of 5"},
		"full, but deployed": {answers: map[string]string{"GetServiceQuota": value(5)}, used: 5, resources: 31, severity: Passed},
		"may not ask":        {used: 5, severity: Unknown, says: "could not be checked"},
	} {
		t.Run(name, func(t *testing.T) {
			q := quota{service: "vpc", code: "L-F678F1CE", what: "VPCs", need: func(Needs) float64 { return 1 }, used: count(used(c.used))}
			got := q.check(t.Context(), &Subject{target: fake(t, c.answers), Resources: c.resources})
			if got.Severity != c.severity || !strings.Contains(got.Message, c.says) {
				t.Errorf("%+v", got)
			}
			if got.Severity == Failed && !strings.Contains(got.Fix, "--desired-value 6") {
				t.Errorf("fix: %s", got.Fix)
			}
		})
	}
}

func TestClock(t *testing.T) {
	for skew, want := range map[time.Duration]Severity{
		0: Passed, 5 * time.Second: Passed, -2 * time.Minute: Warning, 6 * time.Minute: Failed, -6 * time.Hour: Failed,
	} {
		if got := clock(t.Context(), &Subject{target: &target.Target{ClockSkew: skew}}); got.Severity != want {
			t.Errorf("%v: %+v", skew, got)
		}
	}
}

func TestMachine(t *testing.T) {
	t.Run("no temporary folder", func(t *testing.T) {
		t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "none"))
		checks := Run(t.Context(), &Subject{Kind: target.Sandbox, Dir: t.TempDir(), CacheDir: t.TempDir()}, nil)
		if first, _ := First(checks); first.ID != "temporary-folder" || !strings.Contains(first.Fix, "TMPDIR") {
			t.Errorf("%+v", first)
		}
		for _, c := range checks {
			if (c.ID == "terraform" || c.ID == "provider") && c.Severity != Skipped {
				t.Errorf("%+v", c)
			}
		}
	})
	t.Run("workspace below a file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if c := workspaceFolder(t.Context(), &Subject{Dir: filepath.Join(file, "w")}); c.Severity != Failed || c.Fix == "" {
			t.Errorf("%+v", c)
		}
	})
	t.Run("workspace to be made", func(t *testing.T) {
		dir := t.TempDir()
		if c := workspaceFolder(t.Context(), &Subject{Dir: filepath.Join(dir, "a", "b")}); c.Severity != Passed {
			t.Errorf("%+v", c)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("the check left %v", left)
		}
	})
	t.Run("others can write", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if c := filePermissions(t.Context(), &Subject{Dir: dir}); c.Severity != Failed || c.Fix != "chmod go-w "+dir {
			t.Errorf("%+v", c)
		}
	})
	t.Run("state that others can read", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "terraform.tfstate"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if c := filePermissions(t.Context(), &Subject{Dir: dir, TerraformDir: dir}); c.Severity != Failed {
			t.Errorf("%+v", c)
		}
	})
	t.Run("ports", func(t *testing.T) {
		dir := t.TempDir()
		stranger := httptest.NewServer(http.NotFoundHandler())
		defer stranger.Close()
		_, port, _ := net.SplitHostPort(strings.TrimPrefix(stranger.URL, "http://"))
		s := &Subject{Dir: dir, URL: "http://localhost:" + port}
		if c := loadBalancerPort(t.Context(), s); c.Severity != Failed || !strings.Contains(c.Message, port) {
			t.Errorf("a stranger on the load balancer's port: %+v", c)
		}
		if c := sandboxPort(t.Context(), s); c.Severity != Passed {
			t.Errorf("no sandbox yet: %+v", c)
		}
		file := filepath.Join(dir, "sandbox", "port")
		if err := errors.Join(os.Mkdir(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(port+"\n"), 0o600)); err != nil {
			t.Fatal(err)
		}
		if c := sandboxPort(t.Context(), s); c.Severity != Warning || !strings.Contains(c.Message, port) {
			t.Errorf("a stranger on the sandbox's port: %+v", c)
		}
		stranger.Close()
		if c := sandboxPort(t.Context(), s); c.Severity != Passed || !strings.Contains(c.Message, port) {
			t.Errorf("a sandbox that does not run: %+v", c)
		}
		if c := loadBalancerPort(t.Context(), s); c.Severity != Passed {
			t.Errorf("a free port: %+v", c)
		}
	})
}

func TestMemory(t *testing.T) {
	n, err := memAvailable([]byte("MemTotal:       32764092 kB\nMemFree:         1 kB\nMemAvailable:   21000000 kB\n"))
	if err != nil || n != 21000000<<10 {
		t.Errorf("%d, %v", n, err)
	}
	for _, bad := range []string{"", "MemAvailable:", "MemAvailable: x kB", "MemAvailable: 99999999999999999999 kB"} {
		if _, err := memAvailable([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"memory.max": "1000\n", "memory.current": "400\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n := containerMemory(dir); n != 600 {
		t.Errorf("%d", n)
	}
}

// A whole account that is ready, played by the sandbox.
func TestAccountThatIsReady(t *testing.T) {
	sb, err := sandbox.Start(t.Context(), sandbox.Options{Dir: t.TempDir(), Region: "eu-west-1", Fast: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sb.Close(); err != nil {
			t.Error(err)
		}
	})
	info := sb.Info()
	account := &target.Target{
		Kind: target.AWS, Account: info.Account, Region: info.Region, CallerARN: "arn:aws:iam::" + info.Account + ":user/learner",
		Config: aws.Config{Region: info.Region, BaseEndpoint: &info.Endpoint,
			Credentials: awscredentials.NewStaticCredentialsProvider(info.AccessKeyID, info.SecretAccessKey, "")},
	}
	dir := t.TempDir()
	s := &Subject{
		Kind: target.AWS, Dir: dir, TerraformDir: dir, CacheDir: t.TempDir(), WorkspaceID: "abcd1234", Name: "workshop",
		Needs:     Needs{Types: bundledTypes(t), Tasks: 2, CPU: 256, Autoscaling: true, PrivateTasks: true},
		Open:      func(context.Context) (*target.Target, error) { return account, nil },
		Rules:     func() (Rules, error) { return Rules{}, nil },
		Confirmed: func(string) bool { return true },
	}
	machine := map[string]bool{}
	for _, q := range machineQuestions {
		machine[q.id] = true
	}
	for _, c := range Run(t.Context(), s, nil) {
		if !machine[c.ID] && c.Severity != Passed {
			t.Errorf("%+v", c)
		}
	}
}
