package stack

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/hashicorp/hc-install/releases"

	"workshop/internal/mirror"
)

// published is a release server with one Terraform, a shell script, and its key.
func published(t *testing.T, tamper func(name string, body []byte) []byte) releases.ExactVersion {
	t.Helper()
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	w, err := z.Create("terraform")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(w, "#!/bin/sh\necho '{\"terraform_version\":%q}'\n#%s\n", pinned, strings.Repeat("x", 600<<10))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	entity, err := openpgp.NewEntity("Test", "", "test@example.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	var key, sig bytes.Buffer
	a, err := armor.Encode(&key, openpgp.PublicKeyType, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(entity.Serialize(a), a.Close()); err != nil {
		t.Fatal(err)
	}
	zipName := fmt.Sprintf("terraform_%s_%s.zip", pinned, mirror.Platform())
	sums := fmt.Sprintf("%x  %s\n", sha256.Sum256(archive.Bytes()), zipName)
	if err := openpgp.DetachSign(&sig, entity, strings.NewReader(sums), nil); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{
		"index.json": fmt.Appendf(nil, `{"name":"terraform","version":%q,"shasums":"SHA256SUMS","shasums_signature":"terraform_%s_SHA256SUMS.sig","shasums_signatures":["terraform_%s_SHA256SUMS.sig"],
"builds":[{"name":"terraform","version":%q,"os":%q,"arch":%q,"filename":%q,"url":"https://example.com/terraform/%s/%s"}]}`,
			pinned, pinned, pinned, pinned, runtime.GOOS, runtime.GOARCH, zipName, pinned, zipName),
		"SHA256SUMS": []byte(sums),
		"terraform_" + pinned + "_SHA256SUMS.sig": sig.Bytes(),
		zipName: archive.Bytes(),
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/terraform/"+pinned+"/")
		body, ok := files[name]
		if !ok {
			http.NotFound(w, r)
			return
		}
		switch filepath.Ext(name) {
		case ".json":
			w.Header().Set("Content-Type", "application/json")
		case ".zip":
			w.Header().Set("Content-Type", "application/zip")
		}
		w.Write(tamper(name, body))
	}))
	t.Cleanup(srv.Close)
	return releases.ExactVersion{ApiBaseURL: srv.URL, ArmoredPublicKey: key.String()}
}

func TestFetch(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows runs no shell scripts")
	}
	t.Setenv("PATH", "/bin:/usr/bin")
	if _, err := Find(t.Context(), FindOptions{}, nil); err == nil {
		t.Skip("this machine has Terraform among the system's own programs")
	}
	cache := t.TempDir()
	whole := func(_ string, body []byte) []byte { return body }
	var last Progress
	tf, err := Find(t.Context(), FindOptions{CacheDir: cache, from: published(t, whole)}, func(e Event) {
		if e.Type != EventDownload || e.Message == "" {
			t.Errorf("an event is %+v", e)
		}
		if e.Progress != nil {
			last = *e.Progress
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if tf.Path != fetched(cache) || tf.Version != pinned {
		t.Errorf("got %+v", tf)
	}
	if last.Done == 0 || last.Done != last.Total {
		t.Errorf("the last progress was %+v", last)
	}
	if tf, err := Find(t.Context(), FindOptions{CacheDir: cache, Offline: true}, nil); err != nil || tf.Path != fetched(cache) {
		t.Errorf("the second time: %+v, %v", tf, err)
	}

	for _, file := range []string{"SHA256SUMS", "SHA256SUMS.sig", ".zip"} {
		cache := t.TempDir()
		from := published(t, func(name string, body []byte) []byte {
			if !strings.HasSuffix(name, file) {
				return body
			}
			bad := bytes.Clone(body)
			bad[len(bad)/2] ^= 1
			return bad
		})
		_, err := Find(t.Context(), FindOptions{CacheDir: cache, from: from}, nil)
		if !errors.Is(err, ErrNoTerraform) {
			t.Errorf("a tampered %s: %v", file, err)
		}
		if left, err := os.ReadDir(filepath.Join(cache, "terraform")); err != nil || len(left) != 0 {
			t.Errorf("a tampered %s left %v (%v)", file, left, err)
		}
	}
}

func TestWatchDownload(t *testing.T) {
	grown := make(chan int64, 10)
	dir, end, err := watchDownload(func(e Event) { grown <- e.Progress.Done })
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "terraform-provider123"), "12345")
	if n := <-grown; n != 5 {
		t.Errorf("%d bytes, want 5", n)
	}
	end()
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
}
