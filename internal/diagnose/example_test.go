package diagnose_test

import (
	"fmt"

	"workshop/internal/diagnose"
)

// A stopped task, as ECS describes it, in words for a command.
func ExampleStopped() {
	code := 2
	answer, ok := diagnose.Stopped(diagnose.Facts{
		StopCode: "EssentialContainerExited", Reason: "Essential container in task exited",
		Containers: []diagnose.Container{{Name: "web", ExitCode: &code}},
	})
	fmt.Println(ok, answer.What)
	// Output: true web ended with exit code 2: that is how a Go program ends when it panics.
}
