package mux_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/mux"
	tt "github.com/waymeet/waymeet/transport/transporttest"
)

// openAs opens an early or data datagram by the letter of SPEC 7.2, with none
// of the mux's code.
func openAs(t *testing.T, suite messages.Suite, key, d []byte) (id uint32, counter uint32, text string) {
	t.Helper()
	var aead cipher.AEAD
	var err error
	if suite == messages.SuiteAESGCM {
		block, _ := aes.NewCipher(key)
		aead, err = cipher.NewGCM(block)
	} else {
		aead, err = chacha20poly1305.New(key)
	}
	if err != nil {
		t.Fatal(err)
	}
	nonce := append(make([]byte, 8), d[5:9]...) // 4 zero bytes ‖ 64-bit counter
	plain, err := aead.Open(nil, nonce, d[9:], d[:9])
	if err != nil {
		t.Fatalf("the datagram does not open: %v", err)
	}
	return binary.BigEndian.Uint32(d[1:]), binary.BigEndian.Uint32(d[5:]), string(plain)
}

func derive(t *testing.T, hello []byte, label string, size int) []byte {
	t.Helper()
	salt := sha256.Sum256(hello)
	key, err := hkdf.Key(sha256.New, tt.DatagramKey[:], salt[:], label, size)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// SPEC 7.2: "Only the initiator sends early datagrams, and each one is preceded
// by its hello (same bytes)".
func TestInitiatorSendsHelloBeforeEachEarlyDatagram(t *testing.T) {
	for _, suite := range []messages.Suite{messages.SuiteAESGCM, messages.SuiteChaChaPoly} {
		inWorld(t, func(t *testing.T, w *world) {
			wire := newSpy(t, w, "192.0.2.9:9")
			w.Dial(t, "x", suite, w.left, wire.path())
			say(t, w.Dialled, w.left, "one", "two")
			got := wire.datagrams(t)
			if len(got) != 4 {
				t.Fatalf("%d datagrams, want hello, early, hello, early", len(got))
			}
			hello := tt.Hello(t, "x")
			key, attempt := derive(t, hello, "waymeet/1 early initiator", 32), derive(t, hello, "waymeet/1 attempt id", 4)
			for i, want := range []string{"one", "two"} {
				if !bytes.Equal(got[2*i], hello) {
					t.Errorf("datagram %d is not the hello", 2*i)
				}
				d := got[2*i+1]
				id, counter, text := openAs(t, suite, key, d)
				if d[0] != 0x06 || id != binary.BigEndian.Uint32(attempt) || counter != uint32(i) || text != packet(want) {
					t.Errorf("early datagram: kind %d attempt %x counter %d %q", d[0], id, counter, text)
				}
			}
		})
	}
}

func TestDataDatagramsAreSealedAsWritten(t *testing.T) {
	for _, suite := range []messages.Suite{messages.SuiteAESGCM, messages.SuiteChaChaPoly} {
		inWorld(t, func(t *testing.T, w *world) {
			wire := newSpy(t, w, "192.0.2.9:9")
			relay := mux.Relayed(wire.path().Addr, mux.Session{1, 2, 3, 4})
			w.Attempt = tt.NewAttempt(t, "x", suite, w.left, w.right, relay, w.left.Path())
			if err := w.Dialled.Install(w.DialledKeys); err != nil {
				t.Fatal(err)
			}
			say(t, w.Dialled, w.left, "one")
			for _, d := range wire.datagrams(t) {
				if !bytes.HasPrefix(d, []byte{0x08, 1, 2, 3, 4, 0x07}) {
					t.Fatalf("datagram begins %x, want hop and data", d[:6])
				}
				id, _, text := openAs(t, suite, w.DialledKeys.Send[:], d[5:])
				if id != uint32(w.AcceptedKeys.ReceiveIndex) {
					t.Errorf("index %x, want the one the receiver chose", id)
				}
				if text == packet("one") {
					return
				}
			}
			t.Error("the packet did not come")
		})
	}
}

func TestWholeAttempt(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.right.AcceptHellos()
		w.Dial(t, "x", messages.SuiteAESGCM, w.left, w.right.Path())
		say(t, w.Dialled, w.left, "initial")
		w.settle()
		hellos := w.right.Hellos()
		if len(hellos) != 1 || hellos[0].Tag != tt.HelloTag || string(hellos[0].Plaintext) != "message 1 of x" {
			t.Fatalf("hellos %+v, want message 1", hellos)
		}
		if !bytes.Equal(hellos[0].Raw, tt.Hello(t, "x")) || hellos[0].Via != w.left.Path() {
			t.Errorf("hello came via %v", hellos[0].Via)
		}
		expectHeard(t, w.right, "") // held: nobody accepted yet
		w.Accept(t, "x", messages.SuiteAESGCM, w.right, hellos[0].Via)
		w.Agree("x")
		w.settle()
		expectHeard(t, w.right, "initial")

		// The responder holds its answer until it has keys, then sends data.
		say(t, w.Accepted, w.right, "answer")
		w.settle()
		expectHeard(t, w.left, "")
		if err := w.Accepted.Install(w.AcceptedKeys); err != nil {
			t.Fatal(err)
		}
		time.Sleep(delay)
		synctest.Wait()
		expectHeard(t, w.left, "") // held: message 2 is not there yet
		if err := w.Dialled.Install(w.DialledKeys); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		expectHeard(t, w.left, "answer")
		if w.Accepted.Established() {
			t.Error("the responder calls it established before any data came")
		}
		say(t, w.Dialled, w.left, "finished")
		w.settle()
		expectHeard(t, w.right, "finished")
		if !w.Accepted.Established() || !w.Dialled.Established() {
			t.Error("not established at both ends")
		}
	})
}

