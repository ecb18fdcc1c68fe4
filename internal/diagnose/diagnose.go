// Package diagnose turns what AWS and Terraform say when something fails into
// plain words: what it means, what to do here, and which step teaches it.
//
// The knowledge is one table, in catalogue.go. A new diagnosis is a new entry.
package diagnose

import (
	"slices"
	"strconv"
	"strings"

	"workshop/internal/clean"
)

// Answer says in plain words why something is as it is, and what to do.
type Answer struct {
	ID   string `json:"id"`             // stable name of the diagnosis, e.g. "image-not-found"
	What string `json:"what"`           // what happened
	Do   string `json:"do"`             // what to do next, for the command line; On has other faces
	Step string `json:"step,omitempty"` // id of the step that teaches it; empty for none
	// Fine is true where nothing is wrong: the answer only explains.
	Fine bool `json:"fine,omitempty"`

	do string // Do with a Face's places in braces
}

// Facts are what ECS tells about a stopped task. The order of its containers means
// nothing.
type Facts struct {
	StopCode   string // e.g. EssentialContainerExited
	Reason     string // stoppedReason
	Containers []Container
}

// Container is one container of a stopped task.
type Container struct {
	Name     string
	Reason   string
	ExitCode *int // nil where the container never started
	Optional bool // its end does not end the task: it is known not to be essential
	First    bool // it was seen to end before the others
}

// Stopped explains a stopped task. It is false where the catalogue has no
// answer. Safe for concurrent use, as every function here.
func Stopped(f Facts) (Answer, bool) {
	fact := fact{source: stopped, stop: f.StopCode, text: f.Reason}
	culprits := f.culprits()
	fact.several = len(culprits) > 1
	var names []string
	for _, c := range culprits {
		if c.Reason != "" {
			fact.text += "\n" + c.Reason
		}
		name := c.Name
		if fact.several && c.ExitCode != nil {
			name += " (exit code " + strconv.Itoa(*c.ExitCode) + ")"
		}
		names = append(names, name)
	}
	if len(culprits) == 1 { // of several the codes are beside their names
		fact.exit = culprits[0].ExitCode
	}
	for _, c := range f.Containers { // what the others say may still be the reason of the task
		if c.Reason != "" && !slices.ContainsFunc(culprits, func(o Container) bool { return o.Name == c.Name }) {
			fact.text += "\n" + c.Reason
		}
	}
	fact.container = strings.Join(names, " and ")
	return find(fact)
}

// culprits are the containers whose end is the reason of the task's, as far as the facts
// tell; where they tell two apart no better, both are. A container that was ended with the
// task has the exit code of SIGTERM or SIGKILL, or 0 where it ends properly.
func (f Facts) culprits() []Container {
	all := slices.Clone(f.Containers)
	slices.SortFunc(all, func(a, b Container) int { return strings.Compare(a.Name, b.Name) })
	keep := func(which func(Container) bool) {
		var kept []Container
		for _, c := range all {
			if which(c) {
				kept = append(kept, c)
			}
		}
		if len(kept) > 0 {
			all = kept
		}
	}
	ended := func(code int) func(Container) bool {
		return func(c Container) bool { return c.ExitCode != nil && *c.ExitCode == code }
	}
	keep(func(c Container) bool { return !c.Optional })
	keep(func(c Container) bool { return c.Reason != "" })
	keep(func(c Container) bool { return c.First })
	keep(func(c Container) bool { return c.ExitCode != nil })
	keep(func(c Container) bool { return !ended(143)(c) && !ended(137)(c) })
	keep(func(c Container) bool { return !ended(0)(c) })
	return all
}

// Event explains a line of a service's event list, the words between "(service
// NAME)" and the end.
func Event(message string) (Answer, bool) {
	return find(fact{source: event, text: message})
}

// Target explains why a target group does not send requests to a target. State,
// reason and description are TargetHealth's; a healthy target has an answer too.
func Target(state, reason, description string) (Answer, bool) {
	return find(fact{source: target, text: strings.Join([]string{"state=" + state, reason, description}, "\n")})
}

// Deployment explains a deployment's rollout state and its reason.
func Deployment(state, reason string) (Answer, bool) {
	return find(fact{source: deployment, text: "state=" + state + "\n" + reason})
}

// Service explains the state of a service as a whole, by the name that fargate.Diagnose
// gives it.
func Service(state string) (Answer, bool) {
	return find(fact{source: service, text: "state=" + state})
}

// Title is the first clause of What, for a heading.
func (a Answer) Title() string {
	end := len(a.What)
	for _, mark := range []string{": ", ". ", "; "} {
		if i := strings.Index(a.What[:end], mark); i >= 0 {
			end = i
		}
	}
	return strings.TrimSuffix(a.What[:end], ".")
}

