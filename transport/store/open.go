package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"github.com/waymeet/waymeet/messages"
)

// openFile opens a database that exists and distrusts every byte of it.
func openFile(path string, context messages.ContextID) (*file, error) {
	f := &file{path: path}
	err := f.open(os.O_RDWR, func() error { return f.verify(context) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrAbsent, path)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// createFile makes a database with its first records. It appears under its
// name complete or not at all. The error is *Left where it may yet be there.
func createFile(path string, context messages.ContextID, records []messages.Record) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%w: %s", ErrExists, path)
	}
	fresh := path + newSuffix
	if err := removed(fresh); err != nil {
		return err
	}
	if err := makeFile(fresh, context, records); err != nil {
		return errors.Join(err, removed(fresh))
	}
	if err := os.Rename(fresh, path); err != nil {
		return errors.Join(err, removed(fresh))
	}
	if err := SyncDirectory(filepath.Dir(path)); err != nil {
		return takenBack(path, err)
	}
	return nil
}

// makeFile makes a database that nobody sees yet.
func makeFile(path string, context messages.ContextID, records []messages.Record) error {
	f := &file{path: path, tallies: tallies{}}
	if err := f.open(os.O_RDWR|os.O_CREATE|os.O_EXCL, func() error { return nil }); err != nil {
		return err
	}
	err := f.guarded(func() error {
		return f.db.Update(func(tx *bolt.Tx) error { return found(tx, context) })
	})
	if err == nil {
		err = f.write(records)
	}
	return errors.Join(err, f.shut())
}

// open opens the file with bbolt, but only after a look at it under its lock:
// bbolt trusts what it finds, and begins to write at once.
func (f *file) open(flag int, look func() error) error {
	err := f.guarded(func() (err error) {
		f.db, err = bolt.Open(f.path, fileMode, &bolt.Options{
			FreelistType: bolt.FreelistMapType,
			NoStatistics: true,
			OpenFile: func(name string, _ int, mode os.FileMode) (*os.File, error) {
				if f.handle, err = os.OpenFile(name, flag, mode); err != nil {
					return nil, err
				}
				if err := errors.Join(lockFile(f.handle), look()); err != nil {
					return nil, err
				}
				return f.handle, nil
			},
		})
		return err
	})
	if err != nil && f.handle != nil {
		_ = f.abandon() // bbolt may have closed it already
	}
	return err
}

// shut closes the file. It may be called twice.
func (f *file) shut() error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.stopped == nil {
		f.stopped = ErrClosed
	}
	if f.broken.Load() == nil {
		return f.guarded(f.db.Close)
	}
	return f.abandon()
}

// abandon closes the file without bbolt. The mapping stays until the process
// ends, and would keep the lock.
func (f *file) abandon() error {
	err := errors.Join(unix.Flock(int(f.handle.Fd()), unix.LOCK_UN), f.handle.Close())
	if errors.Is(err, os.ErrClosed) {
		return nil // it was before
	}
	return err
}
