package tui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"workshop/internal/clean"
	"workshop/internal/fargate"
	"workshop/internal/tui/style"
)

// fast is how many lines a second outrun the eye.
const fast = 100

// logs is the page of what the tasks say, all in one stream.
type logs struct {
	*shared
	ring   *fargate.Ring
	checks checks
	all    bool    // health checks are shown too
	found  matches // of the filter, without the health checks unless all

	follow bool
	bottom int  // number of the last line on the screen, while not following
	paused int  // number that the next line had when following ended
	broken bool // no lines come any more, because of an error

	filter  field
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

func newLogs(s *shared) *logs {
	l := &logs{shared: s, ring: fargate.NewRing(logsHeld, bytesHeld), follow: true, colours: map[string]int{}, ids: map[string]string{}, rows: map[int][]string{}}
	l.find()
	return l
}

// more takes in lines; it reports whether looking through them goes on.
func (l *logs) more(lines []fargate.Line, lost int) bool {
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
	now := l.now()
	switch d := now.Sub(l.second); {
	case d >= 2*time.Second:
		l.rate, l.count, l.second = 0, 0, now
	case d >= time.Second:
		l.rate, l.count, l.second = l.count, 0, now
	}
	l.count += len(lines) + lost
	return l.scan()
}

// scan goes on looking for the filter's matches.
func (l *logs) scan() bool { return l.choosing() && l.found.scan(l.ring) }

func (l *logs) filtering() bool { return l.filter.value != "" }

// choosing reports that not all lines are shown.
func (l *logs) choosing() bool { return l.filtering() || !l.all }

// len and number are the list that is shown.
func (l *logs) len() int {
	if l.choosing() {
		return l.found.len()
	}
	return l.ring.Len()
}

func (l *logs) number(i int) int {
	if l.choosing() {
		return l.found.number(i)
	}
	return l.ring.First() + i
}

// last is the index of the last line on the screen.
func (l *logs) last() int {
	n := l.len()
	if l.follow || n == 0 {
		return n - 1
	}
	i := sort.Search(n, func(i int) bool { return l.number(i) > l.bottom }) - 1
	return max(i, l.least())
}

// least is the smallest index that may be last on the screen: the first lines fill it then.
func (l *logs) least() int {
	n, rows := l.len(), 0
	for i := range n {
		rows += l.rowsOf(i)
		if rows >= l.height {
			return i
		}
	}
	return n - 1
}

func (l *logs) rowsOf(i int) int {
	if !l.wrapped {
		return 1
	}
	return len(l.draw(l.number(i)))
}

func (l *logs) move(by int) {
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

func (l *logs) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	key := k.String()
	if l.editing {
		switch key {
		case "enter":
			l.editing = false
		case "esc":
			l.editing = false
			return l.setFilter(""), true
		case "up", "down", "pgup", "pgdown":
			l.editing = false
			return l.key(k)
		default:
			f := l.filter
			if f.update(k) {
				return l.setFilter(f.value), true
			}
		}
		return nil, true
	}
	switch key {
	case "/":
		l.editing = true
	case "esc":
		switch {
		case l.filtering():
			return l.setFilter(""), true
		case !l.follow:
			l.follow = true
		default:
			return nil, false
		}
	case "up", "k":
		l.move(-1)
	case "down", "j":
		l.move(1)
	case "pgup", "ctrl+b":
		l.move(-max(1, l.height-1))
	case "pgdown", "ctrl+f", "space":
		l.move(max(1, l.height-1))
	case "g", "home":
		l.move(-l.len())
	case "G", "end":
		l.follow = true
	case "h":
		l.all = !l.all
		return l.find(), true
	case "w":
		l.wrapped = !l.wrapped
	case "r":
		l.raw = !l.raw
	case "y":
		if i := l.last(); i >= 0 {
			x, _ := l.ring.At(l.number(i))
			return l.copy(x.Message, "The last line on the screen"), true
		}
	default:
		return nil, false
	}
	return nil, true
}

func (l *logs) paste(text string) {
	if l.editing {
		l.filter.add(text)
		l.setFilter(l.filter.value)
	}
}

func (l *logs) setFilter(s string) tea.Cmd {
	l.filter.value = s
	return l.find()
}

// find looks for what the filter lets through, from the newest line back.
func (l *logs) find() tea.Cmd {
	hidden := &l.checks
	if l.all {
		hidden = nil
	}
	l.found = newMatches(l.filter.value, hidden, l.ring)
	if l.scan() {
		return scanOn
	}
	return nil
}

// scanMsg asks the logs to go on looking.
type scanMsg struct{}

func scanOn() tea.Msg { return scanMsg{} }

func (l *logs) typing() bool { return l.editing }

func (l *logs) moving() time.Duration { return 0 }

func (l *logs) view(w, h int) []string {
	t := l.theme
	want := drawnFor{w, l.wrapped, l.raw, t.Dark, !t.Unicode, l.found.needle}
	if want != l.drawn || len(l.rows) > rowsKept {
		l.drawn = want
		clear(l.rows)
		clear(l.ids)
	}
	head := l.viewHead(w)
	l.height = h - len(head)
	if l.ring.Len() == 0 {
		return append(head, clip(l.viewNothing(w), w, t)...)
	}
	if l.len() == 0 {
		says, way := " No line so far has "+t.Strong.Render(l.filter.value)+" in it.", " "+t.Key.Render("esc")+t.Dim.Render(" shows all lines again")
		if !l.filtering() {
			says, way = " "+t.Dim.Render(t.Signs.Working+" So far nobody but the load balancer has asked anything. Open the URL, and the request appears here."), ""
		}
		if l.found.down > l.ring.First() {
			says = " " + t.Dim.Render("Looking through "+thousands(l.ring.Len())+" lines")
		}
		return append(head, cut(says, w, t), "", way)
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

func (l *logs) viewHead(w int) []string {
	t := l.theme
	left := " " + t.Strong.Render("Logs of all tasks")
	lines := count(l.ring.Len(), "line")
	if l.ring.First() > 0 {
		lines = "the last " + lines
	}
	switch {
	case l.editing:
		left = " " + t.Key.Render("/") + l.filter.view(t)
	case l.filtering():
		left = " " + t.Key.Render("/") + t.Accent.Render(l.filter.value)
	}
	if l.filtering() || !l.all && l.checks.held > 0 {
		lines = fmt.Sprintf("%s of %s", thousands(l.found.len()), lines)
	}
	left += t.Dim.Render("   " + lines)
	right := t.Good.Render(t.Signs.Running + " following ")
	switch {
	case l.broken:
		right = t.Attention.Render("no new lines: the logs cannot be followed ")
	case !l.follow:
		right = t.Attention.Render("paused")
		if n := l.ring.Next() - l.paused; n > 0 {
			right += t.Attention.Render(fmt.Sprintf(", %s new", thousands(n)))
		}
		right += t.Dim.Render(t.Signs.Sep) + t.Key.Render("G") + t.Dim.Render(" follows ")
	}
	second := ""
	switch {
	case l.checks.held > 0 && !l.all:
		second = "   " + t.Dim.Render(count(l.checks.held, "health check")+" hidden"+t.Signs.Sep) + t.Key.Render("h") + t.Dim.Render(" shows them")
	case l.checks.held > 0:
		second = "   " + t.Dim.Render(count(l.checks.held, "health check")+" among them"+t.Signs.Sep) + t.Key.Render("h") + t.Dim.Render(" hides them")
	}
	switch {
	case l.lost > 0:
		second = t.Attention.Render(fmt.Sprintf(" %s %s came too fast to be kept", t.Signs.Warn, count(l.lost, "line")))
	case l.rate > fast && l.follow:
		second = t.Attention.Render(fmt.Sprintf(" %s lines a second: faster than the eye, so only some pass the screen; the last %s are kept", thousands(l.rate), thousands(l.ring.Len())))
	}
	return []string{cut(ends(left, right, w, t), w, t), cut(second, w, t)}
}

func (l *logs) viewNothing(w int) []string {
	t := l.theme
	if l.stack.Exists {
		return []string{" " + t.Dim.Render(t.Signs.Working+" No line yet. What the tasks print appears here within seconds.")}
	}
	return []string{" " + t.Heading.Render("Nothing runs yet"), "", " Press " + t.Key.Render("2") + " to deploy. What the tasks print appears here."}
}

// draw returns the rows of a line, at least one.
func (l *logs) draw(n int) []string {
	if rows, ok := l.rows[n]; ok {
		return rows
	}
	t, w := l.theme, l.drawn.w
	x, _ := l.ring.At(n)
	id := l.task(x.Task)
	stamp := "15:04:05.000"
	if w < foldWidth {
		stamp = "15:04:05"
	}
	lead := " " + t.Dim.Render(x.Time.Local().Format(stamp)) + " " + id + "  "
	leadWidth := 1 + len(stamp) + 1 + taskWidth + 2
	text := x.Message
	if !l.raw {
		text = pretty(text, t)
	}
	text = highlight(text, l.drawn.needle, t)
	room := max(w-leadWidth, 10)
	var rows []string
	if l.wrapped {
		for i, s := range wrap(text, room) {
			if i == 0 {
				rows = append(rows, lead+s)
			} else {
				rows = append(rows, strings.Repeat(" ", leadWidth)+s)
			}
		}
	} else {
		rows = []string{lead + cut(text, room, t)}
	}
	l.rows[n] = rows
	return rows
}

// highlight marks where a line has the needle, which is in lower case.
func highlight(s, needle string, t style.Theme) string {
	if needle == "" {
		return s
	}
	plain := strip(s)
	var found []lipgloss.Range
	for from := 0; ; {
		i := indexFold(plain[from:], needle)
		if i < 0 {
			break
		}
		i += from
		from = i + len(needle)
		at := width(plain[:i])
		found = append(found, lipgloss.NewRange(at, at+width(plain[i:from]), t.Selected))
	}
	return lipgloss.StyleRanges(s, found...)
}

// taskWidth is how much of a task's id is shown.
const taskWidth = 4

// task draws a task's id, in a colour of its own.
func (l *logs) task(id string) string {
	s, ok := l.ids[id]
	if !ok {
		c := l.theme.Tasks
		s = c[l.colours[id]%len(c)].Render(fit(short(clean.Line(id)), taskWidth, l.theme))
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
	out := st.Render(fit(level, 5, t)) + "  " + msg
	if len(rest) > 0 {
		out += "  " + t.Dim.Render(strings.Join(rest, " "))
	}
	return out
}

func (l *logs) hints() []hint {
	if l.editing {
		return []hint{{"enter", "keep"}, {"esc", "all lines"}}
	}
	h := []hint{{"/", "filter"}, {"h", map[bool]string{true: "hide health checks", false: "health checks"}[l.all]}, {"w", map[bool]string{true: "cut long lines", false: "wrap"}[l.wrapped]}, {"r", map[bool]string{true: "pretty", false: "raw"}[l.raw]}}
	if !l.follow {
		h = append([]hint{{"G", "follow"}}, h...)
	}
	return h
}

var _ page = (*logs)(nil)
