package iam

import (
	"encoding/json"
	"net/url"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

func TestManagedPolicies(t *testing.T) {
	all, names := managed()
	if len(all) < 1000 || len(names) != len(all) {
		t.Fatalf("%d policies, %d names", len(all), len(names))
	}
	for name, p := range all {
		if p.created.IsZero() || p.updated.Before(p.created) || p.version == "" || p.document != "" && !json.Valid([]byte(p.document)) {
			t.Errorf("%s: %+v", name, p)
		}
	}
	_, c := serve(t)
	ctx := t.Context()
	role := aws.String("r")
	if _, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: role, AssumeRolePolicyDocument: aws.String(trust)}); err != nil {
		t.Fatal(err)
	}
	arn := func(name string) *string { return aws.String("arn:aws:iam::aws:policy/" + name) }
	for _, name := range []string{
		"AdministratorAccess", "ReadOnlyAccess", "AmazonSSMReadOnlyAccess", "SecretsManagerReadWrite", "AWSXRayDaemonWriteAccess", "AmazonEC2ContainerRegistryPullOnly",
		"AmazonECS_FullAccess", "AmazonECSInfrastructureRolePolicyForLoadBalancers", "service-role/AmazonECSInfrastructureRolePolicyForVolumes", "service-role/AmazonECSTaskExecutionRolePolicy",
	} {
		if _, err := c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: role, PolicyArn: arn(name)}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: role, PolicyArn: arn("aws-service-role/AmazonECSServiceRolePolicy")}); code(err) != "PolicyNotAttachable" {
		t.Errorf("the policy of a service-linked role: %v", err)
	}
	if _, err := c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: role, PolicyArn: arn("AmazonECSTaskExecutionRolePolicy")}); code(err) != "NoSuchEntity" {
		t.Errorf("the right name with the wrong path: %v", err)
	}
	v, err := c.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: arn("AdministratorAccess"), VersionId: aws.String("v1")})
	if err != nil {
		t.Fatal(err)
	}
	if doc, _ := url.PathUnescape(*v.PolicyVersion.Document); doc != `{"Statement":[{"Action":"*","Effect":"Allow","Resource":"*"}],"Version":"2012-10-17"}` {
		t.Errorf("document %s", doc)
	}
	read := all["ReadOnlyAccess"]
	if _, err := c.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: arn("ReadOnlyAccess"), VersionId: &read.version}); code(err) != "ServiceFailure" {
		t.Errorf("a document that is not carried: %v", err)
	}
	n := 0
	pages := iam.NewListPoliciesPaginator(c, &iam.ListPoliciesInput{Scope: types.PolicyScopeTypeAws, PathPrefix: aws.String("/service-role/")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.Policies {
			if n++; *p.Path != "/service-role/" {
				t.Fatalf("path %s", *p.Path)
			}
		}
	}
	if n < 100 {
		t.Errorf("%d service role policies", n)
	}
}

func TestServiceLinkedRoles(t *testing.T) {
	_, c := serve(t)
	ctx := t.Context()
	for service, name := range map[string]string{
		"ecs": "AWSServiceRoleForECS", "elasticloadbalancing": "AWSServiceRoleForElasticLoadBalancing",
		"ecs.application-autoscaling": "AWSServiceRoleForApplicationAutoScaling_ECSService", "autoscaling": "AWSServiceRoleForAutoScaling",
	} {
		made, err := c.CreateServiceLinkedRole(ctx, &iam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String(service + ".amazonaws.com")})
		if err != nil || *made.Role.RoleName != name || *made.Role.Path != "/aws-service-role/"+service+".amazonaws.com/" {
			t.Errorf("%s: %v, %v", service, made, err)
		}
	}
	name := aws.String("AWSServiceRoleForECS")
	if _, err := c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name}); code(err) != "UnmodifiableEntity" {
		t.Errorf("deleted like any other: %v", err)
	}
	task, err := c.DeleteServiceLinkedRole(ctx, &iam.DeleteServiceLinkedRoleInput{RoleName: name})
	if err != nil {
		t.Fatal(err)
	}
	if s, err := c.GetServiceLinkedRoleDeletionStatus(ctx, &iam.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: task.DeletionTaskId}); err != nil || s.Status != types.DeletionTaskStatusTypeSucceeded {
		t.Errorf("status %v, %v", s, err)
	}
	if _, err := c.GetRole(ctx, &iam.GetRoleInput{RoleName: name}); code(err) != "NoSuchEntity" {
		t.Errorf("still there: %v", err)
	}
}
