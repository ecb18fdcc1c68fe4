package ecs

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// aws/copilot-cli#5419 has the text.
func TestFileSystemThatIsNotThere(t *testing.T) {
	scenario(t, func(w *world) {
		w.service(func(in *ecs.CreateServiceInput) {
			in.DesiredCount, in.TaskDefinition = aws.Int32(1), aws.String(w.register(image, func(in *ecs.RegisterTaskDefinitionInput) {
				in.Volumes = []types.Volume{{Name: aws.String("v"), EfsVolumeConfiguration: &types.EFSVolumeConfiguration{FileSystemId: aws.String("fs-1")}}}
			}))
		})
		time.Sleep(10 * time.Second)
		stopped := w.list(types.DesiredStatusStopped)
		if len(stopped) == 0 {
			t.Fatal("no task has failed")
		}
		const want = `ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: Failed to resolve "fs-1.efs.eu-west-1.amazonaws.com" - check that your file system ID is correct`
		if s := stopped[0]; !strings.HasPrefix(*s.StoppedReason, want) || s.StopCode != types.TaskStopCodeTaskFailedToStart {
			t.Errorf("%s: %s", s.StopCode, *s.StoppedReason)
		}
	})
}

func TestNamespaces(t *testing.T) {
	const notFound = "NamespaceNotFoundException" // terraform-aws-modules/terraform-aws-ecs#116
	arn := "arn:aws:servicediscovery:eu-west-1:000000000000:namespace/ns-1"
	scenario(t, func(w *world) {
		w.service(func(in *ecs.CreateServiceInput) { in.DesiredCount = aws.Int32(0) })
		connect := func(namespace string) error {
			_, err := call(w, w.updateService, &ecs.UpdateServiceInput{
				Cluster: aws.String("c"), Service: aws.String("web"),
				ServiceConnectConfiguration: &types.ServiceConnectConfiguration{Enabled: true, Namespace: aws.String(namespace)},
			})
			return err
		}
		// badmintoncryer/cdk-preflight, rules/ecs
		refused(t, connect(""), "InvalidParameterException", "Namespace is missing")
		refused(t, connect("internal"), notFound, "Failed to retrieve namespace for internal")

		defaults := func(namespace string) error {
			_, err := call(w, w.updateCluster, &ecs.UpdateClusterInput{
				Cluster: aws.String("c"), ServiceConnectDefaults: &types.ClusterServiceConnectDefaultsRequest{Namespace: aws.String(namespace)},
			})
			return err
		}
		refused(t, defaults(arn), notFound, "Failed to retrieve namespace for "+arn)
		_, err := call(w, w.createCluster, &ecs.CreateClusterInput{
			ClusterName: aws.String("other"), ServiceConnectDefaults: &types.ClusterServiceConnectDefaultsRequest{Namespace: aws.String(arn)},
		})
		refused(t, err, notFound, "Failed to retrieve namespace for "+arn)
		if err := defaults("internal"); err != nil {
			t.Fatal(err)
		}
		for _, namespace := range []string{"internal", ""} {
			if err := connect(namespace); err != nil {
				t.Errorf("namespace %q: %v", namespace, err)
			}
		}
	})
}
