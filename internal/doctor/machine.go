package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"workshop/internal/stack"
	"workshop/internal/target"
)

// The checks of this computer. To add one, write its function below and its line
// here.
var machineQuestions = []question{
	{id: "temporary-folder", ask: temporaryFolder},
	{id: "workspace", ask: workspaceFolder},
	{id: "disk-space", ask: diskSpace},
	{id: "permissions-of-files", ask: filePermissions},
	{id: "memory", ask: memory},
	{id: "terraform", after: []string{"temporary-folder"}, ask: terraform},
	{id: "provider", after: []string{"terraform", "workspace"}, ask: provider},
	{id: "loopback", only: target.Sandbox, ask: loopback},
	{id: "sandbox-port", only: target.Sandbox, after: []string{"loopback"}, ask: sandboxPort},
	{id: "load-balancer-port", only: target.Sandbox, after: []string{"loopback"}, ask: loadBalancerPort},
}

const (
	// workspaceBytes is room for the state, its backup, plans and logs.
	workspaceBytes = 50 << 20
	// providerMemory is what the AWS provider has resident while it plans.
	providerMemory = 650 << 20
	reachTimeout   = 8 * time.Second
	dialTimeout    = 2 * time.Second
)

func temporaryFolder(context.Context, *Subject) Check {
	dir := os.TempDir()
	if err := writable(dir); err != nil {
		return failed(fmt.Sprintf("the folder for temporary files, %s, cannot be written: %v", dir, reason(err)),
			"Make that folder, or set TMPDIR to one that you can write, for example TMPDIR=/tmp.")
	}
	return passed("temporary files go to " + dir)
}

func workspaceFolder(_ context.Context, s *Subject) Check {
	dir := existing(s.Dir)
	if err := writable(dir); err != nil {
		return failed(fmt.Sprintf("the workspace %s cannot be written: %v", s.Dir, reason(err)),
			"Free some space or change the folder's permissions, or name another folder with --workspace DIR.")
	}
	if s.OpenErr != nil {
		return failed(fmt.Sprintf("the workspace %s cannot be opened: %v", s.Dir, s.OpenErr), "Name another folder with --workspace DIR, or repair this one.")
	}
	return passed("the workspace is " + s.Dir)
}

func diskSpace(_ context.Context, s *Subject) Check {
	type place struct {
		dir  string
		need uint64
	}
	places := []place{{existing(s.Dir), workspaceBytes}}
	if src, ok := s.providerSource(); ok && src.Folder == "" {
		places = append(places, place{existing(s.CacheDir), stack.UnpackedBytes})
	}
	least := ""
	for _, p := range places {
		free, err := freeBytes(p.dir)
		if err != nil {
			return unknown("free disk space could not be checked: "+err.Error(), "")
		}
		if free < p.need {
			return failed(fmt.Sprintf("%s has %s free, and %s are needed", p.dir, megabytes(free), megabytes(p.need)),
				"Free some space there, or name another folder with --workspace DIR (the workspace) or XDG_CACHE_HOME (the provider).")
		}
		if least == "" {
			least = megabytes(free) + " free on the workspace's disk"
		}
	}
	return passed(least)
}

func filePermissions(_ context.Context, s *Subject) Check {
	if runtime.GOOS == "windows" {
		return unknown("who else can read the workspace could not be checked on Windows", "")
	}
	for _, dir := range []string{s.Dir, s.TerraformDir} {
		if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o022 != 0 {
			return failed("others can write to "+dir+", and its .tf files run with your credentials", "chmod go-w "+dir)
		}
	}
	if s.TerraformDir != "" {
		for _, name := range []string{"terraform.tfstate", "terraform.tfstate.backup"} {
			file := filepath.Join(s.TerraformDir, name)
			if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o077 != 0 {
				return failed("others can read "+file+", which may hold secrets", "chmod 600 "+file)
			}
		}
	}
	return passed("nobody else can write to the workspace")
}

func memory(context.Context, *Subject) Check {
	free, err := availableMemory()
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return unknown("available memory could not be checked on "+runtime.GOOS+"; Terraform's AWS provider needs about "+megabytes(providerMemory), "")
	case err != nil:
		return unknown("available memory could not be checked: "+err.Error(), "")
	case free < providerMemory:
		return warning(fmt.Sprintf("%s of memory are available, and Terraform's AWS provider needs about %s", megabytes(free), megabytes(providerMemory)),
			"Close other programs, or give this machine or container more memory.")
	}
	return passed(megabytes(free) + " of memory available")
}

func terraform(ctx context.Context, s *Subject) Check {
	t, err := stack.Find(ctx, stack.FindOptions{Path: s.Terraform, CacheDir: s.CacheDir, Offline: true, Tofu: s.Tofu}, nil)
	if err == nil {
		s.mu.Lock()
		s.program = t
		s.mu.Unlock()
		return passed(fmt.Sprintf("%s %s at %s", t.Name(), t.Version, t.Path))
	}
	if s.Terraform != "" {
		return failed(err.Error(), "Name a terraform or tofu that works with --terraform PATH, or leave the flag out.")
	}
	if reach := reachable(ctx, "https://releases.hashicorp.com/terraform/"); reach != nil {
		return failed("there is no usable Terraform on this machine, and none can be downloaded: "+reach.Error(),
			"Install Terraform from https://developer.hashicorp.com/terraform/install and put it on PATH, or connect to the internet.")
	}
	return unknown("there is no usable Terraform on this machine; the first plan downloads one and checks its signature", "")
}

