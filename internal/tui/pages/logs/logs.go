// Package logs is the page of what the tasks print, all in one stream.
package logs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/clean"
	"workshop/internal/fargate"
	"workshop/internal/logline"
	"workshop/internal/session"
	"workshop/internal/tui/draw"
	"workshop/internal/tui/jobs"
	"workshop/internal/tui/keys"
	"workshop/internal/tui/page"
	"workshop/internal/tui/style"
	"workshop/internal/tui/widgets"
)

// fast is how many lines a second outrun the eye.
const fast = 100

// fresh is how old a line may be that counts for the rate.
const fresh = 30 * time.Second

// Session is what the page needs of the session.
type Session interface {
	// SaveLogs writes lines to a file and returns its path.
	SaveLogs(ctx context.Context, lines []fargate.Line) (path string, err error)
	// LogPage reads the lines next to a time: those from then on, or up to then, of one
	// task or of all where task is nil.
	LogPage(ctx context.Context, at time.Time, after bool, task *fargate.Task) (fargate.LogPage, error)
}

// Page is the page. It belongs to the event loop.
type Page struct {
	*page.Context
	session Session
	keys    keys.Table
	*buffer         // that is shown: the live one, or the past's
	live    *buffer // the newest lines
	past    *past   // that is shown; nil for the newest lines
	reading *past   // for which lines are read; nil for none
	onward  int     // lines to go once that has been done and they were looked through
	all     bool    // health checks are shown too
	found   matches // of the filter, without the health checks unless all

	follow bool
	bottom int // number of the last line on the screen, while not following
	paused int // number that the next line had when following ended
	stream fargate.Stream

	filter  widgets.Field
	editing bool

	search  widgets.Field
	finding bool    // the text of the search is being typed
	sought  matches // of the search, among the lines that are shown
	at      int     // number of the match that is marked, -1 for none
	saving  bool    // once all lines have been looked through
	going   int     // -1 or 1 while a match in that direction is still looked for

	gravity               logline.Level // events of lower ones are not shown
	oneTask, oneContainer only
	wrapped               bool
	raw                   bool     // JSON as it came
	coloured              bool     // in the program's own colours
	columns               []string // fields of structured events that are shown as columns

	lost   int       // lines that never got here
	second time.Time // begin of the second in which rate is counted
	count  int
	rate   int // lines in the last whole second

	tasks      []string          // ids, in the order in which they came
	colours    map[string]int    // of the tasks, by id
	containers []string          // names, in the order in which they came
	ids        map[string]string // drawn task ids, for drawn
	rows       map[int][]string  // drawn lines by number, for drawn
	drawn      drawnFor
	height     int
}

// drawnFor is what a drawn line depends on beside itself.
type drawnFor struct {
	w            int
	wrapped, raw bool
	coloured     bool
	dark, ascii  bool
	containers   int // width of their column; 0 for none
	filter       string
	search       string
	columns      string
}

// rowsKept bounds the drawn lines that are kept.
const rowsKept = 2_000

// New returns the page.
func New(c *page.Context, s Session) *Page {
	l := &Page{Context: c, session: s, live: newBuffer(logsHeld, bytesHeld), follow: true, at: -1, colours: map[string]int{}, ids: map[string]string{}, rows: map[int][]string{}}
	l.buffer = l.live
	l.keys = l.table()
	l.find()
	return l
}

// Append takes in lines; lost more were dropped on the way.
func (l *Page) Append(lines []fargate.Line, lost int) tea.Cmd {
	for i := range lines {
		l.live.add(&lines[i])
		l.meet(&lines[i])
	}
	l.lost += lost
	now := l.Now()
	switch d := now.Sub(l.second); {
	case d >= 2*time.Second:
		l.rate, l.count, l.second = 0, 0, now
	case d >= time.Second:
		l.rate, l.count, l.second = l.count, 0, now
	}
	// History that is read at the beginning is no rate.
	for _, x := range lines {
		if now.Sub(x.Time) < fresh {
			l.count++
		}
	}
	l.count += lost
	if l.scan() {
		return scanOn
	}
	return nil
}

// meet gives a task that is new a colour, and remembers the container.
func (l *Page) meet(x *fargate.Line) {
	if _, known := l.colours[x.Task]; !known {
		l.colours[x.Task] = len(l.colours)
		l.tasks = append(l.tasks, x.Task)
	}
	if x.Container != "" && !slices.Contains(l.containers, x.Container) {
		l.containers = append(l.containers, x.Container)
	}
}

