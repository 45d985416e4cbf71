package waymeet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/waymeet/waymeet/actors"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/supervision"
	"github.com/waymeet/waymeet/transport/admin"
)

// Config is what a node needs. StateDir is required.
type Config struct {
	// StateDir keeps the identity and the journals, 0700. One node at a time
	// uses it.
	StateDir string
	// Listen is the address of the UDP socket. Zero: all IPv4 addresses, and a
	// port that is chosen at the first start and kept.
	Listen netip.AddrPort
	// Relays are the URLs of relays to register at, as a relay prints them.
	Relays []string
	// STUN are HOST:PORT of STUN servers beside the relays. None is used that
	// is not given.
	STUN []string
	// Nickname is what the node suggests to be called, UTF-8 of at most 64 bytes;
	// empty: nothing. All of it can be printed.
	Nickname string
	// NoAdmin leaves the admin socket closed: the command line cannot ask this
	// node.
	NoAdmin bool
	// UnsafeDebug lets the admin socket kill actors and the like. Tests only.
	UnsafeDebug bool
	// UnsafeIntensity is how many restarts a minute every supervisor allows;
	// zero: 3. Only with UnsafeDebug: a node that hides how often it crashes helps
	// nobody.
	UnsafeIntensity int
	// Logger gets what the node logs; nil: silence. No secret is in it.
	Logger *slog.Logger
}

// Node is a running node. It is safe for concurrent use. A nil context is a mistake
// of the caller, except for Stop: the call panics, and does nothing.
type Node struct {
	node  *actors.Node
	admin *admin.Server
	// closing closes the admin socket, once.
	closing    sync.Once
	adminError error
}

// ErrStopped is what a node that has stopped, or is stopping, answers to everything that
// takes a context; match it with errors.Is.
var ErrStopped = actors.ErrStopped

