package workspace

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

const (
	budgetFile = "budget.json"

	// maxBudget is a million dollars, in millionths.
	maxBudget = 1_000_000_000_000
)

type budget struct {
	Microdollars int64 `json:"microdollars"`
}

// Budget returns the budget that was set, in millionths of a US dollar; 0 where
// there is none. A file that is damaged, or holds no sensible amount, is an error.
func (w *Workspace) Budget() (int64, error) {
	data, err := os.ReadFile(w.path(budgetFile))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the budget: %w", err)
	}
	m, err := decodeBudget(data)
	if err != nil {
		return 0, fmt.Errorf("read the budget in %s: %w. Set it again with --budget AMOUNT", w.path(budgetFile), err)
	}
	return m, nil
}

func decodeBudget(data []byte) (int64, error) {
	var b budget
	if err := json.Unmarshal(data, &b); err != nil {
		return 0, err
	}
	if b.Microdollars < 0 || b.Microdollars > maxBudget {
		return 0, fmt.Errorf("%d is not an amount between 0 and a million dollars", b.Microdollars)
	}
	return b.Microdollars, nil
}

// SetBudget keeps a budget in millionths of a US dollar; 0 removes it.
func (w *Workspace) SetBudget(microdollars int64) error {
	if microdollars == 0 {
		if err := os.Remove(w.path(budgetFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return w.writeError(err)
		}
		return nil
	}
	data, err := json.Marshal(budget{microdollars})
	if err != nil {
		return fmt.Errorf("encode the budget: %w", err)
	}
	return w.writeFile(budgetFile, append(data, '\n'))
}
