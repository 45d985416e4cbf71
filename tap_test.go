package waymeet_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waymeet/waymeet"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// What the story below is about, and nobody but its two nodes may read.
const (
	secretText     = "what was said stays between the two of them. "
	secretFile     = "a-telling-name.txt"
	secretFact     = "a fact that only members read"
	secretNickname = "anna-of-the-nickname"
	secretStream   = "a-telling-protocol/1"
)

// SPEC 8.2: "Every datagram between two nodes is sealed …, from the first one
// on, on every path: the relay and the wire see no QUIC header, no certificate,
// no id." 11.2: the relay learns "NEVER an authority id of a context, a context
// id, membership, or a byte of content."
func TestRelaySeesNothing(t *testing.T) {
	t.Parallel()
	tap := filepath.Join(t.TempDir(), "tap")
	relay := startRelay(t, waymeet.RelayConfig{Tap: tap, UnsafeDebug: true})
	annaDir, benDir := t.TempDir(), t.TempDir()
	start := func(dir, nickname string) *waymeet.Node {
		return startNode(t, waymeet.Config{StateDir: dir, Nickname: nickname, Relays: []string{relay.URL()}, UnsafeDebug: true})
	}
	m := meet(t, start(annaDir, secretNickname), start(benDir, ""))
	m.onPath(t, waymeet.PathDirect) // so that the upgrade is on the tap too
	holdRelay(t, true, annaDir, benDir)
	m.onPath(t, waymeet.PathRelay)
	content := strings.Repeat(secretText, 5000)
	if _, err := m.toBen.SendFile(patient(t), secretFile, uint64(len(content)), strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	if _, err := m.there.Append(patient(t), waymeet.FactApplication, []byte(secretFact)); err != nil {
		t.Fatal(err)
	}
	openStream(t, m.toAnna, m.toBen, secretStream)
	m.agree(t)
	for _, running := range []*waymeet.Node{m.anna, m.ben} {
		stop(t, running)
	}
	stop(t, relay)

	secrets := wireSecrets(t, m.here.ID(), annaDir, benDir)
	secret := parseTicket(t, m.ticket).Secret
	secrets["the ticket's secret"] = secret[:]
	seen := make(map[string]int)
	forwarded := 0
	for _, datagram := range readTap(t, tap) {
		kind, problem := wireForm(datagram)
		if problem == "" {
			problem = secrets.in(datagram)
		}
		if problem != "" {
			t.Fatalf("a %s of %d bytes holds %s: %x", kind, len(datagram), problem, datagram)
		}
		seen[kind]++
		if kind == wireData {
			forwarded += len(datagram)
		}
	}
	t.Logf("on the tap: %v", seen)
	for _, kind := range []string{wireControl, wireHello, wireEarly, wireData} {
		if seen[kind] == 0 {
			t.Errorf("no %s on the tap: this was not the whole story", kind)
		}
	}
	if forwarded < 2*len(content) { // once in, once out
		t.Errorf("%d bytes of data on the tap, and a file of %d was sent", forwarded, len(content))
	}
}

// readTap reads what the relay wrote: direction 1 ‖ length 4 ‖ datagram.
func readTap(t *testing.T, file string) [][]byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var datagrams [][]byte
	for len(b) > 0 {
		if len(b) < 5 || b[0] > 1 || len(b)-5 < int(binary.BigEndian.Uint32(b[1:])) {
			t.Fatalf("the tap is cut off or out of step after %d datagrams", len(datagrams))
		}
		size := int(binary.BigEndian.Uint32(b[1:]))
		datagrams = append(datagrams, b[5:5+size])
		b = b[5+size:]
	}
	return datagrams
}

// The kinds of datagram that a relay may see.
const (
	wireSTUN    = "STUN message"
	wireControl = "control datagram"
	wireHello   = "hello"
	wireEarly   = "early datagram"
	wireData    = "data datagram"
	wireUnknown = "datagram of no known kind"
)

// stunCookie is in every STUN message (RFC 8489, 5).
const stunCookie = 0x2112a442

var sealedKinds = map[byte]string{0x05: wireHello, 0x06: wireEarly, 0x07: wireData}

