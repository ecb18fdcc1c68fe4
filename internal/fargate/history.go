package fargate

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"

	"workshop/internal/clean"
	"workshop/internal/diagnose"
)

// ServiceDeployment is ECS's record of one rollout of a revision. It stays known after
// the deployment has left its service.
type ServiceDeployment struct {
	ID       string     `json:"id"`
	Status   string     `json:"status"` // as ECS gives it: IN_PROGRESS, SUCCESSFUL, STOPPED, ROLLBACK_SUCCESSFUL...
	Reason   string     `json:"reason"` // why it has that status, in AWS's words
	Revision string     `json:"revision"`
	Created  time.Time  `json:"created"`
	Finished *time.Time `json:"finished,omitempty"`
	Rollback *Rollback  `json:"rollback,omitempty"` // nil where there was none
	// Cause is what went wrong first; nil where nothing did, or nothing is known of it.
	Cause *Answer `json:"cause,omitempty"`
}

// Rollback is the way back from a deployment that failed.
type Rollback struct {
	Revision string    `json:"revision"` // that the service goes back to
	Started  time.Time `json:"started"`
}

// Over reports whether nothing more happens to the deployment.
func (d ServiceDeployment) Over() bool {
	switch ecstypes.ServiceDeploymentStatus(d.Status) {
	case ecstypes.ServiceDeploymentStatusSuccessful, ecstypes.ServiceDeploymentStatusStopped,
		ecstypes.ServiceDeploymentStatusRollbackSuccessful, ecstypes.ServiceDeploymentStatusRollbackFailed:
		return true
	}
	return false
}

// Successful reports whether its revision runs with all its tasks.
func (d ServiceDeployment) Successful() bool {
	return d.Status == string(ecstypes.ServiceDeploymentStatusSuccessful)
}

// InWords writes a state of AWS as a person would: ROLLBACK_SUCCESSFUL is "rollback successful".
func InWords(state string) string { return strings.ToLower(strings.ReplaceAll(state, "_", " ")) }

// RolledBack reports whether ECS goes, went or could not go back to the revision before.
func (d ServiceDeployment) RolledBack() bool {
	switch ecstypes.ServiceDeploymentStatus(d.Status) {
	case ecstypes.ServiceDeploymentStatusRollbackRequested, ecstypes.ServiceDeploymentStatusRollbackInProgress,
		ecstypes.ServiceDeploymentStatusRollbackSuccessful, ecstypes.ServiceDeploymentStatusRollbackFailed:
		return true
	}
	return false
}

// ended is when the deployment's own tasks had no more chance; zero while they have.
func (d ServiceDeployment) ended() time.Time {
	if d.Rollback != nil {
		return d.Rollback.Started
	}
	return aws.ToTime(d.Finished)
}

const (
	historyMost    = 20               // deployments that are asked for; as many revisions are described by one call
	historyEvery   = 3 * time.Second  // while a deployment goes on
	historyRefused = 10 * time.Minute // after a refusal: the right to ask may be missing
)

// history remembers a service's deployments, and asks anew only when the service shows that
// something happened to them.
type history struct {
	service   string // whose history it is, by ARN
	known     []ServiceDeployment
	shown     []Deployment // of the service, when they were last asked for
	asked     time.Time
	refused   bool
	revisions map[string]string                     // family:number by the ARN of a service revision
	details   map[string]ecstypes.ServiceDeployment // of those rolled back, by ARN, as last described
}

// History asks for the service's last deployments, newest first: at most 20, in up to three
// calls. There are none where ECS does not let us see them. Errors are *diagnose.Error.
func History(ctx context.Context, c *Clients, ref Ref, s Service) ([]ServiceDeployment, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var h history
	return h.read(ctx, c, ref, s, time.Now())
}

