package main

import (
	"errors"
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
