package quicx

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/memory"
	tt "github.com/waymeet/waymeet/transport/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inMemory runs a test in virtual time with a connection between two ends.
func inMemory(t *testing.T, test func(t *testing.T, p *pair)) {
	synctest.Test(t, func(t *testing.T) {
		p := memoryPair(t, memory.New(1, memory.Link{Delay: 10 * time.Millisecond}))
		test(t, p)
		finish(p.left, p.right)
	})
}

func TestStreamsAreNetConns(t *testing.T) {
	inMemory(t, func(t *testing.T, p *pair) {
		left, right := p.stream(t)
		left.Write([]byte("question"))
		if err := left.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(right); string(got) != "question" || err != nil {
			t.Errorf("read %q, %v", got, err)
		}
		right.Write([]byte("answer")) // the other half is still open
		right.Close()
		if got, err := io.ReadAll(left); string(got) != "answer" || err != nil {
			t.Errorf("read %q, %v", got, err)
		}
		if _, err := left.Write([]byte("x")); err == nil {
			t.Error("wrote after CloseWrite")
		}
		if left.LocalAddr() == nil || left.RemoteAddr().String() != p.left.link.Addr().String() {
			t.Errorf("addresses %v and %v", left.LocalAddr(), left.RemoteAddr())
		}
	})
}

func TestDeadlinesEndReadsAndWrites(t *testing.T) {
	inMemory(t, func(t *testing.T, p *pair) {
		left, _ := p.stream(t)
		left.SetReadDeadline(time.Now().Add(time.Second))
		began := time.Now()
		_, err := left.Read(make([]byte, 1))
		var timeout net.Error
		if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() || time.Since(began) != time.Second {
			t.Errorf("read: %v after %v", err, time.Since(began))
		}
		left.SetDeadline(time.Now().Add(time.Second))
		if _, err := left.Write(make([]byte, 64<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write to a peer that does not read: %v", err)
		}
	})
}

func TestResetsAreTyped(t *testing.T) {
	inMemory(t, func(t *testing.T, p *pair) {
		left, right := p.stream(t)
		left.Write([]byte("x"))
		left.Reset(77)
		_, err := io.ReadAll(right)
		var reset *ResetError
		if !errors.As(err, &reset) || reset.Code != 77 || !reset.Remote {
			t.Errorf("read: %v, want a remote reset 77", err)
		}
		_, err = left.Read(make([]byte, 1))
		if !errors.As(err, &reset) || reset.Remote {
			t.Errorf("own read: %v, want our reset", err)
		}
		left, right = p.stream(t)
		right.CancelRead(5)
		time.Sleep(time.Second)
		if _, err := left.Write([]byte("y")); !errors.As(err, &reset) || reset.Code != 5 {
			t.Errorf("write: %v, want reset 5", err)
		}
	})
}

func TestControlFramesBothWays(t *testing.T) {
	inMemory(t, func(t *testing.T, p *pair) {
		long := bytes.Repeat([]byte("f"), MaxFrame)
		for _, frame := range [][]byte{{0}, []byte("two"), long} {
			if err := errors.Join(p.left.ctl.Send(frame), p.right.ctl.Send(frame)); err != nil {
				t.Fatal(err)
			}
		}
		for _, want := range [][]byte{{0}, []byte("two"), long} {
			for _, s := range []*side{p.left, p.right} {
				if got, err := s.ctl.Receive(); !bytes.Equal(got, want) || err != nil {
					t.Errorf("received %d bytes, %v, want %d", len(got), err, len(want))
				}
			}
		}
		for _, frame := range [][]byte{nil, make([]byte, MaxFrame+1)} {
			if err := p.left.ctl.Send(frame); err == nil {
				t.Errorf("a frame of %d bytes was sent", len(frame))
			}
		}
	})
}

func TestControlFrameOfWrongLengthCloses(t *testing.T) {
	for _, head := range []string{"\x00\x00", "\x10\x01"} {
		inMemory(t, func(t *testing.T, p *pair) {
			p.left.ctl.q.Write([]byte(head + strings.Repeat("x", 5000)))
			if _, err := p.right.ctl.Receive(); err == nil {
				t.Error("the frame was taken")
			}
			<-p.left.conn.Done()
			var closed *ClosedError
			if err := p.left.conn.Err(); !errors.As(err, &closed) || closed.Reason != CloseProtocol || !closed.Remote {
				t.Errorf("closed: %v", err)
			}
		})
	}
}

func TestStreamNamesTheirProtocol(t *testing.T) {
	inMemory(t, func(t *testing.T, p *pair) {
		for _, name := range []string{"", strings.Repeat("x", 256)} {
			if _, err := p.left.conn.OpenStream(t.Context(), name); err == nil {
				t.Errorf("a protocol of %d bytes was opened", len(name))
			}
		}
		// A stream that says nothing, and one with a broken head, are passed
		// over.
		mute, _ := p.left.conn.q.OpenStream()
		mute.Write([]byte{0})
		broken, _ := p.left.conn.q.OpenStream()
		broken.Write([]byte{9, 9})
		if _, err := p.left.conn.OpenStream(t.Context(), strings.Repeat("p", 255)); err != nil {
			t.Fatal(err)
		}
		name, _, err := p.right.conn.AcceptStream(t.Context())
		if name != strings.Repeat("p", 255) || err != nil {
			t.Errorf("accepted %q, %v", name, err)
		}
		if _, err := mute.Read(make([]byte, 1)); err == nil {
			t.Error("the mute stream was not reset")
		}
	})
}

func TestDatagrams(t *testing.T) {
	inMemory(t, func(t *testing.T, p *pair) {
		if err := p.left.conn.SendDatagram([]byte("small")); err != nil {
			t.Fatal(err)
		}
		if got, err := p.right.conn.ReceiveDatagram(t.Context()); string(got) != "small" || err != nil {
			t.Errorf("received %q, %v", got, err)
		}
		if err := p.left.conn.SendDatagram(make([]byte, 2000)); err == nil {
			t.Error("a datagram above the packet size was taken")
		}
	})
}

// SPEC 7.4: "a mismatch closes the channel. A relay cannot splice."
func TestMismatchedBindingCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memory.New(1, memory.Link{Delay: 10 * time.Millisecond})
		p := &pair{left: newSide(t, tt.Memory(t, n, "192.0.2.1:1"), tt.Options{}), right: newSide(t, tt.Memory(t, n, "192.0.2.2:2"), tt.Options{})}
		p.join(t, p.right.Path(), p.left.Path(), hash, other)
		if p.right.ctl != nil {
			t.Error("the responder took a wrong binding")
		}
		if _, _, err := p.left.conn.AcceptStream(t.Context()); err == nil {
			t.Error("the initiator handed out a stream")
		}
		if _, err := p.left.ctl.Receive(); err == nil {
			t.Error("the initiator handed out a frame")
		}
		for _, s := range []*side{p.left, p.right} {
			<-s.conn.Done()
			var closed *ClosedError
			if err := s.conn.Err(); !errors.As(err, &closed) || closed.Reason != CloseBind {
				t.Errorf("closed: %v, want CloseBind", err)
			}
		}
		finish(p.left, p.right)
	})
}

