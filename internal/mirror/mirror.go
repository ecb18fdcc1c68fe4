// Package mirror serves Terraform and its providers to a room, and fetches them from
// one, so that a class needs one download. What a machine can serve is Content; Handler
// serves it, Pack writes it into one file; Fetch and Unpack are the other side.
//
// A folder that is fetched into, the product's cache, has
//
//	providers/HOST/NAMESPACE/TYPE/VERSION/PLATFORM/   a provider for this machine
//	providers/HOST/NAMESPACE/TYPE/terraform-provider-TYPE_VERSION_PLATFORM.zip   for others
//	terraform/VERSION/terraform                       Terraform for this machine
//	terraform/terraform_VERSION_PLATFORM.zip          for others
//	packs/                                            packages made of unpacked folders
//	partial/                                          downloads that are not complete
//
// where providers is a filesystem mirror in Terraform's layout. A provider for this
// machine is unpacked because Terraform links to such a folder, and copies its 700 MB
// into each workspace otherwise.
// https://developer.hashicorp.com/terraform/cli/config/config-file#filesystem_mirror
//
// Providers are programs, as Terraform is. Who fetches a package trusts its source: the
// checksums of an index come from the same place as the files do. The dependency lock
// file of a workspace does not, and so outranks them.
package mirror

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/hashicorp/go-version"
)

var (
	// ErrChecksum: a package is not what its index says it is.
	ErrChecksum = errors.New("the checksum is wrong")
	// ErrLocked: the dependency lock file has no checksum of a package.
	ErrLocked = errors.New("the dependency lock file has other checksums")
	// ErrExists: the folder has another package of the same name already.
	ErrExists = errors.New("another package is there already")
	// ErrMissing: the source has no package that will do.
	ErrMissing = errors.New("not there")
	// ErrInvalid: an index, a package or a bundle is damaged, or made to do harm.
	ErrInvalid = errors.New("not valid")
)

const (
	maxFiles    = 256     // of an index
	maxIndex    = 1 << 20 // bytes
	maxPackage  = 2 << 30 // bytes of a zip
	maxUnpacked = 4 << 30 // bytes of its files
	maxEntries  = 256     // of a zip
)

// File is a package that is served: a zip of a provider, or of Terraform. It is what an
// index says of it.
type File struct {
	Name     string `json:"name"`              // its path on the server and in a bundle
	Address  string `json:"address,omitempty"` // the provider's, HOST/NAMESPACE/TYPE; empty for Terraform
	Version  string `json:"version"`
	Platform string `json:"platform"` // such as linux_amd64
	Size     int64  `json:"size"`     // bytes of the zip
	SHA256   string `json:"sha256"`   // of the zip, in hex
	// H1 is Terraform's hash of what is in the zip, as dependency lock files have it.
	// https://developer.hashicorp.com/terraform/language/files/dependency-lock#new-provider-package-checksums
	H1 string `json:"h1"`
}

// String names the package for a person.
func (f File) String() string {
	what := "Terraform"
	if f.Address != "" {
		what = f.Address
	}
	return what + " " + f.Version + " for " + f.Platform
}

var (
	validAddress  = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*/[0-9A-Za-z][0-9A-Za-z_-]*/[0-9A-Za-z][0-9A-Za-z_-]*$`)
	validVersion  = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$`)
	validPlatform = regexp.MustCompile(`^[a-z0-9]+_[a-z0-9]+$`)
	validSHA256   = regexp.MustCompile(`^[0-9a-f]{64}$`)
	validH1       = regexp.MustCompile(`^h1:[0-9A-Za-z+/]{43}=$`)
)

// ValidPlatform reports whether text is a platform as Terraform writes it: OS_ARCH.
func ValidPlatform(text string) bool { return len(text) < 32 && validPlatform.MatchString(text) }

// Platform is this machine's.
func Platform() string { return runtime.GOOS + "_" + runtime.GOARCH }

// fileName is the one name that a package may have.
func (f File) fileName() string {
	if f.Address == "" {
		return "terraform_" + f.Version + "_" + f.Platform + ".zip"
	}
	return path.Join(f.Address, "terraform-provider-"+path.Base(f.Address)+"_"+f.Version+"_"+f.Platform+".zip")
}

// check refuses what no index of ours says. After it the name leads nowhere else.
func (f File) check() error {
	switch {
	case f.Address != "" && (len(f.Address) > 255 || !validAddress.MatchString(f.Address) || strings.Contains(f.Address, "..")),
		len(f.Version) > 64, !validVersion.MatchString(f.Version), !ValidPlatform(f.Platform),
		f.Size <= 0, f.Size > maxPackage, !validSHA256.MatchString(f.SHA256), !validH1.MatchString(f.H1):
		return fmt.Errorf("the index lists a package with an address, version, platform, size or checksum that is %w: %.300q", ErrInvalid, f)
	case f.Name != f.fileName():
		return fmt.Errorf("the index lists %.300q under a name that is %w: %.300q", f.fileName(), ErrInvalid, f.Name)
	}
	return nil
}

