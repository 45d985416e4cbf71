package discovery

import (
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// only is the one effect of type E among the effects.
func only[E any, F any](t *testing.T, effects []F) E {
	t.Helper()
	var found []E
	for _, e := range effects {
		if one, ok := any(e).(E); ok {
			found = append(found, one)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d effects of the type among%s", len(found), names(effects))
	}
	return found[0]
}

func TestTicketHoldsWhatWasAskedFor(t *testing.T) {
	s := newSituation()
	m := s.world.request(1)
	m.Lifetime = time.Hour
	save := only[SaveTicket](t, s.inviter.Step(s.now, m))
	ticket := save.Ticket.Ticket
	if err := ticket.Validate(); err != nil {
		t.Error(err)
	}
	if ticket.Context != m.Context || ticket.Inviter != s.world.anna.Public() || ticket.Secret != m.Secret ||
		ticket.Expires != messages.MillisOf(s.now.Add(time.Hour)) || save.Hash != ticket.Hash() {
		t.Errorf("%+v", save)
	}
	if save.Ticket.Role != messages.RoleParticipant || len(save.Ticket.Slots) != 1 {
		t.Errorf("stored as %+v", save.Ticket)
	}
	if !ticket.Endpoints[0].Protocol.IsRelay() || ticket.Endpoints[1] != m.Direct[0] {
		t.Errorf("endpoints %v: the relay slot comes first", ticket.Endpoints)
	}
}

func TestInvitationIsRefusedWhen(t *testing.T) {
	tests := map[string]struct {
		spoil func(*messages.CreateTicket)
		want  messages.InvitationReason
	}{
		"another founded the context":  {func(m *messages.CreateTicket) { m.Founder = messages.AuthorityID{9} }, messages.NotFounder},
		"the finality rule is unknown": {func(m *messages.CreateTicket) { m.Finality = 9 }, messages.NotFounder},
		"the role is unknown":          {func(m *messages.CreateTicket) { m.Role = 9 }, messages.InvitationMalformed},
		"it would live for ever":       {func(m *messages.CreateTicket) { m.Lifetime = messages.MaxTicketLifetime + 1 }, messages.InvitationMalformed},
		"it would be dead at once":     {func(m *messages.CreateTicket) { m.Lifetime = -1 }, messages.InvitationMalformed},
		"there is no secret":           {func(m *messages.CreateTicket) { m.Secret = messages.SecretKey{} }, messages.InvitationMalformed},
		"nobody could reach it":        {func(m *messages.CreateTicket) { m.Slots, m.Direct = nil, nil }, messages.Unreachable},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSituation()
			m := s.world.request(1)
			test.spoil(&m)
			failed := only[InviteFailed](t, s.inviter.Step(s.now, m))
			if failed.Request != m.Request || failed.Failure.Reason != test.want {
				t.Errorf("got %+v", failed)
			}
			if line := failed.Failure.Error(); strings.Contains(line, "\n") || failed.Failure.Hint == "" {
				t.Errorf("%q is not one clear line", line)
			}
		})
	}
}

func TestInvitationFailsWithItsOnlyRelay(t *testing.T) {
	s := newSituation()
	m := s.world.request(1)
	m.Direct = nil
	hash := only[SaveTicket](t, s.inviter.Step(s.now, m)).Hash
	s.invite(messages.TicketSaved{Ticket: hash})
	effects := s.inviter.Step(s.now, messages.SlotFailed{Ticket: hash, Slot: messages.SlotID{1}, Why: "no answer from 127.0.0.1:7342"})
	failed := only[InviteFailed](t, effects)
	only[ReleaseTicket](t, effects)
	if failed.Failure.Reason != messages.Unreachable || !strings.Contains(failed.Failure.Error(), "127.0.0.1:7342") {
		t.Errorf("got %v", failed.Failure)
	}
}

func TestNodeKeepsSoManyTickets(t *testing.T) {
	s := newSituation()
	for n := range maxTickets {
		m := s.world.request(1)
		m.Secret = messages.SecretKey{1, byte(n), byte(n >> 8)}
		only[SaveTicket](t, s.inviter.Step(s.now, m))
	}
	failed := only[InviteFailed](t, s.inviter.Step(s.now, s.world.request(1)))
	if failed.Failure.Reason != messages.TooManyTickets {
		t.Errorf("got %v", failed.Failure)
	}
}

// openTicket is a situation with an issued ticket.
func openTicket() *situation {
	s := newSituation()
	return s.invite(s.world.request(1), messages.TicketSaved{Ticket: s.hash}, messages.SlotRegistered{Ticket: s.hash, Slot: messages.SlotID{1}})
}

