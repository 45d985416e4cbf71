package discovery

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// situation is a machine brought into a state, and the names of what it deals
// with there.
type situation struct {
	inviter *Inviter
	joiner  *Joiner
	ticket  messages.Ticket
	hash    messages.TicketHash
	// id is the attempt at the end under test, handshake its Noise hash.
	id        messages.AttemptID
	handshake [32]byte
	now       time.Time
	world     *world
}

func (s *situation) invite(m ...messages.InviterMessage) *situation {
	for _, one := range m {
		s.inviter.Step(s.now, one)
	}
	return s
}

func (s *situation) join(m ...messages.JoinerMessage) *situation {
	for _, one := range m {
		s.joiner.Step(s.now, one)
	}
	return s
}

// newSituation is an inviter and a joiner, Ben, who have done nothing yet.
func newSituation() *situation {
	w := newWorld(2)
	s := &situation{world: w, now: w.now, inviter: NewInviter(InviterConfig{Key: w.anna.Public()}),
		joiner: NewJoiner(JoinerConfig{Identity: w.joiners[0].who, Random: seeded()}), handshake: [32]byte{7}}
	s.ticket = w.ticketOf(w.request(1))
	s.hash = s.ticket.Hash()
	s.id = messages.AttemptID{Peer: w.joiners[0].who.Authority(), Boot: 1, N: 1, Hello: messages.HelloHash{1}}
	return s
}

func (s *situation) claim(who membership.Identity) messages.ClaimReceived {
	return messages.ClaimReceived{Attempt: s.id, Claim: messages.Claim{Key: who.Public(), Signature: who.Sign(messages.ClaimMessage(s.handshake))}}
}

func (s *situation) complete(who membership.Identity) messages.HandshakeComplete {
	static, err := membership.NoisePublic(who.Public())
	if err != nil {
		panic(err)
	}
	return messages.HandshakeComplete{Attempt: s.id, Result: messages.HandshakeResult{Hash: s.handshake, PeerStatic: static}}
}

func (s *situation) hello() messages.TicketHello {
	return messages.TicketHello{Ticket: s.hash, Hash: s.id.Hello, Hello: messages.Hello{Kind: messages.HelloInit,
		Sender: s.id.Peer, Major: 1, Suite: messages.SuiteAESGCM, Boot: s.id.Boot, N: s.id.N}}
}

func (s *situation) answer(kind messages.AnswerKind) messages.Answer {
	switch kind {
	case messages.AnswerWelcome:
		if len(s.world.earlier) == 0 {
			s.world.addMember(0, AddMember{Context: s.ticket.Context, Member: s.world.joiners[0].who.Public(), Role: messages.RoleParticipant})
		}
		return messages.Answer{Kind: kind, Welcome: s.world.ops[messages.OperationID{}].Append(nil)}
	case messages.AnswerWaiting:
		return messages.Answer{Kind: kind, Have: 1, Need: 2}
	}
	return messages.RefusedAnswer(messages.InviterDeclined)
}

func (s *situation) answered(kind messages.AnswerKind) messages.ClaimAnswered {
	return messages.ClaimAnswered{Operation: InviteOperation(s.hash, s.id.Peer), Answer: s.answer(kind)}
}

