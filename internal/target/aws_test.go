package target

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
)

// cleanAWS gives the test an AWS configuration of its own: the files of home,
// and no variables but those given.
func cleanAWS(t *testing.T, config string, vars ...string) (home string) {
	t.Helper()
	home = t.TempDir()
	for _, kv := range os.Environ() {
		if k, _, _ := strings.Cut(kv, "="); strings.HasPrefix(k, "AWS_") {
			t.Setenv(k, "") // restores it after the test
			os.Unsetenv(k)
		}
	}
	file := filepath.Join(home, "config")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, kv := range append([]string{
		"HOME=" + home, "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=" + file,
		"AWS_SHARED_CREDENTIALS_FILE=" + filepath.Join(home, "credentials"), "AWS_MAX_ATTEMPTS=1",
	}, vars...) {
		k, v, _ := strings.Cut(kv, "=")
		t.Setenv(k, v)
	}
	return home
}

// fakeSTS answers each action by a function of its form.
func fakeSTS(t *testing.T, answer func(w http.ResponseWriter, r *http.Request)) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		w.Header().Set("Content-Type", "text/xml")
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func refusing(code, message string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>1</RequestId></ErrorResponse>`, code, message)
	}
}

func identity(w http.ResponseWriter) {
	fmt.Fprint(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:sts::123456789012:assumed-role/workshop/me</Arn><UserId>A:me</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`)
}

const someKeys = "AWS_ACCESS_KEY_ID=AKIATESTTESTTESTTEST\nAWS_SECRET_ACCESS_KEY=secret"

func vars(s ...string) []string { return strings.Split(strings.Join(s, "\n"), "\n") }

