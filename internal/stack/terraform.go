package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2/maybe"
	"github.com/hashicorp/go-version"
	"github.com/hashicorp/hc-install/httpclient"
	"github.com/hashicorp/hc-install/product"
	"github.com/hashicorp/hc-install/releases"
	"github.com/hashicorp/terraform-exec/tfexec"

	"workshop/internal/clean"
	"workshop/internal/mirror"
)

const (
	// pinned is the release that Find fetches where there is no Terraform.
	pinned = "1.11.4"
	// oldest is what the bundled configuration asks for.
	oldest = "1.6.0"
	// initJSON is the first version whose init has -json; OpenTofu's has it since 1.7.
	initJSON = "1.9.0"

	versionTimeout = 30 * time.Second
	fetchTimeout   = 15 * time.Minute
)

// Terraform is a program that can run the configuration. It is immutable.
type Terraform struct {
	Path    string // absolute
	Version string // such as 1.11.4
	Tofu    bool   // OpenTofu
}

// Name is the product's name, for texts.
func (t *Terraform) Name() string { return productName(t.Tofu) }

// command is the program's usual name, for texts.
func (t *Terraform) command() string { return commandName(t.Tofu) }

func productName(tofu bool) string {
	if tofu {
		return "OpenTofu"
	}
	return "Terraform"
}

func commandName(tofu bool) string {
	if tofu {
		return "tofu"
	}
	return "terraform"
}

func (t *Terraform) atLeast(v string) bool {
	have, err := version.NewVersion(t.Version)
	return err == nil && have.Core().GreaterThanOrEqual(version.Must(version.NewVersion(v)))
}

// registry is the host that provider names without a host belong to.
func (t *Terraform) registry() string {
	if t.Tofu {
		return tofuRegistry
	}
	return terraformRegistry
}

// FindOptions say where to look.
type FindOptions struct {
	Path     string // of the program that the user named; then nothing else is tried
	CacheDir string // where a fetched Terraform is kept; empty: nothing is fetched
	Offline  bool   // never fetch
	Tofu     bool   // tofu before terraform, for what OpenTofu has made

	from releases.ExactVersion // where tests fetch from
}

// Find looks for Terraform 1.6 or later: what the user named, terraform on PATH,
// tofu on PATH (the other way round with opts.Tofu), one that was fetched before.
// Where there is none it fetches a pinned release into CacheDir, verified by
// HashiCorp's signature, with EventDownload. The error wraps ErrNoTerraform or
// ErrTempDir and says what to do.
func Find(ctx context.Context, opts FindOptions, emit func(Event)) (*Terraform, error) {
	if err := checkTemp(); err != nil {
		return nil, err
	}
	if opts.Path != "" {
		t, err := probe(ctx, opts.Path)
		if err != nil {
			return nil, fmt.Errorf("%w: --terraform %s: %w", ErrNoTerraform, clean.Line(opts.Path), err)
		}
		return t, nil
	}
	candidates := []string{"terraform", "tofu"}
	if opts.Tofu {
		slices.Reverse(candidates)
	}
	if opts.CacheDir != "" {
		candidates = append(candidates, allFetched(opts.CacheDir)...)
	}
	var seen error
	for _, name := range candidates {
		t, err := probe(ctx, name)
		if err == nil {
			return t, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if !errors.Is(err, exec.ErrNotFound) && !errors.Is(err, os.ErrNotExist) {
			seen = errors.Join(seen, err)
		}
	}
	const next = "install Terraform %s or later and put it on PATH, name it with --terraform PATH, or connect to the internet so that it can be fetched"
	if seen != nil {
		seen = fmt.Errorf(" (%w)", seen)
	} else {
		seen = errors.New("")
	}
	if opts.Offline || opts.CacheDir == "" {
		return nil, fmt.Errorf("%w on this machine%w; "+next, ErrNoTerraform, seen, oldest)
	}
	t, err := fetch(ctx, opts.CacheDir, opts.from, emit)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("%w on this machine%w, and it cannot be fetched: %w; "+next, ErrNoTerraform, seen, err, oldest)
	}
	return t, nil
}

// probe runs the program to see whether it will do.
func probe(ctx context.Context, name string) (*Terraform, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, err
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	tf, err := tfexec.NewTerraform(filepath.Dir(path), path)
	if err == nil {
		err = tf.SetEnv(tfexecEnv(environ(nil)))
	}
	if err != nil {
		return nil, err
	}
	v, _, err := tf.Version(ctx, true)
	if err != nil {
		return nil, fmt.Errorf("%s does not tell its version: %s", clean.Line(path), clean.Line(err.Error()))
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		real = path
	}
	t := &Terraform{Path: path, Version: v.String(), Tofu: strings.Contains(filepath.Base(path)+" "+filepath.Base(real), "tofu") || startsTofu(ctx, path)}
	if !t.atLeast(oldest) {
		return nil, fmt.Errorf("%s is version %s, and the workshop needs %s or later", clean.Line(path), t.Version, oldest)
	}
	return t, nil
}

