package logline

import (
	"reflect"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     Entry
		ok       bool
	}{
		{"zap", `{"level":"info","ts":"x","caller":"y","msg":"started","port":9898}`, Entry{Info, "info", "started", []Field{{"port", "9898"}}}, true},
		{"capital keys", `{"Level":"Error","Message":"no","Code":7}`, Entry{Error, "Error", "no", []Field{{"Code", "7"}}}, true},
		{"pino", `{"level":50,"time":1,"msg":"broke","pid":1}`, Entry{Error, "error", "broke", []Field{{"pid", "1"}}}, true},
		{"Elastic, with a dot", `{"log.level":"warn","message":"slow"}`, Entry{Warn, "warn", "slow", nil}, true},
		{"Elastic, nested", `{"log":{"level":"warn"},"message":"slow"}`, Entry{Warn, "warn", "slow", nil}, true},
		{"structlog", `{"event":"login","level":"debug","user":"a"}`, Entry{Debug, "debug", "login", []Field{{"user", "a"}}}, true},
		{"an event beside a message", `{"event":"e","level":"debug","msg":"m"}`, Entry{Debug, "debug", "m", []Field{{"event", "e"}}}, true},
		{"a level of its own", `{"level":"loud","msg":"x"}`, Entry{Unknown, "loud", "x", nil}, true},
		{"nested values", `{"msg":"x","o":{"a": 1}}`, Entry{Unknown, "", "x", []Field{{"o", `{"a":1}`}}}, true},
		{"no level, no message", `{"a":1}`, Entry{}, false},
		{"cut off", `{"msg":"x"`, Entry{}, false},
		{"something follows", `{"msg":"x"} y`, Entry{}, false},
		{"list", `["msg"]`, Entry{}, false},
		{"logfmt", `time=12:00 level=warn msg="took \"long\"" ms=12`, Entry{Warn, "warn", `took "long"`, []Field{{"ms", "12"}}}, true},
		{"logfmt without a level", `a=1 b=2`, Entry{}, false},
		{"text with a pair", `took 12 ms, level=warn`, Entry{}, false},
		{"logfmt, quote without an end", `level=warn msg="x`, Entry{}, false},
		{"text", "plain", Entry{}, false},
		{"nothing", "", Entry{}, false},
	} {
		got, ok := Parse(c.in)
		if ok != c.ok || ok && !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v", c.name, got, ok)
		}
	}
}

func TestLevelOf(t *testing.T) {
	for in, want := range map[string]Level{
		`{"level":"error","msg":"x"}`:        Error,
		`{"level":60,"msg":"x"}`:             Fatal,
		`level=warn msg=x`:                   Warn,
		"2026-11-27 10:00:00 ERROR database": Error,
		"[warning] slow":                     Warn,
		"panic: runtime error":               Fatal,
		"an ERRORLESS run":                   Unknown,
		"no error in here":                   Unknown,
		"":                                   Unknown,
	} {
		if got := LevelOf(in); got != want {
			t.Errorf("LevelOf(%q) = %d, not %d", in, got, want)
		}
	}
}

// Whatever is printed, reading it neither fails nor invents.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"level":"info","msg":"x"}`, `{"msg":`, `level=info msg="a b"`, "\x00{", `{"log":{"level":1}}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, ok := Parse(s)
		if ok && e.LevelText == "" && e.Message == "" {
			t.Errorf("Parse(%q) = %+v", s, e)
		}
		if l := LevelOf(s); l < Unknown || l > Fatal {
			t.Errorf("LevelOf(%q) = %d", s, l)
		}
	})
}
