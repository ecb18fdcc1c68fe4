// Package podinfo is a small web service with the contract of podinfo
// (github.com/stefanprodan/podinfo): the same addresses, status codes, content
// types, JSON members, flags, environment and log lines, without what the
// workshop has no use for (gRPC, TLS, metrics, tracing, the cache, the store,
// tokens and web sockets). In the sandbox it stands in for the public image.
package podinfo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"
)

// Process is what the program gets from whoever runs it.
type Process struct {
	Args     []string // without the program's name
	Env      []string // KEY=value, all that /env shows
	Hostname string
	Version  string                               // of the image, e.g. "6.9.2"
	Cores    float64                              // that the task has, which --stress-cpu then keeps to; 0 is no limit
	Listen   func(port int) (net.Listener, error) // opens a port of the container
	Stdout   io.Writer
	Stderr   io.Writer
	Signals  <-chan os.Signal // the first one ends the program gracefully, a second at once
	Exit     func(code int)   // ends the process; os.Exit
}

// config is podinfo's configuration, as far as it is honoured here.
type config struct {
	port            int
	level           string
	logo            string
	color           string
	message         string
	httpTimeout     time.Duration
	shutdownTimeout time.Duration
	unhealthy       bool
	unready         bool
	randomError     bool
	randomDelay     bool
	delayUnit       time.Duration
	delayMin        int
	delayMax        int
	stressCPU       int
	stressMemory    int // MB
}

// errVersion is asked for with --version.
var errVersion = errors.New("version")

// parse reads the flags, and for those that are not given the environment:
// PODINFO_UI_MESSAGE stands for --ui-message.
func parse(p Process) (config, *pflag.FlagSet, error) {
	fs := pflag.NewFlagSet("default", pflag.ContinueOnError)
	fs.SetOutput(p.Stderr)
	port := fs.Int("port", 9898, "HTTP port to bind service to")
	fs.String("level", "info", "log level debug, info, warn, error, fatal or panic")
	fs.Duration("http-server-timeout", 30*time.Second, "server read and write timeout duration")
	fs.Duration("server-shutdown-timeout", 5*time.Second, "server graceful shutdown timeout duration")
	fs.String("ui-logo", "https://raw.githubusercontent.com/stefanprodan/podinfo/gh-pages/cuddle_clap.gif", "UI logo")
	fs.String("ui-color", "#34577c", "UI color")
	fs.String("ui-message", "greetings from podinfo v"+p.Version, "UI message")
	fs.Bool("random-delay", false, "between 0 and 5 seconds random delay by default")
	fs.String("random-delay-unit", "s", "either s(seconds) or ms(milliseconds")
	fs.Int("random-delay-min", 0, "min for random delay: 0 by default")
	fs.Int("random-delay-max", 5, "max for random delay: 5 by default")
	fs.Bool("random-error", false, "1/3 chances of a random response error")
	fs.Bool("unhealthy", false, "when set, healthy state is never reached")
	fs.Bool("unready", false, "when set, ready state is never reached")
	fs.Int("stress-cpu", 0, "number of CPU cores with 100 load")
	fs.Int("stress-memory", 0, "MB of data to load into memory")
	version := fs.BoolP("version", "v", false, "get version number")
	for _, name := range []string{
		"host", "secure-port", "port-metrics", "grpc-port", "grpc-service-name", "backend-url", "http-client-timeout",
		"data-path", "config-path", "cert-path", "config", "ui-path", "cache-server", "otel-service-name",
	} {
		fs.String(name, "", "accepted and ignored in the sandbox")
	}
	fs.Bool("h2c", false, "accepted and ignored in the sandbox")

	if err := fs.Parse(p.Args); err != nil {
		return config{}, fs, err
	}
	if *version {
		return config{}, fs, errVersion
	}
	fs.VisitAll(func(f *pflag.Flag) {
		name := "PODINFO_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if v := getenv(p.Env, name); v != "" && !f.Changed {
			fs.Set(f.Name, v) // what does not parse leaves the default, as in podinfo
		}
	})
	str := func(name string) string { return fs.Lookup(name).Value.String() }
	number := func(name string) int { n, _ := fs.GetInt(name); return n }
	yes := func(name string) bool { b, _ := fs.GetBool(name); return b }
	c := config{
		port: *port, level: str("level"),
		logo: str("ui-logo"), color: str("ui-color"), message: str("ui-message"),
		unhealthy: yes("unhealthy"), unready: yes("unready"),
		randomError: yes("random-error"), randomDelay: yes("random-delay"),
		delayMin: number("random-delay-min"), delayMax: number("random-delay-max"), delayUnit: time.Second,
		stressCPU: number("stress-cpu"), stressMemory: number("stress-memory"),
	}
	c.httpTimeout, _ = fs.GetDuration("http-server-timeout")
	c.shutdownTimeout, _ = fs.GetDuration("server-shutdown-timeout")
	if str("random-delay-unit") == "ms" {
		c.delayUnit = time.Millisecond
	}
	return c, fs, nil
}

