// Package doctor finds out before anything is created whether this machine and
// the AWS account are ready, and refuses an apply to an account that the person
// has not confirmed.
//
// A check is one function and one line in the list at the top of its file:
// machine.go for this computer, account.go, permissions.go and quotas.go for the
// AWS account.
package doctor

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"workshop/internal/clean"
	"workshop/internal/stack"
	"workshop/internal/target"
)

// Severity is how a check ended.
type Severity string

const (
	Passed  Severity = "passed"
	Unknown Severity = "unknown" // it could not be checked
	Skipped Severity = "skipped" // it was not checked, because a check that it builds on failed
	Warning Severity = "warning" // a deployment may work all the same
	Failed  Severity = "failed"
)

// Check is one question about the machine or the account, with its answer.
type Check struct {
	ID       string   `json:"id"`
	OK       bool     `json:"ok"` // false where Severity is Failed, and only there
	Message  string   `json:"message"`
	Fix      string   `json:"fix"` // what the person can do; empty for nothing
	Severity Severity `json:"severity"`
}

func passed(message string) Check { return Check{Message: message, Severity: Passed} }
func unknown(message, fix string) Check {
	return Check{Message: message, Fix: fix, Severity: Unknown}
}
func warning(message, fix string) Check {
	return Check{Message: message, Fix: fix, Severity: Warning}
}
func failed(message, fix string) Check { return Check{Message: message, Fix: fix, Severity: Failed} }

// Needs are the parts of the configuration's variables that decide which
// permissions and quotas a deployment needs.
type Needs struct {
	PrivateTasks bool
	Autoscaling  bool
	TTL          bool // its tasks are to stop at a time
	Exec         bool // commands may run in its tasks
	Tasks        int  // the most that the service runs
	CPU          int  // of one task, in units of 1/1024 vCPU
	// Types are the resource types of the configuration, such as aws_vpc.
	Types []string
}

// Subject is what is examined. Its functions may be called from several
// goroutines at once.
type Subject struct {
	Kind      target.Kind
	Dir       string // the workspace's folder, which may not exist yet
	OpenErr   error  // why the workspace could not be opened; nil where it was
	CacheDir  string // of fetched programs and providers
	Terraform string // path of the program that the person named; empty looks for it
	Tofu      bool   // OpenTofu made what is deployed

	// The rest is known of an open workspace only.
	TerraformDir string
	WorkspaceID  string
	Name         string // what the names of resources begin with
	Resources    int    // in Terraform's state
	URL          string // of the deployed service
	Needs        Needs

	// Open reaches the target; Rules reads the person's rules; Confirmed reports
	// whether the account number was typed in this workspace.
	Open      func(context.Context) (*target.Target, error)
	Rules     func() (Rules, error)
	Confirmed func(account string) bool

	mu        sync.Mutex
	program   *stack.Terraform // by the check "terraform"
	target    *target.Target   // by the check "credentials"
	forbidden map[string]bool  // actions that the simulation denies, by the check "permissions"
}

// question is a check before it is asked.
type question struct {
	id    string
	only  target.Kind // empty for both
	after []string    // checks that must not have failed for this one to make sense
	ask   func(context.Context, *Subject) Check
}

// askTimeout bounds one check.
const askTimeout = 30 * time.Second

// questions are all checks in the order in which they are shown.
func questions(kind target.Kind) []question {
	all := slices.Concat(machineQuestions, accountQuestions, permissionQuestions, quotaQuestions)
	return slices.DeleteFunc(all, func(q question) bool { return q.only != "" && q.only != kind })
}

// Run asks every question that concerns the target, side by side where they do
// not build on one another, and calls emit, which may be nil, with each answer in
// the order of the list. A question whose prerequisite failed is not asked: its
// answer is Skipped.
func Run(ctx context.Context, s *Subject, emit func(Check)) []Check {
	return run(ctx, s, questions(s.Kind), emit)
}

func run(ctx context.Context, s *Subject, all []question, emit func(Check)) []Check {
	checks := make([]Check, len(all))
	done := map[string]chan struct{}{}
	index := map[string]int{}
	for i, q := range all {
		done[q.id], index[q.id] = make(chan struct{}), i
	}
	var wg sync.WaitGroup
	for i, q := range all {
		wg.Go(func() {
			defer close(done[q.id])
			check, ok := Check{}, true
			for _, id := range q.after {
				if done[id] == nil {
					continue // not asked of this target
				}
				<-done[id]
				if before := checks[index[id]]; !before.OK || before.Severity == Unknown || before.Severity == Skipped {
					check, ok = Check{Message: idText(q.id) + ": not checked, because the check of " + idText(id) + " comes first", Severity: Skipped}, false
					break
				}
			}
			if ok {
				ctx, cancel := context.WithTimeout(ctx, askTimeout)
				defer cancel()
				check = q.ask(ctx, s)
			}
			check.ID, check.OK = q.id, check.Severity != Failed
			check.Message, check.Fix = clean.Text(check.Message), clean.Text(check.Fix)
			checks[i] = check
		})
	}
	for i, q := range all {
		<-done[q.id]
		if emit != nil {
			emit(checks[i])
		}
	}
	wg.Wait()
	return checks
}

// First is the check to fix first; false where none failed.
func First(checks []Check) (Check, bool) {
	i := slices.IndexFunc(checks, func(c Check) bool { return !c.OK })
	if i < 0 {
		return Check{}, false
	}
	return checks[i], true
}

func (s *Subject) opened() *target.Target {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.target
}

// idText is an id as a person reads it.
func idText(id string) string { return strings.ReplaceAll(id, "-", " ") }
