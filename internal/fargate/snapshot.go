// Package fargate is the live picture of what runs on Fargate: the service, its
// deployments and tasks, target health, events and logs.
package fargate

import (
	"time"

	"workshop/internal/diagnose"
)

// Ref names the service that is watched, as Terraform's outputs give it.
type Ref struct {
	Cluster     string // name
	Service     string // name
	TargetGroup string // ARN; empty where there is none
	LogGroup    string // name; empty where there is none
	URL         string // of the load balancer; empty where there is none
}

// Snapshot is what was true at AsOf. It is immutable: a later one replaces it.
type Snapshot struct {
	AsOf    time.Time `json:"as_of"`
	Service Service   `json:"service"`
	// TasksAsOf is when tasks and targets were read. While a service is steady a
	// Watcher renews the service more often than its tasks: nothing about them
	// changes without the service's counts, deployments or events changing, except
	// the reason of a target's state.
	TasksAsOf time.Time `json:"tasks_as_of"`
	// Tasks are the running ones, oldest first, then the stopped ones, last stopped first.
	Tasks []Task `json:"tasks"`
	// Targets are those of the load balancer, healthy ones last; empty without one.
	Targets []Target `json:"targets"`
	// OlderStops is how many stopped tasks are known beside those in Tasks.
	OlderStops int            `json:"-"`
	Events     []ServiceEvent `json:"events"` // newest first
	// History are the service's last deployments, newest first; empty where ECS does not
	// let us see them.
	History []ServiceDeployment `json:"deployments"`
	Stale   error               `json:"-"` // why the picture could not be renewed; AsOf says since when
	// Diagnosis is what all this comes down to; nil until session.Complete has found it.
	Diagnosis *Diagnosis       `json:"-"`
	Calls     CallRate         `json:"-"`
	Probe     *Probe           `json:"-"` // of the URL; nil before the first
	Usage     map[string]Usage `json:"-"` // by task id; absent where unknown, which it is without enhanced Container Insights
	// ServiceUsage is the average over the tasks; nil where unknown.
	ServiceUsage *ServiceUsage `json:"-"`
	Metrics      *Metrics      `json:"-"` // nil where CloudWatch does not tell
	Scaling      *Scaling      `json:"-"` // nil until somebody asks for it
}

// Service is the ECS service.
type Service struct {
	Cluster     string       `json:"cluster"` // its name
	Name        string       `json:"name"`
	ARN         string       `json:"arn"`
	Status      string       `json:"status"` // ACTIVE, DRAINING, INACTIVE; empty where it does not exist
	Desired     int          `json:"desired"`
	Running     int          `json:"running"`
	Pending     int          `json:"pending"`
	Rollout     string       `json:"rollout"` // of the primary deployment: IN_PROGRESS, COMPLETED, FAILED
	Deployments []Deployment `json:"deployments"`
}

// Deployment is one revision's share of a service; the primary comes first.
type Deployment struct {
	ID       string    `json:"id"`
	Status   string    `json:"status"`   // PRIMARY, ACTIVE, DRAINING
	Revision string    `json:"revision"` // family:number
	Desired  int       `json:"desired"`
	Running  int       `json:"running"`
	Pending  int       `json:"pending"`
	Failed   int       `json:"failed"`
	Rollout  string    `json:"rollout"`
	Reason   string    `json:"reason"`
	Created  time.Time `json:"created"`
	Updated  time.Time `json:"updated"`
}

// Task is one task of the service.
type Task struct {
	ID            string `json:"id"` // the 32 hex digits
	ARN           string `json:"arn"`
	Status        string `json:"status"` // lastStatus
	DesiredStatus string `json:"desired_status"`
	// Health is what a person means by it: HEALTHY, UNHEALTHY or UNKNOWN, the worse of
	// the container's own health where it has a check and the load balancer's.
	Health          string      `json:"health"`
	HealthBy        string      `json:"health_by,omitempty"` // which of the two it is: ByContainer, ByTarget, or both with " and " between
	ContainerHealth string      `json:"container_health"`    // healthStatus as ECS gives it; UNKNOWN without a check
	Target          string      `json:"target"`              // state in the target group: healthy, initial, unhealthy, draining...; empty where not registered
	TargetReason    string      `json:"target_reason,omitempty"`
	Zone            string      `json:"zone"`
	Address         string      `json:"address"` // private IPv4
	Revision        string      `json:"revision"`
	Platform        string      `json:"platform,omitempty"` // Fargate's platform version, such as 1.4.0
	Created         time.Time   `json:"created"`
	PullStarted     *time.Time  `json:"pull_started,omitempty"` // of the images
	PullStopped     *time.Time  `json:"pull_stopped,omitempty"`
	Started         *time.Time  `json:"started"`
	Stopping        *time.Time  `json:"stopping,omitempty"`
	Stopped         *time.Time  `json:"stopped,omitempty"`
	StopCode        string      `json:"stop_code,omitempty"`
	StoppedReason   string      `json:"stopped_reason"`
	Containers      []Container `json:"containers"`
	Answer          *Answer     `json:"answer,omitempty"` // why it stopped, or gets no requests, in plain words; nil where there is nothing to say
}

// What decides on a task's health, as Task.HealthBy names it.
const (
	ByContainer = "container"
	ByTarget    = "target"
)

// Container is one container of a task.
type Container struct {
	Name     string `json:"name"`
	Image    string `json:"image"`
	Digest   string `json:"image_digest,omitempty"` // sha256:…; empty until the image is pulled
	Status   string `json:"status"`
	ExitCode *int   `json:"exit_code,omitempty"`
	Reason   string `json:"reason,omitempty"`
	Optional bool   `json:"optional,omitempty"` // not essential: the task goes on without it
	First    bool   `json:"first,omitempty"`    // it is essential, and was seen stopped while others that are were not
}

// Answer says in plain words why something is as it is, and what to do.
type Answer = diagnose.Answer

// ServiceEvent is one line of the service's event list.
type ServiceEvent struct {
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	Message string    `json:"message"`
}

// Usage is a task's share of what it was given.
type Usage struct {
	CPU    float64   // percent
	Memory float64   // MiB
	At     time.Time // the beginning of the minute that it is about; the same until it is measured anew
}

// Probe is the last answer of the service's URL.
type Probe struct {
	At      time.Time
	Status  int // HTTP status; 0 where none came
	Latency time.Duration
	Err     error
}

// CallRate is what watching costs in API calls.
type CallRate struct {
	LastMinute int
	Interval   time.Duration // until the next look
}

// Line is one log event of a task. Its text is as it came: clean it before a terminal
// sees it.
type Line struct {
	Time      time.Time `json:"time"`
	Task      string    `json:"task"`                // task id; the stream's name where it has none
	Container string    `json:"container,omitempty"` // empty where the stream's name does not say
	Message   string    `json:"message"`             // may have several lines
	ID        string    `json:"-"`                   // CloudWatch's event id, unique in the group
}
