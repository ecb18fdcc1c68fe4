package sweep

import (
	"bytes"
	"encoding/json"
	"time"
)

// Event is one thing that happened while Remove deleted resources.
type Event struct {
	Type     EventType `json:"type"`
	Time     time.Time `json:"time"`
	Resource Leftover  `json:"resource"`
	// Message is why it failed or was skipped, what is waited for, or that the
	// resource was gone before it was deleted. It is one clean line.
	Message string `json:"message,omitempty"`
	// Elapsed is the time since the resource's EventRemoving, in nanoseconds; beside it
	// JSON has elapsed_ms.
	Elapsed time.Duration `json:"elapsed,omitempty"`
	Done    int           `json:"done"`  // how many resources are over and done with, this one included
	Total   int           `json:"total"` // of how many
}

// MarshalJSON adds elapsed_ms, in milliseconds.
func (e Event) MarshalJSON() ([]byte, error) {
	type fields Event // without this method
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // the caller's encoder decides about <, > and &
	err := enc.Encode(struct {
		fields
		ElapsedMS int64 `json:"elapsed_ms,omitempty"`
	}{fields(e), e.Elapsed.Milliseconds()})
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// EventType names what an Event says.
type EventType string

// What happens to a resource: EventRemoving, any number of EventRemoveWaiting,
// then one of the others.
const (
	EventRemoving      EventType = "removing"
	EventRemoveWaiting EventType = "remove_waiting" // Message says for what; repeated when that changes, and each 20 seconds
	EventRemoved       EventType = "removed"
	EventRemoveFailed  EventType = "remove_failed"
	EventRemoveSkipped EventType = "remove_skipped" // it does not carry both tags, or is AWS's to delete
)

// Removal is what Remove did.
type Removal struct {
	Removed []Leftover `json:"removed"`
	Failed  []Failure  `json:"failed"`
	Skipped []Failure  `json:"skipped"`
	// Untouched was not tried any more, because the context ended.
	Untouched []Leftover `json:"untouched"`
}

// Failure is a resource that was not deleted, and why.
type Failure struct {
	Resource Leftover `json:"resource"`
	Reason   string   `json:"reason"`
	// Holders are what still used it, where that was the reason.
	Holders []Holder `json:"holders,omitempty"`
}

// Clean reports whether everything was deleted.
func (r Removal) Clean() bool {
	return len(r.Failed)+len(r.Skipped)+len(r.Untouched) == 0
}
