// Package services is the page of every service of the account's clusters in a Region, of
// which one is chosen to be looked at.
package services

import (
	"context"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/clean"
	"workshop/internal/fargate"
	"workshop/internal/regions"
	"workshop/internal/tui/draw"
	"workshop/internal/tui/jobs"
	"workshop/internal/tui/keys"
	"workshop/internal/tui/page"
	"workshop/internal/tui/widgets"
)

// Session is what the page needs of the session. Methods may block.
type Session interface {
	// Clusters lists the clusters of a Region with their services; an empty region is the
	// target's.
	Clusters(ctx context.Context, region string) ([]fargate.Cluster, error)
}

// Page is the page. It belongs to the event loop.
type Page struct {
	*page.Context
	session  Session
	keys     keys.Table
	clusters []fargate.Cluster
	asked    time.Time // when clusters were listed; zero before the first time
	err      error     // why they could not be listed
	asking   int       // generation of the job
	scroll   widgets.Scroll
	first    int // row of the page where the list begins, as it was last drawn
	filter   widgets.Field
	typing   bool // of the filter
}

// New returns the page.
func New(c *page.Context, s Session) *Page {
	p := &Page{Context: c, session: s, scroll: widgets.Scroll{List: true}}
	if c.Chosen != nil && c.Chosen.Service == "" {
		p.filter.Value = c.Chosen.Cluster
	}
	p.keys = keys.Table{
		{Name: "The filter", When: func() bool { return p.typing }, Text: true, Modal: true, Keys: []keys.Key{
			keys.On("enter", "keep the filter", func() { p.typing = false }).Hint("keep"),
			keys.On("esc", "all services", func() { p.typing, p.filter = false, widgets.Field{} }).Hint("all services"),
		}, Rest: func(k tea.KeyPressMsg) (tea.Cmd, bool) {
			p.scroll.Cursor = 0
			return nil, p.filter.Update(k)
		}},
		{Name: "The services", Rest: keys.Scrolls(p.scroll.Key), Keys: []keys.Key{
			keys.OnCmd("enter", "look at the chosen service", p.choose).If(func() bool { _, ok := p.chosen(); return ok }).Hint("look at it"),
			keys.On("/", "services and clusters whose names have a text", func() { p.typing = true }).Hint("filter"),
			keys.On("R", "another Region", p.askRegion).If(func() bool { return !p.Info.Sandbox }).Hint("Region"),
			keys.On("P", "another profile of your AWS configuration", p.askProfile).If(func() bool { return !p.Info.Sandbox }),
			keys.On("f5", "list them again", p.ask).Hint("again"),
			keys.On("esc", "all services", func() { p.filter = widgets.Field{} }).If(func() bool { return p.filter.Value != "" }),
		}},
	}
	return p
}

// Keys returns the page's keys.
func (p *Page) Keys() keys.Table { return p.keys }

// Changes returns how soon the page looks different by time alone.
func (p *Page) Changes() time.Duration {
	if p.Jobs.Alive(p.asking) {
		return page.SpinTime
	}
	return 0
}

// Refresh lists the services once the session is ready.
func (p *Page) Refresh() {
	if p.Ready.Done && p.asked.IsZero() && p.err == nil && !p.Jobs.Alive(p.asking) {
		p.ask()
	}
}

func (p *Page) ask() {
	if !p.IsReady() {
		return
	}
	p.Jobs.Drop(p.asking)
	p.err = nil
	sess, region := p.session, p.Chosen.Region
	p.asking = jobs.Start(p.Jobs, page.Bounded(func(ctx context.Context) ([]fargate.Cluster, error) {
		return sess.Clusters(ctx, region)
	}), func(clusters []fargate.Cluster, err error) tea.Cmd {
		if p.err = err; err == nil {
			p.clusters, p.asked = clusters, p.Now()
		}
		return nil
	})
}

