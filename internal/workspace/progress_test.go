package workspace

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestDamagedProgress holds that the rest of a damaged file is used, and that
// the file as it was is kept and named.
func TestDamagedProgress(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	done := StepProgress{Done: true, DoneAt: at}
	const good = `"a":{"done":true,"done_at":"2026-03-04T05:06:07Z"}`
	for _, c := range []struct {
		name, file string
		want       map[string]StepProgress
		note       string // empty where nothing is damaged
	}{
		{"whole", `{"steps":{` + good + `}}`, map[string]StepProgress{"a": done}, ""},
		{"fields of a later version", `{"steps":{` + good + `},"version":2}`, map[string]StepProgress{"a": done}, ""},
		{"cut off", `{"steps":{` + good, map[string]StepProgress{}, "begins anew"},
		{"empty", "", map[string]StepProgress{}, "begins anew"},
		{"a list", `[]`, map[string]StepProgress{}, "begins anew"},
		{"a negative answer", `{"steps":{"a":{"done":true,"done_at":"2026-03-04T05:06:07Z","quiz":{"0":[-5,1]}}}}`,
			map[string]StepProgress{"a": {Done: true, DoneAt: at, Quiz: map[int][]int{0: {1}}}}, "A part"},
		{"a negative question", `{"steps":{"a":{"done":true,"done_at":"2026-03-04T05:06:07Z","quiz":{"-1":[1]}}}}`, map[string]StepProgress{"a": done}, "A part"},
		{"an answer beyond 64 bits", `{"steps":{"a":{"done":true,"done_at":"2026-03-04T05:06:07Z","quiz":{"0":[99999999999999999999]}}}}`, map[string]StepProgress{"a": done}, "A part"},
		{"negative hints", `{"steps":{"a":{"done":true,"done_at":"2026-03-04T05:06:07Z","hints":-1}}}`, map[string]StepProgress{"a": done}, "A part"},
		{"absurdly many hints", `{"steps":{"a":{"done":true,"done_at":"2026-03-04T05:06:07Z","hints":1000000}}}`, map[string]StepProgress{"a": done}, "A part"},
		{"a bad time", `{"steps":{"a":{"done":true,"done_at":"yesterday"}}}`, map[string]StepProgress{"a": {Done: true}}, "A part"},
		{"a bad check beside a good one", `{"steps":{"a":{"done":true,"checks":{"x":5,"y":"2026-03-04T05:06:07Z"}}}}`,
			map[string]StepProgress{"a": {Done: true, Checks: map[string]time.Time{"y": at}}}, "A part"},
		{"one bad step of two", `{"steps":{"b":7,` + good + `}}`, map[string]StepProgress{"a": done, "b": {}}, "A part"},
		{"a step's id with an escape", `{"steps":{"\u001b[2J":{},` + good + `}}`, map[string]StepProgress{"a": done}, "A part"},
		{"current is a number", `{"steps":{` + good + `},"current":7}`, map[string]StepProgress{"a": done}, "A part"},
		{"a huge place", `{"steps":{"a":{"done":true,"done_at":"2026-03-04T05:06:07Z","place":"` + strings.Repeat("x", maxPlace) + `"}}}`, map[string]StepProgress{"a": done}, "A part"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := open(t, t.TempDir(), bundle("a.tf", "a"))
			if err := os.WriteFile(w.path(progressFile), []byte(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
			// Whoever reads first sets the file aside: here Open.
			w = open(t, w.Dir(), bundle("a.tf", "a"))
			p, err := w.LoadProgress()
			if err != nil || !reflect.DeepEqual(p.Steps, c.want) {
				t.Errorf("the steps are %+v (%v), want %+v", p.Steps, err, c.want)
			}
			kept, _ := filepath.Glob(filepath.Join(w.Dir(), "progress.damaged-*"))
			notes := w.Notes()
			if c.note == "" {
				if len(notes)+len(kept) != 0 {
					t.Errorf("notes %q, files %q", notes, kept)
				}
				return
			}
			if len(notes) != 1 || len(kept) != 1 || !strings.Contains(notes[0], c.note) || !strings.Contains(notes[0], kept[0]) {
				t.Fatalf("notes %q, files %q", notes, kept)
			}
			if old, err := os.ReadFile(kept[0]); err != nil || string(old) != c.file {
				t.Errorf("the file as it was is not kept: %q, %v", old, err)
			}
			if err := w.UpdateProgress(func(p *Progress) error { p.Current = "b"; return nil }); err != nil {
				t.Fatal(err)
			}
			if p, err := w.LoadProgress(); err != nil || p.Current != "b" || len(w.Notes()) != 0 {
				t.Errorf("afterwards: %+v, %v", p, err)
			}
		})
	}
}

// A file that is damaged while the workspace is open is set aside by the next
// change, which is kept.
func TestUpdateDamagedProgress(t *testing.T) {
	w := open(t, t.TempDir(), bundle("a.tf", "a"))
	if err := os.WriteFile(w.path(progressFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.UpdateProgress(func(p *Progress) error { p.Steps["a"] = StepProgress{Done: true}; return nil }); err != nil {
		t.Fatal(err)
	}
	if p, err := w.LoadProgress(); err != nil || !p.Steps["a"].Done {
		t.Errorf("%+v, %v", p, err)
	}
	if notes := w.Notes(); len(notes) != 1 {
		t.Errorf("notes: %q", notes)
	}
}

func TestProgressTooLarge(t *testing.T) {
	w := open(t, t.TempDir(), bundle("a.tf", "a"))
	if err := os.WriteFile(w.path(progressFile), bytes.Repeat([]byte(" "), maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err := w.LoadProgress(); err != nil || len(p.Steps) != 0 || len(w.Notes()) != 1 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	var p StepProgress
	for i := range 3 * keptAnswers {
		p.Answer(0, i%4)
	}
	if a := p.Quiz[0]; len(a) != keptAnswers || a[len(a)-1] != (3*keptAnswers-1)%4 {
		t.Errorf("%d answers, the last is %d", len(a), a[len(a)-1])
	}
}

// FuzzProgress holds that what was read can be written, is then whole, and is in
// its bounds.
func FuzzProgress(f *testing.F) {
	f.Add([]byte(`{"steps":{"a":{"done":true,"first_seen":"2026-01-01T00:00:00Z","place":{"x":1},"checks":{"c":"2026-01-01T00:00:00Z"},"hints":1,"quiz":{"0":[1,-5]}}},"current":"a"}`))
	f.Add([]byte(`{"steps":{"a":{"done":1,"quiz":{"x":[]}},"b":null,"":{}},"current":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, _ := parseProgress(data)
		for id, s := range p.Steps {
			if s.Hints < 0 || s.Hints > maxHints || containsControl(id) {
				t.Fatalf("step %q: %+v", id, s)
			}
			for q, answers := range s.Quiz {
				for _, a := range answers {
					if q < 0 || q >= maxQuestions || a < 0 || a >= maxAnswers {
						t.Fatalf("question %d has answer %d", q, a)
					}
				}
			}
		}
		written, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		again, whole := parseProgress(written)
		if rewritten, err := json.Marshal(again); !whole || err != nil || !bytes.Equal(written, rewritten) {
			t.Fatalf("%s was read as %s (whole: %v, %v)", written, rewritten, whole, err)
		}
	})
}
