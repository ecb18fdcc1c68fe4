// Package sandbox is an AWS in the process: its ECS runs tasks as child
// processes on Fargate's terms, its load balancer listens on loopback, its logs
// are what the tasks printed. Everything that speaks to AWS can speak to it.
//
// It imports nothing else of the project but packages jsonl, regions and datachannel.
package sandbox

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/renameio/v2/maybe"

	"workshop/internal/jsonl"
	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/balancer"
	"workshop/internal/sandbox/ecs"
	"workshop/internal/sandbox/fargate"
	"workshop/internal/sandbox/iam"
	"workshop/internal/sandbox/store"
	"workshop/internal/sandbox/wire"
)

// Options say where a sandbox keeps its state and what it pretends to be.
type Options struct {
	Dir    string // of its state, which outlives it; one sandbox at a time may use it
	Region string
	Fast   bool // waits as short as they can be, instead of Fargate's feel in seconds
	Port   int  // of the endpoint on loopback; 0 takes any that is free
	Log    *slog.Logger
	// Listener is the endpoint's, on loopback; nil opens Port. Start closes it,
	// also when it fails.
	Listener net.Listener
	// Control answers signed requests for paths below ControlPath; nil for none.
	Control http.Handler
	Disk    jsonl.FS // that it writes to; nil for the machine's
}

// ControlPath begins the paths that Options.Control answers for.
const ControlPath = wire.ControlPath

// Info is what a client needs. The keys are made once for each Dir.
type Info struct {
	Endpoint        string // http://127.0.0.1:port
	Region          string
	Account         string // twelve digits
	AccessKeyID     string
	SecretAccessKey string
}

// Sandbox runs until Close. Its methods are safe for concurrent use.
type Sandbox struct {
	options Options
	info    Info
	keys    wire.Credentials
	store   *store.Store
	first   *account.Account // in the Region whose tables and files have no Region in their names
	roles   *iam.IAM         // of all Regions
	home    *region          // Options.Region
	shells  *ecs.Sessions    // of commands in containers

	run    context.Context // of the parts
	cancel context.CancelFunc
	wg     sync.WaitGroup
	close  []func() error // in the order of opening; the endpoint is the last

	mu      sync.Mutex
	regions map[string]*region
	err     error // the first of a part that ended by itself
}

// RunTask must be the first thing in a program that starts a sandbox: the
// sandbox's tasks are the same program again, and in them it does not return.
func RunTask() { fargate.RunTask() }

// Start brings a sandbox up with what its Dir holds: resources are as they were
// and tasks run again. It serves when Start returns. The context bounds Start
// alone; Close ends the sandbox.
func Start(ctx context.Context, o Options) (*Sandbox, error) {
	s := &Sandbox{}
	err := os.MkdirAll(o.Dir, 0o700)
	if err != nil {
		err = fmt.Errorf("making the sandbox's folder: %w", err)
	} else {
		err = s.start(ctx, o)
	}
	if err != nil {
		if o.Listener != nil {
			_ = o.Listener.Close() // nothing was served on it
		}
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Sandbox) start(ctx context.Context, o Options) error {
	if o.Disk == nil {
		o.Disk = jsonl.OS{}
	}
	s.options, s.regions, s.shells = o, map[string]*region{}, ecs.NewSessions()
	var err error
	if s.keys, err = credentials(filepath.Join(o.Dir, "credentials.json")); err != nil {
		return err
	}
	if s.store, err = store.OpenFS(o.Disk, filepath.Join(o.Dir, "journal")); err != nil {
		return err
	}
	s.close = append(s.close, s.store.Close)
	s.close = append(s.close, s.closeRegions)
	if s.first, err = firstRegion(s.store, o.Region); err != nil {
		return err
	}
	if s.roles, err = iam.New(s.first); err != nil {
		return err
	}
	if s.home, err = s.region(o.Region); err != nil {
		return err
	}
	for _, name := range append(keptRegions(s.store.Unknown()), s.first.Region) {
		if _, err := s.region(name); err != nil {
			return err
		}
	}
	if unknown := s.store.Unknown(); len(unknown) > 0 {
		o.Log.Warn("the sandbox's journal has records that this program does not know", "tables", unknown)
	}

	l := o.Listener
	if l == nil {
		var lc net.ListenConfig
		l, err = lc.Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(o.Port)))
		if err != nil {
			return fmt.Errorf("opening the sandbox's endpoint: %w; another port may be free (--port)", err)
		}
	}
	s.info = Info{
		Endpoint: "http://" + l.Addr().String(), Region: o.Region, Account: account.ID,
		AccessKeyID: s.keys.AccessKeyID, SecretAccessKey: s.keys.SecretAccessKey,
	}

	s.shells.Serve(l.Addr().String())
	s.mu.Lock()
	s.run, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	for _, r := range s.regions {
		s.runRegion(r)
	}
	s.mu.Unlock()
	s.part("disk", func() error { s.watch(); return nil })
	// Streams would go on for hours: they end when the endpoint closes.
	serving, hangUp := context.WithCancel(s.run)
	// A client that sends slowly holds a connection, not the sandbox.
	h := &http.Server{Handler: s.handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		BaseContext: func(net.Listener) context.Context { return serving }}
	h.RegisterOnShutdown(hangUp)
	s.part("endpoint", func() error {
		if err := h.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	s.close = append(s.close, func() error {
		s.shells.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if h.Shutdown(ctx) != nil {
			return h.Close()
		}
		return nil
	})
	return nil
}

// handler answers AWS's operations, and the data channels of commands in containers.
func (s *Sandbox) handler() http.Handler {
	operations := &wire.Regions{Home: s.home.server, Open: s.open}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, ecs.DataChannelPath) {
			s.shells.ServeHTTP(w, r)
			return
		}
		operations.ServeHTTP(w, r)
	})
}

