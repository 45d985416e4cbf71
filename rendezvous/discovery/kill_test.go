package discovery

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waymeet/waymeet/messages"
)

// SPEC 14.2: "the first claim is stored {ticket hash → joiner id} before the
// answer; the same id claiming again gets the same answer, another id is
// refused": so one ticket never makes two members, whoever claims it, in
// whatever order things happen, and however often the inviter is killed.
func TestOneTicketNeverMakesTwoMembers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(3)
		w.waits = rapid.IntRange(0, 2).Draw(t, "votes missing")
		w.invite()
		w.run(time.Second)
		for _, node := range w.joiners {
			w.join(node, w.issued[0])
		}
		for range rapid.IntRange(0, 120).Draw(t, "steps") {
			act := rapid.IntRange(0, 9).Draw(t, "act")
			switch {
			case act == 0:
				w.restart()
			case act == 1 && len(w.queue) > 0:
				w.lose(rapid.IntRange(0, len(w.queue)-1).Draw(t, "lost"))
			case act == 2 || len(w.queue) == 0:
				w.idle(dawn.Add(messages.TicketLifetime))
			default:
				w.next(rapid.IntRange(0, len(w.queue)-1).Draw(t, "next"))
			}
			w.checkOneMember(t)
		}
		w.checkTheClaimantGetsIn(t)
	})
}

// The same for one joiner and one kill, at every single step of the story.
func TestJoinSurvivesAKillOfTheInviterAtEveryStep(t *testing.T) {
	steps := 0
	for kill := 0; ; kill++ {
		w := newWorld(1)
		w.invite()
		w.run(time.Second)
		w.join(w.joiners[0], w.issued[0])
		done := 0
		for range 1000 {
			if done == kill {
				w.restart()
			}
			if len(w.queue) > 0 {
				w.next(0)
				done++
			} else if !w.idle(dawn.Add(90 * time.Second)) {
				break
			}
		}
		if w.joiners[0].done != 1 || w.state.Roster.Len() != 2 {
			t.Fatalf("killed at step %d: done %d times, %d members\n%s", kill, w.joiners[0].done, w.state.Roster.Len(), w.trace.String())
		}
		steps = max(steps, kill)
		if done < kill {
			break
		}
	}
	if steps < 15 {
		t.Errorf("the story has only %d steps", steps)
	}
}

// lose drops a job: a datagram, or a task that died with its actor.
func (w *world) lose(at int) {
	w.queue = append(w.queue[:at:at], w.queue[at+1:]...)
}

func (w *world) checkOneMember(t *rapid.T) {
	if w.state.Roster.Len() > 2 || len(w.claims) > 1 {
		t.Fatalf("one ticket made %d members, by %d claims\n%s", w.state.Roster.Len()-1, len(w.claims), w.trace.String())
	}
	for _, node := range w.joiners {
		if node.adopted && !w.state.Roster.Has(node.who.Authority()) {
			t.Fatalf("%s adopted the context and is no member\n%s", node.name, w.trace.String())
		}
	}
	if w.state.Roster.Len() == 2 && !w.state.Roster.Has(w.claims[0].Joiner.Authority()) {
		t.Fatalf("the member is not the claimant\n%s", w.trace.String())
	}
}

// checkTheClaimantGetsIn lets everybody try again in peace: who claimed first
// becomes the one member, and all others are refused.
func (w *world) checkTheClaimantGetsIn(t *rapid.T) {
	w.queue = nil
	w.restart()
	for _, node := range w.joiners {
		if node.done > 0 {
			continue
		}
		failures := len(node.failed)
		w.join(node, w.issued[0])
		w.run(w.now.Sub(dawn) + 2*time.Minute)
		first := len(w.claims) > 0 && w.claims[0].Joiner == node.who.Public()
		switch {
		case len(w.claims) == 0:
			if w.now.Before(w.issued[0].Expires.Time()) {
				t.Fatalf("%s claimed nothing\n%s", node.name, w.trace.String())
			}
		case first && node.done != 1:
			t.Fatalf("%s claimed first and did not get in: %v\n%s", node.name, node.failed, w.trace.String())
		case !first && (len(node.failed) != failures+1 || node.failed[failures].Reason != messages.TicketUsed):
			t.Fatalf("%s came late and heard %v\n%s", node.name, node.failed, w.trace.String())
		}
		w.checkOneMember(t)
	}
}
