package stack

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"workshop/internal/clean"
)

// What callers branch on. The errors that methods return wrap these and say
// what can be done next.
var (
	// ErrNoTerraform: there is no usable Terraform, and none could be fetched.
	ErrNoTerraform = errors.New("no usable Terraform")
	// ErrProviderUnavailable: init cannot get a provider from any mirror or registry.
	ErrProviderUnavailable = errors.New("a provider cannot be had")
	// ErrStateLocked: another Terraform works on the same state.
	ErrStateLocked = errors.New("the state is locked")
	// ErrPlanStale: the plan was made before the latest change of the state, or
	// has been applied or replaced; a new plan is needed.
	ErrPlanStale = errors.New("the plan is out of date")
	// ErrStopped: Terraform stopped because it was asked to. What was half made is
	// in the state as tainted, unless Terraform was told to leave at once.
	ErrStopped = errors.New("stopped on request")
	// ErrBusy: this Stack runs an operation already.
	ErrBusy = errors.New("Terraform is running already")
	// ErrKilled: something else ended Terraform, or its provider, with a signal.
	ErrKilled = errors.New("Terraform was killed")
	// ErrErroredState: the state of the last apply could not be saved; Errored has
	// its file, and PushErrored saves it.
	ErrErroredState = errors.New("Terraform could not save the state of its last run")
	// ErrStateDamaged: the state file is not one of Terraform's; SetStateAside.
	ErrStateDamaged = errors.New("the state file is damaged")
	// ErrStateNewer: a newer Terraform wrote the state.
	ErrStateNewer = errors.New("the state file was written by a newer Terraform")
	// ErrStateConflict: a state to push is older than the current one, or of
	// another lineage.
	ErrStateConflict = errors.New("the current state is another one")
	// ErrStateUnwritable: the state, or the lock beside it, cannot be written.
	ErrStateUnwritable = errors.New("the state cannot be written")
	// ErrLockFile: .terraform.lock.hcl, the dependency lock file, does not fit the
	// providers that are here; RemoveLockFile.
	ErrLockFile = errors.New("the dependency lock file does not fit")
	// ErrTempDir: the folder for temporary files (TMPDIR) cannot be used.
	ErrTempDir = errors.New("the folder for temporary files cannot be used")

	// errNeedsInit: the configuration wants a provider or module that the last
	// init did not bring.
	errNeedsInit = errors.New("terraform init is needed")
)

// DiagnosticError is a failure in Terraform's own words. errors.Is finds the
// sentinel that it amounts to, if any.
type DiagnosticError struct {
	Op          Op
	Diagnostics []Diagnostic // the errors, in Terraform's order; at least one
	Kept        *KeptState   // nil unless Terraform could save its state nowhere

	kind error
}

// Error is the first error with its place and what to do next; screens that have
// room render Diagnostics themselves and add Hint.
func (e *DiagnosticError) Error() string {
	d := e.Diagnostics[0]
	var b strings.Builder
	fmt.Fprintf(&b, "terraform %s: %s", e.Op, d.Summary)
	if d.File != "" {
		fmt.Fprintf(&b, "\n  %s", d.File)
		if d.Line > 0 {
			fmt.Fprintf(&b, ", line %d", d.Line)
		}
		if d.Snippet != "" {
			fmt.Fprintf(&b, ":\n    %s", strings.ReplaceAll(strings.TrimSpace(d.Snippet), "\n", "\n    "))
		}
	}
	if d.Detail != "" {
		fmt.Fprintf(&b, "\n%s", d.Detail)
	}
	if more := len(e.Diagnostics) - 1; more > 0 {
		fmt.Fprintf(&b, "\n(and %d more)", more)
	}
	if hint := e.Hint(); hint != "" {
		fmt.Fprintf(&b, "\n%s", hint)
	}
	return b.String()
}

