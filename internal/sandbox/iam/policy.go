package iam

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"workshop/internal/sandbox/wire"
)

type policy struct {
	ARN, Name, ID, Path string
	Description         *string
	Created, Updated    time.Time
	Tags                []types.Tag
	Versions            []version // oldest first
	Default             string    // id of the version in force
	Last                int       // number of the newest version ever made
}

type version struct {
	ID       string
	Document string
	Created  time.Time
}

// policy finds a policy of the account or one that AWS keeps.
func (i *IAM) policy(arn *string) (policy, error) {
	if p, ok := i.policies.Get(aws.ToString(arn)); ok {
		return p, nil
	}
	if name, ok := strings.CutPrefix(aws.ToString(arn), "arn:aws:iam::aws:policy/"); ok {
		all, _ := managed()
		if m, ok := all[name]; ok {
			slash := strings.LastIndex(name, "/") + 1
			return policy{
				ARN: *arn, Name: name[slash:], Path: "/" + name[:slash], ID: managedID(name),
				Created: m.created, Updated: m.updated, Default: m.version,
				Versions: []version{{m.version, m.document, m.updated}},
			}, nil
		}
	}
	return policy{}, notFound("Policy %s does not exist or is not attachable.", aws.ToString(arn))
}

// managedID is the id of a policy of AWS's: always the same, and its own.
func managedID(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "ANPA" + base32.StdEncoding.EncodeToString(sum[:])[:17]
}

func (i *IAM) attachments(arn string) int32 {
	return int32(len(i.roles.Find(func(r role) bool { return slices.Contains(r.Attached, arn) })))
}

func (i *IAM) policyOut(p policy) *types.Policy {
	return &types.Policy{
		Arn: &p.ARN, PolicyName: &p.Name, PolicyId: &p.ID, Path: &p.Path, Description: p.Description,
		CreateDate: &p.Created, UpdateDate: &p.Updated, DefaultVersionId: &p.Default, IsAttachable: true,
		AttachmentCount: aws.Int32(i.attachments(p.ARN)), PermissionsBoundaryUsageCount: aws.Int32(0), Tags: p.Tags,
	}
}

func (p policy) version(v version, whole bool) *types.PolicyVersion {
	out := &types.PolicyVersion{VersionId: &v.ID, CreateDate: &v.Created, IsDefaultVersion: v.ID == p.Default}
	if whole {
		out.Document = document(v.Document)
	}
	return out
}

