package store

import (
	"errors"
	"fmt"
	"strings"

	"github.com/waymeet/waymeet/messages"
)

// Errors that callers branch on.
var (
	// ErrExists reports that a database is there already.
	ErrExists = errors.New("database exists already")
	// ErrAbsent reports that there is no database.
	ErrAbsent = errors.New("database does not exist")
	// ErrUnclaimed reports a state directory in which nothing has run, or that is
	// none.
	ErrUnclaimed = errors.New("no node or relay has run there")
	// ErrInUse reports that another process has the file or directory open.
	ErrInUse = errors.New("in use by another process")
	// ErrFenced reports a write of a life that another has followed. Nothing
	// was written.
	ErrFenced = errors.New("a later life writes this database")
	// ErrClosed reports a use after Close.
	ErrClosed = errors.New("database is closed")
)

// Damage reports a database whose bytes are not those that were written. It is
// the disk's fault; nothing of the file was used.
//
// SPEC 3.5: "damage is one clear error that names file, bucket and key, never
// wrong bytes and never a silently missing fact."
type Damage struct {
	File string
	// Bucket and Key are where it was seen; empty where it is the file's structure,
	// Key alone where it is the bucket as a whole.
	Bucket messages.Bucket
	Key    []byte
	What   string
}

// Error names file, bucket and key, as far as it is known.
func (d *Damage) Error() string {
	switch {
	case d.Bucket == "":
		return fmt.Sprintf("%s is damaged: %s", d.File, d.What)
	case d.Key == nil:
		return fmt.Sprintf("%s is damaged: bucket %s: %s", d.File, d.Bucket, d.What)
	}
	return fmt.Sprintf("%s is damaged: bucket %s, key %x: %s", d.File, d.Bucket, d.Key, d.What)
}

// UnknownSchema reports a database of another version of this program. The
// file was not touched.
type UnknownSchema struct {
	File   string
	Schema uint64
}

// Error says which schema it is.
func (u *UnknownSchema) Error() string {
	return fmt.Sprintf("%s has schema %d, this program knows %d", u.File, u.Schema, schema)
}

// Lost reports a file that the state directory had and has no more. Nothing was
// made in its place.
type Lost struct {
	File string
	// Owner is whose the directory is, where the file is the key that says so and
	// the manifest tells it.
	Owner string
}

// Error says which file it is.
func (l *Lost) Error() string {
	if l.Owner != "" {
		return fmt.Sprintf("%s is gone, and all else there belongs to %s", l.File, l.Owner)
	}
	return l.File + " is gone"
}

// Left reports a database that could not be made as it should be, nor taken away
// again for sure: the next start may find it.
type Left struct {
	File  string
	Cause error
}

// Error says why, and which file it is.
func (l *Left) Error() string { return fmt.Sprintf("%v; %s may be left over", l.Cause, l.File) }

// Unwrap is why it could not be made, and not be taken away.
func (l *Left) Unwrap() error { return l.Cause }

// Foreign reports an identity key that is not the one that the state directory
// belongs to.
type Foreign struct{ File, Owner, Other string }

// Error says whose is there.
func (f *Foreign) Error() string {
	return fmt.Sprintf("%s is the key of %s, and all else there belongs to %s", f.File, f.Other, f.Owner)
}

// WrongKind reports a state directory in which something else runs.
type WrongKind struct {
	State string
	Is    Kind
}

// Error says what the directory is.
func (w *WrongKind) Error() string {
	return fmt.Sprintf("%s is the state directory of a %s", w.State, w.Is)
}

// Stopped reports a database that takes no more writes because one failed
// (SPEC 3.5).
type Stopped struct {
	File  string
	Cause error
}

// Error says what failed, and names the file.
func (s *Stopped) Error() string {
	cause := s.Cause.Error()
	if strings.Contains(cause, s.File) {
		return cause // the system has named the file
	}
	return s.File + ": " + cause
}

// Unwrap is the failed write.
func (s *Stopped) Unwrap() error { return s.Cause }