// inviterStates says, for every state of an inviter, how it is reached.
func inviterStates() []struct {
	name  string
	reach func(*situation)
} {
	ben, eve := person(2), person(3)
	open := func(s *situation) {
		s.invite(s.world.request(1), messages.TicketSaved{Ticket: s.hash}, messages.SlotRegistered{Ticket: s.hash, Slot: messages.SlotID{1}})
	}
	up := func(s *situation) { open(s); s.invite(s.hello(), s.complete(ben)) }
	claimed := func(s *situation) {
		up(s)
		s.invite(s.claim(ben), messages.ClaimStored{Ticket: s.hash, Joiner: ben.Public()})
	}
	stored := func(who membership.Identity) func(*situation) {
		return func(s *situation) {
			s.invite(messages.RestoreTickets{
				Tickets: []messages.StoredTicket{{Ticket: s.ticket, Slots: s.world.request(1).Slots, Role: messages.RoleParticipant}},
				Claims:  []messages.StoredClaim{{Ticket: s.hash, Joiner: who.Public()}},
			})
		}
	}
	return []struct {
		name  string
		reach func(*situation)
	}{
		{"no ticket", func(*situation) {}},
		{"saving", func(s *situation) { s.invite(s.world.request(1)) }},
		{"registering", func(s *situation) { s.invite(s.world.request(1), messages.TicketSaved{Ticket: s.hash}) }},
		{"open", open},
		{"open, handshaking", func(s *situation) { open(s); s.invite(s.hello()) }},
		{"open, channel up", up},
		{"storing, joiner waits", func(s *situation) { up(s); s.invite(s.claim(ben)) }},
		{"claimed, joiner waits", claimed},
		{"claimed, joiner knows of votes", func(s *situation) { claimed(s); s.invite(s.answered(messages.AnswerWaiting)) }},
		{"claimed, joiner welcomed", func(s *situation) { claimed(s); s.invite(s.answered(messages.AnswerWelcome)) }},
		{"claimed, joiner refused", func(s *situation) { claimed(s); s.invite(s.answered(messages.AnswerRefused)) }},
		{"claimed, restored", stored(ben)},
		{"claimed by another, channel up", func(s *situation) { stored(eve)(s); s.invite(s.hello(), s.complete(ben)) }},
	}
}

// inviterMessages is one message of every type, and of every sort that
// matters.
func inviterMessages(s *situation) []struct {
	name string
	m    messages.InviterMessage
	at   time.Time
} {
	ben, eve := person(2), person(3)
	late := s.now.Add(messages.TicketLifetime)
	return []struct {
		name string
		m    messages.InviterMessage
		at   time.Time
	}{
		{"RestoreTickets", messages.RestoreTickets{Tickets: []messages.StoredTicket{{Ticket: s.ticket}}}, s.now},
		{"CreateTicket another", s.world.request(2), s.now},
		{"CreateTicket the same secret", s.world.request(1), s.now},
		{"TicketSaved", messages.TicketSaved{Ticket: s.hash}, s.now},
		{"TicketNotSaved", messages.TicketNotSaved{Ticket: s.hash}, s.now},
		{"SlotRegistered", messages.SlotRegistered{Ticket: s.hash, Slot: messages.SlotID{1}}, s.now},
		{"SlotFailed", messages.SlotFailed{Ticket: s.hash, Slot: messages.SlotID{1}, Why: "silence"}, s.now},
		{"TicketHello", s.hello(), s.now},
		{"HandshakeComplete", s.complete(ben), s.now},
		{"HandshakerDown", messages.HandshakerDown{Attempt: s.id}, s.now},
		{"TicketChannelClosed", messages.TicketChannelClosed{Attempt: s.id}, s.now},
		{"ClaimReceived", s.claim(ben), s.now},
		{"ClaimReceived of another key", s.claim(eve), s.now},
		{"ClaimReceived after expiry", s.claim(ben), late},
		{"ClaimStored", messages.ClaimStored{Ticket: s.hash, Joiner: ben.Public()}, s.now},
		{"ClaimStored of another", messages.ClaimStored{Ticket: s.hash, Joiner: eve.Public()}, s.now},
		{"ClaimAnswered welcome", s.answered(messages.AnswerWelcome), s.now},
		{"ClaimAnswered waiting", s.answered(messages.AnswerWaiting), s.now},
		{"ClaimAnswered refused", s.answered(messages.AnswerRefused), s.now},
		{"ClaimAnswered nonsense", messages.ClaimAnswered{Operation: InviteOperation(s.hash, s.id.Peer)}, s.now},
		{"SyncedReceived", messages.SyncedReceived{Attempt: s.id}, s.now},
		{"Tick at once", messages.Tick{}, s.now},
		{"Tick after 11 minutes", messages.Tick{}, s.now.Add(11 * time.Minute)},
		{"Tick after two days", messages.Tick{}, s.now.Add(48 * time.Hour)},
	}
}

