package offline

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/store"
)

func TestExportToAFileIsWholeOrNotThere(t *testing.T) {
	h := found(t)
	h.say("one", "two")
	want, dir := h.export(), t.TempDir()
	path := filepath.Join(dir, "export")
	h.lendOne(func(one *Journal) {
		// The disk takes the facts away under the open journal.
		good, err := os.ReadFile(store.Directory(h.dir).JournalPath(h.context))
		if err != nil {
			t.Fatal(err)
		}
		h.harm(h.context)
		_, err = one.ExportFile(path)
		wantProblem(t, err, messages.ExitFailed, "damaged")
		if left := files(t, dir); left != "" {
			t.Errorf("an export that failed leaves %s", left)
		}
		if err := os.WriteFile(store.Directory(h.dir).JournalPath(h.context), good, 0o600); err != nil {
			t.Fatal(err)
		}
		exported, err := one.ExportFile(path)
		if err != nil || exported.Facts != 3 {
			t.Errorf("again: %+v, %v", exported, err)
		}
		_, err = one.ExportFile(path)
		wantProblem(t, err, messages.ExitFailed, path, "is there already")
		_, err = one.ExportFile(filepath.Join(dir, "nowhere", "export"))
		wantProblem(t, err, messages.ExitFailed, "nowhere")
	})
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) || files(t, dir) != "export" {
		t.Errorf("the file is another: %v; there is %s", err, files(t, dir))
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v, %v", info.Mode(), err)
	}
}

// An export on a stream that ends is a failure that says so.
func TestExportThatNobodyTakesFails(t *testing.T) {
	h := found(t)
	h.say("one")
	whole := len(h.export())
	for room := 0; room < whole; room += 97 {
		h.lendOne(func(one *Journal) {
			_, err := one.Export(&narrow{room})
			wantProblem(t, err, messages.ExitFailed, "not complete")
		})
	}
}

// narrow takes so many bytes.
type narrow struct{ room int }

func (n *narrow) Write(b []byte) (int, error) {
	if len(b) > n.room {
		return n.room, io.ErrShortWrite
	}
	n.room -= len(b)
	return len(b), nil
}
