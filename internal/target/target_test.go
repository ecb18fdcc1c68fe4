package target

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// serveFast runs a sandbox in this process until the test ends.
func serveFast(t *testing.T, dir, region string) *Target {
	t.Helper()
	s, err := Serve(t.Context(), Options{Kind: Sandbox, Dir: dir, Region: region, Fast: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.Target
}

func TestEnviron(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL_ECS", "http://elsewhere")
	tg := serveFast(t, t.TempDir(), "")
	env := tg.Environ([]string{"PATH=/bin", "AWS_PROFILE=mine", "AWS_REGION=us-west-2", "AWS_ENDPOINT_URL_ECS=http://elsewhere", "AWS_SESSION_TOKEN=x"})
	for _, kv := range env {
		k, v, _ := strings.Cut(kv, "=")
		switch {
		case slices.Contains([]string{"AWS_PROFILE", "AWS_ENDPOINT_URL_ECS", "AWS_SESSION_TOKEN"}, k):
			t.Errorf("%s leads elsewhere", kv)
		case k == "AWS_REGION" && v != DefaultRegion:
			t.Errorf("%s", kv)
		}
	}
	if !slices.Contains(env, "PATH=/bin") || !slices.Contains(env, "AWS_ENDPOINT_URL="+tg.Endpoint) {
		t.Errorf("environment = %v", env)
	}
}

// A learner's own AWS account is played by a sandbox, reached as AWS is: by the
// environment.
func TestAWS(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for _, k := range []string{"AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		t.Setenv(k, "")
	}
	if _, err := Open(t.Context(), Options{Kind: AWS}); err == nil || !strings.Contains(err.Error(), "no AWS region") {
		t.Errorf("without a region: %v", err)
	}
	if _, err := Open(t.Context(), Options{Kind: AWS, Region: "eu-west-1"}); err == nil || !strings.Contains(err.Error(), "asking AWS who you are") {
		t.Errorf("without credentials: %v", err)
	}
	sb := serveFast(t, t.TempDir(), "eu-west-3")
	for _, kv := range sb.Env {
		k, v, _ := strings.Cut(kv, "=")
		t.Setenv(k, v)
	}
	tg, err := Open(t.Context(), Options{Kind: AWS})
	if err != nil {
		t.Fatal(err)
	}
	if tg.Kind != AWS || tg.Region != "eu-west-3" || tg.Account != sb.Account || tg.Started() {
		t.Errorf("%+v", tg)
	}
	if len(tg.Notes) != 1 || !strings.Contains(tg.Notes[0], sb.Endpoint) {
		t.Errorf("that calls go elsewhere is not told: %v", tg.Notes)
	}
	if _, err := sts.NewFromConfig(tg.Config).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
		t.Error(err)
	}
}

func TestUnknownKind(t *testing.T) {
	if _, err := ParseKind("moon"); !errors.Is(err, ErrUnknownKind) {
		t.Error(err)
	}
	if _, err := Open(t.Context(), Options{Kind: "moon"}); !errors.Is(err, ErrUnknownKind) {
		t.Error(err)
	}
}
