package stack

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

// The names that --json had stay, and what it writes can be read again.
func TestEventAsJSON(t *testing.T) {
	e := Event{
		Type: EventSummary, Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Message: "a <b> & c", Elapsed: 1500 * time.Millisecond,
		Summary: &Summary{OK: true, Created: 2, Elapsed: 2 * time.Second, Outputs: map[string]any{"url": "http://a/?b&c"}},
	}
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		t.Fatal(err)
	}
	want := `{"type":"summary","time":"2026-01-02T03:04:05Z","elapsed":1500000000,"message":"a <b> & c",` +
		`"summary":{"ok":true,"created":2,"updated":0,"replaced":0,"deleted":0,"elapsed":2000000000,"outputs":{"url":"http://a/?b&c"},"elapsed_ms":2000},"elapsed_ms":1500}` + "\n"
	if text.String() != want {
		t.Errorf("got  %swant %s", text.String(), want)
	}
	var again Event
	if err := json.Unmarshal([]byte(text.String()), &again); err != nil || !reflect.DeepEqual(again, e) {
		t.Errorf("read again: %+v, %v", again, err)
	}
	escaped, err := json.Marshal(e)
	if err != nil || strings.ContainsAny(string(escaped), "<>&") {
		t.Errorf("an encoder that escapes HTML gave %s, %v", escaped, err)
	}
	if short, err := json.Marshal(Event{Type: EventLog}); err != nil || strings.Contains(string(short), "elapsed") {
		t.Errorf("without a time: %s, %v", short, err)
	}
}
