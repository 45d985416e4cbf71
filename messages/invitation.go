package messages

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// InvitationReason says why an invitation or a join ended without a member.
type InvitationReason string

// The reasons. The first six can come from the inviter (Refusal).
const (
	// TicketUsed: another authority claimed the ticket first.
	TicketUsed InvitationReason = "ticket-used"
	// TicketExpired: nobody claimed it in time.
	TicketExpired InvitationReason = "ticket-expired"
	// ClaimBad: the claim's key, signature and handshake do not fit together.
	ClaimBad InvitationReason = "claim-bad"
	// InviterDeclined: the inviter may not, or does not want to, add the joiner.
	InviterDeclined InvitationReason = "inviter-declined"
	// AlreadyMember: the joiner is in the roster already.
	AlreadyMember InvitationReason = "already-member"
	// InviterBusy: the inviter cannot serve this claim now.
	InviterBusy InvitationReason = "inviter-busy"

	// TicketMalformed: the text is no ticket, or of another version.
	TicketMalformed InvitationReason = "ticket-malformed"
	// OwnTicket: the joiner is the inviter.
	OwnTicket InvitationReason = "own-ticket"
	// NoAnswer: nobody answered until the deadline.
	NoAnswer InvitationReason = "no-answer"
	// StillWaiting: the inviter waits for the votes of others.
	StillWaiting InvitationReason = "still-waiting"
	// WelcomeBad: the inviter's welcome is not one to the ticket's context.
	WelcomeBad InvitationReason = "welcome-bad"
	// NotSynced: joined, but the first sync did not end in time.
	NotSynced InvitationReason = "not-synced"
	// LocalFailure: this node could not do its own part.
	LocalFailure InvitationReason = "local-failure"
	// NotFounder: only the founder can invite into the context.
	NotFounder InvitationReason = "not-founder"
	// TooManyTickets: the node keeps as many tickets as it may.
	TooManyTickets InvitationReason = "too-many-tickets"
	// Unreachable: nobody could reach the inviter by such a ticket.
	Unreachable InvitationReason = "unreachable"
	// InvitationMalformed: what was asked for makes no ticket.
	InvitationMalformed InvitationReason = "invitation-malformed"
)

// InvitationFailure is the typed error of tickets, invitations and joins: the
// reason for code that branches, the problem for people.
type InvitationFailure struct {
	Reason InvitationReason
	Problem
}

// Unwrap is the problem.
func (f InvitationFailure) Unwrap() error { return f.Problem }

// Refusal is a reason on the wire. Values are never used again.
type Refusal uint8

var refusals = []InvitationReason{
	1: TicketUsed, 2: TicketExpired, 3: ClaimBad, 4: InviterDeclined, 5: AlreadyMember, 6: InviterBusy,
}

// RefusalOf is the wire form of a reason; reasons that an inviter does not
// give become InviterDeclined.
func RefusalOf(reason InvitationReason) Refusal {
	if at := slices.Index(refusals, reason); at > 0 {
		return Refusal(at)
	}
	return RefusalOf(InviterDeclined)
}

// Reason is what the refusal says; one that this version does not know is
// InviterDeclined.
func (r Refusal) Reason() InvitationReason {
	if r == 0 || int(r) >= len(refusals) {
		return InviterDeclined
	}
	return refusals[r]
}

// Claim is what the joiner says first on the stream `claim/1` of the ticket's
// channel (SPEC 14.2).
type Claim struct {
	Key PublicKey `cbor:"1,keyasint"`
	// Signature is over ClaimMessage.
	Signature Signature `cbor:"2,keyasint"`
}

// ClaimMessage is what a claim signs.
//
// SPEC 14.2: "signature over 'waymeet/1 claim' ‖ handshake hash".
func ClaimMessage(handshake [32]byte) []byte {
	return append([]byte(LabelClaim), handshake[:]...)
}

// AnswerKind says what an answer says.
type AnswerKind uint8

// The answers. Values are on the wire.
const (
	// AnswerWelcome: the joiner is a member; Welcome holds the bytes.
	AnswerWelcome AnswerKind = 1
	// AnswerWaiting: Have of Need votes are there; another answer follows.
	AnswerWaiting AnswerKind = 2
	// AnswerRefused: Refusal says why; nothing follows.
	AnswerRefused AnswerKind = 3
)

// Answer is what the inviter says to a claim. The welcome in it is a secret;
// an Answer prints without it.
type Answer struct {
	Kind    AnswerKind `cbor:"1,keyasint"`
	Welcome []byte     `cbor:"2,keyasint,omitempty"`
	Have    uint32     `cbor:"3,keyasint,omitempty"`
	Need    uint32     `cbor:"4,keyasint,omitempty"`
	Refusal Refusal    `cbor:"5,keyasint,omitempty"`
}

