package actors

import (
	"encoding/binary"
	"net"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/mux"
)

// flood holds so many hellos that somebody made up, each under another name if
// they are forged.
func flood(a *attempts, cx byte, many int, forged bool) {
	for n := range many {
		hello := heldHello{
			datagram: []byte{cx}, at: time.Unix(100, int64(n)), sender: messages.AuthorityID{66},
			topic: helloTopic{context: messages.ContextID{cx}},
		}
		hash := messages.HelloHash{255, cx}
		binary.BigEndian.PutUint64(hash[8:], uint64(n))
		if forged {
			hello.sender = messages.AuthorityID(hash)
		}
		a.keep(hash, hello)
	}
}

// SPEC 2.5: "State, budgets, … of one context NEVER serve another": one member
// that floods one context keeps nobody else out.
func TestFloodOfHellosTakesNobodysPlace(t *testing.T) {
	var a attempts
	true1, true2 := messages.HelloHash{1}, messages.HelloHash{2}
	hello := heldHello{at: time.Unix(99, 0), sender: messages.AuthorityID{1}, topic: helloTopic{context: messages.ContextID{1}}}
	a.keep(true1, hello)
	hello.topic.context = messages.ContextID{2}
	a.keep(true2, hello)
	flood(&a, 1, 1000, false)
	if len(a.hellos) != 2+senderHellos {
		t.Errorf("%d hellos are held, %d of one sender", len(a.hellos), len(a.hellos)-2)
	}
	for _, hash := range []messages.HelloHash{true1, true2} {
		if _, held := a.hellos[hash]; !held {
			t.Errorf("%x is gone", hash[:1])
		}
	}
	flood(&a, 1, 1000, true)
	if len(a.hellos) != heldHellos {
		t.Errorf("%d hellos are held", len(a.hellos))
	}
	if _, held := a.hellos[true2]; !held {
		t.Error("names that were made up in one context took a place in another")
	}
}

func TestHelloIsHeldUntilItsAttemptBegins(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	socket := mux.New(conn, mux.Config{})
	defer socket.Close()
	var a attempts
	id := messages.AttemptID{Peer: messages.AuthorityID{1}, N: 1, Hello: messages.HelloHash{1}}
	entry := attemptEntry{terms: messages.HandshakeTerms{Attempt: id}}
	if _, ok := a.begin(socket, entry); ok {
		t.Error("an attempt began without its hello")
	}
	a.keep(id.Hello, heldHello{datagram: []byte("hello"), at: time.Unix(100, 0)})
	if _, ok := a.begin(socket, entry); !ok {
		t.Error("the attempt did not begin")
	}
	if begun, _ := a.find(id); string(begun.hello) != "hello" || len(a.hellos) != 0 {
		t.Errorf("the attempt has %q, and %d hellos are held", begun.hello, len(a.hellos))
	}
	a.keep(id.Hello, heldHello{at: time.Unix(100, 0)})
	a.keep(messages.HelloHash{2}, heldHello{at: time.Unix(161, 0)})
	if len(a.hellos) != 1 {
		t.Errorf("%d hellos are held after more than a minute", len(a.hellos))
	}
}
