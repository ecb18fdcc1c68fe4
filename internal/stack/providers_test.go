//go:build unix

package stack

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"workshop/internal/diagnose"
	"workshop/internal/mirror"
)

const (
	awsAddress = "registry.terraform.io/hashicorp/aws"

	// What Terraform 1.11.4 says of a lock file that does not fit, without the summary.
	// In OpenTofu 1.12.6 "must use tofu init -upgrade" is the one difference.
	lockedToAnother = "Could not retrieve the list of available versions for provider hashicorp/aws: locked provider registry.terraform.io/hashicorp/aws 5.99.0 does not match configured version constraint >= 5.100.0, < 7.0.0; must use terraform init -upgrade to allow selection of new versions"
	otherChecksums  = "Error while installing hashicorp/aws v5.100.0: the local package for registry.terraform.io/hashicorp/aws 5.100.0 doesn't match any of the checksums previously recorded in the dependency lock file (this might be because the available checksums are for packages targeting different platforms)"
)

// problem is a line of init -json.
func problem(summary, detail string) string {
	line, _ := json.Marshal(map[string]any{"@level": "error", "@message": "Error: " + summary, "type": "diagnostic",
		"diagnostic": map[string]string{"severity": "error", "summary": summary, "detail": detail}})
	return "cat <<'END'\n" + string(line) + "\nEND\nexit 1\n"
}

// lock writes a lock file that has one version of the AWS provider.
func lock(t *testing.T, s *Stack, version string) {
	t.Helper()
	put(t, filepath.Join(s.opts.Dir, lockFile), fmt.Sprintf("provider %q {\n  version = %q\n  hashes  = [\"h1:of-another-platform\"]\n}\n", awsAddress, version))
}

// install makes the folder of an installed AWS provider.
func install(t *testing.T, dir, version string) {
	t.Helper()
	dir = filepath.Join(dir, filepath.FromSlash(awsAddress), version, mirror.Platform())
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "terraform-provider-aws"), "")
}

// TestInitAnswersItsOwnProblems: what init says of a lock file that does not fit is
// answered as Terraform asks for, and said in one line. The file stays.
func TestInitAnswersItsOwnProblems(t *testing.T) {
	for name, tt := range map[string]struct {
		script  string
		version string // in the lock file
		calls   []string
		note    string // part of it
		fails   error
	}{
		"another version": {
			script:  "case \"$*\" in *-upgrade*) exit 0 ;; esac\n" + problem("Failed to query available provider packages", lockedToAnother),
			version: "5.99.0",
			calls:   []string{"init", "init -upgrade"},
			note:    "`terraform init -upgrade` selects it",
		},
		"another platform": {
			script:  "[ -e locked ] && exit 0\ncase \"$*\" in providers*) touch locked; exit 0 ;; esac\n" + problem("Failed to install provider", otherChecksums),
			version: "5.100.0",
			calls:   []string{"init", "providers lock", "init"},
			note:    "`terraform providers lock` added those of " + awsAddress,
		},
		"another platform, from the cache": {
			script: "[ -e locked ] && exit 0\ncase \"$*\" in providers*) touch locked; exit 0 ;; esac\n" + problem("Failed to install provider from shared cache",
				"Error while importing hashicorp/aws v5.100.0 from the shared cache directory: the provider cache at /c has a copy of registry.terraform.io/hashicorp/aws 5.100.0 that doesn't match any of the checksums recorded in the dependency lock file."),
			version: "5.100.0",
			calls:   []string{"init", "providers lock", "init"},
			note:    "no checksums for this machine (" + mirror.Platform() + ")",
		},
		"the registry does not answer": {
			script:  "case \"$*\" in providers*) echo 'Error: Could not retrieve providers for locking'; exit 1 ;; esac\n" + problem("Failed to install provider", otherChecksums),
			version: "5.100.0",
			calls:   []string{"init", "providers lock"},
			fails:   ErrLockFile,
		},
		"checksums that stay wrong": {
			script:  "case \"$*\" in providers*) exit 0 ;; esac\n" + problem("Failed to install provider", otherChecksums),
			version: "5.100.0",
			calls:   []string{"init", "providers lock", "init"},
			fails:   ErrLockFile,
		},
		"no release": {
			script:  problem("Failed to query available provider packages", "no available releases match the given constraints ~> 5.100"),
			version: "5.100.0",
			calls:   []string{"init"},
			fails:   ErrProviderUnavailable,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := quiet(t)
			lock(t, s, tt.version)
			s.opts.Terraform = fake(t, "echo \"$*\" >>calls\n"+tt.script)
			var rec recorder
			err := s.Init(t.Context(), rec.emit)
			if tt.fails == nil && err != nil || tt.fails != nil && !errors.Is(err, tt.fails) {
				t.Fatalf("init: %v", err)
			}
			var notes []string
			shown := 0
			for _, e := range rec.events {
				switch {
				case e.Type == EventNote:
					notes = append(notes, e.Message)
				case e.Diagnostic != nil && e.Diagnostic.Severity == "error":
					shown++
				}
			}
			if (shown > 0) != (tt.fails != nil) {
				t.Errorf("%d errors are shown, and init ends with %v", shown, err)
			}
			if tt.note != "" && (len(notes) != 1 || !strings.Contains(notes[0], tt.note)) {
				t.Errorf("the notes are %q", notes)
			}
			made, _ := os.ReadFile(filepath.Join(s.opts.Dir, "calls"))
			calls := strings.Split(strings.TrimSpace(string(made)), "\n")
			fit := func(call, want string) bool {
				first, last, _ := strings.Cut(want, " ")
				return strings.HasPrefix(call, first) && strings.Contains(call, last) && (want != "init" || !strings.Contains(call, "-upgrade"))
			}
			if !slices.EqualFunc(calls, tt.calls, fit) {
				t.Errorf("the commands are\n%s\nwant %q", made, tt.calls)
			}
			if locked, err := lockedProviders(s.opts.Dir); err != nil || locked[awsAddress] != tt.version {
				t.Errorf("the lock file is gone: %v, %v", locked, err)
			}
		})
	}
}

