package relay

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flynn/noise"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/stun"
)

const (
	// maxPending is how many clients may be between hello and first sealed
	// datagram, and pendingFor how long each may take.
	maxPending = 1024
	pendingFor = 10 * time.Second
	// forgottenAfter ends a client that whoever decides has never dropped.
	forgottenAfter = 10 * time.Minute
	// hellosPerSecond and helloBurst bound the Diffie-Hellman done for one
	// address.
	hellosPerSecond = 20
	helloBurst      = 100
)

// serverClient is one control handshake at the relay. It is pending until its
// first sealed datagram opens: that proves the address.
type serverClient struct {
	index messages.RelayClientIndex
	hash  [32]byte
	queue *queue
	// address is where the client was heard last in sealed control, newest
	// counter first; nil while pending.
	address atomic.Pointer[endpoint]

	mu      sync.Mutex
	sealing *sealing

	// These belong to the control loop.
	mac     [macSize]byte
	welcome []byte
	touched time.Time
}

func (c *serverClient) seal(control messages.RelayControl) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sealing.seal(control)
}

func (c *serverClient) open(datagram []byte) (control messages.RelayControl, newest, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sealing.open(datagram)
}

// clientTable holds the control handshakes of a relay.
type clientTable struct {
	relay    messages.PublicKey
	static   noise.DHKey
	helloKey [32]byte
	hellos   *stun.Limiter

	mu      sync.RWMutex
	byIndex map[messages.RelayClientIndex]*serverClient
	// pending finds the answer to a hello that is repeated, by its mac.
	pending map[[macSize]byte]*serverClient
}

func newClientTable(key ed25519.PrivateKey) *clientTable {
	relay := publicKey(key)
	return &clientTable{
		relay:    relay,
		static:   staticKey(key),
		helloKey: helloKey(relay),
		hellos:   stun.NewLimiter(hellosPerSecond, helloBurst),
		byIndex:  map[messages.RelayClientIndex]*serverClient{},
		pending:  map[[macSize]byte]*serverClient{},
	}
}

// find is the client of that index whose address is proved, or nil.
func (t *clientTable) find(index messages.RelayClientIndex) *serverClient {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if c := t.byIndex[index]; c != nil && c.address.Load() != nil {
		return c
	}
	return nil
}

func (t *clientTable) drop(index messages.RelayClientIndex) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.byIndex, index)
}

// count is how many clients have proved their address.
func (t *clientTable) count() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.byIndex) - len(t.pending)
}

// plausible is the reader's cheap look at a control datagram, so that noise
// does not push others out of the backlog.
func (t *clientTable) plausible(datagram []byte) bool {
	switch kindOf(datagram) {
	case kindHello:
		return checkHello(t.helloKey, datagram)
	case kindSealed:
		t.mu.RLock()
		defer t.mu.RUnlock()
		return t.byIndex[messages.RelayClientIndex(indexOf(datagram))] != nil
	}
	return false
}

// welcome is the answer to a hello whose mac is checked, or nil. The same hello
// gets the same answer, and no second Diffie-Hellman.
func (t *clientTable) welcome(now time.Time, from netip.AddrPort, hello []byte) []byte {
	mac := [macSize]byte(hello[2 : 2+macSize])
	t.mu.RLock()
	c, full := t.pending[mac], len(t.pending) >= maxPending
	t.mu.RUnlock()
	if c != nil {
		return c.welcome
	}
	if full || !t.hellos.Allow(now, from) {
		return nil
	}
	c = &serverClient{queue: &queue{}, mac: mac, touched: now}
	if !t.respond(c, hello) {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byIndex[c.index] = c
	t.pending[mac] = c
	return c.welcome
}

// respond runs the relay's side of the handshake.
func (t *clientTable) respond(c *serverClient, hello []byte) bool {
	state, err := noise.NewHandshakeState(noise.Config{
		CipherSuite:   suite,
		Pattern:       noise.HandshakeIK,
		Prologue:      prologue(t.relay),
		StaticKeypair: t.static,
	})
	if err != nil {
		return false
	}
	// SPEC 7.3 holds here too: "Nothing in message 1 has an effect". It may be
	// a replay; only a sealed datagram shows that the client is there.
	if _, _, _, err = state.ReadMessage(nil, hello[helloHeader:helloHeader+noiseOneSize]); err != nil {
		return false
	}
	c.index = t.newIndex()
	b := make([]byte, welcomeHeader, welcomeSize)
	b[0], b[1] = messages.FirstByteRelayControl, kindWelcome
	copy(b[2:], hello[2+macSize:helloHeader])
	payload := binary.BigEndian.AppendUint32(nil, uint32(c.index))
	welcome, receive, send, err := state.WriteMessage(b, payload)
	if err != nil {
		return false
	}
	c.welcome = welcome
	c.hash = [32]byte(state.ChannelBinding())
	c.sealing = &sealing{
		send: send.Cipher(), receive: receive.Cipher(),
		peer: messages.KeyIndex(binary.BigEndian.Uint32(hello[2+macSize:])),
		hash: c.hash,
	}
	return true
}

// newIndex draws an index that no client has. With 2¹³ of 2³² taken, a second
// draw is rare and a tenth impossible.
func (t *clientTable) newIndex() messages.RelayClientIndex {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for {
		var b [4]byte
		rand.Read(b[:])
		index := messages.RelayClientIndex(binary.BigEndian.Uint32(b[:]))
		if t.byIndex[index] == nil {
			return index
		}
	}
}

// open reads a sealed datagram and notes where the client is heard now.
func (t *clientTable) open(now time.Time, from netip.AddrPort, datagram []byte) (*serverClient, messages.RelayControl) {
	t.mu.RLock()
	c := t.byIndex[messages.RelayClientIndex(indexOf(datagram))]
	t.mu.RUnlock()
	if c == nil {
		return nil, nil
	}
	control, newest, ok := c.open(datagram)
	if !ok {
		return nil, nil
	}
	c.touched = now
	if at := c.address.Load(); newest && (at == nil || at.addr != from) {
		// Its sessions move with it: they name the client, not the address.
		c.address.Store(endpointOf(from))
	}
	if c.welcome != nil {
		t.mu.Lock()
		delete(t.pending, c.mac)
		t.mu.Unlock()
		c.welcome = nil
	}
	return c, control
}

// sweep forgets handshakes that were never completed, and clients that nobody
// dropped.
func (t *clientTable) sweep(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for index, c := range t.byIndex {
		pending := t.pending[c.mac] == c
		if pending && now.Sub(c.touched) >= pendingFor {
			delete(t.pending, c.mac)
			delete(t.byIndex, index)
		}
		if !pending && now.Sub(c.touched) >= forgottenAfter {
			delete(t.byIndex, index)
		}
	}
}
