package session

import (
	"context"
	"fmt"

	"workshop/internal/clean"
	"workshop/internal/fargate"
)

// MostTasks is the most that one workshop may ask for: each costs money on AWS.
const MostTasks = 10

// What actions on the service do, for whoever asks before they are done.
const (
	StopTaskDoes = "ECS sends it SIGTERM and takes it out of the load balancer. The service sees that one is missing and starts another. The task's logs are kept."
	RedeployDoes = "ECS starts a fresh task for every one that runs, waits until it is healthy, and only then stops the old one. The URL answers all the while."
	ScaleCosts   = "On AWS every task costs money while it runs."
)

// RollbackDoes says what going back to a revision does, of a service whose configuration is
// the workspace's or not.
func RollbackDoes(revision string, own bool) string {
	says := fmt.Sprintf("ECS starts tasks of revision %s, waits until they are healthy, and only then stops the present ones. If that revision was deregistered, as Terraform does when it makes a new one, a copy of it is registered under a new number.", clean.Line(revision))
	if own {
		says += " Your files stay as they are: Terraform's next plan shows the difference, and an apply takes the service back to what they say."
	}
	return says
}

// Rollback has the service run an earlier revision (family:number). See
// fargate.Clients.Rollback.
func (s *Session) Rollback(ctx context.Context, revision string) error {
	return s.act(ctx, func(c *fargate.Clients, ref fargate.Ref) error {
		_, err := c.Rollback(ctx, ref, revision)
		return err
	})
}
