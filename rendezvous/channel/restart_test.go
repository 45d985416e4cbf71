package channel_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
)

// settle is how long a run may take: a handshake that died unheard, its
// orphans, and a journal that had to be asked again.
const settle = 90 * time.Second

// soon is how long one death may hold things up: a handshake that waits for
// the dead one is given up after 5 s, a second more is the larger id's
// patience.
const soon = 8 * time.Second

// up reports whether both ends hold the same channel.
func (s *sim) up() bool {
	var ids [2]messages.ChannelID
	for i, n := range s.nodes {
		for _, c := range n.manager.Channels() {
			if c.Usable() {
				ids[i] = c.Channel
			}
		}
	}
	return ids[0] == ids[1] && !ids[0].IsZero()
}

// check runs the sim to its end and says what is wrong then.
func (s *sim) check() []string {
	soon := soon + s.slow
	s.run(start.Add(soon))
	isUp := s.up()
	s.runTo(start.Add(settle))
	wrong := s.wrong
	if len(s.kills) <= 1 && !isUp {
		wrong = append(wrong, fmt.Sprintf("no channel after %v", soon))
	}
	var ids [2]messages.ChannelID
	for i, n := range s.nodes {
		active := 0
		for _, c := range n.manager.Channels() {
			if c.State != channel.Active || c.Draining {
				wrong = append(wrong, fmt.Sprintf("node %d: %s, draining %t at the end", i, c.State, c.Draining))
				continue
			}
			active++
			ids[i] = c.Channel
			if l := n.linkOf(c.Channel); l == nil || !l.record.Open {
				wrong = append(wrong, fmt.Sprintf("node %d: its channel has no open link", i))
			}
			if !n.facts[c.Channel] {
				wrong = append(wrong, fmt.Sprintf("node %d: streams without ChannelEstablished", i))
			}
		}
		if active != 1 {
			wrong = append(wrong, fmt.Sprintf("node %d: %d channels", i, active))
		}
		if len(n.links) != 1 {
			wrong = append(wrong, fmt.Sprintf("node %d: %d links at the end", i, len(n.links)))
		}
		if len(n.shakers) != 0 {
			wrong = append(wrong, fmt.Sprintf("node %d: %d handshakers at the end", i, len(n.shakers)))
		}
	}
	if ids[0] != ids[1] {
		wrong = append(wrong, "the ends hold different channels")
	}
	return wrong
}

// charges are how many operations cost something, at both nodes.
func (s *sim) charges() int {
	charged := 0
	for _, n := range s.nodes {
		for _, cost := range n.ledger {
			if cost > 0 {
				charged++
			}
		}
	}
	return charged
}

func TestTwoNodesMeet(t *testing.T) {
	small, large := newMembers(t)
	s := newSim(small, large, 1)
	for _, wrong := range s.check() {
		t.Error(wrong)
	}
	if s.charges() != 2 {
		t.Errorf("%d charges, want the initiator's and the responder's", s.charges())
	}
	if s.steps < 40 {
		t.Errorf("%d steps only: the kills below would prove little", s.steps)
	}
}

// TestKillAtEveryStep kills each actor of each node at every step of
// establishing a channel, once with one end calling and once with both: one
// kill a run, and every run ends with one channel that both ends hold, nothing
// charged twice for what was done once.
func TestKillAtEveryStep(t *testing.T) {
	small, large := newMembers(t)
	for _, late := range []time.Duration{0, time.Second} {
		world := func() *sim {
			s := newSim(small, large, 1)
			s.nodes[0].late = late
			return s
		}
		quiet, runs := world(), 0
		quiet.check()
		for _, who := range []victim{{0, true}, {1, true}, {0, false}, {1, false}} {
			for at := 1; at <= quiet.steps; at++ {
				s := world()
				s.kills[at] = who
				for _, wrong := range s.check() {
					t.Errorf("%v late, kill %+v at step %d: %s", late, who, at, wrong)
				}
				// One more call and one more answer is the most that one death
				// costs.
				if s.charges() > quiet.charges()+2 {
					t.Errorf("%v late, kill %+v at step %d: %d charges", late, who, at, s.charges())
				}
				runs++
			}
		}
		t.Logf("%v late: %d steps, %d runs", late, quiet.steps, runs)
	}
}

// apart are the ways in which two members may have missed each other.
var apart = map[string]func(small, large *member){
	"both for hours":          func(small, large *member) { away(small, large) },
	"the smaller is behind":   func(small, large *member) { missAdvance(small, large) },
	"the larger is behind":    func(small, large *member) { missAdvance(large, small) },
	"behind, and for hours":   func(small, large *member) { missAdvance(small, large); away(small, large) },
	"one saw no window close": func(small, _ *member) { away(small) },
}

