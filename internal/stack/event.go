package stack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Op is a phase of Terraform's life cycle.
type Op string

const (
	OpInit    Op = "init"
	OpPlan    Op = "plan"
	OpApply   Op = "apply"
	OpDestroy Op = "destroy"
	OpPush    Op = "state push" // of a state that could not be saved
)

// Event is one thing that happened while Terraform ran. The TUI, the plain text
// and --json are three renderings of the same events; the JSON names are a
// contract. Every field but Type and Time may be empty.
type Event struct {
	Type EventType `json:"type"`
	Time time.Time `json:"time"`
	Op   Op        `json:"op,omitempty"`

	// Resource is set for the resource events.
	Resource string        `json:"resource,omitempty"` // address, e.g. aws_subnet.public[0]
	Action   Action        `json:"action,omitempty"`
	ID       string        `json:"id,omitempty"`      // what AWS called it, once known
	Elapsed  time.Duration `json:"elapsed,omitempty"` // nanoseconds; beside it JSON has elapsed_ms

	// Message is Terraform's own line, cleaned; for EventDiagnostic its summary.
	Message string `json:"message,omitempty"`

	Diagnostic *Diagnostic `json:"diagnostic,omitempty"`
	Plan       *Plan       `json:"plan,omitempty"`    // EventPlanned
	Summary    *Summary    `json:"summary,omitempty"` // EventSummary
	Progress   *Progress   `json:"progress,omitempty"`
	File       string      `json:"file,omitempty"` // EventStateKept: where the state is; empty if nowhere
}

// EventType names what an Event says.
type EventType string

const (
	EventLog        EventType = "log"        // a line for the log behind the screen
	EventDownload   EventType = "download"   // Terraform or a provider is being fetched; Progress where known
	EventPlanned    EventType = "planned"    // a plan file exists
	EventStarted    EventType = "started"    // a resource's change began
	EventProgress   EventType = "progress"   // a resource's change goes on
	EventDone       EventType = "done"       // a resource's change ended well
	EventFailed     EventType = "failed"     // a resource's change failed
	EventDiagnostic EventType = "diagnostic" // an error or a warning
	EventStopping   EventType = "stopping"   // Terraform was asked to stop
	EventSummary    EventType = "summary"    // the operation ended
	// EventNote: something that the person should know was done, and the operation
	// goes on; Message says what.
	EventNote EventType = "note"
	// EventStateKept: Terraform could not save its state, and File has a copy.
	// Where no folder takes one, Message ends with the state itself.
	EventStateKept EventType = "state-kept"
)

// Progress counts bytes of a download. Total is 0 where unknown.
type Progress struct {
	Done  int64 `json:"done"`
	Total int64 `json:"total"`
}

// Action is what a plan does to a resource.
type Action string

const (
	ActionCreate  Action = "create"
	ActionUpdate  Action = "update"
	ActionReplace Action = "replace"
	ActionDelete  Action = "delete"
	ActionRead    Action = "read"
	ActionNone    Action = "no-op"
)

// Diagnostic is an error or warning in Terraform's own words.
type Diagnostic struct {
	Severity string `json:"severity"` // error or warning
	Summary  string `json:"summary"`
	Detail   string `json:"detail,omitempty"`
	Address  string `json:"address,omitempty"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"` // 1 is the first; 0 where unknown
	Snippet  string `json:"snippet,omitempty"`
	// Stopped: it merely follows from Stop, such as "execution halted".
	Stopped bool `json:"stopped,omitempty"`
	// Tofu: OpenTofu reported it.
	Tofu bool `json:"tofu,omitempty"`
}

// Plan is what Terraform would do. It stands for one saved plan file: applying
// it does that and nothing else.
type Plan struct {
	File    string   `json:"-"` // path of the saved plan
	Destroy bool     `json:"destroy"`
	Changes []Change `json:"changes"` // in Terraform's order, no-op left out
	Create  int      `json:"create"`
	Update  int      `json:"update"`
	Replace int      `json:"replace"`
	Delete  int      `json:"delete"`
	// Drift is what changed outside Terraform since the last apply and bears on
	// this plan. Only Details finds it out: Terraform's stream reports much else.
	Drift []Change `json:"drift,omitempty"`
}