// scan goes on looking for the matches of the filter and of the search, and reports
// whether something is left.
func (l *Page) scan() bool {
	budget, searching := scanned, l.search.Value != ""
	if searching {
		budget /= 3 // a search applies the filter too
	}
	left := l.choosing() && l.found.scan(l.ring, budget)
	if searching {
		left = l.sought.scan(l.ring, budget) || left
		l.goOn()
	}
	if l.saving && !left {
		l.save()
	}
	if by := l.onward; by != 0 && !left && l.reading == nil {
		if l.onward = 0; by < 0 && l.last() > l.least() || by > 0 && l.last() < l.len()-1 {
			l.move(by)
		}
	}
	return left
}

func (l *Page) filtering() bool { return !l.found.filter.all() }

// choosing reports that not all lines are shown.
func (l *Page) choosing() bool { return l.filtering() || !l.all }

// len and number are the list that is shown.
func (l *Page) len() int {
	if l.choosing() {
		return l.found.len()
	}
	return l.ring.Len()
}

func (l *Page) number(i int) int {
	if l.choosing() {
		return l.found.number(i)
	}
	return l.ring.First() + i
}

// shownSince counts the lines that are shown from a number on, as far as they were looked
// through.
func (l *Page) shownSince(n int) int {
	if l.choosing() {
		return l.found.len() - l.found.index(n)
	}
	return l.ring.Next() - max(n, l.ring.First())
}

// last is the index of the last line on the screen.
func (l *Page) last() int {
	n := l.len()
	if l.follow || n == 0 {
		return n - 1
	}
	i := sort.Search(n, func(i int) bool { return l.number(i) > l.bottom }) - 1
	if i+1 >= l.height { // so many lines fill the screen, however few rows each has
		return i
	}
	return max(i, l.least())
}

// least is the smallest index that may be last on the screen: the first lines fill it then.
func (l *Page) least() int {
	n, rows := l.len(), 0
	for i := range n {
		rows += l.rowsOf(i)
		if rows >= l.height {
			return i
		}
	}
	return n - 1
}

func (l *Page) rowsOf(i int) int {
	return len(l.draw(l.number(i)))
}

// move goes so many lines down, or up for less than 0. What is beyond the lines that are
// held is read.
func (l *Page) move(by int) tea.Cmd {
	n, last, least := l.len(), l.last(), l.least()
	switch {
	case by < 0 && last <= least:
		l.older(by)
		return nil
	case by > 0 && last == n-1:
		if l.past != nil {
			return l.newer(by)
		}
		l.follow = true
		return nil
	}
	to := min(max(last+by, least), n-1)
	if l.follow && to < n-1 {
		l.paused = l.ring.Next()
	}
	l.follow = to == n-1 && l.past == nil
	l.bottom = l.number(to)
	return nil
}

// Keys returns the page's keys.
func (l *Page) Keys() keys.Table { return l.keys }

