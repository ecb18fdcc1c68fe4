package session

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"workshop/internal/diagnose"
	"workshop/internal/fargate"
	"workshop/internal/operation"
)

// keptMost is how many stopped tasks that ECS has forgotten go into a picture.
const keptMost = 100

// Look takes one look at what runs: the service with the history of its deployments and
// what scales it, and the answer of its URL. It journals and completes what it sees. The error is
// ErrNothingDeployed where Terraform's state names no service.
func (s *Session) Look(ctx context.Context) (fargate.Snapshot, error) {
	cfg, ref, err := s.Watched(ctx)
	if err != nil {
		return fargate.Snapshot{}, err
	}
	c := fargate.NewClients(cfg)
	var snap fargate.Snapshot
	var probe *fargate.Probe
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		if snap, err = fargate.Look(gctx, c, ref); err != nil {
			return err
		}
		snap.History, err = fargate.History(gctx, c, ref, snap.Service)
		return err
	})
	var scaling *fargate.Scaling
	g.Go(func() error {
		scaling = fargate.ReadScaling(gctx, c, ref)
		return nil
	})
	if ref.URL != "" {
		g.Go(func() error {
			p := fargate.Ask(gctx, http.DefaultClient, ref.URL)
			probe = &p
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return fargate.Snapshot{}, err
	}
	snap.Probe, snap.Scaling = probe, scaling
	_ = s.Seen(snap) // the picture serves without a journal
	return s.Complete(snap), nil
}

// Complete returns the snapshot with what AWS alone does not tell: the stopped tasks that
// ECS has forgotten, answers for this target and the session's face, the first cause of each
// deployment that failed, and the diagnosis. The snapshot given stays as it is.
func (s *Session) Complete(snap fargate.Snapshot) fargate.Snapshot {
	if !s.Other() { // the journal is about the workspace's service
		snap.Tasks, snap.OlderStops = withKept(snap.Tasks, s.StoppedTasks(), keptMost)
	}
	snap.Tasks = s.answered(snap.Tasks)
	snap.Targets = slices.Clone(snap.Targets)
	for i, x := range snap.Targets {
		if x.Answer != nil {
			a := x.Answer.On(s.face())
			snap.Targets[i].Answer = &a
		}
	}
	history := make([]fargate.ServiceDeployment, len(snap.History))
	for i, d := range snap.History {
		if d.RolledBack() || d.Over() && !d.Successful() {
			d.Cause = d.FirstCause(snap.Tasks)
		}
		history[i] = d
	}
	snap.History = history
	d := fargate.Diagnose(snap, func(a diagnose.Answer) diagnose.Answer { return a.On(s.face()) })
	snap.Diagnosis = &d
	return snap
}

// withKept appends those kept tasks that are not among tasks, up to so many, and returns how
// many it left out.
func withKept(tasks, kept []fargate.Task, most int) ([]fargate.Task, int) {
	known := map[string]bool{}
	for _, t := range tasks {
		known[t.ID] = true
	}
	out, added, more := append([]fargate.Task{}, tasks...), 0, 0
	for _, t := range kept {
		switch {
		case known[t.ID]:
		case added == most:
			more++
		default:
			known[t.ID] = true
			out = append(out, t)
			added++
		}
	}
	return out, more
}

// addLastLines adds what the first task of the chain printed that ended by itself. The
// diagnosis is true without; what was deleted or may not be read is left out.
func (s *Session) addLastLines(ctx context.Context, chain []fargate.Link, tasks []fargate.Task) {
	for i := range chain {
		at := slices.IndexFunc(tasks, func(t fargate.Task) bool { return t.ID == chain[i].Task })
		if at < 0 || !tasks[at].EndedByItself() {
			continue
		}
		lines, err := s.LastLines(ctx, tasks[at])
		if err == nil {
			for _, l := range lines {
				chain[i].Printed = append(chain[i].Printed, l.Message)
			}
		}
		return
	}
}

// Changes compares a revision of the task definition with the one numbered before it, which
// it names.
func (s *Session) Changes(ctx context.Context, revision string) (before string, changes []fargate.Change, err error) {
	cfg, _, err := s.Watched(ctx)
	if err != nil {
		return "", nil, err
	}
	return fargate.NewClientsWith(cfg, &s.calls).Changes(ctx, revision)
}

// Definition returns what a revision of the task definition says, without secret values.
func (s *Session) Definition(ctx context.Context, revision string) ([]fargate.Field, error) {
	cfg, _, err := s.Watched(ctx)
	if err != nil {
		return nil, err
	}
	return fargate.NewClientsWith(cfg, &s.calls).Definition(ctx, revision)
}

// Diagnose says whether what was deployed runs as it was asked to, and if not, why. How the
// last operation of Terraform failed is part of the answer.
func (s *Session) Diagnose(ctx context.Context) (fargate.Diagnosis, error) {
	snap, err := s.Look(ctx)
	nothing := errors.Is(err, ErrNothingDeployed)
	if err != nil && !nothing {
		return fargate.Diagnosis{}, err
	}
	var d fargate.Diagnosis
	if nothing {
		a, _ := diagnose.Service("nothing-deployed")
		d = fargate.Diagnosis{Cause: fargate.NewCause(a.On(s.face())), Chain: []fargate.Link{}, AsOf: time.Now().UTC()}
	} else {
		d = *snap.Diagnosis
		s.addLastLines(ctx, d.Chain, snap.Tasks)
	}
	if s.Other() {
		return d, nil
	}
	last, ok := s.LastOperation()
	if !ok || last.State != operation.StateFailed || last.Err == nil {
		return d, nil
	}
	link := fargate.Link{Time: last.Ended, Of: fargate.OfTerraform, Text: "Terraform's last " + string(last.Kind) + " failed.", Count: 1}
	link.Said, _, _ = strings.Cut(last.Err.Error(), "\n")
	if a, known := diagnose.Text(last.Err.Error()); known {
		link.Text, link.ID = link.Text+" "+a.What, a.ID
		if nothing || d.Cause != nil && d.Cause.ID == "service-missing" {
			d.Cause = fargate.NewCause(a.On(s.face()))
		}
	}
	d.Chain = append([]fargate.Link{link}, d.Chain...)
	fargate.SortChain(d.Chain)
	return d, nil
}
