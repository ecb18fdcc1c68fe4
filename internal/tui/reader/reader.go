// Package reader draws a step of the workshop: text that wraps, blocks that
// fold, code that runs or copies, tables, tabs and pictures.
//
// The text is laid out once for a width, part by part, and a part again only
// when a fold, a tab, the focus or a value in it changes. Scrolling chooses
// lines; it lays out nothing, however long the step is.
package reader

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"sort"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"workshop/internal/clean"
	"workshop/internal/lesson"
	"workshop/internal/tui/draw"
	"workshop/internal/tui/keys"
	"workshop/internal/tui/picture"
	"workshop/internal/tui/style"
	"workshop/internal/tui/widgets"
)

// Request is what a key asks for that a reader cannot do by itself: a Run, Act,
// Copy, Missing or Enlarge.
type Request interface{ request() }

// Run asks for a code block to be run in place.
type Run struct {
	Step, BlockID string
	Lang, Command string // Command is filled in, without the final newline; it may have several lines
}

// Act asks for what a block or a link offers, other than to run or to copy.
type Act struct {
	Step, BlockID string
	Action        lesson.Action // its settings filled in; a Visit without a name stays in the step
}

// Copy asks for text to be put on the clipboard.
type Copy struct{ Text string }

// Missing says that nothing can be done with a block yet, because the names that
// the block asks for have no value: usually nothing is deployed.
type Missing struct {
	Step, BlockID string
	Names         []string
}

// Enlarge asks for a picture to be shown alone, as large as there is room.
type Enlarge struct{ Path, Alt string }

func (Run) request()     {}
func (Act) request()     {}
func (Copy) request()    {}
func (Missing) request() {}
func (Enlarge) request() {}

// Reader shows one step. It belongs to one Bubble Tea model and is not safe for
// concurrent use.
type Reader struct {
	step   *lesson.Step
	theme  style.Theme
	images fs.FS
	colors colorprofile.Profile

	w, h int
	vars func(string) (string, bool)
	when func(string) bool // which conditional parts are shown; nil shows all
	held string            // what it said of each when the text was filled in
	want []string          // the variables that the step asks for
	have map[string]string // their values

	parts    []part
	headings []Heading // those among the parts
	first    []int     // line at which each part begins, and after the last the number of lines
	dirty    bool

	sight widgets.Scroll // the lines that are shown
	focus string         // id of the focused block, empty for none
	folds map[string]bool
	tabs  map[string]int
	place *anchor // where to scroll to after the next layout

	looks       *looks
	code        map[string][][]seg
	terminal    *picture.Terminal
	pictureLook pictureLook
	drawings    map[string]*drawing
	asked       []*drawing
}

// anchor is a place that outlives a new layout.
type anchor struct {
	Block  string `json:"block"`
	Offset int    `json:"offset"` // lines below the block's first
}

// part is one of the step's outermost blocks, as lines.
type part struct {
	block lesson.Block
	lines []line
	stops []stop
	stale bool
}

// blocks are the part's block and those inside of it.
func (p *part) blocks() iter.Seq[*lesson.Block] { return lesson.Within([]lesson.Block{p.block}) }

// stop is a block that can have the focus, and where it is in its part.
type stop struct {
	block    *lesson.Block
	from, to int
}

// New returns a reader of a step. images holds the step's pictures by the path
// that the step gives; it may be nil. Nothing is drawn before SetSize. Pictures
// are shown in colour after SetProfile, or a tea.ColorProfileMsg, said that the
// terminal has 256 colours or more, and as their description otherwise.
func New(step *lesson.Step, theme style.Theme, images fs.FS) *Reader {
	r := &Reader{
		step: step, theme: theme, images: images, colors: colorprofile.ASCII,
		folds: map[string]bool{}, tabs: map[string]int{},
		looks: newLooks(theme), code: map[string][][]seg{}, drawings: map[string]*drawing{},
		terminal: &picture.Terminal{},
	}
	r.want = variables(step)
	r.fill()
	return r
}

