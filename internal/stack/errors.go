package stack

import (
	"errors"
	"fmt"
	"strings"

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
	// ErrStopped: Terraform stopped because it was asked to. The state has
	// everything that was finished until then.
	ErrStopped = errors.New("stopped on request")
	// ErrBusy: this Stack runs an operation already.
	ErrBusy = errors.New("Terraform is running already")

	// errNeedsInit: the configuration wants a provider or module that the last
	// init did not bring.
	errNeedsInit = errors.New("terraform init is needed")
)

// DiagnosticError is a failure in Terraform's own words. errors.Is finds the
// sentinel that it amounts to, if any.
type DiagnosticError struct {
	Op          Op
	Diagnostics []Diagnostic // the errors, in Terraform's order; at least one

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
