package vault

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/memory"
	"github.com/waymeet/waymeet/transport/mux"
	"github.com/waymeet/waymeet/transport/quicx"
	tt "github.com/waymeet/waymeet/transport/transporttest"
)

// seen is a Watcher that notes what it is told.
type seen struct {
	mu sync.Mutex
	noted
}

type noted struct {
	confirmed int
	up        int
	closed    []error
	control   []string
	streams   []string
}

// told is a copy of what was noted.
func (s *side) told() noted {
	s.seen.mu.Lock()
	defer s.seen.mu.Unlock()
	return s.seen.noted
}

func (s *seen) note(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
}

func (s *seen) LineConfirmed(*Line)         { s.note(func() { s.confirmed++ }) }
func (s *seen) LineUp(*Line)                { s.note(func() { s.up++ }) }
func (s *seen) LineClosed(_ *Line, e error) { s.note(func() { s.closed = append(s.closed, e) }) }
func (s *seen) LinePath(*Line, mux.Event)   {}
func (s *seen) LineControl(_ *Line, frame []byte) {
	s.note(func() { s.control = append(s.control, string(frame)) })
}
func (s *seen) LineStream(_ *Line, protocol string, stream *quicx.Stream) {
	s.note(func() { s.streams = append(s.streams, protocol) })
	go func() {
		_, _ = io.Copy(stream, stream)
		stream.Close()
	}()
}

// side is one node's lines.
type side struct {
	end    *tt.End
	lines  *Lines
	seen   *seen
	closed bool
}

func newSide(t *testing.T, n *memory.Network, at string) *side {
	t.Helper()
	s := &side{seen: &seen{}}
	s.end = tt.NewEnd(t, tt.Memory(t, n, at), tt.Options{Event: func(_ *tt.End, e mux.Event) {
		if s.lines != nil {
			s.lines.LinkEvent(e)
		}
	}})
	lines, err := NewLines(s.end.Socket, s.seen)
	if err != nil {
		t.Fatal(err)
	}
	s.lines = lines
	return s
}

// close closes the lines and the socket, unless the test has.
func (s *side) close(t *testing.T) {
	t.Helper()
	if s.closed {
		return
	}
	s.closed = true
	if err := s.lines.Close(); err != nil {
		t.Error(err)
	}
	s.end.Socket.Close()
}

// attempts are the two ends' names of one attempt.
var (
	outbound = messages.AttemptID{N: 1}
	inbound  = messages.AttemptID{N: 1, Hello: messages.HelloHash{1}}
)

// config is for a link to a peer.
func (s *side) config(t *testing.T, peer *side) mux.LinkConfig {
	t.Helper()
	index, err := s.end.Socket.ReserveIndex()
	if err != nil {
		t.Fatal(err)
	}
	return mux.LinkConfig{
		Hello: tt.Hello(t, t.Name()), DatagramKey: tt.DatagramKey, Suite: messages.SuiteAESGCM,
		Path: peer.end.Path(), ReceiveIndex: index,
	}
}

