package logline

import (
	"regexp"
	"strings"
)

// Stack tells which lines of a program continue the line before: those of the stack
// traces of Java, Python, Go and Node.js, each of which is an event of its own in
// CloudWatch. The zero value is before the first line.
type Stack struct{ kind stackKind }

// stackKind is what the lines before began.
type stackKind uint8

const (
	plainText  stackKind = iota
	python               // up to the first line without an indent, which names the error
	goroutines           // up to the first line that is neither a call nor its place
)

// pythonBegins is the first line of Python's stack traces.
const pythonBegins = "Traceback (most recent call last):"

// call is a line of a goroutine's stack: a function with its arguments, or who began it.
var call = regexp.MustCompile(`^([\w./*()\[\]{}$-]+\(.*\)|created by \S+.*)$`)

// Continues takes the next line and reports whether it continues the one before.
func (t *Stack) Continues(s string) bool {
	switch {
	case s == "", s[0] == ' ', s[0] == '\t':
		return true
	case strings.HasPrefix(s, pythonBegins):
		t.kind = python
		return false
	case strings.HasPrefix(s, "goroutine ") && strings.HasSuffix(s, "]:"), strings.HasPrefix(s, "[signal SIG"):
		t.kind = goroutines
		return true
	case t.kind == goroutines && call.MatchString(s):
		return true
	}
	before := t.kind
	t.kind = plainText
	return before == python || continuesJava(s)
}

// continuesJava reports lines of Java's stack traces, some of which have no indent.
func continuesJava(s string) bool {
	return strings.HasPrefix(s, "Caused by: ") || strings.HasPrefix(s, "Suppressed: ") ||
		strings.HasPrefix(s, "at ") && strings.Contains(s, "(") && strings.HasSuffix(s, ")") ||
		strings.HasPrefix(s, "... ") && strings.HasSuffix(s, " more")
}