// firstPort spreads the load balancers of different folders over the ports, so
// that those of one are still free when it comes back beside another.
func firstPort(dir string) int {
	h := fnv.New32a()
	h.Write([]byte(dir))
	return balancer.FirstPort + int(h.Sum32()%100)*10
}

// part runs f as a part of the sandbox until Close.
func (s *Sandbox) part(name string, f func() error) {
	s.wg.Go(func() {
		if err := f(); err != nil && !errors.Is(err, context.Canceled) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.err = errors.Join(s.err, fmt.Errorf("the sandbox's %s: %w", name, err))
		}
	})
}

// Info returns what a client needs to reach the sandbox.
func (s *Sandbox) Info() Info { return s.info }

// impairment is a part of the sandbox that may lack something.
type impairment interface {
	Impaired() (reason string, since time.Time, ok bool)
}

// Impaired returns what the sandbox lacks just now, in sentences that say what to do,
// and since when; ok is false while it lacks nothing. It is impaired while the disk
// takes nothing, when changes are refused and reads are answered, and while
// another program has a load balancer's port. It recovers by itself. Other
// processes find the same with ImpairedHeaders.
func (s *Sandbox) Impaired() (reason string, since time.Time, ok bool) {
	parts := []impairment{s.store}
	for _, r := range s.all() {
		parts = append(parts, r.logs, r.lb)
	}
	var reasons []string
	for _, p := range parts {
		if r, at, ok := p.Impaired(); ok {
			reasons = append(reasons, r)
			if since.IsZero() || at.Before(since) {
				since = at
			}
		}
	}
	return strings.Join(reasons, " "), since, len(reasons) > 0
}

// ImpairedHeaders returns what a sandbox says about itself in the headers of its
// answers to signed requests, as Impaired does. It is text from outside: clean it
// before a terminal sees it.
func ImpairedHeaders(h http.Header) (reason string, since time.Time, ok bool) {
	return wire.ImpairedHeaders(h)
}

// watch tries again what has failed, every second until Close, and logs what
// Impaired says whenever that changes.
func (s *Sandbox) watch() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	was := ""
	for {
		select {
		case <-s.run.Done():
			return
		case <-tick.C:
		}
		s.store.Retry()
		for _, r := range s.all() {
			r.logs.Retry()
		}
		switch reason, _, ok := s.Impaired(); {
		case reason == was:
		case ok:
			s.options.Log.Warn("the sandbox is impaired", "reason", reason)
			was = reason
		default:
			s.options.Log.Info("the sandbox has recovered")
			was = ""
		}
	}
}

// Notes are what the learner should know about how the sandbox came up.
func (s *Sandbox) Notes() []string {
	var notes []string
	for _, r := range s.all() {
		notes = append(notes, r.notes...)
	}
	return notes
}

// UnknownOperation is the message of Options.Log's records for requests for what
// the sandbox does not have; their attributes are "service" and "operation".
const UnknownOperation = wire.UnknownOperation

// Unknown counts what clients asked for and the sandbox does not have, by
// "service Operation".
func (s *Sandbox) Unknown() map[string]int {
	unknown := map[string]int{}
	for _, r := range s.all() {
		for what, n := range r.server.Unknown() {
			unknown[what] += n
		}
	}
	return unknown
}

// Close stops the tasks and everything that listens, and saves what is left to
// save. Resources stay for the next Start. It takes a few seconds at most.
func (s *Sandbox) Close() error {
	var errs []error
	// The endpoint first, then what works behind it, then where it writes.
	n := len(s.close) - 1
	if s.cancel != nil {
		errs = append(errs, s.close[n]())
		s.mu.Lock() // no Region comes up any more
		s.cancel()
		s.mu.Unlock()
		s.wg.Wait()
		n--
	}
	for ; n >= 0; n-- {
		errs = append(errs, s.close[n]())
	}
	s.close, s.cancel = nil, nil
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(append(errs, s.err)...)
}

// credentials reads the keys of a sandbox, or makes them.
func credentials(path string) (wire.Credentials, error) {
	var c wire.Credentials
	b, err := os.ReadFile(path)
	if err == nil && json.Unmarshal(b, &c) == nil && len(c.AccessKeyID) == 20 && c.SecretAccessKey != "" {
		return c, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return c, fmt.Errorf("reading the sandbox's keys: %w", err)
	}
	// The form of AWS's own, so that tools that check it are content.
	c = wire.Credentials{AccessKeyID: "AKIA" + rand.Text()[:16], SecretAccessKey: (rand.Text() + rand.Text())[:40]}
	b, err = json.Marshal(c)
	if err == nil {
		err = maybe.WriteFile(path, b, 0o600)
	}
	if err != nil {
		return c, fmt.Errorf("keeping the sandbox's keys: %w", err)
	}
	return c, nil
}
