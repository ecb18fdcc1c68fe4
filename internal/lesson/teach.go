package lesson

import "workshop/internal/check"

// Check is a check with its place in the step's file, from 1: that of the
// expression.
type Check struct {
	check.Check
	Line, Column int
}

// Question is one question of a step's quiz. Nothing is graded; every answer
// says why.
type Question struct {
	Ask     []Span
	Answers []Answer
	Line    int
}

// Answer is one answer to a Question. Several may be right.
type Answer struct {
	Text  []Span
	Right bool
	Why   []Span // shown when it was chosen
}

// Verb names what an Action does.
type Verb string

const (
	// What text offers at a key, and what Solve and Reset may do as well.
	Run Verb = "run" // Command, in the workspace, with the target's environment
	Set Verb = "set" // Settings: variables of the configuration, in terraform.tfvars

	// What text offers and a person does.
	Open  Verb = "open"  // File at Line, or at the first line that holds Find
	Page  Verb = "page"  // Name: of a screen, such as deploy
	Visit Verb = "step"  // Name: a step's id; Anchor, the text of a heading as an identifier, may be empty
	Copy  Verb = "copy"  // Command: the text to copy
	Shell Verb = "shell" // a shell in the workspace

	// What only Solve and Reset do.
	MakePlan Verb = "plan"      // plan, and apply nothing
	Deploy   Verb = "deploy"    // plan and apply; MayFail, Until
	Destroy  Verb = "destroy"   // plan and apply a destroy
	Scale    Verb = "scale"     // Count: how many tasks the service wants
	StopTask Verb = "stop_task" // Name: oldest or newest
	Restore  Verb = "restore"   // Names: variables, .tf files, or "all"
	Wait     Verb = "wait"      // Until, at most Timeout
)

// Action is something that the workshop does for the learner. Which fields are
// set depends on Verb.
type Action struct {
	Verb     Verb
	Say      []Span // of Solve and Reset: what is done, for the learner to read
	If       string // of Solve and Reset: an expression, without which holding the action is left out
	Command  string
	Settings []Setting
	File     string // a name in the folder of the configuration
	At       int    // the file's line, from 1; 0 where Find decides or nothing does
	Find     string // the first line of the file that holds this text is meant
	Name     string
	Anchor   string
	Names    []string
	Count    int
	MayFail  bool        // Deploy: failing is what the step shows
	Until    check.Check // Wait ends, and a Deploy is stopped, once this holds; That is empty where there is none
	Line     int         // in the step's file, from 1
	Column   int
}

// Setting is a variable of the configuration and the value that it is to have:
// text for a string variable, else an expression such as 3, true or ["a", "b"].
type Setting struct {
	Name  string
	Value string
}

// Words of Restore.
const RestoreAll = "all" // the whole configuration as it is bundled
