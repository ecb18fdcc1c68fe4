// Package logs keeps log groups, their streams and events, as CloudWatch Logs
// does. Unlike the other services it has a lock of its own, because tasks write
// to it all the time.
package logs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cwl "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"workshop/internal/jsonl"
	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/disk"
	"workshop/internal/sandbox/wire"
)

// Limits of what is kept, so that a chatty task fills neither memory nor disk.
const (
	maxEvents  = 50_000    // a stream; the oldest go first
	maxMessage = 256 << 10 // bytes; longer ones are cut
	maxFile    = 64 << 20  // bytes of a group's file; the oldest events of all streams go first
	maxHeld    = 8 << 20   // bytes that tasks print while no file takes them; what comes then is dropped
)

// Event is one line of a log.
type Event struct {
	Time    time.Time
	Message string
}

// Logs holds one account's log groups. All its methods are safe for concurrent
// use and none needs the sandbox's lock.
type Logs struct {
	account *account.Account
	fs      jsonl.FS
	dir     string // empty keeps everything in memory
	maxFile int64  // bytes
	health  disk.Health

	mu     sync.Mutex
	groups map[string]*group
	tails  map[*tail]struct{}
	seq    uint32
}

type group struct {
	meta    groupMeta
	streams map[string]*stream
	file    *jsonl.Log        // nil without one
	wait    int64             // size before which the file is not compacted again, after that failed
	texts   map[uint32]string // by sequence: those that are not in the file as text of their own
	held    int               // bytes of texts that wait for the disk
	unsaved bool              // something of the group is not in the file yet
}

// groupMeta is what a group's file begins with.
type groupMeta struct {
	Name      string            `json:"name"`
	Created   int64             `json:"created"`             // ms since 1970
	Retention int32             `json:"retention,omitempty"` // days; 0 keeps for ever
	Class     string            `json:"class,omitempty"`
	Tags      map[string]string `json:"tags,omitempty"`
	Key       string            `json:"key,omitempty"` // ARN of a KMS key
	Protected bool              `json:"protected,omitempty"`
}

type stream struct {
	name    string
	created int64   // ms
	unsaved bool    // the file does not have it yet
	events  []event // by time, then by sequence
}

// event is one line of a stream. Its text stays in the group's file: a busy
// service prints more in an hour than a program should hold. There are tens of
// thousands of events, so that each has few bytes, and no pointer.
type event struct {
	time int64  // ms
	seq  uint32 // of arrival in the account; 2^32 lines are more than a sandbox sees
	lag  int32  // ms from time to ingestion, 24 days at most
	messagePosition
}

// id is unique in the account and sorts as the events do.
func (e event) id() string { return fmt.Sprintf("%020d%036d", e.time, e.seq) }

// New opens the log groups below dir; an empty dir keeps them in memory.
func New(a *account.Account, dir string) (*Logs, error) { return NewFS(a, jsonl.OS{}, dir) }

// NewFS is New on another disk.
func NewFS(a *account.Account, fs jsonl.FS, dir string) (*Logs, error) {
	l := &Logs{account: a, fs: fs, dir: dir, maxFile: maxFile, groups: map[string]*group{}, tails: map[*tail]struct{}{}}
	if dir == "" {
		return l, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of the sandbox's logs: %w", err)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the sandbox's logs: %w", err)
	}
	for _, f := range files {
		path := filepath.Join(dir, f.Name())
		if filepath.Ext(path) == ".new" {
			_ = fs.Remove(path) // it was never finished
		}
		if filepath.Ext(path) != ".log" {
			continue
		}
		if err := l.load(path); err != nil {
			return nil, fmt.Errorf("reading the sandbox's logs: %w", err)
		}
	}
	return l, nil
}

var unsafeName = regexp.MustCompile(`[^\w.-]+`)

func (l *Logs) path(name string) string {
	return filepath.Join(l.dir, fmt.Sprintf("%.80s-%x.log", unsafeName.ReplaceAllString(strings.Trim(name, "/"), "_"), hash(name)))
}

// hash tells groups apart whose names look alike as file names (FNV-1a).
func hash(s string) uint32 {
	h := uint32(2166136261)
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return h
}

// Close ends the writing of files.
func (l *Logs) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, g := range l.groups {
		if g.file != nil {
			errs = append(errs, g.file.Close())
			g.file = nil
		}
	}
	return errors.Join(errs...)
}

