//go:build unix

package stack

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/adrg/xdg"
)

// script writes a program that answers `version` and prints its arguments otherwise.
func script(t *testing.T, path, product string) {
	t.Helper()
	text := "#!/bin/sh\ncase \"$*\" in\n'version -json') echo '{\"terraform_version\":\"1.12.6\"}' ;;\n" +
		"version) echo '" + product + " v1.12.6' ;;\n*) echo '" + product + "' \"$@\" ;;\nesac\n"
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestFindChoosesBetweenTerraformAndOpenTofu(t *testing.T) {
	dir := t.TempDir()
	both, terraform, tofu, wrapped := filepath.Join(dir, "both"), filepath.Join(dir, "terraform"), filepath.Join(dir, "tofu"), filepath.Join(dir, "wrapped")
	for _, folder := range []string{both, terraform} {
		script(t, filepath.Join(folder, "terraform"), "Terraform")
	}
	for _, folder := range []string{both, tofu} {
		script(t, filepath.Join(folder, "tofu"), "OpenTofu")
	}
	script(t, filepath.Join(wrapped, "terraform"), "OpenTofu") // as a version manager's script may be
	for name, tt := range map[string]struct {
		path string
		opts FindOptions
		tofu bool
	}{
		"both":                                 {both, FindOptions{}, false},
		"both, made by OpenTofu":               {both, FindOptions{Tofu: true}, true},
		"OpenTofu alone":                       {tofu, FindOptions{}, true},
		"Terraform alone, made by OpenTofu":    {terraform, FindOptions{Tofu: true}, false},
		"Terraform is named, made by OpenTofu": {both, FindOptions{Tofu: true, Path: filepath.Join(terraform, "terraform")}, false},
		"a script that starts OpenTofu":        {wrapped, FindOptions{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PATH", tt.path+":/usr/bin:/bin")
			tf, err := Find(t.Context(), tt.opts, nil)
			if err != nil || tf.Tofu != tt.tofu {
				t.Errorf("found %+v, %v", tf, err)
			}
		})
	}
}

// A text's `terraform` starts the program that is in use, whatever it is called and
// wherever it is.
func TestPathFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "it's here")
	script(t, filepath.Join(dir, "tofu"), "OpenTofu")
	script(t, filepath.Join(dir, "fetched", "terraform"), "Fetched")
	script(t, filepath.Join(dir, "usual", "terraform"), "Terraform")
	for name, tt := range map[string]struct {
		path, program string
		want          string // of `terraform plan "a b"`
	}{
		"OpenTofu alone":            {"", "tofu", "OpenTofu plan a b"},
		"OpenTofu beside":           {"usual", "tofu", "OpenTofu plan a b"},
		"one that was fetched":      {"", "fetched/terraform", "Fetched plan a b"},
		"the one on PATH":           {"usual", "usual/terraform", ""},
		"another than that on PATH": {"usual", "fetched/terraform", "Fetched plan a b"},
	} {
		t.Run(name, func(t *testing.T) {
			usual := "/usr/bin:/bin"
			if tt.path != "" {
				usual = filepath.Join(dir, tt.path) + ":" + usual
			}
			t.Setenv("PATH", usual)
			s := quiet(t)
			s.opts.Terraform = &Terraform{Path: filepath.Join(dir, tt.program)}
			folder, err := s.PathFolder()
			if err != nil || (folder == "") != (tt.want == "") {
				t.Fatalf("the folder is %q, %v", folder, err)
			}
			if folder == "" {
				return
			}
			t.Setenv("PATH", folder+":"+usual)
			out, err := exec.CommandContext(t.Context(), "sh", "-c", `terraform plan "a b"`).CombinedOutput()
			if err != nil || strings.TrimSpace(string(out)) != tt.want {
				t.Errorf("it prints %q, %v", out, err)
			}
			// A workshop command in such a shell finds what the shell does.
			tf, err := Find(t.Context(), FindOptions{}, nil)
			if err != nil || tf.Tofu != strings.HasPrefix(tt.want, "OpenTofu") {
				t.Fatalf("in the shell it finds %+v, %v", tf, err)
			}
			for _, path := range []string{folder + ":" + usual, usual} {
				t.Setenv("PATH", path)
				s.opts.Terraform = tf
				again, err := s.PathFolder()
				if err != nil || again != "" && again != folder {
					t.Errorf("with that one the folder is %q, %v", again, err)
				}
			}
			if text, err := os.ReadFile(filepath.Join(folder, "terraform")); err != nil || strings.Contains(string(text), folder) {
				t.Errorf("the program starts itself: %s, %v", text, err)
			}
		})
	}
}

