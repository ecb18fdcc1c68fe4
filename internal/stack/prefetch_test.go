//go:build unix

package stack

import (
	"errors"
	"io/fs"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/adrg/xdg"
	"golang.org/x/mod/sumdb/dirhash"

	"workshop/internal/mirror"
	"workshop/terraform"
)

// withoutMirrors hides the folders of this machine that may hold providers.
func withoutMirrors(t *testing.T) {
	t.Helper()
	t.Setenv(mirrorVariable, "")
	t.Setenv("HOME", t.TempDir())
	t.Setenv("TF_CLI_CONFIG_FILE", "")
	system, home, dirs := systemMirrors, xdg.DataHome, xdg.DataDirs
	systemMirrors, xdg.DataHome, xdg.DataDirs = nil, t.TempDir(), nil
	t.Cleanup(func() { systemMirrors, xdg.DataHome, xdg.DataDirs = system, home, dirs })
}

// bundled is the bundled configuration in an empty workspace, with a cache.
func bundled(t *testing.T, tf *Terraform) *Stack {
	t.Helper()
	dir := t.TempDir()
	conf := filepath.Join(dir, "terraform")
	if err := os.Mkdir(conf, 0o700); err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(terraform.Files, "*.tf")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(terraform.Files, name)
		if err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(conf, name), string(text))
	}
	s, err := Open(Options{Dir: conf, DataDir: dir, CacheDir: filepath.Join(dir, "cache"), Terraform: tf})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The real Terraform initialises the bundled configuration with what a room served into
// an empty cache: without a mirror and without a registry. Init starts no provider, so a
// small file stands for one.
func TestInitWithWhatARoomServed(t *testing.T) {
	tf := findHere(t)
	if tf.Tofu {
		t.Skip("the mirror of the test is for Terraform")
	}
	withoutMirrors(t)
	// No request leaves this machine, whatever Terraform tries.
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	host := bundled(t, tf)
	theirs := t.TempDir()
	install(t, theirs, "5.100.0")
	put(t, filepath.Join(theirs, filepath.FromSlash(awsAddress), "5.100.0", mirror.Platform(), "terraform-provider-aws"), "a provider")
	t.Setenv(mirrorVariable, theirs)
	content, err := mirror.Find(t.Context(), host.Sources(), nil)
	if err != nil && !strings.Contains(err.Error(), "is a script") {
		t.Fatal(err)
	}
	srv := httptest.NewTLSServer(mirror.Handler(content))
	defer srv.Close()
	base, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}

	t.Setenv(mirrorVariable, "")
	s := bundled(t, tf)
	want := s.Want(mirror.Platform())
	if len(want.Providers) != 1 || want.Providers[awsAddress] == "" {
		t.Fatalf("an empty machine wants %v", want.Providers)
	}
	if err := mirror.Fetch(t.Context(), srv.Client(), base, s.opts.CacheDir, want, nil); err != nil {
		t.Fatal(err)
	}
	if want := s.Want(mirror.Platform()); len(want.Providers) > 0 {
		t.Errorf("after it the machine still wants %v", want.Providers)
	}
	if got := s.ProviderSource().Folder; got != mirror.Providers(s.opts.CacheDir) {
		t.Errorf("the provider comes from %q", got)
	}
	if err := s.Init(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	// Terraform's own hash in the lock file it has just written holds for the room's package,
	// and not for another one of the same version.
	locked := s.Want(mirror.Platform()).Locked
	if len(locked[awsAddress].Hashes) == 0 {
		t.Fatalf("the lock file has %v", locked)
	}
	again := mirror.Want{Providers: want.Providers, Locked: locked}
	if err := mirror.Fetch(t.Context(), srv.Client(), base, t.TempDir(), again, nil); err != nil {
		t.Errorf("what is locked is refused: %v", err)
	}
	again.Locked = map[string]mirror.Locked{awsAddress: {Version: "5.100.0", Hashes: []string{"h1:of-another"}}}
	if err := mirror.Fetch(t.Context(), srv.Client(), base, t.TempDir(), again, nil); !errors.Is(err, mirror.ErrLocked) {
		t.Errorf("what is not locked: %v", err)
	}
}