// Every message in every state of the inviter, as it was decided: the ignored
// ones too.
func TestInviterDecidesEveryMessageInEveryState(t *testing.T) {
	var out strings.Builder
	for _, state := range inviterStates() {
		fmt.Fprintf(&out, "# %s\n", state.name)
		for n := range inviterMessages(newSituation()) {
			s := newSituation()
			state.reach(s)
			row := inviterMessages(s)[n]
			effects := s.inviter.Step(row.at, row.m)
			fmt.Fprintf(&out, "%-29s%s\n", row.name, orIgnored(names(effects)))
			checkInviter(t, s, state.name+" / "+row.name)
		}
	}
	compareRecorded(t, "inviter_product.txt", out.String())
}

// checkInviter checks what must hold after every step.
func checkInviter(t *testing.T, s *situation, where string) {
	t.Helper()
	for _, k := range s.inviter.attempts {
		if s.inviter.ticket(k.ticket.hash()) == nil {
			t.Errorf("%s: an attempt outlives its ticket", where)
		}
		if k.until.IsZero() {
			t.Errorf("%s: an attempt has no end", where)
		}
	}
	if len(s.inviter.tickets) > 0 && s.inviter.Deadline().IsZero() {
		t.Errorf("%s: a ticket has no end", where)
	}
}

func orIgnored(effects string) string {
	if effects == "" {
		return " -"
	}
	return effects
}

// joinerStates says, for every state of a joiner, how it is reached.
func joinerStates() []struct {
	name  string
	reach func(*situation)
} {
	handshaking := func(s *situation) {
		s.join(messages.BeginJoin{Ticket: s.ticket}, messages.JoinPathReady{Try: 1, Boot: 1, N: 1})
	}
	claiming := func(s *situation) { handshaking(s); s.join(s.complete(s.world.anna)) }
	say := func(s *situation, kind messages.AnswerKind) {
		s.join(messages.AnswerReceived{Attempt: s.id, Answer: s.answer(kind)})
	}
	syncing := func(s *situation) { claiming(s); say(s, messages.AnswerWelcome); s.join(messages.JoinAdopted{}) }
	return []struct {
		name  string
		reach func(*situation)
	}{
		{"idle", func(*situation) {}},
		{"opening", func(s *situation) { s.join(messages.BeginJoin{Ticket: s.ticket}) }},
		{"handshaking", handshaking},
		{"pausing", func(s *situation) {
			s.join(messages.BeginJoin{Ticket: s.ticket}, messages.JoinPathFailed{Try: 1}, messages.JoinPathFailed{Try: 2})
		}},
		{"claiming", claiming},
		{"waiting", func(s *situation) { claiming(s); say(s, messages.AnswerWaiting) }},
		{"adopting", func(s *situation) { claiming(s); say(s, messages.AnswerWelcome) }},
		{"adopting, channel gone", func(s *situation) {
			claiming(s)
			say(s, messages.AnswerWelcome)
			s.join(messages.TicketChannelClosed{Attempt: s.id})
		}},
		{"syncing", syncing},
		{"claiming again, adopted", func(s *situation) {
			syncing(s)
			s.join(messages.TicketChannelClosed{Attempt: s.id}, messages.JoinPathReady{Try: 2, Boot: 1, N: 1}, s.complete(s.world.anna))
		}},
		{"leaving", func(s *situation) { syncing(s); s.join(messages.JoinSynced{Attempt: s.id}) }},
		{"over", func(s *situation) { s.join(messages.BeginJoin{Ticket: s.ticket}, messages.CancelJoin{}) }},
	}
}

