// Package logline reads what a program printed as one log event: JSON, logfmt, or text.
package logline

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"strings"
)

// Level is how grave an event is.
type Level int

// The levels, by gravity. Unknown is of an event that does not say.
const (
	Unknown Level = iota
	Trace
	Debug
	Info
	Warn
	Error
	Fatal
)

// Field is a value of an event beside its level and message.
type Field struct{ Key, Value string }

// Entry is a structured event.
type Entry struct {
	Level     Level
	LevelText string // as the program wrote it; "error" for a number
	Message   string
	Fields    []Field // in their order; the time is left out
}

// levels are the words that programs use, in lower case.
var levels = map[string]Level{
	"trace": Trace, "verbose": Trace, "debug": Debug, "info": Info, "information": Info, "informational": Info, "notice": Info,
	"warn": Warn, "warning": Warn, "error": Error, "err": Error, "critical": Fatal, "crit": Fatal, "fatal": Fatal, "panic": Fatal,
	"dpanic": Fatal, "alert": Fatal, "emergency": Fatal, "emerg": Fatal,
	// Bunyan's and pino's numbers.
	"10": Trace, "20": Debug, "30": Info, "40": Warn, "50": Error, "60": Fatal,
}

var words = map[Level]string{Trace: "trace", Debug: "debug", Info: "info", Warn: "warn", Error: "error", Fatal: "fatal"}

// Keys in lower case, without the @ that some put in front.
var (
	levelKeys   = map[string]bool{"level": true, "severity": true, "lvl": true, "log.level": true, "loglevel": true, "levelname": true, "log_level": true}
	messageKeys = map[string]bool{"msg": true, "message": true}
	timeKeys    = map[string]bool{"ts": true, "time": true, "timestamp": true, "caller": true, "datetime": true, "t": true}
)

// Parse reads an event of JSON or logfmt; ok is false for any other text, and for what
// has neither level nor message.
func Parse(s string) (e Entry, ok bool) {
	if len(s) > 1 && s[0] == '{' {
		e, ok = fromJSON(s)
	} else {
		e, ok = fromLogfmt(s)
	}
	if ok && e.Message == "" { // structlog's name for it
		for i, f := range e.Fields {
			if f.Key == "event" {
				e.Message, e.Fields = f.Value, append(e.Fields[:i:i], e.Fields[i+1:]...)
				break
			}
		}
	}
	return e, ok && (e.Message != "" || e.LevelText != "")
}

func (e *Entry) add(key, value string) {
	switch k := strings.TrimPrefix(strings.ToLower(key), "@"); {
	case levelKeys[k] && e.LevelText == "":
		e.Level, e.LevelText = levels[strings.ToLower(value)], value
		if value != "" && value[0] >= '0' && value[0] <= '9' && e.Level != Unknown {
			e.LevelText = words[e.Level]
		}
	case messageKeys[k] && e.Message == "":
		e.Message = value
	case timeKeys[k]:
	default:
		e.Fields = append(e.Fields, Field{key, value})
	}
}

func fromJSON(s string) (e Entry, ok bool) {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	if tok, err := d.Token(); err != nil || tok != json.Delim('{') {
		return e, false
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return e, false
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return e, false
		}
		key, _ := name.(string)
		text := string(v)
		var str string
		if len(v) > 0 && v[0] == '"' && json.Unmarshal(v, &str) == nil {
			text = str
		} else if b := (bytes.Buffer{}); json.Compact(&b, v) == nil {
			text = b.String()
		}
		var nested struct{ Level *string } // Elastic's "log": {"level": ...}
		if key == "log" && json.Unmarshal(v, &nested) == nil && nested.Level != nil {
			e.add("log.level", *nested.Level)
			continue
		}
		e.add(key, text)
	}
	if _, err := d.Token(); err != nil {
		return e, false
	}
	_, err := d.Token()
	return e, err == io.EOF // else something follows, which must not go unseen
}

// fromLogfmt reads key=value pairs, of which one is a level.
func fromLogfmt(s string) (e Entry, ok bool) {
	for rest := strings.TrimSpace(s); rest != ""; {
		key, after, found := strings.Cut(rest, "=")
		if !found || key == "" || strings.ContainsAny(key, " \t\"{}[]<>") {
			return e, false
		}
		var value string
		if strings.HasPrefix(after, `"`) {
			end := quoted(after)
			if end < 0 || json.Unmarshal([]byte(after[:end]), &value) != nil {
				return e, false
			}
			after = after[end:]
			if after != "" && after[0] != ' ' && after[0] != '\t' {
				return e, false
			}
		} else if i := strings.IndexAny(after, " \t"); i >= 0 {
			value, after = after[:i], after[i:]
		} else {
			value, after = after, ""
		}
		e.add(key, value)
		rest = strings.TrimLeft(after, " \t")
	}
	return e, e.Level != Unknown
}

// quoted returns where a quoted string ends, after its quote; -1 for nowhere.
func quoted(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// plain finds the level that a line of text has near its beginning.
var plain = regexp.MustCompile(`\b(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL|PANIC)\b|^(panic|error|fatal|warning):|\[(trace|debug|info|warn|warning|error|fatal)\]`)

// near is how far into a line of text its level is looked for.
const near = 100

// LevelOf returns the level of an event, of JSON, logfmt or text.
func LevelOf(s string) Level {
	if e, ok := Parse(s); ok {
		return e.Level
	}
	if strings.HasPrefix(s, pythonBegins) {
		return Error
	}
	for _, m := range plain.FindStringSubmatch(s[:min(len(s), near)]) {
		if l := levels[strings.Trim(strings.ToLower(m), "[]:")]; l != Unknown {
			return l
		}
	}
	return Unknown
}
