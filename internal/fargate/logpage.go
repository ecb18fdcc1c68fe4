package fargate

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"workshop/internal/diagnose"
)

// LogPageOptions say which lines LogPage reads.
type LogPageOptions struct {
	Group string
	// At is the time from which on the lines are read, or up to which.
	At time.Time
	// After reads lines of that time and later; without it, of that time and earlier.
	After bool
	// Task reads the lines of one task's containers alone; nil for all tasks.
	Task *Task
	// Lines is about how many lines are read, at most 10,000; 0 is 5,000.
	Lines int
}

// LogPage is a part of a log group, oldest first, without a gap.
type LogPage struct {
	Lines []Line
	End   bool // there are no lines beyond, in the direction that was asked
}

const (
	logPageLines = 5_000
	// windowFirst is how long a time before At is looked through first: four times that
	// where it has too few lines, a quarter where it has too many, down to windowLeast.
	windowFirst = time.Minute
	windowLeast = time.Second
)

// LogPage reads the lines next to a time. Those of that very millisecond are among them,
// so a line may be in two pages that meet there: see Join. One task costs two calls for
// each container. All tasks cost one call forward; backward CloudWatch has no order to
// read in, so windows of time are tried, which is a handful of calls. A group or stream
// that does not exist has no lines. Errors are *diagnose.Error.
func (c *Clients) LogPage(ctx context.Context, o LogPageOptions) (LogPage, error) {
	if o.Lines <= 0 {
		o.Lines = logPageLines
	}
	o.Lines = min(o.Lines, 10_000)
	var p LogPage
	var err error
	switch {
	case o.Task != nil:
		p, err = c.taskPage(ctx, o)
	case o.After:
		at := o.At.UnixMilli()
		p.Lines, p.End, err = c.window(ctx, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &o.Group, StartTime: &at}, o.Lines)
	default:
		p, err = c.pageBefore(ctx, o)
	}
	var missing *types.ResourceNotFoundException
	if errors.As(err, &missing) {
		return LogPage{End: true}, nil
	}
	return p, diagnose.Explain("read the logs in "+o.Group, err)
}

// window reads a window of time to its end, or until it has so many lines; 0 for no bound.
// done reports that it came to the end.
func (c *Clients) window(ctx context.Context, in *cloudwatchlogs.FilterLogEventsInput, most int) (lines []Line, done bool, err error) {
	sources := map[string]source{}
	for {
		out, err := withTimeout(ctx, func(ctx context.Context) (*cloudwatchlogs.FilterLogEventsOutput, error) {
			return c.logs.FilterLogEvents(ctx, in)
		})
		if err != nil {
			return nil, false, err
		}
		for i := range out.Events {
			e := &out.Events[i]
			stream := aws.ToString(e.LogStreamName)
			from, ok := sources[stream]
			if !ok {
				from = sourceOf(stream)
				sources[stream] = from
			}
			lines = append(lines, lineOf(e.Timestamp, from, e.Message))
		}
		next := aws.ToString(out.NextToken)
		done = next == "" || next == aws.ToString(in.NextToken)
		if done || most > 0 && len(lines) >= most {
			sortLines(lines)
			return lines, done, nil
		}
		in.NextToken = out.NextToken
	}
}

// pageBefore reads windows of time, one before the other.
func (c *Clients) pageBefore(ctx context.Context, o LogPageOptions) (LogPage, error) {
	began, err := c.groupBegan(ctx, o.Group)
	if err != nil {
		return LogPage{}, err
	}
	var p LogPage
	to, width := o.At, windowFirst
	for {
		from, most := to.Add(-width), o.Lines
		if p.End = from.Before(began); p.End {
			from = time.UnixMilli(0) // events may be older than their group
		}
		if width <= windowLeast {
			most = 0
		}
		start, end := from.UnixMilli(), to.UnixMilli()
		lines, done, err := c.window(ctx, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &o.Group, StartTime: &start, EndTime: &end}, most)
		switch {
		case err != nil:
			return LogPage{}, err
		case !done:
			width /= 4
			continue
		}
		p.Lines = append(lines, p.Lines...)
		if p.End || len(p.Lines) >= o.Lines/2 {
			return p, nil
		}
		to = from.Add(-time.Millisecond) // FilterLogEvents takes both ends in
		if len(lines) < o.Lines/8 {
			width *= 4
		}
	}
}

// groupBegan returns when a log group was created.
func (c *Clients) groupBegan(ctx context.Context, group string) (time.Time, error) {
	out, err := withTimeout(ctx, func(ctx context.Context) (*cloudwatchlogs.DescribeLogGroupsOutput, error) {
		return c.logs.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &group})
	})
	if err != nil {
		return time.Time{}, err
	}
	for _, g := range out.LogGroups { // sorted by name: the group itself comes first
		if aws.ToString(g.LogGroupName) == group {
			return time.UnixMilli(aws.ToInt64(g.CreationTime)), nil
		}
	}
	return time.Time{}, &types.ResourceNotFoundException{Message: aws.String("The specified log group does not exist.")}
}

