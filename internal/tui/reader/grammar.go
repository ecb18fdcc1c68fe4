package reader

import (
	"embed"
	"sync"

	"github.com/alecthomas/chroma/v2"
)

// The grammars are copies of chroma's own, under the licence beside them: the
// package lexers, which has 279, reads all of them whenever a program that
// imports it starts. TestGrammarsAreChromas holds the copies to the
// module, and knows the one line that differs.
//
//go:embed grammars/*.xml
var grammarFiles embed.FS

// grammarOf names the grammar for each name of a language that a code block may
// have. HCL is read with the terraform grammar: chroma's hcl grammar makes a
// keyword of every bare word and needs cubic time for a line with one quote.
var grammarOf = map[string]string{
	"hcl": "terraform", "terraform": "terraform", "tf": "terraform", "tfvars": "terraform",
	"bash": "bash", "sh": "bash", "shell": "bash", "zsh": "bash",
	"console": "bash_session",
	"json":    "json",
	"yaml":    "yaml", "yml": "yaml",
}

// grammars reads each grammar when the first block of its language is drawn.
var grammars = func() map[string]func() chroma.Lexer {
	out := map[string]func() chroma.Lexer{}
	for _, name := range grammarOf {
		out[name] = sync.OnceValue(func() chroma.Lexer { return loadGrammar(name) })
	}
	return out
}()

// loadGrammar returns nil for a grammar that cannot be read: its blocks are
// drawn without colours. A test loads every grammar.
func loadGrammar(name string) chroma.Lexer {
	lexer, err := chroma.NewXMLLexer(grammarFiles, "grammars/"+name+".xml")
	if err != nil {
		return nil
	}
	if name == "bash_session" {
		// Its command lines are read with the grammar of bash, by that name.
		bash := loadGrammar("bash")
		if bash == nil {
			return nil
		}
		registry := chroma.NewLexerRegistry()
		registry.Register(bash)
		lexer.SetRegistry(registry)
	}
	return chroma.Coalesce(lexer)
}

// grammar returns the grammar of a language, or nil where there is none.
func grammar(lang string) chroma.Lexer {
	if load := grammars[grammarOf[lang]]; load != nil {
		return load()
	}
	return nil
}