func (l *Page) table() keys.Table {
	screen := func() int { return max(1, l.height-1) }
	move := func(b key.Binding, by func() int) keys.Key {
		return keys.Key{Binding: b}.Do(func() tea.Cmd { return l.move(by()) })
	}
	toggle := func(flag *bool) func() { return func() { *flag = !*flag } }
	words := func(flag *bool, on, off string) func() string {
		return func() string {
			if *flag {
				return on
			}
			return off
		}
	}
	typed := func(f *widgets.Field, typing *bool) func(tea.KeyPressMsg) (tea.Cmd, bool) {
		return func(k tea.KeyPressMsg) (tea.Cmd, bool) {
			switch k.String() {
			case "up", "down", "pgup", "pgdown":
				*typing = false
				return l.keys.Press(k)
			}
			if f.Update(k) {
				return l.find(), true
			}
			return nil, true
		}
	}
	searching := func() bool { return l.search.Value != "" }
	return keys.Table{
		{Name: "While a filter is typed", When: func() bool { return l.editing }, Text: true, Modal: true, Keys: []keys.Key{
			keys.On("enter", "keep the filter", func() { l.editing = false }).Hint("keep"),
			keys.OnCmd("esc", "show all lines again", func() tea.Cmd { l.editing = false; return l.setFilter("") }).Hint("all lines"),
		}, Rest: typed(&l.filter, &l.editing)},
		{Name: "While a text to find is typed", When: func() bool { return l.finding }, Text: true, Modal: true, Keys: []keys.Key{
			keys.On("enter", "go to the newest place above", func() { l.finding = false; l.first() }).Hint("find"),
			keys.OnCmd("esc", "find nothing", func() tea.Cmd { l.finding = false; return l.setSearch("") }).Hint("nothing"),
		}, Rest: typed(&l.search, &l.finding)},
		{Name: "The lines", Keys: []keys.Key{
			keys.OnCmd("G end", "follow new lines again", l.toNewest).HintFunc(words(&l.follow, "", "follow")),
			keys.On("a", "ask for lines at once that did not come", l.again).Hint("try again").If(func() bool { return l.failed() != nil }),
			keys.OnCmd("esc", "end the search", func() tea.Cmd { return l.setSearch("") }).If(searching),
			keys.OnCmd("esc", "show all lines again", func() tea.Cmd { l.showAll(); return l.find() }).If(l.filtering),
			keys.OnCmd("esc", "follow new lines of all tasks again", l.toNewest).If(func() bool { return !l.follow }).HintFunc(func() string {
				if l.past != nil && l.past.task != nil {
					return "all tasks"
				}
				return ""
			}),
			keys.On("n", "the next line that has the text, below", func() { l.step(1) }).Hint("next below").If(searching),
			keys.On("N", "the line before that has the text, above", func() { l.step(-1) }).Hint("next above").If(searching),
			keys.On("/", "show only lines that have a text; ~ begins a regular expression", func() { l.editing = true }).Hint("filter"),
			keys.On("f", "find a text among the lines that are shown, and hide none; ~ begins a regular expression", func() { l.finding = true }).Hint("find"),
			keys.OnCmd("l", "all lines, warnings and errors, errors only", l.nextGravity).HintFunc(func() string { return "level" }),
			keys.OnCmd("t", "only the task of the chosen or last line on the screen, then each other one, then all", func() tea.Cmd {
				l.oneTask.next(l.tasks, l.inView().Task)
				return l.find()
			}).If(func() bool { return len(l.tasks) > 1 && (l.last() >= 0 || l.oneTask.name != "") }),
			keys.OnCmd("c", "only the container of that line, then each other one, then all", func() tea.Cmd {
				l.oneContainer.next(l.containers, l.inView().Container)
				return l.find()
			}).If(func() bool { return len(l.containers) > 1 && (l.last() >= 0 || l.oneContainer.name != "") }),
			keys.On("T", "lines from a time on; going up beyond the first line reads older ones too", l.askSince).Hint("since").If(l.some),
			keys.OnCmd("h", "show or hide health checks", func() tea.Cmd { l.all = !l.all; return l.find() }).HintFunc(words(&l.all, "hide health checks", "health checks")),
			keys.On("w", "wrap or cut long lines", toggle(&l.wrapped)).HintFunc(words(&l.wrapped, "cut long lines", "wrap")),
			keys.On("r", "JSON as it came, or made readable", toggle(&l.raw)).HintFunc(words(&l.raw, "pretty", "raw")),
			keys.On("F", "fields of JSON and logfmt lines as columns", l.askColumns),
			keys.On("m", "mark that line, or take its mark away", l.mark).If(func() bool { return l.last() >= 0 }),
			keys.On(".", "mark this moment, below the last line", l.markNow).If(func() bool { return l.last() >= 0 && l.past == nil }),
			keys.OnCmd("]", "the next mark, below", func() tea.Cmd { return l.toMark(1) }).If(func() bool { return len(l.marks) > 0 }),
			keys.OnCmd("[", "the mark before, above", func() tea.Cmd { return l.toMark(-1) }).If(func() bool { return len(l.marks) > 0 }),
			keys.On("C", "the program's own colours, and every other control character as text; or neither", toggle(&l.coloured)),
			keys.OnCmd("y", "copy the last line on the screen", func() tea.Cmd {
				x, _ := l.ring.At(l.number(l.last()))
				return l.Copy(x.Message, "The last line on the screen")
			}).If(func() bool { return l.last() >= 0 }),
			keys.On("s", "save the lines that are shown in a file", l.askSave),
			move(widgets.LineUp, func() int { return -1 }),
			move(widgets.LineDown, func() int { return 1 }),
			move(widgets.PageUp, func() int { return -screen() }),
			move(widgets.PageDown, screen),
			move(widgets.First, func() int { return -l.len() - 1 }),
		}},
	}
}

// Paste adds text to the filter or search that is typed.
func (l *Page) Paste(text string) {
	switch {
	case l.editing:
		l.filter.Add(text)
	case l.finding:
		l.search.Add(text)
	default:
		return
	}
	l.find()
}

func (l *Page) setSearch(s string) tea.Cmd {
	l.search.Value = s
	return l.find()
}

// chosen is the number of the line that a search or a mark led to, or else of the last one
// on the screen; -1 for none.
func (l *Page) chosen() int {
	n := l.at
	if last := l.last(); !l.inSight(n) && last >= 0 {
		n = l.number(last)
	}
	return n
}

// inView is the chosen line; empty for none.
func (l *Page) inView() fargate.Line {
	x, _ := l.ring.At(l.chosen())
	return x
}

