package mirror

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/mod/sumdb/dirhash"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	address   = "registry.terraform.io/hashicorp/aws"
	elsewhere = "plan9_386"
)

// body is what the provider of the tests consists of; it does not compress well.
var body = func() []byte {
	var b []byte
	for sum := sha256.Sum256(nil); len(b) < 300<<10; sum = sha256.Sum256(sum[:]) {
		b = append(b, sum[:]...)
	}
	return b
}()

func put(t *testing.T, name string, data []byte, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, mode); err != nil {
		t.Fatal(err)
	}
}

// zipOf is a zip of files by name, in the order of the names given in pairs.
func zipOf(t *testing.T, name string, pairs ...string) {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		w, err := z.Create(pairs[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, pairs[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	put(t, name, b.Bytes(), 0o600)
}

// sources are a mirror with an unpacked provider for this machine, of two versions, and a
// packed one for another kind, and a terraform.
func sources(t *testing.T) Sources {
	t.Helper()
	dir := t.TempDir()
	put(t, filepath.Join(dir, address, "5.99.0", Platform(), "terraform-provider-aws_v5.99.0"), []byte("old"), 0o700)
	put(t, filepath.Join(dir, address, "5.100.0", Platform(), "terraform-provider-aws_v5.100.0"), body, 0o700)
	put(t, filepath.Join(dir, address, "5.100.0", Platform(), "LICENSE.txt"), []byte("free"), 0o600)
	zipOf(t, filepath.Join(dir, address, "terraform-provider-aws_5.100.0_"+elsewhere+".zip"), "terraform-provider-aws_v5.100.0", "theirs")
	program := filepath.Join(dir, "bin", "terraform")
	put(t, program, []byte("\x7fELF, as it were"), 0o700)
	return Sources{Folders: []string{filepath.Join(dir, "nothing"), dir}, Providers: map[string]string{address: ">= 5.99, < 7"},
		Program: Program{program, "1.11.4"}, Cache: t.TempDir()}
}

func find(t *testing.T) *Content {
	t.Helper()
	c, err := Find(t.Context(), sources(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// own is the provider for this machine in content.
func own(t *testing.T, c *Content) File {
	t.Helper()
	for _, f := range c.Files() {
		if f.Address == address && f.Platform == Platform() {
			return f
		}
	}
	t.Fatal("there is no provider for this machine")
	return File{}
}

// serve serves a handler by TLS; pauses are counted and take no time.
func serve(t *testing.T, h http.Handler, dst string) (f *fetcher, pauses *[]time.Duration) {
	t.Helper()
	srv := httptest.NewTLSServer(h)
	t.Cleanup(srv.Close)
	base, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	pauses = &[]time.Duration{}
	return &fetcher{client: srv.Client(), base: base, dst: dst, pause: func(ctx context.Context, d time.Duration) error {
		*pauses = append(*pauses, d)
		return ctx.Err()
	}}, pauses
}

var all = Want{Providers: map[string]string{address: ">= 5.100"}, Terraform: true}

// checkFetched holds a folder to what the sources have.
func checkFetched(t *testing.T, dst string) {
	t.Helper()
	dir := filepath.Join(Providers(dst), address, "5.100.0", Platform())
	got, err := os.ReadFile(filepath.Join(dir, "terraform-provider-aws_v5.100.0"))
	if err != nil || !bytes.Equal(got, body) {
		t.Errorf("the provider has %d bytes: %v", len(got), err)
	}
	if info, err := os.Stat(filepath.Join(dir, "terraform-provider-aws_v5.100.0")); err != nil || info.Mode().Perm()&0o100 == 0 && !strings.HasPrefix(Platform(), "windows") {
		t.Errorf("the provider cannot be run: %v, %v", info, err)
	}
	if _, err := os.Stat(filepath.Join(dst, "terraform", "1.11.4", ProgramName())); err != nil {
		t.Errorf("there is no Terraform: %v", err)
	}
	checkNothingPartial(t, dst)
}

func checkNothingPartial(t *testing.T, dst string) {
	t.Helper()
	if left, _ := os.ReadDir(partials(dst)); len(left) > 0 {
		t.Errorf("%s is left", left[0].Name())
	}
}

func TestFind(t *testing.T) {
	from := sources(t)
	c, err := Find(t.Context(), from, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range c.Files() {
		got = append(got, f.String())
		if err := f.check(); err != nil {
			t.Error(err)
		}
	}
	want := []string{"Terraform 1.11.4 for " + Platform(), address + " 5.100.0 for " + Platform(), address + " 5.100.0 for " + elsewhere}
	if Platform() > elsewhere {
		want[1], want[2] = want[2], want[1]
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
	// Terraform's own hash, of the folder.
	h1, err := dirhash.HashDir(filepath.Join(from.Folders[1], address, "5.100.0", Platform()), "", dirhash.Hash1)
	if f := own(t, c); err != nil || f.H1 != h1 {
		t.Errorf("the hash is %s, and Terraform's %s (%v)", f.H1, h1, err)
	}
	again, err := Find(t.Context(), from, func(p Progress) { t.Errorf("the second time: %+v", p) })
	if err != nil || fmt.Sprint(again.Files()) != fmt.Sprint(c.Files()) {
		t.Errorf("the second time: %v, %v", again.Files(), err)
	}
	// What cannot be served does not keep the rest from being served.
	put(t, from.Program.Path, []byte("#!/bin/sh\n"), 0o700)
	if c, err = Find(t.Context(), from, nil); err == nil || !strings.Contains(err.Error(), "is a script") || len(c.Files()) != 2 {
		t.Errorf("with a script for a terraform: %v, %v", c.Files(), err)
	}
}

func TestFetch(t *testing.T) {
	dst := filepath.Join(t.TempDir(), "cache")
	f, pauses := serve(t, Handler(find(t)), dst)
	var states []State
	f.progress = func(p Progress) {
		if len(states) == 0 || states[len(states)-1] != p.State {
			states = append(states, p.State)
		}
	}
	if err := f.fetch(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	checkFetched(t, dst)
	if want := "[downloading checking fetched downloading checking fetched]"; fmt.Sprint(states) != want {
		t.Errorf("the states are %v, want %s", states, want)
	}
	if len(*pauses) > 0 {
		t.Errorf("it paused: %v", *pauses)
	}
	states = nil
	if err := f.fetch(t.Context(), all); err != nil || fmt.Sprint(states) != "[here]" {
		t.Errorf("the second time: %v, %v", states, err)
	}
	// For a machine of another kind the package stays packed.
	if err := f.fetch(t.Context(), Want{Platform: elsewhere, Providers: map[string]string{address: ""}}); err != nil {
		t.Fatal(err)
	}
	if p := Packages(Providers(dst), address); len(p) != 2 {
		t.Errorf("the packages are %v", p)
	}
	// The folder serves what was fetched into it.
	c, err := Find(t.Context(), Sources{Providers: map[string]string{address: ""}, Cache: dst}, nil)
	if err != nil || len(c.Files()) != 2 {
		t.Errorf("the next room has %v, %v", c.Files(), err)
	}
	if err := f.fetch(t.Context(), Want{Platform: "beos_386", Providers: map[string]string{address: ""}}); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), elsewhere) {
		t.Errorf("what nobody has: %v", err)
	}
	if err := f.fetch(t.Context(), Want{Providers: map[string]string{address: ">= 6"}}); !errors.Is(err, ErrMissing) {
		t.Errorf("a version that nobody has: %v", err)
	}
}

// Public function, and another client.
func TestFetchRefusesRedirects(t *testing.T) {
	srv := httptest.NewTLSServer(http.RedirectHandler("/elsewhere/", http.StatusFound))
	defer srv.Close()
	base, _ := url.Parse(srv.URL)
	if err := Fetch(t.Context(), srv.Client(), base, t.TempDir(), all, nil); err == nil || !strings.Contains(err.Error(), "302") {
		t.Errorf("a redirect: %v", err)
	}
	if err := Fetch(t.Context(), nil, base, t.TempDir(), all, nil); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate that nobody trusts: %v", err)
	}
}

// cutting serves a part of each answer of a package, and then breaks the connection.
type cutting struct {
	http.Handler
	part int

	mu     sync.Mutex
	ranges []string
}

func (c *cutting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, ".zip") {
		c.mu.Lock()
		c.ranges = append(c.ranges, r.Header.Get("Range"))
		c.mu.Unlock()
		w = &cutWriter{w, c.part}
	}
	c.Handler.ServeHTTP(w, r)
}

type cutWriter struct {
	http.ResponseWriter
	left int
}

func (w *cutWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p[:min(len(p), w.left)])
	if w.left -= n; w.left == 0 {
		_ = http.NewResponseController(w.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, err
}

func TestResume(t *testing.T) {
	c := find(t)
	cut := &cutting{Handler: Handler(c), part: 100 << 10}
	dst := t.TempDir()
	f, pauses := serve(t, cut, dst)
	if err := f.fetch(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	checkFetched(t, dst)
	resumed := 0
	for _, r := range cut.ranges {
		if r != "" {
			resumed++
		}
	}
	if want := int(own(t, c).Size / int64(cut.part)); resumed != want || len(*pauses) < want {
		t.Errorf("it resumed %d times and paused %v, want %d: %q", resumed, *pauses, want, cut.ranges)
	}
}

// A later fetch goes on where an earlier one ended, and a part that was damaged meanwhile
// is fetched again.
func TestResumeLater(t *testing.T) {
	c := find(t)
	file := own(t, c)
	packed, err := os.ReadFile(c.files[1].path)
	if c.files[1].File != file {
		packed, err = os.ReadFile(c.files[2].path)
	}
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(packed[:1000])
	damaged[500] ^= 1
	for name, part := range map[string][]byte{"good": packed[:1000], "damaged": damaged, "too long": append(bytes.Clone(packed), 1), "whole": packed} {
		t.Run(name, func(t *testing.T) {
			dst := t.TempDir()
			put(t, filepath.Join(partials(dst), file.SHA256), part, 0o600)
			put(t, filepath.Join(partials(dst), "unpack-1", "of a process that was killed"), part, 0o600)
			f, _ := serve(t, Handler(c), dst)
			if err := f.fetch(t.Context(), all); err != nil {
				t.Fatal(err)
			}
			checkFetched(t, dst)
		})
	}
}

func TestGivesUp(t *testing.T) {
	h := Handler(find(t))
	calls := 0
	f, pauses := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".zip") {
			calls++
			http.Error(w, "the disk\x1b[31m is gone", http.StatusInternalServerError)
			return
		}
		h.ServeHTTP(w, r)
	}), t.TempDir())
	err := f.fetch(t.Context(), Want{Providers: map[string]string{address: ""}})
	if err == nil || !strings.Contains(err.Error(), "the disk is gone") || strings.Contains(err.Error(), "\x1b") || calls != attempts || len(*pauses) != attempts-1 {
		t.Errorf("after %d calls and the pauses %v: %v", calls, *pauses, err)
	}
}

// lying changes what a server says and sends.
func lying(t *testing.T, c *Content, change func(*File), body func([]byte) []byte) http.Handler {
	h := Handler(c)
	var ix index
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/index.json", nil))
	if err := json.Unmarshal(rec.Body.Bytes(), &ix); err != nil {
		t.Fatal(err)
	}
	for i := range ix.Files {
		change(&ix.Files[i])
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/index.json" {
			_ = json.NewEncoder(w).Encode(ix)
			return
		}
		rec := httptest.NewRecorder()
		r.Header.Del("Range")
		h.ServeHTTP(rec, r)
		_, _ = w.Write(body(rec.Body.Bytes()))
	})
}

func TestRefused(t *testing.T) {
	c := find(t)
	file := own(t, c)
	same := func([]byte) func([]byte) []byte { return func(b []byte) []byte { return b } }(nil)
	for name, tt := range map[string]struct {
		change func(*File)
		body   func([]byte) []byte
		locked []string
		want   error
	}{
		"changed on the way":    {func(*File) {}, func(b []byte) []byte { b = bytes.Clone(b); b[len(b)/2] ^= 1; return b }, nil, ErrChecksum},
		"more than was said":    {func(*File) {}, func(b []byte) []byte { return append(bytes.Clone(b), 0) }, nil, ErrInvalid},
		"another hash":          {func(f *File) { f.H1 = "h1:wOhTPz6apLBuF7/FYZuCoXRK/MLgrNprZ3vXmq83g5k=" }, same, nil, ErrChecksum},
		"not what is locked":    {func(*File) {}, same, []string{"h1:wOhTPz6apLBuF7/FYZuCoXRK/MLgrNprZ3vXmq83g5k="}, ErrLocked},
		"what is locked":        {func(*File) {}, same, []string{"h1:other", file.H1}, nil},
		"locked by the zip":     {func(*File) {}, same, []string{"zh:" + file.SHA256}, nil},
		"a name that leads out": {func(f *File) { f.Name = "../" + f.Name }, same, nil, ErrInvalid},
		"an address of folders": {func(f *File) { f.Address = "../../x/y"; f.Name = f.fileName() }, same, nil, ErrInvalid},
		"a version of folders":  {func(f *File) { f.Version = "../1.2.3"; f.Name = f.fileName() }, same, nil, ErrInvalid},
		"no size":               {func(f *File) { f.Size = 0 }, same, nil, ErrInvalid},
		"a huge size":           {func(f *File) { f.Size = maxPackage + 1 }, same, nil, ErrInvalid},
		"no SHA-256":            {func(f *File) { f.SHA256 = "../../x" }, same, nil, ErrInvalid},
		"the same twice":        {func(f *File) { *f = file }, same, nil, ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			dst := t.TempDir()
			f, _ := serve(t, lying(t, c, tt.change, tt.body), dst)
			err := f.fetch(t.Context(), Want{Providers: all.Providers, Locked: map[string]Locked{address: {"5.100.0", tt.locked}}})
			if tt.want == nil && err != nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if _, err := os.Stat(file.place(dst)); (err == nil) != (tt.want == nil) {
				t.Errorf("the package is there: %t", err == nil)
			}
		})
	}
}

