package fargate

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Check is a container's health check. Its command is never given to a shell or
// started as a program: of what the image has, the sandbox itself does what curl,
// wget, nc and podcli would do, and only within the container. See Image.probe.
type Check struct {
	Command     []string // as in a container definition, CMD or CMD-SHELL first
	Interval    time.Duration
	Timeout     time.Duration
	StartPeriod time.Duration // failures in it do not count until a first success
	Retries     int           // failures in a row that make the container unhealthy
}

// watch runs the check until ctx ends and tells of every change of its verdict.
// As with Docker, the first run is an interval after the start.
func (c Check) watch(ctx context.Context, run func(context.Context) int, told func(healthy bool)) {
	start := time.Now()
	tick := time.NewTimer(c.Interval)
	defer tick.Stop()
	failures, known, healthy := 0, false, false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		one, cancel := context.WithTimeout(ctx, c.Timeout)
		code := run(one)
		late := one.Err() != nil
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case code == 0 && !late:
			failures = 0
			if !known || !healthy {
				known, healthy = true, true
				told(true)
			}
		case !known && time.Since(start) < c.StartPeriod:
		default:
			if failures++; failures >= c.Retries && (!known || healthy) {
				known, healthy = true, false
				told(false)
			}
		}
		tick.Reset(c.Interval)
	}
}

// Exit codes of a shell and of the programs that checks use.
const (
	notFound    = 127 // no such command in the image
	unsupported = 2   // as for a wrong usage
)

// probers are the commands that a check may use, by the program of an image that
// has them.
var probers = map[string]map[string]func(context.Context, []string, locate) int{
	"podinfo": {"true": yes, "false": no, "exit": exit, "curl": curl, "wget": wget, "nc": netcat, "podcli": podcli},
	"busybox": {"true": yes, "false": no, "exit": exit, "wget": wget, "nc": netcat},
}

// locate finds the address on this machine of a port that the container opened.
type locate func(port int) (addr string, ok bool)

// probe does what a check's command would and returns its exit code. It knows
// `true`, `false`, `exit N`, `curl`, `wget`, `nc -z` and `podcli check http|tcp`
// of the container's own ports, with their usual flags, joined by `||`, `&&` and
// `;`, with quotes and with output sent to /dev/null. What else a shell can do
// ends with 127 or 2, and the check fails.
func (i Image) probe(ctx context.Context, command []string, at locate) int {
	if len(command) == 0 {
		return notFound
	}
	if command[0] == "CMD" {
		return i.simple(ctx, command[1:], at)
	}
	words, ok := split(strings.TrimSpace(strings.Join(command[1:], " ")))
	if !ok {
		return unsupported
	}
	code, skip := 0, false
	var simple []string
	for _, w := range append(words, ";") {
		if w != "||" && w != "&&" && w != ";" {
			simple = append(simple, w)
			continue
		}
		if !skip && len(simple) > 0 {
			code = i.simple(ctx, simple, at)
			if simple[0] == "exit" {
				return code
			}
		}
		simple = nil
		skip = w == "||" && code == 0 || w == "&&" && code != 0
	}
	return code
}

func (i Image) simple(ctx context.Context, words []string, at locate) int {
	if len(words) == 0 {
		return unsupported
	}
	run := probers[i.program][words[0][strings.LastIndexByte(words[0], '/')+1:]]
	if run == nil {
		return notFound
	}
	return run(ctx, words[1:], at)
}

// split cuts a command line into words and the operators between commands. It is
// not ok if it holds what only a shell can do.
func split(line string) (words []string, ok bool) {
	var word strings.Builder
	var quote byte
	inWord := false
	end := func() {
		if inWord {
			words = append(words, word.String())
			word.Reset()
			inWord = false
		}
	}
	for k := 0; k < len(line); k++ {
		c := line[k]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			} else if quote == '"' && strings.IndexByte("$`\\", c) >= 0 {
				return nil, false
			} else {
				word.WriteByte(c)
			}
		case c == '\'' || c == '"':
			quote, inWord = c, true
		case c == ' ' || c == '\t' || c == '\n':
			end()
		case c == ';':
			end()
			words = append(words, ";")
		case (c == '|' || c == '&') && k+1 < len(line) && line[k+1] == c:
			end()
			words = append(words, line[k:k+2])
			k++
		case c == '>' || c == '&':
			// Where output goes does not matter: "2>&1", ">/dev/null", "&>/dev/null".
			n := redirection(line[k:])
			if n == 0 {
				return nil, false
			}
			if w := word.String(); w == "1" || w == "2" {
				word.Reset()
				inWord = false
			}
			end()
			k += n - 1
		case strings.IndexByte("|<$`\\(){}", c) >= 0:
			return nil, false
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	end()
	return words, quote == 0
}

