package target

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"workshop/internal/clean"
	"workshop/internal/regions"
)

// Why an AWS account cannot be used. An *Error wraps one of them.
var (
	ErrNoRegion       = errors.New("no AWS region is set")
	ErrUnknownRegion  = errors.New("AWS has no such Region")
	ErrRegionDisabled = errors.New("the Region is not enabled in this account")
	ErrProfile        = errors.New("the AWS profile cannot be used")
	ErrNoCredentials  = errors.New("no AWS credentials")
	ErrExpired        = errors.New("the AWS session has expired")
	ErrInvalidKeys    = errors.New("AWS does not accept the keys")
	ErrDenied         = errors.New("AWS does not permit this")
	ErrClock          = errors.New("the clock is wrong")
	ErrMFA            = errors.New("an MFA code is needed")
	ErrNetwork        = errors.New("AWS cannot be reached")
	ErrProxy          = errors.New("the proxy does not connect to AWS")
	ErrTLS            = errors.New("AWS's certificate cannot be verified")
)

// Error says why an AWS account cannot be used and what to do next.
type Error struct {
	Kind   error  // one of the Err values; nil where the cause is not known
	Doing  string // such as "asking AWS who you are"
	What   string // happened
	Fix    string // what to do next
	Detail string // AWS's or the network's own words, for a colleague; may be empty
	Err    error  // as the SDK gave it; may be nil
}

// Error is one sentence after the other: all of the above.
func (e *Error) Error() string {
	s := e.Doing + ": " + e.What
	if e.Fix != "" {
		s += ". " + e.Fix
	}
	if e.Detail != "" {
		s += " (" + e.Detail + ")"
	}
	return s
}

// Unwrap gives errors.Is and errors.As the kind and the SDK's error.
func (e *Error) Unwrap() []error {
	var all []error
	for _, err := range []error{e.Kind, e.Err} {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}

// codes are the API errors that have one cause whatever their message says.
var codes = map[string]error{
	"ExpiredToken": ErrExpired, "ExpiredTokenException": ErrExpired, "TokenRefreshRequired": ErrExpired,
	// IAM Identity Center's, for a session that ended or was signed out of.
	"UnauthorizedException": ErrExpired, "InvalidGrantException": ErrExpired,
	"InvalidClientTokenId": ErrInvalidKeys, "UnrecognizedClientException": ErrInvalidKeys, "InvalidAccessKeyId": ErrInvalidKeys,
	"InvalidSecurity": ErrInvalidKeys, "IncompleteSignature": ErrInvalidKeys, "AuthFailure": ErrInvalidKeys,
	"RequestExpired": ErrClock, "RequestTimeTooSkewed": ErrClock, "RequestInTheFuture": ErrClock,
	"OptInRequired": ErrRegionDisabled, "RegionDisabledException": ErrRegionDisabled,
	"ForbiddenException": ErrDenied, "UnauthorizedOperation": ErrDenied,
}

// cause finds what an SDK error comes down to; nil where it is none of the Err
// values. It asks nobody.
func cause(err error) error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return known.Kind
	}
	if errors.As(err, new(config.AssumeRoleTokenProviderNotSetError)) {
		return ErrMFA
	}
	if errors.As(err, new(config.SharedConfigProfileNotExistError)) || errors.As(err, new(config.SharedConfigAssumeRoleError)) ||
		errors.As(err, new(config.SharedConfigLoadError)) || errors.As(err, new(config.CredentialRequiresARNError)) {
		return ErrProfile
	}
	if c := apiCause(err); c != nil {
		return c
	}
	var process *processcreds.ProviderError
	if errors.As(err, &process) {
		return ErrProfile
	}
	text := err.Error()
	var token *ssocreds.InvalidTokenError
	if errors.As(err, &token) && errors.Is(err, fs.ErrNotExist) {
		return ErrNoCredentials // never signed in
	}
	if errors.As(err, &token) || contains(text, "cached SSO token", "refresh SSO token", "please reauthenticate") {
		return ErrExpired
	}
	var none *credentials.StaticCredentialsEmptyError
	if errors.As(err, &none) || contains(text, "no EC2 IMDS role found", "EC2 IMDS", "IMDS disabled") {
		return ErrNoCredentials
	}
	return connectionCause(err)
}

