package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"workshop/internal/clean"
	"workshop/internal/target"
)

// ApplyTime is how long credentials must still last when an apply begins: a
// first one takes some four minutes, and twice that with a service that does not
// become healthy.
const ApplyTime = 15 * time.Minute

// emulated is the account number of emulators, this program's sandbox among
// them. AWS gives it to nobody.
const emulated = "000000000000"

// NotConfirmedError refuses an apply to an account whose number was not typed
// yet in this workspace.
type NotConfirmedError struct {
	Account string // twelve digits
	Alias   string // the account's name in IAM; empty where there is none or it may not be read
	Region  string
	// Emulated: the account is an emulator's, where nothing can cost money.
	Emulated bool
}

func (e *NotConfirmedError) Error() string {
	name := clean.Line(e.Account)
	if e.Alias != "" {
		name += fmt.Sprintf(" (%s)", clean.Line(e.Alias))
	}
	return fmt.Sprintf("the AWS account %s in %s has not been confirmed for this workspace, so nothing was created. Run the command on a terminal and type the account number, or add --account %s",
		name, clean.Line(e.Region), clean.Line(e.Account))
}

// WrongAccountError refuses an account number that is not the one of the
// credentials.
type WrongAccountError struct{ Account, Typed string }

func (e *WrongAccountError) Error() string {
	return fmt.Sprintf("the account number %q is not that of your credentials, which belong to %s; nothing was created. Check AWS_PROFILE", clean.Line(e.Typed), clean.Line(e.Account))
}

// DeniedError refuses an account or a Region by the person's own rules.
type DeniedError struct {
	Account, Region string
	Rule            string // the attribute that decided: deny_accounts, allow_regions and so on
	File            string // where it stands
}

func (e *DeniedError) Error() string {
	what := "the AWS account " + clean.Line(e.Account)
	if strings.HasSuffix(e.Rule, "regions") {
		what = "the AWS Region " + clean.Line(e.Region)
	}
	why := "is in " + e.Rule
	if strings.HasPrefix(e.Rule, "allow") {
		why = "is not in " + e.Rule
	}
	return fmt.Sprintf("%s %s of %s, so nothing was created. Choose another with AWS_PROFILE or --region, or change that file", what, why, clean.Line(e.File))
}

// ShortCredentialsError refuses an apply that the credentials may not outlast.
type ShortCredentialsError struct{ Expires time.Time }

func (e *ShortCredentialsError) Error() string {
	at := e.Expires.Local().Format("15:04")
	if time.Now().After(e.Expires) {
		return fmt.Sprintf("your AWS credentials ended at %s. Sign in again, then run the command again", at)
	}
	return fmt.Sprintf("your AWS credentials end at %s, and an apply can take %d minutes: it could stop half way. Sign in again first; nothing was created", at, int(ApplyTime.Minutes()))
}

// Gate decides whether an apply to the target may begin. It returns nil, a
// *DeniedError, a *NotConfirmedError or a *ShortCredentialsError. The sandbox
// always passes. The account's alias is looked up only for a *NotConfirmedError.
func Gate(ctx context.Context, t *target.Target, rules Rules, confirmed bool) error {
	if t.Kind != target.AWS {
		return nil
	}
	if err := rules.check(t.Account, t.Region); err != nil {
		return err
	}
	if end, ok := t.Expires(); ok && time.Until(end) < ApplyTime {
		return &ShortCredentialsError{Expires: end}
	}
	if confirmed || slices.Contains(rules.AllowAccounts, t.Account) {
		return nil
	}
	return &NotConfirmedError{Account: t.Account, Alias: alias(ctx, t), Region: t.Region, Emulated: t.Account == emulated}
}

// aliasTimeout bounds the question for the account's name, which is a courtesy.
const aliasTimeout = 5 * time.Second

// alias is the account's name in IAM; empty where there is none, and where it
// may not be read.
func alias(ctx context.Context, t *target.Target) string {
	ctx, cancel := context.WithTimeout(ctx, aliasTimeout)
	defer cancel()
	out, err := iam.NewFromConfig(t.Config).ListAccountAliases(ctx, &iam.ListAccountAliasesInput{})
	if err != nil || len(out.AccountAliases) == 0 {
		return ""
	}
	return out.AccountAliases[0]
}
