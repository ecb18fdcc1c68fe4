package tui

import (
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/clean"
	"workshop/internal/stack"
	"workshop/internal/tui/draw"
	"workshop/internal/tui/keys"
	"workshop/internal/tui/operation"
	"workshop/internal/tui/page"
	"workshop/internal/tui/widgets"
)

// table returns the keys that work on every page.
func (m *model) table() keys.Table {
	everywhere := []keys.Key{keys.On("?", "all keys", m.openHelp).Hint("keys")}
	for i, p := range m.screens {
		everywhere = append(everywhere, keys.OnCmd(p.Key, "the "+p.Title+" page", func() tea.Cmd { return m.show(i) }))
	}
	everywhere = append(everywhere,
		keys.OnCmd("q", "quit; asks when something is up", m.quit),
		keys.On("M", "the mouse on or off: its wheel and clicks are ours, or the terminal's to select text", m.toggleMouse),
		keys.OnCmd("ctrl+z", "leave the workshop in the background", func() tea.Cmd { return m.forget(tea.Suspend) }),
		keys.OnCmd("ctrl+l", "draw the screen again", func() tea.Cmd { return tea.ClearScreen }),
		keys.On("r", "try again where the workshop is not ready", m.getReady).If(func() bool { return m.Ready.Err != nil }),
	)
	for _, move := range widgets.Moves {
		everywhere = append(everywhere, keys.Key{Binding: move})
	}
	return keys.Table{
		{Name: "Everywhere", Keys: append(everywhere,
			keys.Described("esc", "back; nothing is lost"),
			keys.Described("ctrl+c", "stop what runs, safely; or quit"))},
		{Name: "In a question", When: func() bool { return m.Dialog != nil }, Keys: []keys.Key{
			keys.Described("tab left right", "choose an answer"), keys.Described("enter", "give the chosen answer"),
			keys.Described("esc", "the safe answer, which comes first")}},
	}
}

// press does what a key means: what lies over the page is asked first, then the
// page while text is typed, then the keys that work everywhere, then the page.
func (m *model) press(k tea.KeyPressMsg) tea.Cmd {
	key := k.String()
	if key == "ctrl+c" {
		return tea.Batch(m.viewer.close(m), m.interrupt())
	}
	if d := m.Dialog; d != nil {
		cmd, over := d.Update(k)
		if over && m.Dialog == d {
			m.Dialog = nil
		}
		return cmd
	}
	if m.Layout.TooSmall {
		if key == "q" {
			return m.quit()
		}
		return nil
	}
	if m.help.open && m.help.press(k) {
		return nil
	}
	if m.viewer != nil {
		return m.viewer.close(m)
	}
	table := m.pages[m.current].Keys()
	if !table.Typing() {
		if cmd, handled := m.keys.Press(k); handled {
			return cmd
		}
	}
	if cmd, handled := m.pressBeside(k); handled {
		return cmd
	}
	cmd, handled := table.Press(k)
	if !handled && key == "esc" {
		return m.show(0)
	}
	return cmd
}

// interrupt is ctrl+c: it asks once when something runs.
func (m *model) interrupt() tea.Cmd {
	if m.Running != nil {
		m.stopOperation()
		return nil
	}
	stopped := false
	each(m, func(p page.Interrupter) { stopped = p.Interrupt() || stopped })
	switch {
	case stopped:
		return nil
	case m.leaving:
		return m.leave()
	}
	return m.quit()
}

