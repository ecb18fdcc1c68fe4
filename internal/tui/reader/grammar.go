package reader

import (
	"sync"

	"github.com/alecthomas/chroma/v2"
)

// grammars are what code in a workshop about Terraform is mostly written in.
// chroma has some 300 of its own and reads them all at every start of a program
// that links them, which is a third of the time to our first frame.
var grammars = sync.OnceValue(func() map[string]chroma.Lexer {
	out := map[string]chroma.Lexer{}
	for _, g := range []struct {
		names []string
		rules []chroma.Rule
	}{
		{[]string{"hcl", "terraform", "tf", "tfvars"}, hclRules},
		{[]string{"bash", "sh", "shell", "zsh", "console"}, shellRules},
		{[]string{"json"}, jsonRules},
		{[]string{"yaml", "yml"}, yamlRules},
		{[]string{anyCode}, otherRules},
	} {
		rules := chroma.Rules{"root": append(g.rules, commonRules...)}
		lexer := chroma.Coalesce(chroma.MustNewLexer(nil, func() chroma.Rules { return rules }))
		for _, name := range g.names {
			out[name] = lexer
		}
	}
	return out
})

// anyCode names the grammar of every language that has none of its own.
const anyCode = "any"

// prose are the names under which text is no code.
var prose = map[string]bool{"": true, "text": true, "txt": true, "plain": true, "markdown": true, "md": true}

func grammar(lang string) chroma.Lexer {
	if prose[lang] {
		return nil
	}
	if l := grammars()[lang]; l != nil {
		return l
	}
	return grammars()[anyCode]
}

var (
	hash  = chroma.Rule{Pattern: `(?<![^\s])#[^\n]*`, Type: chroma.Comment}
	slash = chroma.Rule{Pattern: `//[^\n]*|/\*[\s\S]*?\*/`, Type: chroma.Comment}

	hclRules = []chroma.Rule{
		hash, slash,
		{Pattern: `<<-?(\w+)\n[\s\S]*?\n\s*\1\b`, Type: chroma.LiteralString},
		{Pattern: chroma.Words(`(?<![\w.-])`, `(?![\w-]|\s*=[^=])`, "check", "data", "dynamic", "for", "if", "import", "in", "lifecycle", "locals",
			"module", "moved", "output", "provider", "removed", "resource", "terraform", "variable", "true", "false", "null"), Type: chroma.Keyword},
	}
	shellRules = []chroma.Rule{
		hash,
		{Pattern: `\$(\{[^}\n]*\}|\w+|[?#@*$!])`, Type: chroma.NameVariable},
		{Pattern: chroma.Words(`(?<![\w./-])`, `(?![\w./=-])`, "case", "cd", "do", "done", "echo", "elif", "else", "esac", "eval", "exit", "export", "fi",
			"for", "function", "if", "in", "return", "set", "source", "then", "unset", "until", "while"), Type: chroma.Keyword},
	}
	jsonRules = []chroma.Rule{
		{Pattern: `"(\\.|[^"\\\n])*"(?=\s*:)`, Type: chroma.NameTag},
		{Pattern: chroma.Words(`\b`, `\b`, "true", "false", "null"), Type: chroma.Keyword},
	}
	yamlRules = []chroma.Rule{
		hash,
		{Pattern: `[\w./-]+(?=:(\s|$))`, Type: chroma.NameTag},
		{Pattern: chroma.Words(`(?<![\w.-])`, `(?![\w.-])`, "true", "false", "null", "yes", "no"), Type: chroma.Keyword},
	}
	otherRules = []chroma.Rule{hash, slash}

	// commonRules come after a language's own.
	commonRules = []chroma.Rule{
		{Pattern: `"(\\.|[^"\\\n])*"`, Type: chroma.LiteralString},
		{Pattern: `'(\\.|[^'\\\n])*'`, Type: chroma.LiteralString},
		{Pattern: `(?<![\w.:/-])-?\d+(\.\d+)?(?![\w.:/-])`, Type: chroma.LiteralNumber},
		{Pattern: `[A-Za-z_][\w-]*`, Type: chroma.Text},
		{Pattern: `[\s\S]`, Type: chroma.Text},
	}
)
