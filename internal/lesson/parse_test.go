package lesson

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "write the golden files again")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test -update writes it again); got:\n%s", file, got)
	}
}

func parseFile(t *testing.T, name string) *Step {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Parse(name, src)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPlain(t *testing.T) {
	for _, c := range []struct {
		file, golden string
		width        int
	}{
		{"seed.md", "seed.80.txt", 80},
		{"dialect.md", "dialect.80.txt", 80},
		{"dialect.md", "dialect.24.txt", 24},
	} {
		t.Run(c.golden, func(t *testing.T) {
			var b bytes.Buffer
			vars := func(name string) (string, bool) { return "http://localhost:18080", name == "outputs.url" }
			if err := parseFile(t, c.file).Plain(&b, c.width, vars); err != nil {
				t.Fatal(err)
			}
			golden(t, c.golden, b.Bytes())
		})
	}
}

// kinds outlines blocks, so that structure can be compared at a glance.
func kinds(blocks []Block) string {
	var out []string
	for _, b := range blocks {
		s := string(b.Kind)
		if b.Kind == Paragraph {
			s = strings.Fields(Text(b.Text))[0]
		}
		if len(b.Blocks) > 0 {
			s += "(" + kinds(b.Blocks) + ")"
		}
		for _, it := range b.Items {
			s += "[" + kinds(it.Blocks) + "]"
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func TestSeedKeepsItsParagraphs(t *testing.T) {
	s := parseFile(t, "seed.md")
	if s.Title != "Architecture" || s.Estimate != (Estimate{15, 20}) {
		t.Errorf("title %q, estimate %v", s.Title, s.Estimate)
	}
	want := "image admonition(AWS With image With) admonition(Terraform Configuration The)"
	if got := kinds(s.Blocks); got != want {
		t.Errorf("blocks are %s, want %s", got, want)
	}
	if f := s.Blocks[1]; !f.Foldable || f.Open || f.Blocks[2].Source != "images/Fargate.png" {
		t.Errorf("foldable %v, open %v, picture %q", f.Foldable, f.Open, f.Blocks[2].Source)
	}
	if l := s.Blocks[2].Blocks[2].Line; l != 19 {
		t.Errorf("the last paragraph is said to be on line %d, want 19", l)
	}
}

func TestAdoption(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"margin directly below", "??? info\n    a\nb\n\nc\n", "admonition(a b c)"},
		{"a page that indents", "??? info\n    a\n\n    b\n\nc\n", "admonition(a b) c"},
		{"one paragraph, blank line, margin", "??? info\n    a\n\nb\n", "admonition(a) b"},
		{"front matter", "---\ntitle: t\n---\n??? info\n    a\n\nb\n", "admonition(a) b"},
		{"ends at a heading", "??? info\n    a\nb\n\n## h\n\nc\n", "admonition(a b) heading c"},
		{"ends at an underlined heading", "??? info\n    a\nb\n\nh\n---\n\nc\n", "admonition(a b) heading c"},
		{"ends at the next box", "??? info\n    a\nb\n!!! tip\n    c\n\nd\n", "admonition(a b) admonition(c) d"},
		{"one page, one way", "??? info\n    a\nb\n\n??? tip\n    c\n\nd\n", "admonition(a b) admonition(c d)"},
		{"code stays whole", "??? info\n    a\nb\n```\n# no heading\n??? info\n```\nc\n", "admonition(a b code c)"},
		{"later indents are code's or a list's own", "??? info\n    a\nb\n\n- c\n    - d\n- e\n", "admonition(a b list[c list[d]][e])"},
		{"without a body it takes nothing", "??? info\n    a\nb\n\n## h\n\n??? tip\nc\n", "admonition(a b) heading admonition c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := Parse("x.md", []byte(c.src))
			if got := kinds(s.Blocks); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestDialect(t *testing.T) {
	s := parseFile(t, "dialect.md")
	if s.ID != "dialect" || s.Page != "deploy" || s.Estimate != (Estimate{15, 20}) || len(s.Goals) != 2 {
		t.Errorf("front matter read as %+v", s)
	}
	want := "Text heading code code admonition(First Second list[a][with and] code) Outside admonition(Open.) " +
		"admonition(Take) tabs[code][brew] table list[one][two list[done][open]] quote(quoted) image rule footnotes[The]"
	if got := kinds(s.Blocks); got != want {
		t.Fatalf("blocks are\n%s, want\n%s", got, want)
	}
	run := s.Blocks[3]
	if run.Lang != "bash" || !run.Run || Text(run.Text) != "Ask the service" || run.Source != "curl {{ outputs.url }}/" {
		t.Errorf("the run block is %+v", run)
	}
	if plain := s.Blocks[2]; plain.Lang != "bash" || plain.Run {
		t.Errorf("the plain block is %+v", plain)
	}
	if f := s.Blocks[4]; !f.Foldable || f.Open || f.Text[1] != (Span{Text: "code", Code: true}) || f.Blocks[3].Lang != "hcl" {
		t.Errorf("the closed block is %+v", f)
	}
	if f := s.Blocks[6]; !f.Foldable || !f.Open || Text(f.Text) != "Tip" {
		t.Errorf("the open block is %+v", f)
	}
	if f := s.Blocks[7]; f.Foldable || f.Style != "warning" {
		t.Errorf("the warning is %+v", f)
	}
	if b := s.Blocks[9]; !reflect.DeepEqual(b.Align, []string{"left", "right"}) || len(b.Rows) != 3 {
		t.Errorf("the table is %+v", b)
	}
	if b := s.Blocks[12]; b.Source != "images/a.png" || b.Line != 70 {
		t.Errorf("the picture is %+v", b)
	}
	spans := []Span{
		{Text: "Text with "}, {Text: "bold", Bold: true}, {Text: ", "}, {Text: "italic", Italic: true}, {Text: ", "},
		{Text: "code", Code: true}, {Text: ", "}, {Text: "struck", Strike: true}, {Text: " and a "},
		{Text: "link", Link: "https://example.com/a"},
		{Text: ". A second line of the same paragraph, <escaped> and *starred*.[1]"},
	}
	if got := s.Blocks[0].Text; !reflect.DeepEqual(got, spans) {
		t.Errorf("the text is %+v, want %+v", got, spans)
	}
}

func TestFaults(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"broken front matter", "---\ntitle: [a\n---\nText\n", "x.md:2: the front matter cannot be read: "},
		{"open front matter", "---\ntitle: a\n", "x.md:1: the front matter that starts here has no closing line ---"},
		{"estimate", "---\ntitle: a\nestimate: soon\n---\nText\n", `x.md:3:11: estimate "soon" is not a number of minutes: write 15 or 15-20`},
		{"page", "---\ntitle: a\npage: Page 2\n---\nText\n", `x.md:3:7: "Page 2" is not the name of a page`},
		{"goals", "---\ntitle: a\ngoals: one\n---\nText\n", "x.md:3:8: goals must be a list"},
		{"title", "---\nestimate: 5\n---\nText\n", "x.md:1: the front matter has no title"},
		{"open code", "---\ntitle: a\n---\n\n```bash\nls\n", "x.md:5: the code block that starts here is not closed"},
		{"empty open code", "# a\n\n```bash\n", "x.md:3: the code block that starts here is not closed"},
		{"empty admonition", "---\ntitle: a\n---\n??? info \"b\"\nText\n", `x.md:4: "b" has no text: indent`},
		{"admonition without quotes", "# a\n\n??? info What is it?\n    b\n", "x.md:3: this looks like an admonition"},
		{"below an adopted paragraph", "??? info\n    a\nb\n\n```bash\n", "x.md:5: the code block"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Parse("x.md", []byte(c.src))
			if s == nil {
				t.Fatal("no step")
			}
			var e *Error
			if err == nil || !strings.HasPrefix(err.Error(), c.want) || !errors.As(err, &e) {
				t.Errorf("the error is %v, want %s", err, c.want)
			}
		})
	}
	for _, src := range []string{"", "\n", "Text\n", "# Title\n\n```\n```\n", "---\ntitle: a\n---\n", "???\n", "!!!\n"} {
		if s, err := Parse("x.md", []byte(src)); s == nil || err != nil && !strings.Contains(err.Error(), "has no text") {
			t.Errorf("Parse(%q) = %v", src, err)
		}
	}
}

func TestLoad(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	fsys := fstest.MapFS{
		"workshop.yaml": file("title: A course\n"),
		"02-two.md":     file("---\ntitle: Two\nestimate: x\n---\nText\n"),
		"01-one.md":     file("# One\n\n![a](./images/a.png)\n\n![b](b.png)\n"),
		"images/a.png":  file(""),
		"README.md":     file("not a step"),
	}
	c, err := Load(fsys)
	if c.Title != "A course" || len(c.Steps) != 2 || c.Steps[0].ID != "one" || c.Steps[1].Title != "Two" {
		t.Errorf("the course is %+v", c)
	}
	want := "01-one.md:5: the picture b.png is not there\n" +
		`02-two.md:3:11: estimate "x" is not a number of minutes: write 15 or 15-20`
	if err == nil || err.Error() != want {
		t.Errorf("the error is %v, want %s", err, want)
	}
	fsys["workshop.yaml"] = file("title: A course\nsteps:\n  - 02-two.md\n  - missing\n")
	fsys["02-two.md"] = file("# Two\n")
	c, err = Load(fsys)
	if len(c.Steps) != 1 || err == nil || err.Error() != "workshop.yaml:4: the step missing.md cannot be read: file does not exist" {
		t.Errorf("steps %d, error %v", len(c.Steps), err)
	}
	if _, ok := c.Step("two"); !ok {
		t.Error("step two is not found by its id")
	}
	fsys["workshop.yaml"] = file("title: A\nsteps: nothing: here\n")
	if _, err := Load(fsys); err == nil || !strings.HasPrefix(err.Error(), "workshop.yaml:2: ") {
		t.Errorf("error %v", err)
	}
	if c, err := Load(fstest.MapFS{}); err == nil || c == nil {
		t.Errorf("an empty folder is loaded as %v, %v", c, err)
	}
}

func TestExpand(t *testing.T) {
	s, err := Parse("x.md", []byte("# T\n\nGo to {{ outputs.url }}, {{outputs.cluster}} and {{ session.who }}; not {{.Names}}.\n\n"+
		"```\ncurl {{ outputs.url }}/\n```\n\nno variables\n\n- a {{ outputs.url }}\n- [b](<{{ outputs.url }}/b>)\n\n| {{ outputs.url }} |\n|---|\n| x |\n"))
	if err != nil {
		t.Fatal(err)
	}
	before := kinds(s.Blocks) + Text(s.Blocks[0].Text)
	got := Expand(s.Blocks, func(name string) (string, bool) { return "http://h\x1b[2J\n", name == "outputs.url" })
	if want := "Go to http://h, (after deploy) and (not known yet); not {{.Names}}."; Text(got[0].Text) != want {
		t.Errorf("text %q, want %q", Text(got[0].Text), want)
	}
	if got[1].Source != "curl http://h/" {
		t.Errorf("code %q", got[1].Source)
	}
	if &got[2].Text[0] != &s.Blocks[2].Text[0] {
		t.Error("a block without variables was copied")
	}
	if l := got[3].Items[1].Blocks[0].Text[0].Link; l != "http://h/b" {
		t.Errorf("link %q", l)
	}
	if c := Text(got[4].Rows[0][0]); c != "http://h" {
		t.Errorf("cell %q", c)
	}
	if kinds(s.Blocks)+Text(s.Blocks[0].Text) != before || Text(s.Blocks[3].Items[0].Blocks[0].Text) != "a {{ outputs.url }}" {
		t.Error("the step itself was changed")
	}
	if v := Variables("{{ outputs.url }} {{a}} {{ outputs.url }} {{ .b }}"); !reflect.DeepEqual(v, []string{"outputs.url", "a"}) {
		t.Errorf("Variables = %q", v)
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		name  string
		spans []Span
		width int
		want  string
	}{
		{"words", []Span{{Text: "one two three"}}, 7, "one two|three"},
		{"across styles", []Span{{Text: "a "}, {Text: "bold", Bold: true}, {Text: ", b"}}, 7, "a bold,|b"},
		{"long word", []Span{{Text: "x abcdefghij y"}}, 4, "x|abcd|efgh|ij y"},
		{"break", []Span{{Text: "a\nb"}}, 9, "a|b"},
		{"wide", []Span{{Text: "漢字漢字"}}, 5, "漢字|漢字"},
		{"narrower than a character", []Span{{Text: "漢字"}}, 1, "漢|字"},
		{"nothing", nil, 5, ""},
		{"spaces", []Span{{Text: "  a   b  "}}, 9, "a b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var lines []string
			for _, l := range Wrap(c.spans, c.width) {
				lines = append(lines, Text(l))
			}
			if got := strings.Join(lines, "|"); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestHead(t *testing.T) {
	for _, c := range []struct {
		text    string
		columns int
		first   bool
		want    string
		width   int
	}{
		{"abc", 2, false, "ab", 2},
		{"abc", 5, false, "abc", 3},
		{"abc", 0, false, "", 0},
		{"abc", 0, true, "a", 1},
		{"漢字", 3, false, "漢", 2},
		{"漢字", 1, false, "", 0},
		{"漢字", 1, true, "漢", 2},
		{"e\u0301x", 1, false, "e\u0301", 1},
		{"", 4, true, "", 0},
	} {
		if got, width := Head(c.text, c.columns, c.first); got != c.want || width != c.width {
			t.Errorf("Head(%q, %d, %v) = %q, %d, not %q, %d", c.text, c.columns, c.first, got, width, c.want, c.width)
		}
	}
}

func TestColumns(t *testing.T) {
	row := func(cells ...string) (r [][]Span) {
		for _, c := range cells {
			r = append(r, []Span{{Text: c}})
		}
		return r
	}
	wide := strings.Repeat("w", 100)
	for _, c := range []struct {
		name  string
		rows  [][][]Span
		width int
		want  []int
	}{
		{"fits", [][][]Span{row("abc", "d")}, 20, []int{3, 1}},
		{"one wide", [][][]Span{row("abc", wide)}, 20, []int{3, 15}},
		{"two wide", [][][]Span{row(wide, "abc", wide)}, 20, []int{7, 3, 6}},
		{"no room", [][][]Span{row("abc", "def")}, 1, []int{1, 1}},
		{"none", nil, 10, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Columns(c.rows, c.width, 2); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// TestHostile reads what grows faster than its length in a parser that is not
// on guard. It has no clock: without the guards it does not end.
func TestHostile(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	for _, unit := range []string{">", "- ", "[a](", "[a]: b\n", "[^1]: x\n", "1. ", "*a "} {
		if s, _ := Parse("x.md", bytes.Repeat([]byte(unit), 1<<20/len(unit))); s == nil {
			t.Errorf("%q: no step", unit)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"seed.md", "dialect.md"} {
		src, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Add([]byte("# \x1b]0;x\x07\n\n&#27;[2J `\x1b[1m` [a](\x1b<b) ![\x9b](\x07.png)\n\n```\x1bsh\n\x1b[H\n```\n"))
	f.Add([]byte("??? info \"\x1b[31m\"\n\t>\t- a\n=== \"b\"\n    1. c\n    [^1]\n\n[^1]: d\n"))
	f.Add([]byte("---\ntitle: \"\\e[2J\"\ngoals: [\"\\x07\"]\n---\n| a |\n|--:|\n| \\| |\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		s, err := Parse("x.md", src)
		if err != nil {
			safe(t, err.Error())
		}
		safe(t, s.Title)
		for _, g := range s.Goals {
			safe(t, g)
		}
		ids := map[string]bool{}
		walk(s.Blocks, func(b Block) {
			if ids[b.ID] || b.ID == "" {
				t.Fatalf("id %q is empty or taken", b.ID)
			}
			ids[b.ID] = true
			safe(t, b.ID+b.Source+b.Lang+b.Style)
			for _, s := range b.Text {
				safe(t, s.Text+s.Link)
			}
			for _, it := range b.Items {
				safe(t, Text(it.Text))
			}
			for _, r := range b.Rows {
				for _, c := range r {
					safe(t, Text(c))
				}
			}
		})
		var out bytes.Buffer
		if err := s.Plain(&out, 40, nil); err != nil {
			t.Fatal(err)
		}
		safe(t, out.String())
	})
}

func walk(blocks []Block, f func(Block)) {
	for _, b := range blocks {
		f(b)
		walk(b.Blocks, f)
		for _, it := range b.Items {
			walk(it.Blocks, f)
		}
	}
}

func safe(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Fatalf("%q is not UTF-8", s)
	}
	if i := strings.IndexFunc(s, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }); i >= 0 {
		t.Fatalf("%q has a control character at %d", s, i)
	}
}
