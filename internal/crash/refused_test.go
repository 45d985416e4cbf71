package crash

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/waymeet/waymeet/transport/store"
)

// SPEC 3.5: "A write or fsync error stops the journal for good with a clear
// error; it never retries silently." The write that fails here is the first one
// beyond the size that a file of the process may have.
func TestFailedWriteStopsForGood(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), newLedger()
	p := prepare(t, dir, l, writerRoom+"=100000")
	if err := p.start(l); err != nil {
		t.Fatal(err)
	}
	if err := p.gone(); err != nil {
		t.Fatal(err)
	}
	stoppedForGood(t, dir, l, syscall.EFBIG.Error())
}

// stoppedForGood checks what a writer said whose disk refused: nothing more was
// acknowledged, the error says what and where, the node ended, and everything
// that was acknowledged is there.
func stoppedForGood(t *testing.T, dir string, l *ledger, why string) {
	t.Helper()
	if len(l.facts) == 0 || len(l.refused) != writers || len(l.ended) != writers {
		t.Errorf("%d facts, %d refusals and %d ends of %d writers", len(l.facts), len(l.refused), len(l.ended), writers)
	}
	journal := filepath.Base(store.Directory(dir).JournalPath(l.context))
	for _, text := range l.ended {
		if !strings.Contains(text, why) || !strings.Contains(text, journal) {
			t.Errorf("the node ended with %q, not with %q of %s", text, why, journal)
		}
	}
	if _, err := os.Stat(store.Directory(dir).JournalPath(l.context)); err != nil {
		t.Fatal(err)
	}
	if v := l.check(dir); v.why != nil {
		results.lost.Add(int64(v.lost))
		results.damaged.Add(int64(v.damaged))
		t.Error(v.why)
	}
}
