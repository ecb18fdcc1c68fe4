package session

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/adrg/xdg"

	"workshop/internal/doctor"
	"workshop/internal/sandbox"
	"workshop/internal/target"
)

// A sandbox plays the learner's AWS account, reached by the environment.
func awsAccount(t *testing.T) sandbox.Info {
	t.Helper()
	sb, err := sandbox.Start(t.Context(), sandbox.Options{Dir: t.TempDir(), Region: "eu-west-1", Fast: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sb.Close(); err != nil {
			t.Error(err)
		}
	})
	for k, v := range map[string]string{
		"AWS_ENDPOINT_URL": sb.Info().Endpoint, "AWS_REGION": sb.Info().Region, "AWS_PROFILE": "", "AWS_SESSION_TOKEN": "",
		"AWS_ACCESS_KEY_ID": sb.Info().AccessKeyID, "AWS_SECRET_ACCESS_KEY": sb.Info().SecretAccessKey,
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"XDG_CONFIG_HOME": t.TempDir(), "XDG_CACHE_HOME": t.TempDir(),
	} {
		t.Setenv(k, v)
	}
	xdg.Reload()
	t.Cleanup(xdg.Reload)
	return sb.Info()
}

func openAWS(t *testing.T, dir string) *Session {
	t.Helper()
	s, err := Open(Options{
		Kind: target.AWS, Workspace: dir,
		Configuration: fstest.MapFS{"main.tf": {Data: []byte("variable \"cpu\" {\n  default = 256\n}\nvariable \"desired_count\" {\n  default = 2\n}\nresource \"aws_vpc\" \"main\" {}\n")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// The account's number is typed once for a workspace; rules of the person's own
// come before that.
func TestPreflight(t *testing.T) {
	info := awsAccount(t)
	dir := t.TempDir()
	s := openAWS(t, dir)
	var notYet *doctor.NotConfirmedError
	if err := s.Preflight(t.Context()); !errors.As(err, &notYet) || notYet.Account != info.Account || notYet.Region != info.Region || !notYet.Emulated {
		t.Fatalf("the first time: %v", err)
	}
	var wrong *doctor.WrongAccountError
	if err := s.ConfirmAccount(t.Context(), "123456789012"); !errors.As(err, &wrong) {
		t.Errorf("another number: %v", err)
	}
	if err := s.Preflight(t.Context()); !errors.As(err, &notYet) {
		t.Errorf("after another number: %v", err)
	}
	if err := s.ConfirmAccount(t.Context(), " "+info.Account+"\n"); err != nil {
		t.Fatal(err)
	}
	if err := openAWS(t, dir).Preflight(t.Context()); err != nil {
		t.Errorf("the next session asks again: %v", err)
	}

	file := doctor.RulesFile()
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(`aws { deny_accounts = ["`+info.Account+`"] }`), 0o600)); err != nil {
		t.Fatal(err)
	}
	var denied *doctor.DeniedError
	if err := s.Preflight(t.Context()); !errors.As(err, &denied) {
		t.Errorf("a denied account: %v", err)
	}
	if err := os.WriteFile(file, []byte(`aws { deny_account = [] }`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Preflight(t.Context()); err == nil || !strings.Contains(err.Error(), "deny_account") {
		t.Errorf("rules that are not understood: %v", err)
	}
}

func TestDoctor(t *testing.T) {
	awsAccount(t)
	s := openAWS(t, t.TempDir())
	byID := map[string]doctor.Check{}
	for _, c := range s.Doctor(t.Context(), nil) {
		byID[c.ID] = c
	}
	for _, id := range []string{"workspace", "credentials", "permissions", "leftovers", "quota-vpcs", "quota-fargate-vcpu"} {
		if byID[id].Severity != doctor.Passed {
			t.Errorf("%+v", byID[id])
		}
	}
	if got := byID["quota-fargate-vcpu"].Message; !strings.Contains(got, "1 needed") {
		t.Errorf("two tasks of a quarter vCPU, twice over: %s", got)
	}
	if c := byID["account"]; c.Severity != doctor.Warning || !c.OK {
		t.Errorf("%+v", c)
	}
	for _, c := range DoctorWithoutWorkspace(t.Context(), Options{Kind: target.AWS, Workspace: t.TempDir()}, errors.New("it is broken"), nil) {
		if c.ID == "workspace" && (c.OK || !strings.Contains(c.Message, "it is broken")) {
			t.Errorf("%+v", c)
		}
	}
}
