package check

import (
	"context"
	"time"
)

// Source gathers the facts of one moment. A check calls only what its expression
// mentions; one Source serves all checks of a step, so that it should remember
// what it has found. Its methods are called one after the other.
type Source interface {
	Place() Place
	Account(ctx context.Context) (string, error)
	Terraform(ctx context.Context) (Terraform, error)
	Stack(ctx context.Context) (Stack, error)
	Plan(ctx context.Context) (Plan, error)
	Live(ctx context.Context) (Live, error)
	Outputs(ctx context.Context) (map[string]any, error)
	Vars(ctx context.Context) (map[string]any, error)
	History(ctx context.Context) (History, error)
	Steps(ctx context.Context) (map[string]Step, error)
	// Get asks a URL. No answer is not an error but a Response without a status.
	Get(ctx context.Context, url string) (Response, error)
	// Logged counts the service's log lines of the last 15 minutes that match a
	// CloudWatch filter pattern.
	Logged(ctx context.Context, pattern string) (int, error)
}

// The facts. A field's tag is its name in expressions. What is not there is
// empty or 0, except where null is said.

// Place is where the learner works: the facts target and region.
type Place struct {
	Target string // sandbox or aws
	Region string
}

// Terraform is the program that runs the configuration.
type Terraform struct {
	Version  string `cty:"version"`          // such as 1.11.4
	Provider string `cty:"provider_version"` // of the AWS provider that init has chosen
}

// Stack is what Terraform has made.
type Stack struct {
	State     string `cty:"state"`     // none, partial or up
	Resources int    `cty:"resources"` // in the state
	Created   string `cty:"created"`   // when its first apply began, RFC 3339

	Addresses []string `cty:"addresses"` // of the resources, such as aws_lb.main
}

// Plan is the last plan made in this workspace. Its counts are null where none
// was made.
type Plan struct {
	Made    bool `cty:"made"`
	Applied bool `cty:"applied"` // an apply of it ended well
	Destroy bool `cty:"destroy"` // it was one to destroy everything
	Create  *int `cty:"create"`
	Update  *int `cty:"update"`
	Replace *int `cty:"replace"`
	Delete  *int `cty:"delete"`
}

// Live is what runs: the facts service, deployments, tasks and events.
type Live struct {
	Service     Service
	Deployments []Deployment
	Tasks       Tasks
	Events      []Event
}

// Service is the ECS service.
type Service struct {
	Name     string `cty:"name"`
	Status   string `cty:"status"`   // ACTIVE, DRAINING, INACTIVE
	Desired  *int   `cty:"desired"`  // null where there is no service: what is not there wants nothing
	Running  int    `cty:"running"`  // tasks
	Pending  int    `cty:"pending"`  // tasks
	Healthy  int    `cty:"healthy"`  // running tasks that are HEALTHY
	Rollout  string `cty:"rollout"`  // of the primary deployment: IN_PROGRESS, COMPLETED, FAILED
	Revision int    `cty:"revision"` // of the task definition of the primary deployment
	Failed   int    `cty:"failed"`   // tasks that failed to start, over its deployments
}

// Deployment is one revision's share of the service.
type Deployment struct {
	ID       string `cty:"id"`
	Status   string `cty:"status"` // PRIMARY, ACTIVE, DRAINING
	Revision int    `cty:"revision"`
	Desired  int    `cty:"desired"`
	Running  int    `cty:"running"`
	Pending  int    `cty:"pending"`
	Failed   int    `cty:"failed"`
	Rollout  string `cty:"rollout"`
	Reason   string `cty:"reason"`
}

// Tasks are those that run or are about to, oldest first, and those that stopped
// since the stack came up, last stopped first.
type Tasks struct {
	Running []Task `cty:"running"`
	Stopped []Task `cty:"stopped"`
}

// Task is one task.
type Task struct {
	ID       string `cty:"id"`
	Status   string `cty:"status"` // RUNNING, PENDING, STOPPED and so on
	Health   string `cty:"health"` // HEALTHY, UNHEALTHY, UNKNOWN
	Target   string `cty:"target"` // in the target group: healthy, initial, unhealthy, draining
	Zone     string `cty:"zone"`
	Address  string `cty:"address"`
	Revision int    `cty:"revision"`
	ExitCode *int   `cty:"exit_code"` // of the first container that has one; null before
	StopCode string `cty:"stop_code"` // EssentialContainerExited, UserInitiated and so on
	Reason   string `cty:"reason"`    // why it stopped
}

// Event is one of the service's events, the newest first.
type Event struct {
	Time    string `cty:"time"` // RFC 3339
	Message string `cty:"message"`
}

// History counts what was done in this workspace, ever.
type History struct {
	Plans        int `cty:"plans"`
	Applies      int `cty:"applies"` // that ended well
	Failures     int `cty:"failures"`
	Destroys     int `cty:"destroys"` // that ended with proof that nothing is left
	TasksStopped int `cty:"tasks_stopped"`
	ScaledUp     int `cty:"scaled_up"`   // how often the service came to want more tasks
	ScaledDown   int `cty:"scaled_down"` // or fewer
	MostTasks    int `cty:"most_tasks"`  // the most that it has wanted
}

// Step is how far the learner is in a step.
type Step struct {
	Done   bool `cty:"done"`
	Passed bool `cty:"passed"` // each of its checks has passed once
}

// Response is what http(url) gives.
type Response struct {
	Status int           // 0 where no answer came
	Body   string        // its beginning
	Took   time.Duration // until the body was there
	Err    string        // why no answer came
}

// response is Response in expressions.
type response struct {
	Status int    `cty:"status"`
	Body   string `cty:"body"`
	MS     int    `cty:"ms"`
	Error  string `cty:"error"`
}