func TestNothingBeforeBind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memory.New(1, memory.Link{Delay: 10 * time.Millisecond})
		left, right := newSide(t, tt.Memory(t, n, "192.0.2.1:1"), tt.Options{}), newSide(t, tt.Memory(t, n, "192.0.2.2:2"), tt.Options{})
		a := tt.NewAttempt(t, "x", messages.SuiteAESGCM, left.End, right.End, right.Path(), left.Path())
		a.Install(t)
		conn, err := left.quic.Dial(t.Context(), a.Dialled)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.OpenStream(t.Context(), "x"); !errors.Is(err, ErrNotBound) {
			t.Errorf("open: %v", err)
		}
		if _, _, err := conn.AcceptStream(t.Context()); !errors.Is(err, ErrNotBound) {
			t.Errorf("accept: %v", err)
		}
		if _, err := conn.Bind(t.Context(), hash); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Bind(t.Context(), hash); err == nil {
			t.Error("bound twice")
		}
		// The responder answers but never binds: nothing of it is handed out,
		// and after 5 s the initiator closes.
		go func() {
			peer, err := right.quic.Accept(t.Context(), a.Accepted)
			if err != nil {
				t.Error(err)
				return
			}
			for range 2 { // the control stream and the one below
				q, err := peer.q.AcceptStream(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				q.Write([]byte("\x00\x00 unproved"))
			}
		}()
		s, err := conn.OpenStream(t.Context(), "x")
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if n, err := s.Read(make([]byte, 1)); n != 0 || err == nil || time.Since(began) > headTimeout+time.Second {
			t.Errorf("read %d bytes, %v after %v", n, err, time.Since(began))
		}
		finish(left, right)
	})
}

func TestCloseReasonsTravel(t *testing.T) {
	for reason := CloseDone; reason <= CloseShutdown; reason++ {
		inMemory(t, func(t *testing.T, p *pair) {
			if p.left.conn.Err() != nil {
				t.Errorf("an open connection is closed: %v", p.left.conn.Err())
			}
			_, right := p.stream(t)
			p.left.conn.Close(reason)
			p.left.conn.Close(CloseDone) // no effect
			_, err := right.Read(make([]byte, 1))
			<-p.right.conn.Done()
			for _, err := range []error{err, p.right.conn.Err()} {
				if want := (&ClosedError{Reason: reason, Remote: true}); err == nil || err.Error() != want.Error() {
					t.Errorf("closed: %v, want %v", err, want)
				}
			}
		})
	}
}

func TestIdleConnectionLivesForAnHour(t *testing.T) {
	inMemory(t, func(t *testing.T, p *pair) {
		before := p.left.link.Stats().DatagramsSent
		time.Sleep(time.Hour)
		if sent := p.left.link.Stats().DatagramsSent - before; sent > 260 {
			t.Errorf("%d datagrams in an idle hour: QUIC keeps alive too", sent)
		}
		left, right := p.stream(t)
		left.Write([]byte("x"))
		if _, err := right.Read(make([]byte, 1)); err != nil {
			t.Error(err)
		}
	})
}
