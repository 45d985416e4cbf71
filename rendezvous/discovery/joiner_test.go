package discovery

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// joining is a situation at the joiner's end; its attempts are numbered by
// hand.
func joining() *situation {
	s := newSituation()
	s.id = messages.AttemptID{Peer: s.world.anna.Authority(), Boot: 1, N: 1}
	return s
}

func (s *situation) begin(t *testing.T, m messages.BeginJoin) messages.InvitationFailure {
	t.Helper()
	return only[JoinFailed](t, s.joiner.Step(s.now, m)).Failure
}

func TestJoinFailsAtOnceWhen(t *testing.T) {
	s := joining()
	s.ticket.Version.Major++
	if got := s.begin(t, messages.BeginJoin{Ticket: s.ticket}); got.Reason != messages.TicketMalformed {
		t.Errorf("another major: %v", got)
	}

	s = joining()
	s.joiner = NewJoiner(JoinerConfig{Identity: s.world.anna, Random: seeded()})
	if got := s.begin(t, messages.BeginJoin{Ticket: s.ticket}); got.Reason != messages.OwnTicket {
		t.Errorf("own ticket: %v", got)
	}

	s = joining()
	s.now = s.ticket.Expires.Time().Add(keepTicket)
	if got := s.begin(t, messages.BeginJoin{Ticket: s.ticket}); got.Reason != messages.TicketExpired || got.Code != messages.ExitFailed {
		t.Errorf("expired for a day: %v", got)
	}
}

// The clock of this node may be wrong: the inviter says whether it expired.
func TestTicketThatLooksExpiredIsTried(t *testing.T) {
	s := joining()
	s.now = s.ticket.Expires.Time()
	only[OpenPath](t, s.joiner.Step(s.now, messages.BeginJoin{Ticket: s.ticket}))
	s.now = s.now.Add(messages.JoinWithin)
	got := only[JoinFailed](t, s.joiner.Step(s.now, messages.Tick{})).Failure
	if got.Reason != messages.NoAnswer || !strings.Contains(got.Whose, "expired") {
		t.Errorf("got %v", got)
	}
}

func TestRelaySlotIsTriedBeforeTheAddress(t *testing.T) {
	s := joining()
	first := only[OpenPath](t, s.joiner.Step(s.now, messages.BeginJoin{Ticket: s.ticket}))
	second := only[OpenPath](t, s.joiner.Step(s.now, messages.JoinPathFailed{Try: first.Try}))
	if !first.Endpoint.Protocol.IsRelay() || second.Endpoint.Protocol.IsRelay() || first.Try == second.Try {
		t.Errorf("%+v, then %+v", first, second)
	}
}

func TestHandshakeIsUnderTheTicketAlone(t *testing.T) {
	s := joining().join(messages.BeginJoin{Ticket: joining().ticket})
	start := only[StartInitiator](t, s.joiner.Step(s.now, messages.JoinPathReady{Try: 1, Boot: 1, N: 1}))
	static, err := membership.NoisePublic(s.world.anna.Public())
	if err != nil {
		t.Fatal(err)
	}
	keys := DeriveTicketKeys(s.ticket)
	terms := start.Terms
	if terms.PeerStatic != static || terms.Attempt != s.id || terms.Stranger || terms.Epoch != 0 ||
		!terms.Attempt.Context.IsZero() || !terms.SelfNonce.IsZero() || !terms.PeerNonce.IsZero() {
		t.Errorf("terms %+v", terms)
	}
	if terms.PSK != keys.PSK || terms.HelloKey != keys.Hello || terms.HelloIndex != keys.Index || !bytes.Equal(terms.Prologue, keys.Ticket[:]) {
		t.Error("the keys are not the ticket's")
	}
}

// SPEC 14.2: "a forged one can only time out (`no answer: ticket invalid or
// inviter offline`)".
func TestForgedTicketTimesOut(t *testing.T) {
	w := newWorld(1)
	w.invite()
	w.run(time.Second)
	forged := w.issued[0]
	forged.Secret[0]++
	w.join(w.joiners[0], forged)
	w.run(2 * time.Minute)
	failed := w.joiners[0].failed
	if len(failed) != 1 || failed[0].Reason != messages.NoAnswer || failed[0].Code != messages.ExitWaiting ||
		failed[0].What != "no answer: ticket invalid or inviter offline" {
		t.Errorf("got %v", failed)
	}
	if len(w.claims) > 0 || strings.Contains(w.trace.String(), "TicketHello") {
		t.Error("the inviter heard of it")
	}
}

