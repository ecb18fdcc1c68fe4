package logs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"syscall"
	"time"

	"workshop/internal/jsonl"
	"workshop/internal/sandbox/disk"
)

// format is that of a group's file. The longest line is an event of maxMessage
// bytes, of which each may need six to be escaped.
var format = &jsonl.Format{Name: "workshop sandbox logs", MaxLine: 8 * maxMessage, Upgrades: []func([]byte) ([]byte, error){nil}}

// line is one entry of a group's file.
type line struct {
	Group   *groupMeta `json:"g,omitempty"`
	Stream  string     `json:"s,omitempty"`
	Created int64      `json:"c,omitempty"` // of a new stream
	Deleted bool       `json:"x,omitempty"` // the stream is gone
	Time    int64      `json:"t,omitempty"`
	In      int64      `json:"i,omitempty"`
	Message string     `json:"m,omitempty"` // the last, see placeOf
}

// messagePosition is where a file has the text of an event, as a JSON string.
type messagePosition struct {
	at   uint32
	size uint32 // 0 for none
}

var messageKey = []byte(`"m":`)

// findMessage finds the text in a line that begins at that offset. Within a JSON
// string the key's quotes would be escaped, so that its first match is the key.
func findMessage(b []byte, offset int64) messagePosition {
	n := bytes.Index(b, messageKey)
	if n < 0 {
		return messagePosition{}
	}
	n += len(messageKey)
	return messagePosition{uint32(offset) + uint32(n), uint32(bytes.LastIndexByte(b, '}') - n)}
}

// block is how much of a file is read at once, in bytes.
const block = 128 << 10

// texts reads events' texts back from their group's file. Those that were
// written near one another cost one read together.
type texts struct {
	group *group
	at    int64
	held  []byte
}

func (t *texts) of(e event) (string, error) {
	if e.size == 0 {
		return t.group.texts[e.seq], nil
	}
	at, size := int64(e.at), int(e.size)
	end := at + int64(size)
	if at < t.at || end > t.at+int64(len(t.held)) {
		held := slices.Grow(t.held[:0], max(block, size))
		n, err := t.group.file.ReadAt(held[:cap(held)], at)
		if n < size {
			return "", fmt.Errorf("the sandbox could not read its logs: %w", err)
		}
		t.at, t.held = at, held[:n]
	}
	var text string
	if err := json.Unmarshal(t.held[at-t.at:end-t.at], &text); err != nil {
		return "", fmt.Errorf("the sandbox could not read its logs: %w", err)
	}
	return text, nil
}

// load reads one group; what a crash cut off at the end is dropped.
func (l *Logs) load(path string) error {
	f, err := l.fs.OpenFile(path, os.O_RDWR)
	if err != nil {
		return err
	}
	g := &group{streams: map[string]*stream{}}
	file, err := format.Load(f, func(in jsonl.Line) error {
		var n line
		if in.Err != nil || json.Unmarshal(in.Text, &n) != nil {
			return nil // one lost line is better than a sandbox that does not start
		}
		switch {
		case n.Group != nil:
			g.meta = *n.Group
		case n.Deleted:
			delete(g.streams, n.Stream)
		case n.Created != 0:
			g.streams[n.Stream] = &stream{name: n.Stream, created: n.Created}
		case g.streams[n.Stream] != nil:
			e := l.event(n)
			p := findMessage(in.Text, in.At)
			switch {
			case p.size > 0 && !in.Upgraded && json.Valid(in.Text[int64(p.at)-in.At:][:p.size]):
				e.messagePosition = p
			case n.Message != "": // the line is not one of ours, which end with the text
				g.keep(e, n.Message)
			}
			g.streams[n.Stream].add(e)
		}
		return nil
	})
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	if g.meta.Name == "" {
		f.Close()
		return l.fs.Remove(path)
	}
	g.file = file
	l.groups[g.meta.Name] = g
	return nil
}

// create makes the group's file, with nothing but the group in it.
func (l *Logs) create(g *group) error {
	if l.dir == "" {
		return nil
	}
	path := l.path(g.meta.Name)
	f, err := l.fs.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err == nil {
		if g.file, err = format.Load(f, nil); err != nil {
			f.Close()
		}
	}
	if err != nil {
		err := disk.NewError(path, err)
		l.health.Set(err, time.Now())
		return err
	}
	if _, err = l.write(g, line{Group: &g.meta}); err != nil {
		g.file.Close()
		_ = l.fs.Remove(path) // one without a group is removed at the next start
	}
	return err
}

