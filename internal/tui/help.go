package tui

type keyGroup struct {
	title string
	keys  []hint
}

// allKeys is what `?` shows.
var allKeys = []keyGroup{
	{"Everywhere", []hint{
		{"1 to 5", "the pages"}, {"?", "these keys"}, {"esc", "back; nothing is lost"},
		{"arrows, hjkl", "move"}, {"pgup pgdn", "a screen up, down"}, {"g G", "to the first, the last"},
		{"tab", "move the focus"}, {"enter", "do the focused thing"},
		{"ctrl+c", "stop what runs, safely"}, {"q", "quit; asks when something is up"},
	}},
	{"1 Guide", []hint{
		{"n", "this step is done, on to the next"}, {"p", "the step before"}, {"s", "choose a step"}, {"/", "search all steps"},
		{"t", "the headings of this step"}, {"b backspace", "back to before a jump"},
		{"enter", "run, set, open, follow, fold, enlarge"}, {"y", "copy a block"}, {"o", "the output of what was run"},
		{"c", "check what you did"}, {"h", "a hint"}, {"a", "answer the questions"}, {"S", "have the step done; asks first"},
		{"R", "begin the step anew; asks first"}, {"ctrl+s esc", "in the editor: save, leave"},
	}},
	{"2 Deploy", []hint{
		{"enter p", "make a plan"}, {"enter", "fold a group, show a resource"}, {"a", "apply this plan; asks first"},
		{"g", "the architecture, drawn as it stands"}, {"l", "Terraform's log"}, {"r", "plan again"}, {"y", "copy an output"},
	}},
	{"3 Live", []hint{
		{"g", "the diagram, as on page 2"}, {"enter", "a task: why it stopped"}, {"s", "scale: how many tasks"}, {"f", "a new deployment; asks first"},
		{"x", "stop a task; asks first"}, {"u y", "copy the URL, the task's id"}, {"l", "the logs"},
	}},
	{"4 Logs", []hint{
		{"/", "only lines that have this"}, {"h", "health checks too"}, {"w", "wrap long lines"}, {"r", "JSON as it came"},
		{"G", "follow again"}, {"y", "copy the last line on the screen"},
	}},
	{"5 Clean up", []hint{
		{"enter", "see what would be deleted"}, {"x", "delete it; the word must be typed"}, {"r", "ask what is left"},
	}},
}

func (m *model) viewHelp(w, h int) []string {
	t := m.theme
	column := func(groups []keyGroup) []string {
		var out []string
		for _, g := range groups {
			out = append(out, t.Heading.Render(g.title))
			for _, k := range g.keys {
				out = append(out, "  "+t.Key.Render(fit(k.key, 13, t))+" "+k.does)
			}
			out = append(out, "")
		}
		return out
	}
	var lines []string
	if w >= 110 {
		a, b := column(allKeys[:3]), column(allKeys[3:])
		n := max(len(a), len(b))
		a, b = block(a, n), block(b, n)
		for i := range n {
			lines = append(lines, " "+fit(a[i], 56, t)+b[i])
		}
	} else {
		lines = indent(1, column(allKeys))
	}
	from, to := m.helpAt.window(len(lines), h)
	return lines[from:to]
}
