package ecs

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/coder/websocket"

	"workshop/internal/datachannel"
	"workshop/internal/sandbox/fargate"
)

const (
	// tokenLife is how long a session waits for its client.
	tokenLife = time.Minute
	// openLimit is how long a client may take to show its token and agree on the session.
	openLimit = 10 * time.Second
	// idleLimit ends a session in which nobody types and nothing is printed
	// (Developer Guide, "Monitor Amazon ECS containers with ECS Exec").
	idleLimit = 20 * time.Minute
	// mostSessions is how many a container may have at once (likewise).
	mostSessions = 2
	// mostWaiting bounds the sessions that wait for their clients.
	mostWaiting = 100
	// farewell is how long a client may take to have the last of what was printed.
	farewell = 2 * time.Second
)

// DataChannelPath begins the paths at which Sessions answers, as on AWS.
const DataChannelPath = "/v1/data-channel/"

// Sessions are those of ExecuteCommand, of all Regions: it serves their data channels
// over WebSockets. A session's token is good for one connection, within a minute. It is
// safe for concurrent use.
type Sessions struct {
	endpoint string // ws://host:port

	mu      sync.Mutex
	closed  bool
	waiting map[string]*execution // by session id
	running map[*execution]context.CancelFunc
	done    sync.WaitGroup
}

// NewSessions returns the sessions of a sandbox: none yet.
func NewSessions() *Sessions {
	return &Sessions{waiting: map[string]*execution{}, running: map[*execution]context.CancelFunc{}}
}

// Serve names the host and port at which ServeHTTP is reached. It must be called before
// the first session.
func (s *Sessions) Serve(host string) { s.endpoint = "ws://" + host }

// execution is a session of ExecuteCommand.
type execution struct {
	id, token string
	expires   time.Time
	name      string // of the container, in its task
	container Container
	command   string
}

// Open returns how many sessions have a client.
func (s *Sessions) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.running)
}

// Close ends all sessions and returns when they are gone. No more can begin.
func (s *Sessions) Close() {
	s.mu.Lock()
	s.closed = true
	for _, cancel := range s.running {
		cancel()
	}
	s.mu.Unlock()
	s.done.Wait()
}

// begin has a session wait for its client.
func (s *Sessions) begin(x *execution) error {
	now := time.Now()
	x.expires = now.Add(tokenLife)
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, w := range s.waiting {
		if now.After(w.expires) {
			delete(s.waiting, id)
		}
	}
	n := 0
	for r := range s.running {
		if r.name == x.name {
			n++
		}
	}
	if n >= mostSessions {
		return client("Unable to start new execute sessions because the maximum session limit of %d has been reached.", mostSessions)
	}
	if len(s.waiting) >= mostWaiting {
		return client("The sandbox has %d sessions that wait for their clients. They end within a minute.", mostWaiting)
	}
	s.waiting[x.id] = x
	return nil
}

// enter takes a session for the client that has its token; ok is false if it has another.
// Either way nobody can enter the session again. After it, leave must be called when the
// command is gone, and done.Done when nothing of the session runs any more.
func (s *Sessions) enter(id, token string, cancel context.CancelFunc) (x *execution, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x = s.waiting[id]
	delete(s.waiting, id)
	if x == nil || s.closed || time.Now().After(x.expires) || subtle.ConstantTimeCompare([]byte(x.token), []byte(token)) != 1 {
		return nil, false
	}
	s.running[x] = cancel
	s.done.Add(1)
	return x, true
}

// leave counts a session no more.
func (s *Sessions) leave(x *execution) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, x)
}

