package handshake

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"testing"

	"github.com/flynn/noise"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/waymeet/waymeet/messages"
)

// vectors are those of flynn/noise's vectors.txt (BSD-3-Clause) for the two
// suites: both handshake messages, then one transport message in each
// direction. Statics and ephemerals are the same in both.
var vectors = []struct {
	suite    messages.Suite
	messages [4]string
}{
	{
		suite: messages.SuiteAESGCM,
		messages: [4]string{
			"358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd1662540322be5210eec7e84567f5b4ad376b908b7c" +
				"38a587eb71776e0661a6ca9f3ef2da7e079ebdd84739c3bce2764827999b2dbe7ee0a408573e5466b25ab358115f0cafc7c888119dfb98cc",
			"64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d48466574ad0a465f5fa106657b9f7927e737f39dbed9fe3bf511849f9",
			"c033f4a3312af700a5a655f6992bcad095ceb5af11b02027cecd87ef65738c",
			"3363987af8578ae96cb358858a859ef8060129a05d85700d8a9c4955c599c1",
		},
	},
	{
		suite: messages.SuiteChaChaPoly,
		messages: [4]string{
			"358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd1662545bdb2d5031ac09dcb167ccedf2898899c56e" +
				"3e963e1e707a4df1bed7f3f9594b873a288972e606ec27a89d7805c31c4cd218fc428fc8457cdf1976bed363286c0e199a5df2a8dc631f33",
			"64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d48466b86d10d43f68d1d06674b4ceee887769c53e3b7a239e76287e1f",
			"abbc8826715c00752948d22874560b57dc102dbf6c3dd853037efdd9499ad0",
			"f80bad7ea7c64490f8123d2728a176c3afb97a59f197c7b1be246b7cd3eb1d",
		},
	},
}

const (
	vectorPrologue = "notsecret"
	vectorPSK      = "!verysecretverysecretverysecret!"
	payload0       = "test_msg_0"
	payload1       = "test_msg_1"
	payload2       = "yellowsubmarine"
	payload3       = "submarineyellow"
)

// count is the bytes from, from+1, … : what the vectors use as keys.
func count(from byte) (key [32]byte) {
	for i := range key {
		key[i] = from + byte(i)
	}
	return key
}

// TestVectors proves that it is IKpsk2 as everybody else speaks it, and that
// the keys we take from Split are the ones that Noise would use.
func TestVectors(t *testing.T) {
	for _, v := range vectors {
		left := messages.HandshakeTerms{
			Suite: v.suite, Prologue: []byte(vectorPrologue), PSK: messages.SecretKey([]byte(vectorPSK)),
			PeerStatic: NewStatic(count(1)).Public(),
		}
		right := left
		right.Attempt.Hello = messages.HelloHash{1}
		eInit, eResp := count(0x20), count(0x41)
		initiator := vectorState(t, NewStatic(count(0)), left, eInit)
		responder := vectorState(t, NewStatic(count(1)), right, eResp)

		first, _, _, _ := initiator.WriteMessage(nil, []byte(payload0))
		if _, _, _, err := responder.ReadMessage(nil, first); err != nil {
			t.Fatal(err)
		}
		second, toResponder, toInitiator, err := responder.WriteMessage(nil, []byte(payload1))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := initiator.ReadMessage(nil, second); err != nil {
			t.Fatal(err)
		}
		got := [4][]byte{
			first, second,
			sealFirst(t, v.suite, toResponder.UnsafeKey(), payload2),
			sealFirst(t, v.suite, toInitiator.UnsafeKey(), payload3),
		}
		for i, want := range v.messages {
			if hex.EncodeToString(got[i]) != want {
				t.Errorf("suite %d, message %d: %x, want %s", v.suite, i, got[i], want)
			}
		}
	}
}

func vectorState(t *testing.T, local Static, terms messages.HandshakeTerms, ephemeral [32]byte) *noise.HandshakeState {
	t.Helper()
	state, err := newState(local, terms, bytes.NewReader(ephemeral[:]))
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// sealFirst seals what a direction sends first, under nonce 0, with an AEAD of
// the standard library or x/crypto.
func sealFirst(t *testing.T, suite messages.Suite, key [32]byte, plaintext string) []byte {
	t.Helper()
	aead, err := chacha20poly1305.New(key[:])
	if suite == messages.SuiteAESGCM {
		block, blockErr := aes.NewCipher(key[:])
		if blockErr != nil {
			t.Fatal(blockErr)
		}
		aead, err = cipher.NewGCM(block)
	}
	if err != nil {
		t.Fatal(err)
	}
	return aead.Seal(nil, make([]byte, aead.NonceSize()), []byte(plaintext), nil)
}
