package check_test

import (
	"fmt"

	"workshop/internal/check"
)

// A check's expression is compiled before anything is asked, so that its mistakes
// are found where an author can see them.
func ExampleCompile() {
	_, err := check.Compile(`service.runnin == 2`, nil)
	fmt.Println(err)
	// Output: This object does not have an attribute named "runnin".
}
