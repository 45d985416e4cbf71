package quicx

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/memory"
	tt "github.com/waymeet/waymeet/transport/transporttest"
)

// A link may close when its connection has just come up: the connection ends, and
// the endpoint knows it no more.
func TestConnectionOfALinkThatHasJustClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memory.New(1, memory.Link{})
		left, right := newSide(t, tt.Memory(t, n, "192.0.2.1:1"), tt.Options{}), newSide(t, tt.Memory(t, n, "192.0.2.2:2"), tt.Options{})
		a := tt.NewAttempt(t, "a", messages.SuiteAESGCM, left.End, right.End, right.Path(), left.Path())
		a.Install(t)
		q, err := left.quic.transport.Dial(t.Context(), a.Dialled.Addr(), left.quic.tls, quicConfig())
		if err != nil {
			t.Fatal(err)
		}
		a.Dialled.Close() // between the two halves of Dial
		c, err := left.quic.adopt(q, a.Dialled)
		if err != nil {
			t.Fatal(err)
		}
		<-c.Done()
		var closed *ClosedError
		if err := c.Err(); !errors.As(err, &closed) || closed.Reason != CloseLink {
			t.Errorf("closed: %v", err)
		}
		left.quic.mu.Lock()
		if left := len(left.quic.conns); left != 0 {
			t.Errorf("%d connections are left", left)
		}
		left.quic.mu.Unlock()
		a.Accepted.Close()
		finish(left, right)
	})
}
