package actors

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/rendezvous/handshake"
	"github.com/waymeet/waymeet/rendezvous/journal"
	"github.com/waymeet/waymeet/rendezvous/membership"
	"github.com/waymeet/waymeet/rendezvous/upgrade"
	"github.com/waymeet/waymeet/supervision"
	"github.com/waymeet/waymeet/transport/filedrop"
	"github.com/waymeet/waymeet/transport/mux"
	"github.com/waymeet/waymeet/transport/store"
	"github.com/waymeet/waymeet/transport/stun"
	"github.com/waymeet/waymeet/transport/vault"
)

var errNoPath = errors.New("there is no path to the peer")

// Node is a running node: the supervision tree, and outside it all that the
// actors must not lose. It is safe for concurrent use.
type Node struct {
	config   Config
	log      *slog.Logger
	identity membership.Identity
	static   handshake.Static
	service  rendezvous.RendezvousService
	boot     messages.Boot
	started  time.Time
	seed     atomic.Uint64

	lock    *store.Lock
	db      *store.Node
	socket  *mux.Socket
	lines   atomic.Pointer[vault.Lines]
	root    atomic.Pointer[supervision.Tree]
	inbox   *filedrop.Inbox
	control chan mux.Control
	running goroutines
	// closing ends when the node stops.
	closing context.Context
	close   context.CancelFunc

	databases   databases
	views       views
	hellos      hellos
	attempts    attempts
	sessions    sessions
	claims      claims
	ticketSyncs ticketSyncs
	welcomes    welcomes
	relays      relays
	joins       joins
	hub         hub
	hosted      hostedStreams
	// hostActors are those under /host.
	hostActors hostActors

	// What actors save and read back; incarnations fence it.
	savedPairs       vault.Cells[channel.Pair, channel.Saved]
	savedConnections vault.Cells[channel.Pair, upgrade.Saved]
	savedNetwork     vault.Cells[struct{}, upgrade.NetworkSaved]
	savedClaims      vault.Cells[messages.ContextID, journal.Claims]
	// local and endpoints are what the NetworkActor last told; reach is the way
	// to each peer; lastEqual the fingerprint at which a sync last ended equal.
	local     vault.Cells[struct{}, messages.LocalNetwork]
	endpoints vault.Cells[struct{}, messages.LocalEndpoints]
	reach     vault.Cells[channel.Pair, messages.Path]
	lastEqual vault.Cells[channel.Pair, [32]byte]
	completed vault.Cells[channel.Pair, channel.Counter]
	// noChannel says why a pair has none, for people.
	noChannel vault.Cells[channel.Pair, string]
	// removedBy are the pairs whose peer has closed because we were removed, with
	// the epoch in which we heard of it.
	removedBy vault.Cells[channel.Pair, messages.Epoch]
	stunAsked vault.Cells[stun.TransactionID, stunQuestion]

	// Who waits for what.
	changed     signal
	commits     asks[messages.OperationID, journal.Reply]
	contents    asks[messages.ContentRequest, content]
	invites     asks[messages.InviteRequest, inviteResult]
	joinResults asks[messages.TicketHash, joinResult]

	interfaces atomic.Pointer[messages.Interfaces]
	attempted  atomic.Uint64
	requests   atomic.Uint64
	armed      armedKills
	storms     storms
	// relayHeld is told to every PeerConnectionActor, whenever it starts.
	relayHeld atomic.Bool

	stopping  atomic.Bool
	stopError error // set before done is closed
	failed    atomic.Pointer[error]
	done      chan struct{}
}