// Each cause has words of its own, from the errors that the SDK really gives.
func TestErrorsByCause(t *testing.T) {
	closed := func(t *testing.T) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return "http://" + l.Addr().String()
	}
	api := func(code, message string) func(*testing.T) []string {
		return func(t *testing.T) []string {
			return vars(someKeys, "AWS_ENDPOINT_URL="+fakeSTS(t, refusing(code, message)))
		}
	}
	for name, c := range map[string]struct {
		config string
		vars   func(t *testing.T) []string
		files  map[string]string // below home
		region string            // empty: eu-west-1
		kind   error
		says   []string
	}{
		"expired":       {vars: api("ExpiredToken", "The security token included in the request is expired"), kind: ErrExpired, says: []string{"Sign in again", "aws sso login"}},
		"deleted keys":  {vars: api("InvalidClientTokenId", "The security token included in the request is invalid."), kind: ErrInvalidKeys, says: []string{"AWS_ACCESS_KEY_ID"}},
		"wrong secret":  {vars: api("SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided."), kind: ErrInvalidKeys},
		"clock behind":  {vars: api("SignatureDoesNotMatch", "Signature expired: 20261101T000000Z is now earlier than 20261101T001000Z (20261101T001500Z - 5 min.)"), kind: ErrClock, says: []string{"clock"}},
		"clock ahead":   {vars: api("SignatureDoesNotMatch", "Signature not yet current: 20261101T010000Z is still later than 20261101T000500Z"), kind: ErrClock},
		"request old":   {vars: api("RequestExpired", "Request has expired."), kind: ErrClock},
		"denied":        {vars: api("AccessDenied", "User: x is not authorized"), kind: ErrDenied, says: []string{"administrator", "User: x is not authorized"}},
		"escape in it":  {vars: api("AccessDenied", "evil\u009b31m\u202e"), kind: ErrDenied},
		"another error": {vars: api("ServiceUnavailable", "try later"), kind: nil, says: []string{"aws sts get-caller-identity", "try later"}},
		"no server": {vars: func(t *testing.T) []string { return vars(someKeys, "AWS_ENDPOINT_URL="+closed(t)) }, kind: ErrNetwork,
			says: []string{"nothing answers at http://127.0.0.1", "AWS_ENDPOINT_URL"}},
		"own certificate": {vars: func(t *testing.T) []string {
			s := httptest.NewTLSServer(http.NotFoundHandler())
			s.Config.ErrorLog = nil
			t.Cleanup(s.Close)
			return vars(someKeys, "AWS_ENDPOINT_URL="+s.URL)
		}, kind: ErrTLS, says: []string{"AWS_CA_BUNDLE", "Acme Co"}},
		"no network":     {vars: func(*testing.T) []string { return vars(someKeys) }, kind: ErrNetwork, says: []string{"network connection", "sandbox"}},
		"no such Region": {vars: func(*testing.T) []string { return vars(someKeys) }, region: "mars-1", kind: ErrUnknownRegion, says: []string{`no AWS Region "mars-1"`, "eu-west-1"}},
		"a zone":         {vars: func(*testing.T) []string { return vars(someKeys) }, region: "eu-west-1a", kind: ErrUnknownRegion, says: []string{"did you mean eu-west-1?"}},
		"spaces":         {vars: func(*testing.T) []string { return vars(someKeys) }, region: "eu west 1", kind: ErrUnknownRegion, says: []string{"did you mean eu-west-1?"}},
		"no credentials": {vars: func(*testing.T) []string { return nil }, kind: ErrNoCredentials, says: []string{"asking AWS who you are", "aws sso login", "sandbox"}},
		"no profile":     {vars: func(*testing.T) []string { return vars("AWS_PROFILE=nobody") }, kind: ErrProfile, says: []string{`no profile "nobody"`, "list-profiles"}},
		"no MFA code": {
			config: mfaProfile,
			vars:   func(*testing.T) []string { return vars("AWS_PROFILE=work") }, kind: ErrMFA,
			says: []string{"export-credentials --profile work --format env", "get-session-token", "MFA code"},
		},
		"never signed in": {
			config: "[profile sso]\nsso_start_url = https://example.awsapps.com/start\nsso_region = eu-west-1\nsso_account_id = 123456789012\nsso_role_name = dev\n",
			vars:   func(*testing.T) []string { return vars("AWS_PROFILE=sso") }, kind: ErrNoCredentials, says: []string{"aws sso login --profile sso"},
		},
		"signed out": {
			config: "[profile sso]\nsso_start_url = https://example.awsapps.com/start\nsso_region = eu-west-1\nsso_account_id = 123456789012\nsso_role_name = dev\n",
			files:  map[string]string{".aws/sso/cache/" + sha("https://example.awsapps.com/start") + ".json": `{"accessToken":"x","expiresAt":"2020-01-01T00:00:00Z"}`},
			vars:   func(*testing.T) []string { return vars("AWS_PROFILE=sso") }, kind: ErrExpired, says: []string{"aws sso login --profile sso"},
		},
		"credential_process": {
			config: "[profile p]\ncredential_process = /nonexistent-program\n",
			vars:   func(*testing.T) []string { return vars("AWS_PROFILE=p") }, kind: ErrProfile, says: []string{`profile "p"`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if c.kind == ErrNetwork || c.kind == ErrUnknownRegion {
				withoutDNS(t)
			}
			home := cleanAWS(t, c.config, c.vars(t)...)
			for name, text := range c.files {
				file := filepath.Join(home, name)
				if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			region := c.region
			if region == "" {
				region = "eu-west-1"
			}
			_, err := Open(t.Context(), Options{Kind: AWS, Region: region})
			var e *Error
			if !errors.As(err, &e) || e.Kind != c.kind {
				t.Fatalf("kind %v, want %v: %v (%#v)", kindOf(err), c.kind, err, err)
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("does not say %q: %v", s, err)
				}
			}
			if strings.ContainsAny(err.Error(), "\u009b\u202e") || strings.Contains(err.Error(), "AssumeRoleTokenProvider") {
				t.Errorf("what must not be on the screen: %q", err)
			}
			if got := CredentialsExpired(err); got != (c.kind == ErrExpired) {
				t.Errorf("CredentialsExpired = %v", got)
			}
			t.Log(err)
		})
	}
}

func TestCredentialsExpired(t *testing.T) {
	for text, want := range map[string]bool{
		"creating ECS Cluster: operation error ECS: CreateCluster, https response error StatusCode: 400, ExpiredTokenException: The security token included in the request is expired": true,
		"reading EC2 VPC: api error AuthFailure: AWS was not able to validate the provided access credentials":                                                                         false,
	} {
		if got := CredentialsExpired(errors.New(text)); got != want {
			t.Errorf("%v: %s", got, text)
		}
	}
	if CredentialsExpired(nil) {
		t.Error("no error")
	}
}

func kindOf(err error) error {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return nil
}

func sha(s string) string { h := sha1.Sum([]byte(s)); return hex.EncodeToString(h[:]) }

