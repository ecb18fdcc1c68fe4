package stack

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"workshop/internal/workspace"
)

// bucket is the part of S3 that Terraform's backend uses, with one bucket. It
// answers STS's GetCallerIdentity as well, which the backend asks first.
type bucket struct {
	mu      sync.Mutex
	objects map[string][]byte
	refuse  func(*http.Request) bool // answers 503; may be nil
	corrupt func([]byte) []byte      // changes what is stored; may be nil
	locks   int                      // locks that were taken
	gone    bool                     // the bucket was deleted
}

func newBucket(t *testing.T) (*bucket, []string) {
	b := &bucket{objects: map[string][]byte{}}
	srv := httptest.NewServer(b)
	t.Cleanup(srv.Close)
	return b, []string{
		"AWS_ENDPOINT_URL=" + srv.URL, "AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=1",
	}
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	key, object := strings.CutPrefix(r.URL.Path, "/bucket/")
	object = object && key != ""
	data, exists := b.objects[key]
	fail := func(status int, code string) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", code, code)
	}
	switch {
	case r.URL.Path == "/" && r.Method == http.MethodPost:
		fmt.Fprint(w, `<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::000000000000:user/x</Arn><UserId>x</UserId><Account>000000000000</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`)
	case b.refuse != nil && b.refuse(r):
		fail(http.StatusForbidden, "AccessDenied")
	case b.gone:
		fail(http.StatusNotFound, "NoSuchBucket")
	case !object && r.Method == http.MethodGet && strings.Trim(r.URL.Path, "/") == "bucket":
		fmt.Fprint(w, `<ListBucketResult><Name>bucket</Name><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>`)
	case !object:
		fail(http.StatusNotFound, "NoSuchBucket")
	case r.Method == http.MethodPut && r.Header.Get("If-None-Match") == "*" && exists:
		fail(http.StatusPreconditionFailed, "PreconditionFailed")
	case r.Method == http.MethodPut:
		if strings.HasSuffix(key, ".tflock") {
			b.locks++
		} else if b.corrupt != nil {
			body = b.corrupt(body)
		}
		b.objects[key] = body
		w.Header().Set("ETag", `"x"`)
	case r.Method == http.MethodDelete:
		delete(b.objects, key)
		w.WriteHeader(http.StatusNoContent)
	case !exists:
		fail(http.StatusNotFound, "NoSuchKey")
	default: // GET and HEAD
		w.Header().Set("ETag", `"x"`)
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		if r.Method == http.MethodGet {
			_, _ = w.Write(data)
		}
	}
}