func apiCause(err error) error {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return nil
	}
	code, message := api.ErrorCode(), api.ErrorMessage()
	switch {
	case codes[code] != nil:
		return codes[code]
	case code == "SignatureDoesNotMatch" || code == "InvalidSignatureException":
		if contains(message, "Signature expired", "not yet current", "is now earlier", "is still later") {
			return ErrClock
		}
		return ErrInvalidKeys
	case strings.HasPrefix(code, "AccessDenied"):
		if strings.Contains(message, "MultiFactorAuthentication") {
			return ErrMFA
		}
		return ErrDenied
	}
	return nil
}

func connectionCause(err error) error {
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) || errors.As(err, new(x509.UnknownAuthorityError)) || errors.As(err, new(x509.HostnameError)) ||
		errors.As(err, new(x509.CertificateInvalidError)) || errors.As(err, new(tls.RecordHeaderError)) {
		return ErrTLS
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "proxyconnect" {
		return ErrProxy
	}
	var sent *smithyhttp.RequestSendError
	if errors.As(err, &sent) {
		if proxyOf(sent) != nil && op == nil && !errors.Is(err, context.DeadlineExceeded) {
			return ErrProxy // it answered, and not with a connection
		}
		return ErrNetwork
	}
	var dns *net.DNSError
	if errors.As(err, &dns) || errors.As(err, &op) || errors.Is(err, context.DeadlineExceeded) {
		return ErrNetwork
	}
	return nil
}

// proxyOf is the proxy that a failed request went through; nil for none.
func proxyOf(err error) *url.URL {
	var failed *url.Error
	if !errors.As(err, &failed) {
		return nil
	}
	req, err := http.NewRequest(http.MethodPost, failed.URL, nil)
	if err != nil {
		return nil
	}
	proxy, err := http.ProxyFromEnvironment(req)
	if err != nil {
		return nil
	}
	return proxy
}

func contains(s string, any ...string) bool {
	for _, a := range any {
		if strings.Contains(s, a) {
			return true
		}
	}
	return false
}

// location is where a call went.
type location struct {
	region   string
	endpoint string // of AWS_ENDPOINT_URL; empty for AWS itself
	profile  string // that was asked for; empty for the environment's
}

// name is the profile's.
func (p location) name() string { return cmp.Or(p.profile, profile()) }

// checkRegion finds out whether keys were refused because the Region is not
// enabled: AWS answers InvalidClientTokenId for that as well.
func (p location) checkRegion(ctx context.Context, cfg aws.Config, err error) error {
	if cause(err) != ErrInvalidKeys || p.endpoint != "" || !regions.OptIn(p.region) {
		return err
	}
	cfg = cfg.Copy()
	cfg.Region = "us-east-1"
	if _, again := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); again != nil {
		return err
	}
	return &Error{Kind: ErrRegionDisabled, Err: err}
}

// explain puts an error into words by its cause. doing begins the text.
func explain(doing string, err error, at location) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	kind := cause(err)
	// A name that does not resolve is the Region's where AWS has no such Region.
	if at.endpoint == "" && at.region != "" && !regions.Known(at.region) && (kind == ErrNetwork || kind == nil && !isAPI(err)) {
		kind = ErrUnknownRegion
	}
	what, fix := at.describe(kind, err)
	return &Error{Kind: kind, Doing: doing, What: what, Fix: fix, Detail: detail(kind, err), Err: err}
}

func isAPI(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api)
}

