package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// newSuffix ends the name of a file that is being made: it gets its own name when it
// is complete.
const newSuffix = ".new"

// sweep takes away what was being made when the process died: nobody makes it any
// more, for whoever sweeps has the lock.
func (d Directory) sweep() error {
	unfinished := []string{ManifestFile + newSuffix, NodeFile + newSuffix}
	entries, err := os.ReadDir(d.join(journalFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, entry := range entries {
		file, isNew := strings.CutSuffix(journalFolder+"/"+entry.Name(), newSuffix)
		if _, ok := contextOf(file); isNew && ok {
			unfinished = append(unfinished, file+newSuffix)
		}
	}
	for _, file := range unfinished {
		if err := removed(d.join(file)); err != nil {
			return err
		}
	}
	return nil
}

// removed has a file gone, if it was there.
func removed(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// forsake takes away a database that has just been made and could not be named: whoever
// had it made is told that it is not there. One that the manifest names stays.
func (d Directory) forsake(file string) error {
	m, err := d.readManifest()
	if err != nil || m.names(file) {
		return err
	}
	path := d.join(file)
	return errors.Join(os.Remove(path), SyncDirectory(filepath.Dir(path)))
}