// The registry's packages come by `terraform providers mirror`, for every platform; what
// the plug-in cache has is taken from there if the lock file knows it.
func TestPrefetch(t *testing.T) {
	const elsewhere = "plan9_386"
	withoutMirrors(t)
	s := bundled(t, nil)
	// The script that stands for Terraform does what `providers mirror` does.
	s.opts.Terraform = fake(t, `echo "$*" >>calls
for dir; do :; done
for p in `+mirror.Platform()+` `+elsewhere+`; do
	case "$*" in *-platform=$p*)
		mkdir -p "$dir/`+awsAddress+`"
		cp `+filepath.Join(packedProvider(t), "p.zip")+` "$dir/`+awsAddress+`/terraform-provider-aws_5.100.0_$p.zip" ;;
	esac
done
`)
	if err := s.Prefetch(t.Context(), []string{mirror.Platform(), elsewhere}, nil); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{mirror.Platform(), elsewhere} {
		if want := s.Want(p); len(want.Providers) > 0 {
			t.Errorf("for %s %v is missing", p, want.Providers)
		}
	}
	if err := s.Prefetch(t.Context(), []string{mirror.Platform(), elsewhere}, nil); err != nil {
		t.Fatal(err)
	}
	calls, err := os.ReadFile(filepath.Join(s.opts.Dir, "calls"))
	if err != nil || strings.Count(string(calls), "\n") != 1 || !strings.Contains(string(calls), "-platform="+mirror.Platform()+" -platform="+elsewhere) {
		t.Errorf("the calls are %q, %v", calls, err)
	}
	if left, _ := filepath.Glob(filepath.Join(s.opts.CacheDir, ".mirror-*")); len(left) > 0 {
		t.Errorf("%v is left", left)
	}

	// The plug-in cache.
	s = bundled(t, fake(t, "exit 1\n"))
	install(t, s.pluginCache(), "5.100.0")
	if err := s.Prefetch(t.Context(), []string{mirror.Platform()}, nil); err == nil {
		t.Error("a package that no lock file knows is taken from the cache")
	}
	h1, err := dirhash.HashDir(filepath.Join(s.pluginCache(), filepath.FromSlash(awsAddress), "5.100.0", mirror.Platform()), "", dirhash.Hash1)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(s.opts.Dir, lockFile), "provider \""+awsAddress+"\" {\n  version = \"5.100.0\"\n  hashes  = [\""+h1+"\"]\n}\n")
	if err := s.Prefetch(t.Context(), []string{mirror.Platform()}, nil); err != nil {
		t.Error(err)
	}
	if want := s.Want(mirror.Platform()); len(want.Providers) > 0 {
		t.Errorf("after it %v is missing", want.Providers)
	}
}

// packedProvider is a folder with p.zip, a provider's package.
func packedProvider(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	install(t, dir, "5.100.0")
	put(t, filepath.Join(dir, filepath.FromSlash(awsAddress), "5.100.0", mirror.Platform(), "terraform-provider-aws"), "a provider")
	c, err := mirror.Find(t.Context(), mirror.Sources{Folders: []string{dir}, Providers: map[string]string{awsAddress: ""}, Cache: dir}, nil)
	if err != nil || len(c.Files()) != 1 {
		t.Fatal(c.Files(), err)
	}
	packs, err := fs.Glob(os.DirFS(dir), "packs/*.zip")
	if err != nil || len(packs) != 1 {
		t.Fatal(packs, err)
	}
	if err := os.Rename(filepath.Join(dir, packs[0]), filepath.Join(dir, "p.zip")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestFindTakesTheNewestOfTheCache(t *testing.T) {
	t.Setenv("PATH", "/bin:/usr/bin")
	if _, err := Find(t.Context(), FindOptions{}, nil); err == nil {
		t.Skip("this machine has Terraform among the system's own programs")
	}
	cache := t.TempDir()
	for _, v := range []string{"1.10.5", "1.12.1", "1.9.0", "not-a-version"} {
		name := filepath.Join(cache, "terraform", v, mirror.ProgramName())
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("#!/bin/sh\necho '{\"terraform_version\":\""+v+"\"}'\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	tf, err := Find(t.Context(), FindOptions{CacheDir: cache, Offline: true}, nil)
	if err != nil || tf.Version != "1.12.1" {
		t.Errorf("got %+v, %v", tf, err)
	}
}
