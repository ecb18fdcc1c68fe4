package fargate

import "time"

// Usage is what a process has used since it began, and holds now.
type Usage struct {
	CPU     time.Duration // on all cores together
	Memory  int64         // bytes of its own; the program's file, which all tasks share, is not counted where the system tells it apart
	Read    int64         // bytes from storage; 0 where the system does not tell
	Written int64         // bytes to storage; likewise
}

// Measure returns the usage of processes by id, leaving out those that are gone
// and all of them on systems that it cannot ask.
func Measure(pids []int) map[int]Usage {
	if len(pids) == 0 {
		return nil
	}
	return measure(pids)
}
