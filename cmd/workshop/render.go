package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"workshop/internal/clean"
	"workshop/internal/session"
	"workshop/internal/stack"
)

// events returns what renders Terraform's events as they come: as JSON lines,
// or as lines of text. A warning that repeats an earlier one is left out.
func (c *commandLine) events() func(stack.Event) {
	t := &textEvents{c: c, done: map[string]bool{}, reported: map[string]time.Duration{}}
	show := t.event
	if c.json {
		show = func(e stack.Event) { _ = c.emit(e) } // a reader that went away is noticed at the end
	}
	var shown []stack.Diagnostic
	return func(e stack.Event) {
		if d := e.Diagnostic; d != nil {
			if slices.ContainsFunc(shown, d.Repeats) {
				return
			}
			shown = append(shown, *d)
		}
		show(e)
	}
}

// textEvents tells an operation line by line.
type textEvents struct {
	c        *commandLine
	total    int
	done     map[string]bool          // the resources that are
	reported map[string]time.Duration // when a working resource was last spoken of
	last     int                      // the download's last tenth
}

// nextReport is when a resource that takes long is spoken of again: soon at first,
// then ever less often, because the words are the same.
func nextReport(after time.Duration) time.Duration {
	return max(20*time.Second, after*2)
}

func (t *textEvents) event(e stack.Event) {
	switch e.Type {
	case stack.EventDownload:
		if p := e.Progress; p != nil && p.Total > 0 {
			if tenth := int(10 * p.Done / p.Total); tenth != t.last {
				t.last = tenth
				t.c.printf("%s  %d%%\n", clean.Line(e.Message), 10*tenth)
			}
			return
		}
		t.c.printf("%s\n", clean.Line(e.Message))
	case stack.EventPlanned:
		t.total = e.Plan.Create + e.Plan.Update + e.Plan.Replace + e.Plan.Delete
	case stack.EventStarted:
		t.c.printf("  %s  %s %s\n", t.at(), verb(e.Action), e.Resource)
	case stack.EventProgress:
		if e.Elapsed >= nextReport(t.reported[e.Resource]) {
			t.reported[e.Resource] = e.Elapsed
			if e.Op == stack.OpRemove {
				t.c.printf("  %s  still deleting %s after %s: %s\n", t.at(), clean.Line(e.Resource), clock(e.Elapsed), clean.Line(e.Message))
				return
			}
			what, usually := stack.Waits(resourceType(e.Resource), e.Action)
			t.c.printf("  %s  still %s %s after %s: %s\n", t.at(), verb(e.Action), e.Resource, clock(e.Elapsed), strings.TrimSpace(what+" "+usually))
		}
	case stack.EventDone:
		t.done[e.Resource] = true // one that is replaced is done twice
		t.c.printf("  %s  done %s in %s\n", t.at(), e.Resource, clock(e.Elapsed))
	case stack.EventFailed:
		t.c.printf("  %s  FAILED %s\n", t.at(), e.Resource)
		if e.Op == stack.OpRemove {
			t.c.note("%s", e.Message)
		}
	case stack.EventHeld, stack.EventStateKept, stack.EventNote:
		t.c.note("%s", e.Message)
	case stack.EventDiagnostic:
		if d := e.Diagnostic; d.Severity == "warning" {
			t.c.note("Warning: %s", d)
		}
	}
}

// at is how far the operation is.
func (t *textEvents) at() string {
	if t.total == 0 {
		return fmt.Sprintf("[%2d]", len(t.done))
	}
	return fmt.Sprintf("[%2d/%d]", len(t.done), t.total)
}

func verb(a stack.Action) string {
	switch a {
	case stack.ActionCreate:
		return "creating"
	case stack.ActionUpdate:
		return "changing"
	case stack.ActionReplace:
		return "replacing"
	case stack.ActionDelete:
		return "deleting"
	case stack.ActionRead:
		return "reading"
	}
	return "working on"
}

// resourceType is the type in an address such as module.x.aws_lb.main[0].
func resourceType(address string) string {
	parts := strings.Split(address, ".")
	for len(parts) > 2 && parts[0] == "module" {
		parts = parts[2:]
	}
	return parts[0]
}

