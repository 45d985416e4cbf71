package upgrade

// State is what is known of the path in use. It follows from the paths and the
// attempt that a Connection holds; nothing sets it.
type State uint8

const (
	// RelayOnly: no direct path is known to work.
	// Entered at the start, and when a direct path was given up.
	// Does: keeps a relay session warm, waits for a channel, for the delay of
	// the next attempt, or for a newer generation.
	// Leaves to Upgrading when an attempt begins; to Direct when a channel
	// came up without a relay.
	RelayOnly State = iota + 1
	// Upgrading: the relay carries the channel while an attempt is made.
	// Entered when we offer an attempt or join the peer's.
	// Does: coordinates, probes, validates.
	// Leaves to Direct on a promotion; to RelayOnly when the attempt ends.
	Upgrading
	// Direct: a validated path from socket to socket carries the channel.
	// Entered on a promotion, or when the path is heard again.
	// Does: keeps the relay warm; a newer generation makes one more attempt,
	// which may find a better path.
	// Leaves to Degraded when the path is in doubt; to RelayOnly when its
	// local binding is gone, or the relay is to be held.
	Direct
	// Degraded: the direct path is in doubt, and everything goes both ways.
	// Entered when nothing was heard for max(3 RTT, 150 ms), or when the
	// network changed under the path.
	// Does: waits as long again, or for the first attempt of the fresh cycle.
	// Leaves to Direct when the path is heard (after silence) or validated
	// again; to RelayOnly when it is not.
	Degraded
)

var stateNames = map[State]string{RelayOnly: "relay only", Upgrading: "upgrading", Direct: "direct", Degraded: "degraded"}

// String is the state in words.
func (s State) String() string { return stateNames[s] }
