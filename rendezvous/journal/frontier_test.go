package journal

import (
	"bytes"
	"errors"
	"testing"

	"github.com/waymeet/waymeet/messages"
)

// SPEC 13.1: a frontier is a row an author; two rows of one author contradict each
// other.
func TestFrontierIsRefusedWhen(t *testing.T) {
	row := func(author byte) []byte { return append([]byte{author}, make([]byte, frontierSize-1)...) }
	for name, test := range map[string]struct {
		table []byte
		fits  bool
	}{
		"nothing is wrong":         {append(row(1), row(2)...), true},
		"an author stands twice":   {append(row(1), row(1)...), false},
		"authors are out of order": {append(row(2), row(1)...), false},
		"half a row is left":       {row(1)[:frontierSize/2], false},
		"there are too many":       {bytes.Repeat(row(1), maxAuthors+1), false},
	} {
		if err := checkFrontier(test.table); (err == nil) != test.fits || err != nil && !errors.Is(err, messages.ErrEncoding) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
