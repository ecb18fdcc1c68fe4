package tuitest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"workshop/internal/lesson"
	"workshop/internal/session"
)

// Service is the text of service.tf.
const Service = `resource "aws_ecs_service" "app" {
  name          = "web"
  desired_count = 2

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
}
`

// KeepOutput remembers what the last start of the program would find.
func (s *Session) KeepOutput(_ context.Context, step string, o session.Output) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.outputs == nil {
		s.outputs = map[string]session.Output{}
	}
	s.outputs[step] = o
	return nil
}

// Outputs are the outputs that were kept, by step.
func (s *Session) Outputs() map[string]session.Output {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.outputs
}

func (s *Session) Set(_ context.Context, settings []lesson.Setting) ([]string, error) {
	if err := s.locked(); err != nil {
		return nil, err
	}
	var out []string
	for _, set := range settings {
		s.call("set %s=%s", set.Name, set.Value)
		if set.Name == "nothing" {
			return nil, errors.New("the configuration has no variable \"nothing\"")
		}
		line := fmt.Sprintf("%s = %q\n", set.Name, set.Value)
		if strings.Contains(s.file("terraform.tfvars"), line) {
			continue
		}
		s.put("terraform.tfvars", s.file("terraform.tfvars")+line)
		out = append(out, fmt.Sprintf("%s is now %q in terraform.tfvars; it was %q", set.Name, set.Value, "Hello from AWS Fargate"))
	}
	if len(out) > 0 {
		out = append(out, "The file as it was is kept in the workspace: backup/2026-01-01/terraform.tfvars")
	}
	return out, nil
}

func (s *Session) file(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Files[name]
}

func (s *Session) put(name, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Files[name] = text
}

// ReadFile takes every file with a line "syntax error" for one that has one.
func (s *Session) ReadFile(_ context.Context, a lesson.Action) (session.File, error) {
	f := session.File{Name: a.File, Path: filepath.Join("/workspace", a.File), Text: s.file(a.File), Line: max(a.At, 1)}
	if strings.Contains(a.File, "/") {
		return f, errors.New(a.File + " is not the name of a file in the configuration's folder")
	}
	for i, l := range strings.Split(f.Text, "\n") {
		if a.Find != "" && strings.Contains(l, a.Find) {
			f.Line, a.Find = i+1, ""
		}
		if strings.Contains(l, "syntax error") && f.Fault == nil {
			f.Fault = &session.Fault{Line: i + 1, Message: "An argument or block definition is required here."}
		}
	}
	return f, nil
}

func (s *Session) WriteFile(ctx context.Context, name, text string) (session.File, string, error) {
	s.call("write %s", name)
	if err := s.locked(); err != nil {
		return session.File{}, "", err
	}
	if f, err := s.ReadFile(ctx, lesson.Action{File: name}); err != nil {
		return f, "", err
	}
	s.put(name, text)
	f, err := s.ReadFile(ctx, lesson.Action{File: name})
	return f, "~/.local/state/workshop/sandbox/backup/2026-01-01/" + name, err
}

func (s *Session) Editor(f session.File) *exec.Cmd {
	if len(s.OwnEditor) == 0 {
		return nil
	}
	return &exec.Cmd{Path: s.OwnEditor[0], Args: append(s.OwnEditor[:len(s.OwnEditor):len(s.OwnEditor)], fmt.Sprintf("+%d", f.Line), f.Path)}
}

func (s *Session) Shell(context.Context) (*exec.Cmd, error) {
	return &exec.Cmd{Path: "/bin/sh", Args: []string{"sh"}}, nil
}

func (s *Session) Reset(ctx context.Context, step *lesson.Step, h session.Helper) error {
	s.call("reset %s", step.ID)
	if err := cmp.Or(ctx.Err(), s.locked()); err != nil {
		return err
	}
	for _, a := range step.Reset {
		say(h, a)
	}
	return nil
}
