//go:build unix

package main

import "syscall"

// private makes what this process and its children write readable by its owner
// alone: Terraform makes its files with the usual mode.
func private() { syscall.Umask(0o077) }