// What init does not answer by itself stays an error.
func TestWhatInitAnswers(t *testing.T) {
	for _, tt := range []struct {
		severity, detail   string
		upgrade, checksums bool
	}{
		{"error", lockedToAnother, true, false},
		{"error", strings.Replace(lockedToAnother, "terraform init", "tofu init", 1), true, false},
		{"error", otherChecksums, false, true},
		{"warning", otherChecksums + lockedToAnother, false, false},
		{"error", "could not connect to registry.terraform.io", false, false},
		{"error", "no available releases match the given constraints ~> 5.100", false, false},
		{"error", "the previously-selected version 5.100.0 is no longer available", false, false},
	} {
		d := Diagnostic{Severity: tt.severity, Summary: "Failed to install provider", Detail: tt.detail}
		if u, c := asksForUpgrade(d), lacksChecksums(d); u != tt.upgrade || c != tt.checksums {
			t.Errorf("%s %q: upgrade %t, checksums %t", tt.severity, tt.detail, u, c)
		}
	}
}

// The checksums come from the folder that init installs from, else from the registry,
// else from the plug-in cache.
func TestWhereChecksumsComeFrom(t *testing.T) {
	const version = "5.999.0" // in no folder of any machine
	folder, cache := t.TempDir(), t.TempDir()
	install(t, folder, version)
	install(t, filepath.Join(cache, "plugins"), version)
	for name, tt := range map[string]struct {
		mirror, cache string
		want          []string // ends of the commands
	}{
		"a mirror":                     {folder, cache, []string{"-fs-mirror=" + folder + " " + awsAddress}},
		"a cache, without a registry":  {"", cache, []string{mirror.Platform() + " " + awsAddress, "-fs-mirror=" + filepath.Join(cache, "plugins") + " " + awsAddress}},
		"nothing, without a registry":  {"", "", []string{mirror.Platform() + " " + awsAddress}},
		"a mirror with other versions": {t.TempDir(), "", []string{mirror.Platform() + " " + awsAddress}},
	} {
		t.Run(name, func(t *testing.T) {
			s := quiet(t)
			t.Setenv(mirrorVariable, tt.mirror)
			s.opts.CacheDir = tt.cache
			lock(t, s, version)
			// Only a folder answers.
			s.opts.Terraform = fake(t, "echo \"$*\" >>calls\ncase \"$*\" in *-fs-mirror*) exit 0 ;; esac\necho 'Error: no answer'\nexit 1\n")
			_, _ = s.relock(t.Context(), &operation{op: OpInit}, os.Environ(), []Diagnostic{{Severity: "error", Detail: strings.ReplaceAll(otherChecksums, "5.100.0", version)}})
			made, _ := os.ReadFile(filepath.Join(s.opts.Dir, "calls"))
			if calls := strings.Split(strings.TrimSpace(string(made)), "\n"); !slices.EqualFunc(calls, tt.want, strings.HasSuffix) {
				t.Errorf("the commands are\n%s\nwant %q", made, tt.want)
			}
		})
	}
}

