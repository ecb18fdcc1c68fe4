package target

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/logincreds"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

const (
	// callTimeout bounds the one call that opening makes.
	callTimeout = 15 * time.Second
	// mfaAttempts is how often a person may type a code.
	mfaAttempts = 3
	// mfaSession is how long the credentials of an MFA sign-in last. Every role
	// allows at least an hour; the SDK's default is 15 minutes, and Terraform
	// cannot ask for another code.
	mfaSession = time.Hour
)

// openAWS reads the person's AWS configuration as the aws command line does and
// asks STS who the caller is. Errors are an *Error that names the cause.
func openAWS(ctx context.Context, o Options) (*Target, error) {
	var mfaDevice string
	load := []func(*config.LoadOptions) error{config.WithRegion(o.Region)}
	if o.Profile != "" {
		load = append(load, config.WithSharedConfigProfile(o.Profile))
	}
	if o.MFACode != nil {
		load = append(load, config.WithAssumeRoleCredentialOptions(func(ro *stscreds.AssumeRoleOptions) {
			if ro.SerialNumber == nil {
				return
			}
			mfaDevice = *ro.SerialNumber
			ro.TokenProvider = func() (string, error) { return o.MFACode(ctx, mfaDevice) }
			if ro.Duration == 0 {
				ro.Duration = mfaSession
			}
		}))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	at := location{region: cfg.Region, endpoint: aws.ToString(cfg.BaseEndpoint), profile: o.Profile}
	if err != nil {
		at.region = o.Region
		return nil, explain("reading your AWS configuration", err, at)
	}
	if cfg.Region == "" {
		return nil, &Error{Kind: ErrNoRegion, Doing: "reading your AWS configuration", What: "no AWS region is set", Fix: "Use --region, or set AWS_REGION, for example to eu-west-1"}
	}
	var handed *aws.Credentials // to Terraform, where it cannot get them by itself
	if mfaDevice != "" {
		// The person types: there is no deadline but ctx.
		creds, err := retrieveWithMFA(ctx, cfg.Credentials)
		if err != nil {
			return nil, explain("signing in with MFA", err, at)
		}
		cfg.Credentials = fixedCredentials(creds)
		handed = &creds
	}

	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, explain("asking AWS who you are", at.checkRegion(ctx, cfg, err), at)
	}
	t := &Target{
		Kind: AWS, Account: aws.ToString(who.Account), CallerARN: aws.ToString(who.Arn), Region: cfg.Region, Config: cfg,
		Env: []string{"AWS_REGION=" + cfg.Region}, profile: at.name(),
	}
	if server, ok := awsmiddleware.GetServerTime(who.ResultMetadata); ok {
		if received, ok := awsmiddleware.GetResponseAt(who.ResultMetadata); ok {
			t.ClockSkew = received.Sub(server).Round(time.Second)
		}
	}
	if creds, err := cfg.Credentials.Retrieve(ctx); err == nil && creds.Source == logincreds.ProviderName {
		// AWS provider 5 does not know profiles of `aws login`.
		handed = &creds
		t.Notes = append(t.Notes, fmt.Sprintf("Terraform gets the credentials of your `aws login` session, which it cannot renew. They end at %s.", creds.Expires.Local().Format("15:04")))
	}
	if handed != nil {
		t.Env = append(t.Env, "AWS_ACCESS_KEY_ID="+handed.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+handed.SecretAccessKey, "AWS_SESSION_TOKEN="+handed.SessionToken)
		if handed.CanExpire {
			t.Env = append(t.Env, expirationVariable+"="+handed.Expires.UTC().Format(time.RFC3339))
		}
		t.Unset = append(t.Unset, "AWS_PROFILE", "AWS_DEFAULT_PROFILE")
	}
	if o.Profile != "" && handed == nil {
		t.Env = append(t.Env, "AWS_PROFILE="+o.Profile)
		t.Unset = append(t.Unset, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN") // which would win
	}
	for _, kv := range os.Environ() {
		switch k, v, _ := strings.Cut(kv, "="); {
		case k == "AWS_PROFILE" && handed == nil && o.Profile == "", k == "AWS_CA_BUNDLE":
			t.Env = append(t.Env, kv)
		case strings.HasPrefix(k, "AWS_ENDPOINT_URL") && v != "":
			// Terraform must go where the SDK goes, wherever that is.
			t.Env = append(t.Env, kv)
			t.Notes = append(t.Notes, k+" is set: calls go to "+v+" instead of AWS.")
		}
	}
	return t, nil
}

// retrieveWithMFA asks for a code, and again where AWS did not accept it.
func retrieveWithMFA(ctx context.Context, p aws.CredentialsProvider) (creds aws.Credentials, err error) {
	for range mfaAttempts {
		creds, err = p.Retrieve(ctx)
		if !errors.Is(cause(err), ErrMFA) || ctx.Err() != nil {
			return creds, err
		}
	}
	return creds, err
}

func fixedCredentials(c aws.Credentials) aws.CredentialsProvider {
	return credentials.StaticCredentialsProvider{Value: c}
}

// renewing are the sources of credentials that the SDK and Terraform's provider
// renew by themselves as long as the sign-in behind them lasts.
var renewing = []string{
	ssocreds.ProviderName, stscreds.ProviderName, stscreds.WebIdentityProviderName,
	ec2rolecreds.ProviderName, endpointcreds.ProviderName, logincreds.ProviderName,
}

// expirationVariable comes with the keys that `aws configure export-credentials
// --format env` prints.
const expirationVariable = "AWS_CREDENTIAL_EXPIRATION"

// Expires returns when the credentials end and nothing but the person can renew
// them. It is false where they do not end, where they are renewed without the
// person, and where their end is not known. It may run the person's
// credential_process, for five seconds at most.
func (t *Target) Expires() (time.Time, bool) {
	if t.Kind != AWS || t.Config.Credentials == nil {
		return time.Time{}, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, err := t.Config.Credentials.Retrieve(ctx)
	switch {
	case err != nil, slices.Contains(renewing, c.Source) && !t.fixed():
		return time.Time{}, false
	case c.CanExpire:
		return c.Expires, true
	case c.Source == config.CredentialsSourceName && c.SessionToken != "":
		end, err := time.Parse(time.RFC3339, os.Getenv(expirationVariable))
		return end, err == nil
	}
	return time.Time{}, false
}

// fixed reports whether the credentials are those of an MFA sign-in, which were
// retrieved once.
func (t *Target) fixed() bool {
	_, ok := t.Config.Credentials.(credentials.StaticCredentialsProvider)
	return ok
}

// CredentialsSource says in words where the credentials come from, such as
// `profile "work" (SSO)`.
func (t *Target) CredentialsSource(ctx context.Context) string {
	if t.Config.Credentials == nil {
		return "none"
	}
	c, err := t.Config.Credentials.Retrieve(ctx)
	if err != nil {
		return "unknown"
	}
	return sourceName(c.Source, t.profile)
}

func sourceName(source, profile string) string {
	if source == config.CredentialsSourceName {
		return "the environment (AWS_ACCESS_KEY_ID)"
	}
	kind := map[string]string{
		ssocreds.ProviderName: "IAM Identity Center", stscreds.ProviderName: "an assumed role",
		stscreds.WebIdentityProviderName: "a web identity", ec2rolecreds.ProviderName: "this EC2 instance's role",
		endpointcreds.ProviderName: "the container's role", logincreds.ProviderName: "aws login",
		"ProcessProvider": "credential_process",
	}[source]
	switch {
	case source == ec2rolecreds.ProviderName, source == endpointcreds.ProviderName:
		return kind
	case kind != "":
		return fmt.Sprintf("profile %q (%s)", profile, kind)
	}
	return fmt.Sprintf("profile %q", profile)
}

// profile is the name of the profile that the SDK reads.
func profile() string {
	for _, k := range []string{"AWS_PROFILE", "AWS_DEFAULT_PROFILE"} {
		if v := os.Getenv(k); v != "" {
			return v
		}
	}
	return "default"
}

// CredentialsEvent says that AWS no longer accepts the credentials.
type CredentialsEvent struct {
	At  time.Time // when they ended where that is known, else when AWS first refused them
	Err error     // an *Error, of kind ErrExpired or ErrInvalidKeys
}

const (
	watchEvery   = 10 * time.Second
	watchTimeout = 8 * time.Second // for one question
)

// WatchCredentials asks AWS every ten seconds who the caller is, while an
// operation runs. When AWS no longer accepts the credentials it calls emit once
// and returns; otherwise it returns when ctx ends. Other errors are passed over.
// For the sandbox it returns at once.
func WatchCredentials(ctx context.Context, t *Target, emit func(CredentialsEvent)) {
	if t.Kind != AWS {
		return
	}
	client := sts.NewFromConfig(t.Config)
	watchCredentials(ctx, func(ctx context.Context) error {
		_, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		return err
	}, func(err error) {
		e := CredentialsEvent{At: time.Now(), Err: explain("using your AWS credentials", err, location{region: t.Region, endpoint: aws.ToString(t.Config.BaseEndpoint)})}
		if end, ok := t.Expires(); ok && end.Before(e.At) {
			e.At = end
		}
		emit(e)
	})
}

func watchCredentials(ctx context.Context, ask func(context.Context) error, refused func(error)) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		call, cancel := context.WithTimeout(ctx, watchTimeout)
		err := ask(call)
		cancel()
		if c := cause(err); errors.Is(c, ErrExpired) || errors.Is(c, ErrInvalidKeys) {
			refused(err)
			return
		}
	}
}

// CredentialsExpired reports whether an AWS call, or Terraform in its own words,
// failed because the credentials ended.
func CredentialsExpired(err error) bool {
	return err != nil && (errors.Is(err, ErrExpired) || errors.Is(cause(err), ErrExpired) ||
		contains(err.Error(), "ExpiredToken", "security token included in the request is expired"))
}
