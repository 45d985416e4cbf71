//go:build !linux

package main

import "syscall"

// dieWithParent keeps the terminal's Ctrl-C from the children: the demo ends
// them itself.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