// ServeHTTP is the data channel of a session. The token is what lets a client in; the
// signature that newer clients add says no more.
func (s *Sessions) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Origin") != "" { // of a web page
		http.Error(w, "no web page has business here", http.StatusForbidden)
		return
	}
	id := strings.TrimPrefix(r.URL.Path, DataChannelPath)
	s.mu.Lock()
	known := s.waiting[id] != nil
	s.mu.Unlock()
	if !known {
		http.Error(w, "there is no such session", http.StatusNotFound)
		return
	}
	ws, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // it has answered
	}
	defer ws.CloseNow() //nolint:errcheck // the client may be gone
	ws.SetReadLimit(datachannel.Limit)
	conn := datachannel.WebSocket{Conn: ws}

	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	opening, stop := context.WithTimeout(ctx, openLimit)
	defer stop()
	b, err := conn.Read(opening)
	if err != nil {
		return
	}
	token, _ := datachannel.Token(b) // an empty one is nobody's
	x, ok := s.enter(id, token, cancel)
	if !ok {
		_ = ws.Close(websocket.StatusPolicyViolation, "the token of the session is not valid")
		return
	}
	defer s.done.Done()
	defer s.leave(x)
	agent, err := datachannel.Accept(opening, conn)
	if err != nil {
		return
	}
	defer agent.Close()
	output := x.serve(ctx, agent)
	s.leave(x)
	bounded, stop := context.WithTimeout(ctx, farewell)
	defer stop()
	_ = agent.End(bounded, x.id, output) // the client may be gone
}

// channel is a datachannel.Agent.
type channel interface {
	Receive(context.Context) (datachannel.PayloadType, []byte, error)
	Send(context.Context, datachannel.PayloadType, []byte) error
}

