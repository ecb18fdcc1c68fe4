package sandbox

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOlderJournal starts a sandbox on journals of older versions, with records
// of every kind. The store reports a value that is lost by reading it, and ends
// the test: such a change needs a new version of the journal's format, with an
// upgrade, and a journal of the version before it here.
func TestOlderJournal(t *testing.T) {
	for _, name := range []string{"journal-2"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		path := filepath.Join(dir, "journal")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		s, err := Start(t.Context(), Options{Dir: dir, Region: "eu-west-1", Fast: true, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if strings.Contains(log.String(), "does not know") {
			t.Errorf("%s: %s", name, log.String())
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.HasPrefix(after, []byte(`{"format":"workshop sandbox","version":3}`+"\n")) {
			t.Errorf("%s became %.200s, %v", name, after, err)
		}
	}
}