// describe say what happened and what to do.
func (p location) describe(kind, err error) (what, fix string) {
	named := ""
	if name := p.name(); name != "default" {
		named = " --profile " + clean.Line(name)
	}
	switch kind {
	case ErrUnknownRegion:
		what = fmt.Sprintf("there is no AWS Region %q", clean.Line(p.region))
		if like := regions.Similar(p.region); like != "" {
			return what + "; did you mean " + like + "?", "Set the Region with --region or AWS_REGION"
		}
		return what, "Set one with --region or AWS_REGION, for example eu-west-1 or us-east-1"
	case ErrRegionDisabled:
		return fmt.Sprintf("the Region %s is not enabled in this account", p.region), "Enable it in the AWS console (Account, AWS Regions), or use another with --region"
	case ErrProfile:
		var missing config.SharedConfigProfileNotExistError
		if errors.As(err, &missing) {
			return fmt.Sprintf("there is no profile %q in your AWS configuration", clean.Line(missing.Profile)), "`aws configure list-profiles` lists those that there are; set AWS_PROFILE to one of them"
		}
		return fmt.Sprintf("the profile %q does not give credentials", clean.Line(p.name())), "`aws sts get-caller-identity" + named + "` shows the same with more detail; fix the profile in ~/.aws/config"
	case ErrNoCredentials:
		return "no AWS credentials were found", "Sign in (`aws sso login" + named + "` or `aws configure`), and set AWS_PROFILE if you use a named profile. Without --target aws you use the sandbox, which needs none"
	case ErrExpired:
		return "your AWS session has expired", "Sign in again (`aws sso login" + named + "`, or get new temporary keys), then run this command again"
	case ErrInvalidKeys:
		return "AWS does not accept your keys, which come from " + p.keys(), "They are wrong, deactivated or deleted, or incomplete: a temporary key needs its AWS_SESSION_TOKEN. Create new ones, or sign in again"
	case ErrDenied:
		return "AWS does not permit it", "Ask an administrator of the account for this permission, or use another profile (AWS_PROFILE)"
	case ErrClock:
		return "this computer's clock differs from AWS's by more than five minutes", "Set the clock (it is " + time.Now().Format("15:04 on 2 January 2006") + " here), then try again"
	case ErrMFA:
		name := clean.Line(p.name())
		return fmt.Sprintf("the profile %q needs an MFA code", name), "Sign in on a terminal first, in one of these ways:\n" +
			"  eval \"$(aws configure export-credentials --profile " + name + " --format env)\"\n" +
			"  aws sts get-session-token --serial-number ARN-OF-YOUR-MFA-DEVICE --token-code CODE\n" +
			"After the second, set the three values that it prints as AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, and unset AWS_PROFILE"
	case ErrNetwork:
		if p.endpoint != "" {
			return "nothing answers at " + clean.Line(p.endpoint) + ", where AWS_ENDPOINT_URL sends all calls", "Start what should listen there, or unset AWS_ENDPOINT_URL"
		}
		return "AWS cannot be reached from here", "Check your network connection, VPN and firewall. The sandbox needs no network: leave out --target aws to use it"
	case ErrProxy:
		proxy := "the proxy"
		if u := proxyOf(err); u != nil {
			proxy += " " + clean.Line(u.Redacted())
		}
		return proxy + " does not connect to AWS", "Check HTTPS_PROXY and the proxy's password, or ask whoever runs the proxy to allow *.amazonaws.com"
	case ErrTLS:
		what = "the certificate that answers for AWS cannot be verified"
		var bad *tls.CertificateVerificationError
		if errors.As(err, &bad) && len(bad.UnverifiedCertificates) > 0 {
			what += fmt.Sprintf("; it was issued by %q", clean.Line(bad.UnverifiedCertificates[0].Issuer.String()))
		}
		return what, "A company proxy or a virus scanner may replace certificates: save its root certificate as a PEM file and set AWS_CA_BUNDLE to that file; Terraform reads it too"
	}
	return "AWS gave an error", "`aws sts get-caller-identity" + named + "` shows whether your AWS configuration works"
}

// keys names where the keys come from.
func (p location) keys() string {
	if p.profile == "" && envKeys() {
		return "the environment (AWS_ACCESS_KEY_ID)"
	}
	return fmt.Sprintf("the profile %q", clean.Line(p.name()))
}

// detail is the shortest piece of an error that still says something, for a
// search engine or a colleague.
func detail(kind, err error) string {
	var certificate *tls.CertificateVerificationError
	var api smithy.APIError
	var dns *net.DNSError
	var op *net.OpError
	var text string
	switch {
	case kind == ErrNoCredentials, errors.As(err, new(config.AssumeRoleTokenProviderNotSetError)):
		return "" // words of the SDK's inside
	case errors.As(err, &certificate):
		text = certificate.Error()
	case errors.As(err, &api):
		text = api.ErrorCode() + ": " + api.ErrorMessage()
	case errors.As(err, &dns):
		text = dns.Error()
	case errors.As(err, &op):
		text = op.Error()
	case errors.Is(err, context.DeadlineExceeded):
		text = "no answer in time"
	default:
		var operation *smithy.OperationError
		if errors.As(err, &operation) {
			err = operation.Err
		}
		text = strings.TrimPrefix(err.Error(), "get identity: get credentials: failed to refresh cached credentials, ")
	}
	return clean.Line(text)
}

func envKeys() bool {
	return os.Getenv("AWS_ACCESS_KEY_ID") != "" || os.Getenv("AWS_ACCESS_KEY") != ""
}
