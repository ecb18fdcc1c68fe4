package sandbox

import (
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	static "github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"workshop/internal/sandbox/disk/disktest"
	"workshop/internal/sandbox/sdk"
)

// TestFullDisk has the disk of a sandbox fail and be repaired: changes are
// refused at once with the cause, reads are answered, every process can find out
// what is wrong, and work goes on without a restart.
func TestFullDisk(t *testing.T) {
	for _, failure := range []error{syscall.ENOSPC, syscall.EROFS} {
		t.Run(failure.Error(), func(t *testing.T) {
			d, dir := &disktest.Disk{}, filepath.Join(t.TempDir(), "ws [2026]*")
			start := func() (*Sandbox, aws.Config, *http.Header) {
				s, err := Start(t.Context(), Options{Dir: dir, Region: "eu-west-1", Fast: true, Disk: d, Log: slog.New(slog.DiscardHandler)})
				if err != nil {
					t.Fatal(err)
				}
				last := &http.Header{}
				i := s.Info()
				return s, aws.Config{
					Region: i.Region, BaseEndpoint: aws.String(i.Endpoint), // with the SDK's usual three attempts
					Credentials: static.NewStaticCredentialsProvider(i.AccessKeyID, i.SecretAccessKey, ""),
					HTTPClient: sdk.Client(doer(func(r *http.Request) (*http.Response, error) {
						res, err := http.DefaultClient.Do(r)
						if err == nil {
							*last = res.Header
						}
						return res, err
					})),
				}, last
			}
			s, cfg, header := start()
			ctx := t.Context()
			cluster := func(name string) error {
				_, err := ecs.NewFromConfig(cfg).CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: &name})
				return err
			}
			group := func(name string) error {
				_, err := cloudwatchlogs.NewFromConfig(cfg).CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &name})
				return err
			}
			if err := errors.Join(cluster("before"), group("before")); err != nil {
				t.Fatal(err)
			}
			if reason, _, impaired := s.Impaired(); impaired {
				t.Errorf("impaired: %s", reason)
			}

			d.Fail(failure, 0, 20)
			_, role := iam.NewFromConfig(cfg).CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: aws.String(`{"Statement":{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}}`)})
			for name, err := range map[string]error{"JSON": cluster("refused"), "query": role, "logs": group("refused")} {
				var api smithy.APIError
				var res interface{ HTTPStatusCode() int }
				if !errors.As(err, &api) || api.ErrorCode() != "InsufficientStorage" || !errors.As(err, &res) || res.HTTPStatusCode() != http.StatusInsufficientStorage ||
					!strings.Contains(api.ErrorMessage(), dir) || !strings.Contains(api.ErrorMessage(), failure.Error()) || strings.Contains(err.Error(), "attempts") {
					t.Errorf("%s: %v", name, err)
				}
			}
			if _, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); err != nil {
				t.Error(err)
			}
			reason, since, impaired := s.Impaired()
			if got, at, ok := ImpairedHeaders(*header); !impaired || !ok || got != reason || !strings.Contains(reason, failure.Error()) || !at.Equal(since.UTC().Truncate(time.Second)) {
				t.Errorf("impaired %v since %v: %q; headers: %v since %v: %q", impaired, since, reason, ok, at, got)
			}
			listed, err := ecs.NewFromConfig(cfg).ListClusters(ctx, &ecs.ListClustersInput{})
			if err != nil || len(listed.ClusterArns) != 1 {
				t.Errorf("%v, %v", listed, err)
			}

			d.Fail(nil, 0, 0)
			if err := errors.Join(cluster("after"), group("after")); err != nil {
				t.Error(err)
			}
			for deadline := time.Now().Add(10 * time.Second); impaired && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
				reason, _, impaired = s.Impaired()
			}
			if impaired {
				t.Errorf("still impaired: %s", reason)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			s, cfg, _ = start()
			defer s.Close()
			listed, err = ecs.NewFromConfig(cfg).ListClusters(ctx, &ecs.ListClustersInput{})
			if err != nil || len(listed.ClusterArns) != 2 {
				t.Errorf("after a restart: %v, %v", listed, err)
			}
			groups, err := cloudwatchlogs.NewFromConfig(cfg).DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{})
			if err != nil || len(groups.LogGroups) != 2 {
				t.Errorf("after a restart: %v, %v", groups, err)
			}
		})
	}
}

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }
