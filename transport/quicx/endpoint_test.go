package quicx

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/memory"
	tt "github.com/waymeet/waymeet/transport/transporttest"
)

// A connection ends with its link, at each end and at each stage.
func TestConnectionsEndWithTheirLink(t *testing.T) {
	for _, initiator := range []bool{true, false} {
		inMemory(t, func(t *testing.T, p *pair) {
			left, right := p.stream(t)
			link, s := p.right.link, right
			if initiator {
				link, s = p.left.link, left
			}
			link.Close()
			_, err := s.Read(make([]byte, 1))
			var closed *ClosedError
			if !errors.As(err, &closed) || closed.Reason != CloseLink || closed.Remote {
				t.Errorf("read: %v, want CloseLink", err)
			}
		})
	}
}

func TestDialAndAcceptEndWithTheLinkAndTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memory.New(1, memory.Link{})
		s := newSide(t, tt.Memory(t, n, "192.0.2.1:1"), tt.Options{})
		nobody := newSide(t, tt.Memory(t, n, "192.0.2.9:9"), tt.Options{})
		ends := map[string]func(*tt.Attempt, context.CancelFunc){
			"link":    func(a *tt.Attempt, _ context.CancelFunc) { a.Dialled.Close(); a.Accepted.Close() },
			"context": func(_ *tt.Attempt, cancel context.CancelFunc) { cancel() },
			"nobody":  func(_ *tt.Attempt, cancel context.CancelFunc) { time.Sleep(6 * time.Second); cancel() },
		}
		for name, end := range ends {
			a := tt.NewAttempt(t, name, messages.SuiteAESGCM, s.End, s.End, nobody.Path(), nobody.Path())
			a.Install(t)
			ctx, cancel := context.WithCancel(t.Context())
			errs := make(chan error, 2)
			go func() { _, err := s.quic.Dial(ctx, a.Dialled); errs <- err }()
			go func() { _, err := s.quic.Accept(ctx, a.Accepted); errs <- err }()
			synctest.Wait()
			end(a, cancel)
			for range 2 {
				if err := <-errs; err == nil {
					t.Errorf("%s: no error", name)
				}
			}
			a.Dialled.Close()
			a.Accepted.Close()
			cancel()
		}
		if got := s.Socket.Stats().Links; got != 0 {
			t.Errorf("%d links are left", got)
		}
		finish(s, nobody)
		if _, err := s.quic.Accept(t.Context(), nil); !errors.Is(err, ErrClosed) {
			t.Errorf("accept after close: %v", err)
		}
	})
}

// A second QUIC connection on one link, and one dialled toward its initiator,
// are refused.
func TestOneConnectionALinkAndOneDirection(t *testing.T) {
	inMemory(t, func(t *testing.T, p *pair) {
		if c, err := p.right.quic.Dial(t.Context(), p.right.link); err == nil {
			c.Close(CloseDone)
			t.Error("the responder dialled")
		}
		if c, err := p.left.quic.Dial(t.Context(), p.left.link); err == nil {
			<-c.Done()
			var closed *ClosedError
			if !errors.As(c.Err(), &closed) || closed.Reason != CloseProtocol {
				t.Errorf("the second connection: %v", c.Err())
			}
		}
		left, right := p.stream(t) // the first one lives
		left.Write([]byte("x"))
		if _, err := right.Read(make([]byte, 1)); err != nil {
			t.Error(err)
		}
	})
}

func TestCloseOfTheEndpointTellsThePeer(t *testing.T) {
	inMemory(t, func(t *testing.T, p *pair) {
		p.left.quic.Close()
		if err := p.left.quic.Close(); !errors.Is(err, ErrClosed) {
			t.Errorf("closed twice: %v", err)
		}
		<-p.right.conn.Done()
		var closed *ClosedError
		if err := p.right.conn.Err(); !errors.As(err, &closed) || closed.Reason != CloseShutdown {
			t.Errorf("closed: %v", err)
		}
	})
}

// A parked connection that nobody accepts goes with its link, or with the
// endpoint.
func TestUnacceptedConnectionsLeaveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memory.New(1, memory.Link{})
		left, right := newSide(t, tt.Memory(t, n, "192.0.2.1:1"), tt.Options{}), newSide(t, tt.Memory(t, n, "192.0.2.2:2"), tt.Options{})
		for _, name := range []string{"a", "b"} {
			a := tt.NewAttempt(t, name, messages.SuiteAESGCM, left.End, right.End, right.Path(), left.Path())
			a.Install(t)
			if _, err := left.quic.Dial(t.Context(), a.Dialled); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if name == "a" {
				a.Accepted.Close()
			}
		}
		finish(left, right)
	})
}