// What is there is not replaced, unless the lock file refuses it.
func TestKeepsWhatIsThere(t *testing.T) {
	c := find(t)
	file := own(t, c)
	for name, tt := range map[string]struct {
		locked func(mine string) []string
		want   error
		kept   bool
	}{
		"nothing is known":    {func(string) []string { return nil }, ErrExists, true},
		"mine is locked":      {func(mine string) []string { return []string{mine} }, nil, true},
		"the room's is":       {func(string) []string { return []string{file.H1} }, nil, false},
		"neither is, as here": {func(string) []string { return []string{"h1:other"} }, ErrLocked, true},
	} {
		t.Run(name, func(t *testing.T) {
			dst := t.TempDir()
			mine := filepath.Join(file.place(dst), "terraform-provider-aws_v5.100.0")
			put(t, mine, []byte("mine"), 0o700)
			h1, err := dirhash.HashDir(file.place(dst), "", dirhash.Hash1)
			if err != nil {
				t.Fatal(err)
			}
			f, _ := serve(t, Handler(c), dst)
			err = f.fetch(t.Context(), Want{Providers: all.Providers, Locked: map[string]Locked{address: {"5.100.0", tt.locked(h1)}}})
			if tt.want == nil && err != nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if got, err := os.ReadFile(mine); err != nil || (string(got) == "mine") != tt.kept {
				t.Errorf("it was kept: %t, %v", string(got) == "mine", err)
			}
		})
	}
}