// RefusedAnswer is the answer that refuses for that reason.
func RefusedAnswer(reason InvitationReason) Answer {
	return Answer{Kind: AnswerRefused, Refusal: RefusalOf(reason)}
}

// String says what the answer says, without the welcome's secrets.
func (a Answer) String() string {
	switch a.Kind {
	case AnswerWelcome:
		return "welcome " + secretText
	case AnswerWaiting:
		return fmt.Sprintf("waiting for %d of %d", a.Have, a.Need)
	case AnswerRefused:
		return "refused: " + string(a.Refusal.Reason())
	}
	return fmt.Sprintf("answer %d", a.Kind)
}

// Format writes String, whatever the verb.
func (a Answer) Format(f fmt.State, _ rune) { fmt.Fprint(f, a.String()) }

// MarshalText writes String: no welcome reaches a text encoding.
func (a Answer) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// Validate checks that the answer holds what its kind says and no more.
func (a Answer) Validate() error {
	welcome, waiting, refused := len(a.Welcome) > 0, a.Have > 0 || a.Need > 0, a.Refusal != 0
	ok := false
	switch a.Kind {
	case AnswerWelcome:
		ok = welcome && !waiting && !refused
	case AnswerWaiting:
		ok = !welcome && a.Have < a.Need && !refused
	case AnswerRefused:
		ok = !welcome && !waiting && refused
	}
	if !ok {
		return fmt.Errorf("%w: an answer that says nothing or two things", ErrEncoding)
	}
	return nil
}

// Synced tells the inviter that the joiner's journal has caught up: the
// ticket's channel has done its work.
type Synced struct{}

// ClaimFrame is what travels on `claim/1`: Claim, Answer or Synced.
type ClaimFrame interface{ claimFrame() }

func (Claim) claimFrame()  {}
func (Answer) claimFrame() {}
func (Synced) claimFrame() {}

// MaxClaimFrame is the greatest frame on `claim/1`, in bytes after its length.
const MaxClaimFrame = 1 << 20

const (
	frameClaim  = 1
	frameAnswer = 2
	frameSynced = 3

	frameLengthSize = 4
)

// AppendClaimFrame writes a frame after b:
//
//	length 4 (of what follows) ‖ kind 1 (1 claim, 2 answer, 3 synced) ‖ CBOR
func AppendClaimFrame(b []byte, frame ClaimFrame) []byte {
	switch f := frame.(type) {
	case Claim:
		return appendFrame(b, frameClaim, Encode(f))
	case Answer:
		return appendFrame(b, frameAnswer, Encode(f))
	case Synced:
		return appendFrame(b, frameSynced, nil)
	}
	panic(fmt.Sprintf("messages: %T is no claim frame", frame))
}

// ReadClaimFrame reads one frame from the stream. The error is io.EOF when the
// stream ended before it, ErrEncoding when the peer wrote no frame, else the
// stream's own.
func ReadClaimFrame(r io.Reader) (ClaimFrame, error) {
	kind, body, err := readFrame(r, MaxClaimFrame)
	if err != nil {
		return nil, err
	}
	switch kind {
	case frameClaim:
		return asFrame(Decode[Claim](body))
	case frameAnswer:
		answer, err := Decode[Answer](body)
		if err == nil {
			err = answer.Validate()
		}
		return asFrame(answer, err)
	case frameSynced:
		if len(body) > 0 {
			return nil, fmt.Errorf("%w: a synced frame has no body", ErrEncoding)
		}
		return Synced{}, nil
	}
	return nil, fmt.Errorf("%w: claim frame of unknown kind %d", ErrEncoding, kind)
}

func asFrame[F ClaimFrame](frame F, err error) (ClaimFrame, error) {
	if err != nil {
		return nil, err
	}
	return frame, nil
}

// appendFrame writes length 4 ‖ kind 1 ‖ body after b.
func appendFrame(b []byte, kind byte, body []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(1+len(body)))
	return append(append(b, kind), body...)
}

// readFrame reads what appendFrame wrote. It grows its buffer only as bytes
// arrive, so that a length alone costs nothing.
func readFrame(r io.Reader, limit int) (kind byte, body []byte, err error) {
	var head [frameLengthSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	length := int64(binary.BigEndian.Uint32(head[:]))
	if length == 0 || length > int64(limit) {
		return 0, nil, fmt.Errorf("%w: a frame of %d bytes", ErrEncoding, length)
	}
	frame, err := io.ReadAll(io.LimitReader(r, length))
	if err != nil {
		return 0, nil, err
	}
	if int64(len(frame)) < length {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return frame[0], frame[1:], nil
}
