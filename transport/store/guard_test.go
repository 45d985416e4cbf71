package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A file that is cut short under its mapping faults where it is read: that is the
// error of damage, and not the end of the process; nothing is called again after it.
func TestFaultIsDamage(t *testing.T) {
	handle, err := os.Create(filepath.Join(t.TempDir(), "mapped"))
	if err != nil {
		t.Fatal(err)
	}
	defer handle.Close()
	size := os.Getpagesize()
	if err := handle.Truncate(int64(size)); err != nil {
		t.Fatal(err)
	}
	mapped, err := unix.Mmap(int(handle.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mapped)
	if err := handle.Truncate(0); err != nil {
		t.Fatal(err)
	}
	f, calls := &file{path: "mapped"}, 0
	for range 2 {
		var damage *Damage
		err := f.guarded(func() error {
			calls++
			if mapped[size/2] != 0 {
				return errors.New("a byte that is not there")
			}
			return nil
		})
		if !errors.As(err, &damage) || damage.File != "mapped" || damage.What == "" {
			t.Errorf("%v", err)
		}
	}
	if calls != 1 {
		t.Errorf("called %d times", calls)
	}
}
