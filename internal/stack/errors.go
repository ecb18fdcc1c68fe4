package stack

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"workshop/internal/clean"
	"workshop/internal/diagnose"
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
	// ErrDiskFull: a disk or quota is full.
	ErrDiskFull = errors.New("the disk is full")
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
// sentinels that it amounts to, if any.
type DiagnosticError struct {
	Op          Op
	Diagnostics []Diagnostic // the errors, in Terraform's order; at least one
	Kept        *KeptState   // nil unless Terraform could save its state nowhere
}

const (
	maxShown  = 20      // different errors in a text
	maxDetail = 4 << 10 // bytes of one error's detail in a text
)

// Error is every error with its place, each once, and what to do next as it is
// written for the command line. Screens render Diagnostics themselves, and add
// each one's Advice and Hint.
func (e *DiagnosticError) Error() string {
	type folded struct {
		Diagnostic
		more int
	}
	var all []folded
	index := map[string]int{}
	for _, d := range e.Diagnostics {
		key := d.Summary + "\x00" + d.Detail
		if i, ok := index[key]; ok {
			all[i].more++
			continue
		}
		index[key] = len(all)
		all = append(all, folded{d, 0})
	}
	var b strings.Builder
	for i, d := range all {
		if i == maxShown {
			fmt.Fprintf(&b, "\n(and %d more)", len(all)-i)
			break
		}
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s %s: %s", commandName(d.Tofu), e.Op, d.Diagnostic)
		if d.more > 0 {
			fmt.Fprintf(&b, "\n(%d times)", d.more+1)
		}
	}
	for _, a := range e.Advice(diagnose.Command) {
		fmt.Fprintf(&b, "\n%s", strings.TrimSpace(a.What+" "+a.Do))
	}
	if hint := e.Hint(); hint != "" {
		fmt.Fprintf(&b, "\n%s", hint)
	}
	return b.String()
}

// String is the diagnostic with its place, as text of several lines.
func (d Diagnostic) String() string {
	var b strings.Builder
	b.WriteString(d.Summary)
	if d.File != "" {
		fmt.Fprintf(&b, "\n  %s", d.File)
		if d.Line > 0 {
			fmt.Fprintf(&b, ", line %d", d.Line)
		}
		if d.Snippet != "" {
			fmt.Fprintf(&b, ":\n    %s", strings.ReplaceAll(strings.TrimSpace(d.Snippet), "\n", "\n    "))
		}
	}
	if detail := d.Detail; detail != "" {
		if len(detail) > maxDetail {
			detail = strings.ToValidUTF8(detail[:maxDetail], "") + "…"
		}
		fmt.Fprintf(&b, "\n%s", detail)
	}
	return b.String()
}

// Repeats reports whether the diagnostic is the same warning as an earlier one, at the
// same place in the files. Terraform gives a warning in the plan and again in the apply,
// and once for each resource of a block with count.
func (d Diagnostic) Repeats(earlier Diagnostic) bool {
	return d.Severity == "warning" && earlier.Severity == "warning" &&
		d.Summary == earlier.Summary && d.Detail == earlier.Detail && d.File == earlier.File && d.Line == earlier.Line
}

// Advice says what the diagnostic means and what to do, written for a face. It is
// false where Terraform's words must do, and for what merely follows from Stop.
func (d Diagnostic) Advice(f diagnose.Face) (diagnose.Answer, bool) {
	f.Tofu = d.Tofu
	if d.Stopped {
		return diagnose.Answer{}, false
	}
	text := d.Summary + "\n" + d.Detail
	if a, ok := diagnose.Text(text); ok {
		return a.On(f), true
	}
	// What AWS refuses has a place in the files too, but the line is seldom wrong.
	if d.Severity == "warning" || d.File == "" || d.Line == 0 || strings.Contains(text, "operation error") || strings.Contains(text, "waiting for ") {
		return diagnose.Answer{}, false
	}
	do := fmt.Sprintf("Fix line %d of %s.", d.Line, d.File)
	if !strings.HasSuffix(d.File, ".tfvars") {
		do += " `workshop reset` brings back the bundled files, keeping a copy of yours."
	}
	return diagnose.Answer{ID: "configuration", Do: do}, true
}