// place is where the package belongs in a folder: a folder for this machine's, a file
// for others.
func (f File) place(dst string) string {
	own := f.Platform == Platform()
	switch {
	case f.Address == "" && own:
		return filepath.Join(dst, "terraform", f.Version)
	case f.Address == "":
		return filepath.Join(dst, "terraform", f.fileName())
	case own:
		return filepath.Join(Providers(dst), filepath.FromSlash(f.Address), f.Version, f.Platform)
	}
	return filepath.Join(Providers(dst), filepath.FromSlash(f.fileName()))
}

// Providers is the filesystem mirror in a folder that is fetched into.
func Providers(dst string) string { return filepath.Join(dst, "providers") }

// Package is a provider's package in a folder.
type Package struct {
	Address, Version, Platform string
	Path                       string
	Packed                     bool // Path is a zip, else a folder
}

// Packages lists the packages of a provider in a filesystem mirror, of all versions and
// platforms. It runs nothing and reads no package. What cannot be read is not there.
func Packages(folder, address string) []Package {
	if !validAddress.MatchString(address) {
		return nil
	}
	dir := filepath.Join(folder, filepath.FromSlash(address))
	entries, _ := os.ReadDir(dir)
	prefix := "terraform-provider-" + path.Base(address) + "_"
	var out []Package
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		if text, ok := strings.CutSuffix(e.Name(), ".zip"); ok {
			if text, ok = strings.CutPrefix(text, prefix); !ok {
				continue
			}
			if v, platform, _ := strings.Cut(text, "_"); Fits(v, "") && ValidPlatform(platform) {
				out = append(out, Package{address, v, platform, name, true})
			}
			continue
		}
		if !Fits(e.Name(), "") {
			continue
		}
		platforms, _ := os.ReadDir(name)
		for _, p := range platforms {
			target := filepath.Join(name, p.Name())
			if info, err := os.Stat(target); err == nil && info.IsDir() && ValidPlatform(p.Name()) {
				out = append(out, Package{address, e.Name(), p.Name(), target, false})
			}
		}
	}
	return out
}

// Fits reports whether a version fulfils a constraint, as they are written in a
// configuration. The empty constraint takes every version.
func Fits(text, constraint string) bool {
	v, err := version.NewVersion(text)
	if err != nil || constraint == "" {
		return err == nil
	}
	constraints, err := version.NewConstraint(constraint)
	return err == nil && constraints.Check(v)
}

// newer reports whether a is a later version than b.
func newer(a, b string) bool {
	va, err := version.NewVersion(a)
	if err != nil {
		return false
	}
	vb, err := version.NewVersion(b)
	return err != nil || va.GreaterThan(vb)
}

// Want is what is needed for machines of one platform.
type Want struct {
	Platform  string            // empty is this machine's
	Providers map[string]string // constraints by address; an empty constraint takes every version
	// Terraform: a program is needed as well. Ask for it only where this machine has
	// none: a program of the machine's own is never replaced by a room's.
	Terraform bool
	// Locked is what the dependency lock file selects, by address.
	Locked map[string]Locked
}

// Locked is a provider in a dependency lock file.
type Locked struct {
	Version string
	Hashes  []string // such as h1:… and zh:…
}

func (w Want) platform() string {
	if w.Platform == "" {
		return Platform()
	}
	return w.Platform
}

// locked are the checksums of the lock file that count for a package.
func (w Want) locked(f File) []string {
	if l := w.Locked[f.Address]; f.Address != "" && l.Version == f.Version {
		return l.Hashes
	}
	return nil
}

// choose picks the newest packages that will do. What is missing is in the error, which
// wraps ErrMissing.
func (w Want) choose(files []File) (chosen []File, err error) {
	best := func(address, constraint string) {
		var found *File
		others := map[string]bool{}
		for i, f := range files {
			switch {
			case f.Address != address || !Fits(f.Version, constraint):
			case f.Platform != w.platform():
				others[f.Platform] = true
			case found == nil || newer(f.Version, found.Version):
				found = &files[i]
			}
		}
		if found != nil {
			chosen = append(chosen, *found)
			return
		}
		what := strings.TrimSpace(address + " " + constraint)
		if address == "" {
			what = "Terraform"
		}
		missing := fmt.Errorf("%s for %s: %w", what, w.platform(), ErrMissing)
		if len(others) > 0 {
			missing = fmt.Errorf("%w (there is one for %s)", missing, strings.Join(sorted(others), ", "))
		}
		err = errors.Join(err, missing)
	}
	for _, address := range sorted(w.Providers) {
		best(address, w.Providers[address])
	}
	if w.Terraform {
		best("", "")
	}
	return chosen, err
}