// write appends what the group's file does not have yet, and lines, in one write.
// It says where the lines' texts are; nil where there is no file.
func (l *Logs) write(g *group, lines ...line) ([]messagePosition, error) {
	if g.file == nil {
		return nil, nil
	}
	var events []*event
	var late []line
	if g.unsaved {
		late, events = g.late()
	}
	var b bytes.Buffer
	places, err := encode(&b, append(late, lines...))
	if err != nil || b.Len() == 0 {
		return nil, err
	}
	var at int64
	if g.file.Size()+int64(b.Len()) > math.MaxUint32-block { // what a place can have
		err = syscall.EFBIG
	} else {
		at, err = g.file.Append(b.Bytes())
	}
	for i := range places {
		places[i].at += uint32(at)
	}
	if err != nil {
		err := disk.NewError(l.path(g.meta.Name), err)
		l.health.Set(err, time.Now())
		return nil, err
	}
	if g.unsaved {
		for i, e := range events {
			e.messagePosition = places[len(late)-len(events)+i]
		}
		g.saved()
	}
	return places[len(late):], nil
}

// late returns what the group's file does not have yet: lines for streams, then
// one for each of the events.
func (g *group) late() (lines []line, events []*event) {
	for _, s := range g.streams {
		if s.unsaved {
			lines = append(lines, line{Stream: s.name, Created: s.created})
		}
	}
	for _, s := range g.streams {
		for i := range s.events {
			e := &s.events[i]
			if text, ok := g.texts[e.seq]; ok {
				lines = append(lines, line{Stream: s.name, Time: e.time, In: e.ingested(), Message: text})
				events = append(events, e)
			}
		}
	}
	return lines, events
}

// saved notes that the group's file has everything.
func (g *group) saved() {
	g.unsaved, g.held, g.texts = false, 0, nil
	for _, s := range g.streams {
		s.unsaved = false
	}
}

// encode appends lines to b. It returns where their texts are in b.
func encode(b *bytes.Buffer, lines []line) ([]messagePosition, error) {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	places := make([]messagePosition, len(lines))
	for i, n := range lines {
		at := b.Len()
		if err := enc.Encode(n); err != nil {
			return nil, err
		}
		places[i] = findMessage(b.Bytes()[at:], int64(at))
	}
	return places, nil
}

// perEvent is about what a line of the file needs beside stream and text, in bytes.
const perEvent = 64

// compact replaces the group's file by one that holds what is still kept. Where
// that is more than half of what a file may have, the oldest events go, so that
// the next time is not soon. Where it fails the old file stays in use.
func (l *Logs) compact(g *group) {
	g.shrink(l.maxFile / 2)
	g.wait = g.file.Size() + l.maxFile/8
	var places map[*stream][]messagePosition
	err := g.file.Compact(l.fs, l.path(g.meta.Name), func(w *jsonl.Writer) (err error) {
		places, err = g.copyTo(w)
		return err
	})
	if err != nil {
		return
	}
	for s, p := range places {
		for i := range s.events {
			s.events[i].messagePosition = p[i]
		}
	}
	g.saved()
	g.wait = 0
}

// shrink drops the oldest events until the others need at most that many bytes
// of a file.
func (g *group) shrink(most int64) {
	type held struct {
		event
		cost int64
	}
	var all []held
	var total int64
	for _, s := range g.streams {
		for _, e := range s.events {
			cost := int64(g.bytes(e)) + int64(len(s.name)) + perEvent
			all = append(all, held{e, cost})
			total += cost
		}
	}
	if total <= most {
		return
	}
	slices.SortFunc(all, func(a, b held) int { return order(a.event, b.event) })
	n := 0
	for ; n < len(all)-1 && total > most; n++ {
		total -= all[n].cost
	}
	oldest := all[n].event
	for _, s := range g.streams {
		at, _ := slices.BinarySearchFunc(s.events, oldest, order)
		s.events = slices.Clone(s.events[at:])
	}
}

// copyTo writes all of the group to a new file. It returns where each stream's
// events have their texts in it.
func (g *group) copyTo(w *jsonl.Writer) (map[*stream][]messagePosition, error) {
	var b bytes.Buffer
	write := func(n line) (messagePosition, error) {
		b.Reset()
		p, err := encode(&b, []line{n})
		if err != nil {
			return messagePosition{}, err
		}
		at, err := w.Append(b.Bytes())
		p[0].at += uint32(at)
		return p[0], err
	}
	if _, err := write(line{Group: &g.meta}); err != nil {
		return nil, err
	}
	places := map[*stream][]messagePosition{}
	texts := texts{group: g}
	for _, s := range g.streams {
		if _, err := write(line{Stream: s.name, Created: s.created}); err != nil {
			return nil, err
		}
		for _, e := range s.events {
			text, err := texts.of(e)
			if err != nil {
				return nil, err
			}
			p, err := write(line{Stream: s.name, Time: e.time, In: e.ingested(), Message: text})
			if err != nil {
				return nil, err
			}
			places[s] = append(places[s], p)
		}
	}
	return places, nil
}