// meet makes a line at each end, with the keys of a handshake that both ends
// have completed.
func meet(t *testing.T, left, right *side) (dialled, accepted *Line) {
	t.Helper()
	out, back := left.config(t, right), right.config(t, left)
	there, here := messages.SecretKey(tt.NewKey("there")), messages.SecretKey(tt.NewKey("back"))
	hash := [32]byte(tt.NewKey("handshake"))
	dialled, err := left.lines.Dial(outbound, out)
	if err != nil {
		t.Fatal(err)
	}
	accepted, err = right.lines.Accept(inbound, back, messages.HandshakeResult{
		Hash: hash, Send: here, Receive: there, SendIndex: out.ReceiveIndex, ReceiveIndex: back.ReceiveIndex,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := dialled.Install(messages.HandshakeResult{
		Hash: hash, Send: there, Receive: here, SendIndex: back.ReceiveIndex, ReceiveIndex: out.ReceiveIndex,
	}); err != nil {
		t.Fatal(err)
	}
	return dialled, accepted
}

func run(t *testing.T, test func(t *testing.T, left, right *side)) {
	synctest.Test(t, func(t *testing.T) {
		network := memory.New(1, memory.Link{Delay: 5 * time.Millisecond})
		left, right := newSide(t, network, "192.0.2.1:1"), newSide(t, network, "192.0.2.2:2")
		test(t, left, right)
		left.close(t)
		right.close(t)
		time.Sleep(time.Minute) // what QUIC keeps for a while ends
	})
}

func adopt(t *testing.T, left, right *side) {
	t.Helper()
	record := messages.ChannelRecord{Channel: messages.ChannelID{7}, Transcript: tt.NewKey("handshake")}
	if err := errors.Join(left.lines.Adopt(outbound, record), right.lines.Adopt(inbound, record)); err != nil {
		t.Fatal(err)
	}
}

func TestLineComesUpAndCarriesControl(t *testing.T) {
	run(t, func(t *testing.T, left, right *side) {
		dialled, accepted := meet(t, left, right)
		adopt(t, left, right)
		time.Sleep(time.Second)
		if left.told().up != 1 || right.told().up != 1 || right.told().confirmed != 1 {
			t.Fatalf("up %d and %d, confirmed %d", left.told().up, right.told().up, right.told().confirmed)
		}
		if !dialled.Up() || !accepted.Up() {
			t.Error("a line that was told to be up says it is not")
		}
		if err := dialled.SendControl([]byte("offer")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if len(right.told().control) != 1 || right.told().control[0] != "offer" {
			t.Errorf("control frames %q", right.told().control)
		}
	})
}

// SPEC 6.2: "only then are streams handed out".
func TestNoStreamBeforeItIsAllowed(t *testing.T) {
	run(t, func(t *testing.T, left, right *side) {
		dialled, accepted := meet(t, left, right)
		adopt(t, left, right)
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := dialled.OpenStream(ctx, "echo/1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("a stream before Allow: %v", err)
		}
		dialled.Allow()
		accepted.Allow("sync/1")
		stream, err := dialled.OpenStream(t.Context(), "echo/1")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(stream); err == nil {
			t.Error("a stream of a protocol that is not allowed was not reset")
		}
		accepted.Allow("echo/1")
		if stream, err = dialled.OpenStream(t.Context(), "echo/1"); err != nil {
			t.Fatal(err)
		}
		_, _ = stream.Write([]byte("said"))
		_ = stream.CloseWrite()
		if heard, err := io.ReadAll(stream); err != nil || string(heard) != "said" {
			t.Errorf("heard %q, %v", heard, err)
		}
		if len(right.told().streams) != 1 {
			t.Errorf("streams handed out: %q", right.told().streams)
		}
	})
}

// SPEC 7.8: a channel that catches up carries the sync alone. What the peer
// opens early, because it was Active first, waits and is not lost.
func TestStreamsWaitWhileALineCatchesUp(t *testing.T) {
	run(t, func(t *testing.T, left, right *side) {
		dialled, accepted := meet(t, left, right)
		adopt(t, left, right)
		time.Sleep(time.Second)
		dialled.Allow()
		accepted.AllowFirst("sync/1")
		said := func(protocol string) *quicx.Stream {
			stream, err := dialled.OpenStream(t.Context(), protocol)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = stream.Write([]byte(protocol))
			_ = stream.CloseWrite()
			return stream
		}
		hear := func(stream *quicx.Stream, want string) {
			t.Helper()
			if heard, err := io.ReadAll(stream); err != nil || string(heard) != want {
				t.Errorf("heard %q, %v", heard, err)
			}
		}
		early := said("echo/1")
		hear(said("sync/1"), "sync/1")
		if streams := right.told().streams; len(streams) != 1 {
			t.Fatalf("handed out while it catches up: %q", streams)
		}
		accepted.Allow()
		hear(early, "echo/1")
		hear(said("echo/1"), "echo/1")
	})
}

// It holds back no more than it has room for.
func TestStreamsThatWaitAreBounded(t *testing.T) {
	run(t, func(t *testing.T, left, right *side) {
		dialled, accepted := meet(t, left, right)
		adopt(t, left, right)
		time.Sleep(time.Second)
		dialled.Allow()
		accepted.AllowFirst("sync/1")
		var last *quicx.Stream
		for range maxHeld + 1 {
			stream, err := dialled.OpenStream(t.Context(), "echo/1")
			if err != nil {
				t.Fatal(err)
			}
			last = stream
		}
		var reset *quicx.ResetError
		if _, err := io.ReadAll(last); !errors.As(err, &reset) {
			t.Errorf("one too many: %v", err)
		}
		accepted.Allow()
		time.Sleep(time.Second)
		if streams := right.told().streams; len(streams) != maxHeld {
			t.Errorf("%d streams handed out", len(streams))
		}
	})
}

// An attempt that nobody makes a channel of is freed, whoever died.
func TestAttemptWithoutOwnerIsFreed(t *testing.T) {
	run(t, func(t *testing.T, left, right *side) {
		meet(t, left, right)
		time.Sleep(orphanAfter - time.Second)
		if len(left.told().closed) != 0 {
			t.Fatalf("freed too early: %v", left.told().closed)
		}
		time.Sleep(3 * time.Second)
		if len(left.told().closed) != 1 || len(right.told().closed) != 1 {
			t.Fatalf("closed %v and %v, want one each", left.told().closed, right.told().closed)
		}
		if _, ok := left.lines.Attempt(outbound); ok {
			t.Error("the attempt is still there")
		}
	})
}

func TestAdoptedLineStaysAndIsFoundAgain(t *testing.T) {
	run(t, func(t *testing.T, left, right *side) {
		dialled, _ := meet(t, left, right)
		adopt(t, left, right)
		adopt(t, left, right) // once more changes nothing
		time.Sleep(10 * orphanAfter)
		found, ok := left.lines.Channel(messages.ChannelID{7})
		if !ok || found != dialled || len(left.lines.Channels()) != 1 {
			t.Fatalf("the channel is not found: %v", ok)
		}
		if err := left.lines.Adopt(messages.AttemptID{N: 9}, messages.ChannelRecord{}); !errors.Is(err, ErrNoLine) {
			t.Errorf("adopting what is not there: %v", err)
		}
	})
}

// Attempts have the id of the hello that began them, and a hello may be answered
// once more: then there is another handshake under the same id.
func TestChannelOfAnotherHandshakeIsNotAdopted(t *testing.T) {
	run(t, func(t *testing.T, left, right *side) {
		meet(t, left, right)
		record := messages.ChannelRecord{Channel: messages.ChannelID{8}, Transcript: tt.NewKey("the handshake before")}
		if err := right.lines.Adopt(inbound, record); !errors.Is(err, ErrNoLine) {
			t.Errorf("adopting it: %v", err)
		}
		if len(right.lines.Channels()) != 0 {
			t.Error("there is a channel")
		}
		adopt(t, left, right) // its own is, still
	})
}

func TestCloseTellsThePeerWhy(t *testing.T) {
	run(t, func(t *testing.T, left, right *side) {
		dialled, _ := meet(t, left, right)
		adopt(t, left, right)
		time.Sleep(time.Second)
		dialled.Close(quicx.CloseRemoved)
		time.Sleep(time.Second)
		var closed *quicx.ClosedError
		if len(right.told().closed) != 1 || !errors.As(right.told().closed[0], &closed) || !closed.Remote || closed.Reason != quicx.CloseRemoved {
			t.Errorf("the peer was told %v", right.told().closed)
		}
		if _, ok := right.lines.Channel(messages.ChannelID{7}); ok {
			t.Error("the peer keeps a closed channel")
		}
	})
}

func TestAttemptIsNotMadeTwice(t *testing.T) {
	run(t, func(t *testing.T, left, right *side) {
		meet(t, left, right)
		index, err := left.end.Socket.ReserveIndex()
		if err != nil {
			t.Fatal(err)
		}
		config := mux.LinkConfig{
			Hello: tt.Hello(t, "another"), DatagramKey: tt.DatagramKey, Suite: messages.SuiteAESGCM,
			Path: right.end.Path(), ReceiveIndex: index,
		}
		if _, err := left.lines.Dial(outbound, config); err == nil {
			t.Error("one attempt has two lines")
		}
	})
}

// An attempt that begins while the lines are closed leaves no goroutine behind that
// Close did not wait for.
func TestNothingBeginsOnceClosed(t *testing.T) {
	run(t, func(t *testing.T, left, right *side) {
		link, err := left.end.Socket.Dial(left.config(t, right))
		if err != nil {
			t.Fatal(err)
		}
		line, err := left.lines.add(outbound, link)
		if err != nil {
			t.Fatal(err)
		}
		left.close(t)
		left.lines.start(func() { t.Error("something runs that nobody waits for") })
		synctest.Wait()
		select {
		case <-line.Done():
		default:
			t.Error("the line that was added has not ended")
		}
		if _, found := left.lines.Attempt(outbound); found {
			t.Error("the line that has ended is found")
		}
	})
}