func TestTwoAtOnce(t *testing.T) {
	h, dst := Handler(find(t)), t.TempDir()
	var wg sync.WaitGroup
	for range 4 {
		f, _ := serve(t, h, dst)
		wg.Go(func() {
			if err := f.fetch(t.Context(), all); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	checkFetched(t, dst)
}

func TestHandler(t *testing.T) {
	c := find(t)
	h := Handler(c)
	name := "/" + own(t, c).Name
	for _, tt := range []struct {
		method, path string
		code         int
	}{
		{"GET", name, 200}, {"HEAD", name, 200}, {"GET", "/index.json", 200}, {"POST", name, 405}, {"DELETE", "/index.json", 405},
		{"GET", "/", 404}, {"GET", "/../" + name, 404}, {"GET", c.files[0].path, 404}, {"GET", "/etc/passwd", 404}, {"GET", name + "/", 404},
	} {
		rec := httptest.NewRecorder()
		r := httptest.NewRequest(tt.method, "/", nil)
		r.URL.Path = tt.path
		h.ServeHTTP(rec, r)
		if rec.Code != tt.code {
			t.Errorf("%s %s: %d, want %d", tt.method, tt.path, rec.Code, tt.code)
		}
	}
	// A file that has changed is not served as the one in the index.
	for _, s := range c.files {
		if "/"+s.Name == name {
			put(t, s.path, []byte("other"), 0o600)
		}
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest("GET", name, nil))
	if rec.Code != 500 {
		t.Errorf("a changed file: %d", rec.Code)
	}
}

// Those who wait are let in in the order of their coming, and are told their places.
func TestQueue(t *testing.T) {
	q := &queue{free: 1, limit: 3}
	leave, _, ok := q.enter(t.Context(), nil)
	if !ok {
		t.Fatal("the first is not let in")
	}
	type told struct{ who, place int }
	places, entered := make(chan told), make(chan int)
	leaves := make([]func(), 3)
	gone, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 3 {
		ctx := t.Context()
		if i == 1 {
			ctx = gone
		}
		wg.Go(func() {
			release, _, ok := q.enter(ctx, func(place int) { places <- told{i, place} })
			if ok {
				leaves[i] = release
				entered <- i
			} else if i != 1 {
				t.Errorf("%d is not let in", i)
			}
		})
		if p := <-places; p != (told{i, i + 1}) { // it waits before the next one comes
			t.Errorf("told %+v", p)
		}
	}
	if _, place, ok := q.enter(t.Context(), nil); ok || place != 4 {
		t.Errorf("one too many is let in, or told place %d", place)
	}
	cancel()
	if p := <-places; p != (told{2, 2}) {
		t.Errorf("after one has gone: %+v", p)
	}
	leave()
	// The last one moves up while the first one enters.
	for range 2 {
		select {
		case who := <-entered:
			if who != 0 {
				t.Errorf("%d is let in", who)
			}
		case p := <-places:
			if p != (told{2, 1}) {
				t.Errorf("told %+v", p)
			}
		}
	}
	leaves[0]()
	if who := <-entered; who != 2 {
		t.Errorf("%d is let in", who)
	}
	leaves[2]()
	wg.Wait()
	if q.free != 1 || len(q.waiting) != 0 {
		t.Errorf("afterwards the queue is %+v", q)
	}
}

// A download tells its place while it waits, and is told to come again where the queue is full.
func TestWaiting(t *testing.T) {
	h := newHandler(find(t), 1, 1)
	leave, _, _ := h.queue.enter(t.Context(), nil)
	dst := t.TempDir()
	f, _ := serve(t, h, dst)
	var once sync.Once
	f.progress = func(p Progress) {
		if p.State == Waiting {
			if p.Place != 1 {
				t.Errorf("the place is %d", p.Place)
			}
			once.Do(leave)
		}
	}
	if err := f.fetch(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	checkFetched(t, dst)

	h = newHandler(find(t), 1, 0)
	leave, _, _ = h.queue.enter(t.Context(), nil)
	dst = t.TempDir()
	f, _ = serve(t, h, dst)
	asked := 0
	f.pause = func(_ context.Context, d time.Duration) error {
		if d != retryAfter*time.Second {
			t.Errorf("it waits %s", d)
		}
		if asked++; asked > attempts { // a full queue is no failure
			leave()
		}
		return nil
	}
	if err := f.fetch(t.Context(), Want{Providers: all.Providers}); err != nil || asked <= attempts {
		t.Errorf("after %d questions: %v", asked, err)
	}
}

func TestBundle(t *testing.T) {
	c, dir := find(t), t.TempDir()
	file := filepath.Join(dir, "class.tar")
	if err := Pack(t.Context(), c, file, nil); err != nil {
		t.Fatal(err)
	}
	dst := filepath.Join(dir, "cache")
	if err := Unpack(t.Context(), file, dst, all, nil); err != nil {
		t.Fatal(err)
	}
	checkFetched(t, dst)
	if err := Unpack(t.Context(), file, dst, Want{Platform: elsewhere, Providers: all.Providers}, nil); err != nil || len(Packages(Providers(dst), address)) != 2 {
		t.Errorf("for another kind of machine: %v", err)
	}
	if err := Unpack(t.Context(), file, t.TempDir(), Want{Providers: all.Providers, Locked: map[string]Locked{address: {"5.100.0", []string{"h1:other"}}}}, nil); !errors.Is(err, ErrLocked) {
		t.Errorf("not what is locked: %v", err)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(dir, "cut.tar")
	for _, n := range []int{0, 100, 700, len(whole) / 2} {
		put(t, cut, whole[:n], 0o600)
		dst := t.TempDir()
		if err := Unpack(t.Context(), cut, dst, Want{Providers: all.Providers}, nil); err == nil {
			t.Errorf("%d bytes of a bundle are taken", n)
		}
		checkNothingPartial(t, dst)
	}
	damaged := bytes.Clone(whole)
	damaged[len(damaged)/2] ^= 1 // in the large provider, which is most of it
	put(t, cut, damaged, 0o600)
	if err := Unpack(t.Context(), cut, t.TempDir(), all, nil); !errors.Is(err, ErrChecksum) {
		t.Errorf("a damaged bundle: %v", err)
	}
	if err := Pack(t.Context(), &Content{}, cut, nil); !errors.Is(err, ErrMissing) {
		t.Errorf("an empty bundle: %v", err)
	}
	if err := Unpack(t.Context(), dir, t.TempDir(), all, nil); err == nil {
		t.Error("a folder is taken for a bundle")
	}
}

// hostile makes a bundle whose index and checksums are true of a hostile zip.
func hostile(t *testing.T, packed []byte, entries func(*tar.Writer, File)) string {
	t.Helper()
	f := File{Address: address, Version: "5.100.0", Platform: Platform(), Size: int64(len(packed)), H1: "h1:wOhTPz6apLBuF7/FYZuCoXRK/MLgrNprZ3vXmq83g5k="}
	sum := sha256.Sum256(packed)
	f.SHA256, f.Name = hex.EncodeToString(sum[:]), f.fileName()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	data, _ := json.Marshal(index{format, []File{f}})
	_ = w.WriteHeader(&tar.Header{Name: indexName, Size: int64(len(data)), Mode: 0o600})
	_, _ = w.Write(data)
	entries(w, f)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "hostile.tar")
	put(t, name, b.Bytes(), 0o600)
	return name
}

func TestHostileBundles(t *testing.T) {
	plain := func(packed []byte) func(*tar.Writer, File) {
		return func(w *tar.Writer, f File) {
			_ = w.WriteHeader(&tar.Header{Name: f.Name, Size: f.Size, Mode: 0o600})
			_, _ = w.Write(packed)
		}
	}
	zipped := func(do func(*zip.Writer)) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		do(z)
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	named := func(names ...string) []byte {
		return zipped(func(z *zip.Writer) {
			for _, name := range names {
				w, _ := z.CreateHeader(&zip.FileHeader{Name: name})
				_, _ = w.Write([]byte("x"))
			}
		})
	}
	link := zipped(func(z *zip.Writer) {
		h := &zip.FileHeader{Name: "link"}
		h.SetMode(os.ModeSymlink | 0o777)
		w, _ := z.CreateHeader(h)
		_, _ = w.Write([]byte("/etc/passwd"))
	})
	bomb := zipped(func(z *zip.Writer) {
		w, _ := z.CreateRaw(&zip.FileHeader{Name: "bomb", Method: zip.Deflate, UncompressedSize64: maxUnpacked + 1, CompressedSize64: 2})
		_, _ = w.Write([]byte{3, 0})
	})
	var many []string
	for i := range maxEntries + 1 {
		many = append(many, "f"+strconv.Itoa(i))
	}
	cases := map[string]string{}
	for name, packed := range map[string][]byte{
		"a path that leads out": named("../../../../escaped"), "an absolute path": named("/tmp/escaped"), "a Windows path": named(`..\escaped`),
		"a drive": named("C:escaped"), "the same twice": named("x", "X"), "a folder": named("folder/"), "a link": link, "a bomb": bomb, "too many": named(many...),
		"no zip": []byte("nothing"), "a control character": named("a\x1b[31m"),
	} {
		cases["zip: "+name] = hostile(t, packed, plain(packed))
	}
	good := named("terraform-provider-aws")
	cases["tar: a link"] = hostile(t, good, func(w *tar.Writer, f File) {
		_ = w.WriteHeader(&tar.Header{Name: f.Name, Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"})
	})
	cases["tar: another size"] = hostile(t, good, func(w *tar.Writer, f File) {
		_ = w.WriteHeader(&tar.Header{Name: f.Name, Size: 1, Mode: 0o600})
		_, _ = w.Write([]byte("x"))
	})
	cases["tar: nothing"] = hostile(t, good, func(*tar.Writer, File) {})
	cases["tar: a path that leads out"] = hostile(t, good, func(w *tar.Writer, f File) {
		_ = w.WriteHeader(&tar.Header{Name: "../../" + f.Name, Size: 1, Mode: 0o600})
		_, _ = w.Write([]byte("x"))
	})
	for name, file := range cases {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			dst := filepath.Join(parent, "cache")
			if err := Unpack(t.Context(), file, dst, Want{Providers: all.Providers}, nil); !errors.Is(err, ErrInvalid) {
				t.Errorf("got %v", err)
			}
			checkNothingPartial(t, dst)
			if got := Packages(Providers(dst), address); len(got) > 0 {
				t.Errorf("there is %v", got)
			}
			if left, _ := os.ReadDir(parent); len(left) != 1 {
				t.Errorf("beside the cache there is %v", left)
			}
		})
	}
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"format":1,"files":[{"name":"terraform_1.11.4_linux_amd64.zip","version":"1.11.4","platform":"linux_amd64","size":1,"sha256":"` + strings.Repeat("0", 64) + `","h1":"h1:wOhTPz6apLBuF7/FYZuCoXRK/MLgrNprZ3vXmq83g5k="}]}`))
	f.Add([]byte(`{"format":1,"files":[{"name":"../x"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		files, err := parseIndex(data)
		if err != nil {
			return
		}
		for _, file := range files {
			if rel, err := filepath.Rel("/cache", file.place("/cache")); err != nil || !filepath.IsLocal(rel) || !filepath.IsLocal(file.Name) {
				t.Errorf("%q leads out of the folder", file.Name)
			}
		}
	})
}

func FuzzUnpack(f *testing.F) {
	dir := f.TempDir()
	put := func(name string, data []byte) {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			f.Fatal(err)
		}
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, _ := z.Create("terraform-provider-aws")
	_, _ = w.Write([]byte("x"))
	if err := z.Close(); err != nil {
		f.Fatal(err)
	}
	put(filepath.Join(dir, "terraform-provider-aws_5.100.0_"+Platform()+".zip"), b.Bytes())
	from := filepath.Join(dir, "mirror", address)
	if err := os.MkdirAll(from, 0o700); err != nil {
		f.Fatal(err)
	}
	put(filepath.Join(from, "terraform-provider-aws_5.100.0_"+Platform()+".zip"), b.Bytes())
	c, err := Find(context.Background(), Sources{Folders: []string{filepath.Join(dir, "mirror")}, Providers: all.Providers, Cache: dir}, nil)
	if err != nil {
		f.Fatal(err)
	}
	bundle := filepath.Join(dir, "bundle.tar")
	if err := Pack(context.Background(), c, bundle, nil); err != nil {
		f.Fatal(err)
	}
	data, err := os.ReadFile(bundle)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		parent := t.TempDir()
		dst := filepath.Join(parent, "cache")
		name := filepath.Join(t.TempDir(), "bundle.tar")
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		err := Unpack(t.Context(), name, dst, Want{Providers: all.Providers}, nil)
		if there := len(Packages(Providers(dst), address)) > 0; there != (err == nil) {
			t.Errorf("a package is there: %t, and the error is %v", there, err)
		}
		if left, _ := os.ReadDir(parent); len(left) > 1 {
			t.Errorf("beside the cache there is %v", left)
		}
	})
}
