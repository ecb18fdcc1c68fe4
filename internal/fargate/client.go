package fargate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/smithy-go/middleware"

	"workshop/internal/datachannel"
	"workshop/internal/diagnose"
)

// callTimeout bounds every question to AWS, its retry included.
const callTimeout = 15 * time.Second

// attempts is how often one call is sent at most: a screen that is asked to
// wait should say so rather than try on in silence.
const attempts = 2

// Clients asks AWS about a service and counts what it asks. It is safe for
// concurrent use.
type Clients struct {
	ecs        *ecs.Client
	elb        *elb.Client
	cloudwatch *cloudwatch.Client
	logs       *cloudwatchlogs.Client
	scaling    *applicationautoscaling.Client
	calls      *Meter
}

// NewClients returns clients for the account, region and endpoint of cfg.
func NewClients(cfg aws.Config) *Clients { return NewClientsWith(cfg, &Meter{}) }

// NewClientsWith is NewClients with a meter that others count with as well.
func NewClientsWith(cfg aws.Config, m *Meter) *Clients {
	cfg = m.counting(cfg)
	return &Clients{ecs: ecs.NewFromConfig(cfg), elb: elb.NewFromConfig(cfg), cloudwatch: cloudwatch.NewFromConfig(cfg), logs: cloudwatchlogs.NewFromConfig(cfg), scaling: applicationautoscaling.NewFromConfig(cfg), calls: m}
}

// ForceDeploy starts a new deployment of the service's present revision: every
// task is replaced, none of the service's settings changes.
func (c *Clients) ForceDeploy(ctx context.Context, ref Ref) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := c.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{
		Cluster: &ref.Cluster, Service: &ref.Service, ForceNewDeployment: true,
	})
	return diagnose.Explain("start a new deployment of "+ref.Service, err)
}

// StopTask stops one task; the service starts another in its place. The reason
// (up to 255 characters) becomes the task's stopped reason.
func (c *Clients) StopTask(ctx context.Context, ref Ref, id, reason string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := c.ecs.StopTask(ctx, &ecs.StopTaskInput{Cluster: &ref.Cluster, Task: &id, Reason: &reason})
	return diagnose.Explain("stop task "+id, err)
}

// Execution is a command that ECS has begun to run in a container.
type Execution struct {
	Session datachannel.Session // where to connect to it, once
	Target  string              // as Systems Manager names the container: ecs:CLUSTER_TASK_RUNTIMEID
}

// Execute has ECS run a command in a container of a task. The command waits for its
// terminal: see datachannel.Dial.
func (c *Clients) Execute(ctx context.Context, ref Ref, task, container, command string) (Execution, error) {
	doing := fmt.Sprintf("run a command in %s of task %.8s", container, task)
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := c.ecs.ExecuteCommand(ctx, &ecs.ExecuteCommandInput{
		Cluster: &ref.Cluster, Task: &task, Container: &container, Command: &command, Interactive: true,
	})
	if err != nil {
		return Execution{}, diagnose.Explain(doing, err)
	}
	if out.Session == nil {
		return Execution{}, fmt.Errorf("could not %s: ECS answered without a session", doing)
	}
	x := Execution{Session: datachannel.Session{
		ID: aws.ToString(out.Session.SessionId), URL: aws.ToString(out.Session.StreamUrl), Token: aws.ToString(out.Session.TokenValue),
	}}
	tasks, err := c.ecs.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &ref.Cluster, Tasks: []string{task}})
	if err != nil {
		return Execution{}, diagnose.Explain(doing, err)
	}
	for _, t := range tasks.Tasks {
		for _, n := range t.Containers {
			if aws.ToString(n.Name) == container {
				x.Target = "ecs:" + ref.Cluster + "_" + task + "_" + aws.ToString(n.RuntimeId)
			}
		}
	}
	return x, nil
}

// Scale sets how many tasks the service wants. Terraform's next plan sees the
// difference from its configuration as drift.
func (c *Clients) Scale(ctx context.Context, ref Ref, n int) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	desired := int32(n)
	_, err := c.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{
		Cluster: &ref.Cluster, Service: &ref.Service, DesiredCount: &desired,
	})
	return diagnose.Explain("scale "+ref.Service, err)
}

// RefFromOutputs reads the service's name and place from Terraform's outputs
// url, cluster, service, target_group and log_group. It is false where cluster
// or service is missing: then nothing is deployed.
func RefFromOutputs(outputs map[string]any) (Ref, bool) {
	text := func(name string) string {
		s, _ := outputs[name].(string)
		return s
	}
	ref := Ref{
		Cluster:     last(text("cluster")),
		Service:     last(text("service")),
		TargetGroup: text("target_group"),
		LogGroup:    text("log_group"),
		URL:         text("url"),
	}
	return ref, ref.Cluster != "" && ref.Service != ""
}

// last is the part of an ARN, or of a stream's name, after the last slash.
func last(s string) string { return s[strings.LastIndexByte(s, '/')+1:] }

// Meter counts the requests that are sent to AWS, retries included: those of a Watch and
// those of a Tail, if they share it. The zero value is ready, and safe for concurrent use.
type Meter struct {
	mu   sync.Mutex
	sent []time.Time // of the last minute, oldest first
	all  int
}

// counting returns a configuration whose clients are counted.
func (m *Meter) counting(cfg aws.Config) aws.Config {
	cfg = cfg.Copy()
	cfg.RetryMaxAttempts = attempts
	cfg.APIOptions = append(slices.Clip(cfg.APIOptions), m.count)
	return cfg
}

func (m *Meter) count(stack *middleware.Stack) error {
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("workshop.CountCalls",
		func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
			m.mu.Lock()
			m.sent = append(m.trim(), time.Now())
			m.all++
			m.mu.Unlock()
			return next.HandleDeserialize(ctx, in)
		}), middleware.After)
}

// trim forgets what is older than a minute. It needs the lock.
func (m *Meter) trim() []time.Time {
	old := time.Now().Add(-time.Minute)
	i := 0
	for i < len(m.sent) && !m.sent[i].After(old) {
		i++
	}
	m.sent = append(m.sent[:0], m.sent[i:]...)
	return m.sent
}

// LastMinute is the number of requests sent in the last minute.
func (m *Meter) LastMinute() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.trim())
}

func (m *Meter) sum() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all
}