// wireForm says what a datagram is, and what is wrong with its form.
func wireForm(datagram []byte) (kind, problem string) {
	switch {
	case len(datagram) == 0:
		return wireUnknown, "nothing"
	case len(datagram) >= 20 && datagram[0] <= 0x03 && binary.BigEndian.Uint32(datagram[4:]) == stunCookie:
		return wireSTUN, ""
	case datagram[0] == messages.FirstByteRelayControl:
		return wireControl, ""
	case datagram[0] != messages.FirstByteHop || len(datagram) < 5+9+16:
		return wireUnknown, "what is not sealed"
	}
	inner := datagram[5:]
	kind = sealedKinds[inner[0]]
	switch {
	case isLongHeader(inner) || isLongHeader(inner[9:]):
		return wireUnknown, "a QUIC long header"
	case kind == "":
		return wireUnknown, "what is not sealed"
	}
	return kind, ""
}

// isLongHeader reports whether a QUIC packet of version 1 with a long header
// begins here (RFC 9000, 17.2).
func isLongHeader(b []byte) bool {
	return len(b) >= 5 && b[0]&0xc0 == 0xc0 && binary.BigEndian.Uint32(b[1:]) == 1
}

// needles are bytes that must not be found, by what they are.
type needles map[string][]byte

// in names the first of them that a datagram holds, or is "".
func (n needles) in(datagram []byte) string {
	for what, needle := range n {
		if bytes.Contains(datagram, needle) {
			return what
		}
	}
	return ""
}

// wireSecrets are all that the story must not show.
func wireSecrets(t *testing.T, context waymeet.ContextID, stateDirs ...string) needles {
	t.Helper()
	n := needles{
		// Every certificate says how it was signed: the DER of Ed25519's
		// AlgorithmIdentifier (RFC 8410, 3).
		"a certificate":        {0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70},
		"the ALPN, or a label": []byte("waymeet/1"),
		"the context's id":     context[:],
		"the file":             []byte(secretText),
		"the file's name":      []byte(secretFile),
		"a fact":               []byte(secretFact),
		"a nickname":           []byte(secretNickname),
		"a stream's protocol":  []byte(secretStream),
	}
	for _, dir := range stateDirs {
		seed, err := os.ReadFile(filepath.Join(dir, "identity.key"))
		if err != nil {
			t.Fatal(err)
		}
		key := messages.PublicKey(ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
		static, err := membership.NoisePublic(key)
		if err != nil {
			t.Fatal(err)
		}
		id := key.Authority()
		n["the seed of "+dir] = seed
		n["the identity key of "+dir] = key[:]
		n["the Noise static key of "+dir] = static[:]
		n["the authority id of "+dir] = id[:]
	}
	return n
}

// The scan itself is tried: what cannot find anything proves nothing.
func TestWireScanFindsWhatItLooksFor(t *testing.T) {
	dir := t.TempDir()
	stop(t, startNode(t, waymeet.Config{StateDir: dir}))
	secrets := wireSecrets(t, waymeet.ContextID{1, 2, 3}, dir)
	if len(secrets) != 8+4 {
		t.Errorf("%d needles", len(secrets))
	}
	sealed := slices.Concat([]byte{0x08, 1, 2, 3, 4, 0x07}, bytes.Repeat([]byte{0x55}, 1200))
	for what, needle := range secrets {
		leaking := slices.Clone(sealed)
		copy(leaking[600:], needle)
		if len(needle) < 7 || secrets.in(leaking) != what {
			t.Errorf("%s is not found", what)
		}
	}
	if found := secrets.in(sealed); found != "" {
		t.Errorf("%s is found where it is not", found)
	}
	longHeader := []byte{0xc3, 0, 0, 0, 1}
	for form, datagram := range map[string][]byte{
		"sealed":                    sealed,
		"bare QUIC in a hop":        slices.Concat([]byte{0x08, 1, 2, 3, 4}, longHeader, sealed[5:]),
		"QUIC under our own header": slices.Concat(sealed[:5], []byte{0x07, 1, 2, 3, 4, 5, 6, 7, 8}, longHeader, sealed[10:]),
		"QUIC, short header":        slices.Concat([]byte{0x08, 1, 2, 3, 4, 0x43}, sealed[6:]),
		"no hop at all":             sealed[5:],
		"nothing":                   nil,
		"nothing in a hop":          sealed[:5],
	} {
		if kind, problem := wireForm(datagram); (form == "sealed") != (kind == wireData && problem == "") {
			t.Errorf("%s: %s, %q", form, kind, problem)
		}
	}
	stun := slices.Concat([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, make([]byte, 12))
	for want, datagram := range map[string][]byte{wireSTUN: stun, wireControl: {0x0a, 1}, wireUnknown: stun[:8]} {
		if kind, problem := wireForm(datagram); kind != want || (problem == "") != (want != wireUnknown) {
			t.Errorf("%s: %s, %q", want, kind, problem)
		}
	}
}
