package target

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/gofrs/flock"
	"github.com/google/renameio/v2/maybe"

	"workshop/internal/clean"
	"workshop/internal/sandbox"
)

// info is how another process finds a sandbox: the file is readable by its
// owner alone, because it holds the keys. It is written as soon as the sandbox's
// process has the lock, without an endpoint, and again when it serves.
type info struct {
	PID        int       `json:"pid"`
	Since      time.Time `json:"since"`
	Build      string    `json:"build"`
	Background bool      `json:"background"`
	Region     string    `json:"region"`

	Endpoint        string   `json:"endpoint,omitempty"`
	Account         string   `json:"account,omitempty"`
	AccessKeyID     string   `json:"access_key_id,omitempty"`
	SecretAccessKey string   `json:"secret_access_key,omitempty"`
	Notes           []string `json:"notes,omitempty"` // of how it came up
}

// files are the paths of a workspace's sandbox.
type files struct {
	info   string
	folder string // of its state
	lock   string // held by the sandbox's process for as long as it runs
	port   string // of the endpoint
	log    string // of one in the background
}

func filesOf(workspace string) (files, error) {
	dir, err := filepath.Abs(workspace)
	if err != nil {
		return files{}, fmt.Errorf("finding the workspace: %w", err)
	}
	folder := filepath.Join(dir, "sandbox")
	return files{
		info: filepath.Join(dir, "sandbox.json"), folder: folder,
		lock: filepath.Join(folder, "lock"), port: filepath.Join(folder, "port"), log: filepath.Join(folder, "log"),
	}, nil
}

func (f files) read() (info, error) {
	b, err := os.ReadFile(f.info)
	if err != nil {
		return info{}, err
	}
	return parseInfo(b)
}

var (
	regionPattern  = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
	accountPattern = regexp.MustCompile(`^[0-9]{12}$`)
)

// parseInfo refuses what no sandbox writes: signals go to the process that the
// file names, and the learner's requests to the address in it.
func parseInfo(b []byte) (info, error) {
	var i info
	if err := json.Unmarshal(b, &i); err != nil {
		return info{}, fmt.Errorf("sandbox.json: %w", err)
	}
	if i.PID <= 1 || !regionPattern.MatchString(i.Region) {
		return info{}, errors.New("sandbox.json names no process or no region")
	}
	if i.Endpoint == "" {
		return i, nil
	}
	host, ok := strings.CutPrefix(i.Endpoint, "http://")
	at, err := netip.ParseAddrPort(host)
	if !ok || err != nil || !at.Addr().IsLoopback() || at.Port() == 0 || !accountPattern.MatchString(i.Account) {
		return info{}, errors.New("sandbox.json names no address on this machine or no account")
	}
	return i, nil
}

func (f files) write(i info) error {
	b, err := json.MarshalIndent(i, "", "  ")
	if err == nil {
		err = maybe.WriteFile(f.info, b, 0o600)
	}
	if err != nil {
		return fmt.Errorf("writing where other commands find the sandbox: %w", err)
	}
	return nil
}

// locked reports whether a process is the sandbox. The system gives the lock
// back when that process dies, whatever its file says.
func (f files) locked() (bool, error) {
	if _, err := os.Stat(f.lock); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	l := flock.New(f.lock, flock.SetPermissions(0o600))
	// A shared lock: several may look at once, and none of them must look to another
	// like a sandbox.
	free, err := l.TryRLock()
	if err != nil {
		return false, fmt.Errorf("looking whether a sandbox runs: %w", err)
	}
	return !free, l.Close()
}

const describePath = sandbox.ControlPath + "describe"

var (
	// describeTime bounds one question to a sandbox; answerTime bounds how long a
	// command asks, startTime how long it waits for a sandbox to start. A stop
	// that takes longer than stopTime becomes a kill, which gets killTime.
	describeTime = 2 * time.Second
	answerTime   = 10 * time.Second
	startTime    = 30 * time.Second
	stopTime     = 10 * time.Second
	killTime     = 5 * time.Second
)

