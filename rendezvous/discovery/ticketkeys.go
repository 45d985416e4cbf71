package discovery

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"github.com/waymeet/waymeet/messages"
)

// Labels of what is derived from a ticket's secret (SPEC 14.2).
const (
	labelTicketHello   messages.Label = "waymeet/1 ticket hello"
	labelTicketAttempt messages.Label = "waymeet/1 ticket attempt"
	labelTicketPSK     messages.Label = "waymeet/1 ticket psk"
	labelInvite        messages.Label = "invite member"
)

// TicketKeys are what two ends need for a handshake under a ticket. They stand
// where an epoch's keys stand in a context, and none of them serves a context.
//
// SPEC 14.2: "From the secret: hello key, attempt keys and PSK ('ticket'
// labels; prologue = ticket hash; hello with empty context and epoch, index =
// HMAC(hello key, ticket hash)[:4]): only its holder reaches the inviter,
// others meet silence."
type TicketKeys struct {
	Ticket messages.TicketHash
	// Hello seals the hellos of both directions.
	Hello messages.SecretKey
	// Attempt is what the keys of early datagrams come from.
	Attempt messages.SecretKey
	PSK     messages.SecretKey
	// Index stands at the head of the hellos of both directions.
	Index messages.KeyIndex
}

// DeriveTicketKeys derives the keys of a ticket: HKDF-SHA-256 of its secret,
// salt = ticket hash, info = label, 32 bytes each.
func DeriveTicketKeys(t messages.Ticket) TicketKeys {
	k := TicketKeys{Ticket: t.Hash()}
	derive := func(label messages.Label) messages.SecretKey {
		key, err := hkdf.Key(sha256.New, t.Secret[:], k.Ticket[:], string(label), len(messages.SecretKey{}))
		if err != nil {
			panic("discovery: " + err.Error())
		}
		return messages.SecretKey(key)
	}
	k.Hello, k.Attempt, k.PSK = derive(labelTicketHello), derive(labelTicketAttempt), derive(labelTicketPSK)
	mac := hmac.New(sha256.New, k.Hello[:])
	mac.Write(k.Ticket[:])
	k.Index = messages.KeyIndex(binary.BigEndian.Uint32(mac.Sum(nil)))
	return k
}

// terms fills what both ends of a handshake under the ticket agree on.
func (k TicketKeys) terms(attempt messages.AttemptID, self messages.AuthorityID) messages.HandshakeTerms {
	return messages.HandshakeTerms{
		Attempt:    attempt,
		Self:       self,
		Peer:       attempt.Peer,
		Minor:      messages.CurrentVersion.Minor,
		PSK:        k.PSK,
		Prologue:   k.Ticket[:],
		HelloKey:   k.Hello,
		HelloIndex: k.Index,
	}
}

// InviteOperation is the id of adding the joiner by that ticket. It follows
// from what is done, so that the journal does it once however often it is
// asked.
func InviteOperation(ticket messages.TicketHash, joiner messages.AuthorityID) messages.OperationID {
	return messages.Hash(messages.LabelOperation, []byte(labelInvite), ticket[:], joiner[:])
}
