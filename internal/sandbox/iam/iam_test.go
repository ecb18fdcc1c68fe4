package iam

import (
	"errors"
	"net/url"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"

	"workshop/internal/sandbox/sandboxtest"
)

const (
	allow   = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"logs:PutLogEvents","Resource":"*"}}`
	trust   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	execute = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
)

func serve(t *testing.T) (*IAM, *iam.Client) {
	t.Helper()
	a := sandboxtest.Account(t)
	i, err := New(a)
	if err != nil {
		t.Fatal(err)
	}
	return i, iam.NewFromConfig(sandboxtest.Serve(t, a, i.Service()))
}

func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return "none"
}

func TestRoleLife(t *testing.T) {
	i, c := serve(t)
	ctx := t.Context()
	name := aws.String("workshop-execution")
	made, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(trust), Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})
	if err != nil {
		t.Fatal(err)
	}
	if made.Role.CreateDate == nil {
		t.Error("no CreateDate: Terraform's provider fails without it")
	}
	if doc, _ := url.PathUnescape(*made.Role.AssumeRolePolicyDocument); doc != trust {
		t.Errorf("trust = %s", doc)
	}
	if _, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("Workshop-Execution"), AssumeRolePolicyDocument: aws.String(trust)}); code(err) != "EntityAlreadyExists" {
		t.Errorf("the same name in other case: %v", err)
	}
	if _, err := c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: name, PolicyArn: aws.String(execute)}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: name, PolicyName: aws.String("inline"), PolicyDocument: aws.String(allow)}); err != nil {
		t.Fatal(err)
	}
	if r, ok := i.Role(*made.Role.Arn); !ok || len(r.Policies) != 1 {
		t.Errorf("Role(arn) = %+v, %v", r, ok)
	}
	if _, ok := i.Role("arn:aws:iam::111111111111:role/workshop-execution"); ok {
		t.Error("a role of another account was found")
	}
	steps := []func() error{
		func() error {
			_, err := c.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: name, PolicyArn: aws.String(execute)})
			return err
		},
		func() error {
			_, err := c.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: aws.String("inline")})
			return err
		},
	}
	for _, step := range steps {
		if _, err := c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name}); code(err) != "DeleteConflict" {
			t.Errorf("deleting a role in use: %v", err)
		}
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name}); err != nil {
		t.Fatal(err)
	}
	var gone *types.NoSuchEntityException
	if _, err := c.GetRole(ctx, &iam.GetRoleInput{RoleName: name}); !errors.As(err, &gone) {
		t.Errorf("after deletion: %v", err)
	}
}

func TestPolicyLife(t *testing.T) {
	_, c := serve(t)
	ctx := t.Context()
	p, err := c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("p"), PolicyDocument: aws.String(allow), Path: aws.String("/a/")})
	if err != nil {
		t.Fatal(err)
	}
	v2, err := c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: p.Policy.Arn, PolicyDocument: aws.String(allow), SetAsDefault: true})
	if err != nil || *v2.PolicyVersion.VersionId != "v2" {
		t.Fatalf("%+v, %v", v2, err)
	}
	if _, err := c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: p.Policy.Arn}); code(err) != "DeleteConflict" {
		t.Errorf("with two versions: %v", err)
	}
	if _, err := c.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: p.Policy.Arn, VersionId: aws.String("v2")}); code(err) != "DeleteConflict" {
		t.Errorf("the default version: %v", err)
	}
	if _, err := c.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: p.Policy.Arn, VersionId: aws.String("v1")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: p.Policy.Arn}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: p.Policy.Arn}); code(err) != "NoSuchEntity" {
		t.Errorf("after deletion: %v", err)
	}
	if _, err := c.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: aws.String(execute)}); err != nil {
		t.Errorf("a policy of AWS's own: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	_, c := serve(t)
	for _, in := range []struct{ name, doc, want string }{
		{"has space", trust, "ValidationError"},
		{"ok", "not json", "MalformedPolicyDocument"},
		{"ok", `{"Version":"2012-10-17"}`, "MalformedPolicyDocument"},
	} {
		if _, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &in.name, AssumeRolePolicyDocument: &in.doc}); code(err) != in.want {
			t.Errorf("%v: %v", in, err)
		}
	}
}
