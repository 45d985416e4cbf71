package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	"github.com/waymeet/waymeet/messages"
)

// schema is the version of the format:
//
//	bucket meta   schema 8 · context 32 · count 8 · fingerprint 32
//	every record  value ‖ SHA-256(bucket ‖ 0 ‖ key length 4 ‖ key ‖ value)[:8]
//
// count and fingerprint are over all records of all buckets but meta, so that
// a record that is missing is seen, too.
const schema = 2

const sumSize = 8

// What describes the database itself.
const (
	bucketMeta messages.Bucket = "meta"

	keySchema      = "schema"
	keyContext     = "context"
	keyCount       = "count"
	keyFingerprint = "fingerprint"
)

// recordSum is the hash of a record.
type recordSum [sha256.Size]byte

// recordHash is the hash over bucket, key and value: its head is the record's
// checksum, the whole of it the record's share of the fingerprint.
func recordHash(bucket messages.Bucket, key, value []byte) recordSum {
	h := sha256.New()
	h.Write([]byte(bucket))
	h.Write(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(key))))
	h.Write(key)
	h.Write(value)
	var sum recordSum
	h.Sum(sum[:0])
	return sum
}

// seal appends a value as it stands on disk. The hash is that of the record.
func seal(to []byte, bucket messages.Bucket, key, value []byte) (stored []byte, hash recordSum) {
	hash = recordHash(bucket, key, value)
	return append(append(to, value...), hash[:sumSize]...), hash
}

// sealedSize is the most that the values of the records take on disk, in bytes.
func sealedSize(records []messages.Record) int {
	size := 0
	for _, record := range records {
		size += len(record.Value) + sumSize
	}
	return size
}

// check compares a value from disk with its checksum. What is wrong with it is
// empty if nothing is.
func check(bucket messages.Bucket, key, stored []byte) (hash recordSum, what string) {
	if len(stored) < sumSize {
		return hash, "the record is too short"
	}
	value, sum := stored[:len(stored)-sumSize], stored[len(stored)-sumSize:]
	hash = recordHash(bucket, key, value)
	if !bytes.Equal(hash[:sumSize], sum) {
		return hash, "its checksum does not match"
	}
	return hash, ""
}

// unseal copies the value out of a record that was checked.
func unseal(stored []byte) []byte { return append([]byte{}, stored[:len(stored)-sumSize]...) }
