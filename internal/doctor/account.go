package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"

	"workshop/internal/regions"
	"workshop/internal/sweep"
	"workshop/internal/target"
)

// The checks of the AWS account. To add one, write its function below and its
// line here.
var accountQuestions = []question{
	{id: "rules", only: target.AWS, ask: rules},
	{id: "credentials", only: target.AWS, ask: credentials},
	{id: "account", only: target.AWS, after: []string{"credentials", "rules"}, ask: account},
	{id: "credentials-lifetime", only: target.AWS, after: []string{"credentials"}, ask: lifetime},
	{id: "region", only: target.AWS, after: []string{"credentials"}, ask: region},
	{id: "clock", only: target.AWS, after: []string{"credentials"}, ask: clock},
	{id: "service-linked-roles", only: target.AWS, after: []string{"credentials", "permissions"}, ask: linkedRoles},
	{id: "leftovers", only: target.AWS, after: []string{"credentials"}, ask: leftovers},
}

func rules(_ context.Context, s *Subject) Check {
	r, err := s.Rules()
	switch {
	case err != nil:
		return failed(err.Error(), "Fix the file "+RulesFile()+".")
	case r.file == "":
		return passed("no rules for accounts and Regions (" + RulesFile() + ")")
	}
	return passed("rules for accounts and Regions from " + r.file)
}

func credentials(ctx context.Context, s *Subject) Check {
	t, err := s.Open(ctx)
	if err != nil {
		var e *target.Error
		if errors.As(err, &e) {
			what := e.What
			if e.Detail != "" {
				what += " (" + e.Detail + ")"
			}
			return failed(what, e.Fix+".")
		}
		return failed(err.Error(), "`aws sts get-caller-identity` shows whether your AWS configuration works.")
	}
	s.mu.Lock()
	s.target = t
	s.mu.Unlock()
	name := t.Account
	if a := alias(ctx, t); a != "" {
		name += " (" + a + ")"
	}
	message := fmt.Sprintf("account %s in %s as %s, credentials from %s", name, t.Region, t.CallerARN, t.CredentialsSource(ctx))
	if strings.HasSuffix(t.CallerARN, ":root") {
		return warning(message+". This is the root user, who may do everything", "Use an IAM role or IAM Identity Center instead of the root user's keys.")
	}
	return passed(message)
}

func account(ctx context.Context, s *Subject) Check {
	t := s.opened()
	r, err := s.Rules()
	if err != nil {
		return failed(err.Error(), "")
	}
	err = Gate(ctx, t, r, s.Confirmed(t.Account))
	var denied *DeniedError
	var notYet *NotConfirmedError
	switch {
	case errors.As(err, &denied):
		return failed(err.Error(), "Set AWS_PROFILE or --region to another, or change "+denied.File+".")
	case errors.As(err, &notYet):
		return warning("you have not confirmed the account "+t.Account+" for this workspace yet", "The first deployment asks you to type the account number; scripts add --account "+t.Account+".")
	}
	return passed("the account " + t.Account + " may be deployed to")
}

func lifetime(_ context.Context, s *Subject) Check {
	end, ok := s.opened().Expires()
	if !ok {
		return passed("the credentials have no known end, or are renewed by themselves")
	}
	if time.Until(end) < ApplyTime {
		return failed((&ShortCredentialsError{Expires: end}).Error(), "Sign in again (for example `aws sso login`), or get new temporary keys.")
	}
	return passed(fmt.Sprintf("the credentials last until %s", end.Local().Format("15:04 on 2 January")))
}

func region(_ context.Context, s *Subject) Check {
	t := s.opened()
	switch {
	case t.Config.BaseEndpoint != nil:
		return passed(fmt.Sprintf("Region %s, at %s instead of AWS (AWS_ENDPOINT_URL)", t.Region, *t.Config.BaseEndpoint))
	case !regions.Known(t.Region):
		return warning(fmt.Sprintf("AWS answers for %s, a Region that this program does not know", t.Region), "If Terraform refuses it, use a newer AWS provider or another Region (--region).")
	}
	// STS of a Region that is not enabled would not have accepted the keys.
	return passed("Region " + t.Region + " is enabled")
}

const (
	// maxSkew is what AWS accepts of a signature; worrySkew leaves room for a
	// clock that runs fast or slow.
	maxSkew   = 5 * time.Minute
	worrySkew = time.Minute
)

func clock(_ context.Context, s *Subject) Check {
	skew := s.opened().ClockSkew
	direction := "ahead of"
	if skew < 0 {
		direction = "behind"
	}
	message := fmt.Sprintf("this computer's clock is %s %s AWS's", skew.Abs(), direction)
	fix := "Set the clock: switch on time synchronisation (NTP)."
	switch {
	case skew.Abs() >= maxSkew:
		return failed(message+", and AWS refuses more than "+maxSkew.String(), fix)
	case skew.Abs() >= worrySkew:
		return warning(message, fix)
	}
	return passed("the clock agrees with AWS's")
}