// order is that of time, and of arrival within a millisecond.
func order(a, b event) int {
	return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.seq, b.seq))
}

func (s *stream) add(e event) {
	n := len(s.events)
	if n == 0 || s.events[n-1].time <= e.time {
		s.events = append(s.events, e)
	} else {
		at, _ := slices.BinarySearchFunc(s.events, e, order)
		s.events = slices.Insert(s.events, at, e)
	}
	if len(s.events) > maxEvents+maxEvents/10 {
		s.events = slices.Clone(s.events[len(s.events)-maxEvents:])
	}
}

var (
	errNoGroup  = &types.ResourceNotFoundException{Message: aws.String("The specified log group does not exist.")}
	errNoStream = &types.ResourceNotFoundException{Message: aws.String("The specified log stream does not exist.")}
)

// HasGroup reports whether there is a log group of that name.
func (l *Logs) HasGroup(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.groups[name] != nil
}

// CreateGroup makes a log group, or finds the one that is there. It fails where
// the name is not one.
func (l *Logs) CreateGroup(name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.groups[name] != nil {
		return nil
	}
	_, err := l.createLogGroup(context.Background(), &cwl.CreateLogGroupInput{LogGroupName: &name})
	return err
}

// CreateStream makes a stream, or finds the one that is there. It fails with
// CloudWatch's ResourceNotFoundException where the group does not exist. A stream
// that cannot be written is kept in memory until it can.
func (l *Logs) CreateStream(groupName, name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.groups[groupName]
	if g == nil {
		return errNoGroup
	}
	if g.streams[name] == nil && l.createStream(g, name) != nil {
		g.streams[name] = &stream{name: name, created: l.account.Now().UnixMilli(), unsaved: true}
		g.unsaved = true
	}
	return nil
}

func (l *Logs) createStream(g *group, name string) error {
	s := &stream{name: name, created: l.account.Now().UnixMilli()}
	if _, err := l.write(g, line{Stream: name, Created: s.created}); err != nil {
		return err
	}
	g.streams[name] = s
	return nil
}

// Append adds what a task printed to a stream, in any order of time. Messages
// over 256 KiB are cut. It fails with CloudWatch's ResourceNotFoundException
// where there is no such stream. Events that cannot be written are kept in memory
// until they can, up to 8 MiB of them.
func (l *Logs) Append(groupName, streamName string, events ...Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	g, s, err := l.find(groupName, streamName)
	if err != nil {
		return err
	}
	lines := l.lines(streamName, events)
	if _, _, impaired := l.health.Impaired(); !impaired { // else it is Retry that tries again
		if places, err := l.write(g, lines...); err == nil {
			l.add(g, s, lines, places)
			return nil
		}
	}
	held := 0
	for _, g := range l.groups {
		held += g.held
	}
	for i, n := range lines {
		if held += len(n.Message); held > maxHeld {
			lines = lines[:i]
			break
		}
		g.held += len(n.Message)
	}
	g.unsaved = true
	l.add(g, s, lines, nil)
	return nil
}

// put is Append for events of a client: they are written, or not there.
func (l *Logs) put(groupName, streamName string, events []Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	g, s, err := l.find(groupName, streamName)
	if err != nil {
		return err
	}
	lines := l.lines(streamName, events)
	places, err := l.write(g, lines...)
	if err == nil {
		l.add(g, s, lines, places)
	}
	return err
}

func (l *Logs) find(groupName, streamName string) (*group, *stream, error) {
	g := l.groups[groupName]
	if g == nil {
		return nil, nil, errNoGroup
	}
	s := g.streams[streamName]
	if s == nil {
		return nil, nil, errNoStream
	}
	return g, s, nil
}

// lines are events as a file has them.
func (l *Logs) lines(stream string, events []Event) []line {
	now := l.account.Now().UnixMilli()
	lines := make([]line, len(events))
	for i, in := range events {
		message := strings.ToValidUTF8(in.Message, "\ufffd")
		if len(message) > maxMessage {
			message = strings.ToValidUTF8(message[:maxMessage], "")
		}
		lines[i] = line{Stream: stream, Time: in.Time.UnixMilli(), In: now, Message: message}
	}
	return lines
}

