package ecs

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// What tasks and services attach to and the sandbox does not have: file systems
// and Cloud Map's namespaces.

// mount says, in the words of a stopped task, that a file system of the task is
// not there. None ever is: the sandbox has no EFS.
func (e *ECS) mount(t *task) error {
	d, ok := e.definition(*t.Task.TaskDefinitionArn)
	if !ok {
		return nil
	}
	for _, v := range d.Definition.Volumes {
		if f := v.EfsVolumeConfiguration; f != nil {
			return fmt.Errorf(`ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: Failed to resolve "%s.efs.%s.amazonaws.com" - check that your file system ID is correct, and ensure that the VPC has an EFS mount target for this file system ID. See https://docs.aws.amazon.com/console/efs/mount-dns-name for more detail. Attempting to lookup mount target ip address using botocore. Failed to import necessary dependency botocore, please install botocore first. : unsuccessful EFS utils command execution; code: 1`,
				aws.ToString(f.FileSystemId), e.account.Region)
		}
	}
	return nil
}

// connectDefaults checks the namespace that a cluster's services have by default. One
// that is a name is made with the cluster (API reference,
// ClusterServiceConnectDefaultsRequest), one that is an ARN must be there.
func connectDefaults(in *types.ClusterServiceConnectDefaultsRequest) (*types.ClusterServiceConnectDefaults, error) {
	if in == nil || aws.ToString(in.Namespace) == "" {
		return nil, nil
	}
	if strings.HasPrefix(*in.Namespace, "arn:") {
		return nil, noNamespace(*in.Namespace)
	}
	return &types.ClusterServiceConnectDefaults{Namespace: in.Namespace}, nil
}

// checkConnect refuses Service Connect in a namespace that is not there. There are
// those that were made with clusters.
func (e *ECS) checkConnect(cluster *types.Cluster, c *types.ServiceConnectConfiguration) error {
	if c == nil || !c.Enabled {
		return nil
	}
	name := aws.ToString(c.Namespace)
	if name == "" {
		if cluster.ServiceConnectDefaults == nil {
			return invalid("Namespace is missing")
		}
		return nil
	}
	for _, o := range e.clusters.All() {
		if d := o.ServiceConnectDefaults; d != nil && *d.Namespace == name {
			return nil
		}
	}
	return noNamespace(name)
}

func noNamespace(name string) error {
	return &types.NamespaceNotFoundException{Message: aws.String("Failed to retrieve namespace for " + name)}
}
