package tui

import (
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/hashicorp/go-version"

	"workshop/internal/clean"
	"workshop/internal/fargate"
	"workshop/internal/stack"
	"workshop/internal/tui/draw"
	"workshop/internal/tui/operation"
	"workshop/internal/tui/page"
)

// Desktop is what the terminal passes on to the person's desktop. Only terminals that are
// known to are asked: to others OSC 9 means something else, so that each step of a progress
// would be a notification (iTerm2 before 3.6.6), or the text would be on the screen.
type Desktop struct {
	Progress bool // OSC 9;4: the progress of an operation, in the tab or the task bar
	// Notify returns the sequence for a notification: OSC 9, 99 or 777; nil for none.
	Notify func(text string) string
}

// desktopOf says what the terminal passes on, by the environment. WORKSHOP_NOTIFY is "off",
// or the number of the sequence that the terminal takes for a notification.
func desktopOf(env func(string) string) Desktop {
	osc := map[string]func(string) string{
		"9":  ansi.Notify,
		"99": func(text string) string { return ansi.DesktopNotification(text) },
		"777": func(text string) string {
			return "\x1b]777;notify;workshop;" + strings.ReplaceAll(text, ";", ",") + "\x1b\\"
		},
	}
	program, kind := env("TERM_PROGRAM"), env("TERM")
	if env("TMUX") != "" || env("STY") != "" || strings.HasPrefix(kind, "tmux") || strings.HasPrefix(kind, "screen") {
		return Desktop{Notify: osc[env("WORKSHOP_NOTIFY")]}
	}
	vte, _ := strconv.Atoi(env("VTE_VERSION"))
	var d Desktop
	switch {
	case program == "ghostty", program == "WezTerm":
		d = Desktop{Progress: true, Notify: osc["9"]}
	case program == "iTerm.app":
		v, err := version.NewVersion(env("TERM_PROGRAM_VERSION"))
		d = Desktop{Progress: err == nil && !v.LessThan(version.Must(version.NewVersion("3.6.6"))), Notify: osc["9"]}
	case env("KITTY_WINDOW_ID") != "", kind == "xterm-kitty":
		d = Desktop{Notify: osc["99"]}
	case strings.HasPrefix(kind, "foot"), strings.HasPrefix(kind, "rxvt-unicode"):
		d = Desktop{Notify: osc["777"]}
	case env("WT_SESSION") != "", env("ConEmuPID") != "", vte >= 7900:
		d = Desktop{Progress: true}
	}
	switch wish := env("WORKSHOP_NOTIFY"); {
	case wish == "off":
		return Desktop{}
	case osc[wish] != nil:
		d.Notify = osc[wish]
	}
	return d
}

// notify tells the person of something that has ended, unless it is in front of them: on the
// page of that slug, in a terminal that has not lost the focus.
func (m *model) notify(slug, text string) tea.Cmd {
	at, _ := m.specs.at(slug)
	if m.desktop.Notify == nil || at == m.current && !m.away {
		return nil
	}
	return tea.Raw(m.desktop.Notify(clean.Line(text)))
}

// ended notifies that an operation has ended.
func (m *model) ended(o *page.RunningOperation) tea.Cmd {
	slug, view := "deploy", m.deploy
	if o.Destroy {
		slug, view = "cleanup", m.destroy
	}
	what := "The " + string(o.Op)
	if o.Destroy && o.Op == stack.OpApply {
		what = "The clean-up"
	}
	switch view.Phase {
	case operation.Failed:
		return m.notify(slug, what+" failed: the "+m.Title(slug)+" page says why")
	case operation.Planned:
		return m.notify(slug, what+" is ready: the "+m.Title(slug)+" page shows it")
	case operation.Done:
		return m.notify(slug, what+" is complete")
	}
	return nil
}

// rolledOut notifies that a rollout has ended.
func (m *model) rolledOut(before, now *fargate.Snapshot) tea.Cmd {
	if before == nil || before.Service.Rollout != "IN_PROGRESS" || m.Running != nil {
		return nil
	}
	name := clean.Line(now.Service.Name)
	switch now.Service.Rollout {
	case "COMPLETED":
		if len(now.History) > 0 && now.History[0].RolledBack() {
			return m.notify("live", "The deployment of "+name+" was rolled back")
		}
		return m.notify("live", "The deployment of "+name+" is complete: "+draw.Count(now.Service.Running, "task")+" run")
	case "FAILED":
		return m.notify("live", "The deployment of "+name+" failed")
	}
	return nil
}

// progress is what the terminal shows in its tab; nil for nothing.
func (m *model) progress() *tea.ProgressBar {
	if !m.desktop.Progress || m.Running == nil {
		return nil
	}
	if p := m.view().Progress; p != nil && m.Running.Op == stack.OpApply {
		if r := p.Reading(); r.Total > 0 {
			return tea.NewProgressBar(tea.ProgressBarDefault, r.Done*100/r.Total)
		}
	}
	return tea.NewProgressBar(tea.ProgressBarIndeterminate, 0)
}
