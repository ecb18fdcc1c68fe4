// Package logs is the page of what the tasks print, all in one stream.
package logs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/clean"
	"workshop/internal/fargate"
	"workshop/internal/tui/draw"
	"workshop/internal/tui/keys"
	"workshop/internal/tui/page"
	"workshop/internal/tui/style"
	"workshop/internal/tui/widgets"
)

// fast is how many lines a second outrun the eye.
const fast = 100

// Page is the page. It belongs to the event loop.
type Page struct {
	*page.Context
	keys   keys.Table
	ring   *fargate.Ring
	checks checks
	all    bool    // health checks are shown too
	found  matches // of the filter, without the health checks unless all

	follow bool
	bottom int  // number of the last line on the screen, while not following
	paused int  // number that the next line had when following ended
	ended  bool // no lines come any more, because of an error

	filter  widgets.Field
	editing bool
	wrapped bool
	raw     bool // JSON as it came

	lost   int       // lines that never got here
	second time.Time // begin of the second in which rate is counted
	count  int
	rate   int // lines in the last whole second

	colours map[string]int
	ids     map[string]string // drawn task ids, for drawn
	rows    map[int][]string  // drawn lines by number, for drawn
	drawn   drawnFor
	height  int
}

// drawnFor is what a drawn line depends on beside itself.
type drawnFor struct {
	w            int
	wrapped, raw bool
	dark, ascii  bool
	needle       string
}

// rowsKept bounds the drawn lines that are kept.
const rowsKept = 2_000

// New returns the page.
func New(c *page.Context) *Page {
	l := &Page{Context: c, ring: fargate.NewRing(logsHeld, bytesHeld), follow: true, colours: map[string]int{}, ids: map[string]string{}, rows: map[int][]string{}}
	l.keys = l.table()
	l.find()
	return l
}

// Append takes in lines; lost more were dropped on the way.
func (l *Page) Append(lines []fargate.Line, lost int) tea.Cmd {
	first, next := l.ring.First(), l.ring.Next()
	for _, x := range lines {
		l.ring.Append(x)
		l.checks.forget(first, min(l.ring.First(), next))
		first = l.ring.First()
		l.checks.set(next, healthCheck(x.Message))
		next++
		if _, known := l.colours[x.Task]; !known {
			l.colours[x.Task] = len(l.colours)
		}
	}
	l.lost += lost
	now := l.Now()
	switch d := now.Sub(l.second); {
	case d >= 2*time.Second:
		l.rate, l.count, l.second = 0, 0, now
	case d >= time.Second:
		l.rate, l.count, l.second = l.count, 0, now
	}
	l.count += len(lines) + lost
	if l.scan() {
		return scanOn
	}
	return nil
}

// scan goes on looking for the filter's matches.
func (l *Page) scan() bool { return l.choosing() && l.found.scan(l.ring) }

func (l *Page) filtering() bool { return l.filter.Value != "" }

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

// last is the index of the last line on the screen.
func (l *Page) last() int {
	n := l.len()
	if l.follow || n == 0 {
		return n - 1
	}
	i := sort.Search(n, func(i int) bool { return l.number(i) > l.bottom }) - 1
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
	if !l.wrapped {
		return 1
	}
	return len(l.draw(l.number(i)))
}

func (l *Page) move(by int) {
	n := l.len()
	if n == 0 {
		return
	}
	to := min(max(l.last()+by, l.least()), n-1)
	if l.follow && to < n-1 {
		l.paused = l.ring.Next()
	}
	l.follow = to == n-1
	l.bottom = l.number(to)
}

// Keys returns the page's keys.
func (l *Page) Keys() keys.Table { return l.keys }

