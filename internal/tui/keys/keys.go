// Package keys holds the keys of the screens as values. One table of a page
// drives what a key press does, the hints in the bottom line, the help that `?`
// shows, and docs/keys.md.
package keys

import (
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// Key is one binding with its action. It is a value; its functions belong to the
// event loop.
type Key struct {
	key.Binding
	when func() bool
	hint func() string
	do   func() tea.Cmd
}

// On returns a Key. pressed lists the keys that mean the same, separated by
// spaces, in the words of tea.KeyPressMsg.String; does is the text for the help.
func On(pressed, does string, do func()) Key {
	return OnCmd(pressed, does, func() tea.Cmd { do(); return nil })
}

// OnCmd is On for an action that returns a command.
func OnCmd(pressed, does string, do func() tea.Cmd) Key {
	names := strings.Fields(pressed)
	return Key{Binding: key.NewBinding(key.WithKeys(names...), key.WithHelp(pressed, does)), do: do}
}

// Do returns the key with its action.
func (k Key) Do(do func() tea.Cmd) Key { k.do = do; return k }

// Shown returns a Key for the bottom line alone: what it does is in another table,
// the root's or a widget's.
func Shown(pressed, hint string) Key {
	return Key{Binding: key.NewBinding(key.WithKeys(strings.Fields(pressed)...))}.Hint(hint)
}

// Described returns a Key for the help alone: what it does is in no table.
func Described(pressed, does string) Key {
	return Key{Binding: key.NewBinding(key.WithKeys(strings.Fields(pressed)...), key.WithHelp(pressed, does))}
}

// If returns the key with a condition: without it the key is not handled.
func (k Key) If(when func() bool) Key { k.when = when; return k }

// Hint returns the key with words for the bottom line.
func (k Key) Hint(text string) Key { return k.HintFunc(func() string { return text }) }

// HintFunc is Hint for words that depend on the state; where they are empty, the
// bottom line does not name the key.
func (k Key) HintFunc(text func() string) Key { k.hint = text; return k }

func (k Key) on() bool { return k.when == nil || k.when() }

// Acts reports whether the key does something whenever it is pressed.
func (k Key) Acts() bool { return k.do != nil && k.when == nil }

// Context is a state of a page with the keys that it adds.
type Context struct {
	// Name is the heading in the help; empty adds the keys to the context before.
	Name string
	// When reports whether the page is in this state; nil for always.
	When func() bool
	Keys []Key
	// Rest receives the keys that Keys lacks, for text fields and lists. It reports
	// whether it handled the key.
	Rest func(tea.KeyPressMsg) (tea.Cmd, bool)
	// Text says that Rest takes any character as text.
	Text bool
	// Modal says that no other key of the page works in this state.
	Modal bool
	// LastHints says that the bottom line names no keys of the contexts below.
	LastHints bool
}

// Scrolls returns a Rest that has a list or a text scroll.
func Scrolls(scroll func(tea.KeyPressMsg) bool) func(tea.KeyPressMsg) (tea.Cmd, bool) {
	return func(k tea.KeyPressMsg) (tea.Cmd, bool) { return nil, scroll(k) }
}

// Table is the keys of a page: the contexts in the order in which they are asked.
type Table []Context

// active calls with the contexts that are on, until one is modal or yield
// returns false.
func (t Table) active(yield func(Context) bool) {
	for _, c := range t {
		if c.When != nil && !c.When() {
			continue
		}
		if !yield(c) || c.Modal {
			return
		}
	}
}

// Press does what a key means now. handled is false where it means nothing.
func (t Table) Press(k tea.KeyPressMsg) (cmd tea.Cmd, handled bool) {
	t.active(func(c Context) bool {
		for _, x := range c.Keys {
			if x.do != nil && key.Matches(k, x.Binding) && x.on() {
				cmd, handled = x.do(), true
				return false
			}
		}
		if c.Rest != nil {
			cmd, handled = c.Rest(k)
		}
		handled = handled || c.Modal
		return !handled
	})
	return cmd, handled
}

// Typing reports whether characters are text now.
func (t Table) Typing() bool {
	typing := false
	t.active(func(c Context) bool {
		typing = typing || c.Text
		return true
	})
	return typing
}

// Hint is a key with what it does, in two or three words.
type Hint struct{ Key, Does string }

// Hints returns the keys that the bottom line names now, most important first.
func (t Table) Hints() []Hint {
	var out []Hint
	named := map[string]bool{}
	t.active(func(c Context) bool {
		for _, x := range c.Keys {
			if x.hint == nil || len(x.Keys()) == 0 || !x.on() { // a page that is not there has no key
				continue
			}
			name := x.Keys()[0]
			if named[name] {
				continue
			}
			if does := x.hint(); does != "" {
				named[name] = true
				out = append(out, Hint{name, does})
			}
		}
		return !c.LastHints
	})
	return out
}

// Group is a heading of the help with its keys.
type Group struct {
	Name   string
	Active bool // the page is in this state
	Keys   []Hint
}

// Groups returns every key of the table for the help, whether it works now or not.
// A context without a name belongs to the one before; keys that work now and keys
// that do not are never in one group.
func (t Table) Groups() []Group {
	var out []Group
	name, modal := "", false
	for _, c := range t {
		on := !modal && (c.When == nil || c.When())
		modal = modal || on && c.Modal
		if c.Name != "" {
			name = c.Name
		}
		if n := len(out); n == 0 || out[n-1].Name != name || out[n-1].Active != on {
			out = append(out, Group{Name: name, Active: on})
		}
		g := &out[len(out)-1]
		for _, x := range c.Keys {
			if h := x.Help(); h.Desc != "" {
				g.Keys = append(g.Keys, Hint{h.Key, h.Desc})
			}
		}
	}
	return out
}
