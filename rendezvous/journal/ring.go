package journal

import (
	"errors"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// ring holds the keys of a context that this node has: all keys of the epochs
// whose secret it was given, the payload keys alone of those before it joined.
type ring struct {
	identity membership.Identity
	context  messages.ContextID
	payloads map[messages.EpochKeyID]membership.EpochKey
	names    map[messages.EpochID]messages.EpochKeyID
	keys     map[messages.EpochID]membership.Keys
	// refused are the epochs whose secret did not open, and why.
	refused map[messages.EpochID]error
	// learned are the records of keys that are not on disk yet.
	learned []messages.Record
}

func newRing(identity membership.Identity, context messages.ContextID) *ring {
	return &ring{
		identity: identity,
		context:  context,
		payloads: map[messages.EpochKeyID]membership.EpochKey{},
		names:    map[messages.EpochID]messages.EpochKeyID{},
		keys:     map[messages.EpochID]membership.Keys{},
		refused:  map[messages.EpochID]error{},
	}
}

// addPayload takes in what reads one epoch.
func (r *ring) addPayload(key membership.EpochKey) {
	r.payloads[key.KeyID] = key
	r.names[key.EpochID] = key.KeyID
}

// addSecret derives and takes in all keys of an epoch.
func (r *ring) addSecret(epoch messages.Epoch, id messages.EpochID, secret membership.Secret) membership.Keys {
	keys := membership.DeriveKeys(r.context, epoch, id, secret)
	r.addPayload(keys.Payloads())
	r.keys[id] = keys
	delete(r.refused, id)
	return keys
}

// learn takes the secret of the epoch that an op opens out of its wraps,
// unless it is known; for an epoch before this node joined it does nothing. One
// that was refused may open in another fact of the op.
func (r *ring) learn(change messages.EpochChange, id messages.EpochID) {
	if _, held := r.names[id]; held {
		return
	}
	secret, err := membership.Unwrap(r.identity, id, change.Wraps, change.SecretHash)
	if err != nil {
		r.refused[id] = err
		return
	}
	r.addSecret(change.Epoch, id, secret)
	r.learned = append(r.learned, secretRecord(change.Epoch, id, secret))
}

// open is the plaintext of a fact, if the ring holds its key.
func (r *ring) open(fact messages.Fact) ([]byte, error) {
	key, held := r.payloads[fact.Header.KeyID]
	if !held || key.Epoch != fact.Header.Epoch {
		return nil, errNoKey
	}
	return Open(fact, key.Payload)
}

// errNoKey reports a fact of an epoch whose key this node does not hold.
var errNoKey = errors.New("no key for the epoch of the fact")

// takeLearned is what must be written for the keys learned since it was asked
// last.
func (r *ring) takeLearned() []messages.Record {
	learned := r.learned
	r.learned = nil
	return learned
}
