package wire_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"

	"workshop/internal/sandbox/sdk"
	"workshop/internal/sandbox/store"
	"workshop/internal/sandbox/wire"
)

var keys = wire.Credentials{AccessKeyID: "AKIDTEST", SecretAccessKey: "secret/with+signs"}

// serve starts a server with an ECS of two operations and an ELB of one.
func serve(t *testing.T) (*wire.Server, *httptest.Server) {
	t.Helper()
	st, err := store.Open("")
	if err != nil {
		t.Fatal(err)
	}
	srv := &wire.Server{Credentials: keys, Region: "eu-west-1", Lock: st, Now: time.Now, Log: slog.New(slog.DiscardHandler)}

	e := &wire.Service{Name: "ecs", Protocol: wire.JSON, Target: "AmazonEC2ContainerServiceV20141113", Casing: wire.Camel}
	wire.Handle(e, "DescribeClusters", func(_ context.Context, in *ecs.DescribeClustersInput) (*ecs.DescribeClustersOutput, error) {
		out := &ecs.DescribeClustersOutput{}
		for _, c := range in.Clusters {
			if c == "missing" {
				return nil, &ecstypes.ClusterNotFoundException{Message: aws.String("Cluster not found.")}
			}
			out.Clusters = append(out.Clusters, ecstypes.Cluster{ClusterName: &c, RunningTasksCount: 2, Tags: []ecstypes.Tag{}})
		}
		return out, nil
	})
	wire.Handle(e, "ListServiceDeployments", func(_ context.Context, in *ecs.ListServiceDeploymentsInput) (*ecs.ListServiceDeploymentsOutput, error) {
		return &ecs.ListServiceDeploymentsOutput{ServiceDeployments: []ecstypes.ServiceDeploymentBrief{{StartedAt: in.CreatedAt.After, ServiceArn: in.Service}}}, nil
	})
	wire.Handle(e, "DeleteCluster", func(context.Context, *ecs.DeleteClusterInput) (*ecs.DeleteClusterOutput, error) {
		panic("a handler's mistake")
	})
	srv.Add(e)

	l := &wire.Service{Name: "elasticloadbalancing", Protocol: wire.Query, Version: "2015-12-01", Namespace: "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/", Casing: wire.Pascal}
	wire.Handle(l, "CreateLoadBalancer", func(_ context.Context, in *elb.CreateLoadBalancerInput) (*elb.CreateLoadBalancerOutput, error) {
		if *in.Name == "taken" {
			return nil, wire.Errorf("DuplicateLoadBalancerName", "A load balancer with the same name '%s' exists", *in.Name)
		}
		lb := elbtypes.LoadBalancer{LoadBalancerName: in.Name, Type: in.Type, CreatedTime: aws.Time(time.Unix(1700000000, 0)), SecurityGroups: in.SecurityGroups}
		for _, s := range in.Subnets {
			lb.AvailabilityZones = append(lb.AvailabilityZones, elbtypes.AvailabilityZone{SubnetId: aws.String(s)})
		}
		return &elb.CreateLoadBalancerOutput{LoadBalancers: []elbtypes.LoadBalancer{lb}}, nil
	})
	srv.Add(l)

	h := httptest.NewServer(srv)
	t.Cleanup(h.Close)
	return srv, h
}

func config(url string, k wire.Credentials) aws.Config {
	return aws.Config{
		Region: "eu-west-1", BaseEndpoint: &url,
		Credentials:      credentials.NewStaticCredentialsProvider(k.AccessKeyID, k.SecretAccessKey, ""),
		RetryMaxAttempts: 1,
		HTTPClient:       sdk.Client(awshttp.NewBuildableClient()),
	}
}

