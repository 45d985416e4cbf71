package store

import (
	"fmt"
	"runtime/debug"
)

// guarded runs something over the mapped file. bbolt panics on pages that make
// no sense, and reading beyond a file that was cut short faults: both become
// the one error of damage. bbolt may then hold locks that nobody will ever let
// go, so nothing of it is called again.
func (f *file) guarded(do func() error) (err error) {
	if broken := f.broken.Load(); broken != nil {
		return broken
	}
	fatal := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(fatal)
	defer func() {
		if r := recover(); r != nil {
			f.broken.CompareAndSwap(nil, &Damage{File: f.path, What: fmt.Sprint(r)})
			err = f.broken.Load()
		}
	}()
	return do()
}