// Start opens the state directory and the socket, runs the tree, and returns
// when all that the journals say is known. Its errors are messages.Problem
// where a person can do something about them.
func Start(config Config) (*Node, error) {
	n := &Node{config: config.withDefaults(), started: time.Now(), done: make(chan struct{}), control: make(chan mux.Control, controlBacklog)}
	n.log = n.config.logger()
	n.seed.Store(n.config.Seed)
	if err := n.open(); err != nil {
		n.closeAll()
		return nil, err
	}
	if _, err := supervision.Start(n.treeConfig(), n.spec()); err != nil {
		n.closeAll()
		return nil, fmt.Errorf("the node did not start: %w", err)
	}
	go n.watchTree()
	if err := n.awaitViews(); err != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
		defer cancel()
		_ = n.Stop(ctx) // the error that counts is why it did not start
		return nil, fmt.Errorf("the node did not start: %w", cmp.Or(n.Err(), err))
	}
	return n, nil
}

// viewsWithin bounds how long the stores may take to tell what is on disk.
const viewsWithin = time.Minute

// awaitViews waits until every journal has told what it holds: a host that saw
// no context would make a new one.
func (n *Node) awaitViews() error {
	ctx, cancel := context.WithTimeout(n.closing, viewsWithin)
	defer cancel()
	return n.changed.await(ctx, func() bool {
		return !slices.ContainsFunc(n.databases.all(), func(cx messages.ContextID) bool { return n.views.View(cx) == nil })
	})
}

// tree is the supervision tree; it is there from the first actor's start on.
func (n *Node) tree() *supervision.Tree { return n.root.Load() }

// watchTree notices when the root gives up: then the node stops, with the
// reason.
func (n *Node) watchTree() {
	<-n.tree().Done()
	if err := n.tree().Err(); err != nil {
		n.fail(err)
	}
}

// fail stops the node for good; the first reason counts.
func (n *Node) fail(err error) {
	if n.failed.CompareAndSwap(nil, &err) {
		n.log.Error("the node stops", "reason", err)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
			defer cancel()
			_ = n.Stop(ctx) // Err tells the reason that counts
		}()
	}
}

// stopWithin bounds a stop that nobody else bounds.
const stopWithin = 10 * time.Second

// Stop ends the node and waits: actors first, in reverse order, then QUIC, the
// socket and the disk. It takes no longer than the actors' deadlines together,
// and than ctx; a *supervision.StopError names those that did not end in time.
// Stopping again, also from several goroutines, is safe: all wait for the same
// stop and get the same error. A reader of Events may stop the node; an actor
// may not, so neither may the Logger.
func (n *Node) Stop(ctx context.Context) error {
	if n.stopping.CompareAndSwap(false, true) {
		n.stopError = n.tree().Stop(ctx)
		n.closeAll()
		close(n.done)
		return n.stopError
	}
	select {
	case <-n.done:
		return n.stopError
	default:
	}
	select {
	case <-n.done:
		return n.stopError
	case <-ctx.Done():
		return ctx.Err() // somebody else stops it, and has more time
	}
}

// Done is closed when the node has stopped, asked or not.
func (n *Node) Done() <-chan struct{} { return n.done }

// Err is why the node stopped by itself; nil if it runs or was asked to stop.
func (n *Node) Err() error {
	if err := n.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// Authority is who the node is.
func (n *Node) Authority() messages.AuthorityID { return n.identity.Authority() }

// Addr is the address of the node's socket.
func (n *Node) Addr() netip.AddrPort { return n.socket.LocalAddr() }

// jitter is a fresh source of jitter, a child of the node's seed.
func (n *Node) jitter() *mathrand.Rand {
	return mathrand.New(mathrand.NewPCG(n.config.Seed, n.seed.Add(1)))
}

// nextAttempt numbers the attempts under tickets of this boot.
func (n *Node) nextAttempt() uint64 { return n.attempted.Add(1) }

// publish hands an event to the host and whoever listens.
func (n *Node) publish(event messages.Event) {
	event.Time = messages.MillisOf(time.Now())
	n.hub.publish(event)
}

// randomSeed draws a seed from the system.
func randomSeed() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // crypto/rand does not fail
	return binary.BigEndian.Uint64(b[:])
}
