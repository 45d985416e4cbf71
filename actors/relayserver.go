package actors

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync/atomic"

	"github.com/waymeet/waymeet/actors/tree"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/relay"
	"github.com/waymeet/waymeet/supervision"
	relaywire "github.com/waymeet/waymeet/transport/relay"
)

// atForwarder is where the relay's machine stands.
const atForwarder = "/forwarder"

// RelayConfig is what a relay needs to run. Conn and Key are required.
type RelayConfig struct {
	// Conn is the socket; the relay owns it from now on.
	Conn net.PacketConn
	// Key is the relay's Ed25519 key; its public half stands in the URL.
	Key ed25519.PrivateKey
	// Tap gets every datagram that comes and goes; nil: nothing is kept.
	Tap io.Writer
	// Logger gets what the relay logs; nil: silence.
	Logger *slog.Logger
}

// Relay is a running relay: a socket that forwards, and an actor that decides
// for whom. What the actor decided stays with the socket whose clients and
// routes it is about, so both survive the actor.
type Relay struct {
	forwarder *relay.Forwarder
	server    *relaywire.Server
	tree      *supervision.Tree
	inbox     supervision.Ref[messages.RelayForwarderMessage]
	counts    atomic.Pointer[relay.Counts]
	stopping  atomic.Bool
	stopError error // set before done is closed
	done      chan struct{}
}

type forwarderContext = supervision.Context[messages.RelayForwarderMessage]

// StartRelay runs a relay.
func StartRelay(config RelayConfig) (*Relay, error) {
	r := &Relay{
		forwarder: relay.NewForwarder(relay.ForwarderConfig{Random: rand.Reader}),
		done:      make(chan struct{}),
	}
	r.counts.Store(&relay.Counts{})
	ready := make(chan struct{})
	server, err := relaywire.NewServer(relaywire.ServerConfig{
		Conn: config.Conn, Key: config.Key, Tap: config.Tap,
		Deliver: func(m messages.RelayForwarderMessage) bool {
			<-ready
			return r.inbox.Tell(m) == nil
		},
	})
	if err != nil {
		return nil, err
	}
	r.server = server
	tree, err := supervision.Start(supervision.Config{Logger: config.Logger}, supervision.SupervisorSpec{
		Children: []supervision.Child{tree.Forwarder(r.forwarderActor)},
	})
	if err != nil {
		close(ready)
		_ = server.Close()
		return nil, fmt.Errorf("the relay did not start: %w", err)
	}
	r.tree = tree
	r.inbox = supervision.Lookup[messages.RelayForwarderMessage](tree, atForwarder)
	close(ready)
	go r.watchTree()
	return r, nil
}

func (r *Relay) forwarderActor() supervision.Actor[messages.RelayForwarderMessage] {
	return supervision.Host[messages.RelayForwarderMessage, relay.ForwarderEffect]{
		New: func(*forwarderContext) (supervision.Machine[messages.RelayForwarderMessage, relay.ForwarderEffect], error) {
			return r.forwarder, nil
		},
		Perform: func(_ *forwarderContext, effect relay.ForwarderEffect) {
			r.perform(effect)
			counts := r.forwarder.Counts()
			r.counts.Store(&counts)
		},
		Tick: messages.Tick{},
		Last: func() []messages.RelayForwarderMessage {
			return []messages.RelayForwarderMessage{messages.RelayDrain{}}
		},
	}.Actor()
}

func (r *Relay) perform(effect relay.ForwarderEffect) {
	switch e := effect.(type) {
	case relay.Answer:
		r.server.Answer(e.Client, e.Control)
	case relay.SetRoute:
		r.server.SetRoute(e.Route)
	case relay.DropRoute:
		r.server.DropRoute(e.Session)
	case relay.DropClient:
		r.server.DropClient(e.Client)
	}
}

// Status is how the relay stands.
func (r *Relay) Status() messages.RelayStatus {
	counts := r.counts.Load()
	return messages.RelayStatus{
		Schema: messages.StatusSchema, Key: messages.RelayURL{Key: r.server.Key()}.KeyText(),
		Slots: counts.Slots, Sessions: counts.Sessions, ForwardedBytes: r.server.Counters().ForwardedBytes,
	}
}

// Actors is the relay's supervision tree: the forwarder, under the root.
func (r *Relay) Actors() []messages.ActorStatus { return actorStatuses(r.tree) }

// watchTree notices when the root gives up: then the socket goes too.
func (r *Relay) watchTree() {
	<-r.tree.Done()
	if r.tree.Err() != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
		defer cancel()
		_ = r.Stop(ctx) // Err tells the reason that counts
	}
}

// Stop tells the clients, then ends the relay. Stopping again, also from several
// goroutines, is safe: all wait for the same stop and get the same error.
func (r *Relay) Stop(ctx context.Context) error {
	if r.stopping.CompareAndSwap(false, true) {
		r.stopError = errors.Join(r.tree.Stop(ctx), r.server.Close())
		close(r.done)
		return r.stopError
	}
	select {
	case <-r.done:
		return r.stopError
	case <-ctx.Done():
		return ctx.Err() // somebody else stops it, and has more time
	}
}

// Done is closed when the relay has stopped, asked or not.
func (r *Relay) Done() <-chan struct{} { return r.done }

// Err is why it stopped by itself; nil if it was asked to.
func (r *Relay) Err() error { return r.tree.Err() }
