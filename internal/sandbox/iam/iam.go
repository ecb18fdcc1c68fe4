// Package iam keeps roles and policies. It does not evaluate them: the
// sandbox's one user may do everything.
package iam

import (
	"crypto/rand"
	"errors"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/store"
	"workshop/internal/sandbox/tags"
	"workshop/internal/sandbox/wire"
)

// IAM holds one account's roles and policies. Its exported methods need the
// sandbox's lock.
type IAM struct {
	account  *account.Account
	roles    *store.Table[role]   // by name
	policies *store.Table[policy] // by ARN
}

// New opens the account's roles and policies.
func New(a *account.Account) (*IAM, error) {
	i := &IAM{account: a}
	err := errors.Join(
		store.OpenTable(a.Store, &i.roles, "iam.role"),
		store.OpenTable(a.Store, &i.policies, "iam.policy"),
	)
	if err != nil {
		return nil, err
	}
	return i, nil
}

// Service returns the API.
func (i *IAM) Service() *wire.Service {
	s := &wire.Service{
		Name: "iam", Global: true, Protocol: wire.Query, Casing: wire.Pascal,
		Version: "2010-05-08", Namespace: "https://iam.amazonaws.com/doc/2010-05-08/",
	}
	i.roleOperations(s)
	i.policyOperations(s)
	i.callerOperations(s)
	s.Refuse("InvalidInput", "SimulatePrincipalPolicy", "PolicyInputList", "PermissionsBoundaryPolicyInputList", "ResourcePolicy")
	return s
}

// RoleInfo is what other services ask of a role.
type RoleInfo struct {
	ARN, Name string
	Policies  []string // ARNs of the attached ones
	Trust     string   // the document that says who may assume it
}

// Role finds a role by name or ARN.
func (i *IAM) Role(nameOrARN string) (RoleInfo, bool) {
	name := nameOrARN
	if strings.HasPrefix(nameOrARN, "arn:") {
		name = nameOrARN[strings.LastIndex(nameOrARN, "/")+1:]
	}
	r, ok := i.roles.Get(name)
	if !ok || name != nameOrARN && r.ARN != nameOrARN {
		return RoleInfo{}, false
	}
	return RoleInfo{ARN: r.ARN, Name: r.Name, Policies: r.Attached, Trust: r.Trust}, true
}

// Tagged lists nothing: the tagging API of a region does not list roles.
func (i *IAM) Tagged() []account.Tagged { return nil }

func notFound(format string, args ...any) error {
	e := wire.Errorf("NoSuchEntity", format, args...)
	e.Status = 404
	return e
}

func conflict(code, format string, args ...any) error {
	e := wire.Errorf(code, format, args...)
	e.Status = 409
	return e
}

func pathOr(p *string) string {
	if p == nil || *p == "" {
		return "/"
	}
	return *p
}

// document is how IAM sends a policy: percent-encoded as RFC 3986 says.
func document(s string) *string {
	s = strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
	return &s
}

// uniqueID returns an id such as AROA2GOTXJK3EXAMPLE34; the prefix says of what.
func uniqueID(prefix string) string {
	return (prefix + rand.Text())[:21]
}

// tagKey tells tags apart: IAM does so without regard to case.
func tagKey(t types.Tag) string { return strings.ToLower(*t.Key) }

func mergeTags(before, add []types.Tag) []types.Tag { return tags.MergeList(before, add, tagKey) }

func withoutTags(before []types.Tag, keys []string) []types.Tag {
	lower := make([]string, len(keys))
	for i, k := range keys {
		lower[i] = strings.ToLower(k)
	}
	return tags.WithoutKeys(before, lower, tagKey)
}

// page cuts a list for a marker and a limit as IAM's lists have them: 100 where
// the caller names no limit.
func page[T any](items []T, marker *string, limit *int32) (out []T, truncated bool, next *string, err error) {
	n := 100
	if limit != nil {
		n = int(*limit)
	}
	out, next, err = wire.Page(items, marker, n, "ValidationError")
	if out == nil {
		out = []T{}
	}
	return out, next != nil, next, err
}