// serve runs the command of a session until it ends, the client goes, nothing happens for
// long or ctx ends, and returns when the command is gone. It returns what there is to say
// to the client: nothing where the command has ended by itself.
func (x *execution) serve(ctx context.Context, c channel) string {
	shell, err := x.container.Exec(x.command)
	if err != nil {
		return "----------ERROR-------\nUnable to start command: Failed to start pty: " + err.Error()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	idle := time.AfterFunc(idleLimit, func() { cancel(errIdle) })
	defer idle.Stop()
	var work sync.WaitGroup
	work.Go(func() { cancel(x.print(ctx, c, shell, idle)) })
	work.Go(func() { cancel(x.typed(ctx, c, shell, idle)) })
	<-ctx.Done()
	shell.Close()
	work.Wait()
	if errors.Is(context.Cause(ctx), errIdle) {
		return "Session timed out: nothing was typed or printed for 20 minutes."
	}
	return ""
}

var errIdle = errors.New("the session is idle")

// print sends what the command prints; io.EOF is its end.
func (x *execution) print(ctx context.Context, c channel, shell fargate.Shell, idle *time.Timer) error {
	b := make([]byte, 4096)
	for {
		n, err := shell.Read(b)
		if n > 0 {
			idle.Reset(idleLimit)
			if err := c.Send(ctx, datachannel.Output, b[:n]); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
}

// typed gives the command what the client sends.
func (x *execution) typed(ctx context.Context, c channel, shell fargate.Shell, idle *time.Timer) error {
	for {
		kind, b, err := c.Receive(ctx)
		if err != nil {
			return err
		}
		idle.Reset(idleLimit)
		switch kind {
		case datachannel.Output:
			if _, err := shell.Write(b); err != nil {
				// It has ended: what it printed last is still on its way.
				<-ctx.Done()
				return err
			}
		case datachannel.Size:
			var size datachannel.WindowSize
			if json.Unmarshal(b, &size) == nil && size.Cols <= 1<<15 && size.Rows <= 1<<15 {
				_ = shell.Resize(int(size.Cols), int(size.Rows)) // one that cannot be is no reason to end
			}
		case datachannel.Flag:
			if slices.Equal(b, []byte{0, 0, 0, datachannel.TerminateSession}) {
				return errors.New("the client ended the session")
			}
		}
	}
}

// notEnabled is the refusal of a task without the agent that runs commands.
const notEnabled = "The execute command failed because execute command was not enabled when the task was run or the execute command agent isn’t running. Wait and try again or run a new task with execute command enabled and try again."

// checkExec refuses to run commands in tasks that have no role for the agent to connect
// with. what is what ECS was asked for.
func checkExec(enabled bool, role *string, what string) error {
	if enabled && aws.ToString(role) == "" {
		return invalid("The %s because a valid taskRoleArn is not being used. Specify a valid task role in your task definition and try again.", what)
	}
	return nil
}

// executeCommand begins a session in a container of a task. Where a public record has a
// refusal's text, it is AWS's; see docs/sandbox.md.
func (e *ECS) executeCommand(_ context.Context, in *ecs.ExecuteCommandInput) (*ecs.ExecuteCommandOutput, error) {
	cluster, err := e.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	name := aws.ToString(in.Task)
	if !strings.HasPrefix(name, "arn:") && len(name) != 32 && len(name) != 36 {
		return nil, invalid("task length should be one of [32,36]")
	}
	t, ok := e.findTask(cluster, name)
	switch {
	case !in.Interactive:
		return nil, invalid("Interactive is the only mode supported currently.")
	case aws.ToString(in.Command) == "":
		return nil, invalid("Command cannot be empty.")
	case !ok:
		return nil, invalid("The referenced task was not found.")
	case !t.Task.EnableExecuteCommand || t.status() != running || !t.wanted():
		return nil, invalid(notEnabled)
	}
	var names []string
	for _, c := range t.Task.Containers {
		names = append(names, *c.Name)
	}
	wanted := aws.ToString(in.Container)
	switch {
	case wanted == "" && len(names) > 1:
		return nil, invalid("The task has several containers: name one of %s.", strings.Join(names, ", "))
	case wanted == "":
		wanted = names[0]
	case !slices.Contains(names, wanted):
		return nil, invalid("The container %s is not in the task.", wanted)
	}
	c := t.container(wanted)
	p := e.running[t.id()]
	if p == nil || aws.ToString(c.LastStatus) != running || p.containers[wanted] == nil {
		return nil, invalid(notEnabled)
	}
	if !e.network.ReachesService(t.Interface, "ssmmessages") {
		return nil, &types.TargetNotConnectedException{Message: aws.String("The execute command failed due to an internal error. Try again later.")}
	}
	if !fargate.CanExec {
		return nil, client("The sandbox cannot run commands in containers on this system.")
	}
	x := &execution{
		id: "ecs-execute-command-" + strings.ToLower(rand.Text()), token: rand.Text() + rand.Text(),
		name: *c.ContainerArn, container: p.containers[wanted], command: *in.Command,
	}
	if err := e.sessions.begin(x); err != nil {
		return nil, err
	}
	return &ecs.ExecuteCommandOutput{
		ClusterArn: cluster.ClusterArn, TaskArn: t.Task.TaskArn, ContainerArn: c.ContainerArn, ContainerName: c.Name, Interactive: true,
		Session: &types.Session{
			SessionId: aws.String(x.id), TokenValue: aws.String(x.token),
			StreamUrl: aws.String(e.sessions.endpoint + DataChannelPath + x.id + "?role=publish_subscribe"),
		},
	}, nil
}

// enableExec lets commands run in a new task's containers, or not.
func (t *task) enableExec(enabled bool) {
	t.Task.EnableExecuteCommand = enabled
	for i := range t.Task.Containers {
		t.agentStatus(&t.Task.Containers[i], pending, nil)
	}
}

// agentStatus sets how the agent that runs commands is in a container of t, which is a
// copy, where the task has one.
func (t *task) agentStatus(c *types.Container, status string, started *time.Time) {
	if t.Task.EnableExecuteCommand {
		c.ManagedAgents = []types.ManagedAgent{{Name: types.ManagedAgentNameExecuteCommandAgent, LastStatus: aws.String(status), LastStartedAt: started}}
	}
}