func TestJSONRoundTrip(t *testing.T) {
	_, h := serve(t)
	c := ecs.NewFromConfig(config(h.URL, keys))
	out, err := c.DescribeClusters(t.Context(), &ecs.DescribeClustersInput{Clusters: []string{`a "quoted" <name>`, "b"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Clusters) != 2 || *out.Clusters[0].ClusterName != `a "quoted" <name>` || out.Clusters[1].RunningTasksCount != 2 {
		t.Errorf("clusters = %+v", out.Clusters)
	}
	if out.Clusters[0].Tags == nil {
		t.Error("an empty list was left out")
	}
	_, err = c.DescribeClusters(t.Context(), &ecs.DescribeClustersInput{Clusters: []string{"missing"}})
	var nf *ecstypes.ClusterNotFoundException
	if !errors.As(err, &nf) || nf.ErrorMessage() != "Cluster not found." {
		t.Errorf("error = %v, want ClusterNotFoundException", err)
	}
	at := time.UnixMilli(1700000000123).UTC()
	dep, err := c.ListServiceDeployments(t.Context(), &ecs.ListServiceDeploymentsInput{Service: aws.String("web"), CreatedAt: &ecstypes.CreatedAt{After: &at}})
	if err != nil || !dep.ServiceDeployments[0].StartedAt.Equal(at) {
		t.Errorf("time came back as %v, %v; want %v", dep, err, at)
	}
}

func TestQueryRoundTrip(t *testing.T) {
	_, h := serve(t)
	c := elb.NewFromConfig(config(h.URL, keys))
	out, err := c.CreateLoadBalancer(t.Context(), &elb.CreateLoadBalancerInput{
		Name: aws.String("a & b"), Subnets: []string{"s-1", "s-2", "s-3", "s-4", "s-5", "s-6", "s-7", "s-8", "s-9", "s-10"}, Type: elbtypes.LoadBalancerTypeEnumApplication,
	})
	if err != nil {
		t.Fatal(err)
	}
	lb := out.LoadBalancers[0]
	if *lb.LoadBalancerName != "a & b" || len(lb.AvailabilityZones) != 10 || *lb.AvailabilityZones[9].SubnetId != "s-10" || lb.CreatedTime.Unix() != 1700000000 {
		t.Errorf("balancer = %+v", lb)
	}
	_, err = c.CreateLoadBalancer(t.Context(), &elb.CreateLoadBalancerInput{Name: aws.String("taken")})
	var dup *elbtypes.DuplicateLoadBalancerNameException
	if !errors.As(err, &dup) {
		t.Errorf("error = %v, want DuplicateLoadBalancerNameException", err)
	}
}

func TestRefusals(t *testing.T) {
	srv, h := serve(t)
	call := func(cfg aws.Config, op string) error {
		c := ecs.NewFromConfig(cfg)
		var err error
		switch op {
		case "unknown":
			_, err = c.ListAttributes(t.Context(), &ecs.ListAttributesInput{TargetType: ecstypes.TargetTypeContainerInstance})
		case "panic":
			_, err = c.DeleteCluster(t.Context(), &ecs.DeleteClusterInput{Cluster: aws.String("x")})
		default:
			_, err = c.DescribeClusters(t.Context(), &ecs.DescribeClustersInput{})
		}
		return err
	}
	stale := config(h.URL, keys)
	srv.Now = func() time.Time { return time.Now().Add(20 * time.Minute) }
	if got := code(call(stale, "")); got != "InvalidSignatureException" {
		t.Errorf("a request of 20 minutes ago: %s", got)
	}
	srv.Now = time.Now
	for _, c := range []struct {
		name string
		keys wire.Credentials
		op   string
		want string
	}{
		{"another's key", wire.Credentials{AccessKeyID: "AKIDOTHER", SecretAccessKey: keys.SecretAccessKey}, "", "UnrecognizedClientException"},
		{"wrong secret", wire.Credentials{AccessKeyID: keys.AccessKeyID, SecretAccessKey: "no"}, "", "InvalidSignatureException"},
		{"unknown operation", keys, "unknown", "UnknownOperationException"},
		{"a handler that panics", keys, "panic", "InternalFailure"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := code(call(config(h.URL, c.keys), c.op)); got != c.want {
				t.Errorf("code = %s, want %s", got, c.want)
			}
		})
	}
	if n := srv.Unknown()["ecs ListAttributes"]; n != 1 {
		t.Errorf("unknown operations = %v", srv.Unknown())
	}
}

func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return "none"
}

