package mux_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/mux"
	tt "github.com/waymeet/waymeet/transport/transporttest"
)

// earlyDatagrams are early datagrams of an attempt, one a text, without hellos.
func earlyDatagrams(t *testing.T, w *world, wire spy, name string, texts ...string) [][]byte {
	t.Helper()
	a := &tt.Attempt{}
	a.Dial(t, name, messages.SuiteAESGCM, w.left, wire.path())
	say(t, a.Dialled, w.left, texts...)
	var early [][]byte
	for i, d := range wire.datagrams(t) {
		if i%2 == 1 {
			early = append(early, d)
		}
	}
	return early
}

// SPEC 7.2: "What overtakes a hello or message 2 is held: ≤ 8 datagrams an
// attempt, ≤ 64 attempts, 1 s."
func TestEightDatagramsAnAttemptAreHeld(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		wire := newSpy(t, w, "192.0.2.9:9")
		for _, d := range earlyDatagrams(t, w, wire, "x", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9") {
			wire.send(t, d, w.right.Path())
		}
		w.settle()
		w.Accept(t, "x", messages.SuiteAESGCM, w.right, wire.path())
		w.settle()
		expectHeard(t, w.right, "0 1 2 3 4 5 6 7")
		if got := w.right.Socket.Stats().DroppedHeld; got != 2 {
			t.Errorf("%d dropped, want 2", got)
		}
	})
}

func TestSixtyFourAttemptsAreHeld(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		wire := newSpy(t, w, "192.0.2.9:9")
		var all [][]byte
		for i := range 65 {
			all = append(all, earlyDatagrams(t, w, wire, fmt.Sprint("x", i), "text")...)
		}
		for _, d := range all {
			wire.send(t, d, w.right.Path())
		}
		w.settle()
		for i, want := range map[int]string{0: "text", 63: "text", 64: ""} {
			a := &tt.Attempt{}
			a.Accept(t, fmt.Sprint("x", i), messages.SuiteAESGCM, w.right, wire.path())
			synctest.Wait()
			expectHeard(t, w.right, want)
		}
	})
}

func TestHeldDatagramsExpire(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		wire := newSpy(t, w, "192.0.2.9:9")
		for _, d := range earlyDatagrams(t, w, wire, "x", "old") {
			wire.send(t, d, w.right.Path())
		}
		time.Sleep(delay + time.Second + time.Millisecond)
		synctest.Wait()
		if got := w.right.Socket.Stats().DroppedHeld; got != 1 {
			t.Errorf("%d dropped, want 1", got)
		}
		w.Accept(t, "x", messages.SuiteAESGCM, w.right, wire.path())
		w.settle()
		expectHeard(t, w.right, "")
	})
}

// SPEC 7.2: "A held data datagram without message 2 after 5 ms makes the
// initiator repeat its hello at once."
func TestHeldDataRepeatsTheHello(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.Attempt = tt.NewAttempt(t, "x", messages.SuiteAESGCM, w.left, w.right, w.right.Path(), w.left.Path())
		w.right.AcceptHellos()
		if err := w.Accepted.Install(w.AcceptedKeys); err != nil {
			t.Fatal(err)
		}
		say(t, w.Accepted, w.right, "answer") // message 2 was lost
		time.Sleep(delay + 4*time.Millisecond + delay)
		synctest.Wait()
		if got := len(w.right.Hellos()); got != 0 {
			t.Errorf("%d hellos within 5 ms, want none", got)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if got := len(w.right.Hellos()); got != 1 {
			t.Errorf("%d hellos after 5 ms, want 1", got)
		}
		if err := w.Dialled.Install(w.DialledKeys); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		expectHeard(t, w.left, "answer")
	})
}

func TestNoHelloIsRepeatedWhenMessageTwoCame(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.Attempt = tt.NewAttempt(t, "x", messages.SuiteAESGCM, w.left, w.right, w.right.Path(), w.left.Path())
		w.right.AcceptHellos()
		if err := w.Accepted.Install(w.AcceptedKeys); err != nil {
			t.Fatal(err)
		}
		say(t, w.Accepted, w.right, "answer")
		time.Sleep(delay + 2*time.Millisecond)
		if err := w.Dialled.Install(w.DialledKeys); err != nil {
			t.Fatal(err)
		}
		w.settle()
		if got := len(w.right.Hellos()); got != 0 {
			t.Errorf("%d hellos, want none", got)
		}
	})
}

func TestDataForAnIndexThatNobodyGotIsHeldAndReleased(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		// The responder's data comes before the initiator has even a link.
		index, err := w.left.Socket.ReserveIndex()
		if err != nil {
			t.Fatal(err)
		}
		w.Accept(t, "x", messages.SuiteAESGCM, w.right, w.left.Path())
		w.DialledKeys.ReceiveIndex = index
		w.Agree("x")
		if err := w.Accepted.Install(w.AcceptedKeys); err != nil {
			t.Fatal(err)
		}
		say(t, w.Accepted, w.right, "answer")
		w.settle()
		w.Dialled, err = w.left.Socket.Dial(mux.LinkConfig{Hello: tt.Hello(t, "x"), DatagramKey: tt.DatagramKey, Suite: messages.SuiteAESGCM, Path: w.right.Path(), ReceiveIndex: index})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Dialled.Install(w.DialledKeys); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		expectHeard(t, w.left, "answer")

		free, _ := w.left.Socket.ReserveIndex()
		w.left.Socket.ReleaseIndex(free)
		w.left.Socket.ReleaseIndex(index) // a link has it: no effect
		say(t, w.Accepted, w.right, "more")
		w.settle()
		expectHeard(t, w.left, "more")
	})
}
