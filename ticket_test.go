package waymeet_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet"
	"github.com/waymeet/waymeet/messages"
)

// A context that was founded for a ticket is there though no ticket came of it: the
// error names it, whether the ticket was refused or nobody answered in time.
func TestRefusedTicketNamesTheContextThatIsNew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	node := startNode(t, waymeet.Config{StateDir: dir, UnsafeDebug: true})
	client, err := waymeet.Connect(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	// refused asks for a ticket into a new context, of which the error is to say all
	// of this.
	refused := func(ctx context.Context, code messages.ExitCode, what, hint string) {
		t.Helper()
		before := node.Contexts()
		_, err := client.Invite(ctx, waymeet.InviteRequest{Context: "new"})
		made := slices.DeleteFunc(node.Contexts(), func(c waymeet.Context) bool { return slices.Contains(before, c) })
		if len(made) != 1 {
			t.Fatalf("%v; the new contexts are %v", err, made)
		}
		id := made[0].ID().String()
		p := problem(t, err)
		if p.Code != code || p.What != what || !strings.HasSuffix(p.Whose, "; the new context "+id+" is there") || p.Hint != strings.ReplaceAll(hint, "ID", id) {
			t.Errorf("refused with code %d, %v", p.Code, err)
		}
	}
	if _, err := client.Suspend(patient(t), "/bootstrap/inviter"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	refused(ctx, waymeet.ExitWaiting, "no ticket was made", "waymeet invite --context ID")
	if _, err := client.Resume(patient(t), "/bootstrap/inviter"); err != nil {
		t.Fatal(err)
	}

	var full error // the node keeps 256 tickets
	for range 300 {
		if _, full = node.Contexts()[0].Invite(patient(t), 0); full != nil {
			break
		}
	}
	refused(patient(t), waymeet.ExitFailed, problem(t, full).What, problem(t, full).Hint)
}

// A lifetime that no ticket may have is refused before a context is founded for it.
func TestLifetimeThatIsRefusedFoundsNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	node := startNode(t, waymeet.Config{StateDir: dir})
	client, err := waymeet.Connect(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, lifetime := range []time.Duration{-1, messages.MaxTicketLifetime + 1} {
		_, err := client.Invite(patient(t), waymeet.InviteRequest{Lifetime: lifetime})
		if p := problem(t, err); p.Code != waymeet.ExitUsage || !strings.Contains(p.Whose, "a lifetime of "+lifetime.String()) || len(node.Contexts()) != 0 {
			t.Errorf("%v; the contexts are %v", err, node.Contexts())
		}
	}
}

// SPEC 14.2: "a single-use ticket"; "Used or expired tickets keep key and slot
// 24 h to say so; a forged one can only time out (no answer: ticket invalid or
// inviter offline)".
func TestTicketIsRefused(t *testing.T) {
	t.Parallel()
	relay := startRelay(t, waymeet.RelayConfig{})
	start := func() *waymeet.Node { return startNode(t, waymeet.Config{Relays: []string{relay.URL()}}) }
	anna, ben, eve := start(), start(), start()
	founded, used := invite(t, anna)
	if _, err := ben.Join(patient(t), used); err != nil {
		t.Fatal(err)
	}
	fresh := func(lifetime time.Duration) string {
		ticket, err := founded.Invite(patient(t), lifetime)
		if err != nil {
			t.Fatal(err)
		}
		return ticket
	}
	expired := fresh(time.Millisecond)
	eventually(t, "the ticket expires", func() bool { return time.Now().After(parseTicket(t, expired).Expires.Time()) })

	for name, c := range map[string]struct {
		joiner *waymeet.Node
		ticket string
		within time.Duration
		reason messages.InvitationReason
		code   messages.ExitCode
		what   string
	}{
		"used":      {eve, used, patience, messages.TicketUsed, waymeet.ExitFailed, "the ticket is used"},
		"expired":   {eve, expired, patience, messages.TicketExpired, waymeet.ExitFailed, "the ticket has expired"},
		"forged":    {eve, forge(t, fresh(0)), 2 * time.Second, messages.NoAnswer, waymeet.ExitWaiting, "no answer: ticket invalid or inviter offline"},
		"own":       {anna, fresh(0), patience, messages.OwnTicket, waymeet.ExitUsage, "cannot join by a ticket of this very node"},
		"no ticket": {eve, "friend-or-foe", patience, messages.TicketMalformed, waymeet.ExitUsage, "this is not a ticket that can be used"},
		"empty":     {eve, "", patience, messages.TicketMalformed, waymeet.ExitUsage, "this is not a ticket that can be used"},
		"cut short": {eve, used[:len(used)-5], patience, messages.TicketMalformed, waymeet.ExitUsage, "this is not a ticket that can be used"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.joiner.Join(within(patient(t), c.within), c.ticket)
			refusedFor(t, err, c.reason, c.code, c.what)
			if c.ticket != "" && strings.Contains(err.Error(), c.ticket) {
				t.Errorf("%v quotes a ticket", err)
			}
		})
	}
	if members := contextStatus(t, anna).Members; members != 2 {
		t.Errorf("%d members, not anna and ben", members)
	}
	if contexts := eve.Contexts(); len(contexts) != 0 {
		t.Errorf("eve is in %v", contexts)
	}
}

// hurried says that it ends soon, but goes on. A join ends a little earlier than
// its caller waits, to say why; on a busy machine a little is not enough.
type hurried struct {
	context.Context
	soon time.Time
}

