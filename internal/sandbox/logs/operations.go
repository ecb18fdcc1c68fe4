package logs

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cwl "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"workshop/internal/sandbox/tags"
	"workshop/internal/sandbox/wire"
)

// A page of events holds at most so many, and so many bytes (CloudWatch Logs
// API reference, FilterLogEvents and GetLogEvents).
const (
	pageEvents = 10_000
	pageBytes  = 1 << 20
)

// Service returns the API.
func (l *Logs) Service() *wire.Service {
	s := &wire.Service{Name: "logs", Protocol: wire.JSON, Target: "Logs_20140328", Casing: wire.Camel, Lock: &l.mu}
	wire.Handle(s, "CreateLogGroup", l.createLogGroup)
	wire.Handle(s, "DeleteLogGroup", l.deleteLogGroup)
	wire.Handle(s, "DescribeLogGroups", l.describeLogGroups)
	wire.Handle(s, "PutRetentionPolicy", l.putRetentionPolicy)
	wire.Handle(s, "DeleteRetentionPolicy", l.deleteRetentionPolicy)
	wire.Handle(s, "PutLogGroupDeletionProtection", l.putLogGroupDeletionProtection)
	wire.Handle(s, "AssociateKmsKey", l.associateKmsKey)
	wire.Handle(s, "DisassociateKmsKey", l.disassociateKmsKey)
	wire.Handle(s, "ListTagsForResource", l.listTagsForResource)
	wire.Handle(s, "TagResource", l.tagResource)
	wire.Handle(s, "UntagResource", l.untagResource)
	wire.Handle(s, "CreateLogStream", l.createLogStream)
	wire.Handle(s, "DeleteLogStream", l.deleteLogStream)
	wire.Handle(s, "DescribeLogStreams", l.describeLogStreams)
	wire.Handle(s, "GetLogEvents", l.getLogEvents)
	wire.Handle(s, "FilterLogEvents", l.filterLogEvents)
	wire.HandleUnlocked(s, "PutLogEvents", l.putLogEvents)
	wire.HandleStream(s, "StartLiveTail", l.startLiveTail)
	return s
}

func invalid(format string, args ...any) error {
	return wire.Errorf("InvalidParameterException", format, args...)
}

func (l *Logs) createLogGroup(_ context.Context, in *cwl.CreateLogGroupInput) (*cwl.CreateLogGroupOutput, error) {
	name := aws.ToString(in.LogGroupName)
	if l.groups[name] != nil {
		return nil, &types.ResourceAlreadyExistsException{Message: aws.String("The specified log group already exists")}
	}
	if err := checkKey(in.KmsKeyId); err != nil {
		return nil, err
	}
	g := &group{streams: map[string]*stream{}, meta: groupMeta{
		Name: name, Created: l.account.Now().UnixMilli(), Class: string(in.LogGroupClass), Tags: in.Tags,
		Key: aws.ToString(in.KmsKeyId), Protected: aws.ToBool(in.DeletionProtectionEnabled),
	}}
	if g.meta.Class == "" {
		g.meta.Class = string(types.LogGroupClassStandard)
	}
	if err := l.create(g); err != nil {
		return nil, err
	}
	l.groups[name] = g
	return nil, nil
}

func (l *Logs) deleteLogGroup(_ context.Context, in *cwl.DeleteLogGroupInput) (*cwl.DeleteLogGroupOutput, error) {
	g, err := l.byName(in.LogGroupName)
	if err != nil {
		return nil, err
	}
	if g.meta.Protected { // the code is the one that the model gained with the protection; the words are ours
		return nil, wire.Errorf("ValidationException", "The log group %s has deletion protection enabled. Disable the protection before you delete the log group.", g.meta.Name)
	}
	return nil, l.remove(g)
}

// keyARN is how a KMS key is named. The sandbox has no KMS, so any key of that form is
// taken, and nothing is encrypted with it.
var keyARN = regexp.MustCompile(`^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(key|alias)/.+$`)

func checkKey(arn *string) error {
	if arn != nil && !keyARN.MatchString(*arn) {
		return invalid("The specified KMS Key Id could not be found.")
	}
	return nil
}