// Start runs a node and returns when it is ready. ctx bounds the start alone;
// Stop ends the node. No signal handler, global logger or flag is touched.
func Start(ctx context.Context, config Config) (*Node, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	relays := make([]messages.RelayURL, 0, len(config.Relays))
	for _, text := range config.Relays {
		url, err := messages.ParseRelayURL(text)
		if err != nil {
			return nil, err
		}
		relays = append(relays, url)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	node, err := actors.Start(actors.Config{
		Dir: config.StateDir, Listen: config.Listen, Relays: relays, STUN: config.STUN,
		Nickname: config.Nickname, Logger: config.Logger, Debug: config.UnsafeDebug, Intensity: config.intensity(),
	})
	if err != nil {
		return nil, err
	}
	n := &Node{node: node}
	if config.NoAdmin {
		return n, nil
	}
	n.admin, err = admin.ServeNode(admin.Config{
		StateDir: config.StateDir, UnsafeDebug: config.UnsafeDebug, Logger: config.Logger,
	}, backend{n})
	if err != nil {
		_ = node.Stop(ctx) // the error that counts is why the socket is not open
		return nil, err
	}
	return n, nil
}

// check refuses what would make no sense once the node ran.
func (c Config) check() error {
	if c.StateDir == "" {
		return Problem{Code: ExitUsage, What: "no state directory", Whose: "Config.StateDir is empty", Hint: "name a directory"}
	}
	if c.UnsafeIntensity < 0 || c.UnsafeIntensity != 0 && !c.UnsafeDebug {
		return Problem{Code: ExitUsage, What: fmt.Sprintf("an intensity of %d restarts", c.UnsafeIntensity), Whose: "it is for tests alone, and not below 0", Hint: "--unsafe-debug beside --unsafe-intensity N"}
	}
	if len(c.Nickname) > messages.MaxNickname || !utf8.ValidString(c.Nickname) {
		return Problem{
			Code: ExitUsage, What: "cannot be called " + Printable(c.Nickname), Whose: fmt.Sprintf("a nickname is UTF-8 of at most %d bytes", messages.MaxNickname),
			Hint: "a shorter --nickname",
		}
	}
	if name := c.Nickname; Printable(name) != name {
		return Problem{Code: ExitUsage, What: "cannot be called " + Printable(name), Whose: "not all of it can be printed", Hint: "a --nickname without control characters"}
	}
	for _, server := range c.STUN {
		host, port, err := net.SplitHostPort(server)
		if number, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || host == "" || number == 0 {
			return Problem{
				Code: ExitUsage, What: "cannot ask the STUN server " + strconv.Quote(server), Whose: "it is not HOST:PORT",
				Hint: "one such as stun.example.org:3478",
			}
		}
	}
	return nil
}

// intensity is zero, the default, unless a test wants another.
func (c Config) intensity() supervision.Intensity {
	if c.UnsafeIntensity == 0 {
		return supervision.Intensity{}
	}
	return supervision.Intensity{Restarts: c.UnsafeIntensity, Within: time.Minute}
}

// Stop ends the node and returns when nothing of it runs any more, or ctx has
// ended. An actor that does not end is abandoned and named in the error. Stopping
// again is safe, and gives the same error. A reader of Events may call it, the
// Logger may not. A nil ctx is one that never ends.
func (n *Node) Stop(ctx context.Context) error {
	if ctx == nil {
		ctx = context.Background()
	}
	n.closing.Do(func() {
		if n.admin != nil {
			n.adminError = n.admin.Stop(ctx)
		}
	})
	return errors.Join(n.adminError, n.node.Stop(ctx))
}

// Done is closed when the node has stopped, asked or not; Err then says why.
func (n *Node) Done() <-chan struct{} { return n.node.Done() }

// Err is why the node stopped by itself; nil if it runs or was asked to stop. Its
// text is the chain of reasons: from the root of the supervision tree, which gave
// up, down to the actor that failed first.
func (n *Node) Err() error { return n.node.Err() }

// Authority is who the node is.
func (n *Node) Authority() AuthorityID { return n.node.Authority() }

// Addr is the address of the node's UDP socket.
func (n *Node) Addr() netip.AddrPort { return n.node.Addr() }

// Status is a copy of how the node stands.
func (n *Node) Status() Status { return n.node.Status() }

// Events are all events from now on, until ctx ends or the node stops. A
// reader that is too slow misses some.
func (n *Node) Events(ctx context.Context) <-chan Event { return n.node.Events(ctx) }

// Found makes a new context whose only member is this node, and returns when it can
// be used. After an error there is none, unless the error says so: one that cannot be
// used yet is returned beside it. Where the node stops meanwhile, the context is there
// after the next start, and that is no error.
func (n *Node) Found(ctx context.Context) (Context, error) {
	id, err := n.node.Found(ctx)
	return Context{n, id}, err
}

// Join uses a ticket, and returns when this node is a member of its context
// and in sync with the inviter. The ticket is a secret.
func (n *Node) Join(ctx context.Context, ticket string) (Context, error) {
	id, _, err := n.node.Join(ctx, ticket)
	return Context{n, id}, err
}

// Contexts are those that the node has founded or joined, sorted by id. One that it was
// removed from stays, and ContextStatus.Removed says so: what was said up to then can be
// read there, and what is appended there reaches nobody.
func (n *Node) Contexts() []Context {
	var all []Context
	for _, id := range n.node.Contexts() {
		all = append(all, Context{n, id})
	}
	return all
}

// Context is one context as a member sees it: a value that may be copied. The zero
// Context is none, and says so.
type Context struct {
	node *Node
	id   ContextID
}

// host is the running node; the zero Context and the zero Peer have none.
func (n *Node) host() (*actors.Node, error) {
	if n == nil {
		return nil, Problem{Code: ExitUsage, What: "no context", Whose: "the zero Context is of no node", Hint: "one that Found, Join or Contexts gave"}
	}
	return n.node, nil
}

// ID is the context's id.
func (c Context) ID() ContextID { return c.id }

// Invite makes a single-use ticket; lifetime zero is 10 minutes,
// and MaxTicketLifetime the most. The text is a
// secret until it is used.
func (c Context) Invite(ctx context.Context, lifetime time.Duration) (ticket string, err error) {
	host, err := c.node.host()
	if err != nil {
		return "", err
	}
	return host.Invite(ctx, c.id, lifetime)
}

// Append appends a fact to the journal and returns when it is on disk; sync
// brings it to the other members. The type is FactApplication or above.
//
// Where ctx ends before the fact is written, the fact is withdrawn: the error says
// so, wraps that of ctx, and nothing is appended, now or later. A fact that is just
// being written is written, and Append succeeds. A journal that does not answer for
// 2 s leaves no way to tell; then the error says that it may still be done.
func (c Context) Append(ctx context.Context, kind FactType, body []byte) (FactID, error) {
	host, err := c.node.host()
	if err != nil {
		return FactID{}, err
	}
	return host.Append(ctx, c.id, messages.ApplicationFact{Type: kind, Body: body})
}

// Facts reads the facts of the host's own kind that the members have appended:
// those that count, in the order in which this node came to know them; Seq and
// Time tell an author's own order. Who keeps the Cursor of the last fact goes on
// after it, in this life of the node or another, and misses no fact that comes
// late. The sequence ends with the last fact, or, with Follow, with ctx. An error
// ends it.
//
// A member reads the whole history of its context, what was said before it
// joined included.
func (c Context) Facts(ctx context.Context, query FactQuery) iter.Seq2[Fact, error] {
	host, err := c.node.host()
	if err == nil && query.To != 0 && query.To < query.From {
		err = Problem{Code: ExitUsage, What: fmt.Sprintf("cannot read the types from %d to %d", query.From, query.To), Whose: "no type is in that range", Hint: "the lower one as From"}
	}
	if err != nil {
		return func(yield func(Fact, error) bool) { yield(Fact{}, err) }
	}
	return host.Facts(ctx, c.id, query)
}

// Remove takes a member away and returns when that is on disk: those who stay get
// new keys, so that the member reads nothing that is said from now on, and its
// channels close. What it has read before, it keeps. Only the founder may
// remove, and nobody the founder. Ctx is as in Append.
func (c Context) Remove(ctx context.Context, member AuthorityID) error {
	host, err := c.node.host()
	if err != nil {
		return err
	}
	return host.Remove(ctx, c.id, member)
}

// Rotate gives all members new keys and returns when that is on disk. Only the
// founder may. Ctx is as in Append.
func (c Context) Rotate(ctx context.Context) error {
	host, err := c.node.host()
	if err != nil {
		return err
	}
	return host.Rotate(ctx, c.id)
}

// Peers are the other members, sorted by id, whether they can be reached or
// not.
func (c Context) Peers() []Peer {
	var peers []Peer
	if c.node == nil {
		return nil
	}
	for _, p := range c.peers() {
		peers = append(peers, c.Peer(p.Peer))
	}
	return peers
}

// Peer is another member; whether it is one shows when it is used.
func (c Context) Peer(id AuthorityID) Peer {
	return Peer{c.node, actors.Pair{Context: c.id, Peer: id}}
}

// Peer is another member of a context: a value that may be copied.
type Peer struct {
	node *Node
	pair actors.Pair
}

// Stream is a two-way stream over the channel to a peer. It is a net.Conn with
// half-close. It does not notice when the channel changes its path.
type Stream = actors.Stream

// ID is who the peer is.
func (p Peer) ID() AuthorityID { return p.pair.Peer }

// OpenStream opens a stream of the host's protocol, 1 to 255 bytes. It waits
// for a channel to the peer. Where none is to come, a Problem says so at once: this node
// or the peer was removed from the context, or the peer is this node. For a peer that
// has never been a member it waits, for it may be about to join.
func (p Peer) OpenStream(ctx context.Context, protocol string) (*Stream, error) {
	host, err := p.node.host()
	if err != nil {
		return nil, err
	}
	return host.OpenStream(ctx, p.pair, protocol)
}

// AcceptStream waits for the next stream that the peer opens, and tells its
// protocol.
func (p Peer) AcceptStream(ctx context.Context) (protocol string, s *Stream, err error) {
	host, err := p.node.host()
	if err != nil {
		return "", nil, err
	}
	accepted, err := host.AcceptStream(ctx, p.pair)
	return accepted.Protocol, accepted.Stream, err
}

// SendFile streams a file to the peer's folder for received files, and returns
// when it is stored there, durable and with an equal hash. It waits as OpenStream does.
func (p Peer) SendFile(ctx context.Context, name string, size uint64, content io.Reader) (SentFile, error) {
	host, err := p.node.host()
	if err != nil {
		return SentFile{}, err
	}
	return host.SendFile(ctx, p.pair, name, size, content)
}

// SentFile is what a peer acknowledged.
type SentFile = actors.SentFile
