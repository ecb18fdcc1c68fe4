package iam

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"workshop/internal/sandbox/wire"
)

type role struct {
	ARN, Name, ID, Path string
	Trust               string
	Description         *string
	MaxSession          int32 // seconds
	Created             time.Time
	Boundary            *string
	Tags                []types.Tag
	Attached            []string          // policy ARNs
	Inline              map[string]string // name to document
}

func (r role) out() *types.Role {
	t := &types.Role{
		Arn: &r.ARN, RoleName: &r.Name, RoleId: &r.ID, Path: &r.Path, CreateDate: &r.Created,
		AssumeRolePolicyDocument: document(r.Trust), Description: r.Description,
		MaxSessionDuration: &r.MaxSession, Tags: r.Tags, RoleLastUsed: &types.RoleLastUsed{},
	}
	if r.Boundary != nil {
		t.PermissionsBoundary = &types.AttachedPermissionsBoundary{
			PermissionsBoundaryArn: r.Boundary, PermissionsBoundaryType: types.PermissionsBoundaryAttachmentTypePolicy,
		}
	}
	return t
}

func (i *IAM) role(name *string) (role, error) {
	r, ok := i.roles.Get(aws.ToString(name))
	if !ok {
		return role{}, notFound("The role with name %s cannot be found.", aws.ToString(name))
	}
	return r, nil
}

