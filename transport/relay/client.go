package relay

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/flynn/noise"

	"github.com/waymeet/waymeet/messages"
)

// ErrNoHandshake reports that there is nothing to seal with yet.
var ErrNoHandshake = errors.New("no control handshake with the relay is complete")

// maxForged is how many wrong welcomes one hello survives; each costs a
// handshake's work.
const maxForged = 8

// ClientControl builds and opens the control datagrams between a node and one
// relay. It owns neither a socket nor a goroutine nor a timer: when to send is
// decided elsewhere. Safe for concurrent use.
type ClientControl struct {
	mu        sync.Mutex
	relay     messages.PublicKey
	relayDH   []byte
	static    noise.DHKey
	attempt   *attempt
	sealing   *sealing
	ownSealed messages.KeyIndex
}

// attempt is a hello that waits for its welcome.
type attempt struct {
	index  messages.KeyIndex
	random [32]byte
	state  *noise.HandshakeState
	hello  []byte
	forged int
}

// NewClientControl prepares control with the relay of that key. The relay sees
// the X25519 form of pseudonym and nothing else of the node (SPEC 11.5): use a
// key that is used nowhere else. The error is ErrBadKey for a key that no
// relay can have.
func NewClientControl(relay messages.PublicKey, pseudonym ed25519.PrivateKey) (*ClientControl, error) {
	relayDH, err := montgomery(relay)
	if err != nil {
		return nil, fmt.Errorf("relay key: %w", err)
	}
	return &ClientControl{relay: relay, relayDH: relayDH, static: staticKey(pseudonym)}, nil
}

// String says what it is, and nothing of its keys.
func (c *ClientControl) String() string { return "relay control" }

// Format writes String, whatever the verb.
func (c *ClientControl) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

// LogValue is String (SPEC 2.4).
func (c *ClientControl) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Start begins a new handshake, forgets the one before, and returns the hello
// to send.
func (c *ClientControl) Start() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.start()
}

// Repeat is the hello that waits for its welcome, the same bytes; nil when none
// does. Where forged welcomes have used the hello up, it is a new one.
func (c *ClientControl) Repeat() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.attempt == nil:
		return nil
	case c.attempt.forged >= maxForged:
		return c.start()
	default:
		return bytes.Clone(c.attempt.hello)
	}
}

func (c *ClientControl) start() []byte {
	a := &attempt{}
	var index [4]byte
	rand.Read(index[:])
	rand.Read(a.random[:])
	a.index = messages.KeyIndex(binary.BigEndian.Uint32(index[:]))
	a.hello = appendHello(helloKey(c.relay), a.index, c.begin(a))
	c.attempt, c.sealing = a, nil
	return bytes.Clone(a.hello)
}

// begin writes Noise message 1 from the attempt's random bytes: always the same
// message and state.
func (c *ClientControl) begin(a *attempt) []byte {
	state, err := noise.NewHandshakeState(noise.Config{
		CipherSuite:   suite,
		Random:        bytes.NewReader(a.random[:]),
		Pattern:       noise.HandshakeIK,
		Initiator:     true,
		Prologue:      prologue(c.relay),
		StaticKeypair: c.static,
		PeerStatic:    c.relayDH,
	})
	if err != nil {
		panic("relay: Noise refused its configuration: " + err.Error())
	}
	message, _, _, err := state.WriteMessage(nil, nil)
	if err != nil {
		panic("relay: Noise wrote no first message: " + err.Error())
	}
	a.state = state
	return message
}

// Standing reports whether a handshake is complete.
func (c *ClientControl) Standing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sealing != nil
}

// End forgets the handshake: the relay was told goodbye.
func (c *ClientControl) End() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.attempt, c.sealing = nil, nil
}

// Seal makes the datagram of a control message, or ErrNoHandshake.
func (c *ClientControl) Seal(control messages.RelayControl) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sealing == nil {
		return nil, ErrNoHandshake
	}
	return c.sealing.seal(control), nil
}

// SealRegister makes the datagram that registers the slot of that key, signed
// over the hash of the handshake that is complete now, or ErrNoHandshake.
func (c *ClientControl) SealRegister(request messages.RelayRequestID, slot ed25519.PrivateKey) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sealing == nil {
		return nil, ErrNoHandshake
	}
	signature := ed25519.Sign(slot, messages.SlotRegistration(c.sealing.hash))
	return c.sealing.seal(messages.RelayRegister{
		Request:   request,
		SlotKey:   publicKey(slot),
		Signature: messages.Signature(signature),
	}), nil
}

// Open reads a control datagram of the relay: RelayHandshaken for the welcome,
// RelayControlReceived for what is sealed. What is forged, repeated, old or no
// control is not ok.
func (c *ClientControl) Open(datagram []byte) (messages.RelayClientMessage, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch kindOf(datagram) {
	case kindWelcome:
		if c.openWelcome(datagram) {
			return messages.RelayHandshaken{}, true
		}
	case kindSealed:
		if c.sealing == nil || c.ownSealed != indexOf(datagram) {
			return nil, false
		}
		if control, _, ok := c.sealing.open(datagram); ok {
			return messages.RelayControlReceived{Control: control}, true
		}
	}
	return nil, false
}

func (c *ClientControl) openWelcome(datagram []byte) bool {
	a := c.attempt
	if a == nil || a.index != indexOf(datagram) || a.forged >= maxForged {
		return false
	}
	payload, send, receive, err := a.state.ReadMessage(nil, datagram[welcomeHeader:])
	if err != nil {
		// The state is spoiled; the true welcome may still come.
		a.forged++
		c.begin(a)
		return false
	}
	c.sealing = &sealing{
		send:    send.Cipher(),
		receive: receive.Cipher(),
		peer:    messages.KeyIndex(binary.BigEndian.Uint32(payload)),
		hash:    [32]byte(a.state.ChannelBinding()),
	}
	c.ownSealed, c.attempt = a.index, nil
	return true
}

// indexOf is the key index of a welcome or a sealed datagram.
func indexOf(datagram []byte) messages.KeyIndex {
	return messages.KeyIndex(binary.BigEndian.Uint32(datagram[2:]))
}
