package journal

import (
	"fmt"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// header is that of a fact on the node's disk.
func (n *node) header(id messages.FactID) messages.Header {
	return mustParse(n.raw(id)).Header
}

// SPEC 3.1: "`seq` counts up per author from 1, `prev` is the author's last
// fact".
func TestOwnFactsFormAChain(t *testing.T) {
	_, ben, _ := trio(t)
	var prev messages.FactID
	for n := range 4 {
		if n == 2 {
			ben.restart(start)
		}
		id := ben.note(start, "note")
		header := ben.header(id)
		if header.Seq != messages.Seq(n+1) || header.Prev != prev {
			t.Errorf("fact %d has seq %d and prev %s", n+1, header.Seq, header.Prev.Short())
		}
		prev = id
	}
}

// A fact names the heads that no fact of its author has named before.
func TestParentsAreNamedOnce(t *testing.T) {
	ana, ben, _ := trio(t)
	note := ben.note(start, "from ben")
	ana.learn(start, ben)
	first := ana.header(ana.note(start, "one"))
	if len(first.Parents) != 1 || first.Parents[0] != note {
		t.Errorf("parents %v", first.Parents)
	}
	second := ana.header(ana.note(start, "two"))
	ana.restart(start)
	third := ana.header(ana.note(start, "three"))
	if len(second.Parents) != 0 || len(third.Parents) != 0 {
		t.Errorf("named again: %v, after a restart: %v", second.Parents, third.Parents)
	}
	if covered := ana.view.Covered[ben.identity.Authority()]; covered != first.Seq-1 {
		t.Errorf("ben has named our fact %d, the view says %d", first.Seq-1, covered)
	}
	ben.learn(start, ana)
	ben.note(start, "seen")
	ana.learn(start, ben)
	if covered := ana.view.Covered[ben.identity.Authority()]; covered != third.Seq {
		t.Errorf("ben has named our fact %d, the view says %d", third.Seq, covered)
	}
}

// SPEC 3.1: "parents(≤8)".
func TestAtMostEightParents(t *testing.T) {
	ana := found(t, 1)
	var members []*node
	for n := range byte(10) {
		members = append(members, ana.admit(start, n+2))
	}
	for n, member := range members {
		member.learn(start, ana)
		member.note(start.Add(time.Duration(n)*time.Second), fmt.Sprint(n))
	}
	for _, member := range members {
		ana.learn(start, member)
	}
	one, two := ana.header(ana.note(start, "one")), ana.header(ana.note(start, "two"))
	if len(one.Parents) != messages.MaxParents || len(two.Parents) != 2 {
		t.Errorf("%d and %d parents", len(one.Parents), len(two.Parents))
	}
}

// A fact's reading is greater than those of everything its author had seen,
// even when the author's clock was put back.
func TestHLCIsAfterEverythingSeen(t *testing.T) {
	ana, ben, _ := trio(t)
	seen := ben.header(ben.note(start.Add(50*time.Second), "ahead")).HLC
	ana.learn(start, ben)
	ana.restart(start)
	if got := ana.header(ana.note(start.Add(-time.Hour), "after")).HLC; got <= seen {
		t.Errorf("reading %d after %d was seen", got, seen)
	}
}