func (i *IAM) roleOperations(s *wire.Service) {
	wire.Handle(s, "CreateRole", i.createRole)
	wire.Handle(s, "GetRole", func(_ context.Context, in *iam.GetRoleInput) (*iam.GetRoleOutput, error) {
		r, err := i.role(in.RoleName)
		if err != nil {
			return nil, err
		}
		return &iam.GetRoleOutput{Role: r.out()}, nil
	})
	wire.Handle(s, "ListRoles", func(_ context.Context, in *iam.ListRolesInput) (*iam.ListRolesOutput, error) {
		var all []types.Role
		for _, r := range i.roles.Find(func(r role) bool { return strings.HasPrefix(r.Path, aws.ToString(in.PathPrefix)) }) {
			t := r.out()
			t.Tags, t.RoleLastUsed, t.PermissionsBoundary = nil, nil, nil // ListRoles leaves these out
			all = append(all, *t)
		}
		roles, more, next, err := page(all, in.Marker, in.MaxItems)
		return &iam.ListRolesOutput{Roles: roles, IsTruncated: more, Marker: next}, err
	})
	wire.Handle(s, "DeleteRole", func(_ context.Context, in *iam.DeleteRoleInput) (*iam.DeleteRoleOutput, error) {
		r, err := i.role(in.RoleName)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(r.Path, linkedPath) {
			return nil, wire.Errorf("UnmodifiableEntity", "Cannot perform the operation on the protected role '%s' - this role is only modifiable by AWS", r.Name)
		}
		if len(r.Attached) > 0 {
			return nil, conflict("DeleteConflict", "Cannot delete entity, must detach all policies first.")
		}
		if len(r.Inline) > 0 {
			return nil, conflict("DeleteConflict", "Cannot delete entity, must delete policies first.")
		}
		i.roles.Delete(r.Name)
		return nil, nil
	})
	wire.Handle(s, "UpdateRole", func(_ context.Context, in *iam.UpdateRoleInput) (*iam.UpdateRoleOutput, error) {
		return nil, i.changeRole(in.RoleName, func(r *role) error {
			if in.Description != nil {
				r.Description = in.Description
			}
			if in.MaxSessionDuration != nil {
				r.MaxSession = *in.MaxSessionDuration
			}
			return nil
		})
	})
	wire.Handle(s, "UpdateRoleDescription", func(_ context.Context, in *iam.UpdateRoleDescriptionInput) (*iam.UpdateRoleDescriptionOutput, error) {
		var out iam.UpdateRoleDescriptionOutput
		err := i.changeRole(in.RoleName, func(r *role) error {
			r.Description = in.Description
			out.Role = r.out()
			return nil
		})
		return &out, err
	})
	wire.Handle(s, "UpdateAssumeRolePolicy", func(_ context.Context, in *iam.UpdateAssumeRolePolicyInput) (*iam.UpdateAssumeRolePolicyOutput, error) {
		return nil, i.changeRole(in.RoleName, func(r *role) error {
			r.Trust = aws.ToString(in.PolicyDocument)
			return checkTrust(r.Trust)
		})
	})
	wire.Handle(s, "TagRole", func(_ context.Context, in *iam.TagRoleInput) (*iam.TagRoleOutput, error) {
		return nil, i.changeRole(in.RoleName, func(r *role) error {
			r.Tags = mergeTags(r.Tags, in.Tags)
			return nil
		})
	})
	wire.Handle(s, "UntagRole", func(_ context.Context, in *iam.UntagRoleInput) (*iam.UntagRoleOutput, error) {
		return nil, i.changeRole(in.RoleName, func(r *role) error {
			r.Tags = withoutTags(r.Tags, in.TagKeys)
			return nil
		})
	})
	wire.Handle(s, "ListRoleTags", func(_ context.Context, in *iam.ListRoleTagsInput) (*iam.ListRoleTagsOutput, error) {
		r, err := i.role(in.RoleName)
		if err != nil {
			return nil, err
		}
		tags, more, next, err := page(r.Tags, in.Marker, in.MaxItems)
		return &iam.ListRoleTagsOutput{Tags: tags, IsTruncated: more, Marker: next}, err
	})
	wire.Handle(s, "PutRolePolicy", func(_ context.Context, in *iam.PutRolePolicyInput) (*iam.PutRolePolicyOutput, error) {
		if err := checkPolicy(aws.ToString(in.PolicyDocument)); err != nil {
			return nil, err
		}
		return nil, i.changeRole(in.RoleName, func(r *role) error {
			inline := map[string]string{*in.PolicyName: *in.PolicyDocument}
			for k, v := range r.Inline {
				if k != *in.PolicyName {
					inline[k] = v
				}
			}
			r.Inline = inline
			return nil
		})
	})
	wire.Handle(s, "GetRolePolicy", func(_ context.Context, in *iam.GetRolePolicyInput) (*iam.GetRolePolicyOutput, error) {
		r, err := i.role(in.RoleName)
		if err != nil {
			return nil, err
		}
		doc, ok := r.Inline[aws.ToString(in.PolicyName)]
		if !ok {
			return nil, notFound("The role policy with name %s cannot be found.", aws.ToString(in.PolicyName))
		}
		return &iam.GetRolePolicyOutput{RoleName: in.RoleName, PolicyName: in.PolicyName, PolicyDocument: document(doc)}, nil
	})
	wire.Handle(s, "DeleteRolePolicy", func(_ context.Context, in *iam.DeleteRolePolicyInput) (*iam.DeleteRolePolicyOutput, error) {
		return nil, i.changeRole(in.RoleName, func(r *role) error {
			if _, ok := r.Inline[aws.ToString(in.PolicyName)]; !ok {
				return notFound("The role policy with name %s cannot be found.", aws.ToString(in.PolicyName))
			}
			r.Inline = maps.Clone(r.Inline)
			delete(r.Inline, *in.PolicyName)
			return nil
		})
	})
	wire.Handle(s, "ListRolePolicies", func(_ context.Context, in *iam.ListRolePoliciesInput) (*iam.ListRolePoliciesOutput, error) {
		r, err := i.role(in.RoleName)
		if err != nil {
			return nil, err
		}
		names, more, next, err := page(slices.Sorted(maps.Keys(r.Inline)), in.Marker, in.MaxItems)
		return &iam.ListRolePoliciesOutput{PolicyNames: names, IsTruncated: more, Marker: next}, err
	})
	wire.Handle(s, "AttachRolePolicy", func(_ context.Context, in *iam.AttachRolePolicyInput) (*iam.AttachRolePolicyOutput, error) {
		p, err := i.policy(in.PolicyArn)
		if err != nil {
			return nil, err
		}
		return nil, i.changeRole(in.RoleName, func(r *role) error {
			if strings.HasPrefix(p.Path, linkedPath) && !strings.HasPrefix(r.Path, linkedPath) {
				return wire.Errorf("PolicyNotAttachable", "Cannot attach a Service Role Policy to a customer role.")
			}
			if !slices.Contains(r.Attached, *in.PolicyArn) {
				r.Attached = append(slices.Clone(r.Attached), *in.PolicyArn)
			}
			return nil
		})
	})
	wire.Handle(s, "DetachRolePolicy", func(_ context.Context, in *iam.DetachRolePolicyInput) (*iam.DetachRolePolicyOutput, error) {
		return nil, i.changeRole(in.RoleName, func(r *role) error {
			n := slices.Index(r.Attached, aws.ToString(in.PolicyArn))
			if n < 0 {
				return notFound("Policy %s was not found.", aws.ToString(in.PolicyArn))
			}
			r.Attached = slices.Delete(slices.Clone(r.Attached), n, n+1)
			return nil
		})
	})
	wire.Handle(s, "ListAttachedRolePolicies", func(_ context.Context, in *iam.ListAttachedRolePoliciesInput) (*iam.ListAttachedRolePoliciesOutput, error) {
		r, err := i.role(in.RoleName)
		if err != nil {
			return nil, err
		}
		var all []types.AttachedPolicy
		for _, arn := range r.Attached {
			if _, path, _ := strings.Cut(arn, ":policy"); !strings.HasPrefix(path[:strings.LastIndex(path, "/")+1], aws.ToString(in.PathPrefix)) {
				continue
			}
			all = append(all, types.AttachedPolicy{PolicyArn: aws.String(arn), PolicyName: aws.String(arn[strings.LastIndex(arn, "/")+1:])})
		}
		attached, more, next, err := page(all, in.Marker, in.MaxItems)
		return &iam.ListAttachedRolePoliciesOutput{AttachedPolicies: attached, IsTruncated: more, Marker: next}, err
	})
	wire.Handle(s, "ListInstanceProfilesForRole", func(_ context.Context, in *iam.ListInstanceProfilesForRoleInput) (*iam.ListInstanceProfilesForRoleOutput, error) {
		if _, err := i.role(in.RoleName); err != nil {
			return nil, err
		}
		return &iam.ListInstanceProfilesForRoleOutput{InstanceProfiles: []types.InstanceProfile{}}, nil
	})
	i.linkedRoleOperations(s)
}

