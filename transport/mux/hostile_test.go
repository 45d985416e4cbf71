package mux_test

import (
	"bytes"
	"math/rand/v2"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/memory"
	"github.com/waymeet/waymeet/transport/mux"
	tt "github.com/waymeet/waymeet/transport/transporttest"
)

// quiet fails if the end sent anything since before.
func quiet(t *testing.T, e *tt.End, before mux.Stats) mux.Stats {
	t.Helper()
	after := e.Socket.Stats()
	if after.BytesOut != before.BytesOut {
		t.Errorf("%d bytes were answered, want none", after.BytesOut-before.BytesOut)
	}
	return after
}

// SPEC 8.2: "What fails to open is dropped silently and counted."
func TestForgedReplayedAndTruncatedDataIsDropped(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		wire := newSpy(t, w, "192.0.2.9:9")
		w.Attempt = tt.NewAttempt(t, "x", messages.SuiteAESGCM, w.left, w.right, wire.path(), w.left.Path())
		w.Install(t)
		say(t, w.Dialled, w.left, "genuine")
		var genuine []byte
		for _, d := range wire.datagrams(t) {
			if _, _, text := openAs(t, messages.SuiteAESGCM, w.DialledKeys.Send[:], d); text == packet("genuine") {
				genuine = d
			}
		}
		before := w.right.Socket.Stats()
		for i := range genuine { // each byte in turn: header, text, tag
			forged := bytes.Clone(genuine)
			forged[i] ^= 1
			wire.send(t, forged, w.right.Path())
		}
		for n := range len(genuine) {
			wire.send(t, genuine[:n], w.right.Path())
		}
		w.settle()
		expectHeard(t, w.right, "")
		after := quiet(t, w.right, before)
		if after.DroppedUnopened == before.DroppedUnopened || after.DroppedIndex == before.DroppedIndex || after.DroppedUnknown == before.DroppedUnknown {
			t.Errorf("not counted: %+v", after)
		}
		wire.send(t, genuine, w.right.Path())
		wire.send(t, genuine, w.right.Path())
		w.settle()
		expectHeard(t, w.right, "genuine")
		if got := w.right.Socket.Stats().DroppedReplayed; got != 1 {
			t.Errorf("%d replays counted, want 1", got)
		}
	})
}

func TestUnknownHelloCostsAtMostACheckAndNoAnswer(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		wire := newSpy(t, w, "192.0.2.9:9")
		w.right.Socket.SetHelloKeys(mux.HelloTable{
			tt.HelloIndex: {{Key: tt.NewKey("other"), Tag: 1}, {Key: tt.DatagramKey, Tag: 2}},
			7:             {{Key: tt.DatagramKey, Tag: 3}},
		})
		before := w.right.Socket.Stats()
		send := func(key messages.SecretKey, index messages.KeyIndex, checks uint64, opened int) {
			t.Helper()
			d, err := mux.SealHello(key, index, [24]byte{1}, []byte("hello"))
			if err != nil {
				t.Fatal(err)
			}
			was := w.right.Socket.Stats().HelloChecks
			wire.send(t, d, w.right.Path())
			w.settle()
			if got := w.right.Socket.Stats().HelloChecks - was; got != checks {
				t.Errorf("index %v cost %d checks, want %d", index, got, checks)
			}
			if got := len(w.right.Hellos()); got != opened {
				t.Errorf("index %v: %d opened, want %d", index, got, opened)
			}
		}
		send(tt.DatagramKey, 99, 0, 0)            // unknown index
		send(tt.NewKey("forged"), 7, 1, 0)        // wrong key
		send(tt.DatagramKey, tt.HelloIndex, 2, 1) // the second of two keys
		w.right.Socket.SetHelloKeys(nil)
		send(tt.DatagramKey, tt.HelloIndex, 0, 0) // the table was replaced
		if got := quiet(t, w.right, before).DroppedHello; got != 3 {
			t.Errorf("%d hellos dropped, want 3", got)
		}
	})
}

func TestHelloSizes(t *testing.T) {
	d, err := mux.SealHello(tt.DatagramKey, 1, [24]byte{}, make([]byte, mux.MaxHelloText))
	if err != nil || len(d) != mux.MaxHello || mux.MaxHello != 1225 {
		t.Errorf("largest hello: %d bytes, %v, want 1225", len(d), err)
	}
	if _, err := mux.SealHello(tt.DatagramKey, 1, [24]byte{}, make([]byte, mux.MaxHelloText+1)); err == nil {
		t.Error("a longer one was sealed")
	}
}