func TestRawRequests(t *testing.T) {
	_, h := serve(t)
	for _, c := range []struct {
		name   string
		body   io.Reader
		header map[string]string
		status int
		want   string
	}{
		{"unsigned", strings.NewReader("{}"), nil, 403, "MissingAuthenticationToken"},
		{"from a web page", strings.NewReader("{}"), map[string]string{"Origin": "http://example.com"}, 403, "AccessDenied"},
		{"half a signature", strings.NewReader("{}"), map[string]string{"Authorization": "AWS4-HMAC-SHA256 Credential=x"}, 403, "IncompleteSignature"},
		{"no signature", strings.NewReader("{}"), map[string]string{"Authorization": "Basic eDp5"}, 403, "MissingAuthenticationToken"},
		{"too large", bytes.NewReader(make([]byte, 3<<20)), nil, 413, "RequestEntityTooLarge"},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, _ := http.NewRequest("POST", h.URL, c.body)
			req.Header.Set("X-Amz-Target", "AmazonEC2ContainerServiceV20141113.DescribeClusters")
			for k, v := range c.header {
				req.Header.Set(k, v)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			b, _ := io.ReadAll(res.Body)
			if res.StatusCode != c.status || !strings.Contains(string(b), c.want) {
				t.Errorf("got %d %s, want %d %s", res.StatusCode, b, c.status, c.want)
			}
		})
	}
}

// TestPanicChangesNothing has a handler change something and then fail.
func TestPanicChangesNothing(t *testing.T) {
	srv, h := serve(t)
	st := srv.Lock.(*store.Store)
	table, err := store.NewTable[string](st, "names")
	if err != nil {
		t.Fatal(err)
	}
	broken := &wire.Service{Name: "ecs", Protocol: wire.JSON, Target: "AmazonEC2ContainerServiceV20141113", Casing: wire.Camel}
	wire.Handle(broken, "DeleteCluster", func(context.Context, *ecs.DeleteClusterInput) (*ecs.DeleteClusterOutput, error) {
		table.Put("half", "done")
		panic("a handler's mistake")
	})
	srv.Add(broken)
	_, err = ecs.NewFromConfig(config(h.URL, keys)).DeleteCluster(t.Context(), &ecs.DeleteClusterInput{Cluster: aws.String("c")})
	if code(err) != "InternalFailure" || table.Len() != 0 {
		t.Errorf("%d records, %v", table.Len(), err)
	}
}

// TestSickHeaders holds that clients with the keys, and nobody else, learn what
// the sandbox lacks.
func TestSickHeaders(t *testing.T) {
	srv, h := serve(t)
	want, at := "cannot write /home/größe/100%\x1b[31m: no space left", time.Date(2026, 1, 2, 12, 3, 0, 0, time.UTC)
	ok := true
	srv.Impaired = func() (string, time.Time, bool) { return want, at, ok }
	ask := func(k wire.Credentials) http.Header {
		var got http.Header
		cfg := config(h.URL, k)
		cfg.HTTPClient = doer(func(r *http.Request) (*http.Response, error) {
			res, err := http.DefaultClient.Do(r)
			if err == nil {
				got = res.Header
			}
			return res, err
		})
		_, _ = ecs.NewFromConfig(cfg).DescribeClusters(t.Context(), &ecs.DescribeClustersInput{})
		return got
	}
	// docs/sandbox.md names the headers, and other versions of the program read them.
	if h := ask(keys); h.Get("X-Workshop-Sick") == "" || h.Get("X-Workshop-Sick-Since") == "" {
		t.Errorf("the headers are %v", h)
	}
	if reason, since, impaired := wire.ImpairedHeaders(ask(keys)); !impaired || reason != want || !since.Equal(at) {
		t.Errorf("%v %q since %v", impaired, reason, since)
	}
	if reason, _, impaired := wire.ImpairedHeaders(ask(wire.Credentials{AccessKeyID: keys.AccessKeyID, SecretAccessKey: "no"})); impaired {
		t.Errorf("a stranger learns %q", reason)
	}
	ok = false
	if reason, _, impaired := wire.ImpairedHeaders(ask(keys)); impaired {
		t.Errorf("a sandbox that is well says %q", reason)
	}
}

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }
