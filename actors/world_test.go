package actors_test

import (
	"context"
	"log/slog"
	"net/netip"

	"github.com/waymeet/waymeet/actors"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/supervision"
	"github.com/waymeet/waymeet/transport/mux"
	"github.com/waymeet/waymeet/transport/netwatch"
)

// chaosOf is a chaos of kills alone; nil: none.
func chaosOf(kill func(supervision.Point) bool) supervision.Chaos {
	if kill == nil {
		return nil
	}
	return supervision.KillAt(kill)
}

// startAt runs a node at the i-th address.
func (w *world) startAt(i int, dir string, kill func(supervision.Point) bool) *actors.Node {
	w.t.Helper()
	config := w.config(i, dir)
	config.Chaos = chaosOf(kill)
	return w.startOn(config)
}

// startOn runs a node that has an actor of a host program, too.
func (w *world) startOn(config actors.Config) *actors.Node {
	w.t.Helper()
	node, err := actors.Start(config)
	if err != nil {
		w.t.Fatal(err)
	}
	guest := supervision.WorkerSpec[string]{Name: "guest", New: func() supervision.Actor[string] { return guest{} }}
	if err := node.Supervise(guest.Child()); err != nil {
		w.t.Fatal(err)
	}
	return node
}

// guest is an actor of a host program: it is there.
type guest struct{}

func (guest) Start(*supervision.Context[string]) error     { return nil }
func (guest) Receive(*supervision.Context[string], string) {}
func (guest) Stop(*supervision.Context[string])            {}

// config is that of a node at the i-th address.
func (w *world) config(i int, dir string) actors.Config {
	host := netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)})
	return actors.Config{
		Logger: slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", i),
		Dir:    dir, Listen: netip.AddrPortFrom(host, 4000), Seed: uint64(i + 1),
		Relays: []messages.RelayURL{w.url},
		Open: func(listen netip.AddrPort, config mux.Config) (*mux.Socket, error) {
			conn, err := w.network.Listen(listen)
			if err != nil {
				return nil, err
			}
			return mux.New(conn, config), nil
		},
		Watch: func(ctx context.Context, report func(netwatch.Change)) error {
			report(netwatch.Change{Snapshot: netwatch.Snapshot{Interfaces: []netwatch.Interface{{
				Name: "eth0", Index: 1, Up: true, Prefixes: []netip.Prefix{netip.PrefixFrom(host, 24)},
			}}}})
			<-ctx.Done()
			return nil
		},
	}
}
