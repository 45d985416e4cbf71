//go:build unix

package journal

import (
	"testing"

	"github.com/waymeet/waymeet/internal/bench"
	"github.com/waymeet/waymeet/messages"
)

// The rows of `make bench` for sync: what is measured, and what it may be at
// most (SPEC 13.4). Both sides hold a hundred thousand facts of ten authors; the
// bytes are those of the frames, in both directions.
const (
	benchFacts   = 100_000
	benchAuthors = 10
	benchRounds  = 5
)

// meet lets the first node open a session with the second, and runs it to its
// end.
func meet(b *testing.B, w *network) {
	b.Helper()
	w.frames, w.bytes = 0, 0
	w.nodes[1].stepSync(w.now, messages.SyncPeerUp{Peer: w.nodes[0].identity.Authority()})
	w.nodes[1].syncOut = nil
	w.nodes[1].stepSync(w.now, messages.SyncOpenFailed{Peer: w.nodes[0].identity.Authority()})
	w.up(0, 1)
	w.run(100_000)
	same(b, w.nodes[0], w.nodes[1])
	if end := w.nodes[0].ends[len(w.nodes[0].ends)-1]; end.Reason != EndEqual {
		b.Fatalf("ended with %q", end)
	}
}

// Equal sets: bytes of one side's frames, and milliseconds of CPU of one side.
func BenchmarkSyncEqual(b *testing.B) {
	a, ana, ben := newArchive(b, benchAuthors)
	facts := a.append(benchFacts, false)
	hold(ana, facts)
	hold(ben, facts)
	w := newNetwork(b, ana, ben)
	const sessions = 200
	c := bench.Contender{Turn: func() {
		for range sessions {
			meet(b, w)
			w.now = w.now.Add(sessionRate.every)
		}
	}}
	bench.Rounds(benchRounds, &c)
	if w.frames != 2 {
		b.Errorf("%d frames: more than one round trip", w.frames)
	}
	bench.Row("sync_equal_bytes", float64(w.bytes)/2, 100+18*benchAuthors)
	bench.Row("sync_equal_ms", 1e3*bench.Median(c.CPU)/sessions/2, 1)
}

// A thousand facts missing at the end of the chains: bytes over those of the
// facts.
func BenchmarkSync1000(b *testing.B) {
	a, ana, ben := newArchive(b, benchAuthors)
	facts, missing := a.append(benchFacts-1000, false), a.append(1000, true)
	hold(ana, append(facts, missing...))
	hold(ben, facts)
	w := newNetwork(b, ana, ben)
	meet(b, w)
	bench.Row("sync_1000", float64(w.bytes)/float64(sizeOf(missing)), 1.15)
}

// A hundred facts that fork the chains here and there, half of them held by
// each side, and the proofs of the forks: bytes for each, beside the fact itself.
func BenchmarkSyncScattered(b *testing.B) {
	a, ana, ben := newArchive(b, benchAuthors)
	facts := a.append(benchFacts, true)
	hold(ana, facts)
	hold(ben, facts)
	var twins [2][]messages.Fact
	const scattered = 100
	for n := range scattered {
		twins[n%2] = append(twins[n%2], a.twin(facts[n*benchFacts/scattered+37*n%900]))
	}
	hold(ana, twins[0])
	hold(ben, twins[1])
	common := ana.common(ben)
	w := newNetwork(b, ana, ben)
	meet(b, w)
	different := ana.without(common)
	b.Logf("%d frames, %d differences", w.frames, len(different))
	bench.Row("sync_scattered", float64(w.bytes-sizeOf(different))/float64(len(different)), 1024)
}
