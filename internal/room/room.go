// Package room is a guided session: a host, the learners who joined, and the
// facilitators who see the board and lead.
//
// What they say to each other are the JSON messages of this file, on subjects of a
// NATS server (https://docs.nats.io/nats-concepts/subjects). The host is the only one
// who decides: it keeps what it knows in a folder on its disk, and everybody else asks
// it or listens to it. A learner's journal is the outbox of their events: each has a
// number, and the host says how far it has them.
package room

import (
	"context"
	"time"
)

// Protocol is the version of the messages. A host and a learner of different versions
// do not understand each other; both are told so.
const Protocol = 1

// Limits of what is taken from others. A text that is longer is cut, a list that is
// longer is refused.
const (
	MaxName      = 40        // characters of a display name
	MaxRoomName  = 60        // characters
	MaxText      = 2000      // characters of an announcement, a hint, a check's message
	maxID        = 100       // bytes of the id of a step, a check, a group
	maxPatch     = 32 << 10  // bytes of a file that a facilitator offers
	maxPayload   = 128 << 10 // bytes of a message
	maxBatch     = 100       // events
	maxOptions   = 12        // answers of a poll
	maxNotices   = 20        // that a learner is shown
	maxOffers    = 10        // that wait for a learner
	maxSteps     = 200       // of a course
	MaxLearners  = 20_000
	maxPerPerson = 5000 // events of one learner that the host keeps
)

// The kinds of an event.
const (
	StepOpened  = "step_opened"
	StepDone    = "step_done"
	Checked     = "checked"      // a check's result, where it changed
	Applied     = "applied"      // an apply ended well
	ApplyFailed = "apply_failed" // or not
	Destroyed   = "destroyed"
	TaskFailed  = "task_failed"
	HandRaised  = "hand_raised"
	HandLowered = "hand_lowered"
	Answered    = "answered" // a poll
	Feedback    = "feedback"
	SharedView  = "shared_view" // the learner let a facilitator see their screen, or ended it
)

// Event is something that a learner did or that happened to their stack. It never
// holds credentials, a state file or what was typed.
type Event struct {
	Seq   uint64    `json:"seq"` // counts from 1 without a gap in one Epoch
	At    time.Time `json:"at"`  // by the learner's clock
	Kind  string    `json:"kind"`
	Step  string    `json:"step,omitempty"`
	Check string    `json:"check,omitempty"` // id of a check or of a poll
	OK    bool      `json:"ok,omitempty"`
	N     int       `json:"n,omitempty"`    // an answer, from 0; of Feedback a mark from 1 to 5
	Text  string    `json:"text,omitempty"` // of a check, a task, a hand or feedback
}

// Batch is events in order, from a learner to the host, on the subject up.ID.events.
type Batch struct {
	Epoch  string  `json:"epoch"` // of the journal: another one begins at 1 again
	Events []Event `json:"events"`
}

// Have is the host's answer to a Batch and part of its Welcome: it has the events of an
// epoch up to Seq. The learner sends what comes after it again.
type Have struct {
	Epoch string `json:"epoch"`
	Seq   uint64 `json:"seq"`
	// Problem says why the host took none, such as a full disk; the learner tries later.
	Problem string `json:"problem,omitempty"`
}

// The states of a learner's stack.
const (
	StackNone       = "none"
	StackUp         = "up"
	StackApplying   = "applying"
	StackDestroying = "destroying"
	StackFailed     = "failed" // the last operation ended with an error
	StackLost       = "lost"   // Terraform's state lost it
)

// Status is how a learner is now, on the subject up.ID.status. The last one counts.
type Status struct {
	At        time.Time `json:"at"`
	Step      string    `json:"step,omitempty"`
	StepSince time.Time `json:"step_since,omitzero"`
	// Active is when the learner last did something: Idle is apart from failing.
	Active  time.Time `json:"active,omitzero"`
	Done    int       `json:"done"` // steps
	Failing *Failing  `json:"failing,omitempty"`
	Stack   string    `json:"stack,omitempty"`
	// Made counts the stack's resources.
	Made int `json:"made,omitempty"`
	// TaskFailure is why a task stopped last, in plain words.
	TaskFailure string    `json:"task_failure,omitempty"`
	TaskFailed  time.Time `json:"task_failed,omitzero"`
	// Rate is what the stack costs an hour and Spent what it has cost, in USD.
	Rate    float64       `json:"rate,omitempty"`
	Spent   float64       `json:"spent,omitempty"`
	Target  string        `json:"target,omitempty"` // sandbox or aws
	Region  string        `json:"region,omitempty"`
	Account string        `json:"account,omitempty"`
	RTT     time.Duration `json:"rtt,omitempty"` // to the server and back
	Version string        `json:"version,omitempty"`
}

