package journal

import (
	"bytes"
	"fmt"
	"io"
	"iter"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// Source gives the records of a database, verified, bucket by bucket. An error
// ends the sequence.
type Source interface {
	Records(bucket messages.Bucket) iter.Seq2[messages.Record, error]
	// RecordsFrom begins at that key, before which lie so many records: an error
	// if those and what it gives are not all.
	RecordsFrom(bucket messages.Bucket, key []byte, before uint64) iter.Seq2[messages.Record, error]
}

// Found founds a context at now: the records with which its database begins,
// the fact of the ContextFounded op among them. It takes 88 bytes from random.
func Found(identity membership.Identity, random io.Reader, now messages.Millis) (messages.ContextID, []messages.Record, error) {
	op, secret, err := membership.Found(identity, random)
	if err != nil {
		return messages.ContextID{}, nil, err
	}
	keys := membership.FoundedKeys(op, secret)
	at := messages.Chained{
		Version: messages.FactVersion,
		Context: keys.Context,
		Author:  identity.Authority(),
		Seq:     1,
		HLC:     messages.HLC(0).Next(now),
		KeyID:   keys.KeyID,
		Type:    messages.FactContextFounded,
		Schema:  messages.FactContextFounded.Schema(),
	}
	fact, err := Seal(identity, at, keys.Payload, messages.EncodeFact(op), random)
	if err != nil {
		return messages.ContextID{}, nil, err
	}
	return keys.Context, []messages.Record{
		foundedRecord(op),
		secretRecord(0, keys.EpochID, secret),
		factRecord(1, fact.Append(nil)),
	}, nil
}

// Join is what the database of a joiner begins with, after it has accepted the
// welcome (membership.Welcome.Accept). The facts come with the first sync.
func Join(welcome membership.Welcome, secret membership.Secret) []messages.Record {
	records := []messages.Record{
		foundedRecord(welcome.Founded),
		secretRecord(welcome.Epoch, welcome.EpochID, secret),
	}
	for _, key := range welcome.Earlier {
		records = append(records, payloadRecord(key))
	}
	return records
}

// Load makes the Journal of what the database holds. The facts in it were
// admitted before they were written; the store has checked their bytes.
func Load(config Config, source Source) (*Journal, error) {
	keys, founded, err := loadKeys(config.Identity, source)
	if err != nil {
		return nil, err
	}
	j := &Journal{
		config:  config.complete(),
		set:     newSet(founded, keys),
		book:    newBook(config.Limits),
		done:    newOperations(),
		aside:   newAside(),
		pen:     pen{self: config.Identity.Authority(), writeAfter: config.WriteAfter, claims: config.Claims.clone()},
		waiting: map[messages.OperationID]bool{},
		index:   index{size: segmentSize},
		changed: true,
	}
	for record, err := range source.Records(messages.BucketCharges) {
		if err == nil {
			err = readCharge(record, j.book.now)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := j.done.load(source); err != nil {
		return nil, err
	}
	return j, j.loadFacts(source)
}

func loadKeys(identity membership.Identity, source Source) (*ring, messages.ContextFounded, error) {
	var stored storedKeys
	for record, err := range source.Records(messages.BucketKeys) {
		if err == nil {
			err = stored.read(record)
		}
		if err != nil {
			return nil, stored.founded, err
		}
	}
	if stored.founded.Founder.IsZero() {
		return nil, stored.founded, fmt.Errorf("%w: the op that founded the context is missing", ErrRecord)
	}
	keys := newRing(identity, stored.founded.Context())
	stored.into(keys)
	return keys, stored.founded, nil
}

// storedKeys is what the records of the keys bucket hold.
type storedKeys struct {
	founded  messages.ContextFounded
	secrets  []storedSecret
	payloads []membership.EpochKey
}

func (k *storedKeys) read(record messages.Record) (err error) {
	written := []byte(keyFounded) // the key of a record that says this
	switch key := record.Key; {
	case string(key) == keyFounded:
		k.founded, err = messages.Decode[messages.ContextFounded](record.Value)
	case bytes.HasPrefix(key, []byte(prefixSecret)):
		var secret storedSecret
		secret, err = messages.Decode[storedSecret](record.Value)
		k.secrets = append(k.secrets, secret)
		written = epochRecordKey(prefixSecret, secret.Epoch, secret.EpochID)
	case bytes.HasPrefix(key, []byte(prefixPayload)):
		var payload membership.EpochKey
		payload, err = messages.Decode[membership.EpochKey](record.Value)
		k.payloads = append(k.payloads, payload)
		written = epochRecordKey(prefixPayload, payload.Epoch, payload.EpochID)
	}
	switch {
	case err != nil:
		return fmt.Errorf("%w: key %x: %w", ErrRecord, record.Key, err)
	case !bytes.Equal(record.Key, written):
		return fmt.Errorf("%w: key record %x", ErrRecord, record.Key)
	}
	return nil
}

// into puts the keys that the ring does not have into it; the records are
// theirs.
func (k storedKeys) into(keys *ring) (records []messages.Record) {
	for _, payload := range k.payloads {
		if _, held := keys.names[payload.EpochID]; !held {
			keys.addPayload(payload)
			records = append(records, payloadRecord(payload))
		}
	}
	for _, secret := range k.secrets {
		if _, held := keys.keys[secret.EpochID]; !held {
			keys.addSecret(secret.Epoch, secret.EpochID, secret.Secret)
			records = append(records, secretRecord(secret.Epoch, secret.EpochID, secret.Secret))
		}
	}
	return records
}

// loadFacts takes from the index what it knows, and reads only the facts that
// came after it.
func (j *Journal) loadFacts(source Source) error {
	// One fold at the end instead of one a fact.
	j.set.stale = true
	if err := j.loadIndex(source); err != nil {
		return err
	}
	var wrong error
	for record, err := range source.RecordsFrom(messages.BucketFacts, (j.set.last + 1).Key(), uint64(j.set.last)) {
		switch {
		case err != nil:
			return err
		case wrong != nil:
			continue
		}
		fact, err := messages.ParseFact(record.Value)
		if err != nil || fact.Header.Context != j.set.context || !bytes.Equal(record.Key, (j.set.last+1).Key()) {
			wrong = fmt.Errorf("%w: fact %x", ErrRecord, record.Key)
			continue // if one before it is missing, the source says so in the end
		}
		j.accept(fact, fact.ID(), len(record.Value))
	}
	return wrong
}
