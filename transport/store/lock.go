package store

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	lockName = "lock"
	// lockWithin is how long a lock is waited for: a process that was forked a moment
	// ago may hold a copy of it.
	lockWithin = 100 * time.Millisecond
	lockPoll   = 5 * time.Millisecond
)

// Lock holds the state directory: one authority runs on one node at a time
// (SPEC 3.1: "a second process is refused"). The operating system lets go of it
// when the process ends, however it ends. Directory.Lock takes it.
type Lock struct{ handle *os.File }

// lockFile takes the lock of an open file, for as long as it is open.
func lockFile(handle *os.File) error {
	for waited := time.Duration(0); ; waited += lockPoll {
		err := unix.Flock(int(handle.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case !errors.Is(err, unix.EWOULDBLOCK):
			return err
		case waited >= lockWithin:
			return fmt.Errorf("%w: %s", ErrInUse, handle.Name())
		}
		time.Sleep(lockPoll)
	}
}

// Release lets go of the directory.
func (l *Lock) Release() error { return l.handle.Close() }
