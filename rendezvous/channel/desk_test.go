package channel_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/channel"
)

// desk is one manager under a clock of its own; the test plays everybody else.
type desk struct {
	t       *testing.T
	manager *channel.Manager
	now     time.Time
	context messages.ContextID
	self    messages.AuthorityID
	peer    messages.AuthorityID
	// last are the effects of the last step, all those of all steps.
	last, all []channel.Effect
}

// newDesk is the manager of one member, told of its context and a direct path.
func newDesk(t *testing.T, self, peer *member, config channel.Config) *desk {
	t.Helper()
	d := &desk{t: t, manager: channel.NewManager(config), now: start, context: self.view.Context, self: self.id(), peer: peer.id()}
	d.step(messages.ContextChanged{Context: d.context})
	d.step(messages.PathReady{Context: d.context, Peer: d.peer, Path: messages.PathDirect})
	return d
}

func (d *desk) step(event messages.ChannelManagerMessage) []channel.Effect {
	d.last = d.manager.Step(d.now, event)
	d.all = append(d.all, d.last...)
	return d.last
}

// after lets time pass, deadline by deadline.
func (d *desk) after(wait time.Duration) []channel.Effect {
	d.t.Helper()
	end, effects := d.now.Add(wait), []channel.Effect(nil)
	for range 1000 {
		next := d.manager.Deadline()
		if next.IsZero() || next.After(end) {
			d.now = end
			return effects
		}
		if next.After(d.now) {
			d.now = next
		}
		effects = append(effects, d.step(messages.Tick{})...)
	}
	d.t.Fatal("the deadline never moves")
	return nil
}

// kinds names the effects.
func kinds(effects []channel.Effect) string {
	var names []string
	for _, e := range effects {
		names = append(names, strings.TrimPrefix(fmt.Sprintf("%T", e), "channel."))
	}
	return strings.Join(names, " ")
}

// the is the only effect of its kind among them.
func the[E channel.Effect](t *testing.T, effects []channel.Effect) E {
	t.Helper()
	var found []E
	for _, e := range effects {
		if f, ok := e.(E); ok {
			found = append(found, f)
		}
	}
	if len(found) != 1 {
		var none E
		t.Fatalf("%d effects %T among %q, want 1", len(found), none, kinds(effects))
	}
	return found[0]
}

// call brings the desk to the handshaker of its own call.
func (d *desk) call() channel.SpawnHandshaker {
	d.t.Helper()
	effects := d.last
	if !strings.Contains(kinds(effects), "Commit") {
		effects = d.after(time.Second)
	}
	commit := the[channel.Commit](d.t, effects)
	return the[channel.SpawnHandshaker](d.t, d.step(messages.Journaled{Operation: commit.Commit.Operation}))
}

// calledBy plays a hello of the peer.
func (d *desk) calledBy(peer *member, n uint64) []channel.Effect {
	return d.step(helloOf(peer, d.self, n))
}

func helloOf(from *member, to messages.AuthorityID, n uint64) messages.HelloReceived {
	v := from.view
	return messages.HelloReceived{
		Context: v.Context, Epoch: v.Epoch, Hash: messages.HelloHash{byte(n), from.id()[0]},
		Via: messages.Via{Kind: messages.PathDirect},
		Hello: messages.Hello{
			Kind: messages.HelloInit, Sender: from.id(), Major: messages.CurrentVersion.Major, Suite: messages.SuiteAESGCM,
			ReceiverNonce: v.Descriptors[to].Descriptor.Nonce, SenderNonce: v.Descriptors[from.id()].Descriptor.Nonce,
			Epoch: v.Epoch, Boot: 1, N: n, Noise: []byte("noise"),
		},
	}
}

// complete makes a channel of the attempt and answers for the store.
func (d *desk) complete(attempt messages.AttemptID) messages.ChannelID {
	d.t.Helper()
	hash := [32]byte{byte(attempt.N), attempt.Hello[0], 1}
	effects := d.step(messages.HandshakeComplete{Attempt: attempt, Result: messages.HandshakeResult{Hash: hash}})
	record := the[channel.AdoptChannel](d.t, effects).Record
	d.step(messages.Journaled{Operation: the[channel.Commit](d.t, effects).Commit.Operation})
	return record.Channel
}

// states says of every channel what it is.
func (d *desk) states() string {
	var out []string
	for _, c := range d.manager.Channels() {
		state := c.State.String()
		if c.Draining {
			state += " draining"
		}
		out = append(out, state)
	}
	return strings.Join(out, ", ")
}
