//go:build linux && (amd64 || arm64)

package crash

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// errNoTrace reports a kernel that lets no process be traced.
var errNoTrace = errors.New("this kernel refuses ptrace")

// Layout of struct ptrace_syscall_info: operation 1, then at 24 number 8 and
// arguments 6 × 8 on entry, the result 8 on exit.
const (
	infoSize      = 88
	infoEntry     = 1
	infoExit      = 2
	infoNumberAt  = 24
	infoResultAt  = 24
	infoArgsAt    = 32
	syscallStop   = unix.SIGTRAP | 0x80
	traceOptions  = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_EXITKILL
	registersSize = 512
	maxPath       = 1024
)

// resultRegister is the place of a system call's result among the registers.
var resultRegister = map[string]int{"amd64": 10, "arm64": 0}[runtime.GOARCH]

// tracer watches the system calls of a process by which it changes files below
// a directory, and what it says on its pipe. All of it runs on one thread.
type tracer struct {
	root string
	pid  int
	// inside are the calls that the threads are in.
	inside map[int]call
	// ops are what has been done, in order.
	ops []operation
	// fail, if set, says which error the next sync of a path gives instead of its
	// success; zero: none.
	fail func(path string) unix.Errno
}

// call is a system call that a thread has entered.
type call struct {
	number uint64
	args   [6]uint64
	// done is what it does if it succeeds; nil: nothing that counts.
	done []operation
}

// trace runs the process to its end. It must have been prepared, not started.
func (p *process) trace(l *ledger, root string, fail func(path string) unix.Errno) ([]operation, error) {
	runtime.LockOSThread() // ptrace knows threads
	defer runtime.UnlockOSThread()
	p.command.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Setpgid: true}
	if err := p.start(l); errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSYS) {
		return nil, fmt.Errorf("%w: %w", errNoTrace, err)
	} else if err != nil {
		return nil, err
	}
	t := &tracer{root: root, pid: p.command.Process.Pid, inside: map[int]call{}, fail: fail}
	err := t.run()
	if err != nil {
		_ = p.command.Process.Kill()
	}
	heard := <-p.heard
	_ = p.command.Process.Release() // the tracer has waited for it
	_ = p.stdin.Close()
	return t.ops, errors.Join(err, heard)
}

// run follows all threads until the process has ended.
func (t *tracer) run() error {
	var status unix.WaitStatus
	if _, err := unix.Wait4(t.pid, &status, unix.WALL, nil); err != nil {
		return err
	}
	if err := unix.PtraceSetOptions(t.pid, traceOptions); err != nil {
		return fmt.Errorf("%w: %w", errNoTrace, err)
	}
	if err := unix.PtraceSyscall(t.pid, 0); err != nil {
		return err
	}
	for {
		thread, err := unix.Wait4(-t.pid, &status, unix.WALL, nil) // its process group: all its threads
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return err
		case status.Exited() || status.Signaled():
			delete(t.inside, thread)
			if thread != t.pid {
				continue
			}
			if status.ExitStatus() != 0 {
				return fmt.Errorf("the writer ended with %d", status.ExitStatus())
			}
			return nil
		}
		if err := t.stopped(thread, status.StopSignal()); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
}

// stopped handles a stop of a thread, and lets it go on.
func (t *tracer) stopped(thread int, signal unix.Signal) error {
	switch signal {
	case syscallStop:
		if err := t.syscall(thread); err != nil {
			return err
		}
		signal = 0
	case unix.SIGTRAP, unix.SIGSTOP:
		signal = 0 // a clone, or the first stop of a new thread
	}
	return unix.PtraceSyscall(thread, int(signal))
}

// syscall handles the entry into a system call, or its exit.
func (t *tracer) syscall(thread int) error {
	var info [infoSize]byte
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(thread), infoSize, uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 {
		return errno
	}
	word := func(at int) uint64 { return *(*uint64)(unsafe.Pointer(&info[at])) }
	switch info[0] {
	case infoEntry:
		c := call{number: word(infoNumberAt)}
		for n := range c.args {
			c.args[n] = word(infoArgsAt + 8*n)
		}
		if err := t.enter(&c); err != nil {
			return err
		}
		t.inside[thread] = c
	case infoExit:
		c := t.inside[thread]
		delete(t.inside, thread)
		return t.leave(thread, c, int64(word(infoResultAt)))
	}
	return nil
}

