package stack

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/adrg/xdg"
	"github.com/google/renameio/v2/maybe"

	"workshop/internal/clean"
	"workshop/internal/mirror"
)

// mirrorVariable names a folder, or several in the manner of PATH, laid out as
// `terraform providers mirror` does.
const mirrorVariable = "WORKSHOP_PROVIDER_MIRROR"

// cliConfig is Terraform's CLI configuration for one stack.
type cliConfig struct {
	file string // for TF_CLI_CONFIG_FILE; empty where Terraform finds one by itself
	ours bool   // file was written here
	// local: every provider is in a folder of this machine.
	local bool
	note  string // what the user should know; may be empty
	// cache is the shared plug-in folder where ours uses one. Terraform's is not
	// safe for two inits at once.
	cache string
}

// settle decides whose CLI configuration is in force, and writes ours where it
// is ours. A configuration that the user has is never touched.
func settle(t *Terraform, wanted map[string]string, folders []string, dataDir, plugins string) (cliConfig, error) {
	var out cliConfig
	named := os.Getenv("TF_CLI_CONFIG_FILE")
	if named != "" {
		if _, err := os.Stat(named); !errors.Is(err, fs.ErrNotExist) {
			out.file = named
			return out, nil
		}
		out.note = fmt.Sprintf("TF_CLI_CONFIG_FILE names %s, which does not exist. It is ignored.", clean.Line(named))
	}
	if userConfig(t) {
		return out, nil
	}
	mirrors := findMirrors(wanted, folders)
	out.local = len(mirrors.direct) == 0
	if !out.local && plugins != "" {
		out.cache = plugins
		if err := os.MkdirAll(out.cache, 0o700); err != nil {
			// The cache only saves time and disk.
			out.cache = ""
		}
	}
	out.file, out.ours = filepath.Join(dataDir, "terraform.tfrc"), true
	text := mirrors.config(out.cache)
	if old, err := os.ReadFile(out.file); err == nil && string(old) == text {
		return out, nil
	}
	if err := maybe.WriteFile(out.file, []byte(text), 0o600); err != nil {
		return out, fmt.Errorf("write Terraform's CLI configuration: %w. Choose another folder with --workspace DIR", err)
	}
	return out, nil
}

// userConfig reports whether Terraform finds a CLI configuration by itself.
// https://developer.hashicorp.com/terraform/cli/config/config-file#locations
func userConfig(t *Terraform) bool {
	home, err := os.UserHomeDir()
	if err != nil {
		return false
	}
	files := []string{filepath.Join(home, ".terraformrc")}
	folder := filepath.Join(home, ".terraform.d")
	if runtime.GOOS == "windows" {
		appData := os.Getenv("APPDATA")
		files = []string{filepath.Join(appData, "terraform.rc")}
		folder = filepath.Join(appData, "terraform.d")
	}
	folders := []string{folder}
	if t.Tofu {
		// internal/command/cliconfig/config_{unix,windows}.go in OpenTofu.
		config := filepath.Join(xdg.ConfigHome, "opentofu")
		files = append(files, filepath.Join(home, ".tofurc"), filepath.Join(config, "tofurc"))
		folders = append(folders, config)
		if runtime.GOOS == "windows" {
			files = append(files, filepath.Join(os.Getenv("APPDATA"), "tofu.rc"))
		}
	}
	for _, dir := range folders {
		for _, pattern := range []string{"*.tfrc", "*.tfrc.json"} {
			files = append(files, filesIn(dir, pattern)...)
		}
	}
	return slices.ContainsFunc(files, func(name string) bool {
		// `terraform login` writes this one, which installs nothing.
		if filepath.Base(name) == "credentials.tfrc.json" {
			return false
		}
		_, err := os.Stat(name)
		return err == nil
	})
}

// mirrorFolders are the folders that may hold providers, best first: those of the machine
// and what was prefetched.
func (s *Stack) mirrorFolders() []string {
	folders := mirrorFolders()
	if s.opts.CacheDir != "" {
		folders = append(folders, mirror.Providers(s.opts.CacheDir))
	}
	return folders
}

