package stack

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// DownloadBytes and UnpackedBytes are about what the AWS provider takes, as a
// download and on disk.
const (
	DownloadBytes = 150 << 20
	UnpackedBytes = 700 << 20
)

// ProviderSource says where the next init takes the AWS provider from. The zero
// value is Terraform's registry.
type ProviderSource struct {
	// Folder has the provider already: a mirror, the plug-in cache or the
	// workspace itself.
	Folder string
	// OwnConfig: a CLI configuration of the person's own decides.
	OwnConfig bool
	// Host is the registry's, such as registry.terraform.io.
	Host string
}

// ProviderSource looks where the AWS provider would come from. It runs nothing
// and asks nobody.
func (s *Stack) ProviderSource() ProviderSource {
	t, wanted := s.opts.Terraform, s.wanted(s.configuration())
	out := ProviderSource{Host: t.registry()}
	installed := filepath.Join(s.opts.Dir, ".terraform", "providers")
	if len(findMirrors(wanted, []string{installed}).direct) == 0 {
		out.Folder = installed
		return out
	}
	if named := os.Getenv("TF_CLI_CONFIG_FILE"); named != "" {
		// `workshop env` exports the name of ours.
		if b, err := os.ReadFile(named); err == nil && !strings.HasPrefix(string(b), cliConfigHead) {
			out.OwnConfig = true
			return out
		}
	}
	if userConfig(t) {
		out.OwnConfig = true
		return out
	}
	for _, folder := range append(s.mirrorFolders(), filepath.Join(s.opts.CacheDir, "plugins")) {
		if len(findMirrors(wanted, []string{folder}).direct) == 0 {
			out.Folder = folder
			return out
		}
	}
	return out
}

// Reach asks the registry for its service description, which is how Terraform
// begins. The error says why it cannot be had.
func (p ProviderSource) Reach(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+p.Host+"/.well-known/terraform.json", nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", p.Host, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask %s: %w", p.Host, err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask %s: it answers %s", p.Host, resp.Status)
	}
	return nil
}
