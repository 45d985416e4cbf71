package upgrade

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// Times of a Network.
const (
	// changeQuiet is how long the network must be quiet before a change
	// counts.
	//
	// SPEC 10.9: "debounced 250 ms into one NetworkGeneration."
	changeQuiet = 250 * time.Millisecond
	// changeLimit bounds the wait where it never gets quiet.
	changeLimit = time.Second
	// endpointsQuiet gathers what is learned together at the start.
	endpointsQuiet = 50 * time.Millisecond
)

// NetworkSaved is what a Network must not forget when its actor dies. The zero
// value is that of a node that has just started.
type NetworkSaved struct {
	Generation messages.NetworkGeneration
	Interfaces messages.Interfaces
	Socket     netip.AddrPort
	// Seen is what others observed of us under Generation.
	Seen []Observation
}

// Observation is our own address as somebody else saw it.
type Observation struct {
	Observer messages.Observer
	// Local is where we sent from; invalid if that is not known.
	Local  netip.Addr
	Mapped netip.AddrPort
}

// NetworkEffect is one thing that a Network wants done.
type NetworkEffect interface{ networkEffect() }

// SaveNetwork stores what must survive the actor; it is performed first.
type SaveNetwork struct{ Saved NetworkSaved }

// AnnounceNetwork tells every PeerConnectionActor, and the host if the
// generation is a new one, how the network is now. Candidates is left to be
// filled for each context.
type AnnounceNetwork struct {
	Local messages.LocalNetwork
	// Reason is why the generation is new; "" if it is not.
	Reason string
}

// PublishEndpoints tells every publisher which direct endpoints to publish.
type PublishEndpoints struct{ Endpoints messages.LocalEndpoints }

func (SaveNetwork) networkEffect()      {}
func (AnnounceNetwork) networkEffect()  {}
func (PublishEndpoints) networkEffect() {}

// Network is the machine of the node's own network. It counts its changes and
// keeps what others observed of it. It is not safe for concurrent use.
//
// Invariants:
//  1. the generation only grows, and is 0 only before the first snapshot;
//  2. an observation belongs to the generation under which it was asked for
//     and dies with it.
type Network struct {
	saved  NetworkSaved
	change change
	// published are the endpoints last told, told says that some were.
	published   []messages.LinkEndpoint
	told        bool
	endpointsAt time.Time
	stale       uint64
	out         []NetworkEffect
}

// change is a change of the network that has not counted yet.
type change struct {
	// next is the newest snapshot.
	next   messages.Interfaces
	socket netip.AddrPort
	reason string
	// due is when it counts, limit when it does at the latest; zero: there is
	// no change.
	due, limit time.Time
}

// NewNetwork makes the machine from what was saved.
func NewNetwork(saved NetworkSaved) *Network {
	saved.Seen = slices.Clone(saved.Seen)
	return &Network{saved: saved}
}

// Generation is the current one.
func (n *Network) Generation() messages.NetworkGeneration { return n.saved.Generation }

// Stale counts the observations that came under an older generation.
func (n *Network) Stale() uint64 { return n.stale }

// Step takes one message and says what to do now.
func (n *Network) Step(now time.Time, event messages.NetworkMessage) []NetworkEffect {
	n.out = nil
	switch e := event.(type) {
	case messages.Interfaces:
		n.interfaces(now, e)
	case messages.SocketBound:
		n.socketBound(now, e.Addr)
	case messages.ClockJumped:
		n.noteChange(now, fmt.Sprintf("the clock jumped by %s", e.By.Round(time.Second)))
	case messages.NetworkChanged:
		n.noteChange(now, e.Reason)
	case messages.Reflexive:
		n.reflexive(now, e)
	case messages.Tick:
		// What is due is done below, whatever woke us.
	}
	if !n.change.due.IsZero() && !now.Before(n.change.due) {
		n.commitChange(now)
	}
	if !n.endpointsAt.IsZero() && !now.Before(n.endpointsAt) {
		n.publish()
	}
	return n.out
}

// Deadline is when Step wants to be called with a Tick; zero: not needed.
func (n *Network) Deadline() time.Time {
	if n.change.due.IsZero() || !n.endpointsAt.IsZero() && n.endpointsAt.Before(n.change.due) {
		return n.endpointsAt
	}
	return n.change.due
}

// interfaces takes a snapshot. The first one counts at once: there is nothing
// that it could disturb.
func (n *Network) interfaces(now time.Time, e messages.Interfaces) {
	e.Bindings = sortedBindings(e.Bindings)
	known := n.saved.Interfaces
	if !n.change.due.IsZero() {
		known = n.change.next
	}
	reason := difference(known, e)
	if reason == "" {
		n.tell()
		return
	}
	n.noteChange(now, reason)
	n.change.next = e
	if n.saved.Generation == 0 && n.change.socket.IsValid() {
		n.change.due = now
	}
}