// SPEC 14.2: "hello with empty context and epoch"; 7.7: "Majors must match …
// nothing for a non-member".
func TestHelloIsMetWithSilenceWhen(t *testing.T) {
	tests := map[string]func(*messages.TicketHello){
		"the ticket is unknown":       func(m *messages.TicketHello) { m.Ticket[0]++ },
		"it is an answer":             func(m *messages.TicketHello) { m.Hello.Kind = messages.HelloResponse },
		"the major is another":        func(m *messages.TicketHello) { m.Hello.Major++ },
		"it names an epoch":           func(m *messages.TicketHello) { m.Hello.Epoch = 1 },
		"it names our descriptor":     func(m *messages.TicketHello) { m.Hello.ReceiverNonce[0] = 1 },
		"it names its own descriptor": func(m *messages.TicketHello) { m.Hello.SenderNonce[0] = 1 },
		"it is of nobody":             func(m *messages.TicketHello) { m.Hello.Sender = messages.AuthorityID{} },
		"it says it is of ourselves":  func(m *messages.TicketHello) { m.Hello.Sender = person(1).Authority() },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			s := openTicket()
			hello := s.hello()
			spoil(&hello)
			if effects := s.inviter.Step(s.now, hello); len(effects) > 0 {
				t.Errorf("got%s", names(effects))
			}
		})
	}
	s := openTicket()
	start := only[StartResponder](t, s.inviter.Step(s.now, s.hello()))
	if !start.Terms.Stranger || start.Terms.Peer != s.id.Peer || start.Terms.Attempt != s.id ||
		string(start.Terms.Prologue) != string(s.hash[:]) || start.Terms.PSK != DeriveTicketKeys(s.ticket).PSK {
		t.Errorf("terms %+v", start.Terms)
	}
}

func TestAttemptsOfOneTicketAreBounded(t *testing.T) {
	s := openTicket()
	for n := range maxTicketAttempts + 1 {
		hello := s.hello()
		hello.Hash[1] = byte(n)
		effects := s.inviter.Step(s.now, hello)
		if started := len(effects) > 0; started != (n < maxTicketAttempts) {
			t.Errorf("attempt %d started: %v", n, started)
		}
	}
	s.inviter.Step(s.now.Add(handshakeWithin), messages.Tick{})
	if len(s.inviter.attempts) != 0 {
		t.Error("attempts without a handshake stay for ever")
	}
}

// Who holds some tickets cannot keep the holder of another one out.
func TestEveryTicketHasAPlace(t *testing.T) {
	s := openTicket()
	var hashes []messages.TicketHash
	for n := range maxAttempts/maxTicketAttempts + 1 {
		m := s.world.request(byte(n + 2))
		hash := only[SaveTicket](t, s.inviter.Step(s.now, m)).Hash
		s.inviter.Step(s.now, messages.TicketSaved{Ticket: hash})
		s.inviter.Step(s.now, messages.SlotRegistered{Ticket: hash, Slot: m.Slots[0].Endpoint.Slot})
		hashes = append(hashes, hash)
	}
	for i, hash := range hashes {
		started, want := 0, maxTicketAttempts
		if i == maxAttempts/maxTicketAttempts {
			want = 1
		}
		for n := range maxTicketAttempts {
			hello := s.hello()
			hello.Ticket, hello.Hash[1], hello.Hash[2] = hash, byte(n), byte(i)
			started += len(s.inviter.Step(s.now, hello))
		}
		if started != want {
			t.Errorf("ticket %d: %d attempts, want %d", i, started, want)
		}
	}
}

// SPEC 14.2: "the joiner claims {Ed25519 key, signature over 'waymeet/1 claim'
// ‖ handshake hash; its X25519 form must be the Noise static}".
func TestClaimMustBelongToItsChannel(t *testing.T) {
	ben, eve := person(2), person(3)
	tests := map[string]func(*situation) (messages.HandshakeComplete, messages.ClaimReceived){
		"the signature is of another handshake": func(s *situation) (messages.HandshakeComplete, messages.ClaimReceived) {
			m := s.claim(ben)
			m.Claim.Signature = ben.Sign(messages.ClaimMessage([32]byte{8}))
			return s.complete(ben), m
		},
		"the signature has no label": func(s *situation) (messages.HandshakeComplete, messages.ClaimReceived) {
			m := s.claim(ben)
			m.Claim.Signature = ben.Sign(s.handshake[:])
			return s.complete(ben), m
		},
		"the Noise static is of another": func(s *situation) (messages.HandshakeComplete, messages.ClaimReceived) {
			return s.complete(eve), s.claim(ben)
		},
		"the hello was of another": func(s *situation) (messages.HandshakeComplete, messages.ClaimReceived) {
			return s.complete(eve), s.claim(eve)
		},
		"the key is no key": func(s *situation) (messages.HandshakeComplete, messages.ClaimReceived) {
			m := s.claim(ben)
			m.Claim.Key = messages.PublicKey{1}
			return s.complete(ben), m
		},
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			s := openTicket()
			complete, claim := spoil(s)
			s.invite(s.hello(), complete)
			effects := s.inviter.Step(s.now, claim)
			if got := only[SendAnswer](t, effects).Answer; got.Refusal.Reason() != messages.ClaimBad || len(effects) != 1 {
				t.Errorf("got%s", names(effects))
			}
			// The ticket is as good as before.
			s.id.Hello[1], s.id.N = 1, 2
			s.invite(s.hello(), s.complete(ben))
			only[StoreClaim](t, s.inviter.Step(s.now, s.claim(ben)))
		})
	}
}

