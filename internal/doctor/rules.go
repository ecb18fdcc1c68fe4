package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/adrg/xdg"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclparse"

	"workshop/internal/clean"
)

// Rules say which AWS accounts and Regions may be deployed to. They come from
// the person's configuration file; without one everything is allowed.
type Rules struct {
	// AllowAccounts are the only accounts that may be used, where there are any.
	// They need no confirmation.
	AllowAccounts []string `hcl:"allow_accounts,optional"`
	DenyAccounts  []string `hcl:"deny_accounts,optional"`
	// AllowRegions are the only Regions that may be used, where there are any.
	AllowRegions []string `hcl:"allow_regions,optional"`
	DenyRegions  []string `hcl:"deny_regions,optional"`

	file string
}

// RulesFile is where the rules are read from: config.hcl in the folder
// fargate-workshop of the XDG configuration directory.
func RulesFile() string { return filepath.Join(xdg.ConfigHome, "fargate-workshop", "config.hcl") }

var accountNumber = regexp.MustCompile(`^[0-9]{12}$`)

// LoadRules reads a file of rules. One that is not there has none. One that
// cannot be read in full is an error: rules that are not understood must not
// count as none.
func LoadRules(file string) (Rules, error) {
	src, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return Rules{}, nil
	}
	if err != nil {
		return Rules{}, fmt.Errorf("reading your rules for AWS accounts: %w", err)
	}
	parsed, diags := hclparse.NewParser().ParseHCL(src, file)
	var whole struct {
		AWS *Rules `hcl:"aws,block"`
	}
	if !diags.HasErrors() {
		diags = gohcl.DecodeBody(parsed.Body, nil, &whole)
	}
	if diags.HasErrors() {
		return Rules{}, fmt.Errorf("reading your rules for AWS accounts: %s; fix that line, nothing is deployed to AWS before", clean.Line(diags[0].Error()))
	}
	if whole.AWS == nil {
		return Rules{}, nil
	}
	for _, id := range slices.Concat(whole.AWS.AllowAccounts, whole.AWS.DenyAccounts) {
		if !accountNumber.MatchString(id) {
			return Rules{}, fmt.Errorf("reading your rules for AWS accounts: %s: %q is not an account number of twelve digits; fix it, nothing is deployed to AWS before", clean.Line(file), clean.Line(id))
		}
	}
	whole.AWS.file = file
	return *whole.AWS, nil
}

// check returns a *DeniedError where the rules do not permit a deployment.
func (r Rules) check(account, region string) error {
	denied := func(what string) error {
		return &DeniedError{Account: account, Region: region, Rule: what, File: r.file}
	}
	switch {
	case slices.Contains(r.DenyAccounts, account):
		return denied("deny_accounts")
	case len(r.AllowAccounts) > 0 && !slices.Contains(r.AllowAccounts, account):
		return denied("allow_accounts")
	case slices.Contains(r.DenyRegions, region):
		return denied("deny_regions")
	case len(r.AllowRegions) > 0 && !slices.Contains(r.AllowRegions, region):
		return denied("allow_regions")
	}
	return nil
}
