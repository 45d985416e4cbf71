package messages

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Constants of tickets (SPEC 14.2).
const (
	// TicketPrefix begins the text of every ticket.
	TicketPrefix = "wm1-"
	// TicketLifetime is how long a ticket can be claimed if nothing else is
	// asked for.
	TicketLifetime = 10 * time.Minute
	// MaxTicketLifetime is the longest that can be asked for.
	MaxTicketLifetime = 7 * 24 * time.Hour
	// MaxTicketEndpoints is how many endpoints a ticket may carry.
	MaxTicketEndpoints = 8
	// MaxTicketText is the greatest text, in bytes; it still fits a QR code.
	MaxTicketText = 4000

	ticketSumSize = 4
)

// Labels of tickets and claims.
const (
	LabelTicket Label = "waymeet/1 ticket"
	LabelClaim  Label = "waymeet/1 claim"
)

// TicketHash names a ticket without giving it away; it is the prologue of the
// handshake under the ticket. It never leaves the node in clear.
type TicketHash [32]byte

// IsZero reports whether the hash names no ticket.
func (h TicketHash) IsZero() bool { return h == TicketHash{} }

// String is the first 8 hex digits, for logs.
func (h TicketHash) String() string { return fmt.Sprintf("%x", h[:4]) }

// Ticket invites its one holder into a context (SPEC 14.2).
//
// Invariants, checked by ParseTicket and by whoever makes one: our major
// version; a context, an inviter, a secret and a time that are not zero;
// 1…MaxTicketEndpoints valid endpoints, relay slots first.
type Ticket struct {
	Version   Version        `cbor:"1,keyasint"`
	Context   ContextID      `cbor:"2,keyasint"`
	Inviter   PublicKey      `cbor:"3,keyasint"`
	Endpoints []LinkEndpoint `cbor:"4,keyasint"`
	Secret    SecretKey      `cbor:"5,keyasint"`
	// Expires is the first instant at which it cannot be claimed any more.
	Expires Millis `cbor:"6,keyasint"`
}

// Hash is SHA-256 over the label and the ticket's canonical bytes.
func (t Ticket) Hash() TicketHash { return TicketHash(Hash(LabelTicket, Encode(t))) }

// Text is what a person hands over. It holds the secret: show it to nobody but
// the one who is invited, and never log it.
//
//	"wm1-" ‖ base32(CBOR ‖ SHA-256(CBOR)[:4])
func (t Ticket) Text() string {
	b := Encode(t)
	sum := sha256.Sum256(b)
	return TicketPrefix + idText.EncodeToString(append(b, sum[:ticketSumSize]...))
}

// String is a redacted form: it names the ticket and cannot be joined with.
func (t Ticket) String() string { return "ticket " + t.Hash().String() }

// Format writes the redacted form, whatever the verb.
func (t Ticket) Format(f fmt.State, _ rune) { fmt.Fprint(f, t.String()) }

// LogValue is the redacted form (SPEC 2.4).
func (t Ticket) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText writes the redacted form.
func (t Ticket) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// Validate checks the invariants of the type.
func (t Ticket) Validate() error {
	switch {
	case t.Version.Major != CurrentVersion.Major:
		return badTicket(fmt.Sprintf("it is of protocol version %d, this program speaks %d",
			t.Version.Major, CurrentVersion.Major), "use the same release on both sides")
	case t.Context.IsZero(), t.Inviter.IsZero(), t.Secret == SecretKey{}, t.Expires == 0:
		return badTicket("it lacks its context, inviter, secret or time", askForNew)
	case len(t.Endpoints) == 0 || len(t.Endpoints) > MaxTicketEndpoints:
		return badTicket(fmt.Sprintf("it has %d endpoints, not 1 to %d",
			len(t.Endpoints), MaxTicketEndpoints), askForNew)
	}
	direct := false
	for _, e := range t.Endpoints {
		if err := e.Validate(); err != nil {
			return badTicket("it has a bad "+err.Error(), askForNew)
		}
		if direct && e.Protocol.IsRelay() {
			return badTicket("it names a relay after a direct address", askForNew)
		}
		direct = direct || !e.Protocol.IsRelay()
	}
	return nil
}

// ParseTicket reads the text of a ticket. Space around it and upper case (QR
// codes) are forgiven, nothing else. The error is an InvitationFailure, and
// never quotes the text: what was mistyped may be a live secret.
func ParseTicket(text string) (Ticket, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	body, ok := strings.CutPrefix(text, TicketPrefix)
	if !ok {
		return Ticket{}, badTicket("it does not begin with "+TicketPrefix, copyWhole)
	}
	if len(text) > MaxTicketText {
		return Ticket{}, badTicket("it is too long", copyWhole)
	}
	raw, err := idText.DecodeString(body)
	if err != nil || len(raw) <= ticketSumSize || idText.EncodeToString(raw) != body {
		return Ticket{}, badTicket("characters are missing or wrong", copyWhole)
	}
	b, sum := raw[:len(raw)-ticketSumSize], sha256.Sum256(raw[:len(raw)-ticketSumSize])
	if string(sum[:ticketSumSize]) != string(raw[len(b):]) {
		return Ticket{}, badTicket("its check sum does not match", copyWhole)
	}
	return DecodeTicket(b)
}

// DecodeTicket reads the canonical bytes of a ticket (Encode), as they stand
// in its text and in the node's database.
func DecodeTicket(b []byte) (Ticket, error) {
	t, err := Decode[Ticket](b)
	if err != nil {
		return Ticket{}, badTicket("it is malformed", askForNew)
	}
	if err := t.Validate(); err != nil {
		return Ticket{}, err
	}
	return t, nil
}

const (
	copyWhole = "copy the whole line that `invite` printed"
	askForNew = "ask the inviter for a new ticket"
)

func badTicket(whose, hint string) InvitationFailure {
	return InvitationFailure{Reason: TicketMalformed, Problem: Problem{
		Code: ExitUsage, What: "this is not a ticket that can be used", Whose: whose, Hint: hint,
	}}
}
