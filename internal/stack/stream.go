package stack

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"workshop/internal/clean"
)

// message is a line of Terraform's machine-readable output, as far as it is
// needed here.
// https://developer.hashicorp.com/terraform/internals/machine-readable-ui
type message struct {
	Text string    `json:"@message"`
	Time time.Time `json:"@timestamp"`
	Type string    `json:"type"`

	Change *struct {
		Resource messageResource `json:"resource"`
		Action   string          `json:"action"`
		Reason   string          `json:"reason"`
	} `json:"change"`
	Hook *struct {
		Resource messageResource `json:"resource"`
		Action   string          `json:"action"`
		ID       string          `json:"id_value"`
		Elapsed  float64         `json:"elapsed_seconds"`
	} `json:"hook"`
	Changes *struct {
		Operation string `json:"operation"` // plan, apply or destroy: whose summary it is
	} `json:"changes"`
	// State is what Terraform could write to no file, in its "Emergency state dump".
	State   json.RawMessage `json:"state"`
	Outputs map[string]struct {
		Sensitive bool            `json:"sensitive"`
		Value     json.RawMessage `json:"value"`
	} `json:"outputs"`
	Diagnostic *struct {
		Severity string `json:"severity"`
		Summary  string `json:"summary"`
		Detail   string `json:"detail"`
		Address  string `json:"address"`
		Range    *struct {
			Filename string `json:"filename"`
			Start    struct {
				Line int `json:"line"`
			} `json:"start"`
		} `json:"range"`
		Snippet *struct {
			Code string `json:"code"`
		} `json:"snippet"`
	} `json:"diagnostic"`
}

type messageResource struct {
	Address string `json:"addr"`
	Type    string `json:"resource_type"`
}

// decode reads one line. What is not a message of Terraform's (a provider that
// prints, an old version) becomes a message of the type "log".
func decode(line []byte) message {
	var m message
	if json.Unmarshal(line, &m) != nil || m.Type == "" && m.Text == "" {
		m = message{Type: "log", Text: string(line)}
	}
	m.Text = strings.TrimRight(clean.Text(m.Text), "\n")
	return m
}

// event is the message as the rest of the program sees it. Types that have no
// event of their own are lines of the log.
func (m message) event(op Op) Event {
	e := Event{Type: EventLog, Time: m.Time, Op: op, Message: m.Text}
	if h := m.Hook; h != nil {
		e.Resource = clean.Line(h.Resource.Address)
		e.ID = clean.Line(h.ID)
	}
	switch {
	case m.Diagnostic != nil:
		e.Type = EventDiagnostic
		e.Diagnostic = m.diagnostic()
		e.Message = e.Diagnostic.Summary
	case m.Hook != nil:
		t, ok := map[string]EventType{
			"apply_start":    EventStarted,
			"apply_progress": EventProgress,
			"apply_complete": EventDone,
			"apply_errored":  EventFailed,
		}[m.Type]
		if !ok || op == OpPlan { // reading data is not a change
			break
		}
		e.Type = t
		e.Action = action(m.Hook.Action)
		// An absurd number must not overflow the duration.
		if s := m.Hook.Elapsed; s > 0 && s < 1e6 {
			e.Elapsed = time.Duration(s * float64(time.Second))
		}
	case strings.HasPrefix(strings.TrimPrefix(m.Text, "- "), "Installing "): // a provider: both programs say so in init only
		e.Type = EventDownload
	}
	return e
}

func (m message) diagnostic() *Diagnostic {
	from := m.Diagnostic
	d := &Diagnostic{
		Severity: "error",
		Summary:  clean.Line(from.Summary),
		Detail:   strings.TrimSpace(clean.Text(from.Detail)),
		Address:  clean.Line(from.Address),
	}
	if from.Severity == "warning" {
		d.Severity = "warning"
	}
	if from.Range != nil {
		d.File = clean.Line(from.Range.Filename)
		d.Line = max(from.Range.Start.Line, 0)
	}
	if from.Snippet != nil {
		d.Snippet = clean.Text(from.Snippet.Code)
	}
	return d
}

// outputs are the values that are not sensitive.
func (m message) outputs() map[string]any {
	values := map[string]any{}
	for name, o := range m.Outputs {
		var v any
		if o.Sensitive || json.Unmarshal(o.Value, &v) != nil {
			continue
		}
		values[name] = v
	}
	return values
}

// action is one of Terraform's words for what happens to a resource. "move",
// "import" and "remove" change nothing but the state.
func action(word string) Action {
	switch word {
	case "create":
		return ActionCreate
	case "update":
		return ActionUpdate
	case "replace":
		return ActionReplace
	case "delete":
		return ActionDelete
	case "read":
		return ActionRead
	}
	return ActionNone
}

// reasons are Terraform's words for why a resource is replaced or deleted, in
// plain English.
var reasons = map[string]string{
	"tainted":                           "it was left half-made or marked for replacement",
	"replace_because_tainted":           "it was left half-made or marked for replacement",
	"requested":                         "its replacement was asked for",
	"replace_by_request":                "its replacement was asked for",
	"replace_triggered_by":              "something that it follows changes",
	"replace_by_triggers":               "something that it follows changes",
	"cannot_update":                     "AWS cannot change this in place",
	"replace_because_cannot_update":     "AWS cannot change this in place",
	"delete_because_no_resource_config": "it is no longer in the configuration",
	"delete_because_no_module":          "it is no longer in the configuration",
	"delete_because_wrong_repetition":   "it is no longer in the configuration",
	"delete_because_count_index":        "its count became smaller",
	"delete_because_each_key":           "it is no longer in the configuration",
	"read_because_dependency_pending":   "something that it depends on changes",
	"read_because_config_unknown":       "it depends on values that are only known later",
}

// maxLine bounds a line of Terraform's output that is looked at, in bytes. A line
// may hold a whole state.
const maxLine = maxState + 1<<20

// lineWriter hands on what is written to it, line by line. The end of a line
// longer than maxLine is lost. Not safe for concurrent use.
type lineWriter struct {
	line func([]byte) // must not keep its argument
	buf  []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	for {
		end := bytes.IndexByte(p, '\n')
		part := p
		if end >= 0 {
			part = p[:end]
		}
		w.buf = append(w.buf, part[:min(len(part), maxLine-len(w.buf))]...)
		if end < 0 {
			return n, nil
		}
		w.flush()
		p = p[end+1:]
	}
}

// flush hands on a last line without a newline.
func (w *lineWriter) flush() {
	if len(bytes.TrimSpace(w.buf)) > 0 {
		w.line(w.buf)
	}
	w.buf = w.buf[:0]
}
