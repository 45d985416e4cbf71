package membership_test

import (
	"bytes"
	"crypto/ecdh"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// SPEC 1.2: "Noise uses X25519 keys converted from the identity key
// (birational map …)": both halves of the conversion give one key pair.
func TestNoiseKeysBelongTogether(t *testing.T) {
	for n := range byte(20) {
		ana := identity(n)
		raw := ana.NoisePrivate()
		private, err := ecdh.X25519().NewPrivateKey(raw[:])
		if err != nil {
			t.Fatal(err)
		}
		public, err := membership.NoisePublic(ana.Public())
		if err != nil || !bytes.Equal(public[:], private.PublicKey().Bytes()) {
			t.Errorf("identity %d: %x and %x, %v", n, public, private.PublicKey().Bytes(), err)
		}
	}
}

// SPEC 1.2: "low-order points refused". These are the points of order 1, 2, 4
// and 8 (RFC 7748 section 6.1, as Edwards points), and what is no point.
func TestNoisePublicRefusesLowOrder(t *testing.T) {
	for _, text := range []string{
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"0200000000000000000000000000000000000000000000000000000000000000",
	} {
		raw, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := membership.NoisePublic(messages.PublicKey(raw)); !errors.Is(err, membership.ErrLowOrder) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestSignatureVerifies(t *testing.T) {
	ana := identity(1)
	signature := ana.Sign([]byte("text"))
	if !ana.Public().Verify([]byte("text"), signature[:]) || ana.Authority() != ana.Public().Authority() {
		t.Error("the identity's own key does not verify")
	}
}

// SPEC 2.4: "Secrets are … NEVER logged". However an identity is printed, it says whose it
// is, and no more.
func TestIdentityPrintsNoSecret(t *testing.T) {
	ana := identity(1)
	want := "identity of " + ana.Authority().Short()
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("starts", "as", ana)
	text, err := json.Marshal(map[string]any{"as": ana})
	if err != nil {
		t.Fatal(err)
	}
	for _, printed := range []string{fmt.Sprint(ana), fmt.Sprintf("%v", ana), fmt.Sprintf("%+v", ana), fmt.Sprintf("%#v", ana), fmt.Sprintf("%x", ana), fmt.Sprintf("%d", ana)} {
		if printed != want {
			t.Errorf("printed as %q", printed)
		}
	}
	for _, printed := range []string{log.String(), string(text)} {
		if !strings.Contains(printed, want) {
			t.Errorf("printed as %q", printed)
		}
	}
}