// Text explains an error in Terraform's or AWS's own words: a diagnostic's
// summary and detail together, or an SDK error's text.
func Text(message string) (Answer, bool) {
	return find(fact{source: api, text: message})
}

// source is where a text comes from: the same words can mean different things.
type source int

const (
	stopped source = 1 << iota
	event
	target
	deployment
	api
	service
)

// fact is what one entry is held against.
type fact struct {
	source    source
	stop      string
	text      string
	exit      *int
	several   bool // containers have ended, and the facts do not tell which was first
	container string
}

// entry is one diagnosis. It applies where everything that it names is true;
// the first that applies is the answer, so the precise come before the general.
type entry struct {
	id     string
	source source
	stop   string // stopCode; empty for any
	exit   []int  // exit codes; none for any
	// several is for tasks of which more than one container may have been the first to end.
	several bool
	// patterns are texts of which one must be found; none for any. A
	// pattern is the message's own words, letter case aside, in which * stands
	// for anything and <name> too, whose text replaces {name} in what and do.
	patterns []string

	what, do, step string
	fine           bool
}

func find(f fact) (Answer, bool) {
	f.text = clean.Text(f.text)
	lower := strings.ToLower(f.text)
	if len(lower) != len(f.text) {
		// Offsets in lower must be offsets in text.
		f.text = lower
	}
	for i := range catalogue {
		if found, ok := catalogue[i].applies(f, lower); ok {
			return catalogue[i].answer(f, found), true
		}
	}
	return Answer{}, false
}

func (e *entry) applies(f fact, lower string) (map[string]string, bool) {
	if e.source&f.source == 0 || e.stop != "" && e.stop != f.stop || e.several && !f.several {
		return nil, false
	}
	if len(e.exit) > 0 {
		if f.exit == nil {
			return nil, false
		}
		among := false
		for _, code := range e.exit {
			among = among || code == *f.exit
		}
		if !among {
			return nil, false
		}
	}
	if len(e.patterns) == 0 {
		return nil, true
	}
	for _, pattern := range e.patterns {
		if found, ok := match(strings.ToLower(pattern), lower, f.text); ok {
			return found, true
		}
	}
	return nil, false
}

func (e *entry) answer(f fact, found map[string]string) Answer {
	old := make([]string, 0, 2*len(found)+4)
	for name, value := range found {
		old = append(old, "{"+name+"}", value)
	}
	container := f.container
	if container == "" {
		container = "The container"
	}
	old = append(old, "{container}", container)
	if f.exit != nil {
		old = append(old, "{exit}", strconv.Itoa(*f.exit))
	}
	r := strings.NewReplacer(old...)
	a := Answer{ID: e.id, What: r.Replace(e.what), Step: e.step, Fine: e.fine, do: r.Replace(e.do)}
	return a.On(Command)
}

// longest is how much of a captured text goes into an answer, in bytes.
const longest = 200

// match looks for the pattern anywhere in lower, and takes what the names stand
// for out of text, which is lower before its letters were made small.
func match(pattern, lower, text string) (map[string]string, bool) {
	var found map[string]string
	pos, name := 0, ""
	for {
		literal, next, more := cut(pattern)
		at := strings.Index(lower[pos:], literal)
		if at < 0 {
			return nil, false
		}
		if name != "" {
			end := pos + at
			if literal == "" && !more {
				end = lineEnd(lower, pos)
			}
			if found == nil {
				found = map[string]string{}
			}
			value := strings.TrimSpace(text[pos:end])
			if len(value) > longest {
				value = strings.ToValidUTF8(value[:longest], "") + "…"
			}
			found[name] = clean.Line(value)
		}
		pos += at + len(literal)
		if !more {
			return found, true
		}
		name, pattern = next.name, next.rest
	}
}

type gap struct{ name, rest string }

// cut splits a pattern at its first * or <name>.
func cut(pattern string) (literal string, next gap, more bool) {
	i := strings.IndexAny(pattern, "*<")
	if i < 0 {
		return pattern, gap{}, false
	}
	if pattern[i] == '*' {
		return pattern[:i], gap{rest: pattern[i+1:]}, true
	}
	name, rest, ok := strings.Cut(pattern[i+1:], ">")
	if !ok {
		return pattern, gap{}, false
	}
	return pattern[:i], gap{name, rest}, true
}

func lineEnd(s string, from int) int {
	if i := strings.IndexByte(s[from:], '\n'); i >= 0 {
		return from + i
	}
	return len(s)
}
