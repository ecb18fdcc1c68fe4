package target

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"workshop/internal/clean"
	"workshop/internal/detach"
)

// DefaultRegion is where the sandbox pretends to be.
const DefaultRegion = "eu-west-1"

// KeepsRunning is what a command says at its end where it leaves a sandbox behind.
const KeepsRunning = "The sandbox and its tasks keep running; `workshop sandbox stop` ends them, and the next command that needs the sandbox brings them back."

// elsewhere are the variables by which AWS's tools would leave the sandbox:
// other credentials win over the two keys, and an endpoint of a service wins
// over the general one.
var elsewhere = []string{
	"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_ROLE_ARN",
	"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
	"AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
}

// openSandbox finds the workspace's sandbox, and starts it in the background
// where none runs. Several commands may do so at once: each of the processes
// that they start wants the lock, one gets it, and all commands find that one.
func openSandbox(ctx context.Context, o Options) (*Target, error) {
	f, err := filesOf(o.Dir)
	if err != nil {
		return nil, err
	}
	var started *detach.Process // by this command
	restarted := false
	begun := time.Now()
	patience := answerTime
	for {
		s, i, d, err := f.look(ctx)
		switch {
		case s == absent && err != nil:
			return nil, err
		case s == running:
			if d.Build != build() && i.Background && !restarted && !o.NoStart && !inUse(o, d) {
				restarted = true
				if _, err := f.stop(ctx); err != nil {
					return nil, err
				}
				begun = time.Now()
				continue
			}
			own := started != nil && started.PID == i.PID
			if started != nil && !own {
				discard(started)
			}
			return found(o, i, d, own), nil
		case s == absent && o.NoStart:
			return nil, ErrNotRunning
		case s == absent && started == nil:
			if started, err = f.start(o); err != nil {
				return nil, err
			}
			patience = startTime
		case s == absent:
			select {
			case <-started.Done():
				if started.ExitCode() != exitRunning {
					return nil, startError(started)
				}
				started = nil // the process that it found has ended since
			default: // it has not got as far as the lock
			}
		}
		if after := time.Since(begun); after >= patience || ctx.Err() != nil {
			e := &UnavailableError{PID: i.PID, For: "answer", After: after, Err: errors.Join(err, ctx.Err())}
			if s != silent {
				e.For = "start"
			}
			if e.PID == 0 && started != nil {
				e.PID = started.PID
			}
			return nil, e
		}
		pause(ctx, lookAgain)
	}
}

// start starts a process that becomes the sandbox if it is the first.
func (f files) start(o Options) (*detach.Process, error) {
	if err := os.MkdirAll(f.folder, 0o700); err != nil {
		return nil, fmt.Errorf("making the sandbox's folder: %w; choose another place with --workspace", err)
	}
	r, err := json.Marshal(request{Dir: o.Dir, Region: o.Region, Fast: o.Fast, Port: o.Port, Idle: o.Idle})
	if err != nil {
		return nil, fmt.Errorf("starting the sandbox: %w", err)
	}
	p, err := detach.Start(detach.Command{
		Args: []string{"sandbox", "--workspace", o.Dir}, // for the eyes of who reads `ps`
		Env:  append(os.Environ(), processEnv+"="+string(r)),
		Log:  f.log,
	})
	if err != nil {
		return nil, fmt.Errorf("starting the sandbox: %w", err)
	}
	return p, nil
}

// discard ends a process that did not become the sandbox, so that it does not
// become one later.
func discard(p *detach.Process) {
	if child, err := os.FindProcess(p.PID); err == nil {
		_ = child.Kill() // it may have ended by itself
	}
	<-p.Done()
}

// startError is why a sandbox that this command started has ended: the last line
// that it printed.
func startError(p *detach.Process) error {
	out, err := p.Output()
	lines := strings.Split(strings.TrimSpace(out), "\n")
	reason := clean.Line(lines[len(lines)-1])
	if err != nil || reason == "" {
		reason = fmt.Sprintf("its process ended with exit code %d", p.ExitCode())
	}
	return fmt.Errorf("the sandbox could not start: %s (`workshop sandbox logs` shows more)", reason)
}

// quietTime is how long nobody must have used a sandbox of another build before
// it is restarted.
var quietTime = 10 * time.Second

func inUse(o Options, d description) bool {
	return time.Since(d.LastUse) < quietTime || o.InUse != nil && o.InUse()
}

// found is the target of a sandbox that runs.
func found(o Options, i info, d description, started bool) *Target {
	t := sandboxTarget(i)
	t.started = started
	if started {
		t.Notes = append(t.Notes, i.Notes...)
	}
	if o.Region != "" && o.Region != i.Region {
		t.Notes = append(t.Notes, fmt.Sprintf("The sandbox that runs in this workspace is in %s; --region %s is ignored.", i.Region, o.Region))
	}
	if d.Build != build() {
		t.Notes = append(t.Notes, fmt.Sprintf("The sandbox (process %d) is of another build of workshop and stays while it is in use. `workshop sandbox stop` ends it; the next command starts this build's.", i.PID))
	}
	if d.Problem != "" {
		t.Notes = append(t.Notes, fmt.Sprintf("The sandbox (process %d) does not work as it should: %s. `workshop sandbox logs` shows more.", i.PID, clean.Line(d.Problem)))
	}
	return t
}

func sandboxTarget(i info) *Target {
	t := &Target{
		Kind: Sandbox, Account: i.Account, Region: i.Region, Endpoint: i.Endpoint, Config: sandboxConfig(i),
		Env: []string{
			"AWS_ENDPOINT_URL=" + i.Endpoint,
			"AWS_ACCESS_KEY_ID=" + i.AccessKeyID,
			"AWS_SECRET_ACCESS_KEY=" + i.SecretAccessKey,
			"AWS_REGION=" + i.Region,
			"AWS_DEFAULT_REGION=" + i.Region,
			"AWS_EC2_METADATA_DISABLED=true",
			"AWS_DISABLE_HOST_PREFIX_INJECTION=true", // the SDK's stream- before a loopback address leads nowhere
		},
		Unset: append([]string{}, elsewhere...),
	}
	for _, kv := range os.Environ() {
		if k, _, _ := strings.Cut(kv, "="); strings.HasPrefix(k, "AWS_ENDPOINT_URL_") {
			t.Unset = append(t.Unset, k)
		}
	}
	return t
}
