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
