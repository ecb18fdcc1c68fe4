package iam

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/uuid"

	"workshop/internal/sandbox/wire"
)

// linkedPath is where service-linked roles and the policies for them are.
const linkedPath = "/aws-service-role/"

// linkedNames are what AWS calls services in the names of their service-linked roles,
// where that is not the first part of the service principal.
var linkedNames = map[string]string{
	"autoscaling":          "AutoScaling",
	"ecs":                  "ECS",
	"eks":                  "AmazonEKS",
	"elasticbeanstalk":     "ElasticBeanstalk",
	"elasticache":          "ElastiCache",
	"elasticfilesystem":    "AmazonElasticFileSystem",
	"elasticloadbalancing": "ElasticLoadBalancing",
	"organizations":        "Organizations",
	"rds":                  "RDS",
	"spot":                 "EC2Spot",
	"support":              "Support",
	"trustedadvisor":       "TrustedAdvisor",

	"custom-resource.application-autoscaling": "ApplicationAutoScaling_CustomResource",
	"dynamodb.application-autoscaling":        "ApplicationAutoScaling_DynamoDBTable",
	"ec2.application-autoscaling":             "ApplicationAutoScaling_EC2SpotFleetRequest",
	"ecs.application-autoscaling":             "ApplicationAutoScaling_ECSService",
	"lambda.application-autoscaling":          "ApplicationAutoScaling_LambdaConcurrency",
	"rds.application-autoscaling":             "ApplicationAutoScaling_RDSCluster",
}

func (i *IAM) linkedRoleOperations(s *wire.Service) {
	wire.Handle(s, "CreateServiceLinkedRole", i.createServiceLinkedRole)
	wire.Handle(s, "DeleteServiceLinkedRole", i.deleteServiceLinkedRole)
	wire.Handle(s, "GetServiceLinkedRoleDeletionStatus", i.getServiceLinkedRoleDeletionStatus)
}

func (i *IAM) createServiceLinkedRole(_ context.Context, in *iam.CreateServiceLinkedRoleInput) (*iam.CreateServiceLinkedRoleOutput, error) {
	service := aws.ToString(in.AWSServiceName)
	short := strings.TrimSuffix(service, ".amazonaws.com")
	name, ok := linkedNames[short]
	if !ok {
		name = short
	}
	name = "AWSServiceRoleFor" + name
	if in.CustomSuffix != nil {
		name += "_" + *in.CustomSuffix
	}
	if _, ok := i.roles.Get(name); ok {
		return nil, wire.Errorf("InvalidInput", "Service role name %s has been taken in this account, please try a different suffix.", name)
	}
	r := role{
		Name: name, Path: linkedPath + service + "/", ID: uniqueID("AROA"), Created: i.account.Now().UTC(),
		MaxSession: 3600, Description: in.Description,
		Trust: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["` + service + `"]},"Action":["sts:AssumeRole"]}]}`,
	}
	r.ARN = i.account.GlobalARN("iam", "role"+r.Path+r.Name)
	i.roles.Put(name, r)
	return &iam.CreateServiceLinkedRoleOutput{Role: r.out()}, nil
}

// deleteServiceLinkedRole deletes at once. Whether something still uses the role is not
// asked.
func (i *IAM) deleteServiceLinkedRole(_ context.Context, in *iam.DeleteServiceLinkedRoleInput) (*iam.DeleteServiceLinkedRoleOutput, error) {
	r, err := i.role(in.RoleName)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(r.Path, linkedPath) {
		return nil, wire.Errorf("InvalidInput", "The role with name %s is not a service-linked role.", r.Name)
	}
	i.roles.Delete(r.Name)
	return &iam.DeleteServiceLinkedRoleOutput{DeletionTaskId: aws.String("task" + r.Path + r.Name + "/" + uuid.NewString())}, nil
}

func (i *IAM) getServiceLinkedRoleDeletionStatus(_ context.Context, in *iam.GetServiceLinkedRoleDeletionStatusInput) (*iam.GetServiceLinkedRoleDeletionStatusOutput, error) {
	if id := aws.ToString(in.DeletionTaskId); !strings.HasPrefix(id, "task"+linkedPath) {
		return nil, notFound("The deletion task with id %s cannot be found.", id)
	}
	return &iam.GetServiceLinkedRoleDeletionStatusOutput{Status: types.DeletionTaskStatusTypeSucceeded}, nil
}
