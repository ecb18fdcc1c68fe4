package conformance

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"workshop/internal/sandbox"
)

// connections is how many clients call at a time.
const connections = 32

// BenchmarkCalls asks what the provider and the screens ask most, over 32
// connections that never pause. The sandbox verifies each signature; moto_server,
// measured beside it where it is installed, verifies none.
//
//	go test ./internal/sandbox/conformance -run '^$' -bench Calls -benchtime 10s
func BenchmarkCalls(b *testing.B) {
	b.Run("sandbox", func(b *testing.B) {
		i := start(b).Info()
		mix := prepare(b, i)
		saturate(b, i.Endpoint, mix, 0)
	})
	// A person's tools do not saturate it: here each connection calls 50 times a
	// second, 1,600 calls a second in all, and what counts is the wait.
	b.Run("sandbox-paced", func(b *testing.B) {
		i := start(b).Info()
		mix := prepare(b, i)
		saturate(b, i.Endpoint, mix, 20*time.Millisecond)
	})
	// What net/http takes alone: a handler that reads the body and writes an answer as
	// long as the sandbox's are on average.
	b.Run("bare", func(b *testing.B) {
		answer := bytes.Repeat([]byte("a"), 900)
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			w.Write(answer)
		}))
		b.Cleanup(s.Close)
		mix := prepare(b, start(b).Info())
		saturate(b, s.URL, mix, 0)
	})
	b.Run("moto", func(b *testing.B) {
		if _, err := exec.LookPath("moto_server"); err != nil {
			b.Skip("moto_server is not on PATH")
		}
		i := moto(b)
		mix := prepare(b, i)
		saturate(b, i.Endpoint, mix, 0)
	})
}

// moto starts a moto_server until the benchmark ends.
func moto(b *testing.B) sandbox.Info {
	b.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	cmd := exec.Command("moto_server", "-H", "127.0.0.1", "-p", port)
	if err := cmd.Start(); err != nil {
		b.Skip(err)
	}
	b.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		done := time.AfterFunc(5*time.Second, func() { cmd.Process.Kill() })
		cmd.Wait()
		done.Stop()
	})
	i := sandbox.Info{Endpoint: "http://127.0.0.1:" + port, Region: "eu-west-1", AccessKeyID: "AKIAMOTO", SecretAccessKey: "moto"}
	for range 300 {
		if res, err := http.Get(i.Endpoint + "/moto-api/"); err == nil {
			res.Body.Close()
			return i
		}
		time.Sleep(100 * time.Millisecond)
	}
	b.Fatal("moto_server does not answer")
	return i
}

// prepare makes a small stack and returns the requests of the mix, signed, as
// they go over the wire.
func prepare(b *testing.B, i sandbox.Info) [][]byte {
	b.Helper()
	query := func(version, body string) (http.Header, []byte) {
		return http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, []byte("Version=" + version + "&" + body)
	}
	target := func(name, body string) (http.Header, []byte) {
		return http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {name}}, []byte(body)
	}
	build := func(svc string, h http.Header, body []byte) *http.Request { return signed(b, i, svc, "/", h, body) }
	ecs := func(op, body string) *http.Request {
		h, p := target("AmazonEC2ContainerServiceV20141113."+op, body)
		return build("ecs", h, p)
	}
	ec2 := func(body string) *http.Request { h, p := query("2016-11-15", body); return build("ec2", h, p) }
	elb := func(body string) *http.Request {
		h, p := query("2015-12-01", body)
		return build("elasticloadbalancing", h, p)
	}
	iam := func(body string) *http.Request { h, p := query("2010-05-08", body); return build("iam", h, p) }
	logs := func(op, body string) *http.Request {
		h, p := target("Logs_20140328."+op, body)
		return build("logs", h, p)
	}
	for _, req := range []*http.Request{
		ec2("Action=CreateVpc&CidrBlock=10.0.0.0%2F16"),
		ecs("CreateCluster", `{"clusterName":"bench"}`),
		ecs("RegisterTaskDefinition", `{"family":"bench","requiresCompatibilities":["FARGATE"],"networkMode":"awsvpc","cpu":"256","memory":"512","containerDefinitions":[{"name":"app","image":"ghcr.io/stefanprodan/podinfo:6.9.2","portMappings":[{"containerPort":9898}]}]}`),
		iam("Action=CreateRole&RoleName=bench&AssumeRolePolicyDocument=" + url.QueryEscape(trust)),
		logs("CreateLogGroup", `{"logGroupName":"bench"}`),
	} {
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			b.Fatalf("%s", body)
		}
	}
	var mix [][]byte
	for _, req := range []*http.Request{
		ec2("Action=DescribeVpcs"), ec2("Action=DescribeRouteTables"), ec2("Action=DescribeSecurityGroups"),
		ecs("DescribeClusters", `{"clusters":["bench"],"include":["TAGS"]}`), ecs("DescribeTaskDefinition", `{"taskDefinition":"bench"}`),
		ecs("ListTasks", `{"cluster":"bench"}`), elb("Action=DescribeLoadBalancers"), elb("Action=DescribeTargetGroups"),
		iam("Action=GetRole&RoleName=bench"), logs("DescribeLogGroups", `{"logGroupNamePrefix":"be"}`),
	} {
		var wire bytes.Buffer
		if err := req.Write(&wire); err != nil {
			b.Fatal(err)
		}
		mix = append(mix, wire.Bytes())
	}
	return mix
}

// saturate makes b.N calls of the mix over all connections, each with a pause
// before its next, and reports the rate and the waits.
func saturate(b *testing.B, endpoint string, mix [][]byte, every time.Duration) {
	u, err := url.Parse(endpoint)
	if err != nil {
		b.Fatal(err)
	}
	waits := make([][]time.Duration, connections)
	var wg sync.WaitGroup
	b.ResetTimer()
	began := time.Now()
	for n := range connections {
		wg.Go(func() {
			c := &caller{host: u.Host}
			defer c.close()
			next := began.Add(every * time.Duration(n) / connections)
			for k := n; k < b.N; k += connections {
				if every > 0 {
					time.Sleep(time.Until(next))
					next = next.Add(every)
				}
				at := time.Now()
				if err := c.call(mix[(n+k/connections)%len(mix)]); err != nil {
					b.Error(err)
					return
				}
				waits[n] = append(waits[n], time.Since(at))
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	b.StopTimer()
	all := slices.Sorted(slices.Values(slices.Concat(waits...)))
	if len(all) == 0 {
		return
	}
	b.ReportMetric(float64(len(all))/took.Seconds(), "calls/s")
	b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-µs")
	b.ReportMetric(0, "ns/op")
}

// caller is one connection, opened anew where the server closes it.
type caller struct {
	host string
	conn net.Conn
	in   *bufio.Reader
}

func (c *caller) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

func (c *caller) call(request []byte) error {
	if c.conn == nil {
		conn, err := net.Dial("tcp", c.host)
		if err != nil {
			return err
		}
		c.conn, c.in = conn, bufio.NewReader(conn)
	}
	if _, err := c.conn.Write(request); err != nil {
		return err
	}
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%d %s", res.StatusCode, strings.TrimSpace(string(body)))
	}
	if res.Close || res.ProtoMinor == 0 {
		c.close()
	}
	return nil
}
