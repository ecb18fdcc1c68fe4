package session

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"

	"workshop/internal/clean"
	"workshop/internal/fargate"
)

// other is a service that is not the workspace's. Session.mu guards it.
type other struct {
	place fargate.Place
	ref   fargate.Ref // of place; zero until it was asked for
}

// ErrNoLogs is what Tail returns for a service none of whose essential containers writes to
// CloudWatch Logs through the awslogs driver.
var ErrNoLogs = errors.New("the service's containers do not send their logs to CloudWatch (the log driver awslogs), so there are none to show")

// errNoService: another service is to be looked at, and none was chosen yet.
var errNoService = errors.New("no service was chosen")

// About names a service that was chosen, before something is changed about it.
func About(p fargate.Place) string {
	return "This is about the service " + clean.Line(p.Service) + " in the cluster " + clean.Line(p.Cluster) + "."
}

// LookAt chooses which service the session is about that was opened with Options.Other. A
// Watch or Tail that runs goes on with the one before. It does not block.
func (s *Session) LookAt(p fargate.Place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.other == nil || s.other.place.Profile != p.Profile {
		s.target = nil
	}
	s.other = &other{place: p}
}

// Other reports whether the session is about another service than the workspace's.
func (s *Session) Other() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.other != nil
}

// Watched returns the service that everything about what runs is about, and the
// configuration of the clients that reach it. For the workspace's own the error may be
// ErrNothingDeployed, for another a *fargate.NotFoundError.
func (s *Session) Watched(ctx context.Context) (aws.Config, fargate.Ref, error) {
	s.mu.Lock()
	o := s.other
	s.mu.Unlock()
	if o == nil {
		ref, err := s.Ref()
		if err != nil {
			return aws.Config{}, ref, err
		}
		t, err := s.Target(ctx)
		if err != nil {
			return aws.Config{}, ref, err
		}
		return t.Config, ref, nil
	}
	cfg, err := s.configIn(ctx, o.place.Region)
	if err != nil || o.ref != (fargate.Ref{}) {
		return cfg, o.ref, err
	}
	if o.place.Service == "" {
		return cfg, fargate.Ref{}, errNoService
	}
	ref, err := fargate.NewClients(cfg).Resolve(ctx, o.place.Cluster, o.place.Service)
	if err != nil {
		return cfg, ref, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.other == o {
		s.other = &other{o.place, ref}
	}
	return cfg, ref, nil
}

// configIn is the target's configuration in a Region; empty is the target's own.
func (s *Session) configIn(ctx context.Context, region string) (aws.Config, error) {
	t, err := s.Target(ctx)
	if err != nil {
		return aws.Config{}, err
	}
	cfg := t.Config
	if region != "" {
		cfg = cfg.Copy()
		cfg.Region = region
	}
	return cfg, nil
}

// Clusters lists the clusters of a Region with their services; an empty region is the
// target's. See fargate.Clusters.
func (s *Session) Clusters(ctx context.Context, region string) ([]fargate.Cluster, error) {
	cfg, err := s.configIn(ctx, region)
	if err != nil {
		return nil, err
	}
	return fargate.NewClients(cfg).Clusters(ctx)
}
