package journal

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/waymeet/waymeet/messages"
)

// One read is answered before the next: with two, the same facts would be sent twice, and
// the peer would call that a fault.
func TestOneReadAtATime(t *testing.T) {
	ana, ben, _ := trio(t)
	ben.state.Authors = nil // as if it held nothing
	facts := ana.facts()
	reads := func(event messages.JournalSyncMessage) (n int) {
		for _, effect := range ana.sync.Step(start, event) {
			if tell, ok := effect.(TellJournal); ok {
				if _, ok := tell.Message.(messages.ReadRanges); ok {
					n++
				}
			}
		}
		return n
	}
	reads(messages.SyncPeerUp{Peer: ben.identity.Authority()})
	reads(messages.SyncOpened{Session: 5, Peer: ben.identity.Authority()})
	for step, test := range []struct {
		event messages.JournalSyncMessage
		want  int
	}{
		{messages.SyncFrame{Session: 5, Frame: helloOf(ben)}, 1},
		{messages.FactsRead{Session: 5, Facts: facts[:1]}, 1},
		{messages.SyncFrame{Session: 5, Frame: appendFrame(nil, ackFrame{})}, 0},
		{messages.FactsRead{Session: 5, Facts: facts[1:2]}, 1},
	} {
		if got := reads(test.event); got != test.want {
			t.Errorf("step %d: %d reads, want %d", step, got, test.want)
		}
	}
}

// The peer may show what it holds for the next round before our round is over.
func TestStateThatComesEarlyBeginsTheNextRound(t *testing.T) {
	ana, ben, _ := trio(t)
	ana.note(start, "news")
	e := &enemy{node: ben, victim: ana, now: start}
	e.meet()
	e.greet() // ana sends, and waits for an ack
	e.send(doneFrame{})
	e.send(stateFrame{Count: ana.state.Count, Fingerprint: ana.state.Fingerprint, Frontier: frontierOf(ana.state)})
	if len(ana.ends) != 0 {
		t.Fatalf("ends %v: nothing is proved", ana.ends)
	}
	e.send(ackFrame{})
	e.ended(t, EndEqual, "")
}

// SPEC 3.5: a write error stops the journal. Whose facts it was to take hears that, and is
// not at fault.
func TestSessionEndsWithTheJournal(t *testing.T) {
	ana, ben, _ := trio(t)
	e := &enemy{node: ana, victim: ben, now: start}
	ben.fail = "disk full"
	fact := e.sealed(e.identity, e.next())
	e.meet()
	e.offer(fact.Header.Author, fact.Header.Seq, fact.Append(nil))
	e.ended(t, EndStopped, "disk full")
}

// SPEC 13.2: "128 facts or 256 KiB a batch".
func TestBatchesAreBounded(t *testing.T) {
	ana, ben, _ := trio(t)
	for n := range 20 {
		ana.note(start, fmt.Sprintf("%d%s", n, bytes.Repeat([]byte("."), 60_000)))
	}
	for n := range 300 {
		ana.note(start, fmt.Sprint(n))
	}
	w := newNetwork(t, ana, ben)
	var mostFacts, mostBytes int
	w.tamper = func(frame []byte) [][]byte {
		if parsed, err := parseFrame(frame); err != nil {
			t.Error(err)
		} else if facts, ok := parsed.(factsFrame); ok {
			mostFacts, mostBytes = max(mostFacts, len(facts.Facts)), max(mostBytes, len(frame))
		}
		return [][]byte{frame}
	}
	w.link(0, 1)
	w.run(1000)
	same(t, ana, ben)
	if mostFacts != MaxBatchFacts || mostBytes > MaxFrame || mostBytes < MaxBatchBytes/2 {
		t.Errorf("up to %d facts and %d bytes a frame", mostFacts, mostBytes)
	}
}