// shown reports whether the line with a number is shown, on the screen or beyond.
func (l *Page) shown(n int) bool {
	i := n - l.ring.First()
	if l.choosing() {
		i = l.found.index(n)
	}
	return i >= 0 && i < l.len() && l.number(i) == n
}

// askColumns asks which fields are shown as columns.
func (l *Page) askColumns() {
	body := []string{"Type the names of fields, with spaces between. A line that has none of them is shown as it is."}
	if names := l.fieldsInView(); len(names) > 0 {
		body = append(body, "", "On the screen: "+strings.Join(names, ", "))
	}
	show := func(d *widgets.Dialog) tea.Cmd {
		l.columns, l.raw = strings.Fields(d.Input.Value), false
		return nil
	}
	l.Dialog = &widgets.Dialog{
		Title: "Fields as columns", Body: body, Asks: "Fields:", Input: widgets.Field{Value: strings.Join(l.columns, " ")},
		Choices: []widgets.Choice{
			{Label: "Leave it as it is"},
			{Label: "No columns", Do: func(*widgets.Dialog) tea.Cmd { l.columns = nil; return nil }},
			{Label: "Show them", Do: show},
		},
	}
}

// fieldsInView are the names of the fields of the lines on the screen.
func (l *Page) fieldsInView() (names []string) {
	for i, last := l.last(), l.last(); i >= 0 && last-i < l.height; i-- {
		x, _ := l.ring.At(l.number(i))
		e, _ := logline.Parse(x.Message)
		for _, f := range e.Fields {
			if name := clean.Line(f.Key); !slices.Contains(names, name) && !strings.Contains(name, " ") {
				names = append(names, name)
			}
		}
	}
	return names
}

// askSave saves the lines that are shown as soon as all have been looked through.
func (l *Page) askSave() {
	l.saving = true
	if !l.choosing() || !l.found.left(l.ring) {
		l.save()
	}
}

// save writes the lines that are shown to a file, outside the event loop.
func (l *Page) save() {
	l.saving = false
	lines := make([]fargate.Line, l.len())
	for i := range lines {
		lines[i], _ = l.ring.At(l.number(i))
	}
	if len(lines) == 0 {
		l.Say(page.Attention, "No line is shown, so there is none to save")
		return
	}
	sess := l.session
	jobs.Start(l.Jobs, page.Bounded(func(ctx context.Context) (string, error) { return sess.SaveLogs(ctx, lines) }), func(path string, err error) tea.Cmd {
		if err != nil {
			l.Say(page.Bad, "The lines were not saved: "+err.Error())
		} else {
			l.Say(page.Good, draw.Count(len(lines), "line")+" saved in "+path)
		}
		return nil
	})
}

// step goes to the next match below, for 1, or above, for -1: of the match that is
// marked, or of what is on the screen where that is not.
func (l *Page) step(by int) {
	from := l.at
	if !l.inSight(from) {
		if from = l.bottom; l.follow || l.last() < 0 {
			from = l.ring.Next() - 1
		}
		if by < 0 {
			from++
		}
	}
	l.goFrom(from, by)
}

// first goes to the newest match above the end of the screen.
func (l *Page) first() {
	l.at = -1
	if l.search.Value != "" {
		l.step(-1)
	}
}

// goFrom goes to the next match in a direction from a line. Where the lines there have
// not been looked through yet, goOn does it later.
func (l *Page) goFrom(from, by int) {
	i := l.sought.index(from) - 1
	if by > 0 {
		i = l.sought.index(from + 1)
	}
	left := l.sought.left(l.ring)
	l.going = 0
	switch {
	case i >= 0 && i < l.sought.len() && !(left && from < l.sought.down):
		l.at = l.sought.number(i)
		l.reveal(l.at)
	case left:
		l.going = by
	case l.sought.len() == 0:
		l.Say(page.Attention, "No line that is shown has "+l.search.Value+" in it")
	case by > 0:
		l.Say(page.Attention, "No line below has "+l.search.Value+" in it: N looks above")
	default:
		l.Say(page.Attention, "No line above has "+l.search.Value+" in it: n looks below")
	}
}

// goOn goes to a match that was not found before more lines were looked through.
func (l *Page) goOn() {
	if l.going != 0 {
		l.step(l.going)
	}
}

// inSight reports whether a line is on the screen.
func (l *Page) inSight(n int) bool {
	rows := 0
	for i := l.last(); i >= 0 && rows < l.height && l.number(i) >= n; i-- {
		if l.number(i) == n {
			return true
		}
		rows += l.rowsOf(i)
	}
	return false
}

