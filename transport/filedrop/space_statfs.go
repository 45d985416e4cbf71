//go:build linux || darwin

package filedrop

import (
	"os"

	"golang.org/x/sys/unix"
)

// freeSpace is how many bytes this user may still write to the disk on which
// the directory is.
func freeSpace(directory *os.File) (uint64, error) {
	raw, err := directory.SyscallConn()
	if err != nil {
		return 0, err
	}
	var stat unix.Statfs_t
	failed := raw.Control(func(fd uintptr) { err = unix.Fstatfs(int(fd), &stat) })
	if failed != nil {
		return 0, failed
	}
	return stat.Bavail * uint64(stat.Bsize), err
}
