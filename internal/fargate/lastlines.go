package fargate

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"workshop/internal/diagnose"
)

// HealthCheck reports whether a line records a request by which a load balancer,
// Kubernetes or the workshop itself asked for the program's health. A request by a person
// is not a health check.
func (l Line) HealthCheck() bool {
	s := l.Message
	if len(s) == 0 || s[0] != '{' {
		return false
	}
	return strings.Contains(s, ProbeAgent) ||
		(strings.Contains(s, "ELB-HealthChecker") || strings.Contains(s, "kube-probe")) && (strings.Contains(s, `"/healthz`) || strings.Contains(s, `"/readyz`))
}

// checksBetween is how many lines are read for one that is no health check.
const checksBetween = 20

// LastLines returns the last lines that a task printed, oldest first: at most so many from
// each of its containers that log to CloudWatch, without health checks. It makes one call, and one more for each
// of these containers. A task that has printed nothing has none; that is no error. Errors
// are *diagnose.Error.
func (c *Clients) LastLines(ctx context.Context, t Task, most int) ([]Line, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := c.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String(t.Revision)})
	if err != nil {
		return nil, diagnose.Explain("describe the task definition "+t.Revision, err)
	}
	var lines []Line
	for _, d := range out.TaskDefinition.ContainerDefinitions {
		l := d.LogConfiguration
		if l == nil || l.LogDriver != ecstypes.LogDriverAwslogs {
			continue
		}
		// The stream's name is prefix/container/task ("awslogs log driver options" in the
		// ECS Developer Guide).
		name := aws.ToString(d.Name)
		stream := l.Options["awslogs-stream-prefix"] + "/" + name + "/" + t.ID
		events, err := c.logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{
			LogGroupName: aws.String(l.Options["awslogs-group"]), LogStreamName: &stream,
			Limit: aws.Int32(int32(min(most*checksBetween, 10_000))), StartFromHead: aws.Bool(false), //nolint:gosec // in bounds
		})
		var missing *logtypes.ResourceNotFoundException
		if errors.As(err, &missing) {
			continue
		}
		if err != nil {
			return nil, diagnose.Explain("read what the task printed", err)
		}
		var own []Line
		for _, e := range events.Events {
			l := Line{Time: time.UnixMilli(aws.ToInt64(e.Timestamp)).UTC(), Task: t.ID, Container: name, Message: aws.ToString(e.Message)}
			if !l.HealthCheck() {
				own = append(own, l)
			}
		}
		lines = append(lines, own[max(0, len(own)-most):]...)
	}
	slices.SortStableFunc(lines, func(a, b Line) int { return a.Time.Compare(b.Time) })
	return lines, nil
}
