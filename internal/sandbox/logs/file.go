package logs

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
)

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

// place is where a file has the text of an event, as a JSON string.
type place struct {
	at   int64
	size int // 0 for none
}

var messageKey = []byte(`"m":`)

// placeOf finds the text in a line that begins at that offset. Within a JSON
// string the key's quotes would be escaped, so that its first match is the key.
func placeOf(b []byte, offset int64) place {
	n := bytes.Index(b, messageKey)
	if n < 0 {
		return place{}
	}
	n += len(messageKey)
	return place{offset + int64(n), bytes.LastIndexByte(b, '}') - n}
}

// block is how much of a file is read at once, in bytes.
const block = 128 << 10

// texts reads events' texts back from their group's file. Those that were
// written near one another cost one read together.
type texts struct {
	file *os.File
	at   int64
	held []byte
}

func (t *texts) of(e event) (string, error) {
	if e.size == 0 {
		return e.text, nil
	}
	end := e.at + int64(e.size)
	if e.at < t.at || end > t.at+int64(len(t.held)) {
		held := slices.Grow(t.held[:0], max(block, e.size))
		n, err := t.file.ReadAt(held[:cap(held)], e.at)
		if n < e.size {
			return "", fmt.Errorf("the sandbox could not read its logs: %w", err)
		}
		t.at, t.held = e.at, held[:n]
	}
	var text string
	if err := json.Unmarshal(t.held[e.at-t.at:end-t.at], &text); err != nil {
		return "", fmt.Errorf("the sandbox could not read its logs: %w", err)
	}
	return text, nil
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
		offset := g.size
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
			g.streams[n.Stream].add(event{seq: l.seq, time: n.Time, ingested: n.In, bytes: len(n.Message), place: placeOf(b, offset)})
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

// write appends lines to the group's file in one write, and says where their
// texts are; nil where there is no file, or it could not be written.
func (l *Logs) write(g *group, lines ...line) ([]place, error) {
	if l.dir == "" {
		return nil, nil
	}
	if g.file == nil {
		f, err := os.OpenFile(l.path(g.meta.Name), os.O_RDWR|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600)
		if err != nil {
			return nil, fmt.Errorf("the sandbox could not save its logs: %w", err)
		}
		g.file, g.size = f, 0
	}
	var b bytes.Buffer
	places, err := encode(&b, g.size, lines...)
	if err != nil {
		return nil, err
	}
	if _, err := g.file.Write(b.Bytes()); err != nil {
		// What was written of it would spoil the line that comes next.
		_ = g.file.Truncate(g.size)
		return nil, fmt.Errorf("the sandbox could not save its logs: %w", err)
	}
	g.size += int64(b.Len())
	return places, nil
}

// encode writes lines to w, whose end in the file is at offset.
func encode(w io.Writer, offset int64, lines ...line) ([]place, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	places := make([]place, len(lines))
	for i, n := range lines {
		b.Reset()
		if err := enc.Encode(n); err != nil {
			return nil, err
		}
		places[i] = placeOf(b.Bytes(), offset)
		if _, err := w.Write(b.Bytes()); err != nil {
			return nil, err
		}
		offset += int64(b.Len())
	}
	return places, nil
}

// perEvent is about what a line of the file needs beside stream and text, in bytes.
const perEvent = 64

// compact replaces the group's file by one that holds what is still kept. Where
// that is more than half of what a file may have, the oldest events go, so that
// the next time is not soon.
func (l *Logs) compact(g *group) error {
	g.shrink(l.maxFile / 2)
	path := l.path(g.meta.Name)
	f, err := os.OpenFile(path+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("the sandbox could not make room for its logs: %w", err)
	}
	size, places, err := g.copyTo(f)
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		f.Close()
		_ = os.Remove(f.Name())
		return fmt.Errorf("the sandbox could not make room for its logs: %w", err)
	}
	for s, p := range places {
		for i := range s.events {
			s.events[i].place, s.events[i].text = p[i], ""
		}
	}
	g.file.Close()
	g.file, g.size = f, size
	return nil
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
			cost := int64(max(e.size, e.bytes)) + int64(len(s.name)) + perEvent
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

// copyTo writes all of the group to a new file. It returns the size of that,
// and where each stream's events have their texts in it.
func (g *group) copyTo(f *os.File) (size int64, places map[*stream][]place, err error) {
	out := counter{w: bufio.NewWriterSize(f, block)}
	if _, err := encode(&out, 0, line{Group: &g.meta}); err != nil {
		return 0, nil, err
	}
	places = map[*stream][]place{}
	texts := texts{file: g.file}
	for _, s := range g.streams {
		if _, err := encode(&out, out.n, line{Stream: s.name, Created: s.created}); err != nil {
			return 0, nil, err
		}
		for _, e := range s.events {
			text, err := texts.of(e)
			if err != nil {
				return 0, nil, err
			}
			p, err := encode(&out, out.n, line{Stream: s.name, Time: e.time, In: e.ingested, Message: text})
			if err != nil {
				return 0, nil, err
			}
			places[s] = append(places[s], p...)
		}
	}
	return out.n, places, out.w.Flush()
}

// counter counts what goes through it.
type counter struct {
	w *bufio.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}
