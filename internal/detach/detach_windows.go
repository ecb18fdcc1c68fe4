package detach

import "syscall"

// detachedProcess is DETACHED_PROCESS: the process gets no console.
const detachedProcess = 0x00000008

// attributes keep the process off this one's console and its Ctrl-C.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: detachedProcess | syscall.CREATE_NEW_PROCESS_GROUP}
}