// SPEC 7.2: the responder "accepts early datagrams until the first valid data
// datagram of the initiator, then never again".
func TestEarlyEndsWithFirstData(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		wire := newSpy(t, w, "192.0.2.9:9")
		w.Dial(t, "x", messages.SuiteAESGCM, w.left, wire.path())
		say(t, w.Dialled, w.left, "one", "two", "three")
		early := wire.datagrams(t)
		w.Accept(t, "x", messages.SuiteAESGCM, w.right, w.left.Path())
		w.Agree("x")
		if err := w.Accepted.Install(w.AcceptedKeys); err != nil {
			t.Fatal(err)
		}
		wire.send(t, early[1], w.right.Path())
		wire.send(t, early[1], w.right.Path())
		w.settle()
		expectHeard(t, w.right, "one")
		if got := w.right.Socket.Stats().DroppedReplayed; got != 1 {
			t.Errorf("%d replays counted, want 1", got)
		}
		w.Dialled.SetPath(w.right.Path())
		if err := w.Dialled.Install(w.DialledKeys); err != nil {
			t.Fatal(err)
		}
		say(t, w.Dialled, w.left, "data", "more")
		w.settle()
		expectHeard(t, w.right, "data more")
		wire.send(t, early[3], w.right.Path())
		w.settle()
		expectHeard(t, w.right, "")
		if got := w.right.Socket.Stats().DroppedEarly; got != 1 {
			t.Errorf("%d early datagrams dropped, want 1", got)
		}
		confirmed := 0
		for _, e := range w.right.Events() {
			if _, ok := e.(mux.Confirmed); ok {
				confirmed++
			}
		}
		if confirmed != 1 {
			t.Errorf("Confirmed %d times, want once", confirmed)
		}
		for _, e := range w.left.Events() {
			if _, ok := e.(mux.Confirmed); ok {
				t.Error("the initiator was told Confirmed")
			}
		}
	})
}

func TestBothSuitesBothWaysAndLongRuns(t *testing.T) {
	for _, suite := range []messages.Suite{messages.SuiteAESGCM, messages.SuiteChaChaPoly} {
		inWorld(t, func(t *testing.T, w *world) {
			w.Attempt = tt.NewAttempt(t, "x", suite, w.left, w.right, w.right.Path(), w.left.Path())
			w.Install(t)
			for i := range 300 {
				say(t, w.Dialled, w.left, fmt.Sprint("l", i))
				say(t, w.Accepted, w.right, fmt.Sprint("r", i))
			}
			w.settle()
			if l, r := len(w.left.Texts()), len(w.right.Texts()); l != 300 || r != 300 {
				t.Errorf("%d and %d packets came, want 300", l, r)
			}
			s := w.Dialled.Stats()
			if s.DatagramsSent < 300 || s.BytesSent < 300*3 || s.DatagramsReceived < 300 || s.LastReceive.IsZero() || s.RTT != rtt {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

func TestAttemptIDsAndIndexesAreExclusive(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.Accept(t, "x", messages.SuiteAESGCM, w.right, w.left.Path())
		config := mux.LinkConfig{Hello: tt.Hello(t, "x"), DatagramKey: tt.DatagramKey, Suite: messages.SuiteAESGCM, Path: w.left.Path()}
		if _, err := w.right.Socket.Accept(config); !errors.Is(err, mux.ErrIndex) {
			t.Errorf("without reserved index: %v", err)
		}
		config.ReceiveIndex = w.AcceptedKeys.ReceiveIndex
		if _, err := w.right.Socket.Accept(config); !errors.Is(err, mux.ErrIndex) {
			t.Errorf("with an index that a link has: %v", err)
		}
		config.ReceiveIndex, _ = w.right.Socket.ReserveIndex()
		if _, err := w.right.Socket.Accept(config); !errors.Is(err, mux.ErrAttemptExists) {
			t.Errorf("same hello twice: %v", err)
		}
		w.Accepted.Close()
		l, err := w.right.Socket.Accept(config)
		if err != nil {
			t.Errorf("after the first link closed: %v", err)
		}
		if err := l.Install(mux.DataKeys{ReceiveIndex: config.ReceiveIndex + 1}); !errors.Is(err, mux.ErrIndex) {
			t.Errorf("install under another index: %v", err)
		}
		for _, bad := range []func(*mux.LinkConfig){
			func(c *mux.LinkConfig) { c.Suite = 3 },
			func(c *mux.LinkConfig) { c.Path = mux.Path{} },
			func(c *mux.LinkConfig) { c.Hello = []byte("no hello") },
		} {
			broken := config
			bad(&broken)
			if _, err := w.right.Socket.Dial(broken); err == nil {
				t.Errorf("a link of %+v was made", broken)
			}
		}
	})
}

func TestClosedLinkIsACutWire(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.connect(t)
		w.Accepted.Close()
		w.Accepted.Close()
		if w.Accepted.Context().Err() == nil {
			t.Error("the context of a closed link is not done")
		}
		before := w.right.Socket.Stats()
		say(t, w.Dialled, w.left, "anyone?")
		say(t, w.Accepted, w.right, "lost") // returns len, nil
		w.settle()
		expectHeard(t, w.left, "")
		expectHeard(t, w.right, "")
		after := w.right.Socket.Stats()
		if after.DatagramsOut != before.DatagramsOut {
			t.Error("a closed link answered")
		}
		if after.DroppedIndex == before.DroppedIndex || after.Links != 0 {
			t.Errorf("stats %+v: its index is still known", after)
		}
	})
}
