package rendezvoustest

import (
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous"
	"github.com/waymeet/waymeet/rendezvous/channel"
	"github.com/waymeet/waymeet/rendezvous/discovery"
	"github.com/waymeet/waymeet/rendezvous/handshake"
	"github.com/waymeet/waymeet/rendezvous/journal"
	"github.com/waymeet/waymeet/rendezvous/relay"
	"github.com/waymeet/waymeet/rendezvous/upgrade"
)

// Machine is what all machines are.
type Machine[M, F any] interface {
	Step(now time.Time, message M) []F
	Deadline() time.Time
}

// Host is one machine of a process with what is around it: how a life of it
// begins and ends, and how an effect is done. Its Actor runs it.
type Host[M, F any] struct {
	// Build makes the machine of a new life from the saved truth; First is what
	// that life begins with, Last what it ends with when it is asked to.
	Build       func() Machine[M, F]
	First, Last func() []M
	Perform     func(F)
	// Tick means that the deadline has come.
	Tick M
	// Died is told when a life has crashed; nil: nobody waits for it.
	Died func()

	process *process
	// kind is the machine's name in commands, of whom says whose it is where
	// there are several of a kind.
	kind, of string
	actor    Actor[M]
}

// The hosts of all kinds of machines.
type (
	// JournalHost hosts the journal of a context.
	JournalHost = Host[messages.JournalMessage, journal.Effect]
	// SyncHost hosts the sync of a context.
	SyncHost = Host[messages.JournalSyncMessage, journal.SyncEffect]
	// PublisherHost hosts what keeps the own descriptor of a context true.
	PublisherHost = Host[messages.PublisherMessage, rendezvous.PublisherEffect]
	// NetworkHost hosts what counts the generations of the network.
	NetworkHost = Host[messages.NetworkMessage, upgrade.NetworkEffect]
	// ManagerHost hosts the channel manager.
	ManagerHost = Host[messages.ChannelManagerMessage, channel.Effect]
	// PairHost hosts the paths of a pair.
	PairHost = Host[messages.PeerConnectionMessage, upgrade.Effect]
	// ShakerHost hosts one handshake.
	ShakerHost = Host[messages.HandshakerMessage, handshake.Effect]
	// RelayHost hosts the client of one use of a relay.
	RelayHost = Host[messages.RelayClientMessage, relay.ClientEffect]
	// InviterHost hosts the tickets of the node.
	InviterHost = Host[messages.InviterMessage, discovery.InviterEffect]
	// JoinerHost hosts one join.
	JoinerHost = Host[messages.JoinerMessage, discovery.JoinerEffect]
)

// Actor runs a machine: a mailbox, one message at a time, lives that can end
// anywhere. What comes while there is none is lost.
type Actor[M any] interface {
	// Tell puts a message into the mailbox, which survives the life.
	Tell(M)
	// Task does work beside the machine, some time later. It is done whatever
	// becomes of the life; what it emits reaches that life and no other. Only
	// for the performance of an effect.
	Task(name string, takes time.Duration, work func(emit func(M)))
	// Watch sends the message when the handshaker of the attempt crashes, as
	// long as this life lasts. Only for the performance of an effect.
	Watch(messages.AttemptID, M)
	// Kill ends the life as a crash does.
	Kill()
	// End ends the actor for good; after the message at hand, if it is its own.
	End()
}

// Run says which actor runs the machine from now on.
func (h *Host[M, F]) Run(actor Actor[M]) { h.actor = actor }

// Actor is what Run said last.
func (h *Host[M, F]) Actor() Actor[M] { return h.actor }

// Gone reports that the process has ended: its machines do nothing any more.
func (h *Host[M, F]) Gone() bool { return h.process.stopped }

func (h *Host[M, F]) label() string {
	if h.of == "" {
		return h.kind
	}
	return h.kind + " " + h.of
}

func (h *Host[M, F]) tell(message M) {
	if h.actor != nil {
		h.actor.Tell(message)
	}
}

// task is Actor.Task.
func (h *Host[M, F]) task(name string, takes time.Duration, work func(emit func(M))) {
	h.actor.Task(name, takes, work)
}

// later sends this life a message that has to be waited for a little.
func (h *Host[M, F]) later(name string, takes time.Duration, message M) {
	h.task(name, takes, func(emit func(M)) { emit(message) })
}

func (h *Host[M, F]) kill() {
	if h.actor != nil {
		h.actor.Kill()
	}
}

func (h *Host[M, F]) end() {
	if h.actor != nil {
		h.actor.End()
	}
}

// mortal is a host, whatever its machine.
type mortal interface {
	label() string
	kill()
	end()
}
