package main

import (
	"errors"
	"io"
	"io/fs"

	"github.com/waymeet/waymeet"
)

// output is where a verb prints. What cannot be written is a Problem, so that
// nobody takes it for a mistake in the command line.
type output struct{ to io.Writer }

// Write implements io.Writer.
func (o output) Write(b []byte) (int, error) {
	n, err := o.to.Write(b)
	if err == nil {
		return n, nil
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return n, waymeet.Problem{Code: waymeet.ExitFailed, What: "cannot write to standard output", Whose: err.Error(), Hint: "again, with room to write"}
}
