package transporttest

import (
	"crypto/sha256"
	"testing"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/mux"
)

// HelloIndex is the index that hellos of the tests stand under, and HelloTag
// what they come back with.
const (
	HelloIndex messages.KeyIndex = 0x0a0b0c0d
	HelloTag   mux.Tag           = 42
)

// DatagramKey seals the hellos and makes the attempt keys of the tests.
var DatagramKey = NewKey("datagram")

// NewKey is a key made of a name.
func NewKey(name string) messages.SecretKey { return sha256.Sum256([]byte(name)) }

// AcceptHellos lets the end open the hellos of Hello.
func (e *End) AcceptHellos() {
	e.Socket.SetHelloKeys(mux.HelloTable{HelloIndex: {{Key: DatagramKey, Tag: HelloTag}}})
}

// Hello seals a hello; the name makes it unique.
func Hello(t testing.TB, name string) []byte {
	t.Helper()
	nonce := sha256.Sum256([]byte(name))
	d, err := mux.SealHello(DatagramKey, HelloIndex, [24]byte(nonce[:]), []byte("message 1 of "+name))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Attempt is a link at each end, with the keys that Noise would have made.
type Attempt struct {
	Dialled, Accepted         *mux.Link
	DialledKeys, AcceptedKeys mux.DataKeys
}

// NewAttempt makes both links of an attempt; neither has its keys installed.
// The paths are where each end sends to.
func NewAttempt(t testing.TB, name string, suite messages.Suite, initiator, responder *End, out, back mux.Path) *Attempt {
	t.Helper()
	a := &Attempt{}
	a.Dial(t, name, suite, initiator, out)
	a.Accept(t, name, suite, responder, back)
	a.Agree(name)
	return a
}

// Dial makes the initiator's half.
func (a *Attempt) Dial(t testing.TB, name string, suite messages.Suite, e *End, out mux.Path) {
	t.Helper()
	a.DialledKeys.ReceiveIndex = reserve(t, e)
	link, err := e.Socket.Dial(mux.LinkConfig{Hello: Hello(t, name), DatagramKey: DatagramKey, Suite: suite, Path: out, ReceiveIndex: a.DialledKeys.ReceiveIndex})
	if err != nil {
		t.Fatal(err)
	}
	a.Dialled = link
}

// Accept makes the responder's half.
func (a *Attempt) Accept(t testing.TB, name string, suite messages.Suite, e *End, back mux.Path) {
	t.Helper()
	a.AcceptedKeys.ReceiveIndex = reserve(t, e)
	link, err := e.Socket.Accept(mux.LinkConfig{Hello: Hello(t, name), DatagramKey: DatagramKey, Suite: suite, Path: back, ReceiveIndex: a.AcceptedKeys.ReceiveIndex})
	if err != nil {
		t.Fatal(err)
	}
	a.Accepted = link
}

// Agree fills the keys that both ends would have after Noise.
func (a *Attempt) Agree(name string) {
	there, back := NewKey(name+" there"), NewKey(name+" back")
	a.DialledKeys.Send, a.DialledKeys.Receive = there, back
	a.AcceptedKeys.Send, a.AcceptedKeys.Receive = back, there
	a.DialledKeys.SendIndex = a.AcceptedKeys.ReceiveIndex
	a.AcceptedKeys.SendIndex = a.DialledKeys.ReceiveIndex
}

// Install installs the keys at both ends.
func (a *Attempt) Install(t testing.TB) {
	t.Helper()
	if err := a.Accepted.Install(a.AcceptedKeys); err != nil {
		t.Fatal(err)
	}
	if err := a.Dialled.Install(a.DialledKeys); err != nil {
		t.Fatal(err)
	}
}

func reserve(t testing.TB, e *End) messages.KeyIndex {
	t.Helper()
	index, err := e.Socket.ReserveIndex()
	if err != nil {
		t.Fatal(err)
	}
	return index
}
