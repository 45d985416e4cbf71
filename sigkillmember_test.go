package waymeet_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/waymeet/waymeet"
)

// The environment of a member's process. The ticket is only there in its first
// life; foundATicket in its place lets it found the context.
const (
	memberDir    = "WAYMEET_TEST_MEMBER_DIR"
	memberRelay  = "WAYMEET_TEST_MEMBER_RELAY"
	memberTicket = "WAYMEET_TEST_MEMBER_TICKET"
	foundATicket = "found"
)

// What a member prints, each line with one word more, and what it is told.
const (
	saidTicket   = "ticket"  // TICKET
	saidContext  = "context" // ID
	saidFact     = "fact"    // ID: Append has returned
	saidActive   = "active"  // CHANNEL MICROSECONDS since the start of the node
	saidJournal  = "journal" // FINGERPRINT BYTES: what it holds, and what its streams have brought
	saidProblem  = "problem" // WHAT
	askQuiet     = "quiet"   // append nothing more
	askJournal   = "journal"
	flowProtocol = "flow/1"
)

// How fast a member works: it leaves the machine time for the other one.
const (
	betweenFacts  = 20 * time.Millisecond
	betweenWrites = 2 * time.Millisecond
	flowChunk     = 8 << 10
)

// mortal is one life of a member of a context with two members: it appends
// facts, streams bytes to the other one, and takes what that one streams.
type mortal struct {
	node  *waymeet.Node
	here  waymeet.Context
	began time.Time
	quiet atomic.Bool
	heard atomic.Int64
}

// runMember is that life. It ends with whoever holds its stdin.
func runMember(dir, relay, ticket string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	m := &mortal{began: time.Now()}
	var err error
	m.node, err = waymeet.Start(ctx, waymeet.Config{StateDir: dir, Listen: loopback, Relays: []string{relay}, NoAdmin: true})
	if err != nil {
		return err
	}
	if err := m.enter(ctx, ticket); err != nil {
		return err
	}
	fmt.Println(saidContext, m.here.ID())
	go m.watch(ctx)
	go m.write(ctx)
	go m.obey(cancel)
	for peer, known := m.peer(); ctx.Err() == nil; peer, known = m.peer() {
		if known {
			go m.takeFlows(ctx, peer)
			m.flow(ctx, peer)
		}
		time.Sleep(betweenWrites)
	}
	ctx, cancel = context.WithTimeout(context.Background(), patience)
	defer cancel()
	return m.node.Stop(ctx)
}

// enter founds the context, joins it, or is in it already.
func (m *mortal) enter(ctx context.Context, ticket string) (err error) {
	switch ticket {
	case "":
		m.here = m.node.Contexts()[0]
	case foundATicket:
		if m.here, err = m.node.Found(ctx); err != nil {
			return err
		}
		invitation, err := m.here.Invite(ctx, 0)
		if err != nil {
			return err
		}
		fmt.Println(saidTicket, invitation)
	default:
		m.here, err = m.node.Join(ctx, ticket)
	}
	return err
}

// peer is the other member, once it is known.
func (m *mortal) peer() (peer waymeet.Peer, known bool) {
	peers := m.here.Peers()
	if len(peers) != 1 {
		return peer, false
	}
	return peers[0], true
}

// watch prints every channel that is Active.
func (m *mortal) watch(ctx context.Context) {
	events := m.node.Events(ctx)
	for _, peer := range m.node.Status().Peers {
		if peer.State == "active" {
			m.active(peer.Channel)
		}
	}
	for event := range events {
		if event.Kind == waymeet.EventChannelUp {
			m.active(event.Channel)
		}
	}
}

func (m *mortal) active(channel waymeet.ChannelID) {
	fmt.Println(saidActive, channel, time.Since(m.began).Microseconds())
}

// write appends facts, and prints each one that is on disk.
func (m *mortal) write(ctx context.Context) {
	for !m.quiet.Load() {
		fact, err := m.here.Append(ctx, waymeet.FactApplication, []byte("a fact of a member that may die at any time"))
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			fmt.Println(saidProblem, err)
			return
		}
		fmt.Println(saidFact, fact)
		time.Sleep(betweenFacts)
	}
}

// flow streams bytes to the peer until it may not any more, over one stream
// after the other: a stream ends with its channel.
func (m *mortal) flow(ctx context.Context, peer waymeet.Peer) {
	chunk := make([]byte, flowChunk)
	for ctx.Err() == nil {
		stream, err := peer.OpenStream(ctx, flowProtocol)
		for err == nil && ctx.Err() == nil {
			_ = stream.SetWriteDeadline(time.Now().Add(time.Second)) // a stream that is gone says so in Write
			_, err = stream.Write(chunk)
			time.Sleep(betweenWrites)
		}
		if stream != nil {
			stream.Reset(0)
		}
		time.Sleep(betweenWrites)
	}
}

// takeFlows takes what the peer streams.
func (m *mortal) takeFlows(ctx context.Context, peer waymeet.Peer) {
	for {
		_, stream, err := peer.AcceptStream(ctx)
		if err != nil {
			return
		}
		go func() {
			defer stream.Close()
			buffer := make([]byte, flowChunk)
			for {
				n, err := stream.Read(buffer)
				m.heard.Add(int64(n))
				if err != nil {
					return
				}
			}
		}()
	}
}

// obey does what it is told, and ends the life when nobody is there any more.
func (m *mortal) obey(end func()) {
	defer end()
	for lines := bufio.NewScanner(io.LimitReader(os.Stdin, 1<<20)); lines.Scan(); {
		switch lines.Text() {
		case askQuiet:
			m.quiet.Store(true)
		case askJournal:
			for _, cx := range m.node.Status().Contexts {
				fmt.Println(saidJournal, cx.Fingerprint, m.heard.Load())
			}
		}
	}
}
