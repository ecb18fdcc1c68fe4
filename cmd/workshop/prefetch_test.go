package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/adrg/xdg"

	"workshop/internal/mirror"
)

// The command fetches from a room that it knows by its certificate, for a machine of a
// kind that this one has nothing for.
func TestPrefetchFromARoom(t *testing.T) {
	if _, err := exec.LookPath("terraform"); err != nil {
		t.Skip("no terraform on PATH")
	}
	const platform, address = "plan9_386", "registry.terraform.io/hashicorp/aws"
	cache := xdg.CacheHome
	t.Cleanup(func() { xdg.CacheHome = cache })
	xdg.CacheHome = t.TempDir()
	t.Setenv("TF_CLI_CONFIG_FILE", "")
	t.Setenv("HOME", t.TempDir())

	folder := t.TempDir()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	if _, err := z.Create("terraform-provider-aws_v5.100.0_x5"); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(folder, filepath.FromSlash(address), "terraform-provider-aws_5.100.0_"+platform+".zip")
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	content, err := mirror.Find(t.Context(), mirror.Sources{Folders: []string{folder}, Providers: map[string]string{address: ""}, Cache: t.TempDir()}, nil)
	if err != nil || len(content.Files()) != 1 {
		t.Fatal(content, err)
	}
	srv := httptest.NewTLSServer(http.StripPrefix("/mirror", mirror.Handler(content)))
	defer srv.Close()
	sum := sha256.Sum256(srv.Certificate().Raw)
	var out, errOut bytes.Buffer
	args := []string{"prefetch", "--workspace", t.TempDir(), "--platform", platform, "--from", srv.URL + "/mirror/", "--pin", hex.EncodeToString(sum[:]), "--json"}
	if code := run(args, strings.NewReader(""), &out, &errOut); code != exitDone {
		t.Fatalf("it ends with %d: %s%s", code, out.String(), errOut.String())
	}
	if !strings.Contains(out.String(), `"type":"prefetched"`) || !strings.Contains(out.String(), `"type":"download"`) {
		t.Errorf("it prints %s", out.String())
	}
	if got := mirror.Packages(mirror.Providers(filepath.Join(xdg.CacheHome, "fargate-workshop")), address); len(got) != 1 {
		t.Errorf("the cache has %v", got)
	}
}

func TestRoomSource(t *testing.T) {
	for _, line := range []string{"", "room", "http://192.0.2.7/", "https://", "https://me:secret@192.0.2.7/", "https://192.0.2.7/?x", "https://192.0.2.7/#x", "file:///etc"} {
		var u *usageError
		if _, _, err := roomSource(line, ""); !errors.As(err, &u) {
			t.Errorf("%q: %v", line, err)
		}
	}
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	defer srv.Close()
	sum := sha256.Sum256(srv.Certificate().Raw)
	pin := hex.EncodeToString(sum[:])
	for _, tt := range []struct{ pin, want string }{
		{pin, ""}, {strings.ToUpper(pin), ""}, {strings.Repeat("0", 64), "not the pinned one"}, {"", "certificate"},
	} {
		base, client, err := roomSource(srv.URL, tt.pin)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Get(base.String())
		if err == nil {
			_ = resp.Body.Close()
		}
		client.CloseIdleConnections()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("pin %q: %v", tt.pin, err)
		}
	}
	for _, pin := range []string{"x", "00", strings.Repeat("0", 66)} {
		if _, _, err := roomSource(srv.URL, pin); err == nil {
			t.Errorf("the pin %q is taken", pin)
		}
	}
}
