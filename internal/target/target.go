// Package target says where the workshop deploys: the sandbox, which is a process
// of its own for each workspace, or a real AWS account. Everything above it is
// the same for both.
package target

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"workshop/internal/sandbox/sdk"
)

// Kind is a sort of target.
type Kind string

const (
	Sandbox Kind = "sandbox"
	AWS     Kind = "aws"
)

// ErrUnknownKind is returned for a target that is neither.
var ErrUnknownKind = errors.New(`the target is either "sandbox" or "aws"`)

// ParseKind reads a target's name.
func ParseKind(s string) (Kind, error) {
	switch k := Kind(s); k {
	case Sandbox, AWS:
		return k, nil
	}
	return "", fmt.Errorf("%q: %w", s, ErrUnknownKind)
}

// Target is a place to deploy to. It is immutable once opened and safe for
// concurrent use.
type Target struct {
	Kind    Kind
	Account string // twelve digits
	Region  string
	// CallerARN names who the keys belong to, as STS says; empty for the sandbox.
	CallerARN string
	// ClockSkew is by how much this computer's clock is ahead of AWS's, to the
	// second; 0 for the sandbox.
	ClockSkew time.Duration
	// Config is for the AWS SDK's clients; endpoint, region and credentials are set.
	Config aws.Config
	// Env is what Terraform, the aws command line and the learner's shell need,
	// as KEY=value, to reach the same place. It is added to the environment.
	Env []string
	// Unset names the variables that would lead them elsewhere.
	Unset []string
	// Endpoint is the sandbox's address, e.g. http://127.0.0.1:4566; empty on AWS.
	Endpoint string
	// Notes are things that the learner should know about how it was opened.
	Notes []string

	started bool
	profile string // of the person's AWS configuration
}

// Started reports whether Open started the sandbox, whose tasks may then need
// some seconds more until they run again.
func (t *Target) Started() bool { return t.started }

// Environ returns base, which is like os.Environ, with the target's variables
// set and those that would lead elsewhere left out.
func (t *Target) Environ(base []string) []string {
	drop := map[string]bool{}
	for _, k := range t.Unset {
		drop[k] = true
	}
	for _, kv := range t.Env {
		k, _, _ := strings.Cut(kv, "=")
		drop[k] = true
	}
	var out []string
	for _, kv := range base {
		if k, _, _ := strings.Cut(kv, "="); !drop[k] {
			out = append(out, kv)
		}
	}
	return append(out, t.Env...)
}

// Options say which target to open.
type Options struct {
	Kind Kind
	Dir  string // the workspace; the sandbox keeps its state below it
	// Profile is of the person's AWS configuration; empty takes what the environment says. It
	// wins over keys in the environment.
	Profile string
	Region  string // empty: the sandbox's default, or what AWS's own configuration says
	// Fast makes the sandbox's waits as short as they can be: for tests.
	Fast bool
	// Port is that of a sandbox's endpoint; 0 takes the one that the workspace had
	// before.
	Port int
	// Idle is how long a background sandbox with resources may be unused before it
	// ends: 0 is what WORKSHOP_SANDBOX_IDLE says, else DefaultIdle; below 0 is for
	// ever.
	Idle time.Duration
	// NoStart has Open return ErrNotRunning instead of starting a sandbox.
	NoStart bool
	// InUse reports whether another process works in the workspace, so that its
	// sandbox must not be restarted; nil says no.
	InUse func() bool
	Log   *slog.Logger // of Serve's sandbox
	// MFACode asks the person for the code of an MFA device, named by its serial
	// number or ARN. Nil where nobody can be asked: a profile that needs a code
	// then fails with ErrMFA.
	MFACode func(ctx context.Context, device string) (string, error)
}

// Open reaches the target. For the sandbox it finds the one that runs in the
// workspace, or starts it in the background, where it outlives this process; a
// sandbox of another build is restarted when nobody uses it. It waits 10 s for an
// answer and 30 s for a start; after that the error is an *UnavailableError. A
// program that opens a sandbox must call RunSandbox in its main. For AWS it asks
// who the caller is, so that a wrong credential is found before anything else is
// tried.
func Open(ctx context.Context, o Options) (*Target, error) {
	switch o.Kind {
	case Sandbox:
		return openSandbox(ctx, o)
	case AWS:
		return openAWS(ctx, o)
	}
	return nil, fmt.Errorf("%q: %w", o.Kind, ErrUnknownKind)
}

// sandboxConfig is an SDK configuration that reads nothing from the
// environment: whatever the learner has set there is about other accounts.
func sandboxConfig(i info) aws.Config {
	return aws.Config{
		Region:       i.Region,
		BaseEndpoint: aws.String(i.Endpoint),
		HTTPClient:   sdk.Client(awshttp.NewBuildableClient()),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: i.AccessKeyID, SecretAccessKey: i.SecretAccessKey, Source: "sandbox"}, nil
		}),
		Retryer: func() aws.Retryer { return retry.AddWithMaxAttempts(retry.NewStandard(), 2) },
	}
}