// reveal brings a line that is shown into the middle of the screen, if it is not in sight.
func (l *Page) reveal(n int) {
	to := l.last()
	if !l.inSight(n) {
		to = sort.Search(l.len(), func(i int) bool { return l.number(i) >= n })
		for rows := 0; to < l.len()-1 && rows < l.height/2; to++ {
			rows += l.rowsOf(to + 1)
		}
	}
	if l.follow {
		l.paused = l.ring.Next()
	}
	l.follow, l.bottom = false, l.number(to)
}

// showAll takes every filter off, and the search.
func (l *Page) showAll() {
	l.gravity, l.oneTask, l.oneContainer = logline.Unknown, only{}, only{}
	l.filter.Value, l.search.Value, l.editing, l.finding = "", "", false, false
}

func (l *Page) setFilter(s string) tea.Cmd {
	l.filter.Value = s
	return l.find()
}

// gravities are what the level key goes through.
var gravities = []struct {
	least logline.Level
	name  string
}{{logline.Unknown, ""}, {logline.Warn, "warnings and errors"}, {logline.Error, "errors"}}

func (l *Page) nextGravity() tea.Cmd {
	for i, g := range gravities {
		if g.least == l.gravity {
			l.gravity = gravities[(i+1)%len(gravities)].least
			break
		}
	}
	return l.find()
}

func (l *Page) gravityName() string {
	for _, g := range gravities {
		if g.least == l.gravity {
			return g.name
		}
	}
	return ""
}

// find looks for what the filter lets through and the search finds, from the newest line
// back.
func (l *Page) find() tea.Cmd {
	hidden := &l.checks
	if l.all {
		hidden = nil
	}
	f := filter{text: newWanted(l.filter.Value), least: l.gravity, task: l.oneTask.name, container: l.oneContainer.name, hidden: hidden, traces: &l.traces}
	l.found = newMatches(f, wanted{}, l.ring)
	l.sought = newMatches(f, newWanted(l.search.Value), l.ring)
	l.going = 0
	if l.search.Value == "" {
		l.at = -1
	}
	if l.scan() {
		return scanOn
	}
	return nil
}

// scanMsg asks the page to go on looking through its lines.
type scanMsg struct{}

func scanOn() tea.Msg { return scanMsg{} }

// Receive goes on looking through the lines.
func (l *Page) Receive(msg tea.Msg) tea.Cmd {
	if _, ok := msg.(scanMsg); ok && l.scan() {
		return scanOn
	}
	return nil
}

// SetStream says how the stream of lines is doing.
func (l *Page) SetStream(s fargate.Stream) { l.stream = s }

// Fits says that every line is cut when it is drawn.
func (l *Page) Fits() {}

// Changes returns a second while the page counts: until the next attempt, or lines.
func (l *Page) Changes() time.Duration {
	if l.stream.Err != nil || l.rate > 0 || l.count > 0 {
		return time.Second
	}
	return 0
}

// Tick ends a rate that no lines renew.
func (l *Page) Tick() {
	if l.Now().Sub(l.second) >= 2*time.Second {
		l.rate, l.count = 0, 0
	}
}

// View draws the page.
func (l *Page) View(w, h int) []string {
	t := l.Theme
	want := drawnFor{w, l.wrapped, l.raw, l.coloured, t.Dark, !t.Unicode, l.containerWidth(w), l.filter.Value, l.search.Value, strings.Join(l.columns, " ")}
	if want != l.drawn || len(l.rows) > rowsKept {
		l.drawn = want
		clear(l.rows)
		clear(l.ids)
	}
	head := l.viewHead(w)
	l.height = h - len(head)
	if l.ring.Len() == 0 {
		return append(head, draw.Clip(l.viewNothing(), w, t)...)
	}
	if l.len() == 0 {
		message, hint := " No line so far has "+t.Strong.Render(l.filter.Value)+" in it.", " "+t.Key.Render("esc")+t.Dim.Render(" shows all lines again")
		switch {
		case l.filter.Value != "":
		case l.gravity > logline.Unknown:
			message = " No line so far is one of the " + t.Strong.Render(l.gravityName()) + "."
		default:
			message = " No line that is kept is of that task or container."
		}
		if fault := l.found.filter.text.fault; fault != nil {
			message = " " + t.Attention.Render(clean.Line(fault.Error()))
		}
		if !l.filtering() {
			message, hint = " "+t.Dim.Render(t.Signs.Working+" So far nobody but the load balancer has asked anything. Open the URL, and the request appears here."), ""
		}
		if l.past != nil && !l.filtering() {
			message, hint = " "+t.Dim.Render("These are all health checks."), " "+t.Key.Render("h")+t.Dim.Render(" shows them")
		}
		if l.found.down > l.ring.First() {
			message = " " + t.Dim.Render("Looking through "+draw.Thousands(l.ring.Len())+" lines")
		}
		return append(head, draw.Cut(message, w, t), "", hint)
	}
	rows := make([]string, 0, l.height)
	for i := l.last(); i >= 0 && len(rows) < l.height; i-- {
		drawn := l.draw(l.number(i))
		for j := len(drawn) - 1; j >= 0 && len(rows) < l.height; j-- {
			row := drawn[j]
			switch n := l.number(i); {
			case j > 0:
			case n == l.at:
				row = t.Key.Render(t.Signs.Current) + row[1:] // in the place of its first space
			case l.marked(n):
				row = t.Attention.Render(t.Signs.Bullet) + row[1:]
			}
			rows = append(rows, row)
		}
	}
	slices.Reverse(rows)
	return append(head, rows...)
}

