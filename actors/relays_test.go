package actors_test

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waymeet/waymeet/actors"
	"github.com/waymeet/waymeet/messages"
)

// The clients of relays begin anew with much that goes wrong in a node. The
// relay keeps what it has for them, so a channel over it goes on as if nothing
// had been: there and back takes 80 ms over it.
func TestRelayedChannelOutlivesTheRelayClients(t *testing.T) {
	for name, who := range map[string]int{"who was dialled": 0, "who dialled": 1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.stop()
				w.network.Cut(w.config(0, "").Listen.Addr(), w.config(1, "").Listen.Addr(), true)
				g := newGroup(t, w, 2)
				g.awaitMet(settle)
				if p := peerOf(g.nodes[0].Status(), g.nodes[1]); p.Path.Kind != messages.PathRelay {
					t.Fatalf("the path is %+v", p.Path)
				}
				out, in := g.stream()
				defer out.Close()
				defer in.Close()
				for range 3 {
					if killed := g.nodes[who].Kill("/network"); killed != 1 {
						t.Fatalf("%d killed", killed)
					}
					for range 20 {
						began := time.Now()
						g.echo(out, in)
						if took := time.Since(began); took > 200*time.Millisecond {
							t.Errorf("there and back took %v", took)
						}
						time.Sleep(10 * time.Millisecond)
					}
				}
			})
		})
	}
}

// A relayed channel that was cut off goes on as soon as the relay is back, however
// far QUIC's own probes are apart by then. The relay's clients ask for it every
// 2 s.
func TestRelayedChannelGoesOnAfterACut(t *testing.T) {
	for _, cut := range []time.Duration{9 * time.Second, 12 * time.Second, 17 * time.Second} {
		for range 3 { // which end calls, and so what is under way, is left to chance
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.stop()
				a, b, relay := w.config(0, "").Listen.Addr(), w.config(1, "").Listen.Addr(), relayAddr.Addr()
				w.network.Cut(a, b, true)
				g := newGroup(t, w, 2)
				g.awaitMet(settle)
				time.Sleep(5 * time.Second) // all is said
				out, in := g.stream()
				defer out.Close()
				defer in.Close()
				g.echo(out, in)
				w.network.Cut(a, relay, true)
				w.network.Cut(b, relay, true)
				back := make(chan time.Time)
				go func() {
					g.echo(out, in)
					back <- time.Now()
				}()
				time.Sleep(cut)
				restored := time.Now()
				w.network.Cut(a, relay, false)
				w.network.Cut(b, relay, false)
				if took := (<-back).Sub(restored); took > 3*time.Second {
					t.Errorf("after a cut of %v it took %v", cut, took)
				}
			})
		}
	}
}

// stream is a stream from the first node to the second one.
func (g *group) stream() (out, in *actors.Stream) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	a, b := g.nodes[0], g.nodes[1]
	out, err := a.OpenStream(ctx, actors.Pair{Context: g.context, Peer: b.Authority()}, "echo/1")
	if err != nil {
		g.t.Fatal(err)
	}
	if _, err := out.Write([]byte{0}); err != nil {
		g.t.Fatal(err)
	}
	accepted, err := b.AcceptStream(ctx, actors.Pair{Context: g.context, Peer: a.Authority()})
	if err != nil {
		g.t.Fatal(err)
	}
	if _, err := io.ReadFull(accepted.Stream, make([]byte, 1)); err != nil {
		g.t.Fatal(err)
	}
	return out, accepted.Stream
}

// echo sends a byte there and back.
func (g *group) echo(out, in *actors.Stream) {
	g.t.Helper()
	for _, way := range [][2]*actors.Stream{{out, in}, {in, out}} {
		if _, err := way[0].Write([]byte{1}); err != nil {
			g.t.Fatal(err)
		}
		if _, err := io.ReadFull(way[1], make([]byte, 1)); err != nil {
			g.t.Fatal(err)
		}
	}
}
