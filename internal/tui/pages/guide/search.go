package guide

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/clean"
	"workshop/internal/lesson"
	"workshop/internal/tui/draw"
	"workshop/internal/tui/page"
	"workshop/internal/tui/widgets"
)

// passage is one place in the course that can be found.
type passage struct {
	step    int
	block   string // id of the outermost block; empty for the step itself
	heading string // that it stands under
	text    string
}

// search is the list of places that have a text; without one, the contents of
// the course.
type search struct {
	*page.Context
	on       bool
	field    widgets.Field
	passages []passage
	hits     []passage
	scroll   widgets.Scroll
}

// hitsMost bounds the list: nobody reads more.
const hitsMost = 200

func (s *search) begin() {
	s.on, s.field, s.scroll = true, widgets.Field{}, widgets.Scroll{List: true}
	if s.passages == nil {
		for i, st := range s.Course.Steps {
			s.passages = append(s.passages, passage{step: i})
			heading := ""
			for _, b := range st.Blocks {
				if b.Kind == lesson.Heading {
					heading = clean.Line(lesson.Text(b.Text))
					s.passages = append(s.passages, passage{i, b.ID, heading, ""})
					continue
				}
				s.gather(i, b.ID, heading, []lesson.Block{b})
			}
		}
	}
	s.find()
}

// gather takes in the text of blocks that stand in an outermost one.
func (s *search) gather(step int, id, heading string, blocks []lesson.Block) {
	add := func(text string) {
		text = clean.Line(lesson.Fill(text, s.Value))
		if strings.TrimSpace(text) != "" {
			s.passages = append(s.passages, passage{step, id, heading, text})
		}
	}
	for _, b := range blocks {
		add(lesson.Text(b.Text))
		if b.Kind == lesson.Code {
			for _, l := range strings.Split(b.Source, "\n") {
				add(l)
			}
		}
		for _, row := range b.Rows {
			var cells []string
			for _, c := range row {
				cells = append(cells, lesson.Text(c))
			}
			add(strings.Join(cells, "  "))
		}
		s.gather(step, id, heading, b.Blocks)
		for _, it := range b.Items {
			add(lesson.Text(it.Text))
			s.gather(step, id, heading, it.Blocks)
		}
	}
}

// title is where a passage stands.
func (s *search) title(p passage) string {
	t := clean.Line(s.Course.Steps[p.step].Title)
	if p.heading != "" {
		t += " " + s.Theme.Signs.Current + " " + p.heading
	}
	return t
}

func (s *search) find() {
	s.hits = nil
	s.scroll.Cursor = 0
	needle := strings.ToLower(strings.TrimSpace(s.field.Value))
	for _, p := range s.passages {
		if len(s.hits) == hitsMost {
			return
		}
		switch {
		case needle == "" && p.text == "",
			needle != "" && p.text == "" && draw.ContainsFold(s.title(p), needle),
			needle != "" && draw.ContainsFold(p.text, needle):
			s.hits = append(s.hits, p)
		}
	}
}

// choose closes the list and returns the chosen place, nil where nothing was found.
func (s *search) choose() *passage {
	s.on = false
	if len(s.hits) == 0 {
		return nil
	}
	return &s.hits[s.scroll.Cursor]
}

// key moves in the list or changes the text.
func (s *search) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	switch k.String() {
	case "up", "down", "pgup", "pgdown", "home", "end":
		s.scroll.Key(k)
	default:
		if s.field.Update(k) {
			s.find()
		}
	}
	return nil, true
}

func (s *search) view(w, h int) []string {
	t := s.Theme
	needle := strings.ToLower(strings.TrimSpace(s.field.Value))
	count := "all steps"
	if needle != "" {
		count = draw.Count(len(s.hits), "place")
		if len(s.hits) == hitsMost {
			count = "the first " + count
		}
	}
	out := []string{draw.Ends(t.Key.Render("/")+s.field.View(t), t.Dim.Render(count), w, t), ""}
	if len(s.hits) == 0 {
		return append(out, t.Dim.Render("No step has this."))
	}
	from, to := s.scroll.Window(len(s.hits), h-len(out))
	for i := from; i < to; i++ {
		p := s.hits[i]
		title := s.title(p)
		if p.block == "" {
			title = t.Strong.Render(title)
		}
		l := "  " + draw.Highlight(title, needle, t)
		if p.text != "" {
			// What was found stands in the middle of what is seen of a long text.
			text := p.text
			if at, _ := draw.IndexFold(text, needle); at > 40 {
				cut := at - 30
				for cut < at && text[cut] != ' ' {
					cut++
				}
				text = t.Signs.Ellipsis + strings.TrimPrefix(text[cut:], " ")
			}
			l = "  " + draw.Fit(t.Dim.Render(s.title(p)), min(34, w/3), t) + "  " + draw.Highlight(text, needle, t)
		}
		if i == s.scroll.Cursor {
			l = t.Key.Render(t.Signs.Current) + l[1:]
		}
		out = append(out, draw.Cut(l, w, t))
	}
	return out
}

// renew has the search look through the steps as they are now.
func (s *search) renew() {
	s.passages, s.hits = nil, nil
	if s.on {
		typed := s.field
		s.begin()
		s.field = typed
		s.find()
	}
}