// withoutDNS makes every look-up of a name fail, as on a machine without network.
func withoutDNS(t *testing.T) {
	old := net.DefaultResolver
	t.Cleanup(func() { net.DefaultResolver = old })
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("network is unreachable")
	}}
}

// Go reads the proxy's variables once in a process, so this one has its own.
func TestProxy(t *testing.T) {
	if os.Getenv("TARGET_TEST_PROXY") != "" {
		_, err := Open(t.Context(), Options{Kind: AWS, Region: "eu-west-1"})
		fmt.Println("kind:", kindOf(err), "\ntext:", err)
		return
	}
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	defer refuses.Close()
	dead := httptest.NewServer(nil)
	dead.Close()
	for name, proxy := range map[string]string{
		"refuses": strings.Replace(refuses.URL, "http://", "http://me:hunter2@", 1), "is not there": dead.URL,
	} {
		t.Run(name, func(t *testing.T) {
			cleanAWS(t, "", vars(someKeys, "HTTPS_PROXY="+proxy, "TARGET_TEST_PROXY=1", "NO_PROXY=")...)
			out, err := exec.Command(os.Args[0], "-test.run=^TestProxy$").CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			text := string(out)
			if !strings.Contains(text, "kind: "+ErrProxy.Error()) || !strings.Contains(text, "HTTPS_PROXY") || strings.Contains(text, "hunter2") {
				t.Error(text)
			}
		})
	}
}

const mfaProfile = "[profile work]\nrole_arn = arn:aws:iam::123456789012:role/workshop\nmfa_serial = arn:aws:iam::123456789012:mfa/me\nsource_profile = base\n[profile base]\naws_access_key_id = AKIATESTTESTTESTTEST\naws_secret_access_key = secret\n"

