package podinfo

import (
	"bytes"
	"encoding/json"
	"io"
	stdlog "log"
	"slices"
	"strings"
	"sync"
	"time"
)

// logger writes the lines that podinfo's logger (zap) writes: one JSON object
// each, level, ts, caller, msg and then the fields in their order. As there, of
// equal messages within a second the first hundred are written and then every
// hundredth. It is safe for concurrent use.
type logger struct {
	level int

	mu    sync.Mutex
	out   io.Writer
	seen  map[string]int
	since time.Time
	buf   bytes.Buffer
}

var levels = []string{"debug", "info", "warn", "error", "dpanic", "panic", "fatal"}

func newLogger(out io.Writer, level string) *logger {
	n := slices.Index(levels, level)
	if n < 0 {
		n = 1
	}
	return &logger{level: n, out: out, seen: map[string]int{}}
}

func (l *logger) debug(caller, msg string, fields ...any) { l.write("debug", caller, msg, fields) }
func (l *logger) info(caller, msg string, fields ...any)  { l.write("info", caller, msg, fields) }
func (l *logger) warn(caller, msg string, fields ...any)  { l.write("warn", caller, msg, fields) }

const sampled = 100

func (l *logger) write(level, caller, msg string, fields []any) {
	if slices.Index(levels, level) < l.level {
		return
	}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.since) >= time.Second {
		l.since = now
		clear(l.seen)
	}
	l.seen[level+msg]++
	if n := l.seen[level+msg]; n > sampled && (n-sampled)%sampled != 0 {
		return
	}
	l.buf.Reset()
	l.buf.WriteByte('{')
	l.field("level", level)
	l.field("ts", now.Format("2006-01-02T15:04:05.000Z0700"))
	l.field("caller", caller)
	l.field("msg", msg)
	for i := 0; i+1 < len(fields); i += 2 {
		l.field(fields[i].(string), fields[i+1])
	}
	l.buf.WriteString("}\n")
	l.out.Write(l.buf.Bytes())
}

func (l *logger) field(name string, v any) {
	if l.buf.Len() > 1 {
		l.buf.WriteByte(',')
	}
	enc := json.NewEncoder(&l.buf)
	enc.SetEscapeHTML(false)
	for i, part := range []any{name, v} {
		if i == 1 {
			l.buf.WriteByte(':')
		}
		if enc.Encode(part) != nil {
			l.buf.WriteString("null")
			continue
		}
		l.buf.Truncate(l.buf.Len() - 1) // the encoder's newline
	}
}

// standard is a standard logger that writes through l.
func (l *logger) standard() *stdlog.Logger { return stdlog.New(lines{l}, "", 0) }

type lines struct{ l *logger }

func (w lines) Write(b []byte) (int, error) {
	w.l.info("log/log.go:245", strings.TrimRight(string(b), "\n"))
	return len(b), nil
}
