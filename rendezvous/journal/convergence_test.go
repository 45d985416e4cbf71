package journal

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// unknownType is a type of fact that only a later version knows.
const unknownType messages.FactType = 99

// twinOf is another fact of the same author at the same place: a fork. The
// knower holds the keys.
func twinOf(t fataler, knower *node, fact messages.Fact, text string) messages.Fact {
	t.Helper()
	at := fact.Header.Chained
	key, held := knower.journal.set.ring.payloads[at.KeyID]
	if !held {
		t.Fatalf("no key of epoch %d", at.Epoch)
	}
	at.Type, at.Schema, at.Again = unknownType, 7, messages.Again{}
	for seed := range byte(20) {
		if who := membership.NewIdentity([32]byte{seed}); who.Authority() == at.Author {
			twin, err := Seal(who, at, key.Payload, []byte(text), seeded(uint64(at.Seq)))
			if err != nil {
				t.Fatalf("seal: %v", err)
			}
			return twin
		}
	}
	t.Fatalf("no identity of %s", at.Author.Short())
	return messages.Fact{}
}

// forked adds facts of an unknown type that fork the chains, and facts that
// follow these.
func forked(t *rapid.T, knower *node, facts [][]byte) [][]byte {
	all := slices.Clone(facts)
	for n := range rapid.IntRange(0, 6).Draw(t, "forks") {
		fact := mustParse(all[rapid.IntRange(0, len(all)-1).Draw(t, "forked")])
		_, isKnown := knower.journal.set.ring.payloads[fact.Header.KeyID]
		if !isKnown || fact.Header.Type == messages.FactMemberAdded || fact.Header.Seq == 1 {
			continue
		}
		twin := twinOf(t, knower, fact, fmt.Sprint("twin ", n))
		all = append(all, twin.Append(nil))
		twin.Header.Seq, twin.Header.Prev = twin.Header.Seq+1, twin.ID()
		all = append(all, twinOf(t, knower, twin, fmt.Sprint("follows ", n)).Append(nil))
	}
	return all
}

// bad is a stretch of bad weather: what becomes of each frame.
func bad(t *rapid.T, w *network) {
	faults := rapid.SliceOfN(rapid.SampledFrom([]string{
		"", "", "", "", "lost", "twice", "later", "short", "long", "flipped",
	}), 0, 30).Draw(t, "faults")
	at := rapid.SliceOfN(rapid.IntRange(0, 1<<20), len(faults), len(faults)).Draw(t, "at")
	var held [][]byte
	w.tamper = func(frame []byte) [][]byte {
		arrives := append([][]byte{frame}, held...)
		held = nil
		if len(faults) == 0 {
			return arrives
		}
		fault, where := faults[0], at[0]%len(frame)
		faults, at = faults[1:], at[1:]
		switch fault {
		case "lost":
			return nil
		case "twice":
			return append(arrives, frame)
		case "later": // behind the next one, whosever it is
			held = arrives[:1]
			return append([][]byte{}, arrives[1:]...)
		case "short":
			arrives[0] = frame[:where]
		case "long":
			arrives[0] = append(slices.Clone(frame), byte(where))
		case "flipped":
			arrives[0] = slices.Clone(frame)
			arrives[0][where] ^= 1 << (where % 8)
		}
		return arrives
	}
}

// SPEC 13.3: "any two members that can exchange messages, through any chain of
// members, reach the same set — under loss, duplication, reorder, restart and
// forks, and across minor versions". Two members and three in a line, with any
// sets: gaps, forks, facts of an unknown type, several epochs. They write
// meanwhile, wait for their peers when they start, and meet over one channel
// after the other.
func TestAnySetsEndEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := makeHistory(t)
		h.facts = forked(t, hear(t, h.listeners[0], h.facts, "knower"), h.facts)
		nodes := []*node{h.subset(t, 0, "one"), h.subset(t, 1, "two")}
		w := newNetwork(t, nodes...)
		w.link(0, 1)
		if rapid.Bool().Draw(t, "third") {
			w.nodes = append(w.nodes, h.subset(t, 2, "three"))
			w.link(1, 2)
		}
		for _, n := range w.nodes {
			n.patience = WaitForPeer
		}
		bad(t, w)
		var asked asked
		for range rapid.IntRange(0, 6).Draw(t, "events") {
			w.run(rapid.IntRange(1, 12).Draw(t, "before"))
			at := rapid.IntRange(0, len(w.nodes)-1).Draw(t, "whom")
			switch rapid.SampledFrom([]string{"restart", "kill", "kill its sync", "reconnect", "write"}).Draw(t, "event") {
			case "restart":
				w.restart(at)
			case "kill":
				w.kill(at)
			case "kill its sync":
				w.killSync(at)
			case "reconnect":
				w.reconnect(max(at-1, 0), max(at, 1))
			case "write":
				asked.ask(w.now, w.nodes[at])
			}
		}
		w.settle(300)
		asked.finish(t, w)
		w.settle(300)
		for _, n := range w.nodes {
			n.agrees(w.nodes[0])
			n.expectNaive()
			n.expectFlawless()
		}
	})
}