func within(ctx context.Context, most time.Duration) context.Context {
	return hurried{ctx, time.Now().Add(most)}
}

func (h hurried) Deadline() (time.Time, bool) { return h.soon, true }

// refusedFor checks that a join failed for that reason, in words for people.
func refusedFor(t *testing.T, err error, reason messages.InvitationReason, code messages.ExitCode, what string) {
	t.Helper()
	var failure messages.InvitationFailure
	if !errors.As(err, &failure) || failure.Reason != reason {
		t.Fatalf("refused for %v, want %s", err, reason)
	}
	if p := problem(t, err); p.Code != code || p.What != what || p.Whose == "" || p.Hint == "" || strings.Contains(p.Error(), "\n") {
		t.Errorf("refused with code %d, %q; want %d, %q", p.Code, p.Error(), code, what)
	}
}

func parseTicket(t *testing.T, text string) messages.Ticket {
	t.Helper()
	ticket, err := messages.ParseTicket(text)
	if err != nil {
		t.Fatal(err)
	}
	return ticket
}

// forge is a ticket of the right form with another secret.
func forge(t *testing.T, text string) string {
	ticket := parseTicket(t, text)
	ticket.Secret[0]++
	return ticket.Text()
}

// A host may ask twice. The first join is not hurt by it: it ends in its own
// time, for its own reason.
func TestSecondJoinWithATicketIsRefusedMeanwhile(t *testing.T) {
	t.Parallel()
	relay := startRelay(t, waymeet.RelayConfig{})
	anna := startNode(t, waymeet.Config{Relays: []string{relay.URL()}})
	ben := startNode(t, waymeet.Config{Relays: []string{relay.URL()}})
	_, ticket := invite(t, anna)
	ticket = forge(t, ticket)

	ctx := within(patient(t), 10*time.Second)
	first := make(chan error, 1)
	go func() {
		_, err := ben.Join(ctx, ticket)
		first <- err
	}()
	eventually(t, "the first join is under way", func() bool {
		return slices.ContainsFunc(ben.Status().Actors, func(a waymeet.ActorStatus) bool {
			return strings.HasPrefix(a.Path, "/bootstrap/joins/")
		})
	})
	_, second := ben.Join(patient(t), ticket)
	if p := problem(t, second); p.Whose != "a join with it is under way already" {
		t.Errorf("the second join: %v", second)
	}
	refusedFor(t, <-first, messages.NoAnswer, waymeet.ExitWaiting, "no answer: ticket invalid or inviter offline")
}

// SPEC 14.2: "the *same* id claiming again gets the same answer", at once too.
func TestJoiningAgainAtOnceGivesTheSameContext(t *testing.T) {
	t.Parallel()
	relay := startRelay(t, waymeet.RelayConfig{})
	config := waymeet.Config{Relays: []string{relay.URL()}}
	m := meet(t, startNode(t, config), startNode(t, config))
	for range 3 {
		again, err := m.ben.Join(patient(t), m.ticket)
		if err != nil || again.ID() != m.there.ID() {
			t.Fatalf("joined %v, %v", again.ID(), err)
		}
	}
	if c := contextStatus(t, m.anna); c.Members != 2 || c.Epoch != 1 {
		t.Errorf("anna has %+v", c)
	}
}

// SPEC 14.2: "the first claim is stored {ticket hash → joiner id} before the
// answer; the same id claiming again gets the same answer, another id is
// refused." Not even SIGKILL between claim and answer makes two members.
func TestTicketIsUsedOnceAcrossSIGKILL(t *testing.T) {
	t.Parallel()
	relay := startRelay(t, waymeet.RelayConfig{})
	ben := startNode(t, waymeet.Config{Relays: []string{relay.URL()}})
	eve := startNode(t, waymeet.Config{Relays: []string{relay.URL()}})
	dir := t.TempDir()
	inviter := startInviter(t, dir, relay.URL())

	ctx, cancel := context.WithCancel(patient(t))
	joined := make(chan error, 1)
	go func() {
		_, err := ben.Join(ctx, inviter.ticket)
		joined <- err
	}()
	if line := inviter.line(t); line != claimed {
		t.Fatalf("the inviter printed %q", line)
	}
	inviter.kill()
	cancel()
	if err := <-joined; err == nil {
		t.Fatal("ben joined, and nobody answered him")
	}

	anna := startNode(t, waymeet.Config{StateDir: dir, Relays: []string{relay.URL()}})
	if members := contextStatus(t, anna).Members; members != 1 {
		t.Fatalf("%d members before the answer", members)
	}
	_, err := eve.Join(patient(t), inviter.ticket)
	refusedFor(t, err, messages.TicketUsed, waymeet.ExitFailed, "the ticket is used")
	context, err := ben.Join(patient(t), inviter.ticket)
	if err != nil {
		t.Fatal(err)
	}
	if c := contextStatus(t, anna); c.Members != 2 || c.Epoch != 1 || c.Context != context.ID() {
		t.Errorf("anna has %+v", c)
	}
	if peer := peerStatus(t, anna).Peer; peer != ben.Authority() {
		t.Errorf("the member is %s, not ben", peer)
	}
	_, err = eve.Join(patient(t), inviter.ticket)
	refusedFor(t, err, messages.TicketUsed, waymeet.ExitFailed, "the ticket is used")
}
