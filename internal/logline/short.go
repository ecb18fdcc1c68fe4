package logline

import "strings"

// Short is what a structured event says, in one line: its level, message and fields. Any
// other text is returned as it is.
func Short(s string) string {
	e, ok := Parse(s)
	if !ok {
		return s
	}
	parts := []string{e.LevelText, e.Message}
	for _, f := range e.Fields {
		parts = append(parts, f.Key+"="+f.Value)
	}
	return strings.Join(strings.Fields(strings.Join(parts, " ")), " ")
}
