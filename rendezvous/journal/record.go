package journal

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// Keys of records (all integers big-endian):
//
//	keys        "founded"                          ContextFounded
//	            "secret"  ‖ epoch 8 ‖ EpochID 32   storedSecret
//	            "payload" ‖ epoch 8 ‖ EpochID 32   membership.EpochKey
//	facts       Place 8                            the fact
//	index       Place 8 of the first               segment
//	charges     "f" ‖ peer 32 ‖ epoch 8 ‖ day 4    FlowCost
//	            "l" ‖ hour 4                       Leakage
//	operations  until 8 ‖ OperationID 32           storedOperation
const (
	keyFounded    = "founded"
	prefixSecret  = "secret"
	prefixPayload = "payload"
	prefixFlow    = "f"
	prefixLeaked  = "l"

	flowKeySize   = len(prefixFlow) + 32 + 8 + 4
	leakedKeySize = len(prefixLeaked) + 4
)

// ErrRecord reports a record that the journal did not write, or wrote as
// another version of itself.
var ErrRecord = errors.New("unreadable journal record")

type storedSecret struct {
	Epoch   messages.Epoch    `cbor:"1,keyasint"`
	EpochID messages.EpochID  `cbor:"2,keyasint"`
	Secret  membership.Secret `cbor:"3,keyasint"`
}

// storedOperation is what an operation led to, so that asking again gives the
// same answer and no second effect (SPEC 5.5).
type storedOperation struct {
	// Until is when it is forgotten.
	Until messages.Millis   `cbor:"1,keyasint"`
	Facts []messages.FactID `cbor:"2,keyasint"`
}

func foundedRecord(op messages.ContextFounded) messages.Record {
	return messages.Record{Bucket: messages.BucketKeys, Key: []byte(keyFounded), Value: messages.Encode(op)}
}

func secretRecord(epoch messages.Epoch, id messages.EpochID, secret membership.Secret) messages.Record {
	return messages.Record{
		Bucket: messages.BucketKeys,
		Key:    epochRecordKey(prefixSecret, epoch, id),
		Value:  messages.Encode(storedSecret{Epoch: epoch, EpochID: id, Secret: secret}),
	}
}

func payloadRecord(key membership.EpochKey) messages.Record {
	return messages.Record{
		Bucket: messages.BucketKeys,
		Key:    epochRecordKey(prefixPayload, key.Epoch, key.EpochID),
		Value:  messages.Encode(key),
	}
}

func epochRecordKey(prefix string, epoch messages.Epoch, id messages.EpochID) []byte {
	return append(binary.BigEndian.AppendUint64([]byte(prefix), uint64(epoch)), id[:]...)
}

func factRecord(place messages.Place, fact []byte) messages.Record {
	return messages.Record{Bucket: messages.BucketFacts, Key: place.Key(), Value: fact}
}

func operationRecord(id messages.OperationID, done storedOperation) messages.Record {
	return messages.Record{Bucket: messages.BucketOperations, Key: operationKey(id, done.Until), Value: messages.Encode(done)}
}

func forgottenOperation(id messages.OperationID, until messages.Millis) messages.Record {
	return messages.Record{Bucket: messages.BucketOperations, Key: operationKey(id, until)}
}

// operationKey sorts by time, so that operations are written one behind the
// other.
func operationKey(id messages.OperationID, until messages.Millis) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(until)), id[:]...)
}

func flowRecord(key messages.FlowKey, spent messages.FlowCost) messages.Record {
	b := append([]byte(prefixFlow), key.Peer[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(key.Epoch))
	b = binary.BigEndian.AppendUint32(b, uint32(key.Day))
	return messages.Record{Bucket: messages.BucketCharges, Key: b, Value: messages.Encode(spent)}
}

func leakedRecord(hour messages.Hour, leaked messages.Leakage) messages.Record {
	return messages.Record{
		Bucket: messages.BucketCharges,
		Key:    binary.BigEndian.AppendUint32([]byte(prefixLeaked), uint32(hour)),
		Value:  messages.Encode(leaked),
	}
}

// readCharge reads a record of the charges bucket into the ledger.
func readCharge(record messages.Record, ledger messages.Ledger) error {
	switch key := record.Key; {
	case len(key) == flowKeySize && key[0] == prefixFlow[0]:
		spent, err := messages.Decode[messages.FlowCost](record.Value)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrRecord, err)
		}
		ledger.Flow[messages.FlowKey{
			Peer:  messages.AuthorityID(key[1:33]),
			Epoch: messages.Epoch(binary.BigEndian.Uint64(key[33:])),
			Day:   messages.Day(binary.BigEndian.Uint32(key[41:])),
		}] = spent
	case len(key) == leakedKeySize && key[0] == prefixLeaked[0]:
		leaked, err := messages.Decode[messages.Leakage](record.Value)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrRecord, err)
		}
		ledger.Leaked[messages.Hour(binary.BigEndian.Uint32(key[1:]))] = leaked
	default:
		return fmt.Errorf("%w: charge with key %x", ErrRecord, key)
	}
	return nil
}