// After an update of the program the bundled files may ask for more versions of a
// provider than before. Where the locked one still fits and is installed, nothing is
// asked for: a machine without a network gets along.
func TestInitialisedAfterAnUpdate(t *testing.T) {
	const before = "terraform {\n  required_providers {\n    aws = {\n      source  = \"hashicorp/aws\"\n      version = \"~> 5.100\"\n    }\n  }\n}\n"
	for name, tt := range map[string]struct {
		change func(t *testing.T, s *Stack)
		want   bool
	}{
		"nothing": {func(*testing.T, *Stack) {}, true},
		"a wider constraint": {func(t *testing.T, s *Stack) {
			put(t, filepath.Join(s.opts.Dir, "main.tf"), strings.Replace(before, "~> 5.100", ">= 5.100, < 7", 1))
		}, true},
		"a constraint that the locked version does not fulfil": {func(t *testing.T, s *Stack) {
			put(t, filepath.Join(s.opts.Dir, "main.tf"), strings.Replace(before, "~> 5.100", "~> 6.0", 1))
		}, false},
		"another provider": {func(t *testing.T, s *Stack) {
			put(t, filepath.Join(s.opts.Dir, "more.tf"), "terraform {\n  required_providers {\n    random = { source = \"hashicorp/random\" }\n  }\n}\n")
		}, false},
		"a provider of the state": {func(t *testing.T, s *Stack) {
			put(t, filepath.Join(s.opts.Dir, "main.tf"), strings.Replace(before, "~> 5.100", ">= 5.100, < 7", 1))
			put(t, s.localPath(), madeBy(tofuRegistry))
		}, false},
		"a module": {func(t *testing.T, s *Stack) {
			put(t, filepath.Join(s.opts.Dir, "more.tf"), "module \"m\" {\n  source = \"./m\"\n}\n")
		}, false},
		"a backend": {func(t *testing.T, s *Stack) {
			put(t, filepath.Join(s.opts.Dir, "more.tf"), "terraform {\n  backend \"s3\" {}\n}\n")
		}, false},
		"another lock file": {func(t *testing.T, s *Stack) {
			lock(t, s, "5.100.0")
			put(t, filepath.Join(s.opts.Dir, "main.tf"), strings.Replace(before, "~> 5.100", ">= 5.100, < 7", 1))
			later := time.Now().Add(time.Hour)
			if err := os.Chtimes(filepath.Join(s.opts.Dir, lockFile), later, later); err != nil {
				t.Fatal(err)
			}
		}, false},
		"a provider that is gone": {func(t *testing.T, s *Stack) {
			if err := os.RemoveAll(filepath.Join(s.opts.Dir, ".terraform", "providers")); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := quiet(t)
			put(t, filepath.Join(s.opts.Dir, "main.tf"), before)
			lock(t, s, "5.100.0")
			install(t, filepath.Join(s.opts.Dir, ".terraform", "providers"), "5.100.0")
			s.opts.Terraform = &Terraform{Path: "/terraform", Version: pinned}
			stamp := filepath.Join(s.opts.Dir, initStamp)
			put(t, stamp, s.initKey(s.configuration()))
			tt.change(t, s)
			if got := s.initialised(s.configuration(), stamp); got != tt.want {
				t.Errorf("initialised: %t", got)
			}
		})
	}
}

// madeBy is a state of which a resource belongs to the AWS provider of a registry.
func madeBy(registry string) string {
	return `{"version": 4, "serial": 1, "lineage": "x", "resources": [{"mode": "managed", "type": "aws_vpc", "name": "main",
		"provider": "provider[\"` + registry + `/hashicorp/aws\"]", "instances": [{"attributes": {"id": "vpc-1"}}]}]}`
}

