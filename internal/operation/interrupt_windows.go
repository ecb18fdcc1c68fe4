package operation

import "os"

// interrupt ends the process at once: Windows has no interrupt for a process
// without a console.
func interrupt(p *os.Process) error { return p.Kill() }