func (l *Logs) putLogGroupDeletionProtection(_ context.Context, in *cwl.PutLogGroupDeletionProtectionInput) (*cwl.PutLogGroupDeletionProtectionOutput, error) {
	return nil, l.changeGroup(in.LogGroupIdentifier, func(m *groupMeta) { m.Protected = aws.ToBool(in.DeletionProtectionEnabled) })
}

// keyed is the group whose key changes. Keys for the results of queries are another
// matter, and the sandbox has no queries.
func keyed(group, resource *string) (*string, error) {
	if (group == nil) == (resource == nil) {
		return nil, invalid("Exactly one of logGroupName and resourceIdentifier must be specified.")
	}
	if resource != nil && strings.Contains(*resource, ":query-result:") {
		return nil, invalid("The sandbox has no queries, whose results a key could encrypt")
	}
	return cmp.Or(group, resource), nil
}

func (l *Logs) associateKmsKey(_ context.Context, in *cwl.AssociateKmsKeyInput) (*cwl.AssociateKmsKeyOutput, error) {
	group, err := keyed(in.LogGroupName, in.ResourceIdentifier)
	if err := cmp.Or(err, checkKey(in.KmsKeyId)); err != nil {
		return nil, err
	}
	return nil, l.changeGroup(group, func(m *groupMeta) { m.Key = aws.ToString(in.KmsKeyId) })
}

func (l *Logs) disassociateKmsKey(_ context.Context, in *cwl.DisassociateKmsKeyInput) (*cwl.DisassociateKmsKeyOutput, error) {
	group, err := keyed(in.LogGroupName, in.ResourceIdentifier)
	if err != nil {
		return nil, err
	}
	return nil, l.changeGroup(group, func(m *groupMeta) { m.Key = "" })
}

