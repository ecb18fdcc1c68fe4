package lesson_test

import (
	"fmt"

	"workshop/internal/lesson"
)

// A step is Markdown with a description in front of it.
func ExampleParse() {
	step, err := lesson.Parse("01-hello.md", []byte("---\ntitle: Hello\nestimate: 5\n---\n\nAsk it:\n\n```bash { .run }\ncurl localhost\n```\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, b := range step.Blocks {
		if b.Action != nil {
			fmt.Println(step.Title, b.Action.Verb, b.Action.Command)
		}
	}
	// Output: Hello run curl localhost
}