// Counts says what was done in words, "2 created"; nothing where nothing was done.
func (s *Summary) Counts() []string {
	var out []string
	for _, c := range []struct {
		n    int
		what string
	}{{s.Created, "created"}, {s.Updated, "changed"}, {s.Replaced, "replaced"}, {s.Deleted, "deleted"}} {
		if c.n > 0 {
			out = append(out, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	return out
}

// Empty reports whether applying the plan would change nothing.
func (p *Plan) Empty() bool { return p.Create+p.Update+p.Replace+p.Delete == 0 }

// Change is one resource of a plan.
type Change struct {
	Address string   `json:"address"`
	Type    string   `json:"resource_type"`
	Action  Action   `json:"action"`
	Group   Group    `json:"group"`
	Title   string   `json:"title"`            // plain English, e.g. "public subnet in eu-west-1a"
	Fields  []string `json:"fields,omitempty"` // names of changed attributes, for update and replace
	Reason  string   `json:"reason,omitempty"` // why a replace is needed
	// Drifted are the values before and after, in Plan.Drift only.
	Drifted []FieldChange `json:"drifted,omitempty"`
	// Needs are the addresses (without index) that this one waits for, so that a
	// screen can say what a waiting resource waits for.
	Needs []string `json:"needs,omitempty"`
	// Values are the planned attributes as far as they are known, secrets
	// included, in the form of Terraform's JSON; for a delete those that are.
	// After Plan they are what hangs on nothing but variables, after Details all.
	Values map[string]any `json:"-"`
}

// Group is what a resource is for.
type Group string

const (
	GroupNetwork       Group = "network"
	GroupLoadBalancer  Group = "load balancer"
	GroupPermissions   Group = "permissions"
	GroupService       Group = "service"
	GroupObservability Group = "observability"
)

// Meaning says what a group of resources is for, to a person who hears of it for the
// first time.
func (g Group) Meaning() string {
	switch g {
	case GroupNetwork:
		return "a VPC in two zones, connected to the internet"
	case GroupLoadBalancer:
		return "one address that spreads requests over the tasks"
	case GroupPermissions:
		return "what the tasks may do, and who may start them"
	case GroupService:
		return "the tasks that run the app, kept running"
	case GroupObservability:
		return "logs of the tasks, metrics of every container"
	case GroupLost:
		return "in the account all the same; deleted before Terraform starts"
	}
	return ""
}

// Groups lists the groups in the order in which screens show them.
var Groups = []Group{GroupNetwork, GroupLoadBalancer, GroupPermissions, GroupService, GroupObservability, GroupLost}

// Summary is how an operation ended.
type Summary struct {
	OK       bool          `json:"ok"`
	Created  int           `json:"created"`
	Updated  int           `json:"updated"`
	Replaced int           `json:"replaced"`
	Deleted  int           `json:"deleted"`
	Elapsed  time.Duration `json:"elapsed"` // nanoseconds; beside it JSON has elapsed_ms
	// Outputs are the root module's outputs, sensitive ones left out; after apply only.
	Outputs map[string]any `json:"outputs,omitempty"`
}

// MarshalJSON adds elapsed_ms, in milliseconds.
func (e Event) MarshalJSON() ([]byte, error) {
	type fields Event // without this method
	return encode(struct {
		fields
		ElapsedMS int64 `json:"elapsed_ms,omitempty"`
	}{fields(e), e.Elapsed.Milliseconds()})
}

// MarshalJSON adds elapsed_ms, in milliseconds.
func (s Summary) MarshalJSON() ([]byte, error) {
	type fields Summary // without this method
	return encode(struct {
		fields
		ElapsedMS int64 `json:"elapsed_ms"`
	}{fields(s), s.Elapsed.Milliseconds()})
}

// encode is json.Marshal, except that it leaves <, > and & to the caller's encoder.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Empty reports whether the operation changed nothing.
func (s *Summary) Empty() bool { return s.Created+s.Updated+s.Replaced+s.Deleted == 0 }
