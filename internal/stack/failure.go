package stack

import (
	"context"
	"errors"

	"workshop/internal/clean"
)

// Failure is an operation's error in a form that crosses from one process to
// another: Err gives an error with the same text, for which errors.Is and
// errors.As answer as for the first one as far as this package's sentinels and
// *DiagnosticError go.
type Failure struct {
	Message     string       `json:"message"`
	Kinds       []string     `json:"kinds,omitempty"`
	Op          Op           `json:"op,omitempty"`
	Diagnostics []Diagnostic `json:"diagnostics,omitempty"`
	Kept        *KeptState   `json:"kept,omitempty"`
}

// sentinels are the errors that a Failure keeps, by their names in a file.
var sentinels = map[string]error{
	"no_terraform":         ErrNoTerraform,
	"provider_unavailable": ErrProviderUnavailable,
	"state_locked":         ErrStateLocked,
	"plan_stale":           ErrPlanStale,
	"stopped":              ErrStopped,
	"busy":                 ErrBusy,
	"killed":               ErrKilled,
	"errored_state":        ErrErroredState,
	"state_damaged":        ErrStateDamaged,
	"state_newer":          ErrStateNewer,
	"state_conflict":       ErrStateConflict,
	"state_unwritable":     ErrStateUnwritable,
	"lock_file":            ErrLockFile,
	"temp_dir":             ErrTempDir,
	"disk_full":            ErrDiskFull,
	"no_bucket":            ErrNoBucket,
	"no_lockfile":          ErrNoLockfile,
	"state_unread":         ErrStateUnread,
	"own_backend":          ErrOwnBackend,
	"move_unfinished":      ErrMoveUnfinished,
	"canceled":             context.Canceled,
}

// FailureOf describes an error; nil for nil.
func FailureOf(err error) *Failure {
	if err == nil {
		return nil
	}
	f := &Failure{Message: clean.Text(err.Error())}
	for name, sentinel := range sentinels {
		if errors.Is(err, sentinel) {
			f.Kinds = append(f.Kinds, name)
		}
	}
	var d *DiagnosticError
	if errors.As(err, &d) {
		f.Op, f.Diagnostics, f.Kept = d.Op, d.Diagnostics, d.Kept
	}
	return f
}

// Err is the error that f describes; nil for nil.
func (f *Failure) Err() error {
	if f == nil {
		return nil
	}
	e := &failure{message: f.Message}
	for _, name := range f.Kinds {
		if s := sentinels[name]; s != nil {
			e.causes = append(e.causes, s)
		}
	}
	if len(f.Diagnostics) > 0 {
		if d := diagnosticError(f.Op, f.Diagnostics); d != nil {
			d.Kept = f.Kept
			e.causes = append(e.causes, d)
		}
	}
	return e
}

type failure struct {
	message string
	causes  []error
}

func (e *failure) Error() string   { return e.message }
func (e *failure) Unwrap() []error { return e.causes }