const lookAgain = 20 * time.Millisecond

// description is what a sandbox says of itself.
type description struct {
	PID      int        `json:"pid"`
	Build    string     `json:"build"`
	Deployed int        `json:"deployed"` // resources
	LastUse  time.Time  `json:"last_use"`
	IdleEnds *time.Time `json:"idle_ends"`
	Problem  string     `json:"problem"`
}

// answerError is an answer that is not the one that was asked for.
type answerError struct {
	Status int
	Text   string
}

func (e *answerError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("it answered %d %s", e.Status, e.Text))
}

// describe asks the sandbox of i about itself. An *answerError means that
// something listens and answers otherwise.
func describe(ctx context.Context, i info) (description, error) {
	ctx, cancel := context.WithTimeout(ctx, describeTime)
	defer cancel()
	var d description
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, i.Endpoint+describePath, http.NoBody)
	if err != nil {
		return d, err
	}
	sum := sha256.Sum256(nil)
	keys := aws.Credentials{AccessKeyID: i.AccessKeyID, SecretAccessKey: i.SecretAccessKey}
	if err := v4.NewSigner().SignHTTP(ctx, keys, req, hex.EncodeToString(sum[:]), "sts", i.Region, time.Now()); err != nil {
		return d, err
	}
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{}).DialContext}}).Do(req)
	if err != nil {
		return d, err
	}
	defer res.Body.Close()
	const most = 64 << 10 // bytes of an answer
	b, err := io.ReadAll(io.LimitReader(res.Body, most))
	if err != nil {
		return d, err
	}
	if res.StatusCode != http.StatusOK || json.Unmarshal(b, &d) != nil {
		return d, &answerError{res.StatusCode, clean.Line(string(bytes.TrimSpace(b[:min(len(b), 500)])))}
	}
	return d, nil
}

// state is what a look at a workspace's sandbox shows.
type state int

const (
	absent   state = iota // no process is the sandbox
	starting              // one is, and does not serve yet, or is about to end
	silent                // it does not answer
	running               // it answers, perhaps with a problem
)

// look finds out how the sandbox is, within describeTime. err is why it is
// silent.
func (f files) look(ctx context.Context) (s state, i info, d description, err error) {
	held, err := f.locked()
	if err != nil || !held {
		return absent, i, d, err
	}
	if i, err = f.read(); err != nil || i.Endpoint == "" {
		return starting, i, d, nil // the file is being made
	}
	d, err = describe(ctx, i)
	var other *answerError
	switch {
	case err == nil && d.PID == i.PID:
		return running, i, d, nil
	case errors.As(err, &other) && other.Status < http.StatusInternalServerError:
		return running, i, d, nil // an earlier build, which does not know the question
	case errors.As(err, &other):
		return running, i, description{PID: i.PID, Build: i.Build, Problem: other.Error()}, nil
	case err == nil:
		return starting, i, d, nil // the file is about another process
	}
	return silent, i, d, err
}

// ErrNotRunning is returned where a sandbox is needed and none may be started.
var ErrNotRunning = errors.New("no sandbox runs in this workspace: `workshop sandbox start` starts it")

// UnavailableError says that a process is the sandbox of the workspace, but
// cannot be used.
type UnavailableError struct {
	PID   int           // of the sandbox; 0 where it has not said
	For   string        // what was waited for, such as "answer"
	After time.Duration // of waiting
	Err   error         // the last failure; nil for none
}

func (e *UnavailableError) Error() string {
	text := "the sandbox"
	if e.PID != 0 {
		text += fmt.Sprintf(" (process %d)", e.PID)
	}
	text += fmt.Sprintf(" did not %s within %d s", e.For, int(e.After.Round(time.Second).Seconds()))
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text + ". It may be stopped or overloaded. `workshop sandbox logs` shows what it printed; `workshop sandbox stop` ends it, and the next command starts it again"
}

func (e *UnavailableError) Unwrap() error { return e.Err }

