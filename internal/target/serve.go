package target

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2/maybe"

	"workshop/internal/sandbox"
)

const (
	// emptyIdle is how long a background sandbox without resources waits for a
	// request before it ends.
	emptyIdle = 10 * time.Minute
	// DefaultIdle is the same for one with resources, where Options.Idle and
	// WORKSHOP_SANDBOX_IDLE do not say otherwise.
	DefaultIdle = 12 * time.Hour

	idleEnv = "WORKSHOP_SANDBOX_IDLE"

	// lockTime is how long Serve tries for the lock while no sandbox has said that
	// it has it.
	lockTime = time.Second
)

// RunningError is returned by Serve where a sandbox runs in the workspace.
type RunningError struct {
	PID        int
	Endpoint   string // empty where it only just starts
	Background bool
}

func (e *RunningError) Error() string {
	if e.Endpoint == "" {
		return fmt.Sprintf("a sandbox starts in this workspace already (process %d)", e.PID)
	}
	if e.Background {
		return fmt.Sprintf("a sandbox runs in this workspace already, in the background, at %s (process %d): `workshop env` prints how to use it, `workshop sandbox stop` ends it", e.Endpoint, e.PID)
	}
	return fmt.Sprintf("a sandbox runs in this workspace already, at %s (process %d): `workshop env` prints how to use it", e.Endpoint, e.PID)
}

// Server is a sandbox in this process, which other processes find in the
// workspace. It runs until Close.
type Server struct {
	// Target reaches the sandbox; its Notes say how it came up.
	Target *Target

	sandbox *sandbox.Sandbox
	info    info
	files   files
	lock    *flock.Flock
	idle    time.Duration // 0: never ends by itself

	mu   sync.Mutex
	wait waiting
}

// Serve starts the sandbox of o.Dir in this process. The error is a
// *RunningError where one runs already. The context bounds Serve alone.
func Serve(ctx context.Context, o Options) (*Server, error) { return serve(ctx, o, false) }

