package session

import (
	"context"
	"strings"

	"workshop/internal/doctor"
	"workshop/internal/target"
	"workshop/internal/workspace"
)

// Preflight decides whether an apply may begin, before anything is created. Its
// errors are those of reaching the target, an error about the person's rules, a
// *doctor.DeniedError, a *doctor.ShortCredentialsError, or a
// *doctor.NotConfirmedError, after which ConfirmAccount takes what the person
// types. The sandbox always passes. It costs no call to AWS once the account is
// confirmed. A destroy needs no Preflight: cleaning up is never refused.
func (s *Session) Preflight(ctx context.Context) error {
	t, err := s.Target(ctx)
	if err != nil || t.Kind != target.AWS {
		return err
	}
	rules, err := doctor.LoadRules(doctor.RulesFile())
	if err != nil {
		return err
	}
	return doctor.Gate(ctx, t, rules, s.Workspace.AccountConfirmed(t.Account))
}

// ConfirmAccount remembers the account as confirmed where typed is the number of
// the one that the credentials belong to. Otherwise it returns a
// *doctor.WrongAccountError.
func (s *Session) ConfirmAccount(ctx context.Context, typed string) error {
	t, err := s.Target(ctx)
	if err != nil {
		return err
	}
	if typed = strings.TrimSpace(typed); typed != t.Account {
		return &doctor.WrongAccountError{Account: t.Account, Typed: typed}
	}
	return s.Workspace.ConfirmAccount(typed)
}

// Doctor checks the machine and the target, and calls emit, which may be nil,
// with each answer. It creates nothing and starts no sandbox.
func (s *Session) Doctor(ctx context.Context, emit func(doctor.Check)) []doctor.Check {
	subject := subject(s.opts)
	subject.Dir, subject.TerraformDir, subject.WorkspaceID = s.Workspace.Dir(), s.Workspace.TerraformDir(), s.Workspace.ID()
	subject.Open = s.Target
	subject.Confirmed = s.Workspace.AccountConfirmed
	subject.Name = "workshop"
	if st, err := s.State(); err == nil {
		subject.Tofu = st.MadeByTofu()
		if resources, err := st.State(); err == nil {
			subject.Resources = len(resources)
		}
		if outputs, err := st.Outputs(); err == nil {
			subject.URL, _ = outputs["url"].(string)
		}
	}
	vars := s.Configuration().Variables
	number := func(name string) int { v, _ := vars[name].Value.(float64); return int(v) }
	set := func(name string) bool { v, _ := vars[name].Value.(bool); return v }
	if v, ok := vars["name"].Value.(string); ok {
		subject.Name = v
	}
	subject.Needs = doctor.Needs{
		PrivateTasks: set("private_tasks"), Autoscaling: set("autoscaling"), Exec: set("exec"), TTL: vars[ttlVariable].Value != nil && vars[ttlVariable].Value != "",
		Tasks: number("desired_count"), CPU: number("cpu"),
	}
	if subject.Needs.Autoscaling {
		subject.Needs.Tasks = max(subject.Needs.Tasks, number("max_count"))
	}
	if sources, err := s.Sources(ctx); err == nil {
		for address := range sources {
			kind, _, _ := strings.Cut(address, ".")
			subject.Needs.Types = append(subject.Needs.Types, kind)
		}
	}
	return doctor.Run(ctx, subject, emit)
}

// DoctorWithoutWorkspace checks what can be checked of a workspace that Open
// refused with openErr.
func DoctorWithoutWorkspace(ctx context.Context, o Options, openErr error, emit func(doctor.Check)) []doctor.Check {
	subject := subject(o)
	subject.OpenErr = openErr
	if subject.Dir == "" {
		subject.Dir, _ = workspace.DefaultDir(string(o.Kind)) // empty where HOME is not known, which openErr says
	}
	subject.Open = func(ctx context.Context) (*target.Target, error) {
		return target.Open(ctx, target.Options{Kind: o.Kind, Region: o.Region, MFACode: o.MFACode})
	}
	subject.Confirmed = func(string) bool { return false }
	return doctor.Run(ctx, subject, emit)
}

func subject(o Options) *doctor.Subject {
	return &doctor.Subject{
		Kind: o.Kind, Dir: o.Workspace, CacheDir: cacheDir(), Terraform: o.Terraform,
		Rules: func() (doctor.Rules, error) { return doctor.LoadRules(doctor.RulesFile()) },
	}
}
