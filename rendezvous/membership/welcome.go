package membership

import (
	"errors"
	"fmt"
	"slices"

	"github.com/waymeet/waymeet/messages"
)

// MaxWelcomeEpochs bounds the earlier payload keys in a welcome.
const MaxWelcomeEpochs = 4096

// ErrWelcome reports a welcome that does not prove what the ticket promised;
// the text says what. The inviter is to blame.
var ErrWelcome = errors.New("welcome refused")

// Welcome is what a joiner gets after its claim (SPEC 14.2): how to check that
// this is the context of the ticket, the secret of the epoch that made it a
// member, and the keys that read the history before it.
//
// It holds payload keys in the clear: it travels inside the channel of the
// ticket alone and is never logged.
type Welcome struct {
	// Founded is the op whose hash is the ContextID.
	Founded messages.ContextFounded `cbor:"1,keyasint"`
	Epoch   messages.Epoch          `cbor:"2,keyasint"`
	EpochID messages.EpochID        `cbor:"3,keyasint"`
	// SecretHash is that of the epoch op; the op itself comes with the sync.
	SecretHash [32]byte `cbor:"4,keyasint"`
	// Wrap is the epoch secret for the joiner.
	Wrap messages.SecretWrap `cbor:"5,keyasint"`
	// Earlier are the payload keys of the epochs before, by epoch from 0.
	Earlier []EpochKey `cbor:"6,keyasint"`
}

// Context is the context that the welcome is to.
func (w Welcome) Context() messages.ContextID { return w.Founded.Context() }

// Append writes the canonical bytes of the welcome after b.
func (w Welcome) Append(b []byte) []byte { return append(b, messages.Encode(w)...) }

// ParseWelcome reads a welcome; it checks the encoding alone.
func ParseWelcome(b []byte) (Welcome, error) {
	w, err := messages.Decode[Welcome](b)
	if err != nil {
		return Welcome{}, err
	}
	if len(w.Earlier) > MaxWelcomeEpochs {
		return Welcome{}, fmt.Errorf("%w: keys of %d epochs", ErrWelcome, len(w.Earlier))
	}
	return w, nil
}

// Accept checks the welcome against the ticket (its context and the inviter's
// key) and opens the epoch secret for the joiner.
//
// The founder's key is inside ContextFounded, whose hash the ticket names; who
// may invite is read from the finality rule; the secret must have the hash
// that the op holds.
func (w Welcome) Accept(joiner Identity, context messages.ContextID, inviter messages.PublicKey) (Keys, Secret, error) {
	if w.Context() != context {
		return Keys{}, Secret{}, fmt.Errorf("%w: it is to another context than the ticket", ErrWelcome)
	}
	founder := w.Founded.Founder.Authority()
	if reason := RefuseEpochOp(w.Founded.Finality, founder, inviter.Authority()); reason != "" {
		return Keys{}, Secret{}, fmt.Errorf("%w: %s", ErrWelcome, reason)
	}
	if w.Epoch == 0 || uint64(len(w.Earlier)) != uint64(w.Epoch) {
		return Keys{}, Secret{}, fmt.Errorf("%w: it opens epoch %d and holds keys of %d epochs before", ErrWelcome, w.Epoch, len(w.Earlier))
	}
	for at, key := range w.Earlier {
		if key.Epoch != messages.Epoch(at) {
			return Keys{}, Secret{}, fmt.Errorf("%w: keys of the earlier epochs are out of order", ErrWelcome)
		}
	}
	if w.Earlier[0].EpochID != FoundedEpoch(w.Founded) {
		return Keys{}, Secret{}, fmt.Errorf("%w: epoch 0 is not the one that founded the context", ErrWelcome)
	}
	secret, err := Unwrap(joiner, w.EpochID, []messages.SecretWrap{w.Wrap}, w.SecretHash)
	if err != nil {
		return Keys{}, Secret{}, fmt.Errorf("%w: %w", ErrWelcome, err)
	}
	return DeriveKeys(context, w.Epoch, w.EpochID, secret), secret, nil
}

// NewWelcome makes the welcome of a member who is in the roster of the open
// epoch. Change is the op that opened it and earlier the payload keys of all
// epochs before.
func NewWelcome(founded messages.ContextFounded, open Keys, change messages.EpochChange, earlier []EpochKey, member messages.AuthorityID) (Welcome, error) {
	at := slices.IndexFunc(change.Wraps, func(w messages.SecretWrap) bool { return w.Member == member })
	if at < 0 {
		return Welcome{}, fmt.Errorf("%w: epoch %d has no secret for %s", ErrNotAllowed, open.Epoch, member.Short())
	}
	return Welcome{
		Founded:    founded,
		Epoch:      open.Epoch,
		EpochID:    open.EpochID,
		SecretHash: change.SecretHash,
		Wrap:       change.Wraps[at],
		Earlier:    earlier,
	}, nil
}
