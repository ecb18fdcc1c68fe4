package logs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cwl "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"workshop/internal/sandbox/sandboxtest"
)

func serve(t *testing.T, dir string) (*Logs, *cwl.Client) {
	t.Helper()
	a := sandboxtest.Account(t)
	l, err := New(a, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, cwl.NewFromConfig(sandboxtest.Serve(t, a, l.Service()))
}

func fill(t *testing.T, l *Logs, c *cwl.Client, n int) time.Time {
	t.Helper()
	if _, err := c.CreateLogGroup(t.Context(), &cwl.CreateLogGroupInput{LogGroupName: aws.String("/ecs/web"), Tags: map[string]string{"Workspace": "w1"}}); err != nil {
		t.Fatal(err)
	}
	start := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	for s := range 2 {
		stream := fmt.Sprintf("app/app/%d", s)
		if err := l.CreateStream("/ecs/web", stream); err != nil {
			t.Fatal(err)
		}
		var batch []Event
		for i := range n {
			batch = append(batch, Event{start.Add(time.Duration(2*i+s) * time.Millisecond), fmt.Sprintf("%d-%d", s, i)})
		}
		if err := l.Append("/ecs/web", stream, batch...); err != nil {
			t.Fatal(err)
		}
	}
	return start
}

func TestFilterMergesStreamsOverPages(t *testing.T) {
	l, c := serve(t, "")
	fill(t, l, c, 100)
	var got []string
	p := cwl.NewFilterLogEventsPaginator(c, &cwl.FilterLogEventsInput{LogGroupName: aws.String("/ecs/web"), Limit: aws.Int32(7)})
	for p.HasMorePages() {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range out.Events {
			got = append(got, *e.Message)
		}
	}
	var want []string
	for i := range 100 {
		want = append(want, fmt.Sprintf("0-%d", i), fmt.Sprintf("1-%d", i))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %d events %v", len(got), got)
	}
}

func TestGetLogEventsEndsWithTheSameToken(t *testing.T) {
	l, c := serve(t, "")
	fill(t, l, c, 25)
	in := &cwl.GetLogEventsInput{LogGroupName: aws.String("/ecs/web"), LogStreamName: aws.String("app/app/1"), StartFromHead: aws.Bool(true), Limit: aws.Int32(10)}
	var got []string
	for page := 0; ; page++ {
		out, err := c.GetLogEvents(t.Context(), in)
		if err != nil || page > 5 {
			t.Fatal(page, err)
		}
		for _, e := range out.Events {
			got = append(got, *e.Message)
		}
		if in.NextToken != nil && *out.NextForwardToken == *in.NextToken {
			break
		}
		in.NextToken = out.NextForwardToken
	}
	if len(got) != 25 || got[0] != "1-0" || got[24] != "1-24" {
		t.Errorf("forward: %v", got)
	}
	out, err := c.GetLogEvents(t.Context(), &cwl.GetLogEventsInput{LogGroupName: aws.String("/ecs/web"), LogStreamName: aws.String("app/app/1"), Limit: aws.Int32(3)})
	if err != nil || len(out.Events) != 3 || *out.Events[2].Message != "1-24" {
		t.Errorf("the newest: %+v, %v", out, err)
	}
	out, err = c.GetLogEvents(t.Context(), &cwl.GetLogEventsInput{LogGroupName: aws.String("/ecs/web"), LogStreamName: aws.String("app/app/1"), Limit: aws.Int32(3), NextToken: out.NextBackwardToken})
	if err != nil || *out.Events[2].Message != "1-21" {
		t.Errorf("one page back: %+v, %v", out, err)
	}
}

func TestGroups(t *testing.T) {
	l, c := serve(t, "")
	start := fill(t, l, c, 3)
	var exists *types.ResourceAlreadyExistsException
	if _, err := c.CreateLogGroup(t.Context(), &cwl.CreateLogGroupInput{LogGroupName: aws.String("/ecs/web")}); !errors.As(err, &exists) {
		t.Errorf("a second group of that name: %v", err)
	}
	var missing *types.ResourceNotFoundException
	if err := l.CreateStream("/ecs/none", "s"); !errors.As(err, &missing) {
		t.Errorf("a stream in no group: %v", err)
	}
	if _, err := c.PutRetentionPolicy(t.Context(), &cwl.PutRetentionPolicyInput{LogGroupName: aws.String("/ecs/web"), RetentionInDays: aws.Int32(2)}); err == nil {
		t.Error("two days are not a retention that CloudWatch sells")
	}
	if _, err := c.PutRetentionPolicy(t.Context(), &cwl.PutRetentionPolicyInput{LogGroupName: aws.String("/ecs/web"), RetentionInDays: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	out, err := c.DescribeLogGroups(t.Context(), &cwl.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("/ecs")})
	if err != nil || len(out.LogGroups) != 1 || *out.LogGroups[0].RetentionInDays != 1 {
		t.Fatalf("groups = %+v, %v", out, err)
	}
	g := out.LogGroups[0]
	if *g.Arn != *g.LogGroupArn+":*" {
		t.Errorf("ARNs %s and %s", *g.Arn, *g.LogGroupArn)
	}
	if _, err := c.TagResource(t.Context(), &cwl.TagResourceInput{ResourceArn: g.LogGroupArn, Tags: map[string]string{"a": "b"}}); err != nil {
		t.Fatal(err)
	}
	tags, err := c.ListTagsForResource(t.Context(), &cwl.ListTagsForResourceInput{ResourceArn: g.LogGroupArn})
	if err != nil || tags.Tags["a"] != "b" || tags.Tags["Workspace"] != "w1" {
		t.Errorf("tags = %+v, %v", tags, err)
	}
	ev, err := c.FilterLogEvents(t.Context(), &cwl.FilterLogEventsInput{LogGroupName: g.LogGroupName, StartTime: aws.Int64(start.UnixMilli() + 1), EndTime: aws.Int64(start.UnixMilli() + 2)})
	if err != nil || len(ev.Events) != 2 {
		t.Errorf("both ends of the time are within: %+v, %v", ev, err)
	}
	if _, err := c.DeleteLogGroup(t.Context(), &cwl.DeleteLogGroupInput{LogGroupName: g.LogGroupName}); err != nil {
		t.Fatal(err)
	}
	if l.HasGroup("/ecs/web") {
		t.Error("the group is still there")
	}
}

func TestSurvivesAKill(t *testing.T) {
	dir := t.TempDir()
	l, c := serve(t, dir)
	fill(t, l, c, 5)
	if _, err := c.PutRetentionPolicy(t.Context(), &cwl.PutRetentionPolicyInput{LogGroupName: aws.String("/ecs/web"), RetentionInDays: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteLogStream(t.Context(), &cwl.DeleteLogStreamInput{LogGroupName: aws.String("/ecs/web"), LogStreamName: aws.String("app/app/0")}); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.log"))
	f, _ := os.OpenFile(files[0], os.O_APPEND|os.O_WRONLY, 0)
	f.WriteString(`{"s":"app/app/1","t":1,"m":"cut o`)
	f.Close()
	if info, _ := os.Stat(files[0]); info.Mode().Perm() != 0o600 {
		t.Errorf("log file is %v", info.Mode())
	}

	l, c = serve(t, dir)
	out, err := c.FilterLogEvents(t.Context(), &cwl.FilterLogEventsInput{LogGroupName: aws.String("/ecs/web")})
	if err != nil || len(out.Events) != 5 || *out.Events[0].Message != "1-0" {
		t.Fatalf("after a kill: %+v, %v", out, err)
	}
	if err := l.Append("/ecs/web", "app/app/1", Event{time.Now(), "more"}); err != nil {
		t.Fatal(err)
	}
	_, c = serve(t, dir)
	if out, err = c.FilterLogEvents(t.Context(), &cwl.FilterLogEventsInput{LogGroupName: aws.String("/ecs/web")}); err != nil || len(out.Events) != 6 {
		t.Errorf("after another: %d events, %v", len(out.Events), err)
	}
}

func TestRetention(t *testing.T) {
	l, c := serve(t, "")
	fill(t, l, c, 1)
	old := Event{time.Now().AddDate(0, 0, -3), "old"}
	if err := l.Append("/ecs/web", "app/app/0", old); err != nil {
		t.Fatal(err)
	}
	count := func() int {
		out, err := c.FilterLogEvents(t.Context(), &cwl.FilterLogEventsInput{LogGroupName: aws.String("/ecs/web")})
		if err != nil {
			t.Fatal(err)
		}
		return len(out.Events)
	}
	if n := count(); n != 3 {
		t.Errorf("%d events before", n)
	}
	if _, err := c.PutRetentionPolicy(t.Context(), &cwl.PutRetentionPolicyInput{LogGroupName: aws.String("/ecs/web"), RetentionInDays: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 2 {
		t.Errorf("%d events after", n)
	}
}

func TestPutLogEventsHoldsItsLimits(t *testing.T) {
	l, c := serve(t, "")
	fill(t, l, c, 1)
	put := func(times ...time.Time) (*cwl.PutLogEventsOutput, error) {
		in := &cwl.PutLogEventsInput{LogGroupName: aws.String("/ecs/web"), LogStreamName: aws.String("app/app/0")}
		for _, at := range times {
			in.LogEvents = append(in.LogEvents, types.InputLogEvent{Timestamp: aws.Int64(at.UnixMilli()), Message: aws.String("m")})
		}
		return c.PutLogEvents(t.Context(), in)
	}
	now := time.Now()
	if _, err := put(now, now.Add(-time.Second)); err == nil {
		t.Error("a batch out of order was taken")
	}
	out, err := put(now.AddDate(0, 0, -20), now, now.Add(3*time.Hour))
	if err != nil || *out.RejectedLogEventsInfo.TooOldLogEventEndIndex != 1 || *out.RejectedLogEventsInfo.TooNewLogEventStartIndex != 2 {
		t.Errorf("too old and too new: %+v, %v", out, err)
	}
}

func TestPattern(t *testing.T) {
	const get = `{"level":"info","msg":"request","status":200,"req":{"path":"/healthz","tags":["a","b"]},"err":null}`
	for _, c := range []struct {
		pattern, message string
		want             bool
	}{
		{"", "anything", true},
		{"ERROR", "an ERROR here", true},
		{"ERROR", "an error here", false},
		{"ERROR disk", "disk ERROR", true},
		{"ERROR disk", "ERROR", false},
		{`"not found"`, "page not found", true},
		{`"not found"`, "found not", false},
		{"?a1 ?b2", "has b2", true},
		{"?a1 ?b2", "has none", false},
		{"ERROR -health", "ERROR in health", false},
		{"%5\\d\\d%", "status 503", true},
		{`{ $.level = "info" }`, get, true},
		{`{ $.level = "warn" }`, get, false},
		{`{ $.level != "warn" && $.status >= 200 }`, get, true},
		{`{ $.status > 200 || $.req.path = "/heal*" }`, get, true},
		{`{ ($.status = 500 || $.status = 200) && $.req.tags[1] = "b" }`, get, true},
		{`{ $.err IS NULL }`, get, true},
		{`{ $.nothing NOT EXISTS }`, get, true},
		{`{ $.level = "info" }`, "plain text", false},
	} {
		match, err := ParsePattern(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
		} else if got := match(c.message); got != c.want {
			t.Errorf("%s on %s = %v", c.pattern, c.message, got)
		}
	}
	for _, bad := range []string{`"open`, "{ $.a = 1", "{ $.a }", "{ a = 1 }", "[a, b]", "%(%", "?", `{ $.a > "x" }`, "{ $.a = 1 extra }"} {
		if _, err := ParsePattern(bad); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

func FuzzPattern(f *testing.F) {
	f.Add(`{ ($.a.b[0] = "x*" || $.c >= 1.5) && $.d NOT EXISTS }`, `{"a":{"b":["xy"]},"c":2}`)
	f.Add(`?a -"b c" %d+%`, "a ddd")
	f.Fuzz(func(t *testing.T, pattern, message string) {
		if match, err := ParsePattern(pattern); err == nil {
			match(message)
		}
	})
}