// taskPage reads the streams of a task's containers.
func (c *Clients) taskPage(ctx context.Context, o LogPageOptions) (LogPage, error) {
	streams, err := c.streams(ctx, *o.Task)
	if err != nil {
		return LogPage{}, err
	}
	p := LogPage{End: true}
	var gap int64 // beyond that time a stream has lines that were not read
	for _, s := range streams {
		lines, end, err := c.streamPage(ctx, s, o)
		if err != nil {
			return LogPage{}, err
		}
		p.Lines = append(p.Lines, lines...)
		if end {
			continue
		}
		at := lines[0].Time.UnixMilli()
		if o.After {
			at = lines[len(lines)-1].Time.UnixMilli()
		}
		if p.End || o.After == (at < gap) {
			gap = at
		}
		p.End = false
	}
	if !p.End {
		p.Lines = slices.DeleteFunc(p.Lines, func(l Line) bool {
			at := l.Time.UnixMilli()
			return o.After && at > gap || !o.After && at < gap
		})
	}
	sortLines(p.Lines)
	return p, nil
}

// streamPage reads one stream next to a time; end reports that nothing is beyond. A stream
// that is not there has no lines.
func (c *Clients) streamPage(ctx context.Context, s stream, o LogPageOptions) (lines []Line, end bool, err error) {
	in := &cloudwatchlogs.GetLogEventsInput{LogGroupName: &s.group, LogStreamName: &s.name, StartFromHead: &o.After, Limit: aws.Int32(int32(o.Lines))} //nolint:gosec // at most 10,000
	if at := o.At.UnixMilli(); o.After {
		in.StartTime = &at
	} else {
		at++ // GetLogEvents leaves the end out
		in.EndTime = &at
	}
	for {
		out, err := withTimeout(ctx, func(ctx context.Context) (*cloudwatchlogs.GetLogEventsOutput, error) {
			return c.logs.GetLogEvents(ctx, in)
		})
		var missing *types.ResourceNotFoundException
		if errors.As(err, &missing) {
			return nil, true, nil
		}
		if err != nil {
			return nil, false, err
		}
		page := make([]Line, len(out.Events))
		for i, e := range out.Events {
			page[i] = lineOf(e.Timestamp, s.source, e.Message)
		}
		next := out.NextForwardToken
		if o.After {
			lines = append(lines, page...)
		} else {
			next, lines = out.NextBackwardToken, append(page, lines...)
		}
		// The token that was given comes back at the end of the stream (GetLogEvents in the
		// CloudWatch Logs API Reference); a page before it may be empty.
		if next == nil || aws.ToString(next) == aws.ToString(in.NextToken) {
			return lines, true, nil
		}
		if len(lines) >= o.Lines {
			return lines, false, nil
		}
		in.NextToken = next
	}
}

// stream is where one container of a task logs to.
type stream struct {
	group, name string
	source      source
}

// streams are the streams of those containers of a task that log to CloudWatch.
func (c *Clients) streams(ctx context.Context, t Task) ([]stream, error) {
	out, err := withTimeout(ctx, func(ctx context.Context) (*ecs.DescribeTaskDefinitionOutput, error) {
		return c.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &t.Revision})
	})
	if err != nil {
		return nil, diagnose.Explain("describe the task definition "+t.Revision, err)
	}
	var found []stream
	for _, d := range out.TaskDefinition.ContainerDefinitions {
		l := d.LogConfiguration
		if l == nil || l.LogDriver != ecstypes.LogDriverAwslogs {
			continue
		}
		// The stream's name is prefix/container/task ("awslogs log driver options" in the
		// ECS Developer Guide).
		name := l.Options["awslogs-stream-prefix"] + "/" + aws.ToString(d.Name) + "/" + t.ID
		found = append(found, stream{l.Options["awslogs-group"], name, sourceOf(name)})
	}
	return found, nil
}

func lineOf(at *int64, from source, message *string) Line {
	return Line{Time: time.UnixMilli(aws.ToInt64(at)).UTC(), Task: from.task, Container: from.container, Message: aws.ToString(message)}
}

func sortLines(lines []Line) {
	slices.SortStableFunc(lines, func(a, b Line) int { return a.Time.Compare(b.Time) })
}

func withTimeout[T any](ctx context.Context, call func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return call(ctx)
}

// Join returns those of the older lines that are not among the newer ones. Both are parts
// of one log, oldest first, that may share the lines of the millisecond in which they meet.
func Join(older, newer []Line) []Line {
	if len(older) == 0 || len(newer) == 0 {
		return older
	}
	at, shared := newer[0].Time, map[Line]int{}
	for _, l := range newer {
		if !l.Time.Equal(at) {
			break
		}
		l.ID = ""
		shared[l]++
	}
	out := older[:0:0]
	for _, l := range older {
		key := l
		key.ID = ""
		if shared[key] > 0 {
			shared[key]--
			continue
		}
		out = append(out, l)
	}
	return out
}
