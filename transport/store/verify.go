package store

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/waymeet/waymeet/messages"
)

// checkHead reads the head once more before a transaction: in a file that was
// damaged or cut short since it was opened, bbolt would go back to an older
// transaction, or fault with its locks held.
func (f *file) checkHead() error {
	_, what, err := readHead(f.handle)
	if errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("%w: %s", ErrClosed, f.path)
	}
	if err == nil && what != "" {
		return &Damage{File: f.path, What: what}
	}
	return err
}

// verify reads everything before bbolt reads anything: whose file it is, every
// page and every record, and whether they are all that were written.
func (f *file) verify(context messages.ContextID) error {
	head, what, err := readHead(f.handle)
	p := pageFile{file: f.handle, path: f.path, head: head}
	if err := cmp.Or(err, p.damage(what)); err != nil {
		return err
	}
	r := newReader(p)
	known, err := r.meta(keySchema)
	if err != nil {
		return err
	}
	if len(known) != 8 || binary.BigEndian.Uint64(known) != schema {
		return &UnknownSchema{File: f.path, Schema: binary.BigEndian.Uint64(append(make([]byte, 8), known...)[len(known):])}
	}
	of, err := r.meta(keyContext)
	if err != nil {
		return err
	}
	if !bytes.Equal(of, context[:]) {
		return &Damage{File: f.path, Bucket: bucketMeta, Key: []byte(keyContext), What: "it is the file of another context"}
	}
	want, err := r.tally()
	if err != nil {
		return err
	}
	if f.tallies, err = checkStructure(p); err != nil {
		return err
	}
	delete(f.tallies, bucketMeta)
	if found := f.tallies.all(); found != want {
		return &Damage{File: f.path, Bucket: bucketMeta, Key: []byte(keyFingerprint), What: missing(found, want)}
	}
	return nil
}

// missing says what is wrong with the records of a set.
func missing(found, want tally) string {
	if found.count == want.count {
		return "the records are not those that were written"
	}
	return fmt.Sprintf("%d records are there, %d were written", found.count, want.count)
}

// meta is a value of the meta bucket.
func (r *reader) meta(key string) ([]byte, error) {
	value, err := r.get(bucketMeta, []byte(key))
	if value == nil && err == nil {
		err = &Damage{File: r.path, Bucket: bucketMeta, Key: []byte(key), What: "it is missing"}
	}
	return value, err
}

func (r *reader) tally() (tally, error) {
	count, err := r.meta(keyCount)
	if err != nil {
		return tally{}, err
	}
	fingerprint, err := r.meta(keyFingerprint)
	if err != nil {
		return tally{}, err
	}
	t, ok := readTally(count, fingerprint)
	if !ok {
		return tally{}, &Damage{File: r.path, Bucket: bucketMeta, Key: []byte(keyCount), What: "it has another length"}
	}
	return t, nil
}
