package kit

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"workshop/internal/lesson"
)

// TestDraft follows an author through mistakes and their mending.
func TestDraft(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mine")
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	one := "---\ntitle: One\nestimate: 1\n---\n\ntext {{ takes }}\n"
	two := "---\ntitle: Two\nestimate: 1\n---\n\ntext\n"
	manifest := "title: Mine\nsteps: [02-two.md, 01-one.md]\nvariables: {takes: long}\n"
	write(lesson.Manifest, manifest)
	write("01-one.md", one)
	write("02-two.md", two)
	d := NewDraft(os.DirFS(dir), tf(oneVariable), screens)
	for _, c := range []struct {
		name   string
		do     func()
		titles string
		takes  string
		faults []string // each one's beginning
	}{
		{"at first", func() {}, "Two One", "long", nil},
		{"edited", func() { write("02-two.md", strings.Replace(two, "Two", "Zwei", 1)) }, "Zwei One", "long", nil},
		{"broken", func() { write("02-two.md", "---\ntitle: [\n---\n") }, "Zwei One", "long", []string{"02-two.md:2:1: the front matter cannot be read"}},
		{"a worse mistake elsewhere comes behind", func() { write("01-one.md", one+"\n![a](a.png)\n") }, "Zwei One", "long", []string{"02-two.md:2:1: ", "01-one.md:8:1: the picture a.png is not there"}},
		{"the manifest too", func() { write(lesson.Manifest, "title: [\n") }, "Zwei One", "long", []string{"02-two.md:2:1: ", "workshop.yaml:1:1: ", "01-one.md:8:1: "}},
		{"gone", func() { os.Rename(dir, dir+"-away") }, "Zwei One", "long", []string{".:1:1: the folder cannot be read"}},
		{"back", func() { os.Rename(dir+"-away", dir); write(lesson.Manifest, manifest); write("01-one.md", one) }, "Zwei One", "long", []string{"02-two.md:2:1: "}},
		{"mended", func() { write("02-two.md", two) }, "Two One", "long", nil},
		{"one more, and other words", func() {
			write("03-three.md", strings.Replace(two, "Two", "Three", 1))
			write(lesson.Manifest, "title: Mine\nvariables: {takes: short}\n")
		}, "One Two Three", "short", nil},
		{"one less", func() { os.Remove(filepath.Join(dir, "01-one.md")) }, "Two Three", "short", nil},
		{"one that was never right", func() { write("04-four.md", "---\ntitle: Four\nestimate: soon\n---\n") }, "Two Three Four", "short", []string{"04-four.md:3:11: "}},
	} {
		c.do()
		course, faults := d.Look()
		var titles []string
		for _, s := range course.Steps {
			titles = append(titles, s.Title)
		}
		if got := strings.Join(titles, " "); got != c.titles {
			t.Errorf("%s: the steps are %s, want %s", c.name, got, c.titles)
		}
		if takes, _ := course.Variable("takes", "aws"); takes != c.takes {
			t.Errorf("%s: it takes %q", c.name, takes)
		}
		ok := len(faults) == len(c.faults)
		for i := range faults {
			ok = ok && strings.HasPrefix(faults[i].Error(), c.faults[i])
		}
		if !ok {
			t.Errorf("%s: the faults are\n%swant %q", c.name, report(faults), c.faults)
		}
		if now, err := d.Course(); now != course || err != nil {
			t.Errorf("%s: Course is another", c.name)
		}
	}
}

// A folder may be reached by a link.
func TestStampFollowsALink(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	real := filepath.Join(dir, "real")
	if err := os.Mkdir(real, fs.ModePerm); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, link); err != nil {
		t.Skip("no links here:", err)
	}
	before := stamp(link)
	if err := os.WriteFile(filepath.Join(real, "a.md"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if stamp(link) == before {
		t.Error("a new file was not seen")
	}
}