// Status is what is known of a workspace's sandbox. It is the contract of
// `workshop sandbox status --json`.
type Status struct {
	Running    bool       `json:"running"`
	Endpoint   string     `json:"endpoint"`
	PID        int        `json:"pid"`
	Since      *time.Time `json:"since"`
	Region     string     `json:"region"`
	Background bool       `json:"background"`
	Deployed   int        `json:"deployed"`          // resources; -1 where the sandbox does not say
	IdleEnds   *time.Time `json:"idle_ends"`         // when it ends by itself if nobody uses it; nil for never
	Problem    string     `json:"problem,omitempty"` // why it does not work as it should
}

// SandboxStatus looks at the sandbox of a workspace's folder. It starts nothing
// and does not count as use. Where the sandbox does not answer within 10 s the
// error is an *UnavailableError, and the status says what its file does.
func SandboxStatus(ctx context.Context, dir string) (Status, error) {
	f, err := filesOf(dir)
	if err != nil {
		return Status{}, err
	}
	for begun := time.Now(); ; {
		s, i, d, err := f.look(ctx)
		st := Status{
			Running: s != absent, Endpoint: i.Endpoint, PID: i.PID, Region: i.Region, Background: i.Background,
			Deployed: d.Deployed, IdleEnds: d.IdleEnds, Problem: clean.Line(d.Problem),
		}
		if !i.Since.IsZero() {
			st.Since = &i.Since
		}
		if s == absent {
			return Status{}, err
		}
		if s == running {
			if d.PID == 0 {
				st.Deployed = -1
			}
			return st, nil
		}
		if after := time.Since(begun); after >= answerTime || ctx.Err() != nil {
			gone := &UnavailableError{PID: i.PID, For: "answer", After: after, Err: errors.Join(err, ctx.Err())}
			st.Deployed, st.Problem = -1, clean.Line(gone.Error())
			return st, gone
		}
		pause(ctx, lookAgain)
	}
}

// StopSandbox ends the sandbox of a workspace's folder with its tasks, and
// returns its process id when it has ended: within 10 s in good order, else by a
// kill. Without one the error is ErrNotRunning.
func StopSandbox(ctx context.Context, dir string) (pid int, err error) {
	f, err := filesOf(dir)
	if err != nil {
		return 0, err
	}
	held, err := f.locked()
	if err != nil {
		return 0, err
	}
	if !held {
		return 0, ErrNotRunning
	}
	return f.stop(ctx)
}

func (f files) stop(ctx context.Context) (pid int, err error) {
	begun := time.Now()
	for { // one that has only just begun has not said yet which process it is
		if i, err := f.read(); err == nil && i.PID > 0 {
			pid = i.PID
			break
		}
		if held, err := f.locked(); err != nil || !held {
			return 0, err
		}
		if after := time.Since(begun); after >= stopTime || ctx.Err() != nil {
			return 0, &UnavailableError{For: "say which process it is", After: after, Err: ctx.Err()}
		}
		pause(ctx, lookAgain)
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return pid, fmt.Errorf("finding the sandbox's process %d: %w", pid, err)
	}
	for _, way := range []struct {
		end   func(*os.Process) error
		grace time.Duration
	}{{terminate, stopTime}, {(*os.Process).Kill, killTime}} {
		if err := way.end(p); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return pid, fmt.Errorf("ending the sandbox's process %d: %w", pid, err)
		}
		for asked := time.Now(); time.Since(asked) < way.grace; pause(ctx, lookAgain) {
			if held, err := f.locked(); err != nil || !held {
				return pid, err
			}
			if i, err := f.read(); err == nil && i.PID != pid {
				return pid, nil // another command has started the next one
			}
			if ctx.Err() != nil {
				return pid, fmt.Errorf("waiting for the sandbox (process %d) to end: %w", pid, ctx.Err())
			}
		}
	}
	return pid, &UnavailableError{PID: pid, For: "end", After: time.Since(begun)}
}

// SandboxLog is the path of what the background sandbox of a workspace's folder
// prints.
func SandboxLog(dir string) (string, error) {
	f, err := filesOf(dir)
	return f.log, err
}

// pause waits, or returns at once when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
