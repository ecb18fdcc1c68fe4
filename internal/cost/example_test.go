package cost_test

import (
	"fmt"

	"workshop/internal/cost"
)

// A load balancer without its addresses, priced by what a Terraform state says of it.
func ExampleOf() {
	e := cost.Of([]cost.Resource{{Address: "aws_lb.main", Type: "aws_lb", Values: map[string]any{"internal": true}}}, "us-east-1")
	for _, line := range e.Lines {
		fmt.Println(line.What, line.Hourly.Rate())
	}
	// Output: 1 load balancer $0.023/h
}