// providerSource is false where it cannot be known, without Terraform or an open
// workspace.
func (s *Subject) providerSource() (stack.ProviderSource, bool) {
	if s.TerraformDir == "" {
		return stack.ProviderSource{}, false
	}
	s.mu.Lock()
	program := s.program
	s.mu.Unlock()
	if program == nil {
		program = &stack.Terraform{} // disk space does not wait for it: the registry's name is the same for most
	}
	st, err := stack.Open(stack.Options{Dir: s.TerraformDir, DataDir: s.Dir, CacheDir: s.CacheDir, Terraform: program})
	if err != nil {
		return stack.ProviderSource{}, false
	}
	return st.ProviderSource(), true
}

func provider(ctx context.Context, s *Subject) Check {
	src, ok := s.providerSource()
	switch {
	case !ok:
		return unknown("where Terraform's AWS provider comes from could not be checked", "")
	case src.OwnConfig:
		return unknown("your own Terraform CLI configuration decides where the AWS provider comes from", "")
	case src.Folder != "":
		return passed("the AWS provider is in " + src.Folder)
	}
	size := fmt.Sprintf("a download of about %s, once", megabytes(stack.DownloadBytes))
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	if err := src.Reach(ctx); err != nil {
		return failed(fmt.Sprintf("the AWS provider is not on this machine (%s), and %s cannot be reached: %v", size, src.Host, reason(err)),
			"Connect to the internet, check HTTPS_PROXY, take a bundle with `workshop prefetch --bundle FILE`, or name a folder that has the provider in WORKSHOP_PROVIDER_MIRROR.")
	}
	return passed(fmt.Sprintf("the AWS provider comes from %s: %s; `workshop prefetch` does it now", src.Host, size))
}

func reachable(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, address, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return reason(err)
	}
	return resp.Body.Close()
}

func loopback(ctx context.Context, _ *Subject) Check {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return failed("the sandbox cannot listen on 127.0.0.1: "+err.Error(), "Allow this program to open ports on the loopback interface (lo must be up).")
	}
	_ = l.Close()
	return passed("the sandbox can listen on 127.0.0.1")
}

// sandboxPort looks at the sandbox of the workspace, and starts none.
func sandboxPort(ctx context.Context, s *Subject) Check {
	st, err := target.SandboxStatus(ctx, s.Dir)
	var gone *target.UnavailableError
	switch {
	case errors.As(err, &gone):
		return failed(gone.Error(), "`workshop sandbox stop` ends it; the next command starts it again.")
	case err != nil && !errors.Is(err, target.ErrNotRunning):
		return unknown("the sandbox could not be looked at: "+err.Error(), "")
	case st.Running && st.Problem != "":
		return failed("the sandbox at "+st.Endpoint+" has a problem: "+st.Problem, "`workshop sandbox logs` shows more.")
	case st.Running:
		return passed("the sandbox answers at " + st.Endpoint)
	}
	port, ok := target.SandboxPort(s.Dir)
	switch {
	case !ok:
		return passed("no sandbox runs in this workspace; the first command that needs it starts one")
	case answers(ctx, net.JoinHostPort("127.0.0.1", strconv.Itoa(port))):
		return warning(fmt.Sprintf("another program has port %d, where the sandbox was before", port),
			"Stop that program, or run `workshop env` again in your shells after the sandbox has started at another port.")
	}
	return passed(fmt.Sprintf("no sandbox runs in this workspace, and its port %d is free", port))
}

// loadBalancerPort looks at the deployed address: while no sandbox runs nobody
// else may have its port.
func loadBalancerPort(ctx context.Context, s *Subject) Check {
	u, err := url.Parse(s.URL)
	if s.URL == "" || err != nil || u.Port() == "" {
		return passed("nothing is deployed; the load balancer takes a port that is free")
	}
	if !answers(ctx, net.JoinHostPort("127.0.0.1", u.Port())) {
		return passed("port " + u.Port() + " of the deployed address is free for the load balancer, which starts with the sandbox")
	}
	if st, err := target.SandboxStatus(ctx, s.Dir); err == nil && st.Running {
		return passed("the deployed address, " + s.URL + ", takes connections")
	}
	return failed(fmt.Sprintf("another program has port %s, which the deployed address %s uses", u.Port(), s.URL),
		"Stop that program before the sandbox starts. Otherwise the load balancer gets another address, which `workshop deploy` takes over.")
}

func answers(ctx context.Context, hostPort string) bool {
	d := net.Dialer{Timeout: dialTimeout}
	conn, err := d.DialContext(ctx, "tcp", hostPort)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// existing is the folder, or the nearest above it that exists.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// writable writes a byte into a new file of the folder and removes it.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".workshop-doctor-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString("x")
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

// reason is the innermost part of a file's or a connection's error.
func reason(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func megabytes(n uint64) string {
	if n >= 10<<30 {
		return strconv.FormatUint(n>>30, 10) + " GB"
	}
	return strconv.FormatUint(n>>20, 10) + " MB"
}
