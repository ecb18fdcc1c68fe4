//go:build unix

package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// BenchmarkDeployAgainstBare compares a cold `workshop deploy --yes` with bare
// `terraform init && terraform apply` of the same files, each on an empty sandbox
// of its own, one after the other in one run:
//
//	go test ./cmd/workshop -run xxx -bench DeployAgainstBare -benchtime 1x -timeout 30m
func BenchmarkDeployAgainstBare(b *testing.B) {
	if _, err := exec.LookPath("terraform"); err != nil {
		b.Skip("terraform is not on PATH")
	}
	var deploy, bare time.Duration
	for b.Loop() {
		p := newPlace(b)
		p.sandbox()
		begun := time.Now()
		p.run(0, "deploy", "--yes")
		deploy += time.Since(begun)
		p.run(0, "destroy", "--yes")
		p.run(0, "sandbox", "stop")

		q := newPlace(b)
		q.sandbox()
		env := append([]string{}, q.env...)
		for l := range strings.Lines(q.run(0, "env")) {
			if kv, ok := strings.CutPrefix(strings.TrimSpace(l), "export "); ok {
				k, v, _ := strings.Cut(kv, "=")
				env = append(env, k+"="+strings.Trim(v, "'"))
			}
		}
		dir := filepath.Join(q.home, ".local/state/fargate-workshop/sandbox/terraform")
		terraform := func(args ...string) {
			b.Helper()
			cmd := exec.CommandContext(b.Context(), "terraform", args...)
			cmd.Dir, cmd.Env = dir, env
			if out, err := cmd.CombinedOutput(); err != nil {
				b.Fatalf("terraform %v: %v\n%s", args, err, tail(string(out)))
			}
		}
		begun = time.Now()
		terraform("init", "-input=false")
		terraform("apply", "-input=false", "-auto-approve")
		bare += time.Since(begun)
		terraform("destroy", "-input=false", "-auto-approve")
		q.run(0, "sandbox", "stop")
	}
	n := float64(b.N)
	b.ReportMetric(deploy.Seconds()/n, "deploy-s")
	b.ReportMetric(bare.Seconds()/n, "bare-s")
	b.ReportMetric(deploy.Seconds()/bare.Seconds(), "deploy/bare")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkFirstFrame is the time from the start of the process until a step can
// be read in a terminal of 120x40, with the workspace already there.
func BenchmarkFirstFrame(b *testing.B) {
	p := newPlace(b)
	p.run(0, "steps")
	for b.Loop() {
		cmd := p.command(context.Background())
		cmd.Env = append(cmd.Env, "TERM=xterm-256color", "LANG=C.UTF-8")
		tty, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: 120, Rows: 40})
		if err != nil {
			b.Fatal(err)
		}
		var seen []byte
		buf := make([]byte, 64<<10)
		for !bytes.Contains(seen, []byte("1 Guide")) && !bytes.Contains(seen, []byte("Guide")) {
			n, err := tty.Read(buf)
			if err != nil {
				b.Fatalf("the program ended: %v\n%s", err, seen)
			}
			seen = append(seen, buf[:n]...)
		}
		b.StopTimer()
		cmd.Process.Signal(os.Interrupt)
		cmd.Process.Kill()
		cmd.Wait()
		tty.Close()
		b.StartTimer()
	}
}