// A code that is typed gives credentials that Terraform gets as well.
func TestMFA(t *testing.T) {
	end := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	var seconds string
	url := fakeSTS(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Form.Get("Action") == "GetCallerIdentity":
			identity(w)
		case r.Form.Get("TokenCode") != "123456":
			refusing("AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.")(w, r)
		default:
			seconds = r.Form.Get("DurationSeconds")
			fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><AssumedRoleUser><Arn>a</Arn><AssumedRoleId>b</AssumedRoleId></AssumedRoleUser><Credentials><AccessKeyId>ASIATESTTESTTESTTEST</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>token</SessionToken><Expiration>%s</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`, end.Format(time.RFC3339))
		}
	})
	// The SDK assumes roles at STS's own endpoint, whatever the general one is.
	cleanAWS(t, mfaProfile, "AWS_PROFILE=work", "AWS_ENDPOINT_URL="+url, "AWS_ENDPOINT_URL_STS="+url)
	codes := []string{"000000", "123456"}
	var device string
	ask := func(_ context.Context, d string) (string, error) {
		device = d
		code := codes[0]
		codes = codes[1:]
		return code, nil
	}
	tg, err := Open(t.Context(), Options{Kind: AWS, Region: "eu-west-1", MFACode: ask})
	if err != nil {
		t.Fatal(err)
	}
	if device != "arn:aws:iam::123456789012:mfa/me" || seconds != "3600" {
		t.Errorf("device %q, %s seconds", device, seconds)
	}
	for _, kv := range []string{"AWS_ACCESS_KEY_ID=ASIATESTTESTTESTTEST", "AWS_SESSION_TOKEN=token", "AWS_CREDENTIAL_EXPIRATION=" + end.Format(time.RFC3339)} {
		if !slices.Contains(tg.Env, kv) {
			t.Errorf("Terraform does not get %s: %v", kv, tg.Env)
		}
	}
	if slices.Contains(tg.Env, "AWS_PROFILE=work") || !slices.Contains(tg.Unset, "AWS_PROFILE") {
		t.Error("Terraform would ask the profile for another code")
	}
	if got, ok := tg.Expires(); !ok || !got.Equal(end) {
		t.Errorf("expires %v, %v; want %v", got, ok, end)
	}

	codes = []string{"1", "2", "3", "4"}
	_, err = Open(t.Context(), Options{Kind: AWS, Region: "eu-west-1", MFACode: ask})
	if !errors.Is(err, ErrMFA) || len(codes) != 4-mfaAttempts {
		t.Errorf("wrong codes: %v, %d left", err, len(codes))
	}
	stop := errors.New("interrupted")
	_, err = Open(t.Context(), Options{Kind: AWS, Region: "eu-west-1", MFACode: func(context.Context, string) (string, error) { return "", stop }})
	if !errors.Is(err, stop) {
		t.Errorf("a question that was cut off: %v", err)
	}
}

func TestExpires(t *testing.T) {
	url := fakeSTS(t, func(w http.ResponseWriter, _ *http.Request) { identity(w) })
	end := time.Now().Add(20 * time.Minute).UTC().Truncate(time.Second)
	process := filepath.Join(t.TempDir(), "credentials.json")
	if err := os.WriteFile(process, fmt.Appendf(nil, `{"Version":1,"AccessKeyId":"ASIA","SecretAccessKey":"s","SessionToken":"t","Expiration":%q}`, end.Format(time.RFC3339)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		config string
		vars   []string
		ends   bool
	}{
		"keys of a user":               {vars: vars(someKeys)},
		"exported, with their end":     {vars: vars(someKeys, "AWS_SESSION_TOKEN=t", "AWS_CREDENTIAL_EXPIRATION="+end.Format(time.RFC3339)), ends: true},
		"exported, end not known":      {vars: vars(someKeys, "AWS_SESSION_TOKEN=t")},
		"end left over from other use": {vars: vars(someKeys, "AWS_CREDENTIAL_EXPIRATION="+end.Format(time.RFC3339))},
		"credential_process":           {config: "[default]\ncredential_process = cat " + process + "\n", ends: true},
	} {
		t.Run(name, func(t *testing.T) {
			cleanAWS(t, c.config, append(c.vars, "AWS_ENDPOINT_URL="+url)...)
			tg, err := Open(t.Context(), Options{Kind: AWS, Region: "eu-west-1"})
			if err != nil {
				t.Fatal(err)
			}
			if got, ok := tg.Expires(); ok != c.ends || ok && !got.Equal(end) {
				t.Errorf("%v, %v; want %v, %v", got, ok, end, c.ends)
			}
		})
	}
}

func TestWatchCredentials(t *testing.T) {
	expired := &smithy.GenericAPIError{Code: "ExpiredToken", Message: "The security token included in the request is expired"}
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var events []error
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		watchCredentials(ctx, func(context.Context) error {
			switch since := time.Since(began); {
			case since > 60*time.Second:
				return expired
			case since > 30*time.Second:
				return errors.New("connection reset")
			}
			return nil
		}, func(err error) { events = append(events, err) })
		if len(events) != 1 || !CredentialsExpired(events[0]) || time.Since(began) > 90*time.Second {
			t.Errorf("after %v: %v", time.Since(began), events)
		}
	})
	synctest.Test(t, func(t *testing.T) { // an operation that ends first
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		watchCredentials(ctx, func(context.Context) error { return nil }, func(err error) { t.Error(err) })
	})
}

// A profile that is named wins over keys in the environment, for Terraform as well.
func TestProfile(t *testing.T) {
	var key string
	url := fakeSTS(t, func(w http.ResponseWriter, r *http.Request) {
		key = r.Header.Get("Authorization")
		identity(w)
	})
	const config = "[profile work]\naws_access_key_id = AKIAWORK\naws_secret_access_key = s\nregion = eu-west-3\n"
	cleanAWS(t, config, vars(someKeys, "AWS_ENDPOINT_URL="+url)...)
	tg, err := Open(t.Context(), Options{Kind: AWS, Profile: "work"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(key, "AKIAWORK") || tg.Region != "eu-west-3" {
		t.Errorf("asked with %q in %s", key, tg.Region)
	}
	env := strings.Join(tg.Environ([]string{"AWS_ACCESS_KEY_ID=AKIAOTHER", "AWS_SECRET_ACCESS_KEY=x", "AWS_SESSION_TOKEN=y", "AWS_PROFILE=other"}), " ")
	if !strings.Contains(env, "AWS_PROFILE=work") || strings.Contains(env, "AKIAOTHER") || strings.Contains(env, "other") {
		t.Errorf("Terraform's environment: %s", env)
	}
	if got := tg.CredentialsSource(t.Context()); got != `profile "work"` {
		t.Errorf("the keys come from %s", got)
	}
	if _, err := Open(t.Context(), Options{Kind: AWS, Profile: "nope", Region: "eu-west-1"}); !errors.Is(err, ErrProfile) || !strings.Contains(err.Error(), `"nope"`) {
		t.Errorf("a profile that is not there: %v", err)
	}
}
