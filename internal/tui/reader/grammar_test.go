package reader

import (
	"fmt"
	"strings"
	"testing"
)

// TestGrammar writes what has a colour between the signs of its role.
func TestGrammar(t *testing.T) {
	signs := map[role]string{dim: "#", accent: "!", good: "\"", attention: "$"}
	for _, c := range []struct{ lang, source, want string }{
		{"hcl", "resource \"aws_lb\" \"main\" { # one\n  name = var.count // two\n  size = 12 /* a\nb */\n  on = true\n}",
			"!resource! \"\"aws_lb\"\" \"\"main\"\" { ## one#\n  name = var.count #// two#\n  size = $12$ #/* a#\n#b */#\n  on = !true!\n}"},
		{"terraform", "for = \"x # \\\" y\"\nip = \"10.0.0.0/16\"", "for = \"\"x # \\\" y\"\"\nip = \"\"10.0.0.0/16\"\""},
		{"hcl", "a = <<-EOT\n  if \"x\"\n  EOT\nb = 1", "a = \"<<-EOT\"\n\"  if \"x\"\"\n\"  EOT\"\nb = $1$"},
		{"bash", "curl -sS \"$URL\" | wc -l # all\necho ${X} a#b 2>&1 v1.2", "curl -sS \"\"$URL\"\" | wc -l ## all#\n!echo! $${X}$ a#b $2$>&$1$ v1.2"},
		{"json", `{"a": "b", "n": -1.5, "t": null}`, `{!"a"!: ""b"", !"n"!: $-1.5$, !"t"!: !null!}`},
		{"yaml", "title: Deploy # x\nok: true\nn: 3\nurl: http://a:1", "!title!: Deploy ## x#\n!ok!: !true!\n!n!: $3$\n!url!: http://a:1"},
		{"python", "x = 'y' # z\nn = 4", "x = \"'y'\" ## z#\nn = $4$"},
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

// FuzzHighlight: whatever the language, the text stays what it is.
func FuzzHighlight(f *testing.F) {
	for _, lang := range []string{"hcl", "bash", "json", "yaml", "go", "text"} {
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