// Hint is what the person can do next; empty where Terraform's words must do.
func (e *DiagnosticError) Hint() string {
	switch e.kind {
	case ErrProviderUnavailable:
		return "Terraform needs its provider once. Connect to the internet, or name a folder that has it in " +
			"WORKSHOP_PROVIDER_MIRROR (laid out as `terraform providers mirror` does), then try again."
	case ErrStateLocked:
		return "Another Terraform works on this state. Wait until it ends, then try again; if none runs any more, " +
			"`terraform force-unlock ID` with the ID above removes the lock."
	case ErrPlanStale:
		return "Something changed since this plan was made. Make a new plan."
	}
	for _, d := range e.Diagnostics {
		if e.Op != OpApply && e.Op != OpDestroy && d.File != "" {
			return fmt.Sprintf("If you changed %s: `workshop reset` brings back the bundled version and keeps a copy of yours.", d.File)
		}
	}
	return ""
}

// Unwrap gives the sentinel.
func (e *DiagnosticError) Unwrap() error { return e.kind }

// kinds knows Terraform's summaries. They are no contract, but have been stable
// since Terraform 1.0; an unknown one leaves the error without a sentinel.
var kinds = map[string]error{
	"Failed to query available provider packages":                    ErrProviderUnavailable,
	"Failed to install provider":                                     ErrProviderUnavailable,
	"Failed to resolve provider packages":                            ErrProviderUnavailable,
	"Invalid provider registry host":                                 ErrProviderUnavailable,
	"Error acquiring the state lock":                                 ErrStateLocked,
	"Saved plan is stale":                                            ErrPlanStale,
	"Saved plan does not match the given state":                      ErrPlanStale,
	"Required plugins are not installed":                             errNeedsInit,
	"Inconsistent dependency lock file":                              errNeedsInit,
	"Missing required provider":                                      errNeedsInit,
	"Module not installed":                                           errNeedsInit,
	"Backend initialization required, please run \"terraform init\"": errNeedsInit,
}

func diagnosticError(op Op, all []Diagnostic) *DiagnosticError {
	e := &DiagnosticError{Op: op}
	for _, d := range all {
		if d.Severity != "error" {
			continue
		}
		e.Diagnostics = append(e.Diagnostics, d)
		if e.kind == nil {
			e.kind = kinds[d.Summary]
		}
	}
	if len(e.Diagnostics) == 0 {
		return nil
	}
	return e
}

// fromText finds a known summary in what a Terraform without -json printed.
func fromText(text string) []Diagnostic {
	for summary := range kinds {
		if _, detail, ok := strings.Cut(text, summary); ok {
			return []Diagnostic{{Severity: "error", Summary: summary, Detail: strings.TrimSpace(clean.Text(detail))}}
		}
	}
	return nil
}

// KilledError is a Terraform that something else ended: most often the system,
// because memory ran out.
type KilledError struct{ Op Op }

// Error says what is known and what to do next.
func (e *KilledError) Error() string {
	text := fmt.Sprintf("terraform %s: the system ended Terraform (signal: killed), most often because memory ran out. ", e.Op)
	if e.Op != OpApply && e.Op != OpDestroy {
		return text + "Nothing was created or changed. Close other programs and try again."
	}
	return text + "The state has what Terraform saved until then; what AWS was making at that moment may be missing from it. " +
		"Close other programs. `workshop destroy` also finds what the state has lost; `workshop deploy` goes on from the state."
}

// Unwrap gives ErrKilled.
func (e *KilledError) Unwrap() error { return ErrKilled }

// killed reports whether a signal that cannot be refused ended the process.
func killed(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// Texts of EventStopping.
const (
	StopText     = "Terraform begins nothing new and saves its state. What AWS is making now is kept in the state as unfinished, and the next apply replaces it."
	HardStopText = "Terraform leaves at once. What AWS is making now may be missing from the state; `workshop destroy` finds it by its tags."
)

// checkTemp reports a TMPDIR that Terraform and its providers cannot use.
func checkTemp() error {
	f, err := os.CreateTemp("", "workshop-*")
	if err == nil {
		err = errors.Join(f.Close(), os.Remove(f.Name()))
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %s (%w). Set %s to a folder that exists and that you can write, or unset it; then try again",
		ErrTempDir, clean.Line(os.TempDir()), err, tempVariable())
}

func tempVariable() string {
	if runtime.GOOS == "windows" {
		return "TMP"
	}
	return "TMPDIR"
}