// TestKillAtEveryStepOfCatchingUp: whatever they have missed, and whoever dies
// at any step, both ends end with one channel of the newest epoch.
func TestKillAtEveryStepOfCatchingUp(t *testing.T) {
	for name, part := range apart {
		world := func() *sim {
			small, large := newMembers(t)
			part(small, large)
			return newSim(small, large, 1)
		}
		quiet, runs := world(), 0
		for _, wrong := range quiet.check() {
			t.Errorf("%s: %s", name, wrong)
		}
		most := quiet.steps
		if testing.Short() {
			most = 40
		}
		for _, who := range []victim{{0, true}, {1, true}, {0, false}, {1, false}} {
			for at := 1; at <= most; at++ {
				s := world()
				s.kills[at] = who
				for _, wrong := range s.check() {
					t.Errorf("%s, kill %+v at step %d: %s", name, who, at, wrong)
				}
				if s.charges() > quiet.charges()+3 {
					t.Errorf("%s, kill %+v at step %d: %d charges, %d without it", name, who, at, s.charges(), quiet.charges())
				}
				runs++
			}
		}
		t.Logf("%s: %d steps, %d charges, %d runs", name, quiet.steps, quiet.charges(), runs)
	}
}

// TestBothCallAtOnceOverAWire lets the smaller id have its path at every
// moment around the one in which the larger one calls: no streams are handed
// out that are then taken away.
func TestBothCallAtOnceOverAWire(t *testing.T) {
	small, large := newMembers(t)
	twice := 0
	for late := 950 * time.Millisecond; late < 1050*time.Millisecond; late += time.Millisecond {
		s := newSim(small, large, 1)
		s.nodes[0].late = late
		for _, wrong := range s.check() {
			t.Errorf("%v late: %s", late, wrong)
		}
		if s.charges() > 2 {
			twice++
		}
		for i, n := range s.nodes {
			if n.opened != 1 {
				t.Errorf("%v late: node %d handed out the streams of %d channels", late, i, n.opened)
			}
		}
	}
	if twice == 0 {
		t.Error("they never called at once: the test shows nothing")
	}
}

// TestAnsweredHelloComesAgain kills, one after another, the managers that are
// about to hear of a handshake which the peer began, with its hello on its way a
// second time: the next life answers it once more. By then the peer may hold a
// channel, and has to hear that it is over.
func TestAnsweredHelloComesAgain(t *testing.T) {
	small, large := newMembers(t)
	// The hello, an answer so late that the hello is repeated, the repeat that
	// comes after all; the data, there and back.
	delays := []time.Duration{10, 350, 400, 10, 150}
	const most = 6
	for kills := map[int]victim{}; ; {
		s := newSim(small, large, 1)
		s.kills = kills
		sent, last := 0, s.now
		s.delay = func() time.Duration {
			if s.now.Sub(last) > 500*time.Millisecond {
				sent = 0 // another call
			}
			last, sent = s.now, sent+1
			return delays[(sent-1)%len(delays)] * time.Millisecond
		}
		for _, wrong := range s.check() {
			t.Errorf("kills %v: %s", kills, wrong)
		}
		if len(kills) == most {
			return
		}
		steps := slices.Sorted(maps.Keys(s.answered))
		next := slices.IndexFunc(steps, func(at int) bool { _, killed := kills[at]; return !killed })
		if next < 0 {
			t.Fatalf("%d managers died, want %d: nobody answered any more", len(kills), most)
		}
		kills[steps[next]] = s.answered[steps[next]]
	}
}

// TestManyKillsAndReorder: any kills within 20 s, over a wire that reorders,
// with both ends calling at once.
func TestManyKillsAndReorder(t *testing.T) {
	small, large := newMembers(t)
	worlds := [][2]*member{{small, large}}
	for _, name := range slices.Sorted(maps.Keys(apart)) {
		small, large := newMembers(t)
		apart[name](small, large)
		worlds = append(worlds, [2]*member{small, large})
	}
	rapid.Check(t, func(t *rapid.T) {
		members := rapid.SampledFrom(worlds).Draw(t, "members")
		s := newSim(members[0], members[1], rapid.Uint64().Draw(t, "seed"))
		slowest := rapid.IntRange(1, 400).Draw(t, "slowest ms")
		s.delay = func() time.Duration { return time.Duration(1+s.random.IntN(slowest)) * time.Millisecond }
		// The larger id waits for a second: near it both call at once.
		s.nodes[0].late = time.Duration(rapid.IntRange(0, 1200).Draw(t, "late ms")) * time.Millisecond
		// The three datagrams of the handshake that counts, and the one after it.
		handshake := 4 * time.Duration(slowest) * time.Millisecond
		s.slow = s.nodes[0].late + handshake
		if members != worlds[0] {
			// They catch up first, and in the first second nobody answers that.
			s.slow += time.Second + handshake
		}
		for range rapid.IntRange(0, 12).Draw(t, "kills") {
			s.kills[rapid.IntRange(1, 300).Draw(t, "at")] = victim{
				node: rapid.IntRange(0, 1).Draw(t, "node"), manager: rapid.Bool().Draw(t, "manager"),
			}
		}
		for _, wrong := range s.check() {
			t.Error(wrong)
		}
	})
}
