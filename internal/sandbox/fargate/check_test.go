package fargate

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestProbe(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/healthz":
		case "/slow":
			<-r.Context().Done()
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer srv.Close()
	at := func(port int) (string, bool) { return srv.Listener.Addr().String(), port == 9898 }
	for _, c := range []struct {
		image   string
		command []string
		want    int
	}{
		{"podinfo", []string{"CMD-SHELL", "curl -f http://localhost:9898/healthz || exit 1"}, 0},
		{"podinfo", []string{"CMD-SHELL", "curl -sf -o /dev/null http://127.0.0.1:9898/healthz 2>&1 || exit 1"}, 0},
		{"podinfo", []string{"CMD-SHELL", "curl -f http://localhost:9898/nope || exit 1"}, 1},
		{"podinfo", []string{"CMD-SHELL", "curl --fail http://localhost:9898/nope"}, 22},
		{"podinfo", []string{"CMD-SHELL", "curl -s http://localhost:9898/nope"}, 0},
		{"podinfo", []string{"CMD-SHELL", "curl http://localhost:80/"}, 7},
		{"podinfo", []string{"CMD-SHELL", "curl http://example.com/"}, 6},
		{"podinfo", []string{"CMD", "curl", "-m", "2", "http://localhost:9898/healthz"}, 0},
		{"podinfo", []string{"CMD-SHELL", "wget -q --spider http://localhost:9898/healthz"}, 0},
		{"podinfo", []string{"CMD-SHELL", "wget -qO- 'http://localhost:9898/nope' > /dev/null"}, 1},
		{"podinfo", []string{"CMD", "podcli", "check", "http", "localhost:9898/healthz"}, 0},
		{"podinfo", []string{"CMD", "podcli", "check", "http", "localhost:9898/nope", "--retry=1"}, 1},
		{"podinfo", []string{"CMD", "podcli", "check", "tcp", "localhost:9898"}, 0},
		{"podinfo", []string{"CMD-SHELL", "nc -z localhost 9898 && true"}, 0},
		{"podinfo", []string{"CMD-SHELL", "nc -z localhost 1"}, 1},
		{"podinfo", []string{"CMD-SHELL", "true; exit 3; true"}, 3},
		{"podinfo", []string{"CMD-SHELL", "false && exit 0 || exit 9"}, 9},
		{"podinfo", []string{"CMD-SHELL", "pg_isready"}, 127},
		{"podinfo", []string{"CMD-SHELL", "echo $(touch /tmp/x)"}, 2},
		{"podinfo", []string{"CMD-SHELL", "cat < /etc/passwd"}, 2},
		{"busybox", []string{"CMD-SHELL", "curl http://localhost:9898/healthz"}, 127},
		{"busybox", []string{"CMD", "/bin/true"}, 0},
		{"pause", []string{"CMD", "true"}, 127},
	} {
		t.Run(strings.Join(c.command, " "), func(t *testing.T) {
			if got := (Image{program: c.image}).probe(t.Context(), c.command, at); got != c.want {
				t.Errorf("exit code %d, want %d", got, c.want)
			}
		})
	}
	late, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if got := (Image{program: "podinfo"}).probe(late, []string{"CMD", "curl", "localhost:9898/slow"}, at); got != 28 {
		t.Errorf("too late: exit code %d", got)
	}
}

func TestWatch(t *testing.T) {
	for _, c := range []struct {
		name  string
		start time.Duration
		codes string // of one check after the other: 0 passes
		want  []string
	}{
		{"healthy at once", 0, "00", []string{"10s true"}},
		{"three failures", 0, "1111", []string{"30s false"}},
		{"failures in between", 0, "1101101110", []string{"30s true", "1m30s false", "1m40s true"}},
		{"start period", 25 * time.Second, "11111", []string{"50s false"}},
		{"start period ends with a success", 60 * time.Second, "0111", []string{"10s true", "40s false"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				begin, n := time.Now(), 0
				var got []string
				check := Check{Interval: 10 * time.Second, Timeout: time.Second, Retries: 3, StartPeriod: c.start}
				check.watch(ctx, func(context.Context) int {
					if n++; n > len(c.codes) {
						cancel()
						return 0
					}
					return int(c.codes[n-1] - '0')
				}, func(healthy bool) {
					got = append(got, fmt.Sprintf("%s %t", time.Since(begin), healthy))
				})
				if !slices.Equal(got, c.want) {
					t.Errorf("told %v, want %v", got, c.want)
				}
			})
		})
	}
}

func FuzzSplit(f *testing.F) {
	f.Add(`curl -f "http://localhost:9898/" >/dev/null 2>&1 || exit 1`)
	f.Add(`a&&b;c|d`)
	f.Add(`'`)
	f.Fuzz(func(t *testing.T, line string) {
		words, ok := split(line)
		for _, w := range words {
			if ok && len(w) > len(line) {
				t.Fatalf("%q has the word %q", line, w)
			}
		}
		nowhere := func(int) (string, bool) { return "", false }
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if code := (Image{program: "podinfo"}).probe(ctx, []string{"CMD-SHELL", line}, nowhere); code < 0 || code > 255 {
			t.Fatalf("%q ends with %d", line, code)
		}
	})
}

func TestReachOnlyItself(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	// A port of this machine that the container did not open is none of its.
	nowhere := func(int) (string, bool) { return "", false }
	if got := (Image{program: "podinfo"}).probe(t.Context(), []string{"CMD", "nc", "-z", "localhost", port}, nowhere); got != 1 {
		t.Errorf("exit code %d", got)
	}
}