func TestJoinHearsThatVotesAreMissing(t *testing.T) {
	w := newWorld(1)
	w.waits = 1000
	w.invite()
	w.run(time.Second)
	w.join(w.joiners[0], w.issued[0])
	w.run(2 * time.Minute)
	failed := w.joiners[0].failed
	if len(failed) != 1 || failed[0].Reason != messages.StillWaiting || !strings.Contains(failed[0].Error(), "1 of 2") {
		t.Errorf("got %v", failed)
	}
	if strings.Count(w.trace.String(), "SendAnswer") != 1 {
		t.Error("the same answer was sent again and again")
	}

	w.waits = 0
	w.join(w.joiners[0], w.issued[0])
	w.run(3 * time.Minute)
	if w.joiners[0].done != 1 {
		t.Error("the same ticket did not finish the join")
	}
}

func TestWelcomeIsCheckedBeforeAnythingIsKept(t *testing.T) {
	spoil := map[string]func(*membership.Welcome){
		"to another context": func(w *membership.Welcome) { w.Founded.Random[0]++ },
		"a damaged secret":   func(w *membership.Welcome) { w.Wrap.Sealed[40]++ },
	}
	for name, spoil := range spoil {
		t.Run(name, func(t *testing.T) {
			s := joining()
			s.join(messages.BeginJoin{Ticket: s.ticket}, messages.JoinPathReady{Try: 1, Boot: 1, N: 1}, s.complete(s.world.anna))
			welcome, err := membership.ParseWelcome(s.answer(messages.AnswerWelcome).Welcome)
			if err != nil {
				t.Fatal(err)
			}
			spoil(&welcome)
			answer := messages.Answer{Kind: messages.AnswerWelcome, Welcome: welcome.Append(nil)}
			effects := s.joiner.Step(s.now, messages.AnswerReceived{Attempt: s.id, Answer: answer})
			if got := only[JoinFailed](t, effects).Failure; got.Reason != messages.WelcomeBad {
				t.Errorf("got %v", got)
			}
		})
	}
}

// A channel that dies after the journal was made costs no second journal.
func TestJoinGoesOnAfterItsChannelDied(t *testing.T) {
	s := joining()
	s.join(messages.BeginJoin{Ticket: s.ticket}, messages.JoinPathReady{Try: 1, Boot: 1, N: 1}, s.complete(s.world.anna))
	welcome := messages.AnswerReceived{Attempt: s.id, Answer: s.answer(messages.AnswerWelcome)}
	adopt := only[Adopt](t, s.joiner.Step(s.now, welcome))
	if adopt.Keys.Context != s.ticket.Context || adopt.Ticket.Hash() != s.hash {
		t.Errorf("adopts %v", adopt.Keys)
	}
	s.join(messages.JoinAdopted{}, messages.TicketChannelClosed{Attempt: s.id})
	s.join(messages.JoinPathReady{Try: 2, Boot: 1, N: 1}, s.complete(s.world.anna))
	effects := s.joiner.Step(s.now, welcome)
	if once := only[SyncOnce](t, effects); once.Epoch != 1 {
		t.Errorf("it waits for epoch %d", once.Epoch)
	}
	if len(effects) != 1 {
		t.Errorf("got%s", names(effects))
	}
}

func TestPauseBetweenRoundsGrowsAndIsBounded(t *testing.T) {
	s := joining()
	for s.joiner.rounds = range 100 {
		pause := s.joiner.pause()
		want := min(pauseBase<<min(s.joiner.rounds, 10), pauseMax)
		if pause < want*8/10 || pause > min(want*12/10, pauseMax) {
			t.Errorf("round %d: %v, want %v ± 20 %%", s.joiner.rounds, pause, want)
		}
	}
}
