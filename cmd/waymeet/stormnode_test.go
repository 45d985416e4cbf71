package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/waymeet/waymeet"
	"go.uber.org/goleak"
)

// acceptEvery is how often a node of the storm looks for new peers.
const acceptEvery = 50 * time.Millisecond

// stormOrder is what the test asks of a node: a flow, a storm over bare actors
// beside it, or to append facts.
type stormOrder struct {
	Length time.Duration `json:"length_ns"`

	Peer    waymeet.AuthorityID `json:"peer,omitzero"`
	Streams int                 `json:"streams,omitempty"`
	Pace    pace                `json:"pace,omitempty"`

	BareActors int     `json:"bare_actors,omitempty"`
	Rate       float64 `json:"rate,omitempty"`

	Facts int `json:"facts,omitempty"`
}

// stormNodeMain is the program of the storm's nodes: what `waymeet up` runs,
// with a host that moves bytes and takes orders at a socket. It ends with exit
// code 1 if a goroutine is left over.
func stormNodeMain() {
	flags := flag.NewFlagSet("stormnode", flag.ExitOnError)
	config := waymeet.Config{Listen: netip.MustParseAddrPort("127.0.0.1:0"), UnsafeDebug: true}
	flags.StringVar(&config.StateDir, "state", "", "state directory")
	flags.IntVar(&config.UnsafeIntensity, "intensity", 0, "restarts a minute")
	relay := flags.String("relay", "", "URL")
	_ = flags.Parse(os.Args[1:]) // it exits
	config.Relays = []string{*relay}
	config.Logger = slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))

	host := &stormHost{}
	err := serve(
		func(ctx context.Context) (*waymeet.Node, error) { return waymeet.Start(ctx, config) },
		func(n *waymeet.Node) error { return host.start(n, config.StateDir) })
	host.stop()
	code := (&command{err: os.Stderr}).exit(err, nil)
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, "left over:", err)
		code = 1
	}
	os.Exit(code)
}

// stormHost is the host program around the node.
type stormHost struct {
	node   *waymeet.Node
	orders net.Listener
	ctx    context.Context
	end    context.CancelFunc
}

func (h *stormHost) start(n *waymeet.Node, dir string) (err error) {
	h.node = n
	h.ctx, h.end = context.WithCancel(context.Background())
	if h.orders, err = net.Listen("unix", filepath.Join(dir, "orders.sock")); err != nil {
		return err
	}
	go h.takeOrders()
	go h.acceptAll()
	_, err = fmt.Println("up", n.Authority())
	return err
}

func (h *stormHost) stop() {
	if h.end != nil {
		h.end()
	}
	if h.orders != nil {
		h.orders.Close()
	}
}

// acceptAll serves the streams of every peer, those that come later too.
func (h *stormHost) acceptAll() {
	served := make(map[waymeet.AuthorityID]bool)
	for h.ctx.Err() == nil {
		for _, cx := range h.node.Contexts() {
			for _, peer := range cx.Peers() {
				if !served[peer.ID()] {
					served[peer.ID()] = true
					go h.accept(peer)
				}
			}
		}
		time.Sleep(acceptEvery)
	}
}

func (h *stormHost) accept(peer waymeet.Peer) {
	for {
		_, stream, err := peer.AcceptStream(h.ctx)
		if err != nil {
			return
		}
		go func() {
			if err := acceptFlow(stream); err != nil {
				fmt.Fprintln(os.Stderr, "flow:", err) // the end that opened it counts
			}
		}()
	}
}

// takeOrders answers one order a connection.
func (h *stormHost) takeOrders() {
	for {
		conn, err := h.orders.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			var order stormOrder
			if err := json.NewDecoder(conn).Decode(&order); err != nil {
				return
			}
			answer := json.NewEncoder(conn)
			here := h.node.Contexts()[0]
			switch {
			case order.BareActors > 0:
				answer.Encode(bareStorm(h.ctx, order.BareActors, order.Rate, order.Length))
			case order.Facts > 0:
				answer.Encode(appendFacts(h.ctx, here, order.Facts))
			default:
				answer.Encode(flow(h.ctx, here.Peer(order.Peer), order.Streams, order.Length, order.Pace))
			}
		}()
	}
}

// order asks a node of the storm and decodes its answer.
func order[R any](ctx context.Context, dir string, what stormOrder) (answer R, err error) {
	conn, err := net.Dial("unix", filepath.Join(dir, "orders.sock"))
	if err != nil {
		return answer, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := json.NewEncoder(conn).Encode(what); err != nil {
		return answer, err
	}
	err = json.NewDecoder(conn).Decode(&answer)
	return answer, err
}
