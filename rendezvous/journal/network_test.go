package journal

import (
	"fmt"
	"slices"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// network carries the sessions of some nodes over streams in memory.
type network struct {
	t       fataler
	now     time.Time
	nodes   []*node
	streams []*stream
	// linked are the pairs with a channel.
	linked map[[2]int]bool
	next   messages.SyncSession
	frames int
	bytes  int
	// tamper, if set, says what arrives instead of a frame; nil drops the
	// stream.
	tamper func(frame []byte) [][]byte
}

// stream is one session between two nodes: at each end its number and what is
// on its way there.
type stream struct {
	ends    [2]int
	session [2]messages.SyncSession
	toward  [2][][]byte
	closing bool
	gone    [2]bool
}

func newNetwork(t fataler, nodes ...*node) *network {
	return &network{t: t, now: start.Add(time.Minute), nodes: nodes, linked: map[[2]int]bool{}, next: 1}
}

func (w *network) link(a, b int) {
	w.linked[[2]int{min(a, b), max(a, b)}] = true
	w.up(a, b)
	w.up(b, a)
}

func (w *network) up(a, b int) {
	w.nodes[a].stepSync(w.now, messages.SyncPeerUp{Peer: w.nodes[b].identity.Authority()})
}

func (w *network) index(n *node, peer messages.AuthorityID) int {
	return slices.IndexFunc(w.nodes, func(other *node) bool { return other.identity.Authority() == peer })
}

// run moves frames until nothing is under way, at most so many rounds. It
// reports whether the network came to rest.
func (w *network) run(limit int) bool {
	w.t.Helper()
	for range limit {
		moved := w.effects()
		for _, s := range w.streams {
			moved = w.deliver(s) || moved
		}
		w.streams = slices.DeleteFunc(w.streams, func(s *stream) bool { return s.gone == [2]bool{true, true} })
		if !moved {
			return true
		}
	}
	return false
}

// effects performs what the nodes want done.
func (w *network) effects() (moved bool) {
	for at, n := range w.nodes {
		out := n.syncOut
		n.syncOut = nil
		for _, effect := range out {
			moved = true
			switch e := effect.(type) {
			case OpenSession:
				w.open(at, e)
			case SendFrame:
				w.send(at, e)
			case CloseSession:
				if s, end := w.find(at, e.Session); s != nil {
					s.gone[end], s.closing = true, true
				}
			}
		}
	}
	return moved
}

func (w *network) open(at int, e OpenSession) {
	peer := w.index(w.nodes[at], e.Peer)
	s := &stream{ends: [2]int{at, peer}, session: [2]messages.SyncSession{w.next, w.next + 1}}
	w.next += 2
	w.streams = append(w.streams, s)
	w.nodes[peer].stepSync(w.now, messages.SyncOpened{Session: s.session[1], Peer: w.nodes[at].identity.Authority()})
	w.nodes[at].stepSync(w.now, messages.SyncOpened{Session: s.session[0], Peer: e.Peer, Initiator: true})
}

func (w *network) find(at int, session messages.SyncSession) (*stream, int) {
	for _, s := range w.streams {
		for end := range s.ends {
			if s.ends[end] == at && s.session[end] == session {
				return s, end
			}
		}
	}
	return nil, 0
}

func (w *network) send(at int, e SendFrame) {
	s, end := w.find(at, e.Session)
	if s == nil {
		return
	}
	w.frames++
	w.bytes += len(e.Frame)
	arrives := [][]byte{e.Frame}
	if w.tamper != nil {
		if arrives = w.tamper(e.Frame); arrives == nil {
			s.closing = true
			return
		}
	}
	s.toward[1-end] = append(s.toward[1-end], arrives...)
}

// deliver hands over one frame in each direction, and the end of the stream
// after the last one.
func (w *network) deliver(s *stream) (moved bool) {
	for end := range s.ends {
		n := w.nodes[s.ends[end]]
		if s.gone[end] {
			continue
		}
		if len(s.toward[end]) > 0 {
			frame := s.toward[end][0]
			s.toward[end] = s.toward[end][1:]
			n.stepSync(w.now, messages.SyncFrame{Session: s.session[end], Frame: frame})
			moved = true
		} else if s.closing {
			s.gone[end] = true
			n.stepSync(w.now, messages.SyncClosed{Session: s.session[end]})
			moved = true
		}
	}
	return moved
}

// restart restarts the process of a node, which cuts its streams.
func (w *network) restart(at int) {
	w.cut(at)
	w.nodes[at].restart(w.now)
	w.meetAgain(at)
}

// kill begins a new life of a node's actors in the same process.
func (w *network) kill(at int) {
	w.cut(at)
	w.nodes[at].revive(w.now)
	w.meetAgain(at)
}

// killSync restarts the sync of a node alone.
func (w *network) killSync(at int) {
	w.cut(at)
	w.nodes[at].newSync()
	w.nodes[at].stepSync(w.now, w.nodes[at].state)
	w.meetAgain(at)
}

// cut drops the streams of a node, and what its sync wanted done.
func (w *network) cut(at int) {
	w.nodes[at].syncOut = nil
	for _, s := range w.streams {
		for end := range s.ends {
			if s.ends[end] == at {
				s.gone[end], s.closing = true, true
			}
		}
	}
}

func (w *network) meetAgain(at int) {
	for pair := range w.linked {
		for side := range pair {
			if pair[side] == at {
				w.up(at, pair[1-side])
				w.up(pair[1-side], at)
			}
		}
	}
}

// reconnect replaces the channel of two nodes.
func (w *network) reconnect(a, b int) {
	for _, s := range w.streams {
		if s.ends == [2]int{a, b} || s.ends == [2]int{b, a} {
			s.gone, s.closing = [2]bool{true, true}, true
		}
	}
	for _, pair := range [][2]int{{a, b}, {b, a}} {
		w.nodes[pair[0]].stepSync(w.now, messages.SyncPeerDown{Peer: w.nodes[pair[1]].identity.Authority()})
	}
	w.link(a, b)
}

// settle lets time pass, from deadline to deadline, until all nodes agree.
func (w *network) settle(rounds int) {
	w.t.Helper()
	for range rounds {
		if !w.run(100_000) {
			w.t.Fatalf("the network does not come to rest: %s", w.report())
		}
		agreed := true
		for _, n := range w.nodes {
			agreed = agreed && n.view.Fingerprint == w.nodes[0].view.Fingerprint
		}
		if agreed {
			return
		}
		w.pass()
	}
	w.t.Fatalf("no agreement: %s", w.report())
}

// expectEqualEnds fails if a session has ended otherwise than with equal sets, or as
// one too many.
func (w *network) expectEqualEnds() {
	w.t.Helper()
	for _, n := range w.nodes {
		if slices.ContainsFunc(n.ends, func(e SyncEnd) bool { return e.Reason != EndEqual && e.Reason != EndDuplicate }) {
			w.t.Fatalf("%s: ends %v", n, n.ends)
		}
	}
}

// pass moves the clock to the next deadline.
func (w *network) pass() {
	var next time.Time
	for _, n := range w.nodes {
		if due := n.sync.Deadline(); !due.IsZero() && (next.IsZero() || due.Before(next)) {
			next = due
		}
	}
	if next.After(w.now) {
		w.now = next
	}
	for _, n := range w.nodes {
		n.stepSync(w.now, messages.Tick{})
		n.step(w.now, messages.Tick{})
	}
}

func (w *network) report() string {
	text := ""
	for _, n := range w.nodes {
		text += fmt.Sprintf("\n%s: %d facts, epoch %d, ends %v", n, n.view.Count, n.view.Epoch, n.ends)
	}
	return text
}