func (l *Page) viewHead(w int) []string {
	t := l.Theme
	left := " " + t.Strong.Render("Logs of "+l.whose())
	lines := draw.Count(l.ring.Len(), "line")
	if l.past == nil && l.ring.First() > 0 {
		lines = "the last " + lines
	}
	if l.editing || l.filter.Value != "" {
		text := t.Accent.Render(l.filter.Value)
		if l.editing {
			text = l.filter.View(t)
		}
		if l.oneTask.name+l.oneContainer.name == "" {
			left = ""
		}
		left += " " + t.Key.Render("/") + text
	}
	if l.gravity > logline.Unknown {
		left += "   " + t.Accent.Render(l.gravityName())
	}
	if l.filtering() || !l.all && l.checks.held > 0 {
		lines = fmt.Sprintf("%s of %s", draw.Thousands(l.found.len()), lines)
	}
	if l.finding || l.search.Value != "" {
		left += "   " + l.viewSearch()
	}
	if span := l.span(); span != "" {
		lines += " " + span
	}
	left += t.Dim.Render("   " + lines)
	right := t.Good.Render(t.Signs.Running + " following ")
	switch {
	case l.reading != nil:
		right = t.Dim.Render(t.Signs.Working + " reading ")
	case l.past != nil && l.past.err != nil:
		right = t.Attention.Render(t.Signs.Warn+" not read") + t.Dim.Render(t.Signs.Sep) + t.Key.Render("a") + t.Dim.Render(" again ")
	case l.past != nil:
		right = t.Attention.Render("paused") + t.Dim.Render(t.Signs.Sep) + t.Key.Render("G") + t.Dim.Render(" follows ")
	case l.stream.Err != nil:
		right = t.Attention.Render(t.Signs.Warn + " " + l.stale())
		right += t.Dim.Render(t.Signs.Sep) + t.Key.Render("a") + t.Dim.Render(" now ")
	case !l.follow:
		right = t.Attention.Render("paused")
		if n := l.shownSince(l.paused); n > 0 {
			right += t.Attention.Render(fmt.Sprintf(", %s new", draw.Thousands(n)))
		}
		right += t.Dim.Render(t.Signs.Sep) + t.Key.Render("G") + t.Dim.Render(" follows ")
	}
	second := ""
	switch {
	case l.checks.held > 0 && !l.all:
		second = "   " + t.Dim.Render(draw.Count(l.checks.held, "health check")+" hidden"+t.Signs.Sep) + t.Key.Render("h") + t.Dim.Render(" shows them")
	case l.checks.held > 0:
		second = "   " + t.Dim.Render(draw.Count(l.checks.held, "health check")+" among them"+t.Signs.Sep) + t.Key.Render("h") + t.Dim.Render(" hides them")
	}
	switch {
	case l.past != nil:
		if about := l.viewPast(); about != "" {
			second = about
		}
	case l.stream.Err != nil:
		second = " " + t.Dim.Render(clean.Line(l.stream.Err.Error()))
	case l.lost > 0:
		second = t.Attention.Render(fmt.Sprintf(" %s %s came too fast to be kept", t.Signs.Warn, draw.Count(l.lost, "line")))
	case l.rate > fast && l.follow:
		second = t.Attention.Render(fmt.Sprintf(" %s lines a second: faster than the eye, so only some pass the screen; the last %s are kept", draw.Thousands(l.rate), draw.Thousands(l.ring.Len())))
	}
	head := []string{draw.Cut(draw.Ends(left, right, w, t), w, t), draw.Cut(second, w, t)}
	if len(l.columns) > 0 && !l.raw {
		names := strings.Repeat(" ", l.leadWidth()+levelWidth+2)
		for _, c := range l.columns {
			names += draw.Fit(c, columnWidth, t) + "  "
		}
		head = append(head, draw.Cut(t.Dim.Render(names+"message"), w, t))
	}
	return head
}