func (m *model) stopOperation() {
	op := m.Running
	op.Stops++
	if op.Stop != nil && op.Stops == 1 {
		close(op.Stop)
	}
	switch {
	case op.Op == stack.OpPlan:
		m.session.Stop(op.Stops > 1)
		if op.Stop != nil {
			m.Say(page.Attention, "What was begun is asked to stop")
			return
		}
		m.Say(page.Attention, "Terraform is asked to stop planning; nothing was changed")
	case op.Stops == 1:
		m.session.Stop(false)
		m.Say(page.Attention, operation.StoppingText)
	default:
		op.Stops = 1
		m.Dialog = &widgets.Dialog{
			Title:  "Stop Terraform at once?",
			Danger: true,
			Body: []string{
				"Terraform was asked to stop and is saving its state. That is the safe way, and it may take a minute.",
				"",
				"Stopped at once, it may not save what it has just created. That would stay in " + m.Where() + " until a clean-up finds it by its tags.",
			},
			Choices: []widgets.Choice{
				{Label: "Wait for it", Key: "n"},
				{Label: "Stop it now", Key: "y", Do: func(*widgets.Dialog) tea.Cmd {
					if m.Running == op {
						op.Stops = 2
						m.session.Stop(true)
						m.Say(page.Bad, "Terraform is stopped at once. The next plan looks in the account for what its state has lost")
					}
					return nil
				}},
			},
		}
	}
}

// quit leaves when nothing is at stake, and else asks.
func (m *model) quit() tea.Cmd {
	asked := false
	each(m, func(p page.Keeper) { asked = asked || p.AskQuit(m.quit) })
	switch {
	case asked:
	case m.Running != nil:
		m.Dialog = &widgets.Dialog{
			Title: "Terraform is at work",
			Body: []string{"Terraform runs on its own: leave, and it goes on. `workshop` shows it again, and so does `workshop status`.",
				"", "Or stop it before you leave: it starts nothing new and saves its state. The next plan goes on from there."},
			Choices: []widgets.Choice{
				{Label: "Stay", Key: "n"},
				{Label: "Leave, it goes on", Key: "l", Do: func(*widgets.Dialog) tea.Cmd { return m.leave() }},
				{Label: "Stop it and leave", Key: "y", Do: func(*widgets.Dialog) tea.Cmd { m.stopFirst = true; return m.leave() }},
			},
		}
	case m.Stack.Exists:
		m.askLeaveUp()
	default:
		return m.leave()
	}
	return nil
}

// askLeaveUp asks before the screens end with a stack deployed.
func (m *model) askLeaveUp() {
	body := []string{"It stays as it is until you delete it. While it stands: " + m.Cost.Whole + "."}
	if m.Info.Sandbox {
		body = []string{"It costs nothing here. The sandbox and its tasks keep running after you quit; `workshop sandbox stop` ends them, and the next start brings them back."}
	}
	cost := m.Meter()
	for _, text := range []string{cost.Sentence, cost.Warning} {
		if text != "" {
			body = append(body, "", clean.Line(text))
		}
	}
	m.leaving = true
	stay := func(*widgets.Dialog) tea.Cmd { m.leaving = false; return nil }
	m.Dialog = &widgets.Dialog{
		Title: fmt.Sprintf("Your stack is still up: %s", draw.Count(m.Stack.Resources, "resource")),
		Body:  body,
		Choices: []widgets.Choice{
			{Label: "Stay", Do: stay},
			{Label: "Clean up first", Key: "c", Do: func(*widgets.Dialog) tea.Cmd { m.leaving = false; return m.Open("cleanup") }},
			{Label: "Leave it up and quit", Key: "q", Do: func(*widgets.Dialog) tea.Cmd { return m.leave() }},
		},
	}
}

// leave ends the program; Run has the pages keep what must be kept.
func (m *model) leave() tea.Cmd {
	m.leaving = true
	return m.forget(tea.Quit)
}

// forget has the terminal forget the pictures that it holds before then is done.
func (m *model) forget(then tea.Cmd) tea.Cmd {
	clear := m.Terminal.Clear()
	if clear == "" {
		return then
	}
	// The pictures belong to our screen. What is queued for the terminal goes out
	// with the next frame, and both ways to leave do not wait for that one.
	frames := func() tea.Msg { time.Sleep(3 * time.Second / framesPerSecond); return nil }
	return tea.Sequence(tea.Raw(clear), frames, then)
}
