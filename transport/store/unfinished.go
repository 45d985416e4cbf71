package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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

// forsake takes away a database that has just been made and could not be named, and
// returns why: whoever had it made is told that it is not there. The manifest, which
// may name it already, goes first: what it names and is gone is lost.
func (d Directory) forsake(file string, why error) error {
	m, err := d.readManifest()
	if err == nil && m.names(file) {
		m.files = slices.DeleteFunc(m.files, func(named string) bool { return named == file })
		err = d.writeManifest(m)
	}
	if err != nil {
		return &Left{File: d.join(file), Cause: fmt.Errorf("%w; %w", why, err)}
	}
	return takenBack(d.join(file), why)
}

// takenBack has a file gone that has just got its name, and returns why.
func takenBack(path string, why error) error {
	if err := errors.Join(removed(path), SyncDirectory(filepath.Dir(path))); err != nil {
		return &Left{File: path, Cause: fmt.Errorf("%w; %w", why, err)}
	}
	return why
}