// Terraform 1.11.4, OpenTofu 1.12.6 and OpenTofu 1.9.4 say in these words that a provider
// is being fetched.
func TestInstallingIsADownload(t *testing.T) {
	for text, want := range map[string]EventType{
		"Installing provider version: hashicorp/aws v5.100.0...":             EventDownload,
		"Installing hashicorp/aws v5.100.0...":                               EventDownload,
		"Installing hashicorp/aws v5.100.0 to the shared cache directory...": EventDownload,
		"- Installing hashicorp/aws v5.100.0...":                             EventDownload,
		"Installed hashicorp/aws v5.100.0 (signed, key ID 0C0AF313E5FD9F80)": EventLog,
		"Initializing provider plugins...":                                   EventLog,
	} {
		if e := (message{Text: text}).event(OpInit); e.Type != want {
			t.Errorf("%q is %s", text, e.Type)
		}
	}
}

func TestMadeByTofu(t *testing.T) {
	for text, want := range map[string]bool{
		"":                        false,
		madeBy(tofuRegistry):      true,
		madeBy(terraformRegistry): false,
		"{":                       false,
	} {
		s := quiet(t)
		if text != "" {
			put(t, s.localPath(), text)
		}
		if got := s.MadeByTofu(); got != want {
			t.Errorf("%s: %t", text, got)
		}
	}
}

// A mirror that was made for Terraform is no use to OpenTofu, and is named.
func TestAMirrorOfTheOther(t *testing.T) {
	mirror := t.TempDir()
	t.Setenv(mirrorVariable, mirror)
	install(t, mirror, "5.999.0")
	for name, tt := range map[string]struct {
		terraform Terraform
		want      string
	}{
		"OpenTofu":  {Terraform{Tofu: true}, mirror + " has the provider for Terraform"},
		"Terraform": {Terraform{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := quiet(t)
			s.opts.Terraform = &tt.terraform
			found := s.mirrorsOfTheOther(map[string]string{tt.terraform.registry() + "/hashicorp/aws": "5.999.0", "example.com/me/mine": ""})
			if tt.want == "" {
				if len(found) > 0 {
					t.Errorf("found %+v", found)
				}
				return
			}
			if len(found) != 1 || found[0].Summary != tt.want || !strings.Contains(found[0].Detail, "`tofu providers mirror`") {
				t.Errorf("found %+v", found)
			}
		})
	}
}

// What OpenTofu 1.12.6 reads beside Terraform's files: cmd/tofu/provider_source.go and
// internal/command/cliconfig/config_unix.go.
func TestOpenTofuHasItsOwnFolders(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_DATA_HOME", filepath.Join(home, "data"))
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "config"))
	xdg.Reload()
	t.Cleanup(xdg.Reload)
	install(t, filepath.Join(home, "data", "opentofu", "plugins"), "5.999.0")
	if m := findMirrors(map[string]string{awsAddress: "5.999.0"}, mirrorFolders()); len(m.direct) != 0 {
		t.Errorf("its plug-in folder is not looked into: %+v", m)
	}
	for _, name := range []string{".tofurc", "config/opentofu/tofurc", "config/opentofu/mine.tfrc"} {
		file := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		put(t, file, "")
		if !userConfig(&Terraform{Tofu: true}) || userConfig(&Terraform{}) {
			t.Errorf("%s: OpenTofu %t, Terraform %t", name, userConfig(&Terraform{Tofu: true}), userConfig(&Terraform{}))
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}
