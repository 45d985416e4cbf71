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
