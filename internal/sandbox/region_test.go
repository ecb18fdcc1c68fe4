package sandbox

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	static "github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"go.uber.org/goleak"
)

// TestRegions finds that Regions have resources of their own, which outlive the
// sandbox whichever Region it is started in.
func TestRegions(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	dir := t.TempDir()
	open := func(home string) (*Sandbox, func(region string) *ecs.Client) {
		s, err := Start(t.Context(), Options{Dir: dir, Region: home, Fast: true, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return s, func(region string) *ecs.Client { return ecs.NewFromConfig(inRegion(s, region)) }
	}
	clusters := func(c *ecs.Client) string {
		t.Helper()
		l, err := c.ListClusters(t.Context(), &ecs.ListClustersInput{})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(l.ClusterArns, " ")
	}
	s, client := open("eu-west-1")
	var wg sync.WaitGroup
	for _, r := range []string{"eu-west-1", "us-west-2", "us-west-2", "ap-south-1"} { // at once: each opens its Region, or waits for it
		wg.Go(func() {
			if _, err := client(r).CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("in-" + r)}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := s.Resources(); n != 3 {
		t.Errorf("%d resources in all Regions, want 3", n)
	}
	if _, err := client("us-nowhere-1").ListClusters(t.Context(), &ecs.ListClustersInput{}); err == nil || !strings.Contains(err.Error(), "Credential should be scoped to a valid region, not 'us-nowhere-1'.") {
		t.Error(err)
	}
	for _, home := range []string{"eu-west-1", "us-west-2", "eu-central-1", "eu-west-1"} {
		for _, r := range []string{"eu-west-1", "us-west-2", "ap-south-1"} {
			if got, want := clusters(client(r)), "arn:aws:ecs:"+r+":000000000000:cluster/in-"+r; got != want {
				t.Errorf("at home in %s, %s has %q, want %q", s.Info().Region, r, got, want)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s, client = open(home)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestServicesWithoutRegions finds that a service that has no Regions brings none
// up.
func TestServicesWithoutRegions(t *testing.T) {
	s, err := Start(t.Context(), Options{Dir: t.TempDir(), Region: "eu-west-1", Fast: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, r := range []string{"us-east-1", "ap-south-1"} {
		if _, err := sts.NewFromConfig(inRegion(s, r)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
			t.Error(err)
		}
	}
	if up := s.all(); !slices.Equal(up, []*region{s.home}) {
		t.Errorf("%d Regions are up", len(up))
	}
}

// inRegion configures a client that asks the sandbox in a Region.
func inRegion(s *Sandbox, region string) aws.Config {
	i := s.Info()
	return aws.Config{
		Region: region, BaseEndpoint: aws.String(i.Endpoint), RetryMaxAttempts: 1,
		Credentials: static.NewStaticCredentialsProvider(i.AccessKeyID, i.SecretAccessKey, ""),
	}
}
