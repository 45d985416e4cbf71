package offline

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
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

// A member that heard of a removal too late has written on top of what does not count:
// what it writes from then on stands on that, and an export of it is whole all the same.
func TestExportCarriesWhatItsFactsStandOn(t *testing.T) {
	ana := found(t)
	ben, cat := ana.admit(), ana.admit()
	for _, h := range []*home{ben, cat} {
		if _, err := h.take(ana.export()); err != nil {
			t.Fatal(err)
		}
	}
	ben.say("for nobody")
	late := ben.say("late")[0]
	if _, err := cat.take(ben.export()); err != nil {
		t.Fatal(err)
	}
	cat.say("in good faith")
	ben.say("later still")
	ana.do(messages.RemoveMember{Operation: ana.operation(), Member: ben.identity.Authority()})
	for _, file := range [][]byte{ben.export(), ana.export()} {
		if _, err := cat.take(file); err != nil {
			t.Fatal(err)
		}
	}
	cat.say("in the epoch that is open")
	file := cat.export()
	if !slices.ContainsFunc(factsOf(t, file), func(fact messages.Fact) bool { return fact.ID() == late }) {
		t.Error("the late fact is not in it")
	}
	imported, err := ana.take(file)
	if err != nil || !imported.Complete || imported.Uncounted+imported.More != 0 || imported.Verdict() != nil {
		t.Errorf("%+v, %v", imported, err)
	}
	if !bytes.Equal(ana.export(), file) { // though cat holds one late fact more, on which nothing stands
		t.Error("the exports differ")
	}
}
