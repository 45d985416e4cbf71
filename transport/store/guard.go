package store

import (
	"fmt"
	"runtime/debug"
)

// guarded runs something over the mapped file. bbolt panics on pages that make
// no sense, and reading beyond a file that was cut short faults: both become
// the one error of damage.
func guarded(file string, do func() error) (err error) {
	fatal := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(fatal)
	defer func() {
		if r := recover(); r != nil {
			err = &Damage{File: file, What: fmt.Sprint(r)}
		}
	}()
	return do()
}
