package workspace

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/google/renameio/v2/maybe"
)

const accountsFile = "accounts.json"

var accountNumber = regexp.MustCompile(`^[0-9]{12}$`)

// confirmation is an AWS account whose number the person has typed.
type confirmation struct {
	Account   string    `json:"account"`
	Confirmed time.Time `json:"confirmed"`
}

// AccountConfirmed reports whether the person has typed the number of the AWS
// account in this workspace. What cannot be read counts as not confirmed.
func (w *Workspace) AccountConfirmed(account string) bool {
	all, err := w.confirmations()
	return err == nil && slices.ContainsFunc(all, func(c confirmation) bool { return c.Account == account })
}

// ConfirmAccount remembers that the person has typed the number of the AWS
// account. The file is readable by its owner alone.
func (w *Workspace) ConfirmAccount(account string) error {
	if !accountNumber.MatchString(account) {
		return fmt.Errorf("%q is not an account number of twelve digits", account)
	}
	all, _ := w.confirmations() // a damaged file is replaced: the question comes again
	if slices.ContainsFunc(all, func(c confirmation) bool { return c.Account == account }) {
		return nil
	}
	b, err := json.MarshalIndent(append(all, confirmation{account, time.Now().UTC()}), "", "  ")
	if err == nil {
		err = maybe.WriteFile(w.path(accountsFile), b, fileMode)
	}
	if err != nil {
		return fmt.Errorf("remembering the account's confirmation: %w", err)
	}
	return nil
}

func (w *Workspace) confirmations() ([]confirmation, error) {
	b, err := os.ReadFile(w.path(accountsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return readConfirmations(b)
}

func readConfirmations(b []byte) ([]confirmation, error) {
	var all []confirmation
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(c confirmation) bool { return !accountNumber.MatchString(c.Account) }), nil
}