// Advice is that of the diagnostics, each answer once, in their order.
func (e *DiagnosticError) Advice(f diagnose.Face) []diagnose.Answer {
	var out []diagnose.Answer
	for _, d := range e.Diagnostics {
		if a, ok := d.Advice(f); ok && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// Hint is what concerns the failure as a whole: where the state is that Terraform
// could not save. It is empty where there is nothing beyond the diagnostics.
func (e *DiagnosticError) Hint() string {
	if e.Kept == nil {
		return ""
	}
	return e.Kept.String()
}

// Unwrap gives the sentinels.
func (e *DiagnosticError) Unwrap() []error {
	var out []error
	for _, d := range e.Diagnostics {
		if kind := d.kind(); kind != nil && !slices.Contains(out, kind) {
			out = append(out, kind)
		}
	}
	if e.Kept != nil && !slices.Contains(out, ErrErroredState) {
		out = append(out, ErrErroredState)
	}
	return out
}

// kind is the sentinel that a diagnostic amounts to, or nil. The catalogue of
// diagnoses looks at the detail too: under one summary Terraform reports many
// causes.
func (d Diagnostic) kind() error {
	if a, ok := diagnose.Text(d.Summary + "\n" + d.Detail); ok && kinds[a.ID] != nil {
		return kinds[a.ID]
	}
	if needInit[d.Summary] {
		return errNeedsInit
	}
	return nil
}

// kinds are the diagnoses that callers branch on.
var kinds = map[string]error{
	"state-newer":          ErrStateNewer,
	"state-damaged":        ErrStateDamaged,
	"state-errored":        ErrErroredState,
	"state-bucket-missing": ErrNoBucket,
	"state-conflict":       ErrStateConflict,
	"state-unwritable":     ErrStateUnwritable,
	"state-locked":         ErrStateLocked,
	"plan-stale":           ErrPlanStale,
	"lock-file-checksums":  ErrLockFile,
	"lock-file-version":    ErrLockFile,
	"temporary-folder":     ErrTempDir,
	"provider-ended":       ErrKilled,
	"terraform-killed":     ErrKilled,
	"provider-none":        ErrProviderUnavailable,
	"provider-refused":     ErrProviderUnavailable,
	"provider-download":    ErrProviderUnavailable,
	"state-of-opentofu":    ErrProviderUnavailable,
	"provider-withdrawn":   ErrProviderUnavailable,
	"disk-full":            ErrDiskFull,
}

// needInit has the summaries after which init is run again. They are no contract,
// but have been stable since Terraform 1.0.
var needInit = map[string]bool{
	"Required plugins are not installed":                             true,
	"Inconsistent dependency lock file":                              true,
	"Missing required provider":                                      true,
	"Module not installed":                                           true,
	"Backend initialization required, please run \"terraform init\"": true,
	"Backend initialization required, please run \"tofu init\"":      true,
	"Backend initialization required: please run \"tofu init\"":      true,
}

func diagnosticError(op Op, all []Diagnostic) *DiagnosticError {
	e := &DiagnosticError{Op: op}
	for _, d := range all {
		if d.Severity == "error" {
			e.Diagnostics = append(e.Diagnostics, d)
		}
	}
	if len(e.Diagnostics) == 0 {
		return nil
	}
	return e
}

// needsInit reports whether init may remove the cause of an error of a plan.
func needsInit(err error) bool {
	return errors.Is(err, errNeedsInit) || errors.Is(err, ErrLockFile)
}

// joinDiagnostics is a failure of init with the problems that were held back, and with
// those of err.
func joinDiagnostics(problems []Diagnostic, err error) error {
	var d *DiagnosticError
	if errors.As(err, &d) {
		problems = append(slices.Clone(problems), d.Diagnostics...)
	}
	if all := diagnosticError(OpInit, problems); all != nil {
		return all
	}
	return err
}

// fromText is the error in what a Terraform without -json printed: from "Error: "
// on, or all of it.
func fromText(text string, tofu bool) []Diagnostic {
	text = strings.TrimSpace(clean.Text(text))
	if _, after, ok := strings.Cut(text, "Error: "); ok {
		text = after
	}
	if text == "" {
		return nil
	}
	summary, detail, _ := strings.Cut(text, "\n")
	// A box is drawn around it.
	detail = strings.TrimSpace(strings.NewReplacer("│ ", "", "│", "", "╵", "").Replace(detail))
	return []Diagnostic{{Severity: "error", Summary: clean.Line(summary), Detail: detail, Tofu: tofu}}
}

// KilledError is a Terraform that something else ended: most often the system,
// because memory ran out.
type KilledError struct {
	Op   Op
	Tofu bool // it was OpenTofu
}

// Error says what is known and what to do next.
func (e *KilledError) Error() string {
	text := fmt.Sprintf("%s %s: the system ended %s (signal: killed), most often because memory ran out. ", commandName(e.Tofu), e.Op, productName(e.Tofu))
	if e.Op != OpApply && e.Op != OpDestroy {
		return text + "Nothing was created or changed. Close other programs and try again."
	}
	return text + "The state has what was saved until then; what AWS was making at that moment may be missing from it. " +
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
