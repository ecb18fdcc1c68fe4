package stack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"workshop/internal/clean"
	"workshop/internal/mirror"
)

const (
	terraformRegistry = "registry.terraform.io"
	tofuRegistry      = "registry.opentofu.org"
	// builtin is part of Terraform itself.
	builtin = "terraform.io/builtin/terraform"
)

// address is a provider's address with its host.
// https://developer.hashicorp.com/terraform/language/providers/requirements#source-addresses
func (t *Terraform) address(source string) string {
	switch strings.Count(source, "/") {
	case 0:
		source = "hashicorp/" + source
		fallthrough
	case 1:
		return t.registry() + "/" + source
	}
	return source
}

// wanted returns the addresses of the providers that init installs, those of the
// configuration and those of the state, with the versions that will do: the locked one
// where the configuration takes it, else what the configuration says. Empty is any.
func (s *Stack) wanted(c *configuration) map[string]string {
	t := s.opts.Terraform
	sources := c.providers
	if len(sources) == 0 {
		sources = map[string]string{"hashicorp/aws": ">= 5.100, < 7"} // the files are broken, or not there yet
	}
	out := map[string]string{}
	for source, constraint := range sources {
		out[t.address(source)] = constraint
	}
	if st, err := s.state(); err == nil { // what it has cannot be known otherwise
		for _, address := range st.providers() {
			// OpenTofu reads Terraform's addresses in a state as its own.
			if rest, ok := strings.CutPrefix(address, terraformRegistry+"/"); ok && t.Tofu {
				address = tofuRegistry + "/" + rest
			}
			if _, ok := out[address]; !ok {
				out[address] = ""
			}
		}
	}
	delete(out, builtin)
	locked, _ := lockedProviders(s.opts.Dir) // init reports a file that cannot be read
	for address, v := range locked {
		if constraint, ok := out[address]; ok && mirror.Fits(v, constraint) {
			out[address] = v
		}
	}
	return out
}

// lockFile is Terraform's dependency lock file.
const lockFile = ".terraform.lock.hcl"

// lockedProviders reads the versions that the dependency lock file has selected, by the
// providers' addresses; none where there is no file.
func lockedProviders(dir string) (map[string]string, error) {
	packages, err := lockedPackages(dir)
	if packages == nil {
		return nil, err
	}
	out := map[string]string{}
	for address, p := range packages {
		out[address] = p.Version
	}
	return out, nil
}

// lockedPackages is lockedProviders with the checksums.
// https://developer.hashicorp.com/terraform/language/files/dependency-lock
func lockedPackages(dir string) (map[string]mirror.Locked, error) {
	name := filepath.Join(dir, lockFile)
	src, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the dependency lock file: %w", err)
	}
	parsed, diags := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, fmt.Errorf("read the dependency lock file: %w", diags)
	}
	out := map[string]mirror.Locked{}
	for _, b := range parsed.Body.(*hclsyntax.Body).Blocks { // documented so
		if b.Type != "provider" || len(b.Labels) != 1 || b.Body.Attributes["version"] == nil {
			return nil, fmt.Errorf("read the dependency lock file: %s has a block of another kind", clean.Line(name))
		}
		attribute := values(b.Body, nil)
		v, ok := attribute["version"].(string)
		if !ok {
			return nil, fmt.Errorf("read the dependency lock file: %s has no version for %s", clean.Line(name), clean.Line(b.Labels[0]))
		}
		locked := mirror.Locked{Version: v}
		hashes, _ := attribute["hashes"].([]any)
		for _, h := range hashes {
			if h, ok := h.(string); ok {
				locked.Hashes = append(locked.Hashes, h)
			}
		}
		out[b.Labels[0]] = locked
	}
	return out, nil
}