func joinerMessages(s *situation) []struct {
	name string
	m    messages.JoinerMessage
	at   time.Time
} {
	other := s.id
	other.N = 99
	say := func(kind messages.AnswerKind) messages.AnswerReceived {
		return messages.AnswerReceived{Attempt: s.id, Answer: s.answer(kind)}
	}
	busy := messages.AnswerReceived{Attempt: s.id, Answer: messages.RefusedAnswer(messages.InviterBusy)}
	bad := messages.AnswerReceived{Attempt: s.id, Answer: messages.Answer{Kind: messages.AnswerWelcome, Welcome: []byte{0xa0}}}
	return []struct {
		name string
		m    messages.JoinerMessage
		at   time.Time
	}{
		{"BeginJoin", messages.BeginJoin{Ticket: s.ticket}, s.now},
		{"JoinPathReady", messages.JoinPathReady{Try: s.joiner.try, Boot: 1, N: 2}, s.now},
		{"JoinPathReady of an old try", messages.JoinPathReady{Try: 77, Boot: 1, N: 2}, s.now},
		{"JoinPathFailed", messages.JoinPathFailed{Try: s.joiner.try, Why: "silence"}, s.now},
		{"HandshakeComplete", s.complete(s.world.anna), s.now},
		{"HandshakeComplete of another", messages.HandshakeComplete{Attempt: other}, s.now},
		{"HandshakerDown", messages.HandshakerDown{Attempt: s.id}, s.now},
		{"TicketChannelClosed", messages.TicketChannelClosed{Attempt: s.id}, s.now},
		{"AnswerReceived welcome", say(messages.AnswerWelcome), s.now},
		{"AnswerReceived bad welcome", bad, s.now},
		{"AnswerReceived waiting", say(messages.AnswerWaiting), s.now},
		{"AnswerReceived refused", say(messages.AnswerRefused), s.now},
		{"AnswerReceived busy", busy, s.now},
		{"JoinAdopted", messages.JoinAdopted{}, s.now},
		{"JoinNotAdopted", messages.JoinNotAdopted{Why: "disk full"}, s.now},
		{"JoinSynced", messages.JoinSynced{Attempt: s.id}, s.now},
		{"JoinSynced of another", messages.JoinSynced{Attempt: other}, s.now},
		{"CancelJoin", messages.CancelJoin{}, s.now},
		{"Tick at once", messages.Tick{}, s.now},
		{"Tick after 11 s", messages.Tick{}, s.now.Add(11 * time.Second)},
		{"Tick at the overall deadline", messages.Tick{}, s.now.Add(messages.JoinWithin)},
	}
}

// Every message in every state of the joiner, as it was decided; and whatever
// came before, the overall deadline ends the join.
func TestJoinerDecidesEveryMessageInEveryState(t *testing.T) {
	var out strings.Builder
	for _, state := range joinerStates() {
		fmt.Fprintf(&out, "# %s\n", state.name)
		for n := range joinerMessages(newSituation()) {
			s := newSituation()
			s.id = messages.AttemptID{Peer: s.world.anna.Authority(), Boot: 1, N: 1}
			state.reach(s)
			row := joinerMessages(s)[n]
			effects := s.joiner.Step(row.at, row.m)
			fmt.Fprintf(&out, "%-29s%s\n", row.name, orIgnored(names(effects)))
			for range 3 {
				if s.joiner.state != joinIdle {
					s.joiner.Step(row.at.Add(2*messages.JoinWithin), messages.Tick{})
				}
			}
			if s.joiner.state != joinIdle && s.joiner.state != joinOver {
				t.Errorf("%s / %s: the join never ends, it is in state %d", state.name, row.name, s.joiner.state)
			}
		}
	}
	compareRecorded(t, "joiner_product.txt", out.String())
}
