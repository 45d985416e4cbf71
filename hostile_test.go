package waymeet_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/store"
)

// plant puts facts into the journal of a node that does not run, behind the back
// of every rule.
func plant(t *testing.T, dir string, cx waymeet.ContextID, facts ...messages.Fact) {
	t.Helper()
	file, err := store.Directory(dir).Journal(cx)
	if err != nil {
		t.Fatal(err)
	}
	var place messages.Place
	for _, err := range file.Records(messages.BucketFacts) {
		if err != nil {
			t.Fatal(err)
		}
		place++
	}
	var records []messages.Record
	for _, fact := range facts {
		place++
		records = append(records, messages.Record{Bucket: messages.BucketFacts, Key: place.Key(), Value: fact.Append(nil)})
	}
	if err := errors.Join(file.Writer().Write(records), file.Close()); err != nil {
		t.Fatal(err)
	}
}

// told waits for an event of that kind.
func told(t *testing.T, events <-chan waymeet.Event, kind waymeet.EventKind) waymeet.Event {
	t.Helper()
	for e := range events {
		if e.Kind == kind {
			return e
		}
	}
	t.Fatalf("nobody told of %s", kind)
	return waymeet.Event{}
}

// SPEC 3.4: "HLC ≤ 60 s ahead (else quarantined … A quarantine is told to the
// host".
func TestHostHearsOfAClockThatIsAhead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ben := startNode(t, waymeet.Config{StateDir: dir})
	m := meet(t, startNode(t, waymeet.Config{}), ben)
	events := m.anna.Events(patient(t))
	stop(t, ben)
	const far = 372 * time.Second
	p := takePen(t, dir, m.here.ID())
	p.at.HLC = messages.HLC(0).Next(messages.MillisOf(time.Now().Add(far)))
	plant(t, dir, m.here.ID(), p.write(t, chat, 1, []byte("from the future")))
	startNode(t, waymeet.Config{StateDir: dir})
	e := told(t, events, waymeet.EventClockAhead)
	var clock string
	var ahead time.Duration // less than when it was written, by the time until it came
	if _, err := fmt.Sscanf(e.Reason, "clock of %s is %d s ahead of ours", &clock, &ahead); err != nil {
		t.Fatalf("told %+v: %v", e, err)
	}
	ahead *= time.Second
	if e.Peer != ben.Authority() || e.Context != m.here.ID() || clock != ben.Authority().Short() || ahead > far || ahead < far-2*patience {
		t.Errorf("told %+v", e)
	}
	if !reads(t, m.anna, 0) {
		t.Error("anna reads a fact whose hour has not come")
	}
}

// SPEC 3.1: "a fork is proof of equivocation (keep both, expose it)".
func TestEveryHostHearsOfAFork(t *testing.T) {
	t.Parallel()
	c := gather(t)
	stop(t, c.ben)
	stop(t, c.cora)
	p := takePen(t, c.dirs[1], c.here.ID())
	before := p.at
	to := p.write(t, chat, 1, []byte("to the one"))
	p.at = before
	other := p.write(t, chat, 1, []byte("to the other"))
	plant(t, c.dirs[1], c.here.ID(), to)
	plant(t, c.dirs[2], c.here.ID(), other)
	events := c.anna.Events(patient(t))
	c.ben, c.cora = c.start(t, 1), c.start(t, 2)
	e := told(t, events, waymeet.EventForked)
	if e.Peer != c.ben.Authority() || e.Context != c.here.ID() || !strings.Contains(e.Reason, "two facts with number") {
		t.Errorf("told %+v", e)
	}
	for _, node := range []*waymeet.Node{c.anna, c.cora} {
		eventually(t, "ben's fork in the status", func() bool { return hasForked(node, c.ben.Authority()) })
	}
	eventually(t, "equal journals, of which ben's says that the fork is his", func() bool {
		anna, ben, cora := contextStatus(t, c.anna), contextStatus(t, c.ben), contextStatus(t, c.cora)
		his := anna
		his.Forked = true
		return anna == cora && his == ben
	})
	stop(t, c.anna)
	proofs := 0
	for _, line := range lines(t, c.dirs[0]) {
		if line.Type == messages.FactEquivocation {
			proofs++
		}
	}
	if proofs == 0 || proofs > 2 {
		t.Errorf("%d proofs: one of each member who saw both branches before a proof, at most", proofs)
	}
}

func hasForked(node *waymeet.Node, peer waymeet.AuthorityID) bool {
	for _, p := range node.Status().Peers {
		if p.Peer == peer {
			return p.Forked
		}
	}
	return false
}
