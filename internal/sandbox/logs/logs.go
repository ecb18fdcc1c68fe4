// Package logs keeps log groups, their streams and events, as CloudWatch Logs
// does. Unlike the other services it has a lock of its own, because tasks write
// to it all the time.
package logs

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
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
	maxEvents   = 50_000    // a stream; the oldest go first
	maxMessage  = 256 << 10 // bytes; longer ones are cut
	maxFileSize = 64 << 20  // bytes of a group's file before it is rewritten
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

type event struct {
	seq      int64
	time     int64 // ms
	ingested int64 // ms
	message  string
}

// id is unique in the account and sorts as the events do.
func (e event) id() string { return fmt.Sprintf("%020d%036d", e.time, e.seq) }

// line is one entry of a group's file.
type line struct {
	Group   *groupMeta `json:"g,omitempty"`
	Stream  string     `json:"s,omitempty"`
	Created int64      `json:"c,omitempty"` // of a new stream
	Deleted bool       `json:"x,omitempty"` // the stream is gone
	Time    int64      `json:"t,omitempty"`
	In      int64      `json:"i,omitempty"`
	Message string     `json:"m,omitempty"`
}

// New opens the log groups below dir; an empty dir keeps them in memory.
func New(a *account.Account, dir string) (*Logs, error) {
	l := &Logs{account: a, dir: dir, groups: map[string]*group{}, tails: map[*tail]struct{}{}}
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

// load reads one group; what a crash cut off at the end is dropped.
func (l *Logs) load(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	g := &group{streams: map[string]*stream{}, file: f}
	in := bufio.NewReaderSize(f, 1<<16)
	for {
		b, err := in.ReadBytes('\n')
		if err != nil {
			break
		}
		g.size += int64(len(b))
		var n line
		if json.Unmarshal(b, &n) != nil {
			continue // one lost line is better than a sandbox that does not start
		}
		switch {
		case n.Group != nil:
			g.meta = *n.Group
		case n.Deleted:
			delete(g.streams, n.Stream)
		case n.Created != 0:
			g.streams[n.Stream] = &stream{name: n.Stream, created: n.Created}
		case g.streams[n.Stream] != nil:
			l.seq++
			g.streams[n.Stream].add(event{l.seq, n.Time, n.In, n.Message})
		}
	}
	if g.meta.Name == "" {
		f.Close()
		return os.Remove(path)
	}
	if err := f.Truncate(g.size); err != nil {
		return err
	}
	l.groups[g.meta.Name] = g
	return nil
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

// write appends lines to the group's file, in one write.
func (l *Logs) write(g *group, lines ...line) error {
	if l.dir == "" {
		return nil
	}
	if g.file == nil {
		f, err := os.OpenFile(l.path(g.meta.Name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600)
		if err != nil {
			return fmt.Errorf("the sandbox could not save its logs: %w", err)
		}
		g.file, g.size = f, 0
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, n := range lines {
		if err := enc.Encode(n); err != nil {
			return err
		}
	}
	n, err := g.file.Write(b.Bytes())
	g.size += int64(n)
	if err != nil {
		return fmt.Errorf("the sandbox could not save its logs: %w", err)
	}
	if g.size > maxFileSize {
		return l.rewrite(g)
	}
	return nil
}

// rewrite replaces the group's file by one that holds what is still kept.
func (l *Logs) rewrite(g *group) error {
	g.file.Close()
	g.file = nil
	lines := []line{{Group: &g.meta}}
	for _, s := range g.streams {
		lines = append(lines, line{Stream: s.name, Created: s.created})
		for _, e := range s.events {
			lines = append(lines, line{Stream: s.name, Time: e.time, In: e.ingested, Message: e.message})
		}
	}
	return l.write(g, lines...)
}

func (s *stream) add(e event) {
	n := len(s.events)
	if n == 0 || s.events[n-1].time <= e.time {
		s.events = append(s.events, e)
	} else {
		at, _ := slices.BinarySearchFunc(s.events, e, func(a, b event) int {
			return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.seq, b.seq))
		})
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
	return l.write(g, line{Stream: name, Created: s.created})
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
	lines := make([]line, 0, len(events))
	for _, in := range events {
		l.seq++
		e := event{l.seq, in.Time.UnixMilli(), now, strings.ToValidUTF8(in.Message, "\ufffd")}
		if len(e.message) > maxMessage {
			e.message = strings.ToValidUTF8(e.message[:maxMessage], "")
		}
		s.add(e)
		for t := range l.tails {
			t.offer(groupName, streamName, e)
		}
		lines = append(lines, line{Stream: streamName, Time: e.time, In: e.ingested, Message: e.message})
	}
	return l.write(g, lines...)
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