func (l *Logs) describeLogGroups(_ context.Context, in *cwl.DescribeLogGroupsInput) (*cwl.DescribeLogGroupsOutput, error) {
	if in.LogGroupNamePrefix != nil && in.LogGroupNamePattern != nil {
		return nil, invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	all := []types.LogGroup{}
	for _, g := range l.sorted() {
		m := g.meta
		if !strings.HasPrefix(m.Name, aws.ToString(in.LogGroupNamePrefix)) ||
			!strings.Contains(strings.ToLower(m.Name), strings.ToLower(aws.ToString(in.LogGroupNamePattern))) ||
			in.LogGroupClass != "" && string(in.LogGroupClass) != m.Class ||
			len(in.LogGroupIdentifiers) > 0 && !slices.Contains(in.LogGroupIdentifiers, m.Name) && !slices.Contains(in.LogGroupIdentifiers, l.arn(m.Name)) {
			continue
		}
		out := types.LogGroup{
			LogGroupName: &m.Name, CreationTime: &m.Created, LogGroupClass: types.LogGroupClass(m.Class),
			Arn: aws.String(l.arn(m.Name) + ":*"), LogGroupArn: aws.String(l.arn(m.Name)),
			MetricFilterCount: aws.Int32(0), StoredBytes: aws.Int64(g.stored()), DeletionProtectionEnabled: aws.Bool(m.Protected),
		}
		if m.Key != "" {
			out.KmsKeyId = &m.Key
		}
		if m.Retention > 0 {
			out.RetentionInDays = &m.Retention
		}
		all = append(all, out)
	}
	page, next, err := wire.Page(all, in.NextToken, limit(in.Limit, 50), "InvalidParameterException")
	return &cwl.DescribeLogGroupsOutput{LogGroups: page, NextToken: next}, err
}

// stored counts as CloudWatch bills: 26 bytes for each event beside its text.
func (g *group) stored() (n int64) {
	for _, s := range g.streams {
		for _, e := range s.events {
			n += int64(g.bytes(e)) + 26
		}
	}
	return n
}

func limit(p *int32, most int) int {
	if p == nil || *p <= 0 || int(*p) > most {
		return most
	}
	return int(*p)
}

// retentions are the days that CloudWatch Logs takes.
var retentions = []int32{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

func (l *Logs) putRetentionPolicy(_ context.Context, in *cwl.PutRetentionPolicyInput) (*cwl.PutRetentionPolicyOutput, error) {
	if !slices.Contains(retentions, aws.ToInt32(in.RetentionInDays)) {
		return nil, invalid("1 validation error detected: Value '%d' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: %v", aws.ToInt32(in.RetentionInDays), retentions)
	}
	return nil, l.changeGroup(in.LogGroupName, func(m *groupMeta) { m.Retention = *in.RetentionInDays })
}

func (l *Logs) deleteRetentionPolicy(_ context.Context, in *cwl.DeleteRetentionPolicyInput) (*cwl.DeleteRetentionPolicyOutput, error) {
	return nil, l.changeGroup(in.LogGroupName, func(m *groupMeta) { m.Retention = 0 })
}

func (l *Logs) changeGroup(name *string, change func(*groupMeta)) error {
	g, err := l.byName(name)
	if err != nil {
		return err
	}
	changed := g.meta
	change(&changed)
	if _, err := l.write(g, line{Group: &changed}); err != nil {
		return err
	}
	g.meta = changed
	return nil
}

func (l *Logs) listTagsForResource(_ context.Context, in *cwl.ListTagsForResourceInput) (*cwl.ListTagsForResourceOutput, error) {
	g, err := l.byARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &cwl.ListTagsForResourceOutput{Tags: tags.Merge(g.meta.Tags, nil)}, nil
}

func (l *Logs) tagResource(_ context.Context, in *cwl.TagResourceInput) (*cwl.TagResourceOutput, error) {
	g, err := l.byARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return nil, l.changeGroup(&g.meta.Name, func(m *groupMeta) { m.Tags = tags.Merge(m.Tags, in.Tags) })
}

func (l *Logs) untagResource(_ context.Context, in *cwl.UntagResourceInput) (*cwl.UntagResourceOutput, error) {
	g, err := l.byARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return nil, l.changeGroup(&g.meta.Name, func(m *groupMeta) { m.Tags = tags.Without(m.Tags, in.TagKeys) })
}

func (l *Logs) createLogStream(_ context.Context, in *cwl.CreateLogStreamInput) (*cwl.CreateLogStreamOutput, error) {
	g, err := l.byName(in.LogGroupName)
	if err != nil {
		return nil, err
	}
	name := aws.ToString(in.LogStreamName)
	if g.streams[name] != nil {
		return nil, &types.ResourceAlreadyExistsException{Message: aws.String("The specified log stream already exists")}
	}
	return nil, l.createStream(g, name)
}

func (l *Logs) deleteLogStream(_ context.Context, in *cwl.DeleteLogStreamInput) (*cwl.DeleteLogStreamOutput, error) {
	g, err := l.byName(in.LogGroupName)
	if err != nil {
		return nil, err
	}
	if g.streams[aws.ToString(in.LogStreamName)] == nil {
		return nil, errNoStream
	}
	if _, err := l.write(g, line{Stream: *in.LogStreamName, Deleted: true}); err != nil {
		return nil, err
	}
	delete(g.streams, *in.LogStreamName)
	return nil, nil
}

func (l *Logs) describeLogStreams(_ context.Context, in *cwl.DescribeLogStreamsInput) (*cwl.DescribeLogStreamsOutput, error) {
	g, err := l.byName(cmp.Or(in.LogGroupName, in.LogGroupIdentifier))
	if err != nil {
		return nil, err
	}
	byTime := in.OrderBy == types.OrderByLastEventTime
	if byTime && in.LogStreamNamePrefix != nil {
		return nil, invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	all := []types.LogStream{}
	for _, s := range g.streams {
		if !strings.HasPrefix(s.name, aws.ToString(in.LogStreamNamePrefix)) {
			continue
		}
		out := types.LogStream{
			LogStreamName: aws.String(s.name), CreationTime: aws.Int64(s.created),
			Arn: aws.String(l.arn(g.meta.Name) + ":log-stream:" + s.name), UploadSequenceToken: aws.String("0"),
		}
		if n := len(s.events); n > 0 {
			out.FirstEventTimestamp = aws.Int64(s.events[0].time)
			out.LastEventTimestamp = aws.Int64(s.events[n-1].time)
			out.LastIngestionTime = aws.Int64(s.events[n-1].ingested())
		}
		all = append(all, out)
	}
	slices.SortFunc(all, func(a, b types.LogStream) int {
		if byTime {
			return cmp.Or(cmp.Compare(aws.ToInt64(a.LastEventTimestamp), aws.ToInt64(b.LastEventTimestamp)), strings.Compare(*a.LogStreamName, *b.LogStreamName))
		}
		return strings.Compare(*a.LogStreamName, *b.LogStreamName)
	})
	if aws.ToBool(in.Descending) {
		slices.Reverse(all)
	}
	page, next, err := wire.Page(all, in.NextToken, limit(in.Limit, 50), "InvalidParameterException")
	return &cwl.DescribeLogStreamsOutput{LogStreams: page, NextToken: next}, err
}

// putLogEvents holds to the limits of the API reference: batches in order of
// time, none of 14 days ago or of two hours ahead.
func (l *Logs) putLogEvents(_ context.Context, in *cwl.PutLogEventsInput) (*cwl.PutLogEventsOutput, error) {
	if len(in.LogEvents) == 0 || len(in.LogEvents) > pageEvents {
		return nil, invalid("A batch must have 1 to %d log events", pageEvents)
	}
	now := l.account.Now()
	oldest, newest := now.AddDate(0, 0, -14).UnixMilli(), now.Add(2*time.Hour).UnixMilli()
	var rejected types.RejectedLogEventsInfo
	var events []Event
	size, last := 0, int64(0)
	for i, e := range in.LogEvents {
		at := aws.ToInt64(e.Timestamp)
		if at < last {
			return nil, invalid("Log events in a single PutLogEvents request must be in chronological order.")
		}
		last = at
		size += len(aws.ToString(e.Message)) + 26
		switch {
		case at < oldest:
			rejected.TooOldLogEventEndIndex = aws.Int32(int32(i + 1))
		case at > newest:
			if rejected.TooNewLogEventStartIndex == nil {
				rejected.TooNewLogEventStartIndex = aws.Int32(int32(i))
			}
		default:
			events = append(events, Event{time.UnixMilli(at), aws.ToString(e.Message)})
		}
	}
	if size > pageBytes {
		return nil, invalid("Upload too large: %d bytes exceeds limit of %d", size, pageBytes)
	}
	if err := l.put(aws.ToString(in.LogGroupName), aws.ToString(in.LogStreamName), events); err != nil {
		return nil, err
	}
	out := &cwl.PutLogEventsOutput{NextSequenceToken: aws.String("0")}
	if rejected.TooOldLogEventEndIndex != nil || rejected.TooNewLogEventStartIndex != nil {
		out.RejectedLogEventsInfo = &rejected
	}
	return out, nil
}

// getLogEvents reads one stream. A token is a direction and the id of the event
// beside which the page ends, so that it stays true while events come in; at the
// end the token that was given comes back, as the API promises.
func (l *Logs) getLogEvents(_ context.Context, in *cwl.GetLogEventsInput) (*cwl.GetLogEventsOutput, error) {
	g, err := l.byName(cmp.Or(in.LogGroupName, in.LogGroupIdentifier))
	if err != nil {
		return nil, err
	}
	s := g.streams[aws.ToString(in.LogStreamName)]
	if s == nil {
		return nil, errNoStream
	}
	g.expire(l.account.Now())
	events := within(s.events, in.StartTime, in.EndTime)
	forward := aws.ToBool(in.StartFromHead)
	if t := aws.ToString(in.NextToken); t != "" {
		direction, id, ok := strings.Cut(t, "/")
		if !ok || direction != "f" && direction != "b" {
			return nil, invalid("The specified nextToken is invalid.")
		}
		forward = direction == "f"
		if forward {
			events = after(events, id)
		} else {
			at, _ := slices.BinarySearchFunc(events, id, compareID)
			events = events[:at]
		}
	}
	most, n, size := limit(in.Limit, pageEvents), 0, 0
	for n < len(events) && n < most {
		e := events[n]
		if !forward {
			e = events[len(events)-1-n]
		}
		if size += g.bytes(e) + 26; size > pageBytes && n > 0 {
			break
		}
		n++
	}
	if forward {
		events = events[:n]
	} else {
		events = events[len(events)-n:]
	}
	out := &cwl.GetLogEventsOutput{Events: []types.OutputLogEvent{}}
	texts := texts{group: g}
	for _, e := range events {
		text, err := texts.of(e)
		if err != nil {
			return nil, err
		}
		out.Events = append(out.Events, types.OutputLogEvent{Timestamp: aws.Int64(e.time), IngestionTime: aws.Int64(e.ingested()), Message: &text})
	}
	head, tail := event{}.id(), event{}.id()
	if t := aws.ToString(in.NextToken); t != "" {
		head, tail = t[2:], t[2:]
	}
	if len(events) > 0 {
		head, tail = events[0].id(), events[len(events)-1].id()
	}
	out.NextForwardToken, out.NextBackwardToken = aws.String("f/"+tail), aws.String("b/"+head)
	return out, nil
}

// within cuts events to start <= time < end, in ms; nil leaves a side open.
func within(events []event, start, end *int64) []event {
	at := func(t int64) int {
		n, _ := slices.BinarySearchFunc(events, t, func(e event, t int64) int { return cmp.Compare(e.time, t) })
		return n
	}
	from, to := 0, len(events)
	if start != nil {
		from = at(*start)
	}
	if end != nil {
		to = at(*end)
	}
	return events[from:max(from, to)]
}

// after cuts events to those that come after the one with that id; all where
// there is no id.
func after(events []event, id string) []event {
	at, found := slices.BinarySearchFunc(events, id, compareID)
	if found {
		at++
	}
	return events[at:]
}

func compareID(e event, id string) int { return strings.Compare(e.id(), id) }

func (l *Logs) filterLogEvents(_ context.Context, in *cwl.FilterLogEventsInput) (*cwl.FilterLogEventsOutput, error) {
	g, err := l.byName(cmp.Or(in.LogGroupName, in.LogGroupIdentifier))
	if err != nil {
		return nil, err
	}
	if len(in.LogStreamNames) > 0 && in.LogStreamNamePrefix != nil {
		return nil, invalid("LogStreamNames and LogStreamNamePrefix are mutually exclusive parameters.")
	}
	matches, err := ParsePattern(aws.ToString(in.FilterPattern))
	if err != nil {
		return nil, invalid("Invalid filter pattern: %v", err)
	}
	g.expire(l.account.Now())
	last, hasToken := strings.CutPrefix(aws.ToString(in.NextToken), "a/")
	if in.NextToken != nil && !hasToken {
		return nil, invalid("The specified nextToken is invalid.")
	}
	for _, name := range in.LogStreamNames {
		if g.streams[name] == nil {
			return nil, errNoStream
		}
	}
	var end *int64
	if in.EndTime != nil {
		end = aws.Int64(*in.EndTime + 1)
	}
	type found struct {
		event
		stream *string
	}
	var all []found
	for _, s := range g.streams {
		if len(in.LogStreamNames) > 0 && !slices.Contains(in.LogStreamNames, s.name) || !strings.HasPrefix(s.name, aws.ToString(in.LogStreamNamePrefix)) {
			continue
		}
		for _, e := range after(within(s.events, in.StartTime, end), last) {
			all = append(all, found{e, &s.name})
		}
	}
	slices.SortFunc(all, func(a, b found) int { return order(a.event, b.event) })
	out := &cwl.FilterLogEventsOutput{Events: []types.FilteredLogEvent{}, SearchedLogStreams: []types.SearchedLogStream{}}
	texts := texts{group: g}
	most, size := limit(in.Limit, pageEvents), 0
	for _, e := range all {
		text, err := texts.of(e.event)
		if err != nil {
			return nil, err
		}
		if !matches(text) {
			continue
		}
		n := len(out.Events)
		if size += len(text) + 26; n == most || size > pageBytes && n > 0 {
			out.NextToken = aws.String("a/" + *out.Events[n-1].EventId)
			break
		}
		out.Events = append(out.Events, types.FilteredLogEvent{
			EventId: aws.String(e.id()), LogStreamName: e.stream, Message: &text,
			Timestamp: aws.Int64(e.time), IngestionTime: aws.Int64(e.ingested()),
		})
	}
	return out, nil
}
