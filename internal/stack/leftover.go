package stack

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Process identifies a running Terraform. The system may give its number to
// another program later, so that the number alone is not enough to end it.
type Process struct {
	PID   int    `json:"pid"`
	Start string `json:"start"` // when it started; opaque
}

func identify(pid int) Process { return Process{PID: pid, Start: startTime(pid)} }

// Alive reports whether this very process still runs.
func (p Process) Alive() bool { return p.PID > 0 && p.Start != "" && startTime(p.PID) == p.Start }

const (
	// leftoverGrace is how long a Terraform whose owner died may take to save its
	// state. It waits for nothing any more, but may be in the middle of a request
	// that the provider repeats.
	leftoverGrace = 40 * time.Second
	leftoverPoll  = 50 * time.Millisecond
)

// EndLeftover ends a Terraform whose owner died, and the providers that it
// started: Terraform is interrupted, has 40 seconds to save its state, and is then
// killed with everything in its process group. It returns once nothing is left,
// and reports whether there was anything to end. A process that merely has the
// same number is not touched. When ctx ends, EndLeftover returns its error and
// leaves the interrupted Terraform to end by itself. On Windows, which has no
// interrupt, Terraform is killed at once, and providers without Terraform are not
// found.
func EndLeftover(ctx context.Context, p Process) (found bool, err error) {
	return endLeftover(ctx, p, leftoverGrace)
}

func endLeftover(ctx context.Context, p Process, grace time.Duration) (found bool, err error) {
	if p.PID <= 1 || p.Start == "" {
		return false, nil
	}
	found = p.Alive()
	// Where the system has interrupted Terraform at its owner's death, a second
	// interrupt would have it leave without saving its state.
	if interruptedByDeath {
		if err := awaitEnd(ctx, p, grace); err != nil {
			return found, err
		}
	}
	if p.Alive() {
		if err := interruptPID(p.PID); err != nil && p.Alive() {
			return true, fmt.Errorf("interrupt the Terraform that was left running (process %d): %w", p.PID, err)
		}
		if err := awaitEnd(ctx, p, grace); err != nil {
			return true, err
		}
	}
	for deadline := time.Now().Add(hardGrace); ; {
		members, err := leftoverGroup(p)
		if err != nil {
			return found, fmt.Errorf("look for processes that Terraform (process %d) left running: %w", p.PID, err)
		}
		if len(members) == 0 {
			return found, nil
		}
		found = true
		for _, pid := range members {
			if e := killPID(pid); e != nil {
				err = errors.Join(err, fmt.Errorf("end process %d: %w", pid, e))
			}
		}
		if e := pause(ctx); e != nil {
			return found, errors.Join(e, err)
		}
		if err != nil && time.Now().After(deadline) {
			return found, err
		}
	}
}

// awaitEnd waits until Terraform has ended, for at most grace.
func awaitEnd(ctx context.Context, p Process, grace time.Duration) error {
	for deadline := time.Now().Add(grace); p.Alive() && time.Now().Before(deadline); {
		if err := pause(ctx); err != nil {
			return fmt.Errorf("wait until the Terraform that was left running (process %d) has saved its state: %w", p.PID, err)
		}
	}
	return nil
}

// leftoverGroup lists what is to be killed. The members of Terraform's group keep
// its number from being given away; but once the group had been empty, the number
// may belong to anybody, so that without Terraform only providers count.
func leftoverGroup(p Process) ([]int, error) {
	members, err := processGroup(p.PID)
	if err != nil {
		return nil, err
	}
	alive := p.Alive()
	var out []int
	if alive {
		out = append(out, p.PID)
	}
	for pid, program := range members {
		if pid != p.PID && (alive || strings.HasPrefix(program, "terraform-provider-")) {
			out = append(out, pid)
		}
	}
	return out, nil
}

func pause(ctx context.Context) error {
	t := time.NewTimer(leftoverPoll)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
