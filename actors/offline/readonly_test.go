package offline

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/store"
)

// Who has a backup on a medium that cannot be written learns how to look into it, and
// whoever is kept out by a node, to stop that.
func TestOpenSaysWhyItCannotLook(t *testing.T) {
	readOnly := &fs.PathError{Op: "open", Path: "state/lock", Err: syscall.EROFS}
	for hint, err := range map[string]error{
		"look into a copy, on a disk that can be written": readOnly,
		"stop the node": fmt.Errorf("%w: state/lock", store.ErrInUse),
	} {
		var problem messages.Problem
		if !errors.As(notLocked("state", err), &problem) || !strings.HasPrefix(problem.Hint, hint) || problem.Whose == "" {
			t.Errorf("of %v: %+v", err, problem)
		}
	}
}
