package podinfo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"path"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// revision is what podinfo says where it was built without one.
const revision = "unknown"

// maxEcho bounds what /echo holds in memory.
const maxEcho = 8 << 20

type handler func(s *server, w http.ResponseWriter, r *http.Request, arg string)

// route is one of podinfo's addresses; no methods stands for any.
type route struct {
	pattern *regexp.Regexp
	methods []string
	handle  handler
}

var routes = []route{
	{regexp.MustCompile(`^/$`), []string{"GET"}, (*server).index},
	{regexp.MustCompile(`^/api/info$`), []string{"GET"}, (*server).info},
	{regexp.MustCompile(`^/version$`), []string{"GET"}, (*server).version},
	{regexp.MustCompile(`^(?:/api)?/echo(?:/.*)?$`), nil, (*server).echo},
	{regexp.MustCompile(`^/env$`), []string{"GET", "POST"}, (*server).env},
	{regexp.MustCompile(`^/headers$`), []string{"GET", "POST"}, (*server).headers},
	{regexp.MustCompile(`^/delay/([0-9]+)$`), []string{"GET"}, (*server).delay},
	{regexp.MustCompile(`^/healthz$`), []string{"GET"}, (*server).healthz},
	{regexp.MustCompile(`^/readyz$`), []string{"GET"}, (*server).readyz},
	{regexp.MustCompile(`^/readyz/(enable|disable)$`), []string{"POST"}, (*server).setReady},
	{regexp.MustCompile(`^/panic$`), []string{"GET"}, (*server).panic},
	{regexp.MustCompile(`^/status/([0-9]+)$`), []string{"GET", "POST", "PUT"}, (*server).status},
}

// ServeHTTP answers as podinfo's router does: 404 for an unknown address, 405
// for a known one with another method; only what has a handler is logged.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if clean := cleanPath(r.URL.Path); clean != r.URL.Path {
		u := *r.URL
		u.Path = clean
		w.Header().Set("Location", u.String())
		w.WriteHeader(http.StatusMovedPermanently)
		return
	}
	known := false
	for _, rt := range routes {
		m := rt.pattern.FindStringSubmatch(r.URL.Path)
		if m == nil {
			continue
		}
		known = true
		if rt.methods != nil && !slices.Contains(rt.methods, r.Method) {
			continue
		}
		s.log.debug("http/logging.go:35", "request started",
			"proto", r.Proto, "uri", r.RequestURI, "method", r.Method, "remote", r.RemoteAddr, "user-agent", r.UserAgent())
		r.Header.Set("X-API-Version", s.Version)
		r.Header.Set("X-API-Revision", revision)
		if s.misbehave(w) {
			return
		}
		rt.handle(s, w, r, m[len(m)-1])
		return
	}
	if known {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	http.NotFound(w, r)
}

func cleanPath(p string) string {
	if p == "" {
		return "/"
	}
	clean := path.Clean("/" + p)
	if strings.HasSuffix(p, "/") && clean != "/" {
		clean += "/"
	}
	return clean
}

func (s *server) json(w http.ResponseWriter, code int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	var pretty bytes.Buffer
	json.Indent(&pretty, body, "", "  ")
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	w.Write(pretty.Bytes())
}

// runtimeInfo is what podinfo tells an API client about itself.
type runtimeInfo struct {
	Hostname     string `json:"hostname"`
	Version      string `json:"version"`
	Revision     string `json:"revision"`
	Color        string `json:"color"`
	Logo         string `json:"logo"`
	Message      string `json:"message"`
	GOOS         string `json:"goos"`
	GOARCH       string `json:"goarch"`
	Runtime      string `json:"runtime"`
	NumGoroutine string `json:"num_goroutine"`
	NumCPU       string `json:"num_cpu"`
}

func (s *server) info(w http.ResponseWriter, _ *http.Request, _ string) {
	s.json(w, http.StatusOK, runtimeInfo{
		Hostname: s.Hostname, Version: s.Version, Revision: revision,
		Color: s.config.color, Logo: s.config.logo, Message: s.config.message,
		GOOS: runtime.GOOS, GOARCH: runtime.GOARCH, Runtime: runtime.Version(),
		NumGoroutine: strconv.Itoa(runtime.NumGoroutine()), NumCPU: strconv.Itoa(runtime.NumCPU()),
	})
}