func serve(ctx context.Context, o Options, background bool) (*Server, error) {
	f, err := filesOf(o.Dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(f.folder, 0o700); err != nil {
		return nil, fmt.Errorf("making the sandbox's folder: %w; choose another place with --workspace", err)
	}
	s := &Server{files: f, lock: flock.New(f.lock, flock.SetPermissions(0o600))}
	for begun := time.Now(); ; pause(ctx, lookAgain) {
		held, err := s.lock.TryLock()
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("locking the sandbox's folder: %w", err), s.lock.Close())
		}
		if held {
			break
		}
		// A command that looks whether a sandbox runs has the lock for an instant.
		i, err := f.read()
		if err == nil || time.Since(begun) > lockTime {
			return nil, errors.Join(&RunningError{PID: i.PID, Endpoint: i.Endpoint, Background: i.Background}, s.lock.Close())
		}
	}
	if err := s.start(ctx, o, background); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, o Options, background bool) error {
	if background {
		var err error
		if s.idle, err = idleTime(o.Idle, os.Getenv(idleEnv)); err != nil {
			return err
		}
	}
	region := o.Region
	if region == "" {
		region = DefaultRegion
	}
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	// Others must be able to end one that never gets further than this.
	s.info = info{PID: os.Getpid(), Since: time.Now().UTC(), Build: build(), Background: background, Region: region}
	if err := s.files.write(s.info); err != nil {
		return err
	}
	l, note, err := s.files.listen(ctx, o.Port)
	if err != nil {
		return err
	}
	sb, err := sandbox.Start(ctx, sandbox.Options{
		Dir: s.files.folder, Region: region, Fast: o.Fast, Log: log, Listener: l, Control: http.HandlerFunc(s.control),
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.sandbox, s.wait = sb, waiting{since: time.Now()}
	s.mu.Unlock()
	i := sb.Info()
	s.info.Endpoint, s.info.Account = i.Endpoint, i.Account
	s.info.AccessKeyID, s.info.SecretAccessKey = i.AccessKeyID, i.SecretAccessKey
	if note != "" {
		s.info.Notes = append(s.info.Notes, note)
	}
	s.info.Notes = append(s.info.Notes, sb.Notes()...)
	if err := s.files.write(s.info); err != nil {
		return err
	}
	s.Target = sandboxTarget(s.info)
	s.Target.Notes = s.info.Notes
	return nil
}

// Close ends the sandbox and its tasks. What is in it comes back with the next
// one. It takes a few seconds at most.
func (s *Server) Close() error {
	var errs []error
	if s.info.PID != 0 {
		if err := os.Remove(s.files.info); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	s.mu.Lock()
	sb := s.sandbox
	s.mu.Unlock()
	if sb != nil {
		errs = append(errs, sb.Close())
	}
	return errors.Join(append(errs, s.lock.Close())...)
}

// listen opens the endpoint: at port where that is not 0, else at the one that
// the workspace had before, so that the exports in a learner's shell stay right.
// The note is for the learner.
func (f files) listen(ctx context.Context, port int) (l net.Listener, note string, err error) {
	var lc net.ListenConfig
	at := func(port int) (net.Listener, error) {
		return lc.Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	}
	kept := 0
	if b, err := os.ReadFile(f.port); err == nil {
		if n, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil && n > 0 && n < 1<<16 {
			kept = n
		}
	}
	switch {
	case port != 0:
		if l, err = at(port); err != nil {
			return nil, "", fmt.Errorf("opening the sandbox's endpoint: %w; another port may be free (--port)", err)
		}
	case kept != 0:
		if l, err = at(kept); err == nil {
			return l, "", nil
		}
	}
	for n, first := 0, firstPort(f.folder); l == nil && n < 100; n++ {
		l, _ = at(first + n)
	}
	if l == nil {
		if l, err = at(0); err != nil {
			return nil, "", fmt.Errorf("opening the sandbox's endpoint: %w", err)
		}
	}
	now := l.Addr().(*net.TCPAddr).Port
	if kept != 0 && now != kept {
		note = fmt.Sprintf("The sandbox is at http://%s now and was at port %d before: shells in which you ran `workshop env` need it again.", l.Addr(), kept)
		if port == 0 {
			note = fmt.Sprintf("Another program uses port %d, so the sandbox is at http://%s now: shells in which you ran `workshop env` need it again.", kept, l.Addr())
		}
	}
	if now != kept {
		if err := maybe.WriteFile(f.port, []byte(strconv.Itoa(now)+"\n"), 0o600); err != nil {
			return nil, "", errors.Join(fmt.Errorf("keeping the sandbox's port: %w", err), l.Close())
		}
	}
	return l, note, nil
}

// firstPort spreads the endpoints of workspaces over ports below those that
// systems hand out by themselves.
func firstPort(dir string) int {
	h := fnv.New32a()
	h.Write([]byte(dir))
	return 14000 + int(h.Sum32()%3000)
}

// idleTime chooses how long a sandbox with resources may be idle; 0 is for ever.
func idleTime(option time.Duration, env string) (time.Duration, error) {
	if option != 0 {
		return max(option, 0), nil
	}
	if env == "" {
		return DefaultIdle, nil
	}
	d, err := time.ParseDuration(env)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%s=%s is not a duration such as 30m or 12h; 0 is for ever", idleEnv, env)
	}
	return d, nil
}

// waiting follows how long nobody has used a sandbox.
type waiting struct {
	since time.Time // of the last sign of use
	seen  sandbox.Activity
}

// observe notes what was asked until now.
func (w *waiting) observe(now time.Time, a sandbox.Activity) {
	if a != w.seen || a.Open > 0 {
		w.since, w.seen = now, a
	}
}

// ends is when a sandbox with so many resources ends; zero is never.
func (w *waiting) ends(idle time.Duration, resources int) time.Time {
	if idle == 0 {
		return time.Time{}
	}
	if resources == 0 {
		idle = min(idle, emptyIdle)
	}
	return w.since.Add(idle)
}

// observe looks at the sandbox and says when it ends by itself.
func (s *Server) observe() (ends time.Time, resources int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sandbox == nil {
		return time.Time{}, 0
	}
	resources = s.sandbox.Resources()
	s.wait.observe(time.Now(), s.sandbox.Activity())
	return s.wait.ends(s.idle, resources), resources
}

// untilIdle returns why the sandbox ends: it was not used for long, its folder
// is gone, a part of it failed, or ctx ended.
func (s *Server) untilIdle(ctx context.Context) (why string) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return "it was asked to"
		case <-tick.C:
		}
		if ends, resources := s.observe(); !ends.IsZero() && time.Now().After(ends) {
			if resources == 0 {
				return "nothing is deployed in it and nobody uses it"
			}
			return "nobody uses it"
		}
		if _, err := os.Stat(s.files.lock); errors.Is(err, fs.ErrNotExist) {
			return "its folder was removed"
		}
		if err := s.sandbox.Failed(); err != nil {
			return err.Error()
		}
	}
}

