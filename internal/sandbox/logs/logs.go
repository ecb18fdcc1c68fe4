// Package logs keeps log groups, their streams and events, as CloudWatch Logs
// does. Unlike the other services it has a lock of its own, because tasks write
// to it all the time.
package logs

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
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

	"workshop/internal/sandbox/account"
	"workshop/internal/sandbox/wire"
)

// Limits of what is kept, so that a chatty task fills neither memory nor disk.
const (
	maxEvents  = 50_000    // a stream; the oldest go first
	maxMessage = 256 << 10 // bytes; longer ones are cut
	maxFile    = 64 << 20  // bytes of a group's file; the oldest events of all streams go first
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
	dir     string // empty keeps everything in memory
	maxFile int64  // bytes

	mu     sync.Mutex
	groups map[string]*group
	tails  map[*tail]struct{}
	seq    int64
}

type group struct {
	meta    groupMeta
	streams map[string]*stream
	file    *os.File
	size    int64
}

// groupMeta is what a group's file begins with.
type groupMeta struct {
	Name      string            `json:"name"`
	Created   int64             `json:"created"`             // ms since 1970
	Retention int32             `json:"retention,omitempty"` // days; 0 keeps for ever
	Class     string            `json:"class,omitempty"`
	Tags      map[string]string `json:"tags,omitempty"`
}

type stream struct {
	name    string
	created int64   // ms
	events  []event // by time, then by sequence
}

// event is one line of a stream. Its text stays in the group's file: a busy
// service prints more in an hour than a program should hold.
type event struct {
	seq      int64
	time     int64 // ms
	ingested int64 // ms
	bytes    int   // of its text
	place
	text string // where no file has it
}

// id is unique in the account and sorts as the events do.
func (e event) id() string { return fmt.Sprintf("%020d%036d", e.time, e.seq) }

// New opens the log groups below dir; an empty dir keeps them in memory.
func New(a *account.Account, dir string) (*Logs, error) {
	l := &Logs{account: a, dir: dir, maxFile: maxFile, groups: map[string]*group{}, tails: map[*tail]struct{}{}}
	if dir == "" {
		return l, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of the sandbox's logs: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if err := l.load(f); err != nil {
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
	_, err := l.createLogGroup(&cwl.CreateLogGroupInput{LogGroupName: &name})
	return err
}

// CreateStream makes a stream, or finds the one that is there. It fails with
// CloudWatch's ResourceNotFoundException where the group does not exist.
func (l *Logs) CreateStream(groupName, name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.groups[groupName]
	if g == nil {
		return errNoGroup
	}
	if g.streams[name] != nil {
		return nil
	}
	return l.createStream(g, name)
}

func (l *Logs) createStream(g *group, name string) error {
	s := &stream{name: name, created: l.account.Now().UnixMilli()}
	g.streams[name] = s
	_, err := l.write(g, line{Stream: name, Created: s.created})
	return err
}

// Append adds events to a stream, in any order of time. Messages over 256 KiB
// are cut.
func (l *Logs) Append(groupName, streamName string, events ...Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.groups[groupName]
	if g == nil {
		return errNoGroup
	}
	s := g.streams[streamName]
	if s == nil {
		return errNoStream
	}
	now := l.account.Now().UnixMilli()
	lines := make([]line, len(events))
	for i, in := range events {
		message := strings.ToValidUTF8(in.Message, "\ufffd")
		if len(message) > maxMessage {
			message = strings.ToValidUTF8(message[:maxMessage], "")
		}
		lines[i] = line{Stream: streamName, Time: in.Time.UnixMilli(), In: now, Message: message}
	}
	places, err := l.write(g, lines...)
	for i, n := range lines {
		l.seq++
		e := event{seq: l.seq, time: n.Time, ingested: n.In, bytes: len(n.Message)}
		if places != nil {
			e.place = places[i]
		} else {
			e.text = n.Message // no file, or a full disk
		}
		s.add(e)
		for t := range l.tails {
			t.offer(groupName, streamName, e, n.Message)
		}
	}
	if err == nil && g.size > l.maxFile {
		err = l.compact(g)
	}
	return err
}

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
	n := strings.TrimSuffix(strings.TrimPrefix(aws.ToString(name), l.account.ARN("logs", "log-group:")), ":*")
	if g := l.groups[n]; g != nil {
		return g, nil
	}
	return nil, errNoGroup
}

func (l *Logs) remove(g *group) error {
	delete(l.groups, g.meta.Name)
	if g.file != nil {
		g.file.Close()
	}
	if l.dir == "" {
		return nil
	}
	if err := os.Remove(l.path(g.meta.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the sandbox could not delete a log group: %w", err)
	}
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