// mirrorsOfTheOther warns of folders that have a provider for Terraform where OpenTofu
// runs, or the other way round: each takes the packages of its own registry only.
func (s *Stack) mirrorsOfTheOther(wanted map[string]string) []Diagnostic {
	t := s.opts.Terraform
	other := &Terraform{Tofu: !t.Tofu}
	var out []Diagnostic
	for _, address := range slices.Sorted(maps.Keys(wanted)) {
		rest, ok := strings.CutPrefix(address, t.registry()+"/")
		if !ok {
			continue
		}
		theirs, folders := other.registry()+"/"+rest, s.mirrorFolders()
		has := func(address, constraint string) int {
			return slices.IndexFunc(folders, func(dir string) bool { return mirrorHas(dir, address, constraint) })
		}
		i := has(theirs, wanted[address])
		if i < 0 || has(address, wanted[address]) >= 0 {
			continue
		}
		out = append(out, Diagnostic{
			Severity: "warning", Tofu: t.Tofu,
			Summary: fmt.Sprintf("%s has the provider for %s", clean.Line(folders[i]), other.Name()),
			Detail: fmt.Sprintf("It has %s, and %s needs %s. `%s providers mirror` makes a folder that has it.",
				theirs, t.Name(), address, t.command()),
		})
	}
	return out
}

// RemoveLockFile renames .terraform.lock.hcl, which Terraform writes again at the
// next Init, and returns the copy's path. It is the repair of ErrLockFile.
func (s *Stack) RemoveLockFile() (kept string, err error) {
	name := filepath.Join(s.opts.Dir, lockFile)
	kept = name + ".old"
	if err := os.Rename(name, kept); err != nil {
		return "", fmt.Errorf("set the dependency lock file aside: %w", err)
	}
	return kept, nil
}

// asksForUpgrade reports whether init found a provider locked to a version that the
// configuration no longer takes. The words have been stable since Terraform 0.14, and
// are OpenTofu's too ("must use tofu init -upgrade").
func asksForUpgrade(d Diagnostic) bool {
	return d.Severity == "error" && strings.Contains(d.Detail, "does not match configured version constraint") && strings.Contains(d.Detail, "init -upgrade")
}

// lacksChecksums reports whether the lock file has no checksum of the package that is
// here: most often it was written on a machine of another kind, from a folder or a
// cache, where Terraform sees the package of that machine only. The words are those of
// internal/providercache and of internal/command/meta_providers.go, in Terraform and
// in OpenTofu.
func lacksChecksums(d Diagnostic) bool {
	return d.Severity == "error" && strings.Contains(d.Detail, "any of the checksums")
}

// relock adds the checksums for this machine to the lock file, of the providers that
// the problems name, and keeps what is in it. It returns their addresses. A package
// comes from the first mirror that has the locked version, else from the registry, or
// from the plug-in cache where the registry does not answer.
// https://developer.hashicorp.com/terraform/cli/commands/providers/lock
func (s *Stack) relock(ctx context.Context, o *operation, env []string, problems []Diagnostic) ([]string, error) {
	locked, err := lockedProviders(s.opts.Dir)
	if err != nil {
		return nil, err
	}
	var done []string
	for _, address := range slices.Sorted(maps.Keys(locked)) {
		if !slices.ContainsFunc(problems, func(d Diagnostic) bool {
			return lacksChecksums(d) && strings.Contains(d.Detail, address+" "+locked[address])
		}) {
			continue
		}
		has := func(dir string) bool { return mirrorHas(dir, address, locked[address]) }
		var sources []string // empty is the registry
		if folders := s.mirrorFolders(); slices.ContainsFunc(folders, has) {
			sources = folders[slices.IndexFunc(folders, has):][:1]
		} else if cache := s.pluginCache(); cache != "" && has(cache) {
			sources = []string{"", cache}
		} else {
			sources = []string{""}
		}
		for _, source := range sources {
			args := []string{"providers", "lock", "-platform=" + mirror.Platform()}
			if source != "" {
				args = append(args, "-fs-mirror="+source)
			}
			err = s.run(ctx, o, func() Op { return OpInit }, env, append(args, address), func(m message) Event { return m.event(OpInit) })
			if err == nil || s.stopping(ctx, o) {
				break
			}
		}
		if err != nil {
			return nil, err
		}
		done = append(done, address)
	}
	return done, nil
}

// pluginCache is the folder of plug-ins that all workspaces share; empty for none.
func (s *Stack) pluginCache() string {
	if s.opts.CacheDir == "" {
		return ""
	}
	return filepath.Join(s.opts.CacheDir, "plugins")
}