func getenv(env []string, name string) string {
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			return v
		}
	}
	return ""
}

// Main runs the service until it is told to stop and returns its exit code.
func Main(p Process) int {
	c, fs, err := parse(p)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return 0
	case errors.Is(err, errVersion):
		fmt.Fprintln(p.Stdout, p.Version)
		return 0
	case err != nil:
		fmt.Fprintf(p.Stderr, "Error: %s\n\n", err)
		fmt.Fprint(p.Stderr, fs.FlagUsages())
		return 2
	}
	log := newLogger(p.Stderr, c.level)
	s := &server{Process: p, config: c, log: log}
	s.stress()
	log.info("podinfo/main.go:153", "Starting podinfo", "version", p.Version, "revision", revision, "port", strconv.Itoa(c.port))

	done := make(chan struct{})
	failed := make(chan struct{})
	srv := &http.Server{
		Handler: s, ReadTimeout: c.httpTimeout, WriteTimeout: c.httpTimeout, IdleTimeout: 2 * c.httpTimeout,
		ErrorLog: log.standard(),
	}
	go func() {
		defer close(done)
		if c.port == 0 {
			return
		}
		log.info("http/server.go:225", "Starting HTTP Server.", "addr", ":"+strconv.Itoa(c.port))
		l, err := p.Listen(c.port)
		if err == nil {
			err = srv.Serve(l)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			log.write("fatal", "http/server.go:227", "HTTP server crashed", []any{"error", err.Error()})
			close(failed)
		}
	}()
	s.healthy.Store(!c.unhealthy)
	s.ready.Store(!c.unready)

	select {
	case <-p.Signals:
	case <-failed:
		return 1
	}
	s.shutdown(srv)
	<-done
	return 0
}

func (s *server) shutdown(srv *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), s.config.shutdownTimeout)
	defer cancel()
	over := make(chan struct{})
	defer close(over)
	go func() {
		select {
		case <-s.Signals:
			s.Exit(1)
		case <-over:
		}
	}()
	s.healthy.Store(false)
	s.ready.Store(false)
	s.log.info("signals/shutdown.go:51", "Shutting down HTTP/HTTPS server", "timeout", s.config.shutdownTimeout.Seconds())
	// podinfo waits for its balancer to notice, except at debug level.
	if s.config.level != "debug" {
		time.Sleep(3 * time.Second)
	}
	if err := srv.Shutdown(ctx); err != nil {
		s.log.warn("signals/shutdown.go:80", "HTTP server graceful shutdown failed", "error", err.Error())
		srv.Close()
	}
}

func (s *server) stress() {
	if n := s.config.stressCPU; n > 0 {
		s.log.info("podinfo/main.go:216", "starting CPU stress", "cores", n)
		for range n {
			go s.burn(n) // for as long as the process lives
		}
	}
	if n := s.config.stressMemory; n > 0 {
		// Not all at once: whoever limits a task's memory is to notice before
		// the machine runs short of it.
		const step, pause = 16 << 20, 20 * time.Millisecond
		s.ballast = make([]byte, n*1_000_000)
		for i := 0; i < len(s.ballast); i += 4096 {
			s.ballast[i] = 1
			if i%step == 0 {
				time.Sleep(pause)
			}
		}
		s.log.info("podinfo/main.go:249", "starting MEMORY stress", "memory", len(s.ballast))
	}
}

// burn keeps one of n cores busy, as far as the task has as many. Fargate's kernel
// takes the processor away from a task that has used up its share; here the
// stress itself stops for the rest of each period.
func (s *server) burn(n int) {
	const period = 20 * time.Millisecond
	busy := period
	if s.Cores > 0 && s.Cores < float64(n) {
		busy = time.Duration(float64(period) * s.Cores / float64(n))
	}
	for x := uint64(1); ; {
		for start := time.Now(); time.Since(start) < busy; {
			for range 10_000 {
				x = x*6364136223846793005 + 1
			}
			s.spin.Store(x)
		}
		time.Sleep(period - busy)
	}
}

type server struct {
	Process
	config  config
	log     *logger
	healthy atomic.Bool
	ready   atomic.Bool
	spin    atomic.Uint64
	ballast []byte
}

// misbehave is what podinfo does wrong on request; it reports whether it has
// answered already.
func (s *server) misbehave(w http.ResponseWriter) (answered bool) {
	if s.config.randomDelay && s.config.delayMax > s.config.delayMin {
		time.Sleep(time.Duration(rand.IntN(s.config.delayMax-s.config.delayMin)+s.config.delayMin) * s.config.delayUnit)
	}
	if s.config.randomError && rand.IntN(3) == 0 {
		w.WriteHeader([]int{http.StatusInternalServerError, http.StatusBadRequest, http.StatusConflict}[rand.IntN(3)])
		return true
	}
	return false
}
