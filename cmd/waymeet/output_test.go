package main

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/waymeet/waymeet"
)

// full is a disk that has no room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// What cannot be printed is no mistake in the command line.
func TestAFullStandardOutput(t *testing.T) {
	for _, line := range []string{"version", "--version", "help", "journal", "up --help"} {
		var said strings.Builder
		code := run(strings.Fields(line), strings.NewReader(""), full{}, &said)
		if want := "waymeet: cannot write to standard output: no space left on device. Try: again, with room to write\n"; code != int(waymeet.ExitFailed) || said.String() != want {
			t.Errorf("%s: code %d, %q", line, code, said.String())
		}
	}
}

// What is done and cannot be printed is not said to have failed: who tries again does
// it twice.
func TestWhatIsDoneIsDoneThoughItCannotBePrinted(t *testing.T) {
	c := &command{out: output{full{}}, err: io.Discard}
	var problem waymeet.Problem
	err := told(c, "the fact ft-1 is appended", "", 1, "ft-1")
	if !errors.As(err, &problem) || problem.Code != waymeet.ExitFailed || problem.Error() != "the fact ft-1 is appended, which cannot be printed: no space left on device" {
		t.Errorf("got %v", err)
	}
	c.json = true
	if err := told(c, "a ticket is made", "another one", 1, ""); err == nil || err.Error() != "a ticket is made, which cannot be printed: no space left on device. Try: another one" {
		t.Errorf("as JSON: %v", err)
	}
}
