package session

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"workshop/internal/fargate"
	"workshop/internal/target"
)

var logLines = []fargate.Line{
	{Time: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC), Task: "7f3a0000000", Container: "app", Message: "one\n\ttwo"},
	{Time: time.Date(2026, 11, 23, 10, 0, 1, 0, time.UTC), Task: "8b1c0000000", Message: "three\x1b[2J"},
}

func TestSaveLogs(t *testing.T) {
	s := open(t, target.Sandbox)
	path, err := s.SaveLogs(t.Context(), logLines)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	stamp := logLines[0].Time.Local().Format("2006-01-02 15:04:05.000 -07:00")
	if text := string(data); !strings.HasPrefix(text, stamp+"  7f3a0000  app  one\n"+strings.Repeat(" ", len(stamp)+17)+"    two\n") || !strings.HasSuffix(text, "  8b1c0000  three\n") {
		t.Errorf("%q", text)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// Where the lines cannot be written, the error says why and nothing is left.
func TestSaveLogsRefused(t *testing.T) {
	s := open(t, target.Sandbox)
	path, err := s.SaveLogs(t.Context(), logLines)
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Dir(path)
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(folder, nil, 0o600); err != nil { // a file where the folder would be
		t.Fatal(err)
	}
	before := names(t, filepath.Dir(folder))
	if _, err := s.SaveLogs(t.Context(), logLines); err == nil || !strings.Contains(err.Error(), "logs") {
		t.Errorf("the error is %v", err)
	}
	if after := names(t, filepath.Dir(folder)); after != before {
		t.Errorf("left are %s, there were %s", after, before)
	}
}

func names(t *testing.T, folder string) string {
	found, err := fs.Glob(os.DirFS(folder), "*")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(found, " ")
}

func TestLogTime(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	at := func(s string) time.Time {
		v, err := time.ParseInLocation(time.DateTime, s, time.Local)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for in, want := range map[string]time.Time{
		"10m":                       now.Add(-10 * time.Minute),
		"48h":                       now.Add(-48 * time.Hour),
		"1d":                        now.Add(-24 * time.Hour),
		"1.5d":                      now.Add(-36 * time.Hour),
		"2w":                        now.Add(-14 * 24 * time.Hour),
		"2026-11-27T10:00:00Z":      now.Add(-2 * time.Hour),
		"2026-11-27T10:00:00+02:00": now.Add(-4 * time.Hour),
		"2026-11-27T10:00:00":       at("2026-11-27 10:00:00"),
		"2026-11-27 10:00":          at("2026-11-27 10:00:00"),
		"2026-11-27":                at("2026-11-27 00:00:00"),
		" 10m ":                     now.Add(-10 * time.Minute),
	} {
		if got, err := LogTime(in, now); err != nil || !got.Equal(want) {
			t.Errorf("LogTime(%q) = %s, %v; not %s", in, got, err, want)
		}
	}
	noon := at("2026-03-01 12:00:00")
	for in, want := range map[string]string{"11:59": "2026-03-01 11:59:00", "12:00": "2026-03-01 12:00:00", "12:00:01": "2026-02-28 12:00:01", "23:30": "2026-02-28 23:30:00"} {
		if got, err := LogTime(in, noon); err != nil || !got.Equal(at(want)) {
			t.Errorf("LogTime(%q) at noon = %s, %v; not %s", in, got, err, want)
		}
	}
	for _, in := range []string{"", "0", "-3m", "-1d", "0d", "d", "soon", "1 day", "NaNd", "Infd", "1e9d", "27.11.2026", "25:00"} {
		if got, err := LogTime(in, now); err == nil {
			t.Errorf("LogTime(%q) = %s", in, got)
		}
	}
}

func FuzzLogTime(f *testing.F) {
	for _, s := range []string{"10m", "1d", "2026-11-27T10:00:00Z", "1e300d"} {
		f.Add(s)
	}
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		if at, err := LogTime(s, now); err == nil && at.IsZero() {
			t.Errorf("LogTime(%q) = %s", s, at)
		}
	})
}
