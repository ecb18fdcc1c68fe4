package stack

import "fmt"

// Source is where and how a resource is declared.
type Source struct {
	File string // without its folder
	Line int    // of the block's first
	Text string // the block, as it stands in the file
}

// At is the place as editors take it: "service.tf:94".
func (s Source) At() string { return fmt.Sprintf("%s:%d", s.File, s.Line) }