// Failing is the check that does not pass.
type Failing struct {
	Check   string    `json:"check"`
	Message string    `json:"message"`
	Since   time.Time `json:"since,omitzero"`
	Times   int       `json:"times,omitempty"`
}

// State is what the host tells all learners, on the subject all.state; always the whole.
type State struct {
	Version uint64    `json:"version"` // grows with each change
	Room    string    `json:"room"`
	Now     time.Time `json:"now"` // by the host's clock
	// Open are the ids of the steps that are open; nil is all of them.
	Open    []string `json:"open,omitempty"`
	Notices []Notice `json:"notices,omitempty"`
	Timer   *Timer   `json:"timer,omitempty"`
	Follow  string   `json:"follow,omitempty"` // id of the step that the host shows, for those who follow
	Poll    *Poll    `json:"poll,omitempty"`
	Present int      `json:"present"` // learners who are connected
	Closed  bool     `json:"closed,omitempty"`
}

// StepOpen reports whether a learner may open the step.
func (s State) StepOpen(id string) bool {
	if s.Open == nil {
		return true
	}
	for _, o := range s.Open {
		if o == id {
			return true
		}
	}
	return false
}

// Notice is an announcement.
type Notice struct {
	ID   uint64    `json:"id"`
	At   time.Time `json:"at"`
	From string    `json:"from"`
	Text string    `json:"text"`
}

// Timer counts down for the whole room.
type Timer struct {
	Label string    `json:"label,omitempty"`
	Ends  time.Time `json:"ends"` // by the host's clock
}

// Poll is a question to all.
type Poll struct {
	ID       string   `json:"id"`
	Question string   `json:"question"`
	Options  []string `json:"options"`
	// Right are the numbers of the right options, from 0; shown once Closed.
	Right  []int `json:"right,omitempty"`
	Closed bool  `json:"closed,omitempty"`
	// Votes counts each option. Learners see it once Closed.
	Votes []int `json:"votes,omitempty"`
}

// Personal is what the host tells one learner, on the subject down.ID.state; always the whole.
type Personal struct {
	Version uint64   `json:"version"`
	Name    string   `json:"name"`
	Group   string   `json:"group,omitempty"`
	Place   int      `json:"place,omitempty"`  // in the queue of raised hands, from 1
	Helper  string   `json:"helper,omitempty"` // the facilitator who comes
	Notices []Notice `json:"notices,omitempty"`
	Offers  []Offer  `json:"offers,omitempty"`
	// Watch is the facilitator who asks to see the learner's screen, or has been let.
	Watch *Watch `json:"watch,omitempty"`
}

// The kinds of an offer.
const (
	OfferHint     = "hint"
	OfferSolution = "solution" // the step's own solution, run on the learner's key press
	OfferPatch    = "patch"
)

// Offer is help that a facilitator sent. Nothing of it happens without the learner's key.
type Offer struct {
	ID   uint64    `json:"id"`
	At   time.Time `json:"at"`
	From string    `json:"from"`
	Kind string    `json:"kind"`
	Step string    `json:"step,omitempty"`
	Text string    `json:"text,omitempty"`
	// File and Content are of a patch: the whole file as the facilitator would have it.
	File    string `json:"file,omitempty"`
	Content string `json:"content,omitempty"`
}

// Watch is a facilitator's wish to see a learner's screen.
type Watch struct {
	ID     string `json:"id"` // another one needs another consent
	From   string `json:"from"`
	Typing bool   `json:"typing,omitempty"` // wishes to type, which the learner allows apart
}