// enter notes what a call is about to do: its bytes and paths are those of now.
func (t *tracer) enter(c *call) (err error) {
	a := c.args
	switch c.number {
	case unix.SYS_PWRITE64:
		return t.onFile(c, operation{kind: opWrite, offset: int64(a[3])}, a[1], a[2])
	case unix.SYS_WRITE:
		if a[0] == pipe {
			return t.onPipe(a[1], a[2])
		}
		return t.onFile(c, operation{kind: opAppend}, a[1], a[2])
	case unix.SYS_FTRUNCATE:
		return t.onFile(c, operation{kind: opTruncate, offset: int64(a[1])}, 0, 0)
	case unix.SYS_FSYNC, unix.SYS_FDATASYNC:
		return t.onFile(c, operation{kind: opSync}, 0, 0)
	case unix.SYS_OPENAT:
		if a[2]&unix.O_CREAT != 0 {
			err = t.onName(c, opCreate)
		}
		if a[2]&unix.O_TRUNC != 0 && err == nil {
			err = t.onName(c, opTruncate)
		}
	case unix.SYS_MKDIRAT:
		return t.onName(c, opMkdir)
	case unix.SYS_UNLINKAT:
		return t.onName(c, opUnlink)
	case unix.SYS_LINKAT:
		return t.onNames(c, opLink)
	case unix.SYS_RENAMEAT2, unix.SYS_RENAMEAT:
		return t.onNames(c, opRename)
	case unix.SYS_PWRITEV, unix.SYS_WRITEV, unix.SYS_FALLOCATE, unix.SYS_COPY_FILE_RANGE, unix.SYS_SYNC_FILE_RANGE:
		return t.onFile(c, operation{kind: opUnknown}, 0, 0)
	}
	return err
}

// onPipe notes what the writer says: it may be read from now on.
func (t *tracer) onPipe(at, size uint64) error {
	said, err := t.read(at, size)
	t.ops = append(t.ops, operation{kind: opSaid, data: said})
	return err
}

// onFile notes a call on an open file below the root.
func (t *tracer) onFile(c *call, op operation, at, size uint64) (err error) {
	op.path, err = os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", t.pid, int32(c.args[0])))
	if err != nil || !t.below(op.path) {
		return nil // a bad descriptor fails by itself
	}
	if op.kind == opUnknown {
		return fmt.Errorf("system call %d on %s is not in the model", c.number, op.path)
	}
	op.data, err = t.read(at, size)
	c.done = []operation{op}
	return err
}

// onName notes a call on a name below the root.
func (t *tracer) onName(c *call, kind opKind) error {
	path, err := t.readPath(c.args[0], c.args[1])
	if err == nil && t.below(path) {
		c.done = append(c.done, operation{kind: kind, path: path})
	}
	return err
}

// onNames notes a call on two of them.
func (t *tracer) onNames(c *call, kind opKind) error {
	path, err := t.readPath(c.args[0], c.args[1])
	other, errOther := t.readPath(c.args[2], c.args[3])
	if err := errors.Join(err, errOther); err != nil {
		return err
	}
	if t.below(path) && t.below(other) {
		c.done = append(c.done, operation{kind: kind, path: path, other: other})
	}
	return nil
}

// leave takes over what a call has done, if it succeeded.
func (t *tracer) leave(thread int, c call, result int64) error {
	if result < 0 || len(c.done) == 0 {
		return nil
	}
	for _, op := range c.done {
		if op.kind == opSync && t.fail != nil {
			if errno := t.fail(op.path); errno != 0 {
				return setResult(thread, -int64(errno))
			}
		}
		if op.kind == opWrite || op.kind == opAppend {
			op.data = op.data[:result]
		}
		t.ops = append(t.ops, op)
	}
	return nil
}

func (t *tracer) below(path string) bool {
	within, err := filepath.Rel(t.root, path)
	return err == nil && within != ".." && !strings.HasPrefix(within, "../")
}

// read copies memory of the process.
func (t *tracer) read(at, size uint64) ([]byte, error) {
	if size == 0 {
		return nil, nil
	}
	b := make([]byte, size)
	local := []unix.Iovec{{Base: &b[0]}}
	local[0].SetLen(len(b))
	n, err := unix.ProcessVMReadv(t.pid, local, []unix.RemoteIovec{{Base: uintptr(at), Len: len(b)}}, 0)
	return b[:max(n, 0)], err
}

// readPath reads a path, and what it is relative to.
func (t *tracer) readPath(directory, at uint64) (string, error) {
	b, err := t.read(at, maxPath) // the page may end after the path: then less is read
	if err != nil {
		return "", err
	}
	name, _, ended := bytes.Cut(b, []byte{0})
	if !ended {
		return "", fmt.Errorf("a path of more than %d bytes", len(b))
	}
	path := string(name)
	if filepath.IsAbs(path) {
		return path, nil
	}
	base := fmt.Sprintf("/proc/%d/cwd", t.pid)
	if int32(directory) != unix.AT_FDCWD {
		base = fmt.Sprintf("/proc/%d/fd/%d", t.pid, int32(directory))
	}
	base, err = os.Readlink(base)
	return filepath.Join(base, path), err
}

// setResult changes what a thread hears of the call that it leaves.
func setResult(thread int, result int64) error {
	var registers [registersSize]byte
	v := unix.Iovec{Base: &registers[0]}
	v.SetLen(len(registers))
	for _, request := range []uintptr{unix.PTRACE_GETREGSET, unix.PTRACE_SETREGSET} {
		_, _, errno := unix.Syscall6(unix.SYS_PTRACE, request, uintptr(thread), unix.NT_PRSTATUS, uintptr(unsafe.Pointer(&v)), 0, 0)
		if errno != 0 {
			return errno
		}
		*(*int64)(unsafe.Pointer(&registers[8*resultRegister])) = result
	}
	return nil
}