// read returns the service's deployments, newest first: no call, or up to three. Where
// ECS does not let us see them there are none; that is no error, because the picture is
// true without them.
func (h *history) read(ctx context.Context, c *Clients, ref Ref, s Service, now time.Time) ([]ServiceDeployment, error) {
	if s.ARN != h.service {
		*h = history{service: s.ARN, revisions: map[string]string{}, details: map[string]ecstypes.ServiceDeployment{}}
	}
	since := now.Sub(h.asked)
	goesOn := len(h.known) > 0 && !h.known[0].Over()
	switch {
	case s.Status == "" || h.refused && since < historyRefused:
		return h.known, nil
	case !h.asked.IsZero() && slices.Equal(h.shown, s.Deployments) && (!goesOn || since < historyEvery):
		return h.known, nil
	}
	known, err := h.ask(ctx, c, ref)
	var refused smithy.APIError
	switch h.refused = errors.As(err, &refused); {
	case h.refused:
		h.asked = now
		return h.known, nil
	case err != nil:
		return nil, diagnose.Explain("list the deployments of "+ref.Service, err)
	}
	h.known, h.shown, h.asked = known, s.Deployments, now
	return known, nil
}

func (h *history) ask(ctx context.Context, c *Clients, ref Ref) ([]ServiceDeployment, error) {
	list, err := c.ecs.ListServiceDeployments(ctx, &ecs.ListServiceDeploymentsInput{
		Cluster: &ref.Cluster, Service: &ref.Service, MaxResults: aws.Int32(historyMost),
	})
	if err != nil {
		return nil, err
	}
	var detail, revisions []string
	for _, d := range list.ServiceDeployments {
		arn := aws.ToString(d.ServiceDeploymentArn)
		if (ServiceDeployment{Status: string(d.Status)}).RolledBack() && h.details[arn].Status != d.Status {
			detail = append(detail, arn)
		}
	}
	if len(detail) > 0 { // the list does not tell about the way back
		out, err := c.ecs.DescribeServiceDeployments(ctx, &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: detail})
		if err != nil {
			return nil, err
		}
		for _, d := range out.ServiceDeployments {
			h.details[aws.ToString(d.ServiceDeploymentArn)] = d
		}
	}
	need := func(arn *string) {
		if a := aws.ToString(arn); a != "" && h.revisions[a] == "" && !slices.Contains(revisions, a) {
			revisions = append(revisions, a)
		}
	}
	for _, d := range list.ServiceDeployments {
		need(d.TargetServiceRevisionArn)
		if b := h.details[aws.ToString(d.ServiceDeploymentArn)].Rollback; b != nil {
			need(b.ServiceRevisionArn)
		}
	}
	for batch := range slices.Chunk(revisions, historyMost) {
		out, err := c.ecs.DescribeServiceRevisions(ctx, &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: batch})
		if err != nil {
			return nil, err
		}
		for _, r := range out.ServiceRevisions {
			h.revisions[aws.ToString(r.ServiceRevisionArn)] = last(aws.ToString(r.TaskDefinition))
		}
	}
	known := make([]ServiceDeployment, 0, len(list.ServiceDeployments))
	for _, d := range list.ServiceDeployments {
		arn := aws.ToString(d.ServiceDeploymentArn)
		one := ServiceDeployment{
			ID:       last(arn),
			Status:   string(d.Status),
			Reason:   clean.Line(aws.ToString(d.StatusReason)),
			Revision: h.revisions[aws.ToString(d.TargetServiceRevisionArn)],
			Created:  aws.ToTime(d.CreatedAt),
			Finished: d.FinishedAt,
		}
		if b := h.details[arn].Rollback; b != nil {
			one.Rollback = &Rollback{Revision: h.revisions[aws.ToString(b.ServiceRevisionArn)], Started: aws.ToTime(b.StartedAt)}
		}
		known = append(known, one)
	}
	slices.SortStableFunc(known, func(a, b ServiceDeployment) int { return b.Created.Compare(a.Created) })
	return known, nil
}

// RollsBack reports whether ECS goes back to the revision before at the moment.
func (s *Snapshot) RollsBack() bool {
	return len(s.History) > 0 && s.History[0].RolledBack() && !s.History[0].Over()
}

// Newest returns the newest deployment of a revision; nil where none is known.
func (s *Snapshot) Newest(revision string) *ServiceDeployment {
	for i := range s.History {
		if s.History[i].Revision == revision {
			return &s.History[i]
		}
	}
	return nil
}
