package journal

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// expectSame fails unless a record that was read is the one that is written for
// what it says; one that was refused must have been refused as what it is.
func expectSame(t *testing.T, record messages.Record, err error, written ...messages.Record) {
	t.Helper()
	switch {
	case err != nil && !errors.Is(err, ErrRecord):
		t.Errorf("%x: %v", record.Key, err)
	case err == nil && (len(written) != 1 || !bytes.Equal(written[0].Key, record.Key) || !bytes.Equal(written[0].Value, record.Value)):
		t.Errorf("%x: %x is read, and written as %x", record.Key, record.Value, written)
	}
}

// seedRecords adds what a node keeps in a bucket, and what is nearly that.
func seedRecords(f *testing.F, n *node, bucket messages.Bucket) {
	f.Helper()
	if len(n.disk[bucket]) == 0 {
		f.Fatalf("nothing is kept in %s", bucket)
	}
	for key, value := range n.disk[bucket] {
		f.Add([]byte(key), value)
		f.Add([]byte(key[:len(key)-1]), value)
		f.Add([]byte(key[:len(key)-1]+"x"), value)
		f.Add([]byte(key), value[:len(value)-1])
	}
}

// Whatever stands in a record of the keys is read or refused.
func FuzzKeyRecord(f *testing.F) {
	ana := found(f, 1)
	ana.ask(start, rotation)
	seedRecords(f, ana, messages.BucketKeys)
	seedRecords(f, ana.admit(start, 2), messages.BucketKeys)
	f.Fuzz(func(t *testing.T, key, value []byte) {
		var stored storedKeys
		record := messages.Record{Bucket: messages.BucketKeys, Key: key, Value: value}
		err := stored.read(record)
		var written []messages.Record
		if string(key) == keyFounded {
			written = append(written, foundedRecord(stored.founded))
		}
		for _, s := range stored.secrets {
			written = append(written, secretRecord(s.Epoch, s.EpochID, s.Secret))
		}
		for _, p := range stored.payloads {
			written = append(written, payloadRecord(p))
		}
		expectSame(t, record, err, written...)
	})
}

// Whatever stands in a record of the charges is read or refused.
func FuzzChargeRecord(f *testing.F) {
	ana := found(f, 1)
	ana.do(start.Add(time.Hour), messages.Commit{Charges: []messages.ChargeFlowBudget{
		{Peer: messages.AuthorityID{7}, Cost: 2, Leak: messages.Leakage{External: 1, Neighbor: 2, InGroup: 3}},
	}})
	seedRecords(f, ana, messages.BucketCharges)
	f.Fuzz(func(t *testing.T, key, value []byte) {
		ledger := newBook(Limits{}).now
		record := messages.Record{Bucket: messages.BucketCharges, Key: key, Value: value}
		err := readCharge(record, ledger)
		var written []messages.Record
		for key, spent := range ledger.Flow {
			written = append(written, flowRecord(key, spent))
		}
		for hour, leaked := range ledger.Leaked {
			written = append(written, leakedRecord(hour, leaked))
		}
		expectSame(t, record, err, written...)
	})
}

// Whatever stands in a record of the operations is read or refused.
func FuzzOperationRecord(f *testing.F) {
	ana := found(f, 1)
	ana.note(start, "a note")
	seedRecords(f, ana, messages.BucketOperations)
	f.Fuzz(func(t *testing.T, key, value []byte) {
		done := newOperations()
		record := messages.Record{Bucket: messages.BucketOperations, Key: key, Value: value}
		err := done.load(disk{messages.BucketOperations: {string(key): value}})
		var written []messages.Record
		for id, result := range done.results {
			written = append(written, operationRecord(id, result))
		}
		expectSame(t, record, err, written...)
	})
}
