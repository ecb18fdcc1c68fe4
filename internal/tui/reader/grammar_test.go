package reader

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestGrammar writes what has a colour between the signs of its role.
func TestGrammar(t *testing.T) {
	signs := map[role]string{dim: "#", accent: "!", good: "\"", attention: "$"}
	for _, c := range []struct{ lang, source, want string }{
		{"hcl", "resource \"aws_lb\" \"main\" { # one\n  name = var.count // two\n  size = 12 /* a\nb */\n  on = true\n}",
			"!resource! \"\"aws_lb\"\" \"\"main\"\" {# # one#\n  name = !var!.!count!# // two#\n  size = $12$ #/* a#\n#b */#\n  on = !true!\n}"},
		{"terraform", "for = \"x # \\\" y\"\nip = \"10.0.0.0/16\"", "!for! = \"\"x # \\\" y\"\"\nip = \"\"10.0.0.0/16\"\""},
		{"tfvars", "a = \"${b}\" # c", "a = \"\"\"\"${\"b\"}\"\"\"\"# # c#"},
		{"hcl", "a = <<-EOT\n  if \"x\"\n  EOT\nb = 1", "a = <<-EOT\n\"  if \"x\"\"\n\"  \"EOT\nb = $1$"},
		{"bash", "curl -sS \"$URL\" | wc -l # all\necho ${X} a#b 2>&1 v1.2", "curl -sS \"\"\"$$URL$\"\"\" | wc -l ## all#\n!echo! \"${\"$X$\"}\" a#b 2>&$1$ v1.2"},
		{"console", "$ echo 1\n1", "#$# !echo! $1$\n1"},
		{"json", `{"a": "b", "n": -1.5, "t": null}`, `{!"a"!: ""b"", !"n"!: $-1.5$, !"t"!: !null!}`},
		{"yaml", "title: Deploy # x\nok: true\nn: 3\nurl: http://a:1", "!title!: Deploy ## x#\n!ok!: !true!\n!n!: $3$\n!url!: http://a:1"},
		{"python", "x = 'y' # z", "x = 'y' # z"},
		{"text", "true # 1 \"x\"", "true # 1 \"x\""},
		{"", "true", "true"},
	} {
		var b strings.Builder
		for i, line := range highlight(c.source, c.lang) {
			if i > 0 {
				b.WriteByte('\n')
			}
			for _, s := range line {
				sign := signs[s.look.role]
				fmt.Fprint(&b, sign, s.text, sign)
			}
		}
		if b.String() != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.lang, b.String(), c.want)
		}
	}
}

// TestGrammarsAreChromas fails when chroma's grammars are not ours any more, or
// one cannot be read.
func TestGrammarsAreChromas(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/alecthomas/chroma/v2").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	module := os.DirFS(strings.TrimSpace(string(dir)))
	// chroma's own reads an escaped quote as the end of a string.
	const wrong, right = `<rule pattern="\\\\&#34;">`, `<rule pattern="\\.">`
	for lang, name := range grammarOf {
		if grammar(lang) == nil {
			t.Errorf("the grammar %s of %s cannot be read", name, lang)
		}
		theirs, err := fs.ReadFile(module, "lexers/embedded/"+name+".xml")
		if err != nil {
			t.Fatal(err)
		}
		ours, err := fs.ReadFile(grammarFiles, "grammars/"+name+".xml")
		if err != nil {
			t.Fatal(err)
		}
		if string(ours) != strings.ReplaceAll(string(theirs), wrong, right) {
			t.Errorf("grammars/%s.xml differs from lexers/embedded/%[1]s.xml in %s: copy it, and correct an escaped quote", name, dir)
		}
	}
}

// TestHighlightHasLimits: text that would take long to colour keeps its words.
func TestHighlightHasLimits(t *testing.T) {
	for name, source := range map[string]string{
		"a long line":       strings.Repeat("[", maxHighlightLine+1),
		"many lines":        strings.Repeat("\n", maxHighlightLines) + "true",
		"many bytes":        strings.Repeat("true\n"+strings.Repeat("a", maxHighlightLine-5)+"\n", maxHighlight/maxHighlightLine+1),
		"no end of comment": "true\n" + strings.Repeat("/*[/*[/*[/*[\n", 480),
	} {
		for lang := range grammarOf {
			lines := highlight(source, lang)
			var got strings.Builder
			coloured := false
			for i, line := range lines {
				if i > 0 {
					got.WriteByte('\n')
				}
				for _, s := range line {
					got.WriteString(s.text)
					coloured = coloured || s.look.role != code
				}
			}
			if got.String() != source {
				t.Errorf("%s, %s: the text changed", name, lang)
			}
			if coloured && name != "no end of comment" {
				t.Errorf("%s, %s: coloured", name, lang)
			}
		}
	}
}

// FuzzHighlight: whatever the language, the text stays what it is.
func FuzzHighlight(f *testing.F) {
	for _, lang := range []string{"hcl", "bash", "console", "json", "yaml", "go", "text"} {
		f.Add("a = \"b\" # c\n<<EOT\nx\nEOT\n$y 'z", lang)
	}
	f.Fuzz(func(t *testing.T, source, lang string) {
		source = strings.ReplaceAll(strings.ToValidUTF8(source, ""), "\r", "") // a step has none
		var lines []string
		for _, line := range highlight(source, lang) {
			text := ""
			for _, s := range line {
				text += s.text
			}
			lines = append(lines, text)
		}
		if got := strings.Join(lines, "\n"); got != source {
			t.Errorf("%q became %q", source, got)
		}
	})
}