// whose names the tasks and containers whose lines are shown.
func (l *Page) whose() string {
	text := "all tasks"
	if l.past != nil && l.past.task != nil {
		text = "task " + page.ShortID(clean.Line(l.past.task.ID))
	}
	if l.oneTask.name != "" {
		text = "task " + page.ShortID(clean.Line(l.oneTask.name))
	}
	if l.oneContainer.name != "" {
		text += ", container " + clean.Line(l.oneContainer.name)
	}
	return text
}

// viewSearch draws the text that is searched, and which of its lines is marked.
func (l *Page) viewSearch() string {
	t := l.Theme
	text := t.Accent.Render(l.search.Value)
	if l.finding {
		text = l.search.View(t)
	}
	count := draw.Count(l.sought.len(), "line")
	switch {
	case l.search.Value == "":
		count = "a text to find"
	case l.sought.search.fault != nil:
		count = clean.Line(l.sought.search.fault.Error())
	case l.sought.left(l.ring):
		count = "looking"
	default:
		if i := l.sought.index(l.at); i < l.sought.len() && l.sought.number(i) == l.at {
			count = draw.Thousands(i+1) + " of " + draw.Thousands(l.sought.len())
		}
	}
	return t.Key.Render("f ") + text + "  " + t.Dim.Render(count)
}

// stale says since when no lines come, and when they are asked for again.
func (l *Page) stale() string {
	s := "no new lines"
	if !l.stream.AsOf.IsZero() {
		s += " since " + draw.Clock(l.stream.AsOf)
	}
	if wait := l.stream.Again.Sub(l.Now()); wait > 0 {
		s += l.Theme.Signs.Sep + "trying again in " + fmt.Sprintf("%d s", int(wait.Seconds()+0.999))
	} else if !l.stream.Again.IsZero() {
		s += l.Theme.Signs.Sep + "trying again"
	}
	return s
}

func (l *Page) viewNothing() []string {
	t := l.Theme
	if l.past != nil {
		if l.past.err != nil {
			return nil // the head says why
		}
		return []string{" " + t.Dim.Render(l.viewReading())}
	}
	if l.Chosen != nil && l.Chosen.Service == "" {
		return l.ChooseFirst()
	}
	if errors.Is(l.stream.Err, session.ErrNoLogs) {
		return nil // the head says why
	}
	if l.Stack.Exists || l.Chosen != nil {
		return []string{" " + t.Dim.Render(t.Signs.Working+" No line yet. What the tasks print appears here within seconds.")}
	}
	return []string{" " + t.Heading.Render("Nothing runs yet"), "", " Press " + t.Key.Render(l.Root.Key("deploy")) + " to deploy. What the tasks print appears here."}
}

// stamp is how the time of a line is written.
func (l *Page) stamp() string {
	if l.Layout.Compact {
		return "15:04:05"
	}
	return "15:04:05.000"
}

// leadWidth is how wide the time, the task and the container before a line are.
func (l *Page) leadWidth() int {
	w := 1 + len(l.stamp()) + 1 + taskWidth + 2
	if l.drawn.containers > 0 {
		w += l.drawn.containers + 2
	}
	return w
}

// containerWidth is how wide a container's name is drawn; 0 where there is only one.
func (l *Page) containerWidth(w int) int {
	longest := 0
	for _, name := range l.containers {
		longest = max(longest, draw.Width(name))
	}
	if len(l.containers) < 2 {
		return 0
	}
	return min(longest, max(w/6, containerLeast))
}

// draw returns the rows of a line, at least one.
func (l *Page) draw(n int) []string {
	if rows, ok := l.rows[n]; ok {
		return rows
	}
	t, w := l.Theme, l.drawn.w
	x, _ := l.ring.At(n)
	id := l.task(x.Task)
	at := x.Time.Local().Format(l.stamp())
	if l.traces.first(n) != n {
		at = strings.Repeat(" ", len(l.stamp())) // of the line that this one belongs to
	}
	lead := " " + t.Dim.Render(at) + " " + id + "  "
	if l.drawn.containers > 0 {
		lead += t.Dim.Render(draw.Fit(x.Container, l.drawn.containers, t)) + "  "
	}
	leadWidth := l.leadWidth()
	room := max(w-leadWidth, 10)
	text := l.text(x.Message)
	if over := len(text) - rowsMost; over > 0 && !l.wrapped {
		text = append(text[:rowsMost-1:rowsMost-1], t.Dim.Render("and "+draw.Count(over+1, "more line")))
	}
	var rows []string
	for _, s := range text {
		s = l.wanted().mark(s, t)
		parts := []string{s}
		if l.wrapped {
			parts = draw.Wrap(s, room)
		}
		for _, part := range parts {
			before := lead
			if len(rows) > 0 {
				before = strings.Repeat(" ", leadWidth)
			}
			rows = append(rows, before+draw.Cut(part, room, t))
		}
	}
	if at := l.marks[n]; !at.IsZero() {
		rule := strings.Repeat(t.Signs.Rule, 2)
		rows = append(rows, " "+t.Attention.Render(draw.Cut(rule+" "+l.clock(at)+" "+strings.Repeat(t.Signs.Rule, max(w-len(l.clock(at))-8, 0)), w-2, t)))
	}
	l.rows[n] = rows
	return rows
}