func (l *Page) table() keys.Table {
	screen := func() int { return max(1, l.height-1) }
	move := func(b key.Binding, by func() int) keys.Key {
		return keys.Key{Binding: b}.Do(func() tea.Cmd { l.move(by()); return nil })
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
	return keys.Table{
		{Name: "While a filter is typed", When: func() bool { return l.editing }, Text: true, Modal: true, Keys: []keys.Key{
			keys.On("enter", "keep the filter", func() { l.editing = false }).Hint("keep"),
			keys.OnCmd("esc", "show all lines again", func() tea.Cmd { l.editing = false; return l.setFilter("") }).Hint("all lines"),
		}, Rest: func(k tea.KeyPressMsg) (tea.Cmd, bool) {
			switch k.String() {
			case "up", "down", "pgup", "pgdown":
				l.editing = false
				return l.keys.Press(k)
			}
			if l.filter.Update(k) {
				return l.find(), true
			}
			return nil, true
		}},
		{Name: "The lines", Keys: []keys.Key{
			keys.On("G end", "follow new lines again", func() { l.follow = true }).HintFunc(words(&l.follow, "", "follow")),
			keys.On("/", "show only lines that have a text", func() { l.editing = true }).Hint("filter"),
			keys.OnCmd("h", "show or hide health checks", func() tea.Cmd { l.all = !l.all; return l.find() }).HintFunc(words(&l.all, "hide health checks", "health checks")),
			keys.On("w", "wrap or cut long lines", toggle(&l.wrapped)).HintFunc(words(&l.wrapped, "cut long lines", "wrap")),
			keys.On("r", "JSON as it came, or made readable", toggle(&l.raw)).HintFunc(words(&l.raw, "pretty", "raw")),
			keys.OnCmd("y", "copy the last line on the screen", func() tea.Cmd {
				x, _ := l.ring.At(l.number(l.last()))
				return l.Copy(x.Message, "The last line on the screen")
			}).If(func() bool { return l.last() >= 0 }),
			keys.OnCmd("esc", "show all lines again", func() tea.Cmd { return l.setFilter("") }).If(l.filtering),
			keys.On("esc", "follow new lines again", func() { l.follow = true }).If(func() bool { return !l.follow }),
			move(widgets.LineUp, func() int { return -1 }),
			move(widgets.LineDown, func() int { return 1 }),
			move(widgets.PageUp, func() int { return -screen() }),
			move(widgets.PageDown, screen),
			move(widgets.First, func() int { return -l.len() }),
		}},
	}
}

// Paste adds text to the filter that is typed.
func (l *Page) Paste(text string) {
	if l.editing {
		l.filter.Add(text)
		l.find()
	}
}

func (l *Page) setFilter(s string) tea.Cmd {
	l.filter.Value = s
	return l.find()
}

// find looks for what the filter lets through, from the newest line back.
func (l *Page) find() tea.Cmd {
	hidden := &l.checks
	if l.all {
		hidden = nil
	}
	l.found = newMatches(l.filter.Value, hidden, l.ring)
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

// SetEnded says whether the stream of lines has ended because of an error.
func (l *Page) SetEnded(ended bool) { l.ended = ended }

// Fits says that every line is cut when it is drawn.
func (l *Page) Fits() {}

// Changes returns 0: the page changes with its lines alone.
func (l *Page) Changes() time.Duration { return 0 }

// View draws the page.
func (l *Page) View(w, h int) []string {
	t := l.Theme
	want := drawnFor{w, l.wrapped, l.raw, t.Dark, !t.Unicode, l.found.needle}
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
		if !l.filtering() {
			message, hint = " "+t.Dim.Render(t.Signs.Working+" So far nobody but the load balancer has asked anything. Open the URL, and the request appears here."), ""
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
			rows = append(rows, drawn[j])
		}
	}
	slices.Reverse(rows)
	return append(head, rows...)
}

func (l *Page) viewHead(w int) []string {
	t := l.Theme
	left := " " + t.Strong.Render("Logs of all tasks")
	lines := draw.Count(l.ring.Len(), "line")
	if l.ring.First() > 0 {
		lines = "the last " + lines
	}
	switch {
	case l.editing:
		left = " " + t.Key.Render("/") + l.filter.View(t)
	case l.filtering():
		left = " " + t.Key.Render("/") + t.Accent.Render(l.filter.Value)
	}
	if l.filtering() || !l.all && l.checks.held > 0 {
		lines = fmt.Sprintf("%s of %s", draw.Thousands(l.found.len()), lines)
	}
	left += t.Dim.Render("   " + lines)
	right := t.Good.Render(t.Signs.Running + " following ")
	switch {
	case l.ended:
		right = t.Attention.Render("no new lines: the logs cannot be followed ")
	case !l.follow:
		right = t.Attention.Render("paused")
		if n := l.ring.Next() - l.paused; n > 0 {
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
	case l.lost > 0:
		second = t.Attention.Render(fmt.Sprintf(" %s %s came too fast to be kept", t.Signs.Warn, draw.Count(l.lost, "line")))
	case l.rate > fast && l.follow:
		second = t.Attention.Render(fmt.Sprintf(" %s lines a second: faster than the eye, so only some pass the screen; the last %s are kept", draw.Thousands(l.rate), draw.Thousands(l.ring.Len())))
	}
	return []string{draw.Cut(draw.Ends(left, right, w, t), w, t), draw.Cut(second, w, t)}
}

func (l *Page) viewNothing() []string {
	t := l.Theme
	if l.Stack.Exists {
		return []string{" " + t.Dim.Render(t.Signs.Working+" No line yet. What the tasks print appears here within seconds.")}
	}
	return []string{" " + t.Heading.Render("Nothing runs yet"), "", " Press " + t.Key.Render(l.Root.Key("deploy")) + " to deploy. What the tasks print appears here."}
}

// draw returns the rows of a line, at least one.
func (l *Page) draw(n int) []string {
	if rows, ok := l.rows[n]; ok {
		return rows
	}
	t, w := l.Theme, l.drawn.w
	x, _ := l.ring.At(n)
	id := l.task(x.Task)
	stamp := "15:04:05.000"
	if l.Layout.Compact {
		stamp = "15:04:05"
	}
	lead := " " + t.Dim.Render(x.Time.Local().Format(stamp)) + " " + id + "  "
	leadWidth := 1 + len(stamp) + 1 + taskWidth + 2
	text := x.Message
	if !l.raw {
		text = pretty(text, t)
	}
	text = draw.Highlight(text, l.drawn.needle, t)
	room := max(w-leadWidth, 10)
	var rows []string
	if l.wrapped {
		for i, s := range draw.Wrap(text, room) {
			if i == 0 {
				rows = append(rows, lead+s)
			} else {
				rows = append(rows, strings.Repeat(" ", leadWidth)+s)
			}
		}
	} else {
		rows = []string{lead + draw.Cut(text, room, t)}
	}
	l.rows[n] = rows
	return rows
}

// taskWidth is how much of a task's id is shown.
const taskWidth = 4

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

// pretty draws a JSON log line as level, message and the rest; any other line
// is returned as it is.
func pretty(s string, t style.Theme) string {
	if len(s) < 2 || s[0] != '{' {
		return s
	}
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	if tok, err := d.Token(); err != nil || tok != json.Delim('{') {
		return s
	}
	var level, msg string
	var rest []string
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return s
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return s
		}
		text := string(v)
		var str string
		if len(v) > 0 && v[0] == '"' && json.Unmarshal(v, &str) == nil {
			text = str
		} else if b := (bytes.Buffer{}); json.Compact(&b, v) == nil {
			text = b.String()
		}
		text = clean.Line(text)
		switch name {
		case "level", "severity", "lvl":
			level = text
		case "msg", "message":
			msg = text
		case "ts", "time", "timestamp", "@timestamp", "caller":
		default:
			rest = append(rest, clean.Line(fmt.Sprint(name))+"="+text)
		}
	}
	if _, err := d.Token(); err != nil || msg == "" && level == "" {
		return s
	}
	if _, err := d.Token(); err != io.EOF {
		return s // something follows, which must not go unseen
	}
	st := t.Dim
	switch strings.ToLower(level) {
	case "error", "fatal", "panic", "dpanic", "critical":
		st = t.Bad
	case "warn", "warning":
		st = t.Attention
	}
	out := st.Render(draw.Fit(level, 5, t)) + "  " + msg
	if len(rest) > 0 {
		out += "  " + t.Dim.Render(strings.Join(rest, " "))
	}
	return out
}
