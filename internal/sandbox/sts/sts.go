// Package sts answers who the caller is.
package sts

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/wire"
)

// Service returns STS for an account: every caller is its one user.
func Service(a *account.Account, accessKeyID string) *wire.Service {
	s := &wire.Service{
		Name: "sts", Global: true, Protocol: wire.Query, Casing: wire.Pascal,
		Version: "2011-06-15", Namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
	}
	wire.Handle(s, "GetCallerIdentity", func(context.Context, *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
		return &sts.GetCallerIdentityOutput{
			Account: aws.String(account.ID),
			Arn:     aws.String(a.UserARN()),
			UserId:  aws.String("AIDA" + accessKeyID[4:]),
		}, nil
	})
	return s
}