func TestControlDatagramsAreDelivered(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		wire := newSpy(t, w, "192.0.2.9:9")
		stun := append([]byte{1, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42}, make([]byte, 12)...)
		for _, d := range [][]byte{stun, {0x09, 1}, {0x0a, 2}, {0x0b, 3}} {
			wire.send(t, d, w.right.Path())
			w.settle()
			got := w.right.Controls()
			if len(got) != 1 || !bytes.Equal(got[0].Data, d) || got[0].From != ap("192.0.2.9:9") {
				t.Errorf("delivered %+v, want %x", got, d)
			}
		}
		before := w.right.Socket.Stats()
		for _, d := range [][]byte{{1}, append([]byte{1}, make([]byte, 19)...), {0x04}, {0x0c}, {0x40}, {0xff}, {8}, {8, 1, 2, 3, 4}, {8, 1, 2, 3, 4, 9}, {5}, {6}, {7}} {
			wire.send(t, d, w.right.Path())
		}
		w.settle()
		if got := w.right.Controls(); len(got) != 0 {
			t.Errorf("delivered %+v, want nothing", got)
		}
		after := quiet(t, w.right, before)
		if got := after.DroppedUnknown + after.DroppedHello - before.DroppedUnknown; got != 12 {
			t.Errorf("%d dropped, want 12", got)
		}
	})
}

func TestRefusedDeliveryIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memory.New(1, memory.Link{})
		e := tt.NewEnd(t, tt.Memory(t, n, "192.0.2.1:1"), tt.Options{Config: mux.Config{Deliver: func(mux.Control) bool { return false }}})
		e.Pump(t)
		wire := spy{tt.Memory(t, n, "192.0.2.9:9")}
		wire.send(t, []byte{0x0a}, e.Path())
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if got := e.Socket.Stats().DroppedUndelivered; got != 1 {
			t.Errorf("%d counted, want 1", got)
		}
	})
}

// SPEC 15.1: failed decryptions are local, nothing is sent; tests count bytes
// at every socket. This one is real.
func TestRandomBytesAtARealSocketGetNoAnswer(t *testing.T) {
	e := tt.NewEnd(t, tt.Loopback(t), tt.Options{})
	e.AcceptHellos()
	e.Pump(t)
	a := &tt.Attempt{}
	a.Accept(t, "x", messages.SuiteAESGCM, e, mux.Direct(ap("127.0.0.1:9")))
	a.DialledKeys.ReceiveIndex = 1
	a.Agree("x")
	if err := a.Accepted.Install(a.AcceptedKeys); err != nil {
		t.Fatal(err)
	}
	attacker := tt.Loopback(t)
	to := net.UDPAddrFromAddrPort(e.Socket.LocalAddr())
	random := rand.New(rand.NewPCG(1, 2))
	const count = 3000
	for i := range count {
		d := make([]byte, 1+random.IntN(1400))
		for j := range d {
			d[j] = byte(random.Uint32())
		}
		d[0] = byte(i % 16)
		if _, err := attacker.WriteTo(d, to); err != nil {
			t.Fatal(err)
		}
		if i%100 == 99 {
			for e.Socket.Stats().DatagramsIn < uint64(i+1) && !t.Failed() {
				time.Sleep(time.Millisecond)
			}
		}
	}
	if got := e.Socket.Stats(); got.DatagramsOut != 0 || got.BytesOut != 0 || len(e.Packets()) != 0 {
		t.Errorf("stats %+v: something was answered or opened", got)
	}
	attacker.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if n, _, err := attacker.ReadFrom(make([]byte, 1500)); err == nil {
		t.Errorf("the attacker got %d bytes", n)
	}
}

// FuzzDatagrams throws datagrams at a socket that knows a hello key, an attempt
// and a data key: none crashes it, none is answered, none opens.
func FuzzDatagrams(f *testing.F) {
	n := memory.New(1, memory.Link{})
	e := tt.NewEnd(f, tt.Memory(f, n, "192.0.2.1:1"), tt.Options{})
	e.AcceptHellos()
	e.Pump(f)
	a := &tt.Attempt{}
	a.Accept(f, "x", messages.SuiteAESGCM, e, mux.Direct(ap("192.0.2.9:9")))
	a.DialledKeys.ReceiveIndex = 1
	a.Agree("x")
	if err := a.Accepted.Install(a.AcceptedKeys); err != nil {
		f.Fatal(err)
	}
	wire := tt.Memory(f, n, "192.0.2.9:9")
	index := byte(a.AcceptedKeys.ReceiveIndex)
	for _, seed := range [][]byte{
		{}, {0}, {5, 10, 11, 12, 13}, {6, 0, 0, 0, 0}, {7, 0, 0, 0, index}, {8, 1, 2, 3, 4}, {8, 1, 2, 3, 4, 7},
		append([]byte{8, 1, 2, 3, 4, 7}, make([]byte, 40)...), append([]byte{7}, make([]byte, 1300)...), make([]byte, 20),
	} {
		f.Add(seed)
	}
	to := net.UDPAddrFromAddrPort(e.Socket.LocalAddr())
	f.Fuzz(func(t *testing.T, d []byte) {
		if len(d) > 60000 {
			return
		}
		before := e.Socket.Stats().DatagramsIn
		if _, err := wire.WriteTo(d, to); err != nil {
			t.Fatal(err)
		}
		for range 10000 {
			if e.Socket.Stats().DatagramsIn > before {
				break
			}
			time.Sleep(10 * time.Microsecond)
		}
		if s := e.Socket.Stats(); s.BytesOut != 0 || len(e.Packets()) != 0 {
			t.Fatalf("%x was answered or opened: %+v", d, s)
		}
	})
}
