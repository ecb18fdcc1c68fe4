package lesson

import (
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/yuin/goldmark/text"

	"workshop/internal/clean"
)

// Inline reads inline Markdown, such as a hint or a check's message, into
// spans. Paragraphs become lines; of anything larger the text is kept.
func Inline(src string) []Span {
	src = clean.Text(src)
	if strings.TrimSpace(src) == "" {
		return nil
	}
	if !strings.ContainsAny(src, "\n`*_[<&\\~!") {
		return []Span{{Text: clean.Line(strings.TrimSpace(src))}}
	}
	p := &reading{step: &Step{}, used: map[string]int{}}
	p.src = tame(source{text: []byte(strings.TrimSpace(src) + "\n"), lines: []int{1}})
	doc := markdown().Parse(text.NewReader(p.src.text))
	var out []Span
	for n := doc.FirstChild(); n != nil; n = n.NextSibling() {
		spans := p.inline(n)
		if len(spans) == 0 {
			continue
		}
		if len(out) > 0 {
			out = append(out, Span{Text: "\n"})
		}
		out = append(out, spans...)
	}
	if len(out) == 0 {
		return []Span{{Text: clean.Line(strings.TrimSpace(src))}}
	}
	return join(out)
}

// LinkAction is what following a link does inside the workshop, for links to
// other steps and those of the forms
//
//	#page:live   #open:service.tf   #open:service.tf:12   #shell
//
// It is false for all other links: those leave the workshop, or stay in the step.
func LinkAction(link string) (Action, bool) {
	if strings.Contains(link, "://") || strings.HasPrefix(link, "mailto:") {
		return Action{}, false
	}
	if name, ok := strings.CutPrefix(link, "#page:"); ok {
		return Action{Verb: Page, Name: name}, true
	}
	if link == "#shell" {
		return Action{Verb: Shell}, true
	}
	if file, ok := strings.CutPrefix(link, "#open:"); ok {
		a := Action{Verb: Open, File: file}
		if name, line, ok := strings.Cut(file, ":"); ok {
			if n, err := strconv.Atoi(line); err == nil {
				a.File, a.At = name, n
			}
		}
		return a, true
	}
	file, anchor, _ := strings.Cut(link, "#")
	if path.Ext(file) == ".md" && path.Base(file) == path.Clean(file) {
		return Action{Verb: Visit, Name: stepID(file), Anchor: anchor}, true
	}
	return Action{}, false
}

// Anchor is the identifier of a heading that links name, as MkDocs makes it: the
// words in lower case, joined by hyphens.
func Anchor(heading []Span) string {
	s := strings.ToLower(Text(heading))
	s = notWord.ReplaceAllString(s, "")
	return strings.Trim(gaps.ReplaceAllString(strings.TrimSpace(s), "-"), "-")
}

var (
	notWord = regexp.MustCompile(`[^\p{L}\p{N}_\s-]`)
	gaps    = regexp.MustCompile(`[-\s]+`)
)

// codeAction finds out what a code block's classes and attributes offer.
func (p *reading) codeAction(b *Block, classes []string, attrs map[string]string) {
	for _, c := range classes {
		var a Action
		switch Verb(c) {
		case Run:
			a = Action{Verb: Run, Command: b.Source}
			b.Run = true
		case Copy:
			a = Action{Verb: Copy, Command: b.Source}
		case Shell:
			a = Action{Verb: Shell}
		case Open:
			a = Action{Verb: Open, File: attrs["file"], Find: attrs["find"]}
			if a.File == "" {
				p.fault(b.Line, `the block opens no file: write { .hcl .open file="service.tf" }`)
				continue
			}
			if l := attrs["line"]; l != "" {
				n, err := strconv.Atoi(l)
				if err != nil || n < 1 {
					p.fault(b.Line, "line=%q is not the number of a line", l)
				}
				a.At = max(n, 0)
			}
		case Set:
			a = Action{Verb: Set, Settings: p.settings(b)}
			if len(a.Settings) == 0 {
				p.fault(b.Line, "the block sets no variable: write name = value, one a line")
				continue
			}
		default:
			continue
		}
		if b.Action != nil {
			p.fault(b.Line, "a code block offers one action; this one would %s and %s", b.Action.Verb, a.Verb)
			continue
		}
		a.Line = b.Line
		b.Action = &a
	}
}

// settings reads the lines of a .tfvars file.
func (p *reading) settings(b *Block) []Setting {
	src := []byte(b.Source)
	file, diags := hclsyntax.ParseConfig(src, "", hcl.InitialPos)
	if diags.HasErrors() || file == nil {
		p.fault(b.Line, "the values cannot be read: %s", clean.Line(diags[0].Summary))
		return nil
	}
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		return nil
	}
	var out []Setting
	for line := range strings.SplitSeq(b.Source, "\n") { // in the author's order
		name, _, _ := strings.Cut(line, "=")
		attr := body.Attributes[strings.TrimSpace(name)]
		if attr == nil {
			continue
		}
		value := string(attr.Expr.Range().SliceBytes(src))
		if v, diags := attr.Expr.Value(nil); !diags.HasErrors() && v.Type().FriendlyName() == "string" && !v.IsNull() {
			value = v.AsString()
		}
		out = append(out, Setting{attr.Name, value})
	}
	return out
}