func (p *Page) askRegion() {
	p.Dialog = &widgets.Dialog{
		Title: "Which Region?", Body: []string{"The services of " + clean.Line(p.Info.Region) + " are listed now. Only what is looked at changes: the workshop's own stack stays where it is."},
		Asks: "Region:", Input: widgets.Field{Limit: 25},
		Choices: []widgets.Choice{{Label: "As it is"}, {Label: "List its services", Do: func(d *widgets.Dialog) tea.Cmd {
			name := strings.ToLower(strings.TrimSpace(d.Input.Value))
			if !regions.Known(name) {
				hint := ""
				if like := regions.Similar(name); like != "" {
					hint = "; did you mean " + like + "?"
				}
				p.Say(page.Attention, fmt.Sprintf("There is no Region %q%s", name, hint))
				return nil
			}
			return p.switchTo(fargate.Place{Profile: p.Chosen.Profile, Region: name})
		}}},
	}
}

func (p *Page) askProfile() {
	p.Dialog = &widgets.Dialog{
		Title: "Which profile?", Body: []string{"The services of account " + clean.Line(p.Info.Account) + " are listed now. `aws configure list-profiles` lists the profiles that you have."},
		Asks: "Profile:", Input: widgets.Field{Limit: 64},
		Choices: []widgets.Choice{{Label: "As it is"}, {Label: "List its services", Do: func(d *widgets.Dialog) tea.Cmd {
			return p.switchTo(fargate.Place{Profile: strings.TrimSpace(d.Input.Value)})
		}}},
	}
}

// switchTo lists the services of another place.
func (p *Page) switchTo(to fargate.Place) tea.Cmd {
	p.Jobs.Drop(p.asking)
	p.clusters, p.asked, p.err, p.filter = nil, time.Time{}, nil, widgets.Field{}
	p.scroll.Cursor = 0
	cmd := p.Root.LookAt(to)
	p.Refresh() // or when the other profile is ready
	return cmd
}

// entry is a row of the list: a service, or a cluster where there is none of.
type entry struct {
	cluster *fargate.Cluster
	service *fargate.Service // nil for a cluster's own row
}

// entries are the rows that the filter lets through.
func (p *Page) entries() []entry {
	var out []entry
	needle := strings.TrimSpace(p.filter.Value)
	for i := range p.clusters {
		c := &p.clusters[i]
		if len(c.Services) == 0 && draw.ContainsFold(c.Name, needle) {
			out = append(out, entry{cluster: c})
		}
		for j := range c.Services {
			if draw.ContainsFold(c.Name+" "+c.Services[j].Name, needle) {
				out = append(out, entry{c, &c.Services[j]})
			}
		}
	}
	return out
}

// chosen is the service under the cursor.
func (p *Page) chosen() (entry, bool) {
	all := p.entries()
	if at := p.scroll.Cursor; at >= 0 && at < len(all) && all[at].service != nil {
		return all[at], true
	}
	return entry{}, false
}

func (p *Page) choose() tea.Cmd {
	e, ok := p.chosen()
	if !ok {
		return nil
	}
	return tea.Batch(p.Root.LookAt(fargate.Place{Profile: p.Chosen.Profile, Region: p.Chosen.Region, Cluster: e.cluster.Name, Service: e.service.Name}), p.Root.Open("live"))
}

// Click chooses the service of a row; of the chosen one, it opens it.
func (p *Page) Click(_, y int) tea.Cmd {
	at := p.scroll.Top + y - p.first
	if y < p.first || at >= len(p.entries()) {
		return nil
	}
	if at == p.scroll.Cursor {
		return p.choose()
	}
	p.scroll.Cursor = at
	return nil
}

