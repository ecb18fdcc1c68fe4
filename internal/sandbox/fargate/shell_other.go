//go:build !unix

package fargate

import "errors"

// CanExec reports whether commands can run in containers on this system.
const CanExec = false

func startShell(string, []string, []string) (Shell, error) {
	return nil, errors.New("the sandbox cannot run commands in containers on this system")
}
