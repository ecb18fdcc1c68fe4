//go:build unix

package operation

import "os"

func interrupt(p *os.Process) error { return p.Signal(os.Interrupt) }