// control answers questions about the sandbox itself.
func (s *Server) control(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != describePath {
		http.NotFound(w, r)
		return
	}
	d := description{PID: os.Getpid(), Build: build()}
	ends, resources := s.observe()
	d.Deployed = resources
	if !ends.IsZero() {
		d.IdleEnds = &ends
	}
	s.mu.Lock()
	sb := s.sandbox
	d.LastUse = s.wait.since
	s.mu.Unlock()
	if sb != nil {
		if err := sb.Err(); err != nil {
			d.Problem = err.Error()
		}
	}
	b, err := json.Marshal(d)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(b) // a client that has gone needs no answer
}

// processEnv has a process be the sandbox of a workspace; its value is a request.
const processEnv = "WORKSHOP_SANDBOX_PROCESS"

// request is what a background sandbox is started with.
type request struct {
	Dir    string        `json:"dir"`
	Region string        `json:"region,omitempty"`
	Fast   bool          `json:"fast,omitempty"`
	Port   int           `json:"port,omitempty"`
	Idle   time.Duration `json:"idle,omitempty"`
}

// exitRunning is the exit code of a background sandbox that found another.
const exitRunning = 75

// RunSandbox makes this process the sandbox of a workspace if its environment
// says so, and then never returns. It belongs at the top of main, and of
// TestMain where a test opens a sandbox, after sandbox.RunTask: Open starts the
// background sandbox by executing its own program again.
func RunSandbox() {
	text := os.Getenv(processEnv)
	if text == "" {
		return
	}
	os.Unsetenv(processEnv)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // it runs for hours beside other work
	}
	signal.Ignore(syscall.SIGHUP)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	err := runSandbox(ctx, text, log)
	var running *RunningError
	switch {
	case errors.As(err, &running):
		log.Info("this process ends: another one is the sandbox", "process", running.PID)
		os.Exit(exitRunning)
	case err != nil:
		fmt.Fprintln(os.Stderr, err) // the last of the log is what the starting command shows
		os.Exit(1)
	}
	os.Exit(0)
}

func runSandbox(ctx context.Context, text string, log *slog.Logger) error {
	var r request
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return fmt.Errorf("reading %s: %w", processEnv, err)
	}
	s, err := serve(ctx, Options{Kind: Sandbox, Dir: r.Dir, Region: r.Region, Fast: r.Fast, Port: r.Port, Idle: r.Idle, Log: log}, true)
	if err != nil {
		return err
	}
	log.Info("the sandbox runs", "endpoint", s.info.Endpoint, "region", s.info.Region, "process", s.info.PID)
	for _, n := range s.info.Notes {
		log.Warn(n)
	}
	why := s.untilIdle(ctx)
	log.Info("the sandbox ends", "because", why)
	if err := s.Close(); err != nil {
		return err
	}
	log.Info("the sandbox has ended", "kept", filepath.Clean(s.files.folder))
	return nil
}
