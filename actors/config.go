package actors

import (
	"context"
	"log/slog"
	"net/netip"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/supervision"
	"github.com/waymeet/waymeet/transport/mux"
	"github.com/waymeet/waymeet/transport/netwatch"
)

// Config is what a node needs to run. Dir is required; the zero value of every
// other field is the default that its comment names.
type Config struct {
	// Dir is the state directory; the node is its only user.
	Dir string
	// Listen is the address of the UDP socket. A zero port is chosen once and
	// kept in the node's database. Invalid: all addresses.
	Listen netip.AddrPort
	// Relays are those at which the node registers itself.
	Relays []messages.RelayURL
	// STUN are the HOST:PORT of servers that tell the node its own address,
	// beside its relays. None: only the relays.
	STUN []string
	// Nickname is what the node suggests to be called, or nothing.
	Nickname string
	// Logger gets what the node logs; nil: silence.
	Logger *slog.Logger
	// Seed is where all jitter comes from; zero: random.
	Seed uint64
	// Intensity bounds the restarts of every supervisor and of every actor;
	// zero: 3 in 60 s.
	Intensity supervision.Intensity
	// Chaos is what goes wrong in the supervision tree on purpose; nil in
	// production.
	Chaos supervision.Chaos
	// Open makes the socket; nil: a UDP socket of the system.
	Open func(listen netip.AddrPort, config mux.Config) (*mux.Socket, error)
	// Watch reports the network, at once and after every change, until ctx
	// ends; nil: that of the system.
	Watch func(ctx context.Context, report func(netwatch.Change)) error
	// Debug arms KillNext and Follow.
	Debug bool
}

// withDefaults fills what was left out.
func (c Config) withDefaults() Config {
	if !c.Listen.IsValid() {
		c.Listen = netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	}
	if c.Seed == 0 {
		c.Seed = randomSeed()
	}
	if c.Open == nil {
		c.Open = mux.ListenUDP
	}
	if c.Watch == nil {
		c.Watch = func(ctx context.Context, report func(netwatch.Change)) error {
			return netwatch.Watch(ctx, netwatch.Config{}, report)
		}
	}
	return c
}

func (c Config) logger() *slog.Logger {
	if c.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Logger
}
