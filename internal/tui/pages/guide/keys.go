package guide

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/tui/keys"
	"workshop/internal/tui/page"
	"workshop/internal/tui/reader"
)

// Keys returns the page's keys.
func (g *Page) Keys() keys.Table { return g.keys }

// table lists the keys, the innermost context first.
func (g *Page) table() keys.Table {
	x := g.exercise
	text := func() *reader.Reader {
		if g.ending != nil {
			return g.ending
		}
		return g.reader
	}
	reading := func() bool { return g.step() != nil }
	course := func() bool { return reading() && g.ending == nil }
	focused := func() bool { enter, _ := text().Focused(); return enter != "" }
	readers := reader.Keys(text, g.answer)
	inFocus, inText := readers[0], readers[1]
	hasFocus := inFocus.When
	inFocus.When = func() bool { return reading() && hasFocus() }
	inText.When = reading

	var there []keys.Key // the page that the step is about
	for _, p := range g.Root.Pages() {
		there = append(there, keys.Shown(p.Key, strings.ToLower(p.Title)).If(func() bool { return g.step().Page == p.Slug && p.Slug != "guide" }))
	}
	scrollRail := keys.Scrolls(g.rail.Key)

	return keys.Table{
		{Name: "The editor", When: func() bool { return g.editor != nil }, Text: true, Modal: true, Keys: []keys.Key{
			keys.On("ctrl+s", "save the file", func() { g.editor.save(false) }).HintFunc(func() string {
				if g.Info.ReadOnly {
					return ""
				}
				return "save"
			}),
			keys.Shown("ctrl+z", "undo").If(func() bool { return !g.Info.ReadOnly }),
			keys.On("esc", "back to the step; asks where text is not saved", func() { g.editor.close() }).Hint("back"),
		}, Rest: func(k tea.KeyPressMsg) (tea.Cmd, bool) { g.editor.key(k); return nil, true }},

		{Name: "The headings of the step", When: func() bool { return g.contents.on }, Modal: true, Rest: keys.Scrolls(g.contents.scroll.Key), Keys: []keys.Key{
			keys.On("enter", "go to the chosen heading", func() {
				id := g.contents.choose()
				g.jump(g.at)
				g.reader.Go(id)
			}).Hint("go there"),
			keys.On("esc t", "back to the step", func() { g.contents.on = false }).Hint("back"),
		}},

		{Name: "Searching all steps", When: func() bool { return g.search.on }, Text: true, Modal: true, Keys: []keys.Key{
			keys.On("enter", "go to the chosen place", func() {
				if p := g.search.choose(); p != nil {
					g.jump(p.step)
					g.reader.Go(p.block)
				}
			}).Hint("go there"),
			keys.On("esc", "back to the step", func() { g.search.on = false }).Hint("back"),
		}, Rest: g.search.key},

		{Name: "Questions", When: func() bool { return x.quiz && reading() }, Text: true, Modal: true, Keys: []keys.Key{
			keys.On("enter right n", "the next question", x.nextQuestion).Hint("next"),
			keys.On("left p", "the question before", x.previousQuestion),
			keys.On("esc a", "back to the step", func() { x.quiz = false }).Hint("back"),
		}, Rest: func(k tea.KeyPressMsg) (tea.Cmd, bool) { x.answer(k.String()); return nil, true }},

		{Name: "Finding a place", When: reading, Keys: []keys.Key{
			keys.On("/", "search all steps", func() { g.leavePanes(); g.search.begin() }),
			keys.On("t", "the headings of this step", func() { g.leavePanes(); g.contents.begin(g.reader) }),
			keys.On("v", "show or hide the Live page beside the step, from 150 columns on", g.toggleLive).If(func() bool { return g.Layout.W >= page.WideWidth }),
			keys.On("V", "give the keys to the Live page beside the step; tab brings them back", func() { g.leavePanes(); g.onLive = true }).If(func() bool { return g.Layout.Beside.W > 0 }),
			keys.On("b backspace", "back to before a jump", func() { g.leavePanes(); g.goBack() }),
		}},

		{Name: "The last page", When: func() bool { return g.ending != nil }, LastHints: true, Keys: []keys.Key{
			keys.On("esc p n", "back to the steps", func() { g.ending = nil }).Hint("back"),
			keys.On("s", "choose a step", func() { g.ending = nil; g.openRail() }).Hint("steps"),
		}},

		{Name: "The output of a command", When: func() bool { return course() && g.onOutput }, LastHints: true,
			Rest: func(k tea.KeyPressMsg) (tea.Cmd, bool) { return nil, g.output.scroll.Key(k) }, Keys: []keys.Key{
				keys.On("esc o", "back to the step", func() { g.onOutput = false }).Hint("back"),
				keys.On("X", "close the output", g.closeOutput).Hint("close the output"),
			}},

		{Name: "The list of steps", When: func() bool { return course() && g.onRail }, LastHints: true, Rest: scrollRail, Keys: []keys.Key{
			keys.On("enter", "open the chosen step", func() {
				g.onRail = false
				if g.rail.Cursor != g.at {
					g.jump(g.rail.Cursor)
				}
			}).Hint("open"),
			keys.On("esc right l tab s", "back to the step", func() { g.onRail, g.rail.Cursor = false, g.at }).Hint("back"),
		}},

		{Name: "Checks, hints and questions", When: func() bool { return course() && !g.onRail && !g.onOutput }, Keys: []keys.Key{
			keys.On("c", "check what you did", x.askCheck).If(func() bool { return len(g.step().Checks) > 0 }),
			keys.On("h", "a hint", x.nextHint).If(func() bool { return len(g.step().Hints) > 0 }),
			keys.On("a", "answer the questions", x.startQuiz).If(func() bool { return len(g.step().Quiz) > 0 }),
			keys.On("S", "have the step done; asks first", x.askSolve).If(func() bool { return len(g.step().Solve) > 0 }),
			keys.On("R", "begin the step anew; asks first", x.askReset),
			keys.On("esc", "close the checks", x.close).If(func() bool { return x.open }),
		}},

		inFocus,

		{When: func() bool { return course() && !focused() }, Keys: there},

		{Name: "A step", When: course, Keys: []keys.Key{
			keys.On("n", "this step is done, on to the next", g.next).Hint("done, next"),
			keys.Shown("tab", "focus"),
			keys.On("p", "the step before", g.previous).If(func() bool { return g.at > 0 }),
			keys.On("s", "choose a step", g.openRail),
			keys.Shown("v", "").If(func() bool { return g.Layout.W >= page.WideWidth && g.Snapshot != nil }).HintFunc(func() string {
				if g.live {
					return "hide Live"
				}
				return "Live beside"
			}),
			keys.Shown("b", "back").If(func() bool { return len(g.trail) > 0 }),
			keys.On("o", "the output of what was run", func() { g.onOutput = true }).If(func() bool { return g.output != nil }).Hint("output"),
			keys.Shown("t", "contents").If(func() bool { return len(g.reader.Headings()) >= longStep }),
		}},

		{When: func() bool { return course() && focused() }, Keys: there},

		inText,
	}
}

func (g *Page) openRail() { g.onRail, g.rail.Cursor = true, g.at }

// leavePanes takes the keys from everything beside the text.
func (g *Page) leavePanes() { g.onRail, g.ending, g.onOutput = false, nil, false }