// TestWanted: the providers of the state are installed too, and the locked version is
// the one to look for.
func TestWanted(t *testing.T) {
	const tofuAWS = "registry.opentofu.org/hashicorp/aws"
	for name, tt := range map[string]struct {
		tofu   bool
		asked  map[string]string
		state  string
		locked string
		want   map[string]string
	}{
		"nothing can be read":                {want: map[string]string{awsAddress: ">= 5.100, < 7"}},
		"the configuration":                  {asked: map[string]string{"hashicorp/aws": "~> 5.100", "example.com/me/mine": "", "terraform.io/builtin/terraform": ""}, want: map[string]string{awsAddress: "~> 5.100", "example.com/me/mine": ""}},
		"the locked version":                 {locked: "5.100.0", want: map[string]string{awsAddress: "5.100.0"}},
		"a locked version that no longer":    {locked: "5.99.0", want: map[string]string{awsAddress: ">= 5.100, < 7"}},
		"OpenTofu":                           {tofu: true, want: map[string]string{tofuAWS: ">= 5.100, < 7"}},
		"the state of the same program":      {state: madeBy(terraformRegistry), want: map[string]string{awsAddress: ">= 5.100, < 7"}},
		"OpenTofu's state, with Terraform":   {state: madeBy(tofuRegistry), want: map[string]string{awsAddress: ">= 5.100, < 7", tofuAWS: ""}},
		"Terraform's state, with OpenTofu":   {tofu: true, state: madeBy(terraformRegistry), want: map[string]string{tofuAWS: ">= 5.100, < 7"}},
		"a state that cannot be read at all": {state: "{", want: map[string]string{awsAddress: ">= 5.100, < 7"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := quiet(t)
			s.opts.Terraform = &Terraform{Tofu: tt.tofu}
			if tt.state != "" {
				put(t, s.localPath(), tt.state)
			}
			if tt.locked != "" {
				lock(t, s, tt.locked)
			}
			if got := s.wanted(&configuration{providers: tt.asked}); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// A failure of OpenTofu names OpenTofu and its commands, also after it has crossed from
// one process to another.
func TestOpenTofuIsNamed(t *testing.T) {
	s := quiet(t)
	s.opts.Terraform = fake(t, problem("Failed to resolve provider packages", "Could not resolve provider hashicorp/aws: could not connect to registry.opentofu.org"))
	s.opts.Terraform.Tofu = true
	err := s.Init(t.Context(), nil)
	if !errors.Is(err, ErrProviderUnavailable) {
		t.Fatalf("init: %v", err)
	}
	f := FailureOf(err)
	data, jerr := json.Marshal(f)
	if jerr != nil || json.Unmarshal(data, &f) != nil {
		t.Fatal(jerr)
	}
	for _, err := range []error{err, f.Err()} {
		if text := err.Error(); !strings.HasPrefix(text, "tofu init: ") || !strings.Contains(text, "`tofu providers mirror`") || strings.Contains(text, "Terraform") {
			t.Errorf("the text is\n%s", text)
		}
		var d *DiagnosticError
		if !errors.As(err, &d) {
			t.Fatalf("%v is no DiagnosticError", err)
		}
		if a := d.Advice(diagnose.Command); len(a) != 1 || !strings.HasPrefix(a[0].What, "OpenTofu could not get its provider") {
			t.Errorf("the advice is %+v", a)
		}
	}
}

// The real Terraform, where this machine has the AWS provider in a folder.
func TestALockFileOfAnotherPlatform(t *testing.T) {
	const constraint = ">= 5.100, < 7"
	if !slices.ContainsFunc(mirrorFolders(), func(dir string) bool { return mirrorHas(dir, awsAddress, constraint) }) {
		t.Skip("no folder of this machine has the AWS provider")
	}
	s := newStack(t, "main.tf", "terraform {\n  required_providers {\n    aws = {\n      source  = \"hashicorp/aws\"\n      version = \""+constraint+"\"\n    }\n  }\n}\n")
	if s.opts.Terraform.Tofu || len(findMirrors(s.wanted(s.configuration()), mirrorFolders()).direct) > 0 {
		t.Skip("the folder is not for the Terraform of this machine")
	}
	if err := s.Init(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(s.opts.Dir, lockFile)
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	const theirs = "h1:wOhTPz6apLBuF7/FYZuCoXRK/MLgrNprZ3vXmq83g5k="
	put(t, name, regexp.MustCompile(`"h1:[^"]*"`).ReplaceAllString(string(good), `"`+theirs+`"`))
	later := time.Now().Add(time.Hour) // a clock's tick may be longer than what lies between
	if err := os.Chtimes(name, later, later); err != nil {
		t.Fatal(err)
	}
	var rec recorder
	if err := s.Init(t.Context(), rec.emit); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(rec.types(), EventNote) {
		t.Errorf("nothing is said of it: %v", rec.types())
	}
	now, err := os.ReadFile(name)
	if ours := regexp.MustCompile(`"h1:[^"]*"`).FindString(string(good)); err != nil || !strings.Contains(string(now), ours) || !strings.Contains(string(now), theirs) {
		t.Errorf("the lock file has become\n%s", now)
	}
}