func (b *bucket) state(t *testing.T, key string) *stateFile {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	st, err := decodeState(b.objects[key])
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// do has f use the bucket while nobody else does.
func (b *bucket) do(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

var inBucket = Backend{Bucket: "bucket", Key: "team/one.tfstate", Region: "eu-west-1"}

func deployed(t *testing.T, s *Stack) {
	t.Helper()
	if err := s.Init(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ApplyAll(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
}

func TestStateMovesToS3AndBack(t *testing.T) {
	b, env := newBucket(t)
	s := newStack(t, "service.tf", small)
	s.opts.Env = env
	deployed(t, s)
	start, err := readState(s.localPath())
	if err != nil {
		t.Fatal(err)
	}

	moved, err := s.Move(t.Context(), inBucket, nil)
	if err != nil {
		t.Fatal(err)
	}
	if moved.From != "local" || moved.To != "s3://bucket/team/one.tfstate" || moved.Serial != start.Serial || moved.Resources != 3 {
		t.Errorf("%+v", moved)
	}
	private(t, moved.Copy)
	private(t, s.copyPath())
	there := b.state(t, inBucket.Key)
	if !there.follows(start) || there.Serial > start.Serial+1 || there.instances() != 3 {
		t.Errorf("the object has %+v instead of %+v", there, start)
	}
	if _, err := os.Stat(s.localPath()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a local state is left: %v", err)
	}
	if got, ok := s.Backend(); got != inBucket || !ok {
		t.Errorf("Backend: %+v, %v", got, ok)
	}

	// What only reads, in another process, sees the state in S3.
	reader, err := Open(Options{Dir: s.opts.Dir, DataDir: s.opts.DataDir})
	if err != nil {
		t.Fatal(err)
	}
	if up, err := reader.Exists(); !up || err != nil {
		t.Errorf("Exists: %v, %v", up, err)
	}
	if out, err := reader.Outputs(); out["greeting"] != "hello" || err != nil {
		t.Errorf("Outputs: %v, %v", out, err)
	}
	if _, ok := reader.StateRead(); !ok {
		t.Error("no time of the copy")
	}

	// Terraform works on it, under a lock, and leaves nothing in the folder.
	b.do(func() { b.locks = 0 })
	s.opts.Vars["greeting"] = "again"
	if err := s.Init(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	p, err := s.Plan(t.Context(), nil)
	if err != nil || p.Update != 3 {
		t.Fatalf("%+v, %v", p, err)
	}
	if _, err := s.Apply(t.Context(), p, nil); err != nil {
		t.Fatal(err)
	}
	b.do(func() {
		if b.locks == 0 {
			t.Error("no lock was taken")
		}
	})
	changed := b.state(t, inBucket.Key)
	if out, err := reader.Outputs(); out["greeting"] != "again" || err != nil || changed.Serial <= start.Serial {
		t.Errorf("after an apply: %v, %v, serial %d", out, err, changed.Serial)
	}
	// A state that another computer changed is seen after an Init.
	put(t, s.copyPath(), "")
	if err := s.Init(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if up, _ := reader.Exists(); !up {
		t.Error("Init did not read the state")
	}

	if _, err = s.Move(t.Context(), Backend{}, nil); err != nil {
		t.Fatal(err)
	}
	back, err := readState(s.localPath())
	if err != nil || !back.follows(changed) || back.instances() != 3 {
		t.Errorf("back: %+v, %v", back, err)
	}
	private(t, s.localPath())
	for _, gone := range []string{s.copyPath(), s.backendFile()} {
		if _, err := os.Stat(gone); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left", gone)
		}
	}
	if b.state(t, inBucket.Key).Serial != changed.Serial {
		t.Error("the object was changed by the way back")
	}
	if p, err := s.Plan(t.Context(), nil); err != nil || !p.Empty() {
		t.Errorf("a plan after the way back: %+v, %v", p, err)
	}
	if moved, err := s.Move(t.Context(), Backend{}, nil); err != nil || moved.Copy != "" {
		t.Errorf("a move to where it is: %+v, %v", moved, err)
	}
	// Once more to the same key, where an older state of the same lineage is.
	deployed(t, s)
	if _, err := s.Move(t.Context(), inBucket, nil); err != nil {
		t.Error(err)
	}
}

// Whatever goes wrong on the way, the state is where it was, whole.
func TestMoveThatFails(t *testing.T) {
	other := `{"version":4,"serial":1,"lineage":"other","outputs":{},"resources":[{"mode":"managed","type":"terraform_data","name":"b","provider":"provider[\"terraform.io/builtin/terraform\"]","instances":[{"schema_version":0,"attributes":{"id":"x","input":null,"output":null,"triggers_replace":null}}]}]}`
	for name, test := range map[string]struct {
		prepare func(t *testing.T, s *Stack, b *bucket)
		want    error
		text    string
	}{
		"another state is there": {
			prepare: func(_ *testing.T, _ *Stack, b *bucket) { b.objects[inBucket.Key] = []byte(other) },
			want:    ErrStateConflict, text: "holds another state, with 1 resources",
		},
		"a later state is there": {
			prepare: func(t *testing.T, s *Stack, b *bucket) {
				st, err := readState(s.localPath())
				if err != nil {
					t.Fatal(err)
				}
				b.objects[inBucket.Key] = fmt.Appendf(nil, `{"version":4,"serial":99,"lineage":%q,"outputs":{},"resources":[]}`, st.Lineage)
			},
			want: ErrStateConflict, text: "a later state (serial 99",
		},
		"the bucket cannot be read": {
			prepare: func(_ *testing.T, _ *Stack, b *bucket) { b.refuse = func(*http.Request) bool { return true } },
			text:    "StatusCode: 403",
		},
		"the object cannot be written": {
			prepare: func(_ *testing.T, _ *Stack, b *bucket) {
				b.refuse = func(r *http.Request) bool {
					return r.Method == http.MethodPut && !strings.HasSuffix(r.URL.Path, ".tflock")
				}
			},
			text: "AccessDenied",
		},
		"the lock cannot be taken": {
			prepare: func(_ *testing.T, _ *Stack, b *bucket) {
				b.objects[inBucket.Key+".tflock"] = []byte(`{"ID":"0f8fad5b-d9cb-469f-a165-70867728950e","Operation":"apply","Who":"somebody@elsewhere","Created":"2026-01-01T00:00:00Z"}`)
			},
			want: ErrStateLocked, text: "lock",
		},
		"the store loses a resource": {
			prepare: func(_ *testing.T, _ *Stack, b *bucket) {
				b.corrupt = func(data []byte) []byte {
					from, to, _ := strings.Cut(string(data), `"resources": [`)
					_, rest, _ := strings.Cut(to, `"check_results"`)
					return []byte(from + `"resources": [], "check_results"` + rest)
				}
			},
			text: "is not the one that was moved",
		},
		"a backend of one's own": {
			prepare: func(t *testing.T, s *Stack, _ *bucket) {
				put(t, filepath.Join(s.opts.Dir, "mine.tf"), "terraform {\n  backend \"local\" { path = \"here.tfstate\" }\n}")
			},
			want: ErrOwnBackend, text: "mine.tf",
		},
		"an old Terraform": {
			prepare: func(_ *testing.T, s *Stack, _ *bucket) {
				old := *s.opts.Terraform
				old.Version = "1.9.8"
				s.opts.Terraform = &old
			},
			want: ErrNoLockfile, text: "1.10.0 or later",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b, env := newBucket(t)
			s := newStack(t, "service.tf", small)
			s.opts.Env = env
			deployed(t, s)
			before, err := os.ReadFile(s.localPath())
			if err != nil {
				t.Fatal(err)
			}
			b.do(func() { test.prepare(t, s, b) })
			moved, err := s.Move(t.Context(), inBucket, nil)
			if err == nil || test.want != nil && !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.text) || moved != nil {
				t.Fatalf("%+v, %v", moved, err)
			}
			if after, err := os.ReadFile(s.localPath()); string(after) != string(before) || err != nil {
				t.Errorf("the state has changed: %v", err)
			}
			if _, err := os.Stat(s.backendFile()); !errors.Is(err, os.ErrNotExist) {
				t.Error("the backend's file is left")
			}
			if name == "a backend of one's own" {
				return
			}
			if kept := filesIn(s.opts.Dir, "*before-move*"); len(kept) > 0 {
				t.Errorf("left: %v", kept)
			}
			if err := s.Init(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			if p, err := s.Plan(t.Context(), nil); err != nil || !p.Empty() {
				t.Errorf("a plan afterwards: %+v, %v", p, err)
			}
		})
	}
}

// A move that was killed between its steps is found and finished, or taken back.
func TestInterruptedMove(t *testing.T) {
	b, env := newBucket(t)
	s := newStack(t, "service.tf", small)
	s.opts.Env = env
	deployed(t, s)
	put(t, s.backendFile(), string(inBucket.file(true)))
	if up, err := s.Exists(); !up || err != nil {
		t.Errorf("the state is not found: %v, %v", up, err)
	}
	err := s.Init(t.Context(), nil)
	if !errors.Is(err, ErrMoveUnfinished) || !strings.Contains(err.Error(), "workshop backend s3://bucket/team/one.tfstate") {
		t.Fatal(err)
	}
	if _, err := s.Move(t.Context(), inBucket, nil); err != nil {
		t.Fatal(err)
	}
	if b.state(t, inBucket.Key).instances() != 3 {
		t.Error("the state was not moved")
	}
	if err := os.Remove(s.backendFile()); err != nil {
		t.Fatal(err)
	}
	if err := s.Init(t.Context(), nil); !errors.Is(err, ErrMoveUnfinished) {
		t.Fatal(err)
	}
	if _, err := s.Move(t.Context(), Backend{}, nil); err != nil {
		t.Fatal(err)
	}
	if up, err := s.Exists(); !up || err != nil {
		t.Errorf("%v, %v", up, err)
	}
}

func TestParseBackend(t *testing.T) {
	for text, want := range map[string]Backend{
		"local":                {},
		"s3://abc/d":           {Bucket: "abc", Key: "d"},
		"s3://a.b-c/d/e f.tf$": {Bucket: "a.b-c", Key: "d/e f.tf$"},
	} {
		if got, err := ParseBackend(text); got != want || err != nil {
			t.Errorf("%q: %+v, %v", text, got, err)
		} else if got.String() != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	for _, text := range []string{
		"", "s3", "s3://", "s3://abc", "s3://abc/", "s3://abc//d", "s3://abc/d/", "s3://ABC/d", "s3://a/d", "gs://abc/d",
		"s3://abc/d\ne", "s3://abc/\u202ed", "s3://abc/\xff", "s3://abc/" + strings.Repeat("k", maxKey+1),
	} {
		if got, err := ParseBackend(text); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

// Whatever ParseBackend accepts, the file that is written for it means the same.
func FuzzBackendFile(f *testing.F) {
	f.Add("s3://bucket/a/${b}%{c}\"\\d", true)
	f.Add("s3://bucket/key", false)
	f.Fuzz(func(t *testing.T, text string, pathStyle bool) {
		b, err := ParseBackend(text)
		if err != nil || b.Local() {
			return
		}
		b.Region = "eu-west-1"
		c := newConfiguration()
		c.add(workspace.BackendFile, b.file(pathStyle))
		if c.backend.place != (place{"s3", b}) {
			t.Errorf("%q became %+v", text, c.backend.place)
		}
	})
}

// In S3 a lock outlives the Terraform that took it. One that is known to be left
// is removed, any other is respected.
func TestLockLeftInS3(t *testing.T) {
	b, env := newBucket(t)
	s := newStack(t, "service.tf", small)
	s.opts.Env = env
	deployed(t, s)
	if _, err := s.Move(t.Context(), inBucket, nil); err != nil {
		t.Fatal(err)
	}
	left := []byte(`{"ID":"0f8fad5b-d9cb-469f-a165-70867728950e","Operation":"OperationTypeApply","Who":"me@here","Version":"1.11.4","Created":"2026-01-02T03:04:05.678Z","Path":"bucket/team/one.tfstate"}`)
	lock := inBucket.Key + ".tflock"
	b.do(func() { b.objects[lock] = left })
	var seen []StateLock
	answer := false
	s.opts.Stale = func(l StateLock) bool { seen = append(seen, l); return answer }
	if _, err := s.Plan(t.Context(), nil); !errors.Is(err, ErrStateLocked) {
		t.Fatal(err)
	}
	want := StateLock{ID: "0f8fad5b-d9cb-469f-a165-70867728950e", Who: "me@here", Created: time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)}
	if len(seen) != 1 || !seen[0].Created.Equal(want.Created) || seen[0].ID != want.ID || seen[0].Who != want.Who {
		t.Errorf("%+v", seen)
	}
	b.do(func() {
		if string(b.objects[lock]) != string(left) {
			t.Error("the lock of somebody else was removed")
		}
	})
	answer = true
	for name, do := range map[string]func() error{
		"plan":     func() error { _, err := s.Plan(t.Context(), nil); return err },
		"applyAll": func() error { _, err := s.ApplyAll(t.Context(), nil); return err },
	} {
		b.do(func() { b.objects[lock] = left })
		if err := do(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		b.do(func() {
			if b.objects[lock] != nil {
				t.Errorf("%s left the lock", name)
			}
		})
	}
}

// Where the bucket is gone, so is the state; the copy of it brings the stack back.
func TestBucketLost(t *testing.T) {
	b, env := newBucket(t)
	s := newStack(t, "service.tf", small)
	s.opts.Env = env
	deployed(t, s)
	if _, err := s.Move(t.Context(), inBucket, nil); err != nil {
		t.Fatal(err)
	}
	b.do(func() { b.gone = true })
	for name, do := range map[string]func() error{
		"init": func() error { return s.Init(t.Context(), nil) },
		"plan": func() error { _, err := s.Plan(t.Context(), nil); return err },
		"move": func() error {
			_, err := s.Move(t.Context(), Backend{Bucket: "bucket", Key: "other", Region: "eu-west-1"}, nil)
			return err
		},
	} {
		if err := do(); !errors.Is(err, ErrNoBucket) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if up, err := s.Exists(); !up || err != nil {
		t.Errorf("the copy: %v, %v", up, err)
	}
	if _, err := s.Move(t.Context(), Backend{}, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Init(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if p, err := s.Plan(t.Context(), nil); err != nil || !p.Empty() {
		t.Errorf("%+v, %v", p, err)
	}
}