// clock is a duration as people say it: 41 s, 2 min 5 s.
func clock(d time.Duration) string {
	d = d.Round(time.Second)
	if d < time.Minute {
		return fmt.Sprintf("%d s", int(d/time.Second))
	}
	if d < time.Hour {
		return fmt.Sprintf("%d min %d s", int(d/time.Minute), int(d%time.Minute/time.Second))
	}
	return fmt.Sprintf("%d h %d min", int(d/time.Hour), int(d%time.Hour/time.Minute))
}

var signs = map[stack.Action]string{
	stack.ActionCreate: "+", stack.ActionUpdate: "~", stack.ActionReplace: "-/+", stack.ActionDelete: "-", stack.ActionRead: "<=",
}

// showPlan prints a plan as a tree by what it is for.
func (c *commandLine) showPlan(s *session.Session, p *stack.Plan) {
	if p.Empty() {
		c.printf("Nothing to do: what is deployed is what the configuration says.\n")
		return
	}
	c.printf("\nPlan: %d to create, %d to change, %d to replace, %d to delete\n", p.Create, p.Update, p.Replace, p.Delete)
	for _, g := range stack.Groups {
		var changes []stack.Change
		width := 0
		for _, ch := range p.Changes {
			if ch.Group == g {
				changes = append(changes, ch)
				width = max(width, len(ch.Title))
			}
		}
		if len(changes) == 0 {
			continue
		}
		c.printf("\n%s (%d): %s\n", clean.Line(string(g)), len(changes), g.Meaning())
		for _, ch := range changes {
			c.printf("  %-3s %-*s  %s\n", signs[ch.Action], width, ch.Title, ch.Address)
			if len(ch.Fields) > 0 {
				c.printf("      %s\n", strings.Join(slices.Compact(ch.Fields), ", "))
			}
		}
	}
	c.showPrice(s, p)
}

// receipt is the last line of destroy --json, however the destroy ended. Where the
// account could not be asked, Proven is false and Error says why.
type receipt struct {
	Type string    `json:"type"`
	Time time.Time `json:"time"`
	session.Receipt
	Error string `json:"error,omitempty"`
}

// noReceipt says that it is not known what is left.
func (c *commandLine) noReceipt(err error) error {
	if c.json {
		return errors.Join(err, c.emit(receipt{Type: "receipt", Time: time.Now().UTC(), Error: clean.Text(err.Error())}))
	}
	return fmt.Errorf("it is not known what is left: %w", err)
}

func (c *commandLine) showReceipt(r session.Receipt) error {
	if c.json {
		return c.emit(receipt{Type: "receipt", Time: time.Now().UTC(), Receipt: r})
	}
	switch {
	case r.Left > 0:
		c.printf("%s still there:\n", things(r.Left))
		for _, l := range r.Report.Left {
			c.printf("  %s %s %s %s\n", clean.Line(l.Kind), clean.Line(l.ID), clean.Line(l.Name), clean.Line(l.Note))
		}
		c.printf("Run `workshop destroy` again in a minute: it lists and deletes these.\n")
		if !r.Sandbox {
			c.printf("What stays then can be deleted in the AWS console.\n")
		}
	case !r.Proven:
		c.printf("Nothing was found, but not every question was answered:\n")
		for _, p := range r.Report.Places {
			if p.Err != "" {
				c.printf("  %s: %s\n", clean.Line(p.Name), clean.Line(p.Err))
			}
		}
	default:
		c.printf("Everything has been deleted. Asked at %s, in %d places.\n", r.Report.AsOf.Local().Format("15:04:05"), len(r.Report.Places))
	}
	if !r.From.IsZero() {
		c.printf("  created  %d resources at %s, removed %d at %s\n", r.Created, r.From.Local().Format("15:04"), r.Removed, r.To.Local().Format("15:04"))
	}
	if r.Left == 0 && r.Proven {
		c.printf("  left     nothing\n")
	}
	c.printf("  cost     %s\n", r.Cost)
	if r.State != "" && r.Left == 0 && r.Proven {
		c.printf("  state    Terraform's state stays in %s. The bucket is yours: workshop deletes neither it nor the object.\n", clean.Line(r.State))
	}
	return nil
}

func things(n int) string {
	if n == 1 {
		return "1 thing is"
	}
	return fmt.Sprintf("%d things are", n)
}
