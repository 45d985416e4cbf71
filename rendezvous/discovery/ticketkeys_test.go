package discovery

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"github.com/waymeet/waymeet/messages"
)

// SPEC 14.2: "hello key, attempt keys and PSK ('ticket' labels; … index =
// HMAC(hello key, ticket hash)[:4])".
func TestTicketKeys(t *testing.T) {
	ticket := newSituation().ticket
	keys, again := DeriveTicketKeys(ticket), DeriveTicketKeys(ticket)
	if keys != again {
		t.Error("the same ticket has other keys")
	}
	if keys.Hello == keys.Attempt || keys.Hello == keys.PSK || keys.Attempt == keys.PSK || keys.PSK.IsZero() {
		t.Error("the keys are not distinct")
	}
	hash := ticket.Hash()
	mac := hmac.New(sha256.New, keys.Hello[:])
	mac.Write(hash[:])
	if want := binary.BigEndian.Uint32(mac.Sum(nil)[:4]); keys.Index != messages.KeyIndex(want) || keys.Ticket != hash {
		t.Errorf("index %x, want %x", keys.Index, want)
	}

	other := ticket
	other.Secret[31]++
	if changed := DeriveTicketKeys(other); changed.Hello == keys.Hello || changed.PSK == keys.PSK {
		t.Error("another secret has the same keys")
	}
	other = ticket
	other.Expires++
	if changed := DeriveTicketKeys(other); changed.PSK == keys.PSK {
		t.Error("another ticket of the same secret has the same keys")
	}
}