// linked are the roles that AWS services make for themselves when they are used
// for the first time in an account, with the configuration's permission.
var linked = []struct {
	role    string
	needed  func(Needs) bool
	service string
}{
	{"AWSServiceRoleForECS", func(Needs) bool { return true }, "ECS"},
	{"AWSServiceRoleForElasticLoadBalancing", func(Needs) bool { return true }, "Elastic Load Balancing"},
	{"AWSServiceRoleForApplicationAutoScaling_ECSService", func(n Needs) bool { return n.Autoscaling }, "Application Auto Scaling"},
}

func linkedRoles(ctx context.Context, s *Subject) Check {
	client := iam.NewFromConfig(s.opened().Config)
	var missing []string
	for _, l := range linked {
		if !l.needed(s.Needs) {
			continue
		}
		_, err := client.GetRole(ctx, &iam.GetRoleInput{RoleName: &l.role})
		var none *types.NoSuchEntityException
		switch {
		case errors.As(err, &none):
			missing = append(missing, l.service)
		case err != nil:
			return unknown("service-linked roles could not be checked: "+shortError(err), "")
		}
	}
	if len(missing) == 0 {
		return passed("the service-linked roles are there")
	}
	who := strings.Join(missing, ", ")
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.forbidden == nil:
		return unknown("the service-linked roles of "+who+" do not exist yet, and whether AWS may make them for you could not be checked", "")
	case s.forbidden[createLinkedRole]:
		return failed("the service-linked roles of "+who+" do not exist yet, and you may not have AWS make them ("+createLinkedRole+")",
			"Ask an administrator to allow "+createLinkedRole+", or to use "+who+" once in this account.")
	}
	return passed("the service-linked roles of " + who + " do not exist yet; AWS makes them when they are first needed")
}

func leftovers(ctx context.Context, s *Subject) Check {
	switch {
	case s.WorkspaceID == "":
		return unknown("leftovers of an earlier run could not be looked for without the workspace", "")
	case s.Resources > 0:
		return passed(fmt.Sprintf("the stack is up: %d resources in Terraform's state", s.Resources))
	}
	t := s.opened()
	rep, err := sweep.Sweep(ctx, t.Config, sweep.Scope{WorkspaceID: s.WorkspaceID, Name: s.Name, Region: t.Region})
	if err != nil {
		return unknown("leftovers of an earlier run could not be looked for: "+err.Error(), "")
	}
	if len(rep.Left) > 0 {
		var kinds []string
		for _, l := range rep.Left {
			if !slices.Contains(kinds, l.Kind) {
				kinds = append(kinds, l.Kind)
			}
		}
		return failed(fmt.Sprintf("%d things of an earlier run are still in the account, and Terraform's state does not have them: %s", len(rep.Left), strings.Join(kinds, ", ")),
			"Run `workshop destroy`, which asks the account what is left.")
	}
	if !rep.Complete() {
		for _, p := range rep.Places {
			if p.Err != "" {
				return unknown("nothing of an earlier run was found, but not every question was answered: "+p.Err, "")
			}
		}
	}
	return passed(fmt.Sprintf("nothing of an earlier run is left (asked in %d places)", len(rep.Places)))
}

// shortError is AWS's code and message.
func shortError(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode() + ": " + api.ErrorMessage()
	}
	return err.Error()
}

// notAllowed reports whether AWS refused the question itself.
func notAllowed(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && (strings.HasPrefix(api.ErrorCode(), "AccessDenied") || api.ErrorCode() == "UnauthorizedOperation")
}

// principal is the ARN of the user or role behind an STS identity, as IAM knows
// it; empty for the root user and for federated users, whom IAM cannot simulate.
func principal(ctx context.Context, client *iam.Client, caller string) string {
	parts := strings.SplitN(caller, ":", 6) // arn:partition:service::account:resource
	if len(parts) < 6 {
		return ""
	}
	kind, rest, _ := strings.Cut(parts[5], "/")
	switch kind {
	case "user", "role":
		return caller
	case "assumed-role":
		name, _, _ := strings.Cut(rest, "/")
		// Roles of IAM Identity Center have a path, which the session's ARN lacks.
		if out, err := client.GetRole(ctx, &iam.GetRoleInput{RoleName: &name}); err == nil {
			return aws.ToString(out.Role.Arn)
		}
		return fmt.Sprintf("arn:%s:iam::%s:role/%s", parts[1], parts[4], name)
	}
	return ""
}
