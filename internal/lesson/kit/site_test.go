package kit

import (
	"context"
	"html"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"workshop/internal/lesson"
	"workshop/steps"
)

// What a built page is taken apart with.
var (
	article  = regexp.MustCompile(`(?s)<article[^>]*>(.*)</article>`)
	comment  = regexp.MustCompile(`(?s)<!--.*?-->`)
	code     = regexp.MustCompile(`(?s)<code>.*?</code>`)
	tag      = regexp.MustCompile(`(?s)<[^>]*>`)
	source   = regexp.MustCompile(`<img[^>]*\ssrc="([^"]*)"`)
	bareHref = regexp.MustCompile(`<a[^>]*\shref="([^"#:]+)`)
)

// markup is what a reader of the site must not see.
var markup = []string{"{ .", "{.", "<!--", "-->", "???", "!!! ", `=== "`, "```", "estimate:", "checks:", "solve:", "quiz:", "[^", "- [ ]", "](", "|---"}

// TestSite builds our steps, the starter and a page as people write them by hand
// with the configuration of docs/authoring.md, and looks at what MkDocs Material
// made of them.
func TestSite(t *testing.T) {
	mkdocs, err := exec.LookPath("mkdocs")
	if err != nil {
		t.Skip("mkdocs is not installed; mkdocs and mkdocs-material are needed to build a site")
	}
	configuration := siteConfiguration(t)
	for _, c := range []struct {
		name   string
		write  func(dir string) error
		strict bool
	}{
		{"our steps", func(dir string) error { return os.CopyFS(dir, steps.Files) }, true},
		{"the starter", func(dir string) error { _, err := New(dir); return err }, true},
		// Its pictures are another one's.
		{"written by hand", func(dir string) error { return os.CopyFS(dir, one(os.DirFS("../testdata"), "seed.md")) }, false},
		{"the whole dialect", func(dir string) error { return os.CopyFS(dir, one(os.DirFS("../testdata"), "dialect.md")) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := c.write(filepath.Join(dir, "my-workshop")); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "mkdocs.yml"), []byte(configuration), 0o644); err != nil {
				t.Fatal(err)
			}
			args := []string{"build", "--quiet", "--site-dir", "site"}
			if c.strict {
				args = append(args, "--strict")
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, mkdocs, args...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "PYTHONWARNINGS=ignore")
			if out, err := cmd.CombinedOutput(); strings.Contains(string(out), "Unrecognised theme") {
				t.Skip("mkdocs-material is not installed")
			} else if err != nil {
				t.Fatalf("mkdocs %s: %v\n%s", strings.Join(args, " "), err, out)
			}
			pages, err := filepath.Glob(filepath.Join(dir, "my-workshop", "*.md"))
			if err != nil || len(pages) == 0 {
				t.Fatal("no pages", err)
			}
			for _, page := range pages {
				name := strings.TrimSuffix(filepath.Base(page), ".md")
				if name == "README" {
					continue
				}
				src, err := os.ReadFile(page)
				if err != nil {
					t.Fatal(err)
				}
				s, _ := lesson.Parse(name+".md", src)
				lookAtPage(t, s, filepath.Join(dir, "site", name), c.strict)
			}
		})
	}
}

// siteConfiguration is the example of docs/authoring.md.
func siteConfiguration(t *testing.T) string {
	t.Helper()
	src, err := os.ReadFile("../../../docs/authoring.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range example.FindAllStringSubmatch(string(src), -1) {
		if strings.HasPrefix(m[4], "site_name:") {
			return m[4]
		}
	}
	t.Fatal("docs/authoring.md has no configuration of a site")
	return ""
}

// one is a folder with one file of another.
func one(fsys fs.FS, name string) fs.FS { return onlyFile{fsys, name} }

type onlyFile struct {
	fs.FS
	name string
}

func (o onlyFile) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(o.FS, name)
	var out []fs.DirEntry
	for _, e := range entries {
		if e.Name() == o.name {
			out = append(out, e)
		}
	}
	return out, err
}

// lookAtPage compares a page with the blocks that we read of it.
func lookAtPage(t *testing.T, s *lesson.Step, dir string, whole bool) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(dir, "index.html"))
	if err != nil {
		t.Error(err)
		return
	}
	m := article.FindSubmatch(page)
	if m == nil {
		t.Errorf("%s: the page has no article", s.File)
		return
	}
	body := comment.ReplaceAllString(string(m[1]), "")
	prose := html.UnescapeString(tag.ReplaceAllString(code.ReplaceAllString(body, " "), ""))
	for _, mark := range markup {
		if i := strings.Index(prose, mark); i >= 0 {
			t.Errorf("%s: readers of the site see %q: …%s…", s.File, mark, prose[max(0, i-40):min(len(prose), i+60)])
		}
	}
	want := map[string]int{}
	each(s.Blocks, func(b lesson.Block) {
		switch {
		case b.Kind == lesson.Admonition && b.Foldable:
			want["<details"]++
		case b.Kind == lesson.Admonition:
			want[`<div class="admonition`]++
		case b.Kind == lesson.Tabs:
			want[`<div class="tabbed-set`]++
			want[`<div class="tabbed-block`] += len(b.Items)
		case b.Kind == lesson.Image:
			want["<img"]++
		case b.Kind == lesson.Table:
			want["<table"]++
		case b.Kind == lesson.Code:
			want["<pre"]++
		}
	})
	for _, what := range []string{"<details", `<div class="admonition`, `<div class="tabbed-set`, `<div class="tabbed-block`, "<img", "<table", "<pre"} {
		if got := strings.Count(body, what); got != want[what] {
			t.Errorf("%s: the site has %d times %s, and the screen %d", s.File, got, what, want[what])
		}
	}
	if !whole {
		return
	}
	for _, re := range []*regexp.Regexp{source, bareHref} {
		for _, m := range re.FindAllStringSubmatch(body, -1) {
			if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(m[1]))); err != nil {
				t.Errorf("%s: %s leads nowhere on the site", s.File, m[1])
			}
		}
	}
}

func each(blocks []lesson.Block, f func(lesson.Block)) {
	for _, b := range blocks {
		f(b)
		each(b.Blocks, f)
		for _, it := range b.Items {
			each(it.Blocks, f)
		}
	}
}