// add puts events into memory. Without places memory is where their texts are.
func (l *Logs) add(g *group, s *stream, lines []line, places []messagePosition) {
	for i, n := range lines {
		e := l.event(n)
		if places != nil {
			e.messagePosition = places[i]
		} else {
			g.keep(e, n.Message)
		}
		s.add(e)
		for t := range l.tails {
			t.offer(g.meta.Name, n.Stream, e, n.Message)
		}
	}
	if g.file != nil && g.file.Size() > max(l.maxFile, g.wait) {
		l.compact(g)
	}
}

// event is what memory has of a line.
func (l *Logs) event(n line) event {
	l.seq++
	return event{time: n.Time, seq: l.seq, lag: int32(min(max(n.In-n.Time, math.MinInt32), math.MaxInt32))}
}

func (e event) ingested() int64 { return e.time + int64(e.lag) }

// keep keeps an event's text in memory.
func (g *group) keep(e event, text string) {
	if g.texts == nil {
		g.texts = map[uint32]string{}
	}
	g.texts[e.seq] = text
}

// bytes is the length of an event's text; a text of the file counts with its
// escapes.
func (g *group) bytes(e event) int {
	if e.size > 0 {
		return int(e.size) - len(`""`)
	}
	return len(g.texts[e.seq])
}

// Retry tries again to write after a write has failed. It does nothing while all
// is well.
func (l *Logs) Retry() {
	if _, _, impaired := l.health.Impaired(); !impaired {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.probe() != nil {
		return
	}
	for _, g := range l.groups {
		if _, err := l.write(g); err != nil {
			return
		}
	}
	l.health.Set(nil, time.Now())
}

// probe finds out whether there is space for more than a line.
func (l *Logs) probe() error {
	path := filepath.Join(l.dir, "probe.new")
	f, err := l.fs.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, block))
	return errors.Join(err, f.Close(), l.fs.Remove(path))
}

// Impaired returns why logs cannot be written and since when; ok is false while they
// can.
func (l *Logs) Impaired() (reason string, since time.Time, ok bool) { return l.health.Impaired() }

// Tagged lists the log groups that have tags.
func (l *Logs) Tagged() []account.Tagged {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []account.Tagged
	for _, g := range l.sorted() {
		if len(g.meta.Tags) > 0 {
			out = append(out, account.Tagged{ARN: l.arn(g.meta.Name), Tags: g.meta.Tags})
		}
	}
	return out
}

func (l *Logs) sorted() []*group {
	out := make([]*group, 0, len(l.groups))
	for _, g := range l.groups {
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b *group) int { return strings.Compare(a.meta.Name, b.meta.Name) })
	return out
}

func (l *Logs) arn(name string) string { return l.account.ARN("logs", "log-group:"+name) }

// byARN finds a group by what tags are put on: its ARN, with or without the
// star that stands for its streams.
func (l *Logs) byARN(arn *string) (*group, error) {
	name, ok := strings.CutPrefix(aws.ToString(arn), l.account.ARN("logs", "log-group:"))
	if !ok {
		return nil, wire.Errorf("InvalidParameterException", "%q is not the ARN of a log group in this account and region", aws.ToString(arn))
	}
	return l.byName(aws.String(strings.TrimSuffix(name, ":*")))
}

// byName finds a group by its name or, as newer operations allow, by its ARN.
func (l *Logs) byName(name *string) (*group, error) {
	n := strings.TrimPrefix(aws.ToString(name), l.account.ARN("logs", "log-group:"))
	if strings.HasSuffix(n, ":*") { // which stands for the streams of a group
		return nil, wire.Errorf("InvalidParameterException", "The log group identifier must not end with ':*'.")
	}
	if g := l.groups[n]; g != nil {
		return g, nil
	}
	return nil, errNoGroup
}

func (l *Logs) remove(g *group) error {
	if l.dir != "" {
		path := l.path(g.meta.Name)
		if err := l.fs.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return disk.NewError(path, err)
		}
	}
	if g.file != nil {
		g.file.Close()
	}
	delete(l.groups, g.meta.Name)
	return nil
}

// expire drops what is older than the group's retention allows.
func (g *group) expire(now time.Time) {
	if g.meta.Retention == 0 {
		return
	}
	oldest := now.AddDate(0, 0, -int(g.meta.Retention)).UnixMilli()
	for _, s := range g.streams {
		n, _ := slices.BinarySearchFunc(s.events, oldest, func(e event, t int64) int { return cmp.Compare(e.time, t) })
		s.events = s.events[n:]
	}
}