// Frame is a learner's screen, on the subject up.ID.frame, while they share it.
type Frame struct {
	Watch  string `json:"watch"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Text   string `json:"text"` // lines with SGR sequences alone
	Typing bool   `json:"typing,omitempty"`
	Ended  bool   `json:"ended,omitempty"`
}

// Keys are what a facilitator types on a learner's screen, on the subject down.ID.keys.
type Keys struct {
	Watch string   `json:"watch"`
	Keys  []string `json:"keys"` // as Bubble Tea names them
}

// Learner is a row of the board.
type Learner struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Group    string    `json:"group,omitempty"`
	Joined   time.Time `json:"joined"`
	LastSeen time.Time `json:"last_seen,omitzero"`
	Status   Status    `json:"status"`
	Hand     time.Time `json:"hand,omitzero"` // raised since
	HandText string    `json:"hand_text,omitempty"`
	Place    int       `json:"place,omitempty"`  // in the queue, from 1
	Helper   string    `json:"helper,omitempty"` // the facilitator who claimed them
	Odd      string    `json:"odd,omitempty"`    // what differs from most: the Region, the account, the version, the clock
	Sharing  bool      `json:"sharing,omitempty"`
	Events   uint64    `json:"events"` // that the host has
	Removed  bool      `json:"removed,omitempty"`
}

// Step is a step of the course as the board needs it.
type Step struct {
	ID       string        `json:"id"`
	Title    string        `json:"title"`
	Estimate time.Duration `json:"estimate"`
	Notes    string        `json:"notes,omitempty"` // for the instructor
}

// Command is what a facilitator asks the host to do.
type Command struct {
	Kind    string        `json:"kind"`
	To      string        `json:"to,omitempty"` // a learner's id, "group:NAME", or empty for all
	Text    string        `json:"text,omitempty"`
	Step    string        `json:"step,omitempty"`
	For     time.Duration `json:"for,omitempty"`
	Options []string      `json:"options,omitempty"`
	Right   []int         `json:"right,omitempty"`
	File    string        `json:"file,omitempty"`
	Content string        `json:"content,omitempty"`
	On      bool          `json:"on,omitempty"`
}

// The kinds of a command.
const (
	Announce     = "announce"      // Text, To
	OpenSteps    = "open_steps"    // Step: up to and with this one; empty opens all
	SetTimer     = "timer"         // For, Text; a For of 0 ends it
	Follow       = "follow"        // Step; empty ends it
	StartPoll    = "poll"          // Text, Options, Right
	ClosePoll    = "close_poll"    // shows the votes to all
	EndPoll      = "end_poll"      // takes the poll away
	Claim        = "claim"         // To; On false gives the learner free
	HandDown     = "hand_down"     // To
	OfferHelp    = "offer"         // To, and Text, or Step for a solution, or File and Content
	AskWatch     = "watch"         // To; On false ends it; Text "typing" asks to type
	Rename       = "rename"        // To, Text
	Remove       = "remove"        // To
	SetGroup     = "group"         // To, Text
	Invite       = "invite"        // Text: the name of a co-facilitator; answers with a line
	RemindStacks = "remind_stacks" // reminds those whose stack is up
	CloseRoom    = "close_room"
)

// Answer is what the host says to a Command.
type Answer struct {
	// Text is a sentence about what happened, or the invitation's line.
	Text string `json:"text,omitempty"`
	// Error is why nothing happened, and what to do.
	Error string `json:"error,omitempty"`
}

// Facilitator is a connection to a room as one who leads it. Its methods are safe for
// concurrent use.
type Facilitator interface {
	// Watch calls changed with each new board, the first at once, until ctx ends or the
	// room cannot be reached any more. Boards come at most four times a second; they are
	// never changed afterwards.
	Watch(ctx context.Context, changed func(*Board)) error
	// Do asks the host to do something. What the host refuses is an error with its words.
	Do(ctx context.Context, c Command) (Answer, error)
	// Detail returns more about one learner.
	Detail(ctx context.Context, id string) (Detail, error)
	// Frames calls show with each frame of a learner's shared screen until ctx ends or the
	// learner ends it.
	Frames(ctx context.Context, id string, show func(Frame)) error
	// Type sends keys to a learner who allows it.
	Type(ctx context.Context, id string, k Keys) error
}

// Membership is how a learner stands with a room; immutable.
type Membership struct {
	Joined    bool // false: there is no room
	Room      string
	Connected bool
	Since     time.Time // connected or not since then
	// Problem is why there is no connection, with what to do; the learner works on alone.
	Problem  string
	Unsent   int           // events that the host does not have yet
	Skew     time.Duration // how far this machine's clock is ahead of the host's; 0 where it is close
	State    State
	Personal Personal
	Hand     bool           // raised
	Answers  map[string]int // given to polls, by the poll's id
	Follows  bool           // opens the steps that the host shows
}