// SetSize gives the reader its rectangle, in columns and rows, each at least 1.
// A block that has the focus stays in sight.
func (r *Reader) SetSize(w, h int) {
	w, h = max(w, 1), max(h, 1)
	if r.w != w {
		r.w = w
		r.keep()
		clear(r.drawings)
		r.all()
	}
	if r.dirty || h == r.h {
		r.h = h
		return
	}
	seen := false
	for s := range r.spots() {
		seen = seen || s.block.ID == r.focus && r.visible(s)
	}
	if r.h = h; seen {
		r.show(r.focus)
	}
}

// SetTheme changes the colours and signs.
func (r *Reader) SetTheme(t style.Theme) {
	if t.Dark == r.theme.Dark && t.Unicode == r.theme.Unicode {
		return
	}
	r.keep()
	r.theme, r.looks = t, newLooks(t)
	r.all()
}

// SetProfile says how many colours the terminal has.
func (r *Reader) SetProfile(p colorprofile.Profile) {
	if r.colors != p {
		r.keep()
		r.colors = p
		r.all()
	}
}

// SetVars gives the values of {{ name }} in the text. It is cheap where none of
// them has changed, so that it may be called with every new picture of what runs.
func (r *Reader) SetVars(vars func(name string) (string, bool)) {
	r.vars = vars
	if len(r.want) == 0 {
		return
	}
	have := map[string]string{}
	for _, name := range r.want {
		if vars == nil {
			break
		}
		if v, ok := vars(name); ok {
			have[name] = v
		}
	}
	if len(have) == len(r.have) {
		same := true
		for name, v := range have {
			old, ok := r.have[name]
			same = same && ok && old == v
		}
		if same {
			return
		}
	}
	r.keep()
	r.have = have
	r.fill()
}

// SetWhen says which conditional parts of the text are shown. It is cheap where
// nothing has changed.
func (r *Reader) SetWhen(when func(condition string) bool) {
	var b strings.Builder
	lesson.Select(r.step.Blocks, func(c string) bool {
		ok := when(c)
		fmt.Fprintln(&b, c, ok)
		return ok
	})
	r.when = when
	if b.String() != r.held {
		r.keep()
		r.held = b.String()
		r.fill()
	}
}

// value is the variable as it was when the text was filled in.
func (r *Reader) value(name string) (string, bool) {
	v, ok := r.have[name]
	return v, ok
}

