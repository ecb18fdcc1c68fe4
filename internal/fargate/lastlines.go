package fargate

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

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
	streams, err := c.streams(ctx, t)
	if err != nil {
		return nil, err
	}
	var lines []Line
	for _, s := range streams {
		events, err := c.logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{
			LogGroupName: &s.group, LogStreamName: &s.name,
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
			if l := lineOf(e.Timestamp, s.source, e.Message); !l.HealthCheck() {
				own = append(own, l)
			}
		}
		lines = append(lines, own[max(0, len(own)-most):]...)
	}
	sortLines(lines)
	return lines, nil
}
