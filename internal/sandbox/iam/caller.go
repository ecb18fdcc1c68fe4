package iam

import (
	"context"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"workshop/internal/sandbox/wire"
)

var actionPattern = regexp.MustCompile(`^[A-Za-z0-9-]+:[A-Za-z0-9*?]+$`)

// callerOperations are about the account and its one user.
func (i *IAM) callerOperations(s *wire.Service) {
	wire.Handle(s, "ListAccountAliases", func(context.Context, *iam.ListAccountAliasesInput) (*iam.ListAccountAliasesOutput, error) {
		return &iam.ListAccountAliasesOutput{AccountAliases: []string{}}, nil
	})
	wire.Handle(s, "SimulatePrincipalPolicy", i.simulatePrincipalPolicy)
}

// simulatePrincipalPolicy allows the account's user every action, because that
// is how the sandbox answers. It knows nothing about other principals.
func (i *IAM) simulatePrincipalPolicy(_ context.Context, in *iam.SimulatePrincipalPolicyInput) (*iam.SimulatePrincipalPolicyOutput, error) {
	source := aws.ToString(in.PolicySourceArn)
	if _, ok := i.Role(source); ok {
		return nil, wire.Errorf("InvalidInput", "The sandbox evaluates no policies: it can simulate its user only, not %s", source)
	}
	if source != i.account.UserARN() {
		return nil, notFound("The principal %s cannot be found.", source)
	}
	resources := in.ResourceArns
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	var all []types.EvaluationResult
	for _, action := range in.ActionNames {
		if !actionPattern.MatchString(action) {
			return nil, wire.Errorf("InvalidInput", "Invalid Input Action: %s", action)
		}
		for _, resource := range resources {
			all = append(all, types.EvaluationResult{
				EvalActionName: &action, EvalResourceName: &resource, EvalDecision: types.PolicyEvaluationDecisionTypeAllowed,
				MatchedStatements: []types.Statement{}, MissingContextValues: []string{},
			})
		}
	}
	results, more, next, err := page(all, in.Marker, in.MaxItems)
	return &iam.SimulatePrincipalPolicyOutput{EvaluationResults: results, IsTruncated: more, Marker: next}, err
}
