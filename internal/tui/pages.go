package tui

import (
	"strconv"

	"workshop/internal/diagnose"
	"workshop/internal/lesson"
	"workshop/internal/tui/architecture"
	"workshop/internal/tui/operation"
	"workshop/internal/tui/page"
	"workshop/internal/tui/pages/cleanup"
	"workshop/internal/tui/pages/deploy"
	"workshop/internal/tui/pages/guide"
	"workshop/internal/tui/pages/live"
	"workshop/internal/tui/pages/logs"
	"workshop/internal/tui/pages/services"
)

// Session is what the screens need of the rest of the program: what the root model
// and each page ask for. Every method that takes a context may block and is called
// outside the event loop; events come by callback, from any goroutine, one after
// the other, and a callback never blocks for long. Methods must be safe to call
// while others run, except that only one of Plan and Apply runs at a time.
type Session interface {
	RootSession
	operation.Session
	architecture.Session
	guide.Session
	live.Session
	logs.Session
	cleanup.Session
	services.Session
}

// parts is what a page may be made of.
type parts struct {
	*page.Context
	session         Session
	deploy, destroy *operation.View
	diagram         *architecture.Diagram
}

// pageSpec is a page of the screens: its name in texts and in the `page:` of a
// step, its title, and its constructor.
type pageSpec struct {
	slug, title string
	open        func(parts) page.Page
}

// livePage and logsPage are about what runs, whosever it is.
var (
	livePage = pageSpec{"live", "Live", func(p parts) page.Page { return live.New(p.Context, p.session, p.diagram) }}
	logsPage = pageSpec{"logs", "Logs", func(p parts) page.Page { return logs.New(p.Context, p.session) }}
)

// viewerPages lists the pages for a service that is not the workshop's.
var viewerPages = pageList{
	{"services", "Services", func(p parts) page.Page { return services.New(p.Context, p.session) }},
	livePage,
	logsPage,
}

// pages lists the workshop's pages in the order of their keys. A page is one line here.
var pages = pageList{
	{"guide", "Guide", func(p parts) page.Page { return guide.New(p.Context, p.session, p.deploy, p.destroy) }},
	{"deploy", "Deploy", func(p parts) page.Page { return deploy.New(p.Context, p.deploy, p.diagram) }},
	livePage,
	logsPage,
	{"cleanup", "Clean up", func(p parts) page.Page { return cleanup.New(p.Context, p.session, p.destroy) }},
}

// pageList is a list of pages in the order of their keys.
type pageList []pageSpec

// screens are the pages as others name them.
func (l pageList) screens() []lesson.Screen {
	out := make([]lesson.Screen, len(l))
	for i, p := range l {
		out[i] = lesson.Screen{Slug: p.slug, Title: p.title, Key: strconv.Itoa(i + 1)}
	}
	return out
}

// at returns the index of the page of that slug.
func (l pageList) at(slug string) (int, bool) {
	for i, p := range l {
		if p.slug == slug {
			return i, true
		}
	}
	return 0, false
}

var screens = pages.screens()

// Pages lists the workshop's pages with the keys that open them. The list is shared: do not
// change it.
func Pages() []lesson.Screen { return screens }

// Face names the places of the screens in the answers of package diagnose.
var Face = diagnose.Face{Plan: place("deploy"), Tasks: place("live"), Logs: place("logs"), CleanUp: place("cleanup")}

// ViewerFace is Face where a service is looked at that is not the workshop's.
var ViewerFace = diagnose.Face{Plan: diagnose.Other.Plan, Tasks: Face.Tasks, Logs: Face.Logs, CleanUp: diagnose.Other.CleanUp}

// place names a page within a sentence.
func place(slug string) string {
	i, ok := pages.at(slug)
	if !ok {
		return ""
	}
	return "the " + pages[i].title + " page"
}
