package conformance

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestRecordedProvider asks the sandbox again what AWS provider 6.47 asked, and
// compares the answers with those that satisfied the provider then: its plan
// after the apply was empty, and its destroy complete. The provider itself is
// 700 MB and need not be there.
//
// testdata/recorded has the bundled configuration (apply, empty plan, a change, a
// bad image, destroy) and the newest community modules (apply, empty plan,
// destroy). A line names a call, its service, protocol, operation and status;
// the bodies of request and answer follow.
func TestRecordedProvider(t *testing.T) {
	files, err := filepath.Glob("testdata/recorded/*.log.gz")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".log.gz"), func(t *testing.T) {
			t.Parallel()
			r := &replay{world: newWorld(t, start(t)), ids: ids{}, until: time.Now().Add(2 * time.Minute)}
			calls := recorded(t, name)
			for i, c := range calls {
				r.again(c, slices.ContainsFunc(calls[i+1:], c.same))
			}
			for _, p := range slices.Sorted(maps.Keys(r.problems)) {
				t.Error(p)
			}
		})
	}
}

// call is one recorded request and its answer.
type call struct {
	at              time.Time // of the request, on a day of its own
	phase, svc, op  string
	status          int
	request, answer string
}

// same says whether d is c asked once more: a wait, or a retry.
func (c call) same(d call) bool {
	return c.phase == d.phase && c.svc == d.svc && c.op == d.op && c.request == d.request
}

func (c call) reads() bool {
	return strings.HasPrefix(c.op, "Describe") || strings.HasPrefix(c.op, "List") || strings.HasPrefix(c.op, "Get")
}

var callLine = regexp.MustCompile(`^([0-9:.]{12}) ([a-z0-9-]+)(?:\[\w+\])? \S+ (\w+) (\d{3}) `)

