//go:build linux

package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

const (
	followRate = 2_000 // lines a second
	followTime = 20 * time.Second
)

// BenchmarkFollow has `workshop logs -f` and `aws logs tail --follow` follow the same log
// group at the same time while 2,000 lines a second come to it, and compares what each
// lost, repeated, and took of the processor. The AWS CLI must be of version 2; another
// than `aws` on PATH is named by WORKSHOP_BENCH_AWS:
//
//	go test ./cmd/workshop -run xxx -bench Follow -benchtime 1x
func BenchmarkFollow(b *testing.B) {
	p := newPlace(b)
	p.sandbox()
	p.run(0, "steps")
	const group = "/fargate-workshop/app"
	state := fmt.Sprintf(`{"version":4,"terraform_version":"1.11.4","serial":1,"lineage":"bench","outputs":{"cluster":{"value":"c","type":"string"},"service":{"value":"s","type":"string"},"url":{"value":"http://localhost:1","type":"string"},"log_group":{"value":%q,"type":"string"}},"resources":[]}`, group)
	if err := os.MkdirAll(filepath.Dir(p.stateFile()), 0o700); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(p.stateFile(), []byte(state), 0o600); err != nil {
		b.Fatal(err)
	}
	env := p.exports()
	logs := cloudwatchlogs.New(cloudwatchlogs.Options{Region: env["AWS_REGION"], BaseEndpoint: aws.String(env["AWS_ENDPOINT_URL"]),
		Credentials: credentials.NewStaticCredentialsProvider(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env["AWS_SESSION_TOKEN"])})
	if _, err := logs.CreateLogGroup(b.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String(group)}); err != nil {
		b.Fatal(err)
	}
	streams := []string{"ecs/app/0f9de17a6465404e8b1b2356dc13c2f8", "ecs/app/7f3ae17a6465404e8b1b2356dc13c2f8"}
	for _, s := range streams {
		if _, err := logs.CreateLogStream(b.Context(), &cloudwatchlogs.CreateLogStreamInput{LogGroupName: aws.String(group), LogStreamName: &s}); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		followers := map[string]*exec.Cmd{"workshop": p.command(context.Background(), "logs", "-f", "--since", "1m")}
		cli := cmp.Or(os.Getenv("WORKSHOP_BENCH_AWS"), "aws")
		if version, err := exec.CommandContext(b.Context(), cli, "--version").Output(); err != nil || !bytes.HasPrefix(version, []byte("aws-cli/2.")) {
			b.Logf("%s is no AWS CLI of version 2, so there is nothing to compare with", cli)
		} else {
			tail := exec.Command(cli, "logs", "tail", group, "--follow", "--since", "1m", "--endpoint-url", env["AWS_ENDPOINT_URL"])
			tail.Env = append(os.Environ(), "AWS_PAGER=")
			for k, v := range env {
				tail.Env = append(tail.Env, k+"="+v)
			}
			followers["aws"] = tail
		}
		printed := map[string]*output{}
		for name, cmd := range followers {
			printed[name] = &output{}
			cmd.Stdout, cmd.Stderr = printed[name], printed[name]
			if err := cmd.Start(); err != nil {
				b.Fatal(err)
			}
		}
		time.Sleep(2 * time.Second)
		sent := 0
		const batch = 100
		ticker := time.NewTicker(time.Second * batch / followRate)
		for begun := time.Now(); time.Since(begun) < followTime; <-ticker.C {
			events := make([]types.InputLogEvent, batch)
			at := time.Now().UnixMilli()
			for i := range events {
				events[i] = types.InputLogEvent{Timestamp: &at, Message: aws.String(fmt.Sprintf(`{"level":"info","ts":"2026-11-27T10:41:51.000Z","caller":"http/server.go:224","msg":"request started","proto":"HTTP/1.1","uri":"/echo?n=%d;"}`, sent+i))}
			}
			if _, err := logs.PutLogEvents(b.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: aws.String(group), LogStreamName: &streams[sent/batch%2], LogEvents: events}); err != nil {
				b.Fatal(err)
			}
			sent += batch
		}
		ticker.Stop()
		time.Sleep(8 * time.Second) // the last ones come
		for name, cmd := range followers {
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				b.Errorf("%s ended: %v\n%s", name, err, tail(printed[name].String()))
			}
			_ = cmd.Wait()
			lost, repeated := missing(printed[name].String(), sent)
			b.ReportMetric(float64(lost), name+"-lost")
			b.ReportMetric(float64(repeated), name+"-repeated")
			b.ReportMetric((cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), name+"-cpu-s")
		}
		b.ReportMetric(float64(sent), "lines")
		b.ReportMetric(0, "ns/op")
	}
}

var lineNumber = regexp.MustCompile(`n=(\d+);`)

// missing counts which of the lines 0 to sent-1 are not in a text, and which are there more
// than once.
func missing(text string, sent int) (lost, repeated int) {
	seen := map[string]int{}
	for _, m := range lineNumber.FindAllStringSubmatch(text, -1) {
		seen[strings.TrimLeft(m[1], " ")]++
	}
	for i := range sent {
		switch n := seen[fmt.Sprint(i)]; {
		case n == 0:
			lost++
		case n > 1:
			repeated++
		}
	}
	return lost, repeated
}