// index gives a page to browsers and the runtime information to everyone else.
func (s *server) index(w http.ResponseWriter, r *http.Request, _ string) {
	if !strings.HasPrefix(r.UserAgent(), "Mozilla") {
		s.info(w, r, "")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, page, html.EscapeString(s.Hostname), colour(s.config.color),
		html.EscapeString(s.config.message), html.EscapeString(s.Hostname), html.EscapeString(s.Version))
}

var webColour = regexp.MustCompile(`^(#[0-9A-Fa-f]{3,8}|[A-Za-z]{1,30}|(rgb|hsl)a?\([0-9.,%/ ]{1,60}\))$`)

// colour lets through only what cannot end the style that it goes into.
func colour(c string) string {
	if webColour.MatchString(c) {
		return c
	}
	return "#34577c"
}

const page = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%s</title>
<style>
body { margin: 0; min-height: 100vh; display: grid; place-content: center; gap: .5rem; padding: 0 1rem;
       text-align: center; color: #fff; background: %s; font: 1.1rem/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-weight: 500; font-size: clamp(1.6rem, 5vw, 3rem); text-wrap: balance; }
p { margin: 0; opacity: .85; }
code { font-size: .95em; }
</style>
</head>
<body>
<h1>%s</h1>
<p>Served by <code>%s</code></p>
<p>podinfo %s</p>
</body>
</html>
`

func (s *server) version(w http.ResponseWriter, _ *http.Request, _ string) {
	s.json(w, http.StatusOK, map[string]string{"version": s.Version, "commit": revision})
}

func (s *server) echo(w http.ResponseWriter, r *http.Request, _ string) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEcho))
	if err != nil {
		s.fail(w, "invalid request body", http.StatusBadRequest)
		return
	}
	w.Header().Set("X-Color", s.config.color)
	w.WriteHeader(http.StatusAccepted)
	w.Write(body)
}

// fail says in the body what went wrong; the status of the answer is 200 all
// the same, which is podinfo's way.
func (s *server) fail(w http.ResponseWriter, message string, code int) {
	s.json(w, http.StatusOK, struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}{code, message})
}

func (s *server) env(w http.ResponseWriter, _ *http.Request, _ string) {
	s.json(w, http.StatusOK, s.Env)
}

func (s *server) headers(w http.ResponseWriter, r *http.Request, _ string) {
	s.json(w, http.StatusOK, r.Header)
}

func (s *server) delay(w http.ResponseWriter, r *http.Request, arg string) {
	n, err := strconv.Atoi(arg)
	if err != nil {
		s.fail(w, err.Error(), http.StatusBadRequest)
		return
	}
	select {
	case <-time.After(time.Duration(n) * time.Second):
	case <-r.Context().Done():
	}
	s.json(w, http.StatusOK, map[string]int{"delay": n})
}

func (s *server) healthz(w http.ResponseWriter, _ *http.Request, _ string) {
	s.state(w, s.healthy.Load())
}

func (s *server) readyz(w http.ResponseWriter, _ *http.Request, _ string) {
	s.state(w, s.ready.Load())
}

func (s *server) state(w http.ResponseWriter, good bool) {
	if !good {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	s.json(w, http.StatusOK, map[string]string{"status": "OK"})
}

func (s *server) setReady(w http.ResponseWriter, _ *http.Request, arg string) {
	s.ready.Store(arg == "enable")
	w.WriteHeader(http.StatusAccepted)
}

func (s *server) panic(http.ResponseWriter, *http.Request, string) {
	s.log.info("http/panic.go:14", "Panic command received")
	s.Exit(255)
}

func (s *server) status(w http.ResponseWriter, _ *http.Request, arg string) {
	code, err := strconv.Atoi(arg)
	if err != nil {
		s.fail(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.json(w, code, map[string]int{"status": code})
}
