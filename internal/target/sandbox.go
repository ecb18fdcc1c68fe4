package target

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/gofrs/flock"
	"github.com/google/renameio/v2"

	"workshop/internal/sandbox"
)

// DefaultRegion is where the sandbox pretends to be.
const DefaultRegion = "eu-west-1"

// info is how another process finds a sandbox: the file is readable by its
// owner alone, because it holds the keys.
type info struct {
	Endpoint        string `json:"endpoint"`
	Region          string `json:"region"`
	Account         string `json:"account"`
	AccessKeyID     string `json:"access_key_id"`
	SecretAccessKey string `json:"secret_access_key"`
	PID             int    `json:"pid"`
}

// elsewhere are the variables by which AWS's tools would leave the sandbox:
// other credentials win over the two keys, and an endpoint of a service wins
// over the general one.
var elsewhere = []string{
	"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_ROLE_ARN",
	"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
	"AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
}

func openSandbox(ctx context.Context, o Options) (*Target, error) {
	file := filepath.Join(o.Dir, "sandbox.json")
	if i, ok := running(ctx, file); ok {
		t := sandboxTarget(i)
		if o.Region != "" && o.Region != i.Region {
			t.Notes = append(t.Notes, fmt.Sprintf("The sandbox that runs in this workspace is in %s; --region %s is ignored.", i.Region, o.Region))
		}
		return t, nil
	}

	dir := filepath.Join(o.Dir, "sandbox")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the sandbox's folder: %w; choose another place with --workspace", err)
	}
	// Two commands that start at once: the second waits for the first's file.
	start := flock.New(filepath.Join(dir, "lock"), flock.SetPermissions(0o600))
	for {
		held, err := start.TryLock()
		if err != nil {
			return nil, fmt.Errorf("locking the sandbox's folder: %w", err)
		}
		if held {
			break
		}
		if i, ok := running(ctx, file); ok {
			return sandboxTarget(i), nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the sandbox that another process starts: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}

	region := o.Region
	if region == "" {
		region = DefaultRegion
	}
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	sb, err := sandbox.Start(ctx, sandbox.Options{Dir: dir, Region: region, Fast: o.Fast, Port: o.Port, Log: log})
	if err != nil {
		return nil, errors.Join(err, start.Unlock())
	}
	si := sb.Info()
	i := info{
		Endpoint: si.Endpoint, Region: si.Region, Account: si.Account,
		AccessKeyID: si.AccessKeyID, SecretAccessKey: si.SecretAccessKey, PID: os.Getpid(),
	}
	b, err := json.MarshalIndent(i, "", "  ")
	if err == nil {
		err = renameio.WriteFile(file, b, 0o600)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("telling other commands where the sandbox is: %w", err), sb.Close(), start.Unlock())
	}
	t := sandboxTarget(i)
	t.Notes = append(t.Notes, sb.Notes()...)
	t.close = func() error {
		err := os.Remove(file)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return errors.Join(err, sb.Close(), start.Unlock())
	}
	return t, nil
}

// running finds the sandbox that a file tells of, if it answers.
func running(ctx context.Context, file string) (info, bool) {
	b, err := os.ReadFile(file)
	if err != nil {
		return info{}, false
	}
	var i info
	if json.Unmarshal(b, &i) != nil || i.Endpoint == "" {
		return info{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_, err = sts.NewFromConfig(sandboxConfig(i)).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	return i, err == nil
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
			"AWS_DISABLE_HOST_PREFIX_INJECTION=true", // streaming- before a loopback address leads nowhere
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
