package tui_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"workshop/internal/fargate"
	"workshop/internal/tui"
	"workshop/internal/tui/keys"
	"workshop/internal/tui/tuitest"
)

// docs/keys.md is written from the tables that drive the screens.
func TestKeysDocument(t *testing.T) {
	var out strings.Builder
	out.WriteString("# Keys\n\nThe keys of the screens, as `?` lists them. Written from the key tables by `go test ./internal/tui -run TestKeysDocument -update`: do not edit.\n")
	write := func(st *driver, pages ...string) {
		titles, groups := st.m.KeyGroups()
		for i, title := range titles {
			if len(pages) > 0 && !slices.Contains(pages, title) {
				continue
			}
			if title != "" {
				fmt.Fprintf(&out, "\n## %s\n", title)
			}
			for _, g := range merged(groups[i]) {
				if g.Name != "" {
					fmt.Fprintf(&out, "\n%s %s\n", strings.Repeat("#", min(2+i, 3)), g.Name)
				}
				out.WriteString("\n| key | what it does |\n|---|---|\n")
				for _, k := range g.Keys {
					var names []string
					for _, name := range strings.Fields(k.Key) {
						names = append(names, "`"+name+"`")
					}
					fmt.Fprintf(&out, "| %s | %s |\n", strings.Join(names, " "), strings.ReplaceAll(k.Does, "|", "\\|"))
				}
			}
		}
	}
	drive(t, tuitest.NewUp, 120, 40, tui.Options{}, func(st *driver) { write(st) })
	drive(t, tuitest.NewUp, 120, 40, viewer(fargate.Place{}), func(st *driver) { write(st, "Services") })
	(&driver{t: t}).compare("../../../docs/keys.md", out.String())
}

// No key of a page means something else on every page.
func TestKeysReachTheirPages(t *testing.T) {
	for _, o := range []tui.Options{{}, viewer(fargate.Place{})} {
		drive(t, tuitest.NewUp, 120, 40, o, func(st *driver) {
			for _, key := range st.m.Shadowed() {
				t.Error(key)
			}
		})
	}
}

// merged joins the groups of one name: what works now does not matter in a document.
func merged(groups []keys.Group) (out []keys.Group) {
	for _, g := range groups {
		i := slices.IndexFunc(out, func(o keys.Group) bool { return o.Name == g.Name })
		if i < 0 {
			i = len(out)
			out = append(out, keys.Group{Name: g.Name})
		}
		for _, k := range g.Keys {
			if !slices.Contains(out[i].Keys, k) {
				out[i].Keys = append(out[i].Keys, k)
			}
		}
	}
	return slices.DeleteFunc(out, func(g keys.Group) bool { return len(g.Keys) == 0 })
}
