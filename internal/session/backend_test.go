package session

import (
	"encoding/json"
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"testing"
	"time"

	"workshop/internal/operation"
	"workshop/internal/stack"
	"workshop/internal/target"
)

// ended writes an operation that ran for a minute and ended with err; with
// unknown it ended without saying how.
func ended(t *testing.T, s *Session, started time.Time, unknown bool, err error) {
	t.Helper()
	dir := filepath.Join(s.operations(), started.Format("20060102T150405.000000")+"-deploy")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(name string, lines ...any) {
		var data []byte
		for _, l := range lines {
			line, err := json.Marshal(l)
			if err != nil {
				t.Fatal(err)
			}
			data = append(append(data, line...), '\n')
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("request.json", operation.Request{Kind: operation.Deploy, Started: started, By: "test", Input: json.RawMessage("{}")})
	last := map[string]any{"time": started.Add(time.Minute)}
	if unknown {
		last["event"] = stack.Event{Type: stack.EventLog}
	} else {
		last["outcome"] = map[string]any{"failure": stack.FailureOf(err)}
	}
	write("events.jsonl", last)
}

// Only the lock of an operation of this workspace that did not come to its end
// counts as left.
func TestLockThatIsLeft(t *testing.T) {
	u, err := user.Current()
	if err != nil {
		t.Skip("the user is not known: ", err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Skip("the host is not known: ", err)
	}
	me := u.Username + "@" + host
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	killed := &stack.KilledError{Op: stack.OpApply}
	for name, test := range map[string]struct {
		unknown bool
		err     error
		who     string
		after   time.Duration // the beginning
		want    bool
	}{
		"interrupted":                 {unknown: true, who: me, after: 5 * time.Second, want: true},
		"Terraform was killed":        {err: killed, who: me, after: 5 * time.Second, want: true},
		"stopped at once":             {err: stack.ErrStopped, who: me, after: 5 * time.Second, want: true},
		"ended well":                  {who: me, after: 5 * time.Second},
		"failed":                      {err: errors.New("no such image"), who: me, after: 5 * time.Second},
		"another Terraform had it":    {err: stack.ErrStateLocked, who: me, after: 5 * time.Second},
		"somebody else":               {unknown: true, who: "x" + me, after: 5 * time.Second},
		"another computer":            {unknown: true, who: me + ".example", after: 5 * time.Second},
		"taken before":                {unknown: true, who: me, after: -time.Second},
		"taken by hand, later":        {unknown: true, who: me, after: time.Hour},
		"killed, and taken by others": {err: errors.Join(killed, stack.ErrStateLocked), who: me, after: 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, target.AWS)
			ended(t, s, began, test.unknown, test.err)
			if got := s.leftLock(stack.StateLock{ID: "x", Who: test.who, Created: began.Add(test.after)}); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
