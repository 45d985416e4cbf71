package store

import (
	"bytes"
	"errors"
	"maps"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/waymeet/waymeet/messages"
)

// SPEC 2.4: "Secrets are dropped and overwritten as far as Go allows". What a
// transaction leaves to the next one, in whatever file, holds nothing of its own.
func TestChangeThatIsOverKeepsNothing(t *testing.T) {
	state, context := Directory(t.TempDir()), messages.ContextID{1}
	if err := state.Create(context, nil); err != nil {
		t.Fatal(err)
	}
	s, err := state.Journal(context)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	secret := bytes.Repeat([]byte{7}, 1<<10)
	var records []messages.Record
	for key := range byte(8) {
		records = append(records, messages.Record{Bucket: messages.BucketKeys, Key: []byte{key}, Value: secret})
	}
	looked := errors.New("looked")
	err = s.file.db.Update(func(tx *bolt.Tx) error {
		c := &change{file: s.file, tallies: maps.Clone(s.file.tallies), reader: newReader(pageFile{})}
		if err := c.run(tx, records); err != nil {
			return err
		}
		kept := make([][]byte, len(records)) // as bbolt looks at them
		for at, record := range records {
			kept[at] = tx.Bucket([]byte(record.Bucket)).Get(record.Key)
		}
		if !bytes.Contains(kept[0], secret) {
			return errors.New("nothing was written")
		}
		c.over()
		for at, value := range kept {
			if bytes.IndexByte(value, secret[0]) >= 0 {
				t.Errorf("record %d is still there", at)
			}
		}
		if c.file != nil || c.tx != nil || c.reader.file != nil {
			t.Error("it holds on to its file")
		}
		return looked
	})
	if !errors.Is(err, looked) {
		t.Error(err)
	}
}