// mirrorFolders are the machine's folders that may hold providers, best first: the one
// that the user named, those that Terraform and OpenTofu look into by themselves, and
// those of the system.
// https://developer.hashicorp.com/terraform/cli/config/config-file#implied-local-mirror-directories
// https://opentofu.org/docs/cli/config/config-file/#implied-local-mirror-directories
func mirrorFolders() []string {
	folders := filepath.SplitList(os.Getenv(mirrorVariable))
	if home, err := os.UserHomeDir(); err == nil {
		if runtime.GOOS == "windows" {
			folders = append(folders, filepath.Join(os.Getenv("APPDATA"), "terraform.d", "plugins"))
		} else {
			folders = append(folders, filepath.Join(home, ".terraform.d", "plugins"))
		}
		if runtime.GOOS == "darwin" {
			folders = append(folders, filepath.Join(home, "Library/Application Support/io.terraform/plugins"),
				"/Library/Application Support/io.terraform/plugins")
		}
	}
	for _, dir := range append([]string{xdg.DataHome}, xdg.DataDirs...) {
		folders = append(folders, filepath.Join(dir, "terraform", "plugins"))
	}
	folders = append(folders, filepath.Join(xdg.DataHome, "opentofu", "plugins"))
	if runtime.GOOS != "windows" {
		folders = append(folders, systemMirrors...)
	}
	var out []string
	for _, dir := range folders {
		if abs, err := filepath.Abs(dir); err == nil && dir != "" && !slices.Contains(out, abs) {
			out = append(out, abs)
		}
	}
	return out
}

// systemMirrors is a variable for tests alone.
var systemMirrors = []string{"/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins", "/opt/terraform/plugins", "/opt/tf-plugins"}

// mirrors say where each provider comes from.
type mirrors struct {
	local  map[string][]string // folder to full provider names
	direct []string            // providers that no folder has
}

// findMirrors gives each provider to the first folder that has a version that will do
// for this platform. The keys of wanted are full addresses, the values constraints.
func findMirrors(wanted map[string]string, folders []string) mirrors {
	m := mirrors{local: map[string][]string{}}
	for source, constraint := range wanted {
		i := slices.IndexFunc(folders, func(dir string) bool { return mirrorHas(dir, source, constraint) })
		if i < 0 {
			m.direct = append(m.direct, source)
			continue
		}
		m.local[folders[i]] = append(m.local[folders[i]], source)
	}
	return m
}

// mirrorHas reports whether a folder has a version of a provider for this platform.
func mirrorHas(dir, address, constraint string) bool {
	return mirrorHasFor(dir, address, constraint, mirror.Platform())
}

func mirrorHasFor(dir, address, constraint, platform string) bool {
	return slices.ContainsFunc(mirror.Packages(dir, address), func(p mirror.Package) bool {
		return p.Platform == platform && mirror.Fits(p.Version, constraint)
	})
}

// cliConfigHead begins the files that config writes.
const cliConfigHead = "# Written by workshop"

// config is the CLI configuration's text. What a folder has is not asked for
// elsewhere, so that a machine without a network gets along.
func (m mirrors) config(cache string) string {
	var b strings.Builder
	b.WriteString(cliConfigHead + ", and again when it changes. To use one of your own, put it into\n" +
		"# ~/.terraformrc or name it in TF_CLI_CONFIG_FILE.\n")
	if cache != "" {
		fmt.Fprintf(&b, "plugin_cache_dir = %s\n", strconv.Quote(cache))
		// Without this a new workspace fetches the provider again only to learn
		// its checksum from the registry.
		b.WriteString("plugin_cache_may_break_dependency_lock_file = true\n")
	}
	b.WriteString("provider_installation {\n")
	var taken []string
	for _, dir := range slices.Sorted(maps.Keys(m.local)) {
		names := slices.Sorted(slices.Values(m.local[dir]))
		taken = append(taken, names...)
		fmt.Fprintf(&b, "  filesystem_mirror {\n    path    = %s\n    include = [%s]\n  }\n", strconv.Quote(dir), quoted(names))
	}
	b.WriteString("  direct {\n")
	if len(taken) > 0 {
		fmt.Fprintf(&b, "    exclude = [%s]\n", quoted(slices.Sorted(slices.Values(taken))))
	}
	b.WriteString("  }\n}\n")
	return b.String()
}

func quoted(names []string) string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = strconv.Quote(name)
	}
	return strings.Join(out, ", ")
}