// asked are commits that somebody waits for.
type asked []struct {
	who    *node
	commit messages.Commit
}

// ask has the node append something, now or when it may.
func (a *asked) ask(now time.Time, who *node) {
	next := asked{{who, noteOf(who.operation(4))}}
	*a = append(*a, next...)
	who.step(now, next[0].commit)
}

// again asks for all of them once more, as whoever waits for an answer does.
func (a asked) again(now time.Time) {
	for _, one := range a {
		one.who.step(now, one.commit)
	}
}

// finish asks for them again until each is answered. No chain may be forked by
// that.
func (a asked) finish(t fataler, w *network) {
	t.Helper()
	for range 4 { // the minutes in which a session fails, is tried again, and ends
		w.now = w.now.Add(proveWithin)
		a.again(w.now)
		w.pass()
		w.run(100_000)
	}
	for _, one := range a {
		answered := slices.ContainsFunc(one.who.replies, func(r Reply) bool { return r.Operation == one.commit.Operation })
		if forks := one.who.forksOf(one.who.identity.Authority()); !answered || len(forks) > 0 {
			t.Fatalf("%s: answered %t, its own chain forks at %v", one.who, answered, forks)
		}
	}
}

// A member whose state was lost, and an older one restored, fetches its own facts
// before it writes on, through any weather: its chain does not fork.
func TestRestoredBackupDoesNotForkItsChain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ana := found(t, 1)
		ben := ana.admit(start, 2)
		ben.learn(start, ana)
		backup := ben.twin(9).disk
		ben.patience = 1000 * time.Hour // until it has synced once
		w := newNetwork(t, ana, ben)
		w.link(0, 1)
		var asked asked
		write := func(label string, events []string) {
			for range rapid.IntRange(0, 8).Draw(t, label) {
				switch rapid.SampledFrom(events).Draw(t, label+" event") {
				case "write":
					asked.ask(w.now, ben)
				case "ana writes":
					asked.ask(w.now, ana)
				case "rotate":
					ana.step(w.now, messages.AdvanceEpoch{Operation: ana.operation(5)})
				case "reconnect":
					w.reconnect(0, 1)
				case "restart":
					w.restart(1)
				case "kill":
					w.kill(1)
					asked.again(w.now)
				case "time":
					w.pass()
				}
				w.run(rapid.IntRange(0, 12).Draw(t, label+" frames"))
			}
		}
		write("before", []string{"write", "write", "ana writes", "rotate"})
		asked = nil // what the backup knows nothing of
		ben.disk = backup
		events := []string{"write", "ana writes", "rotate", "reconnect", "time", "kill"}
		if rapid.Bool().Draw(t, "waits for a sync") {
			events = append(events, "restart")
		} else {
			ben.patience = 0 // what ana shows stops it
		}
		w.restart(1)
		for len(ben.journal.pen.claims.peers) == 0 && !w.run(1) {
		}
		write("after", events)
		w.settle(300)
		asked.finish(t, w)
		w.settle(300)
		for _, n := range w.nodes {
			if forks := n.forksOf(ben.identity.Authority()); len(forks) > 0 {
				t.Fatalf("%s: ben's chain forks at %v", n, forks)
			}
		}
	})
}

