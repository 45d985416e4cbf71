package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const lockFile = "lock"

// Lock holds the state directory: one authority runs on one node at a time
// (SPEC 3.1: "a second process is refused"). The operating system lets go of it
// when the process ends, however it ends.
type Lock struct{ handle *os.File }

// LockDirectory makes the state directory, if it is not there, and takes its
// lock. The error is ErrInUse while another process holds it.
func LockDirectory(state string) (*Lock, error) {
	if err := os.MkdirAll(state, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(state, lockFile)
	handle, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(handle.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = fmt.Errorf("%w: %s", ErrInUse, state)
	}
	if err != nil {
		return nil, errors.Join(err, handle.Close())
	}
	return &Lock{handle: handle}, nil
}

// Release lets go of the directory.
func (l *Lock) Release() error { return l.handle.Close() }
