package session

import (
	"errors"
	"testing"

	"workshop/internal/target"
)

func TestReadOnly(t *testing.T) {
	s := open(t, target.Sandbox)
	s.opts.ReadOnly = true
	for name, do := range map[string]func() error{
		"lock":     s.Lock,
		"plan":     func() error { _, err := s.Plan(t.Context(), false, nil); return err },
		"scale":    func() error { return s.Scale(t.Context(), 3) },
		"redeploy": func() error { return s.Redeploy(t.Context()) },
		"rollback": func() error { return s.Rollback(t.Context(), "app:1") },
		"stop":     func() error { return s.StopTask(t.Context(), "x") },
		"exec":     func() error { _, err := s.Exec(t.Context(), "x", "app", "sh"); return err },
		"budget":   func() error { return s.SetBudget(1) },
	} {
		if err := do(); !errors.Is(err, ErrReadOnly) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if i := s.info(); !i.ReadOnly || i.Holder != ErrReadOnly.Error() {
		t.Errorf("the screens are told %+v", i)
	}
}