func (i *IAM) createRole(_ context.Context, in *iam.CreateRoleInput) (*iam.CreateRoleOutput, error) {
	name := aws.ToString(in.RoleName)
	if err := checkTrust(aws.ToString(in.AssumeRolePolicyDocument)); err != nil {
		return nil, err
	}
	path := pathOr(in.Path)
	for _, r := range i.roles.Find(nil) { // names differ by more than their case
		if strings.EqualFold(r.Name, name) {
			return nil, conflict("EntityAlreadyExists", "Role with name %s already exists.", name)
		}
	}
	r := role{
		Name: name, Path: path, ID: uniqueID("AROA"), ARN: i.account.GlobalARN("iam", "role"+path+name),
		Trust: *in.AssumeRolePolicyDocument, Description: in.Description, MaxSession: 3600,
		Created: i.account.Now().UTC().Truncate(time.Second), Tags: in.Tags, Boundary: in.PermissionsBoundary,
	}
	if in.MaxSessionDuration != nil {
		r.MaxSession = *in.MaxSessionDuration
	}
	i.roles.Put(name, r)
	return &iam.CreateRoleOutput{Role: r.out()}, nil
}

func (i *IAM) changeRole(name *string, change func(*role) error) error {
	r, err := i.role(name)
	if err != nil {
		return err
	}
	if err := change(&r); err != nil {
		return err
	}
	i.roles.Put(r.Name, r)
	return nil
}