func recorded(t *testing.T, name string) []call {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	var calls []call
	phase := ""
	for lines.Scan() {
		line := lines.Text()
		body, isRequest := strings.CutPrefix(line, "  REQ ")
		answer, isAnswer := strings.CutPrefix(line, "  RSP ")
		m := callLine.FindStringSubmatch(line)
		switch {
		case strings.HasPrefix(line, "## "):
			phase = line[3:]
		case m != nil:
			c := call{phase: phase, svc: m[2], op: m[3]}
			c.at, _ = time.Parse("15:04:05.000", m[1])
			c.status, _ = strconv.Atoi(m[4])
			calls = append(calls, c)
		case isRequest:
			calls[len(calls)-1].request = body
		case isAnswer:
			calls[len(calls)-1].answer = answer
		default:
			t.Fatalf("%s: %.100q", name, line)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	// Terraform asks in parallel: a read saw what was created within the same
	// moment.
	moment := func(c call) time.Time {
		if strings.HasPrefix(c.op, "Create") {
			return c.at.Add(-2 * time.Millisecond)
		}
		return c.at
	}
	slices.SortStableFunc(calls, func(a, b call) int { return moment(a).Compare(moment(b)) })
	return calls
}

// replay is a world in which recorded calls are repeated.
type replay struct {
	*world
	until   time.Time // all waiting together ends
	ids     ids       // of the recording, as this sandbox has them
	changed time.Time // when the last change of ECS was asked for
}

// again repeats a call. Where the provider asked the same again later in the
// phase it was waiting, and the answer then is the one that counts: this one
// teaches no more than ids.
func (r *replay) again(c call, waited bool) {
	r.Helper()
	if waited && !c.reads() && c.status >= 300 {
		return // refused for a while, for instance because something still depended on it
	}
	ch := &checker{service: r.Services[c.svc], seen: map[string]bool{}}
	was, wasCode := r.read(ch, c.op, &http.Response{StatusCode: c.status, Header: http.Header{}}, []byte(c.answer))
	if c.svc == "ecs" && !c.reads() {
		r.changed = time.Now()
	}
	var differs []string
	for ; ; time.Sleep(20 * time.Millisecond) {
		res, body := r.ask(ch, c)
		is, isCode := r.read(ch, c.op, res, body)
		learned := maps.Clone(r.ids)
		differs = differs[:0]
		if isCode != wasCode {
			differs = append(differs, fmt.Sprintf("%q, was %q: %v", isCode, wasCode, is["message"]))
		} else if isCode == "" {
			differs = learned.compare(c.op, was, is)
		}
		if len(differs) == 0 || waited || !c.reads() && isCode == "" {
			r.ids = learned
			break
		}
		if time.Now().After(r.until) {
			break
		}
	}
	if len(differs) > 0 && !waited {
		r.Fatalf("%s: %s %s", c.phase, c.svc, strings.Join(differs, "\n"))
	}
}

func (r *replay) ask(ch *checker, c call) (*http.Response, []byte) {
	r.Helper()
	header, body := http.Header{}, since.ReplaceAllString(r.ids.in(c.request), fmt.Sprintf(`"after":%.3f`, float64(r.changed.UnixMilli())/1000))
	if ch.Metadata.Protocol == "json" {
		header.Set("Content-Type", "application/x-amz-json-1.1")
		header.Set("X-Amz-Target", ch.Metadata.TargetPrefix+"."+c.op)
	} else {
		header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		form, err := url.ParseQuery(c.request)
		if err != nil {
			r.Fatal(err)
		}
		for _, values := range form {
			values[0] = r.ids.in(values[0])
		}
		body = form.Encode()
	}
	return r.send(c.svc, http.MethodPost, "/", header, []byte(body))
}

func (r *replay) read(ch *checker, op string, res *http.Response, body []byte) (out, string) {
	if p := ch.Metadata.Protocol; p != "json" {
		return ch.fromXML(op, res, body, p)
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return out{}, ""
	}
	return ch.fromTree(op, res, body, "json")
}

// ids are what a recording calls resources, and what this sandbox calls them.
type ids map[string]string

// word is an id, an address, or a part of an ARN or a name.
var word = regexp.MustCompile(`[A-Za-z0-9._-]+`)

// in puts this sandbox's ids for those of the recording.
func (m ids) in(text string) string {
	return word.ReplaceAllStringFunc(text, func(w string) string {
		if now, ok := m[w]; ok {
			return now
		}
		return w
	})
}

// since is a filter by time: the deployments since the last change.
var since = regexp.MustCompile(`"after":[0-9.]+`)

// made says whether a word was made by the sandbox and not by the one who asked
// it: it has a digit among at least eight characters, or is long and in capital letters.
func made(w string) bool {
	return len(w) >= 8 && strings.ContainsAny(w, "0123456789") || len(w) >= 16 && w == strings.ToUpper(w)
}

// passing are members whose value is of its moment: times, sizes, the network
// interfaces of what is being deleted, and what is told of the way to a state. Since
// the recording, who made something is the account's user.
var passing = regexp.MustCompile(`(Time|At|By|Date|DNSName|events|eason|storedBytes|NetworkInterfaces)$`)

// anew is where the answer is another since the recording, and why.
var anew = map[string]string{
	"UpdateService.service.deployments.desiredCount":                                          "the scheduler has not looked at a new deployment yet",
	"DescribeServiceDeployments.serviceDeployments.deploymentCircuitBreaker.failureCount":     "it opens a moment after the third failure",
	"DescribeServiceDeployments.serviceDeployments.sourceServiceRevisions.requestedTaskCount": "the tasks of a deployment that is over are counted",
	"DescribeServiceDeployments.serviceDeployments.sourceServiceRevisions.runningTaskCount":   "likewise",
	"DescribeServiceDeployments.serviceDeployments.targetServiceRevision.runningTaskCount":    "likewise",
	"DeleteService.service.runningCount":                                                      "tasks whose connections are drained are DEACTIVATING",
	"DeleteService.service.deployments.runningCount":                                          "likewise",
	"DeleteService.service.currentServiceRevisions.runningTaskCount":                          "likewise",
}

// compare returns where an answer lacks what was answered, or says otherwise,
// and learns the ids that it meets. Members that have come since do not count.
func (m ids) compare(path string, was, is any) []string {
	switch was := was.(type) {
	case map[string]any:
		is, ok := is.(map[string]any)
		if !ok {
			return []string{path + " is missing"}
		}
		var differs []string
		for _, k := range slices.Sorted(maps.Keys(was)) {
			if anew[path+"."+k] != "" {
				continue
			}
			if !passing.MatchString(k) {
				differs = append(differs, m.compare(path+"."+k, was[k], is[k])...)
			} else if is[k] == nil {
				differs = append(differs, path+"."+k+" is missing")
			}
		}
		return differs
	case []any:
		is, _ := is.([]any)
		if len(is) != len(was) {
			return []string{fmt.Sprintf("%s has %d entries, had %d", path, len(is), len(was))}
		}
		var differs []string
		left := slices.Clone(is)
		for _, w := range was { // lists of resources have no order
			var best ids
			var least []string
			at := -1
			for i, x := range left {
				tried := maps.Clone(m)
				if d := tried.compare(path, w, x); at < 0 || len(d) < len(least) {
					best, least, at = tried, d, i
				}
			}
			maps.Copy(m, best)
			left = slices.Delete(left, at, at+1)
			differs = append(differs, least...)
		}
		return differs
	case nil:
		return nil
	}
	a, b := fmt.Sprint(was), fmt.Sprint(is)
	then, now := word.FindAllString(a, -1), word.FindAllString(b, -1)
	if len(then) == len(now) {
		for i, w := range then {
			if _, known := m[w]; !known && w != now[i] && made(w) {
				m[w] = now[i]
			}
		}
	}
	if m.in(a) != b {
		return []string{fmt.Sprintf("%s is %.80q, was %.80q", path, b, a)}
	}
	return nil
}

// TestRecordedProviderFinds holds the comparison to what it is for.
func TestRecordedProviderFinds(t *testing.T) {
	type vpc = map[string]any
	was := out{"Vpcs": []any{vpc{"VpcId": "vpc-0123456789abcdef0", "State": "available"}, vpc{"VpcId": "vpc-1123456789abcdef0", "State": "pending"}}}
	for _, c := range []struct {
		name string
		is   out
		want string
	}{
		{"the same in another order", out{"Vpcs": []any{vpc{"VpcId": "vpc-aaaaaaaaaaaaaaaaa", "State": "pending"}, vpc{"VpcId": "vpc-bbbbbbbbbbbbbbbbb", "State": "available", "Tags": nil}}}, ""},
		{"another state", out{"Vpcs": []any{vpc{"VpcId": "vpc-a", "State": "pending"}, vpc{"VpcId": "vpc-b", "State": "pending"}}}, "State is"},
		{"one fewer", out{"Vpcs": []any{vpc{"VpcId": "vpc-a", "State": "pending"}}}, "has 1 entries, had 2"},
		{"a member gone", out{"Vpcs": []any{vpc{"State": "pending"}, vpc{"VpcId": "vpc-b", "State": "available"}}}, "VpcId"},
		{"an id twice", out{"Vpcs": []any{vpc{"VpcId": "vpc-b", "State": "pending"}, vpc{"VpcId": "vpc-b", "State": "available"}}}, ""},
	} {
		got := strings.Join(ids{}.compare("DescribeVpcs", was, c.is), "; ")
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if got := (ids{"vpc-0123456789abcdef0": "vpc-b"}).compare("x", "a/vpc-0123456789abcdef0", "a/vpc-c"); len(got) != 1 {
		t.Errorf("an id that has changed: %q", got)
	}
}
