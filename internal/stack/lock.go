package stack

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"workshop/internal/clean"
)

// StateLock is Terraform's note of who holds the lock of a state.
type StateLock struct {
	ID      string
	Who     string // user@host
	Created time.Time
}

// lockField finds the lines of the note in an error of Terraform's.
var lockField = regexp.MustCompile(`(?m)^[│ \t]*(ID|Who|Created): +(.+?)\s*$`)

// stateLock reads the lock out of the error that it caused; ok is false where
// anything of it is missing.
func stateLock(err error) (l StateLock, ok bool) {
	var d *DiagnosticError
	if !errors.Is(err, ErrStateLocked) || !errors.As(err, &d) {
		return StateLock{}, false
	}
	for _, diagnostic := range d.Diagnostics {
		for _, m := range lockField.FindAllStringSubmatch(diagnostic.Detail, -1) {
			switch m[1] {
			case "ID":
				l.ID = m[2]
			case "Who":
				l.Who = m[2]
			case "Created":
				l.Created, _ = time.Parse("2006-01-02 15:04:05.999999999 -0700 MST", m[2])
			}
		}
	}
	return l, validLock.MatchString(l.ID) && l.Who != "" && !l.Created.IsZero()
}

var validLock = regexp.MustCompile(`^[0-9a-f-]{36}$`)

// unlock removes a lock that kept an operation from its work and that nobody
// holds any more.
func (s *Stack) unlock(ctx context.Context, o *operation, cause error) (unlocked bool, err error) {
	l, ok := stateLock(cause)
	if !ok || s.opts.Stale == nil || !s.opts.Stale(l) {
		return false, nil
	}
	send(o.emit, Event{Type: EventLog, Op: o.op, Message: clean.Line(fmt.Sprintf(
		"Removing the lock of the state that a killed Terraform left at %s", l.Created.Local().Format("15:04:05")))})
	if err := s.stream(ctx, o, []string{"force-unlock", "-force", l.ID}, func(message) {}); err != nil {
		return false, fmt.Errorf("remove the lock that a killed Terraform left: %w", err)
	}
	return true, nil
}