// Sets of some hundred facts with forks, of which each side lacks branches and
// ends of chains: one session makes them equal, and what it costs follows the
// differences.
func TestOneSessionFindsAllDifferences(t *testing.T) {
	a, ana, ben := newArchive(t, 3)
	chains := a.append(400, true)
	var twins []messages.Fact
	for _, fact := range chains[40:340] {
		twins = append(twins, a.twin(fact))
	}
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		lacking := rapid.SampledFrom([]int{0, 1, 3, 30, 200}).Draw(t, "lacking")
		nodes := []*node{ana.twin(7), ben.twin(8)}
		for _, n := range nodes {
			held := chains[:len(chains)-random.IntN(1+min(lacking, 60))]
			lacks := random.Perm(len(twins))[:lacking]
			for at, twin := range twins {
				if !slices.Contains(lacks, at) {
					held = append(slices.Clip(held), twin)
				}
			}
			hold(n, held)
			n.syncOut = nil
		}
		common := nodes[0].common(nodes[1])
		w := newNetwork(t, nodes...)
		w.up(1, 0)
		nodes[1].syncOut = nil
		nodes[1].stepSync(w.now, messages.SyncOpenFailed{Peer: ana.identity.Authority()})
		w.up(0, 1)
		w.run(100_000)
		same(t, nodes[0], nodes[1])
		if ends := nodes[0].ends; slices.ContainsFunc(ends, func(end SyncEnd) bool { return end.Reason != EndEqual }) {
			t.Fatalf("ends %v", ends)
		}
		different := nodes[0].without(common) // proofs of the forks that they found are among them
		if most := sizeOf(different) + 1024*(1+len(different)); w.bytes > most {
			t.Fatalf("%d bytes for %d differences, at most %d", w.bytes, len(different), most)
		}
	})
}

// A backup is restored and written to alone, so that its chain has two branches,
// while the epoch changes elsewhere: what was written on the branch that the cut
// has left out is said again, and everybody reads it.
func TestBranchOfARestoredBackupIsSaidAgain(t *testing.T) {
	for _, lengths := range [][2]int{{1, 1}, {1, 2}, {2, 1}, {2, 5}, {5, 2}} {
		ana, ben, cat := trio(t)
		backup := ben.twin(77)
		want := []string{"back"}
		for at := range lengths[0] {
			want = append(want, fmt.Sprint("lost with the disk ", at))
			ben.note(start, want[len(want)-1])
		}
		ana.learn(start, ben)
		cat.learn(start, ben)
		for at := range lengths[1] {
			want = append(want, fmt.Sprint("written alone ", at))
			backup.note(start, want[len(want)-1])
		}
		ana.ask(start, rotation)
		w := newNetwork(t, ana, backup, cat)
		w.link(0, 1)
		w.link(0, 2)
		w.settle(50)
		backup.note(w.now, "back")
		w.settle(50)
		slices.Sort(want)
		for _, n := range w.nodes {
			said, _ := n.content(0, messages.AuthorityID{})
			if slices.Sort(said); !slices.Equal(said, want) {
				t.Errorf("branches of %v: %s reads %q", lengths, n, said)
			}
		}
	}
}

// forkedPair are two members that hold one branch each of a third one's chain,
// of so many facts.
func forkedPair(t *testing.T, facts int) (ana, ben *node) {
	t.Helper()
	ana, ben, cat := trio(t)
	twin := cat.twin(77)
	for n := range facts {
		cat.note(start, fmt.Sprintf("one %d", n))
		twin.note(start, fmt.Sprintf("two %d", n))
	}
	ana.learn(start, cat)
	ben.learn(start, twin)
	return ana, ben
}

// TestKillAtEveryMessage restarts one side, whole or its sync alone, at every
// message of a reconciliation.
func TestKillAtEveryMessage(t *testing.T) {
	total := 0
	for at := 0; at <= total; at++ {
		for victim := range 4 {
			ana, ben := forkedPair(t, 60)
			w := newNetwork(t, ana, ben)
			seen := 0
			w.tamper = func(frame []byte) [][]byte {
				if seen++; seen == at {
					return nil
				}
				return [][]byte{frame}
			}
			w.link(0, 1)
			for seen < at && !w.run(1) {
			}
			if victim < 2 {
				w.kill(victim)
			} else {
				w.killSync(victim - 2)
			}
			w.settle(50)
			if at == 0 {
				total = max(total, w.frames)
			}
		}
	}
	if total < 20 {
		t.Errorf("only %d messages: the sets were no task", total)
	}
}

// common are the facts that both nodes hold.
func (n *node) common(other *node) map[messages.FactID]bool {
	common := map[messages.FactID]bool{}
	for id := range n.journal.set.graph.entries {
		common[id] = other.journal.set.has(id)
	}
	return common
}

// without are the facts that the node holds and that are not among those.
func (n *node) without(known map[messages.FactID]bool) (facts []messages.Fact) {
	for _, raw := range n.facts() {
		if fact := mustParse(raw); !known[fact.ID()] {
			facts = append(facts, fact)
		}
	}
	return facts
}
