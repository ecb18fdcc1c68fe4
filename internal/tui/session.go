// Package tui is the screen of the workshop: a guide to read, a plan to
// approve, the live picture of what runs, its logs, and the way back to an
// empty account.
package tui

import (
	"context"
	"os/exec"

	"workshop/internal/check"
	"workshop/internal/clean"
	"workshop/internal/fargate"
	"workshop/internal/lesson"
	"workshop/internal/session"
	"workshop/internal/stack"
)

// Session is what the screens need from the rest of the house. Every method
// that takes a context may block and is called outside the event loop; events
// come by callback, from any goroutine, one after the other, and a callback
// never blocks for long. Methods must be safe to call while others run, except
// that only one of Plan and Apply runs at a time.
type Session interface {
	// Open reads what the first frame shows. It touches no network, starts
	// nothing and is done in a few milliseconds.
	Open(ctx context.Context) (Opening, error)
	// Ready makes the session able to do everything below: it starts or finds
	// the sandbox and finds or fetches Terraform. It returns what is known then,
	// which may say more than Opening.Info did.
	Ready(ctx context.Context, emit func(stack.Event)) (Info, error)
	// Save keeps the learner's place. It is called after every change of it.
	Save(ctx context.Context, p Progress) error

	// Stack says what is up, from Terraform's state.
	Stack(ctx context.Context) (Stack, error)
	// Plan makes a plan file, for a destroy where destroy is set. Terraform's
	// complaints come as EventDiagnostic before the error.
	Plan(ctx context.Context, destroy bool, emit func(stack.Event)) (*stack.Plan, error)
	// Apply does what that plan says, ending with EventSummary.
	Apply(ctx context.Context, p *stack.Plan, emit func(stack.Event)) (*stack.Summary, error)
	// Stop asks the operation that runs to stop and to keep its state; hard ends it
	// at once. It does not block.
	Stop(hard bool)
	// Await returns an operation that runs in the workspace and that another
	// process started. It waits for one until ctx ends.
	Await(ctx context.Context) (Operation, error)
	// ConfirmAccount answers the *doctor.NotConfirmedError with which Apply refuses
	// to create anything in an account for the first time: typed is the account's
	// number as the person typed it.
	ConfirmAccount(ctx context.Context, typed string) error
	// Repair is what can be done about an error of Plan or Apply before trying
	// again; ok is false where there is nothing.
	Repair(err error) (r session.Repair, ok bool)
	// Problems calls with what keeps the target from working, in a sentence, and
	// with nothing once it works again, until ctx ends.
	Problems(ctx context.Context, changed func(string))
	// Attach follows that operation from its beginning to its end. For a plan it
	// returns the plan.
	Attach(ctx context.Context, emit func(stack.Event)) (*stack.Plan, error)
	// Sources says where each resource is written down, by its address without
	// index.
	Sources(ctx context.Context) (map[string]stack.Source, error)
	// Cost says in words what a plan does to the cost of the stack; p is nil for
	// what is up now. It may read files, and is called outside the event loop.
	Cost(p *stack.Plan) Cost
	// Advice says what to do about a diagnostic; empty where nothing better is
	// known than its own words. It is called outside the event loop.
	Advice(d stack.Diagnostic) string

	// Watch calls with a new snapshot whenever there is one, until ctx ends or
	// watching is impossible.
	Watch(ctx context.Context, changed func(fargate.Snapshot)) error
	// Tail calls with log lines, oldest first, until ctx ends.
	Tail(ctx context.Context, more func([]fargate.Line)) error
	// StopTask, Scale and Redeploy change what runs.
	StopTask(ctx context.Context, id string) error
	Scale(ctx context.Context, desired int) error
	Redeploy(ctx context.Context) error

	// Run runs a step's code block in the workspace with the target's
	// environment, and returns its exit code.
	Run(ctx context.Context, command string, out func(line string)) (int, error)

	// KeepOutput remembers what a step's block printed last.
	KeepOutput(ctx context.Context, step string, o Output) error

	// Set gives variables of the configuration values, keeps a copy of the file
	// that it changes, and says in words what is different: nothing where it was
	// so already.
	Set(ctx context.Context, settings []lesson.Setting) (changes []string, err error)
	// ReadFile reads the file of the configuration that an action opens, and
	// finds the line that it means.
	ReadFile(ctx context.Context, a lesson.Action) (File, error)
	// WriteFile replaces a file of the configuration. kept is the copy of what
	// was there, empty where nothing was lost.
	WriteFile(ctx context.Context, name, text string) (f File, kept string, err error)
	// Editor is the command that opens a file in the learner's own editor, nil
	// where none is named.
	Editor(f File) *exec.Cmd
	// Shell is the command of a shell in the folder of the configuration, with the
	// target's environment.
	Shell(ctx context.Context) (*exec.Cmd, error)

	// Words are the values that the steps' texts ask for, and which of their
	// conditional parts are shown. It reads files and asks nobody.
	Words(ctx context.Context) (Words, error)
	// Check runs a step's checks, calls with each result as it becomes final, and
	// remembers those that pass. The error is about remembering.
	Check(ctx context.Context, s *lesson.Step, report func(check.Result)) ([]check.Result, error)
	// Hint gives a step's next hint with its number, from 1, and remembers that; n is
	// 0 where the step has none.
	Hint(ctx context.Context, s *lesson.Step) (hint []lesson.Span, n int, err error)
	// Answer remembers the choice of an answer; both count from 0.
	Answer(ctx context.Context, s *lesson.Step, question, answer int) error
	// Solve does a step for the learner. Stop ends it.
	Solve(ctx context.Context, s *lesson.Step, h Help) error
	// Reset brings the learner's work back to before a step and forgets what was
	// done in it. Stop ends it.
	Reset(ctx context.Context, s *lesson.Step, h Help) error
	// Certificate is what was done so far.
	Certificate(ctx context.Context) (*lesson.Certificate, error)

	// Receipt asks the account what is left after a destroy, and tells what the
	// stack was.
	Receipt(ctx context.Context) (Receipt, error)
}

var _ Session = (*session.Session)(nil)

// The session's types, for the pages.
type (
	Opening   = session.Opening
	Info      = session.Info
	Progress  = session.Progress
	Output    = session.Output
	File      = session.File
	Fault     = session.Fault
	Words     = session.Words
	Help      = session.Helper
	Operation = session.Operation
	LastRun   = session.LastRun
	Stack     = session.Stack
	Cost      = session.Cost
	CostPart  = session.CostPart
	Meter     = session.Spent
	Receipt   = session.Receipt
)

// cleaned is the Info as a line of the screen may have it: an account's id comes
// from whoever answers at the endpoint.
func cleaned(i Info) Info {
	i.Account, i.Region = clean.Line(i.Account), clean.Line(i.Region)
	i.Workspace, i.Holder = clean.Line(i.Workspace), clean.Line(i.Holder)
	notes := make([]string, len(i.Notes))
	for n, text := range i.Notes {
		notes[n] = clean.Line(text)
	}
	i.Notes = notes
	return i
}