// variables returns the names that a step asks for, each once.
func variables(s *lesson.Step) []string {
	seen := map[string]bool{}
	lesson.Expand(s.Blocks, func(name string) (string, bool) { seen[name] = true; return "", false })
	for _, g := range s.Goals {
		lesson.Fill(g, func(name string) (string, bool) { seen[name] = true; return "", false })
	}
	names := make([]string, 0, len(seen))
	for n := range seen {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// fill makes the parts from the step with the values that are known.
func (r *Reader) fill() {
	r.parts = r.parts[:0]
	if len(r.step.Goals) > 0 {
		b := lesson.Block{Kind: lesson.List, ID: goalsID}
		for _, g := range r.step.Goals {
			b.Items = append(b.Items, lesson.Item{Blocks: []lesson.Block{{Kind: lesson.Paragraph, Text: []lesson.Span{{Text: lesson.Fill(g, r.value)}}}}})
		}
		r.parts = append(r.parts, part{block: b})
	}
	blocks := r.step.Blocks
	if r.when != nil {
		blocks = lesson.Select(blocks, r.when)
	}
	r.headings = nil
	for _, b := range lesson.Expand(blocks, r.value) {
		r.parts = append(r.parts, part{block: b})
		if b.Kind == lesson.Heading {
			r.headings = append(r.headings, Heading{b.ID, lesson.Text(b.Text), b.Level})
		}
	}
	clear(r.code)
	r.all()
}

// goalsID is the part that lists the step's goals. The parser makes no such id.
const goalsID = "goals"

// all has every part laid out again.
func (r *Reader) all() {
	for i := range r.parts {
		r.parts[i].stale = true
	}
	r.dirty = true
}

// renew has the part that holds a block laid out again.
func (r *Reader) renew(id string) {
	for i := range r.parts {
		for _, s := range r.parts[i].stops {
			if s.block.ID == id {
				r.parts[i].stale, r.dirty = true, true
				return
			}
		}
	}
}

// keep remembers the place before a layout that moves it.
func (r *Reader) keep() {
	if r.place == nil && len(r.first) > 0 {
		a := r.anchor()
		r.place = &a
	}
}

func (r *Reader) anchor() anchor {
	if r.place != nil {
		return *r.place
	}
	if len(r.parts) == 0 || len(r.first) == 0 || r.sight.Top == 0 {
		return anchor{}
	}
	i := r.partAt(r.sight.Top)
	return anchor{Block: r.parts[i].block.ID, Offset: r.sight.Top - r.first[i]}
}

// partAt returns the part that a line is in.
func (r *Reader) partAt(line int) int {
	i := sort.SearchInts(r.first, line+1) - 1
	return min(max(i, 0), len(r.parts)-1)
}

// layout brings the lines up to date; mostly there is nothing to do.
func (r *Reader) layout() {
	if !r.dirty || r.w == 0 {
		return
	}
	r.dirty = false
	r.first = r.first[:0]
	n := 0
	for i := range r.parts {
		p := &r.parts[i]
		if p.stale {
			r.lay(p, i == len(r.parts)-1)
			p.stale = false
		}
		r.first = append(r.first, n)
		n += len(p.lines)
	}
	r.first = append(r.first, n)
	if a := r.place; a != nil {
		r.place = nil
		r.sight.Top = 0
		for i := range r.parts {
			if r.parts[i].block.ID == a.Block {
				r.sight.Top = r.first[i] + min(a.Offset, max(len(r.parts[i].lines)-1, 0))
				break
			}
		}
	}
	r.scroll(0)
}

func (r *Reader) total() int {
	if len(r.first) == 0 {
		return 0
	}
	return r.first[len(r.first)-1]
}

// scroll moves the text by n lines, as far as there is text.
func (r *Reader) scroll(n int) {
	r.sight.Top = min(max(r.sight.Top+n, 0), max(r.total()-r.h, 0))
}

// View returns the visible text: exactly as many rows, each exactly as wide, as
// SetSize gave.
func (r *Reader) View() string {
	r.layout()
	if r.w == 0 {
		return ""
	}
	var b strings.Builder
	text, bar := r.columns()
	knob, size := r.knob()
	for row := range r.h {
		if row > 0 {
			b.WriteByte('\n')
		}
		width := 0
		if n := r.sight.Top + row; n < r.total() {
			i := r.partAt(n)
			l := &r.parts[i].lines[n-r.first[i]]
			drawn := l.draw(r.looks)
			if width = l.width; width > text { // margins within margins took all the room
				drawn = ansi.Truncate(drawn, text, "")
				width = ansi.StringWidth(drawn)
			}
			b.WriteString(drawn)
		}
		pad := r.w - width
		if bar && size > 0 {
			b.WriteString(strings.Repeat(" ", text+1-width))
			if row >= knob && row < knob+size {
				b.WriteString(r.looks.knob)
			} else {
				b.WriteString(r.looks.track)
			}
			pad = r.w - text - 2
		}
		b.WriteString(strings.Repeat(" ", max(pad, 0)))
	}
	return b.String()
}

// columns returns how wide the text is set and whether there is room for a
// scroll bar beside it.
func (r *Reader) columns() (text int, bar bool) {
	if r.w < 20 {
		return r.w, false
	}
	return min(r.w-2, draw.ReadWidth), true
}

// knob returns the scroll bar's knob: its row and how many rows it is high,
// none where all the text is in view.
func (r *Reader) knob() (at, size int) {
	n := r.total()
	if n <= r.h {
		return 0, 0
	}
	size = max(r.h*r.h/n, 1)
	return (r.h - size) * r.sight.Top / (n - r.h), size
}

// Position returns the first line shown, how many lines there are, and how many
// fit, all in rows.
func (r *Reader) Position() (top, lines, height int) {
	r.layout()
	return r.sight.Top, r.total(), r.h
}

// Update handles the mouse wheel, the terminal's colours and what the commands that
// Prepare returned bring. Other messages leave the reader as it is.
func (r *Reader) Update(msg tea.Msg) tea.Cmd {
	r.layout()
	switch msg := msg.(type) {
	case tea.MouseWheelMsg:
		switch msg.Button {
		case tea.MouseWheelUp:
			r.scroll(-3)
		case tea.MouseWheelDown:
			r.scroll(3)
		}
	case tea.ColorProfileMsg:
		r.SetProfile(msg.Profile)
	case drawnMsg:
		r.drawn(msg)
	}
	return r.Prepare()
}

// Prepare returns the command that draws the pictures which the text needs and
// does not have, nil where it has all. Call it after New, SetSize, SetTheme or
// SetProfile; Update calls it by itself.
func (r *Reader) Prepare() tea.Cmd {
	r.layout()
	var cmds []tea.Cmd
	for _, p := range r.asked {
		if !p.loading && r.drawings[p.key] == p { // else it is of another size by now
			p.loading = true
			cmds = append(cmds, p.load(r))
		}
	}
	r.asked = r.asked[:0]
	return tea.Batch(cmds...)
}

// Keys returns the keys of a text. reader returns the one on the screen, and do
// answers what its keys ask for.
func Keys(reader func() *Reader, do func(Request) tea.Cmd) []keys.Context {
	current := func() *Reader {
		r := reader()
		r.layout()
		return r
	}
	request := func(f func(*Reader) Request) func() tea.Cmd {
		return func() tea.Cmd {
			if q := f(current()); q != nil {
				return do(q)
			}
			return nil
		}
	}
	move := func(by int) func() { return func() { current().move(by) } }
	turn := func(by int) func() { return func() { current().turn(by) } }
	enter := keys.OnCmd("enter", "run, set, open, follow, fold, enlarge", request((*Reader).act))
	y := keys.OnCmd("y", "copy a block", request((*Reader).copy))
	focused := func() bool { return current().focused() != nil }
	return []keys.Context{
		{Name: "A block has the focus", When: focused, Keys: []keys.Key{
			enter.HintFunc(func() string { enter, _ := current().Focused(); return clean.Line(enter) }),
			y.HintFunc(func() string { _, y := current().Focused(); return y }),
			keys.On("left h", "the tab before", turn(-1)),
			keys.On("right l", "the next tab", turn(1)),
			keys.On("esc", "take the focus from the block", func() { current().Blur() }),
			keys.On("tab", "the focus to the next block", move(1)).Hint("focus"),
		}},
		{Name: "The text", Rest: keys.Scrolls(func(k tea.KeyPressMsg) bool { return current().scrollKey(k) }), Keys: []keys.Key{
			keys.On("tab enter", "the focus to the next block", move(1)),
			keys.On("shift+tab", "the focus to the block before", move(-1)),
		}},
	}
}

// scrollKey scrolls and reports whether the key was one that does.
func (r *Reader) scrollKey(k tea.KeyPressMsg) bool {
	r.sight.Window(r.total(), r.h)
	return r.sight.Key(k)
}

// spot is a stop and the lines of the whole text that it covers.
type spot struct {
	block    *lesson.Block
	from, to int
}

func (r *Reader) spots() iter.Seq[spot] {
	return func(yield func(spot) bool) {
		for i := range r.parts {
			for _, s := range r.parts[i].stops {
				if !yield(spot{s.block, r.first[i] + s.from, r.first[i] + s.to}) {
					return
				}
			}
		}
	}
}

func (r *Reader) visible(s spot) bool { return s.to > r.sight.Top && s.from < r.sight.Top+r.h }

// move takes the focus to the next or the last block that can have it. Where
// the focus is out of sight, what is in sight comes first.
func (r *Reader) move(by int) {
	spots := slices.Collect(r.spots())
	if len(spots) == 0 {
		return
	}
	at := -1
	for i, s := range spots {
		if s.block.ID == r.focus && r.visible(s) {
			at = i
		}
	}
	next := at + by
	if at < 0 {
		next = -1
		for i, s := range spots {
			if r.visible(s) && (next < 0 || by < 0) {
				next = i
			}
		}
		if next < 0 { // nothing in sight: the nearest in the direction
			next = sort.Search(len(spots), func(i int) bool { return spots[i].from >= r.sight.Top })
			if by < 0 {
				next--
			}
		}
	}
	next = (next + len(spots)) % len(spots)
	r.setFocus(spots[next].block.ID)
	r.show(r.focus)
}

// Go scrolls to an outermost block by its id, and unfolds it; an id that there is
// not leads to the beginning.
func (r *Reader) Go(id string) {
	for i, p := range r.parts {
		if p.block.ID == id && p.block.Foldable {
			r.folds[id] = true
			r.parts[i].stale = true
		}
	}
	r.place, r.dirty = &anchor{Block: id}, true
	r.layout()
}

func (r *Reader) setFocus(id string) {
	if id == r.focus {
		return
	}
	r.renew(r.focus)
	r.focus = id
	r.renew(id)
	r.layout()
}

// Blur takes the focus from the block that has it. It reports whether one had.
func (r *Reader) Blur() bool {
	had := r.focus != ""
	r.setFocus("")
	return had
}

// show scrolls as little as brings a block into view, its head before its end.
func (r *Reader) show(id string) {
	for s := range r.spots() {
		if s.block.ID != id {
			continue
		}
		if end := s.to - r.h; r.sight.Top < end {
			r.sight.Top = end
		}
		if r.sight.Top > s.from {
			r.sight.Top = s.from
		}
		r.scroll(0)
	}
}

// focused returns the block with the focus, nil for none.
func (r *Reader) focused() *lesson.Block {
	if r.focus == "" {
		return nil
	}
	for s := range r.spots() {
		if s.block.ID == r.focus {
			return s.block
		}
	}
	return nil
}

// act does what enter does to the focused block. Without a focus it gives it to
// the first block in sight, so that nothing runs that was not pointed at.
func (r *Reader) act() Request {
	b := r.focused()
	if b == nil {
		r.move(1)
		return nil
	}
	switch b.Kind {
	case lesson.Admonition:
		r.folds[b.ID] = !r.open(b)
		r.renew(b.ID)
		r.layout()
		r.show(b.ID)
	case lesson.Tabs:
		r.turn(1)
	case lesson.Image:
		return Enlarge{b.Source, lesson.Text(b.Text)}
	default:
		return r.do(b)
	}
	return nil
}

// do does what a block of code or a link offers.
func (r *Reader) do(b *lesson.Block) Request {
	a := offer(b)
	if a == nil {
		return nil
	}
	if names := r.missing(b.ID); len(names) > 0 {
		return Missing{r.step.ID, b.ID, names}
	}
	switch a.Verb {
	case lesson.Copy:
		return Copy{a.Command}
	case lesson.Run:
		return Run{r.step.ID, b.ID, b.Lang, b.Source}
	}
	act := *a
	act.Settings = nil
	for _, s := range a.Settings {
		act.Settings = append(act.Settings, lesson.Setting{Name: s.Name, Value: lesson.Fill(s.Value, r.value)})
	}
	return Act{r.step.ID, b.ID, act}
}

// offer is what enter does with a block; nil where it does nothing. Code that
// offers nothing else can be copied, and so can the address of a link that leads
// out of the workshop.
func offer(b *lesson.Block) *lesson.Action {
	if b.Action != nil {
		return b.Action
	}
	switch b.Kind {
	case lesson.Code:
		return &lesson.Action{Verb: lesson.Copy, Command: b.Source}
	case lesson.Paragraph:
		link := lesson.SoleLink(b.Text)
		if web(link) {
			return &lesson.Action{Verb: lesson.Copy, Command: link}
		}
		if anchor, ok := strings.CutPrefix(link, "#"); ok && anchor != "" {
			return &lesson.Action{Verb: lesson.Visit, Anchor: anchor}
		}
	}
	return nil
}

// Focused says what enter and y do with the block that has the focus. Each is
// empty where it does nothing.
func (r *Reader) Focused() (enter, y string) {
	b := r.focused()
	if b == nil {
		return "", ""
	}
	switch b.Kind {
	case lesson.Admonition:
		if r.open(b) {
			return "fold", ""
		}
		return "unfold", ""
	case lesson.Tabs:
		return "next tab", ""
	case lesson.Image:
		return "show it large", ""
	}
	a := offer(b)
	if b.Kind == lesson.Code && a.Verb != lesson.Copy {
		y = "copy"
	}
	switch a.Verb {
	case lesson.Run:
		return "run it", y
	case lesson.Set:
		var names []string
		for _, s := range a.Settings {
			names = append(names, s.Name)
		}
		return "set " + strings.Join(names, ", "), y
	case lesson.Open:
		return "open " + a.File, y
	case lesson.Shell:
		return "a shell; exit comes back", y
	case lesson.Page, lesson.Visit:
		return "go there", y
	}
	if b.Kind == lesson.Paragraph {
		return "copy the address", ""
	}
	return "copy", ""
}

// Heading is a heading of the step.
type Heading struct {
	ID    string // of its block, for Go
	Text  string
	Level int
}

// Headings are the step's headings, apart from those within other blocks. They
// are not the caller's to change.
func (r *Reader) Headings() []Heading { return r.headings }

// Under is the id of the heading that the first line in sight stands under,
// empty above the first.
func (r *Reader) Under() string {
	r.layout()
	for i := r.partAt(r.sight.Top); i >= 0 && i < len(r.parts); i-- {
		if r.parts[i].block.Kind == lesson.Heading {
			return r.parts[i].block.ID
		}
	}
	return ""
}

// GoAnchor scrolls to the heading that a link names. It reports whether there
// is one.
func (r *Reader) GoAnchor(anchor string) bool {
	for i := range r.parts {
		p := &r.parts[i]
		for b := range p.blocks() {
			if b.Kind == lesson.Heading && lesson.Anchor(b.Text) == anchor {
				r.Go(p.block.ID)
				return true
			}
		}
	}
	return false
}

// turn goes to another tab of the focused block.
func (r *Reader) turn(by int) {
	b := r.focused()
	if b == nil || b.Kind != lesson.Tabs {
		return
	}
	n := len(b.Items)
	r.tabs[b.ID] = (r.tab(b) + by + n) % n
	r.renew(b.ID)
	r.layout()
	r.show(b.ID)
}

func (r *Reader) copy() Request {
	b := r.focused()
	if b == nil || b.Kind != lesson.Code {
		return nil
	}
	if names := r.missing(b.ID); len(names) > 0 {
		return Missing{r.step.ID, b.ID, names}
	}
	return Copy{b.Source}
}

// missing returns the variables of a code block that have no value.
func (r *Reader) missing(id string) []string {
	var names []string
	var look func([]lesson.Block)
	look = func(blocks []lesson.Block) {
		for _, b := range blocks {
			if b.ID == id {
				for _, n := range lesson.Variables(b.Source) {
					if _, ok := r.have[n]; !ok {
						names = append(names, n)
					}
				}
			}
			look(b.Blocks)
			for _, it := range b.Items {
				look(it.Blocks)
			}
		}
	}
	look(r.step.Blocks)
	return names
}

func (r *Reader) open(b *lesson.Block) bool {
	if open, ok := r.folds[b.ID]; ok && b.Foldable {
		return open
	}
	return b.Open
}

func (r *Reader) tab(b *lesson.Block) int {
	return min(max(r.tabs[b.ID], 0), len(b.Items)-1)
}

// state is the place as it is kept.
type state struct {
	anchor
	Focus string          `json:"focus,omitempty"`
	Folds map[string]bool `json:"folds,omitempty"`
	Tabs  map[string]int  `json:"tabs,omitempty"`
}

// State returns the place: the scroll, the folds, the tabs and the focus, as
// JSON that Restore reads. It holds for any size of the screen.
func (r *Reader) State() []byte {
	r.layout()
	b, err := json.Marshal(state{r.anchor(), r.focus, r.folds, r.tabs})
	if err != nil {
		return nil // strings, numbers and maps of them always encode
	}
	return b
}

// Restore goes back to a place that State gave. What it cannot read, or what
// the step no longer has, it leaves out.
func (r *Reader) Restore(place []byte) {
	var s state
	if json.Unmarshal(place, &s) != nil {
		return
	}
	r.folds, r.tabs, r.focus = map[string]bool{}, map[string]int{}, s.Focus
	for id, open := range s.Folds {
		r.folds[id] = open
	}
	for id, n := range s.Tabs {
		r.tabs[id] = n
	}
	r.place = &anchor{s.Block, max(s.Offset, 0)}
	r.all()
}