// startsTofu reports whether a script, whose name says nothing of what it starts, starts
// OpenTofu. The JSON of `version` does not tell the two apart, its text does.
func startsTofu(ctx context.Context, path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 2)
	if _, err := io.ReadFull(f, head); err != nil || string(head) != "#!" {
		return false
	}
	cmd := exec.CommandContext(ctx, path, "version")
	cmd.Dir, cmd.Env = filepath.Dir(path), environ(nil)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	return err == nil && strings.HasPrefix(string(out), "OpenTofu v")
}

// PathFolder returns a folder for PATH in which `terraform` is the program that the stack
// uses, so that a command of a text runs that one. It is empty where PATH finds it already.
func (s *Stack) PathFolder() (string, error) {
	t := s.opts.Terraform
	if found, err := exec.LookPath("terraform"); err == nil {
		if found, err = filepath.Abs(found); err == nil && found == t.Path {
			return "", nil
		}
	}
	dir := filepath.Join(s.opts.DataDir, "bin")
	if filepath.Dir(t.Path) == dir {
		return dir, nil
	}
	// Not a link: programs that start others by their own name would start another one.
	script := "#!/bin/sh\nexec '" + strings.ReplaceAll(t.Path, "'", `'\''`) + "' \"$@\"\n"
	name := filepath.Join(dir, "terraform")
	if old, err := os.ReadFile(name); err == nil && string(old) == script {
		return dir, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make a folder for `terraform`: %w", err)
	}
	if err := maybe.WriteFile(name, []byte(script), 0o700); err != nil {
		return "", fmt.Errorf("write a `terraform` that starts %s: %w", clean.Line(t.Path), err)
	}
	return dir, nil
}

func fetched(cacheDir string) string {
	return filepath.Join(cacheDir, "terraform", pinned, mirror.ProgramName())
}

// allFetched are the programs in the cache: the pinned release, then those of rooms and
// bundles, newest first.
func allFetched(cacheDir string) []string {
	out := []string{fetched(cacheDir)}
	entries, _ := os.ReadDir(filepath.Join(cacheDir, "terraform"))
	var versions []*version.Version
	for _, e := range entries {
		if v, err := version.NewVersion(e.Name()); err == nil && e.IsDir() && e.Name() != pinned {
			versions = append(versions, v)
		}
	}
	slices.SortFunc(versions, func(a, b *version.Version) int { return b.Compare(a) })
	for _, v := range versions {
		out = append(out, filepath.Join(cacheDir, "terraform", v.Original(), mirror.ProgramName()))
	}
	return out
}

// fetch downloads, verifies and unpacks the pinned release beside its place, and
// moves it there when it is whole.
func fetch(ctx context.Context, cacheDir string, install releases.ExactVersion, emit func(Event)) (*Terraform, error) {
	final := filepath.Dir(fetched(cacheDir))
	if err := os.MkdirAll(filepath.Dir(final), 0o700); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(filepath.Dir(final), ".fetch-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	client := httpclient.New()
	client.Transport = &meteredTransport{next: client.Transport, suffix: ".zip", emit: func(p Progress) {
		send(emit, Event{Type: EventDownload, Op: OpInit, Message: "Terraform " + pinned, Progress: &p})
	}}
	defer client.CloseIdleConnections()
	install.Product = product.Terraform
	install.Version = version.Must(version.NewVersion(pinned))
	install.InstallDir = dir
	install.Timeout = fetchTimeout
	install.HTTPClient = client
	send(emit, Event{Type: EventDownload, Op: OpInit, Message: "Terraform " + pinned})
	if _, err := install.Install(ctx); err != nil {
		return nil, errors.New(clean.Line(err.Error()))
	}
	// Where another process was faster, its release is as good.
	if err := os.Rename(dir, final); err != nil {
		if _, statErr := os.Stat(fetched(cacheDir)); statErr != nil {
			return nil, err
		}
	}
	return probe(ctx, fetched(cacheDir))
}

// meteredTransport tells how far the bodies of certain answers have come.
type meteredTransport struct {
	next   http.RoundTripper
	suffix string // of the paths that count
	emit   func(Progress)
}

// RoundTrip is for net/http.
func (t *meteredTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(r)
	if err == nil && resp.StatusCode == http.StatusOK && strings.HasSuffix(r.URL.Path, t.suffix) {
		resp.Body = &meteredBody{ReadCloser: resp.Body, total: max(resp.ContentLength, 0), emit: t.emit}
	}
	return resp, err
}

type meteredBody struct {
	io.ReadCloser
	done, reported, total int64
	emit                  func(Progress)
}

// Read tells about every quarter of a megabyte, and about the end.
func (b *meteredBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.done += int64(n)
	if b.done-b.reported >= 256<<10 || err != nil && b.done > b.reported {
		b.reported = b.done
		b.emit(Progress{Done: b.done, Total: b.total})
	}
	return n, err
}

// send gives an event its time and hands it on.
func send(emit func(Event), e Event) {
	if emit == nil {
		return
	}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	emit(e)
}

// tfexecEnv is env as terraform-exec wants it.
func tfexecEnv(env []string) map[string]string {
	m := make(map[string]string, len(env))
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		m[name] = value
	}
	return tfexec.CleanEnv(m)
}

// platform is how Terraform names this machine's.