func (n *Network) socketBound(now time.Time, addr netip.AddrPort) {
	if addr == n.saved.Socket {
		n.tell()
		return
	}
	n.noteChange(now, "the socket is bound to "+addr.String())
	n.change.socket = addr
	if n.saved.Generation == 0 && len(n.change.next.Bindings) > 0 {
		n.change.due = now
	}
}

// noteChange begins or prolongs the wait for quiet.
func (n *Network) noteChange(now time.Time, reason string) {
	c := &n.change
	if c.due.IsZero() {
		*c = change{next: n.saved.Interfaces, socket: n.saved.Socket, reason: reason, limit: now.Add(changeLimit)}
	}
	c.due = now.Add(changeQuiet)
	if c.due.After(c.limit) {
		c.due = c.limit
	}
}

// commitChange makes the new generation. Without a socket there is no network
// to speak of: the change waits for one.
func (n *Network) commitChange(now time.Time) {
	c := n.change
	n.change = change{}
	first := n.saved.Generation == 0
	n.saved.Interfaces, n.saved.Socket = c.next, c.socket
	if !c.socket.IsValid() {
		n.save()
		return
	}
	n.saved.Generation++
	n.saved.Seen = nil
	if first {
		c.reason = "the node has started"
	}
	n.save()
	n.do(AnnounceNetwork{Local: n.local(), Reason: c.reason})
	n.endpointsAt, n.told = now.Add(endpointsQuiet), true
}

// tell repeats what a restarted machine still knows.
func (n *Network) tell() {
	if n.saved.Generation == 0 || n.told || !n.change.due.IsZero() {
		return
	}
	n.told = true
	n.do(AnnounceNetwork{Local: n.local()})
	n.publish()
}

// reflexive takes an observation. It is evidence of a mapping only, and never
// that a binding exists (SPEC 10.5).
func (n *Network) reflexive(now time.Time, e messages.Reflexive) {
	if e.Network != n.saved.Generation || !e.Mapped.IsValid() {
		n.stale++
		return
	}
	hard := n.hardNAT()
	seen := Observation{Observer: e.Observer, Local: e.Local.Unmap(), Mapped: unmapped(e.Mapped)}
	at := slices.IndexFunc(n.saved.Seen, func(o Observation) bool { return o.Observer == seen.Observer && o.Local == seen.Local })
	switch {
	case at >= 0 && n.saved.Seen[at] == seen, at < 0 && len(n.saved.Seen) >= maxObservations:
		return
	case at >= 0:
		n.saved.Seen[at] = seen
	default:
		n.saved.Seen = append(n.saved.Seen, seen)
	}
	n.save()
	n.endpointsAt = now.Add(endpointsQuiet)
	if n.hardNAT() != hard {
		n.do(AnnounceNetwork{Local: n.local()})
	}
}

func (n *Network) publish() {
	n.endpointsAt = time.Time{}
	endpoints := n.endpoints()
	if n.published != nil && slices.Equal(n.published, endpoints) {
		return
	}
	n.published = endpoints
	n.do(PublishEndpoints{Endpoints: messages.LocalEndpoints{Network: n.saved.Generation, Endpoints: endpoints}})
}

func (n *Network) save() {
	saved := n.saved
	saved.Seen = slices.Clone(saved.Seen)
	n.do(SaveNetwork{Saved: saved})
}

func (n *Network) do(effects ...NetworkEffect) { n.out = append(n.out, effects...) }

// difference says what differs between two snapshots, or "".
func difference(a, b messages.Interfaces) string {
	switch {
	case !slices.Equal(names(a), names(b)):
		return "the interfaces changed"
	case !slices.Equal(a.Bindings, b.Bindings):
		return "the addresses changed"
	case a.DefaultRoutes != b.DefaultRoutes:
		return "the default route changed"
	}
	return ""
}

func names(i messages.Interfaces) []string {
	var list []string
	for _, b := range i.Bindings {
		list = append(list, b.Interface)
	}
	return slices.Compact(list)
}

func sortedBindings(bindings []messages.Binding) []messages.Binding {
	sorted := slices.Clone(bindings)
	slices.SortFunc(sorted, func(a, b messages.Binding) int {
		if order := strings.Compare(a.Interface, b.Interface); order != 0 {
			return order
		}
		if order := a.Prefix.Addr().Compare(b.Prefix.Addr()); order != 0 {
			return order
		}
		return a.Prefix.Bits() - b.Prefix.Bits()
	})
	return slices.Compact(sorted)
}