// wanted is the text that is marked in the lines: the one that is searched, or else the
// one that is filtered.
func (l *Page) wanted() *wanted {
	if l.search.Value != "" {
		return &l.sought.search
	}
	return &l.found.filter.text
}

// taskWidth is how much of a task's id is shown, containerLeast of a container's name where
// there is little room.
const (
	taskWidth      = 4
	containerLeast = 8
)

// task draws a task's id, in a colour of its own.
func (l *Page) task(id string) string {
	s, ok := l.ids[id]
	if !ok {
		c := l.Theme.Tasks
		s = c[l.colours[id]%len(c)].Render(draw.Fit(page.ShortID(clean.Line(id)), taskWidth, l.Theme))
		l.ids[id] = s
	}
	return s
}

// rowsMost is how many rows an event has at most where long lines are cut; the last one
// counts the rest.
const rowsMost = 12

// text draws what a task printed, in one row or several.
func (l *Page) text(message string) []string {
	safe := clean.Text
	if l.coloured {
		safe = clean.Colours
	}
	if l.raw {
		return split(safe(message))
	}
	return pretty(message, l.columns, safe, l.Theme)
}

// split returns the lines of a text; there is one at least.
func split(text string) []string { return strings.Split(strings.TrimRight(text, "\n"), "\n") }

// pretty draws a structured event as level, columns, message and the rest, and what has
// several lines below; any other is returned as it is. An event that has none of the
// fields is drawn without columns. The text is made safe by a function of package clean.
func pretty(s string, columns []string, safe func(string) string, t style.Theme) []string {
	e, ok := logline.Parse(s)
	if !ok {
		return split(safe(s))
	}
	st := t.Dim
	switch {
	case e.Level >= logline.Error:
		st = t.Bad
	case e.Level == logline.Warn:
		st = t.Attention
	}
	cells := takeColumns(&e, columns, t)
	first, below := shown(e, safe)
	out := []string{st.Render(draw.Fit(clean.Line(e.LevelText), levelWidth, t)) + "  " + cells + first.message}
	if first.fields != "" {
		out[0] += "  " + t.Dim.Render(first.fields)
	}
	for _, line := range below {
		out = append(out, "  "+t.Dim.Render(line))
	}
	return out
}

// levelWidth is how wide a level is drawn, columnWidth a column.
const (
	levelWidth  = 5
	columnWidth = 16
)

// takeColumns takes the fields that are columns out of an event and draws them; empty
// where it has none of them.
func takeColumns(e *logline.Entry, columns []string, t style.Theme) string {
	cells, found := make([]string, len(columns)), false
	e.Fields = slices.DeleteFunc(e.Fields, func(f logline.Field) bool {
		i := slices.IndexFunc(columns, func(name string) bool { return strings.EqualFold(name, f.Key) })
		if i < 0 || cells[i] != "" {
			return false
		}
		cells[i], found = clean.Line(f.Value), true
		return true
	})
	if !found {
		return ""
	}
	for i := range cells {
		cells[i] = draw.Fit(cells[i], columnWidth, t) + "  "
	}
	return strings.Join(cells, "")
}

// firstRow is what the first row of a structured event says beside the level.
type firstRow struct{ message, fields string }

// shown is what is shown of a structured event; values of several lines, such as stack
// traces, stand below it.
func shown(e logline.Entry, safe func(string) string) (first firstRow, below []string) {
	message := split(safe(e.Message))
	first.message, below = message[0], message[1:]
	var fields []string
	for _, f := range e.Fields {
		value := clean.Lines(f.Value)
		key := clean.Line(f.Key) + "="
		if len(value) == 1 {
			fields = append(fields, key+value[0])
			continue
		}
		below = append(append(below, key), value...)
	}
	first.fields = strings.Join(fields, " ")
	return first, below
}

// words is the text of an event as it is shown, in one line, to be searched.
func words(s string) string {
	e, ok := logline.Parse(s)
	if !ok {
		return clean.Line(s)
	}
	first, below := shown(e, clean.Text)
	return strings.Join(append([]string{clean.Line(e.LevelText) + "  " + first.message + "  " + first.fields}, below...), " ")
}