func (i *IAM) policyOperations(s *wire.Service) {
	wire.Handle(s, "CreatePolicy", func(_ context.Context, in *iam.CreatePolicyInput) (*iam.CreatePolicyOutput, error) {
		name := aws.ToString(in.PolicyName)
		if err := checkPolicy(aws.ToString(in.PolicyDocument)); err != nil {
			return nil, err
		}
		path := pathOr(in.Path)
		arn := i.account.GlobalARN("iam", "policy"+path+name)
		if _, ok := i.policies.Get(arn); ok {
			return nil, conflict("EntityAlreadyExists", "A policy called %s already exists. Duplicate names are not allowed.", name)
		}
		now := i.account.Now().UTC().Truncate(time.Second)
		p := policy{
			ARN: arn, Name: name, Path: path, ID: uniqueID("ANPA"), Description: in.Description, Tags: in.Tags,
			Created: now, Updated: now, Default: "v1", Last: 1, Versions: []version{{"v1", *in.PolicyDocument, now}},
		}
		i.policies.Put(arn, p)
		return &iam.CreatePolicyOutput{Policy: i.policyOut(p)}, nil
	})
	wire.Handle(s, "GetPolicy", func(_ context.Context, in *iam.GetPolicyInput) (*iam.GetPolicyOutput, error) {
		p, err := i.policy(in.PolicyArn)
		if err != nil {
			return nil, err
		}
		return &iam.GetPolicyOutput{Policy: i.policyOut(p)}, nil
	})
	wire.Handle(s, "ListPolicies", func(_ context.Context, in *iam.ListPoliciesInput) (*iam.ListPoliciesOutput, error) {
		var all []types.Policy
		if in.Scope != types.PolicyScopeTypeAws {
			for _, p := range i.policies.Find(nil) {
				all = append(all, *i.policyOut(p))
			}
		}
		if in.Scope != types.PolicyScopeTypeLocal {
			_, names := managed()
			for _, n := range names {
				p, err := i.policy(aws.String("arn:aws:iam::aws:policy/" + n))
				if err != nil {
					return nil, err
				}
				all = append(all, *i.policyOut(p))
			}
		}
		all = slices.DeleteFunc(all, func(p types.Policy) bool {
			used := in.PolicyUsageFilter == "" || *p.AttachmentCount > 0 && in.PolicyUsageFilter == types.PolicyUsageTypePermissionsPolicy ||
				*p.PermissionsBoundaryUsageCount > 0 && in.PolicyUsageFilter == types.PolicyUsageTypePermissionsBoundary
			return in.OnlyAttached && *p.AttachmentCount == 0 || !used || !strings.HasPrefix(*p.Path, aws.ToString(in.PathPrefix))
		})
		policies, more, next, err := page(all, in.Marker, in.MaxItems)
		return &iam.ListPoliciesOutput{Policies: policies, IsTruncated: more, Marker: next}, err
	})
	wire.Handle(s, "DeletePolicy", func(_ context.Context, in *iam.DeletePolicyInput) (*iam.DeletePolicyOutput, error) {
		p, err := i.customerManaged(in.PolicyArn)
		if err != nil {
			return nil, err
		}
		if i.attachments(p.ARN) > 0 {
			return nil, conflict("DeleteConflict", "Cannot delete a policy attached to entities.")
		}
		if len(p.Versions) > 1 {
			return nil, conflict("DeleteConflict", "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
		}
		i.policies.Delete(p.ARN)
		return nil, nil
	})
	wire.Handle(s, "GetPolicyVersion", func(_ context.Context, in *iam.GetPolicyVersionInput) (*iam.GetPolicyVersionOutput, error) {
		p, err := i.policy(in.PolicyArn)
		if err != nil {
			return nil, err
		}
		for _, v := range p.Versions {
			if v.ID == aws.ToString(in.VersionId) {
				if v.Document == "" {
					return nil, wire.Errorf("ServiceFailure", "The sandbox does not carry the document of AWS's policy %s", p.Name)
				}
				return &iam.GetPolicyVersionOutput{PolicyVersion: p.version(v, true)}, nil
			}
		}
		return nil, notFound("Policy %s version %s does not exist or is not attachable.", p.ARN, aws.ToString(in.VersionId))
	})
	wire.Handle(s, "ListPolicyVersions", func(_ context.Context, in *iam.ListPolicyVersionsInput) (*iam.ListPolicyVersionsOutput, error) {
		p, err := i.policy(in.PolicyArn)
		if err != nil {
			return nil, err
		}
		var all []types.PolicyVersion
		for _, v := range slices.Backward(p.Versions) {
			all = append(all, *p.version(v, false))
		}
		versions, more, next, err := page(all, in.Marker, in.MaxItems)
		return &iam.ListPolicyVersionsOutput{Versions: versions, IsTruncated: more, Marker: next}, err
	})
	wire.Handle(s, "CreatePolicyVersion", func(_ context.Context, in *iam.CreatePolicyVersionInput) (*iam.CreatePolicyVersionOutput, error) {
		p, err := i.customerManaged(in.PolicyArn)
		if err != nil {
			return nil, err
		}
		if err := checkPolicy(aws.ToString(in.PolicyDocument)); err != nil {
			return nil, err
		}
		if len(p.Versions) >= 5 {
			return nil, conflict("LimitExceeded", "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.")
		}
		p.Last++
		v := version{fmt.Sprintf("v%d", p.Last), *in.PolicyDocument, i.account.Now().UTC().Truncate(time.Second)}
		p.Versions = append(slices.Clone(p.Versions), v)
		p.Updated = v.Created
		if in.SetAsDefault {
			p.Default = v.ID
		}
		i.policies.Put(p.ARN, p)
		return &iam.CreatePolicyVersionOutput{PolicyVersion: p.version(v, false)}, nil
	})
	wire.Handle(s, "DeletePolicyVersion", func(_ context.Context, in *iam.DeletePolicyVersionInput) (*iam.DeletePolicyVersionOutput, error) {
		p, err := i.customerManaged(in.PolicyArn)
		if err != nil {
			return nil, err
		}
		if aws.ToString(in.VersionId) == p.Default {
			return nil, conflict("DeleteConflict", "Cannot delete the default version of a policy.")
		}
		left := slices.DeleteFunc(slices.Clone(p.Versions), func(v version) bool { return v.ID == aws.ToString(in.VersionId) })
		if len(left) == len(p.Versions) {
			return nil, notFound("Policy %s version %s does not exist or is not attachable.", p.ARN, aws.ToString(in.VersionId))
		}
		p.Versions = left
		i.policies.Put(p.ARN, p)
		return nil, nil
	})
	wire.Handle(s, "ListEntitiesForPolicy", func(_ context.Context, in *iam.ListEntitiesForPolicyInput) (*iam.ListEntitiesForPolicyOutput, error) {
		p, err := i.policy(in.PolicyArn)
		if err != nil {
			return nil, err
		}
		roles := []types.PolicyRole{}
		if in.EntityFilter == "" || in.EntityFilter == types.EntityTypeRole {
			for _, r := range i.roles.Find(func(r role) bool {
				attached := in.PolicyUsageFilter != types.PolicyUsageTypePermissionsBoundary && slices.Contains(r.Attached, p.ARN)
				bounded := in.PolicyUsageFilter != types.PolicyUsageTypePermissionsPolicy && aws.ToString(r.Boundary) == p.ARN
				return (attached || bounded) && strings.HasPrefix(r.Path, aws.ToString(in.PathPrefix))
			}) {
				roles = append(roles, types.PolicyRole{RoleName: &r.Name, RoleId: &r.ID})
			}
		}
		cut, truncated, next, err := page(roles, in.Marker, in.MaxItems)
		return &iam.ListEntitiesForPolicyOutput{PolicyRoles: cut, IsTruncated: truncated, Marker: next}, err
	})
	wire.Handle(s, "TagPolicy", func(_ context.Context, in *iam.TagPolicyInput) (*iam.TagPolicyOutput, error) {
		p, err := i.customerManaged(in.PolicyArn)
		if err != nil {
			return nil, err
		}
		p.Tags = mergeTags(p.Tags, in.Tags)
		i.policies.Put(p.ARN, p)
		return nil, nil
	})
	wire.Handle(s, "UntagPolicy", func(_ context.Context, in *iam.UntagPolicyInput) (*iam.UntagPolicyOutput, error) {
		p, err := i.customerManaged(in.PolicyArn)
		if err != nil {
			return nil, err
		}
		p.Tags = withoutTags(p.Tags, in.TagKeys)
		i.policies.Put(p.ARN, p)
		return nil, nil
	})
	wire.Handle(s, "ListPolicyTags", func(_ context.Context, in *iam.ListPolicyTagsInput) (*iam.ListPolicyTagsOutput, error) {
		p, err := i.policy(in.PolicyArn)
		if err != nil {
			return nil, err
		}
		tags, more, next, err := page(p.Tags, in.Marker, in.MaxItems)
		return &iam.ListPolicyTagsOutput{Tags: tags, IsTruncated: more, Marker: next}, err
	})
}

// customerManaged finds a policy that the account may change: AWS's customerManaged it may not.
func (i *IAM) customerManaged(arn *string) (policy, error) {
	if strings.HasPrefix(aws.ToString(arn), "arn:aws:iam::aws:") {
		return policy{}, &wire.Error{Code: "AccessDenied", Message: "Policies that AWS manages cannot be changed.", Status: 403}
	}
	return i.policy(arn)
}
