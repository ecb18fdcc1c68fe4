// Package check knows whether something was done: an author's expression over
// facts of the learner's work, such as
//
//	service.running == service.desired
//	http(outputs.url).status == 200
//	anytrue([for t in tasks.stopped : t.exit_code == 2])
//
// is compiled against the facts' types, so that a mistake is found without
// running anything, and evaluated with only those facts gathered that it
// mentions. The language is HCL's expression language, the one that learners
// write Terraform in.
package check

import "time"

// Check is one question about the learner's work.
type Check struct {
	ID    string // unique within its step
	Title string // what is true when it passes: "the stack is up"
	That  string // an expression whose value is true or false
	// Else is the author's message for when it fails, with inline Markdown and
	// variables such as {{ service.running }}; any fact may be one.
	Else string
	// Timeout is the most that one try may take; 0 is DefaultTimeout.
	Timeout time.Duration
	// Retry is how often a failing check is tried again, Pause apart, with facts
	// gathered anew.
	Retry int
}

const (
	// DefaultTimeout is how long one try may take where the author does not say.
	DefaultTimeout = 15 * time.Second
	// MaxTimeout and MaxRetry bound what an author may ask for.
	MaxTimeout = 2 * time.Minute
	MaxRetry   = 60
	// Pause is the time between two tries.
	Pause = 2 * time.Second
)

// Result says how a check went. The JSON names are a contract.
type Result struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	OK    bool   `json:"ok"`
	// Expected is the part of the expression that did not hold; empty where all did.
	Expected string `json:"expected,omitempty"`
	// Found are the values of the facts that this part mentions, in words:
	// "service.running is 1, service.desired is 2".
	Found string `json:"found,omitempty"`
	// Message is the author's Else with its variables filled in; empty where it
	// passed or the author wrote none.
	Message string `json:"message,omitempty"`
	// Err is why no answer could be had, for example because AWS could not be
	// reached or the expression is wrong; OK is false then.
	Err error `json:"-"`
}
