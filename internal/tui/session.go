// Package tui is the screen of the workshop: a guide to read, a plan to
// approve, the live picture of what runs, its logs, and the way back to an
// empty account.
package tui

import (
	"context"
	"io/fs"
	"os/exec"
	"time"

	"workshop/internal/check"
	"workshop/internal/clean"
	"workshop/internal/fargate"
	"workshop/internal/lesson"
	"workshop/internal/stack"
	"workshop/internal/sweep"
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
	Apply(ctx context.Context, p *stack.Plan, emit func(stack.Event)) error
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
	// again: a question, and what to do if the answer is yes. ok is false where
	// there is nothing.
	Repair(err error) (question string, do func(context.Context, func(stack.Event)) error, ok bool)
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
	Run(ctx context.Context, command, lang string, out func(line string)) (int, error)

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
	Check(ctx context.Context, s *lesson.Step, report func(check.Result)) error
	// Hint gives a step's next hint with its number, from 1, and remembers that.
	Hint(ctx context.Context, s *lesson.Step) (hint []lesson.Span, n int, err error)
	// Answer remembers the choice of an answer; both count from 0.
	Answer(ctx context.Context, s *lesson.Step, question, answer int) error
	// Solve does a step for the learner. Stop ends it.
	Solve(ctx context.Context, s *lesson.Step, h Help) error
	// Reset brings the learner's work back to before a step and forgets what was
	// done in it. Stop ends it.
	Reset(ctx context.Context, s *lesson.Step, h Help) error
	// Certificate is what was done so far, as Markdown.
	Certificate(ctx context.Context) (string, error)

	// Receipt asks the account what is left after a destroy, and tells what the
	// stack was.
	Receipt(ctx context.Context) (Receipt, error)
}

// Opening is what a session knows at once.
type Opening struct {
	Info     Info
	Course   *lesson.Course
	Faults   []error // of steps that could not be read; the others are in Course
	Images   fs.FS   // where the steps' images are found, by the path that they name
	Progress Progress
}

// Info says where we are.
type Info struct {
	Sandbox   bool
	Account   string // twelve digits
	Region    string
	Workspace string   // folder
	ReadOnly  bool     // another process holds the workspace
	Holder    string   // who, in words, where ReadOnly
	Notes     []string // what the learner should know about how the target was opened
}

// clean is the Info as a line of the screen may have it: an account's id comes
// from whoever answers at the endpoint.
func (i Info) clean() Info {
	i.Account, i.Region = clean.Line(i.Account), clean.Line(i.Region)
	i.Workspace, i.Holder = clean.Line(i.Workspace), clean.Line(i.Holder)
	notes := make([]string, len(i.Notes))
	for n, text := range i.Notes {
		notes[n] = clean.Line(text)
	}
	i.Notes = notes
	return i
}

// Progress is the learner's place in the workshop.
type Progress struct {
	Step   string               `json:"step"` // id of the current one
	Done   []string             `json:"done,omitempty"`
	Begun  map[string]time.Time `json:"begun,omitempty"`  // when a step was first opened
	Places map[string][]byte    `json:"places,omitempty"` // scroll and folds by step, opaque

	// What the session itself remembers; Save leaves it alone.
	Outputs map[string]Output          `json:"-"` // the last of each step
	Passed  map[string]map[string]bool `json:"-"` // checks, by step and id
	Hints   map[string]int             `json:"-"` // how many were given, by step
	Answers map[string]map[int][]int   `json:"-"` // of the quiz, by step and question
}

// Output is what a step's block printed.
type Output struct {
	Command string        `json:"command,omitempty"`
	Title   string        `json:"title,omitempty"` // where it was no command
	Lines   string        `json:"lines,omitempty"` // the last of them
	Dropped int           `json:"dropped,omitempty"`
	Code    int           `json:"code,omitempty"`
	Err     string        `json:"err,omitempty"`
	At      time.Time     `json:"at"`
	Took    time.Duration `json:"took,omitempty"`
}

// File is a file of the configuration.
type File struct {
	Name  string
	Path  string
	Text  string // as it is on disk, not cleaned; empty where there is no such file
	Line  int    // where to look first, from 1
	Fault *Fault // the first error of its syntax, nil where it has none
}

// Fault is an error in a file's syntax.
type Fault struct {
	Line int // from 1
	Says string
}

// Words fill in the steps' texts.
type Words struct {
	Values map[string]string // by the name in {{ name }}
	Holds  map[string]bool   // by condition
}

// Help is told what Solve and Reset do. Its functions are called one after the other.
type Help struct {
	Say     func(text string)        // what is done, and what commands print
	Event   func(stack.Event)        // Terraform's
	Approve func(p *stack.Plan) bool // whether to apply it; it blocks until that is known
}

// Operation is a run of Terraform that another process started.
type Operation struct {
	Op      stack.Op // OpPlan, OpApply or OpDestroy
	Destroy bool
	By      string // the command that started it
	Started time.Time
	Plan    *stack.Plan // that it applies; nil while it makes one
}

// LastRun is how the newest operation ended that changed something or was to.
type LastRun struct {
	Destroy     bool
	Interrupted bool // its process ended without saying how
	Stopped     bool // on request
	Failed      bool
	Done, Total int // resources
	Ended       time.Time
}

// Stack is what is up.
type Stack struct {
	Last      *LastRun // nil where there was none
	Lost      bool     // something was deployed and not destroyed, and the state lists nothing
	Exists    bool     // Terraform's state holds resources
	Resources int
	Addresses []string       // theirs
	Network   string         // the VPC's range of addresses; empty where unknown
	Created   time.Time      // of the first resource; zero where unknown
	Outputs   map[string]any // of the root module, sensitive ones left out
	URL       string         // of the load balancer; empty before there is one
}

// Cost is what resources cost, in words ready to show.
type Cost struct {
	Now   string // an hour, here: "$0.00/h"; for the top line
	Whole string // of a plan the difference and the total: "+$0.017/h, then $0.102/h on AWS; nothing in the sandbox"
	Parts []CostPart
	Hints []string // sentences about what the rate does not show
	// Warning is a sentence about the budget if the plan is applied; empty where
	// there is nothing to warn of.
	Warning string
	// Meter gives what the stack that is up has cost by a moment. It reads no files;
	// nil where nothing is known.
	Meter func(now time.Time) Meter
}

// Meter is what the stack has cost so far, in words ready to show.
type Meter struct {
	SoFar    string // "about $0.06"; in the sandbox with what it would have been on AWS
	Sentence string // "The stack has been up for 54 min and has cost about $0.06."; empty where nothing is up
	Notice   string // the same for one line of 72 columns
	Share    string // of the budget, from 80% on: "84% of $2.50"
	Over     bool   // the budget is used up
	Warning  string // a sentence about the budget; empty where there is nothing to warn of
}

// CostPart is one reason for a cost.
type CostPart struct{ What, Hourly string }

// Receipt closes a stack's life.
type Receipt struct {
	Report  sweep.Report
	Created int
	Removed int
	From    time.Time // when the first resource was made; zero where unknown
	To      time.Time // when the last was removed
	State   string    // where Terraform's state remains; empty where that is the workspace
	Cost    string    // one sentence: "$0.00 in the sandbox (on AWS this would have been $0.04)"
}

// Left reports whether the account has something left.
func (r *Receipt) Left() bool { return len(r.Report.Left) > 0 }