// The operation follows from ticket and joiner alone, so that the journal can
// tell that it was asked before.
func TestAddingAMemberIsOneOperation(t *testing.T) {
	ben, eve := person(2), person(3)
	ask := func(s *situation) AddMember {
		s.invite(s.hello(), s.complete(ben), s.claim(ben))
		return only[AddMember](t, s.inviter.Step(s.now, messages.ClaimStored{Ticket: s.hash, Joiner: ben.Public()}))
	}
	first, second := ask(openTicket()), ask(openTicket())
	if first != second || first.Operation.IsZero() || first.Member != ben.Public() || first.Role != messages.RoleParticipant {
		t.Errorf("%+v and %+v", first, second)
	}
	hash := openTicket().hash
	if InviteOperation(hash, ben.Authority()) == InviteOperation(hash, eve.Authority()) ||
		InviteOperation(hash, ben.Authority()) == InviteOperation(messages.TicketHash{1}, ben.Authority()) {
		t.Error("two operations have one id")
	}
}

// SPEC 14.2: "Used or expired tickets keep key and slot 24 h to say so".
func TestTicketIsKeptForADayAfterItExpired(t *testing.T) {
	s := openTicket()
	end := s.now.Add(messages.TicketLifetime + keepTicket)
	if effects := s.inviter.Step(end.Add(-time.Millisecond), messages.Tick{}); len(effects) > 0 {
		t.Errorf("too early:%s", names(effects))
	}
	released := only[ReleaseTicket](t, s.inviter.Step(end, messages.Tick{}))
	if released.Hash != s.hash || len(released.Slots) != 1 || !s.inviter.Deadline().IsZero() {
		t.Errorf("%+v, deadline %v", released, s.inviter.Deadline())
	}

	late := NewInviter(InviterConfig{Key: s.world.anna.Public()})
	stored := messages.StoredTicket{Ticket: s.ticket, Slots: s.world.request(1).Slots, Role: messages.RoleParticipant}
	effects := late.Step(end, messages.RestoreTickets{Tickets: []messages.StoredTicket{stored}})
	if only[ReleaseTicket](t, effects); len(effects) != 1 {
		t.Errorf("restored too late:%s", names(effects))
	}
}

func TestSilentDiskAndJournalAreAskedAgain(t *testing.T) {
	s := newSituation()
	ben := person(2)
	s.invite(s.world.request(1))
	again := func() []InviterEffect {
		t.Helper()
		s.now = s.inviter.Deadline()
		return s.inviter.Step(s.now, messages.Tick{})
	}
	only[SaveTicket](t, again())
	s.invite(messages.TicketSaved{Ticket: s.hash}, messages.SlotRegistered{Ticket: s.hash, Slot: messages.SlotID{1}})
	s.invite(s.hello(), s.complete(ben), s.claim(ben))
	only[StoreClaim](t, again())
	s.invite(messages.ClaimStored{Ticket: s.hash, Joiner: ben.Public()})
	only[AddMember](t, again())
	s.invite(messages.TicketChannelClosed{Attempt: s.id})
	if effects := again(); len(effects) != 0 {
		t.Errorf("nobody waits, and yet%s", names(effects))
	}
}

// A claim that the disk took from a dead inviter wins over what the living one
// believes.
func TestTheDiskDecidesWhoseClaimIsTheFirst(t *testing.T) {
	s := openTicket()
	ben, eve := person(2), person(3)
	s.invite(s.hello(), s.complete(ben), s.claim(ben))
	effects := s.inviter.Step(s.now, messages.ClaimStored{Ticket: s.hash, Joiner: eve.Public()})
	if got := only[SendAnswer](t, effects); got.Answer.Refusal.Reason() != messages.TicketUsed || len(effects) != 1 {
		t.Errorf("got%s", names(effects))
	}
}