// redirection is how long the redirection is that s begins with; 0 if it is none
// to /dev/null or another output.
func redirection(s string) int {
	rest := strings.TrimLeft(strings.TrimPrefix(s, "&"), ">")
	if strings.HasPrefix(rest, "&1") || strings.HasPrefix(rest, "&2") {
		return len(s) - len(rest) + 2
	}
	to := strings.TrimLeft(rest, " ")
	if !strings.HasPrefix(to, "/dev/null") || len(rest) == len(s) {
		return 0
	}
	return len(s) - len(to) + len("/dev/null")
}

func yes(context.Context, []string, locate) int { return 0 }
func no(context.Context, []string, locate) int  { return 1 }

func exit(_ context.Context, args []string, _ locate) int {
	if len(args) == 0 {
		return 0
	}
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return unsupported
	}
	return n & 0xff
}

// operands are the arguments that are neither flags nor their values; takes lists
// the flags that have a value. It says too which flags there were.
func operands(args []string, takes ...string) (rest []string, flags map[string]bool) {
	flags = map[string]bool{}
	for k := 0; k < len(args); k++ {
		a := args[k]
		switch {
		case strings.HasPrefix(a, "--"):
			name, _, has := strings.Cut(a, "=")
			flags[name] = true
			if !has && slices.Contains(takes, name) {
				k++
			}
		case len(a) > 1 && a[0] == '-':
			for j := 1; j < len(a); j++ {
				f := "-" + a[j:j+1]
				flags[f] = true
				if slices.Contains(takes, f) {
					if j == len(a)-1 {
						k++
					}
					break
				}
			}
		default:
			rest = append(rest, a)
		}
	}
	return rest, flags
}

var (
	errElsewhere = errors.New("not the container itself")
	errRefused   = errors.New("connection refused")
)

// reach finds the real address behind one that is meant inside the container.
func reach(host, port string, at locate) (string, error) {
	n, err := strconv.Atoi(port)
	if err != nil || host != "localhost" && host != "127.0.0.1" && host != "::1" && host != "0.0.0.0" {
		return "", errElsewhere
	}
	addr, ok := at(n)
	if !ok {
		return "", errRefused
	}
	return addr, nil
}

// status asks the container for an address and returns the answer's status code.
func status(ctx context.Context, method, address string, at locate) (int, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" {
		return 0, errElsewhere
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	addr, err := reach(u.Hostname(), port, at)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return 0, errElsewhere
	}
	var d net.Dialer
	tr := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return d.DialContext(ctx, "tcp", addr)
	}}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	resp.Body.Close()
	return resp.StatusCode, nil
}

// curl ends with 0 for any answer and, with --fail, with 22 for an error's.
func curl(ctx context.Context, args []string, at locate) int {
	rest, flags := operands(args, "-o", "-m", "-H", "-A", "-X", "-w", "--output", "--max-time", "--connect-timeout", "--header", "--user-agent", "--request", "--write-out", "--retry", "--retry-delay")
	if len(rest) != 1 {
		return unsupported
	}
	method := http.MethodGet
	if flags["-I"] || flags["--head"] {
		method = http.MethodHead
	}
	code, err := status(ctx, method, rest[0], at)
	switch {
	case errors.Is(err, errElsewhere):
		return 6 // the host was not found
	case err != nil && ctx.Err() != nil:
		return 28 // timed out
	case err != nil:
		return 7 // no connection
	case code >= 400 && (flags["-f"] || flags["--fail"]):
		return 22
	}
	return 0
}

// wget ends with 1 for an error's answer, as busybox's does.
func wget(ctx context.Context, args []string, at locate) int {
	rest, _ := operands(args, "-O", "-T", "-t", "-U", "--output-document", "--timeout", "--tries", "--header", "--user-agent")
	if len(rest) != 1 {
		return 1
	}
	if code, err := status(ctx, http.MethodGet, rest[0], at); err != nil || code >= 400 {
		return 1
	}
	return 0
}

// netcat is `nc -z HOST PORT`.
func netcat(ctx context.Context, args []string, at locate) int {
	rest, _ := operands(args, "-w")
	if len(rest) != 2 {
		return unsupported
	}
	return dial(ctx, rest[0], rest[1], at)
}

func dial(ctx context.Context, host, port string, at locate) int {
	addr, err := reach(host, port, at)
	if err != nil {
		return 1
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return 1
	}
	c.Close()
	return 0
}

// podcli is podinfo's own tool: `podcli check http ADDRESS`, `podcli check tcp
// HOST:PORT`. Anything but 2xx is a failure.
func podcli(ctx context.Context, args []string, at locate) int {
	rest, _ := operands(args, "--body", "--delay", "--method", "--retry", "--timeout")
	if len(rest) != 3 || rest[0] != "check" {
		return 1
	}
	switch rest[1] {
	case "http":
		if code, err := status(ctx, http.MethodGet, rest[2], at); err != nil || code/100 != 2 {
			return 1
		}
		return 0
	case "tcp":
		host, port, err := net.SplitHostPort(rest[2])
		if err != nil {
			return 1
		}
		return dial(ctx, host, port, at)
	}
	return 1
}
