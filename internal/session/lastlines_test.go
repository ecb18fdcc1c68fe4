package session

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"workshop/internal/fargate"
	"workshop/internal/target"
)

// logAPI answers what the last lines of a task take: each has printed three.
type logAPI struct {
	mu    sync.Mutex
	asked []string // streams
}

func (f *logAPI) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	out := `{"taskDefinition":{"containerDefinitions":[{"name":"app","logConfiguration":{"logDriver":"awslogs","options":{"awslogs-group":"/app","awslogs-stream-prefix":"app"}}}]}}`
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetLogEvents") {
		f.mu.Lock()
		_, stream, _ := strings.Cut(string(body), `"logStreamName":"`)
		stream, _, _ = strings.Cut(stream, `"`)
		f.asked = append(f.asked, stream)
		f.mu.Unlock()
		out = `{"events":[{"timestamp":1,"message":"one"},{"timestamp":2,"message":"two"},{"timestamp":3,"message":"out of memory\u001b[31m"}]}`
	}
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader([]byte(out))), Request: r}, nil
}

func (f *logAPI) config() aws.Config {
	return aws.Config{Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""), BaseEndpoint: aws.String("http://aws.invalid"), HTTPClient: f}
}

// What a task printed last is on disk when ECS and CloudWatch have forgotten it, and a crash
// loop does not ask for every task.
func TestLastLinesAreKept(t *testing.T) {
	s := open(t, target.Sandbox)
	synctest.Test(t, func(t *testing.T) {
		api, k := &logAPI{}, newLinesKeeper()
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { k.run(ctx, s, api.config()) })
		now := time.Now()
		for i := range 30 {
			k.add(fargate.Task{ID: fmt.Sprintf("task%02d", i), Stopped: &now, StopCode: "EssentialContainerExited", Revision: "app:1"})
		}
		k.add(fargate.Task{ID: "asked", Stopped: &now, Answer: &fargate.Answer{Fine: true}})
		time.Sleep(time.Minute)
		api.mu.Lock()
		if n := len(api.asked); n == 0 || n > 7 || api.asked[0] != "app/app/task00" {
			t.Errorf("in a minute lines were asked for of %q", api.asked)
		}
		api.mu.Unlock()
		cancel()
		wg.Wait()
	})
	got, err := s.LastLines(t.Context(), fargate.Task{ID: "task00"})
	if err != nil || len(got) != 3 || got[2].Message != "out of memory\x1b[31m" || got[2].Container != "app" {
		t.Errorf("%+v, %v", got, err)
	}
	if lines := s.KeptLines("../journal"); lines != nil {
		t.Errorf("a file outside: %v", lines)
	}
}

func TestLastOfEach(t *testing.T) {
	var lines []fargate.Line
	for i := range 6 {
		lines = append(lines, fargate.Line{Container: "app", Message: fmt.Sprint(i)}, fargate.Line{Container: "proxy", Message: fmt.Sprint(i)})
	}
	got := lastOfEach(lines, 2)
	if len(got) != 4 || got[0].Message != "4" || got[3].Message != "5" {
		t.Errorf("%+v", got)
	}
}

func TestKeptLinesAreBounded(t *testing.T) {
	s := open(t, target.Sandbox)
	long := strings.Repeat("x", linesKeptBytes/3)
	lines := []fargate.Line{{Message: "first" + long}, {Message: "second" + long}, {Message: "third" + long}, {Message: "fourth"}}
	if err := s.keepLines("a", lines); err != nil {
		t.Fatal(err)
	}
	if got := s.KeptLines("a"); len(got) != 3 || !strings.HasPrefix(got[0].Message, "second") {
		t.Errorf("%d lines", len(got))
	}
}