// View draws the list.
func (p *Page) View(w, h int) []string {
	t := p.Theme
	all := p.entries()
	services := 0
	for _, e := range all {
		if e.service != nil {
			services++
		}
	}
	state := ""
	switch {
	case p.Jobs.Alive(p.asking):
		state = t.Accent.Render(p.Spinner()) + " asking "
	case !p.asked.IsZero():
		state = t.Dim.Render("as of " + draw.Clock(p.asked) + " ")
	}
	head := " " + t.Heading.Render("Services") + "   " + draw.Count(services, "service") + " in " + draw.Count(len(p.clusters), "cluster")
	if p.typing || p.filter.Value != "" {
		head += "   " + t.Key.Render("/") + " "
		if p.typing {
			head += p.filter.View(t)
		} else {
			head += t.Accent.Render(p.filter.Value)
		}
	}
	lines := []string{draw.Ends(head, state, w, t), ""}
	if p.err != nil {
		lines = append(lines, draw.Indent(1, draw.Paragraphs(min(w-3, draw.ReadWidth), t.Bad, t.Signs.Failed+" "+clean.Line(p.err.Error())))...)
		lines = append(lines, "", " "+t.Key.Render("f5")+" tries again", "")
	}
	switch {
	case len(all) > 0:
	case p.err != nil:
		return lines
	case p.Ready.Err != nil:
		return append(lines, draw.Indent(1, draw.Paragraphs(min(w-3, draw.ReadWidth), t.Bad, t.Signs.Failed+" "+clean.Line(p.Ready.Err.Error())))...)
	case p.asked.IsZero():
		return append(lines, " "+t.Dim.Render(t.Signs.Working+" Asking "+p.Where()+" for its clusters"))
	case p.filter.Value != "":
		return append(lines, " No name has this.")
	default:
		return append(lines, " "+t.Heading.Render("There is no cluster here"), "", " Neither a cluster nor a service exists in "+p.Where()+".")
	}
	name := 12
	for _, e := range all {
		name = max(name, draw.Width(e.cluster.Name))
	}
	name = min(name, w/3)
	service := min(w-name-40, 48)
	lines = append(lines, t.Dim.Render("   "+draw.Fit("cluster", name, t)+"  "+draw.Fit("service", service, t)+"  tasks"))
	p.first = len(lines)
	from, to := p.scroll.Window(len(all), h-len(lines))
	for i := from; i < to; i++ {
		lines = append(lines, p.row(all[i], i == p.scroll.Cursor, name, service, w))
	}
	return lines
}

// row draws a service, or a cluster without one; name and service are the columns' widths.
func (p *Page) row(e entry, chosen bool, name, service, w int) string {
	t := p.Theme
	mark := "   "
	if chosen {
		mark = " " + t.Accent.Render(t.Signs.Current) + " "
	}
	cluster := draw.Fit(clean.Line(e.cluster.Name), name, t)
	if e.service == nil {
		why := t.Dim.Render("no service")
		if e.cluster.Err != nil {
			why = t.Bad.Render(clean.Line(e.cluster.Err.Error()))
		}
		return draw.Cut(mark+cluster+"  "+why, w, t)
	}
	s := e.service
	sign, how := t.Good.Render(t.Signs.Running), ""
	switch {
	case s.Status != "ACTIVE":
		sign, how = t.Dim.Render(t.Signs.Stopped), strings.ToLower(clean.Line(s.Status))
	case s.Rollout == "FAILED":
		sign, how = t.Bad.Render(t.Signs.Failed), "deployment failed"
	case s.Rollout == "IN_PROGRESS":
		sign, how = t.Accent.Render(t.Signs.Working), "rolling out"
	case s.Running < s.Desired:
		sign, how = t.Attention.Render(t.Signs.Warn), draw.Count(s.Desired-s.Running, "task")+" missing"
	case s.Desired == 0:
		sign = t.Dim.Render(t.Signs.Stopped)
	}
	tasks := fmt.Sprintf("%d of %d", s.Running, s.Desired)
	return draw.Cut(mark+cluster+"  "+draw.Fit(clean.Line(s.Name), service, t)+"  "+sign+" "+draw.Fit(tasks, 10, t)+how, w, t)
}
