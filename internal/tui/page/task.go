package page

import (
	"workshop/internal/clean"
	"workshop/internal/fargate"
)

// ShortID returns the part of a task's id by which people tell tasks apart.
func ShortID(id string) string {
	if len(id) > 4 {
		return id[:4]
	}
	return id
}

// StopReason returns why a task stopped: the diagnosis, or else AWS's own reason.
func StopReason(t fargate.Task) string {
	if t.Answer != nil && t.Answer.What != "" {
		return clean.Line(t.Answer.What)
	}
	if t.StoppedReason != "" {
		return clean.Line(t.StoppedReason)
	}
	return "no reason given"
}
