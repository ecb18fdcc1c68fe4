// Package balancer is the sandbox's load balancer as traffic sees it: it
// listens on loopback, picks a rule, a target group and a target for each
// request, proxies it, and checks the health of its targets. It knows nothing
// of the API that configures it.
//
// A request reads only atomically swapped pointers; it never takes the
// sandbox's lock.
package balancer

import "time"

// Config is all that the balancer should do. It is not changed once applied.
type Config struct {
	Listeners []Listener
	Groups    []Group
}

// Listener is a port with its rules.
type Listener struct {
	ARN      string
	Balancer string      // the load balancer's ARN, for the counters
	Port     int         // as modelled, e.g. 80
	Local    int         // claimed or reserved of the Plane, e.g. 18080
	Peers    map[int]int // the load balancer's listeners: Port to Local
	Rules    []Rule      // by priority; the last one has no conditions
	Options  Options
}

// Options are the load balancer's attributes that shape its traffic.
type Options struct {
	Idle            time.Duration // without a byte from either side; AWS: 60 s
	ForwardedFor    string        // "append", "preserve" or "remove"
	ForwardedForAll bool          // the client's port goes into X-Forwarded-For
	HideServer      bool          // no Server header on the balancer's own answers
}

// Rule does its action when all of its conditions hold.
type Rule struct {
	ARN        string
	Conditions []Condition
	Action     Action
}

// Condition holds when any of its values matches. In values * stands for any
// characters and ? for one.
type Condition struct {
	Field  string // path-pattern, host-header, http-header, http-request-method, query-string or source-ip
	Header string // of http-header
	Values []string
	Query  []Pair // of query-string
}

// Pair is one parameter of a query string; an empty key matches any.
type Pair struct{ Key, Value string }

// Action is what a rule does: exactly one member is set.
type Action struct {
	Forward  []Weighted
	Fixed    *Fixed
	Redirect *Redirect
}

// Weighted is a target group with its share of the requests.
type Weighted struct {
	Group  string // ARN
	Weight int
}

// Fixed is an answer that the balancer gives itself.
type Fixed struct {
	Status      int
	ContentType string
	Body        string
}

// Redirect is an answer that sends the client elsewhere; the placeholders
// #{protocol}, #{host}, #{port}, #{path} and #{query} stand for the request's.
type Redirect struct {
	Status                            int
	Protocol, Host, Port, Path, Query string
}

// Group is a target group.
type Group struct {
	ARN       string
	VPC       string
	TLS       bool     // targets are spoken to with TLS, their certificates unchecked as on AWS
	InUse     bool     // a listener or a rule names it
	Zones     []string // those that its load balancers are in; none stands for all
	Algorithm string   // round_robin, least_outstanding_requests or weighted_random
	Drain     time.Duration
	Check     Check
	Targets   []Target
}

// Target is an address that requests go to.
type Target struct {
	IP   string
	Port int
	Zone string // "" or "all" when it has none
}

// Check is how a group's targets are checked.
type Check struct {
	Disabled  bool
	TLS       bool
	Path      string
	Port      int // 0: the target's own
	Interval  time.Duration
	Timeout   time.Duration
	Healthy   int // passed checks that bring an unhealthy target back
	Unhealthy int // failed checks in a row that make a target unhealthy
	Codes     Codes
}

// Timing is the balancer's part of the sandbox's speed.
type Timing struct {
	// First is how long after registration the first check comes, and how often
	// a target that has never passed is looked at again, if its interval is not
	// shorter. AWS checks at the interval alone; here nobody waits half a
	// minute for a task that came up in a second.
	First time.Duration
	// Divide is by how much check intervals, the deregistration delay and the
	// waits for what a security group swallows are shortened. Timeouts of real
	// connections stay.
	Divide int
}

// Real keeps AWS's intervals and delays. Fast has a tenth of them.
var (
	Real = Timing{First: 500 * time.Millisecond, Divide: 1}
	Fast = Timing{First: 100 * time.Millisecond, Divide: 10}
)

// shorten applies the dial to a duration.
func (t Timing) shorten(d time.Duration) time.Duration {
	return d / time.Duration(max(t.Divide, 1))
}

// connectTimeout is how long an Application Load Balancer tries to reach a
// target.
const connectTimeout = 10 * time.Second
