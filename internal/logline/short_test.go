package logline

import "testing"

func TestShort(t *testing.T) {
	for in, want := range map[string]string{
		`{"level":"info","ts":"2026-11-27T11:40:07.069Z","caller":"http/panic.go:14","msg":"Panic command received","n":3}`: "info Panic command received n=3",
		"level=error msg=\"out of\\nreach\"": "error out of reach",
		"plain  text":                        "plain  text",
		"":                                   "",
		`{"nothing":1}`:                      `{"nothing":1}`,
	} {
		if got := Short(in); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}
